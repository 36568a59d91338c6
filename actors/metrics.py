"""Prometheus metrics of a running node, all defined here so that dashboards and tests agree on one list."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import liquidity_side_to_str
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import InstrumentId
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, start_http_server

from actors.control_metrics import ControlMetrics
from actors.pair_metrics import PairMetrics
from messages import AccountHealth, FundingPayment, RiskRefused, Signal, VenueState, VenueStatus, annual_rate, topics
from messages.loop import on_loop
from risk.in_force import LimitsInForce

# Ratios are 0-1, never percent; times are Unix seconds, never ages; a counter of each sign where cash has two.


class Catalogue:
    """Every metric of the node, registered on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"farb_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"farb_{name}", text, labels, registry=registry)

        self.build_info = gauge("build_info", "Version and mode of the running node", "version", "mode")
        self.heartbeat = gauge("heartbeat_timestamp_seconds", "When the node's loop last beat", "component")
        self.venue_connected = gauge("venue_connected", "Whether a venue's channel can be traded on", "venue", "channel")
        self.market_data = gauge(
            "market_data_timestamp_seconds", "When the last quote of an instrument arrived", "venue", "instrument"
        )
        self.funding_apr = gauge("funding_apr_ratio", "Published funding as a simple annual rate", "venue", "instrument")
        self.spread_apr = gauge("spread_apr_ratio", "Funding of the short venue less the long venue's, annual", "asset")
        self.expected_edge = gauge(
            "expected_edge_usd", "What the best pair of an asset is expected to bring over the horizon after all costs", "asset"
        )
        self.absorbable = gauge("absorbable_usd", "What both books take inside the slippage limit", "asset")
        self.leg_notional = gauge("leg_notional_usd", "Signed notional of an open leg", "asset", "venue")
        self.equity = gauge("equity_usd", "Equity of a venue account", "venue")
        self.free_collateral = gauge("free_collateral_usd", "Free collateral of a venue account", "venue")
        self.maintenance = gauge("maintenance_margin_usd", "Maintenance margin of a venue account", "venue")
        self.funding_received = counter("funding_received_usd", "Funding received in cash", "venue", "asset")
        self.funding_paid = counter("funding_paid_usd", "Funding paid in cash", "venue", "asset")
        self.fees_paid = counter("fees_paid_usd", "Trading fees paid", "venue", "liquidity")
        self.rebates = counter("rebates_usd", "Maker rebates received", "venue")
        self.orders = counter("orders", "Orders by what became of them", "venue", "outcome")
        self.refusals = counter("risk_refusals", "Refusals by the project's risk rules", "reason")


_OUTCOMES: tuple[tuple[type, str], ...] = (
    (OrderSubmitted, "submitted"),
    (OrderAccepted, "accepted"),
    (OrderCanceled, "canceled"),
    (OrderRejected, "rejected"),
    (OrderDenied, "denied"),
)


