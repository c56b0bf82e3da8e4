"""A process model is one file and one registry line: a toy one, run to a map."""

import sys
import textwrap
import types

import numpy as np
import pytest
import xarray as xr
from linear_region import linear_models, make_run

from jobs.config.process_model import model_of
from jobs.errors import ConfigError
from jobs.process_models import registry
from jobs.process_models.base import Output, Parameter, Settings
from jobs.process_models.registry import MODELS, open_model

UNITS = {"gpp": "g m-2 d-1", "lai": "1", "er": "g m-2 d-1", "nee": "g m-2 d-1"}


class Toy:
    """GPP and LAI follow warmth; a model in forty lines."""

    name, title, spinup_cycles = "toy", "Toy model", 0
    parameters = {  # noqa: RUF012
        "vmax": Parameter(3e-5, 1e-5, 8e-5, "mol m-2 s-1", "capacity"),
        "p18": Parameter(60.0, 20.0, 150.0, "g m-2", "leaf mass"),
    }
    outputs = {name: Output(unit) for name, unit in UNITS.items()}  # noqa: RUF012
    saved = ("lai", "gpp")

    def __init__(self, settings):
        self.settings = settings

    def drivers(self, weather, where):
        return weather[["tmax"]]

    def calibration_model(self, drivers, outputs, years):
        return lambda theta: self._run(drivers, dict(theta), outputs).sel(time=years)

    def simulate(self, drivers, parameters):
        values = {n: [parameters.get(n, r.default)] for n, r in self.parameters.items()}
        return self._run(drivers, values, self.saved).isel(sample=0)

    def simulate_pixels(self, weather, parameters, outputs, chunk):
        found = self._run(weather, parameters, outputs, "pixel")
        yield found.assign_coords(pixel=weather["pixel"])

    def warm_up(self):
        pass

    def _run(self, drivers, values, outputs, over="sample"):
        order = [dim for dim in (over, "time") if dim in drivers["tmax"].dims]
        warm = np.clip(drivers["tmax"].transpose(*order).to_numpy() / 25.0, 0.0, None)
        vmax, p18 = (np.asarray(values[n], float)[:, None] for n in ("vmax", "p18"))
        made = {"gpp": 2e5 * vmax * warm, "lai": 300.0 / p18 * warm}
        return xr.Dataset(
            {n: ((over, "time"), made[n if n in made else "gpp"], {"units": UNITS[n]})
             for n in outputs},
            coords={"time": drivers["time"]},
        )  # fmt: skip


@pytest.fixture
def toy(monkeypatch):
    module = types.ModuleType("toy_model")
    module.Toy = Toy
    monkeypatch.setitem(sys.modules, "toy_model", module)
    monkeypatch.setitem(MODELS, "toy", "toy_model:Toy")


@pytest.mark.usefixtures("toy")
def test_a_toy_model_runs_from_a_cube_to_maps(tmp_path, masm_command):
    with linear_models():
        path = make_run(
            tmp_path, sample="{forest_above: 0.5, screening: 0.02, calibration: 0.16}"
        )
        file = path / "config.yaml"
        few = "upscaling: {least_pixels: 10, "
        text = file.read_text().replace("upscaling: {", few)
        file.write_text(text + "model: {name: toy}\n")
        reported = masm_command("run", path, "--executor", "serial")
        assert reported.exit_code in (0, 3), reported.output
    maps = sorted(path.rglob("*.tif"))
    assert any("vmax" in str(name) for name in maps), maps
    written = next(path.rglob("fluxes_8day*.nc"), None) or next(path.rglob("*.nc"))
    assert written.stat().st_size > 0


@pytest.mark.parametrize("name", list(MODELS))
def test_every_entry_of_the_registry_offers_what_an_adapter_must(name, tmp_path):
    if name == "executable":
        (tmp_path / "table.csv").write_text("id,default,min,max\na,1,0,2\n")
        options = {
            "command": ["/bin/true"],
            "parameters": "table.csv",
            "outputs": {"gpp": "g m-2 d-1"},
        }
        model = open_model(name, Settings(options=options, folder=tmp_path))
    else:
        model = open_model(name, Settings())
    assert model.name == name
    assert model.title
    for row in model.parameters.values():
        assert row.low < row.high
        assert row.low <= row.default <= row.high
        assert row.unit
    assert set(model.saved) <= set(model.outputs) | {"ra", "rh", "et"}
    for attribute in ("drivers", "calibration_model", "simulate", "simulate_pixels"):
        assert callable(getattr(model, attribute))


@pytest.mark.parametrize("name", list(MODELS))
def test_an_unknown_option_is_refused_by_name(name):
    with pytest.raises(ConfigError, match="speling"):
        open_model(name, Settings(options={"speling": 1}))


def test_an_unknown_model_is_refused_with_a_hint():
    with pytest.raises(ConfigError, match="sipnet"):
        open_model("sipnett", Settings())


