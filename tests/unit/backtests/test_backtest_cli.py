import json
from decimal import Decimal
from pathlib import Path

import pytest

from backtests.__main__ import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> None:
    """The default report goes to a folder below the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--start", "soon"], "not an ISO date"),
        (["--start", "2026-04-02", "--end", "2026-04-01"], "must lie after"),
        (["--assets", "BTC,DOGE"], "unknown asset DOGE"),
        (["--assets", ","], "unknown asset"),
        (["--data", "no/such/folder"], "no such data folder"),
        (["--capital", "-5"], "--capital must be a positive amount"),
        (["--capital", "much"], "--capital must be a positive amount"),
        (["--capital", "1e30"], "--capital must be a positive amount"),
        (["--seed", "x"], "--seed"),
        (["--nonsense"], "--nonsense"),
        (["--mode", "hopeful"], "--mode"),
        (["--sample", "--data", "."], "exclude each other"),
        (["--sample", "--start", "2030-01-01"], "the period asked for lies outside"),
        (["--sample", "--out", "no/such/folder/report.html"], "no such folder"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_code_2(arguments: list[str], words: str, capsys) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("backtests: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_an_empty_folder_is_named(tmp_path: Path, capsys) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert "complete: none" in capsys.readouterr().err


def test_without_recorded_data_the_labelled_sample_is_run(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("FARB_SHARED_DATA", str(tmp_path / "absent"))
    out, summary = tmp_path / "report.html", tmp_path / "summary.json"
    arguments = ["--assets", "btc,eth", "--end", "2026-01-04", "--out", str(out), "--json", str(summary)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "generated sample" in printed
    assert "change of equity" in printed
    document = json.loads(summary.read_text())
    assert (document["assets"], document["is_generated"]) == (["BTC", "ETH"], True)
    assert (document["start_utc"], document["end_utc"]) == ("2026-01-01 00:00", "2026-01-04 00:00")
    total = {key: Decimal(value) for key, value in document["pnl_total"].items()}
    assert total["price_usd"] + total["funding_usd"] + total["fees_usd"] == total["cash_usd"]
    assert "generated sample data" in out.read_text()


@pytest.mark.parametrize("mode", ["economic", "threshold"])
def test_the_mode_decides_and_is_told_everywhere(mode: str, tmp_path: Path, capsys) -> None:
    out, summary = tmp_path / "report.html", tmp_path / "summary.json"
    arguments = ["--sample", "--assets", "BTC", "--end", "2026-01-03", "--mode", mode, "--out", str(out), "--json", str(summary)]
    assert main(arguments) == 0
    assert f"Rule: {mode} mode" in capsys.readouterr().out
    assert json.loads(summary.read_text())["rule"].startswith(f"{mode} mode")
    assert f"{mode} mode" in out.read_text()


def test_recorded_data_is_preferred(shared_data: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("FARB_SHARED_DATA", str(shared_data))
    assert main(["--start", "2026-04-01", "--end", "2026-04-02"]) == 0
    assert "recorded" in capsys.readouterr().out
    assert "recorded data" in (tmp_path / "var/backtest.html").read_text()


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path, capsys) -> None:
    assert main(["--sample", "--assets", "BTC", "--end", "2026-01-02", "--out", str(tmp_path)]) == 2
    assert "cannot write" in capsys.readouterr().err
