"""Tests of which packets were sent under load, with outputs made by hand."""

from __future__ import annotations

import time

import pytest

from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.report.document_rows import report_of, rows_of
from pscheduler_batch.report.loads import hosts_of
from pscheduler_batch.report.rendering import render_report
from pscheduler_batch.report.summary import summary_of
from tests.support.load_documents import about, latencies, load, pings
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run

SECONDS = 60
PATH = ("a.example.net", "b.example.net")
STRANGE = [None, True, -1, 1e19, float("nan"), 10**400, "5", "PT5X", [], {}]


def under_load(*results):
    """Return the metrics under load of all runs of a job, without the beginning of their names."""
    (found,) = [each for each in report_of(output(job(*results))).jobs if each.test != "throughput"]
    return states_of(found.metrics)


def states_of(metrics):
    """Select the metrics under load, in milliseconds."""
    wanted = ("idle-median", "idle-p95", "loaded-median", "loaded-p95", "increase")
    found = {name.partition("-")[2]: round(value * 1000, 6) for name, value in metrics.items()}
    return {name: found[name] for name in wanted if name in found}


def made(form, document):
    """Write a report."""
    return b"".join(render_report(form, report_of(document))).decode()


def counts(report, test="rtt"):
    """Return how many packets were sent under load and how many were not."""
    (found,) = [each for each in report.jobs if each.test == test]
    return found.loaded, found.idle


def test_packets_before_during_and_after_a_load():
    """The load lasts ten seconds of a run of 10.5, so that it is certain for 9.5 of them."""
    trips = [1.0] * 5 + [20.0] * 10 + [2.0] * 5
    found = under_load(pings(0.25, 19.5, *PATH, milliseconds=trips), load(5.1, 15.6, *PATH))

    assert found == {
        "idle-median": 1,
        "idle-p95": 2,
        "loaded-median": 20,
        "loaded-p95": 20,
        "increase": 19,
    }


def test_packets_at_the_edge_of_a_load_count_for_neither():
    """Those that may have been sent before it began to send, and those that may have been sent after its end."""
    trips = [number + 1.0 for number in range(20)]
    (row,) = [
        row
        for row in rows_of(
            output(job(pings(0.25, 19.5, *PATH, milliseconds=trips), load(5.1, 15.6, *PATH, seconds=8.0)))
        )
        if row.test == "rtt"
    ]

    # Sending took eight seconds between 5.1 and 15.6: it was certainly under way from 7.6 to 13.1. The pings had a
    # quarter of a second more than they needed.
    assert sorted(round(value * 1000) for value in row.samples.loaded) == [9, 10, 11, 12, 13]
    assert sorted(round(value * 1000) for value in row.samples.idle) == [1, 2, 3, 4, 5, 17, 18, 19, 20]


def test_all_packets_under_load():
    """There is nothing to compare them with."""
    found = under_load(pings(3.5, 5.6, *PATH, milliseconds=[7, 8, 9]), load(0.5, 10.6, *PATH))

    assert found == {"loaded-median": 8, "loaded-p95": 8.9}


def test_all_packets_before_a_load():
    """Their statistics have names already."""
    report = report_of(output(job(pings(0.5, 2.6, *PATH, milliseconds=[7, 8, 9]), load(5.5, 16.0, *PATH))))

    assert states_of(report.jobs[0].metrics) == {}
    assert counts(report) == (0, 3)


def test_without_a_throughput_test():
    """No row has anything about loads."""
    (row,) = report_of(output(job(pings(0.5, 2.6, *PATH, milliseconds=[7, 8, 9])))).rows

    assert (row.samples.loaded, row.samples.idle, states_of(row.metrics)) == ({}, {}, {})


