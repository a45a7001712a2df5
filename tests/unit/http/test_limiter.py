"""Whose turn it is to make a request (ADR 20)."""

from __future__ import annotations

import asyncio
from typing import Dict, List

import pytest

from pscheduler_batch.http.limiter import Limiter
from pscheduler_batch.http.request import Purpose
from pscheduler_batch.session import Shutdown


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def purpose_of(name: str) -> Purpose:
    """Return what a request is for: one in capitals is urgent, one with a question mark looks something up."""
    if name.endswith("?"):
        return Purpose.LOOK_UP
    return Purpose.SUBMIT if name.isupper() else Purpose.OTHER


def order_of(*names: str, number: int = 1, leaving: str = "") -> List[str]:
    """
    Have requests queue for slots that are all taken by urgent ones, and give them back one by one, the oldest first.

    Args:
        names: The requests in the order in which they come; see :func:`purpose_of`.
        number: How many slots there are.
        leaving: The one that is canceled while it waits.

    Returns:
        The requests in the order in which they had their turn.
    """
    served: List[str] = []

    async def request(slots: Limiter, name: str) -> None:
        await slots.take(purpose_of(name))
        served.append(name)

    async def main() -> None:
        slots = Limiter(number)
        held = [Purpose.SUBMIT] * number
        for purpose in held:
            await slots.take(purpose)
        waiting: Dict[str, asyncio.Future[None]] = {name: asyncio.ensure_future(request(slots, name)) for name in names}
        await settle()
        if leaving:
            waiting.pop(leaving).cancel()
            await settle()
        for _ in waiting:
            slots.give_back(held.pop(0))
            await settle()
            held.append(purpose_of(served[-1]))
        await asyncio.gather(*waiting.values())

    asyncio.run(main())
    return served


def test_a_free_slot_is_had_at_once():
    """As many as there are, and no more."""

    async def main() -> List[bool]:
        slots = Limiter(2)
        taken = [
            asyncio.ensure_future(slots.take(purpose)) for purpose in (Purpose.SUBMIT, Purpose.LOOK_UP, Purpose.OTHER)
        ]
        await settle()
        had = [task.done() for task in taken]
        slots.give_back()
        await asyncio.gather(*taken)
        return had

    assert asyncio.run(main()) == [True, True, False]


@pytest.mark.parametrize("number", [1, 3])
def test_who_comes_first_is_served_first(number):
    """Whatever the number of slots."""

    assert order_of("a", "b", "c", "d", number=number) == ["a", "b", "c", "d"]


def test_what_is_urgent_goes_before_what_is_not():
    """And first come, first served among themselves."""

    assert order_of("a", "b", "C", "d", "E") == ["C", "E", "a", "b", "d"]


@pytest.mark.parametrize(
    ("number", "served"),
    [
        (1, "A B C D 1? 2? 3? x"),
        (2, "1? A 2? B 3? C D x"),
        (4, "1? A B C 2? D 3? x"),
        (8, "1? 2? A B C D 3? x"),
    ],
)
def test_a_quarter_of_the_slots_is_for_look_ups(number, served):
    """What they find out may be that another host has something to do; of two slots one is theirs."""

    assert order_of("x", "A", "1?", "B", "2?", "C", "3?", "D", number=number) == served.split()


def test_who_is_canceled_in_its_turn_gives_back_what_it_was_for():
    """A place for look-ups is not lost with it."""

    async def main() -> List[bool]:
        slots = Limiter(2)
        for _ in range(2):
            await slots.take(Purpose.SUBMIT)
        gone, later = (asyncio.ensure_future(slots.take(Purpose.LOOK_UP)) for _ in range(2))
        urgent = asyncio.ensure_future(slots.take(Purpose.SUBMIT))
        await settle()
        slots.give_back(Purpose.SUBMIT)
        gone.cancel()
        await settle()
        had = [gone.cancelled(), later.done(), urgent.done()]
        urgent.cancel()
        await settle()
        return had

    assert asyncio.run(main()) == [True, True, False]


@pytest.mark.parametrize("leaving", ["a", "B"])
def test_one_that_leaves_the_queue_is_passed_over(leaving):
    """No slot is lost with it."""
    expected = [name for name in ("B", "a", "c") if name != leaving]

    assert order_of("a", "B", "c", leaving=leaving) == expected


def test_a_turn_of_one_that_has_just_been_canceled_goes_to_the_next():
    """When both happen before it could go on."""

    async def main() -> bool:
        slots = Limiter(1)
        await slots.take()
        first, second = (asyncio.ensure_future(slots.take()) for _ in range(2))
        await settle()
        slots.give_back()
        first.cancel()
        await settle()
        return first.cancelled() and second.done()

    assert asyncio.run(main())


def test_a_slot_that_was_given_back_is_free_again():
    """When no request waits for it."""

    async def main() -> bool:
        slots = Limiter(1)
        await slots.take()
        slots.give_back()
        again = asyncio.ensure_future(slots.take())
        await settle()
        return again.done()

    assert asyncio.run(main())


def test_nobody_slips_in_before_the_one_whose_turn_it_is():
    """A slot that was given back is that one's, even if it has not gone on yet."""

    async def main() -> List[bool]:
        slots = Limiter(1)
        await slots.take()
        waiting = asyncio.ensure_future(slots.take())
        await settle()
        slots.give_back()
        late = asyncio.ensure_future(slots.take(Purpose.SUBMIT))
        await settle()
        had = [waiting.done(), late.done()]
        late.cancel()
        await settle()
        return had

    assert asyncio.run(main()) == [True, False]


def test_who_waits_for_a_batch_that_is_ended_gets_nothing():
    """Nor does a later POST; the slot stays taken, and is then given to other requests."""

    async def main() -> List[bool]:
        slots, ending = Limiter(1), Shutdown()
        had = [await slots.take(unless=ending)]
        waiting = [asyncio.ensure_future(slots.take(unless=unless)) for unless in (ending, None)]
        await settle()
        ending.begin()
        had += [await waiting[0], await slots.take(unless=ending), waiting[1].done()]
        slots.give_back()
        return [*had, await waiting[1]]

    assert asyncio.run(main()) == [True, False, False, False, True]


def test_canceling_has_slots_of_its_own():
    """It does not wait for anything else, and nothing else takes its slots."""

    async def main() -> List[bool]:
        slots = Limiter(1, for_canceling=1)
        await slots.take(Purpose.SUBMIT)
        taken = [asyncio.ensure_future(slots.take(purpose)) for purpose in (Purpose.CANCEL, Purpose.CANCEL)]
        await settle()
        had = [task.done() for task in taken]
        slots.give_back(Purpose.SUBMIT)
        await settle()
        had.append(taken[1].done())
        slots.give_back(Purpose.CANCEL)
        await asyncio.gather(*taken)
        return had

    assert asyncio.run(main()) == [True, False, False]
