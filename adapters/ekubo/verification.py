"""Whether what AVNU gave is what we asked for, decided here and before anything is signed; pure.

AVNU is not trusted: a build that sends our tokens anywhere else, for less than our own limit or through another exchange is
refused with the kind of its fault. What passes is made anew from what was read, so nothing unread is ever signed.
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from adapters.ekubo.calldata import (
    Alternative,
    BranchError,
    BranchLayout,
    CalldataError,
    DirectSwap,
    SwapCall,
    SwapRoute,
    Words,
    read_swap,
    write_swap,
)
from adapters.ekubo.constants import (
    APPROVE,
    BPS,
    EKUBO_PARAMETERS,
    MULTI_ROUTE_SWAP,
    SELECTORS,
    SWAP_EXACT_TOKEN_TO,
    WHOLE_PERCENT,
    WORD_BITS,
)
from adapters.ekubo.schemas import Build, Quote, Route
from adapters.ekubo.schemas import Call as WireCall
from adapters.ekubo.signing import Call

_ASKED_SHARE = Decimal("0.999")


class Fault(StrEnum):
    """What is wrong with a quote or a build."""

    CHAIN = "CHAIN"  # for another chain
    EXECUTOR = "EXECUTOR"  # somebody else is to execute it
    CALLS = "CALLS"  # calls missing, too many or in another order
    CONTRACT = "CONTRACT"  # a call of a contract that is none of ours
    ENTRYPOINT = "ENTRYPOINT"
    MALFORMED = "MALFORMED"  # words missing, left over or out of range
    APPROVED_TOKEN = "APPROVED_TOKEN"  # noqa: S105  # not a password
    APPROVED_SPENDER = "APPROVED_SPENDER"
    APPROVED_AMOUNT = "APPROVED_AMOUNT"
    SELL_TOKEN = "SELL_TOKEN"  # noqa: S105
    BUY_TOKEN = "BUY_TOKEN"  # noqa: S105
    SELL_AMOUNT = "SELL_AMOUNT"
    BUY_AMOUNT = "BUY_AMOUNT"
    LIMIT = "LIMIT"  # less than we want to get, or more than we want to give
    BENEFICIARY = "BENEFICIARY"
    INTEGRATOR_FEE = "INTEGRATOR_FEE"
    ROUTE = "ROUTE"  # routes that do not lead from the one token to the other
    PERCENT = "PERCENT"  # shares that leave something behind
    BRANCH = "BRANCH"
    EXCHANGE = "EXCHANGE"  # through an exchange that is not allowed
    POOL = "POOL"  # a pool of other tokens or with an extension that is not allowed
    EXPIRED = "EXPIRED"
    REFERENCE = "REFERENCE"  # too far from an independent price, to whichever side


class Refusal(msgspec.Struct, frozen=True):
    """Why a quote or a build is not used."""

    fault: Fault
    detail: str


class SwapTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What we want, and how it may be done; amounts are base units.

    Exact input sells exactly `sell_amount` for at least `buy_amount`; exact output (`is_exact_out`) buys exactly
    `buy_amount` for at most `sell_amount`. `exchanges` and `extensions` are what routes may pass through, None for any.
    """

    chain_id: int
    exchange: int
    account: int
    sell_token: int
    buy_token: int
    sell_amount: int
    buy_amount: int
    is_exact_out: bool = False
    exchanges: frozenset[int] | None
    extensions: frozenset[int] | None = None
    is_direct_only: bool = True
    branches: BranchLayout = BranchLayout.REFUSED

    def __post_init__(self) -> None:
        if self.sell_amount <= 0 or self.buy_amount <= 0 or self.sell_token == self.buy_token:
            raise ValueError(f"a swap of {self.sell_amount} for {self.buy_amount} of another token")


class VerifiedSwap(msgspec.Struct, frozen=True, kw_only=True):
    """A swap that is what we asked for: the calls to sign, and what they do."""

    calls: tuple[Call, ...]
    swap: SwapCall


def minimum_bought(quoted: int, slippage_bps: Decimal) -> int:
    """Return the least to accept for a quote of exact input: rounded down, as AVNU does."""
    share, whole = (1 - slippage_bps / BPS).as_integer_ratio()
    return quoted * share // whole


