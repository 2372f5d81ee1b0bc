"""Policy is told what the SA will be: 100,000 offers by dice against policies by dice (docs/policies.md).

`make test` tries 2,700 of them, `.ci/run` 10,000, `make faults` all. TOLD_SEED=word tries others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.ike import acceptance, lifetimes, policy
from daemon.ike.messages import attributes
from daemon.ike.messages.payloads import Identification
from daemon.ike.messages.proposals import IpsecProposal, SuiteMatch
from daemon.ike.messages.transforms import IpsecParameters
from daemon.ike.registries import EspTransform, Protocol
from daemon.ike.trust import identities
from policydb.attributes import NO_LIMIT
from policydb.connections import Identity
from policydb.request import Request
from tests.daemon.ike.told.trials import try_many
from tests.sizes import sized

PARTS = 20
EACH = sized(60, 5_000)
SEED = os.environ.get("TOLD_SEED", "house")


@pytest.mark.full_size
@pytest.mark.parametrize("part", range(PARTS))
def test_a_yes_is_one_to_the_sa_that_there_is_then(part: int) -> None:
    assert try_many(f"{SEED} {part}", EACH).yes


def test_the_trials_reach_what_they_are_about() -> None:
    """All that can be negotiated occurs, policy decides both ways, and connections bind: it is no empty property."""
    tally = try_many("reach", 1_500)
    assert tally.yes >= 300
    assert tally.no_by_policy >= 150
    assert tally.bound >= 50
    assert tally.initiated >= 30
    wanted = {"ESP", "AH", "TUNNEL", "TRANSPORT", "in UDP", "no limit", "kilobytes"}
    wanted |= {"AES", "AES_CTR", "AES_GCM_16", "AES_GMAC", "3DES", "CAST", "BLOWFISH", "NULL"}
    wanted |= {"IPV4_ADDR", "IPV4_ADDR_SUBNET", "IPV4_RANGE"}
    assert wanted <= tally.seen


# --- planted faults -----------------------------------------------------------------------------------------------

Words = Callable[[IpsecParameters], dict[str, str]]


def _unfilled(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    """A lifetime that was left out is told as 0."""
    return told | {"life_seconds": "0" if told["life_seconds"] == "28800" else told["life_seconds"]}


def _wrapped(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    """A lifetime loses its upper bits."""
    return told | {"life_seconds": str(int(told["life_seconds"]) % 65536)}


def _gmac_is_aes(told: dict[str, str], negotiated: IpsecParameters) -> dict[str, str]:
    return told | {"enc_alg": "aes"} if negotiated.transform is EspTransform.AES_GMAC else told


def _no_limit_is_0(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    return told | {"life_kbytes": "0"} if told["life_kbytes"] == NO_LIMIT else told


def _no_limit_wraps(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    """As an integer of 32 bits that is read from it."""
    return told | {"life_kbytes": "-2147483648"} if told["life_kbytes"] == NO_LIMIT else told


def _kilobytes_are_octets(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    limit = told["life_kbytes"]
    return told | {"life_kbytes": limit if limit == NO_LIMIT else str(int(limit) // 1024)}


def _negotiated_length_only(told: dict[str, str], negotiated: IpsecParameters) -> dict[str, str]:
    return {name: value for name, value in told.items() if name != "key_length" or negotiated.key_length}


def _all_is_authenticated(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    return {"auth_alg": "hmac-sha2-256", **told}


def _all_is_tunnel(told: dict[str, str], _: IpsecParameters) -> dict[str, str]:
    return told | {"encapsulation": "tunnel"}


def _encrypted_with_auth_only(told: dict[str, str], negotiated: IpsecParameters) -> dict[str, str]:
    return told | {"enc_alg": "aes"} if negotiated.transform is EspTransform.NULL else told


@pytest.mark.parametrize(
    "fault",
    [
        _unfilled,
        _wrapped,
        _gmac_is_aes,
        _no_limit_is_0,
        _no_limit_wraps,
        _kilobytes_are_octets,
        _negotiated_length_only,
        _all_is_authenticated,
        _all_is_tunnel,
        _encrypted_with_auth_only,
    ],
)
def test_a_wrong_word_about_a_protocol_is_found(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[dict[str, str], IpsecParameters], dict[str, str]]
) -> None:
    words: Words = policy._protocol_words
    monkeypatch.setattr(policy, "_protocol_words", lambda negotiated: fault(words(negotiated), negotiated))
    with pytest.raises(AssertionError, match=r"allows no|told other words"):
        try_many("faults", 10_000)


@pytest.mark.parametrize("fault", [_unfilled, _no_limit_is_0, _all_is_authenticated])
def test_policies_alone_find_it_too(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[dict[str, str], IpsecParameters], dict[str, str]]
) -> None:
    words: Words = policy._protocol_words
    monkeypatch.setattr(policy, "_protocol_words", lambda negotiated: fault(words(negotiated), negotiated))
    with pytest.raises(AssertionError, match="allows no"):
        try_many("faults", 10_000, words=False)


def _swapped(request: Request) -> Request:
    """The two ends of the traffic are taken for each other."""
    names = {name: name.replace("remote_", "local_") for name in request.attributes if name.startswith("remote_filter")}
    names |= {theirs: ours for ours, theirs in names.items()}
    return replace(request, attributes={names.get(name, name): value for name, value in request.attributes.items()})


def _one_protocol(request: Request) -> Request:
    """Of two protocols wanted together only ESP is told."""
    told = {name: value for name, value in request.attributes.items() if not name.startswith("ah_")}
    return replace(request, attributes=told | {"ah_present": "no"})


def _without_pfs(request: Request) -> Request:
    return replace(request, attributes={**request.attributes, "pfs": "yes"})


@pytest.mark.parametrize("fault", [_swapped, _one_protocol, _without_pfs])
def test_a_wrong_word_about_the_whole_is_found(fault: Callable[[Request], Request]) -> None:
    with pytest.raises(AssertionError, match=r"allows no|told other words"):
        try_many("faults", 10_000, change=fault)


def test_a_policy_that_is_asked_before_lifetimes_are_shortened_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_too_early(setting: acceptance.Setting, proposal: IpsecProposal) -> Request:
        early = tuple(replace(each, life_seconds=28800, life_kilobytes=None) for each in proposal.protocols)
        return ask(setting, replace(proposal, protocols=early))

    ask = acceptance.ask
    monkeypatch.setattr(acceptance, "ask", asked_too_early)
    with pytest.raises(AssertionError, match=r"allows no|told other words"):
        try_many("faults", 10_000)


def test_names_that_pass_for_traffic_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(ours: Identification, theirs: Identification) -> tuple[Identity, Identity]:
        return identities.from_payload(ours), identities.from_payload(theirs)

    monkeypatch.setattr(identities, "traffic", taken)
    with pytest.raises(AssertionError, match="selects nothing"):
        try_many("faults", 10_000)


def test_a_duration_that_loses_its_upper_bits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a C program reads it."""
    read = attributes._duration
    monkeypatch.setattr(attributes, "LONGEST_LIFE", 2**200)
    monkeypatch.setattr(attributes, "_MOST_OCTETS", 99)
    monkeypatch.setattr(attributes, "_duration", lambda *asked: read(*asked) & 0xFFFFFFFF or 1)
    with pytest.raises(AssertionError):
        try_many("faults", 10_000)


def test_suites_that_do_not_bind_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "match_suites", lambda _, suites: SuiteMatch(suites[0], ()))
    with pytest.raises(AssertionError, match="no suite of"):
        try_many("faults", 10_000)


def test_lifetimes_of_another_protocol_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed_up(proposal: IpsecProposal, _: object) -> tuple[IpsecProposal, dict[Protocol, int]]:
        longest = max(each.seconds for each in proposal.protocols)
        protocols = tuple(replace(each, life_seconds=longest) for each in proposal.protocols)
        return replace(proposal, protocols=protocols), {}

    monkeypatch.setattr(lifetimes, "filled_in", mixed_up)
    with pytest.raises(AssertionError):
        try_many("faults", 10_000)
