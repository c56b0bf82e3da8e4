"""Information content: what observations say about parameters and targets."""

from masm.information.calibrated import (
    CalibratedInformation,
    Target,
    calibrated_information,
)
from masm.information.content import (
    InformationContent,
    information_content,
    marginal_variances,
    posterior_covariance,
    target_covariance,
    uncertainty_reduction,
)

__all__ = [
    "CalibratedInformation",
    "InformationContent",
    "Target",
    "calibrated_information",
    "information_content",
    "marginal_variances",
    "posterior_covariance",
    "target_covariance",
    "uncertainty_reduction",
]
