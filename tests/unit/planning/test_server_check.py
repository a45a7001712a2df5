"""What the servers have to say about a batch before it is run."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.http.response import Reply
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_json, render_summary, render_text, render_tools
from pscheduler_batch.planning.server_check import RETRIES, TIME_LIMIT, check_on_servers
from pscheduler_batch.planning.server_problems import distinct_tests, read_tests, write_tests
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.session import Session
from tests.support.clients import ONE_ATTEMPT, a_client, make_client
from tests.support.server import FakeServer

HOSTS = Hosts("assist", "lead", lead_named=True, assist_bind="192.0.2.1", bind="192.0.2.2")
RTT = {"test": {"type": "rtt", "spec": {"dest": "a"}}}
TOO_LONG = Reply(414, {"content-type": "text/html"}, b"<h1>Request-URI Too Long</h1>")


def said(value, status=200):
    """Make an answer."""
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def offer(name, *reasons, can_run=None):
    """Make what a tool says to a test; it can run it unless there are reasons."""
    can = {"can-run": not reasons if can_run is None else can_run}
    return {"can-run": {**can, "reasons": list(reasons)} if reasons else can, "tool": {"name": name, "tests": ["rtt"]}}


def offers(*tools):
    """Make the answer of a host with some tools; of a name alone, the tool can run the test."""
    return said([offer(tool) if isinstance(tool, str) else tool for tool in tools])


def key_of(request):
    """Return the host of a request and the end of the path, by which answers are known."""
    parts = urlsplit(request.url)
    return f"{parts.netloc}/{parts.path.rpartition('/')[2]}"


def servers_with(**changed):
    """Make servers that know three tests; the answers can be changed."""
    answers = {
        "assist/tests": said([f"https://assist/pscheduler/tests/{name}" for name in ("idle", "rtt", "throughput")]),
        "assist/is-valid": said({"valid": True}),
        "assist/participants": said({"participants": [None]}),
        "lead/hostname": said("lead.example.net"),
        "other/hostname": said("other.example.net"),
        **{f"{host}/tools": offers("ping", "twping") for host in ("assist", "ASSIST:443", "lead", "other")},
        **changed,
    }

    def answer(request):
        known = answers.get(key_of(request))
        if callable(known):
            query = parse_qs(urlsplit(request.url).query)
            known = known(json.loads(query["spec"][0]) if "spec" in query else json.loads(query["test"][0])["spec"])
        if known is not None:
            return known
        url = request.url.partition("?")[0]
        return UnreachableError("no such host", doing=request.doing, url=url, transient=False)

    return FakeServer(answer, takes=lambda _request: 0.1)


def asked(servers):
    """Return how, what and from which address the servers were asked."""
    return [(request.method, key_of(request), request.bind) for request in servers.requests]


def questions_of(plan):
    """Return the tests of a plan that servers are asked about."""
    return write_tests(distinct_tests(plan))


def ask(servers, *jobs, hosts=HOSTS, policy=ONE_ATTEMPT):
    """Check a batch of some jobs with servers; each has the same task unless it says otherwise."""
    batch = {"schema": 3, "jobs": [{"task": RTT, **job} for job in jobs]}
    checked = check_batch(json.dumps(batch, indent=1).encode(), source="a.json", examine=questions_of)
    client = make_client(servers, Session(servers.clock.clock), policy=policy, max_connections=2)
    return checked.with_answers(asyncio.run(check_on_servers(read_tests(checked.examined), client, hosts)))


def lines_of(checked):
    """Return the first line of each problem, without its place in the text."""
    return [f"{p.severity} {p.where}{p.during and ', ' + p.during}: {p.reason}" for p in checked.problems]


def test_a_batch_that_the_servers_agree_with_is_right():
    """Each test is asked about once, each host comes from the address that it should, and nothing is posted."""
    servers = servers_with()
    checked = ask(servers, {"iterations": 50}, {})

    assert checked.valid
    assert asked(servers) == [
        ("GET", "assist/tests", "192.0.2.1"),
        ("GET", "assist/is-valid", "192.0.2.1"),
        ("GET", "assist/participants", "192.0.2.1"),
        ("GET", "lead/hostname", "192.0.2.2"),
        ("GET", "lead/tools", "192.0.2.2"),
    ]


def test_a_host_that_is_silent_is_left_alone_soon():
    """Every test has a warning, but there is no wait for a hundred timeouts."""
    servers = servers_with()
    answer, seconds = servers.answer, TIME_LIMIT.total_seconds()

    def silent(request):
        if request.url.partition("?")[0].endswith("lead/pscheduler/tools"):
            return UnreachableError("no answer", doing=request.doing, url=request.url, too_slow=True)
        return answer(request)

    slow = FakeServer(silent, takes=lambda request: seconds if "lead/pscheduler/tools" in request.url else 0.1)
    checked = ask(
        slow, {"iterations": 100, "task-transform": {"script": ".test.spec.count = $iteration"}}, policy=RETRIES
    )

    assert [problem.severity for problem in checked.problems] == ["warning"] * len(checked.problems)
    assert "no answer" in checked.problems[0].reason
    assert slow.clock.seconds < 6 * seconds


def test_three_questions_are_asked_about_each_specification_and_no_more():
    """Whether it is valid, who takes part, and with which tool; which tests there are is asked once."""
    servers = servers_with()
    sweep = {"script": ".test.spec.count = $iteration"}
    ask(servers, {"iterations": 50, "task-transform": sweep}, {"iterations": 50, "task-transform": sweep})
    counted = Counter(key for _, key, _ in asked(servers))

    per_spec = {"assist/is-valid": 50, "assist/participants": 50, "lead/tools": 50}

    assert counted == {"assist/tests": 1, "lead/hostname": 1, **per_spec}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("rtts", 'the assist assist has no test "rtts"; did you mean "rtt"?'),
        ("dns", 'the assist assist has no test "dns"; its tests are idle, rtt and throughput'),
        ("\x1b[31m", 'the assist assist has no test "\\u001b[31m"; its tests are idle, rtt and throughput'),
    ],
)
def test_a_test_that_the_assist_does_not_have_is_told(kind, told):
    """With what may have been meant, at every place where it is wanted."""
    job = {"task": {"test": {"type": kind, "spec": {"query": "a", "record": "a"}}}}

    assert lines_of(ask(servers_with(), job, {}, job)) == [
        f"error /jobs/0/task/test/type: {told}",
        f"error /jobs/2/task/test/type: {told}",
    ]


def test_a_specification_that_is_not_valid_is_told_at_the_place_that_the_server_names():
    """As recording b41 has it."""
    refusal = said({"valid": False, "error": "At /dest: 'a' is too short."})
    checked = ask(servers_with(**{"assist/is-valid": refusal}), {})

    assert render_text(checked).split("\n") == [
        "a.json:9:15: error: /jobs/0/task/test/spec/dest: the assist assist refuses this: 'a' is too short.",
        '          "dest": "a"',
        "                  ^^^",
    ]


@pytest.mark.parametrize("error", ["At /nowhere: no", "At /: no", "no", "At nothing", "\n no \x1b"])
def test_a_refusal_that_names_no_place_is_told_of_the_whole_specification(error):
    """In the server's words, of which no terminal obeys any."""
    checked = ask(servers_with(**{"assist/is-valid": said({"valid": False, "error": error})}), {})
    (problem,) = checked.problems

    assert problem.where == "/jobs/0/task/test/spec"
    assert problem.reason.startswith("the assist assist refuses this: ")
    assert problem.reason.isprintable()


