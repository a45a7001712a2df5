"""The throughput test of the embedded server, for real over loopback, and how its results are made and rendered."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.measuring.tcp_transfer import Reading
from pscheduler_batch.embedded.measuring.throughput_report import Sample, report
from pscheduler_batch.embedded.test import UnsupportedFormatError
from pscheduler_batch.embedded.tests.throughput import ThroughputTest, _ends
from tests.support.embedded_bench import outcomes

SHORT = {"dest": "127.0.0.1", "duration": "PT0.2S", "interval": "PT0.1S"}


def test_throughput_measures_with_the_keys_of_the_recording():
    """Result and reports have the form of recording g-m-thr."""
    (outcome,) = outcomes(ThroughputTest(), SHORT)
    merged = outcome.merged
    (stream,) = merged["summary"]["streams"]
    total = merged["summary"]["summary"]

    assert set(merged) == {"diags", "summary", "intervals", "succeeded"}
    assert len(merged["intervals"]) == 2
    assert {"start", "end", "stream-id", "throughput-bits", "throughput-bytes"} <= set(stream)
    assert total["throughput-bytes"] > 0
    assert total["receiver-throughput-bits"] > 0
    assert [report["succeeded"] for report in outcome.full] == [True, True]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells it")
def test_throughput_says_what_the_kernel_knows():
    """Retransmits, round trip and window are the kernel's."""
    (outcome,) = outcomes(ThroughputTest(), SHORT)
    stream = outcome.merged["intervals"][0]["streams"][0]

    assert stream["retransmits"] >= 0
    assert stream["rtt"] > 0
    assert stream["tcp-window-size"] > 0


def test_throughput_keeps_to_the_bandwidth():
    """Eight megabit for a fifth of a second are 200,000 bytes; a loaded machine may send less, never much more."""
    (outcome,) = outcomes(ThroughputTest(), {**SHORT, "bandwidth": "8M"})

    assert 0 < outcome.merged["summary"]["summary"]["throughput-bytes"] <= 300_000


def test_throughput_leaves_out_what_is_to_be_omitted():
    """The first intervals are marked and do not count; the times of the others begin after them."""
    spec = {**SHORT, "omit": "PT0.1S", "parallel": 2, "bandwidth": "8M", "no-delay": True, "window-size": "64K"}
    (outcome,) = outcomes(ThroughputTest(), spec)
    intervals = outcome.merged["intervals"]

    assert [interval["summary"]["omitted"] for interval in intervals] == [True, False, False]
    assert intervals[1]["summary"]["start"] == 0.0
    assert len(outcome.merged["summary"]["streams"]) == 2


def test_a_cancelled_throughput_leaves_no_thread_behind():
    """All threads have ended when the task has."""

    async def cancelled():
        running = asyncio.ensure_future(_finish(ThroughputTest().measure({"dest": "127.0.0.1", "parallel": 3})))
        await asyncio.wait_for(_all_busy(), 10)
        busy = _threads()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return busy, _threads()

    busy, left = asyncio.run(cancelled())

    assert (busy, left) == (6, 0)


async def _finish(measuring):
    async for _ in measuring:
        pass


async def _all_busy():
    while _threads() < 6:  # noqa: ASYNC110 - there is no event for a thread that has started
        await asyncio.sleep(0.001)


def _threads():
    return sum(thread.name.startswith("throughput-") for thread in threading.enumerate())


def test_a_window_that_the_system_does_not_allow_is_a_failure():
    """Nothing that is asked for is ignored silently."""
    (outcome,) = outcomes(ThroughputTest(), {**SHORT, "window-size": "2G"})

    assert outcome.merged == {"succeeded": False}
    assert outcome.full[0]["error"] == "this system does not allow a window of 2000000000 bytes"


def test_throughput_to_a_name_that_does_not_resolve_fails():
    """The reason names the host."""
    (outcome,) = outcomes(ThroughputTest(), {"dest": "nosuch.invalid"})

    assert "nosuch.invalid" in outcome.full[0]["error"]


