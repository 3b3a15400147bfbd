"""An encoder that is penalised for responding to small changes of its input."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.layers.draws import DrawingLayer
from keras_astro.losses.jacobian import dense_norm, exact_norm, hutchinson_norm
from keras_astro.registry import register

METHODS = ("hutchinson", "exact", "last_layer")
# Activations of Keras that mix the entries of a row: their Jacobian is not diagonal.
MIXING = ("softmax", "log_softmax", "sparsemax", "glu")


@register()
class ContractiveEncoder(DrawingLayer):
    """Calls an encoder and adds the contraction penalty of its code as a loss.

    `loss += weight * mean_batch ||dz/dx||_F^2`

    The mean without the weight is logged as `contractive`. It is part of the
    validation loss as well, with a probe that is the same at each call. It costs time
    wherever this layer runs, so give `encoder` itself, which shares the weights, to
    whatever only infers. With a weight of 0 this layer is the encoder.

    `method` is one of

    - `hutchinson`: unbiased estimate by one vector-Jacobian product, whatever the
      number of latents.
    - `exact`: one vector-Jacobian product for each latent.
    - `last_layer`: the Jacobian of the last layer alone, a `Dense`, with respect to
      that layer's input; nearly free. It is the whole penalty only where the encoder
      is that one layer; otherwise `||dz/dx||_F` is at most its root times the
      spectral norm of the layers before, which this method leaves free to grow.

    Args:
        encoder: Functional model of one input to the code `(batch, latent)`; of
            several outputs the first is the code, such as the mean of a posterior.
        weight: Weight of the penalty in the loss, 0 or more.
        method: One of the above.
        seed: Seed of the probes.

    Input shape: that of the encoder.
    Output shape: that of the encoder.

    Raises:
        ConfigError: If the method is unknown, the weight negative, the code not
            `(batch, latent)`, or the encoder unfit for the penalty.

    Reference:
        Rifai et al. 2011, ICML, equations 4 and 5.

    Example:
        >>> import keras
        >>> inputs = keras.Input((3,))
        >>> dense = keras.layers.Dense(2, kernel_initializer="ones")
        >>> encoder = keras.Model(inputs, dense(inputs))
        >>> layer = ContractiveEncoder(encoder, 0.5, method="exact")
        >>> z = layer(keras.ops.ones((4, 3)), training=True)
        >>> [float(loss) for loss in layer.losses]
        [3.0]
    """

    def __init__(
        self,
        encoder: keras.Model,
        weight: float,
        method: str = "hutchinson",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        _check_options(weight, method)
        _check_encoder(encoder)
        self.encoder = encoder
        self.weight = float(weight)
        self.method = method
        if self.weight > 0:
            self.penalty = keras.metrics.Mean(name="contractive")
        if method == "last_layer":
            # A function is not tracked: the weights must not be saved twice.
            self._last_layer = _last_layer(encoder)

    @property
    def input_shape(self):
        """That of the encoder, `(None, ...)`."""
        return self.encoder.input_shape

    def call(self, inputs, training=None):
        if not self.weight:
            return self.encoder(inputs, training=training)
        outputs = None

        def encode(x):
            nonlocal outputs
            outputs = self.encoder(x, training=training)
            return keras.tree.flatten(outputs)[0]

        if self.method == "last_layer":
            outputs, norm = self._last_layer(inputs, training)
        elif self.method == "exact":
            _, norm = exact_norm(encode, inputs)
        else:
            _, norm = hutchinson_norm(encode, inputs, self._probe(inputs, training))
        penalty = ops.mean(norm)
        self.add_loss(self.weight * penalty)
        self.penalty.update_state(penalty)
        return outputs

    def _probe(self, inputs, training):
        latents = self.encoder.outputs[0].shape[1]
        # An integer seed gives the same signs each time: validation must not scatter.
        seed = self.draws if training else 0
        bits = keras.random.randint((ops.shape(inputs)[0], latents), 0, 2, seed=seed)
        return 2 * bits - 1

    def compute_output_spec(self, inputs, training=None):
        # The penalty has no meaning for symbolic tensors.
        return self.encoder.compute_output_spec(inputs)

    def get_config(self):
        return super().get_config() | {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "weight": self.weight,
            "method": self.method,
        }

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**(config | {"encoder": encoder}))


def _check_options(weight: float, method: str) -> None:
    if not weight >= 0:
        raise ConfigError(
            f"contraction weight: expected 0 or more, received {weight}",
            hint="Give 0 for no penalty, or 1e-3 to begin with.",
        )
    if method not in METHODS:
        raise ConfigError(
            f"contraction method: expected one of {METHODS}, received {method!r}",
            hint="Use hutchinson, which is unbiased for any number of latents.",
        )


def _check_encoder(encoder: keras.Model) -> None:
    shape = encoder.outputs[0].shape
    if len(encoder.inputs) != 1 or len(shape) != 2 or shape[1] is None:
        raise ConfigError(
            f"{encoder.name}: expected one input and a code (batch, latent), received "
            f"{len(encoder.inputs)} inputs and a code {shape}",
            hint="End the encoder with Flatten and Dense.",
        )
    for layer in encoder._flatten_layers():  # the public list leaves out wrapped layers
        if isinstance(layer, keras.layers.BatchNormalization):
            raise ConfigError(
                f"{encoder.name}: {layer.name} is a BatchNormalization, which makes a "
                "code depend on all rows of its batch: no row has its own Jacobian",
                hint="Use LayerNormalization or none, or set the contraction to 0.",
            )


def _last_layer(encoder: keras.Model) -> Callable:
    """A function to the encoder's outputs and the norm of its last layer."""
    found = [
        layer
        for layer in encoder.layers
        if isinstance(layer, keras.layers.Dense) and layer.output is encoder.outputs[0]
    ]
    if not found or len(found[0].input.shape) != 2:
        raise ConfigError(
            f"{encoder.name}: method last_layer needs a functional encoder that ends "
            "with Dense on (batch, feature)",
            hint="Use method hutchinson.",
        )
    activation = getattr(found[0].activation, "__name__", "")
    if activation in MIXING:
        raise ConfigError(
            f"{encoder.name}: method last_layer needs an activation that acts on each "
            f"latent alone, found {activation}",
            hint="Use method hutchinson.",
        )
    last = found[0]
    split = keras.Model(encoder.input, (last.input, encoder.output))

    def call(inputs, training):
        hidden, outputs = split(inputs, training=training)
        kernel = ops.convert_to_tensor(last.kernel)
        before = ops.matmul(hidden, kernel)
        if last.use_bias:
            before = before + last.bias
        return outputs, dense_norm(kernel, before, last.activation)

    return call
