"""Predefined names against the scheme of isakmpd.conf(5): how many, what they stand for, what is none of them."""

from __future__ import annotations

import re

import pytest

from policydb.configuration.predefined import built_in_sections, main_mode_names, predefined_section, suite_names


def test_there_are_1890_main_mode_transforms_and_each_resolves() -> None:
    names = list(main_mode_names())
    assert len(names) == len(set(names)) == 1890
    assert all(predefined_section(name) for name in names)


def test_there_are_3648_quick_mode_suites_of_three_sections_each() -> None:
    names = list(suite_names())
    assert len(names) == len(set(names)) == 3648
    for name in names:
        ((tag, protocol),) = predefined_section(name)
        assert (tag, protocol) == ("Protocols", name.removesuffix("-SUITE"))
        inner = dict(predefined_section(protocol))
        assert predefined_section(inner["Transforms"])
        assert inner["Transforms"] == f"{protocol}-XF"


def _every_section() -> list[str]:
    suites = list(suite_names())
    protocols = [name.removesuffix("-SUITE") for name in suites]
    return [*main_mode_names(), *suites, *protocols, *(f"{name}-XF" for name in protocols)]


def test_the_whole_scheme_has_12834_sections_and_the_bindings_of_the_original_plus_the_groups_it_forgets() -> None:
    sections = _every_section()
    assert len(sections) == 12834
    # 18 ciphers can come without a hash, in two modes, with 18 ways to ask for PFS: the original loses those groups.
    assert sum(len(predefined_section(name)) for name in sections) == 40816 + 18 * 2 * 18


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "3DES-SHA",
            (
                "ENCRYPTION_ALGORITHM=3DES_CBC HASH_ALGORITHM=SHA AUTHENTICATION_METHOD=PRE_SHARED "
                "GROUP_DESCRIPTION=MODP_1024 Life=LIFE_MAIN_MODE"
            ),
        ),
        (
            "BLF-MD5-GRP5-DSS",
            (
                "ENCRYPTION_ALGORITHM=BLOWFISH_CBC KEY_LENGTH=128,96:192 HASH_ALGORITHM=MD5 AUTHENTICATION_METHOD=DSS "
                "GROUP_DESCRIPTION=MODP_1536 Life=LIFE_MAIN_MODE"
            ),
        ),
        (
            "AES-SHA2-256-GRP14-RSA_SIG",
            (
                "ENCRYPTION_ALGORITHM=AES_CBC KEY_LENGTH=128,128:256 HASH_ALGORITHM=SHA2_256 "
                "AUTHENTICATION_METHOD=RSA_SIG GROUP_DESCRIPTION=MODP_2048 Life=LIFE_MAIN_MODE"
            ),
        ),
        (
            "AES-256-SHA2-512-GRP21",
            (
                "ENCRYPTION_ALGORITHM=AES_CBC KEY_LENGTH=256,256:256 HASH_ALGORITHM=SHA2_512 "
                "AUTHENTICATION_METHOD=PRE_SHARED GROUP_DESCRIPTION=ECP_521 Life=LIFE_MAIN_MODE"
            ),
        ),
        ("QM-ESP-3DES-SHA-PFS-SUITE", "Protocols=QM-ESP-3DES-SHA-PFS"),
        ("QM-ESP-3DES-SHA-PFS", "PROTOCOL_ID=IPSEC_ESP Transforms=QM-ESP-3DES-SHA-PFS-XF"),
        (
            "QM-ESP-3DES-SHA-PFS-XF",
            (
                "TRANSFORM_ID=3DES ENCAPSULATION_MODE=TUNNEL AUTHENTICATION_ALGORITHM=HMAC_SHA "
                "GROUP_DESCRIPTION=MODP_1024 Life=LIFE_QUICK_MODE"
            ),
        ),
        (
            "QM-ESP-TRP-AES-128-SHA2-256-PFS-GRP14-XF",
            (
                "TRANSFORM_ID=AES KEY_LENGTH=128,128:128 ENCAPSULATION_MODE=TRANSPORT "
                "AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 GROUP_DESCRIPTION=MODP_2048 Life=LIFE_QUICK_MODE"
            ),
        ),
        ("QM-ESP-AESCTR-XF", "TRANSFORM_ID=AES_CTR ENCAPSULATION_MODE=TUNNEL Life=LIFE_QUICK_MODE"),
        (
            "QM-ESP-AESGMAC-192-XF",
            "TRANSFORM_ID=AES_GMAC KEY_LENGTH=192,192:192 ENCAPSULATION_MODE=TUNNEL Life=LIFE_QUICK_MODE",
        ),
        ("QM-AH-RIPEMD", "PROTOCOL_ID=IPSEC_AH Transforms=QM-AH-RIPEMD-XF"),
        (
            "QM-AH-TRP-SHA2-384-XF",
            (
                "TRANSFORM_ID=SHA2_384 ENCAPSULATION_MODE=TRANSPORT AUTHENTICATION_ALGORITHM=HMAC_SHA2_384 "
                "Life=LIFE_QUICK_MODE"
            ),
        ),
    ],
)
def test_a_name_stands_for_the_bindings_of_the_manual(name: str, expected: str) -> None:
    assert " ".join(f"{tag}={value}" for tag, value in predefined_section(name)) == expected


