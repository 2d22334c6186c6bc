"""Who may log in: names and salted password hashes in ``users.json`` of the project's folder.

scrypt (RFC 7914) with the parameters that OWASP recommends; they stand with each hash, so that they
can grow. The file also holds the secret that signs cookies, and only its owner may read it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.atomic import write_text
from labelkit.errors import InputError

FILE = "users.json"

#: What a name may look like: it stands in labels and tables.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")

#: Shorter passwords are refused.
SHORTEST = 8

_COST = {"n": 2**15, "r": 8, "p": 3}
_MEMORY = 128 * 1024 * 1024


@dataclass(frozen=True)
class Users:
    """The users of a project: ``secret`` signs their cookies, ``hashes`` are by name."""

    secret: str
    hashes: dict[str, dict[str, Any]]

    def __contains__(self, name: str) -> bool:
        return name in self.hashes

    @property
    def session_secret(self) -> str:
        """What signs the keys to sessions: another one, so that neither signature counts for the other."""
        return hmac.new(self.secret.encode(), b"sessions", "sha256").hexdigest()

    def stamp(self, name: str) -> str:
        """What stands in a user's cookies, so that another password ends what the old one began."""
        told = json.dumps(self.hashes[name], sort_keys=True).encode()
        return hmac.new(self.secret.encode(), told, "sha256").hexdigest()[:32]

    def accepts(self, name: str, password: str) -> bool:
        """Whether this is the user's password. It takes as long for a name that nobody has."""
        known = self.hashes.get(name)
        entry = known if known is not None else _DECOY
        expected = base64.b64decode(entry["hash"])
        found = _hash(password, base64.b64decode(entry["salt"]), entry)
        return hmac.compare_digest(expected, found) and known is not None


def read_users(folder: Path) -> Users | None:
    """The users of the project in ``folder``, None where nobody has been added yet.

    Raises `InputError` for a file that is damaged: nobody is let in by a misunderstanding.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        users = Users(str(data["secret"]), dict(data["users"]))
        for entry in users.hashes.values():
            _check(entry)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is damaged; delete it and add the users again") from error
    return users if users.hashes else None


def add_user(folder: Path, name: str, password: str) -> bool:
    """Let somebody in, or give them another password; whether they are new.

    Raises `InputError` for a name that is none and for a password that is too short.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name: up to 64 letters, digits, '_', '-', '.' and '@'")
    if len(password) < SHORTEST:
        raise InputError(f"the password is too short: at least {SHORTEST} characters")
    users = read_users(folder) or Users(secrets.token_hex(32), {})
    alike = next((known for known in users.hashes if known != name and known.lower() == name.lower()), None)
    if alike is not None:
        raise InputError(f"{name!r} is too much like {alike!r}, who can log in already")
    salt = secrets.token_bytes(16)
    entry = {"salt": _text(salt), "hash": _text(_hash(password, salt, _COST)), **_COST}
    _write(folder, Users(users.secret, {**users.hashes, name: entry}))
    return name not in users


def remove_user(folder: Path, name: str) -> None:
    """Let somebody in no more; raises `InputError` where nobody has that name."""
    users = read_users(folder)
    if users is None or name not in users:
        raise InputError(
            f"nobody is called {name!r}; there are {', '.join(users.hashes) if users else 'none'}"
        )
    _write(folder, Users(users.secret, {key: hash_ for key, hash_ in users.hashes.items() if key != name}))


def _write(folder: Path, users: Users) -> None:
    path = folder / FILE
    if not path.exists():
        path.touch(mode=0o600)  # the mode stays when the file is written anew
    write_text(path, json.dumps({"secret": users.secret, "users": users.hashes}, indent=1) + "\n")


def _hash(password: str, salt: bytes, cost: dict[str, Any]) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost["n"],
        r=cost["r"],
        p=cost["p"],
        maxmem=_MEMORY,
        dklen=32,
    )


def _check(entry: dict[str, Any]) -> None:
    if len(base64.b64decode(entry["hash"])) != 32 or len(base64.b64decode(entry["salt"])) < 8:
        raise ValueError("no hash")
    if not all(isinstance(entry[key], int) and 0 < entry[key] <= 4 * _COST[key] for key in _COST):
        raise ValueError("no cost")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


#: What the password of an unknown user is compared with.
_DECOY: dict[str, Any] = {"salt": _text(bytes(16)), "hash": _text(bytes(32)), **_COST}
