"""Market data: a frame as it comes from the socket to the Nautilus object a strategy gets."""

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from struct import Struct
from typing import Any

from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, QuoteTick
from nautilus_trader.model.enums import BookAction, OrderSide, RecordFlag
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Price, Quantity

from adapters.hyperliquid import parsing as hyperliquid
from adapters.hyperliquid.schemas import PerpMeta
from adapters.hyperliquid.stream import HyperliquidStream
from adapters.paradex import parsing as paradex
from adapters.paradex.schemas import Market
from adapters.paradex.stream import Stream
from benchmarks.measure import interleaved
from benchmarks.outcome import Outcome

TS_INIT, TIME_MS, FRAMES, DEPTH = 1_790_000_000_000_000_000, 1_789_999_999_990, 32, 20
_SBE_HEADER, _SBE_BBO = Struct("<4H"), Struct("<6q")
type Decode = Callable[[bytes], object]


def hyperliquid_btc() -> CryptoPerpetual:
    """Return Hyperliquid's BTC."""
    meta = PerpMeta(name="BTC", sz_decimals=5, max_leverage=40)
    return hyperliquid.instrument(meta, 0, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=0)


def paradex_btc() -> CryptoPerpetual:
    """Return Paradex' BTC."""
    market = Market(
        symbol="BTC-USD-PERP", base_currency="BTC", order_size_increment=Decimal("0.00001"), price_tick_size=Decimal("0.1")
    )
    return paradex.instrument(market, 0)


def _price(random: Random) -> Decimal:
    return Decimal(random.randrange(900_000, 990_000)).scaleb(-1)


def _size(random: Random) -> Decimal:
    return Decimal(random.randrange(1, 1_000_000)).scaleb(-5)


def hyperliquid_bbo_frames() -> list[bytes]:
    """Return best bids and offers in the venue's spelling."""
    random = Random(1)
    frames = []
    for number in range(FRAMES):
        bid = _price(random)
        sides = [{"px": f"{price}", "sz": f"{_size(random)}", "n": 3} for price in (bid, bid + 1)]
        frames.append({"channel": "bbo", "data": {"coin": "BTC", "time": TIME_MS + number, "bbo": sides}})
    return [json.dumps(frame, separators=(",", ":")).encode() for frame in frames]


def hyperliquid_book_frames() -> list[bytes]:
    """Return whole books of 20 levels a side."""
    random = Random(2)
    frames = []
    for number in range(FRAMES):
        bid = _price(random)
        bids, asks = (
            [{"px": f"{bid + offset + sign * step}", "sz": f"{_size(random)}", "n": 3} for step in range(DEPTH)]
            for sign, offset in ((-1, 0), (1, 1))
        )
        frames.append({"channel": "l2Book", "data": {"coin": "BTC", "time": TIME_MS + number, "levels": [bids, asks]}})
    return [json.dumps(frame, separators=(",", ":")).encode() for frame in frames]


def paradex_bbo_frames() -> list[tuple[bytes, bytes]]:
    """Return the same best bids and offers as (SBE, JSON) frames."""
    random = Random(3)
    frames = []
    for number in range(FRAMES):
        bid = _price(random)
        values = [bid, _size(random), bid + Decimal("0.1"), _size(random)]
        numbers = [int(value.scaleb(8)) for value in values]
        sequence, market = 7_687_292_570 + number, b"BTC-USD-PERP"
        block = _SBE_BBO.pack((TIME_MS + number) * 1000, sequence, *numbers)
        data = dict(zip(("bid", "bid_size", "ask", "ask_size"), map(str, values), strict=True))
        params = {
            "channel": "bbo.BTC-USD-PERP",
            "data": {"market": "BTC-USD-PERP", "seq_no": sequence, "last_updated_at": TIME_MS + number, **data},
        }
        text = json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}, separators=(",", ":"))
        frames.append((_SBE_HEADER.pack(_SBE_BBO.size, 2, 1, 1) + block + bytes([len(market)]) + market, text.encode()))
    return frames


def hyperliquid_quote(of: CryptoPerpetual) -> Decode:
    """Return our path."""
    stream = HyperliquidStream()
    stream.subscribe({"type": "bbo", "coin": "BTC"}, 0)

    def decode(frame: bytes) -> QuoteTick | None:
        return hyperliquid.quote(stream.receive(frame, TS_INIT).data, of, TS_INIT)  # type: ignore[union-attr, arg-type]

    return decode


