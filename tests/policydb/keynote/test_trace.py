"""What a traced run tells of each atom."""

from __future__ import annotations

from policydb.decision import Atom
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.programs import Programs
from policydb.keynote.trace import trace
from policydb.request import Request

HEAD = 'Authorizer: "POLICY"\n'


def atoms(conditions: str, attributes: dict[str, str] | None = None, before: str = "") -> tuple[Atom, ...]:
    text = f"{before}{HEAD}Conditions: {conditions}\n"
    assertion = assemble(files=[Text("f", text)]).assertions[-1]
    return trace(Programs(), assertion, Request(("a",), attributes or {}))[1]


def test_only_what_is_evaluated_is_told() -> None:
    assert [each.text for each in atoms('a == "x" && b == "y";')] == ['a == "x"']
    assert [each.text for each in atoms('a == "x" || b == "y";', {"a": "x"})] == ['a == "x"']


def test_places_are_those_of_the_file() -> None:
    (atom,) = atoms('a ==\n   "x";', before='Authorizer: "other"\n\n# comment\n')
    assert (str(atom.place), atom.text, atom.source_line) == ("f:5:13", 'a ==\n   "x"', "Conditions: a ==")


def test_sides_are_told_as_they_came_out() -> None:
    told = atoms('@n + 1 > 5 || &f < 1.5 || a . "x" == $p;', {"n": "3.9", "f": "2", "a": "1", "p": "q", "q": "z"})
    assert [(each.left, each.operator, each.right) for each in told] == [
        ("4", ">", "5"),
        ("2.0", "<", "1.5"),
        ("1x", "==", "z"),
    ]


def test_missing_attributes_belong_to_the_atom_that_read_them() -> None:
    told = atoms('a == b || c == "" && d . d == "x";', {"b": "y"})
    assert [each.missing for each in told] == [("a",), ("c",), ("d",)]


def test_the_attribute_whose_name_is_empty_is_nobodys() -> None:
    assert [each.missing for each in atoms('$p == "x";')] == [("p",)]


def test_a_fault_on_either_side_is_told_where_it_happened() -> None:
    told = atoms('@n / 0 == 1; 7 == 1 / @n; a ~= "("; true;')
    assert [(each.left, each.right, each.result) for each in told[:2]] == [("", "", None), ("7", "", None)]
    assert [bool(each.error) for each in told] == [True, True, True]
    assert (told[2].left, told[2].right) == ("", "(")
