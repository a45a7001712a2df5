"""How many requests go to a server at once, found out from its answers (ADR 49)."""

from __future__ import annotations

import asyncio
import random
from typing import Callable, List, Optional, Tuple

import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.events import LimitChanged
from pscheduler_batch.http.adaptive_limit import BEGIN, FLOOR, HELD, AdaptiveLimit
from pscheduler_batch.http.request import Purpose, Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import VirtualClock
from tests.support.retrying import OK, World, lost
from tests.support.server import FakeServer

POST = "posting"


def answer(limit: AdaptiveLimit, seconds: float, count: int = 1, *, kind: str = POST, needed: bool = True) -> int:
    """Have requests answered that were sent after the last cut, and return the limit."""
    for _ in range(count):
        limit.note_answer(kind, seconds, limit.cuts, needed=needed)
    return limit.limit


def rounds(limit: AdaptiveLimit, count: int, took: Callable[[int], float]) -> List[int]:
    """
    Have whole rounds of requests answered.

    Args:
        limit: The limit.
        count: How many rounds.
        took: Returns how long answers take while so many requests are under way.

    Returns:
        The limit after each round.
    """
    return [answer(limit, took(limit.limit), limit.limit) for _ in range(count)]


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (2, 2), (8, 2), (1000, 2)])
def test_it_begins_at_two(most, expected):
    """Unless fewer are allowed."""

    assert AdaptiveLimit(most).limit == expected


@pytest.mark.parametrize("most", [1, 2, 3, 8, 11])
def test_it_doubles_with_each_round_while_answers_are_fast(most):
    """Up to what is allowed."""

    assert rounds(AdaptiveLimit(most), 4, lambda _: 1.3) == [min(most, limit) for limit in (4, 8, 16, 32)]


def test_answers_in_no_time_double_it_each():
    """Whatever they take exactly: our own part of so short a time varies."""
    limit = AdaptiveLimit(100)

    assert [answer(limit, seconds) for seconds in (0.002, FLOOR, 0.006, 0.0, -5.0)] == [4, 8, 16, 32, 64]


def test_it_grows_only_if_requests_wait_for_it():
    """A serial batch says nothing about what a server can do at once."""
    limit = AdaptiveLimit(8)

    assert answer(limit, 1.3, 100, needed=False) == 2


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_a_small_server_is_left_at_what_it_can_do(cores):
    """Answers take as many times longer as there are more requests than cores, and are never killed."""
    limit = AdaptiveLimit(8)
    took: List[float] = []

    def work(at_once: int) -> float:
        took.append(1.5 * max(1.0, at_once / cores))
        return took[-1]

    found = rounds(limit, 200, work)

    assert max(took) <= 6.0
    assert min(found) >= 2
    assert max(found[3:]) <= max(2 * cores, 4)


def test_it_does_not_grow_where_answers_could_take_so_long_that_they_are_killed():
    """Two at once may already be twice as slow as one; nothing has shown that yet."""
    limit = AdaptiveLimit(8)

    assert rounds(limit, 10, lambda _: 5.2) == [2] * 10
    assert not limit.growing


def test_a_server_that_was_overloaded_gets_one_request_at_a_time_while_that_takes_long():
    """Two would take twice as long, or be killed."""
    limit = AdaptiveLimit(8)
    limit.note_overload("answered 500", limit.cuts)

    assert rounds(limit, 3, lambda _: 8.0) == [1, 1, 1]
    assert rounds(limit, 2, lambda _: 5.0) == [2, 2]
    assert rounds(limit, 2, lambda _: 1.5) == [3, 4]


def test_slow_answers_cut_it_in_proportion_and_at_most_by_half():
    """Twice the best time is still fair, three times is not."""
    limit = AdaptiveLimit(12)
    rounds(limit, 3, lambda _: 1.0)

    assert rounds(limit, 1, lambda _: 2.0) == [12]
    assert rounds(limit, 1, lambda _: 3.0) == [8]
    assert rounds(limit, 1, lambda _: 30.0) == [4]


def test_it_grows_by_one_after_it_was_cut():
    """Where it was before was too much."""
    limit = AdaptiveLimit(8)
    rounds(limit, 2, lambda _: 1.0)
    limit.note_overload("answered 503", limit.cuts)

    assert rounds(limit, 5, lambda _: 1.0) == [5, 6, 7, 8, 8]


def test_the_quickest_answer_of_a_round_counts():
    """Load slows all of them; one of them may take long for other reasons."""
    limit = AdaptiveLimit(8)
    rounds(limit, 2, lambda _: 1.0)
    answer(limit, 60.0, 7)

    assert answer(limit, 1.0) == 8


def test_like_is_compared_with_like():
    """A POST takes longer than a look-up, whatever the load."""
    limit = AdaptiveLimit(8)
    answer(limit, 0.5, 2, kind="looking up")

    assert answer(limit, 2.0, 4) == 8


