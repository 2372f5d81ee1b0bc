"""What the daemon reads of an isakmpd.conf by itself is what it would read of the whole file."""

from random import Random

import pytest

from daemon.keystore import keys_of
from grammar.conf import parse_conf
from policydb.configuration.excerpt import excerpt
from tests.policydb.compiling.edits import whole_conf
from tests.sizes import sized

SECTIONS = ("general", "keynote")

ODD = [
    "Authentication=outside\n",
    "[General]\nRenegotiate-on-HUP=\\\nAuthentication=no-key\nCheck-interval=5\n",
    "[p0]\nName=x\\\nAuthentication=no-key\n",
    " [p1] # comment\n  authentication and more = indented\n",
    "[p2\nAuthentication=ignored\n",
    "#[p3]\nAuthentication=of-the-section-before\n",
    "[xauth-USERS]\nalice=a\nbob = b\n#carol=c\n",
    "[x]\nXAUTH-Password=p\nAuthentication\t=tab\nAuthentications=none\n",
    "[P4]\r\nAuthentication=return\r\n",
    "[keynote]\nAccept-weak-signatures=yes\n[other]\n[general]\nUse-Keynote=no",
    "[empty]\n[]\nAuthentication=of-no-name\n",
    "; comment\n=\n==\n[]]\nAuthentication==k\n",
]


def read(text: str) -> tuple[object, ...]:
    """The keys by reference, and the settings of some sections in order."""
    bindings = parse_conf(text, "isakmpd.conf").bindings
    said = [(each.section, each.tag, each.value) for each in bindings if each.section.lower() in SECTIONS]
    return keys_of(bindings)._keys, said


@pytest.mark.full_size
@pytest.mark.parametrize("seed", range(sized(40, 1000)))
def test_keys_and_sections_are_those_of_the_whole_file(seed: int) -> None:
    random = Random(seed)
    pieces = [*random.sample(whole_conf(random), 12), *random.sample(ODD, random.randrange(1, 6))]
    random.shuffle(pieces)
    text = "".join(pieces)
    assert read(excerpt(text, SECTIONS)) == read(text)


def test_nothing_else_is_left() -> None:
    text = "[General]\nCheck-interval=5\n[a]\nPhase=1\nAuthentication=k\nAddress=192.0.2.1\n[b]\nPhase=2\n"
    assert excerpt(text, SECTIONS) == "[General]\nCheck-interval=5\n[a]\nAuthentication=k\n"
