"""One isakmpd and one strongSwan with the same algorithms: start both, wait for their tunnel, compare what they say."""

from __future__ import annotations

from dataclasses import dataclass

from tests.interop.bed import Bed, BedError, eventually
from tests.interop.gateway import Isakmpd, ReportedSa
from tests.interop.strongswan import IkeSa, StrongSwan

SECRET = "a-secret-of-two-gateways"


@dataclass(frozen=True, slots=True)
class Suite:
    """The same algorithms in both languages: strongSwan's proposals, isakmpd.conf's predefined names."""

    ike: str
    esp: str
    transform: str
    suite: str


SUITES = {
    "aes128-sha1": Suite("aes128-sha1-modp2048", "aes128-sha1", "AES-128-SHA-GRP14", "QM-ESP-AES-128-SHA-SUITE"),
    "aes256-sha256-pfs": Suite(
        "aes256-sha256-modp2048",
        "aes256-sha256-modp2048",
        "AES-256-SHA2-256-GRP14",
        "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
    ),
    "3des-md5-modp1024": Suite("3des-md5-modp1024", "3des-md5", "3DES-MD5-GRP2", "QM-ESP-3DES-MD5-SUITE"),
    "aes192-sha384-modp3072-pfs-modp1536": Suite(
        "aes192-sha384-modp3072",
        "aes192-sha384-modp1536",
        "AES-192-SHA2-384-GRP15",
        "QM-ESP-AES-192-SHA2-384-PFS-GRP5-SUITE",
    ),
    "aes256-sha256-ecp256-pfs": Suite(
        "aes256-sha256-ecp256",
        "aes256-sha256-ecp256",
        "AES-256-SHA2-256-GRP19",
        "QM-ESP-AES-256-SHA2-256-PFS-GRP19-SUITE",
    ),
    "aes256gcm16": Suite("aes256-sha256-ecp256", "aes256gcm16", "AES-256-SHA2-256-GRP19", "QM-ESP-AESGCM-256-SUITE"),
    "aes256-sha512-ecp521-pfs-ecp384": Suite(
        "aes256-sha512-ecp521",
        "aes256-sha512-ecp384",
        "AES-256-SHA2-512-GRP21",
        "QM-ESP-AES-256-SHA2-512-PFS-GRP20-SUITE",
    ),
}
MODERN = SUITES["aes256-sha256-pfs"]


def both(bed: Bed, suite: Suite, condition: str = 'esp_present == "yes"') -> tuple[Isakmpd, StrongSwan]:
    ours = Isakmpd(bed, suite.transform, suite.suite, SECRET, condition)
    return ours, StrongSwan(bed, suite.ike, suite.esp, SECRET)


def settled(ours: Isakmpd, theirs: StrongSwan) -> tuple[ReportedSa, IkeSa]:
    """Wait until both sides have their one tunnel; then what each says of it."""

    def ready() -> tuple[ReportedSa, IkeSa] | None:
        established = [each for each in theirs.sas() if each.state == "ESTABLISHED" and each.children]
        installed = ours.ready_sas()
        return (installed[0], established[0]) if len(installed) == len(established) == 1 else None

    try:
        return eventually("one tunnel on both sides", ready, 15, 0.05)
    except BedError as failure:
        raise AssertionError(f"{failure}\n--- isakmpd\n{ours.log()}\n--- charon\n{theirs.log()[-4000:]}") from failure


def agree(ours: Isakmpd, theirs: StrongSwan) -> None:
    """The tunnel is installed on both sides, with the same SPIs, and phase 1 has the same cookies."""
    sa, ike = settled(ours, theirs)
    [child] = ike.children
    assert child.state == "INSTALLED"
    assert child.encapsulated
    assert sa.spis == {child.spi_in, child.spi_out}
    [phase_1] = [each for each in ours.sas() if each.phase == 1 and each.ready]
    assert f"icookie {ike.initiator_cookie} rcookie {ike.responder_cookie}" in phase_1.text
