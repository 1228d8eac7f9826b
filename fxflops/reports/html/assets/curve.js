// What a module and its dearest parts cost over one size, as curves.

const POINTS = 64;
const PARTS = 5;
const IN_TABLE = 9;

// A number beside an axis: 1.5 T
function brief(value) {
  if (Math.abs(value) < 1000) return String(Number(value.toPrecision(6)));
  const [number, prefix] = scaledParts(BigInt(Math.round(value)));
  return `${number.includes(".") ? number.replace(/\.?0+(?=e|$)/, "") : number} ${prefix}`.trim();
}

class Curve {
  constructor(box, table, model, domain) {
    Object.assign(this, { box, table, model, domain });
    this.choices = domain.sizes.map(({ name }) => ({ label: name, names: [name] }));
    const image = ["H", "W"].map((name) => domain.sizes.find((size) => size.name === name));
    if (image.every(Boolean) && image[0].multiple === image[1].multiple)
      this.choices.unshift({ label: "H = W", names: ["H", "W"] });
    new ResizeObserver(() => this.#resize()).observe(box);
  }

  #resize() {
    const { clientWidth } = this.box;
    if (this.plot && clientWidth && clientWidth !== this.plot.width) this.plot.setSize({ width: clientWidth, height: 300 });
  }

  // The values of the size at which to count, on its grid.
  #grid({ names: [name] }, at) {
    const size = this.domain.sizes.find((one) => one.name === name);
    const end = this.domain.sliderEnd(size, at);
    const count = (end - size.least) / size.multiple + 1n;
    const step = (count + BigInt(POINTS) - 1n) / BigInt(POINTS) * size.multiple;
    const grid = new Set([at.get(name)]);
    for (let value = size.least; value <= end; value += step) grid.add(value);
    grid.add(end - ((end - size.least) % size.multiple));
    return [...grid].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  draw({ focus, quantity, choice, logarithmic, at }) {
    const { model, domain } = this;
    const here = choice.names.length > 1 ? new Map(at).set("W", at.get("H")) : at;
    const grid = this.#grid(choice, here);
    const inside = grid.map((value) => {
      const there = new Map(here);
      for (const name of choice.names) there.set(name, value);
      return domain.problem(there) ? null : there;
    });
    const dearest = focus.children
      .map((node, branch) => ({ node, branch, value: model.at ? model.value(node, quantity) : 0n }))
      .sort((a, b) => (a.value < b.value ? 1 : a.value > b.value ? -1 : 0))
      .slice(0, PARTS)
      .filter(({ value }) => value);
    const rows = [{ node: focus, branch: null }, ...dearest];
    const counts = rows.map(({ node }) => inside.map((there) => there && model.valueAt(node, quantity, there)));
    const per = Number(quantity.per);
    const columns = counts.map((column) =>
      column.map((value) => (value === null || (logarithmic && !value) ? null : Number(value) / per)));
    const isDrawn = columns.flat().every((value) => value === null || Number.isFinite(value)) && Number.isFinite(Number(grid.at(-1)));
    this.box.classList.toggle("refused", !isDrawn);
    if (!isDrawn) {
      this.plot?.destroy();
      this.plot = this.key = null;
      this.box.textContent = "These numbers are too large to be drawn.";
      return;
    }
    if (!this.plot) this.box.textContent = "";
    const key = [focus.path, quantity.name, choice.label, logarithmic, theme(), ...rows.map(({ node }) => node.path)].join("\n");
    const data = [grid.map(Number), ...columns];
    const isHere = choice.names.every((name) => at.get(name) === here.get(name));
    this.now = isHere ? Number(here.get(choice.names[0])) : null; // where the sizes lie on the curve
    if (this.key === key) {
      this.plot.setData(data);
      this.#rest();
    }
    else this.#make(key, data, rows, { quantity, choice, logarithmic });
    const first = inside.findIndex(Boolean);
    this.plot.root.querySelector("canvas").setAttribute("aria-label",
      first < 0 ? "No size of this curve is inside the domain." :
        `${quantity.label} of ${focus.path || focus.name} over ${choice.label}: from ${scaledQuantity(counts[0][first], quantity)} at ${grid[first]} to ${scaledQuantity(counts[0].findLast((v) => v !== null), quantity)}. The numbers are in the table below.`);
    this.#tabulate(grid, rows, counts, { quantity, choice });
  }

  #make(key, data, rows, { quantity, choice, logarithmic }) {
    this.plot?.destroy();
    this.key = key;
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [ink, line] = [color("--muted"), color("--line")];
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const series = rows.map(({ node, branch }, i) => ({
      label: i ? node.name : node.path ? node.name : "whole model",
      stroke: branch === null ? color("--ink") : color(`--curve-${branch % 8}`),
      width: branch === null ? 2.5 : 1.75,
      points: { show: data[0].length < 3 },
      value: (_, value) => (value == null ? "–" : brief(value)),
    }));
    const marker = (plot) => {
      if (this.now === null) return;
      const x = plot.valToPos(this.now, "x", true);
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.strokeStyle = color("--accent");
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.restore();
    };
    this.plot = new uPlot({
      width: this.box.clientWidth || 600,
      height: 300,
      pxAlign: 0,
      scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1, range: logarithmic ? undefined : (_, low, high) => [0, high * 1.05 || 1] } },
      axes: [
        { ...axis, label: choice.label, labelFont: font, values: (_, ticks) => ticks.map((value) => exact(BigInt(Math.round(value)))) },
        { ...axis, size: 72, values: (_, ticks) => ticks.map((value) => (value === null ? "" : brief(value))) },
      ],
      series: [{ label: choice.label, value: (_, value) => (value == null ? "–" : exact(BigInt(value))) }, ...series],
      cursor: { drag: { x: false, y: false } },
      hooks: { draw: [marker], setCursor: [(plot) => plot.cursor.idx == null && this.#rest()] },
    }, data, this.box);
    this.#rest();
    const canvas = this.plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
  }

  // While nothing is pointed at, the legend has the values at the size set.
  #rest() {
    const position = this.plot.data[0].indexOf(this.now);
    this.plot.setLegend({ idx: position < 0 ? null : position }, false);
  }

  #tabulate(grid, rows, counts, { quantity, choice }) {
    const step = Math.max(1, Math.ceil(grid.length / IN_TABLE));
    const chosen = grid.map((_, i) => i).filter((i) => i % step === 0 || i === grid.length - 1);
    const heading = (text) => made("th", { scope: "col", className: "number" }, text);
    const head = made("tr", {}, heading(choice.label), ...rows.map(({ node }) => heading(node.name)));
    const body = chosen.map((i) =>
      made("tr", {}, made("th", { scope: "row", className: "number" }, exact(grid[i])),
        ...counts.map((column) => made("td", { className: "number" }, exactQuantity(column[i], quantity)))));
    this.table.replaceChildren(made("thead", {}, head), made("tbody", {}, ...body));
  }
}
