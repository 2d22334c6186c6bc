// Many faces at once, each with its points: looked over, chosen with keys or the pointer, and
// accepted, rejected or flagged together. Knows nothing of where faces come from.

import { groupColours } from "./colours.js";
import { h, setText } from "./dom.js";
import { gridAct } from "./grid_keys.js";
import { followTheme } from "./theme.js";
import themeStyles from "./theme.css";
import gridStyles from "./grid.css";

const MARKS = { done: "✓ accepted", reviewed: "✓ reviewed", rejected: "✕ rejected", skipped: "⚑ flagged" };
const GAP = 8;

/** Points and curves of a tile's face over a canvas of `size` CSS pixels. */
function drawFace(canvas, tile, scheme, colours, size) {
  const dpr = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(size * dpr);
  const context = canvas.getContext("2d");
  const [left, top, side] = tile.square;
  const scale = canvas.width / side;
  const place = (i) => {
    const at = tile.xy[i];
    return at ? [(at[0] - left) * scale, (at[1] - top) * scale] : null;
  };
  context.lineWidth = Math.max(1, size / 260) * dpr;
  context.globalAlpha = 0.75;
  for (const curve of scheme.curves) {
    const places = [...curve.points, ...(curve.closed ? curve.points.slice(0, 1) : [])].map(place);
    context.strokeStyle = colours[curve.points[0]] ?? "#fff";
    context.beginPath();
    places.forEach((at, n) => at && (n && places[n - 1] ? context.lineTo(...at) : context.moveTo(...at)));
    context.stroke();
  }
  context.globalAlpha = 1;
  const radius = Math.max(1.1, size / 135) * dpr;
  for (const [grow, dark] of [[0.6 * dpr, true], [0, false]]) {
    tile.xy.forEach((_, i) => {
      const at = place(i);
      if (!at) return;
      context.fillStyle = dark ? "rgb(0 0 0 / 65%)" : colours[i];
      context.beginPath();
      context.arc(at[0], at[1], radius + grow, 0, 7);
      context.fill();
    });
  }
}

function makeTile(tile) {
  const image = h("img", { src: tile.src, alt: "", draggable: "false" });
  const element = h(
    "div.lk-tile",
    { role: "option", "data-key": tile.key, title: `${tile.name}\n${tile.reason}` },
    image,
    h("canvas"),
    h("div.lk-said", {}, h("span", {}, tile.name), h("span", {}, tile.doubt)),
    h("div.lk-mark"),
    h("div.lk-tick", { "aria-hidden": "true" }, "✓"),
  );
  return element;
}

/** The columns that let `count` squares be as large as possible in a width and a height. */
export function columnsFor(count, width, height) {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= Math.max(count, 1); columns += 1) {
    const rows = Math.ceil(Math.max(count, 1) / columns);
    const size = Math.min((width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows);
    if (size > best.size) best = { columns, size };
  }
  return { columns: best.columns, size: Math.max(84, Math.floor(Math.min(best.size, 420))) };
}

class FaceGrid {
  constructor(root, host) {
    this.root = root;
    this.host = host;
    this.tiles = [];
    this.marks = {};
    this.selected = new Set();
    this.current = 0;
    this.anchor = 0;
    this.columns = 6;
    this.large = false;
    this.build();
  }

  build() {
    const act = (label, key, run, first = false) =>
      h(first ? "button.lk-first" : "button", { onclick: run, type: "button" }, label, h("kbd", {}, key));
    this.area = h("div.lk-tiles", { role: "listbox", "aria-multiselectable": "true", "aria-label": "Faces" });
    this.told = h("span.lk-told", { role: "status" });
    this.undoButton = act("Undo", "U", () => this.host.send({ type: "undo" }));
    this.back = act("‹", "P", () => this.page(-1));
    this.on = act("›", "N", () => this.page(1));
    this.foot = h(
      "div.lk-foot",
      {},
      act("Accept all", "⇧A", () => this.decideAll(), true),
      act("Accept", "A", () => this.decide("accept")),
      act("Reject", "R", () => this.decide("reject")),
      act("Flag", "F", () => this.decide("flag")),
      act("Enlarge", "E", () => this.enlarge(!this.large)),
      act("Edit", "↵", () => this.open()),
      this.undoButton,
      this.told,
      this.back,
      this.on,
    );
    this.lens = h("div.lk-large", { hidden: true, onclick: () => this.enlarge(false) });
    this.root.append(this.area, this.foot, this.lens);
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.area.addEventListener("click", (event) => this.click(event));
    this.area.addEventListener("dblclick", (event) => {
      if (event.target.closest(".lk-tile")) this.open();
    });
  }

