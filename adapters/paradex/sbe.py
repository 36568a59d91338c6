"""Decoder of Paradex' binary frames (SBE, schema 1, versions 0 to 3).

Little endian. A frame is an 8-byte header, a root block, for books two groups, then short strings.
Newer versions append fields, so the decoder advances by the lengths the frame announces and reads an
optional field only where the block is long enough. Version 2 names two layouts of some templates:
trailing strings that are absent are missing values, not errors.
"""

from collections.abc import Callable
from decimal import Decimal
from struct import Struct, error

from adapters.errors import Protocol
from adapters.paradex.schemas import (
    MAX_MS,
    Account,
    Bbo,
    Book,
    Fill,
    FundingData,
    Heartbeat,
    MarketSummary,
    Order,
    Payload,
    Position,
    RequestInfo,
    Trade,
)

SCHEMA_ID = 1
ASKED_VERSIONS = range(3)  # those whose every field is known
READ_VERSIONS = range(4)  # version 3 appends to known blocks, which the announced lengths skip
_LAST_VERSION = READ_VERSIONS[-1]
_NULL = -(1 << 63)
_E8 = 100_000_000
_MAX_US = MAX_MS * 1000
_MAX_MARKETS = 2000

_HEADER = Struct("<4H")
_GROUP = Struct("<2H")
_LEVEL = Struct("<2q")
_TRADE = Struct("<qqqBqqqB")
_BBO = Struct("<6q")
_BOOK = Struct("<qqB")
_SUMMARY = Struct("<27q")
_FUNDING = Struct("<7qh")
_ORDER = Struct("<qqBBBBqqqqqqq32sqqBB")
_FILL = Struct("<qqBBBqqqqq32sqq")
_POSITION = Struct("<qqB8q32s5qB")
_ACCOUNT = Struct("<9q32sqB")
_HEARTBEAT = Struct("<q")
_INT64 = Struct("<q")

_BOOK_BLOCK = 89
_SIDES = {1: "BUY", 2: "SELL"}
_ORDER_TYPES = dict(
    enumerate(
        (
            "LIMIT",
            "MARKET",
            "STOP_LIMIT",
            "STOP_MARKET",
            "TAKE_PROFIT_LIMIT",
            "TAKE_PROFIT_MARKET",
            "STOP_LOSS_LIMIT",
            "STOP_LOSS_MARKET",
        ),
        start=1,
    )
)
_ORDER_STATUSES = {1: "NEW", 2: "UNTRIGGERED", 3: "OPEN", 4: "CLOSED"}
_INSTRUCTIONS = {1: "GTC", 2: "IOC", 3: "POST_ONLY", 4: "RPI"}
_FILL_TYPES = {1: "FILL", 2: "LIQUIDATION", 3: "UNWIND_TRANSFER", 4: "SETTLE_MARKET", 5: "RPI", 6: "BLOCK_TRADE"}
_LIQUIDITY = {1: "MAKER", 2: "TAKER"}
_POSITION_STATUSES = {1: "OPEN", 2: "CLOSED"}
_ACCOUNT_STATUSES = {1: "ACTIVE", 2: "LIQUIDATION"}
_REQUEST_STATUSES = {1: "PENDING", 2: "PROCESSED", 3: "REJECTED", 4: "SUCCESS"}
_REQUEST_TYPES = {1: "MODIFY_ORDER"}
_ORDER_FLAGS = (
    "REDUCE_ONLY",
    "STOP_CONDITION_BELOW_TRIGGER",
    "STOP_CONDITION_ABOVE_TRIGGER",
    "INTERACTIVE",
    "TARGET_STRATEGY_VWAP",
    "MMP",
)
_FILL_FLAGS = ("interactive", "rpi", "fastfill")


def socket_query(version: int | None) -> str:
    """Return what a socket's url asks for: a version of the schema, or nothing for JSON.

    Raises ValueError for a version this decoder was not built for.
    """
    if version is None:
        return ""
    if version not in ASKED_VERSIONS:
        raise ValueError(f"SBE schema {SCHEMA_ID} version {version} is not supported, use 0 to {ASKED_VERSIONS[-1]}")
    return f"?sbeSchemaId={SCHEMA_ID}&sbeSchemaVersion={version}"


