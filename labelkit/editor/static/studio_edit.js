// Changes to the scheme that is being drawn: functions from one state to the next.

import { freeName, mirroredText, partnerName, sideOf } from "./studio_names.js";

/** Closer to the midline than this, a mirrored point lies on it. */
export const MIDLINE = 0.012;

const GRAIN = 1e4; // places are kept to 0.0001 of the plane

function grained(value) {
  return Math.round(value * GRAIN) / GRAIN + 0; // + 0: no negative zero in a file
}

/** Points at new places: Map id -> [x, y]. With `mirrored` partners go to the mirror images, and
 * points that are their own stay on the midline. */
export function movePoints(state, places, mirrored) {
  const wanted = new Map();
  for (const [id, [x, y]] of places) {
    const partner = mirrored ? state.partner.get(id) : undefined;
    wanted.set(id, [partner === id ? 0 : grained(x), grained(y)]);
  }
  if (mirrored) {
    for (const [id, [x, y]] of [...wanted]) {
      const partner = state.partner.get(id);
      if (partner !== undefined && !places.has(partner)) wanted.set(partner, [-x + 0, y]);
    }
  }
  const points = state.points.map((point) => {
    const place = wanted.get(point.id);
    return place ? { ...point, x: place[0], y: place[1] } : point;
  });
  return { ...state, points };
}

/** A new point and, with `mirrored`, its mirror image. `like` and `partner` ({name, group,
 * definition}) are what a ghost lends to the one and to the other. Returns {state, ids}. */
export function addPoint(draft, [x, y], { mirrored, group = "", like = null, partner: lent = null }) {
  const { state } = draft;
  const taken = new Set(state.points.map((point) => point.name));
  const middle = mirrored && Math.abs(x) < MIDLINE;
  const place = [middle ? 0 : grained(x), grained(y)];
  const own = like?.group || sidedGroup(group, mirrored ? place[0] : 0);
  const point = {
    id: draft.newId(),
    name: like && !taken.has(like.name) ? like.name : freeName(baseName(own, mirrored ? place[0] : 0), taken),
    x: place[0],
    y: place[1],
    group: own,
    definition: like?.definition ?? "",
  };
  if (!mirrored) return { state: { ...state, points: [...state.points, point] }, ids: [point.id] };
  taken.add(point.name);
  const partner = new Map(state.partner);
  if (middle) {
    partner.set(point.id, point.id);
    return { state: { ...state, points: [...state.points, point], partner }, ids: [point.id] };
  }
  const other = mirrorImage(draft, point, taken, lent);
  partner.set(point.id, other.id).set(other.id, point.id);
  return { state: { ...state, points: [...state.points, point, other], partner }, ids: [point.id] };
}

function baseName(group, x) {
  const side = sideOf(x);
  if (!group) return side ? `point_${side}` : "point";
  return side && !mirroredTextDiffers(group) ? `${group}_${side}` : group;
}

function mirroredTextDiffers(text) {
  return mirroredText(text) !== text;
}

// A group that names the other side ("eye_left" for a point on the right) is exchanged.
function sidedGroup(group, x) {
  const named = /(?<![a-z])(left|right)(?![a-z])/i.exec(group)?.[1].toLowerCase();
  return named && sideOf(x) && named !== sideOf(x) ? mirroredText(group) : group;
}

function mirrorImage(draft, point, taken, lent) {
  return {
    id: draft.newId(),
    name: lent && !taken.has(lent.name) ? lent.name : partnerName(point.name, taken),
    x: -point.x,
    y: point.y,
    group: lent?.group ?? mirroredText(point.group),
    definition: lent?.definition ?? mirroredText(point.definition),
  };
}

/** Points along a curve: `places` [[x, y]..], `existing` [id | null ..] where the curve passes a
 * point that is there. With `mirrored` the other side is drawn too: a curve that begins or ends on
 * the midline goes on beyond it. Returns {state, ids}, or {problem}. */
