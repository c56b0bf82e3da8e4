"""IBIS soil carbon pools and IBIS autotrophic respiration.

Specification, sections 14.3 and 14.4; after IBIS ``biogeochem`` and ``sumnow``.
Pools in kg m-2 (carbon), litter input in g m-2 d-1.
"""

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import FU, HSOI, TMELT
from ibis_dalec.physics.vector_math import clip, exp

#: Order of the pools in the state field ``soilc``.
POOLS = (
    "leaf metabolic", "leaf structural", "leaf lignin",
    "root metabolic", "root structural", "root lignin",
    "wood metabolic", "wood structural", "wood lignin",
    "microbial", "slow non-protected", "slow protected", "passive",
)  # fmt: skip
#: Cold start (kg m-2), as the reference runs.
INITIAL = (0.02, 0.10, 0.05, 0.02, 0.20, 0.10, 0.05, 1.0, 0.1, 0.1, 1.5, 2.0, 4.0)

RATE = (0.15, 0.01, 0.01, 0.10, 0.005, 0.005, 0.001, 0.001, 0.001)  # d-1
RECYCLING = 0.40
KBN, KBP = 0.045 * RECYCLING, 0.005 * RECYCLING  # d-1, microbial turnover
KNB, KNS = 0.001, 1e-6
KPB, KPS = 1e-4, 1e-6
KSB = 8e-7
Y_METABOLIC, Y_STRUCTURAL = 0.4, 0.3
Y_NONPROTECTED, Y_PROTECTED, Y_PASSIVE = 0.25, 0.20, 0.20
HALF = 0.5  # fraction of lignin and dead microbes that becomes protected
PROTECTED_FRACTION = 0.017


def _split(cn: float, cs: float) -> tuple[float, float, float]:
    """Metabolic, structural and lignin fractions of litter with C:N ``cn``."""
    lignin = 0.45 * cn**2 / (1200.0 + cn**2)
    structural = (1.0 / cn - lignin / 100.0 - (1.0 - lignin) / 6.0) / (
        1.0 / cs - 1.0 / 6.0
    )
    return 1.0 - lignin - structural, structural, lignin


SPLIT = _split(40.0, 150.0) + _split(60.0, 150.0) + _split(200.0, 250.0)


def leaching_fraction(sand: float) -> float:
    """Fraction of the soil pools leached per day for a sand fraction."""
    return 0.30e-3 / 18.0 * (0.01 + 0.04 * sand)


@equation
def decomposition_factor(t, wsoi, wisoi):
    """Rate factor of decomposition from temperature (K) and wetness."""
    kelvin = max(t, 237.13)
    heat = min(10.0, exp(344.0 * (1.0 / 61.03 - 1.0 / (kelvin - 227.13))))
    filled = 100.0 * (1.0 - wisoi) * wsoi
    wet = 0.000371 * filled * filled - 0.0748 * filled + 4.13
    dry = exp(-(filled - 60.0) * (filled - 60.0) / 800.0)
    return clip(heat * (wet if filled >= 60.0 else dry), 0.001, 10.0)


@routine
def decomposition_hour(w):
    """Add the hour's decomposition factors (state after the soil step)."""
    for lane in range(w.lai.shape[0]):
        h1 = HSOI[0]
        h2 = HSOI[1]
        total = h1 + h2
        w.decompl_sum[lane] += decomposition_factor(
            w.tsoi[0, lane], w.wsoi[0, lane], w.wisoi[0, lane]
        )
        w.decomps_sum[lane] += decomposition_factor(
            (h1 * w.tsoi[0, lane] + h2 * w.tsoi[1, lane]) / total,
            (h1 * w.wsoi[0, lane] + h2 * w.wsoi[1, lane]) / total,
            (h1 * w.wisoi[0, lane] + h2 * w.wisoi[1, lane]) / total,
        )


