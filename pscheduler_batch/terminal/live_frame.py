"""What the live view shows at one moment, as lines of a terminal: a bar, counts, and a line per iteration under way."""

from __future__ import annotations

from typing import List, Mapping, Sequence, TextIO, Tuple

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.terminal.event_words import KNOWN_STATES, countdown_words, state_now
from pscheduler_batch.terminal.progress_counts import ProgressSnapshot
from pscheduler_batch.text import clock_time, label_words, legible, shorten

# How wide the bar is, and what is left out where there is no room.
BAR = (12, 40)
NARROW = 40
WIDE = 60
WIDEST_HOST = 30
WIDEST_STATE = 12
FEWEST_OF_LABEL = 2

# How many states are told apart among the iterations that have no line.
STATES = 4

# Rows of the view that are not iterations: the bar, the counts, what is held up, and what is said of the rest.
OTHER_ROWS = 4

# The most rows of the view; more than that nobody reads.
MOST_ROWS = 24

# The view takes half of the screen, or a few rows of a small one. A terminal that becomes narrower breaks lines anew,
# and what it pushes out at its top by that is out of reach for ever; so the view has room at half the width.
PARTS_OF_SCREEN = 2
FEW_ROWS = 7

Cells = Tuple[str, str, str, str]

STYLES = {"running": "green", "fetching": "green", "overdue": "yellow", "waiting": "dim"}


