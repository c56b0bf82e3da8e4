"""One hour of one or many lanes, in the order of specification, section 13."""

import numpy as np

from ibis_dalec.physics.compile import routine
from ibis_dalec.physics.constants import DT, EMISSIVITY, FU, STEF
from ibis_dalec.physics.energy_balance import (
    canopy_fluxes,
    linearise,
    solve,
    start_canopy,
    update_weights,
)
from ibis_dalec.physics.interception import (
    evaporate_intercepted,
    intercept,
    wet_fractions,
)
from ibis_dalec.physics.leaf import canopy_physiology, moisture_stress
from ibis_dalec.physics.radiation import longwave, solar
from ibis_dalec.physics.snow import snow_and_ground
from ibis_dalec.physics.soil_column import soil_column
from ibis_dalec.physics.soil_layers import start_soil
from ibis_dalec.physics.turbulence import start_turbulence, transfer_coefficients


@routine
def canopy_hour(w):
    """Radiation, interception and the three canopy iterations."""
    start_soil(w)
    wet_fractions(w)
    solar(w)
    longwave(w)
    moisture_stress(w)
    intercept(w)
    wet_fractions(w)
    start_turbulence(w)
    start_canopy(w)
    for iteration in range(3):
        if iteration > 0:
            update_weights(w)
        transfer_coefficients(w, iteration == 0)
        canopy_physiology(w)
        linearise(w)
        solve(w)
    canopy_fluxes(w)
    add_canopy(w)
    evaporate_intercepted(w)


@routine
def add_canopy(w):
    """Add the hour's canopy fluxes to the day (before snow changes the ground)."""
    for lane in range(w.lai.shape[0]):
        fi = w.fi[lane]
        area = w.lai[lane] * FU * DT * 12.0
        w.gpp[lane] += w.agc[lane] * area
        w.net_assimilation[lane] += w.anc[lane] * area
        w.transpiration[lane] += DT * w.transpiration_hour[lane]
        w.interception_evaporation[lane] += DT * w.evap_wet[lane]
        w.surface_evaporation[lane] += DT * (
            (1.0 - fi) * w.fvapg[lane] + fi * w.fvapi[lane]
        )
        w.moisture_stress[lane] += w.stress[lane] * (1.0 / 24.0)
        sun = (
            w.sol_dir[0, lane]
            + w.sol_dif[0, lane]
            + w.sol_dir[1, lane]
            + w.sol_dif[1, lane]
        )
        w.sw_in[lane] += sun * (1.0 / 24.0)
        w.sw_net[lane] += (sun - w.reflected[lane]) * (1.0 / 24.0)
        w.lw_in[lane] += w.fira[lane] * (1.0 / 24.0)
        w.lw_out[lane] += w.firb[lane] * (1.0 / 24.0)
        w.ground_heat[lane] += ((1.0 - fi) * w.heatg[lane] + fi * w.heati[lane]) * (
            1.0 / 24.0
        )
        # What the ground reflects of the sky, down and up through the canopy's gaps.
        mirrored = (1.0 - EMISSIVITY) * w.infrared_gap[lane] * w.infrared_gap[lane]
        emitted = max(0.0, w.firb[lane] - mirrored * w.fira[lane])
        fourth = emitted / ((1.0 - mirrored) * STEF)
        w.skin_temperature[lane] += np.sqrt(np.sqrt(fourth)) * (1.0 / 24.0)


@routine
def add_ground(w):
    """Add the hour's atmosphere, soil and leaf quantities to the day."""
    for lane in range(w.lai.shape[0]):
        w.et[lane] -= DT * w.fvapa[lane]
        w.sensible[lane] -= w.fsena[lane] * (1.0 / 24.0)
        w.latent[lane] += w.latent_hour[lane] * (1.0 / 24.0)
        w.leaf_temperature[lane] += w.tu[lane] * (1.0 / 24.0)
        w.runoff[lane] += w.runoff_hour[lane]
        w.drainage[lane] += w.drainage_hour[lane]
        w.evaporation_mismatch[lane] -= w.negative_store[lane]
        w.soil_temperature[0, lane] += w.tsoi[0, lane] * (1.0 / 24.0)
        w.soil_temperature[1, lane] += w.tsoi[1, lane] * (1.0 / 24.0)
        w.soil_temperature[2, lane] += w.tsoi[2, lane] * (1.0 / 24.0)
        w.soil_temperature[3, lane] += w.tsoi[3, lane] * (1.0 / 24.0)
        w.soil_temperature[4, lane] += w.tsoi[4, lane] * (1.0 / 24.0)
        w.soil_temperature[5, lane] += w.tsoi[5, lane] * (1.0 / 24.0)


@routine
def step_hour(w):
    """Advance every lane by one hour of the weather in the workspace."""
    canopy_hour(w)
    snow_and_ground(w)
    soil_column(w)
    add_ground(w)
