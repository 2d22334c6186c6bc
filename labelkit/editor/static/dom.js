// Making elements. Text from a file or from another person only ever becomes textContent.

/** An element: `h("button.lk-tool", {title: "Undo", onclick: f}, "text", child, ...)`. Attributes
 * whose value is null or false are left out; those that begin with "on" are listeners. */
export function h(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A 20 px line icon from the data of its path. */
export function icon(path) {
  return svg(
    "svg",
    { viewBox: "0 0 20 20", class: "lk-icon", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

/** Set text only where it differs: writing the same text again would redo the layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Give an element the keys, unless somebody is typing: whoever comes to a page can use them at once. */
export function takeKeys(element) {
  let here = document.activeElement;
  while (here?.shadowRoot?.activeElement) here = here.shadowRoot.activeElement;
  if (!here?.matches("input, textarea, select")) element.focus({ preventScroll: true });
}
