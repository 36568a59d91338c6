"""A small backtest both engines can run: one leg long, one short, quotes every 30 minutes, hourly funding."""

from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.core import nautilus_pyo3 as nt
from nautilus_trader.core.nautilus_pyo3 import backtest, trading
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from backtests.instruments import HYPERLIQUID, PARADEX, perpetual

HOUR_NS = 3_600_000_000_000
HALF_NS = HOUR_NS // 2
START_NS = 500_000 * HOUR_NS
LONG = perpetual("BTC", HYPERLIQUID)
SHORT = perpetual("BTC", PARADEX)


def free(instrument: CryptoPerpetual) -> CryptoPerpetual:
    """The same instrument without fees, so that balances show funding alone."""
    values = CryptoPerpetual.to_dict(instrument)
    return CryptoPerpetual.from_dict({**values, "maker_fee": "0", "taker_fee": "0"})


class Outcome(msgspec.Struct, frozen=True):
    """What an engine says of one venue."""

    balance: Decimal
    realized: Decimal
    adjustments: int


def quotes(instrument: CryptoPerpetual, price: str, count: int = 11) -> list[QuoteTick]:
    value, size = Price.from_str(price), Quantity.from_str("100.00000")
    return [
        QuoteTick(instrument.id, value, value, size, size, START_NS + n * HALF_NS, START_NS + n * HALF_NS) for n in range(count)
    ]


def rates(instrument: CryptoPerpetual, values: list[str], names_boundary: bool = True) -> list[FundingRateUpdate]:
    """One rate for each of the boundaries 1, 2, ..: known a quarter of an hour before, or stamped on the hour."""
    updates = []
    for n, value in enumerate(values, start=1):
        boundary = START_NS + n * HOUR_NS
        stamp = boundary - HALF_NS // 2 if names_boundary else boundary
        updates.append(
            FundingRateUpdate(
                instrument.id, Decimal(value), stamp, stamp, interval=60, next_funding_ns=boundary if names_boundary else None
            )
        )
    return updates


def marks(instrument: CryptoPerpetual, price: str) -> list[MarkPriceUpdate]:
    return [MarkPriceUpdate(instrument.id, Price.from_str(price), START_NS, START_NS)]


class OpenPair(Strategy):
    """Buy 1.0 of the first instrument and sell 1.0 of the second once both are quoted, then hold."""

    def __init__(self, instruments: list[CryptoPerpetual], reduce_at_ns: int | None = None) -> None:
        super().__init__(StrategyConfig(strategy_id="HOLD", order_id_tag="001"))
        self.legs = list(zip(instruments, (OrderSide.BUY, OrderSide.SELL), strict=False))
        self.opened = False
        self.reduce_at_ns = reduce_at_ns

    def on_start(self) -> None:
        for instrument, _ in self.legs:
            self.subscribe_quote_ticks(instrument.id)
            self.subscribe_funding_rates(instrument.id)

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        self.reduce(update.ts_event)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if not self.opened and all(self.cache.quote_tick(instrument.id) for instrument, _ in self.legs):
            self.opened = True
            for instrument, side in self.legs:
                self.submit_order(self.order_factory.market(instrument.id, side, Quantity.from_str("1.00000")))
        self.reduce(tick.ts_event)

    def reduce(self, now_ns: int) -> None:
        if self.reduce_at_ns is not None and now_ns >= self.reduce_at_ns:
            self.reduce_at_ns = None
            instrument, side = self.legs[0]
            opposite = OrderSide.SELL if side == OrderSide.BUY else OrderSide.BUY
            self.submit_order(self.order_factory.market(instrument.id, opposite, Quantity.from_str("0.40000")))


def python_engine(
    instruments: list[CryptoPerpetual], data: list[Any], modules: dict[str, list[Any]], **strategy: Any
) -> BacktestEngine:
    """Run the scene on the v1 engine with simulation modules by venue; the caller disposes of the engine."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for instrument in instruments:
        engine.add_venue(
            venue=instrument.id.venue,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            starting_balances=[Money(100_000, USDC)],
            base_currency=USDC,
            default_leverage=Decimal(10),
            modules=modules.get(instrument.id.venue.value, []),
        )
        engine.add_instrument(instrument)
    engine.add_data(data, sort=True)
    engine.add_strategy(OpenPair(instruments, **strategy))
    return engine


def python_outcomes(engine: BacktestEngine) -> dict[str, Outcome]:
    outcomes = {}
    for position in engine.cache.positions():
        account = engine.cache.account_for_venue(position.instrument_id.venue)
        outcomes[position.instrument_id.venue.value] = Outcome(
            account.balance_total(USDC).as_decimal(), position.realized_pnl.as_decimal(), len(position.adjustments)
        )
    return outcomes


class RustOpenPair(trading.Strategy):
    """The same strategy for the Rust engine."""

    def __new__(cls, *_: Any) -> "RustOpenPair":
        return super().__new__(cls, trading.StrategyConfig(strategy_id=nt.StrategyId("Oracle-000")))

    def __init__(self, long_id: Any, short_id: Any) -> None:
        self.legs, self.opened = ((long_id, nt.OrderSide.BUY), (short_id, nt.OrderSide.SELL)), False

    def on_start(self) -> None:
        for identity, _ in self.legs:
            self.subscribe_quotes(identity)

    def on_quote(self, _quote: Any) -> None:
        if not self.opened and all(self.cache.quote(identity) for identity, _ in self.legs):
            self.opened = True
            for identity, side in self.legs:
                self.submit_order(self.order_factory.market(identity, side, nt.Quantity.from_str("1.00000")))


def rust_outcomes(
    instruments: list[CryptoPerpetual],
    ticks: list[list[QuoteTick]],
    funding: list[FundingRateUpdate],
    mark_prices: list[list[MarkPriceUpdate]],
) -> dict[str, Outcome]:
    """Run the scene on the Rust engine, which settles funding natively. Each inner list is of one instrument."""
    engine = backtest.BacktestEngine(backtest.BacktestEngineConfig(bypass_logging=True))
    converted = [nt.CryptoPerpetual.from_dict(CryptoPerpetual.to_dict(instrument)) for instrument in instruments]
    for instrument in converted:
        engine.add_venue(
            venue=instrument.id.venue,
            oms_type=nt.OmsType.NETTING,
            account_type=nt.AccountType.MARGIN,
            starting_balances=[nt.Money.from_str("100000 USDC")],
            book_type=nt.BookType.L1_MBP,
            base_currency=nt.Currency.from_str("USDC"),
            default_leverage=Decimal(10),
        )
        engine.add_instrument(instrument)
    for one_instrument in ticks:
        engine.add_data(QuoteTick.to_pyo3_list(one_instrument))
    for one_instrument in mark_prices:
        engine.add_data(MarkPriceUpdate.to_pyo3_list(one_instrument))
    engine.add_data([_rust_rate(update) for update in funding])
    engine.add_strategy(RustOpenPair(converted[0].id, converted[1].id))
    engine.run()
    usdc = nt.Currency.from_str("USDC")
    return {
        str(position.instrument_id.venue): Outcome(
            engine.cache.account_for_venue(position.instrument_id.venue).balance_total(usdc).as_decimal(),
            position.realized_pnl.as_decimal(),
            len(position.adjustments()),
        )
        for position in engine.cache.positions()
    }


def _rust_rate(update: FundingRateUpdate) -> Any:
    return nt.FundingRateUpdate(
        nt.InstrumentId.from_str(str(update.instrument_id)),
        update.rate,
        update.ts_event,
        update.ts_init,
        interval=update.interval,
        next_funding_ns=update.next_funding_ns,
    )
