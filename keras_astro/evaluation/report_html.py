"""Report data to HTML: string templates, all text escaped, nothing loaded."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from numbers import Real
from string import Template
from typing import NamedTuple

from keras_astro.evaluation.report_style import CSS
from keras_astro.evaluation.verdicts import against_baselines, baseline_labels

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$css</style>
</head>
<body>
<header><div class="wide">
<h1>$title</h1>
$subtitle
</div></header>
<div class="wide layout">
<nav aria-label="Contents"><ol>$contents</ol></nav>
<main>
$body
</main>
</div>
<footer class="wide">Written by keras-astro. This file needs no network and no other
file; the figures are also in <code>plots/</code>.</footer>
</body>
</html>
""")

_MARKS = {"pass": ("✓", "Passed"), "fail": ("✗", "Failed"), "note": ("!", "Note")}


# CSS pixels to an inch of figure: text in figures comes out near the page's own size.
SCALE = 90


class Picture(NamedTuple):
    """A rendered figure: its name, PNG bytes, caption and width in inches."""

    name: str
    png: bytes
    caption: str
    width: float


def page(report, metrics: Mapping, pictures: Mapping[str, Picture]) -> str:
    """Returns the whole page.

    Args:
        report: The `Report`.
        metrics: Its metrics as plain JSON types.
        pictures: Figure name to picture.
    """
    parts = [("Summary", _summary(report, metrics))]
    parts += [(s.title, _section(s, pictures)) for s in report.sections]
    if metrics:
        parts.append(("All metrics", _metrics(metrics)))
    if report.config_text:
        parts.append(("Configuration", _config(report.config_text)))
    contents = "".join(
        f'<li><a href="#part-{i}">{escape(title)}</a></li>'
        for i, (title, _) in enumerate(parts)
    )
    body = "\n".join(
        f'<section id="part-{i}"><h2>{escape(title)}</h2>\n{html}\n</section>'
        for i, (title, html) in enumerate(parts)
    )
    subtitle = f"<p>{escape(report.subtitle)}</p>" if report.subtitle else ""
    return _PAGE.substitute(
        title=escape(report.title),
        css=CSS,
        subtitle=subtitle,
        contents=contents,
        body=body,
    )


def _summary(report, metrics: Mapping) -> str:
    parts = [_verdicts(report.verdicts)]
    if report.headlines:
        parts.append(_headlines(report.headlines, metrics))
    if report.facts:
        facts = "".join(
            f"<div><dt>{escape(str(name))}</dt><dd>{_cell(value)}</dd></div>"
            for name, value in report.facts.items()
        )
        parts.append(f'<h3>What was run</h3><dl class="facts">{facts}</dl>')
    return "\n".join(part for part in parts if part)


def _verdicts(verdicts) -> str:
    items = "".join(
        f'<li class="{verdict.kind}"><span class="mark" role="img"'
        f' aria-label="{_MARKS[verdict.kind][1]}">{_MARKS[verdict.kind][0]}</span>'
        f"<span>{escape(verdict.text)}</span></li>"
        for verdict in verdicts
    )
    return f'<ul class="verdicts">{items}</ul>' if items else ""


def _headlines(lines, metrics: Mapping) -> str:
    rows = []
    for line in lines:
        value = metrics[line.metric]
        kinds = against_baselines(
            metrics,
            line.metric,
            line.baselines,
            higher_is_better=line.higher_is_better,
        )
        rivals = "".join(
            f'<div class="rival {verdict.kind}"><span class="mark" role="img"'
            f' aria-label="{_MARKS[verdict.kind][1]}">{_MARKS[verdict.kind][0]}</span>'
            f" {escape(label)}"
            f" <b>{_number(metrics[f'{line.metric}_{baseline}'])}</b></div>"
            for (baseline, label), verdict in zip(
                baseline_labels(line.baselines).items(), kinds, strict=True
            )
        )
        unit = f" <small>{escape(line.unit)}</small>" if line.unit else ""
        better = "higher is better" if line.higher_is_better else "lower is better"
        if line.nominal is not None:
            better = f"{line.nominal:g} is wanted"
        rows.append(
            f'<tr><th scope="row">{escape(line.label)}<small>{better}</small></th>'
            f'<td class="big">{_number(value)}{unit}</td>'
            f"<td>{_ends(value)}</td><td>{rivals or '–'}</td></tr>"
        )
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("", "Value", "95 % interval", "Baselines")
    )
    return (
        f'<div class="scroll"><table class="headline"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _section(section, pictures: Mapping[str, Picture]) -> str:
    parts = [_paragraphs(section.text)]
    if section.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
        parts.append(f'<ul class="notes">{notes}</ul>')
    parts += [_figure(pictures[name]) for name, *_ in section.figures]
    parts += [_table(table) for table in section.tables]
    return "\n".join(part for part in parts if part)


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    text = picture.caption or picture.name.replace("_", " ")
    return (
        f'<figure id="figure-{escape(picture.name)}">'
        f'<img src="data:image/png;base64,{data}" alt="{escape(text)}"'
        f' style="width:{round(SCALE * picture.width)}px">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def _table(table) -> str:
    first = table.rows[0] if table.rows else [""] * len(table.columns)
    head = "".join(
        f'<th scope="col"{_align(cell)}>{escape(str(name))}</th>'
        for name, cell in zip(table.columns, first, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{_align(c)}>{_cell(c)}</td>" for c in row) + "</tr>"
        for row in table.rows
    )
    text = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="scroll"><table>{text}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _metrics(metrics: Mapping) -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        f'<td class="number">{_number(value)}</td>'
        f'<td class="number">{_ends(value)}</td></tr>'
        for name, value in metrics.items()
    )
    return (
        '<div class="scroll"><table class="metrics"><thead><tr>'
        '<th scope="col">Metric</th><th scope="col" class="number">Value</th>'
        '<th scope="col" class="number">95 % interval</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _config(text: str) -> str:
    return (
        "<details><summary>The resolved configuration of this run</summary>"
        f"<pre><code>{escape(text)}</code></pre></details>"
    )


def _paragraphs(text: str) -> str:
    blocks = [block.strip() for block in text.split("\n\n")]
    return "".join(f"<p>{escape(block)}</p>" for block in blocks if block)


def _cell(value) -> str:
    if isinstance(value, Mapping) and set(value) != {"value", "low", "high"}:
        return ", ".join(f"{escape(str(k))} {_cell(v)}" for k, v in value.items())
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return f"{_number(value)} <small>{_ends(value)}</small>"
    if isinstance(value, Real) and not isinstance(value, bool):
        return _number(value)
    return escape(str(value))


def _number(value) -> str:
    number = value["value"] if isinstance(value, Mapping) else value
    if isinstance(number, int):
        # A thin space groups thousands without looking like a decimal mark.
        return f"{number:,}".replace(",", "\u202f")
    return f"{float(number):.4g}".replace("-", "\u2212")


def _ends(value) -> str:
    if not isinstance(value, Mapping):
        return "–"
    return f"{_number(value['low'])} to {_number(value['high'])}"


def _align(value) -> str:
    is_number = isinstance(value, Real | Mapping) or hasattr(value, "_asdict")
    return ' class="number"' if is_number else ""
