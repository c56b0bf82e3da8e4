"""The judgement of a soil-carbon run: what is unlikely of its tables and its weather.

What cannot be is refused where the tables are read. A doubt is said, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.inputs.judgement import falls_with_warmth
from jobs.process_models import century_domain

if TYPE_CHECKING:
    from jobs.config.soil_carbon import SoilCarbonConfig
    from jobs.inputs.soil_carbon import Inputs

_USUAL = (0.033, 0.8)
"""kg m-2 of carbon in a centimetre of soil: means of nearly all grasslands."""
_FALLS, _MANY = 0.2, 100
"""Correlation of so many months with temperature that says that a sign is wrong: 14 of
15 grassland towers have one above -0.22."""
_MONTH = "g m-2 month-1"


def judge_soil_carbon(config: SoilCarbonConfig, inputs: Inputs) -> list[str]:
    """Return doubts about stocks, profiles, fluxes and the domain's weather."""
    from jobs.inputs.soil_carbon import profile_table

    rule = config.observations
    doubts = [f"stocks: {one}" for one in _of_stocks(inputs, rule.soc.depth)]
    table = profile_table(config.folder / rule.soc.file)
    if table is not None:
        doubts += [f"{rule.soc.file}: {one}" for one in _of_horizons(*table, config)]
    doubts += [f"NEP: {one}" for one in _of_fluxes(inputs)]
    domain = Path(str(config.domain.file or config.domain.source)).name
    weather = century_domain.weather_doubts(inputs.forcing)
    return doubts + [f"{domain}: {one}" for one in weather]


def _of_stocks(inputs: Inputs, depth: float) -> Iterator[str]:
    value = inputs.observed.value[inputs.observed.is_stock]
    if not value.size:
        return
    mean = float(value.mean())
    low, high = (depth * one for one in _USUAL)
    if not low <= mean <= high:
        yield (
            f"mean {mean:.3g} kg m-2 in 0-{depth:g} cm is outside {low:.2g} to "
            f"{high:.2g}, where nearly all grasslands lie: t ha-1 (a tenth of it), "
            "g cm-2 (ten times), or carbon in percent?"
        )


def _of_horizons(
    top: np.ndarray, bottom: np.ndarray, rock: np.ndarray, config: SoilCarbonConfig
) -> Iterator[str]:
    depth = config.observations.soc.depth
    thick = (top == 0.0) & (bottom > 2.0 * depth)
    if thick.any():
        yield (
            f"{int(thick.sum())} of {int((top == 0.0).sum())} horizons at the surface "
            f"reach to {float(bottom[thick].max()):g} cm, and 0-{depth:g} cm is "
            "wanted: are depths in mm?"
        )
    some = rock[rock > 0.0]
    if some.size and float(some.max()) <= 1.0:
        yield (
            f"rock fragments of at most {float(some.max()):g} %: are they fractions "
            "of 1?"
        )


def _of_fluxes(inputs: Inputs) -> Iterator[str]:
    """Doubts about months of NEP, by themselves and beside the warmth of the month."""
    from masm.observations.doubts import doubts_of_values

    observed = inputs.observed
    flux = ~observed.is_stock
    if not flux.any():
        return
    value, cell = observed.value[flux], observed.targets.cell[flux]
    yield from doubts_of_values("nep", _MONTH, value, None)
    low, high = (inputs.forcing[name].to_numpy() for name in ("tmin", "tmax"))
    month = observed.targets.month[flux]
    at = (month,) if low.ndim == 1 else (cell, month)
    warmth = 0.5 * (low[at] + high[at])
    latitude = np.abs(np.atleast_1d(inputs.forcing["lat"].to_numpy())).min()
    if latitude >= 30.0 and value.size >= _MANY:
        r = falls_with_warmth(value, warmth, _FALLS)
        if r is not None:
            yield (
                f"it falls as it gets warm (r {r:.2f}): is it NEE, of the other sign?"
            )
