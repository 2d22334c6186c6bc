// The overlay: everything that lies over the photo, drawn anew in one go. Points are drawn in
// batches of one colour, so that 500 of them cost little more than 100.

import { ellipseAxes, ellipseRadius } from "./geometry.js";
import { CONFIRMED, PLACED, PREDICTED } from "./document.js";
import { drawCurves } from "./draw_curves.js";
import { handlesOf } from "./selection.js";

const HALO = "rgba(8, 10, 14, 0.6)";
const ACCENT = "#ffffff";
const DIAMOND = 2; // Visibility.OCCLUDED
const TRIANGLE = 3; // Visibility.SELF_OCCLUDED

/** Draw a scene: {face, view, settings, radius, colours, shown(i), places, selection, active,
 * hover, followers, rubber, tool, fonts}. While points are moved, `part` says which half is meant:
 * "still" is what does not change until they are released, "moving" the rest; else "all". `area`
 * [x0, y0, x1, y1] is what of the stage the canvas covers. */
export function drawOverlay(ctx, whole, area = [0, 0, whole.view.width, whole.view.height]) {
  const { dpr } = whole;
  const [x0, y0, x1, y1] = area;
  ctx.setTransform(dpr, 0, 0, dpr, -x0 * dpr, -y0 * dpr);
  ctx.clearRect(x0, y0, x1 - x0, y1 - y0);
  if (!whole.face) return;
  const scene = { ...whole, ...partOf(whole), seen: whole.shown };
  if (scene.part !== "moving") {
    drawOthers(ctx, scene);
    drawBox(ctx, scene);
  }
  if (scene.settings.points) drawFace(ctx, scene);
  if (scene.comments.length) drawPins(ctx, scene);
  drawSelection(ctx, scene);
  drawRubber(ctx, scene);
}

function drawFace(ctx, scene) {
  const { settings } = scene;
  if (settings.ellipses) drawEllipses(ctx, scene);
  if (settings.curves || scene.tool === "slide") drawCurves(ctx, scene);
  if (settings.compare === "both") drawMoves(ctx, scene);
  drawPoints(ctx, scene);
  drawMarks(ctx, scene);
  drawNames(ctx, scene);
}

// What of the face belongs to a part: `shown(i)`, the indices that are drawn, and `at(i)`, where a
// point lies on the screen. A frame of a drag must not cost what the points that stay would.
function partOf({ part, movers, places, shown: seen, view }) {
  const placed = [];
  const at = (i) => {
    if (placed[i] === undefined) placed[i] = places[i] ? view.toScreen(places[i]) : null;
    return placed[i];
  };
  const shown = part === "all" ? seen : (i) => seen(i) && movers.has(i) === (part === "moving");
  const candidates = part === "moving" ? [...movers] : places.keys();
  const drawn = [];
  for (const i of candidates) if (shown(i) && at(i)) drawn.push(i);
  return { shown, drawn, at };
}

function drawOthers(ctx, { others, view }) {
  if (!others.length) return;
  ctx.setLineDash([4, 4]);
  ctx.lineWidth = 1;
  for (const other of others) {
    if (!other.box) continue;
    const [x0, y0] = view.toScreen([other.box[0], other.box[1]]);
    const [x1, y1] = view.toScreen([other.box[2], other.box[3]]);
    strokeTwice(ctx, "rgba(255,255,255,0.75)", () => ctx.strokeRect(x0, y0, x1 - x0, y1 - y0));
  }
  ctx.setLineDash([]);
  ctx.fillStyle = "rgba(255,255,255,0.55)";
  for (const other of others) {
    for (const p of other.xy ?? []) {
      if (!p) continue;
      const [x, y] = view.toScreen(p);
      ctx.fillRect(x - 1, y - 1, 2, 2);
    }
  }
}

