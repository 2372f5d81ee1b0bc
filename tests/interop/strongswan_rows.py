"""strongSwan's IKEv1 scenarios under their own names (testing/tests/ikev1 of its sources), and some beside them.

Where the original has many hosts, one of them is ours. Where certificates are not its point, it has a pre-shared key.
"""

from __future__ import annotations

from tests.interop import happenings
from tests.interop.bed import LEFT, RIGHT
from tests.interop.certificates import AUTHORITY
from tests.interop.pair import algorithms
from tests.interop.scenario import Begins, Nat, Refusal, Scenario, Tunnel
from tests.interop.settings import Settings, connection, network

PEER = "strongSwan"


def esp(cipher: str, bits: int, authentication: str, mode: str = "TUNNEL") -> dict[str, object]:
    """What an ESP SA must be."""
    return {
        "protocol": "ESP",
        "encryption": cipher,
        "encryption_bits": bits,
        "authentication": authentication,
        "encapsulation": mode,
    }


AES128 = algorithms(
    "aes128-sha256-modp3072", "aes128-sha256", "AES-128-SHA2-256-GRP15", "QM-ESP-AES-128-SHA2-256-SUITE"
)
AES128_SAS = esp("AES", 128, "HMAC_SHA2_256")
ONE = (Tunnel(AES128_SAS),)

HOST_TO_HOST = Settings(
    {"t:Local-ID": None, "t:Remote-ID": None},
    {"children.c.local_ts": "dynamic", "children.c.remote_ts": "dynamic"},
)
ADDRESSES = Settings(
    {**network("left", LEFT.address), **network("right", RIGHT.address), "left:Name": None, "right:Name": None},
    {"local.id": RIGHT.address, "remote.id": LEFT.address, "/secrets.ike-t.id-1": LEFT.address},
)
ROAD_WARRIOR = {
    # The gateway does not know where the other one will come from, and protects the traffic of that one address.
    Begins.OURS: Settings(
        network("left-network", LEFT.address), {"remote_addrs": "%any", "children.c.remote_ts": "dynamic"}
    ),
    Begins.THEIRS: Settings(
        {
            **network("right-network", RIGHT.address),
            "Phase 1:Default": "peer",
            f"Phase 1:{RIGHT.address}": None,
            "peer:Address": None,
        },
        {"children.c.local_ts": "dynamic"},
    ),
}

