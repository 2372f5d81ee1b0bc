"""Chains from a certificate to CA-directory: what makes one, and each reason why there is none."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from daemon.ike.trust.certificates import CertificateError, X509Certificate, read_certificate, read_crl
from daemon.ike.trust.chains import LONGEST, MOST_CHECKS, Trust, by_subject, check_revocation, find_chain
from tests import pki
from tests.pki import NOW, YEAR, Ca, Issued

DAY = timedelta(days=1)
ROOT = pki.root("/CN=My CA")
CURVE = pki.root("/CN=My CA", key=pki.ec_key("curve"))
HOST = ROOT.issue("/CN=host", pki.names("DNS:host"))


def read(issued: Issued | Ca) -> X509Certificate:
    return read_certificate((issued.issued if isinstance(issued, Ca) else issued).der)


def trust(
    *authorities: Ca, helpers: tuple[Issued | Ca, ...] = (), crls: tuple[bytes, ...] = (), weak: bool = False
) -> Trust:
    lists = [read_crl(each) for each in crls]
    return Trust(
        by_subject(map(read, authorities)),
        by_subject(map(read, helpers)),
        {each.issuer: tuple(other for other in lists if other.issuer == each.issuer) for each in lists},
        weak,
    )


def chain(issued: Issued, against: Trust, *received: Issued | Ca) -> list[str]:
    return [each.holder for each in find_chain(read(issued), map(read, received), against, NOW)]


def refused(issued: Issued, against: Trust, *received: Issued | Ca) -> str:
    with pytest.raises(CertificateError) as refusal:
        find_chain(read(issued), map(read, received), against, NOW)
    return str(refusal.value)


# --- what makes a chain -------------------------------------------------------------------------------------------


def test_a_ca_in_the_directory_is_the_end() -> None:
    assert chain(HOST, trust(ROOT)) == ["/CN=host", "/CN=My CA"]


def test_sub_cas_are_found_among_what_the_peer_sent_and_what_we_have() -> None:
    sub = ROOT.sub_ca("/CN=Sub")
    lower = sub.sub_ca("/CN=Lower")
    host = lower.issue("/CN=host")
    whole = ["/CN=host", "/CN=Lower", "/CN=Sub", "/CN=My CA"]
    assert chain(host, trust(ROOT), lower, sub) == whole
    assert chain(host, trust(ROOT, helpers=(sub,)), lower) == whole
    assert chain(host, trust(ROOT, helpers=(sub, lower))) == whole
    assert "no trusted certificate" in refused(host, trust(ROOT), sub)


def test_a_trusted_sub_ca_ends_a_chain_and_goes_on_where_its_issuer_is_trusted_too() -> None:
    sub = ROOT.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host")
    assert chain(host, trust(sub)) == ["/CN=host", "/CN=Sub"]
    assert chain(host, trust(sub), ROOT) == ["/CN=host", "/CN=Sub"]  # what a peer sends trusts nobody further up
    assert chain(host, trust(sub, ROOT)) == ["/CN=host", "/CN=Sub", "/CN=My CA"]


def test_a_trusted_sub_ca_stands_though_its_issuer_has_expired() -> None:
    old = pki.root("/CN=Old", ends=NOW - DAY)
    sub = old.sub_ca("/CN=Sub")
    assert chain(sub.issue("/CN=host"), trust(sub, old)) == ["/CN=host", "/CN=Sub"]


def test_of_two_cas_of_one_name_the_one_that_signed_is_found() -> None:
    """A CA has a new key: both lie in the directory."""
    newer = pki.root("/CN=My CA", key=pki.rsa_key("newer"))
    host = newer.issue("/CN=other host")
    assert chain(host, trust(ROOT, newer)) == ["/CN=other host", "/CN=My CA"]
    assert chain(HOST, trust(newer, ROOT)) == ["/CN=host", "/CN=My CA"]


def test_a_certificate_in_the_directory_is_trusted_by_itself() -> None:
    alone = pki.root("/CN=alone", ca=None)
    assert chain(alone.issued, trust(alone)) == ["/CN=alone"]


# --- and what does not --------------------------------------------------------------------------------------------


def test_a_self_signed_certificate_is_not_trusted() -> None:
    for each in (pki.root("/CN=me", ca=None), pki.root("/CN=me")):
        assert "no trusted" in refused(each.issued, trust(ROOT), each)


def test_a_forged_signature_is_refused() -> None:
    forged = ROOT.issue("/CN=host", signer=pki.rsa_key("attacker"))
    assert refused(forged, trust(ROOT)) == "/CN=host: not signed by /CN=My CA"


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (NOW - YEAR, NOW - DAY, "/CN=x: expired 2025-12-31 00:00:00 GMT"),
        (NOW + DAY, NOW + YEAR, "/CN=x: not valid before 2026-01-02 00:00:00 GMT"),
    ],
)
def test_times_count_at_each_place(begins: object, ends: object, reason: str) -> None:
    times = {"begins": begins, "ends": ends}
    assert refused(ROOT.issue("/CN=x", **times), trust(ROOT)) == reason  # type: ignore[arg-type]
    sub = ROOT.sub_ca("/CN=x", **times)
    assert refused(sub.issue("/CN=host"), trust(ROOT), sub) == reason
    top = pki.root("/CN=x", **times)  # type: ignore[arg-type]
    assert refused(top.issue("/CN=host"), trust(top)) == reason


def test_the_last_second_counts() -> None:
    host = read(ROOT.issue("/CN=x", ends=NOW))
    assert len(find_chain(host, (), trust(ROOT), NOW)) == 2
    with pytest.raises(CertificateError, match="expired"):
        find_chain(host, (), trust(ROOT), NOW + timedelta(seconds=1))


@pytest.mark.parametrize("ca", [False, None])
def test_who_is_no_ca_issues_nothing(ca: bool | None) -> None:
    """CVE-2002-0862 and its kin: a host's certificate used as a CA's."""
    middle = Ca(ROOT.issue("/CN=middle", ca=ca))
    assert "not a CA" in refused(middle.issue("/CN=host"), trust(ROOT), middle)


def test_a_ca_whose_key_usage_forbids_it_issues_nothing() -> None:
    sub = ROOT.sub_ca("/CN=Sub", extensions=[(pki.key_usage("crl_sign", "digital_signature"), True)])
    assert "does not allow to sign" in refused(sub.issue("/CN=host"), trust(ROOT), sub)


def test_the_path_length_counts_cas_between() -> None:
    top = pki.root("/CN=Top", path_length=1)
    first = top.sub_ca("/CN=First", path_length=0)
    second = first.sub_ca("/CN=Second")
    assert chain(first.issue("/CN=a"), trust(top), first) == ["/CN=a", "/CN=First", "/CN=Top"]
    assert "allows 0 CAs below it, and there are 1" in refused(second.issue("/CN=b"), trust(top), first, second)
    wide = top.sub_ca("/CN=Wide")
    third = wide.sub_ca("/CN=Third")
    assert "/CN=Top: allows 1 CAs" in refused(third.issue("/CN=c"), trust(top), wide, third)


def test_a_key_usage_that_forbids_signatures_refuses_the_holder() -> None:
    host = ROOT.issue("/CN=x", extensions=[(pki.key_usage("key_encipherment"), True)])
    assert "RFC 4945" in refused(host, trust(ROOT))


def test_weak_keys_count_only_where_asked_for() -> None:
    host = ROOT.issue("/CN=x", key=pki.rsa_key("three", 2048, 3))
    assert "exponent below 65537" in refused(host, trust(ROOT))
    assert chain(host, trust(ROOT, weak=True)) == ["/CN=x", "/CN=My CA"]
    frail = pki.root("/CN=Frail", key=pki.rsa_key("three", 2048, 3))
    assert "exponent below 65537" in refused(frail.issue("/CN=x"), trust(frail))


@pytest.mark.parametrize(
    ("digest", "ca"), [("md5", ROOT), ("sha1", ROOT), ("sha1", CURVE)], ids=["md5", "sha1", "ECDSA"]
)
def test_weak_signatures_count_only_where_asked_for(digest: str, ca: Ca, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(ca.issued.pem)
    (tmp_path / "ca.key").write_bytes(ca.issued.key_pem)
    (tmp_path / "ext").write_text("basicConstraints=CA:false\n")
    for command in (
        "openssl req -new -newkey rsa:2048 -nodes -subj /CN=old -keyout key -out request",
        f"openssl x509 -req -in request -CA ca.crt -CAkey ca.key -set_serial 7 -{digest} -outform DER -out cert",
    ):
        subprocess.run(command.split(), check=True, capture_output=True, cwd=tmp_path)
    host = read_certificate((tmp_path / "cert").read_bytes())
    now = host.begins
    lasting = pki.root("/CN=My CA", key=ca.issued.key, begins=now - YEAR, ends=now + YEAR)
    with pytest.raises(CertificateError, match=digest.upper()):
        find_chain(host, (), trust(lasting), now)
    assert len(find_chain(host, (), trust(lasting, weak=True), now)) == 2


def test_a_root_may_sign_itself_weakly(tmp_path: Path) -> None:
    """Nobody trusts a root for its own signature: it is trusted because it lies in CA-directory."""
    key = tmp_path / "key"
    key.write_bytes(ROOT.issued.key_pem)
    command = f"openssl req -new -x509 -sha1 -days 2 -subj /CN=My\u00a0CA -key {key} -outform DER".replace(
        "\u00a0", " "
    )
    argv = command.split()
    argv[argv.index("/CN=My") : argv.index("/CN=My") + 2] = ["/CN=My CA"]
    der = subprocess.run(argv, check=True, capture_output=True).stdout
    root = read_certificate(der)
    assert root.weak_signature
    host = read(Ca(ROOT.issued).issue("/CN=host", ends=root.begins + YEAR))
    found = find_chain(host, (), Trust(by_subject([root])), root.begins)
    assert [each.holder for each in found] == ["/CN=host", "/CN=My CA"]


def test_a_root_of_version_1_is_a_ca_and_a_link_of_version_1_is_none(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(ROOT.issued.key_pem)
    for command in (
        ["openssl", "req", "-new", "-key", "key", "-subj", "/CN=My CA", "-out", "request"],
        ["openssl", "x509", "-req", "-in", "request", "-signkey", "key", "-days", "2", "-outform", "DER"],
    ):
        der = subprocess.run(command, check=True, capture_output=True, cwd=tmp_path).stdout
    root = read_certificate(der)
    if not root.version_1:
        pytest.skip("this openssl writes version 3")
    host = read(ROOT.issue("/CN=host", ends=root.begins + YEAR))
    assert len(find_chain(host, (), Trust(by_subject([root])), root.begins)) == 2
    with pytest.raises(CertificateError, match="not a CA"):
        find_chain(host, [root], trust(pki.root("/CN=Other")), root.begins)


# --- names of CAs -------------------------------------------------------------------------------------------------


def test_nobody_else_may_bear_the_name_of_a_ca() -> None:
    """Policies name CAs by `DN:`; who gets such a name certified by another CA would be that CA to policy."""
    other = pki.root("/CN=Other CA")
    both = trust(ROOT, other)
    assert "bears the name of a CA" in refused(other.issue("/CN=My CA", key=pki.rsa_key("impostor")), both)
    middle = other.sub_ca("/CN=My CA", key=pki.rsa_key("impostor"))
    host = middle.issue("/CN=host")
    with pytest.raises(CertificateError, match=r"bears the name of a CA|not signed by"):
        find_chain(read(host), [read(middle)], both, NOW)
    assert chain(other.sub_ca("/CN=Third CA").issue("/CN=x"), both, other.sub_ca("/CN=Third CA")) == [
        "/CN=x",
        "/CN=Third CA",
        "/CN=Other CA",
    ]


# --- bounds -------------------------------------------------------------------------------------------------------


def test_a_chain_has_an_end() -> None:
    links = [ROOT]
    for number in range(LONGEST):
        links.append(links[-1].sub_ca(f"/CN=Sub {number}"))
    enough = links[LONGEST - 2].issue("/CN=host")
    assert len(chain(enough, trust(ROOT), *links)) == LONGEST
    beyond = links[LONGEST - 1].issue("/CN=host")
    assert f"more than {LONGEST} certificates" in refused(beyond, trust(ROOT), *links)


def test_only_so_many_signatures_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many CAs of one name and two that certify each other in a circle: the search ends."""
    looked = []
    honest = X509Certificate.signed_by

    def counted(certificate: X509Certificate, issuer: X509Certificate) -> bool:
        looked.append(issuer)
        return honest(certificate, issuer)

    monkeypatch.setattr(X509Certificate, "signed_by", counted)
    key = pki.rsa_key("circle")
    circle = pki.root("/CN=A", key=key)
    ring = [
        Ca(pki.certify(pki.dn(f"/CN={low}"), pki.dn(f"/CN={high}"), key, key, _CA, serial=number))
        for number in range(1, 21)
        for low, high in (("A", "B"), ("B", "A"))
    ]
    refused(circle.issue("/CN=host"), trust(ROOT), *ring)
    assert 0 < len(looked) <= MOST_CHECKS


