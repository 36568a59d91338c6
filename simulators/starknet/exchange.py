"""The aggregator's exchange contract: takes the sold tokens, swaps along its routes, pays the beneficiary or reverts."""

from collections.abc import Sequence

from simulators.starknet import constants
from simulators.starknet.constants import AVNU_EXCHANGE as EXCHANGE
from simulators.starknet.constants import EKUBO_CORE, EKUBO_ROUTER, NOSTRA
from simulators.starknet.execution import HOP_GAS, SWAP_GAS, Execution
from simulators.starknet.pools import PoolKey, Swapped
from simulators.starknet.routes import Direct, Route, SwapCall, read_swap
from simulators.starknet.state import Reverted
from simulators.starknet.tokens import BY_ADDRESS
from simulators.starknet.words import halves, signed

MAX_INTEGRATOR_FEE_BPS = 500


def swap_exact_in(run: Execution, caller: int, calldata: Sequence[int]) -> None:
    """Sell an exact amount for at least a minimum. Raise Reverted with the contract's own message."""
    call = read_swap(calldata, exact_out=False)
    _check(run, caller, call, call.sell_amount)
    before = run.state.balance(call.sell, EXCHANGE)
    run.transfer_from(call.sell, EXCHANGE, caller, call.sell_amount)
    if not is_fee_on_buy(call.sell, call.buy):
        _pay_fees(run, call, call.sell, call.sell_amount)
    for route in call.routes:
        _follow(run, route)
    received = run.state.balance(call.buy, EXCHANGE)
    if is_fee_on_buy(call.sell, call.buy):
        received -= _pay_fees(run, call, call.buy, received)
    if received < call.limit:
        raise Reverted("Insufficient tokens received")
    if run.state.balance(call.sell, EXCHANGE) > before:
        raise Reverted("Residual tokens")
    run.transfer(call.buy, EXCHANGE, call.beneficiary, received)
    _tell_swap(run, caller, call, call.sell_amount, received)


def swap_exact_out(run: Execution, caller: int, calldata: Sequence[int]) -> None:
    """Buy an amount and give back what was not needed of the most to pay. Raise Reverted as `swap_exact_in`."""
    call = read_swap(calldata, exact_out=True)
    _check(run, caller, call, call.limit)
    run.transfer_from(call.sell, EXCHANGE, caller, call.limit)
    wanted = call.buy_amount * 10_000 // (10_000 - fee_bps(run.fees_bps, len(call.routes))) + 1
    for route in call.routes:
        _follow(run, route, wanted)
    received = run.state.balance(call.buy, EXCHANGE)
    received -= _pay_fees(run, call, call.buy, received)
    if received < call.buy_amount:
        raise Reverted("Insufficient tokens received")
    left = run.state.balance(call.sell, EXCHANGE)
    if left:
        run.transfer(call.sell, EXCHANGE, caller, left)
    run.transfer(call.buy, EXCHANGE, call.beneficiary, received)
    _tell_swap(run, caller, call, call.limit - left, received)


def is_fee_on_buy(sell: int, buy: int) -> bool:
    """Tell whether the exchange takes its fee in the bought token."""
    return BY_ADDRESS[buy].weight >= BY_ADDRESS[sell].weight


def fee_bps(fees_bps: tuple[int, int], routes: int) -> int:
    """Return the exchange's fee for a number of routes."""
    return fees_bps[routes > 1]


def _check(run: Execution, caller: int, call: SwapCall, amount: int) -> None:
    if call.beneficiary != caller:
        raise Reverted("Beneficiary is not the caller")
    if amount == 0:
        raise Reverted("Token from amount is 0")
    if call.sell not in BY_ADDRESS or call.buy not in BY_ADDRESS:
        raise Reverted("Requested contract address is not deployed")
    if run.state.balance(call.sell, caller) < amount:
        raise Reverted("Token from balance is too low")
    if not call.routes:
        raise Reverted("Routes is empty")
    if call.routes[0].sell != call.sell:
        raise Reverted("Invalid token from")
    if call.routes[-1].buy != call.buy:
        raise Reverted("Invalid token to")
    if call.integrator_fee_bps > MAX_INTEGRATOR_FEE_BPS:
        raise Reverted("Integrator fees are too high")
    run.l2_gas += SWAP_GAS


