"""The gate in a real engine: native denials, in-flight counting, and no way round it on stop."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.core.datetime import unix_nanos_to_dt
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.objects import Money
from nautilus_trader.trading.strategy import Strategy

from actors.risk_gate import RiskGate
from backtests.instruments import HYPERLIQUID, PARADEX, instrument_id, perpetual
from messages import AccountHealth, RiskRefused, topics
from risk.in_force import LimitsInForce
from risk.limits import Limits

SEC = 1_000_000_000
START_NS = 1_750_000_000 * SEC
HL, PDX = instrument_id("HYPE", HYPERLIQUID), instrument_id("HYPE", PARADEX)


class Scripted(Strategy):
    """Does what a test says, at the seconds it says."""

    def __init__(self, on_stopping: Callable[["Scripted"], None] = lambda _strategy: None) -> None:
        super().__init__(StrategyConfig(strategy_id="SCRIPT", order_id_tag="001"))
        self.steps: list[tuple[float, Callable[[], Any]]] = []
        self.on_stopping = on_stopping
        self.rejected_modifications: list[str] = []

    def on_start(self) -> None:
        self.clock.set_timer("health", timedelta(milliseconds=500), callback=lambda _event: self.report())
        for number, (second, step) in enumerate(self.steps):
            when = unix_nanos_to_dt(START_NS + round(second * SEC))
            self.clock.set_time_alert(f"step-{number}", when, callback=lambda _event, step=step: step())

    def report(self) -> None:
        for venue in (HYPERLIQUID, PARADEX):
            health = AccountHealth(
                venue=venue.value,
                equity_usd=Decimal(20_000),
                cash_usd=Decimal(20_000),
                free_collateral_usd=Decimal(20_000),
                initial_margin_usd=Decimal(0),
                maintenance_margin_usd=Decimal(0),
                positions=(),
                ts_event_ns=self.clock.timestamp_ns(),
            )
            self.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health)

    def on_stop(self) -> None:
        self.on_stopping(self)

    def on_order_modify_rejected(self, event: Any) -> None:
        self.rejected_modifications.append(event.reason)

    def market(self, side: OrderSide, quantity: str, *, reduce_only: bool = False) -> Any:
        instrument = self.cache.instrument(HL)
        order = self.order_factory.market(HL, side, instrument.make_qty(Decimal(quantity)), reduce_only=reduce_only)
        self.submit_order(order)
        return order

    def resting(self, quantity: str) -> Any:
        """Rest a bid half a per cent below the market."""
        instrument = self.cache.instrument(HL)
        price = instrument.make_price(Decimal("39.8"))
        order = self.order_factory.limit(HL, OrderSide.BUY, instrument.make_qty(Decimal(quantity)), price, TimeInForce.GTC)
        self.submit_order(order)
        return order


class Scene:
    def __init__(self, strategy: Scripted, limits: Limits | None = None, latency_secs: float = 0.0) -> None:
        self.strategy = strategy
        self.engine = BacktestEngine(BacktestEngineConfig(trader_id="TEST-001", logging=LoggingConfig(bypass_logging=True)))
        for venue in (HYPERLIQUID, PARADEX):
            self.engine.add_venue(
                venue,
                OmsType.NETTING,
                AccountType.MARGIN,
                [Money(20_000, USDC)],
                base_currency=USDC,
                latency_model=LatencyModel(base_latency_nanos=round(latency_secs * SEC)),
            )
            instrument = perpetual("HYPE", venue)
            self.engine.add_instrument(instrument)
            bid, ask, size = instrument.make_price(39.99), instrument.make_price(40.01), instrument.make_qty(100_000)
            stamps = [START_NS + second * SEC for second in range(20)]
            self.engine.add_data([QuoteTick(instrument.id, bid, ask, size, size, ts, ts) for ts in stamps])
        self.gate = RiskGate(self.engine.kernel.risk_engine, self.engine.kernel.exec_engine, LimitsInForce(limits or Limits()))
        self.engine.add_actor(self.gate)
        self.gate.listen()
        self.engine.add_strategy(strategy)
        self.refused: list[RiskRefused] = []
        self.engine.kernel.msgbus.subscribe(topic=topics.RISK_REFUSED, handler=self.refused.append)

    def run(self, *steps: tuple[float, Callable[[], Any]]) -> list[Any]:
        self.strategy.steps = list(steps)
        self.engine.run()
        return sorted(self.engine.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id.value))

    def net(self) -> Decimal:
        positions = self.engine.cache.positions_open(instrument_id=HL)
        return sum((position.signed_decimal_qty() for position in positions), Decimal(0))


def statuses(orders: list[Any]) -> list[OrderStatus]:
    return [order.status for order in orders]


FILLED, DENIED = OrderStatus.FILLED, OrderStatus.DENIED


def test_an_order_over_the_limit_is_denied_natively_and_told() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "251")))
    assert order.status == DENIED
    assert order.last_event.reason.startswith("POSITION_LIMIT: HYPE-USD-PERP.HYPERLIQUID would reach 10042.51 USD")
    (refused,) = scene.refused
    assert (refused.scope, refused.reason) == (order.client_order_id.value, "POSITION_LIMIT")
    assert (refused.limit, refused.value) == (10_000, Decimal("10042.51"))


def test_what_is_held_counts() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    orders = scene.run(
        (5, lambda: strategy.market(OrderSide.BUY, "200")),
        (6, lambda: strategy.market(OrderSide.BUY, "50")),
        (7, lambda: strategy.market(OrderSide.BUY, "49")),
    )
    assert statuses(orders) == [FILLED, DENIED, FILLED]
    assert scene.net() == 249


@pytest.mark.parametrize("latency_secs", [0.0, 3.0])
def test_orders_in_flight_count_too(latency_secs: float) -> None:
    strategy = Scripted()
    scene = Scene(strategy, latency_secs=latency_secs)

    def three_at_once() -> None:
        for _ in range(3):
            strategy.market(OrderSide.BUY, "100")

    orders = scene.run((5, three_at_once))
    assert sorted(statuses(orders), key=str) == sorted([FILLED, FILLED, DENIED], key=str)
    assert scene.net() == 200


def test_resting_orders_count_until_they_are_gone() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []
    orders = scene.run(
        (5, lambda: resting.append(strategy.resting("200"))),
        (6, lambda: strategy.market(OrderSide.BUY, "100")),
        (7, lambda: strategy.cancel_order(resting[0])),
        (8, lambda: strategy.market(OrderSide.BUY, "100")),
    )
    assert statuses(orders) == [OrderStatus.CANCELED, DENIED, FILLED]


def test_reducing_passes_when_nothing_else_does() -> None:
    strategy = Scripted()
    scene = Scene(strategy)

    def stop_reporting() -> None:
        strategy.clock.cancel_timer("health")

    tight = Limits(account_age_secs_max=1.0)
    scene.gate._limits = LimitsInForce(tight)
    orders = scene.run(
        (3, lambda: strategy.market(OrderSide.BUY, "200")),
        (4, stop_reporting),
        (8, lambda: strategy.market(OrderSide.BUY, "1")),
        (9, lambda: strategy.market(OrderSide.SELL, "50")),
        (10, lambda: strategy.market(OrderSide.SELL, "400")),  # would flip
        (11, lambda: strategy.market(OrderSide.SELL, "400", reduce_only=True)),
    )
    assert statuses(orders) == [FILLED, DENIED, FILLED, DENIED, FILLED]
    assert {refused.reason for refused in scene.refused} == {"ACCOUNT_STALE"}
    assert scene.net() == 0


def test_what_a_strategy_sends_while_it_stops_passes_the_gate_as_well() -> None:
    strategy = Scripted(on_stopping=lambda own: own.market(OrderSide.BUY, "251"))
    scene = Scene(strategy)
    (order,) = scene.run((5, lambda: None))
    assert order.status == DENIED


def test_a_list_is_refused_as_a_whole() -> None:
    strategy = Scripted()
    scene = Scene(strategy)

    def two_in_a_list() -> None:
        quantity = strategy.cache.instrument(HL).make_qty(150)
        orders = [strategy.order_factory.market(HL, OrderSide.BUY, quantity) for _ in range(2)]
        strategy.submit_order_list(strategy.order_factory.create_list(orders))

    assert statuses(scene.run((5, two_in_a_list))) == [DENIED, DENIED]
    assert len(scene.refused) == 1


def test_a_modification_may_not_raise_what_an_order_could_not_have_asked_for() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def resize(quantity: int) -> None:
        strategy.modify_order(resting[0], strategy.cache.instrument(HL).make_qty(quantity))

    (order,) = scene.run((5, lambda: resting.append(strategy.resting("200"))), (6, lambda: resize(260)), (7, lambda: resize(240)))
    assert order.quantity.as_decimal() == 240
    (reason,) = strategy.rejected_modifications
    assert reason.startswith("POSITION_LIMIT")


def test_a_market_order_is_judged_by_the_price_it_would_get() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    scene.gate._limits = LimitsInForce(Limits(price_deviation_bps_max=Decimal(1)))
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "1")))
    assert order.last_event.reason.startswith("PRICE_DEVIATION")


def test_listening_twice_takes_over_once() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    scene.gate.listen()
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "1")))
    assert order.status == FILLED


def test_a_modification_may_not_ask_a_price_that_an_order_could_not() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def reprice(price: float) -> None:
        strategy.modify_order(resting[0], price=strategy.cache.instrument(HL).make_price(price))

    (order,) = scene.run(
        (5, lambda: resting.append(strategy.resting("10"))), (6, lambda: reprice(44)), (7, lambda: reprice(39.9))
    )
    (reason,) = strategy.rejected_modifications
    assert reason.startswith("PRICE_DEVIATION")
    assert order.price.as_double() == 39.9


def test_a_modification_counts_instead_of_the_order_it_replaces() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def reprice() -> None:  # the old order and the new one together would be beyond the limit
        strategy.modify_order(resting[0], price=strategy.cache.instrument(HL).make_price(39.9))

    (order,) = scene.run((5, lambda: resting.append(strategy.resting("200"))), (6, reprice))
    assert strategy.rejected_modifications == []
    assert order.price.as_double() == 39.9
