// Tables that are sorted by their headings: of modules, as a tree or flat; of operators and parts.

const GROUP = 50; // rows that are seen or not seen together
const AT_FIRST = 200; // rows; the others are shown when asked for

class CountTable {
  // `about` are the columns before the counts: {title, cell(row) → node, key(row)}; the text of one
  // with `live` changes with the sizes.
  constructor(table, model, about, options = {}) {
    Object.assign(this, { table, model, about, options });
    this.shown = [];
    this.lines = new Map(); // of each row, its <tr> and cells
    this.sort = options.sort ?? null; // {column, down}
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        target.near = isIntersecting;
        if (isIntersecting && this.quantity) this.#fillGroup(target);
      }
    }, { rootMargin: "400px" });
    this.#head();
  }

  get columns() {
    return [...this.about.map(({ title }) => title), "share", ...this.model.quantities.map(({ label }) => label)];
  }

  #head() {
    const sides = this.about.length;
    const cells = this.columns.map((title, i) => {
      const button = made("button", { type: "button" }, title);
      button.addEventListener("click", () => this.sortBy(i));
      const heading = made("th", { scope: "col", className: i < sides ? (this.about[i].isNumber ? "number" : "") : i === sides ? "share" : "number" }, button);
      if (i > sides) heading.title = this.model.quantities[i - sides - 1].meaning;
      return heading;
    });
    this.headings = cells;
    this.table.classList.add("counts");
    this.table.replaceChildren(made("thead", {}, made("tr", {}, ...cells)));
  }

  // By a column: first the largest, then the smallest, then the model's own order.
  sortBy(column) {
    const isText = column < this.about.length && !this.about[column].isNumber;
    const [first, second] = isText ? [false, true] : [true, false];
    if (this.sort?.column !== column) this.sort = { column, down: first };
    else this.sort = this.sort.down === first ? { column, down: second } : null;
    this.arrange();
  }

  // How two rows are ordered.
  comparison() {
    if (!this.sort) return null;
    const { column, down } = this.sort;
    const { about, model, quantity } = this;
    const chosen = model.quantities[column - about.length - 1] ?? quantity;
    const key = column < about.length ? about[column].key : (row) => model.value(row, chosen) ?? 0n;
    const up = (a, b) => {
      const [left, right] = [key(a), key(b)];
      return left < right ? -1 : left > right ? 1 : 0;
    };
    return down ? (a, b) => up(b, a) : up;
  }

  // Show these rows, in this order.
  show(rows) {
    const wanted = rows.map((row) => this.lines.get(row) ?? this.#line(row));
    const isSame = this.shown.length === wanted.length && wanted.every((line, i) => line === this.shown[i]);
    this.shown = wanted;
    if (!isSame) this.#group();
    const sides = this.about.length;
    this.headings.forEach((heading, i) => {
      const isSorted = this.sort?.column === i;
      if (isSorted) heading.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
      heading.classList.toggle("chosen", this.model.quantities[i - sides - 1] === this.quantity);
    });
  }

  // Rows in bodies of some, of which those in sight are kept up to date.
  #group() {
    this.seen.disconnect();
    for (const body of this.table.querySelectorAll("tbody")) body.remove();
    for (let from = 0; from < this.shown.length; from += GROUP) {
      const lines = this.shown.slice(from, from + GROUP);
      const body = made("tbody", {}, ...lines.map(({ element }) => element));
      Object.assign(body, { lines, near: from === 0 });
      this.table.append(body);
      this.seen.observe(body);
    }
  }

  #line(row) {
    const element = made("tr");
    const about = this.about.map(({ cell, isNumber }, i) =>
      made(i ? "td" : "th", { className: isNumber ? "number" : "", ...(i ? {} : { scope: "row" }) }, cell(row)));
    const part = made("span");
    const share = made("td", { className: "share" }, part);
    const counts = this.model.quantities.map(() => made("span"));
    const cells = counts.map((count) => made("td", { className: "number" }, count));
    element.append(...about, share, ...cells);
    const live = this.about.flatMap((column, i) => (column.live ? [{ column, cell: about[i] }] : []));
    const line = { row, element, live, share, part, counts, stale: true };
    this.lines.set(row, line);
    return line;
  }

  // The counts anew where they can be seen; elsewhere once the sizes rest, or are scrolled to.
  refresh(quantity, whole, everyDigit) {
    Object.assign(this, { quantity, whole, everyDigit });
    this.table.classList.toggle("long-numbers", everyDigit);
    this.fillLater?.();
    for (const line of this.shown) line.stale = true;
    for (const body of this.table.tBodies) if (body.near) this.#fillGroup(body);
  }

  #fillGroup({ lines }) {
    for (const line of lines) if (line.stale) this.#fill(line);
  }

  fillTheRest() {
    this.fillLater?.();
    const stale = this.shown.filter((line) => line.stale);
    this.fillLater = inIdleTime(stale, (line) => line.stale && this.#fill(line));
  }

  fillAll() {
    for (const line of this.shown) if (line.stale) this.#fill(line);
  }

  #fill(line) {
    const { model, quantity, whole, everyDigit } = this;
    line.stale = false;
    const written = everyDigit ? exactQuantity : scaledQuantity;
    const least = line.row.uncounted ? "≥ " : "";
    for (const { column, cell } of line.live) {
      const text = column.live(line.row, everyDigit);
      if (cell.textContent !== text) cell.textContent = text;
    }
    model.quantities.forEach((one, i) => {
      const text = line.row.counts ? least + written(model.value(line.row, one), one) : i ? "" : "?";
      const cell = line.counts[i];
      if (cell.textContent !== text) cell.textContent = text;
    });
    if (line.chosen !== quantity) {
      line.chosen = quantity;
      model.quantities.forEach((one, i) => line.counts[i].parentNode.classList.toggle("chosen", one === quantity));
    }
    if (!line.row.counts) return;
    const value = model.value(line.row, quantity);
    const part = value === null ? "" : share(value, whole);
    if (line.part.textContent !== part) line.part.textContent = part;
    line.share.style.backgroundSize = `${value === null ? 0 : 84 * fraction(value, whole)}px 18px`;
  }
}

