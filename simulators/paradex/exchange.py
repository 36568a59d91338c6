"""The venue without its sockets: markets, accounts, engine and publisher, put together."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from simulators.faults import FaultBoard
from simulators.paradex import payloads
from simulators.paradex.announcing import Schedule
from simulators.paradex.auth import Caller, Registry
from simulators.paradex.comparison import FundingComparison
from simulators.paradex.constants import PERPETUALS, PerpTerms
from simulators.paradex.engine import Engine
from simulators.paradex.errors import ApiError
from simulators.paradex.health import AccountWatch
from simulators.paradex.ids import Ids
from simulators.paradex.klines import Klines
from simulators.paradex.limits import Bucket, RateLimiter
from simulators.paradex.market import ParadexMarket
from simulators.paradex.publisher import Publisher
from simulators.paradex.settings import Settings
from simulators.paradex.strikes import Strikes
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
        self.terms: dict[str, PerpTerms] = {terms.symbol: terms for terms in PERPETUALS}
        self.klines = Klines(tape, clock)
        self.comparison = FundingComparison(self.markets, tape, clock)
        self.used_tokens: set[str] = set()  # those that have authenticated a socket
        self._watch = AccountWatch(self.registry.accounts, self.engine, settings, self.ids)
        self._strikes = Strikes(self)

    @property
    def venue_ms(self) -> int:
        """The time in milliseconds by the venue's clock, which a fault may set wrong."""
        return self.now_ms + round(self.settings.clock_offset_secs * 1_000)

    @property
    def now_ms(self) -> int:
        """The wall time in milliseconds."""
        return self.now_ns() // 1_000_000

    def step(self, now_ns: int) -> None:
        """Advance everything to `now_ns`."""
        self._strikes.step(now_ns)
        self.engine.step(now_ns)
        self._watch.step(now_ns)
        self.publisher.release_due(now_ns)
        self.publisher.compare(partial(self.comparison.rates, now_ns))

    def set_system_state(self, state: str) -> None:
        """Enter ok, maintenance, cancel_only or post_only. Raise ValueError otherwise."""
        if state not in SYSTEM_STATES:
            raise ValueError(f"unknown system state {state!r}")
        self.engine.system_state = state
        self._strikes.forget_states()

    def rollback(self, secs: float, now_ns: int) -> int:
        """Undo every account's fills of the last `secs`, as when the chain drops blocks; return how many."""
        since_ms = (now_ns - round(secs * 1e9)) // 1_000_000
        return self.engine.rollback(self.registry.accounts.values(), since_ms)

    def change_market(self, symbol: str, **changes: Any) -> None:
        """Change static data of a market and tell it. Raise ApiError for an unknown market, TypeError for a field."""
        market = self.market(symbol)
        before = payloads.market(market.terms, market.funding.terms.period_hours)
        period_hours = changes.pop("funding_period_hours", market.funding.terms.period_hours)
        market.change_terms(replace(market.terms, **changes))
        market.set_period_hours(period_hours)
        self.terms[symbol] = market.terms
        after = payloads.market(market.terms, period_hours)
        self.engine.feed.market_changed(symbol, {name: value for name, value in after.items() if value != before[name]})

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
        return self.registry.caller(token, self.venue_ms / 1e3)
