"""Echelle orders: overlaps are averaged by weight, gaps say so."""

import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.preprocessing.orders import join_orders

GRID = np.linspace(5005.0, 5035.0, 150)


def orders(noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    waves = np.stack([np.linspace(5000, 5020, 400), np.linspace(5015, 5040, 400)])
    sigma = np.array([[0.1], [0.2]]) * np.ones_like(waves)
    flux = 1 + 0.01 * (waves - 5020) + noise * sigma * rng.normal(size=waves.shape)
    return waves, flux, sigma**-2.0


def test_orders_of_one_star_agree():
    flux, ivar = join_orders(*orders(), GRID)
    np.testing.assert_allclose(flux, 1 + 0.01 * (GRID - 5020), atol=1e-4)
    assert (ivar > 0).all()


def test_variance_agrees_with_monte_carlo():
    draws = np.stack([join_orders(*orders(1.0, s), GRID)[0] for s in range(400)])
    ivar = join_orders(*orders(), GRID)[1]
    assert np.median(draws.var(axis=0) * ivar) == pytest.approx(1.0, abs=0.06)
    both = (GRID > 5015.5) & (GRID < 5019.5)
    assert ivar[both].mean() > ivar[GRID < 5014].mean()


def test_falling_wavelengths_are_turned():
    waves, flux, ivar = orders()
    turned = join_orders(waves[:, ::-1], flux[:, ::-1], ivar[:, ::-1], GRID)
    np.testing.assert_allclose(turned, join_orders(waves, flux, ivar, GRID))


def test_gaps_have_no_weight():
    waves, flux, ivar = orders()
    found, weight = join_orders(waves[:1], flux[:1], ivar[:1], GRID)
    assert (weight[GRID > 5021] == 0).all()
    assert (found[GRID > 5021] == 0).all()


def test_orders_elsewhere_are_refused():
    with pytest.raises(DataError, match="5005.0-5035.0 angstrom; they span 500"):
        join_orders(*(part / 10 for part in orders()), GRID)
