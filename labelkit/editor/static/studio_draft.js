// The scheme that is being drawn: points with lasting ids, and every change as one step of undo.
//
// A state is never changed, only replaced: {meta, points: [{id, name, x, y, group, definition}],
// partner: Map id -> id, curves: [{name, ids, closed}], normalizers: [{name, ends: [ids, ids]}]}.
// The mirror table is written to the file only while it is true; `unmirrored` says what is
// missing.

const STEPS_KEPT = 500;
const META = ["name", "title", "version", "description", "source"];

/** How far mirrored points of a symmetric scheme may differ (labelkit.scheme.SYMMETRY_TOLERANCE). */
export const TRUE_MIRROR = 1e-6;

export class SchemeDraft {
  constructor(scheme) {
    this.nextId = 1;
    this.state = this.#read(scheme, null);
    this.original = new Map(this.state.points.map((point) => [point.id, point.name]));
    this.saved = this.state;
    this.done = [];
    this.undone = [];
    this.version = 0;
    this.changed = () => {};
  }

  /** Go on with another state. `passing`: in mid-drag, no step of undo yet. */
  replace(state, label, { passing = false } = {}) {
    if (!this.before) this.before = this.state;
    this.state = state;
    if (!passing) this.#finish(label);
    this.version += 1;
    this.changed(passing);
  }

  /** End a drag: everything since it began is one step. */
  finish(label) {
    if (this.before && this.before !== this.state) this.#finish(label);
    else this.before = null;
    this.changed(false);
  }

  /** Forget a drag that was broken off. */
  cancel() {
    if (!this.before) return;
    this.state = this.before;
    this.before = null;
    this.version += 1;
    this.changed(false);
  }

  #finish(label) {
    this.done.push({ label, before: this.before, after: this.state });
    if (this.done.length > STEPS_KEPT) this.done.shift();
    this.undone = [];
    this.before = null;
  }

  undo() {
    return this.#step(this.done, this.undone, "before");
  }

  redo() {
    return this.#step(this.undone, this.done, "after");
  }

  #step(from, to, which) {
    this.cancel();
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    this.state = step[which];
    this.version += 1;
    this.changed(false);
    return step.label;
  }

  get dirty() {
    return this.state !== this.saved;
  }

  /** The host has stored this state. */
  markSaved(state) {
    this.saved = state;
    this.original = new Map(state.points.map((point) => [point.id, point.name]));
    this.changed(false);
  }

  newId() {
    this.nextId += 1;
    return this.nextId - 1;
  }

  /** The state of a scheme file's content. Points whose names are known keep their ids; `renamed`
   * says under which names they come back. */
  take(scheme, renamed = {}) {
    const come = (name) => (Object.hasOwn(renamed, name) ? renamed[name] : name);
    return this.#read(scheme, new Map(this.state.points.map(({ id, name }) => [come(name), id])));
  }

  #read(scheme, known) {
    const points = scheme.points.map(({ name, x, y, group = "", definition = "" }) => {
      return { id: known?.get(name) ?? this.newId(), name, x, y, group, definition };
    });
    const idAt = (index) => points[index].id;
    const partner = new Map();
    for (const [i, j] of scheme.mirror ?? []) {
      partner.set(idAt(i), idAt(j));
      partner.set(idAt(j), idAt(i));
    }
    return {
      meta: Object.fromEntries(META.map((key) => [key, scheme[key] ?? ""])),
      points,
      partner,
      curves: (scheme.curves ?? []).map((curve) => {
        return { name: curve.name, ids: curve.points.map(idAt), closed: Boolean(curve.closed) };
      }),
      normalizers: Object.entries(scheme.normalizers ?? {}).map(([name, ends]) => {
        return { name, ends: ends.map((end) => [end].flat().map(idAt)) };
      }),
    };
  }

  /** Old to new names of points that were there when the scheme was opened or saved. */
  renamed() {
    const pairs = this.state.points
      .filter(({ id, name }) => this.original.has(id) && this.original.get(id) !== name)
      .map(({ id, name }) => [this.original.get(id), name]);
    return Object.fromEntries(pairs);
  }
}

/** What a scheme file holds. The mirror table is left out while it is not true. */
export function schemeOf(state) {
  const index = new Map(state.points.map((point, i) => [point.id, i]));
  return {
    ...state.meta,
    points: state.points.map(({ name, x, y, group, definition }) => ({ name, x, y, group, definition })),
    mirror: mirrorTable(state, index),
    curves: state.curves.map(({ name, ids, closed }) => {
      return { name, points: ids.map((id) => index.get(id)), closed };
    }),
    normalizers: Object.fromEntries(
      state.normalizers.map(({ name, ends }) => [name, ends.map((end) => end.map((id) => index.get(id)))]),
    ),
  };
}

function mirrorTable(state, index) {
  if (unmirrored(state).length) return [];
  return state.points
    .map(({ id }, i) => [i, index.get(state.partner.get(id))])
    .filter(([i, j]) => i <= j);
}

/** The points whose mirror image is missing or elsewhere: [{point, partner (or null), away}]. */
export function unmirrored(state) {
  const byId = new Map(state.points.map((point) => [point.id, point]));
  const found = [];
  for (const point of state.points) {
    const partner = byId.get(state.partner.get(point.id)) ?? null;
    const away = partner ? Math.max(Math.abs(point.x + partner.x), Math.abs(point.y - partner.y)) : Infinity;
    if (away > TRUE_MIRROR) found.push({ point, partner, away });
  }
  return found;
}

/** What keeps a scheme from being saved or is worth knowing: [{kind: "bad"|"warn", text, ids}]. */
export function problemsOf(state) {
  const problems = [];
  const say = (kind, text, ids = []) => problems.push({ kind, text, ids });
  if (!state.points.length) say("bad", "There is no point yet.");
  const byName = new Map();
  for (const point of state.points) byName.set(point.name, [...(byName.get(point.name) ?? []), point.id]);
  for (const [name, ids] of byName) {
    if (!name) say("bad", "A point has no name.", ids);
    else if (ids.length > 1) say("bad", `${ids.length} points are called ${name}.`, ids);
  }
  const close = twins(state.points);
  if (close.length) say("warn", `${close.length / 2} pairs of points lie on top of each other.`, close);
  const lonely = unmirrored(state);
  if (lonely.length && lonely.length < state.points.length) {
    const [first] = lonely;
    const more = lonely.length > 1 ? ` and ${lonely.length - 1} more` : "";
    say(
      "warn",
      `Not symmetric: ${first.point.name}${more} ${lonely.length > 1 ? "have" : "has"} no mirror image in place. ` +
        "The scheme is saved without a mirror table.",
      lonely.map(({ point }) => point.id),
    );
  }
  const silent = state.points.filter((point) => !point.definition.trim());
  if (silent.length) {
    say("warn", `${silent.length} point${silent.length > 1 ? "s have" : " has"} no definition.`, silent.map((p) => p.id));
  }
  return problems;
}

function twins(points) {
  const places = new Map();
  for (const { id, x, y } of points) {
    const place = `${x.toFixed(4)} ${y.toFixed(4)}`;
    places.set(place, [...(places.get(place) ?? []), id]);
  }
  return [...places.values()].filter((ids) => ids.length > 1).flatMap((ids) => ids.slice(0, 2));
}
