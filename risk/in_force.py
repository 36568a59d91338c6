"""The limits in force: one immutable set that is swapped whole, and never beyond what the node was started with."""

from decimal import Decimal
from hashlib import sha256

import msgspec

from risk.canary import CanaryProgress, cap_usd
from risk.limits import Limits

# Which way is tighter follows from a field's ending, except of these.
_HIGHER_IS_TIGHTER = frozenset({"margin_buffer_ratio", "breaker_cooldown_secs", "canary.enabled", "canary.clean_cycles"})
_LOWER_IS_TIGHTER = frozenset({"canary.start_usd", "canary.growth_factor"})


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """One set of limits has taken the place of another; hashes are the first 12 hex digits of their SHA-256."""

    old_hash: str
    new_hash: str
    changes: tuple[str, ...]  # "name: old -> new"


class LoosenedError(ValueError):
    """Limits ask for more than the node was started with; the message names each of them."""


class LimitsInForce:
    """What gate, planner and canary read: whoever decides takes `current` once and uses it to the end of the decision.

    The set is replaced by assigning one attribute, so no reader ever sees parts of two sets.
    """

    def __init__(self, limits: Limits) -> None:
        self._at_start = self._configured = limits
        self._progress = CanaryProgress()
        self._current = self._capped()
        self._hash = limits_hash(self._current)

    @property
    def current(self) -> Limits:
        """The limits in force now."""
        return self._current

    @property
    def configured(self) -> Limits:
        """The limits as they were last read, before a canary's cap."""
        return self._configured

    @property
    def hash(self) -> str:
        """The first 12 hex digits of the SHA-256 of what is in force."""
        return self._hash

    def replace(self, limits: Limits) -> Swap | None:
        """Put newly read limits in force and return what changed, None if nothing did.

        Raise `LoosenedError`, and change nothing, where one of them is looser than at the start of the node.
        """
        beyond = loosened(self._at_start, limits)
        if beyond:
            raise LoosenedError(f"looser than at the start, which needs a restart: {', '.join(beyond)}")
        self._configured = limits
        return self._swap()

    @property
    def canary_cap_usd(self) -> Decimal | None:
        """What the canary lets one asset hold on one venue, None where it does not bind."""
        return cap_usd(self._progress, self._configured.canary, self._configured.position_usd_max)

    def grow(self, progress: CanaryProgress) -> Swap | None:
        """Hold positions below the cap of a canary that has come so far; return what changed, None if nothing did."""
        self._progress = progress
        return self._swap()

    def _capped(self) -> Limits:
        cap = self.canary_cap_usd
        return self._configured if cap is None else msgspec.structs.replace(self._configured, position_usd_max=cap)

    def _swap(self) -> Swap | None:
        limits, old = self._capped(), self._current
        changes = changed(old, limits)
        if not changes:
            return None
        swap = Swap(old_hash=self._hash, new_hash=limits_hash(limits), changes=changes)
        self._current, self._hash = limits, swap.new_hash
        return swap


def values(limits: msgspec.Struct, prefix: str = "") -> dict[str, Decimal | bool]:
    """Return every single limit by name, those of a table as `table.name`."""
    found: dict[str, Decimal | bool] = {}
    for name in limits.__struct_fields__:
        value = getattr(limits, name)
        if isinstance(value, msgspec.Struct):
            found |= values(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, bool) else Decimal(str(value))
    return found


def limits_hash(limits: Limits) -> str:
    """Return the first 12 hex digits of the limits' SHA-256; equal values have equal hashes, however they are written."""
    lines = (f"{name}={_text(value)}" for name, value in sorted(values(limits).items()))
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def changed(old: Limits, new: Limits) -> tuple[str, ...]:
    """Return every difference as `name: old -> new`."""
    before, after = values(old), values(new)
    return tuple(f"{name}: {_text(before[name])} -> {_text(after[name])}" for name in before if before[name] != after[name])


def loosened(old: Limits, new: Limits) -> tuple[str, ...]:
    """Return every limit that `new` sets looser than `old`, as `name: old -> new`."""
    before, after = values(old), values(new)
    return tuple(
        f"{name}: {_text(before[name])} -> {_text(after[name])}"
        for name in before
        if (after[name] > before[name] if is_lower_tighter(name) else after[name] < before[name])
    )


def is_lower_tighter(name: str) -> bool:
    """Return which way a limit is tighter; raise `KeyError` for one of which nobody has said it."""
    if name.endswith("_max") or name in _LOWER_IS_TIGHTER:
        return True
    if name.endswith("_min") or name in _HIGHER_IS_TIGHTER:
        return False
    raise KeyError(f"whether less of {name} is tighter or looser is not known")


def _text(value: Decimal | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value.normalize():f}"
