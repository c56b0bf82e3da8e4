"""Names out of anybody's table: no command writes outside the run folder."""

from __future__ import annotations

import pytest
from few_pixels import make_run

NAMES = ["../../evil", "/evil", "a/../../../b\\..\\c", "-rf .; $(touch evil)"]


@pytest.mark.usefixtures("small_process_model")
def test_names_with_paths_in_them_stay_inside(tmp_path, masm_command, monkeypatch):
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    run_path = make_run(home / "run", "execution: {executor: serial}\n")
    text = (run_path / "places.csv").read_text()
    for i, name in enumerate(NAMES, start=1):
        text = text.replace(f"{i},place {i},", f'{i},"{name}",')
    (run_path / "places.csv").write_text(text)
    config = run_path / "config.yaml"
    config.write_text(
        config.read_text().replace("name: a few pixels", "name: ../../../evil")
    )
    monkeypatch.chdir(home)
    before = {p for p in tmp_path.rglob("*") if run_path not in p.parents}
    for command in ("check", "calibrate", "simulate", "evaluate", "collect", "report"):
        done = masm_command(command, run_path)
        assert done.exit_code in (0, 5), done.output  # 5: latitudes of another place
    after = {p for p in tmp_path.rglob("*") if run_path not in p.parents}
    assert after == before
    written = [p for p in run_path.rglob("*") if p.is_file()]
    assert len(written) > 40
    assert not any(path.is_symlink() for path in written)
