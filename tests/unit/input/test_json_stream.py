"""Tests of reading JSON in pieces."""

from __future__ import annotations

import io
import json

import pytest

from pscheduler_batch.input.json_stream import JsonStream

DOCUMENT = {
    "schéma": 3,
    "jobs": [
        {"label": "ä😀\u2028", "results": [{"a": -1.5e-7, "b": []}, {}, 12, True, None, 'x\\"y', [[]]]},
        {},
        {"e": 0},
    ],
    "": 123456,
    "last": -1.25e10,
}
TEXTS = [
    json.dumps(DOCUMENT, ensure_ascii=False).encode(),
    json.dumps(DOCUMENT, indent=2).encode(),
    b"\xef\xbb\xbf\r\n" + json.dumps(DOCUMENT, separators=(",", ":")).encode() + b"\t\n ",
]


def walk(data, piece):
    """Read a document, the jobs and results step by step; check that each place can be found again."""
    file = io.BytesIO(data)
    stream = JsonStream(file, piece=piece)
    document = {}
    for name in stream.members():
        if name != "jobs":
            document[name] = stream.value()
            continue
        jobs = document[name] = []
        for _ in stream.elements():
            job = {}
            for pair in stream.members():
                again = JsonStream(file, stream.tell(), piece=piece).value()
                job[pair] = [stream.value() for _ in stream.elements()] if pair == "results" else stream.value()
                assert again == job[pair]
            jobs.append(job)
    stream.end()
    return document


@pytest.mark.parametrize("data", TEXTS, ids=["with umlauts", "in lines", "with a byte-order mark"])
def test_pieces_may_end_anywhere(data):
    """In a character, an escape, a number, a word."""

    assert [size for size in range(1, len(data) + 2) if walk(data, size) != DOCUMENT] == []


@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_a_document_without_its_end_is_an_error(piece):
    """Wherever it was cut."""
    data = TEXTS[0]
    for length in range(len(data)):
        with pytest.raises(ValueError):  # noqa: PT011 - of two kinds
            walk(data[:length], piece)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1} x', '{"a" 1}', '{"a": 1, }', "{1: 2}", '{"a": 1 "b": 2}', '{"a": 01}', '{"a": -}', "[]", '{"a": 1}}'],
)
def test_what_is_not_json_is_an_error(text):
    """As for the json module."""
    with pytest.raises(ValueError, match="line 1"):
        walk(text.encode(), 4)


def test_only_a_piece_is_in_memory():
    """What has been read is dropped."""

    sizes = set()

    class File(io.BytesIO):
        """A file that notes how much is read at once."""

        def read(self, size):
            """Read."""
            sizes.add(size)
            return super().read(size)

    file = File(json.dumps(["x" * 50] * 1000 + ["y" * 500]).encode())
    stream = JsonStream(file, piece=100)

    assert len([stream.value() for _ in stream.elements()]) == 1001
    assert max(sizes) < 700
