"""What the chain remembers of transactions and blocks."""

from dataclasses import dataclass, field
from enum import StrEnum

from simulators.starknet.execution import Event
from simulators.starknet.transactions import Invoke


class Finality(StrEnum):
    """How far a transaction has come."""

    RECEIVED = "RECEIVED"
    CANDIDATE = "CANDIDATE"
    PRE_CONFIRMED = "PRE_CONFIRMED"
    ACCEPTED_ON_L2 = "ACCEPTED_ON_L2"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What executing a transaction did: fee in FRI, events, and the reason when it reverted."""

    fee: int
    l2_gas: int
    l1_data_gas: int
    events: tuple[Event, ...]
    revert_reason: str | None = None


@dataclass(slots=True)
class Record:
    """A transaction the chain knows; `due_ns` is when it may be executed, None while it is stuck."""

    digest: int
    sender: int
    nonce: int
    received_ns: int
    due_ns: int | None
    invoke: Invoke | None = None  # None for a transaction whose sending was not seen
    outcome: Outcome | None = None
    block_number: int = 0
    sealed: bool = False
    drop_ns: int | None = None  # when the mempool forgets it


@dataclass(frozen=True, slots=True)
class Block:
    """A finished block."""

    number: int
    digest: int
    parent: int
    timestamp_secs: int
    records: list[Record] = field(default_factory=list)
