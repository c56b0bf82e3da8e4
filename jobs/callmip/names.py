"""The name of a CalLMIP file, and its parts.

``<model>.<version>_Phase1b_Scen<k>_<Site>_<Cal|Val>_<Prior|Posterior>.nc``, read from
the right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.sites import SITES
from jobs.callmip.variables import SCENARIOS

STAGES = ("Prior", "Posterior")
ROLES = {"Cal": "Calibration", "Val": "Validation"}
_PATTERN = "<model>.<version>_Phase1b_Scen<k>_<Site>_<Cal|Val>_<Prior|Posterior>.nc"
_MODEL = re.compile(r"[^\s_.]+\.[^\s_]+")


@dataclass(frozen=True)
class Name:
    """The parts of a file's name; one that is not valid is empty."""

    model: str = ""
    scenario: str = ""
    site: str = ""
    role: str = ""
    stage: str = ""

    @property
    def output(self) -> str:
        """Name of the model output that the file belongs to, on the server."""
        return f"{self.model}_Phase1b_{self.scenario}_{self.role}_{self.stage}"

    @property
    def is_whole(self) -> bool:
        """Whether every part is valid."""
        return all((self.model, self.scenario, self.site, self.role, self.stage))

    def __str__(self) -> str:
        return (
            f"{self.model}_Phase1b_{self.scenario}_{self.site}_{self.role}"
            f"_{self.stage}.nc"
        )


def parse_name(file: str) -> tuple[Name, list[Finding]]:
    """Take a file's name apart.

    Parameters
    ----------
    file : str
        Without its folder.

    Returns
    -------
    name : Name
        Parts that are not valid are empty.
    findings : list of Finding
        N1 for each such part.

    Examples
    --------
    >>> name, findings = parse_name("A.v1_Phase1b_Scen2_DE-Hai_Cal_Posterior.nc")
    >>> name.site, name.scenario, findings
    ('DE-Hai', 'Scen2', [])
    """
    findings: list[Finding] = []

    def refuse(part: str, found: str, wanted: str, hint: str = "") -> str:
        findings.append(error("N1", f"name: {part}", repr(found), wanted, hint))
        return ""

    if not file.endswith(".nc"):
        refuse("ending", file, "'.nc'")
    parts = file.removesuffix(".nc").rsplit("_", 5)
    if len(parts) < 6:
        refuse("parts", file, _PATTERN)
        return Name(), findings
    model, phase, scenario, site, role, stage = parts
    if phase != "Phase1b":
        refuse("phase", phase, "'Phase1b'")
    if not _MODEL.fullmatch(model):
        model = refuse(
            "model", model, "<model>.<version> without blanks and underscores"
        )
    if scenario not in SCENARIOS:
        scenario = refuse("scenario", scenario, "Scen1 to Scen6")
    if site not in SITES:
        site = refuse("site", site, "a site of Phase 1b", _close(site))
    hint = "The role comes before the stage." if role in STAGES else ""
    if role not in ROLES:
        role = refuse("role", role, "'Cal' or 'Val'", hint)
    if stage not in STAGES:
        stage = refuse("stage", stage, "'Prior' or 'Posterior'", hint)
    return Name(model, scenario, site, role, stage), findings


def check_name(name: Name) -> list[Finding]:
    """Check that the parts of a name go together (N2, N3)."""
    findings = []
    if name.site and name.role and SITES[name.site].role != name.role:
        findings.append(
            error(
                "N2",
                f"name: {name.site}",
                ROLES[name.role],
                f"{ROLES[SITES[name.site].role]}: the role that the protocol gives it",
                "A validation site must never be calibrated on."
                if name.role == "Cal"
                else "",
            )
        )
    if name.stage == "Prior" and name.scenario not in ("", "Scen1"):
        findings.append(
            warning(
                "N3",
                "name: scenario",
                name.scenario,
                "Scen1 for every prior file: it is handed in once",
            )
        )
    return findings


def _close(site: str) -> str:
    for known in SITES:
        if known.lower() == site.lower():
            return f"Did you mean {known}?"
    near = get_close_matches(site, SITES, n=1)
    return f"Did you mean {near[0]}?" if near else ""
