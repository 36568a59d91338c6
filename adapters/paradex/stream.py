"""Paradex' socket protocol without a socket: frames in, structs out, requests as bytes.

The control plane is JSON-RPC text. Data arrives as JSON pushes that name their channel, or as binary
frames that name only their market; both end in the same structs.
"""

from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from adapters.errors import Protocol
from adapters.paradex import sbe
from adapters.paradex.schemas import (
    Account,
    BalanceEvent,
    Bbo,
    BboMessage,
    Book,
    BookEntry,
    BookMessage,
    Envelope,
    Fill,
    FundingData,
    FundingPaymentRow,
    MarketEvent,
    MarketSummary,
    Order,
    Payload,
    Position,
    PushParams,
    RpcError,
    Trade,
    TradeBust,
    decode,
)

_KINDS: dict[str, Any] = {
    "bbo": BboMessage,
    "order_book": BookMessage,
    "trades": Trade,
    "markets_summary": MarketSummary,
    "funding_data": FundingData,
    "markets": MarketEvent,
    "orders": Order,
    "fills": Fill,
    "positions": Position,
    "account": Account,
    "balance_events": BalanceEvent,
    "funding_payments": FundingPaymentRow,
    "tradebusts": TradeBust,
}


class Reply(msgspec.Struct, frozen=True):
    """The answer to one of our requests: a JSON result or an error."""

    id: int
    result: bytes | None
    error: RpcError | None


class Push(msgspec.Struct, frozen=True, gc=False):
    """One message of a subscription."""

    data: Payload


def bbo(market: str, *, is_interactive: bool = False) -> str:
    """Return the channel of the best bid and offer; `is_interactive` includes what retail orders alone can hit."""
    return f"bbo.{market}.interactive" if is_interactive else f"bbo.{market}"


def book(market: str, *, is_interactive: bool = False) -> str:
    """Return the channel of complete 15-level books, which needs no gap handling."""
    return f"order_book.{market}.{'interactive' if is_interactive else 'snapshot'}@15@100ms"


def book_deltas(market: str, *, is_binary: bool, is_interactive: bool = False) -> str:
    """Return the channel of a whole book and its numbered changes.

    A binary socket takes the bare name and refuses depth and rate; a JSON socket wants them.
    """
    name = f"order_book.{market}.{'interactive_deltas' if is_interactive else 'deltas'}"
    return name if is_binary else f"{name}@15@50ms"


def markets() -> str:
    """Return the channel that tells of changed market rules."""
    return "markets"


def trades(market: str) -> str:
    """Return the channel of public trades."""
    return f"trades.{market}"


def summary(market: str) -> str:
    """Return the channel of mark and index prices."""
    return f"markets_summary.{market}"


def funding(market: str) -> str:
    """Return the channel of the funding rate and index."""
    return f"funding_data.{market}"


def private_channels(markets: tuple[str, ...]) -> tuple[str, ...]:
    """Return every private channel an account needs."""
    account_wide = ("orders.ALL", "fills.ALL", "positions", "account", "balance_events", "tradebusts")
    return account_wide + tuple(f"funding_payments.{market}" for market in markets)


class Stream:
    """Numbers requests and reads frames; keeps no connection state."""

    def __init__(self) -> None:
        self._ids = count(1)

    def request(self, method: str, params: Any) -> tuple[int, bytes]:
        """Return the number of a new request and the message to send."""
        number = next(self._ids)
        return number, msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params, "id": number})

    def feed(self, frame: bytes, is_text: bool) -> list[Reply | Push]:
        """Return what a frame says; raises `Protocol` where it cannot be understood."""
        if not is_text:
            payload = sbe.decode(frame)
            return [] if payload is None else [Push(payload)]
        messages = (_read(line) for line in frame.splitlines() if line.strip())
        return [message for message in messages if message is not None]


def _read(line: bytes) -> Reply | Push | None:
    try:
        envelope = decode(Envelope, line)
        if envelope.method is None:
            return _reply(envelope)
        if envelope.method != "subscription" or not bytes(envelope.params):
            return None
        params = msgspec.json.decode(envelope.params, type=PushParams)
        kind = _KINDS.get(params.channel.partition(".")[0])
        if kind is None:
            return None
        data = msgspec.json.decode(params.data, type=kind, strict=False)
        return Push(_unified(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Protocol(f"JSON frame not understood: {e}") from e


def _reply(envelope: Envelope) -> Reply | None:
    if envelope.id is None:
        return None
    try:
        number = int(envelope.id)
    except ValueError:
        return None  # not one of ours: ours are numbers
    return Reply(number, bytes(envelope.result) or None, envelope.error)


def _unified(data: Any) -> Payload:
    """Return the struct both encodings share."""
    if isinstance(data, BboMessage):
        return Bbo(
            market=data.market,
            seq_no=data.seq_no,
            bid_e8=_e8(data.bid),
            bid_size_e8=_e8(data.bid_size),
            ask_e8=_e8(data.ask),
            ask_size_e8=_e8(data.ask_size),
            last_updated_at=data.last_updated_at,
        )
    if not isinstance(data, BookMessage):
        payload: Payload = data
        return payload
    rows = [*data.inserts, *data.updates]
    return Book(
        market=data.market,
        seq_no=data.seq_no,
        last_updated_at=data.last_updated_at,
        is_snapshot=data.update_type == "s",
        bids=_rows(rows, data.deletes, "BUY"),
        asks=_rows(rows, data.deletes, "SELL"),
    )


def _e8(value: Decimal | None) -> int | None:
    return None if value is None else int(value.scaleb(8))


def _rows(entries: list[BookEntry], deletes: list[BookEntry], side: str) -> list[tuple[float, float]]:
    kept = [(entry.price, entry.size) for entry in entries if entry.side == side]
    return kept + [(entry.price, 0.0) for entry in deletes if entry.side == side]