def rows_for(width: int, height: int) -> int:
    """
    Say how many iterations have a line of their own on a screen of some size.

    >>> rows_for(80, 24), rows_for(200, 50), rows_for(80, 8), rows_for(20, 10)
    (8, 20, 3, 5)
    """
    # What is narrow already will hardly be made much narrower.
    wanted = height if width < NARROW else max(height // PARTS_OF_SCREEN, FEW_ROWS)
    return max(min(wanted, height - 1, MOST_ROWS) - OTHER_ROWS, 0)


class Frames:
    """Makes what is shown."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        """
        Prepare for a terminal.

        Args:
            stream: What leads to it; nothing is written to it.
            environ: Says what it is, and whether colours are wanted.
        """
        self._console = Console(
            file=stream,
            force_terminal=True,
            force_jupyter=False,
            no_color=bool(environ.get("NO_COLOR")),
            legacy_windows=False,
            _environ=environ,
        )

    def render(self, glance: ProgressSnapshot, width: int, height: int) -> List[str]:
        """
        Make the lines of one moment.

        Args:
            glance: How things are, with as many iterations as :func:`rows_for` says.
            width: The columns of the screen; the last one stays empty, as terminals differ in what comes after it.
            height: The rows of the screen; the last one stays empty.
        """
        width = max(width - 1, 1)
        self._console.width = width
        rows: List[RenderableType] = [_bar_line(glance, width), _counts_line(glance, width)]
        if glance.held_up is not None:
            rows.append(_held_up_line(glance.held_up, width))
        rows += _iteration_lines(glance, width)
        if glance.others:
            rows.append(_rest_line(glance, width))
        with self._console.capture() as capture:
            self._console.print(Group(*rows[: max(height - 1, 1)]))
        return capture.get().rstrip("\n").split("\n")


def _bar_line(glance: ProgressSnapshot, width: int) -> RenderableType:
    done = glance.finished + glance.failed
    pieces = [f"{done:,} of {glance.total:,} done"]
    if glance.left:
        # Of later jobs nobody knows how long they take.
        pieces.append(f"about {clock_time(glance.left)} left{'' if glance.is_last else ' in this job'}")
    pieces.append(f"{clock_time(glance.at - glance.began)} so far")
    bar = min(max(width // 3, BAR[0]), BAR[1])
    room = width - bar - 1
    if width < NARROW:
        return Text(_fitting(pieces, width), no_wrap=True, overflow="ellipsis")
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=bar)
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_row(ProgressBar(max(glance.total, 1), done, width=bar), _fitting(pieces, room))
    return line


def _counts_line(glance: ProgressSnapshot, width: int) -> Text:
    left = glance.total - glance.finished - glance.failed
    pieces = [f"{glance.failed:,} failed"] if glance.failed else []
    pieces += [f"{glance.finished:,} finished"]
    if not glance.failed:
        pieces.append("0 failed")
    pieces.append(f"{left:,} left")
    line = Text(_fitting(pieces, width), no_wrap=True, overflow="ellipsis")
    if glance.failed:
        line.stylize("red", 0, len(pieces[0]))
    if glance.job is not None and width >= NARROW:
        place = f"; job {glance.job_place:,} of {glance.jobs:,}: " if glance.jobs > 1 else "; "
        if width - line.cell_len >= len(place) + 8:
            line.append(place).append(shorten(glance.job.label))
    line.truncate(width, overflow="ellipsis")
    return line


def _held_up_line(held_up: RequestHeldUp, width: int) -> Text:
    """Say that, and why, nothing moves; what happened has room everywhere."""
    reason = legible(held_up.reason or "")
    said = f"again: {reason}" if width < NARROW else f"trying {shorten(held_up.host)} again: {reason}"
    line = Text(said, style="yellow", no_wrap=True, overflow="ellipsis")
    line.truncate(width, overflow="ellipsis")
    return line


def _iteration_lines(glance: ProgressSnapshot, width: int) -> List[Text]:
    briefly = width < NARROW
    cells = [
        (
            label_words(moved.iteration.label),
            state_now(moved, glance.at),
            "" if moved.host is None else shorten(moved.host),
            countdown_words(moved, glance.at, briefly=briefly),
        )
        for moved in glance.lines
    ]
    gap = " " if briefly else "  "
    widths = _widths(cells, width, len(gap)) if cells else ()
    return [_iteration_line(row, widths, gap) for row in cells]


def _widths(cells: Sequence[Cells], width: int, gap: int) -> Sequence[int]:
    """Share a width among label, state, host and count-down; the label gets what the others leave it."""
    label, state, host, countdown = (max(cell_len(row[place]) for row in cells) for place in range(4))
    state = min(state, WIDEST_STATE)
    host = min(host, WIDEST_HOST) if width >= WIDE else 0
    others = sum(wide + gap for wide in (state, host, countdown) if wide)
    return max(min(label, width - others), 1), state, host, countdown


def _iteration_line(row: Cells, widths: Sequence[int], gap: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    styles = ("", STYLES.get(row[1], ""), "dim", "")
    for cell, wide, style in zip((_cut_label(row[0], widths[0]), *row[1:]), widths, styles):
        if not wide:
            continue
        if line:
            line.append(gap)
        text = Text(cell, style=style)
        text.truncate(wide, overflow="ellipsis", pad=True)
        line.append_text(text)
    line.rstrip()
    return line


def _cut_label(label: str, width: int) -> str:
    """Cut the label of an iteration, but for its number, which tells it from the others."""
    job, slash, number = label.rpartition("/")
    room = width - len(slash + number)
    if cell_len(label) <= width or room < FEWEST_OF_LABEL:
        return label
    text = Text(job)
    text.truncate(room, overflow="ellipsis")
    return f"{text.plain}{slash}{number}"


def _rest_line(glance: ProgressSnapshot, width: int) -> Text:
    number = sum(count for _, count in glance.others)
    known = [(state, count) for state, count in glance.others if state in KNOWN_STATES][:STATES]
    unnamed = number - sum(count for _, count in known)
    states = [*known, ("in other states", unnamed)] if unnamed else known
    said = ", ".join(f"{count:,} {state}" for state, count in states)
    if glance.lines:
        said = f"and {number:,} more: {said}" if len(states) > 1 else f"and {number:,} more {states[0][0]}"
    line = Text(said, style="dim", no_wrap=True, overflow="ellipsis")
    line.truncate(width, overflow="ellipsis")
    return line


def _fitting(pieces: Sequence[str], width: int) -> str:
    """Join as many pieces as there is room for, the first one in any case."""
    said = pieces[0]
    for piece in pieces[1:]:
        if len(said) + len(piece) + 2 > width:
            break
        said += f", {piece}"
    return said
