"""Real defects of other public systems, pinned one by one: none of them may come to live here."""

import ast
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
import pytest
from arbitrage_scene import HYPERLIQUID, PARADEX, Scene

from messages import Action, Edge, FundingClock, Intent, Side
from risk.breakers import Memory, on_equity
from risk.checks import Approved, evaluate
from risk.limits import Limits
from risk.state import MarketView, OrderIntent, PositionView, Snapshot, TradeIntent, VenueAccount
from strategies.desk import AssetDesk
from strategies.funding import Direction, FundingRate, best_direction
from strategies.funding_history import FundingHistory
from strategies.holdings import classify
from strategies.signals import AssetView, PairState, Rules, SignalMode, VenueView, decide, entry_value_usd
from strategies.sizing import Sized
from strategies.witness import Witness

D = Decimal
HL, PDX = "HYPERLIQUID", "PARADEX"
ROOT = Path(__file__).parents[3]
WIDE, REST = "0.0001", "0.0000125"  # per hour: 87.6 % and 10.95 % a year
EIGHT_HOURLY = {PARADEX: lambda _second: "0.0001"}  # 10.95 % a year


def rules(mode: SignalMode) -> Rules:
    return Rules(
        mode=mode,
        min_spread_apr=D("0.04"),
        min_absorbable_usd=D(10_000),
        data_age_secs_max=30.0,
        funding_age_secs_max=120.0,
        apr_sane_max=D(60),
    )


both_modes = pytest.mark.parametrize("rules", [rules(SignalMode.THRESHOLD), rules(SignalMode.ECONOMIC)], ids=list(SignalMode))


def edge(funding_usd: str, notional_usd: str = "10000", cost_usd: str = "-20") -> Edge:
    nothing = D(0)
    return Edge(
        notional_usd=D(notional_usd),
        horizon_hours=D(168),
        funding_usd=D(funding_usd),
        fees_usd=D(cost_usd),
        slippage_usd=nothing,
        impact_usd=nothing,
        basis_usd=nothing,
        gas_usd=nothing,
        funding_error_usd=nothing,
        break_even_hours=None,
    )


def seen(hyperliquid: FundingRate, paradex: FundingRate, *, held: Direction | None = None, funding_usd: str = "90") -> AssetView:
    views = {
        venue: VenueView(
            funding=rate,
            funding_age_secs=1.0,
            market_age_secs=1.0,
            is_market_sane=True,
            absorbable_usd=D(50_000),
            blocked=None,
        )
        for venue, rate in ((HL, hyperliquid), (PDX, paradex))
    }
    return AssetView(
        asset="BTC",
        venues=views,
        state=PairState.FLAT if held is None else PairState.OPEN,
        held=held,
        now_ns=0,
        held_usd=D(0) if held is None else D(9_900),
        age_hours=D(100),
        sized=Sized(target_usd=D(9_900), bound="PAIR_NOTIONAL", ceiling_usd=D("Infinity"), ceiling="NOTHING"),
        edge=edge(funding_usd),
    )


def hourly(rate: str) -> FundingRate:
    return FundingRate(D(rate), D(1))


@both_modes
def test_01_equal_rates_are_no_opportunity_and_no_crash(rules: Rules) -> None:
    # The best pair was None and was unpacked all the same.
    assert best_direction({HL: D("0.1095"), PDX: D("0.1095")}) is None
    signal = decide(seen(hourly(REST), FundingRate(D("0.0001"), D(8))), rules)
    assert (signal.action, signal.reason, signal.long_venue) == (Action.HOLD, "RATES_EQUAL", "")


def test_02_a_stopped_pair_can_be_entered_again() -> None:
    # The list of active pairs never lost an entry.
    scene = Scene(settings={"cooldown_secs": 3.0})
    scene.feed(120, {HYPERLIQUID: lambda second: REST if 40 <= second < 60 else WIDE, **EIGHT_HOURLY})
    scene.run()
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE, Intent.OPEN]


def test_03_what_stops_a_pair_is_sent_once() -> None:
    # Stop actions were sent again on every tick.
    scene = Scene(settings={"cooldown_secs": 0.0})
    scene.feed(90, {HYPERLIQUID: lambda second: WIDE if second < 40 else REST, **EIGHT_HOURLY})
    scene.run()
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert len(scene.orders()) == 4


