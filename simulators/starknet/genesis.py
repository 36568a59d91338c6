"""The chain at its start: pools around the fair prices, and funded accounts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.stark_curve import FIELD_PRIME, felt, hash_many, public_key_of, selector
from simulators.starknet import constants
from simulators.starknet.constants import ETH, SOL, STRK, USDC, USDC_E, WBTC
from simulators.starknet.pairs import Pair
from simulators.starknet.pool_math import MAX_TICK, ONE, tick_of
from simulators.starknet.pools import Pool, PoolKey, Position, aligned, open_pool
from simulators.starknet.state import State
from simulators.starknet.tokens import BY_ADDRESS

WIDTHS = ((3_000, 0.05), (20_000, 0.2), (100_000, 0.4), (400_000, 0.35))  # ticks on either side, part of the value
DEEP = 10**15  # whole tokens the core holds for pools it does not simulate
FULL_RANGE_SPACING = 354_892


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool to open: its two tokens, fee, spacing and value in USD; `full_range` ones belong to the TWAMM extension."""

    tokens: tuple[int, int]
    fee_bps: float
    tick_spacing: int
    value_usd: float
    full_range: bool = False


PLANS = (
    PoolPlan((ETH, USDC), 5, 1_000, 800_000),
    PoolPlan((ETH, USDC), 30, 5_982, 400_000),
    PoolPlan((ETH, USDC_E), 5, 1_000, 500_000),
    PoolPlan((STRK, USDC), 5, 1_000, 300_000),
    PoolPlan((STRK, ETH), 5, 1_000, 250_000),
    PoolPlan((STRK, ETH), 5, FULL_RANGE_SPACING, 300_000, full_range=True),
    PoolPlan((STRK, USDC_E), 5, 1_000, 150_000),
    PoolPlan((WBTC, USDC), 5, 1_000, 600_000),
    PoolPlan((WBTC, ETH), 5, 1_000, 400_000),
    PoolPlan((USDC, USDC_E), 1, 200, 500_000),
    PoolPlan((SOL, USDC), 30, 5_982, 150_000),
)
PAIR_VALUE_USD = 1_000_000
PAIRED = ((ETH, USDC), (STRK, ETH), (STRK, USDC), (ETH, USDC_E))


@dataclass(frozen=True, slots=True)
class Account:
    """An account contract and its owner's key."""

    name: str
    address: int
    private_key: int
    public_key: int


def account_of(name: str) -> Account:
    """Return the account of a name; its key follows from the name, so that it is public on purpose."""
    key = selector(f"simulated starknet account {name}")
    public = public_key_of(key)
    prefix = felt("STARKNET_CONTRACT_ADDRESS")
    address = hash_many(prefix, 0, public, constants.ACCOUNT_CLASS_HASH, hash_many(public)) % (2**251 - 256)
    return Account(name, address, key, public)


ACCOUNTS = (account_of("trader"), account_of("second"))
FUNDS = {ETH: 5.0, STRK: 5_000.0, USDC: 20_000.0, USDC_E: 5_000.0, WBTC: 0.2, SOL: 20.0}


def genesis(prices_usd: Mapping[int, float]) -> State:
    """Return the state in which trading begins, at the given prices of whole tokens in USD."""
    state = State()
    for plan in PLANS:
        pool = _open(plan, prices_usd)
        state.pools[pool.key] = pool
    for tokens in PAIRED:
        pair = _pair(min(tokens), max(tokens), prices_usd)
        state.pairs[pair.address] = pair
        state.mint(pair.token0, constants.NOSTRA, pair.reserve0)
        state.mint(pair.token1, constants.NOSTRA, pair.reserve1)
    for address, token in BY_ADDRESS.items():
        state.mint(address, constants.EKUBO_CORE, DEEP * token.unit)
        for account in ACCOUNTS:
            state.mint(address, account.address, round(FUNDS[address] * token.unit))
    return state


def raw_price(token0: int, token1: int, prices_usd: Mapping[int, float]) -> float:
    """Return the fair price as pools state it: raw token1 per raw token0."""
    return prices_usd[token0] / prices_usd[token1] * 10.0 ** (BY_ADDRESS[token1].decimals - BY_ADDRESS[token0].decimals)


def sqrt_ratio_at(price: float) -> int:
    """Return the square-root ratio of a raw price, as exact as a float is."""
    return int(math.sqrt(price) * float(1 << 64)) << 64 if price > 1e-20 else int(math.sqrt(price) * float(ONE))


def fee_fraction(fee_bps: float) -> int:
    """Return a fee in basis points as 0.128."""
    return int(fee_bps / 10_000 * float(ONE))  # as the deployed pools have it: 53 significant bits


def _open(plan: PoolPlan, prices_usd: Mapping[int, float]) -> Pool:
    token0, token1 = sorted(plan.tokens)
    price = raw_price(token0, token1, prices_usd)
    extension = constants.EKUBO_TWAMM if plan.full_range else 0
    key = PoolKey(token0, token1, fee_fraction(plan.fee_bps), plan.tick_spacing, extension)
    sqrt_ratio, value1 = sqrt_ratio_at(price), plan.value_usd / prices_usd[token1] * BY_ADDRESS[token1].unit
    tick, edge = tick_of(sqrt_ratio), aligned(MAX_TICK, plan.tick_spacing)
    if plan.full_range:
        return open_pool(key, sqrt_ratio, [_position(price, -edge, edge, value1)])
    positions = [
        _position(
            price,
            aligned(tick - width, plan.tick_spacing),
            aligned(tick + width, plan.tick_spacing) + plan.tick_spacing,
            value1 * part,
        )
        for width, part in WIDTHS
    ]
    return open_pool(key, sqrt_ratio, [*positions, _position(price, -edge, edge, value1 * 0.1)])


def _position(price: float, lower: int, upper: int, value1: float) -> Position:
    """Return the liquidity between two ticks that is worth `value1` raw token1 at `price`."""
    root, low, high = math.sqrt(price), math.pow(1.000001, lower / 2), math.pow(1.000001, upper / 2)
    worth_of_one = (root - low) + price * (1 / root - 1 / high)
    return Position(lower, upper, int(value1 / worth_of_one))


def _pair(token0: int, token1: int, prices_usd: Mapping[int, float]) -> Pair:
    half = {token: int(PAIR_VALUE_USD / 2 / prices_usd[token] * BY_ADDRESS[token].unit) for token in (token0, token1)}
    return Pair(hash_many(token0, token1) % FIELD_PRIME, token0, token1, half[token0], half[token1])
