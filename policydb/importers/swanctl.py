"""swanctl.conf(5) of strongSwan to a plan: connections that speak IKEv1, their children, and secrets for IKE."""

from __future__ import annotations

from collections.abc import Sequence

from grammar.nodes import Statement
from policydb.connections import Address
from policydb.importers import words
from policydb.importers.common import Draft, Secret, ask, inner_addresses, offered, pairs, proposals
from policydb.importers.ledger import Fates, Ledger, View, walk
from policydb.importers.plan import NotCarriedError, Peer, Plan, Selector, Suite, Tunnel
from policydb.importers.swanctl_peers import Given, lifetime_of, peer_of, rounds

_V2 = "it belongs to IKEv2"
_OWN = "isakmpd does so by itself"
_SCRIPT = "isakmpd runs no scripts"
_CERT = "install certificates and keys in the folders that isakmpd.conf(5) names in [X509-certificates]"
_NO_POOLS = "no connection that was carried takes its address from here"
_KERNEL = "isakmpd does not set this up in the kernel"

_CONNECTION = Fates(
    needless={
        "mobike": _V2, "childless": _V2, "ppk_id": _V2, "ppk_required": _V2, "rand_time": _OWN, "keyingtries": _OWN,
        "send_certreq": _OWN, "send_cert": _OWN, "over_time": "it is part of the lifetime",
        "dpd_timeout": "isakmpd has its own number of attempts", "pull": "nothing is configured by mode config",
    },
    harmless={
        "encap": frozenset({"no"}), "unique": frozenset({"no", "replace"}),
        "fragmentation": frozenset({"no", "accept"}),
        "local_port": frozenset({"500"}), "if_id_in": frozenset({"0"}), "if_id_out": frozenset({"0"}),
        "mediation": frozenset({"no"}), "dscp": frozenset({"000000"}), "aggressive": frozenset({"no"}),
    },
    left={
        "if_id_in": _KERNEL, "if_id_out": _KERNEL,
        "local_port": "the port is an option of isakmpd(8), -p",
        "fragmentation": "isakmpd does not fragment IKE messages",
    },
)  # fmt: skip
_ROUND = Fates(
    needless={"round": "there is one round"},
    harmless={"revocation": frozenset({"relaxed"})},
    left={"certs": _CERT, "cacerts": _CERT, "pubkeys": _CERT, "ca_id": _CERT},
)
_CHILD = Fates(
    needless={"rand_time": _OWN, "dpd_action": "isakmpd brings up again what stands in Connections", "reqid": _OWN},
    harmless={
        "ipcomp": frozenset({"no"}), "policies": frozenset({"yes"}), "hostaccess": frozenset({"no"}),
        "sha256_96": frozenset({"no"}), "close_action": frozenset({"none", "clear"}),
        "inactivity": frozenset({"0", "0s"}),
        "rekey_bytes": frozenset({"0"}), "life_bytes": frozenset({"0"}), "rekey_packets": frozenset({"0"}),
        "life_packets": frozenset({"0"}), "tfc_padding": frozenset({"0"}), "hw_offload": frozenset({"no"}),
        "policies_fwd_out": frozenset({"no"}), "copy_df": frozenset({"yes"}), "copy_ecn": frozenset({"yes"}),
    },
    left={"updown": _SCRIPT, "mark_in": _KERNEL, "mark_out": _KERNEL, "if_id_in": _KERNEL, "if_id_out": _KERNEL},
)  # fmt: skip
_NOTHING = Fates({}, {}, {})


def convert(statements: Sequence[Statement], ledger: Ledger) -> Plan:
    """The plan of a swanctl.conf whose statements are in the ledger already."""
    draft, tree = Draft(ledger), _Tree(statements, ledger)
    for each in statements:
        if each.body is None:
            is_include = each.words[0] == "include"
            why = "included files are not read: convert each, or paste them in" if is_include else "no section holds it"
            ledger.left(each, why)
        elif each.words[0] in _LEFT_SECTIONS:
            ledger.left_whole(each, _LEFT_SECTIONS[each.words[0]])
    kept = tree.sections(tree.named("secrets"))
    given = Given(
        [secret for view in kept for secret in _secrets(view, ("ike",))],
        [secret for view in kept for secret in _secrets(view, ("xauth", "eap"))],
        {view.name: view for view in tree.sections(tree.named("pools"))},
    )
    for view in kept:
        if not view.name.startswith(("ike", "xauth", "eap")):
            view.leave_all("only the secrets of ike, xauth and eap sections are carried")
    for view in tree.sections(tree.named("connections")):
        mark = ledger.mark()
        try:
            _connection(tree, view, given, draft)
        except NotCarriedError as problem:
            ledger.undo(mark)
            view.leave_all(str(problem))
    for name, view in given.pools.items():
        if name not in given.used:
            view.leave_all(_NO_POOLS)
    for each in (*tree.named("connections"), *tree.named("secrets"), *tree.named("pools")):
        ledger.carried(each)
    return draft.plan()


