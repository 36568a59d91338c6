import os

import pytest

from config.secret import PASSPHRASE, SecretError, encrypt, resolve

STARK_KEY = "0x00543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815"  # published with its account


def private_file(path, text: str):
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FARB_TEST_SECRET", " s3cret ")
    key = private_file(tmp_path / "key", "from a file\n")
    assert resolve("env:FARB_TEST_SECRET") == "s3cret"
    assert resolve(f"file:{key}") == "from a file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o644])
def test_a_file_that_others_may_open_is_refused_with_the_remedy(tmp_path, mode):
    key = private_file(tmp_path / "key", "from a file")
    key.chmod(mode)
    for scheme in ("file", "keystore"):
        with pytest.raises(SecretError, match=f"open to other users: chmod 600 {key}"):
            resolve(f"{scheme}:{key}")


def test_a_keystore_gives_its_key_for_the_right_passphrase_alone(monkeypatch, tmp_path):
    keystore = private_file(tmp_path / "paradex.json", encrypt(STARK_KEY, "correct horse").decode())
    assert STARK_KEY[4:] not in keystore.read_text()
    monkeypatch.setenv(PASSPHRASE, "correct horse ")
    with pytest.raises(SecretError, match="the passphrase is wrong") as e:
        resolve(f"keystore:{keystore}")
    assert "horse" not in str(e.value)
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    assert resolve(f"keystore:{keystore}") == STARK_KEY
    assert resolve(f"keystore:{private_file(tmp_path / 'copy', keystore.read_text())}") == STARK_KEY


def test_a_passphrase_is_asked_for_once_where_somebody_can_be_asked(monkeypatch, tmp_path):
    stores = [private_file(tmp_path / name, encrypt(STARK_KEY, "asked").decode()) for name in ("a", "b")]
    monkeypatch.setenv(PASSPHRASE, "")
    monkeypatch.delenv(PASSPHRASE)
    with pytest.raises(SecretError, match=f"set {PASSPHRASE}"):
        resolve(f"keystore:{stores[0]}")
    prompts = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: prompts.append(prompt) or "asked")
    assert {resolve(f"keystore:{store}") for store in stores} == {STARK_KEY}
    assert len(prompts) == 1
    assert os.environ[PASSPHRASE] == "asked"


@pytest.mark.parametrize(("key", "passphrase"), [("0xnothex", "pw"), ("", "pw"), ("0x" + "1" * 65, "pw"), ("0x12", "")])
def test_no_keystore_is_made_of_what_is_no_key_or_without_a_passphrase(key, passphrase):
    with pytest.raises(SecretError, match="a keystore holds"):
        encrypt(key, passphrase)


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"crypto": 1}', '{"version": 9, "crypto": {}}'])
def test_what_is_no_keystore_says_so(monkeypatch, tmp_path, text):
    monkeypatch.setenv(PASSPHRASE, "pw")
    with pytest.raises(SecretError, match="it is no keystore"):
        resolve(f"keystore:{private_file(tmp_path / 'key', text)}")


@pytest.mark.parametrize("value", ["0xabcdef0123", "plain", "", "env:", "file:", "vault:x"])
def test_a_value_is_never_taken_or_repeated(value):
    with pytest.raises(SecretError) as e:
        resolve(value)
    assert value in ("", "env:", "file:") or value not in str(e.value)


def test_what_leads_nowhere_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("FARB_TEST_SECRET", raising=False)
    with pytest.raises(SecretError, match="FARB_TEST_SECRET is not set"):
        resolve("env:FARB_TEST_SECRET")
    with pytest.raises(SecretError, match="could not be read"):
        resolve(f"file:{tmp_path / 'none'}")
    monkeypatch.setenv("FARB_TEST_SECRET", "  ")
    with pytest.raises(SecretError, match="is empty"):
        resolve("env:FARB_TEST_SECRET")
