"""The venue: an aggregator and a node on one port of 127.0.0.1."""

import json
import time
from typing import Any

from aiohttp import web

from simulators.fault_middleware import fault_middleware
from simulators.faults import FaultBoard
from simulators.starknet.avnu import Aggregator, limit_middleware
from simulators.starknet.chain import Chain
from simulators.starknet.genesis import ACCOUNTS
from simulators.starknet.quotes import QuoteBook
from simulators.starknet.rpc import Node
from simulators.starknet.rpc_errors import PARSE_ERROR, error_body
from simulators.starknet.settings import Settings
from simulators.starknet.tokens import TOKENS, TokenPrices
from simulators.starknet.words import to_hex
from simulators.tape import Tape, TapeClock

RPC_PATH = "/rpc"


class StarknetVenue:
    """Starknet with Ekubo's pools, and AVNU in front of them."""

    def __init__(self, *, tape: Tape, clock: TapeClock, seed: int, faults: FaultBoard) -> None:
        self.faults, self.settings = faults, Settings()
        self.prices = TokenPrices(tape, clock, seed)
        self.chain = Chain(self.prices, ACCOUNTS, self.settings, faults, time.time_ns())
        self._node = Node(self.chain)
        self._aggregator = Aggregator(self.chain, self.prices, QuoteBook(self.chain, self.prices, seed))
        self._runner: web.AppRunner | None = None
        self._url = ""

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`; port 0 picks a free one. Raise OSError when the port is taken."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def step(self, now_ns: int) -> None:
        """Advance the chain and let arbitrageurs trade."""
        self.chain.advance(now_ns)
        self.chain.step_market(now_ns)

    def ready(self) -> dict[str, object]:
        """Return the venue's part of the ready line."""
        accounts = [
            {
                "name": account.name,
                "address": to_hex(account.address),
                "private_key": to_hex(account.private_key),
                "public_key": to_hex(account.public_key),
            }
            for account in ACCOUNTS
        ]
        tokens = {token.symbol: {"address": to_hex(token.address), "decimals": token.decimals} for token in TOKENS}
        return {"avnu_url": self._url, "rpc_url": self._url + RPC_PATH, "accounts": accounts, "tokens": tokens}

    def _app(self) -> web.Application:
        limits = limit_middleware(self.settings, self.faults)
        app = web.Application(middlewares=[fault_middleware(self.faults, _name_of), limits])
        app.router.add_post(RPC_PATH, self._serve_rpc)
        self._aggregator.routes(app)
        return app

    async def _serve_rpc(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except ValueError:
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": error_body(PARSE_ERROR, None)})
        now_ns = time.time_ns()
        if isinstance(body, list):
            return web.json_response([self._node.answer(each, now_ns) for each in body])
        return web.json_response(self._node.answer(body, now_ns))


async def _name_of(request: web.Request) -> str:
    """Return what faults match: the path and, for the node, the method's name."""
    if request.path != RPC_PATH:
        return request.path
    try:
        body: Any = json.loads(await request.read())
        return f"{RPC_PATH}:{body['method']}"
    except (ValueError, KeyError, TypeError):
        return request.path
