"""Studies that change settings of the library still run."""

import sys

import pytest

from benchmarks import ablation, ablation_cost
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
