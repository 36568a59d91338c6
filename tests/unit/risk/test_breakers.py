"""Breakers: when they open, what they ask, and who closes them."""

from decimal import Decimal

import msgspec
import pytest

from messages import Intent, Outcome, PairResult, TradingState
from risk.breakers import (
    DAILY_LOSS,
    DRAWDOWN,
    REJECTS,
    SIGHTINGS,
    STRANDED,
    EquityRounds,
    Memory,
    is_worth_keeping,
    on_accept,
    on_equity,
    on_pair_result,
    on_reject,
    on_time,
    resumed,
)
from risk.limits import Limits

SEC = 1_000_000_000
NOON = 20_000 * 86_400 * SEC + 43_200 * SEC
LIMITS = Limits()  # 500 USD a day, a tenth of the highest equity, 5 rejects, 2 stranded, 900 s


def watch(memory: Memory, *equities: str, now_ns: int = NOON, limits: Limits = LIMITS) -> Memory:
    for number, equity in enumerate(equities):
        memory = on_equity(memory, Decimal(equity), limits, now_ns + number * SEC)
    return memory


def result(outcome: Outcome, pair_id: str = "BTC-O1-x") -> PairResult:
    return PairResult(
        pair_id=pair_id,
        asset="BTC",
        intent=Intent.OPEN,
        outcome=outcome,
        is_clean=outcome is not Outcome.HALTED,
        unhedged_quantity=Decimal(0),
        naked_usd_secs=Decimal(0),
        reason="test",
        ts_ns=NOON,
    )


def test_a_daily_loss_beyond_its_limit_halts_and_waits_for_a_person() -> None:
    memory = watch(Memory(), "20000", *["19499.99"] * SIGHTINGS)
    assert set(memory.tripped) == {DAILY_LOSS}
    tripped = memory.tripped[DAILY_LOSS]
    assert (tripped.state, tripped.until_ns) == (TradingState.HALTED, None)
    assert tripped.reason == "500.01 USD lost since midnight UTC, 500 allowed"
    assert on_time(memory, NOON + 10**6 * SEC) == memory


@pytest.mark.parametrize(
    ("equities", "is_tripped"),
    [
        (["20000", *["19500"] * 9], False),  # the limit itself is allowed
        (["20000", *["19499"] * (SIGHTINGS - 1)], False),  # not yet believed
        (["20000", "19499", "19499", "19600", "19499", "19499"], False),  # never often enough in a row
        (["20000", *["19499"] * SIGHTINGS], True),
        (["20000", *["21000"] * 5, *["19600"] * 9], False),  # against the day's first, not its highest
    ],
)
def test_a_loss_counts_from_the_days_first_equity_and_only_when_it_stays(equities: list[str], is_tripped: bool) -> None:
    assert (DAILY_LOSS in watch(Memory(), *equities).tripped) is is_tripped


def test_a_new_day_counts_from_its_own_first_equity() -> None:
    memory = watch(Memory(), "20000", "19600")
    memory = watch(memory, *["19200"] * SIGHTINGS, now_ns=NOON + 86_400 * SEC)
    assert not memory.tripped
    assert DAILY_LOSS in watch(memory, *["18699"] * SIGHTINGS, now_ns=NOON + 90_000 * SEC).tripped


def test_a_fall_from_the_highest_equity_halts_over_days() -> None:
    memory = watch(Memory(), "20000")
    for day in range(1, 7):
        memory = watch(memory, *[str(20_000 - 400 * day)] * SIGHTINGS, now_ns=NOON + day * 86_400 * SEC)
        assert (DRAWDOWN in memory.tripped) is (day >= 6), day  # 2,400 are beyond 2,000, as 2,000 are not
    assert memory.tripped[DRAWDOWN].state is TradingState.HALTED
    assert DAILY_LOSS not in memory.tripped


