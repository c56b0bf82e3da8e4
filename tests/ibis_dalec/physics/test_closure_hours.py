"""Light, heat and water close hour by hour, part by part.

Hours of real weather (deep winter, thaw, summer) under several parameter vectors are
traced through the stages of the hour; each law is then checked on all of them.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from ibis_dalec.parameters import parameter_table
from ibis_dalec.physics import radiation
from ibis_dalec.physics.interception import wet_fractions
from ibis_dalec.physics.workspace import new_workspace

from .. import spec_physics as spec
from ..driver import Hours, Lane, parameters_of
from ..spec_physics import CH2O, CICE, DT, EPS, FU, HSOI, STEF, TMELT

WINDOWS = (range(8, 24), range(66, 82), range(176, 192))
N_VECTORS = 3


def random_parameters(seed, n):
    """Vectors drawn uniformly within the table's bounds."""
    table = parameter_table()
    rng = np.random.default_rng(seed)
    return [
        {name: rng.uniform(table["min"][name], table["max"][name])
         for name in table.index}
        for _ in range(n)
    ]  # fmt: skip


@dataclass
class Trace:
    """Stages of all traced hours, (hour, ...) each."""

    weather: Hours
    light: Hours
    system: Hours
    solved: Hours
    fluxes: Hours
    canopy: Hours
    snow: Hours
    soil: Hours


@pytest.fixture(scope="module")
def trace(site_a):
    """Default parameters and random ones, with and without leaves in winter."""
    parts = {}
    leafy = np.full(site_a.days, 3.0)
    cases = [(None, None), (None, leafy)]
    cases += [(values, None) for values in random_parameters(17, N_VECTORS)]
    for values, lai in cases:
        lane = Lane(site_a, values, lai=lai)
        at = 0
        for window in WINDOWS:
            lane.run(range(at, window.start))
            for stage, hours in lane.trace(window).items():
                parts.setdefault(stage, []).append(hours.records.ravel())
            at = window.stop
    return Trace(**{stage: Hours(np.concatenate(x)) for stage, x in parts.items()})


def test_the_traced_day_is_the_kernels_day(site_a):
    traced, run = Lane(site_a), Lane(site_a)
    traced.trace(range(3))
    run.run(3)
    np.testing.assert_array_equal(traced.flat, run.flat)


def test_the_traced_hours_are_worth_it(trace):
    """Snow, bare ground, frozen and thawed soil, night and day, rain and leaves."""
    after = trace.soil
    for some in (
        after.fi > 0.3, after.fi == 0.0, after.wisoi[:, 0] > 0.1, after.rain > 0.0,
        after.snow > 0.0, after.lai > 2.0, after.coszen > 0.5, after.wpud > 0.0,
        after.wliqu > 0.05, after.wsnou > 0.05, trace.snow.raing > after.rain + 1e-6,
    ):  # fmt: skip
        assert some.sum() > 20


def close(found, wanted, scale, relative):
    """``found`` is ``wanted`` to ``relative`` of ``scale``, everywhere."""
    error = np.abs(found - wanted) / scale
    assert np.nanmax(error) <= relative
    assert not np.isnan(error).any()


# --- light


@pytest.fixture(scope="module")
def beams():
    """Random canopies, four lanes each: one band and one kind of light at a time."""
    n = 100
    rng = np.random.default_rng(4)
    w = new_workspace(4 * n)
    parameters_of(w)
    x = w[0]

    def each(values):
        return np.repeat(values, 4)

    x["coszen"][:] = each(rng.uniform(0.001, 1.0, n))
    x["lai"][:] = each(rng.uniform(0.0, 12.0, n) * (rng.random(n) > 0.1))
    x["sai"][:] = each(rng.uniform(0.02, 3.0, n))
    x["fi"][:] = each(rng.choice([0.0, 0.4, 1.0], n))
    for name, low, high in (
        ("albsav", 0.05, 0.12), ("albsan", 0.10, 0.24), ("tu", 265.0, 290.0),
        ("ts", 265.0, 290.0), ("wsnou", 0.0, 1.0), ("wliqs", 0.0, 0.4),
    ):  # fmt: skip
        x[name][:] = each(rng.uniform(low, high, n))
    x["wsoi"][0] = each(rng.uniform(0.0, 1.0, n))
    x["tsno"][0] = each(rng.uniform(250.0, 273.16, n))
    x["sol_dir"][0], x["sol_dif"][0] = (
        np.tile([1.0, 0, 0, 0], n),
        np.tile([0, 1.0, 0, 0], n),
    )
    x["sol_dir"][1], x["sol_dif"][1] = (
        np.tile([0, 0, 1.0, 0], n),
        np.tile([0, 0, 0, 1.0], n),
    )
    wet_fractions(w[0])
    radiation.solar(w[0])
    return x


