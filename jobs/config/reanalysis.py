"""What a reanalysis is: the frozen, validated form of its ``config.yaml``.

A reanalysis is a run folder of its own. Its file has the key ``reanalysis`` where that
of a calibration has ``pixels``, ``streams`` and ``calibration``.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    model_validator,
)

from jobs.config.execution import Execution
from jobs.config.schema import Model
from jobs.config.section import Name, Period, Section


def _day_of_year(text: str) -> str:
    """Refuse what is no day of every year."""
    if not re.fullmatch(r"\d\d-\d\d", text):
        raise ValueError("wanted: month and day such as 07-15")
    try:
        date(2001, int(text[:2]), int(text[3:]))
    except ValueError as exc:
        raise ValueError("wanted: a day that every year has, such as 07-15") from exc
    return text


Day = Annotated[str, AfterValidator(_day_of_year)]


class Perturbation(Section):
    """Errors of the weather, drawn for each member and year, the same at all sites."""

    temperature: NonNegativeFloat = Field(default=0.0, description="sd, degC")
    precipitation: NonNegativeFloat = Field(
        default=0.0, description="sd of the logarithm of a factor"
    )
    shortwave: NonNegativeFloat = Field(
        default=0.0, description="sd of the logarithm of a factor"
    )
    vpd: NonNegativeFloat = Field(
        default=0.0, description="sd of the logarithm of a factor"
    )


class Drivers(Section):
    """Weather of each site: one file, or one for each member, and its errors."""

    files: str = Field(
        default="drivers/{site}.csv",
        description="daily tables; with {member} (000, 001, ...) one for each member",
    )
    perturbation: Perturbation = Perturbation()

    @model_validator(mode="after")
    def _has_site(self) -> Drivers:
        names = set(re.findall(r"\{(.*?)\}", self.files))
        if names - {"site", "member"} or "site" not in names:
            raise ValueError("wanted: a file name with {site}, and perhaps {member}")
        return self

    @property
    def is_ensemble(self) -> bool:
        """Whether each member has a file of its own."""
        return "{member}" in self.files


class MemberParameters(Section):
    """Where the members' parameters come from: one of the three."""

    prior: dict[str, tuple[float, float]] | None = Field(
        default=None, description="bounds of uniform priors; the rest has its default"
    )
    run: str | None = Field(
        default=None,
        description="folder of a calibration run. A site with the name of a pixel "
        "takes its posterior; the others take the draws of all pixels together",
    )
    draws: str | None = Field(
        default=None,
        description="a CSV table: columns member, perhaps site, and parameters",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> MemberParameters:
        if sum(x is not None for x in (self.prior, self.run, self.draws)) != 1:
            raise ValueError("wanted: one of prior, run and draws")
        for name, (low, high) in (self.prior or {}).items():
            if not low < high:
                raise ValueError(f"wanted: two bounds of {name}, the lower one first")
        return self


class ObservationFile(Section):
    """Observations of states, with their errors."""

    file: str = Field(
        default="observations.csv",
        description="columns site, date, state, value, sd and perhaps quality",
    )
    least_quality: float | None = Field(
        default=None, description="rows with a lower quality are left out"
    )
    within_days: int = Field(
        default=30,
        ge=0,
        le=182,
        description="an observation counts for an analysis that is so near",
    )


_FILTER_OPTIONS = {
    "between_states": ("tobit_wishart", "enkf", "letkf"),
    "between_level": ("tobit_wishart", "enkf", "letkf"),
    "inflation": ("enkf", "etkf", "letkf", "particle"),
    "draws": ("tobit_wishart",),
    "chains": ("tobit_wishart",),
    "warm_up": ("tobit_wishart",),
    "alpha": ("tobit_wishart",),
    "forgetting": ("tobit_wishart",),
    "minimum_sd": ("tobit_wishart",),
    "adjustment": ("tobit_wishart",),
    "scope": ("tobit_wishart",),
    "weights": ("tobit_wishart", "enkf", "etkf", "letkf"),
    "threshold": ("particle",),
    "jitter": ("particle",),
}


class Filter(Section):
    """The analysis and its options."""

    name: Literal["tobit_wishart", "enkf", "etkf", "letkf", "particle", "none"] = Field(
        default="tobit_wishart", description="none: a free run, nothing assimilated"
    )
    process_error: dict[str, PositiveFloat] = Field(
        description="sd of each state's process error from one analysis to the next; "
        "of tobit_wishart the square root of the prior mean of the diagonal of Q"
    )
    between_states: Literal["tested", "apart", "sampled"] = Field(
        default="tested",
        description="covariances of different states: those that members can separate "
        "from sampling noise; none; or those of the members as they are",
    )
    between_level: float = Field(
        default=0.05, gt=0, le=1, description="of the test of between_states: tested"
    )
    inflation: PositiveFloat | Literal["adaptive"] = Field(
        default=1.0, description="factor of the forecast's variance"
    )
    draws: PositiveInt = Field(default=1000, description="kept, all chains together")
    chains: PositiveInt = Field(default=2)
    warm_up: int = Field(default=300, ge=0, description="sweeps before the first draw")
    alpha: PositiveFloat | None = Field(
        default=None,
        description="degrees of freedom of the prior of Q; number of states + 4 if "
        "not given, and more than number of states + 1",
    )
    forgetting: float = Field(default=1.0, gt=0, le=1)
    minimum_sd: dict[str, PositiveFloat] = Field(
        default_factory=dict,
        description="least latent sd of a state that is zero in members; a tenth of "
        "its process error if not given",
    )
    adjustment: Literal["symmetric", "eigenvector"] = "symmetric"
    scope: Literal["auto", "site", "global"] = "auto"
    weights: Literal["ratio", "state_ratio", "source"] = "ratio"
    threshold: float = Field(default=0.5, ge=0, le=1)
    jitter: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _options_of_it(self) -> Filter:
        for option in sorted(self.model_fields_set):
            of = _FILTER_OPTIONS.get(option)
            if of is not None and self.name not in of:
                raise ValueError(
                    f"wanted: {option} only with filter {' or '.join(of)}, "
                    f"not with {self.name}"
                )
        return self


class Localisation(Section):
    """How covariances fade with distance."""

    radius_km: NonNegativeFloat | None = Field(
        default=500.0,
        description="at this distance the factor is 0.61, at twice 0.14; 0 keeps sites "
        "apart; empty: no localisation",
    )
    taper: Literal["gaussian", "gaspari_cohn"] = "gaussian"


class Maps(Section):
    """Maps of the states, from the sites, by covariates of a grid."""

    covariates: str = Field(
        description="a CSV table of the pixels to map: pixel, latitude, longitude (of "
        "0.05 degree cells), and a column for each covariate"
    )
    years: Period | None = Field(
        default=None, description="first to last year that is mapped; all if not given"
    )
    least_sites: int = Field(
        default=30, ge=10, description="fewer are not taken to a map"
    )
    candidates: PositiveInt = Field(
        default=8, description="settings of the trees that are tried"
    )


class Reanalysis(Section):
    """Sites, members, years and files of a reanalysis."""

    sites: str = Field(
        default="sites.csv",
        description="columns site, longitude, latitude; with elevation, sand and clay "
        "the weather of models that need them can be made",
    )
    years: Period = Field(description="first to last year")
    analysis_day: Day = Field(default="07-15", description="month and day, each year")
    members: int = Field(ge=3, le=9999)
    states: list[str] = Field(
        default_factory=list,
        description="that the filter corrects; all that the model offers if empty",
    )
    outputs: list[str] = Field(
        default=["nee", "gpp", "ra", "rh"],
        min_length=1,
        description="daily outputs that are kept and weighed",
    )
    drivers: Drivers = Drivers()
    parameters: MemberParameters
    initial_pools: str | None = Field(
        default=None,
        description="a table: column site, and for each state its mean and <state>_sd",
    )
    observations: ObservationFile = ObservationFile()
    filter: Filter
    localisation: Localisation = Localisation()
    sites_per_task: PositiveInt = Field(
        default=10, description="sites that one task runs, all members of them"
    )
    maps: Maps | None = Field(default=None, description="what masm export writes")
    truth: str | None = Field(
        default=None,
        description="of a synthetic twin: a table site, date and states that is known",
    )

    @model_validator(mode="after")
    def _localised(self) -> Reanalysis:
        given = "localisation" in self.model_fields_set
        if given and self.filter.name in ("etkf", "particle"):
            raise ValueError(
                f"wanted: no localisation with filter {self.filter.name}, which has "
                "none; letkf is the local form of etkf"
            )
        return self


class ReanalysisConfig(Section):
    """A whole reanalysis."""

    name: Name = Field(description="title of tables and figures")
    seed: int = Field(ge=0, lt=2**63, description="all random numbers come from here")
    model: Model = Model(name="sipnet")
    reanalysis: Reanalysis
    execution: Execution = Execution()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Folder of the file; names of files in it are relative to this."""
        return self._folder

    def in_folder(self, folder: Path) -> ReanalysisConfig:
        """Return the configuration as read from a file in ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy
