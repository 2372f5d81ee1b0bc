"""strongSwan's scenarios with XAUTH and mode-config, under their own names; who does not begin is the gateway."""

from __future__ import annotations

from tests.interop.scenario import Begins, Refusal, Scenario, Stage, Tunnel
from tests.interop.settings import Changes, Settings, network
from tests.interop.strongswan_rows import (
    AES128,
    AES128_SAS,
    AGGRESSIVE,
    BEHIND,
    BY_AUTHORITY,
    PEER,
    RSA,
)

USER, PASSWORD = "bob", "a-password-of-bobs"
INSIDE, NAMESERVER = "10.77.9.1", "10.77.2.53"

Roles = dict[Begins, Settings]


def both(*each: Roles) -> Roles:
    """One over the other."""
    laid = dict.fromkeys(Begins, Settings())
    for roles in each:
        laid = {begins: laid[begins] | roles.get(begins, Settings()) for begins in laid}
    return laid


# --- XAUTH --------------------------------------------------------------------------------------------------------

_PSK = {"local": {"auth": "psk", "id": "right.example.org"}, "remote": {"auth": "psk", "id": "left.example.org"}}
_RSA = {
    "local": {"auth": "pubkey", "id": "right.example.org", "certs": "right.crt"},
    "remote": {"auth": "pubkey", "id": "left.example.org", "cacerts": "ca.crt"},
}


def xauth(*, rsa: bool = False, password: str = PASSWORD) -> Roles:
    """The side that begins proves a user besides; `password` is what it has for one."""
    first = _RSA if rsa else _PSK
    transform = f"AES-128-SHA2-256-GRP15{'-RSA_SIG' if rsa else ''}"
    method: Changes = {f"{transform}:AUTHENTICATION_METHOD": f"XAUTH_INIT_{'RSA' if rsa else 'PRE_SHARED'}"}
    return {
        Begins.OURS: Settings(
            {**method, "peer:XAUTH-User": USER, "peer:XAUTH-Password": password},
            {**_rounds("remote", first["remote"], {"auth": "xauth"}), **_user(PASSWORD)},
        ),
        Begins.THEIRS: Settings(
            {**method, f"XAUTH-users:{USER}": PASSWORD},
            {**_rounds("local", first["local"], {"auth": "xauth", "xauth_id": USER}), **_user(password)},
        ),
    }


def hybrid() -> Roles:
    """The gateway has a certificate; the side that begins has none, and proves a user alone."""
    method: Changes = {"AES-128-SHA2-256-GRP15-RSA_SIG:AUTHENTICATION_METHOD": "HYBRID_INIT_RSA"}
    client = {"auth": "xauth", "id": "right.example.org", "xauth_id": USER}
    return {
        Begins.OURS: Settings(
            {**method, "peer:XAUTH-User": USER, "peer:XAUTH-Password": PASSWORD},
            {**_rounds("remote", {"auth": "xauth"}), **_user(PASSWORD)},
        ),
        Begins.THEIRS: Settings(
            {**method, f"XAUTH-users:{USER}": PASSWORD},
            {**_rounds("local", client), **_user(PASSWORD)},
        ),
    }


def _user(password: str) -> Changes:
    return {"/secrets.xauth-bob.id": USER, "/secrets.xauth-bob.secret": f'"{password}"'}


def _rounds(side: str, *rounds: Changes) -> dict[str, str | None]:
    """Several rounds of authentication of one side of strongSwan's connection, in place of its one."""
    changes: dict[str, str | None] = {f"{side}.{key}": None for key in ("auth", "id", "certs", "cacerts")}
    for number, each in enumerate(rounds, start=1):
        changes |= {f"{side}-{number}.{key}": value for key, value in each.items()}
    return changes


def proved(stage: Stage) -> None:
    """The gateway knows its user."""
    if stage.begins is Begins.OURS:
        assert f"XAuth authentication of '{USER}' successful" in stage.theirs.log()
    else:
        [phase_1] = [each for each in stage.ours.sas() if each.phase == 1]
        assert f"XAUTH user: {USER}" in phase_1.text
        assert {each["user"] for each in stage.ours.records() if each["exchange"] == "quick mode"} == {USER}


# --- mode-config --------------------------------------------------------------------------------------------------


