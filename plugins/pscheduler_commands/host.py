"""
The click group ``pscheduler``.

A command is searched for among those of this package, then the plugins, then in pScheduler's own command directory, so
this ``pscheduler`` can come first on the PATH without hiding pScheduler's commands.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import click

from pscheduler_batch._version import __version__
from pscheduler_commands import OWN_COMMANDS, directory, load_command
from pscheduler_commands.plugins import Plugin, find_plugins, load_plugin


class CannotExecuteError(click.ClickException):
    """A file of the command directory cannot be executed; the exit status is the one that shells use for this."""

    exit_code = 126


class DirectoryCommand(click.Command):
    """A command of pScheduler's own directory; it gets all arguments after its name, options included."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name, add_help_option=False)
        self.path = path

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Keep the arguments as they are."""
        ctx.args = list(args)
        return ctx.args

    def invoke(self, ctx: click.Context) -> None:
        """Replace this process by the command."""
        try:
            directory.replace_process(self.path, ctx.args)
        except OSError as error:
            raise CannotExecuteError(f"cannot execute {self.path}: {error.strerror}") from error


class Host(click.Group):
    """A group of commands that are found when they are used."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Parse the arguments; ``--help`` and ``--version`` print here, to a standard output that may be full."""
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:
            # click ends silently, as head(1) and others need no more.
            raise
        except OSError as error:
            raise click.ClickException(f"cannot write to the standard output: {error.strerror}") from error

    def list_commands(self, ctx: click.Context) -> List[str]:
        """List the commands of all packages and of the directory."""
        return sorted({*OWN_COMMANDS, *self._plugins(ctx), *directory.list_words(_own_directory())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Find a command by its name; one that no plugin can provide is searched for in the directory."""
        if cmd_name in OWN_COMMANDS:
            own: click.Command = load_command(OWN_COMMANDS[cmd_name])
            return own
        plugin = self._plugins(ctx).get(cmd_name)
        command = None if plugin is None else load_plugin(plugin, lambda text: _warn(ctx, text))
        if command is None:
            path = directory.find_command(_own_directory(), cmd_name)
            command = None if path is None else DirectoryCommand(path)
        return command

    def resolve_command(
        self, ctx: click.Context, args: List[str]
    ) -> Tuple[Optional[str], Optional[click.Command], List[str]]:
        """Find the command that the first argument names, or raise an error that lists where it was searched for."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is None and not ctx.resilient_parsing:
            raise click.UsageError(self._unknown(ctx, word), ctx)
        return word if command else None, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands: those of packages with their help, then those of the directory."""
        plugins = self._plugins(ctx)
        loaded = {name: load_plugin(plugins[name], lambda text: _warn(ctx, text)) for name in sorted(plugins)}
        width = max(formatter.width - 6 - max(map(len, loaded), default=0), 20)
        shown = {name: command for name, command in loaded.items() if command is not None and not command.hidden}
        rows = [(name, command.get_short_help_str(width)) for name, command in shown.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
        own = _own_directory()
        words = [word for word in directory.list_words(own) if loaded.get(word) is None]
        if words:
            with formatter.section(f"pScheduler's own commands, in {own}"):
                formatter.write_text(" ".join(words))

    def _unknown(self, ctx: click.Context, word: str) -> str:
        close = [name for name in get_close_matches(word, self.list_commands(ctx)) if name != word]
        hint = f" Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
        what = "Cannot load command" if word in self._plugins(ctx) else "No such command"
        own = _own_directory()
        if own is None:
            places = ", ".join(directory.candidate_directories(os.environ))
            searched = f"pScheduler's command directory, which does not exist on this machine ({places})"
        else:
            searched = str(own)
        return f"{what}: {word!r}.{hint} Searched the installed plugins and {searched}."

    def _plugins(self, ctx: click.Context) -> Dict[str, Plugin]:
        """Find the plugins, once for each call of the command."""
        key = f"{__name__}.plugins"
        if key not in ctx.meta:
            ctx.meta[key] = find_plugins(lambda text: _warn(ctx, text))
        found: Dict[str, Plugin] = ctx.meta[key]
        return found


def _own_directory() -> Optional[Path]:
    """Find pScheduler's own command directory on this machine."""
    return directory.find_directory(directory.candidate_directories(os.environ))


def _warn(ctx: click.Context, text: str) -> None:
    """Print a warning, but not while a shell asks for completions."""
    if not ctx.resilient_parsing:
        click.echo(f"pscheduler: warning: {text}", err=True)


@click.group(
    "pscheduler",
    cls=Host,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.version_option(__version__, message="pscheduler (pscheduler-batch) %(version)s", help="Show the version.")
@click.pass_context
def pscheduler(ctx: click.Context, /, **_: Any) -> None:
    """
    Run a pScheduler command.

    Commands come from installed packages and from pScheduler's own command directory.
    """
    # As pScheduler's own program does it.
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(1)
