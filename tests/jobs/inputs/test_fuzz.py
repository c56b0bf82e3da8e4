"""Tables and files of pixels as bad as they come.

A table is read or refused by line and column. A pixel with a bad file fails alone
with the right reason, never as a bug; what it has not is NaN in the store, never 0.
"""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linear_model import simulate

from jobs.errors import ConfigError
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.pixels import read_pixels
from jobs.run.region_places import listed_ids
from landdata import generate_weather, harvard_normals

LIMITS = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
HEADER = "id,name,latitude,longitude,elevation,sand,clay"
ROWS = [f"{i},place {i},{40 + i},-75,300,60,10" for i in range(1, 5)]
CELLS = [
    "", " ", "nan", "inf", "-inf", "1e400", "x", "-1", "91", "1.5", "1,5", '"', '"1"',
    "0x10", "1_0", "\u0661", "\ufeff1", "\u202e", "\x00", "\t", "9" * 400, "=1+1",
    "../../x", "<b>", "a\nb", '"a\nb"', "NaN", "None", "1e2",
]  # fmt: skip


def spoil(text, rng):
    """Change a table: a cell, a row, the header, its line ends, its bytes."""
    lines = text.split("\n")
    how, at = rng.randrange(8), rng.randrange(len(lines))
    if how <= 2:
        cells = lines[at].split(",")
        cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        lines[at] = ",".join(cells)
    elif how == 3:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif how == 4:
        lines[at] = rng.choice(
            ["", ",", lines[at] + ",1,2", lines[at][:9], "#", "\x00"]
        )
    elif how == 5:
        return ("\ufeff" + text).replace("\n", rng.choice(["\r\n", "\r", "\n\n"]))
    elif how == 6:
        return text.replace(",", rng.choice([";", "\t", " , ", ",,"]))
    else:
        names = HEADER.split(",")
        rng.shuffle(names)
        lines[0] = ",".join(names)
    return "\n".join(lines)


@LIMITS
@given(seed=st.integers(0, 2**32))
def test_a_spoilt_table_of_pixels_is_read_or_refused_by_line(tmp_path, seed):
    rng = random.Random(seed)  # noqa: S311
    text = "\n".join([HEADER, *ROWS])
    for _ in range(rng.choice([1, 1, 2])):
        text = spoil(text, rng)
    table = tmp_path / "places.csv"
    content = text.encode()
    if rng.random() < 0.1:
        content = content[:40] + bytes([rng.randrange(128, 256)]) + content[40:]
    table.write_bytes(content)
    try:
        pixels = read_pixels(table)
    except ConfigError as refused:
        if not all("places.csv" in problem.where for problem in refused.problems):
            raise
        return
    assert len({pixel.id for pixel in pixels}) == len(pixels) > 0
    for pixel in pixels:
        assert -90 <= pixel.latitude <= 90
        assert -180 <= pixel.longitude <= 180
        assert 0 <= pixel.sand + pixel.clay <= 100
        assert pixel.name
        assert pixel.name.isprintable()


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path):
    table = tmp_path / "places.csv"
    plain = "\n".join([HEADER, *ROWS])
    table.write_text(plain)
    wanted = read_pixels(table)
    table.write_bytes(("\ufeff" + plain.replace("\n", "\r\n")).encode())
    assert read_pixels(table) == wanted


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("-75,300,60,10", "-75,300,60,50", "sand and clay"),
        ("1,place 1", "1,pl\x00ace", "a name of printable characters"),
        ("place 2", "place\u202e2", "a name of printable characters"),
        ("2,place 2", '2,"place 2', "cannot be read"),
        ("name,latitude", "name,name,latitude", "each column once"),
        ("place 3", "pl\udce4ce", "cannot be read"),
    ],
)
def test_the_faults_of_a_table_are_distinguished(tmp_path, old, new, reported):
    table = tmp_path / "places.csv"
    text = "\n".join([HEADER, *ROWS]).replace(old, new)
    table.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=reported):
        read_pixels(table)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("latitude,longitude\n42,nan\n", "not a place"),
        ("latitude,longitude\n142,-75\n", "not a place"),
        ("id\n1.5\n", "numbers"),
        ("id\n\n", "no places"),
        ("\ufeffplace\n1\n", "a column id, or latitude and longitude"),
        ("id\n\udcff\n", "cannot be read"),
    ],
)
def test_a_spoilt_list_of_places_is_refused(tmp_path, text, reported):
    class Cube:
        cells = type("Cells", (), {"ids": np.array([1])})
        path = "a cube"

        def __len__(self):
            return 1

    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=reported):
        listed_ids(path, tmp_path, Cube())


# --- files of single pixels


