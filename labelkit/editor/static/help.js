// All shortcuts on one sheet, and changing them.

import { h } from "./dom.js";
import { COMMANDS } from "./commands.js";
import { keyLabel, keyOf } from "./keys.js";

export const POINTER_HELP = [
  ["Drag a point", "moves it; with Shift slowly, with Alt elastic or not"],
  ["Drag on the photo", "selects by a box; Shift adds"],
  ["Space or middle button and drag", "pans; so do two fingers"],
  ["Wheel or pinch", "zooms to the pointer"],
  ["Right click on a point", "visible or occluded"],
  ["Double click on the photo", "face or whole photo"],
  ["Signs", "ring predicted, dot placed, disc confirmed; diamond occluded, triangle self-occluded, square locked"],
];

export class Help {
  constructor(keymap, changed, signal) {
    this.keymap = keymap;
    this.changed = changed;
    this.filter = h("input.lk-field", { type: "search", placeholder: "Find a command", "aria-label": "Find a command" });
    this.list = h("div.lk-help-list");
    const close = h("button.lk-button", { type: "button", onclick: () => this.toggle(false) }, "Close");
    const reset = h("button.lk-button.lk-quiet", { type: "button" }, "Reset all keys");
    reset.addEventListener("click", () => {
      keymap.reset();
      this.#renew();
    });
    this.element = h(
      "div.lk-help",
      { hidden: true, role: "dialog", "aria-modal": "true", "aria-label": "Shortcuts" },
      h("div.lk-help-head", {}, h("h2", {}, "Shortcuts"), this.filter, reset, close),
      h("p.lk-hint", {}, "Click a key to change it: press the new one, or Escape to leave it."),
      this.list,
    );
    this.filter.addEventListener("input", () => this.#fill());
    this.element.addEventListener("keydown", (event) => this.#keyed(event), { signal });
    this.waiting = null; // the command that waits for a new key
  }

  toggle(open = this.element.hidden) {
    if (open === !this.element.hidden) return;
    this.element.hidden = !open;
    if (open) {
      this.before = this.element.getRootNode().activeElement;
      this.#fill();
      this.filter.focus();
    } else {
      this.waiting = null;
      this.before?.focus?.({ preventScroll: true });
    }
  }

  #fill() {
    const wanted = this.filter.value.trim().toLowerCase();
    const matches = (command) =>
      !wanted || `${command.title} ${command.section} ${this.keymap.label(command.id)}`.toLowerCase().includes(wanted);
    const found = COMMANDS.filter(matches);
    const parts = grouped(found, "section").map(([name, commands]) => {
      const rows = grouped(commands, "row").map(([title, same]) => this.#row(title, same));
      return h("section", {}, h("h3", {}, name), h("dl", {}, ...rows));
    });
    if (!wanted) parts.unshift(pointerHelp());
    this.list.replaceChildren(...parts);
  }

  #row(title, commands) {
    return h("div", {}, h("dt", {}, title), h("dd", {}, ...commands.map((command) => this.#keys(command))));
  }

  #keys(command) {
    const keys = this.keymap.keysOf(command.id).map(keyLabel);
    const waits = this.waiting === command.id;
    const button = h(
      "button.lk-keys",
      { type: "button", "data-rebind": command.id, "aria-label": `Change the key of ${command.title}` },
      ...(waits ? ["press a key"] : keys.map((key) => h("kbd.lk-kbd", {}, key))),
      keys.length || waits ? null : "no key",
    );
    button.addEventListener("click", () => this.#wait(command.id));
    return button;
  }

  #wait(id) {
    this.waiting = id;
    this.#fill();
    this.list.querySelector(`[data-rebind="${id}"]`)?.focus();
  }

  #renew() {
    this.#fill();
    this.changed();
  }

  #keyed(event) {
    event.stopPropagation();
    if (this.waiting) return this.#bind(event);
    if (event.key === "Escape" || (event.key === "?" && event.target !== this.filter)) {
      event.preventDefault();
      return this.toggle(false);
    }
    return event.key === "Tab" ? this.#keepInside(event) : undefined;
  }

  #bind(event) {
    event.preventDefault();
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    const id = this.waiting;
    this.waiting = null;
    if (event.key !== "Escape") this.keymap.bind(id, keyOf(event));
    this.#renew();
    this.list.querySelector(`[data-rebind="${id}"]`)?.focus();
  }

  // A sheet over everything else keeps the focus until it is closed.
  #keepInside(event) {
    const all = [...this.element.querySelectorAll("button, input")];
    const [first, last] = [all[0], all.at(-1)];
    const here = this.element.getRootNode().activeElement;
    if (event.shiftKey && here === first) last.focus();
    else if (!event.shiftKey && here === last) first.focus();
    else return;
    event.preventDefault();
  }
}

/** [[value, those with it]..] by the value of a field, in the order of first appearance. */
function grouped(commands, field) {
  const groups = new Map();
  for (const command of commands) {
    if (!groups.has(command[field])) groups.set(command[field], []);
    groups.get(command[field]).push(command);
  }
  return [...groups];
}

function pointerHelp() {
  const rows = POINTER_HELP.map(([what, does]) => h("div", {}, h("dt", {}, what), h("dd.lk-quiet-text", {}, does)));
  return h("section.lk-wide", {}, h("h3", {}, "Mouse, pen, touch and signs"), h("dl", {}, ...rows));
}
