"""An ipsec.conf compiled: the bindings that its commands would set, and the policy that allows exactly its connections.

Names are not looked up here: what a file means must not depend on the machine and the hour in which it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from grammar.errors import Diagnostic, Severity
from grammar.ipsec import ParsedIpsec, Reader, parse_ipsec
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import IkeNode, MacroDefinition, RuleNode
from grammar.nodes import Binding
from policydb.ipsec_bindings import CommandedSections
from policydb.ipsec_commands import commands_of, names_of
from policydb.ipsec_hosts import NoResolver
from policydb.ipsec_policy import assertion_of, names_no_key
from policydb.ipsec_program import DefaultPeer, Rule, expand, illegal
from policydb.ipsec_rules import IkeRule, Surroundings

_SECRET = re.compile(
    r"\b(psk|authkey|enckey)((?:[ \t]|\\\n)+)(\"(?:\\[\s\S]|[^\"\\])*\"?|'(?:\\[\s\S]|[^'\\])*'?|[^ \t\n]+)"
)
_BARE_PSK = re.compile(
    r"\b(psk)((?:[ \t]|\\\n)+)([^ \t\n\"'\\]\S*(?:[ \t]+(?!(?:tag|srcid|dstid)\b)[^ \t\n#\\]+)+)", re.ASCII
)
"""A key without quotes, and the words behind it: they may be the rest of it, by mistake, and are not shown."""

_VISIBLE = re.compile(r"[^\n]")
_LISTS = ("connections", "passive-connections")


@dataclass(frozen=True, slots=True)
class CompiledIpsec:
    """What an ipsec.conf gives. `bindings` by the name of the file whose rule sets them, included files too.

    `policy` is KeyNote text, an empty line between assertions; `texts` are the files as they may be shown.
    """

    bindings: Mapping[str, tuple[Binding, ...]]
    policy: str
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]


def compile_ipsec(text: str, name: str, read: Reader, host_name: str) -> CompiledIpsec:
    """Compile one file. `read` fetches included ones; `host_name` is the identity of dynamic rules without srcid."""
    parsed = parse_ipsec(text, name, read)
    compiler = _Compiler(Surroundings(NoResolver(), host_name))
    for node in parsed.rules:
        compiler.take(node)
    bindings: dict[str, list[Binding]] = {each: [] for each in parsed.texts}
    for file, binding in compiler.sections.bindings():
        bindings[file].append(binding)
    return CompiledIpsec(
        {file: tuple(found) for file, found in bindings.items()},
        "\n".join(compiler.assertions),
        (*parsed.diagnostics, *compiler.findings),
        _without_secrets(parsed),
    )


class _Compiler:
    """Takes rule after rule."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._default_peer = DefaultPeer()
        self.sections = CommandedSections()
        self.assertions: dict[str, None] = {}
        self._allowed: dict[str, tuple[str, IkeNode]] = {}
        self.findings: list[Diagnostic] = []

    def take(self, node: RuleNode) -> None:
        """One rule of the file."""
        if not isinstance(node, IkeNode):
            message = "flows and static SAs are loaded by ipsecctl; the store holds what is negotiated"
            self._warn(IpsecCode.NOT_COMPILED, message, node)
            return
        expansion = expand(node, self._surroundings, _no_keys)
        self.findings += expansion.diagnostics
        for rule in expansion.rules:
            self._ike(rule, node)

    def _ike(self, rule: Rule, node: IkeNode) -> None:
        if not isinstance(rule, IkeRule):
            return
        for message in self._default_peer.mismatches(rule):
            self._warn(IpsecCode.DEFAULT_PEER, message, node)
        emission = commands_of(rule)
        if emission.error:
            self.findings.append(illegal(rule, emission.error))
            return
        self.sections.carry_out(emission.commands, (rule.file, rule.span))
        self._allow(names_of(rule).connection, assertion_of(rule), node)
        if rule.psk is None and names_no_key(rule):
            asked = "its identity" if rule.dstid else "its address" if rule.peer else "nothing of it"
            message = f"no key is named here, so the policy asks for {asked}; phase 1 checks the key"
            hint = "" if rule.dstid else "add dstid"
            self._warn(IpsecCode.NO_PRINCIPAL, message, node, hint)

    def _allow(self, connection: str, assertion: str, node: IkeNode) -> None:
        """One assertion a connection: of two rules for the same traffic the later one alone is in force."""
        before = self._allowed.get(connection)
        if before is not None and before[0] != assertion:
            self.assertions.pop(before[0], None)
            message = f"this takes the place of the rule in line {before[1].span.line}, which is for the same traffic"
            self._warn(IpsecCode.REPLACED, message, node, "connections differ by from, to, proto and port")
        self._allowed[connection] = assertion, node
        self.assertions[assertion] = None

    def _warn(self, code: IpsecCode, message: str, node: RuleNode, hint: str = "") -> None:
        self.findings.append(Diagnostic(code, message, node.source, node.span, hint, Severity.WARNING))


def _no_keys(name: str) -> str:
    """Static keys are not read: their rules are not compiled."""
    raise FileNotFoundError(name)


def with_lists(own: Sequence[Binding], others: Iterable[Binding]) -> tuple[Binding, ...]:
    """The bindings with their lists of [Phase 2] behind those of other files, as `C add` would have it."""
    found: dict[str, str] = {}
    for each in others:
        if each.section.lower() == "phase 2" and each.tag.lower() in _LISTS:
            found.setdefault(each.tag.lower(), each.value)
    if not found:
        return tuple(own)
    return tuple(
        replace(each, value=f"{found[each.tag.lower()]},{each.value}")
        if each.section.lower() == "phase 2" and each.tag.lower() in found
        else each
        for each in own
    )


def _without_secrets(parsed: ParsedIpsec) -> dict[str, str]:
    """The texts with every pre-shared and static key as asterisks, in rules and in macros; nothing is moved."""
    keys = {each.psk.text for each in parsed.rules if isinstance(each, IkeNode) and each.psk}
    shown = {name: _SECRET.sub(_masked, _BARE_PSK.sub(_masked, text)) for name, text in parsed.texts.items()}
    for each in parsed.items:
        if isinstance(each, MacroDefinition) and any(key in each.value or each.value in key for key in keys):
            text, start, end = shown[each.source], each.span.start, each.span.end
            name, equals, value = text[start:end].partition("=")
            shown[each.source] = text[:start] + name + equals + _VISIBLE.sub("*", value) + text[end:]
    return shown


def _masked(found: re.Match[str]) -> str:
    return found[1] + found[2] + _VISIBLE.sub("*", found[3])