def test_the_results_of_a_streaming_latency_test():
    """Each is about the time before it was made: the first and the last are idle, two are at the edges of the load."""
    made = {1.5: 1, 2.5: 2, 3.5: 30, 4.5: 31, 5.5: 32, 6.5: 3, 7.5: 4}
    report = report_of(output(job(latencies(*PATH, made=made), load(1.9, 6.1, *PATH, seconds=4.0))))

    assert counts(report, "latencybg") == (30, 20)
    assert states_of(report.jobs[0].metrics) == {
        "idle-median": 2.5,
        "idle-p95": 4,
        "loaded-median": 31,
        "loaded-p95": 32,
        "increase": 28.5,
    }
    rows = list(report.rows)
    assert [bool(row.samples.loaded) for row in rows] == [False, False, True, True, True, False, False, False]
    assert "latency-loaded-median" in rows[3].metrics
    assert "latency-increase" not in rows[3].metrics


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(3.5, 4.5, (5, 0)), (0.1, 0.9, (0, 5)), (11.1, 20.5, (0, 5)), (0.5, 5.5, (0, 0)), (8.5, 20.5, (0, 0))],
)
def test_the_histogram_of_a_latency_test(start, end, expected):
    """Its packets count if all of them were sent under load, or all while there was none."""
    measured = run({"succeeded": True, "histogram-latency": {"3": 5}}, **about(start, end, *PATH))

    report = report_of(output(job(result(measured, kind="latency"), load(1.0001, 11.05, *PATH, seconds=10))))

    assert counts(report, "latency") == expected


def test_raw_packets_of_a_latency_test_have_times():
    """They were sent at equal intervals some time in the run."""
    raw = [{"seq-num": n, "src-ts": 2**40, "dst-ts": 2**40 + (n + 1) * 2**30} for n in range(10)]
    measured = run({"succeeded": True, "raw-packets": raw}, **about(0.5, 10.75, *PATH))
    latency = result(measured, kind="latency", **{"packet-count": 10, "packet-interval": 1})
    report = report_of(output(job(latency, load(4.75, 30.1, *PATH, seconds=25.0))))

    # The first was sent from 0.5 to 0.75, the fifth from 4.5 to 4.75, when the load may have begun.
    assert counts(report, "latency") == (5, 4)


def test_times_in_whole_seconds_are_less_exact():
    """As those of pScheduler; the run may have ended almost a second later."""
    trips = [1.0] * 4 + [9.0] * 12
    exact = report_of(output(job(pings(0.5, 15.6, *PATH, milliseconds=trips), load(4.1, 16.2, *PATH, seconds=12))))
    whole = report_of(output(job(pings(0, 15, *PATH, milliseconds=trips), load(4, 16, *PATH, seconds=12))))

    assert counts(exact) == (12, 4)
    assert counts(whole) == (11, 3)


def test_the_time_that_iperf3_gives():
    """A run of twelve seconds for three seconds of traffic, as in recording t-thr3-waitmerged."""
    traffic = load(9, 21, *PATH, seconds=3)
    trips = [1.0] * 12 + [9.0] * 3 + [1.0] * 9
    uncertain = report_of(output(job(pings(0, 23, *PATH, milliseconds=trips), traffic)))
    stamp = int(next(iter(report_of(output(job(pings(12, 13, milliseconds=[1])))).rows)).start.timestamp())
    traffic["runs"][0]["application/json"]["diags"] = f'"timesecs": {stamp}'
    certain = report_of(output(job(pings(0, 23, *PATH, milliseconds=trips), traffic)))

    assert counts(uncertain) == (0, 9)
    assert counts(certain) == (2, 18)


@pytest.mark.parametrize("stamp", [0, 99999999999])
def test_a_time_that_iperf3_cannot_have_begun_at(stamp):
    """The clock of that host is wrong; the times of the run count."""
    traffic = load(4.1, 16.2, *PATH, seconds=12)
    traffic["runs"][0]["application/json"]["diags"] = f'"timesecs": {stamp}'
    report = report_of(output(job(pings(0.5, 15.6, *PATH, milliseconds=[1.0] * 16), traffic)))

    assert counts(report) == (12, 4)


def test_several_loads():
    """One after the other, and at the same time; together they cover more than each alone."""
    trips = [1.0] * 30
    loads = [load(2.5, 7.6, *PATH, seconds=5), load(6.5, 11.6, *PATH, seconds=5), load(20.5, 25.6, *PATH, seconds=5)]

    assert counts(report_of(output(job(pings(0.25, 29.3, *PATH, milliseconds=trips), *loads)))) == (14, 16)