PLAIN = (
    Scenario(PEER, "net2net-psk", "two gateways, a pre-shared key", AES128, holds=ONE),
    Scenario(
        PEER,
        "net2net-psk-fail",
        "the pre-shared keys differ",
        AES128 | Settings(theirs={"/secrets.ike-t.secret": '"not-the-secret-of-two-gateways"'}),
        {Begins.OURS: Settings({"General:Retransmits": "1", "General:Exchange-max-time": "15"})},
        holds=Refusal(
            {
                Begins.OURS: ("timeout", "could not decrypt payloads"),
                Begins.THEIRS: ("authentication-failed", "ignoring unprotected INFORMATIONAL"),
            }
        ),
    ),
    Scenario(
        PEER,
        "rw-psk-ipv4",
        "road warrior, a pre-shared key, addresses as identities",
        AES128 | ADDRESSES,
        ROAD_WARRIOR,
        holds=ONE,
        kernel=True,
    ),
    Scenario(
        PEER,
        "rw-psk-fqdn",
        "road warrior, a pre-shared key, host names as identities",
        AES128,
        ROAD_WARRIOR,
        holds=ONE,
        kernel=True,
    ),
    Scenario(
        PEER,
        "rw-psk-ip-ranges",
        "whoever comes from a range of addresses has one pre-shared key",
        AES128,
        {
            Begins.OURS: Settings(theirs={"remote_addrs": "10.77.0.0-10.77.0.63,10.78.0.0/16"}),
            Begins.THEIRS: ROAD_WARRIOR[Begins.THEIRS],
        },
        holds=ONE,
        kernel=True,
    ),
    Scenario(
        PEER,
        "rw-multi-ciphers",
        "many proposals of both sides; the only common one is taken",
        algorithms(
            "aes256-sha512-modp4096,aes192-sha384-modp3072,3des-sha1-modp1536",
            "aes256-sha512,aes192-sha384,3des-sha1",
            "AES-128-SHA2-256-GRP15,AES-192-SHA2-384-GRP15",
            "QM-ESP-AES-128-SHA2-256-SUITE,QM-ESP-AES-192-SHA2-384-SUITE",
        ),
        ROAD_WARRIOR,
        holds=(Tunnel(esp("AES", 192, "HMAC_SHA2_384")),),
        kernel=True,
    ),
    Scenario(
        PEER,
        "protoport-dual",
        "two tunnels of one pair of networks, for ICMP and for TCP port 22",
        AES128
        | Settings(
            {
                "Phase 2:Passive-connections": "t,u",
                **connection("u", "left-tcp", "right-tcp"),
                "left-network:Protocol": "1",
                "right-network:Protocol": "1",
                **network("left-tcp", LEFT.network),
                **network("right-tcp", RIGHT.network),
                "left-tcp:Protocol": "6",
                "right-tcp:Protocol": "6",
                "right-tcp:Port": "22",
            },
            {
                "children.c.local_ts": f"{RIGHT.network}[icmp]",
                "children.c.remote_ts": f"{LEFT.network}[icmp]",
                "children.d.local_ts": f"{RIGHT.network}[tcp/22]",
                "children.d.remote_ts": f"{LEFT.network}[tcp]",
                "children.d.esp_proposals": "aes128-sha256",
            },
        ),
        holds=(Tunnel(AES128_SAS), Tunnel(AES128_SAS, "u", "d")),
    ),
    Scenario(
        PEER,
        "host2host-transport",
        "two hosts, transport mode",
        AES128
        | HOST_TO_HOST
        | Settings({"phase-2:Suites": "QM-ESP-TRP-AES-128-SHA2-256-SUITE"}, {"children.c.mode": "transport"}),
        holds=(Tunnel(esp("AES", 128, "HMAC_SHA2_256", "TRANSPORT")),),
        kernel=True,
    ),
    Scenario(
        PEER,
        "host2host-ah",
        "two hosts, AH in transport mode",
        AES128
        | HOST_TO_HOST
        | Settings(
            {"phase-2:Suites": "QM-AH-TRP-SHA2-256-SUITE"},
            {"children.c.mode": "transport", "children.c.esp_proposals": None, "children.c.ah_proposals": "sha256"},
        ),
        holds=(Tunnel({"protocol": "AH", "encapsulation": "TRANSPORT", "authentication_bits": 256}),),
        kernel=True,
        condition='ah_present == "yes" && ah_hash_alg == "sha2-256"',
    ),
    Scenario(
        PEER,
        "net2net-ah",
        "two gateways, AH in tunnel mode",
        AES128
        | Settings(
            {"phase-2:Suites": "QM-AH-SHA2-256-SUITE"},
            {"children.c.esp_proposals": None, "children.c.ah_proposals": "sha256"},
        ),
        holds=(Tunnel({"protocol": "AH", "encapsulation": "TUNNEL", "authentication_bits": 256}),),
        kernel=True,
        condition='ah_present == "yes" && ah_hash_alg == "sha2-256"',
    ),
    Scenario(
        PEER,
        "rw-initiator-only",
        "policy lets us begin, and nobody else",
        AES128,
        begins=(Begins.OURS,),
        holds=ONE,
        condition='esp_present == "yes" && initiator == "yes"',
    ),
    Scenario(
        PEER,
        "rw-initiator-only-refused",
        "the same policy, and the peer begins",
        AES128,
        begins=(Begins.THEIRS,),
        holds=Refusal({Begins.THEIRS: ("policy", "received NO_PROPOSAL_CHOSEN")}),
        condition='esp_present == "yes" && initiator == "yes"',
    ),
    Scenario(
        PEER,
        "rw-initiator-only-peer",
        "the peer only begins, and answers nobody",
        AES128
        | Settings({"General:Retransmits": "1", "General:Exchange-max-time": "5"}, {"charon.initiator_only": "yes"}),
        begins=(Begins.THEIRS,),
        holds=ONE,
    ),
    Scenario(
        PEER,
        "net2net-esn",
        "ESP with and without extended sequence numbers is offered; we have none, and take the latter",
        AES128
        | Settings(theirs={"children.c.esp_proposals": "aes128-sha256-esn,aes128-sha256", "charon.filelog.f.cfg": "2"}),
        holds=ONE,
        after=(happenings.offered("HMAC_SHA2_256_128/EXT_SEQ"),),
        begins=(Begins.THEIRS,),
        kernel=True,
    ),
    Scenario(
        PEER,
        "compress",
        "IPComp and ESP offered beside ESP alone, which is taken",
        AES128 | Settings(theirs={"children.c.ipcomp": "yes"}),
        holds=ONE,
        begins=(Begins.THEIRS,),
        kernel=True,
    ),
)


