"""What a report is about, and what a case has to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.evaluation.report import Headline, Section
from keras_astro.evaluation.verdicts import Verdict
from keras_astro.inference.loaded import Predictor
from keras_astro.metrics import Interval
from keras_astro.training.run import Run

Story = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """A model and the rows that it is measured on.

    Args:
        predictor: The loaded run or artefact.
        test: Rows to measure on.
        story: Told what happens, a sentence at a time.
        run: The run; None where an artefact is measured, which has no baselines.
        train: The run's training rows, to fit baselines on; None with an artefact.
        calibration: The run's rows that intervals were calibrated on; None as well.
    """

    predictor: Predictor
    test: Source
    story: Story
    run: Run | None = None
    train: Source | None = None
    calibration: Source | None = None


@dataclass
class Evaluation:
    """Numbers, figures and words of a report.

    Args:
        title: Heading of the report.
        metrics: As in metrics.json.
        sections: Body of the report.
        verdicts: Sentences shown first.
        headlines: Lines of the table at the top.
        facts: What was measured, name to text or number.
        outputs: The table's outputs by name, rows first.
        flags: Quality flags of the rows.
    """

    title: str
    metrics: dict[str, float | Interval]
    sections: list[Section]
    verdicts: list[Verdict]
    headlines: list[Headline] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    flags: np.ndarray | None = None
