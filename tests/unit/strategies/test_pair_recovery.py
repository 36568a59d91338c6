"""What a process that starts makes of what another one left in the journal."""

from decimal import Decimal

import msgspec
import pytest
from test_pair_executor import FakePort, plan

from messages import Alert, Intent, LegState, Outcome, PairResult
from strategies.journal import Journal, JournalError
from strategies.pair_executor import PairExecutor
from strategies.pair_orders import Canceled, Filled
from strategies.pair_plan import Mode, Policy
from strategies.pair_recovery import OrderAnswer

D = Decimal
SEC = 1_000_000_000
IDS = ("HYPE-USD-PERP.HYPERLIQUID", "HYPE-USD-PERP.PARADEX")


class Life:
    """One process after another on the same journal."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.begin()

    def begin(self) -> None:
        self.journal._noted.clear()
        self.port = FakePort()
        self.port.now = 1_000 * SEC
        self.executor = self.port.executor = PairExecutor(self.port, Policy(max_slippage_bps=D(10)), self.journal)

    def die_and_come_back(self, *, positions: tuple[str, str]) -> None:
        self.begin()
        self.port.positions = dict(zip(IDS, map(D, positions), strict=True))
        (self.machine,) = self.executor.recover()

    def wait(self, secs: float) -> None:
        for _ in range(round(secs * 2)):
            self.port.now += SEC // 2
            self.executor.tick()

    def answer(self, key: str, filled: str | None, *, is_open: bool = False) -> None:
        """Answer the last question about an order; None: the venue does not know it."""
        question = next(number for asked, number in reversed(self.port.queries) if asked == key)
        answer = OrderAnswer(
            client_order_id=key,
            is_known=filled is not None,
            is_open=is_open,
            filled=D(filled or 0),
            question=question,
        )
        self.executor.answer(answer)

    def results(self) -> list[PairResult]:
        return [message for message in self.port.published if isinstance(message, PairResult)]

    def alerts(self) -> list[str]:
        return [message.name for message in self.port.published if isinstance(message, Alert)]


@pytest.fixture
def life() -> Life:
    return Life()


def test_orders_without_an_end_are_in_doubt_and_asked_about_and_nothing_is_sent(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "-10"))
    assert life.executor.is_busy("HYPE")
    assert {order.state for order in life.machine.orders.values()} == {LegState.IN_DOUBT}
    assert life.alerts() == ["PairRestored"]
    life.wait(1)
    assert {key for key, _ in life.port.queries} == {"HYPE-O1-t-A1", "HYPE-O1-t-B1"}
    assert life.port.sent == []


def test_a_pair_that_had_filled_is_found_hedged_once_the_positions_are_steady(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "-10"))
    life.wait(1)
    life.answer("HYPE-O1-t-A1", "10")
    life.answer("HYPE-O1-t-B1", "10")
    life.wait(3)
    ((_, done),) = life.port.ended
    assert done.outcome is Outcome.HEDGED
    assert life.port.sent == []
    (result,) = life.results()
    assert not result.is_clean, "a canary does not count it"
    life.begin()
    assert life.executor.recover() == ()


def test_a_leg_that_stands_alone_is_reduced_and_the_other_never_completed(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "0"))
    life.wait(1)
    life.answer("HYPE-O1-t-A1", "10")
    life.answer("HYPE-O1-t-B1", None)
    assert life.machine.orders["HYPE-O1-t-B1"].state is LegState.IN_DOUBT, "not yet known may be not yet arrived"
    life.wait(6)
    life.answer("HYPE-O1-t-B1", None)
    life.wait(1)
    life.answer("HYPE-O1-t-B1", None)
    assert life.machine.orders["HYPE-O1-t-B1"].state is LegState.REJECTED
    life.wait(3)
    (trim,) = life.port.sent
    assert (trim.client_order_id, trim.quantity, trim.reduce_only) == ("HYPE-O1-t-A2", 10, True)
    life.port.fill(trim)
    assert [done.outcome for _, done in life.port.ended] == [Outcome.FLAT]


def test_an_order_of_this_process_is_never_asked_about_by_recovery(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "0"))
    life.wait(1)
    for key in ("HYPE-O1-t-A1", "HYPE-O1-t-B1"):
        life.answer(key, "10" if key.endswith("A1") else "0")
    life.wait(3)
    assert len(life.port.sent) == 1
    asked = len(life.port.queries)
    life.wait(10)
    assert len(life.port.queries) == asked


def test_the_venues_word_on_positions_outranks_what_was_added_up(life: Life) -> None:
    life.executor.start(plan())
    life.port.fill(life.port.sent[0])
    life.port.fill(life.port.sent[1], "10")
    assert life.results(), "it had ended"
    life.executor.start(plan("ETH"))
    life.die_and_come_back(positions=("0", "0"))
    life.port.positions = {f"ETH-USD-PERP.{venue}": D(held) for venue, held in (("HYPERLIQUID", 7), ("PARADEX", -4))}
    life.wait(1)
    for letter in "AB":
        life.answer(f"ETH-O1-t-{letter}1", "10")
    life.wait(3)
    (trim,) = life.port.sent
    assert (trim.instrument_id, trim.quantity, trim.reduce_only) == ("ETH-USD-PERP.HYPERLIQUID", 3, True)


def test_one_odd_reading_of_a_position_moves_nothing(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "-10"))
    life.wait(1)
    life.answer("HYPE-O1-t-A1", "10")
    life.answer("HYPE-O1-t-B1", "10")
    life.wait(0.5)
    life.port.positions[IDS[1]] = D(0)
    life.wait(0.5)
    life.port.positions[IDS[1]] = D(-10)
    life.wait(3)
    assert life.port.sent == []
    assert [done.outcome for _, done in life.port.ended] == [Outcome.HEDGED]


def test_while_a_venue_cannot_be_heard_nothing_is_decided(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("10", "-10"))
    del life.port.positions[IDS[1]]
    life.wait(1)
    life.answer("HYPE-O1-t-A1", "10")
    life.answer("HYPE-O1-t-B1", "0")
    life.wait(60)
    assert (life.port.sent, life.port.ended) == ([], [])


def test_an_order_found_resting_is_cancelled_and_asked_about_again(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("4", "-4"))
    life.wait(1)
    life.answer("HYPE-O1-t-A1", "4", is_open=True)
    assert life.port.canceled == [IDS[0]]
    life.answer("HYPE-O1-t-B1", "4")
    life.wait(2)
    life.answer("HYPE-O1-t-A1", "4")
    life.wait(3)
    assert [done.outcome for _, done in life.port.ended] == [Outcome.HEDGED]


def test_a_clock_that_jumps_ahead_makes_nothing_void(life: Life) -> None:
    life.executor.start(plan())
    life.die_and_come_back(positions=("0", "0"))
    life.wait(0.5)
    life.port.now += 3600 * SEC
    life.executor.tick()
    for _ in range(2):
        life.answer("HYPE-O1-t-A1", None)
    assert life.machine.orders["HYPE-O1-t-A1"].state is LegState.IN_DOUBT


def test_facts_that_were_committed_are_not_asked_about_again(life: Life) -> None:
    life.executor.start(plan())
    life.port.fill(life.port.sent[0])
    life.die_and_come_back(positions=("10", "0"))
    life.wait(1)
    assert {key for key, _ in life.port.queries} == {"HYPE-O1-t-B1"}


def test_an_id_set_aside_for_a_hedge_is_asked_about_too(life: Life) -> None:
    life.executor.start(msgspec.structs.replace(plan(), mode=Mode.MAKER, maker_leg=1))
    assert [order.client_order_id for order in life.port.sent] == ["HYPE-O1-t-B1"]
    life.port.fill(life.port.sent[0], "4")
    assert [order.client_order_id for order in life.port.sent] == ["HYPE-O1-t-B1", "HYPE-O1-t-A1"]
    life.die_and_come_back(positions=("4", "-4"))
    assert set(life.machine.orders) == {"HYPE-O1-t-B1", "HYPE-O1-t-A1", "HYPE-O1-t-A2"}


def test_a_pair_that_cannot_be_read_is_told_of_and_its_legs_are_left_to_the_repairs(life: Life) -> None:
    life.journal.intend("HYPE-O9-t", [], 1, b"{}")
    life.begin()
    assert life.executor.recover() == ()
    assert life.alerts() == ["JournalUnreadable"]
    assert life.journal.unfinished() == []


# The disk.


class FailingJournal(Journal):
    is_full = False

    def transaction(self):
        if self.is_full:
            raise JournalError("disk full")
        return super().transaction()


def test_with_a_disk_that_fails_nothing_is_opened(life: Life) -> None:
    life.journal = FailingJournal()
    life.begin()
    life.journal.is_full = True
    life.executor.start(plan())
    assert life.port.sent == []
    assert [done.outcome for _, done in life.port.ended] == [Outcome.FLAT]
    assert "JournalFailed" in life.alerts()


def test_a_close_goes_out_even_where_it_cannot_be_kept(life: Life) -> None:
    life.journal = FailingJournal()
    life.begin()
    life.journal.is_full = True
    life.executor.start(plan(intent=Intent.CLOSE))
    assert len(life.port.sent) == 2
    for order in life.port.sent:
        life.port.tell(Filled(order.client_order_id, order.client_order_id, order.quantity, D(40)))
    assert [done.outcome for _, done in life.port.ended] == [Outcome.FLAT]


def test_an_intent_that_was_committed_before_is_not_sent_again(life: Life) -> None:
    life.executor.start(plan())
    life.begin()
    life.executor.start(plan())  # as if the clock had gone back and the same name come up again
    assert life.port.sent == []
    assert "DuplicateIntent" in life.alerts()
    assert life.port.states("A1")[-1] is LegState.REJECTED


def test_a_halted_pair_is_an_alert_and_a_result(life: Life) -> None:
    life.executor.start(plan())
    first, second = life.port.sent
    life.port.fill(first)
    life.port.tell(Canceled(second.client_order_id))
    while not life.port.ended:
        last = life.port.sent[-1]
        life.port.tell(Canceled(last.client_order_id))
        life.wait(10)
    (result,) = life.results()
    assert (result.outcome, result.unhedged_quantity, result.is_clean) == (Outcome.HALTED, 10, False)
    assert result.naked_usd_secs > 400
    assert "PairHalted" in life.alerts()