def test_04_quotes_of_one_hour_eight_and_twenty_four_are_one_rate() -> None:
    # Raw rates of different periods were subtracted; years of 3 x 365 payments were given to hourly ones.
    quotes = [FundingRate(D("0.0000125") * hours, D(hours)) for hours in (1, 8, 24)]
    assert {quote.apr for quote in quotes} == {D("0.1095")}
    for first in quotes:
        for second in quotes:
            assert decide(seen(first, second), rules(SignalMode.THRESHOLD)).reason == "RATES_EQUAL"


def test_05_dollars_are_compared_with_dollars() -> None:
    # An edge in USD was held against a minimum in fractions, so that size made it good.
    economic = rules(SignalMode.ECONOMIC)
    for funding_usd, is_worth_it in (("21", False), ("23", True)):
        values = [
            entry_value_usd(edge(str(D(funding_usd) * size), str(10_000 * size), str(-20 * size)), economic) / size
            for size in (D("0.01"), D(1), D(1_000))
        ]
        assert len(set(values)) == 1
        assert (values[0] > 0) == is_worth_it


SIGNS = [("0.0001", "0.00001"), ("0.00001", "-0.0001"), ("-0.00001", "-0.0001"), ("0.0001", "-0.0001"), ("0", "-0.00005")]


@both_modes
@pytest.mark.parametrize(("higher", "lower"), SIGNS)
def test_06_the_long_leg_is_where_the_rate_is_lower(higher: str, lower: str, rules: Rules) -> None:
    # The engine went long where funding was higher; its scanner printed the opposite.
    signal = decide(seen(hourly(higher), hourly(lower)), rules)
    assert (signal.action, signal.long_venue, signal.short_venue) == (Action.ENTER, PDX, HL)
    assert signal.spread_apr == (D(higher) - D(lower)) * 8_760


@both_modes
def test_07_a_flip_of_the_spread_exits(rules: Rules) -> None:
    # The exit looked at the absolute edge, which a flip leaves as wide as it was.
    held = Direction(long_venue=PDX, short_venue=HL)
    assert decide(seen(hourly(WIDE), hourly(REST), held=held), rules).action is Action.HOLD
    assert decide(seen(hourly(REST), hourly(WIDE), held=held, funding_usd="-90"), rules).action is Action.EXIT


def test_08_a_profit_trips_no_stop() -> None:
    # The absolute value of a leg's profit was compared with its stop-loss.
    limits, memory = Limits(), Memory()
    for report, equity_usd in enumerate((40_000, 44_000, 60_000, 60_000, 60_000, 60_000)):
        memory = on_equity(memory, D(equity_usd), limits, report * 10**9)
    assert memory.tripped == {}
    for report in range(10, 20):
        memory = on_equity(memory, D(39_000), limits, report * 10**9)
    assert memory.tripped, "while a loss of the same kind does trip"


def test_09_negative_free_margin_blocks_no_close() -> None:
    # A close was refused for want of the margin it would have freed.
    market = MarketView(
        instrument_id="BTC-USD-PERP.PARADEX",
        asset="BTC",
        venue=PDX,
        bid_usd=D(99),
        ask_usd=D(101),
        ts_ns=0,
        margin_rate=D("0.1"),
        taker_fee_rate=D("0.00045"),
    )
    account = VenueAccount(venue=PDX, equity_usd=D(-50), free_collateral_usd=D(-900), ts_ns=0)
    snapshot = Snapshot(
        accounts={PDX: account},
        positions={market.instrument_id: PositionView(instrument_id=market.instrument_id, quantity=D(10))},
        markets={market.instrument_id: market},
        blocked={},
        now_ns=0,
    )
    close = OrderIntent(
        instrument_id=market.instrument_id, venue=PDX, side=Side.SELL, quantity=D(10), price_usd=D(98), reduce_only=True
    )
    opening = msgspec.structs.replace(close, side=Side.BUY, reduce_only=False)
    assert isinstance(evaluate(snapshot, TradeIntent(scope="BTC", orders=(close,)), Limits()), Approved)
    assert not isinstance(evaluate(snapshot, TradeIntent(scope="BTC", orders=(opening,)), Limits()), Approved)


