"""Walk every recorded pair: score forecasts, let each rule trade, choose parameters on training windows alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from backtests.dataset import HOUR_NS
from backtests.walkforward import lookahead
from backtests.walkforward.costs import round_trip_share
from backtests.walkforward.errors import ForecastErrors, forecast_errors
from backtests.walkforward.folds import HOURS_MIN, TRAIN_HOURS, Fold, choose, folds, within
from backtests.walkforward.gate import GRID, HORIZONS, Gate, Parameters, Rates, rates_now, rates_of_a_week
from backtests.walkforward.moments import moments
from backtests.walkforward.outcome import Chosen, Line, LookAhead, Outcome, line, net_bps
from backtests.walkforward.series import PARADEX, PROXIES, Pair, load
from backtests.walkforward.trading import Rule, Trade, opened_in, trade
from strategies.signals import SignalMode

type OnStep = Callable[[str], None]

ASSETS = ("BTC", "ETH", "SOL")
LOOK_ASSET = "BTC"  # the one asset with a Paradex record
COST_SCALES = (1, 2)
FORECAST_HOURS = (24, *HORIZONS)
CHECKED_HOURS = 24 * 60


class Walked:
    """One pair with all that could be known of it."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.moments = pair, moments(pair, FORECAST_HOURS)
        self._known = frozenset(moment.boundary for moment in self.moments)
        self._costs = {scale: round_trip_share(pair, Decimal(scale)) for scale in COST_SCALES}
        self._whole: dict[tuple[Parameters, int], list[Trade]] = {}

    def trades(self, rule: Rule, window: range, scale: int) -> list[Trade]:
        """Return what a rule does in a window that it enters and leaves flat."""
        return trade(self.pair, within(self.moments, window), rule, self._costs[scale])

    def trained(self, parameters: Parameters, window: range, scale: int) -> list[Trade]:
        """Return what the gate opens in a training window; it is let through the whole record once, each window shows a part.

        Decisions look back only, so what it does in a window is not touched by what comes after it.
        """
        key = (parameters, scale)
        if key not in self._whole:
            self._whole[key] = self.trades(Gate(self.pair, Decimal(scale), parameters), self.pair.boundaries, scale)
        return opened_in(self.pair, self._whole[key], window)

    def best(self, window: range, scale: int) -> Parameters:
        """Return the parameters that did best in a training window."""
        return choose(GRID, lambda each: self.trained(each, window, scale))

    def hours(self, window: range) -> int:
        """Return how many hours of a window are on record."""
        return sum(1 for boundary in self._known if boundary in window)


def steps(assets: Sequence[str]) -> int:
    """Return how many steps a walk over these assets takes."""
    return len(assets) * len(PROXIES) * 2 + (LOOK_ASSET in assets) * 2


def walk(folder: Path, assets: Sequence[str], on_step: OnStep = lambda _: None) -> Outcome:
    """Return the outcome over the recorded series in `folder`; raise `DataError` where one is missing."""
    began = time.perf_counter()
    proxies: dict[str, Walked] = {}
    found = _Found()
    for asset in assets:
        for venue in PROXIES:
            on_step(f"{asset} {venue.capitalize()}: what could be known")
            walked = Walked(load(folder, asset, venue))
            proxies.setdefault(asset, walked)
            on_step(f"{asset} {venue.capitalize()}: rules")
            found.add(walked, list(folds(walked.pair.boundaries)), walked)
    if LOOK_ASSET in assets:
        on_step(f"{LOOK_ASSET} Paradex: what could be known")
        walked = Walked(load(folder, LOOK_ASSET, PARADEX))
        on_step(f"{LOOK_ASSET} Paradex: one look")
        whole = walked.pair.boundaries
        found.add(walked, [Fold(range(whole.start - TRAIN_HOURS, whole.start), whole)], proxies[LOOK_ASSET])
    return found.outcome(time.perf_counter() - began)


