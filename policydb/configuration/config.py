"""The bindings of isakmpd.conf(5) to a Configuration: every reference followed, every error told at once.

The original program notices a misspelt section when a negotiation needs it. Here everything that a negotiation could
reach is resolved when a file is compiled; the same function makes the daemon's records from the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from grammar.errors import Diagnostic, Severity
from grammar.nodes import Binding
from policydb.configuration.general import check_certificates, general_settings, schedule_of
from policydb.configuration.identities import ipsec_identity, phase_1_identity, port_number
from policydb.configuration.modeconfig import mode_config
from policydb.configuration.peers import doubt_peer, is_exchange_allowed
from policydb.configuration.predefined import main_mode_names, suite_names
from policydb.configuration.sealing import (
    XAUTH_PASSWORD,
    XAUTH_USERS,
    SecretError,
    is_key,
    secret_octets,
    secret_reference,
)
from policydb.configuration.sections import Book, Edge, Find, Section, Value, instead
from policydb.configuration.ties import Doubt, doubts
from policydb.configuration.transforms import ike_transform, suite
from policydb.configuration.unread import doubt_unread
from policydb.configuration.vocabulary import (
    CONNECTION_FLAGS,
    DOIS,
    EVERY_TAG,
    EXCHANGES,
    FIXED,
    MODE_CONFIG_NAME,
    PEER_FLAGS,
    QUICK_MODES,
    TAGS,
    TRANSPORTS,
    Kind,
)
from policydb.connections import (
    DEFAULT_SCHEDULE,
    Address,
    Configuration,
    Connection,
    Identity,
    IkeTransform,
    OnDemand,
    Peer,
    Schedule,
    Suite,
    address_in,
)

DEFAULT_SUITE = "QM-ESP-3DES-SHA-PFS-SUITE"
"""[General]:Default-phase-2-suites where it is not set (isakmpd.conf(5))."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration and all that is to be said about it; with an error, the configuration lacks what is wrong.

    `edges`: which section refers to which, as far as it was read.
    """

    configuration: Configuration
    diagnostics: tuple[Diagnostic, ...]
    edges: Collection[Edge] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that keep it from being used."""
        return tuple(each for each in self.diagnostics if each.severity is Severity.ERROR)


def resolve(bindings: Iterable[tuple[str, Binding]]) -> Resolved:
    """The configuration that these bindings, each with its source's name, make up. Never raises for what they say.

    Of two bindings of one tag the first counts. Values of Authentication are references or keys; neither is kept.
    """
    return _resolved(Book(bindings))


def resolve_some(names: Iterable[str], find: Find) -> Resolved:
    """What the sections of these names, in lower case, come to, with all that they need; `find` reads a section.

    Of [Phase 1] and [Phase 2] it may leave out what these names do not need.
    """
    return _resolved(Book((), find), names)


def _resolved(book: Book, names: Iterable[str] | None = None) -> Resolved:
    configuration = _Resolver(book).configuration(names)
    doubt_unread(book)
    for each in doubts(configuration):
        _report(book, each)
    return Resolved(configuration, _ordered(book), book.edges)


def resolve_published(bindings: Iterable[tuple[str, Binding]]) -> Resolved:
    """The same of bindings that were checked before, as those of a store: only errors are told."""
    book = Book(bindings)
    return Resolved(_Resolver(book).configuration(), _ordered(book))


def _ordered(book: Book) -> tuple[Diagnostic, ...]:
    return tuple(sorted(book.findings, key=lambda each: (each.source, each.span.line, each.span.start, each.code)))


def _report(book: Book, doubt: Doubt) -> None:
    """A doubt at the header of its section; nobody wrote the built-in ones."""
    written, other = book.written.get(doubt.section.lower()), book.written.get(doubt.other.lower())
    place = f" (line {other.header.span.line} of {other.header.source})" if other else ""
    mark = written.header if written else None
    book.report(doubt.code, f"{doubt.message}{place}", mark, doubt.hint, Severity.WARNING)


def check_keys(bindings: Iterable[tuple[str, Binding]]) -> list[Diagnostic]:
    """Errors in keys and passwords, which only those see who have the file, before it is sealed. They tell none."""
    found = []
    for source, binding in bindings:
        if is_key(binding):
            try:
                secret_octets(binding.section, binding.tag, binding.value)
            except SecretError as cause:
                found.append(Diagnostic("CF211", f"{cause}, in [{binding.section}]", source, binding.span))
    return found


