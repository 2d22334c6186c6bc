// The scheme studio: its parts put together. Knows no host but what `StudioLink` says.

import { groupColours } from "./colours.js";
import { h, setText } from "./dom.js";
import { readStored, writeStored } from "./settings.js";
import { followTheme } from "./theme.js";
import { StudioActions } from "./studio_actions.js";
import { buildCurveBar } from "./studio_curvebar.js";
import { problemsOf, SchemeDraft, schemeOf } from "./studio_draft.js";
import { legendOf, wanderAt, wanderWord } from "./studio_heat.js";
import { listenToKeys } from "./studio_keys.js";
import { unpackGallery } from "./studio_link.js";
import { buildPanel } from "./studio_panel.js";
import { drawPlane, PlaneView } from "./studio_plane.js";
import { Previews } from "./studio_previews.js";
import { Problems } from "./studio_problems.js";
import { sceneOfStudio } from "./studio_scene.js";
import { buildToolbar } from "./studio_toolbar.js";
import { PlaneTools } from "./studio_tools.js";
import { Unsaved } from "./studio_unsaved.js";

const STORE_KEY = "labelkit.studio.settings";
const STANDARD = { mirroring: true, snapping: true, names: false, opacity: 0.9, heat: false, count: 7 };
const TELL_AFTER = 200; // ms without a change before Python checks the draft

