"""Nautilus' data cases D01-D72: what the venues publish, and what they have published."""
# ruff: noqa: N802 - cases are named as Nautilus names them

import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from harness import Stage, eventually, next_tag
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BarType, OrderBookDelta, OrderBookDeltas
from nautilus_trader.model.enums import AggressorSide, BookAction, BookType, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.test_kit.strategies.tester_data import DataTester, DataTesterConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERIODS_MINS = {"HYPERLIQUID": 60, "PARADEX": 480}
SKEW_NS = 1_000_000_000


class Listener(DataTester):
    """Nautilus' tester, remembering what it is called with beside the bus."""

    def __init__(self, config: DataTesterConfig) -> None:
        super().__init__(config)
        self.past: list[Any] = []
        self.instruments: list[Any] = []
        self.books: list[OrderBook] = []

    def on_historical_data(self, data: Any) -> None:
        """Keep what was requested, one by one."""
        self.past += data if isinstance(data, list) else [data]

    def on_instruments(self, instruments: list[Any]) -> None:
        """Keep requested instruments."""
        self.instruments += instruments

    def on_instrument(self, instrument: Any) -> None:
        """Keep a subscribed instrument."""
        self.instruments.append(instrument)

    def on_order_book(self, order_book: OrderBook) -> None:
        """Keep books that come at intervals."""
        self.books.append(order_book)


def listen(stage: Stage, **settings: Any) -> Listener:
    stage.bus.data.clear()
    config = DataTesterConfig(
        component_id=f"LISTENER-{next_tag()}", instrument_ids=[stage.instrument_id], log_data=False, **settings
    )
    return stage.enter(Listener(config))


async def hear(stage: Stage, kind: str, number: int = 2) -> list[Any]:
    """Return data of one type, all of the instrument and stamped in nanoseconds of the present."""
    await eventually(lambda: len(stage.bus.of(kind)) >= number, 15.0)
    found = list(stage.bus.of(kind))
    for item in found:
        assert item.instrument_id == stage.instrument_id
        assert abs(item.ts_event - time.time_ns()) < 60 * 10**9
        assert item.ts_event <= item.ts_init + SKEW_NS
    return found


def client(stage: Stage) -> LiveMarketDataClient:
    return stage.node.kernel.data_engine._clients[ClientId(stage.door.client_id)]


def check_book(book: OrderBook) -> None:
    bids, asks = ([level.price for level in levels] for levels in (book.bids(), book.asks()))
    assert len(bids) >= 3
    assert len(asks) >= 3
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


def check_instrument(instrument: Any, stage: Stage) -> None:
    assert isinstance(instrument, CryptoPerpetual)
    assert instrument.id.venue == stage.instrument_id.venue
    assert instrument.quote_currency.code == instrument.settlement_currency.code == "USDC"
    assert not instrument.is_inverse
    assert 0 < instrument.margin_maint < instrument.margin_init < 1
    assert instrument.price_increment > 0
    assert instrument.size_increment > 0


async def test_D01_request_instruments(stage: Stage):
    tester = listen(stage, request_instruments=True)
    await eventually(lambda: len(tester.instruments) + len(tester.past) >= 2)
    found = {instrument.id.symbol.value: instrument for instrument in (*tester.instruments, *tester.past)}
    assert set(found) == {"BTC-USD-PERP", "ETH-USD-PERP"}
    for instrument in found.values():
        check_instrument(instrument, stage)


async def test_D02_subscribe_instrument(stage: Stage):
    tester = listen(stage, subscribe_instrument=True)
    await eventually(lambda: tester.instruments)
    assert {instrument.id for instrument in tester.instruments} == {stage.instrument_id}
    check_instrument(tester.instruments[0], stage)


async def test_D03_load_an_instrument_by_its_id(stage: Stage):
    provider = client(stage)._instrument_provider
    await provider.load_ids_async([stage.instrument_id])
    check_instrument(provider.find(stage.instrument_id), stage)
    tester = listen(stage)
    tester.request_instrument(stage.instrument_id)
    await eventually(lambda: tester.instruments or tester.past)
    check_instrument([*tester.instruments, *tester.past][0], stage)


async def test_D10_book_deltas(stage: Stage):
    """The stream begins with a whole book, every event is closed, and applied in order it gives a sound book."""
    listen(stage, subscribe_book_deltas=True)
    found: list[OrderBookDeltas] = await hear(stage, "OrderBookDeltas", 4)
    assert found[0].is_snapshot
    assert found[0].deltas[0].action == BookAction.CLEAR
    book = OrderBook(stage.instrument_id, BookType.L2_MBP)
    for deltas in found:
        last: OrderBookDelta = deltas.deltas[-1]
        assert last.flags & RecordFlag.F_LAST
        assert not any(delta.flags & RecordFlag.F_LAST for delta in deltas.deltas[:-1])
        book.apply_deltas(deltas)
        check_book(book)
    assert {delta.order.side for delta in found[0].deltas[1:]} == {OrderSide.BUY, OrderSide.SELL}


