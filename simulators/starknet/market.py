"""Outsiders who trade with the pools: arbitrageurs who follow the fair prices, and whoever runs in front of a swap."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import sqrt

from simulators.starknet import constants
from simulators.starknet.genesis import raw_price, sqrt_ratio_at
from simulators.starknet.pairs import FEE_BPS, Pair
from simulators.starknet.pool_math import ONE
from simulators.starknet.pools import PoolKey
from simulators.starknet.routes import Route
from simulators.starknet.state import State

UNBOUNDED = 1 << 126


def arbitrage(state: State, prices_usd: Mapping[int, float], keep: float) -> None:
    """Close pools' gaps to the fair prices, but for the part `keep` of what lies beyond the fee, where it pays."""
    for key, pool in list(state.pools.items()):
        price, fair = pool.price(), raw_price(key.token0, key.token1, prices_usd)
        target = _target(price, fair, key.fee / ONE, keep)
        if abs(target / price - 1) > 1e-9:
            push(state, key, sqrt_ratio_at(target))
    for pair in list(state.pairs.values()):
        fair = raw_price(pair.token0, pair.token1, prices_usd)
        moved = _rebalanced(pair, _target(pair.price(), fair, FEE_BPS / 10_000, keep))
        state.pairs[pair.address] = moved
        state.mint(pair.token0, constants.NOSTRA, moved.reserve0 - pair.reserve0)
        state.mint(pair.token1, constants.NOSTRA, moved.reserve1 - pair.reserve1)


def push(state: State, key: PoolKey, sqrt_ratio: int) -> None:
    """Trade with a pool from outside until its price is `sqrt_ratio`; the core's balances follow."""
    pool = state.pools[key]
    if sqrt_ratio == pool.sqrt_ratio:
        return
    done = pool.swap(UNBOUNDED, is_token1=sqrt_ratio > pool.sqrt_ratio, limit=sqrt_ratio)
    state.pools[key] = done.pool
    state.mint(key.token0, constants.EKUBO_CORE, done.amount0)
    state.mint(key.token1, constants.EKUBO_CORE, done.amount1)


def run_in_front(state: State, routes: Iterable[Route], fraction: float) -> None:
    """Move the price of every Ekubo pool on the routes by `fraction` against whoever swaps along them."""
    for route in routes:
        if route.principal.exchange != constants.EKUBO_CORE:
            continue
        key = PoolKey(*route.principal.parameters[:5])
        pool = state.pools.get(key)
        if pool is not None:
            factor = 1 + fraction if route.sell == key.token1 else 1 - fraction
            push(state, key, int(pool.sqrt_ratio * int(sqrt(factor) * 2**60)) >> 60)


def shock(state: State, token: int, fraction: float) -> None:
    """Make a token dearer by `fraction` (negative: cheaper) in every pool that trades it."""
    for key, pool in list(state.pools.items()):
        if token in (key.token0, key.token1):
            factor = 1 + fraction if token == key.token0 else 1 / (1 + fraction)
            push(state, key, int(pool.sqrt_ratio * int(sqrt(factor) * 2**60)) >> 60)


def _target(price: float, fair: float, fee: float, keep: float) -> float:
    """Return where arbitrage leaves a price: inside the band that the fee makes around the fair one, or nearer to it."""
    edge = min(max(price, fair * (1 - fee)), fair / (1 - fee))
    return float(edge * (price / edge) ** keep)


def _rebalanced(pair: Pair, price: float) -> Pair:
    root = sqrt(float(pair.reserve0) * float(pair.reserve1))
    return replace(pair, reserve0=int(root / sqrt(price)), reserve1=int(root * sqrt(price)))
