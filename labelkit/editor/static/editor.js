// The editor in a host: what Python shows goes into the core, what a person does goes into the
// outbox, and what becomes of it is shown.

import hostStyles from "./host.css";
import { createEditor } from "./core.js";
import { h, takeKeys } from "./dom.js";
import { Banner } from "./banner.js";
import { bytesOf, hostOf, jsonOf, serverAnswers } from "./host.js";
import { Outbox } from "./outbox.js";

const TRAITS = ["setup", "schemes", "faces", "current", "photos", "acknowledged", "status"];
const GREETING = 1500; // ms that the first face waits for what an earlier page left unsaved
const KNOCKING = 1000; // ms between two looks whether a lost server is back
const BEAT = 45_000; // ms between two words that somebody is here, for whom faces are held
const ASLEEP = 600_000; // ms without a stir after which nobody counts as being here

const running = new WeakMap(); // Panel renders again into the same model without a word

class Hosted {
  constructor(host, el) {
    this.host = host;
    this.greeted = false;
    this.shown = null; // {key, version} as the core was last told
    this.late = null; // the same, of a face that came while edits of it were under way
    this.preloaded = new Map(); // version by key
    this.blobs = new Map(); // [slot, blob] by photo
    this.stage = h("div.lk-host-stage");
    this.banner = new Banner((command) => this.#command(command));
    this.root = h("div.lk-host", {}, h("style", {}, hostStyles), this.banner.element, this.stage);
    if (host.place) this.root.classList.add(host.place);
    el.append(this.root);
    this.pressed = false;
    this.lifetime = new AbortController();
    const whole = { capture: true, signal: this.lifetime.signal };
    this.root.addEventListener("pointerdown", () => (this.pressed = true), whole);
    for (const end of ["pointerup", "pointercancel"]) {
      window.addEventListener(end, () => (this.pressed = false), whole);
    }
    this.editor = createEditor(this.stage, {
      onEdit: (entry) => this.#edit(entry),
      onCommand: (command) => this.#command(command),
    });
    const { project = "", author = "" } = jsonOf(host, "setup", {});
    this.outbox = new Outbox({
      place: `${project}/${author}`,
      send: (text) => host.send("outbox", text),
      changed: () => this.#tell(),
    });
    this.#follow();
  }

  #follow() {
    const soon = () => queueMicrotask(() => this.sync()); // all traits of a message first
    for (const name of TRAITS) this.host.listen(name, soon);
    this.host.watchConnection((connected) => {
      this.outbox.setConnected(connected);
      if (!connected) this.#knock();
    });
    this.#stayHere();
    this.outbox.begin().then((left) => {
      if (this.host.fresh && !left) this.#greet();
    });
    setTimeout(() => this.#greet(), GREETING);
    this.host.onRemove(() => this.close());
  }

  /** Say now and then that somebody is here, while hands stir. */
  #stayHere() {
    let stirred = performance.now();
    const quietly = { capture: true, passive: true, signal: this.lifetime.signal };
    for (const event of ["pointermove", "pointerdown", "keydown", "wheel"]) {
      this.root.addEventListener(event, () => (stirred = performance.now()), quietly);
    }
    const timer = setInterval(() => {
      if (performance.now() - stirred < ASLEEP) this.outbox.add({ type: "here" });
    }, BEAT);
    this.lifetime.signal.addEventListener("abort", () => clearInterval(timer));
  }