@pytest.mark.parametrize("name", ["QM-ESP-AESGCM-128-PFS-XF", "QM-ESP-NULL-PFS-XF", "QM-ESP-TRP-AES-256-PFS-XF"])
def test_perfect_forward_secrecy_is_kept_where_a_suite_has_no_hash(name: str) -> None:
    assert dict(predefined_section(name))["GROUP_DESCRIPTION"] == "MODP_1024"


@pytest.mark.parametrize(
    "name",
    [
        "DES-SHA",
        "3DES",
        "3DES-SHA-GRP3",
        "3DES-SHA-RSA_SIG-GRP2",
        "3DES-RIPEMD",
        "QM-ESP-SUITE",
        "QM-ESP-DES-MD5-SUITE",
        "QM-ESP-AESGCM-SUITE",
        "QM-ESP-AESGCM-128-SHA-SUITE",
        "QM-AH-SUITE",
        "QM-AH-AES-SHA-SUITE",
        "QM-ESP-3DES-SHA-GRP2-SUITE",
        "QM-ESP-3DES-SHA-SUITE-XF",
        "3DES-SHA\n",
        "",
    ],
)
def test_what_the_scheme_does_not_know_is_no_section(name: str) -> None:
    assert predefined_section(name) == ()


def test_section_names_are_found_in_any_case() -> None:
    assert predefined_section("3des-sha-grp2") == predefined_section("3DES-SHA-GRP2") != ()
    assert predefined_section("qm-esp-aes-sha-xf") == predefined_section("QM-ESP-AES-SHA-XF") != ()


def test_a_group_in_the_name_is_the_group_of_the_section() -> None:
    """The IANA numbers behind the names (RFC 2409, 3526, 5114, 5903, 6932)."""
    numbers = {"MODP_768": 1, "MODP_1024": 2, "MODP_1536": 5, "MODP_2048": 14, "MODP_3072": 15, "MODP_4096": 16}
    numbers |= {"MODP_6144": 17, "MODP_8192": 18, "ECP_256": 19, "ECP_384": 20, "ECP_521": 21, "ECP_192": 25}
    numbers |= {"ECP_224": 26, "BP_224": 27, "BP_256": 28, "BP_384": 29, "BP_512": 30}
    seen = set()
    for name in main_mode_names():
        group = re.search(r"GRP(\d+)", name)
        expected = int(group[1]) if group else 2
        assert numbers[dict(predefined_section(name))["GROUP_DESCRIPTION"]] == expected
        seen.add(expected)
    assert len(seen) == 17


def test_built_in_sections_have_the_defaults_of_the_manual() -> None:
    sections = built_in_sections({})
    assert sections["default-phase-1"] == {"phase": "1", "configuration": "Default-phase-1-configuration"}
    assert sections["default-phase-1-configuration"] == {"exchange_type": "ID_PROT", "transforms": "3DES-SHA-RSA_SIG"}
    assert sections["life_main_mode"] == {"life_type": "SECONDS", "life_duration": "3600,60:86400"}
    assert sections["life_quick_mode"] == {"life_type": "SECONDS", "life_duration": "1200,60:86400"}
    assert sections["phase 1"] == {"default": "Default-phase-1"}


def test_general_tags_change_the_built_in_sections() -> None:
    sections = built_in_sections(
        {
            "default-phase-1-id": "my-id",
            "default-phase-1-lifetime": "60,30:90",
            "default-phase-2-lifetime": "70",
        }
    )
    assert sections["default-phase-1"]["id"] == "my-id"
    assert sections["life_main_mode"]["life_duration"] == "60,30:90"
    assert sections["life_quick_mode"]["life_duration"] == "70"
