"""The schema of galaxies."""

from __future__ import annotations

from keras_astro.data.sample import Field, Schema

GALAXIES = Schema(
    task="galaxies",
    inputs=(
        Field(
            "image",
            ("y", "x", "band"),
            units="electron",
            description="Cutout, sky subtracted, galaxy at the centre",
            optional=False,
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
    ),
    label_columns=("flux", "sersic_n", "half_light_radius_arcsec", "g1", "g2"),
)
