"""Measures: against scikit-image and scipy, and honest about few seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from skimage import metrics

from nbgen.errors import RecipeError
from nbgen.show.measures import best, common_top, difference_map, distance, heat, paired_differences


def pictures(seed=0, side=32):
    generator = np.random.default_rng(seed)
    one = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
    other = np.clip(one.astype(int) + generator.integers(-20, 21, one.shape), 0, 255).astype(np.uint8)
    return one, other


def test_distances_agree_with_scikit_image():
    one, other = pictures()
    found = distance(one, other)
    assert found.rmse == pytest.approx(math.sqrt(metrics.mean_squared_error(one / 255, other / 255)))
    assert found.psnr == pytest.approx(metrics.peak_signal_noise_ratio(one, other))
    assert found.ssim == pytest.approx(
        metrics.structural_similarity(one, other, channel_axis=2, data_range=255)
    )


def test_equal_pictures_small_pictures_and_other_sizes():
    one, _ = pictures(side=5)
    same = distance(one, one)
    assert (same.rmse, same.psnr, same.ssim) == (0, math.inf, 1)
    assert distance(one[:2, :2], one[:2, :2]).ssim == 1 and math.isnan(
        distance(one[:2, :2], one[2:4, :2]).ssim
    )
    with pytest.raises(RecipeError, match="5×5 and 4×5"):
        distance(one, one[:, :4])


def test_the_map_is_the_rmse_pixel_by_pixel():
    one, other = pictures()
    found = difference_map(one, other)
    assert found.shape == (32, 32)
    assert math.sqrt(np.mean(found.astype(float) ** 2)) == pytest.approx(distance(one, other).rmse, rel=1e-5)


def test_colours_share_one_fair_scale():
    quiet, loud = np.full((8, 8), 0.001, np.float32), np.full((8, 8), 0.333, np.float32)
    assert common_top([quiet]) == pytest.approx(0.032)  # 8/255, rounded up: noise is not blown up
    assert common_top([quiet, loud]) == pytest.approx(0.34)
    assert common_top([]) > 0
    assert heat(quiet, 0.34).max() < 10 and heat(loud, 0.34).min() > 100
    assert heat(loud, 0.34).shape == (8, 8, 3) and heat(loud, 0.34).dtype == np.uint8


def test_intervals_agree_with_scipy_and_are_repeatable():
    generator = np.random.default_rng(1)
    base = generator.normal(0.3, 0.1, 12)
    values = {"heun": list(base), "ddim": list(base + generator.normal(0.05, 0.02, 12))}
    (found,) = paired_differences(values, "heun")
    theirs = stats.bootstrap(
        (np.subtract(values["ddim"], base),), np.mean, method="percentile", n_resamples=20_000, rng=3
    )
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.001)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.001)
    assert found.n == 12 and found.clear and found == paired_differences(values, "heun")[0]


def test_pairing_removes_what_seeds_share():
    seeds = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    (found,) = paired_differences({"a": list(seeds), "b": list(seeds + 1)}, "a")
    assert (found.low, found.high) == (1, 1)  # unpaired, the spread over seeds would drown it


def test_missing_pairs_are_left_out_and_n_says_so():
    (found,) = paired_differences({"a": [1, 2, math.nan, 4], "b": [2, math.nan, 3, 5]}, "a")
    assert found.n == 2 and "n=2, few seeds" in str(found)
    (none,) = paired_differences({"a": [1, math.nan], "b": [math.nan, 1]}, "a")
    assert none.n == 0 and "no seed in common" in str(none)


def test_one_seed_names_no_best():
    assert best({"a": [1.0], "b": [2.0]}, larger_is_better=True)[0] is None
    assert "one seed" in best({"a": [1.0], "b": [2.0]}, larger_is_better=True)[1]
    (found,) = paired_differences({"a": [1.0], "b": [2.0]}, "a")
    assert found.low is None and "nothing follows" in str(found)


def test_best_only_where_it_is_clear():
    clear = {"a": [1.0, 1.1, 0.9, 1.2], "b": [2.0, 2.1, 2.2, 1.9]}
    assert best(clear, larger_is_better=False)[0] == "a" and best(clear, larger_is_better=True)[0] == "b"
    assert "few" in best(clear, larger_is_better=False)[1]
    name, why = best({"a": [1.0, 2.0, 1.5], "b": [2.0, 1.0, 1.6]}, larger_is_better=True)
    assert name is None and "not clearly apart" in why
    assert best({"a": [1.0]}, larger_is_better=True)[0] is None


def test_wrong_tables_are_refused():
    with pytest.raises(RecipeError, match="was not measured"):
        paired_differences({"a": [1]}, "b")
    with pytest.raises(RecipeError, match="same seeds"):
        paired_differences({"a": [1], "b": [1, 2]}, "b")
