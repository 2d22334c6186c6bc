// The studio's bar: tools, what is shown, what is done with the whole scheme.

import { h, icon, setText } from "./dom.js";

const ICONS = {
  select: "M4 3l11 6-5 1.6L7.6 16z",
  add: "M10 4v12M4 10h12",
  curve: "M3 15C6 4 13 16 17 5",
  mirror: "M10 3v14M7 6L3 10l4 4zM13 6l4 4-4 4z",
  snap: "M5 4v6a5 5 0 0010 0V4h-3v6a2 2 0 01-4 0V4zM5 7h3M12 7h3",
  names: "M4 5h12M10 5v11",
  undo: "M7 5L3.5 8.5 7 12M4 8.5h8a4 4 0 010 8H9",
  redo: "M13 5l3.5 3.5L13 12M16 8.5H8a4 4 0 000 8h3",
};

const TOOLS = [
  ["select", "Move", "Select and move points (V)"],
  ["add", "Add", "Add points (A)"],
  ["curve", "Curve", "Draw a curve and put points on it (C)"],
];

const TOGGLES = [
  ["mirroring", "mirror", "Mirror", "Draw both sides at once (M)"],
  ["snapping", "snap", "Snap", "Snap to the points of ghost layers (S); hold Alt to place freely"],
  ["names", "names", "Names", "Names of all points (N)"],
];

export function buildToolbar(studio) {
  const button = (label, title, heard, glyph = null) =>
    h("button.lk-button.lk-quiet", { type: "button", title, onclick: heard }, glyph && icon(ICONS[glyph]), label);
  const tools = TOOLS.map(([name, label, title]) => [name, button(label, title, () => studio.useTool(name), name)]);
  const toggles = TOGGLES.map(([name, glyph, label, title]) => [
    name,
    button(label, title, () => studio.set(name, !studio.settings[name]), glyph),
  ]);
  const undo = button("", "Undo (Ctrl+Z)", () => studio.undo(), "undo");
  const redo = button("", "Redo (Ctrl+Shift+Z)", () => studio.redo(), "redo");
  undo.setAttribute("aria-label", "Undo");
  redo.setAttribute("aria-label", "Redo");
  const heat = button("Ambiguity", "Where a landmark would wander (H)", () => studio.toggleHeat());
  const save = h("button.lk-button.lk-primary", { type: "button", title: "Save the scheme (Ctrl+S)", onclick: () => studio.save() }, "Save");
  const open = h("input", { type: "file", accept: ".json,application/json", hidden: true, "aria-label": "Scheme file" });
  open.addEventListener("change", () => {
    if (open.files[0]) studio.importFile(open.files[0]);
    open.value = "";
  });
  const groups = [
    h("div.lk-studio-group", { role: "radiogroup", "aria-label": "Tool" }, ...tools.map(([, element]) => element)),
    h("div.lk-studio-group", { role: "group", "aria-label": "While drawing" }, ...toggles.map(([, element]) => element)),
    h("div.lk-studio-group", { role: "group", "aria-label": "History" }, undo, redo),
    h("div.lk-studio-group", { role: "group", "aria-label": "What is shown" }, ghostMenu(studio), backdropMenu(studio), heat),
    h("div.lk-studio-group", { role: "group", "aria-label": "Scheme" }, symmetryMenu(studio), fileMenu(studio, open)),
    h("span.lk-studio-spring"),
    button("?", "Keyboard shortcuts (?)", () => studio.help()),
    save,
    open,
  ];
  groups.at(-3).setAttribute("aria-label", "Keyboard shortcuts");
  const element = h("div.lk-studio-toolbar", { role: "toolbar", "aria-label": "Scheme studio" }, ...groups);
  for (const [, tool] of tools) tool.setAttribute("role", "radio");
  save.hidden = !studio.canSave;

  return {
    element,
    openFile: () => open.click(),
    update() {
      for (const [name, tool] of tools) tool.setAttribute("aria-checked", String(studio.tool === name));
      for (const [name, toggle] of toggles) toggle.setAttribute("aria-pressed", String(studio.settings[name]));
      heat.setAttribute("aria-pressed", String(studio.settings.heat));
      undo.disabled = !studio.draft.done.length;
      redo.disabled = !studio.draft.undone.length;
      undo.title = studio.draft.done.length ? `Undo: ${studio.draft.done.at(-1).label} (Ctrl+Z)` : "Undo (Ctrl+Z)";
      redo.title = studio.draft.undone.length ? `Redo: ${studio.draft.undone.at(-1).label} (Ctrl+Shift+Z)` : "Redo (Ctrl+Shift+Z)";
      save.disabled = !studio.draft.dirty || studio.broken();
      setText(save, studio.draft.dirty ? "Save" : "Saved");
    },
  };
}

