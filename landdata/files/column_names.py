"""Which column is meant: names in capitals are the same name, near ones are not.

A hint may help with a misspelling. It must never name another quantity: a user who
follows "is it 'NEE_VUT_REF'?" for a missing GPP would call one flux the other.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# Words of column names that mean one quantity each, in lower case.
_QUANTITIES: dict[str, str] = {
    word: quantity
    for quantity, words in {
        "gpp": "gpp gep",
        "er": "er reco re ter",
        "nee": "nee nep fc",
        "et": "et evapotranspiration aet",
        "latent heat": "le qle",
        "sensible heat": "h qh",
        "lai": "lai",
        "fapar": "fpar fapar",
        "tmin": "tmin tmmn",
        "tmax": "tmax tmmx",
        "tmean": "ta tmean tair tas",
        "soil temperature": "ts tsoil",
        "rain": "p prec precip prcp pr",
        "shortwave": "srad sw rsds",
        "longwave": "lw",
        "par": "par ppfd",
        "vpd": "vpd",
        "vapour pressure": "vp vpress",
        "humidity": "rh",
        "dew point": "dewp",
        "pressure": "pa pressure ps",
        "wind": "ws wind wspd",
        "co2": "co2",
        "swc": "swc",
        "sand": "sand",
        "clay": "clay",
        "latitude": "lat latitude",
        "longitude": "lon longitude",
        "site": "site id",
        "date": "date time timestamp day",
        "file": "file",
    }.items()
    for word in words.split()
}
# Words after which a number is another one of the same quantity.
_KINDS = frozenset(
    word
    for words in (
        "sd se err unc std error qc flag quality",
        "n min max mean day night nt dt",
    )
    for word in words.split()
)
_CUTOFF = 0.6


def matching_columns(
    wanted: Iterable[str], columns: Iterable[str]
) -> dict[str, str | list[str]]:
    """Columns that differ from a wanted name by capitals or blanks only.

    Returns
    -------
    dict
        From the name wanted to the column there, or to several; exact ones are left
        out.

    Examples
    --------
    >>> matching_columns(["gpp", "nee"], ["Date", "GPP", "nee"])
    {'gpp': 'GPP'}
    """
    columns = list(columns)
    found: dict[str, str | list[str]] = {}
    for name in wanted:
        if name in columns:
            continue
        near = [one for one in columns if one.strip().lower() == name.lower()]
        if near:
            found[name] = near[0] if len(near) == 1 else near
    return found


def near_name(name: str, columns: Iterable[str]) -> str | None:
    """A hint naming a column that is meant, or None.

    Examples
    --------
    >>> near_name("prec", ["precip", "pressure"])
    "Is it 'precip'?"
    >>> near_name("GPP_NT_VUT_REF", ["NEE_VUT_REF", "GPP_DT_VUT_REF"]) is None
    True
    >>> near_name("tmin", ["tmax"]) is None
    True
    """
    columns = [str(one) for one in columns]
    allowed = [one for one in columns if _may_be(name, one)]
    close = difflib.get_close_matches(
        name.lower(), [one.lower() for one in allowed], n=1, cutoff=_CUTOFF
    )
    if not close:
        return None
    meant = next(one for one in allowed if one.lower() == close[0])
    return f"Is it {meant!r}?"


def _may_be(name: str, other: str) -> bool:
    """Whether two names may stand for one quantity."""
    mine, theirs = _words(name), _words(other)
    if mine & _KINDS != theirs & _KINDS:
        return False
    quantity, its = _quantity(mine), _quantity(theirs)
    return quantity is None or its is None or quantity == its


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+\d?", name.lower()))


def _quantity(words: frozenset[str]) -> str | None:
    found = {_QUANTITIES[word] for word in words if word in _QUANTITIES}
    return found.pop() if len(found) == 1 else None
