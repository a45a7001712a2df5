"""
Which tool would run a test, by what the tools of its participants say to it.

A server that gets a task asks all participants, and takes of the tools that can run the test on each of them the first
that the task names or, if it names none, the one that the participants prefer. If there is none, it refuses the task
with 422 [c16, n40, n41].
"""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

from pscheduler_batch.planning.server_problems import AllowedTools, DistinctTest, ServerProblem, UsableTool
from pscheduler_batch.scheduler.api import ToolOffer
from pscheduler_batch.text import closest, list_names, shorten

# What the tools of each participant say; the lead is first.
Offers = Mapping[str, Sequence[ToolOffer]]


def judge_tools(question: DistinctTest, offers: Offers) -> Tuple[List[ServerProblem], List[UsableTool]]:
    """
    Find the tool for each use of a test.

    Args:
        question: The test.
        offers: The answers of its participants, at least one.

    Returns:
        The errors, in the words of servers and with secrets, and the tools of the other uses.
    """
    common = common_tools(offers)
    if not common:
        return [ServerProblem(question, "/test", f"no tool can run this test: {_words(offers)}")], []
    problems: List[ServerProblem] = []
    usable: List[UsableTool] = []
    hosts = tuple(shorten(host) for host in offers)
    for use in question.wanted:
        allowed = common if use.allowed is None else [name for name in use.allowed.names if name in common]
        if allowed:
            usable.append(UsableTool(question, use, shorten(allowed[0]), hosts))
        elif use.allowed is not None:
            problem = ServerProblem(question.only(use), f"/{use.allowed.pair}", _why_not(use.allowed, offers))
            problems.append(problem)
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


def _why_not(allowed: AllowedTools, offers: Offers) -> str:
    known = {offer.name for answers in offers.values() for offer in answers}
    meant = [closest(name, sorted(known)) for name in allowed.names if name not in known]
    hint = next((f'; did you mean "{shorten(name)}"?' for name in meant if name is not None), "")
    which = "this tool cannot" if allowed.pair == "tool" else "none of these tools can"
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
