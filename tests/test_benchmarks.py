"""Studies that patch or call the library by name still do."""

import sys
from contextlib import ExitStack

import pytest

from benchmarks import ablation_cost
from benchmarks.ablation import WITHOUT


@pytest.mark.parametrize("without", ablation_cost.WITHOUT)
def test_an_ingredient_of_bare_costs_can_be_left_out(without, monkeypatch, capsys):
    arguments = ["--targets", "gauss4", "--max-runs", "40", "--without", without]
    monkeypatch.setattr(sys, "argv", ["ablation_cost", *arguments])
    ablation_cost.main()
    assert f"without {without}: gauss4-0 seed 1 runs 40" in capsys.readouterr().out


@pytest.mark.parametrize("without", WITHOUT)
def test_an_ingredient_of_the_emulator_has_the_name_that_is_patched(without):
    with ExitStack() as stack:
        WITHOUT[without](stack)
