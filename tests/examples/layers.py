"""Examples of the layers of `keras_astro.layers` and `keras_astro.preprocessing`."""

import keras
import numpy as np
from harness import LOSS, TRAINING_ONLY, Example

from keras_astro.layers.column import Column, WithoutColumns
from keras_astro.layers.conformal import AtMost, CombinedScore, ConformalPValue
from keras_astro.layers.consistent import ConsistentEncoder
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.likelihoods import GaussianLikelihood, StudentTLikelihood
from keras_astro.layers.masked import FillMasked
from keras_astro.layers.noise import FeatureNoise
from keras_astro.layers.nuisances import (
    PixelNoise,
    PsfBlur,
    SubpixelShift,
    VelocityShift,
)
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.layers.physics import (
    EinsteinRadiusPull,
    GaussianNegativeLogLikelihood,
    GaussianParameters,
)
from keras_astro.layers.priors import FlowPrior, MixturePrior, StandardNormalPrior
from keras_astro.layers.residual import AnomalyMap, MapMaximum, MeanSquaredResidual
from keras_astro.layers.sampling import VariationalCode
from keras_astro.layers.tangent import TangentResidual
from keras_astro.preprocessing.images import (
    AsinhStretch,
    CenterCrop,
    MeanBin,
    PeakNormalise,
)

IMAGE = (8, 8, 2)
ODD_IMAGE = (7, 9, 1)
ONE_NUMBER = {"odd_sizes": "a row is a single number"}
ENCODER_INSIDE = {
    check: "what is exported has the encoder inside it"
    for check in ("saved_model", "tflite")
}


def positive(shape, rng):
    return rng.uniform(0.1, 2.0, shape)


def encoder(shape):
    inputs = keras.Input(shape)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(5, "tanh")(x)
    return keras.Model(inputs, keras.layers.Dense(2, "tanh")(x))


EXAMPLES = {
    "PeakNormalise": Example(lambda _: PeakNormalise(), IMAGE, (ODD_IMAGE,)),
    "CenterCrop": Example(lambda _: CenterCrop(4), IMAGE, (ODD_IMAGE,)),
    "AsinhStretch": Example(lambda _: AsinhStretch(0.1), IMAGE, (ODD_IMAGE, (3,))),
    "MeanBin": Example(lambda _: MeanBin(2), IMAGE, ((6, 10, 1),)),
    "Column": Example(lambda _: Column(1), (3,), ((7,),)),
    "WithoutColumns": Example(lambda _: WithoutColumns(1, 3), (5,), ((7,),)),
    "ContractiveEncoder": Example(
        lambda shape: ContractiveEncoder(encoder(shape), 0.1, seed=1),
        (6,),
        ((1,), (5, 3, 1)),
        exempt=ENCODER_INSIDE,
    ),
    "ConsistentEncoder": Example(
        lambda shape: ConsistentEncoder(
            encoder(shape), [VelocityShift(300.0, log_step=1e-3, seed=1)], 0.1
        ),
        (6,),
        ((2,), (5, 3)),
        exempt=ENCODER_INSIDE | {"jit_losses": "XLA has draws of its own"},
    ),
    "PixelNoise": Example(lambda _: PixelNoise(0.1, seed=1), IMAGE, ((5,),)),
    "SubpixelShift": Example(
        lambda _: SubpixelShift(0.7, seed=1), IMAGE, (ODD_IMAGE, (1, 5, 1))
    ),
    "PsfBlur": Example(lambda _: PsfBlur(1.5, seed=1), IMAGE, (ODD_IMAGE, (1, 5, 1))),
    "VelocityShift": Example(
        lambda shape: VelocityShift(
            30.0, wavelength=5000 + 0.3 * np.arange(shape[0]), seed=1
        ),
        (8,),
        ((2,), (7, 3)),
    ),
    "FillMasked": Example(
        lambda _: FillMasked(0.5),
        [IMAGE, IMAGE],
        ([(5,), (5,)],),
        exempt={"gradient": "a weight chooses and has no slope"},
    ),
    "GaussianLikelihood": Example(
        lambda _: GaussianLikelihood(0.5, learned=True, per_feature=True),
        [(6,), (6,), (6,)],
        ([(1,), (1,)], [ODD_IMAGE] * 3),
        exempt=TRAINING_ONLY,
    ),
    "StudentTLikelihood": Example(
        lambda _: StudentTLikelihood(3.0, learned=True),
        [(6,), (6,), (6,)],
        ([(1,), (1,)], [ODD_IMAGE] * 3),
        exempt=TRAINING_ONLY,
    ),
    "FeatureNoise": Example(
        lambda shape: FeatureNoise(shape[0], 0.1), (6,), ((1,), (7,))
    ),
    "PrincipalComponents": Example(
        lambda shape: PrincipalComponents(2, shape), IMAGE, (ODD_IMAGE, (5,))
    ),
    "StandardNormalPrior": Example(
        lambda shape: StandardNormalPrior(*shape), (4,), ((1,),), exempt=TRAINING_ONLY
    ),
    "MixturePrior": Example(
        lambda shape: MixturePrior(*shape, components=3, seed=1),
        (4,),
        ((1,),),
        exempt=TRAINING_ONLY,
    ),
    "FlowPrior": Example(
        lambda shape: FlowPrior(*shape, couplings=2, hidden=5, seed=1),
        (4,),
        ((2,), (5,)),
        exempt=TRAINING_ONLY,
    ),
    "VariationalCode": Example(
        lambda shapes: VariationalCode(shapes[0][0], kl_weight=0.1, seed=1),
        [(4,), (4,)],
        ([(1,), (1,)],),
    ),
    "TangentResidual": Example(lambda _: TangentResidual(3, 2), (6,), ((3,),)),
    "MeanSquaredResidual": Example(
        lambda _: MeanSquaredResidual(), [IMAGE, IMAGE], ([ODD_IMAGE] * 2,)
    ),
    "AnomalyMap": Example(
        lambda _: AnomalyMap(1.0), [IMAGE, IMAGE], ([ODD_IMAGE] * 2,)
    ),
    "MapMaximum": Example(lambda _: MapMaximum(), (8, 8), ((7, 9),)),
    "CombinedScore": Example(
        lambda _: CombinedScore([True, False]),
        [(), ()],
        draw=positive,
        exempt=ONE_NUMBER,
    ),
    "ConformalPValue": Example(
        lambda _: ConformalPValue(9),
        (),
        exempt=ONE_NUMBER | {"gradient": "a rank has no slope"},
    ),
    "AtMost": Example(
        lambda _: AtMost(0.5),
        (),
        exempt=ONE_NUMBER | {"gradient": "a step has no slope"},
    ),
    "GaussianParameters": Example(
        lambda shape: GaussianParameters(shape[0] // 2), (6,), ((2,),)
    ),
    "EinsteinRadiusPull": Example(
        lambda _: EinsteinRadiusPull(), [(), ()], draw=positive, exempt=ONE_NUMBER
    ),
    "GaussianNegativeLogLikelihood": Example(
        lambda _: GaussianNegativeLogLikelihood(),
        [(3,), (6,)],
        ([(1,), (2,)],),
        exempt=LOSS,
    ),
}
