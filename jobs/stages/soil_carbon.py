"""Stages of a soil-carbon run: calibrate each ecosystem, predict, score, total.

A unit of work leaves one file, so that a stopped run goes on where it was. Ecosystems
and strategies are calibrated one by one, each on all its observations together; the
domain is predicted in chunks of cells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.soil_carbon import EXECUTION_KEYS, SoilCarbonConfig
from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.files import OddFile, is_file, make_folder, put_aside, replacing
from jobs.inputs.soil_carbon import (
    Inputs,
    Observed,
    defaults_of,
    priors_of,
    settings_of,
)
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.process_models import century_domain
from jobs.process_models.century_domain import Settings, Targets
from jobs.run.provenance import checksums, read_record, record, write_record
from jobs.run.seeds import RunStream, run_generator
from jobs.run.start_files import refuse_lost_record
from jobs.run_tables import read_run_table
from jobs.stages.from_checkpoint import from_checkpoint

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    import masm

_CHUNK = 50
"""Cells of one file of the prediction."""
_UNITS = {"soc": "kg m-2", "nep": "g m-2 month-1"}
_FIRST_DAY = "2000-01-01"
_ERROR_DRAWS = 40
"""Posterior draws whose errors are computed."""


@dataclass(frozen=True)
class SoilCarbonRun:
    """A soil-carbon run with its checked inputs.

    Attributes
    ----------
    path : Path
        The run folder.
    config : SoilCarbonConfig
    inputs : Inputs
    """

    path: Path
    config: SoilCarbonConfig
    inputs: Inputs

    @property
    def folder(self) -> Path:
        """Folder of posteriors, predictions and tables."""
        return self.path / "soil_carbon"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Ecosystem and strategy of every calibration."""
        return [(e, s) for e in self.config.model.ecosystems
                for s in self.config.strategies]  # fmt: skip

    def posterior(self, ecosystem: str, strategy: str) -> Path:
        """Return the file of a calibration's result."""
        return self.folder / f"posterior_{ecosystem}_{strategy}.nc"

    def prediction(self, chunk: int) -> Path:
        """Return the file of a chunk of predicted cells."""
        return self.folder / f"prediction_{chunk:04d}.nc"

    @property
    def chunks(self) -> list[np.ndarray]:
        """Cells of each chunk; those of a chunk are of one ecosystem."""
        kinds = self.inputs.forcing["ecosystem"].to_numpy().astype(str)
        found = []
        for ecosystem in self.config.model.ecosystems:
            cells = self.inputs.mapped[kinds[self.inputs.mapped] == ecosystem]
            found += [cells[k : k + _CHUNK] for k in range(0, len(cells), _CHUNK)]
        return found

    @property
    def statement(self) -> dict[str, str]:
        """What every output states."""
        model, domain = self.config.model, self.config.domain
        made_up = "yes: weather, soil and observations are made up"
        soil = "of the synthetic plateau" if domain.source == "plateau" else domain.soil
        return {
            "model": "CENTURY, monthly, variant 46",
            "spinup": model.spinup,
            "soc_definition": century_domain.SOC_DEFINITION,
            "depth": f"0-{self.config.observations.soc.depth:g} cm",
            "depth_factor": f"{model.depth_factor:g}",
            "co2_effect": "on" if model.co2_effect else "off",
            "calendar": century_domain.CALENDAR,
            "soil": soil,
            "synthetic": made_up if self.inputs.synthetic else "no",
            "soc_period": str(self.config.observations.soc.period),
            "nep_period": str(self.config.prediction.nep_period),
        }


def start(run: SoilCarbonRun) -> None:
    """Write ``run.json`` on the first start; refuse changed science on later ones.

    Raises
    ------
    ConfigError
        Naming what changed since the run started.
    """
    now = _science(run.config)
    sums = checksums(run.config.files)
    path = run.path / "run.json"
    facts = read_record(path)
    if not facts:
        refuse_lost_record(path, run.folder.glob("*"))
        make_folder(run.folder)
        write_record(path, {**record(run.config.seed, sums), "science": now})
        return
    then = facts.get("science")
    then = then if isinstance(then, dict) else {}
    changed = [key for key in sorted({*now, *then}) if now.get(key) != then.get(key)]
    changed += [key for key in sums if facts["inputs"].get(key) != sums[key]]
    if changed:
        raise ConfigError(
            Problem(
                "config.yaml", changed[0], "changed since the run started",
                "the science that the finished work rests on",
                "Put it back, or start a new run folder.",
            )
        )  # fmt: skip


