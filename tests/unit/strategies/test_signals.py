"""The decision tables of both modes: what is known of an asset on the left, what is done and why on the right."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Action, Edge, FundingClock, Signal
from strategies.funding import Direction, FundingRate
from strategies.persistence import persisted
from strategies.signals import (
    AssetView,
    PairState,
    Rules,
    SignalMode,
    VenueView,
    decide,
    entry_value_usd,
    leave_below_usd,
    stay_value_usd,
)
from strategies.sizing import Sized

D = Decimal
HL, PDX = "HYPERLIQUID", "PARADEX"
THRESHOLD = Rules(
    mode=SignalMode.THRESHOLD,
    min_spread_apr=D("0.04"),
    min_absorbable_usd=D(10_000),
    data_age_secs_max=30.0,
    funding_age_secs_max=120.0,
    apr_sane_max=D(60),
)
ECONOMIC = msgspec.structs.replace(THRESHOLD, mode=SignalMode.ECONOMIC, min_hold_hours=D(4), max_age_hours=D(720))
LONG_HL, LONG_PDX = Direction(HL, PDX), Direction(PDX, HL)


def venue(apr: str, **changes: Any) -> VenueView:
    usual = VenueView(
        funding=FundingRate(D(apr) / 8_760, D(1)),
        funding_age_secs=1.0,
        market_age_secs=1.0,
        is_market_sane=True,
        absorbable_usd=D(50_000),
        blocked=None,
    )
    return msgspec.structs.replace(usual, **changes)


def edge(funding: str, cost: str = "-20", basis: str = "0", error: str = "0") -> Edge:
    """An edge of 10,000 USD, whose margin of 2 bps is 2 USD, over a week; the costs are all slippage."""
    return Edge(
        notional_usd=D(10_000),
        horizon_hours=D(168),
        funding_usd=D(funding),
        fees_usd=D(0),
        slippage_usd=D(cost),
        impact_usd=D(0),
        basis_usd=D(basis),
        gas_usd=D(0),
        funding_error_usd=D(error),
        break_even_hours=None,
    )


def size(target: str = "9900", ceiling: str = "Infinity", bound: str = "PAIR_NOTIONAL") -> Sized:
    return Sized(target_usd=D(target), bound=bound, ceiling_usd=D(ceiling), ceiling="SURVIVAL PARADEX")


def flat(hyperliquid: VenueView, paradex: VenueView, **changes: Any) -> AssetView:
    usual = AssetView(
        asset="BTC",
        venues={HL: hyperliquid, PDX: paradex},
        state=PairState.FLAT,
        held=None,
        now_ns=7,
        sized=size(),
        edge=edge("40"),
    )
    return msgspec.structs.replace(usual, **changes)


def opened(hyperliquid: VenueView, paradex: VenueView, **changes: Any) -> AssetView:
    held = {"state": PairState.OPEN, "held": LONG_HL, "held_usd": D(9_900), "age_hours": D(100)}
    return flat(hyperliquid, paradex, **(held | changes))


HIGH, LOW = "0.15", "0.05"  # a spread of 0.10
NAN = FundingRate(D("NaN"), D(1))
THIN, JUST_DEEP = {"absorbable_usd": D("9999.99")}, {"absorbable_usd": D(10_000)}
ENTER, HOLD, RESIZE, EXIT = Action.ENTER, Action.HOLD, Action.RESIZE, Action.EXIT

# What keeps from entering is the same in both modes; threshold mode needs no more than this.
FLAT = [
    ("too narrow", flat(venue("0.10"), venue("0.13")), "SPREAD_BELOW_MINIMUM"),
    ("equal rates", flat(venue("0.1095"), venue("0.1095")), "RATES_EQUAL"),
    ("both zero", flat(venue("0"), venue("0")), "RATES_EQUAL"),
    ("thin", flat(venue(LOW), venue(HIGH, **THIN)), "DEPTH_BELOW_MINIMUM"),
    ("rate never seen", flat(venue(LOW, funding=None), venue(HIGH)), "FUNDING_STALE"),
    ("rate too old", flat(venue(LOW), venue(HIGH, funding_age_secs=120.1)), "FUNDING_STALE"),
    ("absurd rate", flat(venue(LOW), venue("1790000000")), "FUNDING_STALE"),
    ("rate is no number", flat(venue(LOW), venue(HIGH, funding=NAN)), "FUNDING_STALE"),
    ("no quote", flat(venue(LOW, market_age_secs=None, is_market_sane=False), venue(HIGH)), "MARKET_STALE"),
    ("quote too old", flat(venue(LOW, market_age_secs=31.0), venue(HIGH)), "MARKET_STALE"),
    ("crossed book", flat(venue(LOW), venue(HIGH, is_market_sane=False)), "MARKET_STALE"),
    ("venue down", flat(venue(LOW), venue(HIGH, blocked="down")), "VENUE_BLOCKED PARADEX: down"),
    ("cooling down", flat(venue(LOW), venue(HIGH), entry_block="COOLDOWN"), "COOLDOWN"),
    ("reduce only", flat(venue(LOW), venue(HIGH), entry_block="REDUCE_ONLY"), "REDUCE_ONLY"),
    ("orders under way", flat(venue(LOW), venue(HIGH), state=PairState.BUSY), "PAIR_BUSY"),
    ("one leg alone", flat(venue(LOW), venue(HIGH), state=PairState.BROKEN), "PAIR_BROKEN"),
    ("no collateral", flat(venue(LOW), venue(HIGH), sized=size("0", bound="MARGIN PARADEX")), "NO_ROOM MARGIN PARADEX"),
    ("size not known", flat(venue(LOW), venue(HIGH), sized=None), "SIZE_UNKNOWN"),
]
MET = [
    ("met", flat(venue(LOW), venue(HIGH))),
    ("met, the other way", flat(venue(HIGH), venue(LOW))),
    ("both negative", flat(venue("-0.10"), venue("-0.02"))),
    ("exactly 4 %", flat(venue("0.10"), venue("0.14"))),
    ("just deep enough", flat(venue(LOW), venue(HIGH, **JUST_DEEP))),
]
ECONOMIC_FLAT = [
    ("costs not earned", flat(venue(LOW), venue(HIGH), edge=edge("19.99")), HOLD, "EDGE_BELOW_MARGIN"),
    ("costs earned, margin not", flat(venue(LOW), venue(HIGH), edge=edge("22")), HOLD, "EDGE_BELOW_MARGIN"),
    ("costs and margin earned", flat(venue(LOW), venue(HIGH), edge=edge("22.01")), ENTER, "EDGE_MET"),
    ("the basis pays for it", flat(venue(LOW), venue(HIGH), edge=edge("10", basis="12.01")), ENTER, "EDGE_MET"),
    ("the basis takes it", flat(venue(LOW), venue(HIGH), edge=edge("40", basis="-18")), HOLD, "EDGE_BELOW_MARGIN"),
    ("edge but no spread", flat(venue("0.10"), venue("0.13"), edge=edge("900")), HOLD, "SPREAD_BELOW_MINIMUM"),
    ("edge but no depth", flat(venue(LOW), venue(HIGH, **THIN), edge=edge("900")), HOLD, "DEPTH_BELOW_MINIMUM"),
    ("too thin to cost", flat(venue(LOW), venue(HIGH), edge=None, edge_gap="THIN_PARADEX"), HOLD, "EDGE_UNKNOWN THIN_PARADEX"),
    ("no forecast yet", flat(venue(LOW), venue(HIGH), edge=None, edge_gap="NO_FORECAST"), HOLD, "EDGE_UNKNOWN NO_FORECAST"),
]
THRESHOLD_OPEN = [
    ("met and open", opened(venue(LOW), venue(HIGH)), HOLD, "SPREAD_HELD"),
    ("exactly 4 %", opened(venue("0.10"), venue("0.14")), HOLD, "SPREAD_HELD"),
    ("below 4 %", opened(venue("0.10"), venue("0.139")), EXIT, "SPREAD_ERODED"),
    ("equal rates", opened(venue("0.1095"), venue("0.1095")), EXIT, "SPREAD_ERODED"),
    ("flipped, as wide as before", opened(venue(HIGH), venue(LOW)), EXIT, "SPREAD_FLIPPED"),
    ("thin", opened(venue(LOW), venue(HIGH, **THIN)), EXIT, "DEPTH_BELOW_MINIMUM"),
    ("just entered and flipped", opened(venue(HIGH), venue(LOW), age_hours=D(0)), EXIT, "SPREAD_FLIPPED"),
    ("old", opened(venue(LOW), venue(HIGH), age_hours=D(5_000)), HOLD, "SPREAD_HELD"),
    ("larger by a third allowed", opened(venue(LOW), venue(HIGH), held_usd=D(7_400)), RESIZE, "ROOM_TO_GROW"),
    ("larger by a fifth allowed", opened(venue(LOW), venue(HIGH), held_usd=D(8_250)), HOLD, "SPREAD_HELD"),
]
ECONOMIC_OPEN = [
    ("edge left", opened(venue(LOW), venue(HIGH)), HOLD, "EDGE_HELD"),
    ("below 4 %, funding still comes", opened(venue("0.10"), venue("0.13"), edge=edge("5")), HOLD, "EDGE_HELD"),
    ("a small flip", opened(venue("0.10"), venue("0.099"), edge=edge("-1")), HOLD, "EDGE_HELD"),
    ("loses half a round trip", opened(venue(HIGH), venue(LOW), edge=edge("-10")), HOLD, "EDGE_HELD"),
    ("loses more than that", opened(venue(HIGH), venue(LOW), edge=edge("-10.01")), EXIT, "FUNDING_FLIPPED"),
    ("the basis has to come back first", opened(venue(LOW), venue(HIGH), edge=edge("5", basis="-16")), EXIT, "EDGE_LOST"),
    ("the basis is worth waiting for", opened(venue(HIGH), venue(LOW), edge=edge("-15", basis="8")), HOLD, "EDGE_HELD"),
    ("too young to leave", opened(venue(HIGH), venue(LOW), edge=edge("-90"), age_hours=D(3)), HOLD, "MINIMUM_HOLD"),
    ("old enough to leave", opened(venue(HIGH), venue(LOW), edge=edge("-90"), age_hours=D(4)), EXIT, "FUNDING_FLIPPED"),
    ("too old, though it earns", opened(venue(LOW), venue(HIGH), age_hours=D(720)), EXIT, "MAXIMUM_AGE"),
    ("age not known", opened(venue(HIGH), venue(LOW), edge=edge("-90"), age_hours=None), HOLD, "MINIMUM_HOLD"),
    ("thin but earning", opened(venue(LOW), venue(HIGH, **THIN)), HOLD, "EDGE_HELD"),
    ("edge not known", opened(venue(LOW), venue(HIGH), edge=None, edge_gap="THIN_PARADEX"), HOLD, "EDGE_UNKNOWN THIN_PARADEX"),
    ("edge not known, flipped", opened(venue(HIGH), venue(LOW), edge=None), EXIT, "SPREAD_FLIPPED"),
    ("growth pays", opened(venue(LOW), venue(HIGH), held_usd=D(5_000), growth=edge("40")), RESIZE, "ROOM_TO_GROW"),
    ("growth does not pay", opened(venue(LOW), venue(HIGH), held_usd=D(5_000), growth=edge("21")), HOLD, "EDGE_HELD"),
    ("growth not known", opened(venue(LOW), venue(HIGH), held_usd=D(5_000)), HOLD, "EDGE_HELD"),
]
# In both modes: what is stale or insane is no reason to leave, and stops no exit that has another reason.
OPEN = [
    ("flipped but stale", opened(venue(HIGH), venue(LOW, funding_age_secs=500.0), edge=edge("-90")), HOLD, "FUNDING_STALE"),
    ("absurd rate", opened(venue("1790000000"), venue(LOW), edge=edge("-90")), HOLD, "FUNDING_STALE"),
    ("rate is no number", opened(venue(HIGH), venue(LOW, funding=NAN), edge=edge("-90")), HOLD, "FUNDING_STALE"),
    ("ordered to close", opened(venue(LOW), venue(HIGH), exit_order="CLOSE_ONLY"), EXIT, "CLOSE_ONLY"),
    (
        "ordered, all stale",
        opened(venue(LOW, funding=None), venue(HIGH, blocked="down"), exit_order="CLOSE_ONLY"),
        EXIT,
        "CLOSE_ONLY",
    ),
    ("reduce only forbids no exit", opened(venue(HIGH), venue(LOW), edge=edge("-90"), entry_block="REDUCE_ONLY"), EXIT, None),
    ("flipped, quotes stale", opened(venue(HIGH, market_age_secs=99.0), venue(LOW), edge=edge("-90")), EXIT, None),
    ("flipped, book crossed", opened(venue(HIGH), venue(LOW, is_market_sane=False), edge=edge("-90")), EXIT, None),
    ("flipped, a venue down", opened(venue(HIGH), venue(LOW, blocked="down"), edge=edge("-90")), EXIT, None),
    ("flipped in a thin book", opened(venue(HIGH), venue(LOW, **THIN), edge=edge("-90")), EXIT, None),
    ("wide, thin by a stale book", opened(venue(LOW), venue(HIGH, is_market_sane=False, **THIN)), HOLD, None),
    ("wide, quotes stale", opened(venue(LOW, market_age_secs=99.0), venue(HIGH)), HOLD, None),
    ("wide, a venue down", opened(venue(LOW), venue(HIGH, blocked="down")), HOLD, None),
    (
        "too large to survive a move",
        opened(venue(LOW), venue(HIGH), sized=size(ceiling="7000")),
        RESIZE,
        "ABOVE_SURVIVAL PARADEX",
    ),
    ("nearly too large", opened(venue(LOW), venue(HIGH), sized=size(ceiling="7500")), HOLD, None),
    (
        "no growth by stale quotes",
        opened(venue(LOW), venue(HIGH, market_age_secs=99.0), held_usd=D(10), growth=edge("40")),
        HOLD,
        None,
    ),
    (
        "no growth while blocked",
        opened(venue(LOW), venue(HIGH), held_usd=D(10), growth=edge("40"), entry_block="COOLDOWN"),
        HOLD,
        None,
    ),
]


def table(rows: list[Any]) -> Any:
    return pytest.mark.parametrize("row", [row[1:] for row in rows], ids=[row[0] for row in rows])


@pytest.mark.parametrize("rules", [THRESHOLD, ECONOMIC], ids=["threshold", "economic"])
@table(FLAT)
def test_what_keeps_from_entering_in_both_modes(row: tuple[AssetView, str], rules: Rules) -> None:
    signal = decide(row[0], rules)
    assert (signal.action, signal.reason, signal.target_usd) == (Action.HOLD, row[1], None)


@pytest.mark.parametrize(("rules", "reason"), [(THRESHOLD, "SPREAD_MET"), (ECONOMIC, "EDGE_MET")])
@table(MET)
def test_what_is_met_is_entered_at_its_size(row: tuple[AssetView], rules: Rules, reason: str) -> None:
    signal = decide(row[0], rules)
    assert (signal.action, signal.reason, signal.target_usd, signal.edge) == (Action.ENTER, reason, 9_900, row[0].edge)


@table(ECONOMIC_FLAT)
def test_the_economics_of_entering(row: tuple[AssetView, Action, str]) -> None:
    signal = decide(row[0], ECONOMIC)
    assert (signal.action, signal.reason) == row[1:]


def test_the_threshold_rule_asks_for_no_edge() -> None:
    for worthless in (None, edge("-500")):
        assert decide(flat(venue(LOW), venue(HIGH), edge=worthless), THRESHOLD).action is Action.ENTER


@table(THRESHOLD_OPEN)
def test_an_open_pair_by_the_threshold(row: tuple[AssetView, Action, str]) -> None:
    check_open(decide(row[0], THRESHOLD), *row[1:])


@table(ECONOMIC_OPEN)
def test_an_open_pair_by_its_economics(row: tuple[AssetView, Action, str]) -> None:
    check_open(decide(row[0], ECONOMIC), *row[1:])


@pytest.mark.parametrize("rules", [THRESHOLD, ECONOMIC], ids=["threshold", "economic"])
@table(OPEN)
def test_an_open_pair_in_both_modes(row: tuple[AssetView, Action, str | None], rules: Rules) -> None:
    check_open(decide(row[0], rules), *row[1:])


def check_open(signal: Signal, action: Action, reason: str | None) -> None:
    assert signal.action is action
    assert reason in (None, signal.reason)
    assert (signal.long_venue, signal.short_venue) == (HL, PDX)
    assert (signal.target_usd is not None) == (action is Action.RESIZE)


def test_the_signal_goes_long_the_lower_rate_and_carries_its_numbers() -> None:
    signal = decide(flat(venue("-0.20"), venue("-0.05"), now_ns=42), THRESHOLD)
    assert (signal.long_venue, signal.short_venue, signal.ts_ns) == (HL, PDX, 42)
    assert signal.spread_apr == pytest.approx(D("0.15"))
    assert signal.absorbable_usd == 50_000


rates = st.decimals(-20, 20, places=4)
dollars = st.decimals(-200, 200, places=2)


@given(first=rates, second=rates)
def test_by_the_threshold_entries_are_exactly_the_wide_spreads(first: Decimal, second: Decimal) -> None:
    hyperliquid = venue("0", funding=FundingRate(first, D(8_760)))
    paradex = venue("0", funding=FundingRate(second, D(8_760)))
    signal = decide(flat(hyperliquid, paradex), THRESHOLD)
    assert (signal.action is Action.ENTER) == (abs(first - second) >= THRESHOLD.min_spread_apr)
    if signal.action is Action.ENTER:
        assert signal.long_venue == (HL if first < second else PDX)


@given(first=rates, second=rates, rules=st.sampled_from([THRESHOLD, ECONOMIC]))
def test_swapped_rates_swap_the_direction_and_nothing_else(first: Decimal, second: Decimal, rules: Rules) -> None:
    one, other = (venue("0", funding=FundingRate(rate, D(8_760))) for rate in (first, second))
    as_is, swapped = decide(flat(one, other), rules), decide(flat(other, one), rules)
    assert (swapped.action, swapped.reason, swapped.spread_apr) == (as_is.action, as_is.reason, as_is.spread_apr)
    assert (swapped.long_venue, swapped.short_venue) == (as_is.short_venue, as_is.long_venue)


@given(funding=dollars, basis=dollars, cost=st.decimals(0, 100, places=2), more=st.decimals(0, 100, places=2))
def test_whatever_is_worth_entering_is_worth_keeping_and_costs_widen_the_band(
    funding: Decimal, basis: Decimal, cost: Decimal, more: Decimal
) -> None:
    cheap, dear = (edge(str(funding), f"{-c}", str(basis)) for c in (cost, cost + more))
    assert entry_value_usd(dear, ECONOMIC) <= entry_value_usd(cheap, ECONOMIC)
    assert leave_below_usd(dear, ECONOMIC) <= leave_below_usd(cheap, ECONOMIC) <= 0
    if entry_value_usd(cheap, ECONOMIC) > 0:
        assert stay_value_usd(cheap) > leave_below_usd(cheap, ECONOMIC)


@given(error=st.decimals(0, 100, places=2), weight=st.decimals(0, 3, places=2))
def test_an_uncertain_forecast_never_makes_an_entry_better(error: Decimal, weight: Decimal) -> None:
    rules = msgspec.structs.replace(ECONOMIC, error_weight=weight)
    sure, unsure = edge("40"), edge("40", error=str(error))
    assert entry_value_usd(unsure, rules) == entry_value_usd(sure, rules) - weight * error


@given(spreads=st.lists(st.floats(-12, 12), min_size=5, max_size=60))
def test_a_spread_that_flips_inside_the_band_trades_at_most_once(spreads: list[float]) -> None:
    # Funding expected swings by less than the band between entering (above 22) and leaving (below -10): no ping-pong.
    trades, is_open = 0, False
    for swing in spreads:
        expected = edge(f"{12 + swing:.4f}")  # 0 .. 24
        seen = opened(venue(LOW), venue(HIGH), edge=expected) if is_open else flat(venue(LOW), venue(HIGH), edge=expected)
        action = decide(seen, ECONOMIC).action
        trades += action in (Action.ENTER, Action.EXIT)
        is_open = is_open or action is Action.ENTER
    assert trades <= 1


class TestPersistence:
    rules = msgspec.structs.replace(ECONOMIC, persistence_hours=D(2))
    clock = FundingClock(10.0)

    def actions(self, secs_and_views: list[tuple[float, AssetView]], rules: Rules | None = None) -> list[Action]:
        memory, found = None, []
        for secs, seen in secs_and_views:
            signal = decide(msgspec.structs.replace(seen, now_ns=round(secs * 1e9)), rules or self.rules)
            memory, kept = persisted(memory, signal, rules or self.rules, self.clock)
            found.append(kept.action)
            assert kept.action is not Action.HOLD or kept.target_usd is None
        return found

    wide, narrow = flat(venue(LOW), venue(HIGH)), flat(venue(LOW), venue(LOW))
    flipped = opened(venue(HIGH), venue(LOW), edge=edge("-90"))

    def test_an_entry_waits_for_its_funding_hours(self) -> None:
        assert self.actions([(0, self.wide), (19, self.wide), (20, self.wide)]) == [HOLD, HOLD, ENTER]

    def test_one_noisy_print_starts_the_wait_again(self) -> None:
        steps = [(0, self.wide), (19, self.narrow), (20, self.wide), (39, self.wide), (40, self.wide)]
        assert self.actions(steps) == [HOLD] * 4 + [ENTER]

    def test_a_flip_of_direction_starts_the_wait_again(self) -> None:
        other_way = flat(venue(HIGH), venue(LOW))
        assert self.actions([(0, self.wide), (15, other_way), (30, other_way), (35, other_way)])[2:] == [HOLD, ENTER]

    def test_an_exit_waits_too_and_then_comes(self) -> None:
        assert self.actions([(0, self.flipped), (10, self.flipped), (20, self.flipped)]) == [HOLD, HOLD, EXIT]

    @pytest.mark.parametrize(
        ("seen", "action"),
        [
            (opened(venue(LOW), venue(HIGH), exit_order="CLOSE_ONLY"), EXIT),
            (opened(venue(LOW), venue(HIGH), age_hours=D(720)), EXIT),
            (opened(venue(LOW), venue(HIGH), sized=size(ceiling="100")), RESIZE),
        ],
    )
    def test_orders_age_and_survival_wait_for_nothing(self, seen: AssetView, action: Action) -> None:
        assert self.actions([(0, seen)]) == [action]

    def test_the_threshold_rule_is_applied_to_the_letter(self) -> None:
        rules = msgspec.structs.replace(THRESHOLD, persistence_hours=D(2))
        assert self.actions([(0, self.wide), (1, self.flipped)], rules) == [ENTER, EXIT]
