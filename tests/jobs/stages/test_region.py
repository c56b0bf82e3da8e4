"""Pixels of a region cube: which ones a run takes, and what they are calibrated on.

The process model is the linear one; its output at known parameters, per pixel, is
what the cube observed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

import linear_model
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.config.schema import Config
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model
from jobs.run.pixel_state import state_of
from jobs.run.region_sample import draw_sample
from jobs.run.run import open_run
from jobs.stages.price import minutes_of, stage_costs
from landdata import Grid, build_cube, generate_weather, harvard_normals, open_cube
from landdata.cube.layout import Layout, Shard
from landdata.grid.grid import Cells
from landdata.grid.windows import window_starts
from landdata.variables import DRIVERS

pytestmark = pytest.mark.usefixtures("small_process_model")

GRID = Grid.from_bounds(-72.5, 42.0, -72.0, 42.5)  # 100 cells
YEARS = (2001, 2003)
NO_WEATHER, NEVER_SEEN, BARE = 7, 11, 13  # positions of pixels with something amiss
TRUTH = {"vmax": 5.0e-5, "p18": 90.0}
SD = 0.2

CONFIG = """\
name: a small region
seed: 11
pixels:
  source: region
  cube: ../cube.zarr
  sample: {screening: 0.1, calibration: 0.03}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
calibration:
  method: published
  options: {n_iterations: 2, n_draws: 2000, n_steps: 400, n_initial_per_parameter: 10}
  keep_draws: 100
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
execution: {executor: serial, workers: 2}
"""


@dataclass(frozen=True)
class LinearRegion:
    """One weather everywhere, warmer to the south; the linear model's LAI and GPP."""

    def describe(self):
        return {"kind": "the linear model's region"}

    def prepare(self, folder, run):
        n = len(GRID.cells)
        fraction = np.full(n, 0.8)
        fraction[BARE] = 0.3
        return Layout(
            grid=GRID, cells=Cells(GRID.cells.ids), years=YEARS,
            co2=np.full(3 * 365, 372.0), streams={"lai": "1", "gpp": "g m-2 d-1"},
            observed=window_starts(YEARS),
            static={"elevation": np.linspace(100.0, 400.0, n),
                    "sand": np.full(n, 60.0), "clay": np.full(n, 10.0),
                    "forest_fraction": fraction},
            maps={"mask": (np.ones(GRID.shape, np.uint8), {"long_name": "pixels"})},
            attrs={"title": "test", "synthetic": 1, "source": "made up",
                   "variance_rules": {"lai": "given"}},
        )  # fmt: skip

    def shard(self, layout, folder, first, last):
        rng = np.random.default_rng(1)
        weather = generate_weather(harvard_normals(), YEARS, rng)
        forcing = np.stack([weather[name].to_numpy() for name in DRIVERS])
        forcing = np.repeat(forcing[None], last - first, axis=0)
        truth = linear_model.simulate(weather, TRUTH)
        means = truth.resample(time="1D").mean()
        starts = layout.observed.astype("datetime64[ns]")
        columns = []
        for name in layout.streams:
            days = means[name].to_series()
            columns.append(
                [days[s : s + np.timedelta64(7, "D")].mean() for s in starts]
            )
        noise = rng.standard_normal((last - first, 2, starts.size))
        observed = np.array(columns)[None] + SD * noise
        variance = np.full(observed.shape, SD**2)
        if first <= NO_WEATHER < last:
            forcing[NO_WEATHER - first] = np.nan
        if first <= NEVER_SEEN < last:
            observed[NEVER_SEEN - first] = np.nan
        filled = np.zeros((last - first, len(DRIVERS)), np.uint16)
        return Shard(*(a.astype("f4") if a.dtype == float else a
                       for a in (forcing, filled, observed, variance)))  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("region") / "cube.zarr"
    build_cube(path, LinearRegion())
    return path


@pytest.fixture
def run_path(tmp_path, built):
    shutil.copytree(built, tmp_path / "cube.zarr")
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG)
    return path


def ids_of(run_path):
    return [pixel.id for pixel in open_run(run_path).pixels]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**40), st.floats(0.0, 0.5), st.floats(0.01, 0.5))
