"""A client of the simulated Paradex that shows every byte, for tests of the wire."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import aiohttp

from simulators import launch

BTC = "BTC-USD-PERP"
SBE = "?sbeSchemaId=1&sbeSchemaVersion=2"


@contextlib.asynccontextmanager
async def connected(sign_login, sign_order, **options) -> AsyncIterator["Wire"]:
    """Run the venue and yield a client of it."""
    options = {"only": "paradex", "seed": 9, "scenario": "calm", "step_secs": 0.05, **options}
    async with (
        launch(**options) as sims,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as http,
    ):
        yield Wire(sims, http, sign_login, sign_order)


class Wire:
    def __init__(self, sims, http, sign_login, sign_order) -> None:
        self.venue, self.http, self.sign_order = sims.paradex, http, sign_order
        self.faults, self.settings = self.venue.faults, self.venue.settings
        self.http_url, self.ws_url = sims.ready["paradex"]["http_url"], sims.ready["paradex"]["ws_url"]
        self._sign_login = sign_login

    async def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, self.http_url + path, headers=headers, **options) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if text else None, reply.headers

    def login_headers(self):
        return self._sign_login(int(time.time()))

    async def login(self, query=""):
        async with self.http.post(f"{self.http_url}/auth{query}", headers=self.login_headers()) as reply:
            return (await reply.json())["jwt_token"]

    async def socket(self, query="", token=None):
        socket = Socket(await self.http.ws_connect(self.ws_url + query))
        if token:
            assert "result" in await socket.ask("auth", {"bearer": token})
        return socket


class Socket:
    def __init__(self, ws) -> None:
        self.ws, self.binary, self.pushed, self._ids = ws, [], [], iter(range(1, 1000))

    async def ask(self, method, params):
        ident = next(self._ids)
        await self.ws.send_str(json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": params}))
        while True:
            message = await self.next()
            if isinstance(message, dict) and message.get("id") == ident:
                return message

    async def next(self, secs=3.0):
        frame = await self.ws.receive(secs)
        if frame.type is aiohttp.WSMsgType.BINARY:
            self.binary.append(frame.data)
            return frame.data
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        assert frame.data.endswith("\n")
        message = json.loads(frame.data)
        if "method" in message:
            self.pushed.append(message["params"])
        return message

    async def collect(self, count):
        while len(self.binary) < count:
            await self.next()
        return self.binary[:count]


async def ends(socket):
    """Read until the connection is gone; fail when it stays."""
    async with asyncio.timeout(3):
        while (await socket.ws.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
