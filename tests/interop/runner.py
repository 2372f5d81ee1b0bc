"""Runs a row: both daemons, the negotiation, the proof, what happens to the tunnel, and its end."""

from __future__ import annotations

from tests.interop.bed import Bed, BedError
from tests.interop.certificates import issue
from tests.interop.gateway import Isakmpd
from tests.interop.libreswan import Libreswan
from tests.interop.negotiating import established, refused, taken_down
from tests.interop.scenario import Begins, Peer, Refusal, Scenario, Stage
from tests.interop.settings import isakmpd_conf, policy
from tests.interop.strongswan import StrongSwan


def run_row(bed: Bed, row: Scenario, begins: Begins) -> str:
    """Run a row and return what proved it. Raises AssertionError with both logs where anything does not hold."""
    told = row.told(begins)
    held = issue(row.credentials) if row.credentials else None
    conf, rules = isakmpd_conf(told.ours), policy(row.licensees, row.condition)
    ours = Isakmpd(bed, conf, rules, files=held.ours() if held else {})
    theirs: Peer
    if row.peer == "libreswan":
        theirs = Libreswan(bed, told.theirs, held.pkcs12() if held else b"")
    else:
        theirs = StrongSwan(bed, told.theirs, kernel_esp=row.kernel, files=held.swanctl() if held else {})
    stage = Stage(bed, row, begins, ours, theirs)
    try:
        if isinstance(row.holds, Refusal):
            return refused(stage, row.holds)
        proof = established(stage, row.holds)
        for check in row.after:
            check(stage)
        taken_down(stage)
    except (AssertionError, BedError) as failure:
        raise AssertionError(f"{failure}{logs(stage)}") from failure
    return proof


def logs(stage: Stage) -> str:
    """The ends of both sides' logs, for those who must find out why."""
    ours = stage.ours.log().partition("isakmpd: started")[2]
    return f"\n--- isakmpd\n{ours[-6000:]}\n--- {stage.row.peer}\n{stage.theirs.log()[-6000:]}"