CONFIG = """\
name: spoilt pixels
seed: 11
pixels:
  source: table
  table: places.csv
  forcing: "forcing/{id}.nc"
  observations: "observed/{id}.nc"
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: RULE}, lai: {variance: {fraction: 0.1, floor: 0.1}}}
calibration:
  method: published
  options:
    {n_iterations: 1, n_draws: 400, n_steps: 200, n_initial_per_parameter: 8,
     n_check: 2}
  keep_draws: 50
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
execution: {executor: serial, max_failed_fraction: 1}
"""


def no_netcdf(data, path):
    path.write_text("date,gpp\n2001-01-01,3\n")


def half_a_file(data, path):
    data.to_netcdf(path, engine="h5netcdf")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def absent(data, path):
    path.unlink(missing_ok=True)


def empty(data, path):
    path.write_bytes(b"")


def a_folder(data, path):
    path.mkdir()


ANY_FILE = [no_netcdf, half_a_file, absent, empty, a_folder]


def without_time(data):
    return data.drop_vars("time")


def time_of_numbers(data):
    return data.assign_coords(time=np.arange(data.sizes["time"]))


def no_leap_days(data):
    time = xr.date_range(
        "2001-01-01", periods=data.sizes["time"], calendar="noleap", use_cftime=True
    )
    return data.assign_coords(time=time)


def backwards(data):
    return data.isel(time=slice(None, None, -1))


def a_day_twice(data):
    days = np.arange(data.sizes["time"])
    return data.isel(time=np.sort(np.append(days, 500)))


def shuffled(data):
    order = np.random.default_rng(1).permutation(data.sizes["time"])
    return data.isel(time=order)


def other_years(data):
    return data.assign_coords(time=data["time"] + np.timedelta64(3653, "D"))


def nothing_over_time(data):
    return xr.Dataset({"answer": 42})


ANY_TIME = [
    without_time, time_of_numbers, no_leap_days, backwards, a_day_twice, shuffled,
    other_years, nothing_over_time,
]  # fmt: skip


def with_gpp(change):
    """Spoil the observed GPP."""

    def spoil(data):
        gpp = data["gpp"].to_numpy().copy()
        return data.assign(gpp=("time", change(gpp), data["gpp"].attrs))

    return spoil


def one_is(value):
    def change(gpp):
        gpp[500] = value
        return gpp

    return change


def only_one(gpp):
    kept = np.full_like(gpp, np.nan)
    kept[500] = gpp[500]
    return kept


def sd_is(value):
    return lambda data: data.assign(gpp_sd=data["gpp_sd"] * 0 + value)


def unit_is(unit):
    return lambda data: data.assign(gpp=data["gpp"].assign_attrs(units=unit))


BAD = ("failed", "observations_refused")
NOTHING = ("skipped", "no_observations")
GOOD = ("done", "suspect")
OBSERVED = {
    "all missing": (with_gpp(lambda gpp: gpp * np.nan), NOTHING),
    "only one": (with_gpp(only_one), NOTHING),
    "100 sigma off": (with_gpp(one_is(35.0)), GOOD),
    "impossible": (with_gpp(one_is(200.0)), BAD),
    "infinite": (with_gpp(one_is(np.inf)), BAD),
    "beyond any unit": (with_gpp(one_is(1e200)), BAD),
    "wrong sign": (with_gpp(lambda gpp: -gpp), GOOD),
    "all zero": (with_gpp(lambda gpp: 0.0 * gpp), GOOD),
    "constant": (with_gpp(lambda gpp: 0.0 * gpp + 3.0), GOOD),
    "sd zero": (sd_is(0.0), BAD),
    "sd missing": (sd_is(np.nan), BAD),
    "sd infinite": (sd_is(np.inf), BAD),
    "sd overflows": (sd_is(1e200), BAD),
    "another unit": (unit_is("kg m-2 s-1"), BAD),
    "no unit": (unit_is(""), GOOD),
    "no gpp": (lambda data: data.drop_vars("gpp"), BAD),
    "no sd": (lambda data: data.drop_vars("gpp_sd"), BAD),
    "text": (lambda data: data.assign(gpp=data["gpp"].astype(str)), BAD),
    "two axes": (lambda data: data.assign(gpp=data["gpp"].expand_dims(x=2)), BAD),
}
FORCING = {
    "no wind": lambda data: data.drop_vars("wind"),
    "a NaN": lambda data: data.assign(tmin=data["tmin"].where(data["tmin"] > -10)),
    "Kelvin": lambda data: data.assign(tmax=data["tmax"] + 273.15),
    "unit": lambda data: data.assign(prec=data["prec"].assign_attrs(units="m d-1")),
    "text": lambda data: data.assign(wind=data["wind"].astype(str)),
    "crossed": lambda data: data.rename(tmin="tmax", tmax="tmin"),
    "a year missing": lambda data: data.sel(time=data["time.year"] != 2002),
    "ends early": lambda data: data.isel(time=slice(0, 900)),
}


