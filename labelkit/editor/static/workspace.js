// What gestures, commands and panels act on: the face, the view, the selection, and the frame in
// which all that changed is drawn.

import { boundsOf, distance, insideBox, medianSpacing } from "./geometry.js";
import { groupColours, spreadColours } from "./colours.js";
import { spreads } from "./elastic.js";
import { drawOverlay } from "./draw.js";
import { drawPhoto } from "./photo.js";
import { MovingLayer } from "./moving.js";
import { drawMagnifier, magnifierPlace, MAGNIFIER_SIZE } from "./magnifier.js";
import { sceneOf } from "./scene.js";
import { frameAround } from "./selection.js";
import { keepSettings } from "./settings.js";
import { STATE_NAMES, uniqueId, VISIBILITY_NAMES } from "./document.js";
import { View } from "./view.js";

const COLOUR_SETTINGS = ["colour"];

export class Workspace {
  /** `stage`: {element, photo, overlay, moving, magnifier} (canvases); `tell`: what the outside wants to
   * hear, {command, say}. */
  constructor(stage, settings, tell) {
    this.stage = stage;
    this.settings = settings;
    this.tell = tell;
    this.view = new View();
    this.view.changed = () => this.redraw("photo");
    this.contexts = {
      photo: stage.photo.getContext("2d"),
      overlay: stage.overlay.getContext("2d"),
      magnifier: stage.magnifier.getContext("2d"),
    };
    this.movingLayer = new MovingLayer(stage.moving);
    this.document = null;
    this.bitmap = null;
    this.selection = new Set();
    this.active = -1;
    this.hover = -1;
    this.followers = [];
    this.movers = new Set();
    this.moving = null; // index of the point under the pointer while it moves, -1 for several
    this.rubber = null;
    this.tool = "move";
    this.hidden = new Set();
    this.dirty = new Set();
    this.pending = 0;
    this.afterFrame = [];
    this.held = null; // the edit that held arrow keys go on with
    this.tabLeaves = false;
    this.narrow = false; // the side panel lies over the photo, and is shut until it is asked for
    this.sideOver = false;
    this.watch = null; // told of every frame, for measurements
    this.panels = [];
    this.font = getComputedStyle(stage.element).fontFamily || "sans-serif";
  }

  get face() {
    return this.document?.face ?? null;
  }

  /** Whether nobody was found in the photo, and nobody has drawn a box yet. */
  get vacant() {
    return this.face?.face_state === "no face" && !this.document.box;
  }

  // --- showing a face

  /** Show a document; `bitmap` may come later. `keep` leaves view and selection as they are. In a
   * photo without a face a box can be drawn at once; as soon as there is one, it is looked at. */
  show(document, bitmap, { keep = false } = {}) {
    const vacant = this.vacant;
    this.document = document;
    this.bitmap = bitmap;
    const { face } = document;
    this.view.image = { width: face.image.width, height: face.image.height };
    this.spacingChanged();
    this.groupOf = face.scheme.points.map((point) => point.group || "other");
    this.#recolour();
    if (!keep) {
      this.hover = -1;
      this.selection.clear();
      this.active = -1;
      this.settings.compare = "after";
      if (this.vacant) this.setTool("add");
      else if (vacant && this.tool === "add") this.setTool("move");
    }
    if (!keep || (vacant && !this.vacant)) this.startView();
    this.redraw("photo", "chrome");
  }

  startView() {
    const box = this.faceBox();
    if (this.settings.start === "face" && box) this.view.fitBox(box, 0.22);
    else this.view.fitPhoto();
  }

  /** Around the points and the box of the face, null where it has neither. */
  faceBox() {
    const box = this.document.box;
    const corners = box ? [[box[0], box[1]], [box[2], box[3]]] : [];
    return boundsOf([...this.document.xy, ...corners]);
  }

  toggleFaceView() {
    this.set({ start: this.settings.start === "face" ? "photo" : "face" });
    this.startView();
  }

  resize(width, height, dpr) {
    this.dpr = dpr;
    for (const name of ["photo", "overlay"]) {
      const canvas = this.stage[name];
      canvas.width = Math.max(1, Math.round(width * dpr));
      canvas.height = Math.max(1, Math.round(height * dpr));
    }
    this.movingLayer.hide(); // it is laid anew, in the density of the screen
    this.stage.magnifier.width = this.stage.magnifier.height = Math.round(MAGNIFIER_SIZE * dpr);
    const first = this.view.width <= 1;
    this.view.resize(Math.max(1, width), Math.max(1, height));
    if (first && this.document) this.startView();
  }

