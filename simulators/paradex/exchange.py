"""The venue without its sockets: markets, accounts, engine and publisher, put together."""

import time
from collections.abc import Callable, Mapping

from simulators.faults import FaultBoard, FaultKind
from simulators.paradex.auth import Caller, Registry
from simulators.paradex.constants import PERPETUALS, PerpTerms
from simulators.paradex.engine import Engine, Schedule
from simulators.paradex.errors import ApiError
from simulators.paradex.ids import Ids
from simulators.paradex.limits import Bucket, RateLimiter
from simulators.paradex.market import ParadexMarket
from simulators.paradex.publisher import Publisher
from simulators.paradex.settings import Settings
from simulators.tape import Tape, TapeClock

SYSTEM_STATES = ("ok", "maintenance", "cancel_only", "post_only")


class Exchange:
    """Everything a request can reach."""

    def __init__(
        self,
        *,
        tape: Tape,
        clock: TapeClock,
        seed: int,
        faults: FaultBoard,
        settings: Settings,
        schedule: Schedule,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.settings, self.faults, self.now_ns = settings, faults, now_ns
        periods = settings.funding_period_hours
        self.markets = {
            terms.symbol: ParadexMarket(terms, tape, clock, seed, periods.get(terms.symbol, terms.funding_period_hours))
            for terms in PERPETUALS
        }
        self.terms: Mapping[str, PerpTerms] = {terms.symbol: terms for terms in PERPETUALS}
        self.ids = Ids(seed)
        self.registry = Registry(settings, seed, self.now_ms)
        self.publisher = Publisher(self.markets, settings, faults, self.ids, now_ns)
        self.engine = Engine(
            markets=self.markets,
            settings=settings,
            faults=faults,
            ids=self.ids,
            feed=self.publisher,
            schedule=schedule,
            now_ns=now_ns,
            seed=seed,
        )
        self.limiter = RateLimiter()
        self._state_until_ns = 0

    @property
    def now_ms(self) -> int:
        """The wall time in milliseconds."""
        return self.now_ns() // 1_000_000

    def step(self, now_ns: int) -> None:
        """Advance everything to `now_ns`."""
        if fault := self.faults.take(FaultKind.SYSTEM_STATE):
            self.set_system_state(fault.reason or "maintenance")
            self._state_until_ns = now_ns + round(fault.secs * 1e9) if fault.secs else 0
        if self._state_until_ns and now_ns >= self._state_until_ns:
            self.set_system_state("ok")
        self.engine.step(now_ns)

    def set_system_state(self, state: str) -> None:
        """Enter ok, maintenance, cancel_only or post_only. Raise ValueError otherwise."""
        if state not in SYSTEM_STATES:
            raise ValueError(f"unknown system state {state!r}")
        self.engine.system_state = state
        self._state_until_ns = 0

    def market(self, symbol: str) -> ParadexMarket:
        """Return a market. Raise ApiError when unknown."""
        market = self.markets.get(symbol)
        if market is None:
            raise ApiError("MARKET_NOT_FOUND", f"market {symbol} not found", status=404)
        return market

    def spend(self, scope: str, who: str) -> tuple[bool, Bucket]:
        """Count a request against a rate limit; return whether it is allowed and the limit's state."""
        allowed, bucket = self.limiter.take(scope, who, self.now_ns() / 1e9)
        return allowed or not self.settings.rate_limits, bucket

    def authenticate(self, token: str) -> Caller:
        """Return whose token it is. Raise TokenError."""
        return self.registry.caller(token, self.now_ns() / 1e9)