@pytest.mark.parametrize(
    ("path", "other", "is_load"),
    [
        (PATH, PATH, True),
        (PATH, ("b.example.net", "c.example.net"), True),
        (PATH, ("c.example.net", "d.example.net"), False),
        (PATH, ("B.Example.Net.",), True),
        ((), ("c.example.net",), True),
        (PATH, (), True),
        (("127.0.0.1",), ("127.0.0.1",), True),
        (("a.example.net", "127.0.0.1"), ("b.example.net", "127.0.0.1"), False),
    ],
)
def test_only_loads_that_share_a_host_count(path, other, is_load):
    """Unless the hosts of one of them are not known."""
    report = report_of(output(job(pings(3.5, 5.6, *path, milliseconds=[7, 8, 9]), load(0.5, 10.6, *other))))

    assert counts(report) == ((3, 0) if is_load else (0, 0))


def counts_of_job(report, number):
    """Return how many packets of a job were sent under load and how many were not."""
    (found,) = [each for each in report.jobs if each.test == "rtt" and each.job == number]
    return found.loaded, found.idle


@pytest.mark.parametrize("order", [1, -1])
def test_jobs_that_overlap(order):
    """Whichever comes first in the batch."""
    jobs = [job(pings(3.5, 5.6, *PATH, milliseconds=[7, 8, 9])), job(load(0.5, 10.6, *PATH), label="load")]
    report = report_of(output(*jobs[::order]))

    assert counts(report) == (3, 0)
    assert [row.metrics["rtt-loaded-median"] for row in rows_of(output(*jobs[::order])) if row.test == "rtt"] == [0.008]


def test_iterations_that_overlap():
    """Their packets are those of one job; a row has what it has itself."""
    report = report_of(
        output(
            job(
                pings(0.5, 2.6, *PATH, milliseconds=[1, 2, 3]),
                pings(13.5, 15.6, *PATH, milliseconds=[21, 22, 23]),
                load(10.5, 20.6, *PATH),
            )
        )
    )

    assert states_of(report.jobs[0].metrics)["increase"] == 20
    assert [states_of(row.metrics) for row in report.rows] == [{}, {"loaded-median": 22, "loaded-p95": 22.9}, {}]


def test_a_throughput_test_that_failed():
    """It may have loaded the path for some of its run, so the packets of that time count for neither."""
    broken = result(failed_run(**about(5.5, 10.6, *PATH)), kind="throughput", dest=None)
    report = report_of(output(job(pings(0.5, 15.6, *PATH, milliseconds=[1.0] * 16), broken)))

    assert counts(report) == (0, 10)


@pytest.mark.parametrize("state", ["nonstart", "missed"])
def test_a_throughput_test_that_was_never_started(state):
    """It loaded nothing."""
    never = result(run({"succeeded": False}, **about(0.5, 10.6, *PATH, state=state)), kind="throughput", dest=None)
    report = report_of(output(job(pings(3.5, 5.6, *PATH, milliseconds=[1, 2, 3]), never)))

    assert counts(report) == (0, 0)


@pytest.mark.parametrize("times", [(None, None), (0.5, None), (None, 10.5), (10.5, 0.5), ("noon", "later"), (5, {})])
def test_times_that_are_missing_or_in_the_wrong_order(times):
    """Such runs say nothing about loads, and are no loads."""
    trips = [7, 8, 9]

    assert counts(report_of(output(job(pings(*times, *PATH, milliseconds=trips), load(0.5, 10.6, *PATH))))) == (0, 0)
    assert counts(report_of(output(job(pings(3.5, 5.6, *PATH, milliseconds=trips), load(*times, *PATH))))) == (0, 0)


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_absurd_values(strange):
    """Nothing breaks, and nothing is said that is not known."""
    traffic = load(0.5, 10.6, strange, strange, href=strange)
    measured = traffic["runs"][0]["application/json"]
    measured.update(diags=strange, intervals=[{"summary": {"start": 0, "end": strange, "throughput-bits": 1e9}}])
    measured["summary"] = {"summary": {"start": 0, "end": strange}}
    streaming = latencies(*PATH, made={4.5: 1, 5.5: 2})
    streaming["task"]["test"]["spec"].update({"packet-count": strange, "packet-interval": strange, "dest": strange})
    tested = pings(3.5, 5.6, *PATH, milliseconds=[7, 8, 9])
    tested["task"]["test"]["spec"].update({"interval": strange, "source": strange, "dest-node": strange})
    report = report_of(output(job(tested, streaming, traffic)))

    assert all(each.loaded == each.idle == 0 for each in report.jobs)
    assert all(states_of(row.metrics) == {} for row in report.rows)


