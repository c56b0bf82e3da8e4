"""What a simulation reports: names, units and where they are in the kernel."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.options import Options
from landmodels.sipnet.physics.records import FLUXES, STATE


@dataclass(frozen=True)
class Output:
    """One reported variable: a field of the fluxes or of the state."""

    name: str
    field: str
    units: str
    long_name: str
    standard_name: str = ""
    state: bool = False

    @property
    def column(self) -> int:
        """Number of the field for the kernel."""
        if self.state:
            return len(FLUXES) + STATE.index(self.field)
        return FLUXES.index(self.field)

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes of the variable."""
        attrs = {"units": self.units, "long_name": self.long_name}
        if self.standard_name:
            attrs["standard_name"] = self.standard_name
        if self.name == "nee":
            attrs["comment"] = "er - gpp; release to the atmosphere is positive"
        return attrs


def _flux(name: str, meaning: str, field: str = "") -> Output:
    return Output(name, field or name, "g m-2", f"{meaning}, carbon, sum of the step")


def _water(name: str, meaning: str) -> Output:
    return Output(name, f"out_{name}", "cm", f"{meaning}, sum of the step")


def _pool(name: str, field: str, meaning: str, units: str = "g m-2") -> Output:
    carbon = ", carbon" if units == "g m-2" else ""
    return Output(name, field, units, meaning + carbon, state=True)


#: All variables. Fluxes are amounts of the step, pools are at its end.
OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        _flux("nee", "net ecosystem exchange"),
        _flux("gpp", "gross primary production"),
        _flux("ra", "autotrophic respiration"),
        _flux("rh", "heterotrophic respiration"),
        _flux("er", "ecosystem respiration"),
        _flux("npp", "net primary production"),
        _flux("methane", "methane emission"),
        _flux("above_ground_respiration", "respiration of leaves, wood and growth",
              "above_respiration"),
        _flux("soil_respiration", "respiration of soil, litter and roots",
              "total_soil_respiration"),
        Output("et", "et", "cm", "evapotranspiration, sum of the step"),
        _water("transpiration", "transpiration"),
        _water("interception", "evaporation of intercepted rain"),
        _water("evaporation", "evaporation of the soil"),
        _water("sublimation", "sublimation of snow"),
        _water("drainage", "drainage"),
        _water("fast_flow", "fast flow"),
        _water("melt", "snow melt"),
        _water("rain", "rain"),
        _water("snowfall", "snowfall"),
        Output("irrigation", "irrigation", "cm", "irrigation, sum of the step"),
        Output("lai", "lai", "1", "leaf area index", "leaf_area_index"),
        Output("above_ground_wood", "above_ground_wood", "g m-2",
               "wood with unallocated carbon, carbon"),
        Output("above_ground_biomass", "above_ground_biomass", "g m-2",
               "above-ground wood and leaves, carbon"),
        Output("soil_carbon", "total_soil_carbon", "g m-2",
               "soil and litter, carbon"),
        _pool("wood", "wood", "wood already allocated"),
        _pool("unallocated", "unallocated", "net assimilation not yet allocated"),
        _pool("leaf", "leaf", "leaves"),
        _pool("coarse_root", "coarse_root", "coarse roots"),
        _pool("fine_root", "fine_root", "fine roots"),
        _pool("soil", "soil", "soil"),
        _pool("litter", "litter", "litter"),
        _pool("soil_water", "water", "soil water", "cm"),
        _pool("snow", "snow", "snow water equivalent", "cm"),
        Output("soil_wetness", "wetness", "1",
               "mean soil water of the step as a fraction of its capacity"),
        Output("mean_npp", "mean_npp", "g m-2 d-1",
               "net primary production that the step allocates, carbon"),
        _pool("leaf_on", "leaf_on", "leaf-on of the year is done", "1"),
        _pool("leaf_off", "leaf_off", "leaf-off of the year is done", "1"),
        _pool("degree_days", "degree_days", "degree days of the year", "degC d"),
        _pool("tillage", "tillage", "effect of tillage on decomposition", "1"),
        Output("alive", "alive", "1", "the plant is alive at the end of the step"),
        _flux("event_carbon_input", "planting and organic fertiliser", "event_input"),
        _flux("event_carbon_export", "harvest taken away", "event_export"),
        _flux("clamp_carbon", "gain where a negative pool was made zero"),
        Output("clamp_water", "clamp_water", "cm",
               "gain where negative water was made zero, less traces of snow dropped"),
        _flux("legacy_carbon", "carbon that the legacy variant creates"),
    )
}  # fmt: skip


def choose_outputs(names: Sequence[str] | None) -> list[Output]:
    """The variables asked for; all by default.

    Raises
    ------
    InputError
        If a name is unknown, or the outputs are not a sequence of names.
    """
    if names is None:
        return list(OUTPUTS.values())
    if isinstance(names, str):
        raise InputError(
            "outputs", found=repr(names), wanted=f"a list of names, such as [{names!r}]"
        )
    chosen = []
    for name in dict.fromkeys(names):
        if name == "final_state":  # always there
            continue
        if name not in OUTPUTS:
            close = difflib.get_close_matches(str(name), list(OUTPUTS), 1)
            raise InputError(
                f"outputs.{name}", found="a variable that the model does not have",
                wanted="any of " + ", ".join(OUTPUTS),
                hint=f"Did you mean {close[0]!r}?" if close else None,
            )  # fmt: skip
        chosen.append(OUTPUTS[name])
    return chosen


def idle_outputs(options: Options, *, events: bool, tilled: bool) -> set[str]:
    """Names of the variables that are zero throughout a run, whatever happens.

    ``events`` says whether the run has any, ``tilled`` whether a state that it
    continues has. They need no place in the kernel's output, which takes as long to
    write as a step takes to compute.
    """
    idle = set()
    if not options.anaerobic:
        idle |= {"methane"}
    if not options.litter_pool:
        idle |= {"litter"}
    if options.legacy:
        idle |= {"unallocated"}
    else:
        idle |= {"legacy_carbon"}
    if not events:
        idle |= {"irrigation", "event_carbon_input", "event_carbon_export"}
        idle |= set() if tilled else {"tillage"}
    return idle


def columns(outputs: Sequence[Output]) -> np.ndarray:
    """Numbers of the variables for the kernel."""
    return np.array([output.column for output in outputs], dtype=np.int64)
