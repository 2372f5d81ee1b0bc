"""A hundred and more certificates, chains and CRLs that nobody honest makes, each with RFC 5280's verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from tests import pki
from tests import x509_by_hand as by_hand
from tests.pki import NOW
from tests.x509_by_hand import ByHand, alternatives, basic_constraints, dns, email, integer, ip, key_usage, name, spki

CA = pki.root()
CA_NAME = by_hand.subject_of(CA)
CA_KEY = CA.issued.key
HOST_KEY, OTHER_KEY = pki.rsa_key("/CN=host"), pki.rsa_key("/CN=other")
HOST_NAME = b"host.example.org"
ME = Identification(IdType.FQDN, 0, 0, HOST_NAME)
SUB, SUB_2 = name(("CN", b"sub")), name(("CN", b"sub 2"))
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """What a peer sends that calls itself `claim`, and whether that proves it; if not, the reason has one of `why`."""

    name: str
    sent: tuple[bytes, ...]
    good: bool = False
    why: str = ""
    claim: Identification = ME
    weak: bool = False
    authorities: tuple[bytes, ...] = (CA.issued.der,)
    crls: tuple[bytes, ...] = ()


LEAF = ByHand(
    issuer=CA_NAME,
    subject=name(("CN", b"host")),
    key=spki(HOST_KEY),
    signer=CA_KEY,
    extensions=(alternatives(dns(HOST_NAME)),),
)
AUTHORITY = replace(LEAF, subject=SUB, key=spki(OTHER_KEY), extensions=(basic_constraints(True),))
"""A sub-CA, whose key is OTHER_KEY."""


def leaf(**changes: object) -> bytes:
    return replace(LEAF, **changes).der  # type: ignore[arg-type]


def below(subject: bytes = SUB, **changes: object) -> bytes:
    """The host's certificate by the sub-CA."""
    return leaf(issuer=subject, signer=OTHER_KEY, **changes)


def authority(**changes: object) -> bytes:
    return replace(AUTHORITY, **changes).der  # type: ignore[arg-type]


def extended(*more: by_hand.Extension) -> bytes:
    """The host's certificate with more extensions."""
    return leaf(extensions=(*(LEAF.extensions or ()), *more))


# --- chains -----------------------------------------------------------------------------------------------------------


def chains() -> Iterator[Row]:
    yield Row("an honest one", (leaf(),), good=True)
    yield Row("an honest one by a sub-CA", (below(), authority()), good=True)
    yield Row("the same in another order, with junk and twice", (b"\0", authority(), below(), below()), good=True)
    yield Row("nothing", (b"",), why="can't be read")
    yield Row("without the sub-CA", (below(),), why="no trusted certificate of its issuer")
    yield Row("self-signed", (leaf(issuer=LEAF.subject, signer=HOST_KEY),), why="no trusted certificate")
    alike = authority(subject=CA_NAME, issuer=CA_NAME, signer=OTHER_KEY)
    forged = leaf(signer=OTHER_KEY)
    yield Row("a look-alike of the CA signs", (forged, alike), why="not signed by")
    yield Row("a look-alike of the CA is the holder", (leaf(subject=CA_NAME),), why="bears the name of a CA")
    utf8 = by_hand.name(("CN", b"My CA", 0x13))
    yield Row(
        "a sub-CA named as the CA, spelt otherwise",
        (leaf(issuer=utf8, signer=OTHER_KEY), authority(subject=utf8)),
        why="bears the name of a CA",
    )
    yield Row("a look-alike with the CA's key identifier", (_with_key_identifier(),), why="not signed by")
    yield Row("another key than the CA's", (forged,), why="not signed by")
    circle = authority(issuer=SUB_2, signer=OTHER_KEY), authority(subject=SUB_2, issuer=SUB, signer=OTHER_KEY)
    yield Row("a circle of two", (below(), *circle), why="no trusted certificate")
    yield Row("a CA by itself", (below(), authority(issuer=SUB, signer=OTHER_KEY)), why="no trusted certificate")
    many = tuple(authority(issuer=SUB, signer=OTHER_KEY, serial=integer(each)) for each in range(7))
    yield Row("a CA that issued itself seven times", (below(), *many), why="no trusted certificate|more than")
    yield Row("a chain of nine", tuple(_tower(8)), why="more than|no trusted")
    yield Row("a chain of eight", tuple(_tower(6)), good=True)
    no_ca = "not a CA"
    yield Row(
        "by a host, its flag written out, which DER forbids",
        (below(), authority(extensions=(basic_constraints(False),))),
    )
    yield Row("by a host", (below(), authority(extensions=(basic_constraints(None),))), why=no_ca)
    yield Row("by whoever has no basicConstraints", (below(), authority(extensions=())), why=no_ca)
    yield Row("by a certificate of version 1", (below(), authority(extensions=None, version=None)), why=no_ca)
    loose = authority(extensions=(basic_constraints(True, critical=False),))
    yield Row("basicConstraints that are not critical", (below(), loose), good=True)
    short = authority(extensions=(basic_constraints(True, 0),))
    second = authority(subject=SUB_2, issuer=SUB, signer=OTHER_KEY)
    yield Row("path length 0, none below", (below(), short), good=True)
    yield Row("path length 0, one below", (below(SUB_2), second, short), why="allows 0 CAs")
    again = authority(issuer=SUB, signer=OTHER_KEY)
    yield Row("path length 0, one below that issued itself", (below(), again, short), good=True)
    yield Row("path length -1", (below(), authority(extensions=(basic_constraints(True, -1),))))
    yield Row("a path length of 2^70", (below(), authority(extensions=(basic_constraints(True, 1 << 70),))))


