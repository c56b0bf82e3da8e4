"""A run of towers, from tables to the validation at left-out sites and the diagnosis.

The process model is a small one: GPP follows warmth, vmax and, by the root profile,
rain. Towers differ in vmax, which follows their water capacity; two are neighbours.
"""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import linear_model
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.config.reader import read_config
from jobs.errors import ConfigError
from jobs.report.diagnosis import section_of_diagnosis
from jobs.report.spatial import section_of_spatial
from jobs.run.run import open_run
from jobs.stages.spatial_map import map_places, sentences_of_map
from jobs.stages.spatial_predictions import _blend
from jobs.stages.spatial_scores import METHODS, choose
from jobs.stages.spatial_tables import sentences_of

NAMES = ["AA-One", "AA-Two", "BB-One", "CC-One", "DD-One", "EE-One"]
PLACES = [
    (45.0, -84.0),
    (45.01, -84.01),
    (42, -72),
    (51, 10),
    (48, 2),
    (41, 13),
    (50, 6),
]
CAPACITY = [100.0, 110.0, 180.0, 260.0, 340.0, 220.0, 140.0]
ROOTS = 0.93  # what made the observations; the default is another
CONFIG = """\
name: small towers
seed: 3
pixels:
  source: towers
  table: towers.csv
  tower: "daily/{id}.csv"
  fapar: fapar.csv
  classes: [DBF]
  wind: 2.5
periods: {by_site: {validation_share: 0.34, least_years: 3}}
model: {spinup_cycles: 0, options: {operators: [fapar]}}
streams:
  gpp: {variance: {fraction: 0.1, floor: 0.4}, between_years: 0.2}
  fapar: {variance: given}
calibration:
  method: esmda
  options: {n_members: 24, n_steps: 3}
  keep_draws: 50
  blocks: [{streams: [gpp, fapar], parameters: [vmax, p18, fapar_background]}]
spatial: {least_sites: 3, draws: 4}
"""


def small_model(forcing, parameters, *, spinup_cycles=10, outputs=("lai", "gpp")):
    """The linear model, whose GPP feels the rain of two months through beta2."""
    found = linear_model.simulate_batch(
        forcing, parameters, spinup_cycles=spinup_cycles, outputs=outputs
    )
    n = found.sizes["sample"]
    beta2 = np.broadcast_to(np.asarray(parameters.get("beta2", 0.975), float), (n,))
    rain = pd.Series(forcing["prec"].to_numpy()).rolling(60, min_periods=1).mean()
    wet = (rain / rain.mean() - 1.0).to_numpy()
    answer = 1.0 + 6.0 * (0.99 - beta2)[:, None] * wet
    if "gpp" in found:
        found["gpp"] = found["gpp"] * answer
    for name, value in parameters.items():
        assert name in ("vmax", "p18", "beta2") or np.size(value) in (1, n)
    return found


def one_run(forcing, parameters, **options):
    many = {name: [value] for name, value in parameters.items()} or {"p18": [60.0]}
    return small_model(forcing, many, **options).isel(sample=0)


