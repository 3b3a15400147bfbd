"""The package's Keras classes, registered by hand and found by name.

Registration is explicit: a class is known once its module is imported, and
`load_all` imports the modules that define classes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

PACKAGE = "keras_astro"

# Modules that define registered classes, one line each.
MODULES = (
    "keras_astro.preprocessing.galaxies",
    "keras_astro.preprocessing.images",
    "keras_astro.preprocessing.continuum",
    "keras_astro.layers.absorption",
    "keras_astro.layers.active",
    "keras_astro.layers.adapting",
    "keras_astro.layers.blocks",
    "keras_astro.layers.box_mixture",
    "keras_astro.losses.box_mixture",
    "keras_astro.layers.column",
    "keras_astro.layers.consistent",
    "keras_astro.layers.contractive",
    "keras_astro.layers.domain",
    "keras_astro.layers.ensemble",
    "keras_astro.layers.free_codes",
    "keras_astro.layers.known_codes",
    "keras_astro.layers.interpolation",
    "keras_astro.layers.likelihoods",
    "keras_astro.layers.masked",
    "keras_astro.layers.noise",
    "keras_astro.layers.nuisances",
    "keras_astro.layers.pca",
    "keras_astro.layers.pooling",
    "keras_astro.layers.predictive",
    "keras_astro.layers.pretraining",
    "keras_astro.layers.priors",
    "keras_astro.layers.sampling",
    "keras_astro.layers.tangent",
    "keras_astro.layers.temperature",
    "keras_astro.layers.quadratic",
    "keras_astro.layers.residual",
    "keras_astro.layers.conformal",
    "keras_astro.layers.physics",
    "keras_astro.layers.shift",
    "keras_astro.layers.voigt",
    "keras_astro.models.rendered",
    "keras_astro.losses.spectrum",
    "keras_astro.losses.predictive",
    "keras_astro.training.layerwise",
    "keras_astro.training.optimizer",
    "keras_astro.layers.alert_times",
    "keras_astro.layers.classes",
    "keras_astro.preprocessing.stamps",
    "keras_astro.preprocessing.stamp_measures",
)

_CLASSES: dict[str, type] = {}


def register() -> Callable[[type], type]:
    """Class decorator: makes a Keras object loadable from `.keras` files by its name.

    Example:
        >>> import keras
        >>> @register()
        ... class Twice(keras.layers.Layer):
        ...     def call(self, x):
        ...         return 2 * x
        >>> registered()["Twice"] is Twice
        True
    """
    import keras

    decorate = keras.saving.register_keras_serializable(package=PACKAGE)

    def remember(cls: type) -> type:
        _CLASSES[cls.__name__] = cls
        return decorate(cls)

    return remember


def registered() -> dict[str, type]:
    """All registered classes imported so far, by class name."""
    return dict(_CLASSES)


def load_all() -> dict[str, type]:
    """Imports every module with registered classes, so that Keras files load."""
    for module in MODULES:
        importlib.import_module(module)
    return registered()
