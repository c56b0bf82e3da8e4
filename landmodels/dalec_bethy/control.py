"""Transforms between standard-normal controls and physical parameters.

A control ``x`` has a standard normal prior. ``log`` keeps a parameter positive,
``logit`` keeps a fraction in (0, 1), ``gauss`` is linear, and ``log2`` is a logarithm
whose standard deviation is that of the logarithm itself (specification, section 9).
The derivative comes from the same expressions, by :mod:`.trace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.trace import Segment, evaluate, record, tangent
from landmodels.errors import InputError

Array = NDArray[np.float64]


def _log(m, v):
    return {"p": v["prior"] * m.exp(v["sd"] / v["prior"] * v["x"])}


def _log2(m, v):
    return {"p": v["prior"] * m.exp(v["sd"] * v["x"])}


def _logit(m, v):
    prior = v["prior"]
    odds = m.log(prior / (1.0 - prior)) + v["sd"] / (prior * (1.0 - prior)) * v["x"]
    return {"p": 1.0 / (1.0 + m.exp(-odds))}


def _gauss(m, v):
    del m
    return {"p": v["prior"] + v["sd"] * v["x"]}


TRANSFORMS = {"log": _log, "log2": _log2, "logit": _logit, "gauss": _gauss}


@cache
def _with_slope(kind: str) -> Segment:
    return tangent(record(TRANSFORMS[kind], ("prior", "sd", "x")), ("x",))


@dataclass(frozen=True)
class Control:
    """One element of the control vector.

    Attributes
    ----------
    name : str
    prior, sd : float
        Prior mean and standard deviation, in the parameter's unit (``log2``: of its
        logarithm).
    transform : {"log", "logit", "gauss", "log2"}
    """

    name: str
    prior: float
    sd: float
    transform: str

    def check(self) -> None:
        """Refuse a prior that its transform cannot take."""
        where = f"control {self.name}"
        if self.transform not in TRANSFORMS:
            raise InputError(
                f"{where}, transform",
                found=repr(self.transform),
                wanted=f"one of {', '.join(TRANSFORMS)}",
            )
        if not (np.isfinite(self.sd) and self.sd > 0.0):
            raise InputError(
                f"{where}, sd",
                found=f"{self.sd:g}",
                wanted="a positive number",
                hint="Leave an element that must not move out of the control vector.",
            )
        low = self.transform in ("log", "log2", "logit")
        if not np.isfinite(self.prior) or (low and self.prior <= 0.0):
            raise InputError(
                f"{where}, prior",
                found=f"{self.prior:g}",
                wanted="a positive number" if low else "a number",
            )
        if self.transform == "logit" and self.prior >= 1.0:
            raise InputError(
                f"{where}, prior", found=f"{self.prior:g}", wanted="between 0 and 1"
            )


def transform(controls: Sequence[Control], x: Array) -> tuple[Array, Array]:
    """Physical values of the controls, and their derivative in ``x``.

    Parameters
    ----------
    controls : sequence of Control
    x : ndarray (n,)
        Real, or complex for a complex step.
    """
    values: Any = np.empty(len(controls), dtype=np.asarray(x).dtype)
    slopes: Any = np.empty_like(values)
    for kind in TRANSFORMS:
        at = [i for i, c in enumerate(controls) if c.transform == kind]
        if not at:
            continue
        inputs = {
            "prior": np.array([controls[i].prior for i in at]),
            "sd": np.array([controls[i].sd for i in at]),
            "x": np.asarray(x)[at],
            "d_x": np.ones(len(at)),
        }
        result = evaluate(_with_slope(kind), inputs, np)
        values[at], slopes[at] = result["p"], result["d_p"]
    return values, slopes
