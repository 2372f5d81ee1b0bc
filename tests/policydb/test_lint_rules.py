"""Lints of numbers, patterns, clauses and delegation: what they find and what they leave."""

from __future__ import annotations

import pytest

from grammar.errors import Diagnostic
from grammar.keynote import parse_policy
from policydb.linting.lint import lint_delegation, lint_policy

KEY = "passphrase-sha1-hex:fef341f85d87439e7d91a2d465b9871ef66b5e98"


def findings(text: str, values: tuple[str, ...] = ("false", "true")) -> list[Diagnostic]:
    parsed = parse_policy(text, "p")
    assert not parsed.dropped
    return lint_policy(parsed.assertions, "p", values)


def of_conditions(conditions: str, values: tuple[str, ...] = ("false", "true")) -> list[str]:
    return [each.code for each in findings(f'Authorizer: "POLICY"\nConditions: {conditions}\n', values)]


def of_delegation(*texts: str) -> list[Diagnostic]:
    return lint_delegation([(f"p{n}", parse_policy(text, f"p{n}").assertions) for n, text in enumerate(texts)])


def grant(authorizer: str, *licensees: str, more: str = "") -> str:
    return f'Authorizer: "{authorizer}"\nLicensees: {" || ".join(licensees)}\n{more}\n'


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "test", ['@"5" == 5', '@"-2.5" == 2', '&".5" > 0.1', "@esp_key_length == 5", "&GMTTimeOfDay > 2.0"]
)
def test_texts_that_may_be_numbers_are_left(test: str) -> None:
    assert of_conditions(f'{test} || app_domain == "IPsec policy";') == []


@pytest.mark.parametrize(
    "test", ['@"five" == 5', '@"" == 0', '@"." == 0', '@"1e3" == 1', "@ah_hash_alg == 5", "@pfs == 1"]
)
def test_texts_that_are_no_numbers(test: str) -> None:
    assert of_conditions(f'{test} || app_domain == "IPsec policy";') == ["KN123"]


def test_a_constant_that_is_no_number() -> None:
    text = 'Authorizer: "POLICY"\nLocal-Constants: limit = "many" most = "7"\nConditions: @a < @limit && @b < @most;\n'
    assert [each.code for each in findings(text)] == ["KN123"]


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        ("2147483647", []),
        ("0002147483647", []),
        ("2147483648", ["KN112"]),
        ("-2147483648", []),
        ("-2147483649", ["KN112"]),
        ("9" * 5000, ["KN112"]),
    ],
)
def test_integers_have_32_bits(number: str, codes: list[str]) -> None:
    assert of_conditions(f"@a < {number};") == codes


@pytest.mark.parametrize(
    "test",
    [
        'a == "x" && a == "y"',
        'a > "b" && a < "a"',
        'a >= "b" && b == "z" && a < "b"',
        '"m" < a && "c" > a',
        "@a > 5 && @a < 6",
        "@a >= 5 && @a <= 4",
        "@a == 5 && 6 == @a",
        'c == "z" || (a == "x" && a == "y")',
    ],
)
def test_tests_that_no_value_passes_together(test: str) -> None:
    assert of_conditions(f"{test};") == ["KN113"]


@pytest.mark.parametrize(
    "test",
    [
        'a == "x" && b == "y"',
        'a == "x" || a == "y"',
        'a >= "b" && a <= "b"',
        "@a > 5 && @a < 7",
        'a == "5" && @a == 6',  # two kinds of comparison: not looked at
        'a != "x" && a == "x"',
        '_1 == "x" && _1 == "y"',  # another match may stand between
        'a == "x" && !(a == "y")',
        'a == b && a == "y"',
        'a ~= "x" && a == "y"',
    ],
)
def test_tests_that_some_value_passes_are_left(test: str) -> None:
    assert of_conditions(f"{test};") == []


def test_constants_are_no_attributes_to_contradict() -> None:
    text = 'Authorizer: "POLICY"\nLocal-Constants: a = "x"\nConditions: a == "x" && a == "y";\n'
    assert findings(text) == []


# --- patterns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        (r"^\\d+$", "write [[:digit:]]"),
        (r"\\w", "write [[:alnum:]_]"),
        (r"(a)\\1", 'there are no back-references; behind the match _1 holds the group: _1 == "..."'),
        ("(", ""),
        ("[[.a.]]", ""),
        ("a{1001}", ""),
    ],
)
def test_patterns_that_are_runtime_errors(pattern: str, hint: str) -> None:
    (found,) = findings(f'Authorizer: "POLICY"\nConditions: a ~= "{pattern}";\n')
    assert (found.code, found.hint) == ("KN121", hint)


def test_a_pattern_in_a_constant_is_looked_at() -> None:
    text = 'Authorizer: "POLICY"\nLocal-Constants: digits = "\\\\d"\nConditions: a ~= digits || a ~= other;\n'
    assert [each.code for each in findings(text)] == ["KN121"]


