"""The sentences about what is unusual in the last runs."""

from __future__ import annotations

import pytest

from pscheduler_batch.report.history_words import brief_words, sentences_of, title_of, usual_words
from tests.support.histories import DAY, FIRST, daily, failed_at, history_of, rtt, run_at
from tests.support.output_documents import job, output, result

USUAL = (0.4, 0.5, 0.6, 0.45, 0.55, 0.5)


def said(outputs):
    """Return the title and the sentences of a history."""
    history = history_of(outputs)
    sentences = sentences_of(history)
    return title_of(history, sentences), [(each.text, each.kind) for each in sentences]


def jobs_at(number, *jobs):
    """Make an output of some days after the first one: a label and round-trip times for each job."""
    when = FIRST + number * DAY
    return output(
        *(job(*(result(run_at(when, rtt(value))) for value in values), label=label) for label, values in jobs)
    )


def test_a_slow_last_run():
    """The value, and the range from p10 to p90 of the runs before; other metrics of the same kind are named."""
    title, ((words, kind),) = said(daily(*USUAL, 4.2))
    sentences = (
        'Mean round trip of "rtt" was 4.2 ms in the last run; it is usually 0.425 to 0.575 ms.',
        "Also unusually high: shortest round trip and longest round trip.",
    )

    assert (title, words, kind) == ("Last runs: 1 of 1 unusual", " ".join(sentences), "bad")


def test_a_fast_last_run():
    """It is good news, and no error."""
    title, ((words, kind),) = said(daily(*USUAL, 0.1))

    assert title == "Last runs: 1 of 1 unusual"
    assert words.endswith("Also unusually low: shortest round trip and longest round trip.")
    assert kind == "good"


@pytest.mark.parametrize("last", [0.5, 0.6, 0.7])
def test_nothing_unusual(last):
    """A little above the usual is not worth a sentence."""
    assert said(daily(*USUAL, last)) == ("Nothing unusual in the last runs", [])


def test_too_few_runs():
    """It is not said that nothing is unusual."""
    assert said(daily(0.5, 0.5, 4.2)) == ("Too few runs to say what is usual", [])


def test_no_runs():
    """There is nothing to say."""
    assert said({}) == ("No runs in this period", [])


def test_a_last_run_that_failed():
    """Its reason ends with one full stop."""
    outputs = {**daily(*USUAL), "last.json": output(job(result(failed_at(FIRST + 9 * DAY, "Host is down."))))}

    assert said(outputs) == (
        "Last runs: 1 of 1 failed",
        [('The last run of "rtt" failed: Host is down.', "bad")],
    )


def test_failures_for_the_same_reason_are_one_sentence():
    """At most three jobs are named."""
    last = FIRST + 9 * DAY
    down = [job(result(failed_at(last, "Down")), label=label) for label in "abcde"]
    partly = job(result(failed_at(last, "Down")), result(run_at(last, rtt(1))), label="partly")

    assert said({"last": output(*down, partly)})[1] == [
        ('The last 5 runs of "a", "b", "c" and 2 more failed: Down.', "bad"),
        ('1 of the last 2 runs of "partly" failed: Down.', "bad"),
    ]


def test_the_median_of_several_last_runs():
    """The sentence says so."""
    days = {str(number): jobs_at(number, ("rtt", [value])) for number, value in enumerate(USUAL)}
    ((words, _),) = said({**days, "last": jobs_at(9, ("rtt", [4, 5, 6]))})[1]

    assert 'Mean round trip of "rtt" was 5 ms in the last 3 runs (median); it is usually 0.4' in words


def test_a_job_whose_last_run_is_long_ago():
    """The sentence says when that was."""
    days = {str(number): jobs_at(number, ("old", [value])) for number, value in enumerate((*USUAL, 4.2))}
    ((words, _),) = said({**days, "later": jobs_at(9, ("new", [1]))})[1]

    assert '"old" was 4.2 ms in the last run (2026-11-07 12:00:00 +00:00); it is usually' in words


def test_a_failure_long_ago():
    """Perhaps the job was removed from the batch since."""
    old = {
        str(number): output(job(result(failed_at(FIRST + number * DAY, "Down")), label="old")) for number in range(2)
    }

    assert said({**old, "later": jobs_at(9, ("new", [1]))})[1] == [
        ('The last run of "old" (2026-11-02 12:00:00 +00:00) failed: Down.', "bad")
    ]


def test_failures_of_an_output_that_took_hours():
    """They are those of one night."""
    found = [result(failed_at(FIRST + hour * DAY / 24, "Down")) for hour in range(3)]
    outputs = {"out.json": output(*(job(each, label=label) for each, label in zip(found, "abc")))}

    assert said(outputs)[1] == [('The last 3 runs of "a", "b" and "c" failed: Down.', "bad")]


def test_a_difference_that_is_not_visible():
    """It is not worth a sentence, even if all runs before were equal."""
    assert said(daily(*[4.5] * 8, 4.5001)) == ("Nothing unusual in the last runs", [])


def test_failures_come_first_and_good_news_last():
    """As the reader has to act on them."""
    days = {
        str(number): jobs_at(number, ("good", [value]), ("bad", [value]), ("down", [value]))
        for number, value in enumerate(USUAL)
    }
    last = jobs_at(9, ("good", [0.1]), ("bad", [9]))
    last["jobs"].append(job(result(failed_at(FIRST + 9 * DAY)), label="down"))
    title, sentences = said({**days, "last": last})

    assert title == "Last runs: 1 of 3 failed, 2 unusual"
    assert [kind for _, kind in sentences] == ["bad", "bad", "good"]
    assert [words.split('"')[1] for words, _ in sentences] == ["down", "bad", "good"]


def test_a_word_on_each_series():
    """The most important metric, with its usual range."""
    (series,) = history_of(daily(*USUAL, 0.5)).series
    (young,) = history_of(daily(0.5)).series

    assert brief_words(series.metrics) == "mean round trip 0.5 ms (usually 0.425 to 0.575 ms)"
    assert brief_words(young.metrics) == "mean round trip 0.5 ms"
    assert usual_words(young.metrics[0]) == ""
