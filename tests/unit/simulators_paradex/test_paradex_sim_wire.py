"""What a client sees on the wire that the official SDK does not show: refusals, faults, frames."""

import asyncio
import json
import struct
import time
from itertools import pairwise

import aiohttp
import pytest
from paradex_wire import BTC, SBE, connected, ends

from simulators.faults import Fault, FaultKind


@pytest.fixture
async def wire(sign_login, sign_order):
    async with connected(sign_login, sign_order) as client:
        yield client


async def test_an_expired_token_has_a_body_without_an_error_code(wire):
    wire.settings.jwt_secs = 0
    status, body, _ = await wire.call("GET", "/account", await wire.login())
    assert (status, list(body)) == (401, ["message"])
    assert body["message"].startswith("missing or malformed jwt: token is expired by ")
    assert (await wire.call("GET", "/account"))[:2] == (401, {"message": "missing or malformed jwt"})


async def test_errors_come_in_the_envelope_with_rate_limit_headers(wire):
    token = await wire.login()
    status, body, headers = await wire.call("GET", "/orders/5", token)
    assert (status, body["error"], body["data"]) == (400, "ORDER_ID_NOT_FOUND", None)
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Ratelimit-Window"} <= set(headers)
    assert (await wire.call("GET", "/bbo/DOGE-USD-PERP"))[1]["error"] == "MARKET_NOT_FOUND"
    assert (await wire.call("GET", "/nowhere", token))[1]["error"] == "NOT_FOUND"
    assert (await wire.call("POST", "/orders", token, data="{"))[1]["error"] == "BINDING_ERROR"
    assert (await wire.call("GET", f"/funding/data?market={BTC}&page_size=6000"))[1]["error"] == "INVALID_REQUEST_PARAMETER"


async def test_too_many_requests_are_refused_with_a_time_to_wait(wire):
    token = await wire.login()
    replies = await asyncio.gather(*(wire.call("GET", "/balance", token) for _ in range(140)))
    refused = [(body, headers) for status, body, headers in replies if status == 429]
    assert 0 < len(refused) <= 20
    assert all(int(headers["Retry-After"]) >= 1 for _, headers in refused)


async def test_deleting_an_order_answers_204(wire):
    token = await wire.login()
    _, order, _ = await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000"))
    assert (await wire.call("DELETE", f"/orders/{order['id']}", token))[:2] == (204, None)
    assert (await wire.call("DELETE", "/orders", token))[:2] == (200, None)


async def test_leverage_is_set_per_market(wire):
    token = await wire.login()
    assert (await wire.call("POST", f"/account/margin/{BTC}", token, json={"leverage": 10, "margin_type": "CROSS"}))[1][
        "leverage"
    ] == 10
    (config,) = (await wire.call("GET", f"/account/margin?market={BTC}", token))[1]["configs"]
    assert config["leverage"] == 10
    assert (await wire.call("POST", f"/account/margin/{BTC}", token, json={"leverage": 51}))[1]["error"] == "VALIDATION_ERROR"


async def test_simulated_statuses_refuse_without_executing(wire):
    token = await wire.login()
    for status in (503, 429, 401):
        wire.faults.inject(Fault(kind=FaultKind.STATUS, path="POST /v1/orders", status=status, retry_after_secs=2))
        got, body, headers = await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000"))
        assert got == status
        assert ("error" in body) == (status != 401)
        assert headers.get("Retry-After") == (None if status == 401 else "2")
    assert (await wire.call("GET", "/orders-history", token))[1]["results"] == []


async def test_the_past_of_funding_is_there_before_the_start(wire):
    now_ms = time.time_ns() // 1_000_000
    at = now_ms - 24 * 3_600_000
    _, page, _ = await wire.call("GET", f"/funding/data?market={BTC}&start_at={at}&end_at={at + 10_000}")
    assert len(page["results"]) == 2
    assert page["results"][0]["funding_index"] != page["results"][1]["funding_index"]


