"""Files of a folder are compared with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from callmip_submissions import made, renamed, with_attributes, with_values

from jobs.callmip.check_set import check_set, record_of
from jobs.callmip.findings import Level
from jobs.callmip.sites import sites_of


def file_of(site: str, stage: str, scenario: str = "Scen1") -> str:
    return f"Linear.v1_Phase1b_{scenario}_{site}_Cal_{stage}.nc"


@pytest.fixture(scope="module")
def outputs():
    """Records of a prior and a posterior at every calibration site."""
    return {
        (site, stage): record_of(made(file_of(site, stage)))
        for site in sites_of("Cal")
        for stage in ("Prior", "Posterior")
    }


def reported(records, level=Level.ERROR):
    return [f.check for f in check_set(records) if f.level is level]


def test_whole_outputs_have_no_finding(outputs):
    assert check_set(outputs.values()) == []


def test_twenty_sites_are_too_few(outputs):
    fewer = {k: r for k, r in outputs.items() if k != ("DE-Hai", "Prior")}
    (finding,) = check_set(fewer.values())
    assert (finding.check, finding.level) == ("P1", Level.ERROR)
    assert "DE-Hai" in finding.found


def test_a_site_twice_is_reported(outputs):
    assert reported([*outputs.values(), outputs["DE-Hai", "Prior"]]) == ["P1"]


def test_a_posterior_equal_to_its_prior_is_reported(outputs):
    same = replace(
        outputs["FI-Hyy", "Posterior"], digests=outputs["FI-Hyy", "Prior"].digests
    )
    assert reported({**outputs, ("FI-Hyy", "Posterior"): same}.values()) == ["P2"]


def test_a_posterior_that_keeps_its_streams_is_warned_of(outputs):
    prior, posterior = outputs["FI-Hyy", "Prior"], outputs["FI-Hyy", "Posterior"]
    kept = {name: prior.digests[name] for name in ("nep", "hfls", "hfss")}
    same = replace(posterior, digests={**posterior.digests, **kept})
    records = {**outputs, ("FI-Hyy", "Posterior"): same}.values()
    assert (reported(records), reported(records, Level.WARNING)) == ([], ["P2"])


def test_other_days_or_another_place_than_the_prior_are_reported(outputs):
    made_anew = made(file_of("FI-Hyy", "Posterior"))
    for name in ("time", "lat"):
        other = with_values(made_anew, name, lambda values: values + 1.0)
        records = {**outputs, ("FI-Hyy", "Posterior"): record_of(other)}
        assert reported(records.values()) == ["P1"]


def test_another_version_is_reported(outputs):
    prior = renamed(
        made(file_of("FI-Hyy", "Prior")), "Linear.v2_Phase1b_Scen1_FI-Hyy_Cal_Prior.nc"
    )
    records = {**outputs, ("FI-Hyy", "Prior"): record_of(prior)}
    assert set(reported(records.values())) == {"P1"}


def test_another_weather_than_the_prior_is_warned_of(outputs):
    one, two = (
        record_of(with_attributes(made(file_of("FI-Hyy", stage)), weather=weather))
        for stage, weather in (("Prior", "a"), ("Posterior", "b"))
    )
    both = {("FI-Hyy", "Prior"): one, ("FI-Hyy", "Posterior"): two}
    records = {**outputs, **both}.values()
    assert (reported(records), reported(records, Level.WARNING)) == ([], ["P2"])


def test_two_parameter_sets_for_a_plant_type_are_reported(outputs):
    records = {
        key: replace(
            record,
            attributes={
                "plant_type": "deciduous",
                "parameter_set": "b" if key == ("DE-Hai", "Posterior") else "a",
            },
        )
        for key, record in outputs.items()
    }
    assert reported(records.values()) == ["P3"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"calibration_sites": "DE-Hai US-Ha1"},
        {"calibration_streams": "nep, hfls, gpp"},
    ],
)
def test_a_calibration_on_what_the_protocol_withholds_is_reported(outputs, attributes):
    wrong = replace(outputs["DE-Hai", "Posterior"], attributes=attributes)
    assert reported({**outputs, ("DE-Hai", "Posterior"): wrong}.values()) == ["P4"]


def test_digests_follow_the_values():
    prior = made()
    other = with_values(prior, "ts", lambda ts: np.nextafter(ts, 1e3))
    one, two = record_of(prior).digests, record_of(other).digests
    assert {name for name in one if one[name] != two[name]} == {"ts"}
