"""The canary: positions start small and may grow only after clean cycles; a leg left alone starts it over."""

from decimal import Decimal

import msgspec

from messages import Intent, Outcome, PairResult


class CanaryTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a canary grows.

    The cap starts at `start_usd` (one asset on one venue) and is multiplied by `growth_factor` each time
    `clean_cycles` cycles were opened and closed as asked, until it reaches `position_usd_max`.
    """

    enabled: bool = False
    start_usd: Decimal = Decimal(1_000)
    growth_factor: Decimal = Decimal(2)
    clean_cycles: int = 3

    def __post_init__(self) -> None:
        if not (self.start_usd.is_finite() and self.start_usd > 0):
            raise ValueError(f"start_usd must be a positive number, was {self.start_usd}")
        if not (self.growth_factor.is_finite() and self.growth_factor > 1):
            raise ValueError(f"growth_factor must be a number above 1, was {self.growth_factor}")
        if self.clean_cycles < 1:
            raise ValueError(f"clean_cycles must be at least 1, was {self.clean_cycles}")


class CanaryProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a canary has come: steps grown, clean cycles since, and the assets whose open cycle was not clean."""

    steps: int = 0
    clean: int = 0
    tainted: tuple[str, ...] = ()


def cap_usd(progress: CanaryProgress, terms: CanaryTerms, position_usd_max: Decimal) -> Decimal | None:
    """Return what one asset may hold on one venue, None where no canary bounds it."""
    if not terms.enabled:
        return None
    cap = terms.start_usd
    for _ in range(progress.steps):
        if cap >= position_usd_max:
            break
        cap *= terms.growth_factor
    return cap if cap < position_usd_max else None


def advance(progress: CanaryProgress, result: PairResult, terms: CanaryTerms, position_usd_max: Decimal) -> CanaryProgress:
    """Return the progress after a pair order; a cycle counts when it ends flat and no part of it was unclean."""
    if not terms.enabled:
        return progress
    if result.outcome is Outcome.HALTED:
        # What is done about the leg left alone ends flat as well: no cycle of the canary's.
        return CanaryProgress(tainted=tuple(sorted({*progress.tainted, result.asset})))
    others = tuple(asset for asset in progress.tainted if asset != result.asset)
    is_over = result.intent is Intent.CLOSE and result.outcome is Outcome.FLAT
    if not is_over:
        is_tainted = not result.is_clean or result.asset in progress.tainted
        return msgspec.structs.replace(progress, tainted=(*others, result.asset) if is_tainted else others)
    if not result.is_clean or result.asset in progress.tainted:
        return msgspec.structs.replace(progress, tainted=others)
    clean = progress.clean + 1
    if clean < terms.clean_cycles or cap_usd(progress, terms, position_usd_max) is None:
        return msgspec.structs.replace(progress, clean=clean, tainted=others)
    return CanaryProgress(steps=progress.steps + 1, tainted=others)
