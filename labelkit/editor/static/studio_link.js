// The studio's line to Python: values that both sides set. A host may show only the newest of
// several values, so that every value says everything, and none is a message of its own.

/** How long an answer is waited for before the newest question is asked all the same. */
const PATIENCE = 2000;

/** One way to speak with anywidget's model and with Panel's. */
export function hostOf(model) {
  if (typeof model.save_changes === "function") {
    return {
      get: (name) => model.get(name),
      set: (name, value) => {
        model.set(name, value);
        model.save_changes();
      },
      on: (name, callback) => model.on(`change:${name}`, callback),
      off: (name, callback) => model.off(`change:${name}`, callback),
    };
  }
  return {
    get: (name) => model[name],
    set: (name, value) => {
      model[name] = value;
    },
    on: (name, callback) => model.on(name, callback),
    off: (name, callback) => model.off(name, callback),
  };
}

export class StudioLink {
  constructor(host, signal) {
    this.host = host;
    this.signal = signal;
    // Begun anywhere: a value may still hold what was said to a page before this one.
    this.sequence = Math.floor(Math.random() * 2 ** 30);
    this.prefix = Math.random().toString(36).slice(2);
    this.requested = 0;
    this.asked = new Map(); // number -> {ids, at}
    this.flying = null;
    this.waiting = null;
    this.open = new Map(); // id -> {entry, resolve}
    this.drafts = 0;
    this.on("replies", (text) => this.#replied(JSON.parse(text)));
    this.on("answer", (bytes) => this.#answered(bytes));
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Tell `callback` the value under a name now, if there is one, and whenever it changes. */
  on(name, callback) {
    const heard = () => {
      const value = this.host.get(name);
      if (value && (value.length || value.byteLength)) callback(value);
    };
    this.host.on(name, heard);
    this.signal.addEventListener("abort", () => this.host.off(name, heard));
    heard();
  }

  /** Where are these points ([{id, x, y}])? One question is on its way at a time, and of those
   * that wait only the newest is asked. */
  ask(points) {
    this.waiting = { points, at: performance.now() };
    if (this.flying === null) this.#askNext();
  }

  #askNext() {
    if (!this.waiting || this.signal.aborted) return;
    const { points, at } = this.waiting;
    this.waiting = null;
    this.sequence += 1;
    this.flying = this.sequence;
    this.asked.set(this.sequence, { ids: points.map(({ id }) => id), at });
    this.host.set("query", JSON.stringify({ seq: this.sequence, plane: points.map(({ x, y }) => [x, y]) }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#giveUp(), PATIENCE);
  }

  // The server may be busy, or gone and come back: the newest question is asked again.
  #giveUp() {
    if (this.flying === null) return;
    const given = this.asked.get(this.flying);
    this.flying = null;
    if (this.waiting) this.#askNext();
    else if (given) this.lost?.();
  }

  #answered(value) {
    const bytes = bytesOf(value);
    const [number, faces, count] = new Uint32Array(bytes.buffer.slice(0, 12));
    const question = this.asked.get(number);
    for (const known of [...this.asked.keys()]) if (known <= number) this.asked.delete(known);
    if (!question || question.ids.length !== count) return;
    if (number === this.flying) {
      this.flying = null;
      clearTimeout(this.timer);
      this.#askNext();
    }
    const places = new Float32Array(bytes.buffer.slice(12));
    this.answered?.({ ...question, number, faces, places });
  }

  /** Tell Python what is drawn. */
  tell(scheme, renamed) {
    this.drafts += 1;
    this.host.set("draft", JSON.stringify({ seq: this.drafts, scheme, renamed }));
    return this.drafts;
  }

  /** Ask Python to do something; resolves to its reply, or rejects with its error. */
  request(name, content = {}) {
    this.requested += 1;
    const entry = { id: `${this.prefix}-${this.requested}`, name, ...content };
    return new Promise((resolve, reject) => {
      this.open.set(entry.id, { entry, resolve, reject });
      this.#post();
    });
  }

  #post() {
    this.host.set("requests", JSON.stringify([...this.open.values()].map(({ entry }) => entry)));
  }

  #replied(replies) {
    for (const reply of replies) {
      const waiting = this.open.get(reply.id);
      if (!waiting) continue;
      this.open.delete(reply.id);
      if (reply.error) waiting.reject(new Error(reply.error));
      else waiting.resolve(reply);
    }
  }
}

/** The bytes of a value as a Uint8Array that owns its buffer from the beginning. */
export function bytesOf(value) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  const view = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return view.byteOffset === 0 ? view : view.slice();
}

/** The gallery that Python packed: {reach, faces: [{label, blob}], backdrops: [..]}. */
export function unpackGallery(value) {
  const bytes = bytesOf(value);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const cut = ({ label, bytes: size }) => {
    at += size;
    return { label, blob: new Blob([bytes.subarray(at - size, at)], { type: "image/jpeg" }) };
  };
  return { reach: head.reach, faces: head.faces.map(cut), backdrops: head.backdrops.map(cut) };
}
