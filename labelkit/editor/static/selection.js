// Which points are selected, and the frame with handles around them.

import { boundsOf, clamp, distance } from "./geometry.js";

const PADDING = 14;
const OUTSIDE = 26;
const EDGE = 14;

/** The frame around selected points on the screen, null for fewer than two: a single point is
 * moved by itself, several only by the frame's handles. */
export function frameAround(places) {
  const there = places.filter(Boolean);
  const box = there.length < 2 ? null : boundsOf(there);
  return box && [box[0] - PADDING, box[1] - PADDING, box[2] + PADDING, box[3] + PADDING];
}

/** The handles of a frame: corners scale, the badge above turns, the badge below moves. The badges
 * stay on the stage even where the frame does not. */
export function handlesOf([x0, y0, x1, y1], { width, height }) {
  const middle = clamp((x0 + x1) / 2, EDGE, width - EDGE);
  return [
    { name: "rotate", x: middle, y: clamp(y0 - OUTSIDE, EDGE, height - 3 * EDGE) },
    { name: "move", x: middle, y: clamp(y1 + OUTSIDE, 3 * EDGE, height - EDGE) },
    { name: "scale", x: x0, y: y0 },
    { name: "scale", x: x1, y: y0 },
    { name: "scale", x: x1, y: y1 },
    { name: "scale", x: x0, y: y1 },
  ];
}

/** The handle within `reach` px of a place of the screen, null for none. */
export function handleAt(frame, stage, screen, reach) {
  if (!frame) return null;
  let best = null;
  let nearest = reach;
  for (const handle of handlesOf(frame, stage)) {
    const d = distance([handle.x, handle.y], screen);
    if (d <= nearest) [best, nearest] = [handle, d];
  }
  return best;
}

const CORNERS = [
  ["nw", 0, 1],
  ["ne", 2, 1],
  ["se", 2, 3],
  ["sw", 0, 3],
];
const SIDES = [
  ["n", null, 1],
  ["e", 2, null],
  ["s", null, 3],
  ["w", 0, null],
];

/** The part of a box on the screen under a place: {name, x, y} where x and y are the indices of
 * the edges that it moves; "inside" for its middle; null outside. */
export function boxPartAt(box, screen, reach) {
  const [px, py] = screen;
  for (const [name, x, y] of CORNERS) if (distance([box[x], box[y]], screen) <= reach) return { name, x, y };
  const within = (v, low, high) => v >= low - reach && v <= high + reach;
  for (const [name, x, y] of SIDES) {
    const near = x === null ? Math.abs(py - box[y]) : Math.abs(px - box[x]);
    if (near <= reach && within(px, box[0], box[2]) && within(py, box[1], box[3])) return { name, x, y };
  }
  if (px > box[0] && px < box[2] && py > box[1] && py < box[3]) return { name: "inside", x: null, y: null };
  return null;
}
