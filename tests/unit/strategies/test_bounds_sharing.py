"""How large a pair may be, and what becomes of several that want more than there is."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Action, FundingClock, Signal
from risk.limits import Limits
from risk.state import MarketView, PositionView, Snapshot, VenueAccount
from strategies.ages import PairAges
from strategies.basis import SAMPLES_PER_HOUR, BasisHistory
from strategies.bounds import Room, pair_size, room, taken_per_usd
from strategies.costs import LegMarket
from strategies.forecast import Forecast
from strategies.funding import Direction, FundingRate
from strategies.journal import Journal
from strategies.prospect import EdgeTerms, Prospect
from strategies.sharing import Look, Sharing
from strategies.signals import AssetView, PairState, Rules, SignalMode, VenueView, decide, leave_below_usd
from strategies.sizing import Sized, survival_rate

D = Decimal
HL, PDX = "HYPERLIQUID", "PARADEX"
LIMITS = Limits()
MOVE = D("0.25")


def market(asset: str, venue: str, mid: str = "100", maintenance: str = "0.05") -> MarketView:
    return MarketView(
        instrument_id=f"{asset}-USD-PERP.{venue}",
        asset=asset,
        venue=venue,
        bid_usd=D(mid) - D("0.01"),
        ask_usd=D(mid) + D("0.01"),
        ts_ns=0,
        margin_rate=D("0.1"),
        taker_fee_rate=D("0.00045"),
        maintenance_rate=D(maintenance),
    )


def markets(asset: str = "BTC", maintenance: str = "0.05") -> tuple[MarketView, MarketView]:
    return market(asset, HL, maintenance=maintenance), market(asset, PDX, maintenance=maintenance)


def snapshot(equity: dict[str, str], held: dict[str, str] | None = None) -> Snapshot:
    """Accounts by venue, and positions of 100 USD a unit by asset: long on Hyperliquid, short on Paradex."""
    sides = {HL: 1, PDX: -1}
    positions = [(market(asset, venue), sides[venue] * D(size)) for asset, size in (held or {}).items() for venue in sides]
    return Snapshot(
        accounts={v: VenueAccount(venue=v, equity_usd=D(e), free_collateral_usd=D(e), ts_ns=0) for v, e in equity.items()},
        positions={m.instrument_id: PositionView(instrument_id=m.instrument_id, quantity=q) for m, q in positions},
        markets={m.instrument_id: m for asset in ("BTC", "ETH", "SOL", "HYPE") for m in markets(asset)},
        blocked={},
        now_ns=0,
    )


def sized(seen: Snapshot, *, absorbable: str = "50000", held_usd: str = "0", limits: Limits = LIMITS) -> Sized:
    return pair_size(
        markets(),
        room(seen, limits, MOVE),
        limits,
        cap_usd=D(9_900),
        held_usd=D(held_usd),
        absorbable_usd=D(absorbable),
        adverse_move=MOVE,
    )


RICH = {HL: "20000", PDX: "20000"}
SIZES = [
    ("enough of everything", sized(snapshot(RICH)), "9900", "PAIR_NOTIONAL"),
    ("a lower limit", sized(snapshot(RICH), limits=Limits(position_usd_max=D(2_000))), "2000", "POSITION_LIMIT"),
    ("a thin book", sized(snapshot(RICH), absorbable="1500"), "1500", "DEPTH"),
    ("a thin book counts for what is added", sized(snapshot(RICH), absorbable="1500", held_usd="4000"), "5500", "DEPTH"),
    ("little on one venue", sized(snapshot({HL: "20000", PDX: "400"})), "1089.57", "MARGIN PARADEX"),
    ("little on the other", sized(snapshot({HL: "400", PDX: "20000"})), "1089.57", "MARGIN HYPERLIQUID"),
    (
        "what is free counts for what is added",
        sized(snapshot({HL: "20000", PDX: "400"}), held_usd="4000"),
        "5089.57",
        "MARGIN PARADEX",
    ),
    ("nothing on one venue", sized(snapshot({HL: "20000", PDX: "0"})), "0", "MARGIN PARADEX"),
    ("less than nothing", sized(snapshot({HL: "20000", PDX: "-300"})), "0", "SURVIVAL PARADEX"),
    ("others hold most", sized(snapshot({HL: "9000", PDX: "9000"}, {"ETH": "150"})), "3000", "GROSS_LIMIT"),
    ("an unknown account bounds nothing", sized(snapshot({})), "9900", "PAIR_NOTIONAL"),
]


@pytest.mark.parametrize(("found", "target", "bound"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_a_pair_is_as_large_as_the_tightest_bound_allows(found: Sized, target: str, bound: str) -> None:
    assert (round(found.target_usd, 1), found.bound) == (round(D(target), 1), bound)


def test_maintenance_that_a_move_would_eat_bounds_the_size_before_initial_margin_does() -> None:
    # 25 % of every dollar may be lost, and then 1.25 of it must be carried at 30 %.
    risky = markets(maintenance="0.3")
    free = Room({f"SURVIVAL {HL}": D(1_000), f"SURVIVAL {PDX}": D(1_000)}, {})
    found = pair_size(risky, free, LIMITS, cap_usd=D(9_900), held_usd=D(0), absorbable_usd=D(9_900), adverse_move=MOVE)
    assert found.bound.startswith("SURVIVAL")
    assert found.target_usd == 1_000 / (D("0.25") + D("1.25") * D("0.3"))


@given(
    equity=st.decimals(0, 5_000, places=2),
    maintenance=st.decimals(D("0.005"), D("0.5"), places=3),
    adverse=st.decimals(D("0.15"), D("0.6"), places=2),
    side=st.sampled_from([1, -1]),
)
def test_neither_leg_is_liquidated_by_the_move_it_was_sized_for(
    equity: Decimal, maintenance: Decimal, adverse: Decimal, side: int
) -> None:
    notional = equity / survival_rate(maintenance, adverse)
    price_after = 1 - side * adverse  # against a long, against a short
    left = equity - notional * adverse
    assert left >= notional * price_after * maintenance - D("1e-15")
    # Nothing in hand: a short sized larger by 1 % would not have survived.
    larger = notional * D("1.01")
    assert side == 1 or equity == 0 or equity - larger * adverse < larger * price_after * maintenance


def test_legs_that_a_move_would_liquidate_lower_the_ceiling_of_all_of_them_alike() -> None:
    seen = snapshot({HL: "20000", PDX: "2500"}, {"BTC": "60", "ETH": "40"})  # 10,000 USD each side, 0.3125 each to survive
    assert room(seen, LIMITS, MOVE).strains == {PDX: D("0.8")}
    assert sized(seen, held_usd="6000").ceiling_usd == 4_800
    assert sized(snapshot(RICH, {"BTC": "60"}), held_usd="6000").ceiling_usd == D("Infinity")


def test_the_limits_distance_to_liquidation_is_survived_even_where_less_is_configured() -> None:
    strict = Limits(liquidation_distance_ratio_min=D("0.5"))
    assert taken_per_usd(markets(), strict, D("0.1"))[f"SURVIVAL {HL}"] == survival_rate(D("0.05"), D("0.5"))


# Sharing.

RULES = Rules(
    mode=SignalMode.ECONOMIC,
    min_spread_apr=D("0.04"),
    min_absorbable_usd=D(10_000),
    data_age_secs_max=30.0,
    funding_age_secs_max=120.0,
    apr_sane_max=D(60),
    min_hold_hours=D(4),
)
TERMS = EdgeTerms(horizon_hours=D(168), impact_hours=D(1))


def book(venue: str) -> LegMarket:
    levels = [(D("0.02") * i, D(200)) for i in range(1, 6)]
    return LegMarket(
        venue=venue,
        bids=[(100 - away, size) for away, size in levels],
        asks=[(100 + away, size) for away, size in levels],
        maker_fee_rate=D(0),
        taker_fee_rate=D("0.00045"),
    )


def look(asset: str, apr: str, *, held_usd: str = "0", target: str = "9900", age: str = "100", **changes: Any) -> Look:
    """An asset whose pair is expected to earn `apr` over the horizon, long on Hyperliquid."""
    prospect = Prospect(long=book(HL), short=book(PDX), forecast=Forecast(D(apr), D(0)), basis_mean=None)
    is_open = D(held_usd) > 0
    rates = (FundingRate(D(0), D(1)), FundingRate(D("0.5") / 8_760, D(1)))
    views = {
        venue: VenueView(
            funding=rate,
            funding_age_secs=1.0,
            market_age_secs=1.0,
            is_market_sane=True,
            absorbable_usd=D(50_000),
            blocked=None,
        )
        for venue, rate in zip((HL, PDX), rates, strict=True)
    }
    view = AssetView(
        asset=asset,
        venues=views,
        state=PairState.OPEN if is_open else PairState.FLAT,
        held=Direction(HL, PDX) if is_open else None,
        now_ns=0,
        held_usd=D(held_usd),
        age_hours=D(age),
        sized=Sized(target_usd=D(target), bound="PAIR_NOTIONAL", ceiling_usd=D("Infinity"), ceiling="NOTHING"),
        edge=prospect.edge(D(held_usd) if is_open else D(target), TERMS, is_open=is_open),
        growth=prospect.edge(D(target) - D(held_usd), TERMS) if is_open and D(target) > D(held_usd) else None,
    )
    return Look(view=msgspec.structs.replace(view, **changes), markets=markets(asset), prospect=prospect)


def stale(found: Look) -> Look:
    """The same with rates that are too old to be believed."""
    old = {venue: msgspec.structs.replace(view, funding_age_secs=999.0) for venue, view in found.view.venues.items()}
    return Look(view=msgspec.structs.replace(found.view, venues=old), markets=found.markets, prospect=found.prospect)


def at_the_edge(found: Look) -> Look:
    """The same with a pair that is just not left: staying is worth exactly the least that is worth staying for."""
    edge = found.view.edge
    assert edge is not None
    least = msgspec.structs.replace(edge, funding_usd=leave_below_usd(edge, RULES) - edge.basis_usd)
    return Look(view=msgspec.structs.replace(found.view, edge=least), markets=found.markets, prospect=found.prospect)


def share(looks: list[Look], free_usd: str, rules: Rules = RULES, others_usd: str = "1000000") -> dict[str, Signal]:
    """Share `free_usd` of margin on each venue out; every dollar of notional takes a third of one, buffer and fee."""
    left = {f"MARGIN {HL}": D(free_usd), f"MARGIN {PDX}": D(free_usd), "ALLOCATION": D(others_usd)}
    sharing = Sharing(rules=rules, terms=TERMS, limits=LIMITS, adverse_move=MOVE, room=Room(left, {}))
    by_asset = {found.view.asset: found for found in looks}
    return sharing.share_out(by_asset, {asset: decide(found.view, rules) for asset, found in by_asset.items()})


def told(signals: dict[str, Signal]) -> dict[str, tuple[Action, str]]:
    return {asset: (signal.action, signal.reason) for asset, signal in signals.items()}


def test_where_there_is_enough_every_pair_is_entered_in_full() -> None:
    shared = share([look(asset, "0.3") for asset in ("BTC", "ETH", "SOL", "HYPE")], "20000")
    assert {(signal.action, signal.target_usd) for signal in shared.values()} == {(Action.ENTER, D(9_900))}


def test_where_there_is_not_the_better_one_comes_first_and_the_other_gets_the_rest() -> None:
    # Margin for 15,000 USD: 9,900 and then 4,950, the half that still fits.
    shared = share([look("BTC", "0.3"), look("ETH", "0.5")], "5510")
    assert (shared["ETH"].target_usd, shared["BTC"].target_usd) == (D(9_900), D(4_950))


def test_the_one_left_out_waits_and_says_so() -> None:
    shared = share([look("BTC", "0.3"), look("ETH", "0.5")], "3640")
    assert shared["ETH"].target_usd == 9_900
    assert told(shared)["BTC"] == (Action.HOLD, "NO_ROOM_BESIDE_BETTER_PAIRS")


def test_an_open_pair_gives_way_only_to_one_worth_more_than_staying_and_coming_back() -> None:
    # Staying brings 38 USD and half a round trip is 13: what would bring 44 is not worth the change.
    for better, gives_way in (("0.30", False), ("0.38", False), ("0.9", True)):
        shared = share([look("BTC", "0.2", held_usd="9900"), look("ETH", better)], "0")
        expected = (Action.EXIT, "BETTER_PAIR ETH") if gives_way else (Action.HOLD, "EDGE_HELD")
        assert told(shared)["BTC"] == expected
        waiting = "WAITS_FOR_ROOM" if gives_way else "NO_ROOM_BESIDE_BETTER_PAIRS"
        assert told(shared)["ETH"] == (Action.HOLD, waiting), "nothing is opened before the room is there"


@pytest.mark.parametrize(
    ("held", "rules"),
    [
        (look("BTC", "0.2", held_usd="9900", age="1"), RULES),
        (look("BTC", "0.2", held_usd="9900"), msgspec.structs.replace(RULES, mode=SignalMode.THRESHOLD)),
        (look("BTC", "0.2", held_usd="9900", edge=None), RULES),
        (stale(look("BTC", "0.2", held_usd="9900")), RULES),
        (stale(look("BTC", "-0.5", held_usd="9900")), RULES),
        (at_the_edge(look("BTC", "0.2", held_usd="9900")), RULES),
    ],
    ids=["too young", "by the plain rule", "of unknown edge", "stale", "stale and against it", "just worth staying"],
)
def test_an_open_pair_that_may_not_be_left_is_not(held: Look, rules: Rules) -> None:
    assert told(share([held, look("ETH", "5")], "0", rules))["BTC"][0] is Action.HOLD


def test_growth_competes_with_entries() -> None:
    looks = [look("BTC", "0.3", held_usd="4950"), look("ETH", "0.9")]
    shared = share(looks, "20000")
    assert (shared["BTC"].action, shared["BTC"].target_usd, shared["ETH"].target_usd) == (Action.RESIZE, D(9_900), D(9_900))
    assert told(share(looks, "3640"))["BTC"] == (Action.HOLD, "NO_ROOM_BESIDE_BETTER_PAIRS")


def test_exits_and_reductions_are_shared_out_to_nobody() -> None:
    leaving = look("BTC", "0.3", held_usd="9900", exit_order="CLOSE_ONLY")
    small = Sized(target_usd=D(100), bound="SURVIVAL PARADEX", ceiling_usd=D(100), ceiling="SURVIVAL PARADEX")
    shrinking = look("ETH", "0.3", held_usd="9900", sized=small)
    shared = share([leaving, shrinking, look("SOL", "0.3")], "0")
    assert told(shared)["BTC"] == (Action.EXIT, "CLOSE_ONLY")
    assert (shared["ETH"].action, shared["ETH"].target_usd) == (Action.RESIZE, D(100))


@given(free=st.decimals(0, 20_000, places=0), aprs=st.lists(st.decimals(D("0.05"), 1, places=2), min_size=4, max_size=4))
def test_what_is_let_in_never_takes_more_than_there_is(free: Decimal, aprs: list[Decimal]) -> None:
    looks = [look(asset, str(apr)) for asset, apr in zip(("BTC", "ETH", "SOL", "HYPE"), aprs, strict=True)]
    shared = share(looks, str(free))
    rate = taken_per_usd(markets(), LIMITS, MOVE)[f"MARGIN {HL}"]
    assert sum((signal.target_usd or D(0) for signal in shared.values()), D(0)) * rate <= free


# What is remembered between evaluations.


def test_the_mean_basis_is_of_the_window_and_unknown_within_the_first_hour() -> None:
    clock = FundingClock(60.0)
    history = BasisHistory(clock, window_hours=2)
    step = clock.hour_ns // SAMPLES_PER_HOUR
    for index in range(SAMPLES_PER_HOUR):
        history.observe(index * step, D("0.002"))
        history.observe(index * step + 1, D(9))  # too soon after the last one
        assert history.mean(index * step) is None
    history.observe(clock.hour_ns, D("0.002"))
    assert history.mean(clock.hour_ns) == D("0.002")
    for index in range(1, 2 * SAMPLES_PER_HOUR + 2):
        history.observe(clock.hour_ns + index * step, D("-0.001"))
    assert history.mean(clock.wall_ns(3) + step) == D("-0.001"), "what is older than the window is forgotten"


def test_a_pair_keeps_its_age_over_orders_repairs_and_restarts_and_loses_it_when_flat() -> None:
    papers = Journal().documents("pair_ages")
    ages = PairAges(papers)
    states = [PairState.BUSY, PairState.OPEN, PairState.BUSY, PairState.BROKEN, PairState.OPEN]
    assert [ages.opened_ns("BTC", state, now) for now, state in enumerate(states)] == [None, 1, 1, 1, 1]
    later = PairAges(papers)
    assert later.opened_ns("BTC", PairState.BUSY, 9) == 1
    assert later.opened_ns("BTC", PairState.OPEN, 10) == 1
    assert later.opened_ns("BTC", PairState.FLAT, 11) is None
    assert PairAges(papers).opened_ns("BTC", PairState.OPEN, 12) == 12
    assert later.opened_ns("ETH", PairState.OPEN, 13) == 13
