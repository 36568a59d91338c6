"""Calldata of AVNU's exchange contract, read and written word by word (Cairo's serialisation); pure.

A route is `sell token, buy token`, then a direct swap `exchange, percent, parameters`, or the marker of a branch, a direct
swap and its alternatives. Percentages apply in order to what is left of the sell token. Reading consumes every word, so
what was read and written again is what was given.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from adapters.ekubo.constants import BRANCH_MARKER, FIELD_PRIME, WORD_BITS

_MAX_ROUTES = 64
_MAX_PARAMETERS = 64


class CalldataError(ValueError):
    """The words are not the calldata they were said to be."""


class BranchError(CalldataError):
    """A branch where none is accepted."""


class BranchLayout(StrEnum):
    """How an alternative of a branch is laid out: published versions differ, the deployed one's is not confirmed."""

    REFUSED = "REFUSED"  # a branch is not read at all
    PLAIN = "PLAIN"  # exchange, percent, parameters
    PRICED = "PRICED"  # exchange, percent, minimum price (u256), parameters


class DirectSwap(msgspec.Struct, frozen=True):
    """A swap at one exchange; `percent` of what is left, 10^12 for all of it."""

    exchange: int
    percent: int
    parameters: tuple[int, ...]


class Alternative(msgspec.Struct, frozen=True):
    """What the contract may do instead; `minimum_price` only where the layout has one."""

    exchange: int
    percent: int
    parameters: tuple[int, ...]
    minimum_price: int | None = None


class SwapRoute(msgspec.Struct, frozen=True):
    """One hop; `is_branch` with or without alternatives."""

    sell_token: int
    buy_token: int
    swap: DirectSwap
    alternatives: tuple[Alternative, ...] = ()
    is_branch: bool = False


class SwapCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `multi_route_swap`, or of `swap_exact_token_to` where `is_exact_out`; amounts are base units.

    Exact input sells `sell_amount` for at least `limit` and says it expects `buy_amount`. Exact output buys `buy_amount`
    for at most `limit` and says it expects to sell `sell_amount`.
    """

    is_exact_out: bool
    sell_token: int
    sell_amount: int
    buy_token: int
    buy_amount: int
    limit: int
    beneficiary: int
    integrator_fee_bps: int
    integrator: int
    routes: tuple[SwapRoute, ...]


class Words:
    """Words taken one after another; raises `CalldataError` where there are too few or one is out of range."""

    def __init__(self, words: Sequence[int]) -> None:
        self._words, self._at = words, 0

    def felt(self) -> int:
        """Take a field element."""
        if self._at >= len(self._words):
            raise CalldataError(f"ends after {self._at} words")
        word = int(self._words[self._at])
        if not 0 <= word < FIELD_PRIME:
            raise CalldataError(f"word {self._at} is outside the field")
        self._at += 1
        return word

    def u128(self) -> int:
        """Take a number of 128 bits."""
        word = self.felt()
        if word >> WORD_BITS:
            raise CalldataError(f"word {self._at - 1} has more than 128 bits")
        return word

    def u256(self) -> int:
        """Take a number of two words, the low one first."""
        return self.u128() | self.u128() << WORD_BITS

    def felts(self) -> tuple[int, ...]:
        """Take an array with its length before it."""
        return tuple(self.felt() for _ in range(self._length(_MAX_PARAMETERS)))

    def count(self) -> int:
        """Take the length of a list of routes or alternatives."""
        return self._length(_MAX_ROUTES)

    def take(self, word: int) -> bool:
        """Take the next word if it is this one."""
        is_next = self._at < len(self._words) and self._words[self._at] == word
        self._at += is_next
        return is_next

    def finish(self) -> None:
        """Raise where words are left."""
        if self._at != len(self._words):
            raise CalldataError(f"{len(self._words) - self._at} words too many")

    def _length(self, most: int) -> int:
        length = self.felt()
        if length > most:
            raise CalldataError(f"a list of {length} entries")
        return length


def read_swap(words: Sequence[int], *, is_exact_out: bool, branches: BranchLayout = BranchLayout.REFUSED) -> SwapCall:
    """Read the calldata of a swap, every word of it; raises `CalldataError`."""
    given = Words(words)
    sell_token, sell_amount = given.felt(), given.u256()
    if is_exact_out:
        limit, buy_token, buy_amount = given.u256(), given.felt(), given.u256()
    else:
        buy_token, buy_amount, limit = given.felt(), given.u256(), given.u256()
    call = SwapCall(
        is_exact_out=is_exact_out,
        sell_token=sell_token,
        sell_amount=sell_amount,
        buy_token=buy_token,
        buy_amount=buy_amount,
        limit=limit,
        beneficiary=given.felt(),
        integrator_fee_bps=given.u128(),
        integrator=given.felt(),
        routes=tuple(_route(given, branches) for _ in range(given.count())),
    )
    given.finish()
    return call


def write_swap(call: SwapCall) -> tuple[int, ...]:
    """Return the calldata of a swap: the inverse of `read_swap`."""
    if call.is_exact_out:
        amounts = (*_u256(call.sell_amount), *_u256(call.limit), call.buy_token, *_u256(call.buy_amount))
    else:
        amounts = (*_u256(call.sell_amount), call.buy_token, *_u256(call.buy_amount), *_u256(call.limit))
    terms = (call.beneficiary, call.integrator_fee_bps, call.integrator, len(call.routes))
    return (call.sell_token, *amounts, *terms, *(word for route in call.routes for word in _route_words(route)))


def _route(given: Words, branches: BranchLayout) -> SwapRoute:
    sell_token, buy_token = given.felt(), given.felt()
    if not given.take(BRANCH_MARKER):
        return SwapRoute(sell_token, buy_token, _direct(given))
    if branches is BranchLayout.REFUSED:
        raise BranchError("a route has a branch")
    principal = _direct(given)
    alternatives = tuple(_alternative(given, branches) for _ in range(given.count()))
    return SwapRoute(sell_token, buy_token, principal, alternatives, is_branch=True)


def _direct(given: Words) -> DirectSwap:
    return DirectSwap(given.felt(), given.u128(), given.felts())


def _alternative(given: Words, layout: BranchLayout) -> Alternative:
    exchange, percent = given.felt(), given.u128()
    price = given.u256() if layout is BranchLayout.PRICED else None
    return Alternative(exchange, percent, given.felts(), price)


def _u256(number: int) -> tuple[int, int]:
    return number & ((1 << WORD_BITS) - 1), number >> WORD_BITS


def _swap_words(swap: DirectSwap | Alternative) -> Iterator[int]:
    yield from (swap.exchange, swap.percent)
    if isinstance(swap, Alternative) and swap.minimum_price is not None:
        yield from _u256(swap.minimum_price)
    yield from (len(swap.parameters), *swap.parameters)


def _route_words(route: SwapRoute) -> Iterator[int]:
    yield from (route.sell_token, route.buy_token)
    if route.is_branch:
        yield BRANCH_MARKER
    yield from _swap_words(route.swap)
    if route.is_branch:
        yield len(route.alternatives)
        for alternative in route.alternatives:
            yield from _swap_words(alternative)
