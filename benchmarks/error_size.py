"""Whether intervals cover when the noise is larger than stated, and its size is found.

    python -m benchmarks.error_size --truths 12 --factor 3

A growing season of three parameters is observed as GPP and LAI. True parameters are
drawn from the prior; the noise of GPP is ``factor`` times what is stated, that of LAI
as stated. Each twin is calibrated with the error ``given`` and ``sampled``, and counted
is how often 90 % intervals hold the truth, over parameters, and the factors.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

PRIORS = {"peak": (2.0, 20.0), "width": (20.0, 120.0), "centre": (120.0, 240.0)}
SD = {"gpp": 1.0, "lai": 0.4}
DAY = np.arange(4.0, 365.0, 8.0)


def season(theta: Any) -> dict[str, np.ndarray]:
    """GPP and LAI of 8-day windows, (sample, window)."""
    peak, width, centre = (theta[name][:, None] for name in PRIORS)
    shape = np.exp(-0.5 * ((DAY - centre) / width) ** 2)
    return {"gpp": peak * shape, "lai": 5.0 * np.sqrt(shape)}


def twin(seed: int, factor: float) -> tuple[dict[str, Any], dict[str, float]]:
    """Observed streams and the parameters that made them."""
    import masm

    rng = np.random.default_rng([seed, 4])
    truth = {name: rng.uniform(*bounds) for name, bounds in PRIORS.items()}
    made = season({name: np.array([value]) for name, value in truth.items()})
    streams = {}
    for name, sd in SD.items():
        noise = (factor if name == "gpp" else 1.0) * sd * rng.standard_normal(DAY.size)
        streams[name] = masm.Stream(
            name, DAY, made[name][0] + noise, windows=None,
            given=np.full(DAY.size, sd**2), variance=masm.GivenVariance(),
        )  # fmt: skip
    return streams, truth


def main() -> None:
    """Command line."""
    import masm

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truths", type=int, default=12)
    parser.add_argument("--factor", type=float, default=3.0)
    parser.add_argument("--first", type=int, default=0, help="seed of the first truth")
    asked = parser.parse_args()
    held: dict[str, list[bool]] = {"given": [], "sampled": []}
    scales: dict[str, list[tuple[float, bool]]] = {name: [] for name in SD}
    for seed in range(asked.first, asked.first + asked.truths):
        streams, truth = twin(seed, asked.factor)
        for rule, inside in held.items():
            result = masm.calibrate(
                season, streams, PRIORS, seed=seed, variance=rule, max_runs=60
            )
            table = result.summary()
            inside.extend(
                bool(table.loc[name, "q05"] < value < table.loc[name, "q95"])
                for name, value in truth.items()
            )
            for name, row in result.summary_of_errors().iterrows():
                true = asked.factor if name == "gpp" else 1.0
                scales[str(name)].append(
                    (float(row["mean"]), bool(row["q05"] < true < row["q95"]))
                )
        print(
            f"{seed}: {result.status}",
            *(f"{rule} {sum(v)} of {len(v)}" for rule, v in held.items()),
            *(f"{name} {pairs[-1][0]:.2f}" for name, pairs in scales.items()),
            flush=True,
        )
    print("| errors | truths in 90 % intervals |\n|---|---|")
    for rule, inside in held.items():
        print(f"| {rule} | {sum(inside)} of {len(inside)} |")
    print(
        "\n| stream | mean factor found | true ones in 90 % intervals |\n|---|---|---|"
    )
    for name, pairs in scales.items():
        values, inside = zip(*pairs, strict=True)
        print(f"| {name} | {np.mean(values):.2f} | {sum(inside)} of {len(inside)} |")


if __name__ == "__main__":
    main()
