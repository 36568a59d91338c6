"""Why the venue refuses: its many words as a few reasons that code can act on; pure."""

import re
from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with an order, a cancel or a whole action."""

    POST_ONLY_WOULD_MATCH = "POST_ONLY_WOULD_MATCH"
    NO_MATCH = "NO_MATCH"  # an immediate order met nothing
    PRICE_GRID = "PRICE_GRID"
    PRICE_BAND = "PRICE_BAND"  # too far from the oracle
    SIZE = "SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    MARGIN = "MARGIN"
    POSITION_LIMIT = "POSITION_LIMIT"
    REDUCE_ONLY = "REDUCE_ONLY"
    OPEN_INTEREST_CAP = "OPEN_INTEREST_CAP"
    TOO_MANY_ORDERS = "TOO_MANY_ORDERS"
    ORDER_GONE = "ORDER_GONE"  # nothing to cancel or to modify
    RATE_LIMITED = "RATE_LIMITED"
    EXPIRED = "EXPIRED"  # the action reached the venue too late
    NONCE = "NONCE"
    AUTH = "AUTH"  # the venue does not take us for who we say we are
    OTHER = "OTHER"


# The first match counts. Texts vary in prefix and ending, so they are searched for; the words in
# camel case are the order states that stand for them on the stream.
_PATTERNS: tuple[tuple[Reason, str], ...] = (
    (Reason.POST_ONLY_WOULD_MATCH, r"Post only order would have immediately matched|badAloPxRejected"),
    (Reason.NO_MATCH, r"could not immediately match|No liquidity|iocCancelRejected|marketOrderNoLiquidityRejected"),
    (Reason.OPEN_INTEREST_CAP, r"open interest|OpenInterestCapRejected|openInterestIncreaseRejected"),
    (Reason.PRICE_GRID, r"divisible by tick size|invalid price|tickRejected"),
    (Reason.PRICE_BAND, r"too far from oracle|away from the reference price|oracleRejected"),
    (Reason.SIZE, r"(invalid|zero) size"),
    (Reason.MIN_NOTIONAL, r"minimum value of|minTradeNtlRejected"),
    (Reason.POSITION_LIMIT, r"exceed margin tier limit|perpMaxPositionRejected"),
    (Reason.MARGIN, r"Insufficient margin|sufficient margin|perpMarginRejected"),
    (Reason.REDUCE_ONLY, r"Reduce only order would increase|reduceOnlyRejected"),
    (Reason.TOO_MANY_ORDERS, r"(?i)too ?many ?open ?orders"),
    (Reason.ORDER_GONE, r"never placed, already canceled, or filled|Cannot modify canceled or filled"),
    (Reason.RATE_LIMITED, r"(?i)too many (cumulative )?requests|too many pending post|rate.?limit"),
    (Reason.EXPIRED, r"Action already expired"),
    (Reason.NONCE, r"(?i)nonce"),
    (Reason.AUTH, r"does not exist|Must deposit|Vault not registered|Unable to recover|not registered|different signature"),
)
_COMPILED = tuple((reason, re.compile(pattern)) for reason, pattern in _PATTERNS)
_STATUS_LINE = re.compile(r"(?i)\b(429|too many requests)\b")
_TYPED = re.compile(rf"({'|'.join(Reason)}): ")


def reason_of(text: str) -> Reason:
    """Return the reason behind the venue's words; `OTHER` for words never seen."""
    return next((reason for reason, pattern in _COMPILED if pattern.search(text)), Reason.OTHER)


def typed(text: str) -> str:
    """Return the venue's words behind their reason, as in `MARGIN: Insufficient margin to place order.`."""
    return text if _TYPED.match(text) else f"{reason_of(text)}: {text}"


def proves_rate_limit(body: str) -> bool:
    """Return whether what came with an HTTP 429 says in its own words that nothing was executed.

    The mere status line proves nothing: a proxy may have added it to what has been done.
    """
    return reason_of(_STATUS_LINE.sub("", body)) is Reason.RATE_LIMITED
