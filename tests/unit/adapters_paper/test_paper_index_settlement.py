from decimal import Decimal

import pytest
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import FundingRateUpdate
from settlement_scene import HALF_NS, HOUR_NS, SHORT, START_NS, free, marks, python_engine, quotes

from adapters.paper.accruing import FundingIndex, IndexSettlement, IndexSettlementConfig
from adapters.paper.schedule import RateBlock, RateSchedule
from messages import FundingAccrual, FundingClock, FundingPayment, topics

SEC_NS = 1_000_000_000
LEG = free(SHORT)
REAL = FundingClock()


class Heard:
    """What a run published, and the balance it ended with."""

    def __init__(self) -> None:
        self.payments: list[FundingPayment] = []
        self.accruals: list[FundingAccrual] = []
        self.balance = self.realized = Decimal(0)


def run(settlement: IndexSettlement | None, data=(), **strategy) -> Heard:
    heard = Heard()
    every = [*marks(LEG, "40000.0"), *data, *quotes(LEG, "40000.0")]
    engine = python_engine([LEG], every, {"PARADEX": [settlement] if settlement else []}, **strategy)
    engine.kernel.msgbus.subscribe(topics.FUNDING_PAYMENT, heard.payments.append)
    engine.kernel.msgbus.subscribe(topics.FUNDING_ACCRUAL, heard.accruals.append)
    engine.run()
    heard.balance = engine.cache.account_for_venue(LEG.id.venue).balance_total(USDC).as_decimal()
    heard.realized = sum(position.realized_pnl.as_decimal() for position in engine.cache.positions())
    engine.dispose()
    return heard


def scheduled(*blocks: RateBlock) -> IndexSettlement:
    return IndexSettlement(IndexSettlementConfig(component_id="INDEX"), {LEG.id: RateSchedule(blocks)})


def block(start_hour: float, end_hour: float, rate: str) -> RateBlock:
    return RateBlock(
        start_ns=START_NS + round(start_hour * HOUR_NS),
        end_ns=START_NS + round(end_hour * HOUR_NS),
        rate=Decimal(rate),
        period_hours=Decimal(8),
    )


def test_holding_accrues_but_moves_no_cash() -> None:
    heard = run(scheduled(block(0, 5, "0.0008")))
    assert heard.payments == []
    assert heard.balance == 100_000
    # long 1 BTC at 40,000 for 5 h at 0.0008 per 8 h: 32 USD per 8 h
    assert heard.accruals[-1].accrued_usd == Decimal(-20)
    assert heard.accruals[-1].position_quantity == 1


def test_touching_the_position_realises_the_whole_previous_size() -> None:
    heard = run(scheduled(block(0, 5, "0.0008")), reduce_at_ns=START_NS + 2 * HOUR_NS)
    (payment,) = heard.payments
    assert payment.amount_usd == Decimal(-8)
    assert (payment.position_quantity, payment.rate_per_hour) == (1, None)
    assert heard.balance == 99_992
    assert heard.realized == -8
    assert heard.accruals[-1].accrued_usd == Decimal("-7.2")  # 0.6 BTC for the remaining 3 h


def test_a_rate_that_changes_between_two_events_counts_from_its_own_moment() -> None:
    heard = run(scheduled(block(0, 0.25, "0.0008"), block(0.25, 5, "-0.0016")), reduce_at_ns=START_NS + HALF_NS)
    assert heard.payments[0].amount_usd == Decimal("-1") + Decimal("2")


def test_a_gap_in_the_record_is_not_filled() -> None:
    heard = run(scheduled(block(0, 1, "0.0008"), block(3, 5, "0.0008")))
    assert heard.accruals[-1].accrued_usd == Decimal(-12)


def test_shifting_the_schedule_changes_the_result() -> None:
    straight = run(scheduled(block(0, 2, "0.0008"), block(2, 5, "0.0001")))
    shifted = run(scheduled(block(1, 3, "0.0008"), block(3, 5, "0.0001")))
    assert straight.accruals[-1].accrued_usd != shifted.accruals[-1].accrued_usd


def test_without_the_module_there_is_no_funding() -> None:
    heard = run(None, reduce_at_ns=START_NS + 2 * HOUR_NS)
    assert (heard.payments, heard.accruals, heard.balance, heard.realized) == ([], [], 100_000, 0)


def test_published_rates_accrue_per_their_period_and_not_through_silence() -> None:
    """Rates every 5 s for a minute, then silence: 60 s of premium 32 USD per 8 h, and nothing for the gap."""
    stamps = [START_NS + SEC_NS + n * 5 * SEC_NS for n in range(13)]
    published = [FundingRateUpdate(LEG.id, Decimal("0.0008"), stamp, stamp, interval=480) for stamp in stamps]
    heard = run(IndexSettlement(IndexSettlementConfig(component_id="INDEX")), published, reduce_at_ns=START_NS + HALF_NS)
    assert heard.payments[0].amount_usd == pytest.approx(Decimal(-32) * 60 / 28_800, abs=Decimal("1e-8"))


def test_overlapping_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        RateSchedule([block(0, 2, "0"), block(1, 3, "0")])


def test_the_index_extrapolates_for_thirty_seconds_only() -> None:
    index = FundingIndex(0, REAL)
    index.quote(Decimal(28_800), Decimal(8), 0)
    assert index.at(30 * SEC_NS) == 30
    assert index.at(31 * SEC_NS) == 0
    index.quote(Decimal(28_800), Decimal(8), 31 * SEC_NS)
    assert index.at(32 * SEC_NS) == 1
