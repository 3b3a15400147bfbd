"""The model card: what an artefact is, what it is worth, what it is not for."""

from __future__ import annotations

from typing import Any

from keras_astro.inference.manifest import caveat


def model_card(manifest: dict[str, Any]) -> str:
    """Markdown text from a manifest.

    Args:
        manifest: As built by `keras_astro.training.manifest`.
    """
    lines = [
        f"# {manifest['name']} ({manifest['task']})",
        "",
        f"Made by keras-astro {manifest['kastro_version']} on {manifest['created']}; "
        f"numeric type: {manifest['quantization']}; model {manifest['model_sha256']}.",
        "",
        *_integers(manifest.get("integers")),
        *_warning(manifest),
        *_decision(manifest["calibration"]),
        *_reference(manifest.get("reference")),
        *_preparation(manifest.get("preparation")),
        "## Measured",
        "",
        *_metrics(manifest["metrics"]),
        "",
        "## Signatures",
        "",
        *_signatures(manifest["signatures"]),
        "",
        "## Limits",
        "",
        "Numbers are only meaningful for rows like those trained on: same instrument, "
        "sampling, resolution and depth.",
        "",
    ]
    return "\n".join(lines)


def _integers(found: dict[str, float] | None) -> list[str]:
    if not found:
        return []
    return [f"Integers: {said_of_integers(found)}.", ""]


def said_of_integers(found: dict[str, float]) -> str:
    """The shares of what is in integers, in words.

    Example:
        >>> said_of_integers({"weights": 0.997, "multiply_adds": 0.9})
        '99.7 % of the weights in 8 bits, 90.0 % of the products of integers'
    """
    return (
        f"{100 * found['weights']:.1f} % of the weights in 8 bits, "
        f"{100 * found['multiply_adds']:.1f} % of the products of integers"
    )


def _warning(manifest: dict[str, Any]) -> list[str]:
    text = caveat(manifest)
    return ["## Warning", "", f"{text}.", ""] if text else []


def _decision(calibration: dict[str, Any]) -> list[str]:
    if not calibration:
        return []
    return [
        "## Decision",
        "",
        f"Rows with a p-value of at most {calibration['false_positive_rate']:.2%} are "
        f"flagged; p-values come from {calibration['n']} held-out normal rows. "
        "A flagged row is a candidate, not a detection.",
        "",
    ]


def _reference(reference: dict[str, Any] | None) -> list[str]:
    if not reference:
        return []
    return [
        "## Drift",
        "",
        f"Later rows are compared with {reference['rows']} held-back normal rows in "
        f"{len(reference['quantities'])} quantities.",
        "",
    ]


def _preparation(steps: list[dict[str, Any]] | None) -> list[str]:
    if not steps:
        return []
    lines = []
    for number, step in enumerate(steps, 1):
        settings = [f"{k} = {v}" for k, v in step.items() if k != "step"]
        lines.append(f"{number}. {step['step']} {', '.join(settings)}".rstrip())
    return ["## Preparation of its rows", "", *lines, ""]


def _metrics(metrics: dict[str, Any]) -> list[str]:
    if not metrics:
        return ["Not evaluated on labelled data."]
    lines = ["| metric | value | interval |", "| --- | --- | --- |"]
    for name, value in metrics.items():
        if isinstance(value, dict):
            interval = f"{value['low']:.4g} to {value['high']:.4g}"
            lines.append(f"| {name} | {value['value']:.4g} | {interval} |")
        else:
            lines.append(f"| {name} | {value:.4g} | |")
    return lines


def _signatures(signatures: dict[str, Any]) -> list[str]:
    lines = ["| signature | tensor | shape | unit | meaning |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, signature in signatures.items():
        for kind in ("inputs", "outputs"):
            for tensor, spec in signature[kind].items():
                shape = "x".join(
                    "batch" if n is None else str(n) for n in spec["shape"]
                )
                lines.append(
                    f"| {name} | {tensor} ({kind[:-1]}) | {shape} | {spec['units']} | "
                    f"{spec['description']} |"
                )
    return lines