CONFIG = """
name: one place
seed: 3
pixels:
  {source: generated, name: x, latitude: 42.5, longitude: -72.2, elevation: 340,
   sand: 60, clay: 10, years: 2001-2004}
periods: {spinup: 2001, calibration: 2002-2003, validation: 2004}
model: MODEL
streams: {gpp: {variance: given}, nee: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.1, floor: 0.3}, nee: {fraction: 0.1, floor: 0.3}}
calibration:
  options: {max_runs: 60}
  blocks: [{streams: [gpp, nee], parameters: PARAMETERS}]
"""


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("sipnet", "[aMax, laiInit]"), ("dalec_bethy", "[vm, cleaf0]")],
)
def test_another_model_is_calibrated_by_the_same_run(
    name, parameters, tmp_path, masm_command
):
    known = open_model(name, Settings()).parameters
    chosen = [p for p in parameters.strip("[]").split(", ") if p in known]
    chosen = (chosen + [p for p in known if p not in chosen])[:2]
    text = CONFIG.replace("MODEL", f"{{name: {name}}}")
    text = text.replace("PARAMETERS", f"[{', '.join(chosen)}]")
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(text)
    reported = masm_command("run", path, "--executor", "serial")
    assert reported.exit_code in (0, 3), reported.output
    assert (path / "report.html").exists() or list(path.rglob("report.html"))
    assert list(path.rglob("posterior.nc"))


def test_monthly_century_gives_its_monthly_sums_on_each_day():
    from landdata import generate_weather, harvard_normals

    weather = generate_weather(
        harvard_normals(), (2001, 2003), np.random.default_rng(2)
    )
    model = open_model("century", Settings())
    drivers = model.drivers(weather, "here")
    assert drivers.sizes["time"] == 36
    run = model.calibration_model(drivers, ("nee", "soil_carbon"), slice("2002", None))
    found = run({"prdx_1": [0.4, 0.8]})
    assert found.sizes == {"sample": 2, "time": 730}
    january = found["nee"].sel(time="2002-01")
    assert float(january.std("time").max()) < 1e-12
    assert found["soil_carbon"].isel(sample=1, time=0) > 0.0
    rain = float(weather["prec"].sel(time="2002-07").sum())
    july = float(drivers["prec"].sel(time="2002-07-01"))
    assert july == pytest.approx(rain / 10.0)


def test_a_parameter_set_that_contradicts_itself_fails_alone():
    from landdata import generate_weather, harvard_normals

    weather = generate_weather(
        harvard_normals(), (2001, 2002), np.random.default_rng(2)
    )
    model = open_model("century", Settings())
    run = model.calibration_model(model.drivers(weather, "x"), ("nee",), slice(None))
    found = run({"ppdf_1": [18.0, 25.0], "ppdf_2": [30.0, 25.0]})["nee"]
    assert np.isfinite(found.isel(sample=0)).all()
    assert np.isnan(found.isel(sample=1)).all()


def test_a_spin_up_of_a_model_without_one_is_refused(tmp_path, masm_command):
    text = CONFIG.replace("MODEL", "{name: sipnet, spinup_cycles: 5}")
    (tmp_path / "config.yaml").write_text(text.replace("PARAMETERS", "[aMax]"))
    reported = masm_command("check", tmp_path)
    assert reported.exit_code == 2
    assert "spinup_cycles" in reported.output


PROGRAM = textwrap.dedent(
    """\
    import csv, sys
    rows = csv.DictReader(open("parameters.csv"))
    p = {r["parameter"]: float(r["value"]) for r in rows}
    with open("output.csv", "w") as out:
        print("date,gpp,nee", file=out)
        for r in csv.DictReader(open("drivers.csv")):
            gpp = p["a"] * max(float(r["tmax"]), 0.0)
            print(r["date"], gpp, p["b"] - gpp, sep=",", file=out)
    """
)


def test_a_users_program_is_calibrated_by_the_same_run(tmp_path, masm_command):
    (tmp_path / "model.py").write_text(PROGRAM)
    (tmp_path / "table.csv").write_text(
        "id,default,min,max,unit,description\n"
        "a,0.3,0.1,0.6,g m-2 d-1 K-1,slope\nb,4,1,8,g m-2 d-1,loss\n"
    )
    command = f"[{sys.executable}, {tmp_path / 'model.py'}]"
    model = (
        f"{{name: executable, options: {{command: {command}, parameters: table.csv, "
        "outputs: {gpp: g m-2 d-1, nee: g m-2 d-1}}}"
    )
    text = CONFIG.replace("MODEL", model).replace("PARAMETERS", "[a, b]")
    (tmp_path / "config.yaml").write_text(text)
    reported = masm_command("calibrate", tmp_path)
    assert reported.exit_code == 0, reported.output
    assert list(tmp_path.rglob("posterior.nc"))


def test_the_default_model_of_an_old_configuration_is_ibis_dalec(tmp_path):
    from jobs.config.reader import read_config

    text = CONFIG.replace("model: MODEL\n", "").replace("PARAMETERS", "[vmax]")
    (tmp_path / "config.yaml").write_text(text)
    config, _ = read_config(tmp_path / "config.yaml")
    assert model_of(config).name == registry.DEFAULT_MODEL == "ibis_dalec"
