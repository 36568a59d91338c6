"""Subscriptions of the WebSocket: how each is spelled, what it first shows and how often it speaks.

Market streams are polled at every step and speak when due; user streams are pushed by events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.hyperliquid import books, frames
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.events import Event
from simulators.hyperliquid.fills import aggregated
from simulators.hyperliquid.info import INTERVALS_MS, Info
from simulators.hyperliquid.pictures import PICTURES, Pictures
from simulators.hyperliquid.universe import UNIVERSE

SNAPSHOT_FILLS = 500
# Real seconds between two pushes; 0 is every change. A compressed funding hour pushes at every step.
CADENCE_SECS = {
    "l2Book": 5.4,
    "fast": 0.54,
    "bbo": 0.0,
    "trades": 0.0,
    "activeAssetCtx": 1.0,
    "allMids": 5.0,
    "candle": 1.0,
    "clearinghouseState": 5.0,
    "webData2": 5.0,
    "webData3": 5.0,
    "allDexsAssetCtxs": 13.6,
    "allDexsClearinghouseState": 5.0,
}
# Streams of rows: the events they carry, and under which key; without one the rows are the data
ROWS = {
    "orderUpdates": ("order", ""),
    "userFills": ("fill", "fills"),
    "userFundings": ("funding", "fundings"),
    "userNonFundingLedgerUpdates": ("ledger", "nonFundingLedgerUpdates"),
    "userTwapSliceFills": ("twap fill", "twapSliceFills"),
    "userTwapHistory": ("twap", "history"),
}
COIN_STREAMS = ("l2Book", "bbo", "trades", "activeAssetCtx", "candle", "activeAssetData")
PLAIN_STREAMS = ("allMids", "allDexsAssetCtxs")
USER_STREAMS = (*ROWS, *PICTURES, "userEvents", "notification")


class InvalidSubscription(Exception):
    """A subscription the venue answers with an error frame."""


class FatalSubscription(Exception):
    """A subscription that makes the venue cut the connection."""


@dataclass(slots=True)
class Subscription:
    """One subscription of one connection; `shape` is its echo, defaults filled in."""

    shape: dict[str, Any]
    pushed_ns: int = 0
    last: Any = None
    last_print: int = 0

    @property
    def kind(self) -> str:
        """Its type."""
        kind: str = self.shape["type"]
        return kind

    @property
    def user(self) -> str | None:
        """Its user's address, lowercase."""
        return self.shape.get("user")

    def is_due(self, now_ns: int, compressed: bool) -> bool:
        """Whether its cadence has passed."""
        cadence = CADENCE_SECS["fast" if self.shape.get("fast") else self.kind]
        return compressed or now_ns - self.pushed_ns >= cadence * 1e9


