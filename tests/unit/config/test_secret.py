import pytest

from config.secret import SecretError, resolve


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FARB_TEST_SECRET", " s3cret ")
    (tmp_path / "key").write_text("from a file\n")
    assert resolve("env:FARB_TEST_SECRET") == "s3cret"
    assert resolve(f"file:{tmp_path / 'key'}") == "from a file"


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
