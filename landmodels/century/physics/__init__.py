"""The compiled equations of the model; everything in this folder is in its digest.

Section numbers in the docstrings are those of the model description in
``docs/models/century.md``.
"""
