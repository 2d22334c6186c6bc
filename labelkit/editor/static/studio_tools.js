// The pointer on the plane: select and move, add, draw a curve, pan.

import { distance } from "./geometry.js";
import { addCurve, addPoint, MIDLINE, movePoints } from "./studio_edit.js";
import { freeName } from "./studio_names.js";
import { pointRadius, sketchPlaces } from "./studio_plane.js";

const REACH = 9; // px around the pointer in which a point is hit
const SNAP = 9; // px within which a place snaps
const SLIP = 3; // px that are no drag yet

export class PlaneTools {
  /** `studio`: the draft, the view, the selection and what draws them (studio_app.js). */
  constructor(studio, canvas, signal) {
    this.studio = studio;
    this.canvas = canvas;
    this.gesture = null;
    const on = (type, heard, options = {}) => canvas.addEventListener(type, heard, { signal, ...options });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", () => this.abandon());
    on("lostpointercapture", () => this.gesture && this.abandon());
    on("pointerleave", () => this.#hover(null));
    on("dblclick", () => this.studio.tool === "curve" && this.finishCurve());
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** The id of the point nearest to a place of the screen, null where none is within reach. */
  pointAt(screen) {
    const { view, draft } = this.studio;
    const reach = pointRadius(view) + REACH;
    let best = { id: null, d: reach };
    for (const { id, x, y } of draft.state.points) {
      const d = distance(view.toScreen([x, y]), screen);
      if (d < best.d) best = { id, d };
    }
    return best.id;
  }

  down(event) {
    const screen = this.#place(event);
    this.studio.root.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    const panning = event.button === 1 || event.button === 2 || this.studio.spacebar;
    if (panning) this.gesture = { kind: "pan", last: screen };
    else if (event.button !== 0) return;
    else if (this.studio.tool === "add") this.#add(screen, event);
    else if (this.studio.tool === "curve") this.#control(screen, event);
    else this.#press(screen, event);
    this.studio.redraw();
  }

  #press(screen, event) {
    const { studio } = this;
    const id = this.pointAt(screen);
    if (id === null) {
      const kept = event.shiftKey ? new Set(studio.selection) : new Set();
      this.gesture = { kind: "band", from: screen, kept };
      studio.select([...kept]);
      return;
    }
    if (event.shiftKey) {
      studio.toggle(id);
      return;
    }
    if (!studio.selection.has(id)) studio.select([id]);
    const start = new Map();
    for (const { id: other, x, y } of studio.draft.state.points) {
      if (studio.selection.has(other)) start.set(other, [x, y]);
    }
    this.gesture = { kind: "move", id, from: screen, start, before: studio.draft.state, moved: false };
  }

  move(event) {
    const { studio } = this;
    const screen = this.#place(event);
    studio.pointer = screen;
    const { gesture } = this;
    if (!gesture) {
      this.#hover(screen, event);
      return;
    }
    if (gesture.kind === "pan") {
      const [dx, dy] = [gesture.last[0] - screen[0], gesture.last[1] - screen[1]];
      studio.view.panBy(dx / studio.view.scale, dy / studio.view.scale);
      gesture.last = screen;
    } else if (gesture.kind === "band") this.#band(gesture, screen);
    else if (gesture.kind === "move") this.#drag(gesture, screen, event);
    else if (gesture.kind === "control") {
      gesture.control.place = this.#snapped(screen, event, null).place;
    }
    studio.showPlace(studio.view.toPlane(screen));
    studio.redraw();
  }

  #drag(gesture, screen, event) {
    const { studio } = this;
    if (!gesture.moved && distance(screen, gesture.from) < SLIP) return;
    gesture.moved = true;
    const { view } = studio;
    const held = view.toScreen(gesture.start.get(gesture.id));
    const target = [held[0] + screen[0] - gesture.from[0], held[1] + screen[1] - gesture.from[1]];
    const { place } = this.#snapped(target, event, gesture.start);
    const own = gesture.start.get(gesture.id);
    const [dx, dy] = [place[0] - own[0], place[1] - own[1]];
    const places = new Map();
    for (const [id, [x, y]] of gesture.start) {
      // In a selection that holds both of a pair, one leads and the other mirrors it.
      const partner = gesture.before.partner.get(id);
      const follows = studio.settings.mirroring && partner !== id && gesture.start.has(partner);
      if (follows && (id === gesture.id ? false : partner === gesture.id || own[0] * x < 0)) continue;
      places.set(id, [x + dx, y + dy]);
    }
    studio.draft.replace(movePoints(gesture.before, places, studio.settings.mirroring), "", { passing: true });
  }

