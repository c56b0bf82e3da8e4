"""Sites calibrated one by one, then joined: separate, pooled, hierarchical.

The process model is the linear one. Sites share p18 and differ in vmax; one site has no
observations.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import linear_model
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from few_pixels import IDS, PUBLISHED_OPTIONS, make_run

from jobs.config.schema import Twin
from jobs.errors import ConfigError
from jobs.inputs.twin import observe
from jobs.run.run import open_run
from jobs.run.site_results import calibrated_means, is_joined, sites_left_out
from jobs.stages.join_sites import join_sites, pixels_to_join

pytestmark = pytest.mark.usefixtures("small_process_model")

EXECUTION = "sites: hierarchical\n"
TABLES = ("group", "parameters", "verdicts", "scores")
P18, UNSEEN = 90.0, 3
TWIN = (
    "twin:\n  truth: random\n"
    "  noise: {gpp: {fraction: 0.05, floor: 0.2}, lai: {fraction: 0.05, floor: 0.1}}\n"
)


def true_vmax(pixel_id):
    return (3.0 + 0.5 * pixel_id) * 1e-5


def observe_all(path):
    """Write each pixel's observations; none at one of them."""
    (path / "observed").mkdir()
    noise = {
        "gpp": {"fraction": 0.1, "floor": 1.0},
        "lai": {"fraction": 0.1, "floor": 1},
    }
    twin = Twin.model_validate({"truth": "random", "noise": noise})
    for i in IDS:
        with xr.open_dataset(path / "forcing" / f"{i}.nc", engine="h5netcdf") as opened:
            weather = opened.load()
        output = linear_model.simulate(weather, {"vmax": true_vmax(i), "p18": P18})
        seen = observe(output, twin, np.random.default_rng(i))
        seen["lai"][np.arange(seen.sizes["time"]) % 4 != i % 4] = np.nan
        if i == UNSEEN:
            seen = seen * np.nan
        seen.to_netcdf(path / "observed" / f"{i}.nc", engine="h5netcdf")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    path = make_run(tmp_path_factory.mktemp("prepared") / "run", EXECUTION)
    observe_all(path)
    text = (path / "config.yaml").read_text()
    text = text.replace(TWIN, "").replace("method: published", "method: emulator")
    text = text.replace(PUBLISHED_OPTIONS, "")
    text = text.replace(
        '"forcing/{id}.nc"', '"forcing/{id}.nc", observations: "observed/{id}.nc"'
    )
    (path / "config.yaml").write_text(text)
    return path


@pytest.fixture(scope="module")
def joined(prepared, tmp_path_factory):
    """A run whose sites are calibrated and joined, by ``masm run``."""
    from typer.testing import CliRunner

    from jobs.cli.app import app

    path = shutil.copytree(prepared, tmp_path_factory.mktemp("joined") / "run")
    result = CliRunner().invoke(app, ["run", str(path)])
    assert result.exit_code == 0, result.output
    return path, result.output


@pytest.fixture(scope="module", autouse=True)
def small_model_for_the_module():
    """The linear model, for the fixtures of the module too."""
    with pytest.MonkeyPatch.context() as patch:
        linear_model.put_in_place(patch)
        few = {"n_chains": 24, "n_draws": 60, "n_warm": 120}
        patch.setattr("jobs.stages.join_sites.SAMPLING", few)
        yield


def tables(path):
    return {name: pd.read_csv(path / "sites" / f"{name}.csv") for name in TABLES}


def test_what_differs_belongs_to_the_site_and_what_does_not_to_the_group(joined):
    group = tables(joined[0])["group"].set_index("parameter")
    assert group.loc["vmax", "belongs_to"] == "the site"
    assert group.loc["p18", "belongs_to"] == "the group"
    assert group.loc["vmax", "between_sd"] > group.loc["p18", "between_sd"]


def test_sites_are_drawn_towards_the_group_where_they_share(joined):
    table = tables(joined[0])["parameters"]
    seen = table[(table["pixel"] != UNSEEN) & (table["parameter"] == "p18")]
    sd = seen[[f"{way}_sd" for way in ("separate", "hierarchical", "other", "pooled")]]
    assert (np.diff(sd.mean()) < 0).all(), sd
    spread = seen[["separate_mean", "hierarchical_mean"]].std()
    assert spread["hierarchical_mean"] < spread["separate_mean"]
    off = np.abs(seen["hierarchical_mean"] - P18) / seen["hierarchical_sd"]
    assert (off < 4).all()


