"""Ensembles of regressors in one graph: their loss, their mixture, their intervals."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


def _split(raw, members: int):
    """Means and bounded log variances, each `(batch, member, parameter)`."""
    table = ops.reshape(raw, (-1, members, raw.shape[-1] // members))
    parameters = table.shape[-1] // 2
    # A bounded log variance keeps the first steps of training finite.
    return table[..., :parameters], 12.0 * ops.tanh(table[..., parameters:] / 12.0)


def mixture_moments(means, variances):
    """Mean and total variance of members that each give a mean and a variance.

    `mean = E_m[mu_m]`, `variance = E_m[sigma_m^2] + Var_m[mu_m]`

    The second term is what the members do not agree on: it grows where no training
    rows were.

    Args:
        means: `(batch, member, parameter)`.
        variances: Of that shape.

    Returns:
        Mean, variance and the members' disagreement (the second term), each
        `(batch, parameter)`.

    Reference:
        Lakshminarayanan, Pritzel and Blundell 2017, NeurIPS, section 2.4.

    Example:
        >>> means = ops.convert_to_tensor([[[1.0], [3.0]]])
        >>> [float(x[0, 0]) for x in mixture_moments(means, ops.ones((1, 2, 1)))]
        [2.0, 2.0, 1.0]
    """
    mean = ops.mean(means, axis=1)
    disagreement = ops.mean((means - ops.expand_dims(mean, 1)) ** 2, axis=1)
    return mean, ops.mean(variances, axis=1) + disagreement, disagreement


@register()
class EnsembleNegativeLogLikelihood(keras.losses.Loss):
    """Mean over members of -log N(target; mean, variance), up to a constant.

    Members share no weights, so that each learns as if it were alone.

    Args:
        members: Number of members.

    Call arguments: standardised targets `(batch, parameter)`; raw outputs
    `(batch, member * 2 * parameter)`, means before log variances in each member.

    Reference:
        Lakshminarayanan, Pritzel and Blundell 2017, NeurIPS 30, section 2.
    """

    def __init__(self, members: int, name="ensemble_nll", **kwargs):
        super().__init__(name=name, **kwargs)
        self.members = members

    def call(self, y_true, y_pred):
        mean, log_variance = _split(y_pred, self.members)
        square = (ops.expand_dims(y_true, 1) - mean) ** 2 * ops.exp(-log_variance)
        return 0.5 * ops.mean(square + log_variance, axis=(1, 2))

    def get_config(self):
        return super().get_config() | {"members": self.members}


@register()
class EnsembleMixture(keras.layers.Layer):
    """Mean and standard deviation of the mixture of all members, in physical units.

    See `mixture_moments`.

    Args:
        members: Number of members.
        parameters: Number of parameters.

    Input shape: `(batch, member * 2 * parameter)`.
    Output shape: means and standard deviations, each `(batch, parameter)`.

    Example:
        >>> raw = ops.convert_to_tensor([[1.0, 0.0, 3.0, 0.0]])
        >>> mean, sd = EnsembleMixture(2, 1)(raw)
        >>> float(mean[0, 0]), round(float(sd[0, 0]) ** 2, 5)
        (2.0, 2.0)
    """

    def __init__(self, members: int, parameters: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.members = members
        self.parameters = parameters

    def build(self, input_shape):
        shape = (self.parameters,)
        options = {"shape": shape, "trainable": False}
        self.offset = self.add_weight(initializer="zeros", name="offset", **options)
        self.unit = self.add_weight(initializer="ones", name="unit", **options)

    def set_units(self, offset, unit) -> None:
        """Sets mean and sd of the training targets, each `(parameters,)`."""
        self.offset.assign(offset)
        self.unit.assign(unit)

    def call(self, raw):
        means, log_variances = _split(raw, self.members)
        mean, variance, _ = mixture_moments(means, ops.exp(log_variances))
        return mean * self.unit + self.offset, ops.sqrt(variance) * self.unit

    def compute_output_shape(self, input_shape):
        shape = (input_shape[0], self.parameters)
        return shape, shape

    def get_config(self):
        config = super().get_config() | {
            "members": self.members,
            "parameters": self.parameters,
        }
        config.pop("trainable", None)
        return config


LEVELS = (0.68, 0.95)


@register()
class ConformalBounds(keras.layers.Layer):
    """Ends of intervals that hold the truth as often as they say.

    The ends are mean + q * sd, with q quantiles of (truth - mean) / sd on calibration
    rows, one for each end, level and parameter: errors may be asymmetric.

    Args:
        parameters: Number of parameters.

    Input shape: means and standard deviations, each `(batch, parameter)`.
    Output shape: `(batch, parameter, 4)`: low and high of 68 %, low and high of 95 %.

    Reference:
        Lei et al. 2018, JASA 113, 1094, section 5.2 (locally weighted intervals).
    """

    def __init__(self, parameters: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.parameters = parameters

    def build(self, input_shape):
        self.factors = self.add_weight(
            shape=(self.parameters, 2 * len(LEVELS)),
            initializer="zeros",
            trainable=False,
            name="factors",
        )

    def calibrate(self, truth, mean, sd, groups=None) -> None:
        """Measures the factors on rows that trained nothing, `(row, parameter)`.

        Args:
            truth: True values.
            mean: Estimates.
            sd: Their standard deviations.
            groups: As for `conformal_factors`.
        """
        self.factors.assign(conformal_factors(truth, mean, sd, groups))

    def widen(self, by) -> None:
        """Multiplies the factors for errors that calibration lacks.

        Args:
            by: `(parameter,)`, or one for each end, `(parameter, 4)`.
        """
        by = np.asarray(by, "float32")
        self.factors.assign(self.factors * (by if by.ndim == 2 else by[:, None]))

    def call(self, estimate):
        mean, sd = estimate
        return ops.expand_dims(mean, 2) + ops.expand_dims(sd, 2) * self.factors

    def compute_output_shape(self, input_shape):
        return (*input_shape[0], 2 * len(LEVELS))

    def get_config(self):
        config = super().get_config() | {"parameters": self.parameters}
        config.pop("trainable", None)
        return config


def conformal_factors(truth, mean, sd, groups=None) -> np.ndarray:
    """Quantiles of standardised errors such that each tail holds its share.

    Each of G groups weighs 1 / (G + 1), shared by its rows, and the next group as much,
    with errors beyond all: an end is where the weights of the errors up to it reach
    1 - a for a tail of a. Coverage is then at least nominal for rows of a new group,
    however alike the rows of a group are, if there are `fewest_groups` (6 for 68 %, 39
    for 95 %). Of fewer, the outermost errors are the ends, beyond which a tail of
    1 / (G + 1) may lie: (G - 1) / (G + 1) are covered at least. Rows on their own are
    groups of one: of n, the ceil((n + 1)(1 - a))-th error is taken.

    Args:
        truth: `(row, parameter)`.
        mean: Estimates of that shape.
        sd: Their standard deviations.
        groups: What rows belong together, `(row,)`; None where each is on its own.

    Returns:
        `(parameter, 4)`.

    Reference:
        Dunn, Wasserman and Ramdas 2023, JASA 118, 2491; Lee, Barber and Willett 2023,
        arXiv 2306.06342, equation 4.
    """
    errors = (np.asarray(truth) - mean) / sd
    rows = len(errors)
    groups = np.arange(rows) if groups is None else groups
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / ((len(sizes) + 1) * sizes[which])
    ends = []
    for level in LEVELS:
        tail = (1 - level) / 2
        ends += [-_upper_end(-errors, weights, tail), _upper_end(errors, weights, tail)]
    return np.stack(ends, axis=1)


def fewest_groups(level: float) -> int:
    """Groups without which `conformal_factors` may hold less than they say.

    Example:
        >>> [fewest_groups(level) for level in LEVELS]
        [6, 39]
    """
    tail = (1 - level) / 2
    # Guards whole numbers against rounding to just above.
    return math.ceil((1 - tail) / tail - 1e-9)


def _upper_end(errors, weights, tail: float) -> np.ndarray:
    """Of each parameter: the first error at which weights reach `1 - tail`."""
    order = np.argsort(errors, axis=0)
    reached = np.cumsum(weights[order], axis=0)
    # Guards sums of weights against rounding to just below.
    place = np.sum(reached < (1 - tail) * (1 - 1e-9), axis=0)
    ordered = np.take_along_axis(errors, order, axis=0)
    return ordered[np.minimum(place, len(errors) - 1), np.arange(errors.shape[1])]
