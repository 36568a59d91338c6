"""Counts clean cycles for the canary, keeps them over restarts, and lets its cap grow or start over."""

import msgspec
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from actors.documents import Documents, keep
from actors.limits_audit import audit
from messages import Alert, PairResult, Severity, topics
from risk.canary import CanaryProgress, advance
from risk.in_force import LimitsInForce

_KEY = "progress"


class Canary(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Holds the progress of the canary; the cap that follows from it is part of the limits in force."""

    def __init__(self, limits: LimitsInForce, documents: Documents) -> None:
        super().__init__(ActorConfig(component_id="CANARY"))
        self._limits, self._documents = limits, documents
        self._progress = CanaryProgress()

    def listen(self) -> None:
        """Take up where the last run ended, before the first order; what cannot be read starts over."""
        kept = self._documents.get(_KEY)
        if kept is not None:
            try:
                self._progress = msgspec.json.decode(kept, type=CanaryProgress)
            except msgspec.DecodeError as e:
                self.log.error(f"the canary starts over, its journaled progress cannot be read: {e}")
        audit(self, self._limits.grow(self._progress), "restored canary")
        self.msgbus.subscribe(topic=topics.PAIR_RESULT, handler=self._on_result)

    def _on_result(self, result: PairResult) -> None:
        limits = self._limits.configured
        progress = advance(self._progress, result, limits.canary, limits.position_usd_max)
        if progress == self._progress:
            return
        keep(self, self._documents, _KEY, msgspec.json.encode(progress))
        has_started_over = progress.steps < self._progress.steps
        self._progress = progress
        audit(self, self._limits.grow(progress), f"canary after {result.pair_id}")
        if has_started_over:
            detail = f"{result.pair_id} ended with a leg alone: positions start small again"
            alert = Alert(severity=Severity.WARNING, name="CanaryStartedOver", detail=detail, ts_ns=self.clock.timestamp_ns())
            self.msgbus.publish(topic=topics.ALERT, msg=alert)
