"""Rubbish over real UDP at a running isakmpd: it stays alive, says little, and negotiates afterwards as before."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from random import Random

from tests.daemon.running import Isakmpd
from tests.fuzz.engines import MESSAGES, converse
from tests.fuzz.mutations import damaged, prefixes

COUNT = 4000
CONF = """
[Phase 1]
127.0.0.1=peer

[Phase 2]
Passive-connections=tunnel

[peer]
Phase=1
Address=127.0.0.1
Port={port}
Authentication=secret of both
Configuration=phase-1

[phase-1]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-256-SHA2-256-GRP19

[tunnel]
Phase=2
ISAKMP-peer=peer
Configuration=phase-2

[phase-2]
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-256-SHA2-256-PFS-GRP19-SUITE
"""


def test_rubbish_over_udp_leaves_a_running_daemon_as_it_was(tmp_path: Path) -> None:
    victim, peer = (Isakmpd(tmp_path / name, ("-d", "-v")) for name in ("victim", "peer"))
    for each, other in ((victim, peer), (peer, victim)):
        each.folder.mkdir()
        each.write(each.conf, CONF.format(port=other.port))
        each.write(each.policy, 'Authorizer: "POLICY"\n')
    with victim, peer:
        victim.started()
        peer.started()
        send_rubbish(victim)
        assert victim.process.poll() is None
        assert "SA name" not in victim.ask("S")
        assert "Traceback" not in victim.log()
        assert "internal error" not in victim.log()
        assert len(victim.log().splitlines()) < 200
        peer.say("c tunnel")
        victim.until("quick mode done")
        assert victim.ask("S").count("(Phase 2)") == 1


def send_rubbish(victim: Isakmpd) -> None:
    """Damaged messages and prefixes to both ports, in bursts that a socket's buffer can hold."""
    valid = [each.data for each in converse(MESSAGES).spoken]
    datagrams = [*damaged(valid, COUNT, Random("udp")), *(each for message in valid[:5] for each in prefixes(message))]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for number, data in enumerate(datagrams):
            sender.sendto(data, ("127.0.0.1", victim.port))
            sender.sendto(bytes(4) + data, ("127.0.0.1", victim.nat_port))
            if number % 50 == 0:
                time.sleep(0.02)
