"""A reanalysis of a tiny synthetic network: budgets, restarts, kills, bad input."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.cli.reanalyse import check_run
from jobs.config.run_kinds import REANALYSIS
from jobs.errors import ConfigError
from jobs.netcdf_files import read_netcdf
from jobs.run.reanalysis_run import open_reanalysis
from jobs.run.run import open_run, start
from jobs.run.run_kind import kind_of
from jobs.stages.reanalysis import read_inputs, reanalyse, steps_left
from jobs.stages.reanalysis.prepare import check_weather
from jobs.stages.reanalysis.twin import Network, other_truths, write_twin

CONFIG = """\
name: a tiny network
seed: 3
model: {name: sipnet}
reanalysis:
  years: 2001-2002
  members: 4
  outputs: [nee, ra]
  drivers: {perturbation: {temperature: 0.5, precipitation: 0.1}}
  parameters: {prior: {aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}
  initial_pools: initial_pools.csv
  filter:
    name: letkf
    process_error: {above_ground_wood: 150, lai: 0.2, soil_carbon: 150}
  sites_per_task: 1
  truth: truth.csv
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network with its files, not started."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "config.yaml").write_text(CONFIG)
    write_twin(open_reanalysis(folder), Network(n_sites=2, unobserved={"lai": 1}))
    return folder


@pytest.fixture
def network(made, tmp_path):
    folder = tmp_path / "net"
    shutil.copytree(made, folder)
    return folder


@pytest.fixture(scope="module")
def done(made, tmp_path_factory):
    """The same network, run to its end."""
    folder = tmp_path_factory.mktemp("done") / "net"
    shutil.copytree(made, folder)
    run = open_reanalysis(folder)
    assert reanalyse(run)
    return run


def edit(folder: Path, old: str, new: str, name: str = "config.yaml") -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def cycles_of(run):
    return [read_netcdf(run.analysis(one.number)) for one in run.cycles]


def test_the_truth_of_the_runs_own_seed_is_the_one_in_its_file(made):
    run = open_reanalysis(made)
    seed = run.config.seed
    network = Network(n_sites=2, unobserved={"lai": 1})
    own, other = other_truths(run, network, [seed, seed + 1])
    written = pd.read_csv(made / "truth.csv", comment="#")[list(run.states)].to_numpy()
    np.testing.assert_allclose(own.reshape(written.shape), written, rtol=1e-5)
    assert np.all(np.abs(other / own - 1.0).max(axis=(0, 1)) > 1e-3)


def test_a_run_leaves_every_cycle_on_disk(done):
    assert steps_left(done, 2) == (0, 0)
    first, second, tail = cycles_of(done)
    assert first["increment"].dims == ("member", "site", "state")
    assert np.isfinite(first["observation"]).sum() == 2  # wood; LAI from year 2
    assert np.isfinite(second["observation"]).sum() == 3
    assert abs(second["increment"]).sum() > 0.0
    assert tail.attrs["filter"] == "none"
    assert abs(tail["increment"]).sum() == 0.0
    np.testing.assert_allclose(first["weight"].sum("member"), 1.0)
    fluxes = read_netcdf(done.fluxes(1))
    assert fluxes["nee"].sizes["time"] == 365
    assert np.isfinite(fluxes["nee_quantiles"]).all()


def test_members_go_on_from_what_the_analysis_left(done):
    """Carbon before, plus what the analysis added, is carbon after: all is booked."""
    pools = ["wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil",
             "litter"]  # fmt: skip
    entries = list(done.model.state_entries)
    columns = [entries.index(name) for name in pools]
    for block in range(2):
        before = read_netcdf(done.forecast(0, block))["whole_state"].to_numpy()
        after = read_netcdf(done.restart(0, block))["whole_state"].to_numpy()
        added = read_netcdf(done.analysis(0))["carbon_added"].to_numpy()[block]
        change = (after - before)[0][:, columns].sum(axis=1)
        np.testing.assert_allclose(change, added, atol=1e-6)
        assert np.abs(added).max() > 1.0
        analysed = read_netcdf(done.analysis(0))["analysis"].isel(site=block)
        values = done.model.analysed_of(after[0], {})
        np.testing.assert_allclose(values, analysed.to_numpy(), rtol=1e-9)


def test_without_a_filter_the_run_is_that_of_the_model_left_alone(network):
    """A year in two halves, states written and read, is the model's own year."""
    edit(network, "name: letkf", "name: none")
    run = open_reanalysis(network)
    assert reanalyse(run)
    from jobs.config.process_model import model_of
    from jobs.stages.reanalysis.forecast import parameters_of
    from jobs.stages.reanalysis.members import perturbed

    members = read_netcdf(run.members).isel(site=1)
    weather = read_netcdf(run.weather("site001")).isel(source=0, drop=True)
    rule = run.section.drivers.perturbation
    mine = perturbed(weather, rule, 2, 4, run.config.seed)
    drivers = (
        model_of(run.config)
        .drivers(mine, "one member")
        .sel(time=slice("2001-01-01", "2002-12-31"))
    )
    parameters = parameters_of(members, np.array([2]))
    pools = {
        name: members[f"initial_{name}"].to_numpy()[[2]] for name in run.model.analysed
    }
    whole = run.model.run_members([drivers], parameters, ["nee"], pools=pools)
    last = read_netcdf(run.forecast(2, 1))
    # Drivers of a part are made with a year before it, not with all of the past.
    np.testing.assert_allclose(
        last["whole_state"].to_numpy()[0, 2], whole.state[0], rtol=1e-6, atol=1e-6
    )


def test_kills_leave_the_numbers_of_a_run_left_alone(network, done):
    """Killed with -9 at random times, then gone on with: equal to the last bit."""
    rng = np.random.default_rng(11)
    killed = 0
    for _ in range(40):
        child = os.fork()
        if child == 0:
            try:
                reanalyse(open_reanalysis(network))
                os._exit(0)
            except BaseException:
                os._exit(9)
        deadline = time.monotonic() + rng.uniform(0.05, 1.2)
        pid, status = os.waitpid(child, os.WNOHANG)
        while pid == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
            pid, status = os.waitpid(child, os.WNOHANG)
        if pid == 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
            if killed >= 6:
                break
            continue
        assert os.waitstatus_to_exitcode(status) == 0
        break
    assert killed
    run = open_reanalysis(network)
    assert reanalyse(run)
    assert steps_left(run, 2) == (0, 0)
    assert not [one for one in run.path.rglob(".*") if one.is_file()]
    for mine, other in zip(cycles_of(run), cycles_of(done), strict=True):
        assert mine.drop_vars("process_from").equals(other.drop_vars("process_from"))
    for number in range(3):
        for path in (run.fluxes, lambda n: run.restart(n, 0)):
            assert path(number).is_file()
        assert read_netcdf(run.fluxes(number)).equals(read_netcdf(done.fluxes(number)))
        mine = read_netcdf(run.restart(number, 1))
        assert mine.equals(read_netcdf(done.restart(number, 1)))


def test_a_damaged_forecast_is_made_again(network, done):
    run = open_reanalysis(network)
    shutil.copytree(done.path, run.path)
    shutil.copy(done.folder.record, run.folder.record)
    shutil.rmtree(run.cycle(2))
    run.analysis(1).unlink()
    run.forecast(1, 1).write_bytes(b"\x89HDF no more")
    assert reanalyse(run)
    assert cycles_of(run)[1]["analysis"].equals(cycles_of(done)[1]["analysis"])
    assert list(run.cycle(1).glob("*.damaged"))


def test_a_started_run_keeps_its_science_and_its_files(network, done):
    shutil.copy(done.folder.record, network / "run.json")
    edit(network, "aMax: [14.0, 22.0]", "aMax: [14.0, 23.0]")
    edit(network, ",8000,", ",8001,", "initial_pools.csv")
    with pytest.raises(ConfigError) as caught:
        reanalyse(open_reanalysis(network))
    reported = str(caught.value)
    assert "parameters.prior.aMax" in reported
    assert "initial_pools.csv  the file has changed" in reported
    assert not open_reanalysis(network).path.exists()


def test_work_without_the_record_of_its_start_is_refused(network, done):
    path = open_reanalysis(network).path
    shutil.copytree(done.path, path)
    with pytest.raises(ConfigError, match="record of this run is not there"):
        reanalyse(open_reanalysis(network))
    assert not (network / "run.json").exists()


def test_members_are_run_again_for_each_radius(network, done, masm_command):
    run = open_reanalysis(network)
    shutil.copytree(done.path, run.path)
    shutil.copy(done.folder.record, run.folder.record)
    reported = masm_command("reanalyse", network, "--run-again")
    assert reported.exit_code == 2
    assert "--choose-radius" in reported.output
    reported = masm_command(
        "reanalyse", network, "--choose-radius", "0,500", "--run-again"
    )
    assert reported.exit_code == 0, reported.output
    table = pd.read_csv(run.path / "radius_again.csv")
    assert sorted(set(table["radius_km"])) == [0.0, 500.0]
    assert np.isfinite(table["criterion"]).all()
    # The run itself has 500 km: the same numbers; with none others from the second
    # forecast on, which one step of analyses cannot show.
    same, other = (
        cycles_of(open_reanalysis(run.path / "radius" / f"{km}_km")) for km in (500, 0)
    )
    for mine, its in zip(cycles_of(run), same, strict=True):
        assert mine["analysis"].equals(its["analysis"])
    assert not cycles_of(run)[1]["forecast"].equals(other[1]["forecast"])


def add_row(folder: Path, row: str) -> None:
    with (folder / "observations.csv").open("a") as opened:
        opened.write(row + "\n")


def rows_of(folder: Path, name: str, **columns) -> None:
    """Write columns of a table anew: values, or what is made of those there."""
    path = folder / name
    table = pd.read_csv(path, comment="#")
    for column, value in columns.items():
        table[column] = value(table[column]) if callable(value) else value
    table.to_csv(path, index=False)


def scale(folder: Path, state: str, **factors: float) -> None:
    """Multiply columns of the observations of a state."""
    path = folder / "observations.csv"
    table = pd.read_csv(path, comment="#")
    for column, factor in factors.items():
        table[column] = table[column].where(
            table["state"] != state, factor * table[column]
        )
    table.to_csv(path, index=False)


BAD = {
    "a state that no model gives": (
        lambda net: add_row(net, "site000,2002-07-15,biomass,5,1"),
        r'found +"biomass", which the model does not give',
    ),
    "an sd of zero": (
        lambda net: add_row(net, "site001,2002-07-15,lai,3,0"),
        r"observations.csv:\d+  sd",
    ),
    "no sd": (
        lambda net: add_row(net, "site001,2002-07-15,lai,3,"),
        r'observations.csv:\d+  sd\n  found +""',
    ),
    "an unknown site": (
        lambda net: add_row(net, "site009,2002-07-15,lai,3,1"),
        "a site of the table of sites",
    ),
    "a day far from any analysis": (
        lambda net: add_row(net, "site001,2002-01-15,lai,3,1"),
        "at most 30 days from an analysis",
    ),
    "an observation twice": (
        lambda net: add_row(net, "site000,2002-07-16,lai,3,1"),
        "an observation twice",
    ),
    "a value below zero": (
        lambda net: add_row(net, "site001,2002-07-15,lai,-1,1"),
        r'value\n  found +"-1"',
    ),
    "a site outside the drivers": (
        lambda net: (net / "drivers" / "site001.csv").unlink(),
        "no weather of site site001",
    ),
    "drivers of other years": (
        lambda net: edit(net, "2001-2002", "2001-2003"),
        "does not cover the years",
    ),
    "negative pools": (
        lambda net: edit(net, "site001,8000", "site001,-8000", "initial_pools.csv"),
        r"initial_pools.csv:4  above_ground_wood",
    ),
    "a site without pools": (
        lambda net: edit(net, "site001,", "site007,", "initial_pools.csv"),
        "no row for 1 sites",
    ),
    "too few members": (
        lambda net: edit(net, "members: 4", "members: 2"),
        r"reanalysis.members",
    ),
    "a model that cannot restart": (
        lambda net: edit(net, "sipnet", "century"),
        "a model that cannot restart",
    ),
    "an unknown parameter": (
        lambda net: edit(net, "aMax", "amax"),
        "an unknown parameter",
    ),
    "a prior beyond the table": (
        lambda net: edit(net, "[14.0, 22.0]", "[14.0, 999.0]"),
        "inside 0 to 133",
    ),
    "a state without process error": (
        lambda net: edit(net, ", soil_carbon: 150", ""),
        "an sd for above_ground_wood, lai, soil_carbon",
    ),
    "an option of another filter": (
        lambda net: edit(net, "name: letkf", "name: letkf\n    draws: 10"),
        "draws only with filter tobit_wishart",
    ),
    "a radius that a filter has no use for": (
        lambda net: edit(
            net,
            "name: letkf",
            "name: etkf",
        )
        or edit(net, "  truth:", "  localisation: {radius_km: 500}\n  truth:"),
        "letkf is the local form of etkf",
    ),
    "no site twice": (
        lambda net: edit(net, "site001,", "site000,", "sites.csv"),
        "each site once",
    ),
    "an unknown output": (
        lambda net: edit(net, "[nee, ra]", "[nee, npp]"),
        r'reanalysis.outputs.1\n  found +"npp"',
    ),
    "a day that is none": (
        lambda net: edit(net, "members: 4", "members: 4\n  analysis_day: 02-30"),
        "a day that every year has",
    ),
    "coordinates that are missing": (
        lambda net: rows_of(net, "sites.csv", longitude=0.0, latitude=0.0),
        "which is in the sea",
    ),
    "soil as a fraction": (
        lambda net: rows_of(net, "sites.csv", elevation=300.0, sand=0.6, clay=0.1),
        "multiply by 100",
    ),
    "a latitude whose sign is lost": (
        lambda net: rows_of(net, "sites.csv", latitude=lambda v: -v),
        "sign of the latitude",
    ),
    "a deficit in kPa": (
        lambda net: rows_of(net, "drivers/site000.csv", vpd=lambda v: 0.1 * v),
        "vpd",
    ),
    "leaf area with a scale that is lost": (
        lambda net: scale(net, "lai", value=6.0),
        "impossible for lai",
    ),
    "soil carbon in kg m-2": (
        lambda net: rows_of(net, "initial_pools.csv", soil_carbon=lambda v: v / 1000),
        "far too small for soil_carbon",
    ),
    "weather with a hole": (
        lambda net: edit(net, "2001-06-01,", "2001-06-01,x", "drivers/site000.csv"),
        "site000.csv",
    ),
}


def check_everything(folder: Path) -> None:
    run = open_reanalysis(folder)
    check_weather(run, read_inputs(run))


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error_before_anything_runs(network, case):
    spoil, message = BAD[case]
    spoil(network)
    with pytest.raises(ValueError, match=message) as caught:
        check_everything(network)
    assert len(str(caught.value)) < 3000
    assert re.search(r"found|wanted", str(caught.value))
    assert not (network / "reanalysis").exists()


UNLIKELY = {
    "wood in t ha-1": (
        lambda net: scale(net, "above_ground_wood", value=0.01, sd=0.01),
        "initial pools of about",
    ),
    "errors that are variances": (
        lambda net: rows_of(net, "observations.csv", sd=lambda v: v**2),
        "are they variances",
    ),
    "errors that are fractions": (
        lambda net: scale(net, "above_ground_wood", sd=1e-4),
        "decide alone",
    ),
    "pools with variances": (
        lambda net: rows_of(net, "initial_pools.csv", soil_carbon_sd=4e6),
        "is it a variance",
    ),
    "quality that is best at 0": (
        lambda net: edit(
            net, "  truth:", "  observations: {least_quality: 1}\n  truth:"
        )
        or rows_of(net, "observations.csv", quality=[1, *[0] * (n_rows(net) - 1)]),
        "a high number a good one",
    ),
    "rain in inches": (
        lambda net: rows_of(net, "drivers/site000.csv", prec=lambda v: v / 25.4),
        "in inches",
    ),
}


def n_rows(folder: Path) -> int:
    return len(pd.read_csv(folder / "observations.csv", comment="#"))


@pytest.mark.parametrize("case", UNLIKELY)
def test_what_is_unlikely_is_said_by_check_with_its_exit_code(
    network, case, masm_command
):
    spoil, message = UNLIKELY[case]
    doubts: list[str] = []
    list(check_run(network, doubts))
    assert doubts == []
    spoil(network)
    checked = masm_command("check", network)
    said = " ".join(checked.output.split())
    assert checked.exit_code == 5
    assert "suspicious: " in said
    assert message in said
    assert "nothing wrong was found" not in said


def test_rows_of_low_quality_are_left_out_and_counted(network):
    text = (network / "observations.csv").read_text().splitlines()
    rows = [text[0], text[1] + ",quality", *(f"{row},1" for row in text[2:])]
    rows[2] = rows[2][:-1] + "0"
    (network / "observations.csv").write_text("\n".join(rows) + "\n")
    edit(network, "  truth:", "  observations: {least_quality: 0.5}\n  truth:")
    found = read_inputs(open_reanalysis(network)).observations
    assert (found.n_used, found.n_low_quality) == (len(rows) - 3, 1)


def test_chance_leaves_no_correlation_between_what_members_have(network):
    edit(network, "members: 4", "members: 12")
    inputs = read_inputs(open_reanalysis(network))
    for site in range(2):
        rows = [np.log(values[site]) for values in inputs.pools.values()]
        rows += [values[site] for values in inputs.parameters.values()]
        found = np.abs(np.corrcoef(rows) - np.eye(5))
        assert found[:3].max() < 1e-9  # pools: exactly
        assert found.max() < 0.15  # uniform parameters: nearly
    for mean, values in zip((8000.0, 3.5, 12000.0), inputs.pools.values(), strict=True):
        np.testing.assert_allclose(values.mean(axis=1), mean, rtol=0.03)


def test_draws_of_a_table_are_the_members_parameters(network):
    rows = ["member,site,aMax"]
    rows += [f"{m},site{s:03d},{15 + m + 0.1 * s}" for m in range(4) for s in range(2)]
    (network / "draws.csv").write_text("\n".join(rows) + "\n")
    edit(
        network,
        "{prior: {aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}",
        "{draws: draws.csv}",
    )
    found = read_inputs(open_reanalysis(network)).parameters
    np.testing.assert_allclose(
        found["aMax"], [[15, 16, 17, 18], [15.1, 16.1, 17.1, 18.1]]
    )
    (network / "draws.csv").write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(ConfigError, match="member 3 of site site001"):
        read_inputs(open_reanalysis(network))


CALIBRATION = """\
name: a calibration of SIPNET
seed: 1
pixels:
  source: generated
  name: {pixel}
  latitude: 42.5
  longitude: -72.2
  elevation: 340
  sand: 66
  clay: 6
  years: 2001-2003
periods: {{spinup: 2001, calibration: 2002, validation: 2003}}
model: {{name: {model}}}
streams:
  gpp: {{variance: given}}
twin:
  truth: {{{parameter}: {value}}}
  noise: {{gpp: {{fraction: 0.05, floor: 0.2}}}}
calibration:
  blocks: [{{streams: [gpp], parameters: [{parameter}]}}]
"""


def calibration(folder: Path, *, model="sipnet", parameter="aMax", value=18.0) -> Path:
    folder.mkdir()
    words = {"model": model, "parameter": parameter, "value": value}
    text = CALIBRATION.format(pixel="site001", **words)
    (folder / "config.yaml").write_text(text)
    return folder


def test_members_take_the_draws_of_a_calibration_run(network, tmp_path):
    """A site that is a pixel takes its posterior; here all draws are that pixel's."""
    import xarray as xr

    other = calibration(tmp_path / "calibrated")
    start(open_run(other))
    draws = np.linspace(15.0, 20.0, 40).reshape(4, 10)
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"aMax": (("chain", "draw"), draws)})}
    )
    posterior = open_run(other).folder.pixel(0).posterior
    posterior.parent.mkdir(parents=True)
    edit(
        network,
        "{prior: {aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}",
        "{run: ../calibrated}",
    )
    with pytest.raises(ConfigError, match=r"no posterior.nc"):
        read_inputs(open_reanalysis(network))
    tree.to_netcdf(posterior, engine="h5netcdf")
    inputs = read_inputs(open_reanalysis(network))
    found = inputs.parameters["aMax"]
    assert found.shape == (2, 4)
    assert set(found.ravel()) <= set(draws.ravel())
    assert np.array_equal(found[0], found[1])
    assert posterior.resolve() in [one.resolve() for one in inputs.files.values()]