def decode(frame: bytes) -> Payload | None:
    """Return what a frame says, None for a template this adapter does not use.

    Raises `Protocol` for another schema, for a version beyond those it can read, and for anything
    that is not a whole frame.
    """
    try:
        block, template, schema, version = _HEADER.unpack_from(frame)
        if schema != SCHEMA_ID:
            raise Protocol(f"SBE schema {schema}, expected {SCHEMA_ID}")
        if version > _LAST_VERSION:
            raise Protocol(f"SBE schema {SCHEMA_ID} version {version} is not supported, this decoder reads up to {_LAST_VERSION}")
        reader = _READERS.get(template)
        return None if reader is None else reader(frame, block)
    except (error, IndexError, ValueError) as e:  # text that is no UTF-8 is a ValueError
        raise Protocol(f"broken SBE frame of {len(frame)} bytes: {e}") from e


def _unpack(layout: Struct, frame: bytes, block: int) -> tuple[int, ...]:
    if block < layout.size:
        raise Protocol(f"SBE block of {block} bytes, at least {layout.size} expected")
    return layout.unpack_from(frame, _HEADER.size)


def _strings(frame: bytes, at: int, required: int, optional: int = 0) -> list[str | None]:
    """Read length-prefixed strings; those of a newer layout may be absent."""
    found: list[str | None] = []
    for index in range(required + optional):
        if index >= required and at >= len(frame):
            found.append(None)
            continue
        end = at + 1 + frame[at]
        if end > len(frame):
            raise Protocol("SBE string runs past the end of its frame")
        found.append(frame[at + 1 : end].decode() or None)
        at = end
    return found


def _text(value: str | None) -> str:
    if value is None:
        raise Protocol("SBE frame without a required name")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise Protocol(f"SBE name {value!r}")
    return value


_markets: dict[bytes, str] = {}  # as they are on the wire


def _market(raw: bytes) -> str:
    name = _text(raw.decode())
    if len(_markets) < _MAX_MARKETS:
        _markets[raw] = name
    return name


def _e8(raw: int) -> Decimal | None:
    return None if raw == _NULL else Decimal(raw).scaleb(-8)


def _money(raw: int) -> Decimal:
    if raw == _NULL:
        raise Protocol("SBE frame without a required number")
    return Decimal(raw).scaleb(-8)


def _whole(raw: int, least: int) -> int | None:
    if raw == _NULL:
        return None
    if raw < least:
        raise Protocol(f"SBE number {raw} where at least {least} is expected")
    return raw


def _count(raw: int) -> int:
    if raw < 0:
        raise Protocol(f"SBE sequence number {raw}")
    return raw


def _ms(microseconds: int) -> int:
    """Return milliseconds, 0 where there is no time."""
    if not 0 <= microseconds <= _MAX_US:
        if microseconds == _NULL:
            return 0
        raise Protocol(f"SBE time {microseconds}")
    return microseconds // 1000


def _side(code: int) -> str:
    if code not in _SIDES:
        raise Protocol(f"SBE side {code}")
    return _SIDES[code]


def _flags(bits: int, names: tuple[str, ...]) -> list[str]:
    return [name for bit, name in enumerate(names) if bits >> bit & 1]


def _read_trade(frame: bytes, block: int) -> Trade:
    _, _, number, side, price, size, created_us, _ = _unpack(_TRADE, frame, block)
    market, name = _strings(frame, _HEADER.size + block, 1, 1)
    return Trade(
        id=_text(name or str(number)),  # the number is cut short for 28-digit ids
        market=_text(market),
        side=_side(side),
        price=_money(price),
        size=_money(size),
        created_at=_ms(created_us),
    )


