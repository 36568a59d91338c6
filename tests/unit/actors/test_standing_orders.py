"""Breakers, canary and operator: what they ask is in force at once, on the disk before, and again after a kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.events import OrderRejected
from nautilus_trader.model.identifiers import AccountId
from scripted_scene import HL, Scene, Scripted

from actors.breakers import Breakers
from actors.canary import Canary
from actors.operator import OperatorDesk
from messages import Command, Intent, OperatorCommand, Outcome, PairResult, Severity, TradingState, topics
from risk.canary import CanaryTerms
from risk.in_force import LimitsInForce
from risk.limits import Limits
from strategies.journal import Journal

VENUES = ("HYPERLIQUID", "PARADEX")
ROOT = Path(__file__).parents[3]
FILLED, DENIED = OrderStatus.FILLED, OrderStatus.DENIED


def standing(journal: Journal) -> Callable[[LimitsInForce], list[Any]]:
    """Return what builds the actors of one run on a journal."""
    return lambda limits: [
        OperatorDesk(journal.documents("operator")),
        Breakers(limits, journal.documents("breakers"), VENUES),
        Canary(limits, journal.documents("canary")),
    ]


def command(what: Command, ts_ns: int = 5) -> OperatorCommand:
    return OperatorCommand(command=what, source="bus", reason="test", ts_ns=ts_ns)


def result(outcome: Outcome, intent: Intent = Intent.OPEN) -> PairResult:
    return PairResult(
        pair_id="HYPE-O1-x",
        asset="HYPE",
        intent=intent,
        outcome=outcome,
        is_clean=outcome is not Outcome.HALTED,
        unhedged_quantity=Decimal(0),
        naked_usd_secs=Decimal(0),
        reason="test",
        ts_ns=5,
    )


class Run:
    """One run of a node on a journal."""

    def __init__(self, journal: Journal, limits: Limits | None = None) -> None:
        self.strategy = Scripted()
        self.scene = Scene(self.strategy, limits, others=standing(journal))

    def publish(self, topic: str, message: Any) -> None:
        self.scene.engine.kernel.msgbus.publish(topic=topic, msg=message)

    def buy(self, quantity: str = "1") -> Any:
        return self.strategy.market(OrderSide.BUY, quantity)

    def lose(self, usd: int) -> None:
        self.strategy.equity_usd -= Decimal(usd) / len(VENUES)

    @property
    def states(self) -> list[tuple[TradingState, str]]:
        found: list[tuple[TradingState, str]] = []
        for change in self.scene.states:
            if found[-1:] != [(change.state, change.source)]:
                found.append((change.state, change.source))
        return found


RUNNING = (TradingState.RUNNING, "nobody")


def test_a_daily_loss_halts_and_a_person_resumes() -> None:
    run = Run(Journal())
    orders = run.scene.run(
        (2, run.buy),
        (3, lambda: run.strategy.market(OrderSide.SELL, "1")),
        (4, lambda: run.lose(501)),
        (7, run.buy),
        (8, lambda: run.publish(topics.OPERATOR_COMMAND, command(Command.RESUME))),
        (12, run.buy),
    )
    assert [order.status for order in orders] == [FILLED, FILLED, DENIED, FILLED]
    assert orders[2].last_event.reason.startswith("HALTED")
    assert run.states == [RUNNING, (TradingState.HALTED, "daily_loss"), RUNNING]
    alerts = {(alert.name, alert.severity) for alert in run.scene.alerts}
    assert {("DailyLossLimit", Severity.CRITICAL), ("TradingHalted", Severity.CRITICAL)} <= alerts


def test_a_loss_that_halts_with_a_naked_leg_waits_until_it_is_closed() -> None:
    run = Run(Journal())
    orders = run.scene.run(
        (2, lambda: run.buy("10")),
        (4, lambda: run.lose(501)),
        (7, run.buy),
        (8, lambda: run.strategy.market(OrderSide.SELL, "10")),  # no flatten command needed: a naked leg has to be closable
        (9, run.buy),
    )
    assert [order.status for order in orders] == [FILLED, DENIED, FILLED, DENIED]
    assert [order.last_event.reason.split(":")[0] for order in orders if order.status == DENIED] == ["STATE_CLOSE_ONLY", "HALTED"]
    assert run.states == [RUNNING, (TradingState.CLOSE_ONLY, "daily_loss"), (TradingState.HALTED, "daily_loss")]


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {here!r}]
from test_standing_orders import Run
from strategies.journal import Journal
run = Run(Journal({path!r}))
run.scene.run((4, lambda: run.lose(501)), (7, lambda: os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_killed_after_a_daily_loss_the_next_run_is_halted_from_its_first_order_on(tmp_path: Path) -> None:
    path = str(tmp_path / "node.journal")
    program = KILLED.format(root=str(ROOT), here=str(Path(__file__).parent), path=path)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120, check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    again = Run(Journal(path))
    assert again.states == [(TradingState.HALTED, "daily_loss")]  # before anything was started
    first, second = again.scene.run((0.1, again.buy), (15, again.buy))
    assert first.last_event.reason.startswith("HALTED")
    assert second.last_event.reason.startswith("HALTED")
    assert again.scene.engine.cache.positions() == []


def test_rejects_in_a_row_block_entries_for_the_cool_down() -> None:
    run = Run(Journal(), Limits(consecutive_rejects_max=3, breaker_cooldown_secs=4.0))

    def reject() -> None:
        strategy = run.strategy
        for _ in range(3):
            event = OrderRejected(
                strategy.trader_id,
                strategy.id,
                HL,
                strategy.order_factory.generate_client_order_id(),
                AccountId("HYPERLIQUID-1"),
                "no",
                UUID4(),
                0,
                0,
            )
            run.publish(f"events.order.{strategy.id}", event)

    orders = run.scene.run((2, reject), (3, run.buy), (8, run.buy))
    assert [order.status for order in orders] == [DENIED, FILLED]
    assert run.states == [RUNNING, (TradingState.REDUCE_ONLY, "rejects"), RUNNING]
    assert "OrderRejectsHigh" in {alert.name for alert in run.scene.alerts}


def test_legs_left_alone_block_entries_and_start_the_canary_over() -> None:
    canary = CanaryTerms(enabled=True, start_usd=Decimal(100), growth_factor=Decimal(10), clean_cycles=1)
    run = Run(Journal(), Limits(canary=canary))

    def cycle() -> None:
        run.publish(topics.PAIR_RESULT, result(Outcome.HEDGED))
        run.publish(topics.PAIR_RESULT, result(Outcome.FLAT, Intent.CLOSE))

    def strand() -> None:
        run.publish(topics.PAIR_RESULT, result(Outcome.HALTED))

    orders = run.scene.run(
        (2, lambda: run.buy("3")),  # 120 USD
        (3, cycle),
        (4, lambda: run.buy("3")),
        (5, strand),
        (6, run.buy),  # beside the 120 held
        (7, strand),
        (8, run.buy),
    )
    reasons = [None if order.status == FILLED else order.last_event.reason.split(":")[0] for order in orders]
    assert reasons == ["POSITION_LIMIT", None, "POSITION_LIMIT", "STATE_REDUCE_ONLY"]
    assert [change.changes for change in run.scene.changes] == [
        ("position_usd_max: 100 -> 1000",),
        ("position_usd_max: 1000 -> 100",),
    ]
    assert run.states[-1] == (TradingState.REDUCE_ONLY, "stranded")
    assert {"CanaryStartedOver", "LegsStranded"} <= {alert.name for alert in run.scene.alerts}


def test_a_canarys_progress_survives() -> None:
    canary = CanaryTerms(enabled=True, start_usd=Decimal(100), growth_factor=Decimal(10), clean_cycles=1)
    journal = Journal()
    first = Run(journal, Limits(canary=canary))
    assert first.scene.limits.current.position_usd_max == 100
    first.publish(topics.PAIR_RESULT, result(Outcome.HEDGED))
    first.publish(topics.PAIR_RESULT, result(Outcome.FLAT, Intent.CLOSE))
    again = Run(journal, Limits(canary=canary))
    assert again.scene.limits.current.position_usd_max == 1_000
    assert again.scene.limits.configured.position_usd_max == 10_000


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        ([Command.PAUSE], TradingState.REDUCE_ONLY),
        ([Command.FLATTEN], TradingState.CLOSE_ONLY),
        ([Command.HALT], TradingState.HALTED),
        ([Command.HALT, Command.PAUSE, Command.FLATTEN], TradingState.HALTED),  # nothing but RESUME loosens
        ([Command.HALT, Command.RESUME], TradingState.RUNNING),
        ([Command.PAUSE, Command.RESUME, Command.FLATTEN], TradingState.CLOSE_ONLY),
    ],
)
def test_what_an_operator_asked_stands_in_the_next_run(commands: list[Command], state: TradingState) -> None:
    journal = Journal()
    first = Run(journal)
    for number, what in enumerate(commands):
        first.publish(topics.OPERATOR_COMMAND, command(what, number))
    assert first.scene.gate.in_force.state is state
    assert Run(journal).scene.gate.in_force.state is state


def test_an_unfinished_flatten_is_given_again_under_its_own_tag() -> None:
    journal = Journal()
    first = Run(journal)
    first.publish(topics.OPERATOR_COMMAND, command(Command.FLATTEN, 77))
    again, heard = Run(journal), list[OperatorCommand]()
    again.scene.engine.kernel.msgbus.subscribe(topic=topics.OPERATOR_COMMAND, handler=heard.append)
    again.scene.run()
    assert [(one.command, one.ts_ns) for one in heard] == [(Command.FLATTEN, 77)]


@pytest.mark.parametrize("namespace", ["breakers", "operator"])
def test_papers_that_cannot_be_read_halt_until_a_person_resumes(namespace: str) -> None:
    journal = Journal()
    journal.documents(namespace).put({"breakers": "memory", "operator": "standing"}[namespace], b"{")
    run = Run(journal)
    assert run.scene.gate.in_force.state is TradingState.HALTED
    run.publish(topics.OPERATOR_COMMAND, command(Command.RESUME))
    assert run.scene.gate.in_force.state is TradingState.RUNNING
    assert Run(journal).scene.gate.in_force.state is TradingState.RUNNING


def test_what_opens_is_on_the_disk_before_it_is_asked() -> None:
    order: list[str] = []

    class Documents:
        def put(self, key: str, value: bytes) -> None:
            order.append("kept")
            assert msgspec.json.decode(value)["stranded"] == 1

        def get(self, key: str) -> bytes | None:
            return None

    strategy = Scripted()
    limits = Limits(consecutive_stranded_max=1)
    scene = Scene(strategy, limits, others=lambda in_force: [Breakers(in_force, Documents(), VENUES)])
    bus = scene.engine.kernel.msgbus
    bus.subscribe(topic=topics.STATE_REQUEST, handler=lambda _request: order.append("asked"))
    bus.publish(topic=topics.PAIR_RESULT, msg=result(Outcome.HALTED))
    assert order == ["kept", "asked"]


def test_a_disk_that_fails_neither_loses_a_halt_nor_stays_unsaid() -> None:
    class FullDisk:
        def put(self, key: str, value: bytes) -> None:
            raise RuntimeError("the disk is full")

        def get(self, key: str) -> bytes | None:
            return None

    heard: list[object] = []
    limits = Limits(consecutive_stranded_max=1)
    scene = Scene(Scripted(), limits, others=lambda in_force: [Breakers(in_force, FullDisk(), VENUES)])
    bus = scene.engine.kernel.msgbus
    for topic in (topics.STATE_REQUEST, topics.ALERT):
        bus.subscribe(topic=topic, handler=heard.append)
    bus.publish(topic=topics.PAIR_RESULT, msg=result(Outcome.HALTED))
    assert [type(message).__name__ for message in heard].count("StateRequest") == 1
    assert "JournalFailed" in [getattr(message, "name", "") for message in heard]
