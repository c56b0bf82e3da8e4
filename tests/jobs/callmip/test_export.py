"""A rehearsal has the form of a submission, and nobody can take it for one."""

from __future__ import annotations

import linear_model
import numpy as np
import pytest
import xarray as xr

from jobs.callmip.check import check_path, check_submission
from jobs.callmip.content import read_content
from jobs.callmip.findings import Level
from jobs.callmip.names import Name, parse_name
from jobs.callmip.rehearsal import Origin, rehearse
from jobs.callmip.submission import Submission
from jobs.process_models.output_table import CALLMIP, FORMATS, UNITS

PLACE = {"name: somewhere": "name: DE-Hai", "latitude: 42.5": "latitude: 51.0792"}
PLACE["longitude: -72.2"] = "longitude: 10.4530"


def outputs_of(gpp: xr.DataArray) -> xr.Dataset:
    """Every output that the table knows, in its unit, from GPP."""
    series = {name: 0.3 * gpp + 1.0 for name in UNITS} | {"gpp": gpp, "er": 0.6 * gpp}
    series["nee"] = series["er"] - series["gpp"]
    series["skin_temperature"] = 280.0 + gpp
    series["latent_heat"] = 20.0 * gpp
    series["soil_water"] = 500.0 + 10.0 * gpp
    return xr.Dataset(
        {name: series[name].assign_attrs(units=unit) for name, unit in UNITS.items()}
    )


@pytest.fixture
def simulated():
    time = np.arange("2000-01-01", "2013-01-01", dtype="datetime64[D]")
    light = 0.5 + 0.5 * np.sin(2 * np.pi * (np.arange(time.size) - 100) / 365.25)
    return outputs_of(xr.DataArray(8.0 * light, dims="time", coords={"time": time}))


def origin_at(site="DE-Hai", streams=("nee",)):
    return Origin("Linear.v1", site, 51.0792, 10.4530, streams, {})


def ids(content, origin, stage):
    file = str(origin.name(stage))
    return {
        f.check
        for f in check_submission(Submission(file, content, parse_name(file)[0]))
        if f.level is Level.ERROR
    }


def test_a_rehearsal_breaks_nothing_but_what_it_must(simulated):
    members = xr.concat([simulated, 1.1 * simulated], "sample")
    for name in members.data_vars:
        members[name].attrs["units"] = UNITS[name]
    origin = origin_at()
    prior = rehearse(origin, "Prior", simulated)
    posterior = rehearse(origin, "Posterior", simulated, members)
    assert ids(prior, origin, "Prior") == {"P5"}  # it is a rehearsal
    assert ids(posterior, origin, "Posterior") == {"P5"}
    assert "nep_post_unc" in posterior.variables
    assert "hfss_post_unc" not in posterior.variables  # scenario 2 is NEE alone
    assert (origin.scenario, origin_at(streams=("gpp",)).scenario) == ("Scen2", "Scen1")


def test_nep_is_minus_nee(simulated):
    content = rehearse(origin_at(), "Prior", simulated)
    nep = content.variables["nep"].values.ravel()
    wanted = -simulated["nee"].to_numpy() / 86400.0 / 1000.0
    np.testing.assert_allclose(nep, wanted, rtol=1e-12)
    assert content.variables["nep"].attributes["positive"] == "down"


def test_a_member_that_failed_shows(simulated):
    members = xr.concat([simulated, np.nan * simulated], "sample")
    for name in members.data_vars:
        members[name].attrs["units"] = UNITS[name]
    origin = origin_at()
    content = rehearse(origin, "Posterior", simulated, members)
    assert "U1" in ids(content, origin, "Posterior")


def test_an_output_in_another_unit_is_refused(simulated):
    simulated["nee"].attrs["units"] = "umol m-2 s-1"
    with pytest.raises(ValueError, match=r"nee.*umol"):
        CALLMIP["nep"].of(simulated)


@pytest.mark.parametrize("community", FORMATS)
def test_every_format_keeps_units_and_signs(community, simulated):
    table = FORMATS[community]
    for name, target in table.items():
        found = target.of(simulated)
        assert found.attrs["units"] == target.units
        assert set(target.parts) <= set(UNITS), name
        assert np.isfinite(found).all()
    day = simulated.isel(time=200)
    uptake = {"callmip": "nep", "cmip": "nep", "pecan": "NEE", "efi": "nee"}[community]
    sign = -1.0 if table[uptake].positive == "up" else 1.0
    assert sign * float(table[uptake].of(day)) > 0.0  # a summer day takes up carbon
    production = table["GPP" if community == "pecan" else "gpp"].of(day)
    assert float(production) == pytest.approx(float(day["gpp"]) / 86.4e6)


def test_names_of_rehearsals_are_marked():
    name = origin_at().name("Posterior")
    assert str(name) == "rehearsal-Linear.v1_Phase1b_Scen2_DE-Hai_Cal_Posterior.nc"
    assert parse_name(str(name)) == (name, [])
    assert isinstance(name, Name)


@pytest.fixture
def right_units(small_process_model, monkeypatch):
    """The linear model with each output in its unit."""
    import ibis_dalec

    def simulate_batch(forcing, parameters, *, outputs, **options):
        made = linear_model.simulate_batch(forcing, parameters, outputs=("gpp", "lai"))
        every = outputs_of(made["gpp"]).assign(lai=made["lai"])
        return every[list(outputs)]

    monkeypatch.setattr(ibis_dalec, "simulate_batch", simulate_batch)


def test_a_run_at_a_tower_is_rehearsed(run_path, edit, right_units, masm_command):
    for old, new in PLACE.items():
        edit(run_path, old, new)
    assert masm_command("callmip", "export", run_path).exit_code == 2  # no posterior
    assert masm_command("calibrate", run_path).exit_code == 0
    answer = masm_command("callmip", "export", run_path)
    assert answer.exit_code == 0, answer.output
    files = sorted((run_path / "callmip").rglob("*.nc"))
    assert [path.name.split("_")[-1] for path in files] == ["Posterior.nc", "Prior.nc"]
    assert all(path.name.startswith("rehearsal-IBIS-DALEC.") for path in files)
    posterior, prior = map(read_content, files)
    assert "nep_post_unc" in posterior.variables
    nep, reco, gpp = (posterior.variables[n].values for n in ("nep", "reco", "gpp"))
    np.testing.assert_allclose(nep, gpp - reco, atol=1e-20)
    assert not np.array_equal(gpp, prior.variables["gpp"].values)
    spread = posterior.variables["nep_post_unc"].values
    assert (spread >= 0.0).all()
    assert spread.max() > 0.0
    # The run is of gpp and lai on three years of weather of its own.
    assert {f.check for f in check_path(run_path / "callmip")[1]} >= {"P1", "P4", "P5"}
    for path in (run_path / "callmip", run_path):
        answer = masm_command("callmip", "check", path)
        assert answer.exit_code == 2
        assert "files 2" in answer.output


def test_another_vegetation_is_refused(run_path, edit, right_units, masm_command):
    answer = masm_command("callmip", "export", run_path)
    assert answer.exit_code == 2
    edit(run_path, "name: somewhere", "name: FI-Hyy")
    answer = masm_command("callmip", "export", run_path)
    assert answer.exit_code == 2
    assert "FI-Hyy" in answer.output
