"""The strategy's decisions on a running engine: the economic gate, trading states, commands, and what waits for a venue."""

from decimal import Decimal

from arbitrage_scene import HYPERLIQUID, PARADEX, START_NS, Scene

from messages import (
    Action,
    Command,
    Intent,
    OperatorCommand,
    StateRequest,
    TradingState,
    VenueState,
    VenueStatus,
    topics,
)
from risk.limits import Limits
from strategies.execution import ExecutionMode, ExecutionTerms
from strategies.signals import SignalMode

D = Decimal
WIDE, REST, AGAINST = "0.0004", "0.0000125", "-0.0004"  # per hour: 350 %, 10.95 % and -350 % a year
PDX = {PARADEX: lambda _second: "0.0001"}
ECONOMIC = {
    "mode": SignalMode.ECONOMIC,
    "persistence_hours": D("0.1"),
    "min_hold_hours": D("0.5"),
    "horizon_hours": 24,
    "cooldown_secs": 3.0,
}


def scene(rate_until: dict[int, str], secs: int = 180, **settings: object) -> Scene:
    """A minute is a funding hour; Hyperliquid's rate is the first whose second has not come yet."""
    found = Scene(settings=ECONOMIC | settings)
    found.feed(secs, {HYPERLIQUID: lambda now: next(rate for until, rate in rate_until.items() if now < until), **PDX})
    return found


def ask(found: Scene, state: TradingState) -> None:
    request = StateRequest(state=state, source="operator", reason="a test", until_ns=None, ts_ns=0)
    found.engine.kernel.msgbus.publish(topic=topics.STATE_REQUEST, msg=request)


def told(found: Scene) -> list[tuple[Action, str]]:
    return list(dict.fromkeys((signal.action, signal.reason) for signal in found.signals))


def test_the_economic_gate_waits_for_a_forecast_then_enters_with_an_edge_and_leaves_when_it_has_turned() -> None:
    found = scene({100: WIDE, 999: AGAINST}, secs=240)
    found.run()
    assert (Action.HOLD, "EDGE_UNKNOWN NO_FORECAST") in told(found)
    entry = next(signal for signal in found.signals if signal.action is Action.ENTER)
    assert entry.reason == "EDGE_MET"
    assert entry.ts_ns >= START_NS + 20 * 10**9, "a funding hour of both venues has to be over"
    assert entry.edge is not None
    assert entry.edge.net_usd > 0 > entry.edge.fees_usd
    assert entry.edge.horizon_hours == 24
    assert entry.target_usd == 9_900
    assert (Action.EXIT, "FUNDING_FLIPPED") in told(found)
    assert [pair.intent for pair in found.pairs][:2] == [Intent.OPEN, Intent.CLOSE]


def test_a_spread_that_would_not_pay_its_costs_is_not_entered_by_the_economic_gate() -> None:
    # 5 % a year above: met by the plain rule, and less than 2 bps within a day.
    narrow = {999: "0.0000182"}
    economic, plain = scene(narrow), scene(narrow, mode=SignalMode.THRESHOLD)
    economic.run()
    plain.run()
    assert economic.orders() == []
    assert told(economic)[-1] == (Action.HOLD, "EDGE_BELOW_MARGIN")
    assert len(plain.pairs) == 1


def test_reduce_only_blocks_entries_until_it_is_lifted() -> None:
    found = scene({999: WIDE}, mode=SignalMode.THRESHOLD)
    found.at(0.1, lambda: ask(found, TradingState.REDUCE_ONLY))
    found.at(60, lambda: ask(found, TradingState.RUNNING))
    found.run()
    assert (Action.HOLD, "REDUCE_ONLY") in told(found)
    assert [pair.ts_ns >= START_NS + 60 * 10**9 for pair in found.pairs] == [True]
    assert found.refused == [], "what is blocked is not tried"


def test_reduce_only_keeps_a_pair_that_is_open() -> None:
    found = scene({999: WIDE}, mode=SignalMode.THRESHOLD)
    found.at(40, lambda: ask(found, TradingState.REDUCE_ONLY))
    found.run()
    assert [pair.intent for pair in found.pairs] == [Intent.OPEN]


