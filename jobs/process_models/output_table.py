"""Outputs of this project's models in the names, units and signs of other formats.

One table feeds every writer. After the protocol of CalLMIP Phase 1 (version 2), the
tables of CMIP6 and the standard of PEcAn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

_DAY = 1.0 / 86400.0  # per day to per second; 1 mm is 1 kg m-2
_GRAM = 1.0e-3  # g to kg
_FLUX = _GRAM * _DAY

WOOD_ABOVE_GROUND = 0.8
"""Share of wood above ground; 0.26 of root to shoot is the mean of forests (Cairns et
al. 1997, Oecologia 111, 1-11)."""

UNITS = {
    "gpp": "g m-2 d-1",
    "er": "g m-2 d-1",
    "nee": "g m-2 d-1",
    "ra": "g m-2 d-1",
    "rh": "g m-2 d-1",
    "lai": "1",
    "et": "mm d-1",
    "transpiration": "mm d-1",
    "surface_evaporation": "mm d-1",
    "runoff": "mm d-1",
    "drainage": "mm d-1",
    "sensible_heat": "W m-2",
    "latent_heat": "W m-2",
    "ground_heat": "W m-2",
    "skin_temperature": "K",
    "soil_water": "mm",
    "soil_water_top": "mm",
    "snow_water": "mm",
    "clab": "g m-2",
    "cf": "g m-2",
    "cr": "g m-2",
    "cw": "g m-2",
    "clit": "g m-2",
    "csom": "g m-2",
}
"""Units of the models' own outputs; nee is positive for release, ground heat into the
ground."""


@dataclass(frozen=True)
class Target:
    """A variable of a format, as a weighted sum of outputs.

    Attributes
    ----------
    parts : mapping
        Weight of each output; in it are unit and sign.
    units : str
        As the format spells them.
    long_name : str
        What it is.
    positive : str
        "up", "down", or empty for what is no flux.
    standard_name : str
        Of the CF conventions; empty where there is none.
    cell_methods : str
        Whether a mean of the day or a state at its end.
    """

    parts: Mapping[str, float]
    units: str
    long_name: str
    positive: str = ""
    standard_name: str = ""
    cell_methods: str = "time: mean"

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the variable in a file."""
        found = {
            "units": self.units,
            "long_name": self.long_name,
            "positive": self.positive,
            "standard_name": self.standard_name,
            "cell_methods": self.cell_methods,
        }
        return {key: value for key, value in found.items() if value}

    def of(self, simulated: xr.Dataset) -> xr.DataArray:
        """Return the variable from a simulation.

        Parameters
        ----------
        simulated : xarray.Dataset
            The outputs among ``parts``, over any dimensions, in `UNITS`.

        Raises
        ------
        ValueError
            If an output is absent or has another unit.

        Examples
        --------
        >>> import xarray as xr
        >>> nee = xr.DataArray([-8.64], dims="time", attrs={"units": "g m-2 d-1"})
        >>> nep = CALLMIP["nep"].of(nee.to_dataset(name="nee"))
        >>> f"{nep[0]:.2e}", nep.units
        ('1.00e-07', 'kgC m-2 s-1')
        """
        for name in self.parts:
            found = simulated[name].attrs.get("units") if name in simulated else None
            if found != UNITS[name]:
                raise ValueError(
                    f"output {name}: found {found!r}, wanted {UNITS[name]!r}"
                )
        terms = [weight * simulated[name] for name, weight in self.parts.items()]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total.assign_attrs(self.attrs)


_CO2 = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to"
_NEP = (
    "surface_net_downward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_all_"
    "land_processes_excluding_anthropogenic_land_use_change"
)
_GPP = "gross_primary_productivity_of_biomass_expressed_as_carbon"
_STATE = "time: point"

