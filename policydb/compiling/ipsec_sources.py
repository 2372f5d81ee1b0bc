"""An ipsec.conf compiled: the bindings that its commands would set, and the policy that allows exactly its connections.

Names are not looked up here: what a file means must not depend on the machine and the hour in which it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from grammar.errors import Diagnostic, Severity
from grammar.ipsec import ParsedIpsec, Reader, RuleReader, parse_ipsec
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import IkeNode, MacroDefinition, RuleNode, SaNode, Word
from grammar.nodes import Binding
from policydb.ipsec.bindings import CommandedSections
from policydb.ipsec.commands import commands_of, names_of
from policydb.ipsec.hosts import NoResolver
from policydb.ipsec.policy import assertion_of, names_no_key
from policydb.ipsec.program import DefaultPeer, NamedPeers, Rule, expand, illegal
from policydb.ipsec.rules import IkeRule, Surroundings
from policydb.storage.parts import Contents, Part, RuleLines, parts_of_rules

_KEY_WORD = r"(psk|pks|psk2|preshared|pre-shared-key|secret|password|passphrase|auth-?key|enc-?key)"
_BETWEEN = r"((?:[ \t=:]|\\\n)+)"
_SECRET = re.compile(
    rf"\b{_KEY_WORD}{_BETWEEN}(\"(?:\\[\s\S]|[^\"\\])*\"?|'(?:\\[\s\S]|[^'\\])*'?|(?:\\[\s\S]|[^ \t\n\\])+)",
    re.ASCII | re.IGNORECASE,
)
"""A key behind its keyword, or behind a word that is meant to be one: mistyped lines are what is shown."""

_BARE_PSK = re.compile(
    r"\b(psk)((?:[ \t]|\\\n)+)([^ \t\n\"'\\]\S*(?:[ \t]+(?!(?:tag|srcid|dstid)\b)[^ \t\n#\\]+)+)", re.ASCII
)
"""A key without quotes, and the words behind it: they may be the rest of it, by mistake, and are not shown."""

_LATENT = re.compile(
    r"^([ \t]*(?:#[# \t]*[A-Za-z0-9_]+|[A-Za-z0-9_]*(?:psk|key|secret|pass)[A-Za-z0-9_]*))([ \t]*=)((?:\\\n|[^\n])*)",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
"""The value of a macro that is commented out, and so used by nothing, or whose name says that it is a key."""

_VISIBLE = re.compile(r"[^\n]")
_USED = re.compile(r"(?<![^\s{}(),/=])\$([A-Za-z0-9_]+)", re.ASCII)

_LISTS = ("connections", "passive-connections")
_JOINED = frozenset(f"phase 2]{each}" for each in _LISTS)
"""Section and tag of the values that the rules of all parts make up together."""


@dataclass(frozen=True, slots=True)
class CompiledIpsec:
    """What an ipsec.conf gives. `bindings` by the name of the file whose rule sets them, included files too.

    `policy` is KeyNote text, an empty line behind each assertion; `texts` are the files as they may be shown; `parts`
    are the same again, as the store keeps them. A part without digest is known by its contents.
    """

    bindings: Mapping[str, tuple[Binding, ...]]
    policy: str
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    parts: Mapping[str, tuple[tuple[Part, Contents], ...]]


def policy_name(name: str) -> str:
    """What the assertions of an ipsec.conf are called as a source, by the name of the file."""
    return f"{name} (policy)"


def compile_ipsec(text: str, name: str, read: Reader, host_name: str) -> CompiledIpsec:
    """Compile one file. `read` fetches included ones; `host_name` is the identity of dynamic rules without srcid."""
    parsed = parse_ipsec(text, name, read)
    texts = _without_secrets(parsed)
    surroundings = Surroundings(NoResolver(), host_name)
    lines = parts_of_rules(text, macros_of, host_name) if list(texts) == [name] else None
    found = _in_parts(parsed, lines, surroundings) if lines else None
    if found is None:
        return _as_a_whole(parsed, texts, surroundings)
    compiled, bindings, diagnostics = found
    parts = [(part, replace(each, text=texts[name][part.start : part.end])) for part, each in compiled]
    return CompiledIpsec(
        {name: bindings},
        "".join(f"{text}\n" for _, each in parts for text in each.assertions),
        diagnostics,
        texts,
        {name: tuple(parts)},
    )


class RuleKeys:
    """Reads the pre-shared keys that the rules of a file set, and remembers them by the parts of the file.

    So a file of thousands of rules is read once, and of a later version only what has changed. Nothing writes the keys
    anywhere.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[Binding]] = {}

    def __repr__(self) -> str:
        return f"<RuleKeys of {len(self._known)} parts>"

    def read(self, text: str, name: str, read: Reader, host_name: str) -> list[Binding]:
        """The keys, and nothing else: of several for one peer the last."""
        surroundings = Surroundings(NoResolver(), host_name)
        parts = rule_parts(text, name, host_name)
        if parts is None:
            found = _keys_of(parse_ipsec(text, name, read).rules, surroundings)
        else:
            known, self._known, found = self._known, {}, []
            for part in parts.lines.parts:
                kept = known.get(part.digest)
                self._known[part.digest] = _keys_of(parts.nodes(part), surroundings) if kept is None else kept
                found += self._known[part.digest]
        return list({binding.section: binding for binding in found}.values())


