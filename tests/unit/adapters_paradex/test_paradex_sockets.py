import asyncio
import json

import pytest

from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.paradex import stream
from adapters.paradex.auth import Session
from adapters.paradex.feed import PublicFeed
from adapters.paradex.private import PrivateChannel
from adapters.paradex.schemas import Bbo, Book, Order
from adapters.paradex.status import StatusBoard, system_state
from adapters.paradex.stream import Push, Reply, Stream
from messages import VenueState

MARKET = "BTC-USD-PERP"


class Line:
    """A socket that hands every message to a listener of the test."""

    def __init__(self, answer=lambda message: None) -> None:
        self.is_open, self.sent, self._answer = True, [], answer
        self.reopened: list[str] = []

    def reopen(self, reason: str) -> None:
        self.reopened.append(reason)

    def send(self, message: bytes) -> None:
        if not self.is_open:
            raise Connectivity("closed")
        self.sent.append(json.loads(message))
        self._answer(self.sent[-1])

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(message["method"], message["params"].get("channel", "")) for message in self.sent]


def push(channel: str, data: dict) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}).encode() + b"\n"


BBO = {"market": MARKET, "seq_no": 1, "bid": "30112.2", "bid_size": "0.04", "ask": "", "ask_size": "", "last_updated_at": 5}
ORDER = {"id": "1", "market": MARKET, "side": "BUY", "type": "LIMIT", "size": "1", "status": "OPEN", "client_id": ""}


def test_a_text_frame_may_hold_several_objects():
    reply = b'{"jsonrpc":"2.0","id":1,"result":{"channel":"bbo.X"},"usIn":1,"usDiff":2,"usOut":3}\n'
    first, second = Stream().feed(reply + push("bbo.BTC-USD-PERP", BBO), is_text=True)
    assert isinstance(first, Reply)
    assert json.loads(first.result) == {"channel": "bbo.X"}
    assert second == Push(Bbo(market=MARKET, seq_no=1, bid_e8=3_011_220_000_000, bid_size_e8=4_000_000, last_updated_at=5))


def test_both_book_encodings_end_in_the_same_struct():
    data = {
        "seq_no": 7, "market": MARKET, "last_updated_at": 3, "update_type": "d", "updates": [],
        "inserts": [{"side": "BUY", "price": "62000.5", "size": "0.25"}, {"side": "SELL", "price": "62001", "size": "1.5"}],
        "deletes": [{"side": "SELL", "price": "62002", "size": "0"}],
    }  # fmt: skip
    (message,) = Stream().feed(push(stream.book(MARKET), data), is_text=True)
    assert message.data == Book(
        market=MARKET,
        seq_no=7,
        last_updated_at=3,
        is_snapshot=False,
        bids=[(62000.5, 0.25)],
        asks=[(62001.0, 1.5), (62002.0, 0.0)],
    )


def test_unknown_channels_and_foreign_ids_are_ignored():
    assert Stream().feed(push("block_trades.x", {"a": 1}), is_text=True) == []
    assert Stream().feed(b'{"jsonrpc":"2.0","id":"theirs","result":{}}', is_text=True) == []
    assert Stream().feed(b'{"jsonrpc":"2.0","error":{"code":-32700,"message":"parse"}}', is_text=True) == []


@pytest.mark.parametrize("frame", [b"nonsense", b"[1]", push("orders.ALL", {"id": "1"}), push("bbo.X", {"market": 5})])
def test_text_that_is_not_understood_is_a_protocol_error(frame):
    with pytest.raises(Protocol):
        Stream().feed(frame, is_text=True)


def feed_with(now=lambda: 0, line=None):
    seen, states, logs = [], [], []
    feed = PublicFeed(on_data=seen.append, on_open_state=lambda *state: states.append(state), log=logs.append, now_ns=now)
    feed.socket = line or Line()
    return feed, seen, states, logs


async def test_subscriptions_are_sent_once_and_replayed():
    feed, _, states, _ = feed_with()
    line = feed.socket
    feed.subscribe(stream.bbo(MARKET))
    feed.subscribe(stream.bbo(MARKET))
    feed.subscribe(stream.book(MARKET))
    feed.unsubscribe(stream.book(MARKET))
    assert line.asked == [
        ("subscribe", "bbo.BTC-USD-PERP"),
        ("subscribe", "order_book.BTC-USD-PERP.snapshot@15@100ms"),
        ("unsubscribe", "order_book.BTC-USD-PERP.snapshot@15@100ms"),
    ]
    feed.on_close("gone")
    line.is_open, line.sent = False, []
    feed.subscribe(stream.funding(MARKET))
    line.is_open = True
    await feed.on_open()
    assert line.asked == [("subscribe", "bbo.BTC-USD-PERP"), ("subscribe", "funding_data.BTC-USD-PERP")]
    assert states == [(False, "gone"), (True, "")]


def test_silence_is_noticed_per_channel():
    clock = {"ns": 0}
    feed, seen, _, logs = feed_with(now=lambda: clock["ns"])
    feed.subscribe(stream.bbo(MARKET))
    feed.subscribe(stream.summary(MARKET))
    feed.subscribe(stream.funding(MARKET))  # every few seconds by nature: not watched
    clock["ns"] = 11 * 10**9
    feed.on_frame(push(stream.bbo(MARKET), BBO), is_text=True)
    assert feed.silent_channels(10.0) == ["markets_summary.BTC-USD-PERP"]
    assert len(seen) == 1
    feed.on_frame(b"nonsense", is_text=True)
    assert len(logs) == 1
    refused = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"invalid subscribe request","data":"no parameters"}}'
    feed.on_frame(refused, is_text=True)
    assert "bbo.BTC-USD-PERP" in logs[-1]


