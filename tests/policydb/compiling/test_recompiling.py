"""A change that is compiled alone: what is published is what a compile of everything would have published."""

import platform
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from grammar.errors import Severity
from policydb.compiling import recompiling
from policydb.compiling.compilation import Compilation
from policydb.compiling.compiler import compile_paths
from policydb.compiling.ipsec_sources import CompiledIpsec, compile_ipsec
from policydb.compiling.sources import read_sources
from policydb.ipsec.lists import long_list
from policydb.storage import parts
from tests.policydb.compiling.fresh import NOW, check, publish, write
from tests.sizes import sized

SLOW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=sized(10, 120),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few sections have several parts."""
    monkeypatch.setattr(parts, "_SECTIONS", 1)
    monkeypatch.setattr(parts, "_RULES", 1)


def compiled(folder: Path, store: str, files: dict[str, str]) -> Compilation:
    return compile_paths(write(folder, files), folder / store, NOW)


def check_change(first: dict[str, str], then: dict[str, str], *, alone_at_least: bool = False) -> None:
    """Compiled on top of the first files, the second ones come to what they come to alone.

    `alone_at_least`: and only what has changed is looked at.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        begun = publish(folder, "grown.db", first)
        texts = read_sources(write(folder, then))[0]
        alone = recompiling.changes_of(texts, folder / "grown.db", platform.node()) is not None
        assert alone or not alone_at_least
        changed = check(folder, "grown.db", then, begun if begun.compilation.generation else None)
        states = [each.compilation.published for each in (begun, changed)]
        event(f"first published, then published: {states}, changes alone: {alone}")


# --- isakmpd.conf -------------------------------------------------------------------------------------------------

few = st.integers(0, 3)


def seldom(wild: bool, usual: str, *others: str) -> st.SearchStrategy[str]:
    """What is right; in wild pieces now and then something else."""
    return st.sampled_from([usual] * 6 + list(others)) if wild else st.just(usual)


