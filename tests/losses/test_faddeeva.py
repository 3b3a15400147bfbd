"""The in-graph Voigt function against SciPy's Faddeeva function."""

import keras
import numpy as np
import tensorflow as tf
from scipy.special import wofz

from keras_astro.losses.faddeeva import voigt

A, U = np.meshgrid(
    [0.0, 1e-5, 1e-3, 1e-2, 0.1, 0.5],
    np.concatenate([np.linspace(-60, 60, 6001), np.geomspace(60, 3000, 50)]),
)
A, U = A.astype("float32"), U.astype("float32")
EXACT = wofz(U.astype(float) + 1j * A.astype(float)).real


def test_float32_agrees_within_a_millionth():
    found = np.asarray(voigt(keras.ops.convert_to_tensor(A), U))
    assert found.dtype == np.float32
    assert np.abs(found - EXACT).max() < 1e-6


def test_wings_are_right_relative_to_their_size():
    # Damped systems multiply the wings by a million.
    far = (np.abs(U) > 12) & (A > 0)
    found = np.asarray(voigt(keras.ops.convert_to_tensor(A), U))
    assert np.allclose(found[far], EXACT[far], rtol=2e-4)


def test_the_gradient_is_that_of_the_exact_function():
    u = tf.constant(np.linspace(-5, 5, 41), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(u)
        total = tf.reduce_sum(voigt(0.01, u))
    z = u.numpy().astype(float) + 0.01j
    # w' = -2 z w + 2 i / sqrt(pi).
    exact = (-2 * z * wofz(z) + 2j / np.sqrt(np.pi)).real
    assert np.allclose(tape.gradient(total, u), exact, atol=2e-5)
