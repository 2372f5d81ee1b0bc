"""ipsec.conf(5) row by row, its words and its ike rules: what `ipsecctl -n -v -f F` prints and says for each.

An id begins with the part of the language; behind it stands the row. Expected texts come from the manual and from the
program of today's OpenBSD. The tests of the single modules have the details, and all values of all tables.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.ipsec_rows import FLOW, HOSTS, LINK, NETS, NOT_LOADED, PEER, Row, hold, phase1, phase2, said
from tests.policydb.ipsec.support import SURROUNDINGS

LEXICAL = {
    "comment": Row(f"# ike from x\nflow out {HOSTS} # behind it\n", (FLOW,), whole=True),
    "comment goes on behind a backslash": Row(f"# a \\\nnonsense\nflow out {HOSTS}\n", (FLOW,), whole=True),
    "continuation": Row("flow out \\\n from 1.1.1.1 \\\n to 2.2.2.2\n", (FLOW,), whole=True),
    "strings: either quote": Row(
        f"ike {HOSTS} psk 'a\"b'\nike from 1.1.1.1 to 3.3.3.3 psk \"a'b\"\n",
        (f'C set [{PEER}]:Authentication=a"b force', "C set [peer-3.3.3.3]:Authentication=a'b force"),
    ),
    "strings: a line break is dropped": Row(
        f'ike {HOSTS} psk "first\nsecond"\n', (f"C set [{PEER}]:Authentication=firstsecond force",)
    ),
    "strings: backslash and quote or blank": Row(
        f'ike {HOSTS} psk "a\\"b\\ c"\n', (f'C set [{PEER}]:Authentication=a"b c force',)
    ),
    "strings: a bare word holds most punctuation": Row(
        f"ike {HOSTS} srcid a-b_c.d:e@f psk a$b+c;d'e\n",
        (f"C set [{PEER}]:Authentication=a$b+c;d'e force", "C set [id-a-b_c.d:e@f]:Name=a-b_c.d:e@f force"),
    ),
    "strings: outside quotes a backslash is dropped": Row(
        f"ike {HOSTS} psk a\\b\n", (f"C set [{PEER}]:Authentication=ab force",)
    ),
    "macro: input text": Row(
        'p = "proto tcp from 1.1.1.1 port 4444 to"\nflow out $p 2.2.2.2\n',
        ("flow esp out proto tcp from 1.1.1.1 port 4444 to 2.2.2.2 peer 2.2.2.2 type require",),
    ),
    "macro: not inside quotes": Row(f'x = y\nike {HOSTS} psk "$x"\n', (f"C set [{PEER}]:Authentication=$x force",)),
    "macro: not in the middle of a word": Row(
        f"x = y\nike {HOSTS} psk gw.$x\n", (f"C set [{PEER}]:Authentication=gw.$x force",)
    ),
    "macro: what follows is glued on": Row(
        'b = "1.1.1"\nflow out from $b.1 to 2.2.2.2\n', ('b = "1.1.1"', FLOW), whole=True
    ),
    "macro: words are joined by a blank": Row("a = b   c 'd e'\n", ('a = "b c d e"',), whole=True),
    "macro: not defined": said("flow from $x to 1.1.1.1", "macro 'x' not defined"),
    "macro: a name without blanks": said("'a b' = c", "macro name cannot contain whitespace", 'a b = "c"'),
    "macro: no bare number": said("a = 500", "syntax error"),
    "macro: no bare network": said("a = 10.0.0.0/8", "syntax error"),
    "macro: no keyword as value": said("a = esp", "syntax error"),
    "macro: no keyword as name": said("esp = a", "syntax error"),
    "macro: no list": said("a = { b }", "syntax error"),
    "macro: -D wins": Row(
        "g = 9.9.9.9\nflow out from 1.1.1.1 to $g\n",
        ('g = "9.9.9.9"', FLOW),
        options=("-nv", "-D", "g=2.2.2.2", "-f", "F"),
        whole=True,
    ),
    "macro: unused ones with -vv": Row(
        "a = b\n", ('a = "b"',), err="warning: macro 'a' not used\n", options=("-nvvf", "F")
    ),
    "include": Row('include "G"\n', (FLOW,), files={"G": f"flow out {HOSTS}\n"}, whole=True),
    "include: its lines are its own": Row(
        'include "G"\nx\n', err=f"G: 2: syntax error\nF: 2: syntax error\n{NOT_LOADED}", code=1, files={"G": "\ny\n"}
    ),
    "include: a file that is missing": Row(
        'include "G"\n',
        err=f"ipsecctl: pushfile: G: No such file or directory\nF: 1: failed to include file G\n{NOT_LOADED}",
        code=1,
    ),
    "lists: the comma may be left out": Row(
        "flow out from { 1.1.1.1, 1.1.1.2 1.1.1.3 } to 2.2.2.2\n",
        tuple(FLOW.replace("1.1.1.1", each) for each in ("1.1.1.1", "1.1.1.2", "1.1.1.3")),
        whole=True,
    ),
    "lists: nested, with any": Row(
        "flow out from { { 1.1.1.1 }, any } to 2.2.2.2\n",
        (FLOW, FLOW.replace("1.1.1.1", "0.0.0.0/0")),
        whole=True,
    ),
    "lists: not empty": said("flow from { } to 1.1.1.1", "syntax error"),
    "lists: no double comma": said("flow from { 1.1.1.1,, 1.1.1.2 } to 2.2.2.2", "syntax error"),
    "lists: no comma at the end": said("flow from { 1.1.1.1, } to 2.2.2.2", "syntax error"),
    "errors: one for each line, and rules between them": Row(
        f"a b\nflow out {HOSTS}\nc d\n", (FLOW,), err=f"F: 1: syntax error\nF: 3: syntax error\n{NOT_LOADED}", code=1
    ),
    "errors: a last line without its end": Row(f"flow out {HOSTS}", err=f"F: 1: syntax error\n{NOT_LOADED}", code=1),
}

RULES = {
    "mode: active is the default": Row(f"ike {HOSTS}\n", (f"C add [Phase 2]:Connections={LINK}",)),
    "mode: active": Row(f"ike active {HOSTS}\n", (f"C add [Phase 2]:Connections={LINK}",)),
    "mode: passive": Row(
        f"ike passive {HOSTS}\n",
        (f"C add [Phase 2]:Passive-Connections={LINK}",),
        (f"C add [Phase 2]:Connections={LINK}",),
    ),
    "mode: dynamic": Row(
        f"ike dynamic {HOSTS} srcid me.example.org\n",
        (
            "C set [General]:Check-interval=30 force",
            "C set [General]:DPD-check-interval=5 force",
            f"C add [Phase 2]:Connections={LINK}",
            "C set [id-me.example.org]:ID-type=FQDN force",
        ),
    ),
    "mode: dynamic without srcid is the host's name": Row(
        f"ike dynamic {HOSTS}\n", (f"C set [{PEER}]:ID=id-{SURROUNDINGS.host_name} force",)
    ),
    "protocol: esp is the default": Row(
        f"ike {HOSTS}\n", (f"C set [phase2-protocol-{LINK}]:PROTOCOL_ID=IPSEC_ESP force",)
    ),
    "protocol: ah": Row(f"ike ah {HOSTS}\n", (f"C set [phase2-protocol-{LINK}]:PROTOCOL_ID=IPSEC_AH force",)),
    "protocol: ipcomp": Row(f"ike ipcomp {HOSTS}\n", err="ipsecctl: illegal satype 3\n"),
    "protocol: ipip": Row(f"ike ipip {HOSTS}\n", err="ipsecctl: illegal satype 5\n"),
    "encapsulation: tunnel is the default": phase2("", "AES128-SHA2_256-MODP_3072-TUNNEL]:ENCAPSULATION_MODE=TUNNEL"),
    "encapsulation: transport": Row(
        f"ike esp transport {HOSTS}\n",
        (f"C set [phase2-transform-{LINK}-AES128-SHA2_256-MODP_3072-TRANSPORT]:ENCAPSULATION_MODE=TRANSPORT force",),
    ),
    "proto: a name": Row(f"ike proto tcp {HOSTS}\n", ("C set [from-1.1.1.1=6]:Protocol=6 force",)),
    "proto: a number": Row(f"ike proto 47 {HOSTS}\n", ("C set [to-2.2.2.2=47]:Protocol=47 force",)),
    "proto: esp and ah are words": Row(f"ike proto esp {HOSTS}\n", ("C set [to-2.2.2.2=50]:Protocol=50 force",)),
    "proto: out of range": said(f"ike proto 256 {HOSTS}", "protocol outside range"),
    "proto: unknown": said(f"ike proto qwerty {HOSTS}", "unknown protocol: qwerty"),
    "port: a service": Row(
        "ike proto tcp from 1.1.1.1 to 2.2.2.2 port ssh\n", ("C set [to-2.2.2.2=6:22]:Port=22 force",)
    ),
    "port: a number": Row(
        "ike proto udp from 1.1.1.1 port 53 to 2.2.2.2\n", ("C set [from-1.1.1.1=17:53]:Port=53 force",)
    ),
    "port: 0 is none": Row("ike from 1.1.1.1 port 0 to 2.2.2.2\n", (f"C set [{LINK}]:Phase=2 force",)),
    "port: out of range": said("ike proto tcp from 1.1.1.1 port 65536 to 2.2.2.2", "port outside range"),
    "port: unknown": said("ike proto tcp from 1.1.1.1 port qwerty to 2.2.2.2", "unknown port: qwerty"),
    "port: needs tcp or udp": said(
        "ike from 1.1.1.1 port 22 to 2.2.2.2", "no protocol supplied with source/destination ports"
    ),
    "hosts: to may come first": Row("ike to 2.2.2.2 from 1.1.1.1\n", (f"C set [{LINK}]:Phase=2 force",)),
    "hosts: any is both families": Row(
        "flow out from any to { 2.2.2.2, ::2 }\n",
        (FLOW.replace("1.1.1.1", "0.0.0.0/0"), "flow esp out from ::/0 to ::2 peer ::2 type require"),
        whole=True,
    ),
    "hosts: source NAT": Row(
        "ike from 10.1.0.0/16 (192.168.0.0/16) to 2.2.2.2\n",
        (
            "C set [from-10.1.0.0/16-to-2.2.2.2]:NAT-ID=nat-192.168.0.0/16 force",
            "C set [nat-192.168.0.0/16]:Network=192.168.0.0 force",
        ),
    ),
    "hosts: source NAT behind from only": said(
        "ike from 1.1.1.1 to 10.1.0.0/16 (10.2.0.0/16)", "no flow NAT support for destination network: 10.1.0.0/16"
    ),
    "hosts: source NAT of one family": said("ike from 1.1.1.1 (::1) to 2.2.2.2", "Flow NAT address family mismatch"),
    "hosts: two families": said("ike from 1.1.1.1 to ::2", "source/destination address families do not match"),
    "hosts: a mask too long for IPv4": said("ike from 1.1.1.1/33 to 2.2.2.2", "could not parse host specification"),
    "hosts: a mask too long for IPv6": Row(
        "ike from ::1/129 to ::2\n", err="ipsecctl: host: invalid netmask '/129'\n", code=1
    ),
    "hosts: a name that nobody knows": Row(
        "ike from nobody.example to 2.2.2.2\n",
        err=f"ipsecctl: no IP address found for nobody.example\nF: 1: could not parse host specification\n{NOT_LOADED}",
        code=1,
    ),
    "hosts: /32 is a network": Row(
        "ike from 1.1.1.1/32 to 2.2.2.2\n",
        (
            "C set [from-1.1.1.1/32]:ID-type=IPV4_ADDR_SUBNET force",
            "C set [from-1.1.1.1/32]:Netmask=255.255.255.255 force",
        ),
    ),
    "hosts: /128 is a host": Row(
        "ike from ::1/128 to ::2\n", ("C set [from-::1]:ID-type=IPV6_ADDR force", "C set [from-::1]:Address=::1 force")
    ),
    "hosts: IPv4 as typed": Row("ike from 172.20/16 to 2.2.2.2\n", ("C set [from-172.20/16]:Network=172.20 force",)),
    "hosts: IPv6 normalised": Row(
        "ike from 2001:DB8:0::1 to ::2\n", ("C set [from-2001:db8::1]:Address=2001:db8::1 force",)
    ),
    "peer: the destination if it is one host": Row(f"ike {HOSTS}\n", (f"C set [Phase 1]:2.2.2.2={PEER} force",)),
    "peer: any if it is a network": Row(f"ike {NETS}\n", ("C set [Phase 1]:Default=peer-default force",)),
    "peer: any": Row(f"ike {HOSTS} peer any\n", ("C set [Phase 1]:Default=peer-default force",)),
    "peer: another": Row(f"ike {NETS} peer 3.3.3.3\n", ("C set [Phase 1]:3.3.3.3=peer-3.3.3.3 force",)),
    "peer: with local": Row(
        f"ike {NETS} local 4.4.4.4 peer 3.3.3.3\n",
        (
            "C set [Phase 1]:3.3.3.3=peer-3.3.3.3-local-4.4.4.4 force",
            "C set [peer-3.3.3.3-local-4.4.4.4]:Local-address=4.4.4.4 force",
        ),
    ),
    "peer: local is never any": said(f"ike {HOSTS} local any", "syntax error"),
    "peer: no mask": said(f"ike {HOSTS} peer 3.3.3.0/24", "syntax error"),
    "peer: no list": said(f"ike {HOSTS} peer {{ 3.3.3.3 }}", "syntax error"),
    "peer: two rules for any that differ": Row(
        f"ike {NETS} psk a\nike from 10.1.0.0/16 to 10.3.0.0/16 psk b\n", err="ipsecctl: default peer psk mismatch\n"
    ),
    "main: defaults": phase1(
        "",
        "RSA_SIG-SHA-AES128-MODP_3072]:AUTHENTICATION_METHOD=RSA_SIG",
        "RSA_SIG-SHA-AES128-MODP_3072]:HASH_ALGORITHM=SHA",
        "RSA_SIG-SHA-AES128-MODP_3072]:ENCRYPTION_ALGORITHM=AES_CBC",
        "RSA_SIG-SHA-AES128-MODP_3072]:KEY_LENGTH=128,128:256",
        "RSA_SIG-SHA-AES128-MODP_3072]:GROUP_DESCRIPTION=MODP_3072",
        "RSA_SIG-SHA-AES128-MODP_3072]:Life=LIFE_MAIN_MODE",
    ),
    "main: no group none": Row(
        f"ike {HOSTS} main group none\n",
        (f"C set [phase1-{PEER}]:EXCHANGE_TYPE=ID_PROT force",),
        (f"C set [{LINK}]:Phase=2 force",),
        err="ipsecctl: illegal group none\n",
    ),
    "main: no ripemd": Row(
        f"ike {HOSTS} main auth hmac-ripemd160\n", err="ipsecctl: illegal transform hmac-ripemd160\n"
    ),
    "main: no counter mode": Row(f"ike {HOSTS} main enc aesctr\n", err="ipsecctl: illegal transform aesctr\n"),
    "main: enc is looked at before auth": Row(
        f"ike {HOSTS} main auth hmac-ripemd160 enc null\n", err="ipsecctl: illegal transform null\n"
    ),
    "aggressive": Row(
        f"ike {HOSTS} aggressive auth hmac-sha2-256\n", (f"C set [phase1-{PEER}]:EXCHANGE_TYPE=AGGRESSIVE force",)
    ),
    "quick: defaults": phase2(
        "",
        "AES128-SHA2_256-MODP_3072-TUNNEL]:TRANSFORM_ID=AES",
        "AES128-SHA2_256-MODP_3072-TUNNEL]:KEY_LENGTH=128,128:256",
        "AES128-SHA2_256-MODP_3072-TUNNEL]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256",
        "AES128-SHA2_256-MODP_3072-TUNNEL]:GROUP_DESCRIPTION=MODP_3072",
        "AES128-SHA2_256-MODP_3072-TUNNEL]:Life=LIFE_QUICK_MODE",
    ),
    "quick: group none is no PFS": phase2("quick group none", "AES128-SHA2_256-NONE-TUNNEL]:Life=LIFE_QUICK_MODE"),
    "quick: a combined cipher": phase2(
        "quick enc aes-256-gcm", "AES_GCM_16256-NONE-MODP_3072-TUNNEL]:TRANSFORM_ID=AES_GCM_16"
    ),
    "quick: a combined cipher takes no auth": said(
        f"ike {HOSTS} quick auth hmac-sha1 enc aes-128-gcm", "authentication is implicit for aes-128-gcm"
    ),
    "quick: chacha20-poly1305 is refused": Row(
        f"ike {HOSTS} quick enc chacha20-poly1305\n", err="ipsecctl: illegal transform chacha20-poly1305\n"
    ),
    "transforms: the first name that begins so": phase2(
        "quick enc 3des auth hmac-sha2", "3DES-SHA2_256-MODP_3072-TUNNEL]:TRANSFORM_ID=3DES"
    ),
    "transforms: n is none and nu is null": phase2("quick enc nu group n", "NULL-NONE-NONE-TUNNEL]:TRANSFORM_ID=NULL"),
    "transforms: a number is no name": said(f"ike {HOSTS} quick enc 3", "syntax error"),
    "transforms: twice": said(
        f"ike {HOSTS} quick enc aes enc 3des", "enc already set", f"C set [{LINK}]:Phase=2 force"
    ),
    "transforms: group twice": said(f"ike {HOSTS} quick group grp14 group grp15", "group already set"),
    "transforms: unknown ones leave the default": said(
        f"ike {HOSTS} quick enc rot13",
        "rot13 not a valid transform",
        f"C set [phase2-transform-{LINK}-AES128-SHA2_256-MODP_3072-TUNNEL]:TRANSFORM_ID=AES force",
    ),
    "lifetime: seconds": phase1(
        "main lifetime 600",
        "RSA_SIG-SHA-AES128-MODP_3072]:Life=phase1-transform-peer-2.2.2.2-RSA_SIG-SHA-AES128-MODP_3072-life",
        "RSA_SIG-SHA-AES128-MODP_3072-life]:LIFE_TYPE=SECONDS",
        "RSA_SIG-SHA-AES128-MODP_3072-life]:LIFE_DURATION=600",
    ),
    "lifetime: minutes and hours": Row(
        f"ike {HOSTS} main lifetime 10m quick lifetime 2H\n",
        (
            f"C set [phase1-transform-{PEER}-RSA_SIG-SHA-AES128-MODP_3072-life]:LIFE_DURATION=600 force",
            f"C set [phase2-transform-{LINK}-AES128-SHA2_256-MODP_3072-TUNNEL-life]:LIFE_DURATION=7200 force",
        ),
    ),
    "ids: an IPv4 address": Row(
        f"ike {HOSTS} srcid 5.5.5.5\n",
        ("C set [id-5.5.5.5]:ID-type=IPV4_ADDR force", "C set [id-5.5.5.5]:Address=5.5.5.5 force"),
    ),
    "ids: an IPv6 address": Row(
        f"ike {HOSTS} dstid ::5\n",
        (f"C set [{PEER}]:Remote-ID=id-::5 force", "C set [id-::5]:ID-type=IPV6_ADDR force"),
    ),
    "ids: a user": Row(f"ike {HOSTS} srcid a@b.org\n", ("C set [id-a@b.org]:ID-type=USER_FQDN force",)),
    "ids: a name": Row(
        f"ike {HOSTS} dstid b.org\n", ("C set [id-b.org]:ID-type=FQDN force", "C set [id-b.org]:Name=b.org force")
    ),
    "ids: srcid comes first": said(f"ike {HOSTS} dstid a srcid b", "syntax error"),
    "psk": Row(
        f"ike {HOSTS} psk sesame\n",
        (f"C set [{PEER}]:Authentication=sesame force",),
    ),
    "rsa": phase1("rsa", "RSA_SIG-SHA-AES128-MODP_3072]:AUTHENTICATION_METHOD=RSA_SIG"),
    "tag": Row(f"ike {HOSTS} tag vpn\n", (f"C set [{LINK}]:PF-Tag=vpn force",)),
    "interface": Row(
        "ike interface sec5 peer 2.2.2.2\n",
        ("C set [from-sec5-to-sec5]:Interface=5 force", "C set [from-sec5]:Network=0.0.0.0 force"),
    ),
    "interface: takes no tag": said("ike interface sec5 peer 2.2.2.2 tag x", "syntax error"),
    "interface: is a sec": said("ike interface em0 peer 2.2.2.2", "invalid sec interface name"),
}

ROWS = {f"{part}-{name}": row for part, rows in (("4.1", LEXICAL), ("4.2", RULES)) for name, row in rows.items()}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_of_the_manual(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(row, tmp_path, monkeypatch, capsys)
