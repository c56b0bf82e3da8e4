"""Why a calibrated model misses: residuals by season, weather and year, and a scan.

For each pixel that was calibrated on observations; tables and sentences are written to
``diagnosis/``. The scan of parameters that were not calibrated is
`jobs.stages.diagnose_scan`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.config.process_model import model_of, units_of
from jobs.errors import ConfigError, Problem
from jobs.files import make_folder, read_json, replacing, write_text
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import digest_of_posterior, read_summary
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run
from jobs.run.site_results import calibrated_means
from jobs.run_tables import read_run_table
from jobs.stages.diagnose_scan import scan_uncalibrated
from jobs.stages.diagnose_structural import of_structure, structural_table
from jobs.stages.site_runs import ObservedStream, Site, default_row, open_site
from jobs.stages.spatial_baselines import climatology, feature_names, weather_features

TABLES = (
    "seasons", "weather", "years", "timing", "structure", "scan", "edges", "series",
)  # fmt: skip
WATCHED = ("er", "nee")
"""Looked at where they are observed, though no stream of the run."""
_SPANS = ("8 days", "24 days", "64 days")
_LIKELY = 0.05
_STRONG = 0.25  # correlation of residuals with weather worth a sentence
_SWINGS = 1.3
_USEFUL = 0.05  # fraction of the misfit that freeing a parameter takes away
_EDGE = 0.03  # of the prior's range
_LATE = 8.0  # days


@dataclass(frozen=True)
class Diagnosis:
    """What was found at one pixel.

    Attributes
    ----------
    tables : dict of str to pandas.DataFrame
        ``seasons``: scores in and outside of the growing season, by period;
        ``weather``: correlations of residuals; ``years``: drift; ``timing``: swing with
        rain, dates of the season; ``structure``: what weather and season explain of
        residuals; ``scan``: parameters that were not calibrated;
        ``edges``: calibrated parameters at an end of their prior; ``series``: what it
        all is from.
    sentences : list of str
        In words, the most useful first.
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)


def pixels_to_diagnose(run: Run, pixels: Sequence[Pixel]) -> list[Pixel]:
    """Return the pixels that are calibrated.

    Raises
    ------
    ConfigError
        If none is.
    """
    done = [p for p in pixels if state_of(run.folder.pixel(p.id)).state in FINISHED]
    if not done:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "no pixel has been calibrated",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    return done


def diagnose(run: Run, pixel: Pixel) -> Diagnosis:
    """Say why the calibrated model misses at a pixel, and write it.

    Raises
    ------
    ConfigError, ValueError
        If its inputs cannot be used any more.
    """
    site = open_site(run, pixel, WATCHED)
    bounds, table = run.bounds, model_of(run.config).parameters
    means = calibrated_means(run, pixel)
    after = site.run(pd.DataFrame([means]))
    before = site.run(default_row(run, list(bounds)))
    found = Diagnosis()
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for name, stream in site.streams.items():
        made = _of_stream(site, name, stream, before[name][0], after[name][0])
        for key, frame in made.items():
            parts[key].append(frame.assign(stream=name))
    for key, frames in parts.items():
        if frames:
            found.tables[key] = pd.concat(frames, ignore_index=True)
    names = [name for name in table if name not in bounds]
    found.tables["scan"] = scan_uncalibrated(site, means, bounds, table, names)
    found.tables["edges"] = _edges(run, means)
    found.sentences.extend(_sentences(run, found))
    _write(run, pixel, found)
    return found


def read_diagnosis(run: Run, pixel: Pixel) -> Diagnosis | None:
    """Return what ``diagnose`` left of the present calibration; else None."""
    path = _path(run, pixel)
    try:
        facts = read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(facts, dict) or facts.get("of") != _stamp(run, pixel):
        return None
    try:
        tables = {
            key: read_run_table(path.with_name(f"{path.stem}_{key}.csv"))
            for key in TABLES
        }
    except (FileNotFoundError, ValueError):  # taken away, or damaged: made anew
        return None
    sentences = facts.get("sentences")
    if not isinstance(sentences, list):
        return None
    return Diagnosis(tables, [str(one) for one in sentences])


