"""A node that tells one thing and then another gets nothing booked by it, and nothing is sent on the strength of it."""

import asyncio
from typing import Any

import pytest
from ekubo_bench import OWNER, PAIRS, POLICY, Bench, BookPlanner, Process, Told, documents, order

from adapters.ekubo.journal import TransactionJournal
from adapters.ekubo.sending import Fate
from adapters.ekubo.signing import Signer
from adapters.errors import OutcomeUnknown, Protocol
from simulators.starknet import constants
from simulators.starknet.genesis import ACCOUNTS

TENTH = 10**17


class Scene:
    """A chain, a process on it, and what a node makes of the chain's answers."""

    def __init__(self, count: int = 1) -> None:
        self.bench, self.documents, self.told = Bench(1), documents(), Told()
        self.process = Process(self.bench, self.documents, self.told, BookPlanner(self.bench, count))
        self._honest = self.bench.node.answer

    def lie(self, method: str, change: Any) -> None:
        """Let the node change its answers to a method."""

        def answer(request: Any, now_ns: int) -> Any:
            found = self._honest(request, now_ns)
            if request["method"].removeprefix("starknet_") == method:
                found = change(found, request)
            return found

        self.bench.node.answer = answer

    async def sell(self, name: str = "O-1", quantity: int = TENTH) -> None:
        """Sell ETH by one order."""
        await self.process.desk.work(order(name, PAIRS[0], False, quantity))


def other_hash(found: Any, request: Any) -> Any:
    if "result" in found:
        found["result"]["transaction_hash"] = "0x123"
    return found


def reverted(found: Any, request: Any) -> Any:
    if "result" in found:
        found["result"] |= {"execution_status": "REVERTED", "revert_reason": "so it says", "events": []}
    return found


def resold(found: Any, units: int) -> Any:
    """Tell of other units of ETH sold, in the exchange's event and in the transfer alike."""
    for event in found.get("result", {}).get("events", []):
        for words in ("data", "keys"):
            event[words] = [hex(units) if int(word, 16) == TENTH else word for word in event[words]]
    return found


def more_sold(found: Any, request: Any) -> Any:
    return resold(found, 2 * TENTH)


