// A question with one line of text for an answer, over the photo.

import { h } from "./dom.js";

export class Prompt {
  constructor(signal) {
    this.title = h("div.lk-prompt-title");
    this.text = h("textarea.lk-field", { rows: 3, maxlength: 2000, "aria-label": "Text" });
    this.yes = h("button.lk-button.lk-primary", { type: "submit" }, "Add");
    const no = h("button.lk-button", { type: "button", onclick: () => this.close(null) }, "Cancel");
    this.element = h(
      "form.lk-prompt",
      { hidden: true, role: "dialog", "aria-modal": "true" },
      this.title,
      this.text,
      h("div.lk-prompt-row", {}, h("span.lk-hint", {}, "Enter sends, Shift Enter breaks the line"), no, this.yes),
    );
    this.element.addEventListener("submit", (event) => this.#submitted(event), { signal });
    this.element.addEventListener("keydown", (event) => this.#keyed(event), { signal });
    this.answer = null;
  }

  /** Ask; resolves with the text, or null when it was cancelled. */
  ask({ question, optional = false, value = "", confirm = "Add" }) {
    this.close(null);
    this.before = this.element.getRootNode().activeElement;
    this.title.textContent = question;
    for (const element of [this.element, this.text]) element.setAttribute("aria-label", question);
    this.text.value = value;
    this.text.required = !optional;
    this.yes.textContent = confirm;
    this.element.hidden = false;
    this.text.focus();
    this.text.select();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  close(text) {
    const { answer } = this;
    this.answer = null;
    if (!answer) return;
    this.element.hidden = true;
    this.before?.focus?.({ preventScroll: true });
    answer(text);
  }

  #submitted(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (text || !this.text.required) this.close(text);
  }

  #keyed(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.close(null);
    } else if (event.key === "Enter" && !event.shiftKey && event.target === this.text && !event.isComposing) {
      event.preventDefault();
      this.element.requestSubmit();
    }
    event.stopPropagation();
  }
}
