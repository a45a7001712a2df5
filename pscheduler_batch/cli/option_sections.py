"""
Options in sections of the help text, which the environment can also set.

The command line overrides the environment, and a message about a value from the environment names the variable.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Callable, Collection, Dict, Iterable, List, Mapping, Optional, Tuple, TypeVar

import click
from click.core import ParameterSource

# The last section, of options that declare none: --help and --version.
OTHER = "Other"

_COLUMN = 24  # The width of the first column; the text of a longer option is on the next line.
_WIDTH = 80  # Of help texts where there is no terminal.
_Function = TypeVar("_Function", bound=Callable[..., Any])


class OnePerLine(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """The text of an option that may be repeated; an environment variable has one on each line."""

    name = "text"

    def split_envvar_value(self, rv: str) -> List[str]:
        """Split the value of a variable."""
        return [line for line in rv.split("\n") if line.strip()]


# A file or a directory; why it cannot be read or written is reported where that is tried.
FILE = click.Path(readable=False)


class _OutputFile(click.Path):  # type: ignore[type-arg,unused-ignore]
    """A file to write; "-" is the standard output, which is None, as without the option."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        """Convert a name."""
        return None if value == "-" else super().convert(value, param, ctx)


OUTPUT_FILE = _OutputFile(readable=False)


class SectionedOption(click.Option):
    """
    An option that belongs to a section of the help text.

    An empty value is wrong usage: it is usually that of a variable of a shell that is not set.

    Attributes:
        section: Its title.
    """

    def __init__(self, *declarations: Any, section: str = OTHER, **settings: Any) -> None:
        self.section = section
        super().__init__(*declarations, **settings)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert a value, which must not be empty unless its type has a message of its own about that."""
        given = value if isinstance(value, (list, tuple)) else (value,)
        if "" in given and not isinstance(self.type, OnePerLine):
            raise click.BadParameter("it is empty; is a variable of the shell not set?", ctx, self)
        return super().type_cast_value(ctx, value)

    def get_error_hint(self, ctx: Optional[click.Context]) -> str:  # type: ignore[override,unused-ignore]
        """Return the option for messages, with the variable if the value is from the environment."""
        hint = " / ".join(repr(name) for name in self.opts)
        if ctx is not None and self.name is not None and is_from_environment(ctx, self.name):
            return f"{hint} (from the environment variable {variable_of(ctx, self.name)})"
        return hint


def option(*declarations: str, section: str, **settings: Any) -> Callable[[_Function], _Function]:
    """
    Declare an option, as :func:`click.option` does.

    Args:
        declarations: Its names.
        section: Its section of the help text; sections are in the order of their first option.
        settings: As of :class:`click.Option`.
    """
    return click.option(*declarations, cls=SectionedOption, section=section, **settings)


