"""Whose turn it is to make a request (decision 19)."""

from __future__ import annotations

import asyncio
from typing import List

import pytest

from pscheduler_batch.slots import Slots
from pscheduler_batch.waiting import Ending


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def order_of(*names: str, number: int = 1, leaving: str = "") -> List[str]:
    """
    Have requests queue for slots that are all taken, and give them back one by one.

    Args:
        names: The requests in the order in which they come; those in capitals are urgent.
        number: How many slots there are.
        leaving: The one that is canceled while it waits.

    Returns:
        The requests in the order in which they had their turn.
    """
    served: List[str] = []

    async def request(slots: Slots, name: str) -> None:
        await slots.take(urgent=name.isupper())
        served.append(name)

    async def main() -> None:
        slots = Slots(number)
        for _ in range(number):
            await slots.take()
        waiting = {name: asyncio.ensure_future(request(slots, name)) for name in names}
        await settle()
        if leaving:
            waiting.pop(leaving).cancel()
            await settle()
        for _ in waiting:
            slots.give_back()
            await settle()
        await asyncio.gather(*waiting.values())

    asyncio.run(main())
    return served


def test_a_free_slot_is_had_at_once():
    """As many as there are, and no more."""

    async def main() -> List[bool]:
        slots = Slots(2)
        taken = [asyncio.ensure_future(slots.take(urgent=urgent)) for urgent in (False, True, True)]
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


@pytest.mark.parametrize("leaving", ["a", "B"])
def test_one_that_leaves_the_queue_is_passed_over(leaving):
    """Nobody waits for it, and no slot is lost."""
    expected = [name for name in ("B", "a", "c") if name != leaving]

    assert order_of("a", "B", "c", leaving=leaving) == expected


def test_a_turn_of_one_that_has_just_been_canceled_goes_to_the_next():
    """When both happen before it could go on."""

    async def main() -> bool:
        slots = Slots(1)
        await slots.take()
        first, second = (asyncio.ensure_future(slots.take()) for _ in range(2))
        await settle()
        slots.give_back()
        first.cancel()
        await settle()
        return first.cancelled() and second.done()

    assert asyncio.run(main())


def test_a_slot_that_was_given_back_is_free_again():
    """When nobody waits for it."""

    async def main() -> bool:
        slots = Slots(1)
        await slots.take()
        slots.give_back()
        again = asyncio.ensure_future(slots.take())
        await settle()
        return again.done()

    assert asyncio.run(main())


def test_nobody_slips_in_before_the_one_whose_turn_it_is():
    """A slot that was given back is that one's, even if it has not gone on yet."""

    async def main() -> List[bool]:
        slots = Slots(1)
        await slots.take()
        waiting = asyncio.ensure_future(slots.take())
        await settle()
        slots.give_back()
        late = asyncio.ensure_future(slots.take(urgent=True))
        await settle()
        had = [waiting.done(), late.done()]
        late.cancel()
        await settle()
        return had

    assert asyncio.run(main()) == [True, False]


def test_who_waits_for_a_batch_that_is_ended_gets_nothing():
    """Nor does who comes later; the slot stays with whoever has it, and is given to others."""

    async def main() -> List[bool]:
        slots, ending = Slots(1), Ending()
        had = [await slots.take(unless=ending)]
        waiting = [asyncio.ensure_future(slots.take(unless=unless)) for unless in (ending, None)]
        await settle()
        ending.begin()
        had += [await waiting[0], await slots.take(unless=ending), waiting[1].done()]
        slots.give_back()
        return [*had, await waiting[1]]

    assert asyncio.run(main()) == [True, False, False, False, True]