export class Studio extends StudioActions {
  constructor(root, link, signal) {
    super();
    this.root = root;
    this.link = link;
    this.signal = signal;
    this.uid = `lk${Math.random().toString(36).slice(2)}`;
    const setup = JSON.parse(link.host.get("setup"));
    this.ghosts = setup.ghosts;
    this.canSave = setup.can_save;
    this.shown = new Set();
    this.settings = { ...STANDARD, ...readStored(STORE_KEY), heat: false };
    this.draft = new SchemeDraft(setup.scheme);
    this.selection = new Set();
    this.hover = null;
    this.tool = "select";
    this.view = new PlaneView();
    this.colours = new Map();
    this.backdrops = [];
    this.backdropIndex = -1;
    this.curveName = "";
    this.timings = []; // the newest answers: {number, asked, drawn} in ms, for measurements
    this.unsaved = new Unsaved(setup.scheme);
    this.#build();
    this.draft.changed = (passing) => this.#changed(passing);
    if (!setup.scheme.mirror.length && setup.scheme.points.length > 1) this.settings.mirroring = false;
    link.answered = (answer) => this.#answered(answer);
    link.lost = () => this.#ask();
    link.on("gallery", (bytes) => this.#showGallery(bytes));
    link.on("heat", (text) => this.#heard(JSON.parse(text)));
    link.on("checked", (text) => this.#checked(JSON.parse(text)));
    if (!setup.examples) this.previews.fail("There are no example faces here.");
    else link.request("examples").catch((error) => this.previews.fail(error.message));
    this.#changed(false);
    root.dataset.ready = "plane";
  }

  // --- the page

  #build() {
    this.canvas = h("canvas.lk-studio-canvas", { role: "img", "aria-label": "The plane: the mean face on which the scheme is drawn" });
    this.ctx = this.canvas.getContext("2d");
    this.place = h("span.lk-studio-place");
    this.live = h("span.lk-studio-said", { role: "status", "aria-live": "polite" });
    this.problems = new Problems((ids) => this.select(ids));
    this.legend = h("div.lk-studio-legend", { hidden: true });
    this.curveBar = buildCurveBar(this);
    this.toolbar = buildToolbar(this);
    this.panel = buildPanel(this);
    this.previews = new Previews(() => this.redraw());
    this.stage = h("div.lk-studio-stage", {}, this.canvas, this.curveBar.element, this.legend);
    this.dialog = h("dialog.lk-studio-dialog");
    const middle = h("div.lk-studio-middle", {}, this.stage, h("div.lk-studio-status", {}, this.problems.element, this.live, this.place));
    this.root.append(
      this.toolbar.element,
      h("div.lk-studio-main", {}, this.panel.element, middle, this.previews.element),
      this.dialog,
    );
    followTheme(this.root, () => "auto", this.signal);
    this.#offerUnsaved();
    this.tools = new PlaneTools(this, this.canvas, this.signal);
    listenToKeys(this, this.signal);
    this.root.addEventListener("pointerdown", (event) => this.#closeMenus(event), { signal: this.signal });
    const observer = new ResizeObserver(() => this.redraw());
    observer.observe(this.stage);
    observer.observe(this.previews.element);
    const themed = new MutationObserver(() => this.redraw());
    themed.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    this.signal.addEventListener("abort", () => {
      observer.disconnect();
      themed.disconnect();
      clearTimeout(this.telling);
      cancelAnimationFrame(this.frame);
    });
  }

  #closeMenus(event) {
    const path = event.composedPath();
    for (const open of this.root.querySelectorAll("details.lk-studio-details[open], details.lk-studio-problems[open]")) {
      if (!path.includes(open)) open.open = false;
    }
  }

  // --- what is drawn

  /** Draw again in the next frame. */
  redraw() {
    if (this.frame || this.signal.aborted) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    const dpr = window.devicePixelRatio || 1;
    const [pixelsX, pixelsY] = [Math.round(width * dpr), Math.round(height * dpr)];
    if (this.canvas.width !== pixelsX || this.canvas.height !== pixelsY) {
      this.canvas.width = pixelsX;
      this.canvas.height = pixelsY;
    }
    Object.assign(this.view, { width, height });
    const scene = sceneOfStudio(this, dpr);
    drawPlane(this.ctx, scene);
    this.previews.draw(scene);
    if (this.stale) {
      this.panel.update();
      this.toolbar.update();
      this.stale = false;
    }
    if (this.answer) {
      this.timings.push({ number: this.answer.number, asked: this.answer.at, drawn: performance.now() });
      if (this.timings.length > 2000) this.timings.shift();
      this.root.dataset.drawn = String(this.answer.number);
      this.root.dataset.ready = "faces";
      this.answer = null;
    }
  }

  #changed(passing) {
    const { state } = this.draft;
    const ids = new Set(state.points.map(({ id }) => id));
    for (const id of this.selection) if (!ids.has(id)) this.selection.delete(id);
    if (!ids.has(this.hover)) this.hover = null;
    const colours = groupColours(state);
    this.colours = new Map(state.points.map(({ id }, i) => [id, colours[i]]));
    this.stale = true;
    this.#ask();
    this.redraw();
    if (passing) return;
    this.found = problemsOf(state);
    this.#showProblems();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.#tell(state), TELL_AFTER);
  }

  #tell(state) {
    const [scheme, renamed] = [schemeOf(state), this.draft.renamed()];
    this.link.tell(scheme, renamed);
    // What was found stays until it is taken or dropped, or something new is drawn.
    if (this.draft.dirty) this.unsaved.keep(scheme, renamed);
    else if (!this.offer?.isConnected) this.unsaved.keep(null);
  }

