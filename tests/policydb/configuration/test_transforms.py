"""Transform, lifetime, protocol and suite sections of isakmpd.conf(5)."""

from __future__ import annotations

import pytest

from grammar.errors import Severity
from policydb.connections import ANY, IkeTransform, Interval, IpsecTransform, Lifetime
from tests.policydb.confs import altered, findings, read, shown, with_lines

_FOUR = ("ENCRYPTION_ALGORITHM", "HASH_ALGORITHM", "AUTHENTICATION_METHOD", "GROUP_DESCRIPTION")
_OWN = "ENCRYPTION_ALGORITHM=AES_CBC\nKEY_LENGTH=256,128:256\nHASH_ALGORITHM=SHA2_384\n"
_OWN += "AUTHENTICATION_METHOD=PRE_SHARED\nGROUP_DESCRIPTION=ECP_384"


def _with_transform(lines: str) -> str:
    return altered(("Transforms=AES-SHA2-256-GRP14", f"Transforms=own\n\n[own]\n{lines}\n"))


def test_a_transform_of_ones_own() -> None:
    (transform,) = read(_with_transform(_OWN)).peers["east"].transforms
    assert transform == IkeTransform("own", "AES_CBC", "SHA2_384", "PRE_SHARED", "ECP_384", Interval(256, 128, 256))


def test_transforms_keep_the_order_of_the_list() -> None:
    text = altered(("Transforms=AES-SHA2-256-GRP14", "Transforms=AES-SHA-GRP14, AES-SHA2-256-GRP15 ,AES-SHA-GRP19"))
    names = [each.name for each in read(text).peers["east"].transforms]
    assert names == ["AES-SHA-GRP14", "AES-SHA2-256-GRP15", "AES-SHA-GRP19"]


def test_a_predefined_transform_is_merged_with_a_section_of_its_name() -> None:
    text = with_lines("[aes-sha2-256-grp14]", "KEY_LENGTH=256,256:256")
    (transform,) = read(text).peers["east"].transforms
    assert transform.key_length == Interval(256, 256, 256)
    assert (transform.encryption, transform.group) == ("AES_CBC", "MODP_2048")


@pytest.mark.parametrize(
    "tag", ["ENCRYPTION_ALGORITHM", "HASH_ALGORITHM", "AUTHENTICATION_METHOD", "GROUP_DESCRIPTION"]
)
def test_a_responder_may_accept_any(tag: str) -> None:
    lines = "\n".join(f"{tag}=ANY" if line.startswith(tag) else line for line in _OWN.split("\n"))
    (transform,) = read(_with_transform(lines)).peers["east"].transforms
    values = (transform.encryption, transform.hash, transform.authentication, transform.group)
    assert values.count(ANY) == 1


@pytest.mark.parametrize(
    "tag", ["ENCRYPTION_ALGORITHM", "HASH_ALGORITHM", "AUTHENTICATION_METHOD", "GROUP_DESCRIPTION"]
)
def test_a_transform_needs_its_four_attributes(tag: str) -> None:
    lines = "\n".join(line for line in _OWN.split("\n") if not line.startswith(tag))
    text = _with_transform(lines)
    (error,) = findings(text)
    assert shown(text, error) == ("CF202", "own")
    assert error.message.startswith(f"{tag} is missing")


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ("LIFE_TYPE=SECONDS\nLIFE_DURATION=60", (Lifetime("SECONDS", Interval(60, 60, 60)),)),
        ("LIFE_TYPE=KILOBYTES\nLIFE_DURATION=9,1:99", (Lifetime("KILOBYTES", Interval(9, 1, 99)),)),
        ("LIFE_TYPE=SECONDS\nLIFE_DURATION=ANY", (Lifetime("SECONDS", None),)),
    ],
)
def test_lifetimes(life: str, expected: tuple[Lifetime, ...]) -> None:
    text = _with_transform(f"{_OWN}\nLife=long\n\n[long]\n{life}")
    assert read(text).peers["east"].transforms[0].lifetimes == expected


def test_life_any_is_any_duration_of_either_type() -> None:
    lifetimes = read(_with_transform(f"{_OWN}\nLife=ANY")).peers["east"].transforms[0].lifetimes
    assert lifetimes == (Lifetime("SECONDS", None), Lifetime("KILOBYTES", None))


