// The modules as an icicle: a row for each level, as wide as their share of the module shown.

const NARROWEST = 0.0008; // of the whole width; what is narrower is not drawn
const LABELED = 0.035;

class Icicle {
  // `onZoom(node)` is called to show another module, `onPoint(node)` with the one pointed at.
  constructor(box, model, { onZoom, onPoint }) {
    Object.assign(this, { box, model, onZoom, onPoint });
    this.tree = d3.hierarchy(model.root);
    this.byNode = new Map(this.tree.descendants().map((item) => [item.data, item]));
    this.cells = new Map();
    this.shown = [];
    box.addEventListener("click", (event) => this.#clicked(event));
    box.addEventListener("keydown", (event) => this.#pressed(event));
    box.addEventListener("pointerover", (event) => this.#pointed(event));
    box.addEventListener("focusin", (event) => this.#pointed(event));
    box.addEventListener("pointerleave", () => onPoint(null));
  }

  // Draw what `focus` is made of, in `quantity`.
  draw(focus, quantity) {
    const { model, tree } = this;
    this.focus = focus;
    this.box.classList.toggle("refused", !model.at);
    if (!model.at) return;
    const whole = model.value(focus, quantity);
    tree.each((item) => (item.value = fraction(model.value(item.data, quantity), whole)));
    d3.partition()(tree);
    const top = this.byNode.get(focus);
    const width = top.x1 - top.x0;
    const shown = [];
    let deepest = 0;
    const visit = (item, branch) => {
      const part = item === top ? 1 : width && (item.x1 - item.x0) / width;
      if (part < NARROWEST) return;
      const level = item.depth - top.depth;
      deepest = Math.max(deepest, level);
      const left = item === top ? 0 : (item.x0 - top.x0) / width;
      shown.push({ node: item.data, left, part, level, branch });
      item.children?.forEach((child, i) => visit(child, level ? branch : i));
    };
    visit(top, null);
    this.box.style.setProperty("--levels", deepest + 1);
    this.#place(shown, whole, quantity);
  }

  #place(shown, whole, quantity) {
    const { cells, model, box } = this;
    const before = new Set(cells.keys());
    for (const { node, left, part, level, branch } of shown) {
      let cell = cells.get(node);
      if (!cell) {
        cell = document.createElement("div");
        cell.node = node;
        cell.setAttribute("role", "treeitem");
        cell.tabIndex = -1;
        cell.append(document.createElement("b"), " ", document.createElement("span"));
        cells.set(node, cell);
        box.append(cell);
      }
      before.delete(node);
      cell.style.left = `${100 * left}%`;
      cell.style.width = `${100 * part}%`;
      cell.style.setProperty("--level", level);
      cell.className = branch === null ? "top" : `branch-${branch % 8}`;
      const value = model.value(node, quantity);
      const label = part > LABELED;
      cell.firstChild.textContent = label ? node.name : "";
      cell.lastChild.textContent = label ? scaledQuantity(value, quantity) : "";
      cell.said = { value, whole, quantity };
      cell.setAttribute("aria-level", level + 1);
      const where = node.path === node.name || !node.path ? "" : `, in ${node.above.path}`;
      const said = `${node.name} ${scaledQuantity(value, quantity)} ${shortUnit(quantity)}`;
      cell.setAttribute("aria-label", `${said}, ${share(value, whole)}${where}`);
    }
    for (const node of before) {
      cells.get(node).remove();
      cells.delete(node);
    }
    this.shown = shown;
    if (!cells.has(this.active)) this.active = this.focus;
    this.#makeActive(this.active);
  }

  #makeActive(node) {
    const before = this.cells.get(this.active);
    if (before) before.tabIndex = -1;
    this.active = node;
    const cell = this.cells.get(node);
    if (cell) cell.tabIndex = 0;
    return cell;
  }

  #clicked(event) {
    const cell = event.target.closest("[role=treeitem]");
    if (cell) this.#zoom(cell.node);
  }

  // To a module; of the one that is shown already, to the one around it.
  #zoom(node) {
    this.#makeActive(node);
    this.onZoom(node === this.focus ? node.above ?? node : node);
    this.cells.get(this.active)?.focus();
  }

  #pointed(event) {
    const cell = event.target.closest("[role=treeitem]");
    this.onPoint(cell ? cell.node : null);
  }

  #pressed(event) {
    const { active, cells } = this;
    const beside = (step) => {
      const row = this.shown.filter(({ level }) => level === active.depth - this.focus.depth);
      return row[row.findIndex(({ node }) => node === active) + step]?.node;
    };
    const moves = {
      ArrowDown: () => active.children.find((child) => cells.has(child)),
      ArrowUp: () => active !== this.focus && active.above,
      ArrowRight: () => beside(1),
      ArrowLeft: () => beside(-1),
      Home: () => this.focus,
    };
    if (event.key in moves) {
      const target = moves[event.key]();
      if (target) this.#makeActive(target).focus();
    } else if (event.key === "Enter" || event.key === " ") this.#zoom(active);
    else if (event.key === "Escape" && this.focus.above) {
      this.onZoom(this.focus.above);
      this.#makeActive(this.focus)?.focus();
    } else return;
    event.preventDefault();
  }
}
