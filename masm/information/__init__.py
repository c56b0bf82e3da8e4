"""Information content: what observations say about parameters and targets."""

from masm.information.content import (
    InformationContent,
    information_content,
    posterior_covariance,
    target_covariance,
    uncertainty_reduction,
)

__all__ = [
    "InformationContent",
    "information_content",
    "posterior_covariance",
    "target_covariance",
    "uncertainty_reduction",
]
