// The panel at the right: the point, the groups, the face, the picture, comments.

import { h, icon, setText } from "./dom.js";
import { choice, commandButton, keepFocus, part, setAttribute, slider } from "./controls.js";
import { ATTRIBUTES } from "./commands.js";
import { groupsOf } from "./colours.js";
import { CONFIRMED, PREDICTED, STATE_NAMES } from "./document.js";
import { spreads } from "./elastic.js";
import { ICONS } from "./icons.js";
import { toggleGroup } from "./looking.js";
import { setNote } from "./deciding.js";

export function makeSide(w) {
  const parts = [pointPart(w), arrangePart(w), groupsPart(w), facePart(w), commentsPart(w), picturePart(w)];
  const element = h("aside.lk-side", { "aria-label": "Details" }, ...parts.map((one) => one.element));
  return {
    element,
    update() {
      element.hidden = !w.sideShown;
      if (w.document && w.sideShown) for (const one of parts) one.update();
    },
  };
}

function pointPart(w) {
  const title = h("div.lk-point-name");
  const facts = h("div.lk-facts.lk-mono");
  const definition = h("p.lk-definition");
  const confirm = commandButton(w, "confirm", { drawing: "check", text: "Confirm", look: "lk-plain", hint: true });
  const lock = commandButton(w, "lock", {
    drawing: "lock",
    pressed: (v) => v.document.locked[v.active],
    look: "lk-plain",
  });
  const reset = commandButton(w, "reset_point", { drawing: "reset", look: "lk-plain" });
  const comment = commandButton(w, "comment", { drawing: "comment", look: "lk-plain" });
  const seen = choice(
    w,
    "Visibility",
    [["visible", "Seen", 1], ["occluded", "Occluded", 2], ["self_occluded", "Self", 3], ["unknown", "?", 0]].map(
      ([id, text, value]) => [id, text, (v) => v.active >= 0 && v.document.visibility[v.active] === value],
    ),
  );
  const row = h("div.lk-row", {}, confirm.element, lock.element, reset.element, comment.element);
  return {
    element: part("Point", title, facts, definition, row, seen.element),
    update() {
      const i = w.hover >= 0 ? w.hover : w.active;
      const point = w.face.scheme.points[i];
      setText(title, point ? point.name : several(w));
      setText(definition, point ? point.definition : hintOf(w));
      setText(facts, point ? factsOf(w, i) : "");
      for (const control of [confirm, lock, reset, comment, seen]) control.update();
    },
  };
}

function several(w) {
  return w.selection.size ? `${w.selection.size} points` : "No point selected";
}

function hintOf(w) {
  if (w.selection.size) return "Drag the badge below the frame to move them, the one above to turn them.";
  const key = w.keymap.label("next_point");
  return `Click a point${key ? `, or press ${key} for the most uncertain one` : ""}.`;
}

function factsOf(w, i) {
  const p = w.document.xy[i];
  const spread = spreads(w.face.cov)?.[i];
  const facts = [p ? STATE_NAMES[w.document.state[i]] : "not there"];
  if (p) facts.push(`${p[0].toFixed(1)}, ${p[1].toFixed(1)}`);
  if (spread && w.document.state[i] === PREDICTED) facts.push(`\u00b1${spread.toFixed(1)} px`);
  return facts.join(" \u00b7 ");
}

function arrangePart(w) {
  const buttons = [
    commandButton(w, "spread", { drawing: "spread", text: "Spread" }),
    commandButton(w, "fit", { drawing: "fit", text: "Fit" }),
    commandButton(w, "mirror", { drawing: "mirror", text: "Mirror" }),
    commandButton(w, "swap", { drawing: "swap", text: "Swap" }),
  ];
  return {
    element: part("Arrange", h("div.lk-grid", {}, ...buttons.map((button) => button.element))),
    update: () => buttons.forEach((button) => button.update()),
  };
}

function groupsPart(w) {
  const list = h("ul.lk-groups");
  let scheme = null;
  let rows = [];
  const build = () => {
    scheme = w.face.scheme;
    rows = groupsOf(scheme).map((group) => groupRow(w, group));
    list.replaceChildren(...rows.map((row) => row.element));
  };
  return {
    element: part("Groups", list),
    update() {
      if (scheme !== w.face.scheme) build();
      for (const row of rows) row.update();
    },
  };
}