def hyperliquid_quote_plain(of: CryptoPerpetual) -> Decode:
    """Return the usual path: `json` and `from_str`."""

    def decode(frame: bytes) -> QuoteTick:
        data = json.loads(frame)["data"]
        bid, ask = data["bbo"]
        return QuoteTick(
            of.id,
            Price.from_str(bid["px"]),
            Price.from_str(ask["px"]),
            Quantity.from_str(bid["sz"]),
            Quantity.from_str(ask["sz"]),
            data["time"] * 1_000_000,
            TS_INIT,
        )

    return decode


def hyperliquid_book(of: CryptoPerpetual) -> Decode:
    """Return our path for a whole book."""
    stream = HyperliquidStream()
    stream.subscribe({"type": "l2Book", "coin": "BTC"}, 0)

    def decode(frame: bytes) -> OrderBookDeltas:
        return hyperliquid.book_snapshot(stream.receive(frame, TS_INIT).data, of, TS_INIT)  # type: ignore[union-attr, arg-type]

    return decode


def hyperliquid_book_plain(of: CryptoPerpetual) -> Decode:
    """Return the usual path for a whole book."""

    def decode(frame: bytes) -> OrderBookDeltas:
        data = json.loads(frame)["data"]
        ts_event = data["time"] * 1_000_000
        sided = zip((OrderSide.BUY, OrderSide.SELL), data["levels"], strict=True)
        levels = [(side, level) for side, levels in sided for level in levels]
        flags = RecordFlag.F_SNAPSHOT
        deltas = [OrderBookDelta(of.id, BookAction.CLEAR, None, flags, 0, ts_event, TS_INIT)]
        for number, (side, level) in enumerate(levels, 1):
            order = BookOrder(side, Price.from_str(level["px"]), Quantity.from_str(level["sz"]), 0)
            last = RecordFlag.F_LAST if number == len(levels) else 0
            deltas.append(OrderBookDelta(of.id, BookAction.ADD, order, flags | last, 0, ts_event, TS_INIT))
        return OrderBookDeltas(of.id, deltas)

    return decode


def paradex_quote(of: CryptoPerpetual) -> Callable[[tuple[bytes, bytes]], object]:
    """Return our path, from the binary frame."""
    stream = Stream()

    def decode(frames: tuple[bytes, bytes]) -> QuoteTick | None:
        return paradex.quote(stream.feed(frames[0], False)[0].data, of, TS_INIT)  # type: ignore[union-attr, arg-type]

    return decode


def paradex_quote_plain(of: CryptoPerpetual) -> Callable[[tuple[bytes, bytes]], object]:
    """Return the usual path, from the JSON frame: `json` and `from_str`."""

    def decode(frames: tuple[bytes, bytes]) -> QuoteTick:
        data = json.loads(frames[1])["params"]["data"]
        return QuoteTick(
            of.id,
            Price.from_str(data["bid"]),
            Price.from_str(data["ask"]),
            Quantity.from_str(data["bid_size"]),
            Quantity.from_str(data["ask_size"]),
            data["last_updated_at"] * 1_000_000,
            TS_INIT,
        )

    return decode


def compare[Frame](
    path: str,
    frames: list[Frame],
    ours: Callable[[Frame], object],
    plain: Callable[[Frame], object],
    *,
    rounds: int,
    goal: float | None,
    note: str = "",
) -> Outcome:
    """Return how many times faster ours is; raise `AssertionError` where the two differ."""
    for frame in frames:
        one, other = _dict(ours(frame)), _dict(plain(frame))
        assert one == other, f"{one} is not {other}"
    found = interleaved({"ours": ours, "plain": plain}, frames, rounds=rounds)
    return Outcome(
        path=path,
        ours_us=found.call_us("ours"),
        against="json and from_str",
        is_floor=False,
        against_us=found.call_us("plain"),
        ratio=found.ratio("plain", "ours"),
        goal=goal,
        note=note,
    )


def _dict(value: Any) -> Any:
    return type(value).to_dict(value)


def run(rounds: int) -> list[Outcome]:
    """Measure."""
    btc, paradex_perpetual = hyperliquid_btc(), paradex_btc()
    return [
        compare(
            "Hyperliquid bbo frame to QuoteTick",
            hyperliquid_bbo_frames(),
            hyperliquid_quote(btc),
            hyperliquid_quote_plain(btc),
            rounds=rounds,
            goal=5,
        ),
        compare(
            "Hyperliquid book of 2 x 20 to deltas",
            hyperliquid_book_frames(),
            hyperliquid_book(btc),
            hyperliquid_book_plain(btc),
            rounds=rounds,
            goal=None,
            note="off the decision path",
        ),
        compare(
            "Paradex bbo frame (SBE) to QuoteTick",
            paradex_bbo_frames(),
            paradex_quote(paradex_perpetual),
            paradex_quote_plain(paradex_perpetual),
            rounds=rounds,
            goal=5,
        ),
    ]
