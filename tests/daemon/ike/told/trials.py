"""The property behind docs/policies.md: whenever the daemon says yes, the policy allows the SA that there is then.

One trial is one quick mode with the real engine, in either role, with or without a connection for its traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import IPv4Network
from random import Random

from policydb.attributes import NO_LIMIT as UNLIMITED
from policydb.connections import Configuration, Connection
from policydb.library import Policy, read_policy
from policydb.request import Request
from tests.daemon.ike.network import BEGIN, EAST, EAST_NET, WEST, WEST_NET, configuration, subnet
from tests.daemon.ike.told import offers
from tests.daemon.ike.told.conditions import NO_LIMIT, Condition, Reading, policy
from tests.daemon.ike.told.octets import ID, Outcome, Peer, read_attributes
from tests.daemon.ike.told.reading import allowed_by, binding, check_wire, reading

_PER_PEER = 500
_PER_POLICY = 4
_THEIR_IDS = offers.identities_around("10.1.0")
_OUR_IDS = offers.identities_around("10.2.0")

_WIDE_WEST, _WIDE_EAST = IPv4Network("10.2.0.0/16"), IPv4Network("10.1.0.0/16")

_PHASE_1 = {
    "phase_1": "main",
    "phase1_group_desc": "19",
    "remote_id_type": "IPv4 address",
    "remote_id_proto": "0",
    "remote_id_port": "0",
    **dict.fromkeys(("remote_id", "remote_id_addr_lower", "remote_id_addr_upper"), "192.000.002.001"),
    **dict.fromkeys(("remote_negotiation_address", "remote_ike_address"), "192.000.002.001"),
    **dict.fromkeys(("local_negotiation_address", "local_ike_address"), "192.000.002.002"),
}


@dataclass
class Judge:
    """A policy for a few quick modes, written when it is first asked: at and around what it is told then."""

    dice: Random
    change: Callable[[Request], Request] = lambda request: request
    condition: Condition | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    _policy: Policy | None = None

    def __call__(self, request: Request) -> bool:
        request = self.change(request)
        self.told = request.attributes
        if self.condition is None or self._policy is None:
            self.condition = policy(self.dice, request.attributes)
            self._policy = read_policy(self.condition.text)
        return self._policy.allows(request)


@dataclass
class Tally:
    """What the trials came to: a property that nothing reaches is none."""

    yes: int = 0
    no_by_policy: int = 0
    bound: int = 0
    initiated: int = 0
    seen: set[str] = field(default_factory=set)


def try_many(
    seed: str, count: int, *, change: Callable[[Request], Request] = lambda request: request, words: bool = True
) -> Tally:
    """So many quick modes. Raises AssertionError where one of them shows the property to be false.

    `change` is a planted fault: it alters what policy is told. With `words` what was told is compared too, each
    attribute: a fault in one that the policies at hand do not ask about is found as well.
    """
    dice = Random(seed)
    tally = Tally()
    for trial in range(count):
        if trial % _PER_PEER == 0:
            peer = Peer(1 + trial // _PER_PEER, behind_nat=dice.random() < 0.3)
        if trial % _PER_POLICY == 0:
            judge = Judge(dice, change)
            configured = _configuration(dice, with_connection=dice.random() < 0.5)
            initiates = bool(configured.connections) and dice.random() < 0.3
            ours = [suite for each in configured.connections.values() for suite in each.suites]
        peer.configure(configured, judge)
        if initiates:
            outcome = peer.answer("net", offers.answer(dice))
            ids = [body for kind, body in outcome.first if kind == ID]
        else:
            made = offers.offer(dice, _THEIR_IDS, _OUR_IDS, ours)
            outcome, ids = peer.offer(made.sa, made.ids, with_key=made.with_key), list(made.ids)
        tally.no_by_policy += bool(outcome.records and outcome.records[0].reason == "policy")
        if outcome.sas:
            now = BEGIN + timedelta(seconds=peer.node._clock())
            is_now = reading(outcome.sas, outcome.chosen, ids, initiator=initiates, phase_1=_PHASE_1, now=now)
            where = f"{seed}, trial {trial}"
            _judge(judge, is_now, where, words)
            _bind(outcome, is_now, configured, initiates, where)
            _count(tally, outcome, configured, initiates)
    return tally


def _configuration(dice: Random, *, with_connection: bool) -> Configuration:
    base = configuration(WEST, EAST)
    if not with_connection:
        return replace(base, connections={})
    connections = {
        "net": Connection("net", "gateway", offers.configured(dice), subnet(WEST_NET), subnet(EAST_NET)),
        "wide": Connection("wide", "gateway", offers.configured(dice), subnet(_WIDE_WEST), subnet(_WIDE_EAST)),
    }
    kept = dice.choice((("net",), ("net",), ("net", "wide"), ("wide", "net")))
    return replace(base, connections={name: connections[name] for name in kept})


def _judge(judge: Judge, is_now: Reading, where: str, words: bool) -> None:
    """Hold a yes of policy against what the SA is."""
    assert judge.condition is not None, f"{where}: policy was not asked"
    assert judge.condition.holds(is_now), f"{where}: policy\n{judge.condition.text}allows no\n{_shown(is_now)}"
    if words:
        told = {name: NO_LIMIT if value == UNLIMITED else value for name, value in judge.told.items()}
        assert told == is_now, f"{where}: policy was told other words than of\n{_shown(is_now)}"


def _bind(outcome: Outcome, is_now: Reading, configured: Configuration, initiates: bool, where: str) -> None:
    """Hold it against what was agreed on, and against the suites of the connection whose traffic it carries."""
    named = configured.connections["net"] if initiates else None
    by = [named] if named is not None else binding(configured.connections.values(), outcome.sas)
    check_wire(outcome.sas, outcome.chosen, by[0].suites if len(by) == 1 else (), initiator=initiates)
    group = dict(read_attributes(outcome.chosen[0].transforms[0][2])).get(3, 0)
    for each in by:
        bound = allowed_by(each.suites, outcome.sas, group, lives=not initiates)
        assert bound, f"{where}: no suite of {each.name} is\n{_shown(is_now)}"


def _shown(found: Reading) -> str:
    return "".join(f"  {name} = {value}\n" for name, value in sorted(found.items()))


def _count(tally: Tally, outcome: Outcome, configured: Configuration, initiates: bool) -> None:
    tally.yes += 1
    tally.initiated += initiates
    tally.bound += bool(binding(configured.connections.values(), outcome.sas))
    for sa in outcome.sas:
        tally.seen |= {"in UDP"} if sa.udp_ports else set()
        tally.seen |= {sa.protocol, sa.encryption, sa.authentication, sa.encapsulation}
        tally.seen |= {"no limit" if sa.hard_kilobytes is None else "kilobytes", sa.source_selector.type}