def _with_key_identifier() -> bytes:
    identifier = by_hand.sequence(by_hand.tlv(0x80, b"the CA's own key id"))
    return leaf(signer=OTHER_KEY, extensions=(*(LEAF.extensions or ()), ("2.5.29.35", False, identifier)))


def _tower(height: int) -> Iterator[bytes]:
    """A host below so many CAs that are below the CA."""
    floors = [name(("CN", b"floor %d" % each)) for each in range(height)]
    yield below(floors[0])
    for lower, upper in zip(floors, [*floors[1:], None], strict=True):
        at_the_top = {"issuer": CA_NAME, "signer": CA_KEY}
        yield authority(subject=lower, **({"issuer": upper, "signer": OTHER_KEY} if upper else at_the_top))


def times() -> Iterator[Row]:
    expired = {"ends": by_hand.utc(NOW - DAY)}
    future = {"begins": by_hand.utc(NOW + DAY)}
    for what, changes, why in (("expired", expired, "expired"), ("not yet valid", future, "not valid before")):
        yield Row(f"{what}", (leaf(**changes),), why=why)
        yield Row(f"a sub-CA that is {what}", (below(), authority(**changes)), why=why)
        root = authority(subject=CA_NAME, key=spki(CA_KEY), **changes)
        yield Row(f"a CA that is {what}", (leaf(),), why=why, authorities=(root,))
    yield Row("ends before it begins", (leaf(**expired | {"begins": by_hand.utc(NOW + DAY)}),), why="not valid before")
    yield Row("without end (RFC 5280 section 4.1.2.5)", (leaf(ends=by_hand.generalized("99991231235959Z")),), good=True)
    yield Row("the year 2050 in two digits is 1950", (leaf(ends=by_hand.tlv(0x17, b"500101000000Z")),), why="expired")
    for text in ("20270101000000", "20270101000000.5Z", "20270101000000+0100", "2027010100Z", "20271301000000Z", ""):
        yield Row(f"the time {text!r}", (leaf(ends=by_hand.generalized(text)),))
    yield Row("a time that is a number", (leaf(ends=integer(1)),))


# --- extensions -------------------------------------------------------------------------------------------------------


