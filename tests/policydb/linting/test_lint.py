"""Each mistake of policy authors is found, with its hint, at its place; and what is right is left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grammar.errors import Diagnostic, Severity
from grammar.keynote import parse_policy
from policydb.attributes import VOCABULARY, Kind
from policydb.linting.lint import MEANINGS, lint_policy


def findings(text: str, values: tuple[str, ...] = ("false", "true")) -> list[Diagnostic]:
    parsed = parse_policy(text, "p")
    assert not parsed.dropped
    return lint_policy(parsed.assertions, "p", values)


def in_ipsec(test: str, result: str = "true") -> str:
    return f'Authorizer: "POLICY"\nLicensees: "A"\nConditions: app_domain == "IPsec policy" && {test} -> "{result}";\n'


def one(text: str) -> Diagnostic:
    (found,) = findings(text)
    assert found.severity is Severity.WARNING
    return found


def marked(text: str, found: Diagnostic) -> str:
    return text[found.span.start : found.span.end]


GOOD = """
KeyNote-Version: 2
Comment: what isakmpd.policy(5) advises
Authorizer: "POLICY"
Licensees: "passphrase-sha1-hex:bf1091800d1221f9a35ec087a67e2d6209d6478e" || "DN:/C=SE/CN=gate" || "sub1"
Local-Constants: limit = "3600"
Conditions: app_domain == "IPsec policy" && esp_present == "yes" && esp_enc_alg != "null" && esp_auth_alg != "" &&
    @esp_life_seconds <= @limit && @esp_group_desc >= 14 && esp_group_desc != "5" &&
    remote_filter_addr_lower >= "010.001.000.000" && remote_filter_addr_upper <= "010.001.255.255" &&
    remote_id == "2001:0db8:0000:0000:0000:0000:0000:0001" && GMTTimeOfDay < "20270101000000" &&
    remote_filter ~= "^10\\\\." && esp_life_kbytes == "" -> "true";

