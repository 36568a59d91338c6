"""Episodes with every fault there is: whatever happens, the chain, the journal and what was told agree."""

import asyncio
import functools
import importlib
import os
import random
from typing import Any

import pytest
from ekubo_bench import OWNER, PAIRS, TOKENS, Bench, Process, Told, documents, order

from adapters.ekubo.journal import Documents
from adapters.ekubo.sending import Fate
from simulators.faults import FaultKind

EPISODES = int(os.environ.get("FARB_EPISODES", "1000"))
PER_CHAIN = 50
OWNER_ADDRESS = OWNER.address


def befall(bench: Bench, rng: random.Random) -> str:
    """Let something happen to the next order, and return what."""
    reply, request = ("reply",), ("request",)
    chances: dict[str, Any] = {
        "nothing": lambda: None,
        "front run": lambda: bench.inject(FaultKind.FRONT_RUN, reason=rng.choice(("0.02", "0.0005"))),
        "revert": lambda: bench.inject(FaultKind.REVERT, reason="Insufficient tokens received"),
        "stuck": lambda: bench.inject(FaultKind.STUCK_TRANSACTION, secs=rng.choice((0, 3, 30))),
        "dropped": lambda: bench.inject(FaultKind.DROP_TRANSACTION, secs=rng.choice((0.0, 0.1, 0.5))),
        "dropped again": lambda: bench.inject(FaultKind.DROP_TRANSACTION, secs=0.1, count=rng.choice((2, 20))),
        "replaced": lambda: bench.inject(FaultKind.REPLACE_TRANSACTION),
        "nonce race": lambda: bench.inject(FaultKind.NONCE_RACE, count=rng.choice((1, 2))),
        "nonce skew": lambda: bench.inject(FaultKind.NONCE_SKEW, reason=rng.choice(("1", "-1", "3"))),
        "gas spike": lambda: bench.inject(FaultKind.GAS_SPIKE, reason="2", secs=rng.choice((2, 40))),
        "price shock": lambda: bench.inject(FaultKind.PRICE_SHOCK, reason=rng.choice(("0.02", "-0.02")), path="ETH"),
        "refused": lambda: bench.inject(
            FaultKind.RPC_ERROR, path="addInvokeTransaction", status=rng.choice((52, 53, 54, 55, 63, 64, 65, -32603))
        ),
        "status away": lambda: bench.lose("getTransactionStatus", *rng.choice((request, reply)) * 9),
        "receipt away": lambda: bench.lose("getTransactionReceipt", *("busy",) * 4),
        "nonce away": lambda: bench.lose("getNonce", *("busy",) * rng.choice((1, 9))),
        "reply lost": lambda: bench.lose("addInvokeTransaction", *reply),
        "replies lost": lambda: bench.lose("addInvokeTransaction", *reply * 3),
        "request lost": lambda: bench.lose("addInvokeTransaction", *request),
        "requests lost": lambda: bench.lose("addInvokeTransaction", *request * 30),
        "lost and dropped": lambda: (
            bench.lose("addInvokeTransaction", *reply),
            bench.inject(FaultKind.DROP_TRANSACTION, secs=0.1),
        ),
        "lost and stuck": lambda: (
            bench.lose("addInvokeTransaction", *reply),
            bench.inject(FaultKind.STUCK_TRANSACTION, secs=rng.choice((0, 15))),
        ),
        "lost and replaced": lambda: (
            bench.lose("addInvokeTransaction", *reply),
            bench.inject(FaultKind.REPLACE_TRANSACTION),
        ),
    }
    name = rng.choice(list(chances))
    chances[name]()
    return name


