"""Simulations in other formats keep their numbers, signs and days."""

from __future__ import annotations

from types import SimpleNamespace

import linear_model
import numpy as np
import pytest
import xarray as xr

from jobs.inputs.posterior_runs import PosteriorRuns, exportable
from jobs.process_models.base import Output
from jobs.process_models.output_table import CMIP, CMIP_TABLES, UNITS
from jobs.standards.efi import write_efi
from jobs.standards.ilamb import write_ilamb
from jobs.standards.pecan import write_pecan
from jobs.standards.place import Place, safe_name

PER_SECOND = 1.0 / 86400.0 / 1000.0


def outputs_of(gpp: xr.DataArray) -> xr.Dataset:
    series = {name: 0.3 * gpp + 1.0 for name in UNITS} | {"gpp": gpp, "er": 0.6 * gpp}
    series["nee"] = series["er"] - series["gpp"]
    return xr.Dataset(
        {name: series[name].assign_attrs(units=unit) for name, unit in UNITS.items()}
    )


@pytest.fixture
def place():
    """Two years and a day, one missing; the longitude is west of Greenwich."""
    time = np.arange("2003-01-01", "2005-01-02", dtype="datetime64[D]")
    values = 5.0 + np.sin(np.arange(time.size) / 58.0)
    values[40] = np.nan  # a day of February 2003
    gpp = xr.DataArray(values, dims="time", coords={"time": time})
    factor = xr.DataArray([0.5, 1.0, 1.5], dims="sample")
    runs = PosteriorRuns(
        {"vmax": 4e-5}, outputs_of(gpp), outputs_of(1.2 * gpp), outputs_of(factor * gpp)
    )
    return Place("US-UMB", 45.56, -84.71, "IBIS-DALEC", "1.0", "a run", ("gpp",), runs)


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def test_ilamb_has_whole_months_only(place, tmp_path):
    files = {p.name.split("_")[0]: p for p in write_ilamb(place, tmp_path)
             if p.parent.parent.name == "posterior"}  # fmt: skip
    assert set(files) == set(CMIP) == set(CMIP_TABLES)
    assert files["gpp"].name == (
        "gpp_Lmon_IBIS-DALEC_posterior_US-UMB_200301-200412.nc"
    )
    gpp, nep = opened(files["gpp"]), opened(files["nep"])
    assert gpp["gpp"].dims == ("time", "lat", "lon")
    assert gpp.sizes["time"] == 24  # the one day of 2005 is no month
    assert float(gpp["lon"][0]) == pytest.approx(275.29)
    assert gpp["time_bnds"].dtype.kind == "M"
    assert gpp["time_bnds"].to_numpy()[0].astype("datetime64[D]").tolist() == [
        np.datetime64(day).item() for day in ("2003-01-01", "2003-02-01")
    ]
    with xr.open_dataset(files["gpp"], engine="h5netcdf", decode_times=False) as raw:
        assert raw["time"].attrs["units"] == "days since 2003-01-01"
        assert "units" not in raw["time_bnds"].attrs  # those of the time
        assert raw["time_bnds"].to_numpy()[0].tolist() == [0.0, 31.0]
        assert raw["time"].to_numpy()[0] == 15.0
    whole = place.runs.posterior["gpp"].sel(time="2004-03")
    march = gpp["gpp"].sel(time="2004-03").item()
    assert march == pytest.approx(float(whole.mean()) * PER_SECOND, rel=1e-12)
    # A month with a day that could not be computed is missing, not smaller.
    assert np.isnan(gpp["gpp"].sel(time="2003-02").item())
    nee = place.runs.posterior["nee"].sel(time="2004-07").mean()
    july = nep["nep"].sel(time="2004-07").item()
    assert july == pytest.approx(-float(nee) * PER_SECOND, rel=1e-12)
    assert (nep["nep"].attrs["positive"], nep["nep"].attrs["units"]) == (
        "down", "kg m-2 s-1",
    )  # fmt: skip
    assert gpp["gpp"].attrs["cell_methods"] == "area: mean where land time: mean"
    assert gpp["gpp"].encoding["_FillValue"] == 1e20