Authorizer: "sub1"
Licensees: "rsa-hex:3006020103020103"
"""


def test_a_weak_signature_is_named() -> None:
    text = 'Authorizer: "rsa-hex:3006020103020103"\nLicensees: "A"\nSignature: "{}:00"\n'
    for weak in ("sig-rsa-sha1-hex", "SIG-RSA-MD5-BASE64", "sig-dsa-sha1-hex", "sig-x509-sha1-hex"):
        found = one(text.format(weak))
        assert found.code == "KN110"
        assert marked(text.format(weak), found).startswith(f'"{weak}')
    assert findings(text.format("sig-rsa-sha256-hex")) == []


def test_a_signature_of_somebody_who_has_no_key() -> None:
    found = one('Authorizer: "alice"\nLicensees: "A"\nSignature: "sig-ed25519-hex:00"\n')
    assert found.code == "KN111"


@pytest.mark.parametrize("prefix", ["ecdsa-p256-hex", "ed25519-base64", "ED25519-HEX"])
def test_modern_keys_are_keys(prefix: str) -> None:
    parsed = parse_policy(f'Authorizer: "POLICY"\nLicensees: "{prefix}:00"\n', "p")
    assert [each.code for each in parsed.diagnostics] == ["KN042"]


def test_a_good_policy_has_no_findings() -> None:
    assert findings(GOOD) == []


def test_an_assertion_for_everybody_and_everything() -> None:
    text = 'Authorizer: "POLICY"\n\nAuthorizer: "A"\n'
    found = one(text)
    assert found.code == "KN101"
    assert marked(text, found).startswith('Authorizer: "POLICY"')
    assert "blank line" in found.hint


@pytest.mark.parametrize("field", ['Licensees: "A"', "Licensees:", 'Conditions: a == "b";', "Conditions:"])
def test_one_field_more_is_no_open_door(field: str) -> None:
    assert findings(f'Authorizer: "POLICY"\n{field}\n') == []


@pytest.mark.parametrize("value", ["True", "yes", "", "TRUE"])
def test_a_result_that_is_no_compliance_value(value: str) -> None:
    text = f'Authorizer: "POLICY"\nConditions: a == "b" -> "{value}";\n'
    found = one(text)
    assert (found.code, marked(text, found), found.hint) == ("KN102", f'"{value}"', "the values are false, true")


def test_results_are_measured_by_the_values_given() -> None:
    text = 'Authorizer: "POLICY"\nConditions: a == "b" -> { c == "d" -> "weak"; true -> "true"; };\n'
    assert [each.line for each in (found.span for found in findings(text, ("none", "weak")))] == [2]
    assert marked(text, findings(text, ("none", "weak"))[0]) == '"true"'


def test_a_result_without_quotes_is_an_attribute() -> None:
    found = one('Authorizer: "POLICY"\nConditions: a == "b" -> true;\n')
    assert (found.code, found.hint) == ("KN102", 'write -> "true"')


def test_results_by_name_that_are_right() -> None:
    fields = 'Local-Constants: yes = "true" true = "false"\n'
    results = 'a -> yes; a -> true; a -> _MAX_TRUST; a -> from_outside; a -> "tr" . "ue"'
    assert findings(f'Authorizer: "POLICY"\n{fields}Conditions: {results.replace("a ->", "x == y ->")};\n') == []


def test_a_constant_that_is_no_compliance_value() -> None:
    assert one('Authorizer: "POLICY"\nLocal-Constants: yes = "ja"\nConditions: a == "b" -> yes;\n').code == "KN102"


@pytest.mark.parametrize(
    ("typo", "hint"),
    [("esp_enc_algo", 'did you mean "esp_enc_alg"?'), ("esp_prsent", 'did you mean "esp_present"?'), ("zzz", "")],
)
def test_an_attribute_that_nobody_sets(typo: str, hint: str) -> None:
    text = in_ipsec(f'{typo} == "x"')
    found = one(text)
    assert (found.code, found.hint, marked(text, found)) == ("KN103", hint, typo)


def test_constants_and_reserved_names_are_known() -> None:
    text = in_ipsec('mine == "x" && _VALUES ~= "a" && doi == mine').replace("Cond", 'Local-Constants: mine = "x"\nCond')
    assert findings(text) == []


def test_other_applications_have_other_words() -> None:
    assert findings('Authorizer: "POLICY"\nConditions: app_domain == "mail" && colour >= "10.0.0.1";\n') == []


@pytest.mark.parametrize("name", [each.name for each in VOCABULARY.values() if each.kind is Kind.NUMBER])
@pytest.mark.parametrize("operator", ["<", ">", "<=", ">="])
def test_numbers_compared_as_strings(name: str, operator: str) -> None:
    found = one(in_ipsec(f'{name} {operator} "128"'))
    assert (found.code, found.hint) == ("KN104", f"write @{name} {operator} 128")


@pytest.mark.parametrize(
    ("written", "padded"),
    [
        ("10.0.1.0", "010.000.001.000"),
        ("010.0.1.0", "010.000.001.000"),
        ("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"),
        ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:0db8:0000:0000:0000:0000:0000:0001"),
    ],
)
@pytest.mark.parametrize("name", ["remote_filter_addr_lower", "remote_id", "local_negotiation_address"])
def test_addresses_that_are_not_padded(written: str, padded: str, name: str) -> None:
    found = one(in_ipsec(f'{name} == "{written}"'))
    assert (found.code, found.hint) == ("KN105", f'write "{padded}"')


def test_both_ends_of_a_range_are_padded() -> None:
    found = one(in_ipsec('remote_filter == "10.0.0.0-10.0.0.255"'))
    assert found.hint == 'write "010.000.000.000-010.000.000.255"'


@pytest.mark.parametrize("text", ["moat.bar.com", "", "/C=SE/CN=10.0.0.1-x"])
def test_names_are_no_addresses(text: str) -> None:
    assert findings(in_ipsec(f'remote_id == "{text}"')) == []


@pytest.mark.parametrize(
    ("principal", "hint"),
    [
        (
            "passphrase-md5-hex:227F500ABFE58F5F5D61E7F6053D8D85",
            "write passphrase-md5-hex:227f500abfe58f5f5d61e7f6053d8d85",
        ),
        ("passphrase-sha1-hex:227f500abfe58f5f5d61e7f6053d8d85", ""),
        ("passphrase-sha1-hex:", ""),
    ],
)
def test_a_digest_that_matches_nobody(principal: str, hint: str) -> None:
    text = f'Authorizer: "POLICY"\nLicensees: "A" || 1-of("{principal}", "B")\n'
    found = one(text)
    assert (found.code, found.hint, marked(text, found)) == ("KN106", hint, f'"{principal}"')


def test_users_ask_in_lower_case() -> None:
    assert findings('Authorizer: "POLICY"\nLicensees: "user:bob@example.org"\nConditions: app_domain == "x";\n') == []
    found = one('Authorizer: "POLICY"\nLicensees: "user:Bob"\n')
    assert (found.code, found.hint) == ("KN124", "write user:bob")


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("RSA", ""),
        ("User", 'did you mean "user:"?'),
        ("rsa-hexx", 'did you mean "rsa-hex:"?'),
        ("Passphrase", 'did you mean "passphrase:"?'),
        ("dn", 'did you mean "DN:"?'),
        ("passphrase-sha-hex", 'did you mean "passphrase-sha1-hex:"?'),
    ],
)
def test_an_unknown_kind_of_key(prefix: str, hint: str) -> None:
    found = one(f'Authorizer: "POLICY"\nLicensees: "{prefix}:x"\n')
    assert (found.code, found.hint) == ("KN107", hint)


def test_a_range_without_addresses() -> None:
    lower, upper = 'remote_filter_addr_lower >= "010.002.000.000"', 'remote_filter_addr_upper <= "010.001.255.255"'
    assert one(in_ipsec(f"{lower} && {upper}")).code == "KN108"
    assert one(in_ipsec(f"{upper} && {lower}")).code == "KN108"
    assert findings(in_ipsec(f"({lower} || {upper})")) == []


@pytest.mark.parametrize(
    ("test", "hint"),
    [
        ('esp_enc_alg == "AES"', 'did you mean "aes"?'),
        ('esp_auth_alg != "hmac-sha1"', 'did you mean "hmac-sha"?'),
        ('"YES" == pfs', 'did you mean "yes"?'),
        ('phase_1 == "quick"', "it is one of: main, aggressive"),
    ],
)
def test_a_word_that_the_attribute_never_is(test: str, hint: str) -> None:
    found = one(in_ipsec(f'{test} && esp_auth_alg != ""'))
    assert (found.code, found.hint) == ("KN109", hint)


def test_a_misspelt_application_is_found() -> None:
    found = one('Authorizer: "POLICY"\nConditions: app_domain == "IPSec Policy" && esp_present == "yes";\n')
    assert (found.code, found.hint) == ("KN109", 'did you mean "IPsec policy"?')


def test_findings_come_in_the_order_of_the_text() -> None:
    text = in_ipsec('esp_enc_alg == "AES" && zzz == "1"', "ja") + "\n" + in_ipsec('esp_key_length > "9"')
    assert [each.code for each in findings(text)] == ["KN109", "KN103", "KN102", "KN104"]


def test_the_manual_lists_every_code(project: Path) -> None:
    manual = (project / "docs" / "diagnostics.md").read_text()
    assert [code for code, meaning in MEANINGS.items() if f"| {code} | {meaning} |" not in manual] == []
    said = "".join(path.read_text() for path in (project / "policydb" / "linting").glob("*.py"))
    assert set(re.findall(r'warning\(\s*"(KN\d+)"', said)) == set(MEANINGS)
