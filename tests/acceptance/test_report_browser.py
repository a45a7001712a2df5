"""The report as a page, in a real browser; where there is none, these tests are skipped."""

from __future__ import annotations

import base64
import json
import time
from contextlib import closing
from dataclasses import replace

import pytest

from pscheduler_batch.report.csv_report import CsvReport
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.html_report import HtmlReport
from pscheduler_batch.report.jsonl_report import JsonlReport
from tests.support.browser import Trap, open_browser
from tests.support.commands import job as batch_job
from tests.support.commands import run_batch, task
from tests.support.load_documents import load, pings
from tests.support.measured_jobs import buckets_of, mean_of, path_of, rates_of, trips_of
from tests.support.output_documents import (
    HOSTILE,
    RTT,
    broken,
    failed_run,
    job,
    judged,
    kept,
    output,
    result,
    run,
    skipped,
)

RUNS = 'tbody th[scope="row"]'
ENTER = "\ue007"


@pytest.fixture(scope="module")
def _browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(_browser):
    """A browser in which scripts run."""
    _browser.command("Emulation.setScriptExecutionDisabled", value=False)
    return _browser


@pytest.fixture
def page_of(tmp_path):
    """Write the page of a document to a file."""

    def write(document):
        page = tmp_path / "report.html"
        page.write_text("".join(HtmlReport().render(report_of(document))), encoding="utf-8")
        return page

    return write


def measured(milliseconds, **spec):
    """Make an iteration of rtt with such a mean."""
    return result(run({**RTT, "mean": f"PT{milliseconds / 1000}S"}), **spec)


def shown(browser, *names):
    """Return whether these runs, and no others, come to be seen in this order."""
    return browser.wait_for(
        "const seen = [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility());"
        "return JSON.stringify(seen.map(e => e.innerText)) === JSON.stringify(arguments[1])",
        RUNS,
        list(names),
    )


SWEEP = output(job(measured(0.6, length=512), measured(0.4, length=64), result(failed_run("no route"), length=128)))


FAILING = output(job(result(run()), result(failed_run("no <route>")), label="one"), job(result(run()), label="two"))


def started(second):
    """Make an iteration that should have started at noon."""
    times = {"start_time": f"2026-03-01T12:00:{second:06.3f}Z", "end_time": "2026-03-01T12:00:09Z"}
    made = result(run(RTT, **times))
    made["task"]["schedule"]["start"] = "2026-03-01T12:00:00Z"
    return made


def test_the_report_of_a_real_batch(browser, page_of, pscheduler, there):
    """A batch that really ran, opened as a file: nothing in the console, and the plots have the measured points."""
    sweep = batch_job(
        "sweep",
        iterations=3,
        task=task("rtt", dest="127.0.0.1", count=1, interval="PT0.1S", timeout="PT0.5S"),
        task_transform={"script": ".test.spec.length = 100 * ($iteration + 1)"},
    )
    document = run_batch(*there, batch={"jobs": [sweep]}).document
    browser.show(page_of(document))
    mean = [round(row.metrics["rtt-mean"] * 1000, 9) for row in report_of(document).rows]
    over_length = browser.chart(0)

    assert browser.find("h1").text.endswith("All 3 runs succeeded")
    assert over_length[1] == {"label": "Mean", "data": [{"x": 100 * n, "y": y} for n, y in enumerate(mean, 1)]}
    assert browser.complaints() == []


def test_plots_have_their_points(browser, page_of):
    """Over the length that varied, in its order, where a failed run is a gap."""
    browser.show(page_of(SWEEP))
    over_length = browser.chart(0)

    assert over_length[1]["label"] == "Mean"
    assert over_length[1]["data"] == [{"x": 64, "y": 0.4}, {"x": 128, "y": None}, {"x": 512, "y": 0.6}]
    assert browser.complaints() == []


SCALES = (
    "const scales = Chart.getChart(document.querySelectorAll('canvas')[arguments[0]]).scales;"
    "return ['x', 'y'].map(name => scales[name].ticks.map(tick => tick.label))"
)