@pytest.mark.parametrize(
    "answer", [{"valid": False}, {"valid": False, "error": None}, {"valid": False, "error": ["x"]}]
)
def test_a_refusal_without_a_reason_is_a_refusal(answer):
    """There is nothing more to tell."""
    assert lines_of(ask(servers_with(**{"assist/is-valid": said(answer)}), {})) == [
        "error /jobs/0/task/test/spec: the assist assist refuses this: no reason given"
    ]


@pytest.mark.parametrize(
    "answer", [TOO_LONG, said("busy", 503), said({}), said({"valid": 1}), Reply(200, {}, b"<html>"), None]
)
def test_what_could_not_be_found_out_is_a_warning(answer):
    """The participants are asked for all the same."""
    servers = servers_with(**{"assist/is-valid": answer})
    checked = ask(servers, {})

    assert checked.valid
    assert next(p.reason for p in checked.warnings).startswith("could not check whether the specification is valid: ")
    assert ("GET", "lead/hostname", "192.0.2.2") in asked(servers)


LONG = "the specification, which has 13 characters, is too long to ask about (the server answered 414)"


def test_a_specification_that_is_too_long_for_a_question_is_told_so():
    """The web server in front of pScheduler answers 414 (recording b39); a run would come to the same."""
    checked = ask(servers_with(**{"assist/is-valid": TOO_LONG, "assist/participants": TOO_LONG}), {})

    assert lines_of(checked) == [
        f"error /jobs/0/task/test: could not find out who takes part in the test: {LONG}",
        f"warning /jobs/0/task/test/spec: could not check whether the specification is valid: {LONG}",
    ]


