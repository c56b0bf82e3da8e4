"""Leaf area of real forest pixels from mapped parameters, at pixels that were left out.

A block of MODIS LAI pixels (500 m) over the Coweeta forest. Some pixels are calibrated
on their leaf area of 2010. Boosted trees map their parameters, and leaf area of 2010
and 2011 is predicted at all other pixels. Weather is one Daymet pixel's, 35 km to the
west, since the block has none of its own for all years. So pixels differ in their
parameters alone.

    python -m benchmarks.coweeta RUN [--pixels 40] [--seed 1] [--data FOLDER]

Rows of the table are predictions at the pixels left out: `default`, `mean` (of the
calibrated pixels' posterior means), `ensemble` (mean of runs over their draws),
`mapped` (by trees on place, height and land cover), `observed mean` (mean LAI of the
calibrated pixels at each date, no model) and `nearest` (LAI of the nearest of them).
The last two see the year 2011, which the others do not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import landdata as inputs
import masm
from ibis_dalec import parameter_table, simulate_batch
from jobs.cli.calibrate import calibrate_run
from jobs.cli.status import collect_run
from upscale import ParameterRegressor

DATA = Path(__file__).parents[1].parent / "shared" / "data"
NAMES = ("p5", "p14", "p15", "p17", "p18", "p20", "vmax")
COVARIATES = (
    *("latitude", "longitude", "elevation"),
    *("nlcd2021_deciduous", "nlcd2021_mixed", "nlcd2021_evergreen"),
)
_HEIGHT, _SAND, _CLAY = 900.0, 45.0, 15.0  # m, %, %: of the block and assumed
_CONFIG = """\
name: Coweeta, {n} pixels, seed {seed}
seed: {seed}
pixels: {{source: table, table: places.csv, forcing: "forcing/{{id}}.nc",
  observations: "lai/{{id}}.nc"}}
periods: {{spinup: 2009, calibration: 2010, validation: 2011}}
model: {{spinup_cycles: 5}}
streams: {{lai: {{variance: {{fraction: 0.2, floor: 0.4}}}}}}
calibration:
  method: emulator
  blocks: [{{streams: [lai], parameters: [{names}]}}]
execution: {{executor: local, workers: 1}}
"""


def read_block(data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the pixels, and their leaf area (pixel, composite) without clouds."""
    folder = data / "real_sites" / "coweeta"
    pixels = pd.read_csv(folder / "pixels.csv", index_col="pixel")
    lai = pd.read_csv(folder / "lai_4day.csv", index_col="pixel")
    lai.columns = pd.DatetimeIndex(lai.columns)
    return pixels, without_clouds(lai.loc[pixels.index, lai.columns.year >= 2010])


def without_clouds(lai: pd.DataFrame) -> pd.DataFrame:
    """Leave out summer values far below what the pixel has within twelve days.

    The set has no quality flags, and two years are few for a percentile of one date.
    """
    time = {"time": lai.columns}
    kept = [
        inputs.drop_low_summer_lai(
            xr.DataArray(values, time, "time"), within_days=12
        ).values
        for values in lai.to_numpy(dtype=float)
    ]
    return pd.DataFrame(kept, lai.index, lai.columns)


def weather(data: Path) -> xr.Dataset:
    """Daymet at Joyce Kilmer, 2009 to 2011, with derived light and usual wind."""
    table = data / "products" / "daymet_phenocam_deciduous_daily.csv.gz"
    record = inputs.read_daymet_table(table, "joycekilmer", drop_inverted=True)
    lat = 35.06
    record = inputs.with_estimated_shortwave(record, lat=lat, elevation=_HEIGHT)
    wind = inputs.usual_wind(inputs.harvard_normals(), record["time"].to_numpy())
    return inputs.assemble_forcing(
        [record, wind], lat=lat, elevation=_HEIGHT, sand=_SAND, clay=_CLAY,
        years=(2009, 2011),
    )  # fmt: skip


def write_run(
    path: Path, data: Path, pixels: pd.DataFrame, lai: pd.DataFrame, seed: int
) -> None:
    """Write a run folder of these pixels."""
    (path / "lai").mkdir(parents=True, exist_ok=True)
    (path / "forcing").mkdir(exist_ok=True)
    forcing = weather(data)
    for pixel, values in lai.iterrows():
        forcing.to_netcdf(path / "forcing" / f"{pixel}.nc", engine="h5netcdf")
        one = xr.Dataset({"lai": ("time", values.to_numpy())}, {"time": lai.columns})
        one["lai"].attrs = {"units": "m2 m-2", "time_coverage_resolution": "P4D"}
        one.to_netcdf(path / "lai" / f"{pixel}.nc", engine="h5netcdf")
    places = pixels[["latitude", "longitude"]].assign(
        elevation=_HEIGHT, sand=_SAND, clay=_CLAY
    )
    places.insert(0, "name", [f"pixel {one}" for one in places.index])
    places.rename_axis("id").to_csv(path / "places.csv")
    text = _CONFIG.format(n=len(pixels), seed=seed, names=", ".join(NAMES))
    (path / "config.yaml").write_text(text)


