"""The schema of galaxies."""

from __future__ import annotations

import numpy as np

from keras_astro.data.sample import Field, Sample, Schema
from keras_astro.errors import DataError

GALAXIES = Schema(
    task="galaxies",
    inputs=(
        Field(
            "image",
            ("y", "x", "band"),
            units="electron",
            description="Cutout, sky subtracted, galaxy at the centre",
            optional=False,
            gaps=True,
        ),
        Field(
            "psf_fwhm_arcsec",
            units="arcsec",
            description="FWHM of the point-spread function, a Moffat of beta 2",
            optional=False,
            aliases=("psf_fwhm", "fwhm"),
        ),
        Field(
            "psf_image",
            ("y", "x", "band"),
            description="Image of the point-spread function, star at the centre",
        ),
        Field(
            "psf_misfit",
            description="Part of the PSF's image that is no Moffat profile of beta 2",
        ),
        Field(
            "noise_sigma",
            units="electron",
            description="Standard deviation of the sky in a pixel",
            optional=False,
            aliases=("sigma", "rms"),
        ),
    ),
    targets=(
        Field("flux", units="electron", description="Total flux"),
        Field("sersic_n", description="Sersic index"),
        Field(
            "half_light_radius_arcsec",
            units="arcsec",
            description="Radius sqrt(a b) of half of the light, without the PSF",
        ),
        Field("g1", description="Reduced shear along x"),
        Field("g2", description="Reduced shear along the diagonal"),
        Field("snr", description="Root of the sum of squared signal over noise_sigma"),
        Field(
            "clean_image",
            ("y", "x", "band"),
            units="electron",
            description="The image without noise",
        ),
    ),
    meta=(
        Field("id", dtype="str", description="Name of the row, unique"),
        Field("group", dtype="str", description="Galaxy; splits keep it whole"),
        Field("fault", dtype="str", description="Why a row has no data"),
        Field(
            "pixel_scale_arcsec", units="arcsec", description="Side of a pixel, by WCS"
        ),
    ),
    label_columns=("flux", "sersic_n", "half_light_radius_arcsec", "g1", "g2"),
)


def refuse_gaps(sample: Sample) -> None:
    """Refuses rows with pixels without data, which can be measured and not trained on.

    Raises:
        DataError: If there are any.
    """
    gap = ~np.isfinite(sample.inputs["image"]).all(axis=(1, 2, 3))
    if gap.any():
        first = sample.meta["id"][gap.argmax()]
        raise DataError(
            f"{sample.name}: expected data in all pixels, found none in some of "
            f"{gap.sum()} rows; the first is {first}",
            hint="Leave such rows out; kastro predict fills them and says so.",
        )