@routine
def soil_carbon_day(w):
    """One day of the IBIS pools from yesterday's factors and today's litter."""
    for lane in range(w.lai.shape[0]):
        fl = w.decompl[lane]
        fs = w.decomps[lane]
        before = 0.0
        for k in range(13):
            before += w.soilc[k, lane]
        leaf = 1e-3 * w.litter_leaf[lane]
        root = 1e-3 * w.litter_root[lane]
        wood = 1e-3 * w.litter_wood[lane]

        lm = w.soilc[0, lane] + leaf * SPLIT[0]
        ls = w.soilc[1, lane] + leaf * SPLIT[1]
        ll = w.soilc[2, lane] + leaf * SPLIT[2]
        rm = w.soilc[3, lane] + root * SPLIT[3]
        rs = w.soilc[4, lane] + root * SPLIT[4]
        rl = w.soilc[5, lane] + root * SPLIT[5]
        wm = w.soilc[6, lane] + wood * SPLIT[6]
        ws = w.soilc[7, lane] + wood * SPLIT[7]
        wl = w.soilc[8, lane] + wood * SPLIT[8]
        m = w.soilc[9, lane]
        n = w.soilc[10, lane]
        p = w.soilc[11, lane]
        s = w.soilc[12, lane]
        protected = min(m, PROTECTED_FRACTION * before)

        # In hot wet litter the rate passes 1 per day: no more goes than there is.
        out_lm = min(1.0, RATE[0] * fl) * lm
        out_ls = RATE[1] * fl * ls
        out_ll = RATE[2] * fl * ll
        out_rm = RATE[3] * fs * rm
        out_rs = RATE[4] * fs * rs
        out_rl = RATE[5] * fs * rl
        out_wm = RATE[6] * fl * wm
        out_ws = RATE[7] * fl * ws
        out_wl = RATE[8] * fl * wl
        # Microbes die at a rate that knows no weather, as in the original.
        dead_free = KBN * (m - protected)
        dead_protected = KBP * protected
        dead = dead_free + dead_protected
        n_m = KNB * fs * n
        n_s = KNS * fs * n
        p_m = KPB * fs * p
        p_s = KPS * fs * p
        s_m = KSB * fs * s
        lost = w.leach[lane]

        lignin = out_ll + out_rl + out_wl
        w.soilc[0, lane] = lm - out_lm
        w.soilc[1, lane] = ls - out_ls
        w.soilc[2, lane] = ll - out_ll
        w.soilc[3, lane] = rm - out_rm
        w.soilc[4, lane] = rs - out_rs
        w.soilc[5, lane] = rl - out_rl
        w.soilc[6, lane] = wm - out_wm
        w.soilc[7, lane] = ws - out_ws
        w.soilc[8, lane] = wl - out_wl
        w.soilc[9, lane] = (
            m
            - dead
            + Y_METABOLIC * (out_lm + out_rm + out_wm)
            + Y_STRUCTURAL * (out_ls + out_rs + out_ws)
            + Y_NONPROTECTED * n_m
            + Y_PROTECTED * p_m
            + Y_PASSIVE * s_m
        )
        w.soilc[10, lane] = n + (1.0 - HALF) * (lignin + dead) - n_m - n_s - lost * n
        w.soilc[11, lane] = p + HALF * (lignin + dead) - p_m - p_s - lost * p
        w.soilc[12, lane] = s + n_s + p_s - s_m - lost * s
        after = 0.0
        for k in range(13):
            after += w.soilc[k, lane]
        leached = lost * (n + p + s)
        w.leaching[lane] = 1e3 * leached
        w.rh_soilc[lane] = 1e3 * (before + leaf + root + wood - after - leached)


SAPWOOD = 0.1  # fraction of wood that is alive


@routine
def start_maintenance(w, days_in_year):
    """Maintenance of wood and roots at 288.16 K (mol m-2 s-1) from their carbon."""
    per_second = 1000.0 / 12.0 / (days_in_year * 86400.0)
    for lane in range(w.lai.shape[0]):
        w.maintenance_wood[lane] = (
            w.rwood[lane] * per_second * 1e-3 * w.cw[lane] * SAPWOOD
        )
        w.maintenance_root[lane] = w.rroot[lane] * per_second * 1e-3 * w.cr[lane]


@routine
def npp_hour(w):
    """Add the hour's IBIS net primary productivity (g m-2)."""
    for lane in range(w.lai.shape[0]):
        troot = 0.0
        for k in range(w.tsoi.shape[0]):
            troot += w.troot_weight[k, lane] * w.tsoi[k, lane]
        reference = 1.0 / (TMELT + 15.0)
        npp = (
            w.anc[lane] * w.lai[lane] * FU
            - w.maintenance_wood[lane] * exp(3500.0 * (reference - 1.0 / w.ts[lane]))
            - w.maintenance_root[lane] * exp(3500.0 * (reference - 1.0 / troot))
        )
        npp = npp * (1.0 - w.rgrowth[lane]) if npp > 0.0 else npp
        w.npp_ibis[lane] += npp * 3600.0 * 12.0
