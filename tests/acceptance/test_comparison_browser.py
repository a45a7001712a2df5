"""The page of a comparison in a real browser."""

from __future__ import annotations

import pytest

from pscheduler_batch import read_runs
from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.report.comparison import BatchComparison, compare, judge_changes
from pscheduler_batch.report.comparison_formats import render_comparison
from tests.support.browser import open_browser
from tests.support.output_documents import HOSTILE, job, output, result, run

SLOW = (20, 21, 22, 23, 24)
FAST = (10, 11, 12, 13, 14)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser for all tests of the module."""
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page_of(tmp_path):
    """Compare two outputs of rtt, and write the page to a file."""

    def write(before, after, label="rtt", **spec):
        sides = [
            {name: read_runs(output(job(*(result(run(_rtt(each)), **spec) for each in values), label=label)))}
            for name, values in (("before.json", before), (f"after{HOSTILE[:30]}.json", after))
        ]
        expectations = read_expectations(["rtt-mean < 5 %"], source="--expect", of_changes=True)
        compared = compare(*sides, ["rtt-mean", "loss"])
        judged = BatchComparison(compared.files, compared.groups, judge_changes(expectations, compared))
        page = tmp_path / "comparison.html"
        page.write_bytes(render_comparison("html", judged).encode("utf-8", "replace"))
        return page

    return write


def _rtt(milliseconds):
    return {"succeeded": True, "mean": f"PT{milliseconds / 1000}S", "sent": 4, "lost": 0}


def test_the_first_thing_to_see_is_what_has_changed(browser, page_of):
    """Then what was expected, and each metric with both sides in one plot."""
    browser.show(page_of(FAST, SLOW))
    dots = "return [...document.querySelectorAll(arguments[0])].map(dot => dot.cx.baseVal.value)"
    before, after = (browser.run(dots, f"tr:first-child .{side} circle") for side in ("before", "after"))

    assert browser.texts("h1") == ["1 worse of 2 metrics"]
    assert browser.texts(".judged .bad") != []
    assert browser.texts(".compared tbody .state") == ["✗ worse", "same"]
    assert browser.texts(".compared tbody tr:first-child td")[:2] == ["12 ms", "22 ms"]
    assert (len(before), len(after)) == (5, 5)
    assert max(before) < min(after)
    assert browser.complaints() == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser, page_of, width, dark):
    """However long a label or a value is."""
    browser.show(page_of(FAST, SLOW, label="x" * 150), width=width, dark=dark)

    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_hostile_text_does_nothing(browser, page_of):
    """It is shown with escapes, and nothing of it becomes an element."""
    browser.show(page_of(FAST, SLOW, label="<b>bold</b><script>document.title='x'</script>"))

    assert browser.texts("main b, main script, header script") == []
    assert "<b>bold</b>" in browser.texts("h2 bdi")[0]
    assert browser.run("return document.title").startswith("1 worse of 2 metrics")
    assert browser.run("return document.querySelectorAll('script').length") == 0
    assert browser.complaints() == []


def test_many_runs_are_drawn_as_a_hundred(browser, page_of):
    """The slowest and the fastest among them."""
    browser.show(page_of([10 + number / 1000 for number in range(1000)], SLOW))
    dots = "return document.querySelectorAll('tr:first-child .before circle').length"

    assert 50 < browser.run(dots) <= 100
