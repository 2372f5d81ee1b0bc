"""ipsecctl(8) row by row: the names and commands of an ike rule, other rules, options, and what only the program says.

An id begins with the part of the manual; behind it stands the row. See test_ipsec_conf_rows.py for the language.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.daemon.ipsec_rows import (
    FLOW,
    HOSTS,
    KEY16,
    KEY20,
    KEY24,
    KEY32,
    LINK,
    NETS,
    NOT_LOADED,
    PEER,
    Row,
    hold,
    phase1,
    said,
)

DELETE = {
    "active": Row(
        f"ike {HOSTS}\n",
        (
            f"t {LINK}",
            f"C rmv [Phase 2]:Connections={LINK}",
            f"C rms [{LINK}]",
            f"C rms [phase2-{LINK}]",
        ),
        options=("-dnvf", "F"),
        whole=True,
    ),
    "passive": Row(
        f"ike passive {HOSTS}\n",
        (
            f"t {LINK}",
            f"C rmv [Phase 2]:Passive-Connections={LINK}",
            f"C rms [{LINK}]",
            f"C rms [phase2-{LINK}]",
        ),
        options=("-dnvf", "F"),
        whole=True,
    ),
}

OTHERS = {
    "flow: both directions": Row(
        f"flow {HOSTS}\n", (FLOW, "flow esp in from 2.2.2.2 to 1.1.1.1 peer 2.2.2.2 type require"), whole=True
    ),
    "flow: in": Row(
        "flow in from 2.2.2.2 to 1.1.1.1\n",
        ("flow esp in from 2.2.2.2 to 1.1.1.1 peer 2.2.2.2 type require",),
        whole=True,
    ),
    "flow: ipcomp and ipip are of type use": Row(
        f"flow ipip out {HOSTS}\n", ("flow ipip out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type use",), whole=True
    ),
    "flow: a network needs a peer": said(f"flow {NETS}", "no peer specified for destination 10.2.0.0/16"),
    "flow: deny and bypass have none": Row(
        f"flow out {NETS} peer 3.3.3.3 type bypass\n",
        ("flow esp out from 10.1.0.0/16 to 10.2.0.0/16 type bypass",),
        whole=True,
    ),
    "flow: peer any is none": Row(
        f"flow out {NETS} peer any\n", ("flow esp out from 10.1.0.0/16 to 10.2.0.0/16 type require",), whole=True
    ),
    "flow: addresses in full": Row(
        "flow out from 172.20/16 to 2.2.2.2/32 peer 2.2.2.2\n",
        ("flow esp out from 172.20.0.0/16 to 2.2.2.2 peer 2.2.2.2 type require",),
        whole=True,
    ),
    "sa": Row(
        f"esp transport {HOSTS} spi 0x1000 auth hmac-sha1 enc 3des-cbc authkey 0x{KEY20} enckey {KEY24}\n",
        ("esp transport from 1.1.1.1 to 2.2.2.2 spi 0x00001000 auth hmac-sha1 enc 3des-cbc",),
        whole=True,
    ),
    "sa: defaults": Row(
        f"esp {HOSTS} spi 0x1000 authkey {KEY32} enckey {KEY16}\n",
        ("esp tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00001000 auth hmac-sha2-256 enc aes",),
        whole=True,
    ),
    "sa: the way back": Row(
        f"ah {HOSTS} spi 0x1000:0x2000 authkey {KEY32}:{KEY32}\n",
        (
            "ah tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00001000 auth hmac-sha2-256",
            "ah tunnel from 2.2.2.2 to 1.1.1.1 spi 0x00002000 auth hmac-sha2-256",
        ),
        whole=True,
    ),
    "sa: SPI 0": said(f"ah {HOSTS} spi 0 authkey {KEY32}", "no SPI specified"),
    "sa: a reserved SPI": said(f"ah {HOSTS} spi 0xff authkey {KEY32}", "255 within reserved spi range"),
    "sa: no authkey": said(f"ah {HOSTS} spi 0x1000", "no authentication key specified"),
    "sa: no enckey": said(f"esp {HOSTS} spi 0x1000 authkey {KEY32}", "no encryption key specified"),
    "sa: ah does not encrypt": said(
        f"ah {HOSTS} spi 0x1000 enc aes authkey {KEY32} enckey {KEY16}", "ah does not provide encryption"
    ),
    "sa: esp does not compress": said(
        f"esp {HOSTS} spi 0x1000 comp deflate authkey {KEY32} enckey {KEY16}", "esp does not provide compression"
    ),
    "sa: authkey of another length": said(
        f"ah {HOSTS} spi 0x1000 authkey {KEY16}", "wrong authentication key length, needs to be 256 bits"
    ),
    "sa: enckey too short": said(
        f"esp {HOSTS} spi 0x1000 authkey {KEY32} enckey aabb", "encryption key too short (16 bits), minimum 128 bits"
    ),
    "sa: no counter mode": said(
        f"esp {HOSTS} spi 0x1000 enc aesctr authkey {KEY32} enckey {KEY20}", "aesctr is disallowed with static keys"
    ),
    "tcpmd5": Row(f"tcpmd5 {HOSTS} spi 0x1000 authkey {KEY16}\n", ("tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x00001000",)),
    "tcpmd5: authkey may be left out": Row(
        f"tcpmd5 {HOSTS} spi 0x1000\n", ("tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x00001000",)
    ),
}

OF_AH = f"phase2-transform-{LINK}-NONE-SHA2_256-MODP_3072-TRANSPORT"

NAMES = {
    "p1name: peer": Row(f"ike {HOSTS}\n", ("C set [peer-2.2.2.2]:Phase=1 force",)),
    "p1name: peer and local": Row(
        f"ike {HOSTS} local 1.1.1.9\n", ("C set [peer-2.2.2.2-local-1.1.1.9]:Phase=1 force",)
    ),
    "p1name: the default peer": Row(f"ike {NETS}\n", ("C set [peer-default]:Phase=1 force",)),
    "p2lid, p2rid, p2name": Row(
        "ike proto tcp from 1.1.1.1 port 1 to 2.2.2.2 port 2\n",
        (
            "C set [from-1.1.1.1=6:1-to-2.2.2.2=6:2]:Local-ID=from-1.1.1.1=6:1 force",
            "C set [from-1.1.1.1=6:1-to-2.2.2.2=6:2]:Remote-ID=to-2.2.2.2=6:2 force",
        ),
    ),
    "p2nid": Row(
        "ike from 1.1.1.1 (3.3.3.3) to 2.2.2.2\n", ("C set [from-1.1.1.1-to-2.2.2.2]:NAT-ID=nat-3.3.3.3 force",)
    ),
    "phase 1 transform": Row(
        "ike from 1.1.1.1 to 1.2.3.4\n",
        ("C add [phase1-peer-1.2.3.4]:Transforms=phase1-transform-peer-1.2.3.4-RSA_SIG-SHA-AES128-MODP_3072 force",),
    ),
    "phase 2 transform of ah": Row(
        f"ike ah transport {HOSTS}\n",
        (f"C set [phase2-protocol-{LINK}]:Transforms=phase2-transform-{LINK}-NONE-SHA2_256-MODP_3072-TRANSPORT force",),
    ),
    "others": Row(
        f"ike {HOSTS}\n",
        (
            f"C set [{PEER}]:Configuration=phase1-{PEER} force",
            f"C set [{LINK}]:Configuration=phase2-{LINK} force",
            f"C set [phase2-{LINK}]:Suites=phase2-suite-{LINK} force",
            f"C set [phase2-suite-{LINK}]:Protocols=phase2-protocol-{LINK} force",
        ),
    ),
}

LEGS = "from-10.1.0.0/16=6:1", "to-10.2.0.0/16=6:2"
P1, P2 = "peer-2.2.2.2-local-1.1.1.9", "-".join(LEGS)
T1, T2 = (
    f"phase1-transform-{P1}-PRE_SHARED-SHA-AES128-MODP_3072",
    f"phase2-transform-{P2}-AES128-SHA2_256-MODP_3072-TUNNEL",
)
SHORT = {"P1": P1, "P2": P2, "T1": T1, "T2": T2, "LID": LEGS[0], "RID": LEGS[1]}
"""The names of 4.3 in the commands of 4.4."""

IN_ORDER = Row(
    "ike dynamic proto tcp from 10.1.0.0/16 port 1 to 10.2.0.0/16 port 2 local 1.1.1.9 peer 2.2.2.2"
    " main lifetime 600 srcid a.org dstid b.org psk k tag t\n",
    tuple(
        re.sub("P1|P2|T1|T2|LID|RID", lambda found: SHORT[found[0]], line)
        for line in """\
