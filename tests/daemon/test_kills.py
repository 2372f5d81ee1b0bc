"""kill -9 of the daemon at any moment: the next one starts, its files are whole, and nothing is in its way.

`make test` kills 4 daemons, `make faults` 60.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from policydb.records.decisionlog import DecisionLog
from tests.daemon.running import OPEN_POLICY, Isakmpd
from tests.policydb.faults import assert_whole
from tests.sizes import sized

KILLS = sized(4, 60)
CONF = "[General]\nRetransmits={}\nListen-on=127.0.0.1\n"


@pytest.mark.full_size
@pytest.mark.timeout(1200)
def test_a_killed_daemon_leaves_nothing_that_keeps_the_next_from_starting(tmp_path: Path) -> None:
    chance = random.Random(11)
    daemon = Isakmpd(tmp_path, ("-d", "-v"))
    daemon.write(daemon.policy, OPEN_POLICY)
    log = tmp_path / "log"
    for number in range(KILLS):
        daemon.write(daemon.conf, CONF.format(number % 9 + 1))
        log.unlink(missing_ok=True)
        with daemon:
            if number % 4:
                daemon.started()
                daemon.write(daemon.conf, CONF.format(number % 7 + 1))
                daemon.say("R")  # a compilation under way
                daemon.say("C set [x]:y=z")
            time.sleep(chance.random() * 0.5)
            assert daemon.process.poll() is None, daemon.log()
            daemon.process.kill()
    log.unlink()
    daemon.write(daemon.conf, CONF.format(5))
    with daemon:
        assert daemon.started().ask("C get [General]:Retransmits") == "5\n"
        assert daemon.pid_file.read_text() == f"{daemon.process.pid}\n"
        daemon.say("Q")
        assert daemon.wait() == 0
    assert assert_whole(tmp_path / "policy.db", asked=2) >= 1
    with DecisionLog(tmp_path / "decisions.db", read_only=True) as decisions:
        decisions.records()
    with closing(sqlite3.connect(tmp_path / "decisions.db")) as decisions_file:
        assert decisions_file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