  /** Show other faces. */
  load(tiles, scheme) {
    this.tiles = tiles;
    this.scheme = scheme;
    this.colours = scheme.points ? groupColours(scheme) : [];
    this.selected.clear();
    this.current = this.anchor = 0;
    this.enlarge(false);
    this.elements = tiles.map(makeTile);
    const none = h("p.lk-none", {}, "Nobody waits here any more. What was decided last can be undone.");
    this.area.replaceChildren(...(tiles.length ? this.elements : [none]));
    this.layout();
    this.show();
  }

  /** Mark what has been decided, by key. */
  mark(marks) {
    this.marks = marks;
    this.show();
  }

  layout() {
    if (!this.tiles.length) {
      this.area.style.gridTemplateColumns = "1fr";
      this.root.dataset.ready = "true";
      return;
    }
    const { clientWidth, clientHeight } = this.area;
    if (!clientWidth) return;
    const { columns, size } = columnsFor(this.tiles.length, clientWidth - 20, clientHeight - 20);
    this.columns = columns;
    this.area.style.gridTemplateColumns = `repeat(${columns}, ${size}px)`;
    this.elements.forEach((element, n) => {
      element.style.width = element.style.height = `${size}px`;
      drawFace(element.querySelector("canvas"), this.tiles[n], this.scheme, this.colours, size);
    });
    this.root.dataset.ready = "true";
  }

  show() {
    this.tiles.forEach((tile, n) => {
      const element = this.elements[n];
      const mark = this.marks[tile.key];
      if (mark) element.dataset.mark = mark;
      else delete element.dataset.mark;
      setText(element.querySelector(".lk-mark"), MARKS[mark] ?? mark ?? "");
      element.dataset.selected = this.selected.has(tile.key);
      element.setAttribute("aria-selected", this.selected.has(tile.key));
      element.dataset.current = n === this.current;
    });
    const left = this.tiles.filter((tile) => !this.marks[tile.key]).length;
    const chosen = this.selected.size ? ` · ${this.selected.size} selected` : "";
    setText(this.told, `${this.host.info().place} · ${left} to decide${chosen}`);
    this.undoButton.disabled = !this.host.info().undo;
    this.back.disabled = !this.host.info().back;
    this.on.disabled = !this.host.info().next;
    if (this.large) this.drawLarge();
  }

  go(to) {
    this.current = Math.max(0, Math.min(this.tiles.length - 1, to));
    this.elements[this.current]?.scrollIntoView({ block: "nearest" });
    this.show();
  }

  click(event) {
    const element = event.target.closest(".lk-tile");
    if (!element) return;
    const n = this.elements.indexOf(element);
    if (event.shiftKey) {
      const [from, to] = [Math.min(this.anchor, n), Math.max(this.anchor, n)];
      for (let i = from; i <= to; i += 1) this.selected.add(this.tiles[i].key);
    } else {
      this.anchor = n;
      this.toggle(n);
    }
    this.root.focus({ preventScroll: true });
    this.go(n);
  }

  toggle(n) {
    const key = this.tiles[n]?.key;
    if (key === undefined) return;
    if (!this.selected.delete(key)) this.selected.add(key);
  }