C set [General]:Check-interval=30 force
C set [General]:DPD-check-interval=5 force
C set [Phase 1]:2.2.2.2=P1 force
C set [P1]:Phase=1 force
C set [P1]:Address=2.2.2.2 force
C set [P1]:Local-address=1.1.1.9 force
C set [P1]:Authentication=k force
C set [P1]:Configuration=phase1-P1 force
C set [phase1-P1]:EXCHANGE_TYPE=ID_PROT force
C add [phase1-P1]:Transforms=T1 force
C set [T1]:AUTHENTICATION_METHOD=PRE_SHARED force
C set [T1]:HASH_ALGORITHM=SHA force
C set [T1]:ENCRYPTION_ALGORITHM=AES_CBC force
C set [T1]:KEY_LENGTH=128,128:256 force
C set [T1]:GROUP_DESCRIPTION=MODP_3072 force
C set [T1]:Life=T1-life force
C set [T1-life]:LIFE_TYPE=SECONDS force
C set [T1-life]:LIFE_DURATION=600 force
C set [P1]:ID=id-a.org force
C set [id-a.org]:ID-type=FQDN force
C set [id-a.org]:Name=a.org force
C set [P1]:Remote-ID=id-b.org force
C set [id-b.org]:ID-type=FQDN force
C set [id-b.org]:Name=b.org force
C set [P2]:Phase=2 force
C set [P2]:ISAKMP-peer=P1 force
C set [P2]:Configuration=phase2-P2 force
C set [P2]:Local-ID=LID force
C set [P2]:Remote-ID=RID force
C set [P2]:PF-Tag=t force
C set [phase2-P2]:EXCHANGE_TYPE=QUICK_MODE force
C set [phase2-P2]:Suites=phase2-suite-P2 force
C set [phase2-suite-P2]:Protocols=phase2-protocol-P2 force
C set [phase2-protocol-P2]:PROTOCOL_ID=IPSEC_ESP force
C set [phase2-protocol-P2]:Transforms=T2 force
C set [T2]:TRANSFORM_ID=AES force
C set [T2]:KEY_LENGTH=128,128:256 force
C set [T2]:ENCAPSULATION_MODE=TUNNEL force
C set [T2]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 force
C set [T2]:GROUP_DESCRIPTION=MODP_3072 force
C set [T2]:Life=LIFE_QUICK_MODE force
C set [LID]:ID-type=IPV4_ADDR_SUBNET force
C set [LID]:Network=10.1.0.0 force
C set [LID]:Netmask=255.255.0.0 force
C set [RID]:ID-type=IPV4_ADDR_SUBNET force
C set [RID]:Network=10.2.0.0 force
C set [RID]:Netmask=255.255.0.0 force
C set [LID]:Protocol=6 force
C set [RID]:Protocol=6 force
C set [LID]:Port=1 force
C set [RID]:Port=2 force
C add [Phase 2]:Connections=P2
""".splitlines()
    ),
    whole=True,
)

COMMANDS = {"rows 1 to 19 in their order": IN_ORDER}

OPTIONS = {
    "-n without -v prints nothing": Row(f"ike {HOSTS}\n", options=("-n", "-f", "F"), whole=True),
    "-D": Row("flow out from 1.1.1.1 to $g\n", (FLOW,), options=("-D", "g=2.2.2.2", "-nvf", "F"), whole=True),
    "-d leaves flows as they are": Row(f"flow out {HOSTS}\n", (FLOW,), options=("-dnvf", "F"), whole=True),
    "-i must be a FIFO": Row(f"ike {HOSTS}\n", err="ipsecctl: F: not a fifo\n", code=1, options=("-i", "F", "-f", "F")),
    "-f of a file that is missing": Row(
        "", err="ipsecctl: open G: No such file or directory\n", code=1, options=("-nf", "G")
    ),
}

CORRECTIONS = {
    "W2 a bad transform does not stop its rule": said(
        f"ike {HOSTS} main auth hmac-sha1 auth hmac-md5",
        "auth already set",
        f"C set [phase1-transform-{PEER}-RSA_SIG-SHA-AES128-MODP_3072]:HASH_ALGORITHM=SHA force",
    ),
    "W6 others may not read the file": Row(
        "",
        err=f"ipsecctl: F: group writable or world read/writable\n{NOT_LOADED}",
        code=1,
        mode=0o604,
    ),
    "W6 its group may": Row(f"flow out {HOSTS}\n", (FLOW,), mode=0o640),
    "W1 an illegal rule does not end the others": Row(
        f"ike {HOSTS} quick enc chacha20-poly1305\nike from 1.1.1.1 to 3.3.3.3\n",
        ("C add [Phase 2]:Connections=from-1.1.1.1-to-3.3.3.3",),
        err="ipsecctl: illegal transform chacha20-poly1305\n",
    ),
    "W3 lifetime: s is no unit": Row(
        f"ike {HOSTS} main lifetime 5s\n", err="ipsecctl: invalid time unit: Undefined error: 0\n", code=1
    ),
    "W3 lifetime: -1 is none": phase1("main lifetime -1", "RSA_SIG-SHA-AES128-MODP_3072]:Life=LIFE_MAIN_MODE"),
    "W4 flow in: the source is the peer": Row(
        "flow in from 2.2.2.2 to 10.1.0.0/16\n",
        ("flow esp in from 2.2.2.2 to 10.1.0.0/16 peer 2.2.2.2 type require",),
        whole=True,
    ),
    "W4 flow in: the message names the destination": said(
        "flow in from 10.2.0.0/16 to 10.1.0.0/16", "no peer specified for destination 10.1.0.0/16"
    ),
    "W5 comp: only deflate": said(f"ipcomp {HOSTS} spi 0x1000 comp lzs", "lzs not a valid transform"),
    "W7 any goes with either family": Row(
        "flow out from any to ::2\n", ("flow esp out from ::/0 to ::2 peer ::2 type require",), whole=True
    ),
    "M2 a message has the line of the last word": Row(
        f"ike {HOSTS} \\\n quick enc 3\n", err=f"F: 2: syntax error\n{NOT_LOADED}", code=1
    ),
    "M6 NAT needs a blank before its bracket": said("ike from 10.1.0.0/16(1.1.1.1) to 2.2.2.2", "syntax error"),
    "M6 no NAT of any": said("ike from any (1.1.1.1) to 2.2.2.2", "syntax error"),
    "M8 an interface is known by its name": Row("ike from em0 to 2.2.2.2\n", ("C set [from-em0]:Address=em0 force",)),
    "M8 a flow has the interface's address": Row(
        "flow out from em0 to 2.2.2.2\n", (FLOW.replace("1.1.1.1", "192.0.2.7"),), whole=True
    ),
    "M9 deny drops peer, local and ids": Row(
        f"flow out {HOSTS} local 1.1.1.9 peer 3.3.3.3 srcid a dstid b type deny\n",
        ("flow esp out from 1.1.1.1 to 2.2.2.2 type deny",),
        whole=True,
    ),
    "M12 an SPI that is none": said(f"ah {HOSTS} spi x authkey {KEY32}", "x not a valid spi"),
    "M13 -vv numbers rules": Row(
        f"flow {HOSTS}\n",
        (f"@0 {FLOW}", "@1 flow esp in from 2.2.2.2 to 1.1.1.1 peer 2.2.2.2 type require"),
        options=("-nvvf", "F"),
        whole=True,
    ),
    "M15 an interface without a number": said("ike interface sec peer 2.2.2.2", "invalid sec interface unit: invalid"),
    "M15 an interface with too large a number": said(
        "ike interface sec99999999999 peer 2.2.2.2", "invalid sec interface unit: too large"
    ),
}

PARTS = {"4.3": NAMES, "4.4": COMMANDS, "4.5": DELETE, "4.6": OTHERS, "4.7": OPTIONS, "4.8": CORRECTIONS}
ROWS = {f"{part}-{name}": row for part, rows in PARTS.items() for name, row in rows.items()}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_of_the_manual(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(row, tmp_path, monkeypatch, capsys)
