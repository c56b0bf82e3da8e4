"""Upscaling and export that are killed or run out of disk: whole files, same bytes."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import linear_region
import pytest
from linear_region import LinearRegion, quick_calibrate
from made_up import in_a_child

import ibis_dalec
import masm
from jobs.calibration import calibrate_pixel
from jobs.regional_export import export_region
from jobs.regional_run import simulate_region
from jobs.run import open_run, start
from jobs.upscaling import upscale_region
from regions import build_cube

KILLED = -signal.SIGKILL
CONFIG = """\
name: a linear region
seed: 11
pixels:
  source: region
  cube: ../cube.zarr
  sample: {calibration: 0.33}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
calibration:
  keep_draws: 50
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
upscaling: {max_r_hat: null, candidates: 1, draws: 2, folds: 3}
execution: {executor: serial, max_failed_fraction: 1}
"""


@pytest.fixture(scope="module")
def upscaled(tmp_path_factory):
    """A small region: calibrated, upscaled, simulated, exported; and the bytes."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("simulate_batch", "simulate", "iterate_pixels"):
            patch.setattr(ibis_dalec, name, getattr(linear_region.linear_model, name))
        patch.setattr(masm, "calibrate", quick_calibrate)
        build_cube(folder / "cube.zarr", LinearRegion())
        path = folder / "run"
        path.mkdir()
        (path / "config.yaml").write_text(CONFIG)
        run = open_run(path)
        start(run)
        for pixel in run.pixels:
            calibrate_pixel(run, pixel)
        upscale_region(run, lambda n: None)
        for name in ("default", "upscaled"):
            simulate_region(run, name)
        list(export_region(run))
        yield path, bytes_in(path / "maps"), bytes_in(path / "upscaling")


def bytes_in(folder: Path):
    """Every file that stands at its own name, with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "/." not in f"/{path.relative_to(folder)}"
    }


@pytest.fixture
def small_disk():
    """Put a small file system in the place of a folder."""
    made = []

    def mount(path, size):
        path.mkdir(exist_ok=True)
        program = shutil.which("mount")
        words = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        if program is None or subprocess.call([program, *words]):
            pytest.skip("nothing can be mounted here")
        made.append(path)

    def umount():
        while made:
            subprocess.call([shutil.which("umount"), "-l", str(made.pop())])

    mount.gone = umount
    yield mount
    umount()


@pytest.mark.parametrize("killed_at", [1, 3, 6, 8, 10, 12])
def test_an_export_killed_at_any_file_is_made_whole_by_the_next(
    upscaled, tmp_path, killed_at
):
    path, maps, _ = upscaled
    shutil.rmtree(path / "maps")
    told = tmp_path / "told"
    code = in_a_child(("export", path), told, killed_at=killed_at)
    assert code == KILLED, told.read_text()
    begun = bytes_in(path / "maps")
    assert len(begun) < len(maps)
    assert begun.items() <= maps.items()
    assert in_a_child(("export", path), told) == 0, told.read_text()
    assert bytes_in(path / "maps") == maps
    assert not list((path / "maps").glob(".*"))


@pytest.mark.parametrize("size", ["40k", "120k"])
def test_an_export_to_a_full_disk_leaves_whole_files_alone(
    upscaled, tmp_path, small_disk, size
):
    path, maps, _ = upscaled
    shutil.rmtree(path / "maps")
    small_disk(path / "maps", size)
    told = tmp_path / "told"
    assert in_a_child(("export", path), told) == 75, told.read_text()
    assert "full disk" in told.read_text()
    assert bytes_in(path / "maps").items() <= maps.items()
    assert not list((path / "maps").glob(".*"))
    small_disk.gone()
    assert in_a_child(("export", path), told) == 0, told.read_text()
    assert bytes_in(path / "maps") == maps


def test_upscaling_on_a_full_disk_is_not_taken_for_done(upscaled, tmp_path, small_disk):
    path, _, whole = upscaled
    kept = shutil.copytree(path / "upscaling", tmp_path / "upscaling")
    shutil.rmtree(path / "upscaling")
    small_disk(path / "upscaling", "300k")
    told = tmp_path / "told"
    assert in_a_child(("upscale", path), told) == 75, told.read_text()
    assert "full disk" in told.read_text()
    assert not (path / "upscaling" / "stamp.json").exists()
    assert in_a_child(("export", path), told) == 2
    assert "has not been upscaled" in told.read_text()
    small_disk.gone()
    assert in_a_child(("upscale", path), told) == 0, told.read_text()
    assert bytes_in(path / "upscaling").keys() == whole.keys()
    for name in ("posteriors.csv", "skill.csv", "validation.csv", "parameters.nc"):
        made = (path / "upscaling" / name).read_bytes()
        assert made == (kept / name).read_bytes(), name
