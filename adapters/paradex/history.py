"""Funding history in affordable bites: the venue keeps a row every five seconds, we want one an hour."""

from adapters.paradex.http import ParadexHttp
from adapters.paradex.schemas import FundingData
from messages import FundingClock

DEFAULT_HOURS = 24
MAX_HOURS = 24 * 31
_NS_PER_MS = 1_000_000


def hour_ends_ns(clock: FundingClock, start_ns: int | None, end_ns: int, limit: int) -> list[int]:
    """Return the ends of the whole funding hours inside a window, oldest first.

    Without `start_ns` the window is `limit` hours, or a day; a limit keeps the newest.
    """
    hours = min(limit or DEFAULT_HOURS, MAX_HOURS) if start_ns is None else min(limit or MAX_HOURS, MAX_HOURS)
    last = clock.hour_start_ns(end_ns)
    ends = [last - back * clock.hour_ns for back in range(hours)]
    return [end for end in reversed(ends) if start_ns is None or end >= start_ns]


async def hourly_samples(
    http: ParadexHttp, market: str, *, clock: FundingClock, start_ns: int | None, end_ns: int, limit: int
) -> list[FundingData]:
    """Return the last sample of every whole funding hour in a window, oldest first.

    Each sample is an instantaneous rate and index. Samples are not to be added up: what funding paid
    between two of them is the difference of their indices.
    """
    samples: list[FundingData] = []
    for end in hour_ends_ns(clock, start_ns, end_ns, limit):
        first_ms, last_ms = (end - clock.hour_ns) // _NS_PER_MS, end // _NS_PER_MS
        samples += await http.funding_data(market, first_ms, last_ms, page_size=1)
    return samples
