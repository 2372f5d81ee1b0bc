"""Files in all three languages, and random edits of them: what somebody does to a configuration over months."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Pieces = list[str]
"""A file as its pieces: sections, rules, assertions."""

INCLUDED = "rules.inc"
"""The file that an ipsec.conf may include. It is not named to the compiler."""

GROUPS = ("MODP_2048", "MODP_3072", "ECP_256")
TRANSFORMS = ("AES-SHA2-256-GRP14", "AES-SHA", "AES-256-SHA2-256-GRP19", "own", "own2")
SUITES = ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-3DES-SHA-PFS-SUITE", "suite")


def few(random: Random) -> int:
    """A number of a section; there are few, so that sections meet."""
    return random.randrange(5)


# --- isakmpd.conf -------------------------------------------------------------------------------------------------


def section(name: str, **tags: str) -> str:
    """A section; a tag whose value is empty is left out."""
    named = {tag if tag.isupper() else tag.replace("_", "-"): value for tag, value in tags.items()}
    return f"[{name}]\n" + "".join(f"{tag}={value}\n" for tag, value in named.items() if value)


def peer(random: Random) -> str:
    number = few(random)
    return section(
        f"p{number}",
        Phase="1",
        Address=random.choice([f"192.0.2.{number}", f"192.0.2.{number}", "192.0.2.1", "2001:DB8::1", ""]),
        Configuration=random.choice(["main", "main", "main2", ""]),
        Authentication=random.choice(["k", "other", "", "0x12"]),
        ID=random.choice(["", "", "i0"]),
        Remote_ID=random.choice(["", "i0", "i1", f"a{number}"]),
        Flags=random.choice(["", "", "ikecfg"]),
        Adress=random.choice([""] * 5 + ["misspelt"]),
    )


def connection(random: Random) -> str:
    number = few(random)
    both = random.random() < 0.85
    return section(
        f"c{number}",
        Phase="2",
        ISAKMP_peer=f"p{few(random)}",
        Configuration=random.choice(["quick", "quick", "quick2"]),
        Local_ID="n0" if both else "",
        Remote_ID=f"n{few(random)}" if both else "",
        Flags=random.choice(["", "", "Active-only"]),
    )


def network(random: Random) -> str:
    number = few(random)
    return section(
        f"n{number}",
        ID_type="IPV4_ADDR_SUBNET",
        Network=random.choice([f"10.{number}.0.0", f"10.{few(random)}.0.0"]),
        Netmask="255.255.0.0",
        Protocol=random.choice(["", "", "", "tcp"]),
    )


def phase_1(random: Random) -> str:
    tags = ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "Default", "2001:db8::1"]
    chosen = random.sample(tags, random.randrange(5))
    return "[Phase 1]\n" + "".join(f"{tag}=p{few(random)}\n" for tag in chosen)


def phase_2(random: Random) -> str:
    tags = random.choice([["Connections"], ["Passive-connections"], ["Connections", "Passive-connections"]])
    members = [",".join(f"c{few(random)}" for _ in range(random.randrange(1, 5))) for _ in tags]
    return "[Phase 2]\n" + "".join(f"{tag}={names}\n" for tag, names in zip(tags, members, strict=True))


def main_mode(random: Random) -> str:
    transforms = ",".join(random.sample(TRANSFORMS, random.randrange(1, 3)))
    return section(random.choice(["main", "main", "main2"]), EXCHANGE_TYPE="ID_PROT", Transforms=transforms)


def quick_mode(random: Random) -> str:
    return section(
        random.choice(["quick", "quick", "quick2"]), EXCHANGE_TYPE="QUICK_MODE", Suites=random.choice(SUITES)
    )


def ike_transform(random: Random) -> str:
    return section(
        random.choice(["own", "own2", "AES-SHA"]),
        ENCRYPTION_ALGORITHM="AES_CBC",
        KEY_LENGTH=random.choice(["128", "256", "128,128:256"]),
        HASH_ALGORITHM="SHA2_256",
        AUTHENTICATION_METHOD="PRE_SHARED",
        GROUP_DESCRIPTION=random.choice(GROUPS),
        Life=random.choice(["LIFE_MAIN_MODE", "life", "life", "ANY"]),
    )


def suite(random: Random) -> str:
    transform = section(
        "xf",
        TRANSFORM_ID="AES",
        KEY_LENGTH=random.choice(["128", "256"]),
        ENCAPSULATION_MODE="TUNNEL",
        AUTHENTICATION_ALGORITHM="HMAC_SHA2_256",
        GROUP_DESCRIPTION=random.choice(GROUPS),
        Life=random.choice(["LIFE_QUICK_MODE", "life"]),
    )
    protocol = section("proto", PROTOCOL_ID="IPSEC_ESP", Transforms="xf", ReplayWindow=random.choice(["", "32"]))
    return section("suite", Protocols="proto") + protocol + transform


def lifetime(random: Random) -> str:
    name = random.choice(["life", "LIFE_MAIN_MODE", "life_quick_mode"])
    offer = random.choice([600, 1200, 3600])
    return section(name, LIFE_TYPE="SECONDS", LIFE_DURATION=f"{offer},60:{offer * 2}")


def general(random: Random) -> str:
    tags = {
        "Exchange-max-time": str(random.choice([60, 90])),
        "Default-phase-1-ID": "i0",
        "Default-phase-1-lifetime": "1800,60:86400",
        "Default-phase-2-suites": random.choice(SUITES),
        "Retransmit-tries": "3",
        "DPD-check-interval": "10",
    }
    chosen = random.sample(sorted(tags), random.randrange(1, 3))
    return "[General]\n" + "".join(f"{tag}={tags[tag]}\n" for tag in chosen)


def oddment(random: Random) -> str:
    """What stands beside peers and connections, and what predefined names are written over with."""
    number = few(random)
    return random.choice(
        [
            "# a comment\n",
            f"[XAUTH-users]\nalice=secret{number}\n",
            f"[ipv4/10.0.0.{number}]\nAddress=10.0.1.{number}\nNetmask=255.255.255.0\n",
            f"[alone{number}]\nName=x\n",
            "[QM-ESP-3DES-SHA-PFS-SUITE]\nProtocols=proto\n",
            "[Default-phase-1-configuration]\nTransforms=AES-SHA2-256-GRP14\n",
            "[Default-phase-1]\nFlags=ikecfg\n",
            f"[p{number}]\nPort={500 + number}\n",
            f" [c{number}]\nPF-Tag=\\\nx\n",
            f"[fqdn/host{number}]\nAuthentication=k\n",
        ]
    )


def identities(random: Random) -> str:
    number = few(random)
    return (
        section("i0", ID_type="FQDN", Name=random.choice(["gw", "gw2"]))
        + section("i1", ID_type="IPV4_ADDR", Address=f"192.0.2.{number}")
        + "".join(section(f"a{each}", ID_type="IPV4_ADDR", Address=f"192.0.2.{each}") for each in range(5))
    )


Maker = Callable[[Random], str]
CONF_MAKERS: Sequence[Maker] = (
    *(peer, connection, network) * 3,
    *(phase_1, phase_2, main_mode, quick_mode, ike_transform, suite, lifetime, identities, general, oddment, oddment),
)


def numbered(make: Maker, random: Random, name: str) -> str:
    """A section of just this name."""
    while True:
        made = make(random)
        if made.startswith(f"[{name}]"):
            return made


def whole_conf(random: Random) -> Pieces:
    """An isakmpd.conf in which every section that may be referred to is there."""
    makers = ((peer, "p"), (connection, "c"), (network, "n"))
    pieces = [numbered(make, random, f"{letter}{number}") for make, letter in makers for number in range(5)]
    pieces += [numbered(make, random, name) for make, name in ((main_mode, "main"), (main_mode, "main2"))]
    pieces += [numbered(quick_mode, random, name) for name in ("quick", "quick2")]
    pieces += [numbered(ike_transform, random, name) for name in ("own", "own2")]
    pieces += [numbered(lifetime, random, "life"), suite(random), identities(random), phase_1(random), phase_2(random)]
    random.shuffle(pieces)
    return pieces


# --- ipsec.conf ---------------------------------------------------------------------------------------------------


def rule(random: Random) -> str:
    """One line of an ipsec.conf."""
    number = few(random)
    if random.random() < 0.12:
        return random.choice([f'net{number} = "10.{few(random)}.0.0/16"\n', f"# it's {number}\n"])
    members = ", ".join(f"10.{each}.0.0/16" for each in random.sample(range(40), random.randrange(3, 12)))
    sources = ["10.9.0.0/16", "10.9.0.0/16", "10.8.0.0/16", f"{{ 10.7.{number}.0/24, 10.6.{number}.0/24 }}"]
    source = random.choice([*sources, f"{{ {members} }}"])
    target = random.choice([f"10.{number}.0.0/16", "10.1.0.0/16", f"10.5.{number}.1", f"10.{40 + number}.0.0/16"])
    peers = [f"192.0.2.{number}"] * 20 + ["192.0.2.1"] * 4 + ["any"] + ["192.0.2.1 local 192.0.2.9"] * 4
    named = random.choice(peers)
    key = random.choice([f'psk "{named[:9]}"'] * 6 + ["", f'psk "{number}"'])
    mode = random.choice(["", "", "passive "])
    main = random.choice([""] * 4 + [f"main auth hmac-sha2-256 enc aes group modp2048 lifetime {600 * (1 + number)}"])
    quick = random.choice(
        [""] * 4 + [f"quick auth hmac-sha2-256 enc aes-256 group {random.choice(['modp2048', 'none'])}"]
    )
    names = random.choice([""] * 5 + [f'dstid "host{number}.example"', 'srcid "me.example"'])
    words = f"ike {mode}esp from {source} to {target} peer {named} {main} {quick} {names} {key}".split()
    return " ".join(words) + "\n"


def odd_rule(random: Random) -> str:
    """What is seldom written, and what is wrong."""
    return random.choice(
        [
            "ike esp from 10.0.0.0/8 to $net1 peer 192.0.2.9\n",
            'ike esp from $net2 to 10.0.0.0/8 peer 192.0.2.9 psk "a"\n',
            "ike passive esp from 10.0.0.0/8 to any\n",
            "ike dynamic esp from 10.4.0.0/16 to 10.3.0.0/16 peer 192.0.2.8\n",
            "flow esp from 10.0.0.0/8 to 10.1.0.0/16 peer 192.0.2.1\n",
            "ike esp from 10.4.0.0/16 to 10.2.0.0/16 \\\n peer 192.0.2.7\n",
            "ike esp proto tcp from 10.4.0.0/16 port 80 to 10.2.0.0/16 peer 192.0.2.7\n",
            f'include "@FOLDER@/{INCLUDED}"\n',
            f'include "@FOLDER@/{INCLUDED}"\n',
            "nonsense\n",
        ]
    )


def rule_or_odd(random: Random) -> str:
    return odd_rule(random) if random.random() < 0.2 else rule(random)


# --- policies -----------------------------------------------------------------------------------------------------


def assertion(random: Random) -> str:
    """An assertion of POLICY, or one that hands on."""
    author = random.choice(['"POLICY"', '"POLICY"', '"k1"', '"k2"'])
    licensees = random.choice(['"k1"', '"k2"', '"k1" || "k3"', '"passphrase:word"', '2-of("k1","k2","k3")'])
    comment = random.choice(["", f"Comment: {few(random)}\n"])
    conditions = random.choice(["", f'Conditions: x == "{few(random)}" || @y < {few(random)};\n'])
    return f"{comment}Authorizer: {author}\nLicensees: {licensees}\n{conditions}\n"


# --- files and edits ----------------------------------------------------------------------------------------------

NAMES = ("isakmpd.conf", "more.conf", "ipsec.conf", "a.policy", "b.policy", INCLUDED)
_MAKERS: dict[str, Maker] = {
    "isakmpd.conf": lambda random: random.choice(CONF_MAKERS)(random),
    "more.conf": lambda random: random.choice(CONF_MAKERS)(random),
    "ipsec.conf": rule_or_odd,
    INCLUDED: rule,
    "a.policy": assertion,
    "b.policy": assertion,
}
_TOKEN = re.compile(r"\b(?:[pcna][0-4]|i[01]|main2?|quick2?|own2?|life|suite|proto|xf)\b")
_NUMBER = re.compile(r"(?<=\.)[0-9]{1,2}(?=\.)")
_RULE_WORD = re.compile(r"(?<=192\.0\.2\.)[0-9]|(?<=10\.)[0-9]+|passive |modp2048")

OTHERWISE = {"passive ": "", "modp2048": "modp3072", "main": "main2", "quick": "quick2", "own": "own2"}
"""What a word becomes that has no number."""


class Files:
    """What somebody has on disk: pieces of each file, by name. `edit` makes one random change."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.pieces: dict[str, Pieces] = {"isakmpd.conf": whole_conf(random), INCLUDED: [rule(random)]}
        if random.random() < 0.3:
            self.pieces["more.conf"] = [phase_1(random), phase_2(random), peer(random)]
        if random.random() < 0.7:
            self.pieces["ipsec.conf"] = [rule(random) for _ in range(random.randrange(3, 10))]
        if random.random() < 0.7:
            self.pieces["a.policy"] = [assertion(random) for _ in range(random.randrange(1, 6))]

    def copy(self) -> dict[str, Pieces]:
        """The pieces as they are now, for coming back to them."""
        return {name: list(pieces) for name, pieces in self.pieces.items()}

    def texts(self) -> dict[str, str]:
        """The files, in the order in which they are named to the compiler; the included one is last."""
        return {name: "".join(self.pieces[name]) for name in NAMES if name in self.pieces}

    def edit(self) -> str:
        """Change something; tells what was done."""
        before = self.texts()
        done = [self._once()]
        while self.texts() == before:
            done.append(self._once())
        return done[-1]

    def _once(self) -> str:
        random = self._random
        if random.random() < 0.04:
            return self._whole_file()
        if random.random() < 0.05:
            return self._rename()
        name = random.choice([each for each in ("isakmpd.conf", *self.pieces) if self.pieces[each]] or ["isakmpd.conf"])
        pieces, make = self.pieces[name], _MAKERS[name]
        verb = random.choice(["replace", "replace", "detail", "detail", "detail", "insert", "remove", "move", "repeat"])
        place = random.randrange(len(pieces)) if pieces else 0
        if not pieces or verb == "insert":
            pieces.insert(place, make(random))
        elif verb == "replace":
            self._replace(name, place)
        elif verb == "detail":
            pieces[place] = self._detail(name, pieces[place])
        elif verb == "remove":
            del pieces[place]
        elif verb == "move":
            pieces.insert(random.randrange(len(pieces)), pieces.pop(place))
        else:
            pieces.insert(random.randrange(len(pieces)), pieces[place])
        return f"{verb} in {name}"

    def _replace(self, name: str, place: int) -> None:
        """Another piece, as a rule a section of the same name."""
        head = self.pieces[name][place].partition("\n")[0]
        for _ in range(60):
            made = _MAKERS[name](self._random)
            if not head.startswith("[") or made.startswith(head):
                self.pieces[name][place] = made
                return

    def _detail(self, name: str, piece: str) -> str:
        """The piece with one reference, number or word set otherwise."""
        random = self._random
        if name.endswith(".policy"):
            return re.sub(r"[0-4](?=\")", str(few(random)), piece, count=1)
        pattern = _RULE_WORD if name in ("ipsec.conf", INCLUDED) else random.choice([_TOKEN, _NUMBER])
        hits = [hit for hit in pattern.finditer(piece) if not piece[: hit.start()].endswith("[")]
        if not hits:
            return piece
        hit = random.choice(hits)
        old = hit[0]
        if old[0].isdigit():
            new = str(few(random))
        elif old[-1].isdigit() and pattern is _TOKEN:
            new = old[:-1] + str(few(random) if old[0] in "pcna" else random.choice("01" if old[0] == "i" else "2"))
        else:
            new = {"passive ": "", "modp2048": "modp3072", "main": "main2", "quick": "quick2", "own": "own2"}.get(
                old, old
            )
        return piece[: hit.start()] + new + piece[hit.end() :]

    def _rename(self) -> str:
        """One name for another in every isakmpd.conf, headers included."""
        random = self._random
        letter = random.choice("pcn")
        old, new = f"{letter}{few(random)}", random.choice([f"{letter}{few(random)}", f"{letter.upper()}9"])
        for name in ("isakmpd.conf", "more.conf"):
            if name in self.pieces:
                self.pieces[name] = [re.sub(rf"\b{old}\b", new, piece) for piece in self.pieces[name]]
        return f"{old} is called {new}"

    def _whole_file(self) -> str:
        """A file appears or goes."""
        random = self._random
        name = random.choice(["more.conf", "ipsec.conf", "a.policy", "b.policy"])
        if name in self.pieces:
            del self.pieces[name]
            return f"{name} is gone"
        self.pieces[name] = [_MAKERS[name](random) for _ in range(random.randrange(1, 4))]
        return f"{name} is new"