class SectionedCommand(click.Command):
    """
    A command whose help text has its options in sections.

    With ``auto_envvar_prefix`` in its ``context_settings``, each option can be set by a variable, except those that
    replace the command, such as ``--help``.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for parameter in self.params:
            _close_to_environment(parameter)

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Parse the arguments; ``--help`` and ``--version`` print here, to a standard output that may be full."""
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:
            # click ends silently, as head(1) and others need no more.
            raise
        except OSError as error:
            raise click.ClickException(f"cannot write to the standard output: {error.strerror}") from error

    def get_help_option(self, ctx: click.Context) -> Optional[click.Option]:
        """Return the option ``--help``, which no variable sets."""
        found = super().get_help_option(ctx)
        if found is not None:
            _close_to_environment(found)
        return found

    def get_help(self, ctx: click.Context) -> str:
        """Return the help text, as wide as the terminal allows."""
        if ctx.terminal_width is None:
            ctx.terminal_width = _help_width(ctx.max_content_width or _WIDTH)
        return super().get_help(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, all with the same column width."""
        sections = self.sections(ctx)
        records = {title: [_record_of(found, ctx) for found in options] for title, options in sections.items()}
        names = [name for rows in records.values() for name, _ in rows]
        width = min(max(map(len, names), default=0), _COLUMN)
        for title, rows in records.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows], col_max=_COLUMN)

    def sections(self, ctx: click.Context) -> Dict[str, List[click.Option]]:
        """Return the options of the help text by section, in its order."""
        found: Dict[str, List[click.Option]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and parameter.get_help_record(ctx) is not None:
                found.setdefault(getattr(parameter, "section", OTHER), []).append(parameter)
        rest = found.pop(OTHER, None)
        return found if rest is None else {**found, OTHER: rest}


def variable_of(context: click.Context, name: str) -> str:
    """
    Return the environment variable that sets an option.

    Args:
        context: Of a command that has an ``auto_envvar_prefix``.
        name: The option's name as a parameter, such as ``max_connections``.
    """
    return f"{context.auto_envvar_prefix}_{name.upper()}"


def variables_of(context: click.Context) -> Mapping[str, click.Option]:
    """Return the options of a command that the environment can set, by variable."""
    options = [found for found in context.command.get_params(context) if isinstance(found, click.Option)]
    return {variable_of(context, found.name): found for found in options if found.name and found.allow_from_autoenv}


def is_from_environment(context: click.Context, name: str) -> bool:
    """Return whether an option has its value from the environment; ``name`` is its name as a parameter."""
    return context.get_parameter_source(name) is ParameterSource.ENVIRONMENT


def settle(context: click.Context, given: Mapping[str, Any], pairs: Iterable[Tuple[str, str]]) -> Dict[str, Any]:
    """
    Resolve options that exclude each other; the command line overrides the environment.

    Args:
        context: Of the command.
        given: The values by the names of their parameters.
        pairs: Two parameters that exclude each other, by name.

    Returns:
        The values; a variable that was overridden has its default.

    Raises:
        click.UsageError: Two that exclude each other are both on the command line, or both in the environment.
    """
    clashes = [pair for pair in pairs if all(given[name] and _is_set(context, name) for name in pair)]
    gone = set()
    for pair in clashes:
        from_environment = [name for name in pair if is_from_environment(context, name)]
        if not from_environment:
            raise click.UsageError(_cannot(*(_written(context, name) for name in pair)), context)
        if len(from_environment) == 1:
            gone.update(from_environment)
    for pair in clashes:
        if gone.isdisjoint(pair):
            message = _cannot(*(variable_of(context, name) for name in pair))
            raise click.UsageError(f"in the environment, {message}", context)
    return {**given, **{name: _default_of(context, name) for name in sorted(gone)}}


def misspelt_variables(
    context: click.Context, environ: Mapping[str, str] = os.environ, *, other: Collection[str] = ()
) -> Tuple[str, ...]:
    """
    Find variables that set no option, but whose names are similar to one that does.

    Args:
        context: Of a command that has an ``auto_envvar_prefix``.
        environ: The environment.
        other: Prefixes of variables that belong to other programs.

    Returns:
        A message about each.
    """
    known = list(variables_of(context))
    prefix = f"{context.auto_envvar_prefix}_"
    ours = (name for name in sorted(set(environ) - set(known)) if name.startswith(prefix))
    unknown = [name for name in ours if not name.startswith(tuple(other))]
    if not unknown:
        return ()
    from difflib import get_close_matches  # noqa: PLC0415 - few users have such variables

    messages = []
    for name in unknown:
        near = get_close_matches(name[len(prefix) :], [found[len(prefix) :] for found in known], 1, 0.8)
        messages += [f"{name} sets no option; did you mean {prefix}{found}?" for found in near]
    return tuple(messages)


def _help_width(most: int) -> int:
    """Return the width of help texts as click determines it, without ``shutil``, which is slow to import."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else 0
    if not width:
        with suppress(OSError):
            width = os.get_terminal_size().columns
    return max(min(width or _WIDTH, most) - 2, 50)


def _close_to_environment(parameter: click.Parameter) -> None:
    if isinstance(parameter, click.Option) and parameter.is_eager and not parameter.expose_value:
        parameter.allow_from_autoenv = False


def _record_of(found: click.Option, context: click.Context) -> Tuple[str, str]:
    record = found.get_help_record(context)
    assert record is not None  # noqa: S101 - sections() gives only those that have one
    return record


def _is_set(context: click.Context, name: str) -> bool:
    """Return whether an option was set, even to its default."""
    return context.get_parameter_source(name) in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}


def _written(context: click.Context, name: str) -> str:
    """Return the longest name of an option."""
    names = [max(found.opts, key=len) for found in context.command.params if found.name == name]
    return names[0]


def _cannot(one: str, other: str) -> str:
    return f"{other} cannot be combined with {one}"


def _default_of(context: click.Context, name: str) -> Any:
    """Return the value of an option that is not set, as this version of click determines it."""
    settings: Dict[str, Any] = {"auto_envvar_prefix": None, "resilient_parsing": True}
    untouched = context.command.make_context(context.info_name, [], **settings)
    return untouched.params[name]
