// What runs first: formulas are typeset in any document; one with data is explored.

function typesetFormulas() {
  for (const box of document.querySelectorAll(".formula[data-formula]")) {
    const text = box.dataset.formula;
    let tree;
    try {
      tree = parse(text);
    } catch {
      continue; // not one of ours: it stays as text
    }
    typeset(box, tree);
    box.after(made("p", { className: "actions" }, copyButton("Copy formula", () => text), copyButton("Copy LaTeX", () => toLatex(tree))));
  }
}

function themeButton(explorer) {
  const button = byId("theme");
  const other = () => (theme() === "dark" ? "light" : "dark");
  const label = () => (button.textContent = other() === "dark" ? "Dark" : "Light");
  label();
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = other();
    label();
    explorer?.update();
  });
  const print = byId("print");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

typesetFormulas();
const found = byId("data");
let explorer = null;
if (found) {
  try {
    explorer = new Explorer(JSON.parse(found.textContent));
  } catch (error) {
    console.error(error);
    byId("explorer").hidden = true;
    byId("static").hidden = false;
    byId("static").prepend(made("p", { className: "wrong", data: { role: "alert" } }, `This browser cannot explore the report: ${error.message}.`));
  }
}
themeButton(explorer);
