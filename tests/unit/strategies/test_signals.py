from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Action, FundingClock
from strategies.funding import Direction, FundingRate
from strategies.signals import AssetView, PairState, Rules, VenueView, decide, persisted

HL, PDX = "HYPERLIQUID", "PARADEX"
RULES = Rules(
    min_spread_apr=Decimal("0.04"),
    exit_spread_apr=Decimal("0.02"),
    min_absorbable_usd=Decimal(10_000),
    data_age_secs_max=30.0,
    funding_age_secs_max=120.0,
    apr_sane_max=Decimal(60),
)
LONG_HL = Direction(HL, PDX)


def venue(apr: str, **changes: Any) -> VenueView:
    usual = VenueView(
        funding=FundingRate(Decimal(apr) / 8_760, Decimal(1)),
        funding_age_secs=1.0,
        market_age_secs=1.0,
        is_market_sane=True,
        absorbable_usd=Decimal(50_000),
        blocked=None,
    )
    return msgspec.structs.replace(usual, **changes)


def view(hyperliquid: VenueView, paradex: VenueView, **changes: Any) -> AssetView:
    usual = AssetView(
        asset="BTC", venues={HL: hyperliquid, PDX: paradex}, state=PairState.FLAT, held=None, entry_block=None, now_ns=7
    )
    return msgspec.structs.replace(usual, **changes)


def opened(hyperliquid: VenueView, paradex: VenueView, **changes: Any) -> AssetView:
    return view(hyperliquid, paradex, state=PairState.OPEN, held=LONG_HL, **changes)


HIGH, LOW = "0.15", "0.05"  # a spread of 0.10

FLAT_TABLE = [
    ("met", view(venue(LOW), venue(HIGH)), Action.ENTER, "SPREAD_MET"),
    ("met, the other way", view(venue(HIGH), venue(LOW)), Action.ENTER, "SPREAD_MET"),
    ("both negative", view(venue("-0.10"), venue("-0.02")), Action.ENTER, "SPREAD_MET"),
    ("too narrow", view(venue("0.10"), venue("0.13")), Action.HOLD, "SPREAD_BELOW_MINIMUM"),
    ("equal rates", view(venue("0.1095"), venue("0.1095")), Action.HOLD, "RATES_EQUAL"),
    ("both zero", view(venue("0"), venue("0")), Action.HOLD, "RATES_EQUAL"),
    ("thin", view(venue(LOW), venue(HIGH, absorbable_usd=Decimal("9999.99"))), Action.HOLD, "DEPTH_BELOW_MINIMUM"),
    ("just deep enough", view(venue(LOW), venue(HIGH, absorbable_usd=Decimal(10_000))), Action.ENTER, "SPREAD_MET"),
    ("rate never seen", view(venue(LOW, funding=None), venue(HIGH)), Action.HOLD, "FUNDING_STALE"),
    ("rate too old", view(venue(LOW), venue(HIGH, funding_age_secs=120.1)), Action.HOLD, "FUNDING_STALE"),
    ("absurd rate", view(venue(LOW), venue("1790000000")), Action.HOLD, "FUNDING_STALE"),
    (
        "rate is no number",
        view(venue(LOW), venue(HIGH, funding=FundingRate(Decimal("NaN"), Decimal(1)))),
        Action.HOLD,
        "FUNDING_STALE",
    ),
    ("no quote", view(venue(LOW, market_age_secs=None, is_market_sane=False), venue(HIGH)), Action.HOLD, "MARKET_STALE"),
    ("quote too old", view(venue(LOW, market_age_secs=31.0), venue(HIGH)), Action.HOLD, "MARKET_STALE"),
    ("crossed book", view(venue(LOW), venue(HIGH, is_market_sane=False)), Action.HOLD, "MARKET_STALE"),
    ("venue down", view(venue(LOW), venue(HIGH, blocked="down")), Action.HOLD, "VENUE_BLOCKED PARADEX: down"),
    ("cooling down", view(venue(LOW), venue(HIGH), entry_block="COOLDOWN"), Action.HOLD, "COOLDOWN"),
    ("orders under way", view(venue(LOW), venue(HIGH), state=PairState.BUSY), Action.HOLD, "PAIR_BUSY"),
    ("one leg alone", view(venue(LOW), venue(HIGH), state=PairState.BROKEN), Action.HOLD, "PAIR_BROKEN"),
]

