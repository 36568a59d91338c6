"""One evaluation of all assets: reads what is known, works out sizes and edges, decides, and shares the room out."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec
from nautilus_trader.model.identifiers import InstrumentId

from messages import FundingClock, Signal
from risk.in_force import LimitsInForce
from risk.limits import Limits
from risk.reader import Reader
from risk.reading import Reports
from risk.state import MarketView, Snapshot
from strategies.basis import BasisHistory
from strategies.bounds import Room, pair_size, room
from strategies.costs import Resting, TooThin, basis_fraction
from strategies.funding import Direction
from strategies.holdings import Holding
from strategies.market_reader import MarketReader
from strategies.persistence import Memory, persisted
from strategies.prospect import EdgeTerms, Prospect
from strategies.sharing import Look, Sharing
from strategies.signals import AssetView, PairState, Rules, are_markets_usable, decide, direction_of
from strategies.sizing import ZERO


class SizeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How large a pair may be at most (USD per leg) and what move of prices (a fraction) each of its legs must survive."""

    pair_notional_usd: Decimal
    adverse_move: Decimal


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What, beyond markets, bears on an asset; `entry_block` and `exit_order` as in `AssetView`."""

    state: PairState
    holding: Holding | None
    opened_ns: int | None
    entry_block: str | None
    exit_order: str | None


class Sight:
    """One asset: its instruments by venue, how far their prices stood apart, and what was asked for last."""

    def __init__(self, ids: Mapping[str, InstrumentId], clock: FundingClock) -> None:
        self.ids, self.basis = ids, BasisHistory(clock)
        self.memory: Memory | None = None


class _Bounds(msgspec.Struct, frozen=True):
    """What one evaluation may not exceed: the limits it began with and the room they left then."""

    limits: Limits
    room: Room


class Evaluation:
    """Turns what is held and what the markets are into signals."""

    def __init__(
        self,
        *,
        ids: Mapping[str, Mapping[str, InstrumentId]],
        rules: Rules,
        edge_terms: EdgeTerms,
        size_terms: SizeTerms,
        clock: FundingClock,
        reader: MarketReader,
        reports: Reports,
        snapshots: Reader,
        limits: LimitsInForce,
        resting: Callable[[Iterable[InstrumentId]], Resting | None],
    ) -> None:
        """Take `resting` as what tells which leg of an asset's pair would rest, if any."""
        self._rules, self._edge_terms, self._size_terms, self._clock = rules, edge_terms, size_terms, clock
        self._reader, self._reports, self._limits = reader, reports, limits
        self._snapshots, self._resting = snapshots, resting
        self._sights = {asset: Sight(of_asset, clock) for asset, of_asset in ids.items()}
        self._looks: dict[str, Look] = {}
        self._decided: dict[str, Signal] = {}  # before sharing

    def signals(self, circumstances: Mapping[str, Circumstances], now_ns: int) -> dict[str, Signal]:
        """Return what to do now about the assets asked for; others compete for the room as they were last seen.

        One set of limits and one reading of the accounts serve the whole evaluation.
        """
        limits = self._limits.current
        ids = [instrument_id for asset in circumstances for instrument_id in self._sights[asset].ids.values()]
        seen = self._snapshots.snapshot(now_ns, instrument_ids=ids, limits=limits)
        bounds = _Bounds(limits, room(seen, limits, self._size_terms.adverse_move))
        for asset, about in circumstances.items():
            look = self._looks[asset] = self._look(asset, about, seen, bounds)
            sight, signal = self._sights[asset], decide(look.view, self._rules)
            sight.memory, self._decided[asset] = persisted(sight.memory, signal, self._rules, self._clock)
        sharing = Sharing(
            rules=self._rules,
            terms=self._edge_terms,
            limits=limits,
            adverse_move=self._size_terms.adverse_move,
            room=bounds.room,
        )
        shared = sharing.share_out(self._looks, self._decided)
        return {asset: shared[asset] for asset in circumstances}

    def _look(self, asset: str, about: Circumstances, seen: Snapshot, bounds: _Bounds) -> Look:
        sight = self._sights[asset]
        view = self._plain_view(asset, about, seen.now_ns)
        self._observe_basis(view, sight)
        direction = direction_of(view, self._rules)
        if direction is None:
            return Look(view=view)
        long, short = (seen.markets.get(sight.ids[venue].value) for venue in (direction.long_venue, direction.short_venue))
        if long is None or short is None:
            return Look(view=msgspec.structs.replace(view, edge_gap="NO_PRICES"))
        view = self._sized(view, about, (long, short), bounds)
        prospect = self._prospect(asset, direction, view.now_ns)
        view = self._with_edges(view, prospect)
        return Look(view=view, markets=(long, short), prospect=prospect if isinstance(prospect, Prospect) else None)

    def _plain_view(self, asset: str, about: Circumstances, now_ns: int) -> AssetView:
        # An open pair can be left on terms on which none is entered.
        blocked = self._reports.untradable() if about.state is PairState.OPEN else self._reports.blocked()
        return AssetView(
            asset=asset,
            venues={
                venue: self._reader.venue_view(instrument_id, blocked.get(venue), now_ns)
                for venue, instrument_id in self._sights[asset].ids.items()
            },
            state=about.state,
            held=None if about.holding is None else about.holding.held,
            now_ns=now_ns,
            age_hours=None if about.opened_ns is None else self._clock.hours(max(0, now_ns - about.opened_ns)),
            entry_block=about.entry_block,
            exit_order=about.exit_order,
        )

    def _sized(self, view: AssetView, about: Circumstances, markets: tuple[MarketView, MarketView], bounds: _Bounds) -> AssetView:
        """Return the view with what is held, in USD per leg, and how large it may become."""
        mid_usd = (markets[0].mid_usd + markets[1].mid_usd) / 2
        is_open = view.state is PairState.OPEN and about.holding is not None
        held_usd = about.holding.size * mid_usd if is_open and about.holding else ZERO
        size = pair_size(
            markets,
            bounds.room,
            bounds.limits,
            cap_usd=self._size_terms.pair_notional_usd,
            held_usd=held_usd,
            absorbable_usd=min(venue.absorbable_usd for venue in view.venues.values()),
            adverse_move=self._size_terms.adverse_move,
        )
        return msgspec.structs.replace(view, held_usd=held_usd, sized=size)

    def _prospect(self, asset: str, direction: Direction, now_ns: int) -> Prospect | str:
        """Return what an edge is worked out from, or what of it is missing."""
        sight = self._sights[asset]
        long, short = (self._reader.leg_market(sight.ids[v]) for v in (direction.long_venue, direction.short_venue))
        if long is None or short is None:
            return "NO_BOOK"
        forecast = self._reader.history(asset).forecast(direction, now_ns, int(self._edge_terms.horizon_hours))
        if forecast is None:
            return "NO_FORECAST"
        mean, first = sight.basis.mean(now_ns), next(iter(sight.ids))
        if mean is not None and direction.long_venue != first:
            mean = -mean
        resting = self._resting(sight.ids.values())
        return Prospect(long=long, short=short, forecast=forecast, basis_mean=mean, resting=resting)

    def _observe_basis(self, view: AssetView, sight: Sight) -> None:
        """Remember how far the second venue's prices lie above the first one's, while both can be believed."""
        first, second = (self._reader.leg_market(instrument_id) for instrument_id in sight.ids.values())
        if first is not None and second is not None and are_markets_usable(view, self._rules):
            sight.basis.observe(view.now_ns, basis_fraction(first, second))

    def _with_edges(self, view: AssetView, prospect: Prospect | str) -> AssetView:
        """Return the view with what its pair is expected to bring, and with the same of what might be added to it."""
        if isinstance(prospect, str) or view.sized is None:
            return msgspec.structs.replace(view, edge_gap=str(prospect))
        is_open = view.held_usd > 0
        # Where nothing is allowed, what it would have brought is told all the same.
        wanted_usd = view.held_usd if is_open else view.sized.target_usd or self._size_terms.pair_notional_usd
        added_usd = view.sized.target_usd - view.held_usd
        found = prospect.edge(wanted_usd, self._edge_terms, is_open=is_open)
        more = (
            prospect.edge(added_usd, self._edge_terms)
            if is_open and added_usd > view.held_usd * self._rules.resize_ratio
            else None
        )
        thin = next((edge for edge in (found, more) if isinstance(edge, TooThin)), None)
        return msgspec.structs.replace(
            view,
            edge=None if isinstance(found, TooThin) else found,
            growth=None if isinstance(more, TooThin) else more,
            edge_gap="" if thin is None else f"THIN_{thin.venue}",
        )
