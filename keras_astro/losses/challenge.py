"""The loss of the spectra challenge: error of pixels, and a price for each number."""

from __future__ import annotations

import numpy as np

# Price of a latent, and of having seven or more of them.
PER_LATENT = 3e-5
MANY, FOR_MANY = 7, 1.5e-4


def latent_penalty(latents: int) -> float:
    """What a code of so many numbers costs.

    Example:
        >>> round(latent_penalty(6), 6), round(latent_penalty(7), 6)
        (0.00018, 0.00036)
    """
    return PER_LATENT * latents + FOR_MANY * (latents >= MANY)


def challenge_loss(
    spectra: np.ndarray, reconstructions: np.ndarray, latents: int
) -> float:
    """Mean squared error over all spectra and pixels, plus the penalty.

    `mean((S - R)^2) + 3e-5 d + 1.5e-4 [d >= 7]`

    Args:
        spectra: `(row, pixel)`.
        reconstructions: The same shape.
        latents: Numbers d that a spectrum is reduced to.

    Example:
        >>> round(challenge_loss(np.ones((2, 3)), np.zeros((2, 3)), 4), 6)
        1.00012
    """
    total = 0.0
    for one, other in zip(spectra, reconstructions, strict=True):
        total += np.sum((np.asarray(one, np.float64) - other) ** 2)
    return float(total / np.size(spectra) + latent_penalty(latents))
