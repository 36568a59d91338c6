"""Capital goes where it is worth most: exactly so, against every possible choice."""

import random
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.allocator import Option, allocate, carries

D = Decimal
RESOURCES = ("MARGIN HYPERLIQUID", "MARGIN PARADEX", "ALLOCATION")


def option(asset: str, value: int, *takes: int, long: str = "HYPERLIQUID", notional: int = 100) -> Option:
    short = "PARADEX" if long == "HYPERLIQUID" else "HYPERLIQUID"
    return Option(
        asset=asset,
        long_venue=long,
        short_venue=short,
        notional_usd=D(notional),
        value_usd=D(value),
        takes_usd=dict(zip(RESOURCES, map(D, takes), strict=True)),
    )


def left(*amounts: int) -> dict[str, Decimal]:
    return dict(zip(RESOURCES, map(D, amounts), strict=True))


def best_of_all(options: list[Option], room: dict[str, Decimal]) -> Decimal:
    """Return the highest value of any choice of at most one option per asset, by trying every one."""
    by_asset = [[None, *(o for o in options if o.asset == asset)] for asset in sorted({o.asset for o in options})]
    choices = ([o for o in choice if o is not None] for choice in product(*by_asset))
    return max((sum((o.value_usd for o in choice), D(0)) for choice in choices if carries(room, choice)), default=D(0))


amounts = st.integers(0, 12)
options = st.lists(
    st.builds(
        option,
        st.sampled_from(["BTC", "ETH", "SOL", "HYPE"]),
        st.integers(-5, 30),
        amounts,
        amounts,
        amounts,
        long=st.sampled_from(["HYPERLIQUID", "PARADEX"]),
    ),
    max_size=9,
)


@given(options=options, room=st.tuples(st.integers(-3, 30), st.integers(-3, 30), st.integers(-3, 50)))
def test_no_other_choice_is_worth_more_and_none_takes_more_than_there_is(
    options: list[Option], room: tuple[int, int, int]
) -> None:
    chosen = allocate(options, left(*room))
    assert carries(left(*room), list(chosen.values()))
    assert all(o.value_usd > 0 and o.asset == asset and o in options for asset, o in chosen.items())
    assert sum((o.value_usd for o in chosen.values()), D(0)) == best_of_all(options, left(*room))


def test_two_good_pairs_beat_one_that_is_better_than_either() -> None:
    # By value alone SOL comes first, and would leave no room for the two that are worth more together.
    found = allocate([option("SOL", 10, 6, 6, 12), option("BTC", 7, 3, 3, 6), option("ETH", 6, 3, 3, 6)], left(6, 6, 12))
    assert set(found) == {"BTC", "ETH"}


def test_a_smaller_size_is_taken_where_the_whole_does_not_fit() -> None:
    found = allocate([option("BTC", 10, 8, 8, 16, notional=400), option("BTC", 4, 3, 3, 6, notional=200)], left(5, 5, 10))
    assert found["BTC"].notional_usd == 200


def test_both_directions_of_an_asset_compete_and_only_one_is_taken() -> None:
    found = allocate([option("BTC", 3, 1, 1, 2), option("BTC", 9, 1, 1, 2, long="PARADEX")], left(9, 9, 9))
    assert {asset: o.long_venue for asset, o in found.items()} == {"BTC": "PARADEX"}


@pytest.mark.parametrize("value", [0, -1])
def test_what_brings_nothing_is_never_taken(value: int) -> None:
    assert allocate([option("BTC", value, 1, 1, 2)], left(9, 9, 9)) == {}


def test_an_overdrawn_resource_stops_only_those_that_take_of_it() -> None:
    assert set(allocate([option("BTC", 5, 0, 1, 1), option("ETH", 9, 1, 1, 1)], left(-1, 9, 9))) == {"BTC"}


def test_the_same_input_has_the_same_answer_in_whatever_order_assets_come() -> None:
    rng = random.Random(7)
    found = [option(asset, 10, 3, 3, 6) for asset in ("BTC", "ETH", "SOL")]
    answers = set()
    for _ in range(5):
        answers.add(tuple(sorted(allocate(found, left(6, 6, 12)))))
        rng.shuffle(found)
        found.sort(key=lambda o: o.asset)
    assert answers == {("BTC", "ETH")}
