"""A damaged ``posteriors.zarr`` is made again from the results, or refused by name.

Kinds of damage: bytes changed, cut short, missing, another array's, a pipe, a link, in
each chunk and each array's metadata; by checksum, and in stores of earlier versions.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import warnings

import google_crc32c
import numpy as np
import pytest
import xarray as xr
import zarr
from made_up import N_PIXELS, finish, make_up

from jobs.errors import ConfigError
from jobs.files import OddFile
from jobs.notebook.opened_run import open_run as open_for_reading
from jobs.report.results import Results
from jobs.run.run import open_run
from jobs.stages import posterior_store
from jobs.stages.collect import collect
from jobs.stages.posterior_reader import Posteriors
from jobs.stages.upscale_inputs import posterior_draws, posterior_table

FILES = (
    "mean/c/0/0", "sd/c/0/0", "at_bound/c/0/0", "vmax/c/0/0/0", "minutes/c/0",
    "state/c/0", "collected_mtime/c/0", "parameter/c/0", "latitude/c/0", "pixel/c/0",
    "zarr.json", "mean/zarr.json", "vmax/zarr.json", "latitude/zarr.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def pattern(tmp_path_factory):
    path = make_up(tmp_path_factory.mktemp("collected") / "run")
    collect(open_run(path))
    return path


@pytest.fixture
def collected(tmp_path, pattern):
    return shutil.copytree(pattern, tmp_path / "run")


def change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def take_away(path):
    path.unlink()


def put_a_folder(path):
    path.unlink()
    path.mkdir()


def put_another(path):
    other = path.parents[len(path.parts) - path.parts.index("posteriors.zarr") - 2]
    path.write_bytes((other / "minutes" / "zarr.json").read_bytes())


DAMAGE = (
    change_a_byte, cut_short, empty, take_away, put_a_folder, put_another
)  # fmt: skip


def seal(path, body):
    """Write a chunk with the checksum that belongs to it."""
    end = google_crc32c.value(bytes(body)).to_bytes(4, "little")
    path.write_bytes(bytes(body) + end)


def spoil_inside(body):
    body[16:24] = b"\xff" * 8  # where the blocks are


def name_an_unknown_codec(body):
    body[2] |= 0b11100000


def tell_two_gigabytes(body):
    body[4:8] = (2**31 - 17).to_bytes(4, "little")


def cut_off(body):
    del body[len(body) // 2 :]


def leave_a_head(body):
    del body[9:]


FORGERIES = [
    (name, forge)
    for name in ("mean/c/0/0", "vmax/c/0/0/0", "collected_mtime/c/0")
    for forge in (tell_two_gigabytes, cut_off, leave_a_head)
] + [("vmax/c/0/0/0", spoil_inside), ("vmax/c/0/0/0", name_an_unknown_codec)]
"""Few numbers are not packed: what is spoilt inside of them is other numbers."""


def stored(path):
    with xr.open_zarr(path / "posteriors.zarr", chunks=None) as store:
        return store.load()


CASES = [(name, DAMAGE[n % len(DAMAGE)]) for n, name in enumerate(FILES)]
CASES += [(name, damage) for name in ("mean/c/0/0", "zarr.json") for damage in DAMAGE]


@pytest.mark.parametrize(("name", "damage"), dict.fromkeys(CASES))
def test_collect_makes_what_is_damaged_again(collected, name, damage, caplog):
    run = open_run(collected)
    whole = stored(collected)
    damage(collected / "posteriors.zarr" / name)
    assert collect(run) == N_PIXELS - 1
    xr.testing.assert_identical(stored(collected), whole)
    told = [one for one in caplog.messages if "posteriors.zarr" in one]
    silent = name == "zarr.json" and damage in (take_away, put_a_folder)  # no store
    assert bool(told) != silent
    assert collect(run) == 0


@pytest.mark.parametrize(("name", "forge"), FORGERIES)
def test_a_chunk_of_right_checksum_that_cannot_be_unpacked(
    masm_command, collected, name, forge, caplog
):
    whole, chunk = stored(collected), collected / "posteriors.zarr" / name
    body = bytearray(chunk.read_bytes()[:-4])
    forge(body)
    seal(chunk, body)
    run = open_run(collected)
    with pytest.raises(ConfigError, match=f"masm collect {collected}") as caught:
        Posteriors(run).values(name.partition("/")[0])
    assert name.partition("/")[0] in str(caught.value)
    done = masm_command("collect", collected)
    assert done.exit_code == 0, done.output
    assert any(f"since {name} " in one for one in caplog.messages)
    xr.testing.assert_identical(stored(collected), whole)


def test_a_store_packed_in_another_way_is_made_anew(collected, caplog):
    place, whole = collected / "posteriors.zarr", stored(collected)
    metadata = json.loads((place / "mean" / "zarr.json").read_text())
    metadata["codecs"][1] = {"name": "gzip", "configuration": {"level": 1}}
    (place / "mean" / "zarr.json").write_text(json.dumps(metadata))
    root = json.loads((place / "zarr.json").read_text())
    digest = hashlib.sha256((place / "mean" / "zarr.json").read_bytes()).hexdigest()
    root["attributes"]["layout"]["mean"] = digest
    (place / "zarr.json").write_text(json.dumps(root))
    run = open_run(collected)
    with pytest.raises(ConfigError, match="mean is packed in another way"):
        Posteriors(run)
    assert collect(run) == N_PIXELS - 1
    assert any("made anew" in one for one in caplog.messages)
    xr.testing.assert_identical(stored(collected), whole)


@pytest.mark.parametrize("name", ["mean/c/0/0", "state/c/0", "vmax/zarr.json"])
def test_a_pipe_in_the_store_is_refused_by_name(masm_command, collected, name):
    (collected / "posteriors.zarr" / name).unlink()
    os.mkfifo(collected / "posteriors.zarr" / name)
    for verb in ("collect", "report"):
        refused = masm_command(verb, collected)
        assert refused.exit_code == 2, refused.output
        assert name in refused.output
        assert "a pipe" in refused.output


@pytest.mark.parametrize("name", FILES)
def test_a_reader_names_the_file_and_what_to_do(collected, name):
    run = open_run(collected)
    change_a_byte(collected / "posteriors.zarr" / name)
    if name == "zarr.json":  # what is read of it may be as it was
        (collected / "posteriors.zarr" / name).write_text("{}")

    def by_xarray():
        Results(run).store().load()

    def by_rows():
        store = Posteriors(run)
        for one in (*posterior_store.shapes_of(run), "state"):
            store.values(one, slice(0, 2))

    def in_a_notebook():
        open_for_reading(collected).posteriors.load()

    for read in (by_xarray, by_rows, in_a_notebook):
        with pytest.raises(ConfigError) as caught:
            read()
        told = str(caught.value)
        assert "posteriors.zarr" in told
        assert f"masm collect {collected}" in told
        assert "bug" not in told


def test_upscaling_reads_no_damaged_store(collected):
    run = open_run(collected)
    (collected / "posteriors.zarr/r_hat/c/0/0").write_bytes(b"no chunk at all")
    with pytest.raises(ConfigError, match="r_hat/c/0/0 is not as it was written"):
        posterior_table(run)
    (collected / "posteriors.zarr/p18/c/0/0/0").unlink()
    with pytest.raises(ConfigError, match="p18/c/0/0/0 is missing"):
        posterior_draws(run, [0, 1])
    shutil.rmtree(collected / "posteriors.zarr")
    with pytest.raises(ConfigError, match="no posteriors have been collected"):
        posterior_table(run)


def test_a_report_over_a_damaged_store_collects_again(masm_command, collected):
    whole = stored(collected)
    change_a_byte(collected / "posteriors.zarr/vmax/c/0/0/0")
    done = masm_command("report", collected)
    assert done.exit_code == 0, done.output
    xr.testing.assert_identical(stored(collected).drop_attrs(), whole.drop_attrs())


def test_what_a_lost_chunk_held_is_not_read_as_zero(masm_command, collected):
    (collected / "posteriors.zarr/at_bound/c/0/0").unlink()
    with pytest.raises(ConfigError, match="at_bound/c/0/0 is missing"):
        Results(open_run(collected)).store()["at_bound"].load()


def test_only_rows_of_damaged_chunks_are_collected_again(
    tmp_path, monkeypatch, masm_command
):
    for where in ("posterior_store.PIXELS_PER_CHUNK", "posterior_store.PIXELS_AT_ONCE",
                  "collect.PIXELS_AT_ONCE"):  # fmt: skip
        monkeypatch.setattr(f"jobs.stages.{where}", 2)
    path = make_up(tmp_path / "run")
    run = open_run(path)
    assert collect(run) == N_PIXELS - 1
    whole = stored(path)
    for name, n_again in (("mean/c/1/0", 2), ("collected_mtime/c/0", 2)):
        change_a_byte(path / "posteriors.zarr" / name)
        assert collect(run) == n_again
        xr.testing.assert_identical(stored(path), whole)


def test_rows_never_collected_are_no_damage(tmp_path):
    path = make_up(tmp_path / "run")
    run = open_run(path)
    for pixel in range(N_PIXELS - 1):
        shutil.rmtree(run.folder.pixel(pixel).path)
    assert collect(run) == 0
    assert np.isnan(Posteriors(run).values("mean")).all()
    finish(run.folder.pixel(1), np.random.default_rng(1))
    assert collect(run) == 1
    assert Posteriors(run).finished().tolist() == [False, True, False, False, False]


def test_a_link_inside_the_store_leads_nowhere(masm_command, collected, tmp_path):
    run, place, victim = (
        open_run(collected),
        collected / "posteriors.zarr",
        tmp_path / "v",
    )
    shutil.move(place / "mean" / "c", victim)
    (place / "mean" / "c").symlink_to(victim)
    before = {p: p.read_bytes() for p in victim.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match="mean/c is a link"):
        Posteriors(run).values("mean")
    finish(run.folder.pixel(0), np.random.default_rng(9))
    with pytest.raises(OddFile, match="mean/c is a link"):
        collect(run)
    refused = masm_command("collect", collected)
    assert refused.exit_code == 2
    assert "mean/c" in refused.output
    assert {p: p.read_bytes() for p in victim.rglob("*") if p.is_file()} == before


def of_an_earlier_version(path):
    """Write the store again without checksums, digests, or chunks of fill values."""
    old, place = stored(path), path / "posteriors.zarr"
    shutil.rmtree(place)
    encoding = {}
    for name in old.variables:
        packed = zarr.codecs.BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")
        encoding[name] = {"compressors": None if name == "parameter" else packed}
    attrs = {name: value for name, value in old.attrs.items() if name != "layout"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.drop_attrs(deep=False).assign_attrs(attrs).drop_encoding().to_zarr(
            place, zarr_format=3, encoding=encoding
        )


def test_a_store_of_an_earlier_version_is_read_and_its_damage_seen(collected):
    whole = stored(collected)
    of_an_earlier_version(collected)
    run = open_run(collected)
    assert collect(run) == 0
    np.testing.assert_array_equal(Posteriors(run).values("vmax"), whole["vmax"])
    (collected / "posteriors.zarr/vmax/c/0/0/0").write_bytes(b"no chunk at all")
    with pytest.raises(ConfigError, match="vmax"):
        Posteriors(run).values("vmax")
    assert collect(run) == N_PIXELS - 1
    np.testing.assert_array_equal(Posteriors(run).values("vmax"), whole["vmax"])


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_a_system_that_fails_now_damages_nothing(
    masm_command, collected, monkeypatch, number
):
    before = {
        p: p.read_bytes() for p in (collected / "posteriors.zarr").rglob("*/c/*")
        if p.is_file()
    }  # fmt: skip
    assert before

    def fail(path, *words, **named):
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patch:
        patch.setattr("jobs.stages.synced_store.read_bytes", fail)
        stopped = masm_command("collect", collected)
    assert stopped.exit_code == 75, stopped.output
    assert before == {p: p.read_bytes() for p in before}
    assert "0 new" in masm_command("collect", collected).output


def test_a_copy_of_metadata_that_differs_is_not_believed(collected):
    path = collected / "posteriors.zarr" / "zarr.json"
    root = json.loads(path.read_text())
    root["consolidated_metadata"]["metadata"]["mean"]["shape"] = [1, 2]
    path.write_text(json.dumps(root))
    assert Results(open_run(collected)).store()["mean"].shape == (N_PIXELS - 1, 2)
