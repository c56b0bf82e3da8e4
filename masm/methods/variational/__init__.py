"""Variational methods: they minimise a cost whose gradient the model gives.

Values come in and values go out. A model is anything with ``observe`` and, where a
method needs them, ``vjp`` (the adjoint), ``jvp`` or ``jacobian``.
"""

from masm.methods.variational.four_d_en_var import EnsembleAnalysis, four_d_en_var
from masm.methods.variational.gauss_newton import gauss_newton
from masm.methods.variational.hessian import (
    Laplace,
    gauss_newton_covariance,
    laplace_posterior,
    low_rank_covariance,
)
from masm.minimisation.four_d_var import Minimum, StartReport, four_d_var
from masm.minimisation.objective import Objective

__all__ = [
    "EnsembleAnalysis",
    "Laplace",
    "Minimum",
    "Objective",
    "StartReport",
    "four_d_en_var",
    "four_d_var",
    "gauss_newton",
    "gauss_newton_covariance",
    "laplace_posterior",
    "low_rank_covariance",
]