@pytest.mark.parametrize("query", ["?sbeSchemaId=1&sbeSchemaVersion=9", "?sbeSchemaId=2&sbeSchemaVersion=1", "?sbeSchemaId=1"])
async def test_an_unknown_schema_is_refused_at_the_upgrade(wire, query):
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await wire.socket(query)
    assert error.value.status == 400


async def test_refused_rpc_requests(wire):
    socket = await wire.socket(SBE)
    assert (await socket.ask("nothing", {}))["error"] == {"code": -32601, "message": "method does not exist"}
    assert (await socket.ask("subscribe", {}))["error"]["code"] == -32602
    assert (await socket.ask("auth", {"bearer": "x"}))["error"]["code"] == 40110
    assert (await socket.ask("auth", {"bearer": "a.b.c"}))["error"]["code"] == 40111
    assert (await socket.ask("subscribe", {"channel": "orders.ALL"}))["error"]["code"] == 40300
    assert (await socket.ask("order.cancel_all", {}))["error"]["code"] == 40300
    assert (await socket.ask("unsubscribe", {"channel": f"bbo.{BTC}"}))["error"]["code"] == -32600
    await socket.ws.send_str("{")
    assert (await socket.next())["error"]["code"] == -32700


async def test_subscriptions_an_sbe_session_refuses(wire):
    socket = await wire.socket(SBE)
    reply = await socket.ask("subscribe", {"channel": f"order_book.{BTC}.deltas@15@50ms"})
    assert reply["error"] == {
        "code": -32600,
        "message": "invalid subscribe request",
        "data": "no parameters expected for deltas topic.",
    }
    assert "result" in await socket.ask("subscribe", {"channel": f"order_book.{BTC}.deltas"})
    assert (await socket.ask("subscribe", {"channel": f"order_book.{BTC}.deltas"}))["error"]["code"] == -32600
    shared = await socket.ask("subscribe", {"channel": f"order_book.{BTC}.snapshot@15@100ms"})
    assert "cannot share an SBE session" in shared["error"]["data"]
    assert "result" in await socket.ask("subscribe", {"channel": "order_book.ETH-USD-PERP.snapshot@15@100ms"})
    reply = await socket.ask("subscribe", {"channel": f"bbo.{BTC}"})
    assert reply["usOut"] - reply["usIn"] == reply["usDiff"]


def header(frame):
    return struct.unpack_from("<4H", frame)


def book(frame):
    _, seq, kind = struct.unpack_from("<qqB", frame, 8)
    return seq, kind


async def test_deltas_follow_the_snapshot_without_a_gap_until_one_is_injected(wire):
    socket = await wire.socket(SBE)
    await socket.ask("subscribe", {"channel": f"order_book.{BTC}.deltas"})
    frames = [book(frame) for frame in await socket.collect(5)]
    assert [kind for _, kind in frames] == [0, 1, 1, 1, 1]
    assert [seq - frames[0][0] for seq, _ in frames] == [0, 1, 2, 3, 4]
    wire.faults.inject(Fault(kind=FaultKind.DROP_DELTA, path=BTC))
    frames = [book(frame) for frame in await socket.collect(len(socket.binary) + 4)]
    steps = [later[0] - earlier[0] for earlier, later in pairwise(frames)]
    assert sorted(set(steps)) == [1, 2]
    assert steps.count(2) == 1


async def test_each_version_gets_its_layout(wire):
    for version, length in ((0, 58), (1, 66), (2, 66), (3, 66)):
        socket = await wire.socket(f"?sbeSchemaId=1&sbeSchemaVersion={version}")
        await socket.ask("subscribe", {"channel": f"funding_data.{BTC}"})
        await socket.ask("subscribe", {"channel": f"markets_summary.{BTC}"})
        frame = (await socket.collect(1))[0]
        assert header(frame) == ({0: 216, 3: 248}.get(version, 240), 4, 1, version)
        wire.venue.exchange.publisher.funding(
            wire.venue.exchange.markets[BTC], wire.venue.exchange.markets[BTC].sample(time.time_ns())
        )
        while header(frame)[1] != 5:
            frame = await socket.next()
        assert header(frame) == (length, 5, 1, version)


