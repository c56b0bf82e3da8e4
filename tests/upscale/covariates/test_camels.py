"""Observed covariates: CAMELS basins (Addor et al. 2017); targets are SYNTHETIC."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import upscale

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "camels"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the CAMELS attributes are not in {FOLDER}"
)


@pytest.fixture(scope="module")
def basins():
    """Climate, height, soil and leaf area of the 671 basins, and their land cover."""
    themes = [
        pd.read_csv(FOLDER / f"camels_{theme}.txt", sep=";", dtype={"gauge_id": str})
        .set_index("gauge_id")
        for theme in ("topo", "clim", "soil", "vege")
    ]  # fmt: skip
    table = pd.concat(themes, axis=1)
    covariates = table[
        ["gauge_lat", "gauge_lon", "elev_mean", "p_mean", "pet_mean", "frac_snow",
         "p_seasonality", "sand_frac", "clay_frac", "lai_max"]
    ].rename(columns={"gauge_lat": "latitude", "gauge_lon": "longitude"})  # fmt: skip
    deciduous = table["dom_land_cover"].str.strip().eq("Deciduous Broadleaf Forest")
    east = covariates["longitude"] > -96.0
    known = covariates.notna().all(axis=1)
    return covariates[known], (deciduous & east)[known]


@pytest.fixture(scope="module")
def trained(basins):
    covariates, deciduous = basins
    train_on = covariates[deciduous]
    standard = (train_on - train_on.mean()) / train_on.std()
    rng = np.random.default_rng(1)
    fraction = 0.45 + 0.06 * standard["pet_mean"] - 0.04 * standard["clay_frac"]
    fraction = fraction + 0.03 * rng.standard_normal(len(fraction))
    return upscale.train(
        fraction.clip(0.02, 0.98).to_frame("synthetic"),
        covariates,
        bounds={"synthetic": (0.0, 1.0)},
        seed=1,
        rules=upscale.TrainingRules(n_candidates=2, max_trees=150),
    )


def test_the_pipeline_runs_on_observed_covariates(basins, trained):
    summary = trained.summary().loc["synthetic"]
    assert summary["upscaled"]
    assert 0.85 < summary["coverage_blocked"] < 0.97
    maps = trained.predict(basins[0])
    assert np.isfinite(maps["mean"]).all()
    first = trained.importance["covariate"].iloc[:3].tolist()
    assert "pet_mean" in first


def test_basins_unlike_deciduous_forests_are_outside_the_area_of_applicability(
    basins, trained
):
    covariates, deciduous = basins
    quality = trained.predict(covariates)["quality"].sel(parameter="synthetic")
    outside = quality.to_numpy() == 2
    inside_training = deciduous.to_numpy()
    longitude = covariates["longitude"].to_numpy()
    assert not outside[inside_training].any()
    # Another climate: the mountains and deserts of the west.
    assert outside[longitude < -100.0].mean() > 0.9
    # Its own climate under other trees is partly known.
    near = ~inside_training & (longitude > -96.0)
    assert 0.1 < outside[near].mean() < 0.9