def _science(config: SoilCarbonConfig) -> dict[str, Any]:
    plain = json.loads(config.model_dump_json())
    return {key: value for key, value in plain.items() if key not in EXECUTION_KEYS}


def calibrations_left(run: SoilCarbonRun) -> list[tuple[str, str]]:
    """Return ecosystem and strategy of what is not calibrated yet."""
    return [pair for pair in run.pairs if not is_file(run.posterior(*pair))]


def calibrate(run: SoilCarbonRun, ecosystem: str, strategy: str) -> Path:
    """Calibrate one ecosystem with one strategy, going on from its checkpoint.

    Returns
    -------
    Path
        The result: draws, diagnostics and every model run.

    Raises
    ------
    ConfigError
        If the model runs nowhere.
    """
    import masm

    config = run.config
    chosen = chosen_observations(run, ecosystem, strategy)
    target = run.posterior(ecosystem, strategy)
    checkpoint = target.with_name(f"checkpoint_{ecosystem}_{strategy}.nc")
    model = Model(run.inputs.forcing, chosen.targets, settings_of(config))
    options: dict[str, Any] = dict(config.calibration.options)

    def calibrated() -> masm.Result:
        return masm.calibrate(
            model,
            observations=_as_series(chosen),
            priors=_priors(config, ecosystem),
            seed=[config.seed, *ecosystem.encode(), *strategy.encode()],
            method=config.calibration.method,
            windows=None,
            variance="given",
            checkpoint=checkpoint,
            n_predictive=8,
            **options,
        )

    try:
        result = from_checkpoint(calibrated, checkpoint)
    except masm.CalibrationFailed as exc:
        raise ConfigError(
            Problem(
                f"{ecosystem} {strategy}",
                "the calibration came to nothing",
                str(exc),
                "parameters with which every cell has a steady state",
                "Narrow model.bounds, or leave out cold cells.",
            )
        ) from exc
    result.to_netcdf(target)
    checkpoint.unlink(missing_ok=True)
    return target


def chosen_observations(run: SoilCarbonRun, ecosystem: str, strategy: str) -> Observed:
    """Return what a calibration sees: fitted values of its streams, in some cells."""
    return _in_cells(run, ecosystem, run.config.strategies[strategy])


def _in_cells(run: SoilCarbonRun, ecosystem: str, streams: Sequence[str]) -> Observed:
    config, every = run.config, run.inputs.observed
    rng = run_generator(config.seed, RunStream.SOIL_CARBON_CELLS)
    chosen = np.zeros(every.value.size, bool)
    for name, stock in (("soc", True), ("nep", False)):
        here = every.fitted & (every.ecosystem == ecosystem) & (every.is_stock == stock)
        if config.calibration.cells is not None:
            cells = rng.permutation(np.unique(every.targets.cell[here]))
            here &= np.isin(every.targets.cell, cells[: config.calibration.cells])
        if name in streams:
            chosen |= here
    return every.take(chosen)


def _priors(config: SoilCarbonConfig, ecosystem: str) -> masm.Priors:
    import masm

    priors = priors_of(config, ecosystem)
    defaults = defaults_of(config, ecosystem)
    known = {
        name: masm.Uniform(low, high, default=min(max(defaults[name], low), high))
        for name, (low, high) in priors.items()
    }
    both = {"ppdf_1", "ppdf_2"} <= set(priors)
    return masm.Priors(known, [masm.below("ppdf_1", "ppdf_2")] if both else [])


def _axis(n: int) -> np.ndarray:
    """Number the observations; the axis is written as days, as series have them."""
    first = np.datetime64(_FIRST_DAY, "ns")
    return first + np.arange(n) * np.timedelta64(1, "D")


def _as_series(chosen: Observed) -> xr.Dataset:
    """Lay observations on an axis of their own: each is a value for itself."""
    import xarray as xr

    data = {}
    for name, inside in (("soc", chosen.is_stock), ("nep", ~chosen.is_stock)):
        if inside.any():
            attrs = {"units": _UNITS[name]}
            data[name] = ("time", np.where(inside, chosen.value, np.nan), attrs)
            data[f"{name}_sd"] = ("time", np.where(inside, chosen.sd, np.nan), attrs)
    return xr.Dataset(data, coords={"time": _axis(chosen.value.size)})


