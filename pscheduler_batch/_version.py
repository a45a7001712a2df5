"""The version, in the one place where it is written; the package's metadata is made from it."""

from __future__ import annotations

__version__ = "0.1.0"
