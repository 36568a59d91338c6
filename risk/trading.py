"""Which trading state is in force: what the operator and the breakers ask, the strictest of it, and no halt over a naked leg."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from messages import OperatorCommand, StateRequest, TradingState

NOBODY = "nobody"


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The state that counts, and whose it is."""

    state: TradingState
    source: str
    reason: str


class HeldLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A position in one instrument: signed base units, and the smallest size its venue trades."""

    asset: str
    quantity: Decimal
    smallest: Decimal


class TradingControl:
    """Keeps what each source asks, and works out what follows."""

    def __init__(self) -> None:
        self._requests: dict[str, StateRequest] = {}

    def take(self, request: StateRequest) -> None:
        """Keep the latest request of a source; one for RUNNING takes back what it asked."""
        if request.state is TradingState.RUNNING:
            self._requests.pop(request.source, None)
        else:
            self._requests[request.source] = request

    @property
    def strictest(self) -> StateRequest | None:
        """The strictest request, the earliest of equals; None while nobody asks for anything."""
        ordered = sorted(self._requests.values(), key=lambda request: (-request.state.strictness, request.ts_ns))
        return ordered[0] if ordered else None

    def in_force(self, naked: Iterable[str]) -> InForce:
        """Return the state that counts while the assets in `naked` have legs that do not match.

        A halt would keep such a leg from being closed, so it waits as CLOSE_ONLY until all are hedged or flat.
        It also steps back to that where a leg comes to stand alone later, by a liquidation for instance.
        """
        request = self.strictest
        if request is None:
            return InForce(state=TradingState.RUNNING, source=NOBODY, reason="nothing stands against trading")
        alone = tuple(naked) if request.state is TradingState.HALTED else ()
        if alone:
            reason = f"{request.reason}; halts when {', '.join(alone)} is hedged or flat"
            return InForce(state=TradingState.CLOSE_ONLY, source=request.source, reason=reason)
        return InForce(state=request.state, source=request.source, reason=request.reason)


def naked_assets(legs: Iterable[HeldLeg]) -> tuple[str, ...]:
    """Return the assets whose legs do not match by more than what their venues trade, in alphabetical order."""
    net: dict[str, Decimal] = {}
    dust: dict[str, Decimal] = {}
    for leg in legs:
        net[leg.asset] = net.get(leg.asset, Decimal(0)) + leg.quantity
        dust[leg.asset] = max(dust.get(leg.asset, Decimal(0)), leg.smallest)
    return tuple(sorted(asset for asset, quantity in net.items() if abs(quantity) >= dust[asset] and quantity))


def flatten_tag(command: OperatorCommand) -> str:
    """Return the tag by which an order carries an operator's FLATTEN command: the one way to reduce while HALTED.

    The gate knows the tags of the commands it has heard itself; any other tag is just a tag. An order that
    carries one still has to reduce.
    """
    return f"FLATTEN-{command.ts_ns}"
