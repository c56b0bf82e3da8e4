"""Write rehearsals of a run's calibrated pixels that are towers of CalLMIP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from jobs.callmip.rehearsal import Origin, rehearse
from jobs.callmip.sites import SITES
from jobs.callmip.write import write_content
from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.inputs.posterior_runs import require_separate, run_posterior
from jobs.run.pixel import Pixel
from jobs.run.run import Run


def towers(run: Run) -> list[tuple[Pixel, str]]:
    """Return the run's pixels that are towers of CalLMIP, with the site's name.

    Raises
    ------
    ConfigError
        If there is none, or the model does not stand for the vegetation of one.
    """
    model = model_of(run.config)
    plant_type = getattr(model, "plant_type", "")
    if not plant_type:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "model",
                found=f"{model.title}, which names no plant type and no outputs",
                wanted="a process model with files for CalLMIP",
                hint="Its adapter needs the attributes plant_type and exported.",
            )
        )
    found = [(pixel, _site_of(pixel)) for pixel in run.pixels]
    at_sites = [(pixel, site) for pixel, site in found if site]
    wanted = [name for name, site in SITES.items() if site.plant_type == plant_type]
    others = [site for _, site in at_sites if site not in wanted]
    if others or not at_sites:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "pixels",
                found=f"vegetation of another kind at {', '.join(others)}"
                if others
                else "no pixel named as a site of CalLMIP",
                wanted=f"{plant_type} sites: {', '.join(wanted)}",
                hint="The name of a pixel must be the site's code, such as DE-Hai.",
            )
        )
    return at_sites


def export_run(run: Run, folder: Path) -> Iterator[Path]:
    """Write the prior and the posterior file of every tower, and yield each.

    Parameters
    ----------
    run : Run
        With calibrated pixels.
    folder : pathlib.Path
        One folder for each model output is made in it.

    Raises
    ------
    ConfigError
        If a pixel is no tower of CalLMIP's or is not calibrated; before any work.
    """
    pairs = towers(run)
    require_separate(run, [pixel for pixel, _ in pairs])
    for pixel, site in pairs:
        yield from _export_tower(run, pixel, site, folder)


def _export_tower(run: Run, pixel: Pixel, site: str, folder: Path) -> Iterator[Path]:
    ran = run_posterior(run, pixel)
    runs = {"Prior": ran.prior, "Posterior": ran.posterior}
    origin = _origin(run, pixel, site, ran.means)
    for stage, simulated in runs.items():
        name = origin.name(stage)
        members = ran.members if stage == "Posterior" else None
        content = rehearse(origin, stage, simulated, members)
        path = folder / name.output / str(name)
        write_content(path, content)
        yield path


def _origin(run: Run, pixel: Pixel, site: str, means: Mapping[str, float]) -> Origin:
    model, of_masm = model_of(run.config), version("masm")
    text = json.dumps(dict(means), sort_keys=True)
    return Origin(
        model=f"{model.title.replace('_', '-').replace(' ', '-')}.{of_masm}",
        site=site,
        latitude=pixel.latitude,
        longitude=pixel.longitude,
        streams=tuple(run.config.streams),
        attributes={
            "title": f"{run.config.name}, {pixel.name}",
            "source": f"{model.title}, masm {of_masm}",
            "plant_type": SITES[site].plant_type,
            "parameters": text,
            "parameter_set": hashlib.sha256(text.encode()).hexdigest(),
        },
    )


def _site_of(pixel: Pixel) -> str:
    return next((name for name in (pixel.name, pixel.key) if name in SITES), "")
