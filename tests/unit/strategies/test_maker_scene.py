"""Resting legs in Nautilus' backtest, behind the gate: orders rest, are moved, are cancelled and are followed."""

from decimal import Decimal

from arbitrage_scene import HYPERLIQUID, PARADEX, Scene
from nautilus_trader.model.enums import OrderStatus

from messages import LegState, MakerMarkout, PairResult, topics
from strategies.execution import ExecutionMode, ExecutionTerms

WIDE_HL = {HYPERLIQUID: lambda _second: "0.0001", PARADEX: lambda _second: "0.0001"}


def scene(price, **terms) -> Scene:
    made = Scene(
        settings={
            "execution": ExecutionTerms(mode=ExecutionMode.MAKER, maker_deadline_secs=6.0, **terms),
            "resize_ratio": Decimal(1_000),
        }
    )
    made.results, made.markouts = [], []
    bus = made.engine.kernel.msgbus
    bus.subscribe(topic=topics.PAIR_RESULT, handler=made.results.append)
    bus.subscribe(topic=topics.MAKER_MARKOUT, handler=made.markouts.append)
    made.feed(60, WIDE_HL, price=price)
    made.run()
    return made


def test_what_nobody_takes_is_cancelled_at_its_deadline_and_taken() -> None:
    still = scene(lambda _second: 40.0)
    resting = [order for order in still.orders() if order.is_post_only]
    assert resting
    assert {order.status for order in resting} == {OrderStatus.CANCELED}
    assert still.net(HYPERLIQUID) == -still.net(PARADEX) != 0
    (result,) = still.results
    assert isinstance(result, PairResult)
    assert result.naked_usd_secs == 0
    assert result.leg_gap_ms is not None


def test_what_the_market_comes_to_is_filled_and_followed_and_its_worth_is_learnt() -> None:
    swinging = scene(lambda second: 40.0 + (second % 4 - 1.5) * 0.01)
    filled = [order for order in swinging.orders() if order.is_post_only and order.filled_qty > 0]
    assert filled
    assert swinging.net(HYPERLIQUID) == -swinging.net(PARADEX) != 0
    assert all(isinstance(markout, MakerMarkout) for markout in swinging.markouts)
    assert {markout.horizon_secs for markout in swinging.markouts} == {1.0, 5.0, 30.0}
    kept = swinging.strategy._journal.documents("markouts").items()
    assert [key for key, _ in kept] == [swinging.markouts[0].instrument_id]


def test_what_the_market_leaves_is_moved_along_with_it() -> None:
    drifting = scene(lambda second: 40.0 - second * 0.01, reprice_bps=Decimal(1))
    canceled = [leg for leg in drifting.legs if leg.state is LegState.CANCELED]
    assert canceled
    assert drifting.net(HYPERLIQUID) == -drifting.net(PARADEX) != 0
    keys = [order.client_order_id.value for order in drifting.orders()]
    assert len(keys) == len(set(keys))