def test_screening_and_calibration_never_meet_and_keep_to_the_usable_pixels(
    built, seed, screening, calibration
):
    sample = draw(built, seed, screening, calibration)
    assert not set(sample.screening) & set(sample.calibration)
    amiss = built_ids(built)[[NO_WEATHER, NEVER_SEEN, BARE]]
    for chosen in (sample.screening, sample.calibration):
        assert set(chosen) <= set(sample.usable)
        assert not set(chosen) & set(amiss)
        assert list(chosen) == sorted(chosen)
    assert len(sample.calibration) == max(1, round(97 * calibration))
    # A larger fraction holds the smaller one: nothing finished is lost by growing.
    wider = draw(built, seed, screening, min(0.5, 1.3 * calibration))
    assert set(sample.calibration) <= set(wider.calibration)


def test_another_seed_takes_other_pixels_and_each_is_as_likely(built):
    taken = np.zeros(100)
    ids = built_ids(built)
    for seed in range(400):
        taken += np.isin(ids, draw(built, seed, 0.1, 0.1).calibration)
    usable = np.delete(taken, [NO_WEATHER, NEVER_SEEN, BARE])
    # Each of 97 pixels is drawn 400 times with chance 10 / 97.
    chi2 = ((usable - 400 * 10 / 97) ** 2 / (400 * 10 / 97)).sum()
    assert chi2 < 150  # 96 degrees of freedom: mean 96, sd 14


def built_ids(path):
    return open_cube(path).cells.ids


def draw(path, seed, screening, calibration):
    text = CONFIG.replace("../cube.zarr", str(path))
    from ruamel.yaml import YAML

    tree = YAML(typ="safe").load(text)
    tree["seed"] = seed
    tree["pixels"]["sample"] = {"screening": screening, "calibration": calibration}
    return draw_sample(Config.model_validate(tree), path.parent)


def test_a_twin_needs_weather_and_no_observations(built):
    text = CONFIG.replace("../cube.zarr", str(built))
    noise = "{gpp: {fraction: 0.1, floor: 0.1}, lai: {fraction: 0.1, floor: 0.1}}"
    from ruamel.yaml import YAML

    tree = YAML(typ="safe").load(text + f"twin: {{truth: random, noise: {noise}}}\n")
    usable = draw_sample(Config.model_validate(tree), built.parent).usable
    ids = built_ids(built)
    assert ids[NEVER_SEEN] in usable
    assert ids[NO_WEATHER] not in usable


@pytest.mark.parametrize("form", ["ids", "pairs", "csv of ids", "csv of places"])
def test_a_list_names_pixels_by_id_or_by_place(run_path, edit, form):
    cells = open_cube(run_path.parent / "cube.zarr").cells
    rows = [40, 3, 80]
    wanted = [int(cells.ids[row]) for row in sorted(rows)]
    near = [[float(cells.lat[r]) + 0.01, float(cells.lon[r]) - 0.02] for r in rows]
    text = {
        "ids": str([int(cells.ids[row]) for row in rows]),
        "pairs": str(near),
        "csv of ids": "mine.csv",
        "csv of places": "mine.csv",
    }[form]
    lines = ["id,note", *(f"{cells.ids[row]},x" for row in rows)]
    if form == "csv of places":
        lines = ["latitude,longitude", *(f"{lat},{lon}" for lat, lon in near)]
    (run_path / "mine.csv").write_text("\n".join(lines) + "\n")
    edit(run_path, "calibration: 0.03", f"places: {text}")
    assert ids_of(run_path) == wanted


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("calibration: 0.03", "places: [[10.0, 20.0]]", "not a pixel of the region"),
        ("calibration: 0.03", "places: [[10.0]]", "[latitude, longitude]"),
        ("calibration: 0.03", "places: none.csv", "the list of places cannot be read"),
        ("calibration: 0.03", "calibration: 0.95", "of at most 1"),
        ("calibration: 0.03", "calibrate: 0.03", 'Did you mean "calibration"?'),
        ("{screening: 0.1,", "{forest_above: 0.9,", "no pixel can be calibrated"),
        ("validation: 2003", "validation: 2003-2004", "the cube, 2001 to 2003"),
        ("lai: {variance: given}", "er: {variance: given}", "a cube of lai, gpp"),
        ("../cube.zarr", "../other.zarr", "masm region synthetic"),
    ],
)  # fmt: skip
def test_what_the_region_cannot_give_is_refused_before_anything_runs(
    run_path, masm_command, edit, old, new, wanted
):
    edit(run_path, old, new)
    if "er:" in new:
        edit(run_path, "streams: [gpp, lai]", "streams: [gpp, er]")
    refused = masm_command("calibrate", run_path)
    assert refused.exit_code == 2
    assert wanted in refused.stderr
    assert not (run_path / "pixels").exists()


