"""Random problems: a report whose costs may go up and down, and conditions on it."""

import functools
import itertools
import random

from fxflops.algebra import Symbol, maximum, minimum
from fxflops.algebra.closed_form import text
from fxflops.algebra.polynomial import from_atom
from fxflops.cost import Cost
from fxflops.domain import Domain, Guard
from fxflops.figures.span import Span
from fxflops.report import Report, Row
from fxflops.solving.unknowns import Asked

EXTREMA = {"Max": max, "Min": min}
MULTIPLES = {"N": (1,), "H": (1, 4, 32), "W": (1, 2, 32)}


def report_of(contraction, elementwise, domain, defaults=(), *, parameters=7, uncounted=()):
    cost = Cost(contraction=contraction, elementwise=elementwise, bytes_read=elementwise + 1)
    flow = ((contraction, ()), (elementwise, (0,)), (elementwise, ()))
    return Report(
        model="random",
        frontend="trace",
        dtype="float32",
        inputs="x: N 3 H W",
        domain=domain,
        defaults=dict(defaults),
        parameters=parameters,
        modules=(Row("", cost),),
        operators=(),
        free=(),
        uncounted=uncounted,
        notes=(),
        figures={"span": Span(flow)},
    )


def random_dim(dice, atoms, *, wild):
    """A sum of products; ``wild`` ones have floors, extrema and coefficients of both signs."""
    total = dice.randint(0, 50)
    for _ in range(dice.randint(1, 4)):
        term = dice.randint(1, 9) * (dice.choice((1, 1, -1)) if wild else 1)
        for _ in range(dice.randint(1, 3)):
            factor = dice.choice(atoms)
            if dice.random() < (0.5 if wild else 0.25):
                factor = (factor + dice.randint(0, 5)) // dice.randint(2, 7)
            if wild and dice.random() < 0.4:
                choose = dice.choice((minimum, maximum))
                factor = choose(factor, dice.choice(atoms) - dice.randint(0, 9))
            if wild and dice.random() < 0.2:
                factor = factor % dice.randint(2, 5)
            term = term * factor
        total = total + term
    return total


def random_report(dice):
    symbols = tuple(
        Symbol(name, dice.choice(multiples), 1) for name, multiples in MULTIPLES.items()
    )
    atoms = [from_atom(symbol) for symbol in symbols]
    wild = dice.random() < 0.6
    contraction = 2 * random_dim(dice, atoms, wild=wild)
    elementwise = random_dim(dice, atoms, wild=wild)
    guards = []
    if dice.random() < 0.4:
        guards.append(Guard(atoms[1] * atoms[2] - dice.randint(1, 12), ">="))
    if dice.random() < 0.3:
        guards.append(Guard(atoms[1] - dice.randint(1, 6), "!="))
    if dice.random() < 0.2:
        guards.append(Guard(dice.randint(5, 30) - atoms[dice.randint(0, 2)], ">="))
    least = {s.name: dice.randint(1, 3) for s in symbols if dice.random() < 0.3}
    domain = Domain(symbols, tuple(guards), least)
    return report_of(contraction, elementwise, domain, parameters=dice.randint(1, 9))


def random_problem(seed):
    """A report, conditions as (quantity, sign, bound), unknowns with ranges, and known sizes."""
    dice = random.Random(seed)
    report = random_report(dice)
    by_name = {symbol.name: symbol for symbol in report.domain.symbols}
    groups = dice.choice((("N",), ("H",), ("H", "W"), ("N", "W"))), dice.choice(((), ("N",)))
    first = groups[0]
    second = groups[1] if "N" not in first else ()
    asked = []
    for names in filter(None, (first, second)):
        grid = max(by_name[name].multiple for name in names)
        start = grid * dice.randint(1, 4)
        asked.append(
            Asked(
                names,
                start,
                start + grid * dice.randint(3, 40 if len(first + second) < 3 else 9),
                None,
            )
        )
    sought = {name for one in asked for name in one.names}
    known = {n: s.multiple * dice.randint(3, 9) for n, s in by_name.items() if n not in sought}
    conditions = []
    for _ in range(dice.choice((1, 1, 2))):
        quantity = dice.choice(
            ("flops", "contraction", "elementwise", "bytes", "span", "intensity")
        )
        conditions.append((quantity, dice.choice(("<=", "<=", "<", ">=", ">")), None))
    points = grid_points(report, asked, known)
    bounded = []
    for quantity, sign, _ in conditions:
        at = dice.choice(points) if points else None
        value = plain_values(report, at)[quantity] if at else (5, 1)
        value = value if value is not None else (3, 2)
        bounded.append((quantity, sign, (max(0, value[0] + dice.randint(-1, 1)), value[1])))
    return report, bounded, asked, known


def grid_points(report, asked, known):
    """All sizes in the ranges at which the domain's texts hold, by trying them one by one."""
    steps = []
    for one in asked:
        steps.append([dict.fromkeys(one.names, size) for size in range(one.start, one.stop + 1)])
    points = []
    tests = [compile(condition, "domain", "eval") for condition in report.domain.texts()]
    for chosen in itertools.product(*steps):
        at = dict(known)
        for sizes in chosen:
            at |= sizes
        if all(at[s.name] >= s.multiple for s in report.domain.symbols) and all(
            eval(condition, EXTREMA, at) for condition in tests
        ):
            points.append({name: at[name] for name in report.domain.names})
    return points


@functools.cache
def compiled(expression):
    return compile(expression, "formula", "eval")


def plain_values(report, at):
    """Each quantity by Python's own evaluation of its formula."""
    order = report.domain.names

    def number(dim):
        return eval(compiled(text(dim, order)), EXTREMA, dict(at))

    contraction, elementwise = number(report.total.contraction), number(report.total.elementwise)
    moved = number(report.total.bytes)
    return {
        "contraction": (contraction, 1),
        "elementwise": (elementwise, 1),
        "flops": (contraction + elementwise, 1),
        "bytes": (moved, 1),
        "span": (max(contraction, contraction + elementwise, elementwise), 1),
        "intensity": (contraction + elementwise, moved) if moved > 0 else None,
    }
