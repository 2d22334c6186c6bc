// Where the photo lies on the screen: zoom, pan, fit. Screen places are CSS px from the stage's
// top left corner; image places are px whose centres are whole numbers.

import { clamp } from "./geometry.js";

const LARGEST = 64;

export class View {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.image = { width: 1, height: 1 };
    this.changed = () => {};
  }

  /** The size of the stage in CSS px; what was in its middle stays there. */
  resize(width, height) {
    this.x += (width - this.width) / 2;
    this.y += (height - this.height) / 2;
    this.width = width;
    this.height = height;
    this.#settle();
  }

  // The half pixel: the centre of the top left pixel is (0, 0), the photo begins at -0.5.
  toScreen(p) {
    return [(p[0] + 0.5) * this.scale + this.x, (p[1] + 0.5) * this.scale + this.y];
  }

  toImage(s) {
    return [(s[0] - this.x) / this.scale - 0.5, (s[1] - this.y) / this.scale - 0.5];
  }

  /** The scale at which the whole photo is seen. */
  get fitScale() {
    return Math.min(this.width / this.image.width, this.height / this.image.height);
  }

  fitPhoto() {
    this.fitBox([-0.5, -0.5, this.image.width - 0.5, this.image.height - 0.5], 0.02);
  }

  /** Show a box of the photo with a margin (a share of its size) on every side. */
  fitBox(box, margin = 0.2) {
    const width = Math.max(4, box[2] - box[0]) * (1 + 2 * margin);
    const height = Math.max(4, box[3] - box[1]) * (1 + 2 * margin);
    this.scale = Math.min(this.width / width, this.height / height);
    this.centre([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
  }

  centre(p) {
    this.x = this.width / 2 - (p[0] + 0.5) * this.scale;
    this.y = this.height / 2 - (p[1] + 0.5) * this.scale;
    this.#settle();
  }

  /** Zoom so that what is under a place of the screen stays under it. */
  zoomAt(screen, factor) {
    const [low, high] = [Math.min(0.5 * this.fitScale, 1), LARGEST];
    const scale = clamp(this.scale * factor, low, high);
    const ratio = scale / this.scale;
    this.x = screen[0] - (screen[0] - this.x) * ratio;
    this.y = screen[1] - (screen[1] - this.y) * ratio;
    this.scale = scale;
    this.#settle();
  }

  panBy(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#settle();
  }

  /** Pan as little as needed for a place to be seen clear of the border. */
  reveal(p, border = 48) {
    const [x, y] = this.toScreen(p);
    const inset = Math.min(border, this.width / 4, this.height / 4);
    const dx = clamp(x, inset, this.width - inset) - x;
    const dy = clamp(y, inset, this.height - inset) - y;
    if (dx || dy) this.panBy(dx, dy);
  }

  // A photo that was panned out of sight could not be found again.
  #settle() {
    const [width, height] = [this.image.width * this.scale, this.image.height * this.scale];
    const [keepX, keepY] = [Math.min(80, width, this.width), Math.min(80, height, this.height)];
    this.x = clamp(this.x, keepX - width, this.width - keepX);
    this.y = clamp(this.y, keepY - height, this.height - keepY);
    this.changed();
  }
}
