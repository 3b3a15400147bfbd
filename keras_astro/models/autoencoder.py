"""What a plain autoencoder is built from, under one name."""

from keras_astro.models.conv2d import conv_decoder, conv_encoder
from keras_astro.models.dense import ACTIVATION, dense_decoder, dense_encoder
from keras_astro.models.joined import chain, reconstruct, with_noise
from keras_astro.models.regressor import parameter_head

__all__ = [
    "ACTIVATION",
    "chain",
    "conv_decoder",
    "conv_encoder",
    "dense_decoder",
    "dense_encoder",
    "parameter_head",
    "reconstruct",
    "with_noise",
]
