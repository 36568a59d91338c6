"""One pair, held over two funding hours, in a backtest, on paper and live: the ledger says the same to the cent."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.backtest.data_client import BacktestMarketDataClient
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import FundingRateUpdate, IndexPriceUpdate, MarkPriceUpdate
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    ClientOrderId,
    StrategyId,
    TradeId,
    TraderId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.model.objects import Money
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine

from actors.books import FillRow, VenuePnl
from actors.ledger import Ledger
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.schemas import FundingRow
from adapters.paper.config import PaperExecClientConfig, Settlement
from adapters.paper.execution import PaperExecutionClient
from adapters.paradex.account_feed import AccountFeed
from adapters.paradex.schemas import FundingPaymentRow, Position
from backtests import engine
from backtests.books import snapshot
from backtests.dataset import HOUR_NS
from backtests.instruments import HYPERLIQUID, PARADEX, VENUES, perpetual
from messages import AccountHealth, topics

sys.path.insert(0, str(Path(__file__).parents[1] / "backtests"))
from backtest_fixtures import JITTER_NS, START_NS, dataset, market
from backtest_traders import HoldPair, hold

SETTLED = ["0.0001", "-0.00024", "0.0003"]  # Hyperliquid, per hour, paid at the end of each
CHARGED = ["0.0008", "0.0016", "-0.0024"]  # Paradex, per 8 hours, in force in each
CAPITAL = Decimal(20_000)
PRICE, SIZE = Decimal(50_000), Decimal("0.1")
SEC_NS = 1_000_000_000
OPEN_NS, CLOSE_NS = START_NS + 5 * SEC_NS, START_NS + 2 * HOUR_NS + 5 * SEC_NS
FUNDING = {
    "HYPERLIQUID": -SIZE * PRICE * (Decimal(SETTLED[0]) + Decimal(SETTLED[1])),
    "PARADEX": SIZE * PRICE * (Decimal(CHARGED[0]) * 3595 + Decimal(CHARGED[1]) * 3600 + Decimal(CHARGED[2]) * 5) / 28_800,
}


class Told:
    """What one mode's ledger says in the end."""

    def __init__(self, pnls: list[VenuePnl], fills: list[FillRow], payments: list) -> None:
        self.pnls = {pnl.venue: pnl for pnl in pnls}
        self.fills, self.payments = fills, payments


@pytest.fixture(scope="module")
def backtested() -> Told:
    result = engine.run(dataset(market(SETTLED, CHARGED)), hold("BTC", "0.1", 2 * HOUR_NS), CAPITAL)
    return Told(list(result.venues), list(result.fills), list(result.payments))


def data_of_paper():
    """Books where the backtest has them, and rates as live streams publish them: again and again, before they are due."""
    legs, events = [perpetual("BTC", venue) for venue in VENUES], []
    for second in range(0, 2 * 3600 + 60, 15):
        now_ns = START_NS + second * SEC_NS
        for leg in legs:
            events.append(MarkPriceUpdate(leg.id, leg.make_price(PRICE), now_ns, now_ns))
            events.append(IndexPriceUpdate(leg.id, leg.make_price(PRICE), now_ns, now_ns))
        hour = second // 3600
        boundary = START_NS + (hour + 1) * HOUR_NS
        events.append(FundingRateUpdate(legs[0].id, Decimal(SETTLED[hour]), now_ns, now_ns, 60, boundary))
        events.append(FundingRateUpdate(legs[1].id, Decimal(CHARGED[hour]), now_ns, now_ns, 480))
    for hour in range(3):
        now_ns = START_NS + hour * HOUR_NS + 5 * SEC_NS
        events += [MarkPriceUpdate(leg.id, leg.make_price(PRICE), now_ns, now_ns) for leg in legs]  # a venue's clock is its data
        events += [snapshot(leg, PRICE, now_ns)[0] for leg in legs]
    return sorted(events, key=lambda event: event.ts_init)


@pytest.fixture(scope="module")
def papered() -> Told:
    """Nautilus' engines without a node, so that hours pass at once; clients, settlement and ledger are a paper node's own."""
    clock, loop = TestClock(), asyncio.new_event_loop()
    clock.set_time(START_NS)
    bus, cache = MessageBus(TraderId("PAPER-001"), clock), Cache()
    portfolio = Portfolio(bus, cache, clock)
    data_engine, exec_engine = DataEngine(bus, cache, clock), ExecutionEngine(bus, cache, clock)
    risk_engine = RiskEngine(portfolio, bus, cache, clock)
    kinds = {HYPERLIQUID: Settlement.HOURLY, PARADEX: Settlement.INDEX}
    for venue, kind in kinds.items():
        cache.add_instrument(perpetual("BTC", venue))
        data_engine.register_client(BacktestMarketDataClient(ClientId(venue.value), bus, cache, clock))
        config = PaperExecClientConfig(venue=venue.value, starting_balances=[f"{CAPITAL} USDC"], settlement=kind)
        client = PaperExecutionClient(loop=loop, portfolio=portfolio, msgbus=bus, cache=cache, clock=LiveClock(), config=config)
        exec_engine.register_client(client)
        client.connect()
    ledger, strategy = Ledger(), HoldPair("BTC", SIZE, 2 * HOUR_NS)
    ledger.register_base(portfolio, bus, cache, clock)
    strategy.register(TraderId("PAPER-001"), portfolio, bus, cache, clock)
    ledger.listen()
    for component in (data_engine, risk_engine, exec_engine, ledger, strategy):
        component.start()
    for event in data_of_paper():
        clock.set_time(event.ts_init)
        data_engine.process(event)
    told = Told([ledger.pnl(venue.value) for venue in VENUES], ledger.fills, ledger.payments)
    loop.close()
    return told