def test_rates_begin_at_zero_and_counts_are_whole(browser, page_of):
    """15.2 beside 16.2 Gb/s is no doubling, and there is no half a retransmit."""
    runs = [rates_of(rate, rate, retransmits=(n, 0)) for n, rate in enumerate((15_200, 16_200))]
    browser.show(page_of(output(job(*runs))))
    for number in range(3):
        browser.chart(number)
    (_, rates), (_, counts) = browser.run(SCALES, 1), browser.run(SCALES, 2)

    assert (rates[0], rates[-1].endswith(" Gb/s")) == ("0 Gb/s", True)
    assert counts in (["0", "1", "2"], ["0", "1"])


def test_boxes_are_where_their_percentiles_are(browser, page_of):
    """An outlier far away is a triangle at the edge."""
    browser.show(page_of(output(job(*(trips_of(*range(1, 42)) for _ in range(5)), trips_of(*[1] * 40, 990)))))
    median, low, high, box, whisker = browser.chart(0)
    style = (
        "return Chart.getChart(document.querySelector('canvas')).getDatasetMeta(2).data.map(p => p.options.pointStyle)"
    )

    assert [each["data"][0] for each in (median, low, high, box, whisker)] == [21, 1, 41, [11, 31], [3, 39]]
    assert browser.run(style) == [*["circle"] * 5, "triangle"]
    assert browser.complaints() == []


def test_latency_over_time_is_drawn_in_rows(browser, page_of):
    """Each cell where its bucket is, the stronger the more packets it has."""
    browser.show(page_of(output(job(buckets_of({"1": 3, "2": 1}), buckets_of({"2": 2})))))
    (cells,) = browser.chart(0)
    drawn = "Chart.getChart(document.querySelector('canvas')).getDatasetMeta(0)"
    shades = f"return {drawn}.data.map(cell => cell.options.backgroundColor)"

    assert [(cell["x"], cell["y"]) for cell in cells["data"]] == [(0, [0.5, 1.5]), (0, [1.5, 2.5]), (1, [1.5, 2.5])]
    assert browser.run(shades) == [f"rgb(37 99 235 / {share})" for share in (0.775, 0.325, 1)]
    assert browser.complaints() == []


def test_failed_runs_are_told_without_color(browser, page_of):
    """They have a cross, also those that did not run."""
    document = output(job(started(0.5), result(failed_run(), length=1), result(error="no route")))
    browser.show(page_of(document))
    charts = {each["label"]: each["data"] for each in browser.chart(0)}

    assert [(point["y"], point["note"]) for point in charts["failed"]] == [
        (1, "run 1 (failed): 12:00:00 to 12:03:05, 3 min 5 s"),
        (2, "run 2 (failed): did not run"),
    ]


