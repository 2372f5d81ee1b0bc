"""The 29 places where the C library (libkeynote 2.3) departs from RFC 2704 and RFC 2792, and what we do.

docs/departures.md is the table. Where the RFC is silent, the test states our choice.
"""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grammar.keynote import parse_policy
from grammar.principal import RsaKey, parse_key
from policydb.commands.batch import answers
from policydb.keynote.numbers import floating
from policydb.request import Request, RequestError
from policydb.storage.snapshot import Snapshot
from tests.policydb.policies import holds, worth
from tests.policydb.signed import ALICE, answer, credential, gathered, name, refusals

ROOT = 'Authorizer: "POLICY"\n'
TO_A = f'{ROOT}Licensees: "A"\n'
MEMBERS = ",".join(['"A"'] * 5_000)
CONSTANTS = " ".join(f'c{number} = ""' for number in range(2_600))
TRUSTS_ALICE = f'{ROOT}Licensees: "{name(ALICE)}"\n'


def codes(text: str) -> list[str]:
    """The codes of what is wrong with a text."""
    return [str(each.code) for each in parse_policy(text, "t").diagnostics]


@pytest.mark.parametrize("junk", ["?", '"open', "'", "`", "\\"])
def test_d01_a_lexical_error_behind_complete_clauses_drops_the_assertion(junk: str) -> None:
    """RFC 2704, 5.3: a syntax error drops the assertion. The C library keeps the program's value and evaluates it
    before Licensees and Signature: an unsigned credential in a trusted key's name authorises anyone."""
    forged = f'Authorizer: "{name(ALICE)}"\nLicensees: "mallory"\nConditions: true; {junk}\n'
    assert answer([TRUSTS_ALICE], ["mallory"], credentials=[forged]) == "false"
    assert answer([f"{TO_A}Conditions: true; {junk}\n"], ["A"]) == "false"
    assert len(refusals([f"{TO_A}Conditions: true; {junk}\n"], [forged])) == 2


def test_d02_every_assertion_of_a_credential_is_verified_by_itself() -> None:
    """RFC 2704, 4.6.7. isakmpd verifies the first assertion of a CERT payload and believes those behind it."""
    good = credential(ALICE, '"bob"')
    forged = f'Authorizer: "{name(ALICE)}"\nLicensees: "mallory"\n'
    for both in (f"{good}\n{forged}", f"{forged}\n{good}"):
        assert answer([TRUSTS_ALICE], ["bob"], credentials=[both]) == "true"
        assert answer([TRUSTS_ALICE], ["mallory"], credentials=[both]) == "false"


@pytest.mark.parametrize("authorizer", ['("POLICY"', '"A" "B"', '"rsa-hex:00"', '"x"\r', "", '"A" && "B"'])
def test_d03_a_bad_authorizer_drops_that_assertion_alone(authorizer: str) -> None:
    """RFC 2704, 5.3. In the C library the whole query fails, also where a stranger's credential is the bad one."""
    bad = f'Authorizer: {authorizer}\nLicensees: "A"\n'
    assert answer([TO_A], ["A"], credentials=[bad]) == "true"
    assert answer([bad, TO_A], ["A"]) == "true"
    assert len(refusals([bad], [bad])) == 2


@pytest.mark.parametrize("size", [16_384, 16_400, 300_000])
def test_d04_a_token_may_be_long(size: int) -> None:
    """RFC 2704 sets no such limit. The C library writes behind its lexer's buffer from about 16,384 octets."""
    text = f'{TO_A}# {"c" * size}\nConditions: a == "{"x" * size}";\n'
    assert answer([text], ["A"], {"a": "x" * size}) == "true"
    assert answer([text], ["A"], {"a": "x" * (size - 1)}) == "false"


@pytest.mark.parametrize("operator", ["/", "%"])
def test_d05_the_least_integer_divided_by_minus_one_is_a_runtime_error(operator: str) -> None:
    """RFC 2704, 4.6.5: the test is false, the others go on. The C library dies of SIGFPE."""
    test = f"(-2147483647 - 1) {operator} -1 == 0"
    assert not holds(test)
    assert not holds(f"!({test})")
    assert worth(f'{test}; true -> "true";') == "true"


def test_d06_a_number_may_be_negative() -> None:
    """RFC 2704, 4.6.5: @ converts a decimal number. The C library reads "-5" as 0. Of "+4", " 5", "1e3" the RFC does
    not speak: they are no numbers, so 0, as in the C library."""
    assert holds('@"-5" == -5 && @"-2.5" == -3 && &"-1.5" < -1.4 && &"-1.5" > -1.6')
    assert holds('@"+4" == 0 && @" 5" == 0 && @"1e3" == 0 && &"1e3" < 0.5 && @"0x1f" == 0')


