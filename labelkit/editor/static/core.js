// createEditor: the annotation editor in an element, which knows nothing of its host.
//
//   const editor = createEditor(root, {onEdit, onCommand, settings});
//   await editor.load(face, photo);
//
// `face` is the JSON that labelkit.editor.session sends, `photo` an encoded picture. onEdit gets
// {type: "edit" | "undo" | "redo", edit, key} whenever a change was released, onCommand
// {id, name, key, ...} when a person decides something about a face. The root carries
// data-ready="KEY" once the face with that key has been drawn.

import editorStyles from "./editor.css";
import panelStyles from "./panels.css";
import themeStyles from "./theme.css";
import { h, setText } from "./dom.js";
import { COMMANDS } from "./commands.js";
import { makeBar, makeFoot, makeRail } from "./bar.js";
import { FaceDocument } from "./document.js";
import { Help } from "./help.js";
import { listenToKeys } from "./keyboard.js";
import { Keymap } from "./keys.js";
import { Photos, Tone } from "./photo.js";
import { Pointer } from "./pointer.js";
import { Prompt } from "./prompt.js";
import { AS_IT_IS, readSettings } from "./settings.js";
import { makeSide } from "./side.js";
import { followTheme } from "./theme.js";
import { Workspace } from "./workspace.js";

// Faces that were left and may be asked for again at once, with their undo steps.
const KEPT_FACES = 12;
const TOAST_MS = 2600;
// After these a person wants the next face.
const MOVES_ON = ["accept", "reject", "skip", "flag", "review", "return", "next"];

export function createEditor(root, { onEdit = () => {}, onCommand = () => {}, settings = {} } = {}) {
  const lifetime = new AbortController();
  const { signal } = lifetime;
  const tone = new Tone();
  const stage = makeStage();
  const keymap = new Keymap(COMMANDS);
  const prompt = new Prompt(signal);
  const live = h("div.lk-live", { "aria-live": "polite", role: "status" });
  const status = h("span.lk-chip.lk-status", { hidden: true, role: "status" });
  dress(root);

  const photos = new Photos();
  const documents = new Map();
  const workspace = new Workspace(stage, readSettings(settings), {
    say(text, quiet) {
      setText(live, text);
      if (!quiet) stage.toast.show(text);
    },
    ask: (question) => prompt.ask(question),
    focus: () => root.focus({ preventScroll: true }),
    command: (command) => {
      onCommand(command);
      moveOn(command);
    },
  });
  workspace.keymap = keymap;
  workspace.help = new Help(keymap, () => workspace.redraw("chrome"), signal);
  const [bar, rail, side, foot] = [makeBar(workspace, status), makeRail(workspace), makeSide(workspace), makeFoot(workspace)];
  const theme = followTheme(root, () => workspace.settings.theme, signal);
  workspace.panels = [bar, rail, side, foot, lookOf(workspace, tone), { update: theme }];
  root.replaceChildren(
    h("style", {}, themeStyles, editorStyles, panelStyles),
    tone.element,
    bar.element,
    h("div.lk-main", {}, rail.element, stage.element, side.element),
    foot.element,
    prompt.element,
    workspace.help.element,
    live,
  );
  workspace.pointer = new Pointer(workspace, stage.overlay, signal);
  listenToKeys(root, workspace, keymap, signal);
  watchSize(root, stage.element, workspace, signal);
  let wanted = null; // the face that was asked for last, while its photo is decoded

  function documentOf(face) {
    const kept = documents.get(face.key);
    const fresh = !kept || kept.face.revision !== face.revision;
    const document = fresh ? new FaceDocument(face) : kept;
    document.face = { others: [], comments: [], ...face };
    document.changed = () => {
      if (document === workspace.document) workspace.redraw("overlay", "chrome");
    };
    document.recorded = (type, edit) => onEdit({ type, edit, key: face.key });
    documents.delete(face.key);
    documents.set(face.key, document);
    for (const old of documents.keys()) {
      if (documents.size <= KEPT_FACES) break;
      documents.delete(old);
    }
    return document;
  }

  /** Show a face. The same face again keeps view, selection and undo steps, unless somebody has
   * saved it meanwhile (another revision): then what was saved is shown. Resolves when drawn. */
  async function load(face, photo) {
    const same = workspace.document?.key === face.key;
    leaveFace();
    const document = documentOf(face);
    wanted = document;
    if (!same) delete root.dataset.ready;
    let bitmap = null;
    try {
      bitmap = await decoded(face, photo);
    } catch {
      setStatus(`${face.image.path}: this photo cannot be shown`, "error");
    }
    if (wanted !== document || signal.aborted) return;
    photos.hold(face.image.path);
    // What makes a dark photo readable would wash out the next one.
    const before = workspace.document?.face.image.path;
    if (before !== undefined && before !== face.image.path) workspace.set(AS_IT_IS);
    workspace.show(document, bitmap, { keep: same });
    await new Promise((resolve) => workspace.whenDrawn(resolve));
    if (workspace.document === document && bitmap) root.dataset.ready = face.key;
  }

  function decoded(face, photo) {
    const name = face.image.path;
    return photo || photos.has(name) ? photos.get(name, photo) : null;
  }

  /** Decode the photo of a face that will probably be asked for. */
  function preload(face, photo) {
    documentOf(face);
    decoded(face, photo)?.catch(() => {});
  }

  function leaveFace() {
    workspace.pointer.release();
    workspace.document?.settle();
  }

  // The next face is shown before the host has heard of it.
  function moveOn({ name }) {
    const { face } = workspace;
    const key = name === "previous" ? face.previous : MOVES_ON.includes(name) ? face.next : null;
    const document = key === null || key === undefined ? null : documents.get(key);
    if (document && photos.has(document.face.image.path)) load(document.face, null);
  }

  /** Apply values from outside (a model's, another person's) without an undo step. */
  function applyPatch(patch) {
    if (!workspace.document) return;
    leaveFace();
    workspace.document.apply(patch);
  }

  /** Show what becomes of saving: kind "saving", "saved", "offline", "conflict" or "error". */
  function setStatus(text, kind = "saved") {
    status.hidden = !text;
    setText(status, text);
    status.dataset.kind = { saved: "good", offline: "warn", conflict: "warn", error: "bad" }[kind] ?? "";
  }

  function destroy() {
    leaveFace();
    lifetime.abort();
    cancelAnimationFrame(workspace.pending);
    photos.close();
    root.replaceChildren();
    delete root.labelkit;
    delete root.dataset.ready;
  }

  root.labelkit = hooks(workspace);
  return { load, preload, applyPatch, setStatus, settings: workspace.settings, destroy };
}

