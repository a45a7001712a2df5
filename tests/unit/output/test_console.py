"""Tests of text on the standard streams."""

from __future__ import annotations

import io
import sys

import pytest

from pscheduler_batch.output.console import write_error
from pscheduler_batch.output.destination import print_text


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "a → b… ü Ω"), ("latin-1", r"a -> b... ü \u03a9"), ("ascii", r"a -> b... \xfc \u03a9")],
)
@pytest.mark.parametrize(("name", "write"), [("stderr", write_error), ("stdout", print_text)])
def test_a_stream_gets_the_characters_that_it_has(name, write, encoding, expected, monkeypatch):
    """Signs become similar ones, letters their escapes."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(data, encoding))
    write("a → b… ü Ω")
    written = data.getvalue().decode(encoding).rstrip("\n")
    monkeypatch.undo()

    assert written == expected