def test_a_cell_of_a_matrix_opens_its_run(browser, page_of):
    """The headings of the matrix do not sort, and the filter does not take it for runs."""
    mesh = [mean_of(n, source=a, dest=b) for n, (a, b) in enumerate(("ab", "ba"), 1)]
    browser.show(page_of(output(job(*mesh))))
    browser.find('.matrix a[href="#run-0-1-0"]').click()
    opened = browser.wait_for("return document.querySelector('#run-0-1-0 details').checkVisibility()")
    browser.find("#filter-text").send_keys("nowhere")

    assert opened
    assert browser.run("return document.querySelectorAll('.matrix button').length") == 0
    assert browser.texts(".nothing") == ["No run of this job matches the filter."]
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_names_are_harmless_in_drawings(browser, page_of, width):
    """As host, value, name of a value, hop, test and reason; the page stays as it is, and as wide."""
    words = '</script><img src=x onerror="document.title = 1">' + HOSTILE.replace("\ud800", "")
    document = output(
        job(*(mean_of(n, source=a, dest=b) for n, (a, b) in enumerate(((words, "b"), ("b", words)), 1)), label=words),
        job(*(mean_of(n, **{words: f"{n}{words}"}) for n in (1, 2)), label=words),
        job(*(mean_of(a * b, **{words: f"{a}{words}", "b": f"{b}{words}"}) for a in (1, 2) for b in (1, 2))),
        job(path_of((words, "b")), path_of((words, words)), result(failed_run(words), kind=words)),
        job(*(trips_of(*range(1, 9), **{words: f"{n}{words}"}) for n in (1, 2))),
    )
    browser.show(page_of(document), width=width)
    for number in range(browser.run("return document.querySelectorAll('canvas').length")):
        browser.chart(number)

    assert browser.driver.title.startswith("1 of 13 runs failed")
    assert browser.run("return document.querySelectorAll('img, b').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


def test_the_time_line_shows_the_skew(browser, page_of):
    """Each bar begins where its run did, right of the mark of the planned start, in the same lane."""
    browser.show(page_of(output(job(started(0.5), started(2.25), parallel=True))))
    bars, planned = browser.chart(0)
    drawn = browser.run(
        "const chart = Chart.getChart(document.querySelector('canvas')), {x} = chart.scales;"
        "const [bars, planned] = [0, 1].map(n => chart.getDatasetMeta(n).data);"
        "const seconds = pixel => Math.round(x.getValueForPixel(pixel) * 1000) / 1000;"
        "return bars.map((bar, n) => [seconds(bar.base), seconds(bar.x), seconds(planned[n].x), bar.y - planned[n].y])"
    )

    assert [point["x"] for point in bars["data"]] == [[0.5, 9], [2.25, 9]]
    assert [point["x"] for point in planned["data"]] == [0, 0]
    assert drawn == [[0.5, 9, 0, 0], [2.25, 9, 0, 0]]
    assert "500 ms to 2.25 s after the planned start" in browser.find("main").text
    assert browser.complaints() == []


@pytest.mark.parametrize("character", ["x", "\u6e2c", "\U0001f600"])
def test_long_labels_of_a_time_line_fit_on_a_phone(browser, page_of, character):
    """They are cut where they would have no room, and never in the middle of a character."""
    label = character * 100
    browser.show(page_of(output(job(result(run()), label=label), job(result(run()), label=label))), width=390)
    browser.chart(0)
    shown, widths, room = browser.run(
        "const {ctx, scales: {y}} = Chart.getChart(document.querySelector('canvas'));"
        "ctx.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;"
        "const shown = y.ticks.map(tick => tick.label);"
        "return [shown, shown.map(label => ctx.measureText(label).width), y.width]"
    )
    title = 24  # pixels, of the scale itself

    assert set(shown[0]) == {character, "\u2026"}
    assert len(shown[0]) > 5
    assert shown == shown[:1] * 2
    assert max(widths) < room - title


def test_runs_can_be_seen_in_a_time_line_of_many(browser, page_of):
    """Though a lane is a fraction of a pixel."""
    browser.show(page_of(output(job(*(result(run()) for _ in range(1000))))))
    browser.chart(0)

    assert browser.run("return Chart.getChart(document.querySelector('canvas')).getDatasetMeta(0).data[0].height") >= 2


def test_latency_under_load_is_above_the_rate(browser, page_of):
    """On one time axis: packets by whether they were sent under load, their medians, and the throughput below."""
    trips = [1.0] * 5 + [20.0] * 10 + [2.0] * 4 + [900.0]
    path = ("a.example.net", "b.example.net")
    browser.show(page_of(output(job(pings(0.3, 19.3, *path, milliseconds=trips), load(5.25, 15.35, *path)))))
    named = {dataset["label"]: dataset["data"] for dataset in browser.chart(0) if dataset["label"]}

    assert {name: len(points) for name, points in named.items()} == {
        "idle, median 1 ms": 9,
        "under load, median 20 ms": 9,
        "near the start or end of the load": 2,
        "throughput": 4,
    }
    assert {point["y"] for point in named["under load, median 20 ms"]} == {20}
    assert max(point["y"] for point in named["throughput"]) == 5e9
    above, aligned, below, starts, highest = browser.run(
        "const {x, delay, rate} = Chart.getChart(document.querySelector('canvas')).scales;"
        "return [delay.bottom <= rate.top + 1, delay.left === rate.left, x.top >= rate.bottom - 1,"
        " [delay.min, rate.min], delay.max]"
    )

    assert above
    assert aligned
    assert below
    assert starts == [0, 0]
    assert max(point["y"] for point in named["idle, median 1 ms"]) == highest < 900
    assert browser.complaints() == []


def test_no_two_marks_of_a_scale_look_the_same(browser, page_of):
    """Not even where all numbers are nearly the same."""
    rates = [{"succeeded": True, "summary": {"summary": {"throughput-bits": 9.41e9 + 1e5 * n}}} for n in range(3)]
    runs = [result(run(rate), kind="throughput", **{"window-size": 1_234_500 + n}) for n, rate in enumerate(rates)]
    browser.show(page_of(output(job(*runs))))
    browser.chart(0)
    marks = browser.run(SCALES, 0)

    assert [len(set(each)) for each in marks] == [len(each) for each in marks]
    assert "1,234,502" in marks[0]
    assert all(mark.endswith(" Gb/s") for mark in marks[1])


def test_sorting(browser, page_of):
    """
    A heading sorts by its column, again the other way round; what has no value comes last.

    It keeps the focus, so that another key sorts the other way round.
    """
    browser.show(page_of(SWEEP))
    mean = next(each for each in browser.driver.find_elements("css selector", "thead th") if "Mean" in each.text)
    mean.find_element("css selector", "button").click()
    ascending = (shown(browser, "1", "0", "2"), mean.get_attribute("aria-sort"))
    browser.driver.switch_to.active_element.send_keys(ENTER)
    descending = (shown(browser, "0", "1", "2"), mean.get_attribute("aria-sort"))

    assert (ascending, descending) == ((True, "ascending"), (True, "descending"))


def test_filtering(browser, page_of):
    """By words of a row, and by how it went."""
    browser.show(page_of(SWEEP))
    words, state = browser.find("#filter-text"), browser.find("#filter-state")
    words.send_keys("NO route")
    by_words = shown(browser, "2")
    count = browser.find("#filter-count").text
    words.clear()
    words.send_keys(" ")
    state.send_keys("succeeded")
    by_state = shown(browser, "0", "1")
    words.send_keys("nowhere")

    assert (by_words, by_state) == (True, True)
    assert count == "1 of 3 runs"
    assert shown(browser)
    assert browser.texts(".nothing") == ["No run of this job matches the filter."]


def test_what_was_skipped_is_found_by_its_state_only(browser, page_of):
    """It has neither succeeded nor failed."""
    browser.show(page_of(output(job(measured(0.4), result(failed_run("no route")), skipped()))))
    found = {}
    for number, state in enumerate(("succeeded", "failed", "state:skipped")):
        change = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))"
        browser.driver.execute_script(change, browser.find("#filter-state"), state)
        found[state] = shown(browser, str(number))

    assert found == {"succeeded": True, "failed": True, "state:skipped": True}


