"""Tests of the report as a page: what is in it, and that nothing in it can do anything but be read."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from random import Random

import pytest

from pscheduler_batch.report.csv_report import CsvReport
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.html_page import verdict_of
from pscheduler_batch.report.html_report import HtmlReport
from pscheduler_batch.report.jsonl_report import JsonlReport
from tests.support.measured_jobs import mean_of, path_of
from tests.support.nesting_depth import DEEP
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
    several,
    shuffled,
    skipped,
)

SWEEP = output(job(*(result(run(), count=5 * n) for n in range(1, 5))))
FAILING = output(job(result(run()), result(failed_run("no <route>")), label="one"), job(result(run()), label="two"))


class Page(HTMLParser):
    """
    A page, read as a browser reads it.

    Attributes:
        tags: Each tag with its attributes.
        contents: Name and attributes of each element whose text is not HTML, and its text.
        text: All other text.
    """

    def __init__(self, source):
        """Read a page."""
        super().__init__()
        self.source = source
        self.tags, self.contents, self.text = [], [], ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.contents.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        """Note a text."""
        if self.cdata_elem:
            self.contents[-1][2] += data
        else:
            self.text += data

    def data(self, name):
        """Return the JSON in one pack."""
        return json.loads(self.unpacked(name))

    def unpacked(self, name):
        """Return the text of one pack, as a browser unpacks it."""
        (found,) = (text for _, attributes, text in self.contents if attributes.get("id") == name)
        return zlib.decompress(base64.b64decode(found, validate=True)).decode()

    def packed_details(self, block=None):
        """Return the details in one pack, or in all of them, as pairs of key and HTML."""
        blocks = (
            [f"block-{block}"]
            if block
            else [found["id"] for _, found, _ in self.contents if found.get("id", "").startswith("block-")]
        )
        return [pair for name in blocks for pair in self.data(name).items()]

    def attributes(self, tag, **wanted):
        """Return the attributes of all such tags."""
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]

    @property
    def policy(self):
        """What the page may do, by the kind of it."""
        (meta,) = self.attributes("meta", **{"http-equiv": "Content-Security-Policy"})
        return dict(rule.strip().split(" ", 1) for rule in meta["content"].split(";"))


def html_of(report, **options):
    """Write the page of a report."""
    return "".join(HtmlReport(**options).render(report))


def page_of(document, **options):
    """Write the page of a document, and read it."""
    return Page(html_of(report_of(document), **options))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (SWEEP, "All 4 runs succeeded"),
        (output(job(result(run()))), "The run succeeded"),
        (FAILING, "1 of 3 runs failed"),
        (output(job(result(failed_run()))), "The only run failed"),
        (output(job(result(failed_run()), result(failed_run()))), "Both runs failed"),
        (output(), "Nothing was run"),
        (output(job(result(failed_run()), skipped()), job(skipped())), "1 of 3 runs failed, 2 skipped"),
        (output(job(skipped())), "1 of 1 run skipped"),
        (output(job(result(run())), batch={"error": "the assist is gone"}), "The batch was not completed"),
    ],
)
def test_the_verdict_comes_first(document, words):
    """It is the title and the heading of the page."""
    page = page_of(document)
    before = page.text.split(words)[0]

    assert verdict_of(report_of(document)).words == words
    assert page.source.index(f"<title>{words}") < page.source.index("<h1>")
    assert len(before.split()) < 5


def test_why_a_batch_ended_is_shown():
    """In the words of the output document."""

    assert "the assist is gone" in page_of(output(batch={"error": "the assist is gone"})).text


def test_every_job_and_every_run_has_its_place():
    """Links can lead to each of them."""
    page = page_of(FAILING)

    assert [found["id"] for found in page.attributes("section") if "id" in found] == ["job-0", "job-1"]
    assert [found["id"] for found in page.attributes("tbody")] == ["run-0-0-0", "run-0-1-0", "run-1-0-0"]


def test_failed_runs_are_listed_with_links():
    """The list stands before the jobs."""
    page = page_of(FAILING)

    assert page.attributes("a", href="#run-0-1-0")
    assert page.text.index("no <route>") < page.text.index("Jobs\n")


def test_runs_that_failed_for_the_same_reason_are_listed_together():
    """As one cause makes many fail; in the order in which they did, each job named once."""
    same = [result(failed_run("no route")) for _ in range(2)]
    page = page_of(output(job(*same, result(failed_run("other")), label="a"), job(*same, label="b")))
    listed = " ".join(page.text.split("Failures")[1].split("Jobs\n")[0].split())

    assert listed == "a, run 0, run 1, b, run 0, run 1 failed no route a, run 2 failed other"


def test_not_all_failed_runs_are_listed():
    """Others are counted, and so are reasons."""
    page = page_of(output(job(*(result(failed_run()) for _ in range(61)))))
    reasons = page_of(output(job(*(result(failed_run(f"reason {number}")) for number in range(21)))))

    assert len([found for found in page.attributes("a") if found["href"].startswith("#run-")]) == 12
    assert "and 49 more" in page.text
    assert "And 1 more reason. " in reasons.text


def test_what_was_skipped_has_not_failed():
    """It has a count, a state and a reason of its own, and is not among the failures."""
    page = page_of(output(job(result(failed_run("no route")), skipped(), skipped()), job(skipped(), label="later")))
    first, later = page.data("table")
    text = " ".join(page.text.split())

    assert [outcome for _, outcome, *_ in (*first, *later)] == ["failed", *["skipped"] * 3]
    assert "Failed1 Skipped3" in text
    assert "✗ rtt 1 of 3 runs failed, 2 skipped" in text
    assert "\N{EN DASH} later 1 of 1 run skipped" in text
    assert "\N{EN DASH} skipped" in text
    assert text.count("not submitted, because rtt/0 failed") == text.count("ipped: not submitted") + 3
    assert len(page.attributes("tbody", **{"class": "failed"})) == 1
    assert len(page.attributes("tbody", **{"class": "skipped"})) == 3


def test_there_is_no_empty_list_of_jobs():
    """Every job is in the results, and without times there is nothing to draw."""
    left = output(job(result(error="no route"), skipped()), job(skipped(), label="later"))

    headings = [
        [found["id"] for found in page_of(document).attributes("h2")]
        for document in (left, output(*SWEEP["jobs"], *left["jobs"]))
    ]

    assert [("results" in each, "jobs" in each) for each in headings] == [(True, False), (True, True)]


def test_the_seed_of_a_random_order_is_at_the_top():
    """It repeats the order."""
    assert "Random orderseed 7" in " ".join(page_of(shuffled(SWEEP)).text.split())
    assert "Random order" not in page_of(SWEEP).text


def test_jobs_that_were_not_run_are_named():
    """A disabled job is not a failure, but it is named."""

    assert "Not run: later" in page_of(output(job(result(run())), job(label="later"))).text


def test_a_run_has_its_text_json_and_task():
    """They can be read without a script."""
    page = page_of(output(job(result(run(), count=17))))

    assert "plain" in page.text
    assert '"mean": "PT0.0004S"' in page.text
    assert '"count": 17' in page.text


def test_html_of_servers_is_data():
    """Nothing of it stands in the page as HTML."""
    evil = run()
    evil["text/html"] = "</script><script>alert(1)</script><!--\u2028&amp;"
    page = page_of(output(job(result(evil))))
    (place,) = page.attributes("div", **{"class": "page"})

    assert json.loads(place["data-page"]) == evil["text/html"]
    assert "alert(1)</script>" not in page.source
    assert "\u2028" not in page.source


def test_secrets_are_hidden():
    """The values of names that begin with an underscore are in no report (ADR 18)."""
    page = page_of(output(job(result(failed_run("bad key hunter22"), _key="hunter22"))))

    assert "hunter22" not in page.source


def test_the_page_may_run_and_fetch_nothing_but_itself():
    """Its scripts and styles are allowed by their hashes, and everything else is forbidden."""
    page = page_of(FAILING)
    own = [text for tag, attributes, text in page.contents if tag == "script" and "type" not in attributes]
    styles = [text for tag, _, text in page.contents if tag == "style"]

    assert page.policy["default-src"] == page.policy["base-uri"] == page.policy["form-action"] == "'none'"
    assert page.policy["script-src"].split() == [hash_of(text) for text in own]
    assert hash_of(styles[0]) in page.policy["style-src"].split()
    assert "unsafe" not in str(page.policy)


def hash_of(text):
    """Write the hash of a text as policies do."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_names_no_other_file():
    """What it shows is all in it; its only links lead to its own parts."""
    page = page_of(FAILING)
    places = [value for _, found in page.tags for name, value in found.items() if name in {"src", "href", "action"}]

    assert {place.partition(":")[0] if ":" in place else place[0] for place in places} == {"#", "data"}
    assert "sourceMappingURL" not in page.source


