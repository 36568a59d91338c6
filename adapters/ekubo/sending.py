"""What becomes of one nonce of the account: which transaction took it, and what to do until that is proven; pure.

A nonce is used by one transaction only, whatever was sent: that is the chain's own guarantee, and all of the safety here rests
on it. A `Slot` is one nonce with everything we ever signed for it: a swap, and perhaps transactions that do nothing and only
take the nonce from a swap that is stuck or lost. Facts go in (`advance`), the next step comes out (`next_step`).

- A slot is journaled before anything of it is sent, and blocks the account until its fate is proven.
- The identical signed bytes may be sent again while the node does not know their hash: they have the same hash and the same
  nonce, so they are executed once at most, and a node that has them already says so (code 59).
- A refusal proves something only of the first sending; of a later one, the earlier sending may have got through.
- A swap carries no deadline. One that is not executed within the patience, and one that an earlier process left unexecuted,
  is not waited for: its nonce is taken by a transaction that does nothing and pays more.
- Another owner of the key may have taken the nonce. That is believed when the accepted chain has used the nonce, and several
  later looks, spread over the time of proof, find none of our hashes executed; over all of the patience where the node still
  has one of them waiting, for then one of its two answers is an old one.
"""

from enum import StrEnum

import msgspec

_NS = 1_000_000_000
_CODE_KNOWN, _CODE_UNDERPRICED = 59, 64
_ACCEPTED = ("ACCEPTED_ON_L2", "ACCEPTED_ON_L1")


class Stage(StrEnum):
    """How far one signed transaction has come, as far as we know."""

    UNSENT = "UNSENT"  # journaled
    SENT = "SENT"  # sent, and nothing is known
    RECEIVED = "RECEIVED"
    CANDIDATE = "CANDIDATE"
    PRE_CONFIRMED = "PRE_CONFIRMED"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"  # its first and only sending was refused


class Fate(StrEnum):
    """What became of a nonce."""

    SUCCEEDED = "SUCCEEDED"
    REVERTED = "REVERTED"
    CANCELED = "CANCELED"  # a transaction of ours that does nothing took it
    REPLACED = "REPLACED"  # a transaction that is not ours took it
    REFUSED = "REFUSED"  # never used: the node refused what we sent


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for what, in seconds."""

    poll_secs: float = 0.25
    resend_secs: float = 3.0
    patience_secs: float = 60.0
    proof_secs: float = 30.0
    proof_looks: int = 3
    cancels_max: int = 6


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot's swap is for; amounts are in the tokens' smallest units."""

    client_order_id: str
    strategy_id: str
    instrument_id: str
    is_buy: bool
    order_quantity: str  # base units, as the order has it
    limit_price: str | None
    sell_token: str
    buy_token: str
    sell_amount: int  # the most where the bought amount is exact
    buy_amount: int  # the least where the sold amount is exact


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One signed transaction of a slot."""

    hash: str
    body: dict[str, object]
    is_cancel: bool
    stage: Stage = Stage.UNSENT
    sends: int = 0
    is_missing: bool = False  # the last look did not find it
    code: int | None = None
    words: str = ""


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """What the executed transaction did to the wallet."""

    sold: int
    bought: int
    fee_fri: int
    reason: str  # why it was reverted, empty where it was not
    ts_ns: int


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One nonce; the journal's document, whose key is `key`."""

    key: str  # the swap's hash
    nonce: int
    swap: Swap
    attempts: tuple[Attempt, ...]
    begun_ns: int
    sent_ns: int = 0
    cancel_ns: int = 0  # when a cancelling transaction was last asked for
    gone_ns: int = 0  # since when the nonce is known to be used by none of ours
    gone_looks: int = 0
    is_inherited: bool = False  # begun by an earlier process
    fate: Fate | None = None
    executed: str | None = None  # hash
    words: str = ""
    booking: Booking | None = None
    is_booked: bool = False

    @property
    def newest(self) -> Attempt:
        """The transaction that was signed last."""
        return self.attempts[-1]

    @property
    def is_executing(self) -> bool:
        """Whether one of ours is executed, if not yet finally."""
        return any(attempt.stage is Stage.PRE_CONFIRMED for attempt in self.attempts)

    @property
    def is_taken(self) -> bool:
        """Whether a node has said that it has the swap, or what took its place."""
        return any(attempt.stage not in (Stage.UNSENT, Stage.SENT, Stage.REFUSED) for attempt in self.attempts)


