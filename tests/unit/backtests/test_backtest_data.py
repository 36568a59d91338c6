import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from backtests import data, readers, sample
from backtests.basis import ASSUMED, fitted, path_bps
from backtests.dataset import HOUR_NS, DataError, Gap, Period, iso, market_gaps, parse_utc_ns

FOUR_NS = 4 * HOUR_NS


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve hours of BTC from 1970-01-02 on, in which the hours 5 and 6 have no candle and hour 7 no settlement."""
    day = 24 * 3_600_000
    hours = [day + n * 3_600_000 for n in range(12)]
    candles = "".join(f"{h},{h + 3599999},{100 + n},0,0,{101 + n},1,1\n" for n, h in enumerate(hours) if n not in (5, 6))
    settled = "".join(f"{h + 3_600_000 + 60},0.0000{n + 10},,1\n" for n, h in enumerate(hours) if n != 7)
    known = "".join(f"{day + n * 14_400_000 - 2055},0.000{n}7\n" for n in (1, 2, 3))
    write(
        tmp_path / "candles/hyperliquid_1h_btc.csv.gz",
        "open_time_ms,close_time_ms,open,high,low,close,volume_base,n_trades\n" + candles,
    )
    write(tmp_path / "funding/hyperliquid_btc.csv.gz", "time_ms,rate_per_hour,premium,interval_hours\n" + settled)
    write(tmp_path / "funding/paradex_btc_4h.csv", "time_ms,rate_8h\n" + known)
    return tmp_path


def test_a_sample_is_held_for_the_block_it_closes(folder: Path) -> None:
    known = readers.paradex_known(folder, "BTC")
    first = readers.paradex_charged(known)[0]
    assert (first.start_ns, first.end_ns) == (24 * HOUR_NS, 28 * HOUR_NS)
    assert known[0].ts_ns == first.end_ns - 2_055_000_000
    assert (first.rate, first.period_hours) == (Decimal("0.00017"), 8)


def test_gaps_stay_gaps(folder: Path) -> None:
    (market,) = data.load(folder, ("BTC",), Period(), seed=1).markets
    hours = [(point.ts_ns - 24 * HOUR_NS) // HOUR_NS for point in market.prices]
    assert hours == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]  # 5 is where the last candle before the hole closed
    assert list(market_gaps(market)) == [
        Gap("BTC prices", 30 * HOUR_NS, 31 * HOUR_NS),
        Gap("BTC Hyperliquid funding", 32 * HOUR_NS, 33 * HOUR_NS),
    ]


def test_stamps_and_rates_are_kept_as_written(folder: Path) -> None:
    rows = readers.hyperliquid_funding(folder, "BTC")
    assert rows[0].ts_ns == 25 * HOUR_NS + 60_000_000
    assert rows[0].rate_per_hour == Decimal("0.000010")


def test_the_period_is_clipped_to_what_overlaps(folder: Path) -> None:
    loaded = data.load(folder, ("BTC",), Period(26 * HOUR_NS, 29 * HOUR_NS), seed=1)
    assert (loaded.start_ns, loaded.end_ns) == (26 * HOUR_NS, 29 * HOUR_NS)
    with pytest.raises(DataError, match="overlap from 1970-01-02"):
        data.load(folder, ("BTC",), Period(100 * HOUR_NS), seed=1)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"for ETH \(complete: BTC\)"):
        data.load(folder, ("ETH",), Period(), seed=1)
    with pytest.raises(DataError, match="no such data folder"):
        data.load(tmp_path / "absent", ("BTC",), Period(), seed=1)


@pytest.mark.parametrize("text", ["time_ms,rate_8h\nx,y\n", "wrong,header\n1,2\n", "time_ms,rate_8h\n1,abc\n", ""])
def test_a_broken_file_is_one_clear_line(folder: Path, text: str) -> None:
    write(folder / "funding/paradex_btc_4h.csv", text)
    with pytest.raises(DataError) as caught:
        data.load(folder, ("BTC",), Period(), seed=1)
    assert "\n" not in str(caught.value)


def test_the_recorded_run_is_the_forty_five_days_without_a_gap(shared_data) -> None:
    loaded = data.load(shared_data, ("BTC",), Period(), seed=7)
    assert (iso(loaded.start_ns), iso(loaded.end_ns)) == ("2026-03-21 00:00", "2026-05-05 00:00")
    assert loaded.gaps() == ()
    (market,) = loaded.markets
    assert (len(market.prices), len(market.settled), len(market.charged)) == (1_081, 1_080, 270)
    assert not any(data.is_excluded(point.ts_ns) for point in market.prices[:-1])


def test_the_excluded_periods_hold_no_recorded_row(shared_data) -> None:
    for asset in ("BTC", "ETH", "SOL", "HYPE"):
        rows = readers.hyperliquid_funding(shared_data, asset)
        assert rows
        assert not any(data.is_excluded(row.ts_ns) for row in rows)
    for moment, excluded in [("2025-05-15", True), ("2025-06-30T23:59", True), ("2025-07-01", False), ("2026-05-04", False)]:
        assert data.is_excluded(parse_utc_ns(moment)) is excluded
    with pytest.raises(DataError, match="no recorded BTC data"):
        data.load(shared_data, ("BTC",), Period(parse_utc_ns("2026-05-10"), parse_utc_ns("2026-06-10")), seed=1)


def test_the_recorded_basis_is_as_described(shared_data) -> None:
    recorded = readers.basis_bps(readers.both_venues(shared_data), "BTC")
    model = fitted(recorded)
    assert len(recorded) == 15
    assert model.mean_bps == pytest.approx(-3.7, abs=0.05)
    assert (model.low_bps, model.high_bps) == (pytest.approx(-7.0, abs=0.05), pytest.approx(4.1, abs=0.05))


def test_the_basis_path_keeps_its_range_and_its_seed() -> None:
    first, again, other = ([bps for bps, _ in zip(path_bps(ASSUMED, seed), range(500), strict=False)] for seed in "aab")
    assert first == again != other
    assert all(ASSUMED.low_bps <= bps <= ASSUMED.high_bps for bps in first)
    assert float(sum(first)) / 500 == pytest.approx(ASSUMED.mean_bps, abs=1.0)


def test_the_sample_is_labelled_and_repeatable() -> None:
    first, again = (sample.generate(("BTC", "HYPE"), Period(), seed=4) for _ in range(2))
    assert first == again
    assert first != sample.generate(("BTC", "HYPE"), Period(), seed=5)
    assert first.is_generated
    assert "generated" in first.label
    assert first.gaps() == ()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "2026-03-21T25:00"])
def test_bad_dates_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="ISO"):
        parse_utc_ns(text)


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    assert parse_utc_ns("2026-03-21") == 1_774_051_200_000_000_000
    assert parse_utc_ns("2026-03-21T02:00+02:00") == parse_utc_ns("2026-03-21T00:00Z")
