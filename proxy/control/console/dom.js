// Makes and finds elements. Text goes in as text: nothing in the console becomes markup.

export const find = (id) => document.getElementById(id);

/** An element with attributes, listeners (`onclick`) and children; absent children are left out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** Sets a text only where it differs, so that what stands still is not read out or painted again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets or takes away an attribute only where it differs. */
export function mark(node, name, value) {
  if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** Whether somebody points at a part of the page, presses there, or has the focus in it: then it stands still. */
export function isBusy(node) {
  const pointed = node.matches(":active") || (matchMedia("(hover: hover)").matches && node.matches(":hover"));
  return pointed || node.contains(document.activeElement);
}

/** A table of rows that are not kept from one time to the next. */
export function table(label, heads, rows) {
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    el("table", {},
      el("caption", { class: "hidden-label" }, label),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell)))))));
}