def test_close_only_closes_what_is_open_at_once_and_opens_nothing() -> None:
    found = scene({999: WIDE})
    found.at(120, lambda: ask(found, TradingState.CLOSE_ONLY))
    found.run()
    assert [pair.intent for pair in found.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert found.pairs[1].ts_ns < START_NS + 122 * 10**9
    assert (Action.EXIT, "CLOSE_ONLY") in told(found)
    assert found.strategy.is_flat


def test_halted_sends_nothing_until_an_operator_has_all_flattened() -> None:
    found = scene({40: WIDE, 999: REST}, mode=SignalMode.THRESHOLD)
    found.at(30, lambda: ask(found, TradingState.HALTED))
    flatten = OperatorCommand(command=Command.FLATTEN, source="bus", reason="a test", ts_ns=0)
    before: list[int] = []
    found.at(100, lambda: before.append(len(found.orders())))
    found.at(101, lambda: found.engine.kernel.msgbus.publish(topic=topics.OPERATOR_COMMAND, msg=flatten))
    found.run()
    assert (Action.EXIT, "SPREAD_ERODED") in told(found), "the spread has gone, and the exit waits"
    assert before == [2]
    assert [pair.intent for pair in found.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert found.strategy.is_flat


def test_an_exit_is_told_at_once_and_sent_when_both_venues_take_orders() -> None:
    found = scene({40: WIDE, 999: REST}, mode=SignalMode.THRESHOLD)

    def say(state: VenueState) -> None:
        status = VenueStatus(venue="PARADEX", channel="private", state=state, detail="", ts_ns=0)
        found.engine.kernel.msgbus.publish(topic=topics.VENUE_STATUS, msg=status)

    found.at(30, lambda: say(VenueState.DISCONNECTED))
    found.at(80, lambda: say(VenueState.OK))
    found.run()
    first_exit = next(signal.ts_ns for signal in found.signals if signal.action is Action.EXIT)
    assert first_exit < START_NS + 45 * 10**9
    assert [(pair.intent, pair.ts_ns >= START_NS + 80 * 10**9) for pair in found.pairs] == [
        (Intent.OPEN, False),
        (Intent.CLOSE, True),
    ]


def test_a_pair_is_closed_at_its_maximum_age_whatever_it_brings() -> None:
    found = scene({999: WIDE}, secs=200, max_age_hours=D(1))
    found.run()
    closes = [pair for pair in found.pairs if pair.intent is Intent.CLOSE]
    opened = next(pair for pair in found.pairs if pair.intent is Intent.OPEN)
    assert (Action.EXIT, "MAXIMUM_AGE") in told(found)
    assert 60 <= (closes[0].ts_ns - opened.ts_ns) / 1e9 < 64


def test_an_edge_is_costed_as_its_orders_would_be_sent() -> None:
    fees = {}
    for mode in (ExecutionMode.TAKER, ExecutionMode.MAKER):
        terms = ExecutionTerms(mode=mode, maker_fill_chance=D(1))
        found = scene({999: WIDE}, secs=40, execution=terms)
        found.run()
        edge = next(signal.edge for signal in reversed(found.signals) if signal.edge is not None)
        fees[mode] = round(edge.fees_usd / edge.notional_usd * 10_000, 1)
    assert fees == {ExecutionMode.TAKER: D("-18.0"), ExecutionMode.MAKER: D("-12.0")}, "Hyperliquid's leg rests"


def test_an_open_pair_grows_when_the_limits_allow_it_again_and_both_legs_stay_equal() -> None:
    found = scene({999: WIDE}, mode=SignalMode.THRESHOLD)
    found.at(0.1, lambda: found.in_force.replace(Limits(position_usd_max=D(4_000))))
    sizes: list[Decimal] = []
    found.at(40, lambda: sizes.append(found.net(PARADEX)))
    found.at(41, lambda: found.in_force.replace(Limits()))
    found.run()
    assert (Action.RESIZE, "ROOM_TO_GROW") in told(found)
    assert found.net(PARADEX) == -found.net(HYPERLIQUID)
    assert 3_800 < sizes[0] * 40 <= 4_000
    assert 9_700 < found.net(PARADEX) * 40 <= 9_900
    assert {pair.intent for pair in found.pairs} == {Intent.OPEN}


def test_a_pair_is_not_made_larger_on_degraded_terms() -> None:
    found = scene({999: WIDE}, mode=SignalMode.THRESHOLD)
    degraded = VenueStatus(venue="PARADEX", channel="fees", state=VenueState.DEGRADED, detail="", ts_ns=0)
    found.at(0.1, lambda: found.in_force.replace(Limits(position_usd_max=D(4_000))))
    found.at(40, lambda: found.engine.kernel.msgbus.publish(topic=topics.VENUE_STATUS, msg=degraded))
    found.at(41, lambda: found.in_force.replace(Limits()))
    found.run()
    assert len(found.pairs) == 1
    assert "VENUE_BLOCKED" not in {refused.reason for refused in found.refused}, "what is known to be refused is not tried"
    assert told(found)[-1] == (Action.HOLD, "SPREAD_HELD")