function groupRow(w, group) {
  const count = h("span.lk-mono.lk-quiet-text");
  const name = h("button.lk-group-name", { type: "button", "aria-label": `Select ${group.name}` }, group.name);
  const eye = h("button.lk-button.lk-quiet.lk-square", { type: "button" });
  const swatch = h("span.lk-swatch", { style: `background:${group.colour}` });
  for (const button of [name, eye]) keepFocus(button, w);
  name.addEventListener("click", () => w.select(group.points.filter((i) => w.document.xy[i] && w.shown(i))));
  eye.addEventListener("click", () => toggleGroup(w, group.name));
  let shown = null;
  return {
    element: h("li", {}, swatch, name, count, eye),
    update() {
      const confirmed = group.points.filter((i) => w.document.state[i] === CONFIRMED).length;
      setText(count, confirmed ? `${confirmed}/${group.points.length}` : `${group.points.length}`);
      const visible = !w.hidden.has(group.name);
      if (visible === shown) return;
      shown = visible;
      eye.replaceChildren(icon(ICONS[visible ? "points" : "hidden"]));
      setAttribute(eye, "aria-label", `${visible ? "Hide" : "Show"} ${group.name}`);
      setAttribute(eye, "title", `${visible ? "Hide" : "Show"} ${group.name}`);
    },
  };
}

function facePart(w) {
  const chips = ATTRIBUTES.map((name) =>
    commandButton(w, `attribute_${name}`, {
      text: name.replace("_", "-"),
      look: "lk-toggle",
      pressed: (v) => Boolean(v.document.attributes[name]),
    }),
  );
  const note = h("textarea.lk-field", { rows: 2, maxlength: 2000, placeholder: "Note", "aria-label": "Note" });
  note.addEventListener("change", () => setNote(w, note.value.trim()));
  note.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      event.stopPropagation();
      note.blur();
      w.focus();
    }
  });
  return {
    element: part("Face", h("div.lk-wrap", {}, ...chips.map((chip) => chip.element)), note),
    update() {
      for (const chip of chips) chip.update();
      const editing = note.getRootNode().activeElement === note;
      if (!editing && note.value !== w.document.note) note.value = w.document.note;
    },
  };
}

function commentsPart(w) {
  const list = h("ul.lk-comments");
  const element = part("Comments", list);
  let shown = null;
  return {
    element,
    update() {
      const { comments } = w.face;
      element.hidden = !comments.length;
      if (comments === shown) return;
      shown = comments;
      list.replaceChildren(...comments.map((comment) => commentRow(w, comment)));
    },
  };
}

function commentRow(w, { point, text, author, time }) {
  const when = time ? new Date(time) : null;
  const head = h(
    "div.lk-quiet-text",
    {},
    [author, when && !Number.isNaN(when.getTime()) ? when.toLocaleDateString() : ""].filter(Boolean).join(" \u00b7 "),
  );
  const i = w.face.scheme.points.findIndex((one) => one.name === point);
  const pin = i >= 0 ? h("button.lk-group-name", { type: "button", title: "Go to the point" }, point) : null;
  pin?.addEventListener("click", () => w.goTo(i));
  return h("li", {}, head, pin, h("p", {}, text ?? ""));
}

function picturePart(w) {
  const percent = (value) => `${Math.round(value * 100)}\u2009%`;
  const sliders = [
    slider(w, "brightness", "Brightness", { low: 0.25, high: 4, normal: 1, show: percent }),
    slider(w, "contrast", "Contrast", { low: 0.25, high: 4, normal: 1, show: percent }),
    slider(w, "gamma", "Gamma", { low: 0.25, high: 4, normal: 1 }),
    slider(w, "size", "Point size", { low: 0.4, high: 3, normal: 1, show: percent }),
    slider(w, "reach", "Elastic reach", { low: 0.02, high: 0.6, normal: 0.1 }),
  ];
  return {
    element: part("Picture", ...sliders.map((one) => one.element)),
    update: () => sliders.forEach((one) => one.update()),
  };
}
