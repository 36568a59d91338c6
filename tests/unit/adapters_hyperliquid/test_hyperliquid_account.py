"""Margin, funding payments, foreign orders and doubtful ones."""

import json
from decimal import Decimal

import msgspec
import pytest
from nautilus_trader.execution.reports import FillReport
from nautilus_trader.model.enums import LiquiditySide, OrderStatus, PositionSide
from nautilus_trader.model.identifiers import AccountId

from adapters.errors import Connectivity
from adapters.hyperliquid import parsing, reports
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.externals import ExternalOrders
from adapters.hyperliquid.margin import Tier
from adapters.hyperliquid.orders import OrderIndex, Refused, TrackedOrder
from adapters.hyperliquid.reconciliation import Reconciler
from adapters.hyperliquid.resolver import Resolver
from adapters.hyperliquid.schemas import (
    ClearinghouseState,
    Fill,
    FundingRow,
    Order,
    OrderStatusAnswer,
    OrderUpdate,
    PerpMeta,
)

ACCOUNT = AccountId("HYPERLIQUID-0xab")
HYPE = parsing.instrument(PerpMeta("HYPE", 2, 10), 1, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=1)
REAL_STATE = {
    "marginSummary": {
        "accountValue": "83.307638",
        "totalNtlPos": "75.652",
        "totalRawUsd": "7.655638",
        "totalMarginUsed": "7.525754",
    },
    "crossMaintenanceMarginUsed": "0.0",
    "withdrawable": "75.781884",
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "HYPE",
                "szi": "2.0",
                "leverage": {"type": "isolated", "value": 10, "rawUsd": "-68.126246"},
                "entryPx": "37.829",
                "positionValue": "75.652",
                "unrealizedPnl": "-0.006",
                "returnOnEquity": "-0.0007930424",
                "liquidationPx": "35.8559189474",
                "marginUsed": "7.525754",
                "maxLeverage": 10,
            },
        }
    ],
    "time": 1754467216357,
}


def state(time=1754467216357, value="83.307638"):
    raw = {**REAL_STATE, "time": time, "marginSummary": {**REAL_STATE["marginSummary"], "accountValue": value}}
    return msgspec.convert(raw, ClearinghouseState, strict=False)


def fill(size="1", tid=1, oid=9, fee="0.1", crossed=True, time=5):
    return Fill("HYPE", Decimal("37.8"), Decimal(size), "A", time, oid, crossed, Decimal(fee), tid=tid)


def test_health_of_a_real_account():
    health = reports.account_health(state(), 1, {})
    assert health.equity_usd == Decimal("83.307638")
    assert health.cash_usd == Decimal("83.313638")
    assert health.free_collateral_usd == Decimal("75.781884")
    assert health.initial_margin_usd == Decimal("7.525754")
    assert health.maintenance_margin_usd == Decimal("3.782600")  # 75.652 / (2 * 10), isolated
    (held,) = health.positions
    assert (held.quantity, held.liquidation_price_usd) == (Decimal(2), Decimal("35.8559189474"))


def test_maintenance_of_an_isolated_position_follows_its_tiers():
    tiers = {"HYPE": (Tier(Decimal(0), 10), Tier(Decimal(50), 5))}
    health = reports.account_health(state(), 1, tiers)
    assert health.maintenance_margin_usd == Decimal("5.0652")  # 50 / 20 + 25.652 / 10


def test_health_of_a_recorded_cross_account(shared_data):
    raw = json.loads((shared_data / "raw" / "hyperliquid" / "clearinghouseState.json").read_text())["response"]["body"]
    recorded = msgspec.convert(raw, ClearinghouseState, strict=False)
    health = reports.account_health(recorded, 1, {})
    pnl = sum((held.unrealized_pnl_usd for held in health.positions), Decimal(0))
    assert health.equity_usd == health.cash_usd + pnl
    for held, position in zip(health.positions, recorded.asset_positions, strict=True):
        assert (held.unrealized_pnl_usd > 0) == (
            held.quantity * (position.position.position_value / abs(held.quantity) - held.entry_price_usd) > 0
        )


def test_balance_adds_up():
    balance = reports.balance(state())
    assert balance.total.as_decimal() == Decimal("83.307638")
    assert balance.total.as_decimal() - balance.locked.as_decimal() == balance.free.as_decimal()


def test_fill_report_keeps_fee_side_and_venue_ids():
    report = reports.fill_report(fill(fee="-0.01", crossed=False), HYPE, ACCOUNT, None, 3)
    assert report.commission.as_decimal() == Decimal("-0.01")
    assert report.liquidity_side == LiquiditySide.MAKER
    assert (report.trade_id.value, report.venue_order_id.value) == ("1", "9")


