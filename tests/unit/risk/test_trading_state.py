"""Which trading state counts, and when a halt has to wait."""

from decimal import Decimal
from itertools import permutations

import pytest

from messages import Command, OperatorCommand, StateRequest, TradingState
from risk.refusals import RefusalNews
from risk.trading import HeldLeg, TradingControl, flatten_tag, naked_assets

RUNNING, REDUCE, CLOSE, HALTED = TradingState


def ask(state: TradingState, source: str, ts_ns: int = 0) -> StateRequest:
    return StateRequest(state=state, source=source, reason=f"{source} says so", until_ns=None, ts_ns=ts_ns)


def leg(asset: str, quantity: str, smallest: str = "0.01") -> HeldLeg:
    return HeldLeg(asset=asset, quantity=Decimal(quantity), smallest=Decimal(smallest))


def test_states_rise_in_strictness() -> None:
    assert [state.strictness for state in (RUNNING, REDUCE, CLOSE, HALTED)] == [0, 1, 2, 3]


@pytest.mark.parametrize("order", permutations([ask(REDUCE, "a"), ask(HALTED, "b"), ask(CLOSE, "c")]))
def test_the_strictest_source_wins_in_whatever_order_they_ask(order: tuple[StateRequest, ...]) -> None:
    control = TradingControl()
    for request in order:
        control.take(request)
    assert (control.in_force(()).state, control.in_force(()).source) == (HALTED, "b")
    for source, left in (("b", CLOSE), ("c", REDUCE), ("a", RUNNING)):
        control.take(ask(RUNNING, source))
        assert control.in_force(()).state is left


def test_no_source_lifts_what_another_asks() -> None:
    control = TradingControl()
    control.take(ask(CLOSE, "daily_loss"))
    control.take(ask(RUNNING, "operator"))
    assert control.in_force(()).source == "daily_loss"


def test_a_halt_waits_as_close_only_while_a_leg_is_naked() -> None:
    control = TradingControl()
    control.take(ask(HALTED, "daily_loss"))
    waiting = control.in_force(("BTC",))
    assert (waiting.state, waiting.source) == (CLOSE, "daily_loss")
    assert "halts when BTC is hedged or flat" in waiting.reason
    assert control.in_force(()).state is HALTED
    control.take(ask(RUNNING, "daily_loss"))
    control.take(ask(REDUCE, "operator"))
    assert control.in_force(("BTC",)).state is REDUCE  # nobody asks for more


@pytest.mark.parametrize(
    ("legs", "naked"),
    [
        ([], ()),
        ([leg("BTC", "1"), leg("BTC", "-1")], ()),
        ([leg("BTC", "1")], ("BTC",)),
        ([leg("BTC", "1"), leg("BTC", "-0.995")], ()),  # less than any venue trades
        ([leg("BTC", "1"), leg("BTC", "-0.99")], ("BTC",)),
        ([leg("BTC", "1", "0.01"), leg("BTC", "-0.99", "0.1")], ()),
        ([leg("BTC", "1"), leg("ETH", "-1")], ("BTC", "ETH")),  # assets do not hedge each other
        ([leg("BTC", "1"), leg("BTC", "1")], ("BTC",)),
        ([leg("BTC", "0", "0")], ()),
    ],
)
def test_a_leg_is_naked_when_its_asset_does_not_add_up(legs: list[HeldLeg], naked: tuple[str, ...]) -> None:
    assert naked_assets(legs) == naked


def test_every_flatten_has_a_tag_of_its_own() -> None:
    tags = {flatten_tag(OperatorCommand(command=Command.FLATTEN, source="cli", reason="", ts_ns=n)) for n in (1, 2)}
    assert tags == {"FLATTEN-1", "FLATTEN-2"}


def test_a_refusal_is_news_once_until_its_subject_passed() -> None:
    news = RefusalNews()
    assert [news.is_new("BTC", "A"), news.is_new("BTC", "A"), news.is_new("BTC", "B"), news.is_new("ETH", "A")] == [
        True,
        False,
        True,
        True,
    ]
    news.passed("BTC")
    assert [news.is_new("BTC", "A"), news.is_new("ETH", "A")] == [True, False]