export function addCurve(draft, { places, existing, closed, name, group, mirrored }) {
  const sides = new Set(places.map(([x]) => (Math.abs(x) < MIDLINE ? "" : sideOf(x))));
  if (mirrored && sides.has("left") && sides.has("right")) {
    return { problem: "With mirroring on, draw one half: the other follows. Or turn mirroring off (M)." };
  }
  let state = draft.state;
  const ids = places.map((place, i) => {
    if (existing[i] !== null) return existing[i];
    const added = addPoint({ ...facade(draft), state }, place, { mirrored, group: group || name });
    state = added.state;
    return added.ids[0];
  });
  const partners = ids.map((id) => state.partner.get(id));
  const curves = [...state.curves];
  const taken = new Set(curves.map((curve) => curve.name));
  const whole = mirrored ? acrossMidline(ids, partners, closed) : { ids, closed };
  const called = taken.has(name) ? freeName(name, taken) : name;
  curves.push({ name: called, ...(whole ?? { ids, closed }) });
  const order = whole?.ids ?? [...ids, ...partners.filter((id) => id !== undefined)];
  state = { ...state, points: inOrder(state.points, draft.state.points.length, order) };
  if (!whole && partners.every((id) => id !== undefined)) {
    taken.add(called);
    const side = sideOf(places.find(([x]) => Math.abs(x) >= MIDLINE)[0]);
    const plain = !mirroredTextDiffers(called);
    if (plain) curves.at(-1).name = `${called}_${side}`;
    curves.push({ name: plain ? `${called}_${sideOf(side === "left" ? -1 : 1)}` : partnerName(called, taken), ids: partners, closed });
  }
  return { state: { ...state, curves }, ids };
}

// New points (from index `old` on) stand in the order of the curve.
function inOrder(points, old, order) {
  const rank = new Map(order.map((id, i) => [id, i]));
  const added = points.slice(old).sort((a, b) => rank.get(a.id) - rank.get(b.id));
  return [...points.slice(0, old), ...added];
}

// What addPoint needs of a draft, over a state that is not the draft's yet.
function facade(draft) {
  return { newId: () => draft.newId() };
}

/** A half curve with its mirror image as one curve, null where it does not touch the midline. */
function acrossMidline(ids, partners, closed) {
  const last = ids.length - 1;
  const [begins, ends] = [ids[0] === partners[0], ids[last] === partners[last]];
  if (closed || (!begins && !ends)) return null;
  const back = [...partners].reverse();
  if (begins && ends) return { ids: [...ids, ...back.slice(1, -1)], closed: true };
  if (ends) return { ids: [...ids, ...back.slice(1)], closed: false };
  return { ids: [...back, ...ids.slice(1)], closed: false };
}

/** Without some points and, with `mirrored`, without their partners. */
export function removePoints(state, ids, mirrored) {
  const gone = new Set(ids);
  if (mirrored) for (const id of ids) if (state.partner.has(id)) gone.add(state.partner.get(id));
  const left = (some) => some.filter((id) => !gone.has(id));
  const partner = new Map([...state.partner].filter(([a, b]) => !gone.has(a) && !gone.has(b)));
  return {
    ...state,
    points: state.points.filter((point) => !gone.has(point.id)),
    partner,
    curves: state.curves.map((curve) => ({ ...curve, ids: left(curve.ids) })).filter(({ ids: on }) => on.length > 1),
    normalizers: state.normalizers
      .map(({ name, ends }) => ({ name, ends: ends.map(left) }))
      .filter(({ ends }) => ends.every((end) => end.length)),
  };
}

/** Points with other values under some keys; with `mirrored` partners get the mirrored texts. */
export function describePoints(state, ids, values, mirrored) {
  const wanted = new Map(ids.map((id) => [id, values]));
  if (mirrored) {
    const swapped = Object.fromEntries(Object.entries(values).map(([key, text]) => [key, mirroredText(text)]));
    // A partner cannot take a name in which there is nothing to exchange.
    if (swapped.name === values.name) delete swapped.name;
    for (const id of ids) {
      const partner = state.partner.get(id);
      if (partner !== undefined && !wanted.has(partner)) wanted.set(partner, swapped);
    }
  }
  return { ...state, points: state.points.map((point) => ({ ...point, ...wanted.get(point.id) })) };
}

/** A point one place earlier (-1) or later (1) in the order. */
export function shiftPoint(state, id, step) {
  const at = state.points.findIndex((point) => point.id === id);
  const to = at + step;
  if (to < 0 || to >= state.points.length) return state;
  const points = [...state.points];
  [points[at], points[to]] = [points[to], points[at]];
  return { ...state, points };
}

/** Two points made each other's mirror image: the second goes to the place of the first's. */
export function pairPoints(state, first, second) {
  const partner = new Map([...state.partner].filter(([a, b]) => ![a, b].some((id) => id === first || id === second)));
  partner.set(first, second).set(second, first);
  const { x, y } = state.points.find((point) => point.id === first);
  return movePoints({ ...state, partner }, new Map([[first, [x, y]]]), true);
}

export function setMeta(state, values) {
  return { ...state, meta: { ...state.meta, ...values } };
}

export function setCurves(state, curves) {
  return { ...state, curves };
}

export function setNormalizers(state, normalizers) {
  return { ...state, normalizers };
}
