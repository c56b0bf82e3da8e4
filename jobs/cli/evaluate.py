"""``masm simulate`` and ``masm evaluate`` for the pixels of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jobs.cli.calibrate import _N_SHOWN
from jobs.cli.tables import parameter_table, score_table
from jobs.config.process_model import model_of, units_of
from jobs.console import progress, show
from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.figures.pixel import draw_fit, draw_posterior
from jobs.inputs.pixel_data import known_truth, synthetic_parts
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_result, read_summary
from jobs.run.pixel_state import FINISHED
from jobs.run.pixels import choose, figure_names
from jobs.run.run import Run, open_run, start
from jobs.run.site_results import calibrated_means
from jobs.run.states import states_of
from jobs.stages.evaluate import evaluate_pixel, median_scores, simulate_pixel


def simulate_run(path: Path, sets: Sequence[str], ids: Sequence[int | str]) -> None:
    """Simulate pixels with default or calibrated parameters."""
    run = open_run(path)
    pixels = _with_posterior(run, choose(run.pixels, ids), sets)
    if "calibrated" in sets:
        calibrated_means(run, pixels[0])  # says what is missing, before anything runs
    start(run)
    damaged = _Damaged(len(pixels))
    with progress("simulate", len(pixels), "pixels") as on_pixels:
        for pixel in pixels:
            with damaged.passing_over(pixel):
                for parameters in sets:
                    simulate_pixel(run, pixel, parameters)
            on_pixels(1)
    damaged.report()
    show(f"simulations in {path / 'simulations'}")


def evaluate_run(path: Path, ids: Sequence[int | str]) -> None:
    """Score pixels, draw their figures, and show both."""
    run = open_run(path)
    run.folder.require_writable()
    pixels = _with_posterior(run, choose(run.pixels, ids), ["calibrated"])
    found = []
    damaged = _Damaged(len(pixels))
    with progress("evaluate", len(pixels), "pixels") as on_pixels:
        for position, pixel in enumerate(pixels):
            with damaged.passing_over(pixel):
                comparison, scores = evaluate_pixel(run, pixel)
                kept = comparison if position < _N_SHOWN or ids else None
                found.append((pixel, kept, scores))
            on_pixels(1)
    damaged.report()
    names = figure_names(run.pixels)
    every = [scores for _, _, scores in found]
    rows = model_of(run.config).parameters
    for pixel, shown_comparison, scores in found:
        if shown_comparison is None:
            continue
        label = pixel.name
        if parts := synthetic_parts(run):
            label += f", {parts}"
        figures = run.folder.figures
        draw_fit(shown_comparison, figures / f"fit_{names[pixel.id]}.png", title=label)
        result = read_result(run.folder.pixel(pixel.id))
        truth = known_truth(run, pixel) or None
        draw_posterior(
            result.posterior,
            figures / f"posterior_{names[pixel.id]}.png",
            title=label,
            meanings={name: row.description for name, row in rows.items()},
            truth=truth,
        )
        show(score_table(scores, label, units_of(run.config)))
        summary = read_summary(run.folder.pixel(pixel.id))
        show(parameter_table(summary, label, truth, rows))
    if len(pixels) > 1:
        label = f"{run.config.name}, median of {len(pixels)} pixels"
        show(score_table(median_scores(every), label, units_of(run.config)))
    show(
        f"scores   {run.folder.evaluation}\nfigures  {run.folder.figures}\n"
        + "\n".join(
            f"draws    {run.folder.pixel(p.id).posterior}" for p in pixels[:_N_SHOWN]
        )
    )


@dataclass
class _Damaged:
    """Pixels whose own files cannot be used; one of many does not stop the others."""

    n_pixels: int
    found: dict[int, ValueError | OSError] = field(default_factory=dict)

    @contextmanager
    def passing_over(self, pixel: Pixel) -> Iterator[None]:
        """Note what is wrong with a pixel's files, and go on.

        Raises
        ------
        ConfigError
            What was found at the first pixel, if something was at every one.
        """
        try:
            yield
        except (ValueError, OSError) as exc:
            if fault := system_fault(exc):
                raise fault from exc
            self.found[pixel.id] = exc
            if len(self.found) == self.n_pixels:
                first = next(iter(self.found.values()))
                if isinstance(first, ConfigError):
                    raise first from None
                raise ConfigError(
                    Problem(
                        f"pixel {next(iter(self.found))}",
                        "its files are damaged, and no other pixel can be used",
                        found=str(first)[:300],
                        wanted="what the run has written",
                        hint="masm simulate makes simulations again.",
                    )
                ) from first

    def report(self) -> None:
        """Show how many there were, and why."""
        if self.found:
            show(f"damaged  {len(self.found)} pixels, left out")
        for pixel_id, exc in list(self.found.items())[:_N_SHOWN]:
            show(f"  pixel {pixel_id}: {exc}")


def _with_posterior(
    run: Run, pixels: Sequence[Pixel], sets: Sequence[str]
) -> list[Pixel]:
    """Leave out pixels without a result, where one is needed and some have it."""
    if "calibrated" not in sets:
        return list(pixels)
    done = [p for p, s in states_of(run.folder, pixels) if s.state in FINISHED]
    return done or list(pixels)
