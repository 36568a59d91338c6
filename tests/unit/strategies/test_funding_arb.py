"""The strategy behind its gate in Nautilus' backtest: two venues, synthetic quotes and funding."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from arbitrage_scene import HYPERLIQUID, PARADEX, START_NS, Scene
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, Venue

from messages import Action, Intent, LegOrder, LegState, PositionHealth, VenueState, VenueStatus, topics
from risk.in_force import LimitsInForce
from risk.limits import Limits
from strategies.signals import SignalMode, VenueView

WIDE_HL = {HYPERLIQUID: lambda _second: "0.0001", PARADEX: lambda _second: "0.0001"}  # 87.6 % against 10.95 %


def until(second: int, before: str, after: str) -> Callable[[int], str]:
    return lambda now: before if now < second else after


def actions(scene: Scene) -> list[tuple[Action, str]]:
    found: list[tuple[Action, str]] = []
    for signal in scene.signals:
        if not found or found[-1] != (signal.action, signal.reason):
            found.append((signal.action, signal.reason))
    return found


def test_a_cycle_enters_holds_and_exits_flat() -> None:
    scene = Scene()
    scene.feed(120, {HYPERLIQUID: until(60, "0.0001", "0.0000125"), PARADEX: lambda _second: "0.0001"})
    middle: list[tuple[Decimal, Decimal]] = []
    scene.at(50, lambda: middle.append((scene.net(HYPERLIQUID), scene.net(PARADEX))))
    scene.run()
    ((short, long),) = middle
    assert short == -long < 0, "short where funding is higher"
    assert 9_000 < long * 40 <= 9_900
    assert scene.strategy.is_flat
    assert scene.strategy.cycles_completed == 1
    assert (scene.net(HYPERLIQUID), scene.net(PARADEX)) == (0, 0)
    kinds = [action for action, _ in actions(scene)]
    assert kinds.index(Action.ENTER) < kinds.index(Action.EXIT)
    assert (Action.HOLD, "SPREAD_HELD") in actions(scene)
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert all(len(pair.legs) == 2 and len({leg.quantity for leg in pair.legs}) == 1 for pair in scene.pairs)
    assert all(order.status == OrderStatus.FILLED for order in scene.orders())
    closing = [order for order in scene.orders() if order.is_reduce_only]
    assert len(scene.orders()) == 4
    assert len(closing) == 2


def test_every_order_is_told_from_pending_to_filled() -> None:
    scene = Scene()
    scene.feed(40, WIDE_HL)
    scene.run()
    keys = {leg.client_order_id for leg in scene.legs}
    assert len(keys) == 2
    for key in keys:
        states = [leg.state for leg in scene.legs if leg.client_order_id == key]
        assert states == [LegState.PENDING, LegState.ACTIVE, LegState.FILLED]


def test_equal_rates_in_different_units_open_nothing() -> None:
    scene = Scene()
    scene.feed(40, {HYPERLIQUID: lambda _second: "0.0000125", PARADEX: lambda _second: "0.0001"})
    scene.run()
    assert actions(scene) == [(Action.HOLD, "PAIR_BUSY"), (Action.HOLD, "RATES_EQUAL")]
    assert scene.orders() == []


def test_a_flip_exits_and_the_pair_can_be_entered_again_the_other_way() -> None:
    scene = Scene(settings={"cooldown_secs": 3.0})
    scene.feed(120, {HYPERLIQUID: until(50, "0.0001", "-0.0001"), PARADEX: lambda _second: "0.0001"})
    scene.run()
    assert (Action.EXIT, "SPREAD_FLIPPED") in actions(scene)
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE, Intent.OPEN]
    assert scene.net(HYPERLIQUID) == -scene.net(PARADEX) > 0
    assert scene.strategy.cycles_completed == 1


@pytest.mark.parametrize("dry", [HYPERLIQUID, PARADEX])
def test_a_leg_that_fills_a_sliver_has_the_other_trimmed_to_it(dry: Venue) -> None:
    scene = Scene(settings={"resize_ratio": Decimal(1_000)})  # what is small stays so
    scene.feed(60, WIDE_HL, sizes={dry: lambda _second: "3"})
    take_more_than_there_is(scene)
    scene.run()
    assert [pair.intent for pair in scene.pairs][:2] == [Intent.OPEN, Intent.OPEN]
    other = HYPERLIQUID if dry == PARADEX else PARADEX
    trims = [order for order in scene.orders() if order.is_reduce_only]
    assert trims
    assert {order.instrument_id.venue for order in trims} == {other}
    quantity = scene.net(dry)
    assert 0 < abs(quantity) <= 9
    assert scene.net(other) == -quantity


def take_more_than_there_is(scene: Scene) -> None:
    """Let the strategy plan with the depth of a moment ago, which is gone when its orders arrive."""
    view = scene.strategy._reader.venue_view

    def deep(*args: object) -> VenueView:
        return msgspec.structs.replace(view(*args), absorbable_usd=Decimal(50_000))

    scene.strategy._reader.venue_view = deep


@pytest.mark.parametrize("dry", [HYPERLIQUID, PARADEX])
def test_a_leg_its_venue_refuses_is_unwound_and_tried_ever_more_rarely(dry: Venue) -> None:
    scene = Scene(settings={"cooldown_secs": 10.0})
    scene.feed(300, WIDE_HL)
    refuse_opening(scene, dry)
    scene.run()
    assert (scene.net(HYPERLIQUID), scene.net(PARADEX)) == (0, 0)
    openings = [pair for pair in scene.pairs if pair.intent is Intent.OPEN and len(pair.legs) == 2]
    gaps = [(after.ts_ns - before.ts_ns) / 1e9 for before, after in pairwise(openings)]
    assert len(gaps) >= 2
    assert all(later > earlier * 1.5 for earlier, later in pairwise(gaps))
    assert scene.strategy.cycles_completed == 0


def refuse_opening(scene: Scene, venue: Venue) -> None:
    """Have a venue reject our opening orders: sent as reduce-only ones, they would reduce nothing."""
    submit = scene.strategy._port.submit

    def submit_reduce_only(order: LegOrder) -> None:
        submit(msgspec.structs.replace(order, reduce_only=True) if order.venue == venue.value else order)

    scene.strategy._port.submit = submit_reduce_only


def test_stale_funding_neither_enters_nor_exits() -> None:
    scene = Scene(settings={"funding_max_age_secs": 15.0})
    scene.feed(60, WIDE_HL)
    quotes_only = Scene(settings={"funding_max_age_secs": 5.0})
    quotes_only.feed(60, WIDE_HL)
    scene.run()
    quotes_only.run()
    assert scene.pairs
    held = [reason for action, reason in actions(quotes_only) if action is Action.HOLD]
    assert "FUNDING_STALE" in held
    assert not any(action is Action.EXIT for action, _ in actions(quotes_only))


def test_a_blocked_venue_blocks_the_entry_until_it_is_well_again() -> None:
    scene = Scene()

    def say(state: VenueState) -> None:
        status = VenueStatus(venue="PARADEX", channel="private", state=state, detail="", ts_ns=0)
        scene.engine.kernel.msgbus.publish(topic=topics.VENUE_STATUS, msg=status)

    scene.feed(60, WIDE_HL)
    say(VenueState.DISCONNECTED)  # before any start: heard all the same
    scene.at(30, lambda: say(VenueState.OK))
    scene.run()
    assert len(scene.pairs) == 1
    assert scene.pairs[0].ts_ns >= START_NS + 30_000_000_000


def test_without_account_reports_nothing_is_opened_and_the_reason_is_told() -> None:
    scene = Scene()
    scene.reporter.silent = True
    scene.feed(30, WIDE_HL)
    scene.run()
    assert scene.orders() == []
    assert {refused.reason for refused in scene.refused} == {"ACCOUNT_UNKNOWN"}
    assert 2 <= len(scene.refused) <= 6, "a refusal is told once per cool-down"


def test_flat_by_our_books_but_not_by_the_venues_opens_nothing() -> None:
    scene = Scene()
    scene.reporter.phantoms = (
        PositionHealth(
            instrument_id="HYPE-USD-PERP.PARADEX",
            quantity=Decimal(5),
            entry_price_usd=Decimal(40),
            unrealized_pnl_usd=Decimal(0),
            liquidation_price_usd=None,
        ),
    )
    scene.feed(30, WIDE_HL)
    scene.run()
    assert scene.orders() == []
    assert actions(scene)[-1] == (Action.HOLD, "ACCOUNT_HOLDS_POSITION")


def test_a_small_account_gets_a_small_pair() -> None:
    scene = Scene(balance_usd=1_000)
    scene.feed(40, WIDE_HL)
    scene.run()
    quantity = scene.net(PARADEX)
    assert scene.net(HYPERLIQUID) == -quantity
    assert 1_000 < quantity * 40 < 3_000


def test_flatten_closes_both_legs_together_and_opens_nothing_any_more() -> None:
    scene = Scene()
    scene.feed(80, WIDE_HL)
    scene.at(40, scene.strategy.request_flatten)
    scene.at(60, scene.strategy.request_flatten)
    scene.run()
    assert scene.strategy.is_flat
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]
    first, second = scene.pairs[1].legs
    assert first.quantity == second.quantity
    assert scene.strategy.cycles_completed == 1


def trade(scene: Scene, venue: Venue, side: OrderSide, quantity: str) -> None:
    """Trade behind the strategy's back, past the gate: a manual order, a liquidation, an earlier run."""
    instrument = scene.engine.cache.instrument(scene.id(venue))
    number = len(scene.engine.cache.orders())
    order = scene.strategy.order_factory.market(
        instrument.id, side, instrument.make_qty(Decimal(quantity)), client_order_id=ClientOrderId(f"MANUAL-{number}")
    )
    strategy = scene.strategy
    command = SubmitOrder(strategy.trader_id, strategy.id, order, UUID4(), strategy.clock.timestamp_ns())
    scene.engine.kernel.exec_engine.execute(command)


