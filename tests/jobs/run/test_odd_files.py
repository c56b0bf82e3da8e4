"""One pixel's odd file is a matter of this pixel, and no fault of the system damages.

Whatever stands at the name of a pixel's file, commands over the run go on: the pixel
counts as damaged, with what is wrong. What the system cannot read just now stops a
command with 75, and nothing is put aside or marked.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest
import zarr
from made_up import N_PIXELS, make_up

from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run
from jobs.stages.calibrate_pixels import pixels_left


@pytest.fixture
def made_up(tmp_path):
    return make_up(tmp_path / "made_up")


def pixel(run, number=0):
    return RunFolder(run).pixel(number)


def change(**values):
    def edit(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return edit


def text(content):
    return lambda path: path.write_text(content)


def replaced_by(make):
    def edit(path):
        path.unlink(missing_ok=True)
        make(path)

    return edit


def draws(make):
    """Put something else in the place of a parameter's draws."""

    def edit(path):
        with h5py.File(path, "r+") as opened:
            del opened["posterior/vmax"]
            make(opened["posterior"])

    return edit


def shaped(*shape, **options):
    return draws(lambda group: group.create_dataset("vmax", shape, "f8", **options))


def external(group):
    group.create_dataset("vmax", (4, 50), "u1", external=[("/etc/passwd", 0, 200)])


def virtual(group):
    layout = h5py.VirtualLayout((4, 50), "f8")
    layout[:] = h5py.VirtualSource("/tmp/secret.h5", "x", (4, 50))  # noqa: S108
    group.create_virtual_dataset("vmax", layout)


def linked(group):
    group["vmax"] = h5py.ExternalLink("/tmp/secret.h5", "x")  # noqa: S108


fifo, folder = replaced_by(os.mkfifo), replaced_by(os.mkdir)
zero = replaced_by(lambda path: path.symlink_to("/dev/zero"))
nowhere = replaced_by(lambda path: path.symlink_to("nowhere"))


def bound(path):
    with socket.socket(socket.AF_UNIX) as one:
        here = os.open(path.parent, os.O_RDONLY)
        one.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


SUMMARIES = {
    "minutes are a word": change(minutes="soon"),
    "minutes are nothing": change(minutes=None),
    "minutes are a list": change(minutes=[1]),
    "minutes are true": change(minutes=True),
    "reason is a list": change(status="suspect", reason=["a"]),
    "reason has escapes": change(status="suspect", reason="\x1b]0;owned\x07"),
    "reason has no end": change(status="suspect", reason="x" * 10_000),
    "runs without end": change(n_model_runs=10**400),
    "error scale is a word": change(error_scale="x"),
    "parameters are nothing": change(parameters=None),
    "a row is a list": change(parameters={"vmax": [1], "p18": [2]}),
    "a mean is a word": change(parameters={"vmax": {"mean": {"a": 1}}}),
    "another status": change(status={"a": 1}),
    "nested without end": text('{"a":' * 50_000 + "1" + "}" * 50_000),
    "5000 digits": text('{"minutes": ' + "9" * 5000 + "}"),
    "a list": text("[1, 2]"),
    "latin-1": lambda path: path.write_bytes(b'{"status": "\xff"}'),
    "a folder": folder,
    "a pipe": fifo,
    "a socket": replaced_by(bound),
    "/dev/zero": zero,
    "a link to nowhere": nowhere,
}
POSTERIORS = {
    "a pipe": fifo,
    "a folder": folder,
    "/dev/zero": zero,
    "without end": shaped(4, 10**13, chunks=(1, 1000)),
    "a huge chunk": shaped(4, 50, chunks=(4, 50), maxshape=(None, None)),
    "one axis": shaped(200),
    "a scalar": shaped(),
    "three axes": shaped(4, 10, 5),
    "no chains": shaped(0, 0),
    "words": draws(lambda g: g.create_dataset("vmax", data=np.full((4, 50), b"abc"))),
    "of another file": draws(external),
    "virtual": draws(virtual),
    "a link to another file": draws(linked),
    "a group": draws(lambda group: group.create_group("vmax")),
}


