"""How far importance weights support a normal posterior."""

from __future__ import annotations

#: Effective fraction of the draws from which the posterior is reliable, or doubtful.
RELIABLE = 0.5
DOUBTFUL = 0.1


def reliability(fraction: float) -> str:
    """Say in a word how far weights support a normal posterior.

    Parameters
    ----------
    fraction : float
        Effective number of draws over their number.

    Examples
    --------
    >>> reliability(0.7), reliability(0.05)
    ('reliable', 'unreliable')
    """
    if fraction >= RELIABLE:
        return "reliable"
    return "doubtful" if fraction >= DOUBTFUL else "unreliable"
