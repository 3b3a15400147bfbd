import numpy as np
import pytest

from keras_astro.inference.quality import image_flags

SIDE = 32


def blob(y=16, x=16, background=5.0):
    rows, columns = np.indices((SIDE, SIDE))
    image = background + 100 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 30)
    return image[..., None]


def clipped():
    return np.minimum(blob(), 80)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (blob(), ""),
        (np.full((SIDE, SIDE, 1), 3.0), "constant"),
        (clipped(), "saturated"),
        (blob(y=28), "off_centre"),
        (blob(x=2), "off_centre"),
        (blob(background=-5), "negative"),
        (np.full((SIDE, SIDE, 1), -3.0), "constant,negative"),
        (np.minimum(blob(x=2, background=-5), 50), "saturated,off_centre,negative"),
        (np.repeat(blob(), 3, axis=-1), ""),
    ],
)
def test_flag_of_one_image(image, expected):
    assert image_flags({"image": image[None]}).tolist() == [expected]
    assert image_flags({"image": image[None].astype("float32")}).tolist() == [expected]


def test_rows_are_judged_alone():
    flags = image_flags({"image": np.stack([blob(), clipped(), blob(y=1)])})
    assert flags.tolist() == ["", "saturated", "off_centre"]
    assert flags.dtype.kind == "U"


def test_no_rows_have_no_flags():
    flags = image_flags({"image": np.empty((0, SIDE, SIDE, 1))})
    assert (flags.shape, flags.dtype.kind) == ((0,), "U")


def test_real_lenses_are_centred(slc):
    from keras_astro.data.readers import open_source
    from keras_astro.data.schemas import LENSING

    source = open_source(slc / "validation.zip", LENSING)
    flags = image_flags({"image": source.take(np.arange(0, 1000, 20)).inputs["image"]})
    assert np.mean(np.char.find(flags, "constant") >= 0) == 0
    assert np.mean(np.char.find(flags, "off_centre") >= 0) < 0.2