@pytest.mark.parametrize("late", [0, 7])
def test_a_burst_that_fails_halves_it_once(late):
    """All of it was sent before the limit was cut; so were those whose answers come later."""
    limit = AdaptiveLimit(8)
    rounds(limit, 2, lambda _: 1.0)
    cuts = limit.cuts
    for _ in range(8 - late):
        limit.note_overload("answered 503", cuts)
    for _ in range(late):
        limit.note_answer(POST, 90.0, cuts, needed=True)

    assert limit.limit == 4
    limit.note_overload("answered 503", limit.cuts)
    assert limit.limit == 2


def test_overload_never_brings_it_below_one():
    """One request at a time always goes."""
    limit = AdaptiveLimit(8)
    for _ in range(100):
        limit.note_overload("answered 503", limit.cuts)

    assert limit.limit == 1
    assert rounds(limit, 2, lambda _: 1.0) == [2, 3]


@pytest.mark.parametrize("slower", [1.7, 2.5, 4.0])
def test_a_server_that_becomes_slower_for_other_reasons_is_followed(slower):
    """The limit comes down, finds that fewer requests are no faster, and grows again."""
    limit = AdaptiveLimit(8)
    rounds(limit, 1000, lambda _: 1.0)
    found = rounds(limit, HELD * 12, lambda _: slower)

    assert min(found) == 2
    assert found[-1] == max(found[HELD * 8 :]) >= (8 if slower < 3 else 3)


def test_a_server_that_becomes_faster_is_followed():
    """At once."""
    limit = AdaptiveLimit(8)
    rounds(limit, 1000, lambda _: 5.0)

    assert rounds(limit, 8, lambda _: 0.5)[-1] == 8


def test_one_answer_that_was_too_good_is_forgotten():
    """An answer from a cache must not make all others look slow for ever."""
    limit = AdaptiveLimit(8)
    answer(limit, 0.3)

    assert rounds(limit, 40, lambda _: 1.5)[-1] == 8


@pytest.mark.parametrize("seed", range(20))
def test_nonsense_keeps_it_within_bounds_and_it_recovers(seed):
    """Answers in no time or in days, in a time that is none, overload: afterwards it grows as ever."""
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    most = chance.choice([1, 2, 5, 8, 100])
    limit = AdaptiveLimit(most)
    for _ in range(2000):
        cuts = limit.cuts - chance.choice([0, 0, 0, 1])
        if chance.random() < 0.2:
            limit.note_overload("no answer", cuts)
        else:
            seconds = chance.choice([0.0, -1e9, float("nan"), chance.random(), 10 * chance.random(), 1e6, 1e300])
            limit.note_answer(chance.choice("abc"), seconds, cuts, needed=chance.random() < 0.9)
        assert 1 <= limit.limit <= most

    assert rounds(limit, 1000, lambda _: 1.0)[-1] == most


def test_who_asks_learns_each_limit_and_why():
    """A limit that has grown needs no reason."""
    told: List[Tuple[int, bool, Optional[str], bool]] = []

    def note(changed: AdaptiveLimit, reason: Optional[str], *, overload: bool) -> None:
        told.append((changed.limit, changed.growing, reason, overload))

    limit = AdaptiveLimit(8, note)
    rounds(limit, 1, lambda _: 1.0)
    rounds(limit, 1, lambda _: 1.8)
    rounds(limit, 1, lambda _: 4.0)
    rounds(limit, 1, lambda _: 3.0)
    limit.note_overload("answered 503", limit.cuts)

    assert told == [
        (4, True, None, False),
        (4, False, "answers took 1.8 s instead of 1.0 s", False),
        (2, False, "answers took 4.0 s instead of 1.0 s", False),
        (2, True, "answers took 3.0 s instead of 1.0 s", False),
        (1, False, "answered 503", True),
    ]


def limits_of(world: World) -> List[Tuple[bool, int, Optional[str], bool]]:
    """Return what was told of the limits of a world."""
    return [
        (event.submitting, event.limit, event.reason, event.overload)
        for event in world.watched
        if isinstance(event, LimitChanged)
    ]


async def ask_all(world: World, count: int, method: str = "GET", **given: object) -> None:
    """Make requests at once."""
    await asyncio.gather(*(world.outcome(method, **given) for _ in range(count)))


def test_submitting_has_a_limit_of_its_own():
    """What posts tell about a server does not apply to look-ups."""
    world = World(OK, takes=1.0)
    world.run(ask_all(world, 6, "POST", purpose=Purpose.SUBMIT))

    assert world.server.most_at_once == 4
    assert limits_of(world) == [(True, 4, None, False)]


def test_both_limits_together_stay_within_what_is_allowed():
    """However fast the server is."""
    world = World(OK, takes=1.0, max_connections=5)

    async def everything() -> None:
        await asyncio.gather(
            ask_all(world, 50, "POST", purpose=Purpose.SUBMIT), ask_all(world, 50), ask_all(world, 50, wait=5)
        )

    world.run(everything())

    assert world.server.most_at_once == 5
    assert len(world.server.requests) == 150


