"""Finished pixels of a hundred in one file: nothing is lost, and all still reads."""

import errno
import hashlib
import os
import signal
import zipfile
from copy import copy

import made_up
import numpy as np
import pytest
import xarray as xr

import masm
from jobs.run import pixel_files
from jobs.run.blocks import member, read_block, read_packed
from jobs.run.folder import RunFolder
from jobs.run.packing import pack, unpack
from jobs.run.pixel_files import draws_kept_apart, read_result, read_summary, stamp_of
from jobs.run.pixel_state import state_of
from jobs.run.provenance import read_record
from jobs.run.run import open_run
from jobs.run.start_files import bind
from jobs.stages.calibrate_pixels import calibrate_pixels
from jobs.stages.collect import collect
from jobs.stages.slim_result import slim


@pytest.fixture(params=["single", "double"])
def run(tmp_path, request):
    path = made_up.make_up(tmp_path / "run")
    if request.param == "single":  # as runs are written; double as they once were
        for file in path.glob("pixels/*/*/posterior.nc"):
            slim(masm.open_result(file)).to_netcdf(file)
    return _with(path, "execution: {pack_from: 2}")


def _with(path, line):
    text = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(f"{text}{line}\n")
    return open_run(path)


def _draws(run):
    with xr.open_zarr(run.folder.path / "posteriors.zarr") as store:
        return store["vmax"].to_numpy().copy()


def _seen(run):
    folders = [run.folder.pixel(pixel.id) for pixel in run.pixels]
    summaries = [read_summary(folder) for folder in folders]
    draws = [
        None if not summary else read_result(folder).posterior["vmax"].to_numpy()
        for folder, summary in zip(folders, summaries, strict=True)
    ]
    stamps = [stamp_of(f) for f, one in zip(folders, summaries, strict=True) if one]
    states = [(state_of(folder).state, state_of(folder).reason) for folder in folders]
    return summaries, draws, stamps, states


def _same(one, other):
    assert one[0] == other[0]
    assert one[2:] == other[2:]
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_packed_pixels_read_as_their_own_files_did(run):
    before = _seen(run)
    assert pack(run.folder, run.pixels) == 4
    group = run.folder.path / "pixels" / "000"
    # The failed pixel keeps its folder; the others are one file.
    assert sorted(p.name for p in group.iterdir()) == ["00004", "finished.zip"]
    _same(before, _seen(run))
    assert pack(run.folder, run.pixels) == 0


def test_draws_of_single_precision_are_kept_apart(run):
    content = run.folder.pixel(1).posterior.read_bytes()
    draws = masm.open_result(content).posterior
    pack(run.folder, run.pixels)
    folder = run.folder.pixel(1)
    assert read_packed(folder) == content
    apart = draws_kept_apart(folder)
    if draws["vmax"].dtype == np.float32:
        assert set(apart) == {"vmax", "p18"}
        for name, values in apart.items():
            np.testing.assert_array_equal(values, draws[name])
    else:
        assert not apart


def test_collect_packs_and_takes_a_pixel_only_once(run):
    (plain,) = [_seen(run)]
    assert collect(run) == 4
    assert read_block(run.folder.pixel(0).block).pixels
    draws = _draws(run)
    np.testing.assert_array_equal(draws[1, :, :], plain[1][1].astype("f4"))
    assert collect(run) == 0
    np.testing.assert_array_equal(_draws(run), draws)


def test_a_small_run_keeps_a_file_for_each_pixel(tmp_path):
    run = open_run(made_up.make_up(tmp_path / "run"))
    collect(run)
    assert run.folder.pixel(0).posterior.is_file()
    assert not run.folder.pixel(0).block.exists()


def test_no_block_is_written_while_a_pixel_waits(run):
    run.folder.pixel(4).failure.unlink()
    assert pack(run.folder, run.pixels) == 0
    assert run.folder.pixel(0).posterior.is_file()


