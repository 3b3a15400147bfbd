"""How far the codes of two kinds of spectra are apart as distributions."""

from __future__ import annotations

from keras import ops

# Widths of the kernels, over the squared distance of two random rows.
WIDTHS = (0.1, 0.3, 1.0, 3.0)


def maximum_mean_discrepancy(first, second):
    """Squared maximum mean discrepancy of two sets of standardised codes.

    `MMD^2 = E k(a, a') + E k(b, b') - 2 E k(a, b)`, with k the mean of Gaussian kernels
    `exp(-|a - b|^2 / (w 2 d))` over the widths w: codes of d independent entries of
    variance 1 are `2 d` apart in the mean square. Pairs of a row with itself count, so
    that the estimate is never negative.

    Args:
        first: `(row, latent)`.
        second: `(row, latent)`, as many latents.

    Returns:
        A number, 0 for equal sets.

    Reference:
        Gretton et al. 2012, JMLR 13, 723, equation 5.

    Example:
        >>> a = ops.convert_to_tensor([[0.0], [1.0]])
        >>> float(maximum_mean_discrepancy(a, a))
        0.0
    """
    return ops.maximum(
        ops.mean(_kernel(first, first))
        + ops.mean(_kernel(second, second))
        - 2 * ops.mean(_kernel(first, second)),
        0.0,
    )


def _kernel(a, b):
    squares = ops.sum(a**2, axis=1)[:, None] + ops.sum(b**2, axis=1)[None]
    distance = ops.maximum(squares - 2 * ops.matmul(a, ops.transpose(b)), 0.0)
    unit = 2.0 * a.shape[1]
    return sum(ops.exp(-distance / (w * unit)) for w in WIDTHS) / len(WIDTHS)


def mean_distance(first, second):
    """Mean squared difference of the means of two sets of codes.

    Args:
        first: `(row, latent)`.
        second: `(row, latent)`.

    Example:
        >>> a = ops.convert_to_tensor([[0.0], [1.0]])
        >>> float(mean_distance(a, a + 2.0))
        4.0
    """
    return ops.mean((ops.mean(first, axis=0) - ops.mean(second, axis=0)) ** 2)


def coral(first, second):
    """Mean squared difference of the covariances of two sets of codes.

    Args:
        first: `(row, latent)`.
        second: `(row, latent)`.

    Reference:
        Sun and Saenko 2016, ECCV workshops, equation 1, over `latent^2` in place of
        `4 latent^2`.

    Example:
        >>> a = ops.convert_to_tensor([[0.0], [2.0]])
        >>> float(coral(a, 2 * a))
        36.0
    """
    return ops.mean((_covariance(first) - _covariance(second)) ** 2)


def _covariance(codes):
    centred = codes - ops.mean(codes, axis=0)
    rows = ops.cast(ops.shape(codes)[0] - 1, codes.dtype)
    return ops.matmul(ops.transpose(centred), centred) / rows