function drawBox(ctx, { box, view, tool, settings }) {
  if (!box || !(settings.box || tool === "box")) return;
  const [x0, y0] = view.toScreen([box[0], box[1]]);
  const [x1, y1] = view.toScreen([box[2], box[3]]);
  ctx.lineWidth = tool === "box" ? 1.5 : 1;
  strokeTwice(ctx, tool === "box" ? ACCENT : "rgba(255,255,255,0.6)", () =>
    ctx.strokeRect(x0, y0, x1 - x0, y1 - y0),
  );
  if (tool !== "box") return;
  for (const x of [x0, (x0 + x1) / 2, x1]) {
    for (const y of [y0, (y0 + y1) / 2, y1]) {
      if (x === (x0 + x1) / 2 && y === (y0 + y1) / 2) continue;
      knob(ctx, x, y, 3.5);
    }
  }
}

// Of the points that a person has placed the model's doubt says nothing any more.
function drawEllipses(ctx, { at, drawn, face, view, settings, colours, state }) {
  if (!face.cov) return;
  const radius = ellipseRadius(settings.probability);
  const open = (i) => state[i] === PREDICTED || settings.compare === "before";
  ctx.lineWidth = 1;
  for (const i of drawn) {
    if (!face.cov[i] || !open(i)) continue;
    const { major, minor, angle } = ellipseAxes(face.cov[i]);
    const [x, y] = at(i);
    ctx.beginPath();
    ctx.ellipse(x, y, radius * major * view.scale, radius * minor * view.scale, angle, 0, 2 * Math.PI);
    ctx.globalAlpha = 0.12;
    ctx.fillStyle = colours[i];
    ctx.fill();
    ctx.globalAlpha = 0.7;
    ctx.strokeStyle = colours[i];
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
}

function drawMoves(ctx, { at, drawn, face, view, radius }) {
  if (!face.predicted) return;
  ctx.beginPath();
  for (const i of drawn) {
    if (!face.predicted[i]) continue;
    const [from, to] = [view.toScreen(face.predicted[i]), at(i)];
    ctx.moveTo(from[0], from[1]);
    ctx.lineTo(to[0], to[1]);
    ctx.moveTo(from[0] + radius * 0.6, from[1]);
    ctx.arc(from[0], from[1], radius * 0.6, 0, 2 * Math.PI);
  }
  ctx.lineWidth = 1;
  strokeTwice(ctx, "rgba(255,255,255,0.9)", () => ctx.stroke());
}

function drawPoints(ctx, { at, drawn, state, visibility, radius, colours }) {
  const batches = new Map();
  const halo = new Path2D();
  for (const i of drawn) {
    const p = at(i);
    outline(halo, p, radius, visibility[i]);
    if (!batches.has(colours[i])) batches.set(colours[i], newBatch());
    const batch = batches.get(colours[i]);
    outline(state[i] === CONFIRMED ? batch.solid : batch.rings, p, radius, visibility[i]);
    if (state[i] === PLACED) outline(batch.dots, p, Math.max(0.8, radius * 0.42), 0);
  }
  const line = Math.min(1.75, Math.max(1, radius * 0.4));
  ctx.lineWidth = line + 1.75;
  ctx.strokeStyle = HALO;
  ctx.stroke(halo);
  ctx.lineWidth = line;
  for (const [colour, { rings, dots, solid }] of batches) {
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.fill(solid);
    ctx.fill(dots);
    ctx.stroke(rings);
    ctx.stroke(solid);
  }
}

// Predicted points are rings, placed ones rings with a dot, confirmed ones are filled.
function newBatch() {
  return { rings: new Path2D(), dots: new Path2D(), solid: new Path2D() };
}

// The outline says what the photo shows of a place: a circle what is seen or not yet said, a
// diamond what something hides, a triangle what the face itself hides.
function outline(path, [x, y], r, visibility) {
  if (visibility === DIAMOND) {
    const d = r * 1.3;
    path.moveTo(x, y - d);
    path.lineTo(x + d, y);
    path.lineTo(x, y + d);
    path.lineTo(x - d, y);
    path.closePath();
  } else if (visibility === TRIANGLE) {
    const d = r * 1.35;
    path.moveTo(x, y - d);
    path.lineTo(x + d * 0.9, y + d * 0.65);
    path.lineTo(x - d * 0.9, y + d * 0.65);
    path.closePath();
  } else {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  }
}

function drawMarks(ctx, { at, drawn, selection, active, hover, locked, followers, radius, shown }) {
  const ring = (i, r, width, colour) => {
    if (!shown(i) || !at(i)) return;
    ctx.beginPath();
    ctx.arc(...at(i), r, 0, 2 * Math.PI);
    ctx.lineWidth = width;
    strokeTwice(ctx, colour, () => ctx.stroke());
  };
  drawFollowers(ctx, { at, followers, shown }, radius + 2.5);
  for (const i of drawn) {
    if (!locked[i]) continue;
    const [[x, y], d] = [at(i), radius + 2.5];
    ctx.lineWidth = 1;
    strokeTwice(ctx, "rgba(255,255,255,0.9)", () => ctx.strokeRect(x - d, y - d, 2 * d, 2 * d));
  }
  for (const i of selection) if (i !== active) ring(i, radius + 2.5, 1.5, ACCENT);
  if (hover >= 0 && hover !== active) ring(hover, radius + 3.5, 1.25, "rgba(255,255,255,0.85)");
  if (active >= 0) {
    ring(active, radius + 4, 2, ACCENT);
    if (shown(active) && at(active)) ticks(ctx, at(active), radius + 4);
  }
}

// How much a point follows shows in so many steps, each drawn at one go.
const SHADES = 4;

function drawFollowers(ctx, { at, followers, shown }, r) {
  const paths = Array.from({ length: SHADES }, () => null);
  for (const { index, weight } of followers) {
    if (!shown(index) || !at(index)) continue;
    const shade = Math.min(SHADES - 1, Math.floor(weight * SHADES));
    outline((paths[shade] ??= new Path2D()), at(index), r, 0);
  }
  ctx.lineWidth = 1;
  paths.forEach((path, shade) => {
    if (!path) return;
    ctx.globalAlpha = 0.25 + (0.75 * (shade + 0.5)) / SHADES;
    strokeTwice(ctx, "rgba(255,255,255,0.9)", () => ctx.stroke(path));
    ctx.globalAlpha = 1;
  });
}

function ticks(ctx, [x, y], r) {
  ctx.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    ctx.moveTo(x + dx * r, y + dy * r);
    ctx.lineTo(x + dx * (r + 5), y + dy * (r + 5));
  }
  ctx.lineWidth = 1.5;
  strokeTwice(ctx, ACCENT, () => ctx.stroke());
}

