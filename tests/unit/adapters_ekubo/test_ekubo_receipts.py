"""What a receipt says a swap did, in both layouts of transfers, and the contradictions that are never booked."""

import msgspec
import pytest

from adapters.ekubo.constants import (
    AVNU_EXCHANGE,
    EKUBO_CORE,
    EKUBO_SWAPPED_EVENT,
    ETH,
    STRK,
    SWAP_EVENT,
    TRANSFER_EVENT,
    USDC,
)
from adapters.ekubo.receipts import PoolMove, ReceiptMismatch, Traded, read_receipt
from adapters.ekubo.schemas import Receipt, convert
from adapters.ekubo.signing import selector

US, SEQUENCER, STRANGER = 0x123, 0x1176A1BD84444C89232EC27754698E5D2E7E1A7F1539F12027F28B23EC9F3D8, 0xBAD
FEE = 5 * 10**15
SOLD, BOUGHT = 10**18, 2_896_981_343
TRADED = Traded(account=US, exchange=AVNU_EXCHANGE, core=EKUBO_CORE, sell_token=ETH, buy_token=USDC)


def event(contract: int, key: int, *data: int, keyed: int = 0) -> dict:
    keys, rest = [key, *data[:keyed]], data[keyed:]
    return {"from_address": hex(contract), "keys": [hex(word) for word in keys], "data": [hex(word) for word in rest]}


def transfer(token: int, sender: int, recipient: int, amount: int, *, is_keyed: bool = False) -> dict:
    words = (sender, recipient, amount & (2**128 - 1), amount >> 128)
    return event(token, TRANSFER_EVENT, *words, keyed=2 if is_keyed else 0)


def swap(sell: int = ETH, sold: int = SOLD, buy: int = USDC, bought: int = BOUGHT, *, taker: int = US, owner: int = US) -> dict:
    return event(AVNU_EXCHANGE, SWAP_EVENT, taker, sell, sold, 0, buy, bought, 0, owner)


SWAPPED_WORDS = (0x199, USDC, ETH, 5, 1000, 0, SOLD, 0, 1, 7, 0, 0, 2_897_000_000, 1, SOLD, 0, 11, 22, 33, 1, 44)
SWAPPED = event(EKUBO_CORE, EKUBO_SWAPPED_EVENT, *SWAPPED_WORDS)


def honest(*, is_keyed: bool = False) -> list[dict]:
    return [
        event(ETH, 0x134692B230B9E1FFA39098904722134159652B09C5BC41D88D6698779D228FF, US, AVNU_EXCHANGE, SOLD, 0),
        transfer(ETH, US, AVNU_EXCHANGE, SOLD, is_keyed=is_keyed),
        transfer(USDC, EKUBO_CORE, AVNU_EXCHANGE, BOUGHT + 7, is_keyed=is_keyed),
        SWAPPED,
        transfer(USDC, AVNU_EXCHANGE, US, BOUGHT, is_keyed=is_keyed),
        swap(),
    ]


def receipt(*events: dict, gas: bool = True, **changes) -> Receipt:
    given = events or honest()
    fee = [transfer(STRK, US, SEQUENCER, FEE)] if gas else []
    fields = {
        "transaction_hash": "0x77",
        "actual_fee": {"amount": hex(FEE), "unit": "FRI"},
        "execution_status": "SUCCEEDED",
        "finality_status": "ACCEPTED_ON_L2",
        "events": [*given, *fee],
        "block_number": 5,
    }
    return convert(Receipt, {**fields, **changes})


def test_event_keys_are_those_of_their_names():
    assert (selector("Swap"), selector("Transfer"), selector("Swapped")) == (SWAP_EVENT, TRANSFER_EVENT, EKUBO_SWAPPED_EVENT)


@pytest.mark.parametrize("is_keyed", [False, True])
def test_a_swap_is_what_was_transferred_in_both_layouts(is_keyed):
    done = read_receipt(receipt(*honest(is_keyed=is_keyed)), TRADED)
    assert (done.sold, done.bought, done.fee_fri, done.is_reverted, done.transaction_hash) == (SOLD, BOUGHT, FEE, False, 0x77)
    assert done.pools == (
        PoolMove(
            key=(USDC, ETH, 5, 1000, 0),
            delta0=-2_897_000_000,
            delta1=SOLD,
            sqrt_ratio_after=11 + (22 << 128),
            tick_after=-33,
            liquidity_after=44,
        ),
    )


def strk_swap(gas_first: bool = False) -> list[dict]:
    gas = transfer(STRK, US, SEQUENCER, FEE)
    moves = [
        transfer(STRK, US, AVNU_EXCHANGE, SOLD),
        transfer(USDC, AVNU_EXCHANGE, US, BOUGHT),
        swap(STRK, SOLD, USDC, BOUGHT),
    ]
    return [gas, *moves] if gas_first else [*moves, gas]


@pytest.mark.parametrize("gas_first", [True, False])
def test_the_gas_is_no_part_of_what_was_sold(gas_first):
    traded = msgspec.structs.replace(TRADED, sell_token=STRK)
    done = read_receipt(receipt(*strk_swap(gas_first), gas=False), traded)
    assert (done.sold, done.fee_fri) == (SOLD, FEE)


def test_a_node_that_tells_no_transfer_of_the_gas_is_read_as_well():
    traded = msgspec.structs.replace(TRADED, sell_token=STRK)
    assert read_receipt(receipt(*strk_swap()[:-1], gas=False), traded).sold == SOLD


