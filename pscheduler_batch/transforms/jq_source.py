"""
The source text of jq programs: imports, and errors of programs that do not compile.

The jq package has no option for the directories of modules, but the metadata of an ``import`` can name them, so they
are inserted there. A module that imports others is compiled from a copy with the directories inserted. Nothing here
runs jq, and pathlib is not used: each check of a batch imports this module, and few need files (ADR 62).
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.text import closest, list_names

# A comment matches to the end of its line or not at all, so there is only one way to match a text. A backslash
# continues the comment on the next line, as in jq itself.
_COMMENT = r"#(?:[^\\\n]|\\(?:\r\n|[\s\S]))*(?:\n|\Z)"
_SKIP = rf"(?:\s|{_COMMENT})*"
_STRING = r'"(?:[^"\\]|\\.)*"'
# The re module compiles and caches these when they are first used; many batches have no scripts.
_DIRECTIVE = (
    rf"{_SKIP}(?:(?P<module>module)\b|(?:import{_SKIP}(?P<imported>{_STRING}){_SKIP}as{_SKIP}(?P<data>\$)?\w+"
    rf"|include{_SKIP}(?P<included>{_STRING})))"
    rf"(?P<metadata>{_SKIP}\{{(?:[^;\"#]|{_STRING}|{_COMMENT})*\}})?{_SKIP};"
)
# The variables of the scripts that work on a task, besides $global.
_TASK_VARIABLES = ("$iteration", "$task")

# What is wrong may have a place of its own, as in "… at line 1, column 8 (while parsing '"\ud83d"') at <top-level>, …".
_COMPILE_ERROR = (
    r"jq: error: (?P<what>.*?) at (?P<file>(?!line \d)[^\n]*?), line (?P<line>\d+), column (?P<column>\d+):"
)


def library_folders() -> Tuple[str, ...]:
    """
    Return the directories where imported jq modules are searched.

    These are ``~/.jq``, the directories of ``JQ_LIBRARY_PATH``, and ``../lib/jq`` and ``../lib`` relative to every
    ``jq`` on the ``PATH``; last the current directory. Directories that do not exist are left out.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        # It was removed, or belongs to a file system that is gone.
        here = ""
    candidates = [os.path.expanduser("~/.jq")]
    candidates += [folder for folder in os.environ.get("JQ_LIBRARY_PATH", "").split(os.pathsep) if folder]
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(here, folder, "jq")
        if os.path.isfile(program) and os.access(program, os.X_OK):
            # The directory on the PATH, and the real one if the program is a symbolic link.
            for path in (program, os.path.realpath(program)):
                above = os.path.dirname(os.path.dirname(path))
                candidates += [os.path.join(above, "lib", "jq"), os.path.join(above, "lib")]
    candidates.append(here)
    absolute = (os.path.join(here, candidate) for candidate in candidates)
    # A dictionary for its order; each is searched once.
    return tuple(dict.fromkeys(folder for folder in absolute if os.path.isdir(folder)))


def with_library(script: str, folders: Tuple[str, ...]) -> Tuple[str, str]:
    """
    Split a script into its imports and the rest, and insert the search path into the imports.

    An import with a ``search`` of its own keeps it.

    Returns:
        The directives at the head of the script, including comments, and the body. Line numbers do not change.

    >>> with_library('import "a" as a; a::f', ("/lib",))
    ('import "a" as a {"search": ["/lib"]};', ' a::f')
    """
    search = f'"search": {json.dumps(list(folders))}'
    head = ""
    for match in _directives(script):
        text, metadata = match.group(), match.group("metadata")
        if _looks_everywhere(match) and metadata is None:
            text = f"{text[:-1]} {{{search}}};"
        elif _looks_everywhere(match):
            opening = match.start("metadata") - match.start() + metadata.index("{") + 1
            rest = text[opening:]
            comma = "" if rest.lstrip().startswith("}") else ", "
            text = text[:opening] + search + comma + rest
        head += text
    return head, script[_own_head_length(script) :]


