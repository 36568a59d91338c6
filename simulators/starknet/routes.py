"""The routes inside the exchange's calldata, as Cairo serialises them: read and written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.stark_curve import felt
from simulators.starknet.state import Reverted
from simulators.starknet.words import halves, whole

BRANCH = felt("branch")


class Words:
    """Reads words one after another. Raise Reverted when they end too early or do not fit their type."""

    def __init__(self, words: Sequence[int]) -> None:
        self._words, self._at = words, 0

    def one(self) -> int:
        """Return the next word."""
        if self._at >= len(self._words):
            raise Reverted("Failed to deserialize param #1")
        self._at += 1
        return self._words[self._at - 1]

    def many(self) -> tuple[int, ...]:
        """Return an array: its length, then its words."""
        length = self.one()
        if length > len(self._words) - self._at:
            raise Reverted("Failed to deserialize param #1")
        return tuple(self.one() for _ in range(length))

    def wide(self) -> int:
        """Return a 256-bit number."""
        low, high = self.one(), self.one()
        try:
            return whole(low, high)
        except ValueError as error:
            raise Reverted("Failed to deserialize param #1") from error

    def end(self) -> None:
        """Raise Reverted when words are left."""
        if self._at != len(self._words):
            raise Reverted("Input too long for arguments")


@dataclass(frozen=True, slots=True)
class Direct:
    """A swap on one exchange; `percent` is of what is left to sell, 10^12 is all of it."""

    exchange: int
    percent: int
    parameters: tuple[int, ...]

    def words(self) -> list[int]:
        """Return it as calldata."""
        return [self.exchange, self.percent, len(self.parameters), *self.parameters]


@dataclass(frozen=True, slots=True)
class Route:
    """One step from a token to another; with alternatives it is a branch."""

    sell: int
    buy: int
    principal: Direct
    alternatives: tuple[Direct, ...] = ()

    def words(self) -> list[int]:
        """Return it as calldata."""
        if not self.alternatives:
            return [self.sell, self.buy, *self.principal.words()]
        others = [word for each in self.alternatives for word in each.words()]
        return [self.sell, self.buy, BRANCH, *self.principal.words(), len(self.alternatives), *others]


@dataclass(frozen=True, slots=True)
class SwapCall:
    """The arguments of `multi_route_swap`, or with `exact_out` those of `swap_exact_token_to`.

    `limit` is the least to receive, or for an exact output the most to pay; amounts are raw units.
    """

    sell: int
    sell_amount: int
    buy: int
    buy_amount: int
    limit: int
    beneficiary: int
    integrator_fee_bps: int = 0
    integrator: int = 0
    routes: tuple[Route, ...] = field(default=())
    exact_out: bool = False

    def words(self) -> list[int]:
        """Return it as calldata."""
        sold, bought, limit = halves(self.sell_amount), halves(self.buy_amount), halves(self.limit)
        amounts = [*sold, *limit, self.buy, *bought] if self.exact_out else [*sold, self.buy, *bought, *limit]
        head = [self.sell, *amounts, self.beneficiary, self.integrator_fee_bps, self.integrator, len(self.routes)]
        return [*head, *(word for route in self.routes for word in route.words())]


def read_swap(calldata: Sequence[int], *, exact_out: bool) -> SwapCall:
    """Read the arguments of a swap. Raise Reverted when they are none."""
    words = Words(calldata)
    sell, sell_amount = words.one(), words.wide()
    if exact_out:
        limit, buy, buy_amount = words.wide(), words.one(), words.wide()
    else:
        buy, buy_amount, limit = words.one(), words.wide(), words.wide()
    beneficiary, fee_bps, integrator = words.one(), words.one(), words.one()
    routes = tuple(_route(words) for _ in range(min(words.one(), len(calldata))))
    words.end()
    return SwapCall(sell, sell_amount, buy, buy_amount, limit, beneficiary, fee_bps, integrator, routes, exact_out)


def _route(words: Words) -> Route:
    sell, buy, head = words.one(), words.one(), words.one()
    if head != BRANCH:
        return Route(sell, buy, Direct(head, words.one(), words.many()))
    principal = _direct(words)
    return Route(sell, buy, principal, tuple(_direct(words) for _ in range(min(words.one(), 32))))


def _direct(words: Words) -> Direct:
    return Direct(words.one(), words.one(), words.many())
