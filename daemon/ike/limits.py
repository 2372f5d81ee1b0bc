"""What strangers may cost us at most, and why so much: every such number in one place.

A stranger is whoever has proved nothing yet, whatever address he writes from. There are two kinds: an *opening* is a
first message, whose sender may have written any address on it; he has *shown* his address once he has sent our cookie
back. A flood of the first kind takes no room from the second. Either kind has a room of its own for the addresses that
have a section in the configuration, and one for all others.

Room is counted in octets: what a peer sent and we keep, what we keep to send again, and what our own objects take.
docs/security.md says what all this comes to.
"""

from __future__ import annotations

# --- one message --------------------------------------------------------------------------------------------------

OFFER_OCTETS = 2048
"""Of an SA payload's body in phase 1. The longest known, of 24 transforms with two lifetimes each, has some 1,000."""

OFFER_TRANSFORMS = 64
"""Transforms in it: each is held against each of ours."""

IDENTITY_OCTETS = 2048
"""Of an ID payload in phase 1: a distinguished name has a few hundred."""

REQUESTS = 64
REQUEST_OCTETS = 8192
"""CERT_REQ payloads of a phase 1 that are kept, and their octets together: forty authorities with usual names."""

EARLY_OCTETS = 8192
"""The longest message of phase 2 that is kept before phase 1 is done."""

CREDENTIAL_OCTETS = 16_384
CREDENTIALS = 32
CREDENTIAL_LINES = 1000
CREDENTIAL_WORDS = 1000
"""KeyNote credentials in one CERT payload: octets, assertions, lines, and words and signs, of which reading one costs
some 40 microseconds. A credential of isakmpd.policy(5) has fewer than a hundred words in ten lines."""

CERTIFICATES = 8
NAMED_CERTIFICATES = 2
CREDENTIAL_PAYLOADS = 1
"""CERT payloads of a proof that are looked at: X.509 certificates, those of them that bear the identity (a chain is
looked for from each), and KeyNote credentials, of which isakmpd sends one."""

CERTIFICATE_OCTETS = 16_384
CERTIFICATE_NAMES = 256
NAME_OCTETS = 4096
NAME_NUMBER_OCTETS = 20
"""Of an X.509 certificate: its octets (real ones have one or two thousand) and subjectAltNames; the octets of a
distinguished name, and of one number in an object identifier: 128 bits are the longest that anybody registers."""

# --- all of them together -----------------------------------------------------------------------------------------

MEBIBYTE = 2**20

EXCHANGE_OCTETS = 2560
"""What an exchange takes besides its peer's octets: our objects, their places in tables, timers (a test measures)."""

SENT_OCTETS = 256
"""What a message of ours takes besides its octets while it may have to be sent again."""

KNOWN_OPENINGS = 5 * MEBIBYTE
OTHER_OPENINGS = 5 * MEBIBYTE
"""Openings from addresses with a section of their own, and from all others. A thousand of the longest, which is more
than 3,000 a second for ROUND_TRIP; 1,700 of usual length."""

KNOWN_SHOWN = 2 * MEBIBYTE
OTHER_SHOWN = 2 * MEBIBYTE
FRAGMENTS = 2 * MEBIBYTE
"""The rest of the 16 MB in which all half-open state has its room (daemon.ike.messages.fragments has its bounds)."""

SHARE = 16
"""The part of a room, one in so many, that one address may fill as long as others want it: beyond that it gives up."""

ROUND_TRIP = 0.3
"""Seconds that an exchange has its place for certain: so long a path, and our computing, may take.

When a room is full of younger ones, the newcomer is turned away. So whoever gets in stays long enough to go on.
"""

STRANGER_SECONDS = 30
"""The longest that an exchange with an address without a section lives; Exchange-max-time where that is shorter."""

SHOWN_PER_ADDRESS = 64
"""Exchanges of one address that have made us compute keys: more are not begun until some have ended."""

UNADMITTED = 2048
UNADMITTED_PER_ADDRESS = 64
"""ISAKMP SAs that still owe us their user (XAUTH), in all and of one address.

They are no exchanges: with a group's key they have proved that, and a user may take a minute to type a password.
"""

ANSWERED_AT_ONCE = 256
"""Exchanges that one peer may have under way with us under one ISAKMP SA; more are not answered until some have ended.

A peer with many connections begins them all at once when it comes up, and repeats what is not answered.
"""

# --- work and words -----------------------------------------------------------------------------------------------

SIGNED_OPENINGS = 250
"""First messages of aggressive mode with signatures that are answered in a second, and at once.

Each costs us a power and a signature, some 2 ms, before its sender has shown anything. Without signatures one costs
hashes alone, as in main mode.
"""

PROOF_OCTETS = 512
OTHER_PROOFS = 100
KNOWN_PROOFS = 400
PROOFS_AT_ONCE = 400
"""Proofs by signature that are looked at: a message counts for one, and for one more for so many octets of it; so many
a second of addresses without a section and with one, and at once. Usual ones count for four, 25 a second; the worst
credentials that are read take 40 ms and count for seven, which is half of a processor."""

PROOFS_PER_EXCHANGE = 4
"""Proofs of one exchange that its own peer made, for they could be decrypted, and that do not verify."""

HEADERS = 28
"""Octets of IP and UDP around each message."""

EXCESS_OCTETS = 2**18
"""Octets that answers in aggressive mode may have more than their questions, a second and at once, all together: they
go to whatever address was written on the question. A fifth more is usual, with certificates four times as much; main
mode answers in fewer octets than it was asked. 3,000 answers a second without certificates fit, or 200 with them."""

PUBLIC_VALUE_SECONDS = 10.0
"""How long one public value of ours may serve all openings of aggressive mode (daemon.ike.public_values)."""

COMPLAINTS_PER_SECOND = 10.0
COMPLAINTS_AT_ONCE = 50
"""Messages that cannot be used and that get a log line, a record or a notification. The others are counted."""

LAPSES_PER_SECOND = 1.0
LAPSES_AT_ONCE = 20
"""Exchanges that strangers began and left, and that get a log line and a record. The others are counted."""
