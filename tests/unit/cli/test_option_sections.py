"""Commands whose help is in sections, and whose options the environment can set."""

from __future__ import annotations

import json
import os

import click
import pytest
from click.testing import CliRunner

from pscheduler_batch.cli.option_sections import FILE, SectionedCommand, misspelt_variables, option, settle

PAIRS = (("journal", "resume"), ("dry_run", "journal"), ("quiet", "color"), ("journal", "limit"), ("dry_run", "report"))
UNTOUCHED = {
    "color": "auto",
    "dry_run": False,
    "journal": None,
    "limit": 5,
    "name": None,
    "quiet": False,
    "report": [],
    "resume": None,
}


@click.command(
    "shout",
    cls=SectionedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SHOUT"},
)
@click.argument("name", required=False)
@option(
    "--limit", section="Waiting", metavar="N", type=click.IntRange(1), default=5, show_default=True, help="How long."
)
@option("--journal", section="Files", metavar="FILE", help="Note everything.")
@option("--resume", section="Files", metavar="FILE", help="Go on.")
@option("--report", section="Files", metavar="FILE", multiple=True, type=click.Path(), help="Tell people.")
@option("-n", "--dry-run", "--dry", section="Waiting", is_flag=True, help="Do nothing.")
@option("-q", "--quiet", section="Files", is_flag=True, help="Send nothing.")
@option("--color", section="Files", type=click.Choice(["auto", "always"]), default="auto", help="Be " + "colorful " * 9)
@option("--secret", section="Hidden", hidden=True, expose_value=False)
@click.version_option("1.2")
@click.pass_context
def shout(context, /, **given):
    """Shout."""
    click.echo(json.dumps(settle(context, given, PAIRS)))


def call(*arguments, **variables):
    """Run the command with some variables."""
    return CliRunner().invoke(shout, arguments, env=variables, prog_name="shout", terminal_width=80)


def values(*arguments, **variables):
    """Run the command, and give what it is left with that differs from what it is without anything."""
    done = call(*arguments, **variables)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found.keys() == UNTOUCHED.keys()
    return {name: value for name, value in found.items() if value != UNTOUCHED[name]}


def refusal(*arguments, **variables):
    """Run the command, and give the last line of what it says to a mistake."""
    done = call(*arguments, **variables)
    assert done.exit_code == 2
    return done.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "name"), [(["--journal", ""], "journal"), (["--journal="], "journal"), (["--report", ""], "report")]
)
def test_an_empty_value_is_wrong(arguments, name):
    """It is usually that of a variable of a shell that is not set; an empty variable of ours sets nothing."""
    assert (
        refusal(*arguments) == f"Error: Invalid value for '--{name}': it is empty; is a variable of the shell not set?"
    )
    assert values(SHOUT_JOURNAL="") == {}


def test_whether_a_file_can_be_read_is_found_when_it_is(tmp_path, monkeypatch):
    """What cannot be read is an error with another status than wrong usage, and may be written."""
    path = tmp_path / "batch.json"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert FILE.convert(str(path), None, None) == str(path)


def test_help_has_options_in_sections():
    """In the order in which they are first named, with one first column for all; the rest is last."""

    assert call("--help").output == (
        "Usage: shout [OPTIONS] [NAME]\n"
        "\n"
        "  Shout.\n"
        "\n"
        "Waiting:\n"
        "  --limit N              How long.  [default: 5; x>=1]\n"
        "  -n, --dry-run, --dry   Do nothing.\n"
        "\n"
        "Files:\n"
        "  --journal FILE         Note everything.\n"
        "  --resume FILE          Go on.\n"
        "  --report FILE          Tell people.\n"
        "  -q, --quiet            Send nothing.\n"
        "  --color [auto|always]  Be colorful colorful colorful colorful colorful\n"
        "                         colorful colorful colorful colorful\n"
        "\n"
        "Other:\n"
        "  --version              Show the version and exit.\n"
        "  -h, --help             Show this message and exit.\n"
    )


def test_a_long_option_leaves_the_first_column_narrow():
    """Its text is below it, where that of all the others is."""
    command = SectionedCommand("long", params=[click.Option(["--be-more-careful"], metavar="WITH-THIS", help="Do.")])
    lines = CliRunner().invoke(command, ["--help"], terminal_width=80).output.splitlines()

    assert lines[-3:] == [
        "  --be-more-careful WITH-THIS",
        "                            Do.",
        "  --help                    Show this message and exit.",
    ]


@pytest.mark.parametrize(("columns", "width"), [("", 78), ("junk", 78), ("70", 68), ("20", 50), ("500", 98), ("0", 78)])
def test_help_is_as_wide_as_the_terminal(columns, width):
    """COLUMNS overrides the terminal, 80 columns are the default, and no line is longer than the maximum."""
    context = shout.make_context("shout", [], max_content_width=100)
    with CliRunner().isolation(env={"COLUMNS": columns}):
        shout.get_help(context)

    assert context.terminal_width == width


