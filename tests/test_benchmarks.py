"""Studies that change settings of the library still run."""

import ast
import sys
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation, ablation_cost, growth
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