def test_a_calibration_of_another_model_is_refused(network, tmp_path):
    calibration(
        tmp_path / "calibrated", model="ibis_dalec", parameter="vmax", value=5e-5
    )
    edit(
        network,
        "{prior: {aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}",
        "{run: ../calibrated}",
    )
    with pytest.raises(ConfigError, match="a calibration of ibis_dalec"):
        read_inputs(open_reanalysis(network))


def test_scaling_factors_are_refused_and_not_passed_over(network, tmp_path):
    other = calibration(tmp_path / "calibrated", parameter="factor", value=1.1)
    scaling = "name: sipnet, scaling: {factor: {parameters: [aMax]}}"
    edit(other, "name: sipnet", scaling)
    edit(
        network,
        "{prior: {aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}",
        "{run: ../calibrated}",
    )
    with pytest.raises(ConfigError, match="a calibration of scaling factors"):
        read_inputs(open_reanalysis(network))
    edit(network, "name: sipnet", scaling)
    with pytest.raises(ConfigError, match=r"model\.scaling"):
        open_reanalysis(network)


def test_each_member_has_its_own_weather_file(network):
    edit(network, "{perturbation: {temperature: 0.5, precipitation: 0.1}}",
         '{files: "drivers/{site}_{member}.csv"}')  # fmt: skip
    for site in ("site000", "site001"):
        text = (network / "drivers" / f"{site}.csv").read_text().splitlines()
        for member in range(4):
            rows = [row.split(",") for row in text]
            for row in rows[1:]:
                row[1], row[2] = (f"{float(v) - member:.2f}" for v in row[1:3])
            lines = [",".join(row) for row in rows]
            path = network / "drivers" / f"{site}_{member:03d}.csv"
            path.write_text("\n".join(lines) + "\n")
    run = open_reanalysis(network)
    inputs = read_inputs(run)
    from jobs.stages.reanalysis.forecast import forecast_unit
    from jobs.stages.reanalysis.prepare import prepare

    prepare(run, inputs, lambda n: None)
    weather = read_netcdf(run.weather("site001"))
    colder = weather["tmin"].isel(source=0) - weather["tmin"].isel(source=3)
    np.testing.assert_allclose(colder, 3.0)
    forecast_unit(network, 0)
    (network / "drivers" / "site001_003.csv").unlink()
    with pytest.raises(ConfigError, match="no weather of site site001"):
        check_weather(run, read_inputs(run))


