import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paradex.funding import AccruingPosition, accrued_usd, index_step_usd, premium_usd
from messages import FundingClock

SEC_NS = 1_000_000_000
EIGHT = Decimal(8)


def page_rows(shared_data: Path) -> list[dict[str, str]]:
    """The recorded page, oldest row first."""
    return json.loads((shared_data / "raw/paradex_funding_data_page.json").read_text())["results"][::-1]


def test_the_documented_example_to_eight_decimals() -> None:
    premium = premium_usd(Decimal("0.0003"), Decimal(60_000))
    index = sum((index_step_usd(premium, SEC_NS, EIGHT) for _ in range(60)), Decimal(0))
    assert premium == 18
    assert index == pytest.approx(Decimal("0.0375"), abs=Decimal("1e-8"))
    assert accrued_usd(Decimal("0.5"), index, Decimal(0)) == pytest.approx(Decimal("-0.01875"), abs=Decimal("1e-8"))


def test_a_gap_of_thirty_seconds_counts_and_a_longer_one_does_not() -> None:
    assert index_step_usd(Decimal(28_800), 30 * SEC_NS, EIGHT) == 30
    assert index_step_usd(Decimal(28_800), 30 * SEC_NS + 1, EIGHT) == 0


def test_the_pause_is_wall_time_and_the_period_funding_time() -> None:
    compressed = FundingClock(10.0)
    assert index_step_usd(Decimal(8), 10 * SEC_NS, EIGHT, compressed) == 1
    assert index_step_usd(Decimal(8), 31 * SEC_NS, EIGHT, compressed) == 0


@pytest.mark.parametrize(("elapsed_ns", "period_hours"), [(SEC_NS, Decimal(0)), (SEC_NS, Decimal(-8)), (-1, EIGHT)])
def test_impossible_steps_are_refused(elapsed_ns: int, period_hours: Decimal) -> None:
    with pytest.raises(ValueError, match="was"):
        index_step_usd(Decimal(1), elapsed_ns, period_hours)


def test_the_recorded_index_follows_from_the_premium(shared_data) -> None:
    rows = page_rows(shared_data)
    for row, following in pairwise(rows):
        elapsed_ns = (following["created_at"] - row["created_at"]) * 1_000_000
        step = index_step_usd(Decimal(row["funding_premium"]), elapsed_ns, Decimal(row["funding_period_hours"]))
        actual = Decimal(following["funding_index"]) - Decimal(row["funding_index"])
        assert abs(step / actual - 1) < Decimal("8e-4")
    assert len(rows) == 60


def test_adding_up_rows_overstates_funding_by_the_period(shared_data) -> None:
    """Taking each row's premium as a payment is wrong by 28,800 s over the sample distance: 5,760x for rows of 5 s."""
    rows = page_rows(shared_data)
    actual = Decimal(rows[-1]["funding_index"]) - Decimal(rows[0]["funding_index"])
    summed = sum(Decimal(row["funding_premium"]) for row in rows[:-1])
    assert summed / actual == pytest.approx(Decimal(5_760), rel=Decimal("8e-4"))
    per_second = Decimal(18) * 60
    assert per_second / index_step_usd(Decimal(18), 60 * SEC_NS, EIGHT, max_gap_ns=None) == 28_800


def test_the_recorded_sign_example(shared_data) -> None:
    example = json.loads((shared_data / "raw/paradex/funding_index_sign_example.json").read_text())
    index = [Decimal(row["funding_index"]) for row in example["series"]]
    expected = Decimal(str(example["expected"]["pnl_long_0.01_from_100_to_180"]))
    assert accrued_usd(Decimal("0.01"), index[1], index[0]) == expected
    assert accrued_usd(Decimal("-0.01"), index[1], index[0]) == -expected


def test_a_partial_close_realises_the_whole_previous_size() -> None:
    realized, left = AccruingPosition(Decimal(2), Decimal(100)).touch(Decimal("-0.5"), Decimal(103))
    assert realized == -6
    assert left == AccruingPosition(Decimal("1.5"), Decimal(103))
    assert left.accrued_usd(Decimal(103)) == 0


@given(
    changes=st.lists(st.integers(-5, 5), min_size=1, max_size=8),
    steps=st.lists(st.integers(-100, 100), min_size=8, max_size=8),
)
def test_touching_a_position_neither_makes_nor_loses_funding(changes: list[int], steps: list[int]) -> None:
    """Cash realised plus what is still accrued is the integral of size over the index, however often it is touched."""
    position, index, cash, integral = AccruingPosition(Decimal(0), Decimal(0)), Decimal(0), Decimal(0), Decimal(0)
    for change, step in zip(changes, steps, strict=False):
        realized, position = position.touch(Decimal(change), index)
        cash += realized
        integral -= position.quantity * step
        index += step
    assert cash + position.accrued_usd(index) == integral