class Sighting(msgspec.Struct, frozen=True):
    """A transaction's status as a node tells it."""

    finality: str
    execution: str | None
    reason: str = ""


# -- what may have happened


class Sending(msgspec.Struct, frozen=True):
    """A transaction is about to be sent."""

    hash: str


class Taken(msgspec.Struct, frozen=True):
    """The node has accepted it."""

    hash: str


class Refused(msgspec.Struct, frozen=True):
    """The node has answered with an error of its own."""

    hash: str
    code: int | None
    words: str


class Lost(msgspec.Struct, frozen=True):
    """No answer, or none that says what was done."""

    hash: str
    words: str


class Looked(msgspec.Struct, frozen=True):
    """The status of every hash (None: unknown to the node), read first, then the account's nonce in the accepted chain."""

    sightings: dict[str, Sighting | None]
    nonce: int


class Blind(msgspec.Struct, frozen=True):
    """A look failed: nothing was learned."""

    words: str


class Signed(msgspec.Struct, frozen=True):
    """A transaction that does nothing was signed for this nonce."""

    attempt: Attempt


class CancelFailed(msgspec.Struct, frozen=True):
    """None could be made."""

    words: str


type Fact = Sending | Taken | Refused | Lost | Looked | Blind | Signed | CancelFailed


# -- what to do


class Send(msgspec.Struct, frozen=True):
    """Send this transaction: journal that first, for the next process must know that it may be out."""

    attempt: Attempt


class Look(msgspec.Struct, frozen=True):
    """Wait, then look at the chain."""

    after_secs: float


class Cancel(msgspec.Struct, frozen=True):
    """Sign a transaction that does nothing and pays more than any before; `number` counts from 1."""

    number: int


class Done(msgspec.Struct, frozen=True):
    """The fate is proven."""


type Step = Send | Look | Cancel | Done


def inherit(slot: Slot, now_ns: int) -> Slot:
    """Return a slot as another process takes it over: whatever was signed may have been sent."""
    attempts = tuple(
        _with(attempt, stage=Stage.SENT, sends=max(1, attempt.sends)) if attempt.stage is Stage.UNSENT else attempt
        for attempt in slot.attempts
    )
    return _with(
        slot, attempts=attempts, is_inherited=True, begun_ns=now_ns, sent_ns=now_ns, cancel_ns=0, gone_ns=0, gone_looks=0
    )


def next_step(slot: Slot, policy: Policy, now_ns: int) -> Step:
    """Return what to do now."""
    if slot.fate is not None:
        return Done()
    newest = slot.newest
    if newest.stage is Stage.UNSENT:
        return Send(newest)
    if _wants_cancel(slot, policy, now_ns):
        return Cancel(1 + sum(attempt.is_cancel for attempt in slot.attempts))
    is_lost = newest.stage is Stage.SENT and newest.is_missing and not slot.gone_looks
    is_ours_to_send = newest.is_cancel or not (slot.is_inherited or _is_late(slot, policy, now_ns))
    if is_lost and is_ours_to_send and now_ns - slot.sent_ns >= policy.resend_secs * _NS:
        return Send(newest)
    return Look(policy.poll_secs)


def advance(slot: Slot, fact: Fact, policy: Policy, now_ns: int) -> Slot:
    """Return the slot after a fact."""
    if isinstance(fact, Looked):
        return _judge(slot, fact, policy, now_ns)
    if isinstance(fact, Blind):
        return _with(slot, words=fact.words)
    if isinstance(fact, Signed):
        return _with(slot, attempts=(*slot.attempts, fact.attempt), cancel_ns=now_ns)
    if isinstance(fact, CancelFailed):
        return _with(slot, cancel_ns=now_ns, words=fact.words)
    attempts = tuple(_told(attempt, fact, slot) if attempt.hash == fact.hash else attempt for attempt in slot.attempts)
    return _with(slot, attempts=attempts, sent_ns=now_ns if isinstance(fact, Sending) else slot.sent_ns)


