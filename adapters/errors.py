"""What can go wrong between us and a venue, split by who must act.

VenueError
├── Connectivity     the request did not reach the venue, or a read failed: retry
├── RateLimited      too many requests: wait `retry_after_secs`, then retry
├── Auth             key, token, signature or account is wrong: a person must act
├── Rejected         the venue refused, definitely and in words: never retry as it is
├── Protocol         the venue said something this adapter does not understand
└── OutcomeUnknown   an action may or may not have been executed: resolve by client order id,
                     never send it again
"""


class VenueError(Exception):
    """Base of everything a venue's transport, stream or http client raises."""


class Connectivity(VenueError):
    """The venue could not be reached, or a read did not complete; reading again is safe."""


class RateLimited(VenueError):
    """The venue refused for rate; nothing was executed."""

    def __init__(self, message: str, retry_after_secs: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_secs = retry_after_secs


class Auth(VenueError):
    """The venue does not accept who we say we are."""


class Rejected(VenueError):
    """The venue refused the request; `reason` holds its words, `code` its code where it has one."""

    def __init__(self, reason: str, code: str | None = None) -> None:
        super().__init__(f"{code}: {reason}" if code else reason)
        self.reason = reason
        self.code = code


class Protocol(VenueError):
    """A frame or answer does not have the shape this adapter was built for."""


class OutcomeUnknown(VenueError):
    """An action left us and its outcome is not known."""
