"""Whatever stands in ``config.yaml``: it loads, or is refused by file, line and key.

Never another exception, never a file written. What was found by these edits once is
among the examples.
"""

from __future__ import annotations

import copy
import io
import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from jobs.cli.init import Template, initialise
from jobs.config.checks import check_meaning
from jobs.config.reader import read_config
from jobs.errors import ConfigError
from jobs.run.run import open_run

WEIRD = [
    None, True, False, 0, -1, 1, 10**30, -(10**400), 1e308, -1e-320,
    float("nan"), float("inf"), float("-inf"), "", " ", "nan", ".inf", "~", "1e5",
    "2001-2003", "9999-0001", "\u202e\u0000x", "\U0001f332" * 50, "a\nb", "x" * 5000,
    "{id}", "../../../etc/passwd", "C:\\con", [], {}, [[]], {"a": {"b": {"c": []}}},
    [None], ["gpp"] * 3, [float("nan")] * 2, {"": 1}, {"first": 2001, "last": "x"},
]  # fmt: skip
KEYS = ["", "name", "seed", "source", "word", "values", "first", "\u00e9", "0", "gpp"]
SNIPPETS = [
    "&a", "*a", "*nowhere", "<<: *a", "<<: {seed: 3}", "!!python/name:os.system",
    "!!binary aGk=", "!!set {a}", "!!omap [a: 1]", "!!timestamp 2001-13-45",
    "!!int x", "!!float x", "!<x> 1", "2001-02-30", "2001-99-99T99:99:99Z",
    "? [a, b]\n: c", "? {a: 1}\n: c", "- a", "---", "...", "%YAML 9.9\n---",
    "%TAG ! x\n", "\t", "\u0000", "\u0085", "\ufeff", "\ud7ff", "|", ">-", "'", '"',
    "#", "@", "`", ": : :", "{", "}", "[", "]", "1" * 5000, "0x" + "f" * 4000,
    "1_000", "0o777", "12:30:45", "a: &a {b: *a}", "&a [*a, *a]", "name: *b",
]  # fmt: skip
LIMITS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Each template's text."""
    folder = tmp_path_factory.mktemp("templates")
    return {
        template: initialise(folder / template, template).read_text()
        for template in Template
    }


def read_or_refuse(folder, content):
    """Read a configuration; the refusals, if it is refused."""
    path = folder / "config.yaml"
    path.write_bytes(content)
    problems = ()
    try:
        config, document = read_config(path)
        check_meaning(config, document)
    except ConfigError as refused:
        problems = refused.problems
        str(refused).encode("utf-8")  # can be printed
        if not problems:
            raise
    assert [p.name for p in folder.iterdir()] == ["config.yaml"]
    for problem in problems:
        assert "config.yaml" in problem.where
        assert problem.what
        assert problem.found or problem.wanted or problem.hint
    return problems


def places(node):
    """Every (parent, key) of a tree, from the top."""
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    for key in list(keys):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from places(node[key])


def edit(tree, rng):
    """Drop, double, move, wrap or replace one value."""
    found = list(places(tree))
    if not found:
        return
    node, key = rng.choice(found)
    how = rng.randrange(6)
    if how == 0:
        del node[key]
    elif how == 1 and isinstance(node, dict):
        node[rng.choice([*KEYS, str(key) * 2])] = copy.deepcopy(node[key])
    elif how == 2:
        node[key] = [node[key]]
    elif how == 3:
        other, its_key = rng.choice(found)
        node[key] = copy.deepcopy(other[its_key])
    elif how == 4 and isinstance(node, dict):
        node[rng.choice([0, None, 1.5, True, (1, 2)])] = node.pop(key)
    else:
        node[key] = copy.deepcopy(rng.choice(WEIRD))


