"""The venue's JSON shapes, shared by REST and by the JSON channels; numbers are strings, times integers.

`seq_no` is an argument: REST and the stream number the same event independently.
"""

import hashlib
from decimal import Decimal
from typing import Any

from simulators.paradex.constants import MAINTENANCE_FACTOR, MAKER_FEE, TAKER_FEE, USDC_ADDRESS, PerpTerms
from simulators.paradex.funding import rate_8h_text
from simulators.paradex.records import (
    AccountView,
    BalanceEvent,
    Bbo,
    BookUpdate,
    ComparedRate,
    FillRecord,
    FundingPaymentRecord,
    FundingSample,
    Level,
    PositionView,
    SummaryView,
    TradeBust,
    TradeRecord,
    VenueOrder,
)

Json = dict[str, Any]


def text(value: Decimal | None) -> str:
    """Return a number without exponent or trailing zeros; empty for None, as the venue has it."""
    if value is None:
        return ""
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("", "-0") else plain


def order(record: VenueOrder, seq_no: int, published_ms: int) -> Json:
    """Return an order."""
    state = record.modify
    request = (
        {"id": state.id, "status": state.status, "request_type": "MODIFY_ORDER", "message": state.message} if state else None
    )
    return {
        "id": record.id,
        "account": record.account,
        "market": record.market,
        "side": record.side,
        "type": record.kind,
        "size": text(record.size),
        "remaining_size": text(record.remaining),
        "price": text(record.price) or "0",
        "status": record.status,
        "created_at": record.created_ms,
        "last_updated_at": record.updated_ms,
        "timestamp": record.signed_ms,
        "cancel_reason": record.cancel_reason,
        "client_id": record.client_id,
        "seq_no": seq_no,
        "instruction": record.instruction,
        "avg_fill_price": text(record.average_price),
        "stp": record.stp,
        "received_at": record.created_ms,
        "published_at": published_ms,
        "flags": list(record.flags),
        "trigger_price": text(record.trigger_price) or "0",
        "request_info": request or {"id": "", "status": "", "request_type": "", "message": ""},
    }


def fill(record: FillRecord) -> Json:
    """Return a fill."""
    return {
        "id": record.id,
        "account": record.account,
        "market": record.market,
        "order_id": record.order_id,
        "client_id": record.client_id,
        "side": "BUY" if record.is_buy else "SELL",
        "liquidity": "MAKER" if record.is_maker else "TAKER",
        "price": text(record.price),
        "size": text(record.size),
        "remaining_size": text(record.remaining),
        "fee": text(record.fee),
        "fee_currency": "USDC",
        "fill_type": record.fill_type,
        "flags": list(record.flags),
        "realized_pnl": text(record.realized_pnl),
        "realized_funding": text(record.realized_funding),
        "underlying_price": text(record.underlying_price),
        "orderbook_seq_no": record.book_seq,
        "created_at": record.created_ms,
    }


def position(view: PositionView, seq_no: int) -> Json:
    """Return a position; the size is signed."""
    return {
        "id": f"{view.account}-{view.market}",
        "account": view.account,
        "market": view.market,
        "status": view.status,
        "side": "LONG" if view.is_long else "SHORT",
        "size": text(view.size),
        "average_entry_price": text(view.entry_price),
        "average_entry_price_usd": text(view.entry_price),
        "average_exit_price": "",
        "cost": text(view.cost),
        "cost_usd": text(view.cost),
        "unrealized_pnl": text(view.unrealized_pnl),
        "unrealized_funding_pnl": text(view.unrealized_funding),
        "realized_positional_pnl": text(view.realized_pnl),
        "realized_positional_funding_pnl": text(view.realized_funding),
        "cached_funding_index": text(view.cached_index),
        "leverage": text(view.leverage),
        "liquidation_price": text(view.liquidation_price),
        "created_at": view.created_ms,
        "last_updated_at": view.updated_ms,
        "closed_at": view.closed_ms,
        "last_fill_id": view.last_fill_id,
        "seq_no": seq_no,
    }


def account(view: AccountView, seq_no: int) -> Json:
    """Return an account summary."""
    return {
        "account": view.account,
        "account_value": text(view.account_value),
        "total_collateral": text(view.total_collateral),
        "free_collateral": text(view.free_collateral),
        "initial_margin_requirement": text(view.initial_margin),
        "maintenance_margin_requirement": text(view.maintenance_margin),
        "margin_cushion": text(view.margin_cushion),
        "settlement_asset": "USDC",
        "status": view.status,
        "seq_no": seq_no,
        "updated_at": view.updated_ms,
        "last_seen_notification": 0,
    }


