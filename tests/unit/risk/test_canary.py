"""The canary: small first, larger after clean cycles, small again after a leg was left alone."""

from decimal import Decimal

import msgspec
import pytest

from messages import Intent, Outcome, PairResult
from risk.canary import CanaryProgress, CanaryTerms, advance, cap_usd
from risk.in_force import LimitsInForce
from risk.limits import Limits

TERMS = CanaryTerms(enabled=True, start_usd=Decimal(1_000), growth_factor=Decimal(3), clean_cycles=2)
LIMIT = Decimal(10_000)


def result(intent: Intent, outcome: Outcome, *, asset: str = "BTC", is_clean: bool = True) -> PairResult:
    return PairResult(
        pair_id="P",
        asset=asset,
        intent=intent,
        outcome=outcome,
        is_clean=is_clean,
        unhedged_quantity=Decimal(0),
        naked_usd_secs=Decimal(0),
        reason="test",
        ts_ns=0,
    )


OPENED, CLOSED = result(Intent.OPEN, Outcome.HEDGED), result(Intent.CLOSE, Outcome.FLAT)
UNTIDY_OPEN = result(Intent.OPEN, Outcome.HEDGED, is_clean=False)
UNTIDY_CLOSE = result(Intent.CLOSE, Outcome.FLAT, is_clean=False)
FAILED_OPEN = result(Intent.OPEN, Outcome.FLAT)
STRANDED = result(Intent.CLOSE, Outcome.HALTED, is_clean=False)
CYCLE = [OPENED, CLOSED]


@pytest.mark.parametrize(
    ("results", "cap"),
    [
        ([], 1_000),
        (CYCLE, 1_000),
        (CYCLE * 2, 3_000),
        (CYCLE * 3, 3_000),
        (CYCLE * 4, 9_000),
        (CYCLE * 5, 9_000),
        (CYCLE * 6, None),  # 27,000 is beyond the limit, which bounds alone
        (CYCLE * 20, None),
        ([OPENED] * 9, 1_000),  # nothing was closed
        ([UNTIDY_OPEN, CLOSED] * 4, 1_000),
        ([OPENED, UNTIDY_CLOSE] * 4, 1_000),
        ([UNTIDY_OPEN, OPENED, CLOSED, *CYCLE], 1_000),  # a later clean part does not clean the cycle
        ([UNTIDY_OPEN, CLOSED, *CYCLE * 2], 3_000),  # the next cycle starts clean
        ([FAILED_OPEN, *CYCLE * 2], 3_000),
        ([*CYCLE * 5, STRANDED], 1_000),
        ([*CYCLE * 20, STRANDED], 1_000),
        ([*CYCLE, STRANDED, *CYCLE], 1_000),
        ([STRANDED, CLOSED, *CYCLE], 1_000),  # the repair that ends it flat is no cycle
        ([STRANDED, CLOSED, *CYCLE * 2], 3_000),
    ],
)
def test_the_cap_grows_with_clean_cycles_alone(results: list[PairResult], cap: int | None) -> None:
    progress = CanaryProgress()
    for one in results:
        progress = advance(progress, one, TERMS, LIMIT)
    assert cap_usd(progress, TERMS, LIMIT) == cap


def test_assets_do_not_clean_each_other() -> None:
    progress = CanaryProgress()
    for one in (
        UNTIDY_OPEN,
        result(Intent.OPEN, Outcome.HEDGED, asset="ETH"),
        result(Intent.CLOSE, Outcome.FLAT, asset="ETH"),
        CLOSED,
    ):
        progress = advance(progress, one, TERMS, LIMIT)
    assert (progress.clean, progress.tainted) == (1, ())


def test_a_canary_that_is_off_bounds_nothing_and_counts_nothing() -> None:
    off = msgspec.structs.replace(TERMS, enabled=False)
    assert advance(CanaryProgress(), OPENED, off, LIMIT) == CanaryProgress()
    assert cap_usd(CanaryProgress(), off, LIMIT) is None


def test_the_cap_is_part_of_the_limits_in_force() -> None:
    in_force = LimitsInForce(Limits(canary=TERMS))
    assert (in_force.current.position_usd_max, in_force.canary_cap_usd) == (1_000, 1_000)
    before = in_force.hash
    swap = in_force.grow(CanaryProgress(steps=1))
    assert swap is not None
    assert swap.changes == ("position_usd_max: 1000 -> 3000",)
    assert (swap.old_hash, swap.new_hash) == (before, in_force.hash)
    assert in_force.grow(CanaryProgress(steps=5)).changes == ("position_usd_max: 3000 -> 10000",)
    tight = msgspec.structs.replace(in_force.configured, position_usd_max=Decimal(500))
    assert in_force.replace(tight).changes == ("position_usd_max: 10000 -> 500",)
    assert in_force.canary_cap_usd is None


@pytest.mark.parametrize("bad", [{"start_usd": Decimal(0)}, {"growth_factor": Decimal(1)}, {"clean_cycles": 0}])
def test_terms_that_make_no_sense_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        CanaryTerms(**bad)
