"""Values from outside: reading them, and adding them to the data of a batch."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import OptionError
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.input.values import Values, combine, read_data, read_settings
from pscheduler_batch.text import HIDDEN


def setting(*given, data=()):
    """Return the values of some ``--set`` options, and of files."""
    files = [(f"{number}.json", read_data(each, source=f"{number}.json")) for number, each in enumerate(data)]
    return combine(files, read_settings(given, source="--set"))


def added(data, *given, files=()):
    """Return data with the values of some ``--set`` options, and of files."""
    return setting(*given, data=files).added_to(data)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a=5", {"a": 5}),
        ("a=PT5S", {"a": "PT5S"}),
        ("a=", {"a": ""}),
        ('a="5"', {"a": "5"}),
        ("a=[1, {}]", {"a": [1, {}]}),
        ("a={", {"a": "{"}),
        ("a=null", {"a": None}),
        ("a=NaN", {"a": "NaN"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1\n2", {"a": "1\n2"}),
        ('["a b.c"]=1', {"a b.c": 1}),
        ("größe-1=1", {"größe-1": 1}),
        ("a=0.1000000000000000055", {"a": 0.1000000000000000055}),
    ],
)
def test_a_value_is_json_or_else_text(given, expected):
    """VALUE is JSON if it can be; NAME is any name."""
    assert added(None, given) == expected


def test_a_path_leads_into_the_data():
    """Names and indexes are followed, and only the last name may be new."""
    data = {"hosts": [{"name": "a"}, {"name": "b"}], "other": 1}

    result = added(data, "hosts[1].name=c", 'hosts[0]["tag"]=d', "new=e")

    assert result == {"hosts": [{"name": "a", "tag": "d"}, {"name": "c"}], "other": 1, "new": "e"}
    assert data == {"hosts": [{"name": "a"}, {"name": "b"}], "other": 1}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("hosts[2]=1", "global.data.hosts has no [2]: it has 1 element"),
        ("hosts[0].name.x=1", 'global.data.hosts[0].name is "a", which has no names'),
        ("hosts.name=1", 'global.data.hosts is [{"name": "a"}], which has no names'),
        ("count[0]=1", "global.data.count is 5, which has no [0]"),
        ("count.x.y=1", "global.data.count is 5, which has no names"),
        ("hsots[0]=1", 'global.data has no "hsots"; did you mean "hosts"?'),
        ("nothing.like.it=1", 'global.data has no "nothing"'),
        ("[0]=1", 'global.data is {"hosts": [{"name": "a"}], "count": 5, "other": 1}, which has no [0]'),
    ],
)
def test_a_path_that_does_not_exist(given, reason):
    """The message has the place in the data, and what may have been meant."""
    with pytest.raises(OptionError) as caught:
        added({"hosts": [{"name": "a"}], "count": 5}, "other=1", given)

    (problem,) = caught.value.problems
    assert (problem.reason, problem.line, problem.column, caught.value.source) == (reason, 2, 1, "--set")


@pytest.mark.parametrize(
    ("given", "column"), [("a", 2), ("=1", 1), ("a.=1", 2), ("a[x]=1", 2), ("a[-1]=1", 2), (".a=1", 1), ("a b=1", 2)]
)
def test_what_is_no_name_and_value(given, column):
    """The message is about the place at which the name ends."""
    with pytest.raises(OptionError) as caught:
        read_settings(["x=1", given], source="--set")

    (problem,) = caught.value.problems
    assert problem.reason.startswith("expected NAME=VALUE")
    assert (problem.line, problem.column) == (2, column)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("a=1", "a=1"), "a is set twice, first by --set number 1"),
        (("a.b=1", "a=1"), "a and a.b, set by --set number 1, overlap; set only one of them"),
        (("a=1", "b=1", "a[0]=1"), "a[0] and a, set by --set number 1, overlap; set only one of them"),
    ],
)
def test_sets_that_contradict_each_other(given, reason):
    """Their order does not decide."""
    with pytest.raises(OptionError) as caught:
        setting(*given)

    assert [problem.reason for problem in caught.value.problems] == [reason]


def test_data_is_merged_over_the_data_and_sets_over_both():
    """Objects are merged, everything else is replaced; later files count."""
    data = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    files = ['{"a": {"c": [3]}, "#": "a comment"}', b'{"a": {"e": 4}, "d": {}}', {"f": (1,)}]

    assert added(data, "a.b=5", files=files) == {"a": {"b": 5, "c": [3], "e": 4}, "d": {}, "f": [1]}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("[1]", "found [1], expected an object"),
        ("", "the file is empty"),
        ("{,}", "expected a name in double quotes"),
        ({"a": float("nan")}, "found NaN"),
        ([("a", 1)], "expected an object"),
    ],
)
def test_data_that_is_no_object(given, reason):
    """The message is that of a batch with the same mistake."""
    with pytest.raises(OptionError, match=r"night\.json") as caught:
        read_data(given, source="night.json")

    assert reason in caught.value.problems[0].reason


def test_an_object_cannot_be_merged_over_an_array():
    """The data of a batch may be anything."""
    with pytest.raises(OptionError, match=r"global.data of the batch is \[1\]"):
        added([1], files=["{}"])
    assert added([1], "[0]=2") == [2]


def test_what_was_set_is_recorded_without_secrets():
    """Secrets are hidden however deep they are."""
    values = setting("_a=1", "b._c=2", "d=3", 'e={"_f": 4}', data=['{"_g": {"h": 5}, "i": [{"_j": 6}], "_k": null}'])

    assert values.as_pairs() == {
        "_g": HIDDEN,
        "i": [{"_j": HIDDEN}],
        "_k": None,
        "_a": HIDDEN,
        "b._c": HIDDEN,
        "d": 3,
        "e": {"_f": HIDDEN},
    }


def test_messages_do_not_show_secrets():
    """The excerpt of an option ends where its secret begins."""
    with pytest.raises(OptionError) as caught:
        setting("_token=sesame", "_token=sesame")

    assert "sesame" not in f"{caught.value} {caught.value.text}"


def batch_with(script, *given, data=None, **pairs):
    """Return a batch with one script and some values."""
    job = {"task": {"test": {"type": "idle", "spec": {}}}, "task-transform": {"script": script}, **pairs}
    return load_batch({"global": {"data": data or {}}, "jobs": [job]}, values=setting(*given))


@pytest.mark.parametrize(
    ("script", "given", "data", "reasons"),
    [
        (".x = $global.hosts", "hosts=1", {}, []),
        ('.x = $global["hosts"]', "hosts=1", {}, []),
        ('.x = $global."ps hosts"', '["ps hosts"]=1', {}, []),
        ("$global as $g | .x = $g.hosts", "hosts=1", {}, []),
        (".x = ($global | keys)", "anything=1", {}, []),
        (".x = $global[.name]", "anything=1", {}, []),
        (".x = $global.hosts", "hsots=1", {}, ['no script uses "hsots", which is set by --set; did you mean "hosts"?']),
        (".x = $global.a", "zzz=1", {}, ['no script uses "zzz", which is set by --set; they use a']),
        (".x = 1", "zzz=1", {}, ['no script uses "zzz", which is set by --set']),
        (
            "$global as $g | .x = 1",
            "hsots=1",
            {"hosts": 1},
            ['no script uses "hsots", which is set by --set; did you mean "hosts"?'],
        ),
    ],
)
def test_a_name_that_no_script_uses_is_a_warning(script, given, data, reasons):
    """Where a script may use any name, only what looks misspelt is one."""
    batch = batch_with(script, given, data=data)

    assert [problem.reason for problem in batch.unused] == reasons
    assert [problem for problem in batch.warnings if problem in batch.unused] == list(batch.unused)


def test_the_script_of_a_disabled_job_does_not_count():
    """It is not run."""
    assert len(batch_with(".x = $global.hosts", "hosts=1", enabled=False).unused) == 1


def test_no_values_change_nothing():
    """Then the data is that of the batch itself."""
    data = {"a": 1}

    assert Values().added_to(data) is data


@pytest.mark.parametrize("given", ["a._b.c=1", "_pw two", '["_pw=two', "=two", "x"])
def test_errors_show_no_values(given):
    """Another value may be an object with secrets, which also once ended the message in a traceback."""
    with pytest.raises(OptionError) as caught:
        added({"other": 1}, 'other={"_pw": "one"}', given)
    error = caught.value
    message = render_problems(error.problems, text=error.text, source=error.source)

    assert "--set:2:" in message
    assert "one" not in message
    assert "_pw two" not in message
