"""Speed of the forward model, side by side in one run.

    python -m benchmarks.forward [--years 3] [--repeat 5] [--json FILE]

Rates are those of the fastest repetition; the load of the machine is printed first.

Simulated pixel-years per second and core for one lane, blocks of 16, 32 and 64
lanes, two processes, and the regional path (another pixel in each lane); ratios to
one lane; compile and warm-start seconds; peak memory; differences between the
paths; where the time goes; and what the arithmetic alone would take.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

HERE = Path(__file__).parent


def pixel(years: int):
    """Generated weather of a temperate deciduous site (synthetic)."""
    from landdata.meteorology.normals import harvard_normals
    from landdata.synthetic.weather_generator import generate_weather

    return generate_weather(
        harvard_normals(), (2001, 2000 + years), np.random.default_rng(1)
    )


def parameters(n: int, seed: int = 2) -> dict[str, np.ndarray]:
    """Parameter vectors from the prior box."""
    from ibis_dalec import parameter_table

    table = parameter_table()
    rng = np.random.default_rng(seed)
    return {k: rng.uniform(table["min"][k], table["max"][k], n) for k in table.index}


def best_seconds(call, repeat: int) -> float:
    """Fastest of some calls: the least disturbed by other users of the machine."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def batch_rate(forcing, years: int, lanes: int, repeat: int, samples: int = 64):
    """Pixel-years per second, and the result."""
    from ibis_dalec import simulate_batch

    samples = samples if lanes > 1 else 4
    values = parameters(64)
    values = {k: v[:samples] for k, v in values.items()}
    keep = {}

    def call():
        keep["out"] = simulate_batch(
            forcing, values, spinup_cycles=0, outputs=("lai", "gpp"), lanes=lanes
        )

    call()
    return samples * years / best_seconds(call, repeat), keep["out"]


def region(forcing, n: int):
    """Pixels of one weather, ever warmer."""
    import xarray as xr

    from ibis_dalec.forcing import SITE

    shift = xr.DataArray(np.linspace(-3.0, 3.0, n), dims="pixel")
    pixels = forcing.drop_vars([k for k in SITE if k in forcing], errors="ignore")
    pixels["tmin"] = (forcing["tmin"] + shift).assign_attrs(forcing["tmin"].attrs)
    pixels["tmax"] = (forcing["tmax"] + shift).assign_attrs(forcing["tmax"].attrs)
    pixels = pixels.broadcast_like(shift).transpose("time", "pixel")
    for name, driver in SITE.items():
        value = float(forcing[name] if name in forcing else forcing.attrs[name])
        pixels[name] = ("pixel", np.full(n, value), {"units": driver.units})
    for name in forcing.data_vars:
        pixels[name].attrs = forcing[name].attrs
    return pixels


def region_rate(forcing, years: int, lanes: int, repeat: int):
    """Pixel-years per second with another pixel in each lane."""
    from ibis_dalec import simulate_batch, simulate_pixels

    n = 64
    pixels = region(forcing, n)
    values = parameters(n)
    keep = {}

    def call():
        keep["out"] = simulate_pixels(
            pixels, values, spinup_cycles=0, outputs=("lai", "gpp"), lanes=lanes
        )

    call()
    alone = simulate_batch(
        pixels.isel(pixel=7), {k: v[7:8] for k, v in values.items()},
        spinup_cycles=0, outputs=("lai", "gpp"),
    )  # fmt: skip
    same = all(
        np.array_equal(alone[v].values[0], keep["out"][v].values[7])
        for v in ("lai", "gpp")
    )
    return n * years / best_seconds(call, repeat), same


def _worker(years: int, seconds: float, ready, go, queue) -> None:
    from ibis_dalec import simulate_batch

    forcing = pixel(years)
    values = parameters(32)

    def call():
        simulate_batch(
            forcing, values, spinup_cycles=0, outputs=("lai", "gpp"), lanes=32
        )

    call()
    ready.wait()
    go.wait()
    start = time.perf_counter()
    done = 0
    while time.perf_counter() - start < seconds:
        call()
        done += 32 * years
    queue.put(done / (time.perf_counter() - start))