def test_a_command_without_options_has_help():
    """Only that of the option --help."""
    bare = SectionedCommand("bare", add_help_option=False)

    assert CliRunner().invoke(bare, ["--help"]).exit_code == 2
    assert "Other:\n  --help" in CliRunner().invoke(SectionedCommand("bare"), ["--help"]).output


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SHOUT_LIMIT": "7"}, {"limit": 7}),
        ({"SHOUT_DRY_RUN": "1"}, {"dry_run": True}),
        ({"SHOUT_DRY_RUN": "true"}, {"dry_run": True}),
        ({"SHOUT_DRY_RUN": "0"}, {}),
        ({"SHOUT_DRY_RUN": ""}, {}),
        ({"SHOUT_LIMIT": "", "SHOUT_JOURNAL": "", "SHOUT_REPORT": ""}, {}),
        ({"SHOUT_REPORT": "a.html:b c.csv"}, {"report": ["a.html", "b c.csv"]}),
        ({"SHOUT_COLOR": "always"}, {"color": "always"}),
    ],
)
def test_options_can_be_set_by_variables(variables, expected):
    """Empty ones set nothing, and those of flags may also say no."""

    assert values(**variables) == expected


def test_what_is_typed_comes_first():
    """Whatever a variable says."""

    assert values("--limit", "6", SHOUT_LIMIT="7") == {"limit": 6}
    assert values("--report", "c", SHOUT_REPORT="a:b") == {"report": ["c"]}


def test_what_does_something_else_is_not_set_by_variables():
    """A variable that kept the command from ever doing anything would be a riddle."""

    assert values(SHOUT_HELP="1", SHOUT_VERSION="1", SHOUT__CLICK_DEFAULT_HELP="1") == {}


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        (("--resume", "b"), {"SHOUT_JOURNAL": "a"}, {"resume": "b"}),
        (("--journal", "b"), {"SHOUT_RESUME": "a"}, {"journal": "b"}),
        (("-n",), {"SHOUT_REPORT": "a:b"}, {"dry_run": True}),
        (("-q",), {"SHOUT_COLOR": "always"}, {"quiet": True}),
        (("--journal", "a"), {"SHOUT_LIMIT": "7"}, {"journal": "a"}),
        (("--color", "always"), {"SHOUT_QUIET": "1"}, {"color": "always"}),
        # An option that was overridden excludes no other.
        (("-n",), {"SHOUT_JOURNAL": "a", "SHOUT_RESUME": "b"}, {"dry_run": True, "resume": "b"}),
    ],
)
def test_the_environment_gives_way_to_what_is_typed(arguments, variables, expected):
    """Its value is the default again."""

    assert values(*arguments, **variables) == expected


@pytest.mark.parametrize("arguments", [("--journal", "a"), ("--journal", "a", "-q")])
def test_defaults_stand_in_nobodys_way(arguments):
    """An option that was not set excludes no other, even if it has a value."""

    assert values(*arguments)["journal"] == "a"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--journal", "a", "--resume", "b"), "Error: --resume cannot be combined with --journal"),
        (("-n", "--journal", "b"), "Error: --journal cannot be combined with --dry-run"),
        (("-q", "--color", "always"), "Error: --color cannot be combined with --quiet"),
    ],
)
def test_two_that_are_typed_cannot_go_together(arguments, message):
    """The message has their long names."""

    assert refusal(*arguments) == message


def test_two_variables_cannot_go_together():
    """The message names them, as nothing was typed that could be wrong."""
    said = refusal(SHOUT_JOURNAL="a", SHOUT_RESUME="b")

    assert said == "Error: in the environment, SHOUT_RESUME cannot be combined with SHOUT_JOURNAL"


def test_a_wrong_value_is_blamed_on_where_it_is_from():
    """On the variable, where it is from one."""

    assert refusal(SHOUT_LIMIT="soon").startswith(
        "Error: Invalid value for '--limit' (from the environment variable SHOUT_LIMIT): 'soon' is not"
    )
    assert refusal("--limit", "soon", SHOUT_LIMIT="7").startswith("Error: Invalid value for '--limit': 'soon' is not")
    assert "SHOUT_DRY_RUN" in refusal(SHOUT_DRY_RUN="perhaps")


def test_a_wrong_value_that_gives_way_is_still_wrong():
    """It is not known to give way before it is read; the message says where to look."""

    assert "SHOUT_LIMIT" in refusal("--journal", "a", SHOUT_LIMIT="soon")


def test_a_misspelt_variable_is_found():
    """It sets nothing, and the user would not notice."""
    environ = {
        "SHOUT_LIMTI": "7",
        "SHOUT_DRYRUN": "1",
        "SHOUT_LIMIT": "7",
        "SHOUT_OTHER_LIMIT": "",
        "SHOUTED": "",
        "A": "",
    }
    with shout.make_context("shout", []) as context:
        messages = misspelt_variables(context, environ, other=("SHOUT_OTHER_",))

    assert messages == (
        "SHOUT_DRYRUN sets no option; did you mean SHOUT_DRY_RUN?",
        "SHOUT_LIMTI sets no option; did you mean SHOUT_LIMIT?",
    )
