"""What a run is: the frozen, validated form of ``config.yaml``.

Reading the file, with the line and column of each mistake, is the subject of
``jobs.config.reader``. Every field has a description: ``config.lock.yaml`` holds all
of them with their values, so a finished run says what it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    Tag,
    model_validator,
)

from jobs.config.execution import Execution
from jobs.config.pixels import Place
from jobs.config.region import Screening, Spatial, Upscaling
from jobs.config.section import Name, Period, Section

EXECUTION_KEYS = (
    "name", "execution", "screening", "upscaling", "spatial", "sites", "site_errors",
)  # fmt: skip
"""Top-level keys that may change during a run; all others are science.

Screening comes before the calibration of pixels, upscaling and the joint step of sites
after it: what they leave is made anew when their settings change.
"""


_ANY_YEARS = {"spinup": "1850", "calibration": "1851-2299", "validation": "2300"}
"""Outer limits where each site has years of its own."""


class BySite(Section):
    """Each site's own whole years: the first spins up, the last ones validate."""

    validation_share: float = Field(
        default=1 / 3, gt=0, lt=1, description="of the years after the spin-up year, 1"
    )
    least_years: int = Field(
        default=3, ge=2, description="whole years of a site below which it is refused"
    )


def _years_or_by_site(schema: dict[str, Any]) -> None:
    """The three periods are required only where sites have none of their own."""
    periods = schema.pop("required")
    schema["anyOf"] = [{"required": periods}, {"required": ["by_site"]}]


class Periods(Section):
    """Which years do what."""

    model_config = ConfigDict(json_schema_extra=_years_or_by_site)

    spinup: Period = Field(description="the year repeated until the states settle")
    calibration: Period = Field(description="years whose observations inform")
    validation: Period = Field(description="years held out, only scored")
    by_site: BySite | None = Field(
        default=None,
        description="in place of the other keys: every site has years of its own",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_each_site(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("by_site") is None:
            return value
        given = {key: str(value[key]) for key in _ANY_YEARS if key in value}
        locked = {key: str(Period.model_validate(v)) for key, v in _ANY_YEARS.items()}
        for key, years in given.items():
            if str(Period.model_validate(value[key])) != locked[key]:
                raise ValueError(f"wanted: by_site or {key} ({years}), not both")
        return {**_ANY_YEARS, "by_site": value["by_site"]}

    @model_validator(mode="after")
    def _apart(self) -> Periods:
        if self.spinup.first != self.spinup.last:
            raise ValueError("wanted: one spin-up year, such as 2001")
        if self.calibration.first <= self.spinup.last:
            raise ValueError("wanted: the spin-up year before the calibration years")
        if self.validation.first <= self.calibration.last:
            raise ValueError("wanted: validation years after the calibration years")
        return self

    @property
    def observed(self) -> Period:
        """First calibration year to last validation year."""
        return Period(first=self.calibration.first, last=self.validation.last)

    @property
    def whole(self) -> Period:
        """Spin-up year to last validation year."""
        return Period(first=self.spinup.first, last=self.validation.last)


class RelativeVariance(Section):
    """Standard deviation as a fraction of the observation, never under a floor."""

    fraction: PositiveFloat
    floor: PositiveFloat = Field(description="in the unit of the stream")
    sampled: bool = Field(
        default=False, description="times an unknown factor, found with the parameters"
    )


class StreamErrors(Section):
    """What the errors of a stream have in common, beside their variance."""

    correlation: float = Field(
        default=0.0, ge=0, lt=1, description="of errors of neighbouring values, 1"
    )
    bias_sd: float = Field(
        default=0.0,
        ge=0,
        description="sd of a constant error of all values, in the unit of the stream",
    )
    representation_sd: float = Field(
        default=0.0,
        ge=0,
        description="sd of the error of standing for another place or time, in the "
        "unit of the stream; added to each variance",
    )
    distribution: Literal["normal", "student", "laplace", "lognormal"] = Field(
        default="normal",
        description="of the errors; others than normal are independent",
    )
    degrees: float = Field(default=4.0, gt=2, description="of student")
    growth_above: float = Field(
        default=0.0,
        ge=0,
        description="of laplace: growth of the scale with the model above zero",
    )
    growth_below: float = Field(default=0.0, ge=0, description="the same below zero")
    censored_below: float | None = Field(
        default=None,
        description="compared values at or below are only known to lie there, in the "
        "unit of the stream",
    )
    censored_above: float | None = Field(
        default=None, description="the same at or above"
    )

    every: int = Field(
        default=1, ge=1, description="thinning: keep every so many-th compared value"
    )
    effective_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="of values worth fewer independent ones, their number over "
        "that of all: a factor on the log likelihood. One of correlation, every and "
        "effective_share",
    )

    @property
    def unusual(self) -> dict[str, Any]:
        """What is not as by default."""
        usual = StreamErrors().model_dump()
        return {k: v for k, v in self.model_dump().items() if v != usual[k]}


class Discrepancy(Section):
    """What the model lacks: a Gaussian process in time, added within the likelihood."""

    sd: PositiveFloat = Field(description="in the unit of the stream")
    days: PositiveFloat = Field(default=60.0, description="time over which it changes")
    seasonal: bool = Field(
        default=True, description="whether half of its variance comes back each year"
    )


class Stream(Section):
    """One observed series and its error variance."""

    variance: Annotated[
        Annotated[Literal["series", "given", "sampled"], Tag("word")]
        | Annotated[RelativeVariance, Tag("relative")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "relative"),
    ] = Field(
        default="series",
        description=(
            "series: the variance of the observed 8-day series itself, as published; "
            "given: the product's own; sampled: the product's own, or else that of the "
            "series, times an unknown factor found with the parameters; or "
            "{fraction, floor}, with sampled: true times such a factor"
        ),
    )
    between_years: float = Field(
        default=0.0,
        ge=0,
        description="a random effect of each year: its standard deviation as a "
        "fraction of that of an error, 1",
    )
    interval: (
        Literal[
            "point",
            "day",
            "4-day",
            "8-day",
            "10-day",
            "half-month",
            "16-day",
            "month",
            "year",
        ]
        | None
    ) = Field(
        default=None,
        description="what a value stands for, where neither time_bnds nor the dates "
        "say it; point: the value of its day",
    )
    treatment: Literal[
        "none",
        "remove_mean",
        "anomalies",
        "seasonal_cycle",
        "annual_means",
        "annual_means_and_anomalies",
        "divide_mean",
        "cdf_match",
    ] = Field(
        default="none",
        description="what is compared, of model and observations alike: without their "
        "mean; anomalies of months; means of months over all years; means of years; "
        "both without the seasonal cycle; divided by the mean, or the model matched to "
        "the observed distribution (the last two with approximate errors)",
    )
    errors: StreamErrors = StreamErrors()
    discrepancy: Discrepancy | None = None
    window_correlation: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="given, or sampled on given: correlation of the errors of values "
        "that are averaged in one window; 0.8 where nothing is said, 0 for independent",
    )

    @model_validator(mode="after")
    def _of_given(self) -> Stream:
        given = self.variance in ("given", "sampled")
        if self.window_correlation is not None and not given:
            raise ValueError(
                "window_correlation is of the product's own errors; "
                "wanted: variance: given (or sampled)"
            )
        return self


