"""Energy and vapour balance of leaves, stems, canopy air, soil and snow skin.

Specification, section 10; after IBIS ``turvap``. Eight linear equations: those of
leaves, stems and the two skins hold one canopy-air temperature and humidity each,
so they are put into the four equations of canopy air, which are then solved.
"""

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
    CH2O,
    CHS,
    CHU,
    CICE,
    DT,
    EMISSIVITY,
    EPS,
    FU,
    GRAV,
    HFUS,
    HSOI,
    HVAP,
    RHOW,
    RVAP,
    STEF,
    TMELT,
    WPUDMAX,
    ZWPMAX,
)
from ibis_dalec.physics.leaf import daylight_scale
from ibis_dalec.physics.saturation import (
    latent_sublimation,
    latent_vaporisation,
    qsat_and_slope,
)
from ibis_dalec.physics.turbulence import TFAC
from ibis_dalec.physics.vector_math import clip, exp, power

RADIATIVE = 4.0 * EMISSIVITY * STEF


@equation
def implicit_weight(weight, t, capacity, liquid, frozen):
    """Implicit weight that keeps an element near the melting point ([impexp]).

    It stays within 0 and 1: what a puddle owes (its store may be a little negative)
    cannot freeze, and a weight above 1 makes the balance unstable.
    """
    heat = capacity * (t - TMELT)
    size = max(abs(heat), EPS)
    warm = 1.0 - clip(HFUS * frozen / size, 0.0, 1.0)
    cold = 1.0 - clip(HFUS * liquid / size, 0.0, 1.0)
    new = warm if heat > EPS else (cold if heat < -EPS else 1.0)
    return 0.5 * (weight + new)


@equation
def snow_weight(weight, t, t0):
    """Implicit weight of a snow skin that would pass the melting point."""
    rise = t - t0
    return clip((TMELT - t0) / max(rise, EPS), 0.0, 1.0) if rise > EPS else weight


@equation
def soil_surface(wsoi1, wisoi1, wpud, wipud, wilt, suction, bex):
    """Wetness of the soil surface for the hour's evaporation.

    Returns its potential over the gas constant (K) and the fraction that evaporates
    freely.
    """
    puddle = clip(ZWPMAX * (wpud + wipud) * (1.0 / WPUDMAX), 0.0, ZWPMAX)
    moist = (1.0 - wisoi1) * wsoi1 + wisoi1
    wet = puddle + (1.0 - puddle) * moist
    potential = GRAV / RVAP * suction * power(wet, -bex)
    return potential, clip((wet - wilt) / (1.0 - wilt), 0.0, 1.0)


@equation
def soil_humidity(potential, bw, tg, t34, q34, qg, psurf, cp, sg):
    """Humidity of the soil surface over its saturation (1)."""
    hfac = exp(-potential / tg)
    _, dq34 = qsat_and_slope(t34, psurf)
    # bf = hvap dq/(cp + 4 0.95 stef t34^3/sg)
    bf = HVAP * dq34 * sg / (cp * sg + RADIATIVE * t34 * t34 * t34)
    bs = bw / (1.0 + bf * (1.0 - bw))
    alpha = bs * hfac + (1.0 - bs) * q34 / qg
    return 1.0 if q34 > qg else alpha


@routine
def start_canopy(w):
    """What the iterations share: start-of-hour values and first weights."""
    for lane in range(w.lai.shape[0]):
        w.tu0[lane] = w.tu[lane]
        w.ts0[lane] = w.ts[lane]
        w.tg0[lane] = w.tg[lane]
        w.ti0[lane] = w.ti[lane]
        w.wu[lane] = 1.0
        w.wst[lane] = 1.0
        w.wg[lane] = 1.0
        w.wi[lane] = 1.0
        w.day_scale[lane] = daylight_scale(w.extinction[lane], w.lai[lane], w.sai[lane])
        w.soil_potential[lane], w.soil_wetness[lane] = soil_surface(
            w.wsoi[0, lane], w.wisoi[0, lane], w.wpud[lane], w.wipud[lane],
            w.wilt[lane], w.suction[lane], w.bex[lane],
        )  # fmt: skip


@routine
def update_weights(w):
    """Implicit weights from the temperatures just solved."""
    for lane in range(w.lai.shape[0]):
        wliqu = w.wliqu[lane]
        wsnou = w.wsnou[lane]
        w.wu[lane] = implicit_weight(
            w.wu[lane], w.tu[lane], CHU + CH2O * wliqu + CICE * wsnou, wliqu, wsnou
        )
        wliqs = w.wliqs[lane]
        wsnos = w.wsnos[lane]
        w.wst[lane] = implicit_weight(
            w.wst[lane], w.ts[lane], CHS + CH2O * wliqs + CICE * wsnos, wliqs, wsnos
        )
        pores = w.poros[lane] * RHOW * HSOI[0]
        ice = w.wisoi[0, lane]
        wpud = w.wpud[lane]
        wipud = w.wipud[lane]
        w.wg[lane] = implicit_weight(
            w.wg[lane],
            w.tg[lane],
            CH2O * wpud + CICE * wipud + w.heat_capacity1[lane],
            wpud + pores * (1.0 - ice) * w.wsoi[0, lane],
            wipud + pores * ice,
        )
        w.wi[lane] = snow_weight(w.wi[lane], w.ti[lane], w.ti0[lane])


@routine
def linearise(w):
    """Linearisation points, saturation there and vapour transfers."""
    for lane in range(w.lai.shape[0]):
        psurf = w.psurf[lane]
        q12 = w.q12[lane]
        tu = w.wu[lane] * w.tu[lane] + (1.0 - w.wu[lane]) * w.tu0[lane]
        ts = w.wst[lane] * w.ts[lane] + (1.0 - w.wst[lane]) * w.ts0[lane]
        tg = w.wg[lane] * w.tg[lane] + (1.0 - w.wg[lane]) * w.tg0[lane]
        ti = w.wi[lane] * w.ti[lane] + (1.0 - w.wi[lane]) * w.ti0[lane]
        qu, dqu = qsat_and_slope(tu, psurf)
        qs, dqs = qsat_and_slope(ts, psurf)
        qg, dqg = qsat_and_slope(tg, psurf)
        qi, dqi = qsat_and_slope(ti, psurf)
        w.tlinu[lane] = tu
        w.tlins[lane] = ts
        w.tling[lane] = tg
        w.tlini[lane] = ti
        w.qu[lane] = qu
        w.qs[lane] = qs
        w.qg[lane] = qg
        w.qi[lane] = qi
        # The slopes are limited to a tenth of the humidity per kelvin.
        w.dqu[lane] = min(dqu, 0.1 * qu)
        w.dqs[lane] = min(dqs, 0.1 * qs)
        w.dqg[lane] = min(dqg, 0.1 * qg)
        w.dqi[lane] = min(dqi, 0.1 * qi)
        w.alpha[lane] = soil_humidity(
            w.soil_potential[lane], w.soil_wetness[lane], tg, w.t34[lane],
            w.q34[lane], qg, psurf, w.cp[lane], w.sg[lane],
        )  # fmt: skip
        su = w.su[lane]
        fwetu = 1.0 if q12 > qu else w.fwetu[lane]
        fwets = 1.0 if q12 > qs else w.fwets[lane]
        storeu = w.wliqu[lane] + w.wsnou[lane]
        stores = w.wliqs[lane] + w.wsnos[lane]
        w.suw[lane] = min(fwetu * su, 0.8 * storeu / max(DT * (qu - q12), EPS))
        w.ssw[lane] = min(fwets * su, 0.8 * stores / max(DT * (qs - q12), EPS))
        w.sut[lane] = max(0.0, (1.0 - fwetu) * 0.5 * w.totcond[lane])


@equation
def element_row(capacity, t0, weight, t, s, cp, latent, q, dq, forcing):
    """Row of an element: its temperature is ``base + by_t * t12 + by_q * q12``."""
    rate = capacity * (1.0 / DT)
    inverse = 1.0 / (rate + s * cp * weight + latent * weight * dq)
    constant = (
        rate * t0
        - s * cp * (1.0 - weight) * t
        - latent * (q - weight * dq * t)
        + forcing
    )
    return constant * inverse, s * cp * inverse, latent * inverse


@equation
def skin_row(s, cp, latent, alpha, q, dq, t, t0, conductance, t_below, forcing):
    """Row of a skin: its temperature is ``base + by_t * t34 + by_q * q34``."""
    cool = RADIATIVE * t0 * t0 * t0
    inverse = 1.0 / (s * cp + s * latent * alpha * dq + conductance + cool)
    constant = (
        conductance * t_below + cool * t0 + forcing - s * latent * alpha * (q - dq * t)
    )
    return constant * inverse, s * cp * inverse, s * latent * inverse


@equation
def solve4(a, b):
    """Solve a 4 x 4 system by elimination without pivoting (diagonal dominates)."""
    a00, a01, a02, a03, a10, a11, a12, a13, a20, a21, a22, a23, a30, a31, a32, a33 = a
    b0, b1, b2, b3 = b
    i0 = 1.0 / a00
    r = a10 * i0
    a11 -= r * a01
    a12 -= r * a02
    a13 -= r * a03
    b1 -= r * b0
    r = a20 * i0
    a21 -= r * a01
    a22 -= r * a02
    a23 -= r * a03
    b2 -= r * b0
    r = a30 * i0
    a31 -= r * a01
    a32 -= r * a02
    a33 -= r * a03
    b3 -= r * b0
    i1 = 1.0 / a11
    r = a21 * i1
    a22 -= r * a12
    a23 -= r * a13
    b2 -= r * b1
    r = a31 * i1
    a32 -= r * a12
    a33 -= r * a13
    b3 -= r * b1
    i2 = 1.0 / a22
    r = a32 * i2
    a33 -= r * a23
    b3 -= r * b2
    x3 = b3 / a33
    x2 = (b2 - a23 * x3) * i2
    x1 = (b1 - a12 * x2 - a13 * x3) * i1
    return (b0 - a01 * x1 - a02 * x2 - a03 * x3) * i0, x1, x2, x3