RSA = Settings(
    {"peer:Authentication": None, "phase-1:Transforms": "AES-128-SHA2-256-GRP15-RSA_SIG"},
    {
        "local.auth": "pubkey",
        "local.certs": "right.crt",
        "remote.auth": "pubkey",
        "remote.cacerts": "ca.crt",
        "/secrets.ike-t.secret": None,
    },
)
BY_AUTHORITY = (f"DN:{AUTHORITY}",)
AGGRESSIVE = Settings({"phase-1:EXCHANGE_TYPE": "AGGRESSIVE"}, {"aggressive": "yes"})
GUESSABLE = Settings(
    {"General:Accept-aggressive-psk": "yes"}, {"charon.i_dont_care_about_security_and_use_aggressive_mode_psk": "yes"}
)
"""Both sides ask to be told so before they let a secret be guessed at."""

AGGRESSIVELY = (
    Scenario(
        PEER,
        "rw-psk-aggressive",
        "road warrior, aggressive mode, a pre-shared key",
        AES128 | AGGRESSIVE | GUESSABLE,
        ROAD_WARRIOR,
        holds=ONE,
        kernel=True,
    ),
)

CURVES = (("ecdsa-certs", 256, 256), ("ecdsa-certs-384", 384, 384), ("ecdsa-certs-521", 521, 512))
"""Names, curves, and the hash that belongs to each (RFC 4754)."""

CERTIFIED = (
    Scenario(
        PEER,
        "net2net-cert",
        "two gateways, RSA signatures, X.509 certificates of one CA",
        AES128 | RSA,
        holds=ONE,
        credentials="rsa",
        licensees=BY_AUTHORITY,
    ),
    Scenario(
        PEER,
        "net2net-cert-fragments",
        "certificates, and no IKE datagram above 576 octets: fragments in both directions",
        AES128
        | RSA
        | Settings({"General:Fragment-size": "576"}, {"fragmentation": "force", "charon.fragment_size": "576"}),
        holds=ONE,
        after=(happenings.was_fragmented,),
        credentials="rsa",
        licensees=BY_AUTHORITY,
    ),
    Scenario(
        PEER,
        "host2host-cert",
        "two hosts in tunnel mode, certificates",
        AES128 | HOST_TO_HOST | RSA,
        holds=ONE,
        credentials="rsa",
        licensees=BY_AUTHORITY,
        kernel=True,
    ),
    Scenario(
        PEER,
        "rw-cert",
        "road warrior, certificates",
        AES128 | RSA,
        ROAD_WARRIOR,
        holds=ONE,
        credentials="rsa",
        licensees=BY_AUTHORITY,
        kernel=True,
    ),
    Scenario(
        PEER,
        "rw-cert-aggressive",
        "road warrior, aggressive mode, certificates",
        AES128 | RSA | AGGRESSIVE,
        ROAD_WARRIOR,
        holds=ONE,
        credentials="rsa",
        licensees=BY_AUTHORITY,
        kernel=True,
    ),
    *(
        Scenario(
            PEER,
            name,
            f"two gateways, ECDSA signatures with certificates of P-{bits}",
            AES128
            | RSA
            | Settings(
                {
                    "phase-1:Transforms": "ecdsa",
                    "ecdsa:ENCRYPTION_ALGORITHM": "AES_CBC",
                    "ecdsa:KEY_LENGTH": "256,256:256",
                    "ecdsa:HASH_ALGORITHM": f"SHA2_{hashed}",
                    "ecdsa:GROUP_DESCRIPTION": f"ECP_{bits}",
                    "ecdsa:AUTHENTICATION_METHOD": f"ECDSA_{bits}",
                    "ecdsa:Life": "LIFE_MAIN_MODE",
                },
                {"proposals": f"aes256-sha{hashed}-ecp{bits}"},
            ),
            holds=ONE,
            credentials=f"ecdsa-{bits}",
            licensees=BY_AUTHORITY,
        )
        for name, bits, hashed in CURVES
    ),
)

