"""One living connection: a socket, the stream on it, and the requests waiting for an answer."""

import asyncio
import re
from collections.abc import Callable

import msgspec

from adapters.errors import Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.hyperliquid.constants import MAX_PENDING_POSTS
from adapters.hyperliquid.refusals import proves_rate_limit
from adapters.hyperliquid.schemas import AnyFrame, ErrorFrame, PongFrame, PostFrame, PostResponse, SubscriptionFrame
from adapters.hyperliquid.stream import HyperliquidStream, StreamKey, Subscription
from adapters.transport import Socket, SocketListener

_REFUSED_POST = re.compile(r"too many pending post requests id=(\d+)")

type SocketFactory = Callable[[SocketListener, Callable[[str], None]], Socket]


class HyperliquidConnection:
    """`SocketListener` that replays subscriptions on every open and hands data frames on.

    `on_up` and `on_down(reason)` are called on every change of the connection; `clock_ns` gives Unix
    nanoseconds.
    """

    def __init__(
        self,
        socket_factory: SocketFactory,
        *,
        on_data: Callable[[AnyFrame], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        clock_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self.stream = HyperliquidStream()
        self._on_data, self._on_up, self._on_down = on_data, on_up, on_down
        self._clock_ns, self._log = clock_ns, log
        self._answers: dict[int, asyncio.Future[PostResponse]] = {}
        self._all_acknowledged = asyncio.Event()
        self._socket = socket_factory(self, log)

    @property
    def is_open(self) -> bool:
        """Whether something can be sent now."""
        return self._socket.is_open

    async def open(self) -> None:
        """Connect for the first time; raises `Connectivity`."""
        await self._socket.open()

    async def close(self) -> None:
        """Close for good."""
        await self._socket.close()
        self._abandon("closed by us")

    def reopen(self, reason: str) -> None:
        """Drop the connection and make another."""
        self._socket.reopen(reason)

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe now, or with the next connection where there is none."""
        message = self.stream.subscribe(subscription, self._clock_ns())
        if message is not None:
            self._all_acknowledged.clear()
            self._send_if_open(message)

    def unsubscribe(self, key: StreamKey) -> None:
        """Stop a stream."""
        message = self.stream.unsubscribe(key)
        if message is not None:
            self._send_if_open(message)

    def resubscribe(self, key: StreamKey) -> None:
        """Begin a stream anew on the same connection, which may bring a silent one back."""
        self._all_acknowledged.clear()
        for message in self.stream.resubscribe(key):
            self._send_if_open(message)
        self._note_acknowledgements()

    async def acknowledged(self, timeout_secs: float) -> None:
        """Return when the venue has taken every subscription; raises `Connectivity` on time-out."""
        try:
            await asyncio.wait_for(self._all_acknowledged.wait(), timeout_secs)
        except TimeoutError:
            raise Connectivity(f"not acknowledged: {sorted(self.stream.pending)}") from None

    async def post_action(self, body: bytes, timeout_secs: float) -> bytes:
        """Send a signed action and return the venue's answer.

        Raises `Connectivity` where nothing was sent, `Rejected` where the venue could not read it,
        `RateLimited` where it says that it turned it away for rate, and `OutcomeUnknown` otherwise
        from the moment the bytes were handed to the socket.
        """
        if len(self._answers) >= MAX_PENDING_POSTS:
            raise Connectivity(f"{len(self._answers)} requests wait for an answer already")
        post_id, message = self.stream.post("action", body)
        self._socket.send(message)
        answer: asyncio.Future[PostResponse] = asyncio.get_running_loop().create_future()
        self._answers[post_id] = answer
        try:
            response = await asyncio.wait_for(answer, timeout_secs)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {timeout_secs:g} s") from None
        finally:
            self._answers.pop(post_id, None)
        if response.type == "action":
            return bytes(response.payload)
        text = _text(response)
        if text.startswith(("400", "422")):
            raise Rejected(text)
        if text.startswith("429") and proves_rate_limit(text):
            raise RateLimited(text)
        raise OutcomeUnknown(text)

    async def on_open(self) -> None:
        """See `SocketListener.on_open`."""
        self._all_acknowledged.clear()
        for message in self.stream.open(self._clock_ns()):
            self._socket.send(message)
        self._note_acknowledgements()
        self._on_up()

    def on_frame(self, frame: bytes, is_text: bool) -> None:
        """See `SocketListener.on_frame`; a broken frame is logged and dropped."""
        try:
            struct = self.stream.receive(frame, self._clock_ns())
        except Protocol as e:
            self._log(f"unreadable frame: {e}")
            return
        if struct is None or isinstance(struct, PongFrame):
            return
        if isinstance(struct, PostFrame):
            answer = self._answers.pop(struct.data.id, None)
            if answer is not None and not answer.done():
                answer.set_result(struct.data.response)
        elif isinstance(struct, SubscriptionFrame):
            self._note_acknowledgements()
        elif isinstance(struct, ErrorFrame):
            self._log(f"the venue says: {struct.data}")
            self._refuse_post(struct.data)
        else:
            self._hand_on(struct)

    def _hand_on(self, struct: AnyFrame) -> None:
        try:
            self._on_data(struct)
        except Protocol as e:
            self._log(f"frame dropped: {e}")

    def on_close(self, reason: str) -> None:
        """See `SocketListener.on_close`."""
        self._abandon(reason)
        self._on_down(reason)

    def _refuse_post(self, text: str) -> None:
        refused = _REFUSED_POST.search(text)
        answer = None if refused is None else self._answers.pop(int(refused[1]), None)
        if answer is not None and not answer.done():
            answer.set_exception(RateLimited(text))

    def _note_acknowledgements(self) -> None:
        if not self.stream.pending:
            self._all_acknowledged.set()

    def _send_if_open(self, message: bytes) -> None:
        if self._socket.is_open:
            self._socket.send(message)

    def _abandon(self, reason: str) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown(f"the connection was lost: {reason}"))
        self._answers.clear()


def _text(response: PostResponse) -> str:
    try:
        return msgspec.json.decode(response.payload, type=str)
    except msgspec.DecodeError:
        return bytes(response.payload).decode(errors="replace")
