"""Settings of what an autoencoder's loss adds to the reconstruction, in every case."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from keras_astro.config import Section


class CodeObjective(Section):
    """What is added to the reconstruction error."""

    # Weight of the squared Frobenius norm of the encoder's Jacobian.
    contractive: float = Field(0.0, ge=0)
    contractive_method: Literal["hutchinson", "exact", "last_layer"] = "hutchinson"
    # Weight of the distance between the codes of a row and of the same row with other
    # noise, over that of two rows, and the sd of that noise in units of the input.
    consistency: float = Field(0.0, ge=0)
    consistency_noise: float = Field(0.02, gt=0)
    # Weight of the Kullback-Leibler divergence of a variational run.
    kl: float = Field(1e-4, ge=0)
    # Steps over which that weight grows from 0: a decoder that has learnt nothing yet
    # would teach the encoder to ignore the data.
    kl_warmup_steps: int = Field(0, ge=0)
    # Nats a latent below which the divergence is pushed no further down.
    free_bits: float = Field(0.0, ge=0)

    @property
    def penalises(self) -> bool:
        """Whether the encoder's own penalties add to the loss."""
        return self.contractive > 0 or self.consistency > 0
