"""Identifiers as the venue makes them, unique and deterministic in the seed."""

import random


class Ids:
    """Counters behind the venue's identifiers."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"{seed}/paradex/ids")
        self._orders = self._random.randrange(10**8, 9 * 10**8)
        self._fills = self._random.randrange(10**18, 8 * 10**18)
        self._last_seq = 0

    def order_id(self, now_ms: int) -> str:
        """Return a 28-digit id: milliseconds, then a counter."""
        self._orders += self._random.randint(1, 997)
        return f"{now_ms}{self._orders:011d}0000"

    def fill_id(self) -> str:
        """Return a 19-digit id."""
        self._fills += self._random.randint(1, 10**12)
        return str(self._fills)

    def seq(self, now_ns: int) -> int:
        """Return the next number of the private stream: like nanoseconds, always rising."""
        self._last_seq = max(now_ns, self._last_seq + self._random.randint(1, 97))
        return self._last_seq
