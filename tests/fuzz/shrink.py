"""From a module that shows a difference to a smaller one that shows it, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.program import Program


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The smallest program found, by leaving out statements and results, one at a time."""
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(program):
            if fails(smaller):
                program, changed = smaller, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    for name in program.returns if len(program.returns) > 1 else ():
        yield replace(program, returns=tuple(n for n in program.returns if n != name))
    for at in reversed(range(len(program.steps))):
        yield from _without(program, at)
    made = [name for step in program.steps for name in step.makes]
    for name in made if len(program.returns) > 1 else ():
        yield replace(program, returns=(name,))


def _without(program: Program, at: int) -> Iterator[Program]:
    """Without a statement: what it made is a value that it used, or not used any more."""
    step = program.steps[at]
    rest = [*program.steps[:at], *program.steps[at + 1 :]]
    lost = set(step.makes)
    kept = []
    for other in rest:
        if lost & set(other.uses):
            lost |= set(other.makes)
        else:
            kept.append(other)
    returns = tuple(n for n in program.returns if n not in lost)
    needed = [a for a in _attributes(step.setup) if any(a in s.text for s in kept)]
    if returns and not needed:
        yield replace(program, steps=tuple(kept), returns=returns)
    for value in step.uses:
        renamed = rest
        for name in step.makes:
            renamed = [s.renamed(name, value) if name in s.uses else s for s in renamed]
        results = tuple(dict.fromkeys(value if n in step.makes else n for n in program.returns))
        if not any(a in s.text for a in _attributes(step.setup) for s in rest):
            yield replace(program, steps=tuple(renamed), returns=results)


def _attributes(setup: tuple[str, ...]) -> list[str]:
    found = []
    for line in setup:
        if line.startswith("self.register_buffer"):
            found.append("self." + line.split('"')[1])
        else:
            found.append(line.partition(" = ")[0])
    return found