@pytest.mark.parametrize(("first", "second"), [("10", "-7"), ("10", "10"), ("-10", "4"), ("10", "0")])
def test_10_legs_of_unequal_size_are_no_hedge(first: str, second: str) -> None:
    # Both symbols being there counted as hedged.
    holding = classify({HL: D(first), PDX: D(second)}, {HL: D("0.1"), PDX: D("0.1")})
    assert (holding.state, holding.held) == (PairState.BROKEN, None)


def test_11_filled_is_what_the_account_holds_and_not_what_a_reply_says() -> None:
    # A reply that said "filled" was taken for a position.
    witness = Witness()
    asked = [witness.differs(D(10), D(0), report, is_busy=False) for report in range(1, 7)]
    assert asked[0] is False
    assert any(asked), "books that hold what the account does not show are questioned"
    scene = Scene()
    scene.feed(40, {HYPERLIQUID: lambda _second: WIDE, **EIGHT_HOURLY})
    scene.run()
    assert all(order.is_closed for order in scene.orders())
    held = {venue.value: scene.net(venue) for venue in (HYPERLIQUID, PARADEX)}
    assert scene.strategy.open_pairs() == {"HYPE": held}, "the state is read from positions, never from orders"


def test_12_one_reading_of_zero_is_not_flat() -> None:
    # A single zero closed, re-opened or killed what was there.
    dust = {HL: D("0.1"), PDX: D("0.1")}
    pair, nothing = classify({HL: D(10), PDX: D(-10)}, dust), classify({HL: D(0), PDX: D(0)}, dust)
    half = classify({HL: D(10), PDX: D(0)}, dust)
    desk = AssetDesk("BTC", (HL, PDX), confirmations=2, pause_ns=0)
    states = []
    for reading in (pair, pair, nothing, pair, half, pair, nothing, nothing):
        desk.observe(reading)
        states.append(desk.state)
    assert states == [PairState.BUSY, *[PairState.OPEN] * 6, PairState.FLAT]


def test_an_absurd_rate_enters_no_history() -> None:
    # Rates like 1.79e11 have been published: they are refused, and leave no trace in what is forecast.
    scene = Scene()
    scene.feed(30, {HYPERLIQUID: lambda second: "179000000000" if second == 10 else WIDE, **EIGHT_HOURLY})
    scene.run()
    known: FundingHistory = scene.strategy._reader.history("HYPE")
    assert known.nowcast(HL) == D("0.876")
    assert all(abs(apr) < 60 for hour in range(-1, 1) if (apr := known._venues[HL].apr(_hour(hour))) is not None)


def _hour(back: int) -> int:
    return 1_750_000_000 * 10**9 // FundingClock(60.0).hour_ns + back


# 13 and 14: what is advertised is wired.

PACKAGES = ("messages", "adapters", "strategies", "risk", "actors", "config", "operations", "backtests")
# Tools that people run by hand before there is an account to trade with.
FOR_PEOPLE = {"adapters.hyperliquid.onboarding", "adapters.paradex.onboarding"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def metrics_of(module: ast.Module) -> set[str]:
    """Return the attributes that are assigned a metric: `self.name = gauge(...)`, by whatever constructor."""
    makers = {"gauge", "counter", "histogram", "Gauge", "Counter", "Histogram", "Info", "Summary"}
    return {
        target.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id in makers
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


def test_13_every_metric_that_is_exported_is_used_by_what_sets_it() -> None:
    # Gauges were exported that only a test's own module ever set. Whether each is set in a run, the demo's test scrapes.
    modules = [tree(path) for path in (ROOT / "actors").glob("*.py")]
    exported = set().union(*(metrics_of(module) for module in modules))
    read = {
        node.attr
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert len(exported) > 15
    assert exported - read == set()


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def reached_from(names: set[str], known: dict[str, Path]) -> set[str]:
    reached: set[str] = set()
    waiting = names & set(known)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        parents = {name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)}
        waiting |= ((imported_by(known[name]) | parents) & set(known)) - reached
    return reached


def test_14_every_module_is_reached_from_what_people_run() -> None:
    # The fee-aware gate and the two-leg safety of a public bot were imported by nothing.
    known = modules()
    mains = {name for name in known if name.endswith("__main__")}
    reached = reached_from(imported_by(ROOT / "run.py") | mains, known)
    assert {"strategies.costs", "strategies.allocator", "risk.breakers", "actors.metrics"} <= reached
    unreached = {name for name in set(known) - reached if "." in name}
    assert unreached - FOR_PEOPLE == set()
