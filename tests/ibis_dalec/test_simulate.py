"""The public calls: labels, restarts, batches, windows, choices, and sick lanes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import ibis_dalec
from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.physics.workspace import STATE, new_workspace
from ibis_dalec.run import initialise as prepare
from ibis_dalec.run.outputs import state_names

from .driver import parameters_of
from .reference import SITE_UNITS

COLD = {"spinup_cycles": 0}


def assert_same(one, other, names=None):
    """Every variable bit for bit, NaN where NaN."""
    for name in names or one.data_vars:
        np.testing.assert_array_equal(one[name].values, other[name].values, name)


def random_samples(seed, n):
    table = ibis_dalec.parameter_table()
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(row["min"], row["max"], n) for name, row in table.iterrows()
    }


@pytest.fixture(scope="module")
def forcing(site_a):
    """200 days from 1 January of a leap year."""
    return site_a.dataset()


@pytest.fixture(scope="module")
def run(forcing):
    return ibis_dalec.simulate(forcing, {"vmax": 5e-5}, **COLD)


@pytest.fixture(scope="module")
def batch(forcing):
    """Nineteen samples, 16 lanes wide: a whole block and one that is not full."""
    return ibis_dalec.simulate_batch(forcing, random_samples(1, 19), lanes=16, **COLD)


# --- labels


def test_every_variable_says_its_unit_and_name(forcing):
    full = ibis_dalec.simulate(forcing, soil_carbon="ibis", respiration="ibis", **COLD)
    for name, variable in full.data_vars.items():
        assert variable.attrs["long_name"], name
        if name not in ("final_state", "collapsed"):
            assert variable.attrs["units"], name
            assert variable.sizes["time"] == 200
    assert full["gpp"].attrs["units"] == "g m-2 d-1"
    assert full["et"].attrs["units"] == "mm d-1"
    assert full["lai"].attrs["units"] == "1"
    assert full["soil_temperature"].dims == ("time", "layer")
    np.testing.assert_allclose(full["depth"], [0.05, 0.175, 0.375, 0.75, 1.5, 3.0])
    np.testing.assert_array_equal(full["time"], forcing["time"])


def test_the_agreed_variables_are_there(run, batch):
    wanted = ["lai", "gpp", "ra", "rh", "er", "nee", "et", "transpiration", "runoff",
              "drainage", "soil_temperature", "soil_moisture", "snow_water", "clab",
              "cf", "cr", "cw", "clit", "csom", "final_state"]  # fmt: skip
    for name in wanted:
        assert name in run
        assert name in batch
    assert batch["gpp"].dims == ("sample", "time")
    assert list(run["state"].values) == state_names()


def test_units_survive_a_file(run, tmp_path):
    path = tmp_path / "run.nc"
    run.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as back:
        for name in run.data_vars:
            assert back[name].attrs["units" if "units" in run[name].attrs
                                    else "long_name"]  # fmt: skip


def test_lai_is_the_leaf_area_that_the_day_used(run):
    assert float(run["lai"][0]) == 58.0 / 60.0
    np.testing.assert_array_equal(run["lai"][1:], run["cf"].values[:-1] / 60.0)


# --- restarts


@pytest.mark.parametrize("cut", [1, 20, 59, 60, 100, 199])
def test_a_run_cut_in_two_is_the_uncut_run(forcing, run, cut):
    """Cut on any day: in snow, on the eve of 29 February and on it, in summer."""
    assert float(run["snow_water"][19]) > 1.0
    assert str(run["time"].values[59])[:10] == "2000-02-29"
    vmax = {"vmax": 5e-5}
    first = ibis_dalec.simulate(forcing.isel(time=slice(0, cut)), vmax, **COLD)
    second = ibis_dalec.simulate(
        forcing.isel(time=slice(cut, None)), vmax, initial_state=first
    )
    joined = xr.concat(
        [part.drop_vars(["final_state", "collapsed"]) for part in (first, second)],
        "time",
    )
    assert_same(joined, run)
    assert_same(second, run, ["final_state"])


def test_a_state_read_back_from_a_file_continues_exactly(forcing, run, tmp_path):
    path = tmp_path / "state.nc"
    options = {"soil_carbon": "ibis", "respiration": "ibis"}
    whole = ibis_dalec.simulate(forcing, **options, **COLD)
    half = ibis_dalec.simulate(forcing.isel(time=slice(0, 90)), **options, **COLD)
    half.to_netcdf(path, engine="h5netcdf")
    rest = forcing.isel(time=slice(90, None))
    with xr.open_dataset(path, engine="h5netcdf") as saved:
        after = ibis_dalec.simulate(rest, initial_state=saved, **options)
        alone = ibis_dalec.simulate(rest, initial_state=saved["final_state"], **options)
    for found in (after, alone):
        assert_same(found, whole.isel(time=slice(90, None)))


def test_a_batch_continues_from_a_state_for_each_sample(forcing, batch):
    samples = random_samples(1, 19)
    first = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(0, 77)), samples, lanes=16, **COLD
    )
    second = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(77, None)), samples, lanes=16, initial_state=first
    )
    assert_same(second, batch.isel(time=slice(77, None)))
    # ... and one state serves all samples.
    one = first["final_state"].isel(sample=3)
    same = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(77, 90)),
        {k: np.full(2, v[3]) for k, v in samples.items()},
        initial_state=one, lanes=16,
    )  # fmt: skip
    for i in range(2):
        assert_same(same.isel(sample=i), batch.isel(sample=3, time=slice(77, 90)),
                    ["gpp", "nee", "soil_temperature"])  # fmt: skip


def test_a_state_stops_the_spin_up(forcing, run):
    state = ibis_dalec.simulate(forcing.isel(time=slice(0, 50)), **COLD)
    rest = forcing.isel(time=slice(50, 80))
    one, other = (
        ibis_dalec.simulate(rest, initial_state=state, spinup_cycles=n) for n in (0, 10)
    )
    assert_same(one, other)


def test_every_state_of_the_kernel_is_in_the_final_state(run):
    assert run.sizes["state"] == sum(layers for _, layers, _, _ in STATE)
    assert np.isfinite(run["final_state"]).all()


# --- batches


def test_a_batch_gives_the_bits_of_single_runs(forcing, batch):
    samples = random_samples(1, 19)
    for i in (0, 7, 15, 16, 18):
        single = ibis_dalec.simulate(
            forcing, {k: v[i] for k, v in samples.items()}, **COLD
        )
        assert_same(single, batch.isel(sample=i))


@pytest.mark.parametrize("threads", [1, 2])
def test_width_and_threads_change_no_bit(forcing, batch, threads):
    samples = random_samples(1, 19)
    for lanes in (1, 16):
        other = ibis_dalec.simulate_batch(
            forcing, samples, lanes=lanes, threads=threads, **COLD
        )
        assert_same(other, batch)


def test_the_order_of_samples_changes_no_bit(forcing, batch):
    order = np.random.default_rng(3).permutation(19)
    shuffled = {k: v[order] for k, v in random_samples(1, 19).items()}
    other = ibis_dalec.simulate_batch(forcing, shuffled, lanes=16, **COLD)
    assert_same(other, batch.isel(sample=order))


def test_samples_may_come_as_a_dataset(forcing, batch):
    samples = xr.Dataset({k: ("sample", v) for k, v in random_samples(1, 19).items()})
    other = ibis_dalec.simulate_batch(forcing, samples, lanes=16, **COLD)
    assert_same(other, batch)


def test_a_scalar_serves_every_sample(forcing):
    mixed = ibis_dalec.simulate_batch(
        forcing, {"vmax": [3e-5, 6e-5], "p5": 0.03}, outputs=["gpp"], **COLD
    )
    for i, vmax in enumerate((3e-5, 6e-5)):
        one = ibis_dalec.simulate(forcing, {"vmax": vmax, "p5": 0.03}, **COLD)
        np.testing.assert_array_equal(mixed["gpp"][i], one["gpp"])


# --- windows and chosen outputs


def test_window_means_are_means_of_the_days(forcing, batch):
    window = np.arange(200) // 8
    window[3] = -1  # a day left out
    window[80:88] = -1  # a window without days
    means = ibis_dalec.simulate_batch(
        forcing, random_samples(1, 19), window=window, lanes=16, **COLD
    )
    assert means["gpp"].dims == ("sample", "window")
    for name in ("gpp", "lai", "nee", "soil_temperature", "snow_water"):
        for slot in range(25):
            days = window == slot
            if not days.any():
                assert np.isnan(means[name][:, slot]).all()
                continue
            np.testing.assert_allclose(
                means[name].values[:, slot], batch[name].values[:, days].mean(1),
                rtol=1e-12, atol=1e-13,
            )  # fmt: skip
    assert_same(means, batch, ["final_state"])


@pytest.mark.parametrize(
    "names",
    [["gpp"], ["nee"], ["lai", "er"], ["soil_moisture", "cw"], ["final_state"],
     "et"],
    ids=str,
)  # fmt: skip
def test_chosen_outputs_are_those_of_the_full_run(forcing, run, names):
    part = ibis_dalec.simulate(forcing, {"vmax": 5e-5}, outputs=names, **COLD)
    wanted = [names] if isinstance(names, str) else names
    extra = {"collapsed"} if "lai" in wanted else set()
    assert set(part.data_vars) == set(wanted) | extra
    assert_same(part, run, wanted)


# --- pixels


@pytest.fixture(scope="module")
def pixels(forcing):
    """Three pixels: other weather, latitude and soil."""
    parts = [
        forcing.assign(
            tmin=(forcing["tmin"] - 2.0 * i).assign_attrs(units="degC"),
            **{
                name: ((), value, {"units": SITE_UNITS[name]})
                for name, value in (
                    ("lat", 42.5 + 3.0 * i), ("sand", 42.0 + 15.0 * i), ("clay", 18.0),
                )
            },
        )
        for i in range(3)
    ]  # fmt: skip
    return xr.concat(parts, "pixel", data_vars="all").assign_coords(
        pixel=["a", "b", "c"]
    )


@pytest.mark.parametrize("lanes", [1, 16])
def test_pixels_at_once_are_pixels_one_by_one(pixels, lanes):
    samples = random_samples(6, 3)
    together = ibis_dalec.simulate_pixels(pixels, samples, lanes=lanes, **COLD)
    assert list(together["pixel"].values) == ["a", "b", "c"]
    for i in range(3):
        alone = ibis_dalec.simulate(
            pixels.isel(pixel=i), {k: v[i] for k, v in samples.items()}, **COLD
        )
        assert_same(alone, together.isel(pixel=i))
    assert not np.array_equal(together["gpp"][0], together["gpp"][1])


def test_chunks_of_pixels_are_the_pixels(pixels):
    samples = xr.Dataset({k: ("pixel", v) for k, v in random_samples(6, 3).items()})
    keywords = {"outputs": ["gpp", "lai"], "lanes": 1, **COLD}
    whole = ibis_dalec.simulate_pixels(pixels, samples, **keywords)
    chunks = list(ibis_dalec.iterate_pixels(pixels, samples, chunk=2, **keywords))
    assert [c.sizes["pixel"] for c in chunks] == [2, 1]
    assert_same(xr.concat(chunks, "pixel"), whole)


# --- choices


def test_a_prescribed_canopy_is_used_and_dalec_does_not_feed_back(forcing):
    lai = np.linspace(0.0, 5.0, 200)
    run = ibis_dalec.simulate(forcing, lai=lai, **COLD)
    np.testing.assert_array_equal(run["lai"], lai)
    other = ibis_dalec.simulate(
        forcing, {"p3": 0.1, "p15": 0.01, "p5": 0.01}, lai=lai, **COLD
    )
    assert_same(other, run, ["gpp", "et", "soil_temperature"])
    assert not np.array_equal(other["cf"], run["cf"])


def changed(one, other):
    """Variables that differ."""
    return {
        name
        for name in set(one.data_vars) & set(other.data_vars)
        if not np.array_equal(one[name].values, other[name].values, equal_nan=True)
    }


def test_soil_carbon_changes_heterotrophic_respiration_alone(forcing):
    dalec = ibis_dalec.simulate(forcing, **COLD)
    ibis = ibis_dalec.simulate(forcing, soil_carbon="ibis", **COLD)
    assert changed(dalec, ibis) == {"rh", "er", "nee", "final_state"}
    differs = dalec["final_state"].values != ibis["final_state"].values
    moved = {str(n).split("_")[0] for n in dalec["state"].values[differs]}
    assert moved == {"soilc", "decompl", "decomps"}


def test_ibis_respiration_changes_autotrophic_respiration_alone(forcing):
    dalec = ibis_dalec.simulate(forcing, **COLD)
    ibis = ibis_dalec.simulate(forcing, respiration="ibis", **COLD)
    assert changed(dalec, ibis) == {"ra", "er", "nee"}
    np.testing.assert_allclose(ibis["ra"], ibis["gpp"] - ibis["npp_ibis"], atol=1e-13)
    # Its parameters act on it and on nothing else.
    other = ibis_dalec.simulate(
        forcing, {"rroot": 2.5, "rwood": 0.2, "rgrowth": 0.5, "beta1": 0.8},
        respiration="ibis", **COLD,
    )  # fmt: skip
    assert changed(ibis, other) == {"ra", "er", "nee", "npp_ibis"}
    # rwood and rroot more than doubled: winter respiration must rise.
    assert (other["ra"][:50].sum() > 1.5 * ibis["ra"][:50].sum()).all()


def test_turnover_m2_changes_slow_pools_and_their_respiration_alone(forcing):
    one = ibis_dalec.simulate(forcing, turnover="M1", **COLD)
    two = ibis_dalec.simulate(forcing, turnover="M2", **COLD)
    assert changed(one, two) == {
        "cr", "cw", "clit", "csom", "rh", "er", "nee", "final_state",
    }  # fmt: skip
    # In M2 the table's turnover parameters are idle.
    idle = {"tauroot": 0.5, "tauwood0": 30.0, "aleaf": 0.2, "aroot": 0.1}
    assert not changed(two, ibis_dalec.simulate(forcing, idle, turnover="M2", **COLD))


def test_inert_parameters_change_nothing(forcing, run):
    other = ibis_dalec.simulate(
        forcing, {"vmax": 5e-5, "specla": 20.0, "tauleaf": 0.5}, **COLD
    )
    assert not changed(run, other)


def test_initial_pools_start_the_cold_start(forcing):
    run = ibis_dalec.simulate(forcing, initial_pools={"cf": 120.0}, **COLD)
    assert float(run["lai"][0]) == 2.0
    plain = ibis_dalec.simulate(forcing, initial_pools={}, **COLD)
    same = ibis_dalec.simulate(forcing, initial_pools=prepare.INITIAL_POOLS, **COLD)
    assert not changed(plain, same)
    wood = ibis_dalec.simulate(forcing, initial_pools={"cw": 5000.0}, **COLD)
    assert changed(plain, wood) == {
        "cw", "csom", "rh", "er", "nee", "final_state",
    }  # fmt: skip


def test_the_same_call_gives_the_same_bits(forcing, run):
    assert not changed(run, ibis_dalec.simulate(forcing, {"vmax": 5e-5}, **COLD))


def test_nothing_that_was_passed_in_is_changed(forcing):
    before = forcing.copy(deep=True)
    samples = random_samples(2, 3)
    kept = {k: v.copy() for k, v in samples.items()}
    state = ibis_dalec.simulate(forcing.isel(time=slice(0, 5)), **COLD)["final_state"]
    state_before = state.copy(deep=True)
    lai = np.linspace(0.0, 4.0, 200)
    ibis_dalec.simulate_batch(
        forcing, samples, initial_state=state, lai=lai, outputs=["gpp"]
    )
    xr.testing.assert_identical(forcing, before)
    xr.testing.assert_identical(state, state_before)
    np.testing.assert_array_equal(lai, np.linspace(0.0, 4.0, 200))
    for name, value in kept.items():
        np.testing.assert_array_equal(samples[name], value)


# --- sick lanes


def test_a_sample_whose_state_is_broken_is_nan_and_alone(forcing, batch):
    samples = random_samples(1, 19)
    first = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(0, 77)), samples, lanes=16, **COLD
    )
    state = first["final_state"].copy(deep=True)
    sick = {2: "tsoi_3", 9: "tu", 17: "cf"}
    for sample, name in sick.items():
        state.loc[{"state": name, "sample": sample}] = np.nan
    second = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(77, None)), samples, lanes=16, initial_state=state
    )
    healthy = [i for i in range(19) if i not in sick]
    assert_same(
        second.isel(sample=healthy), batch.isel(sample=healthy, time=slice(77, None))
    )
    for sample in sick:
        assert np.isnan(second["nee"][sample]).any()


@pytest.mark.parametrize("name", ["vmax", "p18", "stressfac", "ksat"])
def test_a_parameter_that_is_nan_stays_in_its_lane(site_a, name):
    def run(sick):
        w = new_workspace(16)
        parameters_of(w, random_samples(4, 16))
        prepare.set_site(w, slice(None), site_a.lat, site_a.sand, site_a.clay)
        prepare.cold_start(w, {})
        if sick is not None:
            w[0][name][sick] = np.nan
        columns = np.array(
            [kernel.field_columns(w.dtype, n)[0] for n in ("gpp", "et", "cf", "tsoi")]
        )
        out = np.zeros((60, columns.size, 16))
        flags = np.zeros(kernel.N_FLAGS, dtype=np.int64)
        flags[kernel.FREE_LAI] = 1
        kernel.run(
            w[0], w.view(np.float64), *kernel.day_range(w.dtype),
            np.ascontiguousarray(site_a.drivers()[:60]),
            site_a.table.doy.to_numpy(float)[:60], np.full(60, 366.0),
            np.zeros((60, 1)), flags, columns, np.arange(60), out,
        )  # fmt: skip
        return out

    well, ill = run(None), run(5)
    others = np.arange(16) != 5
    np.testing.assert_array_equal(ill[:, :, others], well[:, :, others])
    assert np.isnan(ill[:, :, 5]).any()


# --- the compiler's cache

_CHILD = """
import sys
import inner
for lanes in map(int, sys.argv[1:]):
    print(lanes, inner.lanes_seen(lanes))
