"""The names and units in which every reader hands over what a file held.

Readers translate a provider's columns to these, so that one assembly
(``site.assemble_forcing``) serves towers, stations and gridded products alike.
Limits catch wrong units and missing-value codes, not unusual weather.
"""

from __future__ import annotations

from ibis_dalec.forcing import DAILY, Driver

RAW: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        DAILY["tmin"],
        DAILY["tmax"],
        DAILY["prec"],
        DAILY["wind"],
        DAILY["pressure"],
        DAILY["co2"],
        Driver(
            "tmean",
            "degC",
            -90.0,
            60.0,
            "daily mean temperature",
            "air_temperature",
        ),
        Driver(
            "shortwave",
            "MJ m-2 d-1",
            0.0,
            50.0,
            "global radiation at the ground, daily sum",
            "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air",
        ),
        Driver(
            "vpd",
            "Pa",
            -100.0,
            12000.0,
            "daily mean vapour pressure deficit",
            "water_vapor_saturation_deficit_in_air",
        ),
        Driver(
            "vapour_pressure",
            "Pa",
            0.0,
            7000.0,
            "daily mean vapour pressure",
            "water_vapor_partial_pressure_in_air",
        ),
        Driver(
            "dew_point",
            "degC",
            -90.0,
            40.0,
            "daily mean dew point",
            "dew_point_temperature",
        ),
        Driver(
            "relative_humidity",
            "%",
            0.0,
            105.0,
            "daily mean relative humidity",
            "relative_humidity",
        ),
        Driver(
            "sea_level_pressure",
            "Pa",
            8.5e4,
            1.1e5,
            "pressure reduced to sea level",
            "air_pressure_at_mean_sea_level",
        ),
        Driver("daylength", "s", 0.0, 86400.0, "length of the day"),
        Driver("swe", "kg m-2", 0.0, 2.0e4, "snow water equivalent"),
    )
}

FLUXES: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver(
            "gpp",
            "g m-2 d-1",
            -30.0,
            60.0,
            "gross primary productivity, carbon",
            "gross_primary_productivity_of_biomass_expressed_as_carbon",
        ),
        Driver("er", "g m-2 d-1", -30.0, 60.0, "ecosystem respiration, carbon"),
        Driver(
            "nee",
            "g m-2 d-1",
            -60.0,
            60.0,
            "net ecosystem exchange, carbon; release to the air is positive",
        ),
        Driver(
            "et",
            "mm d-1",
            -10.0,
            30.0,
            "evapotranspiration",
            "lwe_water_evaporation_rate",
        ),
        Driver("lai", "1", 0.0, 15.0, "leaf area index", "leaf_area_index"),
    )
}