_HFLS = Target(
    {"latent_heat": 1.0}, "W m-2", "latent heat flux, sublimation included", "up",
    "surface_upward_latent_heat_flux",
)  # fmt: skip
_TS = Target(
    {"skin_temperature": 1.0}, "K", "skin temperature, of the emitted infrared", "",
    "surface_temperature",
)  # fmt: skip
_MRSO = Target(
    {"soil_water": 1.0}, "kg m-2", "water and ice of all soil layers", "",
    "mass_content_of_water_in_soil", _STATE,
)  # fmt: skip
_MRSOS = Target(
    {"soil_water_top": 1.0}, "kg m-2", "water and ice of the upper 0.1 m of soil", "",
    "mass_content_of_water_in_soil_layer", _STATE,
)  # fmt: skip

CALLMIP = {
    "nep": Target(
        {"nee": -_FLUX}, "kgC m-2 s-1", "net ecosystem production", "down", _NEP
    ),
    "gpp": Target({"gpp": _FLUX}, "kgC m-2 s-1", "gross primary production", "", _GPP),
    "reco": Target({"er": _FLUX}, "kgC m-2 s-1", "ecosystem respiration", "up"),
    "hfss": Target(
        {"sensible_heat": 1.0},
        "W m-2",
        "sensible heat flux",
        "up",
        "surface_upward_sensible_heat_flux",
    ),
    "hfls": _HFLS,
    "hfg": Target(
        {"ground_heat": 1.0}, "W m-2", "heat into the soil, or the snow on it", "down",
        "downward_heat_flux_at_ground_level_in_soil",
    ),
    "ts": _TS,
    "mrso": _MRSO,
    "mrsos": _MRSOS,
    "tran": Target(
        {"transpiration": _DAY},
        "kg m-2 s-1",
        "transpiration",
        "up",
        "transpiration_flux",
    ),
    "evspsblsoi": Target(
        {"surface_evaporation": _DAY},
        "kg m-2 s-1",
        "evaporation of soil, puddles and snow",
        "up",
    ),
    "lai": Target(
        {"lai": 1.0}, "1", "leaf area index at the start of the day", "",
        "leaf_area_index", _STATE,
    ),
    "cLiveBioAbove": Target(
        {"cf": _GRAM, "cw": WOOD_ABOVE_GROUND * _GRAM},
        "kg m-2",
        f"leaf carbon and {WOOD_ABOVE_GROUND:g} of wood carbon at the end of the day; "
        "without labile carbon",
        cell_methods=_STATE,
    ),
    "cSoil": Target(
        {"csom": _GRAM},
        "kg m-2",
        "soil organic carbon at the end of the day; without litter",
        "",
        "soil_mass_content_of_carbon",
        _STATE,
    ),
}  # fmt: skip

