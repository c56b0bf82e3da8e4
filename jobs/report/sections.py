"""The sections of the page, top to bottom, each from what is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Config
from jobs.figures.labels import UNKNOWN, number, shown_unit, span, with_unit
from jobs.files import lexists
from jobs.report.parts import (
    Fact,
    Section,
    Table,
    add_pictures,
    link,
    table_of,
    whole_parts,
)
from jobs.report.regional_sections import regional
from jobs.report.results import Results
from jobs.run.provenance import read_record
from jobs.run_tables import read_run_table
from jobs.stages.screen import effects_file, title_of
from masm.problem.blocks import caveat

if TYPE_CHECKING:
    import pandas as pd

MEANINGS = {
    "no_forcing": "the weather file is missing or cannot be used",
    "no_observations": "nothing usable was observed in the calibration years",
    "observations_refused": "the observations have a fault; the failure file names it",
    "model_nan": "the model gave no finite numbers where it was tried",
    "suspicious_data": "the inputs are suspicious, and no surrogate fits; see the log",
    "surrogate_not_fitted": "the surrogate is wrong where the posterior is",
    "mode_lost": "a run fits, and no draws of the posterior lie around it",
    "not_converged": "chains disagree, or weights do not support the draws",
    "collapsed": "the canopy dies out at the minimum; see minimum in the summary",
    "no_posterior": "the method chosen gives a best point or what is not ruled out",
    "timed_out": "took longer than execution.pixel_minutes",
    "out_of_memory": "the machine had too little memory",
    "inputs_changed": "forcing or observations changed since it was begun",
    "bug": "an error of the program; the failure file has its traceback",
}
WITHOUT_CUBE = (
    "The region cube cannot be read, so the report cannot show true parameters, nor "
    "say whether the data are synthetic. Figures of maps and fluxes are those drawn "
    "before. Everything else is complete. Build the cube again, then give masm report "
    "again."
)
_N_RANKED = 12  # parameters of each stream in the table of screening


def sections(results: Results) -> list[Section]:
    """Return every section of the page.

    Parameters
    ----------
    results : Results
        Of a started run.
    """
    parts: dict[str, Callable[[Results], Section | Iterable[Section]]] = {
        "What ran, and what it cost": what_ran,
        "States, and why pixels failed": states,
        "Which parameters matter": screening,
        "Parameters": parameter_section,
        "Fit before and after": fit,
        "Sites together": joined_sites,
        "Why the calibrated model misses": diagnosis,
        "Validation at left-out sites": left_out_sites,
        "How reliable is it?": trust,
        "What each stream is worth": information,
        "The region": regional,
    }
    return [
        one
        for number, (title, make) in enumerate(parts.items())
        for one in whole_parts(
            title, f"part{number}", partial(make, results), results.errors
        )
    ]


def what_ran(results: Results) -> Section:
    """Say what was run, with what, and what it cost."""
    run, table = results.run, results.pixels
    config, record = run.config, read_record(run.folder.record)
    lock, facts_file = link(run, run.folder.lock), link(run, run.folder.record)
    pixels = link(run, run.folder.path / "report" / "pixels.csv")
    git = record.get("git") or {}
    commit = git.get("commit", "")[:12] + (
        " with changes" if git.get("changed") else ""
    )
    minutes = table["minutes"].dropna()
    facts = [
        Fact("pixels", f"{len(table)}", pixels),
        Fact("finished", f"{len(results.finished)}", pixels),
        Fact("model runs", f"{table['n_model_runs'].sum():,.0f}", pixels),
        Fact("of these failed", f"{table['n_failed_runs'].sum():,.0f}", pixels),
        Fact("core hours", f"{minutes.sum() / 60:.2f}", pixels),
        Fact("median minutes a pixel", number(minutes.median(), ".2f"), pixels),
        Fact("method", config.calibration.method, lock),
        Fact("streams", ", ".join(config.streams).upper(), lock),
        Fact("calibration years", _years(config, "calibration"), lock),
        Fact("validation years", _years(config, "validation"), lock),
        *[Fact(name, value, lock) for name, value in experiments(config)],
        Fact("seed", str(config.seed), lock),
        Fact("started", record.get("started", "–")[:16].replace("T", " "), facts_file),
        Fact("masm", record.get("versions", {}).get("masm", "–"), facts_file),
        Fact("commit", commit or "–", facts_file),
    ]
    section = Section("What ran, and what it cost", "what", facts=facts)
    if results.unreadable:
        section.notes.append(f"{WITHOUT_CUBE}\n{results.unreadable}")
    if results.synthetic:
        section.notes.append(
            f"This run is not of real observations: {results.synthetic}, the model's "
            "own output at known parameters with noise. It tests the calibration and "
            "says nothing of a real place."
        )
    return section


def experiments(config: Config) -> list[tuple[str, str]]:
    """Say what of a run is an experiment: a name and what was done, for each."""
    chosen, found = config.calibration, []
    if chosen.sweeps > 1:
        found.append(("sweeps of the blocks", str(chosen.sweeps)))
    for what in ("streams", "years", "sites"):
        if left_out := getattr(chosen.leave_out, what):
            found.append((f"{what} left out", ", ".join(map(str, left_out))))
    for name, factor in config.model.scaling.items():
        row = model_of(config).parameters[name]
        of = ", ".join(factor.parameters)
        said = f"{row.low:.3g} to {row.high:.3g} times {of}"
        found.append((f"scaling factor {name}", said))
    for name, stream in config.streams.items():
        if stream.treatment != "none":
            found.append((f"treatment of {name}", stream.treatment))
        if stream.discrepancy is not None:
            rule = stream.discrepancy
            season = ", half of it seasonal" if rule.seasonal else ""
            found.append(
                (
                    f"model discrepancy of {name}",
                    f"sd {rule.sd:g} over {rule.days:g} days{season}",
                )
            )
        if errors := stream.errors.unusual:
            said = ", ".join(
                f"{k.replace('_', ' ')} {v if isinstance(v, str) else format(v, 'g')}"
                for k, v in errors.items()
            )
            found.append((f"errors of {name}", said))
    return found


def _years(config: Config, period: str) -> str:
    if config.periods.by_site is not None:
        return "each site's own"
    return str(getattr(config.periods, period))


def states(results: Results) -> Section:
    """Count states, and list why pixels failed or are suspect."""
    import pandas as pd

    run, table = results.run, results.pixels
    section = Section("States, and why pixels failed", "states")
    source = [link(run, run.folder.path / "report" / "pixels.csv")]
    counted = table.groupby("state").size().sort_values(ascending=False)
    frame = pd.DataFrame(
        {"state": counted.index, "pixels": counted, "fraction": counted / len(table)}
    )
    section.tables.append(
        table_of(frame, "Pixels by state", source, {"pixels": "d", "fraction": ".0%"})
    )
    rows = []
    for (state, reason), part in table[table["reason"] != ""].groupby(
        ["state", "reason"]
    ):
        again = f"masm retry RUN --reason {reason}" if state == "failed" else ""
        first = results.run.folder.pixel(int(part["pixel"].iloc[0]))
        files = (first.failure, first.summary)
        evidence = next((file for file in files if file.exists()), first.block)
        rows.append(
            {
                "state": state,
                "reason": reason,
                "pixels": len(part),
                "meaning": MEANINGS.get(str(reason), ""),
                "try again": again,
                "first": link(run, evidence, f"pixel {part['pixel'].iloc[0]}"),
            }
        )
    if rows:
        section.tables.append(
            table_of(pd.DataFrame(rows), "Reasons", source, {"pixels": "d"})
        )
    return section


def screening(results: Results) -> Section:
    """Show which parameters the streams are sensitive to."""
    run = results.run
    section = Section("Which parameters matter", "screening", "screen")
    folder = run.folder.path / "screening"
    title, of_variance = title_of(run.config), run.config.screening.method != "morris"
    add_pictures(
        results.run,
        section,
        "screening.png",
        "Box plots of each parameter's fraction, by stream",
        f"{title[0].upper()}{title[1:]}: fraction of "
        + ("the variance." if of_variance else "the summed effects."),
    )
    path = folder / "selection.csv"
    if path.exists():
        section.tables.append(_selection_table(results, path))
    if run.config.screening.method == "sums_of_squares" and path.exists():
        section.notes += _undescribed(effects_file(run))
    return section


def _undescribed(path: Path) -> list[str]:
    """Say which streams the regression of sums of squares does not describe."""
    from jobs.netcdf_files import read_netcdf
    from masm.sensitivity.regression import described

    if not path.exists():
        return []
    effects = read_netcdf(path)
    streams = effects["stream"].to_numpy()[~described(effects)]
    return (
        [
            f"The regression does not describe {', '.join(map(str, streams))}: its "
            "adjusted R2 is under 0.8, effects are curved or of higher order. Do not "
            "use these fractions; use Sobol indices."
        ]
        if len(streams)
        else []
    )


def _selection_table(results: Results, path: Path) -> Table:
    """Show the parameters that matter most to each stream."""
    import pandas as pd

    frame = read_run_table(
        path,
        ["stream", "parameter", "chosen", "selected"],
        ["rank", "share", "q25", "q75", "cumulative"],
    )
    frame = frame[frame["rank"] <= _N_RANKED].sort_values(["stream", "rank"])
    words = {True: "yes", False: ""}
    pairs = list(zip(frame["q25"], frame["q75"], strict=True))
    quartiles = [span(low, high, ".1%") for low, high in pairs]
    differ = any(low != high for low, high in pairs)  # of one pixel they do not
    shown = pd.DataFrame(
        {
            "stream": frame["stream"].str.upper(),
            "rank": frame["rank"],
            "parameter": frame["parameter"],
            "fraction": frame["share"],
            **({"quartiles over pixels": quartiles} if differ else {}),
            "up to here": frame["cumulative"],
            "chosen for the stream": frame["chosen"].map(words),
            "selected": frame["selected"].map(words),
        }
    )
    caption = (
        f"The {_N_RANKED} most important parameters of each stream: fraction of its "
        + (
            "summed effects (mean over pixels)."
            if results.run.config.screening.method == "morris"
            else "variance (mean over statistics and pixels)."
        )
    )
    formats = {"rank": "d", "fraction": ".1%", "up to here": ".1%"}
    return table_of(shown, caption, [link(results.run, path)], formats)


def joined_sites(results: Results) -> list[Section]:
    """Show sites separate, pooled and hierarchical, where a run joins them."""
    from jobs.report.joined import section_of_sites

    run = results.run
    return [] if run.config.sites == "separate" else [section_of_sites(run)]


def diagnosis(results: Results) -> list[Section]:
    """Say why the calibrated model misses, where ``masm diagnose`` has looked."""
    from jobs.report.diagnosis import section_of_diagnosis

    run = results.run
    if run.config.pixels.source == "towers" or (run.folder.path / "diagnosis").is_dir():
        return [section_of_diagnosis(run)]
    return []


def left_out_sites(results: Results) -> list[Section]:
    """Show the validation at left-out sites, of a run of several sites."""
    from jobs.report.spatial import section_of_spatial

    run = results.run
    if run.config.pixels.source == "towers" or (run.folder.path / "spatial").is_dir():
        return [section_of_spatial(run)]
    return []


def _unbroken(unit: str) -> str:
    """Return a unit that a browser keeps on one line."""
    return unit if unit == "-" else unit.replace(" ", "\u00a0").replace("-", "-\u2060")


def parameter_section(results: Results) -> Section:
    """Prior, posterior, default and edge of each parameter."""
    import pandas as pd

    run = results.run
    section = Section("Parameters", "parameters", "calibrate")
    if not results.finished:
        return section
    source = [link(run, run.folder.path / "report" / "parameters.csv")]
    rows, many = results.parameter_rows, len(results.finished) > 1
    meanings = [
        with_unit(meaning, _unbroken(shown_unit(unit)))
        for meaning, unit in zip(rows["meaning"], rows["unit"], strict=True)
    ]
    frame = pd.DataFrame(
        {
            "parameter": rows["parameter"],
            "meaning (unit)": meanings,
            "prior": _ranges(rows["prior_low"], rows["prior_high"]),
            "default": rows["default"],
            "posterior mean": rows["mean"],
            "5 to 95 %": _ranges(rows["q05"], rows["q95"]),
            "uncertainty reduction": rows["learnt"],
            "at edge of prior": [
                _edge(low, high, many)
                for low, high in zip(
                    rows["at_low_bound"], rows["at_high_bound"], strict=True
                )
            ],
            "worst R-hat": rows["worst_r_hat"],
            "smallest ESS": rows["smallest_ess"],
        }
    )
    formats = dict.fromkeys(("default", "posterior mean"), ".3g")
    formats |= {
        "uncertainty reduction": ".0%",
        "worst R-hat": ".3f",
        "smallest ESS": ".0f",
    }
    caption = (
        "Medians over finished pixels; edges are the fraction of pixels whose "
        "posterior crowds there."
        if many
        else "Posterior of the pixel."
    )
    caption += (
        " Uncertainty reduction: 1 - sd / prior sd; 0 means that the observations did "
        "not constrain the parameter."
    )
    section.tables.append(table_of(frame, caption, source, formats))
    chosen = run.config.calibration
    if chosen.proposals is None:
        held = caveat([block.parameters for block in chosen.blocks])
        section.notes.extend([held] if held else [])
    if len(results.error_rows):
        section.tables.append(_error_table(results))
    alt = "Histograms of posterior draws between prior bounds, default marked"
    add_pictures(
        results.run,
        section,
        "fig02*.png",
        alt,
        "Posterior densities of up to ten pixels (Figure 2).",
    )
    add_pictures(
        results.run,
        section,
        "fig03*.png",
        "Histograms of posterior means over pixels, default marked",
        "Posterior means of all finished pixels (Figure 3).",
    )
    add_pictures(
        results.run, section, "posterior_*.png", alt, "Posterior of one pixel."
    )
    return section


def _error_table(results: Results) -> Table:
    """Show the errors of unknown size that were found with the parameters."""
    import pandas as pd

    rows, many = results.error_rows, len(results.finished) > 1
    frame = pd.DataFrame(
        {
            "stream": rows["stream"],
            "factor": rows["mean"],
            "5 to 95 %": _ranges(rows["q05"], rows["q95"]),
            "at edge of prior": [
                _edge(low, high, many)
                for low, high in zip(
                    rows["at_low_bound"], rows["at_high_bound"], strict=True
                )
            ],
        }
    )
    run = results.run
    return table_of(
        frame,
        "Factor on the standard deviation of each stream's errors, found with the "
        "parameters: 1 where they are as stated. Medians over finished pixels.",
        [link(run, run.folder.path / "report" / "error_scale.csv")],
        {"factor": ".3g"},
    )


def fit(results: Results) -> Section:
    """Fit before and after, by stream and period."""
    import pandas as pd

    run = results.run
    section = Section("Fit before and after", "fit", "evaluate")
    if not len(results.scores):
        return section
    scores, units = results.scores, units_of(run.config)
    rows = []
    for key, part in scores.groupby(["stream", "period"], sort=False):
        stream, period = map(str, key)
        by = part.groupby("parameters")[["r", "rmse", "ae", "diso"]].median()
        diso = part.pivot(index="pixel", columns="parameters", values="diso")
        row: dict[str, Any] = {"stream": stream, "unit": shown_unit(units[stream])}
        row["period"] = period
        for score in ("r", "rmse", "ae", "diso"):
            before, after = (
                float(by[score]["default"]),
                float(by[score]["calibrated"]),
            )
            row[score.upper()] = f"{number(before, '.3f')} → {number(after, '.3f')}"
        both = diso[["calibrated", "default"]].dropna()  # unknown is not worse
        row["DISO better in"] = (both["calibrated"] < both["default"]).mean()
        rows.append(row)
    n = scores["pixel"].nunique()
    over = f"Medians over {n} pixels" if n > 1 else "Scores"
    frame = pd.DataFrame(rows)
    formats = {"DISO better in": ".0%"}
    source = [link(run, run.folder.path / "report" / "scores.csv")]
    section.tables.append(
        table_of(
            frame,
            f"{over} of window means, default → calibrated. RMSE and AE (mean of model "
            "minus observed) have the stream's unit; fluxes are mass of "
            "carbon. DISO is 0 for a perfect fit.",
            source,
            formats,
        )
    )
    if n < len(results.finished):
        section.notes.append(
            f"{n} of {len(results.finished)} finished pixels have scores; "
            "masm evaluate makes the rest."
        )
    for pattern, alt, caption in (
        (
            "fig04*.png",
            "DISO histograms, and density of calibrated against observed window means",
            "DISO before and after, and calibrated against observed (Figure 4).",
        ),
        (
            "fig08*.png",
            "Histograms of R squared, RMSE, AE and DISO, default and calibrated",
            "Scores before and after (Figure 8).",
        ),
        (
            "fit_*.png",
            "Time series of observed, default and calibrated window means",
            "Window means (8-day for daily data) through time, of one pixel.",
        ),
    ):
        add_pictures(results.run, section, pattern, alt, caption)
    return section


def trust(results: Results) -> Section:
    """Figures that say how reliable the posteriors are."""
    section = Section("How reliable is it?", "trust", "calibrate")
    for pattern, alt, caption in (
        (
            "chains_*.png",
            "Traces of four chains, and heat map of rank fractions of all chains",
            "Chains: the chains agree if all ranks are equally frequent.",
        ),
        (
            "surrogate_*.png",
            "Cost of every model run, and error of the surrogate's predictions",
            "Cost of each model run, in their order, and error of the surrogate.",
        ),
        (
            "predictive_*.png",
            "Observed window means inside bands of the model at posterior draws",
            "The model at draws of the posterior, beside what was observed.",
        ),
        (
            "coverage.png",
            "Fraction of intervals that hold the truth against their nominal level",
            "How often intervals hold the known truth of a twin. Below the band they "
            "are too narrow, for example because the truth differs in parameters that "
            "were not calibrated too.",
        ),
    ):
        add_pictures(results.run, section, pattern, alt, caption)
    return section


def information(results: Results) -> list[Section]:
    """What each stream is worth; no section where nobody has asked."""
    from jobs.figures.information import reduction_table

    run = results.run
    section = Section("What each stream is worth", "information", "information")
    for key in ("target", "parameter"):
        path = run.folder.information / f"{key}s.csv"
        if not lexists(path):
            continue
        try:
            rows = reduction_table(read_run_table(path, numbers=["reduction"]), key)
        except (ValueError, KeyError):  # not as it was written
            continue
        names = [str(column) for column in rows.columns[1:]]
        section.tables.append(
            table_of(
                rows,
                f"Uncertainty reduction of each {key} with all streams and without "
                "each: 1 - posterior sd / prior sd, linearised at the posterior mean; "
                "medians over pixels.",
                [link(run, path)],
                dict.fromkeys(names, ".2f"),
            )
        )
    add_pictures(
        run,
        section,
        "information.png",
        "Fields of uncertainty reductions of parameters and targets by experiment",
        "Uncertainty reduction with all streams, and with each left out in turn.",
    )
    return [] if section.empty else [section]


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    return [span(a, b, ".3g") for a, b in zip(low, high, strict=True)]


def _edge(low: float, high: float, many: bool) -> str:
    """Say at which end of its prior a posterior piles up, and in how many pixels."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return UNKNOWN
    ends = [("low", low), ("high", high)]
    if many:
        return (
            ", ".join(f"{end} {fraction:.0%}" for end, fraction in ends if fraction)
            or "none"
        )
    return " and ".join(end for end, fraction in ends if fraction) or "no"
