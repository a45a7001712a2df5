from __future__ import annotations

import json

import pytest

from tests.support.embedded_bench import nap_task

TEXT = "text/plain; charset=utf-8"
NOT_VALID = "is not valid under any of the given schemas\n"
DETAIL = {
    *("added", "anytime", "cli", "diags", "duration", "enabled", "exclusive", "first-run-href", "hints", "href"),
    *("multi-result", "next-run-href", "participant", "participants", "post", "runs", "runs-href", "runs-started"),
    *("slip", "start"),
}


def refused(bench, task, **kwargs):
    """Post something that is not accepted."""
    content = task if isinstance(task, (str, bytes)) else json.dumps(task)
    reply = bench.request("POST", "tasks", content=content, **{"headers": {"Content-Type": "text/plain"}, **kwargs})
    assert reply.headers["content-type"] == TEXT
    return reply.status_code, reply.text


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/plain; charset=utf-8"])
def test_a_posted_task_gets_a_url_under_the_host_of_the_request(bench, content_type):
    """A task is answered with its URL, as JSON (recordings c01 and c02)."""
    body = json.dumps(nap_task())
    headers = {"Content-Type": content_type, "Host": "other.example.net:4443"}
    reply = bench.request("POST", "tasks", content=body, headers=headers)

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.text == f'"https://other.example.net:4443/pscheduler/tasks/{next(iter(bench.state.tasks))}"\n'


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ("{ no", 400, "Invalid JSON: Expecting property name enclosed in double quotes: line 1 column 3 (char 2)\n"),
        ("", 400, "Invalid JSON: Expecting value: line 1 column 1 (char 0)\n"),
        ([nap_task()], 400, "JSON must be an object\n"),
        (nap_task(schema=6), 400, "Schema version 6 is not supported (highest is 5)\n"),
        ({"schema": 1, "schedule": {}}, 400, f"At /: {{'schema': 1, 'schedule': {{}}}} {NOT_VALID}"),
        (nap_task(bogus=1), 400, f"At /: {nap_task(bogus=1)} {NOT_VALID}"),
        (nap_task(schedule={"startt": 1}), 400, f"At /: {nap_task(schedule={'startt': 1})} {NOT_VALID}"),
        (nap_task(schema=0), 400, f"At /: {nap_task(schema=0)} {NOT_VALID}"),
    ],
    ids=["not JSON", "empty", "array", "too new", "no test", "unknown pair", "unknown schedule", "schema 0"],
)
def test_what_is_no_task_is_refused_in_pschedulers_words(bench, body, status, text):
    """The wording is the one of the recordings c06 to c15 and c24."""
    assert refused(bench, body) == (status, f"Invalid task specification: {text}")


def test_a_form_is_refused(bench):
    """The body of a form never arrives (recording c03)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert refused(bench, nap_task(), headers=headers) == (
        400,
        "Invalid task specification: Invalid JSON: Expecting value: line 1 column 1 (char 0)\n",
    )


def test_only_ascii_is_understood(bench):
    """Raw UTF-8 breaks pScheduler (recording c35), escapes do not (recording c36)."""
    task = nap_task(reference={"n": "café"})

    assert refused(bench, json.dumps(task, ensure_ascii=False).encode()) == (
        500,
        "Internal problem; see system logs.\n",
    )
    assert bench.request("POST", "tasks", content=json.dumps(task)).status_code == 200


@pytest.mark.parametrize(
    "task",
    [
        {"test": nap_task()["test"]},
        nap_task(schedule={"repeat": "PT1M", "until": "PT10M"}),
    ],
    ids=["none", "until is a span"],
)
def test_a_schedule_that_breaks_pscheduler_is_an_internal_problem(bench, task):
    """No schedule at all (recording c04) and ``until`` as a span (recording c22) are answered alike."""
    assert refused(bench, task) == (500, "Internal problem; see system logs.\n")


def test_an_unknown_test_is_named(bench):
    """The answer is 500, but says which test (recording c13)."""
    assert refused(bench, nap_task(kind="nosuchtest")) == (
        500,
        "Unable to validate test spec: Unknown test plugin 'nosuchtest'\n",
    )


def test_a_bad_specification_is_refused_with_the_tests_words(bench):
    """The reason comes from the test (recording c11)."""
    assert refused(bench, nap_task("two")) == (
        400,
        "Invalid test specification: At /duration: 'two' is not a valid ISO 8601 duration.\n",
    )


def test_a_tool_that_is_not_there_is_refused_with_what_is_offered(bench):
    """The answer lists the offers of each participant (recording c16)."""
    assert refused(bench, nap_task(tools=["hammock"])) == (
        422,
        "Unable to complete request: None of the participants could run this test:\n\nhere:\n\n  Offered\n    bed\n\n",
    )


def test_the_tests_own_tool_can_be_asked_for(bench):
    """A list of tools with the right one in it is fine."""
    assert bench.post(nap_task(tools=["hammock", "bed"]))


def test_what_cannot_be_measured_here_is_refused_with_the_reason(bench):
    """A test that says it is unable declines in the words of recording c16."""
    status, text = refused(bench, nap_task(spec={"unable": "There is no bed."}))

    assert status == 422
    assert text == (
        "Unable to complete request: None of the participants could run this test:\n\nhere:\n\n"
        "  Offered\n  Declined\n    bed\n      - There is no bed.\n\n"
    )


def test_only_addresses_of_this_machine_are_good_to_bind_to(bench):
    """Loopback can be bound to (recording c31), another host's address cannot (recording c32)."""
    assert bench.post(nap_task(**{"lead-bind": "127.0.0.1"}))
    assert refused(bench, nap_task(**{"lead-bind": "192.0.2.1"})) == (
        400,
        "Lead bind '192.0.2.1' is not  on this host\n",
    )


