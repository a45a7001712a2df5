"""Which requests are made again, and when; in a time of the tests' own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.http.request import OutageLimits, Purpose, Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.http.urls import host_of
from tests.support.clock import NOON, after
from tests.support.retrying import OK, URL, World, lost, refused
from tests.support.server import in_turn

# What a server says whose own processes take too long [o10].
KILLED = Reply(500, {}, b"Unable to determine participants: Process took too long to run.\n")

# A year that no calendar has.
NEVER = "Sun, 01 Mar 99999999999999 12:00:00 GMT"


def test_an_answer_is_handed_on_with_all_that_was_asked():
    """The one request has the arguments that were given."""
    world = World(OK)

    given = {"content": "{}", "bind": "192.0.2.1", "wait": 5, "purpose": Purpose.SUBMIT}

    assert world.ask("POST", **given) is OK
    assert world.server.received == [(0.0, Request("POST", URL, "asking", **given))]
    assert world.told == []


@pytest.mark.parametrize("last", [OK, refused()])
def test_who_watches_learns_why_a_request_is_made_again_and_when_it_is_over(last):
    """Whatever came of it; of one that was answered at once there is nothing to tell."""
    world = World(refused(), Reply(503, {}, b""), last)
    world.ask()
    told = [
        (event.host, event.doing, event.reason, event.again, event.until)
        for event in world.watched
        if isinstance(event, RequestHeldUp)
    ]

    assert told[:2] == [
        (host_of(URL), "asking", "Connection refused", after(1), after(60)),
        (host_of(URL), "asking", "answered 503", after(3), after(60)),
    ]
    assert told[-1] == (host_of(URL), "asking", None, None, None)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "way", [lost(), refused(), Reply(502, {}, b""), Reply(503, {}, b""), Reply(504, {}, b""), KILLED]
)
def test_what_changes_nothing_is_asked_again(method, way):
    """Pauses double, and the answer that comes in the end is the one that counts."""
    world = World(way, way, way, OK)

    assert world.ask(method) is OK
    assert world.times == [0, 1, 3, 7]


def test_a_post_that_never_left_is_made_again():
    """Nothing can have come of it."""
    world = World(refused(), refused(), OK)

    assert world.ask("POST", content="{}") is OK
    assert len(world.times) == 3


@pytest.mark.parametrize(
    "way",
    [
        lost(),
        Reply(503, {}, b""),
        Reply(500, {}, b"Internal problem"),
        KILLED,
        Reply(429, {}, b""),
        Reply(503, {"retry-after": "1"}, b""),
    ],
)
def test_a_post_that_may_have_arrived_is_never_made_again(way):
    """Two POSTs make two tasks."""
    world = World(way, OK)

    assert world.ask("POST", content="{}") is way
    assert len(world.times) == 1


def test_a_post_that_is_to_come_later_is_made_again_then():
    """A server that says 429 has done nothing."""
    world = World(Reply(429, {"retry-after": "7"}, b""), OK)

    assert world.ask("POST", content="{}") is OK
    assert world.times == [0, 7]


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 408, 409, 414, 422, 429, 501, 505])
def test_an_answer_that_is_meant_so_is_not_asked_for_again(status):
    """What a server refuses it refuses again; also 429 if it does not say for how long."""
    world = World(Reply(status, {}, b""), OK)

    assert world.ask().status == status
    assert len(world.times) == 1


def test_a_cancellation_is_repeated_if_the_server_has_too_many_requests():
    """The task would go on running."""
    world = World(Reply(429, {}, b""), Reply(429, {}, b""), OK)

    assert world.ask("DELETE", purpose=Purpose.CANCEL) is OK
    assert world.times == [0, 1, 3]


def test_what_cannot_pass_by_itself_is_not_tried_again():
    """Such as a certificate that is refused."""
    error = lost("certificate has expired", sent=False, transient=False)
    world = World(error, OK)

    assert world.ask() is error
    assert len(world.times) == 1


def test_an_answer_that_cannot_be_used_is_not_asked_for_again():
    """It would be the same again."""
    error = ReplyError("answered more than 1 bytes", doing="asking", url=URL)
    world = World(error, OK)

    assert world.ask() is error
    assert len(world.times) == 1


def test_any_other_exception_is_handed_on():
    """A bug is no network failure."""
    world = World(ZeroDivisionError("a bug"), OK)

    with pytest.raises(ZeroDivisionError):
        world.ask()


def test_an_internal_problem_is_asked_about_fewer_times():
    """It is mostly one that stays."""
    world = World(Reply(500, {}, b"Internal problem; see system logs."))

    assert world.ask().status == 500
    assert world.times == [0, 1, 3]


@pytest.mark.parametrize("answer", [KILLED, Reply(502, {}, b""), Reply(503, {}, b""), Reply(504, {}, b"")])
def test_an_overloaded_server_is_asked_again_for_a_minute(answer):
    """What it needs is time, so an overload of 40 seconds loses nothing."""
    assert World(*[answer] * 6, OK).ask() is OK
    world = World(answer)

    assert world.ask() is answer
    assert world.times == [0, 1, 3, 7, 15, 31, 60]


def test_a_format_that_a_test_does_not_have_is_not_asked_for_again():
    """Servers answer it with a 500 as well [g-m-thr-result-html]."""
    world = World(Reply(500, {}, b"Unsupported format text/html"), OK)

    assert world.ask(final_words="Unsupported format").status == 500
    assert len(world.times) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_long_poll_that_is_cut_is_left_to_the_caller(status):
    """Web servers cut them as a matter of course [e20a]."""
    world = World(Reply(status, {}, b""), OK, takes=1.0)

    assert world.ask(wait=5).status == status
    assert len(world.times) == 1


@pytest.mark.parametrize(
    ("reply", "takes"), [*((Reply(status, {}, b""), 0.5) for status in (502, 503, 504)), (KILLED, 10.0)]
)
def test_a_long_poll_that_was_not_waited_for_is_asked_again(reply, takes):
    """It was not cut: pScheduler cannot be reached, or is too slow."""
    world = World(reply, OK, takes=takes)

    assert world.ask(wait=5) == OK


def test_a_long_poll_whose_connection_breaks_is_asked_again():
    """It changes nothing on the server."""
    world = World(lost(), OK)

    assert world.ask(wait=5) == OK


def test_the_last_failure_is_what_is_raised():
    """After so many attempts."""
    errors = [lost(str(number)) for number in range(5)]
    world = World(*errors, OK)

    assert world.ask() is errors[4]
    assert len(world.times) == 5


def test_the_number_of_attempts_can_be_set():
    """One attempt is no repetition."""
    world = World(refused(), OK, policy=RetryPolicy(attempts=1))

    assert isinstance(world.ask(), UnreachableError)
    assert len(world.times) == 1


def test_nothing_is_tried_again_after_the_limit():
    """However often it may have been tried by then."""
    world = World(lost(), takes=50.0)

    assert isinstance(world.ask(), UnreachableError)
    assert world.times == [0, 51]


def test_a_pause_never_goes_beyond_the_limit():
    """The last attempt is made when the limit is reached."""
    policy = RetryPolicy(limit=timedelta(seconds=5), draw=lambda: 1.0)
    world = World(refused(), policy=policy)

    world.ask()

    assert world.times == [0, 1, 3, 5]


def test_pauses_do_not_grow_for_ever():
    """There is a longest one."""
    policy = RetryPolicy(
        attempts=6, longest=timedelta(seconds=3), limit=timedelta(hours=1), patience_with_host=99, draw=lambda: 1.0
    )
    world = World(lost(), policy=policy)
    world.ask()

    assert world.time.slept == [1, 2, 3, 3, 3]


@pytest.mark.parametrize(("drawn", "slept"), [(0.0, [0.5, 1, 2, 4]), (0.5, [0.75, 1.5, 3, 6])])
def test_chance_decides_how_much_of_half_a_pause_is_waited(drawn, slept):
    """So that many that failed together do not come back together, and all of them outlast a short outage."""
    world = World(lost(), policy=RetryPolicy(draw=lambda: drawn))
    world.ask()

    assert world.time.slept == slept


def test_chance_is_chance_unless_it_is_given():
    """Two pauses are not the same."""
    world = World(lost(), policy=RetryPolicy())
    world.ask()

    assert all(longest / 2 <= seconds <= longest for seconds, longest in zip(world.time.slept, (1, 2, 4, 8)))
    assert len(set(world.time.slept)) > 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        (format_datetime(NOON + timedelta(seconds=20), usegmt=True), 20),
        ("Sun, 01 Mar 2026 12:00:20 -0000", 20),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 1),
        ("0", 1),
    ],
)
def test_a_server_that_says_when_is_asked_then(status, value, seconds):
    """In so many seconds or at that time, but never sooner than by ourselves."""
    world = World(Reply(status, {"retry-after": value}, b""), OK)

    assert world.ask() is OK
    assert world.times == [0, seconds]


def test_the_time_a_server_says_is_by_its_own_clock():
    """Its Date tells how late that is."""
    ahead = NOON + timedelta(hours=3)
    headers = {"date": format_datetime(ahead), "retry-after": format_datetime(ahead + timedelta(seconds=9))}
    world = World(Reply(503, headers, b""), OK)

    assert world.ask() is OK
    assert world.times == [0, 9]


@pytest.mark.parametrize("value", ["60", "3600", "9" * 5000, format_datetime(NOON + timedelta(hours=2))])
def test_a_server_that_wants_more_time_than_there_is_is_not_asked_again(value):
    """Its answer is the answer."""
    world = World(Reply(503, {"retry-after": value}, b""), OK)

    assert world.ask().status == 503
    assert world.time.slept == []


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "٣", "Sun, 99 Mar 2026 12:00:00 GMT", NEVER])
def test_a_time_that_cannot_be_read_is_none(value):
    """With 503 the pauses are then our own, with 429 there is no second request."""
    overworked = World(Reply(503, {"retry-after": value}, b""), OK)
    too_many = World(Reply(429, {"retry-after": value}, b""), OK)

    assert overworked.ask() is OK
    assert overworked.times == [0, 1]
    assert too_many.ask().status == 429


def test_each_repetition_is_told_of():
    """What was asked for, what happened and when it goes on; the URL's query may hold secrets."""
    world = World(refused(), Reply(503, {}, b""), OK)
    world.ask()

    assert world.told == [
        "asking: Connection refused; retrying https://ps.example.net/pscheduler/x in 1.0 s, for at most 1 min",
        "asking: answered 503; retrying https://ps.example.net/pscheduler/x in 2.0 s, for at most 59 s",
    ]


