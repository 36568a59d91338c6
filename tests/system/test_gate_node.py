"""Every rule and every way round it on a real node: denied with its reason, seen by monitoring, never on a venue's wire."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from gate_scene import ALGORITHM, WIDE, Scene
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrderList
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId

from messages import AccountHealth, Command, PositionHealth, Severity, TradingState, VenueState, VenueStatus, topics

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

BTC_HL, BTC_PDX = Scene.id("BTC", "HYPERLIQUID"), Scene.id("BTC", "PARADEX")
ETH_HL = Scene.id("ETH", "HYPERLIQUID")
SMALL = Decimal(100)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("gate"))
    scene.open()
    sent: list[Any] = []

    def last_words(rogue: Any) -> None:  # actors are stopped by now, the gate among them
        assert scene.gate.is_stopped
        order = rogue.build(BTC_HL, 300_000)
        sent.append(order)
        rogue.submit_order(order)

    scene.rogue.last_words = last_words
    try:
        yield scene
        before = scene.taken()
    finally:
        scene.close()
    (order,) = sent
    assert order.last_event.reason.startswith("POSITION_LIMIT"), "what a strategy sends while it stops"
    assert scene.taken() == before
    assert not scene.has_seen(order)


@pytest.fixture
def scene(node: Scene) -> Iterator[Scene]:
    node.flatten()
    yield node
    node.flatten()


def denied(scene: Scene, reason: str, send: Callable[[], Any], *orders: Any) -> None:
    """Check that all of `orders` end denied for `reason`, that it is counted and told, and that no venue heard of any."""
    taken, told = scene.taken(), len(scene.refused)
    counted = scene.metric("farb_risk_refusals_total", reason=reason)
    denials = sum(scene.metric("farb_orders_total", venue=one.instrument_id.venue.value, outcome="denied") for one in orders[:1])
    send()
    scene.until(lambda: all(order.is_closed for order in orders), f"orders ended: {reason}", 20.0)
    for order in orders:
        assert order.status_string() == "DENIED"
        assert order.last_event.reason.startswith(f"{reason}: "), order.last_event
        assert not scene.has_seen(order)
    assert [one.reason for one in scene.refused[told:]] == [reason]
    assert scene.taken() == taken
    assert scene.metric("farb_risk_refusals_total", reason=reason) == counted + 1
    venue = orders[0].instrument_id.venue.value
    assert scene.metric("farb_orders_total", venue=venue, outcome="denied") == denials + len(orders)


def refused_order(scene: Scene, reason: str, where: InstrumentId = BTC_HL, usd: float = 60, **more: Any) -> None:
    order = scene.rogue.build(where, usd, **more)
    denied(scene, reason, lambda: scene.rogue.submit_order(order), order)


def hold(scene: Scene, where: InstrumentId, usd: float = 60) -> None:
    scene.fill(scene.rogue.build(where, usd))


# The rules.


@pytest.mark.parametrize(
    ("reason", "limits", "usd"),
    [
        ("MARKET_STALE", {"data_age_secs_max": 1e-9}, 60),
        ("ACCOUNT_STALE", {"account_age_secs_max": 1e-9}, 60),
        ("PRICE_DEVIATION", {"price_deviation_bps_max": Decimal(1)}, 60),
        ("INDEX_DEVIATION", {"index_deviation_bps_max": Decimal("0.001")}, 60),
        ("SLIPPAGE_LIMIT", {"slippage_bps_max": Decimal(5)}, 60),
        ("POSITION_LIMIT", {"position_usd_max": Decimal(50)}, 60),
        ("ASSET_DELTA_LIMIT", {"asset_delta_usd_max": Decimal(50)}, 60),
        ("LEVERAGE_LIMIT", {"gross_leverage_max": Decimal("0.001")}, 60),
        ("MARGIN_INSUFFICIENT", {"leverage_max": Decimal("0.002")}, 60),
        ("ALLOCATION_LIMIT", {"allocation_ratio_max": Decimal("0.0001")}, 60),
        ("LIQUIDATION_NEAR", {"liquidation_distance_ratio_min": Decimal(1)}, 30_000),
    ],
)
def test_an_order_beyond_a_limit_is_denied(scene: Scene, reason: str, limits: dict[str, Any], usd: float) -> None:
    scene.tighten(**limits)
    for where in (BTC_HL, BTC_PDX):
        refused_order(scene, reason, where, usd)


@pytest.mark.parametrize(("reason", "where"), [("VENUE_LIMIT", BTC_HL), ("GROSS_LIMIT", BTC_PDX), ("TOTAL_DELTA_LIMIT", BTC_PDX)])
def test_what_is_held_elsewhere_counts(scene: Scene, reason: str, where: InstrumentId) -> None:
    hold(scene, ETH_HL)
    names = {"VENUE_LIMIT": "venue_usd_max", "GROSS_LIMIT": "gross_usd_max", "TOTAL_DELTA_LIMIT": "total_delta_usd_max"}
    lower = {
        "VENUE_LIMIT": {"position_usd_max": SMALL},
        "GROSS_LIMIT": {"position_usd_max": SMALL, "venue_usd_max": SMALL},
        "TOTAL_DELTA_LIMIT": {"asset_delta_usd_max": SMALL},
    }
    scene.tighten(**{names[reason]: SMALL}, **lower[reason])
    refused_order(scene, reason, where)


def test_a_position_without_a_price_keeps_all_others_from_growing(scene: Scene) -> None:
    # Bought by hand, behind the gate: nobody has asked for its quotes.
    sol = scene.cache.instrument(Scene.id("SOL", "HYPERLIQUID"))
    asset = scene.sims.tape.at(0.0, "SOL").oracle_usd
    quantity = sol.make_qty(100 / float(asset))
    factory = scene.rogue.order_factory

    def order(side: OrderSide, factor: float) -> Any:
        price = sol.make_price(round(float(asset) * factor, 1))
        return factory.limit(sol.id, side, quantity, price, TimeInForce.IOC, reduce_only=side == OrderSide.SELL)

    bought = order(OrderSide.BUY, 1.03)
    scene.node.kernel.exec_engine.execute(scene.rogue.command(bought))
    scene.until(lambda: bought.is_closed, "bought by hand")
    assert bought.status_string() == "FILLED", bought.last_event
    refused_order(scene, "POSITION_UNPRICED")
    scene.fill(order(OrderSide.SELL, 0.97))  # closing it is possible


def test_a_market_without_quotes_is_not_traded(scene: Scene) -> None:
    sol = scene.cache.instrument(Scene.id("SOL", "PARADEX"))
    order = scene.rogue.order_factory.limit(sol.id, OrderSide.BUY, sol.make_qty(1), sol.make_price(100), TimeInForce.IOC)
    denied(scene, "MARKET_UNKNOWN", lambda: scene.rogue.submit_order(order), order)


def test_an_account_that_has_not_reported_is_not_traded_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    known = scene.gate._reports.accounts()
    monkeypatch.setattr(scene.gate._reports, "accounts", lambda: {"PARADEX": known["PARADEX"]})
    refused_order(scene, "ACCOUNT_UNKNOWN", BTC_HL)


def test_a_price_no_other_venue_confirms_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    read = scene.gate._reader.snapshot

    def alone(*args: Any, **more: Any) -> Any:
        found = read(*args, **more)
        markets = {key: market for key, market in found.markets.items() if market.venue == "HYPERLIQUID"}
        return type(found)(**{name: getattr(found, name) for name in found.__struct_fields__} | {"markets": markets})

    monkeypatch.setattr(scene.gate._reader, "snapshot", alone)
    refused_order(scene, "PRICE_UNVERIFIED", BTC_HL)


def test_a_blocked_venue_takes_no_new_risk(scene: Scene) -> None:
    def say(state: VenueState) -> None:
        status = VenueStatus(venue="HYPERLIQUID", channel="test", state=state, detail="told so", ts_ns=time.time_ns())
        scene.bus.publish(topic=topics.VENUE_STATUS, msg=status)

    say(VenueState.MAINTENANCE)
    refused_order(scene, "VENUE_BLOCKED", BTC_HL)
    say(VenueState.OK)
    hold(scene, BTC_HL)


def test_a_liquidation_price_near_the_market_keeps_a_venue_from_being_added_to(scene: Scene) -> None:
    mid = Decimal(str(scene.cache.quote_tick(BTC_HL).bid_price))
    position = PositionHealth(
        instrument_id=BTC_HL.value,
        quantity=Decimal(1),
        entry_price_usd=mid,
        unrealized_pnl_usd=Decimal(0),
        liquidation_price_usd=mid * Decimal("0.995"),
    )
    equity = Decimal(20_000)
    health = AccountHealth(
        venue="HYPERLIQUID",
        equity_usd=equity,
        cash_usd=equity,
        free_collateral_usd=equity,
        initial_margin_usd=Decimal(0),
        maintenance_margin_usd=Decimal(0),
        positions=(position,),
        ts_event_ns=time.time_ns(),
    )
    order = scene.rogue.build(BTC_HL, 60)

    def send() -> None:
        scene.bus.publish(topic=topics.ACCOUNT_HEALTH, msg=health)
        scene.rogue.submit_order(order)

    denied(scene, "LIQUIDATION_PRICE_NEAR", send, order)
    scene.until(lambda: scene.gate._reports.accounts()["HYPERLIQUID"].ts_ns > health.ts_event_ns, "the venue's own report")


def test_more_orders_than_a_minutes_budget_are_refused(scene: Scene) -> None:
    hold(scene, BTC_PDX)
    scene.tighten(orders_per_minute_max=1)
    refused_order(scene, "ORDER_RATE", BTC_PDX)


def test_a_price_of_nothing_is_refused(scene: Scene) -> None:
    bitcoin = scene.cache.instrument(BTC_HL)
    order = scene.rogue.order_factory.limit(BTC_HL, OrderSide.BUY, bitcoin.make_qty(1), bitcoin.make_price(0), TimeInForce.IOC)
    denied(scene, "ORDER_INSANE", lambda: scene.rogue.submit_order(order), order)


# The limits file.


def test_a_limits_file_replaced_while_the_node_trades_is_in_force_at_once_and_shown(scene: Scene) -> None:
    started = scene.limits.hash
    hold(scene, BTC_HL)
    scene.write_limits(msgspec.structs.replace(WIDE, position_usd_max=Decimal(50)))
    scene.until(lambda: scene.limits.hash != started, "the new limits")
    refused_order(scene, "POSITION_LIMIT", BTC_PDX)
    assert scene.metric("farb_limits_info", hash=scene.limits.hash) == 1
    assert scene.metric("farb_limits_info", hash=started) == 0
    assert scene.metric("farb_limit", name="position_usd_max") == 50
    assert scene.metric("farb_limits_changed_timestamp_seconds") == pytest.approx(time.time(), abs=120)
    for name, limits, end in (
        ("LimitsInvalid", WIDE, "unheard_of = 1"),
        ("LimitsNeedRestart", msgspec.structs.replace(WIDE, leverage_max=Decimal(99)), ""),
    ):
        before, counted, told = scene.limits.hash, scene.metric("farb_alerts_total", name=name), len(scene.alerts)
        scene.write_limits(limits, end)
        scene.until(lambda told=told: len(scene.alerts) > told, name)
        assert [alert.name for alert in scene.alerts[told:]] == [name]
        assert scene.metric("farb_alerts_total", name=name) == counted + 1
        assert scene.limits.hash == before
    scene.write_limits(WIDE)
    scene.until(lambda: scene.limits.hash == started, "the old limits again")
    hold(scene, BTC_PDX)


# The states.


@pytest.mark.parametrize(
    ("command", "state"), [(Command.PAUSE, TradingState.REDUCE_ONLY), (Command.FLATTEN, TradingState.CLOSE_ONLY)]
)
def test_an_operators_state_keeps_orders_from_adding_and_lets_them_reduce(
    scene: Scene, command: Command, state: TradingState
) -> None:
    hold(scene, BTC_PDX)
    scene.operate(command)
    assert scene.states[-1].state is state
    assert scene.states[-1].source == "operator"
    assert scene.metric("farb_trading_state", state=state.value) == 1
    assert scene.metric("farb_trading_state", state="RUNNING") == 0
    assert scene.metric("farb_state_request", source="operator") == state.strictness
    held = scene.net(BTC_PDX)
    quantity = scene.cache.instrument(BTC_PDX).make_qty(held)
    refused_order(scene, f"STATE_{state.value}", BTC_PDX)
    refused_order(scene, f"STATE_{state.value}", BTC_HL)
    refused_order(scene, f"STATE_{state.value}", BTC_PDX, 150, side=OrderSide.SELL)  # would flip
    scene.fill(scene.rogue.build(BTC_PDX, 0, side=OrderSide.SELL, quantity=quantity))
    scene.operate(Command.RESUME)
    assert scene.states[-1].state is TradingState.RUNNING
    hold(scene, BTC_PDX)


def test_a_halt_waits_for_a_naked_leg_and_then_lets_nothing_but_the_flatten_command_through(scene: Scene) -> None:
    hold(scene, BTC_PDX)
    scene.operate(Command.HALT)
    assert scene.states[-1].state is TradingState.CLOSE_ONLY  # a halt would keep the leg from being closed
    held = scene.cache.instrument(BTC_PDX).make_qty(scene.net(BTC_PDX))
    bought = scene.cache.instrument(BTC_HL).make_qty(held.as_decimal())
    scene.operate(Command.RESUME)
    scene.fill(scene.rogue.build(BTC_HL, 0, side=OrderSide.SELL, quantity=bought))
    scene.operate(Command.HALT)
    assert scene.states[-1].state is TradingState.HALTED  # hedged
    assert (scene.alerts[-1].name, scene.alerts[-1].severity) == ("TradingHalted", Severity.CRITICAL)
    assert scene.metric("farb_alerts_total", name="TradingHalted", severity="CRITICAL") >= 1
    refused_order(scene, "HALTED", BTC_PDX, 0, side=OrderSide.SELL, quantity=held, reduce_only=True)
    scene.operate(Command.PAUSE)  # no other command loosens a halt
    assert scene.states[-1].state is TradingState.HALTED
    tag = f"FLATTEN-{scene.operate(Command.FLATTEN).ts_ns}"
    refused_order(scene, "HALTED", BTC_PDX, 0, side=OrderSide.SELL, quantity=held, reduce_only=True, tags=["FLATTEN-1"])
    refused_order(scene, "STATE_HALTED", BTC_PDX, 60, tags=[tag])  # it has to reduce all the same
    scene.fill(scene.rogue.build(BTC_PDX, 0, side=OrderSide.SELL, quantity=held, tags=[tag]))
    scene.fill(scene.rogue.build(BTC_HL, 0, quantity=bought, tags=[tag]))
    scene.until(lambda: scene.states[-1].state is TradingState.HALTED, "halted once flat")


@pytest.mark.parametrize("command", [Command.PAUSE, Command.FLATTEN, Command.HALT])
def test_what_rests_and_would_add_is_taken_back_and_what_reduces_stays(scene: Scene, command: Command) -> None:
    adding = resting(scene)
    hold(scene, BTC_PDX)
    held = scene.cache.instrument(BTC_PDX).make_qty(scene.net(BTC_PDX))
    sell: dict[str, Any] = {"side": OrderSide.SELL, "quantity": held, "away": -0.005, "time_in_force": TimeInForce.GTC}
    reducing = [scene.rogue.build(BTC_PDX, 0, reduce_only=flag, **sell) for flag in (True, False)]
    for order in reducing:
        scene.rogue.submit_order(order)
        scene.until(lambda order=order: order.status_string() == "ACCEPTED", "resting")
    scene.operate(command)
    scene.until(lambda: adding.is_closed, "taken back")
    assert adding.status_string() == "CANCELED"
    assert {order.status_string() for order in reducing} == {"ACCEPTED"}
    for order in reducing:
        scene.rogue.cancel_order(order)  # cancels pass in every state
    scene.until(lambda: all(order.is_closed for order in reducing), "cancelled")
    assert {order.status_string() for order in reducing} == {"CANCELED"}


# The ways round.


def resting(scene: Scene, usd: float = 60) -> Any:
    order = scene.rogue.build(BTC_HL, usd, away=-0.005, time_in_force=TimeInForce.GTC, post_only=True)
    scene.rogue.submit_order(order)
    scene.until(lambda: order.status_string() == "ACCEPTED", "resting")
    return order


TOO_MUCH = 300_000


def test_the_risk_engines_endpoint_is_guarded(scene: Scene) -> None:
    order = scene.rogue.build(BTC_HL, TOO_MUCH)
    denied(scene, "POSITION_LIMIT", lambda: scene.bus.send("RiskEngine.execute", scene.rogue.command(order)), order)


@pytest.mark.parametrize("usd", [60, TOO_MUCH])
def test_the_execution_engines_endpoint_takes_nothing_without_a_permit(scene: Scene, usd: float) -> None:
    order = scene.rogue.build(BTC_PDX, usd)
    denied(scene, "NO_PERMIT", lambda: scene.bus.send("ExecEngine.execute", scene.rogue.command(order)), order)


def test_an_order_list_is_refused_whole_by_both_doors(scene: Scene) -> None:
    def command() -> tuple[SubmitOrderList, list[Any]]:
        orders = [scene.rogue.build(BTC_HL, usd) for usd in (60, TOO_MUCH)]
        several = scene.rogue.order_factory.create_list(orders)
        rogue = scene.rogue
        return SubmitOrderList(rogue.trader_id, rogue.id, several, UUID4(), rogue.clock.timestamp_ns()), orders

    submit, orders = command()
    denied(scene, "POSITION_LIMIT", lambda: scene.bus.send("RiskEngine.execute", submit), *orders)
    submit, orders = command()
    denied(scene, "NO_PERMIT", lambda: scene.bus.send("ExecEngine.execute", submit), *orders)
    orders = [scene.rogue.build(BTC_HL, 60) for _ in range(2)]
    scene.rogue.submit_order_list(scene.rogue.order_factory.create_list(orders))
    scene.until(lambda: all(order.is_closed for order in orders), "a list within the limits is filled")
    assert {order.status_string() for order in orders} == {"FILLED"}


def test_an_execution_algorithm_is_no_way_round(scene: Scene) -> None:
    scene.spawner.child_quantity = Decimal(4)  # some 300,000 USD
    before = set(scene.cache.orders())
    primary = scene.rogue.build(BTC_HL, 60, exec_algorithm_id=ALGORITHM)
    scene.rogue.submit_order(primary)
    scene.until(lambda: primary.is_closed, "the primary is filled")
    (child,) = set(scene.cache.orders()) - before - {primary}
    assert child.last_event.reason.startswith("POSITION_LIMIT")
    assert not scene.has_seen(child)
    assert primary.status_string() == "FILLED"
    scene.spawner.child_quantity = Decimal(0)
    large = scene.rogue.build(BTC_HL, TOO_MUCH, exec_algorithm_id=ALGORITHM)
    denied(scene, "POSITION_LIMIT", lambda: scene.rogue.submit_order(large), large)


def test_an_emulated_order_is_judged_when_it_is_released(scene: Scene) -> None:
    large = scene.rogue.build(BTC_HL, TOO_MUCH, emulation_trigger=TriggerType.BID_ASK, time_in_force=TimeInForce.GTC)
    key = large.client_order_id
    told, taken = len(scene.refused), scene.taken()
    scene.rogue.submit_order(large)
    scene.until(lambda: scene.cache.order(key).is_closed, "the released order is denied")
    assert scene.cache.order(key).last_event.reason.startswith("POSITION_LIMIT")
    assert [one.reason for one in scene.refused[told:]] == ["POSITION_LIMIT"]
    assert scene.taken() == taken
    small = scene.rogue.build(BTC_HL, 60, emulation_trigger=TriggerType.BID_ASK, time_in_force=TimeInForce.GTC)
    scene.rogue.submit_order(small)
    scene.until(lambda: scene.cache.order(small.client_order_id).is_closed, "one within the limits is filled")
    assert scene.cache.order(small.client_order_id).status_string() == "FILLED"


def test_no_modification_raises_what_an_order_could_not_have_asked_for(scene: Scene) -> None:
    order, rogue = resting(scene), scene.rogue
    large, quantity = scene.cache.instrument(BTC_HL).make_qty(4), order.quantity
    modify = ModifyOrder(
        rogue.trader_id, rogue.id, BTC_HL, order.client_order_id, None, large, None, None, UUID4(), rogue.clock.timestamp_ns()
    )
    for reason, send in (
        ("POSITION_LIMIT", lambda: rogue.modify_order(order, large)),
        ("POSITION_LIMIT", lambda: scene.bus.send("RiskEngine.execute", modify)),
        ("NO_PERMIT", lambda: scene.bus.send("ExecEngine.execute", modify)),
    ):
        refusals, told = len(rogue.refused_changes), len(scene.refused)
        counted = scene.metric("farb_risk_refusals_total", reason=reason)
        send()
        scene.until(lambda before=refusals: len(rogue.refused_changes) > before, f"the modification is refused: {reason}")
        assert rogue.refused_changes[-1].startswith(reason)
        assert [one.reason for one in scene.refused[told:]] == [reason]
        assert scene.metric("farb_risk_refusals_total", reason=reason) == counted + 1
    assert order.quantity == quantity
    more = scene.cache.instrument(BTC_HL).make_qty(quantity.as_decimal() * 2)
    rogue.modify_order(order, more)  # one within the limits reaches the venue
    scene.until(lambda: order.quantity == more, "the venue has taken the larger quantity")
    less = scene.cache.instrument(BTC_HL).make_qty(quantity.as_decimal())
    smaller = ModifyOrder(
        rogue.trader_id, rogue.id, BTC_HL, order.client_order_id, None, less, None, None, UUID4(), rogue.clock.timestamp_ns()
    )
    scene.bus.send("ExecEngine.execute", smaller)  # asking for less needs no permit
    scene.until(lambda: order.quantity == less, "the venue has taken the smaller quantity")


def test_an_order_is_never_sent_twice(scene: Scene) -> None:
    order = scene.rogue.build(BTC_HL, 60)
    scene.rogue.submit_order(order)
    for endpoint in ("RiskEngine.execute", "ExecEngine.execute"):
        scene.bus.send(endpoint, scene.rogue.command(order))  # while it is on its way
    scene.until(lambda: order.is_closed, "filled")
    assert order.status_string() == "FILLED"
    taken, told = scene.taken(), len(scene.refused)
    for endpoint in ("RiskEngine.execute", "ExecEngine.execute"):
        scene.bus.send(endpoint, scene.rogue.command(order))
    assert [one.reason for one in scene.refused[told - 2 :]] == ["ORDER_RESENT"] * 4
    scene.fill(scene.rogue.build(BTC_HL, 60))  # whatever was on its way has arrived by now
    assert scene.taken() == taken + 1


def test_what_the_rules_let_through_is_what_wide_limits_allow(scene: Scene) -> None:
    assert scene.limits.configured == WIDE
    scene.fill(scene.rogue.build(BTC_HL, 60))
    scene.fill(scene.rogue.build(BTC_PDX, 60, side=OrderSide.SELL))
    assert scene.metric("farb_limits_info", hash=scene.limits.hash) == 1
    assert scene.metric("farb_limit", name="position_usd_max") == 200_000
    assert scene.metric("farb_canary_cap_usd") == 200_000