  /** Change settings, keep them, and draw what they change. */
  set(changes) {
    Object.assign(this.settings, changes);
    keepSettings(this.settings);
    if (this.document && COLOUR_SETTINGS.some((name) => name in changes)) this.#recolour();
    this.redraw("photo", "chrome");
  }

  get sideShown() {
    return this.narrow ? this.sideOver : this.settings.side;
  }

  toggleSide() {
    if (!this.narrow) return this.set({ side: !this.settings.side });
    this.sideOver = !this.sideOver;
    return this.redraw("chrome");
  }

  #recolour() {
    const spread = this.settings.colour === "uncertainty" ? spreads(this.face.cov) : null;
    this.colours = spread ? spreadColours(spread) : groupColours(this.face.scheme);
  }

  // --- points

  nameOf(i) {
    return this.face.scheme.points[i]?.name ?? "";
  }

  shown = (i) => !this.hidden.has(this.groupOf[i]);

  presentShown() {
    const list = [];
    this.document.xy.forEach((p, i) => {
      if (p && this.shown(i)) list.push(i);
    });
    return list;
  }

  /** The nearest point within `reach` px of a place of the screen, -1 for none. Of two that lie
   * together the active one is taken. */
  pointAt(screen, reach) {
    let [best, nearest] = [-1, Math.max(reach, this.radius + 4)];
    if (!this.settings.points) return best;
    for (const i of this.presentShown()) {
      const d = distance(this.view.toScreen(this.document.xy[i]), screen) * (i === this.active ? 0.6 : 1);
      if (d < nearest) [best, nearest] = [i, d];
    }
    return best;
  }

  /** Another face of the photo whose box lies under a place of the screen. */
  otherAt(screen) {
    const p = this.view.toImage(screen);
    if (this.document.box && insideBox(p, this.document.box)) return null;
    return this.face.others.find((other) => other.box && insideBox(p, other.box)) ?? null;
  }

  /** Put the active point where the press was when it is nowhere yet, and go to the next such. */
  placeMissing(screen) {
    const { document, active } = this;
    if (active < 0 || document.xy[active] || document.locked[active]) return false;
    const place = this.view.toImage(screen);
    document.edit(`place ${this.nameOf(active)}`, { xy: { [active]: place }, state: { [active]: 1 } });
    const next = document.xy.findIndex((p, i) => !p && i > active);
    const missing = next >= 0 ? next : document.xy.findIndex((p) => !p);
    if (missing >= 0) this.select([missing], { active: missing });
    this.spacingChanged();
    return true;
  }

  spacingChanged() {
    this.spacing = medianSpacing(this.document.xy);
  }

  toggleOccluded(i) {
    const value = this.document.visibility[i] === 2 ? 1 : 2;
    this.document.edit(`${this.nameOf(i)} is ${VISIBILITY_NAMES[value]}`, { visibility: { [i]: value } });
  }

  // --- selection

  select(points, { active = points.length === 1 ? points[0] : -1, quiet = false } = {}) {
    this.selection = new Set(points);
    this.active = active;
    this.redraw("overlay", "chrome");
    if (quiet) return;
    if (active >= 0) this.say(this.describe(active), { quiet: true });
    else if (this.selection.size) this.say(`${this.selection.size} points selected`, { quiet: true });
  }

  setActive(i) {
    this.select([...this.selection], { active: i });
  }

  toggleSelected(i) {
    const points = new Set(this.selection);
    if (!points.delete(i)) points.add(i);
    this.select([...points]);
  }

  /** Go to a point: select it and bring it into sight. */
  goTo(i) {
    this.select([i], { active: i });
    const p = this.document.xy[i];
    if (p) this.view.reveal(p, 60);
    else this.say(`${this.nameOf(i)} is not there yet: click where it is`);
  }

  describe(i) {
    const { document } = this;
    const parts = [this.nameOf(i), document.xy[i] ? STATE_NAMES[document.state[i]] : "not there"];
    if (document.visibility[i] >= 2) parts.push(VISIBILITY_NAMES[document.visibility[i]]);
    if (document.locked[i]) parts.push("locked");
    return parts.join(", ");
  }

  setHover(i) {
    if (i === this.hover) return;
    this.hover = i;
    this.redraw("overlay", "chrome");
  }

  /** The frame around the selection on the screen, null where there is none to be moved. */
  get frame() {
    if (!this.document || this.moving !== null || this.selection.size < 2) return null;
    if (this.tool === "box" || this.tool === "add" || this.rubber) return null;
    const places = [...this.selection].map((i) => this.document.xy[i]);
    return frameAround(places.map((p) => p && this.view.toScreen(p)));
  }

  setTool(tool) {
    this.tool = tool;
    this.stage.overlay.style.cursor = tool === "add" || tool === "box" ? "crosshair" : "";
    this.redraw("overlay", "chrome");
  }

  // --- while the pointer moves points

  /** `points` are about to move, `i` among them under the pointer (-1 for none). */
  startMoving(i, followers, points) {
    this.moving = i;
    this.movers = new Set(points);
    this.dirty.add("still");
    this.followers = followers;
    this.setHover(-1);
  }

  stopMoving() {
    this.moving = null;
    this.followers = [];
    this.movers = new Set();
    this.redraw("overlay", "chrome");
  }

  // --- the outside

  /** Tell screen readers, and unless `quiet` show for a moment what became of a command. */
  say(text, { quiet = false } = {}) {
    this.tell.say(text, quiet);
  }

  focus() {
    this.tell.focus();
  }

  command(name, extra = {}) {
    if (!this.document) return;
    this.document.settle();
    this.tell.command({ id: uniqueId(), name, key: this.face.key, ...extra });
  }

  addFace(box) {
    this.command("add_face", { box });
    this.setTool("move");
  }

  /** Ask for a text: see Prompt. */
  ask(question) {
    return this.tell.ask(question);
  }

  screenOf(event) {
    return this.pointer.screenOf(event);
  }

  // --- drawing

  /** Have layers drawn in the next frame: "photo" (and what lies over it), "overlay", "chrome". */
  redraw(...layers) {
    for (const layer of layers) this.dirty.add(layer);
    if (!this.pending) this.pending = requestAnimationFrame(() => this.#frame());
  }

  /** Call once after the next frame. */
  whenDrawn(callback) {
    this.afterFrame.push(callback);
    this.redraw("overlay");
  }

  #frame() {
    const began = performance.now();
    const event = this.pointer?.flush() ?? null;
    this.pending = 0;
    const { dirty } = this;
    this.dirty = new Set();
    if (dirty.has("photo")) this.#drawPhoto();
    if (dirty.has("photo") || dirty.has("still") || dirty.has("overlay")) this.#drawOverlay(dirty);
    if (dirty.has("chrome") && this.moving === null) for (const panel of this.panels) panel.update();
    for (const callback of this.afterFrame.splice(0)) callback();
    this.watch?.({ event, began, drawn: performance.now() });
  }

  #drawPhoto() {
    drawPhoto(this.contexts.photo, {
      view: this.view,
      bitmap: this.bitmap,
      image: this.view.image,
      dpr: this.dpr,
      pixelated: this.settings.pixelated,
    });
  }

  /** Points grow with the zoom, but never so that neighbours run into each other. */
  get radius() {
    const room = (this.spacing || 12) * this.view.scale * 0.26;
    return Math.min(5.5, Math.max(1.6, room)) * this.settings.size;
  }

  /** What moves has a layer of its own, as large as that: a frame of a drag then costs what moves,
   * not the whole stage. The rest is drawn when the drag begins and when the view changes. */
  #drawOverlay(dirty) {
    const still = this.moving !== null;
    if (!still || dirty.has("photo") || dirty.has("still")) {
      drawOverlay(this.contexts.overlay, sceneOf(this, still ? "still" : "all"));
    }
    if (still) this.movingLayer.draw(sceneOf(this, "moving"));
    else this.movingLayer.hide();
    this.#drawMagnifier();
  }

  #drawMagnifier() {
    const { magnifier } = this.stage;
    const p = this.moving >= 0 && this.moving !== null ? this.document.xy[this.moving] : null;
    const wanted = p !== null && this.settings.magnifier && (this.view.scale < 8 || this.pointer.covers);
    if (magnifier.hidden === wanted) magnifier.hidden = !wanted;
    if (!wanted) return;
    drawMagnifier(this.contexts.magnifier, {
      bitmap: this.bitmap,
      image: this.view.image,
      p,
      zoom: Math.min(24, Math.max(4, this.view.scale * this.settings.magnify)),
      dpr: this.dpr,
      marks: this.followers.map(({ index }) => ({
        place: this.document.xy[index],
        colour: this.colours[index],
      })),
    });
    const [x, y] = magnifierPlace(this.view.toScreen(p), this.view);
    magnifier.style.transform = `translate(${x}px, ${y}px)`;
  }
}
