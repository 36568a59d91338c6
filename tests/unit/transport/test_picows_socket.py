"""The socket against a real server on a loopback port."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from adapters.errors import Connectivity
from adapters.transport.socket import PicowsSocket


class Recorder:
    """A listener that greets on every open and keeps what it hears."""

    def __init__(self):
        self.frames, self.closes, self.opens = [], [], 0
        self.socket = None

    async def on_open(self):
        self.opens += 1
        self.socket.send(f"hello {self.opens}".encode())

    def on_frame(self, frame, is_text):
        self.frames.append((frame, is_text))

    def on_close(self, reason):
        self.closes.append(reason)


class Server:
    """Echo every message; `drop` cuts all connections without a close frame."""

    def __init__(self):
        self.sockets, self.heard, self.url, self.is_mute = [], [], "", False

    async def handle(self, request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.sockets.append((ws, request.transport))
        async for message in ws:
            self.heard.append(message.data)
            if self.is_mute:
                continue
            await (ws.send_bytes if message.type == WSMsgType.BINARY else ws.send_str)(message.data)
        return ws

    def drop(self):
        for _, transport in self.sockets:
            transport.abort()
        self.sockets.clear()


async def eventually(condition, secs=5.0):
    for _ in range(int(secs / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition did not come true in time")


@asynccontextmanager
async def connected(**settings):
    server, listener = Server(), Recorder()
    app = web.Application()
    app.router.add_get("/ws", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def url():
        return f"ws://127.0.0.1:{port}/ws"

    socket = PicowsSocket(url, listener, name="test", log=lambda _line: None, **settings)
    listener.socket = socket
    try:
        await socket.open()
        yield server, listener, socket
    finally:
        await socket.close()
        await runner.cleanup()


async def test_the_listener_is_greeted_and_hears_whole_messages():
    async with connected() as (_, listener, socket):
        assert socket.is_open
        await eventually(lambda: listener.frames)
        assert listener.frames == [(b"hello 1", True)]
        assert socket.last_frame_ns > 0
        socket.send(b"x" * 200_000)
        await eventually(lambda: len(listener.frames) == 2)
        assert listener.frames[1] == (b"x" * 200_000, True)


async def test_a_lost_connection_comes_back_and_the_listener_subscribes_again():
    async with connected() as (server, listener, socket):
        await eventually(lambda: server.heard == ["hello 1"])
        server.drop()
        await eventually(lambda: listener.opens == 2)
        await eventually(lambda: server.heard == ["hello 1", "hello 2"])
        assert len(listener.closes) == 1
        assert socket.is_open


async def test_nothing_can_be_sent_while_the_connection_is_gone():
    async with connected() as (server, listener, socket):
        await eventually(lambda: server.heard)
        server.drop()
        await eventually(lambda: not socket.is_open)
        with pytest.raises(Connectivity, match="not open"):
            socket.send(b"order")
        await eventually(lambda: listener.opens == 2)
        assert "order" not in server.heard


async def test_a_connection_that_falls_silent_is_replaced():
    async with connected(silence_secs=0.2) as (server, listener, _):
        server.is_mute = True
        await eventually(lambda: listener.opens >= 2)
        assert listener.closes


async def test_keepalive_messages_keep_a_quiet_connection():
    async with connected(silence_secs=0.5, keepalive_secs=0.05, keepalive_message=b"ping") as (server, listener, _):
        await asyncio.sleep(0.8)
        assert listener.opens == 1
        assert server.heard.count("ping") >= 5


async def test_a_first_connection_that_fails_is_reported():
    async def nowhere():
        return "ws://127.0.0.1:9/ws"

    socket = PicowsSocket(nowhere, Recorder(), name="test", log=lambda _line: None)
    with pytest.raises(Connectivity, match="could not connect"):
        await socket.open()


async def test_closing_is_final():
    async with connected() as (server, listener, socket):
        await eventually(lambda: server.heard)
        await socket.close()
        await asyncio.sleep(0.5)
        assert listener.opens == 1
        assert not socket.is_open