def make_run(path, n_pixels, rule):
    """A run of good pixels: the linear model's own output, with noise."""
    (path / "forcing").mkdir(parents=True)
    (path / "observed").mkdir()
    rows = [f"{i},place {i},45,-75,300,60,10" for i in range(n_pixels)]
    (path / "places.csv").write_text("\n".join([HEADER, *rows]))
    (path / "config.yaml").write_text(CONFIG.replace("RULE", rule))
    rng = np.random.default_rng(3)
    forcing = generate_weather(harvard_normals(), (2001, 2003), rng)
    made = simulate(forcing, {"vmax": 4e-5, "p18": 90.0})[["gpp", "lai"]]
    observed = made.copy(deep=True)
    for name in ("gpp", "lai"):
        observed[name] += rng.normal(0.0, 0.3, made.sizes["time"])
        observed[name].attrs = made[name].attrs
        observed[f"{name}_sd"] = ("time", np.full(made.sizes["time"], 0.3))
    return forcing, observed


def write(data, path, spoil):
    if spoil in ANY_FILE:
        spoil(data, path)
    else:
        spoil(data).to_netcdf(path, engine="h5netcdf")


def as_it_is(data):
    return data


def states(run_path, masm_command, n_pixels):
    """What became of each pixel; and all that failed is NaN in the store."""
    answer = masm_command("calibrate", run_path)
    assert answer.exit_code in (0, 3), answer.output
    assert masm_command("collect", run_path).exit_code == 0
    found = [state_of(RunFolder(run_path).pixel(i)) for i in range(n_pixels)]
    with xr.open_zarr(run_path / "posteriors.zarr", chunks=None) as store:
        for i, state in enumerate(found):
            numbers = store[["vmax", "p18", "mean", "sd"]].sel(pixel=i)
            for values in numbers.data_vars.values():
                whole = np.isfinite(values).all()
                none = np.isnan(values).all()
                assert whole if state.state in GOOD else none
    for i, state in enumerate(found):
        if state.state not in GOOD:
            reported = json.loads(RunFolder(run_path).pixel(i).failure.read_text())
            assert reported["reason"] == state.reason
            assert len(reported["message"]) > 10
    return found


@pytest.mark.usefixtures("small_process_model")
def test_a_pixel_with_spoilt_observations_has_its_reason(tmp_path, masm_command):
    cases = {
        **OBSERVED,
        **{spoil.__name__: (spoil, BAD) for spoil in [*ANY_FILE, *ANY_TIME]},
        **{spoil.__name__: (spoil, NOTHING) for spoil in (absent, other_years)},
    }
    path = tmp_path / "run"
    forcing, observed = make_run(path, len(cases), "given")
    for i, (spoil_, _) in enumerate(cases.values()):
        write(forcing, path / "forcing" / f"{i}.nc", as_it_is)
        write(observed, path / "observed" / f"{i}.nc", spoil_)
    found = states(path, masm_command, len(cases))
    for (what, (_, wanted)), state in zip(cases.items(), found, strict=True):
        if wanted is GOOD:
            assert state.state in GOOD, (what, state)
        else:
            assert (state.state, state.reason) == wanted, (what, state)


@pytest.mark.usefixtures("small_process_model")
def test_a_constant_series_has_no_variance_of_its_own(tmp_path, masm_command):
    path = tmp_path / "run"
    forcing, observed = make_run(path, 1, "series")
    write(forcing, path / "forcing" / "0.nc", as_it_is)
    write(observed, path / "observed" / "0.nc", OBSERVED["constant"][0])
    (state,) = states(path, masm_command, 1)
    assert (state.state, state.reason) == BAD


@pytest.mark.usefixtures("small_process_model")
def test_a_pixel_with_spoilt_forcing_has_its_reason(tmp_path, masm_command):
    spoilers = [*FORCING.values(), *ANY_FILE, *ANY_TIME]
    path = tmp_path / "run"
    forcing, observed = make_run(path, len(spoilers), "given")
    for i, spoil_ in enumerate(spoilers):
        write(forcing, path / "forcing" / f"{i}.nc", spoil_)
        write(observed, path / "observed" / f"{i}.nc", as_it_is)
    found = states(path, masm_command, len(spoilers))
    for spoil_, state in zip(spoilers, found, strict=True):
        assert (state.state, state.reason) == ("failed", "no_forcing"), (spoil_, state)
    # None of it is a bug of ours to `masm check`, which names the first of them.
    assert masm_command("check", path).exit_code == 2
    shutil.rmtree(path / "forcing")
    assert masm_command("check", path).exit_code == 2
