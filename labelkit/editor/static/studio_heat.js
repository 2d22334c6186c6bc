// The ambiguity map: how much a landmark at a place of the plane would wander, as a layer of colour
// (dark blue: stays, yellow: wanders; cividis, which colour-blind people and grey prints keep).

import { clamp } from "./geometry.js";
import { cividis } from "./colours.js";
import { h } from "./dom.js";

// Of the eye distance. The corners of eyes and mouth stay below the first; an error above some 5 %
// is one that a person corrects, and wandering is only a part of the error.
const STEADY = 0.012;
const WANDERING = 0.025;

const drawn = new WeakMap(); // one picture per map

/** The scale of a map: the lowest value, and the one that is as bright as can be. */
export function heatRange(heat) {
  const sorted = heat.wander.flat().sort((a, b) => a - b);
  return [sorted[0], sorted[Math.floor(sorted.length * 0.95)]];
}

/** A map as a small canvas, one pixel a cell. */
export function heatCanvas(heat) {
  if (!drawn.has(heat)) drawn.set(heat, painted(heat));
  return drawn.get(heat);
}

function painted(heat) {
  const canvas = document.createElement("canvas");
  canvas.width = heat.wander[0].length;
  canvas.height = heat.wander.length;
  const ctx = canvas.getContext("2d");
  const [low, high] = heatRange(heat);
  heat.wander.forEach((row, y) =>
    row.forEach((value, x) => {
      ctx.fillStyle = cividis((value - low) / Math.max(high - low, 1e-9));
      ctx.fillRect(x, y, 1, 1);
    }),
  );
  return canvas;
}

/** How much a place wanders, a share of the eye distance; null outside of the map. */
export function wanderAt(heat, [x, y]) {
  const [x0, y0, x1, y1] = heat.edges;
  if (x < x0 || x > x1 || y < y0 || y > y1) return null;
  const [columns, rows] = [heat.wander[0].length, heat.wander.length];
  const across = ((x - x0) / (x1 - x0)) * (columns - 1);
  const down = ((y - y0) / (y1 - y0)) * (rows - 1);
  const [i, j] = [clamp(Math.floor(across), 0, columns - 2), clamp(Math.floor(down), 0, rows - 2)];
  const [u, v] = [across - i, down - j];
  const at = (dj, di) => heat.wander[j + dj][i + di];
  return (1 - v) * ((1 - u) * at(0, 0) + u * at(0, 1)) + v * ((1 - u) * at(1, 0) + u * at(1, 1));
}

/** What a share of the eye distance means for a landmark. */
export function wanderWord(value) {
  if (value < STEADY) return "steady";
  return value < WANDERING ? "fair" : "wanders";
}

/** What the legend says of an ambiguity map: how far the measuring is, or what its colours mean. */
export function legendOf(heat) {
  if (!heat.wander) {
    const { done, total } = heat;
    const bar = h("progress", { max: String(total || 1), value: String(done), "aria-label": "Measuring" });
    return [h("span", {}, total ? `Measuring, ${done} of ${total} faces` : "Measuring…"), bar];
  }
  const [low, high] = heatRange(heat);
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const ramp = h("span.lk-studio-ramp", { "aria-hidden": "true" });
  return [
    h("span", {}, "How far a point wanders (of the eye distance)"),
    h("div.lk-studio-scale", {}, h("span", {}, percent(low)), ramp, h("span", {}, `${percent(high)} +`)),
  ];
}
