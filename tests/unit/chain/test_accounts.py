"""Keys come from the environment or a keystore, and never show up in a message."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from opg.chain import load_account
from opg.chain.accounts import new_keystore
from opg.errors import NoKey

KEY = "0x" + "5e" * 32


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("OPG_PRIVATE_KEY", "OPG_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def keystore(tmp_path):
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "secret", kdf="pbkdf2", iterations=2)))
    return path


def test_key_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPG_PRIVATE_KEY", KEY)
    assert load_account().address == Account.from_key(KEY).address


def test_key_from_a_keystore(keystore, monkeypatch):
    monkeypatch.setenv("OPG_PASSWORD", "secret")
    assert load_account(keystore).address == Account.from_key(KEY).address


def test_new_key_opens_with_its_password_and_is_never_written_over(tmp_path, monkeypatch):
    monkeypatch.setenv("OPG_PASSWORD", "secret")
    path = tmp_path / "new.json"
    made = new_keystore(path)
    assert load_account(path).address == made
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(NoKey, match="cannot write"):
        new_keystore(path)
    assert load_account(path).address == made


@pytest.fixture
def terminal(monkeypatch):
    """`terminal("secret", "secret")`: somebody types that where passwords are asked for; gives what is still to be typed."""

    def types(*answers: str) -> list[str]:
        left = list(answers)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("getpass.getpass", lambda prompt: left.pop(0))
        return left

    return types


def test_new_password_is_asked_for_twice(tmp_path, monkeypatch, terminal):
    left = terminal("secret", "secret")
    made = new_keystore(tmp_path / "new.json")
    assert left == []
    monkeypatch.setenv("OPG_PASSWORD", "secret")
    assert load_account(tmp_path / "new.json").address == made


def test_mistyped_new_password_makes_no_key(tmp_path, terminal):
    terminal("secret", "sceret")
    with pytest.raises(NoKey, match="two different"):
        new_keystore(tmp_path / "new.json")
    assert not (tmp_path / "new.json").exists()


def test_empty_password_makes_no_key(tmp_path, monkeypatch, terminal):
    terminal("", "")
    with pytest.raises(NoKey, match="empty"):
        new_keystore(tmp_path / "new.json")
    monkeypatch.setenv("OPG_PASSWORD", "")
    with pytest.raises(NoKey, match="empty"):
        new_keystore(tmp_path / "new.json")
    assert not (tmp_path / "new.json").exists()


def test_new_key_without_a_terminal_needs_its_password(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(NoKey, match="the new keystore needs a password") as problem:
        new_keystore(tmp_path / "new.json")
    assert "OPG_PASSWORD" in problem.value.advice


def test_no_key_says_where_to_put_one():
    with pytest.raises(NoKey) as problem:
        load_account()
    assert "OPG_PRIVATE_KEY" in problem.value.advice


@pytest.mark.parametrize("wrong", ["0x12", "hello", "5e" * 31, "0x" + "00" * 32, "é"])
def test_what_is_no_key_is_not_repeated(monkeypatch, wrong):
    monkeypatch.setenv("OPG_PRIVATE_KEY", wrong)
    with pytest.raises(NoKey) as problem:
        load_account()
    assert wrong not in str(problem.value) + problem.value.advice


def test_wrong_password_opens_nothing(keystore, monkeypatch):
    monkeypatch.setenv("OPG_PASSWORD", "guess")
    with pytest.raises(NoKey, match="does not open"):
        load_account(keystore)


def test_keystore_without_a_password_does_not_hang(keystore):
    with pytest.raises(NoKey, match="password"):
        load_account(keystore)


def test_file_that_is_no_keystore(tmp_path):
    path = tmp_path / "key.json"
    path.write_text("hello")
    with pytest.raises(NoKey):
        load_account(path)
    with pytest.raises(NoKey):
        load_account(tmp_path / "none.json")
