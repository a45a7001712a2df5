"""
Values from outside: data that the command line or a caller adds to ``global.data`` of a batch (ADR 69).

Data is merged first, then single values are set, each at a path such as ``hosts[0].name``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from pscheduler_batch.errors import WARNING, InputError, OptionError, Problem
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.json_values import TooDeepError, to_plain
from pscheduler_batch.input.locations import locate_findings
from pscheduler_batch.model import JSON, Batch, JSONObject
from pscheduler_batch.pointers import Path, is_secret
from pscheduler_batch.text import HIDDEN, closest, list_names, shorten, show

# One step of a path: a name, an index, or any name as a JSON text.
_STEP = re.compile(r'(?P<dot>\.)?(?P<name>[^.=\[\]"\s]+)|\[(?P<index>[0-9]+)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]')
# Uses of the data in a script: by a name that is written there, or as a whole.
_USE = re.compile(r'\$global\b\s*(?:\.\s*(?P<dotted>\w+)|\.?\s*\[?\s*"(?P<quoted>[^"]*)")?')
_WORD = re.compile(r'\w+|"[^"]*"')
_MOST_NAMED = 10


@dataclass(frozen=True)
class Setting:
    """
    One value that is set.

    Attributes:
        path: Where it goes in the data.
        name: The same as it was written, such as ``hosts[0].name``.
        value: The value.
        source: The option, or whatever it comes from, for messages.
        text: All values of this source, one on each line, for messages.
        line: Which of these lines it is, from 1.
    """

    path: Path
    name: str
    value: JSON
    source: str
    text: str
    line: int

    def error(self, reason: str) -> OptionError:
        """Return an error with the name."""
        problem = Problem("/", reason, self.line, 1, end_column=1 + len(self.name))
        return OptionError([problem], source=self.source, text=self.text)


@dataclass(frozen=True)
class Values:
    """
    Everything that is added to the data of a batch.

    Attributes:
        data: Objects that are merged over the data, in this order, each with its source.
        settings: The values that are set after that.
    """

    data: Tuple[Tuple[str, JSONObject], ...] = ()
    settings: Tuple[Setting, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], *, source: str) -> Values:
        """
        Make values of an object that is merged over the data.

        Raises:
            OptionError: It is not an object, or has values that JSON does not have.
        """
        return cls(((source, read_data(data, source=source)),))

    def __bool__(self) -> bool:
        """Whether anything is added."""
        return bool(self.data or self.settings)

    def added_to(self, data: JSON) -> JSON:
        """
        Return a copy of the data of a batch with these values.

        Args:
            data: ``global.data``; None if there is none.

        Raises:
            OptionError: A path does not exist in it.
        """
        if not self:
            return data
        if self.data and not isinstance(data, (Mapping, type(None))):
            reason = f"global.data of the batch is {show(data)}; only an object can be merged over an object"
            raise OptionError([Problem("/", reason)], source=self.data[0][0])
        merged: JSON = deepcopy(data) if data is not None else {}
        for _, layer in self.data:
            merged = _merged(merged, layer)
        for setting in self.settings:
            _set(merged, setting)
        return merged

    def as_pairs(self) -> Dict[str, JSON]:
        """Return what was set, by the names of :attr:`Setting.name`, with the values of secrets hidden."""
        pairs = {name: value for _, layer in self.data for name, value in layer.items()}
        for setting in self.settings:
            pairs[setting.name] = HIDDEN if is_secret(setting.path) else setting.value
        return {name: _without_secrets(name, value) for name, value in pairs.items()}

    def unused_in(self, batch: Batch) -> List[Problem]:
        """
        Return warnings about names that no script uses.

        If a script uses the data as a whole, it may use any name; then only those are meant that look misspelt.

        Args:
            batch: The batch with these values.
        """
        used, words, as_a_whole = _uses_in(script.script for script in batch.scripts)
        added = {setting.path[0]: setting.source for setting in self.settings}
        added.update((name, source) for source, layer in self.data for name in layer)
        before = [name for name in batch.data if name not in added] if isinstance(batch.data, Mapping) else []
        found: List[Problem] = []
        for name, source in added.items():
            if not isinstance(name, str) or name in words:
                continue
            meant = closest(name, sorted({*used, *before}))
            if meant is None and as_a_whole:
                continue
            hint = f"; they use {list_names(sorted(used)[:_MOST_NAMED])}" if used else ""
            hint = f"; did you mean {show(meant)}?" if meant else hint
            reason = f"no script uses {show(name)}, which is set by {source}{hint}"
            found.append(Problem("/global/data", reason, severity=WARNING))
        return found


def read_settings(
    given: Sequence[str], *, source: str, value_of: Optional[Callable[[str], JSON]] = None
) -> Tuple[Setting, ...]:
    """
    Read ``NAME=VALUE`` texts.

    Args:
        given: The texts.
        source: The name of the option, for messages.
        value_of: Returns the value that belongs to the text after the equals sign; by default :func:`value_in`.

    Raises:
        OptionError: Some are wrong; all errors are in this one.
    """
    # Any value may have secrets in it, so messages show the names alone.
    shown = "\n".join(shorten(_name_in(text)) for text in given)
    settings: List[Setting] = []
    problems: List[Problem] = []
    for number, text in enumerate(given, start=1):
        path, end = _path_in(text)
        if not path or text[end : end + 1] != "=":
            reason = 'expected NAME=VALUE, with a NAME such as "count" or "hosts[0].name"'
            problems.append(Problem("/", reason, number, 1 + end))
            continue
        try:
            value = (value_of or value_in)(text[end + 1 :])
        except InputError as error:
            problems.append(Problem("/", error.problems[0].reason, number, end + 2))
            continue
        settings.append(Setting(path, text[:end], value, source, shown, number))
    if problems:
        raise OptionError(problems, source=source, text=shown)
    return tuple(settings)


def value_in(text: str) -> JSON:
    """
    Return the value that a text stands for: that of the JSON, if it is JSON, otherwise the text itself.

    >>> value_in("5"), value_in("PT5S"), value_in('["a"]'), value_in("")
    (5, 'PT5S', ['a'], '')

    Raises:
        InputError: It is JSON that is nested too deeply.
    """
    try:
        value, findings = to_plain(parse(text, source=None).value)
    except InputError:
        return text
    except TooDeepError as error:
        raise InputError([Problem("/", str(error))]) from None
    # JSON has no NaN, which json reads all the same.
    return text if findings else value


def read_data(data: Any, *, source: str) -> JSONObject:
    """
    Read an object that is merged over the data.

    Args:
        data: The bytes or text of a JSON document, or the object itself.
        source: The name of the file, or of the argument, for messages.

    Raises:
        OptionError: It is not an object, or not JSON.
    """
    text: Optional[str] = None
    if isinstance(data, (bytes, str)) and not data.strip():
        raise OptionError([Problem("/", "the file is empty; expected an object")], source=source)
    try:
        if isinstance(data, (bytes, str)):
            parsed = parse(data, source=source)
            data, text = parsed.value, parsed.text
        value = _plain(data, text, source)
    except InputError as error:
        raise OptionError(error.problems, source=source, text=error.text) from error
    if not isinstance(value, dict):
        raise OptionError([Problem("/", f"found {show(value)}, expected an object")], source=source, text=text)
    return value


def combine(data: Sequence[Tuple[str, JSONObject]], settings: Iterable[Setting]) -> Values:
    """
    Put data and settings together.

    Raises:
        OptionError: Two settings concern the same value, or one a part of the other's.
    """
    ordered = tuple(settings)
    seen: Dict[Path, Setting] = {}
    for setting in ordered:
        for other_path, other in seen.items():
            common = min(len(other_path), len(setting.path))
            if other_path[:common] == setting.path[:common]:
                place = f"{other.source} number {other.line}"
                if other.path == setting.path:
                    raise setting.error(f"{setting.name} is set twice, first by {place}")
                raise setting.error(f"{setting.name} and {other.name}, set by {place}, overlap; set only one of them")
        seen[setting.path] = setting
    return Values(tuple(data), ordered)


def _plain(value: Any, text: Optional[str], source: Optional[str]) -> JSON:
    try:
        plain, findings = to_plain(value)
    except TooDeepError as error:
        raise InputError([Problem("/", str(error))], source=source, text=text) from None
    if findings:
        raise InputError(locate_findings(findings, text), source=source, text=text)
    return plain


def _path_in(text: str) -> Tuple[Path, int]:
    """Return the path at the beginning of a text, and where it ends."""
    steps: List[Any] = []
    end = 0
    while match := _STEP.match(text, end):
        # A dot separates names, so none comes first.
        if match["name"] is not None and bool(match["dot"]) != bool(steps):
            break
        if match["name"] is not None:
            steps.append(match["name"])
        elif match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(value_in(match["quoted"]))
        end = match.end()
    return tuple(steps), end


def _name_in(text: str) -> str:
    """Return what is before the value, also where there is no equals sign behind the name of a secret."""
    path, end = _path_in(text)
    return text[:end] if is_secret(path) else text.split("\n", maxsplit=1)[0].partition("=")[0]


def _merged(data: JSON, layer: JSON) -> JSON:
    """Merge objects in objects; anything else of the layer replaces what was there."""
    if not (isinstance(data, Mapping) and isinstance(layer, Mapping)):
        return deepcopy(layer)
    return {**data, **{name: _merged(data.get(name), value) for name, value in layer.items()}}


def _set(data: JSON, setting: Setting) -> None:
    """Set a value; everything but the last step of its path must exist."""
    part = data
    *before, last = setting.path
    for number, step in enumerate(before):
        part = _part_of(part, step, setting, number)
    if isinstance(part, dict) and isinstance(last, str):
        part[last] = deepcopy(setting.value)
        return
    _part_of(part, last, setting, len(before))
    part[last] = deepcopy(setting.value)


def _part_of(part: JSON, step: Any, setting: Setting, number: int) -> JSON:
    """
    Return a part of the data.

    Raises:
        OptionError: There is none.
    """
    where = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in setting.path[:number])
    place = f"global.data{where}"
    if isinstance(step, str):
        if not isinstance(part, dict):
            raise setting.error(f"{place} is {show(part)}, which has no names")
        if step not in part:
            meant = closest(step, part)
            raise setting.error(f"{place} has no {show(step)}" + (f"; did you mean {show(meant)}?" if meant else ""))
    elif not isinstance(part, list):
        raise setting.error(f"{place} is {show(part)}, which has no [{step}]")
    elif step >= len(part):
        raise setting.error(f"{place} has no [{step}]: it has {len(part)} element{'' if len(part) == 1 else 's'}")
    return part[step]


def _without_secrets(name: str, value: JSON) -> JSON:
    if name.startswith("_") and value is not None:
        return HIDDEN
    if isinstance(value, Mapping):
        return {inner: _without_secrets(inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets("", item) for item in value]
    return value


def _uses_in(scripts: Iterable[str]) -> Tuple[Set[str], Set[str], bool]:
    """Return the names of the data that scripts use, all their words, and whether one uses the data as a whole."""
    used: Set[str] = set()
    words: Set[str] = set()
    as_a_whole = False
    for script in scripts:
        words.update(word.strip('"') for word in _WORD.findall(script))
        for use in _USE.finditer(script):
            name = use["dotted"] or use["quoted"]
            if name is None:
                as_a_whole = True
            else:
                used.add(name)
    return used, words, as_a_whole
