"""Margin: the tiers' maintenance, cross and isolated equity, what is free, and where liquidation begins.

The account's cash holds everything; an isolated position binds a part of it, `isolated_usd`, from
which its own profit and funding are covered and nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulators.accounts import ZERO, FillEffect, Position
from simulators.hyperliquid.universe import ASSET_IDS, UNIVERSE, Coin
from simulators.hyperliquid.users import User

ONE = Decimal(1)
TRANSFER_PART = Decimal("0.1")  # of the notional that has to stay behind


def increase(signed_size: Decimal, position: Decimal) -> Decimal:
    """Return by how much an order would enlarge the absolute position, at least 0."""
    return max(abs(position + signed_size) - abs(position), ZERO)


def coin_named(name: str) -> Coin:
    """Return the coin of a name; raise KeyError for a stranger."""
    return UNIVERSE[ASSET_IDS[name]]


def maintenance_usd(coin: Coin, notional_usd: Decimal) -> Decimal:
    """Return the maintenance margin of a notional: half the initial margin at each tier's greatest leverage.

    notional * rate_n - deduction_n, where rate_n = 1 / (2 * leverage_n) and deduction_n =
    deduction_(n-1) + lower_n * (rate_n - rate_(n-1)).
    """
    rate = deduction = ZERO
    for tier in coin.tiers:
        if tier.lower_usd and notional_usd < tier.lower_usd:
            break
        following = ONE / (2 * tier.max_leverage)
        deduction += tier.lower_usd * (following - rate)
        rate = following
    return notional_usd * rate - deduction


def max_leverage(coin: Coin, notional_usd: Decimal) -> int:
    """Return the greatest leverage of a notional."""
    return next(tier.max_leverage for tier in reversed(coin.tiers) if notional_usd >= tier.lower_usd)


@dataclass(frozen=True, slots=True)
class Holding:
    """One position at its mark; `margin_usd` is what is bound to it."""

    name: str
    position: Position
    mark_usd: Decimal
    leverage: int
    is_isolated: bool
    isolated_usd: Decimal

    @property
    def side(self) -> int:
        """1 for a long position, -1 for a short one."""
        return 1 if self.position.size > 0 else -1

    @property
    def notional_usd(self) -> Decimal:
        """The absolute value at the mark."""
        return abs(self.position.size) * self.mark_usd

    @property
    def unrealized_usd(self) -> Decimal:
        """The open profit."""
        return self.position.unrealized_usd(self.mark_usd)

    @property
    def maintenance_usd(self) -> Decimal:
        """What the position needs not to be liquidated."""
        return maintenance_usd(coin_named(self.name), self.notional_usd)

    @property
    def initial_usd(self) -> Decimal:
        """What opening it would need at its leverage."""
        return self.notional_usd / self.leverage

    @property
    def margin_usd(self) -> Decimal:
        """What is bound: all an isolated position has, the initial margin of a cross one."""
        return self.isolated_usd + self.unrealized_usd if self.is_isolated else self.initial_usd


@dataclass(frozen=True, slots=True)
class Margin:
    """A user's margin at the marks, USD."""

    user: User
    marks: Mapping[str, Decimal]

    def holding(self, name: str) -> Holding:
        """Return one position; raise KeyError when there is none."""
        account = self.user.account
        is_isolated = name in self.user.isolated
        bound_usd = self.user.isolated_usd.get(name, ZERO)
        return Holding(name, account.positions[name], self.marks[name], account.leverage_of(name), is_isolated, bound_usd)

    @property
    def holdings(self) -> list[Holding]:
        """Every position."""
        return [self.holding(name) for name in self.user.account.positions]

    @property
    def cross(self) -> Iterator[Holding]:
        """The positions that share margin."""
        return (holding for holding in self.holdings if not holding.is_isolated)

    @property
    def isolated(self) -> Iterator[Holding]:
        """The positions with margin of their own."""
        return (holding for holding in self.holdings if holding.is_isolated)

    @property
    def cross_equity_usd(self) -> Decimal:
        """Cash that no isolated position binds, and the open profit of the cross positions."""
        bound = sum(self.user.isolated_usd.values(), ZERO)
        return self.user.account.cash_usd - bound + sum((holding.unrealized_usd for holding in self.cross), ZERO)

    @property
    def equity_usd(self) -> Decimal:
        """Everything the account is worth."""
        return self.cross_equity_usd + sum((holding.margin_usd for holding in self.isolated), ZERO)

    @property
    def cross_maintenance_usd(self) -> Decimal:
        """What the cross positions need together not to be liquidated."""
        return sum((holding.maintenance_usd for holding in self.cross), ZERO)

    @property
    def cross_initial_usd(self) -> Decimal:
        """The initial margin of the cross positions."""
        return sum((holding.initial_usd for holding in self.cross), ZERO)

    @property
    def available_usd(self) -> Decimal:
        """The equity that neither positions nor resting orders bind."""
        bound, account = self.cross_initial_usd, self.user.account
        for order in self.user.open_orders.values():
            if order.trigger is None:
                signed = order.remaining if order.is_buy else -order.remaining
                grows = increase(signed, account.size(order.coin))
                bound += grows * order.limit_price / account.leverage_of(order.coin)
        return self.cross_equity_usd - bound

    @property
    def withdrawable_usd(self) -> Decimal:
        """What may leave: the greater of the initial margin and a tenth of the notional stays behind."""
        notional = sum((holding.notional_usd for holding in self.cross), ZERO)
        return max(self.cross_equity_usd - max(self.cross_initial_usd, notional * TRANSFER_PART), ZERO)

    def liquidation_usd(self, name: str) -> Decimal | None:
        """Return the mark at which this position's move alone uses up the margin; None when no price does.

        mark - side * (equity - maintenance) / |size| / (1 - side / (2 * greatest leverage)).
        """
        holding = self.holding(name)
        if holding.is_isolated:
            free = holding.margin_usd - holding.maintenance_usd
        else:
            free = self.cross_equity_usd - self.cross_maintenance_usd
        ratio = ONE - ONE * holding.side / (2 * max_leverage(coin_named(name), holding.notional_usd))
        price = holding.mark_usd - holding.side * free / abs(holding.position.size) / ratio
        return price if price > 0 else None


def bind_fill(user: User, name: str, effect: FillEffect, price: Decimal) -> None:
    """Bind margin to an isolated position that grew, release it from one that shrank."""
    if name not in user.isolated:
        return
    before, after = abs(effect.size_before), abs(effect.size_after)
    bound = user.isolated_usd.get(name, ZERO)
    if effect.size_before * effect.size_after < 0:
        before, bound = ZERO, ZERO
    if after > before:
        bound += (after - before) * price / user.account.leverage_of(name)
    elif before:
        bound = bound * after / before
    if effect.size_after:
        user.isolated_usd[name] = bound
    else:
        user.isolated_usd.pop(name, None)