def test_light_of_each_band_is_absorbed_or_reflected(beams):
    x = beams
    total = (
        FU * (x["solu"] + x["sols"])
        + (1.0 - x["fi"]) * x["solg"]
        + x["fi"] * x["soli"]
        + x["reflected"]
    )
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-10)
    for name in ("solu", "sols", "solg", "soli", "reflected"):
        assert (x[name] >= -1e-12).all()


def test_albedos_lie_between_0_and_1(beams, trace):
    for name in ("albedo_dir", "albedo_dif"):
        assert ((beams[name] >= 0.0) & (beams[name] <= 1.0)).all()
        traced = getattr(trace.light, name)
        assert ((traced >= 0.0) & (traced <= 1.0)).all()


def test_light_closes_in_every_traced_hour(trace):
    x = trace.light
    sun = (x.sol_dir + x.sol_dif).sum(-1)
    used = FU * (x.solu + x.sols) + (1.0 - x.fi) * x.solg + x.fi * x.soli
    close(used + x.reflected, sun, np.maximum(sun, 1.0), 1e-10)
    night = sun == 0.0
    assert night.any()
    assert (used[night] == 0.0).all()


@pytest.mark.parametrize("stage", ["light", "fluxes"])
def test_infrared_in_less_out_is_what_the_parts_gain(trace, stage):
    """Also after the part of the change over the hour is added to ground and sky."""
    x = getattr(trace, stage)
    gained = FU * (x.firu + x.firs) + (1.0 - x.fi) * x.firg + x.fi * x.firi
    close(x.fira - x.firb, gained, 300.0, 1e-12)


# --- canopy water


def test_interception_loses_no_water(trace):
    before, after = trace.light, trace.system
    stored = 2.0 * FU * (
        after.lai * (after.wliqu + after.wsnou - before.wliqu - before.wsnou)
        + after.sai * (after.wliqs + after.wsnos - before.wliqs - before.wsnos)
    )  # fmt: skip
    fell = DT * (after.rain + after.snow)
    ground = DT * (after.raing + after.snowg)
    dropped = after.mix_loss - before.mix_loss
    close(stored + ground + dropped, fell, 1.0, 1e-12)


def test_interception_loses_no_heat(trace):
    """What elements give (pflux) warms, melts or freezes the water they meet."""
    before, after = trace.light, trace.system

    def stored(x, tu, ts):
        leaf = x.wliqu * spec.liquid_heat(tu) + x.wsnou * spec.ice_heat(tu)
        stem = x.wliqs * spec.liquid_heat(ts) + x.wsnos * spec.ice_heat(ts)
        return 2.0 * FU * (x.lai * leaf + x.sai * stem)

    change = stored(after, after.tu0, after.ts0) - stored(before, after.tu0, after.ts0)
    given = 2.0 * FU * DT * (after.lai * after.pfluxu + after.sai * after.pfluxs)
    fell = DT * (
        after.rain * spec.liquid_heat(after.train)
        + after.snow * spec.ice_heat(after.tsnow)
    )
    ground = DT * (
        after.raing * spec.liquid_heat(after.traing)
        + after.snowg * spec.ice_heat(after.tsnowg)
    )
    whole = after.mix_loss == before.mix_loss
    assert whole.mean() > 0.5
    close((change + ground)[whole], (fell + given)[whole], 1e5, 1e-9)