def is_kept(binding: Binding) -> bool:
    """Whether a binding enters the store: only known tags do, lest a misspelt Authentication be kept in the clear."""
    tag, section = binding.tag.lower(), binding.section
    if len(section) == len("phase 1") and section.lower() == "phase 1" and tag not in TAGS[Kind.PHASE_1]:
        return tag not in EVERY_TAG and address_in(tag) is not None
    return tag in EVERY_TAG or section.lower() == XAUTH_USERS


class _Resolver:
    """Resolves each section once, however many refer to it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._peers: dict[str, Peer | None] = {}
        self._connections: dict[str, Connection | None] = {}
        self._identities: dict[tuple[Kind, str], Identity | None] = {}
        self._main_modes: dict[str, tuple[str | None, tuple[IkeTransform, ...]]] = {}
        self._ike_transforms: dict[str, IkeTransform | None] = {}
        self._quick_modes: dict[str, tuple[Suite, ...]] = {}
        self._suites: dict[str, Suite | None] = {}
        self._schedule: Schedule = DEFAULT_SCHEDULE
        self._accepts_aggressive_psk = False

    def configuration(self, names: Iterable[str] | None = None) -> Configuration:
        """Everything, from its roots: the fixed sections, then whatever calls itself a peer or a connection.

        Of the latter only `names`, where they are given.
        """
        keynote = self._book.open("KeyNote", Kind.KEYNOTE)
        general = general_settings(self._book.open("General", Kind.GENERAL), keynote)
        self._schedule = general.schedule
        self._accepts_aggressive_psk = general.accept_aggressive_psk
        check_certificates(self._book.open("X509-certificates", Kind.X509))
        by_address, default = self._phase_1(self._book.open("Phase 1", Kind.PHASE_1))
        self._phase_2(self._book.open("Phase 2", Kind.PHASE_2))
        users = self._book.open("XAUTH-users", Kind.XAUTH_USERS)
        modes = {}
        # In this order, so that it depends on nothing but [Phase 2] and names.
        for lower in sorted(self._book.written if names is None else names):
            written = self._book.written.get(lower)
            if written is None:
                continue
            phase = written.values.get("phase")
            if MODE_CONFIG_NAME.match(written.name):
                modes[lower] = mode_config(self._book.open(written.name, Kind.MODE_CONFIG))
            if phase is not None and lower not in FIXED:
                self._unlisted(written.name, phase)
        return Configuration(
            general,
            {peer.name: peer for peer in self._peers.values() if peer},
            by_address,
            default,
            {each.name: each for each in self._connections.values() if each},
            modes,
            self._on_demand(self._book.open("General", Kind.GENERAL)),
            {name: secret_reference(users.name, name) for name in users.values},
        )

    def _on_demand(self, general: Section) -> OnDemand:
        """What the built-in sections say is opened without a reference: nothing is said about what nobody wrote."""
        suites: list[Suite | None]
        if members := general.members("Default-phase-2-suites"):
            suites = [self._suite(general, "Default-phase-2-suites", each) for each in members]
        else:
            suites = [suite(self._book.open(DEFAULT_SUITE, Kind.SUITE))]
        inner = self._book.open("Default-phase-1-configuration", Kind.IKE_CONFIGURATION)
        exchange, transforms = self._main_mode(inner)
        return OnDemand(exchange or "ID_PROT", transforms, tuple(each for each in suites if each))

    def _unlisted(self, name: str, phase: Value) -> None:
        """A section that may be asked for by name (FIFO command c), listed or not.

        What others refer to has been read as what they take it for; a wrong Phase is said there.
        """
        if self._book.kinds.get(name.lower()):
            return
        if phase.text == "1":
            self._peer(self._book.open(name, Kind.PEER))
        elif phase.text == "2":
            self._connection(self._book.open(name, Kind.CONNECTION), initiates=False, answers=False)

    # --- the fixed sections ---------------------------------------------------------------------------------------

    def _phase_1(self, section: Section) -> tuple[dict[Address, str], str | None]:
        """[Phase 1]: which peer is expected at which address, and who anywhere else."""
        by_address: dict[Address, str] = {}
        default = None
        written = self._book.written.get("phase 1")
        for tag, value in section.values.items():
            if tag == "default":
                # The built-in default is there unasked; so nothing is said about what it offers.
                asked = section.follow("Default", value, Kind.PEER) if value.mark else None
                inner = asked if value.mark else self._book.open(value.text, Kind.PEER)
                peer = self._peer(inner) if inner else None
                default = peer.name if peer else None
            elif (address := address_in(tag)) is not None:
                inner = section.follow(tag, value, Kind.PEER)
                peer = self._peer(inner) if inner else None
                if peer:
                    by_address.setdefault(address, peer.name)
            elif written:
                source, binding = written.tags[tag]
                near = instead(binding.tag, ("Default",))
                hint = near if near.startswith("did you mean") else "its tags are IP addresses, and Default"
                place = Value(binding.tag, source, binding.span)
                section.error("CF204", f"{binding.tag} is no IP address", place, hint)
        return by_address, default

    def _phase_2(self, section: Section) -> None:
        """[Phase 2]: connections to bring up (which answer too, unless Active-only), and those that only answer."""
        for tag, initiates in (("Connections", True), ("Passive-connections", False)):
            for member in section.members(tag):
                inner = section.follow(tag, member, Kind.CONNECTION)
                if inner:
                    self._connection(inner, initiates=initiates, answers=True)

    # --- peers ----------------------------------------------------------------------------------------------------

    def _peer(self, section: Section) -> Peer | None:
        lower = section.name.lower()
        if lower not in self._peers:
            self._peers[lower] = None
            self._peers[lower] = self._read_peer(section)
        return self._peers[lower]

    def _read_peer(self, section: Section) -> Peer | None:
        if self._is_of_other_phase(section, "2"):
            return None
        is_peer = self._has_phase(section, "1")
        section.word("Transport", TRANSPORTS, default="udp")
        address, local = section.address("Address"), section.address("Local-address")
        if address and local and address.version != local.version:
            section.error("CF204", "Address and Local-address are of two families", section.get("Local-address"))
        name = section.get("Configuration") or Value("Default-phase-1-configuration")
        inner = section.follow("Configuration", name, Kind.IKE_CONFIGURATION)
        exchange, transforms = self._main_mode(inner) if inner else (None, ())
        peer = Peer(
            name=section.name,
            transforms=transforms,
            exchange=exchange or "ID_PROT",
            address=address,
            local_address=local,
            port=port_number(section, Peer(section.name, ()).port),
            identity=self._identity(section, "ID", Kind.PHASE_1_ID),
            remote_identity=self._identity(section, "Remote-ID", Kind.PHASE_1_ID),
            secret=secret_reference(section.name) if section.get("Authentication") else None,
            flags=section.flags("Flags", PEER_FLAGS),
            schedule=schedule_of(section, self._schedule),
            user=section.text("XAUTH-User"),
            password=secret_reference(section.name, XAUTH_PASSWORD) if section.get("XAUTH-Password") else None,
        )
        doubt_peer(section, peer, users=XAUTH_USERS in self._book.written)
        allowed = is_exchange_allowed(section, peer, aggressive_psk=self._accepts_aggressive_psk)
        return peer if is_peer and exchange and transforms and allowed else None

    def _main_mode(self, section: Section) -> tuple[str | None, tuple[IkeTransform, ...]]:
        lower = section.name.lower()
        if lower not in self._main_modes:
            self._main_modes[lower] = self._read_main_mode(section)
        return self._main_modes[lower]

    def _read_main_mode(self, section: Section) -> tuple[str | None, tuple[IkeTransform, ...]]:
        section.word("DOI", DOIS, default="IPSEC")
        exchange = section.word("EXCHANGE_TYPE", EXCHANGES)
        found = []
        for member in self._listed(section, "Transforms"):
            lower = member.text.lower()
            inner = section.follow("Transforms", member, Kind.IKE_TRANSFORM, main_mode_names())
            if inner and lower not in self._ike_transforms:
                self._ike_transforms[lower] = self._book.alike(inner, ike_transform)
            transform = self._ike_transforms.get(lower)
            if transform:
                found.append(transform)
        return exchange, tuple(found)

    # --- connections ----------------------------------------------------------------------------------------------

    def _connection(self, section: Section, *, initiates: bool, answers: bool) -> None:
        lower = section.name.lower()
        if lower not in self._connections:
            self._connections[lower] = self._read_connection(section, initiates=initiates, answers=answers)

    def _read_connection(self, section: Section, *, initiates: bool, answers: bool) -> Connection | None:
        if self._is_of_other_phase(section, "1"):
            return None
        is_connection = self._has_phase(section, "2")
        peer = self._peer_of(section)
        suites = self._suites_of(section)
        local = self._identity(section, "Local-ID", Kind.IPSEC_ID)
        remote = self._identity(section, "Remote-ID", Kind.IPSEC_ID)
        given = [tag for tag in ("Local-ID", "Remote-ID") if section.get(tag)]
        if len(given) == 1:
            other = "Remote-ID" if given == ["Local-ID"] else "Local-ID"
            section.error("CF209", f"{given[0]} is given without {other}", section.get(given[0]), f"add {other}=")
        for tag in ("NAT-ID", "PF-Tag", "Interface"):
            if section.get(tag):
                section.warn("CF102", f"{tag} is not used by this version", section.get(tag))
        self._identity(section, "NAT-ID", Kind.IPSEC_ID)
        if local and remote and _family(local) != _family(remote):
            section.error("CF204", "Local-ID and Remote-ID are of two families", section.get("Remote-ID"))
            return None
        flags = section.flags("Flags", CONNECTION_FLAGS)
        if not (is_connection and peer and suites):
            return None
        if initiates or not answers:
            self._check_groups(section, suites)
        answers = answers and "Active-only" not in flags
        return Connection(section.name, peer.name, suites, local, remote, initiates, answers)

    @staticmethod
    def _check_groups(section: Section, suites: tuple[Suite, ...]) -> None:
        """Suites that are offered together agree on the group: one key exchange serves all (RFC 2409 section 5.5)."""
        groups = {each.protocols[0].transforms[0].group for each in suites}
        if len(groups) > 1:
            named = ", ".join(sorted(each or "none" for each in groups))
            message = f"suites that are offered together must agree on GROUP_DESCRIPTION, and have {named}"
            section.error("CF210", message, section.get("Configuration"), "let all of them end in the same -PFS-GRPn")

    def _peer_of(self, section: Section) -> Peer | None:
        value = section.required("ISAKMP-peer")
        inner = section.follow("ISAKMP-peer", value, Kind.PEER) if value else None
        return self._peer(inner) if inner else None

    def _suites_of(self, section: Section) -> tuple[Suite, ...]:
        value = section.required("Configuration")
        inner = section.follow("Configuration", value, Kind.IPSEC_CONFIGURATION) if value else None
        if inner is None:
            return ()
        lower = inner.name.lower()
        if lower not in self._quick_modes:
            self._quick_modes[lower] = self._read_quick_mode(inner)
        return self._quick_modes[lower]

    def _read_quick_mode(self, section: Section) -> tuple[Suite, ...]:
        section.word("DOI", DOIS, default="IPSEC")
        exchange = section.word("EXCHANGE_TYPE", QUICK_MODES)
        found = [self._suite(section, "Suites", member) for member in self._listed(section, "Suites")]
        return tuple(each for each in found if each) if exchange else ()

    def _suite(self, section: Section, tag: str, member: Value) -> Suite | None:
        lower = member.text.lower()
        inner = section.follow(tag, member, Kind.SUITE, suite_names())
        if inner and lower not in self._suites:
            self._suites[lower] = suite(inner)
        return self._suites.get(lower)

    # --- what they share ------------------------------------------------------------------------------------------

    @staticmethod
    def _is_of_other_phase(section: Section, other: str) -> bool:
        """Whether a connection is named where a peer is meant, or a peer for a connection: all else would follow."""
        value, is_connection = section.get("Phase"), section.get("ISAKMP-peer") is not None
        if value is None or value.text != other or is_connection is not (other == "2"):
            return False
        message = f"[{section.name}] is of phase {other}, and {section.kind} is meant"
        section.error("CF212", message, value, "name another section")
        return True

    @staticmethod
    def _has_phase(section: Section, phase: str) -> bool:
        value = section.required("Phase")
        if value is not None and value.text != phase:
            hint = f"write Phase={phase}"
            section.error("CF212", f"Phase of {section.kind} is {phase}, not {value.text}", value, hint)
        return value is not None and value.text == phase

    @staticmethod
    def _listed(section: Section, tag: str) -> list[Value]:
        """The members of a list that must be there and not be empty."""
        value = section.required(tag)
        members = section.members(tag)
        if value is not None and not members:
            section.error("CF207", f"{tag} is empty", value)
        return members

    def _identity(self, section: Section, tag: str, kind: Kind) -> Identity | None:
        value = section.get(tag)
        inner = section.follow(tag, value, kind) if value else None
        if value is None or inner is None:
            return None
        key = (kind, value.text.lower())
        if key not in self._identities:
            read = phase_1_identity if kind is Kind.PHASE_1_ID else ipsec_identity
            self._identities[key] = read(inner)
        return self._identities[key]


def _family(identity: Identity) -> int | None:
    """4 or 6; None for a name."""
    found = identity.address or identity.network
    return found.version if found else None
