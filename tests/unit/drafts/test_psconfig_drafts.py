"""Templates of pSConfig as batches: groups of each kind, what is filled in, and what cannot be."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from pscheduler_batch.drafts.psconfig import psconfig_jobs
from pscheduler_batch.errors import InputError
from tests.support.drafts import copy_of, ends_of, tasks_of
from tests.support.psconfig import specs_of_mesh, template

MEMBERS = [{"name": name} for name in "abcd"]
TEMPLATE = {
    "addresses": {
        "a": {"address": "a.example.net", "host": "one"},
        "b": {"address": "b.example.net", "host": "one"},
        "c": {"address": "c.example.net", "labels": {"v6": {"address": "2001:db8::c"}}},
        "d": {"address": "d.example.net", "pscheduler-address": "2001:db8::d", "lead-bind-address": "192.0.2.4"},
    },
    "hosts": {"one": {"archives": ["more"]}},
    "groups": {"g": {"type": "mesh", "addresses": MEMBERS}},
    "archives": {
        "store": {
            "archiver": "http",
            "data": {"_url": "https://{% address[0] %}/", "by": "{% scheduled_by_address %}"},
        },
        "more": {"archiver": "syslog", "data": {}, "_meta": {"#": "dropped"}},
    },
    "contexts": {"netns": {"context": "linuxnns", "data": {"namespace": "{% address[0] %}"}}},
    "tests": {
        "t": {"type": "rtt", "spec": {"source": "{% address[0] %}", "dest": "{% address[1] %}", "count": 3}},
    },
    "schedules": {"s": {"repeat": "PT1H", "sliprand": True}},
    "tasks": {"x": {"group": "g", "test": "t", "schedule": "s"}},
}


def changed(*changes):
    """Return the template with some of its parts replaced."""
    document = copy_of(TEMPLATE)
    for where, value in changes:
        *steps, last = where.split("/")
        inner = document
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return document


def jobs_of(*changes):
    """Return the jobs of a changed template."""
    return psconfig_jobs(json.dumps(changed(*changes)), source="template.json")[0]


def ends(*changes):
    """Return the letters of the pairs that the task of a changed template measures."""
    found = ends_of(tasks_of(jobs_of(*changes))[0])
    return [source[0] + dest[0] for source, dest in found]


def test_a_mesh_leaves_out_what_is_on_one_host():
    """Unless it is told to leave out equal addresses only, or none."""
    expected = [a + b for a, b in permutations("abcd", 2)]

    assert ends() == [pair for pair in expected if set(pair) != {"a", "b"}]
    assert ends(("groups/g/excludes-self", "address")) == expected
    assert ends(("groups/g/excludes-self", "disabled")) == sorted([*expected, "aa", "bb", "cc", "dd"])


def test_a_disjoint_group_measures_between_its_sides():
    """In both directions, or from a to b only."""
    group = {"type": "disjoint", "a-addresses": MEMBERS[:2], "b-addresses": MEMBERS[2:]}

    assert ends(("groups/g", group)) == ["ac", "ad", "bc", "bd", "ca", "cb", "da", "db"]
    assert ends(("groups/g", {**group, "unidirectional": True})) == ["ac", "ad", "bc", "bd"]


def test_a_list_measures_at_each_address():
    """There is one address at a time."""
    (tasks,) = tasks_of(
        jobs_of(
            ("groups/g", {"type": "list", "addresses": MEMBERS}),
            ("tests/t", {"type": "idle", "spec": {"host": "{% address[0] %}", "duration": "PT1S"}}),
        )
    )

    assert [task["test"]["spec"]["host"][0] for task in tasks] == ["a", "b", "c", "d"]


def test_what_is_disabled_or_excluded_is_left_out():
    """Addresses, hosts, members of a group, and pairs."""
    without_d = ["ac", "bc", "ca", "cb"]
    excludes = [{"local-address": {"name": "a"}, "target-addresses": [{"name": "c"}]}]

    assert ends(("addresses/d/disabled", True)) == without_d
    assert ends(("groups/g/addresses", [*MEMBERS[:3], {"name": "d", "disabled": True}])) == without_d
    assert ends(("hosts/one/disabled", True)) == ["cd", "dc"]
    assert ends(("groups/g/excludes", excludes), ("addresses/d/disabled", True)) == ["bc", "ca", "cb"]


def test_labels_and_addresses_for_others_are_used():
    """A label chooses an address; what has none with it is left out; an address may differ for one other."""
    labeled = [{"name": "c", "label": "v6"}, {"name": "d"}]
    (tasks,) = tasks_of(jobs_of(("groups/g/addresses", labeled)))
    remote = {"d": {"address": "c-for-d.example.net"}}
    (other,) = tasks_of(jobs_of(("addresses/c/remote-addresses", remote), ("groups/g/addresses", MEMBERS[2:])))

    assert ends_of(tasks) == [("2001:db8::c", "d.example.net"), ("d.example.net", "2001:db8::c")]
    assert ends_of(other)[0] == ("c-for-d.example.net", "d.example.net")
    with pytest.raises(InputError, match="the group has no pair"):
        jobs_of(("groups/g/default-address-label", "v6"))


def test_variables_are_filled_in_everywhere():
    """In tests, archives, contexts and references; an IPv6 address in a URL has brackets."""
    (tasks,) = tasks_of(
        jobs_of(
            ("groups/g/addresses", [{"name": "c", "label": "v6"}, {"name": "d"}]),
            ("tests/t/spec/source-node", "{% pscheduler_address[1] %}"),
            ("tasks/x/archives", ["store"]),
            ("tasks/x/reference", {"flip": "{% flip %}", "bind": ["{% lead_bind_address[1] %}", "{% localhost %}"]}),
            ("tasks/x/scheduled-by", 1),
            ("tasks/x/tools", ["ping"]),
            ("tasks/x/priority", 5),
            ("addresses/d/contexts", ["netns"]),
        )
    )
    first, second = tasks

    assert first["test"]["spec"]["source-node"] == "[2001:db8::d]"
    assert first["archives"] == [
        {"archiver": "http", "data": {"_url": "https://[2001:db8::c]/", "by": "d.example.net"}}
    ]
    assert first["reference"] == {"flip": False, "bind": ["192.0.2.4", "localhost"]}
    assert (first["tools"], first["priority"]) == (["ping"], 5)
    assert first["contexts"] == {
        "contexts": [[], [{"context": "linuxnns", "data": {"namespace": "2001:db8::c"}}]],
    }
    assert ("lead-bind" in first, second["lead-bind"]) == (False, "192.0.2.4")


def test_archives_of_the_host_are_added():
    """Those of the host whose address schedules the task, each once."""
    (tasks,) = tasks_of(jobs_of(("tasks/x/archives", ["more"]), ("addresses/d/disabled", True)))
    (own,) = tasks_of(jobs_of(("addresses/d/disabled", True)))

    assert [task["archives"] for task in tasks] == [[{"archiver": "syslog", "data": {}}]] * 4
    assert ["archives" in task for task in own] == [True, True, False, False]


def test_schedules_become_a_comment():
    """A batch runs once."""
    (job,) = jobs_of()

    assert job.notes[0] == 'pSConfig ran it on schedule s: repeat "PT1H", sliprand true.'


def test_what_has_no_counterpart_is_said():
    """Includes, subtasks, and tasks that are disabled."""
    document = changed(
        ("includes", ["https://example.net/more.json"]),
        ("subtasks", {"u": {"test": "t"}}),
        ("tasks/x/subtasks", ["u"]),
        ("tasks/off", {"group": "g", "test": "t", "disabled": True}),
    )
    jobs, notes = psconfig_jobs(json.dumps(document), source="template.json")

    assert [job.label for job in jobs] == ["x"]
    assert notes == [
        '"includes" of the template has no counterpart in a batch',
        '"subtasks" of the template has no counterpart in a batch',
        "disabled tasks of the template are left out: off",
        "the subtasks of task x have no counterpart in a batch",
    ]


@pytest.mark.parametrize(
    ("where", "value", "place", "reason"),
    [
        ("tasks/x/group", "gg", "/tasks/x/group", 'the template has no "gg" in groups'),
        ("tasks/x/test", "tt", "/tasks/x/test", 'the template has no "tt" in tests'),
        ("tasks/x/schedule", "ss", "/tasks/x/schedule", 'the template has no "ss" in schedules'),
        ("tasks/x/archives", ["stor"], "/tasks/x/archives", 'did you mean "store"?'),
        ("tasks/x/scheduled-by", 2, "/tasks/x/scheduled-by", "found 2, but there are 2 addresses"),
        ("tasks/x/disabled", True, "/tasks", "all tasks are disabled"),
        ("tasks/x/tool", "ping", "/tasks/x/tool", 'did you mean "tools"?'),
        ("groups/g/addresses", MEMBERS[:1], "/groups/g", "the group has no pair of different addresses"),
        ("groups/g/addresses", [{"name": "e"}], "/groups/g/addresses/0/name", 'the template has no address "e"'),
        ("groups/g/addresses", [{"class": "e"}], "/groups/g/addresses/0/class", "chosen by a class"),
        ("tests/t/spec/dest", "{% jq .a %}", "/tests/t/spec/dest", "a jq macro"),
        ("tests/t/spec/dest", "{% for a in b %}", "/tests/t/spec/dest", "not a variable of pSConfig"),
        ("tests/t/spec/dest", "{% address[2] %}", "/tests/t/spec/dest", "the group has 2 addresses at once"),
        ("addresses/c/contexts", ["none"], "/contexts", 'the template has no "none" in contexts'),
    ],
)
def test_what_cannot_be_turned_into_tasks_is_an_error(where, value, place, reason):
    """With its place, so that an editor can jump to it."""
    text = json.dumps(changed((where, value)), indent=1)
    with pytest.raises(InputError) as caught:
        psconfig_jobs(text, source="template.json")
    (problem,) = caught.value.problems

    assert (problem.where, caught.value.source) == (place, "template.json")
    assert reason in problem.reason
    assert problem.line is not None


def test_the_example_gives_its_batches():
    """Those that pSConfig itself would submit, as one batch of batches."""
    (tasks,) = tasks_of(psconfig_jobs(json.dumps(template()), source="template.json")[0])

    expected = list(specs_of_mesh(template(), "paths").values())
    for spec in expected:
        del spec["batch"]["#"]

    assert [task["test"]["spec"] for task in tasks] == expected
    assert {task["archives"][0]["data"]["_url"] for task in tasks} == {"https://archive.example.net/batches"}


def test_a_context_of_a_template_without_contexts_is_an_error():
    """There is none that may have been meant."""
    text = json.dumps(
        {name: part for name, part in changed(("addresses/c/contexts", ["x"])).items() if name != "contexts"}
    )

    with pytest.raises(InputError, match='has no "x" in contexts; it has none'):
        psconfig_jobs(text, source="template.json")