CMIP = {
    "nep": Target(
        {"nee": -_FLUX}, "kg m-2 s-1", "net ecosystem production", "down", _NEP
    ),
    "gpp": Target({"gpp": _FLUX}, "kg m-2 s-1", "gross primary production", "", _GPP),
    "ra": Target(
        {"ra": _FLUX}, "kg m-2 s-1", "autotrophic respiration", "up",
        f"{_CO2}_plant_respiration",
    ),
    "rh": Target(
        {"rh": _FLUX}, "kg m-2 s-1", "heterotrophic respiration", "up",
        f"{_CO2}_heterotrophic_respiration",
    ),
    "lai": Target(
        {"lai": 1.0}, "1", "leaf area index", "", "leaf_area_index", _STATE
    ),
    "evspsbl": Target(
        {"et": _DAY}, "kg m-2 s-1", "evapotranspiration", "up",
        "water_evapotranspiration_flux",
    ),
    "tran": Target(
        {"transpiration": _DAY}, "kg m-2 s-1", "transpiration", "up",
        "transpiration_flux",
    ),
    "hfss": Target(
        {"sensible_heat": 1.0}, "W m-2", "sensible heat flux", "up",
        "surface_upward_sensible_heat_flux",
    ),
    "hfls": _HFLS,
    "ts": _TS,
    "mrso": _MRSO,
    "mrsos": _MRSOS,
    "snw": Target(
        {"snow_water": 1.0}, "kg m-2", "snow water equivalent", "",
        "surface_snow_amount", _STATE,
    ),
    "mrro": Target(
        {"runoff": _DAY, "drainage": _DAY}, "kg m-2 s-1", "runoff and drainage", "",
        "runoff_flux",
    ),
    "cVeg": Target(
        {"clab": _GRAM, "cf": _GRAM, "cr": _GRAM, "cw": _GRAM}, "kg m-2",
        "carbon of vegetation", "", "vegetation_carbon_content", _STATE,
    ),
    "cLeaf": Target(
        {"cf": _GRAM}, "kg m-2", "leaf carbon", "", "leaf_mass_content_of_carbon",
        _STATE,
    ),
    "cRoot": Target(
        {"cr": _GRAM}, "kg m-2", "root carbon", "", "root_mass_content_of_carbon",
        _STATE,
    ),
    "cWood": Target(
        {"cw": _GRAM}, "kg m-2", "wood carbon", "", "stem_mass_content_of_carbon",
        _STATE,
    ),
    "cLitter": Target(
        {"clit": _GRAM}, "kg m-2", "litter carbon", "",
        "litter_mass_content_of_carbon", _STATE,
    ),
    "cSoil": Target(
        {"csom": _GRAM}, "kg m-2", "soil carbon", "", "soil_mass_content_of_carbon",
        _STATE,
    ),
}  # fmt: skip

PECAN = {
    "NEE": Target({"nee": _FLUX}, "kg C m-2 s-1", "net ecosystem exchange", "up"),
    "GPP": Target({"gpp": _FLUX}, "kg C m-2 s-1", "gross primary production", "", _GPP),
    "TotalResp": Target({"er": _FLUX}, "kg C m-2 s-1", "total respiration", "up"),
    "AutoResp": Target({"ra": _FLUX}, "kg C m-2 s-1", "autotrophic respiration", "up"),
    "HeteroResp": Target(
        {"rh": _FLUX}, "kg C m-2 s-1", "heterotrophic respiration", "up"
    ),
    "LAI": Target({"lai": 1.0}, "m2 m-2", "leaf area index", cell_methods=_STATE),
    "Evap": Target({"et": _DAY}, "kg m-2 s-1", "evapotranspiration", "up"),
    "Transp": Target({"transpiration": _DAY}, "kg m-2 s-1", "transpiration", "up"),
    "Qh": Target({"sensible_heat": 1.0}, "W m-2", "sensible heat flux", "up"),
    "Qle": Target({"latent_heat": 1.0}, "W m-2", "latent heat flux", "up"),
    "SWE": Target(
        {"snow_water": 1.0}, "kg m-2", "snow water equivalent", cell_methods=_STATE
    ),
    "TotSoilCarb": Target(
        {"clit": _GRAM, "csom": _GRAM}, "kg C m-2", "soil and litter carbon",
        cell_methods=_STATE,
    ),
}  # fmt: skip

EFI = {
    # CF has no standard name for NEE; its sign must not be inferred.
    "nee": Target({"nee": _FLUX}, "kg m-2 s-1", "net ecosystem exchange", "up"),
    "reco": Target({"er": _FLUX}, "kg m-2 s-1", "ecosystem respiration", "up"),
    **{
        name: CMIP[name]
        for name in ("gpp", "lai", "evspsbl", "hfls", "hfss", "mrso", "cVeg", "cSoil")
    },
}

CMIP_TABLES = {
    **dict.fromkeys(CMIP, "Lmon"),
    **dict.fromkeys(("nep", "cWood", "cSoil"), "Emon"),
    **dict.fromkeys(("evspsbl", "hfss", "hfls", "ts"), "Amon"),
    "snw": "LImon",
}
"""The monthly table of CMIP6 that a variable is in."""

FORMATS = {"callmip": CALLMIP, "cmip": CMIP, "pecan": PECAN, "efi": EFI}
"""The table: format, name, target."""