  press(event) {
    const name = gridAct(event);
    if (event.target !== this.root && (event.key === " " || event.key === "Enter")) return;
    const acts = {
      accept: () => this.decide("accept"),
      acceptAll: () => this.decideAll(),
      reject: () => this.decide("reject"),
      flag: () => this.decide("flag"),
      undo: () => this.host.send({ type: "undo" }),
      enlarge: () => this.enlarge(!this.large),
      open: () => this.open(),
      toggle: () => {
        this.anchor = this.current;
        this.toggle(this.current);
        this.show();
      },
      selectAll: () => this.selectAll(),
      escape: () => (this.large ? this.enlarge(false) : this.clear()),
      left: () => this.go(this.current - 1),
      right: () => this.go(this.current + 1),
      up: () => this.go(this.current - this.columns),
      down: () => this.go(this.current + this.columns),
      first: () => this.go(0),
      last: () => this.go(this.tiles.length - 1),
      next: () => this.page(1),
      previous: () => this.page(-1),
    };
    const act = acts[name];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  selectAll() {
    for (const tile of this.tiles) if (!this.marks[tile.key]) this.selected.add(tile.key);
    this.show();
  }

  clear() {
    this.selected.clear();
    this.show();
  }

  /** The selected faces, else the current one. */
  decide(name) {
    const keys = this.selected.size ? [...this.selected] : this.tiles.slice(this.current, this.current + 1).map((t) => t.key);
    if (!keys.length) return;
    const single = !this.selected.size;
    this.host.send({ type: "decide", name, keys, turn: false });
    this.selected.clear();
    if (single) this.go(this.current + 1);
    else this.show();
  }

  /** Everything on this page that is not decided yet, and on to the next one. */
  decideAll() {
    const keys = this.tiles.map((tile) => tile.key).filter((key) => !this.marks[key]);
    this.selected.clear();
    if (keys.length) this.host.send({ type: "decide", name: "accept", keys, turn: true });
    else this.page(1);
  }

  page(by) {
    const { back, next } = this.host.info();
    if (by < 0 ? back : next) this.host.send({ type: "page", by });
  }

  open() {
    const tile = this.tiles[this.current];
    if (tile) this.host.send({ type: "open", key: tile.key });
  }

  enlarge(large) {
    this.large = large && this.tiles.length > 0;
    this.lens.hidden = !this.large;
    if (this.large) this.drawLarge();
  }

  drawLarge() {
    const tile = this.tiles[this.current];
    if (this.lens.dataset.key !== tile.key || !this.lens.firstChild) {
      const element = makeTile({ ...tile, src: tile.large });
      this.lens.replaceChildren(element, h("p", {}, "arrows: other faces · A accept · R reject · F flag · Esc back"));
      this.lens.dataset.key = tile.key;
      const size = element.getBoundingClientRect().width;
      drawFace(element.querySelector("canvas"), tile, this.scheme, this.colours, size);
    }
    const element = this.lens.querySelector(".lk-tile");
    const mark = this.marks[tile.key];
    if (mark) element.dataset.mark = mark;
    else delete element.dataset.mark;
    setText(element.querySelector(".lk-mark"), MARKS[mark] ?? mark ?? "");
  }
}

export default {
  render({ model, el }) {
    const ended = new AbortController();
    const root = h("div.lk-root.lk-faces", { tabindex: "0", "data-lm-suppress-shortcuts": "true", "aria-label": "Faces, many at once" });
    el.append(h("style", {}, themeStyles, gridStyles), root);
    followTheme(root, () => "auto", ended.signal);
    const grid = new FaceGrid(root, {
      send: (message) => model.send_msg(message),
      info: () => model.info,
    });
    const load = () => {
      grid.load(model.tiles, model.scheme);
      // The next page's pictures are there before they are asked for.
      for (const source of model.ahead) new Image().src = source;
    };
    model.on("tiles", load);
    model.on("marks", () => grid.mark(model.marks));
    model.on("info", () => grid.show());
    const sized = new ResizeObserver(() => grid.layout());
    sized.observe(grid.area);
    grid.mark(model.marks);
    load();
    root.focus({ preventScroll: true });
    return () => {
      ended.abort();
      sized.disconnect();
    };
  },
};
