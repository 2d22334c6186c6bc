// The magnifier beside the pointer: what lies under the point that is being moved, which the
// pointer hides, enlarged from the decoded photo.

import { clamp } from "./geometry.js";

export const MAGNIFIER_SIZE = 168;
const GAP = 30;

/** Draw the surroundings of an image place `p`, with a cross on it, at `zoom` screen px per image
 * px. `marks`: other points [{place, colour}] to show in it. */
export function drawMagnifier(ctx, { bitmap, image, p, zoom, dpr, marks }) {
  const half = MAGNIFIER_SIZE / 2;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  const [x, y] = [half - (p[0] + 0.5) * zoom, half - (p[1] + 0.5) * zoom];
  ctx.imageSmoothingEnabled = zoom < 16;
  ctx.setTransform(zoom * dpr, 0, 0, zoom * dpr, x * dpr, y * dpr);
  if (bitmap) ctx.drawImage(bitmap, 0, 0, image.width, image.height);
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.lineWidth = 1.25;
  for (const { place, colour } of marks) {
    const [sx, sy] = [(place[0] + 0.5) * zoom + x, (place[1] + 0.5) * zoom + y];
    if (sx < -8 || sy < -8 || sx > MAGNIFIER_SIZE + 8 || sy > MAGNIFIER_SIZE + 8) continue;
    ctx.beginPath();
    ctx.arc(sx, sy, 3, 0, 2 * Math.PI);
    ctx.strokeStyle = colour;
    ctx.stroke();
  }
  drawCross(ctx, half);
}

// The middle stays free: there the eye looks.
function drawCross(ctx, half) {
  for (const [width, colour] of [[3, "rgba(8, 10, 14, 0.6)"], [1.25, "#fff"]]) {
    ctx.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      ctx.moveTo(half + dx * 6, half + dy * 6);
      ctx.lineTo(half + dx * 26, half + dy * 26);
    }
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke();
  }
  ctx.beginPath();
  ctx.arc(half, half, 1, 0, 2 * Math.PI);
  ctx.fillStyle = "#fff";
  ctx.fill();
}

/** Where the magnifier's top left corner goes: right above the place, on another side where the
 * stage ends. */
export function magnifierPlace([x, y], { width, height }) {
  const right = x + GAP + MAGNIFIER_SIZE <= width - 8;
  const above = y - GAP - MAGNIFIER_SIZE >= 8;
  const left = right ? x + GAP : x - GAP - MAGNIFIER_SIZE;
  const top = above ? y - GAP - MAGNIFIER_SIZE : y + GAP;
  return [clamp(left, 8, width - MAGNIFIER_SIZE - 8), clamp(top, 8, height - MAGNIFIER_SIZE - 8)];
}
