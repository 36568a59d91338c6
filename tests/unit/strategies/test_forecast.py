import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.forecast import CANDIDATES, PRIOR_ERROR_APR, Forecaster, forecast

series = st.lists(st.one_of(st.none(), st.floats(min_value=-2, max_value=2)), min_size=1, max_size=80)
horizons = st.integers(min_value=1, max_value=30)


def fed(values, horizon):
    forecaster = Forecaster(horizon)
    for value in values:
        forecaster.advance(value)
    return forecaster


def history(values):
    return {hour: value for hour, value in enumerate(values) if value is not None}


@settings(max_examples=50)
@given(series, horizons)
def test_the_opposite_series_has_the_opposite_forecast_and_the_same_error(values, horizon):
    ours = fed(values, horizon).forecast()
    theirs = fed([None if value is None else -value for value in values], horizon).forecast()
    if ours is None:
        assert theirs is None
    else:
        assert (ours.apr_mean, ours.apr_error) == (-theirs.apr_mean, theirs.apr_error)


@settings(max_examples=50)
@given(series, horizons, st.lists(st.floats(min_value=-2, max_value=2), max_size=20))
def test_no_later_hour_changes_a_forecast(values, horizon, later):
    now = len(values)
    assert forecast(history(values), now, horizon) == forecast(history([*values, *later]), now, horizon)


@settings(max_examples=50)
@given(series, horizons)
def test_a_forecast_lies_within_the_candidates(values, horizon):
    forecaster = fed(values, horizon)
    made, said = forecaster.forecast(), [value for value in forecaster.candidates() if value is not None]
    if made is not None:
        assert min(said) - 1e-7 <= made.apr_mean <= max(said) + 1e-7


def test_fed_hour_by_hour_and_read_from_a_history_are_the_same():
    dice = random.Random(5)
    values = [None if dice.random() < 0.1 else dice.gauss(0.05, 0.1) for _ in range(300)]
    assert fed(values, 24).forecast() == forecast(history(values), 300, 24)


def test_nothing_known_is_no_forecast_and_one_hour_is_drawn_half_to_zero():
    assert forecast({}, 10, 24) is None
    assert forecast({10: 0.4}, 10, 24) is None
    made = forecast({9: 0.4}, 10, 24)
    assert made.apr_mean == Decimal("0.2")
    assert made.apr_error == pytest.approx(Decimal(PRIOR_ERROR_APR))


def test_the_candidates_are_the_plain_means_of_the_hours_known():
    values = [0.01 * hour for hour in range(200)]
    last, day, week, month, nothing = fed(values, 24).candidates()
    assert last == pytest.approx(1.99)
    assert day == pytest.approx(sum(values[-24:]) / 24)
    assert week == pytest.approx(sum(values[-168:]) / 168)
    assert (month, nothing) == (None, 0.0)
    assert CANDIDATES == 5


def test_a_mean_with_less_than_half_of_its_hours_is_not_used():
    values = [0.5] * 10 + [None] * 13 + [0.5]
    assert fed(values, 24).candidates()[1] is None


def test_what_forecast_badly_counts_less():
    """Pure noise around a level: the last hour says little, the long means nearly all."""
    dice = random.Random(11)
    values = [0.2 + dice.gauss(0, 0.3) for _ in range(1_500)]
    forecaster = fed([*values, 2.0], 24)
    made = forecaster.forecast()
    assert abs(float(made.apr_mean) - 0.2) < 0.05
    assert float(made.apr_error) == pytest.approx(0.3 / 24**0.5, rel=0.5)


def test_old_errors_are_forgotten():
    dice = random.Random(3)
    forecaster = fed([dice.gauss(0, 2.0) for _ in range(500)] + [dice.gauss(0, 0.01) for _ in range(5_000)], 24)
    assert float(forecaster.forecast().apr_error) < 0.05


def test_scaling_old_sums_down_changes_nothing(monkeypatch):
    values = [random.Random(4).gauss(0, 0.1) for _ in range(400)]
    straight = fed(values, 24).forecast()
    monkeypatch.setattr("strategies.forecast.GAIN_MAX", 1.01)
    assert fed(values, 24).forecast() == straight


def test_a_constant_spread_is_forecast_as_it_is():
    made = fed([0.3] * 800, 24).forecast()
    assert float(made.apr_mean) == pytest.approx(0.3, abs=0.01)
    assert float(made.apr_error) < 0.03


def test_the_newest_estimate_of_the_running_hour_speaks_for_the_last_hour():
    forecaster = fed([0.1] * 10, 24)
    assert forecaster.forecast(0.5).apr_mean > forecaster.forecast().apr_mean


def test_a_horizon_has_an_hour_at_least():
    with pytest.raises(ValueError, match="at least one hour"):
        Forecaster(0)