def test_a_load_that_lasted_longer_than_its_run():
    """One of the two is wrong, so that nothing is certain."""
    report = report_of(output(job(pings(3.5, 5.6, *PATH, milliseconds=[7] * 3), load(0.5, 10.6, *PATH, seconds=50))))

    assert counts(report) == (0, 0)


def test_pings_that_took_longer_than_their_run():
    """They were sent at some time between the two that their numbers and the times of the run say."""
    report = report_of(output(job(pings(3.5, 4.6, *PATH, milliseconds=[7] * 30), load(0.5, 10.6, *PATH))))

    assert counts(report) == (0, 0)


def test_hosts_are_hidden_like_other_texts():
    """And hostile ones do no harm."""
    path = ("s3cret.example.net", HOSTILE)
    report = report_of(output(job(pings(3.5, 5.6, *path, milliseconds=[1]), load(0.5, 10.6, *path), _key="s3cret")))

    assert "s3cret" not in repr(report.rows)
    assert counts(report) == (1, 0)


@pytest.mark.parametrize("given", [None, True, -1, float("nan"), [], [[]], {}, "", "x" * 300, "https://[::1"])
def test_hosts_that_are_none(given):
    """They are left out."""
    assert hosts_of({"participants": given, "href": given}, given) == ()
    assert hosts_of({"participants": [given, "a"], "href": f"{given}"}, {"dest": "b"})[:2] == ("a", "b")


@pytest.mark.parametrize(
    ("text", "found", "met"),
    [
        ("rtt-increase < 20 ms", "19 ms over 10 packets under load and 10 packets while idle in 1 run", True),
        ("rtt-increase < 5 ms", "19 ms over 10 packets under load and 10 packets while idle in 1 run", False),
        ("p95(rtt-loaded) < 25 ms", "20 ms over 10 packets under load in 1 run", True),
        ("rtt-idle-median < 1 ms", "1 ms over 10 packets while idle in 1 run", False),
        ("max(rtt-increase) < 20 ms", "19 ms in 1 run", True),
    ],
)
def test_expectations(text, found, met):
    """They are judged by the packets of all runs of the job."""
    trips = [1.0] * 6 + [20.0] * 10 + [2.0] * 4
    document = output(job(pings(0.25, 19.4, *PATH, milliseconds=trips), load(5.5, 15.7, *PATH)))
    (judgment,) = report_of(document, read_expectations([text], source="--expect")).judgments

    assert (judgment.found, judgment.met) == (found, met)


def test_an_expectation_without_a_load():
    """There is no data, so it is not met."""
    document = output(job(pings(0.5, 2.6, *PATH, milliseconds=[1, 2, 3])))
    (judgment,) = report_of(document, read_expectations(["rtt-increase < 20 ms"], source="--expect")).judgments

    assert (judgment.found, judgment.met) == ("no data in 1 run", False)


def test_reports_for_people_have_it_in_words():
    """For each job; the page has it among its results."""
    trips = [0.4] * 6 + [12.1] * 10 + [0.4] * 4
    document = output(job(pings(0.25, 19.4, *PATH, milliseconds=trips), load(5.5, 15.7, *PATH), label="a|b"))
    words = (
        "round trip median 0.4 ms idle, 12.1 ms under load (+11.7 ms), p95 0.4 ms idle, 12.1 ms under load (+11.7 ms)"
    )

    assert f"\na|b: {words}\n" in summary_of(report_of(document), width=200)
    assert f"a|b: {words}" in " ".join(made("text", document).split())
    assert f"\n- `a¦b`: {words}\n" in made("markdown", document)
    assert f"R{words[1:]}." in made("html", document)


