// Plane geometry. A place is [x, y]; a similarity {a, b, tx, ty} maps it to
// [a x - b y + tx, b x + a y + ty].

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

export function distance(p, q) {
  return Math.hypot(p[0] - q[0], p[1] - q[1]);
}

/** The tight box [x0, y0, x1, y1] of the places that are there, null for none. */
export function boundsOf(places) {
  let box = null;
  for (const p of places) {
    if (!p) continue;
    if (!box) box = [p[0], p[1], p[0], p[1]];
    box[0] = Math.min(box[0], p[0]);
    box[1] = Math.min(box[1], p[1]);
    box[2] = Math.max(box[2], p[0]);
    box[3] = Math.max(box[3], p[1]);
  }
  return box;
}

/** A box whose corners were given in any order. */
export function orderedBox(p, q) {
  return [Math.min(p[0], q[0]), Math.min(p[1], q[1]), Math.max(p[0], q[0]), Math.max(p[1], q[1])];
}

export function insideBox(p, box) {
  return p[0] >= box[0] && p[0] <= box[2] && p[1] >= box[1] && p[1] <= box[3];
}

/** Whether a place lies in a polygon (even-odd rule). */
export function insidePolygon(p, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > p[1] !== yj > p[1] && p[0] < ((xj - xi) * (p[1] - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** The least-squares similarity (no reflection) that maps `from` to `to`, null when the places
 * of `from` coincide. */
export function fitSimilarity(from, to) {
  const count = from.length;
  if (count < 2) return null;
  const mean = (places, axis) => places.reduce((sum, p) => sum + p[axis], 0) / count;
  const [fx, fy, gx, gy] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
  let [spread, along, across] = [0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    const [x, y] = [from[i][0] - fx, from[i][1] - fy];
    const [u, v] = [to[i][0] - gx, to[i][1] - gy];
    spread += x * x + y * y;
    along += x * u + y * v;
    across += x * v - y * u;
  }
  if (!(spread > 1e-12)) return null;
  const [a, b] = [along / spread, across / spread];
  return { a, b, tx: gx - a * fx + b * fy, ty: gy - b * fx - a * fy };
}

export function applySimilarity({ a, b, tx, ty }, p) {
  return [a * p[0] - b * p[1] + tx, b * p[0] + a * p[1] + ty];
}

export function invertSimilarity({ a, b, tx, ty }) {
  const norm = a * a + b * b;
  const [c, d] = [a / norm, -b / norm];
  return { a: c, b: d, tx: -(c * tx - d * ty), ty: -(d * tx + c * ty) };
}

/** Turning by `angle` (radians, clockwise on the screen) and growing by `factor` about a centre. */
export function turnAbout(centre, angle, factor) {
  const [a, b] = [factor * Math.cos(angle), factor * Math.sin(angle)];
  return {
    a,
    b,
    tx: centre[0] - a * centre[0] + b * centre[1],
    ty: centre[1] - b * centre[0] - a * centre[1],
  };
}

/** Half axes (standard deviations) and angle of a covariance [xx, xy, yy]. */
export function ellipseAxes([xx, xy, yy]) {
  const middle = (xx + yy) / 2;
  const reach = Math.hypot((xx - yy) / 2, xy);
  return {
    major: Math.sqrt(Math.max(0, middle + reach)),
    minor: Math.sqrt(Math.max(0, middle - reach)),
    angle: 0.5 * Math.atan2(2 * xy, xx - yy),
  };
}

/** Mahalanobis distance within which a share p of a Gaussian in the plane lies. */
export function ellipseRadius(p) {
  return Math.sqrt(-2 * Math.log(1 - p));
}

/** Median distance from a place to its nearest neighbour, 0 for fewer than two places. */
export function medianSpacing(places) {
  const there = places.filter(Boolean);
  if (there.length < 2) return 0;
  const nearest = there.map((p, i) => {
    let best = Infinity;
    there.forEach((q, j) => {
      if (j !== i) best = Math.min(best, distance(p, q));
    });
    return best;
  });
  return nearest.sort((a, b) => a - b)[nearest.length >> 1];
}

/** Solves A X = B in place by elimination with pivots: A (n rows of n), B (n rows of m).
 * Returns B, or null when A is singular. */
export function solveLinear(A, B) {
  const n = A.length;
  for (let column = 0; column < n; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < n; row += 1) {
      if (Math.abs(A[row][column]) > Math.abs(A[pivot][column])) pivot = row;
    }
    if (Math.abs(A[pivot][column]) < 1e-12) return null;
    [A[column], A[pivot]] = [A[pivot], A[column]];
    [B[column], B[pivot]] = [B[pivot], B[column]];
    for (let row = column + 1; row < n; row += 1) {
      const factor = A[row][column] / A[column][column];
      if (factor === 0) continue;
      for (let k = column; k < n; k += 1) A[row][k] -= factor * A[column][k];
      for (let k = 0; k < B[row].length; k += 1) B[row][k] -= factor * B[column][k];
    }
  }
  for (let row = n - 1; row >= 0; row -= 1) {
    for (let k = 0; k < B[row].length; k += 1) {
      let sum = B[row][k];
      for (let column = row + 1; column < n; column += 1) sum -= A[row][column] * B[column][k];
      B[row][k] = sum / A[row][row];
    }
  }
  return B;
}