@pytest.mark.parametrize(
    "answer",
    [said("no", 400), said({"participants": []}), said({"participants": ["no host/"]}), said("Internal problem", 500)],
)
def test_a_test_of_which_nobody_knows_who_takes_part_is_wrong(answer):
    """A run would begin with that question."""
    checked = ask(servers_with(**{"assist/participants": answer}), {})

    assert [problem.where for problem in checked.errors] == ["/jobs/0/task/test"]


def test_a_lead_that_is_not_there_is_told_wherever_it_would_lead():
    """It is asked once."""
    servers = servers_with(**{"assist/participants": said({"participants": ["gone"]})})
    checked = ask(servers, {}, {"task": {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}})

    assert lines_of(checked) == [
        f"error /jobs/{number}/task/test: gone, which would lead the test, cannot be used: cannot reach "
        "https://gone/pscheduler/hostname: no such host"
        for number in range(2)
    ]
    assert len([key for _, key, _ in asked(servers) if key == "gone/hostname"]) == 1


@pytest.mark.parametrize("answer", [said("nothing here", 404), said({"a": 1}), Reply(200, {}, b"<h1>Welcome</h1>")])
def test_a_lead_without_pscheduler_is_told(answer):
    """Some other web server may answer there."""
    checked = ask(servers_with(**{"lead/hostname": answer}), {})

    assert [problem.where for problem in checked.errors] == ["/jobs/0/task/test"]


def test_a_lead_that_nobody_named_is_told_to_be_named():
    """It is this host, for want of another (ADR 12)."""
    hosts = Hosts("assist", "here", lead_named=False)
    (problem,) = ask(servers_with(), {}, hosts=hosts).errors

    assert problem.reason.endswith("; that is this host: give a --lead that runs pScheduler")


def test_the_assist_is_not_asked_whether_it_is_there():
    """It has answered already."""
    servers = servers_with(**{"assist/participants": said({"participants": ["ASSIST:443"]})})

    assert ask(servers, {}).valid
    assert [key for _, key, _ in asked(servers)][3:] == ["ASSIST:443/tools"]


def test_another_participant_that_is_not_there_for_us_is_a_warning():
    """It is its lead that must reach it."""
    answer = said({"participants": ["lead", "other", "gone", "no host/"]})
    checked = ask(servers_with(**{"assist/participants": answer}), {})

    assert checked.valid
    assert [p.reason.partition(",")[0] for p in checked.warnings] == ["gone", "no host/"]


def choices_of(checked):
    """Return the tools that would run the tests, in a line each."""
    return [f"{c.where}, {c.during}: {c.tool} at {'+'.join(c.hosts)}" for c in checked.tools]