async def test_an_idle_sbe_socket_gets_heartbeats(wire):
    wire.settings.heartbeat_secs = 0.05
    socket = await wire.socket(SBE)
    assert [header(frame)[1] for frame in await socket.collect(2)] == [40, 40]


async def test_json_deltas_begin_with_a_snapshot(wire):
    socket = await wire.socket()
    await socket.ask("subscribe", {"channel": f"order_book.{BTC}.deltas@15@50ms"})
    while len(socket.pushed) < 3:
        await socket.next()
    kinds = [push["data"]["update_type"] for push in socket.pushed]
    assert kinds[0] == "s"
    assert set(kinds[1:]) == {"d"}
    assert socket.pushed[0]["data"]["updates"] == socket.pushed[0]["data"]["deletes"] == []


async def test_public_json_may_be_switched_off_and_private_binary_too(wire):
    wire.settings.public_json = wire.settings.private_sbe = False
    token = await wire.login()
    socket = await wire.socket(token=token)
    assert (await socket.ask("subscribe", {"channel": f"bbo.{BTC}"}))["error"]["code"] == -32600
    assert "result" in await socket.ask("subscribe", {"channel": "orders.ALL"})
    binary = await wire.socket(SBE, token)
    await binary.ask("subscribe", {"channel": "orders.ALL"})
    await binary.ask("order.create", wire.sign_order(price="82000"))
    while not binary.pushed:
        await binary.next()
    assert binary.pushed[0]["channel"] == "orders.ALL"


async def test_an_rpc_may_fail_after_the_order_was_accepted(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    wire.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="ws order.create", status=500))
    assert (await socket.ask("order.create", wire.sign_order(price="82000", client_id="unknown")))["error"]["code"] == -32603
    history = (await wire.call("GET", "/orders-history?client_id=unknown", token))[1]["results"]
    assert len(history) == 1


async def test_a_socket_may_drop_after_the_order_was_accepted(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    wire.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="ws order.create"))
    await socket.ws.send_str(json.dumps({"id": 1, "method": "order.create", "params": wire.sign_order(price="82000")}))
    await ends(socket)
    assert len((await wire.call("GET", "/orders-history", token))[1]["results"]) == 1


async def test_a_frozen_channel_is_silent_and_sockets_drop_on_demand(wire):
    socket = await wire.socket()
    await socket.ask("subscribe", {"channel": f"bbo.{BTC}"})
    wire.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel=f"bbo.{BTC}"))
    await socket.ask("nothing", {})  # everything pushed before has come by now
    with pytest.raises(TimeoutError):
        await socket.next(0.4)
    wire.faults.clear(FaultKind.FREEZE_STREAM)
    assert (await socket.next())["params"]["channel"] == f"bbo.{BTC}"
    wire.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
    await ends(socket)


async def test_a_token_outlives_its_expiry_on_an_open_socket_only(wire):
    wire.settings.jwt_secs = 1
    token = await wire.login()
    socket = await wire.socket(token=token)
    await asyncio.sleep(1.1)
    assert "result" in await socket.ask("order.cancel_all", {})
    other = await wire.socket()
    assert (await other.ask("auth", {"bearer": token}))["error"]["code"] == 40111


async def test_a_slow_reader_is_cut_off(wire):
    wire.settings.queue_limit = 3
    socket = await wire.socket()
    for _ in range(20):
        await socket.ws.send_str(json.dumps({"id": 1, "method": "subscribe", "params": {"channel": "markets_summary"}}))
    session = next(iter(wire.venue.exchange.publisher.sessions))
    for _ in range(5):
        session.send("{}\n")
    await ends(socket)


async def test_the_summary_may_be_narrowed_to_markets(wire):
    socket = await wire.socket()
    await socket.ask("subscribe", {"channel": "markets_summary", "markets": [BTC]})
    await socket.ask("modify_subscription", {"channel": "markets_summary", "add": ["ETH-USD-PERP"], "remove": [BTC]})
    socket.pushed.clear()
    while len(socket.pushed) < 2:
        await socket.next()
    assert {push["data"]["symbol"] for push in socket.pushed} == {"ETH-USD-PERP"}
