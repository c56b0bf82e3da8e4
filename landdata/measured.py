"""What towers and satellites measure beside the model's own streams: units, limits."""

from __future__ import annotations

from dataclasses import replace

from landdata.variables import Variable

MEASURED: dict[str, Variable] = {
    driver.name: driver
    for driver in (
        Variable("swc", "%", 0.0, 100.0, "soil water content, fraction of the volume"),
        Variable(
            "fapar",
            "1",
            0.0,
            1.0,
            "absorbed fraction of photosynthetically active radiation",
            "fraction_of_surface_downwelling_photosynthetic_radiative_flux_absorbed_by"
            "_vegetation",
        ),
        Variable("ndvi", "1", -1.0, 1.0, "normalised difference vegetation index",
               "normalized_difference_vegetation_index"),
        # Noise goes below zero: -0.3 is met, and no error.
        Variable("sif", "mW m-2 sr-1 nm-1", -5.0, 10.0,
               "solar-induced chlorophyll fluorescence, daily mean"),
        Variable("latent_heat", "W m-2", -300.0, 1000.0, "latent heat flux, upward",
               "surface_upward_latent_heat_flux"),
        Variable("sensible_heat", "W m-2", -500.0, 1000.0,
               "sensible heat flux, upward", "surface_upward_sensible_heat_flux"),
    )
}  # fmt: skip


def spread_of(driver: Variable, suffix: str = "sd") -> Variable:
    """The standard deviation of a variable, as a variable of its own."""
    return replace(
        driver,
        name=f"{driver.name}_{suffix}",
        low=0.0,
        long_name=f"standard deviation of {driver.long_name}",
        standard_name="",
    )