def test_the_tool_that_the_lead_prefers_is_chosen():
    """Its place in the text and the iterations are known; a tool that declines is passed over."""
    tools = offers(offer("owping", "No."), "ping", "twping")
    checked = ask(servers_with(**{"lead/tools": tools}), {"iterations": 50}, {"task": [RTT, RTT]})

    assert checked.valid
    assert choices_of(checked) == [
        f"{where}, : ping at lead" for where in ("/jobs/0/task", "/jobs/1/task/0", "/jobs/1/task/1")
    ]
    assert (
        render_tools(checked).split("\n")[0] == "a.json:5:12: note: /jobs/0/task: ping would run the rtt test on lead"
    )


def test_a_test_is_asked_about_with_its_type():
    """As a server asks, whose log shows ``GET /pscheduler/tools?test={"type", "spec"}&api=6``."""
    servers = servers_with()
    ask(servers, {})
    (url,) = (request.url for request in servers.requests if key_of(request) == "lead/tools")
    query = parse_qs(urlsplit(url).query)

    assert (json.loads(query["test"][0]), query["api"]) == (RTT["test"], ["6"])


def test_a_test_that_no_tool_can_run_is_wrong():
    """Every tool of every participant is heard; pScheduler would refuse the task with 422 (recording c16)."""
    tools = offers(offer("snooze"), offer("sleep", "Won't sleep for less than 15 seconds."))
    answers = {
        "assist/participants": said({"participants": ["lead", "other"]}),
        "lead/tools": tools,
        "other/tools": offers(offer("snooze", "Too tired.", "Too loud."), offer("sleep", can_run=False)),
    }

    (problem,) = ask(servers_with(**answers), {}).problems

    assert (problem.severity, problem.where) == ("error", "/jobs/0/task/test")
    assert problem.reason == (
        "no tool can run this test on all participants: "
        "lead offers snooze (sleep declines: Won't sleep for less than 15 seconds); "
        "other offers no tool (snooze declines: Too tired. Too loud, sleep declines)"
    )


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        (["a", "b", "c"], ["c", "b"], "b"),
        (["a", "b"], ["b", "a"], "a"),
        (["b", "a"], ["c", "a"], "a"),
    ],
)
def test_all_participants_have_a_say_in_the_tool(first, second, chosen):
    """Places in the lists add up; at a tie the lead decides."""
    answers = {
        "assist/participants": said({"participants": ["lead", "other"]}),
        "lead/tools": offers(*first),
        "other/tools": offers(*second),
    }

    assert choices_of(ask(servers_with(**answers), {})) == [f"/jobs/0/task, : {chosen} at lead+other"]


@pytest.mark.parametrize(
    ("wanted", "chosen"), [({"tools": ["nosuch", "twping", "ping"]}, "twping"), ({"tool": "ping"}, "ping")]
)
def test_a_task_may_choose_its_tool(wanted, chosen):
    """Of several, those unknown are passed over (recording n41)."""
    checked = ask(servers_with(), {"task": {**RTT, **wanted}})

    assert (checked.problems, choices_of(checked)) == ((), [f"/jobs/0/task, : {chosen} at lead"])