def _pay_fees(run: Execution, call: SwapCall, token: int, amount: int) -> int:
    """Pay aggregator and integrator out of `amount`; return what they got."""
    shares = ((constants.FEES_RECIPIENT, fee_bps(run.fees_bps, len(call.routes))), (call.integrator, call.integrator_fee_bps))
    paid = 0
    for receiver, rate_bps in shares:
        if share := amount * rate_bps // 10_000:
            run.transfer(token, EXCHANGE, receiver, share)
            paid += share
    return paid


def _follow(run: Execution, route: Route, wanted: int | None = None) -> None:
    """Swap a route's part of what the exchange holds (or as much as buys `wanted`)."""
    direct = route.principal
    if not 0 < direct.percent <= constants.PERCENT_ALL:
        raise Reverted("Invalid route percent")
    if route.sell not in BY_ADDRESS or route.buy not in BY_ADDRESS:
        raise Reverted("Requested contract address is not deployed")
    amount = run.state.balance(route.sell, EXCHANGE) * direct.percent // constants.PERCENT_ALL
    run.l2_gas += HOP_GAS
    if direct.exchange == EKUBO_CORE:
        _swap_on_ekubo(run, route, direct, amount, wanted)
    elif direct.exchange == NOSTRA and wanted is None:
        _swap_on_pair(run, route, direct, amount)
    else:
        raise Reverted("Unknown exchange")


def _swap_on_ekubo(run: Execution, route: Route, direct: Direct, amount: int, wanted: int | None) -> None:
    if len(direct.parameters) != constants.EKUBO_PARAMETERS:
        raise Reverted("Invalid swap params")
    key = PoolKey(*direct.parameters[:5])
    pool = run.state.pools.get(key)
    if pool is None or {route.sell, route.buy} != {key.token0, key.token1}:
        raise Reverted("NOT_INITIALIZED")
    sells_token1 = route.sell == key.token1
    done = pool.swap(amount, is_token1=sells_token1) if wanted is None else pool.swap(-wanted, is_token1=not sells_token1)
    paid, out = done.paid_in(is_token1=sells_token1), -done.paid_in(is_token1=not sells_token1)
    run.state.pools[key] = done.pool
    run.transfer(route.sell, EXCHANGE, EKUBO_ROUTER, paid)
    run.transfer(route.sell, EKUBO_ROUTER, EKUBO_CORE, paid)
    run.transfer(route.buy, EKUBO_CORE, EKUBO_ROUTER, out)
    _tell_swapped(run, key, done)
    run.transfer(route.buy, EKUBO_ROUTER, EXCHANGE, out)


def _swap_on_pair(run: Execution, route: Route, direct: Direct, amount: int) -> None:
    pair = run.state.pairs.get(direct.parameters[0]) if direct.parameters else None
    if pair is None or {route.sell, route.buy} != {pair.token0, pair.token1}:
        raise Reverted("Invalid swap params")
    run.state.pairs[pair.address], out = pair.swap(route.sell, amount)
    run.transfer(route.sell, EXCHANGE, NOSTRA, amount)
    run.transfer(route.buy, NOSTRA, EXCHANGE, out)


def _tell_swapped(run: Execution, key: PoolKey, done: Swapped) -> None:
    """Tell the core's event: whose lock, which pool, what was asked for, what moved, and the pool after it."""
    specified = done.amount0 if done.amount0 > 0 else done.amount1
    asked = (*signed(specified), int(done.amount0 <= 0), 0, 0, 0)
    moved = (*signed(done.amount0), *signed(done.amount1))
    after = (*halves(done.pool.sqrt_ratio), *signed(done.pool.tick), done.pool.liquidity)
    data = (EKUBO_ROUTER, *key.fields(), *asked, *moved, *after)
    run.emit(EKUBO_CORE, (constants.SWAPPED_EVENT,), data)


def _tell_swap(run: Execution, caller: int, call: SwapCall, sold: int, bought: int) -> None:
    data = (caller, call.sell, *halves(sold), call.buy, *halves(bought), call.beneficiary)
    run.emit(EXCHANGE, (constants.SWAP_EVENT,), data)
