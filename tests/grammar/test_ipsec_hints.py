"""grammar/ipsec_hints.py: mistakes that newcomers make in a rule, and what they are told to do."""

from __future__ import annotations

import pytest

from grammar.errors import Diagnostic
from grammar.ipsec import parse_ipsec

HOSTS = "ike esp from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.2"


def no_file(name: str) -> str:
    raise FileNotFoundError(name)


def error(text: str) -> Diagnostic:
    [found] = parse_ipsec(f"{text}\n", "ipsec.conf", no_file).diagnostics
    return found


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        (f"{HOSTS} quick enc aes main enc aes psk x", "main", "main stands before quick"),
        (f"{HOSTS} psk x srcid a.org", "srcid", "srcid stands before psk"),
        (f"{HOSTS} dstid a.org srcid b.org", "srcid", "srcid stands before dstid"),
        (f"{HOSTS} psk x quick enc aes", "quick", "quick stands before psk"),
        ("ike tunnel esp from 1.1.1.1 to 2.2.2.2", "esp", "esp stands before tunnel"),
        (f"{HOSTS} quick group 14 psk x", "14", "write grp14"),
        (f"{HOSTS} quick enc 256 psk x", "256", "write a name, as in hmac-sha2-256 or aes-256"),
        (f"{HOSTS} main enc aes life 3600 psk x", "life", "did you mean lifetime?"),
        (f"{HOSTS} psk correct horse", "horse", 'a key that holds blanks is quoted: psk "..."'),
        ("conn office", "conn", "this is another daemon's language: see policydb import"),
        ("ike esp form 1.1.1.1 to 2.2.2.2", "form", "expected from or to"),
    ],
)
def test_a_plausible_mistake_has_its_place_and_what_to_do(text: str, at: str, hint: str) -> None:
    found = error(text)
    assert text[found.span.start : found.span.end] == at
    assert found.hint == hint
