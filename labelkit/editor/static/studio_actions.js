// What is done with the whole scheme or with what is selected: by keys, menus and buttons.

import { spreadEvenly } from "./curves.js";
import { h } from "./dom.js";
import { schemeOf, unmirrored } from "./studio_draft.js";
import { movePoints, pairPoints, removePoints, setCurves } from "./studio_edit.js";
import { SHORTCUTS } from "./studio_keys.js";
import { freeName } from "./studio_names.js";

/** The part of a `Studio` (studio_app.js) that acts on its draft, through its link where Python is
 * needed, and says what came of it. */
export class StudioActions {
  // --- points and curves

  undo() {
    const label = this.draft.undo();
    this.say(label ? `Undone: ${label}` : "Nothing to undo");
  }

  redo() {
    const label = this.draft.redo();
    this.say(label ? `Redone: ${label}` : "Nothing to redo");
  }

  nudge(dx, dy) {
    const places = new Map();
    for (const { id, x, y } of this.draft.state.points) if (this.selection.has(id)) places.set(id, [x + dx, y + dy]);
    if (places.size) this.draft.replace(movePoints(this.draft.state, places, this.settings.mirroring), "nudge");
  }

  removeSelected() {
    if (!this.selection.size) return;
    const before = this.draft.state.points.length;
    const next = removePoints(this.draft.state, [...this.selection], this.settings.mirroring);
    this.draft.replace(next, `delete ${before - next.points.length} points`);
    this.say(`Deleted ${before - next.points.length} points (Ctrl+Z brings them back)`);
  }

  lastGroup() {
    const { points } = this.draft.state;
    const [first] = this.selection;
    return points.find(({ id }) => id === first)?.group ?? "";
  }

  spreadCurve(index) {
    const { state } = this.draft;
    const curve = state.curves[index];
    const byId = new Map(state.points.map((point) => [point.id, point]));
    const places = curve.ids.map((id) => [byId.get(id).x, byId.get(id).y]);
    const middle = (i) => this.settings.mirroring && state.partner.get(curve.ids[i]) === curve.ids[i];
    const even = spreadEvenly(places, curve.closed, middle);
    const moved = new Map(curve.ids.map((id, i) => [id, even[i]]));
    // Of a pair on one curve the second follows the first.
    if (this.settings.mirroring) {
      for (const id of curve.ids) {
        const partner = state.partner.get(id);
        if (partner !== id && moved.has(id) && moved.has(partner)) moved.delete(partner);
      }
    }
    this.draft.replace(movePoints(state, moved, this.settings.mirroring), `spread ${curve.name}`);
  }

  curveFromSelection() {
    const { state } = this.draft;
    const ids = state.points.filter(({ id }) => this.selection.has(id)).map(({ id }) => id);
    if (ids.length < 2) {
      this.say("Select two points or more; the curve follows their order", "warn");
      return;
    }
    const name = freeName("curve", new Set(state.curves.map((curve) => curve.name)));
    this.draft.replace(setCurves(state, [...state.curves, { name, ids, closed: false }]), `curve ${name}`);
  }

  // --- symmetry

  symmetryText() {
    const { points } = this.draft.state;
    const lonely = unmirrored(this.draft.state).length;
    if (!points.length) return "There is no point yet.";
    if (!lonely) return `Symmetric: all ${points.length} points have their mirror image.`;
    return `${points.length - lonely} of ${points.length} points have their mirror image.`;
  }

  showUnmirrored() {
    const lonely = unmirrored(this.draft.state).map(({ point }) => point.id);
    this.select(lonely);
    this.wrong = new Set(lonely);
    this.say(this.symmetryText());
  }

  pairSelected() {
    const [first, second, ...more] = this.selection;
    if (second === undefined || more.length) {
      this.say("Select exactly two points: the second goes to the mirror image of the first", "warn");
      return;
    }
    this.draft.replace(pairPoints(this.draft.state, first, second), "pair");
  }

  symmetrise() {
    return this.#throughPython("symmetrise", {}, "make symmetric");
  }

  mirrorHalf(keep) {
    return this.#throughPython("mirror", { keep }, `mirror the ${keep} half`);
  }

  // The scheme goes there without its mirror table where that is not true.
  async #throughPython(name, content, label) {
    try {
      const { scheme } = await this.link.request(name, { scheme: schemeOf(this.draft.state), ...content });
      this.draft.replace(this.draft.take(scheme), label);
      this.say(this.symmetryText());
    } catch (error) {
      this.say(error.message, "bad");
    }
  }

  // --- files

  startFrom(scheme) {
    const empty = { name: "my_scheme", title: "", version: "1", description: "", source: "", points: [], mirror: [], curves: [], normalizers: {} };
    this.draft.replace(this.draft.take(scheme ?? empty), scheme ? `start from ${scheme.name}` : "start empty");
    this.select([]);
    if (!scheme) this.useTool("add");
  }

  async importFile(file) {
    try {
      const { scheme } = await this.link.request("read", { scheme: JSON.parse(await file.text()) });
      this.draft.replace(this.draft.take(scheme), `import ${scheme.name}`);
      this.select([]);
      this.say(`Imported ${scheme.name} with ${scheme.points.length} points`);
    } catch (error) {
      this.say(`${file.name}: ${error instanceof SyntaxError ? "is not JSON" : error.message}`, "bad");
    }
  }

  exportFile() {
    const scheme = schemeOf(this.draft.state);
    const text = `${JSON.stringify(scheme, null, 1)}\n`;
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const anchor = h("a", { href: url, download: `${scheme.name || "scheme"}.json` });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    this.say(`Exported ${scheme.name}.json`);
  }

  async save() {
    if (!this.canSave || !this.draft.dirty || this.broken()) return;
    const { state } = this.draft;
    const content = { scheme: schemeOf(state), renamed: this.draft.renamed() };
    try {
      const { lines } = await this.link.request("plan", content);
      if (lines.length && !(await this.#confirm(lines))) return;
      const { saved } = await this.link.request("save", content);
      this.draft.markSaved(state);
      this.say(saved, "good");
    } catch (error) {
      this.say(error.message, "bad");
    }
  }

  /** Show what saving would change; resolves to whether to go on. */
  #confirm(lines) {
    return new Promise((resolve) => {
      const answer = (yes) => () => {
        this.dialog.close();
        resolve(yes);
      };
      this.dialog.replaceChildren(
        h("h2", {}, "Save this scheme?"),
        h("ul", {}, ...lines.map((line) => h("li", {}, line))),
        h(
          "div.lk-studio-buttons",
          {},
          h("button.lk-button", { type: "button", onclick: answer(false) }, "Cancel"),
          h("button.lk-button.lk-primary", { type: "button", autofocus: true, onclick: answer(true) }, "Save"),
        ),
      );
      this.dialog.oncancel = () => resolve(false);
      this.dialog.showModal();
    });
  }

  help() {
    const rows = SHORTCUTS.map(({ keys, text }) =>
      h("div.lk-studio-shortcut", {}, h("span", {}, ...keys.map((key) => h("kbd.lk-kbd", {}, key))), h("span", {}, text)),
    );
    const close = h("button.lk-button", { type: "button", autofocus: true, onclick: () => this.dialog.close() }, "Close");
    this.dialog.replaceChildren(h("h2", {}, "Keyboard and mouse"), h("div.lk-studio-shortcuts", {}, ...rows), h("div.lk-studio-buttons", {}, close));
    this.dialog.oncancel = null;
    this.dialog.showModal();
  }
}
