"""A simulated Paradex without sockets: the test holds the clock and the timers."""

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import fast_stark_crypto

from messages import FundingClock
from simulators.faults import FaultBoard
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.auth import Caller
from simulators.paradex.constants import TEST_ACCOUNTS
from simulators.paradex.exchange import Exchange
from simulators.paradex.records import FillRecord, VenueOrder
from simulators.paradex.settings import Settings
from simulators.paradex.signing import order_hash
from simulators.paradex.trading import Trading
from simulators.tape import TapeClock, scenario

START_NS = 1_790_000_000_000_000_000
PRIVATE_KEYS = {int(account.l2_address, 16): int(account.l2_private_key, 16) for account in TEST_ACCOUNTS}


@dataclass
class Recorder:
    """A feed that remembers (kind, payload) in the sequence of telling, and still publishes."""

    inner: object
    events: list[tuple[str, object]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        target = getattr(self.inner, name)

        def record(*args: object) -> None:
            self.events.append((name, args[1] if len(args) > 1 else args[0]))
            target(*args)

        return record


def signed_body(address: int, now_ms: int, **fields: object) -> dict[str, object]:
    """Return a signed order body: a LIMIT BUY of BTC unless told otherwise."""
    body: dict[str, object] = {
        "market": "BTC-USD-PERP",
        "side": "BUY",
        "type": "LIMIT",
        "size": "0.01",
        "client_id": "",
        "instruction": "GTC",
        "signature_timestamp": now_ms,
        "recv_window": None,
        "stp": None,
        **fields,
    }
    digest = order_hash(address, body, has_price=not str(body["type"]).endswith("MARKET"))
    r, s = fast_stark_crypto.sign(PRIVATE_KEYS[address], digest)
    return {**body, "signature": json.dumps([str(r), str(s)])}


class Desk:
    def __init__(self, seed: int, hour_secs: float) -> None:
        self.now_ns = START_NS
        self.settings, self.faults = Settings(), FaultBoard()
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        clock = TapeClock(FundingClock(hour_secs), START_NS)
        self.exchange = Exchange(
            tape=scenario("calm", seed),
            clock=clock,
            seed=seed,
            faults=self.faults,
            settings=self.settings,
            schedule=self._schedule,
            now_ns=lambda: self.now_ns,
        )
        self.engine, self.trading = self.exchange.engine, Trading(self.exchange)
        self.feed = self.engine.feed = Recorder(self.exchange.publisher)
        self.trader, self.second = self.exchange.registry.accounts.values()
        self.exchange.step(self.now_ns)

    def _schedule(self, delay_secs: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now_ns + round(delay_secs * 1e9), len(self._timers) + id(action), action))

    def run(self, secs: float = 1.0) -> None:
        """Let timers due within `secs` fire; prices and funding stand still."""
        end = self.now_ns + round(secs * 1e9)
        while self._timers and self._timers[0][0] <= end:
            self.now_ns, _, action = heapq.heappop(self._timers)
            action()
        self.now_ns = end

    def step(self, secs: float = 0.2) -> None:
        self.now_ns += round(secs * 1e9)
        self.exchange.step(self.now_ns)

    def body(self, account: ParadexAccount, **fields: object) -> dict[str, object]:
        return signed_body(account.address, self.now_ns // 1_000_000, **fields)

    def queue(self, account: ParadexAccount, *, interactive: bool = False, **fields: object) -> VenueOrder:
        return self.trading.create(Caller(account, interactive), self.body(account, **fields))

    def order(self, account: ParadexAccount | None = None, **fields: object) -> VenueOrder:
        """Send an order and let its outcome be known."""
        order = self.queue(account or self.trader, **fields)
        self.run()
        return order

    def price(self, offset_bps: int, *, market: str = "BTC-USD-PERP") -> str:
        """Return a price on the tick, `offset_bps` above the mark."""
        at = self.exchange.markets[market]
        tick = at.terms.tick
        return str((at.mark_usd * (1 + Decimal(offset_bps) / 10_000) // tick) * tick)

    def told(self, kind: str) -> list[object]:
        return [payload for name, payload in self.feed.events if name == kind]

    def fills(self, order: VenueOrder) -> list[FillRecord]:
        return [fill for fill in self.trader.fills + self.second.fills if fill.order_id == order.id]