def half_sold(found: Any, request: Any) -> Any:
    return resold(found, TENTH // 2)


@pytest.mark.parametrize("lie", [other_hash, reverted, more_sold], ids=lambda lie: lie.__name__)
async def test_a_receipt_that_contradicts_what_was_signed_or_its_own_status_stops_the_account(lie):
    scene = Scene()
    scene.lie("getTransactionReceipt", lie)
    await scene.sell()
    assert "does not add up" in scene.process.account.fault
    assert (scene.told.fills, scene.told.gas, scene.told.ends) == ({}, {}, {})
    await scene.sell("O-2")
    assert "does not add up" in scene.told.ends["O-2"]
    assert scene.bench.chain.nonces[OWNER.address] == 1


async def test_what_a_slice_has_left_unsold_is_still_to_be_sold():
    scene = Scene()
    scene.lie("getTransactionReceipt", half_sold)
    await scene.sell()
    assert [slot.booking.sold for slot in scene.told.fills.values()] == [TENTH // 2, TENTH // 2]
    assert [slot.swap.sell_amount for slot in scene.told.fills.values()] == [TENTH, TENTH // 2]
    assert scene.told.ends == {}


async def test_a_fill_that_cannot_be_told_stops_the_account_until_it_is():
    scene = Scene()

    def broken(*_: Any) -> None:
        raise ValueError("no such price")

    scene.told.filled = broken
    with pytest.raises(ValueError, match="no such price"):
        await scene.sell()
    await scene.sell("O-2")
    assert "no such price" in scene.told.ends["O-2"]
    scene.process = Process(scene.bench, scene.documents, scene.told, BookPlanner(scene.bench))
    with pytest.raises(ValueError, match="no such price"):
        await scene.process.desk.resume()
    await scene.sell("O-3")  # neither does the next process go on without it
    assert "no such price" in scene.told.ends["O-3"]
    assert scene.bench.chain.nonces[OWNER.address] == 1
    del scene.told.filled
    scene.process = Process(scene.bench, scene.documents, scene.told, BookPlanner(scene.bench))
    await scene.process.desk.resume()
    assert (len(scene.told.fills), scene.process.account.fault) == (1, "")


def never_accepted(found: Any, request: Any) -> Any:
    if found.get("result", {}).get("execution_status"):
        found["result"]["finality_status"] = "PRE_CONFIRMED"
    return found


def no_receipt(found: Any, request: Any) -> Any:
    return {"jsonrpc": "2.0", "id": found["id"], "error": {"code": 29, "message": "Transaction hash not found"}}


@pytest.mark.parametrize(("method", "lie"), [("getTransactionStatus", never_accepted), ("getTransactionReceipt", no_receipt)])
async def test_a_transaction_that_never_gets_on_is_heard_of_as_long_as_it_is_followed(method, lie):
    scene, ages = Scene(), list[float]()
    scene.lie(method, lie)
    scene.process.account._told = lambda slot: ages.append((scene.bench.now_ns - slot.begun_ns) / 1e9)
    await scene.bench.die_after(200, asyncio.create_task(scene.sell()))
    assert max(ages) > 2 * POLICY.patience_secs  # so that whoever listens can say that it takes too long
    assert len(scene.process.journal.pending()) == 1


@pytest.mark.parametrize("how", ["cancelled", "over"])
async def test_a_swap_nobody_wants_any_more_is_not_sent_even_where_it_is_signed_already(how):
    scene = Scene()
    sign = scene.process.account._sign

    async def change_of_mind(invoke: Any) -> Any:
        if how == "cancelled":
            scene.process.desk.cancel("O-1")
        else:
            scene.told.over.add("O-1")  # for Nautilus, which has lost patience
        return await sign(invoke)

    scene.process.account._sign = change_of_mind
    await scene.sell()
    assert scene.bench.sends == {}
    assert scene.process.journal.of_order("O-1") == []
    assert scene.told.ends == {"O-1": "canceled"}
    assert scene.process.account.fault == ""


async def test_what_another_account_has_left_open_is_not_ended_with_this_ones_nonce():
    scene = Scene()
    scene.bench.lose("addInvokeTransaction", "request")
    await scene.bench.die_after(6, asyncio.create_task(scene.sell()))
    other = Process(scene.bench, scene.documents, scene.told)
    other.account._signer = Signer(constants.CHAIN_ID, hex(ACCOUNTS[1].address), hex(ACCOUNTS[1].private_key))
    with pytest.raises(Protocol, match=f"start with {hex(OWNER.address)}"):
        await other.desk.resume()
    assert scene.bench.executed() == {}
    await other.desk.work(order("O-2", PAIRS[0], False, TENTH))
    assert hex(OWNER.address) in scene.told.ends["O-2"]
    await Process(scene.bench, scene.documents, scene.told).desk.resume()
    assert TransactionJournal(scene.documents).pending() == []


async def test_what_a_person_has_written_off_ends_without_a_fill_and_the_account_goes_on():
    scene = Scene()
    scene.lie("getTransactionReceipt", more_sold)
    await scene.sell()
    ((slot,), again) = scene.process.journal.pending(), Process(scene.bench, scene.documents, scene.told)
    with pytest.raises(OutcomeUnknown):  # it is as it was, however often a node is started
        await again.desk.resume()
    after = Process(scene.bench, scene.documents, scene.told, written_off=frozenset({int(slot.key, 16)}))
    await after.desk.resume()
    (ended,) = after.journal.of_order("O-1")
    assert (ended.fate, ended.booking, ended.is_booked, ended.words) == (Fate.CANCELED, None, True, "written off by a person")
    assert (scene.told.fills, scene.told.gas, after.account.fault) == ({}, {}, "")
    await after.desk.work(order("O-2", PAIRS[0], False, TENTH // 2))
    assert len(scene.told.fills) == 1


async def test_a_receipt_that_is_garbled_for_a_while_is_asked_for_again():
    scene, answers = Scene(), iter([other_hash, lambda *_: {"result": 5}, reverted])

    def answer(found: Any, request: Any) -> Any:
        garble = next(answers, None)
        return found if garble is None else garble(found, request)

    scene.lie("getTransactionReceipt", answer)
    await scene.sell()
    assert len(scene.told.fills) == len(scene.told.gas) == 1
    assert (scene.told.ends, scene.process.account.fault) == ({}, "")


async def test_whatever_breaks_while_a_swap_is_sent_it_is_followed():
    scene = Scene()
    send = scene.process.account._rpc.add_invoke

    async def broken(transaction: Any) -> int:
        scene.process.account._rpc.add_invoke = send
        await send(transaction)
        raise RuntimeError("a library's own")

    scene.process.account._rpc.add_invoke = broken
    await scene.sell()
    assert len(scene.told.fills) == 1
    assert scene.bench.chain.nonces[OWNER.address] == 1
