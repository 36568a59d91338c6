"""The public socket's owner: replays subscriptions, knows which channels have fallen silent."""

from collections.abc import Callable

from adapters.errors import Protocol
from adapters.paradex import stream
from adapters.paradex.schemas import Bbo, Heartbeat, MarketSummary, Payload
from adapters.paradex.stream import Push, Reply, Stream
from adapters.transport import Socket


class PublicFeed:
    """A `SocketListener` whose subscriptions outlive its connections.

    Frames name their market and never their channel, so freshness is kept per kind of message and
    market. `on_open_state` hears of every open and close.
    """

    def __init__(
        self,
        *,
        on_data: Callable[[Payload], None],
        on_open_state: Callable[[bool, str], None],
        log: Callable[[str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._on_data, self._on_open_state, self._log, self._now_ns = on_data, on_open_state, log, now_ns
        self._stream = Stream()
        self._channels: dict[str, None] = {}  # wanted, in the order of subscription
        self._pending: dict[int, str] = {}  # request number -> channel
        self._fresh_ns: dict[str, int] = {}  # watched channel -> last frame
        self._unreadable: set[str] = set()  # reasons already told on this connection
        self.socket: Socket | None = None

    def subscribe(self, channel: str) -> None:
        """Want a channel from now on, over every reconnect."""
        if channel not in self._channels:
            self._channels[channel] = None
            self._request("subscribe", channel)

    def unsubscribe(self, channel: str) -> None:
        """Stop wanting a channel."""
        if channel in self._channels:
            del self._channels[channel]
            self._fresh_ns.pop(_watch_key(channel), None)
            self._request("unsubscribe", channel)

    def resubscribe(self, channel: str) -> None:
        """Leave a wanted channel and join it again, which makes the venue send a whole book."""
        if channel in self._channels:
            self._request("unsubscribe", channel)
            self._request("subscribe", channel)

    def silent_channels(self, limit_secs: float) -> list[str]:
        """Return the quote and summary channels without a frame for longer than `limit_secs`."""
        oldest_ns = self._now_ns() - round(limit_secs * 1e9)
        return [channel for channel, last_ns in self._fresh_ns.items() if last_ns < oldest_ns]

    async def on_open(self) -> None:
        """See `SocketListener.on_open`."""
        self._pending.clear()
        self._unreadable.clear()
        for channel in self._channels:
            self._request("subscribe", channel)
        self._on_open_state(True, "")

    def on_close(self, reason: str) -> None:
        """See `SocketListener.on_close`."""
        self._on_open_state(False, reason)

    def on_frame(self, frame: bytes, is_text: bool) -> None:
        """See `SocketListener.on_frame`."""
        try:
            messages = self._stream.feed(frame, is_text)
        except Protocol as e:
            self._on_unreadable(str(e))
            return
        for message in messages:
            if isinstance(message, Push):
                self._dispatch(message.data)
            else:
                self._acknowledge(message)

    def _on_unreadable(self, reason: str) -> None:
        """Say once what cannot be read; that its channels fall silent says the rest."""
        if reason not in self._unreadable:
            self._unreadable.add(reason)
            self._log(f"public frames dropped: {reason}")

    def _dispatch(self, data: Payload) -> None:
        if isinstance(data, Heartbeat):
            return
        channel = _watched_channel(data)
        if channel in self._fresh_ns:
            self._fresh_ns[channel] = self._now_ns()
        self._on_data(data)

    def _acknowledge(self, reply: Reply) -> None:
        channel = self._pending.pop(reply.id, None)
        if reply.error is not None:
            self._log(f"{channel}: {reply.error.code} {reply.error.message} {bytes(reply.error.data).decode()}")

    def _request(self, method: str, channel: str) -> None:
        if method == "subscribe" and channel.startswith(("bbo.", "markets_summary.")):
            self._fresh_ns[_watch_key(channel)] = self._now_ns()  # silence counts from here
        if self.socket is None or not self.socket.is_open:
            return  # subscribed when the socket opens
        number, message = self._stream.request(method, {"channel": channel})
        self._pending[number] = channel
        self.socket.send(message)


def _watch_key(channel: str) -> str:
    """Return the name under which a channel's frames are recognised: they do not say which kind of bbo they are."""
    return channel.removesuffix(".interactive")


def _watched_channel(data: Payload) -> str | None:
    if isinstance(data, Bbo):
        return stream.bbo(data.market)
    if isinstance(data, MarketSummary):
        return stream.summary(data.symbol)
    return None
