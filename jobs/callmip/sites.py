"""The sites of CalLMIP Phase 1b: 21 for calibration, 10 for validation.

Places and years of the calibration sites are those of the project's flux files. For
the validation sites only the number of years is published (of their weather files);
their places are from the FLUXNET2015 list of sites.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """One tower.

    Attributes
    ----------
    name : str
        As in file names.
    role : str
        "Cal" or "Val".
    latitude, longitude : float
        Degrees north and east.
    n_years : int
        Calendar years of every file.
    first_year : int or None
        None where it is not published.
    dry : bool
        Whether water, and not energy, limits uptake over the year.
    """

    name: str
    role: str
    latitude: float
    longitude: float
    n_years: int
    first_year: int | None = None
    dry: bool = False

    @property
    def plant_type(self) -> str:
        """What covers at least 80 % of it, where a model here stands for that."""
        return _DECIDUOUS if self.name in _DECIDUOUS_SITES else ""


_DECIDUOUS = "temperate deciduous broadleaf"
_DECIDUOUS_SITES = ("DE-Hai", "DK-Sor", "US-Ha1", "US-MMS", "US-UMB")
_CALIBRATION = (
    ("CA-Qfo", 49.6925, -74.3421, 2004, 2010),
    ("CH-Dav", 46.8153, 9.8559, 1997, 2014),
    ("DE-Gri", 50.9495, 13.5125, 2004, 2014),
    ("DE-Hai", 51.0792, 10.4530, 2000, 2012),
    ("DE-Tha", 50.9636, 13.5669, 1998, 2014),
    ("DK-Sor", 55.4859, 11.6446, 1997, 2014),
    ("FI-Hyy", 61.8475, 24.2950, 1996, 2014),
    ("FR-Pue", 43.7414, 3.5958, 2000, 2014),
    ("IT-Lav", 45.9562, 11.2813, 2005, 2014),
    ("IT-MBo", 46.0147, 11.0458, 2003, 2012),
    ("IT-Noe", 40.6062, 8.1517, 2004, 2014),
    ("NL-Loo", 52.1666, 5.7436, 1997, 2013),
    ("RU-Fyo", 56.4615, 32.9221, 2003, 2014),
    ("US-MMS", 39.3232, -86.4131, 1999, 2014),
    ("US-NR1", 40.0329, -105.5464, 1999, 2014),
    ("US-SRG", 31.7894, -110.8277, 2009, 2014),
    ("US-SRM", 31.8214, -110.8660, 2004, 2014),
    ("US-Ton", 38.4316, -120.9660, 2001, 2014),
    ("US-Var", 38.4133, -120.9507, 2001, 2014),
    ("US-Whs", 31.7438, -110.0522, 2008, 2014),
    ("US-Wkg", 31.7365, -109.9419, 2005, 2014),
)
_VALIDATION = (
    ("AU-ASM", -22.2830, 133.2490, 7),
    ("AU-How", -12.4943, 131.1523, 15),
    ("AU-Stp", -17.1507, 133.3502, 8),
    ("AU-Tum", -35.6566, 148.1517, 16),
    ("CH-Cha", 47.2102, 8.4104, 18),
    ("US-FPe", 48.3077, -105.1019, 7),
    ("US-GLE", 41.3665, -106.2399, 6),
    ("US-Ha1", 42.5378, -72.1715, 15),
    ("US-Me2", 44.4523, -121.5574, 13),
    ("US-UMB", 45.5598, -84.7138, 15),
)
_DRY = {"FR-Pue", "IT-Noe", "US-SRG", "US-SRM", "US-Ton", "US-Var", "US-Whs", "US-Wkg"}
_DRY |= {"AU-ASM", "AU-How", "AU-Stp", "US-FPe"}

SITES = {
    name: Site(name, "Cal", lat, lon, last - first + 1, first, name in _DRY)
    for name, lat, lon, first, last in _CALIBRATION
} | {
    name: Site(name, "Val", lat, lon, n_years, None, name in _DRY)
    for name, lat, lon, n_years in _VALIDATION
}


def sites_of(role: str) -> tuple[str, ...]:
    """Return the names of the sites with a role, "Cal" or "Val".

    Examples
    --------
    >>> len(sites_of("Cal")), len(sites_of("Val"))
    (21, 10)
    """
    return tuple(name for name, site in SITES.items() if site.role == role)