def test_many_jobs_with_load_are_not_all_in_the_summary():
    """Nor in a text for a merge request; the rest is counted."""
    jobs = [job(pings(3.5, 5.6, *PATH, milliseconds=[n]), label=f"j{n}") for n in range(1, 25)]
    document = output(*jobs, job(load(0.5, 10.6, *PATH)))

    assert "and latency under load of 4 more jobs\n" in summary_of(report_of(document), width=200)
    assert "- and 4 more jobs\n" in made("markdown", document)
    assert made("text", document).count(" under load, p95 ") == 24


def test_programs_get_the_metrics_of_each_run():
    """Beside its others, in base units."""
    trips = [0.4] * 6 + [12.1] * 10 + [0.4] * 4
    document = output(job(pings(0.25, 19.4, *PATH, milliseconds=trips), load(5.5, 15.7, *PATH)))

    assert '"rtt-increase": 0.0117' in made("jsonl", document)
    assert "rtt-increase (s)" in made("csv", document)
    assert "pscheduler_batch_rtt_loaded_p95_seconds{" in made("prometheus", document)


def test_the_loads_of_other_jobs():
    """A job knows those of the same path that were beside its runs, in order of time."""
    others = [load(30.5, 40.6, *PATH), load(0.5, 90.6, "x"), load(0.25, 50.6, *PATH)]

    def found(*runs):
        report = report_of(output(job(*others, label="load"), job(*runs)))
        return [[other.label for other in each.loads] for each in report.jobs if each.test == "rtt"]

    assert found(pings(35.5, 36.5, *PATH, milliseconds=[1])) == [["load/2", "load/0"]]
    assert found(pings(45.5, 46.5, *PATH, milliseconds=[1])) == [["load/2"]]
    assert found(pings(60.5, 61.5, *PATH, milliseconds=[1])) == [[]]
    assert found(pings(60.5, 61.5, milliseconds=[1])) == [["load/1"]]
    assert found(pings(60.5, 61.5, "x", milliseconds=[1]), pings(20.5, 25.6, *PATH, milliseconds=[1])) == [
        ["load/2", "load/1"]
    ]
    assert found(pings(-9.5, -5.5, milliseconds=[1])) == [[]]
    assert found(pings(None, None, milliseconds=[1])) == [[]]


def test_very_many_loads_of_other_jobs():
    """The first hundred will do."""
    loads = [job(load(n + 0.5, n + 10.6, *PATH), label=f"l{n}") for n in range(150)]
    report = report_of(output(*loads, job(pings(5.5, 200.6, *PATH, milliseconds=[1]), load(3.5, 9.5, *PATH))))
    (found,) = [each for each in report.jobs if each.test == "rtt"]

    assert [each.label for each in found.loads] == [f"l{n}/0" for n in range(100)]
    assert found.loads[3].rate == 5e9


def test_many_runs_at_once_are_no_trouble():
    """Fifteen hundred of each test in one job and in another, all at the same time, take seconds."""
    jobs = [
        job(
            *(pings(n / 1e4 + 0.5, n / 1e4 + 3.6, *PATH, milliseconds=[1, 2, 3]) for n in range(1500)),
            *(load(n / 1e4 + 0.25, n / 1e4 + 10.4, *PATH) for n in range(1500)),
        )
        for _ in range(2)
    ]
    began = time.process_time()
    report = report_of(output(*jobs))

    assert time.process_time() - began < SECONDS
    assert counts_of_job(report, 0) == counts_of_job(report, 1) == (4500, 0)


def test_many_jobs_are_no_trouble():
    """A thousand jobs, each with a load, take seconds."""
    jobs = [
        job(pings(n * 20.0, n * 20.0 + 12.4, *PATH, milliseconds=[1] * 13), load(n * 20 + 0.5, n * 20 + 10.7, *PATH))
        for n in range(1000)
    ]
    began = time.process_time()
    report = report_of(output(*jobs))

    assert time.process_time() - began < SECONDS
    assert sum(each.loaded for each in report.jobs if each.test == "rtt") == 10_000
