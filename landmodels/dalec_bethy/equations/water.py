"""The daily water balance of a tile (ours, on parts of BETHY)."""

from landmodels.dalec_bethy.equations.smooth import bounded, positive_part


def _canopy(m, lai, store, rain, potential):
    """Intercepted water (mm): what is left of it, what evaporated, what dripped."""
    cover = 1.0 - m.exp(-0.5 * lai)
    capacity = 0.2 * lai + 0.01
    wet = store + cover * rain
    held = bounded(m, capacity, wet, 0.0)
    evaporated = bounded(m, held, cover * potential, 1e-3)
    return held - evaporated, evaporated, wet - held, cover


def _snow(m, store, snowfall, temperature, potential, snow_cover):
    """Snow (mm): what is left of it, what melted, what sublimated."""
    fallen = store + snowfall
    melted = bounded(m, fallen, 3.22 * positive_part(m, temperature, 0.5), 0.1)
    left = fallen - melted
    sublimated = bounded(m, left, potential * snow_cover, 0.1)
    return left - sublimated, melted, sublimated


def water(
    m,
    lai,
    surface_moisture,
    snow_cover,
    canopy_water,
    surface_water,
    root_water,
    snow,
    surface_capacity,
    root_capacity,
    rain,
    snowfall,
    temperature,
    demand,
    canopy_potential,
    soil_potential,
):
    """One day of water; stores in mm, fluxes in mm d-1.

    Every outflow is bounded by what its store holds, and the room of each layer is
    kept above zero, so that no store can become negative.

    Returns
    -------
    tuple
        Canopy water, surface layer, root layer and snow at the end of the day, then
        transpiration, interception evaporation, evaporation of soil and snow, runoff,
        drainage and melt.
    """
    canopy_end, interception, drip, cover = _canopy(
        m, lai, canopy_water, rain, canopy_potential
    )
    dry_fraction = 1.0 - interception / (canopy_potential + 0.01)
    transpired = root_water - positive_part(m, root_water - demand * dry_fraction, 1e-4)
    snow_end, melt, sublimation = _snow(
        m, snow, snowfall, temperature, soil_potential, snow_cover
    )

    liquid = (1.0 - cover) * rain + drip + melt
    room = positive_part(m, surface_capacity - surface_water, 1e-4) + 0.1
    infiltrated = bounded(m, room, liquid, 0.0)
    evaporated = surface_water * (
        1.0 - m.exp(-soil_potential * (1.0 - snow_cover) / surface_capacity)
    )
    fullness = root_water / root_capacity
    percolated = (
        0.3
        * (surface_water - evaporated)
        * surface_moisture
        * surface_moisture
        * (1.0 - fullness)
    )
    rest = liquid - infiltrated
    root_room = positive_part(m, root_capacity - root_water - percolated, 1e-4) + 0.1
    to_roots = bounded(m, root_room, rest, 0.0)
    runoff = rest - to_roots
    cube = fullness * fullness * fullness
    drainage = 0.05 * root_water * cube * cube

    surface_end = surface_water + infiltrated - evaporated - percolated
    root_end = root_water + to_roots + percolated - transpired - drainage
    return (
        canopy_end,
        surface_end,
        root_end,
        snow_end,
        transpired,
        interception,
        evaporated + sublimation,
        runoff,
        drainage,
        melt,
    )
