"""A tiny linear model in the place of the process model, so that tests are quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from jobs.cli import app

PARAMETERS = ("vmax", "p18")


@pytest.fixture
def masm_command():
    """Run a command line in this process; gives exit code and output."""
    runner = CliRunner()

    def call(*words: object):
        return runner.invoke(app, [str(word) for word in words])

    return call


TWIN = """\
name: a small twin
seed: 7
pixels:
  source: generated
  name: somewhere
  latitude: 42.5
  longitude: -72.2
  elevation: 340
  sand: 66
  clay: 6
  years: 2001-2003
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams:
  gpp: {variance: given}
  lai: {variance: given}
twin:
  truth: {vmax: 5.0e-5, p18: 90}
  noise:
    gpp: {fraction: 0.05, floor: 0.2}
    lai: {fraction: 0.05, floor: 0.1}
calibration:
  method: published
  options: {n_iterations: 6, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}
  blocks:
    - streams: [gpp, lai]
      parameters: [vmax, p18]
"""


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """A run folder that has a configuration and nothing else."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(TWIN)
    return path


@pytest.fixture
def edit():
    """Change a configuration the way a user would."""

    def change(path: Path, old: str, new: str) -> None:
        text = (path / "config.yaml").read_text()
        assert old in text
        (path / "config.yaml").write_text(text.replace(old, new))

    return change


@pytest.fixture
def small_model():
    """Give the linear model itself."""
    return _small_model


def _small_model(forcing, parameters, *, spinup_cycles=10, outputs=("lai", "gpp")):
    """GPP follows warmth and vmax, LAI warmth and 1 / p18; over (sample, time)."""
    warm = np.clip(forcing["tmax"].to_numpy() / 25.0, 0.0, None)
    vmax = np.asarray(parameters.get("vmax", [3e-5]), float)[:, None]
    p18 = np.asarray(parameters.get("p18", [60.0]), float)[:, None]
    series = {"gpp": 2e5 * vmax * warm, "lai": 300.0 / p18 * warm + 0.0 * vmax}
    units = {"gpp": "g m-2 d-1", "lai": "1"}
    shape = np.broadcast_shapes(vmax.shape, p18.shape, warm.shape)
    return xr.Dataset(
        {
            name: (
                ("sample", "time"),
                np.broadcast_to(series[name if name in units else "gpp"], shape),
                {"units": units.get(name, "g m-2 d-1")},
            )
            for name in outputs
        },
        coords={"time": forcing["time"]},
    )


@pytest.fixture
def small_process_model(monkeypatch):
    """Put the linear model in the place of the process model."""
    import ibis_dalec

    def simulate(forcing, parameters, **options):
        one = {name: [value] for name, value in parameters.items()}
        return _small_model(forcing, one, **options).isel(sample=0)

    monkeypatch.setattr(ibis_dalec, "simulate_batch", _small_model)
    monkeypatch.setattr(ibis_dalec, "simulate", simulate)
