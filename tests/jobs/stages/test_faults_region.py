"""Upscaling and export that are killed or run out of disk: whole files, same bytes."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import google_crc32c
import pytest
from linear_region import linear_models, make_run
from made_up import in_a_child

from jobs.errors import ConfigError
from jobs.run.file_lock import alone
from jobs.run.run import open_run, start
from jobs.stages.calibrate_pixel import calibrate_pixel
from jobs.stages.region_export import export_region
from jobs.stages.region_simulate import simulate_region
from jobs.stages.upscale import upscale_region

KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def upscaled(tmp_path_factory):
    """A small region: calibrated, upscaled, simulated, exported; and the bytes."""
    folder = tmp_path_factory.mktemp("faults")
    with linear_models():
        path = make_run(folder, sample="{calibration: 0.33}")
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
    reported = tmp_path / "told"
    code = in_a_child(("export", path), reported, killed_at=killed_at)
    assert code == KILLED, reported.read_text()
    begun = bytes_in(path / "maps")
    assert len(begun) < len(maps)
    assert begun.items() <= maps.items()
    assert in_a_child(("export", path), reported) == 0, reported.read_text()
    assert bytes_in(path / "maps") == maps
    assert not list((path / "maps").glob(".*"))


@pytest.mark.parametrize("size", ["40k", "120k"])
def test_an_export_to_a_full_disk_leaves_whole_files_alone(
    upscaled, tmp_path, small_disk, size
):
    path, maps, _ = upscaled
    shutil.rmtree(path / "maps")
    small_disk(path / "maps", size)
    reported = tmp_path / "told"
    assert in_a_child(("export", path), reported) == 75, reported.read_text()
    assert "full disk" in reported.read_text()
    assert bytes_in(path / "maps").items() <= maps.items()
    assert not list((path / "maps").glob(".*"))
    small_disk.gone()
    assert in_a_child(("export", path), reported) == 0, reported.read_text()
    assert bytes_in(path / "maps") == maps


def test_upscaling_on_a_full_disk_is_not_taken_for_done(upscaled, tmp_path, small_disk):
    path, _, whole = upscaled
    kept = shutil.copytree(path / "upscaling", tmp_path / "upscaling")
    shutil.rmtree(path / "upscaling")
    small_disk(path / "upscaling", "300k")
    reported = tmp_path / "told"
    assert in_a_child(("upscale", path), reported) == 75, reported.read_text()
    assert "full disk" in reported.read_text()
    assert not (path / "upscaling" / "stamp.json").exists()
    assert in_a_child(("export", path), reported) == 2
    assert "has not been upscaled" in reported.read_text()
    small_disk.gone()
    assert in_a_child(("upscale", path), reported) == 0, reported.read_text()
    assert bytes_in(path / "upscaling").keys() == whole.keys()
    for name in ("posteriors.csv", "skill.csv", "validation.csv", "parameters.nc"):
        made = (path / "upscaling" / name).read_bytes()
        assert made == (kept / name).read_bytes(), name


@pytest.mark.parametrize(
    ("command", "doing"),
    [("simulate", "simulating"), ("upscale", "upscaling"), ("export", "exporting")],
)
def test_a_stage_of_a_region_is_not_done_twice_at_once(
    upscaled, masm_command, command, doing
):
    path, _, _ = upscaled
    before = bytes_in(path / "simulations")
    with alone(path, doing):
        refused = masm_command(command, path)
    assert refused.exit_code == 2
    assert f"another process is {doing} this run" in refused.output
    assert bytes_in(path / "simulations") == before


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("monthly/gpp/c/0/0", "changed"),
        ("monthly/gpp/c/0/0", "missing"),
        ("monthly/gpp/c/0/0", "forged"),
        ("monthly/lat/c/0", "changed"),
        ("monthly/time/c/0", "missing"),
    ],
)
def test_fluxes_that_were_changed_or_lost_are_named_and_made_again(upscaled, name, how):
    path, maps, _ = upscaled
    with linear_models():
        run = open_run(path)
        place = run.folder.path / "simulations" / "region"
        chunk = place / "default.zarr" / name
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
        if how == "missing":
            chunk.unlink()
        if how == "forged":  # what cannot be unpacked, with the right checksum
            body = bytes(content[:-20])
            chunk.write_bytes(body + google_crc32c.value(body).to_bytes(4, "little"))
        with pytest.raises(ConfigError, match=f"is damaged \\({name} ") as caught:
            list(export_region(run))
        assert f"Take {place / 'default.json'} away" in str(caught.value)
        (place / "default.json").unlink()
        simulate_region(run, "default")
        list(export_region(run))
    assert bytes_in(run.folder.path / "maps") == maps
