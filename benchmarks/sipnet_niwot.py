"""SIPNET at Niwot Ridge: half-daily NEE calibrated with few model runs.

``python -m benchmarks.sipnet_niwot DATA`` with the folder that holds
``niwot_forcing.csv.gz`` and ``niwot_halfdaily_observations.csv.gz`` (the tower's fluxes
on the steps of the forcing). Nineteen parameters are calibrated on the measured steps
of 1999 to 2002 and judged on those of 2003 to 2005, by the Nash-Sutcliffe efficiency.
Runs whose plant dies count as failed, so that none of them can be the best.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import xarray as xr

import masm
from landmodels import sipnet
from landmodels.sipnet.tables import read_table

#: Fraction of a step that must have been measured.
MEASURED = 0.5
CALIBRATION, VALIDATION = (1999, 2002), (2003, 2005)
#: Published search by differential evolution: runs, efficiency in both periods.
YARDSTICKS = ((3420, 0.83, 0.74), (28690, 0.86, 0.80))


def priors() -> dict[str, tuple[float, float]]:
    """Uniform ranges of the parameters that the published search calibrates."""
    table = sipnet.parameter_table()
    chosen = table[table["calibrated"] == "yes"]
    ranges = {
        str(name): (float(row["niwot_min"]), float(row["niwot_max"]))
        for name, row in chosen.iterrows()
    }
    # With wood and fine roots at 0.2 and 0.4 the fractions must stay below 1.
    return ranges | {"leafAllocation": (0.0, 0.38)}


def read_site(folder: Path) -> tuple[xr.Dataset, xr.DataArray]:
    """Drivers, and the measured NEE of the same steps (NaN elsewhere)."""
    forcing = sipnet.read_driver_table(folder / "niwot_forcing.csv.gz")
    path = folder / "niwot_halfdaily_observations.csv.gz"
    table = read_table(path, "half-daily observations")
    same = np.isclose(table["time"], forcing["hour"]) & (table["day"] == forcing["day"])
    assert len(table) == forcing.sizes["time"]
    assert same.all()
    nee = table["nee"].where(table["nee_valid"] >= MEASURED).to_numpy()
    return forcing, xr.DataArray(
        nee, coords={"time": forcing["time"]}, dims="time", attrs={"units": "g m-2"}
    )


def within(series: xr.DataArray, years: tuple[int, int]) -> xr.DataArray:
    """The steps of some years; the rest is NaN."""
    year = series["time"].dt.year
    return series.where((year >= years[0]) & (year <= years[1]))


def efficiency(simulated: xr.DataArray, observed: xr.DataArray) -> float:
    """Nash-Sutcliffe efficiency over the steps that have an observation."""
    known = observed.notnull()
    residual = (simulated - observed).where(known)
    spread = (observed - observed.mean()).where(known)
    return float(1.0 - (residual**2).sum() / (spread**2).sum())


def main() -> None:
    """Calibrate, and print efficiencies and costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sipnet_niwot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-runs", type=int, default=350)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    forcing, nee = read_site(arguments.folder)
    calibrated, validated = within(nee, CALIBRATION), within(nee, VALIDATION)

    def model(theta) -> xr.Dataset:
        return sipnet.simulate_batch(
            forcing, dict(theta), outputs=["nee"], dead_runs="nan",
            inconsistent_parameters="nan",
        )[["nee"]]  # fmt: skip

    def scores(parameters) -> tuple[float, float]:
        run = sipnet.simulate(forcing, dict(parameters), outputs=["nee"])
        return efficiency(run["nee"], calibrated), efficiency(run["nee"], validated)

    print(f"bundled values: {scores({})}")
    for seed in arguments.seed:
        start = time.process_time()
        result = masm.calibrate(
            model, xr.Dataset({"nee": calibrated.dropna("time")}), priors(),
            seed=seed, windows=None, max_runs=arguments.max_runs,
        )  # fmt: skip
        seconds = time.process_time() - start
        print(
            f"seed {seed}: {result.n_model_runs} runs, {result.n_failed_runs} failed, "
            f"{seconds:.0f} s of CPU, {result.status}"
        )
        for name, values in (("best", result.best), ("mean", result.mean)):
            nse = scores(values)
            print(
                f"  {name} run: NSE {nse[0]:.3f} calibration, {nse[1]:.3f} validation"
            )
    for runs, first, second in YARDSTICKS:
        print(
            f"published, {runs} runs: {first:.2f} calibration, {second:.2f} validation"
        )


if __name__ == "__main__":
    main()