NARROW = {HYPERLIQUID: lambda _second: "0.0000150", PARADEX: lambda _second: "0.0001"}  # 13.14 % against 10.95 %
ECONOMIC = {"mode": SignalMode.ECONOMIC, "persistence_hours": Decimal(0)}


def test_a_pair_found_open_is_adopted_and_held() -> None:
    scene = Scene(settings=ECONOMIC)
    scene.feed(60, NARROW)  # too narrow to enter, wide enough to hold
    scene.at(1.1, lambda: trade(scene, HYPERLIQUID, OrderSide.SELL, "100"))
    scene.at(1.2, lambda: trade(scene, PARADEX, OrderSide.BUY, "100"))
    scene.run()
    assert scene.pairs == []
    assert actions(scene)[-1] == (Action.HOLD, "EDGE_HELD")
    assert scene.strategy.open_pairs() == {"HYPE": {"HYPERLIQUID": Decimal(-100), "PARADEX": Decimal(100)}}


def test_a_leg_found_alone_is_closed() -> None:
    scene = Scene()
    scene.feed(60, NARROW)
    scene.at(1.1, lambda: trade(scene, HYPERLIQUID, OrderSide.SELL, "100"))
    scene.run()
    assert scene.strategy.is_flat
    (repair,) = scene.pairs
    (leg,) = repair.legs
    assert (leg.venue, leg.reduce_only, leg.quantity) == ("HYPERLIQUID", True, 100)
    assert scene.strategy.cycles_completed == 0


