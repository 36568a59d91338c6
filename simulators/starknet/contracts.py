"""What the chain's contracts do when called: writes inside a transaction, and reads by `starknet_call`."""

from collections.abc import Callable, Sequence

from simulators.stark_curve import selector
from simulators.starknet import constants, exchange
from simulators.starknet.execution import CALL_GAS, DATA_GAS_PER_CALL, Execution
from simulators.starknet.pools import Pool, PoolKey
from simulators.starknet.routes import Words
from simulators.starknet.state import Reverted, State
from simulators.starknet.tokens import BY_ADDRESS
from simulators.starknet.words import halves, signed, whole

ENTRYPOINT_MISSING = "ENTRYPOINT_NOT_FOUND"
NOT_DEPLOYED = "Requested contract address is not deployed"


def invoke(run: Execution, caller: int, contract: int, entrypoint: int, calldata: Sequence[int]) -> None:
    """Run one call of a transaction. Raise Reverted, with where it happened, when the contract refuses."""
    run.l2_gas += CALL_GAS
    run.l1_data_gas += DATA_GAS_PER_CALL
    try:
        if contract in BY_ADDRESS:
            _write_token(run, caller, contract, entrypoint, Words(calldata))
        elif contract == constants.AVNU_EXCHANGE:
            _write_exchange(run, caller, entrypoint, calldata)
        elif contract in (constants.EKUBO_CORE, constants.EKUBO_ROUTER):
            raise Reverted(ENTRYPOINT_MISSING)
        else:
            raise Reverted(NOT_DEPLOYED)
    except Reverted as error:
        raise Reverted(error.message, contract, entrypoint) from error


def _write_token(run: Execution, caller: int, token: int, entrypoint: int, words: Words) -> None:
    if entrypoint not in (constants.APPROVE, constants.TRANSFER):
        raise Reverted(ENTRYPOINT_MISSING)
    who, amount = words.one(), words.wide()
    words.end()
    if entrypoint == constants.APPROVE:
        run.approve(token, caller, who, amount)
    else:
        run.transfer(token, caller, who, amount)


def _write_exchange(run: Execution, caller: int, entrypoint: int, calldata: Sequence[int]) -> None:
    if entrypoint == constants.MULTI_ROUTE_SWAP:
        exchange.swap_exact_in(run, caller, calldata)
    elif entrypoint == constants.SWAP_EXACT_TOKEN_TO:
        exchange.swap_exact_out(run, caller, calldata)
    else:
        raise Reverted(ENTRYPOINT_MISSING)


def read(state: State, contract: int, entrypoint: int, calldata: Sequence[int]) -> list[int] | None:
    """Answer a read; None when there is no such contract. Raise Reverted when the contract refuses."""
    if contract in BY_ADDRESS:
        views = TOKEN_VIEWS
    elif contract == constants.EKUBO_CORE:
        views = CORE_VIEWS
    elif contract == constants.EKUBO_ROUTER:
        views = ROUTER_VIEWS
    else:
        return None
    view = views.get(entrypoint)
    if view is None:
        raise Reverted(ENTRYPOINT_MISSING, contract, entrypoint)
    words = Words(calldata)
    try:
        answer = view(state, contract, words)
        words.end()
    except Reverted as error:
        raise Reverted(error.message, contract, entrypoint) from error
    return answer


def _balance(state: State, token: int, words: Words) -> list[int]:
    return list(halves(state.balance(token, words.one())))


def _allowance(state: State, token: int, words: Words) -> list[int]:
    return list(halves(state.allowances.get((token, words.one(), words.one()), 0)))


def _pool(state: State, words: Words) -> Pool | None:
    return state.pools.get(PoolKey(words.one(), words.one(), words.one(), words.one(), words.one()))


def _existing(state: State, words: Words) -> Pool:
    pool = _pool(state, words)
    if pool is None:
        raise Reverted("NOT_INITIALIZED")
    return pool


def _price(state: State, _contract: int, words: Words) -> list[int]:
    pool = _pool(state, words)
    return [*halves(pool.sqrt_ratio), *signed(pool.tick)] if pool else [0, 0, 0, 0]


def _liquidity(state: State, _contract: int, words: Words) -> list[int]:
    pool = _pool(state, words)
    return [pool.liquidity if pool else 0]


def _quote_swap(state: State, _contract: int, words: Words) -> list[int]:
    pool = _existing(state, words)
    limit = whole(words.one(), words.one())
    words.one()  # skip_ahead saves gas and changes nothing
    token, magnitude, negative = words.one(), words.one(), words.one()
    if token not in (pool.key.token0, pool.key.token1):
        raise Reverted("NO_AMOUNT")
    try:
        done = pool.swap(-magnitude if negative else magnitude, is_token1=token == pool.key.token1, limit=limit)
    except ValueError as error:
        raise Reverted(str(error)) from error
    return [*signed(done.amount0), *signed(done.amount1)]


def _market_depth(state: State, _contract: int, words: Words) -> list[int]:
    """Return how much of either token can be bought until the spot price has moved by a part of itself."""
    pool, part = _existing(state, words), words.one() / 2**64
    root = pool.sqrt_ratio
    up = pool.swap(2**126, is_token1=True, limit=_scaled(root, (1 + part) ** 0.5))
    down = pool.swap(2**126, is_token1=False, limit=_scaled(root, max(1 - part, 1e-12) ** 0.5))
    return [-up.amount0, -down.amount1]


def _scaled(root: int, factor: float) -> int:
    return root * int(factor * 2**60) >> 60


View = Callable[[State, int, Words], list[int]]
TOKEN_VIEWS: dict[int, View] = {
    selector("balance_of"): _balance,
    selector("balanceOf"): _balance,
    selector("allowance"): _allowance,
    selector("decimals"): lambda _state, token, _words: [BY_ADDRESS[token].decimals],
}
CORE_VIEWS: dict[int, View] = {selector("get_pool_price"): _price, selector("get_pool_liquidity"): _liquidity}
ROUTER_VIEWS: dict[int, View] = {selector("quote_swap"): _quote_swap, selector("get_market_depth_v2"): _market_depth}
