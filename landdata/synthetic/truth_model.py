"""The process model that makes the truth of a synthetic region.

``landdata`` knows no model. A synthetic region needs one, to say what LAI and GPP would
be: any package that offers what `TruthModel` says, named by its import name, so that
workers can open it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

DEFAULT_MODEL = "ibis_dalec"


class TruthModel(Protocol):
    """What a synthetic region asks of a process model."""

    def parameter_table(self) -> pd.DataFrame:
        """Return min, max, unit and description of each parameter, by its id."""

    def simulate_pixels(
        self,
        forcing: xr.Dataset,
        parameters: Mapping[str, NDArray[np.float64]],
        *,
        outputs: Sequence[str],
        window: NDArray[np.int64],
    ) -> xr.Dataset:
        """Return means of outputs over windows of days, (pixel, window).

        ``forcing`` is over (pixel, time), ``parameters`` over (pixel,); ``window``
        gives each day the number of its window.
        """


def truth_model(name: str = DEFAULT_MODEL) -> TruthModel:
    """Open a model by its import name.

    Examples
    --------
    >>> "vmax" in truth_model().parameter_table().index
    True
    """
    module: Any = import_module(name)
    return cast(TruthModel, module)
