"""
Find the tool that would run a test, from the answers of its participants.

A server that gets a task asks all participants which of their tools can run the test. Among those that can run it on
each of them, it chooses the first in the ``tools`` of the task or, without them, the one that the participants prefer.
If there is none, it refuses the task with 422 [c16, n40, n41]. By pScheduler's public source, it disregards ``tool``.
"""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

from pscheduler_batch.errors import WARNING
from pscheduler_batch.planning.server_problems import AllowedTools, DistinctTest, ServerProblem, UsableTool
from pscheduler_batch.scheduler.api import ToolOffer
from pscheduler_batch.text import closest, list_names, shorten

# The answers of the tools of each participant; the lead is first.
Offers = Mapping[str, Sequence[ToolOffer]]


def judge_tools(question: DistinctTest, offers: Offers) -> Tuple[List[ServerProblem], List[UsableTool]]:
    """
    Find the tool for each use of a test.

    Args:
        question: The test.
        offers: The answers of its participants, at least one.

    Returns:
        The errors and warnings, in the words of servers and with secrets, and the tools of the uses without errors.
    """
    common = common_tools(offers)
    if not common:
        where = " on all participants" if len(offers) > 1 else ""
        return [ServerProblem(question, "/test", f"no tool can run this test{where}: {_words(offers)}")], []
    problems: List[ServerProblem] = []
    usable: List[UsableTool] = []
    hosts = tuple(shorten(host) for host in offers)
    for use in question.uses:
        pair, names = use.allowed or AllowedTools("", tuple(common))
        allowed = [name for name in names if name in common]
        if not allowed:
            problems.append(ServerProblem(question.only(use), f"/{pair}", _why_not(pair, names, offers)))
            continue
        tool = common[0] if pair == "tool" else allowed[0]
        if tool != allowed[0]:
            reason = (
                f'pScheduler disregards "tool" and would use {shorten(tool)}; use "tools": ["{shorten(allowed[0])}"]'
            )
            problems.append(ServerProblem(question.only(use), "/tool", reason, WARNING))
        usable.append(UsableTool(question, use, shorten(tool), hosts))
    return problems, usable


def common_tools(offers: Offers) -> List[str]:
    """
    Return the tools that can run a test on all its participants, the preferred one first.

    Each participant lists its tools in its order of preference; the places of a tool in all these lists add up.
    """
    places = [
        {offer.name: place for place, offer in enumerate(answers) if offer.can_run} for answers in offers.values()
    ]
    names = [name for name in places[0] if all(name in others for others in places)]
    return sorted(names, key=lambda name: sum(others[name] for others in places))


def _why_not(pair: str, names: Sequence[str], offers: Offers) -> str:
    known = {offer.name for answers in offers.values() for offer in answers}
    meant = [closest(name, sorted(known)) for name in names if name not in known]
    hint = next((f'; did you mean "{shorten(name)}"?' for name in meant if name is not None), "")
    which = "this tool cannot" if pair == "tool" else "none of these tools can"
    return f"{which} run the test: {_words(offers)}{hint}"


def _words(offers: Offers) -> str:
    return "; ".join(f"{shorten(host)} offers {_offer_words(answers)}" for host, answers in offers.items())


def _offer_words(answers: Sequence[ToolOffer]) -> str:
    offered = [shorten(offer.name) for offer in answers if offer.can_run]
    declined = [f"{shorten(offer.name)} declines{_reasons(offer)}" for offer in answers if not offer.can_run]
    return (list_names(offered) if offered else "no tool") + (f" ({', '.join(declined)})" if declined else "")


def _reasons(offer: ToolOffer) -> str:
    reasons = " ".join(reason.strip() for reason in offer.reasons).rstrip(".")
    return f": {reasons}" if reasons else ""