def weather_table(seed: int, years: int) -> pd.DataFrame:
    """Daily weather of a tower without 29 February, as such tables are."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2005-01-01", f"{2004 + years}-12-31")
    days = days[~((days.month == 2) & (days.day == 29))]
    season = -np.cos(2 * np.pi * (days.day_of_year - 20) / 365.25)
    middle = 9.0 + 11.0 * season + rng.normal(0, 2, days.size)
    dry = np.repeat(rng.gamma(1.0, 1.0, days.size // 60 + 1), 60)[: days.size]
    return pd.DataFrame(
        {
            "date": days.strftime("%Y-%m-%d"),
            "tmin": (middle - 4).round(2),
            "tmax": (middle + 5).round(2),
            "prec": (rng.gamma(0.3, 8.0, days.size) * dry).round(2),
            "srad": (11.0 + 8.0 * season).round(2),
            "vpd": np.full(days.size, 4.0),
            "pressure": np.full(days.size, 98.0),
        }
    )


def observe(table: pd.DataFrame, vmax: float, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    weather = xr.Dataset(
        {name: ("time", table[name].to_numpy()) for name in ("tmax", "prec")}
        | {"lat": 45.0},
        {"time": pd.to_datetime(table["date"]).to_numpy()},
    )
    made = small_model(weather, {"vmax": [vmax], "p18": [90.0], "beta2": [ROOTS]})
    gpp = made["gpp"].to_numpy()[0] + rng.normal(0, 0.4, len(table))
    lai = made["lai"].to_numpy()[0]
    fapar = 0.4 + 0.55 * (1.0 - np.exp(-0.5 * lai)) + rng.normal(0, 0.02, lai.size)
    return gpp.round(4), fapar.round(3)


@pytest.fixture(scope="module", autouse=True)
def small_model_for_the_module():
    with pytest.MonkeyPatch.context() as patch:
        import ibis_dalec

        patch.setattr(ibis_dalec, "simulate_batch", small_model)
        patch.setattr(ibis_dalec, "simulate", one_run)
        yield


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder of towers as they come: gaps, empty cells, other classes."""
    path = tmp_path_factory.mktemp("towers") / "run"
    (path / "daily").mkdir(parents=True)
    rows, composites = [], []
    for k, name in enumerate(NAMES):
        lat, lon = PLACES[k]
        table = weather_table(10 + k, 4 if k % 2 else 5)
        gpp, fapar = observe(table, 2e-5 + 1.2e-7 * CAPACITY[k], k)
        table["gpp"] = gpp
        table.loc[40:47, "gpp"] = np.nan
        table.to_csv(path / "daily" / f"{name}.csv", index=False)
        whc = "" if k == 2 else CAPACITY[k]
        rows.append([name, lat, lon, 300, "DBF", whc, "" if k else 60, "" if k else 10])
        first = (pd.to_datetime(table["date"]).dt.day_of_year - 1) % 4 == 0
        composites.append(
            pd.DataFrame(
                {"id": name, "date": table["date"][first], "fapar": fapar[first],
                 "good": 1}
            )
        )  # fmt: skip
    rows.append(["ZZ-Ever", 60.0, 20.0, 100, "ENF", 90.0, "", ""])
    columns = ["id", "latitude", "longitude", "elevation", "class", "whc_mm"]
    columns += ["sand", "clay"]
    pd.DataFrame(rows, columns=columns).to_csv(path / "towers.csv", index=False)
    pd.concat(composites).to_csv(path / "fapar.csv", index=False)
    (path / "config.yaml").write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def finished(tables, tmp_path_factory):
    """Calibrated, validated at left-out sites, diagnosed and reported."""
    from typer.testing import CliRunner

    from jobs.cli.app import app

    path = shutil.copytree(tables, tmp_path_factory.mktemp("finished") / "run")
    said = {}
    for words in (
        ["calibrate", path],
        ["spatial", path],
        ["diagnose", path, "--pixel", "BB-One"],
    ):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, f"{words[0]}: {result.output}"
        said[words[0]] = result.output
    return path, said


def test_each_tower_has_its_own_years_and_class(tables, tmp_path, masm_command, edit):
    path = shutil.copytree(tables, tmp_path / "run")
    assert [pixel.name for pixel in open_run(path).pixels] == NAMES
    edit(path, "classes: [DBF]", "only: [AA-Two, BB-One]")
    shown = masm_command("check", path).stdout
    assert "spin-up 2005, calibration 2006-2007, validation 2008" in shown
    assert "spin-up 2005, calibration 2006-2008, validation 2009" in shown
    assert "sand and clay: not known, those of config.yaml" in shown


def test_parameters_that_follow_a_covariate_are_mapped(finished):
    path, said = finished
    found = masm.open_run(path).spatial
    gpp = found.methods[found.methods["stream"] == "gpp"].set_index("method")
    assert set(gpp.index) == set(METHODS) - {"joint"}
    assert found.chosen in ("hierarchical", "gaussian_process")
    assert gpp.loc[found.chosen, "rmse"] < 0.9 * gpp.loc["mean", "rmse"]
    assert gpp.loc["own", "rmse"] < gpp.loc["mean", "rmse"]
    assert gpp.loc["own", "coverage"] > 0.8
    assert any(one.startswith("Parameters are mapped by") for one in found.sentences)
    assert "Parameters are mapped by" in " ".join(said["spatial"].split())


