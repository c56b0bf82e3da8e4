"""Process models beside IBIS-DALEC, one package each.

Every model has a parameter table, a ``simulate`` and a ``simulate_batch`` that take
and return labelled arrays, and gives its whole state back for an exact restart.
"""