async def episode(bench: Bench, process: Process, told: Told, kept: Documents, number: int) -> tuple[Process, str]:
    """Work one order, perhaps dying and coming back meanwhile; return the process that lives at its end."""
    rng = random.Random(number)
    base, _ = pair = rng.choice(PAIRS)
    is_buy = rng.random() < 0.5
    share = rng.choice((200, 500, 2000))
    quantity = bench.held(base) // share if not is_buy else bench.held(base) // share + 10 ** (base.decimals - 4)
    process.desk._planner.count = rng.choice((1, 1, 3))
    what = befall(bench, rng)
    work = asyncio.create_task(process.desk.work(order(f"O-{number}", pair, is_buy, quantity)))
    if rng.random() < 0.2:  # the process dies at some moment
        await bench.die_after(rng.choice((1, 2, 3, 4, 5, 6, 8, 12, 25)), work)
        what = f"{what}, killed"
        bench.pass_secs(rng.choice((0.0, 0.3, 5.0)))
        process = Process(bench, kept, told)
        await process.desk.resume()
    else:
        await work
        assert (f"O-{number}" in told.ends) == (bought_or_sold(told, f"O-{number}") < quantity)
    bench.faults.clear()
    bench.losses.clear()
    assert bought_or_sold(told, f"O-{number}") <= quantity
    assert not process.account.turn.locked()
    assert process.account.fault == ""
    return process, what


def bought_or_sold(told: Told, name: str) -> int:
    """Return how much of an order was executed, in units of its base token; what exact output brings in excess is not counted."""
    slots = [slot for slot in told.fills.values() if slot.swap.client_order_id == name]
    return sum(slot.swap.buy_amount if slot.swap.is_buy else slot.booking.sold for slot in slots)


def check(bench: Bench, process: Process, told: Told, before: dict[str, int], nonce: int, known: set[str]) -> set[str]:
    """Compare what was told with the chain, and return the hashes the chain has executed by now."""
    new = bench.executed(known)
    executed = known | new.keys()
    ours = {attempt.hash for slot in process.journal._slots.values() for attempt in slot.attempts}
    expected = dict(before)
    for digest, receipt in new.items():
        fee = int(receipt["actual_fee"]["amount"], 16)
        expected["STRK"] -= fee
        if digest not in ours:
            continue  # another owner of the key: its gas is charged, and nobody here knows of it
        assert told.gas[digest].booking.fee_fri == fee
        is_swap = digest in {slot.key for slot in process.journal._slots.values()}
        is_filled = is_swap and receipt["execution_status"] == "SUCCEEDED"
        assert (digest in told.fills) == is_filled, digest
        if is_filled:
            slot = told.fills[digest]
            codes = {hex(token.address): token.code for token in TOKENS}
            expected[codes[slot.swap.sell_token]] -= slot.booking.sold
            expected[codes[slot.swap.buy_token]] += slot.booking.bought
    assert bench.wallet() == expected
    assert (told.fills.keys() | told.gas.keys()) <= executed  # nothing was told that did not happen
    assert len(new) == bench.chain.nonces[OWNER_ADDRESS] - nonce
    assert process.journal.pending() == []
    return executed


@pytest.fixture(autouse=True)
def _hashes_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain hashes what we have hashed: the same permutations, by far the largest part of the work here."""
    module = importlib.import_module("poseidon_py.poseidon_hash")
    permute = module.hades_permutation
    remembered = functools.lru_cache(20_000)(lambda values: tuple(permute(list(values))))
    monkeypatch.setattr(module, "hades_permutation", lambda values: list(remembered(tuple(values))))


@pytest.mark.timeout(600)
async def test_over_many_episodes_balances_journal_and_chain_agree_and_nothing_is_executed_twice():
    fates: dict[str, int] = {}
    seen: set[str] = set()
    for first in range(0, EPISODES, PER_CHAIN):
        bench, kept, told = Bench(first), documents(), Told()
        process, known = Process(bench, kept, told), set[str]()
        for number in range(first, min(first + PER_CHAIN, EPISODES)):
            before, nonce = bench.wallet(), bench.chain.nonces[OWNER_ADDRESS]
            process, what = await episode(bench, process, told, kept, number)
            try:
                known = check(bench, process, told, before, nonce, known)
            except AssertionError as e:
                raise AssertionError(f"episode {number}, {what}: {e}\n" + "\n".join(process.log[-20:])) from e
            seen.add(what)
            bench.pass_secs(3.0)
        for slot in process.journal._slots.values():
            fates[slot.fate] = fates.get(slot.fate, 0) + 1
    print(f"\n{EPISODES} episodes: {fates}")
    if EPISODES >= 1000:
        assert fates.keys() == set(Fate)
