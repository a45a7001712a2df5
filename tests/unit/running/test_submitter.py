"""One iteration from its task to its results, against servers made of files (tests/replies)."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from pscheduler_batch.model import Iteration
from pscheduler_batch.output.document import render_result
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support.wire import CASES, HOST, IDLE, submit, submit_all

RUN = "GET /tasks/5f1c/runs/0a"
FIRST = "GET /tasks/5f1c/runs/first?wait=9"
FINISHED = "GET /tasks/5f1c/runs/first?wait-merged=true&wait=9"
FORMATS = [f"{RUN}/result?format=text/plain", f"{RUN}/result?format=text/html"]
PARTICIPANTS = 'GET /tests/idle/participants?spec={"duration":+"PT2S"}'


def iterations(count: int, task=IDLE):
    """Make iterations of one job."""
    return [Iteration(0, number, f"idle/{number}", timedelta(0), task) for number in range(count)]


class TestRequests:
    """The requests to a server: as few as possible (rest/API.md, "Transport")."""

    def test_a_run_costs_four_requests(self, wire):
        """Beside the participants: the POST, the first run when it is done, and the two formats that are not in it."""
        server = wire("already-finished")

        submit(server)

        assert server.asked[:3] == [PARTICIPANTS, "POST /tasks", FINISHED]
        assert sorted(server.asked[3:]) == sorted(FORMATS)

    def test_a_run_that_is_not_done_when_first_seen_costs_one_more(self, wire):
        """If the server does not wait for the result of the first run, or it takes longer."""
        server = wire()

        submit(server)

        assert server.asked[:4] == [PARTICIPANTS, "POST /tasks", FINISHED, f"{RUN}?wait-merged=true&wait=2"]
        assert sorted(server.asked[4:]) == sorted(FORMATS)

    @pytest.mark.parametrize(
        ("case", "times"),
        [("already-finished", 1), ("single", 1), ("several-results", 0), ("canceled-while-running", 0)],
    )
    def test_it_is_told_when_only_results_are_to_be_fetched(self, wire, case, times):
        """Of several results, some may not be measured yet; of a run without a result nothing is fetched."""
        server = wire(case)
        told = []

        submit(server, measured=lambda: told.append(list(server.asked)))

        assert len(told) == times
        assert not any("format=" in asked for requests in told for asked in requests)

    def test_json_is_taken_from_the_run(self, wire):
        """The JSON result is the run's result-merged, so it is the same object without a request."""
        result = submit(wire())

        assert result.runs[0].formats["application/json"] == {"schema": 1, "duration": "PT2S", "succeeded": True}

    def test_participants_are_asked_once_for_each_type_and_spec(self, wire):
        """The answer depends on nothing else, and costs the server a process."""
        server = wire()
        other = {**IDLE, "test": {"type": "idle", "spec": {"duration": "PT3S"}}}

        submit_all(server, [*iterations(4), *iterations(2, {**IDLE, "reference": 1}), *iterations(2, other)])

        assert len([asked for asked in server.asked if "participants" in asked]) == 2

    def test_participants_are_asked_again_after_a_failure(self, wire):
        """A failure is not cached for later iterations."""
        server = wire()
        refusal, answer = {"status": 400, "text": "no"}, {"json": {"participants": [None]}}
        server.changed["GET /tests/idle/participants"] = [refusal, answer]

        results = submit_all(server, iterations(3), serially=True)

        assert [result.failure is None for result in results] == [False, True, True]
        assert len([asked for asked in server.asked if "participants" in asked]) == 2

    def test_text_that_is_not_ascii_is_posted_as_escapes(self, wire):
        """A server answers 500 to raw UTF-8 [c35] and takes escapes [c36]."""
        server = wire()

        submit(server, task={**IDLE, "reference": {"où": "Zürich 測定"}})

        assert server.posts[0].content.isascii()
        assert json.loads(server.posts[0].content)["reference"] == {"où": "Zürich 測定"}

    def test_the_post_says_that_it_is_json(self, wire):
        """Forms are refused [c03]."""
        server = wire()

        submit(server)

        assert [post.headers["Content-Type"] for post in server.posts] == ["application/json"]

    @pytest.mark.parametrize("limit", [1, 3])
    def test_no_more_requests_than_allowed_go_to_a_host_at_once(self, wire, limit):
        """A server has some tens of slots for all its clients (ADR 20)."""
        server = wire()

        results = submit_all(server, iterations(12), max_connections=limit)

        assert server.most_at_once == limit
        assert all(result.runs[0].succeeded for result in results)


