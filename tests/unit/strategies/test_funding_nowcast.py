from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import FundingClock, annual_rate
from strategies.funding import FundingRate, Publication, Published, nowcast, phase_weight

CLOCK = FundingClock()
HOUR_NS = CLOCK.hour_ns
START_NS = 490_000 * HOUR_NS
ONE = Decimal(1)
phases = st.decimals(min_value=0, max_value=1, places=4)
rates = st.decimals(min_value=Decimal("-0.01"), max_value=Decimal("0.01"), places=8)
ratios = st.decimals(min_value=Decimal("0.001"), max_value=10, places=3)


def running(rate, phase, venue="HYPERLIQUID", period=1, clock=CLOCK):
    start_ns = 490_000 * clock.hour_ns
    period_ns = period * clock.hour_ns
    return Published(
        venue=venue,
        rate=FundingRate(Decimal(rate), Decimal(period)),
        ts_ns=start_ns + int(period_ns * phase),
        settles_ns=start_ns + period_ns,
    )


@given(phases, ratios)
def test_a_running_average_is_worth_nothing_at_first_and_all_in_the_end(phase, ratio):
    assert phase_weight(Decimal(0), ratio) == 0
    assert phase_weight(ONE, ratio) == 1
    assert phase <= phase_weight(phase, ratio) <= 1


@given(phases, phases, ratios)
def test_the_weight_grows_with_the_phase_and_falls_with_the_noise(first, second, ratio):
    low, high = sorted((first, second))
    assert phase_weight(low, ratio) <= phase_weight(high, ratio)
    assert phase_weight(first, ratio) >= phase_weight(first, ratio * 2)


def test_the_weight_is_the_conditional_mean_of_what_settles():
    """With noise of ratio k, a third of the hour seen: f R + (1 - f) f / (f + k) R."""
    phase, ratio = Decimal("0.25"), Decimal("0.5")
    assert phase_weight(phase, ratio) == pytest.approx(phase + (1 - phase) * phase / (phase + ratio))


@pytest.mark.parametrize("phase", [Decimal("-0.1"), Decimal("1.1")])
def test_a_phase_outside_the_hour_is_refused(phase):
    with pytest.raises(ValueError, match="between 0 and 1"):
        phase_weight(phase)


@given(rates, rates, phases)
def test_a_nowcast_lies_between_what_was_expected_and_what_is_published(rate, before, phase):
    published, expected = running(rate, phase), annual_rate(before, ONE)
    low, high = sorted((published.rate.apr, expected))
    assert low <= nowcast(published, expected, CLOCK) <= high


@given(rates, rates, phases)
def test_the_opposite_rates_have_the_opposite_nowcast(rate, before, phase):
    expected = annual_rate(before, ONE)
    assert nowcast(running(-rate, phase), -expected, CLOCK) == -nowcast(running(rate, phase), expected, CLOCK)


def test_three_minutes_past_the_hour_most_of_a_jump_is_not_believed_and_late_nearly_all_is():
    expected = Decimal("0.1095")
    jump = Decimal("-0.0001")  # -87.6 % a year
    early, late = (nowcast(running(jump, Decimal(p) / 60), expected, CLOCK) for p in (3, 57))
    assert early > Decimal("-0.2")
    assert late == pytest.approx(annual_rate(jump, ONE), abs=Decimal("0.02"))


@given(rates, phases)
def test_the_same_pace_per_one_eight_and_twenty_four_hours_is_the_same_apr(rate, phase):
    aprs = {nowcast(running(rate * hours, phase, period=hours), None, CLOCK) for hours in (1, 8, 24)}
    assert max(aprs) - min(aprs) < Decimal("1e-20")


@given(rates, rates, phases)
def test_a_compressed_hour_has_the_same_phases(rate, before, phase):
    fast, expected = FundingClock(10.0), annual_rate(before, ONE)
    assert nowcast(running(rate, phase, clock=fast), expected, fast) == pytest.approx(
        nowcast(running(rate, phase), expected, CLOCK), abs=Decimal("1e-6")
    )


@given(rates, phases, rates)
def test_a_smoothed_rate_that_is_charged_as_published_is_not_touched(rate, phase, before):
    published = running(rate, phase, venue="PARADEX", period=8)
    assert published.kind is Publication.IN_FORCE
    assert nowcast(published, annual_rate(before, ONE), CLOCK) == published.rate.apr


@pytest.mark.parametrize("settles_ns", [None, START_NS])
def test_a_settled_rate_is_what_it_is(settles_ns):
    row = Published(
        venue="HYPERLIQUID", rate=FundingRate(Decimal("0.0001"), ONE), ts_ns=START_NS + 60_000_000, settles_ns=settles_ns
    )
    assert row.kind is Publication.SETTLED
    assert nowcast(row, Decimal("-3"), CLOCK) == row.rate.apr
