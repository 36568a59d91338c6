"""The venue's binary frames: SBE schema 1 in versions 0 to 3, little endian, written from the published schema.

Prices, sizes and amounts travel as int64 in units of 1e-8, a missing one as -2^63; times in microseconds.
"""

import struct
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from simulators.paradex.records import (
    AccountView,
    Bbo,
    BookUpdate,
    ComparedRate,
    FillRecord,
    FundingSample,
    Level,
    PositionView,
    SummaryView,
    TradeRecord,
    VenueOrder,
)

SCHEMA_ID = 1
VERSIONS = (0, 1, 2, 3)
NULL = -(2**63)
E8 = Decimal(100_000_000)
E12 = Decimal(10**12)

SIDE = {True: 1, False: 2}
ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP_LIMIT",
    "STOP_MARKET",
    "TAKE_PROFIT_LIMIT",
    "TAKE_PROFIT_MARKET",
    "STOP_LOSS_LIMIT",
    "STOP_LOSS_MARKET",
)
STATUSES = ("NEW", "UNTRIGGERED", "OPEN", "CLOSED")
INSTRUCTIONS = ("GTC", "IOC", "POST_ONLY", "RPI")
SELF_TRADE = ("", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
ORDER_FLAGS = (
    "REDUCE_ONLY",
    "STOP_CONDITION_BELOW_TRIGGER",
    "STOP_CONDITION_ABOVE_TRIGGER",
    "INTERACTIVE",
    "TARGET_STRATEGY_VWAP",
    "MMP",
)
FILL_FLAGS = ("interactive", "rpi", "fastfill")
MODIFY_STATUSES = ("PENDING", "PROCESSED", "REJECTED", "SUCCESS")
FILL_TYPES = ("FILL", "LIQUIDATION", "UNWIND_TRANSFER", "SETTLE_MARKET", "RPI", "BLOCK_TRADE")
MODIFY_ORDER = 1
POSITION_OPEN, POSITION_CLOSED = 1, 2
ACCOUNT_STATUSES = {"ACTIVE": 1, "LIQUIDATION": 2}
NOT_REPRESENTABLE = 254
PERPETUAL_FUTURE = 1
FUNDING_SOURCES = {"PARADEX": 1, "BINANCE": 2, "BYBIT": 3, "OKX": 4, "HYPERLIQUID": 7, "LIGHTER": 8}


def e8(value: Decimal | None) -> int:
    """Return a number in units of 1e-8, the null value for None."""
    return NULL if value is None else int((value * E8).to_integral_value(ROUND_HALF_EVEN))


def _frame(template: int, block: bytes, version: int, texts: Iterable[str], groups: bytes = b"") -> bytes:
    header = struct.pack("<4H", len(block), template, SCHEMA_ID, version)
    return header + block + groups + b"".join(_text(text) for text in texts)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(encoded)]) + encoded


def _bits(names: tuple[str, ...], values: Iterable[str]) -> int:
    return sum(1 << names.index(value) for value in set(values) if value in names)


def _address(account: str) -> bytes:
    return int(account, 16).to_bytes(32, "big")


def trade(record: TradeRecord, version: int) -> bytes:
    """Template 1; version 2 carries the 28-digit id as text, the int64 one is cut to 64 bits."""
    low = int(record.id) & 0xFFFFFFFFFFFFFFFF
    short_id = low - 2**64 if low >= 2**63 else low
    ts, kind = record.time_ms * 1000, FILL_TYPES.index(record.trade_type) + 1
    block = struct.pack("<qqqBqqqB", ts, record.seq, short_id, SIDE[record.is_buy], e8(record.price), e8(record.size), ts, kind)
    return _frame(1, block, version, (record.market, record.id) if version >= 2 else (record.market,))


def bbo(record: Bbo, version: int) -> bytes:
    """Template 2."""
    numbers = (e8(value) for value in (record.bid, record.bid_size, record.ask, record.ask_size))
    return _frame(2, struct.pack("<6q", record.time_ms * 1000, record.seq, *numbers), version, (record.market,))


def book(record: BookUpdate, version: int) -> bytes:
    """Template 3; the best prices and the spread are null, as in production."""
    block = struct.pack("<qqB9q", record.time_ms * 1000, record.seq, 0 if record.is_snapshot else 1, *[NULL] * 9)
    return _frame(3, block, version, (record.market,), _levels(record.bids) + _levels(record.asks))


def _levels(levels: tuple[Level, ...]) -> bytes:
    rows = b"".join(struct.pack("<qq", e8(price), e8(size)) for price, size in levels)
    return struct.pack("<HH", 16, len(levels)) + rows


def summary(record: SummaryView, version: int) -> bytes:
    """Template 4; version 1 appends the exact funding rate, version 3 a settlement estimate (null)."""
    head = (record.mark_price, record.index_price, record.last_price, record.volume_24h_usd, record.open_interest)
    middle = (record.funding_rate, record.bid, record.ask, record.total_volume_usd, record.price_change_24h)
    volatilities: tuple[Decimal | None, ...] = (None,) * 4
    greeks = (Decimal(1), *(None,) * 7)  # delta of a perpetual; gamma .. futureFundingRate do not apply
    tail = (record.index_price, record.bid_size, record.ask_size)
    numbers = [e8(value) for value in (*head, *middle, *volatilities, *greeks, *tail)]
    if version >= 1:
        numbers += [NULL, 0, int((record.funding_rate * E12).to_integral_value(ROUND_HALF_EVEN))]
    if version >= 3:
        numbers.append(NULL)
    block = struct.pack(f"<qq{len(numbers)}q", record.time_ms * 1000, record.seq, *numbers)
    return _frame(4, block, version, (record.market,))


