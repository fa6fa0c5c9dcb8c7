// Building elements without a framework: h("button", {class: "chip", onclick}, "text", child).

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Properties beginning with "on" are listeners, the others attributes;
 * false, null and undefined leave an attribute or child out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Sets text only when it differs: a live page must not repaint or re-announce what stayed. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Makes the elements the children of a parent, in this order, and moves only those that are not in
 * their place: the others keep focus and scroll position. */
export function arrange(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (parent.children[index] !== element) {
      parent.insertBefore(element, parent.children[index] ?? null);
    }
  });
}

/** Replaces the children, and puts back what a person has opened, scrolled or focused in them. Not
 * while text in them is selected: then somebody is about to copy it. */
export function renew(parent, children) {
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(parent, true)) return;
  const all = (selector) => [...parent.querySelectorAll(selector)];
  const focusable = "a, button, summary, [tabindex]";
  const opened = all("details").map(({ open }) => open);
  const scrolled = all(".scroll").map(({ scrollLeft }) => scrollLeft);
  const focused = all(focusable).indexOf(document.activeElement);
  parent.replaceChildren(...children);
  for (const [index, element] of all("details").entries()) element.open = opened[index] ?? false;
  for (const [index, element] of all(".scroll").entries())
    element.scrollLeft = scrolled[index] ?? 0;
  if (focused >= 0) all(focusable)[focused]?.focus({ preventScroll: true });
}

/** Calls `action` at most once per `wait` ms, with the last arguments. */
export function debounce(action, wait) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), wait);
  };
}

/** A colour of the style sheet (`--name`) as the canvas understands it, in the current theme. */
export function colour(name) {
  let value = colours.get(name);
  if (value === undefined) {
    probe.style.color = `var(${name})`;
    if (!probe.isConnected) document.body.append(probe);
    value = getComputedStyle(probe).color;
    colours.set(name, value);
  }
  return value;
}

const colours = new Map();
const probe = h("span", { class: "probe", "aria-hidden": "true" });

/** Forgets all colours; called when the theme changes. */
export function forgetColours() {
  colours.clear();
}
