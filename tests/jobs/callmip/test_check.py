"""A file that obeys the protocol passes; each break is reported with its check's id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from callmip_submissions import (
    POSTERIOR,
    changed,
    first_days,
    made,
    renamed,
    with_attributes,
    with_dimensions,
    with_values,
    with_variables,
)

from jobs.callmip.check import check_path, check_submission
from jobs.callmip.content import Stored
from jobs.callmip.findings import Level
from jobs.callmip.sites import SITES, sites_of

TEMPLATE = (
    Path(__file__).parents[3].parent
    / "shared/data/callmip/template/CLASSIC.v2_Phase1b_Scen1_DK-Sor_Cal_Prior.nc"
)


def reported(submission, level=Level.ERROR) -> set[str]:
    """Ids of the findings of a level."""
    return {f.check for f in check_submission(submission) if f.level is level}


@pytest.fixture
def prior():
    return made()


@pytest.fixture
def posterior():
    return made(POSTERIOR)


@pytest.mark.parametrize(
    "file",
    [
        "Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc",
        POSTERIOR,
        "Linear.v1.2_Phase1b_Scen5_US-SRG_Cal_Posterior.nc",
        "L-3.v1_Phase1b_Scen1_US-GLE_Val_Prior.nc",
        "L-3.v1_Phase1b_Scen3_AU-ASM_Val_Posterior.nc",
    ],
)
def test_a_file_that_obeys_the_protocol_has_no_finding(file):
    assert check_submission(made(file)) == []


@pytest.mark.skipif(not TEMPLATE.exists(), reason="the template is not beside us")
def test_the_template_has_one_warning_and_one_information():
    _, findings = check_path(TEMPLATE)
    assert [(f.level.value, f.check) for f in findings] == [
        ("information", "D3"),
        ("warning", "V2"),
    ]
    assert "cSoil" in findings[1].where


@pytest.mark.parametrize(
    ("file", "check"),
    [
        ("Linear.v1_Phase1b_Scen1_CA-Qfo_Prior_Cal.nc", "N1"),
        ("Linear.v1_Phase1a_Scen1_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen7_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen01_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_CA-QFO_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_US-Ha2_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_CA-Qfo_Calibration_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_prior.nc", "N1"),
        ("Linear_v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear_b.v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear v1.1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc4", "N1"),
        ("output.nc", "N1"),
        ("Linear.v1_Phase1b_Scen1_AU-How_Cal_Prior.nc", "N2"),
        ("Linear.v1_Phase1b_Scen1_CA-Qfo_Val_Prior.nc", "N2"),
        ("rehearsal-Linear.v1_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc", "P5"),
        ("Linear.v2_Phase1b_Scen1_CA-Qfo_Cal_Prior.nc", "A1"),
    ],
)
def test_a_wrong_name_is_reported(prior, file, check):
    assert check in reported(renamed(prior, file))


def test_a_prior_of_another_scenario_is_warned_of():
    prior = made("Linear.v1_Phase1b_Scen2_CA-Qfo_Cal_Prior.nc")
    assert reported(prior) == set()
    assert reported(prior, Level.WARNING) == {"N3"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"Cal_Val": "Cal"},
        {"Cal_Val": "Validation"},
        {"Calibration_stage": None, "Calibration_Stage": "Prior"},
        {"Calibration_stage": "prior"},
        {"Calibration_Scenario": "1"},
        {"CalLMIP_Phase": "Phase1a"},
        {"Model": "Linear"},
        {"Model": np.float64(1.0)},
        {"Cal_Val": "Calibration "},
    ],
)
def test_a_wrong_attribute_is_reported(prior, attributes):
    assert reported(with_attributes(prior, **attributes)) == {"A1"}


def test_an_old_attribute_is_information(prior):
    old = with_attributes(prior, CalLMIP_Expt="Prior")
    assert reported(old) == set()
    assert reported(old, Level.INFORMATION) == {"A2"}


def test_a_mark_of_rehearsal_anywhere_is_refused(prior):
    assert reported(with_attributes(prior, note="a Rehearsal only")) == {"P5"}
    assert reported(with_attributes(prior, rehearsal="yes")) == {"P5"}
    assert reported(changed(prior, "ts", comment="REHEARSAL")) == {"P5"}


def test_dimensions_in_another_order_are_reported(prior):
    gpp = prior.content.variables["gpp"]
    turned = Stored(
        ("lat", "lon", "time"), np.moveaxis(gpp.values, 0, 2), gpp.attributes
    )
    assert reported(with_variables(prior, gpp=turned)) == {"D1"}


def test_further_dimensions_are_reported(prior):
    bounds = Stored(("time", "bnds"), np.zeros((2557, 2)), {})
    grown = with_dimensions(with_variables(prior, time_bnds=bounds), bnds=2)
    assert reported(grown) == {"D1"}


def test_other_names_of_dimensions_are_reported(prior):
    content = prior.content
    named = {"time": "time", "lat": "latitude", "lon": "longitude"}
    variables = {
        key: replace(stored, dimensions=tuple(named[d] for d in stored.dimensions))
        for key, stored in content.variables.items()
    }
    sizes = {named[key]: size for key, size in content.dimensions.items()}
    other = replace(content, variables=variables, dimensions=sizes)
    assert reported(replace(prior, content=other)) == {"D1"}


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("lat", Stored(("n",), np.array([b"4", b"9"], dtype="S1"), {})),
        ("lat", Stored((), np.array("49.69", dtype=object), {})),
        ("lon", Stored(("n",), np.array([-74.3421, -74.3421]), {})),
        ("lon", Stored((), np.array(np.nan), {})),
        ("lat", None),
    ],
)
def test_a_place_that_is_not_one_number_is_reported(prior, name, stored):
    broken = with_variables(prior, **{name: stored})
    if stored is not None and "n" in stored.dimensions:
        broken = with_dimensions(broken, n=2)
    assert reported(broken) == {"D2"}


def test_a_place_as_array_of_one_is_warned_of(prior):
    one = Stored(("lat",), np.array([49.6925]), {})
    broken = with_variables(prior, lat=one)
    assert (reported(broken), reported(broken, Level.WARNING)) == (set(), {"D2"})


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("lat", 49.6925 + 0.2, Level.ERROR),
        ("lat", 49.6925 + 0.02, Level.WARNING),
        ("lat", 49.6925 + 0.002, Level.INFORMATION),
        ("lon", 360.0 - 74.3421, Level.ERROR),
        ("lon", 74.3421, Level.ERROR),
    ],
)
def test_another_place_is_reported(prior, name, value, level):
    moved = with_values(prior, name, lambda old: np.array(value))
    assert "D3" in reported(moved, level)


def test_absent_latitude_is_warned_of(prior):
    broken = with_variables(prior, latitude=None)
    assert (reported(broken), reported(broken, Level.WARNING)) == (set(), {"D4"})
    assert reported(changed(prior, "longitude", units=None), Level.WARNING) == {"D4"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"calendar": "noleap"},
        {"calendar": "365_day"},
        {"units": "hours since 2004-01-01 00:00:00"},
        {"units": "days since 1 January 2004"},
        {"units": "days since 2004-13-01"},
        {"units": "seconds since 2004-01-01"},
        {"units": None},
    ],
)
def test_a_wrong_form_of_time_is_reported(prior, attributes):
    assert reported(changed(prior, "time", **attributes)) == {"T1"}


def test_absent_leap_days_are_reported(prior):
    noleap = first_days(prior, np.arange(2557) < 2555)
    assert reported(noleap) == {"T3"}
    assert reported(changed(noleap, "time", calendar="noleap")) == {"T1", "T3"}


def test_stamps_between_are_reported(prior):
    assert reported(with_values(prior, "time", lambda t: t - 0.5 + 11 / 24)) == {"T2"}
    assert reported(with_values(prior, "time", lambda t: t * 24.0)) >= {"T2"}


def test_a_gap_and_a_repeated_day_are_reported(prior):
    assert reported(first_days(prior, np.arange(2557) != 900)) == {"T2", "T3"}

    def repeat(time):
        time[900] = time[899]
        return time

    assert reported(with_values(prior, "time", repeat)) == {"T2"}


def test_a_day_short_is_reported(prior):
    assert reported(first_days(prior, np.arange(2557) < 2556)) == {"T3"}
    assert reported(first_days(prior, np.arange(2557) > 0)) == {"T3"}
    validation = made("Linear.v1_Phase1b_Scen1_US-GLE_Val_Prior.nc")
    assert reported(first_days(validation, np.arange(2192) < 2191)) == {"T3"}


def test_a_record_of_other_years_is_reported(prior):
    assert reported(changed(prior, "time", units="days since 2005-01-01")) == {"T3"}


def test_one_two_three_is_a_day_late(prior):
    late = with_values(prior, "time", lambda time: time + 0.5)
    assert (reported(late), reported(late, Level.WARNING)) == (set(), {"T3"})
    template = changed(late, "time", units="days since 2003-12-31 00:00")
    assert check_submission(template) == []
    assert check_submission(with_values(prior, "time", lambda t: t - 0.5)) == []
    assert reported(with_values(prior, "time", lambda t: t + 1.0)) == {"T3"}


def test_time_of_another_century_is_reported_and_does_not_crash(prior):
    for units in ("days since 0001-01-01", "days since 9999-01-01"):
        assert reported(changed(prior, "time", units=units)) == {"T3"}
    assert "T3" in reported(with_values(prior, "time", lambda time: time * 86400.0))


def test_a_missing_variable_is_reported(prior):
    assert reported(with_variables(prior, mrsos=None)) == {"V1"}
    no_heat = with_variables(prior, hfg=None)
    assert (reported(no_heat), reported(no_heat, Level.WARNING)) == (set(), {"V1"})
    gpp = prior.content.variables["gpp"]
    assert "V1" in reported(with_variables(prior, gpp=None, GPP=gpp))


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("gpp", "kgC/m2/s"),
        ("gpp", "kg m-2 s-1"),
        ("lai", "m2/m2"),
        ("lai", np.int32(1)),
        ("ts", "degC"),
        ("hfls", None),
        ("cSoil", "kgC m-2"),
        ("tran", "mm d-1"),
    ],
)
def test_a_wrong_unit_is_reported(prior, name, units):
    assert reported(changed(prior, name, units=units)) == {"V2"}


@pytest.mark.parametrize("units", ["kg m-2\u200b", "\ufeffkg m-2", "kg m-2 "])
def test_characters_that_do_not_show_are_warned_of(prior, units):
    broken = changed(prior, "cSoil", units=units)
    assert (reported(broken), reported(broken, Level.WARNING)) == (set(), {"V2"})


def test_both_units_of_lai_are_right(prior):
    assert check_submission(changed(prior, "lai", units="m2 m-2")) == []


def test_a_careless_form_is_warned_of(prior):
    for broken in (
        changed(prior, "ts", _FillValue=None),
        changed(prior, "ts", long_name=None),
        with_values(prior, "mrso", lambda old: np.round(old).astype("i4")),
    ):
        assert (reported(broken), reported(broken, Level.WARNING)) == (set(), {"V3"})


@pytest.mark.parametrize("hole", [np.nan, np.inf, 1e38, 9.96921e36])
def test_a_missing_value_is_reported(prior, hole):
    def pierce(values):
        values[100] = hole
        return values

    assert reported(with_values(prior, "ts", pierce)) == {"V4"}


def test_a_fill_code_that_was_not_declared_is_reported(prior):
    def pierce(values):
        values[100] = -9999.0
        return values

    assert reported(with_values(prior, "hfss", pierce)) == {"R1", "V4"}
    declared = changed(prior, "hfss", missing_value=np.float64(-9999.0))
    assert reported(with_values(declared, "hfss", pierce)) == {"V4"}


def test_ground_heat_may_be_missing_throughout(prior):
    empty = with_values(prior, "hfg", lambda old: np.full_like(old, 1e38))
    assert (reported(empty), reported(empty, Level.WARNING)) == (set(), {"V4"})


def test_a_constant_is_reported(prior):
    assert reported(with_values(prior, "hfg", lambda old: 0.0 * old)) == {"V5"}
    assert reported(with_values(prior, "mrsos", lambda old: 0.0 * old + 20.0)) == {"V5"}
    assert reported(with_values(prior, "cSoil", lambda old: 0.0 * old + 9.0)) == set()


@pytest.mark.parametrize(
    ("name", "factor", "shift", "checks"),
    [
        ("nep", -1.0, 0.0, {"R3"}),
        ("gpp", 1e3, 0.0, {"R1", "R2", "R3"}),
        ("gpp", 86400.0, 0.0, {"R1", "R2", "R3"}),
        ("gpp", 1e-3, 0.0, {"R2", "R3"}),
        ("gpp", -1.0, 0.0, {"R1", "R2", "R3"}),
        ("tran", 86400.0, 0.0, {"R1"}),
        ("ts", 1.0, -273.15, {"R1", "R2"}),
        ("cSoil", 1e3, 0.0, {"R1"}),
        ("cLiveBioAbove", 1e3, 0.0, {"R1"}),
        ("hfls", 86400.0, 0.0, {"R1"}),
        ("mrso", 0.01, 0.0, {"R1"}),
        ("lai", -1.0, 0.0, {"R1"}),
    ],
)
def test_a_wrong_scale_or_sign_is_reported(prior, name, factor, shift, checks):
    assert reported(with_values(prior, name, lambda v: v * factor + shift)) == checks


def test_all_carbon_per_day_is_reported(prior):
    for name in ("gpp", "reco", "nep"):
        prior = with_values(prior, name, lambda values: values * 86400.0)
    assert reported(prior) == {"R1", "R2"}


def test_an_opposite_nep_is_reported_as_such(prior):
    (found,) = check_submission(with_values(prior, "nep", lambda nep: -nep))[:1]
    assert (found.check, "sign of NEE" in found.hint) == ("R3", True)


def test_doubtful_physics_is_warned_of(prior):
    def repaired(name, change):
        return reported(with_values(prior, name, change), Level.WARNING)

    assert repaired("hfls", lambda heat: 0.5 * heat) == {"R5"}
    drift = np.linspace(1.0, 1.03, 2557).reshape(-1, 1, 1)
    assert repaired("cSoil", lambda pool: pool * drift) == {"R6"}
    jump = np.where(np.arange(2557) < 366, 0.0, 50.0).reshape(-1, 1, 1)
    assert repaired("mrso", lambda water: water + jump) == {"R6"}
    assert repaired("mrsos", lambda water: water / 100.0) == {"R2"}


def test_uptake_at_the_wrong_season_is_warned_of(prior):
    def swap(sign):
        gpp = prior.content.variables["gpp"].values
        return with_values(
            with_values(prior, "reco", lambda old: gpp - sign * (gpp - gpp.mean())),
            "nep",
            lambda old: sign * (gpp - gpp.mean()),
        )

    assert "R4" not in reported(swap(0.3), Level.WARNING)
    assert "R4" in reported(swap(-0.3), Level.WARNING)


def test_an_uncertainty_belongs_to_a_posterior(prior, posterior):
    assert reported(with_variables(posterior, hfls_post_unc=None)) == {"U1"}
    spread = posterior.content.variables["hfls_post_unc"]
    assert reported(with_variables(prior, hfls_post_unc=spread)) == {"U1"}
    assert reported(changed(posterior, "nep_post_unc", units="g m-2")) == {"U1"}
    for change in (
        lambda spread: 0.0 * spread,
        lambda spread: -spread,
        lambda spread: np.nan * spread,
    ):
        assert reported(with_values(posterior, "hfss_post_unc", change)) == {"U1"}
    one = Stored(("time",), spread.values.ravel(), spread.attributes)
    assert "U1" in reported(with_variables(posterior, hfls_post_unc=one))


def test_a_scale_of_uncertainty_beyond_measure_is_warned_of(posterior):
    for factor in (1e-3, 100.0):
        odd = with_values(posterior, "nep_post_unc", lambda s, f=factor: s * f)
        assert (reported(odd), reported(odd, Level.WARNING)) == (set(), {"U2"})


def test_there_are_21_and_10_sites():
    assert (len(sites_of("Cal")), len(sites_of("Val"))) == (21, 10)
    assert (SITES["DE-Hai"].n_years, SITES["DE-Hai"].first_year) == (13, 2000)
