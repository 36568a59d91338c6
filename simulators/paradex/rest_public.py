"""REST without a token: system, markets, books, prints, funding, onboarding and login."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulators.paradex import payloads
from simulators.paradex.auth import INTERACTIVE
from simulators.paradex.constants import SYSTEM_CONFIG, VOLUME_TIERS
from simulators.paradex.errors import ApiError
from simulators.paradex.exchange import Exchange
from simulators.paradex.klines import PRICE_KINDS, RESOLUTIONS
from simulators.paradex.paging import envelope, integer, page, page_size, read_cursor, write_cursor
from simulators.paradex.signing import contract_address

FUNDING_PAGE = 5_000
SUMMARY_ROWS = 1_000


async def read_body(request: web.Request) -> Any:
    """Return the JSON body, an empty object for none. Raise ApiError."""
    text = await request.text()
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ApiError("BINDING_ERROR", "body is not JSON") from error


class PublicRest:
    """Handlers of the public endpoints."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below the API's base path."""
        return [
            web.get("/system/config", self._config),
            web.get("/system/time", self._time),
            web.get("/system/state", self._state),
            web.get("/markets", self._markets),
            web.get("/markets/summary", self._summary),
            web.get("/markets/klines", self._klines),
            web.get("/bbo/{market}", self._bbo),
            web.get("/bbo/{market}/interactive", self._bbo),
            web.get("/orderbook/{market}", self._orderbook),
            web.get("/orderbook/{market}/interactive", self._orderbook),
            web.get("/orderbook/{market}/impact-price", self._impact_price),
            web.get("/trades", self._trades),
            web.get("/funding/data", self._funding_data),
            web.get("/insurance", self._insurance),
            web.get("/system/volume-tiers", self._volume_tiers),
            web.get("/jwks.json", self._keys),
            web.get("/onboarding", self._is_onboarded),
            web.post("/onboarding", self._onboard),
            web.post("/auth", self._login),
            web.post("/auth/{public_key}", self._login),
        ]

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response(dict(SYSTEM_CONFIG))

    async def _time(self, request: web.Request) -> web.Response:
        return web.json_response({"server_time": str(self._exchange.venue_ms)})

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response({"status": self._exchange.engine.system_state})

    async def _markets(self, request: web.Request) -> web.Response:
        chosen = self._chosen(request.query)
        return _results([payloads.market(market.terms, market.funding.terms.period_hours) for market in chosen])

    async def _summary(self, request: web.Request) -> web.Response:
        """Answer the moment, or what was told between `start` and `end`, newest first, of one market."""
        start, end, now_ms = integer(request.query, "start"), integer(request.query, "end"), self._exchange.now_ms
        chosen = self._chosen(request.query)
        if start is None and end is None:
            return _results([payloads.summary(market.summary(now_ms)) for market in chosen])
        views = [view for market in chosen for view in reversed(market.summaries)]
        told = [view for view in views if (start or 0) <= view.time_ms <= (now_ms if end is None else end)]
        return _results([payloads.summary(view) for view in told[:SUMMARY_ROWS]])

    def _chosen(self, query: Mapping[str, str]) -> list[Any]:
        name = query.get("market", "ALL")
        return list(self._exchange.markets.values()) if name in ("", "ALL") else [self._exchange.market(name)]

    async def _klines(self, request: web.Request) -> web.Response:
        market, minutes = self._exchange.market(request.query.get("symbol", "")), integer(request.query, "resolution") or 1
        kind, now_ms = request.query.get("price_kind") or "last", self._exchange.now_ms
        if minutes not in RESOLUTIONS or kind not in PRICE_KINDS:
            raise ApiError("INVALID_REQUEST_PARAMETER", f"resolution must be one of {RESOLUTIONS}, price_kind of {PRICE_KINDS}")
        start, end = integer(request.query, "start_at") or 0, integer(request.query, "end_at")
        bars = self._exchange.klines.bars(
            market, kind, minutes, start_ms=start, end_ms=now_ms if end is None else end, now_ms=now_ms
        )
        return _results([[start_ms, *map(float, values)] for start_ms, *values in bars])

    async def _bbo(self, request: web.Request) -> web.Response:
        market = self._exchange.market(request.match_info["market"])
        return web.json_response(payloads.bbo(market.bbo(interactive=_is_interactive(request))))

    async def _orderbook(self, request: web.Request) -> web.Response:
        depth = integer(request.query, "depth")
        if depth is not None and depth < 1:
            raise ApiError("INVALID_REQUEST_PARAMETER", "depth must be positive")
        market = self._exchange.market(request.match_info["market"])
        book = market.snapshot(depth or 20, interactive=_is_interactive(request))
        return web.json_response(payloads.book_rest(book, market.bbo(), market.bbo(interactive=True)))

    async def _impact_price(self, request: web.Request) -> web.Response:
        core = self._exchange.market(request.match_info["market"]).core
        bid, ask = core.impact_usd(is_buy=False), core.impact_usd(is_buy=True)
        quoted = {"impact_bid_price": payloads.text(bid), "impact_ask_price": payloads.text(ask)}
        return web.json_response({"market": core.spec.symbol, **quoted})

    async def _trades(self, request: web.Request) -> web.Response:
        market = self._exchange.market(request.query.get("market", ""))
        return web.json_response(page(market.trades, request.query, payloads.trade))

    async def _funding_data(self, request: web.Request) -> web.Response:
        """Page through samples by their time: the cursor holds where the next page ends."""
        market = self._exchange.market(request.query.get("market", ""))
        size, end = page_size(request.query, FUNDING_PAGE), integer(request.query, "end_at")
        before = read_cursor(request.query, "before") or (end + 1 if end is not None else None)
        rows = market.history.newest_first(integer(request.query, "start_at"), before, size + 1)
        following = write_cursor("before", rows[size - 1].time_ms) if len(rows) > size else None
        return web.json_response(envelope([payloads.funding_sample(row) for row in rows[:size]], following))

    async def _insurance(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"account": "0x1", "account_value": "1000000", "settlement_asset": "USDC", "updated_at": self._exchange.now_ms}
        )

    async def _volume_tiers(self, request: web.Request) -> web.Response:
        return _results([payloads.volume_tier(*tier) for tier in VOLUME_TIERS])

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": []})  # tokens are signed with a secret, so there is no public key

    async def _is_onboarded(self, request: web.Request) -> web.Response:
        kind = request.query.get("account_signer_type", "starknet")
        if kind != "starknet":
            raise ApiError("INVALID_CHAIN", "only starknet accounts are simulated")
        proxy_hash, class_hash = (str(SYSTEM_CONFIG[f"paraclear_account_{name}"]) for name in ("proxy_hash", "hash"))
        try:
            public_key = int(request.query["public_key"], 16)
        except (KeyError, ValueError) as error:
            raise ApiError("PUBLIC_KEY_INVALID") from error
        address = contract_address(public_key, int(proxy_hash, 16), int(class_hash, 16))
        exists = address in self._exchange.registry.accounts
        info = {"class_hash": class_hash, "proxy_class_hash": proxy_hash}
        return web.json_response(
            {"account_signer_type": kind, "address": hex(address), "exists": exists, "derivation_info": info}
        )

    async def _onboard(self, request: web.Request) -> web.Response:
        self._exchange.registry.onboard(request.headers, await read_body(request), self._exchange.now_ms)
        return web.Response(status=200)

    async def _login(self, request: web.Request) -> web.Response:
        usage = request.query.get("token_usage", "")
        if usage not in ("", INTERACTIVE):
            raise ApiError("INVALID_REQUEST_PARAMETER", "unknown token_usage")
        now_secs = self._exchange.venue_ms // 1_000
        token = self._exchange.registry.login(request.headers, request.match_info.get("public_key"), usage, now_secs)
        return web.json_response({"jwt_token": token})


def _is_interactive(request: web.Request) -> bool:
    return request.path.endswith("/interactive")


def _results(rows: list[Any]) -> web.Response:
    return web.json_response({"results": rows})