def test_a_tool_that_servers_disregard_is_a_warning():
    """By pScheduler's public source they look at ``tools`` only, and write into ``tool`` what they use."""
    checked = ask(servers_with(), {"task": {**RTT, "tool": "twping"}})

    assert lines_of(checked) == [
        'warning /jobs/0/task/tool: pScheduler disregards "tool" and would use ping; use "tools": ["twping"]'
    ]
    assert choices_of(checked) == ["/jobs/0/task, : ping at lead"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"tools": ["pingg"]}, '/tools: none of these tools can run the test: OFFERS; did you mean "ping"?'),
        ({"tools": ["owping", "x"]}, "/tools: none of these tools can run the test: OFFERS"),
        ({"tool": "owping"}, "/tool: this tool cannot run the test: OFFERS"),
        ({"tools": []}, "/tools: none of these tools can run the test: OFFERS"),
        ({"tools": ["owping"], "tool": "ping"}, "/tools: none of these tools can run the test: OFFERS"),
    ],
)
def test_a_tool_that_cannot_run_the_test_is_wrong(wanted, told):
    """At its place in the task; the same test with another tool is not, and both are asked about once."""
    servers = servers_with(**{"lead/tools": offers("ping", "twping", offer("owping", "No IPv6."))})
    checked = ask(servers, {"task": {**RTT, **wanted}}, {})
    said_there = "lead offers ping and twping (owping declines: No IPv6)"

    assert lines_of(checked) == [f"error /jobs/0/task{told.replace('OFFERS', said_there)}"]
    assert choices_of(checked) == ["/jobs/1/task, : ping at lead"]
    assert [key for _, key, _ in asked(servers)].count("lead/tools") == 1


def test_iterations_with_the_same_answer_are_told_once():
    """The first is named, with the number of others."""

    def judge(spec):
        return offers("ping" if spec["flow-label"] % 2 else offer("ping", "Odd labels only."))

    job = {"label": "x", "iterations": 9, "task-transform": {"script": '.test.spec."flow-label" = $iteration'}}
    checked = ask(servers_with(**{"lead/tools": judge}), job)
    (problem,) = checked.problems

    assert (problem.where, problem.during) == ("/jobs/0/task/test", 'iteration 0 of "x" and 4 more')
    assert problem.reason.partition(" (the first after the transforms: ")[0] == (
        "no tool can run this test: lead offers no tool (ping declines: Odd labels only)"
    )
    assert choices_of(checked) == ['/jobs/0/task, iteration 1 of "x" and 3 more: ping at lead']


def test_a_tool_that_a_transform_chooses_is_checked():
    """In each iteration."""
    job = {"label": "x", "iterations": 2, "task-transform": {"script": '.tools = [["ping", "nosuch"][$iteration]]'}}
    checked = ask(servers_with(), job)

    assert [(p.where, p.during) for p in checked.problems] == [("/jobs/0/task/tools", 'iteration 1 of "x"')]
    assert choices_of(checked) == ['/jobs/0/task, iteration 0 of "x": ping at lead']


def test_a_server_with_an_older_api_lists_only_tools_that_can_run_the_test():
    """By their descriptions, whatever version the question has."""
    servers = servers_with(**{"lead/tools": said([{"name": "ping", "tests": ["rtt"]}])})

    assert choices_of(ask(servers, {})) == ["/jobs/0/task, : ping at lead"]
    assert lines_of(ask(servers_with(**{"lead/tools": said([])}), {})) == [
        "error /jobs/0/task/test: no tool can run this test: lead offers no tool"
    ]


@pytest.mark.parametrize(
    "answer",
    [
        said("busy", 503),
        said("Internal problem", 500),
        Reply(200, {}, b"<html>"),
        None,
        said({}),
        said(["https://lead/pscheduler/tools/ping"]),
        said([{"can-run": {"can-run": 1}, "tool": {"name": "ping"}}]),
        said([{"can-run": True, "tool": {}}]),
    ],
)
def test_tools_that_could_not_be_asked_are_a_warning(answer):
    """A run may be luckier."""
    checked = ask(servers_with(**{"lead/tools": answer}), {})

    assert [p.reason.partition(": ")[0] for p in checked.warnings] == [
        "could not find out which tools of lead can run the test"
    ]
    assert (checked.valid, checked.tools) == (True, ())


def test_a_test_that_is_too_long_for_the_question_is_wrong():
    """A server asks the same before it accepts a task, and fails (recording c60)."""
    checked = ask(servers_with(**{"lead/tools": TOO_LONG}), {})

    assert lines_of(checked) == [
        f"error /jobs/0/task/test: could not find out which tools of lead can run the test: {LONG}"
    ]


