// The whole scheme fitted to a few placed points: a map from plane to photo.

import { applySimilarity, distance, fitSimilarity, invertSimilarity, solveLinear } from "./geometry.js";

/** The similarity that brings `plane` places to `image` places, as a function; null for fewer
 * than two different ones. */
export function similarityMap(plane, image) {
  const similarity = fitSimilarity(plane, image);
  return similarity && ((p) => applySimilarity(similarity, p));
}

/** The thin-plate spline (Bookstein 1989) through all pairs, as a function. With three points it
 * is affine. Null where they do not determine one: fewer than three, or (nearly) on a line. */
export function thinPlateMap(plane, image) {
  const n = plane.length;
  if (n < 3 || nearlyInLine(plane)) return null;
  const system = [];
  for (let i = 0; i < n; i += 1) {
    system.push([...plane.map((q) => bend(distance(plane[i], q))), 1, plane[i][0], plane[i][1]]);
  }
  system.push([...Array(n).fill(1), 0, 0, 0]);
  system.push([...plane.map((p) => p[0]), 0, 0, 0]);
  system.push([...plane.map((p) => p[1]), 0, 0, 0]);
  const answer = solveLinear(system, [...image.map((p) => [p[0], p[1]]), [0, 0], [0, 0], [0, 0]]);
  if (!answer) return null;
  return (p) => {
    const sum = [0, 1].map((k) => answer[n][k] + answer[n + 1][k] * p[0] + answer[n + 2][k] * p[1]);
    plane.forEach((q, i) => {
      const u = bend(distance(p, q));
      sum[0] += u * answer[i][0];
      sum[1] += u * answer[i][1];
    });
    return sum;
  };
}

function bend(d) {
  return d > 0 ? d * d * Math.log(d) : 0;
}

// An affine map from points within a twentieth of a line would shear the rest of the face away.
function nearlyInLine(places) {
  const n = places.length;
  const [mx, my] = [0, 1].map((k) => places.reduce((sum, p) => sum + p[k], 0) / n);
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of places) {
    xx += (x - mx) ** 2;
    xy += (x - mx) * (y - my);
    yy += (y - my) ** 2;
  }
  const [middle, reach] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return !(middle + reach > 0) || (middle - reach) / (middle + reach) < 0.0025;
}

/** The places of mirrored points: each is taken to the plane by the similarity that fits the whole
 * face, mirrored there at its middle, and brought back. `pairs` [[from, to]..]; gives
 * [[to, [x, y]]..]. */
export function mirrored({ plane, xy, pairs }) {
  const there = plane.map((_, i) => i).filter((i) => xy[i]);
  const similarity = fitSimilarity(there.map((i) => plane[i]), there.map((i) => xy[i]));
  if (!similarity) return [];
  const back = invertSimilarity(similarity);
  return pairs
    .filter(([from]) => xy[from])
    .map(([from, to]) => {
      const [x, y] = applySimilarity(back, xy[from]);
      return [to, applySimilarity(similarity, [-x, y])];
    });
}
