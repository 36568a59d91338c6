"""The aggregator's API: sources, quotes, build, tokens and prices over HTTP."""

import json
import time
from collections import deque
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import MultiMapping

from simulators.faults import FaultBoard, FaultKind
from simulators.starknet import constants
from simulators.starknet.chain import Chain
from simulators.starknet.lies import LieKind, tamper_build, tamper_quote
from simulators.starknet.quotes import QuoteBook, QuoteRequest
from simulators.starknet.routing import SOURCES
from simulators.starknet.settings import Settings
from simulators.starknet.tokens import BY_ADDRESS, TOKENS, Token, TokenPrices
from simulators.starknet.words import number, to_hex

MAX_SIZE = 5
NULLABLE_USD = ("gasFeesInUsd", "sellTokenPriceInUsd", "buyTokenPriceInUsd")
EXPIRED = "Invalid quote id"
KEYED_FACTOR = 10  # how many more requests a client with an API key has


class Aggregator:
    """Handlers of the API."""

    def __init__(self, chain: Chain, prices: TokenPrices, book: QuoteBook) -> None:
        self._chain, self._prices, self._book, self._faults = chain, prices, book, chain.faults

    def routes(self, app: web.Application) -> None:
        """Add the API's paths to an application."""
        app.router.add_get("/swap/v3/sources", self._sources)
        app.router.add_get("/swap/v3/quotes", self._quotes)
        app.router.add_post("/swap/v3/build", self._build)
        app.router.add_get("/v1/starknet/tokens", self._tokens)
        app.router.add_get("/v1/starknet/tokens/{address}", self._token)
        app.router.add_post("/v3/tokens/prices", self._token_prices)

    async def _sources(self, _request: web.Request) -> web.Response:
        return web.json_response([{"name": name, "type": "DEX"} for name in SOURCES.values()])

    async def _quotes(self, request: web.Request) -> web.Response:
        now_ns = time.time_ns()
        self._chain.advance(now_ns)
        try:
            wanted = _quote_request(request.query)
        except (KeyError, ValueError) as error:
            return _refusal(f"Invalid request: {error}")
        if self._faults.take(FaultKind.EMPTY_QUOTES):
            return web.json_response([])
        bodies = [self._book.body(quote, now_ns) for quote in self._book.offer(wanted, now_ns)]
        if self._faults.take(FaultKind.NULL_USD):
            bodies = [{**body, **dict.fromkeys(NULLABLE_USD)} for body in bodies]
        if lie := self._lie(about_quotes=True):
            bodies = [tamper_quote(lie, body) for body in bodies]
        return web.json_response(bodies)

    async def _build(self, request: web.Request) -> web.Response:
        now_ns = time.time_ns()
        self._chain.advance(now_ns)
        if self._faults.take(FaultKind.EXPIRE_QUOTES):
            self._book.forget_all()
        try:
            body = json.loads(await request.read(), parse_float=Decimal)
            quote = self._book.find(str(body["quoteId"]), now_ns)
            taker, slippage = number(body["takerAddress"]), Decimal(body["slippage"])
        except (ValueError, KeyError, TypeError, InvalidOperation) as error:
            return _refusal(f"Invalid request: {error}")
        if not 0 <= slippage < 1:
            return _refusal("slippage must be between 0 and 1")
        if quote is None:
            return _refusal(EXPIRED)
        calls = self._book.calls(quote, taker, slippage, approves=bool(body.get("includeApprove", True)))
        answer: dict[str, Any] = {"chainId": to_hex(constants.CHAIN_ID), "calls": calls, "executorAddress": None}
        if lie := self._lie(about_quotes=False):
            answer = tamper_build(lie, answer)
        return web.json_response(_spelled(answer, decimal=self._chain.settings.decimal_calldata))

    def _lie(self, *, about_quotes: bool) -> LieKind | None:
        """Return the lie a fault asks for, if it concerns this kind of answer."""
        for kind in LieKind:
            if kind.is_about_quotes is about_quotes and self._faults.take(FaultKind.QUOTE_LIE, reason=kind.value):
                return kind
        return None

    async def _tokens(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            page, size = int(query.get("page", 0)), max(int(query.get("size", 20)), 1)
        except ValueError as error:
            return _refusal(f"Invalid request: {error}")
        search = query.get("search", "").lower()
        found = [token for token in TOKENS if search in token.symbol.lower() or search == to_hex(token.address)]
        content = [_token_body(token) for token in found[page * size : (page + 1) * size]]
        pages = -(-len(found) // size)
        totals = {"totalPages": pages, "totalElements": len(found), "size": size, "number": page}
        return web.json_response({"content": content, **totals})

    async def _token(self, request: web.Request) -> web.Response:
        try:
            token = BY_ADDRESS.get(number(request.match_info["address"]))
        except ValueError as error:
            return _refusal(f"Invalid request: {error}")
        return web.json_response(_token_body(token)) if token else web.json_response({"messages": ["Not found"]}, status=404)

    async def _token_prices(self, request: web.Request) -> web.Response:
        now_ns = time.time_ns()
        try:
            addresses = [number(text) for text in json.loads(await request.read())["tokens"]]
        except (ValueError, KeyError, TypeError) as error:
            return _refusal(f"Invalid request: {error}")
        found = [BY_ADDRESS[address] for address in addresses if address in BY_ADDRESS]
        return web.json_response([self._price_body(token, now_ns) for token in found])

    def _price_body(self, token: Token, now_ns: int) -> dict[str, Any]:
        market = {"usd": float(self._prices.usd(token, now_ns))}
        head = {"address": to_hex(token.address), "decimals": token.decimals}
        return {**head, "globalMarket": market, "starknetMarket": market}


def limit_middleware(settings: Settings, faults: FaultBoard) -> Middleware:
    """Return a middleware that counts a client's requests to the aggregator and answers 429 beyond the limit."""
    seen: dict[str, deque[float]] = {}
    spent_until = 0.0

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal spent_until
        if request.path == "/rpc":
            return await handler(request)
        now = time.monotonic()
        if fault := faults.take(FaultKind.EXHAUST_LIMIT, request.path):
            spent_until = now + fault.secs
        times = seen.setdefault(request.remote or "", deque())
        while times and now - times[0] > settings.window_secs:
            times.popleft()
        factor = KEYED_FACTOR if "x-api-key" in request.headers else 1
        full = settings.requests_per_window is not None and len(times) >= settings.requests_per_window * factor
        if full or now < spent_until:
            return web.Response(status=429, text="Too Many Requests")
        times.append(now)
        return await handler(request)

    return middleware


def _quote_request(query: MultiMapping[str]) -> QuoteRequest:
    """Read a quote's parameters. Raise KeyError or ValueError when they are none."""
    sold, bought = query.get("sellAmount"), query.get("buyAmount")
    if (sold is None) == (bought is None):
        raise ValueError("exactly one of sellAmount and buyAmount is required")
    amount = number(sold if sold is not None else bought)
    if not 0 < amount < 1 << 100:
        raise ValueError("amount out of range")
    if query.get("takerAddress"):
        number(query["takerAddress"])
    size = int(query.get("size", 1))
    if not 1 <= size <= MAX_SIZE:
        raise ValueError("size out of range")
    return QuoteRequest(
        sell=number(query["sellTokenAddress"]),
        buy=number(query["buyTokenAddress"]),
        sell_amount=amount if sold is not None else None,
        buy_amount=amount if bought is not None else None,
        size=size,
        excluded=frozenset(query.getall("excludeSources", [])),
        only_direct=query.get("onlyDirect", "false").lower() == "true",
    )


def _spelled(answer: Mapping[str, Any], *, decimal: bool) -> dict[str, Any]:
    """Return a build answer with its calldata as texts."""
    spell = str if decimal else to_hex
    calls = [
        {**call, "calldata": [spell(word) if isinstance(word, int) else word for word in call["calldata"]]}
        for call in answer["calls"]
    ]
    return {**answer, "calls": calls}


def _refusal(message: str) -> web.Response:
    return web.json_response({"messages": [message], "revertError": None}, status=400)


def _token_body(token: Token) -> dict[str, Any]:
    return {
        "address": f"0x{token.address:064x}",
        "name": token.name,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "logoUri": None,
        "lastDailyVolumeUsd": 0,
        "extensions": {},
        "tags": ["AVNU", "Verified"],
    }
