from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Side
from risk.checks import Approved, Refused, Verdict, evaluate, reduces
from risk.limits import Limits
from risk.margin import affordable_usd, allocatable_usd, bound_usd
from risk.state import MarketView, OrderIntent, PositionView, Snapshot, TradeIntent, VenueAccount

D = Decimal
SEC = 1_000_000_000
NOW = 1_000 * SEC
HL, PDX = "HYPERLIQUID", "PARADEX"
LIMITS = Limits()
HUGE = D(1_000_000)
WIDE = Limits(  # nothing but margin binds
    position_usd_max=HUGE,
    venue_usd_max=HUGE,
    gross_usd_max=HUGE,
    asset_delta_usd_max=HUGE,
    total_delta_usd_max=HUGE,
    allocation_ratio_max=D(1),
    gross_leverage_max=HUGE,
    liquidation_distance_ratio_min=D(0),
)


def name(venue: str, asset: str = "BTC") -> str:
    return f"{asset}-USD-PERP.{venue}"


def market(venue: str, mid: str = "100", asset: str = "BTC", **changes: Any) -> MarketView:
    usual = MarketView(
        instrument_id=name(venue, asset),
        asset=asset,
        venue=venue,
        bid_usd=D(mid) - D("0.01"),
        ask_usd=D(mid) + D("0.01"),
        ts_ns=NOW,
        margin_rate=D("0.05"),
        taker_fee_rate=D("0.00045"),
    )
    return msgspec.structs.replace(usual, **changes)


def account(venue: str, equity: str = "10000", **changes: Any) -> VenueAccount:
    usual = VenueAccount(venue=venue, equity_usd=D(equity), free_collateral_usd=D(equity), ts_ns=NOW)
    return msgspec.structs.replace(usual, **changes)


def scene(**changes: Any) -> Snapshot:
    usual = Snapshot(
        accounts={HL: account(HL), PDX: account(PDX)},
        positions={},
        markets={name(HL): market(HL), name(PDX): market(PDX)},
        blocked={},
        now_ns=NOW,
    )
    return msgspec.structs.replace(usual, **changes)


def order(
    venue: str = HL, side: Side = Side.BUY, quantity: str = "10", price: str | None = "100", reduce_only: bool = False
) -> OrderIntent:
    return OrderIntent(
        instrument_id=name(venue),
        venue=venue,
        side=side,
        quantity=D(quantity),
        price_usd=None if price is None else D(price),
        reduce_only=reduce_only,
    )


def judge(seen: Snapshot, *orders: OrderIntent, limits: Limits = LIMITS) -> Verdict:
    return evaluate(seen, TradeIntent(scope="TEST", orders=orders), limits)


def held(venue: str, quantity: str, **working: str) -> dict[str, PositionView]:
    view = PositionView(instrument_id=name(venue), quantity=D(quantity), **{key: D(value) for key, value in working.items()})
    return {view.instrument_id: view}


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


def test_an_ordinary_pair_is_approved() -> None:
    assert judge(scene(), order(HL, Side.BUY), order(PDX, Side.SELL)) == Approved()


REFUSALS = [
    ("ORDER_INSANE", scene(), order(quantity="0")),
    ("ORDER_INSANE", scene(), order(quantity="NaN")),
    ("ORDER_INSANE", scene(), order(price="-1")),
    ("VENUE_BLOCKED", scene(blocked={HL: "public channel STALE"}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(PDX): market(PDX)}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(HL): market(HL, bid_usd=D(101)), name(PDX): market(PDX)}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(HL): market(HL, bid_usd=D(0)), name(PDX): market(PDX)}), order()),
    ("MARKET_STALE", scene(markets={name(HL): market(HL, ts_ns=NOW - 31 * SEC), name(PDX): market(PDX)}), order()),
    ("ACCOUNT_UNKNOWN", scene(accounts={PDX: account(PDX)}), order()),
    ("ACCOUNT_STALE", scene(accounts={HL: account(HL, ts_ns=NOW - 61 * SEC), PDX: account(PDX)}), order()),
    ("ACCOUNT_STALE", scene(accounts={HL: account(HL), PDX: account(PDX, ts_ns=NOW - 61 * SEC)}), order()),
    ("PRICE_UNVERIFIED", scene(markets={name(HL): market(HL)}), order()),
    ("PRICE_UNVERIFIED", scene(markets={name(HL): market(HL), name(PDX): market(PDX, ts_ns=NOW - 31 * SEC)}), order()),
    ("PRICE_DEVIATION", scene(), order(price="101.1")),
    ("PRICE_DEVIATION", scene(), order(side=Side.SELL, price="98.9")),
    ("PRICE_DEVIATION", scene(markets={name(HL): market(HL, "102"), name(PDX): market(PDX)}), order(price=None)),
    ("POSITION_LIMIT", scene(), order(quantity="100.1")),
    ("POSITION_LIMIT", scene(positions=held(HL, "95")), order()),
    ("POSITION_LIMIT", scene(positions=held(HL, "0", working_buy="95")), order()),
    ("POSITION_LIMIT", scene(positions=held(HL, "95", working_reducing="95")), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, "300"), PDX: account(PDX)}), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, free_collateral_usd=D(300)), PDX: account(PDX)}), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, "-5"), PDX: account(PDX)}), order()),
]


