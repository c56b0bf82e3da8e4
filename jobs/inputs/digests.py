"""What a pixel was calibrated on, as digests: so that two weathers are never mixed.

Files of a pixel can be changed between a stop and the next start, or after the pixel is
finished. The digests are of what was read of them, and are in the pixel's checkpoint
and result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.run.pixel import Pixel
from jobs.run.run import Run

if TYPE_CHECKING:
    import xarray as xr

_SHOWN = 5  # pixels in a message


def input_digests(
    run: Run, pixel: Pixel, forcing: xr.Dataset, observations: xr.Dataset | None
) -> dict[str, str]:
    """Return the digests of what was read of a pixel's own files.

    Parameters
    ----------
    run, pixel
        Which pixel of which run. A single tower's files are in ``run.json``, and
        generated weather has none: no digests then.
    forcing : xarray.Dataset
        As `forcing_of` gave it.
    observations : xarray.Dataset or None
        As `observations_of` gave them; a twin's are made and not read.
    """
    if not run.source.has_pixel_files:
        return {}
    found = {"forcing": digest_of(forcing)}
    if run.config.twin is None and observations is not None:
        found["observations"] = digest_of(observations)
    return found


def digest_of(data: xr.Dataset) -> str:
    """Return the SHA-256 of a dataset's names, units and values, in any order.

    Examples
    --------
    >>> import xarray as xr
    >>> one = xr.Dataset({"a": ("time", [1.0, 2.0])})
    >>> digest_of(one) == digest_of(one.copy(deep=True))
    True
    >>> digest_of(one) == digest_of(one + 1e-12)
    False
    """
    sha = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        variable = data.variables[name]
        values = np.ascontiguousarray(variable.to_numpy())
        if values.dtype == object:
            values = values.astype(str)
        units = variable.attrs.get("units", "")
        head = f"{name}{variable.dims}{values.dtype.str}{values.shape}{units}"
        sha.update(head.encode() + b"\0" + values.tobytes())
    return sha.hexdigest()


def changed_inputs(run: Run, pixel: Pixel, summary: dict[str, Any]) -> list[str]:
    """Return which files of a finished pixel are not what it was calibrated on.

    A file that cannot be read any more, or is gone, is not what it was either: one
    pixel's odd file is reported as that pixel's, and stops no look at the others.
    """
    kept = summary.get("inputs", {})
    if not kept:
        return []  # of an earlier version, or without files of its own
    odd: list[str] = []
    forcing: xr.Dataset | None = None
    observations: xr.Dataset | None = None
    try:
        forcing = forcing_of(run, pixel)
        if "observations" in kept:
            observations = observations_of(run, pixel, forcing)
    except ValueError as exc:
        if fault := system_fault(exc):
            raise fault from exc
        odd = ["forcing" if forcing is None else "observations"]
    if forcing is None:
        return odd
    found = input_digests(run, pixel, forcing, observations)
    return sorted({*odd, *_changed(kept, found)})


def refuse_changed_inputs(run: Run, pixels: Iterable[tuple[Pixel, Any]]) -> None:
    """Refuse to go on with a run whose finished pixels came of other files.

    Parameters
    ----------
    run : Run
    pixels : iterable of (Pixel, dict)
        Finished pixels and their summaries. All are looked at.

    Raises
    ------
    ConfigError
        Naming pixels and what changed, and both ways to go on.
    """
    changed = {
        pixel.given_id: " and ".join(found)
        for pixel, summary in pixels
        if (found := changed_inputs(run, pixel, summary))
    }
    if not changed:
        return
    shown = ", ".join(f"{one} ({what})" for one, what in list(changed.items())[:_SHOWN])
    more = f", ... {len(changed)} in all" if len(changed) > _SHOWN else ""
    raise ConfigError(
        Problem(
            str(run.folder.path / "pixels"),
            "inputs of finished pixels changed since these were calibrated",
            found=f"pixel {shown}{more}",
            wanted="the files that their posteriors came of",
            hint="Put them back; or calibrate those pixels on the new ones: masm retry "
            f"{run.folder.path} --reason inputs_changed",
        )
    )


def require_same_inputs(
    run: Run,
    pixel: Pixel,
    summary: dict[str, Any],
    forcing: xr.Dataset,
    observations: xr.Dataset | None = None,
) -> None:
    """Refuse to run a pixel's posterior with other files than it came of.

    Raises
    ------
    ConfigError
        Naming what changed.
    """
    kept = dict(summary.get("inputs", {}))
    if observations is None:
        kept.pop("observations", None)
    if not kept:
        return
    changed = _changed(kept, input_digests(run, pixel, forcing, observations))
    if changed:
        raise ConfigError(
            Problem(
                f"pixel {pixel.id}",
                f"its {' and '.join(changed)} changed since it was calibrated",
                wanted="the files that its posterior came of",
                hint="Put them back; or calibrate it on the new ones: masm retry "
                f"{run.folder.path} --reason inputs_changed --pixel {pixel.id}",
            )
        )


def _changed(kept: dict[str, str], found: dict[str, str]) -> list[str]:
    return [name for name, digest in kept.items() if found.get(name) != digest]
