"""Deflections against lenstronomy, on the largest grid that a preset uses."""

import numpy as np
import pytest

from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lens_cosmology import LensGeometry
from keras_astro.simulate.lens_deflection import (
    shear_deflection,
    sie_circle_mass,
    sie_deflection,
)
from keras_astro.simulate.lens_fields import (
    Subhalos,
    convergence_field,
    deflection_field,
)
from keras_astro.simulate.lens_subhalos import KINDS, convergence, subhalo_deflection
from keras_astro.simulate.lensing import draw_parameters, draw_subhalos, pixel_axis

PIXELS, SCALE = 150, 0.05
AXIS = (np.arange(PIXELS) - (PIXELS - 1) / 2) * SCALE
LIMIT_ARCSEC = 1e-4
TAU = 5.0


@pytest.fixture(scope="module")
def reference():
    """lenstronomy's deflection by one named profile on the grid."""
    lens_model = pytest.importorskip("lenstronomy.LensModel.lens_model")
    x, y = (a.ravel() for a in np.meshgrid(AXIS, AXIS))

    def deflection(name, **kwargs):
        model = lens_model.LensModel([name])
        return np.reshape(model.alpha(x, y, [kwargs]), (2, PIXELS, PIXELS))

    return deflection


def grid(dtype=float):
    axis = AXIS.astype(dtype)
    return axis[None, :], axis[:, None]


def check(name, ours, expected):
    """Both within the limit; the message has the largest difference."""
    difference = float(np.abs(np.stack(ours) - expected).max())
    message = f"{name}: largest difference {difference:.2e} arcsec"
    assert difference < LIMIT_ARCSEC, message


def halo_arguments(kind, *, mass, scale, x, y):
    """The same subhalo in lenstronomy's terms."""
    centre = {"center_x": x, "center_y": y}
    if kind == "sis":
        return "SIS", {"theta_E": mass / scale, **centre}
    if kind == "point":
        return "POINT_MASS", {"theta_E": mass**0.5, **centre}
    t2 = TAU * TAU
    total = (t2 - 1) * np.log(TAU) + TAU * np.pi - (t2 + 1)
    # The deflection at the scale radius of the same halo without truncation.
    alpha = mass / scale * (1 + np.log(0.5)) * (t2 + 1) ** 2 / (t2 * total)
    return "TNFW", {"Rs": scale, "alpha_Rs": alpha, "r_trunc": TAU * scale, **centre}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("e1", "e2"), [(0, 0), (1e-3, 0), (0.25, 0), (0.2, -0.15), (-0.3, 0.2), (0.5, 0.1)]
)
def test_ellipsoid(reference, e1, e2, dtype):
    numbers = {"theta_E": 1.1, "e1": e1, "e2": e2}
    arrays = {k: np.asarray(v, dtype) for k, v in numbers.items()}
    ours = sie_deflection(*grid(dtype), **arrays)
    check("SIE", ours, reference("SIE", **numbers))


