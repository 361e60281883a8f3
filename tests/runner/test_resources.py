from __future__ import annotations

import asyncio

import pytest

from stagegap.runner.prepare import Pools


def order(*wishes: dict[str, int], cancel: int | None = None, **sizes: int) -> list[str]:
    """What happens when tasks with these wishes come one after the other: `+n` begins, `-n` ends."""
    said: list[str] = []

    async def one(pools: Pools, number: int, wish: dict[str, int]) -> None:
        async with pools.hold(wish):
            said.append(f"+{number}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            said.append(f"-{number}")

    async def all_of_them() -> None:
        pools = Pools(sizes)
        tasks = [asyncio.create_task(one(pools, number, wish)) for number, wish in enumerate(wishes)]
        if cancel is not None:
            await asyncio.sleep(0)
            tasks[cancel].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order_of_free(pools) == sizes

    asyncio.run(all_of_them())
    return said


def order_of_free(pools: Pools) -> dict[str, int]:
    return pools._free


def test_stages_that_share_a_pool_take_turns_and_others_do_not_wait() -> None:
    assert order({"gpu": 1}, {"gpu": 1}, {}, gpu=1) == ["+0", "+2", "-0", "-2", "+1", "-1"]


def test_as_many_work_at_once_as_there_are_units() -> None:
    assert order({"gpu": 1}, {"gpu": 1}, {"gpu": 1}, gpu=2)[:2] == ["+0", "+1"]


def test_a_large_wish_is_not_overtaken_for_ever() -> None:
    assert order({"gpu": 1}, {"gpu": 2}, {"gpu": 1}, gpu=2) == ["+0", "-0", "+1", "-1", "+2", "-2"]


def test_several_pools_are_taken_together() -> None:
    wishes = ({"gpu": 1, "licence": 1}, {"licence": 1}, {"gpu": 1})
    assert order(*wishes, gpu=1, licence=1)[:2] == ["+0", "-0"]


@pytest.mark.parametrize("cancel", [0, 1, 2])
def test_who_is_given_up_leaves_its_place_and_its_units(cancel: int) -> None:
    said = order({"gpu": 1}, {"gpu": 1}, {"gpu": 1}, gpu=1, cancel=cancel)
    assert [one for one in said if one[0] == "-"] == [f"-{n}" for n in range(3) if n != cancel]
