"""The arithmetic of the batch module: many marginal likelihoods as one tensor.

Kernels are GPyTorch's, gradients torch's own. Everything is in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from masm.errors import InputError
from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array

# As in `masm.gaussian_process.linear_algebra` and
# `masm.gaussian_process.marginal_likelihood`.
_LEAST_JITTER, _MOST_JITTER = 1e-13, 1e-5
_NOT_FITTED = 1e25


def _torch() -> tuple[Any, Any]:
    try:
        import gpytorch
        import torch
    except ImportError as exc:
        raise InputError(
            "Gaussian processes: the gpytorch backend is not installed",
            found=str(exc),
            wanted="the packages torch and gpytorch",
            hint="pip install 'masm[torch]', or backend='own'",
        ) from exc
    return torch, gpytorch


class Batch:
    """Data of several Gaussian processes with as many points each, on a device.

    Parameters
    ----------
    processes : list of GaussianProcess
        Of one kernel and trend, with their data set.
    device : str
    """

    def __init__(self, processes: list[GaussianProcess], device: str):
        self.torch, self.gpytorch = _torch()
        self.processes, self.device = processes, device
        self.d = processes[0].x.shape[1]
        self.curved = processes[0].trend.curved
        self.n_first = processes[0].trend.n_first
        objectives = [process.objective() for process in processes]
        self.x = self._tensor([process.x for process in processes])
        self.y = self._tensor([o.y for o in objectives])
        self.extra = self._tensor([o.extra for o in objectives])
        self.first = self._tensor([o.first for o in objectives])
        self.second = None
        if self.curved:
            self.second = self._tensor([o.second for o in objectives])
        self.prior_mean = self._tensor(objectives[0].prior_mean)
        self.prior_sd = self._tensor(objectives[0].prior_sd)
        self._kernels: dict[int, Any] = {}

    def _tensor(self, values: Any) -> Any:
        stacked = np.array(values, dtype=float)
        return self.torch.as_tensor(stacked, dtype=self.torch.float64).to(self.device)

    def kernel(self, n: int) -> Any:
        """GPyTorch kernel of n processes, whose raw parameters are logarithms."""
        if n not in self._kernels:
            torch, kernels = self.torch, self.gpytorch.kernels
            shape = torch.Size([n])

            def logarithmic() -> Any:
                return self.gpytorch.constraints.Positive(
                    transform=torch.exp, inv_transform=torch.log
                )

            options = {
                "ard_num_dims": self.d,
                "batch_shape": shape,
                "lengthscale_constraint": logarithmic(),
            }
            if self.processes[0].kernel_name == "matern52":
                base = kernels.MaternKernel(nu=2.5, **options)
            else:
                base = kernels.RBFKernel(**options)
            scaled = kernels.ScaleKernel(
                base, batch_shape=shape, outputscale_constraint=logarithmic()
            )
            self._kernels[n] = scaled.double().to(self.device)
        return self._kernels[n]

    def _set(self, kernel: Any, logs: Any) -> list[Any]:
        """Give a kernel its logarithms; return the parameters that hold them."""
        lengths = kernel.base_kernel.raw_lengthscale
        signal = kernel.raw_outputscale
        lengths.data = logs[:, None, : self.d].contiguous()
        signal.data = logs[:, self.d].contiguous()
        return [lengths, signal]

    def objective(
        self, who: list[int], questions: list[Array]
    ) -> list[tuple[float, Array]]:
        """Negative log posterior and gradient of some of the processes.

        Parameters
        ----------
        who : indices of the processes
        questions : their log hyper-parameters, (n_hyper,) each
        """
        torch = self.torch
        logs = self._tensor(questions)
        kernel = self.kernel(len(who))
        held = self._set(kernel, logs)
        rest = logs[:, self.d + 1 :].clone().requires_grad_()
        at = slice(None) if len(who) == len(self.x) else who
        covariance = kernel(self.x[at]).to_dense() + self.first[at]
        if self.second is not None:
            covariance = covariance + rest[:, 1].exp()[:, None, None] * self.second[at]
        noise = rest[:, 0].exp()[:, None] + self.extra[at]
        covariance = covariance + torch.diag_embed(noise)
        jitter, fitted = self._jitter(covariance.detach())
        eye = torch.eye(covariance.shape[-1], dtype=logs.dtype, device=self.device)
        covariance = torch.where(
            fitted[:, None, None], covariance + jitter[:, None, None] * eye, eye
        )
        factor = torch.linalg.cholesky(covariance)
        y = self.y[at]
        white = torch.linalg.solve_triangular(factor, y[..., None], upper=False)
        misfit = 0.5 * white.square().sum((-2, -1))
        misfit = misfit + factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        lengths, signal, other = torch.autograd.grad(misfit.sum(), [*held, rest])
        gradient = torch.cat([lengths[:, 0], signal[:, None], other], dim=1)
        z = (logs - self.prior_mean) / self.prior_sd
        value = misfit.detach() + 0.5 * z.square().sum(-1)
        gradient = gradient + z / self.prior_sd
        value = torch.where(fitted, value, torch.full_like(value, _NOT_FITTED))
        gradient = torch.where(fitted[:, None], gradient, torch.zeros_like(gradient))
        return list(zip(value.tolist(), gradient.cpu().numpy(), strict=True))

    def _jitter(self, covariance: Any) -> tuple[Any, Any]:
        """Least jitter that lets each matrix be factored, and whether any does."""
        torch = self.torch
        scale = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)
        jitter = torch.zeros_like(scale)
        fitted = torch.isfinite(scale)
        eye = torch.eye(covariance.shape[-1], dtype=scale.dtype, device=self.device)
        while True:
            trial = torch.where(
                fitted[:, None, None], covariance + jitter[:, None, None] * eye, eye
            )
            _, info = torch.linalg.cholesky_ex(trial)
            bad = info > 0
            if not bool(bad.any()):
                return jitter, fitted
            raised = torch.where(jitter == 0.0, _LEAST_JITTER * scale, 10.0 * jitter)
            jitter = torch.where(bad, raised, jitter)
            fitted = fitted & ~(jitter > _MOST_JITTER * scale)

    def predictor(self) -> Callable[[Array], tuple[Array, Array]]:
        """Return a function of points (n_processes, n_points, n_parameters).

        It gives mean and variance (n_processes, n_points) in scaled units, at the
        present hyper-parameters of the processes.
        """
        torch = self.torch
        logs = self._tensor([process._log_parameters for process in self.processes])
        factor = self._tensor([process._factor for process in self.processes])
        alpha = self._tensor([process.alpha for process in self.processes])
        weights = self._tensor(
            [process._coefficient_variance for process in self.processes]
        )
        basis = self._basis(self.x)
        kernel = self.kernel(len(self.processes))

        def predict(points: Array) -> tuple[Array, Array]:
            with torch.no_grad():
                self._set(kernel, logs)
                at = self._tensor(points)
                weighted = self._basis(at) * weights[:, None, :]
                cross = kernel(at, self.x).to_dense() + weighted @ basis.mT
                mean = (cross @ alpha[..., None])[..., 0]
                half = torch.linalg.solve_triangular(factor, cross.mT, upper=False)
                prior = logs[:, self.d].exp()[:, None]
                prior = prior + (weighted * self._basis(at)).sum(-1)
                variance = prior - half.square().sum(-2)
                variance = torch.maximum(variance, 1e-14 * prior)
                return mean.cpu().numpy(), variance.cpu().numpy()

        return predict

    def _basis(self, x: Any) -> Any:
        """Trend functions, (n_processes, n_points, n_functions)."""
        torch = self.torch
        columns = [torch.ones_like(x[..., :1])]
        if self.n_first > 1:
            center = self._tensor([p.trend.center for p in self.processes])
            spread = self._tensor([p.trend.spread for p in self.processes])
            z = (x - center[:, None, :]) / spread[:, None, :]
            columns.append(z)
            if self.curved:
                i, j = np.triu_indices(self.d)
                columns.append(z[..., i] * z[..., j])
        return torch.cat(columns, dim=-1)
