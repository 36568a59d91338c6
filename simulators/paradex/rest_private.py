"""REST of an account's trading: money, positions, fills, funding payments and margin settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from simulators.paradex import payloads
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError
from simulators.paradex.exchange import Exchange
from simulators.paradex.margin import account_view
from simulators.paradex.paging import page
from simulators.paradex.rest_public import read_body

Json = dict[str, Any]
CALLER = web.RequestKey("caller", Caller)
MAX_LEVERAGE = 50


class PrivateRest:
    """Handlers that show and set up the caller's account."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below the API's base path."""
        return [
            web.get("/account", self._account),
            web.get("/account/info", self._info),
            web.get("/account/summary", self._summary),
            web.get("/account/subaccounts", self._subaccounts),
            web.get("/account/margin", self._margin),
            web.post("/account/margin/{market}", self._set_margin),
            web.get("/balance", self._balance),
            web.get("/positions", self._positions),
            web.get("/fills", self._fills),
            web.get("/funding/payments", self._payments),
            web.get("/tradebusts", self._busts),
        ]

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response(self._account_json(_account(request)))

    def _account_json(self, account: ParadexAccount) -> Json:
        now_ms = self._exchange.now_ms
        return payloads.account(account_view(account, self._exchange.markets, now_ms), now_ms * 1_000_000)

    async def _info(self, request: web.Request) -> web.Response:
        tiers = {"pro": {"tier": "Pro 0", "volume": payloads.text(_account(request).volume_usd)}}
        return _results(
            [{**_identity(_account(request)), "fees": payloads.fees(), "has_ecosystem_nft": False, "volume_tiers": tiers}]
        )

    async def _summary(self, request: web.Request) -> web.Response:
        return _results([self._account_json(_account(request))])

    async def _subaccounts(self, request: web.Request) -> web.Response:
        return _results([_identity(_account(request))])

    async def _margin(self, request: web.Request) -> web.Response:
        account, wanted = _account(request), request.query.get("market")
        names = [self._exchange.market(wanted).symbol] if wanted else list(self._exchange.markets)
        configs = [
            {"market": name, "leverage": account.money.leverage_of(name), "margin_type": "CROSS", "isolated_margin_leverage": 0}
            for name in names
        ]
        return web.json_response({"account": account.address_text, "margin_methodology": "cross_margin", "configs": configs})

    async def _set_margin(self, request: web.Request) -> web.Response:
        account, body = _account(request), await read_body(request)
        market = self._exchange.market(request.match_info["market"])
        leverage = body.get("leverage") if isinstance(body, dict) else None
        if not isinstance(leverage, int) or not 1 <= leverage <= MAX_LEVERAGE or body.get("margin_type", "CROSS") != "CROSS":
            raise ApiError("VALIDATION_ERROR", f"leverage must be 1 to {MAX_LEVERAGE}, margin_type CROSS")
        account.money.leverage[market.symbol] = leverage
        reply = {"account": account.address_text, "leverage": leverage, "margin_type": "CROSS", "market": market.symbol}
        return web.json_response(reply)

    async def _balance(self, request: web.Request) -> web.Response:
        account = _account(request)
        size = payloads.text(account.money.cash_usd)
        return _results([{"token": "USDC", "size": size, "last_updated_at": account.updated_ms}])

    async def _positions(self, request: web.Request) -> web.Response:
        account, publisher = _account(request), self._exchange.publisher
        views = [publisher.position_view(account, market) for market in account.states]
        return _results([payloads.position(view, view.updated_ms * 1_000_000) for view in views])

    async def _fills(self, request: web.Request) -> web.Response:
        rows = of_market(_account(request).fills, request.query)
        return web.json_response(page(rows, request.query, payloads.fill))

    async def _payments(self, request: web.Request) -> web.Response:
        if not request.query.get("market"):
            raise ApiError("INVALID_REQUEST_PARAMETER", "market is required")
        rows = of_market(_account(request).payments, request.query)
        return web.json_response(page(rows, request.query, payloads.funding_payment))

    async def _busts(self, request: web.Request) -> web.Response:
        return web.json_response(page(_account(request).busts, request.query, payloads.trade_bust))


def of_market[Row](rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """Return the rows of the market a query names, all without one."""
    market = query.get("market")
    return [row for row in rows if market in (None, "", "ALL", getattr(row, "market", None))]


def _account(request: web.Request) -> ParadexAccount:
    return request[CALLER].account


def _identity(account: ParadexAccount) -> Json:
    return {
        "account": account.address_text,
        "public_key": hex(account.main_key),
        "kind": "main",
        "parent_account": "",
        "derivation_path": "",
        "isolated_market": "",
        "username": "simulated",
        "created_at": account.created_ms,
    }


def _results(rows: list[Any]) -> web.Response:
    return web.json_response({"results": rows})