def processes_rate(years: int, n: int, seconds: float) -> float:
    """Pixel-years per second of ``n`` processes together."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(n + 1)
    go = context.Event()
    queue = context.Queue()
    workers = [
        context.Process(target=_worker, args=(years, seconds, ready, go, queue))
        for _ in range(n)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    go.set()
    rates = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(rates)


START = """
import time; start = time.perf_counter()
import numpy as np
from benchmarks.forward import pixel, parameters
from ibis_dalec import simulate_batch
forcing = pixel(1)
loaded = time.perf_counter()
simulate_batch(forcing, parameters(16), spinup_cycles=0, outputs=("gpp",), lanes=16)
print(time.perf_counter() - start, time.perf_counter() - loaded)
"""


def start_seconds() -> dict[str, float]:
    """Seconds of a new process to its first block: empty and filled cache."""
    seconds = {}
    with tempfile.TemporaryDirectory() as cache:
        for label in ("compile", "warm_start"):
            out = subprocess.run(
                [sys.executable, "-c", START],
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                cwd=HERE.parent,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
            seconds[label] = float(out[0])
    return seconds


MEMORY = """
import re
import sys
import numpy as np
from benchmarks.forward import parameters, pixel, region
from ibis_dalec import iterate_pixels, simulate_batch
import xarray as xr
forcing = pixel(20)
if sys.argv[1] == "region":
    pixels = region(forcing, 256)
    values = xr.Dataset({k: ("pixel", v) for k, v in parameters(256).items()})
    for part in iterate_pixels(pixels, values, chunk=256, spinup_cycles=0,
                               outputs=("lai", "gpp", "er", "nee"), threads=2):
        del part
elif sys.argv[1] == "means":
    window = np.arange(forcing.sizes["time"]) // 8
    simulate_batch(forcing, parameters(64), spinup_cycles=0, lanes=16,
                   outputs=("lai", "gpp"), window=window)
else:
    simulate_batch(forcing, parameters(64), spinup_cycles=0, lanes=16)
# Not ru_maxrss: that remembers the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def peak_memory() -> dict[str, float]:
    """Peak MB of a process of its own, 20 years."""
    return {
        what: float(
            subprocess.run(
                [sys.executable, "-c", MEMORY, what],
                cwd=HERE.parent, check=True, capture_output=True, text=True,
            ).stdout
        ) / 1024
        for what in ("daily", "means", "region")
    }  # fmt: skip


def routines():
    """Parts of an hour and how often each is called in it."""
    from ibis_dalec.physics import (
        energy_balance as canopy,
    )
    from ibis_dalec.physics import (
        hourly_step as hour,
    )
    from ibis_dalec.physics import (
        interception,
        leaf,
        radiation,
        snow,
        turbulence,
    )
    from ibis_dalec.physics import (
        soil_column as soil_step,
    )
    from ibis_dalec.physics import (
        soil_layers as soil,
    )

    return [
        ("solar radiation (day only)", radiation.solar, (), 0.5),
        ("longwave", radiation.longwave, (), 1),
        ("interception", interception.intercept, (), 1),
        ("wet fractions", interception.wet_fractions, (), 2),
        ("soil properties", soil.start_soil, (), 1),
        ("moisture stress", leaf.moisture_stress, (), 1),
        ("turbulence, start", turbulence.start_turbulence, (), 1),
        ("canopy, start", canopy.start_canopy, (), 1),
        ("turbulence", turbulence.transfer_coefficients, (False,), 3),
        ("leaf and stomata", leaf.canopy_physiology, (), 3),
        ("linearisation", canopy.linearise, (), 3),
        ("energy solution", canopy.solve, (), 3),
        ("implicit weights", canopy.update_weights, (), 2),
        ("fluxes", canopy.canopy_fluxes, (), 1),
        ("evaporation of canopy water", interception.evaporate_intercepted, (), 1),
        ("snow (snow days only)", snow.snow_and_ground, (), 0.3),
        ("soil water and heat", soil_step.soil_surface_and_water, (), 1),
        ("soil freezing", soil_step.soil_phase, (), 1),
        ("sums", hour.add_canopy, (), 1),
        ("sums, ground", hour.add_ground, (), 1),
    ]