class Noise(Section):
    """Independent Gaussian noise on a twin's 8-day values."""

    fraction: float = Field(ge=0, description="of the true value, 1")
    floor: PositiveFloat = Field(description="smallest sd, in the unit of the stream")


class Twin(Section):
    """Synthetic observations: model output at known parameters, plus noise."""

    truth: Annotated[
        Annotated[Literal["random"], Tag("word")]
        | Annotated[dict[str, float], Tag("values")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "values"),
    ] = Field(
        description="true parameters, the rest default; or random: each pixel its own, "
        "from the middle 80 % of the priors"
    )
    noise: dict[str, Noise] = Field(min_length=1, description="by stream")


class Block(Section):
    """One step of the calibration: these parameters, on these streams."""

    streams: list[str] = Field(min_length=1)
    parameters: list[str] = Field(min_length=1)


class ScalingFactor(Section):
    """One multiplier for a group of parameters, whose ratios are kept."""

    parameters: list[str] = Field(min_length=1, description="that it multiplies")
    low: PositiveFloat | None = Field(
        default=None,
        description="below 1; by itself as far as the parameters' ranges allow, at "
        "most 0.5",
    )
    high: PositiveFloat | None = Field(
        default=None,
        description="above 1; by itself as far as the parameters' ranges allow, at "
        "most 2",
    )


class LeftOut(Section):
    """What the calibration does not see, to be predicted by it."""

    streams: list[str] = Field(
        default_factory=list, description="streams that are scored and not fitted"
    )
    years: list[int] = Field(
        default_factory=list, description="of the calibration, scored and not fitted"
    )
    sites: list[int | str] = Field(
        default_factory=list,
        description="ids of pixels, as their table has them, that the pooled or "
        "hierarchical step predicts from the others",
    )