@routine
def solve(w):
    """Solve the linear balance for the temperatures and humidities."""
    for lane in range(w.lai.shape[0]):
        lai = w.lai[lane]
        sai = w.sai[lane]
        fi = w.fi[lane]
        ta = w.ta[lane]
        cp = w.cp[lane]
        su = w.su[lane]
        ss = su
        sg = w.sg[lane]
        si = w.si[lane]
        cu = w.cu[lane]
        cl = w.cl[lane]
        wu = w.wu[lane]
        wst = w.wst[lane]
        wg = w.wg[lane]
        wi = w.wi[lane]
        tu = w.tlinu[lane]
        ts = w.tlins[lane]
        tg = w.tling[lane]
        ti = w.tlini[lane]
        qu = w.qu[lane]
        qs = w.qs[lane]
        qg = w.qg[lane]
        qi = w.qi[lane]
        dqu = w.dqu[lane]
        dqs = w.dqs[lane]
        dqg = w.dqg[lane]
        dqi = w.dqi[lane]
        alpha = w.alpha[lane]
        suw = w.suw[lane]
        sut = w.sut[lane]
        ssw = w.ssw[lane]
        rliqu = w.rliqu[lane]
        rliqs = w.rliqs[lane]
        vap_u = latent_vaporisation(tu, ta)
        lat_u = suw * (rliqu * vap_u + (1.0 - rliqu) * latent_sublimation(tu, ta))
        lat_u = lat_u + sut * vap_u
        lat_s = ssw * (
            rliqs * latent_vaporisation(ts, ta)
            + (1.0 - rliqs) * latent_sublimation(ts, ta)
        )
        sun_u = (w.solu[lane] + w.firu[lane]) / max(2.0 * lai, EPS)
        sun_u = sun_u if lai > EPS else 0.0
        sun_s = (w.sols[lane] + w.firs[lane]) / max(2.0 * sai, EPS)
        sun_s = sun_s if sai > EPS else 0.0
        base_u, tu_t, tu_q = element_row(
            CHU + CH2O * w.wliqu[lane] + CICE * w.wsnou[lane],
            w.tu0[lane], wu, tu, su, cp, lat_u, qu, dqu, sun_u - w.pfluxu[lane],
        )  # fmt: skip
        base_s, ts_t, ts_q = element_row(
            CHS + CH2O * w.wliqs[lane] + CICE * w.wsnos[lane],
            w.ts0[lane], wst, ts, ss, cp, lat_s, qs, dqs, sun_s - w.pfluxs[lane],
        )  # fmt: skip
        base_g, tg_t, tg_q = skin_row(
            sg, cp, w.lat_ground[lane], alpha, qg, dqg, tg, w.tg0[lane],
            w.consoi[0, lane] * (1.0 / (0.5 * HSOI[0])), w.tsoi[0, lane],
            w.solg[lane] + w.firg[lane],
        )  # fmt: skip
        base_i, ti_t, ti_q = skin_row(
            si, cp, w.lat_snow[lane], 1.0, qi, dqi, ti, w.ti0[lane],
            0.20 / (0.5 * max(w.hsno[0, lane], 0.05)), w.tsno[0, lane],
            w.soli[lane] + w.firi[lane],
        )  # fmt: skip

        xu = 2.0 * lai * FU
        xs = 2.0 * sai * FU
        heat_u = xu * su
        heat_s = xs * ss
        heat_g = (1.0 - fi) * sg
        heat_i = fi * si
        vapour_u = xu * (suw + sut)
        vapour_s = xs * ssw
        # Unknowns t12, t34, q12, q34, in this order.
        a00 = cu + cl + heat_u * (1.0 - wu * tu_t) + heat_s * (1.0 - wst * ts_t)
        a02 = -heat_u * wu * tu_q - heat_s * wst * ts_q
        b0 = (
            cu * ta * TFAC
            + heat_u * (wu * base_u + (1.0 - wu) * tu)
            + heat_s * (wst * base_s + (1.0 - wst) * ts)
        )
        a11 = cl + heat_g * (1.0 - wg * tg_t) + heat_i * (1.0 - wi * ti_t)
        a13 = -heat_g * wg * tg_q - heat_i * wi * ti_q
        b1 = heat_g * (wg * base_g + (1.0 - wg) * tg) + heat_i * (
            wi * base_i + (1.0 - wi) * ti
        )
        a20 = -vapour_u * wu * dqu * tu_t - vapour_s * wst * dqs * ts_t
        a22 = (
            cu
            + cl
            + vapour_u * (1.0 - wu * dqu * tu_q)
            + vapour_s * (1.0 - wst * dqs * ts_q)
        )
        b2 = (
            cu * w.qa[lane]
            + vapour_u * (qu + wu * dqu * (base_u - tu))
            + vapour_s * (qs + wst * dqs * (base_s - ts))
        )
        a31 = -heat_g * alpha * wg * dqg * tg_t - heat_i * wi * dqi * ti_t
        a33 = (
            cl
            + heat_g * (1.0 - alpha * wg * dqg * tg_q)
            + heat_i * (1.0 - wi * dqi * ti_q)
        )
        b3 = heat_g * alpha * (qg + wg * dqg * (base_g - tg)) + heat_i * (
            qi + wi * dqi * (base_i - ti)
        )
        t12, t34, q12, q34 = solve4(
            (
                a00, -cl, a02, 0.0,
                -cl, a11, 0.0, a13,
                a20, 0.0, a22, -cl,
                0.0, a31, -cl, a33,
            ),
            (b0, b1, b2, b3),
        )  # fmt: skip
        w.t12[lane] = t12
        w.t34[lane] = t34
        w.q12[lane] = q12
        w.q34[lane] = q34
        w.tu[lane] = base_u + tu_t * t12 + tu_q * q12
        w.ts[lane] = base_s + ts_t * t12 + ts_q * q12
        w.tg[lane] = base_g + tg_t * t34 + tg_q * q34
        w.ti[lane] = base_i + ti_t * t34 + ti_q * q34


