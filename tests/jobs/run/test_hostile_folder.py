"""A stranger's folder is data: nothing in it runs, nothing outside it is touched."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from made_up import make_up

from jobs.config.execution import Slurm
from jobs.executors.children import capped
from jobs.files import sweep
from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixels import read_pixels, write_pixels
from landmodels.compile_cache import compile_cache

ROOT = Path(__file__).parents[3]


@pytest.fixture
def made_up(tmp_path):
    return make_up(tmp_path / "made_up")


@pytest.fixture
def victim(tmp_path):
    """A folder of the user's, which must stay as it is."""
    path = tmp_path / "victim"
    (path / ".ssh").mkdir(parents=True)
    (path / "sub").mkdir()
    for name in (".ssh/id", ".bashrc", "doc.txt", "sub/a.partial", "pixels.csv"):
        (path / name).write_text(f"{name} of the victim\n")
    (path / ("." + "posterior.nc.x1y2")).write_text("the victim's too\n")
    before = snapshot(path)
    yield path
    assert snapshot(path) == before


def snapshot(path):
    return {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


# Links

PLACES = ("pixels", "pixels/000", "logs", "ledger", "simulations", "evaluation",
          "diagnosis", "spatial", "soil_carbon",
          "figures", "posteriors.zarr", "report", "simulations/default",
          "upscaling", "upscaling/model", "screening", "slurm", "maps")  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_link_in_the_place_of_a_folder_is_refused(
    masm_command, made_up, victim, place
):
    path = made_up / place
    if path.exists():
        path.rename(made_up / "was")
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(victim)
    for words in (["calibrate", "--resume"], ["collect"], ["report"], ["status"]):
        refused = masm_command(words[0], made_up, *words[1:])
        assert refused.exit_code == 2, (words, refused.output)
        assert "a link where the run keeps its own files" in refused.stderr


@pytest.mark.parametrize("name", [".calibrating", ".collecting", ".starting"])
@pytest.mark.parametrize("how", ["link", "hard link", "pipe", "folder"])
def test_a_lock_that_is_not_ours_is_refused(masm_command, made_up, victim, name, how):
    path = made_up / name
    path.unlink(missing_ok=True)
    make = {
        "link": lambda: path.symlink_to(victim / "doc.txt"),
        "hard link": lambda: os.link(victim / "doc.txt", path),
        "pipe": lambda: os.mkfifo(path),
        "folder": lambda: path.mkdir(),
    }
    make[how]()
    started_as = ["collect"] if name == ".collecting" else ["retry"]
    refused = masm_command(started_as[0], made_up, *started_as[1:])
    assert refused.exit_code == 2, refused.output
    assert name in refused.stderr


@pytest.mark.usefixtures("small_process_model")
def test_a_linked_folder_of_one_pixel_is_put_aside(masm_command, run_path, victim):
    folder = RunFolder(run_path).pixel(0).path
    folder.parent.mkdir(parents=True)
    folder.symlink_to(victim)
    assert "damaged: 00000 is a link" in masm_command("status", run_path).output
    assert masm_command("calibrate", run_path).exit_code == 0
    assert folder.with_name("00000.damaged").is_symlink()
    assert (folder / "posterior.nc").is_file()


def test_nothing_is_read_through_a_link_for_a_pixels_folder(tmp_path):
    from jobs.files import OddFile
    from jobs.run.pixel_files import has_posterior, read_summary, require_summary

    folder, other = RunFolder(tmp_path).pixel(0), tmp_path / "other"
    folder.path.parent.mkdir(parents=True)
    other.mkdir()
    for name in ("posterior.nc", "summary.json"):
        (other / name).write_text("{}")
    folder.path.symlink_to(other)
    assert not has_posterior(folder)
    assert read_summary(folder) == {}
    with pytest.raises(OddFile, match="00000 is a link"):
        require_summary(folder)


def test_a_warning_does_not_steer_the_terminal():
    import logging

    from jobs.console import ShownFormatter

    words = ("posterior.nc: \x1b[2J\u202e%s", ("\x07",), None)
    record = logging.LogRecord("jobs", logging.WARNING, "x.py", 1, *words)
    assert ShownFormatter().format(record) == "posterior.nc: \\x1b[2J\\u202e\\x07"


def test_only_files_of_our_names_are_swept(tmp_path, victim):
    ours = [".summary.0123456789abcdef0123456789abcdef.json", ".posterior.nc.x1y2",
            ".checkpoint.nc.abcd"]  # fmt: skip
    theirs = [".bashrc", ".profile", ".env", ".netrc"]
    for name in ours + theirs:
        (tmp_path / name).write_text("x")
    (tmp_path / ".checkpoint.nc.folder").mkdir()
    (tmp_path / ".checkpoint.nc.link").symlink_to(victim)
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left == {*theirs, ".checkpoint.nc.folder", ".checkpoint.nc.link"}
    (tmp_path / "link").symlink_to(victim)
    sweep(tmp_path / "link")


# Code in the working directory


def test_modules_of_the_working_directory_are_not_run(tmp_path, made_up):
    mark = tmp_path / "it-ran"
    here = tmp_path / "here"
    here.mkdir()
    for name in ("typer", "rich", "numpy", "joblib", "yaml", "pydantic", "signal"):
        text = f"open({str(mark)!r}, 'a').write(__name__)\n"
        (here / f"{name}.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:"}  # with an empty entry
    environment.pop("PYTHONSAFEPATH", None)
    commands = [
        [sys.executable, "-P", "-m", "jobs", "status", str(made_up)],
        [sys.executable, "-m", "jobs", "status", str(made_up)],
    ]
    for command in commands:
        environment["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "5 pixels" in done.stdout
        assert not mark.exists(), mark.read_text()


def test_workers_import_nothing_of_the_working_directory(tmp_path):
    mark = tmp_path / "it-ran"
    (tmp_path / "joblib.py").write_text(f"open({str(mark)!r}, 'a').write('x')\n")
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: ./planted\n")
    program = (
        "from jobs.isolation import isolate; isolate()\n"
        "import jobs.executors.children as c; c.safe_children()\n"
        "import os, sys, numba, numba.core.config as n\n"
        "from joblib import Parallel, delayed\n"
        "print(Parallel(2)(delayed(os.getenv)(k) for k in ('PYTHONSAFEPATH', 'X')))\n"
        "numba.core.config.reload_config(); print(n.CACHE_DIR)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer, cache = done.stdout.splitlines()
    assert answer == "['1', None]"
    assert "planted" not in cache
    assert not mark.exists()


def test_the_compile_cache_is_the_users_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "planted")  # relative: of wherever one is
    assert compile_cache() == tmp_path / "cache" / "masm" / "numba"
    assert compile_cache().stat().st_mode & 0o077 == 0
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(open_to_all / "below"))
    assert compile_cache() == tmp_path / "cache" / "masm" / "numba"
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(linked))
    assert compile_cache() == tmp_path / "cache" / "masm" / "numba"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    assert compile_cache() == tmp_path / "mine"


