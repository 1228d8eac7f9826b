// A formula as mathematics: MathML for the page, LaTeX for the clipboard.
//
// A quotient that fxflops writes in brackets rounds down; one without is exact wherever the formula
// holds, since its denominator is that of the whole, and is set as a plain fraction.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const RANK = { sum: 1, difference: 1, negative: 1, product: 2, remainder: 2 };
const rank = (tree) => RANK[tree.kind] ?? 3;
// Between factors that would run together: a number after another, a name of several letters.
const isDotted = (left, right) => right.kind === "integer" || isWord(right, "left") || isWord(left, "right");

// Whether the outermost factor of a product on one side is a name of several letters.
function isWord(tree, side) {
  if (tree.kind === "product") return isWord(tree[side], side);
  if (tree.kind === "power") return side === "left" && isWord(tree.left, side);
  return tree.kind === "name" && tree.name.length > 1;
}

const isFloor = (tree) => tree.kind === "quotient" && tree.bracketed;

function element(name, ...children) {
  const made = document.createElementNS(MATHML, name);
  made.append(...children);
  return made;
}

const operator = (text) => element("mo", text);

// The tree as a <math> element.
function toMathML(tree) {
  const math = element("math", mathOf(tree));
  math.setAttribute("display", "block");
  return math;
}

function mathOf(tree, least = 0) {
  const shown = mathInner(tree);
  return rank(tree) < least ? element("mrow", operator("("), shown, operator(")")) : shown;
}

function mathInner(tree) {
  switch (tree.kind) {
    case "integer":
      return element("mn", exact(tree.value));
    case "name":
      return element("mi", tree.name);
    case "negative":
      return element("mrow", operator("−"), mathOf(tree.of, 2));
    case "sum":
      return element("mrow", mathOf(tree.left, 1), operator("+"), mathOf(tree.right, 1));
    case "difference":
      return element("mrow", mathOf(tree.left, 1), operator("−"), mathOf(tree.right, 2));
    case "product": {
      const dot = operator(isDotted(tree.left, tree.right) ? "·" : "\u2062");
      return element("mrow", mathOf(tree.left, 2), dot, mathOf(tree.right, 2));
    }
    case "remainder":
      return element("mrow", mathOf(tree.left, 3), operator("mod"), mathOf(tree.right, 3));
    case "power":
      return element("msup", mathOf(tree.left, 3), mathOf(tree.right));
    case "quotient": {
      const divided = element("mfrac", mathOf(tree.left), mathOf(tree.right));
      return isFloor(tree) ? element("mrow", operator("⌊"), divided, operator("⌋")) : divided;
    }
    default: {
      const parts = tree.of.flatMap((part, i) => (i ? [operator(","), mathOf(part)] : [mathOf(part)]));
      return element("mrow", element("mi", tree.kind.toLowerCase()), operator("("), ...parts, operator(")"));
    }
  }
}

// The tree in LaTeX, without delimiters.
function toLatex(tree, least = 0) {
  const shown = latexInner(tree);
  return rank(tree) < least ? `\\left(${shown}\\right)` : shown;
}

function latexInner(tree) {
  switch (tree.kind) {
    case "integer":
      return tree.value.toString();
    case "name":
      return tree.name.length === 1 ? tree.name : `\\mathrm{${tree.name.replaceAll("_", "\\_")}}`;
    case "negative":
      return `-${toLatex(tree.of, 2)}`;
    case "sum":
      return `${toLatex(tree.left, 1)} + ${toLatex(tree.right, 1)}`;
    case "difference":
      return `${toLatex(tree.left, 1)} - ${toLatex(tree.right, 2)}`;
    case "product": {
      const dot = isDotted(tree.left, tree.right) ? " \\cdot " : " ";
      return toLatex(tree.left, 2) + dot + toLatex(tree.right, 2);
    }
    case "remainder":
      return `${toLatex(tree.left, 3)} \\bmod ${toLatex(tree.right, 3)}`;
    case "power":
      return `${toLatex(tree.left, 3)}^{${toLatex(tree.right)}}`;
    case "quotient": {
      const divided = `\\frac{${toLatex(tree.left)}}{${toLatex(tree.right)}}`;
      return isFloor(tree) ? `\\left\\lfloor ${divided} \\right\\rfloor` : divided;
    }
    default:
      return `\\${tree.kind.toLowerCase()}\\left(${tree.of.map((part) => toLatex(part)).join(", ")}\\right)`;
  }
}

// The tree as several <math> elements in a row: between them, before a sign, a line may end.
function toPieces(tree) {
  const pieces = [[]];
  const put = (...nodes) => pieces.at(-1).push(...nodes);
  const bracket = (text) => attributed(operator(text), { stretchy: "false" });
  function spell(one, least = 0) {
    if (rank(one) < least) {
      put(bracket("("));
      spell(one);
      put(bracket(")"));
    } else if (one.kind === "sum" || one.kind === "difference") {
      spell(one.left, 1);
      pieces.push([attributed(operator(one.kind === "sum" ? "+" : "−"), { form: "infix" })]);
      spell(one.right, one.kind === "sum" ? 1 : 2);
    } else if (one.kind === "product" && rank(one.right) < 2) {
      put(mathOf(one.left, 2));
      spell(one.right, 2);
    } else put(mathOf(one));
  }
  if (tree.kind === "quotient" && !isFloor(tree)) {
    spell(tree.left, 2);
    put(operator("/"), mathOf(tree.right));
  } else spell(tree);
  return pieces.map((nodes) => element("math", element("mrow", ...nodes)));
}

function attributed(one, attributes) {
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  return one;
}

// Set a formula in a box: in one piece if there is room, else in several lines.
function typeset(box, tree) {
  box.tree = tree;
  fit(box);
  fitted.observe(box);
}

function fit(box) {
  box.fitted = box.clientWidth;
  box.replaceChildren(toMathML(box.tree));
  if (box.scrollWidth > box.clientWidth) box.replaceChildren(...toPieces(box.tree));
}

const fitted = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.clientWidth !== target.fitted) fit(target);
});

// A tree over an integer, without a fraction in a fraction.
function over(tree, denominator) {
  if (denominator === 1n) return tree;
  if (tree.kind === "integer" && tree.value % denominator === 0n) return { kind: "integer", value: tree.value / denominator };
  const isFraction = tree.kind === "quotient" && !tree.bracketed && tree.right.kind === "integer";
  const [above, below] = isFraction ? [tree.left, tree.right.value] : [tree, 1n];
  return { kind: "quotient", left: above, right: { kind: "integer", value: below * denominator } };
}
