// A curve through points, measured: places by arc length, the nearest place, even spacing.
//
// Centripetal Catmull-Rom (Yuksel, Schaefer and Keyser 2011), as in labelkit.scheme.curves; here
// each piece is sampled, which is exact to a fraction of a pixel on a face and quick enough for
// every move of the pointer.

import { distance } from "./geometry.js";

const SAMPLES = 32;

export class Arc {
  /** `control`: at least two places; a closed curve comes back to the first. */
  constructor(control, closed = false) {
    this.closed = closed && control.length > 2;
    const places = control.filter((p, i) => i === 0 || distance(p, control[i - 1]) > 1e-9);
    this.samples = [places[0]];
    this.knots = [0]; // length at which each control point is passed
    const lengths = [0];
    const pieces = this.closed ? places.length : places.length - 1;
    for (let i = 0; i < pieces; i += 1) {
      const quad = [-1, 0, 1, 2].map((step) => this.#control(places, i + step));
      for (let k = 1; k <= SAMPLES; k += 1) {
        const p = centripetal(quad, k / SAMPLES);
        lengths.push(lengths.at(-1) + distance(p, this.samples.at(-1)));
        this.samples.push(p);
      }
      this.knots.push(lengths.at(-1));
    }
    this.lengths = lengths;
    this.length = lengths.at(-1);
  }

  // An open curve is continued beyond its ends by reflection.
  #control(places, i) {
    const n = places.length;
    if (this.closed) return places[(i + n) % n];
    if (i < 0) return [2 * places[0][0] - places[1][0], 2 * places[0][1] - places[1][1]];
    if (i >= n) {
      return [2 * places[n - 1][0] - places[n - 2][0], 2 * places[n - 1][1] - places[n - 2][1]];
    }
    return places[i];
  }

  /** The place at a length from the beginning. */
  at(length) {
    const target = this.closed ? ((length % this.length) + this.length) % this.length : length;
    let [low, high] = [0, this.lengths.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lengths[middle] <= target) low = middle;
      else high = middle;
    }
    const piece = this.lengths[high] - this.lengths[low];
    const share = piece > 0 ? Math.min(1, Math.max(0, (target - this.lengths[low]) / piece)) : 0;
    return mix(this.samples[low], this.samples[high], share);
  }

  /** The length of the place on the curve that is nearest to p, between two lengths. */
  nearest(p, from = 0, to = this.length) {
    let best = { length: from, d: distance(p, this.at(from)) };
    const consider = (length) => {
      const d = distance(p, this.at(length));
      if (d < best.d) best = { length, d };
    };
    consider(to);
    const turns = this.closed ? [-1, 0, 1] : [0];
    for (let i = 1; i < this.samples.length; i += 1) {
      const [a, b] = [this.samples[i - 1], this.samples[i]];
      const piece = this.lengths[i] - this.lengths[i - 1];
      if (!(piece > 0)) continue;
      const along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / piece;
      const length = this.lengths[i - 1] + Math.min(piece, Math.max(0, along));
      for (const turn of turns) {
        const unrolled = length + turn * this.length;
        if (unrolled >= from && unrolled <= to) consider(unrolled);
      }
    }
    return best.length;
  }
}

function centripetal([p0, p1, p2, p3], share) {
  const step = (p, q) => Math.sqrt(Math.max(distance(p, q), 1e-9));
  const t1 = step(p0, p1);
  const t2 = t1 + step(p1, p2);
  const t3 = t2 + step(p2, p3);
  const t = t1 + (t2 - t1) * share;
  const blend = (p, q, s0, s1) => mix(p, q, (t - s0) / (s1 - s0));
  const [a1, a2, a3] = [blend(p0, p1, 0, t1), blend(p1, p2, t1, t2), blend(p2, p3, t2, t3)];
  return blend(blend(a1, a2, 0, t2), blend(a2, a3, t1, t3), t1, t2);
}

function mix(p, q, share) {
  return [p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share];
}

/** Places spread evenly along the curve through `places` between its anchors: [[x, y]..].
 * `anchored(i)` says which stay; the ends of an open curve always do. */
export function spreadEvenly(places, closed, anchored) {
  const n = places.length;
  const arc = new Arc(places, closed);
  if (arc.knots.length !== (arc.closed ? n + 1 : n)) return places; // two points at one place
  const anchors = [];
  for (let i = 0; i < n; i += 1) {
    if (anchored(i) || (!arc.closed && (i === 0 || i === n - 1))) anchors.push(i);
  }
  if (!anchors.length) anchors.push(0);
  const result = [...places];
  const ends = arc.closed ? [...anchors, anchors[0] + n] : anchors;
  for (let k = 1; k < ends.length; k += 1) {
    const [from, to] = [ends[k - 1], ends[k]];
    const start = arc.knots[from];
    const end = to < arc.knots.length ? arc.knots[to] : arc.length + arc.knots[to - n];
    for (let i = from + 1; i < to; i += 1) {
      result[i % n] = arc.at(start + ((end - start) * (i - from)) / (to - from));
    }
  }
  return result;
}

/** The scheme's curves on which a point lies. */
export function curvesOf(scheme, i) {
  return scheme.curves.filter((curve) => curve.points.includes(i));
}