def funding(record: FundingSample, seq: int, version: int) -> bytes:
    """Template 5; version 1 appends the impact premium rate."""
    ts = record.time_ms * 1000
    block = struct.pack(
        "<7qh",
        ts,
        seq,
        e8(record.rate),
        e8(record.index),
        ts,
        e8(record.premium_usd),
        e8(record.rate_8h),
        record.period_hours,
    )
    if version >= 1:
        block += struct.pack("<q", e8(record.impact_premium_rate))
    return _frame(5, block, version, (record.market,))


def funding_comparison(record: ComparedRate, version: int) -> bytes:
    """Template 6, since version 1; a rate per hour in units of 1e-12."""
    ts = record.time_ms * 1000
    rate = int((record.rate_per_hour * E12).to_integral_value(ROUND_HALF_EVEN))
    block = struct.pack("<3qBB", ts, ts, rate, PERPETUAL_FUTURE, FUNDING_SOURCES[record.source])
    return _frame(6, block, version, (record.market,))


def order(record: VenueOrder, seq: int, published_us: int, version: int) -> bytes:
    """Template 20; version 2 appends the state of a modification."""
    block = struct.pack(
        "<qqBBBBqqqqqqq32sqqBB",
        published_us,
        seq,
        STATUSES.index(record.status) + 1,
        SIDE[record.is_buy],
        ORDER_TYPES.index(record.kind) + 1,
        INSTRUCTIONS.index(record.instruction) + 1,
        e8(record.price),
        e8(record.trigger_price),
        e8(record.size),
        e8(record.remaining),
        e8(record.average_price),
        record.created_ms * 1000,
        record.updated_ms * 1000,
        _address(record.account),
        record.created_ms * 1000,
        published_us,
        SELF_TRADE.index(record.stp),
        _bits(ORDER_FLAGS, record.flags),
    )
    texts = [record.id, record.client_id, record.market, record.cancel_reason]
    if version >= 2:
        state = record.modify
        block += struct.pack("<BB", MODIFY_STATUSES.index(state.status) + 1 if state else 0, MODIFY_ORDER if state else 0)
        texts += [state.id, state.message] if state else ["", ""]
    return _frame(20, block, version, texts)


def fill(record: FillRecord, seq: int, version: int) -> bytes:
    """Template 21; version 2 appends flags, the book's sequence number and the fee currency."""
    ts = record.created_ms * 1000
    block = struct.pack(
        "<qqBBBqqqqq32sqq",
        ts,
        seq,
        FILL_TYPES.index(record.fill_type) + 1,
        SIDE[record.is_buy],
        1 if record.is_maker else 2,
        e8(record.price),
        e8(record.size),
        e8(record.fee),
        e8(record.realized_pnl),
        ts,
        _address(record.account),
        e8(record.underlying_price),
        e8(record.realized_funding),
    )
    texts = [record.id, record.order_id, record.client_id, record.trade_id, record.market]
    if version >= 2:
        block += struct.pack("<BQ", _bits(FILL_FLAGS, record.flags), record.book_seq)
        texts.append("USDC")
    return _frame(21, block, version, texts)


def position(record: PositionView, seq: int, version: int) -> bytes:
    """Template 22: the size is absolute and the side tells the direction."""
    block = struct.pack(
        "<qqBqqqqqqqq32sqqqqqB",
        record.updated_ms * 1000,
        seq,
        SIDE[record.is_long],
        e8(abs(record.size)),
        e8(record.entry_price),
        e8(record.unrealized_pnl),
        e8(record.realized_pnl),
        e8(record.mark_price),
        e8(record.liquidation_price),
        e8(record.leverage),
        record.updated_ms * 1000,
        _address(record.account),
        e8(record.entry_price),
        e8(record.cost),
        e8(record.cost),
        e8(record.cached_index),
        e8(record.unrealized_funding),
        POSITION_CLOSED if record.closed_ms else POSITION_OPEN,
    )
    return _frame(22, block, version, (record.market, record.last_fill_id))


def account(record: AccountView, seq: int, version: int) -> bytes:
    """Template 23; version 2 appends the last acknowledged notification (never: 0)."""
    ts = record.updated_ms * 1000
    block = struct.pack(
        "<9q32sqB",
        ts,
        seq,
        e8(record.total_collateral),
        e8(record.free_collateral),
        e8(record.initial_margin),
        e8(record.maintenance_margin),
        e8(record.account_value),
        NULL,
        ts,
        _address(record.account),
        e8(record.margin_cushion),
        ACCOUNT_STATUSES.get(record.status, NOT_REPRESENTABLE),
    )
    if version >= 2:
        block += struct.pack("<q", 0)
    return _frame(23, block, version, ("USDC",))


def heartbeat(now_us: int, seq: int, version: int) -> bytes:
    """Template 40, sent on an idle socket."""
    return _frame(40, struct.pack("<qq", now_us, seq), version, ())