def _of_stream(
    site: Site, name: str, stream: ObservedStream, before: np.ndarray, after: np.ndarray
) -> dict[str, pd.DataFrame]:
    from masm.results import residuals

    time, value, latitude = stream.time, stream.value, site.pixel.latitude
    residual = after - value
    features = weather_features(site.weather, time, latitude)
    names = [f"{one}, {span}" for one in feature_names(site.weather) for span in _SPANS]
    weather = {n: features[:, k] for k, n in enumerate(names)}
    seasons = []
    for period, inside in (
        ("calibration", ~stream.held_out),
        ("validation", stream.held_out),
    ):
        if inside.sum() < 8:
            continue
        sets = {"default": before[inside], "calibrated": after[inside],
                "climatology": climatology(stream)[inside]}  # fmt: skip
        part = residuals.season_table(time[inside], value[inside], sets, latitude)
        seasons.append(part.assign(period=period))
    growing = residuals.in_growing_season(time, latitude)
    related = residuals.weather_relations(
        time[growing], residual[growing], {k: v[growing] for k, v in weather.items()}
    )
    rain = weather.get("prec, 64 days", np.full(time.size, np.nan))
    facts = {
        **residuals.swing(time, value, after, rain, latitude),
        **residuals.timing(time, value, after, latitude),
    }
    return {
        "seasons": pd.concat(seasons, ignore_index=True) if seasons else pd.DataFrame(),
        "weather": related.head(8),
        "years": pd.DataFrame([residuals.drift(time, residual)]),
        "timing": pd.DataFrame([facts]),
        "structure": structural_table(time, residual, weather, stream.held_out),
        "series": pd.DataFrame(
            {"time": time, "observed": value, "default": before, "calibrated": after,
             "held_out": stream.held_out.astype(int)}
        ),
    }  # fmt: skip