def extensions() -> Iterator[Row]:
    permitted = by_hand.sequence(by_hand.tlv(0xA0, by_hand.sequence(dns(b"elsewhere.org"))))
    for critical in (True, False):
        limits = ("2.5.29.30", critical, permitted)
        sub = authority(extensions=(basic_constraints(True), limits))
        yield Row(f"nameConstraints that forbid it, critical {critical}", (below(), sub), why="can't be read")
    unknown, null = "1.3.6.1.4.1.99999.2", by_hand.NULL
    yield Row("an unknown extension", (extended((unknown, False, null)),), good=True)
    yield Row("an unknown critical extension", (extended((unknown, True, null)),), why="not understood")
    sub = authority(extensions=(basic_constraints(True), (unknown, True, null)))
    yield Row("a sub-CA with an unknown critical extension", (below(), sub), why="not understood")
    required = by_hand.sequence(by_hand.tlv(0x80, b"\0"))
    yield Row("policyConstraints", (extended(("2.5.29.36", True, required)),), why="not understood")
    yield Row("inhibitAnyPolicy", (extended(("2.5.29.54", True, integer(0))),), why="not understood")
    yield Row("one extension twice", (extended(*(LEAF.extensions or ())),), why="can't be read")
    yield Row("basicConstraints that are none", (extended(("2.5.29.19", True, b"\x30\x03\x01")),))
    yield Row("basicConstraints of a wrong type", (extended(("2.5.29.19", True, integer(1))),))
    yield Row("extensions in version 1", (leaf(version=None),))
    yield Row("version 4", (leaf(version=3),), why="can't be read")
    yield Row("version -1", (leaf(version=-1),), why="can't be read")
    no_signature = "does not allow to authenticate"
    for what, bits, good in (
        ("digitalSignature", 0x80, True),
        ("contentCommitment", 0x40, True),
        ("keyEncipherment", 0x20, False),
        ("keyCertSign", 0x04, False),
        ("nothing", 0, False),
    ):
        yield Row(f"a key usage of {what}", (extended(key_usage(bits)),), good, "" if good else f"{no_signature}|read")
    for what, bits, good in (("keyCertSign", 0x04, True), ("cRLSign", 0x02, False), ("digitalSignature", 0x80, False)):
        sub = authority(extensions=(basic_constraints(True), key_usage(bits)))
        yield Row(f"a sub-CA with {what}", (below(), sub), good, "" if good else "does not allow to sign")
    for what, number, good in (
        ("serverAuth", "1.3.6.1.5.5.7.3.1", True),
        ("ipsecIKE", "1.3.6.1.5.5.7.3.17", True),
        ("any", "2.5.29.37.0", True),
        ("codeSigning", "1.3.6.1.5.5.7.3.3", False),
        ("OCSPSigning", "1.3.6.1.5.5.7.3.9", False),
    ):
        for critical in (True, False):
            held = extended(by_hand.purposes(number, critical=critical))
            yield Row(f"the purpose {what}, critical {critical}", (held,), good, "" if good else no_signature)


# --- names ------------------------------------------------------------------------------------------------------------


def named(*names: bytes, subject: bytes = LEAF.subject) -> bytes:
    return leaf(subject=subject, extensions=(alternatives(*names),))


def claim(kind: IdType, data: bytes) -> Identification:
    return Identification(kind, 0, 0, data)


def names() -> Iterator[Row]:
    none = "no subject of a received CERT matches|can't be read"
    for octets in (
        HOST_NAME + b"\0.evil.org",
        b"\0" + HOST_NAME,
        HOST_NAME + b".",
        b"*.example.org",
        b".example.org",
        HOST_NAME.upper(),
        b" " + HOST_NAME,
        HOST_NAME + b"\n",
        b"host.example.or\xe7",
        b"",
    ):
        yield Row(f"the dNSName {octets!r}", (named(dns(octets)),), why=none)
    bob = claim(IdType.USER_FQDN, b"bob@example.org")
    yield Row("an address of e-mail", (named(email(bob.data)),), good=True, claim=bob)
    for octets in (b"bob@example.org\0@evil.org", b"BOB@example.org", b"<bob@example.org>", b"example.org"):
        yield Row(f"the rfc822Name {octets!r}", (named(email(octets)),), claim=bob, why=none)
    here = claim(IdType.IPV4_ADDR, bytes((192, 0, 2, 1)))
    yield Row("an address", (named(ip(here.data)),), good=True, claim=here)
    for octets in (
        bytes(10) + b"\xff\xff" + here.data,
        here.data + b"\xff" * 4,
        here.data[:3],
        here.data + b"\0",
        b"192.0.2.1",
        b"",
    ):
        yield Row(f"the iPAddress {octets.hex()}", (named(ip(octets)),), claim=here, why=none)
    in_name = name(("CN", HOST_NAME))
    yield Row("a host name in CN (RFC 4945 section 3.1.2)", (leaf(subject=in_name, extensions=()),), why=none)
    yield Row("an e-mail address in the subject", (leaf(subject=name(("E", bob.data))),), claim=bob, why=none)
    yield Row("256 names", (named(*(dns(b"h%d" % each) for each in range(255)), dns(HOST_NAME)),), good=True)
    yield Row("257 names", (named(*(dns(b"h%d" % each) for each in range(256)), dns(HOST_NAME)),), why="257 names")
    yield Row("no names at all", (named(),), why=none)
    other = by_hand.tlv(0xA0, by_hand.oid("1.2.3"), by_hand.tlv(0xA0, by_hand.tlv(12, HOST_NAME)))
    yield Row("an otherName", (named(other),), why=none)
    yield Row("an x400Address beside it", (named(dns(HOST_NAME), by_hand.tlv(0xA3, b"")),), why="can't be read")
    yield Row("a URI", (named(by_hand.tlv(0x86, b"https://" + HOST_NAME)),), why=none)


