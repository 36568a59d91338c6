"""The aggregator's search: ways from one token to another, ranked by what the contracts would really pay."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from simulators.starknet import constants, exchange
from simulators.starknet.constants import AVNU_EXCHANGE, EKUBO_CORE, NOSTRA, PERCENT_ALL
from simulators.starknet.execution import Execution
from simulators.starknet.pools import PoolKey
from simulators.starknet.routes import Direct, Route, SwapCall
from simulators.starknet.state import Reverted, State

SOURCES = {EKUBO_CORE: "Ekubo", NOSTRA: "Nostra"}
MIDDLES = (constants.USDC, constants.ETH, constants.STRK)
SHARES_PERCENT = (55, 75)
# As live answers have it: so far from the price that the pool's own limit never binds
SQRT_RATIO_DISTANCE = 0x9BAA764F7FF38000000000000000000
TASTER = constants.STRANGER
PLENTY = 1 << 100


@dataclass(frozen=True, slots=True)
class Hop:
    """A swap of everything held of one token on one pool (of Ekubo) or pair (of another exchange)."""

    exchange: int
    sell: int
    buy: int
    pool: PoolKey | int

    def parameters(self) -> tuple[int, ...]:
        """Return what the exchange's adapter takes."""
        return (*self.pool.fields(), SQRT_RATIO_DISTANCE) if isinstance(self.pool, PoolKey) else (self.pool,)


@dataclass(frozen=True, slots=True)
class Leg:
    """A chain of hops for a share of what is sold."""

    share_percent: int
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs that together sell everything, and their outcome in raw units."""

    legs: tuple[Leg, ...]
    sold: int
    bought: int

    def routes(self) -> tuple[Route, ...]:
        """Return the legs as the contract takes them: shares of what the legs before have left."""
        routes, left = [], 100
        for leg in self.legs:
            percent = PERCENT_ALL * leg.share_percent // left
            left -= leg.share_percent
            for hop in leg.hops:
                routes.append(Route(hop.sell, hop.buy, Direct(hop.exchange, percent, hop.parameters())))
                percent = PERCENT_ALL
        return tuple(routes)


@dataclass(frozen=True, slots=True)
class Search:
    """A search for ways from `sell` to `buy` through the named sources; nothing it tries changes the state."""

    state: State
    fees_bps: tuple[int, int]
    sell: int
    buy: int
    sources: frozenset[str]

    def selling(self, amount: int, *, only_direct: bool) -> list[Plan]:
        """Return the plans to sell `amount`, the best first."""
        direct = [Leg(100, (hop,)) for hop in self._hops(self.sell, self.buy)]
        chains = [] if only_direct else [Leg(100, hops) for hops in self._through_middles()]
        splits = [
            (Leg(share, first.hops), Leg(100 - share, second.hops))
            for first, second in combinations(direct, 2)
            for share in SHARES_PERCENT
        ]
        tried = (self._sold(legs, amount) for legs in [*((leg,) for leg in (*direct, *chains)), *splits])
        return sorted((plan for plan in tried if plan), key=lambda plan: -plan.bought)

    def buying(self, wanted: int) -> list[Plan]:
        """Return the plans to buy exactly `wanted` on one Ekubo pool, the cheapest first."""
        hops = (hop for hop in self._hops(self.sell, self.buy) if hop.exchange == EKUBO_CORE)
        tried = (self._bought((Leg(100, (hop,)),), wanted) for hop in hops)
        return sorted((plan for plan in tried if plan), key=lambda plan: plan.sold)

    def _hops(self, sell: int, buy: int) -> Iterator[Hop]:
        if SOURCES[EKUBO_CORE] in self.sources:
            keys = (key for key in self.state.pools if {key.token0, key.token1} == {sell, buy})
            yield from (Hop(EKUBO_CORE, sell, buy, key) for key in keys)
        if SOURCES[NOSTRA] in self.sources:
            pairs = (pair for pair in self.state.pairs.values() if {pair.token0, pair.token1} == {sell, buy})
            yield from (Hop(NOSTRA, sell, buy, pair.address) for pair in pairs)

    def _through_middles(self) -> Iterator[tuple[Hop, Hop]]:
        for middle in MIDDLES:
            if middle not in (self.sell, self.buy):
                seconds = list(self._hops(middle, self.buy))
                yield from ((first, second) for first in self._hops(self.sell, middle) for second in seconds)

    def _sold(self, legs: tuple[Leg, ...], amount: int) -> Plan | None:
        """Run the contract on a copy of the state, for someone who has just the tokens to sell."""
        run, had = self._funded(amount), self.state.balance(self.buy, TASTER)
        call = SwapCall(self.sell, amount, self.buy, 0, 0, TASTER, routes=Plan(legs, amount, 0).routes())
        try:
            exchange.swap_exact_in(run, TASTER, call.words())
        except Reverted:
            return None
        bought = run.state.balance(self.buy, TASTER) - had
        return Plan(legs, amount, bought) if bought > 0 else None

    def _bought(self, legs: tuple[Leg, ...], wanted: int) -> Plan | None:
        run = self._funded(PLENTY)
        before = run.state.balance(self.sell, TASTER)
        routes = Plan(legs, PLENTY, wanted).routes()
        call = SwapCall(self.sell, PLENTY, self.buy, wanted, PLENTY, TASTER, routes=routes, exact_out=True)
        try:
            exchange.swap_exact_out(run, TASTER, call.words())
        except Reverted:
            return None
        return Plan(legs, before - run.state.balance(self.sell, TASTER), wanted)

    def _funded(self, amount: int) -> Execution:
        run = Execution(self.state.fork(), self.fees_bps)
        run.state.mint(self.sell, TASTER, amount)
        run.state.allowances[self.sell, TASTER, AVNU_EXCHANGE] = amount
        return run
