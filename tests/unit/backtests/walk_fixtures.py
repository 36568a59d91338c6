"""Small records of two venues whose funding can be summed by hand."""

import csv
import gzip
import random
from decimal import Decimal

from backtests.dataset import HOUR_NS, SettledRate
from backtests.walkforward.series import HYPERLIQUID, Pair, settled_leg

START = 490_000  # an hour that is a multiple of 8
JITTER_NS = 60_000_000


def hourly(rates, start=START):
    """One settlement at the end of each hour; None leaves a hole."""
    return [
        SettledRate((start + n + 1) * HOUR_NS + JITTER_NS, Decimal(str(rate)), Decimal(1))
        for n, rate in enumerate(rates)
        if rate is not None
    ]


def eight_hourly(rates, start=START):
    """One settlement at the end of every eight hours, per hour at `rate`."""
    return [
        SettledRate((start + 8 * (n + 1)) * HOUR_NS, Decimal(str(rate)), Decimal(8))
        for n, rate in enumerate(rates)
        if rate is not None
    ]


def pair(here, there, asset="BTC"):
    """Hyperliquid hourly against Bybit every eight hours; rates per hour."""
    return Pair(asset, settled_leg(HYPERLIQUID, hourly(here)), settled_leg("BYBIT", eight_hourly(there)))


def noisy(seed, hours, mean=0.0, deviation=0.00002, persistence=0.9):
    """A slow wander, as text with ten digits."""
    dice, value, found = random.Random(seed), 0.0, []
    for _ in range(hours):
        value = persistence * value + dice.gauss(0, deviation * (1 - persistence**2) ** 0.5)
        found.append(f"{mean + value:.10f}")
    return found


def write_folder(folder, days):
    """Write the series a walk reads: BTC on all four venues."""
    (folder / "funding").mkdir()
    hours = days * 24
    start_ms = START * 3_600_000
    tables = {
        "hyperliquid_btc.csv.gz": (
            ("time_ms", "rate_per_hour", "premium", "interval_hours"),
            [(start_ms + (n + 1) * 3_600_000 + 60, rate, "", 1) for n, rate in enumerate(noisy("h", hours, 0.00002))],
        ),
        **{
            f"{venue}_btc.csv.gz": (
                ("time_ms", "rate", "interval_hours"),
                [
                    (start_ms + (n + 1) * 8 * 3_600_000, f"{Decimal(rate) * 8}", 8)
                    for n, rate in enumerate(noisy(venue, hours // 8))
                ],
            )
            for venue in ("bybit", "binance")
        },
    }
    for name, (header, rows) in tables.items():
        with gzip.open(folder / "funding" / name, "wt", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    first = (days - 10) * 6
    with (folder / "funding" / "paradex_btc_4h.csv").open("w", encoding="utf-8", newline="") as file:
        samples = [
            (start_ms + (n + 1) * 4 * 3_600_000 - 3_000, f"{Decimal(rate) * 8}") for n, rate in enumerate(noisy("p", days * 6))
        ]
        csv.writer(file).writerows([("time_ms", "rate_8h"), *samples[first:]])
