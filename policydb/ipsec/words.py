"""What is said about a connection that a rule of ipsec.conf(5) made, in the words of rules instead of tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grammar.errors import Diagnostic

_MESSAGES: Mapping[str, tuple[str, str]] = {
    "CF106": (
        "without dstid whoever has the key may call himself anything",
        "add dstid and the name or address by which the peer knows itself",
    ),
}
"""Message and hint by code."""

_HINTS: Mapping[str, str] = {
    "ENCRYPTION_ALGORITHM": "take enc aes-256",
    "TRANSFORM_ID": "take enc aes-256",
    "HASH_ALGORITHM": "take auth hmac-sha2-256",
    "AUTHENTICATION_ALGORITHM": "take auth hmac-sha2-256",
    "GROUP_DESCRIPTION": "take group modp2048 or above, or ecp256 or above",
    "EXCHANGE_TYPE": "take main",
    "AUTHENTICATION_METHOD": "add psk and a key",
}
"""What to write, by the tag that a message about an algorithm begins with."""

_PARTS = {"[Phase 1]": "main", "[Phase 2]": "quick"}


def in_words_of_rules(finding: Diagnostic) -> Diagnostic:
    """A finding about a rule: without the sections that nobody wrote, with what rules can say."""
    message, _, way = finding.message.partition(", in [")
    if finding.code in _MESSAGES:
        message, hint = _MESSAGES[finding.code]
        return replace(finding, message=message, hint=hint)
    tag = message.partition("=")[0]
    if tag not in _HINTS:
        return replace(finding, message=message)
    part = next((each for beginning, each in _PARTS.items() if f"[{way}".startswith(beginning)), "")
    return replace(finding, message=f"{message}, in {part}" if part else message, hint=_HINTS[tag])