async def test_D11_book_at_interval(stage: Stage):
    tester = listen(stage, subscribe_book_at_interval=True, book_depth=10, book_interval_ms=300)
    await eventually(lambda: len(tester.books) >= 3)
    check_book(tester.books[-1])


async def test_D12_book_depth(stage: Stage):
    listen(stage, subscribe_book_depth=True, book_depth=10)
    for depth in await hear(stage, "OrderBookDepth10"):
        bids, asks = ([float(order.price) for order in orders if order.size > 0] for orders in (depth.bids, depth.asks))
        assert 3 <= len(bids) <= 10
        assert 3 <= len(asks) <= 10
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]


async def test_D13_book_snapshot_on_request(stage: Stage):
    tester = listen(stage, request_book_snapshot=True, book_depth=10)
    await eventually(lambda: tester.past)
    book = OrderBook(stage.instrument_id, BookType.L2_MBP)
    for item in tester.past:
        if isinstance(item, OrderBookDeltas):
            book.apply_deltas(item)
        else:
            book.apply_delta(item)
    check_book(book)


async def test_D14_managed_book(stage: Stage):
    tester = listen(stage, subscribe_book_deltas=True, manage_book=True)
    await hear(stage, "OrderBookDeltas", 3)
    mine, theirs = tester._books[stage.instrument_id], stage.cache.order_book(stage.instrument_id)
    check_book(mine)
    check_book(theirs)
    assert mine.best_bid_price() == theirs.best_bid_price()
    stage.tape.factor = Decimal("1.001")
    await eventually(lambda: mine.best_bid_price() > stage.tape.at(0, "BTC").oracle_usd * Decimal("0.9998"))
    check_book(mine)


async def test_D20_quotes(stage: Stage):
    listen(stage, subscribe_quotes=True)
    for quote in await hear(stage, "QuoteTick", 3):
        assert quote.bid_price < quote.ask_price
        assert quote.bid_size > 0
        assert quote.ask_size > 0
    assert stage.cache.quote_tick(stage.instrument_id) is not None


async def test_D30_trades(stage: Stage):
    listen(stage, subscribe_trades=True)
    trades = await hear(stage, "TradeTick", 2)
    for trade in trades:
        assert trade.size > 0
        assert trade.aggressor_side in (AggressorSide.BUYER, AggressorSide.SELLER)
    assert len({trade.trade_id for trade in trades}) == len(trades)


async def test_D31_trades_on_request(stage: Stage):
    listen(stage, subscribe_trades=True)
    await hear(stage, "TradeTick", 3)
    tester = listen(stage, request_trades=True)
    await eventually(lambda: len(tester.past) >= 3)
    assert {type(trade).__name__ for trade in tester.past} == {"TradeTick"}
    assert all(trade.size > 0 and trade.instrument_id == stage.instrument_id for trade in tester.past)
    assert all(first.ts_event <= second.ts_event for first, second in pairwise(tester.past))
    assert len({trade.trade_id for trade in tester.past}) == len(tester.past)


def offers(stage: Stage, method: str) -> None:
    """Skip what is optional and not offered."""
    if getattr(type(client(stage)), method) is getattr(LiveMarketDataClient, method):
        pytest.skip(f"optional, and not offered by the adapter: {method}")


def check_bar(bar: Any) -> None:
    assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    assert bar.volume >= 0


def minute_bars(stage: Stage) -> BarType:
    return BarType.from_str(f"{stage.instrument_id}-1-MINUTE-LAST-EXTERNAL")


async def test_D40_bars(stage: Stage):
    """A bar is told when its minute is over; what is checked here is that the stream is asked for, and left."""
    offers(stage, "_subscribe_bars")
    tester = listen(stage, subscribe_bars=True, bar_types=[minute_bars(stage)])
    await eventually(lambda: not stage.is_silent())
    await stage.settle(0.5)
    for bar in stage.bus.of("Bar"):
        check_bar(bar)
    stage.leave(tester)
    await eventually(stage.is_silent)


async def test_D41_bars_on_request(stage: Stage):
    offers(stage, "_request_bars")
    listen(stage, subscribe_trades=True)
    await hear(stage, "TradeTick", 1)
    tester = listen(stage, request_bars=True, bar_types=[minute_bars(stage)])
    await eventually(lambda: tester.past)
    for bar in tester.past:
        check_bar(bar)
        assert bar.bar_type == minute_bars(stage)
    assert all(first.ts_event < second.ts_event for first, second in pairwise(tester.past))


