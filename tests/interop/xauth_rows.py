"""strongSwan's scenarios with XAUTH and mode-config, under their own names; the gateway is the side that does not begin."""

from __future__ import annotations

from tests.interop.scenario import Begins, Refusal, Scenario, Stage, Tunnel
from tests.interop.settings import Changes, Settings, network
from tests.interop.strongswan_rows import AES128, AES128_SAS, PEER

USER, PASSWORD = "bob", "a-password-of-bobs"
INSIDE, NAMESERVER = "10.77.9.1", "10.77.2.53"

# --- XAUTH --------------------------------------------------------------------------------------------------------

_METHOD = {"AES-128-SHA2-256-GRP15:AUTHENTICATION_METHOD": "XAUTH_INIT_PRE_SHARED"}


def xauth(password: str = PASSWORD) -> dict[Begins, Settings]:
    """The side that begins proves a user besides; `password` is what it has for one."""
    as_client = Settings(
        {**_METHOD, "peer:XAUTH-User": USER, "peer:XAUTH-Password": password},
        {
            **_rounds("remote", {"auth": "psk", "id": "left.example.org"}, {"auth": "xauth"}),
            "/secrets.xauth-bob.id": USER,
            "/secrets.xauth-bob.secret": f'"{PASSWORD}"',
        },
    )
    as_gateway = Settings(
        {**_METHOD, f"XAUTH-users:{USER}": PASSWORD},
        {
            **_rounds("local", {"auth": "psk", "id": "right.example.org"}, {"auth": "xauth", "xauth_id": USER}),
            "/secrets.xauth-bob.id": USER,
            "/secrets.xauth-bob.secret": f'"{password}"',
        },
    )
    return {Begins.OURS: as_client, Begins.THEIRS: as_gateway}


def _rounds(side: str, *rounds: Changes) -> dict[str, str | None]:
    """Several rounds of authentication of one side of strongSwan's connection, in place of its one."""
    changes: dict[str, str | None] = {f"{side}.auth": None, f"{side}.id": None}
    for number, each in enumerate(rounds, start=1):
        changes |= {f"{side}-{number}.{key}": value for key, value in each.items()}
    return changes


# --- mode-config --------------------------------------------------------------------------------------------------


def config(*, push: bool = False) -> dict[Begins, Settings]:
    """The side that begins gets its address and a name server from the other, asked for or pushed."""
    ours = {
        "fqdn/right.example.org:Attributes": "Address,Nameserver",
        "fqdn/right.example.org:Address": INSIDE,
        "fqdn/right.example.org:Nameserver": NAMESERVER,
        **network("right-network", INSIDE),
        **dict.fromkeys(("right-network:Network", "right-network:Netmask")),
    }
    wish: dict[str, str | None] = {
        "fqdn/right.example.org:Mode": "REQUEST",
        "fqdn/right.example.org:Attributes": "Address,Nameserver",
        **network("left-network", "0.0.0.0"),
        **dict.fromkeys(("left-network:Network", "left-network:Netmask")),
    }
    pool = {
        "pools": "p",
        "/pools.p.addrs": f"{INSIDE}/32",
        "/pools.p.dns": NAMESERVER,
        "children.c.remote_ts": "dynamic",
    }
    pulled = {"pull": "no" if push else "yes"}
    return {
        Begins.OURS: Settings(wish if push else {**wish, "peer:Flags": "ikecfg"}, {**pool, **pulled}),
        Begins.THEIRS: Settings(
            {**ours, "peer:Flags": "ikecfg"} if push else ours,
            {"vips": "0.0.0.0", "children.c.local_ts": "dynamic", **pulled},
        ),
    }


def configured(stage: Stage) -> None:
    """Both sides know the address, and whoever got it has it as the selector of its SAs."""
    if stage.begins is Begins.OURS:
        assert f"INTERNAL_IP4_ADDRESS {INSIDE}, INTERNAL_IP4_DNS {NAMESERVER}" in stage.ours.log()
        [phase_1] = [each for each in stage.ours.sas() if each.phase == 1]
        assert f"mode-config INTERNAL_IP4_ADDRESS: {INSIDE}" in phase_1.text
    else:
        assert f"installing new virtual IP {INSIDE}" in stage.theirs.log()
        assert f"installing DNS server {NAMESERVER}" in stage.theirs.log()
    selectors = {each.source_selector for each in stage.ours.installed()}
    assert INSIDE in selectors


def proved(stage: Stage) -> None:
    """The gateway knows its user."""
    if stage.begins is Begins.OURS:
        assert f"XAuth authentication of '{USER}' successful" in stage.theirs.log()
    else:
        [phase_1] = [each for each in stage.ours.sas() if each.phase == 1]
        assert f"XAUTH user: {USER}" in phase_1.text
        assert {each["user"] for each in stage.ours.records() if each["exchange"] == "quick mode"} == {USER}


def both(first: dict[Begins, Settings], second: dict[Begins, Settings]) -> dict[Begins, Settings]:
    """One after the other."""
    return {begins: first[begins] | second[begins] for begins in first}


ONE = (Tunnel(AES128_SAS),)

ROWS = (
    Scenario(PEER, "xauth-psk", "a pre-shared key and a user", AES128, xauth(), holds=ONE, after=(proved,)),
    Scenario(
        PEER,
        "xauth-psk-fail",
        "the user's password is wrong",
        AES128,
        xauth("not-a-password-of-bobs"),
        holds=Refusal(("authentication-failed", "peer-refused")),
    ),
    Scenario(
        PEER,
        "config-payload",
        "the side that begins asks for an address and a name server",
        AES128,
        config(),
        holds=ONE,
        after=(configured,),
    ),
    Scenario(
        PEER,
        "config-payload-push",
        "the gateway pushes address and name server",
        AES128,
        config(push=True),
        holds=ONE,
        after=(configured,),
    ),
    Scenario(
        PEER,
        "xauth-id-psk-config",
        "a pre-shared key, a user, and an address for the user's traffic",
        AES128,
        both(xauth(), config()),
        holds=ONE,
        after=(proved, configured),
    ),
)

