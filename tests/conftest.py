"""Order of the tests: files that take minutes begin first, so that none ends last."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

HERE = Path(__file__).parent
# By their own seconds on two cores, longest first; those that mostly wait between
# those that compute.
LONG = (
    "jobs/executors/test_slurm.py",
    "jobs/stages/test_regional_chain.py",
    "test_examples.py",
    # It compiles what other files trace too, which then find it compiled.
    "ibis_dalec/physics/test_closure_hours.py",
    "test_notebooks.py",
    "jobs/executors/test_executors.py",
    "jobs/stages/test_join_sites.py",
    "jobs/run/test_fault_matrix.py",
    "jobs/executors/test_slurm_region.py",
    "masm/methods/test_missed_modes.py",
    "masm/methods/test_adaptive.py",
    "jobs/executors/test_slurm_reanalysis.py",
    "jobs/stages/test_borrowed_start.py",
    "jobs/stages/test_borrowed_workers.py",
    "masm/methods/test_method_table.py",
    "masm/methods/test_direct_methods.py",
    "jobs/run/test_odd_files.py",
    "masm/surrogates/test_feasibility.py",
    "masm/methods/test_error_estimate.py",
    "jobs/run/test_hostile_folder.py",
    "jobs/stages/test_reanalysis.py",
    "jobs/process_models/test_registry.py",
    "jobs/run/test_hostile_files.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; within a file the order stays."""
    rank = {HERE / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(LONG)))


def pytest_configure() -> None:
    """Refuse a name in the list that no file has."""
    if gone := [name for name in LONG if not (HERE / name).is_file()]:
        raise pytest.UsageError(f"tests/conftest.py: no such files: {', '.join(gone)}")
