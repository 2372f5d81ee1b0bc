"""Decisions as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policydb.attributes import NO_LIMIT
from policydb.records.decision_text import render
from tests.policydb.policies import explained

POLICY = """Authorizer: "POLICY"
Licensees: "peer"
Conditions: app == "ipsec" &&
            (enc == "aes" || enc == "aes-gcm") &&
            @life <= 3600;
"""
GOOD = {"app": "ipsec", "enc": "aes", "life": "60"}


def text(attributes: dict[str, str], *policies: str, who: tuple[str, ...] = ("peer",), colour: bool = False) -> str:
    return render(explained(policies or [POLICY], who, attributes), ("enc", "life", "app"), colour=colour)


def test_a_refusal_shows_line_caret_both_sides_way_and_nearest_change() -> None:
    assert text({**GOOD, "enc": "3des"}) == "\n".join(
        [
            "refused: false, asked by peer",
            "  policy 1:1 POLICY -> peer",
            '    4 |             (enc == "aes" || enc == "aes-gcm") &&',
            "      |              ^^^^^^^^^^^^ is 3des, needed aes",
            "      |                              ^^^^^^^^^^^^^^^^ is 3des, needed aes-gcm",
            "  path: POLICY -x-> peer",
            "  would have been accepted with:",
            "    enc = aes (was 3des)",
            "    enc = aes-gcm (was 3des)",
        ]
    )


def test_the_caret_stands_under_the_atom_of_its_line() -> None:
    lines = text({**GOOD, "life": "9999"}).splitlines()
    at = next(number for number, line in enumerate(lines) if "^" in line)
    assert lines[at - 1][lines[at].index("^") :].startswith("@life <= 3600")
    assert lines[at].endswith("is 9999, needed at most 3600")


def test_a_yes_is_short() -> None:
    assert text(GOOD).splitlines() == [
        "allowed: true, asked by peer",
        "  policy 1:1 POLICY -> peer",
        "  path: POLICY -> peer",
    ]


def test_a_missing_attribute_is_named_with_what_may_have_been_meant() -> None:
    said = text({"app": "ipsec", "enc": "aes"}, POLICY.replace("@life", "@lifes"))
    assert "^ is not set, needed" not in said  # 0 <= 3600 holds
    said = text({"app": "ipsec"}, POLICY.replace("enc", "encc"))
    assert "is not set, needed aes" in said
    assert "  missing: encc was not set; did you mean enc?" in said
    assert "enc = aes (was not set)" not in said
    assert "encc = aes (was not set)" in said


def test_a_name_of_the_vocabulary_gets_no_hint() -> None:
    assert "missing: enc was not set\n" in text({"app": "ipsec"})


def test_nobody_licensed_says_who_is() -> None:
    assert text(GOOD, who=("mallory",)).splitlines() == [
        "refused: false, asked by mallory",
        "  nobody who asked is licensed by any assertion that counts",
        "  POLICY licenses: peer",
        "  would have been accepted with:",
        "    peer asking too",
    ]


def test_a_missing_signer_is_named() -> None:
    said = text({}, 'Authorizer: "POLICY"\nLicensees: 2-of("peer", "x", "y")\n')
    assert "its Licensees are not satisfied by those who asked alone" in said
    assert "    x asking too\n    y asking too" in said


def test_a_runtime_error_is_said() -> None:
    said = text({}, 'Authorizer: "POLICY"\nConditions: 1 / @zero == 1;\n')
    assert "runtime error, so the test is false: division by zero" in said


@pytest.mark.parametrize("test", ["@kbytes <= 5000", "&kbytes <= 5000.0", 'kbytes <= "5000"'])
def test_a_lifetime_without_limit_is_said_to_be_one(test: str) -> None:
    policy = f'Authorizer: "POLICY"\nConditions: {test} -> "true";\n'
    assert "so many nines mean no limit" in text({"kbytes": NO_LIMIT}, policy)
    assert "no limit" not in text({"kbytes": "6000"}, policy)


def test_a_test_that_must_not_hold_is_said_so() -> None:
    said = text({"enc": "null"}, 'Authorizer: "POLICY"\nConditions: !(enc == "null");\n')
    assert "is true (null), and must not be" in said


def test_conditions_without_atoms_are_said() -> None:
    assert "no clause of its Conditions is true" in text({}, 'Authorizer: "POLICY"\nConditions: false;\n')


def test_a_value_between_is_neither_refused_nor_allowed() -> None:
    policy = 'Authorizer: "POLICY"\nConditions: true -> "log"; a == "x" -> "yes";\n'
    said = render(explained([policy], ["p"], {}, ("no", "log", "yes")))
    assert said.startswith("allowed in part: log, asked by p")
    assert 'a == "x"' in said
    assert "would have been accepted with:\n    a = x (was not set)" in said


def test_a_better_value_that_is_not_the_best_is_named() -> None:
    policy = 'Authorizer: "POLICY"\nConditions: a == "x" -> "log";\n'
    assert "would have been worth log with:" in render(explained([policy], ["p"], {}, ("no", "log", "yes")))


def test_no_passphrase_and_no_control_character_gets_out() -> None:
    policy = 'Authorizer: "POLICY"\nLicensees: "passphrase:sesame"\nConditions: enc == "\\033[2J";\n'
    said = text({"enc": "\x1b[1m\n"}, policy, who=("passphrase:sesame",))
    assert "sesame" not in said
    assert "\x1b" not in said


def test_a_long_way_and_a_long_key_are_cut_in_the_middle() -> None:
    chain = [f'Authorizer: "c{n}"\nLicensees: "c{n + 1}"\n' for n in range(20)]
    said = text({}, 'Authorizer: "POLICY"\nLicensees: "c0"\nConditions: false;\n', *chain, who=("c20",))
    assert "path: POLICY -x-> c0 -> c1 -> c2 ... 15 more ... -> c18 -> c19 -> c20" in said
    long = "DN:" + "x" * 500
    assert max(map(len, text(GOOD, who=(long,)).splitlines())) < 120


def test_colour_is_only_there_when_asked_for_and_adds_nothing_else() -> None:
    plain, coloured = text({**GOOD, "enc": "3des"}), text({**GOOD, "enc": "3des"}, colour=True)
    assert "\x1b" not in plain
    assert coloured != plain
    for code in ("31", "32", "33", "1", "2", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_the_generation_and_the_ignored_are_told() -> None:
    decision = explained([POLICY], ["peer"], GOOD)
    assert "generation 41" in render(replace(decision, generation=41))
