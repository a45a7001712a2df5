"""The tests of the embedded server that measure nothing: idle, idleex, idlebgm and noop."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.embedded.tests.idleex import IdleexTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from tests.support.embedded_bench import outcomes


class Sleeper:
    """Takes down how long it was to sleep."""

    def __init__(self):
        self.slept = []

    async def __call__(self, seconds):
        """Take it down and return at once."""
        self.slept.append(seconds)


@pytest.mark.parametrize("test", [IdleTest, IdleexTest])
def test_idle_sleeps_for_the_duration_and_says_so(test):
    """Result and report are those of the recordings g34 and e36."""
    sleeper = Sleeper()
    (outcome,) = outcomes(test(sleeper), {"duration": "PT2S"})

    assert sleeper.slept == [2.0]
    assert outcome.merged == {"schema": 1, "duration": "PT2S", "succeeded": True}
    assert outcome.full == ({"diags": "", "error": "", "result": {"time-slept": "PT2S"}, "succeeded": True},)


def test_comments_of_idle_go_into_the_diagnostics():
    """Nothing of the specification is lost."""
    spec = {"duration": "PT0.1S", "parting-comment": "bye", "starting-comment": "hello"}
    (outcome,) = outcomes(IdleTest(Sleeper()), spec)

    assert outcome.full[0]["diags"] == "hello\nbye"


def test_idle_really_sleeps():
    """Without a stand-in the time really passes."""

    async def timed():
        loop = asyncio.get_running_loop()
        started = loop.time()
        async for _ in IdleTest().measure({"duration": "PT0.05S"}):
            pass
        return loop.time() - started

    assert asyncio.run(timed()) >= 0.045


def test_idle_announces_just_the_duration():
    """Clients sleep until the announced end, so it is not rounded up."""

    assert IdleTest().duration({"duration": "PT0.25S"}) == timedelta(seconds=0.25)


def test_idle_is_rendered_as_recorded():
    """The texts are those of the recordings g12 and g13."""
    result = {"duration": "PT5S"}

    assert IdleTest().plain({}, result) == "Duration ... PT5S\n"
    assert IdleTest().html({}, result) == "<table>\n<tr><td>Duration</td><td>PT5S</td></tr>\n</table>\n"


def test_only_idleex_is_exclusive():
    """The two differ in nothing else."""

    assert (IdleTest.scheduling_class, IdleexTest.scheduling_class) == ("background", "exclusive")


def test_idlebgm_gives_a_result_after_each_interval_but_not_at_the_end():
    """Forty seconds in steps of five give seven results, as in recording h07."""
    sleeper = Sleeper()
    found = outcomes(IdlebgmTest(sleeper), {"duration": "PT40S", "interval": "PT5S"})

    assert [outcome.merged for outcome in found] == [{"succeeded": True, "time-slept": "PT5S"}] * 7
    assert sum(sleeper.slept) == 40.0


def test_idlebgm_has_several_results():
    """The server makes a run of each."""

    assert IdlebgmTest().multi_result
    assert not IdleTest().multi_result


def test_idlebgm_is_rendered_as_recorded():
    """The texts are those of recording h11."""
    result = {"succeeded": True, "time-slept": "PT5S"}

    assert IdlebgmTest().plain({}, result) == "Time Slept ... PT5S\n"
    assert IdlebgmTest().html({}, result) == "<table>\n<tr><td>Time Slept</td><td>PT5S</td></tr>\n</table>\n"


def test_noop_hands_the_data_back():
    """Result and report are those of the recordings j23 and j24."""
    (outcome,) = outcomes(NoopTest(), {"data": {"open": 1}})

    assert outcome.merged == {"data": {"open": 1}, "schema": 1, "succeeded": True}
    assert outcome.full == ({"diags": "", "error": "", "result": {"open": 1}, "succeeded": True},)


def test_noop_fails_with_the_words_of_the_recording():
    """The report is that of recording f-noopfail."""
    (outcome,) = outcomes(NoopTest(lambda: 0.907488), {"data": {"a": 1}, "fail": 1.0})

    assert outcome.merged == {"succeeded": False}
    assert outcome.full == (
        {
            "diags": "Random 0.907488 on failure probability 1.000000",
            "error": "Randomly-induced failure",
            "result": None,
            "succeeded": False,
        },
    )


@pytest.mark.parametrize(("drawn", "succeeded"), [(0.29, False), (0.3, True), (0.99, True)])
def test_noop_fails_with_the_probability_given(drawn, succeeded):
    """A number below the probability is a failure."""
    (outcome,) = outcomes(NoopTest(lambda: drawn), {"fail": 0.3})

    assert outcome.merged["succeeded"] is succeeded


def test_noop_is_rendered_without_its_secrets():
    """The layout is that of recording j25, but the secret is not told."""
    result = {"data": {"_pw": "hunter2", "open": ["<b>"]}}

    assert NoopTest().plain({}, result) == 'Data:\n{\n  "_pw": null,\n  "open": [\n    "<b>"\n  ]\n}\n'
    assert "hunter2" not in NoopTest().html({}, result)
    assert "&lt;b&gt;" in NoopTest().html({}, result)
