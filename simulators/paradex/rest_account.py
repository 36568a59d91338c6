"""REST of an account beside its trading: profile, history, subkeys, tokens, and what happened on the chain."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from simulators.paradex import keys
from simulators.paradex.accounts import ApiToken, ParadexAccount, Subkey
from simulators.paradex.errors import ApiError
from simulators.paradex.exchange import Exchange
from simulators.paradex.paging import integer, page
from simulators.paradex.payloads import chain_hash, transaction
from simulators.paradex.records import ValueSample
from simulators.paradex.rest_private import CALLER
from simulators.paradex.rest_public import read_body

Json = dict[str, Any]


class AccountRest:
    """Handlers of what surrounds trading."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below the API's base path; fixed paths come before keys."""
        return [
            web.get("/account/profile", self._profile),
            web.get("/account/settings", self._settings),
            web.get("/account/history", self._history),
            web.get("/account/keys/subkeys", self._subkeys),
            web.post("/account/keys/subkeys", self._register_subkey),
            web.post("/account/keys/subkeys/activate", self._activate_subkey),
            web.get("/account/keys/subkeys/{public_key}", self._subkey),
            web.put("/account/keys/subkeys/{public_key}", self._rename_subkey),
            web.delete("/account/keys/subkeys/{public_key}", self._revoke_subkey),
            web.put("/account/keys/subkeys/{public_key}/allowed-cidrs", self._restrict_subkey),
            web.get("/account/tokens", self._tokens),
            web.post("/account/tokens", self._create_token),
            web.delete("/account/tokens/{lookup_id}", self._revoke_token),
            web.get("/transfers", self._transfers),
            web.get("/transactions", self._transactions),
            web.get("/liquidations", self._liquidations),
        ]

    async def _profile(self, request: web.Request) -> web.Response:
        profile = {"username": "simulated", "is_username_private": True, "size_currency_display": "BASE"}
        return web.json_response({**profile, "market_max_slippage": {}, "last_seen_notification": 0})

    async def _settings(self, request: web.Request) -> web.Response:
        return web.json_response({"trading_value_display": "SPOT_NOTIONAL"})

    async def _history(self, request: web.Request) -> web.Response:
        """Answer one series as numbers; profit counts from the first value on record."""
        values = list(_account(request).values)
        first = values[0].value_usd if values else Decimal(0)
        series: dict[str, Callable[[ValueSample], Decimal]] = {
            "value": lambda sample: sample.value_usd,
            "pnl": lambda sample: sample.value_usd - first,
            "volume": lambda sample: sample.volume_usd,
            "fee_savings": lambda _: Decimal(0),
        }
        wanted = series.get(request.query.get("type", ""))
        if wanted is None:
            raise ApiError("INVALID_REQUEST_PARAMETER", f"type must be one of {', '.join(series)}")
        data = [float(wanted(sample)) for sample in values]
        return web.json_response({"data": data, "timestamps": [sample.time_ms for sample in values]})

    async def _subkeys(self, request: web.Request) -> web.Response:
        account, all_of_them = _account(request), request.query.get("include_revoked") in ("true", "True", "1")
        rows = [subkey for subkey in account.subkeys.values() if all_of_them or subkey.state != "revoked"]
        return web.json_response({"results": [_subkey_json(account, row) for row in rows]})

    async def _register_subkey(self, request: web.Request) -> web.Response:
        keys.register_subkey(_account(request), await read_body(request), self._exchange.now_ns())
        return web.Response(status=204)

    async def _activate_subkey(self, request: web.Request) -> web.Response:
        return web.json_response({"encrypted_key": keys.activate_subkey(_account(request), await read_body(request))})

    async def _subkey(self, request: web.Request) -> web.Response:
        return web.json_response(_subkey_json(*_named_subkey(request)))

    async def _rename_subkey(self, request: web.Request) -> web.Response:
        (account, subkey), body = _named_subkey(request), await read_body(request)
        name = body.get("name") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise ApiError("VALIDATION_ERROR", "name is needed")
        subkey.name = name
        return web.json_response(_subkey_json(account, subkey))

    async def _revoke_subkey(self, request: web.Request) -> web.Response:
        subkey = keys.revoke_subkey(_account(request), request.match_info["public_key"], self._exchange.now_ns())
        return web.json_response({"public_key": hex(subkey.public_key)})

    async def _restrict_subkey(self, request: web.Request) -> web.Response:
        """Remember the addresses a key may come from; on loopback nothing enforces them."""
        (account, subkey), body = _named_subkey(request), await read_body(request)
        allowed = body.get("allowed_cidrs") if isinstance(body, dict) else None
        if not isinstance(allowed, list):
            raise ApiError("VALIDATION_ERROR", "allowed_cidrs must be a list")
        subkey.allowed_cidrs = tuple(str(cidr) for cidr in allowed)
        return web.json_response(_subkey_json(account, subkey))

    async def _tokens(self, request: web.Request) -> web.Response:
        kind = request.query.get("kind")
        tokens = [token for token in _account(request).tokens.values() if kind in (None, "", token.kind)]
        return web.json_response({"results": [_token_json(token) for token in tokens]})

    async def _create_token(self, request: web.Request) -> web.Response:
        exchange, body = self._exchange, await read_body(request)
        text, token = keys.create_token(exchange.registry, _account(request), body, exchange.now_ns())
        return web.json_response({"token": text, "api_token": _token_json(token)})

    async def _revoke_token(self, request: web.Request) -> web.Response:
        lookup_id = request.match_info["lookup_id"]
        keys.revoke_token(self._exchange.registry, _account(request), lookup_id, self._exchange.now_ns())
        return web.json_response({"lookup_id": lookup_id})

    async def _transfers(self, request: web.Request) -> web.Response:
        return web.json_response(page((), request.query, dict))

    async def _transactions(self, request: web.Request) -> web.Response:
        account = _account(request)
        busted = {bust.fill_id for bust in account.busts}
        rows = [transaction(fill.id, "FILL", fill.created_ms, is_reverted=fill.id in busted) for fill in account.fills]
        rows += [transaction(row.id, "LIQUIDATE", row.created_ms) for row in account.liquidations]
        rows.sort(key=lambda row: int(row["created_at"]))
        return web.json_response(page(rows, request.query, dict))

    async def _liquidations(self, request: web.Request) -> web.Response:
        start, end = integer(request.query, "from"), integer(request.query, "to")
        rows = [
            {"id": chain_hash(record.id), "created_at": record.created_ms}
            for record in reversed(_account(request).liquidations)
            if (start is None or record.created_ms >= start) and (end is None or record.created_ms <= end)
        ]
        return web.json_response({"results": rows})


def _account(request: web.Request) -> ParadexAccount:
    return request[CALLER].account


def _named_subkey(request: web.Request) -> tuple[ParadexAccount, Subkey]:
    account = _account(request)
    return account, keys.find_subkey(account, request.match_info["public_key"])


def _subkey_json(account: ParadexAccount, subkey: Subkey) -> Json:
    return {
        "account_id": account.address_text,
        "name": subkey.name,
        "public_key": hex(subkey.public_key),
        "state": subkey.state,
        "allowed_cidrs": list(subkey.allowed_cidrs),
        "created_at": subkey.created_ns,
        "updated_at": subkey.created_ns,
        "revoked_at": subkey.revoked_ns,
    }


def _token_json(token: ApiToken) -> Json:
    return {
        "lookup_id": token.lookup_id,
        "token_id": token.lookup_id,
        "name": token.name,
        "kind": token.kind,
        "allowed_cidrs": [],
        "created_at": token.created_ns,
        "last_updated_at": token.created_ns,
        "expiry_at": token.expiry_ns,
        "revoked_at": token.revoked_ns,
    }