def _told(attempt: Attempt, fact: Sending | Taken | Refused | Lost, slot: Slot) -> Attempt:
    """Take what a sending was answered."""
    match fact:
        case Sending():
            return _with(attempt, stage=Stage.SENT, sends=attempt.sends + 1, is_missing=False)
        case Lost(words=words):
            return _with(attempt, words=words)
        case Refused(code=code, words=words) if code != _CODE_KNOWN:
            is_first = attempt.sends == 1 and not slot.is_inherited and attempt.stage is Stage.SENT
            return _with(attempt, stage=Stage.REFUSED if is_first else attempt.stage, code=code, words=words)
    return _with(attempt, stage=Stage.RECEIVED) if attempt.stage is Stage.SENT else attempt


def _is_late(slot: Slot, policy: Policy, now_ns: int) -> bool:
    return now_ns - slot.begun_ns >= policy.patience_secs * _NS


def _wants_cancel(slot: Slot, policy: Policy, now_ns: int) -> bool:
    """Whether the time has come to take the nonce away from what was sent."""
    newest = slot.newest
    if slot.is_executing or slot.gone_looks or sum(attempt.is_cancel for attempt in slot.attempts) >= policy.cancels_max:
        return False
    if newest.is_cancel and newest.stage is Stage.REFUSED and newest.code == _CODE_UNDERPRICED:
        return True
    is_abandoned = (
        slot.is_inherited and newest.is_missing and not newest.is_cancel and now_ns - slot.begun_ns >= policy.resend_secs * _NS
    )
    is_due = now_ns - slot.cancel_ns >= policy.patience_secs * _NS
    return is_due and (is_abandoned or _is_late(slot, policy, now_ns))


def _judge(slot: Slot, look: Looked, policy: Policy, now_ns: int) -> Slot:
    attempts = tuple(_sighted(attempt, look.sightings.get(attempt.hash)) for attempt in slot.attempts)
    slot = _with(slot, attempts=attempts)
    for attempt in attempts:
        sighting = look.sightings.get(attempt.hash)
        if sighting is not None and sighting.execution is not None and sighting.finality in _ACCEPTED:
            return _with(slot, fate=_fate(attempt, sighting), executed=attempt.hash, words=sighting.reason)
    if all(attempt.stage is Stage.REFUSED for attempt in attempts):
        return _with(slot, fate=Fate.REFUSED, words=slot.newest.words)
    if slot.is_executing or look.nonce <= slot.nonce:
        return _with(slot, gone_ns=0, gone_looks=0)
    slot = _with(slot, gone_ns=slot.gone_ns or now_ns, gone_looks=slot.gone_looks + 1)
    is_contradicted = any(look.sightings.get(attempt.hash) is not None for attempt in attempts)  # one of them is an old answer
    proof_secs = max(policy.proof_secs, policy.patience_secs) if is_contradicted else policy.proof_secs
    if slot.gone_looks >= policy.proof_looks and now_ns - slot.gone_ns >= proof_secs * _NS:
        return _with(slot, fate=Fate.REPLACED, words=f"another transaction of the account has used nonce {slot.nonce}")
    return slot


def _fate(attempt: Attempt, sighting: Sighting) -> Fate:
    if attempt.is_cancel:
        return Fate.CANCELED
    return Fate.REVERTED if sighting.execution == "REVERTED" else Fate.SUCCEEDED


def _sighted(attempt: Attempt, sighting: Sighting | None) -> Attempt:
    """Take what a look has found of one transaction; one that was known may be forgotten again."""
    if sighting is None:
        kept = attempt.stage if attempt.stage in (Stage.UNSENT, Stage.REFUSED) else Stage.SENT
        return _with(attempt, stage=kept, is_missing=True)
    if sighting.execution is not None:
        stage: Stage = Stage.ACCEPTED if sighting.finality in _ACCEPTED else Stage.PRE_CONFIRMED
    else:
        stage = Stage.CANDIDATE if sighting.finality == Stage.CANDIDATE else Stage.RECEIVED
    return _with(attempt, stage=stage, is_missing=False)


def _with[T: msgspec.Struct](value: T, **changes: object) -> T:
    return msgspec.structs.replace(value, **changes)
