"""The metrics of how pairs are brought about: legs in doubt, time unhedged, gaps between legs, what resting was worth."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from messages import LegState, LegUpdate, MakerMarkout, PairResult

_GAP_SECS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class PairMetrics:
    """Keeps these metrics on a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._doubtful: dict[str, str] = {}  # client order id -> venue
        self._in_doubt = Gauge("farb_legs_in_doubt", "Leg orders whose fate is not known", ("venue",), registry=registry)
        self._results = Counter(
            "farb_pair_results", "Pair orders by how they ended", ("asset", "intent", "outcome", "clean"), registry=registry
        )
        self._naked = Counter(
            "farb_naked_usd_seconds",
            "Unhedged notional times the seconds it stood, summed over pair orders",
            ("asset",),
            registry=registry,
        )
        self._unhedged = Gauge(
            "farb_unhedged_quantity", "What the last pair order of an asset left unhedged", ("asset",), registry=registry
        )
        self._gap = Histogram(
            "farb_leg_gap_seconds",
            "From the first leg's order or fill to the second leg's order, the longest of a pair order",
            buckets=_GAP_SECS,
            registry=registry,
        )
        self._markout = Gauge(
            "farb_maker_markout_bps",
            "Running mean of the mid after a fill of a resting order against its price",
            ("venue", "instrument", "horizon"),
            registry=registry,
        )
        self._maker_fills = Counter(
            "farb_maker_fills",
            "Fills of resting orders whose markout is known",
            ("venue", "instrument", "horizon"),
            registry=registry,
        )

    def on_leg(self, update: LegUpdate) -> None:
        """Count the legs in doubt."""
        self._doubtful.pop(update.client_order_id, None)
        if update.state is LegState.IN_DOUBT:
            self._doubtful[update.client_order_id] = update.venue
        venues = list(self._doubtful.values())
        self._in_doubt.labels(update.venue).set(venues.count(update.venue))

    def on_result(self, result: PairResult) -> None:
        """Count how a pair order ended, and what it left standing."""
        clean = "yes" if result.is_clean else "no"
        self._results.labels(result.asset, result.intent.value, result.outcome.value, clean).inc()
        self._naked.labels(result.asset).inc(float(result.naked_usd_secs))
        self._unhedged.labels(result.asset).set(float(result.unhedged_quantity))
        if result.leg_gap_ms is not None:
            self._gap.observe(float(result.leg_gap_ms) / 1_000)

    def on_markout(self, markout: MakerMarkout) -> None:
        """Show what resting has been worth."""
        instrument = markout.instrument_id.rpartition(".")[0]
        self._markout.labels(markout.venue, instrument, f"{markout.horizon_secs:g}s").set(float(markout.mean_bps))
        self._maker_fills.labels(markout.venue, instrument, f"{markout.horizon_secs:g}s").inc()
