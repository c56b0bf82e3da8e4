import numpy as np
import pandas as pd
import pytest

import upscale
from upscale import SelectionRules, select_training


def posteriors():
    """Six pixels, two parameters; each of 2 to 6 has one thing wrong, 6 has two."""
    rows = []
    for pixel in range(1, 7):
        for parameter in ("vmax", "p18"):
            rows.append(
                {
                    "pixel": pixel,
                    "parameter": parameter,
                    "mean": float(pixel),
                    "sd": 0.1,
                    "r_hat": 1.05,
                    "at_bound": 0,
                    "diso_lai": 0.2,
                    "diso_gpp": 0.2,
                    "surrogate_error": 0.01,
                }
            )
    table = pd.DataFrame(rows)

    def spoil(pixel, column, value, parameter=None):
        chosen = table["pixel"] == pixel
        if parameter:
            chosen &= table["parameter"] == parameter
        table.loc[chosen, column] = value

    spoil(2, "diso_lai", 0.35)
    spoil(3, "r_hat", 1.3, "p18")
    spoil(4, "at_bound", 1, "vmax")
    spoil(5, "surrogate_error", 0.5)
    spoil(6, "diso_gpp", np.nan)
    spoil(6, "r_hat", np.nan, "vmax")
    return table


def test_the_paper_s_rules_drop_bad_fits_and_chains_that_disagree():
    found = select_training(posteriors())
    assert found.pixels.tolist() == [1, 4, 5]
    assert found.counts["n_pixels"].to_dict() == {
        "no posterior": 0,
        "diso of lai not below 0.35": 1,
        "diso of gpp not below 0.35": 1,
        "r_hat not below 1.2": 2,
        "dropped": 3,
        "kept": 3,
    }
    assert found.counts.loc["r_hat not below 1.2", "n_only"] == 1
    assert found.reasons[6] == "diso of gpp not below 0.35; r_hat not below 1.2"
    assert found.reasons[1] == ""
    assert list(found.mean.columns) == ["vmax", "p18"]


def test_each_rule_is_a_setting():
    none = SelectionRules(max_diso={}, max_r_hat=None)
    assert select_training(posteriors(), none).pixels.tolist() == [1, 2, 3, 4, 5, 6]
    surrogate = SelectionRules(max_diso={}, max_r_hat=None, max_surrogate_error=0.1)
    assert select_training(posteriors(), surrogate).pixels.tolist() == [1, 2, 3, 4, 6]


def test_a_value_at_its_bound_is_kept_or_left_out_alone_or_with_its_pixel():
    kept, value, pixel = (
        select_training(posteriors(), SelectionRules(at_bound=policy))
        for policy in ("keep", "drop_value", "drop_pixel")
    )
    assert kept.mean.loc[4, "vmax"] == 4.0
    assert np.isnan(value.mean.loc[4, "vmax"])
    assert np.isnan(value.sd.loc[4, "vmax"])
    assert value.mean.loc[4, "p18"] == 4.0
    assert value.n_values_dropped.to_dict() == {"vmax": 1, "p18": 0}
    assert 4 not in pixel.pixels
    with pytest.raises(upscale.InputError, match="drop_value"):
        SelectionRules(at_bound="ignore")


def test_a_table_that_cannot_be_judged_is_refused_by_column_and_pixel():
    with pytest.raises(upscale.InputError, match="diso_gpp"):
        select_training(posteriors().drop(columns="diso_gpp"))
    with pytest.raises(upscale.InputError, match="pixel 1"):
        select_training(posteriors().iloc[1:])
