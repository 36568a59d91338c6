"""A backtest of two venues and one asset, with the account reports a real venue would send."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig, LoggingConfig
from nautilus_trader.core.datetime import unix_nanos_to_dt
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Money

from actors.risk_gate import RiskGate
from backtests.instruments import HYPERLIQUID, PARADEX, instrument_id, perpetual
from messages import AccountHealth, LegUpdate, PairOrder, PositionHealth, RiskRefused, Signal, topics
from risk.in_force import LimitsInForce
from risk.limits import Limits
from strategies.arb_config import FundingArbConfig
from strategies.funding_arb import FundingArbStrategy
from strategies.signals import SignalMode

SEC = 1_000_000_000
START_NS = 1_750_000_000 * SEC


class Reporter(Actor):
    """Publishes each venue's account once a second, as the execution clients do."""

    def __init__(self, venues: tuple[Venue, ...]) -> None:
        super().__init__(ActorConfig(component_id="REPORTER"))
        self._venues = venues
        self.silent = False
        self.phantoms: tuple[PositionHealth, ...] = ()  # positions that only the venues know of

    def on_start(self) -> None:
        self.clock.set_timer("report", timedelta(seconds=1), callback=lambda _event: self._report())

    def _report(self) -> None:
        for venue in self._venues:
            account = self.portfolio.account(venue)
            if self.silent or account is None:
                continue
            equity = account.balance_total(USDC).as_decimal()
            positions = tuple(
                PositionHealth(
                    instrument_id=position.instrument_id.value,
                    quantity=position.signed_decimal_qty(),
                    entry_price_usd=Decimal(str(position.avg_px_open)),
                    unrealized_pnl_usd=Decimal(0),
                    liquidation_price_usd=None,
                )
                for position in self.cache.positions_open(venue=venue)
            )
            health = AccountHealth(
                venue=venue.value,
                equity_usd=equity,
                cash_usd=equity,
                free_collateral_usd=account.balance_free(USDC).as_decimal(),
                initial_margin_usd=Decimal(0),
                maintenance_margin_usd=Decimal(0),
                positions=positions + self.phantoms,
                ts_event_ns=self.clock.timestamp_ns(),
            )
            self.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health)


class Scene:
    """One asset on both venues; quotes every second, funding every ten, from functions of the second."""

    def __init__(
        self,
        *,
        asset: str = "HYPE",
        limits: Limits | None = None,
        with_gate: bool = True,
        balance_usd: int = 20_000,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.asset, self.in_force = asset, LimitsInForce(limits or Limits())
        self.engine = BacktestEngine(BacktestEngineConfig(trader_id="TEST-001", logging=LoggingConfig(bypass_logging=True)))
        for venue in (HYPERLIQUID, PARADEX):
            self.engine.add_venue(
                venue,
                OmsType.NETTING,
                AccountType.MARGIN,
                [Money(balance_usd, USDC)],
                base_currency=USDC,
                default_leverage=Decimal(10),
            )
            self.engine.add_instrument(perpetual(asset, venue))
        self.reporter = Reporter((HYPERLIQUID, PARADEX))
        self.strategy = FundingArbStrategy(
            FundingArbConfig(
                strategy_id="FARB",
                order_id_tag="001",
                assets=(asset,),
                hour_secs=60.0,
                **({"mode": SignalMode.THRESHOLD} | (settings or {})),
            ),
            self.in_force,
        )
        if with_gate:
            self.gate = RiskGate(self.engine.kernel.risk_engine, self.engine.kernel.exec_engine, self.in_force)
            self.engine.add_actor(self.gate)
            self.gate.listen()
        self.engine.add_actor(self.reporter)
        self.engine.add_strategy(self.strategy)
        self.signals: list[Signal] = []
        self.pairs: list[PairOrder] = []
        self.legs: list[LegUpdate] = []
        self.refused: list[RiskRefused] = []
        bus = self.engine.kernel.msgbus
        for topic, sink in (
            (topics.SIGNAL, self.signals),
            (topics.PAIR_ORDER, self.pairs),
            (topics.LEG_UPDATE, self.legs),
            (topics.RISK_REFUSED, self.refused),
        ):
            bus.subscribe(topic=topic, handler=sink.append)

    def id(self, venue: Venue) -> InstrumentId:
        return instrument_id(self.asset, venue)

    def feed(
        self,
        secs: int,
        rates: dict[Venue, Callable[[int], str]],
        *,
        sizes: dict[Venue, Callable[[int], str]] | None = None,
        price: Callable[[int], float] = lambda _second: 40.0,
    ) -> None:
        """Add `secs` seconds of data; rates are per venue period: 1 h on Hyperliquid, 8 h on Paradex."""
        sizes = sizes or {}
        for venue, minutes in ((HYPERLIQUID, 60), (PARADEX, 480)):
            instrument = perpetual(self.asset, venue)
            quotes, funding = [], []
            for second in range(secs):
                ts = START_NS + second * SEC
                size = instrument.make_qty(float(sizes.get(venue, lambda _second: "1000")(second)))
                bid, ask = instrument.make_price(price(second) - 0.001), instrument.make_price(price(second) + 0.001)
                quotes.append(QuoteTick(instrument.id, bid, ask, size, size, ts, ts))
                if second % 10 == 0:
                    funding.append(FundingRateUpdate(instrument.id, Decimal(rates[venue](second)), ts, ts, interval=minutes))
            self.engine.add_data(quotes)
            self.engine.add_data(funding)

    def at(self, second: float, action: Callable[[], None]) -> None:
        """Call `action` at a second of the run."""

        class Caller(Actor):
            def on_start(self) -> None:
                when = unix_nanos_to_dt(START_NS + round(second * SEC))
                self.clock.set_time_alert("call", when, callback=lambda _event: action())

        number = len(self.engine.trader.actors())
        self.engine.add_actor(Caller(ActorConfig(component_id=f"CALLER-{number}")))

    def run(self) -> None:
        self.engine.run()

    def net(self, venue: Venue) -> Decimal:
        positions = self.engine.cache.positions_open(instrument_id=self.id(venue))
        return sum((position.signed_decimal_qty() for position in positions), Decimal(0))

    def orders(self) -> list[Any]:
        return sorted(self.engine.cache.orders(), key=lambda order: order.ts_init)