def test_rejects_in_a_row_of_one_venue_block_entries_until_the_cool_down_is_over() -> None:
    memory = Memory()
    for _ in range(4):
        memory = on_reject(memory, "PARADEX", LIMITS, NOON)
        memory = on_reject(memory, "HYPERLIQUID", LIMITS, NOON)
        memory = on_accept(memory, "HYPERLIQUID")  # the other venue's word does not excuse this one's
    assert not memory.tripped
    memory = on_reject(memory, "PARADEX", LIMITS, NOON)
    tripped = memory.tripped[REJECTS]
    assert (tripped.state, tripped.until_ns) == (TradingState.REDUCE_ONLY, NOON + 900 * SEC)
    assert tripped.reason == "PARADEX refused 5 orders in a row"
    assert REJECTS in on_time(memory, NOON + 900 * SEC - 1).tripped
    assert not on_time(memory, NOON + 900 * SEC).tripped


def test_an_accepted_order_ends_a_row_of_rejects() -> None:
    memory = Memory()
    for _ in range(3):
        for _ in range(4):
            memory = on_reject(memory, "PARADEX", LIMITS, NOON)
        memory = on_accept(memory, "PARADEX")
    assert not memory.tripped


def test_stranded_pairs_in_a_row_block_entries_until_a_person_resumes() -> None:
    memory = on_pair_result(Memory(), result(Outcome.HALTED), LIMITS, NOON)
    memory = on_pair_result(memory, result(Outcome.FLAT), LIMITS, NOON)
    memory = on_pair_result(memory, result(Outcome.HALTED), LIMITS, NOON)
    assert not memory.tripped
    memory = on_pair_result(memory, result(Outcome.HALTED, "BTC-O9-x"), LIMITS, NOON)
    assert memory.tripped[STRANDED].until_ns is None
    assert memory.tripped[STRANDED].state is TradingState.REDUCE_ONLY
    assert "BTC-O9-x" in memory.tripped[STRANDED].reason
    assert not resumed(memory).tripped


def test_resuming_counts_a_loss_from_there_and_leaves_what_had_not_tripped() -> None:
    lost = watch(Memory(), "20000", *["19400"] * SIGHTINGS)
    again = watch(resumed(lost), *["19400"] * 9)
    assert not again.tripped
    assert DAILY_LOSS in watch(again, *["18899"] * SIGHTINGS).tripped
    careful = resumed(watch(Memory(), "20000", "19600"))  # nothing had tripped: the day goes on
    assert DAILY_LOSS in watch(careful, *["19499"] * SIGHTINGS).tripped


def test_a_breaker_that_waits_for_a_person_keeps_its_first_words() -> None:
    memory = watch(Memory(), "20000", *["19400"] * SIGHTINGS)
    assert watch(memory, *["19000"] * 5).tripped[DAILY_LOSS] == memory.tripped[DAILY_LOSS]


def test_what_is_remembered_survives_the_journal() -> None:
    memory = watch(Memory(), "20000", *["19400.123456789"] * SIGHTINGS)
    memory = on_reject(memory, "PARADEX", LIMITS, NOON)
    assert msgspec.json.decode(msgspec.json.encode(memory), type=Memory) == memory


def test_only_what_matters_is_written_at_once() -> None:
    kept = watch(Memory(), "20000")
    assert not is_worth_keeping(kept, watch(kept, "20000", "20010", "19990"))
    assert is_worth_keeping(kept, watch(kept, "20021"))  # a thousandth higher
    assert is_worth_keeping(kept, watch(kept, *["19400"] * SIGHTINGS))
    assert is_worth_keeping(kept, on_reject(kept, "PARADEX", LIMITS, NOON))
    assert is_worth_keeping(kept, watch(kept, "20000", now_ns=NOON + 86_400 * SEC))


def test_equities_are_added_up_once_every_venue_has_reported_anew() -> None:
    rounds = EquityRounds(("A", "B"))
    found = [rounds.report(venue, Decimal(usd)) for venue, usd in (("A", 1), ("A", 2), ("C", 50), ("B", 10), ("B", 20), ("A", 3))]
    assert found == [None, None, None, 12, None, 23]
