"""Which parameter that was not calibrated would lower the misfit most.

A cheap scan, one parameter at a time, around the calibrated vector. The calibrated
parameters may answer to each change: their linear effect on the output is found once by
finite differences, the best answer is a bounded least-squares problem, and the few most
promising changes are then run with that answer in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.process_models.base import Parameter
from jobs.stages.site_runs import Site

Array = NDArray[np.float64]

_STEP = 0.04  # of the prior's range, for the derivatives
_REACH = 0.35  # of the prior's range, how far a calibrated parameter may answer
_RIDGE = 0.35  # of the prior's range: standard deviation of such an answer
_VALUES = 5
_RUN_IN_FULL = 4
_COLUMNS = (
    *("parameter", "default", "best", "unit", "lowered", "lowered_adjusted"),
    *("confirmed", "validation", "at_edge", "description"),
)
_STEPS = (0.5, 1.0)


@dataclass(frozen=True)
class _Fit:
    """Scaled residuals of one period: observed less simulated, streams alike."""

    inside: Mapping[str, NDArray[np.bool_]]
    value: Mapping[str, Array]
    scale: Mapping[str, float]

    def residual(self, ran: Mapping[str, Array]) -> Array:
        """(run, n): its squares sum to the mean over streams of MSE over scale^2."""
        parts = []
        for name, scale in self.scale.items():
            keep = self.inside[name]
            parts.append(
                (self.value[name][keep] - ran[name][:, keep])
                / (scale * np.sqrt(keep.sum() * len(self.scale)))
            )
        return np.concatenate(parts, axis=1)


def scan_uncalibrated(
    site: Site,
    calibrated: Mapping[str, float],
    bounds: Mapping[str, tuple[float, float]],
    table: Mapping[str, Parameter],
    names: Sequence[str],
) -> pd.DataFrame:
    """Change each parameter in turn, and see what the misfit does.

    Parameters
    ----------
    site : Site
        Where.
    calibrated : mapping
        The calibrated vector.
    bounds : mapping
        Priors of the calibrated parameters.
    table : mapping
        The model's parameter table.
    names : sequence of str
        Parameters to change; none of them is calibrated.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter, the most useful first: ``parameter``, ``default``,
        ``best`` (value with the least misfit), ``lowered`` (fraction by which the
        misfit of the calibration years falls, nothing else changed),
        ``lowered_adjusted`` (with the calibrated parameters' linear answer),
        ``confirmed`` (the same, run in full, and against the calibrated vector
        improved in the same way; NaN where it was not run), ``validation``
        (``confirmed`` in the validation years) and ``at_edge``, whether the
        best value is an end of the table's range; for each stream that is
        observed and was not calibrated ``<name>_lowered``, the fraction by
        which its mean squared error falls at best, and ``<name>_at``, the value
        there.
    """
    free = list(bounds)
    low, high = np.array([bounds[name] for name in free]).T
    centre = np.array([calibrated[name] for name in free])
    u0 = np.clip((centre - low) / (high - low), 0.0, 1.0)
    base = pd.DataFrame([centre], columns=free)
    inward = np.where(u0 < 0.5, _STEP, -_STEP)
    moved = np.repeat(centre[None], len(free), axis=0)
    moved[np.diag_indices(len(free))] += inward * (high - low)
    names = [name for name in names if _grid(table[name])]
    if not names:
        return pd.DataFrame(columns=list(_COLUMNS))
    points = [(name, value) for name in names for value in _grid(table[name])]
    rows = [base, pd.DataFrame(moved, columns=free)]
    rows += [base.assign(**{name: value}) for name, value in points]
    theta = pd.concat(rows, ignore_index=True)
    for name in names:
        theta[name] = theta[name].fillna(table[name].default)
    ran = site.run(theta)
    fit = _fit_of(site, ran, held_out=False)
    residual = fit.residual(ran)
    ok: NDArray[np.bool_] = np.asarray(np.isfinite(residual).all(axis=1))
    slope = (residual[1 : 1 + len(free)] - residual[0]) / inward[:, None]
    slope = np.where(ok[1 : 1 + len(free), None], slope, 0.0)  # a run that failed
    answers = [_answer(residual[0], slope, u0)]
    first = 1 + len(free)
    for k in range(len(points)):
        answers.append(
            _answer(residual[first + k], slope, u0)
            if ok[first + k]
            else (np.zeros(len(free)), np.inf)
        )
    start, floor = float(np.sum(residual[0] ** 2)), max(answers[0][1], 1e-12)
    found = []
    for name in names:
        mine = [k for k, (other, _) in enumerate(points) if other == name]
        adjusted = [answers[1 + k][1] for k in mine]
        plain = np.sum(residual[[first + k for k in mine]] ** 2, axis=1)
        best = mine[int(np.argmin(adjusted))]
        value, row = points[best][1], table[name]
        found.append(
            {
                "parameter": name,
                "default": row.default,
                "best": value,
                "unit": row.unit,
                "lowered": _lowered(np.nanmin(plain), start),
                "lowered_adjusted": _lowered(min(adjusted), floor),
                "confirmed": np.nan,
                "validation": np.nan,
                "at_edge": int(value in (row.low, row.high)),
                "description": row.description,
                "_answer": answers[1 + best][0],
                **_of_watched(site, ran, [first + k for k in mine], points, first),
            }
        )
    scan = pd.DataFrame(found).sort_values(
        "lowered_adjusted", ascending=False, kind="stable", ignore_index=True
    )
    scale = (u0, low, high - low)
    confirmed = _confirm(site, fit, scan.head(_RUN_IN_FULL), answers[0][0], free, scale,
                         {n: table[n].default for n in names})  # fmt: skip
    for place, (calibration, validation) in enumerate(confirmed):
        scan.loc[place, ["confirmed", "validation"]] = calibration, validation
    scan = scan.drop(columns="_answer")
    best_first = (
        scan["confirmed"].fillna(-1.0).sort_values(ascending=False, kind="stable")
    )
    return scan.loc[best_first.index].reset_index(drop=True)


def _grid(row: Parameter) -> list[float]:
    values = np.linspace(row.low, row.high, _VALUES)
    return [float(v) for v in values if v != row.default]


def _fit_of(site: Site, ran: Mapping[str, Array], *, held_out: bool) -> _Fit:
    inside, value, scale = {}, {}, {}
    for name, stream in site.streams.items():
        if name in site.watched:
            continue
        keep = (stream.held_out == held_out) & np.isfinite(stream.value)
        if keep.sum() < 8:
            continue
        inside[name], value[name] = keep, stream.value
        error = ran[name][0, keep] - stream.value[keep]
        scale[name] = float(np.sqrt(np.mean(error**2))) or 1.0
    return _Fit(inside, value, scale)


def _answer(residual: Array, slope: Array, u0: Array) -> tuple[Array, float]:
    """Best bounded answer of the calibrated parameters, and the misfit it leaves."""
    from scipy.optimize import lsq_linear

    n = u0.size
    # Residuals are of length about one: the ridge is small beside them.
    matrix = np.vstack([slope.T, 0.05 / _RIDGE * np.eye(n)])
    target = np.concatenate([-residual, np.zeros(n)])
    low = np.maximum(-_REACH, -u0) - 1e-9
    high = np.minimum(_REACH, 1.0 - u0) + 1e-9
    step = lsq_linear(matrix, target, bounds=(low, high)).x
    return step, float(np.sum((residual + step @ slope) ** 2))


def _confirm(
    site: Site,
    fit: _Fit,
    chosen: pd.DataFrame,
    base_answer: Array,
    free: Sequence[str],
    scale: tuple[Array, Array, Array],
    defaults: Mapping[str, float],
) -> list[tuple[float, float]]:
    """Run the answers in full: fractions by which both periods' misfits fall."""
    u0, low, width = scale
    rows = []
    for answer, change in [
        (base_answer, {}),
        *((row["_answer"], {row["parameter"]: row["best"]})
          for row in chosen.to_dict("records")),
    ]:  # fmt: skip
        for step in (0.0, *_STEPS):
            u = np.clip(u0 + step * np.asarray(answer), 0.0, 1.0)
            one = dict(zip(free, low + u * width, strict=True))
            rows.append({**defaults, **one, **change})
    ran = site.run(pd.DataFrame(rows))
    n_steps = 1 + len(_STEPS)
    misfit = np.sum(fit.residual(ran) ** 2, axis=1).reshape(-1, n_steps)
    misfit = np.where(np.isfinite(misfit), misfit, np.inf)
    best = misfit.argmin(axis=1)
    held = _fit_of(site, {n: v[best[0]][None] for n, v in ran.items()}, held_out=True)
    later = np.full(misfit.shape, np.nan)
    if held.scale:
        later = np.sum(held.residual(ran) ** 2, axis=1).reshape(-1, n_steps)
    return [
        (
            _lowered(misfit[k, best[k]], misfit[0, best[0]]),
            _lowered(later[k, best[k]], later[0, best[0]]),
        )
        for k in range(1, len(misfit))
    ]


def _of_watched(
    site: Site,
    ran: Mapping[str, Array],
    rows: list[int],
    points: list[tuple[str, float]],
    first: int,
) -> dict[str, float]:
    """What the values of one parameter do to streams that were not calibrated."""
    found = {}
    for name in site.watched:
        stream = site.streams[name]
        error = np.mean((ran[name][[0, *rows]] - stream.value) ** 2, axis=1)
        error = np.where(np.isfinite(error), error, np.inf)
        best = int(np.argmin(error[1:]))
        found[f"{name}_lowered"] = _lowered(error[1 + best], error[0])
        found[f"{name}_at"] = points[rows[best] - first][1]
    return found


def _lowered(after: float, before: float) -> float:
    return float(1.0 - after / before) if np.isfinite(after) else float("nan")