  #greet() {
    this.greeted = true;
    this.sync();
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.lifetime.abort();
    this.outbox.add({ type: "gone" });
    this.outbox.close();
    this.host.close();
    this.editor.destroy();
    this.root.remove();
  }

  // --- what Python shows

  sync() {
    if (this.closed) return;
    this.outbox.acknowledge(jsonOf(this.host, "acknowledged", {}));
    this.greeted ||= this.outbox.acknowledged > 0;
    if (!this.greeted) return;
    const faces = jsonOf(this.host, "faces", {});
    const current = faces[this.host.text("current")];
    for (const face of Object.values(faces)) if (face !== current) this.#preload(face);
    // While a command is under way the core may be ahead: Python will say where it stands.
    if (current && !this.outbox.pendingCommands()) this.#show(current);
    this.#tell();
  }

  #show(face) {
    const { key, version } = face;
    if (this.shown?.key === key && this.shown.version === version) return;
    if (this.shown?.key === key && this.outbox.pendingFor(key)) {
      this.late = { key, version };
      return;
    }
    if (this.late?.key === key && this.late.version === version) {
      // It was read before the last edits were stored: ask for it again.
      this.late = null;
      this.#command({ name: "reload", key });
      return;
    }
    this.late = null;
    const first = this.shown === null;
    this.shown = { key, version };
    this.preloaded.set(key, version);
    const drawn = this.editor.load(this.#complete(face), this.#photo(face));
    if (first && this.host.alone) drawn.then(() => takeKeys(this.stage));
  }

  #preload(face) {
    if (this.preloaded.get(face.key) === face.version || face.key === this.shown?.key) return;
    this.preloaded.set(face.key, face.version);
    this.editor.preload(this.#complete(face), this.#photo(face));
  }

  /** A face with its scheme; the core takes it anew when the revision is another one. */
  #complete(face) {
    const scheme = jsonOf(this.host, "schemes", {})[face.scheme];
    this.meta ??= new Map();
    this.meta.set(face.key, { revision: face.revision, scheme: face.scheme });
    return { ...face, scheme, revision: `${face.revision}.${face.version}` };
  }

  #photo(face) {
    const { path } = face.image;
    const slot = jsonOf(this.host, "photos", {})[path];
    const known = this.blobs.get(path);
    if (slot === undefined) return known?.[1] ?? null;
    if (known?.[0] === slot) return known[1];
    for (const [name, [other]] of this.blobs) if (other === slot) this.blobs.delete(name);
    this.blobs.set(path, [slot, bytesOf(this.host, `photo_${slot}`)]);
    return this.blobs.get(path)[1];
  }

  // --- what a person does

  #edit({ type, edit, key }) {
    const told = type === "edit" ? edit : { id: edit.id };
    this.outbox.add({ type, key, edit: told, ...this.meta?.get(key) });
  }

  #command({ id, ...command }) {
    const { key, ...rest } = command;
    this.outbox.add({ type: "command", id, key, command: rest, ...this.meta?.get(key) });
  }

  // --- what becomes of it

  #tell() {
    if (this.closed || !this.outbox) return;
    const status = jsonOf(this.host, "status", {});
    const { state, unsaved } = this.outbox;
    const changes = `${unsaved} ${unsaved === 1 ? "change" : "changes"}`;
    const where = this.outbox.kept ? "in this browser" : "in this page only: leave it open";
    const texts = {
      saved: status.problem || status.notice || "Saved",
      saving: status.problem ? `Not saved: ${status.problem}` : "Saving…",
      offline: status.problem && this.outbox.connected ? `Not saved: ${status.problem}` : "Offline: will retry",
    };
    const text = unsaved && state === "offline" ? `${texts.offline} (${changes} ${where})` : texts[state];
    const kind = status.problem ? "error" : state;
    const told = `${kind}|${text}`;
    this.root.dataset.saving = state;
    this.root.dataset.unsaved = unsaved;
    if (told !== this.told) this.editor.setStatus(text, kind);
    this.told = told;
    this.banner.show(status.conflict ?? null);
  }

  /** Whether a hand is in the middle of something that a new page would cut short. */
  #busy() {
    const focus = this.root.getRootNode().activeElement;
    return this.pressed || Boolean(focus?.matches?.("input, textarea, select"));
  }

  /** After a lost connection only a new page gets a new one; what is unsaved waits for it. */
  async #knock() {
    while (!this.closed && !this.outbox.connected) {
      await new Promise((resolve) => setTimeout(resolve, KNOCKING));
      const safe = this.outbox.kept || this.outbox.unsaved === 0;
      if (!safe || !(await serverAnswers()) || this.#busy() || this.outbox.connected) continue;
      location.reload();
      return; // a second reload would only begin the first one anew
    }
  }
}

function render({ model, el, view }) {
  const owner = model.save_changes ? el : (view?.model ?? el);
  running.get(owner)?.close();
  const hosted = new Hosted(hostOf(model, view), el);
  running.set(owner, hosted);
  return () => hosted.close();
}

export default { render };
