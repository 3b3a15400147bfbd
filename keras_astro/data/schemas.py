"""The schema of each science case's data."""

from __future__ import annotations

from keras_astro.data.sample import Field, Schema

LENSING = Schema(
    task="lensing",
    inputs=(
        Field(
            "image",
            ("y", "x", "band"),
            units="adu",
            description="Lens cutout in any linear unit, lens galaxy near the centre",
            optional=False,
        ),
    ),
    targets=(
        Field("is_anomaly", dtype="uint8", description="1 if substructure is present"),
        Field("theta_E_arcsec", units="arcsec", description="Macro Einstein radius"),
        Field("e1", description="Macro lens ellipticity along x"),
        Field("e2", description="Macro lens ellipticity along the diagonal"),
        Field("gamma1", description="External shear along x"),
        Field("gamma2", description="External shear along the diagonal"),
        Field(
            "subhalo_mass_fraction",
            description="Mass in subhalos over the total mass inside the ring",
        ),
        Field(
            "substructure_map",
            ("y", "x"),
            description="Convergence of the subhalos, in units of critical density",
        ),
    ),
    meta=(
        Field("id", dtype="str", description="Name of the row, unique"),
        Field("group", dtype="str", description="Lens system; splits keep it whole"),
    ),
)

_IONS = (
    "H I",
    "C II",
    "C III",
    "C IV",
    "N V",
    "O I",
    "O VI",
    "Mg II",
    "Si II",
    "Si III",
    "Si IV",
    "Fe II",
)

CGM = Schema(
    task="cgm",
    inputs=(
        Field(
            "flux",
            ("pixel",),
            description="Flux over the continuum",
            optional=False,
        ),
        Field(
            "ivar",
            ("pixel",),
            description="Inverse variance of the flux; 0 where nothing is known",
            fill=1.0,
        ),
        Field(
            "mask",
            ("pixel",),
            dtype="uint8",
            description="1 where a pixel is bad and must not count",
            fill=0,
        ),
    ),
    targets=(
        Field("log_hydrogen", units="dex(cm-2)", description="Total hydrogen column"),
        Field("log_density", units="dex(cm-3)", description="Mean hydrogen density"),
        Field("metallicity", units="dex", description="Metals over solar"),
        Field("log_temperature", units="dex(K)", description="Mean temperature"),
        Field("velocity_kms", units="km/s", description="Mean velocity at redshift"),
        Field("turbulence_kms", units="km/s", description="Mean turbulent b"),
        Field("impact_kpc", units="kpc", description="Distance from the galaxy"),
        Field("clouds", dtype="uint8", description="Number of clouds"),
        Field(
            "absorber_class",
            dtype="uint8",
            description="0 below, 1 Lyman-limit system, 2 damped system",
        ),
        Field("noise_mse", description="Mean square of the noise, the lowest loss"),
        *(
            Field(
                f"log_{ion.replace(' ', '_')}",
                units="dex(cm-2)",
                description=f"Column density of {ion}",
            )
            for ion in _IONS
        ),
    ),
    meta=(
        Field("id", dtype="str", description="Name of the row, unique"),
        Field("group", dtype="str", description="Sightline; splits keep it whole"),
    ),
    axes=(
        Field(
            "wavelength_angstrom",
            ("pixel",),
            dtype="float64",
            units="Angstrom",
            description="Vacuum wavelength of pixel centres, as observed",
            optional=False,
        ),
    ),
)
