"""What weather tells of residuals is a row of numbers and one sentence."""

import numpy as np
import pytest

from jobs.stages.diagnose_structural import of_structure, structural_table

when = np.concatenate(
    [
        np.arange(f"{year}-01-01", f"{year + 1}-01-01", 8, "datetime64[D]")
        for year in range(2001, 2007)
    ]
)
RNG = np.random.default_rng(2)
DRY = RNG.random(when.size)
NOISE = RNG.standard_normal(when.size)
NOBODY = np.zeros(when.size, bool)


def test_residuals_that_come_with_dry_weather_are_said_to():
    residual = 3.0 * (DRY > 0.7) + 0.3 * NOISE
    (row,) = structural_table(when, residual, {"vpd, 8 days": DRY}, NOBODY).iloc
    assert row["years"] == "all"
    assert row["n_years"] == 6
    assert row["drivers"].startswith("vpd, 8 days ")
    (said,) = of_structure("gpp", row, " g m-2 d-1")
    assert "structural error of 1." in said
    assert "streams.gpp.discrepancy" in said


def test_a_season_that_is_wrong_is_found_without_weather():
    residual = np.cos(2 * np.pi * np.arange(when.size) / 46.0) + 0.2 * NOISE
    (row,) = structural_table(when, residual, {"vpd, 8 days": DRY}, NOBODY).iloc
    assert row["skill"] > 0.8
    assert row["drivers"].startswith(("winter", "autumn"))


def test_noise_is_not_worth_a_sentence_and_few_years_have_no_number():
    (row,) = structural_table(when, NOISE, {"vpd": DRY}, NOBODY).iloc
    assert of_structure("gpp", row, "") == []
    two = when < np.datetime64("2003-01-01")
    (short,) = structural_table(when[two], NOISE[two], {"vpd": DRY[two]},
                                NOBODY[two]).iloc  # fmt: skip
    assert np.isnan(short["skill"])
    assert of_structure("gpp", short, "") == []


@pytest.mark.parametrize(("first", "years"), [("2004", "held out"), ("2005", "all")])
def test_three_years_that_were_not_shown_are_learned_from_alone(first, years):
    held_out = when >= np.datetime64(f"{first}-01-01")
    (row,) = structural_table(when, NOISE + DRY, {"vpd": DRY}, held_out).iloc
    assert row["years"] == years
    assert row["n_years"] == (3 if years == "held out" else 6)
