"""Settings of the regional chain: screening, upscaling, the regional run."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from jobs.config.section import Section

Statistic = Literal["annual", "DJF", "MAM", "JJA", "SON", "cost"]


class Screening(Section):
    """Sensitivity to every parameter of the model."""

    method: Literal["morris", "sobol", "sums_of_squares", "fast", "derivatives"] = (
        Field(
            default="morris",
            description="morris: elementary effects, few runs; sobol: fractions of "
            "variance, many runs; sums_of_squares: the same by a regression; "
            "fast: fractions of variance by curves through the priors (eFAST); "
            "derivatives: upper bounds of the fractions by squared slopes",
        )
    )
    parameters: list[str] | None = Field(
        default=None,
        min_length=1,
        description="to look at; by itself every one of the model's table",
    )
    bounds: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="ranges that differ from the parameter table"
    )
    trajectories: int = Field(
        default=10,
        ge=2,
        description="morris: for each pixel; each costs one run more than there are "
        "parameters",
    )
    levels: int = Field(
        default=8, ge=2, description="morris: of the grid, an even number"
    )
    draws: PositiveInt | None = Field(
        default=None,
        description="sums_of_squares: model runs of each pixel, three or more for each "
        "coefficient; by itself half as many again",
    )
    products: Literal["all", "screened", "none"] = Field(
        default="all",
        description="sums_of_squares: products of all pairs of parameters; of those "
        "with a main effect; or none",
    )
    share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="morris: of a stream's summed mu* that its selected parameters "
        "hold, 1",
    )
    threshold: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="all but morris: least fraction of the variance, or least bound of "
        "it, of a selected parameter, 1",
    )
    curve: int = Field(
        default=129,
        gt=64,
        description="fast: model runs of each parameter's curve, more than 64",
    )
    points: int = Field(
        default=32,
        ge=8,
        description="derivatives: points of the priors; each costs two runs for each "
        "parameter and one more",
    )
    statistics: list[Statistic] = Field(
        default=["DJF", "MAM", "JJA", "SON"],
        min_length=1,
        description="whose effects count: means of seasons or years; or cost alone",
    )
    include: list[str] = Field(
        default_factory=list, description="parameters selected whatever their effect"
    )
    exclude: list[str] = Field(
        default_factory=list, description="parameters never selected"
    )
    sobol_pixels: int = Field(
        default=0,
        ge=0,
        description="morris: pixels to confirm with Sobol total indices",
    )
    sobol_base: PositiveInt = Field(
        default=64,
        description="Sobol base points, a power of two; each costs two runs more than "
        "there are parameters",
    )

    @field_validator("levels")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("wanted: an even number, such as 8")
        return value

    @field_validator("sobol_base")
    @classmethod
    def _is_power_of_two(cls, value: int) -> int:
        if value < 2 or value & (value - 1):
            raise ValueError("wanted: a power of two, such as 64")
        return value

    @model_validator(mode="after")
    def _one_unit(self) -> Screening:
        if "cost" in self.statistics and len(self.statistics) > 1:
            raise ValueError("wanted: cost alone, or means alone: their units differ")
        return self


class Spatial(Section):
    """Validation of parameters at sites that are left out of the fit."""

    least_sites: int = Field(
        default=5, ge=3, description="good sites below which nothing is mapped"
    )
    quality: PositiveFloat | None = Field(
        default=1.0,
        description="a site is learned from where its calibrated RMSE is at most this "
        "times that of default parameters, in every stream, in calibration years; "
        "null: every site",
    )
    neighbours_km: float = Field(
        default=30.0, ge=0, description="sites nearer than this are left out together"
    )
    draws: int = Field(
        default=6, ge=2, description="parameter vectors taken from each posterior"
    )
    margin: float = Field(
        default=0.0,
        ge=0,
        description="fraction by which a mapper has to lower the RMSE of the mean of "
        "other sites to be used",
    )


class Upscaling(Section):
    """Maps of the calibrated parameters, and the region run with them."""

    max_diso: PositiveFloat | None = Field(
        default=0.35, description="of every stream, for a pixel to be trained on, 1"
    )
    max_r_hat: PositiveFloat | None = Field(
        default=1.2, description="of any parameter of a training pixel, 1"
    )
    max_surrogate_error: PositiveFloat | None = Field(
        default=None,
        description="RMSE of the surrogate's -2 log likelihood at a training pixel, 1",
    )
    at_bound: Literal["keep", "drop_value", "drop_pixel"] = Field(
        default="keep", description="what becomes of a posterior at its prior's bound"
    )
    block_km: PositiveFloat | None = Field(
        default=None, description="side of the blocks of land held out; by itself"
    )
    folds: int = Field(default=5, ge=2, description="of whole blocks")
    candidates: PositiveInt = Field(
        default=8, description="settings of the trees tried for each parameter"
    )
    weighting: Literal["precision", "none"] = Field(
        default="precision", description="whether precise posteriors count for more"
    )
    intervals_for: Literal["calibrated", "parameter"] = Field(
        default="parameter",
        description="calibrated: what a calibration of the pixel would give; "
        "parameter: the parameter itself, wider by the posterior's spread",
    )
    least_pixels: int = Field(
        default=30,
        ge=10,
        description="calibrated pixels below which nothing is trained; fewer than 30 "
        "are warned of",
    )
    draws: int = Field(
        default=20, ge=2, description="maps drawn for the regional ensemble"
    )