@dataclass(frozen=True)
class Model:
    """CENTURY at the observations of an ecosystem, as ``masm.calibrate`` calls it.

    Attributes
    ----------
    forcing : xarray.Dataset
    targets : Targets
    settings : Settings
    """

    forcing: xr.Dataset
    targets: Targets
    settings: Settings

    def __call__(self, theta: Any) -> xr.Dataset:
        """Values of the observations over (sample, time)."""
        import xarray as xr

        values = century_domain.observed_values(
            self.forcing, self.targets, dict(theta), self.settings
        )
        stock = self.targets.month == century_domain.STOCK
        failed = ~np.isfinite(values).all(axis=1)
        values[failed] = np.nan
        data = {}
        for name, inside in (("soc", stock), ("nep", ~stock)):
            if inside.any():
                # Where the other stream is observed, nothing is compared.
                data[name] = (
                    ("sample", "time"), np.where(inside, values, np.nan),
                    {"units": _UNITS[name]},
                )  # fmt: skip
        return xr.Dataset(data, coords={"time": _axis(values.shape[1])})


def open_posterior(run: SoilCarbonRun, ecosystem: str, strategy: str) -> masm.Result:
    """Open the result of a calibration.

    Raises
    ------
    ConfigError
        If it is damaged; it is put aside then.
    """
    import masm

    return _whole(run, run.posterior(ecosystem, strategy), masm.open_result)


def posterior_draws(
    run: SoilCarbonRun, ecosystem: str, strategy: str, n: int
) -> dict[str, np.ndarray]:
    """Return draws of the parameters, (draw,) each; one point of an optimiser."""
    found = open_posterior(run, ecosystem, strategy)
    draws = {
        name: found.posterior[name].to_numpy().ravel() for name in found.parameters
    }
    size = len(next(iter(draws.values())))
    rng = run_generator(run.config.seed, RunStream.SOIL_CARBON_DRAWS)
    at = rng.choice(size, n, replace=size < n)
    return {name: values[at] for name, values in draws.items()}


def posterior_mean(
    run: SoilCarbonRun, ecosystem: str, strategy: str
) -> dict[str, float]:
    """Return the mean of each parameter, as the paper's calibrated values are."""
    found = open_posterior(run, ecosystem, strategy)
    return {str(name): float(value) for name, value in found.mean.items()}


def chunks_left(run: SoilCarbonRun) -> list[int]:
    """Return the numbers of chunks that are not predicted yet."""
    return [k for k in range(len(run.chunks)) if not is_file(run.prediction(k))]


def predict_chunk(run: SoilCarbonRun, chunk: int) -> int:
    """Simulate the cells of a chunk: defaults first, then each posterior draw."""
    import xarray as xr

    config = run.config
    cells = run.chunks[chunk]
    ecosystem = str(run.inputs.forcing["ecosystem"].to_numpy().astype(str)[cells[0]])
    draws = posterior_draws(
        run, ecosystem, config.prediction.strategy, config.prediction.draws
    )
    defaults = defaults_of(config, ecosystem)
    given = {n: np.concatenate([[defaults[n]], v]) for n, v in draws.items()}
    years = (config.prediction.nep_period.first, config.prediction.nep_period.last)
    soc, nep, kind = century_domain.predicted_means(
        run.inputs.forcing, cells, given, settings_of(config), years
    )
    data = xr.Dataset(
        {
            "soc": (("set", "cell"), soc, {
                "units": "kg m-2", "long_name": "soil organic carbon density"}),
            "nep": (("set", "cell"), nep, {
                "units": "g m-2 year-1", "long_name": "net ecosystem production, "
                "carbon, uptake positive"}),
            "spinup_kind": (("set", "cell"), kind, {
                "flag_values": np.arange(len(century_domain.KINDS), dtype="int8"),
                "flag_meanings": " ".join(century_domain.KINDS),
                "long_name": "how the state at the start was found"}),
        },
        coords={"cell": cells},
        attrs={**run.statement, "sets": "0: defaults; then posterior draws of "
               f"{config.prediction.strategy}",
               "draws": _digest_of_draws(run, ecosystem)},
    )  # fmt: skip
    with replacing(run.prediction(chunk)) as aside:
        write_netcdf(data, aside)
    return chunk


