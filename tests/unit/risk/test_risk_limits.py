from decimal import Decimal

import msgspec
import pytest

from risk.limits import Limits


def test_the_defaults_are_those_of_a_new_account() -> None:
    limits = Limits()
    assert (limits.position_usd_max, limits.allocation_ratio_max) == (10_000, Decimal("0.8"))


@pytest.mark.parametrize(
    "bad",
    [
        {"position_usd_max": 0},
        {"position_usd_max": -1},
        {"position_usd_max": "NaN"},
        {"position_usd_max": "Infinity"},
        {"allocation_ratio_max": 1.01},
        {"allocation_ratio_max": 80},
        {"margin_buffer_ratio": -0.1},
        {"leverage_max": 0},
        {"data_age_secs_max": 0},
    ],
)
def test_a_limit_that_limits_nothing_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, Limits)


def test_a_misspelled_limit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"position_usd_maximum": 1}, Limits)


def test_a_buffer_of_nothing_is_allowed() -> None:
    assert Limits(margin_buffer_ratio=Decimal(0)).margin_buffer_ratio == 0
