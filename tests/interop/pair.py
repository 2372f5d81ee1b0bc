"""One isakmpd and one strongSwan with the same algorithms: start both, wait for their tunnel, compare what they say."""

from __future__ import annotations

from tests.interop.bed import Bed, BedError, eventually
from tests.interop.gateway import Isakmpd, ReportedSa
from tests.interop.settings import SECRET, Settings, isakmpd_conf, policy, psk_licensee
from tests.interop.strongswan import IkeSa, StrongSwan

ESP = 'esp_present == "yes"'


def algorithms(ike: str, esp: str, transform: str, suite: str) -> Settings:
    """The same algorithms in both languages: strongSwan's proposals, isakmpd.conf's predefined names."""
    return Settings(
        {"phase-1:Transforms": transform, "phase-2:Suites": suite},
        {"proposals": ike, "children.c.esp_proposals": esp},
    )


MODERN = algorithms(
    "aes256-sha256-modp2048",
    "aes256-sha256-modp2048",
    "AES-256-SHA2-256-GRP14",
    "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
)
LEGACY = algorithms("3des-md5-modp1024", "3des-md5", "3DES-MD5-GRP2", "QM-ESP-3DES-MD5-SUITE")


def both(bed: Bed, settings: Settings, condition: str = ESP) -> tuple[Isakmpd, StrongSwan]:
    """Both daemons, ready to negotiate."""
    ours = Isakmpd(bed, isakmpd_conf(settings.ours), policy([psk_licensee(SECRET)], condition))
    return ours, StrongSwan(bed, settings.theirs)


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