def test_hierarchical_sites_keep_what_is_their_own_and_pooling_loses_it(joined):
    found = tables(joined[0])
    table = found["parameters"]
    own = table[(table["pixel"] != UNSEEN) & (table["parameter"] == "vmax")]
    truth = own["pixel"].map(true_vmax)
    assert (np.abs(own["hierarchical_mean"] - truth) < 4 * own["hierarchical_sd"]).all()
    scores = found["scores"]
    part = scores[(scores["stream"] == "gpp") & (scores["period"] == "validation")]
    means = part.groupby("sites")["nse"].mean()
    assert means["hierarchical"] > means["pooled"] + 0.01
    # So few draws leave R-hat rough; the emulators are exact.
    assert (found["verdicts"]["disagreement"].dropna() < 0.1).all()
    assert (found["verdicts"]["r_hat"] < 1.2).all()


def test_a_site_without_observations_is_predicted_from_the_group_and_said_so(joined):
    path, shown = joined
    assert "without observations, predicted from the group: place 3" in shown
    table = tables(path)["parameters"].set_index(["pixel", "parameter"])
    row = table.loc[(UNSEEN, "vmax")]
    assert row["from_group"] == 1
    assert np.isnan(row["separate_mean"])
    assert row["hierarchical_sd"] > 3 * table.loc[(1, "vmax"), "hierarchical_sd"]
    assert (
        abs(row["hierarchical_mean"] - true_vmax(UNSEEN)) < 2 * row["hierarchical_sd"]
    )
    with xr.open_dataset(path / "simulations" / "calibrated" / "00003.nc") as simulated:
        assert "predicted from the group" in simulated.attrs["title"]
    assert "predicted from the group: place 3" in (path / "report.html").read_text()


def test_simulations_are_made_with_the_joint_parameters(joined):
    path, _ = joined
    run = open_run(path)
    pixel = run.pixels[0]
    with xr.open_dataset(run.folder.simulation(pixel.id, "calibrated")) as simulated:
        used = json.loads(simulated.attrs["parameters"])
    assert used == pytest.approx(calibrated_means(run, pixel))
    row = tables(path)["parameters"].set_index(["pixel", "parameter"])
    assert used["p18"] == pytest.approx(row.loc[(1, "p18"), "hierarchical_mean"])
    assert used["p18"] != pytest.approx(row.loc[(1, "p18"), "separate_mean"], rel=1e-6)


def test_draws_open_and_hold_all_ways(joined):
    with xr.open_datatree(joined[0] / "sites" / "posterior.nc") as tree:
        posterior = tree["posterior"].to_dataset()
        assert posterior["vmax"].dims == ("chain", "draw", "site")
        assert list(posterior["from_group"].to_numpy()) == [0, 0, 1, 0]
        assert float(posterior["p18"].mean()) == pytest.approx(P18, rel=0.3)
        assert tree["pooled"]["vmax"].sizes["site"] == 1


def test_a_joint_step_that_was_stopped_comes_to_the_same_numbers(
    joined, tmp_path, masm_command, monkeypatch
):
    before = tables(joined[0])
    path = shutil.copytree(joined[0], tmp_path / "run")
    (path / "sites" / "stamp.json").unlink()
    (path / "sites" / "group.csv").write_text("half a file")
    stopped = masm_command("simulate", path)
    assert stopped.exit_code == 2
    assert "masm sites" in stopped.stderr

    import jobs.stages.join_sites as stage

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_group_table", killed)
        patch.setattr(stage, "SAMPLING", {"n_chains": 2, "n_draws": 5, "n_warm": 5})
        assert masm_command("sites", path).exit_code != 0
    assert not is_joined(open_run(path))
    assert masm_command("sites", path).exit_code == 0
    for name, table in tables(path).items():
        pd.testing.assert_frame_equal(table, before[name], check_exact=True)
    again = masm_command("sites", path)
    assert "joined already" in again.output


def test_other_errors_make_the_joint_step_anew(joined, tmp_path, masm_command):
    path = shutil.copytree(joined[0], tmp_path / "run")
    config = path / "config.yaml"
    errors = "site_errors: {gpp: {kind: student, degrees: 3}}\n"
    config.write_text(config.read_text() + errors)
    assert not is_joined(open_run(path))
    assert masm_command("sites", path).exit_code == 0
    assert is_joined(open_run(path))
    both = [tables(one)["parameters"].set_index(["pixel", "parameter"])
            for one in (joined[0], path)]  # fmt: skip
    for way, differs in (("separate", False), ("hierarchical", True)):
        means = [one[f"{way}_mean"].drop(UNSEEN) for one in both]
        assert np.allclose(*means, rtol=1e-9) != differs
    off = both[1]["hierarchical_mean"].xs("vmax", level="parameter").drop(UNSEEN)
    truth = np.array([true_vmax(k) for k in off.index])
    np.testing.assert_allclose(off, truth, rtol=0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site_errors: {nee: {kind: student}}", "a stream named under"),
        ("site_errors: {gpp: {kind: laplace}}", "a0, a1 and a2"),
        ("site_errors: {gpp: {kind: student, a0: 1.0}}", "only with kind laplace"),
        ("site_errors: {gpp: {kind: laplace, a0: 1, a1: 0.1, a2: 0.2}}", "a1 above"),
    ],
)
def test_errors_that_cannot_be_are_refused(
    prepared, tmp_path, masm_command, text, said
):
    path = shutil.copytree(prepared, tmp_path / "run")
    config = path / "config.yaml"
    config.write_text(config.read_text() + text + "\n")
    result = masm_command("calibrate", path)
    assert result.exit_code == 2
    assert said in result.stderr


