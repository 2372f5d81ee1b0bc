"""A Decision as text for people: the verdict, where it fell, what the policy says there, what would have done.

refused: false, asked by peer
  berlin.kn:1 POLICY -> peer
    6 | Conditions: esp_enc_alg == "aes" &&
      |             ^^^^^^^^^^^^^^^^^^^^ is 3des, needed aes
  path: POLICY -x-> peer
  would have been accepted with:
    esp_enc_alg = aes (was 3des)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from policydb.attributes import NO_LIMIT
from policydb.decision import AssertionStatus, Atom, Change, Decision, Nearest, Step

_RED, _GREEN, _YELLOW, _BOLD, _DIM = "31", "32", "33", "1", "2"
_HOPS = 6  # hops of a path shown; the middle of a longer one is left out
_ATOMS = 4  # atoms shown of one assertion
_IGNORED = 5
_NEEDS = {
    "==": "needed {}",
    "!=": "needed anything but {}",
    "<": "needed less than {}",
    "<=": "needed at most {}",
    ">": "needed more than {}",
    ">=": "needed at least {}",
    "~=": "needed to match {}",
}


def render(decision: Decision, vocabulary: Iterable[str] = (), *, colour: bool = False) -> str:
    """The text, several lines without a final newline. `vocabulary`: names for "did you mean"; `colour`: ANSI."""
    return "\n".join(_Text(decision, tuple(vocabulary), colour).lines())


class _Text:
    def __init__(self, decision: Decision, vocabulary: tuple[str, ...], colour: bool) -> None:
        self._decision = decision
        self._vocabulary = vocabulary
        self._colour = colour

    def lines(self) -> Iterator[str]:
        yield self._verdict()
        decision = self._decision
        if not decision.path:
            yield "  nobody who asked is licensed by any assertion that counts"
        for step in decision.path[:1] if decision.allowed else _failed(decision.path):
            yield from self._step(step)
        yield from self._way("path", decision.path)
        yield from self._way(f"{_value(decision.value)} is granted by", decision.granted)
        yield from self._missing()
        yield from self._licensed()
        yield from self._nearest()
        yield from self._ignored()

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _verdict(self) -> str:
        decision = self._decision
        if decision.allowed:
            word = self._paint(_GREEN, "allowed")
        elif decision.values and decision.value != decision.values[0]:
            word = self._paint(_YELLOW, "allowed in part")
        else:
            word = self._paint(_RED, "refused")
        asked = ", ".join(_short(each) for each in decision.authorizers)
        generation = f", generation {decision.generation}" if decision.generation else ""
        return f"{word}: {self._paint(_BOLD, decision.value)}, asked by {asked}{generation}"

    # --- the assertion that decided -------------------------------------------------------------------------------

    def _step(self, step: Step) -> Iterator[str]:
        place = f"{_printable(step.place.source)}:{step.place.line}"
        licensees = " ".join(_short(each) for each in step.licensees[:3]) or "everybody"
        more = f" and {len(step.licensees) - 3} more" if len(step.licensees) > 3 else ""
        yield f"  {self._paint(_BOLD, place)} {_short(step.authorizer)} -> {licensees}{more}"
        if self._decision.allowed:
            return
        values = self._decision.values
        if step.conditions_value != values[-1] if values else not step.held:
            yield from self._conditions(step)
        # Where the next step failed as well, that step says why these Licensees are worth nothing.
        if _ends_here(step, self._decision.path) and step.licensees_value == (values or (self._decision.value,))[0]:
            yield "    its Licensees are not satisfied by those who asked alone"

    def _conditions(self, step: Step) -> Iterator[str]:
        atoms = self._atoms_of(step)
        failed = [each for each in atoms if not each.result]
        if not failed and self._decision.values and step.conditions_value != self._decision.values[0]:
            yield f"    its Conditions are worth {_value(step.conditions_value)}, and no clause of them more"
        else:
            # Where all atoms hold, the last one must not.
            yield from self._atoms(failed[:_ATOMS] or atoms[-1:])

    def _atoms_of(self, step: Step) -> list[Atom]:
        """The atoms of a step's assertion."""
        place = (step.place.source, step.place.line)
        return [each for each in self._decision.atoms if (each.place.source, each.assertion) == place]

    def _atoms(self, atoms: Sequence[Atom]) -> Iterator[str]:
        if not atoms:
            yield "    no clause of its Conditions is true"
            return
        width = max(len(str(each.place.line)) for each in atoms)
        shown = ""
        for atom in atoms:
            line = f"    {atom.place.line:>{width}} | {_printable(atom.source_line)}"
            if line != shown:
                yield line
                shown = line
            first = atom.text.partition("\n")[0]
            before = atom.place.column - 1 if atom.source_line.startswith(first, atom.place.column - 1) else 0
            yield f"    {'':{width}} | {' ' * before}{self._paint(_RED, '^' * len(first))} {self._said(atom)}"

    def _said(self, atom: Atom) -> str:
        unlimited = ", and so many nines mean no limit" if _is_no_limit(atom) else ""
        if atom.error:
            return f"runtime error, so the test is false: {atom.error}{unlimited}"
        if atom.result:
            return f"is true ({_value(atom.left)}), and must not be"
        left = "not set" if atom.missing and atom.left in ("", "0", "0.0") else _value(atom.left)
        return f"is {left}, {_NEEDS[atom.operator].format(_value(atom.right))}{unlimited}"

    # --- what else there is to say --------------------------------------------------------------------------------

    def _way(self, heading: str, path: Sequence[Step]) -> Iterator[str]:
        if not path:
            return
        hops = [_short(path[0].authorizer)]
        ends = [_short(each.authorizer) for each in path[1:]] + [_requester(self._decision, path[-1])]
        for step, end in zip(path, ends, strict=True):
            hops.append(f"{'->' if step.held else self._paint(_RED, '-x->')} {end}")
        if len(hops) > _HOPS + 1:
            half = _HOPS // 2
            hops = [*hops[: half + 1], f"... {len(hops) - 1 - 2 * half} more ...", *hops[-half:]]
        yield f"  {heading}: {' '.join(hops)}"

    def _missing(self) -> Iterator[str]:
        names = dict.fromkeys(name for atom in self._decision.atoms if not atom.result for name in atom.missing)
        known = {each.lower(): each for each in self._vocabulary}
        for name in names:
            close = [] if name in self._vocabulary else get_close_matches(name.lower(), known, 1, 0.75)
            hint = f"; did you mean {known[close[0]]}?" if close else ""
            yield f"  {self._paint(_YELLOW, 'missing')}: {name} was not set{hint}"

    def _licensed(self) -> Iterator[str]:
        if self._decision.licensed:
            yield f"  POLICY licenses: {', '.join(_short(each) for each in self._decision.licensed)}"

    def _nearest(self) -> Iterator[str]:
        previous = ""
        for near in self._decision.nearest:
            heading = self._heading(near)
            if heading != previous:
                yield heading
                previous = heading
            yield f"    {self._paint(_GREEN, ', '.join(_parts(near)))}"

    def _heading(self, near: Nearest) -> str:
        full = not self._decision.values or near.value == self._decision.values[-1]
        return "  would have been accepted with:" if full else f"  would have been worth {near.value} with:"

    def _ignored(self) -> Iterator[str]:
        ignored = [each for each in self._decision.assertions if each.status is AssertionStatus.IGNORED]
        for each in ignored[:_IGNORED]:
            yield self._paint(
                _DIM, f"  ignored: {_printable(each.place.source)}:{each.place.line}: {_printable(each.reason)}"
            )
        if len(ignored) > _IGNORED:
            yield self._paint(_DIM, f"  ignored: {len(ignored) - _IGNORED} more")