@pytest.mark.parametrize("pattern", [r"\.", r"a\d", r"\$", r"(a)\1", "a\\\n  \\."])
def test_backslashes_that_the_literal_takes_away(pattern: str) -> None:
    assert of_conditions(f'a ~= "{pattern}";') == ["KN122"]


@pytest.mark.parametrize("pattern", [r"\\.", r"\"", r"\n", r"\061", "a\\\n  b", "[.]", "^x$"])
def test_escapes_that_mean_something_are_left(pattern: str) -> None:
    assert of_conditions(f'a ~= "{pattern}";') == []


def test_backslashes_are_read_where_the_assertion_stands_in_its_file() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: "x"\n\n# c\n\nAuthorizer: "x"\nConditions: a ~= "\\.";\n'
    (found,) = findings(text)
    assert (found.code, text[found.span.start : found.span.end]) == ("KN122", '"\\."')


# --- clauses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions",
    [
        'a == "x"; a == "x";',
        'true; a == "x";',
        'a == "x"; a=="x"&&b=="y" -> "high";',
        'a == "x" && b == "y"; c == "z" && (b == "y" && a == "x");',
        'a == "x" -> "low"; a == "x" -> "high";',
        'a == "x" -> { b == "y"; b == "y"; };',
        '!(a == "x" || b == "y"); !(a == "x" || b == "y") && true;',
    ],
)
def test_clauses_that_another_one_shadows(conditions: str) -> None:
    assert of_conditions(conditions, ("no", "low", "high")) == ["KN119"]


@pytest.mark.parametrize(
    "conditions",
    [
        'a == "x" -> "low"; a == "x" && b == "y" -> "high";',
        'a == "x"; a == "y";',
        'a == "x" -> { b == "y"; }; a == "x" -> "low";',
        'a ~= "(x)" && _1 == "x"; a ~= "(y)" && a ~= "(x)" && _1 == "x";',
        '$p == "x"; $p == "x" && q == "y";',
        "a == b -> c; a == b -> d;",
    ],
)
def test_clauses_that_may_count_are_left(conditions: str) -> None:
    assert of_conditions(conditions, ("no", "low", "high")) == []


def test_a_clause_for_the_lowest_value() -> None:
    assert of_conditions('a == "x" -> "no"; true -> "low";', ("no", "low", "high")) == ["KN120"]
    assert of_conditions('a == "x" -> "only";', ("only",)) == []


def test_thousands_of_clauses_are_compared_soon() -> None:
    clauses = " ".join(f'app == "x" && a == "{number}";' for number in range(1500))
    assert of_conditions(clauses) == []


def test_a_clause_that_nests_deeply_is_left() -> None:
    deep = "(" * 200 + 'a == "x"' + ' || b == "y") && c == "z"' * 200
    assert of_conditions(f"{deep}; {deep};") == []


# --- delegation ---------------------------------------------------------------------------------------------------


def test_a_good_chain_over_two_files_has_no_findings() -> None:
    root = grant("POLICY", '"site"', more='Conditions: app_domain == "IPsec policy";\n')
    assert of_delegation(root, grant("site", f'"{KEY}"', '"DN:/CN=x"', '"rsa-hex:3006020103020103"')) == []


def test_names_that_lead_nowhere_matter_in_ipsec_alone() -> None:
    ipsec = 'Conditions: app_domain == "IPsec policy";\n'
    (found,) = of_delegation(grant("POLICY", '"alice"', '"alice"', more=ipsec))
    assert (found.code, found.span.column) == ("KN116", 12)
    assert of_delegation(grant("POLICY", '"alice"')) == []


@pytest.mark.parametrize(
    ("texts", "circle"),
    [
        ([grant("a", '"a"')], '"a" -> "a"'),
        ([grant("a", '"x"', '"b"'), grant("b", '"c"'), grant("c", '"a"')], '"a" -> "b" -> "c" -> "a"'),
        ([grant("POLICY", '"a"'), grant("a", '"POLICY"')], '"POLICY" -> "a" -> "POLICY"'),
    ],
)
def test_circles(texts: list[str], circle: str) -> None:
    found = of_delegation(*texts)
    assert [each.code for each in found] == ["KN117"]
    assert circle in found[0].message


def test_long_circles_are_told_shortly_and_many_not_all() -> None:
    size = 2000
    ring = "".join(grant(f"c{n}", f'"c{(n + 1) % size}"') for n in range(size))
    (found,) = of_delegation(ring)
    assert len(found.message) < 200
    assert len(of_delegation("".join(grant(f"c{n}", f'"c{n}"') for n in range(100)))) == 20


def test_what_no_delegation_reaches() -> None:
    found = of_delegation(grant("POLICY", '"site"'), grant("sites", '"x"'), grant("x", '"y"'))
    assert [(each.source, each.code) for each in found] == [("p1", "KN118"), ("p2", "KN118")]
    assert found[0].hint == 'did you mean "site"?'


