"""Quality flags of stellar spectra in any unit."""

import numpy as np
import pytest

from keras_astro.inference.star_quality import star_flags

FLUX = np.linspace(0.6, 1.0, 50)


@pytest.mark.parametrize("unit", [1e-15, 1.0, 4e4])
def test_a_plain_spectrum_has_no_flag_in_any_unit(unit):
    assert star_flags({"flux": unit * FLUX[None]}).tolist() == [""]


@pytest.mark.parametrize(
    ("flux", "flag"),
    [
        (np.full(50, 7.0), "constant"),
        (-FLUX, "negative"),
        (np.full(50, np.nan), "empty"),
        (np.where(np.arange(50) < 20, np.nan, FLUX), "masked"),
    ],
)
def test_what_is_wrong_is_named(flux, flag):
    assert flag in star_flags({"flux": np.stack([FLUX, flux])})[1].split(",")
    assert star_flags({"flux": np.stack([FLUX, flux])})[0] == ""


def test_masks_and_weights_count():
    mask = (np.arange(50) < 20)[None].astype("uint8")
    assert star_flags({"flux": FLUX[None], "mask": mask})[0] == "masked"
    assert star_flags({"flux": FLUX[None], "ivar": 1.0 - mask})[0] == "masked"
