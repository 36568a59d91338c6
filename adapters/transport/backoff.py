"""How long to wait before trying again: exponential with full jitter, pure."""


def delay_secs(attempt: int, *, base_secs: float, cap_secs: float, jitter: float) -> float:
    """Return the wait before retry number `attempt` (0 for the first).

    `jitter` is a random number in [0, 1) given by the caller: 0 waits half of the step, 1 all of it,
    so that clients cut off together do not come back together.
    """
    step = min(cap_secs, base_secs * 2.0 ** min(attempt, 32))
    return step * (0.5 + 0.5 * jitter)