def test_nothing_has_a_style_or_a_handler_of_its_own():
    """The policy would not allow them, and browsers would complain."""
    names = {name for _, found in page_of(FAILING).tags for name in found}

    assert not {name for name in names if name == "style" or name.startswith("on")}


@pytest.mark.parametrize(
    "where", ["label", "reason", "state", "text", "result", "task", "lead", "destination", "test", "error", "html"]
)
def test_hostile_words_stay_words(where):
    """Whatever a server or a label says adds no tag to the page, and no character that is obeyed."""
    account = report_of(output(job(result(failed_run(), count=1), result(run(), count=2))))
    tame = Page(html_of(account))
    changed = {"label": "job_label", "result": "result", "task": "task"}.get(where, where)
    value = {"task": {"x": [HOSTILE]}, "result": {HOSTILE: HOSTILE}}.get(where, HOSTILE)
    rows = account.rows if where == "error" else tuple(replace(row, **{changed: value}) for row in account.rows)
    page = Page(html_of(replace(account, rows=rows, error=HOSTILE if where == "error" else None)))

    assert not page.attributes("b")
    assert len(page.attributes("script")) == len(tame.attributes("script"))
    assert not set(page.source) & set("\x00\x1b\u202e\ud800")
    page.source.encode("utf-8")


