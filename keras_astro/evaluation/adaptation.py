"""What fine-tuning did to the codes of both domains, for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_astro.evaluation import figures
from keras_astro.evaluation.report import Section, Table


@dataclass(frozen=True)
class Adapted:
    """What a fine-tuned run keeps of its adaptation.

    Args:
        facts: As in adaptation.json.
        codes: `synthetic_before`, `observed_before`, `synthetic_after` and
            `observed_after`, each `(row, latent)`.
    """

    facts: Mapping[str, object]
    codes: Mapping[str, np.ndarray]


def read_adapted(folder: Path) -> Adapted | None:
    """The adaptation of a run folder; None of a run that was trained."""
    file = folder / "adaptation.json"
    if not file.is_file():
        return None
    with np.load(folder / "domains.npz", allow_pickle=False) as codes:
        return Adapted(json.loads(file.read_text()), dict(codes))


def adaptation_section(adapted: Adapted) -> Section:
    """Map of both domains before and after, and the facts in a table."""
    facts, codes = adapted.facts, adapted.codes
    panels = {
        f"{when.capitalize()}: AUC {facts[f'domain_auc_{when}']:.2f}": (
            codes[f"synthetic_{when}"],
            codes[f"observed_{when}"],
        )
        for when in ("before", "after")
    }
    known = facts.get("labelled_rows", 0)
    labels = f"with the labels of {known:,} rows" if known else "without their labels"
    text = (
        f"Moved to {facts['observed_rows']:,} observed rows {labels}. The AUC is that "
        "of a linear classifier of the two domains, cross-validated: 0.5 means that it "
        "cannot tell them apart."
    )
    stars = "line_strength_factor" in facts
    if stars:
        text += (
            " Synthetic stars are drawn clean before, with observed residuals after."
        )
    beyond = known - facts.get("labelled_within", known)
    if beyond:
        text += f" {beyond:,} of these lie beyond the labels of synthetic stars."
    if facts.get("reference_trained"):
        text += " P-values rest on rows whose labels were learned from."
    rows = [
        (name.replace("_", " "), f"{value:.4g}")
        for name, value in facts.items()
        if isinstance(value, float) and not name.startswith("domain_auc")
    ]
    note = (
        "A shift is in the label's unit; intervals were multiplied by the widening."
        if stars
        else "Unseen: each labelled row by a fit that left its object out."
    )
    tables = [Table(("measured", "value"), rows, note)] if rows else []
    return Section(
        "Fine-tuning",
        text,
        figures=[("domain_map", figures.domain_map(panels))],
        tables=tables,
    )
