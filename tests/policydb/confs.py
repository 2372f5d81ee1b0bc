"""isakmpd.conf texts for tests of what comes after parsing: a reader of their plainest form, and a whole one."""

from __future__ import annotations

from grammar.errors import Diagnostic, Severity
from grammar.nodes import Binding, Span
from policydb.configuration.config import resolve
from policydb.connections import Configuration

WHOLE = """\
[General]
Retransmits=5

[Phase 1]
192.0.2.1=east

[Phase 2]
Connections=link

[east]
Phase=1
Address=192.0.2.1
Configuration=main
Authentication=mekmitasdigoat
ID=me
Remote-ID=you

[me]
ID-type=FQDN
Name=west.example.org

[you]
ID-type=IPV4_ADDR
Address=192.0.2.1

[main]
DOI=IPSEC
EXCHANGE_TYPE=ID_PROT
Transforms=AES-SHA2-256-GRP14

[link]
Phase=2
ISAKMP-peer=east
Configuration=quick
Local-ID=here
Remote-ID=there

[quick]
DOI=IPSEC
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE

[here]
ID-type=IPV4_ADDR_SUBNET
Network=10.2.0.0
Netmask=255.255.0.0

[there]
ID-type=IPV4_ADDR_SUBNET
Network=10.1.0.0
Netmask=255.255.0.0
"""
"""A configuration with nothing to complain about."""


def bindings(text: str, source: str = "isakmpd.conf") -> list[tuple[str, Binding]]:
    """The bindings of a text that holds only headers, `tag=value` lines and empty lines."""
    found = []
    section, header = "", Span(0, 0, 1, 1)
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        end = start + len(line)
        if line.startswith("["):
            section = line[1 : line.index("]")]
            header = Span(start + 1, start + 1 + len(section), number, 2)
        elif "=" in line:
            tag, value = line.split("=", 1)
            place = len(tag) + 1
            where = Span(start + place, end, number, place + 1)
            found.append((source, Binding(Span(start, end, number, 1), section, tag, value, header, where)))
        start = end + 1
    return found


def altered(*changes: tuple[str, str]) -> str:
    """WHOLE with each of the texts replaced; each must be there."""
    text = WHOLE
    for before, after in changes:
        if before not in text:
            raise ValueError(before)
        text = text.replace(before, after)
    return text


def read(text: str) -> Configuration:
    """The configuration of a text that has no errors."""
    found = resolve(bindings(text))
    if found.errors:
        raise ValueError(found.errors)
    return found.configuration


def with_lines(*lines: str) -> str:
    """WHOLE and further sections."""
    return WHOLE + "\n" + "\n".join(lines) + "\n"


def findings(text: str, severity: Severity = Severity.ERROR) -> list[Diagnostic]:
    """What is said about a text, of one severity."""
    return [each for each in resolve(bindings(text)).diagnostics if each.severity is severity]


def shown(text: str, found: Diagnostic) -> tuple[str, str]:
    """The code, and what stands above the carets."""
    return found.code, text[found.span.start : found.span.end]