OPEN_TABLE = [
    ("still wide", opened(venue(LOW), venue(HIGH)), Action.HOLD, "SPREAD_HELD"),
    ("inside the hysteresis", opened(venue("0.10"), venue("0.13")), Action.HOLD, "SPREAD_HELD"),
    ("at the exit threshold", opened(venue("0.10"), venue("0.12")), Action.HOLD, "SPREAD_HELD"),
    ("eroded", opened(venue("0.10"), venue("0.119")), Action.EXIT, "SPREAD_ERODED"),
    ("equal rates", opened(venue("0.1095"), venue("0.1095")), Action.EXIT, "SPREAD_ERODED"),
    ("flipped, as wide as before", opened(venue(HIGH), venue(LOW)), Action.EXIT, "SPREAD_FLIPPED"),
    ("flipped but stale", opened(venue(HIGH), venue(LOW, funding_age_secs=500.0)), Action.HOLD, "FUNDING_STALE"),
    ("absurd rate", opened(venue("1790000000"), venue(LOW)), Action.HOLD, "FUNDING_STALE"),
    ("eroded with stale quotes", opened(venue(LOW, market_age_secs=99.0), venue(LOW)), Action.HOLD, "MARKET_STALE"),
    ("eroded, no sane prices", opened(venue(LOW), venue(LOW, is_market_sane=False)), Action.HOLD, "MARKET_STALE"),
    ("wide with stale quotes", opened(venue(LOW, market_age_secs=99.0), venue(HIGH)), Action.HOLD, "SPREAD_HELD"),
    ("eroded in a thin book", opened(venue(LOW, absorbable_usd=Decimal(0)), venue(LOW)), Action.EXIT, "SPREAD_ERODED"),
    ("eroded while cooling down", opened(venue(LOW), venue(LOW), entry_block="COOLDOWN"), Action.EXIT, "SPREAD_ERODED"),
    ("eroded, a venue down", opened(venue(LOW), venue(LOW, blocked="down")), Action.HOLD, "VENUE_BLOCKED PARADEX: down"),
    ("wide, a venue down", opened(venue(LOW), venue(HIGH, blocked="down")), Action.HOLD, "SPREAD_HELD"),
]


@pytest.mark.parametrize(("seen", "action", "reason"), [row[1:] for row in FLAT_TABLE], ids=[row[0] for row in FLAT_TABLE])
def test_decision_while_flat(seen: AssetView, action: Action, reason: str) -> None:
    signal = decide(seen, RULES)
    assert (signal.action, signal.reason) == (action, reason)


@pytest.mark.parametrize(("seen", "action", "reason"), [row[1:] for row in OPEN_TABLE], ids=[row[0] for row in OPEN_TABLE])
def test_decision_while_open(seen: AssetView, action: Action, reason: str) -> None:
    signal = decide(seen, RULES)
    assert (signal.action, signal.reason) == (action, reason)
    assert (signal.long_venue, signal.short_venue) == (HL, PDX)


def test_the_signal_goes_long_the_lower_rate_and_carries_its_numbers() -> None:
    signal = decide(view(venue("-0.20"), venue("-0.05"), now_ns=42), RULES)
    assert (signal.long_venue, signal.short_venue, signal.ts_ns) == (HL, PDX, 42)
    assert signal.spread_apr == pytest.approx(Decimal("0.15"))
    assert signal.absorbable_usd == 50_000


def test_an_hourly_and_an_eight_hourly_quote_of_one_rate_are_no_opportunity() -> None:
    hourly = venue("0", funding=FundingRate(Decimal("0.0000125"), Decimal(1)))
    eight_hourly = venue("0", funding=FundingRate(Decimal("0.0001"), Decimal(8)))
    assert decide(view(hourly, eight_hourly), RULES).reason == "RATES_EQUAL"


@given(first=st.decimals(-20, 20, places=4), second=st.decimals(-20, 20, places=4))
def test_entries_are_exactly_the_wide_spreads(first: Decimal, second: Decimal) -> None:
    hyperliquid = venue("0", funding=FundingRate(first, Decimal(8_760)))
    paradex = venue("0", funding=FundingRate(second, Decimal(8_760)))
    signal = decide(view(hyperliquid, paradex), RULES)
    assert (signal.action is Action.ENTER) == (abs(first - second) >= RULES.min_spread_apr)
    if signal.action is Action.ENTER:
        assert signal.long_venue == (HL if first < second else PDX)


class TestPersistence:
    rules = msgspec.structs.replace(RULES, persistence_hours=Decimal(2))
    clock = FundingClock(10.0)

    def actions(self, secs_and_views: list[tuple[float, AssetView]]) -> list[Action]:
        memory, found = None, []
        for secs, seen in secs_and_views:
            signal = decide(msgspec.structs.replace(seen, now_ns=round(secs * 1e9)), self.rules)
            memory, kept = persisted(memory, signal, self.rules, self.clock)
            found.append(kept.action)
        return found

    def test_an_entry_waits_for_its_funding_hours(self) -> None:
        wide = view(venue(LOW), venue(HIGH))
        assert self.actions([(0, wide), (19, wide), (20, wide)]) == [Action.HOLD, Action.HOLD, Action.ENTER]

    def test_one_noisy_print_starts_the_wait_again(self) -> None:
        wide, narrow = view(venue(LOW), venue(HIGH)), view(venue(LOW), venue(LOW))
        steps = [(0, wide), (19, narrow), (20, wide), (39, wide), (40, wide)]
        assert self.actions(steps) == [Action.HOLD] * 4 + [Action.ENTER]

    def test_a_flip_of_direction_starts_the_wait_again(self) -> None:
        one_way, other_way = view(venue(LOW), venue(HIGH)), view(venue(HIGH), venue(LOW))
        assert self.actions([(0, one_way), (15, other_way), (30, other_way), (35, other_way)])[2:] == [Action.HOLD, Action.ENTER]

    def test_an_exit_waits_too_and_then_comes(self) -> None:
        flipped = opened(venue(HIGH), venue(LOW))
        assert self.actions([(0, flipped), (10, flipped), (20, flipped)]) == [Action.HOLD, Action.HOLD, Action.EXIT]

    def test_without_persistence_the_first_reading_counts(self) -> None:
        _, signal = persisted(None, decide(view(venue(LOW), venue(HIGH)), RULES), RULES, self.clock)
        assert signal.action is Action.ENTER