DPD = Settings({"General:DPD-check-interval": "2"}, {"dpd_delay": "1", "dpd_timeout": "4"})
ACTIVE = Settings({"Phase 2:Connections": "t", "Phase 2:Passive-connections": None, "General:Check-interval": "5"})
UNKNOWN_ADDRESS = Settings(
    {"Phase 1:Default": "peer", f"Phase 1:{RIGHT.address}": None, "peer:Address": None}, {"local_addrs": "%any"}
)

LIVING = (
    Scenario(
        PEER,
        "dpd-clear",
        "the peer dies without a word; DPD clears our SAs",
        AES128 | DPD,
        holds=ONE,
        after=(happenings.peer_vanishes,),
    ),
    Scenario(
        PEER,
        "dpd-clear-peer",
        "we die without a word; the peer's DPD clears its SAs",
        AES128 | DPD,
        holds=ONE,
        after=(happenings.we_vanish,),
    ),
    Scenario(
        PEER,
        "dpd-restart",
        "the peer dies and is back; our active connection comes up anew",
        AES128 | DPD | ACTIVE,
        begins=(Begins.OURS,),
        holds=ONE,
        after=(happenings.peer_is_back,),
    ),
    Scenario(
        PEER,
        "dpd-restart-peer",
        "we die and are back; the peer's DPD brings the tunnel up anew",
        AES128 | DPD | Settings(theirs={"children.c.dpd_action": "restart"}),
        begins=(Begins.THEIRS,),
        holds=ONE,
        after=(happenings.we_are_back,),
    ),
    Scenario(
        PEER,
        "rekey-child",
        "the peer renews its CHILD_SA twice",
        AES128,
        holds=ONE,
        after=(happenings.peer_rekeys, happenings.peer_rekeys),
    ),
    Scenario(
        PEER, "rekey-ike", "the peer renews its IKE_SA", AES128, holds=ONE, after=(happenings.peer_reauthenticates,)
    ),
    Scenario(
        PEER,
        "rekey-soft",
        "a lifetime of ten seconds makes us renew",
        AES128 | Settings({"General:Default-phase-2-lifetime": "10,1:86400"}),
        begins=(Begins.OURS,),
        holds=ONE,
        after=(happenings.a_lifetime_ends,),
    ),
    Scenario(
        PEER,
        "dynamic-initiator",
        "the peer comes again from another address",
        AES128 | UNKNOWN_ADDRESS,
        begins=(Begins.THEIRS,),
        holds=ONE,
        after=(happenings.peer_moves,),
    ),
    Scenario(
        PEER,
        "dynamic-responder",
        "the peer answered at one address and comes again from another",
        AES128 | Settings({"Phase 1:Default": "peer"}, {"local_addrs": "%any"}),
        begins=(Begins.OURS,),
        holds=ONE,
        after=(happenings.peer_moves,),
    ),
)

ANYWHERE = Settings(theirs={"local_addrs": "%any"})


def selectors(left: str, right: str) -> Settings:
    """What lies behind both sides, in both languages."""
    return Settings(
        {**_selector("left-network", left), **_selector("right-network", right)},
        {"children.c.local_ts": right, "children.c.remote_ts": left},
    )


def _selector(name: str, cidr: str) -> dict[str, str | None]:
    """A network in place of whatever it was."""
    tags: dict[str, str | None] = dict.fromkeys(f"{name}:{tag}" for tag in ("Network", "Netmask", "Address"))
    return tags | network(name, cidr.removesuffix("/32"))


HIDDEN = {LEFT: f"{LEFT.private}/32", RIGHT: f"{RIGHT.private}/32"}
"""The sides themselves, behind their NATs."""