def shape_of(raw: Any, engine: Engine) -> dict[str, Any]:
    """Return a subscription with its defaults; raise InvalidSubscription or FatalSubscription."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
        raise InvalidSubscription
    kind = raw["type"]
    shape: dict[str, Any] = {"type": kind}
    if kind not in (*COIN_STREAMS, *USER_STREAMS, *PLAIN_STREAMS):
        raise InvalidSubscription
    if kind in COIN_STREAMS:
        shape["coin"] = _coin(raw.get("coin"), engine)
    if kind in USER_STREAMS:
        shape["user"] = _user(raw.get("user"))
    return {**shape, **_options(kind, raw)}


def _coin(coin: Any, engine: Engine) -> str:
    if not isinstance(coin, str):
        raise InvalidSubscription
    if coin not in engine.markets:
        raise FatalSubscription(coin)
    return coin


def _user(user: Any) -> str:
    if not isinstance(user, str) or len(user) != 42 or not user.startswith("0x"):
        raise InvalidSubscription
    return user.lower()


def _options(kind: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "l2Book":
        figures, mantissa = raw.get("nSigFigs"), raw.get("mantissa")
        if not books.is_aggregation(figures, mantissa):
            raise FatalSubscription(kind)
        return {"nSigFigs": figures, "mantissa": mantissa, "fast": bool(raw.get("fast"))}
    if kind == "candle":
        if raw.get("interval") not in INTERVALS_MS:
            raise InvalidSubscription
        return {"interval": raw["interval"]}
    if kind == "userFills":
        return {"aggregateByTime": bool(raw.get("aggregateByTime"))}
    if kind in ("clearinghouseState", "openOrders"):
        return {"dex": raw.get("dex") or ""}  # a default filled in: clients look for what they sent in the acknowledgement
    return {"dex": raw["dex"]} if raw.get("dex") else {}


class Streams:
    """Builds frames for subscriptions."""

    def __init__(self, engine: Engine, info: Info, compressed: bool) -> None:
        self._engine, self._info, self._compressed = engine, info, compressed
        self._pictures = Pictures(engine, info)

    def first(self, item: Subscription, now_ns: int) -> list[dict[str, Any]]:
        """Return what a new subscription is shown at once."""
        user = self._engine.users.get(item.user or "")
        match item.kind:
            case "orderUpdates" | "userEvents" | "notification":
                return []  # these have no snapshot
            case "userFills":
                return _snapshot(item, _fills(item, user.fills)[: -SNAPSHOT_FILLS - 1 : -1] if user else [])
            case "userFundings":
                return _snapshot(item, user.fundings if user else [])
            case "userNonFundingLedgerUpdates":
                return _snapshot(item, user.ledger if user else [])
            case "userTwapSliceFills" | "userTwapHistory":
                return _snapshot(item, [])
            case _:
                return self.current(item, now_ns)

    def polled(self, item: Subscription, now_ns: int) -> list[dict[str, Any]]:
        """Return what a stream with a cadence says at this step."""
        if item.kind not in CADENCE_SECS or not item.is_due(now_ns, self._compressed):
            return []
        return self.current(item, now_ns)

    def current(self, item: Subscription, now_ns: int) -> list[dict[str, Any]]:
        """Return a stream's present state, nothing when it only speaks of changes and there is none."""
        item.pushed_ns = now_ns
        if item.kind == "trades":
            return self._trades(item)
        data = self._state(item, now_ns // 1_000_000)
        if item.kind == "bbo":
            if data["bbo"] == item.last:
                return []
            item.last = data["bbo"]
        return [] if data is None else [_frame(item.kind, data)]

    def events(self, item: Subscription, events: list[Event], now_ns: int) -> list[dict[str, Any]]:
        """Return what a user stream says of a user's events."""
        if item.kind in ROWS:
            event_kind, name = ROWS[item.kind]
            rows = _fills(item, [event.row for event in events if event.kind == event_kind])
            return [_frame(item.kind, {"user": item.user, name: rows} if name else rows)] if rows else []
        if item.kind == "userEvents":
            return _user_events(events)
        if item.kind == "openOrders" and not any(event.kind in ("order", "fill") for event in events):
            return []
        return self.current(item, now_ns) if item.kind in PICTURES else []

    def _trades(self, item: Subscription) -> list[dict[str, Any]]:
        coin = item.shape["coin"]
        prints = self._engine.markets[coin].prints
        new = [row for row in list(prints)[-30 if not item.last_print else 0 :] if row.id > item.last_print]
        if not new:
            return []
        item.last_print = new[-1].id
        return [_frame("trades", [frames.trade(coin, row) for row in new])]

    def _state(self, item: Subscription, now_ms: int) -> Any:
        if item.kind == "allMids":
            return {"mids": self._info.mids()}
        if item.kind == "allDexsAssetCtxs":
            return {"ctxs": [["", [self._info.context(coin.name) for coin in UNIVERSE]]]}
        if item.kind in ("l2Book", "bbo", "activeAssetCtx", "candle"):
            return self._market_state(item, now_ms)
        return self._pictures.of(item.kind, item.shape, now_ms)

    def _market_state(self, item: Subscription, now_ms: int) -> Any:
        coin = item.shape["coin"]
        market = self._engine.markets[coin]
        if item.kind == "l2Book":
            fast, figures, mantissa = item.shape["fast"], item.shape["nSigFigs"], item.shape["mantissa"]
            book = books.book(coin, market, now_ms, 5 if fast else 20, figures=figures, mantissa=mantissa)
            return {**book, "fast": True} if fast else book
        if item.kind == "bbo":
            return books.best(coin, market, now_ms)
        if item.kind == "activeAssetCtx":
            return {"coin": coin, "ctx": self._info.context(coin)}
        bar = market.candles.last(INTERVALS_MS[item.shape["interval"]])
        return None if bar is None else frames.candle(coin, item.shape["interval"], bar)


def _fills(item: Subscription, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return aggregated(rows) if item.shape.get("aggregateByTime") else rows


def _user_events(events: list[Event]) -> list[dict[str, Any]]:
    fills = [event.row for event in events if event.kind == "fill"]
    gone = [event.row for event in events if event.kind == "order" and _is_venues_cancel(event.row["status"])]
    cancels = [{"coin": row["order"]["coin"], "oid": row["order"]["oid"]} for row in gone]
    single = ("funding", "liquidation")
    others = [_frame("user", {event.kind: event.row}) for event in events if event.kind in single]
    return [
        *([_frame("user", {"fills": fills})] if fills else []),
        *([_frame("user", {"nonUserCancel": cancels})] if cancels else []),
        *others,
    ]


def _is_venues_cancel(status: str) -> bool:
    """Whether the venue, not the user, cancelled an order."""
    return status.endswith("Canceled") or status == "scheduledCancel"


def _snapshot(item: Subscription, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_frame(item.kind, {"isSnapshot": True, "user": item.user, ROWS[item.kind][1]: rows})]


def _frame(channel: str, data: Any) -> dict[str, Any]:
    return {"channel": channel, "data": data}