def test_long_labels_are_cut():
    """Ten thousand characters are not shown."""
    page = page_of(output(job(result(run()), label="x" * 10_000)))

    assert "x" * 100 in page.text
    assert "x" * 200 not in page.source


def test_the_same_account_gives_the_same_page():
    """To the byte: no clock, no chance."""

    assert html_of(report_of(FAILING)) == html_of(report_of(FAILING))


def random_runs(number, of=run):
    """Make runs whose texts cannot be compressed much, of 20 kB each."""
    random = Random(0)  # noqa: S311 - not a secret
    return [result({**of(), "text/plain": random.randbytes(10_000).hex()}) for _ in range(number)]


def test_details_that_do_not_fit_in_the_page_are_packed():
    """Those of the first runs stand in the page as they are, for readers without scripts."""
    page = page_of(output(job(*random_runs(60))))
    plain = page.source.count("Details of run")
    details = dict(page.packed_details())

    assert 40 < plain < 60
    assert list(details) == [f"run-0-{number}-0" for number in range(plain, 60)]
    assert all("Result as text" in html for html in details.values())
    assert all(
        found["id"] in dict(page.packed_details(found["data-block"]))
        for found in page.attributes("tbody")
        if "data-block" in found
    )


def test_what_does_not_fit_packed_is_left_out_with_a_notice():
    """The rows stay, and there is room left for failed runs."""
    runs = [*random_runs(100), *random_runs(1, failed_run)]
    page = page_of(output(job(*runs)), most_packed=600_000)
    left_out = [key for key, html in page.packed_details() if "of this run are left out" in html]

    assert len(page.attributes("tbody")) == 101
    assert f"of {len(left_out)} runs are left out" in page.text
    assert left_out == [f"run-0-{number}-0" for number in range(100 - len(left_out), 100)]
    assert 0 < len(left_out) < 40


def test_a_result_that_is_too_large_by_itself_is_left_out():
    """It does not take the room of others."""
    large = result({**run(), "text/plain": Random(0).randbytes(1_000_000).hex()})  # noqa: S311 - not a secret
    page = page_of(output(job(large, *random_runs(60))), most_packed=1_000_000)

    assert [key for key, html in page.packed_details() if "of this run are left out" in html] == ["run-0-0-0"]


def test_rows_that_are_not_in_the_page_are_packed():
    """The page has the first of each job, and how many more there are; the pack has all, each once."""
    many = output(
        job(*(result(run(), count=number) for number in range(800))), job(*(result(run()) for _ in range(600)))
    )
    page = page_of(many)
    shown = [found["id"] for found in page.attributes("tbody")]
    first, second = page.data("table")

    assert shown == [f"run-{job}-{number}-0" for job in (0, 1) for number in range(250)]
    assert [len(first), len(second)] == [800, 600]
    assert [row[0] for row in first if row[5]] == [f"run-0-{number}-0" for number in range(250, 800)]
    assert all(row[5].startswith(f'<tbody id="{row[0]}"') for row in [*first, *second] if row[5])
    assert "550 more runs; JavaScript is needed" in page.text


