"""A small world for the rules: two venues, prices of 100, ample accounts."""

from decimal import Decimal
from typing import Any

import msgspec

from messages import Side
from risk.checks import Refused, Verdict, evaluate
from risk.limits import Limits
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


def wide(**changes: Any) -> Limits:
    return msgspec.structs.replace(WIDE, **changes)


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
        maintenance_rate=D("0.025"),
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
    venue: str = HL,
    side: Side = Side.BUY,
    quantity: str = "10",
    price: str | None = "100",
    reduce_only: bool = False,
    is_flatten: bool = False,
) -> OrderIntent:
    return OrderIntent(
        instrument_id=name(venue),
        venue=venue,
        side=side,
        quantity=D(quantity),
        price_usd=None if price is None else D(price),
        reduce_only=reduce_only,
        is_flatten=is_flatten,
    )


def judge(seen: Snapshot, *orders: OrderIntent, limits: Limits = LIMITS) -> Verdict:
    return evaluate(seen, TradeIntent(scope="TEST", orders=orders), limits)


def held(venue: str, quantity: str, asset: str = "BTC", **working: str) -> dict[str, PositionView]:
    working_by_kind = {key: D(value) for key, value in working.items()}
    view = PositionView(instrument_id=name(venue, asset), quantity=D(quantity), **working_by_kind)
    return {view.instrument_id: view}


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason
