"""The page of a history in a real browser."""

from __future__ import annotations

import pytest

from pscheduler_batch.report.history_page import render_page
from tests.support.browser import open_browser
from tests.support.histories import DAY, FIRST, daily, failed_at, history_of, rtt, run_at
from tests.support.output_documents import HOSTILE, job, output, result

USUAL = (0.4, 0.5, 0.6, 0.45, 0.55, None, 0.5)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser for all tests of the module."""
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page_of(tmp_path):
    """Write the page of outputs to a file."""

    def write(outputs):
        page = tmp_path / "history.html"
        page.write_bytes(render_page(history_of(outputs, notes=["1 file left out: empty (a.json)"])).encode())
        return page

    return write


def test_the_first_thing_to_see_is_what_is_unusual(browser, page_of):
    """Then the runs and failures by day, and the metrics with their last value."""
    browser.show(page_of(daily(*USUAL, 4.2)))
    last, middle, band, *_ = browser.chart(2)

    assert browser.texts("h1") == ["Last runs: 1 of 1 unusual"]
    assert browser.texts(".sentences li bdi")[0].startswith('Mean round trip of "rtt" was 4.2 ms in the last run;')
    assert browser.texts(".reasons td")[:2] == ["Timeout", "1"]
    assert browser.chart(0)[0]["data"] == [1] * 8
    assert browser.chart(1)[0]["data"] == [None, None, None, None, None, 1, None, None]
    assert middle["data"] == [0.4, 0.5, 0.6, 0.45, 0.55, None, 0.5, 4.2]
    assert last["data"] == [None] * 7 + [4.2]
    assert band["data"][5:7] == [None, [0.5, 0.5]]
    assert browser.run("return Chart.getChart(document.querySelectorAll('canvas')[2]).scales.y.min") == 0
    assert browser.complaints() == []


def test_folded_series_are_drawn_when_they_are_opened(browser, page_of):
    """A sentence leads to its series, and opens it."""
    labels = [f"job{number}" for number in range(12)]
    outputs = {
        str(day): output(*(job(result(run_at(FIRST + day * DAY, rtt(day + 1))), label=label) for label in labels))
        for day in range(4)
    }
    browser.show(page_of(outputs))
    browser.run(
        "const summary = document.querySelectorAll('.series > summary')[11]; summary.click(); summary.scrollIntoView()"
    )

    assert browser.texts(".series .facts dt") == ["Last run", "Destination", "In"]
    assert browser.wait_for(
        "return Chart.getChart(document.querySelectorAll('.series')[11].querySelector('canvas'))?.width"
    )
    browser.show(page_of(outputs), "#s7")
    assert browser.wait_for("return document.querySelectorAll('.series')[7].open")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser, page_of, width, dark):
    """However long a label, a reason or the name of a file is."""
    outputs = {
        f"{day}{'y' * 200}.json": output(
            job(
                result(run_at(FIRST + day * DAY, rtt(day + 1)), dest="z" * 300),
                result(failed_at(FIRST, "w" * 500)),
                label="x" * 150,
            )
        )
        for day in range(8)
    }
    browser.show(page_of(outputs), width=width, dark=dark)

    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_hostile_text_does_nothing(browser, page_of):
    """It is shown with escapes, and nothing of it becomes an element."""
    hostile = "<b>bold</b><img src=x onerror=\"document.title='x'\"></script><script>document.title='x'</script>"
    outputs = {
        f"{day}{hostile}": output(
            job(
                result(run_at(FIRST + day * DAY, rtt(day + 1)), dest=hostile, length=hostile),
                result(failed_at(FIRST + day * DAY, hostile), dest=HOSTILE, length=1),
                label=hostile,
            )
        )
        for day in range(8)
    }
    browser.show(page_of(outputs))

    assert browser.run("return document.querySelectorAll('b, img').length") == 0
    assert browser.run("return document.title").startswith("Last runs: 1 of 2 failed")
    assert browser.run("return document.querySelectorAll('script').length") == 4
    assert browser.complaints() == []


def test_it_prints_what_is_unfolded(browser, page_of):
    """In light colors; no link says where to look."""
    browser.show(page_of(daily(*USUAL, 4.2)), dark=True)
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.texts(".sentences a") == []
        assert len(browser.texts(".series h2")) == 1
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")