def test_d07_cycles_have_one_answer_whatever_the_order() -> None:
    """RFC 2704, 5.3: the least fixed point. The C library answers by the order of licensees within a cycle."""
    for one, other in permutations(('"A"', '"B"')):
        ring = [
            f"{ROOT}Licensees: {one} && {other}\n",
            'Authorizer: "A"\nLicensees: "B" || "X"\n',
            'Authorizer: "B"\nLicensees: "A"\n',
        ]
        for texts in permutations(ring):
            assert answer(texts, ["X"]) == "true"
            assert answer(texts, ["Y"]) == "false"


def test_d08_a_block_behind_a_runtime_error_is_not_entered() -> None:
    """RFC 2704, 4.6.5. The C library forgets the error inside the block and yields its value."""
    assert worth('1/0 == 1 -> { true -> "x"; true -> "max"; };', values=("min", "x", "max")) == "min"


def test_d09_true_and_false_are_names_where_no_test_is_needed() -> None:
    """RFC 2704, appendix A reserves no words. In the C library `true == "x"` is a syntax error."""
    assert holds('true == "x" && FALSE == "y"', {"true": "x", "FALSE": "y"})
    assert holds("TRUE && !False")
    assert answer([f'{ROOT}Licensees: true\nLocal-Constants: true = "A"\nConditions: true == "A";\n'], ["A"]) == "true"


def test_d10_an_inner_junction_does_not_end_the_outer_one() -> None:
    """RFC 2704, 4.6.5: what && and || skip is not evaluated. The C library evaluates 1/0 here."""
    assert holds('false && ((a == "" && b == "") || 1/0 == 1) || true')
    assert holds('true || ((a == "x" || b == "x") && 1/0 == 1)')


@pytest.mark.parametrize("field", ['a: "POLICY"', 'Auth: "POLICY"', 'Authorizer : "POLICY"'])
def test_d11_labels_are_whole(field: str) -> None:
    """RFC 2704, 4.1 names the labels. The C library takes any prefix of one; a blank before the colon is an error."""
    assert codes(f'{field}\nLicensees: "A"\n')[0] == "KN007"
    assert answer(['AUTHORIZER: "POLICY"\nlicensees: "A"\n'], ["A"]) == "true"


def test_d12_binary_identifiers_are_principals() -> None:
    """RFC 2792, 2. In the C library they never decode."""
    text = f'{ROOT}Licensees: "binary-hex:00ff"\n'
    assert answer([text], ["binary-hex:00FF"]) == answer([text], ["BINARY-base64:AP8="]) == "true"
    assert answer([text], ["binary-hex:00fe"]) == "false"


def test_d13_comments_in_front_are_not_signed() -> None:
    """RFC 2704, 4.6.7: from the first field on. The C library signs lines of comment in front of it too."""
    signed = credential(ALICE, '"bob"')
    assert answer([TRUSTS_ALICE], ["bob"], credentials=[f"# added later\n{signed}"]) == "true"
    inside = signed.replace("Licensees", "# added later\nLicensees")
    assert answer([TRUSTS_ALICE], ["bob"], credentials=[inside]) == "false"


@pytest.mark.parametrize("junk", ["foo: x\n", 'Licensees: "mallory"\n', "?\n"])
def test_d14_text_behind_the_signature_is_no_part_of_the_assertion(junk: str) -> None:
    """RFC 2704, 4.6.7. It makes the assertion invalid in the C library."""
    assert answer([TRUSTS_ALICE], ["bob"], credentials=[credential(ALICE, '"bob"') + junk]) == "true"
    assert answer([TRUSTS_ALICE], ["mallory"], credentials=[credential(ALICE, '"bob"') + junk]) == "false"


@pytest.mark.parametrize("field", ['Conditions: a == "never";', "Comment: c", "junk", 'Licensees: "b"'])
def test_d14_text_behind_the_signature_of_a_policy_is_an_error(field: str) -> None:
    """RFC 2704, 4.6.7 makes it no part of the assertion: Conditions there would hold nobody back."""
    text = f'{ROOT}Signature: "sig-ed25519-hex:00"\n{field}\n'
    assert codes(text) == ["KN015"]


@pytest.mark.parametrize("conditions", ["true; }", "true; } junk", "true -> { true; }; };"])
def test_d15_an_unmatched_brace_is_a_syntax_error(conditions: str) -> None:
    """RFC 2704, 5.3. The C library stops there and keeps what it has read."""
    assert worth_or_dropped(conditions) == "KN024"


def worth_or_dropped(conditions: str) -> str:
    found = codes(f"{TO_A}Conditions: {conditions}\n")
    return found[0] if found else worth(conditions)


