"""What a simulation reports: names, units and where they are in a lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.physics.layout import DEAD_POOLS, STATE, columns
from landmodels.errors import InputError


@dataclass(frozen=True)
class Output:
    """One reported variable.

    ``kind`` is "sum" of the month, "mean" of the month, or "point" at its end.
    """

    name: str
    column: int
    units: str
    long_name: str
    kind: str


_C, _N = "g m-2", "g m-2"
_FLUX = "g m-2 month-1"
_WATER = "cm month-1"
_MONTH = (
    ("npp", _FLUX, "net primary productivity, carbon", "sum"),
    ("rh", _FLUX, "heterotrophic respiration, carbon", "sum"),
    ("nep", _FLUX, "net ecosystem productivity, carbon, uptake is positive", "sum"),
    ("stemp", "degC", "temperature of the soil surface", "mean"),
    ("pet", _WATER, "potential evapotranspiration", "sum"),
    ("evap", _WATER, "evaporation of snow, litter and soil", "sum"),
    ("tran", _WATER, "transpiration", "sum"),
    ("runoff", _WATER, "surface runoff", "sum"),
    ("stream_h2o", _WATER, "water to the stream, surface runoff included", "sum"),
    ("stream_minn", _FLUX, "mineral nitrogen to the stream", "sum"),
    ("stream_orgc", _FLUX, "dissolved organic carbon to the stream", "sum"),
    ("stream_orgn", _FLUX, "dissolved organic nitrogen to the stream", "sum"),
    ("defac", "1", "effect of temperature and moisture on decomposition", "mean"),
    ("anerb", "1", "effect of lack of oxygen on decomposition", "mean"),
    ("eprodc", _FLUX, "nitrogen uptake of plants", "sum"),
    ("gromin", _FLUX, "gross nitrogen mineralisation", "sum"),
    ("volgm", _FLUX, "gaseous loss of mineralised nitrogen", "sum"),
    ("volex", _FLUX, "volatilisation of mineral nitrogen", "sum"),
    ("volpl", _FLUX, "nitrogen lost to the air when shoots die", "sum"),
    ("wdfxma", _FLUX, "nitrogen deposition", "sum"),
    ("wdfxms", _FLUX, "nitrogen fixation", "sum"),
    ("clipped_c", _FLUX, "carbon by which fractions out of the active soil pool "
     "passed 1, not removed from it", "sum"),
    ("somsc", _C, "soil organic carbon, active, slow and passive pools", "point"),
    ("somtc", _C, "soil organic carbon and litter in the soil", "point"),
)  # fmt: skip
_FIELD = {"somsc": "soc", "somtc": "soc_total"}
_POINT = (
    ("aglivc", _C, "shoot carbon"), ("stdedc", _C, "standing dead carbon"),
    ("bglivc", _C, "root carbon"), ("aglive", _N, "shoot nitrogen"),
    ("stdede", _N, "standing dead nitrogen"), ("bglive", _N, "root nitrogen"),
    ("crpstg", _N, "nitrogen stored in plants"),
    ("snow", "cm", "water in snow, ice"), ("snlq", "cm", "liquid water in snow"),
    ("avh2o1", "cm", "available water of the layers with roots"),
    ("avh2o3", "cm", "available water of the top two layers"),
    ("rwcf1", "1", "relative water content of the top layer"),
    ("h2ogef", "1", "effect of water on production; outside the growing months the "
     "last value"),
    ("agp", _FLUX, "potential shoot production, carbon; outside the growing months "
     "the last value"),
    ("tgprod", _FLUX, "potential production, carbon; outside the growing months the "
     "last value"),
)  # fmt: skip
_LAYERS = (
    ("strlig", "1", "lignin fraction of structural litter"),
    ("minerl", _N, "mineral nitrogen; the holding tank follows the last layer"),
    ("asmos", "cm", "soil water; the holding tank follows the last layer"),
)
_POOL_NAMES = {"struc": "structural litter", "metab": "metabolic litter",
               "som1": "active pool", "som2": "slow pool",
               "som3": "passive pool"}  # fmt: skip
_DERIVED = {
    "soc": ({"units": _C}, "soil organic carbon, somsc times the depth factor"),
    "et": ({"units": _WATER}, "evapotranspiration"),
}


def _outputs() -> dict[str, Output]:
    table = [
        Output(n, columns(_FIELD.get(n, n))[0], u, text, kind)
        for n, u, text, kind in _MONTH
    ]
    for element, field, word in (
        ("c", "dead_c", "carbon"),
        ("e", "dead_n", "nitrogen"),
    ):
        for (stem, layer), column in zip(DEAD_POOLS, columns(field), strict=True):
            place = {"1": "surface ", "2": "soil ", "": ""}[layer]
            table.append(
                Output(f"{stem}{element}{layer}", column, _C,
                       f"{place}{_POOL_NAMES[stem]}, {word}", "point")
            )  # fmt: skip
    table += [Output(n, columns(n)[0], u, t, "point") for n, u, t in _POINT]
    for name, units, text in _LAYERS:
        for k, column in enumerate(columns(name)):
            table.append(Output(f"{name}{k + 1}", column, units, text, "point"))
    return {output.name: output for output in table}


OUTPUTS = _outputs()


def state_names() -> list[str]:
    """Names of the entries of a state vector."""
    names: list[str] = []
    for name, size in STATE:
        names += [name] if size == 1 else [f"{name}_{k + 1}" for k in range(size)]
    return names


@dataclass(frozen=True)
class Recording:
    """What is asked for, and what the kernel records for it."""

    wanted: tuple[str, ...]
    recorded: tuple[Output, ...]
    final_state: bool

    @classmethod
    def choose(cls, names: object) -> Recording:
        """Pick the variables; ``None`` is all of them and the final state."""
        known = (*OUTPUTS, *_DERIVED)
        if names is None:
            return cls(known, tuple(OUTPUTS.values()), True)
        asked = (names,) if isinstance(names, str) else tuple(names)  # type: ignore[arg-type]
        for name in asked:
            if name not in (*known, "final_state"):
                raise InputError(
                    "outputs", found=repr(name),
                    wanted="any of " + ", ".join((*known, "final_state")),
                )  # fmt: skip
        wanted = tuple(dict.fromkeys(n for n in asked if n != "final_state"))
        needed = list(wanted)
        needed += ["somsc"] if "soc" in wanted else []
        needed += ["evap", "tran"] if "et" in wanted else []
        recorded = tuple(OUTPUTS[n] for n in dict.fromkeys(needed) if n in OUTPUTS)
        return cls(wanted, recorded, "final_state" in asked)

    @property
    def columns(self) -> np.ndarray:
        """Positions of the recorded numbers in a lane."""
        return np.array([o.column for o in self.recorded], dtype=np.int64)

    def arrays(self, out: np.ndarray, depth_factor: float) -> dict[str, np.ndarray]:
        """Name to values (..., slot) from ``out``, (..., slot, column)."""
        found = {o.name: out[..., c] for c, o in enumerate(self.recorded)}
        if "soc" in self.wanted:
            found["soc"] = found["somsc"] * depth_factor
        if "et" in self.wanted:
            found["et"] = found["evap"] + found["tran"]
        return {name: found[name] for name in self.wanted}

    def dataset(
        self, out: np.ndarray, dims: tuple[str, ...], depth_factor: float
    ) -> xr.Dataset:
        """Named variables from ``out``, (..., slot, column)."""
        variables = {}
        for name, values in self.arrays(out, depth_factor).items():
            attrs = _attributes(name)
            if name == "soc":
                attrs["depth_factor"] = depth_factor
            variables[name] = (dims, values, attrs)
        return xr.Dataset(variables)


def _attributes(name: str) -> dict[str, Any]:
    """Unit, meaning and kind of an output."""
    if name in OUTPUTS:
        output = OUTPUTS[name]
        return {"units": output.units, "long_name": output.long_name,
                "cell_methods": f"time: {output.kind}"}  # fmt: skip
    extra, text = _DERIVED[name]
    kind = "point" if name == "soc" else "sum"
    return {**extra, "long_name": text, "cell_methods": f"time: {kind}"}
