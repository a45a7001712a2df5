"""Where the parts of a JSON text are."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.input.positions import (
    Duplicate,
    Lines,
    Place,
    find_duplicates,
    line_and_column,
    locate,
    spans_between,
)
from pscheduler_batch.pointers import pointer

TEXT = """\
{
  "jobs" : [
    {"label": "\\"[{,", "n": -1.5e3},
    [[], {}, true,"x"] , null
  ],
\t"é\\u0061\\n": {"a/b": 5}
}
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "/"),
        (("jobs", 0, "task"), "/jobs/0/task"),
        (("a/b", "c~d", "~1"), "/a~1b/c~0d/~01"),
        (("",), "/"),
    ],
)
def test_a_path_is_written_as_a_json_pointer(path, text):
    """Slashes and tildes in names are escaped as RFC 6901 says."""
    assert pointer(path) == text


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (("jobs",), '"jobs"', "["),
        (("jobs", 0), '{"label"', '{"label"'),
        (("jobs", 0, "label"), '"label"', '"\\"[{,"'),
        (("jobs", 0, "n"), '"n"', "-1.5e3"),
        (("jobs", 1), "[[]", "[[]"),
        (("jobs", 1, 1), "{}", "{}"),
        (("jobs", 1, 3), '"x"', '"x"'),
        (("jobs", 2), "null", "null"),
        (("éa\n",), '"é', '{"a/b"'),
        (("éa\n", "a/b"), '"a/b"', "5"),
    ],
)
def test_a_part_is_found_with_its_name(path, name, value):
    """White space, escapes and brackets in strings do not lead astray."""
    place = locate(TEXT, [path])[path]

    assert TEXT[place.name :].startswith(name)
    assert TEXT[place.value :].startswith(value)


def test_many_parts_are_found_at_once():
    """One pass finds all of them, those inside each other too."""
    paths = [("jobs", 1, 3), ("jobs",), ("jobs", 0, "n"), ()]
    places = locate(TEXT, paths)

    assert all(places[path] == locate(TEXT, [path])[path] for path in paths)


def test_what_is_not_in_the_text_has_no_place():
    """A look-up of it finds none."""
    assert set(locate(TEXT, [("jobs", 7), ("jobs", "x"), ("none", "at", "all")])) == {(), ("jobs",)}


def test_a_document_without_parts_has_a_place():
    """A bare value behind white space is found."""
    assert locate(' \n "text"', [(), ("a",)]) == {(): Place(3, 3)}


def test_of_a_repeated_name_the_last_value_is_meant():
    """This is the value that the json module takes."""
    text = '{"a": 1, "b": 2, "a": 3}'

    assert text[locate(text, [("a",)])["a",].value] == "3"


@pytest.mark.parametrize(
    ("offset", "place"), [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (4, (2, 3)), (6, (3, 2)), (7, (4, 1))]
)
def test_lines_and_columns_count_from_one(offset, place):
    """A line's end belongs to the line; characters count, not bytes."""
    text = "{\nèè\n}\n"

    assert Lines(text).place(offset) == place
    assert line_and_column(text, offset) == place


def test_repeated_names_are_found_with_both_places():
    """Each further occurrence is told with the one before it."""
    text = '{"a": [{"b": 1, "c": {}, "b": 2, "b": 3}], "a": 4}'

    assert find_duplicates(text) == [
        Duplicate(("a", 0, "b"), text.index('"b": 1'), text.index('"b": 2')),
        Duplicate(("a", 0, "b"), text.index('"b": 2'), text.index('"b": 3')),
        Duplicate(("a",), text.index('"a": ['), text.index('"a": 4')),
    ]


def test_comments_may_repeat():
    """Neither names that begin with # nor anything in their values count."""
    assert find_duplicates('{"#": 1, "#": {"x": 1, "x": 2}, "#a": 1, "#a": 2, "y": 3}') == []


def test_every_part_of_a_document_is_found_where_it_is():
    """What is read at the place of a part is that part."""
    document = {"a": [1, "two", None, {"b": [[], {"c~/": -1.5}]}], "": {'é\t"': True, "x": [[[["deep"]]]]}}
    text = json.dumps(document, indent=1)
    paths = list(_paths(document, ()))
    places = locate(text, paths)

    assert [json.JSONDecoder().raw_decode(text, places[path].value)[0] for path in paths] == [
        _part(document, path) for path in paths
    ]


def _paths(value, path):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in members:
        yield from _paths(item, (*path, step))


def _part(value, path):
    for step in path:
        value = value[step]
    return value


class Counted(list):
    """A list that counts how often something is taken from it, and that is not gone through otherwise."""

    taken = 0

    def __getitem__(self, index):
        self.taken += 1
        return super().__getitem__(index)

    def __iter__(self):
        raise AssertionError("one after the other")


def test_the_spans_of_a_small_piece_are_found_without_a_look_at_all():
    """Of a large input with many secrets and many problems, each problem shows a line."""
    spans = Counted((10 * number, 10 * number + 5) for number in range(100_000))

    assert list(spans_between(spans, 900_003, 900_021)) == [(900_000, 900_005), (900_010, 900_015), (900_020, 900_025)]
    assert spans.taken < 40


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 4), (9, 12), (13, 20), (30, 40)])
def test_between_spans_there_are_none(start, stop):
    """What only touches the piece is not in it."""
    assert list(spans_between([(4, 9), (12, 13), (20, 30)], start, stop)) == []
