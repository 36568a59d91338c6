"""The one owner of the account's nonce: one transaction at a time, journaled, sent, and followed until its fate is proven."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from adapters.ekubo import gas
from adapters.ekubo.constants import APPROVE, FRI_PER_STRK, SELECTORS, STRK
from adapters.ekubo.journal import TransactionJournal
from adapters.ekubo.receipts import ReceiptMismatch, Traded, read_receipt
from adapters.ekubo.rpc import NodeRefused, StarknetRpc
from adapters.ekubo.schemas import Receipt, TransactionStatus
from adapters.ekubo.sending import (
    Attempt,
    Blind,
    Booking,
    Cancel,
    CancelFailed,
    Done,
    Fact,
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
    Swap,
    Taken,
    advance,
    inherit,
    next_step,
)
from adapters.ekubo.signing import Bounds, Call, Invoke, Signer, account_calldata
from adapters.errors import OutcomeUnknown, Protocol, Rejected, VenueError

_LATEST = "latest"
_OUTBID = Decimal("1.25")  # how much more a replacement has to pay is not confirmed: a tenth, it is said
_TIP_FRI = 1_000_000  # per unit of L2 gas and replacement: the tip may have to rise as well; next to nothing
_READINGS = 8
_DOUBTS = 5  # how often a receipt may say what cannot be before a person has to look: nodes behind one address differ
type Told = Callable[[Slot], None]


class Account:
    """Executes swaps of one account.

    `exchange` and `core` are the contracts swaps go through. Whoever wants a transaction takes the account's turn first, so
    that what was quoted is not made old by waiting; `told` hears of the slot at work, and again with
    every look as long as it is followed. Of the transactions `written_off` no receipt is read any more: a person has.
    """

    def __init__(
        self,
        *,
        rpc: StarknetRpc,
        signer: Signer,
        journal: TransactionJournal,
        policy: Policy,
        rules: gas.GasRules,
        exchange: int,
        core: int,
        now_ns: Callable[[], int],
        told: Told,
        log: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        written_off: frozenset[int] = frozenset(),
    ) -> None:
        self._rpc, self._signer, self._journal = rpc, signer, journal
        self._policy, self._rules, self._exchange, self._core = policy, rules, exchange, core
        self._now_ns, self._told, self._log, self._sleep = now_ns, told, log, sleep
        self._written_off = written_off
        self._expected: int | None = None
        self.turn = asyncio.Lock()
        self.fault = ""  # why nothing may be sent any more until a person has looked

    @property
    def address(self) -> int:
        """The account contract."""
        return self._signer.account

    async def execute(self, calls: Sequence[Call], swap: Swap, fresh_until_ns: int, is_wanted: Callable[[], bool]) -> Slot:
        """Make calls and return what became of them; the turn must be held. `is_wanted` is asked last, before they leave.

        Raises `OutcomeUnknown` where it was executed and its receipt does not add up, and another `VenueError` where nothing
        was sent: no nonce or estimate to be had, the calls would revert (`NodeRefused`), gas above the cap, too little STRK,
        or a quote that has grown old or a swap that is wanted no more meanwhile (all `Rejected`).
        """
        if not self.turn.locked():
            raise AssertionError("the account's turn was not taken")
        if self.fault:
            raise Rejected(self.fault)
        try:
            slot = await self._prepare(calls, swap)
        except VenueError:
            raise
        except Exception as e:  # nothing has left: whatever broke, the order must not hang
            raise Rejected(f"could not be prepared: {e!r}") from e
        if self._now_ns() > fresh_until_ns:
            raise Rejected("the quote has grown old before it could be sent")
        if not is_wanted():
            raise Rejected("wanted no more before it could be sent")
        return await self._follow(slot)

    async def settle(self, slot: Slot) -> Slot:
        """Follow what an earlier process has begun, and return what became of it; the turn must be held.

        Raises `Protocol` where it was begun for another account, whose nonce is not ours to take.
        """
        if (sender := int(str(slot.newest.body["sender_address"]), 16)) != self.address:
            raise Protocol(
                f"transaction {slot.key} was left open by another account: start with {hex(sender)} to settle it first"
            )
        if slot.executed is not None and slot.booking is None and int(slot.executed, 16) in self._written_off:
            self._log(f"transaction {slot.executed} is written off: no fill and no gas of it is booked")
            return msgspec.structs.replace(slot, fate=Fate.CANCELED, executed=None, words="written off by a person")
        return await self._follow(inherit(slot, self._now_ns()) if slot.fate is None else slot)

    # -- one slot

    async def _follow(self, slot: Slot) -> Slot:
        self.fault = f"the fate of transaction {slot.key} is not known"
        self._expected = None
        while not isinstance(step := next_step(slot, self._policy, self._now_ns()), Done):
            slot = await self._take(step, slot)
        if slot.executed is not None:
            slot = await self._with_booking(slot)
        self._journal.put(slot)
        self._expected = None if slot.executed is None else slot.nonce + 1
        self.fault = ""
        return slot

    async def _take(self, step: Send | Look | Cancel, slot: Slot) -> Slot:
        match step:
            case Send(attempt=attempt):
                slot = self._note(slot, Sending(attempt.hash))
                self._journal.put(slot)  # before it may leave
                return self._note(slot, await self._send(attempt))
            case Cancel(number=number):
                slot = self._note(slot, await self._sign_cancel(slot, number))
                self._journal.put(slot)
                return slot
            case Look(after_secs=secs):
                await self._sleep(secs)
                return self._note(slot, await self._look(slot))

    def _note(self, slot: Slot, fact: Fact) -> Slot:
        changed = advance(slot, fact, self._policy, self._now_ns())
        self._told(changed)
        return changed

    async def _send(self, attempt: Attempt) -> Fact:
        try:
            told = await self._rpc.add_invoke(attempt.body)
        except NodeRefused as e:
            return Refused(attempt.hash, None if e.node_code is None else int(e.node_code), e.reason)
        except Exception as e:  # whatever broke, it may be out
            self._log(f"transaction {attempt.hash} is in doubt: {e!r}")
            return Lost(attempt.hash, str(e))
        if told != int(attempt.hash, 16):
            return Lost(attempt.hash, f"the node calls it {hex(told)}")
        return Taken(attempt.hash)

    async def _look(self, slot: Slot) -> Fact:
        try:
            statuses = await asyncio.gather(*(self._rpc.status(int(attempt.hash, 16)) for attempt in slot.attempts))
            sightings = {attempt.hash: _sighting(status) for attempt, status in zip(slot.attempts, statuses, strict=True)}
            nonce = await self._rpc.nonce(self.address, _LATEST) if self._is_nonce_asked(slot, statuses) else slot.nonce
        except Exception as e:  # whatever broke, what is out has to be followed
            return Blind(str(e))
        return Looked(sightings, nonce)

    def _is_nonce_asked(self, slot: Slot, statuses: Sequence[TransactionStatus | None]) -> bool:
        """Whether the nonce can tell more than the statuses do."""
        if any(status is not None and status.is_executed for status in statuses):
            return False
        is_young = self._now_ns() - slot.begun_ns < self._policy.resend_secs * 1e9
        return None in statuses or not is_young

    async def _sign_cancel(self, slot: Slot, number: int) -> Fact:
        """Sign an approval of nothing: it changes nothing, and pays more than what it is to replace."""
        call = Call(int(slot.swap.sell_token, 16), SELECTORS[APPROVE], (self._exchange, 0, 0))
        calldata, before = account_calldata([call]), gas.bounds_of(slot.newest.body)
        self._log(f"taking nonce {slot.nonce} from transaction {slot.newest.hash}, attempt {number}")
        try:
            bounds = gas.outbid(await self._bounds(slot.nonce, calldata), before, _OUTBID)
            self._check_cap(bounds, _TIP_FRI * number)
            signed = await self._sign(Invoke(nonce=slot.nonce, calldata=calldata, bounds=bounds, tip_fri=_TIP_FRI * number))
        except Exception as e:  # as above
            self._log(f"transaction {slot.key} cannot be replaced: {e}")
            return CancelFailed(str(e))
        return Signed(Attempt(hash=signed.hash, body=signed.body, is_cancel=True))

    async def _with_booking(self, slot: Slot) -> Slot:
        """Read the receipt of what was executed; one that contradicts itself stops the account."""
        assert slot.executed is not None
        if slot.booking is not None:
            return slot
        doubts = 0
        while True:
            try:
                if (receipt := await self._rpc.receipt(int(slot.executed, 16))) is not None:
                    return msgspec.structs.replace(slot, booking=self._booked(slot, receipt))
            except Protocol as e:
                doubts += 1
                if doubts >= _DOUBTS:
                    self._stop(slot, f"the receipt of transaction {slot.executed} does not add up: {e}")
                self._log(f"the receipt of {slot.executed} is asked for again: {e}")
            except VenueError as e:
                self._log(f"no receipt of {slot.executed}: {e}")
            self._told(slot)
            await self._sleep(self._policy.poll_secs)

    def _booked(self, slot: Slot, receipt: Receipt) -> Booking:
        """Return what a receipt says was done; raises `Protocol` where it says it against the status or what was signed."""
        assert slot.executed is not None
        if receipt.transaction_hash != int(slot.executed, 16):
            raise ReceiptMismatch(f"it is that of {hex(receipt.transaction_hash)}")
        if slot.executed != slot.key:
            return Booking(sold=0, bought=0, fee_fri=int(receipt.actual_fee.amount), reason="", ts_ns=self._now_ns())
        swap = slot.swap
        traded = Traded(
            account=self.address,
            exchange=self._exchange,
            core=self._core,
            sell_token=int(swap.sell_token, 16),
            buy_token=int(swap.buy_token, 16),
        )
        done = read_receipt(receipt, traded)
        if done.is_reverted != (slot.fate is Fate.REVERTED):
            raise ReceiptMismatch(f"{receipt.execution_status} here, {slot.fate} by its status")
        if not done.is_reverted and not (0 < done.sold <= swap.sell_amount and done.bought >= swap.buy_amount):
            signed = f"signed were at most {swap.sell_amount} for at least {swap.buy_amount}"
            raise ReceiptMismatch(f"{done.sold} sold for {done.bought}, {signed}")
        reason = done.revert_reason or ""
        return Booking(sold=done.sold, bought=done.bought, fee_fri=done.fee_fri, reason=reason, ts_ns=self._now_ns())

    def _stop(self, slot: Slot, fault: str) -> NoReturn:
        """Let nothing be sent any more: what the wallet holds now is not what we know."""
        self._journal.put(slot)
        self.fault = fault
        raise OutcomeUnknown(fault)

    # -- before a slot

    async def _prepare(self, calls: Sequence[Call], swap: Swap) -> Slot:
        nonce, calldata = await self._next_nonce(), account_calldata(calls)
        bounds = await self._bounds(nonce, calldata)
        await self._check_strk(bounds, swap)
        signed = await self._sign(Invoke(nonce=nonce, calldata=calldata, bounds=bounds))
        attempt = Attempt(hash=signed.hash, body=signed.body, is_cancel=False)
        return Slot(key=signed.hash, nonce=nonce, swap=swap, attempts=(attempt,), begun_ns=self._now_ns())

    async def _next_nonce(self) -> int:
        """Return the account's next nonce: believed at once where it is the expected one, else after two equal readings."""
        before: int | None = None
        for _ in range(_READINGS):
            told = int(await self._rpc.nonce(self.address))
            if told == self._expected or (told == before and told >= (self._expected or 0)):
                return told
            before = told
            await self._sleep(self._policy.poll_secs)
        raise Rejected(f"the node is not sure of the account's nonce: {before}, expected {self._expected}")

    async def _bounds(self, nonce: int, calldata: tuple[int, ...]) -> Bounds:
        query = await self._sign(Invoke(nonce=nonce, calldata=calldata, is_query=True))
        bounds = gas.bounds(await self._rpc.estimate_fee(query.body), self._rules)
        self._check_cap(bounds)
        return bounds

    def _check_cap(self, bounds: Bounds, tip_fri: int = 0) -> None:
        if bounds.fri(tip_fri) > self._rules.max_fee_fri:
            strk = Decimal(bounds.fri(tip_fri)) / FRI_PER_STRK
            raise Rejected(f"gas might cost {strk:.4f} STRK, at most {self._rules.max_fee_strk} are allowed")

    async def _check_strk(self, bounds: Bounds, swap: Swap) -> None:
        held = await self._rpc.balance_of(STRK, self.address)
        sold = swap.sell_amount if int(swap.sell_token, 16) == STRK else 0
        if held < bounds.fri() + sold:
            raise Rejected(f"{Decimal(held) / FRI_PER_STRK:.4f} STRK do not cover the gas")

    async def _sign(self, invoke: Invoke) -> Any:
        return await asyncio.to_thread(self._signer.sign, invoke)  # some milliseconds, off the loop


def _sighting(status: TransactionStatus | None) -> Sighting | None:
    return None if status is None else Sighting(status.finality_status, status.execution_status, status.failure_reason or "")
