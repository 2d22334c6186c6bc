// Mouse, pen and touch: which gesture a press begins, hovering, the wheel, pinching.

import { distance } from "./geometry.js";
import { addFace, dragBox, dragHandle, dragPoint, panView, rubberBand, slidePoint } from "./gestures.js";
import { boxPartAt, handleAt } from "./selection.js";
import { curvesOf } from "./curves.js";

const REACH = { mouse: 9, pen: 14, touch: 24 };
const CURSORS = { n: "ns", s: "ns", e: "ew", w: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" };

export class Pointer {
  constructor(editor, canvas, signal) {
    this.editor = editor;
    this.canvas = canvas;
    this.gesture = null;
    this.waiting = null; // the last move, until the next frame
    this.touches = new Map();
    this.spaceHeld = false;
    const on = (type, listener, options = {}) =>
      canvas.addEventListener(type, listener.bind(this), { signal, ...options });
    on("pointerdown", this.down);
    on("pointermove", this.moved);
    on("pointerup", this.up);
    on("pointercancel", this.cancelled);
    on("lostpointercapture", this.cancelled);
    on("pointerleave", () => editor.setHover(-1));
    on("contextmenu", this.menu);
    on("wheel", this.wheel, { passive: false });
    on("dblclick", this.doubled);
  }

  get busy() {
    return this.gesture !== null;
  }

  /** Whether a finger or a pen hides what it points at. */
  get covers() {
    return this.busy && this.kind !== "mouse";
  }

  screenOf(event) {
    const rect = this.canvas.getBoundingClientRect();
    return [event.clientX - rect.left, event.clientY - rect.top];
  }

  down(event) {
    const screen = this.screenOf(event);
    if (event.pointerType === "touch") this.touches.set(event.pointerId, screen);
    this.editor.focus();
    this.canvas.setPointerCapture(event.pointerId);
    if (this.touches.size === 2) this.#pinch();
    if (this.touches.size >= 2 || this.gesture || !this.editor.document) return;
    event.preventDefault();
    this.gesture = this.#begin(event, screen);
    this.kind = event.pointerType;
    this.id = event.pointerId;
    this.canvas.style.cursor = this.gesture?.cursor ?? this.canvas.style.cursor;
  }

  #begin(event, screen) {
    const { editor } = this;
    if (event.button === 1 || (event.button === 0 && this.spaceHeld)) return panView(editor, screen);
    if (event.button !== 0) return null;
    if (editor.settings.compare === "before") editor.set({ compare: "after" }); // what is moved is seen
    const adds = editor.tool === "add" || (editor.tool === "box" && editor.vacant);
    if (adds) return addFace(editor, screen);
    if (editor.tool === "box") return dragBox(editor, this.#boxPart(screen, event), screen);
    const reach = REACH[event.pointerType] ?? REACH.mouse;
    const handle = handleAt(editor.frame, editor.view, screen, reach + 3);
    if (handle && !event.shiftKey) return dragHandle(editor, handle, screen);
    const i = editor.pointAt(screen, reach);
    if (i >= 0) return this.#onPoint(i, screen, event);
    return this.#onPhoto(screen, event);
  }

  #boxPart(screen, event) {
    const { document, view } = this.editor;
    if (!document.box) return null;
    const [p, q] = [[document.box[0], document.box[1]], [document.box[2], document.box[3]]].map((c) =>
      view.toScreen(c),
    );
    return boxPartAt([...p, ...q], screen, REACH[event.pointerType] ?? REACH.mouse);
  }

  #onPoint(i, screen, event) {
    const { editor } = this;
    if (event.shiftKey) {
      editor.toggleSelected(i);
      return null;
    }
    if (!editor.selection.has(i) || editor.selection.size < 2) editor.select([i], { active: i });
    else editor.setActive(i);
    if (editor.document.locked[i]) {
      editor.say(`${editor.nameOf(i)} is locked`);
      return null;
    }
    const curve = editor.tool === "slide" ? curvesOf(editor.face.scheme, i)[0] : null;
    return curve ? slidePoint(editor, i, curve, screen) : dragPoint(editor, i, screen, event);
  }

  #onPhoto(screen, event) {
    const { editor } = this;
    if (editor.placeMissing(screen)) return null;
    if (event.pointerType === "touch" && editor.tool !== "lasso") return panView(editor, screen);
    const other = editor.otherAt(screen);
    if (other) {
      editor.command("open", { target: other.key });
      return null;
    }
    return rubberBand(editor, editor.tool === "lasso" ? "lasso" : "box", screen, event);
  }

  moved(event) {
    if (this.touches.has(event.pointerId)) this.touches.set(event.pointerId, this.screenOf(event));
    if (this.pinching) return this.#pinched();
    if (this.gesture && event.pointerId === this.id) {
      this.waiting = event;
      this.editor.redraw("overlay");
    } else if (!this.gesture && event.pointerType !== "touch") this.#hover(event);
    return undefined;
  }

  /** Take the last move into account; called once per frame. Returns its event. */
  flush() {
    const event = this.waiting;
    if (!event || !this.gesture) return null;
    this.waiting = null;
    this.gesture.move(this.screenOf(event), event);
    return event;
  }

  up(event) {
    this.touches.delete(event.pointerId);
    if (this.touches.size < 2) this.pinching = null;
    if (!this.gesture || event.pointerId !== this.id) return;
    this.flush();
    const gesture = this.gesture;
    this.gesture = null;
    gesture.end();
    this.canvas.style.cursor = "";
    this.editor.redraw("overlay");
  }

  cancelled(event) {
    this.touches.delete(event.pointerId);
    if (this.touches.size < 2) this.pinching = null;
    if (event.pointerId === this.id) this.cancel();
  }

  /** Give the gesture under way up: everything is as before the press. */
  cancel() {
    if (!this.gesture) return false;
    const gesture = this.gesture;
    this.gesture = null;
    this.waiting = null;
    gesture.cancel();
    this.canvas.style.cursor = "";
    this.editor.redraw("overlay");
    return true;
  }

  /** A release that will not come any more (the face changes, the editor closes). */
  release() {
    if (!this.gesture) return;
    this.flush();
    const gesture = this.gesture;
    this.gesture = null;
    gesture.end();
  }

  #pinch() {
    this.cancel();
    this.pinching = this.#twoFingers();
  }

  #twoFingers() {
    const [p, q] = [...this.touches.values()];
    return { middle: [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], apart: Math.max(1, distance(p, q)) };
  }

  #pinched() {
    const now = this.#twoFingers();
    const { view } = this.editor;
    view.panBy(now.middle[0] - this.pinching.middle[0], now.middle[1] - this.pinching.middle[1]);
    view.zoomAt(now.middle, now.apart / this.pinching.apart);
    this.pinching = now;
  }

  #hover(event) {
    const { editor } = this;
    if (!editor.document) return;
    const screen = this.screenOf(event);
    editor.setHover(editor.tool === "box" ? -1 : editor.pointAt(screen, REACH.mouse));
    this.canvas.style.cursor = this.#cursorAt(screen, event);
  }

  #cursorAt(screen, event) {
    const { editor } = this;
    if (this.spaceHeld) return "grab";
    if (editor.tool === "box") {
      const part = this.#boxPart(screen, event);
      return part ? (CURSORS[part.name] ? `${CURSORS[part.name]}-resize` : "move") : "crosshair";
    }
    if (editor.tool === "add") return "crosshair";
    const handle = handleAt(editor.frame, editor.view, screen, REACH.mouse + 3);
    if (handle) return { move: "move", rotate: "grab", scale: "nwse-resize" }[handle.name];
    return editor.hover >= 0 ? "pointer" : "";
  }

  /** The right button switches between visible and occluded. */
  menu(event) {
    event.preventDefault();
    if (event.pointerType === "touch" || this.gesture || !this.editor.document) return;
    const i = this.editor.pointAt(this.screenOf(event), REACH.mouse);
    if (i >= 0) this.editor.toggleOccluded(i);
  }

  doubled(event) {
    const { editor } = this;
    const placing = editor.active >= 0 && !editor.document?.xy[editor.active];
    if (!editor.document || placing || editor.tool !== "move") return;
    if (editor.pointAt(this.screenOf(event), REACH.mouse) < 0) editor.toggleFaceView();
  }

  // A mouse's wheel zooms; a trackpad's two fingers pan, and pinch with the control key set.
  wheel(event) {
    event.preventDefault();
    const { view, settings } = this.editor;
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.height : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const trackpad = event.deltaMode === 0 && (dx !== 0 || Math.abs(dy) < 30) && !event.ctrlKey;
    if (settings.wheel === "pan" || (settings.wheel === "auto" && trackpad)) {
      if (!event.ctrlKey) return view.panBy(-dx, -dy);
    }
    const speed = event.ctrlKey && Math.abs(dy) < 30 ? 0.01 : 0.0022;
    return view.zoomAt(this.screenOf(event), Math.exp(-dy * speed));
  }
}
