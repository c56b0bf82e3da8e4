"""Every public name is there, and the parts that compile code load when asked for."""

import subprocess
import sys

import pytest

import masm


@pytest.mark.parametrize("name", masm.__all__)
def test_a_listed_name_is_there(name):
    assert getattr(masm, name) is not None


@pytest.mark.parametrize(
    "name",
    ["filters", "hierarchical", "information", "calibrate_sites", "choose_sites",
     "sums_of_squares"],
)  # fmt: skip
def test_a_part_loads_when_it_is_asked_for(name):
    assert getattr(masm, name) is not None


def test_another_name_is_refused():
    assert not hasattr(masm, "no_such_part")


def test_importing_masm_does_not_load_the_filters():
    program = "import sys, masm; print('masm.filters' in sys.modules)"
    reported = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert reported.stdout.strip() == "False"
