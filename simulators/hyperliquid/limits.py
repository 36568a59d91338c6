"""How much a client may ask: the weight of requests by IP, the number of actions by address, the sockets' bounds."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.hyperliquid.users import User

FREE_REQUESTS = 10_000  # what an address may send before it has traded
CANCEL_REQUESTS = 100_000  # beyond its limit, cancels only
SPARE_REQUEST_MS = 10_000  # an exhausted address may still send one request in this time
STALE_WEIGHT = 5  # what an action costs its address that arrives after its expiry

# Weight of reads, the others weigh 20; and the rows of a reply that weigh one more
LIGHT = ("l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus")
ROWS_PER_WEIGHT: Mapping[str, int] = {
    **dict.fromkeys(
        (
            "recentTrades",
            "historicalOrders",
            "userFills",
            "userFillsByTime",
            "fundingHistory",
            "userFunding",
            "userNonFundingLedgerUpdates",
            "twapHistory",
            "userTwapSliceFills",
            "delegatorHistory",
        ),
        20,
    ),
    "candleSnapshot": 60,
}


def info_weight(kind: str) -> int:
    """Return the weight of a read before its reply is known."""
    return 2 if kind in LIGHT else 60 if kind == "userRole" else 20


def reply_weight(kind: str, reply: Any) -> int:
    """Return the weight of the rows of a reply."""
    rows = ROWS_PER_WEIGHT.get(kind)
    return len(reply) // rows if rows and isinstance(reply, list) else 0


def action_weight(action: Mapping[str, Any]) -> int:
    """Return the weight of an action for its IP: 1, and 1 more for each 40 of a batch."""
    return 1 + batch_size(action) // 40


def batch_size(action: Mapping[str, Any]) -> int:
    """Return how many requests an action counts for its address."""
    rows = next((action[key] for key in ("orders", "cancels", "modifies") if isinstance(action.get(key), list)), None)
    return max(len(rows), 1) if rows is not None else 1


@dataclass(slots=True)
class WeightLimit:
    """The weight one IP may spend in a minute; None switches the limit off."""

    per_minute: float | None = 1200.0
    retry_after_secs: int | None = None  # told with a 429 when set
    _spent: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def spend(self, address: str, weight: int, now: float | None = None) -> bool:
        """Count a request; whether it is still within the limit. `now` is in monotonic seconds."""
        now = time.monotonic() if now is None else now
        spent = self._spent.setdefault(address, deque())
        while spent and spent[0][0] <= now - 60:
            spent.popleft()
        if self.per_minute is not None and sum(row[1] for row in spent) + weight > self.per_minute:
            return False
        self.add(address, weight, now)
        return True

    def add(self, address: str, weight: int, now: float | None = None) -> None:
        """Count weight that is only known with the reply."""
        if weight:
            self._spent.setdefault(address, deque()).append((time.monotonic() if now is None else now, weight))


def address_refusal(user: User, count: int, now_ms: int, *, is_cancel: bool) -> str | None:
    """Return why an address may send no more; None counts its requests.

    Cancels have the greater limit min(limit + 100000, 2 * limit).
    """
    limit = FREE_REQUESTS + int(user.traded_usd) + user.bought_requests
    allowed = min(limit + CANCEL_REQUESTS, 2 * limit) if is_cancel else limit
    if user.requests + count > allowed:
        if now_ms - user.last_spare_request_ms < SPARE_REQUEST_MS:
            return (
                f"Too many cumulative requests sent ({user.requests + count} > {allowed}) for cumulative volume traded "
                f"${user.traded_usd:.2f}. Place taker orders to free up 1 request per USDC traded."
            )
        user.last_spare_request_ms = now_ms
    user.requests += count
    return None


@dataclass(slots=True)
class SocketLimits:
    """What one IP may do by WebSocket; `speed` multiplies what it may do in a minute."""

    speed: float = 1.0

    connections: int = 10
    connections_per_minute: int = 30
    subscriptions: int = 1000
    users: int = 10
    messages_per_minute: int = 2000
    posts_in_flight: int = 100


class MinuteCount:
    """Counts what happened in the last minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, allowed: float) -> bool:
        """Count one more; whether it is within what is allowed."""
        now = time.monotonic()
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) + 1 > allowed:
            return False
        self._times.append(now)
        return True
