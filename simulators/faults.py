"""Faults a test or a schedule switches on: both venues ask this board before they answer or push."""

import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec


class FaultKind(StrEnum):
    """What may go wrong."""

    DROP_SOCKET = "drop_socket"  # abort every WebSocket without a close frame
    FREEZE_STREAM = "freeze_stream"  # push nothing on `channel` ("" is every channel) for `secs`
    DELAY_REPLY = "delay_reply"  # answer matching requests `secs` late
    LOSE_REPLY = "lose_reply"  # execute, then cut the connection (status 0) or answer `status`
    STATUS = "status"  # answer `status` without executing
    REJECT_NEXT_ORDER = "reject_next_order"  # refuse an order with `reason`
    DELAY_FILL = "delay_fill"  # tell the fills of the next trade `secs` late
    DUPLICATE_ORDER_EVENT = "duplicate_order_event"  # tell an order event twice
    DROP_DELTA = "drop_delta"  # leave out one book delta of a market named by `path`
    SYSTEM_STATE = "system_state"  # enter the state `reason`, for `secs` (0: for good)
    DUPLICATE_FILL = "duplicate_fill"  # tell a fill twice
    REORDER_ORDER_EVENTS = "reorder_order_events"  # tell an order event after the account's next one (or `secs` late)
    STALE_SNAPSHOT = "stale_snapshot"  # stamp the first message of a channel named by `path` `secs` in the past
    STALE_BEARER = "stale_bearer"  # refuse a bearer token that has authenticated a socket before
    REVOKE_TOKENS = "revoke_tokens"  # all tokens handed out so far are worth nothing
    EXHAUST_LIMIT = "exhaust_limit"  # the rate limit whose scope holds `path` is spent for `secs`
    FAIL_BATCH_ITEM = "fail_batch_item"  # refuse one order of a batch with `reason`, the others go on
    FILL_BEFORE_CANCEL = "fill_before_cancel"  # a queued cancel finds its order filled
    CLOCK_OFFSET = "clock_offset"  # the venue's clock is `secs` ahead (negative: behind)
    RESET_INDEX = "reset_index"  # the funding index of markets named by `path` starts again at zero
    ROLLBACK = "rollback"  # undo every fill of the last `secs`
    PRICE_SHOCK = "price_shock"  # move the prices of markets named by `path` by the fraction `reason`
    WIDE_BBO = "wide_bbo"  # publish best prices the fraction `reason` further apart on each side, for `secs`
    ACCOUNT_STATUS = "account_status"  # show every account with the status `reason`, for `secs` (0: for good)
    DELAY_REQUEST = "delay_request"  # execute matching requests `secs` late
    LOSE_REQUEST = "lose_request"  # cut the connection without executing
    DROP_FRAME = "drop_frame"  # lose frames of `channel`
    DELAY_FRAME = "delay_frame"  # tell frames of `channel` `secs` late
    DUPLICATE_FRAME = "duplicate_frame"  # tell frames of `channel` twice
    SWAP_FRAMES = "swap_frames"  # tell a frame of `channel` after the connection's next one
    HALF_OPEN = "half_open"  # connections open now stay open, deaf and mute
    LATE_ORDER_STATUS = "late_order_status"  # an order's status is unknown for its first `secs`
    SHORT_STATUSES = "short_statuses"  # leave out the last status of a batch's reply
    FAIL_BATCH = "fail_batch"  # refuse a whole action with the one error `reason`
    PARTIAL_FILL = "partial_fill"  # an order fills the fraction `reason` of its size at most, the rest stalls
    FILL_BEFORE_REPLACE = "fill_before_replace"  # the fraction `reason` of an order fills before its modification
    DELAY_FUNDING = "delay_funding"  # tell and list an hour's payments `secs` late
    OMIT_FUNDING = "omit_funding"  # pay an hour's funding and never list it
    FILL_CLOCK = "fill_clock"  # stamp fills up to `secs` off the clock of everything else
    ORDER_STATUS = "order_status"  # end every open order with the status `reason`
    LIQUIDATE = "liquidate"  # liquidate the positions of markets named by `path` as if margin had run out
    DELEVERAGE = "deleverage"  # close the fraction `reason` of positions in markets named by `path` by auto-deleveraging
    EXPIRE_AGENTS = "expire_agents"  # every agent named by `path` is past its validity
    # On Starknet; PRICE_SHOCK (of the token whose symbol is `path`) and EXHAUST_LIMIT strike there as well
    RPC_ERROR = "rpc_error"  # answer the method named by `path` with the JSON-RPC error code `status` and the data `reason`
    FRONT_RUN = "front_run"  # move the pools of the next executed swap by the fraction `reason` against it, just before
    REVERT = "revert"  # revert the next executed transaction with the message `reason`
    STUCK_TRANSACTION = "stuck_transaction"  # keep the next transaction received but not executed for `secs` (0: for good)
    DROP_TRANSACTION = "drop_transaction"  # forget the next transaction `secs` after accepting it; its nonce stays free
    REPLACE_TRANSACTION = "replace_transaction"  # another transaction of the same account takes the next one's nonce
    NONCE_RACE = "nonce_race"  # another transaction of the same account is executed just before the next one arrives
    NONCE_SKEW = "nonce_skew"  # tell a nonce `reason` away from the true one
    GAS_SPIKE = "gas_spike"  # multiply gas prices by `reason` for `secs` (0: for good)
    UNKNOWN_FIELD = "unknown_field"  # add a field no schema knows to the answer of the method named by `path`
    QUOTE_LIE = "quote_lie"  # tamper with a quote or build answer; `reason` is a kind of simulators.starknet.lies
    EMPTY_QUOTES = "empty_quotes"  # find no route
    EXPIRE_QUOTES = "expire_quotes"  # every quote given so far is no longer known
    NULL_USD = "null_usd"  # leave out every nullable dollar field of a quote
    IGNORE_EXCLUDED = "ignore_excluded"  # disregard excludeSources


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault; `path` and `channel` match when contained in what is asked, `count` is how often it strikes.

    `secs` is the delay of a late reply, or how long a stream stays frozen (0: until cleared).
    """

    kind: FaultKind
    path: str = ""
    channel: str = ""
    secs: float = 0.0
    count: int = 1
    status: int = 0
    reason: str = ""
    retry_after_secs: int | None = None
    until_ns: int = 0


class ScheduledFault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault of a `--faults` file, due once.

    Exactly one of `at_hours` (funding hours since the start) and `at_secs` (wall seconds) is set;
    the other fields are those of `Fault`.
    """

    venue: str
    fault: FaultKind
    at_hours: float | None = None
    at_secs: float | None = None
    path: str = ""
    channel: str = ""
    secs: float = 0.0
    count: int = 1
    status: int = 0
    reason: str = ""
    retry_after_secs: int | None = None

    def due_secs(self, hour_secs: float) -> float:
        """Return when it strikes, in wall seconds since the start."""
        return self.at_secs if self.at_secs is not None else (self.at_hours or 0.0) * hour_secs

    def to_fault(self) -> Fault:
        """Return the fault it switches on."""
        return Fault(
            kind=self.fault,
            path=self.path,
            channel=self.channel,
            secs=self.secs,
            count=self.count,
            status=self.status,
            reason=self.reason,
            retry_after_secs=self.retry_after_secs,
        )


