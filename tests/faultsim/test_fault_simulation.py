"""The pair executor through thousands of lives in which everything goes wrong, and proof that a fault would show."""

import subprocess
import sys
from pathlib import Path

import pytest

from strategies.journal import Journal
from strategies.pair import PairMachine
from strategies.pair_book import PairBook
from strategies.pair_commit import Commitments
from strategies.pair_executor import PairExecutor
from strategies.pair_making import Making
from strategies.pair_orders import Doubt, Rejected
from strategies.pair_recovery import Recovery
from tests.faultsim.episode import Episode, Violation, run_episode
from tests.faultsim.lives import run_all, table

ROOT = Path(__file__).parents[2]
EPISODES = 20_000
HARDEST_USD_SECS = 120_000  # two minutes of the largest leg: a venue that nobody trades on for a minute, and a crash


@pytest.mark.timeout(900)
def test_twenty_thousand_lives_break_no_rule(capsys: pytest.CaptureFixture[str]) -> None:
    reports = run_all(range(EPISODES))
    with capsys.disabled():
        print(f"\n{table(reports, 0)}")
    assert len(reports) == EPISODES
    assert {"FLAT", "HEDGED"} <= {report.ended for report in reports} <= {"FLAT", "HEDGED", "HALTED"}
    assert max(report.naked_usd_secs for report in reports) < HARDEST_USD_SECS
    naked = sorted(report.naked_usd_secs for report in reports)
    assert naked[EPISODES // 2] < 300, "half of all lives leave a leg alone for less than half a second"
    assert sum(report.crashes for report in reports) > EPISODES / 5


@pytest.mark.parametrize("seed", range(40))
def test_a_crash_right_after_any_commit_of_a_calm_life_is_recovered_from(seed: int) -> None:
    commits = run_episode(seed, is_calm=True).commits
    for number in range(1, commits + 1):
        report = run_episode(seed, is_calm=True, crash_after=number)
        assert report.crashes == 1
        assert report.ended in ("FLAT", "HEDGED"), (seed, number)


def test_a_life_replays_byte_for_byte_in_this_process_and_in_another() -> None:
    seed = 17
    first, second = run_episode(seed), run_episode(seed)
    assert first == second
    call = [sys.executable, "-m", "tests.faultsim.lives", "--show", "--seeds", str(seed)]
    shown = subprocess.run(call, cwd=ROOT, env={"PYTHONHASHSEED": "4711"}, capture_output=True, text=True, check=True)
    assert shown.stdout.strip().splitlines()[-1] == first.digest
    assert run_episode(seed + 1).digest != first.digest


def test_a_broken_rule_names_its_seed_and_the_same_seed_breaks_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    send_again_on_doubt(monkeypatch)
    words = first_violation(300)
    seed = int(words.split(":")[0].removeprefix("seed "))
    with pytest.raises(Violation) as again:
        run_episode(seed)
    assert str(again.value) == words


def first_violation(episodes: int) -> str:
    for seed in range(episodes):
        try:
            run_episode(seed)
        except Violation as e:
            return str(e)
    return ""


# Faults put into the product on purpose: the simulation has to notice each of them.


def send_again_on_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take silence for a refusal, and let the leg be completed."""
    perform = PairExecutor._perform

    def impatient(self, machine, action):
        perform(self, machine, action)
        if isinstance(action, Doubt):
            self._inbox.append((machine, Rejected(action.client_order_id, "")))
            for order in machine.orders.values():
                order.reason = order.reason or "UNKNOWN"

    monkeypatch.setattr(PairExecutor, "_perform", impatient)
    monkeypatch.setattr(PairBook, "was_refused", lambda self, leg: False)


def skip_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Commitments, "commit", lambda self, pair_id, submit: {})


def forget_what_was_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send hedges under ids that were never set aside."""
    monkeypatch.setattr(Commitments, "reserve", lambda self, pair_id, submit: None)
    intend = Journal.intend

    def only_orders(self, pair_id, intents, *rest):
        intend(self, pair_id, [(key, value) for key, value in intents if b'"is_reserved":true' not in value], *rest)

    monkeypatch.setattr(Journal, "intend", only_orders)


def use_ids_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count ids from the start again, and take away the index that would refuse the same one twice."""
    monkeypatch.setattr("strategies.pair_book._number", lambda key: 0)
    intend = Journal.intend

    def tolerant(self, *arguments):
        self.read("DROP INDEX IF EXISTS one_intent", ())
        intend(self, *arguments)

    monkeypatch.setattr(Journal, "intend", tolerant)


def hedge_what_has_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hedge the whole resting order as soon as anything of it has filled."""
    lag = Making._lag

    def eager(self):
        behind, resting = lag(self), self._order(self._maker)
        return behind if behind <= 0 or resting is None else behind + resting.request.quantity - resting.filled

    monkeypatch.setattr(Making, "_lag", eager)


def forget_the_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start anew after a crash as if nothing had been, and never look at what is held."""
    monkeypatch.setattr(PairExecutor, "recover", lambda self: ())
    monkeypatch.setattr(Episode, "_reading", lambda self: None)


def never_trim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PairMachine, "_reduce", lambda self, quantities, now_ns: ())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (send_again_on_doubt, ""),
        (skip_the_journal, "before it was committed"),
        (forget_what_was_reserved, "before it was committed"),
        (use_ids_again_after_a_restart, "went out twice"),
        (hedge_what_has_not_filled, "ahead of what has filled"),
        (forget_the_unfinished, ""),
        (never_trim, ""),
    ],
)
def test_a_fault_in_the_product_is_noticed(fault, words, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    found = first_violation(400)
    assert found, "the simulation did not notice"
    assert words in found


def test_recovery_asks_only_about_what_an_earlier_process_sent() -> None:
    """What this process sends is told by the adapters; its orders as a query shows them may lag behind."""
    asked = []
    original = Recovery._ask

    def spy(self) -> None:
        asked.extend((self.machine, order.request.client_order_id) for order in self.machine.book.working)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recovery, "_ask", spy)
        for seed in range(60):
            episode = Episode(seed)
            episode.run()
            for _, key in asked:
                assert episode.sent_in.get(key, -1) < episode.epoch or key not in episode.wire
            asked.clear()
