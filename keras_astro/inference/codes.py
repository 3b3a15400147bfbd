"""Codes in a manifest: half-precision numbers as text, a tenth of JSON's length."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

DTYPE = np.dtype("<f2")


def pack_codes(codes: np.ndarray) -> dict[str, Any]:
    """Codes `(row, latent)` for a manifest.

    Example:
        >>> packed = pack_codes(np.array([[0.5, -2.0]]))
        >>> unpack_codes(packed).tolist()
        [[0.5, -2.0]]
    """
    numbers = np.ascontiguousarray(codes, DTYPE)
    text = base64.b64encode(numbers.tobytes()).decode()
    return {"shape": list(numbers.shape), "float16": text}


def unpack_codes(packed: Mapping[str, Any]) -> np.ndarray:
    """The codes of `pack_codes`, float32."""
    numbers = np.frombuffer(base64.b64decode(packed["float16"]), DTYPE)
    return numbers.reshape(packed["shape"]).astype(np.float32)