def test_of_a_job_without_the_runs_that_are_looked_for_only_its_name_stays(browser, page_of):
    """So that what was found is not between the plots of all other jobs, which come back as they were."""
    browser.show(page_of(output(job(measured(0.4), measured(0.5), label="good"), SWEEP["jobs"][0])))
    width = "return document.querySelector('#job-0 canvas').getBoundingClientRect().width"
    seen = "#job-0 :is(.facts, canvas, table)"
    words = browser.find("#filter-text")
    before = (browser.chart(1), browser.run(width), len(browser.texts(seen)))
    words.send_keys("no route")
    hidden = (browser.texts("h2 bdi"), browser.texts(seen), browser.texts("#job-0 .nothing"))
    words.clear()
    words.send_keys(" ")
    browser.wait_for(f"return (() => {{{width}}})() === arguments[0]", before[1])

    assert hidden == (["good", "rtt"], [], ["No run of this job matches the filter."])
    assert (browser.chart(1), browser.run(width), len(browser.texts(seen))) == before


def test_a_run_opens_by_keyboard(browser, page_of):
    """Its HTML is seen as the server made it, in a frame made when it is opened; its text is one key away."""
    browser.show(page_of(SWEEP))
    before = browser.texts("pre, iframe")
    button = browser.find(f"{RUNS} button")
    button.send_keys(ENTER)
    browser.driver.switch_to.frame(browser.find("iframe"))
    html = browser.find("p").text
    browser.driver.switch_to.default_content()
    beside = browser.texts("#run-0-0-0 pre")
    browser.find("#run-0-0-0 .form:not([open]) summary").send_keys(ENTER)

    assert (before, beside) == ([], [])
    assert button.get_attribute("aria-expanded") == "true"
    assert html == "html"
    assert browser.texts("#run-0-0-0 pre") == ["plain"]
    assert browser.complaints() == []