def test_the_larger_of_two_unequal_legs_is_trimmed() -> None:
    scene = Scene(settings=ECONOMIC)
    scene.feed(60, NARROW)
    scene.at(1.1, lambda: trade(scene, HYPERLIQUID, OrderSide.SELL, "100"))
    scene.at(1.2, lambda: trade(scene, PARADEX, OrderSide.BUY, "70"))
    scene.run()
    assert (scene.net(HYPERLIQUID), scene.net(PARADEX)) == (-70, 70)
    (repair,) = scene.pairs
    assert [(leg.venue, leg.quantity) for leg in repair.legs] == [("HYPERLIQUID", 30)]


def test_a_leg_lost_while_the_pair_is_open_takes_the_other_one_with_it() -> None:
    scene = Scene()
    scene.feed(80, WIDE_HL)
    scene.at(40, scene.strategy.request_finish)
    scene.at(50, lambda: trade(scene, PARADEX, OrderSide.SELL, str(scene.net(PARADEX))))
    scene.run()
    assert scene.strategy.is_flat
    assert len(scene.pairs) == 2


def test_the_gate_denies_what_no_plan_asked_for_with_its_reason() -> None:
    scene = Scene()
    scene.feed(40, NARROW)

    def rogue() -> None:
        instrument = scene.engine.cache.instrument(scene.id(HYPERLIQUID))
        order = scene.strategy.order_factory.market(instrument.id, OrderSide.BUY, instrument.make_qty(300))
        scene.strategy.submit_order(order)

    scene.at(10, rogue)
    scene.run()
    (order,) = scene.orders()
    assert order.status == OrderStatus.DENIED
    assert order.last_event.reason.startswith("POSITION_LIMIT: ")
    (refused,) = scene.refused
    assert (refused.scope, refused.reason, refused.limit) == (order.client_order_id.value, "POSITION_LIMIT", 10_000)