class Heard:
    def __init__(self):
        self.states, self.health, self.payments, self.now_ns = [], [], [], 0
        self.channel = AccountChannel(
            emit_state=self.states.append,
            publish_health=self.health.append,
            publish_payment=self.payments.append,
            tiers=dict,
            now_ns=lambda: self.now_ns,
        )


def row(time, usdc="-0.044263", coin="HYPE"):
    return FundingRow(time, coin, Decimal(usdc), Decimal(30), Decimal("0.0000369155"))


def test_each_payment_is_told_once_and_none_from_before_the_start():
    heard = Heard()
    heard.channel.start(100)
    heard.channel.funding([row(200), row(100), row(50)])
    heard.channel.funding([row(200), row(300), row(200, coin="BTC")])
    assert [payment.payment_id for payment in heard.payments] == ["200:HYPE", "200:BTC", "300:HYPE"]
    first = heard.payments[0]
    assert (first.amount_usd, first.position_quantity) == (Decimal("-0.044263"), Decimal(30))
    assert first.rate_per_hour == Decimal("0.0000369155")
    assert heard.channel.funding_since_ms == 300


def test_account_state_is_thinned_and_health_is_not():
    heard = Heard()
    heard.channel.state(state(1))
    for second in range(1, 10):
        heard.now_ns = second * 1_000_000_000
        heard.channel.state(state(1 + second))
    assert (len(heard.states), len(heard.health)) == (1, 10)
    heard.channel.state(state(20, value="90"))  # cash changed
    assert len(heard.states) == 2
    heard.channel.state(state(19))  # older than the last
    assert len(heard.health) == 11


def test_foreign_fills_come_after_an_order_with_room_for_them():
    externals = ExternalOrders(ACCOUNT)
    made = externals.fills([fill("1", 1), fill("2", 2)], HYPE, 1)
    assert [type(report) for report in made[1:]] == [FillReport, FillReport]
    assert made[0].order_status == OrderStatus.ACCEPTED
    assert made[0].quantity.as_decimal() == 3
    order, more = externals.fills([fill("5", 3)], HYPE, 1)  # the liquidation goes on
    assert order.venue_order_id == more.venue_order_id
    assert order.venue_order_id.value == "9-3"


def test_a_foreign_resting_order_is_introduced_once_and_cancelled():
    externals = ExternalOrders(ACCOUNT)
    resting = Order("HYPE", "B", Decimal(30), Decimal(2), 9, 1, orig_sz=Decimal(2), tif="Alo")
    (introduced,) = externals.update(OrderUpdate(resting, "open", 1), HYPE, 1)
    assert introduced.post_only
    assert externals.update(OrderUpdate(resting, "open", 1), HYPE, 1) == []
    assert [type(report) for report in externals.fills([fill("1")], HYPE, 1)] == [FillReport]
    (gone,) = externals.update(OrderUpdate(resting, "canceled", 2), HYPE, 1)
    assert gone.order_status == OrderStatus.CANCELED
    assert externals.update(OrderUpdate(resting, "canceled", 2), HYPE, 1) == []


class FakeVenue:
    """The reads of `HyperliquidHttp`, scripted."""

    def __init__(self, *, venue_ms=9 * 10**12, statuses=(), fills=(), failures=0):
        self.venue_ms, self.statuses, self.known_fills, self.failures = venue_ms, list(statuses), list(fills), failures
        self.asked = 0

    async def clearinghouse_state(self, user):
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise Connectivity("down")
        return state(self.venue_ms)

    async def order_status(self, user, order_id):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def fills(self, user, start_ms):
        return self.known_fills

    async def open_orders(self, user):
        return []


UNKNOWN = OrderStatusAnswer("unknownOid")


def doubtful(is_ioc=True):
    order = TrackedOrder(
        client_order_id="O-1",
        cloid="0x" + "1" * 32,
        coin="HYPE",
        quantity=Decimal(3),
        price=None,
        is_ioc=is_ioc,
        created_ms=0,
    )
    order.answer_lost(0)
    return order


def resolver(venue, order):
    told, seen, clock = [], set(), [0]

    def take_fills(fills):
        for each in fills:
            if each.tid not in seen:
                seen.add(each.tid)
                told.extend(order.fill(each))

    def now_ms():
        clock[0] += 500
        return clock[0]

    made = Resolver(
        venue, "0xab", take_fills=take_fills, tell=lambda _, facts: told.extend(facts), now_ms=now_ms, log=lambda line: None
    )
    return made, told


def ended(status, remaining, oid=9):
    order = Order("HYPE", "A", Decimal(30), Decimal(remaining), oid, 1, orig_sz=Decimal(3))
    return OrderStatusAnswer("order", OrderUpdate(order, status, 7))