class _Found:
    """An outcome being put together."""

    def __init__(self) -> None:
        self.errors: list[ForecastErrors] = []
        self.lines: list[Line] = []
        self.chosen: list[Chosen] = []
        self.looks: list[LookAhead] = []

    def add(self, walked: Walked, every: Sequence[Fold], trained: Walked) -> None:
        """Judge a pair's forecasts and rules; parameters are chosen on `trained`, which for one look is another pair."""
        usable = [fold for fold in every if walked.hours(fold.test) >= HOURS_MIN and trained.hours(fold.train) >= HOURS_MIN]
        made = (forecast_errors(walked.pair, walked.moments, horizon) for horizon in FORECAST_HOURS)
        self.errors += [errors for errors in made if errors is not None]
        for scale in COST_SCALES:
            best = {fold: trained.best(fold.train, scale) for fold in usable}
            self.lines += [
                _line(walked, usable, "4 % now", lambda _: _threshold(walked.pair, rates_now), scale),
                _line(walked, usable, "4 % 7-day mean", lambda _: _threshold(walked.pair, rates_of_a_week), scale),
                _line(walked, usable, "economic default", lambda _: Gate(walked.pair, Decimal(scale)), scale),  # noqa: B023
                _line(walked, usable, "economic chosen", _gate(walked.pair, best, scale), scale),
            ]
            self.chosen += [_chosen(walked, trained, fold, best[fold], scale) for fold in usable]
        if usable:
            self.looks.append(_look(walked, trained.best(usable[0].train, 1)))

    def outcome(self, wall_secs: float) -> Outcome:
        """Return what has been found."""
        return Outcome(
            errors=tuple(self.errors),
            lines=tuple(self.lines),
            chosen=tuple(self.chosen),
            looks=tuple(self.looks),
            sources=SOURCES,
            limits=LIMITS,
            wall_secs=wall_secs,
        )


type MakeRule = Callable[[Fold], Rule]


def _threshold(pair: Pair, rates: Rates) -> Gate:
    """Return the plain rule of the strategy, which looks at no costs."""
    return Gate(pair, Decimal(1), mode=SignalMode.THRESHOLD, rates=rates)


def _gate(pair: Pair, best: Mapping[Fold, Parameters], scale: int) -> MakeRule:
    return lambda fold: Gate(pair, Decimal(scale), best[fold])


def _line(walked: Walked, usable: Sequence[Fold], name: str, make_rule: MakeRule, scale: int) -> Line:
    trades = [each for fold in usable for each in walked.trades(make_rule(fold), fold.test, scale)]
    return line(walked.pair.label, name, scale, trades, sum(walked.hours(fold.test) for fold in usable))


def _chosen(walked: Walked, trained: Walked, fold: Fold, parameters: Parameters, scale: int) -> Chosen:
    before = trained.trained(parameters, fold.train, scale)
    after = walked.trades(Gate(walked.pair, Decimal(scale), parameters), fold.test, scale)
    return Chosen(
        label=walked.pair.label,
        cost_scale=scale,
        train_start_ns=fold.train.start * HOUR_NS,
        test_start_ns=fold.test.start * HOUR_NS,
        test_end_ns=fold.test.stop * HOUR_NS,
        parameters=str(parameters),
        train_net_bps=net_bps(before),
        test_net_bps=net_bps(after),
        test_trades=len(after),
    )


def _look(walked: Walked, parameters: Parameters) -> LookAhead:
    """Change the future of a pair's first weeks, and let the plain rule see an hour ahead."""
    pair, start = walked.pair, walked.pair.boundaries.start
    cut = start + CHECKED_HOURS // 2
    short = lookahead.until(pair, start + CHECKED_HOURS)
    leak = lookahead.first_leak(short, lambda each: Gate(each, Decimal(1), parameters), FORECAST_HOURS, cut)
    costs, early = round_trip_share(pair, Decimal(1)), lookahead.seen_early(walked.moments, 1)
    nets = [net_bps(trade(pair, seen, _threshold(pair, rates_now), costs)) for seen in (walked.moments, early)]
    return LookAhead(
        label=pair.label,
        cut_ns=cut * HOUR_NS,
        first_leak_ns=None if leak is None else leak * HOUR_NS,
        net_bps=nets[0],
        early_net_bps=nets[1],
    )


SOURCES = (
    "Hyperliquid funding: settled hourly rates at the venue's own stamps",
    "Bybit and Binance funding: settled 8-hour rates of USDT-margined perpetuals, known when they are paid",
    "Paradex funding: the instantaneous 8-hour rate sampled once per 4 hours, held for the 4 hours it closes",
)
LIMITS = (
    "Ours/best compares with the best of last value, 24 h mean and 7 d mean; stated is the error the forecasts gave themselves",
    "Bybit and Binance are proxies: other instruments, other users, rates paid every 8 hours; they are not Paradex",
    "Hyperliquid against Paradex is 45 days of one asset: one look, no statistic",
    "Funding and costs alone: no prices, so no basis, no liquidation and no margin are seen",
    "Costs are four taker fills at list fees through modelled books at 9,900 USD per leg; at 2x fees and distances are doubled",
    "Hyperliquid's running rate within the hour was not recorded: a decision sees the rate that was just settled",
    "Each test window begins and ends flat, and so does each stretch of record: positions are closed there at full cost",
    "2026-05-05 to 2026-06-30 is not on record: nothing is held, decided or scored in it",
    "All pairs move together and windows are few: differences between rules of a few bps mean nothing",
)
