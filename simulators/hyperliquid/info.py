"""The requests of /info, each answered from the engine's state."""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid import books, frames, state
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.fills import aggregated
from simulators.hyperliquid.funding import SettledRate
from simulators.hyperliquid.identity import Gate
from simulators.hyperliquid.universe import MARGIN_TABLES, META, SPOT_META, UNIVERSE
from simulators.hyperliquid.users import User
from simulators.market import Market

FILLS_KEPT = 2000  # in one reply
FILLS_EVER = 10_000
ROWS_PER_REPLY = 500
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
INTERVALS_MS = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR_MS for n in (1, 2, 4, 8, 12)},
    **{"1d": DAY_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS, "1M": 30 * DAY_MS},
}
Request = Mapping[str, Any]


class UnknownDex(Exception):
    """A request named a dex the venue has not; it answers 500 and null."""


FIXED: Mapping[str, Any] = {
    "meta": META,
    "allPerpMetas": [META],
    "perpDexs": [None],
    "spotMeta": SPOT_META,
    "spotMetaAndAssetCtxs": [SPOT_META, []],
    "userFees": state.FEES,
    "userDexAbstraction": None,
    "maxBuilderFee": 0,
    **{
        kind: []
        for kind in (
            "userTwapSliceFills",
            "twapHistory",
            "userVaultEquities",
            "delegations",
            "delegatorHistory",
            "delegatorRewards",
            "perpsAtOpenInterestCap",
        )
    },
}


