"""The [execution] section of a node's config."""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from strategies.execution import ExecutionMode, ExecutionTerms


class ExecutionSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How orders are sent; see `strategies.execution.ExecutionTerms`.

    `order_expiry_secs` is for how long an order that is immediate or cancelled may be on its way to its venue.
    """

    mode: ExecutionMode = ExecutionMode.AUTO
    clip_usd: Decimal | None = None
    maker_deadline_secs: Annotated[float, Meta(gt=0, le=600)] = 20.0
    reprice_bps: Decimal = Decimal(1)
    max_reprices: Annotated[int, Meta(ge=0, le=1000)] = 20
    maker_fill_chance: Decimal = Decimal("0.7")
    maker_markout_bps: Decimal = Decimal(0)
    maker_wait_bps: Decimal = Decimal("0.5")
    retry_slippage_bps: Decimal = Decimal(5)
    max_retries: Annotated[int, Meta(ge=0, le=10)] = 2
    in_doubt_after_secs: Annotated[float, Meta(gt=0, le=60)] = 3.0
    order_expiry_secs: Annotated[float, Meta(ge=0.5, le=5)] = 2.0

    def __post_init__(self) -> None:
        if self.clip_usd is not None and not (self.clip_usd.is_finite() and self.clip_usd > 0):
            raise ValueError(f"clip_usd must be a positive number, was {self.clip_usd}")
        for name in ("reprice_bps", "maker_wait_bps", "retry_slippage_bps"):
            if not (getattr(self, name).is_finite() and getattr(self, name) >= 0):
                raise ValueError(f"{name} must not be negative, was {getattr(self, name)}")
        if not (self.maker_fill_chance.is_finite() and 0 <= self.maker_fill_chance <= 1):
            raise ValueError(f"maker_fill_chance is a fraction between 0 and 1, was {self.maker_fill_chance}")
        if not self.maker_markout_bps.is_finite():
            raise ValueError(f"maker_markout_bps must be a number, was {self.maker_markout_bps}")

    @property
    def terms(self) -> ExecutionTerms:
        """The part that concerns the strategy."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "order_expiry_secs"}
        return ExecutionTerms(**fields)
