"""JSON pointers, to paths into a document and back."""

from __future__ import annotations

from typing import Any, Iterable, List, Mapping, Tuple, Union


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


def value_at(document: Any, path: Iterable[Union[str, int]], default: Any = None) -> Any:
    """
    Return the value at a path, or at the steps of a JSON pointer; the default if there is none.

    >>> value_at({"a": [5]}, ("a", 0)), value_at({"a": [5]}, steps_of("/a/0")), value_at({"a": [5]}, ("a", 1), "-")
    (5, 5, '-')
    """
    for step in path:
        if isinstance(document, Mapping) and step in document:
            document = document[step]
        elif isinstance(document, (list, tuple)) and str(step).isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return default
    return document


def is_secret(path: Path) -> bool:
    """Return whether a path leads into the value of a name that begins with ``_``."""
    return any(isinstance(step, str) and step.startswith("_") for step in path)
