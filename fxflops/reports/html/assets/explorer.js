// A count to explore: the sizes, what they make of every number, and the fragment that keeps them.

const LONGEST_BESIDE = 36; // characters of a number that fit beside its name

class Explorer {
  constructor(data) {
    this.data = data;
    this.model = new Model(data);
    this.domain = new Domain(data.sizes, data.conditions);
    this.quantity = this.model.quantities[0];
    this.focus = this.model.root;
    this.at = this.#startingSizes();
    this.sliders = new Map();
    this.#check();
    byId("explorer").hidden = false;
    byId("static").hidden = true;
    this.#makeSizes();
    this.#makeTotals();
    this.#makeConditions();
    this.#makeCopies();
    this.icicle = new Icicle(byId("icicle"), this.model, {
      onZoom: (node) => this.zoom(node),
      onPoint: (node) => this.#point(node),
    });
    this.#makeTables();
    this.#makeCurve();
    this.#readFragment();
    window.addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.written) {
        this.#readFragment();
        this.update();
        this.settle();
      }
    });
    window.addEventListener("beforeprint", () => this.#print(true));
    window.addEventListener("afterprint", () => this.#print(false));
    this.update();
    this.settle();
  }

  // The sizes of the report; the least ones inside where it has none.
  #startingSizes() {
    const { sizes } = this.domain;
    const at = new Map(sizes.map(({ name, at, least }) => [name, at ?? least]));
    if (sizes.every(({ at }) => at !== null)) return at;
    return this.domain.nearest(at)[0] ?? at;
  }

  // That this browser's arithmetic gives what fxflops gave.
  #check() {
    const { totals, model } = this.data;
    if (!totals) return;
    this.model.setSizes(this.at);
    for (const quantity of this.model.quantities) {
      if (!(quantity.name in totals)) continue;
      const ours = this.model.value(this.model.root, quantity);
      if (ours !== BigInt(totals[quantity.name]))
        throw new Error(`${quantity.label} of ${model}: ${ours} here, ${totals[quantity.name]} in fxflops`);
    }
  }

  // Sizes

  #makeSizes() {
    const form = byId("sizes");
    form.addEventListener("submit", (event) => event.preventDefault());
    const { sizes } = this.domain;
    if (!sizes.length) {
      form.replaceChildren(made("p", {}, "Every size is fixed."));
      return;
    }
    for (const size of sizes) {
      const { name, multiple, least } = size;
      const id = `size-${name}`;
      const field = made("input", { id, type: "text", inputMode: "numeric", spellcheck: false });
      const range = made("input", { type: "range", data: { "aria-label": name, min: least, step: multiple } });
      const hint = multiple > 1n ? `multiples of ${multiple}` : least > 1n ? `at least ${least}` : "";
      field.addEventListener("input", () => this.#typed(name, field));
      field.addEventListener("change", () => this.settle());
      field.addEventListener("keydown", (event) => {
        const step = { ArrowUp: multiple, ArrowDown: -multiple }[event.key];
        if (!step) return;
        event.preventDefault();
        this.#move(name, this.at.get(name) + step);
      });
      range.addEventListener("input", () => this.#move(name, BigInt(Math.round(range.valueAsNumber))));
      range.addEventListener("change", () => this.settle());
      this.sliders.set(name, { field, range, size });
      form.append(made("div", { className: "size" }, made("label", { htmlFor: id }, name), field, range, made("small", {}, hint)));
    }
    const reset = made("button", { type: "button" }, "Reset");
    reset.addEventListener("click", () => this.go(this.#startingSizes()));
    const hasAddress = location.protocol !== "about:"; // a frame in a notebook has none
    form.append(made("p", { className: "actions" }, reset, hasAddress ? copyButton("Copy link", () => location.href) : ""));
    document.body.classList.toggle("few", sizes.length < 4);
  }

  // A slider or an arrow key: the nearest size inside.
  #move(name, value) {
    const snapped = this.domain.snapped(this.at, name, value);
    const next = snapped ?? this.domain.rounded(this.sliders.get(name).size, value);
    const asked = this.domain.problem(new Map(this.at).set(name, this.domain.rounded(this.sliders.get(name).size, value)));
    this.at = new Map(this.at).set(name, next);
    this.invalid = null;
    this.snappedBecause = snapped !== null && asked ? `${name} stays at ${next}: for less, ${asked.text}.` : "";
    this.update();
    this.settleSoon();
  }

  // What is typed is taken as it is; outside the domain there is no number.
  #typed(name, field) {
    const digits = field.value.replace(/[\s,_]/g, "");
    this.snappedBecause = "";
    if (/^[0-9]{1,1000}$/.test(digits)) {
      this.at = new Map(this.at).set(name, BigInt(digits));
      this.invalid = null;
    } else this.invalid = { name, text: `“${field.value}” is no size of ${name}: type a whole number` };
    this.update(field);
    this.settleSoon();
  }

  go(at) {
    this.at = at;
    this.invalid = null;
    this.snappedBecause = "";
    this.update();
    this.settle();
  }

  zoom(node) {
    this.focus = node;
    this.modules.reveal(node);
    this.update();
    this.settle();
  }

  choose(quantity) {
    this.quantity = quantity;
    this.update();
    this.settle();
  }

  // Totals and figures

  #makeTotals() {
    const box = byId("totals");
    this.totals = this.model.quantities.map((quantity) => {
      const radio = made("input", { type: "radio", name: "quantity", value: quantity.name });
      radio.addEventListener("change", () => this.choose(quantity));
      const [short, long] = [made("b"), made("span", { className: "digits" })];
      box.append(made("label", { title: `${quantity.meaning} [${quantity.unit}]` }, radio, made("span", { className: "label" }, quantity.label), short, long));
      return { quantity, radio, short, long };
    });
    const figures = byId("figures");
    this.intensity = made("dd");
    figures.append(made("dt", {}, "arithmetic intensity"), this.intensity);
    for (const [name, value] of this.data.constants) figures.append(made("dt", {}, name), made("dd", {}, value));
    for (const [name, value] of this.data.figures)
      figures.append(made("dt", {}, name), made("dd", {}, value, made("small", {}, ` at ${this.#written(this.#startingSizes())}`)));
  }

  #written = (at) => [...at].map(([name, size]) => `${name}=${size}`).join(", ");

  #makeConditions() {
    const { sizes, conditions } = this.domain;
    const lines = [
      ...sizes.filter(({ multiple }) => multiple > 1n).map(({ name, multiple }) => [`${name} % ${multiple} == 0`, "", (at) => at.get(name) % multiple === 0n]),
      ...sizes.filter(({ least, multiple }) => least > 1n && least > multiple).map(({ name, least }) => [`${name} >= ${least}`, "", (at) => at.get(name) >= least]),
      ...conditions.map(({ text, where, holds }) => [text, where, holds]),
    ];
    const box = byId("conditions");
    if (!lines.length) return;
    this.conditions = lines.map(([text, where, holds]) => {
      const mark = made("span", { className: "mark" });
      return { holds, mark, element: made("li", {}, mark, made("code", {}, text), where ? made("small", {}, ` ${where}`) : "") };
    });
    box.append(made("p", {}, "Exact where"), made("ul", {}, ...this.conditions.map(({ element }) => element)));
  }

  #makeCopies() {
    const text = () => this.model.formula(this.focus, this.quantity);
    this.copyFormula = copyButton("Copy formula", text);
    byId("copies").append(
      this.copyFormula,
      copyButton("Copy LaTeX", () => toLatex(over(parse(text()), this.quantity.per))),
      copyButton("Copy number", () => exactQuantity(this.model.value(this.focus, this.quantity), this.quantity).replaceAll(",", "")),
    );
  }

  // Charts and tables

  #makeTables() {
    const { model, data } = this;
    this.modules = new ModuleTable(byId("modules"), model, { onZoom: (node) => this.zoom(node), found: byId("found"), more: byId("more") });
    for (const child of model.root.children) if (model.nodes.length < 60) this.modules.open.add(child);
    const search = byId("search");
    search.addEventListener("input", () => {
      this.modules.search = search.value;
      this.modules.all = false;
      this.modules.arrange();
    });
    byId("flat").addEventListener("change", ({ target }) => {
      this.modules.flat = target.checked;
      const share = this.modules.about.length;
      if (target.checked && !this.modules.sort) this.modules.sort = { column: share, down: true };
      this.modules.arrange();
    });
    byId("expand").addEventListener("click", () => {
      this.modules.open = new Set(model.nodes);
      this.modules.arrange();
    });
    byId("collapse").addEventListener("click", () => {
      this.modules.open = new Set([model.root]);
      this.modules.arrange();
    });
    byId("digits").addEventListener("change", () => this.update());
    const name = (title) => ({ title, cell: (row) => made("code", {}, row.name), key: (row) => row.name });
    const calls = { title: "calls", isNumber: true, cell: (row) => String(row.calls), key: (row) => row.calls };
    const unknown = data.uncounted.map(([name, calls]) => ({ name, calls }));
    this.operators = new ListTable(byId("operators"), model, [name("operator"), calls], [...model.operators, ...unknown], { column: 2, down: true });
    this.tables = [this.modules, this.operators];
    if (model.parts.length) {
      byId("parts").hidden = false;
      byId("parts-title").textContent = data.partsTitle;
      const note = { title: "where", cell: (row) => row.type, key: (row) => row.type };
      this.tables.push(new ListTable(byId("parts-table"), model, [name("part"), note], model.parts));
    }
    const free = byId("free");
    if (data.free.length) {
      const rows = data.free.map(([op, calls, reason]) =>
        made("tr", {}, made("th", { scope: "row" }, made("code", {}, op)), made("td", { className: "number" }, String(calls)), made("td", {}, reason)));
      const head = ["operator", "calls", "why it costs no FLOP"].map((text, i) => made("th", { scope: "col", className: i === 1 ? "number" : "" }, text));
      free.append(made("summary", {}, `${data.free.length} free operators`),
        made("div", { className: "scroll", tabIndex: 0, data: { role: "group", "aria-label": "Free operators" } },
          made("table", {}, made("thead", {}, made("tr", {}, ...head)), made("tbody", {}, ...rows))));
    } else free.hidden = true;
    for (const table of this.tables) table.quantity = this.quantity;
    for (const table of this.tables) table.arrange();
  }

  #makeCurve() {
    if (!this.domain.sizes.length) {
      byId("curves").hidden = true;
      return;
    }
    this.curve = new Curve(byId("plot"), byId("points"), this.model, this.domain);
    const over = byId("over");
    this.curve.choices.forEach(({ label }, i) => over.append(made("option", { value: i }, label)));
    over.addEventListener("change", () => this.#drawCurve());
    byId("logarithmic").addEventListener("change", () => this.#drawCurve());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawCurve());
  }

  #drawCurve() {
    if (!this.curve || !this.model.at) return;
    this.curve.draw({
      focus: this.focus,
      quantity: this.quantity,
      choice: this.curve.choices[byId("over").value],
      logarithmic: byId("logarithmic").checked,
      at: this.at,
    });
  }

  #point(node) {
    const shown = node ?? this.focus;
    const { quantity, model } = this;
    const value = model.value(shown, quantity);
    const part = value === null ? "" : `, ${share(value, model.value(model.root, quantity))} of the whole`;
    byId("pointed").replaceChildren(
      made("b", {}, shown.path || shown.name), ` ${shown.type} `,
      made("span", { className: "digits" }, exactQuantity(value, quantity)), ` ${shortUnit(quantity)}${part}`);
  }

  // Everything that the sizes, the quantity or the module change. `typing` is left as it is.
  update(typing = null) {
    const { model, quantity, focus } = this;
    const problem = this.invalid ?? this.domain.problem(this.at);
    model.setSizes(problem ? null : this.at);
    this.#showSizes(typing, problem);
    for (const { quantity: one, radio, short, long } of this.totals) {
      const value = model.value(model.root, one);
      radio.checked = one === quantity;
      short.textContent = scaledQuantity(value, one);
      const digits = exactQuantity(value, one);
      long.textContent = digits.length > LONGEST_BESIDE ? `${digits.replaceAll(",", "").length} digits` : digits;
    }
    for (const { holds, mark, element } of this.conditions ?? []) {
      const isMet = holds(this.at);
      mark.textContent = isMet ? "✓ " : "✗ ";
      element.className = isMet ? "met" : "broken";
    }
    this.#showHeadline();
    this.#showIntensity();
    this.icicle.draw(focus, quantity);
    this.#crumbs();
    this.#point(null);
    const whole = model.value(model.root, quantity);
    for (const table of this.tables) table.refresh(quantity, whole, byId("digits").checked);
    this.#drawCurve();
  }

  #showSizes(typing, problem) {
    for (const [name, { field, range, size }] of this.sliders) {
      const value = this.at.get(name);
      const isWrong = problem !== null && (problem.name ? problem.name === name : problem.condition?.names.has(name));
      field.setAttribute("aria-invalid", String(Boolean(isWrong)));
      if (field !== typing) field.value = String(value);
      const end = this.domain.sliderEnd(size, this.#startingSizes());
      const far = String(value > end ? value : end);
      if (range.max !== far) range.max = far;
      range.value = String(value);
      range.setAttribute("aria-valuetext", `${name} ${value}`);
    }
    const box = byId("outside");
    const text = problem ? `No formula here: ${problem.text}.` : this.snappedBecause ?? "";
    box.hidden = !text;
    box.className = problem ? "wrong" : "note";
    if (box.textContent === text && !problem) return;
    box.replaceChildren(made("p", {}, text));
    for (const at of problem && !this.invalid ? this.domain.nearest(this.at) : []) {
      const button = made("button", { type: "button" }, `Nearest inside: ${this.#written(at)}`);
      button.addEventListener("click", () => this.go(at));
      box.append(button);
    }
  }

  #showHeadline() {
    const { model, quantity, focus, data } = this;
    const value = model.value(focus, quantity);
    const whole = model.value(model.root, quantity);
    byId("quantity").textContent = `${quantity.label}${focus === model.root ? "" : ` of ${focus.path}`}`;
    const total = byId("total");
    total.textContent = exactQuantity(value, quantity);
    total.classList.toggle("long", total.textContent.length > LONGEST_BESIDE);
    byId("unit").textContent = shortUnit(quantity);
    const at = this.at.size ? `at ${this.#written(this.at)}` : "at its one size";
    byId("sentence").textContent = value === null ? "These sizes are outside the domain." :
      `${data.uncounted.length ? "At least " : ""}${inUnit(value, quantity)} ${at}${focus === model.root ? "" : `, ${share(value, whole)} of the whole`}: ${quantity.meaning}.`;
    const key = `${focus.path}\n${quantity.name}`;
    if (key !== this.typesetAs) {
      this.typesetAs = key;
      typeset(document.querySelector("#headline .formula"), over(parse(model.formula(focus, quantity)), quantity.per));
      this.copyFormula.disabled = quantity.per !== 1n;
      this.copyFormula.title = quantity.per === 1n ? "As Python evaluates it" : `${quantity.label} are ${quantity.meaning}: copy the formula of that`;
    }
    const mark = byId("mark");
    const [flops] = model.quantities;
    if (mark) mark.textContent = value === null ? data.incomplete : `≥ ${scaledQuantity(model.value(model.root, flops), flops)}, ${data.incomplete}`;
  }

  #showIntensity() {
    const { model } = this;
    const [flops, bytes] = ["flops", "bytes"].map((name) => {
      const quantity = model.quantities.find((one) => one.name === name);
      return quantity ? model.value(model.root, quantity) : null;
    });
    this.intensity.textContent = flops === null || !bytes ? "–" : `${decimal(flops, bytes, 2)} FLOP/byte`;
  }

  #crumbs() {
    const path = [];
    for (let one = this.focus; one; one = one.above) path.unshift(one);
    if (this.crumbed === this.focus) return;
    this.crumbed = this.focus;
    byId("crumbs").replaceChildren(...path.flatMap((node, i) => {
      const isLast = i === path.length - 1;
      const button = made("button", { type: "button", className: "link" }, node.name);
      if (isLast) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.zoom(node));
      return i ? [made("span", { ariaHidden: "true" }, " › "), button] : [button];
    }));
  }

  // What can wait until a slider rests: the order of tables, the fragment, what is read aloud.
  settleSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.settle(), 250);
  }

  settle() {
    clearTimeout(this.waiting);
    for (const table of this.tables) {
      table.arrange();
      table.fillTheRest();
    }
    this.#writeFragment();
    const { model, quantity } = this;
    const value = model.value(model.root, quantity);
    byId("said").textContent = value === null ? "" : `${quantity.label}: ${exactQuantity(value, quantity)} ${shortUnit(quantity)}`;
  }

  // The fragment: #N=3&H=800&W=1216, then what is not the usual

  #writeFragment() {
    const parts = [...this.at].map(([name, size]) => `${encodeURIComponent(name)}=${size}`);
    if (this.quantity !== this.model.quantities[0]) parts.push(`:by=${this.quantity.name}`);
    if (this.focus !== this.model.root) parts.push(`:in=${encodeURIComponent(this.focus.path)}`);
    this.written = parts.join("&");
    try {
      history.replaceState(null, "", `#${this.written}`);
    } catch {
      // a frame without an address, as in a notebook
    }
  }

  #readFragment() {
    const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
    for (const name of this.at.keys())
      if (/^[0-9]{1,1000}$/.test(given.get(name) ?? "")) this.at = new Map(this.at).set(name, BigInt(given.get(name)));
    this.quantity = this.model.quantities.find(({ name }) => name === given.get(":by")) ?? this.quantity;
    this.focus = this.model.byPath.get(given.get(":in") ?? "") ?? this.focus;
    if (this.focus !== this.model.root) this.modules.reveal(this.focus);
  }

  #print(begins) {
    const root = document.documentElement;
    if (begins) {
      this.before = root.dataset.theme;
      root.dataset.theme = "light";
      for (const table of this.tables) table.fillAll();
    } else if (this.before) root.dataset.theme = this.before;
    else delete root.dataset.theme;
    this.#drawCurve();
  }
}
