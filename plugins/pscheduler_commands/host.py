"""
The ``pscheduler`` command itself.

A word after ``pscheduler`` is looked for among the plugins first, then in pScheduler's own command folder, so that
this command can stand in front of pScheduler's own without taking anything away.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import click

from pscheduler_commands import folder
from pscheduler_commands.plugins import Plugin, find_plugins, load_plugin


class CannotExecuteError(click.ClickException):
    """A file of the command folder that is there and does not run; a shell's exit status for that."""

    exit_code = 126


class FolderCommand(click.Command):
    """A command of pScheduler's own folder; everything after its name belongs to it, options and all."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name, add_help_option=False)
        self.path = path

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Leave the arguments as they are."""
        ctx.args = list(args)
        return ctx.args

    def invoke(self, ctx: click.Context) -> None:
        """Become the command, or say why that cannot be."""
        try:
            folder.become(self.path, ctx.args)
        except OSError as error:
            raise CannotExecuteError(f"{self.path} cannot be executed: {error.strerror}.") from error


class Host(click.Group):
    """A group of commands that are found when they are asked for."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """Name every command: the plugins' and the folder's."""
        return sorted({*self._plugins(ctx), *folder.list_words(_own_folder())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Find a command by its name; one that no plugin can give is looked for in the folder."""
        plugin = self._plugins(ctx).get(cmd_name)
        command = None if plugin is None else load_plugin(plugin, lambda text: _warn(ctx, text))
        if command is None:
            path = folder.find_command(_own_folder(), cmd_name)
            command = None if path is None else FolderCommand(path)
        return command

    def resolve_command(
        self, ctx: click.Context, args: List[str]
    ) -> Tuple[Optional[str], Optional[click.Command], List[str]]:
        """Find the command that the first argument names; where there is none, say what there is."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is None and not ctx.resilient_parsing:
            raise click.UsageError(self._unknown(ctx, word), ctx)
        return word if command else None, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, the plugins' with their help, then those of the folder."""
        plugins = self._plugins(ctx)
        loaded = {name: load_plugin(plugins[name], lambda text: _warn(ctx, text)) for name in sorted(plugins)}
        width = max(formatter.width - 6 - max(map(len, loaded), default=0), 20)
        shown = {name: command for name, command in loaded.items() if command is not None and not command.hidden}
        rows = [(name, command.get_short_help_str(width)) for name, command in shown.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
        own = _own_folder()
        words = [word for word in folder.list_words(own) if loaded.get(word) is None]
        if words:
            with formatter.section(f"pScheduler's own commands, in {own}"):
                formatter.write_text(" ".join(words))

    def _unknown(self, ctx: click.Context, word: str) -> str:
        """Say that a word is no command, what is like it, and where it was looked for."""
        from difflib import get_close_matches  # noqa: PLC0415 - only needed for a word that is none

        close = [name for name in get_close_matches(word, self.list_commands(ctx)) if name != word]
        hint = f" Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
        known = " that can be loaded" if word in self._plugins(ctx) else ""
        own = _own_folder()
        if own is None:
            places = ", ".join(folder.candidate_folders(os.environ))
            looked = f"in pScheduler's command folder, which is not on this machine ({places})"
        else:
            looked = f"in {own}"
        return f"There is no command {word!r}{known}.{hint} Looked for it among the installed plugins and {looked}."

    def _plugins(self, ctx: click.Context) -> Dict[str, Plugin]:
        """Find the plugins, once for each call of the command."""
        key = f"{__name__}.plugins"
        if key not in ctx.meta:
            ctx.meta[key] = find_plugins(lambda text: _warn(ctx, text))
        found: Dict[str, Plugin] = ctx.meta[key]
        return found


def _own_folder() -> Optional[Path]:
    """Find pScheduler's own command folder on this machine."""
    return folder.find_folder(folder.candidate_folders(os.environ))


def _warn(ctx: click.Context, text: str) -> None:
    """Write one warning line to stderr; nothing while a shell asks for completions."""
    if not ctx.resilient_parsing:
        click.echo(f"pscheduler: warning: {text}", err=True)


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's way
    """Show the version and leave."""
    if wanted and not ctx.resilient_parsing:
        from pscheduler_batch._version import __version__  # noqa: PLC0415 - other commands need nothing of it

        click.echo(f"pscheduler (pscheduler-batch) {__version__}")
        ctx.exit()


@click.group(
    "pscheduler",
    cls=Host,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
@click.pass_context
def pscheduler(ctx: click.Context) -> None:
    """
    Run one of pScheduler's commands.

    Commands come from installed packages and from pScheduler's own command folder.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(**settings: Any) -> None:
    """Run the ``pscheduler`` command; `settings` go to click as they are."""
    pscheduler.main(prog_name="pscheduler", **settings)