def test_shear(reference):
    ours = shear_deflection(*grid(), gamma1=0.2, gamma2=-0.1)
    check("shear", ours, reference("SHEAR", gamma1=0.2, gamma2=-0.1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mass", "scale"), [(1e-4, 0.05), (1e-2, 0.3), (0.1, 0.6), (0.1, 0.1)]
)
def test_one_subhalo(reference, kind, mass, scale):
    halo = {"mass": mass, "scale": scale}
    x, y = grid()
    ours = subhalo_deflection(x - 0.313, y + 0.47, kind=kind, tau=TAU, **halo)
    name, arguments = halo_arguments(kind, x=0.313, y=-0.47, **halo)
    check(name, ours, reference(name, **arguments))


def realistic(kind, lenses=3):
    """Subhalos of 1e7 to 1e10 solar masses, some in and some outside the field."""
    rng = np.random.default_rng(4)
    geometry = LensGeometry(0.5, 1.0)
    shape = (lenses, 25)
    solar = 10 ** rng.uniform(7, 10, shape)
    mass = solar / geometry.solar_masses_per_arcsec2
    scale = geometry.halo_radius_arcsec(solar) / 10
    x, y = rng.uniform(-4, 4, (2, *shape))
    return Subhalos(kind=kind, x=x, y=y, mass=mass, scale=scale, tau=TAU)


@pytest.mark.parametrize("kind", KINDS)
def test_field_of_realistic_subhalos(reference, kind):
    halos = realistic(kind)
    field = deflection_field(AXIS, halos)
    for lens in range(len(halos.mass)):
        expected = np.zeros((2, PIXELS, PIXELS))
        for k in range(halos.mass.shape[1]):
            halo = {n: getattr(halos, n)[lens, k] for n in ("x", "y", "mass", "scale")}
            name, arguments = halo_arguments(kind, **halo)
            expected += reference(name, **arguments)
        check(f"{kind} field", field[:, lens], expected)


@pytest.mark.parametrize("kind", ["sis", "tnfw"])
@pytest.mark.parametrize("preset", ["default", "slc"])
def test_field_of_a_preset(preset, kind):
    """Drawn subhalos hold up to a sixth of the lens' mass, hence the same limit."""
    grid_of_slc = {"pixels": PIXELS, "pixel_scale_arcsec": SCALE}
    config = LensingSimulation.preset(preset).replace(subhalo_kind=kind, **grid_of_slc)
    rng = np.random.default_rng(1)
    anomalous = np.arange(12) % 3 > 0
    halos = draw_subhalos(config, draw_parameters(config, 12, rng), anomalous, rng)
    field = deflection_field(pixel_axis(config), halos)
    assert not field[:, ~anomalous].any()
    x, y = grid()
    for lens in np.flatnonzero(anomalous):
        expected = np.zeros((2, PIXELS, PIXELS))
        for k in np.flatnonzero(halos.mass[lens]):
            expected += subhalo_deflection(
                x - halos.x[lens, k],
                y - halos.y[lens, k],
                kind=kind,
                mass=halos.mass[lens, k],
                scale=halos.scale[lens, k],
                tau=halos.tau,
            )
        check(f"{preset} {kind} field", field[:, lens], expected)


@pytest.mark.parametrize("kind", ["sis", "tnfw"])
def test_convergence_field_is_the_mean_over_pixels(kind):
    halos = realistic(kind, lenses=1)
    field = convergence_field(AXIS, halos)[0]
    sub = 8
    fine = (np.arange(PIXELS * sub) + 0.5) / sub - 0.5
    fine = AXIS[0] + fine * SCALE
    total = np.zeros((fine.size, fine.size))
    near_centre = np.zeros((PIXELS, PIXELS), bool)
    for x, y, mass, scale in zip(
        halos.x[0], halos.y[0], halos.mass[0], halos.scale[0], strict=True
    ):
        u = (fine - x) ** 2 + (fine[:, None] - y) ** 2
        total += convergence(u, kind=kind, mass=mass, scale=scale, tau=TAU)
        near_centre |= np.hypot(AXIS - x, AXIS[:, None] - y) < 1.5 * SCALE
    expected = total.reshape(PIXELS, sub, PIXELS, sub).mean(axis=(1, 3))
    # The cusps are sampled too coarsely here to tell which of both is right.
    error = np.abs(field - expected)[~near_centre].max()
    assert error < 2e-3, f"largest difference {error:.1e}"


def test_point_masses_conserve_mass():
    halos = realistic("point", lenses=1)
    inside = (np.abs(halos.x) < 3.74) & (np.abs(halos.y) < 3.74)
    mass = convergence_field(AXIS, halos).sum() * SCALE**2 / np.pi
    assert mass == pytest.approx(halos.mass[inside].sum(), rel=1e-5)


@pytest.mark.parametrize("e", [0.0, 0.2, 0.4])
def test_mass_of_an_ellipsoid_in_a_circle(e):
    """By the divergence theorem the deflection through a circle gives the mass."""
    angle = np.arange(4000) * (2 * np.pi / 4000)
    x, y = 1.3 * np.cos(angle), 1.3 * np.sin(angle)
    ax, ay = sie_deflection(x, y, theta_E=0.9, e1=e, e2=0.0)
    flux = np.mean(ax * x + ay * y)
    assert 0.9 * 1.3 * sie_circle_mass(e, 0.0) == pytest.approx(flux, rel=1e-5)


def test_cosmology_agrees_with_astropy():
    cosmology = pytest.importorskip("astropy.cosmology")
    flat = cosmology.FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0)
    expected = flat.comoving_distance(1.5).value
    assert LensGeometry(0.5, 1.5).comoving_mpc(1.5) == pytest.approx(expected, rel=1e-6)