BEHIND = (
    Scenario(
        PEER,
        "nat-rw",
        "a road warrior behind a NAT; ESP in UDP",
        AES128 | ANYWHERE,
        {
            Begins.OURS: selectors(HIDDEN[LEFT], RIGHT.network) | Settings(theirs={"remote_addrs": "%any"}),
            Begins.THEIRS: ROAD_WARRIOR[Begins.THEIRS]
            | selectors(LEFT.network, HIDDEN[RIGHT])
            | Settings(theirs={"children.c.local_ts": "dynamic"}),
        },
        holds=ONE,
        after=(happenings.passes_nat,),
        nat=Nat.INITIATOR,
    ),
    Scenario(
        PEER,
        "double-nat",
        "two hosts, each behind a NAT of its own",
        AES128 | ANYWHERE | selectors(HIDDEN[LEFT], HIDDEN[RIGHT]),
        holds=ONE,
        after=(happenings.passes_nat,),
        nat=Nat.BOTH,
    ),
    Scenario(
        PEER,
        "double-nat-net",
        "a host behind a NAT, and the network of a gateway that is behind another",
        AES128 | ANYWHERE,
        {
            Begins.OURS: selectors(HIDDEN[LEFT], RIGHT.network),
            Begins.THEIRS: selectors(LEFT.network, HIDDEN[RIGHT]),
        },
        holds=ONE,
        after=(happenings.passes_nat,),
        nat=Nat.BOTH,
    ),
)

HOSTS = f"{LEFT.inside}/32", f"{RIGHT.inside}/32"
AS_NETWORKS = Settings({**network("left-network", HOSTS[0]), **network("right-network", HOSTS[1])})
"""Our side says its two hosts as networks of 32 bits; strongSwan says every host as an address."""

NETWORKS_AS_RANGES = Settings(
    theirs={"children.c.local_ts": "10.77.2.0-10.77.2.255", "children.c.remote_ts": "10.77.1.0-10.77.1.255"}
)
A_RANGE = Settings(theirs={"children.c.local_ts": "10.77.2.1-10.77.2.6", "children.c.remote_ts": "10.77.1.1-10.77.1.9"})
"""No network: it goes as IPV4_RANGE, and lies in our connection's."""

WEAK = Settings(theirs={"children.c.esp_proposals": "3des-md5"})
EVADES = Refusal({Begins.THEIRS: ("no-transform-matched", "received NO_PROPOSAL_CHOSEN")})
"""Policy would take it; the connection for that traffic does not, however the peer writes it."""

SAME_TRAFFIC = (
    Scenario(
        PEER, "hosts", "two hosts behind the gateways, addresses on both sides", AES128 | selectors(*HOSTS), holds=ONE
    ),
    Scenario(
        PEER,
        "hosts-as-networks",
        "the same hosts, which our side has as networks of 32 bits",
        AES128 | selectors(*HOSTS) | AS_NETWORKS,
        holds=ONE,
    ),
    Scenario(PEER, "ranges", "two networks, which the peer has as ranges", AES128 | NETWORKS_AS_RANGES, holds=ONE),
    Scenario(
        PEER,
        "range-within",
        "the peer proposes ranges within our networks; policy decides, with the connection's suites",
        AES128 | A_RANGE,
        begins=(Begins.THEIRS,),
        holds=(Tunnel(AES128_SAS, ours=""),),
    ),
    Scenario(
        PEER,
        "range-within-suites",
        "the same ranges with 3DES, which the connection does not have",
        AES128 | A_RANGE | WEAK,
        begins=(Begins.THEIRS,),
        holds=EVADES,
    ),
    Scenario(
        PEER,
        "hosts-as-networks-suites",
        "hosts that our side has as networks, with 3DES",
        AES128 | selectors(*HOSTS) | AS_NETWORKS | WEAK,
        begins=(Begins.THEIRS,),
        holds=EVADES,
    ),
    Scenario(
        PEER,
        "host-within",
        "the peer narrows two networks to one host of each, which no mechanism of IKEv1 does: we refuse",
        AES128 | Settings(theirs={"children.c.local_ts": HOSTS[1], "children.c.remote_ts": HOSTS[0]}),
        begins=(Begins.OURS,),
        holds=Refusal({Begins.OURS: ("identity-mismatch", "received INVALID_ID_INFORMATION error notify")}),
    ),
)

ROWS = (*PLAIN, *AGGRESSIVELY, *CERTIFIED, *LIVING, *BEHIND, *SAME_TRAFFIC)
