"""Compares what our books hold with what the venues' accounts report: what only a venue knows must not go unnoticed."""

from decimal import Decimal

_REPORTS_NEEDED = 3
_LONGEST_PAUSE = 64  # in reports


class Witness:
    """One instrument's two accounts of its position.

    Reports and fills travel apart, so that they differ for a moment around every trade: a difference counts once
    it has stood unchanged over several reports without an order at work, and is then asked about ever more rarely.
    """

    def __init__(self) -> None:
        self._seen: tuple[Decimal, Decimal] | None = None
        self._count, self._ask_at = 0, _REPORTS_NEEDED
        self._report_ns = 0

    def differs(self, booked: Decimal, reported: Decimal, report_ns: int, *, is_busy: bool) -> bool:
        """Take both in, in base units, and return whether the venue has to be asked now."""
        if is_busy or booked == reported:
            self._seen, self._report_ns = None, report_ns
            return False
        if report_ns == self._report_ns:
            return False  # the same report again
        self._report_ns = report_ns
        if (booked, reported) != self._seen:
            self._seen, self._count, self._ask_at = (booked, reported), 0, _REPORTS_NEEDED
        self._count += 1
        if self._count < self._ask_at:
            return False
        self._ask_at = self._count + min(self._count, _LONGEST_PAUSE)
        return True
