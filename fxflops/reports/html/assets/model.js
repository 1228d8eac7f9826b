// The model of a report: its modules and operators, and their counts at the sizes set.

class Model {
  #formulas; // texts
  #trees = [];
  #functions = [];
  #values = [];

  constructor(data) {
    this.#formulas = data.formulas;
    this.quantities = data.quantities;
    const column = new Map(data.columns.map((name, i) => [name, i]));
    for (const quantity of this.quantities) {
      quantity.columns = quantity.of.map((name) => column.get(name));
      quantity.per = BigInt(quantity.per);
    }
    this.nodes = [];
    for (const [parent, name, type, uncounted, parameters, shape, hasMore, ...counts] of data.modules) {
      const above = this.nodes[parent];
      const path = above?.path ? `${above.path}.${name}` : name;
      const node = { path, name, type, uncounted, parameters, shape, hasMore, counts, above, children: [], depth: above ? above.depth + 1 : 0 };
      above?.children.push(node);
      this.nodes.push(node);
    }
    this.root = this.nodes[0];
    this.root.name ||= data.model;
    this.operators = data.operators.map(([name, calls, ...counts]) => ({ name, calls, counts }));
    this.parts = data.parts.map(([name, note, ...counts]) => ({ name, type: note, counts }));
    this.byPath = new Map(this.nodes.map((node) => [node.path, node]));
  }

  // What holds at other sizes from now on; null where there is no formula.
  setSizes(at) {
    this.at = at;
    this.#values = [];
  }

  // A count of a row as a BigInt, `quantity.per` times too large; null where the sizes are outside.
  value(row, quantity) {
    if (!this.at) return null;
    let sum = 0n;
    for (const column of quantity.columns) sum += this.#value(row.counts[column]);
    return sum;
  }

  // The parameters of a module, those of the modules in it included; null where that is not known.
  parameters({ parameters }) {
    return this.at && parameters !== null ? this.#value(parameters) : null;
  }

  // The shape of what a module returns, 64x112x112; more of it after …
  output({ shape, hasMore }) {
    if (!this.at || !shape) return "";
    return (shape.map((index) => this.#value(index)).join("x") || "scalar") + (hasMore ? " …" : "");
  }

  // A count at other sizes, of which nothing is kept.
  valueAt(row, quantity, at) {
    return quantity.columns.reduce((sum, c) => sum + this.#function(row.counts[c])(at), 0n);
  }

  #value(index) {
    return (this.#values[index] ??= this.#function(index)(this.at));
  }

  #function(index) {
    return (this.#functions[index] ??= compile(this.#tree(index)));
  }

  #tree(index) {
    return (this.#trees[index] ??= parse(this.#formulas[index]));
  }

  // The formula of a row, `quantity.per` times too large, as text that Python evaluates.
  formula(row, quantity) {
    const texts = quantity.columns.map((column) => this.#formulas[row.counts[column]]);
    return texts.filter((text) => text !== "0").join(" + ") || "0";
  }
}

// “138.3 GFLOP”
function inUnit(value, quantity) {
  const [number, prefix] = quantityParts(value, quantity);
  const unit = shortUnit(quantity);
  return unit === "FLOP" ? `${number}\u00a0${prefix}FLOP` : [number, prefix, unit].filter(Boolean).join("\u00a0");
}

const shortUnit = ({ unit }) => unit.split(",")[0].split(" of ")[0];

function quantityParts(value, { per }) {
  if (value === null) return ["–", ""];
  return value % per ? [exactQuantity(value, { per }), ""] : scaledParts(value / per);
}

const scaledQuantity = (value, quantity) => quantityParts(value, quantity).join(" ").trim();

// Every digit, and a half as a half.
function exactQuantity(value, { per }) {
  if (value === null) return "–";
  return value % per ? `${exact(value / per)}.5` : exact(value / per);
}