def test_d16_junk_behind_a_field_drops_the_assertion() -> None:
    """RFC 2704, 5.3. The C library uses an assertion with `Authorizer: "POLICY" ?`, and is silent about Licensees."""
    assert answer(['Authorizer: "POLICY" ?\nLicensees: "A"\n'], ["A"]) == "false"
    assert answer([f'{ROOT}Licensees: "A" ?\n'], ["A"]) == "false"
    assert len(refusals(['Authorizer: "POLICY" ?\nLicensees: "A"\n', f'{ROOT}Licensees: "A" ?\n'])) == 2


def test_d17_a_requester_called_policy_has_the_greatest_value() -> None:
    """RFC 2704, 5.3: a requester is worth _MAX_TRUST, and the answer is POLICY's value. No effect in the C library."""
    assert answer([], ["POLICY"]) == "true"
    assert answer(['Authorizer: "A"\nLicensees: "POLICY"\n', f'{ROOT}Licensees: "A"\n'], ["X"]) == "false"


def test_d18_groups_of_a_match_live_to_the_end_of_their_clause() -> None:
    """RFC 2704, 4.6.5 leaves it open. Ours: every subclause of a block sees them, a group that took no part is empty
    and the later ones stay, _0 is the number of groups in the pattern, and there is no limit. The C library wipes them
    after each subclause, loses the groups behind an empty one and has 31."""
    assert worth('"ab" ~= "(a)(b)" -> { false; _2 == "b" -> "true"; };') == "true"
    assert holds('"b" ~= "(a)|(b)" && _0 == "2" && _1 == "" && _2 == "b"')
    assert holds(f'"{"a" * 40}" ~= "{"(a)" * 40}" && _40 == "a"')
    assert not holds('_0 == "1"')
    assert worth('"a" ~= "(a)" && false; _1 == "a" -> "true";') == "false"


def test_d19_an_integer_that_does_not_fit_is_a_runtime_error() -> None:
    """RFC 2704, 4.6.5 gives integers 32 bits and is silent about more. In the C library they wrap around: an SA of 2^31
    seconds passes `@esp_life_seconds <= 3600`. Here the whole test is false, and lint says KN112 of a literal."""
    for number in ("2147483648", "4294967297", "2147483647 + 1", "65536 * 65536", '@"3000000000"', '@"-3000000000"'):
        for test in (f"{number} <= 3600", f"!({number} > 3600)", f"{number} == 0", f"{number} != 0"):
            assert not holds(test)
    assert holds("2 ^ -1 == 0 && -2147483648 == -2147483647 - 1")


def test_d20_floats_are_double_and_what_is_undefined_is_a_runtime_error() -> None:
    """RFC 2704, 4.6.5 says single precision. Ours is double, as in the C library: more places hurt nobody. What is
    infinite or undefined in C is a runtime error here: there its comparisons are false, so their negations hold."""
    assert holds("16777217.0 > 16777216.0")
    assert floating("0.1") != floating("0.10000001")
    for number in ("(-1.0 ^ 0.5)", "(10.0 ^ 400.0)", "(1.0 / 0.0)", f'&"{"9" * 400}"', f"{'9' * 400}.0"):
        assert not holds(f"{number} < 1.0")
        assert not holds(f"{number} >= 1.0")
        assert not holds(f"!({number} < 1.0)")
        assert not holds(f"!({number} >= 1.0)")


def test_d21_a_key_that_cannot_be_decoded_drops_the_assertion() -> None:
    """RFC 2704, 5.3. The C library gives the whole field the least value, also of `"rsa-hex:00" || "x"`: so do we,
    and say so."""
    text = f'{ROOT}Licensees: "rsa-hex:00" || "x"\n'
    assert answer([text], ["x"]) == "false"
    assert codes(text) == ["KN042"]


@pytest.mark.parametrize(
    "field",
    [
        f"Licensees: 1-of({MEMBERS})",
        f"Conditions: {'true;' * 3_400}",
        f"Local-Constants: {CONSTANTS}",
        f'Conditions: {"(" * 10_000}a == ""{")" * 10_000};',
        f'Licensees: {"(" * 10_000}"A"{")" * 10_000}',
    ],
    ids=["members", "clauses", "constants", "parentheses", "licensees"],
)
def test_d22_there_is_no_parser_stack_to_overrun(field: str) -> None:
    """RFC 2704 sets no limits. The C library silently gives up at 10,000 symbols."""
    head = TO_A if not field.startswith("Licensees") else ROOT
    assert answer([f"{head}{field}\n"], ["A"]) == "true"


def test_d22_blocks_beyond_the_limit_are_refused_by_name() -> None:
    """Our own limit is one on depth, 500 levels, and it is said."""
    assert worth("true -> {" * 400 + "true;" + "};" * 400) == "true"
    assert worth_or_dropped("true -> {" * 3_400 + "true;" + "};" * 3_400) == "KN014"


