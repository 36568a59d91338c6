"""Paradex market data inside a trading node: books, funding index, periods, history, both encodings."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from nautilus_trader.model.data import Bar, BarType, OrderBookDeltas, OrderBookDepth10, TradeTick
from nautilus_trader.model.enums import BookAction, OrderSide, OrderStatus
from paradex_desk import BTC, HOUR_SECS, eventually, trading, venue

from adapters.errors import Connectivity
from adapters.paradex import sbe, stream
from adapters.transport.socket import PicowsSocket
from messages import FundingAccrual, FundingIndex, FundingPayment, VenueState
from simulators.faults import Fault, FaultKind

MARKET = "BTC-USD-PERP"


def books(desk) -> list[OrderBookDeltas]:
    return [item for item in desk.heard if isinstance(item, OrderBookDeltas)]


def is_clear(deltas: OrderBookDeltas) -> bool:
    return [delta.action for delta in deltas.deltas] == [BookAction.CLEAR]


def levels(desk) -> tuple[list[tuple[Decimal, Decimal]], ...]:
    book = desk.cache.order_book(BTC)
    sides = (book.bids(), book.asks())
    return tuple([(row.price.as_decimal(), Decimal(str(round(row.size(), 5)))) for row in side] for side in sides)


def venue_levels(sims) -> tuple[list[tuple[Decimal, Decimal]], ...]:
    book = sims.paradex.exchange.markets[MARKET].snapshot()
    return tuple([(row[0], row[1]) for row in side] for side in (book.bids, book.asks))


async def test_the_book_follows_the_venues_level_by_level():
    async with venue() as sims, trading(sims.ready) as desk:
        await eventually(lambda: any(not deltas.is_snapshot for deltas in books(desk)))
        await eventually(lambda: levels(desk) == venue_levels(sims))
        assert len(levels(desk)[0]) > 5


async def test_a_sequence_gap_is_noticed_cleared_and_resynchronised():
    async with venue() as sims, trading(sims.ready) as desk:
        await eventually(lambda: any(not deltas.is_snapshot for deltas in books(desk)))
        sims.paradex.faults.inject(Fault(kind=FaultKind.DROP_DELTA, path=MARKET))
        await eventually(lambda: any(is_clear(deltas) for deltas in books(desk)))
        first = next(number for number, deltas in enumerate(books(desk)) if is_clear(deltas))
        await eventually(lambda: len(books(desk)) > first + 2)
        snapshot = books(desk)[first + 1]
        assert snapshot.is_snapshot
        assert len(snapshot.deltas) > 5
        await eventually(lambda: levels(desk) == venue_levels(sims))


async def test_a_book_whose_channel_falls_silent_is_not_trusted():
    async with venue() as sims, trading(sims.ready, data={"stale_secs": 1.0}) as desk:
        await eventually(lambda: any(not deltas.is_snapshot for deltas in books(desk)))
        sims.paradex.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="order_book", secs=4.0))
        await eventually(lambda: any(is_clear(deltas) for deltas in books(desk)))
        assert desk.cache.order_book(BTC).best_bid_price() is None
        await eventually(lambda: VenueState.STALE in desk.states("public"))
        await eventually(lambda: levels(desk) == venue_levels(sims), 12.0)
        await eventually(lambda: desk.states("public")[-1] == VenueState.OK)


@pytest.mark.parametrize(("version", "is_incremental"), [(None, True), (None, False), (0, True), (2, False)])
async def test_every_encoding_and_both_kinds_of_book_end_alike(version, is_incremental):
    settings = {"sbe_version": version, "is_book_incremental": is_incremental}
    async with venue() as sims, trading(sims.ready, data=settings) as desk:
        wanted = {"QuoteTick", "OrderBookDeltas", "MarkPriceUpdate", "IndexPriceUpdate", "FundingRateUpdate"}
        await eventually(lambda: wanted <= {type(item).__name__ for item in desk.heard})
        await eventually(lambda: len(books(desk)) > 3)
        assert all(deltas.is_snapshot for deltas in books(desk)) != is_incremental
        await eventually(lambda: levels(desk)[0][:5] == venue_levels(sims)[0][:5])


async def test_ten_levels_come_from_the_same_channel():
    async with venue() as sims, trading(sims.ready) as desk:
        desk.subscribe_order_book_depth(BTC)
        depth = await eventually(lambda: [item for item in desk.heard if isinstance(item, OrderBookDepth10)])
        prices = [order.price.as_decimal() for order in depth[-1].bids]
        assert len(prices) == 10
        assert prices == sorted(prices, reverse=True)
        assert prices[0] < depth[-1].asks[0].price.as_decimal()
        sequences = [item.sequence for item in desk.heard if isinstance(item, OrderBookDepth10)]
        assert sequences == sorted(set(sequences))


async def test_a_schema_the_venue_does_not_serve_is_refused_on_connecting():
    async with venue() as sims:

        async def url() -> str:
            return f"{sims.ready['paradex']['ws_url']}?sbeSchemaId=1&sbeSchemaVersion=9"

        socket = PicowsSocket(url, listener=None, name="probe", log=print, silence_secs=5.0)
        with pytest.raises(Connectivity, match="probe socket could not connect"):
            await socket.open()


async def test_a_version_the_decoder_cannot_read_makes_the_channel_stale_and_says_why(monkeypatch):
    said = []
    async with venue() as sims, trading(sims.ready, data={"stale_secs": 1.0}) as desk:
        monkeypatch.setattr(sbe, "_LAST_VERSION", 1)
        monkeypatch.setattr(next(iter(desk.nodes_data_clients.values()))._feed, "_log", said.append)
        await eventually(lambda: VenueState.STALE in desk.states("public"))
        assert said == ["public frames dropped: SBE schema 1 version 2 is not supported, this decoder reads up to 1"]


async def test_changed_market_rules_reach_the_cache():
    async with venue() as sims, trading(sims.ready) as desk:
        assert desk.cache.instrument(BTC).info["funding_period_hours"] == 8
        taker_fee = desk.cache.instrument(BTC).taker_fee
        sims.paradex.set_funding_period(MARKET, 4)
        await eventually(lambda: desk.cache.instrument(BTC).info["funding_period_hours"] == 4)
        assert desk.cache.instrument(BTC).taker_fee == taker_fee


async def test_trades_bars_and_a_book_can_be_requested():
    async with venue() as sims, trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        desk.request_trade_ticks(BTC, start=datetime.now(UTC) - timedelta(minutes=5))
        ticks = await eventually(lambda: [tick for tick in desk.past if isinstance(tick, TradeTick)])
        assert [tick.ts_event for tick in ticks] == sorted(tick.ts_event for tick in ticks)
        assert any(tick.size.as_decimal() == order.last_event.last_qty.as_decimal() for tick in ticks)

        bar_type = BarType.from_str(f"{BTC}-1-MINUTE-LAST-EXTERNAL")
        desk.request_bars(bar_type, start=datetime.now(UTC) - timedelta(minutes=30))
        bars = await eventually(lambda: [bar for bar in desk.past if isinstance(bar, Bar)])
        assert len(bars) >= 25
        assert {later.ts_event - bar.ts_event for bar, later in pairwise(bars)} == {60 * 10**9}
        assert all(bar.low <= bar.open <= bar.high for bar in bars)

        desk.request_order_book_snapshot(BTC, limit=5)
        (snapshot,) = await eventually(lambda: [item for item in desk.past if isinstance(item, OrderBookDeltas)])
        assert snapshot.is_snapshot
        assert len(snapshot.deltas) == 11  # a clear and five levels a side


async def test_the_raw_index_and_premium_are_published_as_the_venue_states_them():
    async with venue() as sims, trading(sims.ready) as desk:
        index = (await eventually(lambda: desk.said(FundingIndex)))[-1]
        samples = sims.paradex.exchange.markets[MARKET].history.newest_first(None, None, 100)
        row = next(row for row in samples if row.time_ms * 1_000_000 == index.ts_event_ns)
        assert abs(index.index_usd - row.index) <= Decimal("1e-8")  # binary frames carry eight decimals
        assert abs(index.premium_usd - row.premium_usd) <= Decimal("1e-8")
        assert (index.period_hours, index.is_reset) == (8, False)


async def test_an_index_that_starts_again_at_zero_makes_no_phantom_funding():
    async with venue() as sims, trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        await eventually(lambda: [item for item in desk.said(FundingAccrual) if item.accrued_usd != 0])
        sims.paradex.faults.inject(Fault(kind=FaultKind.RESET_INDEX, path=MARKET))
        await eventually(lambda: any(index.is_reset for index in desk.said(FundingIndex)), 12.0)
        await eventually(lambda: desk.states("funding") == [VenueState.DEGRADED, VenueState.OK], 12.0)
        await asyncio.sleep(2.0)
        accruals = desk.said(FundingAccrual)
        # 0.05 BTC × 23,784 USD of index would be 1,189 USD; an honest accrual of these seconds is cents
        assert max(abs(item.accrued_usd) for item in accruals) < 5


async def test_a_24_hour_period_market_accrues_a_third_as_fast_end_to_end():
    """Rate, interval, index, accrual and payment of a market whose funding period is 24 hours."""
    async with venue() as sims:
        sims.paradex.set_funding_period(MARKET, 24)
        async with trading(sims.ready) as desk:
            rate = await eventually(lambda: desk.cache.funding_rate(BTC))
            assert rate.interval == 24 * 60
            order = desk.market(OrderSide.SELL, "0.05")
            await eventually(lambda: order.status == OrderStatus.FILLED)
            await eventually(lambda: len(desk.said(FundingIndex)) > 3, 20.0)
            steps = desk.said(FundingIndex)[-3:]
            assert {step.period_hours for step in steps} == {24}
            for before, after in pairwise(steps):
                hours = Decimal(after.ts_event_ns - before.ts_event_ns) / Decimal(HOUR_SECS * 10**9)
                expected = (before.premium_usd + after.premium_usd) / 2 * hours / 24
                assert abs((after.index_usd - before.index_usd) / expected - 1) < Decimal("0.25")  # 8 or 1 h would be 3x, 24x
            position = desk.client._account_feed.view._positions[MARKET]
            accrual = desk.said(FundingAccrual)[-1]
            assert accrual.accrued_usd == Decimal("0.05") * (accrual.funding_index_usd - position.cached_funding_index)

            closing = desk.market(OrderSide.BUY, "0.05", reduce_only=True)
            await eventually(lambda: closing.status == OrderStatus.FILLED)
            payment = (await eventually(lambda: desk.said(FundingPayment)))[-1]
            rows = sims.paradex.exchange.registry.accounts[int(sims.ready["paradex"]["accounts"][0]["l2_address"], 16)].payments
            assert payment.amount_usd == rows[-1].payment
            assert abs(sum(row.payment for row in rows)) >= abs(accrual.accrued_usd) - Decimal("1e-7")
            assert (payment.amount_usd > 0) == (rate.rate > 0)  # a short receives a positive rate


async def test_both_encodings_of_a_channel_give_the_same_structs(monkeypatch):
    async with venue() as sims:
        taken: dict[int | None, set[str]] = {}
        feed = stream.Stream.feed

        def noting(self, frame, is_text):
            found = feed(self, frame, is_text)
            kinds = {type(item.data).__name__ for item in found if isinstance(item, stream.Push)}
            taken.setdefault(version, set()).update((f"{kind}:{'text' if is_text else 'binary'}") for kind in kinds)
            return found

        monkeypatch.setattr(stream.Stream, "feed", noting)
        for version in (None, 2):
            async with trading(sims.ready, data={"sbe_version": version}) as desk:
                await eventually(lambda: desk.said(FundingIndex), 12.0)
        public = {"Bbo", "Book", "MarketSummary", "FundingData"}
        assert {f"{kind}:text" for kind in public} <= taken[None]
        assert {f"{kind}:binary" for kind in public} <= taken[2]
        assert not any(kind.endswith(":binary") for kind in taken[None])
