// What is done to many points at once by their curves, their mirror images and the plane.

import { PLACED, PREDICTED } from "./document.js";
import { spreadEvenly } from "./curves.js";
import { mirrored, similarityMap, thinPlateMap } from "./fit.js";

export const arrange = { spread, fit, mirror, swap };

function plane(w) {
  return w.face.scheme.points.map((point) => [point.x, point.y]);
}

/** Spread the points of the curve of the active point evenly by arc length. Confirmed and locked
 * points and the ends stay; of a closed curve its corners (leftmost and rightmost on the plane)
 * stay unless two others are held. With several points of it selected, only what lies between the
 * first and the last of them is spread. */
function spread(w) {
  const { document, face } = w;
  const selected = w.selection.size ? [...w.selection] : [w.active];
  const curve = face.scheme.curves.find(({ points }) => points.some((i) => selected.includes(i)));
  if (!curve) return w.say("Select a point on a curve first");
  let points = curve.points.filter((i) => document.xy[i]);
  let { closed } = curve;
  const inside = points.map((i, k) => (selected.includes(i) ? k : -1)).filter((k) => k >= 0);
  if (inside.length > 1 && inside.length < points.length) {
    points = points.slice(inside[0], inside.at(-1) + 1);
    closed = false;
  }
  if (points.length < 3) return w.say("A curve of three points or more is needed");
  const held = anchorsOf(w, points, closed);
  const places = spreadEvenly(points.map((i) => document.xy[i]), closed, (k) => held.has(points[k]));
  const after = { xy: {}, state: {} };
  points.forEach((i, k) => {
    if (held.has(i) || places[k] === document.xy[i]) return;
    after.xy[i] = places[k];
    after.state[i] = PLACED;
  });
  document.edit(`spread ${curve.name} evenly`, after);
  return w.say(`${curve.name} spread evenly`);
}

function anchorsOf(w, points, closed) {
  const { document, face } = w;
  const held = new Set(points.filter((i) => document.locked[i] || document.state[i] === 2));
  if (!closed || held.size > 1) return held;
  const byX = [...points].sort((i, j) => face.scheme.points[i].x - face.scheme.points[j].x);
  return held.add(byX[0]).add(byX.at(-1));
}

/** Bring every point that nobody has placed to where the placed ones (three or more) say: by a
 * similarity of the plane, or bending it through all of them. */
function fit(w, kind) {
  const { document, face } = w;
  const fixed = face.scheme.points.map((_, i) => i).filter((i) => document.xy[i] && document.isFixed(i));
  if (fixed.length < 3) return w.say(`Place three points first; ${fixed.length} are placed`);
  const on = plane(w);
  const [from, to] = [fixed.map((i) => on[i]), fixed.map((i) => document.xy[i])];
  const plate = kind === "plate" ? thinPlateMap(from, to) : null;
  const map = plate ?? similarityMap(from, to);
  if (!map) return w.say("These points lie on one place");
  const after = { xy: {}, state: {} };
  on.forEach((p, i) => {
    if (document.isFixed(i) && document.xy[i]) return;
    if (document.locked[i]) return;
    after.xy[i] = map(p);
    after.state[i] = PREDICTED;
  });
  document.edit(`fit the scheme to ${fixed.length} points`, after);
  w.spacingChanged();
  return w.say(kind === "plate" && !plate ? "Nearly on a line: fitted without bending" : "Fitted");
}

/** Mirror the selected points to the other side of the face. What is confirmed or locked there
 * stays. */
function mirror(w) {
  const { document, face } = w;
  const partner = partners(face.scheme);
  const pairs = [...w.selection]
    .filter((i) => partner.has(i) && partner.get(i) !== i && !w.selection.has(partner.get(i)))
    .map((i) => [i, partner.get(i)])
    .filter(([, to]) => !document.locked[to] && document.state[to] !== 2);
  if (!pairs.length) return w.say("Select points of one side first");
  const places = mirrored({ plane: plane(w), xy: document.xy, pairs });
  const after = { xy: {}, state: {} };
  for (const [to, place] of places) {
    after.xy[to] = place;
    after.state[to] = PLACED;
  }
  document.edit(`mirror ${pairs.length} points`, after);
  return w.say(`${pairs.length} points mirrored`);
}

/** Swap left and right: of the selected points and their partners, of all with none selected.
 * A pair with a locked point stays. */
function swap(w) {
  const { document, face } = w;
  const wanted = (i) => !w.selection.size || w.selection.has(i);
  const pairs = face.scheme.mirror.filter(([i, j]) => i !== j && (wanted(i) || wanted(j)));
  const free = pairs.filter(([i, j]) => !document.locked[i] && !document.locked[j]);
  if (!free.length) return w.say("There is nothing to swap");
  const after = { xy: {}, state: {}, visibility: {} };
  for (const [i, j] of free) {
    for (const field of ["xy", "state", "visibility"]) {
      after[field][i] = document[field][j];
      after[field][j] = document[field][i];
    }
  }
  document.edit(`swap left and right of ${free.length} pairs`, after);
  return w.say(`${free.length} pairs swapped`);
}

function partners(scheme) {
  return new Map(scheme.mirror.flatMap(([i, j]) => [[i, j], [j, i]]));
}
