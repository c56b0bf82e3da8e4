"""Watch the memory of every process of a tree until it ends; say which of them grew.

    python -m benchmarks.memory --csv memory.csv -- masm calibrate RUN
    python -m benchmarks.memory --csv memory.csv --pid 4711   a tree that runs already
    python -m benchmarks.memory --csv memory.csv              what was seen so far

Of each process that was watched for more than a minute: the medians of the first and
of the last quarter of that time, the growth (Theil-Sen slope over all but the first
quarter, where imports and compiling fall, with its 95 % interval), and the peak. The
slope is taken through the medians of up to 60 stretches, since successive samples are
anything but independent. `unique` is what would be freed if the process ended (USS),
`resident` counts shared pages too (RSS); memory is in MB of 10^6 bytes. `whole tree`
sums unique memory. The exit status is the command's.
"""

from __future__ import annotations

import argparse
import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from scipy.stats import theilslopes

LONG_LIVED = 60.0
"""Seconds of being watched from which on a process gets a row of its own."""
N_STRETCHES = 60
MB = 1e6
COLUMNS = ("seconds", "pid", "started", "name", "resident_mb", "unique_mb")


def samples(root: psutil.Process) -> Iterator[tuple[object, ...]]:
    """Yield pid, start, name, resident and unique MB of each process of a tree now.

    Unique memory is NaN where the system does not report it.
    """
    for process in (root, *root.children(recursive=True)):
        try:
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                name, started = _name(process), process.create_time()
                resident = process.memory_info().rss / MB
            try:
                unique = process.memory_full_info().uss / MB
            except psutil.AccessDenied:
                unique = float("nan")
        except psutil.NoSuchProcess:
            continue  # it ended meanwhile
        yield process.pid, started, name, resident, unique


def _name(process: psutil.Process) -> str:
    """Return the last words that distinguish processes of one program."""
    try:
        words = process.cmdline()
    except psutil.AccessDenied:
        words = []
    return " ".join(Path(w).name for w in words if w)[:60] or process.name()


def watch(
    root: psutil.Process, path: Path, every: float, ended: Callable[[], bool]
) -> None:
    """Sample a tree into a CSV file until its root has ended.

    Parameters
    ----------
    root : psutil.Process
        The tree's root.
    path : Path
        The CSV file, written anew; each sample is on disk at once.
    every : float
        Seconds between samples.
    ended : callable
        Whether the root has ended; asked several times a second.
    """
    begin = time.monotonic()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        while not ended():
            now = time.monotonic() - begin
            try:
                for pid, started, name, resident, unique in samples(root):
                    sizes = (f"{resident:.2f}", f"{unique:.2f}")
                    writer.writerow([f"{now:.1f}", pid, f"{started:.2f}", name, *sizes])
            except psutil.NoSuchProcess:
                return
            file.flush()
            while time.monotonic() - begin < now + every and not ended():
                time.sleep(min(0.2, every))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each long-lived process, and one for the whole tree.

    Parameters
    ----------
    table : DataFrame
        The CSV file of `watch`.

    Returns
    -------
    DataFrame
        Minutes watched, median unique memory in the first and last quarter [MB],
        growth with its interval [MB h-1], peak resident memory [MB].
    """
    rows = []
    for (pid, _), one in table.groupby(["pid", "started"], sort=False):
        if np.ptp(one["seconds"]) > LONG_LIVED:
            rows.append({"pid": str(pid), "name": one["name"].iloc[0], **_facts(one)})
    tree = table.groupby("seconds")[["resident_mb", "unique_mb"]].sum().reset_index()
    if len(tree) > 1:
        rows.append({"pid": "all", "name": "whole tree", **_facts(tree)})
    return pd.DataFrame(rows)


def _facts(one: pd.DataFrame) -> dict[str, float]:
    seconds = one["seconds"].to_numpy()
    unique = one["unique_mb"].to_numpy()
    memory = unique if np.isfinite(unique).all() else one["resident_mb"].to_numpy()
    fraction = (seconds - seconds[0]) / max(np.ptp(seconds), 1e-9)
    slope, low, high = growth(seconds[fraction >= 0.25], memory[fraction >= 0.25])
    return {
        "minutes": np.ptp(seconds) / 60.0,
        "first_quarter_mb": float(np.median(memory[fraction <= 0.25])),
        "last_quarter_mb": float(np.median(memory[fraction >= 0.75])),
        "mb_per_hour": slope,
        "low": low,
        "high": high,
        "peak_resident_mb": float(one["resident_mb"].max()),
    }


def growth(seconds: np.ndarray, memory: np.ndarray) -> tuple[float, float, float]:
    """Theil-Sen slope of memory [MB] over time [s] and its 95 % interval [MB h-1].

    Taken through medians of up to ``N_STRETCHES`` stretches; NaN of fewer than five
    samples.
    """
    if len(seconds) < 5:
        return float("nan"), float("nan"), float("nan")
    stretches = np.array_split(np.arange(len(seconds)), min(len(seconds), N_STRETCHES))
    hours = [float(np.mean(seconds[part])) / 3600.0 for part in stretches]
    levels = [float(np.median(memory[part])) for part in stretches]
    found = theilslopes(levels, hours)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def describe(rows: pd.DataFrame) -> str:
    """Return the summary as text."""
    if rows.empty:
        return "nothing lived long enough to be judged"
    rows = rows.rename(columns={"low": "low_95", "high": "high_95"})
    return rows.to_string(index=False, float_format=lambda value: f"{value:.1f}")


def run(command: list[str], path: Path, every: float) -> int:
    """Run a command under watch and return its exit status."""
    child = subprocess.Popen(command)
    handed_on = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {
        number: signal.signal(number, lambda n, _: child.send_signal(n))
        for number in handed_on
    }
    try:
        root = psutil.Process(child.pid)
        watch(root, path, every, lambda: child.poll() is not None)
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
    except psutil.NoSuchProcess:
        return True


def main() -> int:
    """Watch, or only report what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--every", type=float, default=10.0, help="seconds")
    parser.add_argument("--pid", type=int, help="a tree that runs already")
    parser.add_argument("command", nargs="*")
    asked = parser.parse_args()
    status = 0
    if asked.command:
        status = run(asked.command, asked.csv, asked.every)
    elif asked.pid is not None:
        root = psutil.Process(asked.pid)
        # A stop prints what was seen so far.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            watch(root, asked.csv, asked.every, lambda: _has_ended(root))
        except KeyboardInterrupt:
            print("stopped while the tree goes on", file=sys.stderr)
    print(describe(summary(pd.read_csv(asked.csv))))
    return status


if __name__ == "__main__":
    sys.exit(main())
