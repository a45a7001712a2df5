"""Lists of hosts and values to vary: what the batches run that are made of them, and wrong ones."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from pscheduler_batch.drafts.draft import JobDraft, factored, place, with_version
from pscheduler_batch.drafts.host_lists import HostListError, check_ends, host_dimension
from pscheduler_batch.drafts.sweeps import SweepError, sweep
from tests.support.drafts import ends_of, tasks_of

HOSTS = "a.example.net\nb.example.net  # the second one\n\n# none\n2001:db8::1\n"
NAMES = ["a.example.net", "b.example.net", "2001:db8::1"]
TASK = {"test": {"type": "throughput", "spec": {"duration": "PT5S"}}}
RTT = {"test": {"type": "rtt", "spec": {"dest": "a"}}}


def test_a_mesh_measures_every_pair_once():
    """In both directions, and no host to itself."""
    (tasks,) = tasks_of([JobDraft("x", [TASK], [host_dimension("mesh", HOSTS, source="f")])])

    assert ends_of(tasks) == list(permutations(NAMES, 2))


def test_a_star_measures_from_the_first_host():
    """To every other one."""
    (tasks,) = tasks_of([JobDraft("x", [TASK], [host_dimension("star", HOSTS, source="f")])])

    assert ends_of(tasks) == [(NAMES[0], NAMES[1]), (NAMES[0], NAMES[2])]


def test_pairs_are_measured_in_their_order():
    """From the first to the second host of a line; the way back is another pair."""
    dimension = host_dimension("pairs", "a b\nb a\na c\n", source="f")
    (tasks,) = tasks_of([JobDraft("x", [TASK], [dimension])])

    assert ends_of(tasks) == [("a", "b"), ("b", "a"), ("a", "c")]


def test_hosts_and_values_make_a_grid():
    """Every combination once; the hosts change most slowly, the last values most quickly."""
    hosts = host_dimension("mesh", HOSTS, source="f")
    streams = sweep("spec.parallel=1,2,4,8", TASK, [hosts])
    windows = sweep("spec.window-size=65536,131072", TASK, [hosts, streams])
    (tasks,) = tasks_of([JobDraft("x", [TASK], [hosts, streams, windows])])
    found = [
        (ends, task["test"]["spec"]["parallel"], task["test"]["spec"]["window-size"])
        for ends, task in zip(ends_of(tasks), tasks)
    ]

    assert found == list(product(permutations(NAMES, 2), [1, 2, 4, 8], [65536, 131072]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spec.count=1,2", [1, 2]),
        ("spec.count= 1 , 2 ", [1, 2]),
        ("spec.interval=PT1S,PT0.5S", ["PT1S", "PT0.5S"]),
        ("spec.hostnames=true,false", [True, False]),
        ('spec.dest=["a","b"]', ["a", "b"]),
        ("spec.dest=a", ["a"]),
    ],
)
def test_values_are_json_or_text(text, expected):
    """A whole array of JSON is taken as the values."""
    name = text.partition("=")[0].partition(".")[2]
    (tasks,) = tasks_of([JobDraft("x", [RTT], [sweep(text, RTT, [])])])

    assert [task["test"]["spec"][name] for task in tasks] == expected


def test_other_pairs_of_a_task_can_be_varied():
    """Arrays are written as an array of them."""
    (tasks,) = tasks_of([JobDraft("x", [RTT], [sweep('tools=[["ping"],["twping"]]', RTT, [])])])
    (slips,) = tasks_of([JobDraft("x", [RTT], [sweep("schedule.slip=PT1M,PT2M", RTT, [])])])

    assert [task["tools"] for task in tasks] == [["ping"], ["twping"]]
    assert [task["schedule"] for task in slips] == [{"slip": "PT1M"}, {"slip": "PT2M"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("spec.count", "not of the form PATH=VALUE"),
        ("=1", "not of the form PATH=VALUE"),
        ("spec..count=1", "not of the form PATH=VALUE"),
        ("spec.0=1", "not of the form PATH=VALUE"),
        ("spec=1", "cannot be varied"),
        ("spec.count=", "spec.count has no values"),
        ("spec.count=[]", "spec.count has no values"),
        ("spec.cuont=1", 'the rtt spec has no pair "cuont"; did you mean "spec.count"?'),
        ("spec.dest.name=1", 'goes through test.spec.dest, which is "a"'),
        ("spec.length=1", "spec.length is varied twice"),
    ],
)
def test_wrong_values_are_refused(text, reason):
    """With what is wrong."""
    with pytest.raises(SweepError) as caught:
        sweep(text, RTT, [sweep("spec.length=100,200", RTT, [])])

    assert reason in str(caught.value)


@pytest.mark.parametrize("names", [("a", "a.b-c"), ("a.b-c", "a"), ("a.b-c", "a.b-c.d")])
def test_a_value_and_a_part_of_it_are_not_varied_together(names):
    """The value would replace its part; a name with a hyphen is in brackets in jq."""
    one, other = (f"reference.{name}=1,2" for name in names)
    with pytest.raises(SweepError, match="is varied twice"):
        sweep(other, RTT, [sweep(one, RTT, [])])

    assert sweep("reference.a-b=1", RTT, [sweep("reference.a=1", RTT, [])]).count == 1


def test_values_and_hosts_that_fight_are_refused():
    """A mesh sets the destination."""
    with pytest.raises(SweepError, match=r"spec\.dest is varied twice"):
        sweep("spec.dest=a,b", TASK, [host_dimension("star", HOSTS, source="f")])


def test_paths_through_unknown_tests_are_accepted():
    """Only specs that are known can be judged."""
    task = {"test": {"type": "mine", "spec": {}}}
    (tasks,) = tasks_of([JobDraft("x", [task], [sweep("spec.a.b-c=1,2", task, [])])])

    assert [made["test"]["spec"] for made in tasks] == [{"a": {"b-c": 1}}, {"a": {"b-c": 2}}]


@pytest.mark.parametrize(
    ("shape", "text", "problems"),
    [
        ("mesh", "a\n", [(1, "found 1 host, expected at least two hosts for a mesh")]),
        ("star", "", [(1, "found no hosts, expected at least two hosts for a star")]),
        ("pairs", "# a b", [(1, "found no hosts, expected a pair of hosts")]),
        ("mesh", "a\nb\n\nA\n", [(4, "A is there twice, first in line 1")]),
        ("mesh", "a b\nc", [(1, "found 2 words, expected a host")]),
        (
            "pairs",
            "a b\nc\na b\nd d",
            [(2, "found 1 word"), (3, "a b is there twice"), (4, "d is paired with itself")],
        ),
        ("mesh", "https://a\nb", [(1, '"https://a" is not a host')]),
        ("mesh", "\n".join(f"h{n}" for n in range(10_000)), [(1, "10,000 hosts make 99,990,000 iterations")]),
    ],
)
def test_wrong_lists_are_refused(shape, text, problems):
    """Each problem has its line."""
    with pytest.raises(HostListError) as caught:
        host_dimension(shape, text, source="hosts.txt")

    assert caught.value.source == "hosts.txt"
    assert [problem.line for problem in caught.value.problems] == [line for line, _ in problems]
    assert all(reason in problem.reason for problem, (_, reason) in zip(caught.value.problems, problems))


def test_ten_thousand_hosts_make_a_star():
    """As many iterations as hosts."""
    text = "\n".join(f"h{n}.example.net" for n in range(10_000))

    assert host_dimension("star", text, source="f").count == 9_999


def test_a_test_of_one_host_has_no_ends():
    """Its spec has no source; tests that are not known may have one."""
    with pytest.raises(ValueError, match='no pair "source"'):
        check_ends("idle")
    check_ends("rtt")
    check_ends("mine")


def test_a_spec_declares_the_version_of_its_pairs():
    """And is left alone where it says more, or the test is not known."""
    assert with_version({"dest": "a", "fragment": True}, "rtt") == {"dest": "a", "fragment": True, "schema": 3}
    assert with_version({"dest": "a", "schema": 4}, "rtt", ("fragment",)) == {"dest": "a", "schema": 4}
    assert with_version({"dest": "a", "schema": 1}, "rtt", ("port",)) == {"dest": "a", "schema": 4}
    assert with_version({"dest": "a"}, "mine", ("port",)) == {"dest": "a"}


def test_tasks_that_are_alike_become_one():
    """With what differs as data; equal columns share a name, and different ones with one name are told apart."""
    tasks = [
        {"test": {"type": "mine", "spec": {"to": to, "again": [to], "x": {"n": to * 2}, "y": {"n": to * 3}}}}
        for to in ("a", "b")
    ]
    common, dimensions = factored("rows", tasks, "What differs")

    assert [made["test"] for made in tasks_of([JobDraft("x", common, dimensions)])[0]] == [t["test"] for t in tasks]
    assert dimensions[0].data == {"rows": [{"to": c, "n": c * 2, "y-n": c * 3} for c in ("a", "b")]}


def test_tasks_with_different_pairs_stay_an_array():
    """Nothing can be said about them together."""
    tasks = [RTT, {**RTT, "tool": "ping"}]

    assert factored("rows", tasks, "What differs") == (tasks, ())
    assert [made.get("tool") for made in tasks_of([JobDraft("x", tasks)])[0]] == [None, "ping"]


def test_names_are_quoted_in_scripts():
    """As jq needs it."""
    assert place(("test", "spec", "a-b", 3, "c")) == '.test.spec["a-b"][3].c'
    assert place(("1",)) == '.["1"]'
