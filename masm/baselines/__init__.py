"""Well-known methods on the same problems, to compare with.

Each module has ``sample(problem, seed, **options) -> Outcome`` and is reached by name:
``masm.calibrate(..., method="demc")`` or ``masm.sample_cost(..., method="demc")``.
All of them run the model itself: runs are batched through the same runner, counted in
the same way, kept to the bounds and constraints, and failed ones are survived.

========================= ================= ============================================
method                    gives             as in
========================= ================= ============================================
``metropolis``            posterior draws   adaptive Metropolis chains
``demc``                  posterior draws   DE-MC(Z) with snooker moves
``importance``            posterior draws   adaptive multiple importance sampling
``nelder_mead``           the best point    multi-start simplex search
``lbfgsb``                the best point    multi-start quasi-Newton, finite differences
``differential_evolution`` the best point   a genetic search of a population
``history_matching``      what is left over waves of implausibility
========================= ================= ============================================

The methods that give no posterior do not pretend to: their results have the status
``"suspect"`` with the reason ``"no_posterior"`` whatever they found. The draws of an
optimiser are one point, its standard deviations and quantiles NaN. The draws of
history matching cover evenly what the runs have not ruled out.
"""