def live(fills: list[FillRow], funding: dict[str, Decimal]) -> Told:
    """The venues' own rows through the live adapters' account code; the fills are those of the backtest."""
    clock = TestClock()
    bus, cache = MessageBus(TraderId("LIVE-001"), clock), Cache()
    ledger = Ledger()
    ledger.register_base(Portfolio(bus, cache, clock), bus, cache, clock)
    ledger.listen()
    channel = AccountChannel(
        emit_state=lambda _: None,
        publish_health=lambda _: None,
        publish_payment=lambda payment: bus.publish(topics.FUNDING_PAYMENT, payment),
        tiers=dict,
        now_ns=lambda: CLOSE_NS,
    )
    channel.start(START_NS // 1_000_000 - 1)
    feed = AccountFeed(http=None, emit_state=lambda _: None, publish=bus.publish, now_ns=lambda: CLOSE_NS)
    for venue in VENUES:
        bus.publish(topics.ACCOUNT_HEALTH, report(venue.value, CAPITAL, START_NS))
    ledger.start()
    opening, closing = fills[:2], fills[2:]
    for row in opening:
        bus.publish("events.order.HOLD-001", filled(row))
    feed.on_push(Position(market="BTC-USD-PERP", size=-SIZE, average_entry_price=PRICE, last_updated_at=1, status="OPEN"))
    rows = [
        FundingRow((START_NS + n * HOUR_NS + JITTER_NS) // 1_000_000, "BTC", -SIZE * PRICE * rate, SIZE, rate)
        for n, rate in enumerate(map(Decimal, SETTLED[:2]), start=1)
    ]
    for again in (rows[:1], rows, rows):  # streamed, read again after a reconnect
        channel.funding(again)
    for row in closing:
        bus.publish("events.order.HOLD-001", filled(row))
    touch = FundingPaymentRow(
        id="9", market="BTC-USD-PERP", payment=FUNDING["PARADEX"], fill_id="f", created_at=CLOSE_NS // 1_000_000
    )
    feed.on_push(touch)
    feed.on_push(touch)
    for venue in VENUES:
        cash = CAPITAL + sum(
            (-row.quantity * row.price_usd - row.fee_usd for row in fills if row.venue == venue.value), Decimal(0)
        )
        bus.publish(topics.ACCOUNT_HEALTH, report(venue.value, cash + funding[venue.value], CLOSE_NS + 1))
    return Told([ledger.pnl(venue.value) for venue in VENUES], ledger.fills, ledger.payments)


def report(venue: str, cash_usd: Decimal, ts_ns: int) -> AccountHealth:
    return AccountHealth(
        venue=venue,
        equity_usd=cash_usd,
        cash_usd=cash_usd,
        free_collateral_usd=cash_usd,
        initial_margin_usd=Decimal(0),
        maintenance_margin_usd=Decimal(0),
        positions=(),
        ts_event_ns=ts_ns,
    )


def filled(row: FillRow) -> OrderFilled:
    leg = perpetual("BTC", Venue(row.venue))
    return OrderFilled(
        TraderId("LIVE-001"),
        StrategyId("HOLD-001"),
        leg.id,
        ClientOrderId(row.client_order_id),
        VenueOrderId("1"),
        AccountId(f"{row.venue}-001"),
        TradeId(row.trade_id),
        None,
        OrderSide.BUY if row.quantity > 0 else OrderSide.SELL,
        OrderType.LIMIT,
        leg.make_qty(abs(row.quantity)),
        leg.make_price(row.price_usd),
        USDC,
        Money.from_decimal(row.fee_usd, USDC),
        LiquiditySide.TAKER,
        UUID4(),
        row.ts_event_ns,
        row.ts_event_ns,
    )


@pytest.fixture(scope="module")
def lived(backtested: Told) -> Told:
    return live(backtested.fills, FUNDING)


@pytest.mark.parametrize("venue", ["HYPERLIQUID", "PARADEX"])
def test_price_funding_and_fees_are_the_same_to_the_cent(venue, backtested, papered, lived):
    modes = [mode.pnls[venue] for mode in (backtested, papered, lived)]
    for part in ("price_usd", "funding_usd", "fees_usd", "change_usd"):
        values = {round(getattr(pnl, part), 2) for pnl in modes}
        assert len(values) == 1, (part, values)
    assert all(abs(pnl.residual_usd) < Decimal("0.00001") for pnl in modes)
    assert all(pnl.accrued_funding_usd == 0 for pnl in modes)


@pytest.mark.parametrize("venue", ["HYPERLIQUID", "PARADEX"])
def test_funding_is_what_the_venues_formula_says(venue, backtested, papered, lived):
    for mode in (backtested, papered, lived):
        assert mode.pnls[venue].funding_usd == pytest.approx(FUNDING[venue], abs=Decimal("0.00001"))
        assert abs(FUNDING[venue]) > Decimal("0.1")


@pytest.mark.parametrize("venue", ["HYPERLIQUID", "PARADEX"])
def test_price_pnl_is_what_the_fills_alone_are_worth(venue, backtested, papered, lived):
    for mode in (backtested, papered, lived):
        worth = sum((-row.quantity * row.price_usd for row in mode.fills if row.venue == venue), Decimal(0))
        assert sum(row.quantity for row in mode.fills if row.venue == venue) == 0
        assert mode.pnls[venue].price_usd == worth


def test_every_payment_is_one_message_with_an_id_of_its_own(backtested, papered, lived):
    for mode in (backtested, papered, lived):
        assert [payment.venue for payment in mode.payments].count("HYPERLIQUID") == 2
        assert [payment.venue for payment in mode.payments].count("PARADEX") == 1
        assert len({(payment.venue, payment.payment_id) for payment in mode.payments}) == 3
