"""JSON pointers, to paths into a document and back."""

from __future__ import annotations

from typing import List, Tuple, Union


def steps_of(where: str) -> List[str]:
    """
    Split a JSON pointer into its steps; "/" is the document as a whole.

    >>> steps_of("/jobs/0/a~1b"), steps_of("/")
    (['jobs', '0', 'a/b'], [])
    """
    words = where.split("/")[1:] if where != "/" else []
    return [word.replace("~1", "/").replace("~0", "~") for word in words]


# The steps from a document to one of its parts: names in objects, indexes in arrays.
Path = Tuple[Union[str, int], ...]


def pointer(path: Path) -> str:
    """
    Write a path as a JSON pointer (RFC 6901), with "/" for the document as a whole.

    >>> pointer(("jobs", 0, "a/b~c")), pointer(())
    ('/jobs/0/a~1b~0c', '/')
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path) or "/"


def is_secret(path: Path) -> bool:
    """Return whether a path leads into the value of a name that begins with ``_``."""
    return any(isinstance(step, str) and step.startswith("_") for step in path)
