"""strongSwan's scenarios of algorithms under their own names (testing/tests/ikev1-algs of its sources)."""

from __future__ import annotations

from tests.interop.pair import algorithms
from tests.interop.scenario import Begins, Refusal, Scenario, Tunnel
from tests.interop.settings import Settings
from tests.interop.strongswan_rows import AES128_SAS, PEER, esp


def algorithm(name: str, settings: Settings, sas: dict[str, object], *, kernel: bool = False) -> Scenario:
    """A row of ikev1-algs: one set of algorithms, and the SAs that come of it."""
    suite = str(settings.ours["phase-2:Suites"]).removeprefix("QM-").removesuffix("-SUITE")
    about = f"IKE {settings.ours['phase-1:Transforms']}, {suite}"
    return Scenario(PEER, name, about, settings, holds=(Tunnel(sas),), kernel=kernel)


ROWS = (
    algorithm(
        "alg-3des-md5",
        algorithms("3des-md5-modp1024", "3des-md5", "3DES-MD5-GRP2", "QM-ESP-3DES-MD5-SUITE"),
        esp("3DES", 192, "HMAC_MD5"),
    ),
    algorithm(
        "alg-sha256",
        algorithms(
            "aes128-sha256-modp3072", "aes128-sha256", "AES-128-SHA2-256-GRP15", "QM-ESP-AES-128-SHA2-256-SUITE"
        ),
        AES128_SAS,
    ),
    algorithm(
        "alg-sha384",
        algorithms(
            "aes192-sha384-modp3072",
            "aes192-sha384-modp1536",
            "AES-192-SHA2-384-GRP15",
            "QM-ESP-AES-192-SHA2-384-PFS-GRP5-SUITE",
        ),
        esp("AES", 192, "HMAC_SHA2_384"),
    ),
    algorithm(
        "alg-sha512",
        algorithms(
            "aes256-sha512-modp4096", "aes256-sha512", "AES-256-SHA2-512-GRP16", "QM-ESP-AES-256-SHA2-512-SUITE"
        ),
        esp("AES", 256, "HMAC_SHA2_512"),
    ),
    algorithm(
        "alg-ecp-low",
        algorithms(
            "aes128-sha256-ecp256",
            "aes128-sha256-ecp256",
            "AES-128-SHA2-256-GRP19",
            "QM-ESP-AES-128-SHA2-256-PFS-GRP19-SUITE",
        ),
        AES128_SAS,
    ),
    algorithm(
        "alg-ecp-high",
        algorithms(
            "aes256-sha512-ecp521",
            "aes256-sha512-ecp384",
            "AES-256-SHA2-512-GRP21",
            "QM-ESP-AES-256-SHA2-512-PFS-GRP20-SUITE",
        ),
        esp("AES", 256, "HMAC_SHA2_512"),
    ),
    algorithm(
        "esp-alg-aes-gcm",
        algorithms(
            "aes256-sha512-modp2048",
            "aes256gcm128-modp2048",
            "AES-256-SHA2-512-GRP14",
            "QM-ESP-AESGCM-256-PFS-GRP14-SUITE",
        ),
        esp("AES_GCM_16", 256 + 32, ""),
    ),
    algorithm(
        "esp-alg-aes-ctr",
        algorithms(
            "aes256-sha512-modp2048", "aes256ctr-sha256", "AES-256-SHA2-512-GRP14", "QM-ESP-AESCTR-256-SHA2-256-SUITE"
        ),
        esp("AES_CTR", 256 + 32, "HMAC_SHA2_256"),
    ),
    algorithm(
        "esp-alg-aes-gmac",
        algorithms("aes128-sha256-modp2048", "aes128gmac", "AES-128-SHA2-256-GRP14", "QM-ESP-AESGMAC-128-SUITE"),
        esp("AES_GMAC", 128 + 32, ""),
        kernel=True,
    ),
    algorithm(
        "esp-alg-null",
        algorithms("aes128-sha256-modp2048", "null-sha1", "AES-128-SHA2-256-GRP14", "QM-ESP-NULL-SHA-SUITE"),
        esp("NULL", 0, "HMAC_SHA"),
        kernel=True,
    ),
    Scenario(
        PEER,
        "alg-modp-subgroup",
        "groups 22 to 24 are refused",
        algorithms(
            "aes128-sha256-modp2048s256,aes128-sha256-modp2048s224,aes128-sha256-modp1024s160",
            "aes128-sha256",
            "AES-128-SHA2-256-GRP14",
            "QM-ESP-AES-128-SHA2-256-SUITE",
        ),
        begins=(Begins.THEIRS,),
        holds=Refusal({Begins.THEIRS: ("no-transform-matched", "received NO_PROPOSAL_CHOSEN")}),
    ),
)