/** A button that opens a box below it; it closes on Escape and when something else is pressed. */
function menu(label, title, ...content) {
  const box = h("div.lk-studio-menu", {}, ...content);
  const summary = h("summary.lk-button.lk-quiet", { title }, label, h("span.lk-studio-caret", { "aria-hidden": "true" }, "▾"));
  const element = h("details.lk-studio-details", {}, summary, box);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    element.open = false;
    summary.focus();
    event.stopPropagation();
  });
  element.close = () => {
    element.open = false;
  };
  return element;
}

function ghostMenu(studio) {
  const rows = studio.ghosts.map((ghost) => {
    const box = h("input", { type: "checkbox" });
    box.checked = studio.shown.has(ghost.name);
    box.addEventListener("change", () => studio.showGhost(ghost.name, box.checked));
    return h("label.lk-studio-row", {}, box, h("span", {}, ghost.name), h("span.lk-studio-dim", {}, `${ghost.points.length} points`));
  });
  const nothing = rows.length ? null : h("p.lk-studio-dim", {}, "There are no other schemes.");
  return menu("Ghosts", "Other schemes to compare with and to snap to", ...rows, nothing);
}

function backdropMenu(studio) {
  const choice = h("select", { "aria-label": "Face behind the plane" });
  const opacity = h("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": "How strong the backdrop is" });
  opacity.value = String(studio.settings.opacity);
  choice.addEventListener("change", () => studio.showBackdrop(Number(choice.value)));
  opacity.addEventListener("input", () => studio.set("opacity", Number(opacity.value)));
  studio.listBackdrops = (labels) => {
    const options = [h("option", { value: "-1" }, "none"), ...labels.map((label, i) => h("option", { value: String(i) }, label))];
    choice.replaceChildren(...options);
    choice.value = String(studio.backdropIndex);
  };
  studio.listBackdrops([]);
  return menu(
    "Backdrop",
    "A face warped to the plane",
    h("label.lk-studio-field", {}, "Face", choice),
    h("label.lk-studio-field", {}, "Strength", opacity),
  );
}

function symmetryMenu(studio) {
  const status = h("p.lk-studio-dim", { role: "status" });
  const item = (label, heard) =>
    h("button.lk-button.lk-quiet.lk-studio-item", { type: "button", onclick: () => { element.close(); heard(); } }, label);
  const element = menu(
    "Symmetry",
    "Check and make symmetric",
    status,
    item("Show points without mirror image", () => studio.showUnmirrored()),
    item("Make symmetric (nearly mirrored points)", () => studio.symmetrise()),
    item("Left side from the person's right", () => studio.mirrorHalf("right")),
    item("Right side from the person's left", () => studio.mirrorHalf("left")),
    item("Pair the two selected points", () => studio.pairSelected()),
  );
  element.addEventListener("toggle", () => setText(status, studio.symmetryText()));
  return element;
}

function fileMenu(studio, open) {
  const item = (label, heard) =>
    h("button.lk-button.lk-quiet.lk-studio-item", { type: "button", onclick: () => { element.close(); heard(); } }, label);
  const starts = studio.ghosts.map((ghost) => item(`Start from ${ghost.name}`, () => studio.startFrom(ghost)));
  const element = menu(
    "File",
    "Import, export, start anew",
    item("Import JSON…", () => open.click()),
    item("Export JSON", () => studio.exportFile()),
    h("hr"),
    item("Start empty", () => studio.startFrom(null)),
    ...starts,
  );
  return element;
}
