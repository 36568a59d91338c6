"""A constant-product pair of another exchange: what an aggregator may route through when not confined to Ekubo."""

from dataclasses import dataclass, replace

FEE_BPS = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Reserves in raw units; token0 < token1."""

    address: int
    token0: int
    token1: int
    reserve0: int
    reserve1: int

    def other(self, token: int) -> int:
        """Return the token on the other side."""
        return self.token1 if token == self.token0 else self.token0

    def swap(self, token: int, amount: int) -> tuple["Pair", int]:
        """Sell `amount` of a token; return the pair after it and what it pays."""
        net = amount * (10_000 - FEE_BPS) // 10_000
        if token == self.token0:
            out = self.reserve1 * net // (self.reserve0 + net)
            return replace(self, reserve0=self.reserve0 + amount, reserve1=self.reserve1 - out), out
        out = self.reserve0 * net // (self.reserve1 + net)
        return replace(self, reserve0=self.reserve0 - out, reserve1=self.reserve1 + amount), out

    def price(self) -> float:
        """Return token1 per token0 in raw units."""
        return self.reserve1 / self.reserve0
