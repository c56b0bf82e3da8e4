"""Ranges, scales, signs and balances of a CalLMIP file (R1 to R6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.callmip.check_time import axis_of
from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.submission import Submission
from jobs.callmip.variables import VARIABLES

_LATENT_HEAT = 2.45e6  # J kg-1, of vaporisation near 20 degC
_MOST_GPP, _LEAST_GPP = 1e-6, 1e-10  # kgC m-2 s-1, mean of a record
_DRIFT = 0.02
_SAME = 1e-9  # relative, of rounding


def check_physics(submission: Submission) -> list[Finding]:
    """Check that the numbers can be what their names and units say."""
    return [
        *_ranges(submission),
        *_soil_water(submission),
        *_scales(submission),
        *_carbon_balance(submission),
        *_sign(submission),
        *_latent_heat(submission),
        *_drift(submission),
        *_jumps(submission),
    ]


def _ranges(submission: Submission) -> list[Finding]:
    findings = []
    for name, rule in VARIABLES.items():
        values = submission.series.get(name)
        if values is None:
            continue
        slack = _SAME * max(abs(rule.low), abs(rule.high))
        out = (values < rule.low - slack) | (values > rule.high + slack)
        if out.any():
            worst = values[out][np.argmax(np.abs(values[out]))]
            findings.append(
                error(
                    "R1",
                    name,
                    f"{worst:.4g} among {int(out.sum())} of {values.size} days "
                    f"outside; first at index {int(np.argmax(out))}",
                    f"{rule.low:g} to {rule.high:g} {rule.units[0]}",
                )
            )
    return findings


def _soil_water(submission: Submission) -> list[Finding]:
    both = submission.all_of("mrsos", "mrso")
    if both is None:
        return []
    top, whole = both
    above = top > whole * (1.0 + 1e-6) + 1e-6
    findings = []
    if above.any():
        found = f"above mrso on {int(above.sum())} days"
        wanted = "at most mrso: the uppermost 10 cm are a part"
        findings.append(error("R1", "mrsos", found, wanted))
    for name, values in (("mrsos", top), ("mrso", whole)):
        if values.max() <= 1.0:
            found = f"at most {values.max():.3g}"
            hint = "This looks like a fraction; wanted is the mass of water."
            findings.append(warning("R2", name, found, "kg m-2", hint))
    return findings


def _scales(submission: Submission) -> list[Finding]:
    findings = []
    gpp, ts = submission.all_of("gpp"), submission.all_of("ts")
    if gpp is not None:
        mean = float(gpp[0].mean())
        found = f"{mean:.3g} in the mean"
        wanted = f"{_LEAST_GPP:g} to {_MOST_GPP:g} kgC m-2 s-1"
        if mean > _MOST_GPP:
            hint = "Per day in place of per second (86400), or g in place of kg (1000)?"
            findings.append(error("R2", "gpp", found, wanted, hint))
        elif mean < _LEAST_GPP:
            hint = "Was it divided by 1000 or by 86400 twice?"
            findings.append(error("R2", "gpp", found, wanted, hint))
    if ts is not None and float(ts[0].mean()) < 150.0:
        found = f"{ts[0].mean():.4g} in the mean"
        findings.append(error("R2", "ts", found, "K", "This looks like degC."))
    return findings


def _carbon_balance(submission: Submission) -> list[Finding]:
    fluxes = submission.all_of("gpp", "reco", "nep")
    if fluxes is None:
        return []
    gpp, reco, nep = fluxes
    allowed = 1e-10 + 1e-3 * np.abs(gpp)
    bad = np.abs(gpp - reco - nep) > allowed
    if not bad.any():
        return []
    hint = ""
    if (np.abs(gpp - reco + nep) <= allowed).mean() > 0.99:
        hint = "nep has the sign of NEE: it is positive into the land."
    return [
        error(
            "R3",
            "nep",
            f"differs from gpp - reco on {int(bad.sum())} of {bad.size} days, by "
            f"{np.abs(gpp - reco - nep).max():.3g} at most",
            "gpp - reco within 1e-10 + 0.001 gpp kgC m-2 s-1 on every day",
            hint,
        )
    ]


def _sign(submission: Submission) -> list[Finding]:
    fluxes, site = submission.all_of("nep", "gpp"), submission.site
    if fluxes is None or site is None or site.dry:
        return []
    correlation = _correlation(*fluxes)
    if not correlation <= 0.0:
        return []
    return [
        warning(
            "R4",
            "nep",
            f"correlation {correlation:.2f} with gpp, day by day",
            f"above 0 at {site.name}, where energy limits uptake",
            "Is nep positive into the land?",
        )
    ]


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    spread = float(x.std() * y.std())
    if spread == 0.0:
        return float("nan")
    return float(((x - x.mean()) * (y - y.mean())).mean()) / spread


def _latent_heat(submission: Submission) -> list[Finding]:
    fluxes = submission.all_of("hfls", "tran", "evspsblsoi")
    if fluxes is None:
        return []
    heat, transpiration, soil = (float(flux.mean()) for flux in fluxes)
    vapour = _LATENT_HEAT * (transpiration + soil)
    if heat >= 0.9 * vapour:
        return []
    return [
        warning(
            "R5",
            "hfls",
            f"{heat:.3g} W m-2 in the mean",
            f"at least 0.9 * 2.45e6 * (tran + evspsblsoi) = {0.9 * vapour:.3g} W m-2",
        )
    ]


def _drift(submission: Submission) -> list[Finding]:
    soil = submission.all_of("cSoil")
    if soil is None or soil[0][0] <= 0.0:
        return []
    drift = float(soil[0][-1] / soil[0][0] - 1.0)
    if abs(drift) <= _DRIFT:
        return []
    found = f"{100 * drift:+.1f} % over the record"
    hint = "Was the spin-up long enough?"
    return [warning("R6", "cSoil", found, "within 2 %", hint)]


def _jumps(submission: Submission) -> list[Finding]:
    """Find states that jump where the year changes, and nowhere else as far."""
    axis = axis_of(submission)
    days = None if axis is None else axis.days
    if days is None:
        return []
    years = days.astype("datetime64[Y]")
    turn = years[1:] != years[:-1]
    if not turn.any() or turn.all():
        return []
    findings = []
    for name in ("mrso", "cSoil", "cLiveBioAbove", "lai"):
        values = submission.series.get(name)
        if values is None or values.size != days.size or np.isnan(values).any():
            continue
        step = np.abs(np.diff(values))
        at_turns, elsewhere = float(step[turn].max()), float(step[~turn].max())
        if at_turns > 3.0 * elsewhere + 1e-3 * float(np.abs(values).mean()):
            findings.append(
                warning(
                    "R6",
                    name,
                    f"a jump of {at_turns:.3g} at the end of a year; "
                    f"{elsewhere:.3g} at most on other days",
                    "a state that goes on from year to year",
                )
            )
    return findings
