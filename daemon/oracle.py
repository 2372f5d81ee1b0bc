"""Where the oracle comes from: isakmpd.conf, ipsec.conf and the policy are checked, compiled and opened again.

ipsec.conf counts as commands that came later, as in policydb.compiling.compiler: what its rules set has force. It
brings the policy for its connections along, so beside it there need be no other.

The parsers are imported inside, since only a reload needs them. What is wrong is one LoadError with every line of it;
the generation in force then stays so.
"""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.credentials import places, read_credentials
from daemon.files import read_secret
from daemon.ike.surroundings import Oracle
from daemon.ike.trust.keyring import Keyring
from daemon.keystore import KeyStore, keys_of
from daemon.log import Log
from grammar.errors import render
from grammar.nodes import Binding
from policydb.collecting import uncollected
from policydb.compiling.sources import MAX_OCTETS, as_text
from policydb.connections import Configuration
from policydb.decision import AssertionReport, AssertionStatus, Decision, Place
from policydb.folders import FileRefusedError
from policydb.graph import CompiledAssertion
from policydb.request import Request

if TYPE_CHECKING:
    from policydb.compiling.ipsec_sources import RuleKeys
    from policydb.storage.snapshot import Snapshot

UNCHECKED = "policy checks are off (-K or Use-Keynote=no): everything that passes the other checks is accepted"


_READ_AT_ONCE = ("general", "keynote", "x509-certificates")
"""Sections of isakmpd.conf that say which other files there are."""


class LoadError(Exception):
    """Files that cannot be used; `lines` is all that the log has to say about them.

    `compiled` is what could be read all the same, None where nothing may be used (permissions, no policy).
    """

    def __init__(self, lines: Sequence[str], compiled: Compiled | None = None) -> None:
        self.lines = tuple(lines)
        self.compiled = compiled
        super().__init__("\n".join(lines))


def _rule_keys() -> RuleKeys:
    from policydb.compiling.ipsec_sources import RuleKeys

    return RuleKeys()


@dataclass(frozen=True, slots=True)
class Sources:
    """What to load. `uid` is the process user's; `check_policy` False is -K.

    `rule_keys` reads the keys of ipsec.conf at the start and at each reload.
    """

    conf: Path
    confdir: Path
    store: Path
    uid: int
    check_policy: bool = True
    rule_keys: RuleKeys = field(default_factory=_rule_keys, compare=False)

    @property
    def rules(self) -> Path:
        """Where connections may stand as rules."""
        return self.confdir / "ipsec.conf"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the files gave besides the store's new generation; `lines` are warnings."""

    secrets: KeyStore
    lines: tuple[str, ...] = ()
    credentials: Keyring = field(default_factory=Keyring)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An oracle and what the daemon needs beside it.

    `bindings` reads the bindings, each with its source's name and without keys; `checked` False: the oracle accepts
    all. `snapshot` is what keeps the store open, for whoever has to close it.
    """

    oracle: Oracle
    secrets: KeyStore
    bindings: Callable[[], Sequence[tuple[str, Binding]]] = tuple
    checked: bool = True
    snapshot: Snapshot | None = None
    credentials: Keyring = field(default_factory=Keyring)

    def changed(self, configuration: Configuration) -> Oracle:
        """The oracle with FIFO changes on its configuration. They can switch policy checks off, but not on."""
        overlaid = Overlaid(self.oracle, configuration)
        return overlaid if self.checked and configuration.general.use_keynote else AcceptAll(overlaid)


class AcceptAll:
    """An oracle without policy: -K, or Use-Keynote=no. It accepts all and says so.

    Traffic that no connection has is then nobody's to allow, so the configuration says that policy is not used.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        general = replace(oracle.configuration.general, use_keynote=False)
        self._configuration = replace(oracle.configuration, general=general)

    @property
    def generation(self) -> int:
        """That of the configuration."""
        return self._oracle.generation

    @property
    def configuration(self) -> Configuration:
        """The configuration holds as ever."""
        return self._configuration

    def allows(self, request: Request) -> bool:  # noqa: ARG002 - the point of it
        """Yes."""
        return True

    def explain(self, request: Request) -> Decision:
        """_MAX_TRUST, with the reason that nobody was asked."""
        return Decision(
            value=request.values[-1],
            allowed=True,
            generation=self.generation,
            authorizers=request.authorizers,
            assertions=(AssertionReport(Place("-K", 1), AssertionStatus.IGNORED, UNCHECKED),),
        )

    def session(self, assertions: Sequence[CompiledAssertion]) -> Oracle:  # noqa: ARG002 - as above
        """The same: nobody is asked."""
        return self

    def delegates_to(self, principal: str) -> bool:  # noqa: ARG002
        """No: there is no policy that could name anybody."""
        return False


class Overlaid:
    """An oracle whose policy is its generation's, and whose configuration is that with FIFO changes on it."""

    def __init__(self, oracle: Oracle, configuration: Configuration) -> None:
        self._oracle = oracle
        self._configuration = configuration

    @property
    def generation(self) -> int:
        """The generation below the changes."""
        return self._oracle.generation

    @property
    def configuration(self) -> Configuration:
        """What the changes have made of it."""
        return self._configuration

    def allows(self, request: Request) -> bool:
        """As the generation says."""
        return self._oracle.allows(request)

    def explain(self, request: Request) -> Decision:
        """As the generation says."""
        return self._oracle.explain(request)

    def session(self, assertions: Sequence[CompiledAssertion]) -> Oracle:
        """The generation's, with the same changes on it."""
        return Overlaid(self._oracle.session(assertions), self._configuration) if assertions else self

    def delegates_to(self, principal: str) -> bool:
        """As the generation says."""
        return self._oracle.delegates_to(principal)


