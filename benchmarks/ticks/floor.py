"""The least a client can do between a tick and its order: the same socket library and signers, no Nautilus."""

import argparse
import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from adapters.hyperliquid import signing
from adapters.paradex import sbe
from adapters.paradex.order_body import order_body
from adapters.paradex.schemas import Bbo
from adapters.paradex.signing import OrderTerms, Signer
from benchmarks import keys
from benchmarks.ticks import ASSET, FLOOR, MARKET, ORDER_SIZE

RECV_WINDOW_MS = 5_000


class _Level(msgspec.Struct, gc=False):
    px: Decimal


class _Data(msgspec.Struct, gc=False):
    bbo: tuple[_Level, _Level]


class _Frame(msgspec.Struct, gc=False):
    channel: str
    data: _Data


def hyperliquid() -> Callable[[bytes], bytes | None]:
    """Return what turns a tick into the message of an order, None for any other frame."""
    signer = signing.L1Signer(keys.HYPERLIQUID_KEY, is_mainnet=False)
    decode = msgspec.json.Decoder(_Frame).decode
    numbers = itertools.count(1)

    def answer(frame: bytes) -> bytes | None:
        if b'"bbo":[' not in frame:
            return None
        number, now_ms = next(numbers), time.time_ns() // 1_000_000
        wire = signing.order_wire(
            asset=0,
            is_buy=True,
            price=decode(frame).data.bbo[1].px,
            size=ORDER_SIZE,
            reduce_only=False,
            tif="Ioc",
            cloid=signing.cloid(f"O-{number}"),
        )
        body = signer.body(signing.order_action([wire]), now_ms, expires_ms=now_ms + RECV_WINDOW_MS)
        return b'{"method":"post","id":%d,"request":{"type":"action","payload":%s}}' % (number, body)

    return answer


def paradex() -> Callable[[bytes], bytes | None]:
    """Return what turns a tick into the message of an order, None for any other frame."""
    signer = Signer(keys.PARADEX_CHAIN, keys.PARADEX_ADDRESS, keys.PARADEX_KEY)
    numbers = itertools.count(1)
    encode = msgspec.json.Encoder().encode

    def answer(frame: bytes) -> bytes | None:
        quote = None if frame[:1] == b"{" else sbe.decode(frame)
        if not isinstance(quote, Bbo):
            return None
        number = next(numbers)
        terms = OrderTerms(
            timestamp_ms=time.time_ns() // 1_000_000,
            market=MARKET,
            side="BUY",
            kind="LIMIT",
            size=ORDER_SIZE,
            price=Decimal(quote.ask_e8 or 0).scaleb(-8),
        )
        body = order_body(
            terms, signer, client_id=f"O-{number}", instruction="IOC", is_reduce_only=False, recv_window_ms=RECV_WINDOW_MS
        )
        return encode({"jsonrpc": "2.0", "method": "order.create", "params": body, "id": number})

    return answer


class Client(WSListener):
    """One connection: a tick in, an order out, in the same callback."""

    def __init__(self, subscription: bytes, answer: Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self._subscription, self._answer = subscription, answer

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Subscribe."""
        transport.send(WSMsgType.TEXT, self._subscription)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a tick."""
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            order = self._answer(frame.get_payload_as_bytes())
            if order is not None:
                transport.send(WSMsgType.TEXT, order)


async def run(ws_url: str) -> None:
    """Trade on both venues until one of them hangs up."""
    subscriptions = (
        ("hyperliquid", f'{{"method":"subscribe","subscription":{{"type":"bbo","coin":"{ASSET}"}}}}', hyperliquid()),
        (
            f"paradex{sbe.socket_query(1)}",
            f'{{"jsonrpc":"2.0","method":"subscribe","params":{{"channel":"bbo.{MARKET}"}},"id":0}}',
            paradex(),
        ),
    )
    transports = []
    for path, subscription, answer in subscriptions:
        make = partial(Client, subscription.encode(), answer)
        transports.append((await ws_connect(make, f"{ws_url}/{FLOOR}/{path}"))[0])
    await asyncio.wait([asyncio.ensure_future(transport.wait_disconnected()) for transport in transports])


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ws-url", required=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(run(parser.parse_args().ws_url))
    return 0


if __name__ == "__main__":
    sys.exit(main())