def test_a_test_too_long_for_a_url_is_refused(bench):
    """What pScheduler cannot hand on to its own tools is a 500 with the web server's page in it (recording c60)."""
    status, text = refused(bench, nap_task(spec={"data": "y" * 9000}))

    assert status == 500
    assert text.startswith("Error getting tools from here: 414: <!DOCTYPE HTML")


def test_secrets_do_not_come_back_in_errors(bench):
    """The task is repeated in the refusal, but without the values of its secrets."""
    status, text = refused(bench, nap_task(bogus=1, _key="hush"))

    assert status == 400
    assert "'_key': None" in text
    assert "hush" not in text


def test_a_redirection_to_the_task_can_be_asked_for(bench):
    """``expanded`` and ``detail`` give 303 with the task's URL (recording c29)."""
    reply = bench.request("POST", "tasks?expanded=true&detail=true", json=nap_task())
    href = f"https://ps.example.net/pscheduler/tasks/{next(iter(bench.state.tasks))}?detail"

    assert (reply.status_code, reply.headers["location"], reply.text) == (303, href, f"{href}\n")


def test_other_methods_are_an_internal_problem(bench):
    """PUT is not 405 (recording c41)."""
    reply = bench.request("PUT", "tasks", json=nap_task())

    assert (reply.status_code, reply.text) == (500, "Internal problem; see system logs.\n")


def test_a_task_is_described_as_it_was_posted_and_with_its_tool(bench):
    """Comments are gone, names are in the database's order, the URL comes last (recordings d01 and j01)."""
    href = bench.post(nap_task(schema=2, reference={"x": 1, "#why": "because"}))
    task = bench.get(href).json()

    assert list(task) == ["test", "tool", "schema", "schedule", "reference", "href"]
    assert task["tool"] == "bed"
    assert task["reference"] == {"x": 1}
    assert task["href"] == href


@pytest.mark.parametrize("query", ["detail=true", "detail=True", "detail"])
def test_the_detail_of_a_task_is_given_however_it_is_asked_for(bench, query):
    """All recorded keys are there (recordings d02, d03 and c29)."""
    href = bench.post(nap_task(schedule={"slip": "PT5S", "start": "PT1M"}))
    detail = bench.get(f"{href}?{query}").json()["detail"]

    assert set(detail) == DETAIL
    assert detail["first-run-href"] == f"{href}/runs/first"
    assert (detail["slip"], detail["duration"], detail["cli"]) == ("PT5S", "PT11S", ["--duration", "PT10S"])
    assert detail["start"].startswith("2026-03-01T06:01:0")
    assert (detail["enabled"], detail["multi-result"], detail["exclusive"], detail["anytime"]) == (
        True,
        False,
        False,
        True,
    )
    assert (detail["participants"], detail["participant"]) == (["here"], 0)


def test_the_detail_tells_the_kind_of_the_test(bench):
    """A test with several results and an exclusive one say so (recordings h01 and m-thr-01)."""
    several = bench.get(bench.post(nap_task(kind="naps")), detail="true").json()["detail"]
    alone = bench.get(bench.post(nap_task(kind="nap-alone")), detail="true").json()["detail"]

    assert (several["multi-result"], several["exclusive"], several["anytime"]) == (True, False, True)
    assert (alone["multi-result"], alone["exclusive"], alone["anytime"]) == (False, True, False)


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "not-a-uuid"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_task_that_does_not_exist_is_404(bench, name, method):
    """Unknown and malformed are the same (recordings d10, d12, d16 and d17)."""
    reply = bench.request(method, f"tasks/{name}")

    assert (reply.status_code, reply.text) == (404, "Resource not found.\n")