def test_text_is_open_where_a_server_made_no_html(browser, page_of):
    """There is nothing else to see first."""
    plain = run()
    del plain["text/html"]
    browser.show(page_of(output(job(result(plain)))), "#run-0-0-0")

    assert browser.wait_for("return document.querySelector('pre')?.checkVisibility()")
    assert browser.texts("#run-0-0-0 pre") == ["plain"]


def large(**about):
    """Make a run whose details have no room in the page as they are."""
    return {**run(**about), "text/plain": "y" * 1_100_000}


def test_packed_details_are_unpacked_when_a_run_is_opened(browser, page_of):
    """They are like those of others, and closed again by the same button."""
    browser.show(page_of(output(job(result(large()), result(large(), count=2)))))
    before = browser.run("return document.querySelectorAll('.more').length")
    button = browser.find("#run-0-1-0 th button")
    button.click()
    opened = browser.wait_for("return document.querySelector('#run-0-1-0 iframe')?.checkVisibility()")
    text = browser.run("return document.querySelector('#run-0-1-0 pre').textContent.length")
    button.click()

    assert (before, opened, text) == (0, True, 1_100_000)
    assert browser.texts("#run-0-1-0 .more") == []
    assert browser.complaints() == []


def test_a_browser_that_cannot_unpack_says_so(browser, page_of):
    """Instead of doing nothing."""
    browser.show(page_of(output(job(result(large())))))
    browser.run("delete window.DecompressionStream")
    browser.find("#run-0-0-0 th button").click()

    assert browser.wait_for("return document.querySelector('#not-unpacked').checkVisibility()")


def test_folding(browser, page_of):
    """Of a folded job only the heading is seen; on paper, everything."""
    browser.show(page_of(FAILING))
    (first, _) = browser.driver.find_elements("css selector", ".job h2 button")
    first.send_keys(ENTER)
    by_key = (first.get_attribute("aria-expanded"), browser.texts("h2 bdi"), browser.texts(RUNS))
    browser.find("#unfold-all").click()
    unfolded = browser.texts(RUNS)
    browser.find("#fold-all").click()
    folded = browser.texts(f"{RUNS}, .drawing")
    browser.command("Emulation.setEmulatedMedia", media="print")
    browser.run("document.documentElement.dataset.printing = ''")
    printed = browser.texts(RUNS)
    browser.command("Emulation.setEmulatedMedia", media="")

    assert by_key == ("false", ["one", "two"], ["0"])
    assert (unfolded, folded, printed) == (["0", "1", "0"], ["Timeline of all runs"], ["0", "1", "0"])


def test_a_link_unfolds_its_job(browser, page_of):
    """One to a run, and one to the job itself."""
    page = page_of(FAILING)
    browser.show(page)
    browser.find("#fold-all").click()
    browser.find('a[href="#run-0-1-0"]').click()
    run_seen = browser.wait_for("return document.querySelector('#run-0-1-0 iframe')?.checkVisibility()")
    browser.find('a[href="#job-1"]').click()

    assert run_seen
    assert browser.wait_for("return document.querySelector('#run-1-0-0').checkVisibility()")


@pytest.mark.parametrize(("width", "jobs", "folded"), [(1280, 11, 0), (390, 11, 11), (390, 10, 0), (1280, 51, 51)])
def test_many_jobs_begin_folded(browser, page_of, width, jobs, folded):
    """On a narrow screen earlier than on a wide one, as they would be many screens long."""
    browser.show(page_of(output(*(job(result(run())) for _ in range(jobs)))), width=width)

    assert browser.run("return document.querySelectorAll('h2 [aria-expanded=false]').length") == folded


def test_what_a_filter_finds_is_unfolded(browser, page_of):
    """As it would be hidden otherwise; without a filter, jobs are folded as before."""
    browser.show(page_of(FAILING))
    browser.find(".job h2 button").click()
    words = browser.find("#filter-text")
    words.send_keys("no <route>")
    found = shown(browser, "1")
    words.clear()
    words.send_keys(" ")

    assert found
    assert shown(browser, "0")