async def test_D50_mark_prices(stage: Stage):
    listen(stage, subscribe_mark_prices=True)
    for mark in await hear(stage, "MarkPriceUpdate"):
        assert abs(mark.value.as_decimal() / stage.tape.at(0, "BTC").oracle_usd - 1) < Decimal("0.005")
    assert stage.bus.of("IndexPriceUpdate") == [] or stage.door.client_id == "PARADEX"  # there one message carries both
    assert stage.cache.mark_price(stage.instrument_id) is not None


async def test_D51_index_prices(stage: Stage):
    listen(stage, subscribe_index_prices=True)
    for index in await hear(stage, "IndexPriceUpdate"):
        assert abs(index.value.as_decimal() / stage.tape.at(0, "BTC").oracle_usd - 1) < Decimal("0.005")


async def test_D52_funding_rates(stage: Stage):
    listen(stage, subscribe_funding_rates=True)
    for update in await hear(stage, "FundingRateUpdate"):
        assert update.interval == PERIODS_MINS[stage.door.client_id]
        assert isinstance(update.rate, Decimal)
        assert Decimal(0) < update.rate * (60 * 8) / update.interval < Decimal("0.001")  # a calm market pays 0.01 % in 8 hours
    assert stage.cache.funding_rate(stage.instrument_id) is not None


async def test_D53_funding_rates_on_request(stage: Stage):
    tester = listen(stage, request_funding_rates=True)
    await eventually(lambda: len(tester.past) >= 2, 30.0)
    assert {update.interval for update in tester.past} == {PERIODS_MINS[stage.door.client_id]}
    assert all(isinstance(update.rate, Decimal) for update in tester.past)
    assert all(first.ts_event < second.ts_event for first, second in pairwise(tester.past))
    assert all(update.ts_event <= time.time_ns() for update in tester.past)


EVERYTHING = {
    "subscribe_instrument": True,
    "subscribe_book_deltas": True,
    "subscribe_quotes": True,
    "subscribe_trades": True,
    "subscribe_mark_prices": True,
    "subscribe_index_prices": True,
    "subscribe_funding_rates": True,
}
STREAMED = {"OrderBookDeltas", "QuoteTick", "TradeTick", "MarkPriceUpdate", "IndexPriceUpdate", "FundingRateUpdate"}


async def test_D70_unsubscribe_on_stop(stage: Stage):
    tester = listen(stage, **EVERYTHING)
    await eventually(lambda: {type(item).__name__ for item in stage.bus.data} >= STREAMED, 15.0)
    assert len(stage.door.public_channels() - stage.door.always) >= 4
    stage.leave(tester)
    await eventually(stage.is_silent)
    await stage.settle(0.3)
    stage.bus.data.clear()
    await stage.settle(0.8)
    assert {type(item).__name__ for item in stage.bus.data} & STREAMED == set()


async def test_D70_one_of_two_leaves(stage: Stage):
    """What somebody still wants goes on when another leaves."""
    staying = listen(stage, subscribe_quotes=True, subscribe_index_prices=True)
    leaving = listen(stage, **EVERYTHING)
    await eventually(lambda: {type(item).__name__ for item in stage.bus.data} >= STREAMED, 15.0)
    stage.leave(leaving)
    await stage.settle(0.5)
    stage.bus.data.clear()
    await eventually(lambda: stage.bus.of("QuoteTick") and stage.bus.of("IndexPriceUpdate"))
    assert staying.is_running
    assert stage.bus.of("OrderBookDeltas") == []


async def test_D71_parameters_of_subscriptions(stage: Stage):
    """Parameters that mean nothing to the venue change nothing."""
    tester = listen(stage, **EVERYTHING, subscribe_params={"note": "for other venues"})
    await eventually(lambda: {type(item).__name__ for item in stage.bus.data} >= STREAMED, 15.0)
    stage.leave(tester)
    await stage.settle(0.3)


async def test_D72_parameters_of_requests(stage: Stage):
    settings = {"request_instruments": True, "request_book_snapshot": True, "request_funding_rates": True}
    tester = listen(stage, **settings, request_params={"note": "x"}, requests_start_delta=pd.Timedelta(minutes=5))
    wanted = {"OrderBookDeltas", "FundingRateUpdate"}
    await eventually(lambda: {type(item).__name__ for item in tester.past} >= wanted, 30.0)
    await eventually(lambda: tester.instruments or any(isinstance(item, CryptoPerpetual) for item in tester.past))
