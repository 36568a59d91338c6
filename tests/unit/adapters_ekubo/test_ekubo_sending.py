"""One nonce's fate is what the chain says, whatever befalls the messages in between."""

import random

import msgspec
import pytest

from adapters.ekubo.sending import (
    Attempt,
    Blind,
    Cancel,
    CancelFailed,
    Done,
    Fate,
    Look,
    Looked,
    Lost,
    Policy,
    Refused,
    Send,
    Sending,
    Sighting,
    Signed,
    Slot,
    Stage,
    Swap,
    Taken,
    advance,
    inherit,
    next_step,
)

SEC = 1_000_000_000
POLICY = Policy()
SWAP = Swap(
    client_order_id="O-1",
    strategy_id="S-1",
    instrument_id="ETH-USDC.EKUBO",
    is_buy=False,
    order_quantity="1",
    limit_price=None,
    sell_token="0x1",
    buy_token="0x2",
    sell_amount=10,
    buy_amount=20,
)


def attempt(digest: str, is_cancel: bool = False) -> Attempt:
    return Attempt(hash=digest, body={"nonce": "0x5"}, is_cancel=is_cancel)


def slot() -> Slot:
    return Slot(key="0xa", nonce=5, swap=SWAP, attempts=(attempt("0xa"),), begun_ns=0)


def seen(finality: str, execution: str | None = None, reason: str = "") -> Sighting:
    return Sighting(finality, execution, reason)


def after(*facts, start: Slot | None = None, secs: float = 0.0) -> Slot:
    current = start or slot()
    for fact in facts:
        current = advance(current, fact, POLICY, round(secs * SEC))
    return current


SENT = (Sending("0xa"), Taken("0xa"))


def test_what_is_journaled_is_sent_and_then_looked_for():
    assert next_step(slot(), POLICY, 0) == Send(attempt("0xa"))
    assert next_step(after(Sending("0xa")), POLICY, 0) == Look(POLICY.poll_secs)
    assert after(*SENT).newest.stage is Stage.RECEIVED


@pytest.mark.parametrize(("execution", "fate"), [("SUCCEEDED", Fate.SUCCEEDED), ("REVERTED", Fate.REVERTED)])
def test_an_accepted_execution_is_the_end(execution, fate):
    early = after(*SENT, Looked({"0xa": seen("PRE_CONFIRMED", execution)}, 5))
    assert (early.fate, early.is_executing) == (None, True)
    final = after(Looked({"0xa": seen("ACCEPTED_ON_L2", execution, "why")}, 6), start=early)
    assert (final.fate, final.executed, final.words) == (fate, "0xa", "why")
    assert next_step(final, POLICY, 0) == Done()


def test_an_execution_that_is_undone_is_no_end():
    early = after(*SENT, Looked({"0xa": seen("PRE_CONFIRMED", "SUCCEEDED")}, 5))
    again = after(Looked({"0xa": None}, 5), start=early)
    assert (again.fate, again.newest.stage, again.newest.is_missing) == (None, Stage.SENT, True)


def test_a_lost_answer_is_looked_for_and_the_same_bytes_sent_again():
    lost = after(Sending("0xa"), Lost("0xa", "timeout"))
    assert next_step(lost, POLICY, 4 * SEC) == Look(POLICY.poll_secs)  # not before the node was asked
    missing = after(Looked({"0xa": None}, 5), start=lost)
    assert next_step(missing, POLICY, 2 * SEC) == Look(POLICY.poll_secs)
    step = next_step(missing, POLICY, 3 * SEC)
    assert isinstance(step, Send)
    assert step.attempt.body is lost.newest.body
    known = after(Sending("0xa"), Refused("0xa", 59, "known"), start=missing)
    assert known.newest.stage is Stage.RECEIVED


def test_a_first_refusal_ends_it_once_the_node_denies_knowing_it():
    refused = after(Sending("0xa"), Refused("0xa", 54, "balance"))
    assert (refused.newest.stage, refused.fate) == (Stage.REFUSED, None)
    assert after(Looked({"0xa": None}, 5), start=refused).fate is Fate.REFUSED
    assert after(Looked({"0xa": seen("RECEIVED")}, 5), start=refused).fate is None
    assert after(Blind("no answer"), start=refused).fate is None


def test_a_later_refusal_proves_nothing():
    missing = after(Sending("0xa"), Lost("0xa", ""), Looked({"0xa": None}, 5))
    again = after(Sending("0xa"), Refused("0xa", 52, "nonce"), start=missing)
    assert again.newest.stage is Stage.SENT
    assert after(Looked({"0xa": None}, 5), start=again).fate is None
    assert after(Looked({"0xa": seen("ACCEPTED_ON_L2", "SUCCEEDED")}, 6), start=again).fate is Fate.SUCCEEDED