def test_evaporation_of_intercepted_water_and_its_phase(trace):
    before, after = trace.fluxes, trace.canopy
    leafy = after.lai > 0.0
    change = 2.0 * FU * (
        after.lai * (after.wliqu + after.wsnou - before.wliqu - before.wsnou)
        + after.sai * (after.wliqs + after.wsnos - before.wliqs - before.wsnos)
    )  # fmt: skip
    close(
        change[leafy], (after.negative_store - DT * after.evap_wet)[leafy], 1.0, 1e-12
    )
    # No liquid below the melting point and no snow above it is left behind.
    assert not ((after.tu < TMELT - 1e-9) & (after.wliqu > 0.0) & leafy).any()
    assert not ((after.tu > TMELT + 1e-9) & (after.wsnou > 0.0) & leafy).any()
    # Freezing and melting move heat between the element and its water alone.
    for element, heat in (("u", 8436.0), ("s", 210900.0)):
        rows = leafy if element == "u" else np.ones_like(leafy)
        t0, t1 = (getattr(x, f"t{element}") for x in (before, after))
        liquid, snow = (
            np.maximum(0.0, getattr(before, f"{store}{element}") - DT * fraction * flux)
            for store, fraction, flux in (
                ("wliq", getattr(before, f"rliq{element}"),
                 getattr(before, f"s{element}w")),
                ("wsno", 1.0 - getattr(before, f"rliq{element}"),
                 getattr(before, f"s{element}w")),
            )
        )  # fmt: skip
        h0 = (
            heat * (t0 - TMELT)
            + liquid * spec.liquid_heat(t0)
            + snow * spec.ice_heat(t0)
        )
        liquid, snow = (getattr(after, f"{x}{element}") for x in ("wliq", "wsno"))
        h1 = (
            heat * (t1 - TMELT)
            + liquid * spec.liquid_heat(t1)
            + snow * spec.ice_heat(t1)
        )
        close(h1[rows], h0[rows], 1e5, 1e-10)


# --- the eight equations of canopy, air and skins


def soil_humidity(x):
    """Humidity of the soil surface over its saturation (section 10)."""
    qg = spec.qsat(x.tling, x.psurf)
    zp = np.clip(0.5 * (x.wpud + x.wipud) / 4.5, 0.0, 0.5)
    zw = (1.0 - x.wisoi[:, 0]) * x.wsoi[:, 0] + x.wisoi[:, 0]
    zt = zp + (1.0 - zp) * zw
    with np.errstate(divide="ignore", over="ignore"):
        hfac = np.exp(-spec.GRAV * x.suction * zt**-x.bex / (spec.RVAP * x.tling))
    bw = np.clip((zt - x.wilt) / (1.0 - x.wilt), 0.0, 1.0)
    bf = (
        spec.HVAP * spec.dqsat(x.t34, x.psurf)
        / (x.cp + 4.0 * 0.95 * STEF * x.t34**3 / x.sg)
    )  # fmt: skip
    bs = bw / (1.0 + bf * (1.0 - bw))
    alpha = bs * hfac + (1.0 - bs) * x.q34 / qg
    return np.where(x.q34 > qg, 1.0, alpha)