def test_the_blend_is_half_model_and_half_weather():
    model = {"gpp": (np.array([2.0, 4.0]), np.array([1.0, 1.0])), "lai": (0, 0)}
    weather = {"gpp": (np.array([4.0, 8.0]), np.zeros(2))}
    found = _blend(model, weather)
    assert set(found) == {"gpp"}
    assert found["gpp"][0].tolist() == [3.0, 6.0]
    assert found["gpp"][1].tolist() == [0.5, 0.5]


def test_neighbours_are_left_out_together(finished):
    path, _ = finished
    sites = masm.open_run(path).spatial.sites.set_index("name")
    assert sites.loc["AA-One", "block"] == sites.loc["AA-Two", "block"]
    assert sites["block"].nunique() == len(NAMES) - 1


def test_the_diagnosis_finds_the_parameter_that_was_left_out(finished):
    path, said = finished
    found = masm.open_run(path).diagnosis("BB-One")
    best = found.tables["scan"].iloc[0]
    assert best["parameter"] == "beta2"
    assert best["confirmed"] > 0.2
    assert best["validation"] > 0.1
    assert found.sentences[0].startswith("Calibrate beta2 too")
    assert "Calibrate beta2 too" in said["diagnose"]


def test_the_report_has_both_sections(finished):
    run = open_run(finished[0])
    misses, spatial = section_of_diagnosis(run), section_of_spatial(run)
    assert any("Calibrate beta2 too" in note for note in misses.notes)
    assert any("Parameters are mapped by" in note for note in spatial.notes)
    assert [len(part.pictures) for part in (misses, spatial)] == [1, 1]
    # The names are those of the figure.
    assert list(spatial.tables[0].columns[:2]) == ["name", "method"]
    assert "ensemble" in [row[0] for row in spatial.tables[0].rows]


def test_a_validation_of_other_calibrations_is_not_shown(finished, tmp_path):
    path = shutil.copytree(finished[0], tmp_path / "run")
    text = (
        (path / "config.yaml").read_text().replace("least_sites: 3", "least_sites: 4")
    )
    (path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="masm spatial"):
        _ = masm.open_run(path).spatial


def test_a_validation_without_one_of_its_tables_is_not_shown(finished, tmp_path):
    path = shutil.copytree(finished[0], tmp_path / "run")
    (path / "spatial" / "methods.csv").unlink()
    with pytest.raises(ConfigError, match="masm spatial"):
        _ = masm.open_run(path).spatial


def test_places_without_a_calibration_get_the_mapper_that_was_chosen(finished):
    path, _ = finished
    run, found = open_run(path), masm.open_run(path).spatial
    assert found.mapped.empty  # all of them are calibrated
    names, rng = ["vmax", "p18", "fapar_background"], np.random.default_rng(1)
    low = np.array([2e-5, 10.0, 0.0])
    high = np.array([8e-5, 200.0, 0.75])
    at_site = [
        SimpleNamespace(
            good=k != 1,
            site=SimpleNamespace(pixel=run.pixels[k]),
            draws=low + (high - low) * (0.1 + 0.15 * k + rng.uniform(0, 0.1, (50, 3))),
        )
        for k in range(5)
    ]
    target = run.pixels[5]
    table = run.source.covariates()
    both = {
        name: map_places(run, at_site, [target], table, name, names)
        for name in ("ensemble", "hierarchical")
    }
    vmax = both["ensemble"].set_index("parameter").loc["vmax"]
    pool = np.concatenate([one.draws[:, 0] for one in at_site if one.good])
    assert vmax["mean"] == pytest.approx(pool.mean(), rel=0.05)
    assert vmax["sd"] == pytest.approx(pool.std(), rel=0.15)
    assert (vmax["mapper"], vmax["name"]) == ("ensemble", target.name)
    assert both["hierarchical"]["mean"].between(low, high).all()
    said = sentences_of_map(both["ensemble"], [target], "ensemble")
    assert "EE-One" in said[0]
    assert "other sites' draws" in said[0]
    few = map_places(run, at_site[:3], [target], table, "ensemble", names)
    assert "no parameters" in sentences_of_map(few, [target], "ensemble")[0]


