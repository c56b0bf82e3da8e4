"""Tables of validation: how well each map predicts pixels it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from upscale.training.parameter_fit import HeldOut, Training
from upscale.types import Floats

if TYPE_CHECKING:
    from upscale.training.parameter import ParameterModel

Mask = NDArray[np.bool_]

METHOD = "upscaled"


def score(observed: Floats, predicted: Floats) -> dict[str, float]:
    """R2 (Nash-Sutcliffe), correlation, RMSE and bias of a prediction.

    Examples
    --------
    >>> one_off = score(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    >>> round(one_off["r2"], 3), one_off["bias"]
    (-0.5, 1.0)
    """
    error = predicted - observed
    total = np.square(observed - observed.mean()).sum()
    constant = predicted.std() < 1e-12 or total < 1e-24
    return {
        "r2": float(1.0 - np.square(error).sum() / total) if total > 0 else np.nan,
        "r": np.nan if constant else float(np.corrcoef(observed, predicted)[0, 1]),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "bias": float(error.mean()),
    }


def score_rows(
    model: ParameterModel,
    data: Training,
    test: Mask,
    random: HeldOut,
    held: HeldOut,
    peers: Mapping[tuple[str, str], Floats],
) -> list[dict[str, Any]]:
    """One row for each split and method of a parameter.

    ``rmse``, ``bias`` and ``width`` are in the parameter's unit; ``rmse_share`` is of
    the prior range. p05 to p95 hold a ``coverage`` of what the rules ask them to hold:
    ``coverage_calibrated`` of posterior means, or ``coverage_posterior`` of draws.
    """
    every = np.ones_like(test)
    rows = [
        _row(model, data, "random_train", ~test, METHOD, random.centre, random),
        _row(model, data, "random", test, METHOD, random.centre, random),
        _row(model, data, "blocked", every, METHOD, held.centre, held),
    ]
    for (split, method), centre in peers.items():
        if np.isnan(centre[test]).any():  # no default value was given
            continue
        chosen = test if split == "random" else every
        rows.append(_row(model, data, split, chosen, method, centre, None))
    return rows


def _row(
    model: ParameterModel,
    data: Training,
    split: str,
    chosen: Mask,
    method: str,
    centre: Floats,
    held: HeldOut | None,
) -> dict[str, Any]:
    parameter = model.parameter
    found = score(data.y[chosen], centre[chosen])
    row: dict[str, Any] = {
        "parameter": parameter.name,
        "split": split,
        "method": method,
        "n": int(chosen.sum()),
        "r2": found["r2"],
        "r": found["r"],
        "rmse": found["rmse"] * parameter.width,
        "rmse_share": found["rmse"],
        "bias": found["bias"] * parameter.width,
        "unit": parameter.unit,
        "coverage": np.nan,
        "coverage_calibrated": np.nan,
        "coverage_posterior": np.nan,
        "width": np.nan,
    }
    if held is not None:
        low, high = held.low[chosen], held.high[chosen]
        y = data.y[chosen]
        row["coverage_calibrated"] = float(((y >= low) & (y <= high)).mean())
        row["width"] = float((high - low).mean() * parameter.width)
        if data.points is not None:
            drawn = data.points[chosen]
            inside = (drawn >= low[:, None]) & (drawn <= high[:, None])
            row["coverage_posterior"] = float(inside.mean())
        spread = data.spread and data.points is not None
        row["coverage"] = row["coverage_posterior" if spread else "coverage_calibrated"]
    return row


def point_table(
    model: ParameterModel,
    data: Training,
    pixels: pd.Index,
    test: Mask,
    random: HeldOut,
    held: HeldOut,
) -> pd.DataFrame:
    """Calibrated and predicted value of each pixel in both splits, own units."""
    parameter = model.parameter
    split = np.where(test, "random", "random_train")
    parts = [
        pd.DataFrame(
            {
                "parameter": parameter.name,
                "split": name,
                "pixel": pixels,
                "block": data.blocks,
                "calibrated": parameter.from_unit(data.y),
                "predicted": parameter.from_unit(found.centre),
                "p05": parameter.from_unit(found.low),
                "p95": parameter.from_unit(found.high),
            }
        )
        for name, found in ((split, random), ("blocked", held))
    ]
    return pd.concat(parts, ignore_index=True)


def summarise(
    models: Sequence[ParameterModel], validation: pd.DataFrame
) -> pd.DataFrame:
    """One row for each parameter, with a plain statement (``Upscaler.summary``)."""
    rows = {}
    for model in models:
        name, skill = model.parameter.name, model.skill
        of = validation[validation["parameter"] == name]
        own = of[of["method"] == METHOD].set_index("split")
        r2 = own["r2"].astype(float)
        peers = of[(of["method"] != METHOD) & (of["split"] == "blocked")]
        best = peers.sort_values("r2", kind="stable").iloc[-1]
        rows[name] = {
            "upscaled": model.upscaled,
            "r2_train": r2["random_train"],
            "r2_random": r2["random"],
            "r2_blocked": r2["blocked"],
            "skill_blocked": skill.value,
            "skill_se": skill.standard_error,
            "best_baseline": best["method"],
            "r2_best_baseline": best["r2"],
            "coverage_blocked": own.loc["blocked", "coverage"],
            "rmse_blocked": own.loc["blocked", "rmse"],
            "unit": model.parameter.unit,
            "statement": _statement(model, r2["blocked"], best),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _statement(model: ParameterModel, r2: float, best: pd.Series) -> str:
    skill = f"{model.skill.value:.2f} +- {model.skill.standard_error:.2f}"
    text = (
        f"upscaled: skill above the mean on held-out blocks is {skill}"
        if model.upscaled
        else f"cannot be upscaled: skill above the mean on held-out blocks is {skill}; "
        "the map is the region's mean with its spread"
    )
    if best["r2"] > max(r2, 0.0):
        text += f"; {best['method']} does better there, R2 {best['r2']:.2f}"
    return text