def simulate(forcing: xr.Dataset, theta: pd.DataFrame, lai: pd.DataFrame) -> np.ndarray:
    """Mean leaf area over each composite's four days, (sample, composite)."""

    def number(dates: pd.DatetimeIndex) -> np.ndarray:
        return np.asarray(1000 * dates.year + (dates.day_of_year - 1) // 4)

    known = {one: k for k, one in enumerate(number(lai.columns))}
    days = number(forcing.indexes["time"])
    window = np.array([known.get(one, -1) for one in days])
    given = {name: values.to_numpy() for name, values in theta.items()}
    ran = simulate_batch(
        forcing, given, spinup_cycles=5, outputs=["lai"], window=window
    )
    return np.asarray(ran["lai"])


def predictions(
    path: Path, pixels: pd.DataFrame, lai: pd.DataFrame, chosen: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Leaf area at all pixels, (pixel, composite), by each way of predicting."""
    found = masm.open_run(path).posteriors
    done = np.isin(chosen, found["pixel"].to_numpy())
    table = found["mean"].to_pandas().loc[chosen[done], list(NAMES)]
    one = path / "forcing" / f"{chosen[0]}.nc"
    with xr.open_dataset(one, engine="h5netcdf") as opened:
        forcing = opened.load()
    rng = np.random.default_rng([seed, 1])
    draws = pd.DataFrame(
        {name: found[name].to_numpy().reshape(found.sizes["pixel"], -1).ravel()
         for name in NAMES}
    ).dropna()  # fmt: skip
    drawn = draws.iloc[rng.choice(len(draws), 200, replace=False)]
    mapper = ParameterRegressor(random_state=seed)
    mapper.fit(pixels.loc[table.index, list(COVARIATES)], table)
    mapped = pd.DataFrame(mapper.predict(pixels[list(COVARIATES)]), columns=list(NAMES))
    theirs = lai.loc[chosen]
    place = pixels[["latitude", "longitude"]] * [1.0, np.cos(np.radians(35.06))]
    apart = np.linalg.norm(
        place.to_numpy()[:, None] - place.loc[chosen].to_numpy()[None], axis=2
    )
    usual = parameter_table().loc[list(NAMES), "default"].to_frame().T
    all_alike = np.ones((len(pixels), 1))
    nearest = theirs.to_numpy()[apart.argmin(axis=1)]
    return {
        "default": all_alike * simulate(forcing, usual, lai),
        "mean": all_alike * simulate(forcing, table.mean().to_frame().T, lai),
        "ensemble": all_alike * simulate(forcing, drawn, lai).mean(axis=0),
        "mapped": simulate(forcing, mapped, lai),
        "observed mean": all_alike * theirs.mean().to_numpy(),
        "nearest": np.where(np.isfinite(nearest), nearest, theirs.mean().to_numpy()),
    }


def scores(
    found: dict[str, np.ndarray], lai: pd.DataFrame, left_out: np.ndarray
) -> pd.DataFrame:
    """RMSE of pixels left out by year, mean over pixels; how often `mean` is beaten."""
    parts = {}
    for year in (2010, 2011):
        dates = lai.columns.year == year
        truth = lai.to_numpy()[left_out][:, dates]
        rmse = pd.DataFrame(
            {name: np.sqrt(np.nanmean((v[left_out][:, dates] - truth) ** 2, axis=1))
             for name, v in found.items()}
        )  # fmt: skip
        parts[year, "RMSE, m2 m-2"] = rmse.mean()
        parts[year, "better than mean"] = rmse.lt(rmse["mean"], axis=0).mean()
    return pd.DataFrame(parts)


def main() -> None:
    """Calibrate a sample, map, and score the other pixels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pixels", type=int, default=40, help="to calibrate")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if not (asked.data / "real_sites" / "coweeta").is_dir():
        raise SystemExit(f"no real_sites/coweeta in {asked.data}: give --data")
    pixels, lai = read_block(asked.data)
    rng = np.random.default_rng([asked.seed, 0])
    chosen = np.sort(rng.choice(pixels.index, asked.pixels, replace=False))
    if not (asked.run / "config.yaml").exists():
        write_run(
            asked.run, asked.data, pixels.loc[chosen], lai.loc[chosen], asked.seed
        )
    calibrate_run(asked.run, None, [], resume=True)
    collect_run(asked.run)
    found = predictions(asked.run, pixels, lai, chosen, asked.seed)
    left_out = ~np.isin(pixels.index, chosen)
    print(f"{asked.pixels} pixels calibrated, {left_out.sum()} left out")
    print(scores(found, lai, left_out).round(3).to_string())


if __name__ == "__main__":
    main()