def imported_modules(script: str) -> List[str]:
    """
    Return the modules that a script or module imports or includes without a search path of its own, except data files.

    >>> imported_modules('import "a" as a; import "b" as $b; include "c/d"; import "e" as e {search: "/lib"}; .')
    ['a', 'c/d']
    """
    imports = (match for match in _directives(script) if _looks_everywhere(match) and match.group("data") is None)
    return [_read_string(match.group("imported") or match.group("included")) for match in imports]


class ImportsError(Exception):
    """Modules import each other in a way that may crash jq."""


@dataclass(frozen=True)
class Linked:
    """
    The directories in which every module finds its imports.

    Attributes:
        folders: The search path of imports.
        originals: The original files by the names of their copies.
    """

    folders: Tuple[str, ...]
    originals: Mapping[str, str] = field(default_factory=dict)

    def name_originals(self, message: str) -> str:
        """Replace the names of copies in a message with the names of the user's files."""
        for copy, original in self.originals.items():
            message = message.replace(copy, original)
        return message


@contextmanager
def linked_modules(script: str, folders: Tuple[str, ...]) -> Iterator[Linked]:
    """
    Copy the modules with imports that a script needs, while it is being compiled.

    An import with a ``search`` of its own is left to jq, and so is everything imported through it.

    Args:
        script: The script.
        folders: The search path of modules.

    Raises:
        ImportsError: A module imports one that has imports itself.
    """
    found = _modules_with_imports(script, folders)
    if not found:
        yield Linked(folders)
        return
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - it takes 7 ms to import, and few scripts need it

    with TemporaryDirectory(prefix="pscheduler-batch-") as folder:
        searched = (os.path.realpath(folder), *folders)
        originals: Dict[str, str] = {}
        for name, path in found.items():
            copy = os.path.join(searched[0], f"{name}.jq")
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with open(copy, "w", encoding="utf-8") as stream:
                stream.write("".join(with_library(_read(path), searched)))
            originals[copy] = path
        yield Linked(searched, originals)


