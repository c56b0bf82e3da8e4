"""Adapter of a user's own program, in any language.

Each run of the program has a fresh folder. In it are ``parameters.csv`` (columns
``parameter, value``) and ``drivers.csv`` (``date`` and one column for each daily
variable). The program writes ``output.csv``: ``date`` and one column for each output.
A program that exits with another code than 0, or whose output cannot be read, has a
failed run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Output, Parameter, Settings
from jobs.process_models.parameter_table import unit_of
from jobs.process_models.pixel_loop import run_places
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

_OPTIONS = {
    "command": "a list: the program and its arguments",
    "parameters": "a CSV: id, default, min, max, unit, description",
    "outputs": "a mapping of output to unit",
    "seconds": "the longest time of a run",
}


class Executable:
    """The contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Options ``command``, ``parameters``, ``outputs`` and, optionally,
        ``seconds``. Paths are relative to the configuration.
    """

    name = "executable"
    title = "the program"
    spinup_cycles = 0

    def __init__(self, settings: Settings):
        refuse_options(self.name, settings, _OPTIONS)
        options = settings.options
        for key in ("command", "parameters", "outputs"):
            if key not in options:
                raise _problem(key, "nothing", _OPTIONS[key])
        command = options["command"]
        if not isinstance(command, list) or not command:
            raise _problem("command", repr(command), _OPTIONS["command"])
        program = settings.folder / str(command[0])
        first = str(program.resolve()) if program.is_file() else str(command[0])
        self._command = (first, *map(str, command[1:]))
        if not isinstance(options["outputs"], dict) or not options["outputs"]:
            raise _problem("outputs", repr(options["outputs"]), _OPTIONS["outputs"])
        self._outputs = {str(k): Output(str(v)) for k, v in options["outputs"].items()}
        path = settings.folder / str(options["parameters"])
        self._parameters = _read_parameters(path)
        seconds = options.get("seconds")
        self._seconds = None if seconds is None else float(seconds)

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every row of the user's table."""
        return self._parameters

    @property
    def outputs(self) -> Mapping[str, Output]:
        """What the user says that the program writes."""
        return self._outputs

    @property
    def saved(self) -> tuple[str, ...]:
        """All outputs."""
        return tuple(self._outputs)

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Return all that is known of the weather; the program knows what it needs.

        Beside what was measured these are humidity, pressure and cloud cover, where
        they can be made of it.
        """
        from landdata import with_drivers

        return with_drivers(weather, where, required=False)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the program at one place, as ``masm.calibrate`` calls it."""
        units = {name: self._outputs[name].unit for name in outputs}
        return CalibrationModel(self._command, drivers, units, years, self._seconds)

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Run the program once; parameters that are not given have their default."""
        values = {name: row.default for name, row in self._parameters.items()}
        one = {n: np.array([v]) for n, v in (values | dict(parameters)).items()}
        every = slice(None, None)
        found = self.calibration_model(drivers, self.saved, every).run(one)
        return found

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Run the program for each place; outputs it does not have are NaN."""

        def one(place: xr.Dataset, where: str, given: dict[str, float]) -> xr.Dataset:
            return self.simulate(self.drivers(place, where), given)

        yield from run_places(weather, parameters, outputs, chunk, one)

    def warm_up(self) -> None:
        """Nothing of ours is compiled."""


@dataclass(frozen=True)
class CalibrationModel:
    """A user's program at one place.

    Attributes
    ----------
    command : tuple of str
        The program and its arguments.
    drivers : xarray.Dataset
        Daily weather of the run.
    units : mapping
        Output to unit.
    years : slice
        Of ``time``, the days wanted.
    seconds : float, optional
        The longest time of a run.
    """

    command: tuple[str, ...]
    drivers: xr.Dataset
    units: Mapping[str, str]
    years: slice
    seconds: float | None

    def __call__(self, theta: Any) -> xr.Dataset:
        """Run the program for one parameter set; outputs over (time,)."""
        return self.run(dict(theta))

    def run(self, theta: Mapping[str, Any]) -> xr.Dataset:
        """Run the program for one parameter set; outputs over (time,)."""
        import masm

        program = masm.Executable(
            self.command, self._write, self._read, timeout=self.seconds
        )
        values = np.array([[float(np.ravel(v)[0]) for v in theta.values()]])
        found: xr.Dataset = program(masm.Samples(values, tuple(theta)))
        return found.sel(time=self.years)

    def _write(self, folder: Path, parameters: dict[str, float]) -> None:
        import pandas as pd

        rows = {"parameter": list(parameters), "value": list(parameters.values())}
        pd.DataFrame(rows).to_csv(
            folder / "parameters.csv", index=False, float_format="%.17g"
        )
        daily = {
            str(name): values.to_numpy()
            for name, values in self.drivers.data_vars.items()
            if values.dims == ("time",)
        }
        dates = self.drivers["time"].to_numpy().astype("datetime64[D]").astype(str)
        table = pd.DataFrame({"date": dates, **daily})
        table.to_csv(folder / "drivers.csv", index=False, float_format="%.10g")

    def _read(self, folder: Path) -> xr.Dataset:
        import pandas as pd
        import xarray as xr

        table = pd.read_csv(folder / "output.csv")
        wanted = ["date", *self.units]
        missing = [name for name in wanted if name not in table]
        if missing:
            raise ValueError(f"output.csv has no column {', '.join(missing)}")
        time = pd.to_datetime(table["date"], format="%Y-%m-%d").to_numpy()
        return xr.Dataset(
            {
                name: ("time", table[name].to_numpy(float), {"units": unit})
                for name, unit in self.units.items()
            },
            coords={"time": time.astype("datetime64[ns]")},
        )


def _read_parameters(path: Path) -> dict[str, Parameter]:
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as exc:
        raise _problem("parameters", f"{path}: {exc}", _OPTIONS["parameters"]) from exc
    needed = ["id", "default", "min", "max"]
    missing = [name for name in needed if name not in table]
    if missing:
        raise _problem(
            "parameters",
            f"{path} without a column {', '.join(missing)}",
            _OPTIONS["parameters"],
        )
    found = {}
    for line, row in enumerate(table.itertuples(index=False), start=2):
        name = str(row.id)
        low, high, default = (float(str(v)) for v in (row.min, row.max, row.default))
        if not low < high or not low <= default <= high or name in found:
            raise _problem(
                "parameters",
                f"{path}:{line} {name}: {low:g}, {default:g}, {high:g}",
                "each id once, with min < max and the default between them",
            )
        unit, words = getattr(row, "unit", "1"), getattr(row, "description", "")
        found[name] = Parameter(
            default,
            low,
            high,
            "1" if pd.isna(unit) else unit_of(unit),
            "" if pd.isna(words) else str(words),
        )
    if not found:
        raise _problem("parameters", f"{path} without a row", "at least one parameter")
    return found


def _problem(key: str, found: str, wanted: str) -> ConfigError:
    return ConfigError(
        Problem("config.yaml", f"model.options.{key}", found=found, wanted=wanted)
    )
