"""What a receipt says a swap did: sold, bought, gas, and the pools' prices after it; pure.

Nothing is taken from what was quoted. AVNU's `Swap` event and the token transfers from and to our account have to agree.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from adapters.ekubo.constants import EKUBO_SWAPPED_EVENT, STRK, SWAP_EVENT, TRANSFER_EVENT, WORD_BITS
from adapters.ekubo.schemas import REVERTED, SUCCEEDED, Receipt
from adapters.errors import Protocol

_SWAP_WORDS = 8
_SWAPPED_WORDS = 21
_FRI = "FRI"


class ReceiptMismatch(Protocol):
    """A receipt whose parts contradict each other, or that is of something else: a person has to look."""


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """Whose swap of what it was."""

    account: int
    exchange: int
    core: int
    sell_token: int
    buy_token: int
    gas_token: int = STRK


class PoolMove(msgspec.Struct, frozen=True, kw_only=True):
    """What one swap in one pool did: `delta0` and `delta1` from the pool's view, its price and liquidity after it."""

    key: tuple[int, int, int, int, int]  # token0, token1, fee, tick spacing, extension
    delta0: int
    delta1: int
    sqrt_ratio_after: int
    tick_after: int
    liquidity_after: int


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction did: amounts in base units, 0 where it reverted; `fee_fri` is charged in either case."""

    transaction_hash: int
    is_reverted: bool
    revert_reason: str | None
    sold: int
    bought: int
    fee_fri: int
    pools: tuple[PoolMove, ...] = ()


class Transfer(NamedTuple):
    """Tokens that moved."""

    token: int
    sender: int
    recipient: int
    amount: int


def read_receipt(receipt: Receipt, traded: Traded) -> Execution:
    """Return what the swap did; raises `ReceiptMismatch` where the events do not add up to one swap of ours."""
    gas = _charged_fri(receipt)
    if receipt.execution_status == REVERTED:
        reason = receipt.revert_reason or "reverted without a reason"
        return _execution(receipt, gas, is_reverted=True, revert_reason=reason)
    if receipt.execution_status != SUCCEEDED:
        raise ReceiptMismatch(f"execution status {receipt.execution_status!r}")
    sold, bought = _swapped(receipt, traded)
    transfers = _without_gas(list(_transfers(receipt, {traded.sell_token, traded.buy_token})), gas, traded)
    moved = {token: _net(transfers, token, traded.account) for token in (traded.sell_token, traded.buy_token)}
    if (moved[traded.sell_token], moved[traded.buy_token]) != (-sold, bought):
        raise ReceiptMismatch(
            f"the exchange says {sold} sold and {bought} bought, "
            f"the transfers say {-moved[traded.sell_token]} and {moved[traded.buy_token]}"
        )
    pools = tuple(_pool_moves(receipt, traded.core))
    return _execution(receipt, gas, sold=sold, bought=bought, pools=pools)


def _execution(
    receipt: Receipt,
    fee_fri: int,
    *,
    is_reverted: bool = False,
    revert_reason: str | None = None,
    sold: int = 0,
    bought: int = 0,
    pools: tuple[PoolMove, ...] = (),
) -> Execution:
    return Execution(
        transaction_hash=int(receipt.transaction_hash),
        is_reverted=is_reverted,
        revert_reason=revert_reason,
        sold=sold,
        bought=bought,
        fee_fri=fee_fri,
        pools=pools,
    )


def _charged_fri(receipt: Receipt) -> int:
    if receipt.actual_fee.unit != _FRI:
        raise ReceiptMismatch(f"a fee in {receipt.actual_fee.unit!r}, not in {_FRI}")
    return int(receipt.actual_fee.amount)


def _swapped(receipt: Receipt, traded: Traded) -> tuple[int, int]:
    """Return what AVNU says was sold and bought; other contracts have events of the same name."""
    events = [event for event in receipt.events if event.from_address == traded.exchange and event.keys[:1] == (SWAP_EVENT,)]
    if len(events) != 1:
        raise ReceiptMismatch(f"{len(events)} swaps of the exchange in one transaction")
    words = (*events[0].keys[1:], *events[0].data)  # a newer contract might key some of them
    if len(words) != _SWAP_WORDS:
        raise ReceiptMismatch(f"a swap of {len(words)} words")
    taker, sell_token, sell_low, sell_high, buy_token, buy_low, buy_high, beneficiary = words
    if {taker, beneficiary} != {traded.account}:
        raise ReceiptMismatch(f"a swap by {hex(taker)} for {hex(beneficiary)}")
    if (sell_token, buy_token) != (traded.sell_token, traded.buy_token):
        raise ReceiptMismatch(f"a swap of {hex(sell_token)} for {hex(buy_token)}")
    return sell_low | sell_high << WORD_BITS, buy_low | buy_high << WORD_BITS


def _transfers(receipt: Receipt, tokens: set[int]) -> Iterator[Transfer]:
    """Yield the transfers of tokens in both layouts: all in the data, or sender and recipient among the keys."""
    for event in receipt.events:
        if event.from_address not in tokens or event.keys[:1] != (TRANSFER_EVENT,):
            continue
        words = (*event.keys[1:], *event.data)
        if len(words) != 4:
            raise ReceiptMismatch(f"a transfer of {len(words)} words")
        sender, recipient, low, high = (int(word) for word in words)
        yield Transfer(int(event.from_address), sender, recipient, low | high << WORD_BITS)


def _without_gas(transfers: list[Transfer], fee_fri: int, traded: Traded) -> list[Transfer]:
    """Leave out the one transfer that is the payment of the gas: to the sequencer, whose address may change."""
    for at, each in enumerate(transfers):
        is_ours = each.token == traded.gas_token and each.sender == traded.account
        if is_ours and each.amount == fee_fri and each.recipient not in (traded.exchange, traded.account):
            return transfers[:at] + transfers[at + 1 :]
    return transfers


def _net(transfers: list[Transfer], token: int, account: int) -> int:
    received = sum(each.amount for each in transfers if each.token == token and each.recipient == account)
    return received - sum(each.amount for each in transfers if each.token == token and each.sender == account)


def _pool_moves(receipt: Receipt, core: int) -> Iterator[PoolMove]:
    """Yield Ekubo's `Swapped` events; one of another length is left out, for nothing is booked by them."""
    for event in receipt.events:
        if event.from_address != core or event.keys[:1] != (EKUBO_SWAPPED_EVENT,) or len(event.data) != _SWAPPED_WORDS:
            continue
        words = [int(word) for word in event.data]
        token0, token1, fee, tick_spacing, extension = words[1:6]
        yield PoolMove(
            key=(token0, token1, fee, tick_spacing, extension),
            delta0=_signed(words[12], words[13]),
            delta1=_signed(words[14], words[15]),
            sqrt_ratio_after=words[16] | words[17] << WORD_BITS,
            tick_after=_signed(words[18], words[19]),
            liquidity_after=words[20],
        )


def _signed(magnitude: int, is_negative: int) -> int:
    return -magnitude if is_negative else magnitude