def subjects() -> Iterator[Row]:
    """What is asked here is the subject as an identity: it is itself, or nobody."""
    for what, subject in (
        ("NUL", name(("CN", b"host\0boss"))),
        ("a slash", name(("CN", b"host/CN=boss"))),
        ("a newline and ANSI", name(("CN", b"host\n\x1b[2Jforged: line"))),
        ("a mark that turns text round", name(("CN", "host\u202egro".encode()))),
        ("two of a kind", name(("CN", b"host"), ("CN", b"boss"))),
        ("an RDN of two", by_hand.sequence(by_hand.tlv(0x31, *(by_hand.attribute("CN", b"%d" % n) for n in (1, 2))))),
        ("octets that are not UTF-8", name(("CN", b"\xff\xfe"))),
        ("an empty value", name(("CN", b""))),
        ("400 attributes", name(*(("OU", b"%d" % each) for each in range(200)))),
        ("a text of 3,000 octets", name(("CN", b"x" * 3000))),
        ("an unknown attribute", name(("1.3.6.1.4.1.99999.5", b"x"))),
    ):
        yield Row(f"a subject with {what}", (leaf(subject=subject),), good=True)
        boss = claim(IdType.DER_ASN1_DN, name(("CN", b"boss")))
        yield Row(f"a subject with {what} is not /CN=boss", (leaf(subject=subject),), claim=boss)
    refused = "can't be read"
    for what, subject in (
        ("a value that is a number", name(("CN", b"\1", 2))),
        (
            "BMPString of odd length",
            name(("CN", b"\0ho", 0x1E)),
        ),
        ("more than 4,096 octets", name(("CN", b"x" * 5000))),
        ("a type of a thousand octets", by_hand.sequence(by_hand.tlv(0x31, _long_type(1000)))),
        ("a set in a set", by_hand.sequence(by_hand.tlv(0x31, by_hand.tlv(0x31, b"")))),
        ("no name, but a number", integer(1)),
        ("an RDN of nothing", by_hand.sequence(by_hand.tlv(0x31, by_hand.sequence()))),
    ):
        yield Row(f"a subject with {what}", (leaf(subject=subject),), why=refused)
    yield Row("no subject, and a name besides", (leaf(subject=by_hand.sequence()),), good=True)
    nobody = claim(IdType.DER_ASN1_DN, by_hand.sequence())
    yield Row("no subject, and it is claimed", (leaf(subject=by_hand.sequence()),), claim=nobody)


def _long_type(octets: int) -> bytes:
    return by_hand.sequence(by_hand.tlv(6, b"\x2a" + b"\xff" * octets + b"\x7f"), by_hand.tlv(12, b"x"))


# --- keys and signatures ----------------------------------------------------------------------------------------------


