"""What HTTP answers and WebSocket answers are taken to mean."""

import asyncio
import json

import msgspec
import pytest

from adapters.errors import Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.connection import HyperliquidConnection
from adapters.hyperliquid.http import HyperliquidHttp, fill_key, read_action_answer
from adapters.hyperliquid.schemas import Fill, ItemStatus
from adapters.hyperliquid.sender import ActionSender
from adapters.hyperliquid.signing import L1Signer, cancel_action
from adapters.transport import HttpResponse

KEY = "0x" + "0123456789" * 6 + "0123"
OK = b'{"status":"ok","response":{"type":"cancel","data":{"statuses":["success"]}}}'


class FakeTransport:
    """Answers from a script and remembers what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def request(self, method, url, *, headers=None, body=None, timeout_secs=None):
        self.asked.append((method, url, json.loads(body)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(body, status=200, headers=None):
    return HttpResponse(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def client(*answers):
    transport = FakeTransport(*answers)
    return HyperliquidHttp(transport, "http://venue/"), transport


def funding_rows(start, count):
    return [{"coin": "BTC", "fundingRate": "0.0000125", "premium": "0", "time": start + i * 3_600_000} for i in range(count)]


async def test_funding_history_is_paged_and_each_hour_comes_once():
    first, second = funding_rows(0, 500), funding_rows(499 * 3_600_000, 3)
    http, transport = client(answer(first), answer(second))
    rows = await http.funding_history("BTC", 0, 10**13)
    assert [row.time for row in rows] == [i * 3_600_000 for i in range(502)]
    assert [request["startTime"] for _, _, request in transport.asked] == [0, 499 * 3_600_000]


async def test_paging_ends_when_a_page_brings_nothing_new():
    page = [{"coin": "BTC", "fundingRate": "0", "time": 5}] * 500
    http, _ = client(answer(page), answer(page))
    assert len(await http.funding_history("BTC", 0)) == 1


async def test_user_funding_is_flattened_in_order():
    def row(time, usdc):
        delta = {"type": "funding", "coin": "HYPE", "usdc": usdc, "szi": "30.0", "fundingRate": "0.0000369155", "nSamples": None}
        return {"time": time, "hash": "0x00", "delta": delta}

    http, _ = client(answer([row(2, "-0.044263"), row(1, "0.1")]))
    rows = await http.user_funding("0xab", 0)
    assert [(row.time, str(row.usdc)) for row in rows] == [(1, "0.1"), (2, "-0.044263")]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(b"slow down", 429, {"retry-after": "2"}), RateLimited),
        (answer(b"null", 500), Connectivity),
        (answer(b"Failed to deserialize the JSON body into the target type", 422), Rejected),
        (answer(b"null"), Protocol),
        (answer(b"<html>"), Protocol),
        (Connectivity("refused"), Connectivity),
    ],
)
async def test_failed_reads_raise_and_never_look_empty(reply, error):
    http, _ = client(reply)
    with pytest.raises(error):
        await http.clearinghouse_state("0xab")


async def test_a_rate_limit_says_how_long_to_wait():
    http, _ = client(answer(b"", 429, {"retry-after": "2"}))
    with pytest.raises(RateLimited) as caught:
        await http.meta()
    assert caught.value.retry_after_secs == 2.0


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Connectivity("timed out"), OutcomeUnknown),
        (answer(b"null", 500), OutcomeUnknown),
        (answer(b"", 502), OutcomeUnknown),
        (answer(b"", 429), OutcomeUnknown),
        (answer(b"Failed to deserialize", 422), Rejected),
    ],
)
async def test_actions_that_may_have_been_executed_are_in_doubt(reply, error):
    http, transport = client(reply)
    with pytest.raises(error):
        await http.exchange(b"{}", 1.0)
    assert len(transport.asked) == 1


def test_action_answers_are_matched_by_position():
    body = (
        b'{"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":77738308,"cloid":"0x01"}},'
        b'{"filled":{"totalSz":"0.02","avgPx":"1891.4","oid":77747314}},'
        b'{"error":"Order must have minimum value of $10. asset=0"},"waitingForFill"]}}}'
    )
    resting, filled, error, waiting = read_action_answer(body, 4)
    assert resting.resting.oid == 77738308
    assert str(filled.filled.total_sz) == "0.02"
    assert error == ItemStatus(error="Order must have minimum value of $10. asset=0")
    assert waiting == "waitingForFill"


def test_a_bare_acknowledgement_has_no_items():
    assert list(read_action_answer(b'{"status":"ok","response":{"type":"default"}}', 0)) == []


def test_a_refused_action_carries_the_venues_words():
    with pytest.raises(Rejected, match="does not exist"):
        read_action_answer(b'{"status":"err","response":"User or API Wallet 0xab does not exist."}', 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html>",
        b'{"status":"ok","response":"success"}',
        b'{"status":"ok","response":{"type":"order","data":{"statuses":[]}}}',
        b'{"status":"ok","response":{"type":"order","data":{"statuses":["success","success"]}}}',
        b'{"status":"err","response":"Invalid nonce: duplicate nonce 1788895523507"}',
        b'{"status":"new","response":{"type":"order","data":{"statuses":["success"]}}}',
    ],
)
def test_answers_that_cannot_be_matched_are_in_doubt(body):
    with pytest.raises(OutcomeUnknown):
        read_action_answer(body, 1)


def test_fills_without_trade_id_are_still_told_apart():
    def fill(tid, px):
        return msgspec.convert(
            {"coin": "SUI", "px": px, "sz": "1", "side": "A", "time": 1, "oid": 2, "crossed": True, "fee": "0", "tid": tid}, Fill
        )

    assert fill_key(fill(7, "1.1")) == fill_key(fill(7, "1.1"))
    assert fill_key(fill(0, "1.1")) != fill_key(fill(0, "1.2"))


class FakeSocket:
    """Open or not; keeps what is sent and answers nothing by itself."""

    def __init__(self):
        self.is_open, self.sent, self.last_frame_ns, self.closes_on_send = True, [], 0, False

    async def open(self): ...

    async def close(self): ...

    def reopen(self, reason): ...

    def send(self, message):
        if not self.is_open or self.closes_on_send:
            raise Connectivity("not open")
        self.sent.append(json.loads(message))


def connected():
    socket = FakeSocket()
    connection = HyperliquidConnection(
        lambda listener, log: socket,
        on_data=lambda frame: None,
        on_up=lambda: None,
        on_down=lambda reason: None,
        clock_ns=lambda: 1,
        log=lambda line: None,
    )
    return connection, socket


def sender(connection, http):
    return ActionSender(
        L1Signer(KEY, is_mainnet=False), connection, http, budget=ActionBudget(0), ttl_secs=0.2, now_ms=lambda: 1_000
    )


async def send(connection, http):
    action_sender = sender(connection, http)
    return await action_sender.send(cancel_action([(0, 1)]), 1, action_sender.expiry_ms())


def reply(socket, kind, payload):
    response = {"type": kind, "payload": payload}
    return json.dumps({"channel": "post", "data": {"id": socket.sent[-1]["id"], "response": response}}).encode()


async def test_actions_go_over_the_open_socket_with_expiry():
    connection, socket = connected()
    http, transport = client()
    pending = asyncio.create_task(send(connection, http))
    await asyncio.sleep(0)
    payload = socket.sent[0]["request"]["payload"]
    assert (payload["nonce"], payload["expiresAfter"]) == (1_000, 1_200)
    connection.on_frame(reply(socket, "action", json.loads(OK)), True)
    assert list(await pending) == ["success"]
    assert transport.asked == []


@pytest.mark.parametrize("is_open", [False, True])
async def test_http_is_used_only_where_nothing_was_sent(is_open):
    connection, socket = connected()
    socket.is_open, socket.closes_on_send = is_open, True
    http, transport = client(answer(OK))
    assert list(await send(connection, http)) == ["success"]
    assert len(transport.asked) == 1


async def test_a_time_out_after_sending_is_in_doubt_and_not_sent_again():
    connection, socket = connected()
    http, transport = client()
    with pytest.raises(OutcomeUnknown):
        await send(connection, http)
    assert (len(socket.sent), transport.asked) == (1, [])


async def test_a_connection_lost_after_sending_is_in_doubt_at_once():
    connection, _ = connected()
    http, transport = client()
    pending = asyncio.create_task(send(connection, http))
    await asyncio.sleep(0)
    connection.on_close("gone")
    with pytest.raises(OutcomeUnknown, match="gone"):
        await pending
    assert transport.asked == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("422 Unprocessable Entity: Failed to deserialize", Rejected),
        ("429 Too Many Requests", OutcomeUnknown),
        ("429 Too Many Requests: rate limited", RateLimited),
        ("500 Internal Server Error: rate limited", OutcomeUnknown),
    ],
)
async def test_error_answers_over_the_socket(text, error):
    connection, socket = connected()
    http, _ = client()
    pending = asyncio.create_task(send(connection, http))
    await asyncio.sleep(0)
    connection.on_frame(reply(socket, "error", text), True)
    with pytest.raises(error):
        await pending


async def test_replayed_subscriptions_count_once_acknowledged():
    connection, socket = connected()
    connection.subscribe({"type": "orderUpdates", "user": "0xab"})
    with pytest.raises(Connectivity, match="orderUpdates"):
        await connection.acknowledged(0.01)
    await connection.on_open()
    assert [message["method"] for message in socket.sent] == ["subscribe", "subscribe"]
    ack = {
        "channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": {"type": "orderUpdates", "user": "0xab"}},
    }
    connection.on_frame(json.dumps(ack).encode(), True)
    await connection.acknowledged(0.01)


async def test_a_request_the_venue_had_no_room_for_was_not_executed():
    connection, socket = connected()
    http, transport = client()
    pending = asyncio.create_task(send(connection, http))
    await asyncio.sleep(0)
    text = f"too many pending post requests id={socket.sent[0]['id']}"
    connection.on_frame(json.dumps({"channel": "error", "data": text}).encode(), True)
    with pytest.raises(RateLimited, match="pending post"):
        await pending
    assert transport.asked == []


async def test_http_takes_what_the_socket_has_no_room_for(monkeypatch):
    monkeypatch.setattr("adapters.hyperliquid.connection.MAX_PENDING_POSTS", 1)
    connection, socket = connected()
    http, transport = client(answer(OK))
    first = asyncio.create_task(send(connection, http))
    await asyncio.sleep(0)
    assert list(await send(connection, http)) == ["success"]
    assert (len(socket.sent), len(transport.asked)) == (1, 1)
    connection.on_frame(reply(socket, "action", json.loads(OK)), True)
    assert list(await first) == ["success"]


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"Too Many Requests", OutcomeUnknown), (b"rate limited, slow down", RateLimited), (b"", OutcomeUnknown)],
)
async def test_a_429_on_an_action_is_definite_only_where_its_body_says_so(body, error):
    http, transport = client(answer(body, 429))
    with pytest.raises(error):
        await http.exchange(b"{}", 1.0)
    assert len(transport.asked) == 1
