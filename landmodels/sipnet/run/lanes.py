"""Which lanes a call has: one for each site, sample and member, with what it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.parameters import check_names, complete, parameter_table
from landmodels.sipnet.state import N_STATE, check_state, find_state

_TAKEN = ("time", "state")


@dataclass(frozen=True)
class Lanes:
    """The lanes of a call, flat, and how to label them again."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: Mapping[str, Any]
    site: np.ndarray  # (lane,) number of the site
    values: dict[str, np.ndarray]  # parameter -> (lane,)
    state: np.ndarray | None  # (lane, state)

    @property
    def n(self) -> int:
        """Number of lanes."""
        return self.site.size


def arrange(
    parameters: xr.Dataset | Mapping[str, Any],
    sites: Sequence[str] | None,
    initial_state: xr.Dataset | xr.DataArray | None,
    lone: bool,
) -> Lanes:
    """Lay out the lanes of a call.

    Parameters
    ----------
    parameters : xarray.Dataset or mapping
        Numbers, arrays, or DataArrays whose dimensions are lanes.
    sites : sequence of str, optional
        Names of the sites where the forcing has that dimension.
    initial_state : xarray.Dataset or xarray.DataArray, optional
        Its dimensions besides ``state`` are lanes too.
    lone : bool
        Whether a single lane without a dimension is wanted.

    Returns
    -------
    Lanes

    Raises
    ------
    InputError
        If names, values, dimensions or labels do not fit.
    """
    given = _given(parameters, sites, lone)
    if sites is not None:
        index = np.arange(len(sites))
        site = xr.DataArray(index, dims="site", coords={"site": list(sites)})
    else:
        site = xr.DataArray(0)
    arrays: dict[str, xr.DataArray] = {"site": site, **given}
    if initial_state is not None:
        state = find_state(initial_state, "initial_state")
        arrays["state"] = state.isel(state=0, drop=True)
    dims = _dims(arrays, lone)
    template = _template(arrays, dims)
    n = template.size

    def flat(array: xr.DataArray) -> np.ndarray:
        return array.broadcast_like(template).transpose(*dims).values.reshape(n)

    values = complete({k: flat(v).astype(float) for k, v in given.items()}, n)
    states = None
    if initial_state is not None:
        # The states are laid out like the lanes, with one row for each.
        states = (
            state.broadcast_like(template, exclude=("state",))
            .transpose(*dims, "state")
            .values.reshape(n, -1)[:, :N_STATE]
            .astype(float)
        )
        check_state(states, "initial_state")
    return Lanes(
        dims, template.shape, _coords(template), flat(site).astype(np.int64),
        values, states,
    )  # fmt: skip


def _coords(template: xr.DataArray) -> dict[str, Any]:
    return {
        str(name): coord
        for name, coord in template.coords.items()
        if set(coord.dims) <= set(template.dims)
    }


def _given(parameters, sites, lone: bool) -> dict[str, xr.DataArray]:
    """Parameters as DataArrays with named dimensions."""
    names = list(
        parameters.data_vars if isinstance(parameters, xr.Dataset) else parameters
    )
    check_names(names)
    table = parameter_table()
    given = {}
    for name in map(str, names):
        value, where = parameters[name], f"parameters.{name}"
        if isinstance(value, xr.DataArray):
            unit = table.loc[name, "unit"]
            if value.attrs.get("units", unit) != unit:
                raise InputError(
                    f"{where}.units", found=repr(value.attrs["units"]),
                    wanted=repr(unit),
                )  # fmt: skip
            array = value
        else:
            array = _plain(value, sites, where)
        if lone and array.ndim:
            raise InputError(
                where, found=f"shape {array.shape}", wanted="a number",
                hint="simulate_batch runs many values.",
            )  # fmt: skip
        taken = [d for d in array.dims if d in _TAKEN]
        if taken or array.dtype.kind not in "iuf":
            raise InputError(
                where, found=f"dimensions {array.dims} of {array.dtype}",
                wanted="numbers over lanes such as sample, member and site",
            )  # fmt: skip
        given[name] = array
    return given


def _plain(value: Any, sites, where: str) -> xr.DataArray:
    """Label an array that has no names: over sites first, then samples."""
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as exc:
        raise InputError(
            where, found=repr(value)[:60], wanted="a number, or one for each sample"
        ) from exc
    dims = ("sample",) if sites is None else ("site", "sample")
    if numbers.ndim > len(dims) or (
        sites is not None and numbers.ndim and numbers.shape[0] != len(sites)
    ):
        raise InputError(
            where, found=f"shape {numbers.shape}",
            wanted="a number, or one for each sample" if sites is None
            else f"a number, {len(sites)} numbers (site), or (site, sample)",
            hint="A DataArray can say which dimensions it has.",
        )  # fmt: skip
    coords = {"site": list(sites)} if sites is not None and numbers.ndim else None
    return xr.DataArray(numbers, dims=dims[: numbers.ndim], coords=coords)


def _dims(arrays: Mapping[str, xr.DataArray], lone: bool) -> tuple[str, ...]:
    """Dimensions of the lanes: site first, then in the order in which they come."""
    dims = tuple(dict.fromkeys(str(d) for a in arrays.values() for d in a.dims))
    if lone and dims:
        raise InputError(
            "initial_state", found=f"lanes over {', '.join(dims)}", wanted="one state",
            hint="simulate_batch continues many.",
        )  # fmt: skip
    return dims if dims or lone else ("sample",)


def _template(
    arrays: Mapping[str, xr.DataArray], dims: tuple[str, ...]
) -> xr.DataArray:
    """An empty array over all lanes, with their labels."""
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        for dim, size in array.sizes.items():
            if sizes.setdefault(str(dim), size) != size:
                raise InputError(
                    "parameters" if name != "state" else "initial_state",
                    found=f"{size} and {sizes[str(dim)]} values along {dim}",
                    wanted=f"as many values along {dim} everywhere",
                )  # fmt: skip
    try:
        xr.align(*arrays.values(), join="exact", copy=False)
    except ValueError as exc:
        raise InputError(
            "lanes", found=str(exc).split("\n")[0][:200],
            wanted="the same labels in forcing, parameters and initial_state",
        ) from exc  # fmt: skip
    shape = tuple(sizes.get(dim, 1) for dim in dims)
    if 0 in shape:
        raise InputError("parameters", found="no values", wanted="at least one sample")
    coords: dict[str, Any] = {}
    for array in arrays.values():
        for label, coord in array.coords.items():
            if coord.dims and set(coord.dims) <= set(dims):
                coords.setdefault(str(label), coord)
    return xr.DataArray(np.zeros(shape), dims=dims, coords=coords)
