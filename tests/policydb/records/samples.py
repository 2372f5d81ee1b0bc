"""Negotiation records for the tests: one refused by policy, one without a matching transform, one accepted."""

from __future__ import annotations

from policydb.decision import AssertionReport, AssertionStatus, Atom, Change, Decision, Nearest, Place, Step
from policydb.negotiation import Comparison, Difference, NegotiationRecord, Outcome, Question, Reason

SECRET = "mekmitasdigoat"
# The digests of that passphrase, as isakmpd.policy(5) writes them.
MD5 = "passphrase-md5-hex:227f500abfe58f5f5d61e7f6053d8d85"
SHA1 = "passphrase-sha1-hex:bf1091800d1221f9a35ec087a67e2d6209d6478e"

REFUSAL = Decision(
    value="false",
    allowed=False,
    generation=3,
    authorizers=(MD5, SHA1),
    path=(Step(Place("berlin.policy", 4), "POLICY", (SHA1,), "false", "true", held=False),),
    atoms=(
        Atom(
            Place("berlin.policy", 7, 13),
            'esp_enc_alg == "aes"',
            "3des",
            "==",
            "aes",
            result=False,
            missing=("pfs",),
            source_line='Conditions: esp_enc_alg == "aes" ->',
        ),
        Atom(Place("berlin.policy", 8, 13), "1/0 == 1", "", "==", "1", result=None, error="division by zero"),
    ),
    nearest=(Nearest((Change("esp_enc_alg", "3des", "aes"), Change("pfs", None, "yes")), "true", ("A",)),),
    assertions=(AssertionReport(Place("berlin.policy", 12), AssertionStatus.IGNORED, "signature does not verify"),),
    elapsed_us=42,
    licensed=("B", "C"),
    values=("false", "true"),
)

REFUSED = NegotiationRecord(
    time="2026-07-14T10:31:02+00:00",
    outcome=Outcome.REFUSED,
    exchange="quick mode",
    role="responder",
    peer_address="203.0.113.5:500",
    local_address="192.0.2.1:500",
    generation=3,
    reason=Reason.POLICY,
    detail="no proposal was allowed",
    peer_name="ISAKMP-peer-berlin",
    connection="berlin-hq",
    local_id="192.0.2.1",
    remote_id="203.0.113.5",
    local_filter="10.1.0.0/24",
    remote_filter="10.2.0.0/24",
    questions=(Question("ESP 3DES HMAC-SHA", (MD5, SHA1), {"esp_enc_alg": "3des"}, REFUSAL),),
)

MISMATCH = NegotiationRecord(
    time="2026-07-14T10:32:00+00:00",
    outcome=Outcome.FAILED,
    exchange="main mode",
    role="responder",
    peer_address="[2001:db8::5]:4500",
    local_address="[2001:db8::1]:4500",
    generation=3,
    reason=Reason.NO_TRANSFORM_MATCHED,
    comparisons=(
        Comparison(
            "1: 3DES-MD5-GRP2",
            "AES-SHA2-256-GRP14",
            (
                Difference("ENCRYPTION_ALGORITHM", "3DES_CBC", "AES_CBC"),
                Difference("KEY_LENGTH", None, "128,128:256"),
                Difference("HASH_ALGORITHM", "MD5", "SHA2_256"),
                Difference("GROUP_DESCRIPTION", "MODP_1024", "MODP_2048"),
            ),
        ),
        Comparison(
            "2: AES-SHA2-256-GRP5", "AES-SHA2-256-GRP14", (Difference("GROUP_DESCRIPTION", "MODP_1536", "MODP_2048"),)
        ),
    ),
)

ACCEPTED = NegotiationRecord(
    time="2026-07-14T10:33:00+00:00",
    outcome=Outcome.ACCEPTED,
    exchange="quick mode",
    role="initiator",
    peer_address="203.0.113.5:500",
    local_address="192.0.2.1:500",
    generation=4,
    peer_name="ISAKMP-peer-berlin",
)
