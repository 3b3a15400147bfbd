import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from keras_astro.errors import DataError
from keras_astro.metrics import peak_distance, pixel_auc, truth_mask


@pytest.fixture
def blobs():
    """Three truth maps `(image, y, x)`: two Gaussian blobs and an empty one."""
    y, x = np.mgrid[:20, :24]
    centres = [(5, 6), (12, 18)]
    truth = [np.exp(-((y - a) ** 2 + (x - b) ** 2) / 8.0) for a, b in centres]
    return np.stack([*truth, np.zeros((20, 24))])


def test_pixel_auc_is_scikit_learns_image_by_image(blobs):
    noisy = np.round(blobs + np.random.default_rng(0).normal(size=blobs.shape), 1)
    found = pixel_auc(noisy, blobs)
    mask = truth_mask(blobs)
    expected = [
        roc_auc_score(m.ravel(), v.ravel())
        for m, v in zip(mask[:2], noisy[:2], strict=True)
    ]
    assert found[:2] == pytest.approx(expected)
    assert np.isnan(found[2])


def test_a_perfect_map_scores_one_and_a_smaller_fraction_means_more_truth(blobs):
    assert pixel_auc(blobs, blobs)[:2] == pytest.approx([1.0, 1.0])
    assert truth_mask(blobs, fraction=0.2).sum() > truth_mask(blobs).sum() > 0


def test_peak_distance_is_in_units_of_the_pixel_scale(blobs):
    moved = np.roll(blobs, (3, 4), axis=(1, 2))
    distance = peak_distance(moved, blobs, pixel_scale=0.05)
    assert distance[:2] == pytest.approx([0.25, 0.25])
    assert np.isnan(distance[2])


def test_frames_must_agree(blobs, refused):
    with refused(DataError, "received", hint="Crop and bin"):
        pixel_auc(blobs[:, ::2], blobs)
    with refused(DataError, "received", "NaN", hint="Set pixels without data to 0"):
        peak_distance(np.where(blobs > 0.9, np.nan, blobs), blobs)