@pytest.mark.parametrize(
    "option",
    ["--export=ALL,LD_PRELOAD=/x.so", "--output=/home/v/.bashrc", "--wrap=x", "-o x",
     "--open-mode=truncate", "--chdir=/x", "--error=x", "--uid=0", "--array=0-9",
     "--qos=a\" b", "--qos=$(x)", "--qos=a;b", "--qos=a\n#SBATCH --wrap=x", "qos=long",
     "--get-user-env", "--prolog=x", "--bcast=x", "--job-name=x"],
)  # fmt: skip
def test_options_of_slurm_are_of_a_list(option):
    with pytest.raises(ValueError, match="options of sbatch"):
        Slurm(extra=[option])


def test_useful_options_of_slurm_pass():
    Slurm(extra=["--qos=long", "--constraint=a&b", "--nodelist=n[1-4]", "--exclusive"])


# Texts


def test_names_are_no_formulas_and_come_back(tmp_path):
    names = ["=HYPERLINK(1)", "+1", "-1", "@x", "'=1", "Oak hill", "'tis"]
    pixels = [Pixel(i, name, 42, -72, 3, 60, 10) for i, name in enumerate(names)]
    write_pixels(pixels, tmp_path / "pixels.csv")
    rows = (tmp_path / "pixels.csv").read_text().splitlines()[1:]
    assert all(row.split(",")[1][0] not in "=+-@" for row in rows)
    assert [pixel.name for pixel in read_pixels(tmp_path / "pixels.csv")] == names