// Do something with each of `items` while the browser has nothing else to do; gives what stops it.
function inIdleTime(items, work) {
  const when = window.requestIdleCallback ?? ((go) => setTimeout(() => go({ timeRemaining: () => 8 }), 30));
  let stopped = false;
  let position = 0;
  when(function some(deadline) {
    while (!stopped && position < items.length && deadline.timeRemaining() > 1) work(items[position++]);
    if (!stopped && position < items.length) when(some);
  });
  return () => (stopped = true);
}

class ModuleTable extends CountTable {
  constructor(table, model, { onZoom, found, more }) {
    const name = (node) => this.nameCell(node);
    super(table, model, [
      { title: "module", cell: name, key: ({ path }) => path },
      { title: "type", cell: ({ type }) => type, key: ({ type }) => type },
      { title: "output", cell: () => "", live: (node) => model.output(node), key: (node) => model.output(node) },
      {
        title: "params",
        isNumber: true,
        cell: () => "",
        live: (node, everyDigit) => {
          const count = model.parameters(node);
          return count === null ? "" : (everyDigit ? exact : scaled)(count);
        },
        key: (node) => model.parameters(node) ?? -1n,
      },
    ]);
    Object.assign(this, { onZoom, found, more, open: new Set([model.root]), search: "", flat: false, all: false });
    this.more.addEventListener("click", () => {
      this.all = true;
      this.arrange();
    });
  }

  nameCell(node) {
    const box = made("span", { className: "name" });
    box.style.setProperty("--depth", node.depth);
    if (node.children.length) {
      const toggle = made("button", { type: "button", className: "toggle", data: { "aria-expanded": "false" } });
      toggle.setAttribute("aria-label", `Parts of ${node.path || node.name}`);
      toggle.addEventListener("click", () => {
        if (!this.open.delete(node)) this.open.add(node);
        this.arrange();
      });
      box.append(toggle);
      node.toggle = toggle;
    }
    const zoom = made("button", { type: "button", className: "link", title: "Show this module" });
    zoom.addEventListener("click", () => this.onZoom(node));
    zoom.append(made("span", { className: "short" }, node.name), made("span", { className: "long" }, node.path || node.name));
    box.append(zoom);
    return box;
  }

  // The rows that the search, the open modules and the order make.
  rows() {
    const { model, search, flat } = this;
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (node) => words.every((word) => `${node.path}\n${node.type}`.toLowerCase().includes(word));
    const matching = words.length ? model.nodes.filter(matches) : model.nodes;
    this.matching = new Set(matching);
    const compare = this.comparison();
    if (flat) return compare ? [...matching].sort(compare) : matching;
    const kept = words.length ? new Set() : null;
    if (kept) for (const node of matching) for (let one = node; one && !kept.has(one); one = one.above) kept.add(one);
    const rows = [];
    const visit = (node) => {
      if (kept && !kept.has(node)) return;
      rows.push(node);
      if (!kept && !this.open.has(node)) return;
      const children = compare ? [...node.children].sort(compare) : node.children;
      children.forEach(visit);
    };
    visit(model.root);
    return rows;
  }

  arrange() {
    const rows = this.rows();
    const cut = this.all || rows.length <= AT_FIRST ? rows : rows.slice(0, AT_FIRST);
    this.table.classList.toggle("flat", this.flat);
    this.show(cut);
    const isSearched = this.search.trim() !== "";
    for (const { row, element } of this.shown) {
      if (row.toggle) row.toggle.setAttribute("aria-expanded", String(isSearched || this.open.has(row)));
      element.classList.toggle("around", !this.matching.has(row));
      element.classList.toggle("current", row === this.current);
    }
    this.more.hidden = cut.length === rows.length;
    this.more.textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
    const count = this.matching.size.toLocaleString("en");
    this.found.textContent = this.search.trim() ? `${count} of ${this.model.nodes.length.toLocaleString("en")} modules` : "";
    if (this.quantity) this.refresh(this.quantity, this.whole, this.everyDigit);
  }

  // Open what is around a module, so that it can be seen.
  reveal(node) {
    this.current = node;
    for (let one = node; one; one = one.above) if (one !== node || one.children.length) this.open.add(one);
    this.arrange();
  }
}

class ListTable extends CountTable {
  constructor(table, model, about, rows, sort = null) {
    super(table, model, about, { sort });
    this.rows = rows;
  }

  arrange() {
    const compare = this.comparison();
    const known = this.rows.filter(({ counts }) => counts);
    const unknown = this.rows.filter(({ counts }) => !counts);
    this.show([...(compare ? known.sort(compare) : known), ...unknown]);
    if (this.quantity) this.refresh(this.quantity, this.whole, this.everyDigit);
  }
}
