from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import FundingClock
from simulators.paradex.constants import PERPETUALS
from simulators.paradex.funding import FundingIndex, FundingTerms, accrued_usd, premium_rate, rate_8h_text, raw_rate
from simulators.paradex.market import ParadexMarket
from simulators.tape import TapeClock, TapePoint, scenario

SEC = 1_000_000_000
RATE = Decimal("0.0003")
SPOT = Decimal(60_000)


def advanced(index: FundingIndex, seconds: int, spot: Decimal = SPOT, rate: Decimal = RATE, hour_secs: float = 3600.0):
    index.advance(index.updated_ns + seconds * SEC if index.updated_ns else SEC, hour_secs, spot, Decimal(0), rate)
    return index


def test_the_worked_example_of_the_documentation():
    funding = FundingIndex(FundingTerms(), Decimal(0))
    advanced(funding, 0)
    assert funding.premium_usd == 18
    for _ in range(60):
        advanced(funding, 1)
    assert abs(funding.index - Decimal("0.0375")) < Decimal("1e-8")
    assert abs(accrued_usd(Decimal("0.5"), funding.index, Decimal(0)) + Decimal("0.01875")) < Decimal("1e-8")
    assert accrued_usd(Decimal("-0.5"), funding.index, Decimal(0)) > 0


def test_a_gap_over_thirty_seconds_moves_no_index():
    funding = FundingIndex(FundingTerms(), Decimal(100))
    advanced(funding, 0)
    assert advanced(funding, 31).index == 100
    assert advanced(funding, 30).index > 100


def test_a_market_of_another_period_accrues_the_same_money():
    by_period = {}
    for hours in (1, 8, 24):
        funding = FundingIndex(FundingTerms(period_hours=hours), Decimal(0))
        for _ in range(31):
            advanced(funding, 1)
        assert funding.rate == RATE * hours / 8
        by_period[hours] = funding.index
    assert abs(by_period[24] - by_period[8]) < Decimal("1e-12")
    assert abs(by_period[1] - by_period[8]) < Decimal("1e-12")


def test_a_compressed_hour_pays_an_hour_of_funding():
    funding = FundingIndex(FundingTerms(), Decimal(0))
    for _ in range(11):
        advanced(funding, 1, hour_secs=10.0)
    assert abs(funding.index - RATE * SPOT / 8) < Decimal("1e-10")


def test_the_published_rate_halves_its_distance_in_half_an_hour():
    funding = FundingIndex(FundingTerms(), Decimal(0))
    funding.advance(SEC, 3600.0, SPOT, Decimal(0))
    assert funding.rate_8h == Decimal("0.0001")
    for second in range(2, 1802):
        funding.advance(second * SEC, 3600.0, SPOT, Decimal("0.0025"))
    assert abs(funding.rate_8h - (Decimal("0.0001") + Decimal("0.002")) / 2) < Decimal("1e-9")


@pytest.mark.parametrize(
    ("premium", "expected"),
    [
        ("0", "0.0001"),
        ("0.0006", "0.0001"),
        ("-0.0004", "0.0001"),
        ("0.001", "0.0005"),
        ("-0.001", "-0.0005"),
        ("1", "0.02"),
        ("-1", "-0.02"),
    ],
)
def test_raw_rate(premium, expected):
    assert raw_rate(Decimal(premium), FundingTerms()) == Decimal(expected)


def test_premium_rate_counts_only_what_is_beyond_the_spot():
    assert premium_rate(Decimal(99), Decimal(101), Decimal(100)) == 0
    assert premium_rate(Decimal(101), Decimal(102), Decimal(100)) == Decimal("0.01")
    assert premium_rate(Decimal(97), Decimal(98), Decimal(100)) == Decimal("-0.02")
    assert premium_rate(None, None, Decimal(100)) == 0


def test_the_8_hour_rate_is_cut_not_rounded():
    assert rate_8h_text(Decimal("0.00007172918481")) == Decimal("0.00007172")


class Steps:
    """A tape with a recorded rate that changes each hour."""

    def at(self, hours: float, asset: str) -> TapePoint:
        rate = Decimal("0.0002") if int(hours // 1) % 2 else Decimal("-0.0004")
        return TapePoint(SPOT, Decimal(0), Decimal(0), None, rate)


def make_market(tape, hour_secs=3600.0):
    start_ns = 1_790_000_000 * SEC
    market = ParadexMarket(PERPETUALS[0], tape, TapeClock(FundingClock(hour_secs), start_ns), 1, 8)
    return market, start_ns


def test_a_recorded_rate_is_published_as_it_is():
    market, now_ns = make_market(Steps())
    market.step(now_ns)
    assert market.funding.rate in (Decimal("0.0002"), Decimal("-0.0004"))


def test_history_before_the_start_continues_the_index():
    market, now_ns = make_market(Steps())
    for second in range(12):
        market.step(now_ns + second * SEC)
        market.due_sample(now_ns + second * SEC)
    rows = market.history.newest_first(None, None, 5_000)
    assert [row.time_ms for row in rows] == sorted((row.time_ms for row in rows), reverse=True)
    assert len(rows) == 5_000
    for later, earlier in pairwise(rows):
        secs = Decimal(later.time_ms - earlier.time_ms) / 1000
        assert abs(later.index - earlier.index - earlier.premium_usd * secs / 28_800) < Decimal("0.02")
    day = market.history.newest_first(rows[0].time_ms - 86_400_000, rows[0].time_ms - 86_390_000, 10)
    assert len(day) == 2
    expected = (Decimal("0.0002") - Decimal("0.0004")) * 12 * SPOT / 8
    assert abs(rows[0].index - day[0].index - expected) < Decimal("1.5")


def test_history_does_not_depend_on_how_it_is_asked():
    market, now_ns = make_market(scenario("calm", 3))
    market.step(now_ns)
    market.due_sample(now_ns)
    wide = market.history.newest_first(None, None, 2_000)
    narrow = market.history.newest_first(wide[1_500].time_ms, wide[1_499].time_ms, 5)
    assert narrow == [wide[1_500]]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.decimals("-0.01", "0.01", places=6))
def test_the_index_is_the_integral_of_the_premium(gaps, rate):
    funding = FundingIndex(FundingTerms(), Decimal(5))
    advanced(funding, 0, rate=rate)
    for gap in gaps:
        advanced(funding, gap, rate=rate)
    expected = 5 + rate * SPOT * sum(gaps) / 28_800
    assert abs(funding.index - expected) < Decimal("1e-12")
