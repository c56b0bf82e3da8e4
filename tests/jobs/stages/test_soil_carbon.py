"""A small soil-carbon run from end to end, and the laws that it must keep."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio

from jobs.cli.init import Template, initialise
from jobs.cli.run_all import run_everything
from jobs.cli.soil_carbon import (
    open_soil_carbon,
    report_soil_carbon,
    run_soil_carbon,
)
from jobs.errors import ConfigError, Submitted
from jobs.executors.tasks import do_task, do_units
from jobs.exit_codes import Exit
from jobs.netcdf_files import read_netcdf
from jobs.stages import soil_carbon as stages
from jobs.stages.soil_carbon_maps import fields
from jobs.stages.soil_carbon_tasks import STEPS, predict_task, unit_run

CHANGES = (
    ("ecosystems: [meadow, steppe]", "ecosystems: [steppe]"),
    ("[prdx_1, ppdf_1, ppdf_2, ppdf_3, dec5_2, teff_1, teff_2, teff_3]",
     "[prdx_1, dec5_2]"),
    ("max_runs: 300", "max_runs: 40"),
    ("cells: 20 ", "cells: 2 "),
    ("draws: 10 ", "draws: 3 "),
    ("  # window: {west: 97, east: 98.5, south: 32.5, north: 33.5}",
     "  window: {west: 97, east: 97.15, south: 32.5, north: 32.6}"),
)  # fmt: skip


def make(path, *more):
    initialise(path, Template.PLATEAU)
    config = path / "config.yaml"
    text = config.read_text()
    for before, after in (*CHANGES, *more):
        assert before in text, before
        text = text.replace(before, after)
    config.write_text(text)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    # The whole of the withheld observations would take minutes: few are left here.
    path = make(tmp_path_factory.mktemp("soil") / "run")
    thin(path, "soil_samples.csv", 12)
    thin(path, "flux_months.csv", 12)
    assert run_everything(path, None) == Exit.DONE
    return path


def thin(path, name, step):
    lines = (path / name).read_text().splitlines()
    (path / name).write_text("\n".join([*lines[:2], *lines[2::step]]) + "\n")


def test_every_output_is_there_and_says_what_it_is(done):
    made = {p.relative_to(done).as_posix() for p in done.rglob("*") if p.is_file()}
    for name in (
        "report.html", "maps/soc.tif", "maps/nep.tif", "figures/map_soc.png",
        "figures/taylor.png", "figures/violins.png", "figures/correlations.png",
        "soil_carbon/totals.csv", "soil_carbon/scores.csv",
        "soil_carbon/posterior_steppe_Opt1.nc", "soil_carbon/posterior_steppe_Opt2.nc",
    ):  # fmt: skip
        assert name in made
    assert not [name for name in made if "checkpoint" in name]
    page = (done / "report.html").read_text()
    for said in ("depth factor", "CO2 effect", "calendar", "soil", "Synthetic"):
        assert said in page
    with rasterio.open(done / "maps" / "soc.tif") as opened:
        tags = opened.tags()
    for key in ("synthetic", "soc_definition", "depth_factor", "co2_effect",
                "calendar", "soil", "spinup", "units"):  # fmt: skip
        assert tags[key]
    assert tags["synthetic"].startswith("yes")


def test_maps_hold_the_prediction_at_its_place(done):
    run = open_soil_carbon(done)
    places, found = fields(run)
    with rasterio.open(done / "maps" / "nep.tif") as opened:
        assert opened.descriptions[0] == "mean"
        assert opened.crs.to_epsg() == 4326
        for k in range(len(places)):
            row, column = opened.index(*places.iloc[k][["longitude", "latitude"]])
            at = opened.read(1)[row, column]
            assert at == pytest.approx(found["nep"]["mean"][k], rel=1e-6)
    low, high = found["soc"]["p05"], found["soc"]["p95"]
    assert np.all(low <= high)
    assert np.all((found["soc"]["mean"] >= low) & (found["soc"]["mean"] <= high))


def test_the_default_is_that_of_the_model_alone(done):
    from landmodels import century
    from landmodels.century.synthetic.plateau import plateau_forcing
    from landmodels.stock_streams import period_mean

    prediction = stages.open_prediction(open_soil_carbon(done))
    cell = int(prediction["cell"][0])
    forcing = plateau_forcing().isel(cell=[cell])
    alone = century.simulate_batch(forcing, outputs=["nep", "soc"])
    soc = float(period_mean(alone["soc"], "1980", "1985").item()) / 1000.0
    assert float(prediction["soc"][0, 0]) == pytest.approx(soc, rel=1e-9)
    nep = alone["nep"].sel(time=slice("2001", "2020")).sum("time").item() / 20.0
    assert float(prediction["nep"][0, 0]) == pytest.approx(nep, rel=1e-9)


def test_totals_are_sums_over_the_area(done):
    run = open_soil_carbon(done)
    table = pd.read_csv(done / "soil_carbon" / "totals.csv")
    whole = table[(table["ecosystem"] == "all") & (table["quantity"] == "soc")].iloc[0]
    prediction = stages.open_prediction(run)
    # A cell of 0.05 degree at 32.55 N is about 5.55 by 4.69 km.
    n = prediction.sizes["cell"]
    assert whole["area_km2"] == pytest.approx(n * 5.55 * 4.69, rel=0.01)
    mean = float(prediction["soc"][0].mean())
    assert whole["default"] == pytest.approx(
        mean * n * 5.55e3 * 4.69e3 * 1e-12, rel=0.02
    )
    assert whole["p05"] <= whole["mean"] <= whole["p95"]
    assert whole["share_of_area"] == 1.0


def test_calibration_brings_the_fitted_stocks_nearer(done):
    run = open_soil_carbon(done)
    seen = stages.chosen_observations(run, "steppe", "Opt1")
    assert seen.is_stock.all()
    from jobs.inputs.soil_carbon import defaults_of, settings_of
    from jobs.process_models.century_domain import observed_values

    misfit = {}
    for name, one in (
        ("default", defaults_of(run.config, "steppe")),
        ("Opt1", stages.posterior_mean(run, "steppe", "Opt1")),
    ):
        values = observed_values(
            run.inputs.forcing, seen.targets, one, settings_of(run.config)
        )[0]
        misfit[name] = float((((values - seen.value) / seen.sd) ** 2).sum())
    assert misfit["Opt1"] < misfit["default"]


def test_a_finished_run_does_nothing_again_and_refuses_other_science(done):
    before = {p: p.stat().st_mtime_ns for p in (done / "soil_carbon").glob("*.nc")}
    run = open_soil_carbon(done)
    assert not stages.calibrations_left(run)
    assert not stages.chunks_left(run)
    report_soil_carbon(done)
    assert before == {p: p.stat().st_mtime_ns for p in before}
    config = done / "config.yaml"
    text = config.read_text()
    try:
        config.write_text(text.replace("seed: 20220101", "seed: 7"))
        with pytest.raises(ConfigError, match="seed"):
            stages.start(open_soil_carbon(done))
        config.write_text(text.replace("name: Synthetic plateau", "name: Other"))
        stages.start(open_soil_carbon(done))
    finally:
        config.write_text(text)
    assert "science" in json.loads((done / "run.json").read_text())


def predict(run, numbers, executor):
    return do_units(
        unit_run(run), predict_task, numbers, command=["run"], unit="chunks",
        executor=executor,
    )  # fmt: skip


def test_a_job_of_a_queue_does_the_tasks_it_was_given(done, tmp_path):
    run = open_soil_carbon(done)
    before = stages.open_prediction(run)
    run.prediction(0).unlink()
    tasks = tmp_path / "tasks.json"
    tasks.write_text("[[], [0]]")
    do_task(unit_run(run), STEPS["predict"].work, tasks, 1)
    assert before.identical(stages.open_prediction(run))


def test_a_queue_is_given_the_command_of_each_step(done, tmp_path, monkeypatch):
    """In a queue a step ends with a message; the next waits for the same command."""
    given = []

    class Queue:
        def run(self, run, work, numbers):
            given.append((work.words, list(numbers)))
            raise Submitted("submitted")
            yield

    monkeypatch.setattr("jobs.executors.tasks.executor_of", lambda name: Queue())
    run = open_soil_carbon(done)
    (errors,) = run.folder.glob("errors_steppe_Opt1*")
    kept = errors.read_bytes()
    errors.unlink()
    try:
        assert run_soil_carbon(done, "slurm") == Exit.DONE
    finally:
        errors.write_bytes(kept)
    assert given == [(("soil-carbon", "--step", "errors"), [0])]


def test_workers_are_short_for_the_local_executor(tmp_path):
    path = make(tmp_path / "run")
    config = path / "config.yaml"
    text = config.read_text().replace("workers: 1", "workers: 3")
    config.write_text(text)
    found = unit_run(open_soil_carbon(path)).config.execution
    assert (found.executor, found.workers) == ("local", 3)
    config.write_text(text + "\nexecution: {executor: slurm}\n")
    with pytest.raises(ConfigError, match="not both"):
        open_soil_carbon(path)


def test_a_lost_chunk_is_made_again_to_the_same_numbers(done):
    run = open_soil_carbon(done)
    before = stages.open_prediction(run)
    run.prediction(0).unlink()
    assert stages.chunks_left(run) == [0]
    assert predict(run, [0], "serial")
    assert before.identical(stages.open_prediction(run))


def test_a_damaged_chunk_is_put_aside_to_be_made_again(done):
    run = open_soil_carbon(done)
    path = run.prediction(0)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(ConfigError, match="is damaged"):
        stages.open_prediction(run)
    assert stages.chunks_left(run) == [0]
    path.write_bytes(whole)
    other = read_netcdf(path).assign_attrs(draws="of another posterior")
    other.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ConfigError, match="present posterior"):
        stages.open_prediction(run)
    path.with_name(f"{path.name}.damaged").unlink()
    path.write_bytes(whole)
    stages.open_prediction(run)


def test_work_without_the_record_of_its_start_is_refused(done):
    run, record = open_soil_carbon(done), done / "run.json"
    written = record.read_text()
    record.unlink()
    with pytest.raises(ConfigError, match="record of this run is not there"):
        stages.start(run)
    assert not record.exists()
    record.write_text(written)


def test_workers_and_chunks_change_no_number(done):
    run = open_soil_carbon(done)
    before = stages.open_prediction(run)
    run.prediction(0).unlink()
    assert predict(run, [0, 0], "local")
    assert before.identical(stages.open_prediction(run))
    one = replace(run, inputs=replace(run.inputs, mapped=run.inputs.mapped[1:2]))
    stages.predict_chunk(one, 0)
    alone = stages.open_prediction(one)
    stages.predict_chunk(run, 0)
    assert alone.identical(before.isel(cell=slice(1, 2)))


def test_two_phase_takes_the_same_problem(tmp_path):
    path = make(
        tmp_path / "run",
        ("method: emulator ", "method: two_phase "),
        ("max_runs: 40", "max_runs: 220, n_chains: 2"),
    )
    run = open_soil_carbon(path)
    run.folder.mkdir()
    stages.calibrate(run, "steppe", "Opt1")
    found = stages.open_posterior(run, "steppe", "Opt1")
    assert found.attrs["method"] == "two_phase"
    row = stages.calibration_row(run, "steppe", "Opt1")
    assert len(row["acceptance"].split()) == 2


def test_scores_are_those_of_their_definitions():
    model, observed = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0])
    found = stages.scores(model, observed)
    assert found["r2"] == pytest.approx(1.0 - 1.0 / 5.0)
    assert found["mae"] == pytest.approx(0.25)
    assert found["bias"] == pytest.approx(0.25)
    assert np.isnan(stages.scores(model[:2], observed[:2])["r2"])
