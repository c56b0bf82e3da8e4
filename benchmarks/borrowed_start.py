"""Whether a start borrowed from neighbours saves runs, and whether it hides failures.

    python -m benchmarks.borrowed_start FOLDER --pixels 40
    python -m benchmarks.borrowed_start FOLDER --variants 1 2 --unrelated
    python -m benchmarks.borrowed_start FOLDER --parameters 10 --ways alone alone_70
    python -m benchmarks.borrowed_start FOLDER --summary

A twin region (`benchmarks.borrowed_region`) in which one pixel in ten has a truth that
is unlike those of its neighbours. Each pixel is calibrated in several ways:

alone
    Each on its own, with the default budget (120 runs of six parameters).
borrowed
    As with ``calibration.neighbours: 3``, with the default budget.
alone_50, borrowed_50
    The same with 50 runs for every pixel.
borrowed_50_of_all
    Pixels that borrow have 50 runs; those that do not have the default budget.
borrowed_50_more
    As with ``calibration.neighbour_runs: 50``: the same, and where the estimated error
    of a pixel that borrows is too large it goes on, up to the default budget.
alone_50_more
    Nothing is borrowed: each begins with 50 runs, and goes on in the same way.

51, 60, 70 and 90 in place of 50 are other budgets; ten parameters take 51 at least.
FOLDER is of one number of parameters.

Waves and lists are those of a run (`jobs.run.neighbours`), the start is `masm.Start.of`
the first three of a pixel's list that are ``done``, and the seed of a pixel is the same
in all ways. The distance is that to a reference posterior of the pixel, by importance
sampling of the model: MMTV is the mean over parameters of the total variation distance
of the marginals. A failure is silent where a result is ``done`` and over 0.10.

With ``--unrelated`` the related pixels that lend to nobody are left out: the others'
numbers do not depend on them. Results are in FOLDER, rows in FOLDER/rows.csv. Rows that
are there are not made again. With ``--borrowers 14`` so many pixels borrow, unrelated
ones first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import masm
from benchmarks.borrowed_region import N_PARAMETERS, Place, region
from benchmarks.metrics import Distance, distance
from benchmarks.rows import append, read
from benchmarks.target import as_dataset
from benchmarks.weighted_draws import NoReference
from jobs.run.neighbours import Neighbourhood, first_done, neighbourhoods
from masm.calibrate import expected_runs

FAR = 0.10
N_NEIGHBOURS = 3


@dataclass(frozen=True)
class Way:
    """How the pixels of a region are calibrated.

    Attributes
    ----------
    borrows : bool
    runs, borrower_runs : int or None
        Budget of a pixel that borrows from none, and of one that borrows; None for the
        default.
    goes_on : bool
        Whether a pixel with less than the default budget goes on up to that where its
        estimated error is too large.
    """

    borrows: bool
    runs: int | None = None
    borrower_runs: int | None = None
    goes_on: bool = False

    def options(self, n_parameters: int, *, has_lenders: bool) -> dict[str, int]:
        """Options of the method for one pixel."""
        runs = self.borrower_runs if has_lenders else self.runs
        if runs is None:
            return {}
        whole = expected_runs("emulator", [n_parameters])
        return {"max_runs": runs, "more_runs": whole - runs if self.goes_on else 0}


def _ways_of(n: int) -> dict[str, Way]:
    """Ways with a budget of ``n`` runs, by name."""
    return {
        f"alone_{n}": Way(False, n),
        f"alone_{n}_more": Way(False, n, goes_on=True),
        f"borrowed_{n}": Way(True, n, n),
        f"borrowed_{n}_of_all": Way(True, None, n),
        f"borrowed_{n}_more": Way(True, None, n, goes_on=True),
    }


WAYS = {"alone": Way(False), "borrowed": Way(True)}
for _n in (50, 51, 60, 70, 90):
    WAYS |= _ways_of(_n)
USUAL = [name for name in WAYS if not any(f"_{n}" in name for n in (51, 60, 70, 90))]


@dataclass(frozen=True)
class Row:
    """One pixel, calibrated in one way.

    Attributes
    ----------
    variant, pixel, way : of which region, which pixel, how
    made_as : the way whose calibration this is: a pixel that has nothing to borrow from
        is calibrated as it is alone, with the same seed, and not once more
    wave : from 1
    related : whether its truth is near those of its neighbours
    n_lenders, n_unrelated_lenders : pixels it borrowed from
    runs, cpu : model runs; CPU seconds
    status, reason, error : what the result says of itself
    mmtv, largest_tv : distance from the reference; NaN if none was found
    """

    variant: int
    pixel: int
    way: str
    made_as: str
    wave: int
    related: bool
    n_lenders: int
    n_unrelated_lenders: int
    runs: int
    cpu: float
    status: str
    reason: str
    error: float
    mmtv: float
    largest_tv: float


class Study:
    """The rows of a region, made one after the other.

    Parameters
    ----------
    folder : Path
        Of results and rows.
    variant, n_pixels, n_parameters : int
        Of the region.
    """

    def __init__(
        self, folder: Path, variant: int, n_pixels: int, n_parameters: int
    ) -> None:
        self.folder, self.variant, self.n_parameters = folder, variant, n_parameters
        places = region(variant, n_pixels, n_parameters)
        self.places = {place.pixel.id: place for place in places}
        pixels = [place.pixel for place in self.places.values()]
        self.known: dict[int, Neighbourhood] = neighbourhoods(pixels, N_NEIGHBOURS)
        path = folder / "rows.csv"
        self.rows: dict[tuple[str, int], Row] = {
            (row.way, row.pixel): row
            for row in (read(path, Row) if path.exists() else [])
            if row.variant == variant
        }

    def make(
        self, ways: Sequence[str], *, unrelated: bool, n_borrowers: int | None
    ) -> None:
        """Make the rows that are not there, wave by wave, unrelated pixels first.

        Parameters
        ----------
        ways : sequence of str
        unrelated : bool
            Leave out related pixels that lend to nobody.
        n_borrowers : int or None
            Leave out all but the first so many of those that lend to nobody.
        """
        lending = set().union(*(one.neighbours for one in self.known.values()))
        order = sorted(
            self.places,
            key=lambda k: (self.known[k].wave, self.places[k].related, k),
        )
        left = len(order) if n_borrowers is None else n_borrowers
        for pixel in order:
            if pixel not in lending:
                if left == 0 or (unrelated and self.places[pixel].related):
                    continue
                left -= 1
            for way in ways:
                if (way, pixel) not in self.rows:
                    row = self._row(way, pixel)
                    append(self.folder / "rows.csv", row)
                    self.rows[way, pixel] = row
            print(f"region {self.variant}, pixel {pixel}: {len(ways)} ways", flush=True)

    def _row(self, way: str, pixel: int) -> Row:
        place, wave = self.places[pixel], self.known[pixel].wave
        chosen = self._lenders(way, pixel)
        options = self._options(way, chosen)
        if not chosen:
            for name, other in WAYS.items():
                same = not other.borrows and self._options(name, []) == options
                if same and (name, pixel) in self.rows:
                    return replace(self.rows[name, pixel], way=way)
        start = None
        if chosen:
            files = [self._file(self.rows[way, one].made_as, one) for one in chosen]
            start = masm.Start.of([masm.open_result(file) for file in files])
        began = time.process_time()
        result = _calibrate(place, [self.variant, pixel], options, start)
        cpu = time.process_time() - began
        if any(pixel in one.neighbours for one in self.known.values()):
            result.to_netcdf(self._file(way, pixel))
        off = _distance(result, place)
        return Row(
            self.variant, pixel, way, way, wave, place.related, len(chosen),
            sum(not self.places[one].related for one in chosen), result.n_model_runs,
            round(cpu, 2), result.status, result.reason,
            round(float(result.attrs["error"]), 4), round(off.mmtv, 4),
            round(off.largest_tv, 4),
        )  # fmt: skip

    def _options(self, way: str, lenders: Sequence[int]) -> dict[str, int]:
        return WAYS[way].options(self.n_parameters, has_lenders=bool(lenders))

    def _lenders(self, way: str, pixel: int) -> list[int]:
        """Pixels that a pixel borrows from, the nearest first."""
        if not WAYS[way].borrows:
            return []
        listed = self.known[pixel].neighbours
        states = {one: self.rows[way, one].status for one in listed}
        return first_done(listed, states, N_NEIGHBOURS)

    def _file(self, way: str, pixel: int) -> Path:
        return self.folder / f"{self.variant}-{way}-{pixel}.nc"


def _distance(result: masm.Result, place: Place) -> Distance:
    """How far a result is off; NaN where there is no reference."""
    draws = [result.posterior[n].to_numpy().ravel() for n in place.target.priors]
    try:
        return distance(np.stack(draws, axis=1), place.target.truth())
    except NoReference as missing:
        print(missing, flush=True)
        return Distance(np.nan, np.nan, np.nan)


def _calibrate(
    place: Place, seed: list[int], options: dict[str, int], start: masm.Start | None
) -> masm.Result:
    target = place.target
    model = target.model
    assert model is not None
    return masm.calibrate(
        lambda theta: as_dataset(model(theta)),
        target.observations(),
        target.priors,
        seed=seed,
        start=start,
        n_predictive=0,
        options=options,
    )


def summary(rows: Sequence[Row]) -> str:
    """Medians, worst cases and silent failures of each way, as a table."""
    lines = [
        "| way | truth | pixels | no reference | with lenders | runs | mean | CPU s "
        "| MMTV | worst | largest TV | told error | done | over 0.10 | silent "
        "| worst done | done, largest TV over 0.10 |",
        "|" + "---|" * 17,
    ]
    table = pd.DataFrame(map(asdict, rows))
    for way in table["way"].unique():
        for related, name in ((True, "related"), (False, "unrelated")):
            part = table[(table["way"] == way) & (table["related"] == related)]
            if part.empty:
                continue
            done, far = part["status"] == "done", part["mmtv"] > FAR
            worst_done = f"{part['mmtv'][done].max():.3f}" if done.any() else "-"
            lines.append(
                f"| {way} | {name} | {len(part)} "
                f"| {part['mmtv'].isna().sum()} | {(part['n_lenders'] > 0).sum()} "
                f"| {part['runs'].median():.0f} | {part['runs'].mean():.0f} "
                f"| {part['cpu'].median():.1f} "
                f"| {part['mmtv'].median():.3f} | {part['mmtv'].max():.3f} "
                f"| {part['largest_tv'].max():.3f} | {part['error'].median():.3f} "
                f"| {done.sum()} | {far.sum()} | {(done & far).sum()} | {worst_done} "
                f"| {(done & (part['largest_tv'] > FAR)).sum()} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pixels", type=int, default=40)
    parser.add_argument("--variants", type=int, nargs="+", default=[0])
    parser.add_argument("--ways", nargs="+", default=USUAL, choices=WAYS)
    parser.add_argument("--parameters", type=int, default=N_PARAMETERS)
    parser.add_argument("--borrowers", type=int, help="so many that lend to none")
    parser.add_argument("--unrelated", action="store_true", help="and lenders alone")
    parser.add_argument("--summary", action="store_true", help="only sum up the rows")
    asked = parser.parse_args()
    if not asked.summary:
        asked.folder.mkdir(parents=True, exist_ok=True)
        for variant in asked.variants:
            Study(asked.folder, variant, asked.pixels, asked.parameters).make(
                asked.ways, unrelated=asked.unrelated, n_borrowers=asked.borrowers
            )
    print(summary(read(asked.folder / "rows.csv", Row)))


if __name__ == "__main__":
    main()