// Names are drawn where there is room for them, those of selected points first.
function drawNames(ctx, { at, drawn, face, settings, selection, active, shown, radius, font }) {
  const order = new Set(active >= 0 ? [active] : []);
  if (settings.names) {
    for (const i of selection) order.add(i);
    for (const i of drawn) order.add(i);
  }
  ctx.font = `500 11px ${font}`;
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  const taken = [];
  for (const i of order) {
    if (!shown(i) || !at(i)) continue;
    const name = face.scheme.points[i].name;
    const [x, y] = [at(i)[0] + radius + (i === active ? 13 : 5), at(i)[1]];
    const rect = [x - 1, y - 7, x + ctx.measureText(name).width + 1, y + 7];
    if (taken.some((t) => t[0] < rect[2] && rect[0] < t[2] && t[1] < rect[3] && rect[1] < t[3])) continue;
    taken.push(rect);
    ctx.lineWidth = 3;
    ctx.strokeStyle = "rgba(8, 10, 14, 0.8)";
    ctx.strokeText(name, x, y);
    ctx.fillStyle = i === active ? "#fff" : "rgba(255,255,255,0.88)";
    ctx.fillText(name, x, y);
  }
}

function drawPins(ctx, { at, comments, face, radius, shown }) {
  ctx.font = "700 9px sans-serif";
  for (const comment of comments) {
    const i = face.scheme.points.findIndex((point) => point.name === comment.point);
    if (i < 0 || !shown(i) || !at(i)) continue;
    const [x, y] = [at(i)[0] + radius + 1, at(i)[1] - radius - 1];
    ctx.beginPath();
    ctx.arc(x + 5, y - 5, 6, 0, 2 * Math.PI);
    ctx.moveTo(x, y);
    ctx.lineTo(x + 1, y - 7);
    ctx.lineTo(x + 7, y - 1);
    ctx.closePath();
    ctx.fillStyle = "#e69f00";
    ctx.strokeStyle = HALO;
    ctx.lineWidth = 1;
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = "#14161a";
    ctx.fillText("!", x + 3.5, y - 4.5);
  }
}