def test_a_leg_denied_inside_its_own_submit_keeps_the_other_from_being_sent() -> None:
    # The strategy believes in a higher limit than the gate enforces.
    scene = Scene(limits=Limits(position_usd_max=Decimal(5_000)), settings={"cooldown_secs": 3.0})
    scene.strategy._trader._limits = scene.strategy._evaluation._limits = LimitsInForce(Limits())
    scene.feed(60, WIDE_HL)
    scene.run()
    assert {order.status for order in scene.orders()} == {OrderStatus.DENIED}
    assert len(scene.orders()) == len(scene.pairs) > 0
    states = {leg.client_order_id: (leg.state, leg.reason.split(":")[0]) for leg in scene.legs}
    assert sorted(set(states.values())) == [(LegState.REJECTED, "POSITION_LIMIT"), (LegState.REJECTED, "WITHHELD")]
    assert scene.strategy.is_flat


def test_client_order_ids_are_unique_and_short_enough() -> None:
    scene = Scene(settings={"cooldown_secs": 1.0})

    def alternating(now: int) -> str:
        return "0.0001" if now // 20 % 2 == 0 else "-0.0001"

    scene.feed(400, {HYPERLIQUID: alternating, PARADEX: lambda _second: "0.0001"})
    scene.run()
    keys = [order.client_order_id.value for order in scene.orders()]
    assert len(keys) == len(set(keys)) > 20
    assert all(len(key) <= 36 and key.replace("-", "").isalnum() for key in keys)
    assert scene.strategy.cycles_completed >= 10
    exits = [pair for pair in scene.pairs if pair.intent is Intent.CLOSE]
    assert len(exits) <= scene.strategy.cycles_completed + 1, "an exit is sent once"


def test_two_runs_over_the_same_data_are_the_same() -> None:
    def run() -> list[tuple[str, str]]:
        scene = Scene()
        scene.feed(120, {HYPERLIQUID: until(60, "0.0001", "0"), PARADEX: lambda _second: "0.0001"})
        scene.run()
        return [(order.client_order_id.value, str(order.avg_px)) for order in scene.orders()]

    assert run() == run() != []


def say(scene: Scene, state: VenueState, channel: str = "private") -> None:
    status = VenueStatus(venue="PARADEX", channel=channel, state=state, detail="", ts_ns=0)
    scene.engine.kernel.msgbus.publish(topic=topics.VENUE_STATUS, msg=status)


def test_a_strategy_asked_to_finish_opens_nothing_and_leaves_a_pair_open() -> None:
    before, during = Scene(), Scene()
    before.feed(60, WIDE_HL)
    before.at(0.2, before.strategy.request_finish)
    before.run()
    assert before.orders() == []
    assert actions(before)[-1] == (Action.HOLD, "STOPPING")
    during.feed(80, {HYPERLIQUID: until(40, "0.0001", "0.0000125"), PARADEX: lambda _second: "0.0001"})
    during.at(30, during.strategy.request_finish)
    during.run()
    assert [pair.intent for pair in during.pairs] == [Intent.OPEN]
    assert during.net(HYPERLIQUID) == -during.net(PARADEX) < 0
    assert during.strategy.is_settled
    assert not during.strategy.is_flat