class Metrics(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Keep the catalogue current and serve it on 127.0.0.1."""

    def __init__(
        self, *, port: int, version: str, mode: str, instrument_ids: tuple[InstrumentId, ...], limits: LimitsInForce
    ) -> None:
        super().__init__(ActorConfig())
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.catalogue = Catalogue(self.registry)
        self._control = ControlMetrics(self.registry, limits)
        self._pairs = PairMetrics(self.registry)
        self.catalogue.build_info.labels(version, mode).set(1)
        self._instrument_ids = instrument_ids
        # Resolved once: `.labels()` on every event costs more than the update itself.
        self._quote_times = {i: self.catalogue.market_data.labels(i.venue.value, i.symbol.value) for i in instrument_ids}
        self._aprs = {i: self.catalogue.funding_apr.labels(i.venue.value, i.symbol.value) for i in instrument_ids}
        self._heartbeat = self.catalogue.heartbeat.labels("node")
        self._port = port
        self._stop_server: Callable[[], None] | None = None

    def listen(self) -> None:
        """Hear reports and what is restored from now on: the first of them come before any start."""
        for topic, handler in (
            (topics.ACCOUNT_HEALTH, self._on_health),
            (topics.VENUE_STATUS, self._on_status),
            (topics.RISK_REFUSED, self._on_refused),
            (topics.TRADING_STATE, self._control.on_state),
            (topics.STATE_REQUEST, self._control.on_request),
            (topics.LIMITS_CHANGED, self._control.on_limits),
            (topics.ALERT, self._control.on_alert),
            (topics.LEG_UPDATE, self._pairs.on_leg),
            (topics.PAIR_RESULT, self._pairs.on_result),
            (topics.MAKER_MARKOUT, self._pairs.on_markout),
        ):
            self.msgbus.subscribe(topic=topic, handler=handler)

    def serve(self) -> int:
        """Open the endpoint and return its port; raise `OSError` where the port is taken."""
        server, thread = start_http_server(self._port, addr="127.0.0.1", registry=self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop_server = stop
        return int(server.server_port)

    def close(self) -> None:
        """Close the endpoint; a gauge nobody updates must not be scraped."""
        if self._stop_server is not None:
            self._stop_server()
            self._stop_server = None

    def on_start(self) -> None:
        """Listen to what the node does."""
        self.msgbus.subscribe(topic=topics.SIGNAL, handler=self._on_signal)
        self.msgbus.subscribe(topic=topics.FUNDING_PAYMENT, handler=self._on_payment)
        self.msgbus.subscribe(topic="events.order.*", handler=self._on_order_event)
        self.clock.set_timer("metrics", timedelta(seconds=1), callback=on_loop(self._on_timer))

    def on_stop(self) -> None:
        """Keep the endpoint open: what the node last did can be scraped until `close`."""

    def _on_timer(self, _event: object) -> None:
        self._heartbeat.set(self.clock.timestamp_ns() / 1e9)
        for instrument_id in self._instrument_ids:
            quote = self.cache.quote_tick(instrument_id)
            if quote is not None:
                self._quote_times[instrument_id].set(quote.ts_init / 1e9)
            funding = self.cache.funding_rate(instrument_id)
            if funding is not None and funding.interval:
                self._aprs[instrument_id].set(float(annual_rate(Decimal(str(funding.rate)), Decimal(funding.interval) / 60)))

    def _on_health(self, health: AccountHealth) -> None:
        self.catalogue.equity.labels(health.venue).set(float(health.equity_usd))
        self.catalogue.free_collateral.labels(health.venue).set(float(health.free_collateral_usd))
        self.catalogue.maintenance.labels(health.venue).set(float(health.maintenance_margin_usd))
        held = {position.instrument_id: position for position in health.positions}
        for instrument_id in self._instrument_ids:
            if instrument_id.venue.value != health.venue:
                continue
            position = held.get(str(instrument_id))
            notional = (
                0.0 if position is None else float(position.quantity * position.entry_price_usd + position.unrealized_pnl_usd)
            )
            self.catalogue.leg_notional.labels(_asset(str(instrument_id)), health.venue).set(notional)

    def _on_status(self, status: VenueStatus) -> None:
        self.catalogue.venue_connected.labels(status.venue, status.channel).set(status.state is VenueState.OK)

    def _on_signal(self, signal: Signal) -> None:
        self.catalogue.spread_apr.labels(signal.asset).set(float(signal.spread_apr))
        if signal.edge is not None:
            self.catalogue.expected_edge.labels(signal.asset).set(float(signal.edge.net_usd))
        self.catalogue.absorbable.labels(signal.asset).set(float(signal.absorbable_usd))

    def _on_payment(self, payment: FundingPayment) -> None:
        flow = self.catalogue.funding_received if payment.amount_usd >= 0 else self.catalogue.funding_paid
        flow.labels(payment.venue, _asset(payment.instrument_id)).inc(float(abs(payment.amount_usd)))

    def _on_refused(self, refused: RiskRefused) -> None:
        self.catalogue.refusals.labels(refused.reason).inc()

    def _on_order_event(self, event: OrderEvent) -> None:
        venue = event.instrument_id.venue.value
        if isinstance(event, OrderFilled):
            self._on_fill(event, venue)
            return
        for kind, outcome in _OUTCOMES:
            if isinstance(event, kind):
                self.catalogue.orders.labels(venue, outcome).inc()

    def _on_fill(self, event: OrderFilled, venue: str) -> None:
        fee_usd = event.commission.as_double()
        if fee_usd < 0:
            self.catalogue.rebates.labels(venue).inc(-fee_usd)
        else:
            self.catalogue.fees_paid.labels(venue, liquidity_side_to_str(event.liquidity_side).lower()).inc(fee_usd)
        order = self.cache.order(event.client_order_id)
        if order is not None and order.is_closed:
            self.catalogue.orders.labels(venue, "filled").inc()


def _asset(instrument_id: str) -> str:
    return instrument_id.partition("-")[0]
