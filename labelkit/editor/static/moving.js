// The layer of what moves: a canvas only as large as that, so that a frame of a drag does not cost
// the whole stage.

import { drawOverlay } from "./draw.js";
import { pointsOfMovingPieces } from "./draw_curves.js";
import { boundsOf, ellipseRadius } from "./geometry.js";

const SPARE = 64; // CSS px around what moves: the canvas is laid anew only when that is used up
const STEP = 4; // CSS px: a whole number of the screen's own px at 125 %, 150 % and 175 % too
const MARKS = 24; // of rings, ticks and pins, beyond a point's radius
const LETTER = 9; // a name's letters are not wider

export class MovingLayer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.area = null;
  }

  hide() {
    if (!this.area) return;
    this.area = null;
    this.canvas.hidden = true;
  }

  /** Draw the moving part of a scene of drawOverlay. */
  draw(scene) {
    const needed = extentOf(scene);
    if (!needed) return this.hide();
    if (!this.area || !holds(this.area, needed)) this.#lay(needed, scene.dpr);
    return drawOverlay(this.context, scene, this.area);
  }

  #lay([x0, y0, x1, y1], dpr) {
    const down = (v) => Math.floor((v - SPARE) / STEP) * STEP;
    const up = (v) => Math.ceil((v + SPARE) / STEP) * STEP;
    this.area = [down(x0), down(y0), up(x1), up(y1)];
    const { canvas, area } = this;
    const [width, height] = [area[2] - area[0], area[3] - area[1]];
    canvas.width = Math.round(width * dpr);
    canvas.height = Math.round(height * dpr);
    canvas.style.cssText = `left:${area[0]}px;top:${area[1]}px;width:${width}px;height:${height}px`;
    canvas.hidden = false;
  }
}

function holds(area, [x0, y0, x1, y1]) {
  return area[0] <= x0 && area[1] <= y0 && area[2] >= x1 && area[3] >= y1;
}

/** What of the stage the moving part of a scene may cover, null for nothing. */
function extentOf(scene) {
  const { view, movers, places, face, settings } = scene;
  const whole = { ...scene, seen: scene.shown, at: (i) => places[i] };
  const drawn = [...movers, ...pointsOfMovingPieces(whole)];
  const origins = settings.compare === "both" && face.predicted ? [...movers].map((i) => face.predicted[i]) : [];
  const bounds = boundsOf([...drawn.map((i) => places[i]), ...origins]);
  if (!bounds) return null;
  const [x0, y0] = view.toScreen([bounds[0], bounds[1]]);
  const [x1, y1] = view.toScreen([bounds[2], bounds[3]]);
  // A curve swings out by less than a sixth of the way between two of its points.
  const around = scene.radius + MARKS + Math.max(x1 - x0, y1 - y0) / 6 + spreadOf(scene);
  const name = LETTER * Math.max(0, ...(settings.names ? [...movers] : [scene.active]).map((i) => lengthOf(face, i)));
  return inside([x0 - around, y0 - around, x1 + around + name, y1 + around], view);
}

function lengthOf(face, i) {
  return face.scheme.points[i]?.name.length ?? 0;
}

// How far ellipses reach, where they are shown.
function spreadOf({ movers, face, settings, view }) {
  if (!settings.ellipses || !face.cov) return 0;
  const largest = Math.max(0, ...[...movers].map((i) => (face.cov[i] ? face.cov[i][0] + face.cov[i][2] : 0)));
  return ellipseRadius(settings.probability) * Math.sqrt(largest) * view.scale;
}

function inside([x0, y0, x1, y1], { width, height }) {
  return [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)];
}
