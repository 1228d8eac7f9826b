"""Random problems, non-monotone ones among them, against trying every size in the ranges."""

import operator

import pytest

from fxflops.errors import SpecError
from fxflops.solving import solve
from tests.solving.problems import grid_points, plain_values, random_problem

COMPARE = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}


def satisfied(report, conditions, at):
    values = plain_values(report, at)
    return all(
        values[quantity] is not None
        and COMPARE[sign](values[quantity][0] * bound[1], bound[0] * values[quantity][1])
        for quantity, sign, bound in conditions
    )


def texts(report, conditions):
    """The bounds as numbers that conditions can write: fractions are scaled to whole ones."""
    written = []
    for quantity, sign, (above, below) in conditions:
        if below != 1:  # as a decimal number, which is exact for these denominators only
            above, below = round(10**6 * above / below), 10**6
            written.append((quantity, sign, (above, below), f"{above}e-6"))
        else:
            written.append((quantity, sign, (above, 1), str(above)))
    return [w[:3] for w in written], [f"{q} {sign} {number}" for q, sign, _, number in written]


@pytest.mark.parametrize("seed", range(200))
def test_a_random_problem(seed):
    report, conditions, asked, known = random_problem(seed)
    conditions, written = texts(report, conditions)
    inside = grid_points(report, asked, known)
    if not inside:
        with pytest.raises(SpecError):
            solve(report, written, asked, known)
        return
    fits = [at for at in inside if satisfied(report, conditions, at)]
    solution = solve(report, written, asked, known)
    names = [one.names[0] for one in asked]
    keys = [tuple(at[name] for name in names) for at in fits]
    front = {
        key for key in keys if not any(o != key and all(map(operator.ge, o, key)) for o in keys)
    }
    assert {tuple(found[name] for name in names) for found in solution.front} == front
    assert bool(solution) == bool(fits)
    for found in solution.found:
        values = plain_values(report, found.sizes)
        assert (found.cost.flops, 1) == values["flops"]
        assert (found.answer.numbers()[0].value, 1) == values["span"]
    if not fits:
        smallest = tuple(solution.smallest.sizes[name] for name in names)
        assert smallest in {tuple(at[name] for name in names) for at in inside}
        if len(names) == 1:
            assert smallest == min(tuple(at[name] for name in names) for at in inside)
    if len(names) == 1 and fits:
        larger = [at[names[0]] for at in inside if at[names[0]] > max(front)[0]]
        following = solution.following and solution.following.sizes[names[0]]
        assert following == (min(larger) if larger else None)


@pytest.mark.parametrize("seed", range(200, 280))
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_a_random_objective(seed, goal):
    report, conditions, asked, known = random_problem(seed)
    conditions, written = texts(report, conditions)
    inside = grid_points(report, asked, known)
    fits = [at for at in inside if satisfied(report, conditions, at)]
    if not fits:
        return
    objective = ("bytes", asked[0].names[0], "span")[seed % 3]

    def worth(at):
        values = {name: (size, 1) for name, size in at.items()} | plain_values(report, at)
        return values[objective][0]

    solution = solve(report, written, asked, known, **{goal: objective})
    best = (max if goal == "maximize" else min)(map(worth, fits))
    assert solution.found
    for found in solution.front:
        assert satisfied(report, conditions, found)
        assert worth(found) == best
