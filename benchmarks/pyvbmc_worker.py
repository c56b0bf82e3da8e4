"""One PyVBMC run on one target, inside PyVBMC's own environment.

Called by `benchmarks.surrogate`: name variant seed max_runs output.npz.
"""

import sys
import time

import numpy as np
from pyvbmc import VBMC

from benchmarks.targets import make

name, variant, seed, budget, out = sys.argv[1:]
target = make(name, int(variant))
rng = np.random.default_rng(int(seed))
np.random.seed(int(seed))  # noqa: NPY002 - PyVBMC draws from the global generator
low, high = target.bounds
width = high - low
vbmc = VBMC(
    lambda x: float(-0.5 * target.cost(np.atleast_2d(x))[0]),
    low + width * rng.uniform(0.3, 0.7, len(low)),
    low,
    high,
    low + 0.1 * width,
    high - 0.1 * width,
    options={"max_fun_evals": int(budget), "display": "off"},
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