def _modules_with_imports(script: str, folders: Tuple[str, ...]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for name in imported_modules(script):
        path, text = _read_module(name, folders)
        if path is not None and _imports_anything(text):
            found[name] = path
            _require_shallow(name, text, folders)
    return found


def _require_shallow(name: str, text: str, folders: Tuple[str, ...]) -> None:
    """Refuse what would crash jq, and this process with it: some ways to import modules over three levels."""
    for inner in imported_modules(text):
        if _imports_anything(_read_module(inner, folders)[1]):
            message = (
                f'the module "{name}" imports "{inner}", which has imports of its own; jq may crash on that, '
                "so merge the two modules"
            )
            raise ImportsError(message)


def _imports_anything(text: str) -> bool:
    return with_library(text, ()) != with_library(text, ("/",))


def _read_module(name: str, folders: Tuple[str, ...]) -> Tuple[Optional[str], str]:
    """Find and read a module; one that cannot be read is left to jq, which reports it better."""
    path = _find_module(name, folders)
    try:
        return path, "" if path is None else _read(path)
    except (OSError, ValueError):
        return None, ""


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def _find_module(name: str, folders: Tuple[str, ...]) -> Optional[str]:
    """Find the file of a module as jq does: ``NAME.jq``, else ``NAME/jq/main.jq``, else ``NAME/NAME.jq``."""
    steps = [step for step in name.split("/") if step not in ("", ".")]
    if not steps or name.startswith("/") or ".." in steps:
        return None
    for folder in folders:
        for candidate in (f"{name}.jq", f"{name}/jq/main.jq", f"{name}/{steps[-1]}.jq"):
            path = os.path.join(folder, candidate)
            if os.path.isfile(path):
                return path
    return None


def blank(body: str) -> bool:
    """
    Return whether a script contains only white space and comments; jq takes such a script for ``.``.

    >>> blank(" # only a comment")
    True
    """
    return re.fullmatch(_SKIP, body) is not None


def explain_compile_error(message: str, script: str, head: str, prefix: str, args: Iterable[str] = ()) -> str:
    """
    Turn errors of the jq compiler into messages, with line numbers of the user's script.

    Args:
        message: What jq printed about the whole program.
        script: The script as the user wrote it.
        head: The imports as returned by :func:`with_library`.
        prefix: The text between the imports and the body; it defines the variables of a script that works on a task.
        args: The names of the arguments.

    Returns:
        Each error, with the line and a caret below it.
    """
    body_at = _own_head_length(script)
    program = head + prefix + script[body_at:]
    parts = []
    for match in re.finditer(_COMPILE_ERROR, message):
        what, line, column = match.group("what"), int(match.group("line")), int(match.group("column"))
        if match.group("file") == "<top-level>":
            offset = _offset(program, line, column)
            # Directories were inserted into the head of the script; what follows was only moved.
            moved = offset - len(head) - len(prefix)
            own = body_at + moved if moved >= 0 else min(offset, body_at)
            unknown = re.fullmatch(r"\$(\w+) is not defined", what)
            hint = (
                _variable_hint(unknown[1], ["$global", *(_TASK_VARIABLES if prefix else ())], args) if unknown else ""
            )
            parts.append(f"the script does not compile: {what}{hint}\n{_point_at(script, own)}")
        else:
            parts.append(f"the module {match.group('file')} does not compile, line {line}, column {column}: {what}")
    if not parts:
        first = message.replace("jq: error: ", "").split("\njq: ")[0].strip()
        parts.append(f"the script does not compile: {first}")
    return "\n  ".join(parts)


def _variable_hint(name: str, variables: Sequence[str], args: Iterable[str]) -> str:
    meant = closest(name, [*(variable[1:] for variable in variables), *args])
    if meant:
        return f"; did you mean ${meant}?"
    names = list_names([*variables, "the names in the transform's `args`"])
    return f"; variables are {names}"


def _offset(program: str, line: int, column: int) -> int:
    """Convert a position of jq, whose columns count bytes of UTF-8, to an offset in characters."""
    lines = program.split("\n")
    before = lines[: line - 1]
    on_line = lines[line - 1].encode("utf-8") if line <= len(lines) else b""
    return sum(len(item) + 1 for item in before) + len(on_line[: column - 1].decode("utf-8", "ignore"))


def _point_at(script: str, offset: int) -> str:
    """Return a line of the script with a caret below one character; tabs stay tabs, so that the caret fits."""
    offset = min(offset, len(script))
    start = script.rfind("\n", 0, offset) + 1
    shown = script[start:].split("\n", 1)[0].rstrip("\r")
    label = f"    line {script.count(chr(10), 0, offset) + 1}: "
    indent = "".join(c if c == "\t" else " " for c in label + shown[: offset - start])
    return f"{label}{shown}\n{indent}^"


def _own_head_length(script: str) -> int:
    return max((match.end() for match in _directives(script)), default=0)


def _directives(script: str) -> Iterator[re.Match[str]]:
    """Iterate over the directives at the head of a script; each match starts where the previous one ended."""
    if not any(word in script for word in ("import", "include", "module")):
        # True of most scripts, and the pattern takes a millisecond to compile.
        return
    directive = re.compile(_DIRECTIVE, re.DOTALL)
    match = directive.match(script)
    while match is not None:
        yield match
        match = directive.match(script, match.end())


def _read_string(text: str) -> str:
    """Decode a string of jq; an interpolated or invalid string is left to jq, and becomes ""."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return ""


def _looks_everywhere(directive: re.Match[str]) -> bool:
    """Return whether a directive imports something and has no ``search`` of its own."""
    return directive.group("module") is None and not re.search(r'\bsearch\b"?\s*:', directive.group("metadata") or "")