class Info:
    """Answers reads."""

    def __init__(self, engine: Engine, gate: Gate, faults: FaultBoard) -> None:
        self._engine, self._gate, self._faults = engine, gate, faults
        self._now_ms = 0  # of the request being answered
        self._of_user: dict[str, Callable[[User | None], Any]] = {
            "clearinghouseState": lambda user: state.clearinghouse_state(self._engine, user, self._now_ms),
            "spotClearinghouseState": lambda user: state.spot_state(self._engine, user),
            "userAbstraction": lambda user: user.abstraction if user else "default",
            "portfolio": lambda user: state.portfolio(self._engine, user, self._now_ms),
            "subAccounts": self._sub_accounts,
            "openOrders": lambda user: self.open_orders(user, frames.order),
            "frontendOpenOrders": lambda user: self.open_orders(user, frames.frontend_order),
            "historicalOrders": lambda user: _newest(user.records) if user else [],
            "userRateLimit": state.rate_limit,
            "extraAgents": self._agents,
        }
        self._of_request: dict[str, Callable[[Request], Any]] = {
            "marginTable": lambda request: dict(MARGIN_TABLES)[request["id"]],
            "metaAndAssetCtxs": lambda _: [META, [self.context(coin.name) for coin in UNIVERSE]],
            "allMids": lambda _: self.mids(),
            "l2Book": self._book,
            "recentTrades": self._recent_trades,
            "candleSnapshot": self._candles,
            "exchangeStatus": lambda _: {"time": self._now_ms, "specialStatuses": None},
            "fundingHistory": self._funding_history,
            "predictedFundings": lambda _: self._predicted(),
            "orderStatus": self._order_status,
            "userFills": self._fills,
            "userFillsByTime": self._fills_by_time,
            "userFunding": self._user_funding,
            "userNonFundingLedgerUpdates": self._ledger,
            "userRole": self._role,
            "activeAssetData": self._active_asset_data,
        }

    def answer(self, request: Any, now_ns: int) -> Any:
        """Return the reply to a request; raise Malformed when it is none, UnknownDex for another dex."""
        if not isinstance(request, Mapping):
            raise Malformed("no object")
        if request.get("dex"):
            raise UnknownDex
        offset, kind = self._faults.find(FaultKind.CLOCK_OFFSET), str(request.get("type"))
        self._now_ms = now_ns // 1_000_000 + (round(offset.secs * 1000) if offset else 0)
        try:
            if kind in self._of_user:
                return self._of_user[kind](self._user(request))
            return self._of_request[kind](request) if kind in self._of_request else FIXED[kind]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Malformed(f"{kind}: {error!r}") from error

    def context(self, coin: str) -> dict[str, Any]:
        """Return an asset context; a delisted coin has no book."""
        market = self._engine.markets.get(coin)
        if market is None:
            return _empty_context()
        funding, bid, ask = self._engine.funding[coin], market.impact_usd(is_buy=False), market.impact_usd(is_buy=True)
        return {
            "funding": frames.number(funding.predicted_per_hour),
            "openInterest": frames.number(market.open_interest),
            "prevDayPx": frames.number(market.previous_day_usd),
            "dayNtlVlm": frames.ratio(market.volume_usd),
            "premium": None if funding.premium is None else frames.ratio(funding.premium),
            "oraclePx": frames.number(market.oracle_usd),
            "markPx": frames.number(market.mark_usd),
            "midPx": None if market.mid_usd is None else frames.number(market.mid_usd),
            "impactPxs": None if bid is None or ask is None else [frames.ratio(bid, 6), frames.ratio(ask, 6)],
            "dayBaseVlm": frames.number(market.volume_base),
        }

    def mids(self) -> dict[str, str]:
        """Return the middle of every listed coin; the last trade where a side is empty."""
        return {name: frames.number(market.mid_usd or market.last_usd) for name, market in self._engine.markets.items()}

    def open_orders(self, user: User | None, shape: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a user's open orders, newest first."""
        return [shape(item) for item in reversed(user.open_orders.values())] if user else []

    def _user(self, request: Request) -> User | None:
        return self._engine.users.get(_address(request))

    def _market(self, request: Request) -> Market:
        return self._engine.markets[request["coin"]]

    def _book(self, request: Request) -> Any:
        """Answer null for an unknown coin, as the venue does."""
        coin, figures, mantissa = request["coin"], request.get("nSigFigs"), request.get("mantissa")
        if not books.is_aggregation(figures, mantissa):
            raise ValueError(f"no book of {figures} figures and mantissa {mantissa}")
        market = self._engine.markets.get(coin)
        if market is None:
            return None
        return books.book(coin, market, self._now_ms, figures=figures, mantissa=mantissa)

    def _recent_trades(self, request: Request) -> Any:
        return [frames.trade(request["coin"], row) for row in reversed(list(self._market(request).prints)[-30:])]

    def _candles(self, request: Request) -> Any:
        body = request["req"]
        self._engine.recall_candles(body["coin"])
        bars = self._market(body).candles.bars(INTERVALS_MS[body["interval"]], body.get("startTime") or 0, body.get("endTime"))
        return [frames.candle(body["coin"], body["interval"], bar) for bar in bars[-5000:]]

    def _funding_history(self, request: Request) -> Any:
        rows = [_funding_row(request["coin"], row) for row in self._engine.funding[request["coin"]].settled]
        return _between(rows, request)

    def _predicted(self) -> Any:
        hour_ms = round(self._engine.hour_ns / 1_000_000)
        following = (self._now_ms // hour_ms + 1) * hour_ms
        return [
            [name, [["HlPerp", {"fundingRate": frames.number(funding.predicted_per_hour), "nextFundingTime": following}]]]
            for name, funding in self._engine.funding.items()
        ]

    def _order_status(self, request: Request) -> Any:
        user, oid = self._user(request), request["oid"]
        if user and isinstance(oid, str):
            oid = user.oid_by_cloid.get(oid.lower())
        record = user.record_by_oid.get(oid) if user else None
        late = self._faults.find(FaultKind.LATE_ORDER_STATUS)
        if record and late and self._now_ms - record["order"]["timestamp"] < late.secs * 1000:
            record = None
        return {"status": "unknownOid"} if record is None else {"status": "order", "order": record}

    def _fills(self, request: Request) -> Any:
        user = self._user(request)
        return _newest(_shown(user.fills[-FILLS_EVER:], request)) if user else []

    def _fills_by_time(self, request: Request) -> Any:
        user = self._user(request)
        rows = _between(_shown(user.fills[-FILLS_EVER:], request), request, FILLS_KEPT) if user else []
        return rows[::-1] if request.get("reversed") else rows

    def _user_funding(self, request: Request) -> Any:
        user = self._user(request)
        return [_payment(row) for row in _between(user.fundings, request)] if user else []

    def _ledger(self, request: Request) -> Any:
        user = self._user(request)
        return _between(user.ledger, request) if user else []

    def _role(self, request: Request) -> Any:
        address = _address(request)
        if user := self._engine.users.get(address):
            return {"role": "subAccount", "data": {"master": user.master}} if user.master else {"role": "user"}
        master = self._gate.master_of(address)
        return {"role": "agent", "data": {"user": master}} if master else {"role": "missing"}

    def _sub_accounts(self, user: User | None) -> Any:
        held = [other for other in self._engine.users.values() if user and other.master == user.address]
        rows = [
            {
                "name": f"sub {number}",
                "subAccountUser": other.address,
                "master": other.master,
                "clearinghouseState": state.clearinghouse_state(self._engine, other, self._now_ms),
                "spotState": state.spot_state(self._engine, other),
            }
            for number, other in enumerate(held, 1)
        ]
        return rows or None

    def _agents(self, user: User | None) -> Any:
        """List the named agents; an unnamed one stays unseen."""
        named = [(name, agent) for name, agent in user.agents.items() if name] if user else []
        return [{"name": name, "address": agent.address, "validUntil": agent.valid_until_ms} for name, agent in named]

    def _active_asset_data(self, request: Request) -> Any:
        return state.active_asset_data(self._engine, self._user(request), _address(request), request["coin"])


def _address(request: Request) -> str:
    address: str = request["user"].lower()
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError(f"{address} is no address")
    return address


def _shown(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    return aggregated(rows) if request.get("aggregateByTime") else rows


def _newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[: -FILLS_KEPT - 1 : -1]


def _between(rows: list[dict[str, Any]], request: Request, limit: int = ROWS_PER_REPLY) -> list[dict[str, Any]]:
    """Return the oldest rows of a time range, both ends inclusive."""
    start, end = request.get("startTime") or 0, request.get("endTime")
    kept = [row for row in rows if row["time"] >= start and (end is None or row["time"] <= end)]
    return kept[:limit]


def _funding_row(coin: str, row: SettledRate) -> dict[str, Any]:
    return {
        "coin": coin,
        "fundingRate": frames.number(row.rate_per_hour),
        "premium": frames.number(row.premium),
        "time": row.time_ms,
    }


def _payment(row: Mapping[str, Any]) -> dict[str, Any]:
    delta = {"type": "funding", **{key: row[key] for key in ("coin", "usdc", "szi", "fundingRate", "nSamples")}}
    return {"time": row["time"], "hash": frames.NO_HASH, "delta": delta}


def _empty_context() -> dict[str, Any]:
    price = "0.2"
    nothing = dict.fromkeys(("funding", "openInterest", "dayNtlVlm", "dayBaseVlm"), "0.0")
    return {**nothing, "prevDayPx": price, "oraclePx": price, "markPx": price, "premium": None, "midPx": None, "impactPxs": None}
