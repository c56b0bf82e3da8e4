"""Read what pixels of a run have come to: states, costs, parameters, scores, draws."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from jobs.config.process_model import model_of
from jobs.inputs.pixel_data import known_truth, synthetic_parts, unreadable_source
from jobs.report.pixel_tables import as_frame, joined, read_table, with_pixel
from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_summary
from jobs.run.pixel_state import FINISHED, PixelState
from jobs.run.run import Run
from jobs.run.states import states_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from jobs.stages.posterior_reader import Posteriors


logger = logging.getLogger(__name__)

_Row = TypeVar("_Row")
_ROWS_AT_ONCE = 20_000
_TOGETHER = 500
"""Small tables that are joined into one at a time."""
_MOST_COMPARED = 4000
"""Pixels of which the pooled fit is drawn."""


@dataclass(frozen=True)
class Results:
    """Everything of a run that is on disk, read once.

    Attributes
    ----------
    run : Run
        A started run.
    errors : list of Exception
        Errors of ours that took away a part of the page.
    """

    run: Run
    errors: list[Exception] = field(default_factory=list, compare=False)

    @cached_property
    def unreadable(self) -> str:
        """Why the region cube cannot be read; empty where it can, or there is none."""
        return unreadable_source(self.run)

    @cached_property
    def synthetic(self) -> str:
        """What of the run is synthetic; empty if all is real, or it is not known."""
        return "" if self.unreadable else synthetic_parts(self.run)

    @cached_property
    def states(self) -> dict[int, PixelState]:
        """State of each pixel by id."""
        found = states_of(self.run.folder, self.run.pixels)
        return {pixel.id: state for pixel, state in found}

    @cached_property
    def finished(self) -> list[Pixel]:
        """Pixels with a posterior."""
        return [p for p in self.run.pixels if self.states[p.id].state in FINISHED]

    @cached_property
    def summaries(self) -> Mapping[int, dict[str, Any]]:
        """``summary.json`` of each finished pixel by id, read when it is asked for."""
        return _Summaries(self.run.folder, [pixel.id for pixel in self.finished])

    @cached_property
    def pixels(self) -> pd.DataFrame:
        """A row for each pixel: place, state, reason, cost."""
        import pandas as pd

        def row_of(pixel: Pixel) -> dict[str, Any]:
            state, summary = self.states[pixel.id], self.summaries.get(pixel.id, {})
            return {
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

        rows = map(row_of, self.run.pixels)
        parts = [pd.DataFrame(part) for part in _some(rows)]
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """A row for each finished pixel and parameter, as its summary gives them."""
        import pandas as pd

        rows = (
            {"pixel": pixel_id, "parameter": sys.intern(name), **values}
            for pixel_id, summary in self.summaries.items()
            for name, values in summary["parameters"].items()
        )
        parts = [pd.DataFrame(part) for part in _some(rows)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def parameter_rows(self) -> pd.DataFrame:
        """A row for each calibrated parameter: prior, default, what pixels came to.

        ``learnt`` is one minus the posterior's standard deviation over the prior's, the
        median over pixels: 0 says that the observations taught nothing.
        """
        import pandas as pd

        known, rows = model_of(self.run.config).parameters, []
        for name, (low, high) in self.run.bounds.items():
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
        fractions = grouped[["at_low_bound", "at_high_bound"]].mean()
        return medians.join(fractions).reset_index()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of every evaluated pixel; empty if there is none."""
        return self._read("scores", self.finished)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """Window means of evaluated pixels, at most 4,000 of them, evenly spaced.

        Columns ``pixel``, ``stream``, ``period``, ``observed`` and ``calibrated``;
        empty if nothing has been evaluated.
        """
        n = len(self.finished)
        kept = np.unique(np.linspace(0, n - 1, min(n, _MOST_COMPARED)).round())
        pixels = [self.finished[int(k)] for k in kept]
        table = self._read("comparison", pixels)
        wanted = ["pixel", "stream", "period", "observed", "calibrated"]
        return table[wanted] if len(table) else table

    def comparisons_of(self, pixel_id: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each stream of a pixel with its 8-day means."""
        path = self.run.folder.comparison(pixel_id)
        table = read_table(path, "comparison", self.run.config.streams)
        if table is None:
            return
        part = as_frame([table])
        for stream in dict.fromkeys(part["stream"]):
            yield str(stream), part[part["stream"] == stream]

    @cached_property
    def truths(self) -> dict[int, dict[str, float]]:
        """True parameters of each finished pixel, where they are known; else empty."""
        if self.unreadable:
            return {}
        table = model_of(self.run.config).parameters
        known = {name: row.default for name, row in table.items()}
        found = {pixel.id: known_truth(self.run, pixel) for pixel in self.finished}
        return {i: known | truth for i, truth in found.items() if truth}

    @cached_property
    def posteriors(self) -> Posteriors:
        """The collected posteriors."""
        from jobs.stages.posterior_reader import Posteriors

        return Posteriors(self.run)

    def store(self) -> xr.Dataset:
        """Return the collected posteriors of finished pixels, opened lazily."""
        # Without Dask's threads: they do not live on in a forked process.
        opened = self.posteriors.dataset()
        return opened.sel(pixel=[pixel.id for pixel in self.finished])

    def _read(self, kind: str, pixels: Sequence[Pixel]) -> pd.DataFrame:
        """Read a table of each of some pixels."""
        parts: list[Any] = []
        some: list[Any] = []
        for pixel in pixels:
            path = getattr(self.run.folder, kind)(pixel.id)
            if (part := read_table(path, kind, self.run.config.streams)) is None:
                continue
            some.append(with_pixel(part, pixel.id))
            if len(some) == _TOGETHER:
                parts, some = [*parts, joined(some)], []
        return as_frame([*parts, *some])


class _Summaries(Mapping[int, dict[str, Any]]):
    """Summaries of finished pixels by id; none is kept."""

    def __init__(self, folder: RunFolder, ids: Sequence[int]) -> None:
        self._folder = folder
        self._ids = dict.fromkeys(ids)

    def __getitem__(self, pixel_id: int) -> dict[str, Any]:
        if pixel_id not in self._ids:
            raise KeyError(pixel_id)
        return read_summary(self._folder.pixel(pixel_id))

    def __contains__(self, pixel_id: object) -> bool:
        return pixel_id in self._ids

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _some(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield rows, so many at a time."""
    left = iter(rows)
    while part := list(islice(left, _ROWS_AT_ONCE)):
        yield part