def test_a_pixel_is_calibrated_on_the_cubes_own_weather_and_variances(run_path):
    run = open_run(run_path)
    pixel = run.pixels[0]
    stored = open_cube(run.cube).pixel(pixel.id)
    forcing = forcing_of(run, pixel)
    np.testing.assert_array_equal(forcing["tmax"], stored.forcing["tmax"])
    assert float(forcing["lat"]) == pixel.latitude
    observed = observations_of(run, pixel, forcing)
    assert observed["gpp"].sizes["time"] == 2 * 46  # without the spin-up year
    np.testing.assert_allclose(observed["gpp_variance"], SD**2, rtol=1e-6)


def test_a_region_run_finds_the_parameters_that_made_the_observations(
    run_path, masm_command, edit
):
    edit(run_path, "n_iterations: 2", "n_iterations: 8")
    edit(run_path, "calibration: 0.03", "calibration: 0.02")
    done = masm_command("calibrate", run_path)
    assert done.exit_code == 0, done.output
    run = open_run(run_path)
    assert len(run.pixels) == 2
    for pixel in run.pixels:
        where = run.folder.pixel(pixel.id)
        assert where.path == (
            run_path / "pixels" / str(pixel.id // 100) / str(pixel.id)
        )
        found = json.loads(where.summary.read_text())["parameters"]
        for name, true in TRUTH.items():
            assert abs(found[name]["mean"] - true) < 4 * found[name]["sd"]
    assert "2 of 2 pixels (100%), 2 new" in masm_command("collect", run_path).output
    with xr.open_zarr(run_path / "posteriors.zarr", chunks=None) as store:
        assert store["pixel"].to_numpy().tolist() == [p.id for p in run.pixels]
        assert store.attrs["comment"] == "synthetic region"
    for command in ("simulate", "evaluate"):
        assert masm_command(command, run_path).exit_code == 0
    assert len(list((run_path / "simulations" / "calibrated").iterdir())) == 2


def test_a_started_run_keeps_its_pixels_and_its_cube(run_path, masm_command, edit):
    pixels = ids_of(run_path)
    assert masm_command("calibrate", run_path, "--pixel", pixels[0]).exit_code == 0
    # Status and results need no cube: it may lie on another machine.
    cube = run_path.parent / "cube.zarr"
    cube.rename(run_path.parent / "away.zarr")
    states = json.loads(masm_command("status", run_path, "--json").output)["states"]
    assert states["done"] + states["suspect"] == 1
    (run_path.parent / "away.zarr").rename(cube)
    assert ids_of(run_path) == pixels

    text = (run_path / "pixels.csv").read_text()
    (run_path / "pixels.csv").write_text(text.replace(str(pixels[1]), "6900000"))
    refused = masm_command("calibrate", run_path, "--resume")
    assert refused.exit_code == 2
    assert "pixels.csv" in refused.stderr
    (run_path / "pixels.csv").write_text(text)
    sums = cube / "checksums.json"
    sums.write_text(sums.read_text() + "\n")
    refused = masm_command("calibrate", run_path, "--resume")
    assert "pixels.cube" in refused.stderr
    edit(run_path, "calibration: 0.03", "calibration: 0.05")
    assert "pixels.sample.calibration" in masm_command("status", run_path).stderr


def test_listed_pixels_without_data_fail_and_are_skipped_each_with_its_reason(
    run_path, masm_command, edit
):
    ids = built_ids(run_path.parent / "cube.zarr")
    listed = [int(ids[row]) for row in (NO_WEATHER, NEVER_SEEN, BARE)]
    edit(run_path, "calibration: 0.03", f"places: {listed}")
    edit(run_path, "workers: 2", "workers: 2, max_failed_fraction: 1")
    assert masm_command("calibrate", run_path).exit_code == 3
    run = open_run(run_path)
    states = [state_of(run.folder.pixel(pixel.id)) for pixel in run.pixels]
    assert [(s.state, s.reason) for s in states[:2]] == [
        ("failed", "no_forcing"),
        ("skipped", "no_observations"),
    ]
    assert states[2].state in ("done", "suspect")  # the list is above the mask


def test_a_screening_fraction_of_nothing_screens_nothing(run_path, masm_command, edit):
    edit(run_path, "{screening: 0.1,", "{screening: 0,")
    reported = masm_command("screen", run_path)
    assert reported.exit_code == 0, reported.output
    assert "no pixel is screened" in reported.output
    assert not (run_path / "screening").exists()


def test_check_reports_the_cube_the_mask_and_the_sample_and_computes_nothing(
    run_path, masm_command
):
    reported = masm_command("check", run_path)
    assert reported.exit_code == 0, reported.output
    for wanted in (
        "SYNTHETIC region",
        "tmax: 99.0 % present",
        "gpp: 99.0 % present",
        "skipped, no_forcing: 1 pixels",
        "skipped, no_observations: 1 pixels",
        "mask: 99 of 100 pixels",
        "97 of them can be calibrated",
        "10 pixels to screen",
        "3 to calibrate",
        "g m-2 d-1",
        "cost: at most",
        "at 10 min to calibrate a pixel",
        "disk: about",
    ):
        assert wanted in reported.output
    assert sorted(path.name for path in run_path.iterdir()) == ["config.yaml"]


def test_check_names_the_rules_that_drop_pixels_from_training(
    run_path, edit, masm_command
):
    rules = "upscaling: {max_diso: 0.35, max_r_hat: 1.2, at_bound: drop_pixel}"
    edit(run_path, "streams: {gpp", f"{rules}\nstreams: {{gpp")
    words = " ".join(masm_command("check", run_path).output.split())
    assert (
        "upscaling does not use pixels with a DISO of GPP or LAI of 0.35 or more "
        "(upscaling.max_diso); an R-hat of 1.2 or more (upscaling.max_r_hat); a "
        "posterior at its prior's bound (upscaling.at_bound)"
    ) in words


def test_check_prices_every_stage(run_path, edit):
    edit(run_path, "streams: {gpp", "upscaling: {draws: 7}\nstreams: {gpp")
    edit(run_path, "streams: {gpp", "screening: {trajectories: 4}\nstreams: {gpp")
    costs = {cost.stage: cost for cost in stage_costs(open_run(run_path))}
    n_parameters = len(open_model("ibis_dalec", Settings()).parameters)
    assert costs["screen"].model_runs == 10 * 4 * (n_parameters + 1)
    assert costs["calibrate"].pixels == 3
    # 98 pixels have weather and forest; the sample day by day and as a set too.
    assert costs["simulate"].model_runs == 2 * 98 + 3 * 3
    assert costs["ensemble"].model_runs == 7 * 98
    assert costs["ensemble"].years == 3 + 10
    minutes, measured = minutes_of(open_run(run_path), list(costs.values()))
    years = sum(cost.model_years for cost in costs.values())
    assert minutes == pytest.approx(30.0 * years / costs["calibrate"].model_years)
    assert not measured


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "NO MAPS: 3 pixels to calibrate, and upscaling.least_pixels is 30"),
        ({"calibration: 0.03": "calibration: 0.2"}, "NO MAPS: 19 pixels"),
        ({"calibration: 0.03": "calibration: 0.5"}, "pixels to calibrate, 30 needed"),
        (
            {
                "calibration: 0.03": "calibration: 0.5",
                "streams: {gpp": "upscaling: {max_diso: 0.05}\nstreams: {gpp",
            },
            "NO MAPS: upscaling.max_diso 0.05 will drop about 48 of 48 pixels",
        ),
    ],
)  # fmt: skip
def test_check_holds_the_sample_against_what_maps_need(
    run_path, edit, masm_command, changes, wanted
):
    for old, new in changes.items():
        edit(run_path, old, new)
    reported = masm_command("check", run_path)
    assert reported.exit_code == 0, reported.output
    assert wanted in reported.output
    assert "upscaling.max_diso" in reported.output
    assert reported.output.count("NO MAPS") == ("NO MAPS" in wanted)


def test_one_line_makes_a_synthetic_region_and_the_template_uses_it(
    tmp_path, masm_command, monkeypatch
):
    monkeypatch.undo()  # the real model makes the observations
    run = tmp_path / "run"
    reported = masm_command("init", run, "--template", "region")
    assert f"masm region synthetic {run / 'region.zarr'}" in reported.output
    words = ("region", "synthetic", run / "region.zarr", "--rows", 3, "--columns", 4)
    built = masm_command(*words)
    assert built.exit_code == 0, built.output
    assert "synthetic region" in built.output
    assert masm_command(*words).exit_code == 0  # there already
    other = masm_command(*words, "--seed", 2)
    assert other.exit_code == 2
    assert "a cube of" in other.stderr
    checked = masm_command("check", run)
    assert "1 to calibrate" in checked.output, checked.output + checked.stderr
    assert (
        masm_command("region", "check", run / "region.zarr", "--verify").exit_code == 0
    )
    bare = masm_command(*words[:2], tmp_path / "b", "--rows", 2, "--columns", 3)
    assert bare.exit_code == 2
    assert "more than half deciduous forest" in bare.stderr
    years = masm_command(*words[:3], "--years", "2006-2001")
    assert years.exit_code == 2
