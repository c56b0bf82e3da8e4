"""What moving one block of parameters at a time costs the chains of a joint posterior.

    python -m benchmarks.proposals --target dalec6 --variant 0 --seed 1

One calibration is made in the default mode; then five kinds of chains sample the
density of its final emulator: paths along the gradient (the default), the same with
margins as they are, blocks of parameters in turn, each parameter in turn, and
differential evolution of all together. Reported are CPU
seconds, split R-hat and the bulk effective sample size of the worst parameter, what
a second buys of it, and how far the marginals are from those of long chains along the
gradient, as a total variation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from benchmarks.metrics import distance
from benchmarks.targets import TARGETS, as_dataset, make

#: What GPP alone would be calibrated on, and the rest, of the carbon model.
UPTAKE = ("light_use", "vpd_slope")
N_CHAINS = 80


def _problem(name: str, variant: int):  # type: ignore[no-untyped-def]
    from masm.likelihood.gaussian import GaussianLikelihood
    from masm.observations.dataset import as_streams
    from masm.problem.priors import as_priors
    from masm.problem.problem import Problem
    from masm.runners.series_runner import ModelRunner

    target = make(name, variant)
    if target.model is None:
        raise SystemExit(f"{name} has no series")
    model = target.model
    streams = as_streams(target.observations())
    likelihood = GaussianLikelihood(tuple(s.aggregate() for s in streams.values()))
    runner = ModelRunner(
        lambda theta: as_dataset(model(theta)),
        likelihood.observed,
        observed_time={name: s.time for name, s in streams.items()},
    )
    priors = as_priors(target.priors)
    return Problem(priors, priors.names, runner, likelihood)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="dalec6", choices=TARGETS)
    parser.add_argument("--variant", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=250, help="kept of each chain")
    parser.add_argument("--thin", type=int, default=4, help="of blocks and evolution")
    asked = parser.parse_args()

    from masm.methods.adaptive.loop import sample
    from masm.problem.seeds import seed_sequence
    from masm.samplers.chains import Chains
    from masm.samplers.diagnostics import convergence
    from masm.samplers.ensemble import ensemble_chains
    from masm.samplers.hamiltonian import hamiltonian_chains
    from masm.samplers.metropolis_within_gibbs import block_chains
    from masm.samplers.tempering import tempered_population
    from masm.surrogates.series import SeriesEmulator

    problem = _problem(asked.target, asked.variant)
    runs = sample(problem, seed_sequence(asked.seed), n_draws=10).runs
    emulator = SeriesEmulator(problem.likelihood, problem.n_parameters)
    emulator.refit(runs, np.random.default_rng(1))
    density = emulator.log_density
    starts = tempered_population(
        density, problem.n_parameters, rng=np.random.default_rng(2), n_particles=512
    )
    emulator.simplify(starts)
    approximation = emulator.approximate(starts)
    assert approximation is not None
    density = emulator.snapshot()
    names = problem.active
    blocks = [
        [j for j, name in enumerate(names) if (name in UPTAKE) == first]
        for first in (True, False)
    ]
    steps, thin = asked.steps, asked.thin

    def gradient(n_steps: int = steps, normal_margins: bool = True) -> Chains:
        return hamiltonian_chains(
            density, approximation, starts, rng=np.random.default_rng(3),
            n_chains=N_CHAINS, n_steps=n_steps, n_burn=80,
            normal_margins=normal_margins,
        )  # fmt: skip

    def as_they_are() -> Chains:
        return gradient(normal_margins=False)

    def in_blocks() -> Chains:
        return block_chains(
            density, starts, blocks, rng=np.random.default_rng(3),
            n_chains=N_CHAINS, n_steps=steps, n_burn=150, thin=thin,
        )  # fmt: skip

    def singly() -> Chains:
        return block_chains(
            density, starts, [[j] for j in range(len(names))],
            rng=np.random.default_rng(3),
            n_chains=N_CHAINS, n_steps=steps, n_burn=150, thin=thin,
        )  # fmt: skip

    def evolution() -> Chains:
        return ensemble_chains(
            density, starts[:N_CHAINS], rng=np.random.default_rng(3),
            n_steps=steps, n_burn=150, thin=thin,
        )  # fmt: skip

    kinds: dict[str, Callable[[], Chains]] = {
        "along the gradient": gradient,
        "the same, margins as they are": as_they_are,
        "two blocks in turn": in_blocks,
        "each parameter in turn": singly,
        "differential evolution": evolution,
    }
    reference = gradient(6 * steps).pooled
    print("| chains | CPU s | R-hat | bulk ESS | ESS per CPU s | MMTV |")
    print("|---|---|---|---|---|---|")
    for label, run in kinds.items():
        start = time.process_time()
        chains = run()
        seconds = time.process_time() - start
        found = convergence(chains.u)
        least = float(found["ess_bulk"].min())
        apart = distance(chains.pooled, reference).mmtv
        print(
            f"| {label} | {seconds:.1f} | {found['r_hat'].max():.2f} | {least:.0f} "
            f"| {least / seconds:.0f} | {apart:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
