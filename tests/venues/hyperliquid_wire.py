"""A raw client of the simulated Hyperliquid: requests signed by the official SDK, frames as they arrive."""

import asyncio
import itertools
import json
import time

import aiohttp
from eth_account import Account
from hyperliquid.utils.signing import sign_l1_action

COINS = {"BTC": 0, "ETH": 1, "SOL": 5, "HYPE": 7}
_nonces = itertools.count(int(time.time() * 1000))


def next_nonce():
    """One source for every client of the process, as one clock and one counter."""
    return next(_nonces)


class Wire:
    """One WebSocket connection."""

    def __init__(self, socket):
        self._socket = socket

    async def ask(self, message):
        await self._socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def frame(self, *channels, secs=10):
        """Return the next frame of one of the channels."""
        async with asyncio.timeout(secs):
            while True:
                frame = json.loads(await self._socket.receive_str())
                if frame["channel"] in channels:
                    return frame

    async def subscribe(self, **subscription):
        await self.ask({"method": "subscribe", "subscription": subscription})

    async def follow(self, **subscription):
        """Subscribe and wait for the acknowledgement."""
        await self.subscribe(**subscription)
        return await self.frame("subscriptionResponse", "error")

    async def count(self, channel, secs):
        """Return how many frames of a channel come within `secs`."""
        number = 0
        try:
            async with asyncio.timeout(secs):
                while True:
                    await self.frame(channel)
                    number += 1
        except TimeoutError:
            return number

    async def is_cut(self, secs=10):
        """Whether the connection ends without a close frame."""
        async with asyncio.timeout(secs):
            while True:
                message = await self._socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE):
                    return self._socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE

    @property
    def is_open(self):
        return not self._socket.closed


class Client:
    """One account's HTTP client."""

    def __init__(self, http, ready, account=0):
        self._http, self.url = http, ready["http_url"]
        self.ws_url, self.address = ready["ws_url"], ready["accounts"][account]["address"]
        self.key = ready["accounts"][account]["private_key"]

    async def post(self, path, body):
        """Return status, text and headers."""
        async with self._http.post(self.url + path, json=body) as response:
            return response.status, await response.text(), response.headers

    async def info(self, kind, **fields):
        status, text, _ = await self.post("/info", {"type": kind, **fields})
        assert status == 200, (status, text)
        return json.loads(text)

    def signed(self, action, *, nonce=None, key=None, vault=None, expires=None):
        """Return a signed envelope."""
        nonce = next_nonce() if nonce is None else nonce
        signature = sign_l1_action(Account.from_key(key or self.key), action, vault, nonce, expires, False)
        return {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": vault, "expiresAfter": expires}

    async def act(self, action, **options):
        status, text, _ = await self.post("/exchange", self.signed(action, **options))
        assert status == 200, (status, text)
        return json.loads(text)

    async def place(self, *orders, **options):
        """Return the statuses of a batch."""
        return statuses(await self.act(batch(*orders), **options))

    async def cancel(self, cloid, coin="BTC"):
        (status,) = statuses(await self.act({"type": "cancelByCloid", "cancels": [{"asset": COINS[coin], "cloid": cloid}]}))
        return status

    async def status_of(self, oid):
        return await self.info("orderStatus", user=self.address, oid=oid)

    async def cross(self, coin, is_buy, size, **options):
        """Trade at the market."""
        mid = float((await self.info("allMids"))[coin])
        price = f"{mid * (1.04 if is_buy else 0.96):.4g}"
        (status,) = await self.place(order(coin, is_buy, price, size, "Ioc", **options))
        return status["filled"]

    async def position(self, coin):
        """Return a position as text, None when flat."""
        state = await self.info("clearinghouseState", user=self.address)
        return next((row["position"]["szi"] for row in state["assetPositions"] if row["position"]["coin"] == coin), None)


def cloid(number):
    return f"0x{number:032x}"


def order(coin="BTC", is_buy=True, price="80000", size="0.01", tif="Gtc", *, reduce_only=False, id_=None):
    """Return an order's wire in the signed order of its fields."""
    price = f"{float(price):.10g}"
    wire = {"a": COINS[coin], "b": is_buy, "p": price, "s": str(size), "r": reduce_only, "t": {"limit": {"tif": tif}}}
    return {**wire, "c": id_} if id_ else wire


def batch(*orders):
    return {"type": "order", "orders": list(orders), "grouping": "na"}


def statuses(reply):
    assert reply["status"] == "ok", reply
    return reply["response"]["data"]["statuses"]


async def until(condition, secs=10.0):
    """Wait until an awaitable condition holds and return what it gave."""
    async with asyncio.timeout(secs):
        while not (value := await condition()):  # noqa: ASYNC110 - the condition is the venue's, it sets no event
            await asyncio.sleep(0.05)
        return value