def test_escapes_do_not_reach_the_terminal(masm_command, run_path, edit):
    edit(run_path, "source: generated", r'source: "gen\e[2J\e]0;owned\a"')
    reported = masm_command("check", run_path)
    assert reported.exit_code == 2
    assert "\x1b" not in reported.output
    assert "\x1b" not in reported.stderr
    assert r"\x1b[2J" in reported.stderr


def test_a_catalogue_of_aliases_without_end_is_refused(tmp_path):
    from landdata.cube.catalogue import read_catalogue

    lines = ['a: &a ["x","x","x","x","x","x","x","x","x"]']
    for one, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{one}: &{one} [" + ",".join([f"*{before}"] * 9) + "]")
    lines.append("products: {lai: {format: elevation, files: *i}}")
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(ValueError, match="more values than can be meant"):
        read_catalogue(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("products: " + "[" * 5000)
    with pytest.raises(ValueError, match=r"b\.yaml"):
        read_catalogue(tmp_path / "b.yaml")


# Rasters, netCDF, trees


def test_only_a_geotiff_is_read_as_one(tmp_path):
    import rasterio

    from landdata.errors import InputError
    from landdata.grid.grid import Grid
    from landdata.products.elevation import read_elevation

    path = tmp_path / "dem.tif"
    path.write_text(
        '<VRTDataset rasterXSize="20" rasterYSize="20"><SRS>EPSG:4326</SRS>'
        "<GeoTransform>-72.5,0.05,0,42.8,0,-0.05</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        '<SourceFilename relativetoVRT="0">/etc/passwd</SourceFilename>'
        "<ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset>"
        "<LineOffset>20</LineOffset></VRTRasterBand></VRTDataset>"
    )
    cells = Grid.from_bounds(-72.3, 42.4, -72.1, 42.6).cells
    with pytest.raises(InputError, match=r"dem\.tif"):
        read_elevation(path, cells, must_cover=False)
    size = 2**16
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="float32",
        crs="EPSG:4326", tiled=True, blockxsize=2**14, blockysize=2**14,
        transform=rasterio.transform.from_origin(-180, 90, 360 / size, 180 / size),
        sparse_ok=True, compress="deflate",
    ):  # fmt: skip
        pass
    with pytest.raises(InputError, match="tiles or strips"):
        read_elevation(path, cells, must_cover=False)


@pytest.mark.parametrize("how", ["external", "link", "virtual"])
def test_netcdf_that_names_other_files_is_refused(tmp_path, how):
    import h5py

    from landdata.files.netcdf_variable import load_netcdf
    from landdata.files.provider_files import open_netcdf

    path = tmp_path / "weather.nc"
    with h5py.File(path, "w") as opened:
        if how == "external":
            passwd = [("/etc/passwd", 0, 100)]
            opened.create_dataset("x", (100,), "u1", external=passwd)
        elif how == "link":
            opened["x"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "x")
        else:
            layout = h5py.VirtualLayout((4,), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "x", (4,))
            opened.create_virtual_dataset("x", layout)
    with pytest.raises(ValueError, match=r"another file|other file"):
        load_netcdf(path)
    with (
        pytest.raises(ValueError, match=r"another file|other file"),
        open_netcdf(path),
    ):
        pass


