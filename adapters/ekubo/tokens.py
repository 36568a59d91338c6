"""Tokens and pairs as this adapter knows them: by address, under codes of our own; pure."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Protocol

import msgspec

from adapters.ekubo.constants import FIELD_PRIME
from adapters.ekubo.schemas import Number

_DIGITS = 100  # a token of 18 decimals has amounts beyond the 28 digits of Python's decimals


class Token(msgspec.Struct, frozen=True):
    """A token; amounts are in its smallest units, 10^-`decimals`."""

    code: str
    address: int
    decimals: int

    def units(self, amount: Decimal) -> int:
        """Return an amount in smallest units, rounded down."""
        with localcontext(prec=_DIGITS):
            return int(amount.scaleb(self.decimals).to_integral_value(ROUND_FLOOR))

    def amount(self, units: int) -> Decimal:
        """Return smallest units as an amount, exactly."""
        with localcontext(prec=_DIGITS):
            return Decimal(units).scaleb(-self.decimals)


class Pair(msgspec.Struct, frozen=True):
    """Two tokens; prices are quote per base."""

    base: Token
    quote: Token

    @property
    def symbol(self) -> str:
        """How the pair is spelled: `ETH-USDC`."""
        return f"{self.base.code}-{self.quote.code}"

    def price(self, base_units: int, quote_units: int) -> Decimal:
        """Return the price at which these amounts are exchanged."""
        return self.quote.amount(quote_units) / self.base.amount(base_units)


class Named(Protocol):
    """A token as a config names it."""

    @property
    def code(self) -> str:
        """Our own code."""

    @property
    def address(self) -> str:
        """Its contract, in hexadecimal."""


def address_of(text: str) -> int:
    """Return an address; raises ValueError where it is none."""
    address = Number.parse(text) if text[:2] in ("0x", "0X") else 0
    if not 0 < address < FIELD_PRIME:
        raise ValueError(f"{text[:80]!r} is no address")
    return int(address)


def check_tokens(tokens: Sequence[Named]) -> None:
    """Raise ValueError where two tokens have one code or one address: codes are ours, so each has to mean one contract."""
    codes = [token.code for token in tokens]
    addresses = [address_of(token.address) for token in tokens]
    for code in codes:
        if codes.count(code) > 1:
            raise ValueError(f"two tokens have the code {code}")
        if not code or any(mark in code for mark in "-*? /"):
            raise ValueError(f"{code!r} is no code: it becomes part of instrument ids and topics")
    if len(set(addresses)) < len(addresses):
        raise ValueError("two tokens have one address")


def codes_of(symbol: str) -> tuple[str, str]:
    """Return the codes of base and quote of a pair's symbol; raises ValueError."""
    base, mark, quote = symbol.partition("-")
    if not (base and mark and quote) or base == quote or "-" in quote:
        raise ValueError(f"{symbol!r} is no pair like ETH-USDC")
    return base, quote
