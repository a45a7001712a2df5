from __future__ import annotations

import json

import pytest

from pscheduler_batch.journal.sealing import Seal, is_sealed

PRIVATE = "\ue000"

NASTY = {
    "part of each other": ["abc", "abcdef", "cde", "bc"],
    "one character": ["x"],
    "a digit": ["0", "1", "10"],
    "of the private use area": [PRIVATE, "\ue001", "\ue0000\ue001", "\ue000e\ue001", "\ue000v0\ue001"],
    "a letter of the seal": ["e", "v", "n"],
    "numbers": [1234, 12.5, -7, 1e20, 0],
    "booleans and null": [True, False, None],
    "empty": ["", [], {}],
    "other scripts": ["пароль", "密码", "🔑", "a\u0301"],
    "half a surrogate pair": ["\ud83d"],
    "quotation marks": ['a"b', "it's", "back\\slash", "line\nbreak"],
    "of a pattern": [".*", "(", "[a-z]+", "a|b", "^$"],
    "nested": [{"user": "u1", "password": ["p1", {"deep": "d1"}]}],
    "like numbers": ["1234", 1234, "12.5", 12.5],
}


def secret_task(values):
    """Make a task with secrets in every possible place."""
    return {
        "test": {"type": "noop", "spec": {"_data": values[0], "open": "shown"}},
        "archives": [{"archiver": "http", "data": {"_url": value, "n": 1}} for value in values],
        "_key": values[-1],
        "_all": values,
    }


@pytest.mark.parametrize("values", NASTY.values(), ids=NASTY)
def test_what_was_closed_opens_as_it_was(values):
    """Whatever the secrets: in values, in names, in texts about them, in lists and in other forms."""
    task = secret_task(values)
    texts = [f"before {value} and {value}{value} behind" for value in values]
    about = {
        "task": task,
        "log": [*texts, *values, *map(json.dumps, values), PRIVATE, f"{PRIVATE}{PRIVATE}e\ue001"],
        "names": {f"name {value}": value for value in values},
        "kept": [0, 1, 1.0, True, False, None, "", {}, [], 1234567],
    }
    stored = json.loads(json.dumps(Seal(task).close(about)))
    opened = Seal(json.loads(json.dumps(task))).open(stored)

    # As JSON, since 1, 1.0 and true are equal in Python.
    assert json.dumps(opened) == json.dumps(about)


@pytest.mark.parametrize("secret", ["swordfish", 'a"b c', "密码密码", 43219876, 1.25e30, "with \\ in it"])
def test_a_secret_is_nowhere_in_what_was_closed(secret):
    """Not in a value, a text, a name, a number, or in JSON within a text."""
    task = {"_key": secret}
    about = [
        task,
        secret,
        f"it is {secret}.",
        {f"name {secret}": 1},
        f"the task was {json.dumps(task)}",
        f"the task was {json.dumps(task, ensure_ascii=False)}",
        repr(task),
    ]
    written = json.dumps(Seal(task).close(about))

    for form in (str(secret), json.dumps(secret).strip('"'), json.dumps(json.dumps(secret))[3:-3]):
        assert form not in written


@pytest.mark.parametrize("value", [True, False, "", [], {"user": "u"}, [["x"]]])
def test_a_hidden_value_of_any_kind_does_not_show(value):
    """A flag or an empty text under such a name is hidden as well."""

    assert Seal({"_secret": value}).close({"_secret": value})["_secret"] == "\ue000v0\ue001"


def test_a_secret_that_is_not_of_the_task_becomes_null():
    """Such as one of the server's own."""

    assert Seal({"_key": "mine"}).close({"_key": "yours", "open": 1}) == {"_key": None, "open": 1}


def test_the_order_of_names_in_the_task_does_not_matter():
    """Secrets never change places."""
    sealed = Seal({"_a": "one", "_b": "two", "_c": [1]}).close({"_a": "one", "_b": "two", "_c": [1]})

    assert Seal({"_c": [1], "_b": "two", "_a": "one"}).open(sealed) == {"_a": "one", "_b": "two", "_c": [1]}


def test_the_check_tells_other_secrets_apart():
    """It stays the same if only other values have changed."""
    task = {"_key": "abc", "n": 1}

    assert Seal(task).check == Seal({"n": 2, "_key": "abc"}).check
    assert Seal(task).check != Seal({"_key": "abd"}).check
    assert Seal({"_flag": True}).check != Seal({"_flag": False}).check
    assert Seal({"n": 1}).check is None


def test_a_secret_that_was_put_elsewhere_comes_back():
    """Although its name in the task is not secret."""
    task, given = {"open": ["used abc", 4711], "_key": "x"}, {"_token": "abc", "_pin": 4711}
    closed = Seal(task, given).close(task)

    assert [secret for secret in ("abc", "4711") if secret in json.dumps(closed)] == []
    assert Seal(task, given).open(closed) == task
    assert Seal({}, given).check not in {None, Seal({}, {**given, "_pin": 1}).check}


def test_opening_with_fewer_secrets_is_an_error():
    """No value is made up."""
    sealed = Seal({"_a": "one", "_b": "other"}).close("one, other")

    with pytest.raises(IndexError):
        Seal({"_a": "one"}).open(sealed)


def test_texts_without_secrets_stay_as_they_are():
    """A journal is readable text."""
    about = {"log": "nothing to hide", "n": [1, 2.5, None]}

    assert Seal({"test": {}}).close(about) == about


@pytest.mark.parametrize(
    "value",
    [
        {"a": ["b_c", 1, None, {"d": True}]},
        "\ue000",
        ["before \ue0000\ue001 behind"],
        {"\ue000e\ue001": "\ue001"},
        "_text",
    ],
)
def test_a_task_without_secrets_changes_nothing(value):
    """Most tasks have none; text that looks like a seal is restored as well."""
    seal = Seal({"test": {}})
    closed = json.loads(json.dumps(seal.close(value)))

    assert seal.open(closed) == value
    assert seal.open(closed) == closed or is_sealed(json.dumps(closed).encode())


def test_a_secret_of_the_server_is_hidden_though_the_task_has_none():
    """Nothing can restore it."""

    assert Seal({"test": {}}).close({"result": {"_key": "abc", "open": 1}}) == {"result": {"_key": None, "open": 1}}