def test_a_damaged_tree_is_reported_before_it_is_parsed(tmp_path, monkeypatch):
    from upscale.errors import InputError
    from upscale.prediction import storage

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "vmax.ubj").write_bytes(b"{L\x00trees" * 20)
    (folder / "points.csv").write_text("a\n1\n")
    storage.write_index(folder, {"format": storage.FORMAT, "meta": {"a": (1, 2)}})
    assert storage.read_index(folder)["meta"] == {"a": [1, 2]}
    rng = np.random.default_rng(3)
    for name in ("vmax.ubj", "points.csv", "upscaler.json"):
        whole = (folder / name).read_bytes()
        for at in rng.integers(len(whole), size=20):
            spoilt = bytearray(whole)
            spoilt[at] ^= 0x11
            (folder / name).write_bytes(spoilt)
            with pytest.raises((InputError, ValueError)):
                storage.read_index(folder)
        (folder / name).write_bytes(whole)
    # of an earlier version: parsed, then given digests
    (folder / "upscaler.json").write_text(f'{{"format": {storage.FORMAT}}}')
    with pytest.raises(InputError, match="trees that cannot be read"):
        storage.read_index(folder)
    (folder / "vmax.ubj").unlink()
    storage.read_index(folder)
    assert "sha256" in (folder / "upscaler.json").read_text()


# Children


def test_there_are_no_more_workers_than_units():
    assert capped(24, 3) == 3
    assert capped(10**6, 10**6) <= 4 * (os.cpu_count() or 1)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


