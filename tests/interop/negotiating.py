"""A tunnel of a row: brought up, proven, taken down so that nothing stays behind; and the refusal of one."""

from __future__ import annotations

from tests.interop import esp, xfrm
from tests.interop.bed import RIGHT, BedError, eventually
from tests.interop.gateway import InstalledSa
from tests.interop.scenario import Begins, Refusal, Stage, Tunnel

SECONDS = 30
"""How long anything may take; the machine may be busy."""


# --- tunnels ------------------------------------------------------------------------------------------------------


def established(stage: Stage, tunnels: tuple[Tunnel, ...]) -> str:
    for tunnel in tunnels:
        if stage.begins is Begins.OURS:
            stage.ours.command(f"c {tunnel.ours}")
        else:
            stage.theirs.initiate(SECONDS, tunnel.theirs)
        eventually(
            f"isakmpd has installed {tunnel.ours}",
            lambda name=tunnel.ours: pairs_of(stage, name) or None,  # type: ignore[misc]
            SECONDS,
        )
    eventually("both sides have the same SPIs", lambda: agree(stage, tunnels) or None, SECONDS, 0.05)
    return prove(stage, tunnels)


def prove(stage: Stage, tunnels: tuple[Tunnel, ...]) -> str:
    """Both sides hold the same keys, and our newest SAs are those that the row asks for."""
    proof = ""
    for tunnel in tunnels:
        inbound, outbound = pairs_of(stage, tunnel.ours)[-1]
        for sa in (inbound, outbound):
            wrong = {name: _field(sa, name) for name, value in tunnel.sas.items() if _field(sa, name) != value}
            assert not wrong, f"{tunnel.ours} has {wrong}, not {tunnel.sas}"
        if stage.row.kernel:
            proof = xfrm.PROVED
            xfrm.compare(xfrm.states(stage.bed.names[RIGHT]), (inbound, outbound))
        else:
            proof = esp.PROVED
            esp.converse(stage.bed, inbound, outbound)
    return proof


def pairs_of(stage: Stage, connection: str) -> list[tuple[InstalledSa, InstalledSa]]:
    """Our installed SAs of a connection, inbound and outbound together."""
    return esp.directions([each for each in stage.ours.installed() if each.connection == connection])


def _field(sa: InstalledSa, name: str) -> object:
    if name.endswith("_bits"):
        return 4 * len(getattr(sa, f"{name.removesuffix('_bits')}_key"))
    value: object = getattr(sa, name)
    return value


def agree(stage: Stage, tunnels: tuple[Tunnel, ...]) -> bool:
    pairs = [pair for tunnel in tunnels for pair in pairs_of(stage, tunnel.ours)]
    ours = frozenset(frozenset(f"{sa.spi:08x}" for sa in pair) for pair in pairs)
    return len(ours) == len(tunnels) and ours == stage.theirs.spis()


def taken_down(stage: Stage) -> None:
    """Whoever began ends it; then both sides hold nothing, and we have no exchange under way."""
    if stage.begins is Begins.OURS:
        assert stage.ours.stop() == 0
    else:
        stage.theirs.terminate()
        eventually(
            "isakmpd has nothing left", lambda: not (stage.ours.sas() or stage.ours.installed()) or None, SECONDS
        )
        assert stage.ours.exchanges() == 0
    eventually("the peer has nothing left", lambda: not stage.theirs.spis() or None, SECONDS)


# --- refusals -----------------------------------------------------------------------------------------------------


def refused(stage: Stage, refusal: Refusal) -> str:
    if stage.begins is Begins.OURS:
        stage.ours.command("c t")
    else:
        try:
            stage.theirs.initiate(3)
        except BedError:
            pass
        else:
            raise AssertionError("the peer got a tunnel")

    reason, heard = refusal.words[stage.begins]

    def recorded() -> bool | None:
        return reason in {each["reason"] for each in stage.ours.records()} or None

    eventually(f"a record with {reason}", recorded, SECONDS, 0.2)
    eventually(f"the peer says {heard}", lambda: heard in stage.theirs.log() or None, SECONDS)
    assert not stage.ours.installed()
    assert not stage.theirs.spis()
    return f"refused: {reason}"
