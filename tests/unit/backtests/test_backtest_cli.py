from pathlib import Path

import pytest

from backtests.__main__ import main


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
        (["--seed", "x"], "--seed"),
        (["--nonsense"], "--nonsense"),
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
