from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import FundingClock, annual_rate, hourly_rate

SECS = st.floats(min_value=0.5, max_value=3600)


def test_a_real_hour_is_3600_seconds():
    clock = FundingClock()
    assert clock.hour_ns == 3_600_000_000_000
    assert not clock.is_compressed
    assert clock.hours(1_800_000_000_000) == Decimal("0.5")


@given(SECS, st.integers(min_value=0, max_value=2**62))
def test_boundaries_enclose_the_moment_and_lie_an_hour_apart(hour_secs, now_ns):
    clock = FundingClock(hour_secs)
    assert clock.hour_start_ns(now_ns) <= now_ns < clock.next_hour_ns(now_ns)
    assert clock.next_hour_ns(now_ns) - clock.hour_start_ns(now_ns) == clock.hour_ns
    assert clock.next_hour_ns(now_ns) % clock.hour_ns == 0


@given(SECS, st.integers(min_value=0, max_value=10_000))
def test_hours_and_wall_time_are_inverse(hour_secs, hours):
    clock = FundingClock(hour_secs)
    assert float(clock.hours(clock.wall_ns(hours))) == pytest.approx(hours, abs=1e-6)


def test_an_hour_without_length_is_refused():
    with pytest.raises(ValueError, match="hour_secs must be positive"):
        FundingClock(0)


@given(st.decimals(min_value=-1, max_value=1, places=10))
def test_the_same_rate_quoted_per_1_8_or_24_hours_is_the_same_apr(per_hour):
    assert annual_rate(per_hour, Decimal(1)) == annual_rate(per_hour * 8, Decimal(8)) == annual_rate(per_hour * 24, Decimal(24))


def test_the_resting_rate_of_both_venues_is_10_95_percent():
    assert annual_rate(Decimal("0.0000125"), Decimal(1)) == Decimal("0.1095")
    assert annual_rate(Decimal("0.0001"), Decimal(8)) == Decimal("0.1095")


def test_a_period_of_zero_hours_is_refused():
    with pytest.raises(ValueError, match="positive"):
        hourly_rate(Decimal("0.0001"), Decimal(0))