def test_each_of_very_many_jobs_has_some_rows_in_the_page():
    """Though a page with all of them would be slow."""
    page = page_of(output(*(job(*(result(run()) for _ in range(20))) for _ in range(100))))
    shown = [found["id"].split("-")[1] for found in page.attributes("tbody")]

    assert {shown.count(str(number)) for number in range(25)} == {20}
    assert {shown.count(str(number)) for number in range(25, 100)} == {1}


def test_what_the_filter_and_sorting_need_of_a_run():
    """Its hosts, labels and numbers in lower case, and what each column is sorted by."""
    page = page_of(output(job(result(run(), length=9), result(failed_run("No Route")), label="Paths")))
    (key, outcome, state, found, orders, html), (_, *other) = page.data("table")[0]

    assert (key, outcome, state, html) == ("run-0-0-0", "succeeded", "finished", "")
    assert found.startswith("paths rtt ps.example.net 192.0.2.1 0 finished 9 ")
    assert "0.4 ms" in found
    assert orders[:5] == ["0", "finished", "9", "0.0003", "0.0004"]
    assert other[:2] == ["failed", "failed"]
    assert other[2].endswith(" no route")


@pytest.mark.parametrize("document", [SWEEP, FAILING, output(job(result(run(), label="=1+1\u00e9\ud800")))])
def test_csv_and_json_are_in_the_page(document):
    """The same as in files of these formats; all runs are one array of JSON."""
    report = report_of(document)
    page = page_of(document)
    lines = "".join(JsonlReport().render(report)).splitlines()

    assert page.unpacked("download-CSV") == "".join(CsvReport().render(report)).encode("utf-8", "replace").decode()
    assert page.data("download-JSON") == [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "shown", "file"),
    [
        ("", None, "batch-runs.csv"),
        ("/home/a/results.json", "results.json", "results-runs.csv"),
        ("weekly mesh: J\u00fcrgen.v2.json", "weekly mesh: J\u00fcrgen.v2.json", "weekly-mesh-J\u00fcrgen.v2-runs.csv"),
        ('\x1b[2J\u202e<b>".json', '\\u001b[2J\\u202e<b>".json', "2J-b-runs.csv"),
        ("..", "..", "batch-runs.csv"),
        ("x" * 300, "x" * 119 + "\u2026", "x" * 80 + "-runs.csv"),
    ],
)
def test_the_name_of_the_batch_is_in_header_and_title(name, shown, file):
    """As a file is named, without its directory; and what is saved from the page begins with it."""
    page = Page(html_of(replace(report_of(SWEEP), name=name)))
    title = page.source.partition("<title>")[2].partition("</title>")[0]

    assert next(found["data-file"] for found in page.attributes("button") if "data-file" in found) == file
    assert len(page.attributes("bdi", **{"class": "file"})) == (shown is not None)
    if shown is not None:
        assert shown in page.text.split("All 4 runs succeeded")[1]
        assert unescape(title).startswith(f"All 4 runs succeeded \u2013 {shown}, 2026")


def test_nothing_to_download_without_runs():
    """A table without rows is of no use."""

    assert not [found for found in page_of(output()).attributes("button") if "data-file" in found]


def test_the_results_of_the_participants_of_a_failed_run_are_shown():
    """What was measured is there, although it was not merged; without secrets."""
    full = [{"succeeded": True, "result": {"time-slept": "PT3S", "login": "s3cret"}}]
    page = page_of(output(job(result({**failed_run(), "result-full": full}, _key="s3cret"), result(failed_run()))))

    assert page.text.count("Results of the participants") == 1
    assert '"time-slept": "PT3S"' in page.text
    assert "s3cret" not in page.source