def _keys_of(nodes: Iterable[RuleNode | Diagnostic], surroundings: Surroundings) -> list[Binding]:
    found = []
    for node in nodes:
        if isinstance(node, IkeNode) and node.psk is not None:
            key, span = node.psk.text, node.span
            rules = expand(node, surroundings, _no_keys).rules
            peers = {names_of(rule).peer: None for rule in rules if isinstance(rule, IkeRule)}
            found += [Binding(span, peer, "Authentication", key, span, span) for peer in peers]
    return found


def _as_a_whole(parsed: ParsedIpsec, texts: Mapping[str, str], surroundings: Surroundings) -> CompiledIpsec:
    """All rules together, each file in one part; the first one has the assertions."""
    compiler = _Compiler(surroundings, DefaultPeer())
    for node in parsed.rules:
        compiler.take(node)
    bindings: dict[str, list[Binding]] = {each: [] for each in parsed.texts}
    for file, binding in compiler.sections.bindings():
        bindings[file].append(binding)
    assertions = tuple(compiler.assertions)
    return CompiledIpsec(
        {file: tuple(found) for file, found in bindings.items()},
        "".join(f"{each}\n" for each in assertions),
        (*parsed.diagnostics, *compiler.findings),
        texts,
        {
            file: ((Part(1, 0, len(text), ""), Contents(tuple(bindings[file]), text, () if number else assertions)),)
            for number, (file, text) in enumerate(texts.items())
        },
    )


_Compiled: TypeAlias = "tuple[list[tuple[Part, Contents]], tuple[Binding, ...], tuple[Diagnostic, ...]]"


def _in_parts(parsed: ParsedIpsec, lines: RuleLines, surroundings: Surroundings) -> _Compiled | None:
    """The rules part by part; None where rules of two parts say otherwise about one section, or just the same.

    Where a rule has an error its pieces do not, nor the other way round, so that all is looked at together again.
    """
    default_peer = DefaultPeer()
    found: list[tuple[Part, Contents]] = []
    together = _Together()
    findings = list(parsed.diagnostics)
    rules = iter(parsed.rules)
    node = next(rules, None)
    for part in lines.parts:
        compiler = _Compiler(surroundings, default_peer)
        listed = lines.lists.get(part.start)
        while node is not None and node.span.start < part.end:
            if listed is not None and isinstance(node, IkeNode):
                compiler.take(listed.piece_of(node, part.start, part.end))
                if part.end < listed.end:
                    break
            else:
                compiler.take(node)
            node = next(rules, None)
        if listed is not None and any(each.severity is Severity.ERROR for each in compiler.findings):
            return None
        findings += compiler.findings
        if not together.agrees(compiler):
            return None
        found.append((part, compiler.contents()))
    return found, together.bindings(), tuple(findings)


class _Together:
    """What the parts of a file say together."""

    def __init__(self) -> None:
        self._bindings: dict[str, tuple[str, Binding]] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._texts: set[str] = set()

    def agrees(self, part: _Compiler) -> bool:
        """Take a part; whether no other says otherwise about a tag, or comes to the same assertion."""
        told = part.sections.keyed()
        before = {key: self._bindings[key] for key in self._bindings.keys() & told.keys()}
        if not self._texts.isdisjoint(part.assertions):
            return False
        if any(told[key][1].value != known.value and key not in _JOINED for key, (_, known) in before.items()):
            return False
        self._texts.update(part.assertions)
        self._bindings |= told
        self._bindings |= before
        for key in _JOINED & told.keys():
            self._members.setdefault(key, {}).update(dict.fromkeys(told[key][1].value.split(",")))
        return True

    def bindings(self) -> tuple[Binding, ...]:
        """Everything in the order in which it was first said."""
        found = {key: binding for key, (_, binding) in self._bindings.items()}
        for key, members in self._members.items():
            found[key] = found[key]._replace(value=",".join(members))
        return tuple(found.values())