def keys() -> Iterator[Row]:
    modulus = HOST_KEY.public_key().public_numbers().n
    for what, n, e, weak_too in (
        ("an exponent of 1", modulus, 1, False),
        ("an exponent of 0", modulus, 0, False),
        ("an exponent of -3", modulus, -3, False),
        ("an even exponent", modulus, 65536, False),
        ("an exponent of 2", modulus, 2, False),
        ("an exponent of 3", modulus, 3, True),
        ("an exponent as long as the modulus", modulus, modulus - 2, False),
        ("an even modulus", modulus - 1, 65537, False),
        ("a negative modulus", -modulus, 65537, False),
        ("the modulus 1", 1, 65537, False),
        ("the modulus 0", 0, 65537, False),
        ("a modulus of 256 bits", (1 << 255) + 95, 65537, False),
        ("a modulus of 16,384 bits", (1 << 16383) + 1, 65537, False),
        ("a modulus of 100,000 bits", (1 << 99999) + 1, 65537, False),
    ):
        for weak in (False, True):
            good = weak and weak_too
            yield Row(f"RSA with {what}, weak {weak}", (leaf(key=by_hand.rsa_spki(n, e)),), good, weak=weak)
            sub = authority(key=by_hand.rsa_spki(n, e))
            yield Row(f"a sub-CA's RSA key with {what}, weak {weak}", (below(), sub), weak=weak)
    point = b"\4" + bytes(64)
    ecdsa, p256 = by_hand.oid("1.2.840.10045.2.1"), by_hand.oid("1.2.840.10045.3.1.7")
    for what, key in (
        ("a point off the curve", by_hand.sequence(by_hand.sequence(ecdsa, p256), by_hand.bit_string(point))),
        ("the point at infinity", by_hand.sequence(by_hand.sequence(ecdsa, p256), by_hand.bit_string(b"\0"))),
        ("explicit parameters", by_hand.sequence(by_hand.sequence(ecdsa, _explicit()), by_hand.bit_string(point))),
        (
            "parameters that are NULL",
            by_hand.sequence(by_hand.sequence(ecdsa, by_hand.NULL), by_hand.bit_string(point)),
        ),
        ("no parameters", by_hand.sequence(by_hand.sequence(ecdsa), by_hand.bit_string(point))),
        ("an unknown kind", by_hand.sequence(by_hand.NO_ALGORITHM, by_hand.bit_string(point))),
        ("bits that are no octets", by_hand.sequence(by_hand.sequence(ecdsa, p256), by_hand.bit_string(point, 3))),
        ("X25519", by_hand.sequence(by_hand.sequence(by_hand.oid("1.3.101.110")), by_hand.bit_string(bytes(32)))),
        ("nothing", by_hand.sequence()),
        ("ECDSA where RSA was agreed on", spki(pki.ec_key("host"))),
    ):
        yield Row(f"a key with {what}", (leaf(key=key),))


def _explicit() -> bytes:
    return by_hand.sequence(integer(1), by_hand.sequence(by_hand.oid("1.2.840.10045.1.1"), integer(23)), by_hand.NULL)


def signatures() -> Iterator[Row]:
    for what, algorithm in (("MD5", by_hand.MD5_RSA), ("SHA1", by_hand.SHA1_RSA)):
        for weak in (False, True):
            why = "" if weak else f"signed with {what}"
            yield Row(f"{what}, weak {weak}", (leaf(inner=algorithm),), weak, why, weak=weak)
            yield Row(f"a sub-CA by {what}, weak {weak}", (below(), authority(inner=algorithm)), weak, why, weak=weak)
    root = authority(subject=CA_NAME, key=spki(CA_KEY), inner=by_hand.MD5_RSA)
    yield Row("a CA in the directory that signed itself with MD5", (leaf(),), good=True, authorities=(root,))
    told = (by_hand.SHA256_RSA, by_hand.SHA512_RSA, by_hand.SHA1_RSA, by_hand.MD5_RSA)
    for (inner, outer), weak in product([(a, b) for a in told for b in told if a != b], (False, True)):
        what = f"{told.index(inner)} inside and {told.index(outer)} outside"
        yield Row(f"the algorithm {what}, weak {weak}", (leaf(inner=inner, outer=outer),), weak=weak)
    yield Row("an unknown algorithm", (leaf(inner=by_hand.NO_ALGORITHM),))
    yield Row("ECDSA that is said of an RSA signature", (leaf(inner=by_hand.SHA256_ECDSA),))
    yield Row("Ed25519 that is said of an RSA signature", (leaf(inner=by_hand.ED25519),))
    yield Row("no signature", (leaf(signature=b""),))
    yield Row("a signature of zeros", (leaf(signature=bytes(256)),))
    yield Row("the signature 1", (leaf(signature=bytes(255) + b"\1"),))
    yield Row("a short signature", (leaf(signature=b"\1" * 255),))
    yield Row("octets behind the certificate", (leaf(tail=b"\0"),), why="can't be read")
    yield Row("a certificate of 20,000 octets", (leaf(tail=bytes(20_000)),), why="octets")
    for what, serial, good in (
        ("negative", integer(-5), True),
        ("zero", integer(0), True),
        ("of 20 octets", integer((1 << 159) - 1), True),
        ("that is no number", by_hand.NULL, False),
        ("of no octets", by_hand.tlv(2), False),
    ):
        yield Row(f"a serial number {what}", (leaf(serial=serial),), good)
    yield Row("a serial number of a thousand octets", (leaf(serial=integer(1 << 7999)), authority()), good=True)


