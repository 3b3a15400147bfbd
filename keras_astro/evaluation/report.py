"""The report of a run: one self-contained report.html and its figures as PNG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keras_astro.errors import DataError
from keras_astro.evaluation import report_html, style
from keras_astro.evaluation.captions import caption
from keras_astro.evaluation.metrics_file import plain_metrics
from keras_astro.evaluation.verdicts import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Table:
    """A table of a section.

    Attributes:
        columns: Headings.
        rows: Rows of strings, numbers or intervals, each as long as `columns`.
        caption: One sentence below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence]
    caption: str = ""

    def __post_init__(self):
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise DataError(
                f"report table: expected {len(self.columns)} cells in each row,"
                f" received {len(wrong[0])}: {list(wrong[0])}",
                hint="Fill rows that are too short with empty texts.",
            )


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: Its heading.
        text: One or two paragraphs of plain text, parted by empty lines.
        figures: `(name, Figure)` or `(name, Figure, caption)`. Without a caption, that
            of `captions.py` for the name is used. The name is the file's name.
        tables: Tables below the figures.
        notes: Short warnings or honest remarks, set off from the text.
    """

    title: str
    text: str = ""
    figures: Sequence[tuple[str, Figure] | tuple[str, Figure, str]] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Headline:
    """A line of the table at the top: a metric, its meaning and its baselines.

    Attributes:
        metric: Name in `metrics`.
        label: What a reader calls it.
        baselines: Names, or name to label; the value is that of `<metric>_<name>`.
        higher_is_better: False for errors and losses.
        unit: Unit of the value.
        nominal: What the value should be, where neither more nor less is better.
    """

    metric: str
    label: str
    baselines: Sequence[str] | Mapping[str, str] = ()
    higher_is_better: bool = True
    unit: str = ""
    nominal: float | None = None


@dataclass
class Report:
    """All of a report, as data; `write` turns it into files.

    Attributes:
        title: Its heading, e.g. "Strong lensing: substructure".
        facts: What was run: name to text or number (task, data, seed, versions, ...).
        verdicts: Sentences shown first.
        sections: The body.
        metrics: As written to metrics.json.
        config_text: The resolved configuration (YAML), shown folded.
        headlines: Lines of the table at the top.
        subtitle: One sentence below the title.

    Example:
        >>> import tempfile
        >>> report = Report(
        ...     title="Demo",
        ...     facts={"task": "lensing"},
        ...     verdicts=[Verdict("note", "Nothing was measured.")],
        ... )
        >>> report.write(tempfile.mkdtemp()).name
        'report.html'
    """

    title: str
    facts: Mapping[str, object] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    sections: Sequence[Section] = ()
    metrics: Mapping[str, object] = field(default_factory=dict)
    config_text: str = ""
    headlines: Sequence[Headline] = ()
    subtitle: str = ""

    def write(self, folder: str | Path) -> Path:
        """Writes `plots/<name>.png` and `report.html` into a folder.

        Args:
            folder: Usually the run folder; made when it is absent.

        Returns:
            Path of report.html.

        Raises:
            DataError: If figure names are unfit for files or repeat, a headline's
                metric is absent, or a metric is no finite number.
        """
        folder = Path(folder)
        plain = plain_metrics(self.metrics)
        self._check(plain)
        pictures = {}
        for name, figure, text in self._figures():
            path = style.save(figure, folder / "plots" / f"{name}.png")
            pictures[name] = report_html.Picture(
                name, path.read_bytes(), text, figure.get_figwidth()
            )
        page = report_html.page(self, plain, pictures)
        path = folder / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        return path

    def _figures(self):
        for section in self.sections:
            for name, figure, *rest in section.figures:
                yield name, figure, rest[0] if rest else caption(name)

    def _check(self, plain: Mapping) -> None:
        names = [name for name, *_ in self._figures()]
        for name in names:
            if not _FILE_NAME.fullmatch(name) or names.count(name) > 1:
                raise DataError(
                    f"report figure {name!r}: expected a name of its own, of letters,"
                    " digits, '_', '-' and '.', because it names the PNG",
                    hint="Rename the figure, for example roc_2.",
                )
        for line in self.headlines:
            wanted = [line.metric, *(f"{line.metric}_{b}" for b in line.baselines)]
            missing = [name for name in wanted if name not in plain]
            if missing:
                raise DataError(
                    f"report headline {line.label!r}: {', '.join(missing)} not among"
                    " the metrics measured",
                    hint="Add the metric, or leave it out of the headlines.",
                )