def assert_of_this_pixel_alone(masm_command, run):
    """Commands go on, and the other pixels are all there."""
    status = masm_command("status", run)
    assert status.exit_code == 0, status.output
    assert "\x1b" not in status.output
    collected = masm_command("collect", run)
    assert collected.exit_code == 0, collected.output
    store = zarr.open_group(run / "posteriors.zarr", mode="r")
    rows = np.isfinite(store["vmax"][:]).all(axis=(1, 2))
    assert rows.tolist() == [False, True, True, True, False]
    assert [state_of(pixel(run, i)).state for i in (1, 2, 3)] == ["done"] * 3
    assert state_of(pixel(run)).state == "waiting"
    left, _ = pixels_left(open_run(run), open_run(run).pixels)
    assert [one.id for one in left] == [0]


@pytest.mark.parametrize("what", SUMMARIES)
def test_an_odd_summary_is_counted_as_damaged(masm_command, made_up, what):
    SUMMARIES[what](pixel(made_up).summary)
    assert "damaged: summary.json" in masm_command("status", made_up).output
    assert_of_this_pixel_alone(masm_command, made_up)


@pytest.mark.parametrize("what", POSTERIORS)
def test_an_odd_posterior_is_put_aside_or_waits(masm_command, made_up, what):
    if what == "a huge chunk":
        with h5py.File(pixel(made_up).posterior, "r+") as opened:
            del opened["posterior/vmax"]
            opened["posterior"].create_dataset(
                "vmax", (4, 50), "f8", maxshape=(None, None), chunks=(2**14, 2**14)
            )
    else:
        POSTERIORS[what](pixel(made_up).posterior)
    assert_of_this_pixel_alone(masm_command, made_up)


@pytest.mark.parametrize(
    "make",
    [
        text('{"reason": ["x"], "message": "m"}'),
        text('{"reason": null}'),
        text(json.dumps({"reason": "\x1b[2J\x1b]0;x\x07", "message": ["m"]})),
        text("[" * 100_000),
        fifo,
        folder,
        zero,
    ],
)
def test_an_odd_failure_stops_no_command(masm_command, made_up, make):
    make(pixel(made_up, N_PIXELS - 1).failure)
    status = masm_command("status", made_up)
    assert status.exit_code == 0, status.output
    assert "\x1b" not in status.output
    assert masm_command("collect", made_up).exit_code == 0


@pytest.mark.parametrize(
    "pid", ["abc", None, 10**30, -1, 0, 1.5, [1], {"a": 1}, "missing"]
)
def test_an_odd_claim_is_of_no_process(masm_command, made_up, pid):
    facts = {"host": socket.gethostname(), "pid": pid}
    if pid == "missing":
        del facts["pid"]
    folder = pixel(made_up, N_PIXELS - 1)
    folder.failure.unlink()
    folder.lease.write_text(json.dumps(facts))
    assert masm_command("status", made_up).exit_code == 0
    assert state_of(folder).state == "waiting"


FAULTS = [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM, errno.EACCES,
          errno.ENFILE, errno.ETIMEDOUT]  # fmt: skip


@pytest.mark.parametrize("number", FAULTS)
@pytest.mark.parametrize("name", ["posterior.nc", "summary.json"])
def test_a_fault_of_the_system_puts_nothing_aside(
    masm_command, made_up, monkeypatch, name, number
):
    real = os.open

    def fail(path, *words, **options):
        if str(path).endswith(name):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *words, **options)

    with monkeypatch.context() as patch:
        patch.setattr("os.open", fail)
        stopped = masm_command("collect", made_up)
    assert stopped.exit_code == 75, stopped.output
    assert os.strerror(number).lower() in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not list(made_up.rglob("*.damaged"))
    assert not list((made_up / "logs").glob("*.traceback.txt"))
    assert f"{N_PIXELS - 1} new" in masm_command("collect", made_up).output


def test_a_failure_of_a_passing_moment_is_tried_again(made_up):
    folder = pixel(made_up, N_PIXELS - 1)
    facts = {"reason": "no_forcing", "message": "OSError: [Errno 5] Input/output"}
    folder.failure.write_text(json.dumps(facts))
    assert state_of(folder).state == "waiting"
    facts["message"] = "[Errno 2] No such file or directory"
    folder.failure.write_text(json.dumps(facts))
    assert state_of(folder).state == "failed"


def test_damage_of_any_byte_is_reported_before_the_library_sees_it(made_up):
    from masm.hdf5_files import NotPlain, read_image

    path = pixel(made_up).posterior
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    for at in rng.integers(len(whole), size=40):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoilt)
        if spoilt[-82:-64] != whole[-82:-64]:  # no seal: of an earlier version
            continue
        with pytest.raises(NotPlain, match="as it was written"):
            read_image(path)