@pytest.mark.parametrize(("expected", "seen", "asked"), REFUSALS)
def test_each_rule_refuses_with_its_reason(expected: str, seen: Snapshot, asked: OrderIntent) -> None:
    assert reason(judge(seen, asked)) == expected


def test_both_legs_are_judged_before_either_is_sent() -> None:
    poor = scene(accounts={HL: account(HL), PDX: account(PDX, "200")})
    verdict = judge(poor, order(HL, Side.BUY), order(PDX, Side.SELL))
    assert reason(verdict) == "MARGIN_INSUFFICIENT"
    assert PDX in verdict.detail
    assert judge(poor, order(HL, Side.BUY)) == Approved()


def test_a_refusal_carries_limit_and_value() -> None:
    verdict = judge(scene(), order(quantity="101"))
    assert isinstance(verdict, Refused)
    assert (verdict.limit, verdict.value) == (10_000, 10_100)


def test_the_portfolio_may_bind_four_fifths_of_all_equity() -> None:
    # 2 x 5,000 USD of equity; at leverage 3 each 3,000 USD of notional binds 1,000.
    accounts = {HL: account(HL, "5000"), PDX: account(PDX, "5000")}
    limits = msgspec.structs.replace(
        LIMITS, position_usd_max=D(1_000_000), venue_usd_max=D(1_000_000), gross_usd_max=D(1_000_000), margin_buffer_ratio=D(0)
    )
    other = name(HL, "ETH")
    markets = {name(HL): market(HL), name(PDX): market(PDX), other: market(HL, asset="ETH")}
    positions = {other: PositionView(instrument_id=other, quantity=D(30))}
    seen = scene(accounts=accounts, markets=markets, positions=positions)
    assert bound_usd(seen, limits) == pytest.approx(D(1_001), abs=2)
    assert judge(seen, order(PDX, quantity="100", price="100"), limits=limits) == Approved()
    tight = msgspec.structs.replace(limits, allocation_ratio_max=D("0.4"))
    assert reason(judge(seen, order(PDX, quantity="100"), limits=tight)) == "ALLOCATION_LIMIT"


def test_a_fill_that_the_account_does_not_know_of_yet_is_not_spent_twice() -> None:
    # The venue still says 10,000 USD are free, although the position binds 9,000 of them.
    seen = scene(positions=held(HL, "270"))
    assert judge(seen, order(HL, quantity="20"), limits=WIDE) == Approved()
    assert reason(judge(seen, order(HL, quantity="30"), limits=WIDE)) == "MARGIN_INSUFFICIENT"


def test_reducing_is_approved_whatever_the_state_of_the_world() -> None:
    ruin = scene(
        accounts={HL: account(HL, "-3870", ts_ns=0)},
        positions=held(HL, "500"),
        markets={},
        blocked={HL: "DISCONNECTED", PDX: "DISCONNECTED"},
    )
    assert judge(ruin, order(HL, Side.SELL, "500")) == Approved()
    assert judge(ruin, order(HL, Side.SELL, "0.01", price=None)) == Approved()
    assert judge(ruin, order(PDX, Side.BUY, "7", reduce_only=True)) == Approved()
    assert reason(judge(ruin, order(HL, Side.SELL, "500.01"))) == "VENUE_BLOCKED"


