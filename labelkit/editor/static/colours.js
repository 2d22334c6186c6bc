// Colours of points. Groups take Okabe and Ito's palette, which colour-blind people can tell
// apart; uncertainty runs from dark blue to yellow as in cividis, which reads alike in grey.

import { clamp } from "./geometry.js";

export const GROUP_COLOURS = [
  "#56b4e9", // sky blue
  "#e69f00", // orange
  "#2fc59b", // bluish green, lighter than in print: it lies on photos
  "#f0e442", // yellow
  "#d55e00", // vermillion
  "#cc79a7", // reddish purple
  "#3d7fe0", // blue, lighter for the same reason
  "#e8e8e8",
];

const CIVIDIS = [
  [42, 95, 160],
  [92, 124, 150],
  [140, 148, 140],
  [196, 181, 110],
  [255, 234, 70],
];

/** The scheme's groups in the order of their first points: [{name, colour, points}]. */
export function groupsOf(scheme) {
  const groups = new Map();
  scheme.points.forEach((point, i) => {
    const name = point.group || "other";
    if (!groups.has(name)) {
      const colour = GROUP_COLOURS[groups.size % GROUP_COLOURS.length];
      groups.set(name, { name, colour, points: [] });
    }
    groups.get(name).points.push(i);
  });
  return [...groups.values()];
}

/** A colour per point by its group. */
export function groupColours(scheme) {
  const colours = [];
  for (const group of groupsOf(scheme)) for (const i of group.points) colours[i] = group.colour;
  return colours;
}

/** A colour per point by its spread: the least certain fifth of this face is brightest. */
export function spreadColours(spread) {
  const sorted = spread.filter((value) => value > 0).sort((a, b) => a - b);
  const low = sorted[Math.floor(sorted.length * 0.1)] ?? 0;
  const high = sorted[Math.floor(sorted.length * 0.9)] ?? 1;
  return spread.map((value) => cividis((value - low) / Math.max(high - low, 1e-9)));
}

export function cividis(share) {
  const place = clamp(Number.isFinite(share) ? share : 0, 0, 1) * (CIVIDIS.length - 1);
  const i = Math.min(CIVIDIS.length - 2, Math.floor(place));
  const mixed = CIVIDIS[i].map((from, k) => Math.round(from + (CIVIDIS[i + 1][k] - from) * (place - i)));
  return `rgb(${mixed.join(" ")})`;
}
