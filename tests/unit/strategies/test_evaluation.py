"""One evaluation over several assets, with markets and accounts as plain values."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.identifiers import InstrumentId

from messages import Action, FundingClock, Signal
from risk.in_force import LimitsInForce
from risk.limits import Limits
from risk.reading import Reports
from risk.state import MarketView, Snapshot, VenueAccount
from strategies.costs import LegMarket
from strategies.evaluation import Circumstances, Evaluation, SizeTerms
from strategies.forecast import Forecast
from strategies.funding import Direction, FundingRate
from strategies.prospect import EdgeTerms
from strategies.signals import PairState, Rules, SignalMode, VenueView

D = Decimal
HL, PDX = "HYPERLIQUID", "PARADEX"
CLOCK = FundingClock(60.0)
ASSETS = ("BTC", "ETH")
IDS = {asset: {venue: InstrumentId.from_str(f"{asset}-USD-PERP.{venue}") for venue in (HL, PDX)} for asset in ASSETS}
FLAT = Circumstances(state=PairState.FLAT, holding=None, opened_ns=None, entry_block=None, exit_order=None)


class Markets:
    """What a reader would tell: books around 100 USD, Paradex' moved by `basis`, rates and forecasts by asset."""

    def __init__(self) -> None:
        self.basis = D(0)
        self.aprs = {asset: {HL: D(0), PDX: D("0.5")} for asset in ASSETS}
        self.forecasts = {"BTC": D("0.3"), "ETH": D("0.6")}

    def venue_view(self, instrument_id: InstrumentId, blocked: str | None, _now_ns: int) -> VenueView:
        asset, venue = instrument_id.symbol.value.partition("-")[0], instrument_id.venue.value
        return VenueView(
            funding=FundingRate(self.aprs[asset][venue], D(8_760)),
            funding_age_secs=1.0,
            market_age_secs=1.0,
            is_market_sane=True,
            absorbable_usd=D(50_000),
            blocked=blocked,
        )

    def leg_market(self, instrument_id: InstrumentId) -> LegMarket:
        venue = instrument_id.venue.value
        mid = D(100) * (1 + (self.basis if venue == PDX else 0))
        return LegMarket(
            venue=venue,
            bids=[(mid - D("0.01"), D(1_000))],
            asks=[(mid + D("0.01"), D(1_000))],
            maker_fee_rate=D(0),
            taker_fee_rate=D("0.00045"),
        )

    def history(self, asset: str) -> Any:
        forecasts = self.forecasts

        class History:
            def forecast(self, direction: Direction, _now_ns: int, _horizon_hours: int) -> Forecast:
                return Forecast(forecasts[asset], D(0))

        return History()


@pytest.fixture
def markets() -> Markets:
    return Markets()


class Snapshots:
    """Both accounts with the same equity, nothing held."""

    def __init__(self, equity_usd: str) -> None:
        self._equity_usd = D(equity_usd)

    def snapshot(self, now_ns: int, *, instrument_ids: Iterable[InstrumentId], limits: Limits) -> Snapshot:
        usd = self._equity_usd
        accounts = {v: VenueAccount(venue=v, equity_usd=usd, free_collateral_usd=usd, ts_ns=0) for v in (HL, PDX)}
        views = {i.value: view(i) for i in instrument_ids}
        return Snapshot(accounts=accounts, positions={}, markets=views, blocked={}, now_ns=now_ns)


def evaluate_with(markets: Markets, equity_usd: str) -> Evaluation:
    rules = Rules(
        mode=SignalMode.ECONOMIC,
        min_spread_apr=D("0.04"),
        min_absorbable_usd=D(10_000),
        data_age_secs_max=30.0,
        funding_age_secs_max=120.0,
        apr_sane_max=D(60),
    )
    return Evaluation(
        ids=IDS,
        rules=rules,
        edge_terms=EdgeTerms(horizon_hours=D(168), impact_hours=D(1)),
        size_terms=SizeTerms(pair_notional_usd=D(9_900), adverse_move=D("0.25")),
        clock=CLOCK,
        reader=markets,  # type: ignore[arg-type]
        snapshots=Snapshots(equity_usd),  # type: ignore[arg-type]
        reports=Reports(),
        limits=LimitsInForce(Limits()),
        resting=lambda _ids: None,
    )


def view(instrument_id: InstrumentId) -> MarketView:
    return MarketView(
        instrument_id=instrument_id.value,
        asset=instrument_id.symbol.value.partition("-")[0],
        venue=instrument_id.venue.value,
        bid_usd=D("99.99"),
        ask_usd=D("100.01"),
        ts_ns=0,
        margin_rate=D("0.1"),
        taker_fee_rate=D("0.00045"),
    )


def told(signals: dict[str, Signal]) -> dict[str, tuple[Action, str, Decimal | None]]:
    return {asset: (signal.action, signal.reason, signal.target_usd) for asset, signal in signals.items()}


def test_assets_evaluated_together_share_what_there_is(markets: Markets) -> None:
    rich, poor = (evaluate_with(markets, equity) for equity in ("20000", "4000"))
    assert told(rich.signals(dict.fromkeys(ASSETS, FLAT), 0)) == dict.fromkeys(ASSETS, (Action.ENTER, "EDGE_MET", D(9_900)))
    shared = told(poor.signals(dict.fromkeys(ASSETS, FLAT), 0))
    assert shared["ETH"][:2] == (Action.ENTER, "EDGE_MET")
    assert shared["BTC"][0] is Action.HOLD


def test_assets_evaluated_in_turn_compete_with_the_others_as_they_were_seen_last(markets: Markets) -> None:
    in_turn = evaluate_with(markets, "4000")
    assert told(in_turn.signals({"BTC": FLAT}, 0))["BTC"][0] is Action.ENTER, "nobody else has been seen yet"
    assert told(in_turn.signals({"ETH": FLAT}, 1))["ETH"][0] is Action.ENTER
    again = told(in_turn.signals({"BTC": FLAT}, 2))
    assert again == {"BTC": (Action.HOLD, "NO_ROOM_BESIDE_BETTER_PAIRS", None)}


@pytest.mark.parametrize(("aprs", "sign"), [({HL: D(0), PDX: D("0.5")}, -1), ({HL: D("0.5"), PDX: D(0)}, 1)])
def test_a_basis_below_its_mean_costs_the_pair_that_is_short_there_and_pays_the_other(
    markets: Markets, aprs: dict[str, Decimal], sign: int
) -> None:
    markets.aprs["BTC"] = aprs
    found = evaluate_with(markets, "20000")
    markets.basis = D("0.001")  # Paradex stands 10 bps above for two hours, and then no more
    for second in range(0, 120, 2):
        found.signals({"BTC": FLAT}, second * 10**9)
    markets.basis = D(0)
    edge = found.signals({"BTC": FLAT}, 121 * 10**9)["BTC"].edge
    assert edge is not None
    assert edge.basis_usd == pytest.approx(sign * D("9.9"), rel=D("0.03"))
