"""Management events (specification, section 9)."""

from landmodels.kernels.compile import equation, routine
from landmodels.sipnet.physics.constants import (
    FERTILISER,
    HARVEST,
    IRRIGATION,
    LEAF_OFF,
    LEAF_ON,
    PLANTING,
    TILLAGE,
)
from landmodels.sipnet.physics.growth import leaf_on_amount, wood_fraction


@equation
def no_events(f):
    """A step in which nothing is done."""
    f.event_leaf = 0.0
    f.event_wood = 0.0
    f.event_coarse = 0.0
    f.event_fine = 0.0
    f.event_soil = 0.0
    f.event_litter = 0.0
    f.event_water = 0.0
    f.event_evaporation = 0.0
    f.event_input = 0.0
    f.event_export = 0.0
    f.irrigation = 0.0


@equation
def to_ground(o, f, amount):
    """Carbon that falls on the ground: litter, or soil without a litter pool."""
    if o.litter_pool != 0:
        f.event_litter += amount
    else:
        f.event_soil += amount


@equation
def harvest(s, o, f, e):
    """Take and leave fractions of the plant: ``a``, ``c`` above, ``b``, ``d`` below."""
    above = s.leaf + s.wood + s.unallocated
    below = s.fine_root + s.coarse_root
    f.event_leaf -= (e.a + e.c) * s.leaf
    # The amount counts unallocated carbon, but wood alone gives it.
    f.event_wood -= (e.a + e.c) * (s.wood + s.unallocated)
    f.event_fine -= (e.b + e.d) * s.fine_root
    f.event_coarse -= (e.b + e.d) * s.coarse_root
    to_ground(o, f, e.c * above)
    f.event_soil += e.d * below
    f.event_export += e.a * above + e.b * below


@routine
def manage(p, s, o, f, e):
    """Add what one event does to the amounts of the step; tillage acts at once."""
    if e.kind == IRRIGATION:
        evaporates = p.immedEvapFrac * e.a if e.b == 0.0 else 0.0
        f.event_evaporation += evaporates
        f.event_water += e.a - evaporates
        f.irrigation += e.a
    elif e.kind == PLANTING:
        f.event_leaf += e.a
        f.event_wood += e.b
        f.event_fine += e.c
        f.event_coarse += e.d
        f.event_input += e.a + e.b + e.c + e.d
    elif e.kind == HARVEST:
        harvest(s, o, f, e)
    elif e.kind == FERTILISER:
        to_ground(o, f, e.b)
        f.event_input += e.b
    elif e.kind == TILLAGE:
        s.tillage += e.a
    elif e.kind == LEAF_ON:
        amount = leaf_on_amount(p, s, o)
        wood = amount * wood_fraction(s, o)
        f.event_leaf += amount
        f.event_wood -= wood
        f.event_coarse -= amount - wood
    elif e.kind == LEAF_OFF:
        amount = p.fracLeafFall * s.leaf
        f.event_leaf -= amount
        to_ground(o, f, amount)


@equation
def apply_events(s, f):
    """Change the pools by the amounts of the step's events (section 8.1)."""
    s.leaf += f.event_leaf
    s.wood += f.event_wood
    s.coarse_root += f.event_coarse
    s.fine_root += f.event_fine
    s.soil += f.event_soil
    s.litter += f.event_litter
    s.water += f.event_water