def test_the_command_line_of_a_task_is_given_as_html(bench):
    """The strange type is recorded (d18)."""
    reply = bench.get(f"{bench.post(nap_task())}/cli")

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.text == '["nap","--duration","PT10S"]\n'


def test_tasks_are_found_by_what_they_contain(bench):
    """``?json=`` lists the tasks that contain the given JSON, without it all are listed (recording c40)."""
    first = bench.post(nap_task(reference={"mark": "a", "n": [1, 2]}))
    second = bench.post(nap_task(reference={"mark": "b"}))

    assert bench.get("tasks").json() == [first, second]
    assert bench.get("tasks", json='{"reference":{"mark":"b"}}').json() == [second]
    assert bench.get("tasks", json='{"reference":{"n":[2]}}').json() == [first]
    assert bench.get("tasks", json='{"reference":{"mark":"c"}}').json() == []
    assert bench.get("tasks", json="{").status_code == 400


def test_tasks_can_be_listed_in_full(bench):
    """``?expanded=true`` gives the descriptions instead of the URLs, without their secrets."""
    bench.post(nap_task(_key="hush"))
    (task,) = bench.get("tasks", expanded="true").json()

    assert task["_key"] is None


def test_secrets_are_null_without_the_key(bench):
    """The values of names with ``_`` come back with the task's key only (recordings j01, j03 and j04)."""
    archive = {"archiver": "http", "data": {"_url": "https://example.net/", "op": "put"}}
    href = bench.post(nap_task(schema=2, _key="s3cret", archives=[archive], spec={"data": {"_pw": "hunter2"}}))
    hidden, shown, wrong = bench.get(f"{href}?detail"), bench.get(href, key="s3cret"), bench.get(href, key="no")

    assert "hunter2" not in hidden.text
    assert (hidden.json()["_key"], hidden.json()["archives"][0]["data"]) == (None, {"op": "put", "_url": None})
    assert (shown.json()["_key"], shown.json()["archives"][0]["data"]) == ("s3cret", archive["data"])
    assert (wrong.status_code, wrong.text) == (403, "Forbidden\n")


def test_a_cancelled_task_stays_but_its_pending_run_is_gone(bench):
    """DELETE can be repeated; the task is no longer enabled (recordings i02 to i10 and j12)."""
    href = bench.post(nap_task(schedule={"start": "PT1H"}))
    run = bench.first_run(href)
    replies = [bench.delete(href), bench.delete(f"{href}?key=wrong")]

    assert [(reply.status_code, reply.text) for reply in replies] == [(200, "OK\n")] * 2
    assert replies[0].headers["content-type"] == "text/html; charset=utf-8"
    detail = bench.get(href, detail="true").json()["detail"]
    assert (detail["enabled"], detail["runs"], detail["runs-started"]) == (False, 1, 0)
    assert bench.get(f"{href}/runs").json() == []
    assert bench.get(run["href"], wait_merged="true", wait=2).status_code == 404
    assert bench.elapsed == 0


def test_a_task_that_was_cancelled_at_once_never_runs(bench):
    """Its first run is waited for in vain (recordings i21 and i22)."""
    href = bench.post(nap_task())
    bench.delete(href)

    assert bench.get(f"{href}/runs/first", wait=5).status_code == 404
    assert bench.elapsed == pytest.approx(10)


def test_cancelling_a_task_cancels_its_running_run_at_once(bench):
    """The run stays as it was announced, without results (recording i34)."""
    href = bench.post(nap_task("PT60S"))
    announced = bench.first_run(href)
    bench.wait(10)
    assert bench.get(announced["href"]).json()["state"] == "running"
    bench.delete(href)
    bench.wait(100)

    run = bench.get(announced["href"]).json()
    assert (run["state"], run["state-display"]) == ("canceled", "Canceled")
    assert run == {**announced, "state": "canceled", "state-display": "Canceled"}


@pytest.mark.parametrize(("context", "status"), [("changenothing", 200), ("linuxnns", 400)])
def test_a_context_that_cannot_be_entered_is_refused(bench, context, status):
    """The measurement would take place somewhere else than it should."""
    contexts = {"contexts": [[{"context": "changenothing", "data": {}}, {"context": context, "data": {}}]]}
    reply = bench.request("POST", "tasks", json=nap_task(schema=2, contexts=contexts))

    assert reply.status_code == status
    assert status == 200 or reply.text == (
        'Invalid task specification: Unknown context "linuxnns"; this server has changenothing\n'
    )