def fees() -> Json:
    """Return the fee rates of an account, those of the Pro profile."""
    maker, taker = text(MAKER_FEE), text(TAKER_FEE)
    return {
        "maker_rate": maker,
        "taker_rate": taker,
        "perp_option_maker_rate": "0.0001",
        "perp_option_taker_rate": "0.0001",
        "dated_option_maker_rate": "0.0001",
        "dated_option_taker_rate": "0.0001",
        "spot_maker_rate": maker,
        "spot_taker_rate": taker,
        "commission_rate": "0",
        "discount_rate": "0",
    }


def volume_tier(min_volume_usd: int, taker_fee: Decimal) -> Json:
    """Return a fee tier of the Pro profile."""
    return {
        "kind": "pro",
        "min_volume": str(min_volume_usd),
        "min_volume_duration": "14d",
        "fee_rates": {"perp_maker": text(MAKER_FEE), "perp_taker": text(taker_fee)},
    }


def funding_payment(record: FundingPaymentRecord) -> Json:
    """Return a realised funding payment."""
    return {
        "id": record.id,
        "account": record.account,
        "market": record.market,
        "payment": text(record.payment),
        "index": text(record.index),
        "fill_id": record.fill_id,
        "created_at": record.created_ms,
    }


def balance_event(record: BalanceEvent) -> Json:
    """Return what one fill did to the balance."""
    return {
        "type": "FILL",
        "status": "SETTLED",
        "market": record.market,
        "fill_id": record.fill_id,
        "fees": text(record.fees),
        "realized_pnl": text(record.realized_pnl),
        "realized_funding": text(record.realized_funding),
        "funding_index": text(record.funding_index),
        "settlement_asset_name": "USDC",
        "settlement_asset_price": "1",
        "settlement_asset_balance_before": text(record.before),
        "settlement_asset_balance_after": text(record.after),
        "settlement_asset_address": USDC_ADDRESS,
        "created_at": record.created_ms,
    }


def trade_bust(record: TradeBust) -> Json:
    """Return a reverted fill."""
    return {"account": record.account, "busted_fill_id": record.fill_id, "created_at": record.created_ms}


def bbo(record: Bbo) -> Json:
    """Return the best prices."""
    return {
        "market": record.market,
        "seq_no": record.seq,
        "bid": text(record.bid),
        "bid_size": text(record.bid_size),
        "ask": text(record.ask),
        "ask_size": text(record.ask_size),
        "last_updated_at": record.time_ms,
    }


def book_rest(record: BookUpdate, api: Bbo, interactive: Bbo) -> Json:
    """Return a book as REST shows it, with the best prices for either kind of taker."""
    bids, asks = _pairs(record.bids), _pairs(record.asks)
    return {
        "market": record.market,
        "seq_no": record.seq,
        "last_updated_at": record.time_ms,
        "asks": asks,
        "bids": bids,
        "best_ask_api": [text(api.ask), text(api.ask_size)],
        "best_ask_interactive": [text(interactive.ask), text(interactive.ask_size)],
        "best_bid_api": [text(api.bid), text(api.bid_size)],
        "best_bid_interactive": [text(interactive.bid), text(interactive.bid_size)],
    }


def book_push(record: BookUpdate) -> Json:
    """Return a book message of the stream: a snapshot has inserts only, a delta updates and deletes too."""
    rows = [_row("BUY", level) for level in record.bids] + [_row("SELL", level) for level in record.asks]
    levels = [*record.bids, *record.asks]
    parts: dict[str, list[Json]] = {"inserts": [], "updates": [], "deletes": []}
    for row, (price, size) in zip(rows, levels, strict=True):
        is_new = record.is_snapshot or price in record.new_prices
        parts["deletes" if not size else "inserts" if is_new else "updates"].append(row)
    return {
        "seq_no": record.seq,
        "market": record.market,
        "last_updated_at": record.time_ms,
        "update_type": "s" if record.is_snapshot else "d",
        **parts,
    }


def _pairs(levels: tuple[Level, ...]) -> list[list[str]]:
    return [[text(price), text(size)] for price, size in levels]


def _row(side: str, level: Level) -> Json:
    return {"side": side, "price": text(level[0]), "size": text(level[1])}


def trade(record: TradeRecord) -> Json:
    """Return a public trade."""
    return {
        "id": record.id,
        "market": record.market,
        "side": "BUY" if record.is_buy else "SELL",
        "size": text(record.size),
        "price": text(record.price),
        "created_at": record.time_ms,
        "trade_type": record.trade_type,
    }


