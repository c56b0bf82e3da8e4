"""A pixel that borrows its start has a budget of its own; one that cannot has all."""

import json
import re

import numpy as np
import pytest
from made_up import CONFIG, finish

from jobs.cli.check import calibration_cost
from jobs.config.methods import expected_runs, least_runs
from jobs.errors import ConfigError
from jobs.run.budgets import budget_of, n_borrowing, n_model_runs
from jobs.run.neighbours import read_neighbours, write_neighbours
from jobs.run.run import open_run, start
from jobs.stages.borrowed_start import borrowed_start
from jobs.stages.price import stage_costs

N_PIXELS, WHOLE, FEW = 30, 60, 24
USUAL = f"{{neighbours: 2, neighbour_runs: {FEW}, options: {{max_runs: {WHOLE}}}}}"


def _lines(flow):
    """The keys of a mapping in braces, one a line."""
    return "\n  ".join(re.split(r", (?=neighbour_runs|options|method|blocks)", flow))


def _write(path, calibration=USUAL):
    path.mkdir(exist_ok=True)
    text = CONFIG.replace("keep_draws: 50", _lines(calibration[1:-1]))
    if "blocks:" in calibration:
        text = text[: text.rindex("  blocks:")]
    (path / "config.yaml").write_text(text)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    rows += [f"{i},place {i},{30 + i},-75,300,60,10" for i in range(N_PIXELS)]
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    return path


def _started(path, calibration=USUAL):
    """A run whose first wave is done, and the first pixel of the second."""
    run = open_run(_write(path, calibration))
    start(run)
    write_neighbours(run.folder, run.pixels, 2)
    known = read_neighbours(run.folder)
    for i in range(N_PIXELS):
        if known[i].wave == 1:
            finish(run.folder.pixel(i), np.random.default_rng(i))
    later = next(pixel for pixel in run.pixels if known[pixel.id].wave == 2)
    return run, later, known[later.id].neighbours


def _becomes_suspect(run, pixel):
    file = run.folder.pixel(pixel).summary
    file.write_text(json.dumps(json.loads(file.read_text()) | {"status": "suspect"}))


def test_a_pixel_has_the_small_budget_if_anyone_lends_to_it(tmp_path):
    run, later, listed = _started(tmp_path / "run")
    options = {"max_runs": FEW, "more_runs": WHOLE - FEW}
    assert len(listed) == 3
    for left in (3, 2, 1):
        borrowed = borrowed_start(run, later)
        assert borrowed.options == options
        assert len(borrowed.digests) == min(2, left)
        _becomes_suspect(run, listed[left - 1])
    alone = borrowed_start(run, later)
    assert alone.start is None
    assert alone.options == {}  # the run's own


def test_without_the_setting_a_borrowed_start_changes_no_budget(tmp_path):
    run, later, _ = _started(tmp_path / "run", "{neighbours: 2}")
    borrowed = borrowed_start(run, later)
    assert borrowed.start is not None
    assert borrowed.options == {}
    assert n_model_runs(run, range(N_PIXELS)) == N_PIXELS * expected_runs(run.config)


@pytest.mark.parametrize(
    ("options", "whole", "more"),
    [
        (f"options: {{max_runs: {WHOLE}}}", WHOLE, 0),
        (f"options: {{max_runs: {WHOLE}, more_runs: 15}}", WHOLE, 15),
        ("options: {}", 60, 0),  # 15 for each parameter, 27, and 3 for scores
    ],
)
def test_the_limit_of_runs_is_the_same_with_and_without_neighbours(
    tmp_path, options, whole, more
):
    text = f"{{neighbours: 2, neighbour_runs: {FEW}, {options}}}"
    config = open_run(_write(tmp_path / "run", text)).config
    alone, borrows = (budget_of(config, borrows=b) for b in (False, True))
    assert (alone.runs, alone.more) == (whole, more)
    assert borrows.runs == FEW
    assert borrows.runs + borrows.more == alone.runs + alone.more


def test_the_price_counts_both_budgets(tmp_path):
    run = open_run(_write(tmp_path / "run"))
    first, later = 3, 27
    assert n_borrowing(run, range(N_PIXELS)) == later
    in_all = first * WHOLE + later * FEW
    costs = {cost.stage: cost for cost in stage_costs(run)}
    assert costs["calibrate"].model_runs == in_all


def test_dry_run_and_check_say_the_price(tmp_path, masm_command):
    path = _write(tmp_path / "run")
    in_all = 3 * WHOLE + 27 * FEW
    said = masm_command("calibrate", path, "--dry-run").output
    assert f"about {in_all} model runs" in said
    words = " ".join(calibration_cost(open_run(path), 13))
    assert f"at most {WHOLE} model runs of 13 years" in words
    assert f"at 3 pixels of the first wave, {FEW} at 27 pixels with" in words
    assert f"{in_all} in all" in words
    assert f"up to {WHOLE - FEW} more at a pixel with neighbours" in words


TWO_BLOCKS = (
    "blocks: [{streams: [gpp], parameters: [vmax]}, "
    "{streams: [gpp], parameters: [p18]}]"
)


@pytest.mark.parametrize(
    ("calibration", "said"),
    [
        ("{neighbour_runs: 24}", "calibration.neighbours above 0"),
        ("{neighbours: 2, neighbour_runs: 60}", "less than 60, the model runs of a"),
        (
            "{neighbours: 2, neighbour_runs: 40, options: {max_runs: 40}}",
            "less than 40",
        ),
        ("{neighbours: 2, neighbour_runs: 18}", "19 or more"),
        (f"{{neighbours: 2, neighbour_runs: 24, {TWO_BLOCKS}}}", "one posterior of"),
        ("{neighbours: 2, neighbour_runs: -1}", "greater than or equal to 0"),
        ("{neighbours: 2, neighbour_runs: 2.5}", "a whole number"),
    ],
)
def test_a_budget_that_cannot_be_is_one_clear_error(tmp_path, calibration, said):
    path = _write(tmp_path / "run", calibration)
    with pytest.raises(ConfigError) as refused:
        open_run(path)
    assert said in str(refused.value)
    assert "calibration.neighbour_runs" in str(refused.value)
    assert len(refused.value.problems) == 1


def test_of_a_wrong_method_the_other_key_alone_is_named(tmp_path):
    text = "{neighbours: 2, neighbour_runs: 24, method: published}"
    with pytest.raises(ConfigError) as refused:
        open_run(_write(tmp_path / "run", text))
    assert len(refused.value.problems) == 1
    assert "calibration.neighbours" in str(refused.value)


def test_the_least_budget_is_taken(tmp_path):
    path = _write(tmp_path / "run", "{neighbours: 2, neighbour_runs: 19}")
    assert least_runs(open_run(path).config) == 19
