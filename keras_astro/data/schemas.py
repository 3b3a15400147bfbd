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
