"""Keeps the keys and passwords of isakmpd.conf(5) out of the store: a reference stands in the place of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from grammar.nodes import Binding
from policydb.configuration.vocabulary import EVERY_TAG

AUTHENTICATION = "authentication"
"""The tag of isakmpd.conf(5) that holds a pre-shared key, in lower case."""

XAUTH_PASSWORD = "xauth-password"  # noqa: S105 - a tag's name
"""The tag of a peer that holds our password there, in lower case."""

XAUTH_USERS = "xauth-users"
"""The section whose tags are users and whose values their passwords, in lower case."""

_SECRET_LENGTHS = frozenset({len(AUTHENTICATION), len(XAUTH_PASSWORD)})  # quick to see that a tag is none

# A line that starts with a word, also where it is commented out: what stands before its value, and the value.
_LINE = re.compile(
    r"^([ \t#;]*(?:\[[^]\n]*\][ \t#;]*)?([A-Za-z0-9_-]+)[ \t]*[=:]?[ \t]*)((?:\\\n|[^\n])*)", re.MULTILINE
)
_HEADER = re.compile(r"^[ \t]*\[([^]\n]*)\]?[^\n]*$", re.MULTILINE)
_USER = re.compile(r"^([^\s=\\]+[ \t]*=?[ \t]*)?((?:\\\n|[^\n])*)", re.MULTILINE)
_SLIPS = 2
"""As many letters may be wrong, missing or too many in a name that is meant to be one of these."""
_OTHERWISE = frozenset({"psk", "secret", "password", "passphrase", "pre-shared-key", "preshared-key", "shared-secret"})
"""What other programs call Authentication."""
_KEYISH = re.compile(r"psk|secret|key|pass(?!ive)|pwd|\bauth\b")
"""What the names of keys have in them."""
_VISIBLE = re.compile(r"[^\n]")


class SecretError(ValueError):
    """A pre-shared key or password that isakmpd.conf(5) does not allow; the message never tells it."""


def hide_keys(text: str) -> str:
    """An isakmpd.conf as it may be shown: every pre-shared key and password as asterisks, nothing else moved.

    A line counts whose first word is Authentication or XAUTH-Password, nearly so, or whose tag looks like a word for
    a key, and so does every line of a section that is nearly called XAUTH-users, whatever follows: mistyped lines are
    what is shown.
    """
    headers = list(_HEADER.finditer(text))
    ends = [*(each.start() for each in headers[1:]), len(text)]
    pieces = [text[: headers[0].start()] if headers else text]
    for header, end in zip(headers, ends, strict=True) if headers else ():
        body = text[header.end() : end]
        hidden = _USER.sub(_user_hidden, body) if _is_near(header[1].strip().lower(), XAUTH_USERS) else body
        pieces += [header[0], hidden]
    return _LINE.sub(_hidden, "".join(pieces))


def _user_hidden(found: re.Match[str]) -> str:
    name, rest = found[1] or "", found[2]
    return name + _VISIBLE.sub("*", rest) if rest else _VISIBLE.sub("*", name)


def _hidden(found: re.Match[str]) -> str:
    head, word, rest = found.groups()
    tag = word.lower()
    if (
        tag.startswith(AUTHENTICATION)
        and len(tag) > len(AUTHENTICATION) + _SLIPS
        and tag[len(AUTHENTICATION)] not in "_-"
    ):
        # The blank between tag and key was forgotten.
        shown = found.start(2) - found.start() + len(AUTHENTICATION)
        return head[:shown] + _VISIBLE.sub("*", head[shown:] + rest)
    if means_key(tag) or _is_near(tag, AUTHENTICATION) or _is_near(tag, XAUTH_PASSWORD):
        return head + _VISIBLE.sub("*", rest)
    words, equals, value = rest.partition("=")
    if equals and "=" not in head and means_key(f"{tag} {words}".strip().lower()):
        return head + words + equals + _VISIBLE.sub("*", value)
    return found[0]


@lru_cache(maxsize=4096)  # files have few tags and many lines
def _is_near(word: str, meant: str) -> bool:
    """Whether `word` becomes `meant` by changing, adding or leaving out _SLIPS letters at most (Levenshtein)."""
    if abs(len(word) - len(meant)) > _SLIPS:
        return False
    row = list(range(len(meant) + 1))
    for number, letter in enumerate(word, 1):
        above, row = row, [number]
        for place, other in enumerate(meant):
            row.append(min(above[place] + (letter != other), above[place + 1] + 1, row[place] + 1))
    return row[-1] <= _SLIPS


def seal_bindings(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Bindings with a reference in the place of every pre-shared key and password."""
    return tuple(
        each._replace(value=secret_reference(each.section, each.tag)) if is_key(each) else each for each in bindings
    )


def is_key(binding: Binding) -> bool:
    """Whether the binding holds a pre-shared key or a password."""
    return is_secret(binding.section, binding.tag)


@lru_cache(maxsize=1024)
def means_key(tag: str) -> bool:
    """Whether a tag, in lower case, is another program's word for Authentication, or looks like one and is no other."""
    if tag in _OTHERWISE:
        return True
    return _KEYISH.search(tag) is not None and not any(_is_near(tag, each) for each in EVERY_TAG)


def is_secret(section: str, tag: str) -> bool:
    """Whether the value of such a tag is a pre-shared key or a password."""
    if len(section) == len(XAUTH_USERS) and section.lower() == XAUTH_USERS:  # seldom, and the length is quick to see
        return True
    return len(tag) in _SECRET_LENGTHS and tag.lower() in (AUTHENTICATION, XAUTH_PASSWORD)


def secret_reference(section: str, tag: str = AUTHENTICATION) -> str:
    """What stands in the store for a secret; sections and tags, and so users, know no case."""
    if section.lower() == XAUTH_USERS:
        return f"user:{tag.lower()}"
    return f"{'secret' if tag.lower() == AUTHENTICATION else 'password'}:{section.lower()}"


def secret_octets(section: str, tag: str, value: str) -> bytes:
    """The octets of a pre-shared key or password. Raises SecretError."""
    if section.lower() != XAUTH_USERS and tag.lower() == AUTHENTICATION:
        return preshared_key(value)
    if not value:
        raise SecretError("the password is empty")
    return value.encode("latin-1", "backslashreplace")


def preshared_key(value: str) -> bytes:
    """The octets of an Authentication value: the text itself, or what `0x` and hexadecimal digits say.

    Raises SecretError.
    """
    if not value:
        raise SecretError("the pre-shared key is empty")
    if not value.startswith("0x"):
        return value.encode("latin-1", "backslashreplace")
    digits = value[2:]
    if not digits or len(digits) % 2 or not re.fullmatch("[0-9a-fA-F]+", digits):
        raise SecretError("after 0x a pre-shared key has an even number of hexadecimal digits")
    return bytes.fromhex(digits)
