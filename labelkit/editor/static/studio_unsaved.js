// A drawing that was not saved outlives its page: it waits in the browser until the same scheme is
// opened again.

import { h } from "./dom.js";
import { readStored, writeStored } from "./settings.js";

const PLACE = "labelkit.studio.draft.";

/** Keeps and brings back the unsaved drawing of the scheme that a page was opened with. */
export class Unsaved {
  constructor(scheme) {
    this.place = PLACE + scheme.name;
    this.base = fingerprint(JSON.stringify(scheme));
    const kept = readStored(this.place);
    // What was drawn over another revision of the scheme would undo what came since.
    this.found = kept.base === this.base && Array.isArray(kept.scheme?.points) ? kept : null;
  }

  /** Keep a drawing; null: there is nothing unsaved. */
  keep(scheme, renamed) {
    writeStored(this.place, scheme ? { base: this.base, at: Date.now(), scheme, renamed } : {});
  }

  /** A line that offers what was found, `null` where nothing was. */
  offer({ take, drop }) {
    if (!this.found) return null;
    const { at, scheme, renamed } = this.found;
    const when = new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const element = h("div.lk-studio-offer", { role: "status" });
    const button = (label, kind, heard) => {
      const pressed = () => {
        element.remove();
        heard();
      };
      return h(`button.lk-button${kind}`, { type: "button", onclick: pressed }, label);
    };
    element.append(
      h("span", {}, `A drawing of ${when} with ${scheme.points.length} points was not saved.`),
      button("Go on with it", ".lk-primary", () => take(scheme, renamed ?? {})),
      button("Drop it", "", drop),
    );
    return element;
  }
}

// FNV-1a: whether two texts are the same, not a secret.
function fingerprint(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${text.length}-${(hash >>> 0).toString(16)}`;
}
