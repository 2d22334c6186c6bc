// Buttons that run commands and say their keys, and small fields.

import { h, icon, setText } from "./dom.js";
import { ICONS } from "./icons.js";
import { COMMANDS } from "./commands.js";
import { run } from "./keyboard.js";

const TITLES = new Map(COMMANDS.map((command) => [command.id, command.title]));

/** A button for a command: {element, update()}. `pressed(w)` makes it a switch, `enabled(w)` says
 * when it can be used, `text` stands beside or instead of the icon. */
export function commandButton(w, id, { drawing, text, look = "lk-quiet", pressed, enabled, hint } = {}) {
  const label = text ? h("span", {}, text) : null;
  const key = hint ? h("kbd.lk-kbd") : null;
  const element = h(
    `button.lk-button.${look}`,
    { type: "button", "data-command": id },
    drawing ? icon(ICONS[drawing]) : null,
    label,
    key,
  );
  if (!text) element.classList.add("lk-square");
  keepFocus(element, w);
  element.addEventListener("click", () => run(w, id));
  const update = () => {
    const keys = w.keymap.label(id);
    const title = keys ? `${TITLES.get(id)} (${keys})` : TITLES.get(id);
    setAttribute(element, "title", title);
    setAttribute(element, "aria-label", text ? `${text}: ${title}` : title);
    if (key) setText(key, keys);
    if (pressed) setAttribute(element, "aria-pressed", String(Boolean(w.document && pressed(w))));
    const off = !w.document || (enabled ? !enabled(w) : false);
    if (element.disabled !== off) element.disabled = off;
  };
  return { element, update };
}

/** A press of the pointer brings the focus to the photo, where the shortcuts are. */
export function keepFocus(element, w) {
  element.addEventListener("pointerdown", () => w.focus());
  element.addEventListener("mousedown", (event) => event.preventDefault());
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A choice of one of several, each a command: [[id, text, chosen(w)]..]. */
export function choice(w, label, rows) {
  const buttons = rows.map(([id, text, chosen]) => {
    const button = commandButton(w, id, { text });
    button.element.setAttribute("role", "radio");
    const plain = button.update;
    button.update = () => {
      plain();
      setAttribute(button.element, "aria-checked", String(Boolean(w.document && chosen(w))));
    };
    return button;
  });
  return {
    element: h("div.lk-choice", { role: "radiogroup", "aria-label": label }, ...buttons.map((b) => b.element)),
    update: () => buttons.forEach((button) => button.update()),
  };
}

/** A slider for a setting; a double click brings the default back. */
export function slider(w, name, label, { low, high, normal, show = (value) => value.toFixed(2) }) {
  const value = h("output.lk-mono");
  const input = h("input.lk-slider", {
    type: "range",
    min: Math.log(low),
    max: Math.log(high),
    step: 0.01,
    "aria-label": label,
  });
  input.addEventListener("input", () => {
    const set = Math.exp(Number(input.value));
    w.set({ [name]: Math.abs(set / normal - 1) < 0.02 ? normal : Math.round(set * 1000) / 1000 });
  });
  input.addEventListener("dblclick", () => w.set({ [name]: normal }));
  return {
    element: h("label.lk-slide", {}, h("span", {}, label), input, value),
    update() {
      const wanted = String(Math.log(w.settings[name]));
      if (Math.abs(Number(input.value) - Number(wanted)) > 0.006) input.value = wanted;
      setText(value, show(w.settings[name]));
    },
  };
}

/** A part of the side panel with a heading. */
export function part(title, ...children) {
  return h("section.lk-part", { "aria-label": title }, h("h3", {}, title), ...children);
}