_CA = [(x509.BasicConstraints(ca=True, path_length=None), True)]


# --- CRLs ---------------------------------------------------------------------------------------------------------


def test_a_revoked_certificate_is_refused() -> None:
    other = ROOT.issue("/CN=other")
    against = trust(ROOT, crls=(ROOT.crl(HOST),))
    assert refused(HOST, against) == "/CN=host: revoked by /CN=My CA"
    assert chain(other, against) == ["/CN=other", "/CN=My CA"]


def test_a_revoked_sub_ca_is_refused_with_all_below_it() -> None:
    sub = ROOT.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host")
    against = trust(ROOT, crls=(ROOT.crl(sub.issued), sub.crl()))
    assert refused(host, against, sub) == "/CN=Sub: revoked by /CN=My CA"


def test_without_any_crl_nothing_is_checked_and_with_one_each_issuer_of_a_holder_needs_one() -> None:
    other = pki.root("/CN=Other CA")
    assert chain(HOST, trust(ROOT)) == ["/CN=host", "/CN=My CA"]
    assert "there is no CRL of its issuer" in refused(HOST, trust(ROOT, other, crls=(other.crl(),)))


def test_cas_above_the_holder_s_need_no_crl() -> None:
    sub = ROOT.sub_ca("/CN=Sub")
    assert len(chain(sub.issue("/CN=host"), trust(ROOT, crls=(sub.crl(),)), sub)) == 3


