"""Deflection and convergence of many subhalos on a pixel grid, fast.

A subhalo's profile is split at a radius w of a few pixels. Inside of it the profile is
replaced by its Taylor polynomial in r^2 about w^2; the sum of all subhalos is then so
smooth that it is evaluated on a grid several times coarser and carried to the pixels by
a spline, which is one matrix product an axis. What the polynomial leaves out is added
in a small window around each subhalo. This is the particle-particle particle-mesh
method with a polynomial in the place of the mesh force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.interpolate import make_interp_spline

from keras_astro.simulate import lens_subhalos
from keras_astro.simulate.lens_deflection import TINY

SPLINE_ORDER = 5
# Coarse nodes beyond each end of the pixels.
BEYOND = 2
# Lenses worked on at once: few enough that the fields of all stay in the cache.
TOGETHER = 8


@dataclass(frozen=True)
class Split:
    """Where a profile is split, and how its parts are sampled.

    Args:
        near: Radius of the split in pixels.
        coarse: Spacing of the coarse nodes in pixels.
        subpixels: Points a pixel and axis over which the near part is averaged.
    """

    near: int
    coarse: int
    subpixels: int = 1


# Holds the error of a point mass of 0.05 arcsec^2 to 1e-4 arcsec at 0.05 arcsec pixels.
DEFLECTION = Split(near=16, coarse=3)
# Convergence has a cusp, hence means over pixels; it is truth for plots and scores.
CONVERGENCE = Split(near=4, coarse=2, subpixels=4)


@dataclass(frozen=True)
class Subhalos:
    """Subhalos of a batch of lenses, each array (batch, subhalo); mass 0 is none.

    Args:
        kind: `point`, `sis` or `tnfw`.
        x: Position along x in arcsec.
        y: Position along y in arcsec.
        mass: Mass in arcsec^2.
        scale: Scale of the profile in arcsec.
        tau: Truncation radius of `tnfw` over its scale radius.
    """

    kind: str
    x: np.ndarray
    y: np.ndarray
    mass: np.ndarray
    scale: np.ndarray
    tau: float = 5.0

    def take(self, rows) -> Subhalos:
        """The subhalos of some lenses, without columns that are empty for all."""
        used = self.mass[rows].any(axis=0)
        arrays = {
            k: getattr(self, k)[rows][:, used] for k in ("x", "y", "mass", "scale")
        }
        return replace(self, **arrays)


def deflection_field(axis: np.ndarray, subhalos: Subhalos) -> np.ndarray:
    """Deflection by all subhalos of each lens, at the pixel centres.

    Args:
        axis: Pixel centres in arcsec along x, and as well along y.
        subhalos: The subhalos of the batch.

    Returns:
        float32 array (component, batch, y, x) in arcsec; components are x and y.
    """
    return _field(axis, subhalos, "deflection", DEFLECTION)


def convergence_field(axis: np.ndarray, subhalos: Subhalos) -> np.ndarray:
    """Mean convergence of the subhalos in each pixel.

    Args:
        axis: Pixel centres in arcsec along x, and as well along y.
        subhalos: The subhalos of the batch.

    Returns:
        float32 array (batch, y, x), in units of the critical density.
    """
    if subhalos.kind == "point":
        return _point_convergence(axis, subhalos)
    field = _field(axis, subhalos, "convergence", CONVERGENCE)
    return np.maximum(field[0], 0)


def _field(axis, subhalos, quantity, split):
    components = 2 if quantity == "deflection" else 1
    shape = (components, len(subhalos.mass), axis.size, axis.size)
    field = np.zeros(shape, np.float32)
    rows = np.flatnonzero(subhalos.mass.any(axis=1))
    for start in range(0, len(rows), TOGETHER):
        chosen = rows[start : start + TOGETHER]
        field[:, chosen] = _part(axis, subhalos.take(chosen), quantity, split)
    return field


def _part(axis, subhalos, quantity, split):
    radial = _Radial(subhalos, quantity, _step(axis) * split.near)
    coarse, matrix = _spline(axis.size, float(axis[0]), float(axis[-1]), split.coarse)
    field = np.matmul(np.matmul(matrix, radial.far(coarse)), matrix.T)
    _add_windows(field, axis, subhalos, radial, split)
    return field


class _Radial:
    """A radial function g(r^2) of each subhalo, split into far and near parts.

    For `deflection` g is mass inside r over r^2, the field is g times the offset; for
    `convergence` the field is g.
    """

    def __init__(self, subhalos: Subhalos, quantity: str, radius: float):
        self.subhalos = subhalos
        self.vector = quantity == "deflection"
        self.edge = np.float32(radius**2)
        single = np.float32
        mass, scale = subhalos.mass.astype(single), subhalos.scale.astype(single)
        self.constant, *self.powers = (
            c.astype(single) for c in self._taylor(radius**2)
        )
        if subhalos.kind == "tnfw":
            table = lens_subhalos.tnfw_tables(subhalos.tau)[0 if self.vector else 1]
            self.table = table.astype(single)
            self.slope = np.diff(table, append=table[-1]).astype(single)
            start, stop = lens_subhalos.TABLE_LOG_RANGE
            self.nodes_per_log = single((table.size - 1) / (stop - start))
            self.log_start = (2 * np.log(scale) + start).astype(single)
            self.factor = mass if self.vector else mass / scale**2
        elif subhalos.kind == "sis":
            self.factor = mass / scale * single(1 if self.vector else 0.5)
        else:
            self.factor = mass

    def far(self, coarse: np.ndarray) -> np.ndarray:
        """Sum of the smoothed profiles on coarse nodes: (component, batch, y, x)."""
        x, y = self.subhalos.x, self.subhalos.y
        batch, count = x.shape
        shape = (2 if self.vector else 1, batch, coarse.size, coarse.size)
        total = np.empty(shape, np.float32)
        node = coarse.astype(np.float32)
        for b in range(batch):
            dx2 = ((coarse - x[b, :, None]) ** 2).astype(np.float32)
            dy2 = ((coarse - y[b, :, None]) ** 2).astype(np.float32)
            u = dx2[:, None, :] + dy2[:, :, None]
            inside = np.minimum(u, self.edge)
            inside -= self.edge
            rest = self._rest(inside, b, out=np.empty_like(u))
            value = self._value(np.maximum(u, self.edge, out=u), b)
            value += rest
            # The sum over subhalos i of g_i (x - x_i) is x sum g_i - sum g_i x_i.
            weights = np.stack([np.ones(count), -x[b], -y[b]]).astype(np.float32)
            sums = weights[: 3 if self.vector else 1] @ value.reshape(count, -1)
            first, *moments = sums.reshape(-1, coarse.size, coarse.size)
            if self.vector:
                total[0, b] = first * node + moments[0]
                total[1, b] = first * node[:, None] + moments[1]
            else:
                total[0, b] = first
        return total

    def near(self, dx: np.ndarray, dy: np.ndarray, chosen) -> np.ndarray:
        """What `far` leaves out, for chosen subhalos: (component, chosen, y, x)."""
        u = dx[:, None, :] ** 2 + dy[:, :, None] ** 2
        np.clip(u, TINY, self.edge, out=u)
        inside = u - self.edge
        value = self._value(u, chosen)
        value -= self._rest(inside, chosen, out=np.empty_like(inside))
        value -= self.constant[chosen][:, None, None]
        if not self.vector:
            return value[None]
        field = np.empty((2, *value.shape), np.float32)
        np.multiply(value, dx[:, None, :], out=field[0])
        np.multiply(value, dy[:, :, None], out=field[1])
        return field

    def _value(self, u, chosen):
        """The function itself at squared radii; may overwrite `u`."""
        factor = self.factor[chosen][:, None, None]
        if self.subhalos.kind == "point":
            return np.divide(factor, u, out=u)
        if self.subhalos.kind == "sis":
            return np.divide(factor, np.sqrt(u, out=u), out=u)
        place = np.log(u)
        place -= self.log_start[chosen][:, None, None]
        place *= self.nodes_per_log
        np.clip(place, 0, self.table.size - 1, out=place)
        node = place.astype(np.intp)
        place -= node
        place *= self.slope.take(node)
        place += self.table.take(node)
        place *= factor
        if self.vector:
            place /= u
        return place

    def _rest(self, inside, chosen, *, out):
        """The Taylor polynomial less its constant, at r^2 - w^2."""
        first, second, third = (c[chosen][:, None, None] for c in self.powers)
        np.multiply(inside, third, out=out)
        out += second
        out *= inside
        out += first
        out *= inside
        return out

    def _taylor(self, edge: float):
        """Coefficients in r^2 about the edge, up to the third power."""
        step = 2e-3 * edge
        low2, low, middle, high, high2 = (
            self._exact(edge + k * step) for k in range(-2, 3)
        )
        first = (8 * (high - low) - (high2 - low2)) / (12 * step)
        second = (high - 2 * middle + low) / step**2
        third = (high2 - 2 * high + 2 * low - low2) / (2 * step**3)
        return middle, first, second / 2, third / 6

    def _exact(self, u: float):
        halos = self.subhalos
        shape = dict(kind=halos.kind, mass=halos.mass, scale=halos.scale, tau=halos.tau)
        radius2 = np.full(halos.mass.shape, u)
        if self.vector:
            return lens_subhalos.enclosed_mass(radius2, **shape) / u
        return lens_subhalos.convergence(radius2, **shape)


def _add_windows(field, axis, subhalos, radial, split):
    """Adds the near parts in windows around those subhalos that reach the grid."""
    step, reach, subpixels = _step(axis), split.near + 1, split.subpixels
    column = np.rint((subhalos.x - axis[0]) / step).astype(int)
    row = np.rint((subhalos.y - axis[0]) / step).astype(int)
    near_grid = subhalos.mass > 0
    for index in (column, row):
        near_grid &= (index > -reach) & (index < axis.size - 1 + reach)
    chosen = np.nonzero(near_grid)
    fine = (np.arange((2 * reach + 1) * subpixels) + 0.5) / subpixels - reach - 0.5
    dx = ((column[chosen][:, None] + fine) * step + axis[0]) - subhalos.x[chosen][
        :, None
    ]
    dy = ((row[chosen][:, None] + fine) * step + axis[0]) - subhalos.y[chosen][:, None]
    window = radial.near(dx.astype(np.float32), dy.astype(np.float32), chosen)
    if subpixels > 1:
        size = 2 * reach + 1
        window = window.reshape(*window.shape[:2], size, subpixels, size, subpixels)
        window = window.mean(axis=(3, 5))
    for k, (b, r, c) in enumerate(
        zip(chosen[0], row[chosen] - reach, column[chosen] - reach, strict=True)
    ):
        top, left = max(r, 0), max(c, 0)
        part = window[:, k, top - r : axis.size - r, left - c : axis.size - c]
        field[:, b, top : r + 2 * reach + 1, left : c + 2 * reach + 1] += part


def _point_convergence(axis, subhalos):
    """Point masses, each spread over the pixel it lies in."""
    step = _step(axis)
    field = np.zeros((len(subhalos.mass), axis.size, axis.size), np.float32)
    column = np.rint((subhalos.x - axis[0]) / step).astype(int)
    row = np.rint((subhalos.y - axis[0]) / step).astype(int)
    inside = (column >= 0) & (column < axis.size) & (row >= 0) & (row < axis.size)
    batch = np.nonzero(inside)[0]
    density = np.pi * subhalos.mass[inside] / step**2
    np.add.at(field, (batch, row[inside], column[inside]), density)
    return field


def _step(axis: np.ndarray) -> float:
    return float(axis[-1] - axis[0]) / (axis.size - 1)


@lru_cache(maxsize=16)
def _spline(pixels: int, start: float, stop: float, spacing: int):
    """Coarse nodes, and the matrix that carries values on them to the pixels."""
    count = max(SPLINE_ORDER + 1, int(np.ceil((pixels - 1) / spacing)) + 1)
    # A spline is worst between its outermost nodes, so these lie beyond the pixels.
    margin = BEYOND * (stop - start) / (count - 1)
    count += 2 * BEYOND
    coarse = np.linspace(start - margin, stop + margin, count)
    spline = make_interp_spline(coarse, np.eye(count), k=SPLINE_ORDER)
    matrix = spline(np.linspace(start, stop, pixels))
    return coarse, np.ascontiguousarray(matrix, np.float32)