def test_a_nonce_used_by_another_is_believed_after_several_looks_over_a_while():
    gone, current = Looked({"0xa": None}, 6), after(*SENT)
    for secs in (1, 2, 3):
        current = after(gone, start=current, secs=secs)
        assert current.fate is None
        assert next_step(current, POLICY, 100 * SEC) == Look(POLICY.poll_secs)  # nothing more is sent
    assert after(gone, start=current, secs=1 + POLICY.proof_secs).fate is Fate.REPLACED
    late = after(Looked({"0xa": seen("ACCEPTED_ON_L2", "SUCCEEDED")}, 6), start=current, secs=99)
    assert late.fate is Fate.SUCCEEDED
    undone = after(Looked({"0xa": None}, 5), start=current, secs=99)
    assert (undone.gone_looks, undone.gone_ns) == (0, 0)


def test_a_nonce_used_while_the_node_still_has_ours_waiting_is_believed_only_after_the_patience():
    gone, current = Looked({"0xa": seen("RECEIVED")}, 6), after(*SENT)  # one of the two answers is an old one
    for secs in (1, 2, 3, 2 + POLICY.proof_secs, POLICY.patience_secs):
        current = after(gone, start=current, secs=secs)
        assert current.fate is None
    late = after(Looked({"0xa": seen("ACCEPTED_ON_L2", "SUCCEEDED")}, 6), start=current, secs=99)
    assert late.fate is Fate.SUCCEEDED
    assert after(gone, start=current, secs=1 + POLICY.patience_secs).fate is Fate.REPLACED


def test_a_swap_that_is_stuck_loses_its_nonce_to_one_that_pays_more():
    stuck = after(*SENT, Looked({"0xa": seen("RECEIVED")}, 5))
    assert next_step(stuck, POLICY, 59 * SEC) == Look(POLICY.poll_secs)
    assert next_step(stuck, POLICY, 60 * SEC) == Cancel(1)
    signed = after(Signed(attempt("0xb", True)), start=stuck, secs=60)
    assert isinstance(next_step(signed, POLICY, 60 * SEC), Send)
    sent = after(Sending("0xb"), Taken("0xb"), start=signed, secs=60)
    assert next_step(sent, POLICY, 119 * SEC) == Look(POLICY.poll_secs)
    assert next_step(sent, POLICY, 120 * SEC) == Cancel(2)
    both = {"0xa": None, "0xb": seen("ACCEPTED_ON_L2", "SUCCEEDED")}
    assert after(Looked(both, 6), start=sent).fate is Fate.CANCELED
    swap = {"0xa": seen("ACCEPTED_ON_L2", "SUCCEEDED"), "0xb": None}
    assert after(Looked(swap, 6), start=sent).fate is Fate.SUCCEEDED


def test_one_that_pays_too_little_is_outbid_at_once_and_not_for_ever():
    current = after(*SENT, Looked({"0xa": seen("RECEIVED")}, 5))
    for number in range(1, POLICY.cancels_max + 1):
        assert next_step(current, POLICY, 60 * SEC) == Cancel(number)
        name = f"0xb{number}"
        facts = Signed(attempt(name, True)), Sending(name), Refused(name, 64, "underpriced")
        current = after(*facts, start=current, secs=60)
    assert next_step(current, POLICY, 999 * SEC) == Look(POLICY.poll_secs)


def test_one_that_cannot_be_made_is_tried_again_later():
    stuck = after(*SENT, Looked({"0xa": seen("RECEIVED")}, 5))
    failed = after(CancelFailed("no estimate"), start=stuck, secs=60)
    assert next_step(failed, POLICY, 60 * SEC) == Look(POLICY.poll_secs)
    assert next_step(failed, POLICY, 120 * SEC) == Cancel(1)
    lost = after(Looked({"0xa": None}, 5), start=failed, secs=61)
    assert next_step(lost, POLICY, 70 * SEC) == Look(POLICY.poll_secs)  # its price is old: it is not sent again


def test_an_inherited_swap_is_never_sent_by_this_process():
    taken_over = inherit(slot(), 0)
    assert next_step(taken_over, POLICY, 0) == Look(POLICY.poll_secs)
    missing = after(Looked({"0xa": None}, 5), start=taken_over)
    assert next_step(missing, POLICY, 1 * SEC) == Look(POLICY.poll_secs)
    assert next_step(missing, POLICY, 61 * SEC) == Cancel(1)
    failed = after(CancelFailed("no estimate"), start=missing, secs=3)
    assert next_step(failed, POLICY, 30 * SEC) == Look(POLICY.poll_secs)
    waiting = after(Looked({"0xa": seen("RECEIVED")}, 5), start=taken_over)
    assert next_step(waiting, POLICY, 59 * SEC) == Look(POLICY.poll_secs)
    refused = after(Refused("0xa", 52, ""), start=taken_over)  # proves nothing: it may have been sent before
    assert after(Looked({"0xa": None}, 5), start=refused).fate is None


