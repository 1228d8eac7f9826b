// What every part of the page uses: elements, the clipboard, the theme.

const byId = (id) => document.getElementById(id);

// An element: properties, attributes in `data`, children.
function made(name, properties = {}, ...children) {
  const { data, ...others } = properties;
  const one = Object.assign(document.createElement(name), others);
  for (const [key, value] of Object.entries(data ?? {})) one.setAttribute(key, value);
  one.append(...children);
  return one;
}

// light or dark, as the reader chose or the system has it
function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

async function copy(text, button) {
  const before = button.textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = made("textarea", { value: text });
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Not allowed here";
  setTimeout(() => (button.textContent = before), 1500);
}

function copyButton(label, text) {
  const button = made("button", { type: "button" }, label);
  button.addEventListener("click", () => copy(text(), button));
  return button;
}
