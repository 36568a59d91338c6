"""Hyperliquid's WebSocket without the socket: frames in, structs out, bytes to send.

The venue numbers nothing, so there is no gap to find in a sequence: what counts is which
subscriptions are acknowledged, and how long each stream has been silent.
"""

from typing import Any

import msgspec

from adapters.errors import Protocol
from adapters.hyperliquid.schemas import (
    AcknowledgedSubscription,
    AnyChannel,
    AnyFrame,
    AssetContextFrame,
    BboFrame,
    BookFrame,
    CandleFrame,
    ClearinghouseFrame,
    OrderUpdatesFrame,
    SpotFrame,
    SubscriptionFrame,
    TradesFrame,
    UserFillsFrame,
    UserFundingsFrame,
)

type Subscription = dict[str, Any]
type StreamKey = tuple[str, str]
"""A stream's type, with what tells it from others of the type (`l2Book:fast`, `candle:1m`), and its coin.

The account's streams have no coin.
"""

_decode = msgspec.json.Decoder(AnyFrame, strict=False).decode
_decode_channel = msgspec.json.Decoder(AnyChannel).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_KNOWN_CHANNELS = frozenset(frame.__struct_config__.tag for frame in AnyFrame.__value__.__args__)
_COIN_STREAMS: dict[type, str] = {BboFrame: "bbo", AssetContextFrame: "activeAssetCtx"}
_OTHER_STREAMS: dict[type, str] = {
    TradesFrame: "trades",
    OrderUpdatesFrame: "orderUpdates",
    UserFillsFrame: "userFills",
    UserFundingsFrame: "userFundings",
    ClearinghouseFrame: "clearinghouseState",
    SpotFrame: "spotState",
}


def decode(frame: bytes) -> AnyFrame | None:
    """Return the frame as a struct, None for a channel that is not ours; raises `Protocol`."""
    try:
        struct: AnyFrame = _decode(frame)
        return struct
    except _UNREADABLE as e:
        try:
            channel = _decode_channel(frame).channel
        except _UNREADABLE:
            raise Protocol(f"not a frame: {frame[:120]!r}") from e
        if channel in _KNOWN_CHANNELS:
            raise Protocol(f"{channel}: {e}") from e
        return None


def key_of(subscription: Subscription) -> StreamKey:
    """Return the key of a subscription."""
    return stream_name(subscription["type"], subscription.get("fast"), subscription.get("interval")), subscription.get("coin", "")


def stream_name(stream_type: str, is_fast: bool | None, interval: str | None) -> str:
    """Return the name of a stream among those of one coin."""
    if is_fast:
        return f"{stream_type}:fast"
    return f"{stream_type}:{interval}" if interval else stream_type


class HyperliquidStream:
    """The subscriptions of one socket and what has come of them; all times are Unix nanoseconds."""

    def __init__(self) -> None:
        self._subscriptions: dict[StreamKey, Subscription] = {}
        self._pending: set[StreamKey] = set()
        self._last_ns: dict[str, dict[str, int]] = {}  # by type, then by coin
        self._next_post_id = 0

    @property
    def pending(self) -> frozenset[StreamKey]:
        """The subscriptions the venue has not acknowledged on this connection."""
        return frozenset(self._pending)

    def open(self, now_ns: int) -> list[bytes]:
        """A connection was made: return the messages that restore every subscription."""
        self._pending = set(self._subscriptions)
        self._last_ns = {}
        for stream_type, coin in self._subscriptions:
            self._last_ns.setdefault(stream_type, {})[coin] = now_ns
        return [_request("subscribe", subscription) for subscription in self._subscriptions.values()]

    def subscribe(self, subscription: Subscription, now_ns: int) -> bytes | None:
        """Return the message to send, None where the stream is already subscribed (a second is an error there)."""
        key = key_of(subscription)
        if key in self._subscriptions:
            return None
        self._subscriptions[key] = subscription
        self._pending.add(key)
        self._last_ns.setdefault(key[0], {})[key[1]] = now_ns
        return _request("subscribe", subscription)

    def unsubscribe(self, key: StreamKey) -> bytes | None:
        """Return the message to send, None where there is no such stream."""
        wanted = self._subscriptions.pop(key, None)
        self._pending.discard(key)
        self._last_ns.get(key[0], {}).pop(key[1], None)
        return None if wanted is None else _request("unsubscribe", wanted)

    def post(self, request_type: str, payload: bytes) -> tuple[int, bytes]:
        """Return the id under which the answer will come, and the message that sends `payload`."""
        self._next_post_id += 1
        message = b'{"method":"post","id":%d,"request":{"type":"%s","payload":%s}}' % (
            self._next_post_id,
            request_type.encode(),
            payload,
        )
        return self._next_post_id, message

    def receive(self, frame: bytes, now_ns: int) -> AnyFrame | None:
        """Take in one frame; raises `Protocol` for a broken one and changes nothing then."""
        struct = decode(frame)
        if (stream := _COIN_STREAMS.get(type(struct))) is not None:
            self._hear(stream, struct.data.coin, now_ns)  # type: ignore[union-attr]
        elif isinstance(struct, SubscriptionFrame):
            self._note(struct.data)
        elif isinstance(struct, BookFrame):
            self._hear(stream_name("l2Book", struct.data.fast, None), struct.data.coin, now_ns)
        elif isinstance(struct, CandleFrame):
            self._hear(stream_name("candle", None, struct.data.i), struct.data.s, now_ns)
        elif (stream := _OTHER_STREAMS.get(type(struct))) is not None:
            coin = struct.data[0].coin if isinstance(struct, TradesFrame) and struct.data else ""
            self._hear(stream, coin, now_ns)
        return struct

    def _note(self, acknowledged: AcknowledgedSubscription) -> None:
        if acknowledged.method == "subscribe":
            named = acknowledged.subscription
            self._pending.discard((stream_name(named.type, named.fast, named.interval), named.coin or ""))

    def _hear(self, stream_type: str, coin: str, now_ns: int) -> None:
        by_coin = self._last_ns.get(stream_type)
        if by_coin is not None and coin in by_coin:
            by_coin[coin] = now_ns

    def resubscribe(self, key: StreamKey) -> list[bytes]:
        """Return the messages that begin a stream anew; how long it has been silent is kept."""
        subscription = self._subscriptions.get(key)
        if subscription is None:
            return []
        self._pending.add(key)
        return [_request("unsubscribe", subscription), _request("subscribe", subscription)]

    def last_heard_ns(self) -> dict[StreamKey, int]:
        """Return when each stream last brought something, or was begun."""
        return {(name, coin): last_ns for name, by_coin in self._last_ns.items() for coin, last_ns in by_coin.items()}


def _request(method: str, subscription: Subscription) -> bytes:
    return msgspec.json.encode({"method": method, "subscription": subscription})
