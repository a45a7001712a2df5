"""The tests of the embedded server for one-way delay, latency and latencybg, and the histograms that they give."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.measuring.one_way import Arrival, Burst, statistics, summarize
from pscheduler_batch.embedded.tests.latency import LatencyTest
from pscheduler_batch.embedded.tests.latencybg import LatencybgTest
from tests.support.embedded_bench import outcomes

QUICK = {"dest": "127.0.0.1", "packet-interval": 0.001, "packet-timeout": 5}


@pytest.mark.parametrize("extra", [{}, {"packet-padding": 1000, "ip-tos": 8}, {"schema": 2, "reverse": True}])
def test_latency_receives_every_packet_it_sends(extra):
    """Packets within this machine arrive, each counted once in the histogram of delays."""
    (outcome,) = outcomes(LatencyTest(), {**QUICK, "packet-count": 20, **extra})
    merged = outcome.merged

    assert (merged["packets-sent"], merged["packets-received"], merged["packets-lost"]) == (20, 20, 0)
    assert sum(merged["histogram-latency"].values()) == 20
    assert merged["max-clock-error"] == 0.0
    assert outcome.full[0]["result"] == merged


def test_latency_keeps_single_packets_when_asked_to():
    """Raw packets have numbers and times in the form of RFC 1305, received after sent."""
    (outcome,) = outcomes(LatencyTest(), {**QUICK, "packet-count": 3, "output-raw": True})
    packets = outcome.merged["raw-packets"]

    assert [packet["seq-num"] for packet in packets] == [0, 1, 2]
    assert all(packet["dst-ts"] > packet["src-ts"] > 2**63 for packet in packets)


def test_latency_to_a_name_that_does_not_resolve_fails():
    """The reason names the host."""
    (outcome,) = outcomes(LatencyTest(), {"dest": "nosuch.invalid"})

    assert outcome.merged == {"succeeded": False}
    assert "nosuch.invalid" in outcome.full[0]["error"]


def test_latency_announces_what_sending_and_waiting_take():
    """A hundred packets a tenth of a second apart is the usual test."""

    assert LatencyTest().duration({"dest": "127.0.0.1"}) == timedelta(seconds=10.5)
    assert LatencyTest().duration({**QUICK, "packet-count": 500}) == timedelta(seconds=6)


def test_a_summary_counts_losses_duplicates_and_reorders():
    """Of five packets one is lost, one comes twice, and one is overtaken."""
    arrivals = [Arrival(number, 10.0, 10.0 + delay, 255) for number, delay in ((0, 0.001), (2, 0.002), (1, 0.003))]
    burst = Burst(5, [*arrivals, arrivals[1], Arrival(4, 10.0, 10.001, 254)])
    result = summarize(burst, 0.001, raw=False)

    assert (result["packets-received"], result["packets-lost"]) == (4, 1)
    assert (result["packets-duplicated"], result["packets-reordered"]) == (1, 1)
    assert result["histogram-latency"] == {"1.00": 2, "2.00": 1, "3.00": 1}
    assert result["histogram-ttl"] == {"255": 3, "254": 1}


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({"packet-count": 10, "duration": "PT0.03S"}, [10, 10, 10]),
        ({"packet-count": 20, "duration": "PT0.03S"}, [20, 10]),
        ({"reporting-interval": "PT0.015S", "duration": "PT0.03S"}, [15, 15]),
    ],
)
def test_latencybg_gives_a_result_each_reporting_interval(spec, counts):
    """What is left at the end gives a last, shorter result."""
    found = outcomes(LatencybgTest(), {**QUICK, **spec})

    assert [outcome.merged["packets-received"] for outcome in found] == counts


def test_latencybg_goes_on_until_it_is_closed():
    """Without a duration it runs for a day, and ends at once when it is canceled."""

    async def first():
        measuring = LatencybgTest().measure({**QUICK, "packet-count": 5})
        outcome = await measuring.__anext__()
        await measuring.aclose()
        return outcome

    assert asyncio.run(first()).merged["packets-received"] == 5
    assert LatencybgTest().duration({"dest": "127.0.0.1"}) > timedelta(days=1)
    assert LatencybgTest().multi_result


def test_latency_is_rendered_in_milliseconds():
    """The buckets of the result are in units of the bucket width."""
    result = summarize(Burst(1, [Arrival(0, 10.0, 10.25, 255)]), 0.1, raw=True)
    text = LatencyTest().plain({"bucket-width": 0.1}, result)

    assert "Packets Received ..... 1 packets\n" in text
    assert "Delay Median ............... 250.00 ms\n" in text
    assert "255 .................... 1 packets\n" in text
    assert "Raw Packets\n" in text
    assert "<td>Delay Median</td><td>250.00 ms</td>" in LatencyTest().html({"bucket-width": 0.1}, result)


def test_latency_without_a_packet_has_no_figures():
    """All lost is a result too."""
    text = LatencyTest().plain({}, summarize(Burst(3, []), 0.001, raw=False))

    assert "Delay ... Not Reported\n" in text


def test_the_figures_of_a_histogram():
    """Percentiles are interpolated between neighbours as the NIST handbook has it."""
    figures = statistics({"10": 1, "2": 2, "4": 1}, 0.5)

    assert (figures["minimum"], figures["median"], figures["maximum"]) == (1.0, 1.5, 5.0)
    assert (figures["mean"], figures["mode"]) == (2.25, [1.0])
    assert figures["percentile-75"] == pytest.approx(4.25)
    assert figures["variance"] == pytest.approx(2.6875)


def test_an_empty_histogram_has_no_figures():
    """There is nothing to take a mean of."""

    assert statistics({}) == {}