@pytest.mark.parametrize("purpose", [Purpose.WAIT, Purpose.CANCEL])
def test_long_polls_and_canceling_are_not_limited_by_it(purpose):
    """How long they take says nothing about the server, and canceling must not wait."""
    world = World(OK, takes=30.0)
    world.run(ask_all(world, 8, purpose=purpose))

    assert world.server.most_at_once == 8
    assert world.time.seconds == 30.0
    assert limits_of(world) == []


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Reply(503, {}, b""), "answered 503"),
        (Reply(500, {}, b"Unable to determine participants: Process took too long to run."), "answered 500"),
        (Reply(429, {}, b""), "answered 429"),
        (lost("no answer within 120 seconds", too_slow=True), "no answer within 120 seconds"),
    ],
)
def test_what_says_overload_halves_it(ending, reason):
    """Both requests of the first round are answered so; that is one cut."""
    world = World(ending, ending, OK, takes=1.0, policy=RetryPolicy(draw=lambda: 1.0))
    world.run(ask_all(world, 2, "POST", purpose=Purpose.SUBMIT))

    assert limits_of(world) == [(True, 1, reason, True)]


@pytest.mark.parametrize("ending", [Reply(404, {}, b""), Reply(500, {}, b"no"), lost(), lost(sent=False)])
def test_refusals_and_broken_connections_say_nothing(ending):
    """A refusal is no work, and a host that is down is no slow one."""
    world = World(ending, takes=1.0, policy=RetryPolicy(attempts=1, internal_attempts=1))
    world.run(ask_all(world, 9, "POST", purpose=Purpose.SUBMIT))

    assert world.server.most_at_once == 2
    assert limits_of(world) == []


def test_every_second_answer_is_overload():
    """All is done in the end, one or two at a time."""
    world = World(OK, policy=RetryPolicy(attempts=99, draw=lambda: 0.1))
    turns = iter(range(10**9))
    world.server.answer = lambda _: Reply(503, {}, b"") if next(turns) % 2 else OK

    async def everything() -> List[object]:
        return await asyncio.gather(*(world.outcome() for _ in range(200)))

    assert world.run(everything()) == [OK] * 200
    assert world.server.most_at_once <= 4


class Crowd:
    """Two hundred hosts, some of them slow, and some that fail, with a number of requests for each."""

    def __init__(self, seed: int, requests: int = 12) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - no secret depends on it
        self.time = VirtualClock()
        self.slow = {f"{number}.example.net" for number in self.chance.sample(range(200), 10)}
        self.under_way = {f"{number}.example.net": 0 for number in range(200)}
        self.most = dict(self.under_way)
        self.answered = dict(self.under_way)
        self.last = dict.fromkeys(self.under_way, 0.0)
        session = Session(self.time.clock)
        policy = RetryPolicy(attempts=50, draw=self.chance.random, patience_with_host=10**9)
        self.client = make_client(FakeServer(self._answer, self.time), session, policy=policy)
        asyncio.run(self._ask(requests))

    async def _ask(self, requests: int) -> None:
        await asyncio.gather(*(self._ask_one(host) for host in self.under_way for _ in range(requests)))

    async def _ask_one(self, host: str) -> None:
        await self.client.request(Request("GET", f"https://{host}/pscheduler/x", "asking"))
        self.answered[host] += 1
        self.last[host] = self.time.seconds

    async def _answer(self, request: Request) -> Reply:
        host = request.url.split("/")[2]
        self.under_way[host] += 1
        self.most[host] = max(self.most[host], self.under_way[host])
        try:
            seconds = self.chance.choice([0.0, 0.001, 0.1, 0.5])
            if host in self.slow:
                seconds = self.under_way[host] * self.chance.uniform(1.0, 4.0)
            await self.time.pass_by(seconds)
        finally:
            self.under_way[host] -= 1
        if host in self.slow and self.chance.random() < 0.2:
            if self.chance.random() < 0.5:
                raise UnreachableError("no answer", doing="asking", url=request.url, too_slow=True)
            return Reply(503, {}, b"")
        return OK


@pytest.mark.parametrize("seed", range(3))
def test_slow_hosts_among_many_are_spared_and_hold_no_other_up(seed):
    """Every request is answered; the fast ones are as fast as if they were alone."""
    crowd = Crowd(seed)
    fast = set(crowd.answered) - crowd.slow

    assert set(crowd.answered.values()) == {12}
    assert max(crowd.most.values()) <= 8
    assert max(crowd.most[host] for host in crowd.slow) < 8
    assert max(crowd.last[host] for host in fast) <= 12 * 0.5
    assert min(crowd.most.values()) >= BEGIN