def _read_bbo(frame: bytes, block: int) -> Bbo:
    """The hottest of all frames, hence without the helpers where both sides are there."""
    if block < _BBO.size:
        raise Protocol(f"SBE block of {block} bytes, at least {_BBO.size} expected")
    ts_us, seq, bid, bid_size, ask, ask_size = _BBO.unpack_from(frame, 8)
    at = 9 + block
    end = at + frame[at - 1]
    if end > len(frame) or end == at:
        raise Protocol("SBE quote without its market")
    raw = frame[at:end]
    market = _markets.get(raw) or _market(raw)
    if bid > 0 < ask and bid_size >= 0 <= ask_size and seq >= 0 <= ts_us <= _MAX_US:
        return Bbo(
            market=market,
            seq_no=seq,
            bid_e8=bid,
            bid_size_e8=bid_size,
            ask_e8=ask,
            ask_size_e8=ask_size,
            last_updated_at=ts_us // 1000,
        )
    return Bbo(
        market=market,
        seq_no=_count(seq),
        bid_e8=_whole(bid, 1),
        bid_size_e8=_whole(bid_size, 0),
        ask_e8=_whole(ask, 1),
        ask_size_e8=_whole(ask_size, 0),
        last_updated_at=_ms(ts_us),
    )


def _read_book(frame: bytes, block: int) -> Book:
    if block < _BOOK_BLOCK:
        raise Protocol(f"SBE block of {block} bytes, at least {_BOOK_BLOCK} expected")
    ts_us, seq, package = _BOOK.unpack_from(frame, _HEADER.size)
    bids, at = _levels(frame, _HEADER.size + block)
    asks, at = _levels(frame, at)
    (market,) = _strings(frame, at, 1)
    return Book(
        market=_text(market), seq_no=_count(seq), last_updated_at=_ms(ts_us), is_snapshot=package == 0, bids=bids, asks=asks
    )


def _levels(frame: bytes, at: int) -> tuple[list[tuple[float, float]], int]:
    width, count = _GROUP.unpack_from(frame, at)
    if count and width < _LEVEL.size:
        raise Protocol(f"SBE book level of {width} bytes")
    first, end = at + _GROUP.size, at + _GROUP.size + width * count
    if end > len(frame):
        raise Protocol("SBE book levels run past the end of their frame")
    rows = [_LEVEL.unpack_from(frame, start) for start in range(first, end, width)] if count else []
    if any(price <= 0 or size < 0 for price, size in rows):
        raise Protocol("SBE book level without a price or of a negative size")
    return [(price / _E8, size / _E8) for price, size in rows], end


def _read_summary(frame: bytes, block: int) -> MarketSummary:
    row = _unpack(_SUMMARY, frame, block)
    (market,) = _strings(frame, _HEADER.size + block, 1)
    rate = _e8(row[7])
    if block >= 240:  # from version 1 on: the same rate with twelve decimals
        (precise,) = _INT64.unpack_from(frame, _HEADER.size + 232)
        rate = rate if precise == _NULL else Decimal(precise).scaleb(-12)
    return MarketSummary(
        symbol=_text(market),
        mark_price=_e8(row[2]),
        underlying_price=_e8(row[3]),
        last_traded_price=_e8(row[4]),
        open_interest=_e8(row[6]),
        external_fair_price=_e8(row[24]),
        funding_rate=rate,
        created_at=_ms(row[0]),
    )


def _read_funding(frame: bytes, block: int) -> FundingData:
    _, _, rate, index, created_us, premium, rate_8h, period = _unpack(_FUNDING, frame, block)
    (market,) = _strings(frame, _HEADER.size + block, 1)
    impact = None
    if block >= _FUNDING.size + _INT64.size:
        impact = _e8(_INT64.unpack_from(frame, _HEADER.size + _FUNDING.size)[0])
    return FundingData(
        market=_text(market),
        funding_index=_e8(index),
        funding_premium=_e8(premium),
        funding_rate=_e8(rate),
        funding_rate_8h=_e8(rate_8h),
        funding_period_hours=period if period > 0 else None,
        impact_premium_rate=impact,
        created_at=_ms(created_us),
    )