def channel_with(replies: dict):
    """A private channel whose venue answers by method; a missing answer is silence."""
    seen, lost, ready = [], [], []

    async def login() -> str:
        return "jwt"

    async def on_ready() -> None:
        ready.append(True)

    def answer(message: dict) -> None:
        reply = replies.get(message["method"])
        if reply is not None:
            body = {"jsonrpc": "2.0", "id": message["id"], **reply}
            asyncio.get_running_loop().call_soon(channel.on_frame, json.dumps(body).encode(), True)

    channel = PrivateChannel(
        session=Session(login, lambda: 0.0),
        markets=lambda: (MARKET,),
        on_data=seen.append,
        on_ready=on_ready,
        on_lost=lost.append,
        log=lambda _: None,
        timeout_secs=0.1,
    )
    channel.socket = Line(answer)
    return channel, seen, lost, ready


FINE = {method: {"result": {}} for method in ("auth", "subscribe", "order.cancel_on_disconnect")}


async def test_every_connection_logs_in_arms_and_subscribes_before_it_is_ready():
    channel, seen, lost, ready = channel_with(FINE)
    for _ in range(2):
        channel.socket.sent.clear()
        await channel.on_open()
        methods = [method for method, _ in channel.socket.asked]
        assert methods[:2] == ["auth", "order.cancel_on_disconnect"]
        assert channel.socket.sent[0]["params"] == {"bearer": "jwt"}
        assert channel.socket.sent[1]["params"] == {"enabled": True}
        assert ("subscribe", "funding_payments.BTC-USD-PERP") in channel.socket.asked
        assert channel.is_ready
        channel.on_close("cut")
        assert not channel.is_ready
    assert (lost, ready) == (["cut", "cut"], [True, True])
    channel.on_frame(push("orders.ALL", ORDER), is_text=True)
    assert isinstance(seen[0], Order)
    assert seen[0].client_id is None


async def test_a_refused_login_keeps_it_from_being_ready():
    channel, _, _, ready = channel_with(FINE | {"auth": {"error": {"code": 40111, "message": "invalid token"}}})
    with pytest.raises(Auth):
        await channel.on_open()
    assert not channel.is_ready
    assert ready == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (None, OutcomeUnknown),
        ({"error": {"code": -32603, "message": "internal"}}, OutcomeUnknown),
        ({"error": {"code": 42901, "message": "slow"}}, RateLimited),
        ({"error": {"code": 40300, "message": "who"}}, Auth),
        ({"error": {"code": -32602, "message": "invalid params", "data": "INVALID_ORDER_SIZE"}}, Rejected),
    ],
)
async def test_what_a_reply_says_of_an_action(reply, expected):
    channel, _, _, _ = channel_with(FINE | ({} if reply is None else {"order.create": reply}))
    await channel.on_open()
    with pytest.raises(expected) as raised:
        await channel.call("order.create", {})
    if expected is Rejected:
        assert str(raised.value) == "-32602: invalid params INVALID_ORDER_SIZE"
    assert bool(channel.socket.reopened) == (expected is Auth)  # a connection that has lost its login is of no use
    assert channel.is_ready == (expected is not Auth)


async def test_a_stale_bearer_on_reconnect_is_replaced_without_losing_the_connection():
    """40111 to the first token of a connection: another login, then the usual order of things."""
    tokens = iter(("stale", "fresh"))

    async def login() -> str:
        return next(tokens)

    channel, _, lost, ready = channel_with(FINE)
    channel._session = Session(login, lambda: 0.0)
    refused = {"error": {"code": 40111, "message": "invalid token"}}
    answer = channel.socket._answer

    def picky(message: dict) -> None:
        if message["method"] == "auth" and message["params"]["bearer"] == "stale":
            body = {"jsonrpc": "2.0", "id": message["id"], **refused}
            asyncio.get_running_loop().call_soon(channel.on_frame, json.dumps(body).encode(), True)
        else:
            answer(message)

    channel.socket._answer = picky
    await channel.on_open()
    assert [message["params"]["bearer"] for message in channel.socket.sent if message["method"] == "auth"] == ["stale", "fresh"]
    assert channel.is_ready
    assert (lost, ready) == ([], [True])
    assert ("subscribe", "orders.ALL") in channel.socket.asked


async def test_a_lost_connection_leaves_the_outcome_unknown_at_once():
    channel, _, _, _ = channel_with(FINE)
    await channel.on_open()
    asking = asyncio.create_task(channel.call("order.create", {}))
    await asyncio.sleep(0)
    channel.on_close("cut")
    with pytest.raises(OutcomeUnknown, match="cut"):
        await asking
    with pytest.raises(Connectivity):
        await channel.call("order.create", {})
    assert [method for method, _ in channel.socket.asked].count("order.create") == 1


def test_a_state_is_published_once_per_change():
    published = []
    board = StatusBoard(published.append, lambda: 7)
    for state in (VenueState.OK, VenueState.OK, VenueState.STALE, VenueState.OK):
        board.report("public", state)
    board.report("system", system_state("post_only"), "post_only")
    assert [(status.channel, status.state) for status in published] == [
        ("public", VenueState.OK),
        ("public", VenueState.STALE),
        ("public", VenueState.OK),
        ("system", VenueState.POST_ONLY),
    ]
    assert system_state("a new word") is VenueState.MAINTENANCE