def test_credentials_and_files_without_policy_are_not_called_unused() -> None:
    assert of_delegation(grant("site", '"x"')) == []
    signed = 'Authorizer: "elsewhere"\nLicensees: "x"\nSignature: "sig-x"\n'
    assert of_delegation(grant("POLICY", '"site"'), signed) == []


def test_names_that_differ_in_case() -> None:
    found = of_delegation(grant("POLICY", '"Site"'), grant("Site", '"alice"', '"passphrase:A"'), grant("x", '"ALICE"'))
    told = [(each.source, each.code, each.hint) for each in found if each.code == "KN114"]
    assert told == [("p2", "KN114", 'write "alice", if that is meant')]
    (found_policy,) = of_delegation(grant("policy", '"x"'))
    assert found_policy.code == "KN114"
    assert of_delegation(grant("x", '"passphrase:A"', '"passphrase:a"')) == []


def test_a_threshold_counts_names_not_spellings() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: 2-of("binary-hex:00ff", "BINARY-HEX:00FF", "b") || 1-of("b", "b", "b")\n'
    assert [each.code for each in findings(text)] == ["KN115"] * 3


# --- what the manual's words let pass -----------------------------------------------------------------------------

IPSEC = 'app_domain == "IPsec policy"'
LOW, HIGH = 'remote_filter_addr_lower >= "010.001.000.000"', 'remote_filter_addr_upper <= "010.001.255.255"'


@pytest.mark.parametrize(
    ("tests", "codes"),
    [
        ('esp_enc_alg == "aes"', ["KN125"]),
        ('esp_enc_alg != "null"', ["KN125"]),
        ('esp_enc_alg ~= "^aes"', ["KN125"]),
        ('esp_enc_alg == "aes" && esp_auth_alg == "hmac-sha2-256"', []),
        ('(esp_enc_alg == "aes" && esp_auth_alg != "")', []),
        ('esp_present == "yes"', []),
        ('pfs == "yes"', ["KN126"]),
        ('"yes" == pfs', ["KN126"]),
        ('pfs == "yes" && @esp_group_desc >= 14', []),
        ('pfs == "yes" && esp_group_desc == "19"', []),
        ('pfs == "no"', []),
        ('!(pfs == "no") && esp_group_desc == "14"', []),
        (LOW, ["KN127"]),
        (HIGH, ["KN127"]),
        ('"010.001.255.255" >= remote_filter_addr_upper', ["KN127"]),
        (f"{LOW} && {HIGH}", []),
        (f'{HIGH} && remote_filter_addr_lower == "010.001.000.000"', []),
        (f'{HIGH} && remote_filter ~= "^010[.]001[.]"', []),
        ('local_filter_addr_upper <= "010.001.255.255" && remote_filter_addr_lower >= "0"', ["KN127", "KN127"]),
    ],
)
def test_what_is_left_open_is_said(tests: str, codes: list[str]) -> None:
    assert of_conditions(f"{IPSEC} && {tests};") == codes


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        ("010.000.000.000", "223.255.255.255", "IPv6"),  # 2001:0db8:... lies between
        ("000.000.000.000", "255.255.255.255", "IPv6"),
        ("010.000.000.000", "011.255.255.255", "IPv6"),  # 0100:... and 010a:... do
        ("010.000.000.000", "010.255.255.255", ""),
        ("192.168.001.000", "192.168.001.255", ""),
        ("2001:0db8:0000:0000:0000:0000:0000:0000", "2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("2001:0000:0000:0000:0000:0000:0000:0000", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "IPv4"),  # 203. does
        ("fc00:0000:0000:0000:0000:0000:0000:0000", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
    ],
)
def test_a_range_of_texts_that_holds_the_other_family(lower: str, upper: str, told: str) -> None:
    tests = f'{IPSEC} && local_filter_addr_lower >= "{lower}" && local_filter_addr_upper <= "{upper}"'
    warnings = findings(f'Authorizer: "POLICY"\nConditions: {tests};\n')
    assert [warning.code for warning in warnings] == (["KN128"] if told else [])
    assert all(told in warning.message for warning in warnings)
    assert of_conditions(f'{tests} && local_filter_type == "IPv4 subnet";') == []


def test_each_clause_that_grants_is_looked_at_for_itself() -> None:
    good = f'{IPSEC} && esp_enc_alg == "aes" && esp_auth_alg == "hmac-sha2-256"'
    bad = f'{IPSEC} && esp_enc_alg == "3des"'
    assert of_conditions(f'{good} -> "true"; {bad} -> "true";') == ["KN125"]
    assert of_conditions(f'{IPSEC} -> {{ esp_enc_alg == "3des"; }};') == ["KN125"]
    assert [found for found in of_conditions(f'{good} -> "true"; {bad} -> "false";') if found != "KN120"] == []


def test_what_a_delegate_grants_is_left() -> None:
    text = f'Authorizer: "{KEY}"\nLicensees: "a"\nConditions: {IPSEC} && esp_enc_alg == "aes" && pfs == "yes";\n'
    assert findings(text) == []