  #band(gesture, screen) {
    const { studio } = this;
    const [x0, x1] = [gesture.from[0], screen[0]].sort((a, b) => a - b);
    const [y0, y1] = [gesture.from[1], screen[1]].sort((a, b) => a - b);
    studio.rubber = [x0, y0, x1, y1];
    const inside = studio.draft.state.points.filter((point) => {
      const [x, y] = studio.view.toScreen([point.x, point.y]);
      return x >= x0 && x <= x1 && y >= y0 && y <= y1;
    });
    studio.select([...gesture.kept, ...inside.map(({ id }) => id)]);
  }

  up() {
    const { studio, gesture } = this;
    this.gesture = null;
    studio.rubber = null;
    studio.snap = null;
    if (gesture?.kind === "move" && gesture.moved) {
      const { name } = studio.draft.state.points.find(({ id }) => id === gesture.id);
      const count = gesture.start.size;
      studio.draft.finish(count > 1 ? `move ${count} points` : `move ${name}`);
    }
    studio.redraw();
  }

  /** Break off what the pointer is doing. */
  abandon() {
    this.gesture = null;
    this.studio.rubber = null;
    this.studio.snap = null;
    this.studio.draft.cancel();
    this.studio.redraw();
  }

  #hover(screen, event) {
    const { studio } = this;
    const id = screen ? this.pointAt(screen) : null;
    const drawing = screen && studio.tool !== "select";
    const snap = drawing ? this.#snapped(screen, event, null).snap : null;
    const same = id === studio.hover && snap?.name === studio.snap?.name;
    studio.hover = id;
    studio.snap = snap;
    studio.showPlace(screen ? studio.view.toPlane(screen) : null);
    if (!same || studio.sketch) studio.redraw();
  }

  /** Where a place of the screen goes: to a ghost's point, to the midline, or as it is. */
  #snapped(screen, event, moving) {
    const { studio } = this;
    const { view } = studio;
    let place = view.toPlane(screen);
    let snap = null;
    if (studio.settings.snapping && !event?.altKey) {
      let best = SNAP;
      for (const ghost of studio.shownGhosts()) {
        for (const [index, point] of ghost.points.entries()) {
          const d = distance(view.toScreen([point.x, point.y]), screen);
          if (d < best) {
            best = d;
            snap = { place: [point.x, point.y], name: point.name, point, ghost, index };
          }
        }
      }
      if (snap) place = snap.place;
    }
    const near = Math.abs(place[0]) < Math.max(MIDLINE, 6 / view.scale);
    if (!snap && near && studio.settings.mirroring && !moving) place = [0, place[1]];
    studio.snap = snap;
    return { place, snap };
  }

  #add(screen, event) {
    const { studio } = this;
    const { place, snap } = this.#snapped(screen, event, null);
    const { mirroring } = studio.settings;
    const added = addPoint(studio.draft, place, { mirrored: mirroring, group: studio.lastGroup(), like: snap?.point, partner: snap && ghostPartner(snap) });
    const { name } = added.state.points.find(({ id }) => id === added.ids[0]);
    studio.draft.replace(added.state, `add ${name}`);
    studio.select(added.ids);
    studio.say(`Added ${name}`);
  }

  #control(screen, event) {
    const { studio } = this;
    studio.sketch ??= { control: [], closed: false, count: studio.settings.count };
    const { control } = studio.sketch;
    const first = control[0] && distance(studio.view.toScreen(control[0].place), screen) < REACH;
    if (first && control.length > 2) {
      studio.sketch.closed = true;
      this.finishCurve();
      return;
    }
    if (event.detail > 1) return; // the second press of a double click ends the curve
    const own = this.pointAt(screen);
    const point = studio.draft.state.points.find(({ id }) => id === own);
    const place = point ? [point.x, point.y] : this.#snapped(screen, event, null).place;
    const added = { place, id: own };
    control.push(added);
    if (own === null) this.gesture = { kind: "control", control: added };
    studio.curveBar.update();
  }

  /** Take the last place of the curve that is being drawn back. */
  dropControl() {
    const { studio } = this;
    studio.sketch?.control.pop();
    if (!studio.sketch?.control.length) studio.sketch = null;
    studio.curveBar.update();
    studio.redraw();
  }

  /** Put the points on the curve that has been drawn. */
  finishCurve() {
    const { studio } = this;
    const { sketch } = studio;
    if (!sketch) return;
    const { mirroring } = studio.settings;
    const places = sketchPlaces(sketch, mirroring);
    if (places.length < 2) {
      studio.say("A curve needs two places: click where it goes, then press Enter", "warn");
      return;
    }
    const [first, last] = [sketch.control[0], sketch.control.at(-1)];
    const existing = places.map((_, i) => {
      if (i === 0) return first.id;
      return i === places.length - 1 && !sketch.closed ? last.id : null;
    });
    const taken = new Set(studio.draft.state.curves.map(({ name }) => name));
    const wanted = studio.curveName.trim();
    const name = wanted || freeName("curve", taken);
    const result = addCurve(studio.draft, { places, existing, closed: sketch.closed, name, group: name, mirrored: mirroring });
    if (result.problem) {
      studio.say(result.problem, "warn");
      return;
    }
    studio.sketch = null;
    studio.curveName = "";
    studio.draft.replace(result.state, `draw ${name}`);
    studio.select(result.ids);
    studio.say(`Drew ${name} with ${result.ids.length} points`);
    studio.curveBar.update();
  }

  wheel(event) {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016));
    this.studio.view.zoomAt(this.#place(event), factor);
    this.studio.redraw();
  }
}

/** The mirror image of a ghost's point in its own scheme, null where there is none. */
function ghostPartner({ ghost, index }) {
  const pair = ghost.mirror.find(([i, j]) => i !== j && (i === index || j === index));
  return pair ? ghost.points[pair[0] === index ? pair[1] : pair[0]] : null;
}
