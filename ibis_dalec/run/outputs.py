"""What a simulation reports: names, units and where they are in the workspace."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.physics.constants import HSOI
from ibis_dalec.physics.soil_carbon import POOLS
from ibis_dalec.physics.time_loop import field_columns
from ibis_dalec.physics.workspace import STATE


@dataclass(frozen=True)
class Output:
    """One reported variable.

    ``kind`` is "sum" or "mean" of the day's hours, or "state" at the end of the
    day ("start" for leaf area, which the physics of the day used).
    """

    name: str
    field: str
    units: str
    long_name: str
    kind: str
    dim: str = ""
    standard_name: str = ""


_FLUX = "g m-2 d-1"
_WATER = "mm d-1"
_CMIP = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to"
_RECORDED = (
    Output("lai", "lai_ground", "1", "leaf area index", "start", "", "leaf_area_index"),
    Output("gpp", "gpp", _FLUX, "gross primary productivity, carbon", "sum", "",
           "gross_primary_productivity_of_biomass_expressed_as_carbon"),
    Output("ra", "ra", _FLUX, "autotrophic respiration, carbon", "sum", "",
           f"{_CMIP}_plant_respiration"),
    Output("rh", "rh", _FLUX, "heterotrophic respiration, carbon", "sum", "",
           f"{_CMIP}_heterotrophic_respiration"),
    Output("et", "et", _WATER, "evapotranspiration", "sum"),
    Output("transpiration", "transpiration", _WATER, "transpiration", "sum"),
    Output("interception_evaporation", "interception_evaporation", _WATER,
           "evaporation of intercepted water", "sum"),
    Output("surface_evaporation", "surface_evaporation", _WATER,
           "evaporation of soil, puddles and snow", "sum"),
    Output("runoff", "runoff", _WATER, "surface runoff", "sum"),
    Output("drainage", "drainage", _WATER, "drainage from the lowest layer", "sum"),
    Output("soil_temperature", "soil_temperature", "K", "soil temperature", "mean",
           "layer", "soil_temperature"),
    Output("soil_moisture", "wsoi", "1",
           "liquid fraction of the ice-free pore space", "state", "layer"),
    Output("soil_ice", "wisoi", "1", "ice fraction of the pore space", "state",
           "layer"),
    Output("soil_water", "soil_water", "mm", "water and ice of all soil layers",
           "state", "", "lwe_thickness_of_soil_moisture_content"),
    Output("soil_water_top", "soil_water_top", "mm",
           "water and ice of the upper soil layer, 0.1 m", "state"),
    Output("snow_water", "swe", "mm", "snow water equivalent", "state", "",
           "lwe_thickness_of_surface_snow_amount"),
    Output("water_storage", "storage", "mm",
           "water in soil, puddles, snow and canopy", "state"),
    Output("clab", "clab", "g m-2", "labile carbon", "state"),
    Output("cf", "cf", "g m-2", "foliage carbon", "state"),
    Output("cr", "cr", "g m-2", "fine root carbon", "state"),
    Output("cw", "cw", "g m-2", "wood carbon", "state"),
    Output("clit", "clit", "g m-2", "litter carbon", "state"),
    Output("csom", "csom", "g m-2", "soil organic carbon", "state"),
    Output("gdd", "gdd", "degC d", "growing degree days", "state"),
    Output("leaf_fall", "multtf", "1", "leaf-fall switch", "state"),
    Output("leaf_growth", "multtl", "1", "leaf-growth switch", "state"),
    Output("net_assimilation", "net_assimilation", _FLUX,
           "canopy net assimilation, carbon", "sum"),
    Output("sw_in", "sw_in", "W m-2", "solar radiation", "mean", "",
           "surface_downwelling_shortwave_flux_in_air"),
    Output("sw_net", "sw_net", "W m-2", "absorbed solar radiation", "mean", "",
           "surface_net_downward_shortwave_flux"),
    Output("lw_in", "lw_in", "W m-2", "downward infrared", "mean", "",
           "surface_downwelling_longwave_flux_in_air"),
    Output("lw_out", "lw_out", "W m-2", "upward infrared", "mean", "",
           "surface_upwelling_longwave_flux_in_air"),
    Output("sensible_heat", "sensible", "W m-2", "sensible heat, positive upward",
           "mean", "", "surface_upward_sensible_heat_flux"),
    Output("latent_heat", "latent", "W m-2",
           "latent heat of the energy balance, sublimation included, positive upward",
           "mean", "", "surface_upward_latent_heat_flux"),
    Output("ground_heat", "ground_heat", "W m-2",
           "heat into the soil, or the snow on it", "mean", "",
           "downward_heat_flux_at_ground_level_in_soil"),
    Output("skin_temperature", "skin_temperature", "K",
           "temperature of the emitted infrared", "mean", "", "surface_temperature"),
    Output("leaf_temperature", "leaf_temperature", "K", "leaf temperature", "mean"),
    Output("moisture_stress", "moisture_stress", "1",
           "soil moisture stress, 1 is none", "mean"),
    Output("canopy_adjust", "canopy_adjust", _WATER,
           "canopy water lost with leaf area at midnight", "sum"),
    Output("soil_adjust", "gadjust", _WATER,
           "water created by resetting impossible soil states", "sum"),
    Output("soil_shortfall", "soil_shortfall", _WATER,
           "evaporation and transpiration that no store of a dry soil gave", "sum"),
    Output("mix_loss", "mix_loss", _WATER, "traces of water dropped when mixed", "sum"),
    Output("evaporation_mismatch", "evaporation_mismatch", _WATER,
           "sum of the parts of evapotranspiration minus it", "sum"),
)  # fmt: skip
_IBIS_SOIL = (
    Output("rh", "rh_soilc", _FLUX, "heterotrophic respiration, IBIS pools", "sum"),
    Output("soil_carbon", "soilc", "kg m-2", "IBIS soil carbon pools", "state", "pool"),
    Output("leaching", "leaching", _FLUX, "carbon leached from the IBIS pools", "sum"),
    Output("litter_leaf", "litter_leaf", _FLUX, "leaf litter", "sum"),
    Output("litter_root", "litter_root", _FLUX, "root litter", "sum"),
    Output("litter_wood", "litter_wood", _FLUX, "wood litter", "sum"),
    Output("decomposition_surface", "decompl_sum", "1",
           "decomposition factor of surface litter", "mean"),
    Output("decomposition_soil", "decomps_sum", "1",
           "decomposition factor of the soil", "mean"),
)  # fmt: skip
_NPP_IBIS = Output("npp_ibis", "npp_ibis", _FLUX, "net primary productivity", "sum")
DERIVED = ("er", "nee")
_DERIVED_ATTRS = {
    "er": {"units": _FLUX, "long_name": "ecosystem respiration, carbon"},
    "nee": {
        "units": _FLUX,
        "long_name": "net ecosystem exchange, carbon",
        "comment": "er - gpp; release to the atmosphere is positive",
        "positive": "up",
    },
}


@dataclass(frozen=True)
class Options:
    """Choices of the carbon part: see :func:`ibis_dalec.simulate`."""

    soil_carbon: str = "dalec"
    respiration: str = "dalec"
    turnover: str = "M1"

    def __post_init__(self) -> None:
        """Refuse a choice that does not exist."""
        for name, allowed in (
            ("soil_carbon", ("dalec", "ibis")),
            ("respiration", ("dalec", "ibis")),
            ("turnover", ("M1", "M2")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(
                    name, found=repr(value), wanted=" or ".join(map(repr, allowed))
                )


def available(options: Options) -> dict[str, Output]:
    """Variables recorded under these options, by name."""
    table = {output.name: output for output in _RECORDED}
    if options.soil_carbon == "ibis":
        table.update({output.name: output for output in _IBIS_SOIL})
    if options.respiration == "ibis":
        table["npp_ibis"] = _NPP_IBIS
    return table


@dataclass(frozen=True)
class Recording:
    """What is asked for and what the kernel must record for it."""

    wanted: tuple[str, ...]
    recorded: tuple[Output, ...]
    options: Options
    final_state: bool

    @classmethod
    def choose(cls, names: object, options: Options) -> "Recording":
        """Pick the variables; ``None`` is all of them and the final state."""
        table = available(options)
        if names is None:
            wanted = (*table, *DERIVED)
            final_state = True
        else:
            asked = (names,) if isinstance(names, str) else tuple(names)  # type: ignore[arg-type]
            unknown = [n for n in asked if n not in (*table, *DERIVED, "final_state")]
            if unknown:
                raise InputError(
                    "outputs",
                    found=f"{unknown[0]!r}",
                    wanted="any of " + ", ".join((*table, *DERIVED, "final_state")),
                )
            wanted = tuple(n for n in asked if n != "final_state")
            final_state = "final_state" in asked
        needed = list(wanted)
        if {"er", "nee"} & set(wanted):
            needed += ["gpp", "ra", "rh"]
        if options.respiration == "ibis" and "ra" in needed:
            needed += ["gpp", "npp_ibis"]
        recorded = tuple(table[n] for n in dict.fromkeys(needed) if n in table)
        return cls(wanted, recorded, options, final_state)

    @property
    def uses_soil_carbon(self) -> bool:
        """Whether the IBIS pools must be run for what is asked."""
        names = {output.name for output in _IBIS_SOIL}
        asked = {output.name for output in self.recorded} & names
        return self.options.soil_carbon == "ibis" and (self.final_state or bool(asked))

    @property
    def uses_ibis_respiration(self) -> bool:
        """Whether IBIS respiration must be run for what is asked."""
        return any(output.name == "npp_ibis" for output in self.recorded)

    def columns(self, dtype: np.dtype) -> np.ndarray:
        """Positions of the recorded fields in the flat view of a workspace."""
        columns: list[int] = []
        for output in self.recorded:
            columns += field_columns(dtype, output.field)
        return np.array(columns, dtype=np.int64)

    def dataset(self, out: np.ndarray, lead: str, time: xr.DataArray) -> xr.Dataset:
        """Named variables from ``out``, (lead, column, time)."""
        arrays: dict[str, np.ndarray] = {}
        at = 0
        for output in self.recorded:
            layers = {"layer": len(HSOI), "pool": len(POOLS)}.get(output.dim, 1)
            block = out[:, at : at + layers]
            arrays[output.name] = block if output.dim else block[:, 0]
            at += layers
        if self.options.respiration == "ibis" and "npp_ibis" in arrays:
            arrays["ra"] = arrays["gpp"] - arrays["npp_ibis"]
        if {"er", "nee"} & set(self.wanted):
            arrays["er"] = arrays["ra"] + arrays["rh"]
            arrays["nee"] = arrays["er"] - arrays["gpp"]
        table = available(self.options)
        variables: dict[str, tuple] = {}
        for name in self.wanted:
            values = arrays[name]
            if name in DERIVED:
                variables[name] = ((lead, time.dims[0]), values, _DERIVED_ATTRS[name])
                continue
            output = table[name]
            attrs = {"units": output.units, "long_name": output.long_name}
            if output.standard_name:
                attrs["standard_name"] = output.standard_name
            method = {"sum": "time: mean", "mean": "time: mean", "state": "time: point"}
            if output.kind in method:
                attrs["cell_methods"] = method[output.kind]
            if output.dim:
                values = np.moveaxis(values, 1, 2)
                layered = (lead, time.dims[0], output.dim)
                variables[name] = (layered, values, attrs)
            else:
                variables[name] = ((lead, time.dims[0]), values, attrs)
        dataset = xr.Dataset(variables, coords={time.dims[0]: time})
        if "layer" in dataset.dims:
            bottom = np.cumsum(HSOI)
            dataset = dataset.assign_coords(
                depth=("layer", bottom - 0.5 * np.array(HSOI),
                       {"units": "m", "long_name": "depth of the layer's middle",
                        "positive": "down"})
            )  # fmt: skip
        if "pool" in dataset.dims:
            dataset = dataset.assign_coords(pool=list(POOLS))
        return dataset


def state_names() -> list[str]:
    """Names of the entries of a state vector, layers numbered from the top.

    Examples
    --------
    >>> from ibis_dalec import state_names
    >>> names = state_names()
    >>> len(names) == len(set(names))
    True
    """
    names: list[str] = []
    for name, layers, _unit, _meaning in STATE:
        names += [name] if layers == 1 else [f"{name}_{k + 1}" for k in range(layers)]
    return names


def read_state(record: np.void) -> np.ndarray:
    """State of all lanes, (lane, state)."""
    rows = [np.atleast_2d(record[name]) for name, *_ in STATE]
    return np.concatenate(rows).T.copy()


def write_state(record: np.void, state: np.ndarray) -> None:
    """Set the state of all lanes from ``state``, (lane, state)."""
    at = 0
    for name, layers, _unit, _meaning in STATE:
        block = state[:, at : at + layers].T
        record[name][...] = block if layers > 1 else block[0]
        at += layers
