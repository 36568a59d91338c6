"""The metrics of what stands between a wish and an order: trading state, breakers, limits, canary, alerts."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from messages import Alert, LimitsChanged, StateChange, StateRequest, TradingState
from risk.breakers import BREAKERS
from risk.in_force import LimitsInForce, values

SOURCES = ("operator", *BREAKERS)


class ControlMetrics:
    """Keeps these metrics on a registry; every state and source is there from the first scrape on."""

    def __init__(self, registry: CollectorRegistry, limits: LimitsInForce) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"farb_{name}", text, labels, registry=registry)

        self._limits = limits
        self._state = gauge("trading_state", "1 for the trading state in force, 0 for the others", "state")
        self._request = gauge("state_request", "What a source asks: 0 nothing, 1 REDUCE_ONLY, 2 CLOSE_ONLY, 3 HALTED", "source")
        self._limits_info = gauge("limits_info", "The first 12 hex digits of the SHA-256 of the limits in force", "hash")
        self._limits_changed = gauge("limits_changed_timestamp_seconds", "When other limits last came into force")
        self._limit = gauge("limit", "A limit in force, in the unit of its name", "name")
        self._canary_cap = gauge("canary_cap_usd", "What one asset may hold on one venue, bounded by the canary or the limit")
        self._alerts = Counter("farb_alerts", "Alerts by name", ("name", "severity"), registry=registry)
        for source in SOURCES:
            self._request.labels(source).set(0)
        self._show_state(TradingState.RUNNING)
        self._show_limits()

    def on_state(self, change: StateChange) -> None:
        """Show the state in force."""
        self._show_state(change.state)

    def on_request(self, request: StateRequest) -> None:
        """Show what a source asks."""
        self._request.labels(request.source).set(request.state.strictness)

    def on_limits(self, changed: LimitsChanged) -> None:
        """Show the limits in force and when they came."""
        self._limits_changed.set(changed.ts_ns / 1e9)
        self._show_limits()

    def on_alert(self, alert: Alert) -> None:
        """Count an alert."""
        self._alerts.labels(alert.name, alert.severity.value).inc()

    def _show_state(self, state: TradingState) -> None:
        for other in TradingState:
            self._state.labels(other.value).set(other is state)

    def _show_limits(self) -> None:
        limits = self._limits
        self._limits_info.clear()
        self._limits_info.labels(limits.hash).set(1)
        for name, value in values(limits.current).items():
            self._limit.labels(name).set(float(value))
        self._canary_cap.set(float(limits.current.position_usd_max))
