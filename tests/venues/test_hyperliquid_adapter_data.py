"""Market data of the Hyperliquid clients beyond quotes: books in every form, bars, history, silence."""

import asyncio
import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from hyperliquid_desk import BTC, deaf, deaf_data, eventually, trading, venue
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import Bar, BarType, OrderBookDelta, OrderBookDeltas, OrderBookDepth10, TradeTick
from nautilus_trader.model.enums import BookType, OrderSide, OrderStatus

from adapters.errors import Connectivity
from adapters.hyperliquid.freshness import LIMITS, Limit
from messages import OpenInterest, PredictedFunding, VenueState, topics
from simulators.faults import Fault, FaultKind

MINUTE = BarType.from_str(f"{BTC}-1-MINUTE-LAST-EXTERNAL")


@pytest.fixture
async def sims():
    async with venue() as running:
        yield running


def of(desk, kind):
    return [item for item in desk.heard if isinstance(item, kind)]


async def test_depth10_has_ten_levels_beside_the_fast_book_of_five(sims):
    async with trading(sims.ready) as desk:
        desk.subscribe_order_book_depth(BTC, book_type=BookType.L2_MBP, depth=10)
        depth = (await eventually(lambda: of(desk, OrderBookDepth10)))[-1]
        assert all(order.size.as_double() > 0 for order in (*depth.bids, *depth.asks))
        assert min(depth.bid_counts) >= 1
        assert depth.bids[0].price < depth.asks[0].price
        fast = (await eventually(lambda: of(desk, OrderBookDeltas)))[-1]
        assert len(fast.deltas) == 11  # a clear and five levels a side
        desk.unsubscribe_order_book_depth(BTC)
        await eventually(lambda: ("l2Book", "BTC") not in desk.data_client._wanted)
        assert ("l2Book:fast", "BTC") in desk.data_client._wanted


async def test_a_deep_book_is_the_one_with_twenty_levels(sims):
    async with trading(sims.ready) as desk:
        desk.unsubscribe_order_book_deltas(BTC)
        await eventually(lambda: ("l2Book:fast", "BTC") not in desk.data_client._wanted)
        desk.heard.clear()
        desk.subscribe_order_book_deltas(BTC, depth=20)
        await eventually(lambda: any(len(deltas.deltas) == 41 for deltas in of(desk, OrderBookDeltas)))


async def test_a_book_the_venue_would_hang_up_over_is_not_asked_for(sims):
    async with trading(sims.ready) as desk:
        desk.unsubscribe_order_book_deltas(BTC)
        await eventually(lambda: ("l2Book:fast", "BTC") not in desk.data_client._wanted)
        desk.subscribe_order_book_deltas(BTC, params={"n_sig_figs": 6})
        await asyncio.sleep(0.5)
        assert not [key for key in desk.data_client._wanted if key[0].startswith("l2Book")]
        assert VenueState.DISCONNECTED not in desk.channel_states("public")


async def test_the_book_comes_at_intervals(sims):
    async with trading(sims.ready) as desk:
        desk.subscribe_order_book_at_interval(BTC, book_type=BookType.L2_MBP, interval_ms=100)
        books = await eventually(lambda: (found := of(desk, OrderBook)) and len(found) > 3 and found)
        assert books[-1].best_bid_price() < books[-1].best_ask_price()


async def test_snapshot_and_depth_of_the_book_on_request(sims):
    async with trading(sims.ready) as desk:
        desk.heard.clear()
        desk.request_order_book_snapshot(BTC)
        (snapshot,) = (
            await eventually(lambda: [item for item in desk.history if isinstance(item, OrderBookDeltas | OrderBookDelta)])
        )[:1]
        assert snapshot.is_snapshot
        assert len(snapshot.deltas) == 41
        desk.request_order_book_depth(BTC, desk.clock.utc_now() - timedelta(hours=1), depth=10)
        depth = (await eventually(lambda: [item for item in desk.history if isinstance(item, OrderBookDepth10)]))[-1]
        assert depth.bids[0].price < depth.asks[0].price


async def test_recent_trades_on_request(sims):
    async with trading(sims.ready) as desk:
        await eventually(lambda: of(desk, TradeTick))
        desk.request_trade_ticks(BTC, desk.clock.utc_now() - timedelta(hours=1))
        told = await eventually(lambda: [item for item in desk.history if isinstance(item, TradeTick)])
        assert len({tick.trade_id for tick in told}) == len(told)
        assert [tick.ts_event for tick in told] == sorted(tick.ts_event for tick in told)


async def test_historical_bars_are_complete_and_ordered(sims):
    async with trading(sims.ready) as desk:
        now = desk.clock.utc_now()
        desk.request_bars(MINUTE, now - timedelta(hours=1))
        told = await eventually(lambda: [item for item in desk.history if isinstance(item, Bar)])
        assert [bar.ts_event for bar in told] == sorted({bar.ts_event for bar in told})
        assert all(bar.ts_event <= now.timestamp() * 1e9 + 60e9 for bar in told)


