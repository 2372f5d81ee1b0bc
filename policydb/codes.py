"""The stable codes of what the compiler finds beyond grammar: CF for isakmpd.conf, PD for files as such."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "CF101": "warning: an algorithm, a group or a mode that should not be used any more",
    "CF102": "warning: legal, and not negotiated or not used by this version",
    "CF103": "warning: text behind a number is ignored",
    "CF104": "warning: a list has an empty member, which is ignored",
    "CF105": "warning: a tag or flag that sections of this kind do not know; it is not kept",
    "CF106": "warning: a peer without Remote-ID, whose identity is not checked",
    "CF107": "warning: a replay window that would switch replay protection off; the default is used",
    "CF108": "warning: a transform needs a pre-shared key or a user of XAUTH, and there is none",
    "CF109": "warning: a section that nothing refers to",
    "CF110": "warning: a connection answers to the same peer and identities as an earlier one, which is taken",
    "CF111": "warning: a connection never answers, for [Phase 1] does not lead to its peer",
    "CF112": "warning: a connection is to be started and its peer has no Address, or only transforms with ANY",
    "CF113": "warning: messages to a peer are repeated for longer than Exchange-max-time",
    "CF114": "warning: aggressive mode with a pre-shared key, which every listener can try to guess",
    "CF115": "warning: transforms of aggressive mode ask for different groups; the first one's is offered",
    "CF201": "a reference to a section that does not exist",
    "CF202": "a tag is missing that its section needs",
    "CF203": "a value that its tag does not allow",
    "CF204": "no IP address, network or mask, or one of the wrong family",
    "CF205": "no number, or one outside its range",
    "CF206": "an offer/accept value that is not OFFER or OFFER,MINIMUM:MAXIMUM, or offers more than 2147483647",
    "CF207": "a list is empty that must not be",
    "CF208": "AUTHENTICATION_ALGORITHM does not fit TRANSFORM_ID",
    "CF209": "one of two tags is given that need each other",
    "CF210": "transforms that are offered together ask for different groups",
    "CF211": "a pre-shared key that cannot be decoded",
    "CF212": "a section is referred to as one of the other phase",
    "CF213": "aggressive mode with a pre-shared key is used and not allowed",
    "CF214": "an algorithm or a group that cannot be computed on this machine",
    "PD001": "a file or folder that does not exist",
    "PD002": "a file that cannot be read",
    "PD003": "warning: a file with secrets that others than its owner may read",
    "PD004": "a folder that holds no policy and no configuration",
    "PD005": "a passphrase that is put together from pieces, or misspelt, and would enter the store in the clear",
    "PD006": "a file that is too large",
}
"""Every code that policydb.compiling.compiler and policydb.configuration.config report, and what it says."""
