"""Tuned numbers of the adaptive method: a value each, so that one can be changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from masm.surrogates import cost, feasibility, series


@dataclass(frozen=True)
class Settings:
    """Numbers of the loop, the choice of batches, the error estimate and the chains.

    Attributes
    ----------
    series, cost, feasibility : of the surrogates
    n_batches : of the loop; `masm.calibrate` makes one more call, for the scores of
        default and result
    n_population : draws of the posterior on which a batch is chosen
    more_batches : batches that are added where the error is too large, before it is
        estimated again
    n_stable : stop before the budget when so many batches in a row changed little; most
        of their runs have looked for other modes
    stable_shift, stable_error : what little is, as total variations
    n_early_functions : drawn from the surrogate to foresee the error
    least_validated : the errors of fewer runs say nothing
    n_error_draws : number of surrogate draws used to predict the error
    n_pool : candidates of informative runs, of either kind
    near : runs nearer than this (times the cube's diagonal) to another are useless
    informative : whether runs are chosen by the variance they remove, or at random
    candidates : uniform points among which other modes are sought
    candidate_pool : of these, for the choice
    longest : a mode can be far narrower than the general run of the cost suggests, so
        lengths of the mode search are cut to this fraction of the cube,
    flat : unless they are longer than this: the parameter hardly matters at all
    promising : a run outside the posterior within so many times d of the best cost may
        lie on the slope of another mode
    reach : runs nearer than this (times the cube's diagonal) that led to nothing make
        it less promising
    outside : chi-square level beyond which a point is outside the posterior
    off_target_excess : a run within so much of the best cost (or within the number of
        parameters) proves a mode
    nearest, n_nearest_of : a point is among draws if it is within twice the chi-square
        quantile at ``outside`` of this fraction of them, the nearest; of so many at
        most
    least_mode : a mode with less of the posterior is left out
    most_images, least_images, least_plain : runs of images of the best run under
        exchanges of parameters: at most, and at least with another one reflected, and
        plain
    image_excess : an image within so many times d of the best cost may lie on a mode
    image_batches : batches that are made after an image that fits
    n_starts, most_minima : with runs to spare, starts of a search for minima of the
        surrogate, and runs of minima at most
    suspect_error : largest estimated error of the marginals that is accepted
    cost_weights : how much of validation, spread, shift and difference of views counts
        as error where there is no prediction of it, on a scalar cost. Right posteriors
        had spreads of at most 0.055, validations of 0.59 and shifts of 0.19; wrong ones
        had spreads from 0.075, or views that differ by 0.17 (`benchmarks.verdict`)
    random_ratio : errors of a dozen draws exceed the predicted ones this much at random
        alone: two standard deviations, 1 + 2 / sqrt(2 n)
    local_random_ratio : the same of the runs about the posterior, which are fifty or so
    agree : chains agree when the split Gelman-Rubin factor is below this, and they keep
        the rule of convergence; else longer ones are tried,
    longer : of so many steps for each kept draw, the earlier ones included,
    longer_gradient : or of so many times the draws where they follow gradients
    n_burn, n_burn_ensemble, n_burn_blocks : steps of burn-in of the chains, by kind
    ensemble_up_to : up to so many parameters differences of states are tried before
        gradients: where they mix at all, they do so at a tenth of the price
        (`benchmarks.proposals`)
    normal_margins : whether gradient chains make each margin nearly normal first
    """

    series: series.Settings = field(default_factory=series.Settings)
    cost: cost.Settings = field(default_factory=cost.Settings)
    feasibility: feasibility.Settings = field(default_factory=feasibility.Settings)
    n_batches: int = 11
    n_population: int = 300
    more_batches: int = 4
    n_stable: int = 6
    stable_change: float = 0.10
    stable_error: float = 0.15
    n_early_functions: int = 40
    least_validated: int = 6
    n_error_draws: int = 200
    n_pool: int = 150
    near: float = 1e-3
    informative: bool = True
    candidates: int = 3000
    candidate_pool: int = 600
    longest: float = 0.3
    flat: float = 3.0
    promising: float = 30.0
    reach: float = 0.12
    outside: float = 0.999
    off_target_excess: float = 6.0
    nearest: float = 0.1
    n_nearest_of: int = 2000
    least_mode: float = 1e-4
    most_images: int = 12
    least_images: int = 3
    least_plain: int = 6
    image_excess: float = 10.0
    image_batches: int = 2
    n_starts: int = 48
    most_minima: int = 3
    suspect_error: float = 0.10
    cost_weights: tuple[float, float, float, float] = (0.2, 2.0, 0.5, 0.6)
    random_ratio: float = 1.4
    local_random_ratio: float = 1.2
    agree: float = 1.03
    longer: tuple[int, ...] = (2, 6)
    longer_gradient: tuple[int, ...] = (2, 4)
    n_burn: int = 60
    n_burn_ensemble: int = 150
    n_burn_blocks: int = 150
    ensemble_up_to: int = 7
    normal_margins: bool = True
