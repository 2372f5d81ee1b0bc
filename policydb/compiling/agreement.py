"""Whether parts of one file agree on what they share, so that each may be compiled as if it were alone."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from policydb.compiling.consequences import is_list
from policydb.compiling.revisions import Revision, UnusualError
from policydb.configuration.sealing import AUTHENTICATION, is_key
from policydb.storage.section_rows import PHASE_1, PHASE_2
from policydb.storage.slices import Shelf


def check_agreement(shelf: Shelf, file: int, revision: Revision, changed: AbstractSet[str]) -> None:
    """Raise UnusualError where a tag is set in several parts of a file, unless they are rules that agree.

    `file` is the number of the file on the shelf, `changed` are the sections that say otherwise than before.
    """
    _Agreement(shelf, file, revision).check(changed)


class _Agreement:
    """The settings of the new parts of a file, by section and tag in lower case."""

    def __init__(self, shelf: Shelf, file: int, revision: Revision) -> None:
        self._shelf = shelf
        self._file = file
        self._revision = revision
        self._values: dict[tuple[str, str], tuple[int, str]] = {}

    def check(self, changed: AbstractSet[str]) -> None:
        """New parts beside each other, and then beside the known ones. Raises UnusualError."""
        for number, new in self._revision.new.items():
            for each in new.contents.bindings:
                key = each.section.lower(), each.tag.lower()
                other, value = self._values.setdefault(key, (number, each.value))
                if self._revision.rules is None:
                    if other != number:
                        raise UnusualError
                elif value != each.value and not is_list(*key):
                    raise UnusualError
        for section in {section for section, _ in self._values}:
            if section in changed or self._is_new_each_time(section):
                self._check_section(section)

    def _is_new_each_time(self, section: str) -> bool:
        """Whether a section may disagree though it says what it said: with other parts of an ipsec.conf it agreed.

        Of keys the store cannot tell whether they are what they were.
        """
        if self._revision.rules is None or section in {PHASE_1, PHASE_2}:
            return True
        return (section, AUTHENTICATION) in self._values

    def _check_section(self, section: str) -> None:
        rules = self._revision.rules
        for number, settings in self._shelf.stored(section, self._file):
            for tag, value in settings:
                key = section, tag.lower()
                if key not in self._values or (rules is not None and is_list(*key)):
                    continue
                if rules is None:
                    raise UnusualError
                known = self._secret(number, section) if key[1] == AUTHENTICATION else value
                if known != self._values[key][1]:
                    raise UnusualError

    def _secret(self, number: int, section: str) -> str | None:
        """A key is not in the store: the part that sets it is compiled again."""
        rules = self._revision.rules
        contents = rules.compiled(self._revision.parts[number])[0].bindings if rules else ()
        return next((each.value for each in contents if is_key(each) and each.section.lower() == section), None)
