"""Reference runs and random parameters."""

import json
from pathlib import Path

import numpy as np

from benchmarks.reference_runs import sipnet as runs
from landmodels import sipnet

DATA = Path(__file__).parent / "data"
RUNS = json.loads((DATA / "runs.json").read_text(encoding="utf-8"))
LIMITS = sipnet.parameter_table()[["min", "max"]]


class Case:
    """What a reference run needs, ready for `sipnet.simulate`."""

    def __init__(self, name):
        self.name = name
        self.run = RUNS[name]
        self.reference = runs.read_table(DATA / f"{name}.csv.gz", "rows")
        drivers = sipnet.read_driver_table(DATA / self.run["drivers"])
        self.forcing = runs.cut(drivers, self.run, None)
        self.parameters = runs.run_parameters(name, DATA, None)
        self.options = {key: self.run[key] for key in runs.SWITCHES}
        self.events = runs.run_events(name, self.run, DATA, None)
        self.state = runs.run_state(name, self.run, DATA, None)

    def simulate(self, **keywords):
        given = {
            "options": self.options,
            "events": self.events,
            "initial_state": self.state,
        }
        return sipnet.simulate(self.forcing, self.parameters, **(given | keywords))


def random_parameters(rng, n, **fixed):
    """Parameters uniform within the table's ranges, with fractions that add up."""
    values = {
        name: rng.uniform(row["min"], row["max"], n) for name, row in LIMITS.iterrows()
    }
    fractions = rng.dirichlet(np.ones(4), n)
    names = ("leafAllocation", "woodAllocation", "fineRootAllocation")
    values |= dict(zip(names, fractions.T, strict=False))
    roots = rng.dirichlet((4.0, 1.0, 1.0), n)
    values |= {"fineRootFrac": roots[:, 1], "coarseRootFrac": roots[:, 2]}
    values["psnTMin"] = np.minimum(values["psnTMin"], values["psnTOpt"] - 1.0)
    return values | {name: np.full(n, value) for name, value in fixed.items()}
