"""The calibration methods by name.

A method is a value, ``METHOD`` of its module (`masm.methods.method.Method`). The
command line, the checks of a run and the documentation read this one table.
"""

from __future__ import annotations

import importlib

from masm.errors import InputError
from masm.methods.method import Method

METHODS: dict[str, str] = {
    "emulator": "masm.methods.adaptive",
    "published": "masm.methods.published",
    "metropolis": "masm.methods.mcmc.adaptive_metropolis",
    "demc": "masm.methods.mcmc.demc",
    "importance": "masm.methods.importance_sampling",
    "nelder_mead": "masm.methods.optimisers.nelder_mead",
    "lbfgsb": "masm.methods.optimisers.lbfgsb",
    "differential_evolution": "masm.methods.optimisers.differential_evolution",
    "history_matching": "masm.methods.history_matching",
    "4dvar": "masm.methods.four_d_var",
    "4denvar": "masm.methods.ensemble.four_d_en_var",
    "esmda": "masm.methods.ensemble.smoother",
    "kalman_inversion": "masm.methods.ensemble.kalman_inversion",
    "unscented": "masm.methods.ensemble.unscented",
    "smc": "masm.methods.tempered_smc",
    "affine": "masm.methods.mcmc.affine",
    "dream": "masm.methods.mcmc.dream",
    "genetic": "masm.methods.optimisers.genetic",
    "cma_es": "masm.methods.optimisers.cma_es",
    "two_phase": "masm.methods.mcmc.two_phase",
    "laplace": "masm.methods.laplace",
    "nuts": "masm.methods.mcmc.nuts",
    "nsga2": "masm.methods.optimisers.nsga2",
    "glue": "masm.methods.glue",
    "large_sample": "masm.methods.large_sample",
    "enkf": "masm.methods.ensemble.enkf",
    "particle_filter": "masm.methods.particle_filter",
}
"""Name, and the module that holds its ``METHOD``. A further method is one more line."""

DEFAULT_METHOD = "emulator"


def method_of(method: str | Method) -> Method:
    """Return a method by its name; a `Method` is returned as it is.

    Raises
    ------
    InputError
        If there is no method of this name.

    Examples
    --------
    >>> import masm
    >>> masm.method_of("esmda").gives
    'posterior'
    """
    if isinstance(method, Method):
        return method
    if method not in METHODS:
        raise InputError(
            f"unknown method {method!r}", wanted=f"one of {', '.join(METHODS)}"
        )
    value: Method = importlib.import_module(METHODS[method]).METHOD
    return value


def all_methods() -> list[Method]:
    """Return every method, the default first."""
    return [method_of(name) for name in METHODS]
