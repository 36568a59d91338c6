"""A backtest engine with the gate in front, and a strategy that does what a test says, when it says."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.core.datetime import unix_nanos_to_dt
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.objects import Money
from nautilus_trader.trading.strategy import Strategy

from actors.risk_gate import RiskGate
from backtests.instruments import HYPERLIQUID, PARADEX, instrument_id, perpetual
from messages import AccountHealth, Alert, LimitsChanged, RiskRefused, StateChange, topics
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
        self.equity_usd = Decimal(20_000)  # of each venue

    def on_start(self) -> None:
        self.clock.set_timer("health", timedelta(milliseconds=500), callback=lambda _event: self.report())
        for number, (second, step) in enumerate(self.steps):
            when = unix_nanos_to_dt(START_NS + round(second * SEC))
            self.clock.set_time_alert(f"step-{number}", when, callback=lambda _event, step=step: step())

    def report(self) -> None:
        for venue in (HYPERLIQUID, PARADEX):
            health = AccountHealth(
                venue=venue.value,
                equity_usd=self.equity_usd,
                cash_usd=self.equity_usd,
                free_collateral_usd=self.equity_usd,
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
    """The engine; `others` are built with the limits in force and listen from the start, as in a node."""

    def __init__(
        self,
        strategy: Scripted,
        limits: Limits | None = None,
        *,
        latency_secs: float = 0.0,
        secs: int = 20,
        others: Callable[[LimitsInForce], list[Any]] = lambda _limits: [],
    ) -> None:
        self.strategy, self.limits = strategy, LimitsInForce(limits or Limits())
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
            stamps = [START_NS + second * SEC for second in range(secs)]
            self.engine.add_data([QuoteTick(instrument.id, bid, ask, size, size, ts, ts) for ts in stamps])
        self.gate = RiskGate(self.engine.kernel.risk_engine, self.engine.kernel.exec_engine, self.limits)
        self.refused: list[RiskRefused] = []
        self.states: list[StateChange] = []
        self.changes: list[LimitsChanged] = []
        self.alerts: list[Alert] = []
        for topic, kept in (
            (topics.RISK_REFUSED, self.refused),
            (topics.TRADING_STATE, self.states),
            (topics.LIMITS_CHANGED, self.changes),
            (topics.ALERT, self.alerts),
        ):
            self.engine.kernel.msgbus.subscribe(topic=topic, handler=kept.append)
        for actor in (self.gate, *others(self.limits)):
            self.engine.add_actor(actor)
            if hasattr(actor, "listen"):
                actor.listen()
        self.engine.add_strategy(strategy)

    def run(self, *steps: tuple[float, Callable[[], Any]]) -> list[Any]:
        self.strategy.steps = list(steps)
        self.engine.run()
        return sorted(self.engine.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id.value))

    def net(self) -> Decimal:
        positions = self.engine.cache.positions_open(instrument_id=HL)
        return sum((position.signed_decimal_qty() for position in positions), Decimal(0))