class FaultBoard:
    """The faults of one venue."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def inject(self, fault: Fault) -> Fault:
        """Switch a fault on and return it; a limited freeze or exhaustion starts now."""
        if fault.kind in (FaultKind.FREEZE_STREAM, FaultKind.EXHAUST_LIMIT) and fault.secs and not fault.until_ns:
            fault.until_ns = time.time_ns() + round(fault.secs * 1e9)
        self._faults.append(fault)
        return fault

    def clear(self, kind: FaultKind | None = None) -> None:
        """Switch all faults off, or those of one kind."""
        self._faults = [] if kind is None else [fault for fault in self._faults if fault.kind is not kind]

    def take(self, kind: FaultKind, path: str = "", reason: str | None = None) -> Fault | None:
        """Return a matching fault (with just this `reason`, if one is given) and use it up once; None when there is none."""
        for fault in self._faults:
            if fault.kind is kind and fault.path in path and reason in (None, fault.reason):
                return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault:
        fault.count -= 1
        if fault.count <= 0:
            self._faults.remove(fault)
        return fault

    def take_any(self, kind: FaultKind) -> Fault | None:
        """Return a fault whatever its path and use it up once; None when there is none."""
        struck = next((fault for fault in self._faults if fault.kind is kind), None)
        return None if struck is None else self._use(struck)

    def find(self, kind: FaultKind, path: str = "") -> Fault | None:
        """Return a matching fault that stays until it is cleared; None when there is none."""
        return next((fault for fault in self._faults if fault.kind is kind and fault.path in path), None)

    def take_frame(self, kind: FaultKind, channel: str) -> Fault | None:
        """Return a fault that strikes frames of `channel` and use it up once; None when there is none."""
        struck = next((fault for fault in self._faults if fault.kind is kind and fault.channel in channel), None)
        return None if struck is None else self._use(struck)

    def is_limited(self, scope: str, now_ns: int) -> bool:
        """Whether the rate limit of a scope is spent at `now_ns`, for as long as a fault says."""
        return any(
            fault.kind is FaultKind.EXHAUST_LIMIT and fault.path in scope and (not fault.until_ns or now_ns < fault.until_ns)
            for fault in self._faults
        )

    def is_frozen(self, channel: str, now_ns: int) -> bool:
        """Whether pushes on `channel` are withheld at `now_ns`."""
        return any(
            fault.kind is FaultKind.FREEZE_STREAM and fault.channel in channel and (not fault.until_ns or now_ns < fault.until_ns)
            for fault in self._faults
        )


def load_schedule(path: Path) -> list[ScheduledFault]:
    """Read a schedule from a JSON list; raise ValueError with the reason when it is not one."""
    try:
        schedule = msgspec.json.decode(path.read_bytes(), type=list[ScheduledFault])
    except (OSError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ValueError(f"faults file {path}: {error}") from error
    for item in schedule:
        if (item.at_hours is None) == (item.at_secs is None):
            raise ValueError(f"faults file {path}: {item.fault} needs exactly one of at_hours and at_secs")
    return schedule


def strike_due(
    schedule: Iterable[ScheduledFault], boards: Mapping[str, FaultBoard], secs: float, hour_secs: float
) -> list[ScheduledFault]:
    """Inject what is due `secs` after the start and return what is still to come."""
    later = []
    for item in schedule:
        if item.due_secs(hour_secs) > secs:
            later.append(item)
        elif item.venue in boards:
            boards[item.venue].inject(item.to_fault())
    return later
