"""One fault each: what becomes of the transaction, the order, the gas and the wallet."""

import asyncio
import os
import signal
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from ekubo_bench import ETH, OWNER, PAIRS, STRK, Bench, BookPlanner, Process, Told, documents, order

from adapters.ekubo import gas
from adapters.ekubo.journal import TransactionJournal
from adapters.ekubo.planning import Objection
from adapters.ekubo.sending import Fate, Slot
from simulators.faults import FaultKind
from strategies.journal import Journal

PAIR = PAIRS[0]
TENTH = 10**17


class Scene:
    """A chain, a process on it, and one order's worth of attention."""

    def __init__(self, seed: int = 1, count: int = 1) -> None:
        self.bench, self.documents, self.told = Bench(seed), documents(), Told()
        self.process = Process(self.bench, self.documents, self.told, BookPlanner(self.bench, count))
        self.before = self.bench.wallet()

    async def sell(self, quantity: int = TENTH) -> list[Slot]:
        """Sell ETH by one order and return its slots."""
        await self.process.desk.work(order("O-1", PAIR, False, quantity))
        return self.process.journal.of_order("O-1")

    def moved(self) -> dict[str, int]:
        """Return how the wallet has changed."""
        return {name: held - self.before[name] for name, held in self.bench.wallet().items()}

    def swaps(self) -> list[str]:
        """Return the execution states of all transactions the chain has executed."""
        return [receipt["execution_status"] for receipt in self.bench.executed().values()]

    @property
    def fees(self) -> int:
        """Return the gas that was told, in FRI."""
        return sum(slot.booking.fee_fri for slot in self.told.gas.values())

    async def die(self, requests: int) -> None:
        """Let the process die so many requests into an order, and another one take over."""
        await self.bench.die_after(requests, asyncio.create_task(self.sell()))
        self.process = Process(self.bench, self.documents, self.told)
        await self.process.desk.resume()


async def test_a_swap_fills_and_pays_its_gas_once():
    scene = Scene()
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED
    assert slot.is_booked
    assert scene.moved() == {"ETH": -TENTH, "USDC": slot.booking.bought, "STRK": -scene.fees, "WBTC": 0}
    assert (scene.told.accepted, scene.told.ends, len(scene.told.fills)) == ({"O-1"}, {}, 1)


async def test_exact_output_buys_what_was_ordered():
    scene = Scene()
    await scene.process.desk.work(order("O-1", PAIR, True, TENTH))
    (slot,) = scene.told.fills.values()
    assert TENTH <= scene.moved()["ETH"] <= TENTH + 1
    assert scene.moved()["USDC"] == -slot.booking.sold
    assert slot.booking.sold <= slot.swap.sell_amount


async def test_a_reverted_swap_rejects_the_order_with_the_chains_words_and_still_pays():
    scene = Scene()
    scene.bench.inject(FaultKind.REVERT, reason="Insufficient tokens received")
    (slot,) = await scene.sell()
    assert slot.fate is Fate.REVERTED
    assert "Insufficient tokens received" in scene.told.ends["O-1"]
    assert scene.moved() == {"ETH": 0, "USDC": 0, "STRK": -scene.fees, "WBTC": 0}
    assert scene.fees > 0
    assert scene.told.fills == {}


async def test_a_front_run_swap_reverts_instead_of_selling_below_its_limit():
    scene = Scene()
    scene.bench.inject(FaultKind.FRONT_RUN, reason="0.02")
    (slot,) = await scene.sell()
    assert slot.fate is Fate.REVERTED
    assert scene.moved()["ETH"] == 0


async def test_a_revert_after_a_fill_cancels_the_rest():
    scene = Scene(count=3)
    original = scene.process.desk._planner.plan

    async def plan(asked, remaining):
        if remaining < asked.quantity:
            scene.bench.inject(FaultKind.REVERT, reason="no more")
        return await original(asked, remaining)

    scene.process.desk._planner.plan = plan
    first, second = await scene.sell(3 * TENTH)
    assert (first.fate, second.fate) == (Fate.SUCCEEDED, Fate.REVERTED)
    assert scene.told.ends == {"O-1": "canceled"}
    assert scene.moved()["ETH"] == -TENTH


async def test_slices_wait_for_the_pool_to_refill():
    scene = Scene(count=3)
    slots = await scene.sell(3 * TENTH)
    assert [slot.fate for slot in slots] == [Fate.SUCCEEDED] * 3
    starts = [slot.begun_ns for slot in slots]
    assert all(after - before >= 5 * 10**9 for before, after in pairwise(starts))
    assert scene.moved()["ETH"] == -3 * TENTH
    assert scene.told.ends == {}