def summary(view: SummaryView) -> Json:
    """Return a market's ticker."""
    return {
        "symbol": view.market,
        "mark_price": text(view.mark_price),
        "delta": "1",
        "greeks": {"delta": "1", "gamma": "0", "vega": "0"},
        "last_traded_price": text(view.last_price),
        "bid": text(view.bid),
        "bid_size": text(view.bid_size),
        "ask": text(view.ask),
        "ask_size": text(view.ask_size),
        "volume_24h": text(view.volume_24h_usd),
        "total_volume": text(view.total_volume_usd),
        "created_at": view.time_ms,
        "underlying_price": text(view.index_price),
        "open_interest": text(view.open_interest),
        "funding_rate": text(view.funding_rate),
        "price_change_rate_24h": text(view.price_change_24h),
        "external_fair_price": text(view.index_price),
        "risk_free_rate": "0",
    }


def funding_sample(record: FundingSample) -> Json:
    """Return a funding sample; `funding_rate` is per the market's period."""
    return {
        "market": record.market,
        "funding_index": text(record.index),
        "funding_premium": text(record.premium_usd),
        "funding_rate": text(record.rate),
        "funding_rate_8h": text(rate_8h_text(record.rate_8h)),
        "funding_period_hours": record.period_hours,
        "impact_premium_rate": text(record.impact_premium_rate),
        "created_at": record.time_ms,
    }


def funding_comparison(record: ComparedRate) -> Json:
    """Return a venue's funding rate per hour beside the others'."""
    return {
        "symbol": record.market,
        "asset_kind": "ASSET_KIND_PERPETUAL_FUTURE",
        "source": f"SOURCE_{record.source}",
        "hourly_funding_rate": text(record.rate_per_hour),
        "last_updated_at": record.time_ms,
    }


def transaction(ident: str, event: str, created_ms: int, *, is_reverted: bool = False) -> Json:
    """Return the chain's transaction behind a fill or a liquidation."""
    return {
        "id": ident,
        "type": f"TRANSACTION_{event}",
        "state": "REVERTED" if is_reverted else "ACCEPTED_ON_L2",
        "hash": chain_hash(ident),
        "created_at": created_ms,
        "completed_at": created_ms,
    }


def chain_hash(ident: str) -> str:
    """Return a transaction hash of the shape the chain's have, always the same for an event."""
    return "0x" + hashlib.sha256(ident.encode()).hexdigest()[:63]


def market_event(symbol: str, changed: Json, updated_ms: int) -> Json:
    """Return the news of a market whose static data changed."""
    return {"event_type": "UPDATED", "symbol": symbol, "changed_fields": changed, "updated_at": updated_ms}


def market(terms: PerpTerms, period_hours: int) -> Json:
    """Return a market's static data."""
    zero = {"maker_fee": {"fee": "0"}, "taker_fee": {"fee": "0"}}
    return {
        "symbol": terms.symbol,
        "base_currency": terms.asset,
        "quote_currency": "USD",
        "settlement_currency": "USDC",
        "order_size_increment": text(terms.size_step),
        "price_tick_size": text(terms.tick),
        "min_notional": text(terms.min_notional),
        "open_at": 0,
        "expiry_at": 0,
        "asset_kind": "PERP",
        "market_kind": "cross",
        "position_limit": text(terms.position_limit),
        "price_bands_width": text(terms.price_band),
        "max_slippage": text(terms.max_slippage),
        "max_open_orders": terms.max_open_orders,
        "max_order_size": text(terms.max_order_size),
        "max_funding_rate": text(terms.max_funding_rate),
        "max_funding_rate_change": "0.0005",
        "max_tob_spread": "0.2",
        "interest_rate": text(terms.interest_rate),
        "clamp_rate": text(terms.clamp_rate),
        "funding_period_hours": period_hours,
        "funding_multiplier": 1,
        "oracle_ewma_factor": "0.2",
        "price_feed_id": "GVXRSBjFk6e6J3NbVPXohDJetcTjaeeuykUpbQF8UoMU",
        "delta1_cross_margin_params": {
            "imf_base": text(terms.initial_margin),
            "imf_shift": "0",
            "imf_factor": "0",
            "mmf_factor": text(MAINTENANCE_FACTOR),
        },
        "fee_config": {
            "api_fee": {"maker_fee": {"fee": text(MAKER_FEE)}, "taker_fee": {"fee": text(TAKER_FEE)}},
            "interactive_fee": zero,
            "rpi_fee": zero,
        },
        "tags": ["LAYER-1"],
        "trading_mode": "STANDARD",
    }