def table_of_methods(**rmse):
    rows = [{"stream": "gpp", "method": n, "rmse": v} for n, v in rmse.items()]
    return pd.DataFrame(rows)


def test_where_no_mapper_beats_the_mean_the_ensemble_is_used(tables):
    run = open_run(tables)
    methods = table_of_methods(mean=2.0, ensemble=1.9, hierarchical=2.1, trees=2.2)
    chosen = choose(run, methods)
    sites = pd.DataFrame({"learned_from": [1] * 6})
    said = sentences_of(run, methods, sites, chosen)
    assert chosen == "ensemble"
    assert said[0].startswith("No mapper beats the mean")
    assert "RMSE of GPP of 2.10 g m-2 d-1" in said[0]
    blend = table_of_methods(mean=2.0, ensemble=1.9, trees=2.2, blended=1.5)
    assert "1.50 g m-2 d-1" in sentences_of(run, blend, sites, chosen)[-1]
    # The first stream may have no values in validation years.
    said = sentences_of(run, methods.assign(stream="fapar"), sites, chosen)
    assert "RMSE of FAPAR of 2.10 at left-out sites" in said[0]


def test_too_few_sites_are_said_and_nothing_is_mapped(tables):
    run = open_run(tables)
    methods = table_of_methods(mean=2.0, ensemble=1.9, weather=1.5)
    chosen = choose(run, methods)
    sites = pd.DataFrame({"learned_from": [1, 1, 0]})
    said = sentences_of(run, methods, sites, chosen)
    assert chosen == "ensemble"
    assert said[0].startswith("No parameter is mapped: 2 sites are good enough")
    assert "does not beat a regression on weather" in said[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("classes: [DBF]", "only: [AA-One, QQ-None]", "QQ-None"),
        ("least_years: 3", "least_years: 30", "30 whole years"),
        ("  fapar: fapar.csv\n", "", "a table id, date, fapar, good"),
        ("operators: [fapar]", "operators: [faper]", "wanted a list of: fapar"),
        ("operators: [fapar]", "parameter_set: tropical", "deciduous or evergreen"),
        ("periods: {by_site:", "periods: {spinup: 2005, by_site:", "not both"),
    ],
)
def test_mistakes_are_refused_by_name(
    tables, tmp_path, masm_command, edit, old, new, said
):
    path = shutil.copytree(tables, tmp_path / "run")
    edit(path, old, new)
    result = masm_command("check", path)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())


def test_years_of_the_table_come_before_those_of_the_record(
    tables, tmp_path, masm_command, edit
):
    path = shutil.copytree(tables, tmp_path / "run")
    edit(path, "classes: [DBF]", "only: [AA-One]")
    table = pd.read_csv(path / "towers.csv")
    years = ("2006", "2007", "2008")
    for column, value in zip(
        ("spinup", "calibration", "validation"), years, strict=True
    ):
        table[column] = [value if one == "AA-One" else "" for one in table["id"]]
    table.to_csv(path / "towers.csv", index=False)
    shown = masm_command("check", path).stdout
    assert "its own years: spin-up 2006, calibration 2007, validation 2008" in shown
    table.loc[0, "calibration"] = "2005"
    table.to_csv(path / "towers.csv", index=False)
    result = masm_command("check", path)
    assert result.exit_code == 2
    assert "one spin-up year, then calibration" in result.stderr


def test_the_template_is_a_run_of_towers(tables, tmp_path, masm_command):
    path = tmp_path / "made"
    assert masm_command("init", path, "--template", "towers").exit_code == 0
    config, _ = read_config(path / "config.yaml")
    assert config.pixels.source == "towers"
    blocks = config.calibration.blocks
    assert "beta2" in blocks[0].parameters
    result = masm_command("check", path)
    assert result.exit_code == 2
    assert "towers.csv" in result.stderr
