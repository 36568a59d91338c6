import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.funding import payment_usd, settled_hour_ns, settlements_ns
from messages import FundingClock

HOUR_NS = 3_600_000_000_000
REAL = FundingClock()


def test_a_long_pays_a_positive_hourly_rate() -> None:
    assert payment_usd(Decimal("0.25"), Decimal(40_000), Decimal("0.0001")) == Decimal("-1")
    assert payment_usd(Decimal("-0.25"), Decimal(40_000), Decimal("0.0001")) == Decimal("1")


def test_an_eight_hour_settlement_pays_eight_hours() -> None:
    hourly = payment_usd(Decimal(1), Decimal(40_000), Decimal("0.0000125"))
    assert payment_usd(Decimal(1), Decimal(40_000), Decimal("0.0000125"), Decimal(8)) == 8 * hourly


def test_recorded_payments_have_the_sign_and_a_plausible_price(shared_data) -> None:
    rows = json.loads((shared_data / "raw/hyperliquid/userFunding_start_only.json").read_text())["response"]["body"]
    priced = 0
    for row in (r["delta"] for r in rows):
        unit = payment_usd(Decimal(row["szi"]), Decimal(1), Decimal(row["fundingRate"]), Decimal(row["nSamples"]))
        assert unit * Decimal(row["usdc"]) >= 0
        if row["coin"] == "ETH" and abs(Decimal(row["usdc"])) > Decimal("0.1"):
            assert 1_500 < Decimal(row["usdc"]) / unit < 3_000
            priced += 1
    assert len(rows) == 218
    assert priced > 0


@pytest.mark.parametrize("late_ns", [0, 60_000_000, 450_000_000, 24 * 60 * 1_000_000_000, HOUR_NS - 1])
def test_a_late_stamp_belongs_to_its_own_hour(late_ns: int) -> None:
    assert settled_hour_ns(7 * HOUR_NS + late_ns, REAL) == 7 * HOUR_NS


def test_a_position_crosses_the_boundary_it_ends_on_but_not_the_one_it_starts_on() -> None:
    assert list(settlements_ns(HOUR_NS, 3 * HOUR_NS, REAL)) == [2 * HOUR_NS, 3 * HOUR_NS]
    assert list(settlements_ns(HOUR_NS, 2 * HOUR_NS - 1, REAL)) == []


@given(
    start=st.integers(0, 10**18),
    first=st.integers(0, 5 * HOUR_NS),
    second=st.integers(0, 5 * HOUR_NS),
    hour_secs=st.sampled_from([3600.0, 900.0]),
)
def test_splitting_a_holding_time_loses_no_settlement(start: int, first: int, second: int, hour_secs: float) -> None:
    clock = FundingClock(hour_secs)
    whole = list(settlements_ns(start, start + first + second, clock))
    parts = [*settlements_ns(start, start + first, clock), *settlements_ns(start + first, start + first + second, clock)]
    assert whole == parts
