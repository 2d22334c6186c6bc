// The line above the photo (which face this is, saving, undo, what is seen), the tools at its left
// and the decisions below it.

import { h, setText } from "./dom.js";
import { choice, commandButton } from "./controls.js";
import { CONFIRMED } from "./document.js";

const STATE_KINDS = { done: "good", reviewed: "good", returned: "warn", rejected: "bad" };

export function makeBar(w, status) {
  const place = h("span.lk-place");
  const name = h("span.lk-file");
  const state = h("span.lk-chip");
  const reason = h("span.lk-reason");
  const zoom = h("span.lk-zoom.lk-mono", { title: "Screen px per photo px" });
  const buttons = {
    previous: commandButton(w, "previous_face", { drawing: "previous", enabled: (v) => isKnown(v.face.previous) }),
    next: commandButton(w, "next_face", { drawing: "next", enabled: (v) => isKnown(v.face.next) }),
    undo: commandButton(w, "undo", { drawing: "undo", enabled: (v) => v.document.done.length || v.document.gesture }),
    redo: commandButton(w, "redo", { drawing: "redo", enabled: (v) => v.document.undone.length }),
    photo: commandButton(w, "fit_view", { drawing: "photo", pressed: (v) => v.settings.start === "photo" }),
    face: commandButton(w, "face_view", { drawing: "face", pressed: (v) => v.settings.start === "face" }),
    help: commandButton(w, "help", { drawing: "help" }),
    side: commandButton(w, "side", { drawing: "side", pressed: (v) => v.sideShown }),
  };
  const compare = choice(w, "What is shown", [
    ["show_annotation", "Annotation", (v) => v.settings.compare === "after"],
    ["show_prediction", "Prediction", (v) => v.settings.compare === "before"],
    ["show_both", "Both", (v) => v.settings.compare === "both"],
  ]);
  const { previous, next, undo, redo, photo, face, help, side } = buttons;
  const element = h(
    "header.lk-bar",
    {},
    h("div.lk-run", {}, previous.element, place, next.element),
    h("div.lk-title", {}, name, state, reason),
    status,
    compare.element,
    h("div.lk-run", {}, undo.element, redo.element),
    h("div.lk-run", {}, face.element, photo.element, zoom),
    h("div.lk-run", {}, help.element, side.element),
  );
  return {
    element,
    update() {
      const shown = w.face;
      for (const button of Object.values(buttons)) button.update();
      compare.update();
      if (!shown) return;
      const { number, total } = shown.position ?? {};
      setText(place, number ? `${number} / ${total}` : "");
      setText(name, shown.image.path);
      name.title = shown.image.path;
      setText(state, shown.face_state ?? "");
      state.dataset.kind = STATE_KINDS[shown.face_state] ?? "";
      setText(reason, shown.reason ?? "");
      reason.title = shown.reason ?? "";
      setText(zoom, `${Math.round(w.view.scale * 100)}\u2009%`);
    },
  };
}

function isKnown(key) {
  return key !== null && key !== undefined;
}

const TOOLS = ["move", "lasso", "slide", "box", "add"];
const SWITCHES = [
  ["elastic", "elastic"],
  ["curves", "curves"],
  ["names", "names"],
  ["ellipses", "ellipses"],
  ["magnifier", "magnifier"],
  ["points", "points"],
];

export function makeRail(w) {
  const tools = TOOLS.map((name) =>
    commandButton(w, `tool_${name}`, { drawing: name, pressed: (v) => v.tool === name }),
  );
  const switches = SWITCHES.map(([id, drawing]) =>
    commandButton(w, id, { drawing, pressed: (v) => v.settings[id] }),
  );
  const colour = commandButton(w, "colour", {
    drawing: "colour",
    pressed: (v) => v.settings.colour === "uncertainty",
  });
  const all = [...tools, ...switches, colour];
  const line = () => h("div.lk-rule", { role: "presentation" });
  const element = h(
    "div.lk-rail",
    { role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical" },
    ...tools.map((button) => button.element),
    line(),
    ...switches.map((button) => button.element),
    colour.element,
  );
  return { element, update: () => all.forEach((button) => button.update()) };
}

export function makeFoot(w) {
  const done = h("div.lk-done");
  const count = h("span.lk-count");
  const buttons = [
    commandButton(w, "reject", { drawing: "reject", text: "Reject", hint: true }),
    commandButton(w, "skip", { drawing: "skip", text: "Skip", hint: true }),
    commandButton(w, "flag", { drawing: "flag", text: "Flag", hint: true }),
    commandButton(w, "return", { text: "Return", hint: true, enabled: (v) => isDone(v.face) }),
    commandButton(w, "review", { text: "Reviewed", hint: true, enabled: (v) => isDone(v.face) }),
    commandButton(w, "accept", { drawing: "check", text: "Accept", look: "lk-primary", hint: true }),
  ];
  const element = h(
    "footer.lk-foot",
    {},
    h("div.lk-progress", { "aria-hidden": "true" }, done),
    count,
    h("span.lk-grow"),
    ...buttons.map((button) => button.element),
  );
  return {
    element,
    update() {
      for (const button of buttons) button.update();
      for (const button of buttons.slice(3, 5)) button.element.hidden = button.element.disabled;
      if (!w.document) return;
      if (w.vacant) {
        done.style.width = "0";
        setText(count, "Nobody was found here: draw a box around the face, or click on it");
        return;
      }
      const confirmed = w.document.state.filter((state) => state === CONFIRMED).length;
      const edited = w.document.state.filter((state) => state === 1).length;
      const missing = w.document.xy.filter((p) => !p).length;
      done.style.width = `${(100 * confirmed) / w.document.count}%`;
      const rest = [edited ? `${edited} placed` : "", missing ? `${missing} not there` : ""].filter(Boolean);
      setText(count, [`${confirmed} of ${w.document.count} confirmed`, ...rest].join(" \u00b7 "));
    },
  };
}

function isDone(face) {
  return face.face_state === "done" || face.face_state === "reviewed" || face.face_state === "returned";
}