class TestLead:
    """Which host runs a task (ADR 12)."""

    @pytest.mark.parametrize(
        ("participants", "lead"),
        [
            ([None], "named.example.net"),
            ([None, "b.example.net"], "named.example.net"),
            (["a.example.net"], "a.example.net"),
            (["a.example.net:8443"], "a.example.net:8443"),
            (["a.example.net", "b.example.net"], "a.example.net"),
            (["2001:db8::1"], "[2001:db8::1]"),
            (["[2001:db8::1]:443"], "[2001:db8::1]"),
            (["192.0.2.7"], "192.0.2.7"),
        ],
    )
    def test_the_first_participant_leads(self, wire, participants, lead):
        """Null stands for the lead that was named; the assist only answers requests for information."""
        server = wire()
        server.changed["GET /tests/idle/participants"] = [{"json": {"participants": participants}}]

        submit(server, hosts=Hosts(HOST, "named.example.net", lead_named=True))

        assert [str(post.url) for post in server.posts] == [f"https://{lead}/pscheduler/tasks"]

    def test_a_single_host_for_everything_leads_whatever_the_participants(self, wire):
        """As with the embedded server, which measures from this machine."""
        server = wire()
        server.changed["GET /tests/idle/participants"] = [{"json": {"participants": ["far.example.net"]}}]

        result = submit(server, hosts=Hosts(HOST, HOST, lead_named=True, only=HOST))

        assert result.failure is None

    def test_an_href_on_another_host_is_not_followed(self, wire):
        """A server writes the host of the request into its URLs; nothing is sent to another one that it names."""
        server = wire()

        result = submit(server, hosts=Hosts(HOST, "alias.example.net", lead_named=True))

        assert [request.url.host for request in server.sent] == [HOST, "alias.example.net"]
        assert "gave a URL on another host, https://ps.example.net/pscheduler/tasks/5f1c" in result.failure.message


class TestWaiting:
    """From the POST to the end of the run, on a virtual clock."""

    @pytest.mark.parametrize(
        ("case", "at_most"),
        [
            ("single", 11),
            ("not-scheduled-yet", 27),
            ("gateway-timeouts", 80),
            ("overdue-then-finished", 40),
            ("overdue-with-a-result", 11),
            ("cleanup-then-finished", 13),
            ("end-moves-later", 71),
            ("run-without-times", 11),
            ("far-away", 3610),
            ("server-two-hours-ahead", 13),
            ("server-two-hours-behind", 13),
        ],
    )
    def test_the_result_is_there_soon_after_the_run_has_ended(self, wire, case, at_most):
        """Whatever happens on the way, the result is complete and comes soon after the measurement."""
        server = wire(case)

        result = submit(server)

        assert result.failure is None
        assert result.runs[0].succeeded
        assert set(result.runs[0].formats) == {"application/json", "text/plain", "text/html"}
        assert server.clock.seconds <= at_most

    def test_no_request_waits_for_a_run_that_is_not_due(self, wire):
        """An hour passes here, with a few requests to the server (ADR 20)."""
        server = wire("far-away")

        submit(server)

        asked = [request for request in server.asked if request.startswith(RUN) and "result" not in request]
        assert asked == [RUN] * 5 + [f"{RUN}?wait-merged=true&wait=2"]

    @pytest.mark.parametrize("case", ["never-scheduled", "never-scheduled-at-once"])
    def test_a_task_that_is_never_scheduled_is_given_up(self, wire, case):
        """After five minutes, without frequent requests before."""
        server = wire(case)

        result = submit(server)

        assert result.failure.message == (
            "waiting for the first run: no run was ever scheduled for https://ps.example.net/pscheduler/tasks/5f1c: "
            "none within 300 seconds"
        )
        assert 300 <= server.clock.seconds < 320
        assert 15 < server.asked.count(FIRST) <= 61

    def test_an_overdue_run_is_given_up_in_the_end(self, wire):
        """What is known of it stays in the result."""
        server = wire("overdue-for-ever")

        result = submit(server)

        assert result.failure.message.endswith('/runs/0a is still "overdue" 300 seconds after its announced end')
        assert result.runs[0].run.state == "overdue"
        assert server.clock.seconds < 320

    @pytest.mark.parametrize(
        ("case", "reason"),
        [
            ("canceled-before-scheduling", "the task was canceled"),
            ("deleted-before-scheduling", "the task does not exist on the server any more"),
            ("deleted-while-pending", "the run is gone; was its task canceled?"),
        ],
    )
    def test_nobody_waits_for_a_task_that_was_canceled(self, wire, case, reason):
        """The failure says so at once."""
        server = wire(case)

        result = submit(server)

        assert reason in result.failure.message
        assert server.clock.seconds < 20

    @pytest.mark.parametrize("asked", ["GET /tasks/5f1c/runs/first", RUN, FORMATS[0], f"{RUN}/result?format=text/html"])
    def test_a_short_outage_costs_nothing(self, wire, asked):
        """The task continues, so its result can still be fetched."""
        server = wire()
        server.broken[asked] = [httpx.ConnectError("refused"), httpx.ReadError("reset")]

        result = submit(server)

        assert result.failure is None
        assert dict(result.runs[0].failures) == {}

    def test_a_long_outage_is_a_failure_that_keeps_what_is_known(self, wire):
        """The failure says what could not be reached, and the task's URL is where its result may be found later."""
        server = wire()
        server.broken[RUN] = [httpx.ConnectError("refused")] * 100

        result = submit(server)

        assert "waiting for the result: cannot reach" in result.failure.message
        assert result.task_href == "https://ps.example.net/pscheduler/tasks/5f1c"
        assert 300 <= server.clock.seconds < 400

    def test_a_post_that_failed_is_not_repeated(self, wire):
        """Two POSTs could make two tasks, as it is not known whether the first one arrived."""
        server = wire()
        server.broken["POST /tasks"] = [httpx.ReadError("reset")]

        result = submit(server)

        assert result.failure.doing == "posting the task"
        assert server.asked.count("POST /tasks") == 1