def candle(minute: int, close: str) -> bytes:
    start = minute * 60_000
    data = {
        "t": start,
        "T": start + 59_999,
        "s": "BTC",
        "i": "1m",
        "o": "100",
        "h": "120",
        "l": "90",
        "c": close,
        "v": "2",
        "n": 3,
    }
    return json.dumps({"channel": "candle", "data": data}).encode()


async def test_bars_are_told_when_complete_and_gaps_are_read(sims):
    async with trading(sims.ready) as desk:
        desk.subscribe_bars(MINUTE)
        await eventually(lambda: ("candle:1m", "BTC") in desk.data_client._wanted)
        hear = desk.data_client._connection.on_frame
        with deaf_data(desk, "candle"):  # the venue's own candles, so that only the test's are heard
            running, minute = desk.data_client._running_bars[MINUTE], int(time.time() // 60) + 10
            for frame in (candle(minute, "100"), candle(minute, "101"), candle(minute + 1, "102")):
                hear(frame, True)
            told = await eventually(lambda: of(desk, Bar))
            assert [(bar.ts_event, bar.close.as_decimal()) for bar in told] == [((minute + 1) * 60 * 10**9, Decimal(101))]
            asked = []

            async def between(bar_type, instrument, from_ms, to_ms):
                asked.append((from_ms, to_ms))
                if len(asked) == 1:
                    raise Connectivity("down")
                return told

            desk.data_client._history.bars_between = between
            hear(candle(minute + 4, "103"), True)
            await eventually(lambda: len(of(desk, Bar)) == 2)
            assert asked == [((minute + 1) * 60_000, (minute + 4) * 60_000 - 1)] * 2
            assert running is desk.data_client._running_bars[MINUTE]
        desk.unsubscribe_bars(MINUTE)
        await eventually(lambda: ("candle:1m", "BTC") not in desk.data_client._wanted)


async def test_open_interest_and_predicted_funding_are_published(sims):
    async with trading(sims.ready) as desk:
        heard: list[object] = []
        for topic in (topics.OPEN_INTEREST, topics.PREDICTED_FUNDING):
            desk.msgbus.subscribe(topic, heard.append)
        desk.data_client._open_interest.clear()
        interest = (await eventually(lambda: [item for item in heard if isinstance(item, OpenInterest)]))[0]
        assert (interest.instrument_id, interest.quantity > 0) == (BTC.value, True)
        await desk.data_client._publish_predicted_fundings()
        told = [item for item in heard if isinstance(item, PredictedFunding) and item.source == "HlPerp"]
        assert {item.instrument_id for item in told} == {"BTC-USD-PERP.HYPERLIQUID", "ETH-USD-PERP.HYPERLIQUID"}
        assert all(abs(item.rate_per_hour) < Decimal("0.04") and item.period_hours == 1 for item in told)


async def test_a_silent_stream_is_subscribed_anew_and_only_then_stale(sims, monkeypatch):
    monkeypatch.setitem(LIMITS, "bbo", Limit(0.5, 60.0, 90.0))
    async with trading(sims.ready) as desk:
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="bbo", secs=30.0))
        sent: list[bytes] = []
        send = desk.data_client._connection._socket.send
        desk.data_client._connection._socket.send = lambda message: (sent.append(message), send(message))
        await eventually(lambda: any(b'"unsubscribe"' in message and b'"bbo"' in message for message in sent))
        seen = len(desk.heard)
        await eventually(lambda: len(desk.heard) > seen)
        assert VenueState.STALE not in desk.channel_states("public")


async def test_a_stream_that_stays_silent_is_stale_and_then_reconnected(sims, monkeypatch):
    monkeypatch.setitem(LIMITS, "l2Book:fast", Limit(0.5, 1.0, 3.0))
    async with trading(sims.ready) as desk:
        with deaf_data(desk, "l2Book"):
            await eventually(lambda: VenueState.STALE in desk.channel_states("public"))
            assert "l2Book:fast BTC" in desk.details("public", VenueState.STALE)[-1]
            await eventually(lambda: VenueState.DISCONNECTED in desk.channel_states("public"), 12.0)
        await eventually(lambda: desk.channel_states("public")[-1] == VenueState.OK)


async def test_a_silent_margin_stream_is_stale_and_then_reconnected(sims, monkeypatch):
    monkeypatch.setitem(LIMITS, "clearinghouseState", Limit(1.0, 2.0, 5.0))
    monkeypatch.setattr("adapters.hyperliquid.feed._CHECK_SECS", 0.3)
    async with trading(sims.ready) as desk:
        with deaf(desk, "clearinghouseState"):
            await eventually(lambda: VenueState.STALE in desk.channel_states("private"))
            await eventually(lambda: VenueState.DISCONNECTED in desk.channel_states("private"), 12.0)
        await eventually(lambda: desk.channel_states("private")[-1] == VenueState.OK, 12.0)
        bought = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
