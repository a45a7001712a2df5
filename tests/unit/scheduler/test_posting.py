"""Exactly one task for each iteration, whatever becomes of its POST."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count

import httpx
import pytest

from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.http.response import GATEWAY
from pscheduler_batch.model import Iteration
from pscheduler_batch.scheduler.posting import ATTEMPTS
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support.lost_posts import EARLIER, HREF, LIST, LOST, POST, UNSENT, broken, nothing, there
from tests.support.wire import HOST, IDLE, submit, submit_all

# A server that is too slow for its own plug-ins [o10].
KILLED = {"status": 500, "text": "Unable to determine participants: Process took too long to run.\n"}


@pytest.fixture
def marks():
    """Return a function that makes marks: m0, m1 and so on."""
    numbers = count()
    return lambda: f"m{next(numbers)}"


class TestMarks:
    """What is put into a task, by which it is found again."""

    def test_a_task_carries_a_mark(self, wire, marks):
        """In its reference, which is free for anything."""
        server = wire()

        result = submit(server, new_mark=marks)

        assert json.loads(server.posts[0].content)["reference"] == {"pscheduler-batch": "m0"}
        assert result.iteration.task["reference"] == {"pscheduler-batch": "m0"}

    def test_each_task_has_one_of_its_own(self, wire, marks):
        """Even where the tasks are the same."""
        server = wire()
        submit_all(server, [Iteration(0, n, f"idle/{n}", timedelta(0), IDLE) for n in range(3)], new_mark=marks)
        posted = [json.loads(post.content)["reference"]["pscheduler-batch"] for post in server.posts]

        assert sorted(posted) == ["m0", "m1", "m2"]

    def test_a_reference_of_the_users_own_is_kept(self, wire, marks):
        """The mark stands beside what is in it."""
        server = wire()

        submit(server, task={**IDLE, "reference": {"ticket": 17}}, new_mark=marks)

        assert json.loads(server.posts[0].content)["reference"] == {"ticket": 17, "pscheduler-batch": "m0"}

    @pytest.mark.parametrize("reference", ["ticket 17", ["ticket", 17], 17, None])
    def test_a_reference_that_is_no_object_is_left_alone(self, wire, marks, reference):
        """Such a task goes without a mark, and is not posted a second time."""
        server = wire()
        broken(server, LOST, listed=[there])

        result = submit(server, task={**IDLE, "reference": reference}, new_mark=marks)

        assert [json.loads(post.content)["reference"] for post in server.posts] == [reference]
        assert result.failure.message.endswith("without a mark it cannot be found")

    def test_nothing_is_looked_for_where_all_goes_well(self, wire, marks):
        """A mark costs no request."""
        server = wire()

        submit(server, new_mark=marks)

        assert not [asked for asked in server.asked if asked.startswith("GET /tasks?")]


class TestLostAnswers:
    """A POST that left, and no answer came."""

    @pytest.mark.parametrize("error", [LOST, httpx.ReadTimeout(""), httpx.RemoteProtocolError("without sending")])
    def test_a_task_that_is_there_at_once_is_not_posted_again(self, wire, marks, error):
        """The answer was lost, nothing else."""
        server = wire()
        broken(server, error, listed=[there])

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (1, HREF, None)
        assert result.runs[0].succeeded

    def test_it_is_looked_for_by_its_mark(self, wire, marks):
        """In the list of those tasks that contain it."""
        server = wire()
        broken(server, LOST, listed=[there])

        submit(server, new_mark=marks)

        assert 'GET /tasks?json={"reference":+{"pscheduler-batch":+"m0"}}' in server.asked

    def test_a_task_that_is_there_later_is_waited_for(self, wire, marks):
        """The server may have been busy with it."""
        server = wire()
        broken(server, LOST, listed=[nothing, nothing, nothing, there])

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (1, HREF, None)

    def test_a_task_that_never_comes_is_posted_again(self, wire, marks):
        """With the same mark, after the time that a busy server needs."""
        server = wire()
        broken(server, LOST)

        result = submit(server, new_mark=marks)

        assert [json.loads(post.content)["reference"]["pscheduler-batch"] for post in server.posts] == ["m0", "m0"]
        assert result.failure is None
        assert server.clock.seconds >= WaitLimits().lost_post.total_seconds()

    def test_an_earlier_one_that_turns_up_is_canceled(self, wire, marks):
        """When it was posted again meanwhile; the answered one is the task of the iteration."""
        server = wire()
        later = [nothing] * 7 + [{"json": ["/tasks/0ld", "/tasks/5f1c"]}]
        broken(server, LOST, listed=later)
        server.changed["DELETE /tasks/0ld"] = [{"text": "OK"}]
        told = []

        result = submit(server, new_mark=marks, told=told)

        assert (len(server.posts), result.task_href, result.failure) == (2, HREF, None)
        assert [asked for asked in server.asked if asked.startswith("DELETE")] == ["DELETE /tasks/0ld"]
        assert f"canceled {EARLIER}, the task of a POST that was lost" in told

    def test_one_of_two_that_both_turn_up_is_canceled(self, wire, marks):
        """When both answers were lost."""
        server = wire()
        later = [nothing] * 7 + [{"json": ["/tasks/5f1c", "/tasks/0ld"]}]
        broken(server, LOST, LOST, listed=later)
        server.changed["DELETE /tasks/0ld"] = [{"text": "OK"}]

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (2, HREF, None)
        assert [asked for asked in server.asked if asked.startswith("DELETE")] == ["DELETE /tasks/0ld"]

    @pytest.mark.parametrize("trouble", [{"status": 403, "text": "no"}, {"status": 503, "text": "busy"}])
    def test_a_task_that_is_there_counts_though_others_cannot_be_looked_for(self, wire, marks, trouble):
        """What was obtained is not dropped because something else failed."""
        server = wire()
        broken(server, LOST, listed=[nothing] * 7 + [trouble])

        result = submit(server, new_mark=marks)

        assert (result.task_href, result.failure) == (HREF, None)

    def test_an_earlier_one_that_cannot_be_canceled_does_no_harm(self, wire, marks):
        """It is told, and the iteration goes on."""
        server = wire()
        broken(server, LOST, listed=[nothing] * 7 + [{"json": ["/tasks/0ld", "/tasks/5f1c"]}])
        server.changed["DELETE /tasks/0ld"] = [{"status": 403, "text": "Forbidden"}]
        told = []

        result = submit(server, new_mark=marks, told=told)

        assert result.failure is None
        assert any("answered 403: Forbidden" in line for line in told)

    def test_in_the_end_it_is_given_up(self, wire, marks):
        """Having looked for the last one as long as for the others."""
        server = wire()
        broken(server, *[LOST] * ATTEMPTS)

        result = submit(server, new_mark=marks)

        assert len(server.posts) == ATTEMPTS
        assert result.failure.doing == "posting the task"
        assert server.clock.seconds >= ATTEMPTS * WaitLimits().lost_post.total_seconds()

    def test_the_last_one_that_turns_up_late_is_found(self, wire, marks):
        """It is not left behind on the server."""
        server = wire()
        broken(server, *[LOST] * ATTEMPTS, listed=[nothing] * (ATTEMPTS * 7 - 2) + [there])

        result = submit(server, new_mark=marks)

        assert (result.task_href, result.failure) == (HREF, None)

    def test_looking_outlasts_an_outage(self, wire, marks):
        """A server that broke the POST off may be starting again."""
        server = wire()
        broken(server, LOST, listed=[there])
        server.broken[LIST] = [UNSENT] * 8

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href) == (1, HREF)

    def test_looking_outlasts_an_overworked_server(self, wire, marks):
        """The web server answers, and pScheduler does not yet."""
        server = wire()
        broken(server, LOST, listed=[{"status": 503, "text": "busy"}] * 8 + [there])

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href) == (1, HREF)

    @pytest.mark.parametrize("said", ["Forbidden", "<h1>no such page</h1>"])
    def test_where_it_cannot_be_found_out_it_is_not_posted_again(self, wire, marks, said):
        """And the failure says that the task may be there."""
        server = wire()
        broken(server, LOST, listed=[{"status": 403, "text": said}])

        result = submit(server, new_mark=marks)

        assert len(server.posts) == 1
        assert "; whether the task is there could not be found out: looking for the task by its mark: " in (
            result.failure.message
        )
        assert "answered 403" in result.failure.message

    def test_secrets_are_not_told(self, wire, marks):
        """A server may quote the whole task."""
        server = wire()
        server.changed[POST] = [{"status": 503, "text": "cannot store t0psecret"}, {"json": "/tasks/5f1c"}]
        server.changed[LIST] = [nothing]
        told = []

        submit(server, task={**IDLE, "_key": "t0psecret"}, new_mark=marks, told=told)

        assert any("looking for the task by its mark" in line for line in told)
        assert "t0psecret" not in "\n".join(told)


class TestAnswersThatSayNo:
    """A server that says no may have kept the task all the same."""

    @pytest.mark.parametrize("status", [201, 202, 500, 507, *sorted(GATEWAY)])
    def test_a_task_that_was_kept_is_the_task(self, wire, marks, status):
        """A server may break after it has stored a task, and a web server cut the answer."""
        server = wire()
        server.changed[POST] = [{"status": status, "text": "Internal problem"}]
        server.changed[LIST] = [there]

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (1, HREF, None)

    @pytest.mark.parametrize("status", sorted(GATEWAY))
    def test_a_web_server_that_answers_for_pscheduler_is_asked_again(self, wire, marks, status):
        """When the task did not come in the time that it takes."""
        server = wire()
        server.changed[POST] = [{"status": status, "text": "busy"}, {"json": "/tasks/5f1c"}]
        server.changed[LIST] = [nothing]

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.failure) == (2, None)

    def test_a_server_that_is_too_slow_is_asked_again_after_pauses_that_grow(self, wire, marks):
        """It answers itself, so the task does not come later, but it needs time [o10]."""
        server = wire()
        server.changed[POST] = [KILLED] * 4 + [{"json": "/tasks/5f1c"}]
        server.changed[LIST] = [nothing]

        result = submit(server, new_mark=marks)

        posted = [seconds for seconds, asked in zip(server.seconds, server.asked) if asked == POST]
        assert [later - sooner for sooner, later in zip(posted, posted[1:])] == pytest.approx([5, 10, 20, 30])
        assert (result.task_href, result.failure) == (HREF, None)

    def test_who_watches_learns_why_a_task_is_posted_again(self, wire, marks):
        """And that it is looked for before."""
        server = wire()
        server.changed[POST] = [KILLED, {"json": "/tasks/5f1c"}]
        server.changed[LIST] = [nothing]
        events = []

        submit_all(server, [Iteration(0, 0, "idle/0", timedelta(0), IDLE)], new_mark=marks, watch=events.append)

        held_up = [event for event in events if isinstance(event, RequestHeldUp)]
        assert [(event.host, event.doing, event.reason, event.when) for event in held_up] == [
            (HOST, "posting the task", "answered 500; looking for the task by its mark", "in 5.0 s"),
            (HOST, "posting the task", None, ""),
        ]

    def test_a_server_that_stays_too_slow_is_quoted(self, wire, marks):
        """After five POSTs, each of which made nothing."""
        server = wire()
        server.changed[POST] = [KILLED]
        server.changed[LIST] = [nothing]

        result = submit(server, new_mark=marks)

        assert len(server.posts) == 5
        assert result.failure.message.endswith(f"answered 500: {KILLED['text'].strip()}")

    def test_a_server_that_is_too_slow_may_have_made_the_task(self, wire, marks):
        """Then it is not posted again."""
        server = wire()
        server.changed[POST] = [KILLED]
        server.changed[LIST] = [there]

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (1, HREF, None)

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 414, 422, 429, 500, 507])
    def test_a_refusal_of_pscheduler_itself_is_final(self, wire, marks, status):
        """With the server's words."""
        server = wire()
        server.changed[POST] = [{"status": status, "text": "these are its words"}]
        server.changed[LIST] = [nothing]

        result = submit(server, new_mark=marks)

        assert len(server.posts) == 1
        assert f"answered {status}: these are its words" in result.failure.message

    @pytest.mark.parametrize("body", [{"text": "<h1>It works!</h1>"}, {"json": 7}, {"json": "ftp://x/1"}])
    def test_an_answer_that_cannot_be_understood_is_looked_into(self, wire, marks, body):
        """The server meant to say where the task is."""
        server = wire()
        server.changed[POST] = [body]
        server.changed[LIST] = [there]

        result = submit(server, new_mark=marks)

        assert (len(server.posts), result.task_href, result.failure) == (1, HREF, None)

    @pytest.mark.parametrize("listed", [{"status": 403, "text": "no"}, nothing])
    def test_what_the_server_said_counts_where_there_is_no_task(self, wire, marks, listed):
        """And not what became of looking for it."""
        server = wire()
        server.changed[POST] = [{"text": "hello"}]
        server.changed[LIST] = [listed]

        result = submit(server, new_mark=marks)

        assert result.failure.message.endswith("did not answer with JSON: hello")


class TestWithoutMarks:
    """Where the user wants none."""

    def test_a_lost_post_is_not_repeated(self, wire):
        """And the failure says why no more is known."""
        server = wire()
        broken(server, LOST, listed=[there])

        result = submit(server)

        assert len(server.posts) == 1
        assert result.failure.message.endswith("the task may be there all the same; without a mark it cannot be found")

    def test_one_that_never_left_says_nothing_of_that(self, wire):
        """There is no doubt about it."""
        server = wire()
        broken(server, UNSENT)

        result = submit(server)

        assert "refused" in result.failure.message
        assert "mark" not in result.failure.message


def test_a_post_that_never_left_is_not_looked_for(wire, marks):
    """Making it again is the business of whatever makes requests."""
    server = wire()
    broken(server, UNSENT, listed=[there])

    result = submit(server, new_mark=marks)

    assert not [asked for asked in server.asked if asked.startswith("GET /tasks?")]
    assert "refused" in result.failure.message