@LIMITS
@given(template=st.sampled_from(list(Template)), seed=st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore")
def test_values_and_keys_that_are_not_what_they_should_be(
    tmp_path_factory, texts, template, seed
):
    rng = random.Random(seed)  # noqa: S311
    tree = YAML(typ="safe").load(texts[template])
    for _ in range(rng.choice([1, 1, 2, 5])):
        edit(tree, rng)
    stream = io.StringIO()
    writer = YAML(typ="safe")
    writer.allow_unicode = bool(rng.randrange(2))
    writer.dump(tree, stream)
    text = stream.getvalue().encode("utf-8", "surrogatepass")
    read_or_refuse(tmp_path_factory.mktemp("run"), text)


def scribble(text, rng):
    """Change the text itself: lines, characters, scraps of YAML."""
    lines = text.splitlines()
    how, at = rng.randrange(6), rng.randrange(len(lines))
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif how == 2:
        lines[at] = " " * rng.randrange(5) + lines[at]
    elif how == 3:
        cut = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + rng.choice(SNIPPETS) + lines[at][cut:]
    elif how == 4:
        head = lines[at].split(":")[0]
        lines[at] = f"{head}: {rng.choice(SNIPPETS)}"
    else:
        lines = lines[:at]
    return "\n".join(lines) + "\n"


@LIMITS
@given(template=st.sampled_from(list(Template)), seed=st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore")
def test_text_that_is_hardly_yaml(tmp_path_factory, texts, template, seed):
    rng = random.Random(seed)  # noqa: S311
    text = texts[template]
    for _ in range(rng.choice([1, 1, 2, 6])):
        text = scribble(text, rng) if text.strip() else text
    read_or_refuse(
        tmp_path_factory.mktemp("run"), text.encode("utf-8", "surrogatepass")
    )


@LIMITS
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b"\xff\xfe\x00")
@example(b"\x89HDF\r\n\x1a\n")
def test_noise(tmp_path_factory, content):
    assert read_or_refuse(tmp_path_factory.mktemp("run"), content)


def nested(depth):
    return "name: " + "[" * depth + "]" * depth


HOSTILE = {
    "deep lists": nested(5_000),
    "deep mappings": "\n".join(" " * i + "a:" for i in range(3000)),
    "a list that holds itself": "name: &a [*a]",
    "a mapping that holds itself": "pixels: &a {source: site, tower: *a}",
    "a mapping merged into itself": "pixels: &a {<<: *a}",
    "a billion laughs": "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(
        f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 30)
    ),
    "a billion laughs by merging": "a0: &a0 {k: 1}\n"
    + "\n".join(f"a{i}: &a{i} {{b: *a{i - 1}, c: *a{i - 1}}}" for i in range(1, 60)),
    "a date that is none": "name: 2001-13-45",
    "a number of many digits": "seed: " + "9" * 10_000,
    "a mapping as a key": "? {a: 1}\n: 2",
    "a control character": "name: \x07",
    "a tag that cannot be": "name: !!int x",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_text_made_to_hang_or_crash_a_reader_is_refused(tmp_path, what):
    assert read_or_refuse(tmp_path, HOSTILE[what].encode())


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("fraction: 0.05, floor: 0.2", "fraction: .inf, floor: 0.2", "fraction"),
        ("fraction: 0.05, floor: 0.2", "fraction: 0.05, floor: .nan", "floor"),
        ("vmax: 5.0e-5", "vmax: .nan", "twin.truth.vmax"),
        ("method: published", "method: published\n  keep_draws: .inf", "keep_draws"),
        ("n_iterations: 6", "n_iterations: .inf", "n_iterations"),
        ("seed: 7", "seed: 7\nexecution: {pixel_minutes: .inf}", "pixel_minutes"),
    ],
)
def test_numbers_that_are_not_finite_are_refused_by_name(
    run_path, edit, old, new, where
):
    edit(run_path, old, new)
    with pytest.raises(ConfigError) as caught:
        open_run(run_path)
    assert where in caught.value.problems[0].what


@pytest.mark.parametrize("name", ["a\\0b", "two\\nlines", "\\u202eb", "\\x1b[31m"])
def test_a_name_that_cannot_stand_on_a_line_is_refused(run_path, edit, name):
    edit(run_path, "name: a small twin", f'name: "{name}"')
    with pytest.raises(ConfigError, match="printable characters on one line"):
        open_run(run_path)