def open_prediction(run: SoilCarbonRun) -> xr.Dataset:
    """Return every predicted cell, (set, cell), in the order of the domain.

    Raises
    ------
    ConfigError
        If a chunk is damaged, or of other draws than those of the present
        posterior; it is put aside then.
    """
    import xarray as xr

    parts = []
    kinds = run.inputs.forcing["ecosystem"].to_numpy().astype(str)
    rests = {one: _digest_of_draws(run, one) for one in run.config.model.ecosystems}
    for number, cells in enumerate(run.chunks):
        part = _whole(run, run.prediction(number), read_netcdf)
        same = part.attrs.get("draws", rests[kinds[cells[0]]]) == rests[kinds[cells[0]]]
        whole = {"soc", "nep"} <= set(part) and part.sizes.get("cell") == len(cells)
        if not (same and whole):
            part = _whole(run, run.prediction(number), _refused)
        parts.append(part)
    return xr.concat(
        parts, "cell", data_vars="minimal", combine_attrs="override"
    ).sortby("cell")


def _refused(path: Path) -> Any:
    raise OddFile(f"{path.name} does not hold its cells with the present posterior")


def _digest_of_draws(run: SoilCarbonRun, ecosystem: str) -> str:
    """Return the SHA-256 of the draws that an ecosystem is predicted with."""
    chosen = run.config.prediction
    draws = posterior_draws(run, ecosystem, chosen.strategy, chosen.draws)
    whole = hashlib.sha256()
    for name, values in sorted(draws.items()):
        whole.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()


def _whole(run: SoilCarbonRun, path: Path, read: Callable[[Path], Any]) -> Any:
    """Read a file of the run's own; what is damaged is put aside, to be made again."""
    try:
        return read(path)
    except ValueError as exc:
        if isinstance(exc, ConfigError) or system_fault(exc):
            raise
        aside = put_aside(path)
        raise ConfigError(
            Problem(
                str(path), "is damaged", str(exc)[:200], "what the run has written",
                f"It is now {aside.name}; this makes it again: masm run {run.path}",
            )
        ) from exc  # fmt: skip


def score(run: SoilCarbonRun) -> pd.DataFrame:
    """Score defaults and each strategy on the withheld observations; write the tables.

    Returns
    -------
    pandas.DataFrame
        Rows of strategy, ecosystem and stream; columns n, r2, mae, bias,
        correlation, sd ratio. Calibrated values are posterior means.
    """
    import pandas as pd

    every = run.inputs.observed
    withheld = every.take(~every.fitted)
    table = pd.DataFrame(
        {
            "place": withheld.place, "ecosystem": withheld.ecosystem,
            "stream": np.where(withheld.is_stock, "soc", "nep"),
            "cell": withheld.targets.cell, "month": withheld.targets.month,
            "observed": withheld.value,
        }
    )  # fmt: skip
    settings = settings_of(run.config)
    for name in ("default", *run.config.strategies):
        values = np.full(withheld.value.size, np.nan)
        for ecosystem in run.config.model.ecosystems:
            here = withheld.ecosystem == ecosystem
            if not here.any():
                continue
            one = (
                defaults_of(run.config, ecosystem)
                if name == "default"
                else posterior_mean(run, ecosystem, name)
            )
            values[here] = century_domain.observed_values(
                run.inputs.forcing, withheld.take(here).targets, one, settings
            )[0]
        table[name] = values
    _write_csv(table, run.folder / "withheld.csv")
    rows = []
    for name in ("default", *run.config.strategies):
        for stream in table["stream"].unique():
            for group in ("all", *run.config.model.ecosystems):
                part = table[table["stream"] == stream]
                if group != "all":
                    part = part[part["ecosystem"] == group]
                rows.append({"parameters": name, "ecosystem": group,
                             "stream": stream, "unit": _UNITS[stream],
                             **scores(part[name].to_numpy(),
                                      part["observed"].to_numpy())})  # fmt: skip
    found = pd.DataFrame(rows)
    _write_csv(found, run.folder / "scores.csv")
    return found