def eight_equations(x):
    """Matrix and right side for tu, ts, t12, t34, q12, q34, tg, ti of each hour."""
    n = x.tu.size
    a, b = np.zeros((n, 8, 8)), np.zeros((n, 8))
    tu, ts, t12, t34, q12, q34, tg, ti = range(8)
    q = {k: spec.qsat(getattr(x, f"tlin{k}"), x.psurf) for k in "usgi"}
    dq = {k: spec.limited_slope(getattr(x, f"tlin{k}"), x.psurf) for k in "usgi"}
    w = {"u": x.wu, "s": x.wst, "g": x.wg, "i": x.wi}
    old = {k: getattr(x, f"tlin{k}") for k in "usgi"}
    alpha = soil_humidity(x)
    fwetu = np.where(x.q12 > q["u"], 1.0, x.fwetu)
    fwets = np.where(x.q12 > q["s"], 1.0, x.fwets)
    suw = np.minimum(
        fwetu * x.su,
        0.8 * (x.wliqu + x.wsnou) / np.maximum(DT * (q["u"] - x.q12), EPS),
    )
    ssw = np.minimum(
        fwets * x.su,
        0.8 * (x.wliqs + x.wsnos) / np.maximum(DT * (q["s"] - x.q12), EPS),
    )
    sut = np.maximum(0.0, (1.0 - fwetu) * 0.5 * x.totcond)
    lsu = suw * (
        x.rliqu * spec.latent_v(old["u"], x.ta)
        + (1.0 - x.rliqu) * spec.latent_s(old["u"], x.ta)
    ) + sut * spec.latent_v(old["u"], x.ta)
    lss = ssw * (
        x.rliqs * spec.latent_v(old["s"], x.ta)
        + (1.0 - x.rliqs) * spec.latent_s(old["s"], x.ta)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        fu = np.where(x.lai > EPS, (x.solu + x.firu) / (2.0 * x.lai), 0.0)
    fs = (x.sols + x.firs) / (2.0 * x.sai)

    for row, k, heat, water, s, latent, gain in (
        (tu, "u", 8436.0, CH2O * x.wliqu + CICE * x.wsnou, x.su, lsu, fu - x.pfluxu),
        (ts, "s", 210900.0, CH2O * x.wliqs + CICE * x.wsnos, x.su, lss,
         fs - x.pfluxs),
    ):  # fmt: skip
        c = (heat + water) / DT
        start = x.tu0 if k == "u" else x.ts0
        a[:, row, row] = c + s * x.cp * w[k] + latent * w[k] * dq[k]
        a[:, row, t12] = -s * x.cp
        a[:, row, q12] = -latent
        b[:, row] = (
            c * start
            - s * x.cp * (1.0 - w[k]) * old[k]
            - latent * (q[k] - w[k] * dq[k] * old[k])
            + gain
        )

    xu, xs = 2.0 * x.lai * FU, 2.0 * x.sai * FU
    bare, snowy = (1.0 - x.fi) * x.sg, x.fi * x.si
    # t12
    a[:, t12, t12] = x.cu + x.cl + xu * x.su + xs * x.su
    a[:, t12, t34] = -x.cl
    a[:, t12, tu], a[:, t12, ts] = -xu * x.su * w["u"], -xs * x.su * w["s"]
    b[:, t12] = (
        x.cu * x.ta * spec.TFAC
        + xu * x.su * (1.0 - w["u"]) * old["u"]
        + xs * x.su * (1.0 - w["s"]) * old["s"]
    )
    # t34
    a[:, t34, t34] = x.cl + bare + snowy
    a[:, t34, t12] = -x.cl
    a[:, t34, tg], a[:, t34, ti] = -bare * w["g"], -snowy * w["i"]
    b[:, t34] = (
        bare * (1.0 - w["g"]) * old["g"] + snowy * (1.0 - w["i"]) * old["i"]
    )  # fmt: skip
    # q12
    vu, vs = xu * (suw + sut), xs * ssw
    a[:, q12, q12] = x.cu + x.cl + vu + vs
    a[:, q12, q34] = -x.cl
    a[:, q12, tu], a[:, q12, ts] = -vu * w["u"] * dq["u"], -vs * w["s"] * dq["s"]
    b[:, q12] = (
        x.cu * x.qa
        + vu * (q["u"] - w["u"] * dq["u"] * old["u"])
        + vs * (q["s"] - w["s"] * dq["s"] * old["s"])
    )
    # q34
    a[:, q34, q34] = x.cl + bare + snowy
    a[:, q34, q12] = -x.cl
    a[:, q34, tg] = -bare * alpha * w["g"] * dq["g"]
    a[:, q34, ti] = -snowy * w["i"] * dq["i"]
    b[:, q34] = bare * alpha * (q["g"] - w["g"] * dq["g"] * old["g"]) + snowy * (
        q["i"] - w["i"] * dq["i"] * old["i"]
    )
    # soil skin and snow skin, fully implicit
    t1 = x.tsoi[:, 0]
    lg = (x.fraction_soil_liq + x.fraction_pud_liq) * spec.latent_v(t1, x.ta) + (
        x.fraction_soil_ice + x.fraction_pud_ice
    ) * spec.latent_s(t1, x.ta)
    li = spec.latent_s(x.tsno[:, 0], x.ta)
    for row, k, s, latent, wet, inward, below, start, gain in (
        (tg, "g", x.sg, lg, alpha, x.consoi[:, 0] / 0.05, t1, x.tg0, x.solg + x.firg),
        (ti, "i", x.si, li, 1.0, 0.20 / (0.5 * np.maximum(x.hsno[:, 0], 0.05)),
         x.tsno[:, 0], x.ti0, x.soli + x.firi),
    ):  # fmt: skip
        cool = 4.0 * 0.95 * STEF * start**3
        a[:, row, row] = s * x.cp + s * latent * wet * dq[k] + inward + cool
        a[:, row, t34] = -s * x.cp
        a[:, row, q34] = -s * latent
        b[:, row] = (
            inward * below + cool * start + gain
            - s * latent * wet * (q[k] - dq[k] * old[k])
        )  # fmt: skip
    return a, b


def test_the_solution_satisfies_the_eight_equations(trace):
    a, b = eight_equations(trace.system)
    y = trace.solved
    found = np.stack([y.tu, y.ts, y.t12, y.t34, y.q12, y.q34, y.tg, y.ti], 1)
    terms = a * found[:, None, :]
    size = np.abs(terms).sum(-1) + np.abs(b)
    close(terms.sum(-1), b, size, 1e-8)
    solution = np.linalg.solve(a, b[..., None])
    # Kelvins and humidities in one system: the solver's own error, at times 1e-7 K, is
    # taken out by solving for what it leaves.
    solution += np.linalg.solve(a, b[..., None] - a @ solution)
    solution = solution[..., 0]
    humidity = [4, 5]
    kelvin = [0, 1, 2, 3, 6, 7]
    np.testing.assert_allclose(found[:, kelvin], solution[:, kelvin], atol=1e-7, rtol=0)
    np.testing.assert_allclose(
        found[:, humidity], solution[:, humidity], atol=1e-9, rtol=0
    )


def test_fluxes_to_the_air_follow_from_the_solution(trace):
    y, x = trace.fluxes, trace.solved
    close(y.fsena, x.cp * x.cu * (x.ta * spec.TFAC - x.t12), 100.0, 1e-12)
    close(y.fvapa, x.cu * (x.qa - x.q12), 1e-4, 1e-12)
    assert (y.transpiration_hour >= 0.0).all()
    assert (y.ti <= TMELT).all()

    # Heat that leaves canopy and ground enters the air: sensible heat balances.
    def lin(k, w):
        t = getattr(x, f"t{k}")
        return w * t + (1.0 - w) * getattr(x, f"tlin{k}")

    into_air = (
        2.0 * FU * x.lai * x.su * x.cp * (lin("u", x.wu) - x.t12)
        + 2.0 * FU * x.sai * x.su * x.cp * (lin("s", x.wst) - x.t12)
        + (1.0 - x.fi) * x.sg * x.cp * (lin("g", x.wg) - x.t34)
        + x.fi * x.si * x.cp * (lin("i", x.wi) - x.t34)
    )
    close(into_air, -y.fsena, 100.0, 1e-8)


def test_vapour_of_the_parts_is_vapour_of_the_whole(trace):
    """Except where transpiration is clipped at zero (dew through stomata)."""
    y = trace.fluxes
    parts = y.transpiration_hour + y.evap_wet + (1.0 - y.fi) * y.fvapg + y.fi * y.fvapi
    above = spec.qsat(y.tlinu, y.psurf) + y.wu * spec.limited_slope(
        y.tlinu, y.psurf
    ) * (y.tu - y.tlinu)
    unclipped = above >= y.q12
    assert unclipped.mean() > 0.5
    close(parts[unclipped], -y.fvapa[unclipped], 1e-5, 1e-8)


# --- snow


def snow_mass(x):
    return x.fi * spec.RHO_SNOW * x.hsno.sum(-1)


def snow_heat(x):
    return (
        x.fi[:, None] * spec.RHO_SNOW * x.hsno * spec.ice_heat(x.tsno)
    ).sum(-1)  # fmt: skip


def test_snow_loses_no_water(trace):
    a, b = trace.canopy, trace.snow
    came = DT * (a.raing + a.snowg - a.fi * a.fvapi)
    left = DT * b.raing + b.mix_loss - a.mix_loss
    close(snow_mass(b) + left, snow_mass(a) + came, 1.0, 1e-11)
    close(b.fvapg, (1.0 - a.fi) * a.fvapg, 1e-4, 1e-12)


def test_snow_loses_no_heat(trace):
    a, b = trace.canopy, trace.snow
    top = a.tsno[:, 0]
    came = DT * (
        (1.0 - a.fi) * a.heatg
        + a.fi * a.heati
        + a.fi * a.raing * spec.liquid_heat(a.traing)
        + a.snowg * spec.ice_heat(a.tsnowg)
        - a.fi * a.fvapi * spec.ice_heat(top)
    )
    close(snow_heat(b) + DT * b.heatg, snow_heat(a) + came, 1e6, 1e-10)


def test_snow_cover_and_layers_follow_their_rule(trace):
    x = trace.snow
    snowy = x.fi > 0.0
    depth = x.hsno.sum(-1)[snowy]
    partial = snowy & (x.fi < 1.0)
    np.testing.assert_allclose(
        x.hsno.sum(-1)[partial], 0.15 + 0.05 * x.fi[partial], rtol=1e-9
    )
    assert (depth >= 0.15 - 1e-12).all()
    np.testing.assert_allclose(x.hsno[snowy, 0], 0.05, rtol=1e-12)
    np.testing.assert_allclose(x.hsno[snowy, 1], x.hsno[snowy, 2], rtol=1e-12)
    assert (x.tsno[snowy] <= TMELT + 1e-9).all()


# --- soil


def test_soil_loses_no_water(trace):
    a, b = trace.snow, trace.soil
    fractions = (
        a.fraction_soil_liq
        + a.fraction_soil_ice
        + a.fraction_pud_liq
        + a.fraction_pud_ice
    )

    def stored(x):
        liquid, frozen = spec.soil_water(x, a.poros)
        return (liquid + frozen).sum(-1) + x.wpud + x.wipud

    came = DT * (a.raing - fractions * a.fvapg - a.transpiration_hour)
    left = b.runoff_hour + b.drainage_hour
    created = b.gadjust - a.gadjust
    close(stored(b), stored(a) + came - left + created, 1.0, 2e-11)


def test_soil_loses_no_heat(trace):
    """Conduction, advection, freezing and melting move heat and create none."""
    a, b = trace.snow, trace.soil
    t = a.tsoi
    uptake = a.transpiration_hour[:, None] * a.stress_layer
    leaf = a.tu[:, None]
    # Old temperatures of the heat step: after roots drew water at leaf temperature.
    middle = _AfterUptake(a, uptake)
    cooled = t - DT * CH2O * uptake * (leaf - t) / middle.capacity
    ice, liquid_fraction = a.fraction_soil_ice + a.fraction_pud_ice, a.fraction_pud_liq
    evaporates = a.fvapg >= 0.0
    top = np.where(evaporates, cooled[:, 0], t[:, 0])
    came = DT * (
        a.heatg
        + a.raing * spec.liquid_heat(a.traing)
        - a.fvapg * a.fraction_soil_liq * spec.liquid_heat(top)
        - a.fvapg * liquid_fraction * spec.liquid_heat(t[:, 0])
        - a.fvapg * ice * spec.ice_heat(t[:, 0])
        - (uptake * spec.liquid_heat(leaf)).sum(-1)
    )
    left = b.runoff_hour * CH2O * np.maximum(t[:, 0] - TMELT, 0.0)
    left = left + b.drainage_hour * spec.liquid_heat(cooled[:, 5])
    whole = np.abs(b.gadjust - a.gadjust) < 1e-10  # but for rounding
    assert whole.mean() > 0.9
    change = spec.soil_heat(b, a.poros) - spec.soil_heat(a, a.poros)
    close(change[whole], (came - left)[whole], 1e6, 1e-9)


class _AfterUptake:
    """Heat capacity of the layers when the heat step begins (J m-2 K-1)."""

    def __init__(self, a, uptake):
        solid = (2650 * 0.99 + 1300 * 0.01) * (870 * 0.99 + 1920 * 0.01)
        liquid, frozen = spec.soil_water(a, a.poros)
        rain = DT * a.raing
        # Puddle before infiltration, from its balance: what runs off and evaporates
        # is gone, what rained is there.
        evaporates = a.fvapg >= 0.0
        pud_liq = np.where(
            evaporates, a.fraction_pud_liq, a.fraction_soil_liq + a.fraction_pud_liq
        )
        pud_ice = np.where(
            evaporates, a.fraction_pud_ice, a.fraction_soil_ice + a.fraction_pud_ice
        )
        first = np.minimum(a.wpud, np.maximum(0.0, a.wpud + a.wipud - 4.5))
        wpud = a.wpud - first
        spill = np.clip(2.0 * (a.tsoi[:, 0] - TMELT + 0.5), 0.0, 1.0) * np.clip(
            (wpud + a.wipud) / 4.5, 0.0, 1.0
        )
        wpud = wpud + (1.0 - spill) * rain - DT * pud_liq * a.fvapg
        wipud = a.wipud - DT * pud_ice * a.fvapg
        sublimed = np.where(evaporates, DT * a.fraction_soil_ice * a.fvapg, 0.0)
        frozen[:, 0] -= sublimed
        capacity = (
            (1 - a.poros[:, None]) * HSOI * solid
            + (liquid - DT * uptake) * CH2O
            + frozen * CICE
        )
        capacity[:, 0] += CH2O * wpud + CICE * wipud
        self.capacity = capacity
