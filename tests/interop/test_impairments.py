"""Bad input from a real peer: each of libreswan's impairments; we neither keep anything of it nor suffer by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.bed import Bed, eventually
from tests.interop.certificates import issue
from tests.interop.gateway import Isakmpd
from tests.interop.impairments import IMPAIRMENTS, SETUPS, Impairment
from tests.interop.libreswan import Libreswan
from tests.interop.pair import ESP
from tests.interop.scenario import Begins
from tests.interop.settings import isakmpd_conf, policy, psk_licensee
from tests.interop.strongswan_rows import BY_AUTHORITY

SECONDS = 30
PATIENCE, PATIENCE_IN_THE_GUEST = "3", "20"
"""Seconds after which half-open exchanges are given up, instead of two minutes. The guest's kernel loads modules."""

STANDS = "isakmpd: phase 1 done"

PARAMETERS = [
    pytest.param(each, id=each.row, marks=[pytest.mark.kernel] if each.kernel else []) for each in IMPAIRMENTS
]


@pytest.mark.parametrize("impairment", PARAMETERS)
def test_an_impaired_peer_leaves_nothing_behind(
    bed: Bed, impairment: Impairment, record_property: Callable[[str, object], None]
) -> None:
    record_property("row", impairment.row)
    ours, theirs = _both(bed, impairment)
    try:
        _suffer(ours, theirs, impairment)
        _nothing_is_left(ours, theirs)
        if impairment.sound:
            _negotiates_again(ours, theirs, impairment)
    except Exception as failure:
        log = ours.log().partition("isakmpd: started")[2]
        raise AssertionError(f"{failure}\n--- isakmpd\n{log}\n--- libreswan\n{theirs.log()[-4000:]}") from failure
    record_property("interop", impairment.says or "no harm")


def _both(bed: Bed, impairment: Impairment) -> tuple[Isakmpd, Libreswan]:
    """Both daemons; pluto is impaired from its start, unless that is for later."""
    told = impairment.told()
    held = issue("rsa") if SETUPS[impairment.setup].certified else None
    licensees = BY_AUTHORITY if held else (psk_licensee(),)
    patience = PATIENCE_IN_THE_GUEST if impairment.kernel else PATIENCE
    conf = isakmpd_conf({"General:Exchange-max-time": patience, **told.ours})
    ours = Isakmpd(bed, conf, policy(licensees, ESP), files=held.ours() if held else {})
    early = () if impairment.late else impairment.words
    return ours, Libreswan(bed, told.theirs, held.pkcs12() if held else b"", early)


def _suffer(ours: Isakmpd, theirs: Libreswan, impairment: Impairment) -> None:
    """The impaired negotiation: our log names the check or pluto its deed, and phase 1 stands or not."""
    _begin(ours, theirs, impairment)
    if impairment.stands:
        eventually("phase 1 stands", lambda: STANDS in ours.log() or None, SECONDS)
    if impairment.late or impairment.at_end:
        eventually("pluto's phase 1 stands", lambda: "IKE SA established" in theirs.log() or None, SECONDS)
    if impairment.late:
        theirs.impair(*impairment.words)
        _begin(ours, theirs, impairment)
    if impairment.at_end:
        theirs.terminate()
    if impairment.says:
        eventually(f"our log says {impairment.says}", lambda: impairment.says in ours.log() or None, SECONDS)
    eventually("pluto is seen to be impaired", lambda: impairment.shows(ours, theirs) or None, SECONDS, 0.1)
    theirs.unimpair()
    theirs.terminate()
    assert impairment.stands is (STANDS in ours.log())


def _begin(ours: Isakmpd, theirs: Libreswan, impairment: Impairment) -> None:
    if impairment.begins is Begins.OURS:
        ours.command("c t")
    else:
        theirs.whack("--initiate", "--name", "c", "--asynchronous")


def _nothing_is_left(ours: Isakmpd, theirs: Libreswan) -> None:
    """No SA of phase 2 ever came of it; what is left of phase 1 goes when it is told to."""
    ours.command("t main peer")
    eventually("no SA and no exchange is left", lambda: not (ours.sas() or ours.exchanges()) or None, SECONDS, 0.1)
    assert not ours.installed()
    assert ours.process.is_alive()
    assert "ABORT" not in ours.log()
    assert "Traceback" not in ours.log()
    theirs.terminate()


def _negotiates_again(ours: Isakmpd, theirs: Libreswan, impairment: Impairment) -> None:
    """With a sound pluto phase 1 and whatever belongs to it are done, and quick mode is begun or accepted."""
    before, told = ours.log().count(STANDS), f"quick mode {impairment.begins}"
    _begin(ours, theirs, impairment)
    eventually("the next negotiation", lambda: ours.log().count(STANDS) > before or None, SECONDS)
    eventually("its quick mode", lambda: ours.installed() or told in ours.report() or None, SECONDS)
