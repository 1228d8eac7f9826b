// Where formulas hold: multiples, least sizes, and conditions among the sizes.

const WALK = 20_000; // sizes tried in search of the nearest inside

class Domain {
  // `sizes` are {name, multiple, least}, `conditions` {condition, where}.
  constructor(sizes, conditions) {
    this.sizes = sizes.map(({ name, multiple, least, at }) => ({
      name,
      multiple: BigInt(multiple),
      least: BigInt(least),
      at: at === null ? null : BigInt(at),
    }));
    this.conditions = conditions.map(({ condition, where }) => {
      const tree = parseCondition(condition);
      const names = new Set([...namesIn(tree.left), ...namesIn(tree.right)]);
      return { ...tree, where, names, holds: compileCondition(tree) };
    });
  }

  // Why there is no formula at the sizes `at`, a Map; null where there is one.
  problem(at) {
    for (const { name, multiple, least } of this.sizes) {
      const size = at.get(name);
      if (size % multiple) return { text: `${name} must be a multiple of ${multiple}`, name };
      if (size < least) return { text: `${name} must be at least ${least}`, name };
    }
    const broken = this.conditions.find((condition) => !condition.holds(at));
    if (!broken) return null;
    const where = broken.where ? ` (${broken.where})` : "";
    return { text: `${broken.text} does not hold${where}`, condition: broken };
  }

  // The multiple nearest to a size that is not below the least one.
  rounded({ multiple, least }, size) {
    const nearest = floorDivide(2n * size + multiple, 2n * multiple) * multiple;
    return nearest < least ? least : nearest;
  }

  // `at` with every size on the grid of its multiples.
  onGrid(at) {
    return new Map(this.sizes.map((size) => [size.name, this.rounded(size, at.get(size.name))]));
  }

  // The sizes nearest to `at` that are inside, as Maps: one, two or none.
  nearest(at) {
    const problem = this.problem(at);
    if (!problem) return [];
    if (problem.name) {
      const size = this.sizes.find(({ name }) => name === problem.name);
      const below = floorDivide(at.get(size.name), size.multiple) * size.multiple;
      const around = [below, below + size.multiple].map((n) => (n < size.least ? size.least : n));
      const inside = [...new Set(around)]
        .map((n) => this.onGrid(new Map(at).set(size.name, n)))
        .filter((candidate) => !this.problem(candidate));
      if (inside.length) return inside;
    }
    const found = this.#walk(this.onGrid(at));
    return found ? [found] : [];
  }

  // For a size moved to `value` by hand: the nearest value of it alone that is inside, or null.
  snapped(at, name, value) {
    const size = this.sizes.find((one) => one.name === name);
    const start = this.rounded(size, value);
    for (let steps = 0n; steps < 4096n; steps++)
      for (const candidate of steps ? [start + steps * size.multiple, start - steps * size.multiple] : [start])
        if (candidate >= size.least && !this.problem(new Map(at).set(name, candidate)))
          return candidate;
    return null;
  }

  // By ever more steps of the sizes in the conditions that do not hold.
  #walk(at) {
    const broken = this.conditions.filter((condition) => !condition.holds(at));
    const moved = this.sizes.filter(({ name }) => broken.some(({ names }) => names.has(name)));
    if (!moved.length) return this.problem(at) ? null : at;
    let tried = 0;
    for (let distance = 1; ; distance++)
      for (const steps of stepsOf(moved.length, distance)) {
        const candidate = new Map(at);
        moved.forEach(({ name, multiple }, i) =>
          candidate.set(name, at.get(name) + BigInt(steps[i]) * multiple));
        if (!this.problem(candidate)) return candidate;
        if (++tried > WALK) return null;
      }
  }

  // The largest value that a slider of `size` has: several times where it starts, but inside.
  sliderEnd({ name, multiple, least }, at) {
    const start = at.get(name);
    const far = 4n * start > least + 31n * multiple ? 4n * start : least + 31n * multiple;
    const alone = this.conditions.filter(({ names }) => names.size === 1 && names.has(name));
    const inside = (value) => alone.every(({ holds }) => holds(new Map([[name, value]])));
    let end = this.rounded({ multiple, least }, far);
    if (inside(end) || !inside(start)) return end;
    let low = start / multiple, high = end / multiple;
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (inside(middle * multiple)) low = middle;
      else high = middle;
    }
    return low * multiple;
  }
}

// All lists of `count` integers whose absolute values sum to `distance`, the even ones first.
function stepsOf(count, distance) {
  const found = [];
  (function extend(steps, left) {
    if (steps.length === count - 1) {
      found.push([...steps, left]);
      if (left) found.push([...steps, -left]);
      return;
    }
    for (let step = -left; step <= left; step++) extend([...steps, step], left - Math.abs(step));
  })([], distance);
  const largest = (steps) => Math.max(...steps.map(Math.abs));
  return found.sort((a, b) => largest(a) - largest(b));
}
