// What has been done and is not yet known to be stored. Entries wait here, and in localStorage in
// case the page goes away, until Python has acknowledged them; a host may swallow messages, so
// that everything unacknowledged is sent every time.

import { uniqueId } from "./document.js";

const RETRY = 1500; // ms without an answer before everything is sent again
const PATIENCE = 4000; // ms without an answer before it is called offline
const AT_ONCE = 500; // entries in one message, and characters: servers refuse large ones
const LONGEST_MESSAGE = 2_000_000;
const MOST_KEPT = 3_000_000; // characters in localStorage

// What a page says about itself: no change that could get lost.
const ABOUT_THE_PAGE = new Set(["hello", "here", "gone"]);

export class Outbox {
  /** `place`: "project/author", under which entries are kept; `send(text)` hands them to the host
   * and returns false while it has no connection; `changed()` is called when the state may have. */
  constructor({ place, send, changed }) {
    this.place = `labelkit.editor/${place}/`;
    this.client = uniqueId();
    this.send = send;
    this.changed = changed;
    this.entries = [];
    this.seq = 0;
    this.acknowledged = 0;
    this.attempt = 0;
    this.sent = 0;
    this.waitingSince = 0;
    this.kept = true;
    this.connected = true;
    this.release = hold(this.place + this.client);
    this.timer = setInterval(() => this.#tick(), 500);
  }

  /** Begin: take over what earlier pages left behind, and say hello. Whether there was anything. */
  async begin() {
    const left = await leftBehind(this.place, this.client);
    for (const { name, entries } of left) {
      for (const entry of entries) this.#push({ ...entry, replayed: true }, name);
    }
    this.add({ type: "hello" });
    return left.length > 0;
  }

  /** Put an entry into the outbox; it gets its number and, unless it has one, its id. */
  add(entry) {
    this.#push(entry, null);
    this.#keep();
    this.#send();
  }

  /** Python has stored or refused everything up to a number. */
  acknowledge(numbers) {
    const upTo = numbers?.[this.client] ?? 0;
    if (upTo <= this.acknowledged) return;
    this.acknowledged = upTo;
    const gone = this.entries.filter((item) => item.entry.seq <= upTo);
    this.entries = this.entries.filter((item) => item.entry.seq > upTo);
    const origins = new Set(gone.map((item) => item.origin).filter(Boolean));
    for (const item of this.entries) origins.delete(item.origin);
    for (const name of origins) forget(name);
    this.waitingSince = this.entries.length ? performance.now() : 0;
    this.attempt = 0;
    this.#keep();
    if (this.entries.length && this.entries[0].entry.seq > this.lastSent) this.#send();
    this.changed();
  }

  /** The connection is gone for good (false), or is there. */
  setConnected(connected) {
    this.connected = connected;
    this.changed();
  }

  /** How many changes nobody has acknowledged. */
  get unsaved() {
    return this.entries.filter((item) => !ABOUT_THE_PAGE.has(item.entry.type)).length;
  }

  get state() {
    if (!this.connected) return "offline";
    if (this.entries.every((item) => item.entry.type === "here")) return "saved";
    return performance.now() - this.waitingSince > PATIENCE ? "offline" : "saving";
  }

  pendingFor(key) {
    return this.entries.some((item) => item.entry.key === key);
  }

  pendingCommands() {
    return this.entries.some((item) => item.entry.type === "command");
  }

  /** Nothing is sent any more; what is unsaved stays in localStorage for the next page. */
  close() {
    clearInterval(this.timer);
    this.release();
  }

  #push(entry, origin) {
    this.seq += 1;
    const id = entry.id ?? `${this.client}/${this.seq}`;
    this.entries.push({ entry: { ...entry, id, seq: this.seq }, origin });
    this.waitingSince ||= performance.now();
  }

  #tick() {
    const waited = performance.now() - Math.max(this.sent, this.waitingSince);
    if (this.entries.length && waited > RETRY) {
      this.attempt += 1;
      this.#send();
    }
    this.changed();
  }

  #send() {
    const entries = this.#first();
    this.sent = performance.now();
    this.lastSent = entries.length ? entries[entries.length - 1].seq : 0;
    const { client, attempt } = this;
    if (this.connected) this.send(JSON.stringify({ client, attempt, entries }));
    this.changed();
  }

  /** As many of the oldest entries as go into one message. */
  #first() {
    const entries = [];
    let size = 0;
    for (const { entry } of this.entries.slice(0, AT_ONCE)) {
      size += JSON.stringify(entry).length;
      if (entries.length && size > LONGEST_MESSAGE) break;
      entries.push(entry);
    }
    return entries;
  }

  #keep() {
    const own = this.entries.filter((item) => !item.origin && !ABOUT_THE_PAGE.has(item.entry.type));
    const name = this.place + this.client;
    if (!own.length) {
      this.kept = true;
      forget(name);
      return;
    }
    const text = JSON.stringify({ time: Date.now(), entries: own.map((item) => item.entry) });
    try {
      if (text.length > MOST_KEPT) throw new RangeError("too much for localStorage");
      localStorage.setItem(name, text);
      this.kept = true;
    } catch {
      this.kept = false; // they still wait in this page
    }
  }
}

/** Let other pages see that the client of this name is alive; returns how to end that. */
function hold(name) {
  let release = () => {};
  const held = new Promise((resolve) => {
    release = resolve;
  });
  navigator.locks?.request(name, () => held).catch(() => {});
  return release;
}

/** What pages that are gone left unsaved, the oldest first: [{name, entries}]. */
async function leftBehind(place, client) {
  const alive = new Set();
  try {
    for (const lock of (await navigator.locks.query()).held) alive.add(lock.name);
  } catch {
    // Without locks (http on another machine) every page counts as gone: an entry that two pages
    // send is still stored once.
  }
  const found = [];
  for (const name of storedNames()) {
    if (!name.startsWith(place) || name === place + client || alive.has(name)) continue;
    try {
      const { time, entries } = JSON.parse(localStorage.getItem(name));
      if (Array.isArray(entries)) found.push({ name, time, entries });
    } catch {
      forget(name);
    }
  }
  return found.sort((a, b) => a.time - b.time);
}

function storedNames() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

function forget(name) {
  try {
    localStorage.removeItem(name);
  } catch {
    // Nothing can be kept here, hence nothing was.
  }
}