def test_selling_just_as_much_as_the_gas_is_not_taken_for_it():
    traded = msgspec.structs.replace(TRADED, sell_token=STRK)
    events = [
        transfer(STRK, US, AVNU_EXCHANGE, FEE),
        transfer(USDC, AVNU_EXCHANGE, US, 5),
        swap(STRK, FEE, USDC, 5),
    ]
    assert read_receipt(receipt(*events), traded).sold == FEE
    assert read_receipt(receipt(*events, gas=False), traded).sold == FEE


def test_the_gas_is_no_part_of_what_was_bought():
    traded = msgspec.structs.replace(TRADED, sell_token=ETH, buy_token=STRK)
    events = [
        transfer(ETH, US, AVNU_EXCHANGE, SOLD),
        transfer(STRK, AVNU_EXCHANGE, US, 10**21),
        swap(ETH, SOLD, STRK, 10**21),
    ]
    assert read_receipt(receipt(*events), traded).bought == 10**21


def test_strk_that_went_elsewhere_is_not_taken_for_the_gas():
    traded = msgspec.structs.replace(TRADED, sell_token=STRK)
    stolen = transfer(STRK, US, STRANGER, FEE + 1)
    with pytest.raises(ReceiptMismatch, match="the transfers say"):
        read_receipt(receipt(*strk_swap(), stolen, gas=False), traded)
    with pytest.raises(ReceiptMismatch, match="the transfers say"):
        read_receipt(receipt(*strk_swap()[:-1], stolen, gas=False), traded)


def test_what_came_back_was_not_sold():
    events = [
        transfer(ETH, US, AVNU_EXCHANGE, SOLD + 9),
        transfer(ETH, AVNU_EXCHANGE, US, 9),
        transfer(USDC, AVNU_EXCHANGE, US, BOUGHT),
        swap(),
    ]
    assert read_receipt(receipt(*events), TRADED).sold == SOLD


def test_amounts_have_256_bits():
    large = (1 << 130) + 5
    events = [
        transfer(ETH, US, AVNU_EXCHANGE, large),
        transfer(USDC, AVNU_EXCHANGE, US, BOUGHT),
        event(AVNU_EXCHANGE, SWAP_EVENT, US, ETH, 5, 4, USDC, BOUGHT, 0, US),
    ]
    assert read_receipt(receipt(*events), TRADED).sold == large


def test_events_of_the_same_name_of_other_contracts_are_not_ours():
    foreign = event(STRANGER, SWAP_EVENT, US, ETH, 1, 0, USDC, 1, 0, US)
    other = transfer(STRANGER, AVNU_EXCHANGE, US, 10**30)
    odd = event(STRANGER, TRANSFER_EVENT, US, 5)
    pool = event(STRANGER, EKUBO_SWAPPED_EVENT, *SWAPPED_WORDS)
    short = event(EKUBO_CORE, EKUBO_SWAPPED_EVENT, 1, 2, 3)
    done = read_receipt(receipt(foreign, other, odd, pool, short, *honest()), TRADED)
    assert (done.sold, done.bought, len(done.pools)) == (SOLD, BOUGHT, 1)


def test_a_reverted_transaction_sells_nothing_and_pays_its_gas():
    reason = "Error in the called contract: 'Insufficient tokens received'"
    reverted = receipt(transfer(STRK, US, SEQUENCER, FEE), gas=False, execution_status="REVERTED", revert_reason=reason)
    done = read_receipt(reverted, TRADED)
    assert (done.is_reverted, done.sold, done.bought, done.fee_fri, done.revert_reason) == (True, 0, 0, FEE, reason)
    silent = read_receipt(receipt(execution_status="REVERTED"), TRADED)
    assert (silent.sold, silent.revert_reason) == (0, "reverted without a reason")


SELL, BUY = transfer(ETH, US, AVNU_EXCHANGE, SOLD), transfer(USDC, AVNU_EXCHANGE, US, BOUGHT)
MISMATCHES = {
    "fewer bought than said": ([SELL, transfer(USDC, AVNU_EXCHANGE, US, BOUGHT - 1), swap()], "the transfers say"),
    "more sold than said": ([transfer(ETH, US, AVNU_EXCHANGE, SOLD + 1), BUY, swap()], "the transfers say"),
    "bought tokens sent on": ([SELL, BUY, transfer(USDC, US, STRANGER, 1), swap()], "the transfers say"),
    "for somebody else": ([SELL, BUY, swap(owner=STRANGER)], "by 0x123 for 0xbad"),
    "by somebody else": ([SELL, BUY, swap(taker=STRANGER)], "by 0xbad for 0x123"),
    "other tokens": ([SELL, BUY, swap(sell=USDC, buy=ETH)], "a swap of"),
    "no swap": ([SELL, BUY], "0 swaps"),
    "two swaps": ([SELL, BUY, swap(), swap()], "2 swaps"),
    "a short swap": ([SELL, BUY, event(AVNU_EXCHANGE, SWAP_EVENT, US, ETH, SOLD)], "a swap of 3 words"),
    "a strange transfer": ([SELL, BUY, event(ETH, TRANSFER_EVENT, US, AVNU_EXCHANGE, SOLD), swap()], "a transfer of 3 words"),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_contradictions_are_not_booked(name):
    events, words = MISMATCHES[name]
    with pytest.raises(ReceiptMismatch, match=words):
        read_receipt(receipt(*events), TRADED)


def test_a_fee_in_another_unit_and_an_unheard_of_status_are_no_receipt():
    with pytest.raises(ReceiptMismatch, match="WEI"):
        read_receipt(receipt(actual_fee={"amount": "0x1", "unit": "WEI"}), TRADED)
    with pytest.raises(ReceiptMismatch, match="SKIPPED"):
        read_receipt(receipt(execution_status="SKIPPED"), TRADED)