async def test_a_stuck_swap_loses_its_nonce_to_a_transaction_that_does_nothing():
    scene = Scene()
    scene.bench.inject(FaultKind.STUCK_TRANSACTION)
    (slot,) = await scene.sell()
    assert slot.fate is Fate.CANCELED
    assert slot.executed != slot.key
    assert "not executed in time" in scene.told.ends["O-1"]
    assert scene.moved() == {"ETH": 0, "USDC": 0, "STRK": -scene.fees, "WBTC": 0}
    scene.bench.chain.mempool.release(scene.bench.now_ns)
    scene.bench.pass_secs(60)
    assert scene.swaps() == ["SUCCEEDED"]  # whatever was stuck can never come through
    assert scene.moved()["ETH"] == 0


async def test_a_swap_stuck_for_a_while_is_waited_for():
    scene = Scene()
    scene.bench.inject(FaultKind.STUCK_TRANSACTION, secs=8)
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED
    assert len(slot.attempts) == 1


async def test_a_dropped_swap_is_sent_again_in_the_same_bytes():
    scene = Scene()
    scene.bench.inject(FaultKind.DROP_TRANSACTION, secs=0.1)
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED
    assert (len(slot.attempts), slot.attempts[0].sends) == (1, 2)
    assert list(scene.bench.sends.values()) == [2]  # one signature, twice
    assert len(scene.bench.chain.records) == 1
    assert scene.moved()["ETH"] == -TENTH


async def test_a_swap_that_is_dropped_for_ever_ends_with_its_nonce_used():
    scene = Scene()
    scene.bench.inject(FaultKind.DROP_TRANSACTION, secs=0.1, count=6)
    (slot,) = await scene.sell()
    assert slot.fate in (Fate.CANCELED, Fate.SUCCEEDED)
    assert len(scene.swaps()) == 1


async def test_a_replaced_swap_is_never_executed_and_the_order_is_rejected():
    scene = Scene()
    scene.bench.inject(FaultKind.REPLACE_TRANSACTION)
    (slot,) = await scene.sell()
    assert slot.fate is Fate.REPLACED
    assert "never executed" in scene.told.ends["O-1"]
    assert scene.fees == 0  # what was charged was another's transaction
    assert slot.attempts[0].sends == 1
    scene.process.bench.faults.clear()
    scene.told.ends.clear()
    await scene.process.desk.work(order("O-2", PAIR, False, TENTH))
    assert scene.told.ends == {}  # the account goes on with the next nonce


async def test_a_lost_reply_ends_filled_and_is_sent_once():
    scene = Scene()
    scene.bench.lose("addInvokeTransaction", "reply")
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED
    assert list(scene.bench.sends.values()) == [1]
    assert scene.moved()["ETH"] == -TENTH


async def test_a_lost_request_is_sent_again_until_it_arrives():
    scene = Scene()
    scene.bench.lose("addInvokeTransaction", "request", "busy")
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED
    assert list(scene.bench.sends.values()) == [1]


async def test_a_nonce_race_is_lost_once_and_the_slice_planned_anew():
    scene = Scene()
    scene.bench.inject(FaultKind.NONCE_RACE)
    refused, filled = await scene.sell()
    assert (refused.fate, filled.fate) == (Fate.REFUSED, Fate.SUCCEEDED)
    assert filled.nonce == refused.nonce + 1
    assert scene.moved()["ETH"] == -TENTH


@pytest.mark.parametrize("skew", ["1", "-1", "7"])
async def test_a_nonce_told_wrong_is_asked_for_again(skew):
    scene = Scene()
    await scene.process.desk.work(order("O-0", PAIR, False, TENTH))
    scene.bench.inject(FaultKind.NONCE_SKEW, reason=skew)
    (slot,) = await scene.sell()
    assert (slot.fate, slot.nonce) == (Fate.SUCCEEDED, 1)


async def test_a_node_that_insists_on_a_used_nonce_gets_nothing():
    scene = Scene()
    await scene.process.desk.work(order("O-0", PAIR, False, TENTH))
    scene.bench.inject(FaultKind.NONCE_SKEW, reason="-1", count=50)
    assert await scene.sell() == []
    assert "not sure of the account's nonce" in scene.told.ends["O-1"]


async def test_a_gas_spike_within_the_bounds_is_paid():
    scene = Scene()
    scene.bench.inject(FaultKind.GAS_SPIKE, reason="1.4", secs=0)
    (slot,) = await scene.sell()
    assert slot.fate is Fate.SUCCEEDED


async def test_a_gas_spike_before_sending_is_refused_and_estimated_anew():
    scene = Scene()
    original = scene.process.account._sign

    async def spike_after_the_estimate(invoke):
        if not invoke.is_query:
            scene.process.account._sign = original
            scene.bench.inject(FaultKind.GAS_SPIKE, reason="3", secs=60)
        return await original(invoke)

    scene.process.account._sign = spike_after_the_estimate
    refused, filled = await scene.sell()
    assert (refused.fate, refused.attempts[0].code, filled.fate) == (Fate.REFUSED, 65, Fate.SUCCEEDED)
    assert len(scene.swaps()) == 1


