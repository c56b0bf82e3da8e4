"""One PyVBMC run on one target, inside PyVBMC's own environment.

Called by `benchmarks.surrogate`: name variant seed max_runs output.npz. PyVBMC is set
up as its documentation advises where nothing is known but a uniform prior: plausible
bounds at the prior's 16th and 84th percentiles, a start drawn from the box between
them, the prior given beside the likelihood, and options at their defaults. With
max_runs 0 its own default budget of 50 (d + 2) stands.
"""

import sys
import time

import numpy as np
from pyvbmc import VBMC
from pyvbmc.priors import UniformBox

from benchmarks.targets import make

name, variant, seed, budget, out = sys.argv[1:]
target = make(name, int(variant))
low, high = target.bounds
plausible_low = low + 0.16 * (high - low)
plausible_high = high - 0.16 * (high - low)
options = {"display": "off", "show_tips": False}
if int(budget):
    options["max_fun_evals"] = int(budget)
vbmc = VBMC(
    lambda x: float(-0.5 * target.cost(np.atleast_2d(x))[0]),
    np.random.default_rng(int(seed)).uniform(plausible_low, plausible_high),
    low,
    high,
    plausible_low,
    plausible_high,
    options=options,
    prior=UniformBox(low, high),
    seed=int(seed),
)
start = time.process_time()
posterior, info = vbmc.optimize()
cpu = time.process_time() - start
draws, _ = posterior.sample(50_000)
np.savez(
    out,
    draws=draws,
    runs=info["func_count"],
    cpu=cpu,
    stable=info["convergence_status"] == "probable",
)