def test_a_slot_survives_the_journal():
    original = after(*SENT, Signed(attempt("0xb", True)), Looked({"0xa": seen("RECEIVED"), "0xb": None}, 5))
    assert msgspec.json.decode(msgspec.json.encode(original), type=Slot) == original


class Chain:
    """A chain and the way to it, at their worst: one nonce, any number of transactions for it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.now = rng, 0.0
        self.pool: set[str] = set()
        self.limbo: set[str] = set()  # forgotten by the node, but perhaps not by others
        self.executed: str | None = None
        self.at = 0.0
        self.fails = rng.random() < 0.2
        self.is_stuck = rng.random() < 0.3
        self.executions: list[str] = []

    def send(self, digest: str) -> object:
        roll = self.rng.random()
        if self.executed is not None:
            answer: object = Refused(digest, 52, "nonce")
        elif digest in self.pool:
            answer = Refused(digest, 59, "known")
        elif roll < 0.1 and digest == "0xa":
            answer = Refused(digest, self.rng.choice((53, 54, 55, 65)), "no")
        elif roll < 0.15:
            answer = Refused(digest, 64, "underpriced") if self.pool else Taken(digest)
        else:
            self.pool.add(digest)
            answer = Taken(digest)
        if roll > 0.95 and digest not in self.pool:
            return Lost(digest, "never arrived")
        return Lost(digest, "timeout") if self.rng.random() < 0.25 else answer

    def pass_time(self, secs: float) -> None:
        self.now += secs
        if self.executed is not None:
            return
        if self.rng.random() < 0.03 and self.pool:  # the node forgets
            gone = self.rng.choice(sorted(self.pool))
            self.pool.discard(gone)
            if self.rng.random() < 0.5:
                self.limbo.add(gone)
        chance = 0.002 if self.is_stuck else 0.2
        able = sorted(
            digest for digest in self.pool | self.limbo if digest != "0xa" or not self.is_stuck or self.rng.random() < 0.1
        )
        if able and self.rng.random() < max(chance, 0.2 * any(digest != "0xa" for digest in able)):
            self._execute(self.rng.choice(able))
        elif self.rng.random() < 0.01:
            self._execute("foreign")

    def _execute(self, digest: str) -> None:
        self.executed, self.at = digest, self.now
        self.executions.append(digest)

    def look(self, hashes: list[str]) -> object:
        if self.rng.random() < 0.1:
            return Blind("no answer")
        lags = self.rng.random() < 0.2  # a node that is behind does not know what is executed
        sightings: dict[str, Sighting | None] = {}
        for digest in hashes:
            if digest == self.executed and not (lags and self.now - self.at < 4):
                finality = "ACCEPTED_ON_L2" if self.now - self.at > 2 else "PRE_CONFIRMED"
                sightings[digest] = Sighting(finality, "REVERTED" if self.fails else "SUCCEEDED")
            else:
                sightings[digest] = Sighting("RECEIVED", None) if digest in self.pool and self.executed is None else None
        is_used = self.executed is not None and self.now - self.at > 2
        return Looked(sightings, 6 if is_used else 5)


def test_a_thousand_nonces_end_as_the_chain_says():
    ends = set()
    for seed in range(1000):
        rng = random.Random(seed)
        chain, policy = Chain(rng), Policy(patience_secs=20.0)
        current, sent = slot(), []
        for _ in range(3000):
            now_ns = round(chain.now * SEC)
            if rng.random() < 0.01:
                current = inherit(msgspec.json.decode(msgspec.json.encode(current), type=Slot), now_ns)
            match next_step(current, policy, now_ns):
                case Done():
                    break
                case Send(attempt=attempt_):
                    current = advance(current, Sending(attempt_.hash), policy, now_ns)
                    sent.append(attempt_.hash)
                    chain.pass_time(0.1)
                    current = advance(current, chain.send(attempt_.hash), policy, now_ns)
                case Cancel(number=number):
                    fact = Signed(attempt(f"0xb{number}", True)) if rng.random() < 0.8 else CancelFailed("")
                    current = advance(current, fact, policy, now_ns)
                case Look(after_secs=secs):
                    chain.pass_time(secs)
                    fact = chain.look([each.hash for each in current.attempts])
                    current = advance(current, fact, policy, round(chain.now * SEC))
        for _ in range(200):
            chain.pass_time(1.0)  # whatever is still out has its chance
        assert len(chain.executions) <= 1
        if current.fate in (Fate.SUCCEEDED, Fate.REVERTED):
            assert chain.executed == "0xa", seed
        elif current.fate is Fate.CANCELED:
            assert chain.executed == current.executed, seed
            assert current.executed.startswith("0xb")
        elif current.fate is Fate.REPLACED:
            assert chain.executed == "foreign", seed
        elif current.fate is Fate.REFUSED:
            assert chain.executed in (None, "foreign"), seed
            assert sent == ["0xa"]
        ends.add(current.fate)
    assert ends >= set(Fate)
