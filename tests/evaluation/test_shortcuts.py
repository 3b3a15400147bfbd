import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve

from keras_astro.errors import DataError
from keras_astro.evaluation import directed_auc, image_statistics, shortcut_audit


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(10.0, 1.0, size=(80, 24, 30))


@pytest.fixture
def labels():
    return np.repeat([0, 1], 40)


def test_images_without_a_shortcut_show_none(images, labels):
    audit = shortcut_audit(images, labels)
    assert set(audit) == {
        "brightness mean",
        "brightness sd",
        "brightness maximum",
        "background level",
        "high-frequency energy",
    }
    for area in audit.values():
        assert 0.5 <= area.value < 0.68
        assert area.low < 0.56


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("brightness mean", lambda cube: cube - 3.0),
        ("brightness maximum", lambda cube: np.minimum(cube, 11.0)),
        ("high-frequency energy", lambda cube: cube[:, :, ::-1] * 0.2 + 8.0),
    ],
)
def test_a_planted_shortcut_is_found_in_either_direction(images, labels, name, change):
    planted = images.copy()
    planted[labels == 1] = change(planted[labels == 1])
    assert shortcut_audit(planted, labels)[name].value > 0.99


def test_the_edge_is_measured_apart_from_the_centre(images, labels):
    planted = images.copy()
    planted[labels == 1, :1] += 5.0
    planted[labels == 1, 10:11] -= 5.0
    audit = shortcut_audit(planted, labels)
    assert audit["background level"].value == 1.0
    assert audit["brightness mean"].value < 0.68
    values = [area.value for area in audit.values()]
    assert values == sorted(values, reverse=True)


def test_file_sizes_and_radii_join_the_audit(images, labels):
    radius = np.where(labels == 1, 0.9, 1.0)
    audit = shortcut_audit(images, labels, file_sizes=np.arange(80), ring_radius=radius)
    assert audit["ring radius"].value == 1.0
    assert audit["ring radius"].low < 1.0
    assert audit["file size"].value == 1.0


def test_statistics_follow_their_definitions(images):
    found = image_statistics(images)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    laplacian = convolve(images[3], kernel)[1:-1, 1:-1]
    assert found["high-frequency energy"][3] == pytest.approx(np.mean(laplacian**2))
    edge = np.ones((24, 30), bool)
    edge[1:-1, 1:-1] = False
    assert found["background level"][3] == pytest.approx(images[3][edge].mean())
    bands = image_statistics(np.stack([images, images + 2.0], axis=-1))
    np.testing.assert_allclose(bands["brightness mean"], found["brightness mean"] + 1)


def test_blocks_do_not_change_the_statistics():
    cube = np.random.default_rng(1).normal(size=(600, 6, 6))
    found = image_statistics(cube)["brightness sd"]
    np.testing.assert_allclose(found, cube.std(axis=(1, 2)))


def test_masked_pixels_are_ignored(images):
    holed = images.copy()
    holed[:, 10, 10] = np.nan
    found = image_statistics(holed)
    assert all(np.isfinite(values).all() for values in found.values())


@pytest.mark.parametrize("shape", [(4, 8), (0, 8, 8), (3, 4, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match="shortcut audit: expected images"):
        image_statistics(np.zeros(shape))


def test_direction_does_not_matter(labels):
    values = labels + np.random.default_rng(2).normal(size=80)
    assert directed_auc(labels, values).value == directed_auc(labels, -values).value


def test_real_lenses_have_only_weak_file_level_shortcuts(slc):
    cube, sizes, labels = [], [], []
    with zipfile.ZipFile(slc / "validation.zip") as archive:
        for label, kind in enumerate(("no_sub", "sub")):
            names = sorted(n for n in archive.namelist() if f"/{kind}/" in n)
            for name in [n for n in names if n.endswith(".jpg")][:150]:
                data = archive.read(name)
                sizes.append(len(data))
                labels.append(label)
                cube.append(np.asarray(Image.open(io.BytesIO(data)).convert("L")))
    audit = shortcut_audit(np.stack(cube), labels, file_sizes=sizes)
    assert len(audit) == 6
    assert max(area.value for area in audit.values()) < 0.65