def test_pecan_has_a_file_a_year(place, tmp_path):
    paths = list(write_pecan(place, tmp_path))
    names = [p.relative_to(tmp_path).as_posix() for p in paths]
    assert names[:3] == [f"US-UMB/prior/{year}.nc" for year in (2003, 2004, 2005)]
    with xr.open_dataset(paths[1], engine="h5netcdf", decode_times=False) as data:
        assert data["time"].attrs["units"] == "days since 2004-01-01 00:00:00 UTC"
        assert data["time"].to_numpy()[[0, -1]].tolist() == [0.5, 365.5]
        assert data["time_bounds"].to_numpy()[0].tolist() == [0.0, 1.0]
        gap = data["HeteroResp"] + data["AutoResp"] - data["TotalResp"]
        assert gap.dims == ("time", "lat", "lon")
        assert data["NEE"].attrs["positive"] == "up"
    last = opened(paths[-1])
    wanted = place.runs.posterior["nee"].isel(time=-1).item() * PER_SECOND
    assert last["NEE"].item() == pytest.approx(wanted, rel=1e-12)
    assert last["NEE"].attrs["units"] == "kg C m-2 s-1"


def test_efi_has_the_members_last(place, tmp_path):
    (path,) = write_efi(place, tmp_path)
    data = opened(path)
    assert data["nee"].dims == ("datetime", "site_id", "parameter")
    assert data["parameter"].to_numpy().tolist() == [1, 2, 3]
    assert str(data["datetime"].to_numpy()[0])[:16] == "2003-01-01T12:00"
    wanted = place.runs.members["nee"].isel(sample=2, time=7).item() * PER_SECOND
    assert data["nee"].to_numpy()[7, 0, 2] == pytest.approx(wanted, rel=1e-12)
    assert data["nee"].attrs["positive"] == "up"
    assert data.attrs["family"] == "ensemble"
    assert not data["forecast"].any()
    assert not data["data_assimilation"].any()


def test_names_stay_within_their_folder():
    assert safe_name("../../etc") == "-..-etc"
    assert "/" not in safe_name("a/b\\c")
    assert safe_name("..") == "place"


def test_outputs_of_other_units_are_not_taken():
    outputs = {"gpp": Output("umol m-2 s-1"), "lai": Output("1"), "x": Output("1")}
    assert exportable(SimpleNamespace(outputs=outputs)) == ("lai",)


@pytest.fixture
def right_units(small_process_model, monkeypatch):
    """The linear model with each output in its unit."""
    import ibis_dalec

    def simulate_batch(forcing, parameters, *, outputs, **options):
        made = linear_model.simulate_batch(forcing, parameters, outputs=("gpp", "lai"))
        every = outputs_of(made["gpp"]).assign(lai=made["lai"])
        return every[list(outputs)]

    monkeypatch.setattr(ibis_dalec, "simulate_batch", simulate_batch)


def test_a_calibrated_run_is_written_for_others(
    run_path, edit, right_units, masm_command
):
    edit(run_path, "method: published", "method: esmda")
    edit(run_path, "{n_iterations: 6, n_draws: 4000, n_steps: 1000, "
         "n_initial_per_parameter: 15}", "{n_members: 60, n_steps: 2}")  # fmt: skip
    answer = masm_command("export", run_path, "--for", "ilamp")
    assert answer.exit_code == 2
    assert "ilamb" in answer.output
    assert masm_command("export", run_path, "--for", "efi").exit_code == 2
    assert not (run_path / "export").exists()  # nothing before it is calibrated
    assert masm_command("export", run_path, "--pixel", "0").exit_code == 2
    assert masm_command("calibrate", run_path).exit_code == 0
    for standard, n_files in (("ilamb", 2 * len(CMIP)), ("pecan", 4), ("efi", 1)):
        answer = masm_command("export", run_path, "--for", standard)
        assert answer.exit_code == 0, answer.output
        files = "1 file" if n_files == 1 else f"{n_files} files"
        assert f"wrote {files} of 1 pixel to" in answer.output
        files = sorted((run_path / "export" / standard).rglob("*.nc"))
        assert len(files) == n_files
    data = opened(files[0])
    (run_path / "callmip").symlink_to(run_path.parent)  # would be written through
    answer = masm_command("export", run_path, "--for", "efi")
    assert answer.exit_code == 2
    assert "callmip" in answer.output
    assert data.sizes["parameter"] == 50
    assert int(data["datetime"].dt.year[0]) == 2002  # the year that spins up is not in
    assert float(data["gpp"].std("parameter").max()) > 0.0