async def test_an_order_is_refused_only_when_repeatedly_unknown_after_expiry():
    order = doubtful()
    venue = FakeVenue(statuses=[UNKNOWN], failures=1)
    made, told = resolver(venue, order)
    await made.settle_submission(order, 1_000)
    assert [type(fact) for fact in told] == [Refused]
    assert venue.asked == 3  # one failure, two absences


async def test_unknown_by_a_venue_whose_clock_has_not_passed_the_expiry_means_nothing():
    order = doubtful()
    venue = FakeVenue(venue_ms=900, statuses=[UNKNOWN, UNKNOWN, UNKNOWN, ended("filled", "0")])

    async def fills(user, start_ms):
        return [fill("3")] if venue.asked >= 4 else []

    venue.fills = fills
    made, _ = resolver(venue, order)
    await made.settle_submission(order, 1_000)
    assert order.is_closed
    assert not order.is_refused
    assert order.filled == 3


async def test_a_filled_order_whose_fills_are_late_is_waited_for():
    order = doubtful()
    venue = FakeVenue(statuses=[ended("filled", "3")])
    made, _ = resolver(venue, order)
    reads = [0]

    async def fills(user, start_ms):
        reads[0] += 1
        return [fill("1", 1)] if reads[0] < 4 else [fill("1", 1), fill("2", 2)]

    venue.fills = fills
    await made.settle_submission(order, 1_000)
    assert (order.is_closed, order.filled) == (True, Decimal(3))


@pytest.mark.parametrize(("status", "remaining", "has_ended"), [("open", "3", False), ("canceled", "3", True)])
async def test_a_cancel_in_doubt_ends_with_what_the_venue_says(status, remaining, has_ended):
    order = doubtful(is_ioc=False)
    order.update(ended("open", "3").order)
    made, _ = resolver(FakeVenue(statuses=[ended(status, remaining)]), order)
    assert await made.settle_cancel(order, 1_000, is_acknowledged=False) is has_ended
    assert order.is_closed is has_ended


@pytest.mark.parametrize(("oid", "was_replaced"), [(9, False), (10, True)])
async def test_a_replacement_in_doubt_is_told_by_the_oid(oid, was_replaced):
    order = doubtful(is_ioc=False)
    order.update(ended("open", "3").order)
    order.begin_modify(Decimal(3), Decimal(31))
    made, _ = resolver(FakeVenue(statuses=[ended("open", "3", oid)]), order)
    assert await made.settle_modify(order, 9, 1_000) is was_replaced
    assert (order.oid, order.is_modifying) == (oid, False)


def reconciler(venue, index=None, take_fills=lambda fills: None):
    return Reconciler(
        venue,
        "0xab",
        account_id=ACCOUNT,
        instruments={"HYPE": HYPE},
        orders=index or OrderIndex(),
        externals=ExternalOrders(ACCOUNT),
        take_fills=take_fills,
        now_ns=lambda: 1,
    )


async def test_positions_are_reported_with_their_entry_and_missing_ones_as_flat():
    venue = FakeVenue()
    (held,) = await reconciler(venue).position_reports(None, [HYPE.id])
    assert (held.position_side, held.quantity.as_decimal()) == (PositionSide.LONG, 2)
    assert held.avg_px_open == Decimal("37.829")

    async def flat(user):
        return msgspec.structs.replace(state(), asset_positions=[])

    venue.clearinghouse_state = flat
    (report,) = await reconciler(venue).position_reports(None, [HYPE.id])
    assert report.position_side == PositionSide.FLAT
    assert await reconciler(venue).position_reports(None, []) == []
    assert len(await reconciler(venue).position_reports(HYPE.id, [])) == 1


async def test_a_failed_position_query_raises():
    with pytest.raises(Connectivity):
        await reconciler(FakeVenue(failures=1)).position_reports(None, [HYPE.id])


async def test_a_report_of_our_own_order_never_leads_the_fills_told():
    index, order = OrderIndex(), doubtful()
    index.add(order)
    order.fill(fill("1"))
    index.note_oid(order)
    venue = FakeVenue(statuses=[ended("filled", "0")])
    report = await reconciler(venue, index).order_report(order.cloid)
    assert report.client_order_id.value == "O-1"
    assert (report.order_status, report.filled_qty.as_decimal()) == (OrderStatus.PARTIALLY_FILLED, 1)


async def test_an_order_the_venue_does_not_know_has_no_report():
    assert await reconciler(FakeVenue(statuses=[UNKNOWN])).order_report("0x" + "1" * 32) is None


async def test_fills_of_a_foreign_order_are_routed_before_it_is_reported():
    routed = []
    venue = FakeVenue(statuses=[ended("canceled", "2")], fills=[fill("1")])
    report = await reconciler(venue, take_fills=routed.extend).order_report(9)
    assert routed == [fill("1")]
    assert (report.order_status, report.filled_qty.as_decimal()) == (OrderStatus.CANCELED, 1)