def maximum_sold(quoted: int, slippage_bps: Decimal) -> int:
    """Return the most to give for a quote of exact output: rounded up."""
    share, whole = (1 + slippage_bps / BPS).as_integer_ratio()
    return -(-quoted * share // whole)


def asked_slippage(slippage_bps: Decimal) -> Decimal:
    """Return the slippage to ask a build for, as a fraction: a thousandth tighter than our limit.

    How AVNU rounds is not confirmed; in floating point it would miss our limit by some units of a token of 18 decimals.
    """
    return slippage_bps / BPS * _ASKED_SHARE


def verify(build: Build, terms: SwapTerms) -> VerifiedSwap | Refusal:
    """Return the calls to sign if a build does exactly what the terms say, else why not."""
    try:
        return _verified(build, terms)
    except _Refused as e:
        return e.refusal


def check_quote(quote: Quote, terms: SwapTerms, now_secs: Decimal) -> Refusal | None:
    """Return why a quote is not an answer to what was asked, None where it is one.

    Of the amounts in `terms` only the exact one counts here. Whether its price is any good is another question: `impact`.
    """
    try:
        _check_quote(quote, terms, now_secs)
    except _Refused as e:
        return e.refusal
    return None


class _Refused(Exception):
    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(fault, detail)


def _demand(is_met: bool, fault: Fault, detail: str) -> None:
    if not is_met:
        raise _Refused(fault, detail)


def _verified(build: Build, terms: SwapTerms) -> VerifiedSwap:
    _demand(build.chain_id == terms.chain_id, Fault.CHAIN, f"chain {hex(build.chain_id)}")
    _demand(not build.executor_address, Fault.EXECUTOR, f"executor {hex(build.executor_address or 0)}")
    _demand(1 <= len(build.calls) <= 2, Fault.CALLS, f"{len(build.calls)} calls")
    *before, last = build.calls
    _demand(last.contract_address == terms.exchange, Fault.CONTRACT, f"swap at {hex(last.contract_address)}")
    swap = _checked_swap(last, terms)
    approvals = [_checked_approval(call, swap, terms) for call in before]
    calls = (*approvals, Call(terms.exchange, SELECTORS[last.entrypoint], write_swap(swap)))
    return VerifiedSwap(calls=calls, swap=swap)


def _checked_approval(call: WireCall, swap: SwapCall, terms: SwapTerms) -> Call:
    _demand(call.entrypoint == APPROVE, Fault.ENTRYPOINT, f"{call.entrypoint!r} before the swap")
    _demand(call.contract_address == terms.sell_token, Fault.APPROVED_TOKEN, f"approval of {hex(call.contract_address)}")
    words = Words(call.calldata)
    try:
        spender, amount = words.felt(), words.u256()
        words.finish()
    except CalldataError as e:
        raise _Refused(Fault.MALFORMED, f"approval: {e}") from e
    _demand(spender == terms.exchange, Fault.APPROVED_SPENDER, f"approval for {hex(spender)}")
    most = swap.limit if swap.is_exact_out else swap.sell_amount
    _demand(swap.sell_amount <= amount <= most, Fault.APPROVED_AMOUNT, f"approval of {amount}, not {most}")
    low, high = amount & ((1 << WORD_BITS) - 1), amount >> WORD_BITS
    return Call(terms.sell_token, SELECTORS[APPROVE], (spender, low, high))


def _checked_swap(call: WireCall, terms: SwapTerms) -> SwapCall:
    entrypoint = SWAP_EXACT_TOKEN_TO if terms.is_exact_out else MULTI_ROUTE_SWAP
    _demand(call.entrypoint == entrypoint, Fault.ENTRYPOINT, f"{call.entrypoint!r}, not {entrypoint!r}")
    try:
        swap = read_swap(call.calldata, is_exact_out=terms.is_exact_out, branches=terms.branches)
    except BranchError as e:
        raise _Refused(Fault.BRANCH, str(e)) from e
    except CalldataError as e:
        raise _Refused(Fault.MALFORMED, str(e)) from e
    _demand(swap.sell_token == terms.sell_token, Fault.SELL_TOKEN, f"sells {hex(swap.sell_token)}")
    _demand(swap.buy_token == terms.buy_token, Fault.BUY_TOKEN, f"buys {hex(swap.buy_token)}")
    _demand(swap.beneficiary == terms.account, Fault.BENEFICIARY, f"for {hex(swap.beneficiary)}")
    is_free = swap.integrator_fee_bps == 0 and swap.integrator == 0
    _demand(is_free, Fault.INTEGRATOR_FEE, f"{swap.integrator_fee_bps} bps to {hex(swap.integrator)}")
    _check_amounts(swap, terms)
    _check_routes(swap, terms)
    return swap


def _check_amounts(swap: SwapCall, terms: SwapTerms) -> None:
    if swap.is_exact_out:
        _demand(swap.buy_amount == terms.buy_amount, Fault.BUY_AMOUNT, f"buys {swap.buy_amount}")
        _demand(swap.limit <= terms.sell_amount, Fault.LIMIT, f"up to {swap.limit}, at most {terms.sell_amount}")
        _demand(0 < swap.sell_amount <= swap.limit, Fault.SELL_AMOUNT, f"expects {swap.sell_amount} of {swap.limit}")
    else:
        _demand(swap.sell_amount == terms.sell_amount, Fault.SELL_AMOUNT, f"sells {swap.sell_amount}")
        _demand(swap.limit >= terms.buy_amount, Fault.LIMIT, f"from {swap.limit}, at least {terms.buy_amount}")
        _demand(swap.buy_amount >= swap.limit, Fault.BUY_AMOUNT, f"expects {swap.buy_amount} of {swap.limit}")


def _check_routes(swap: SwapCall, terms: SwapTerms) -> None:
    """Demand that the routes turn all of the sell token into the buy token and nothing into anything else."""
    left = {swap.sell_token: True}  # whether some of a token is still to be sold
    for route in swap.routes:
        names = f"{hex(route.sell_token)} to {hex(route.buy_token)}"
        _demand(left.get(route.sell_token, False), Fault.ROUTE, f"{names}: nothing of it is there")
        is_forward = route.sell_token != swap.buy_token and route.buy_token not in (swap.sell_token, route.sell_token)
        _demand(is_forward, Fault.ROUTE, f"{names}: leads back")
        is_direct = (route.sell_token, route.buy_token) == (swap.sell_token, swap.buy_token)
        _demand(is_direct or not terms.is_direct_only, Fault.ROUTE, f"{names}: a detour")
        for option in _options(route):
            _check_option(option, route, terms)
        left[route.sell_token] = route.swap.percent < WHOLE_PERCENT
        left[route.buy_token] = True
    _demand(left.pop(swap.buy_token, False), Fault.ROUTE, "no route arrives")
    _demand(not any(left.values()), Fault.PERCENT, "something would be left behind")


def _options(route: SwapRoute) -> Iterator[DirectSwap | Alternative]:
    yield route.swap
    yield from route.alternatives


def _check_option(swap: DirectSwap | Alternative, route: SwapRoute, terms: SwapTerms) -> None:
    is_allowed = terms.exchanges is None or swap.exchange in terms.exchanges
    _demand(is_allowed, Fault.EXCHANGE, f"through {hex(swap.exchange)}")
    _demand(0 < swap.percent <= WHOLE_PERCENT, Fault.PERCENT, f"{swap.percent} of {WHOLE_PERCENT}")
    if terms.extensions is None:
        return
    _demand(len(swap.parameters) == EKUBO_PARAMETERS, Fault.POOL, f"{len(swap.parameters)} parameters")
    token0, token1, fee, _, extension, _ = swap.parameters
    pair = tuple(sorted((route.sell_token, route.buy_token)))
    _demand((token0, token1) == pair, Fault.POOL, f"a pool of {hex(token0)} and {hex(token1)}")
    _demand(fee >> WORD_BITS == 0, Fault.POOL, f"a fee of {hex(fee)}")
    _demand(extension in terms.extensions, Fault.POOL, f"extension {hex(extension)}")


def _check_quote(quote: Quote, terms: SwapTerms, now_secs: Decimal) -> None:
    _demand(quote.chain_id == terms.chain_id, Fault.CHAIN, f"chain {hex(quote.chain_id)}")
    _demand(quote.sell_token_address == terms.sell_token, Fault.SELL_TOKEN, f"sells {hex(quote.sell_token_address)}")
    _demand(quote.buy_token_address == terms.buy_token, Fault.BUY_TOKEN, f"buys {hex(quote.buy_token_address)}")
    if terms.is_exact_out:
        _demand(quote.buy_amount == terms.buy_amount, Fault.BUY_AMOUNT, f"buys {quote.buy_amount}")
    else:
        _demand(quote.sell_amount == terms.sell_amount, Fault.SELL_AMOUNT, f"sells {quote.sell_amount}")
    _demand(quote.sell_amount > 0 and quote.buy_amount > 0, Fault.BUY_AMOUNT, "a quote of nothing")
    _demand(not quote.expiry or quote.expiry > now_secs, Fault.EXPIRED, f"expired at {quote.expiry}")
    _demand(bool(quote.routes), Fault.ROUTE, "no routes")
    for route in quote.routes:
        _check_hop(route, terms)


def _check_hop(route: Route, terms: SwapTerms) -> None:
    is_allowed = terms.exchanges is None or route.address in terms.exchanges
    _demand(is_allowed, Fault.EXCHANGE, f"through {route.name!r} at {hex(route.address)}")
    if terms.is_direct_only:
        pair = (int(route.sell_token_address), int(route.buy_token_address))
        _demand(pair == (terms.sell_token, terms.buy_token) and not route.routes, Fault.ROUTE, "a detour")
    for following in route.routes:
        _check_hop(following, terms)
