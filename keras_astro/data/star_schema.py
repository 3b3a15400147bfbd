"""The schema of stellar spectra with labels."""

from __future__ import annotations

from keras_astro.data.sample import Field, Schema

STELLAR = Schema(
    task="stellar",
    inputs=(
        Field(
            "flux",
            ("pixel",),
            description="Flux in any linear unit, at rest in the star's frame",
            optional=False,
        ),
        Field(
            "ivar",
            ("pixel",),
            description="Inverse variance of the flux, 0 where there is none",
            fill=1.0,
        ),
        Field(
            "mask",
            ("pixel",),
            dtype="uint8",
            description="1 where a pixel is bad",
            fill=0.0,
        ),
    ),
    targets=(
        Field("teff_kelvin", units="K", description="Effective temperature"),
        Field("logg_dex", units="dex(cm / s2)", description="Surface gravity"),
        Field("metallicity_dex", units="dex", description="[M/H]"),
        Field("vsini_kms", units="km / s", description="Projected rotation velocity"),
        Field("rv_kms", units="km / s", description="Velocity left in the spectrum"),
        Field("snr", description="Signal-to-noise ratio of a pixel of the continuum"),
    ),
    meta=(
        Field("id", dtype="str", description="Name of the row, unique"),
        Field("group", dtype="str", description="Atmosphere; splits keep it whole"),
        Field("origin", dtype="str", description="Where the spectrum comes from"),
        Field("medium", dtype="str", description="Of the wavelengths: air or vacuum"),
    ),
    axes=(
        Field(
            "wavelength_angstrom",
            ("pixel",),
            dtype="float64",
            units="Angstrom",
            description="Wavelength of the pixels",
        ),
    ),
)