def test_commands_of_a_calibration_say_what_the_folder_is(network, masm_command):
    reported = masm_command("calibrate", network)
    assert reported.exit_code == 2
    assert "masm reanalyse" in reported.output


def test_the_command_line_runs_a_network_in_workers_to_the_same_numbers(
    network, done, masm_command
):
    assert kind_of(network) is REANALYSIS
    reported = masm_command("check", network)
    assert reported.exit_code == 0, reported.output
    assert "left: 6 of 6 forecast steps, 3 of 3 analyses" in reported.output
    reported = masm_command("reanalyse", network, "--executor", "local")
    assert reported.exit_code == 0, reported.output
    run = open_reanalysis(network)
    for mine, other in zip(cycles_of(run), cycles_of(done), strict=True):
        assert mine.equals(other)
    reported = masm_command("reanalyse", network, "--wait")
    assert reported.exit_code == 2
    assert "--executor slurm" in reported.output
    page = (network / "report.html").read_text()
    for words in ("Spread and error", "synthetic", "Never observed: soil_carbon"):
        assert words in page
    for name in ("states.nc", "fluxes.nc", "scores.csv"):
        assert (network / "reanalysis" / name).is_file()
    reported = masm_command("reanalyse", network, "--dry-run")
    assert "left: 0 of 6 forecast steps, 0 of 3 analyses" in reported.output


def test_the_template_can_be_checked(tmp_path, masm_command):
    reported = masm_command("init", tmp_path / "net", "--template", "reanalysis")
    assert reported.exit_code == 0, reported.output
    assert read_inputs(open_reanalysis(tmp_path / "net")).observations.n_used == 39
