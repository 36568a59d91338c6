"""What a user gets for a wrong call: one line that says what to do, and a code of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]


def call(*arguments, cwd=ROOT):
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run.py", "--config", "config/none.toml"), 2, "config/none.toml: No such file or directory"),
        (("run.py", "--config", "config/live.toml"), 2, "HYPERLIQUID_AGENT_KEY is not set"),
        (("run.py", "--config", "config/testnet.toml"), 2, "PARADEX_SUBKEY is not set"),
        (("run.py", "--config", "config/live.toml", "--attach", "x"), 2, "--attach is for a config with simulators"),
        (("run.py", "--attach", "none.json"), 1, "none.json: No such file or directory"),
        (("run.py", "--sumary", "x"), 2, "unrecognized arguments: --sumary x; see run.py --help"),
        (("run.py", "--summary", "no/such/folder/x.json"), 2, "there is no folder no/such/folder"),
        (("-m", "operations", "check", "README.md"), 2, "README.md: not valid TOML"),
    ],
)
def test_a_wrong_call_gets_one_line(arguments, code, words):
    done = call(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_check_prints_a_config_without_its_secrets_and_says_what_is_missing():
    done = call("-m", "operations", "check", "config/live.toml")
    assert done.returncode == 1
    assert '"private_key": "env:***"' in done.stdout
    assert "HYPERLIQUID_AGENT_KEY is not set" in done.stderr
    assert "a node could not start here" in done.stderr
    assert call("-m", "operations", "check", "config/sim.toml").returncode == 0


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "words"),
    [
        (lambda folder: (folder / "var").write_text(""), (), 1, "var cannot be written: Not a directory"),
        (
            lambda folder: (folder / "sum.json").mkdir(),
            ("--summary", "sum.json"),
            1,
            "sum.json cannot be written: Is a directory",
        ),
        (
            lambda folder: (folder / "limits.toml").write_text("position_usd_max = 0"),
            (),
            2,
            "limits.toml: position_usd_max must be",
        ),
    ],
)
def test_what_cannot_be_recorded_or_limited_is_not_traded(tmp_path, spoil, arguments, code, words):
    for name in ("sim.toml", "limits.toml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text())
    spoil(tmp_path)
    done = call(str(ROOT / "run.py"), "--config", "sim.toml", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == "", "nothing was started"
