"""What can be exported, and how close each must stay to the model it came from."""

from __future__ import annotations

from dataclasses import dataclass

from keras_astro.errors import UsageError


@dataclass(frozen=True)
class Profile:
    """One format with one numeric type.

    Args:
        fmt: `saved_model`, `tflite` or `onnx`.
        quantize: `none`, `float16`, `dynamic` or `int8`.
        tolerance: Largest root mean square difference of the score from the Keras
            model's, over its standard deviation, on held-out rows.
        part_tolerance: The same of every other output; parts such as a pull divide by
            small errors and round more coarsely than the score they enter.
        weight_bytes: Bytes a weight takes.
        merit_loss: Largest loss of a task's figure of merit, such as AUC, that is
            accepted where the truth is known.
        flips: Largest share of rows whose decision, a flag or a class, is another than
            the Keras model's; one row may always be.
        left_out: Signatures that the format cannot hold beside the others.
    """

    fmt: str
    quantize: str
    tolerance: float
    part_tolerance: float
    weight_bytes: float
    merit_loss: float
    flips: float
    left_out: tuple[str, ...] = ()


PROFILES = {
    ("saved_model", "none"): Profile("saved_model", "none", 1e-5, 1e-4, 4, 1e-4, 0.002),
    ("tflite", "none"): Profile("tflite", "none", 1e-5, 1e-4, 4, 1e-4, 0.002),
    ("tflite", "float16"): Profile("tflite", "float16", 0.02, 0.1, 2, 0.002, 0.01),
    ("tflite", "dynamic"): Profile("tflite", "dynamic", 0.2, 0.5, 1, 0.005, 0.05),
    ("tflite", "int8"): Profile("tflite", "int8", 0.2, 0.5, 1, 0.005, 0.05),
    ("onnx", "none"): Profile(
        # A file holds one graph, which has no names for parts of it.
        "onnx",
        "none",
        1e-5,
        1e-4,
        4,
        1e-4,
        0.002,
        left_out=(
            *("encode", "decode", "reconstruct", "score", "observe", "absorb"),
            "posterior",
        ),
    ),
}
DEFAULT = {"saved_model": "none", "tflite": "float16"}


def profile(fmt: str, quantize: str | None) -> Profile:
    """The profile of a format; TFLite is float16 unless told otherwise.

    Raises:
        UsageError: If the combination is not offered.

    Example:
        >>> profile("tflite", None).quantize
        'float16'
    """
    chosen = (fmt, quantize or DEFAULT.get(fmt, "none"))
    if chosen not in PROFILES:
        offered = ", ".join(f"{f} {q}" for f, q in PROFILES)
        raise UsageError(
            f"{' '.join(chosen)} is not offered; choose from: {offered}",
            hint="Leave out --quantize for the default of the format.",
        )
    return PROFILES[chosen]
