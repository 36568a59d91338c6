from decimal import Decimal

import pytest
from settlement_scene import (
    HOUR_NS,
    LONG,
    SHORT,
    START_NS,
    Outcome,
    free,
    marks,
    python_engine,
    python_outcomes,
    quotes,
    rates,
    rust_outcomes,
)

from adapters.paper.hourly import HourlySettlement, HourlySettlementConfig
from messages import FundingPayment, topics

LEGS = [free(LONG), free(SHORT)]
RATES = ["0.0001", "-0.0002", "0.0000125", "0.00059808", "0.0003"]


def modules() -> dict[str, list[HourlySettlement]]:
    return {
        leg.id.venue.value: [HourlySettlement(HourlySettlementConfig(component_id=f"FUNDING-{leg.id.venue}"))] for leg in LEGS
    }


def run_python(funding, mark_prices=(), with_modules=True, payments=None, **strategy) -> dict[str, Outcome]:
    data = [*funding, *quotes(LEGS[0], "40000.0"), *quotes(LEGS[1], "40010.0"), *mark_prices]
    engine = python_engine(LEGS, data, modules() if with_modules else {}, **strategy)
    if payments is not None:
        engine.kernel.msgbus.subscribe(topics.FUNDING_PAYMENT, payments.append)
    engine.run()
    outcomes = python_outcomes(engine)
    engine.dispose()
    return outcomes


def both_rates(names_boundary: bool = True):
    return [*rates(LEGS[0], RATES, names_boundary), *rates(LEGS[1], RATES[::-1], names_boundary)]


@pytest.mark.parametrize("mark", [None, "50000.0"])
@pytest.mark.parametrize("names_boundary", [True, False])
def test_the_rust_engine_settles_the_same(names_boundary: bool, mark: str | None) -> None:
    funding = both_rates(names_boundary)
    mark_prices = [marks(leg, mark) for leg in LEGS] if mark else []
    ours = run_python(funding, [update for one in mark_prices for update in one])
    theirs = rust_outcomes(LEGS, [quotes(LEGS[0], "40000.0"), quotes(LEGS[1], "40010.0")], funding, mark_prices)
    assert ours == theirs
    assert ours["HYPERLIQUID"].adjustments == 5
    assert ours["HYPERLIQUID"].balance != 100_000


def test_without_the_module_nothing_is_settled() -> None:
    outcomes = run_python(both_rates(), with_modules=False)
    assert outcomes == {venue: Outcome(Decimal(100_000), Decimal(0), 0) for venue in ("HYPERLIQUID", "PARADEX")}


def test_payments_are_published_once_and_add_up_to_the_balance() -> None:
    payments: list[FundingPayment] = []
    outcomes = run_python(both_rates(), payments=payments)
    assert len(payments) == 10
    assert len({payment.payment_id for payment in payments}) == 10
    for venue, outcome in outcomes.items():
        paid = [payment.amount_usd for payment in payments if payment.venue == venue]
        assert outcome.balance - 100_000 == sum(paid) == outcome.realized
    first = payments[0]
    assert (first.rate_per_hour, first.position_quantity, first.amount_usd) == (Decimal("0.0001"), 1, Decimal("-4"))
    assert first.ts_event_ns == START_NS + HOUR_NS


def test_a_rate_told_twice_is_paid_once() -> None:
    funding = both_rates()
    assert run_python([*funding, *funding]) == run_python(funding)


def test_shifting_funding_by_one_hour_changes_the_result() -> None:
    shifted = [*rates(LEGS[0], ["0", *RATES[:-1]]), *rates(LEGS[1], ["0", *RATES[::-1][:-1]])]
    assert run_python(shifted) != run_python(both_rates())


def test_an_order_sent_on_a_boundary_pays_on_the_size_before_it() -> None:
    """Recorded rows arrive at their settlement stamp; reacting to one must not change what it charges."""
    payments: list[FundingPayment] = []
    run_python(both_rates(names_boundary=False), payments=payments, reduce_at_ns=START_NS + HOUR_NS)
    ours = [payment for payment in payments if payment.venue == "HYPERLIQUID"]
    assert [payment.position_quantity for payment in ours] == [1, *[Decimal("0.6")] * 4]


def test_an_order_after_a_silent_boundary_pays_on_the_size_before_it() -> None:
    """No event falls on the boundary itself: the first one after it is the order's own quote."""
    payments: list[FundingPayment] = []
    late = [quote for quote in quotes(LEGS[0], "40000.0") if (quote.ts_event - START_NS) % HOUR_NS or quote.ts_event == START_NS]
    data = [*late, *quotes(LEGS[1], "40010.0", count=1), *rates(LEGS[0], RATES)]
    engine = python_engine(LEGS, data, modules(), reduce_at_ns=START_NS + HOUR_NS)
    engine.kernel.msgbus.subscribe(topics.FUNDING_PAYMENT, payments.append)
    engine.run()
    engine.dispose()
    assert [payment.position_quantity for payment in payments] == [1, *[Decimal("0.6")] * (len(payments) - 1)]
    assert len(payments) == 4