def scores(model: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Agreement of model and observations, NaN where there are fewer than three.

    Returns
    -------
    dict
        n; r2 about the mean of the observations; mae; bias; correlation; sd_ratio,
        the standard deviation of the model over that of the observations.
    """
    known = np.isfinite(model) & np.isfinite(observed)
    n = int(known.sum())
    names = ("r2", "mae", "bias", "correlation", "sd_ratio")
    if n < 3:
        return {"n": n, **dict.fromkeys(names, float("nan"))}
    x, y = model[known], observed[known]
    spread = float(((y - y.mean()) ** 2).sum())
    constant = x.std() == 0.0 or y.std() == 0.0
    return {
        "n": n,
        "r2": 1.0 - float(((y - x) ** 2).sum()) / spread if spread else float("nan"),
        "mae": float(np.abs(y - x).mean()),
        "bias": float((x - y).mean()),
        "correlation": float("nan") if constant else float(np.corrcoef(x, y)[0, 1]),
        "sd_ratio": float(x.std() / y.std()) if y.std() else float("nan"),
    }


def totals(run: SoilCarbonRun) -> pd.DataFrame:
    """Write and return totals of the mapped cells, with intervals of the draws.

    Returns
    -------
    pandas.DataFrame
        Stocks in Pg, fluxes in Tg yr-1, for each ecosystem and all: the default, the
        mean of the draws and their 5 and 95 % points; the fraction of the area that has
        a value in every set, which is what is summed; and the fraction of steady states
        that repeat after one pass.
    """
    import pandas as pd

    from upscale.prediction.totals import cell_area

    found = open_prediction(run)
    cells = found["cell"].to_numpy()
    lat = run.inputs.forcing["lat"].to_numpy()[cells]
    kinds = run.inputs.forcing["ecosystem"].to_numpy().astype(str)[cells]
    kind, periodic = (
        found["spinup_kind"].to_numpy(),
        century_domain.KINDS.index("periodic"),
    )
    area = np.asarray(cell_area(lat, run.config.domain.step), float)
    rows = []
    for ecosystem in ("all", *run.config.model.ecosystems):
        here = np.ones(cells.size, bool) if ecosystem == "all" else kinds == ecosystem
        if not here.any():
            continue
        for name, unit, factor in (("soc", "Pg", 1e-12), ("nep", "Tg year-1", 1e-12)):
            values = found[name].to_numpy()
            known = np.isfinite(values).all(axis=0) & here
            if not known.any():
                continue
            sums = (values[:, known] * area[known]).sum(axis=1) * factor
            rows.append(
                {
                    "ecosystem": ecosystem, "quantity": name, "unit": unit,
                    "default": sums[0], "mean": sums[1:].mean(),
                    "p05": np.quantile(sums[1:], 0.05),
                    "p95": np.quantile(sums[1:], 0.95),
                    "area_km2": area[known].sum() * 1e-6,
                    "share_of_area": area[known].sum() / area[here].sum(),
                    "share_periodic": (kind[:, here] == periodic).mean(),
                    "draws": len(sums) - 1, **_short_statement(run),
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    _write_csv(table, run.folder / "totals.csv")
    return table


def _short_statement(run: SoilCarbonRun) -> Mapping[str, str]:
    said = run.statement
    return {key: said[key] for key in ("synthetic", "depth", "depth_factor",
            "co2_effect", "spinup", "soil")}  # fmt: skip


def parameter_rows(run: SoilCarbonRun) -> pd.DataFrame:
    """Write and return mean, sd, cv, interval and R-hat of every parameter."""
    import pandas as pd

    rows = []
    for ecosystem, strategy in run.pairs:
        found = open_posterior(run, ecosystem, strategy)
        summary = found.summary()
        priors = priors_of(run.config, ecosystem)
        defaults = defaults_of(run.config, ecosystem)
        for name, row in summary.iterrows():
            low, high = priors[str(name)]
            rows.append(
                {
                    "ecosystem": ecosystem, "strategy": strategy,
                    "parameter": century_domain.published_name(str(name)),
                    "id": name, "default": defaults[str(name)],
                    "prior_low": low, "prior_high": high,
                    "mean": row["mean"], "sd": row["sd"],
                    "cv_percent": 100.0 * row["sd"] / abs(row["mean"])
                    if row["mean"] else float("nan"),
                    "sd_over_prior": row["sd"] / ((high - low) / np.sqrt(12.0)),
                    "r_hat": row.get("r_hat", float("nan")),
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    _write_csv(table, run.folder / "parameters.csv")
    return table


def calibration_rows(run: SoilCarbonRun) -> pd.DataFrame:
    """Write and return what each calibration cost and came to."""
    import pandas as pd

    table = pd.DataFrame([calibration_row(run, *pair) for pair in run.pairs])
    _write_csv(table, run.folder / "calibrations.csv")
    return table


def calibration_row(
    run: SoilCarbonRun, ecosystem: str, strategy: str
) -> dict[str, Any]:
    """Return the row of one calibration in ``calibrations.csv``."""
    found = open_posterior(run, ecosystem, strategy)
    seen = chosen_observations(run, ecosystem, strategy)
    rates = found.attrs.get("acceptance_of_chains", found.attrs.get("acceptance", ""))
    return {
        "ecosystem": ecosystem,
        "strategy": strategy,
        "method": run.config.calibration.method,
        "observations": seen.value.size,
        "cells": np.unique(seen.targets.cell).size,
        "model_runs": found.n_model_runs,
        "failed_runs": found.n_failed_runs,
        "status": found.status,
        "reason": found.reason,
        "acceptance": str(rates),
    }


def errors_left(run: SoilCarbonRun) -> list[tuple[str, str]]:
    """Return ecosystem and strategy of posteriors whose errors are not computed."""
    return [pair for pair in run.pairs if not is_file(_errors_file(run, *pair))]


def posterior_errors(run: SoilCarbonRun, ecosystem: str, strategy: str) -> Path:
    """Write the errors of posterior draws at the fitted stocks and fluxes.

    Both streams are scored whatever the strategy calibrated on, in the cells that the
    run calibrates on. Root mean square errors: stocks in kg m-2, fluxes in g m-2
    month-1.
    """
    import pandas as pd

    draws = posterior_draws(run, ecosystem, strategy, _ERROR_DRAWS)
    seen = _in_cells(run, ecosystem, ("soc", "nep"))
    values = century_domain.observed_values(
        run.inputs.forcing, seen.targets, draws, settings_of(run.config)
    )
    table = pd.DataFrame(draws)
    for name, inside in (("soc", seen.is_stock), ("nep", ~seen.is_stock)):
        misfit = values[:, inside] - seen.value[inside]
        mean = (
            (misfit**2).mean(axis=1) if inside.any() else np.full(len(values), np.nan)
        )
        table[f"rmse_{name}"] = np.sqrt(mean)
    path = _errors_file(run, ecosystem, strategy)
    _write_csv(table, path)
    return path


def error_correlations(run: SoilCarbonRun) -> pd.DataFrame:
    """Write and return Pearson correlations of parameters with errors, over draws.

    Returns
    -------
    pandas.DataFrame
        Columns ecosystem, strategy, parameter, id, stream, correlation, draws.

    References
    ----------
    Zhao et al. (2022), Fig. 5, with the accepted runs as posterior draws.
    """
    import pandas as pd

    rows = []
    for ecosystem, strategy in run.pairs:
        path = _errors_file(run, ecosystem, strategy)
        table = _whole(run, path, read_run_table)
        for name in priors_of(run.config, ecosystem):
            for stream in ("soc", "nep"):
                error = table[f"rmse_{stream}"]
                moves = table[name].std() > 0.0 and error.std() > 0.0
                rows.append(
                    {
                        "ecosystem": ecosystem, "strategy": strategy,
                        "parameter": century_domain.published_name(name), "id": name,
                        "stream": stream, "draws": int(error.notna().sum()),
                        "correlation": table[name].corr(error)
                        if moves else float("nan"),
                    }
                )  # fmt: skip
    found = pd.DataFrame(rows)
    _write_csv(found, run.folder / "correlations.csv")
    return found


def _errors_file(run: SoilCarbonRun, ecosystem: str, strategy: str) -> Path:
    return run.folder / f"errors_{ecosystem}_{strategy}.csv"


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    from jobs.spreadsheets import safe_texts

    with replacing(path) as aside:
        safe_texts(table).to_csv(aside, index=False, float_format="%.6g")
