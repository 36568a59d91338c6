from decimal import Decimal

import pytest

from messages import FundingClock
from strategies.forecast import forecast
from strategies.funding import Direction, FundingRate, Published
from strategies.funding_history import HOURS_KEPT, HOURS_SILENT_MAX, FundingHistory, VenueHours

CLOCK = FundingClock()
HOUR_NS = CLOCK.hour_ns
FIRST = 490_000
ONE = Decimal(1)
HL_SHORT = Direction(long_venue="PARADEX", short_venue="HYPERLIQUID")
HL_LONG = Direction(long_venue="HYPERLIQUID", short_venue="PARADEX")


def at(hour, phase=0.0):
    return round((FIRST + hour + phase) * HOUR_NS)


def running(hour, phase, rate):
    return Published(venue="HYPERLIQUID", rate=FundingRate(Decimal(rate), ONE), ts_ns=at(hour, phase), settles_ns=at(hour + 1))


def settled(hour, rate):
    """The row that pays for `hour`, stamped a little after its end."""
    return Published(venue="HYPERLIQUID", rate=FundingRate(Decimal(rate), ONE), ts_ns=at(hour + 1) + 60_000_000)


def in_force(hour, phase, rate):
    return Published(venue="PARADEX", rate=FundingRate(Decimal(rate), Decimal(8)), ts_ns=at(hour, phase))


def hours(*rows):
    known = VenueHours(CLOCK)
    for row in rows:
        known.observe(row)
    return known


def test_the_last_running_average_of_an_hour_is_the_hours_rate():
    known = hours(running(0, 0.5, "0.0003"), running(0, 0.99, "0.0001"), running(1, 0.01, "0.0009"))
    assert known.apr(FIRST) == pytest.approx(0.876)
    assert known.apr(FIRST + 1) is None


def test_an_hour_that_was_not_watched_to_its_end_stays_unknown():
    known = hours(running(0, 0.5, "0.0003"), running(1, 0.01, "0.0009"))
    assert known.apr(FIRST) is None


def test_an_hour_is_not_over_before_it_is():
    known = hours(running(0, 0.92, "0.0003"))
    known.close(at(0, 0.93))
    assert known.apr(FIRST) is None
    known.observe(running(0, 0.99, "0.0001"))
    known.close(at(1))
    assert known.apr(FIRST) == pytest.approx(0.876)


def test_a_settled_row_pays_for_the_hour_before_its_stamp_and_corrects_the_running_average():
    known = hours(running(0, 0.99, "0.0001"), running(1, 0.01, "0.0002"), settled(0, "0.0004"))
    assert known.apr(FIRST) == pytest.approx(0.0004 * 8760)
    assert known.corrections == 1


def test_an_eight_hourly_settlement_stands_for_eight_hours_at_its_pace():
    row = Published(venue="BYBIT", rate=FundingRate(Decimal("0.0008"), Decimal(8)), ts_ns=at(8))
    known = hours(row)
    assert [known.apr(FIRST + hour) for hour in range(8)] == [pytest.approx(0.876)] * 8
    assert (known.oldest, known.newest) == (FIRST, FIRST + 7)


def test_rates_in_force_are_averaged_over_their_hour():
    known = hours(in_force(0, 0.2, "0.0008"), in_force(0, 0.7, "0.0016"), in_force(1, 0.1, "0.0"))
    assert known.apr(FIRST) == pytest.approx(0.0012 / 8 * 8760)
    assert known.apr(FIRST + 1) is None


def test_a_sample_of_the_venues_past_fills_its_hour_and_leaves_the_running_one_alone():
    known = hours(in_force(5, 0.2, "0.0008"), in_force(2, 0.99, "0.0016"), in_force(6, 0.1, "0.0"))
    assert known.apr(FIRST + 2) == pytest.approx(1.752)
    assert known.apr(FIRST + 5) == pytest.approx(0.876)


def test_no_more_hours_are_kept_than_a_bound():
    known = VenueHours(CLOCK)
    for hour in range(HOURS_KEPT + 5):
        known.observe(settled(hour, "0.0001"))
    assert known.oldest == FIRST + 5
    assert known.newest - known.oldest == HOURS_KEPT - 1


def test_early_in_the_hour_the_nowcast_stays_with_what_the_hours_before_let_expect():
    known = hours(*(settled(hour, "0.0001") for hour in range(24)), running(24, 0.05, "-0.0005"))
    early = known.nowcast()
    known.observe(running(24, 0.95, "-0.0005"))
    assert Decimal("-1.5") < early < Decimal("0.876")
    assert known.nowcast() == pytest.approx(Decimal("-4.38"), abs=Decimal("0.1"))


def two_venues(count, spread="0.0001"):
    history = FundingHistory(CLOCK)
    for hour in range(count):
        history.observe(settled(hour, spread))
        history.observe(in_force(hour, 0.5, "0"))
    history.observe(in_force(count, 0.01, "0"))
    return history


def test_a_pair_is_forecast_both_ways_with_opposite_signs():
    history = two_venues(200)
    ours, theirs = (history.forecast(direction, at(200, 0.02), 24) for direction in (HL_SHORT, HL_LONG))
    assert ours.apr_mean > 0
    assert ours.apr_mean == -theirs.apr_mean
    assert ours.apr_error == theirs.apr_error
    assert history.hours_known(HL_SHORT) == 200


def test_a_forecast_is_that_of_the_differential_of_the_hours_known():
    history = two_venues(60)
    made = history.forecast(HL_SHORT, at(60, 0.02), 24)
    assert made == forecast({FIRST + hour: 0.0001 * 8760 for hour in range(60)}, FIRST + 60, 24)


def test_the_plain_forecasts_can_be_looked_at_both_ways():
    history = two_venues(200)
    ours, theirs = (history.candidates(direction, at(200, 0.02), 24) for direction in (HL_SHORT, HL_LONG))
    assert ours == (*[pytest.approx(0.876)] * 3, None, 0.0)
    assert theirs == (*[pytest.approx(-0.876)] * 3, None, 0.0)
    assert FundingHistory(CLOCK).candidates(HL_LONG, at(0), 24) == (None,) * 5


def test_the_past_may_come_after_the_present():
    straight, late = two_venues(60), FundingHistory(CLOCK)
    late.observe(in_force(60, 0.01, "0"))
    late.observe(settled(59, "0.0001"))
    assert late.forecast(HL_SHORT, at(60, 0.02), 24) is None
    for hour in range(60):
        late.observe(settled(hour, "0.0001"))
        late.observe(in_force(hour, 0.99, "0"))
    assert late.forecast(HL_SHORT, at(60, 0.02), 24) == straight.forecast(HL_SHORT, at(60, 0.02), 24)


def test_without_both_venues_or_after_a_day_of_silence_there_is_no_forecast():
    assert FundingHistory(CLOCK).forecast(HL_SHORT, at(0), 24) is None
    history = two_venues(30)
    assert history.forecast(HL_SHORT, at(30 + HOURS_SILENT_MAX), 24) is not None
    assert history.forecast(HL_SHORT, at(31 + HOURS_SILENT_MAX), 24) is None
