"""Well-known methods on the same problems, to compare with.

Each module has ``sample(problem, seed, **options) -> Outcome`` and is reached by name:
``masm.calibrate(..., method="demc")`` or ``masm.sample_cost(..., method="demc")``.
All of them run the model itself: runs are batched through the same runner, counted in
the same way, kept to the bounds and constraints, and failed ones are survived.

These give posterior draws:

`metropolis`
    Adaptive Metropolis chains.
`demc`
    DE-MC(Z): differential evolution Markov chains with snooker moves.
`importance`
    Adaptive multiple importance sampling.

These do not:

`nelder_mead`
    Simplex searches from several starts: the best point.
`lbfgsb`
    Quasi-Newton searches with finite differences from several starts: the best point.
`differential_evolution`
    A genetic search of a population: the best point.
`history_matching`
    Waves of implausibility: what the observations do not rule out.

The methods that give no posterior do not pretend to: their results have the status
``"suspect"`` with the reason ``"no_posterior"`` whatever they found. The draws of an
optimiser are one point, its standard deviations and quantiles NaN. The draws of
history matching cover evenly what the runs have not ruled out.
"""
