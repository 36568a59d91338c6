"""Hyperliquid's WebSocket without the socket: frames in, structs out, bytes to send.

The venue numbers nothing, so there is no gap to find in a sequence: what counts is which
subscriptions are acknowledged, and how long each stream has been silent.
"""

from typing import Any

import msgspec

from adapters.errors import Protocol
from adapters.hyperliquid.schemas import (
    AnyChannel,
    AnyFrame,
    AssetContextFrame,
    BboFrame,
    BookFrame,
    ClearinghouseFrame,
    OrderUpdatesFrame,
    SubscriptionFrame,
    TradesFrame,
    UserFillsFrame,
    UserFundingsFrame,
)

type Subscription = dict[str, Any]
type StreamKey = tuple[str, str]
"""A stream's type and its coin; the account's streams have no coin."""

_decode = msgspec.json.Decoder(AnyFrame, strict=False).decode
_decode_channel = msgspec.json.Decoder(AnyChannel).decode
_KNOWN_CHANNELS = frozenset(frame.__struct_config__.tag for frame in AnyFrame.__value__.__args__)
_COIN_STREAMS: dict[type, str] = {BboFrame: "bbo", AssetContextFrame: "activeAssetCtx", BookFrame: "l2Book"}
_ACCOUNT_STREAMS: dict[type, str] = {
    OrderUpdatesFrame: "orderUpdates",
    UserFillsFrame: "userFills",
    UserFundingsFrame: "userFundings",
    ClearinghouseFrame: "clearinghouseState",
}


def decode(frame: bytes) -> AnyFrame | None:
    """Return the frame as a struct, None for a channel that is not ours; raises `Protocol`."""
    try:
        struct: AnyFrame = _decode(frame)
        return struct
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        try:
            channel = _decode_channel(frame).channel
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Protocol(f"not a frame: {frame[:120]!r}") from e
        if channel in _KNOWN_CHANNELS:
            raise Protocol(f"{channel}: {e}") from e
        return None


def key_of(subscription: Subscription) -> StreamKey:
    """Return the key of a subscription."""
    return subscription["type"], subscription.get("coin", "")


def key_of_frame(frame: Any) -> StreamKey | None:
    """Return the stream a frame belongs to, None for one that belongs to none."""
    kind = type(frame)
    if kind in _COIN_STREAMS:
        return _COIN_STREAMS[kind], frame.data.coin
    if kind is TradesFrame:
        return ("trades", frame.data[0].coin) if frame.data else None
    return (_ACCOUNT_STREAMS[kind], "") if kind in _ACCOUNT_STREAMS else None


class HyperliquidStream:
    """The subscriptions of one socket and what has come of them; all times are Unix nanoseconds."""

    def __init__(self) -> None:
        self._subscriptions: dict[StreamKey, Subscription] = {}
        self._pending: set[StreamKey] = set()
        self._last_ns: dict[StreamKey, int] = {}
        self._next_post_id = 0

    @property
    def pending(self) -> frozenset[StreamKey]:
        """The subscriptions the venue has not acknowledged on this connection."""
        return frozenset(self._pending)

    def open(self, now_ns: int) -> list[bytes]:
        """A connection was made: return the messages that restore every subscription."""
        self._pending = set(self._subscriptions)
        self._last_ns = dict.fromkeys(self._subscriptions, now_ns)
        return [_request("subscribe", subscription) for subscription in self._subscriptions.values()]

    def subscribe(self, subscription: Subscription, now_ns: int) -> bytes | None:
        """Return the message to send, None where the stream is already subscribed (a second is an error there)."""
        key = key_of(subscription)
        if key in self._subscriptions:
            return None
        self._subscriptions[key] = subscription
        self._pending.add(key)
        self._last_ns[key] = now_ns
        return _request("subscribe", subscription)

    def unsubscribe(self, subscription: Subscription) -> bytes | None:
        """Return the message to send, None where there is no such stream."""
        key = key_of(subscription)
        wanted = self._subscriptions.pop(key, None)
        self._pending.discard(key)
        self._last_ns.pop(key, None)
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
        key = key_of_frame(struct)
        if key in self._last_ns:
            self._last_ns[key] = now_ns
        elif isinstance(struct, SubscriptionFrame):
            named = struct.data.subscription
            self._pending.discard((named.type, named.coin or ""))
        return struct

    def silent(self, stream_type: str, since_ns: int) -> list[str]:
        """Return the coins whose `stream_type` stream has brought nothing since `since_ns`."""
        return [coin for (name, coin), last_ns in self._last_ns.items() if name == stream_type and last_ns < since_ns]


def _request(method: str, subscription: Subscription) -> bytes:
    return msgspec.json.encode({"method": method, "subscription": subscription})
