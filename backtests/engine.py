"""Run a strategy over a dataset on two simulated venues that settle funding each in its own way."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.config import ActorConfig, BacktestEngineConfig, LoggingConfig
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import AccountType, BookType, OmsType
from nautilus_trader.model.identifiers import TraderId, Venue
from nautilus_trader.model.objects import Money

from actors.ledger import Ledger
from adapters.paper.accruing import IndexSettlement, IndexSettlementConfig
from adapters.paper.hourly import HourlySettlement, HourlySettlementConfig
from adapters.paper.reporting import AccountReporting, AccountReportingConfig
from adapters.paper.schedule import RateSchedule
from backtests.dataset import Dataset
from backtests.feed import BOOK_DELAYS_NS, NS_PER_SEC, streams
from backtests.instruments import HYPERLIQUID, PARADEX, VENUES, instrument_id, perpetual
from backtests.recorder import Recorder
from backtests.result import Result

type AddTrader = Callable[[BacktestEngine, Dataset], None]
type OnHour = Callable[[int], None]

LEVERAGE = Decimal(1)  # the instruments' initial margin is the venues' own already
# Data comes once an hour, so evaluating more often than this costs time and sees nothing new; the run starts so
# that one evaluation of each hour falls between its first and its second book.
EVALUATION_NS = 300 * NS_PER_SEC
EVALUATION_OFFSET_NS = BOOK_DELAYS_NS[0] + 1_500_000_000
REPORT_SECS = 1.0  # often enough that both venues report on the same hour's prices


def run(
    dataset: Dataset,
    add_trader: AddTrader,
    start_usd: Decimal,
    on_hour: OnHour = lambda _: None,
    *,
    settles_funding: bool = True,
    rule: str = "",
) -> Result:
    """Run to the end of the dataset; `add_trader` puts strategy and gate on the engine, `start_usd` is each venue's cash.

    Without `settles_funding` the venues charge none: the control a funding figure is measured against.
    `rule` says in words what decides.
    """
    began = time.perf_counter()
    engine = BacktestEngine(BacktestEngineConfig(trader_id=TraderId("FARB-001"), logging=LoggingConfig(bypass_logging=True)))
    try:
        for venue in VENUES:
            _add_venue(engine, venue, _modules(venue, dataset) if settles_funding else [_reporting(venue)], start_usd)
        for market in dataset.markets:
            for venue in VENUES:
                engine.add_instrument(perpetual(market.asset, venue))
        ledger = Ledger(ActorConfig(component_id="LEDGER"))
        engine.add_actor(ledger)
        ledger.listen()
        recorder = Recorder(engine.kernel.msgbus, ledger, on_hour)
        add_trader(engine, dataset)
        for events in streams(dataset):
            if events:
                engine.add_data(events, sort=False)
        engine.sort_data()
        engine.run(start=_start(dataset))
        recorder.take(dataset.end_ns)
        return _result(dataset, start_usd, ledger, recorder, rule=rule, wall_secs=time.perf_counter() - began)
    finally:
        engine.dispose()


def _start(dataset: Dataset) -> datetime:
    """Return when the run begins: before the first event, in step with the evaluations."""
    return datetime.fromtimestamp((dataset.start_ns - EVALUATION_NS + EVALUATION_OFFSET_NS) / 1e9, UTC)


def _add_venue(engine: BacktestEngine, venue: Venue, modules: list[SimulationModule], start_usd: Decimal) -> None:
    engine.add_venue(
        venue=venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDC,
        starting_balances=[Money.from_decimal(start_usd, USDC)],
        default_leverage=LEVERAGE,
        book_type=BookType.L2_MBP,
        liquidity_consumption=True,  # two orders on one snapshot share its depth
        modules=modules,
    )


def _modules(venue: Venue, dataset: Dataset) -> list[SimulationModule]:
    if venue == HYPERLIQUID:
        settlement = HourlySettlement(HourlySettlementConfig(component_id=f"FUNDING-{venue}"))
    else:
        schedules = {instrument_id(market.asset, PARADEX): RateSchedule(market.charged) for market in dataset.markets}
        config = IndexSettlementConfig(component_id=f"FUNDING-{venue}", publish_secs=REPORT_SECS)
        settlement = IndexSettlement(config, schedules)
    return [settlement, _reporting(venue)]


def _reporting(venue: Venue) -> AccountReporting:
    return AccountReporting(AccountReportingConfig(component_id=f"REPORTING-{venue}", publish_secs=REPORT_SECS))


def _result(dataset: Dataset, start_usd: Decimal, ledger: Ledger, recorder: Recorder, *, rule: str, wall_secs: float) -> Result:
    results = (ledger.pnl(venue.value) for venue in VENUES)
    return Result(
        dataset=dataset,
        rule=rule,
        start_usd=start_usd,
        venues=tuple(pnl for pnl in results if pnl is not None),
        hours=tuple(recorder.hours),
        quantities=tuple(recorder.quantities),
        fills=tuple(ledger.fills),
        payments=tuple(ledger.payments),
        signals=tuple(recorder.signals),
        refusals=tuple(recorder.refusals),
        wall_secs=wall_secs,
    )