def test_another_calibration_makes_the_joint_step_anew(joined, tmp_path, masm_command):
    path = shutil.copytree(joined[0], tmp_path / "run")
    summary = open_run(path).folder.pixel(1).posterior
    summary.write_bytes(summary.read_bytes() + b" ")
    assert not is_joined(open_run(path))


def test_a_site_left_to_calibrate_is_said(prepared, tmp_path, masm_command):
    path = shutil.copytree(prepared, tmp_path / "run")
    result = masm_command("sites", path)
    assert result.exit_code == 2
    assert "left to calibrate" in result.stderr
    assert "4 of 4" in result.stderr


def test_inputs_that_changed_are_never_mixed(joined, tmp_path, masm_command):
    path = shutil.copytree(joined[0], tmp_path / "run")
    (path / "sites" / "stamp.json").unlink()
    shutil.copy(path / "observed" / "1.nc", path / "observed" / "2.nc")
    result = masm_command("sites", path)
    assert result.exit_code == 2
    assert "pixel 2" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sites: hierarchical", "sites: hierarchial", "sites"),
        ("method: emulator", "method: demc", "emulator, published"),
        (
            "blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]",
            "blocks: [{streams: [gpp], parameters: [vmax]}, "
            "{streams: [lai], parameters: [p18]}]",
            "one posterior of all",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused_before_anything_runs(
    prepared, tmp_path, masm_command, edit, old, new, said
):
    path = shutil.copytree(prepared, tmp_path / "run")
    edit(path, old, new)
    result = masm_command("calibrate", path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (path / "pixels").exists()


def test_one_place_is_no_group(run_path, masm_command, edit):
    edit(run_path, "calibration:\n", "sites: pooled\ncalibration:\n")
    result = masm_command("calibrate", run_path)
    assert result.exit_code == 2
    assert "pixels.source is table" in result.stderr


def _leaving_out(path, **rules):
    run = open_run(path)
    left_out = run.config.calibration.leave_out.model_copy(update=rules)
    calibration = run.config.calibration.model_copy(update={"leave_out": left_out})
    changed = run.config.model_copy(update={"calibration": calibration})
    return replace(run, config=changed.in_folder(path))


def test_a_site_left_out_that_is_none_of_the_run_is_refused(joined):
    with pytest.raises(ConfigError, match=r"leave_out\.sites\n  found   999"):
        pixels_to_join(_leaving_out(joined[0], sites=[1, 999]))


def test_a_site_is_left_out_by_the_id_of_its_table(joined):
    def of(*sites):
        run = _leaving_out(joined[0], sites=list(sites))
        pixels = [replace(p, key="US-Ha1") if p.id == 1 else p for p in run.pixels]
        return SimpleNamespace(pixels=pixels, config=run.config, folder=run.folder)

    assert sites_left_out(of("US-Ha1", 2)) == {1, 2}
    with pytest.raises(ConfigError, match="US-Ha1") as caught:
        sites_left_out(of("US-Ha2"))
    assert "US-Ha2" in str(caught.value)


def test_a_site_left_out_is_predicted_from_the_others_and_scored(joined, tmp_path):
    path = shutil.copytree(joined[0], tmp_path / "run")
    run = _leaving_out(path, sites=[1, UNSEEN])  # the other has nothing to score
    assert not is_joined(run)  # the step with all sites is another one
    found = join_sites(run)
    assert is_joined(run)
    mine = found.parameters.set_index(["pixel", "parameter"])
    assert mine.loc[(1, "vmax"), "from_group"] == 1
    whole = pd.read_csv(joined[0] / "sites" / "parameters.csv")
    before = whole.set_index(["pixel", "parameter"]).loc[(1, "vmax")]
    sd = mine.loc[(1, "vmax"), "hierarchical_sd"]
    assert sd > 2.0 * before["hierarchical_sd"]
    assert mine.loc[(1, "p18"), "hierarchical_mean"] == pytest.approx(P18, rel=0.05)
    scores = found.scores[found.scores["pixel"] == 1]
    assert set(scores["left_out"]) == {1}
    assert set(scores["sites"]) == {"pooled", "hierarchical"}
    assert set(found.scores.loc[found.scores["pixel"] == 2, "left_out"]) == {0}