def test_another_participant_that_cannot_be_asked_does_not_hide_the_lead():
    """What is known of the others counts."""
    answers = {"assist/participants": said({"participants": ["lead", "other"]}), "other/tools": said("busy", 503)}
    right = ask(servers_with(**answers), {})
    wrong = ask(servers_with(**{**answers, "lead/tools": offers()}), {})

    assert (right.valid, choices_of(right)) == (True, ["/jobs/0/task, : ping at lead"])
    assert [problem.severity for problem in wrong.problems] == ["warning", "error"]


def test_the_words_of_tools_are_made_fit_for_a_terminal():
    """And have no secrets of the test in them."""
    task = {"test": {"type": "rtt", "spec": {"_key": "swordfish"}}}
    tools = offers(offer("ping\x1b", "No\nswordfish \x1b[2J"))
    (problem,) = ask(servers_with(**{"lead/tools": tools}), {"task": task}).errors

    assert "swordfish" not in problem.reason
    assert problem.reason.isprintable()


def test_programs_get_the_tools_as_json():
    """With their places."""
    document = json.loads(render_json(ask(servers_with(), {"iterations": 2})))

    assert (document["valid"], document["tools"]) == (
        True,
        [
            {
                "pointer": "/jobs/0/task",
                "line": 5,
                "column": 12,
                "during": "",
                "test": "rtt",
                "tool": "ping",
                "hosts": ["lead"],
            }
        ],
    )


def test_an_assist_that_is_not_there_is_told_once():
    """Nothing else can be found out then."""
    servers = servers_with(**{"assist/tests": None})
    checked = ask(servers, {}, {"task": {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}})

    assert lines_of(checked) == [
        "error /: cannot ask the assist assist: cannot reach https://assist/pscheduler/tests: no such host"
    ]
    assert len(servers.requests) == 1


@pytest.mark.parametrize("answer", [said({"tests": []}), said("no", 403), Reply(200, {}, b"<h1>Welcome</h1>")])
def test_an_assist_that_is_no_pscheduler_is_told(answer):
    """Some other web server may answer there."""
    (problem,) = ask(servers_with(**{"assist/tests": answer}), {}).problems

    assert problem.reason.startswith("cannot ask the assist assist: ")


def test_an_assist_that_nobody_named_is_told_to_be_named():
    """It is this host."""
    hosts = Hosts("here", "here", lead_named=False)
    (problem,) = ask(servers_with(), {}, hosts=hosts).problems

    assert problem.reason.endswith("; that is this host: give an --assist and a --lead that run pScheduler")


def test_what_transforms_have_made_of_a_test_is_shown():
    """It is not in the input; iterations that differ are told apart."""
    job = {"label": "x", "iterations": 3, "task-transform": {"script": ".test.spec.count = $iteration + 1"}}

    def judge(spec):
        return said({"valid": spec["count"] != 2, "error": "At /count: no."})

    (problem,) = ask(servers_with(**{"assist/is-valid": judge}), job).problems

    assert (problem.where, problem.during) == ("/jobs/0/task/test/spec/count", 'iteration 1 of "x"')
    assert problem.reason.startswith("the assist assist refuses this: no. (after the transforms: ")
    assert problem.reason.endswith('{"type": "rtt", "spec": {"dest": "a", "count": 2}})')


def test_no_secret_is_told():
    """Servers may quote what they are asked about."""
    job = {
        "task": {"test": {"type": "rtt", "spec": {"_key": "swordfish"}}},
        "task-transform": {"script": ".test.spec.x = 1"},
    }
    quoting = said({"valid": False, "error": "At /_key: 'swordfish' is no key"})
    checked = ask(servers_with(**{"assist/is-valid": quoting}), job)

    assert not checked.valid
    assert "swordfish" not in repr(checked.problems)


