"""Scenarios with libreswan. pluto installs nothing without a kernel that has ESP: all of them run in the guest."""

from __future__ import annotations

from typing import Any

from tests.interop.bed import LEFT, RIGHT
from tests.interop.happenings import a_lifetime_ends, peer_vanishes, we_vanish
from tests.interop.scenario import Begins, Check, Scenario, Stage, Tunnel
from tests.interop.settings import SECRET, Settings
from tests.interop.strongswan_rows import AS_NETWORKS, BY_AUTHORITY, esp, selectors

PEER = "libreswan"


def algorithms(ike: str, phase2: str, transform: str, suite: str) -> Settings:
    """The same algorithms in both languages."""
    return Settings({"phase-1:Transforms": transform, "phase-2:Suites": suite}, {"ike": ike, "esp": phase2})


AES128 = algorithms(
    "aes128-sha2_256;modp2048", "aes128-sha2_256", "AES-128-SHA2-256-GRP14", "QM-ESP-AES-128-SHA2-256-SUITE"
)
PFS = Settings(theirs={"pfs": "yes"})
PFS_GROUP = PFS | Settings({"phase-2:Suites": "QM-ESP-AES-128-SHA2-256-PFS-GRP14-SUITE"})
HOST_TO_HOST = Settings(
    {"t:Local-ID": None, "t:Remote-ID": None}, {"leftsubnet": None, "rightsubnet": None, "type": "transport"}
)

HOSTS = Settings(
    selectors(f"{LEFT.inside}/32", f"{RIGHT.inside}/32").ours,
    {"leftsubnet": f"{RIGHT.inside}/32", "rightsubnet": f"{LEFT.inside}/32"},
)
"""libreswan has no ranges for IKEv1, so those are strongSwan's rows alone."""


def row(name: str, about: str, settings: Settings, sas: dict[str, object], condition: str = "") -> Scenario:
    """A row in the guest, in both roles."""
    chosen = condition or 'esp_present == "yes"'
    return Scenario(PEER, name, about, settings, holds=(Tunnel(sas),), kernel=True, condition=chosen)


AGGRESSIVE = Settings(
    {"phase-1:EXCHANGE_TYPE": "AGGRESSIVE", "General:Accept-aggressive-psk": "yes"}, {"aggressive": "yes"}
)
RSA = Settings(
    {"peer:Authentication": None, "phase-1:Transforms": "AES-128-SHA2-256-GRP14-RSA_SIG"},
    {
        "authby": "rsasig",
        "leftcert": "right",
        "leftsendcert": "always",
        "leftrsasigkey": "%cert",
        "rightrsasigkey": "%cert",
        "rightca": "%same",
    },
)
USER, PASSWORD = "bob", "a-password-of-bobs"
XAUTH = {
    Begins.OURS: Settings(
        {"peer:XAUTH-User": USER, "peer:XAUTH-Password": PASSWORD},
        {"leftxauthserver": "yes", "rightxauthclient": "yes", "xauthby": "alwaysok"},
    ),
    Begins.THEIRS: Settings(
        {f"XAUTH-users:{USER}": PASSWORD},
        {
            "leftxauthclient": "yes",
            "rightxauthserver": "yes",
            "leftusername": USER,
            "/secrets": f': PSK "{SECRET}"\n@{USER} : XAUTH "{PASSWORD}"',
        },
    ),
}
XAUTH_METHOD = Settings({"AES-128-SHA2-256-GRP14:AUTHENTICATION_METHOD": "XAUTH_INIT_PRE_SHARED"})


def proved(stage: Stage) -> None:
    """The gateway knows its user."""
    if stage.begins is Begins.OURS:
        assert f"XAUTH: User {USER}: Authentication Successful" in stage.theirs.log()
    else:
        [phase_1] = [each for each in stage.ours.sas() if each.phase == 1]
        assert f"XAUTH user: {USER}" in phase_1.text


def renewed_by(side: Begins) -> Check:
    """The second quick mode is this side's."""
    words = "initiating Quick Mode" if side is Begins.THEIRS else "responding to Quick Mode proposal"

    def check(stage: Stage) -> None:
        said = [line for line in stage.theirs.log().splitlines() if "itiating Quick" in line or "to Quick Mode" in line]
        assert words in said[1], said

    return check


CERTIFIED: dict[str, Any] = {"credentials": "rsa", "licensees": BY_AUTHORITY}
DPD = Settings(
    {"General:DPD-check-interval": "2"}, {"dpddelay": "1", "dpdtimeout": "4", "dpdaction": "clear", "keyingtries": "1"}
)