_LEFT_SECTIONS = {"authorities": _CERT}


class _Tree:
    """Sections with what they refer to (strongswan.conf(5), "Referencing other sections")."""

    def __init__(self, statements: Sequence[Statement], ledger: Ledger) -> None:
        self._statements = statements
        self._ledger = ledger

    def named(self, name: str) -> list[Statement]:
        """The sections of that name at the top."""
        return [each for each in self._statements if each.body is not None and each.words[0] == name]

    def sections(self, own: Sequence[Statement], inherited: Sequence[Statement] = ()) -> list[View]:
        """The sections inside of others, those of one name together; what is inherited follows."""
        named: dict[str, tuple[list[Statement], list[Statement]]] = {}
        for blocks, index in ((own, 0), (inherited, 1)):
            for each in (each for block in blocks for each in block.body or () if each.body is not None):
                named.setdefault(each.words[0], ([], []))[index].append(each)
        views = []
        for name, (mine, theirs) in named.items():
            more = {id(each): each for each in (*self._referred([*mine, *theirs]), *theirs)}
            views.append(View(self._ledger, mine, [each for key, each in more.items()], name))
        return views

    def _referred(self, blocks: Sequence[Statement]) -> list[Statement]:
        """All sections that some refer to, and those that they refer to; each once, so that a circle ends."""
        known = {id(each) for each in blocks}
        found: list[Statement] = []
        waiting = list(blocks)
        while waiting:
            current = waiting.pop(0)
            for reference in current.words[1:]:
                targets = self._lookup(reference)
                if not targets:
                    self._ledger.left(current, f"there is no section {words.printable(reference)}")
                fresh = [each for each in targets if id(each) not in known]
                known |= {id(each) for each in fresh}
                found += fresh
                waiting += fresh
        return found

    def _lookup(self, reference: str) -> list[Statement]:
        """The sections of an absolute name."""
        level: Sequence[Statement] = self._statements
        found: list[Statement] = []
        for name in reference.split("."):
            found = [each for each in level if each.body is not None and each.words[0] == name]
            level = [inner for each in found for inner in each.body or ()]
        return found


# --- secrets ------------------------------------------------------------------------------------------------------


def _secrets(view: View, kinds: tuple[str, ...]) -> list[Secret]:
    """A section of secrets{} of one of these kinds: the one secret in it."""
    if not view.name.startswith(kinds):
        return []
    keys = [each for each in view.keys if each.startswith("id")]
    mark = view.ledger.mark()
    identities = tuple(each for each in (view.take(key) for key in keys) if each)
    try:
        octets = words.key_octets(view.take("secret"))
    except NotCarriedError as problem:
        view.leave_all(str(problem))
        return []
    view.ledger.undo(mark)
    for each in walk((*view.own, *view.inherited)):
        view.ledger.unused(each, "no connection that was carried uses this secret")

    def carry() -> None:
        for key in ("secret", *keys):
            view.take(key)
        view.finish(_NOTHING)

    return [Secret(octets, identities, carry, view.leave_all)]


# --- connections --------------------------------------------------------------------------------------------------


