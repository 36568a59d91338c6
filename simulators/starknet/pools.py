"""Concentrated-liquidity pools: immutable states, and swaps that cross their ticks."""

from bisect import bisect_right
from dataclasses import dataclass, replace

from simulators.starknet.pool_math import (
    MAX_SQRT_RATIO,
    MIN_SQRT_RATIO,
    ONE,
    is_increasing,
    sqrt_ratio_of,
    swap_step,
    tick_of,
)


@dataclass(frozen=True, slots=True, order=True)
class PoolKey:
    """What names a pool of the core contract; token0 < token1, `fee` is 0.128."""

    token0: int
    token1: int
    fee: int
    tick_spacing: int
    extension: int = 0

    def fields(self) -> tuple[int, int, int, int, int]:
        """Return the key as the contracts spell it."""
        return self.token0, self.token1, self.fee, self.tick_spacing, self.extension

    def other(self, token: int) -> int:
        """Return the token on the other side."""
        return self.token1 if token == self.token0 else self.token0


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a swap did: amounts from the pool's view (positive: paid in), and the pool after it."""

    pool: "Pool"
    amount0: int
    amount1: int

    def paid_in(self, *, is_token1: bool) -> int:
        """Return what the pool got of a token (negative: gave)."""
        return self.amount1 if is_token1 else self.amount0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool at one moment; `ticks` are sorted and `nets` say how liquidity changes when crossing one upwards."""

    key: PoolKey
    sqrt_ratio: int
    tick: int
    liquidity: int
    ticks: tuple[int, ...]
    nets: tuple[int, ...]

    def price(self) -> float:
        """Return token1 per token0 in raw units."""
        return float(self.sqrt_ratio / ONE) ** 2

    def swap(self, amount: int, *, is_token1: bool, limit: int = 0, fee: int | None = None) -> Swapped:
        """Swap `amount` of a token (negative: asked for), until `limit` if given or liquidity ends.

        Raise ValueError for a limit on the wrong side of the price.
        """
        increasing = is_increasing(amount, is_token1=is_token1)
        limit = limit or (MAX_SQRT_RATIO if increasing else MIN_SQRT_RATIO)
        if amount and ((limit < self.sqrt_ratio) if increasing else (limit > self.sqrt_ratio)):
            raise ValueError("SQRT_RATIO_LIMIT")
        pool, remaining, calculated = self, amount, 0
        rate = self.key.fee if fee is None else fee
        while remaining and pool.sqrt_ratio != limit:
            index = pool._next_index(increasing=increasing)
            stop = sqrt_ratio_of(pool.ticks[index]) if index is not None else limit
            bound = min(stop, limit) if increasing else max(stop, limit)
            step = swap_step(pool.sqrt_ratio, pool.liquidity, bound, remaining, is_token1=is_token1, fee=rate)
            remaining, calculated = remaining - step.consumed, calculated + step.calculated
            if index is not None and step.sqrt_ratio == stop:
                pool = pool._crossed(index, increasing=increasing)
            elif step.sqrt_ratio == pool.sqrt_ratio:
                break
            else:
                pool = replace(pool, sqrt_ratio=step.sqrt_ratio, tick=tick_of(step.sqrt_ratio))
        specified, other = amount - remaining, (calculated if amount < 0 else -calculated)
        return Swapped(pool, *((other, specified) if is_token1 else (specified, other)))

    def _next_index(self, *, increasing: bool) -> int | None:
        """Return the index of the next initialised tick in a direction; None when there is none."""
        index = bisect_right(self.ticks, self.tick) - (0 if increasing else 1)
        return index if 0 <= index < len(self.ticks) else None

    def _crossed(self, index: int, *, increasing: bool) -> "Pool":
        tick, net = self.ticks[index], self.nets[index]
        return replace(
            self,
            sqrt_ratio=sqrt_ratio_of(tick),
            tick=tick if increasing else tick - 1,
            liquidity=self.liquidity + (net if increasing else -net),
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Liquidity between two ticks."""

    lower: int
    upper: int
    liquidity: int


def open_pool(key: PoolKey, sqrt_ratio: int, positions: list[Position]) -> Pool:
    """Return a pool at a price with the liquidity of its positions. Raise ValueError for ticks off the spacing."""
    nets: dict[int, int] = {}
    for position in positions:
        if position.lower % key.tick_spacing or position.upper % key.tick_spacing or position.lower >= position.upper:
            raise ValueError(f"{position} does not fit a spacing of {key.tick_spacing}")
        nets[position.lower] = nets.get(position.lower, 0) + position.liquidity
        nets[position.upper] = nets.get(position.upper, 0) - position.liquidity
    tick, ticks = tick_of(sqrt_ratio), tuple(sorted(nets))
    active = sum(nets[each] for each in ticks[: bisect_right(ticks, tick)])
    return Pool(key, sqrt_ratio, tick, active, ticks, tuple(nets[each] for each in ticks))


def aligned(tick: int, spacing: int) -> int:
    """Return the greatest multiple of the spacing that is not above `tick`."""
    return tick // spacing * spacing
