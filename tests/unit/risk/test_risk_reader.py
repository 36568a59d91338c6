"""The reader against a real cache: what it kept must never differ from what a first look finds."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.data import IndexPriceUpdate, QuoteTick
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.identifiers import PositionId, StrategyId, TraderId
from nautilus_trader.model.position import Position
from nautilus_trader.test_kit.stubs.events import TestEventStubs

from backtests.instruments import HYPERLIQUID, PARADEX, instrument_id, perpetual
from messages import AccountHealth, PositionHealth, VenueState, VenueStatus
from risk.limits import Limits
from risk.reader import RATE_WINDOW_NS, VALUED_NS, Reader
from risk.reading import Reports
from risk.state import Snapshot

SEC = 1_000_000_000
ASSETS, VENUES = ("HYPE", "BTC"), (HYPERLIQUID, PARADEX)
IDS = [instrument_id(asset, venue) for asset in ASSETS for venue in VENUES]
HL = IDS[0]
LIMITS = Limits()
D = Decimal


class Desk:
    """A cache that things happen to."""

    def __init__(self) -> None:
        self.cache, self.reports, self.now_ns = Cache(), Reports(), 1_000 * SEC
        self.reader = Reader(self.cache, self.reports)
        self.factory = OrderFactory(TraderId("T-1"), StrategyId("S-1"), TestClock())
        self.positions = 0
        for asset in ASSETS:
            for venue in VENUES:
                self.cache.add_instrument(perpetual(asset, venue))
        for one in IDS:
            self.quote(one, 40.0)
        for venue in VENUES:
            self.report(venue.value)

    def report(self, venue: str, **changes: Any) -> None:
        usual = AccountHealth(
            venue=venue,
            equity_usd=D(20_000),
            cash_usd=D(20_000),
            free_collateral_usd=D(20_000),
            initial_margin_usd=D(0),
            maintenance_margin_usd=D(0),
            positions=(),
            ts_event_ns=self.now_ns,
        )
        self.reader.on_account_health(msgspec.structs.replace(usual, **changes), self.now_ns)

    def quote(self, one: Any, price: float) -> None:
        instrument = self.cache.instrument(one)
        bid, ask, size = instrument.make_price(price), instrument.make_price(price + 0.5), instrument.make_qty(10)
        self.cache.add_quote_tick(QuoteTick(one, bid, ask, size, size, self.now_ns, self.now_ns))

    def order(self, one: Any, side: OrderSide, quantity: int, *, reduce_only: bool = False) -> Any:
        order = self.factory.market(one, side, self.cache.instrument(one).make_qty(quantity), reduce_only=reduce_only)
        self.cache.add_order(order)
        return order

    def submit(self, order: Any) -> None:
        order.apply(TestEventStubs.order_submitted(order))
        self.cache.update_order(order)

    def fill(self, order: Any) -> None:
        instrument = self.cache.instrument(order.instrument_id)
        self.positions += 1
        key = PositionId(f"P-{self.positions}")
        fill = TestEventStubs.order_filled(order, instrument, position_id=key, last_px=instrument.make_price(40))
        order.apply(fill)
        self.cache.update_order(order)
        self.cache.add_position(Position(instrument, fill), OmsType.NETTING)

    def seen(self, *, fresh: bool = False, **changes: Any) -> Snapshot:
        reader = Reader(self.cache, self.reports) if fresh else self.reader
        return reader.snapshot(self.now_ns, instrument_ids=[HL], limits=LIMITS, **changes)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_is_kept_never_differs_from_a_first_look(desk: Desk) -> None:
    chance, compared = Random(5), 0
    working: list[Any] = []
    for _ in range(600):
        desk.now_ns += chance.choice([1, SEC // 10, 2 * SEC])
        what, one = chance.randrange(6), chance.choice(IDS)
        if what < 2:
            desk.quote(one, 39 + chance.random())
        elif what == 2:
            side = chance.choice([OrderSide.BUY, OrderSide.SELL])
            order = desk.order(one, side, chance.randint(1, 90), reduce_only=chance.random() < 0.3)
            desk.submit(order)
            working.append(order)
        elif what == 3 and working:
            desk.fill(working.pop(chance.randrange(len(working))))
        elif what == 4:
            index = desk.cache.instrument(one).make_price(40 + chance.random())
            desk.cache.add_index_price(IndexPriceUpdate(one, index, desk.now_ns, desk.now_ns))
        else:
            desk.report(one.venue.value, equity_usd=D(chance.randint(100, 20_000)))
        kept, first = desk.seen(), desk.seen(fresh=True)
        assert kept.positions == first.positions
        assert kept.accounts == first.accounts
        assert {key: kept.markets[key] for key in (HL.value, IDS[1].value)} == {
            key: first.markets[key] for key in (HL.value, IDS[1].value)
        }
        if desk.reader._valued_ns == desk.now_ns:  # the sums stand on the prices of this moment
            compared += 1
            assert kept.totals == first.totals
            assert kept.rooms == first.rooms
    assert compared > 100


def test_sums_follow_quantities_at_once_and_prices_within_a_second(desk: Desk) -> None:
    desk.submit(order := desk.order(HL, OrderSide.BUY, 10))
    desk.fill(order)
    before = desk.seen().totals
    assert before is not None
    assert before.gross_usd == 10 * D("40.25")
    desk.quote(HL, 50.0)
    assert desk.seen().totals == before
    desk.submit(desk.order(IDS[2], OrderSide.BUY, 5))
    changed = desk.seen().totals
    assert changed is not None
    assert changed.gross_usd == before.gross_usd + 5 * D("40.25")
    desk.now_ns += VALUED_NS
    valued = desk.seen().totals
    assert valued is not None
    assert valued.gross_usd == 10 * D("50.25") + 5 * D("40.25")


def test_orders_let_through_count_before_the_cache_lists_them_and_replaced_ones_do_not(desk: Desk) -> None:
    order = desk.order(HL, OrderSide.SELL, 7)
    assert desk.seen().position(HL.value).working_sell == 0
    assert desk.seen(approved=[order]).position(HL.value).working_sell == 7
    desk.submit(order)
    assert desk.seen(approved=[order]).position(HL.value).working_sell == 7
    assert desk.seen(replaced=order.client_order_id).position(HL.value).working_sell == 0


def test_a_position_that_is_gone_is_forgotten(desk: Desk) -> None:
    desk.submit(order := desk.order(HL, OrderSide.BUY, 7))
    assert desk.seen().position(HL.value).working_buy == 7
    order.apply(TestEventStubs.order_rejected(order))
    desk.cache.update_order(order)
    seen = desk.seen()
    assert seen.positions == {}
    assert seen.totals is not None
    assert seen.totals.gross_usd == 0


def test_orders_sent_are_counted_for_a_minute(desk: Desk) -> None:
    for _ in range(3):
        desk.reader.note_sent("HYPERLIQUID", desk.now_ns)
    desk.now_ns += RATE_WINDOW_NS - 1
    desk.reader.note_sent("HYPERLIQUID", desk.now_ns)
    assert desk.seen().sent == {"HYPERLIQUID": 4}
    desk.now_ns += 1
    assert desk.seen().sent == {"HYPERLIQUID": 1}


def test_an_account_report_carries_maintenance_margin_and_liquidation_prices(desk: Desk) -> None:
    leg = PositionHealth(
        instrument_id=HL.value, quantity=D(3), entry_price_usd=D(40), unrealized_pnl_usd=D(0), liquidation_price_usd=D(31)
    )
    desk.report("HYPERLIQUID", maintenance_margin_usd=D(123), positions=(leg,))
    account = desk.seen().accounts["HYPERLIQUID"]
    assert (account.maintenance_margin_usd, account.liquidation_prices_usd) == (123, {HL.value: D(31)})


def test_what_may_be_added_follows_limits_and_reports(desk: Desk) -> None:
    first = desk.seen().rooms[HL.value]
    assert first.usd == LIMITS.asset_delta_usd_max - D("0.01")
    tight = Limits(position_usd_max=D(500), asset_delta_usd_max=D(500))
    assert desk.reader.snapshot(desk.now_ns, instrument_ids=[HL], limits=tight).rooms[HL.value].usd == D("499.99")
    desk.reports.on_account_health(  # past the reader: it sees it all the same
        AccountHealth(
            venue="HYPERLIQUID",
            equity_usd=D(30),
            cash_usd=D(30),
            free_collateral_usd=D(30),
            initial_margin_usd=D(0),
            maintenance_margin_usd=D(0),
            positions=(),
            ts_event_ns=desk.now_ns,
        )
    )
    assert desk.seen().rooms[HL.value].usd < 90


def test_a_blocked_venue_is_told(desk: Desk) -> None:
    down = VenueStatus(venue="PARADEX", channel="public", state=VenueState.STALE, detail="silent", ts_ns=desk.now_ns)
    desk.reports.on_venue_status(down)
    assert desk.seen().blocked == {"PARADEX": "public channel STALE silent"}
