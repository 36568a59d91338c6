"""Bounds leave room above the estimate, and one that takes another's nonce pays more for every resource."""

from decimal import Decimal

from adapters.ekubo import gas
from adapters.ekubo.schemas import FeeEstimate, convert
from adapters.ekubo.signing import Bound, Bounds, Invoke, Signer

ESTIMATE = convert(
    FeeEstimate,
    {
        "l1_gas_consumed": 0,
        "l1_gas_price": 7,
        "l2_gas_consumed": 101,
        "l2_gas_price": 11,
        "l1_data_gas_consumed": 10,
        "l1_data_gas_price": 3,
        "overall_fee": 1141,
    },
)
RULES = gas.GasRules(amount_multiplier=Decimal("1.3"), price_multiplier=Decimal("1.5"), max_fee_strk=Decimal("0.5"))


def test_bounds_lie_above_the_estimate_and_are_rounded_up():
    assert gas.bounds(ESTIMATE, RULES) == Bounds(l1_gas=Bound(0, 11), l2_gas=Bound(132, 17), l1_data_gas=Bound(13, 5))
    assert RULES.max_fee_fri == 5 * 10**17


def test_a_replacement_pays_more_than_what_it_replaces_and_never_less_than_the_market():
    before = Bounds(l1_gas=Bound(0, 100), l2_gas=Bound(500, 10), l1_data_gas=Bound(9, 4))
    wanted = gas.bounds(ESTIMATE, RULES)
    bid = gas.outbid(wanted, before, Decimal("1.25"))
    assert (bid.l1_gas, bid.l2_gas, bid.l1_data_gas) == (Bound(0, 125), Bound(132, 17), Bound(13, 5))


def test_the_bounds_of_what_was_signed_are_read_back():
    bounds = gas.bounds(ESTIMATE, RULES)
    signed = Signer(1, "0x5", "0x7").sign(Invoke(nonce=1, calldata=(1,), bounds=bounds))
    assert gas.bounds_of(signed.body) == bounds