def loaded_workspace(lanes: int):
    """A workspace in the middle of a winter's day, so that every branch is used."""
    from ibis_dalec import parameter_table
    from ibis_dalec.physics.workspace import new_workspace
    from ibis_dalec.run import initialise as prepare

    table = parameter_table()
    w = new_workspace(lanes)
    prepare.set_parameters(w, {k: table["default"][k] for k in table.index}, "M1")
    prepare.set_site(w, slice(None), 42.5, 42.0, 18.0)
    prepare.cold_start(w, {})
    for name, value in {
        "ta": 272.0, "qa": 0.003, "psurf": 98000.0, "co2": 380e-6, "ua": 3.0,
        "coszen": 0.5, "sol_dir": 100.0, "sol_dif": 80.0, "fira": 260.0, "lai": 3.0,
        "train": 273.16, "tsnow": 272.0, "snow": 1e-5, "fi": 0.3, "hsno": 0.06,
        "tsno": 270.0,
    }.items():  # fmt: skip
        w[name] = value
    return w


def fractions(lanes: int = 32, calls: int = 2000) -> list[dict]:
    """Nanoseconds per lane-hour of each part, in compiled loops."""
    rows = []
    for label, routine, arguments, times in routines():
        w = loaded_workspace(lanes)
        routine(w[0], *arguments)
        keep = w.copy()
        compiled = _loop(routine, bool(arguments))
        compiled(w[0], 1)
        best = np.inf
        for _ in range(5):
            w[:] = keep
            start = time.perf_counter()
            compiled(w[0], calls)
            best = min(best, time.perf_counter() - start)
        rows.append({"part": label, "ns": best / calls / lanes * 1e9 * times})
    return rows


def _loop(routine, flag: bool):
    if flag:

        @numba.njit
        def loop(w, n):
            for _ in range(n):
                routine(w, False)

    else:

        @numba.njit
        def loop(w, n):
            for _ in range(n):
                routine(w)

    return loop


def operations() -> dict[str, float]:
    """Operations per lane-hour, counted in the machine code of one lane."""
    total = {"arithmetic": 0.0, "division": 0.0, "square_root": 0.0}
    for _label, routine, arguments, times in routines():
        w = loaded_workspace(1)
        routine(w[0], *arguments)
        one_lane = numba.typeof(w[0])
        signature = next(s for s in routine.signatures if s[0] == one_lane)
        code = routine.inspect_asm(signature).split("_ZN7cpython")[0]
        total["arithmetic"] += times * len(
            re.findall(r"\bv?(?:mul|add|sub|fn?m(?:add|sub)\d*)sd\b", code)
        )
        total["division"] += times * len(re.findall(r"\bv?divsd\b", code))
        total["square_root"] += times * len(re.findall(r"\bv?sqrtsd\b", code))
    return total


@numba.njit(error_model="numpy")
def _multiply(x, n):
    for _ in range(n):
        for i in range(x.shape[0]):
            x[i] = x[i] * 0.999 + 1e-3


@numba.njit(error_model="numpy")
def _divide(x, n):
    for _ in range(n):
        for i in range(x.shape[0]):
            x[i] = 1.001 / x[i]


@numba.njit(error_model="numpy")
def _root(x, n):
    for _ in range(n):
        for i in range(x.shape[0]):
            x[i] = np.sqrt(x[i])


