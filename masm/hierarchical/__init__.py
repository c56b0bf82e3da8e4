"""Calibration of several sites together, and the choice of sites."""

from masm.hierarchical.calibrate import (
    SiteProblem,
    SitesCalibration,
    Verdict,
    calibrate_sites,
    predict_new_site,
    sample_pooled,
    sample_separate,
    share_between,
)
from masm.hierarchical.group import GroupPrior, matched_group_prior
from masm.hierarchical.likelihoods import (
    GaussianErrors,
    LaplaceErrors,
    StudentErrors,
    effective_size,
    lag_one_correlation,
)
from masm.hierarchical.output import to_dataset
from masm.hierarchical.sampler import HierarchicalDraws, sample_hierarchy
from masm.hierarchical.site_choice import SiteChoice, choose_sites
from masm.hierarchical.sites import Guide, SiteDraws
from masm.hierarchical.stream_errors import StreamErrors
from masm.hierarchical.together import (
    CalibratedSite,
    Together,
    calibrate_together,
    site_problem,
)
from masm.hierarchical.traits import TraitPrior, trait_prior

__all__ = [
    "CalibratedSite",
    "GaussianErrors",
    "GroupPrior",
    "Guide",
    "HierarchicalDraws",
    "LaplaceErrors",
    "SiteChoice",
    "SiteDraws",
    "SiteProblem",
    "SitesCalibration",
    "StreamErrors",
    "StudentErrors",
    "Together",
    "TraitPrior",
    "Verdict",
    "calibrate_sites",
    "calibrate_together",
    "choose_sites",
    "effective_size",
    "lag_one_correlation",
    "matched_group_prior",
    "predict_new_site",
    "sample_hierarchy",
    "sample_pooled",
    "sample_separate",
    "share_between",
    "site_problem",
    "to_dataset",
    "trait_prior",
]
