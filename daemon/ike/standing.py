"""Whether a phase 1 still stands: its peer has proved what the peer's section asks for today, not before a reload."""

from __future__ import annotations

import hmac
from dataclasses import replace

from daemon.ike.core import Core
from daemon.ike.informational import delete_of, tell
from daemon.ike.policy import PASSPHRASE
from daemon.ike.removal import remove
from daemon.ike.sa import IsakmpSa, SaFlag
from daemon.ike.trust import identities
from policydb.configuration.sealing import secret_reference
from policydb.connections import Peer


def stands(core: Core, isakmp: IsakmpSa) -> bool:
    """Whether new exchanges may begin under an ISAKMP SA.

    Its quick modes are held against the configuration in force, which knows the peer by the name of its section alone.
    So that section must still be there, and ask for the same identity, address and pre-shared key.
    """
    before, now = isakmp.peer, core.peer(isakmp.name)
    if before is None:
        return True
    if now is None or now.remote_identity != before.remote_identity:
        return False
    return now.address in (None, before.address) and _has_key(core, isakmp, now)


def _has_key(core: Core, isakmp: IsakmpSa, peer: Peer) -> bool:
    """Whether the pre-shared key that was proved, if any, is still its section's, or that of its identity."""
    proved = next((each for each in isakmp.authorizers if each.startswith(PASSPHRASE)), None)
    if proved is None:
        return True
    claimed = replace(identities.from_payload(isakmp.remote_id), protocol=0, port=0)
    references = [secret_reference(str(claimed)), *([peer.secret] if peer.secret is not None else [])]
    keys = filter(None, map(core.tools.secrets.preshared_key, references))
    octets = proved.removeprefix(PASSPHRASE).encode("latin-1")
    return any(hmac.compare_digest(each, octets) for each in keys)


def retire(core: Core, isakmp: IsakmpSa) -> None:
    """Nothing new begins under an ISAKMP SA that does not stand; it ends as soon as nothing is under way under it."""
    isakmp.flags |= SaFlag.REPLACED
    if not core.exchanges.under(isakmp.cookies):
        core.log(f"phase 1 with {isakmp.path.remote} ends: [{isakmp.name}] has changed since")
        tell(core, isakmp, *delete_of(isakmp))
        remove(core, isakmp)
