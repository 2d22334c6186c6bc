// One face as it is being edited: its values, the patches that change them, undo and redo.
//
// A patch names only what it changes: {xy: {"12": [x, y] | null}, state: {"12": 1},
// visibility: {..}, locked: {..}, attributes: {pose: 1}, box: [..] | null, note: ".."}. An edit
// {id, label, before, after} is what one release of the pointer or one command did; undo applies
// `before`, redo `after`. Nothing else ever changes a face.

// The values of labelkit.landmarks.State and Visibility.
export const PREDICTED = 0;
export const PLACED = 1;
export const CONFIRMED = 2;
export const STATE_NAMES = ["predicted", "placed", "confirmed"];
export const VISIBILITY_NAMES = ["unknown", "visible", "occluded", "self-occluded"];

const PER_POINT = ["xy", "state", "visibility", "locked"];
const KEYED = [...PER_POINT, "attributes"];
const WHOLE = ["box", "note"];
const ABSENT = { xy: null, state: PREDICTED, visibility: 0, locked: false, attributes: 0 };
// What a host takes for a label.
const LONGEST_LABEL = 200;

export class FaceDocument {
  /** `changed(document, patch)` is told of every change, `recorded(type, edit)` of every edit
   * that is to be saved ("edit", "undo", "redo"). */
  constructor(face, { changed = () => {}, recorded = () => {} } = {}) {
    const count = face.scheme.points.length;
    this.face = face;
    this.count = count;
    this.changed = changed;
    this.recorded = recorded;
    this.xy = Array.from({ length: count }, (_, i) => face.xy?.[i] ?? null);
    this.state = Array.from({ length: count }, (_, i) => face.state?.[i] ?? PREDICTED);
    this.visibility = Array.from({ length: count }, (_, i) => face.visibility?.[i] ?? 0);
    this.locked = Array.from({ length: count }, (_, i) => Boolean(face.locked?.[i]));
    this.attributes = { ...face.attributes };
    this.box = face.box ?? null;
    this.note = face.note ?? "";
    this.done = [...(face.done ?? [])];
    this.undone = [...(face.undone ?? [])];
    this.gesture = null;
  }

  get key() {
    return this.face.key;
  }

  /** Whether a person has said where a point is: elastic followers and fits leave it alone. */
  isFixed(i) {
    return this.locked[i] || this.state[i] !== PREDICTED;
  }

  /** The values that `patch` would change, as they are now. */
  valuesOf(patch) {
    const now = {};
    for (const field of KEYED) {
      if (!patch[field]) continue;
      now[field] = {};
      for (const name of Object.keys(patch[field])) now[field][name] = this[field][name] ?? ABSENT[field];
    }
    for (const field of WHOLE) if (field in patch) now[field] = this[field];
    return now;
  }

  /** Put the values of a patch in place without an undo step. */
  apply(patch) {
    for (const field of KEYED) {
      for (const [name, value] of Object.entries(patch[field] ?? {})) {
        if (PER_POINT.includes(field) && !(Number(name) >= 0 && Number(name) < this.count)) continue;
        this[field][name] = value;
      }
    }
    for (const field of WHOLE) if (field in patch) this[field] = patch[field];
    this.changed(this, patch);
  }

  /** Apply a patch as one edit; null when it changes nothing. */
  edit(label, after) {
    this.settle();
    const before = this.valuesOf(after);
    if (JSON.stringify(before) === JSON.stringify(after)) return null;
    this.apply(after);
    return this.#record(label, before, after);
  }

  /** Begin a change that goes on for a while (a drag, held arrow keys): see Gesture. */
  begin(label) {
    this.settle();
    this.gesture = new Gesture(this, label);
    return this.gesture;
  }

  /** End a change that is under way, as if it had been released now. */
  settle() {
    this.gesture?.finish();
  }

  undo() {
    this.settle();
    const edit = this.done.pop();
    if (!edit) return null;
    this.undone.push(edit);
    this.apply(edit.before);
    this.recorded("undo", edit);
    return edit;
  }

  redo() {
    this.settle();
    const edit = this.undone.pop();
    if (!edit) return null;
    this.done.push(edit);
    this.apply(edit.after);
    this.recorded("redo", edit);
    return edit;
  }

  recordGesture(gesture) {
    this.gesture = null;
    const after = this.valuesOf(gesture.before);
    if (JSON.stringify(after) === JSON.stringify(gesture.before)) return null;
    return this.#record(gesture.label, gesture.before, after);
  }

  #record(label, before, after) {
    const edit = { id: uniqueId(), label: label.slice(0, LONGEST_LABEL), before, after };
    this.done.push(edit);
    this.undone = [];
    this.recorded("edit", edit);
    return edit;
  }
}

/** A change that is seen at once and becomes one edit when it is finished. */
class Gesture {
  constructor(document, label) {
    this.document = document;
    this.label = label;
    this.before = {};
    this.open = true;
  }

  /** Change one point's value; call `shown` once after the last of a frame. */
  set(field, i, value) {
    const kept = (this.before[field] ??= {});
    if (!(i in kept)) kept[i] = this.document[field][i];
    this.document[field][i] = value;
  }

  setBox(box) {
    if (!("box" in this.before)) this.before.box = this.document.box;
    this.document.box = box;
  }

  /** Put a point somewhere by hand: from now on a person has said where it is. */
  place(i, place) {
    this.set("xy", i, place);
    if (this.document.state[i] !== PLACED) this.set("state", i, PLACED);
  }

  shown() {
    this.document.changed(this.document, this.before);
  }

  finish() {
    if (!this.open) return null;
    this.open = false;
    return this.document.recordGesture(this);
  }

  cancel() {
    if (!this.open) return;
    this.open = false;
    this.document.gesture = null;
    this.document.apply(this.before);
  }
}

/** Unique without a secure context, which crypto.randomUUID would need. */
export function uniqueId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
