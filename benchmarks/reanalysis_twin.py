"""A reanalysis of a synthetic network with a known truth, against the free run.

``python -m benchmarks.reanalysis_twin --folder FOLDER``. Wood is observed each year,
leaf area from the eighth year on, soil carbon never; one site has no leaf area. For
each seed the network is run free, and with the filter for each rule of what is used
of covariances between states (``--rules tested sampled``). Written to the folder:
``twin.csv`` (a row for each seed, state and run), ``summary.csv``, a figure, and the
seconds that the steps took, from which ``scale.csv`` reckons a larger network.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.figures.canvas import BLUE, ORANGE, SKY, new_figure, put_title, save_figure
from jobs.figures.reanalysis import label_of
from jobs.run.reanalysis_run import ReanalysisRun, open_reanalysis
from jobs.stages.reanalysis import loop, reanalyse
from jobs.stages.reanalysis.results import analyses_of, truth_of
from jobs.stages.reanalysis.twin import Network, write_twin

_CONFIG = """\
name: twin network, seed {seed}
seed: {seed}
model: {{name: sipnet}}
reanalysis:
  years: {first}-{last}
  members: {members}
  outputs: [nee]
  drivers: {{perturbation: {weather}}}
  parameters:
    prior:
      aMax: [14.0, 22.0]
      leafTurnoverRate: [0.10, 0.18]
      woodTurnoverRate: [0.010, 0.025]
      baseSoilResp: [0.02, 0.045]
  initial_pools: initial_pools.csv
  filter:
    name: {filter}{options}
    process_error: {{above_ground_wood: 150, lai: 0.2, soil_carbon: 150}}
  localisation: {{radius_km: {radius}}}
  sites_per_task: {per_task}
  truth: truth.csv
