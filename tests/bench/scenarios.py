"""The six policies by which evaluators are measured, each of any size N, and the question that is put to each.

The Conditions are four tests (three of strings, one of an integer), the question has ten attributes, the keys are
opaque: what the C library was measured with, so that the figures compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from policydb.request import Request

_CONDITIONS = (
    'Conditions: app_domain == "IPsec policy" && esp_present == "yes"\n'
    '    && esp_enc_alg == "aes" && @esp_key_length >= 128;\n'
)

ATTRIBUTES: Mapping[str, str] = {
    "app_domain": "IPsec policy",
    "doi": "ipsec",
    "esp_present": "yes",
    "esp_enc_alg": "aes",
    "esp_key_length": "256",
    "esp_auth_alg": "hmac-sha2-256",
    "pfs": "yes",
    "remote_filter_type": "IPv4 subnet",
    "remote_filter_addr_lower": "010.001.000.000",
    "remote_filter_addr_upper": "010.001.255.255",
}
"""What is asked for; with another esp_enc_alg every assertion refuses."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One policy that grows with N. `assertions` and `requesters` take N; `allowed` is the right answer."""

    name: str
    meaning: str
    assertions: Callable[[int], Iterator[str]]
    requesters: Callable[[int], tuple[str, ...]]
    allowed: bool = True

    def policy(self, size: int) -> str:
        """The text of the policy of this size."""
        return "\n".join(self.assertions(size))

    def request(self, size: int, **changed: str) -> Request:
        """The question, some attributes set otherwise."""
        return Request(self.requesters(size), {**ATTRIBUTES, **changed})


def _assertion(authorizer: str, licensees: str) -> str:
    return f'Authorizer: "{authorizer}"\nLicensees: {licensees}\n{_CONDITIONS}'


def _members(size: int, between: str) -> str:
    return between.join(f'"k{number}"' for number in range(size))


def _flat(size: int) -> Iterator[str]:
    return (_assertion("POLICY", f'"k{number}"') for number in range(size))


def _one(size: int) -> Iterator[str]:
    yield _assertion("POLICY", _members(size, " || "))


def _three_deep(size: int) -> Iterator[str]:
    yield from (_assertion("POLICY", '"a"'), _assertion("a", '"b"'), _assertion("b", '"me"'))
    yield from (_assertion(f"x{number}", f'"y{number}"') for number in range(size - 3))


def _chain(size: int) -> Iterator[str]:
    names = ["POLICY", *(f"k{number}" for number in range(1, size)), "me"]
    return (_assertion(above, f'"{below}"') for above, below in pairwise(names))


def _threshold(size: int) -> Iterator[str]:
    yield _assertion("POLICY", f"{size // 2}-of({_members(size, ',')})")


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("flat", "N assertions of POLICY, one names who asks", _flat, lambda size: (f"k{size // 2}",)),
        Scenario("miss", "N assertions of POLICY, none names who asks", _flat, lambda _size: ("me",), allowed=False),
        Scenario("flat1", "one assertion of N keys joined by ||", _one, lambda size: (f"k{size // 2}",)),
        Scenario("creds3", "N assertions, of which three lead to who asks", _three_deep, lambda _size: ("me",)),
        Scenario("chain", "N assertions, each leading to the next", _chain, lambda _size: ("me",)),
        Scenario(
            "kofn", "N/2 of N keys, N/2 of them ask", _threshold, lambda size: tuple(f"k{n}" for n in range(size // 2))
        ),
    )
}
"""By name."""