def test_commands_go_on_with_packed_pixels(run, masm_command):
    pack(run.folder, run.pixels)
    path = run.folder.path
    assert "done 4" in masm_command("status", path).output
    assert "the run has results already" in masm_command("calibrate", path).output
    assert masm_command("collect", path).exit_code == 0
    opened = masm.open_run(path)
    assert opened.posteriors.sizes["pixel"] == 4
    whole = opened.result(1)
    assert whole.prior.sizes == {"chain": 1, "draw": 1000}
    one = opened.folder / "one.nc"
    whole.to_netcdf(one)
    assert "prior" in masm.open_result(one).groups
    assert masm_command("report", path).exit_code == 0


def test_a_pixel_is_taken_out_again(run):
    before = _seen(run)
    pack(run.folder, run.pixels)
    unpack(run.folder, 2)
    assert run.folder.pixel(2).posterior.is_file()
    assert "00002" not in read_block(run.folder.pixel(0).block).pixels
    _same(before, _seen(run))
    pack(run.folder, run.pixels)
    _same(before, _seen(run))


def test_a_kill_at_any_moment_loses_nothing(run, tmp_path):
    before = _seen(run)
    reported = tmp_path / "told"
    ended = []
    for moment in range(1, 8):
        child = os.fork()
        if not child:
            _die_at(moment)
            pack(open_run(run.folder.path).folder, run.pixels)
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        _same(before, _seen(run))
    assert set(ended) == {-signal.SIGKILL, 0}
    assert not reported.exists()
    assert len(read_block(run.folder.pixel(0).block).pixels) == 4


def _die_at(moment):
    """Kill this process at the so-manyth change of a name."""
    count = [0]

    def counted(change):
        def changed(*paths, **options):
            count[0] += 1
            if count[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*paths, **options)

        return changed

    for name in ("replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def test_a_damaged_block_costs_its_pixels_and_says_so(run, masm_command):
    pack(run.folder, run.pixels)
    block = run.folder.pixel(0).block
    block.write_bytes(b"not an archive")
    shown = masm_command("status", run.folder.path).output
    assert "damaged: finished.zip" in shown
    assert "waiting 4" in shown


@pytest.mark.parametrize("kind", ["part", "f4"])
def test_a_damaged_part_is_that_pixels_alone(run, kind):
    pack(run.folder, run.pixels)
    block = run.folder.pixel(0).block
    content = bytearray(block.read_bytes())
    with zipfile.ZipFile(block) as archive:
        kinds = {name.split(".")[1] for name in archive.namelist()}
        kind = kind if kind in kinds else "part"
        at = archive.getinfo(f"00001.{kind}").header_offset + 200
    content[at] ^= 0xFF
    block.write_bytes(bytes(content))
    if kind == "part" and "f4" in kinds:
        # Collecting reads draws alone; a reader of the whole file gets an error.
        assert collect(run) == 4
        with pytest.raises(ValueError, match=r"CRC|00001"):
            read_result(run.folder.pixel(1))
        return
    assert collect(run) == 3
    assert state_of(run.folder.pixel(1)).state == "waiting"
    assert state_of(run.folder.pixel(2)).state == "done"


def test_rounding_keeps_draws_inside_of_their_prior():
    high = 0.1  # the nearest number of single precision is larger
    draws = np.linspace(0.05, high, 400).reshape(4, 100)
    attrs = {"prior_low": 0.0, "prior_high": high}
    result = masm.Result(
        {"posterior": xr.Dataset({"a": (("chain", "draw"), draws, attrs)})}
    )
    kept = slim(result).posterior["a"]
    assert kept.dtype == np.float32
    assert float(kept.astype(float).max()) <= high
    np.testing.assert_allclose(kept, draws, rtol=2e-7)


def test_a_posterior_narrower_than_single_precision_keeps_its_digits():
    draws = 1000.0 + 1e-6 * np.random.default_rng(1).standard_normal((4, 100))
    result = masm.Result({"posterior": xr.Dataset({"a": (("chain", "draw"), draws)})})
    np.testing.assert_array_equal(slim(result).posterior["a"], draws)


def test_a_run_of_an_earlier_version_is_read_and_goes_on(tmp_path, masm_command):
    path = made_up.make_up(tmp_path / "run")
    lock = path / "config.lock.yaml"
    words = ("neighbours:", "pack_from:")
    lines = lock.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.strip().startswith(words)]
    assert len(kept) == len(lines) - 2
    lock.write_text("".join(kept))
    folder = RunFolder(path)
    bind(folder, read_record(folder.record))  # as that version had bound its own
    draws = xr.Dataset({"vmax": (("chain", "draw"), np.ones((1, 7)))})
    file = open_run(path).folder.pixel(0).posterior
    old = masm.open_result(file)
    masm.Result({**old.groups, "prior": draws}, old.attrs).to_netcdf(file)
    assert "done 4" in masm_command("status", path).output
    done = masm_command("calibrate", path, "--resume")
    assert "inputs" not in done.output
    assert "done 4" in done.output
    assert masm_command("collect", path).exit_code == 0
    # Its own draws of the prior, and not the run's.
    assert masm.open_run(path).result(0).prior.sizes["draw"] == 7