@pytest.mark.parametrize("size", [2**28, 2**31, 2**40])
def test_a_file_that_was_blown_up_is_refused_before_memory_is_taken(made_up, size):
    import tracemalloc

    from masm.hdf5_files import NotPlain, read_image

    path = pixel(made_up).posterior
    os.truncate(path, size)
    tracemalloc.start()
    with pytest.raises(NotPlain, match=r"posterior.nc has \d+ bytes"):
        read_image(path, follow=False)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_what_stands_behind_a_files_end_is_seen_in_each_version_of_hdf5(tmp_path):
    import h5py

    from masm.hdf5_files import NotPlain, read_image

    for version in ("earliest", "v108", "v110", "latest"):
        path = tmp_path / f"{version}.nc"
        with h5py.File(path, "w", libver=(version, "latest")) as made:
            made["x"] = [1.0, 2.0]
        assert len(read_image(path)) == path.stat().st_size
        os.truncate(path, 2**28)
        with pytest.raises(NotPlain, match="says that it has"):
            read_image(path)


@pytest.mark.usefixtures("small_process_model")
@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_no_forcing_is_never_the_name_of_a_passing_fault(
    masm_command, run_path, monkeypatch, number
):
    def fail(*words):
        raise OSError(number, os.strerror(number), "forcing.nc")

    def hidden(*words):
        try:
            fail()
        except OSError as exc:
            raise ValueError("cannot be opened") from exc

    for broken in (fail, hidden):
        with monkeypatch.context() as patch:
            patch.setattr("jobs.stages.calibrate_pixel.weather_of", broken)
            stopped = masm_command("calibrate", run_path, "--resume")
        assert stopped.exit_code == 75, stopped.output
        assert not pixel(run_path).failure.exists()
    for name in ("summary.json", "failure.json", "checkpoint.nc"):
        pixel(run_path).path.mkdir(parents=True, exist_ok=True)
        os.mkfifo(pixel(run_path).path / name)
    assert masm_command("calibrate", run_path, "--resume").exit_code == 0


def test_a_lock_is_for_its_owner_alone_and_not_inherited(made_up):
    program = (
        "import os, sys, time; from pathlib import Path\n"
        "from jobs.run.file_lock import alone\n"
        "with alone(Path(sys.argv[1]), 'calibrating'):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os.close(1); time.sleep(60); os._exit(0)\n"
        "    print(pid, flush=True); os._exit(0)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, str(made_up)],
        stdout=subprocess.PIPE,
        check=True,
    )
    from jobs.run.file_lock import alone

    try:
        with alone(made_up, "calibrating"):
            pass
    finally:
        os.kill(int(child.stdout), 9)
    assert (made_up / ".calibrating").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("array", ["ess_tail", "parameter", "vmax", ""])
@pytest.mark.parametrize("content", [b"", b"\xbe", b"[" * 100_000, b"[1]", b"{}"])
def test_a_store_whose_layout_is_damaged_is_made_anew(
    masm_command, made_up, array, content
):
    assert masm_command("collect", made_up).exit_code == 0
    (made_up / "posteriors.zarr" / array / "zarr.json").write_bytes(content)
    again = masm_command("collect", made_up)
    assert again.exit_code == 0, again.output
    assert f"{N_PIXELS - 1} new" in again.output


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_a_lease_that_cannot_be_read_now_makes_no_run_of_the_model_fail(
    run_path, small_process_model, masm_command, monkeypatch, number
):
    """Its runs were written down as failed, and so failed the next try."""

    def fail(lease):
        raise OSError(number, os.strerror(number), str(lease.path))

    with monkeypatch.context() as patch:
        patch.setattr("jobs.stages.calibrate_pixel._Lease.is_held", fail)
        stopped = masm_command("calibrate", run_path)
    assert stopped.exit_code == 75, stopped.output
    done = masm_command("calibrate", run_path, "--resume")
    assert done.exit_code == 0, done.output
    assert "failed" not in done.output


@pytest.mark.parametrize("number", [errno.ETIMEDOUT, errno.EIO])
def test_a_check_refuses_no_forcing_that_cannot_be_read_now(
    tmp_path, masm_command, monkeypatch, number
):
    path = make_up(tmp_path / "run")

    def fail(path, *words, **named):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("masm.hdf5_files.read_image", fail)
    stopped = masm_command("check", path)
    assert stopped.exit_code == 75, stopped.output
    assert "Continue with: masm check" in stopped.output
    assert "refused" not in stopped.output
