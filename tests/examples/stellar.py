"""Examples of the layers and losses of the stellar case."""

import keras
from harness import LOSS, TRAINING_ONLY, Example

from keras_astro.layers.adapting import PARTS, AdaptingAutoencoder
from keras_astro.layers.domain import (
    LabelExtent,
    LatentDistance,
    ReconstructionResidual,
    ResidualLevel,
)
from keras_astro.layers.ensemble import (
    ConformalBounds,
    EnsembleMixture,
    EnsembleNegativeLogLikelihood,
)
from keras_astro.layers.quadratic import QuadraticCorrection
from keras_astro.preprocessing.continuum import FillBadPixels, PseudoContinuum

THREE = [(40,)] * 3
ODD_THREE = [(37,)] * 3


def positive(shape, rng):
    return rng.uniform(0.1, 2.0, shape)


def adapting(shapes):
    features, latents = shapes["observed"][0], shapes["code"][0]

    def network(n, m):
        inputs = keras.Input((n,))
        return keras.Model(inputs, keras.layers.Dense(m, "tanh")(inputs))

    return AdaptingAutoencoder(
        network(features, latents), network(latents, features), dict.fromkeys(PARTS, 1)
    )


EXAMPLES = {
    "AdaptingAutoencoder": Example(
        adapting,
        {"code": (2,), "observed": (5,), "synthetic": (5,)},
        ({"code": (1,), "observed": (3,), "synthetic": (3,)},),
        exempt=TRAINING_ONLY,
    ),
    "FillBadPixels": Example(
        lambda _: FillBadPixels(5),
        THREE,
        (ODD_THREE,),
        draw=positive,
        exempt={"gradient": "weights and masks only decide which pixels count"},
    ),
    "PseudoContinuum": Example(
        # With matrices that were moved, the second pass has no small remainder to fit.
        lambda _: PseudoContinuum(6, 3),
        (40,),
        ((37,),),
        draw=positive,
        half=0.08,
    ),
    "ResidualLevel": Example(lambda _: ResidualLevel(), THREE, (ODD_THREE,), positive),
    "ReconstructionResidual": Example(
        lambda _: ReconstructionResidual(), THREE, (ODD_THREE,), draw=positive
    ),
    "LatentDistance": Example(lambda shape: LatentDistance(shape[0]), (3,), ((1,),)),
    "LabelExtent": Example(lambda shape: LabelExtent(shape[0]), (4,), ((1,),)),
    "QuadraticCorrection": Example(
        lambda shape: QuadraticCorrection(shape[0]), (4,), ((1,),)
    ),
    "EnsembleMixture": Example(
        lambda shape: EnsembleMixture(2, shape[0] // 4), (12,), ((4,), (20,))
    ),
    "ConformalBounds": Example(
        lambda shapes: ConformalBounds(shapes[0][0]), [(3,), (3,)], ([(1,), (1,)],)
    ),
    "EnsembleNegativeLogLikelihood": Example(
        lambda _: EnsembleNegativeLogLikelihood(2),
        [(3,), (12,)],
        ([(1,), (4,)],),
        exempt=LOSS,
    ),
}
