"""Adam with a learning rate for each layer."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from keras_astro.errors import ConfigError
from keras_astro.models.transfer import matching
from keras_astro.registry import register


@register()
class LayerwiseAdam(keras.optimizers.Adam):
    """Adam whose updates, not gradients, are scaled weight by weight.

    Adam divides each gradient by its own size, so that a factor on the gradient has no
    effect: here it multiplies the learning rate of the weight. Weight decay, where it
    is asked for, keeps the common rate.

    Args:
        learning_rate: Of weights without a factor; a number or a schedule.
        factors: Path of a weight, such as `encoder_0/kernel`, to its factor.
        **kwargs: As of `keras.optimizers.Adam`.

    Raises:
        ConfigError: When built for a model that does not train one of these weights.

    Reference:
        Howard and Ruder 2018, ACL, "Universal language model fine-tuning for text
        classification", section 3.2 (discriminative fine-tuning).

    Example:
        >>> LayerwiseAdam(1e-3, {"encoder_0/kernel": 0.1}).factors
        {'encoder_0/kernel': 0.1}
    """

    def __init__(
        self,
        learning_rate=0.001,
        factors: Mapping[str, float] | None = None,
        **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        # Keras tracks attributes; a tuple keeps this one out of the saved variables.
        self._factors = tuple((factors or {}).items())

    @property
    def factors(self) -> dict[str, float]:
        """Path of a weight to the factor on its learning rate."""
        return dict(self._factors)

    def build(self, variables):
        paths = [variable.path for variable in variables]
        unknown = sorted(set(self.factors) - set(paths))
        if unknown:
            raise ConfigError(
                f"learning rates by layer: {unknown[0]} is no weight that is trained",
                hint="Make the optimiser after freezing and unfreezing.",
            )
        self._rates = tuple(self.factors.get(path, 1.0) for path in paths)
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        factor = self._rates[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self):
        return super().get_config() | {"factors": self.factors}


def layerwise_adam(
    model: keras.Model, rates: Mapping[str, float], *, learning_rate=0.001, **kwargs
) -> LayerwiseAdam:
    """Adam with learning rates by layer name.

    Args:
        model: The model to be trained.
        rates: Pattern of layer names, as of `freeze`, to a factor on the learning
            rate; where several fit, the last one counts.
        learning_rate: Of all other layers.
        **kwargs: As of `keras.optimizers.Adam`.

    Raises:
        ConfigError: If a pattern fits no layer, a factor is not positive, or two
            weights of one path would need different factors.

    Example:
        >>> from keras_astro.models.dense import dense_encoder
        >>> adam = layerwise_adam(dense_encoder(9, 2, hidden=(4,)), {"encoder_*": 0.1})
        >>> adam.factors
        {'encoder_0/kernel': 0.1, 'encoder_0/bias': 0.1}
    """
    by_weight: dict[int, tuple[str, float]] = {}
    for pattern, factor in rates.items():
        if not factor > 0:
            raise ConfigError(
                f"learning rate of {pattern}: expected a factor above 0, received "
                f"{factor}",
                hint="Freeze the layers instead.",
            )
        for unit in matching(model, pattern):
            for weight in unit.layer.trainable_weights:
                by_weight[id(weight)] = (weight.path, factor)
    factors: dict[str, float] = {}
    for weight in model.trainable_weights:
        path, factor = by_weight.get(id(weight), (weight.path, 1.0))
        if factors.setdefault(path, factor) != factor:
            raise ConfigError(
                f"{model.name}: two weights are called {path}, and they cannot have "
                "different learning rates",
                hint="Give the layers different names.",
            )
    factors = {path: factor for path, factor in factors.items() if factor != 1.0}
    return LayerwiseAdam(learning_rate, factors, **kwargs)
