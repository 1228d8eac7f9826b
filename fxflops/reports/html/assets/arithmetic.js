// Formulas as fxflops writes them: integers, names, + - * // % **, Max(), Min(), brackets.
//
// Nothing is executed: a text becomes a tree, and the tree becomes functions of this file over
// BigInt, so that every digit is right. // and % round down, as Python's do.

const TOKEN = /\s*(?:([0-9]+)|([\p{ID_Start}_][\p{ID_Continue}]*)|(\*\*|\/\/|[<>=!]=|[-+*%(),<>]))/uy;
const LARGEST_POWER = 4096n;

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(`“${text}” is no formula from position ${from} on`);
    const [, digits, name, sign] = match;
    found.push(digits ? { digits } : name ? { name } : { sign });
  }
  return found;
}

// The tree of a formula. A node has a `kind`; `bracketed` where it stood in brackets.
function parse(text) {
  const [tree, rest] = parsed(text);
  if (rest.length) throw new SyntaxError(`“${text}” goes on after its end`);
  return tree;
}

// A comparison of two formulas, such as H*W >= 15360: {left, sign, right}.
function parseCondition(text) {
  const [left, [comparison, ...rest]] = parsed(text);
  const sign = comparison?.sign;
  if (!(sign in COMPARISONS)) throw new SyntaxError(`“${text}” compares nothing`);
  const [right, more] = parsed(text, rest);
  if (more.length) throw new SyntaxError(`“${text}” goes on after its end`);
  return { text, left, sign, right };
}

function parsed(text, given = tokens(text)) {
  let position = 0;
  const next = () => given[position]?.sign;
  const take = (...signs) => (signs.includes(next()) ? given[position++].sign : undefined);
  const need = (sign) => {
    if (!take(sign)) throw new SyntaxError(`“${text}” lacks a ${sign}`);
  };

  function sum() {
    let left = product();
    for (let sign; (sign = take("+", "-"));)
      left = { kind: sign === "+" ? "sum" : "difference", left, right: product() };
    return left;
  }
  function product() {
    let left = signed();
    for (let sign; (sign = take("*", "//", "%"));)
      left = { kind: PRODUCTS[sign], left, right: signed() };
    return left;
  }
  function signed() {
    if (take("-")) return { kind: "negative", of: signed() };
    return take("+") ? signed() : power();
  }
  function power() {
    const base = atom();
    return take("**") ? { kind: "power", left: base, right: signed() } : base;
  }
  function atom() {
    if (take("(")) {
      const inner = sum();
      need(")");
      return { ...inner, bracketed: true };
    }
    const { digits, name } = given[position++] ?? {};
    if (digits) return { kind: "integer", value: BigInt(digits) };
    if (!name) throw new SyntaxError(`“${text}” lacks a number or a name`);
    if (next() !== "(") return { kind: "name", name };
    if (name !== "Max" && name !== "Min") throw new SyntaxError(`${name} is no function here`);
    const of = [];
    do {
      position++;
      of.push(sum());
    } while (next() === ",");
    need(")");
    return { kind: name, of };
  }
  const tree = sum();
  return [tree, given.slice(position)];
}

const PRODUCTS = { "*": "product", "//": "quotient", "%": "remainder" };

const COMPARISONS = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

function floorDivide(a, b) {
  if (b === 0n) throw new RangeError("division by zero");
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

const OPERATIONS = {
  sum: (a, b) => (at) => a(at) + b(at),
  difference: (a, b) => (at) => a(at) - b(at),
  product: (a, b) => (at) => a(at) * b(at),
  quotient: (a, b) => (at) => floorDivide(a(at), b(at)),
  remainder: (a, b) => (at) => {
    const [left, right] = [a(at), b(at)];
    return left - right * floorDivide(left, right);
  },
  power: (a, b) => (at) => {
    const exponent = b(at);
    if (exponent < 0n || exponent > LARGEST_POWER) throw new RangeError(`power ${exponent}`);
    return a(at) ** exponent;
  },
};

// A function from sizes, a Map of BigInt by name, to the formula's value.
function compile(tree) {
  switch (tree.kind) {
    case "integer":
      return () => tree.value;
    case "name":
      return (at) => {
        const size = at.get(tree.name);
        if (size === undefined) throw new RangeError(`there is no size ${tree.name}`);
        return size;
      };
    case "negative": {
      const of = compile(tree.of);
      return (at) => -of(at);
    }
    case "Max":
    case "Min": {
      const parts = tree.of.map(compile);
      const better = tree.kind === "Max" ? (a, b) => a > b : (a, b) => a < b;
      return (at) => parts.map((part) => part(at)).reduce((a, b) => (better(a, b) ? a : b));
    }
    default:
      return OPERATIONS[tree.kind](compile(tree.left), compile(tree.right));
  }
}

function compileCondition(condition) {
  const [left, right] = [compile(condition.left), compile(condition.right)];
  const compare = COMPARISONS[condition.sign];
  return (at) => compare(left(at), right(at));
}

// The names in a tree.
function namesIn(tree, found = new Set()) {
  if (tree.kind === "name") found.add(tree.name);
  for (const part of [tree.left, tree.right, ...[tree.of ?? []].flat()])
    if (part) namesIn(part, found);
  return found;
}
