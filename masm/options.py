"""Options of the calibration methods: one frozen class for each method.

>>> import masm
>>> from masm.options import EmulatorOptions
>>> result = masm.calibrate(  # doctest: +SKIP
...     model, observations, priors, seed=7, options=EmulatorOptions(max_runs=180)
... )

Made from `masm.methods.registry` by ``python -m masm.methods.generate_options``:
change a method, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from masm.methods.options import MethodOptions

__all__ = [
    "AffineOptions",
    "CmaEsOptions",
    "DemcOptions",
    "DifferentialEvolutionOptions",
    "DreamOptions",
    "EmulatorOptions",
    "EnkfOptions",
    "EsmdaOptions",
    "FourDenvarOptions",
    "FourDvarOptions",
    "GeneticOptions",
    "GlueOptions",
    "HistoryMatchingOptions",
    "ImportanceOptions",
    "KalmanInversionOptions",
    "LaplaceOptions",
    "LargeSampleOptions",
    "LbfgsbOptions",
    "MethodOptions",
    "MetropolisOptions",
    "NelderMeadOptions",
    "Nsga2Options",
    "NutsOptions",
    "ParticleFilterOptions",
    "PublishedOptions",
    "SmcOptions",
    "TwoPhaseOptions",
    "UnscentedOptions",
]


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions(MethodOptions):
    """Options of the method ``emulator``.

    Attributes
    ----------
    max_runs : int, optional
        Most model runs; fewer are made when the posterior has settled. By default
        `default_runs`, 15 for each parameter and 27. A scalar cost of more than ten
        parameters takes `default_cost_runs`, and beyond fifteen the number has to be
        given. A joint `calibrate` makes three more, to score defaults, mean and best
        run; they count towards a ``max_runs`` given there.
    more_runs : int
        Runs that may be added to those, four batches at a time, as long as the
        estimated error is too large to be trusted.
    stop_at_error : float
        Spend less than ``max_runs`` on series that are easily emulated: end as soon as
        the error that is foreseen, and then the one that is estimated with a batch for
        validation, are at most this; 0.05 is usual, and 0.1 the most. By default, with
        0, the budget is spent until the posterior has settled over several batches,
        most of which look for other modes.
    batch_size : int, optional
        Runs in each batch after the first, which is of 4 for each parameter (at least
        32, or 16 with ``stop_at_error``; at most half of all); by default so that there
        are eleven batches in all.
    n_chains, n_draws : int, optional
        Chains of the posterior, and kept draws of each: by default 250 on emulated
        series and 1000 on an emulated cost, whose chains are of a simpler kind.

    Examples
    --------
    >>> from masm.options import EmulatorOptions
    >>> EmulatorOptions().more_runs
    0
    """

    method: ClassVar[str] = "emulator"

    max_runs: int | None = None
    more_runs: int = 0
    stop_at_error: float = 0.0
    batch_size: int | None = None
    n_chains: int = 80
    n_draws: int | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedOptions(MethodOptions):
    """Options of the method ``published``.

    Attributes
    ----------
    n_initial_per_parameter : int
        Initial runs are this times the number of parameters.
    n_iterations : int
        Adaptive iterations of five model runs (Bayes1).
    n_steps : int
        Chain steps kept in each iteration.
    n_chains : int
        Chains of both stages.
    n_cycles : int
        At most this many cycles of the long chains (Bayes2).
    n_draws : int
        Draws of a cycle, and of the posterior.
    resolution : float
        Where the farthest draw of a bin is nearer than this to a run already made
        (distance in the unit cube), a space-filling point is run instead.
    n_check : int
        Model runs at posterior draws, to check the surrogate.
    max_surrogate_rmse : float
        Largest error of the surrogate at those draws, in units of -2 log
        likelihood, in a result that is "done".

    Examples
    --------
    >>> from masm.options import PublishedOptions
    >>> PublishedOptions().n_initial_per_parameter
    18
    """

    method: ClassVar[str] = "published"

    n_initial_per_parameter: int = 18
    n_iterations: int = 200
    n_steps: int = 10_000
    n_chains: int = 4
    n_cycles: int = 10
    n_draws: int = 100_000
    resolution: float = 0.01
    n_check: int = 32
    max_surrogate_rmse: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MetropolisOptions(MethodOptions):
    """Options of the method ``metropolis``.

    Attributes
    ----------
    max_runs : int
        Most model runs; four tenths of the steps are burn-in.
    n_chains : int
        Chains, each started from its own place in the cube.

    Examples
    --------
    >>> from masm.options import MetropolisOptions
    >>> MetropolisOptions().max_runs
    100000
    """

    method: ClassVar[str] = "metropolis"

    max_runs: int = 100_000
    n_chains: int = 16


@dataclass(frozen=True, kw_only=True)
class DemcOptions(MethodOptions):
    """Options of the method ``demc``.

    Attributes
    ----------
    max_runs : int
        Most model runs; a third of the steps are burn-in.
    n_chains : int
        Chains, each started from its own place in the cube.

    Examples
    --------
    >>> from masm.options import DemcOptions
    >>> DemcOptions().max_runs
    100000
    """

    method: ClassVar[str] = "demc"

    max_runs: int = 100_000
    n_chains: int = 40


@dataclass(frozen=True, kw_only=True)
class ImportanceOptions(MethodOptions):
    """Options of the method ``importance``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    batch_size : int
        Proposals of each batch; those outside the bounds need no run.

    Examples
    --------
    >>> from masm.options import ImportanceOptions
    >>> ImportanceOptions().max_runs
    5000
    """

    method: ClassVar[str] = "importance"

    max_runs: int = 5000
    batch_size: int = 250


@dataclass(frozen=True, kw_only=True)
class NelderMeadOptions(MethodOptions):
    """Options of the method ``nelder_mead``.

    Attributes
    ----------
    max_runs : int
        Most model runs of all searches together.
    n_starts : int
        Searches: the best of four times as many points of a Latin hypercube.

    Examples
    --------
    >>> from masm.options import NelderMeadOptions
    >>> NelderMeadOptions().max_runs
    2000
    """

    method: ClassVar[str] = "nelder_mead"

    max_runs: int = 2000
    n_starts: int = 8


@dataclass(frozen=True, kw_only=True)
class LbfgsbOptions(MethodOptions):
    """Options of the method ``lbfgsb``.

    Attributes
    ----------
    max_runs : int
        Most model runs of all searches together, those for gradients included.
    n_starts : int
        Searches: the best of four times as many points of a Latin hypercube.
    step : float
        Of the finite differences, as a fraction of each parameter's prior. Make it
        larger for a model that is not smooth.

    Examples
    --------
    >>> from masm.options import LbfgsbOptions
    >>> LbfgsbOptions().max_runs
    2000
    """

    method: ClassVar[str] = "lbfgsb"

    max_runs: int = 2000
    n_starts: int = 8
    step: float = 0.0001


@dataclass(frozen=True, kw_only=True)
class DifferentialEvolutionOptions(MethodOptions):
    """Options of the method ``differential_evolution``.

    Attributes
    ----------
    max_runs : int
        Most model runs; fewer where the population converges before.
    population : int
        Members of the population for each parameter.

    Examples
    --------
    >>> from masm.options import DifferentialEvolutionOptions
    >>> DifferentialEvolutionOptions().max_runs
    5000
    """

    method: ClassVar[str] = "differential_evolution"

    max_runs: int = 5000
    population: int = 15


@dataclass(frozen=True, kw_only=True)
class HistoryMatchingOptions(MethodOptions):
    """Options of the method ``history_matching``.

    Attributes
    ----------
    max_runs : int
        Model runs, an equal fraction in each wave.
    n_waves : int
    cutoff : float
        Points of a larger implausibility, in standard deviations, are ruled out. It is
        that of one output: by the largest of several the truth would be ruled out the
        more often the more there are, so that the cut then follows their number (3
        becomes 3.6 for ten outputs).
    order : int
        Which implausibility over the outputs counts: 1 the largest, 2 the second
        largest, 3 the third, which one output emulated badly does not decide.
    discrepancy : float
        Standard deviation of the model's structural error, in standard deviations of
        the observation error; it is added to the variance of every output.

    Examples
    --------
    >>> from masm.options import HistoryMatchingOptions
    >>> HistoryMatchingOptions().max_runs
    500
    """

    method: ClassVar[str] = "history_matching"

    max_runs: int = 500
    n_waves: int = 5
    cutoff: float = 3.0
    order: int = 1
    discrepancy: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FourDvarOptions(MethodOptions):
    """Options of the method ``4dvar``.

    Attributes
    ----------
    n_starts : int
        Starts: the lowest point of a design of 40 runs that fills the prior, and good
        points far from it.
    n_iterations : int
        Most Gauss-Newton steps of a start. With exact derivatives the search follows
        gradients instead, and has the runs that so many steps would take.
    n_draws : int
        Draws that are run and weighted.
    derivatives : {"auto", "exact", "differences", "emulator"}
        The model's own derivatives, finite differences of its runs, or the first
        where there are any. With ``"emulator"`` those of an emulator of all runs so
        far: fewer runs where there are many parameters.
    max_runs : int, optional
        Most model runs: half for the search, whose later starts are left out where
        they are used up, and what is left for draws, whatever ``n_draws`` says.

    Examples
    --------
    >>> from masm.options import FourDvarOptions
    >>> FourDvarOptions().n_starts
    4
    """

    method: ClassVar[str] = "4dvar"

    n_starts: int = 4
    n_iterations: int = 15
    n_draws: int = 400
    derivatives: Literal["auto", "exact", "differences", "emulator"] = "auto"
    max_runs: int | None = None


@dataclass(frozen=True, kw_only=True)
class FourDenvarOptions(MethodOptions):
    """Options of the method ``4denvar``.

    Attributes
    ----------
    n_members : int
        Members of the prior ensemble.
    n_rounds : int
        Outer loops: perturbations a tenth as large are run about the last minimum.

    Examples
    --------
    >>> from masm.options import FourDenvarOptions
    >>> FourDenvarOptions().n_members
    50
    """

    method: ClassVar[str] = "4denvar"

    n_members: int = 50
    n_rounds: int = 1


@dataclass(frozen=True, kw_only=True)
class EsmdaOptions(MethodOptions):
    """Options of the method ``esmda``.

    Attributes
    ----------
    n_members : int
        Members; model runs are this times ``n_steps`` plus one.
    n_steps : int
        Times that the observations are used.
    alphas : str or sequence of float
        Factor on the error variance in each step, such as ``"9.333, 7, 4, 2"``, large
        ones first for a model that is far from linear. There are ``n_steps`` of them,
        and their inverses add up to one. Without them each is ``n_steps``.
    inflation : float
        Factor on the variance of the members before each update, 1 or above. With more
        than 1 they are no draws of the posterior, and the result is suspect,
        ``no_posterior``.
    localisation : {"none", "correlation"}
        Whether correlations of parameters and observations that may be noise of a small
        ensemble are damped. With many members it changes nothing.
    update : {"perturbed", "transform"}
        Each member by observations with noise of its own, or all together by the
        ensemble transform, which has no noise but that of the first members and no
        localisation.

    Examples
    --------
    >>> from masm.options import EsmdaOptions
    >>> EsmdaOptions().n_members
    200
    """

    method: ClassVar[str] = "esmda"

    n_members: int = 200
    n_steps: int = 4
    alphas: str | Sequence[float] = ""
    inflation: float = 1.0
    localisation: Literal["none", "correlation"] = "none"
    update: Literal["perturbed", "transform"] = "perturbed"


@dataclass(frozen=True, kw_only=True)
class KalmanInversionOptions(MethodOptions):
    """Options of the method ``kalman_inversion``.

    Attributes
    ----------
    n_members : int
        Members; model runs are this times ``n_iterations``, and one of their mean.
    n_iterations : int
        Updates.
    inflation : float
        Factor on the variance of the members before each update, 1 or above: above 1
        they contract more slowly.
    localisation : {"none", "correlation"}
        Whether correlations that may be noise of a small ensemble are damped.

    Examples
    --------
    >>> from masm.options import KalmanInversionOptions
    >>> KalmanInversionOptions().n_members
    50
    """

    method: ClassVar[str] = "kalman_inversion"

    n_members: int = 50
    n_iterations: int = 10
    inflation: float = 1.0
    localisation: Literal["none", "correlation"] = "none"


@dataclass(frozen=True, kw_only=True)
class UnscentedOptions(MethodOptions):
    """Options of the method ``unscented``.

    Attributes
    ----------
    n_iterations : int
        Updates, each of twice as many runs as parameters and one.
    n_draws : int
        Draws, which are run and weighed.

    Examples
    --------
    >>> from masm.options import UnscentedOptions
    >>> UnscentedOptions().n_iterations
    15
    """

    method: ClassVar[str] = "unscented"

    n_iterations: int = 15
    n_draws: int = 200


@dataclass(frozen=True, kw_only=True)
class SmcOptions(MethodOptions):
    """Options of the method ``smc``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    n_particles : int
        Particles.
    n_moves : int
        Metropolis steps of each particle at each temperature.

    Examples
    --------
    >>> from masm.options import SmcOptions
    >>> SmcOptions().max_runs
    50000
    """

    method: ClassVar[str] = "smc"

    max_runs: int = 50_000
    n_particles: int = 500
    n_moves: int = 5


@dataclass(frozen=True, kw_only=True)
class AffineOptions(MethodOptions):
    """Options of the method ``affine``.

    Attributes
    ----------
    max_runs : int
        Most model runs; a third of the steps are burn-in.
    n_walkers : int
        Walkers, an even number of at least twice the parameters.

    Examples
    --------
    >>> from masm.options import AffineOptions
    >>> AffineOptions().max_runs
    100000
    """

    method: ClassVar[str] = "affine"

    max_runs: int = 100_000
    n_walkers: int = 40


@dataclass(frozen=True, kw_only=True)
class DreamOptions(MethodOptions):
    """Options of the method ``dream``.

    Attributes
    ----------
    max_runs : int
        Most model runs; a third of the steps are burn-in, in which the crossover
        probabilities are learned.
    n_chains : int
        Chains.

    Examples
    --------
    >>> from masm.options import DreamOptions
    >>> DreamOptions().max_runs
    100000
    """

    method: ClassVar[str] = "dream"

    max_runs: int = 100_000
    n_chains: int = 8


@dataclass(frozen=True, kw_only=True)
class GeneticOptions(MethodOptions):
    """Options of the method ``genetic``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    population : int
        Individuals of a generation.
    elite : int
        Best individuals that go into the next generation unchanged.
    crossover_index, mutation_index : float
        Distribution indices; a larger one keeps children nearer to their parents.
    selection : {"tournament", "rank"}
        Of parents: the better of two, or with a probability that falls evenly from the
        best to the worst.

    Examples
    --------
    >>> from masm.options import GeneticOptions
    >>> GeneticOptions().max_runs
    5000
    """

    method: ClassVar[str] = "genetic"

    max_runs: int = 5000
    population: int = 50
    elite: int = 2
    crossover_index: float = 10.0
    mutation_index: float = 20.0
    selection: Literal["tournament", "rank"] = "tournament"


@dataclass(frozen=True, kw_only=True)
class CmaEsOptions(MethodOptions):
    """Options of the method ``cma_es``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    population : int, optional
        Of the first start; it doubles with each restart. 10 d + 4 by default, since
        costs of land models have many local minima.
    sigma : float
        First step size, of the width of the prior.

    Examples
    --------
    >>> from masm.options import CmaEsOptions
    >>> CmaEsOptions().max_runs
    5000
    """

    method: ClassVar[str] = "cma_es"

    max_runs: int = 5000
    population: int | None = None
    sigma: float = 0.25


@dataclass(frozen=True, kw_only=True)
class TwoPhaseOptions(MethodOptions):
    """Options of the method ``two_phase``.

    Attributes
    ----------
    max_runs : int
        Most model runs of both phases; the default is the 20,000 and three times
        10,000 of Zhao et al. The first half of each formal chain is burn-in.
    n_chains : int
        Formal chains, from starts spread over the prior.
    test_share : float
        Fraction of the runs that the test run takes, 0.05 to 0.95.
    step_divisor : float
        A step of the test run is uniform, at most half the prior's range over this.
    scale : float
        Multiple of 2.38^2 over the number of parameters (Gelman et al. 1997), with
        which the covariance of the test run becomes that of the formal proposal. Zhao
        et al. print the covariance itself: the number of parameters over 2.38^2.
    lowest_acceptance, highest_acceptance : float
        A formal chain whose fraction of accepted proposals lies outside is rejected.

    Examples
    --------
    >>> from masm.options import TwoPhaseOptions
    >>> TwoPhaseOptions().max_runs
    50000
    """

    method: ClassVar[str] = "two_phase"

    max_runs: int = 50_000
    n_chains: int = 3
    test_share: float = 0.4
    step_divisor: float = 5.0
    scale: float = 1.0
    lowest_acceptance: float = 0.15
    highest_acceptance: float = 0.5


@dataclass(frozen=True, kw_only=True)
class LaplaceOptions(MethodOptions):
    """Options of the method ``laplace``.

    Attributes
    ----------
    n_starts : int
        Starts: the lowest point of a design of 40 runs that fills the prior, and good
        points far from it.
    n_iterations : int
        Most Gauss-Newton steps of a start. With exact derivatives the search follows
        gradients instead, and has the runs that so many steps would take.
    n_draws : int
        Draws that are run and weighted.
    derivatives : {"auto", "exact", "differences", "emulator"}
        As of the method ``4dvar``.
    max_runs : int, optional
        Most model runs: half for the search, whose later starts are left out where
        they are used up, and what is left for draws, whatever ``n_draws`` says.

    Examples
    --------
    >>> from masm.options import LaplaceOptions
    >>> LaplaceOptions().n_starts
    4
    """

    method: ClassVar[str] = "laplace"

    n_starts: int = 4
    n_iterations: int = 15
    n_draws: int = 400
    derivatives: Literal["auto", "exact", "differences", "emulator"] = "auto"
    max_runs: int | None = None


@dataclass(frozen=True, kw_only=True)
class NutsOptions(MethodOptions):
    """Options of the method ``nuts``.

    Attributes
    ----------
    max_runs : int
        Most model runs, those for finite differences included. Chains end early
        where they are used up.
    n_chains, n_warmup : int
        Chains, and the warm-up steps of each.
    n_draws, n_rounds : int
        Draws of each chain in a round. Where the chains do not agree after a round,
        or are worth too few independent draws, they go on, for at most so many
        rounds in all.
    derivatives : {"auto", "exact", "differences"}
        As of the method ``4dvar``.

    Examples
    --------
    >>> from masm.options import NutsOptions
    >>> NutsOptions().max_runs
    20000
    """

    method: ClassVar[str] = "nuts"

    max_runs: int = 20_000
    n_chains: int = 4
    n_warmup: int = 100
    n_draws: int = 250
    n_rounds: int = 8
    derivatives: Literal["auto", "exact", "differences"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Nsga2Options(MethodOptions):
    """Options of the method ``nsga2``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    population : int
        Solutions of a generation.
    crossover_index, mutation_index : float
        Distribution indices; a larger one keeps children nearer to their parents.

    Examples
    --------
    >>> from masm.options import Nsga2Options
    >>> Nsga2Options().max_runs
    5000
    """

    method: ClassVar[str] = "nsga2"

    max_runs: int = 5000
    population: int = 100
    crossover_index: float = 15.0
    mutation_index: float = 20.0


@dataclass(frozen=True, kw_only=True)
class GlueOptions(MethodOptions):
    """Options of the method ``glue``.

    Attributes
    ----------
    max_runs : int
        Model runs, spread over the prior.
    behavioural : float
        Part of the runs that is kept: those with the least error.
    power : float
        Of the inverse error variance in the weights; a larger one trusts the best
        runs more.
    n_draws : int
        Draws with replacement from the weighted runs.

    Examples
    --------
    >>> from masm.options import GlueOptions
    >>> GlueOptions().max_runs
    2000
    """

    method: ClassVar[str] = "glue"

    max_runs: int = 2000
    behavioural: float = 0.1
    power: float = 1.0
    n_draws: int = 1000


@dataclass(frozen=True, kw_only=True)
class LargeSampleOptions(MethodOptions):
    """Options of the method ``large_sample``.

    Attributes
    ----------
    max_runs : int
        Model runs; all are made.
    kind : str
        ``random_features``, ``sparse_gp`` or ``xgboost``.

    Examples
    --------
    >>> from masm.options import LargeSampleOptions
    >>> LargeSampleOptions().max_runs
    5000
    """

    method: ClassVar[str] = "large_sample"

    max_runs: int = 5000
    kind: str = "random_features"


@dataclass(frozen=True, kw_only=True)
class EnkfOptions(MethodOptions):
    """Options of the method ``enkf``.

    Attributes
    ----------
    n_members : int
        Members; model runs are this times ``n_windows`` plus one.
    n_windows : int
        Updates: the observations in the order of time, about as many in each; no more
        than there are observations.
    inflation : float
        Factor on the variance of the parameters before each update, 1 or above. With
        more than 1 old windows count less than new ones.
    damping : float
        Fraction of each update of the parameters that is made, over 0 up to 1.

    Examples
    --------
    >>> from masm.options import EnkfOptions
    >>> EnkfOptions().n_members
    200
    """

    method: ClassVar[str] = "enkf"

    n_members: int = 200
    n_windows: int = 4
    inflation: float = 1.0
    damping: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ParticleFilterOptions(MethodOptions):
    """Options of the method ``particle_filter``.

    Attributes
    ----------
    max_runs : int
        Most model runs.
    n_particles : int
        Particles; each resampling runs the model at all of them again.
    threshold : float
        Particles are resampled under this fraction of effective ones, over 0 up to 1.
    jitter : float
        Standard deviation of the kernel, in those of the particles, 0 up to 1. With 0
        particles stay where they are, and the filter is importance sampling from the
        prior.

    Examples
    --------
    >>> from masm.options import ParticleFilterOptions
    >>> ParticleFilterOptions().max_runs
    20000
    """

    method: ClassVar[str] = "particle_filter"

    max_runs: int = 20_000
    n_particles: int = 1000
    threshold: float = 0.5
    jitter: float = 0.3