def test_a_stale_crl_still_revokes_and_no_longer_clears() -> None:
    stale = ROOT.crl(HOST, begins=NOW - 2 * DAY, ends=NOW - DAY)
    other = ROOT.issue("/CN=other")
    assert "revoked" in refused(HOST, trust(ROOT, crls=(stale,)))
    assert "out of date" in refused(other, trust(ROOT, crls=(stale,)))
    assert len(chain(other, trust(ROOT, crls=(stale, ROOT.crl())))) == 2
    early = ROOT.crl(begins=NOW + DAY, ends=NOW + 2 * DAY)
    assert "out of date" in refused(other, trust(ROOT, crls=(early,)))


def test_a_crl_by_another_key_does_not_count() -> None:
    forged = ROOT.crl(HOST, signer=pki.rsa_key("attacker"))
    assert "there is no CRL" in refused(HOST, trust(ROOT, crls=(forged,)))
    assert len(chain(HOST, trust(ROOT, crls=(forged, ROOT.crl())))) == 2


def test_the_crl_of_a_sub_ca_that_the_peer_sent_is_checked() -> None:
    sub = ROOT.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host")
    assert "revoked by /CN=Sub" in refused(host, trust(ROOT, crls=(sub.crl(host),)), sub)


def test_where_none_is_needed_a_revocation_counts_all_the_same() -> None:
    against = trust(ROOT, crls=(ROOT.crl(HOST, begins=NOW - 2 * DAY, ends=NOW - DAY),))
    check_revocation(read(ROOT.issue("/CN=x")), read(ROOT), against, NOW, needed=False)
    with pytest.raises(CertificateError, match="revoked"):
        check_revocation(read(HOST), read(ROOT), against, NOW, needed=False)


