"""Whether the tool can run a batch, and how long it takes on the schedule."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.plugins import admission, tool
from pscheduler_batch.plugins.methods import METHODS, Call, MethodError, run_method
from tests.support.methods import answered, called

IDLE = {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}
TRACE = {"test": {"type": "trace", "spec": {"dest": "localhost"}}}


@pytest.fixture
def permission(tmp_path):
    """Return a function that writes the permission file, and the file."""
    path = tmp_path / "permission.json"

    def write(**pairs) -> str:
        given = {"enabled": True, "tests": ["idle", "batch"], "hosts": []}
        path.write_text(json.dumps({**given, **{name.replace("_", "-"): value for name, value in pairs.items()}}))
        return str(path)

    return write


def spec_of(*jobs, **pairs):
    """Return the spec of a batch with these jobs."""
    return {
        "batch": {"schema": 2, "jobs": list(jobs)},
        **{name.replace("_", "-"): value for name, value in pairs.items()},
    }


def asked(file, spec, method="can-run"):
    """Ask the tool about a spec."""
    test = json.dumps({"type": "batch", "spec": spec}).encode()
    return json.loads(run_method(METHODS["tool", "batch-processor"][method], Call((), io.BytesIO(test), file)))


def test_a_batch_that_is_allowed_can_be_run(permission):
    """It has no reasons then."""

    assert asked(permission(), spec_of({"task": IDLE})) == {"can-run": True}


@pytest.mark.parametrize(
    ("spec", "pairs", "words"),
    [
        (spec_of({"task": TRACE}, duration="PT1M"), {}, 'test "trace" is not allowed'),
        (spec_of({"iterations": 5, "task": IDLE}), {"max_iterations": 4}, "5 iterations, at most 4"),
        (spec_of({"task": IDLE}, duration="PT2M"), {"max_duration": "PT1M"}, "takes PT2M, at most PT1M is allowed"),
        (spec_of({"iterations": 9, "task": IDLE}), {"max_duration": "PT1M"}, "at most PT1M is allowed"),
        (spec_of({"task": {**IDLE, "archives": [{"archiver": "x", "data": {}}]}}), {}, '"archives" is not allowed'),
        ({"batch-url": "mesh.json"}, {}, "no directory of batches"),
        ({"batch-url": "https://www.example.net/a", "duration": "PT1M"}, {}, "from www.example.net is not allowed"),
        (spec_of({"task": {"test": {}}}), {}, "/jobs/0/task/test"),
        ({"batch": {}, "lead": "x"}, {}, "/lead: unknown pair"),
        ("mesh", {}, "the spec of a batch is an object"),
    ],
)
def test_what_cannot_be_run_is_declined_with_reasons(permission, spec, pairs, words):
    """Otherwise, pScheduler says only that can-run failed."""
    reply = asked(permission(**pairs), spec)

    assert reply["can-run"] is False
    assert words in "\n".join(reply["reasons"])


def test_as_installed_nothing_is_run_or_even_looked_at(tmp_path):
    """Not even the errors of a batch are reported."""
    reply = asked(str(tmp_path / "missing.json"), {"what": 1})

    assert [reply["can-run"], len(reply["reasons"])] == [False, 1]
    assert "batches are not enabled on this host" in reply["reasons"][0]


def test_a_wrong_permission_file_allows_nothing(tmp_path):
    """The reasons say where it is wrong."""
    path = tmp_path / "permission.json"
    path.write_text('{"enabled": true,\n "testss": ["idle"]}')
    reply = asked(str(path), spec_of({"task": IDLE}))

    assert reply["can-run"] is False
    assert f"{path}:2:" in "\n".join(reply["reasons"])


def test_another_test_is_declined(permission):
    """PScheduler asks a tool about the tests only that it has named, but anyone may ask."""
    reply = json.loads(tool.can_run(Call((), io.BytesIO(b'{"type": "rtt", "spec": {}}'), permission())))

    assert reply == {"can-run": False, "reasons": ['this tool does not run the test "rtt"']}


def test_a_bug_is_a_reason(monkeypatch, permission):
    """A traceback would reach the log of the server only."""
    monkeypatch.setattr(admission, "read_specification", lambda _: 1 // 0)

    assert asked(permission(), spec_of({"task": IDLE}))["reasons"] == [
        "this is a bug in pscheduler-batch: ZeroDivisionError"
    ]


def seconds(file, spec) -> float:
    """Return the duration that the tool announces."""
    return parse_duration(asked(file, spec, "duration")["duration"]).total_seconds()


def test_the_duration_covers_the_measurements_the_servers_and_the_end(permission):
    """Serial iterations are added up; those of a parallel job are at the same time."""
    serial = seconds(permission(), spec_of({"iterations": 10, "task": IDLE}))
    parallel = seconds(permission(), spec_of({"iterations": 10, "parallel": True, "task": IDLE}))

    # Posting, set-up, the test and its result of each, and the end.
    assert 10 * (2 + 6 + 1 + 10) <= serial - 15 <= 10 * 30
    assert 20 <= parallel < serial / 2


def test_a_test_that_may_end_sooner_gets_all_of_its_time(permission):
    """So does one that may start later."""

    def dns(**schedule):
        task = {"test": {"type": "dns", "spec": {"timeout": "PT30S"}}, "schedule": schedule}
        return seconds(permission(tests=["dns"]), spec_of({"task": task}))

    assert dns() >= 30 + 15
    assert dns(slip="PT1M") >= dns() + 60


def test_the_duration_of_the_spec_is_used_as_it_is(permission, monkeypatch):
    """Nothing is planned then."""
    monkeypatch.setitem(sys.modules, "pscheduler_batch.plugins.batch_plan", None)

    assert seconds(permission(), spec_of({"task": TRACE}, duration="PT90S")) == 90


def test_the_duration_of_a_batch_of_a_web_server_needs_no_batch(permission):
    """It is fetched only when it is due."""

    assert seconds(permission(), {"batch-url": "https://www.example.net/mesh.json", "duration": "PT5M"}) == 300


def test_a_duration_that_is_not_known_is_required(permission):
    """Without it, nothing could be scheduled."""
    with pytest.raises(MethodError, match=r"/duration: required, as .* of 1 iteration is not known \(test trace\)"):
        asked(permission(), spec_of({"task": TRACE}), "duration")


def test_a_duration_that_is_too_short_is_refused(permission):
    """It is no use to start what cannot end in time; spec-is-valid and can-run say so."""
    spec = spec_of({"iterations": 9, "task": IDLE}, duration="PT8S")
    words = "/duration: 8 s are not enough, as the measurements alone take 9 s"

    assert asked(permission(), spec) == {"can-run": False, "reasons": [words]}
    assert answered("test/batch/spec-is-valid", spec) == {"valid": False, "error": words}


def test_a_batch_that_a_script_may_end_early_can_have_less_time(permission):
    """The measurements of its plan are the most that it makes."""
    spec = spec_of({"iterations": 9, "task": IDLE, "continue-if": {"script": "false"}}, duration="PT8S")

    assert asked(permission(), spec) == {"can-run": True}
    assert seconds(permission(), spec) == 8


def test_a_named_batch_is_read_from_the_directory_of_the_site(permission, tmp_path):
    """Only regular files in it that are no larger than any batch."""
    folder = tmp_path / "batches"
    folder.mkdir()
    folder.joinpath("mesh.json").write_text(json.dumps(spec_of({"task": IDLE})["batch"]))
    folder.joinpath("directory").mkdir()
    os.mkfifo(folder / "pipe")
    folder.joinpath("large").touch()
    os.truncate(folder / "large", 10_000_001)
    file = permission(batch_folder=str(folder))

    assert asked(file, {"batch-url": "mesh.json"}) == {"can-run": True}
    assert "No such file" in asked(file, {"batch-url": "mush.json"})["reasons"][0]
    assert "Is a directory" in asked(file, {"batch-url": "directory"})["reasons"][0]
    assert "not a regular file" in asked(file, {"batch-url": "pipe"})["reasons"][0]
    assert "larger than 10,000,000 bytes" in asked(file, {"batch-url": "large"})["reasons"][0]


def test_there_is_nothing_to_exchange():
    """The batch has one participant."""

    assert answered("tool/batch-processor/participant-data", {"test": {}, "participant": 0}) == {}


def test_the_merged_result_is_that_of_the_only_participant():
    """Clients see this one."""
    result = {"schema": 1, "succeeded": True, "batch": {"jobs": []}}
    given = {"test": {}, "results": [{"succeeded": True, "result": result, "error": "", "diags": ""}]}

    assert answered("tool/batch-processor/merged-results", given) == result


@pytest.mark.parametrize(
    "results",
    [
        [{"succeeded": False, "error": "Tool failed: killed", "diags": "x"}],
        [{"succeeded": False, "result": {"schema": 1, "batch": {"jobs": []}}, "error": "1 of 2 runs failed"}],
        [{"succeeded": True}],
        [None],
        [],
        None,
    ],
)
def test_a_result_that_the_tool_did_not_make_is_a_failure(results):
    """PScheduler decides by ``succeeded`` whether the run has failed; what there is, is kept."""
    merged = answered("tool/batch-processor/merged-results", {"test": {}, "results": results})
    given = (results or [None])[0] or {}

    assert merged["succeeded"] is False
    assert merged["error"] == given.get("error", "the tool gave no result")
    assert merged.get("batch") == given.get("result", {}).get("batch")


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (spec_of({"task": IDLE}), None),
        (spec_of({"iterations": 0, "x": 1}), "/batch: error: /jobs/0/iterations: found 0"),
        (spec_of({"iterations": 0, "x": 1}), '/batch: error: /jobs/0: required pair "task" is missing'),
        (spec_of({"task": {"test": {"type": "idle"}}}), '/batch: error: /jobs/0/task/test: required pair "spec"'),
        (spec_of({"task-transform": {"script": ".test = "}, "task": IDLE}), "the script does not compile"),
        (spec_of({"task": TRACE}), "/duration: required"),
        (spec_of({"enabled": False, "task": 7}), None),
        (spec_of(), None),
        ({"batch": {"jobs": 5}, "duration": "x"}, "/duration: found"),
        ({"batch-url": "https://www.example.net/mesh.json", "duration": "PT5M"}, None),
        ({"batch-url": "mesh-nowhere.json"}, "batch-url mesh-nowhere.json: "),
        ([], "the spec of a batch is an object"),
    ],
)
def test_a_spec_is_valid_if_check_finds_no_errors(spec, error):
    """All that ``--check`` says is in the text."""
    reply = answered("test/batch/spec-is-valid", spec)

    assert reply["valid"] is (error is None)
    assert (error or "") in reply.get("error", "")


def test_the_errors_of_a_batch_in_a_spec_have_no_lines():
    """The client knows no lines of it, and wrote it in another way."""
    error = answered("test/batch/spec-is-valid", spec_of({"iterations": 0, "task": IDLE}))["error"]

    assert error.startswith("/batch: error: /jobs/0/iterations: found 0")
    assert len(error.split("\n")) == 1


def test_methods_that_a_post_calls_are_called_with_anything(permission):
    """None of them ends with a traceback."""
    for value in ([], 5, None, "x", {"type": "batch"}, {"spec": {"batch": []}}):
        text = json.dumps(value).encode()
        assert json.loads(tool.can_run(Call((), io.BytesIO(text), permission())))["can-run"] is False
        for method in ("tool/batch-processor/duration", "test/batch/participants", "test/batch/spec-to-cli"):
            with pytest.raises(MethodError):
                called(method, value)


@pytest.mark.parametrize("job", [{"iterations": 10_001, "task": IDLE}, {"task": [IDLE] * 10_001}])
def test_a_batch_with_more_iterations_than_can_be_planned_in_time_is_refused(permission, job):
    """A stranger could otherwise have a method work until it is killed."""
    spec = spec_of(job, duration="PT1M")
    said = answered("test/batch/spec-is-valid", spec)["error"]
    reasons = asked(permission(max_iterations=1_000_000), spec)["reasons"]

    assert "at most 10,000 are allowed" in said
    assert "at most 10,000 are allowed" in "\n".join(reasons)
    # A client that posts a task has no such option.
    assert "--max-iterations" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"enabled": false, "tests": ["*"]}', 'does not have "enabled": true'),
        ('{"tests": ["*"]}', 'does not have "enabled": true'),
        ('{"enabled": "true"}', "its permission file is wrong"),
        ('{"enabled": 0}', "its permission file is wrong"),
        ("{", "its permission file is wrong"),
        ("[" * 100_000, "its permission file is wrong"),
        ("[]", "its permission file is wrong"),
    ],
)
def test_a_file_that_enables_nothing_refuses_everything(tmp_path, text, words):
    """Only ``true`` enables batches; an error is reported."""
    file = tmp_path / "permission.json"
    file.write_text(text)
    reply = asked(str(file), spec_of({"task": IDLE}))

    assert reply["can-run"] is False
    assert words in reply["reasons"][0]


def test_a_secret_that_became_the_name_of_a_test_stays_secret(permission):
    """Its duration cannot be known, and the messages of methods are answers of the server."""
    job = {"task": IDLE, "task-transform": {"args": {"_key": "abracadabra"}, "script": ".test.type = $_key"}}
    said = answered("test/batch/spec-is-valid", spec_of(job))["error"]
    reasons = asked(permission(), spec_of(job))["reasons"]

    assert "abracadabra" not in "\n".join([said, *reasons])
    assert "(test (hidden))" in said
