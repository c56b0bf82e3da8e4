"""A made CalLMIP file that passes every check, in memory, to be broken by tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jobs.callmip.content import Content, Stored
from jobs.callmip.names import ROLES, Name, parse_name
from jobs.callmip.sites import SITES
from jobs.callmip.submission import Submission
from jobs.callmip.variables import SCENARIOS, VARIABLES

PRIOR = "Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc"
POSTERIOR = "Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_Posterior.nc"


def made(file: str = PRIOR, first_year: int = 2004) -> Submission:
    """A file that obeys the protocol; smooth seasons in the place of a model."""
    name, findings = parse_name(file)
    assert not findings
    site = SITES[name.site]
    first = site.first_year or first_year
    n_days = _n_days(first, site.n_years)
    phase = 2.0 * np.pi * (np.arange(n_days) - 100.0) / 365.25
    light = 0.5 + 0.5 * np.sin(phase)
    scale = 1.0 if name.stage == "Prior" else 1.1
    gpp, reco = scale * 1e-7 * light + 1e-10, 5e-8 * (0.2 + light)
    tran, evaporation = scale * 3e-5 * light, 5e-6 * (0.2 + light)
    series = {
        "nep": gpp - reco,
        "hfls": 2.5e6 * (tran + evaporation),
        "hfss": scale * 60.0 * light - 10.0,
        "gpp": gpp,
        "reco": reco,
        "tran": tran,
        "evspsblsoi": evaporation,
        "hfg": 8.0 * np.cos(phase),
        "ts": 275.0 + 15.0 * np.sin(phase),
        "lai": 1.0 + 3.0 * light,
        "cLiveBioAbove": 6.0 + 0.1 * light,
        "cSoil": 12.0 + 0.02 * light,
        "mrso": 900.0 - 200.0 * light,
        "mrsos": 30.0 - 15.0 * light,
    }
    variables = _coordinates(site, first, n_days)
    variables |= {key: _data(key, values) for key, values in series.items()}
    if name.stage == "Posterior":
        for key in SCENARIOS[name.scenario]:
            spread = np.full(n_days, 0.1 * series[key].std())
            variables[f"{key}_post_unc"] = _data(key, spread)
    content = Content(_global(name), {"lon": 1, "lat": 1, "time": n_days}, variables)
    return Submission(file, content, name)


def renamed(submission: Submission, file: str) -> Submission:
    """The same content under another name."""
    return Submission(file, submission.content, parse_name(file)[0])


def with_attributes(submission: Submission, **attributes: object) -> Submission:
    """Set global attributes; None takes one away."""
    own = {**submission.content.attributes, **attributes}
    own = {key: value for key, value in own.items() if value is not None}
    return _with(submission, attributes=own)


def with_variables(submission: Submission, **variables: Stored | None) -> Submission:
    """Set variables; None takes one away."""
    own = {**submission.content.variables, **variables}
    own = {key: value for key, value in own.items() if value is not None}
    return _with(submission, variables=own)


def with_dimensions(submission: Submission, **sizes: int) -> Submission:
    """Set sizes of dimensions."""
    return _with(submission, dimensions={**submission.content.dimensions, **sizes})


def changed(submission: Submission, name: str, **attributes: object) -> Submission:
    """Set attributes of a variable; None takes one away."""
    stored = submission.content.variables[name]
    own = {**stored.attributes, **attributes}
    own = {key: value for key, value in own.items() if value is not None}
    return with_variables(submission, **{name: replace(stored, attributes=own)})


def with_values(submission: Submission, name: str, change) -> Submission:
    """Change the values of a variable by a function."""
    stored = submission.content.variables[name]
    values = np.asarray(change(stored.values.copy()))
    return with_variables(submission, **{name: replace(stored, values=values)})


def first_days(submission: Submission, keep) -> Submission:
    """Keep some of the days, of every variable."""
    own = {
        key: replace(stored, values=stored.values[keep])
        if stored.dimensions[:1] == ("time",)
        else stored
        for key, stored in submission.content.variables.items()
    }
    n_days = own["time"].values.size
    return with_dimensions(_with(submission, variables=own), time=n_days)


def _with(submission: Submission, **parts: object) -> Submission:
    content = replace(submission.content, **parts)
    return Submission(submission.file, content, submission.name)


def _n_days(first: int, n_years: int) -> int:
    start, end = (
        np.datetime64(f"{first}-01-01"),
        np.datetime64(f"{first + n_years}-01-01"),
    )
    return int((end - start).astype(int))


def _global(name: Name) -> dict[str, object]:
    return {
        "Model": name.model,
        "CalLMIP_Phase": "Phase1b",
        "Calibration_Scenario": name.scenario,
        "Calibration_stage": name.stage,
        "Cal_Val": ROLES[name.role],
    }


def _coordinates(site, first: int, n_days: int) -> dict[str, Stored]:
    time = np.arange(n_days) + 0.5
    units = {
        "units": f"days since {first}-01-01 00:00:00",
        "calendar": "standard",
        "long_name": "time",
    }
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    return {
        "lat": Stored((), np.array(site.latitude), {}),
        "lon": Stored((), np.array(site.longitude), {}),
        "latitude": Stored(("lat",), np.array([round(site.latitude, 2)]), north),
        "longitude": Stored(("lon",), np.array([round(site.longitude, 2)]), east),
        "time": Stored(("time",), time, units),
    }


def _data(name: str, values: np.ndarray) -> Stored:
    return Stored(
        ("time", "lat", "lon"),
        values.reshape(-1, 1, 1),
        {
            "units": VARIABLES[name].units[0],
            "long_name": name,
            "_FillValue": np.float64(1e38),
            "coordinates": "latitude longitude",
        },
    )