def test_a_secret_that_a_transform_copies_is_not_shown():
    """It stays hidden if a server quotes it, and if it is the name of a participant, reached or not."""
    job = {
        "task": {"test": {"type": "rtt", "spec": {}}, "_key": "swordfish"},
        "task-transform": {"script": ".test.spec.dest = ._key"},
    }
    quoting = said({"valid": False, "error": "At /dest: 'swordfish' is no host"})
    refused = ask(servers_with(**{"assist/is-valid": quoting}), job)
    named = said({"participants": ["swordfish"]})
    silent = ask(servers_with(**{"assist/participants": named}), job)
    there = {"swordfish/hostname": said("x"), "swordfish/tools": offers("ping")}
    led = ask(servers_with(**{"assist/participants": named}, **there), job)

    assert (refused.valid, silent.valid, led.valid) == (False, False, True)
    for checked in (refused, silent, led):
        shown = repr(checked.problems) + render_tools(checked) + render_json(checked)
        assert ("swordfish" in shown, "(hidden)" in shown) == (False, True)


def test_jobs_that_are_right_are_asked_about_where_others_are_wrong():
    """Everything is told at once."""
    misnamed = {"task": {"test": {"type": "rtts", "spec": {}}}}
    checked = ask(servers_with(), {"enabled": 1}, misnamed, {"task-transform": {"script": "{"}})

    assert [problem.where for problem in checked.errors] == [
        "/jobs/0/enabled",
        "/jobs/1/task/test/type",
        "/jobs/2/task-transform",
    ]


def test_so_many_questions_are_asked_at_once_and_no_more():
    """ADR 20."""
    servers = servers_with()
    checked = ask(servers, {"iterations": 100, "task-transform": {"script": ".test.spec.count = $iteration"}})

    assert checked.valid
    assert (len(servers.requests), servers.most_at_once) == (302, 2)


def test_nothing_is_asked_about_a_batch_without_tests():
    """Not even the assist need be there."""
    servers = servers_with()

    assert ask(servers, {"enabled": False}).valid
    assert servers.requests == []


def ask_embedded(pscheduler, *tasks):
    """Check a batch of some tasks with the embedded server."""

    async def run():
        async with a_client() as client:
            return await check_on_servers(read_tests(checked.examined), client, hosts)

    hosts = Hosts(pscheduler.netloc, pscheduler.netloc, lead_named=True)
    batch = json.dumps({"jobs": [{"task": {"test": test}} for test in tasks]}).encode()
    checked = check_batch(batch, source="a.json", examine=questions_of)
    return checked.with_answers(asyncio.run(run()))


def test_a_real_server_is_asked(pscheduler):
    """The embedded one, over its sockets."""
    right, wrong = ({"type": "idle", "spec": {"duration": duration}} for duration in ("PT1S", "x"))
    checked = ask_embedded(pscheduler, right, wrong, {"type": "idel", "spec": {}})

    assert [problem.where for problem in checked.errors] == [
        "/jobs/1/task/test/spec/duration",
        "/jobs/2/task/test/type",
    ]
    assert checked.errors[1].reason.endswith('did you mean "idle"?')


def test_a_real_server_names_its_tools(pscheduler):
    """And why one declines; the embedded server answers like any other."""
    endless = {"type": "idlebgm", "spec": {"duration": "PT20S", "interval": "PT0S"}}
    checked = ask_embedded(pscheduler, {"type": "idle", "spec": {"duration": "PT1S"}}, endless)
    idle, idlebgm = (pscheduler.state.tests[name].tool for name in ("idle", "idlebgm"))

    assert choices_of(checked) == [f"/jobs/0/task, : {idle} at {pscheduler.netloc}"]
    assert [(problem.where, problem.reason) for problem in checked.errors] == [
        (
            "/jobs/1/task/test",
            f"no tool can run this test: {pscheduler.netloc} offers no tool ({idlebgm} declines: The interval is zero)",
        )
    ]


def test_a_real_server_agrees(pscheduler):
    """And that is said."""
    checked = ask_embedded(pscheduler, {"type": "idle", "spec": {"duration": "PT1S"}})

    assert render_summary(checked, asked=True) == "a.json: 1 job, 1 iteration: no errors, servers included"
