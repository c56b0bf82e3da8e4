"""Digests of small results, to compare two states of the source tree.

    python -m benchmarks.bit_equality > after.txt
    PYTHONPATH=OTHER_TREE python -P benchmarks/bit_equality.py > before.txt
    diff before.txt after.txt

A change of layout or of names must leave every line as it is. Each case takes seconds
and uses public names alone, so that the script runs in trees of other versions. Digests
differ between machines and versions of numpy; compare on one machine.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

ADDED = {
    "ground_heat", "latent_heat", "skin_temperature", "soil_water", "soil_water_top",
    "effect", "effect_conf", "n_used",
}  # fmt: skip
DAYS = pd.date_range("2001-01-01", periods=3 * 365, freq="D")


def digest(*arrays: Any) -> str:
    """Return the first 16 digits of the SHA-256 of arrays, NaN and all."""
    sha = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(np.asarray(array, float))
        sha.update(repr(values.shape).encode() + values.tobytes())
    return sha.hexdigest()[:16]


def digest_of(data: xr.Dataset) -> str:
    """Return the digest of a Dataset's variables, in the order of their names.

    Those that were added later than revision 2c0851c are left out: a further variable
    changes no number.
    """
    names = sorted({str(name) for name in data.data_vars} - ADDED)
    return digest(*(data[name] for name in names))


def light_response(theta: Any) -> xr.Dataset:
    """Two series of three parameters, over (sample, time)."""
    day = np.arange(DAYS.size)
    sun = 9.0 - 6.0 * np.cos(2.0 * np.pi * day / 365.0)
    use, half, mass = (
        np.atleast_1d(np.asarray(theta[name], float))[:, None]
        for name in ("use", "half", "mass")
    )
    gpp = use * sun / (1.0 + sun / half)
    lai = 2.0 + 100.0 * gpp / mass / (1.0 + 0.1 * sun)
    return xr.Dataset(
        {
            "gpp": (("sample", "time"), gpp, {"units": "g m-2 d-1"}),
            "lai": (("sample", "time"), lai, {"units": "1"}),
        },
        coords={"time": DAYS},
    )


def observed(*, with_errors: bool = True) -> xr.Dataset:
    """Eight-day values of the model at known parameters, with noise."""
    rng = np.random.default_rng(11)
    truth = {"use": 0.9, "half": 14.0, "mass": 80.0}
    found = light_response(truth).isel(sample=0, drop=True)
    starts = np.concatenate([365 * year + np.arange(0, 365, 8) for year in range(3)])
    data = {}
    for name, sd in (("gpp", 0.5), ("lai", 0.25)):
        units = {"units": found[name].attrs["units"]}
        values = found[name].to_numpy()[starts]
        data[name] = ("time", values + sd * rng.standard_normal(starts.size), units)
        if with_errors:
            data[f"{name}_sd"] = ("time", np.full(starts.size, sd), units)
    return xr.Dataset(data, coords={"time": DAYS[starts]})


def priors() -> Any:
    """Uniform priors of the three parameters."""
    import masm

    return masm.Priors(
        {
            "use": masm.Uniform(0.2, 2.0),
            "half": masm.Uniform(4.0, 40.0),
            "mass": masm.Uniform(20.0, 200.0),
        }
    )


def calibrated(**options: Any) -> str:
    """Return the digest of a calibration's draws."""
    import masm

    given: dict[str, Any] = {"observations": observed(), "seed": [3, 5], **options}
    return digest_of(masm.calibrate(light_response, priors=priors(), **given).posterior)


def blocks() -> str:
    """Return the digest of a calibration in two stages."""
    import masm

    stages = [masm.Block(["gpp"], ["use", "half"]), masm.Block(["lai"], ["mass"])]
    return calibrated(blocks=stages, max_runs=60)


def cost() -> str:
    """Return the digest of draws on a scalar cost."""
    import masm

    def function(theta: Any) -> Any:
        u = np.stack([theta["use"] - 0.9, (theta["half"] - 14.0) / 9.0], axis=-1)
        return (
            np.sum((u / [0.2, 0.4]) ** 2, axis=-1) + (theta["mass"] - 80.0) ** 2 / 900
        )

    return digest_of(
        masm.sample_cost(function, priors=priors(), seed=4, max_runs=60).posterior
    )


def screening() -> str:
    """Return the digest of Morris effects."""
    import masm

    return digest_of(
        masm.screen(
            light_response, priors(), seed=5, observations=observed(), n_trajectories=6
        )
    )


def simulated(seed: int, **parameters: float) -> Callable[[], str]:
    """Return a case: the process model on made-up weather."""

    def run() -> str:
        import ibis_dalec

        try:
            from landdata import generate_weather, harvard_normals
        except ImportError:  # before the layout by subject
            from ibis_dalec.inputs import generate_weather, harvard_normals
        weather = generate_weather(
            harvard_normals(), (2001, 2002), np.random.default_rng(seed)
        )
        return digest_of(ibis_dalec.simulate(weather, parameters, spinup_cycles=1))

    return run


CASES: dict[str, Callable[[], str]] = {
    "simulate, defaults": simulated(1),
    "simulate, other leaves": simulated(2, p18=60.0, vmax=7e-5),
    "simulate, other turnover": simulated(3, p5=0.004, p14=0.5),
    "sample_cost": cost,
    "calibrate, emulator": lambda: calibrated(max_runs=60),
    "calibrate, published": lambda: calibrated(
        method="published", n_iterations=3, n_steps=500, n_draws=2000,
        n_initial_per_parameter=6),
    "calibrate, blocks": blocks,
    "calibrate, sampled variance": lambda: calibrated(
        observations=observed(with_errors=False), variance="sampled", max_runs=60),
    "screen": screening,
}  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--case", choices=CASES, action="append")
    asked = parser.parse_args()
    for name in asked.case or CASES:
        print(f"{name}: {CASES[name]()}", flush=True)


if __name__ == "__main__":
    main()