// JupyterLab leaves the keyboard alone while the focus is in an element that says so.
function dress(root) {
  root.classList.add("lk-root", "lk-editor");
  root.setAttribute("tabindex", "0");
  root.setAttribute("role", "application");
  root.setAttribute("aria-label", "Landmark editor. Press question mark for the shortcuts.");
  root.dataset.lmSuppressShortcuts = "true";
}

function makeStage() {
  const photo = h("canvas.lk-photo", { "aria-hidden": "true" });
  const moving = h("canvas.lk-moving", { hidden: true, "aria-hidden": "true" });
  const overlay = h("canvas.lk-overlay", { "aria-hidden": "true" });
  const magnifier = h("canvas.lk-magnifier", { hidden: true, "aria-hidden": "true" });
  const [captionName, captionText] = [h("b"), h("span")];
  const caption = h("div.lk-caption", { hidden: true, "aria-hidden": "true" }, captionName, captionText);
  const toast = new Toast();
  const element = h("div.lk-stage", {}, photo, overlay, moving, magnifier, caption, toast.element);
  return { photo, overlay, moving, magnifier, toast, caption, captionName, captionText, element };
}

/** What lies over and on the photo and follows the settings: the caption and the picture's tone. */
function lookOf(workspace, tone) {
  const { stage } = workspace;
  let set = "";
  return {
    update() {
      const filter = tone.set(workspace.settings);
      if (filter !== set) for (const canvas of [stage.photo, stage.magnifier]) canvas.style.filter = filter;
      set = filter;
      const point = workspace.face?.scheme.points[workspace.hover >= 0 ? workspace.hover : workspace.active];
      // The side panel says the same, and covers nothing.
      stage.caption.hidden = !point || workspace.sideShown;
      if (!point) return;
      setText(stage.captionName, point.name);
      setText(stage.captionText, point.definition);
    },
  };
}

// What became of a command, for those who see; screen readers have the live region.
class Toast {
  constructor() {
    this.element = h("div.lk-toast", { "aria-hidden": "true" });
  }

  show(text) {
    setText(this.element, text);
    for (const animation of this.element.getAnimations()) animation.cancel();
    this.element.animate({ opacity: [1, 1, 0] }, { duration: TOAST_MS, easing: "ease-in" });
  }
}

// As wide as in the container query of panels.css.
const NARROW = 860;

function watchSize(root, element, workspace, signal) {
  const measure = () => {
    workspace.narrow = root.clientWidth <= NARROW;
    workspace.redraw("chrome");
    const { clientWidth, clientHeight } = element;
    workspace.resize(clientWidth, clientHeight, window.devicePixelRatio || 1);
  };
  const observer = new ResizeObserver(measure);
  for (const one of [root, element]) observer.observe(one);
  addEventListener("resize", measure, { signal }); // another screen may be denser
  signal.addEventListener("abort", () => observer.disconnect());
  measure();
}

/** Read-only views for tests and for the curious: what is edited, and how it lies on the screen. */
function hooks(workspace) {
  return {
    get document() {
      return workspace.document;
    },
    get view() {
      return workspace.view;
    },
    get workspace() {
      return workspace;
    },
  };
}