def compile_sources(sources: Sources, now: datetime) -> Compiled:
    """Check the files, read the keys and publish a generation, unless nothing has changed.

    `now` is an aware time. Raises LoadError; the store is then as it was. Safe in a thread of its own.
    """
    with uncollected():
        return _compile_sources(sources, now)


def _compile_sources(sources: Sources, now: datetime) -> Compiled:
    from grammar.conf import parse_conf
    from policydb.configuration.excerpt import excerpt

    rules = _read(sources.rules, sources.uid)
    conf = _read(sources.conf, sources.uid)
    ruled = _keys_in_rules(rules, sources) if rules is not None else ()
    bindings = parse_conf(excerpt(conf, _READ_AT_ONCE), str(sources.conf)).bindings if conf is not None else ()
    paths = [path for path, text in ((sources.conf, conf), (sources.rules, rules)) if text is not None]
    if sources.check_policy and _uses_keynote(bindings):
        paths += _policies(sources, bindings, required=rules is None)
    credentials, lines = read_credentials(places(bindings, sources.confdir), sources.uid)
    compiled = Compiled(keys_of((*ruled, *bindings)), lines, credentials)
    return _publish([str(each) for each in paths], sources, now, compiled)


def open_loaded(sources: Sources, compiled: Compiled, before: Loaded | None = None) -> Loaded:
    """The latest generation of the store, as a snapshot in memory, with the keys of `compiled`. Raises LoadError.

    So what becomes of the store counts at the next reload, and no answer waits for its file.

    Where that is the generation of `before` its snapshot stays, with all that it has read. Safe in a thread of its own.
    """
    from policydb.storage.portable import in_memory
    from policydb.storage.snapshot import open_snapshot
    from policydb.storage.storefile import StoreError

    try:
        snapshot = open_snapshot(sources.store)
        known = None if before is None else before.snapshot
        if known is not None and known.is_of(snapshot):
            snapshot.close()
            snapshot = known
        else:
            snapshot = in_memory(snapshot)
            if known is not None:
                snapshot.follow(known)
        checked = sources.check_policy and snapshot.configuration.general.use_keynote
    except StoreError as error:
        raise LoadError([str(error)]) from error
    oracle = snapshot if checked else AcceptAll(snapshot)
    return Loaded(oracle, compiled.secrets, snapshot.bindings, checked, snapshot, compiled.credentials)


def load_at_start(sources: Sources, now: datetime, journal: Log) -> Loaded:
    """Compile and open; where the files are in error, the store's last generation if it has one.

    Everything wrong is logged. Raises LoadError, logged already, where there is nothing to start with.
    """
    try:
        compiled = compile_sources(sources, now)
    except LoadError as error:
        for line in error.lines:
            journal.error(line)
        if error.compiled is None or not sources.store.exists():
            raise
        loaded = _open_at_start(sources, error.compiled, journal, known=error.lines)
        journal.error(
            f"started with generation {loaded.oracle.generation} of the store; the files above are not in force"
        )
        return loaded
    for line in compiled.lines:
        journal.warning(line)
    return _open_at_start(sources, compiled, journal)


def _open_at_start(sources: Sources, compiled: Compiled, journal: Log, known: Sequence[str] = ()) -> Loaded:
    """open_loaded(), with what is wrong in the log unless it is `known` there."""
    try:
        return open_loaded(sources, compiled)
    except LoadError as error:
        for line in error.lines:
            if line not in known:
                journal.error(line)
        raise


def _publish(paths: Sequence[str], sources: Sources, now: datetime, compiled: Compiled) -> Compiled:
    from policydb.compiling.compiler import compile_paths
    from policydb.storage.storefile import StoreError

    try:
        compilation = compile_paths(paths, sources.store, now, author="isakmpd")
    except StoreError as error:
        raise LoadError([str(error)], compiled) from error
    lines = tuple(
        line
        for each in compilation.diagnostics
        for line in render(each, compilation.sources.get(each.source, "")).splitlines()
    )
    everything = (*compiled.lines, *lines)
    if compilation.generation is None:
        raise LoadError(everything, compiled)
    return replace(compiled, lines=everything)


def _keys_in_rules(text: str, sources: Sources) -> Sequence[Binding]:
    """The keys of an ipsec.conf. Raises LoadError for an included file that may not be used."""

    def included(name: str) -> str:
        found = _read(Path(name), sources.uid)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return found

    return sources.rule_keys.read(text, str(sources.rules), included, platform.node())


def _policies(sources: Sources, bindings: Sequence[Binding], *, required: bool) -> list[Path]:
    """[General]:Policy-file, else the usual one; none of it where that is missing and not `required`.

    Raises LoadError where one is missing that must be there, or may not be used.
    """
    named = _general(bindings, "Policy-file")
    path = Path(named) if named else sources.confdir / "isakmpd.policy"
    if _read(path, sources.uid) is not None:
        return [path]
    if named or required:
        raise LoadError([f"no policy file {path}: write one, or accept everything with -K"])
    return []


def _read(path: Path, uid: int) -> str | None:
    """A secret file's text (latin-1), None where there is none. Raises LoadError where it may not be used."""
    try:
        return as_text(read_secret(path, uid, MAX_OCTETS))
    except FileNotFoundError:
        return None
    except FileRefusedError as error:
        raise LoadError([str(error)]) from error


def _general(bindings: Sequence[Binding], tag: str) -> str | None:
    found = (each.value for each in bindings if (each.section.lower(), each.tag.lower()) == ("general", tag.lower()))
    return next(found, None)


def _uses_keynote(bindings: Sequence[Binding]) -> bool:
    """Only `no` switches policy off; what is neither yes nor no is an error of the compile."""
    return _general(bindings, "Use-Keynote") != "no"