def test_of_very_many_jobs_those_without_what_a_filter_finds_are_hidden(browser, page_of):
    """Their names would be many screens."""
    jobs = [job(result(run()), label=f"job {number}") for number in range(60)]
    browser.show(page_of(output(*jobs, job(result(failed_run("no route")), label="last"))))
    browser.find("#filter-text").send_keys("no route")

    assert shown(browser, "0")
    assert browser.texts(".job h2 bdi") == ["last"]


def test_a_phone_shows_a_run_in_three_lines(browser, page_of):
    """As long as it is closed and succeeded; its buttons are large enough."""
    browser.show(page_of(output(job(measured(0.6, length=512), measured(0.4, length=64)))), width=390)
    line, height = browser.run(
        "const row = document.querySelector('tbody .run');"
        "return [parseFloat(getComputedStyle(row).lineHeight), row.offsetHeight]"
    )

    assert height < 3.5 * line


@pytest.mark.parametrize(("form", "name"), [("CSV", "results-runs.csv"), ("JSON", "results-runs.json")])
def test_downloads(browser, tmp_path, form, name):
    """From a page that is a file and may fetch nothing; what is saved is the same as a report in this format."""
    report = replace(report_of(FAILING), name="results.json")
    page = tmp_path / "report.html"
    page.write_text("".join(HtmlReport().render(report)), encoding="utf-8")
    browser.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.show(page)
    browser.find(f"[data-download=download-{form}]").click()
    saved = wait_for_file(tmp_path / name)

    if form == "CSV":
        assert saved.decode() == "".join(CsvReport().render(report))
    else:
        assert json.loads(saved) == [json.loads(line) for line in JsonlReport().render(report)]
    assert browser.complaints() == []


def wait_for_file(path):
    """Return what is in a file as soon as it is there; a browser writes it under another name."""
    for _ in range(1000):
        if path.exists():
            return path.read_bytes()
        time.sleep(0.02)
    return pytest.fail(f"{path.name} was not saved")


def test_a_link_opens_a_failed_run(browser, page_of):
    """From the list at the top, and from elsewhere by its address."""
    browser.show(page_of(SWEEP))
    browser.find('a[href="#run-0-2-0"]').click()
    clicked = browser.wait_for("return document.querySelector('#run-0-2-0 details').checkVisibility()")
    browser.show(page_of(SWEEP), "#run-0-1-0")

    assert clicked
    assert browser.wait_for("return document.querySelector('#run-0-1-0 details').checkVisibility()")


def hostile_html(address):
    """Write what an attacker may send who wants to run something, or to learn that it was read."""
    url = f"http://{address}"
    return f"""</iframe></script><script>top.document.title = "caught"</script><script src="{url}/a"></script>
        <img src="{url}/b" onerror="top.document.title = 'caught'"><svg onload="alert(1)"></svg>
        <link rel="preconnect" href="{url}"><link rel="dns-prefetch" href="{url}"><link rel="stylesheet" href="{url}/c">
        <meta http-equiv="refresh" content="0;url={url}/d"><base href="{url}/"><iframe src="{url}/e"></iframe>
        <object data="{url}/f"></object><embed src="{url}/g"><video src="{url}/h" autoplay></video>
        <style>@import "{url}/i"; body {{ background: url({url}/j) }}</style><p style="background: url({url}/k)">p</p>
        <form id="form" action="{url}/l"><button id="send">send</button></form>
        <a id="script" href="javascript:top.document.title = 'caught'">a</a>
        <a id="away" href="{url}/m" ping="{url}/n" target="_top">b</a><a id="inside" href="{url}/o">c</a>"""


def test_html_of_servers_is_harmless(browser, page_of):
    """It runs nothing and sends no requests, not even when its links and buttons are used."""
    with closing(Trap()) as trap:
        evil = run()
        evil["text/html"] = hostile_html(trap.address)
        browser.show(page_of(output(job(result(evil)))))
        title, address = browser.driver.title, browser.driver.current_url
        for link in ("send", "script", "away", "inside"):
            browser.driver.execute_async_script(
                "const done = arguments[0]; const place = document.querySelector('.page'); place.replaceChildren();"
                "const button = document.querySelector('tbody th button');"
                "if (button.ariaExpanded === 'true') button.click(); button.click();"
                "place.querySelector('iframe').addEventListener('load', done)"
            )
            browser.driver.switch_to.frame(browser.find("iframe"))
            browser.find(f"#{link}").click()
            browser.driver.switch_to.default_content()
        sandbox = browser.find("iframe").get_attribute("sandbox")
        after = (browser.driver.title, browser.driver.current_url, len(browser.driver.window_handles))
        browser.driver.get("about:blank")

        assert (sandbox, after) == ("", (title, address, 1))
        # What was on its way may still arrive.
        assert not trap.visited(0.5)


