"""The names and units in which every reader hands over what a file held.

Readers translate a provider's columns to these, so that one assembly
(``landdata.assemble_forcing``) serves towers, stations and gridded products alike.
Limits catch wrong units and missing-value codes, not unusual weather.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One measured variable: its name, its unit and what it may possibly be."""

    name: str
    units: str
    low: float
    high: float
    long_name: str
    standard_name: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes for an array that holds this variable."""
        attrs = {"units": self.units, "long_name": self.long_name}
        if self.standard_name:
            attrs["standard_name"] = self.standard_name
        return attrs


DAILY: dict[str, Variable] = {
    one.name: one
    for one in (
        Variable(
            "tmin", "degC", -90.0, 60.0, "daily minimum temperature", "air_temperature"
        ),
        Variable(
            "tmax", "degC", -90.0, 60.0, "daily maximum temperature", "air_temperature"
        ),
        # 1825 mm fell on Foc-Foc in a day (WMO record).
        Variable(
            "prec",
            "mm d-1",
            0.0,
            2000.0,
            "precipitation, rain and snow",
            "lwe_precipitation_rate",
        ),
        Variable("wind", "m s-1", 0.0, 75.0, "daily mean wind speed", "wind_speed"),
        Variable(
            "specific_humidity",
            "kg kg-1",
            0.0,
            0.05,
            "daily mean specific humidity",
            "specific_humidity",
        ),
        Variable(
            "pressure",
            "Pa",
            4.0e4,
            1.1e5,
            "pressure at the station, not at sea level",
            "surface_air_pressure",
        ),
        Variable("cloud_cover", "1", 0.0, 1.0, "cloud fraction", "cloud_area_fraction"),
        Variable(
            "co2",
            "ppm",
            100.0,
            3000.0,
            "CO2 mole fraction of dry air",
            "mole_fraction_of_carbon_dioxide_in_air",
        ),
    )
}

SITE: dict[str, Variable] = {
    one.name: one
    for one in (
        Variable("lat", "degrees_north", -90.0, 90.0, "latitude", "latitude"),
        Variable(
            "sand", "%", 0.0, 100.0, "sand, fraction of the mineral soil by weight"
        ),
        Variable(
            "clay", "%", 0.0, 100.0, "clay, fraction of the mineral soil by weight"
        ),
    )
}

DRIVERS = tuple(name for name in DAILY if name != "co2")
"""Daily weather that IBIS-DALEC takes, in the order of its arrays, without CO2."""

RAW: dict[str, Variable] = {
    one.name: one
    for one in (
        DAILY["tmin"],
        DAILY["tmax"],
        DAILY["prec"],
        DAILY["wind"],
        DAILY["pressure"],
        DAILY["co2"],
        Variable(
            "tmean",
            "degC",
            -90.0,
            60.0,
            "daily mean temperature",
            "air_temperature",
        ),
        Variable(
            "shortwave",
            "MJ m-2 d-1",
            0.0,
            50.0,
            "global radiation at the ground, mean of 24 hours",
            "surface_downwelling_shortwave_flux_in_air",
        ),
        Variable(
            "vpd",
            "Pa",
            -100.0,
            12000.0,
            "daily mean vapour pressure deficit",
            "water_vapor_saturation_deficit_in_air",
        ),
        Variable(
            "vapour_pressure",
            "Pa",
            0.0,
            7000.0,
            "daily mean vapour pressure",
            "water_vapor_partial_pressure_in_air",
        ),
        Variable(
            "dew_point",
            "degC",
            -90.0,
            40.0,
            "daily mean dew point",
            "dew_point_temperature",
        ),
        Variable(
            "relative_humidity",
            "%",
            0.0,
            105.0,
            "daily mean relative humidity",
            "relative_humidity",
        ),
        Variable(
            "sea_level_pressure",
            "Pa",
            8.5e4,
            1.1e5,
            "pressure reduced to sea level",
            "air_pressure_at_mean_sea_level",
        ),
        Variable("daylength", "s", 0.0, 86400.0, "length of the day"),
        Variable("swe", "kg m-2", 0.0, 2.0e4, "snow water equivalent"),
    )
}

FLUXES: dict[str, Variable] = {
    one.name: one
    for one in (
        Variable(
            "gpp",
            "g m-2 d-1",
            -30.0,
            60.0,
            "gross primary productivity, carbon",
            "gross_primary_productivity_of_biomass_expressed_as_carbon",
        ),
        Variable("er", "g m-2 d-1", -30.0, 60.0, "ecosystem respiration, carbon"),
        Variable(
            "nee",
            "g m-2 d-1",
            -60.0,
            60.0,
            "net ecosystem exchange, carbon; release to the air is positive",
        ),
        Variable(
            "et",
            "mm d-1",
            -10.0,
            30.0,
            "evapotranspiration",
            "lwe_water_evaporation_rate",
        ),
        Variable("lai", "1", 0.0, 15.0, "leaf area index", "leaf_area_index"),
    )
}