def _is_no_limit(atom: Atom) -> bool:
    """Whether a test is about a lifetime without limit, read in any way."""
    return NO_LIMIT in atom.error or atom.left in (NO_LIMIT, str(float(NO_LIMIT)))


def _failed(path: Sequence[Step]) -> list[Step]:
    return [each for each in path if not each.held][:_HOPS]


def _ends_here(step: Step, path: Sequence[Step]) -> bool:
    after = path[path.index(step) + 1 :]
    return not after or after[0].held


def _requester(decision: Decision, last: Step) -> str:
    asking = [each for each in decision.authorizers if each in last.licensees]
    return _short((asking or list(decision.authorizers))[0]) if last.licensees else "everybody"


def _parts(near: Nearest) -> Iterator[str]:
    for change in near.changes:
        yield _change(change)
    for each in near.requesters:
        yield f"{_short(each)} asking too{', or signing for one who asks' if near.credential else ''}"


def _change(change: Change) -> str:
    before = "not set" if change.before is None else _value(change.before)
    return f"{change.attribute} = {_value(change.after)} (was {before})"


def _value(text: str) -> str:
    """A value as it is where that is plain, quoted where it is empty, long or strange."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return shown if shown and shown.isprintable() and shown.strip() == shown else '"' + _printable(shown) + '"'


def _short(principal: str) -> str:
    """A principal's name; of a long key the ends."""
    # A passphrase is a secret, and this text ends up in terminals and logs.
    name = "passphrase:..." if principal.startswith("passphrase:") else _printable(principal)
    return name if len(name) <= 48 else f"{name[:24]}...{name[-12:]}"


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " if each == "\t" else "." for each in text)
