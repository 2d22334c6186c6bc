// What is done to single points: walking through them, confirming, nudging, visibility.

import { applySimilarity, turnAbout } from "./geometry.js";
import { CONFIRMED, PLACED, PREDICTED, VISIBILITY_NAMES } from "./document.js";
import { spreads } from "./elastic.js";

// Held arrow keys are one edit until they rest this long.
const PAUSE_MS = 600;

/** The points in the order in which they want to be looked at: those that are nowhere yet, then
 * the most uncertain first where the model says how sure it is, else as the scheme has them. */
export function walkOrder(w) {
  const { document, face } = w;
  const spread = spreads(face.cov);
  const doubt = (i) => (document.xy[i] ? (spread?.[i] ?? 0) : Infinity);
  const order = face.scheme.points.map((_, i) => i).filter(w.shown);
  return order.sort((i, j) => (doubt(i) === doubt(j) ? i - j : doubt(j) - doubt(i)));
}

/** Go to the next (1) or previous (-1) point that is not confirmed; among all when all are. */
export function step(w, direction) {
  const order = walkOrder(w);
  if (!order.length) return;
  const open = order.filter((i) => w.document.state[i] !== CONFIRMED || i === w.active);
  const among = open.some((i) => i !== w.active) ? open : order;
  const here = among.indexOf(w.active);
  const from = here < 0 ? (direction > 0 ? -1 : 0) : here;
  w.goTo(among[(from + direction + among.length) % among.length]);
}

function chosen(w) {
  return w.selection.size ? [...w.selection] : w.active >= 0 ? [w.active] : [];
}

function named(w, points) {
  return points.length === 1 ? w.nameOf(points[0]) : `${points.length} points`;
}

function patch(field, points, value) {
  return { [field]: Object.fromEntries(points.map((i) => [i, value(i)])) };
}

/** Tell that something wants a selection first; true when there is none. */
function wantsSelection(w, points) {
  if (!points.length) w.say("Select a point first");
  return !points.length;
}

/** Confirm the selected points and go to the next one that is not; with none selected, begin. */
export function confirmAndGoOn(w) {
  const points = chosen(w).filter((i) => w.document.xy[i]);
  if (points.length) w.document.edit(`confirm ${named(w, points)}`, patch("state", points, () => CONFIRMED));
  if (w.document.state.every((state, i) => state === CONFIRMED || !w.shown(i))) {
    w.say("Every point is confirmed");
    w.redraw("overlay", "chrome");
    return;
  }
  step(w, 1);
}

/** Confirm the selected points, or take it back when all of them are. */
export function confirmPoints(w) {
  const points = chosen(w).filter((i) => w.document.xy[i]);
  if (wantsSelection(w, points)) return;
  const all = points.every((i) => w.document.state[i] === CONFIRMED);
  w.document.edit(
    `${all ? "take back" : "confirm"} ${named(w, points)}`,
    patch("state", points, () => (all ? PLACED : CONFIRMED)),
  );
}

export function lockPoints(w) {
  const points = chosen(w);
  if (wantsSelection(w, points)) return;
  const all = points.every((i) => w.document.locked[i]);
  w.document.edit(`${all ? "unlock" : "lock"} ${named(w, points)}`, patch("locked", points, () => !all));
  w.say(`${named(w, points)} ${all ? "unlocked" : "locked"}`);
}

export function setVisibility(w, value) {
  const points = chosen(w);
  if (wantsSelection(w, points)) return;
  w.document.edit(`${named(w, points)}: ${VISIBILITY_NAMES[value]}`, patch("visibility", points, () => value));
  w.say(`${named(w, points)} ${VISIBILITY_NAMES[value]}`, { quiet: true });
}

export function removePoints(w) {
  const points = chosen(w).filter((i) => w.document.xy[i] && !w.document.locked[i]);
  if (wantsSelection(w, points)) return;
  w.document.edit(`take ${named(w, points)} away`, {
    ...patch("xy", points, () => null),
    ...patch("state", points, () => PREDICTED),
  });
}

/** Bring the selected points (all that are not locked, with none selected) back to where the
 * model had put them. */
export function resetPoints(w) {
  const { predicted } = w.face;
  const points = chosen(w).filter((i) => predicted?.[i] && !w.document.locked[i]);
  if (wantsSelection(w, points)) return;
  w.document.edit(`reset ${named(w, points)}`, {
    ...patch("xy", points, (i) => predicted[i]),
    ...patch("state", points, () => PREDICTED),
  });
}

/** Move the selected points by px of the photo. */
export function nudge(w, [dx, dy]) {
  const points = movable(w);
  if (wantsSelection(w, points)) return;
  keepOneEdit(w, `nudge ${named(w, points)}`, points, ([x, y]) => [x + dx, y + dy]);
}

/** Turn the selection by degrees, clockwise, and scale it, about its middle. */
export function turnSelection(w, degrees, factor) {
  const points = movable(w);
  if (points.length < 2) {
    w.say("Select several points first");
    return;
  }
  const places = points.map((i) => w.document.xy[i]);
  const middle = [0, 1].map((k) => places.reduce((sum, p) => sum + p[k], 0) / places.length);
  const map = turnAbout(middle, (degrees * Math.PI) / 180, factor);
  keepOneEdit(w, `turn ${named(w, points)}`, points, (p) => applySimilarity(map, p));
}

function movable(w) {
  return chosen(w).filter((i) => w.document.xy[i] && !w.document.locked[i]);
}

function keepOneEdit(w, label, points, map) {
  const held = w.held;
  const goesOn = held && held.change.open && held.label === label && held.points.join() === points.join();
  const change = goesOn ? held.change : w.document.begin(label);
  clearTimeout(held?.timer);
  for (const i of points) change.place(i, map(w.document.xy[i]));
  change.shown();
  w.held = { change, label, points, timer: setTimeout(() => change.finish(), PAUSE_MS) };
}
