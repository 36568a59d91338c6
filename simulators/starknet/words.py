"""How numbers travel on Starknet: hexadecimal field elements, and 256-bit numbers in two halves."""

from collections.abc import Sequence

MASK_128 = (1 << 128) - 1


def to_hex(value: int) -> str:
    """Return a field element as the node writes it: lower case, no padding."""
    return hex(value)


def to_hexes(values: Sequence[int]) -> list[str]:
    """Return field elements as the node writes them."""
    return [hex(value) for value in values]


def number(text: object) -> int:
    """Read a number written in hexadecimal or decimal. Raise ValueError when it is neither."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise ValueError(f"{text!r} is not a number")
    value = int(text, 0) if isinstance(text, str) else text
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def halves(value: int) -> tuple[int, int]:
    """Return the low and high 128 bits of a 256-bit number."""
    return value & MASK_128, value >> 128


def whole(low: int, high: int) -> int:
    """Return the 256-bit number of its low and high 128 bits. Raise ValueError when a half is too large."""
    if low > MASK_128 or high > MASK_128:
        raise ValueError("no 256-bit number")
    return low | high << 128


def signed(value: int) -> tuple[int, int]:
    """Return Ekubo's signed integer: magnitude, and 1 for a negative value."""
    return abs(value), int(value < 0)