def lines(name: str, **tags: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A section; a tag whose value is empty is left out."""
    names = [each if each.isupper() else each.replace("_", "-") for each in tags]
    return st.tuples(*tags.values()).map(
        lambda values: f"[{name}]\n" + "".join(f"{t}={v}\n" for t, v in zip(names, values, strict=True) if v)
    )


def peer(wild: bool, number: int) -> st.SearchStrategy[str]:
    return lines(
        f"p{number}",
        Phase=seldom(wild, "1", "", "2"),
        Address=st.sampled_from([f"192.0.2.{number}", "192.0.2.1", ""]),
        Configuration=seldom(wild, "main", "AES-SHA", "", "P1"),
        Authentication=st.sampled_from(["k", "other", "", "0x12"]),
        Remote_ID=st.sampled_from(["", "i0", "i1"]),
        Adress=seldom(wild, "", "misspelt"),
    )


def connection(wild: bool, number: int) -> st.SearchStrategy[str]:
    return lines(
        f"c{number}",
        Phase=seldom(wild, "2", ""),
        ISAKMP_peer=few.map("p{}".format),
        Configuration=seldom(wild, "quick", "quick", "main"),
        Local_ID=seldom(wild, "n0", "", "n1"),
        Remote_ID=few.map("n{}".format),
    )


def network(wild: bool, number: int) -> st.SearchStrategy[str]:
    return lines(
        f"n{number}",
        ID_type=seldom(wild, "IPV4_ADDR_SUBNET", "FQDN"),
        Network=st.sampled_from([f"10.{number}.0.0", "10.2.0.0", "10.2.0.0"]),
        Netmask=seldom(wild, "255.255.0.0", "255.0.255.0"),
    )


def main_mode(wild: bool) -> st.SearchStrategy[str]:
    transforms = seldom(wild, "AES-SHA2-256-GRP14", "AES-SHA", "NO", "own")
    return lines("main", EXCHANGE_TYPE=seldom(wild, "ID_PROT", ""), Transforms=transforms)


def quick_mode(wild: bool) -> st.SearchStrategy[str]:
    suites = seldom(wild, "QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "NO", "QM-ESP-3DES-MD5-SUITE")
    return lines("quick", EXCHANGE_TYPE=st.just("QUICK_MODE"), Suites=suites)


OWN = """\
[own]
ENCRYPTION_ALGORITHM=3DES_CBC
HASH_ALGORITHM=MD5
AUTHENTICATION_METHOD=PRE_SHARED
GROUP_DESCRIPTION=MODP_1024
"""
OTHERS = st.sampled_from(
    [
        OWN,
        "[LIFE_MAIN_MODE]\nLIFE_TYPE=SECONDS\nLIFE_DURATION=100,50:200\n",
        "[LIFE_MAIN_MODE]\nLIFE_TYPE=SECONDS\nLIFE_DURATION=100,500:200\n",
        "[AES-SHA]\nKEY_LENGTH=256,256:256\n",
        "[General]\nExchange-max-time=10\n",
        "[General]\nDefault-phase-1-ID=i0\n",
        "[alone]\nName=x\n",
        "# a comment\n",
        "[i0]\nID-type=FQDN\nName=gw\n",
        "[i1]\nID-type=FQDN\nName=\n",
        " [p1]\n Port=500\n",
        "[p2]\nFlags=\\\nikecfg\n",
    ]
)
PHASE_1 = st.lists(st.tuples(st.sampled_from(["192.0.2.0", "192.0.2.1", "192.0.2.2", "Default"]), few), max_size=3).map(
    lambda found: "[Phase 1]\n" + "".join(f"{tag}=p{number}\n" for tag, number in found)
)
PHASE_2 = st.lists(few, max_size=4).flatmap(
    lambda numbers: st.sampled_from(["Connections", "Passive-connections"]).map(
        lambda tag: f"[Phase 2]\n{tag}=" + ",".join(f"c{each}" for each in numbers) + "\n"
    )
)
IDENTITIES = st.just("[i0]\nID-type=FQDN\nName=gw\n[i1]\nID-type=IPV4_ADDR\nAddress=192.0.2.1\n")


def sections(wild: bool) -> list[st.SearchStrategy[str]]:
    """A strategy for each section of a configuration."""
    numbered = [make(wild, number) for make in (peer, connection, network) for number in range(4)]
    return [PHASE_1, PHASE_2, main_mode(wild), quick_mode(wild), IDENTITIES, *numbered]


CONFS = st.tuples(*sections(wild=False)).map(list)
PIECES = st.one_of(*sections(wild=True), OTHERS)


@st.composite
def edits(draw: st.DrawFn, texts: st.SearchStrategy[list[str]], pieces: st.SearchStrategy[str]) -> tuple[str, str]:
    """A file and the same after some edits: pieces changed, put in, taken out or moved."""
    before = draw(texts)
    after = list(before)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(after)))
        match draw(st.sampled_from(["change", "change", "insert", "remove", "move"])):
            case "insert":
                after.insert(place, draw(pieces))
            case "remove" if after:
                del after[place % len(after)]
            case "move" if after:
                after.insert(place, after.pop(draw(st.integers(0, len(after) - 1))))
            case "change" if after:
                after[place % len(after)] = draw(pieces)
    return "".join(before), "".join(after)


@SLOW
@given(edits(CONFS, PIECES))
def test_an_edited_isakmpd_conf_comes_to_what_it_comes_to_alone(texts: tuple[str, str]) -> None:
    before, after = texts
    check_change({"isakmpd.conf": before}, {"isakmpd.conf": after})


# --- ipsec.conf ---------------------------------------------------------------------------------------------------


MEMBERS = st.integers(0, 40).map("10.{}.0.0/16".format)
PLAIN_LISTS = st.lists(MEMBERS, min_size=3, max_size=12, unique=True).map(lambda found: "{ " + ", ".join(found) + " }")
LISTS = st.tuples(
    st.lists(st.one_of(MEMBERS, st.sampled_from(["10.3.3.3", "2001:db8::/32", "any"])), min_size=1, max_size=9),
    st.sampled_from([", ", " ", ",\\\n  ", " \\\n", "  ,"] * 4 + [",, ", "\n"]),
    st.sampled_from(["", " "] * 9 + [",", "$net1"]),
).map(lambda found: "{" + found[1].join(found[0]) + found[2] + "}")
"""Lists of addresses, which are cut, and of other things, which are not."""


@st.composite
def rules(draw: st.DrawFn, *, wild: bool) -> str:
    """One line of an ipsec.conf."""
    kinds = ["ike"] * 6 + ["macro", "comment"] + (["odd"] if wild else [])
    number = draw(few)
    match draw(st.sampled_from(kinds)):
        case "macro":
            return f'net{number} = "10.{draw(few)}.0.0/16"\n'
        case "comment":
            return f"# it's {number}\n"
        case "odd":
            return draw(ODD)
    source = draw(st.sampled_from(["10.9.0.0/16", "10.8.0.0/16", f"{{ 10.7.{number}.0/24, 10.6.{number}.0/24 }}"]))
    if draw(st.integers(0, 3)) == 0:
        source = draw(LISTS if wild else PLAIN_LISTS)
    target = draw(st.sampled_from([f"10.{number}.0.0/16", "10.1.0.0/16", f"10.5.{draw(few)}.1"]))
    peer = draw(st.sampled_from([f"192.0.2.{number}", "192.0.2.1", "192.0.2.2"] * 4 + ["any", "any local 192.0.2.9"]))
    key = draw(st.sampled_from([f'psk "{peer[:9]}"'] * 6 + ["", f'psk "{number}"']))
    mode = draw(st.sampled_from(["", "", "passive "]))
    return f"ike {mode}esp from {source} to {target} peer {peer} {key}\n"


ODD = st.sampled_from(
    [
        "ike esp from 10.0.0.0/8 to $net1 peer 192.0.2.9\n",
        'ike esp from $net2 to 10.0.0.0/8 peer 192.0.2.9 psk "a"\n',
        "ike passive esp from 10.0.0.0/8 to any\n",
        "ike dynamic esp from 10.4.0.0/16 to 10.3.0.0/16 peer 192.0.2.8\n",
        "flow esp from 10.0.0.0/8 to 10.1.0.0/16 peer 192.0.2.1\n",
        "ike esp from 10.4.0.0/16 to 10.2.0.0/16 peer 192.0.2.1 main auth hmac-md5\n",
        "ike esp from 10.4.0.0/16 to 10.2.0.0/16 \\\n peer 192.0.2.7\n",
        'ike esp from 10.4.0.0/16 to 10.2.0.0/16 peer 192.0.2.7 psk "a\nb"\n',
        'key = "a=b"\n',
        "nonsense\n",
        'include "other.conf"\n',
    ]
)
RULES = st.lists(rules(wild=False), min_size=3, max_size=12)


TWICE = 'ike esp from 10.9.0.0/16 to 10.1.0.0/16 peer 192.0.2.1 psk "a"\n' * 2


@SLOW
@given(edits(RULES, rules(wild=True)))
@example(("# one\n" + TWICE, "# other\n" + TWICE))  # a file that is compiled as a whole: its text is new all the same
def test_an_edited_ipsec_conf_comes_to_what_it_comes_to_alone(texts: tuple[str, str]) -> None:
    before, after = texts
    check_change({"ipsec.conf": before}, {"ipsec.conf": after})


@SLOW
@given(edits(RULES, rules(wild=True)), edits(CONFS, PIECES))
def test_both_languages_and_a_policy_beside_each_other(ipsec: tuple[str, str], conf: tuple[str, str]) -> None:
    policy = 'Authorizer: "POLICY"\nLicensees: "%s"\n'
    check_change(
        {"isakmpd.conf": conf[0], "a.policy": policy % "a", "ipsec.conf": ipsec[0]},
        {"isakmpd.conf": conf[1], "a.policy": policy % "b", "ipsec.conf": ipsec[1]},
    )


# --- long lists ---------------------------------------------------------------------------------------------------


@st.composite
def listings(draw: st.DrawFn) -> tuple[list[list[int]], str, str]:
    """The members of some rules with lists, how they are written between them, and the rest of each rule."""
    members = st.lists(st.integers(0, 99), min_size=4, max_size=14, unique=True)
    between = draw(st.sampled_from([", ", " ", ",", " ,\\\n  "]))
    rest = draw(st.sampled_from(["peer 192.0.2.1", "peer 192.0.2.1 local 192.0.2.9", 'peer 192.0.2.1 dstid "b.net"']))
    return draw(st.lists(members, min_size=1, max_size=3)), between, f'{rest} psk "k"  # {{ 1, 2, 3 }}'


def written(lists: list[list[int]], between: str, rest: str, others: str) -> str:
    """One rule for each list, from networks of its own to the list or the other way round, and a rule between them."""
    lines = []
    for number, members in enumerate(lists):
        listed = f"{{ {between.join(f'10.{number}.{each}.0/24' for each in members)} }}"
        ends = (listed, others) if number == 1 else (others, listed)
        lines.append(f"ike esp from {ends[0]} to {ends[1]} {rest}\n")
        lines.append(f'ike esp from 172.31.{number}.0/24 to 10.9.0.0/16 peer 192.0.2.{number + 2} psk "o"\n')
    return "".join(lines)


OTHERS_OF_LISTS = st.sampled_from(["172.16.0.0/12", "{ 172.16.0.0/16 172.17.0.0/16 }"])


@settings(SLOW, max_examples=sized(5, 40))
@given(listings(), OTHERS_OF_LISTS, st.data())
def test_a_long_list_in_which_one_member_has_changed_is_compiled_alone(
    listing: tuple[list[list[int]], str, str], others: str, data: st.DataObject
) -> None:
    lists, between, rest = listing
    before = written(lists, between, rest, others)
    members = data.draw(st.sampled_from(lists))
    place = data.draw(st.integers(1, len(members) - 1))
    match data.draw(st.sampled_from(["insert", "remove", "change"])):
        case "insert":
            members.insert(place, 100)
        case "remove":
            del members[place]
        case "change":
            members[place] = 100
    after = written(lists, between, rest, others)
    check_change({"ipsec.conf": before}, {"ipsec.conf": after}, alone_at_least=True)


@settings(SLOW, max_examples=sized(5, 40))
@given(listings(), OTHERS_OF_LISTS)
def test_a_list_in_pieces_comes_to_what_the_rule_comes_to_as_a_whole(
    listing: tuple[list[list[int]], str, str], others: str
) -> None:
    text = written(*listing, others)
    read = Path("no other file").read_text
    cut = compile_ipsec(text, "ipsec.conf", read, "here")
    with pytest.MonkeyPatch.context() as uncut:
        uncut.setattr(parts, "long_list", lambda *_: None)
        whole = compile_ipsec(text, "ipsec.conf", read, "here")
    assert len(cut.parts["ipsec.conf"]) > len(whole.parts["ipsec.conf"])
    assert said(cut) == said(whole)
    assert sorted(cut.policy.split("\n\n")) == sorted(whole.policy.split("\n\n"))
    assert set(cut.diagnostics) == set(whole.diagnostics)
    assert cut.texts == whole.texts


def said(compiled: CompiledIpsec) -> dict[tuple[str, str], list[str]]:
    """Values by section and tag; of several lists the pieces come in an order of their own."""
    return {(each.section, each.tag): sorted(each.value.split(",")) for each in compiled.bindings["ipsec.conf"]}


def test_where_only_the_pieces_of_a_list_would_be_wrong_it_is_compiled_as_a_whole() -> None:
    members = ", ".join(["2001:db8::/32", *(f"10.{number}.0.0/16" for number in range(9))])
    text = f"ike esp from 172.16.0.0/12 to {{ {members} }} peer 192.0.2.1\n"
    findings = compile_ipsec(text, "ipsec.conf", Path("no other file").read_text, "here").diagnostics
    assert all(each.severity is Severity.WARNING for each in findings)


@pytest.mark.parametrize(
    "line",
    [
        "ike esp from 10.0.0.0/8 to { 10.1.0.0/16, any, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16 }",
        "ike esp from 10.0.0.0/8 to { 10.1.0.0/16,, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16 }",
        "ike esp from 10.0.0.0/8 to { 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16, }",
        "ike esp from 10.0.0.0/8 to { 10.1.0.0 /16, 10.2.0.0 / 16, 10.3.0.0/16, 10.4.0.0/16 }",
        "ike esp from 10.0.0.0/8 to 10.1.0.0/16 # { 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16 }",
        'ike esp from 10.0.0.0/8 to 10.1.0.0/16 psk "{ 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16 }"',
        "flow esp from 10.0.0.0/8 to { 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16 }",
    ],
)
def test_what_may_be_no_list_of_addresses_is_not_cut(line: str) -> None:
    assert long_list(f"{line}\n", 0, 1, 1) is None
