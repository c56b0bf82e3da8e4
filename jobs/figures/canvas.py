"""What all figures share: colours, labels, a canvas, and the table beside the picture.

Colours are of the Okabe-Ito set, which colour-blind readers can distinguish; line
styles and markers differ too. No figure needs a display or pyplot's global state.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.figures.labels import total_unit
from jobs.files import replacing
from jobs.spreadsheets import safe_texts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
SEQUENTIAL = "viridis"
"""Colour map of a quantity; even in grey and for colour-blind readers."""
DIVERGING = "PuOr_r"
"""Colour map of a difference; centre it on zero."""
STREAM_LABELS = {
    "lai": "LAI",
    "gpp": "GPP (g m-2 d-1)",
    "er": "Ecosystem respiration (g m-2 d-1)",
    "nee": "NEE (g m-2 d-1)",
}


def new_figure(
    n_rows: int, n_columns: int, height: float, *, width: float = 10
) -> tuple[Figure, Any]:
    """Return a figure and its axes (n_rows, n_columns).

    Parameters
    ----------
    n_rows, n_columns : int
        Of axes.
    height : float
        Of each row, inches.
    width : float
        Of the whole figure, inches.
    """
    use_own_settings()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (width, 0.9 + height * n_rows)
    figure = Figure(figsize=size, layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def use_own_settings() -> None:
    """Draw with matplotlib's own settings, whatever lies in the working directory.

    A ``matplotlibrc`` there is read when matplotlib is imported, and could have every
    text set by LaTeX.

    Raises
    ------
    ConfigError
        If matplotlib cannot even be imported with it.
    """
    try:
        import matplotlib
    except Exception as exc:
        raise ConfigError(
            Problem(
                "matplotlibrc",
                "matplotlib does not start with its settings",
                found=f"{type(exc).__name__}: {exc}"[:200],
                wanted="a matplotlibrc that it can read, or none",
                hint="It is looked for in the working directory, at $MATPLOTLIBRC and "
                "in ~/.config/matplotlib. Go to another folder, or take it away.",
            )
        ) from exc
    matplotlib.rcdefaults()


def put_title(figure: Figure, title: str) -> None:
    """Put a title above a figure, wrapped to its width, every sign as it is.

    Names of runs and places are anybody's text: a dollar sign starts no formula.
    """
    import textwrap

    lines = textwrap.wrap(title, max(24, int(11 * figure.get_figwidth())), max_lines=3)
    figure.suptitle("\n".join(lines), fontsize=10, parse_math=False)


def save_figure(figure: Figure, target: Path, table: pd.DataFrame) -> None:
    """Write a PNG, and beside it as CSV the table that it was drawn from."""
    with replacing(target) as aside:
        figure.savefig(aside)
    with replacing(target.with_suffix(".csv")) as aside:
        safe_texts(table).to_csv(aside, index=False, float_format="%.6g")


def total_scale(largest: float) -> tuple[float, str]:
    """Return what turns Pg into a unit fit for the numbers, and its label."""
    factor, prefix = total_unit(largest)
    return factor, f"{prefix} of carbon a year"


def power_of_ten(value: float) -> int:
    """Return the power of ten to take out of an axis; 0 for ordinary numbers."""
    power = int(np.floor(np.log10(abs(value)))) if value else 0
    return power if power < -3 or power > 4 else 0
