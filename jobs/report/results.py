"""Read what pixels of a run have come to: states, costs, parameters, scores, draws."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.priors import prior_bounds
from jobs.config.process_model import model_of
from jobs.files import TEXT_LIMIT, OddFile, read_bytes
from jobs.inputs.pixel_data import known_truth
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import FINISHED, PixelState, state_of
from jobs.run.pixel_summary import read_summary
from jobs.run.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


logger = logging.getLogger(__name__)

_WORDS = ("stream", "period", "parameters")
_NUMBERS = (
    "observed",
    "observed_sd",
    "default",
    "calibrated",
    "r",
    "rmse",
    "ae",
    "diso",
    "r2",
)


def _read_table(path: Path, options: Any) -> Any:
    """Read a pixel's table; None if there is none, or it is damaged."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        content = read_bytes(path, TEXT_LIMIT)
        return csv.read_csv(pa.BufferReader(content), convert_options=options)
    except FileNotFoundError:
        return None
    except (OddFile, pa.ArrowInvalid, pa.ArrowKeyError) as exc:
        logger.warning("%s is damaged and left out: %s", path.name, exc)
        return None


@dataclass(frozen=True)
class Results:
    """Everything of a run that is on disk, read once.

    Attributes
    ----------
    run : Run
        A started run.
    """

    run: Run

    @cached_property
    def states(self) -> dict[int, PixelState]:
        """State of each pixel by id."""
        folder = self.run.folder
        return {pixel.id: state_of(folder.pixel(pixel.id)) for pixel in self.run.pixels}

    @cached_property
    def finished(self) -> list[Pixel]:
        """Pixels with a posterior."""
        return [p for p in self.run.pixels if self.states[p.id].state in FINISHED]

    @cached_property
    def summaries(self) -> dict[int, dict[str, Any]]:
        """``summary.json`` of each finished pixel by id."""
        folder = self.run.folder
        return {
            pixel.id: read_summary(folder.pixel(pixel.id)) for pixel in self.finished
        }

    @cached_property
    def pixels(self) -> pd.DataFrame:
        """A row for each pixel: place, state, reason, cost."""
        import pandas as pd

        rows = []
        for pixel in self.run.pixels:
            state, summary = self.states[pixel.id], self.summaries.get(pixel.id, {})
            rows.append(
                {
                    "pixel": pixel.id,
                    "name": pixel.name,
                    "latitude": pixel.latitude,
                    "longitude": pixel.longitude,
                    "state": state.state,
                    "reason": state.reason,
                    "minutes": summary.get("minutes", np.nan),
                    "n_model_runs": summary.get("n_model_runs", np.nan),
                    "n_failed_runs": summary.get("n_failed_runs", np.nan),
                    "surrogate_rmse": summary.get("surrogate_rmse", np.nan),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """A row for each finished pixel and parameter, as its summary gives them."""
        import pandas as pd

        rows = [
            {"pixel": pixel_id, "parameter": name, **values}
            for pixel_id, summary in self.summaries.items()
            for name, values in summary["parameters"].items()
        ]
        return pd.DataFrame(rows)

    @cached_property
    def parameter_rows(self) -> pd.DataFrame:
        """A row for each calibrated parameter: prior, default, what pixels came to.

        ``learnt`` is one minus the posterior's standard deviation over the prior's, the
        median over pixels: 0 says that the observations taught nothing.
        """
        import pandas as pd

        known, rows = model_of(self.run.config).parameters, []
        for name, (low, high) in prior_bounds(self.run.config).items():
            row = {
                "parameter": name,
                "meaning": known[name].description,
                "unit": known[name].unit,
                "prior_low": low,
                "prior_high": high,
                "default": known[name].default,
            }
            if len(self.estimates):
                part = self.estimates[self.estimates["parameter"] == name]
                at_bound = part["at_bound"].fillna("")
                row |= {
                    "mean": part["mean"].median(),
                    "q05": part["q05"].median(),
                    "q95": part["q95"].median(),
                    "learnt": 1 - (part["sd"] / ((high - low) / 12**0.5)).median(),
                    "at_low_bound": (at_bound == "low").mean(),
                    "at_high_bound": (at_bound == "high").mean(),
                    "worst_r_hat": part["r_hat"].max(),
                    "smallest_ess": part["ess_bulk"].min(),
                }
            rows.append(row)
        return pd.DataFrame(rows)

    @cached_property
    def error_rows(self) -> pd.DataFrame:
        """A row for each stream with errors of unknown size: its factor, medians."""
        import pandas as pd

        rows = [
            {"stream": name, **values}
            for summary in self.summaries.values()
            for name, values in summary.get("error_scale", {}).items()
        ]
        if not rows:
            return pd.DataFrame()
        table = pd.DataFrame(rows)
        at_bound = table["at_bound"].fillna("")
        table["at_low_bound"], table["at_high_bound"] = (
            at_bound == "low",
            at_bound == "high",
        )
        grouped = table.groupby("stream", sort=False)
        medians = grouped[["mean", "q05", "q95"]].median()
        shares = grouped[["at_low_bound", "at_high_bound"]].mean()
        return medians.join(shares).reset_index()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of every evaluated pixel; empty if there is none."""
        return self._read("scores")

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """8-day means of every evaluated pixel; empty if there is none."""
        return self._read("comparison")

    def comparisons_of(self, pixel_id: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each stream of a pixel with its rows of `comparison`."""
        part = self.comparison.iloc[self._rows_of.get(pixel_id, slice(0))]
        for stream in dict.fromkeys(part["stream"]) if len(part) else ():
            yield str(stream), part[part["stream"] == stream]

    @cached_property
    def _rows_of(self) -> dict[int, slice]:
        """Rows of each pixel in `comparison`, which stand together."""
        if not len(self.comparison):
            return {}
        ids = self.comparison["pixel"].to_numpy()
        firsts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        ends = np.r_[firsts[1:], ids.size]
        return {
            int(ids[first]): slice(int(first), int(end))
            for first, end in zip(firsts, ends, strict=True)
        }

    @cached_property
    def truths(self) -> dict[int, dict[str, float]]:
        """True parameters of each finished pixel, where they are known; else empty."""
        table = model_of(self.run.config).parameters
        known = {name: row.default for name, row in table.items()}
        found = {pixel.id: known_truth(self.run, pixel) for pixel in self.finished}
        return {i: known | truth for i, truth in found.items() if truth}

    def store(self) -> xr.Dataset:
        """Return the collected posteriors of finished pixels, opened lazily."""
        import xarray as xr

        path = self.run.folder.path / "posteriors.zarr"
        opened = xr.open_zarr(path).set_coords("pixel").set_index(pixel="pixel")
        return opened.sel(pixel=[pixel.id for pixel in self.finished])

    def _read(self, kind: str) -> pd.DataFrame:
        """Read a table of each finished pixel."""
        import pandas as pd
        import pyarrow as pa
        from pyarrow import csv

        # Thousands of small files: pandas takes five times as long for each.
        kinds: dict[str, Any] = dict.fromkeys(_WORDS, pa.string())
        kinds |= dict.fromkeys(_NUMBERS, pa.float64()) | {"time": pa.timestamp("s")}
        options = csv.ConvertOptions(column_types=kinds)
        parts = []
        for pixel in self.finished:
            path = getattr(self.run.folder, kind)(pixel.id)
            if (part := _read_table(path, options)) is not None:
                if "pixel" not in part.column_names:
                    ids = pa.array(np.full(part.num_rows, pixel.id))
                    part = part.add_column(0, "pixel", ids)
                parts.append(part)
        if not parts:
            return pd.DataFrame()
        together = pa.concat_tables(parts, promote_options="default")
        frame: pd.DataFrame = together.to_pandas()  # equal words are one object
        return frame
