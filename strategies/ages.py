"""Since when each pair has been open: kept on paper, so that a restart makes no old pair young."""

from typing import Protocol

from strategies.signals import PairState


class Papers(Protocol):
    """Where small values outlive the process."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return a value kept before, if there is one."""
        ...

    def remove(self, key: str) -> None:
        """Forget a value."""
        ...


class PairAges:
    """The moment (Unix nanoseconds) at which each asset's pair was first seen open."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self._opened_ns: dict[str, int | None] = {}

    def opened_ns(self, asset: str, state: PairState, now_ns: int) -> int | None:
        """Take in a confirmed state; return since when the pair is open, None where there is none.

        What lies between two open states (orders under way, a repair) ends no pair; only being flat does.
        """
        if asset not in self._opened_ns:
            kept = self._papers.get(asset)
            self._opened_ns[asset] = None if kept is None else int(kept)
        known = self._opened_ns[asset]
        if state is PairState.OPEN and known is None:
            self._papers.put(asset, str(now_ns).encode())
            self._opened_ns[asset] = now_ns
        elif state is PairState.FLAT and known is not None:
            self._papers.remove(asset)
            self._opened_ns[asset] = None
        return self._opened_ns[asset]