execution: {{executor: {executor}, workers: {workers}}}
"""
_WITH_A_RULE = ("tobit_wishart", "enkf", "letkf")
_WEATHER = "{temperature: 0.5, precipitation: 0.15, shortwave: 0.05, vpd: 0.1}"


class Clock:
    """CPU seconds of forecasts and of analyses, this process and its children."""

    def __init__(self) -> None:
        self.analyses = 0.0
        self._inner = loop.analyse

    def __enter__(self) -> Clock:
        self.began = _cpu(), time.perf_counter()
        loop.analyse = self._timed
        return self

    def _timed(self, *words) -> None:
        before = _cpu()
        self._inner(*words)
        self.analyses += _cpu() - before

    def __exit__(self, *exc) -> None:
        loop.analyse = self._inner
        self.cpu = _cpu() - self.began[0]
        self.wall = time.perf_counter() - self.began[1]


def _cpu() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in both]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Run the seeds one after another; what is done already is kept."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sites", type=int, default=30)
    parser.add_argument("--years", type=int, default=20)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--filter", default="tobit_wishart")
    parser.add_argument(
        "--rules", nargs="+", default=["tested"],
        help="between states: tested, sampled, apart",
    )  # fmt: skip
    parser.add_argument("--draws", type=int, default=1000, help="of tobit_wishart")
    parser.add_argument("--radius", type=float, default=500.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--weather-error", action="store_true", help="members have weather of their own"
    )
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    target = chosen.folder / "twin.csv"
    done = pd.read_csv(target) if target.exists() else pd.DataFrame({"seed": []})
    for seed in range(1, chosen.seeds + 1):
        if seed in set(done["seed"]):
            continue
        done = pd.concat([done, one_seed(chosen, seed)], ignore_index=True)
        done.to_csv(target, index=False, float_format="%.6g")
        report(done, chosen.folder)


def one_seed(chosen: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Run one network with the filter and free; returns its scores."""
    parts = []
    source = None
    for name, rule in [*((chosen.filter, r) for r in chosen.rules), ("none", "")]:
        folder = chosen.folder / f"seed{seed}_{name}_{rule}".removesuffix("_")
        run = _network(chosen, seed, (name, rule), folder, source)
        source = folder
        with Clock() as clock:
            reanalyse(run)
        table = scores(run)
        table["run"] += f", {rule}" if rule else ""
        table.insert(0, "seed", seed)
        parts.append(
            table.assign(
                cpu_seconds=clock.cpu,
                wall_seconds=clock.wall,
                analysis_cpu_seconds=clock.analyses,
                peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
                disk_mb=_size(run.path) / 2**20,
                site_member_years=chosen.sites * chosen.members * chosen.years,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _network(
    chosen: argparse.Namespace,
    seed: int,
    which: tuple[str, str],
    folder: Path,
    source: Path | None,
) -> ReanalysisRun:
    """The run folder of one network; later ones take the tables of the first."""
    name, rule = which
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    per_task = -(-chosen.sites // max(1, chosen.workers))
    text = _CONFIG.format(
        seed=seed, first=2001, last=2000 + chosen.years, members=chosen.members,
        filter=name, options=_options(chosen, name, rule), radius=chosen.radius,
        per_task=per_task,
        weather=_WEATHER if chosen.weather_error else "{}",
        executor="local" if chosen.workers > 1 else "serial", workers=chosen.workers,
    )  # fmt: skip
    (folder / "config.yaml").write_text(text)
    run = open_reanalysis(folder)
    if source is None:
        write_twin(
            run,
            network_of(chosen.sites),
        )
    else:
        for one in source.glob("*.csv"):
            shutil.copy(one, folder)
        shutil.copytree(source / "drivers", folder / "drivers")
    return run


def network_of(n_sites: int) -> Network:
    """What the twins are made with."""
    return Network(
        n_sites=n_sites,
        observed={"above_ground_wood": (0, 0.08), "lai": (7, 0.10)},
        unobserved={"lai": 1},
    )


def _options(chosen: argparse.Namespace, name: str, rule: str) -> str:
    """Further keys of the filter."""
    lines = [f"between_states: {rule}"] if name in _WITH_A_RULE else []
    lines += [f"draws: {chosen.draws}"] if name == "tobit_wishart" else []
    return "".join(f"\n    {line}" for line in lines)


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def scores(run: ReanalysisRun) -> pd.DataFrame:
    """Error and spread of each state against the truth, all sites and years."""
    found = analyses_of(run)
    truth = truth_of(run, found)
    if truth is None:
        raise SystemExit("a twin without its truth")
    n, rows = found.sizes["member"], []
    free = run.section.filter.name == "none"
    for k, state in enumerate(run.states):
        one = found.sel(state=state)
        for what in ("forecast",) if free else ("forecast", "analysis"):
            off = one[f"{what}_mean"].to_numpy() - truth[..., k]
            spread = np.sqrt((one[f"{what}_sd"].to_numpy() ** 2).mean())
            rmse = np.sqrt((off**2).mean())
            rows.append(
                {
                    "state": state,
                    "run": "free run" if free else what,
                    "rmse": rmse,
                    "spread": spread,
                    "bias": off.mean(),
                    "ratio": spread * np.sqrt((n + 1) / n) / rmse,
                }
            )
    return pd.DataFrame(rows)


def report(table: pd.DataFrame, folder: Path) -> None:
    """Means over the seeds, the figure, and what a larger network would take."""
    numbers = ["rmse", "spread", "bias", "ratio"]
    summary = table.groupby(["state", "run"], sort=False)[numbers].mean().reset_index()
    summary["seeds"] = table["seed"].nunique()
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.6g")
    print(summary.to_string(index=False), flush=True)
    _draw(table, folder / "twin.png")
    print(_scale(table, folder / "scale.csv").to_string(index=False), flush=True)


def _draw(table: pd.DataFrame, target: Path) -> None:
    states = list(dict.fromkeys(table["state"]))
    runs = list(dict.fromkeys(table["run"]))
    runs = ["free run", *(name for name in runs if name != "free run")]
    colours = [ORANGE, *(SKY if "forecast" in name else BLUE for name in runs[1:])]
    figure, axes = new_figure(1, len(states), 3.4)
    for axis, state in zip(axes[0], states, strict=True):
        part = table[table["state"] == state].groupby("run")
        for k, (name, colour) in enumerate(zip(runs, colours, strict=True)):
            rows = part.get_group(name)
            axis.bar(k, rows["rmse"].mean(), color=colour)
            axis.plot([k] * len(rows), rows["rmse"], "k.", markersize=4)
            axis.plot([k - 0.4, k + 0.4], [rows["spread"].mean()] * 2, "k--")
        axis.set_xticks(range(len(runs)), runs, fontsize=7, rotation=40, ha="right")
        axis.set_title(label_of(str(state)), fontsize=9)
    n = table["seed"].nunique()
    put_title(
        figure,
        f"Synthetic network, {n} seeds: rmse against the truth (bars; points: seeds) "
        "and spread (dashes)",
    )
    save_figure(figure, target, table)


def _scale(table: pd.DataFrame, target: Path) -> pd.DataFrame:
    """What 493 sites x 20 members x 34 years would take, forecasts in proportion."""
    one = table[table["run"].str.startswith("forecast")].drop_duplicates("seed")
    rate = (
        (one["cpu_seconds"] - one["analysis_cpu_seconds"]) / one["site_member_years"]
    ).mean()
    wanted = 493 * 20 * 34
    found = pd.DataFrame(
        [
            {
                "cpu_seconds_per_member_year": rate,
                "forecast_core_hours_493x20x34": rate * wanted / 3600.0,
                "analysis_cpu_seconds_here": one["analysis_cpu_seconds"].mean(),
                "peak_mb_here": one["peak_mb"].max(),
                "disk_mb_here": one["disk_mb"].mean(),
                "disk_gb_493x20x34": (one["disk_mb"] / one["site_member_years"]).mean()
                * wanted
                / 1024.0,
            }
        ]
    )
    found.to_csv(target, index=False, float_format="%.6g")
    return found


if __name__ == "__main__":
    main()