def test_a_leg_alone_is_repaired_while_finishing_and_nothing_is_settled_before() -> None:
    scene = Scene()
    scene.feed(60, NARROW)
    settled: list[bool] = []
    scene.at(1.1, lambda: trade(scene, HYPERLIQUID, OrderSide.SELL, "100"))
    scene.at(1.2, scene.strategy.request_finish)
    scene.at(1.3, lambda: settled.append(scene.strategy.is_settled))
    scene.run()
    assert settled == [False], "no order is under way, and yet a leg stands alone"
    assert scene.strategy.is_settled
    assert scene.net(HYPERLIQUID) == 0


def test_a_flatten_touches_neither_leg_while_one_venue_is_away() -> None:
    scene = Scene()
    scene.feed(90, WIDE_HL)
    scene.at(30, lambda: say(scene, VenueState.DISCONNECTED))
    scene.at(31, scene.strategy.request_flatten)
    meanwhile: list[Decimal] = []
    scene.at(50, lambda: meanwhile.append(scene.net(HYPERLIQUID) + scene.net(PARADEX)))
    scene.at(50.1, lambda: meanwhile.append(scene.net(HYPERLIQUID)))
    scene.at(60, lambda: say(scene, VenueState.OK))
    scene.run()
    assert meanwhile[0] == 0 > meanwhile[1]
    assert scene.strategy.is_flat
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]


def test_a_pair_can_be_left_but_not_entered_on_degraded_terms() -> None:
    scene = Scene(settings={"cooldown_secs": 3.0})
    narrow_between = {HYPERLIQUID: lambda now: "0.0000125" if 40 <= now < 60 else "0.0001", PARADEX: lambda _second: "0.0001"}
    scene.feed(120, narrow_between)
    scene.at(30, lambda: say(scene, VenueState.DEGRADED, "funding"))
    scene.run()
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert scene.strategy.is_flat
    assert actions(scene)[-1] == (Action.HOLD, "VENUE_BLOCKED PARADEX: funding channel DEGRADED")


def test_an_exit_that_got_stuck_and_was_repaired_is_a_completed_cycle() -> None:
    scene = Scene()
    scene.feed(200, {HYPERLIQUID: until(60, "0.0001", "0.0000125"), PARADEX: lambda _second: "0.0001"})
    refuse_closing_until(scene, PARADEX, 120)
    scene.run()
    kinds = [pair.pair_id.split("-")[1][0] for pair in scene.pairs]
    assert "R" in kinds, "the exit had to give up and leave the rest to a repair"
    assert scene.strategy.is_flat
    assert scene.strategy.cycles_completed == 1


def refuse_closing_until(scene: Scene, venue: Venue, second: int) -> None:
    """Have a venue's reducing orders fail before they are sent."""
    submit = scene.strategy._port.submit

    def refusing(order: LegOrder) -> None:
        if order.venue == venue.value and order.reduce_only and scene.strategy.clock.timestamp_ns() < START_NS + second * 10**9:
            raise ValueError("not now")
        submit(order)

    scene.strategy._port.submit = refusing


def test_a_listener_that_fails_keeps_no_leg_from_being_followed_up() -> None:
    scene = Scene()
    scene.feed(60, WIDE_HL)

    def fail(_message: object) -> None:
        raise BrokenPipeError

    for topic in (topics.SIGNAL, topics.PAIR_ORDER, topics.LEG_UPDATE):
        scene.engine.kernel.msgbus.subscribe(topic=topic, handler=fail)
    scene.run()
    assert scene.net(HYPERLIQUID) == -scene.net(PARADEX) < 0
    assert scene.strategy.is_settled
    assert len(scene.orders()) == 2


def test_an_evaluation_that_fails_is_not_the_last_one() -> None:
    scene = Scene()
    scene.feed(60, WIDE_HL)
    read, failed = scene.strategy._reader.venue_view, []

    def read_badly(instrument_id: InstrumentId, blocked: str | None, now_ns: int) -> VenueView:
        if now_ns < START_NS + 20 * 10**9:
            failed.append(now_ns)
            raise ArithmeticError("a number that is none")
        return read(instrument_id, blocked, now_ns)

    scene.strategy._reader.venue_view = read_badly
    scene.run()
    assert failed
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN]