def config(*, push: bool = False, pool: str = f"{INSIDE}/32") -> Roles:
    """The side that begins gets its address and a name server from the other, asked for or pushed."""
    section = "fqdn/right.example.org"
    pulled = {"pull": "no" if push else "yes"}
    given: Changes = {
        f"{section}:Attributes": "Address,Nameserver",
        f"{section}:Address": INSIDE,
        f"{section}:Nameserver": NAMESERVER,
        **_address("right-network", INSIDE),
        **({"peer:Flags": "ikecfg"} if push else {}),
    }
    wanted: Changes = {
        f"{section}:Mode": "REQUEST",
        f"{section}:Attributes": "Address,Nameserver",
        **_address("left-network", "0.0.0.0"),  # noqa: S104 - the address that mode-config gives
        **({} if push else {"peer:Flags": "ikecfg"}),
    }
    pools = {"pools": "p", "/pools.p.addrs": pool, "/pools.p.dns": NAMESERVER, "children.c.remote_ts": "dynamic"}
    return {
        Begins.OURS: Settings(wanted, {**pools, **pulled}),
        Begins.THEIRS: Settings(
            given,
            {"vips": "0.0.0.0", "children.c.local_ts": "dynamic", **pulled},  # noqa: S104 - any address
        ),
    }


def _address(name: str, value: str) -> Changes:
    return {**network(name, value), f"{name}:Network": None, f"{name}:Netmask": None}


def configured(stage: Stage) -> None:
    """Both sides know the address, and whoever got it has it as the selector of its SAs."""
    if stage.begins is Begins.OURS:
        [phase_1] = [each for each in stage.ours.sas() if each.phase == 1]
        assert f"mode-config INTERNAL_IP4_ADDRESS: {INSIDE}" in phase_1.text
        assert f"mode-config INTERNAL_IP4_DNS: {NAMESERVER}" in phase_1.text
    else:
        assert f"installing new virtual IP {INSIDE}" in stage.theirs.log()
        assert f"installing DNS server {NAMESERVER}" in stage.theirs.log()
    assert INSIDE in {each.source_selector for each in stage.ours.installed()}


# --- the rows -----------------------------------------------------------------------------------------------------

ONE = (Tunnel(AES128_SAS),)
NAT, *_ = BEHIND

ROWS = (
    Scenario(PEER, "xauth-psk", "a pre-shared key and a user", AES128, xauth(), holds=ONE, after=(proved,)),
    Scenario(
        PEER, "xauth-psk-fail", "the user's password is wrong", AES128, xauth(password="not-a-password-of-bobs"),
        holds=Refusal({
            Begins.OURS: ("peer-refused", f"XAuth authentication of '{USER}' failed"),
            Begins.THEIRS: ("authentication-failed", f"XAuth authentication of '{USER}' (myself) failed"),
        }),
    ),
    Scenario(
        PEER, "xauth-id-psk-config", "a pre-shared key, a user, and the user's address by mode-config", AES128,
        both(xauth(), config()), holds=ONE, after=(proved, configured),
    ),
    Scenario(
        PEER, "xauth-rsa", "certificates and a user", AES128 | RSA, xauth(rsa=True),
        holds=ONE, after=(proved,), credentials="rsa", licensees=BY_AUTHORITY,
    ),
    Scenario(
        PEER, "xauth-id-rsa-config", "certificates, a user, and the user's address by mode-config", AES128 | RSA,
        both(xauth(rsa=True), config()), holds=ONE, after=(proved, configured), credentials="rsa",
        licensees=BY_AUTHORITY,
    ),
    Scenario(
        PEER, "xauth-id-rsa-hybrid", "the gateway's certificate and a user; the side that begins has no key",
        AES128 | RSA, hybrid(), holds=ONE, after=(proved,), credentials="rsa",
        licensees=(*BY_AUTHORITY, f"user:{USER}"),
    ),
    Scenario(
        PEER, "xauth-id-rsa-aggressive", "aggressive mode, certificates and a user", AES128 | RSA | AGGRESSIVE,
        xauth(rsa=True), holds=ONE, after=(proved,), credentials="rsa", licensees=BY_AUTHORITY,
    ),
    Scenario(
        PEER, "config-payload", "the side that begins asks for an address and a name server", AES128,
        config(), holds=ONE, after=(configured,),
    ),
    Scenario(
        PEER, "config-payload-push", "the gateway pushes an address and a name server", AES128,
        config(push=True), holds=ONE, after=(configured,),
    ),
    Scenario(
        PEER, "ip-pool", "an address of a pool; ours are fixed, one for each identity", AES128,
        config(pool="10.77.9.0/28"), holds=ONE, after=(configured,),
    ),
    Scenario(
        PEER, "nat-virtual-ip", "the side that begins is behind a NAT and gets an inner address by mode-config",
        NAT.settings, both(dict(NAT.when), config()), holds=ONE, after=(*NAT.after, configured), nat=NAT.nat,
    ),
)  # fmt: skip