@pytest.mark.parametrize(
    ("net", "side", "quantity", "working", "expected"),
    [
        ("0", Side.BUY, "1", "0", False),
        ("1", Side.SELL, "1", "0", True),
        ("1", Side.SELL, "3", "0", False),
        ("1", Side.BUY, "1", "0", False),
        ("-2", Side.BUY, "1", "0", True),
        ("1", Side.SELL, "0.6", "0.6", False),
        ("1", Side.SELL, "0.4", "0.6", True),
    ],
)
def test_what_reduces(net: str, side: Side, quantity: str, working: str, expected: bool) -> None:
    assert reduces(D(net), side, D(quantity), D(working)) is expected


@given(net=st.decimals(-100, 100, places=2), side=st.sampled_from(Side), quantity=st.decimals("0.01", 100, places=2))
def test_what_reduces_never_flips_and_never_grows(net: Decimal, side: Side, quantity: Decimal) -> None:
    if reduces(net, side, quantity):
        after = net + side.sign * quantity
        assert abs(after) < abs(net)
        assert after * net >= 0


@given(notional=st.decimals(1, 20_000, places=2), equity=st.decimals(0, 20_000, places=2))
def test_what_is_called_affordable_is_approved(notional: Decimal, equity: Decimal) -> None:
    limits = msgspec.structs.replace(
        LIMITS, position_usd_max=D(1_000_000), venue_usd_max=D(1_000_000), gross_usd_max=D(1_000_000)
    )
    seen = scene(accounts={HL: account(HL, str(equity)), PDX: account(PDX, str(equity))})
    views = (seen.markets[name(HL)], seen.markets[name(PDX)])
    room = min(notional, *(affordable_usd(seen, limits, view) for view in views), allocatable_usd(seen, limits, views))
    quantity = str((room / 100).quantize(D("0.01"), rounding="ROUND_DOWN"))
    if D(quantity) > 0:
        verdict = judge(seen, order(HL, Side.BUY, quantity), order(PDX, Side.SELL, quantity), limits=limits)
        assert verdict == Approved()


class Book:
    """Positions and working orders of one venue, filled in whatever order chance has it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.quantity = D(0)
        self.working: list[OrderIntent] = []

    def view(self) -> PositionView:
        def total(wanted: list[OrderIntent]) -> Decimal:
            return sum((o.quantity for o in wanted), D(0))

        return PositionView(
            instrument_id=name(HL),
            quantity=self.quantity,
            working_buy=total([o for o in self.working if o.side is Side.BUY and not o.reduce_only]),
            working_sell=total([o for o in self.working if o.side is Side.SELL and not o.reduce_only]),
            working_reducing=total([o for o in self.working if o.reduce_only]),
        )

    def fill_some(self) -> None:
        self.chance.shuffle(self.working)
        for _ in range(self.chance.randint(0, len(self.working))):
            filled = self.working.pop()
            part = (filled.quantity * self.chance.choice([25, 50, 100]) / 100).quantize(D("0.01"))
            if filled.reduce_only:
                room = abs(self.quantity) if self.quantity * filled.side.sign < 0 else D(0)
                part = min(part, room)
            self.quantity += filled.side.sign * part
            if part < filled.quantity and self.chance.random() < 0.5:
                self.working.append(msgspec.structs.replace(filled, quantity=filled.quantity - part))


@pytest.mark.parametrize("seed", range(20))
def test_no_sequence_of_approved_orders_breaks_the_position_limit(seed: int) -> None:
    chance, approved = Random(seed), 0
    book = Book(chance)
    rich = {HL: account(HL, "1000000"), PDX: account(PDX, "1000000")}
    for _ in range(300):
        quantity = str(D(chance.randint(1, 12_000)) / 100)
        asked = order(HL, chance.choice(list(Side)), quantity, reduce_only=chance.random() < 0.2)
        if judge(scene(accounts=rich, positions={name(HL): book.view()}), asked) == Approved():
            approved += 1
            book.working.append(asked)
        book.fill_some()
        assert abs(book.quantity) * 100 <= LIMITS.position_usd_max
    assert approved > 30
