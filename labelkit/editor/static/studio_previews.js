// The row of example faces: where the scheme's points land on each of them.

import { h, setText } from "./dom.js";

/** Answers and pictures of the example faces on one canvas each. */
export class Previews {
  constructor(redraw) {
    this.redraw = redraw;
    this.tiles = [];
    this.enlarged = -1;
    this.ids = [];
    this.places = null;
    this.note = h("p.lk-studio-note", { role: "status" }, "Looking at example faces…");
    this.list = h("div.lk-studio-tiles", { role: "list", "aria-label": "Example faces" });
    this.element = h(
      "section.lk-studio-previews",
      { "aria-label": "Live preview on example faces" },
      h("div.lk-studio-heading", {}, h("h2", {}, "On real faces"), h("span.lk-studio-hint", {}, "click to enlarge")),
      this.note,
      this.list,
    );
    this.hint = this.element.querySelector(".lk-studio-hint");
    this.hint.hidden = true;
  }

  /** Show the example faces: [{label, bitmap}]. */
  show(faces) {
    this.note.hidden = true;
    this.hint.hidden = false;
    this.tiles = faces.map((face, i) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const element = h(
        "button.lk-studio-tile",
        { type: "button", onclick: () => this.enlarge(this.enlarged === i ? -1 : i) },
        canvas,
      );
      element.setAttribute("aria-label", `Example face ${i + 1}, ${face.label}: enlarge`);
      element.title = face.label;
      return { ...face, canvas, element, ctx: canvas.getContext("2d") };
    });
    this.list.replaceChildren(...this.tiles.map(({ element }) => h("div", { role: "listitem" }, element)));
    this.redraw();
  }

  /** Say why there are no faces. */
  fail(text) {
    setText(this.note, text);
    this.note.hidden = false;
  }

  /** One face large, or -1: all of them. */
  enlarge(i) {
    this.enlarged = i;
    this.tiles.forEach(({ element }, k) => {
      element.parentElement.hidden = i >= 0 && k !== i;
      element.setAttribute("aria-pressed", String(k === i));
    });
    this.list.dataset.enlarged = String(i >= 0);
    setText(this.hint, i >= 0 ? "click for all" : "click to enlarge");
    this.redraw();
  }

  /** New places: ids [N], places Float32Array (faces, N, 2), 0 to 1 over the picture. */
  take({ ids, places }) {
    this.ids = ids;
    this.places = places;
    this.redraw();
  }

  draw({ byId, colours, selection, hover, partners }) {
    const dpr = window.devicePixelRatio || 1;
    this.tiles.forEach((tile, face) => {
      const side = tile.canvas.clientWidth;
      if (!side) return;
      const pixels = Math.round(side * dpr);
      if (tile.canvas.width !== pixels) tile.canvas.width = tile.canvas.height = pixels;
      const { ctx } = tile;
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      ctx.imageSmoothingQuality = "high";
      ctx.drawImage(tile.bitmap, 0, 0, side, side);
      if (!this.places) return;
      const radius = Math.max(1.3, Math.min(4, side / 95));
      const offset = face * this.ids.length * 2;
      const front = [];
      this.ids.forEach((id, i) => {
        if (!byId.has(id)) return;
        const x = this.places[offset + 2 * i] * side;
        const y = this.places[offset + 2 * i + 1] * side;
        if (selection.has(id) || id === hover) front.push([id, x, y]);
        else spot(ctx, x, y, radius, colours.get(id), partners.has(id) ? 0.9 : 0);
      });
      for (const [id, x, y] of front) spot(ctx, x, y, radius * 1.5, colours.get(id), 1.5);
    });
  }
}

function spot(ctx, x, y, radius, colour, edge) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.lineWidth = 0.7;
  ctx.strokeStyle = "rgba(10, 12, 16, 0.75)";
  ctx.stroke();
  if (!edge) return;
  ctx.beginPath();
  ctx.arc(x, y, radius + 1.6, 0, 2 * Math.PI);
  ctx.lineWidth = edge;
  ctx.strokeStyle = "#ffffff";
  ctx.stroke();
}