class Model(Section):
    """How the process model is run."""

    name: str = Field(default="ibis_dalec", description="the process model")
    spinup_cycles: int = Field(
        default=10, ge=0, description="repeats of the spin-up year"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="of the process model"
    )
    scaling: dict[str, ScalingFactor] = Field(
        default_factory=dict,
        description="factors by name, each a further parameter with the default 1",
    )


class Calibration(Section):
    """The adaptive loop and its size."""

    method: str = Field(default="emulator", description="a method of masm.calibrate")
    options: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="of the method, such as n_iterations"
    )
    blocks: list[Block] = Field(min_length=1, description="in order")
    proposals: Literal["blocks"] | None = Field(
        default=None,
        description="blocks: no steps, but one joint posterior of all streams, whose "
        "chains move the parameters of one block at a time (method emulator)",
    )
    sweeps: PositiveInt = Field(
        default=1,
        description="times that the blocks are gone through; in a second sweep each is "
        "calibrated again, with the others as the first sweep found them",
    )
    leave_out: LeftOut = LeftOut()
    keep_draws: PositiveInt = Field(
        default=1000,
        description="draws of each of four chains kept in posterior.nc, thinned",
    )
    neighbours: int = Field(
        default=0,
        ge=0,
        le=20,
        description="a pixel starts from the posteriors of so many pixels that are "
        "done and much like it (method emulator); 0: each pixel on its own",
    )
    neighbour_runs: int = Field(
        default=0,
        ge=0,
        description="model runs of a pixel that borrows a start from one neighbour or "
        "more, in place of max_runs; where its estimated error is too large, more are "
        "made, up to max_runs. A pixel that borrows from none has max_runs. 0: "
        "max_runs for all",
    )
    bounds: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="priors that differ from the parameter table"
    )
    traits: str | None = Field(
        default=None,
        description="a CSV table of measured traits: columns parameter, unit, mean, "
        "sd, n, study. Parameters in it have a normal prior, cut at their bounds",
    )


class SiteErrors(Section):
    """Errors of a stream where sites are joined."""

    kind: Literal["gaussian", "student", "laplace"] = Field(
        description="gaussian and student: with the variance of the observations"
    )
    degrees: float = Field(default=4.0, gt=2.0, description="of student")
    a0: PositiveFloat | None = Field(
        default=None,
        description="of laplace, in the unit of the stream: the scale is a0 + a1 x of "
        "a modelled flux x of zero or more, and a0 - a2 x below",
    )
    a1: PositiveFloat | None = Field(default=None, description="of laplace")
    a2: PositiveFloat | None = Field(
        default=None, description="of laplace; less than a1"
    )
    count: Literal["residuals", "latent", "all"] = Field(
        default="residuals",
        description="how many values count: by the lag-one correlation of the "
        "residuals at the best model run, of the modelled flux, or all",
    )
    correction: Literal["factor", "wider_scale"] = Field(
        default="factor", description="of laplace: what the effective number does"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> SiteErrors:
        of = {"degrees": "student", "a0": "laplace", "a1": "laplace", "a2": "laplace",
              "correction": "laplace"}  # fmt: skip
        for key in sorted(self.model_fields_set & of.keys()):
            if of[key] != self.kind and getattr(self, key) is not None:
                raise ValueError(f"wanted: {key} only with kind {of[key]}")
        if self.kind == "laplace":
            if self.a0 is None or self.a1 is None or self.a2 is None:
                raise ValueError("wanted: a0, a1 and a2 of laplace")
            if self.a1 <= self.a2:
                raise ValueError("wanted: a1 above a2; positive NEE is that of night")
        return self


class Config(Section):
    """A whole run."""

    name: Name = Field(description="title of tables and figures")
    seed: int = Field(ge=0, lt=2**63, description="every random number comes from here")
    pixels: Place
    periods: Periods
    model: Model = Model()
    streams: dict[str, Stream] = Field(min_length=1)
    twin: Twin | None = None
    screening: Screening = Screening()
    calibration: Calibration
    upscaling: Upscaling = Upscaling()
    spatial: Spatial = Spatial()
    sites: Literal["separate", "pooled", "hierarchical"] = Field(
        default="separate",
        description="which parameters count as calibrated: separate: each pixel's own; "
        "pooled: one vector for all; hierarchical: each its own, drawn towards the "
        "group of all (masm sites)",
    )
    site_errors: dict[str, SiteErrors] = Field(
        default_factory=dict,
        description="errors of streams in the joint step of sites; normal if not given",
    )
    execution: Execution = Execution()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Folder of the file; names of files in it are relative to this."""
        return self._folder

    def in_folder(self, folder: Path) -> Config:
        """Return the configuration as read from a file in ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy
