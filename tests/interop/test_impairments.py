"""Bad input from a real peer: each of libreswan's impairments; we neither keep anything of it nor suffer by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.bed import Bed, eventually
from tests.interop.gateway import Isakmpd
from tests.interop.impairments import IMPAIRMENTS, Impairment
from tests.interop.libreswan import Libreswan
from tests.interop.pair import ESP
from tests.interop.scenario import Begins
from tests.interop.settings import isakmpd_conf, policy, psk_licensee

SECONDS = 30
PATIENCE = {"General:Exchange-max-time": "3"}
"""Half-open exchanges are given up after this, instead of two minutes."""

STANDS = "isakmpd: phase 1 done"


@pytest.mark.parametrize("impairment", IMPAIRMENTS, ids=lambda each: each.row)
def test_an_impaired_peer_leaves_nothing_behind(
    bed: Bed, impairment: Impairment, record_property: Callable[[str, object], None]
) -> None:
    ours = Isakmpd(bed, isakmpd_conf(PATIENCE), policy([psk_licensee()], ESP))
    theirs = Libreswan(bed, {})
    try:
        _suffer(ours, theirs, impairment)
        _nothing_is_left(ours, theirs)
        _negotiates_again(ours, theirs)
    except Exception as failure:
        log = ours.log().partition("isakmpd: started")[2]
        raise AssertionError(f"{failure}\n--- isakmpd\n{log}\n--- libreswan\n{theirs.log()[-4000:]}") from failure
    record_property("row", impairment.row)
    record_property("interop", impairment.says or "no harm")


def _suffer(ours: Isakmpd, theirs: Libreswan, impairment: Impairment) -> None:
    """The impaired negotiation: our log names the check, and phase 1 stands or not."""
    theirs.impair(*impairment.words)
    if impairment.begins is Begins.OURS:
        ours.command("c t")
    else:
        theirs.whack("--initiate", "--name", "c", "--asynchronous")
    if impairment.stands:
        eventually("phase 1 stands", lambda: STANDS in ours.log() or None, SECONDS)
    if impairment.at_end:
        eventually("pluto's phase 1 stands", lambda: "IKE SA established" in theirs.log() or None, SECONDS)
        theirs.terminate()
    if impairment.says:
        eventually(f"our log says {impairment.says}", lambda: impairment.says in ours.log() or None, SECONDS)
    theirs.unimpair()
    theirs.terminate()
    if not impairment.stands:
        assert STANDS not in ours.log()


def _nothing_is_left(ours: Isakmpd, theirs: Libreswan) -> None:
    """No SA of phase 2 ever came of it; what is left of phase 1 goes when it is told to."""
    ours.command("t main peer")
    eventually("no SA and no exchange is left", lambda: not (ours.sas() or ours.exchanges()) or None, SECONDS, 0.1)
    assert not ours.installed()
    assert ours.process.is_alive()
    assert "ABORT" not in ours.log()
    assert "Traceback" not in ours.log()
    theirs.terminate()


def _negotiates_again(ours: Isakmpd, theirs: Libreswan) -> None:
    """A sound pluto gets its phase 1, and its quick mode is accepted."""
    before = ours.log().count(STANDS)
    theirs.whack("--initiate", "--name", "c", "--asynchronous")
    eventually("the next negotiation", lambda: ours.log().count(STANDS) > before or None, SECONDS)
    eventually("its quick mode", lambda: "quick mode responder" in ours.report() or None, SECONDS)
