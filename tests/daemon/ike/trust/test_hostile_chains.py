"""Certificates, chains and CRLs built to deceive: each gets RFC 5280's verdict, in bounded work, told in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from daemon.ike.limits import NAMED_CERTIFICATES
from daemon.ike.messages.payloads import Certificate
from daemon.ike.registries import AuthenticationMethod, CertificateEncoding
from daemon.ike.trust import certificates, chains
from daemon.ike.trust.certificates import CertificateError, X509Certificate, read_certificate, read_crl
from daemon.ike.trust.holdings import Holdings
from daemon.ike.trust.keyring import Keyring
from policydb.records import record_json, record_text
from tests.daemon.ike import test_signed_phase1 as peers
from tests.daemon.ike.network import EAST, WEST
from tests.daemon.ike.trust.hostile import HOST_KEY, LEAF, Row, rows
from tests.pki import NOW
from tests.x509_by_hand import alternatives, dns, name, subject_of

ROWS = rows()


def test_there_are_a_hundred_of_them_and_each_has_its_own_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 100
    assert sum(row.good for row in ROWS) >= 25


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_gets_the_verdict_of_rfc_5280(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    signed_by = X509Certificate.signed_by

    def counted(certificate: X509Certificate, issuer: X509Certificate) -> bool:
        looked_at.append(certificate)
        return signed_by(certificate, issuer)

    monkeypatch.setattr(certificates.X509Certificate, "signed_by", counted)
    crls, faults = [], []
    for der in row.crls:
        try:
            crls.append(read_crl(der))
        except CertificateError as error:
            faults.append(str(error))
    held = Holdings(
        authorities=tuple(map(read_certificate, row.authorities)),
        crls=tuple(crls),
        accept_weak=row.weak,
        crl_missing=bool(faults),
    )
    sent = [Certificate(CertificateEncoding.X509_SIG, der) for der in row.sent]
    found = Keyring(held).judge(row.claim, sent, AuthenticationMethod.RSA_SIG, NOW)
    assert bool(found.keys) is row.good, found.refused
    assert len(looked_at) <= NAMED_CERTIFICATES * chains.MOST_CHECKS
    if row.why:
        assert any(reason in told for told in found.refused for reason in row.why.split("|")), found.refused
    told = [*faults, *found.refused, *(each.proof.description for each in found.keys)]
    told += [name for each in found.keys for name in each.proof.authorizers]
    assert all(text.isascii() and text.isprintable() for text in told)


@pytest.mark.parametrize(
    "value",
    [b"host\n\x1b[2J0 forged: line", b"host\0boss", "host\u202egro\u2028".encode(), b'"; true; "', b"\\n<b>&#0;"],
    ids=repr,
)
def test_a_name_stays_within_its_line_of_the_log_and_of_the_records(value: bytes) -> None:
    """A certificate that is good, and whose holder's name is meant to become something else where it is printed."""
    signed = replace(
        LEAF,
        subject=name(("CN", value)),
        issuer=subject_of(peers.CA),
        signer=peers.CA.issued.key,
        extensions=(alternatives(dns(peers.NAMES[EAST].encode())),),
    )
    east = Holdings(peers.read(peers.CA), (read_certificate(signed.der),), private_key=HOST_KEY)
    for policy in (peers.BY_NAME, peers.ANYBODY.replace("\n", "\nConditions: false;\n")):
        pair = peers.meet(east, peers.holding(peers.host(WEST)), policy=policy)
        assert len(pair.west.phase(1)) == 1
        assert pair.established is (policy == peers.BY_NAME)
        assert all(line.isascii() and line.isprintable() for line in pair.west.log)
        assert pair.west.records
        for record in pair.west.records:
            assert record_text.line(record).isprintable()
            assert "\n" not in json.dumps(record_json.to_json(record))
            text = record_text.text(record)
            assert all(each.isascii() and each.isprintable() for each in text.split("\n"))