"""
_INNER = """
from ibis_dalec.physics.compile import entry_point, routine
from ibis_dalec.physics.vector_math import exp
from ibis_dalec.physics.workspace import new_workspace


@routine
def mark(w):
    for lane in range(w.tu.shape[0]):
        w.tu[lane] = w.tu.shape[0]
{work}


def _outer(w):
    mark(w)


def lanes_seen(lanes):
    w = new_workspace(lanes)
    entry_point(_outer, lanes)(w[0])
    return int(w["tu"].sum())
"""
#: Enough work that the compiler keeps the routine a function of its own.
_WORK = "\n".join(f"        w.tg[lane] += exp({k}.0 * w.ts[lane])" for k in range(40))


def child(folder, code, *arguments, cache=None):
    """What a new process prints that runs ``code`` in ``folder``."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
        env={
            **os.environ,
            "PYTHONPATH": path,
            **({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_widths_cached_by_two_processes_do_not_mix(tmp_path):
    """One process compiles 2 lanes, one 3; a third loads both from the cache."""
    (tmp_path / "inner.py").write_text(_INNER.format(work=_WORK), encoding="utf-8")

    def lanes(*widths):
        made = child(tmp_path, _CHILD, *map(str, widths), cache=tmp_path / "cache")
        return made.split()

    lanes(2)
    lanes(3)
    assert lanes(2, 3) == ["2", "4", "3", "9"]
    assert lanes(3, 2) == ["3", "9", "2", "4"]
    files = {path.name for path in (tmp_path / "cache").rglob("inner*.nbc")}
    assert len(files) == 2, "the cache on disk was not used"


def test_another_process_gets_the_same_bits_from_the_cache(forcing, tmp_path):
    code = (
        "import xarray as xr, ibis_dalec\n"
        "forcing = xr.open_dataset('in.nc', engine='h5netcdf').load()\n"
        "run = ibis_dalec.simulate(forcing, {'vmax': 5e-5}, spinup_cycles=0)\n"
        "run[['gpp', 'et', 'final_state']].to_netcdf('out.nc', engine='h5netcdf')\n"
        "from ibis_dalec.physics import time_loop as kernel\n"
        "print(sum(kernel.entry_points(1)[0].stats.cache_hits.values()))\n"
    )
    forcing.to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
    here = ibis_dalec.simulate(forcing, {"vmax": 5e-5}, **COLD)
    assert int(child(tmp_path, code).split()[-1]) >= 1
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as there:
        assert_same(there, here)