async def test_a_gas_spike_after_sending_is_waited_out():
    scene = Scene()
    original = scene.bench.node.answer

    def answer(request, now_ns):
        found = original(request, now_ns)
        if request["method"].endswith("addInvokeTransaction"):
            scene.bench.inject(FaultKind.GAS_SPIKE, reason="3", secs=4)
        return found

    scene.bench.node.answer = answer
    (slot,) = await scene.sell()
    assert (slot.fate, len(slot.attempts)) == (Fate.SUCCEEDED, 1)
    assert slot.booking.ts_ns - slot.sent_ns > 4 * 10**9


async def test_gas_above_the_cap_is_not_paid():
    scene = Scene()
    scene.process.account._rules = gas.GasRules(
        amount_multiplier=Decimal("1.3"), price_multiplier=Decimal("1.5"), max_fee_strk=Decimal("0.0001")
    )
    assert await scene.sell() == []
    assert "at most 0.0001 are allowed" in scene.told.ends["O-1"]


async def test_a_wallet_without_strk_for_gas_sends_nothing():
    scene = Scene()
    held = scene.bench.held(STRK)
    scene.bench.chain.state.mint(STRK.address, OWNER.address, 1 - held)
    assert await scene.sell() == []
    assert scene.bench.chain.records == {}
    assert "O-1" in scene.told.ends


async def test_what_would_revert_is_known_before_it_is_sent():
    scene = Scene()
    scene.bench.chain.state.mint(ETH.address, OWNER.address, -scene.bench.held(ETH))
    assert await scene.sell() == []
    assert scene.told.ends["O-1"].startswith("would revert: ")
    assert "Token from balance is too low" in scene.told.ends["O-1"]
    assert scene.bench.chain.records == {}


@pytest.mark.parametrize("code", [53, 54, 55, 65])
async def test_a_refusal_in_words_rejects_the_order(code):
    scene = Scene()
    scene.bench.inject(FaultKind.RPC_ERROR, path="addInvokeTransaction", status=code, reason="because", count=2)
    slots = await scene.sell()
    assert {slot.fate for slot in slots} == {Fate.REFUSED}
    assert "because" in scene.told.ends["O-1"]
    assert scene.bench.chain.records == {}


async def test_a_quote_that_grew_old_is_not_used():
    scene = Scene()

    class Slow(BookPlanner):
        async def plan(self, asked, remaining):
            plan = await super().plan(asked, remaining)
            return msgspec.structs.replace(plan, fresh_until_ns=self.bench.now_ns - 1)

    scene.process.desk._planner = Slow(scene.bench)
    assert await scene.sell() == []
    assert "grown old" in scene.told.ends["O-1"]


async def test_a_cancelled_order_begins_nothing_more():
    scene = Scene(count=3)
    original = scene.told.filled

    def filled(asked, slot):
        original(asked, slot)
        assert scene.process.desk.cancel("O-1")

    scene.told.filled = filled
    assert len(await scene.sell(3 * TENTH)) == 1
    assert scene.told.ends == {"O-1": "canceled"}
    assert scene.moved()["ETH"] == -TENTH
    assert not scene.process.desk.cancel("O-1")


async def test_orders_take_turns_and_never_share_a_nonce():
    scene = Scene()
    await asyncio.gather(*(scene.process.desk.work(order(f"O-{n}", PAIR, n % 2 == 0, TENTH)) for n in range(4)))
    slots = [slot for n in range(4) for slot in scene.process.journal.of_order(f"O-{n}")]
    assert sorted(slot.nonce for slot in slots) == [0, 1, 2, 3]
    assert {slot.fate for slot in slots} == {Fate.SUCCEEDED}


async def test_an_objection_that_asking_again_would_not_change_is_final():
    scene = Scene()

    class Unwilling(BookPlanner):
        asked = 0

        async def plan(self, asked, remaining):
            self.asked += 1
            return Objection("too thin", is_final=self.is_final)

    for is_final, times in ((True, 1), (False, 2)):
        planner = Unwilling(scene.bench)
        planner.is_final, scene.process.desk._planner = is_final, planner
        await scene.sell()
        assert planner.asked == times
        assert scene.told.ends.pop("O-1") == "too thin"


async def test_what_cannot_be_planned_ends_the_order():
    scene = Scene()

    class Broken(BookPlanner):
        async def plan(self, asked, remaining):
            raise ZeroDivisionError("no price")

    scene.process.desk._planner = Broken(scene.bench)
    assert await scene.sell() == []
    assert scene.told.ends["O-1"] == "could not be planned: ZeroDivisionError('no price')"


