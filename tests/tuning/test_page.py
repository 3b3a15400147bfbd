"""The page of a search in a real browser: rounds of different length are told apart."""

SHOWN = """[...document.querySelectorAll("#table tbody tr")]
    .filter((row) => !row.hidden).map((row) => Number(row.cells[0].textContent))"""
LINES = """[...document.querySelectorAll("#chart path.trial")]
    .filter((line) => line.style.display !== "none")"""
SWATCH = """[...document.querySelectorAll("#table tbody tr")]
    .find((row) => row.cells[0].textContent === "{}")
    .querySelector(".swatch").style.background"""


def opened(page, result):
    page.problems.clear()
    page.hosts.clear()
    page.go((result.folder / "tuning.html").as_uri())
    page.wait("document.querySelectorAll('#chart path.trial').length > 0")


def choose(page, value):
    page.eval(f"rounds.value = '{value}'; rounds.dispatchEvent(new Event('change')); 0")


def test_rounds_are_shown_one_by_one_or_the_last_of_each_setting(page, whole):
    result = whole("hyperband")
    *first, last = result.records
    ranking = [record.number for record in result.ranking]
    opened(page, result)
    once = [number for number in ranking if number != last.parent]
    assert page.eval(SHOWN) == once
    assert page.eval(f"{LINES}.length") == 4
    assert page.eval("count.textContent") == "4 of 4 trials"
    choose(page, 5)
    short = [number for number in ranking if number != last.number]
    assert page.eval(SHOWN) == short
    best = page.eval(SWATCH.format(short[0]))
    choose(page, "all")
    assert page.eval(SHOWN) == ranking
    # The first of the short round has the best colour among its own alone.
    assert page.eval(SWATCH.format(short[0])) != best
    assert page.eval(SWATCH.format(last.number)) == best
    dashed = page.eval(f"{LINES}.map((line) => line.style.strokeDasharray !== '')")
    assert sorted(dashed) == [False, True, True, True, True]
    assert not page.eval("document.getElementById('dashes').hidden")
    assert page.problems == []
    assert page.hosts <= {""}


def test_a_search_without_rounds_has_none_to_choose(page, whole):
    opened(page, whole("random"))
    assert page.eval("document.getElementById('choice').hidden")
    assert page.eval("document.getElementById('dashes').hidden")
    assert page.eval(f"{SHOWN}.length") == 5
    assert page.problems == []