def arithmetic_limit(counts: dict[str, float]) -> dict[str, float]:
    """Nanoseconds per lane-hour if only the vector units were busy."""
    limits = {}
    for name, loop, per_element in (
        ("arithmetic", _multiply, 2), ("division", _divide, 1),
        ("square_root", _root, 1),
    ):  # fmt: skip
        x = np.linspace(1.0, 2.0, 1024)
        loop(x, 1)
        seconds = best_seconds(lambda loop=loop, x=x: loop(x, 2000), 5)
        limits[name] = counts[name] * seconds / (2000 * 1024 * per_element) * 1e9
    limits["total"] = sum(limits.values())
    return limits


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    forcing = pixel(options.years)
    result: dict = {"load_average": os.getloadavg()[0]}

    scalar, reference = batch_rate(forcing, options.years, 1, options.repeat)
    result["scalar"] = scalar
    print(f"load average {result['load_average']:.2f} on {os.cpu_count()} cores")
    print(f"\n{'path':<28}{'pixel-years/s/core':>20}{'ratio':>8}   max difference")
    print(f"{'(a) one lane':<28}{scalar:>20.0f}{1.0:>8.1f}")
    for lanes in (16, 32, 64):
        rate, out = batch_rate(forcing, options.years, lanes, options.repeat)
        few = out.isel(sample=slice(0, reference.sizes["sample"]))
        gpp = float(abs(few["gpp"] - reference["gpp"]).max())
        lai = float(abs(few["lai"] - reference["lai"]).max())
        result[f"lanes_{lanes}"] = rate
        print(
            f"{f'(b) {lanes} lanes':<28}{rate:>20.0f}{rate / scalar:>8.1f}"
            f"   GPP {gpp:g} g m-2 d-1, LAI {lai:g}"
        )
    one = processes_rate(options.years, 1, 4.0)
    two = processes_rate(options.years, 2, 4.0)
    result["one_process"], result["two_processes"] = one, two
    print(
        f"{'(c) two processes, each':<28}{two / 2:>20.0f}{two / 2 / scalar:>8.1f}"
        f"   two are {two / one:.2f} times one"
    )
    rate, same = region_rate(forcing, options.years, 32, options.repeat)
    result["region"] = rate
    print(
        f"{'(d) region, 32 lanes':<28}{rate:>20.0f}{rate / scalar:>8.1f}"
        f"   {'same bits as alone' if same else 'DIFFERS from alone'}"
    )
    seconds = start_seconds()
    memory = peak_memory()
    result |= {"seconds": seconds, "memory_mb": memory}
    print(
        f"\ncompile and first block {seconds['compile']:.1f} s; "
        f"a second process {seconds['warm_start']:.2f} s"
    )
    print(
        f"peak memory of a process, 20 years: 64 vectors {memory['daily']:.0f} MB "
        f"(daily, every variable) or {memory['means']:.0f} MB (8-day LAI and GPP); "
        f"256 pixels {memory['region']:.0f} MB (daily LAI, GPP, ER, NEE)"
    )
    parts = fractions()
    total = sum(row["ns"] for row in parts)
    result["shares"] = parts
    print(f"\nwhere the time goes, 32 lanes ({total:.0f} ns per lane-hour):")
    for row in sorted(parts, key=lambda row: -row["ns"]):
        print(f"  {row['part']:<30}{row['ns']:>7.1f} ns{row['ns'] / total:>7.1%}")
    counts = operations()
    limit = arithmetic_limit(counts)
    result |= {"operations": counts, "limit_ns": limit}
    print(
        f"\noperations per lane-hour: {counts['arithmetic']:.0f} multiplications and "
        f"additions, {counts['division']:.0f} divisions, "
        f"{counts['square_root']:.0f} square roots"
    )
    print(
        f"arithmetic alone would take {limit['total']:.0f} ns (of it divisions and "
        f"roots {limit['division'] + limit['square_root']:.0f} ns)"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this benchmark {peak:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
