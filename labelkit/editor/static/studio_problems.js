// What is wrong with a draft: a chip that opens to a list, each line of which shows its points.

import { h } from "./dom.js";

export class Problems {
  /** `select(ids)` is told of the points of a problem that was chosen. */
  constructor(select) {
    this.select = select;
    this.element = h("details.lk-studio-problems");
    this.worst = "good";
  }

  /** Show what was found ([{kind, text, ids}]) and why Python refuses the draft, if it does. */
  show(found, refused) {
    const all = [...found];
    if (refused && !all.some(({ kind }) => kind === "bad")) all.unshift({ kind: "bad", text: refused, ids: [] });
    this.worst = all.some(({ kind }) => kind === "bad") ? "bad" : all.length ? "warn" : "good";
    const word = this.worst === "bad" ? "to mend" : all.length === 1 ? "note" : "notes";
    const chip = h("summary.lk-chip", { "data-kind": this.worst }, all.length ? `${all.length} ${word}` : "no problems");
    const { open } = this.element;
    this.element.replaceChildren(chip, h("div.lk-studio-menu", {}, ...all.map((one) => this.#line(one))));
    this.element.open = open && all.length > 0;
  }

  #line({ kind, text, ids }) {
    const show = () => {
      this.element.open = false;
      if (ids.length) this.select(ids);
    };
    return h("button.lk-studio-problem", { type: "button", "data-kind": kind, onclick: show }, text);
  }
}
