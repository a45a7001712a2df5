"""
Read a JSON document in pieces: the caller walks through it, and only the value that it asks for is in memory.

A document that is not valid JSON is noticed and nothing more; :mod:`~pscheduler_batch.input.json_text` has the words.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, BinaryIO, Iterator

# How many bytes are read at once; a value that is longer is in memory as a whole.
PIECE = 1 << 18

_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER_VALUES = frozenset(" \t\n\r,:]}")
_DECODER = json.JSONDecoder()


class JsonStream:
    r"""
    A place in a JSON document, which each method moves forward.

    >>> import io
    >>> stream = JsonStream(io.BytesIO(b'{"a": [1, {"b": 2}], "c": null}'))
    >>> for name in stream.members():
    ...     print(name, [stream.value() for _ in stream.elements()] if name == "a" else stream.value())
    a [1, {'b': 2}]
    c None
    >>> stream.end()

    All methods raise ValueError if the document is not valid JSON in UTF-8 or has something else in this place, and
    RecursionError if it is nested too deeply.
    """

    def __init__(self, file: BinaryIO, offset: int = 0, *, piece: int = PIECE) -> None:
        """
        Choose the place.

        Args:
            file: The document. It must be seekable, and is moved only while it is read, so that it can be read in
                several places by turns.
            offset: Where to start: at the start of the document or at :meth:`tell` of another stream.
            piece: How many bytes to read at once.
        """
        if offset == 0:
            file.seek(0)
            offset = len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0
        self._file = file
        self._piece = piece
        self._to_text = codecs.getincrementaldecoder("utf-8")()
        # The text that has been read, where it starts and ends in the file, and the place in it.
        self._text = ""
        self._start = self._end = offset
        self._at = 0
        self._is_whole = False

    def tell(self) -> int:
        """Return the offset in bytes of the next value, name or bracket."""
        self._peek()
        return self._start + len(self._text[: self._at].encode())

    def members(self) -> Iterator[str]:
        """Read an object: yield each name, after which the caller reads the value."""
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return
        while True:
            if self._peek() != '"':
                raise self._unexpected()
            name: str = self.value()
            self._take(":")
            yield name
            if self._peek() != ",":
                break
            self._take(",")
        self._take("}")

    def elements(self) -> Iterator[None]:
        """Read an array: yield for each element, which the caller reads then."""
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield
            if self._peek() != ",":
                break
            self._take(",")
        self._take("]")

    def value(self) -> Any:
        """Read a value as a whole."""
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._read_on():
                    raise
                continue
            # A number may go on in the next piece, and "-1.5e" is read as -1.5 before that.
            if self._text[end : end + 1] in _AFTER_VALUES or not self._read_on():
                self._at = end
                return value

    def end(self) -> None:
        """Check that nothing follows."""
        if self._peek():
            raise self._unexpected()

    def _peek(self) -> str:
        """Return the next character that is not white space; none at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = self._at if match is None else match.end()
            if self._at < len(self._text) or not self._read_on():
                return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> None:
        if self._peek() != character:
            raise self._unexpected()
        self._at += 1

    def _unexpected(self) -> json.JSONDecodeError:
        return json.JSONDecodeError("Unexpected character", self._text, self._at)

    def _read_on(self) -> bool:
        """Drop the text before the place, and read more; return whether there was more."""
        if self._is_whole:
            return False
        # As much again as is left, so that a long value is not tried too often.
        left = self._text[self._at :]
        self._file.seek(self._end)
        data = self._file.read(max(self._piece, len(left)))
        self._is_whole = not data
        self._start += len(self._text[: self._at].encode())
        self._end += len(data)
        self._text = left + self._to_text.decode(data, final=not data)
        self._at = 0
        return True