def macros_of(lines: Sequence[str]) -> Sequence[tuple[str, str]] | None:
    """The names and values that lines define, one each; None where they do anything else, or hide something."""
    if not lines:
        return ()
    items = parse_ipsec("".join(lines), "", _no_keys).items
    macros = [(each.name, each.value) for each in items if isinstance(each, MacroDefinition)]
    plain = not any("=" in value or "include" in value for _, value in macros)
    return macros if plain and len(macros) == len(items) == len(lines) else None


class RuleParts:
    """Compiles parts of one ipsec.conf, each by itself. Made by rule_parts()."""

    def __init__(self, text: str, name: str, host_name: str, lines: RuleLines) -> None:
        self.lines = lines
        self._text = text
        self._name = name
        self._reader = RuleReader(text, name)
        self._surroundings = Surroundings(NoResolver(), host_name)

    def compiled(self, part: Part) -> tuple[Contents, tuple[Diagnostic, ...]]:
        """What came of a part, and what is to be said about it."""
        compiler = _Compiler(self._surroundings, DefaultPeer())
        findings = []
        for each in self.nodes(part):
            if isinstance(each, Diagnostic):
                findings.append(each)
            else:
                compiler.take(each)
        text = _hidden(self._text[part.start : part.end])
        return replace(compiler.contents(), text=text), (*findings, *compiler.findings)

    def nodes(self, part: Part) -> Iterator[RuleNode | Diagnostic]:
        """The rules of a part, and what is wrong with its lines."""
        macros, listed = self.lines.macros.get(part.start, {}), self.lines.lists.get(part.start)
        if listed is None:
            return self._reader.items(part.start, part.end, macros)
        rule = listed.only(self._text, part.start, part.end)
        return RuleReader(rule, self._name).items(listed.start, listed.end, macros)


def rule_parts(text: str, name: str, host_name: str) -> RuleParts | None:
    """The parts of an ipsec.conf; None where it can only be compiled as a whole."""
    lines = parts_of_rules(text, macros_of, host_name)
    return None if lines is None else RuleParts(text, name, host_name, lines)


class _Compiler:
    """Takes rule after rule."""

    def __init__(self, surroundings: Surroundings, default_peer: DefaultPeer) -> None:
        self._surroundings = surroundings
        self._default_peer = default_peer
        self._named_peers = NamedPeers()
        self.sections = CommandedSections()
        self.assertions: dict[str, None] = {}
        self._allowed: dict[str, tuple[str, IkeNode]] = {}
        self.findings: list[Diagnostic] = []

    def contents(self) -> Contents:
        """What the rules say that were taken."""
        return Contents(tuple(binding for _, binding in self.sections.bindings()), "", tuple(self.assertions))

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
        if replaced := self._named_peers.replaced(rule):
            before, differences = replaced
            message = (
                f"{', '.join(differences)} of this peer is otherwise in line {before.span.line}: the later rule counts"
            )
            self._warn(IpsecCode.SAME_PEER, message, node, "rules for one peer share its phase 1")
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
        each._replace(value=f"{found[each.tag.lower()]},{each.value}")
        if each.section.lower() == "phase 2" and found.get(each.tag.lower())
        else each
        for each in own
    )


def _without_secrets(parsed: ParsedIpsec) -> dict[str, str]:
    """The texts with every pre-shared and static key as asterisks, in rules and in macros; nothing is moved.

    The value of a macro that nothing uses is hidden too: it may be the key of a rule to come, and a part of the file
    that stays the same keeps the text that it had.
    """
    used = {name for text in parsed.texts.values() for name in _USED.findall(text)}
    keys = {each.text for rule in parsed.rules for each in _keys(rule)}
    shown = {name: _hidden(text) for name, text in parsed.texts.items()}
    for each in parsed.items:
        if not isinstance(each, MacroDefinition):
            continue
        if each.name not in used or any(key in each.value or each.value in key for key in keys):
            text, start, end = shown[each.source], each.span.start, each.span.end
            name, equals, value = text[start:end].partition("=")
            shown[each.source] = text[:start] + name + equals + _VISIBLE.sub("*", value) + text[end:]
    return shown


def _keys(rule: RuleNode) -> Iterator[Word]:
    """The pre-shared or static keys that a rule has."""
    if isinstance(rule, IkeNode) and rule.psk:
        yield rule.psk
    elif isinstance(rule, SaNode):
        yield from (each.word for each in (rule.authkey, rule.enckey) if each)


def _hidden(text: str) -> str:
    """A text with the keys in its rules as asterisks."""
    return _SECRET.sub(_masked, _BARE_PSK.sub(_masked, _LATENT.sub(_masked, text)))


def _masked(found: re.Match[str]) -> str:
    return found[1] + found[2] + _VISIBLE.sub("*", found[3])