# --- CRLs -------------------------------------------------------------------------------------------------------------

SERIAL = 77
REVOKED, OTHERS = (SERIAL, ()), (78, ())
REASON = "2.5.29.21"


def crl_rows() -> Iterator[Row]:
    def listed(what: str, *crls: bytes, good: bool = False, why: str = "", weak: bool = False) -> Row:
        return Row(f"CRL: {what}", (leaf(),), good, why, weak=weak, crls=crls)

    crl, old, later = by_hand.crl, by_hand.utc(NOW - DAY), by_hand.utc(NOW + DAY)
    yield listed("others are revoked", crl(CA, OTHERS), good=True)
    yield listed("nobody is revoked", crl(CA), good=True)
    yield listed("it is revoked", crl(CA, OTHERS, REVOKED), why="revoked by")
    yield listed("it is revoked, and a newer one does not say so", crl(CA, REVOKED), crl(CA), why="revoked by")
    yield listed("an old one revokes", crl(CA, REVOKED, ends=old), why="revoked by")
    yield listed("an old one clears nobody", crl(CA, ends=old), why="out of date")
    yield listed("one of tomorrow clears nobody", crl(CA, begins=later), why="out of date")
    yield listed("without an end", crl(CA, ends=b""), good=True)
    yield listed("by another key", crl(CA, signer=OTHER_KEY), why="no CRL of its issuer")
    yield listed("by another key it revokes nobody", crl(CA), crl(CA, REVOKED, signer=OTHER_KEY), good=True)
    yield listed("of another issuer", crl(CA, issuer=SUB, signer=OTHER_KEY), why="no CRL of its issuer")
    yield listed("of another issuer by the CA's key", crl(CA, issuer=SUB), why="no CRL of its issuer")
    yield listed("version 1", crl(CA, version=b""), good=True)
    for what, number, value in (
        ("a delta", "2.5.29.27", integer(1)),
        ("one distribution point", "2.5.29.28", by_hand.sequence(by_hand.tlv(0x82, b"\xff"))),
        ("an indirect one", "2.5.29.28", by_hand.sequence(by_hand.tlv(0x84, b"\xff"))),
        ("unknown", "1.3.6.1.4.1.99999.3", by_hand.NULL),
    ):
        for critical in (True, False):
            good = what == "unknown" and not critical
            partial = crl(CA, extensions=((number, critical, value),))
            yield listed(f"{what}, critical {critical}", partial, good=good)
    strange = crl(CA, (78, (("1.3.6.1.4.1.99999.4", True, by_hand.NULL),)))
    yield listed("an entry with an unknown critical extension", strange)
    issuer = by_hand.sequence(by_hand.tlv(0xA4, SUB))
    yield listed("an entry of another issuer's", crl(CA, (78, (("2.5.29.29", True, issuer),))))
    removed = (SERIAL, ((REASON, False, by_hand.tlv(10, b"\x08")),))
    yield listed("removeFromCRL in one that is no delta", crl(CA, removed), why="revoked by")
    yield listed("one number twice", crl(CA, REVOKED, REVOKED), why="revoked by")
    for what, algorithm in (("MD5", by_hand.MD5_RSA), ("SHA-1", by_hand.SHA1_RSA)):
        yield listed(f"{what} clears nobody", crl(CA, inner=algorithm), why="weak signature")
        yield listed(f"{what} revokes", crl(CA, REVOKED, inner=algorithm), why="revoked by")
        yield listed(f"{what} where that counts", crl(CA, inner=algorithm), good=True, weak=True)
    for weak in (False, True):
        mixed = crl(CA, inner=by_hand.SHA256_RSA, outer=by_hand.SHA1_RSA)
        yield listed(f"two algorithms, weak {weak}", mixed, weak=weak)
    yield listed("that cannot be read", b"0\x80")


def rows() -> tuple[Row, ...]:
    made = (chains(), times(), extensions(), names(), subjects(), keys(), signatures(), crl_rows())
    return tuple(row for group in made for row in group)
