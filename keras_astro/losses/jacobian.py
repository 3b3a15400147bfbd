"""Squared Frobenius norm of a function's Jacobian, row by row, in three ways.

Each estimate is differentiable in the weights that the function reads: take it under
the gradient tape of a training step and its gradient reaches them.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Function = Callable[[tf.Tensor], tf.Tensor]


def wide(x: tf.Tensor) -> tf.Tensor:
    """At least single precision: squares leave the range of half precision."""
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def squared_rows(x: tf.Tensor) -> tf.Tensor:
    """Sum of squares of each row, `(batch, ...)` to `(batch,)`."""
    return tf.reduce_sum(tf.reshape(wide(x), (tf.shape(x)[0], -1)) ** 2, axis=1)


def hutchinson_norm(
    function: Function, x: tf.Tensor, probe: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Unbiased estimate by one vector-Jacobian product.

    With a probe of independent signs, `E[v v^T] = I` and so

    `E ||J^T v||^2 = tr(J^T E[v v^T] J) = ||J||_F^2`.

    The probe lives on the latent side because the latent space is the smaller one:
    the estimate then scatters less than one by Jacobian-vector products.

    Args:
        function: `x` to the code `(batch, latent)`, each row on its own.
        x: `(batch, ...)`.
        probe: Signs, `(batch, latent)`.

    Returns:
        The code, and the estimate of each row, `(batch,)`.

    Reference:
        Hutchinson 1989, Communications in Statistics 18, 1059.

    Example:
        >>> import tensorflow as tf
        >>> x, signs = tf.ones((1, 1)), tf.constant([[1.0, -1.0]])
        >>> _, norm = hutchinson_norm(lambda x: x * tf.constant([3.0, 4.0]), x, signs)
        >>> float(norm[0])
        1.0
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        code = function(x)
    product = tape.gradient(
        code, x, tf.cast(probe, code.dtype), unconnected_gradients="zero"
    )
    return code, squared_rows(product)


def exact_norm(function: Function, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Exact value by one vector-Jacobian product for each latent.

    `||J||_F^2 = sum_j ||J^T e_j||^2`, `e_j` the unit vectors of the latent space.

    Args:
        function: `x` to the code `(batch, latent)`, each row on its own; the number of
            latents must be known.
        x: `(batch, ...)`.

    Returns:
        The code, and the norm of each row, `(batch,)`.

    Example:
        >>> import tensorflow as tf
        >>> _, norm = exact_norm(lambda x: x * tf.constant([3.0, 4.0]), tf.ones((1, 1)))
        >>> float(norm[0])
        25.0
    """
    with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
        tape.watch(x)
        code = function(x)
        # One tensor a latent: outside the tape a slice would have no derivative.
        latents = tf.unstack(code, axis=1)
    norm = tf.add_n(
        [
            squared_rows(tape.gradient(latent, x, unconnected_gradients="zero"))
            for latent in latents
        ]
    )
    return code, norm


def dense_norm(kernel: tf.Tensor, before: tf.Tensor, activation: Function) -> tf.Tensor:
    """Exact value for one dense layer `f(h W + b)`, with respect to `h`.

    `||J||_F^2 = sum_j f'(a_j)^2 sum_i W_ij^2`, `a = h W + b`.

    Args:
        kernel: `W`, `(input, latent)`.
        before: `a`, `(batch, latent)`.
        activation: `f`, element by element.

    Returns:
        The norm of each row, `(batch,)`.

    Reference:
        Rifai et al. 2011, ICML, section 3, there for the logistic sigmoid.

    Example:
        >>> import tensorflow as tf
        >>> dense_norm(tf.constant([[3.0, 4.0]]), tf.zeros((1, 2)), tf.nn.tanh).numpy()
        array([25.], dtype=float32)
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(before)
        after = activation(before)
    slope = wide(tape.gradient(after, before))
    return tf.linalg.matvec(slope**2, tf.reduce_sum(wide(kernel) ** 2, axis=0))