def _edges(run: Run, means: dict[str, float]) -> pd.DataFrame:
    rows = []
    for name, (low, high) in run.bounds.items():
        fraction = (means[name] - low) / (high - low)
        end = "low" if fraction < _EDGE else "high" if fraction > 1.0 - _EDGE else ""
        rows.append(
            {"parameter": name, "mean": means[name], "low": low, "high": high,
             "edge": end}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _sentences(run: Run, found: Diagnosis) -> list[str]:
    units = units_of(run.config)
    said = [*_of_scan(found.tables["scan"])]
    for stream in dict.fromkeys(found.tables["timing"]["stream"]):
        part = {
            key: frame[frame["stream"] == stream] if "stream" in frame else frame
            for key, frame in found.tables.items()
        }
        unit = "" if units[stream] == "1" else f" {units[stream]}"
        said += _of_rain(stream, part["timing"].iloc[0], unit)
        said += _of_seasons(stream, part["seasons"], unit, run)
        if stream not in run.config.streams:
            said += _of_watched(stream, found.tables["scan"])
            continue
        said += _of_timing(stream, part["timing"].iloc[0])
        said += _of_weather(stream, part["weather"])
        said += _of_years(stream, part["years"].iloc[0], unit)
        said += of_structure(stream, part["structure"].iloc[0], unit)
    edges = found.tables["edges"]
    hit = edges[edges["edge"].fillna("") != ""]
    if len(hit):
        listed = ", ".join(f"{r.parameter} ({r.edge})" for r in hit.itertuples())
        said.append(
            f"At an end of their prior: {listed}. They may stand for a process that "
            "the model lacks, or the prior is too narrow."
        )
    return said or ["Nothing stands out in the residuals."]


def _of_scan(scan: pd.DataFrame) -> list[str]:
    if not len(scan):
        return ["Every parameter of the model that can change was calibrated."]
    best = scan.iloc[0]
    if not best["confirmed"] > _USEFUL:
        return [
            "No single parameter that was not calibrated would lower the misfit by "
            f"more than {_USEFUL:.0%}."
        ]
    later = best["validation"]
    seen = f", and in validation years by {later:.0%}" if later > 0.0 else (
        "" if later != later else ", but not in validation years")  # fmt: skip
    edge = " It ends at the edge of its range." if best["at_edge"] else ""
    return [
        f"Calibrate {best['parameter']} too ({best['description']}): at "
        f"{best['best']:.4g} instead of {best['default']:.4g} it lowers the misfit of "
        f"the calibration years by {best['confirmed']:.0%}{seen}.{edge}"
    ]


def _of_rain(stream: str, row: pd.Series, unit: str) -> list[str]:
    more = row["r_simulated"] - row["r_observed"]
    if not (row["ratio"] > _SWINGS and more > 0.2):
        return []
    return [
        f"{stream} of the model swings {row['ratio']:.1f} times as much as observed in "
        "the growing season, and with the rain of the last 64 days (correlation "
        f"{row['r_simulated']:.2f}, observed {row['r_observed']:.2f}; bias in the "
        f"driest third {row['bias_dry']:+.2g}{unit}): its water stress is too strong. "
        "Deeper roots (beta2 of IBIS) or a larger water capacity would correct it."
    ]


def _of_seasons(stream: str, seasons: pd.DataFrame, unit: str, run: Run) -> list[str]:
    if not len(seasons):
        return []
    last = seasons["period"].iloc[-1]
    part = seasons[
        (seasons["period"] == last) & (seasons["season"] == "non-growing")
    ].set_index("parameters")
    after, before = part.loc["calibrated"], part.loc["default"]
    if not after["rmse"] > before["rmse"]:
        return []
    known = run.config.streams.get(stream)
    rule = "" if known is None else known.variance
    repair = (
        " One error variance serves for summer and winter: small winter values hardly "
        f"count. Give streams.{stream}.variance as {{fraction: 0.2, floor: ..., "
        "sampled: true}, which lets errors grow with the value."
        if isinstance(rule, str) and rule in ("series", "sampled")
        else ""
    )
    return [
        f"Outside of the growing season calibrated {stream} is worse than default "
        f"(RMSE {after['rmse']:.2g} against {before['rmse']:.2g}{unit}, bias "
        f"{after['ae']:+.2g}; {last} years).{repair}"
    ]


def _of_watched(stream: str, scan: pd.DataFrame) -> list[str]:
    """Say which parameter would correct an observed stream not calibrated on."""
    if f"{stream}_lowered" not in scan or not len(scan):
        return []
    best = scan.iloc[int(np.nanargmax(scan[f"{stream}_lowered"].to_numpy(float)))]
    if not best[f"{stream}_lowered"] > _USEFUL:
        return []
    what, at = f"{best['parameter']} ({best['description']})", best[f"{stream}_at"]
    return [
        f"{stream} is observed and was not calibrated: the other streams say little of "
        f"it. Add the stream and calibrate {what}: at {at:.3g} instead of "
        f"{best['default']:.3g} it alone lowers the squared error of {stream} by "
        f"{best[f'{stream}_lowered']:.0%}."
    ]


def _of_timing(stream: str, row: pd.Series) -> list[str]:
    said = []
    for end, does in (("spring", "begins"), ("autumn", "ends")):
        days = row[end]
        if abs(days) >= _LATE:
            word = "late" if days > 0 else "early"
            said.append(
                f"The season of {stream} {does} {abs(days):.0f} days too {word}."
            )
    return said


def _of_weather(stream: str, related: pd.DataFrame) -> list[str]:
    if not len(related):
        return []
    best = related.iloc[0]
    if not (abs(best["r"]) >= _STRONG and best["p"] < _LIKELY):
        return []
    word = "high" if best["r"] > 0 else "low"
    return [
        f"In the growing season modelled {stream} is too {word} where "
        f"{best['weather']} is above its usual value (correlation {best['r']:+.2f})."
    ]


def _of_years(stream: str, row: pd.Series, unit: str) -> list[str]:
    if not row["p"] < _LIKELY:
        return []
    return [
        f"Residuals of {stream} drift by {row['per_year']:+.2g}{unit} a year over "
        f"{row['n_years']:.0f} years: the site or the record changes, and the model "
        "does not."
    ]


def _path(run: Run, pixel: Pixel) -> Path:
    return run.folder.path / "diagnosis" / f"{pixel.id:05d}.json"


def _stamp(run: Run, pixel: Pixel) -> str:
    folder = run.folder.pixel(pixel.id)
    state = state_of(folder).state
    parts = [
        digest_of_posterior(folder) if state in FINISHED else "none",
        run.config.sites,
    ]
    summary = read_summary(run.folder.pixel(pixel.id))
    parts.append(json.dumps(summary.get("inputs", {}), sort_keys=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _write(run: Run, pixel: Pixel, found: Diagnosis) -> None:
    path = _path(run, pixel)
    make_folder(path.parent)
    path.unlink(missing_ok=True)
    for key in TABLES:
        frame = found.tables.get(key, pd.DataFrame())
        with replacing(path.with_name(f"{path.stem}_{key}.csv")) as aside:
            frame.to_csv(aside, index=False, float_format="%.6g")
    facts = {"of": _stamp(run, pixel), "sentences": found.sentences}
    write_text(path, json.dumps(facts, indent=1) + "\n")
