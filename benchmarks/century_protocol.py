"""The whole protocol of Zhao et al. (2022) on the synthetic plateau, by two methods.

    python -m benchmarks.century_protocol [--cells 10] [--emulator-runs 150]
        [--chain-runs 600] [--parameters all|few] [--methods emulator,two_phase]
        [--ecosystems meadow,steppe] [--split random] [--soil-error mean]
        [--seed 1] [--folder KEEP]

Both ecosystems and both strategies (Opt1: stocks; Opt2: stocks and fluxes), each by the
default emulator and by the published two-phase chains, as runs of ``masm``. Printed are
R2 and mean absolute error of SOC and NEP on the withheld 40 %, acceptance, model runs
and CPU minutes, beside the paper's table. The row of a calibration is printed, and with
``--folder`` written to ``METHOD/rows.csv`` there, as soon as it ends. The paper's own
size is ``--chain-runs 50000 --parameters all`` with every cell (``--cells 0``).

What can be compared: the acceptance of the chains, for the sampler is the same; whether
Opt2 keeps the stocks of Opt1 and fits the fluxes again. What cannot: R2, MAE and
totals, as the paper's samples and weather are real and those here are synthetic, with a
ceiling of R2 0.56 for stocks that their 30 % error leaves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs.cli.init import Template, initialise
from jobs.cli.soil_carbon import open_soil_carbon
from jobs.inputs.soil_carbon import priors_of, settings_of
from jobs.process_models.century_domain import observed_values, warm_up
from jobs.stages import soil_carbon as stages
from landmodels.century import plateau_truth

#: R2 and MAE of SOC (kg m-2), then of NEP (g C m-2 month-1), as Zhao et al. print them.
PAPER = {
    "default": (0.59, 1.56, 0.16, 19.50),
    "Opt1": (0.75, 1.21, np.nan, 15.13),
    "Opt2": (0.73, 1.26, 0.62, 12.89),
}
PAPER_ACCEPTANCE = "18 to 33 %"
_FEW = "[prdx_1, ppdf_1, ppdf_2, ppdf_3, dec5_2, teff_1, teff_2, teff_3]"


def configure(folder: Path, method: str, arguments: argparse.Namespace) -> None:
    """Write a run of the template with one method and the sizes asked for."""
    initialise(folder, Template.PLATEAU)
    path = folder / "config.yaml"
    runs = arguments.emulator_runs if method == "emulator" else arguments.chain_runs
    cells = f"cells: {arguments.cells} " if arguments.cells else "# all cells "
    changes = {
        "seed: 20220101": f"seed: {arguments.seed}",
        "method: emulator": f"method: {method}",
        "max_runs: 300": f"max_runs: {runs}",
        "cells: 20 ": cells,
        "ecosystems: [meadow, steppe]": f"ecosystems: [{arguments.ecosystems}]",
        "split: random": f"split: {arguments.split}",
        "of: mean": f"of: {arguments.soil_error}",
    }
    if arguments.parameters == "all":
        changes[f"parameters: {_FEW}"] = "parameters: [all]"
    text = path.read_text("utf-8")
    for before, after in changes.items():
        if before not in text:
            raise SystemExit(f"the template has no {before!r} any more")
        text = text.replace(before, after)
    path.write_text(text, "utf-8")


def calibrate_all(run: stages.SoilCarbonRun) -> pd.DataFrame:
    """Calibrate every ecosystem and strategy; rows, each said and kept as it ends."""
    rows: list[dict[str, Any]] = []
    for ecosystem, strategy in run.pairs:
        began = time.process_time()
        stages.calibrate(run, ecosystem, strategy)
        minutes = (time.process_time() - began) / 60.0
        rows.append(
            {
                **stages.calibration_row(run, ecosystem, strategy),
                **convergence(run, ecosystem, strategy),
                "cpu_min": minutes,
            }
        )
        print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
        pd.DataFrame(rows).to_csv(run.path / "rows.csv", index=False)
    return pd.DataFrame(rows)


def convergence(
    run: stages.SoilCarbonRun, ecosystem: str, strategy: str
) -> dict[str, Any]:
    """Largest R-hat, proposals out of range, and the truth in 90 % intervals."""
    found = stages.open_posterior(run, ecosystem, strategy)
    truth = plateau_truth()[ecosystem]
    names = list(priors_of(run.config, ecosystem))
    inside, r_hat = 0, []
    for name in names:
        low, high = np.quantile(found.posterior[name].to_numpy(), [0.05, 0.95])
        inside += bool(low <= truth[name] <= high)
        r_hat.append(found.posterior[name].attrs.get("r_hat", np.nan))
    return {
        "r_hat": float(np.max(r_hat)),
        "out_of_range": found.attrs.get("out_of_range", ""),
        "truth_inside": f"{inside} of {len(names)}",
    }


def truth_scores(run: stages.SoilCarbonRun) -> dict[str, dict[str, float]]:
    """Scores of the parameters that made the synthetic observations."""
    every = run.inputs.observed
    withheld = every.take(~every.fitted)
    values = np.full(withheld.value.size, np.nan)
    for ecosystem in run.config.model.ecosystems:
        one = plateau_truth()[ecosystem]
        here = withheld.ecosystem == ecosystem
        values[here] = observed_values(
            run.inputs.forcing,
            withheld.take(here).targets,
            one,
            settings_of(run.config),
        )[0]
    return {
        name: stages.scores(values[inside], withheld.value[inside])
        for name, inside in (("soc", withheld.is_stock), ("nep", ~withheld.is_stock))
    }


def print_method(method: str, run: stages.SoilCarbonRun) -> None:
    """Calibrate with one method, and print its tables."""
    rows = calibrate_all(run)
    print(f"\n{method}: acceptance in the paper {PAPER_ACCEPTANCE}")
    columns = ["ecosystem", "strategy", "observations", "cells", "model_runs",
               "failed_runs", "status", "acceptance", "r_hat", "truth_inside",
               "cpu_min"]  # fmt: skip
    print(rows[columns].to_string(index=False, float_format="%.2f"))
    print(f"CPU minutes in all: {rows['cpu_min'].sum():.1f}")
    found = stages.score(run)
    whole = found[found["ecosystem"] == "all"].set_index(["parameters", "stream"])
    print(f"{'withheld 40 %':<14}{'SOC R2':>8}{'MAE':>7}{'NEP R2':>8}{'MAE':>7}"
          "   | paper, real data: the same")  # fmt: skip
    for name in ("default", "Opt1", "Opt2"):
        ours = [whole.loc[(name, s), k] for s in ("soc", "nep") for k in ("r2", "mae")]
        print(_line(name, ours) + "   |" + _line("", PAPER[name])[14:])
    true = truth_scores(run)
    ours = [true[s][k] for s in ("soc", "nep") for k in ("r2", "mae")]
    print(_line("truth", ours))


def _line(name: str, values: Any) -> str:
    texts = [f"{v:.2f}" if np.isfinite(v) else "-" for v in values]
    widths = (8, 7, 8, 7)
    cells = (f"{t:>{w}}" for t, w in zip(texts, widths, strict=True))
    return f"{name:<14}" + "".join(cells)


def main() -> None:
    """Print the protocol."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--emulator-runs", type=int, default=150)
    parser.add_argument("--chain-runs", type=int, default=600)
    parser.add_argument("--parameters", choices=("all", "few"), default="few")
    parser.add_argument("--methods", default="emulator,two_phase")
    parser.add_argument("--ecosystems", default="meadow,steppe")
    parser.add_argument("--split", choices=("random", "site"), default="random")
    parser.add_argument("--soil-error", choices=("mean", "value"), default="mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    arguments = parser.parse_args()
    warm_up()
    print("synthetic plateau; SOC in kg m-2, NEP in g C m-2 month-1")
    with tempfile.TemporaryDirectory() as aside:
        for method in arguments.methods.split(","):
            folder = (arguments.folder or Path(aside)) / method
            configure(folder, method, arguments)
            run = open_soil_carbon(folder)
            stages.start(run)
            print_method(method, run)
    print(
        "\nComparable with the paper: acceptance, and whether Opt2 keeps the stocks of "
        "Opt1 and fits the fluxes again.\nNot comparable: R2, MAE and totals; the "
        "paper's samples and weather are real, these are made up."
    )


if __name__ == "__main__":
    main()
