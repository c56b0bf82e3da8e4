"""New pools, mortality and clamps (specification, sections 8 and 12)."""

from landmodels.kernels.compile import equation
from landmodels.sipnet.physics import window
from landmodels.sipnet.physics.constants import TINY
from landmodels.sipnet.physics.maths import clip01


@equation
def is_alive(s):
    """Whether wood and roots hold carbon (section 8.3)."""
    wood = s.wood > TINY and s.wood + s.unallocated > TINY
    return wood and s.coarse_root + s.fine_root > TINY


@equation
def plant_pools(s, d, f):
    """Wood, unallocated carbon, leaves and roots."""
    created = f.leaf_creation + f.wood_creation + f.coarse_creation + f.fine_creation
    dt = d.dt
    from_roots = f.leaf_on_transfer - f.leaf_on_from_wood
    s.unallocated += (f.gpp_rate - f.ra_rate - created) * dt
    s.wood += (f.wood_creation - f.wood_litter - f.leaf_on_from_wood) * dt
    s.leaf += (f.leaf_creation + f.leaf_on_transfer - f.leaf_litter) * dt
    s.coarse_root += (f.coarse_creation - f.coarse_loss - from_roots) * dt
    s.fine_root += (f.fine_creation - f.fine_loss) * dt


@equation
def plant_pools_legacy(s, d, f):
    """The same with one wood pool, and roots that pay their own respiration.

    Wood creation is added although production already holds it: the variant creates
    carbon (section 12, item 1).
    """
    dt = d.dt
    above = f.ra_rate - f.coarse_respiration - f.fine_respiration
    production = f.gpp_rate - above - f.coarse_creation - f.fine_creation
    leaves = f.leaf_creation + f.leaf_on_transfer
    s.wood += (production + f.wood_creation - leaves - f.wood_litter) * dt
    s.leaf += (leaves - f.leaf_litter) * dt
    s.coarse_root += (f.coarse_creation - f.coarse_loss - f.coarse_respiration) * dt
    s.fine_root += (f.fine_creation - f.fine_loss - f.fine_respiration) * dt


@equation
def ground_pools(p, s, d, o, f):
    """Soil and litter carbon, with carbon saturation and methane (section 10)."""
    dead = f.wood_litter + f.leaf_litter
    to_soil = f.coarse_loss + f.fine_loss
    if o.litter_pool == 0:
        change = to_soil + dead - f.soil_respiration - f.methane_soil
        s.soil += change * d.dt
        return
    to_soil += f.litter_to_soil
    stays = 0.0
    if o.carbon_saturation != 0:
        stays = to_soil * clip01(s.soil / p.soilCSaturation)
    lost = f.litter_to_soil + f.litter_respiration + f.methane_litter
    s.litter += (dead - lost + stays) * d.dt
    s.soil += (to_soil - stays - f.soil_respiration - f.methane_soil) * d.dt


@equation
def water_pools(s, d, f):
    """Soil water and snow."""
    gain = f.rain + f.melt - f.interception - f.fast_flow
    loss = f.evaporation + f.transpiration + f.drainage
    s.water += (gain - loss) * d.dt
    s.snow += (f.snowfall - f.melt - f.sublimation) * d.dt


@equation
def die(s, o):
    """Move the plant's carbon to the ground and forget its production."""
    s.soil += s.coarse_root + s.fine_root
    above = s.wood + s.leaf + s.unallocated
    if o.litter_pool != 0:
        s.litter += above
    else:
        s.soil += above
    s.wood = 0.0
    s.leaf = 0.0
    s.coarse_root = 0.0
    s.fine_root = 0.0
    s.unallocated = 0.0
    window.reset(s, 0.0, 0.0)


@equation
def clamp(s, f):
    """Make negative pools zero, and a trace of snow; book the carbon and water."""
    gain = 0.0
    if s.wood < 0.0:
        gain -= s.wood
        s.wood = 0.0
    if s.leaf < 0.0:
        gain -= s.leaf
        s.leaf = 0.0
    if s.litter < 0.0:
        gain -= s.litter
        s.litter = 0.0
    if s.soil < 0.0:
        gain -= s.soil
        s.soil = 0.0
    if s.coarse_root < 0.0:
        gain -= s.coarse_root
        s.coarse_root = 0.0
    if s.fine_root < 0.0:
        gain -= s.fine_root
        s.fine_root = 0.0
    f.clamp_carbon = gain
    f.clamp_water = 0.0
    if s.water < 0.0:
        f.clamp_water -= s.water
        s.water = 0.0
    if s.snow < TINY:
        f.clamp_water -= s.snow
        s.snow = 0.0