def test_d23_a_text_of_two_assertions_is_read_whole_or_refused() -> None:
    """RFC 2704, 4.1: one assertion. The C library reads the first and says nothing. A line of blanks separates
    nothing, as in the C library; the hint says so."""
    both = f'{TO_A}\n{ROOT}Licensees: "B"\n'
    assert answer([both], ["A"]) == answer([both], ["B"]) == "false"
    assert "second assertion" in refusals([both])[0]
    assert [each.authorizer for each in gathered(files=[both]).assertions] == ["POLICY"] * 2
    (found,) = parse_policy(f"{TO_A}  \n{ROOT}", "t").diagnostics
    assert (found.code, "line of blanks" in found.hint) == ("KN008", True)


def test_d24_an_unsigned_policy_assertion_of_a_stranger_is_ignored_and_named() -> None:
    """RFC 2704, 4.6.7. The C library ignores it and lists it nowhere."""
    assert answer([], ["A"], credentials=[TO_A]) == "false"
    assert refusals(credentials=[TO_A]) == ["only local policy may speak for POLICY"]


def test_d25_carriage_returns_are_reported() -> None:
    """RFC 2704, 4.1: no white space of KeyNote. The C library uses the Authorizer and silently drops Licensees."""
    text = TO_A.replace("\n", "\r\n")
    assert answer([text], ["A"]) == "false"
    assert codes(text) == ["KN005"]


def test_d26_names_of_action_attributes_are_checked() -> None:
    """RFC 2704, 4.2.1. The C library accepts "1bad". A reserved name may be set and is never read; of two with one
    name the last counts."""
    for bad in ("1bad", "a-b", "", "\xe9"):
        with pytest.raises(RequestError):
            Request(("A",), {bad: "x"})
    assert not holds('_x == "y" || _MAX_TRUST == "y"', {"_x": "y", "_MAX_TRUST": "y"})
    line = b'{"policies": ["Authorizer: \\"POLICY\\"\\nConditions: a == \\"2\\";\\n"], "authorizers": ["A"], '
    line += b'"attributes": [["a", "1"], ["a", "2"]]}'
    assert [each["value"] for each in answers([line], no_store)] == ["true"]


def no_store() -> Snapshot:
    raise AssertionError("the query brings its policy along")


def test_d27_of_equal_compliance_values_the_first_counts() -> None:
    """RFC 2704 is silent. For `->` the first place counts, as in the C library; the last value is _MAX_TRUST."""
    values = ("min", "x", "y", "x")
    assert worth('true -> "x"; true -> "y";', values=values) == "y"
    assert worth('true -> "x"; _MAX_TRUST == "x" -> "x";', values=values) == "x"


def test_d28_the_version_is_two() -> None:
    """RFC 2704, 4.6.1: the string or the integer 2. "02" and "2.0" are not it, as in the C library; a comment in front,
    which the C library refuses, is no field."""
    for version in ("2", '"2"'):
        assert answer([f"KeyNote-Version: {version}\n{TO_A}"], ["A"]) == "true"
        assert answer([f"# comment\nKeyNote-Version: {version}\n{TO_A}"], ["A"]) == "true"
    for version in ("02", "2.0", '"2.0"', "3", '"02"'):
        assert codes(f"KeyNote-Version: {version}\n{TO_A}") == ["KN011"]


def test_d29_key_order_and_the_spelling_of_thresholds() -> None:
    """RFC 2792, 2 says (exponent, modulus); all real keys are PKCS #1 RSAPublicKey, (modulus, exponent), and so are
    ours. RFC 2704, 4.6.4: K from 1, no blank before -of, principals alone as members, lower case; the C library also
    takes 2-OF."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = key.public_key().public_numbers()
    encoded = key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    assert parse_key(f"rsa-hex:{encoded.hex()}") == RsaKey(numbers.n, numbers.e)
    policy = f'{ROOT}Licensees: "rsa-hex:{encoded.hex()}"\n'
    assert answer([policy], ["A"], credentials=[credential(key, '"A"', "sig-rsa-sha256-hex")]) == "true"
    for threshold in ('0-of("A")', '1 -of("A")', '1-of("A" && "B")', '1-OF("A")', '01-of("A")'):
        assert answer([f"{ROOT}Licensees: {threshold}\n"], ["A"]) == "false"
        assert len(refusals([f"{ROOT}Licensees: {threshold}\n"])) == 1


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_manual_lists_every_departure_and_its_test(project: Path) -> None:
    manual = (project / "docs" / "departures.md").read_text()
    rows = re.findall(r"^\| D(\d+) \|.*\| `(test_d(\d\d)_\w+)` \|$", manual, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 30))
    assert [test for number, test, named in rows if test not in globals() or int(number) != int(named)] == []
