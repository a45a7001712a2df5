"""Data of a page that a script unpacks when it is needed: deflated (RFC 1950), and in base64 (ADR 58)."""

from __future__ import annotations

import base64
import zlib
from typing import List

# The highest level takes twice the time for 2 % less.
_LEVEL = 6


class Pack:
    """Text that is compressed while it is added, so that it is never in memory as a whole."""

    def __init__(self, text: str = "") -> None:
        """
        Begin a pack.

        Args:
            text: The first text.
        """
        self._compressor = zlib.compressobj(_LEVEL)
        self._pieces: List[bytes] = []
        self.add(text)

    def add(self, text: str) -> None:
        """Append a text, with a question mark for each unpaired surrogate."""
        piece = self._compressor.compress(text.encode("utf-8", "replace"))
        if piece:
            self._pieces.append(piece)

    def close(self) -> str:
        """Return what is packed; the alphabet of base64 has no character that HTML interprets."""
        return base64.b64encode(b"".join([*self._pieces, self._compressor.flush()])).decode("ascii")
