"""The ``batch-plugins`` command: put the plug-ins of pScheduler where it looks for them, and check the site's file."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.option_sections import FILE, SectionedCommand, misspelt_variables, option

INSTALLATION = "Installation"
PERMISSION = "Permission"
ACTIONS = ("install", "remove", "list")
HELP = """
Install the plug-ins with which pScheduler runs a batch as a task, and check what this host permits to such batches.

"install" puts the test batch, the tool batch-processor and the commands of pscheduler-batch where the pScheduler of
this machine looks for them, "remove" removes all of it again, and "list" shows what is installed. As installed, no
batch is run: the permission file must enable it and name the tests.
"""


@click.command(
    "batch-plugins",
    cls=SectionedCommand,
    help=HELP,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH_PLUGINS",
    },
)
@click.argument("action", metavar="[install|remove|list]", required=False, type=click.Choice(ACTIONS))
@option(
    "--classes",
    section=INSTALLATION,
    metavar="DIRECTORY",
    type=click.Path(file_okay=False, readable=False),
    help="pScheduler's directory of classes.  [default: the one of this machine]",
)
@option(
    "--config",
    section=PERMISSION,
    metavar="FILE",
    type=FILE,
    help="The permission file.  [default: /etc/pscheduler/tool/batch-processor.json]",
)
@option("--check-config", section=PERMISSION, is_flag=True, help="Check the permission file and show what it permits.")
@option("--example-config", section=PERMISSION, is_flag=True, help="Print a permission file that explains every pair.")
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_plugins(context: click.Context, /, **given: Any) -> None:
    """Install the plug-ins of pScheduler."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    asked = [name for name in ("check_config", "example_config") if given[name]] + [given["action"]] * bool(
        given["action"]
    )
    if len(asked) != 1:
        raise click.UsageError("give one of install, remove, list, --check-config and --example-config", context)
    # Nothing of it is needed by --help.
    plugins = import_module("pscheduler_batch.cli.plugins")
    context.exit(plugins.execute(asked[0], classes=given["classes"], config=given["config"]))
