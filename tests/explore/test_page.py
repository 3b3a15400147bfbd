"""The page in a real headless browser: offline, moving, in words, without errors."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from keras_astro.errors import UsageError
from keras_astro.explore.explorer import CASES, Explorer
from keras_astro.explore.server import ExploreServer

PIXELS = (
    "[...document.querySelectorAll('#{0} canvas')].map((c) => c.toDataURL()).join()"
)
READY = "Number(document.body?.dataset.drawn ?? 0) > 0"


@pytest.fixture
def opened(page, served):
    """Opens an address of the page; afterwards nothing may have gone wrong."""
    page.problems.clear()
    page.hosts.clear()
    page.resize(1300, 900)

    def go(place="", until=READY):
        page.go(served.url + place)
        page.wait(until)

    yield go
    assert page.problems == []
    assert page.hosts == {urlsplit(served.url).netloc}


@pytest.mark.parametrize("name", CASES)
def test_a_slider_changes_the_picture(page, opened, served, name):
    opened(f"#{name}")
    control = served.get(f"api/{name}/controls")[1]["groups"][0]["controls"][-1]
    if name == "alerts":
        control = {"name": "mag", "low": 14, "high": 16}
    before = page.eval(PIXELS.format("sky"))
    assert len(before) > 1000
    page.slide(control["name"], (control["low"] + 3 * control["high"]) / 4)
    assert page.eval(PIXELS.format("sky")) != before
    title = page.eval("document.querySelector('[aria-selected=true]').id")
    assert title == f"case-{name}"


def test_keys_move_a_slider_and_the_model_follows(page, opened):
    opened("#lensing")
    before = page.eval(PIXELS.format("model"))
    page.eval("document.getElementById('control-theta_E_arcsec').focus()")
    drawn = page.drawn()
    page.press("PageUp", code=33)
    page.wait(f"Number(document.body.dataset.drawn) > {drawn}")
    assert (
        page.eval("document.activeElement.getAttribute('aria-valuetext')") != "1.00 ″"
    )
    assert page.eval(PIXELS.format("model")) != before


def test_the_worst_rows_can_be_browsed(page, opened):
    opened("#lensing")
    page.until_drawn("document.getElementById('worst').click()")
    rows = page.eval("document.querySelectorAll('#list button').length")
    assert rows == 24
    name = page.eval("document.querySelectorAll('#list b')[5].textContent")
    before = page.eval(PIXELS.format("sky"))
    page.until_drawn("document.querySelectorAll('#list button')[5].click()")
    assert page.eval("document.querySelector('#sky h2').textContent") == f"Row {name}"
    assert page.eval(PIXELS.format("sky")) != before
    page.until_drawn(
        "(() => { const order = document.getElementById('order');"
        "order.value = 'score'; order.dispatchEvent(new Event('change')); })()"
    )
    assert "order=score" in page.eval("location.hash")


def test_a_mistake_is_said_in_words(page, opened):
    opened("#galaxies")
    page.eval(
        "(() => { for (const name of ['g1', 'g2']) {"
        "const input = document.getElementById('control-' + name);"
        "input.value = 0.65; input.dispatchEvent(new Event('input')); } })()"
    )
    page.wait("!document.getElementById('message').hidden")
    text = page.eval("document.getElementById('message').innerText")
    assert "expected a length of at most 0.8" in text
    page.slide("g1", 0.1)
    assert page.eval("document.getElementById('message').hidden")
    # The browser itself reports an answer of 400, as it should.
    page.problems[:] = [p for p in page.problems if "400" not in p]


def test_a_case_without_a_model_says_how_to_get_one(page, opened):
    opened("#galaxies")
    assert "kastro train galaxies" in page.eval(
        "document.getElementById('model').innerText"
    )


@pytest.mark.parametrize("width", [1300, 400])
def test_nothing_is_wider_than_the_window(page, opened, width):
    opened("#lensing")
    page.resize(width, 900)
    assert page.eval("document.documentElement.scrollWidth") <= width


def test_every_control_has_a_label(page, opened):
    opened("#lensing")
    unnamed = page.eval(
        "[...document.querySelectorAll('input, select')]"
        ".filter((one) => !one.labels.length).map((one) => one.id)"
    )
    assert unnamed == []


def test_a_foreign_page_gets_nothing(served):
    status, answer = served.get("api/cases", Host="example.org")
    assert (status, answer["error"]) == (403, "not this host")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("api/lensing/scene?theta_E_arcsec=wide", "expected a number from 0.5 to 1.5"),
        ("api/lensing/scene?theta_E_arcsec=9", "found '9'"),
        ("api/lensing/scene?theta_E_arcsec=nan", "expected a number"),
        ("api/lensing/scene?colour=1", "no parameter"),
        ("api/lensing/scene?seed=-1", "whole number"),
        ("api/alerts/scene?label=TDE", "expected one of SN"),
        ("api/lensing/row/99999", "expected a number from 0"),
        ("api/lensing/worst?order=beauty", "expected one of mistake"),
        ("api/planets/scene", "expected one of lensing"),
    ],
)
def test_a_wrong_question_is_answered_in_words(served, path, word):
    status, answer = served.get(path)
    assert status == 400
    assert word in answer["error"]
    assert answer["hint"]


def test_what_is_not_there_is_not_found(served):
    assert served.get("api/lensing/scene/more")[0] == 404
    assert served.get("..%2f..%2fetc%2fpasswd")[0] == 404


def test_the_command_ends_on_sigterm():
    words = "from keras_astro.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", words, "explore", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = json.loads(process.stdout.readline())["url"]
    assert urlsplit(url).hostname == "127.0.0.1"
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_taken_port_is_one_line(served, refused):
    port = urlsplit(served.url).port
    with refused(UsageError, "cannot be listened on", hint="--port 0"):
        ExploreServer(Explorer([]), port=port)
