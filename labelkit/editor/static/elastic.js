// Elastic drag: how far the points that nobody has placed follow one that is dragged.
//
// What a model got wrong is a smooth field over the plane, unknown but for the dragged points
// (they are off by what the pointer moves them) and the points that a person has placed (off by
// nothing). Given those, a Gaussian process says what to expect of the others: with the kernel
// k(i, j) = s_i s_j exp(-d^2 / 2 r^2), d the distance on the plane, r the reach and s the model's
// own spread where it gives one, point j follows by k(j, O) K(O, O)^-1 of the displacement. Near
// the dragged point that is about 1, it falls off smoothly, and it is 0 beside what is placed.
//
// A long curve, such as the outline of the jaw, is off as a whole: on faces that `base` had not seen,
// errors of jaw points go together by 0.88 at 0.2 plane units and still by 0.48 at 0.47, those of a
// jaw point and others at the same distances by 0.1. So the points of a long curve have a second
// kernel of their own, of a reach that grows with the curve.

import { clamp, distance, solveLinear } from "./geometry.js";

// Keeps the system solvable where two points nearly coincide on the plane.
const NUGGET = 1e-3;
// Points further away than this many reaches are not heard.
const HORIZON = 3.5;
// Below this share of the displacement a point stays where it is.
const LEAST = 0.01;
// Along a curve the reach is so many times longer for every plane unit of the curve's length: for the
// jaw, 2.6 long, it is 0.32 where elsewhere it is 0.1.
const ALONG = 1.25;

/** The followers of `dragged` (indices): [{index, weight}], weights in (0, 1].
 * `plane` [x, y] of every point, `fixed(i)` whether a point is to stay, `spread` a standard
 * deviation in px per point or null, `reach` in plane units, `curves` [{points, closed}]. */
export function followers({ plane, dragged, fixed, spread = null, reach, curves = [] }) {
  const along = longCurves(plane, curves);
  const ratio = (i, j) => (along[i] && along[i] === along[j] ? along[i].ratio : 1);
  const near = (i) => dragged.some((d) => distance(plane[i], plane[d]) < HORIZON * reach * ratio(i, d));
  const taken = new Set(dragged);
  const kept = [];
  const free = [];
  for (let i = 0; i < plane.length; i += 1) {
    if (taken.has(i) || !near(i)) continue;
    (fixed(i) ? kept : free).push(i);
  }
  const scale = relativeSpread(spread, [...dragged, ...free]);
  const seen = [...dragged, ...kept];
  const bell = (i, j, r) => Math.exp(-(distance(plane[i], plane[j]) ** 2) / (2 * r * r));
  const kernel = (i, j) => {
    const [q, own] = [ratio(i, j), (k) => along[k]?.ratio ?? 1];
    const apart = bell(i, j, reach) / (own(i) * own(j));
    const together = q > 1 ? (1 - 1 / q ** 2) * bell(i, j, q * reach) : 0;
    return scale(i) * scale(j) * (apart + together);
  };
  const system = seen.map((i, row) =>
    seen.map((j, column) => kernel(i, j) + (row === column ? NUGGET * scale(i) ** 2 : 0)),
  );
  const answers = solveLinear(
    system,
    seen.map((_, row) => [row < dragged.length ? 1 : 0]),
  );
  if (!answers) return [];
  return free
    .map((index) => {
      const sum = seen.reduce((total, j, row) => total + kernel(index, j) * answers[row][0], 0);
      return { index, weight: clamp(sum, 0, 1) };
    })
    .filter(({ weight }) => weight >= LEAST);
}

// For each point the longest of the curves on which it lies that are long at all, {ratio}: how many
// times further than elsewhere a drag reaches along it.
function longCurves(plane, curves) {
  const along = [];
  for (const { points, closed } of curves) {
    const steps = points.slice(1).map((j, k) => distance(plane[points[k]], plane[j]));
    const length = steps.reduce((sum, step) => sum + step, 0);
    const curve = { ratio: ALONG * (closed ? length / 2 : length) };
    if (curve.ratio <= 1) continue;
    for (const i of points) if (!(along[i]?.ratio >= curve.ratio)) along[i] = curve;
  }
  return along;
}

// Spreads relative to the dragged points' and their neighbours' own, within bounds: a model that
// is wrong about its spread must not fling points about.
function relativeSpread(spread, among) {
  const known = among.map((i) => spread?.[i]).filter((value) => value > 0);
  if (!known.length) return () => 1;
  const middle = known.sort((a, b) => a - b)[known.length >> 1];
  return (i) => (spread[i] > 0 ? clamp(spread[i] / middle, 0.5, 2) : 1);
}

/** Standard deviation of each point in px from covariances [xx, xy, yy], null where none is. */
export function spreads(cov) {
  return cov?.some(Boolean) ? cov.map((c) => (c ? Math.sqrt((c[0] + c[2]) / 2) : 0)) : null;
}