_ESP = "[suite]\nProtocols=esp\n\n[esp]\nPROTOCOL_ID=IPSEC_ESP\nTransforms=xf\n\n[xf]\nTRANSFORM_ID=AES\n"
_ESP += "ENCAPSULATION_MODE=TUNNEL\nAUTHENTICATION_ALGORITHM=HMAC_SHA\n"


def _with_suite(lines: str) -> str:
    return altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "Suites=suite")) + "\n" + lines


def test_a_suite_of_ones_own() -> None:
    (suite,) = read(_with_suite(_ESP)).connections["link"].suites
    (transform,) = suite.protocols[0].transforms
    assert transform == IpsecTransform("xf", "AES", "TUNNEL", "HMAC_SHA")


def test_a_suite_may_want_two_protocols_together() -> None:
    ah = "\n[ah]\nPROTOCOL_ID=IPSEC_AH\nTransforms=QM-AH-SHA-XF\nReplayWindow=64\n"
    (suite,) = read(_with_suite(_ESP.replace("Protocols=esp", "Protocols=ah,esp") + ah)).connections["link"].suites
    assert [(each.protocol_id, each.replay_window) for each in suite.protocols] == [("IPSEC_AH", 64), ("IPSEC_ESP", 16)]


@pytest.mark.parametrize("window", ["-1", "0"])
def test_replay_protection_cannot_be_switched_off(window: str) -> None:
    text = _with_suite(_ESP.replace("[esp]\n", f"[esp]\nReplayWindow={window}\n"))
    assert read(text).connections["link"].suites[0].protocols[0].replay_window == 16
    assert "CF107" in [each.code for each in findings(text, Severity.WARNING)]


def test_the_transforms_of_a_suite_agree_on_the_group() -> None:
    text = _with_suite(
        _ESP.replace("Transforms=xf", "Transforms=xf,QM-ESP-AES-SHA-PFS-GRP14-XF,QM-ESP-AES-SHA-PFS-GRP15-XF")
    )
    (error,) = findings(text)
    assert error.code == "CF210"
    assert "MODP_2048, MODP_3072, none" in error.message


@pytest.mark.parametrize(
    ("lines", "code", "caret"),
    [
        (_ESP.replace("TRANSFORM_ID=AES", "TRANSFORM_ID=AES_CBC"), "CF203", "AES_CBC"),
        (_ESP.replace("TUNNEL", "BEET"), "CF203", "BEET"),
        (_ESP.replace("HMAC_SHA", "SHA"), "CF203", "SHA"),
        (_ESP.replace("IPSEC_ESP", "ESP"), "CF203", "ESP"),
        (_ESP + "KEY_LENGTH=100\n", "CF203", "100"),
        (_ESP.replace("=AES", "=3DES") + "KEY_LENGTH=192\n", "CF203", "192"),
        (_ESP + "GROUP_DESCRIPTION=MODP_2049\n", "CF203", "MODP_2049"),
        (_ESP.replace("TRANSFORM_ID=AES", "TRANSFORM_ID=AES_GCM_16"), "CF208", "HMAC_SHA"),
        (_ESP.replace("IPSEC_ESP", "IPSEC_AH").replace("=AES", "=MD5"), "CF208", "HMAC_SHA"),
        (_ESP.replace("Transforms=xf", "Transforms="), "CF207", ""),
        (_ESP.replace("Protocols=esp", "Protocols=eps"), "CF201", "eps"),
        (_ESP.replace("Transforms=xf", "Transforms=xg"), "CF201", "xg"),
        (_ESP + "Life=live\n", "CF201", "live"),
        (_ESP + "Life=life\n\n[life]\nLIFE_TYPE=ANY\nLIFE_DURATION=5\n", "CF203", "ANY"),
        (_ESP + "Life=life\n\n[life]\nLIFE_TYPE=SECONDS\n", "CF202", "life"),
        (_ESP + "Life=life\n\n[life]\nLIFE_TYPE=SECONDS\nLIFE_DURATION=1h\n", "CF206", "1h"),
    ],
)
def test_an_error_of_a_suite_is_shown_where_it_stands(lines: str, code: str, caret: str) -> None:
    text = _with_suite(lines)
    assert (code, caret) in [shown(text, each) for each in findings(text)]