def test_an_openssl_verify_of_the_same_chain_agrees(tmp_path: Path) -> None:
    """An independent judge of our PKI: what we find is a chain to openssl too."""
    sub = ROOT.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host")
    for name, each in (("ca", ROOT.issued), ("sub", sub.issued), ("host", host)):
        (tmp_path / name).write_bytes(each.certificate.public_bytes(serialization.Encoding.PEM))
    at = str(int(NOW.timestamp()))
    argv = ["openssl", "verify", "-attime", at, "-CAfile", "ca", "-untrusted", "sub", "host"]
    assert subprocess.run(argv, check=False, capture_output=True, cwd=tmp_path).returncode == 0
    assert len(chain(host, trust(ROOT), sub)) == 3


@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_a_crl_with_a_weak_signature_revokes_and_clears_only_where_weak_ones_count(digest: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(ROOT.issued.pem)
    (tmp_path / "ca.key").write_bytes(ROOT.issued.key_pem)
    (tmp_path / "index.txt").touch()
    (tmp_path / "number").write_text("01\n")
    (tmp_path / "ca.cnf").write_text("[ca]\ndefault_ca=me\n[me]\ndatabase=index.txt\ncrlnumber=number\n")
    command = f"openssl ca -config ca.cnf -cert ca.crt -keyfile ca.key -gencrl -crldays 9 -md {digest} -out crl"
    subprocess.run(command.split(), check=True, capture_output=True, cwd=tmp_path)
    der = subprocess.run(
        ["openssl", "crl", "-in", "crl", "-outform", "DER"], check=True, capture_output=True, cwd=tmp_path
    ).stdout
    crl = read_crl(der)
    assert crl.weak_signature == f"it is signed with {digest.upper()}"
    assert crl.signed_by(read(ROOT))
    assert not crl.signed_by(read(pki.root("/CN=My CA", key=pki.rsa_key("other"))))
    host = read(HOST)
    for weak in (False, True):
        against = Trust(by_subject([read(ROOT)]), {}, {crl.issuer: (crl,)}, weak)
        if weak:
            check_revocation(host, read(ROOT), against, crl.begins, needed=True)
        else:
            with pytest.raises(CertificateError, match="has a weak signature"):
                check_revocation(host, read(ROOT), against, crl.begins, needed=True)