PARENT = """\
import os, sys, time
from pathlib import Path
import masm
from masm.runners.executable import Executable

def hang(x):
    Path(sys.argv[1], "forked").write_text(str(os.getpid()))
    time.sleep(500)

if sys.argv[2] == "forked":
    masm.ProcessMap(1, start_method="fork")(hang, [1])
else:
    script = (
        "echo $$ > " + sys.argv[1] + "/program; "
        "setsid sh -c 'echo $$ > " + sys.argv[1] + "/setsid; sleep 500' & sleep 500"
    )
    model = Executable(["/bin/sh", "-c", script], lambda f, p: None, lambda f: {})
    model._run(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("kind", "names"), [("forked", ["forked"]), ("program", ["program", "setsid"])]
)
def test_children_end_with_their_parent(tmp_path, kind, names):
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py"), str(tmp_path), kind],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    marks = [tmp_path / name for name in names]

    def begun():
        return all(mark.exists() and mark.read_text().strip() for mark in marks)

    try:
        assert wait_for(begun, 60)
        pids = [int(mark.read_text()) for mark in marks]
        assert all(alive(pid) for pid in pids)
        parent.kill()
        parent.wait()
        assert wait_for(lambda: not any(alive(pid) for pid in pids))
    finally:
        parent.kill()


def test_a_program_that_says_gigabytes_is_reported_with_its_end(tmp_path):
    from masm.runners.executable import Executable, RunFailed

    script = "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 3"
    model = Executable(["/bin/sh", "-c", script], lambda f, p: None, lambda f: {})
    with pytest.raises(RunFailed, match=r"exit code 3: x*\nthe end"):
        model._run(tmp_path)


def test_a_second_interrupt_exits_75(made_up, tmp_path):
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from jobs.cli.app import main; import jobs.cli.status as status\n"
        "def slow(*a, **k):\n"
        "    try:\n"
        "        print('at it', file=sys.stderr, flush=True); time.sleep(60)\n"
        "    finally:\n"
        "        print('clearing up', file=sys.stderr, flush=True); time.sleep(60)\n"
        "status.show_status = slow\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "status", str(made_up)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    for line in ("at it", "clearing up"):
        assert process.stderr.readline().strip() == line
        process.send_signal(signal.SIGINT)
    _, reported = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "finished work is saved" in reported
    assert "Traceback" not in reported


# Output


def run_masm(*words, **options):
    program = "from jobs.cli.app import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *map(str, words)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_full_output_is_not_a_full_disk_of_the_run(made_up):
    with open("/dev/full", "w") as full:
        done = run_masm("status", made_up, stdout=full)
    assert done.returncode == 75
    assert "standard output" in done.stderr
    assert str(made_up) not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(made_up):
    read, write = os.pipe()
    os.close(read)
    done = run_masm("status", made_up, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_of_any_script_are_shown_in_any_encoding(tmp_path, made_up):
    text = (made_up / "config.yaml").read_text()
    (made_up / "config.yaml").write_text(text.replace("made up", "Ωκεανός"))
    reported = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_masm("collect", made_up, stdout=subprocess.PIPE, env=reported)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"text.usetex: True\n"])
def test_a_bad_matplotlibrc_is_reported_or_of_no_matter(tmp_path, content):
    (tmp_path / "matplotlibrc").write_bytes(content)
    program = (
        "from jobs.figures.canvas import new_figure; new_figure(1, 1, 2.0)\n"
        "import matplotlib as m; print(m.rcParams['text.usetex'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if b"usetex" in content:
        assert done.stdout.strip() == "False", done.stderr
    else:
        assert "matplotlib does not start with its settings" in done.stderr


def test_what_a_slug_hides_does_not_take_another_pixels_figure():
    from jobs.run.pixels import figure_names

    names = ["Oak hill", "oak-hill", "Oak hill 0", "x", "oak_hill_1"]
    pixels = [Pixel(i, name, 42, -72, 3, 60, 10) for i, name in enumerate(names)]
    found = figure_names(pixels)
    assert len(set(found.values())) == len(names)
    assert found[3] == "x"


# On the disk before it counts


def test_every_file_is_synced_before_its_name_and_its_folder_after(
    made_up, tmp_path, monkeypatch
):
    from jobs.run.run import open_run
    from jobs.stages.collect import collect
    from upscale.files import current_folder, put_in_place

    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        done.append(("sync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def named(source, target, **options):
        done.append(("name", str(source)))
        replace(source, target, **options)
        done.append(("named", str(target)))

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", named)
    collect(open_run(made_up))
    names = [path for what, path in done if what == "name"]
    assert len(names) > 30
    for index, (what, path) in enumerate(done):
        if what == "name":
            assert ("sync", path) in done[:index], path
        if what == "named":
            folder = str(Path(path).parent)
            assert ("sync", folder) in done[index:], path
    marks = [i for i, (what, path) in enumerate(done)
             if what == "name" and "collected_mtime/c" in path]  # fmt: skip
    draws = [i for i, (what, path) in enumerate(done)
             if what == "sync" and path.endswith("vmax/c/0/0")]  # fmt: skip
    assert max(i for i in draws if i < marks[-1]) < marks[-1]
    for name, text in (("new", "b"), ("old", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(text)
    put_in_place(tmp_path / "new", tmp_path / "old")
    assert (current_folder(tmp_path / "old") / "f").read_text() == "b"


def test_a_folder_that_is_replaced_is_old_or_new_at_every_moment(tmp_path, monkeypatch):
    import upscale.files as files

    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    replace = Path.replace
    for stop in range(3):
        for name, text in (("new", "b"), ("old", "a")):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "f").write_text(text)
        left = [stop]

        def killed(path, target, left=left):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return replace(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with suppress(KeyboardInterrupt):
                files.put_in_place(tmp_path / "new", tmp_path / "old")
        text = (files.current_folder(tmp_path / "old") / "f").read_text()
        assert text == ("b" if stop == 2 else "a")


def test_pickles_in_a_planted_cache_are_not_read(tmp_path):
    """The bomb of the other tests, in the place of numba's index."""
    mark = tmp_path / "it-ran"

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "x.nbi").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: ./planted\n")
    program = (
        "from jobs.isolation import isolate; isolate()\n"
        "import numba; f = numba.njit(lambda x: x + 1); print(f(1))\n"
        "print(numba.config.CACHE_DIR)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "planted" not in done.stdout
    assert not mark.exists()
