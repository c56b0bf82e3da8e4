"""What Slurm's programs say and take: paths, job ids, a submission in part.

Stand-ins for sbatch, squeue and scontrol; a real Slurm is in ``test_slurm.py``.
"""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from jobs.config.execution import Slurm
from jobs.errors import ConfigError, PartlySubmitted
from jobs.executors.plan import make_plan
from jobs.executors.slurm import job_id, script, submit
from jobs.run.folder import RunFolder

SBATCH = """\
#!/bin/sh
echo "$3$2" >> "{calls}"
n=$(wc -l < "{calls}")
{answer}
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put stand-ins on the path; return a function that says what sbatch does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "queue").touch()
    calls = tmp_path / "calls"
    calls.touch()

    def answers(text: str) -> Path:
        for name, body in (
            ("sbatch", SBATCH.format(calls=calls, answer=text)),
            ("squeue", f'#!/bin/sh\necho "$@" > "{calls}.q"; cat "{tmp_path}/queue"\n'),
            ("scontrol", "#!/bin/sh\necho 'MaxArraySize            = 2'\n"),
        ):
            (folder / name).write_text(body)
            (folder / name).chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", f"{folder}:{Path(shutil.which('sh')).parent}")
    return answers


def send(tmp_path, n=6, name="run"):
    (tmp_path / name).mkdir(exist_ok=True)
    plan = make_plan(range(n), Slurm(), 60.0, 2)
    return submit(RunFolder(tmp_path / name), "a run", plan, Slurm())


def output_line(folder, **settings):
    text = script(Path("/r"), "n", Path(folder), 0, 1, Slurm(**settings))
    return next(row for row in text.splitlines() if "--output" in row)


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [
        ("/data/my run/s", "/data/my run/s/task-%A_%a.log"),
        ("/data/50%/s", "/data/50%%/s/task-%A_%a.log"),
        ("/data/100%A #1/s", "/data/100%%A #1/s/task-%A_%a.log"),
        ("/data/l'été/s", "/data/l'été/s/task-%A_%a.log"),
    ],
)
def test_the_path_of_the_log_is_one_word_with_its_per_cent_signs(folder, pattern):
    words = shlex.split(output_line(folder).removeprefix("#SBATCH "))
    assert words == [f"--output={pattern}"]


@pytest.mark.parametrize("folder", ['/data/a"b', "/data/a\\b", "/data/a\nb"])
def test_a_path_that_a_script_cannot_hold_is_refused(folder):
    with pytest.raises(ConfigError, match="cannot be written in a script"):
        output_line(folder)


def test_an_option_with_blanks_is_quoted_once():
    extra = ["--comment=two words", '--exclude="a b"', "--qos=long"]
    text = script(Path("/r"), "n", Path("/s"), 0, 1, Slurm(extra=extra))
    assert '#SBATCH --comment="two words"\n' in text
    assert '#SBATCH --exclude="a b"\n' in text
    assert "#SBATCH --qos=long\n" in text


@pytest.mark.parametrize(
    ("printed", "job"),
    [
        ("4001\n", ("4001", "")),
        ("sbatch: Verify job submission ...\n4001;alpha\n", ("4001", "alpha")),
        ("Welcome to 2026!\n\n  4002  \n--- end ---\n", ("4002", "")),
        ("Submitted batch job 17 on cluster beta\n", ("17", "beta")),
        ("Submitted batch job 17\n", ("17", "")),
        ("17\n18\n", ("18", "")),
        ("4001;alpha\nyour share: \n1200\n", ("4001", "alpha")),
        ("1200\nSubmitted batch job 17.\n99\n", ("17", "")),
        ("\x1b[32m4001\x1b[0m\n", ("4001", "")),
        ("no id here\n", (None, "")),
        ("", (None, "")),
    ],
)
def test_the_job_id_is_the_last_line_that_looks_like_one(printed, job):
    assert job_id(printed) == job


def test_what_is_queued_is_known_under_a_banner_and_not_sent_twice(slurm):
    path = slurm('echo "Welcome"; echo "$((4000+n));alpha"')
    assert send(path) == ["4001", "4002", "4003"]
    (record,) = (path / "run/slurm").glob("*/jobs.json")
    assert json.loads(record.read_text()) == ["4001", "4002", "4003"]
    (path / "queue").write_text("4002_1 4002 /elsewhere\n")
    with pytest.raises(ConfigError, match="job 4002"):
        send(path)
    assert "--clusters=alpha" in (path / "calls.q").read_text()
    (path / "queue").write_text("")
    assert send(path) == ["4004", "4005", "4006"]


def test_a_record_of_an_older_version_is_understood(slurm):
    path = slurm('echo "$((4000+n))"')
    send(path)
    (record,) = (path / "run/slurm").glob("*/jobs.json")
    record.write_text(json.dumps(["Verify ...\n4001", "Verify ...\n4002"]))
    (path / "queue").write_text("4001 4001\n")
    with pytest.raises(ConfigError, match="job 4001"):
        send(path)


def test_half_a_submission_is_recorded_and_named(slurm):
    path = slurm(
        '[ "$n" -lt 2 ] && echo 4001 || { echo "QOSMaxSubmitJob" >&2; exit 1; }'
    )
    with pytest.raises(PartlySubmitted) as caught:
        send(path)
    reported = str(caught.value)
    for part in (
        "1 of 3 arrays",
        "job 4001",
        "4 tasks",
        "QOSMaxSubmit",
        "scancel 4001",
    ):
        assert part in reported
    (here,) = (path / "run/slurm").iterdir()
    record = json.loads((here / "not_submitted.json").read_text())
    assert record["submitted"] == ["4001"]
    assert record["arrays"] == ["array_1.sh", "array_2.sh"]
    assert record["tasks"] == [2, 5]
    assert json.loads((here / "jobs.json").read_text()) == ["4001"]


def test_a_refusal_of_the_first_array_means_that_nothing_was_sent(slurm):
    path = slurm("echo 'invalid partition' >&2; exit 1")
    with pytest.raises(ConfigError, match="invalid partition"):
        send(path)


def test_an_answer_without_an_id_is_reported_and_its_job_found_by_its_script(slurm):
    path = slurm("echo 'thank you'")
    with pytest.raises(PartlySubmitted, match="thank you"):
        send(path, name="my run")
    (sent,) = (path / "my run/slurm").glob("*/array_0.sh")
    (path / "queue").write_text(f"77 77 {sent.resolve()}\n")
    with pytest.raises(ConfigError, match="job 77"):
        send(path, name="my run")


def test_the_command_line_exits_3_where_a_submission_broke_off(
    slurm, run_path, masm_command, monkeypatch
):
    from jobs.executors import slurm as executor

    path = slurm('[ "$n" -lt 2 ] && echo 4001 || exit 1')
    plan = make_plan(range(4), Slurm(), 60.0, 2)
    monkeypatch.setattr(executor, "make_plan", lambda *words: plan)
    model = "jobs.process_models.ibis_dalec.IbisDalec.warm_up"
    monkeypatch.setattr(model, lambda self: None)
    answer = masm_command("calibrate", run_path, "--executor", "slurm")
    assert answer.exit_code == 3, answer.output
    assert "1 of 2 arrays were submitted" in answer.output
    assert path
