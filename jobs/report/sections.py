"""The sections of the page, top to bottom, each from what is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import units_of
from jobs.figures.labels import UNKNOWN, number, shown_unit, span, with_unit
from jobs.inputs.pixel_data import synthetic_parts
from jobs.report.parts import Fact, Section, Table, add_pictures, link, table_of
from jobs.report.regional_sections import regional
from jobs.report.results import Results
from jobs.run.provenance import read_record
from jobs.stages.screen import effects_file, title_of
from masm.problem.blocks import caution

if TYPE_CHECKING:
    import pandas as pd

MEANINGS = {
    "no_forcing": "the weather file is missing or cannot be used",
    "no_observations": "nothing usable was observed in the calibration years",
    "model_nan": "the model gave no finite numbers where it was tried",
    "suspicious_data": "the inputs are suspicious, and no surrogate fits; see the log",
    "surrogate_not_fitted": "the surrogate is wrong where the posterior is",
    "mode_lost": "a run fits, and no draws of the posterior lie around it",
    "not_converged": "chains on the surrogate disagree",
    "collapsed": "the canopy dies out at the minimum; see minimum in the summary",
    "no_posterior": "the method chosen gives a best point or what is not ruled out",
    "timed_out": "took longer than execution.pixel_minutes",
    "out_of_memory": "the machine had too little memory",
    "inputs_changed": "forcing or observations changed since it was begun",
    "bug": "an error of the program; the failure file has its traceback",
}
_N_RANKED = 12  # parameters of each stream in the table of screening


def sections(results: Results) -> list[Section]:
    """Return every section of the page.

    Parameters
    ----------
    results : Results
        Of a started run.
    """
    return [
        what_ran(results),
        states(results),
        screening(results),
        parameter_section(results),
        fit(results),
        *joined_sites(results),
        trust(results),
        *information(results),
        *regional(results),
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
        Fact("streams", ", ".join(config.streams), lock),
        Fact("calibration years", str(config.periods.calibration), lock),
        Fact("validation years", str(config.periods.validation), lock),
        Fact("seed", str(config.seed), lock),
        Fact("started", record.get("started", "–")[:16].replace("T", " "), facts_file),
        Fact("masm", record.get("versions", {}).get("masm", "–"), facts_file),
        Fact("commit", commit or "–", facts_file),
    ]
    section = Section("What ran, and what it cost", "what", facts=facts)
    parts = synthetic_parts(run)
    if parts:
        section.notes.append(
            f"This run is not of real observations: {parts}, the model's own output at "
            "known parameters with noise. It tests the calibration and says nothing of "
            "a real place."
        )
    return section


def states(results: Results) -> Section:
    """Count states, and list why pixels failed or are suspect."""
    import pandas as pd

    run, table = results.run, results.pixels
    section = Section("States, and why pixels failed", "states")
    source = [link(run, run.folder.path / "report" / "pixels.csv")]
    counted = table.groupby("state").size().sort_values(ascending=False)
    frame = pd.DataFrame(
        {"state": counted.index, "pixels": counted, "share": counted / len(table)}
    )
    section.tables.append(
        table_of(frame, "Pixels by state", source, {"pixels": "d", "share": ".0%"})
    )
    rows = []
    for (state, reason), part in table[table["reason"] != ""].groupby(
        ["state", "reason"]
    ):
        again = f"masm retry RUN --reason {reason}" if state == "failed" else ""
        first = results.run.folder.pixel(int(part["pixel"].iloc[0]))
        evidence = first.failure if first.failure.exists() else first.summary
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
        "Box plots of each parameter's share, by stream",
        f"{title[0].upper()}{title[1:]}: share of "
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
            "use these shares; use Sobol indices."
        ]
        if len(streams)
        else []
    )


def _selection_table(results: Results, path: Path) -> Table:
    """Show the parameters that matter most to each stream."""
    import pandas as pd

    frame = pd.read_csv(path)
    frame = frame[frame["rank"] <= _N_RANKED].sort_values(["stream", "rank"])
    words = {True: "yes", False: ""}
    shown = pd.DataFrame(
        {
            "stream": frame["stream"],
            "rank": frame["rank"],
            "parameter": frame["parameter"],
            "share": frame["share"],
            "quartiles over pixels": [
                span(low, high, ".1%")
                for low, high in zip(frame["q25"], frame["q75"], strict=True)
            ],
            "up to here": frame["cumulative"],
            "chosen for the stream": frame["chosen"].map(words),
            "selected": frame["selected"].map(words),
        }
    )
    caption = (
        f"The {_N_RANKED} most important parameters of each stream: share of its "
        + (
            "summed effects (mean over pixels)."
            if results.run.config.screening.method == "morris"
            else "variance (mean over statistics and pixels)."
        )
    )
    formats = {"rank": "d", "share": ".1%", "up to here": ".1%"}
    return table_of(shown, caption, [link(results.run, path)], formats)


def joined_sites(results: Results) -> list[Section]:
    """Show sites separate, pooled and hierarchical, where a run joins them."""
    from jobs.report.joined import section_of_sites

    run = results.run
    return [] if run.config.sites == "separate" else [section_of_sites(run)]


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
        with_unit(*pair) for pair in zip(rows["meaning"], rows["unit"], strict=True)
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
        held = caution([block.parameters for block in chosen.blocks])
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
            "Traces of four chains, and heat map of rank shares of all chains",
            "Chains: the chains agree if all ranks are equally frequent.",
        ),
        (
            "surrogate_*.png",
            "Cost of every model run, and error of the surrogate's predictions",
            "Model runs and the surrogate's error, as they came in.",
        ),
        (
            "predictive_*.png",
            "Observed window means inside bands of the model at posterior draws",
            "The model at draws of the posterior, beside what was observed.",
        ),
        (
            "coverage.png",
            "Share of intervals that hold the truth against their nominal level",
            "How often intervals hold the known truth of a twin.",
        ),
    ):
        add_pictures(results.run, section, pattern, alt, caption)
    return section


def information(results: Results) -> list[Section]:
    """What each stream is worth; no section where nobody has asked."""
    import pandas as pd

    from jobs.figures.information import reduction_table

    run = results.run
    section = Section("What each stream is worth", "information", "information")
    for key in ("target", "parameter"):
        path = run.folder.information / f"{key}s.csv"
        if not path.exists():
            continue
        try:
            rows = reduction_table(pd.read_csv(path), key)
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
    """Say at which end of its prior a posterior piles up, in what share of pixels."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return UNKNOWN
    ends = [("low", low), ("high", high)]
    if many:
        return ", ".join(f"{end} {share:.0%}" for end, share in ends if share) or "none"
    return " and ".join(end for end, share in ends if share) or "no"