def _connection(tree: _Tree, view: View, given: Given, draft: Draft) -> None:
    """One connection: its peer, and a tunnel for each child and pair of selectors. Raises NotCarriedError."""
    name = words.section_name(view.name)
    if view.take("version") not in {"", "0", "1"}:
        raise NotCarriedError("it is for IKEv2 only")
    inner: dict[str, list[View]] = {"local": [], "remote": [], "children": []}
    for each in tree.sections(view.own, view.inherited):
        kind = next((kind for kind in inner if each.name.startswith(kind)), "")
        if kind:
            inner[kind].append(each)
        else:
            each.leave_all("isakmpd has nothing like it, or it is unknown here")
    children = [child for each in inner["children"] for child in tree.sections(each.own, each.inherited)]
    if not children:
        raise NotCarriedError("it has no children, so there is no tunnel")
    peer = peer_of(view, {side: rounds(inner[side]) for side in ("local", "remote")}, given)
    place = view.statement("remote_addrs") or view.first
    peer = draft.peer(peer, place)
    reasons = []
    for child in children:
        mark = view.ledger.mark()
        try:
            _child(child, name, peer, draft)
        except NotCarriedError as problem:
            view.ledger.undo(mark)
            child.leave_all(str(problem))
            reasons.append(f"{words.printable(child.name)}: {problem}")
    if len(reasons) == len(children):
        raise NotCarriedError(f"none of its children can be carried: {'; '.join(reasons)}")
    if seconds := ask(view, "dpd_delay", words.seconds, 0):
        draft.general("DPD-check-interval", str(seconds), view.statement("dpd_delay") or place)
    if peer.admits_users:
        draft.users(given.users)
    view.finish(_CONNECTION)
    for each in (*inner["local"], *inner["remote"], *inner["children"]):
        each.finish(_ROUND)


# --- children -----------------------------------------------------------------------------------------------------


def _child(view: View, connection: str, peer: Peer, draft: Draft) -> None:
    """The tunnels of one child. Raises NotCarriedError."""
    name = f"{connection}-{words.section_name(view.name)}"
    if view.take("ah_proposals"):
        raise NotCarriedError("AH is not carried")
    mode = view.take("mode") or "tunnel"
    if mode not in {"tunnel", "transport"}:
        raise NotCarriedError(f"mode: isakmpd knows no {words.printable(mode)}")
    transport = mode == "transport"

    def check(suite: Suite) -> str:
        return suite.quick_mode(transport=transport)

    suites = proposals(view, "esp_proposals", words.DEFAULT_QUICK, check)
    ends = _selectors(view, "local_ts"), _selectors(view, "remote_ts")
    inner = inner_addresses(peer)
    if ends != ([None], [None]) or peer.lease:
        ends = (_fixed(ends[0], inner[0]), _fixed(ends[1], inner[1]))
    window = ask(view, "replay_window", words.replay_window, None)
    lifetime = lifetime_of(view, "life_time", "rekey_time")
    initiates = _initiates(view, peer)
    suites = offered(view, "esp_proposals", suites) if initiates else suites
    for local, remote in pairs(view, ("local_ts", "remote_ts"), ends):
        draft.tunnel(Tunnel(name, peer, suites, local, remote, transport, initiates, lifetime, window))
    view.finish(_CHILD)


def _selectors(view: View, key: str) -> list[Selector | None]:
    """The selectors of a setting; None is `dynamic`, the end point itself."""
    found: list[Selector | None] = []
    for each in (view.take(key) or "dynamic").split(","):
        network, _, rest = each.strip().partition("[")
        if rest and network.strip() == "dynamic":
            raise NotCarriedError(f"{key}: isakmpd needs the address of a dynamic selector with a protocol")
        proto, _, port = rest.removesuffix("]").partition("/")
        try:
            if network.strip() != "dynamic":
                found.append(words.selector(network, proto, port))
            else:
                found.append(None)
        except NotCarriedError as problem:
            raise NotCarriedError(f"{key}: {words.printable(each)}: {problem}") from None
    return found


def _fixed(selectors: Sequence[Selector | None], address: Address | None) -> list[Selector | None]:
    """The selectors with the end point's address in the place of `dynamic`. Raises NotCarriedError."""
    if None in selectors and address is None:
        raise NotCarriedError("a dynamic selector beside a fixed one needs both addresses of the connection")
    return [words.selector(str(address)) if each is None else each for each in selectors]


def _initiates(view: View, peer: Peer) -> bool:
    """Whether the tunnel is brought up at the start."""
    action = view.take("start_action") or "none"
    if action in {"none", "clear"}:
        return False
    if peer.address is None:
        view.leave("start_action", "the peer's address is not known, so isakmpd can only answer")
        return False
    if "trap" in action or action == "route":
        view.leave("start_action", "isakmpd brings it up at once, not when the first packet comes")
    elif action != "start":
        view.leave("start_action", f"strongSwan knows no {words.printable(action)}; it only answers")
        return False
    return True
