"""Generated derivatives are those of the equations, and the text is reproducible."""

import math

import numpy as np
import pytest

from landmodels.dalec_bethy import generate
from landmodels.dalec_bethy.kernel.maths import exp
from landmodels.dalec_bethy.trace import (
    Segment,
    Trace,
    adjoint,
    evaluate,
    record,
    split,
    statements,
    tangent,
)

STAGES = generate.stages()
TYPICAL = {
    "clab": 30.0, "cfol": 80.0, "croo": 40.0, "cwoo": 3000.0, "clit": 60.0,
    "csom": 1e4, "wc": 0.1, "ws": 9.0, "wr": 90.0, "snow": 3.0, "vm": 4e-5,
    "fwmax": 1.1, "p_l2s": 4e-4, "p_fol": 0.1, "p_roo": 0.3, "life1": 0.2,
    "tor_w": 1e-4, "tor_r": 6e-3, "tor_lit": 5e-3, "tor_som": 2e-5, "p_t": 0.05,
    "bday": 120.0, "p_lab": 0.15, "rper": 30.0, "fday": 250.0, "fper": 45.0,
    "lma": 40.0, "jv": 1.9, "ga": 0.1, "wsmax": 20.0, "wrmax": 150.0, "doy": 130.0,
    "tday": 12.0, "k12": 0.6, "tsoil": 8.0, "rain": 3.0, "snowf": 0.5, "ca": 4.1e-4,
    "mu": 0.7, "fdir": 0.4, "par": 8e-4, "sw": 400.0, "ta": 17.0, "de": 900.0,
    "lwnet": -60.0, "gam": 3e-5, "kk": 4e-4, "fv": 0.6, "fj": 0.7, "fr": 0.7,
    "dark": 0.6, "rtp": 0.024, "s": 120.0, "gamma": 65.0, "rhocp": 1200.0,
    "lam": 2.45e6, "s_gpp": 1e-4, "s_rd": 2e-5, "s_demand": 5e-4, "s_pcan": 9e-4,
    "s_psoil": 3e-4,
}  # fmt: skip


class Complex:
    """The maths namespace of one complex number."""

    exp, log, sqrt, sin, cos = np.exp, np.log, np.sqrt, np.sin, np.cos


def inputs_of(name, rng):
    """Values of a stage's inputs, from those before it."""
    values = {n: v * rng.uniform(0.9, 1.1) for n, v in TYPICAL.items()}
    for before in ("slow", "noon", "before"):
        values |= evaluate(STAGES[before].segment, values, Complex)
    return {n: values[n] for n in STAGES[name].segment.inputs}


@pytest.mark.parametrize("name", list(STAGES))
def test_each_segment_agrees_with_a_complex_step(name):
    rng = np.random.default_rng(3)
    stage = STAGES[name]
    values = inputs_of(name, rng)
    step = {n: values[n] * rng.standard_normal() for n in stage.active}
    moved = {n: v + 1e-30j * step.get(n, 0.0) for n, v in values.items()}
    reference = {
        n: np.imag(v) / 1e-30
        for n, v in evaluate(stage.segment, moved, Complex).items()
    }
    slopes = evaluate(
        tangent(stage.segment, stage.active),
        {**values, **{f"d_{n}": d for n, d in step.items()}},
        Complex,
    )
    for output in stage.moving:
        assert slopes[f"d_{output}"] == pytest.approx(reference[output], rel=1e-9)

    seeds = {f"b_{n}": rng.standard_normal() for n in stage.moving}
    bars = evaluate(
        adjoint(stage.segment, stage.active, stage.moving),
        {**values, **seeds},
        Complex,
    )
    backward = [bars[f"b_{n}"] * step[n] for n in stage.active]
    forward = [seeds[f"b_{n}"] * reference[n] for n in stage.moving]
    size = sum(abs(v) for v in backward)
    assert sum(backward) == pytest.approx(sum(forward), abs=1e-10 * size)


def test_the_generated_module_is_what_the_equations_give():
    text = generate.kernel_text()
    assert text == generate.PATH.read_text(encoding="utf-8"), (
        "run python -m landmodels.dalec_bethy.generate"
    )
    assert text == generate.kernel_text()


def test_the_generated_module_has_no_branch_and_no_flag_that_hides_nan():
    text = generate.PATH.read_text(encoding="utf-8")
    words = {"if", "min", "max", "abs", "nnan", "ninf", "fast"}
    code = text.split("_kernel = ")[1]
    assert not words & set(code.replace("(", " ").replace('"', " ").split())


def test_equal_operations_are_merged_and_constants_folded():
    trace = Trace()
    x = trace.input("x")
    first, second = trace.exp(x * 2.0), trace.exp(2.0 * x)
    assert first.index == second.index
    assert (x + 0.0).index == x.index
    assert (x * 1.0).index == x.index
    assert x * 0.0 == 0.0
    assert trace.sqrt(4.0) == 2.0
    minus = -x
    assert (-minus).index == x.index


def test_a_segment_is_parted_at_what_varies():
    segment = record(
        lambda m, v: {"y": m.exp(v["a"] * v["b"]) * v["t"] + v["a"]}, ("a", "b", "t")
    )
    before, inside = split(segment, ("t",))
    assert set(before.inputs) == {"a", "b"}
    assert set(inside.inputs) == {"c0", "a", "t"}
    values = {"a": 0.3, "b": 2.0, "t": 5.0}
    crossing = evaluate(before, values, math)
    result = evaluate(inside, {**values, **crossing}, math)["y"]
    assert result == pytest.approx(math.exp(0.6) * 5.0 + 0.3)


def test_written_statements_compute_the_outputs(tmp_path, monkeypatch):
    segment = record(
        lambda m, v: {"y": -(v["a"] - m.sqrt(v["b"])) / (v["a"] * -2.0)}, ("a", "b")
    )
    lines = statements(segment, {"y": "y"})
    text = "from math import sqrt\n\n\ndef f(a, b):\n"
    text += "".join(f"    {line}\n" for line in lines) + "    return y\n"
    (tmp_path / "written_for_a_test.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import written_for_a_test

    assert written_for_a_test.f(3.0, 4.0) == -(3.0 - 2.0) / -6.0


def test_an_output_without_effect_has_no_cotangent():
    segment = record(lambda m, v: {"y": v["a"] * 2.0}, ("a", "b"))
    assert adjoint(segment, ("a", "b")).outputs["b_b"] == 0.0
    assert isinstance(segment, Segment)


def test_the_exponential_is_accurate_to_two_units():
    x = np.concatenate([np.linspace(-700.0, 700.0, 4001), np.linspace(-1, 1, 2001)])
    found = np.array([exp(v) for v in x])
    wanted = np.exp(x)
    assert np.max(np.abs(found - wanted) / np.spacing(wanted)) <= 2.0
    assert math.isnan(exp(math.nan))
    assert exp(-1e9) < 1e-300
    assert math.isfinite(exp(1e9))
