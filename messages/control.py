"""What people and breakers ask of a running node, and what it tells people."""

from enum import StrEnum

import msgspec


class TradingState(StrEnum):
    """What orders may do, from the most to the least permissive; the strictest source wins.

    Cancelling and querying are possible in every state.
    """

    RUNNING = "RUNNING"
    REDUCE_ONLY = "REDUCE_ONLY"  # no order may add to a position, flip it or open one
    CLOSE_ONLY = "CLOSE_ONLY"  # as above, and the strategy closes what is open
    HALTED = "HALTED"  # only orders that carry the operator's flatten command

    @property
    def strictness(self) -> int:
        """0 for the most permissive, rising."""
        return list(TradingState).index(self)


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """The trading state in force has changed; `source` names the breaker, the operator or the rule behind it."""

    state: TradingState
    source: str
    reason: str
    ts_ns: int


class StateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one source asks of trading; RUNNING asks for nothing and lifts what the source asked before.

    `source` is `operator` or the name of a breaker; `until_ns` is when the source lifts it by itself, None where
    it waits for a person.
    """

    state: TradingState
    source: str
    reason: str
    until_ns: int | None
    ts_ns: int


class Command(StrEnum):
    """What an operator may ask for."""

    PAUSE = "PAUSE"  # REDUCE_ONLY until resumed
    RESUME = "RESUME"  # lifts the operator's own state and acknowledges breakers that wait for a person
    FLATTEN = "FLATTEN"  # cancel everything, close both legs together, open nothing any more
    HALT = "HALT"


class OperatorCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command of a person, whichever way it came; `source` is `signal`, `redis`, `cli` or `bus`."""

    command: Command
    source: str
    reason: str
    ts_ns: int


class Severity(StrEnum):
    """How soon a person has to look."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should know; `name` is stable and in CamelCase, `detail` says what and what to do."""

    severity: Severity
    name: str
    detail: str
    ts_ns: int


class LimitsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """New limits are in force; hashes are the first 12 hex digits of the limits' SHA-256."""

    old_hash: str
    new_hash: str
    changes: tuple[str, ...]  # "name: old -> new"
    ts_ns: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The node's trader runs and its event loop turns; `beats` only ever rises."""

    beats: int
    ts_ns: int
