// The plane on its canvas: backdrop, ambiguity, ghosts, and the scheme that is being drawn.

import { clamp, distance } from "./geometry.js";
import { Arc } from "./curves.js";
import { heatCanvas } from "./studio_heat.js";

const SMALLEST_SPAN = 0.06; // of the plane's width on the screen, zoomed in
const HOME = { x: 0, y: 0.03, span: 2.12 };

/** Where the plane lies on the screen, in CSS px. */
export class PlaneView {
  constructor() {
    Object.assign(this, { width: 1, height: 1, x: HOME.x, y: HOME.y, span: HOME.span });
  }

  get scale() {
    return Math.min(this.width, this.height) / this.span;
  }

  toScreen([x, y]) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 + (y - this.y) * this.scale];
  }

  toPlane([x, y]) {
    return [this.x + (x - this.width / 2) / this.scale, this.y + (y - this.height / 2) / this.scale];
  }

  home() {
    Object.assign(this, HOME);
  }

  /** Zoom so that what lies under a place of the screen stays there. */
  zoomAt(screen, factor) {
    const before = this.toPlane(screen);
    this.span = clamp(this.span / factor, SMALLEST_SPAN, 4);
    const after = this.toPlane(screen);
    this.panBy(before[0] - after[0], before[1] - after[1]);
  }

  panBy(dx, dy) {
    this.x = clamp(this.x + dx, -1.3, 1.3);
    this.y = clamp(this.y + dy, -1.3, 1.3);
  }
}

/** Radius of a point on the screen: it grows with the zoom, but less. */
export function pointRadius(view) {
  return clamp(3.4 * (view.scale / 320) ** 0.4, 3, 8);
}

export function drawPlane(ctx, scene) {
  const { view, dpr, look } = scene;
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.fillStyle = look.stage;
  ctx.fillRect(0, 0, view.width, view.height);
  drawBackdrop(ctx, scene);
  drawHeat(ctx, scene);
  drawMidline(ctx, scene);
  for (const ghost of scene.ghosts) drawGhost(ctx, scene, ghost);
  drawCurves(ctx, scene);
  drawPoints(ctx, scene);
  drawSketch(ctx, scene);
  drawRubber(ctx, scene);
  drawSnap(ctx, scene);
  drawLabels(ctx, scene);
}

function drawBackdrop(ctx, { view, backdrop, reach, opacity }) {
  if (!backdrop) return;
  const [x0, y0] = view.toScreen([-reach, -reach]);
  const side = 2 * reach * view.scale;
  ctx.globalAlpha = opacity;
  ctx.imageSmoothingEnabled = true;
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(backdrop, x0, y0, side, side);
  ctx.globalAlpha = 1;
}

function drawHeat(ctx, { view, heat }) {
  if (!heat) return;
  const [gx, gy] = [heat.wander[0].length, heat.wander.length];
  const [x0, y0, x1, y1] = heat.edges;
  // The map's values belong to the middles of its cells.
  const [halfX, halfY] = [(x1 - x0) / (gx - 1) / 2, (y1 - y0) / (gy - 1) / 2];
  const [left, top] = view.toScreen([x0 - halfX, y0 - halfY]);
  const [right, bottom] = view.toScreen([x1 + halfX, y1 + halfY]);
  ctx.globalAlpha = 0.62;
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(heatCanvas(heat), left, top, right - left, bottom - top);
  ctx.globalAlpha = 1;
}

function drawMidline(ctx, { view, look, mirroring }) {
  const [x] = view.toScreen([0, 0]);
  ctx.save();
  ctx.strokeStyle = mirroring ? look.accent : look.line;
  ctx.globalAlpha = mirroring ? 0.8 : 0.6;
  ctx.lineWidth = 1;
  ctx.setLineDash([5, 5]);
  ctx.beginPath();
  ctx.moveTo(Math.round(x) + 0.5, 0);
  ctx.lineTo(Math.round(x) + 0.5, view.height);
  ctx.stroke();
  ctx.restore();
}

function drawGhost(ctx, { view, look }, ghost) {
  ctx.strokeStyle = look.ghost;
  ctx.lineWidth = 1;
  ctx.globalAlpha = 0.85;
  for (const curve of ghost.curves) {
    strokeLine(ctx, view, curve.points.map((i) => ghost.points[i]), curve.closed, [2, 3]);
  }
  ctx.setLineDash([]);
  const radius = pointRadius(view) * 0.8;
  for (const point of ghost.points) {
    const [x, y] = view.toScreen([point.x, point.y]);
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
}

function strokeLine(ctx, view, points, closed, dash = []) {
  ctx.setLineDash(dash);
  ctx.beginPath();
  points.forEach((point, i) => {
    const [x, y] = view.toScreen([point.x, point.y]);
    if (i) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
  });
  if (closed) ctx.closePath();
  ctx.stroke();
}

function drawCurves(ctx, { view, state, byId, colours }) {
  ctx.lineWidth = 1.5;
  for (const curve of state.curves) {
    const points = curve.ids.map((id) => byId.get(id));
    ctx.strokeStyle = colours.get(curve.ids[0]);
    ctx.globalAlpha = 0.65;
    strokeLine(ctx, view, points, curve.closed);
  }
  ctx.globalAlpha = 1;
}

function drawPoints(ctx, scene) {
  const { view, state, colours, selection, hover, partners } = scene;
  const radius = pointRadius(view);
  ctx.setLineDash([]);
  for (const point of state.points) {
    const [x, y] = view.toScreen([point.x, point.y]);
    const chosen = selection.has(point.id);
    const r = radius * (chosen || point.id === hover ? 1.35 : 1);
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 2 * Math.PI);
    ctx.fillStyle = colours.get(point.id);
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = "rgba(10, 12, 16, 0.85)";
    ctx.stroke();
    if (chosen) ring(ctx, x, y, r + 2.5, "#ffffff", 2);
    else if (partners.has(point.id)) ring(ctx, x, y, r + 2.5, "rgba(255, 255, 255, 0.75)", 1, [2, 2]);
    if (point.id === hover && !chosen) ring(ctx, x, y, r + 2.5, "rgba(255, 255, 255, 0.7)", 1.5);
    if (scene.wrong.has(point.id)) ring(ctx, x, y, r + 5.5, scene.look.bad, 1.5, [3, 2]);
  }
}