async def test_what_cannot_be_signed_ends_the_order():
    scene = Scene()

    async def broken(invoke):
        raise RuntimeError("cannot schedule new futures after shutdown")

    scene.process.account._sign = broken
    assert await scene.sell() == []
    assert "could not be prepared" in scene.told.ends["O-1"]
    assert scene.process.account.fault == ""


async def test_a_receipt_that_does_not_add_up_stops_the_account():
    scene = Scene()
    original = scene.bench.node.answer

    def answer(request, now_ns):
        found = original(request, now_ns)
        if request["method"].endswith("getTransactionReceipt"):
            found["result"]["events"] = found["result"]["events"][:1]
        return found

    scene.bench.node.answer = answer
    await scene.sell()
    assert "does not add up" in scene.process.account.fault
    assert scene.told.fills == {}
    assert scene.told.ends == {}  # nobody knows
    assert len(scene.process.journal.pending()) == 1
    await scene.process.desk.work(order("O-2", PAIR, False, TENTH))
    assert "does not add up" in scene.told.ends["O-2"]
    assert len(scene.bench.chain.records) == 1
    scene.bench.node.answer = original
    scene.process = Process(scene.bench, scene.documents, scene.told)
    await scene.process.desk.resume()
    assert len(scene.told.fills) == 1  # a person has looked, and the next process reads it anew
    assert scene.process.journal.pending() == []


@pytest.mark.parametrize("requests", range(1, 10))
async def test_a_process_that_dies_at_any_moment_leaves_nothing_open_and_nothing_twice(requests):
    scene = Scene()
    await scene.die(requests)
    assert scene.process.journal.pending() == []
    assert len(scene.swaps()) <= 1
    assert len(scene.told.fills) == (scene.moved()["ETH"] == -TENTH)
    assert scene.moved()["STRK"] == -scene.fees
    for _ in range(3):  # nothing is left that could still be executed
        scene.bench.pass_secs(30)
    assert len(scene.told.fills) == (scene.moved()["ETH"] == -TENTH)


async def test_what_was_journaled_and_never_sent_is_not_sent_by_the_next_process():
    scene = Scene()
    scene.bench.lose("addInvokeTransaction", "request")
    await scene.die(6)  # a lost sending, and a look
    (slot,) = TransactionJournal(scene.documents).of_order("O-1")
    assert slot.fate is Fate.CANCELED
    assert list(scene.bench.chain.records) == [int(slot.executed, 16)]  # the swap itself never arrived
    assert scene.moved() == {"ETH": 0, "USDC": 0, "STRK": -scene.fees, "WBTC": 0}


async def test_a_crash_between_telling_and_noting_it_tells_it_again_by_the_same_ids():
    scene = Scene()

    def crash(slot):
        raise SystemError("power cut")

    scene.process.journal.settle = crash
    with pytest.raises(SystemError):
        await scene.sell()
    scene.process = Process(scene.bench, scene.documents, scene.told)
    await scene.process.desk.resume()
    assert scene.told.repeats == 1
    assert len(scene.told.fills) == len(scene.told.gas) == 1
    assert scene.bench.chain.nonces[OWNER.address] == 1


async def test_the_journal_forgets_the_oldest_of_what_is_booked():
    journal = TransactionJournal(documents())
    scene = Scene()
    (slot,) = await scene.sell()
    for number in range(205):
        journal.settle(msgspec.structs.replace(slot, key=hex(number)))
    open_slot = msgspec.structs.replace(slot, key="0xabc", is_booked=False)
    journal.put(open_slot)
    assert journal.get("0x4") is None
    assert journal.get("0x5") is not None
    assert journal.pending() == [open_slot]


def test_a_killed_process_has_written_down_what_it_was_about_to_send(tmp_path):
    """With the node's real database: the child dies by SIGKILL at the very moment its transaction leaves."""
    path = str(tmp_path / "journal.db")
    if (child := os.fork()) == 0:
        try:
            asyncio.run(_be_killed_while_sending(path))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    journal = TransactionJournal(Journal(path).documents("ekubo"))
    (slot,) = journal.pending()
    assert (slot.newest.sends, slot.fate) == (1, None)
    assert int(slot.newest.body["nonce"], 16) == slot.nonce == 0


async def _be_killed_while_sending(path: str) -> None:
    bench, documents = Bench(1), Journal(path).documents("ekubo")
    answer = bench.node.answer

    def die(request, now_ns):
        if request["method"].endswith("addInvokeTransaction"):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(request, now_ns)

    bench.node.answer = die
    await Process(bench, documents, Told()).desk.work(order("O-1", PAIR, False, TENTH))
