"""Each mistake in a configuration is named with its line, column and a remedy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.cli.init import Template, initialise
from jobs.config.checks import check_meaning
from jobs.config.reader import read_as, read_config
from jobs.config.reanalysis import ReanalysisConfig
from jobs.config.schema import Config
from jobs.config.section import Period
from jobs.config.soil_carbon import SoilCarbonConfig
from jobs.config.swath import SwathConfig
from jobs.errors import ConfigError


def read(run_path):
    config, document = read_config(run_path / "config.yaml")
    check_meaning(config, document)
    return config


def mistakes(run_path):
    with pytest.raises(ConfigError) as caught:
        read(run_path)
    return str(caught.value)


def change(run_path, old, new):
    path = run_path / "config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    line = 1 + path.read_text()[: path.read_text().index(new)].count("\n")
    return line


@pytest.mark.parametrize("template", list(Template))
def test_every_template_is_a_valid_configuration(tmp_path, template):
    path = initialise(tmp_path / "run", template)
    others = {
        Template.PLATEAU: SoilCarbonConfig,
        Template.REANALYSIS: ReanalysisConfig,
        Template.SWATH: SwathConfig,
    }
    assert read_as(others.get(template, Config), path)[0].name


@pytest.mark.parametrize("template", ["plateau", "reanalysis", "swath"])
def test_a_run_of_another_kind_is_named_with_its_commands(tmp_path, template):
    path = initialise(tmp_path / "run", Template(template))
    with pytest.raises(ConfigError, match="a run of pixels, for this command") as found:
        read_config(path)
    assert "masm check, masm" in str(found.value)


def test_a_good_configuration_means_what_it_says(run_path):
    config = read(run_path)
    assert config.seed == 7
    assert config.periods.observed == Period(first=2002, last=2003)
    assert config.calibration.blocks[0].streams == ["gpp", "lai"]
    assert config.execution.max_failed_fraction == 0.05


@pytest.mark.parametrize(
    ("old", "new", "column", "parts"),
    [
        ("seed: 7", "sead: 7", 1, ['"sead"', 'Did you mean "seed"?']),
        ("seed: 7", "seed: 7.5", 1, ["seed", "found   7.5", "a whole number"]),
        ("latitude: 42.5", "latitude: 142", 3, ["found   142", "equal to 90"]),
        ("source: generated", "source: genrated", 3, ['"genrated"', "'generated'"]),
        ("years: 2001-2003", "years: soon", 3, ['"soon"', "2002-2005"]),
        (
            "gpp: {variance: given}",
            "gpp: {variance: serious}",
            9,
            ['"serious"', "'series', 'given' or 'sampled'"],
        ),
        ("gpp: {variance: given}", "gpq: {variance: given}", 3, ['"gpq"', '"gpp"?']),
        ("[vmax, p18]", "[vmx, p18]", 20, ['"vmx"', 'Did you mean "vmax"?']),
        ("[vmax, p18]", "[vmax, vmax]", 26, ['"vmax" twice']),
        ("streams: [gpp, lai]", "streams: [gpp, er]", 22, ['"er"', "`streams`"]),
        ("truth: {vmax: 5.0e-5", "truth: {vmax: 5.0e-3", 11, ["0.005", "8e-05"]),
        ("p18: 90}", "p81: 90}", 25, ['"p81"']),
        (
            "method: published",
            "proposals: blocks\n  method: published",
            3,
            ["blocks, with method published"],
        ),
        ("method: published", "method: publishd", 3, ['"publishd"', '"published"?']),
        ("n_draws", "n_drows", 30, ['"n_drows"', 'Did you mean "n_draws"?']),
        ("n_iterations: 6", "n_iterations: 6.5", 13, ["found   6.5", "a whole number"]),
    ],
)
def test_a_mistake_is_shown_with_file_line_column_and_a_repair(
    run_path, old, new, column, parts
):
    line = change(run_path, old, new)
    message = mistakes(run_path)
    assert f"config.yaml:{line}:{column}  " in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("error", ["0.05", "0.1"])
def test_an_error_to_stop_at_is_at_most_what_is_believed(run_path, error):
    path = run_path / "config.yaml"
    calm = re.sub(r"method: published.*\n( +options:.*\n)?", "method: emulator\n",
                  path.read_text())  # fmt: skip
    options = "method: emulator\n  options: {stop_at_error: %s}\n"
    path.write_text(calm.replace("method: emulator\n", options % error))
    assert read(run_path).calibration.options == {"stop_at_error": float(error)}
    path.write_text(calm.replace("method: emulator\n", options % f"{error}1e1"))
    assert "wanted  0 to 0.1" in mistakes(run_path)
    path.write_text(calm.replace("method: emulator\n", options % "-0.01"))
    assert "found   -0.01" in mistakes(run_path)
    assert "wanted  0 to 0.1" in mistakes(run_path)


def test_a_missing_key_points_at_the_section_that_lacks_it(run_path):
    change(run_path, "  elevation: 340\n", "")
    message = mistakes(run_path)
    assert "config.yaml:3:1  pixels.elevation" in message
    assert "found   nothing" in message


def test_all_mistakes_are_shown_at_once(run_path):
    change(run_path, "seed: 7", "seed: x")
    change(run_path, "clay: 6", "clay: -6")
    assert len(re.findall(r"config\.yaml:\d+:\d+", mistakes(run_path))) == 2


def test_a_rule_between_keys_points_at_their_section(run_path):
    change(run_path, "sand: 66", "sand: 99")
    assert "config.yaml:3:1  pixels" in mistakes(run_path)
    assert "sand + clay of at most 100 %" in mistakes(run_path)


def test_years_have_to_be_in_order(run_path):
    change(run_path, "validation: 2003", "validation: 2002")
    assert "validation years after the calibration years" in mistakes(run_path)


def test_weather_has_to_cover_the_years_asked_for(run_path):
    change(run_path, "years: 2001-2003", "years: 2001-2002")
    assert "years inside pixels.years (2001-2002)" in mistakes(run_path)


def test_a_key_given_twice_and_bad_yaml_are_refused_where_they_stand(run_path):
    change(run_path, "seed: 7\n", "seed: 7\nseed: 8\n")
    assert "config.yaml:3:1" in mistakes(run_path)
    change(run_path, "seed: 7\nseed: 8\n", "seed: [7\n")
    assert "not valid YAML" in mistakes(run_path)


def test_a_stream_that_no_block_uses_is_refused(run_path):
    change(run_path, "streams: [gpp, lai]", "streams: [gpp]")
    assert "streams.lai" in mistakes(run_path)


def test_prior_bounds_stay_within_the_parameter_table(run_path):
    change(run_path, "  blocks:", "  bounds: {vmax: [1.0e-5, 4.0e-5]}\n  blocks:")
    assert "calibration.bounds.vmax" in mistakes(run_path)


@given(st.integers(1850, 2300), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_a_period_reads_back_as_it_is_written(first, length):
    period = Period(first=first, last=min(first + length, 2300))
    assert Period.model_validate(str(period)) == period


@pytest.mark.parametrize(
    "more",
    ["variance: sampled", "variance: {fraction: 0.1, floor: 0.1, sampled: true}",
     "between_years: 0.3", "treatment: anomalies", "discrepancy: {sd: 1.0}",
     "errors: {representation_sd: 0.3}"],
)  # fmt: skip
def test_site_errors_with_other_parts_of_errors_are_one_mistake(run_path, more):
    path = run_path / "config.yaml"
    path.write_text(path.read_text() + "site_errors: {lai: {kind: student}}\n")
    assert "with site_errors" not in mistakes(run_path)
    change(run_path, "gpp: {variance: given}", f"gpp: {{{more}}}")
    assert "with site_errors" in mistakes(run_path)