function ring(ctx, x, y, radius, colour, width, dash = []) {
  ctx.setLineDash(dash);
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** The curve that is being drawn, measured; null for less than a curve. With `mirrored` one that
 * ends on the midline goes on beyond it, so that there is no corner where the halves meet. */
function sketchArc({ control, closed }, mirrored) {
  const places = control.map(({ place }) => place);
  if (places.length < 2 || places.every((place) => distance(place, places[0]) < 1e-6)) return null;
  const beyond = places.map(([x, y]) => [-x, y]).reverse();
  const [first, last] = [places[0][0] === 0, places.at(-1)[0] === 0];
  if (closed || !mirrored || first === last) return { arc: new Arc(places, closed), from: 0, share: 1 };
  if (last) return { arc: new Arc([...places, ...beyond.slice(1)]), from: 0, share: 0.5 };
  return { arc: new Arc([...beyond, ...places.slice(1)]), from: 0.5, share: 0.5 };
}

/** Places on the curve that is being drawn, evenly by arc length; [] for less than a curve. */
export function sketchPlaces(sketch, mirrored, count = sketch.count) {
  const drawn = sketchArc(sketch, mirrored);
  if (!drawn) return [];
  const steps = drawn.arc.closed ? count : count - 1;
  const at = (i) => drawn.arc.at(drawn.arc.length * (drawn.from + (drawn.share * i) / steps));
  return Array.from({ length: count }, (_, i) => at(i));
}

const LINE_PIECES = 160;

function drawSketch(ctx, { view, sketch, look, mirroring }) {
  if (!sketch || !sketch.control.length) return;
  const places = sketchPlaces(sketch, mirroring);
  const line = sketchPlaces(sketch, mirroring, LINE_PIECES);
  for (const factor of mirroring ? [-1, 1] : [1]) {
    ctx.globalAlpha = factor < 0 ? 0.45 : 1;
    ctx.strokeStyle = look.sketch;
    ctx.lineWidth = 2;
    const control = sketch.control.map(({ place }) => place);
    strokeLine(ctx, view, line.map(([x, y]) => ({ x: x * factor, y })), sketch.closed);
    ctx.fillStyle = look.sketch;
    for (const [x, y] of places) {
      const [sx, sy] = view.toScreen([x * factor, y]);
      ctx.beginPath();
      ctx.arc(sx, sy, 4, 0, 2 * Math.PI);
      ctx.fill();
    }
    if (factor < 0) continue;
    for (const place of control) {
      const [sx, sy] = view.toScreen(place);
      ctx.fillStyle = "#ffffff";
      ctx.fillRect(sx - 3, sy - 3, 6, 6);
      ctx.strokeStyle = "rgba(10, 12, 16, 0.85)";
      ctx.lineWidth = 1;
      ctx.strokeRect(sx - 3.5, sy - 3.5, 7, 7);
    }
  }
  ctx.globalAlpha = 1;
}

function drawRubber(ctx, { rubber, look }) {
  if (!rubber) return;
  const [x0, y0, x1, y1] = rubber;
  ctx.fillStyle = look.rubber;
  ctx.strokeStyle = look.accent;
  ctx.lineWidth = 1;
  ctx.fillRect(x0, y0, x1 - x0, y1 - y0);
  ctx.strokeRect(x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0);
}

function drawSnap(ctx, { view, snap, look }) {
  if (!snap) return;
  const [x, y] = view.toScreen(snap.place);
  ring(ctx, x, y, pointRadius(view) + 5, look.accent, 2);
}

function drawLabels(ctx, scene) {
  const { view, state, names, selection, hover, look } = scene;
  ctx.font = `500 11px ${look.font}`;
  ctx.textBaseline = "middle";
  const taken = []; // where two names would lie on each other the later one waits for a closer look
  const important = ({ id }) => id === hover || (selection.size <= 3 && selection.has(id));
  const shown = state.points.filter((point) => names || important(point));
  for (const point of [...shown.filter(important), ...shown.filter((other) => !important(other))]) {
    label(ctx, view.toScreen([point.x, point.y]), point.name, view, taken);
  }
  if (scene.snap?.name) label(ctx, view.toScreen(scene.snap.place), `snap to ${scene.snap.name}`, view, []);
}

// Dark on light letters with a dark edge: readable on any skin, hair or map.
function label(ctx, [x, y], text, view, taken) {
  const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text;
  const width = ctx.measureText(shown).width;
  const left = x + 12 + width > view.width ? x - 12 - width : x + 12;
  if (taken.some(([x0, y0, x1]) => left < x1 && left + width > x0 && Math.abs(y - y0) < 12)) return;
  taken.push([left, y, left + width]);
  ctx.lineJoin = "round";
  ctx.lineWidth = 3;
  ctx.strokeStyle = "rgba(10, 12, 16, 0.8)";
  ctx.strokeText(shown, left, y);
  ctx.fillStyle = "#ffffff";
  ctx.fillText(shown, left, y);
}