LIVING = tuple(
    Scenario(PEER, name, about, settings, when, holds=(Tunnel(esp("AES", 128, "HMAC_SHA2_256")),), kernel=True, **more)
    for name, about, settings, when, more in (
        ("aggressive-psk", "aggressive mode, a pre-shared key", AES128 | AGGRESSIVE, {}, {}),
        ("main-rsa", "main mode, certificates", AES128 | RSA, {}, CERTIFIED),
        ("aggressive-rsa", "aggressive mode, certificates", AES128 | RSA | AGGRESSIVE, {}, CERTIFIED),
        ("xauth-psk", "a pre-shared key and a user", AES128 | XAUTH_METHOD, XAUTH, {"after": (proved,)}),
        ("dpd", "the peer dies without a word; DPD clears our SAs", AES128 | DPD, {}, {"after": (peer_vanishes,)}),
        ("dpd-peer", "we die without a word; the peer's DPD clears its SAs", AES128 | DPD, {}, {"after": (we_vanish,)}),
        (
            "rekey",
            "a lifetime of twenty seconds makes the peer renew",
            AES128
            | Settings(
                {"General:Default-phase-2-lifetime": "1200,10:86400"},
                {"salifetime": "20s", "rekeymargin": "10s", "rekeyfuzz": "0%"},
            ),
            {},
            {"after": (a_lifetime_ends, renewed_by(Begins.THEIRS))},
        ),
        (
            "rekey-soft",
            "a lifetime of ten seconds makes us renew",
            AES128 | Settings({"General:Default-phase-2-lifetime": "10,1:86400"}, {"salifetime": "10s", "rekey": "no"}),
            {},
            {"after": (a_lifetime_ends, renewed_by(Begins.OURS)), "begins": (Begins.OURS,)},
        ),
    )
)

ROWS = (
    *LIVING,
    row("main-psk", "main mode, a pre-shared key", AES128, esp("AES", 128, "HMAC_SHA2_256")),
    row(
        "main-psk-pfs",
        "AES-256, SHA2-512, PFS with group 15",
        algorithms(
            "aes256-sha2_512;modp4096",
            "aes256-sha2_512;modp3072",
            "AES-256-SHA2-512-GRP16",
            "QM-ESP-AES-256-SHA2-512-PFS-GRP15-SUITE",
        )
        | PFS,
        esp("AES", 256, "HMAC_SHA2_512"),
    ),
    row(
        "main-psk-gcm",
        "AES-256 with SHA2-256, AES-GCM in ESP",
        algorithms("aes256-sha2_256;modp2048", "aes_gcm256", "AES-256-SHA2-256-GRP14", "QM-ESP-AESGCM-256-SUITE"),
        esp("AES_GCM_16", 256 + 32, ""),
    ),
    row(
        "main-psk-3des-sha1",
        "3DES, SHA-1, group 5",
        algorithms("3des-sha1;modp1536", "3des-sha1", "3DES-SHA-GRP5", "QM-ESP-3DES-SHA-SUITE"),
        esp("3DES", 192, "HMAC_SHA"),
    ),
    row(
        "main-psk-ctr",
        "AES-CTR",
        AES128 | Settings({"phase-2:Suites": "QM-ESP-AESCTR-256-SHA-SUITE"}, {"esp": "aes_ctr256-sha1"}),
        esp("AES_CTR", 256 + 32, "HMAC_SHA"),
    ),
    row(
        "main-psk-transport",
        "two hosts, transport mode",
        AES128 | HOST_TO_HOST | Settings({"phase-2:Suites": "QM-ESP-TRP-AES-128-SHA2-256-SUITE"}),
        esp("AES", 128, "HMAC_SHA2_256", "TRANSPORT"),
    ),
    row("hosts", "two hosts behind the gateways", AES128 | HOSTS, esp("AES", 128, "HMAC_SHA2_256")),
    row(
        "hosts-as-networks",
        "the same hosts, which our side has as networks of 32 bits",
        AES128 | HOSTS | AS_NETWORKS,
        esp("AES", 128, "HMAC_SHA2_256"),
    ),
    Scenario(
        PEER,
        "host-within",
        "the peer proposes one host of each of our networks; policy decides, with the connection's suites",
        AES128 | Settings(theirs=HOSTS.theirs),
        begins=(Begins.THEIRS,),
        holds=(Tunnel(esp("AES", 128, "HMAC_SHA2_256"), ours=""),),
        kernel=True,
    ),
    row(
        "main-psk-ah",
        "AH in tunnel mode",
        AES128 | Settings({"phase-2:Suites": "QM-AH-SHA2-256-SUITE"}, {"esp": None, "phase2": "ah", "ah": "sha2_256"}),
        {"protocol": "AH", "encapsulation": "TUNNEL", "authentication_bits": 256},
        'ah_present == "yes"',
    ),
)
