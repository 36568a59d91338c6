"""Faults as a client sees them on the wire."""

import asyncio
import json
import struct
import time

import aiohttp
import pytest
from paradex_wire import BTC, SBE, connected, ends

from simulators.faults import Fault, FaultKind


@pytest.fixture
async def wire(sign_login, sign_order):
    async with connected(sign_login, sign_order) as client:
        yield client


def strike(wire, kind, **fields):
    wire.faults.inject(Fault(kind=kind, **fields))


async def happened(check, secs=5.0):
    async with asyncio.timeout(secs):
        while True:
            if found := check():
                return found
            await asyncio.sleep(0.01)


async def test_a_bearer_that_was_used_before_may_be_refused_on_reconnect(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    strike(wire, FaultKind.STALE_BEARER)
    strike(wire, FaultKind.DROP_SOCKET)
    await ends(socket)
    again = await wire.socket()
    error = (await again.ask("auth", {"bearer": token}))["error"]
    assert (error["code"], error["data"]) == (40111, "token is stale")
    assert (await again.ask("subscribe", {"channel": "orders.ALL"}))["error"]["code"] == 40300
    assert "result" in await again.ask("auth", {"bearer": await wire.login()})


async def test_a_fresh_bearer_is_not_taken_for_a_stale_one(wire):
    await wire.socket(token=await wire.login())
    strike(wire, FaultKind.STALE_BEARER)
    await wire.socket(token=await wire.login())


async def test_a_token_may_be_revoked_early_for_rest_and_new_sockets(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    strike(wire, FaultKind.REVOKE_TOKENS)
    async with asyncio.timeout(5):
        while True:
            status, body, _ = await wire.call("GET", "/account", token)
            if status != 200:
                break
            await asyncio.sleep(0.02)
    assert (status, body) == (401, {"message": "missing or malformed jwt: token is revoked"})
    assert (await (await wire.socket()).ask("auth", {"bearer": token}))["error"]["code"] == 40111
    assert "result" in await socket.ask("order.cancel_all", {})
    assert (await wire.call("GET", "/account", await wire.login()))[0] == 200


async def test_a_socket_may_be_closed_with_a_code(wire):
    socket = await wire.socket()
    strike(wire, FaultKind.DROP_SOCKET, status=1011)
    async with asyncio.timeout(3):
        message = await socket.ws.receive()
        while message.type is aiohttp.WSMsgType.TEXT:
            message = await socket.ws.receive()
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1011)


async def test_an_exhausted_limit_refuses_rest_with_headers_and_rpc_with_a_code(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    strike(wire, FaultKind.EXHAUST_LIMIT, path="orders", secs=1.5)
    await happened(lambda: wire.venue.exchange.limiter.is_exhausted("orders", time.time()))
    status, body, headers = await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000"))
    assert (status, body["error"], headers["X-RateLimit-Remaining"]) == (429, "RATE_LIMITED", "0")
    assert headers["Retry-After"] in ("1", "2")
    assert int(headers["X-RateLimit-Reset"]) >= int(time.time())
    assert (await socket.ask("order.create", wire.sign_order(price="82000")))["error"]["code"] == 42901
    assert (await wire.call("GET", "/orders-history", token))[:2] == (200, {"next": None, "prev": None, "results": []})
    await asyncio.sleep(1.6)
    assert (await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000")))[0] == 201
    assert "result" in await socket.ask("order.create", wire.sign_order(price="82000"))


async def test_too_many_connections_are_refused_at_the_upgrade(wire):
    strike(wire, FaultKind.EXHAUST_LIMIT, path="connections", secs=20.0)
    await happened(lambda: wire.venue.exchange.limiter.is_exhausted("connections", time.time()))
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await wire.socket()
    assert error.value.status == 429


async def test_a_geo_block_is_told_on_either_wire(wire):
    strike(wire, FaultKind.STATUS, path="GET /v1/markets", status=403, reason="GEO_IP_BLOCK")
    assert (await wire.call("GET", "/markets"))[1]["error"] == "GEO_IP_BLOCK"
    socket = await wire.socket()
    strike(wire, FaultKind.STATUS, path="ws auth", status=403, reason="blocked")
    assert (await socket.ask("auth", {"bearer": "a.b.c"}))["error"]["code"] == 40112


async def test_a_clock_ahead_shows_in_the_system_time_and_refuses_logins_and_orders(wire):
    token = await wire.login()
    strike(wire, FaultKind.CLOCK_OFFSET, secs=-4000.0)
    await happened(lambda: wire.settings.clock_offset_secs)
    shown_ms = int((await wire.call("GET", "/system/time"))[1]["server_time"])
    assert shown_ms == pytest.approx(time.time() * 1000 - 4_000_000, abs=5_000)
    assert (await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000")))[1]["error"] == "INVALID_TIMESTAMP"
    async with wire.http.post(f"{wire.http_url}/auth", headers=wire.login_headers()) as reply:
        assert (await reply.json())["error"] == "INVALID_TIMESTAMP"


@pytest.mark.parametrize("channel", [f"bbo.{BTC}", f"order_book.{BTC}.snapshot@15@100ms", f"order_book.{BTC}.deltas"])
async def test_the_first_message_of_a_subscription_may_be_old(wire, channel):
    socket = await wire.socket(SBE)
    strike(wire, FaultKind.STALE_SNAPSHOT, path=channel, secs=8.0)
    await socket.ask("subscribe", {"channel": channel})
    ages = [time.time() - struct.unpack_from("<q", frame, 8)[0] / 1e6 for frame in await socket.collect(2)]
    assert ages[0] > 7.9
    assert ages[1] < 3.0


async def test_order_events_may_change_places_with_their_numbers_still_rising(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    await socket.ask("subscribe", {"channel": "orders.ALL"})
    strike(wire, FaultKind.REORDER_ORDER_EVENTS, path=BTC, secs=30.0)
    order = (await socket.ask("order.create", wire.sign_order(price="82000")))["result"]["order"]
    while len(socket.pushed) < 2:
        await socket.next()
    told = [push["data"] for push in socket.pushed]
    assert [data["status"] for data in told] == ["OPEN", "NEW"]
    assert {data["id"] for data in told} == {order["id"]}
    assert told[0]["seq_no"] > told[1]["seq_no"]


async def test_a_held_order_event_without_a_successor_comes_late(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    await socket.ask("subscribe", {"channel": "orders.ALL"})
    wire.settings.latency_secs = (5.0, 5.0)
    strike(wire, FaultKind.REORDER_ORDER_EVENTS, path=BTC, secs=0.3)
    started = time.monotonic()
    await socket.ask("order.create", wire.sign_order(price="82000"))
    while not socket.pushed:
        await socket.next()
    assert time.monotonic() - started > 0.25
    assert socket.pushed[0]["data"]["status"] == "NEW"


async def test_a_reader_that_stops_reading_is_cut_off_and_one_that_reads_is_not(wire):
    wire.settings.queue_limit = 50
    reading = await wire.socket()
    host, port = wire.ws_url.removeprefix("ws://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"GET /v1 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    sessions = wire.venue.exchange.publisher.sessions
    await happened(lambda: len(sessions) == 2)
    sent = 0
    for _ in range(400):
        if len(sessions) < 2:
            break
        for session in tuple(sessions):
            session.send(json.dumps({"filler": "x" * 100_000}) + "\n")
        sent += 1
        async with asyncio.timeout(3):
            while (await reading.ws.receive()).data[:3] != '{"f':
                pass
    assert sent > 50
    await happened(lambda: len(sessions) == 1)
    assert (await reading.ask("nothing", {}))["error"]["code"] == -32601
    writer.close()


async def test_an_answer_may_come_late(wire):
    socket = await wire.socket()
    strike(wire, FaultKind.DELAY_REPLY, path="GET /v1/system/state", secs=0.4)
    strike(wire, FaultKind.DELAY_REPLY, path="ws subscribe", secs=0.4)
    for ask in (wire.call("GET", "/system/state"), socket.ask("subscribe", {"channel": "markets"})):
        started = time.monotonic()
        assert await ask
        assert time.monotonic() - started > 0.35