def test_closing_closes_what_makes_the_requests():
    """The connections are there."""
    world = World(OK)
    world.run(world.client.aclose())

    assert world.server.closed


def test_an_invalid_url_is_handed_on_to_the_transport():
    """Nothing is known of its host."""
    world = World(lost("no host", sent=False, transient=False))

    assert world.ask(url="https://[::1/").reason == "no host"


def test_a_request_can_be_canceled():
    """Whether it waits for an answer or between two attempts."""
    world = World(lost(), OK, takes=5.0)

    async def cancel(seconds):
        task = asyncio.ensure_future(world.outcome())
        await world.time.pass_by(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert [world.run(cancel(seconds)) for seconds in (2, 5.5)] == [True, True]


OUTAGE = OutageLimits(timedelta(minutes=5), timedelta(seconds=5), frozenset({503}))


@pytest.mark.parametrize("way", [lost(), lost(transient=False), Reply(503, {}, b""), KILLED])
def test_an_outage_is_waited_out_after_the_quick_retries(way):
    """With pauses that do not grow any more, so that the end of it is noticed soon; by one clock."""
    world = World(way, policy=RetryPolicy(draw=lambda: 1.0, patience_with_host=10**9))
    world.ask(outage=OUTAGE)
    quick = [0, 1, 3, 7, 15] if getattr(way, "transient", True) else [0]
    later = [quick[-1] + 5 * n for n in range(1, 61)]

    assert world.times == quick + [second for second in later if second - 5 < 300]


class TestLastingFaults:
    """What was waited for in vain is not waited for again until it has answered (ADR 51)."""

    @staticmethod
    def world(*ways):
        """Return a world in which a quarter of an hour has no end but that of the outage."""
        return World(*ways, policy=RetryPolicy(draw=lambda: 1.0, patience_with_host=10**9))

    @staticmethod
    async def seconds(world, **given):
        """Make a request that waits for the end of an outage; return its outcome and how long it took."""
        begin = world.time.seconds
        outcome = await world.outcome(outage=OUTAGE, **given)
        return outcome, round(world.time.seconds - begin)

    def both(self, world, first, second):
        """Make two requests one after the other; return what became of the second, and how long it took."""

        async def run():
            await self.seconds(world, **first)
            return await self.seconds(world, **second)

        return world.run(run())

    @pytest.mark.parametrize("way", [lost("gone"), Reply(503, {}, b"")])
    def test_a_second_request_is_made_once(self, way):
        """Whatever the fault."""
        outcome, took = self.both(self.world(way), {}, {})

        assert took == 0
        assert "not retried, as such requests failed for 5 min before" in (
            outcome.in_vain if isinstance(outcome, Reply) else outcome.reason
        )

    def test_what_was_waited_for_in_vain_has_less_time(self):
        """A server that is silent costs each iteration no more than half a minute, until it answers."""
        silent = True
        world = self.world(lambda _url: lost("no answer") if silent else OK)

        async def run():
            nonlocal silent
            await self.seconds(world)
            before = world.server.received[-1][1].limit
            await self.seconds(world)
            silent = False
            await self.seconds(world)
            await self.seconds(world)
            return before, [request.limit for _, request in world.server.received[-3:]]

        half_a_minute = timedelta(seconds=30)
        assert world.run(run()) == (timedelta.max, [half_a_minute, half_a_minute, timedelta.max])

    def test_another_host_is_another_matter(self):
        """It has its own patience."""
        _, took = self.both(self.world(lost()), {}, {"url": "https://ps2.example.net/x"})

        assert took == 300

    def test_another_kind_of_request_is_another_matter(self):
        """Such as another format of the same result."""
        world = self.world(lost())

        async def run():
            await self.seconds(world)
            begin = world.time.seconds
            with pytest.raises(UnreachableError):
                await world.client.request(Request("GET", URL, "asking for something else", outage=OUTAGE))
            return world.time.seconds - begin

        assert world.run(run()) == 300

    @pytest.mark.parametrize("answer", [OK, Reply(404, {}, b""), ReplyError("too long", doing="asking", url=URL)])
    def test_an_answer_restores_the_patience(self, answer):
        """Whatever the answer is: the server is there."""
        ways = iter([])

        def way(_url):
            return next(ways)

        world = self.world(way)

        async def run():
            nonlocal ways
            ways = iter([lost()] * 1000)
            await self.seconds(world)
            ways = iter([answer])
            await self.seconds(world)
            ways = iter([*[lost()] * 20, OK])
            return await self.seconds(world)

        outcome, took = world.run(run())

        assert outcome is OK
        assert took > 60

    def test_requests_that_overlap_share_the_time(self):
        """The one that comes later has what is left."""
        world = self.world(lost())

        async def run():
            first = asyncio.ensure_future(self.seconds(world))
            await world.time.pass_by(200)
            return await self.seconds(world), await first

        (outcome, took), (_, whole) = world.run(run())

        assert whole == 300
        assert 100 <= took <= 105
        assert f"(tried for 1 min {took - 60} s)" in outcome.reason

    def test_one_that_fails_alone_leaves_the_others_their_patience(self):
        """As long as other requests of its kind are answered, the fault is not one of the server."""
        down = False

        def way(url):
            return lost() if down or url == URL else OK

        world = self.world(way)
        other = "https://ps.example.net/other"

        async def run():
            nonlocal down
            alone = asyncio.ensure_future(self.seconds(world))
            await world.time.pass_by(290)
            await self.seconds(world, url=other)
            down = True
            others = asyncio.ensure_future(self.seconds(world, url=other))
            await alone
            await world.time.pass_by(100)
            down = False
            return await others

        assert world.run(run())[0] is OK

    def test_requests_that_wait_for_no_outage_are_left_alone(self):
        """They are retried as ever, and a failure of theirs is no answer."""
        world = self.world(lost())

        async def run():
            await self.seconds(world)
            begin = world.time.seconds
            await world.outcome()
            return world.time.seconds - begin, (await self.seconds(world))[1]

        assert world.run(run()) == (15, 0)

    def test_quick_retries_end_with_the_patience(self):
        """A short one is meant so; each retry says how much of it is left."""
        world = self.world(lost())
        outcome = world.ask(outage=replace(OUTAGE, span=timedelta(seconds=5)))

        assert world.times == [0, 1, 3, 5]
        assert outcome.reason.endswith("(tried for 5 s)")
        assert [event.when for event in world.watched[:-1]] == [
            "in 1.0 s, for at most 5 s",
            "in 2.0 s, for at most 4 s",
            "in 2.0 s, for at most 2 s",
        ]

    def test_a_single_attempt_may_use_up_the_patience(self):
        """As when a server accepts a request and never answers."""
        world = World(lost("no answer"), takes=20.0)
        outcome = world.ask(outage=replace(OUTAGE, span=timedelta(seconds=5)))

        assert (world.times, outcome.reason) == ([0], "no answer (tried for 20 s)")


def test_a_status_that_is_no_outage_is_final():
    """Which ones are, the caller says."""
    world = World(Reply(404, {}, b""), OK)

    assert world.ask(outage=OUTAGE).status == 404


class TestSettling:
    """A POST whose caller can find out what came of it."""

    @staticmethod
    def post(*ways, settled):
        """Make a POST; return the world, its reply or error, and what was to be settled."""
        world, outcomes, answers = World(*ways), [], list(settled)

        async def settle(outcome):
            outcomes.append(outcome)
            return answers.pop(0)

        return world, world.ask("POST", settle=settle), outcomes

    def test_the_reply_that_counts_is_the_callers(self):
        """Whatever came over the wire."""
        error = lost()
        world, reply, outcomes = self.post(error, settled=[OK])

        assert (reply, outcomes, len(world.times)) == (OK, [error], 1)

    def test_a_post_that_made_nothing_is_repeated(self):
        """At once, as the caller waited before it found that out."""
        busy = Reply(503, {}, b"")
        world, reply, outcomes = self.post(busy, lost(), OK, settled=[None, None, OK])

        assert (reply, len(outcomes), world.times) == (OK, 3, [0, 0, 0])

    def test_a_refusal_that_asks_for_more_time_is_not_the_last_word(self):
        """The caller returns it as the reply that counts, as no task was made."""
        later = Reply(429, {"retry-after": "7"}, b"")
        world, reply, outcomes = self.post(later, OK, settled=[later, OK])

        assert (world.times, reply, outcomes) == ([0, 7], OK, [later, OK])

    def test_a_post_that_is_to_come_later_is_not_made_once_the_batch_is_being_ended(self):
        """What is canceled waits for its outcome, so there is no pause before it."""
        world = World()

        async def settle(outcome):
            world.client.session.shutdown.begin()
            return outcome

        world.server.answer = in_turn(Reply(429, {"retry-after": "7"}, b""))
        error = world.ask("POST", settle=settle)

        assert (error.reason, world.times, world.time.seconds) == (
            "the batch was ended before anything was sent",
            [0],
            0,
        )

    def test_there_is_nothing_to_settle_where_nothing_was_sent(self):
        """It is repeated as any other request."""
        world, reply, outcomes = self.post(refused(), OK, settled=[OK])

        assert (reply, outcomes, len(world.times)) == (OK, [OK], 2)
