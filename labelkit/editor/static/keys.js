// Keys: how a press is written ("Mod+Shift+z"), which command it belongs to, and bindings that a
// person has changed.

import { readStored, writeStored } from "./settings.js";

const BINDINGS = "labelkit.editor.keys";
const MAC = /Mac|iPhone|iPad/.test(navigator.platform ?? "");

/** A press of a key as text: Mod (Control, on a Mac Command), Alt, Shift, then the key. Letters and
 * digits are those printed on the key, whatever the layout makes of them with Alt or Shift;
 * other signs are what was typed, without Shift, which is part of typing them. */
export function keyOf(event) {
  const mods = [];
  if (event.ctrlKey || event.metaKey) mods.push("Mod");
  if (event.altKey) mods.push("Alt");
  const letter = /^Key([A-Z])$/.exec(event.code ?? "");
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code ?? "");
  let key = event.key;
  if (/^[a-z]$/i.test(key)) key = key.toLowerCase();
  else if (letter && (event.altKey || key.length !== 1 || key.charCodeAt(0) > 127)) key = letter[1].toLowerCase();
  else if (digit) key = digit[1];
  else if (key === " ") key = "Space";
  if (event.shiftKey && (key.length > 1 || /^[a-z0-9]$/.test(key))) mods.push("Shift");
  return [...mods, key].join("+");
}

const GLYPHS = {
  Mod: MAC ? "\u2318" : "Ctrl",
  Alt: MAC ? "\u2325" : "Alt",
  Shift: "\u21e7",
  ArrowLeft: "\u2190",
  ArrowRight: "\u2192",
  ArrowUp: "\u2191",
  ArrowDown: "\u2193",
  Enter: "\u21b5",
  Escape: "Esc",
  Delete: "Del",
  Backspace: "\u232b",
  Tab: "Tab",
  PageDown: "PgDn",
  PageUp: "PgUp",
};

/** How a key is shown to people. */
export function keyLabel(key) {
  if (key === "+") return "+";
  return key
    .split(/\+(?=.)/)
    .map((part) => GLYPHS[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(MAC ? "" : " ");
}

export class Keymap {
  /** `commands`: [{id, keys: [..]}], the defaults. */
  constructor(commands) {
    this.commands = commands;
    this.own = readStored(BINDINGS);
    this.#index();
  }

  #index() {
    this.byKey = new Map();
    for (const command of this.commands) {
      for (const key of this.keysOf(command.id)) this.byKey.set(key, command.id);
    }
  }

  keysOf(id) {
    const own = this.own[id];
    if (Array.isArray(own)) return own.filter((key) => typeof key === "string");
    return this.commands.find((command) => command.id === id)?.keys ?? [];
  }

  commandFor(key) {
    return this.byKey.get(key) ?? null;
  }

  /** The first key of a command as people read it, "" for none. */
  label(id) {
    const [key] = this.keysOf(id);
    return key ? keyLabel(key) : "";
  }

  /** Give a key to a command; whichever had it loses it. */
  bind(id, key) {
    const holder = this.commandFor(key);
    if (holder && holder !== id) this.own[holder] = this.keysOf(holder).filter((k) => k !== key);
    this.own[id] = [key];
    this.#changed();
  }

  /** Back to the defaults. */
  reset() {
    this.own = {};
    this.#changed();
  }

  #changed() {
    writeStored(BINDINGS, this.own);
    this.#index();
  }
}
