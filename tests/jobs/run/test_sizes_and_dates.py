"""Years beyond what nanoseconds count to, and tables of very many pixels."""

from __future__ import annotations

import json
import time

from made_up import make_up

from jobs.run.folder import RunFolder
from jobs.run.run import open_run

FAR = (
    ("years: 2001-2003", "years: 2261-2264"),
    (
        "{spinup: 2001, calibration: 2002, validation: 2003}",
        "{spinup: 2261, calibration: 2262-2263, validation: 2264}",
    ),
)


def test_years_after_2262_are_refused_by_name(run_path, masm_command, edit):
    """A count of nanoseconds since 1970 ends in April of that year."""
    for before, after in FAR:
        edit(run_path, before, after)
    refused = masm_command("check", run_path)
    assert refused.exit_code == 2
    assert "co2 in 2261" in refused.output
    assert "as a number" not in refused.output  # generated weather takes none
    failed = masm_command("calibrate", run_path)
    assert failed.exit_code == 4  # more failed than the configuration allows
    told = json.loads(RunFolder(run_path).pixel(0).failure.read_text())
    assert told["reason"] == "no_forcing"
    assert "co2 in 2261" in told["message"]


def test_status_of_many_pixels_takes_a_time_that_grows_with_them(
    tmp_path, masm_command
):
    def seconds(n_pixels):
        path = make_up(tmp_path / f"of{n_pixels}")
        rows = ["id,name,latitude,longitude,elevation,sand,clay"]
        rows += [f"{i},p{i},{40 + i % 10},-75,300,60,10" for i in range(n_pixels)]
        (path / "places.csv").write_text("\n".join(rows) + "\n")
        for name in ("config.lock.yaml", "run.json", "pixels.csv"):
            (path / name).unlink()
        (path / "pixels").rename(tmp_path / f"gone{n_pixels}")
        begun = time.process_time()
        found = masm_command("status", path, "--json")
        assert found.exit_code == 0, found.output
        assert json.loads(found.output)["n_pixels"] == n_pixels
        assert len(open_run(path).pixels) == n_pixels
        return time.process_time() - begun

    few, many = seconds(5_000), seconds(40_000)
    assert many < 16 * few + 2.0  # squares would be 64 times as long
