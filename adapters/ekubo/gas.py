"""Bounds on what a transaction may cost: from an estimate, with room for prices that rise, under a cap; pure."""

from decimal import ROUND_CEILING, Decimal

import msgspec

from adapters.ekubo.constants import FRI_PER_STRK
from adapters.ekubo.schemas import FeeEstimate
from adapters.ekubo.signing import Bound, Bounds


class GasRules(msgspec.Struct, frozen=True, kw_only=True):
    """How far above an estimate the bounds lie, and what they may allow at most."""

    amount_multiplier: Decimal
    price_multiplier: Decimal
    max_fee_strk: Decimal

    @property
    def max_fee_fri(self) -> int:
        """The cap in FRI."""
        return int(self.max_fee_strk * FRI_PER_STRK)


def bounds(estimate: FeeEstimate, rules: GasRules) -> Bounds:
    """Return the bounds for a transaction of this estimate."""

    def bound(amount: int, price_fri: int) -> Bound:
        return Bound(_up(amount * rules.amount_multiplier), _up(price_fri * rules.price_multiplier))

    return Bounds(
        l1_gas=bound(estimate.l1_gas_consumed, estimate.l1_gas_price),
        l2_gas=bound(estimate.l2_gas_consumed, estimate.l2_gas_price),
        l1_data_gas=bound(estimate.l1_data_gas_consumed, estimate.l1_data_gas_price),
    )


def outbid(wanted: Bounds, before: Bounds, factor: Decimal) -> Bounds:
    """Return `wanted` with prices that are at least `factor` times those of `before`, whose nonce it is to take."""

    def bound(ours: Bound, theirs: Bound) -> Bound:
        return Bound(ours.amount, max(ours.price_fri, _up(theirs.price_fri * factor)))

    return Bounds(
        l1_gas=bound(wanted.l1_gas, before.l1_gas),
        l2_gas=bound(wanted.l2_gas, before.l2_gas),
        l1_data_gas=bound(wanted.l1_data_gas, before.l1_data_gas),
    )


def bounds_of(body: dict[str, object]) -> Bounds:
    """Return the bounds of a signed transaction in its JSON form."""
    wire = msgspec.convert(body["resource_bounds"], dict[str, dict[str, str]])

    def bound(name: str) -> Bound:
        return Bound(int(wire[name]["max_amount"], 16), int(wire[name]["max_price_per_unit"], 16))

    return Bounds(l1_gas=bound("l1_gas"), l2_gas=bound("l2_gas"), l1_data_gas=bound("l1_data_gas"))


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))
