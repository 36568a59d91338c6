"""The limits in force: swapped whole, hashed by value, never looser than at the start."""

from decimal import Decimal

import msgspec
import pytest

from risk.canary import CanaryTerms
from risk.in_force import LimitsInForce, LoosenedError, changed, is_lower_tighter, limits_hash, loosened, values
from risk.limits import Limits

HIGHER_IS_TIGHTER = {
    "margin_buffer_ratio",
    "liquidation_distance_ratio_min",
    "breaker_cooldown_secs",
    "canary.enabled",
    "canary.clean_cycles",
}
START = Limits(canary=CanaryTerms(enabled=True))


def moved(limits: Limits, name: str, *, up: bool) -> Limits:
    table, _, field = name.rpartition(".")
    old = values(limits)[name]
    kind = type(getattr(limits.canary if table else limits, field))
    step = Decimal(1) if kind is int else Decimal("0.01")
    new = up if isinstance(old, bool) else old + (step if up else -step)
    change = {field: kind(new)}
    inner = {"canary": msgspec.structs.replace(limits.canary, **change)} if table else change
    return msgspec.structs.replace(limits, **inner)


NAMES = sorted(values(START))


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_has_a_tighter_side_and_only_that_one_is_open(name: str) -> None:
    assert is_lower_tighter(name) is (name not in HIGHER_IS_TIGHTER)
    is_switch = isinstance(values(START)[name], bool)
    loose = moved(START, name, up=is_lower_tighter(name))
    in_force = LimitsInForce(START)
    assert [words.split(":")[0] for words in loosened(START, loose)] == [name]
    with pytest.raises(LoosenedError, match=name):
        in_force.replace(loose)
    assert (in_force.current, in_force.hash) == (LimitsInForce(START).current, LimitsInForce(START).hash)
    if not is_switch:
        tight = moved(START, name, up=not is_lower_tighter(name))
        assert [words.split(":")[0] for words in changed(START, tight)] == [name]
        in_force.replace(tight)
        assert in_force.configured == tight
        in_force.replace(START)  # back to what it was started with, no further
        assert in_force.configured == START


def test_one_limit_too_loose_keeps_all_others_out_as_well() -> None:
    in_force = LimitsInForce(Limits())
    mixed = Limits(position_usd_max=Decimal(100), leverage_max=Decimal(9))
    with pytest.raises(LoosenedError, match="leverage_max: 3 -> 9"):
        in_force.replace(mixed)
    assert in_force.current == Limits()


def test_equal_limits_have_equal_hashes_however_they_are_written() -> None:
    assert limits_hash(Limits(leverage_max=Decimal("3.00"))) == limits_hash(Limits(leverage_max=Decimal(3)))
    hashes = {limits_hash(moved(START, name, up=up)) for name in NAMES for up in (True, False) if name != "canary.enabled"}
    assert len(hashes) == 2 * (len(NAMES) - 1)
    assert all(len(one) == 12 and int(one, 16) >= 0 for one in hashes)


def test_nothing_new_is_no_swap() -> None:
    in_force = LimitsInForce(Limits())
    assert in_force.replace(Limits(leverage_max=Decimal("3.0"))) is None


def test_a_reader_keeps_the_set_it_took() -> None:
    in_force = LimitsInForce(Limits())
    taken = in_force.current
    in_force.replace(Limits(position_usd_max=Decimal(1), data_age_secs_max=1.0))
    assert taken == Limits()
    assert (in_force.current.position_usd_max, in_force.current.data_age_secs_max) == (1, 1.0)
