"""``masm init`` with another process model: templates that are whole and can run."""

import numpy as np
import pytest

from jobs.config.priors import priors_of
from jobs.config.process_model import model_of
from jobs.inputs.pixel_data import forcing_of
from jobs.inputs.simulate import calibration_model, simulate
from jobs.inputs.twin import truth_of
from jobs.run.run import open_run
from jobs.stages.screen import check_screening, every_prior


@pytest.mark.parametrize("template", ["demo", "site"])
def test_templates_of_sipnet_are_valid_and_name_it(tmp_path, masm_command, template):
    run = tmp_path / "run"
    made = masm_command("init", run, "--template", template, "--model", "sipnet")
    assert made.exit_code == 0, made.output
    opened = open_run(run)
    model = model_of(opened.config)
    assert model.name == "sipnet"
    check_screening(opened.config)
    assert set(opened.config.streams) <= set(model.outputs)


def test_the_demo_of_sipnet_has_a_living_plant_over_most_of_its_prior(
    tmp_path, masm_command
):
    run = tmp_path / "run"
    masm_command("init", run, "--template", "demo", "--model", "sipnet")
    opened = open_run(run)
    assert len(every_prior(opened.config)) == 10
    pixel = opened.pixels[0]
    drivers = forcing_of(opened, pixel)
    truth = simulate(opened.config, drivers, truth_of(opened.config, pixel))
    assert float(truth["lai"].min()) > 1.0
    assert float(truth["gpp"].mean()) > 1.0
    model, priors = calibration_model(opened.config, drivers), priors_of(opened.config)
    u = np.random.default_rng(0).random((64, len(priors)))
    failed = np.isnan(model(priors.from_unit(u))["nee"]).any("time").mean()
    assert float(failed) < 0.2


def test_there_is_no_region_of_sipnet_and_no_template_of_an_unknown_model(
    tmp_path, masm_command
):
    words = ("init", tmp_path / "run", "--template", "region", "--model")
    refused = masm_command(*words, "sipnet")
    assert refused.exit_code == 2
    assert "demo or site" in refused.stderr
    assert masm_command(*words, "lpj").exit_code == 2
    assert not (tmp_path / "run").exists()


def test_init_names_every_command_up_to_the_maps(tmp_path, masm_command):
    run = tmp_path / "small"
    said = masm_command("init", run, "--template", "region-small").output.splitlines()
    steps = [line.removeprefix("next: ").removeprefix("then: ") for line in said[1:]]
    assert [line.split()[:2] for line in steps] == [
        ["masm", "region"],
        ["masm", "check"],
        ["masm", "run"],
    ]
    assert steps[0].endswith("region.zarr --rows 8 --columns 10 --years 2001-2003")
    network = masm_command("init", tmp_path / "n", "--template", "reanalysis").output
    assert f"then: masm reanalyse {tmp_path / 'n'}" in network


@pytest.mark.parametrize("model", ["ibis_dalec", "sipnet"])
def test_the_demo_adds_runs_where_its_error_is_too_large_and_check_says_so(
    tmp_path, masm_command, model
):
    run = tmp_path / "run"
    masm_command("init", run, "--template", "demo", "--model", model)
    options = open_run(run).config.calibration.options
    assert options["more_runs"] >= 0.5 * options["max_runs"]
    words = " ".join(masm_command("check", run).output.split())
    assert "at most 300 model runs" in words
    assert f"and up to {options['more_runs']} more at a pixel" in words
