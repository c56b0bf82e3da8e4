"""Speed and memory of DALEC-BETHY: 13 years, hourly, one tile.

``python -m benchmarks.dalec_bethy_speed`` prints the CPU time of a forward run, of the
reverse sweep, and of a cost with its gradient, each the shortest of several, and the
memory that drivers and a gradient hold. Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from benchmarks.dalec_bethy_weather import place_drivers
from landmodels.dalec_bethy import warm_up
from landmodels.dalec_bethy.parameters import fixed_of, priors_of
from landmodels.dalec_bethy.tile import Run, Tile, start_state

#: What is wanted: seconds forward, gradient over forward, megabytes.
FORWARD, RATIO, MEMORY = 0.1, 4.0, 50.0


def shortest(function: Callable[[], object], n: int) -> float:
    """Shortest CPU time (s) of several calls."""
    times = []
    for _ in range(n):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dalec_bethy_speed")
    parser.add_argument("--years", type=int, default=13)
    parser.add_argument("--type", default="TmSg")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    warm_up()
    tracemalloc.start()
    drivers = place_drivers("temperate", arguments.years, 1)
    tracemalloc.reset_peak()
    tile = Tile(drivers, *fixed_of(arguments.type))
    prior = np.array([c.prior for c in priors_of(arguments.type)])
    state = start_state(prior[17:])
    run = tile.run(prior[:17], state)
    cotangent = Run.zeros(drivers.n_days)
    cotangent.daily[:] = 1.0
    tile.adjoint(prior[:17], run.states, cotangent)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()

    def gradient() -> None:
        values = tile.run(prior[:17], state)
        seed = Run.zeros(drivers.n_days)
        seed.daily[:] = values.daily
        tile.adjoint(prior[:17], values.states, seed)

    forward = shortest(lambda: tile.run(prior[:17], state), arguments.repeats)
    slope = shortest(
        lambda: tile.tangent(prior[:17], state, prior[:17], state), arguments.repeats
    )
    reverse = shortest(
        lambda: tile.adjoint(prior[:17], run.states, cotangent), arguments.repeats
    )
    both = shortest(gradient, arguments.repeats)
    print(f"{arguments.years} years, hourly, one tile ({arguments.type}); CPU seconds")
    print(f"forward               {forward:.4f}  (at most {FORWARD})")
    print(f"tangent               {slope:.4f}  ({slope / forward:.2f} x forward)")
    print(f"adjoint alone         {reverse:.4f}  ({reverse / forward:.2f} x forward)")
    print(
        f"value and gradient    {both:.4f}  ({both / forward:.2f} x forward, "
        f"at most {RATIO})"
    )
    print(f"memory                {peak:.1f} MB  (at most {MEMORY:.0f})")
    # The bars are for 13 years.
    scale = arguments.years / 13.0
    good = (
        forward <= FORWARD * scale
        and both <= RATIO * forward
        and peak <= MEMORY * max(scale, 1.0)
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