def test_a_page_without_a_policy_would_be_caught(browser, tmp_path):
    """The test above sees a page that asks for a picture."""
    page = tmp_path / "careless.html"
    with closing(Trap()) as trap:
        script = f"addEventListener('load', () => {{ new Image().src = 'http://{trap.address}/' }})"
        page.write_text(f"<!doctype html><script>{script}</script>", encoding="utf-8")
        browser.show(page)

        assert trap.visited(10)


def test_hostile_words_are_harmless(browser, page_of):
    """As label, state, reason, text and result: the page stays as it is, and as wide."""
    words = HOSTILE.replace("\ud800", "") + '"><img src=x onerror="document.title = 1">'
    evil = {**run({"succeeded": False, "error": words}, state=words), "text/plain": words}
    browser.show(page_of(output(job(result(evil), result(run()), label=words))), "#run-0-0-0", width=360)

    assert browser.driver.title.startswith("1 of 2 runs failed")
    assert browser.run("return document.querySelectorAll('img, b').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_expectations_fit_the_window(browser, page_of, width):
    """However long and hostile they are; the headings of the runs below still sort."""
    words = HOSTILE.replace("\ud800", "") + '"><img src=x onerror="document.title = 1">'
    document = judged(kept(), broken(words, job=words, found=words))
    browser.show(page_of(document), width=width)
    browser.driver.find_element("css selector", ".job thead button").click()

    assert browser.driver.title.startswith("The run succeeded, 1 of 2 expectations not met")
    assert browser.texts(".judged .state") == ["✗ not met", "✓ met"]
    assert browser.run("return document.querySelectorAll('img, b, .judged button').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(browser, page_of, width):
    """A wide table scrolls by itself, and on a phone each run is a card."""
    browser.show(page_of(SWEEP), "#run-0-0-0", width=width)

    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_what_belongs_to_a_run_is_no_wider_than_what_is_seen_of_its_table(browser, page_of):
    """A reason or a result can be read without scrolling a table, however long its cells are."""
    long = {"dest": "d" * 200, "source": "s" * 200, "note": "n" * 200}
    evil = {**failed_run("x" * 1000), "text/plain": "x" * 1000}
    browser.show(page_of(output(job(result(evil, **long), result(run()), label="wide"))), "#run-0-0-0")
    right, inner, *edges = browser.run(
        "const table = document.querySelector('.scroll');"
        "const places = ['.state', '.because bdi', '.more details', '.more pre', '.more iframe'];"
        "return [table.getBoundingClientRect().right, table.scrollWidth - table.clientWidth,"
        "...places.map(place => document.querySelector(`#run-0-0-0 ${place}`).getBoundingClientRect().right)]"
    )

    assert inner > 0
    assert max(edges) <= right


def test_the_hint_of_the_filter_can_be_read(browser, page_of):
    """All of it."""
    browser.show(page_of(SWEEP))

    assert browser.run(
        "const filter = document.querySelector('#filter-text'); filter.value = filter.placeholder;"
        "return filter.scrollWidth <= filter.clientWidth"
    )


def test_dark_and_light(browser, page_of):
    """The page and its plots follow what the reader has chosen, at once when that changes."""
    colours = (
        "const chart = Chart.getChart(document.querySelector('canvas'));"
        "return chart && [getComputedStyle(document.body).backgroundColor, chart.options.scales.x.ticks.color]"
    )
    page = page_of(SWEEP)
    browser.show(page, dark=True)
    dark = browser.wait_for(colours)
    browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    light = browser.wait_for(f"const now = (() => {{{colours}}})(); return now[1] !== arguments[0] && now", dark[1])

    assert dark[0] == "rgb(15, 20, 26)"
    assert light[0] == "rgb(244, 246, 248)"


def test_printing(browser, page_of):
    """It becomes a PDF; on paper everything is light, and afterwards the page is as it was."""
    browser.show(page_of(SWEEP), dark=True)
    browser.run(
        "addEventListener('beforeprint', () => { window.printed = [...document.querySelectorAll('canvas')]"
        ".map(canvas => Chart.getChart(canvas).options.scales.x.ticks.color) })"
    )
    pdf = base64.b64decode(browser.command("Page.printToPDF")["data"])

    assert pdf.startswith(b"%PDF-")
    assert set(browser.run("return window.printed")) == {"#566272"}
    assert browser.wait_for("return !('printing' in document.documentElement.dataset)")


def test_a_heading_on_paper_is_text(browser, page_of):
    """Where a table goes on on the next page, browsers repeat its headings without the buttons in them."""
    browser.show(page_of(SWEEP))
    browser.command("Emulation.setEmulatedMedia", media="print")
    shown = browser.run(
        "return [...document.querySelectorAll('thead th *')].map(inside => getComputedStyle(inside).display)"
    )
    browser.command("Emulation.setEmulatedMedia", media="")

    assert set(shown) == {"contents"}


def test_without_scripts_everything_can_be_read(browser, page_of):
    """The tables are there, and each run opens by itself."""
    page = page_of(SWEEP)
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(page)
    browser.find("#run-0-1-0 summary").click()

    assert browser.find("#run-0-1-0 pre").text == "plain"
    assert browser.find("#run-0-2-0 .because").text == "no route"
    assert not browser.find("#tools").is_displayed()


LONG = output(job(*(measured(1, count=n) for n in range(1, 602))))


def test_a_long_table_is_shown_in_parts(browser, page_of):
    """The first rows in the order that was chosen; more when asked for, and all of them are searched."""
    browser.show(page_of(LONG))
    rest = browser.find(".rest button").text
    first = len(browser.texts(RUNS))
    browser.find(".rest button").click()
    second = browser.wait_for("return document.querySelectorAll(arguments[0]).length > 250", RUNS)
    browser.run("document.querySelector('thead th button').click()")
    backwards = browser.wait_for("return document.querySelector(arguments[0]).textContent === '600'", RUNS)
    number = len(browser.texts(RUNS))
    browser.find("#filter-text").send_keys("601")

    assert (rest, first, second, backwards, number) == ("Show 250 more of 351", 250, True, True, 250)
    assert shown(browser, "600")
    assert browser.complaints() == []


def test_a_link_leads_to_a_row_that_is_not_in_the_page(browser, page_of):
    """It is shown after the first ones, open; also where the filter hides it."""
    browser.show(page_of(LONG), "#run-0-600-0")
    opened = browser.wait_for("return document.querySelector('#run-0-600-0 iframe')?.checkVisibility()")
    names = browser.texts(RUNS)
    browser.find("#filter-text").send_keys("nowhere")
    hidden = shown(browser)
    browser.run("location.hash = '#run-0-599-0'")

    assert opened
    assert (len(names), names[-1]) == (251, "600")
    assert hidden
    assert browser.wait_for("return document.querySelector('#run-0-599-0')?.checkVisibility()")
    assert browser.find("#filter-text").get_attribute("value") == ""
    assert browser.complaints() == []


def test_hostile_words_in_packed_rows_are_harmless(browser, page_of):
    """They are unpacked as HTML, in which they are text."""
    words = HOSTILE.replace("\ud800", "") + '"><img src=x onerror="document.title = 1">'
    evil = {**run({"succeeded": False, "error": words}, state=words), "text/plain": words}
    runs = [*(result(run()) for _ in range(500)), result(evil, dest=words), result(large(), dest=words)]
    browser.show(page_of(output(job(*runs, label=words))), "#run-0-500-0", width=390)
    opened = browser.wait_for("return document.querySelector('#run-0-500-0 .more')?.checkVisibility()")
    browser.run("location.hash = '#run-0-501-0'")

    assert opened
    assert browser.wait_for("return document.querySelector('#run-0-501-0 iframe')?.checkVisibility()")
    assert browser.driver.title.startswith("1 of 502 runs failed")
    assert browser.run("return document.querySelectorAll('img, b').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert browser.complaints() == []
