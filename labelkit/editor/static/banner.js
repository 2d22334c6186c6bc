// Tells that somebody else has saved the face that is being edited, and lets a person choose.

import { h } from "./dom.js";

export class Banner {
  constructor(command) {
    this.command = command;
    this.conflict = null;
    this.text = h("span.lk-banner-text");
    const keep = h("button.lk-button", { type: "button" }, "Keep mine");
    const take = h("button.lk-button", { type: "button" }, "Take theirs");
    keep.addEventListener("click", () => this.#choose("keep"));
    take.addEventListener("click", () => this.#choose("take"));
    this.element = h("div.lk-banner", { role: "alert", hidden: true }, this.text, keep, take);
  }

  /** Show a conflict {key, author, time, revision, own}, or nothing for null. */
  show(conflict) {
    const told = JSON.stringify(conflict);
    if (told === this.told) return;
    this.told = told;
    this.conflict = conflict;
    this.element.hidden = !conflict;
    if (!conflict) return;
    const time = new Date(conflict.time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const who = conflict.own ? "You saved this face in another window" : `${conflict.author} saved this face`;
    this.text.textContent = `${who} at ${time}, while you were working on it. Both versions are kept in its history.`;
  }

  #choose(name) {
    const { key, revision } = this.conflict;
    this.element.hidden = true;
    this.command({ name, key, revision });
  }
}
