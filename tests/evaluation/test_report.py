import base64
import re
from html.parser import HTMLParser

import pytest

from keras_astro.errors import DataError
from keras_astro.evaluation import Headline, Report, Section, Table, Verdict, style
from keras_astro.evaluation.captions import CAPTIONS
from keras_astro.metrics import Interval

VOID = {"meta", "img", "br", "link", "hr"}


class Checker(HTMLParser):
    """Follows open tags, collects text, links, identifiers and outside references."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.outside, self.targets, self.ids = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        for name in ("src", "href"):
            reference = attrs.get(name, "")
            if reference.startswith("#"):
                self.targets.append(reference[1:])
            elif reference and not reference.startswith("data:"):
                self.outside.append(reference)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@style.styled
def small_figure():
    figure, axes = style.new_figure(width=2.0, height=1.0)
    axes.plot([0, 1])
    return figure


def full_report():
    return Report(
        title="Lenses <b>& more</b>",
        subtitle="A test.",
        facts={"task": "lensing", "rows": {"train": 2500, "test": 1000}, "seed": 42},
        verdicts=[
            Verdict("pass", "It beats PCA."),
            Verdict("fail", "It does NOT beat <the tangent space>."),
        ],
        headlines=[
            Headline("auc", "AUC", {"pca": "PCA residual", "tangent": "tangent"}),
            Headline("rmse", "Radius", higher_is_better=False, unit="arcsec"),
        ],
        sections=[
            Section(
                "Detection",
                "First paragraph.\n\nSecond <script>alert(1)</script>.",
                figures=[("roc", small_figure()), ("own", small_figure(), "Mine & me")],
                tables=[Table(["split", "rows"], [["train", 2500]], "How many.")],
                notes=["Ring radius is a shortcut."],
            )
        ],
        metrics={
            "auc": Interval(0.99, 0.98, 0.995),
            "auc_pca": Interval(0.8, 0.78, 0.82),
            "auc_tangent": 0.997,
            "rmse": 0.0123456,
            "rows": 12500,
        },
        config_text="task: lensing # <tuned>\n",
    )


@pytest.fixture
def report():
    return full_report()


@pytest.fixture
def page(report, tmp_path):
    return report.write(tmp_path / "run").read_text(encoding="utf-8")


def parsed(page):
    checker = Checker()
    checker.feed(page)
    return checker


def test_page_is_well_formed_and_loads_nothing(page):
    checker = parsed(page)
    assert checker.open == []
    assert checker.outside == []
    assert set(checker.targets) <= set(checker.ids)
    assert len(checker.ids) == len(set(checker.ids))
    assert not re.search(r"url\(|@import|<script|https?://", page)


def test_user_text_is_escaped(page):
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>Lenses &lt;b&gt;&amp; more&lt;/b&gt;</title>" in page
    assert "# &lt;tuned&gt;" in page


def test_figures_are_embedded_and_written(report, tmp_path):
    path = report.write(tmp_path / "run")
    page = path.read_text(encoding="utf-8")
    embedded = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    files = [path.parent / "plots" / f"{name}.png" for name in ("roc", "own")]
    assert [base64.b64decode(e) for e in embedded] == [f.read_bytes() for f in files]
    assert CAPTIONS["roc"][:40] in page
    assert "Mine &amp; me" in page
    assert "width:180px" in page


def test_verdicts_show_their_kind(page):
    assert '<li class="pass"><span class="mark" role="img" aria-label="Passed">' in page
    assert '<li class="fail"><span class="mark" role="img" aria-label="Failed">' in page


def test_headlines_show_value_interval_and_each_baselines_verdict(page):
    text = " ".join(" ".join(parsed(page).text).split())
    assert "AUC higher is better 0.99 0.98 to 0.995" in text
    assert "✓ PCA residual 0.8" in text
    assert "✗ tangent 0.997" in text
    assert "0.01235 arcsec" in text


def test_all_metrics_are_listed_in_order_and_facts_are_readable(page):
    names = re.findall(r'<th scope="row"><code>(\w+)</code>', page)
    assert names == ["auc", "auc_pca", "auc_tangent", "rmse", "rows"]
    assert "12\u202f500" in page
    assert "train 2\u202f500, test 1\u202f000" in page


def test_light_dark_and_print_are_styled(page):
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert '<meta name="color-scheme" content="light dark">' in page


def test_the_smallest_report_is_a_page(tmp_path):
    page = Report(title="Empty").write(tmp_path).read_text(encoding="utf-8")
    assert parsed(page).open == []
    assert "All metrics" not in page
    assert "Configuration" not in page


def test_equal_reports_are_equal_files(tmp_path):
    first, second = (full_report().write(tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("names", [("a/b",), ("..",), ("same", "same")])
def test_figure_names_must_be_fit_for_files(tmp_path, names):
    section = Section("S", figures=[(name, small_figure()) for name in names])
    with pytest.raises(DataError, match="expected a name of its own"):
        Report(title="T", sections=[section]).write(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_headline_with_a_nominal_value_is_neither_better_high_nor_low(tmp_path):
    rate = Headline("fpr", "False positive rate", nominal=0.01)
    Report(title="T", headlines=[rate], metrics={"fpr": 0.012}).write(tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "0.01 is wanted" in text
    assert "is better" not in text


def test_headlines_need_their_metrics(tmp_path):
    report = Report(
        title="T", headlines=[Headline("auc", "AUC", ["pca"])], metrics={"auc": 0.9}
    )
    with pytest.raises(DataError, match="'AUC': auc_pca not among"):
        report.write(tmp_path)


def test_a_metric_that_is_not_finite_stops_the_report(tmp_path):
    with pytest.raises(DataError, match="finite"):
        Report(title="T", metrics={"auc": float("nan")}).write(tmp_path)


def test_table_rows_have_as_many_cells_as_columns():
    with pytest.raises(DataError, match="expected 2 cells"):
        Table(["a", "b"], [[1, 2], [3]])