def _read_order(frame: bytes, block: int) -> Order:
    row = _unpack(_ORDER, frame, block)
    _, seq, status, side, kind, instruction, price, _, size, remaining, average, created_us, updated_us = row[:13]
    order_id, client_id, market, reason, request_id, message = _strings(frame, _HEADER.size + block, 4, 2)
    return Order(
        id=_text(order_id),
        client_id=client_id,
        market=_text(market),
        side=_side(side),
        type=_ORDER_TYPES.get(kind, "UNKNOWN"),
        instruction=_INSTRUCTIONS.get(instruction),
        status=_ORDER_STATUSES.get(status, "UNKNOWN"),
        size=_money(size),
        remaining_size=_e8(remaining),
        price=_e8(price),
        avg_fill_price=_e8(average),
        cancel_reason=reason,
        flags=_flags(row[17], _ORDER_FLAGS),
        created_at=_ms(created_us),
        last_updated_at=_ms(updated_us),
        seq_no=seq,
        request_info=_request(frame, block, request_id, message),
    )


def _request(frame: bytes, block: int, request_id: str | None, message: str | None) -> RequestInfo | None:
    if block < _ORDER.size + 2:
        return None
    status, kind = frame[_HEADER.size + _ORDER.size], frame[_HEADER.size + _ORDER.size + 1]
    if kind not in _REQUEST_TYPES:
        return None
    return RequestInfo(id=request_id, request_type=_REQUEST_TYPES[kind], status=_REQUEST_STATUSES.get(status), message=message)


def _read_fill(frame: bytes, block: int) -> Fill:
    row = _unpack(_FILL, frame, block)
    _, _, kind, side, liquidity, price, size, fee, realized, created_us, _, _, funding = row
    fill_id, order_id, client_id, _, market, currency = _strings(frame, _HEADER.size + block, 5, 1)
    bits = frame[_HEADER.size + _FILL.size] if block > _FILL.size else 0
    return Fill(
        id=_text(fill_id),
        order_id=_text(order_id),
        client_id=client_id,
        market=_text(market),
        side=_side(side),
        liquidity=_LIQUIDITY.get(liquidity),
        price=_money(price),
        size=_money(size),
        fee=_e8(fee),
        fee_currency=currency and _text(currency),
        fill_type=_FILL_TYPES.get(kind),
        flags=_flags(bits, _FILL_FLAGS),
        realized_pnl=_e8(realized),
        realized_funding=_e8(funding),
        created_at=_ms(created_us),
    )


def _read_position(frame: bytes, block: int) -> Position:
    row = _unpack(_POSITION, frame, block)
    market, _ = _strings(frame, _HEADER.size + block, 1, 1)
    size = _money(row[3])
    side = _side(row[2]) if size else None
    return Position(
        market=_text(market),
        status=_POSITION_STATUSES.get(row[17]),
        side=side and {"BUY": "LONG", "SELL": "SHORT"}[side],
        size=-size if side == "SELL" else size,  # absolute on this wire, signed everywhere else
        average_entry_price=_e8(row[4]),
        unrealized_pnl=_e8(row[5]),
        unrealized_funding_pnl=_e8(row[16]),
        cached_funding_index=_e8(row[15]),
        liquidation_price=_e8(row[8]),
        last_updated_at=_ms(row[10]),
        seq_no=row[1],
    )


def _read_account(frame: bytes, block: int) -> Account:
    row = _unpack(_ACCOUNT, frame, block)
    return Account(
        account_value=_money(row[6]),
        free_collateral=_e8(row[3]),
        initial_margin_requirement=_e8(row[4]),
        maintenance_margin_requirement=_e8(row[5]),
        status=_ACCOUNT_STATUSES.get(row[11], "UNKNOWN"),
        seq_no=row[1],
        updated_at=_ms(row[8]),
    )


def _read_heartbeat(frame: bytes, block: int) -> Heartbeat:
    (ts_us,) = _unpack(_HEARTBEAT, frame, block)
    return Heartbeat(timestamp_us=ts_us)


_READERS: dict[int, Callable[[bytes, int], Payload]] = {
    1: _read_trade,
    2: _read_bbo,
    3: _read_book,
    4: _read_summary,
    5: _read_funding,
    20: _read_order,
    21: _read_fill,
    22: _read_position,
    23: _read_account,
    40: _read_heartbeat,
}