class TestOutcome:
    """The results of a run, and the reasons for missing ones (ADR 14 and 15)."""

    @pytest.mark.parametrize(
        ("case", "state", "error"),
        [
            (
                "nonstart",
                "nonstart",
                "Run forbidden by limits:\nIdentified as everybody\nProposal does not meet limits",
            ),
            ("missed", "missed", 'the run ended as "missed", and the server gave no reason'),
            ("preempted", "preempted", "A run of higher priority took its place."),
            ("canceled-while-running", "canceled", 'the run ended as "canceled", and the server gave no reason'),
            ("failed-without-a-result", "failed", "The run crashed."),
        ],
    )
    def test_a_run_without_a_result_has_its_state_and_reason(self, wire, case, state, error):
        """It takes the place of the JSON result; the other formats are null."""
        rendered = render_result(submit(wire(case)))
        (run,) = rendered["runs"]

        assert run.pop("run")["state"] == state
        assert run == {
            "application/json": {"succeeded": False, "state": state, "error": error},
            "text/plain": None,
            "text/html": None,
        }
        assert (rendered["succeeded"], rendered["error"]) == (False, error)

    @pytest.mark.parametrize(
        ("case", "error"),
        [
            ("failed-with-error-of-the-result", "Timeout"),
            ("failed-with-errors-and-error", "a warning of the tool; Timeout"),
            (
                "failed-at-the-second-participant",
                "iperf3 is not there; the results of the participants are kept as result-full",
            ),
            ("failed-with-diags-only", "exited with status 2"),
            ("failed-without-a-reason", 'the run ended as "failed", and the server gave no reason'),
        ],
    )
    def test_a_failed_run_says_why_wherever_the_server_said_it(self, wire, case, error):
        """Its three formats are kept unchanged."""
        rendered = render_result(submit(wire(case)))

        assert rendered["error"] == error
        assert rendered["runs"][0]["text/plain"] == "Run failed."
        assert rendered["runs"][0]["application/json"]["succeeded"] is False

    def test_a_run_that_was_measured_and_not_merged_keeps_what_was_measured(self, wire):
        """It is a failure all the same: the server had no time to merge the results [o11]."""
        rendered = render_result(submit(wire("failed-to-merge")))
        (run,) = rendered["runs"]

        assert run["result-full"] == [
            {"diags": "", "error": "", "result": {"time-slept": "PT3S"}, "succeeded": True},
        ]
        assert run["application/json"]["succeeded"] is False
        assert rendered["succeeded"] is False
        assert rendered["error"] == (
            "Tool snooze failed to merge results: Process took too long to run; "
            "the results of the participants are kept as result-full"
        )

    @pytest.mark.parametrize(
        ("case", "formats", "failed"),
        [
            ("no-html", {"application/json", "text/plain"}, {"text/html"}),
            ("no-formats", {"application/json"}, {"text/plain", "text/html"}),
        ],
    )
    def test_one_format_that_fails_says_nothing_about_the_others(self, wire, case, formats, failed):
        """The measurement succeeded all the same."""
        result = submit(wire(case))

        assert (set(result.runs[0].formats), set(result.runs[0].failures)) == (formats, failed)
        assert result.failure is None
        assert result.runs[0].succeeded

    def test_several_results_come_in_order_of_time(self, wire):
        """The lead run has none itself, and the server lists the others in any order."""
        result = submit(wire("several-results"))

        assert [run.formats["application/json"]["number"] for run in result.runs] == ["1b", "2c", "3d"]
        assert [run.formats["text/plain"] for run in result.runs] == [f"Time Slept {n}\n" for n in ("1b", "2c", "3d")]
        assert result.failure is None

    @pytest.mark.parametrize(
        ("case", "state", "end"),
        [
            ("several-results", "finished", "2026-03-01T12:00:27+00:00"),
            ("several-results-lead-canceled", "canceled", "2026-03-01T12:00:25+00:00"),
        ],
    )
    def test_what_the_lead_run_of_several_results_did_is_in_the_output(self, wire, case, state, end):
        """As the server described it last; each result is a run that starts and ends when it is made."""
        rendered = render_result(submit(wire(case)))

        assert rendered["lead-run"] == {
            "href": "https://ps.example.net/pscheduler/tasks/5f1c/runs/0a",
            "state": state,
            "start-time": "2026-03-01T12:00:05+00:00",
            "end-time": end,
        }

    @pytest.mark.parametrize("case", ["single", "several-results-none", "nonstart", "never-scheduled"])
    def test_a_lead_run_that_is_among_the_runs_is_not_in_the_output_twice(self, wire, case):
        """Nor is one that never was."""
        assert "lead-run" not in render_result(submit(wire(case)))

    @pytest.mark.parametrize(
        ("case", "state"), [("several-results-none", "finished"), ("several-results-lead-missed", "missed")]
    )
    def test_where_no_run_carries_a_result_the_lead_run_stands_alone(self, wire, case, state):
        """As a failure, with its state."""
        rendered = render_result(submit(wire(case)))

        assert [run["application/json"]["state"] for run in rendered["runs"]] == [state]
        assert rendered["succeeded"] is False

    def test_a_test_that_was_canceled_keeps_the_results_it_had(self, wire):
        """And is a failure, because the rest is missing."""
        result = submit(wire("several-results-lead-canceled"))

        assert [run.formats["application/json"]["number"] for run in result.runs] == ["1b"]
        assert "its lead run is canceled" in result.failure.message

    def test_one_of_several_results_that_cannot_be_had_leaves_the_others(self, wire):
        """What was obtained is kept although something else failed (ADR 14)."""
        result = submit(wire("several-results-one-gone"))

        assert [run.formats["application/json"]["number"] for run in result.runs] == ["1b", "3d"]
        assert "/runs/2c answered 404" in result.failure.message

    def test_one_of_several_results_that_failed_is_among_them(self, wire):
        """It has a result, which says that it failed."""
        rendered = render_result(submit(wire("several-results-one-failed")))

        assert [run["application/json"]["succeeded"] for run in rendered["runs"]] == [True, False]
        assert rendered["error"] == "The clock stood still"

    def test_numbers_that_json_does_not_have_become_null(self, wire):
        """Python servers write NaN; the output has to be JSON."""
        result = submit(wire("numbers-that-are-none"))

        assert result.runs[0].formats["application/json"] == {"succeeded": True, "loss": None}

    def test_every_case_comes_to_an_end(self, wire):
        """No answer of a server is a bug: there is a result or a failure."""
        results = {case: submit(wire(case)) for case in CASES}

        assert [case for case, result in results.items() if not result.runs and result.failure is None] == []

    def test_patience_can_be_chosen(self, wire):
        """All time limits for waiting are in one place."""
        server = wire("never-scheduled-at-once")

        submit(server, patience=WaitLimits(scheduling=timedelta(seconds=9), pause=timedelta(seconds=4)))

        assert server.clock.slept == [2, 4, 4]