  #offerUnsaved() {
    const take = (scheme, renamed) => {
      this.draft.replace(this.draft.take(scheme, renamed), "take up what was not saved");
      this.say(`Took up the drawing of ${scheme.points.length} points`);
    };
    this.offer = this.unsaved.offer({ take, drop: () => this.unsaved.keep(null) });
    if (this.offer) this.stage.append(this.offer);
  }

  #ask() {
    if (this.previews.tiles.length && this.draft.state.points.length) this.link.ask(this.draft.state.points);
  }

  #answered(answer) {
    this.answer = answer;
    this.previews.take(answer);
  }

  async #showGallery(bytes) {
    const { reach, faces, backdrops } = unpackGallery(bytes);
    const decode = async ({ label, blob }) => ({ label, bitmap: await createImageBitmap(blob) });
    const [shown, behind] = await Promise.all([Promise.all(faces.map(decode)), Promise.all(backdrops.map(decode))]);
    if (this.signal.aborted) return;
    this.reach = reach;
    this.backdrops = behind;
    this.backdropIndex = Math.min(0, behind.length - 1);
    this.listBackdrops(behind.map(({ label }) => label));
    this.previews.show(shown);
    this.#ask();
    this.redraw();
  }

  #heard(heat) {
    if (heat.problem) {
      if (!this.previews.tiles.length) this.previews.fail(heat.problem);
      this.say(heat.problem, "bad");
      return;
    }
    this.heat = heat;
    this.#showLegend();
    this.stale = true;
    this.redraw();
  }

  #checked({ problem }) {
    this.refused = problem;
    this.#showProblems();
    this.stale = true;
    this.redraw();
  }

  /** Whether the scheme cannot be saved as it is. */
  broken() {
    return this.problems.worst === "bad";
  }

  #showProblems() {
    this.problems.show(this.found ?? [], this.refused);
    this.root.dataset.problems = this.problems.worst;
  }

  // --- what is selected and shown

  select(ids) {
    this.selection = new Set(ids);
    this.wrong = null;
    this.stale = true;
    this.redraw();
  }

  toggle(id) {
    if (!this.selection.delete(id)) this.selection.add(id);
    this.select([...this.selection]);
  }

  hoverPoint(id) {
    this.hover = id;
    this.redraw();
  }

  /** The next point in the order (1), or the one before (-1). */
  stepSelection(step) {
    const { points } = this.draft.state;
    if (!points.length) return;
    const [first] = this.selection;
    const at = points.findIndex(({ id }) => id === first);
    const next = at < 0 ? (step > 0 ? 0 : points.length - 1) : (at + step + points.length) % points.length;
    this.select([points[next].id]);
  }

  useTool(tool) {
    this.tool = tool;
    this.sketch = null;
    this.snap = null;
    this.canvas.dataset.tool = tool;
    this.curveBar.update();
    this.stale = true;
    this.redraw();
  }

  set(name, value) {
    this.settings[name] = value;
    writeStored(STORE_KEY, { ...this.settings, heat: false });
    this.stale = true;
    this.redraw();
  }

  shownGhosts() {
    return this.ghosts.filter(({ name }) => this.shown.has(name));
  }

  showGhost(name, shown) {
    if (shown) this.shown.add(name);
    else this.shown.delete(name);
    this.redraw();
  }

  showBackdrop(index) {
    this.backdropIndex = index;
    this.redraw();
  }

  nextBackdrop() {
    const count = this.backdrops.length;
    this.backdropIndex = this.backdropIndex + 1 < count ? this.backdropIndex + 1 : -1;
    this.listBackdrops(this.backdrops.map(({ label }) => label));
    this.say(`Backdrop: ${this.backdrops[this.backdropIndex]?.label ?? "none"}`);
    this.redraw();
  }

  zoomHome() {
    this.view.home();
    this.redraw();
  }

  zoomBy(factor) {
    this.view.zoomAt([this.view.width / 2, this.view.height / 2], factor);
    this.redraw();
  }

  /** Drop what is being drawn, else go back to the select tool, else select nothing. */
  escape() {
    if (this.tools.gesture) this.tools.abandon();
    else if (this.sketch) this.sketch = null;
    else if (this.tool !== "select") this.useTool("select");
    else this.select([]);
    this.curveBar.update();
    this.redraw();
  }

  showPlace(place) {
    let text = place ? `${place[0].toFixed(3)}, ${place[1].toFixed(3)}` : "";
    const wander = place && this.settings.heat && this.heat?.wander ? wanderAt(this.heat, place) : null;
    if (wander !== null) text = `wanders ${(100 * wander).toFixed(1)} % (${wanderWord(wander)}) at ${text}`;
    setText(this.place, text);
  }

  say(text, kind = "") {
    setText(this.live, text);
    this.live.dataset.kind = kind;
  }

  // --- ambiguity

  toggleHeat() {
    this.set("heat", !this.settings.heat);
    if (this.settings.heat && !this.heat) {
      this.heat = { done: 0, total: 0 };
      this.link.request("ambiguity").catch((error) => this.say(error.message, "bad"));
    }
    this.#showLegend();
  }

  #showLegend() {
    this.legend.hidden = !this.settings.heat;
    if (this.settings.heat && this.heat) this.legend.replaceChildren(...legendOf(this.heat));
  }
}
