"""Pixels that begin where pixels much like them ended: by written lists, in waves."""

import json
import shutil

import numpy as np
import pytest
from few_pixels import IDS, make_run
from made_up import in_a_child, make_up

from jobs.errors import ConfigError
from jobs.run.folder import RunFolder
from jobs.run.neighbours import (
    NeighboursUnfinished,
    lenders,
    neighbourhoods,
    read_neighbours,
    require_listed,
    write_neighbours,
)
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import digest_of_posterior, read_result, read_summary
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run, start
from jobs.stages.calibrate_pixel import calibrate_pixel


def _places(n, seed):
    rng = np.random.default_rng(seed)
    return [
        Pixel(i, f"p{i}", *rng.uniform([30, -100, 0, 0, 0], [50, -70, 2000, 50, 50]))
        for i in range(n)
    ]


@pytest.mark.parametrize("n", [1, 5, 60, 400])
def test_pixels_borrow_from_earlier_waves_alone(n):
    found = neighbourhoods(_places(n, 3), 3)
    assert set(found) == set(range(n))
    for one in found.values():
        assert all(found[other].wave < one.wave for other in one.neighbours)
        n_earlier = sum(other.wave < one.wave for other in found.values())
        assert len(one.neighbours) == min(12, n_earlier)
    sizes = [sum(one.wave == wave for one in found.values()) for wave in (1, 2, 3)]
    first = min(20, max(1, n // 10))
    assert sizes[0] == first
    assert sizes[1] == min(n - first, 10 * first)


def test_lists_do_not_depend_on_the_order_of_the_table():
    pixels = _places(80, 5)
    assert neighbourhoods(pixels, 2) == neighbourhoods(pixels[::-1], 2)


def test_the_nearest_comes_first():
    row = [Pixel(i, f"p{i}", 40.0 + i, -75.0, 0.0, 50.0, 20.0) for i in range(30)]
    found = neighbourhoods(row, 2)
    for pixel, one in found.items():
        apart = [abs(other - pixel) for other in one.neighbours]
        assert apart == sorted(apart)


def test_the_lists_are_read_once_while_they_stay_the_same(tmp_path, monkeypatch):
    from jobs.run import neighbours

    folder, n_read = RunFolder(tmp_path), []
    parse = neighbours._parse
    monkeypatch.setattr(neighbours, "_parse", lambda of: n_read.append(of) or parse(of))
    write_neighbours(folder, _places(30, 2), 2)
    known = read_neighbours(folder)
    assert read_neighbours(folder) == known
    assert len(n_read) == 1
    text = folder.neighbours.read_text()
    folder.neighbours.write_text(text[: text.index("\n29,") + 1])  # one less
    assert len(read_neighbours(folder)) == 29
    folder.neighbours.unlink()
    with pytest.raises(ConfigError, match=r"neighbours\.csv"):
        read_neighbours(folder)


OPTIONS = "{max_runs: 24, n_chains: 16, n_draws: 60}"
BORROWED = "  neighbours: 2\n"


def _write(path, borrowed=BORROWED):
    make_run(path, "")
    text = (path / "config.yaml").read_text()
    start = text.index("  method: published")
    end = text.index("  keep_draws")
    text = f"{text[:start]}  options: {OPTIONS}\n{borrowed}{text[end:]}"
    (path / "config.yaml").write_text(text)
    return path


def _draws(path, pixel):
    return read_result(RunFolder(path).pixel(pixel)).posterior["vmax"].to_numpy()


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory):
    """A run that borrows, calibrated in one go."""
    path = _write(tmp_path_factory.mktemp("borrowed") / "run")
    return path


@pytest.mark.usefixtures("small_process_model")
def test_the_answer_depends_on_lists_and_seeds_alone(masm_command, borrowed, tmp_path):
    fresh, killed = tmp_path / "workers", tmp_path / "killed"
    for copy in (fresh, killed):
        shutil.copytree(borrowed, copy)
    known = neighbourhoods(_row(), 2)
    first = [i for i in IDS if known[i].wave == 1]
    later = [i for i in IDS if known[i].wave == 2][:1]
    some = [word for i in (*later, *first) for word in ("--pixel", i)]
    done = masm_command("calibrate", borrowed, *some)
    assert done.exit_code == 0, done.output
    assert read_neighbours(RunFolder(borrowed)) == known
    for i in later:
        folder = RunFolder(borrowed).pixel(i)
        lender = RunFolder(borrowed).pixel(first[0])
        if read_summary(lender)["status"] == "done":
            expected = {str(first[0]): digest_of_posterior(lender)}
            assert read_summary(folder)["neighbours"] == expected
    # One pixel of the second wave alone: what it borrows from is not there.
    refused = masm_command("calibrate", fresh, "--pixel", later[0])
    assert refused.exit_code == 2
    assert "not come to an end" in refused.stderr
    words = ("calibrate", killed, *some)
    assert in_a_child(words, tmp_path / "told", killed_at=16) == -9
    again = masm_command("calibrate", killed, *some, "--resume")
    assert again.exit_code == 0, again.output
    # Each pixel by a command of its own.
    for i in [*first, *later]:
        one = masm_command("calibrate", fresh, "--pixel", i, "--resume")
        assert one.exit_code == 0, one.output
    for other in (fresh, killed):
        for i in (*first, *later):
            np.testing.assert_array_equal(_draws(borrowed, i), _draws(other, i))


def test_failed_and_suspect_neighbours_are_passed_over(tmp_path):
    folder = RunFolder(make_up(tmp_path / "run"))  # pixel 4 failed, the others are done
    assert lenders(folder, [4, 2, 0, 1], 2) == [2, 0]
    file = folder.pixel(2).summary
    file.write_text(json.dumps(json.loads(file.read_text()) | {"status": "suspect"}))
    assert lenders(folder, [4, 2, 0, 1], 2) == [0, 1]
    assert lenders(folder, [4, 2], 2) == []
    folder.pixel(4).failure.unlink()
    with pytest.raises(ConfigError, match="not come to an end"):
        lenders(folder, [4, 2, 0, 1], 2)


def _row():
    return [Pixel(i, f"place {i}", 40.0 + i, -75.0, 300.0, 60.0, 10.0) for i in IDS]


@pytest.mark.parametrize(
    "line",
    ["  method: published\n  neighbours: 2\n", "  neighbours: -1\n"],
)
def test_a_start_that_cannot_be_borrowed_is_refused(masm_command, tmp_path, line):
    path = _write(tmp_path / "run")
    text = (path / "config.yaml").read_text()
    text = text.replace(f"  options: {OPTIONS}\n", "").replace(BORROWED, line)
    (path / "config.yaml").write_text(text)
    refused = masm_command("calibrate", path)
    assert refused.exit_code == 2
    assert "calibration.neighbours" in refused.stderr


@pytest.mark.usefixtures("small_process_model")
def test_a_neighbour_calibrated_anew_meanwhile_fails_nobody(tmp_path):
    run = open_run(_write(tmp_path / "run"))
    start(run)
    write_neighbours(run.folder, run.pixels, 2)
    known = read_neighbours(run.folder)
    later = next(pixel for pixel in run.pixels if known[pixel.id].wave == 2)
    with pytest.raises(NeighboursUnfinished, match="not come to an end"):
        calibrate_pixel(run, later)
    assert state_of(run.folder.pixel(later.id)).state == "waiting"


def test_a_table_of_neighbours_of_another_run_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    write_neighbours(folder, _row(), 2)
    written = folder.neighbours.read_text()
    write_neighbours(folder, _row(), 2)
    for other in (written.replace(",2,", ",3,"), written + "9,9,9\n", "\x00"):
        folder.neighbours.write_text(other)
        with pytest.raises(ConfigError, match="not what the run wrote"):
            write_neighbours(folder, _row(), 2)
        assert folder.neighbours.read_text() == other


def test_a_table_of_neighbours_without_a_pixel_is_refused_by_name(tmp_path):
    folder = RunFolder(tmp_path)
    write_neighbours(folder, _row(), 2)
    lines = folder.neighbours.read_text().splitlines(keepends=True)
    folder.neighbours.write_text("".join(lines[:-1]))
    known = read_neighbours(folder)
    require_listed(folder, IDS[:-1], known)
    with pytest.raises(ConfigError, match=f"no pixel {IDS[-1]}"):
        require_listed(folder, IDS, known)
