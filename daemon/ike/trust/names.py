"""Names in ASN.1, in one line: `/C=SE/O=Org/CN=host` is how policy and logs call a certificate's holder.

The form is that of X509_NAME_oneline, of which isakmpd.policy(5) makes its `DN:` principals: every attribute with a
slash before it, in the order of the name, octets that are not printable ASCII as \\xHH. Ours differs in one thing: a
slash or a backslash inside a value is written \\x2F or \\x5C. Else the value `Org/CN=boss` would read as two
attributes, and whoever gets it certified could pass for somebody else. Nor is a name cut off at 256 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from daemon.ike import limits

_OID, _SEQUENCE, _SET = 0x06, 0x30, 0x31
_NARROW = frozenset({0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A})  # UTF8, Numeric, Printable, T61, IA5, Visible
_WIDE = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}  # BMPString, UniversalString

_GENERAL_TEXTS = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_IP_ADDRESS, _DIRECTORY_NAME = 0x87, 0xA4

_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
}
"""OpenSSL's short names; an attribute without one is called by its number."""


class MalformedNameError(ValueError):
    """Octets that are no distinguished name."""


def one_line(der: bytes) -> str:
    """The one-line form of a DER Name (X.501), ASCII; "" for the empty name. Raises MalformedNameError."""
    if len(der) > limits.NAME_OCTETS:
        raise MalformedNameError(f"a name of {len(der)} octets")
    whole = list(elements(der))
    if len(whole) != 1:
        raise MalformedNameError("the octets are no distinguished name")
    rdns = [rdn for name in _contents(whole, _SEQUENCE) for rdn in _contents(elements(name), _SET)]
    return "".join(f"/{_attribute(each)}" for rdn in rdns for each in _contents(elements(rdn), _SEQUENCE))


def general_name(der: bytes) -> str:
    """A DER GeneralName (RFC 5280 section 4.2.1.6) as OpenSSL prints it, `DNS:host.example.org`; escapes as above.

    Raises MalformedNameError, also for the forms that name no host, person or resource.
    """
    whole = list(elements(der)) if len(der) <= limits.NAME_OCTETS else []
    if len(whole) != 1 or not whole[0].content:
        raise MalformedNameError("the octets are no general name")
    tag, content = whole[0].tag, whole[0].content
    if tag == _DIRECTORY_NAME and (name := one_line(content)):
        return f"DirName:{name}"
    if tag == _IP_ADDRESS and len(content) in (4, 16):
        return f"IP Address:{ip_address(content)}"
    if tag not in _GENERAL_TEXTS:
        raise MalformedNameError(f"a general name of the form {tag:#04x}")
    return f"{_GENERAL_TEXTS[tag]}:{''.join(map(_shown, content))}"


def _attribute(data: bytes) -> str:
    """An AttributeTypeAndValue as TYPE=value."""
    found = list(elements(data))
    if len(found) != 2 or found[0].tag != _OID:
        raise MalformedNameError("an attribute of a name is not a type and a value")
    kind, held = found
    value = held.content
    if held.tag in _WIDE:
        value = _text(value, _WIDE[held.tag]).encode()
    elif held.tag not in _NARROW:
        raise MalformedNameError(f"a value of a name has the type {held.tag:#04x}, which is no string")
    number = _dotted(kind.content)
    return f"{_SHORT.get(number, number)}={''.join(map(_shown, value))}"


def _text(value: bytes, encoding: str) -> str:
    try:
        return value.decode(encoding)
    except UnicodeDecodeError as cause:
        raise MalformedNameError("a value of a name is not in its own encoding") from cause


def _shown(octet: int) -> str:
    return chr(octet) if 0x20 <= octet <= 0x7E and chr(octet) not in "/\\" else f"\\x{octet:02X}"


def _dotted(oid: bytes) -> str:
    """An object identifier in numbers (X.690 section 8.19)."""
    numbers: list[int] = []
    number = length = 0
    for octet in oid:
        number, length = number << 7 | octet & 0x7F, length + 1
        if length > limits.NAME_NUMBER_OCTETS:
            raise MalformedNameError("a number in an attribute's type is too long")
        if not octet & 0x80:
            numbers.append(number)
            number = length = 0
    if not numbers or oid[-1] & 0x80:
        raise MalformedNameError("an attribute's type is cut short")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


# --- DER, as little as names need (X.690: definite lengths only) --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Element:
    """A DER element: its tag, its content, and both with the length between them as they stood there."""

    tag: int
    content: bytes
    whole: bytes


def elements(data: bytes) -> Iterator[Element]:
    """The elements that `data` consists of. Raises MalformedNameError."""
    position = 0
    while position < len(data):
        start, length = position + 2, data[position + 1] if position + 1 < len(data) else -1
        if length >= 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[start : start + size]) if 1 <= size <= 3 and start + size <= len(data) else -1
            start += size
        if length < 0 or start + length > len(data):
            raise MalformedNameError("a name is cut short")
        yield Element(data[position], data[start : start + length], data[position : start + length])
        position = start + length


def _contents(found: Iterable[Element], tag: int) -> list[bytes]:
    """What elements of one tag hold."""
    listed = list(found)
    if any(each.tag != tag for each in listed):
        raise MalformedNameError("the octets are no distinguished name")
    return [each.content for each in listed]