def test_the_statistics_of_all_runs_are_shown():
    """Where there are several; a job with several tests names each."""
    trips = [{"seq": n, "rtt": f"PT0.00{n}S"} for n in range(1, 6)]
    measured = [result(run({"succeeded": True, "roundtrips": trips[:n], "sent": 5, "lost": 5 - n})) for n in (2, 5)]
    other = [result(run({"succeeded": True, "histogram-latency": {"1": 1}}), kind="latency") for _ in range(2)]
    alone, both = page_of(output(job(*measured))), page_of(output(job(*measured, *other)))

    assert "Round trips took 1/2.57/5 ms (min/mean/max) over 2 runs. 30 % of packets lost, all of them in" in alone.text
    assert "Round trips took 1/2.57/5 ms (min/mean/max) over 2 runs" in both.text
    assert "One-way latency was 1/1/1 ms (min/mean/max) over 2 runs" in both.text


def test_what_came_out_comes_first():
    """In sentences, those of jobs with failures before others; of many jobs, some."""
    failed, good = job(result(failed_run("no route")), label="bad"), job(result(run()), label="good")
    page = page_of(output(*(good for _ in range(11)), failed))
    listed = " ".join(page.text.split("Results")[1].split("Failures")[0].split())

    assert listed.startswith("✗ bad: The run failed: no route. ✓ good: Round trips took 0.3/0.4/0.5 ms (min/mean/max)")
    assert listed.endswith("And 2 more jobs, each described below.")


def test_the_numbers_of_a_result_have_names():
    """Three numbers alone say nothing."""

    assert "Resultround trip min/mean/max 0.3/0.4/0.5 ms, loss 25 %" in page_of(output(job(result(run())))).text


def test_matrices_and_paths_are_tables():
    """The cells of a matrix are links to its runs."""
    mesh = [mean_of(n, source=a, dest=b) for n, (a, b) in enumerate(("ab", "ba"), 1)]
    page = page_of(output(job(*mesh), job(path_of("abc"), path_of("abd"))))

    assert page.attributes("a", href="#run-0-0-0")
    assert "◆ 2" in page.text
    assert "Seen in this order: A (run 0), B (run 1)" in page.text
    assert "3 ≠cd" in page.text


def test_times_are_in_the_zone_of_the_batch():
    """Servers elsewhere say theirs in other zones."""
    document = output(job(result(run(RTT, start_time="2026-03-01T14:00:07+02:00"))))

    assert "2026-03-01 12:00:07+00:00" in page_of(document).text


def test_the_times_of_several_results_are_in_the_zone_of_the_batch():
    """Like the other times of a run."""
    document = output(job(several(10)))
    document["jobs"][0]["results"][0]["runs"][0]["run"]["end-time"] = "2026-03-01T14:00:07+02:00"

    assert "2026-03-01 12:00:07+00:00" in page_of(document).text


def test_an_output_of_an_older_version_has_a_page():
    """Without times there is no time line, and everything else is there."""
    old = [run({**RTT, "mean": mean}) for mean in ("PT0.0004S", "PT0.00045S")]
    for each in old:
        del each["run"]
    page = page_of(output(job(*map(result, old))))

    assert {each["kind"] for each in page.data("drawings")} == {"plot"}
    assert "Both runs succeeded" in page.text


def test_very_deep_results_are_no_bug():
    """A note stands in its place."""
    deep = []
    for _ in range(DEEP):
        deep = [deep]
    account = report_of(SWEEP)
    page = Page(html_of(replace(account, rows=(replace(next(iter(account.rows)), result=deep),))))

    assert "nested too deeply" in page.text


def test_expectations_are_at_the_top():
    """Those that were not met first; they count for the verdict."""
    page = page_of(judged(kept("loss < 30 %"), broken()))
    words = page.text.split()

    assert "✗ The run succeeded, 1 of 2 expectations not met" in " ".join(words)
    assert page.source.index("✗ not met") < page.source.index("✓ met") < page.source.index('id="job-0"')
    assert page_of(judged()).source.count('class="judged"') == 0


def test_not_all_of_many_expectations_are_at_the_top():
    """It says how many are left out."""
    page = page_of(judged(*(kept(f"rtt: sent != {number}") for number in range(1000)), broken()))

    assert page.source.count("✓ met") == 99
    assert "And 901 more." in page.text


def test_hostile_expectations_stay_words():
    """They are text, without what turns the text around them."""
    hostile = broken(HOSTILE, job=HOSTILE, found=HOSTILE)
    page = page_of(judged(hostile))

    assert len(page.attributes("b")) == 0
    assert "\u202e" not in page.source
