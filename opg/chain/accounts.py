"""Keys. They come from the environment or from an encrypted keystore, never from a flag."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.exceptions import ValidationError

from opg.errors import NoKey

HOW = "name an encrypted keystore with --keystore or OPG_KEYSTORE, or put the key into the environment variable OPG_PRIVATE_KEY"


def load_account(keystore: Path | None = None) -> LocalAccount:
    """The account to sign with.

    With a keystore its password is `$OPG_PASSWORD`, or is asked for on a terminal; without one the key is
    `$OPG_PRIVATE_KEY`. Raises `NoKey`; no message ever contains a key.
    """
    if keystore is None:
        return _from_environment()
    try:
        content = json.loads(keystore.read_text())
    except (OSError, ValueError) as problem:
        raise NoKey(f"cannot read the keystore {keystore}: {type(problem).__name__}", HOW) from None
    try:
        return Account.from_key(Account.decrypt(content, _password(keystore)))
    except (ValueError, KeyError, TypeError):
        raise NoKey(f"the password does not open {keystore}", "check OPG_PASSWORD") from None


def new_keystore(path: Path) -> str:
    """Makes a key, writes it encrypted, and gives its address. Never writes over a file; nobody else may read this one.

    The password is `$OPG_PASSWORD`, or is asked for twice on a terminal: a typo would lock the key away. Raises `NoKey`, also for an
    empty one.
    """
    if path.exists():
        raise NoKey(f"cannot write {path}: File exists", "name another file")
    password = _new_password(path)
    account = Account.create()
    encrypted = json.dumps(Account.encrypt(account.key, password))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise NoKey(f"cannot write {path}: {problem.strerror}", "name another file") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(encrypted)
    return account.address


def _password(keystore: Path) -> str:
    password = os.environ.get("OPG_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise NoKey("the keystore has a password", "put it into the environment variable OPG_PASSWORD")
        password = getpass.getpass(f"password of {keystore.name}: ")
    return password


def _new_password(keystore: Path) -> str:
    password = os.environ.get("OPG_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise NoKey("the new keystore needs a password", "put one into the environment variable OPG_PASSWORD")
        password = getpass.getpass(f"new password of {keystore.name}: ")
        if password and getpass.getpass("the same again: ") != password:
            raise NoKey("these are two different passwords", "nothing was written; try again")
    if not password:
        raise NoKey("an empty password protects nothing", "choose another one; nothing was written")
    return password


def _from_environment() -> LocalAccount:
    key = os.environ.get("OPG_PRIVATE_KEY")
    if not key:
        raise NoKey("there is no key to sign with", HOW)
    try:
        account = Account.from_key(key)
    except (ValueError, TypeError, ValidationError):
        account = None
    if account is None or not any(account.key):  # some versions of eth_account take the key zero
        raise NoKey("OPG_PRIVATE_KEY is not a private key", "it must be 32 bytes in hexadecimal")
    return account