def test_a_full_disk_while_unpacking_loses_no_result(run, monkeypatch):
    before = _seen(run)
    pack(run.folder, run.pixels)

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("jobs.run.packing.write_text", full)
        with pytest.raises(OSError, match="No space"):
            unpack(run.folder, 2)
    _same(before, _seen(run))


def test_a_damaged_file_stops_no_packing_of_the_others(run):
    posterior = run.folder.pixel(1).posterior
    posterior.write_bytes(posterior.read_bytes()[:5000])
    assert pack(run.folder, run.pixels) == 3
    assert posterior.is_file()
    assert set(read_block(run.folder.pixel(0).block).pixels) == {
        "00000",
        "00002",
        "00003",
    }
    assert collect(run) == 3
    assert state_of(run.folder.pixel(1)).state == "waiting"


def test_a_pixel_that_is_packed_while_it_is_read_is_read(run, monkeypatch):
    folder = run.folder.pixel(1)
    content = folder.posterior.read_bytes()
    read = pixel_files.digest_of

    def late(path):
        pack(run.folder, run.pixels)
        return read(path)

    monkeypatch.setattr(pixel_files, "digest_of", late)
    digest = pixel_files.digest_of_posterior(folder)
    assert digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("field", ["header_offset", "compress_size", "file_size"])
def test_sizes_of_a_made_up_archive_are_not_believed(run, field):
    pack(run.folder, run.pixels)
    block = run.folder.pixel(0).block
    part = copy(read_block(block).parts["00001.part"])
    setattr(part, field, 2**62)
    with pytest.raises(ValueError, match=r"00001\.part is"):
        member(block, part)


def test_draws_of_the_prior_are_written_by_a_call_that_finds_all_done(run):
    assert not run.folder.prior.exists()
    calibrate_pixels(run, run.pixels, "serial")
    assert run.folder.prior.is_file()


def test_a_result_that_is_set_aside_does_not_come_back_from_its_block(run):
    folder = run.folder.pixel(1)
    kept = [(path, path.read_bytes()) for path in (folder.summary, folder.posterior)]
    pack(run.folder, run.pixels)
    folder.path.mkdir()
    for path, content in kept:  # as a kill leaves it, before the files were dropped
        path.write_bytes(content)
    aside = pixel_files.set_posterior_aside(run.folder, 1)
    assert aside.read_bytes() == kept[1][1]
    assert state_of(folder).state == "waiting"
    assert pixel_files.set_posterior_aside(run.folder, 2).name.endswith(".damaged")
    assert state_of(run.folder.pixel(2)).state == "waiting"
    assert state_of(run.folder.pixel(0)).state == "done"
