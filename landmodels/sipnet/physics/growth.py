"""Allocation, turnover and phenology (specification, section 6)."""

from landmodels.kernels.compile import equation
from landmodels.sipnet.physics.constants import (
    DEGREE_DAYS,
    SOIL_TEMPERATURE,
    TINY,
    WINDOW_DAYS,
)
from landmodels.sipnet.physics.maths import clip01


@equation
def creation(p, o, f):
    """New tissue: fractions of the mean NPP, which may be negative."""
    npp = f.mean_npp
    if o.legacy != 0:
        npp = max(npp, 0.0)
    f.leaf_creation = p.leafAllocation * npp
    f.wood_creation = p.woodAllocation * npp
    f.coarse_creation = p.coarseRootAllocation * npp
    f.fine_creation = p.fineRootAllocation * npp


@equation
def turnover(p, s, o, f):
    """Litter of each organ; in the legacy variant roots also exude carbon."""
    f.leaf_litter = p.leafTurnoverRate * s.leaf
    f.wood_litter = p.woodTurnoverRate * (s.wood + s.unallocated)
    f.coarse_loss = p.coarseRootTurnoverRate * s.coarse_root
    f.fine_loss = p.fineRootTurnoverRate * s.fine_root
    if o.legacy != 0:
        mean_gpp = s.gpp_queue_sum / WINDOW_DAYS
        if mean_gpp > 0.0 and s.fine_root > 0.0:
            f.coarse_loss += p.coarseRootExudation * mean_gpp
            f.fine_loss += p.fineRootExudation * mean_gpp


@equation
def correct_negative_growth(p, s, d, f):
    """Move creation between organs so that none is asked for more than it has."""
    leaf = s.leaf / d.dt + f.leaf_creation - p.leafTurnoverRate * s.leaf
    if leaf < 0.0:
        f.wood_creation += leaf
        f.leaf_creation -= leaf
    coarse = s.coarse_root / d.dt + f.coarse_creation - f.coarse_loss
    fine = s.fine_root / d.dt + f.fine_creation - f.fine_loss
    if fine < 0.0 and coarse >= 0.0:
        f.coarse_creation += fine
        f.fine_creation -= fine
    elif coarse < 0.0 and fine >= 0.0:
        f.fine_creation += coarse
        f.coarse_creation -= coarse


@equation
def leaves_come(p, s, d, o):
    """Whether the trigger of leaf-on holds in this step (section 6.2)."""
    if o.phenology == DEGREE_DAYS:
        so_far = s.degree_days if s.degree_days_year == d.year else 0.0
        return so_far + d.degree_days >= p.gddLeafOn
    if o.phenology == SOIL_TEMPERATURE:
        return d.tsoil >= p.soilTempLeafOn
    wanted = o.legacy != 0 or p.leafOnDay > 0.0
    return wanted and d.day + d.hour / 24.0 >= p.leafOnDay


@equation
def leaves_fall(p, d, o):
    """Whether the trigger of leaf-off holds in this step (section 6.3)."""
    wanted = o.legacy != 0 or p.leafOffDay > 0.0
    return wanted and d.day + d.hour / 24.0 >= p.leafOffDay


@equation
def leaf_on_amount(p, s, o):
    """Carbon that goes to leaves at leaf-on, limited by wood and roots (g C m-2)."""
    amount = p.leafGrowth
    if o.legacy == 0 and amount >= TINY:
        reserve = (s.wood + s.coarse_root) * p.leafOnReallocFrac
        amount *= clip01(reserve / p.leafGrowth)
    return amount


@equation
def wood_fraction(s, o):
    """Share of the carbon of leaf-on that wood gives; coarse roots give the rest."""
    if o.legacy != 0:
        return 1.0
    total = s.wood + s.coarse_root
    return s.wood / total if total > TINY else 0.0


@equation
def phenology(p, s, d, o, f):
    """Leaf-on and leaf-off, each once a year and in one step."""
    f.leaf_on_transfer = 0.0
    f.leaf_on_from_wood = 0.0
    if d.year > s.flag_year:
        s.leaf_on = 0.0
        s.leaf_off = 0.0
        s.flag_year = d.year
    if s.leaf_on == 0.0 and leaves_come(p, s, d, o):
        f.leaf_on_transfer = leaf_on_amount(p, s, o) / d.dt
        f.leaf_on_from_wood = f.leaf_on_transfer * wood_fraction(s, o)
        s.leaf_on = 1.0
    if s.leaf_off == 0.0 and leaves_fall(p, d, o):
        f.leaf_litter += p.fracLeafFall * s.leaf / d.dt
        s.leaf_off = 1.0