def test_throughput_announces_little_more_than_it_sends():
    """Clients sleep until the announced end."""

    assert ThroughputTest().duration({"dest": "::1", "duration": "PT3S", "omit": "PT1S"}) == timedelta(seconds=4.5)


@pytest.mark.parametrize(
    ("begin", "end", "each", "ends"),
    [
        (0.0, 3.0, 1.0, [1.0, 2.0, 3.0]),
        (0.0, 2.5, 1.0, [1.0, 2.0, 2.5]),
        (0.0, 2.01, 1.0, [1.0, 2.01]),
        (1.0, 1.5, 1.0, [1.5]),
        (0.0, 0.0, 1.0, []),
    ],
)
def test_a_span_is_cut_into_intervals(begin, end, each, ends):
    """A remainder too short to say anything belongs to the interval before it."""

    assert _ends(begin, end, each) == pytest.approx(ends)


SAMPLES = [
    Sample(0.0, [Reading(0, 0, 0, 0, 0), Reading(0, 0, 0, 0, 0)]),
    Sample(1.0, [Reading(1000, 900, 1, 100, 5000), Reading(2000, 1800, 0, 300, 6000)]),
    Sample(2.0, [Reading(3000, 3000, 1, 200, 5000), Reading(5000, 5000, 4, 500, 7000)]),
]


def test_a_report_of_the_sender_sums_up_its_streams():
    """Rates are of the bytes of each interval, the round trip of the whole is the mean of the intervals'."""
    made = report(SAMPLES, [5, 7], omitted=0, sending=True)

    assert made.intervals[1]["streams"][1] == {
        "start": 1.0,
        "end": 2.0,
        "stream-id": 7,
        "throughput-bits": 24000.0,
        "throughput-bytes": 3000,
        "retransmits": 4,
        "rtt": 500,
        "tcp-window-size": 7000,
        "omitted": False,
    }
    assert made.summary["streams"][0]["rtt"] == 150
    assert made.summary["summary"] == {
        "start": 0.0,
        "end": 2.0,
        "throughput-bits": 32000.0,
        "throughput-bytes": 8000,
        "retransmits": 5,
    }


def test_a_report_of_the_receiver_has_what_it_received():
    """It knows nothing of retransmits; the omitted second does not count."""
    made = report(SAMPLES, [5, 7], omitted=1, sending=False)

    assert made.summary["summary"] == {
        "start": 0.0,
        "end": 1.0,
        "throughput-bits": 42400.0,
        "throughput-bytes": 5300,
    }


RECORDED = {
    "intervals": [
        {
            "streams": [
                {
                    "start": 0,
                    "end": 1.000138,
                    "stream-id": 5,
                    "retransmits": 0,
                    "tcp-window-size": 916762,
                    "throughput-bits": 11920663539.66308,
                }
            ],
            "summary": {"start": 0, "end": 1.000138, "retransmits": 0, "throughput-bits": 11920663539.66308},
        }
    ],
    "summary": {
        "streams": [{"stream-id": 5}],
        "summary": {
            "start": 0,
            "end": 3.000114,
            "retransmits": 0,
            "throughput-bits": 12239912056.67518,
            "receiver-throughput-bits": 12225036957.337637,
        },
    },
}


def test_throughput_is_rendered_as_recorded():
    """The lines are those of recording g-m-thr-result-plain, without the spaces at their ends."""

    assert ThroughputTest().plain({}, RECORDED) == (
        "* Stream ID 5\n"
        "Interval       Throughput     Retransmits    Current Window\n"
        "0.0 - 1.0      11.92 Gbps     0              916.76 KBytes\n"
        "\n"
        "Summary\n"
        "Interval       Throughput     Retransmits    Receiver Throughput\n"
        "0.0 - 3.0      12.24 Gbps     0              12.23 Gbps\n"
    )


def test_throughput_has_no_html():
    """The words are those of recording g-m-thr-result-html."""
    with pytest.raises(UnsupportedFormatError, match=r"^Unsupported format text/html$"):
        ThroughputTest().html({}, RECORDED)