function drawSelection(ctx, scene) {
  const frame = scene.frame;
  if (!frame) return;
  ctx.setLineDash([3, 3]);
  ctx.lineWidth = 1;
  strokeTwice(ctx, "rgba(255,255,255,0.85)", () =>
    ctx.strokeRect(frame[0], frame[1], frame[2] - frame[0], frame[3] - frame[1]),
  );
  ctx.setLineDash([]);
  for (const { name, x, y } of handlesOf(frame, scene.view)) {
    if (name === "move" || name === "rotate") badge(ctx, x, y, name);
    else knob(ctx, x, y, 4);
  }
}

function knob(ctx, x, y, r) {
  ctx.beginPath();
  ctx.rect(x - r, y - r, 2 * r, 2 * r);
  ctx.fillStyle = "#fff";
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.strokeStyle = "rgba(8, 10, 14, 0.8)";
  ctx.stroke();
}

function badge(ctx, x, y, name) {
  ctx.beginPath();
  ctx.arc(x, y, 9, 0, 2 * Math.PI);
  ctx.fillStyle = "#fff";
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.strokeStyle = "rgba(8, 10, 14, 0.8)";
  ctx.stroke();
  ctx.beginPath();
  if (name === "rotate") {
    ctx.arc(x, y, 4.5, -0.4 * Math.PI, 1.1 * Math.PI);
    ctx.moveTo(x - 1, y - 6.5);
    ctx.lineTo(x + 1.6, y - 4.2);
    ctx.lineTo(x - 1, y - 2);
  } else {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      ctx.moveTo(x, y);
      ctx.lineTo(x + 5.5 * dx, y + 5.5 * dy);
      ctx.moveTo(x + 3.5 * dx - 1.8 * dy, y + 3.5 * dy - 1.8 * dx);
      ctx.lineTo(x + 5.5 * dx, y + 5.5 * dy);
      ctx.lineTo(x + 3.5 * dx + 1.8 * dy, y + 3.5 * dy + 1.8 * dx);
    }
  }
  ctx.lineWidth = 1.25;
  ctx.strokeStyle = "#14161a";
  ctx.stroke();
}

function drawRubber(ctx, { rubber }) {
  if (!rubber || rubber.length < 2) return;
  ctx.beginPath();
  rubber.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
  ctx.fillStyle = "rgba(255, 255, 255, 0.1)";
  ctx.fill();
  ctx.lineWidth = 1;
  strokeTwice(ctx, ACCENT, () => ctx.stroke());
}

// A light line with a dark one under it is seen on any photo.
function strokeTwice(ctx, colour, stroke) {
  const width = ctx.lineWidth;
  ctx.lineWidth = width + 2;
  ctx.strokeStyle = HALO;
  stroke();
  ctx.lineWidth = width;
  ctx.strokeStyle = colour;
  stroke();
}
