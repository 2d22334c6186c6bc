// Photos: decoding, keeping a few decoded ones, and the layer that shows one.

import { svg } from "./dom.js";

// What is decoded takes 4 bytes a pixel: a few large photos or many small ones are kept.
const KEPT_PIXELS = 80e6;
const KEPT_PHOTOS = 8;

export class Photos {
  constructor() {
    this.decoded = new Map(); // by name, the last used last: {promise, pixels}
    this.held = null;
  }

  /** Decode an encoded picture (Blob, ArrayBuffer or a view on one), or give back what was
   * decoded for the same name. Rejects when it is no picture. */
  get(name, encoded) {
    const entry = this.decoded.get(name) ?? this.#decode(name, encoded);
    this.decoded.delete(name);
    this.decoded.set(name, entry);
    return entry.promise;
  }

  #decode(name, encoded) {
    const blob = encoded instanceof Blob ? encoded : new Blob([encoded]);
    const entry = { promise: createImageBitmap(blob), pixels: 0 };
    entry.promise.then(
      (bitmap) => {
        entry.pixels = bitmap.width * bitmap.height;
        this.#trim();
      },
      () => this.decoded.delete(name),
    );
    return entry;
  }

  /** The photo that is being shown is never given up. */
  hold(name) {
    this.held = name;
  }

  has(name) {
    return this.decoded.has(name);
  }

  #trim() {
    const full = () =>
      this.decoded.size > KEPT_PHOTOS ||
      [...this.decoded.values()].reduce((sum, entry) => sum + entry.pixels, 0) > KEPT_PIXELS;
    const last = [...this.decoded.keys()].at(-1);
    for (const [name, entry] of this.decoded) {
      if (!full()) break;
      if (name === this.held || name === last || !entry.pixels) continue;
      this.decoded.delete(name);
      entry.promise.then((bitmap) => bitmap.close());
    }
  }

  close() {
    for (const { promise } of this.decoded.values()) promise.then((bitmap) => bitmap.close(), () => {});
    this.decoded.clear();
  }
}

/** Draw a photo so that its pixels lie where the view says. A photo that was sent smaller than it
 * is (its `image` says how large) covers the same place. */
export function drawPhoto(ctx, { view, bitmap, image, dpr, pixelated }) {
  const { width, height } = ctx.canvas;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, width, height);
  if (!bitmap) return;
  ctx.imageSmoothingEnabled = !pixelated || view.scale < 8;
  ctx.imageSmoothingQuality = "medium";
  ctx.setTransform(view.scale * dpr, 0, 0, view.scale * dpr, view.x * dpr, view.y * dpr);
  ctx.drawImage(bitmap, 0, 0, image.width, image.height);
}

let filters = 0;

/** Brightness, contrast and gamma as a filter that the browser applies to a whole layer. */
export class Tone {
  constructor() {
    filters += 1;
    this.id = `lk-tone-${filters}`;
    this.functions = ["R", "G", "B"].map((channel) => svg(`feFunc${channel}`, { type: "table" }));
    this.element = svg(
      "svg",
      { width: 0, height: 0, "aria-hidden": "true", style: "position:absolute" },
      svg(
        "filter",
        { id: this.id, "color-interpolation-filters": "sRGB" },
        svg("feComponentTransfer", {}, ...this.functions),
      ),
    );
  }

  /** Set the filter; returns the value of the CSS property for the layers. */
  set({ brightness, contrast, gamma }) {
    if (brightness === 1 && contrast === 1 && gamma === 1) return "none";
    const table = toneTable(brightness, contrast, gamma).map((v) => v.toFixed(4)).join(" ");
    for (const element of this.functions) element.setAttribute("tableValues", table);
    return `url(#${this.id})`;
  }
}

/** Output level (0-1) at 33 evenly spaced input levels: gamma first (over 1 lifts the shadows),
 * then brightness as a factor, then contrast about the middle. */
export function toneTable(brightness, contrast, gamma) {
  return Array.from({ length: 33 }, (_, i) => {
    const lifted = (i / 32) ** (1 / gamma) * brightness;
    return Math.min(1, Math.max(0, (lifted - 0.5) * contrast + 0.5));
  });
}