@routine
def canopy_fluxes(w):
    """Fluxes of heat and vapour from the final temperatures."""
    for lane in range(w.lai.shape[0]):
        fi = w.fi[lane]
        cp = w.cp[lane]
        sg = w.sg[lane]
        si = w.si[lane]
        t34 = w.t34[lane]
        q12 = w.q12[lane]
        q34 = w.q34[lane]
        wg = w.wg[lane]
        wi = w.wi[lane]
        tg = w.tg[lane]
        ti = w.ti[lane]
        above_u = w.qu[lane] + w.wu[lane] * w.dqu[lane] * (w.tu[lane] - w.tlinu[lane])
        above_s = w.qs[lane] + w.wst[lane] * w.dqs[lane] * (w.ts[lane] - w.tlins[lane])
        above_g = w.qg[lane] + wg * w.dqg[lane] * (tg - w.tling[lane])
        above_i = w.qi[lane] + wi * w.dqi[lane] * (ti - w.tlini[lane])
        w.fsena[lane] = cp * w.cu[lane] * (w.ta[lane] * TFAC - w.t12[lane])
        w.fvapa[lane] = w.cu[lane] * (w.qa[lane] - q12)
        wet_u = w.suw[lane] * (above_u - q12)
        wet_s = w.ssw[lane] * (above_s - q12)
        xu = 2.0 * FU * w.lai[lane]
        xs = 2.0 * FU * w.sai[lane]
        # The heats that `solve` gave leaves and stems.
        ta = w.ta[lane]
        rliqu = w.rliqu[lane]
        rliqs = w.rliqs[lane]
        vap_u = latent_vaporisation(w.tlinu[lane], ta)
        vap_s = latent_vaporisation(w.tlins[lane], ta)
        sub_u = latent_sublimation(w.tlinu[lane], ta)
        sub_s = latent_sublimation(w.tlins[lane], ta)
        latent = xu * wet_u * (rliqu * vap_u + (1.0 - rliqu) * sub_u)
        latent += xu * w.sut[lane] * (above_u - q12) * vap_u
        latent += xs * wet_s * (rliqs * vap_s + (1.0 - rliqs) * sub_s)
        w.transpiration_hour[lane] = xu * max(0.0, w.sut[lane] * (above_u - q12))
        w.evap_wet[lane] = xu * wet_u + xs * wet_s
        # From here on these two hold the evaporation per element area.
        w.suw[lane] = wet_u
        w.ssw[lane] = wet_s
        fvapg = sg * (w.alpha[lane] * above_g - q34)
        fvapi = si * (above_i - q34)
        tg0 = w.tg0[lane]
        ti0 = w.ti0[lane]
        change_g = RADIATIVE * tg0 * tg0 * tg0 * wg * (tg - tg0)
        change_i = RADIATIVE * ti0 * ti0 * ti0 * wi * (ti - ti0)
        firg = w.firg[lane] - change_g
        firi = w.firi[lane] - change_i
        w.firg[lane] = firg
        w.firi[lane] = firi
        w.firb[lane] += (1.0 - fi) * change_g + fi * change_i
        fseng = sg * cp * (wg * tg + (1.0 - wg) * w.tling[lane] - t34)
        fseni = si * cp * (wi * ti + (1.0 - wi) * w.tlini[lane] - t34)
        w.fvapg[lane] = fvapg
        w.fvapi[lane] = fvapi
        latent += (1.0 - fi) * w.lat_ground[lane] * fvapg
        w.latent_hour[lane] = latent + fi * w.lat_snow[lane] * fvapi
        w.heatg[lane] = w.solg[lane] + firg - fseng - w.lat_ground[lane] * fvapg
        w.heati[lane] = w.soli[lane] + firi - fseni - w.lat_snow[lane] * fvapi
        w.ti[lane] = min(ti, TMELT)
