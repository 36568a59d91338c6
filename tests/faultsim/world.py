"""True time, our own idea of it, and everything that is on its way: the ground a simulated episode stands on."""

import heapq
from collections.abc import Callable
from hashlib import sha256
from random import Random

SEC = 1_000_000_000
START_NS = 1_800_000_000 * SEC


class World:
    """One episode's time, chance and transcript; nothing in it depends on anything but the seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.true_ns = START_NS
        self.offset_ns = 0  # our clock less the true one
        self.transcript: list[str] = []
        self._coming: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def our_ns(self) -> int:
        """What our clock shows."""
        return self.true_ns + self.offset_ns

    def likely(self, probability: float) -> bool:
        return self.chance.random() < probability

    def between(self, low_secs: float, high_secs: float) -> int:
        """Return a duration in nanoseconds."""
        return round(self.chance.uniform(low_secs, high_secs) * SEC)

    def later(self, delay_ns: int, call: Callable[[], None]) -> None:
        """Have something happen after a while of true time."""
        self._count += 1
        heapq.heappush(self._coming, (self.true_ns + delay_ns, self._count, call))

    def step(self) -> bool:
        """Let the next thing happen; return False where nothing is coming."""
        if not self._coming:
            return False
        self.true_ns, _, call = heapq.heappop(self._coming)
        call()
        return True

    def write(self, text: str) -> None:
        self.transcript.append(f"{(self.true_ns - START_NS) / SEC:.6f} {text}")

    def digest(self) -> str:
        """Return the hash of all that has happened."""
        return sha256("\n".join(self.transcript).encode()).hexdigest()
