"""Posteriors of any number of chains and draws can be upscaled."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from linear_region import linear_models, make_run, quick_calibrate
from made_up import N_PIXELS, make_up

from jobs.errors import ConfigError
from jobs.run.run import open_run
from jobs.stages import collect as stage
from jobs.stages import posterior_store
from jobs.stages.collect import collect
from jobs.stages.upscale_inputs import posterior_draws

DONE = list(range(N_PIXELS - 1))


def with_draws(path, shapes):
    """Collect a made-up run whose pixels have draws (chain, draw) of these shapes."""
    run = open_run(make_up(path))
    written = []
    for pixel, shape in zip(DONE, shapes, strict=True):
        draws = np.random.default_rng(pixel).random((2, *shape)).astype("f4")
        data = {n: (("chain", "draw"), draws[j]) for j, n in enumerate(("vmax", "p18"))}
        file = run.folder.pixel(pixel).posterior
        xr.Dataset(data).to_netcdf(file, group="posterior", engine="h5netcdf")
        written.append(draws.reshape(2, -1).T.astype(float))
    collect(run)
    return run, written


@pytest.mark.parametrize("shape", [(1, 50), (2, 50), (3, 17), (4, 50), (9, 10), (4, 7)])
def test_no_padding_is_among_the_draws(tmp_path, shape):
    run, written = with_draws(tmp_path / "run", [shape] * len(DONE))
    draws = posterior_draws(run, DONE)
    assert draws.sizes["draw"] == shape[0] * shape[1]
    for pixel, made in zip(DONE, written, strict=True):
        np.testing.assert_array_equal(draws.sel(pixel=pixel), made)


def test_pixels_of_fewer_draws_repeat_theirs_equally(tmp_path):
    shapes = [(2, 50), (1, 50), (1, 25), (4, 25)]
    run, written = with_draws(tmp_path / "run", shapes)
    draws = posterior_draws(run, DONE)
    assert draws.sizes["draw"] == 100
    for pixel, made in zip(DONE, written, strict=True):
        values, counts = np.unique(draws.sel(pixel=pixel)[:, 0], return_counts=True)
        np.testing.assert_array_equal(values, np.sort(made[:, 0]))
        assert np.ptp(counts) == 0


def test_many_blocks_are_collected_and_a_store_of_small_chunks_is_gone_on_with(
    tmp_path, monkeypatch
):
    for name in ("PIXELS_PER_CHUNK", "PIXELS_AT_ONCE"):
        monkeypatch.setattr(posterior_store, name, 2)
    monkeypatch.setattr(stage, "PIXELS_AT_ONCE", 2)
    run, written = with_draws(tmp_path / "run", [(4, 20)] * len(DONE))
    for at_once in (2, 4):
        monkeypatch.setattr(posterior_store, "PIXELS_AT_ONCE", at_once)
        monkeypatch.setattr(stage, "PIXELS_AT_ONCE", at_once)
        run.folder.pixel(DONE[1]).posterior.touch()  # written anew
        assert collect(run) == 1
        draws = posterior_draws(run, DONE)
        for pixel, made in zip(DONE, written, strict=True):
            np.testing.assert_array_equal(draws.sel(pixel=pixel), made)
        store = posterior_store.open_store(run.folder.path / "posteriors.zarr", run)
        assert posterior_store.array_of(store, "mean").chunks[0] == 2
        codes = posterior_store.array_of(store, "state")[:]
        assert [posterior_store.STATES[code] for code in codes[DONE]] == [
            "done" for _ in DONE
        ]


def test_best_points_are_no_posterior_and_nothing_is_no_point(tmp_path):
    run, _ = with_draws(tmp_path / "run", [(1, 1)] * len(DONE))
    assert posterior_draws(run, DONE) is None
    with pytest.raises(ConfigError, match=f"pixel {N_PIXELS - 1} has no draw"):
        posterior_draws(run, [*DONE, N_PIXELS - 1])


@pytest.mark.parametrize(("n_chains", "n_draws"), [(2, 30), (1, 1)])
def test_a_region_is_mapped_from_few_chains_and_from_points(
    tmp_path, masm_command, n_chains, n_draws
):
    import masm

    def few(*words, **options):
        result = quick_calibrate(*words, **options)
        kept = result.posterior.isel(chain=slice(n_chains), draw=slice(n_draws))
        return dataclasses.replace(result, groups={**result.groups, "posterior": kept})

    with linear_models() as patch:
        path = make_run(tmp_path, sample="{screening: 0, calibration: 0.4}")
        patch.setattr(masm, "calibrate", few)
        done = masm_command("calibrate", path)
        assert done.exit_code == 0, done.output
        done = masm_command("upscale", path, "-v")
        assert done.exit_code == 0, done.output + done.stderr
    assert ("no posterior" in done.stderr) == (n_draws == 1)
    with xr.open_dataset(path / "upscaling" / "parameters.nc") as maps:
        assert all(np.isfinite(one).all() for one in maps.data_vars.values()
                   if one.name.startswith(("vmax", "p18", "mean")))  # fmt: skip
