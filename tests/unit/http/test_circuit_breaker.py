"""The circuit breaker: requests to a host that keeps failing are paused."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from tests.support.retrying import OK, URL, World, lost, refused

POLICY = RetryPolicy(attempts=1, patience_with_host=3, draw=lambda: 1.0)


def test_a_host_that_failed_often_is_not_asked():
    """Requests fail at once, with the last reason, and have not been sent."""
    world = World(refused(), policy=POLICY)

    async def many():
        return [await world.outcome("POST") for _ in range(1000)]

    outcomes = world.run(many())

    assert len(world.server.requests) == 3
    assert outcomes[999].reason == "Connection refused (3 failures in a row; requests to this host are paused)"
    assert not outcomes[999].sent


def test_an_answer_between_makes_a_host_a_good_one():
    """Only failures in a row count; what the answer says does not matter."""
    world = World(*[lost(), lost(), Reply(500, {}, b"no")] * 5, OK, policy=POLICY)

    async def many():
        return [await world.outcome() for _ in range(16)]

    assert world.run(many())[15] is OK


def test_an_answer_that_cannot_be_used_is_an_answer():
    """The host is there."""
    nonsense = ReplyError("answered nonsense", doing="asking", url=URL)
    world = World(lost(), lost(), nonsense, lost(), lost(), OK, policy=POLICY)

    async def many():
        return [await world.outcome() for _ in range(6)]

    assert world.run(many())[5] is OK


def test_other_hosts_are_asked():
    """A host is a name and a port, however it is written."""
    world = World(lambda url: OK if "good" in url else refused(), policy=POLICY)

    async def many():
        for url in ("https://BAD:443/a", "https://bad/b", "https://bad/c"):
            await world.outcome(url=url)
        return [(await world.outcome(url=url)) is OK for url in ("https://bad/d", "https://good/")]

    assert world.run(many()) == [False, True]
    assert len(world.server.requests) == 4


def test_it_is_tried_again_after_pauses_that_grow():
    """One request each time; a day of it costs little."""
    world = World(refused(), policy=POLICY)

    async def many():
        while world.time.seconds < 120:
            await world.outcome()
            await world.time.pass_by(0.5)

    world.run(many())

    assert world.times == [0, 0.5, 1, 2, 4, 8, 16, 32, 62, 92]


def test_one_request_tries_and_the_others_wait_for_what_becomes_of_it():
    """If it has an answer, they are made as well."""
    world = World(*[refused()] * 3, OK, policy=POLICY, takes=2.0)

    async def many():
        for _ in range(3):
            await world.outcome()
        await world.time.pass_by(1)
        began = len(world.server.requests)
        asking = [asyncio.ensure_future(world.outcome()) for _ in range(20)]
        await world.time.pass_by(1)
        trying = len(world.server.requests) - began
        return trying, await asyncio.gather(*asking)

    trying, outcomes = world.run(many())

    assert trying == 1
    assert outcomes == [OK] * 20


def test_if_the_one_that_tries_fails_the_others_are_not_made():
    """They fail with it."""
    world = World(refused(), policy=POLICY, takes=2.0)

    async def many():
        for _ in range(3):
            await world.outcome()
        await world.time.pass_by(1)
        return await asyncio.gather(*(world.outcome() for _ in range(20)))

    outcomes = world.run(many())

    assert len(world.server.requests) == 4
    assert {outcome.reason for outcome in outcomes[1:]} == {
        "Connection refused (4 failures in a row; requests to this host are paused)"
    }


def test_if_the_one_that_tries_is_canceled_another_one_tries():
    """No request waits for ever."""
    world = World(*[refused()] * 3, OK, policy=POLICY, takes=2.0)

    async def many():
        for _ in range(3):
            await world.outcome()
        await world.time.pass_by(1)
        asking = [asyncio.ensure_future(world.outcome()) for _ in range(3)]
        await world.time.pass_by(1)
        asking[0].cancel()
        return await asyncio.gather(*asking[1:])

    assert world.run(many()) == [OK, OK]


def test_requests_that_wait_for_their_turn_learn_that_the_host_is_dead():
    """A thousand at once cost a dead host as many connections as one after another would."""
    world = World(refused(), policy=POLICY, takes=15.0, max_connections=2)

    async def many():
        return await asyncio.gather(*(world.outcome() for _ in range(1000)))

    outcomes = world.run(many())

    assert len(world.server.requests) == 4
    assert all(isinstance(outcome, UnreachableError) for outcome in outcomes)


def test_no_more_requests_are_made_at_once_than_are_allowed():
    """Also while they are repeated."""
    world = World(*[lost()] * 20, OK, takes=1.0, max_connections=4, policy=RetryPolicy(patience_with_host=99))

    async def many():
        return await asyncio.gather(*(world.outcome() for _ in range(40)))

    assert world.run(many()) == [OK] * 40
    assert world.server.most_at_once == 4


def test_waiting_for_its_turn_takes_nothing_from_a_request():
    """Its limit begins when it is first made."""
    world = World(*[OK] * 7, lost(), OK, takes=20.0, max_connections=1)

    async def many():
        return await asyncio.gather(*(world.outcome() for _ in range(8)))

    assert world.run(many()) == [OK] * 8


def test_an_outage_of_some_seconds_costs_nothing():
    """Many requests at once survive it, although requests to the host are paused meanwhile."""
    world = World(OK, policy=RetryPolicy(draw=lambda: 0.5))
    world.server.answer = lambda _: OK if world.time.seconds > 4 else refused()

    async def many():
        return await asyncio.gather(*(world.outcome("POST") for _ in range(500)))

    assert world.run(many()) == [OK] * 500
    assert len(world.server.requests) < 600


@pytest.mark.parametrize("way", [refused(), Reply(503, {}, b"")])
def test_an_outage_of_seven_seconds_costs_nothing_whatever_chance_says(way):
    """A web server takes that long to restart."""
    world = World(OK, policy=RetryPolicy(draw=lambda: 0.0))
    world.server.answer = lambda _: OK if world.time.seconds > 7 else way

    assert world.ask() is OK


def test_a_host_that_is_dead_for_long_is_not_waited_for():
    """After a minute without any answer, what comes next fails at once."""
    world = World(refused())

    async def many():
        while world.time.seconds < 61:
            await world.outcome()
            await world.time.pass_by(1)
        began = world.time.seconds
        outcomes = [await world.outcome("POST") for _ in range(1000)]
        return world.time.seconds - began, outcomes

    took, outcomes = world.run(many())

    assert took < 60
    assert not outcomes[999].transient
    assert len(world.server.requests) < 30


def test_what_cannot_pass_is_not_waited_for():
    """A host whose certificate is refused ten times is no better in a second."""
    world = World(lost("certificate has expired", sent=False, transient=False))

    async def many():
        return [await world.outcome() for _ in range(100)]

    outcomes = world.run(many())

    assert (len(world.server.requests), world.time.seconds) == (10, 0)
    assert "certificate has expired (10 failures in a row" in outcomes[99].reason


def test_a_request_waits_until_the_host_is_not_paused_any_more():
    """Whatever chance says, it is no use to ask before."""
    policy = RetryPolicy(attempts=2, patience_with_host=1, first=timedelta(seconds=7), draw=lambda: 0.0)
    world = World(refused(), OK, policy=policy)

    assert world.ask() is OK
    assert world.times == [0, 10.5]


def test_a_request_that_waits_for_the_trial_can_be_canceled_alone():
    """The one that tries and the others that wait for it go on."""
    world = World(*[refused()] * 3, OK, policy=POLICY, takes=2.0)

    async def many():
        for _ in range(3):
            await world.outcome()
        await world.time.pass_by(1)
        asking = [asyncio.ensure_future(world.outcome()) for _ in range(3)]
        await world.time.pass_by(1)
        asking[1].cancel()
        return await asyncio.gather(asking[0], asking[2])

    assert world.run(many()) == [OK, OK]
