"""Studies that change settings of the library still run."""

import ast
import sys
from functools import partial
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation, ablation_cost, borrowed_start, growth
from benchmarks.borrowed_region import region
from benchmarks.metrics import distance
from benchmarks.targets import banana_edge6
from benchmarks.weighted_draws import draws_about
from masm.methods.adaptive.settings import Settings


@pytest.mark.parametrize("without", ablation_cost.WITHOUT)
def test_an_ingredient_of_scalar_costs_can_be_left_out(without, monkeypatch, capsys):
    arguments = ["--targets", "gauss4", "--max-runs", "40", "--without", without]
    monkeypatch.setattr(sys, "argv", ["ablation_cost", *arguments])
    ablation_cost.main()
    assert f"without {without}: gauss4-0 seed 1 runs 40" in capsys.readouterr().out


def test_every_ablation_changes_one_setting():
    for study in (ablation.WITHOUT, ablation_cost.WITHOUT):
        changed = [settings for name, settings in study.items() if name != "nothing"]
        assert study["nothing"] == Settings()
        assert all(settings != Settings() for settings in changed)
        assert len(set(changed)) == len(changed)


def test_no_study_imports_in_a_circle():
    folder = Path(__file__).parents[1] / "benchmarks"
    arrows = {}
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        names = [
            alias
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in (
                [node.module.removeprefix("benchmarks.")]
                if node.module.startswith("benchmarks.")
                else [one.name for one in node.names]
                if node.module == "benchmarks"
                else []
            )
        ]
        arrows[file.stem] = set(names)
    assert "weighted_draws" in arrows["targets"]
    TopologicalSorter(arrows).prepare()  # raises CycleError


def test_growth_prints_an_exponent_for_an_axis(monkeypatch, capsys):
    monkeypatch.setitem(growth.QUICK, "observations", (40, 80))
    monkeypatch.setattr(growth, "Size", partial(growth.Size, parameters=2, runs=40))
    monkeypatch.setattr(sys, "argv", ["growth", "--axes", "observations"])
    growth.main()
    row = capsys.readouterr().out.splitlines()[-1].split("|")
    assert [cell.strip() for cell in row[1:4]] == ["observations", "40 80", "40 40"]
    assert np.isfinite(float(row[5]))


def test_an_exponent_is_the_slope_of_the_logarithms():
    sizes = [10, 20, 50, 100]
    assert growth.exponent(sizes, [0.3 * n**1.7 for n in sizes]) == pytest.approx(1.7)


def test_references_about_a_point_are_draws_of_the_posterior(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = banana_edge6(2)
    assert target.exact is not None
    exact = target.physical(target._inside(50_000, np.random.default_rng(1)))
    found = draws_about(target, np.full(6, 0.5))
    assert distance(found, exact).largest_tv < 0.04
    again = draws_about(target, np.full(6, 0.1))  # kept: no matter where it begins
    np.testing.assert_array_equal(found, again)


def test_truths_of_related_pixels_are_near_those_of_their_neighbours():
    places = region(0, 40)
    apart = {True: [], False: []}
    for place, east in pairwise(places):
        if east.pixel.id % 9 and east.related:
            apart[place.related].append(np.abs(place.truth - east.truth).mean())
    assert sum(not place.related for place in places) == 4
    assert 3.0 * np.median(apart[True]) < np.median(apart[False])


def test_a_failure_is_silent_where_a_result_is_done_and_far_off():
    def row(pixel, status, mmtv):
        return borrowed_start.Row(
            0, pixel, "borrowed", "borrowed", 2, False, 3, 0, 120, 5.0, status, "",
            0.02, mmtv, 2.0 * mmtv,
        )  # fmt: skip

    rows = [row(1, "done", 0.03), row(2, "done", 0.2), row(3, "suspect", 0.3)]
    cells = borrowed_start.summary(rows).splitlines()[-1].split(" | ")
    assert cells[-5:] == ["2", "2", "1", "0.200", "1 |"]


@pytest.mark.parametrize(
    ("way", "with_lenders", "without"),
    [
        ("borrowed", {}, {}),
        ("borrowed_50", {"max_runs": 50, "more_runs": 0}, "same"),
        ("borrowed_50_of_all", {"max_runs": 50, "more_runs": 0}, {}),
        ("borrowed_50_more", {"max_runs": 50, "more_runs": 70}, {}),
    ],
)
def test_a_pixel_without_lenders_has_the_whole_budget(way, with_lenders, without):
    chosen = borrowed_start.WAYS[way]
    expected = with_lenders if without == "same" else without
    assert chosen.options(6, has_lenders=True) == with_lenders
    assert chosen.options(6, has_lenders=False) == expected
