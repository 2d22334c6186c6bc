// Everything that can be done, each with its name and keys: the toolbar, the panels, the keyboard
// and the list of shortcuts are all read from this table.

import { arrange } from "./arrange.js";
import { askNote, openOther, redo, tellWithText, toggleAttribute, undo } from "./deciding.js";
import { escape, hideGroup, isolate, showPart } from "./looking.js";
import {
  confirmAndGoOn,
  confirmPoints,
  lockPoints,
  nudge,
  removePoints,
  resetPoints,
  setVisibility,
  step,
  turnSelection,
} from "./points.js";
import { AS_IT_IS } from "./settings.js";
import { selectCurve, selectGroup } from "./reach.js";

export const ATTRIBUTES = ["pose", "expression", "illumination", "make_up", "occlusion", "blur"];

const toggle = (name) => (w) => w.set({ [name]: !w.settings[name] });
const by = (name, factor, low, high) => (w) =>
  w.set({ [name]: Math.min(high, Math.max(low, Math.round(w.settings[name] * factor * 100) / 100)) });
const cycle = (name, values) => (w) =>
  w.set({ [name]: values[(values.indexOf(w.settings[name]) + 1) % values.length] });
const tool = (name) => (w) => w.setTool(w.tool === name && name !== "move" ? "move" : name);
const tell = (name) => (w) => w.command(name);
const ask = (name, question, optional) => (w) => tellWithText(w, name, question, optional);
const zoom = (factor) => (w) => w.view.zoomAt([w.view.width / 2, w.view.height / 2], factor);

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SIZES = [
  ["", 1, "1 px"],
  ["Shift+", 10, "10 px"],
  ["Alt+", 0.1, "0.1 px"],
];

/** [{id, section, title, row, keys, run(workspace)}]; commands of one row are shown together. */
export const COMMANDS = [
  ...section("Points", [
    ["next_point", "Next point, most uncertain first", ["n", "Tab"], (w) => step(w, 1)],
    ["previous_point", "Previous point", ["p", "Shift+Tab"], (w) => step(w, -1)],
    ["confirm", "Confirm and go on", ["Enter"], confirmAndGoOn],
    ["toggle_confirm", "Confirm, or take it back", ["c"], confirmPoints],
    ["lock", "Lock: does not move", ["k"], lockPoints],
    ["visible", "Visible", ["1"], (w) => setVisibility(w, 1)],
    ["occluded", "Occluded by something", ["2"], (w) => setVisibility(w, 2)],
    ["self_occluded", "Hidden by the face itself", ["3"], (w) => setVisibility(w, 3)],
    ["unknown", "Visibility not said", ["4"], (w) => setVisibility(w, 0)],
    ["remove_point", "Take the point away: not there", ["Delete", "Backspace"], removePoints],
    ["reset_point", "Back to the prediction", ["r"], resetPoints],
  ]),
  ...section("Move", [
    ...SIZES.flatMap(([mod, size, title]) =>
      Object.entries(ARROWS).map(([key, [dx, dy]]) => [
        `nudge_${key.slice(5).toLowerCase()}_${size}`,
        `Nudge ${key.slice(5).toLowerCase()} ${title}`,
        [mod + key],
        (w) => nudge(w, [dx * size, dy * size]),
        `Nudge ${title}`,
      ]),
    ),
    ["turn_left", "Turn the selection 1\u00b0 left", [","], (w) => turnSelection(w, -1, 1)],
    ["turn_right", "Turn the selection 1\u00b0 right", ["."], (w) => turnSelection(w, 1, 1)],
    ["shrink", "Shrink the selection by 1 %", ["<", "Mod+,"], (w) => turnSelection(w, 0, 1 / 1.01)],
    ["grow", "Enlarge the selection by 1 %", [">", "Mod+."], (w) => turnSelection(w, 0, 1.01)],
    ["elastic", "Elastic drag on or off (Alt while dragging)", ["e"], toggle("elastic")],
    ["reach_less", "Elastic drag reaches less far", ["["], by("reach", 1 / 1.25, 0.02, 0.6)],
    ["reach_more", "Elastic drag reaches further", ["]"], by("reach", 1.25, 0.02, 0.6)],
  ]),
  ...section("Arrange", [
    ["spread", "Spread evenly along the curve", ["d"], arrange.spread],
    ["fit", "Fit the scheme to the placed points (bending)", ["t"], (w) => arrange.fit(w, "plate")],
    ["fit_rigid", "Fit the scheme to the placed points (rigid)", ["Shift+T"], (w) => arrange.fit(w, "rigid")],
    ["mirror", "Mirror the selection to the other side", ["m"], arrange.mirror],
    ["swap", "Swap left and right", ["x"], arrange.swap],
  ]),
  ...section("Select", [
    ["select_all", "All points", ["Mod+a"], (w) => w.select(w.presentShown())],
    ["select_group", "The group of the point", ["g"], selectGroup],
    ["select_curve", "The curve of the point", ["Shift+G"], selectCurve],
    ["escape", "Give up, select nothing; then Tab leaves", ["Escape"], escape],
  ]),
  ...section("Tools", [
    ["tool_move", "Move points, select by a box", ["v"], tool("move")],
    ["tool_lasso", "Select by a lasso", ["l"], tool("lasso")],
    ["tool_slide", "Slide points along their curve", ["s"], tool("slide")],
    ["tool_box", "Draw or change the face box", ["b"], tool("box")],
    ["tool_add", "Add a missed face by a click", ["a"], tool("add")],
  ]),
  ...section("See", [
    ["fit_view", "Whole photo", ["f"], (w) => showPart(w, "photo")],
    ["face_view", "Face only", ["z"], (w) => showPart(w, "face")],
    ["point_view", "Close to the point", ["Shift+Z"], (w) => showPart(w, "point")],
    ["zoom_in", "Zoom in", ["+", "="], zoom(1.25)],
    ["zoom_out", "Zoom out", ["-", "_"], zoom(0.8)],
    ["names", "Names", ["i"], toggle("names")],
    ["curves", "Curves", ["j"], toggle("curves")],
    ["ellipses", "Uncertainty ellipses", ["q"], toggle("ellipses")],
    ["probability", "Ellipses hold 39, 68, 86 or 95 %", ["Shift+E"], cycle("probability", [0.39, 0.68, 0.86, 0.95])],
    ["points", "Points on or off", ["h"], toggle("points")],
    ["hide_group", "Hide the group of the point", ["Shift+J"], hideGroup],
    ["isolate", "Only this group, or all again", ["Shift+H"], isolate],
    ["colour", "Colour by group or uncertainty", ["y"], cycle("colour", ["group", "uncertainty"])],
    ["compare", "Prediction, annotation, or both", ["w"], cycle("compare", ["after", "before", "both"])],
    ["show_annotation", "Show the annotation", ["Shift+1"], (w) => w.set({ compare: "after" })],
    ["show_prediction", "Show the prediction", ["Shift+2"], (w) => w.set({ compare: "before" })],
    ["show_both", "Show how points have moved", ["Shift+3"], (w) => w.set({ compare: "both" })],
    ["face_box", "Face box", ["Shift+X"], toggle("box")],
    ["magnifier", "Magnifier", ["Shift+M"], toggle("magnifier")],
    ["size_less", "Smaller points", ["Mod+["], by("size", 1 / 1.2, 0.4, 3)],
    ["size_more", "Larger points", ["Mod+]"], by("size", 1.2, 0.4, 3)],
    ["wheel", "Wheel: by device, zooms, pans", ["Shift+W"], cycle("wheel", ["auto", "zoom", "pan"])],
    ["pixelated", "Pixels sharp or smooth when near", ["Shift+O"], toggle("pixelated")],
    ["side", "Side panel", ["\\"], (w) => w.toggleSide()],
    ["theme", "Light, dark, or as the system", ["Shift+D"], cycle("theme", ["auto", "light", "dark"])],
  ]),
  ...section("Picture", [
    ["darker", "Darker", ["5"], by("brightness", 1 / 1.1, 0.2, 4)],
    ["brighter", "Brighter", ["6"], by("brightness", 1.1, 0.2, 4)],
    ["contrast_less", "Less contrast", ["7"], by("contrast", 1 / 1.1, 0.2, 4)],
    ["contrast_more", "More contrast", ["8"], by("contrast", 1.1, 0.2, 4)],
    ["gamma_less", "Deepen the shadows", ["9"], by("gamma", 1 / 1.1, 0.2, 4)],
    ["gamma_more", "Lift the shadows", ["0"], by("gamma", 1.1, 0.2, 4)],
    ["picture_reset", "As the photo is", ["Shift+0"], (w) => w.set(AS_IT_IS)],
  ]),
  ...section("Face", [
    ["accept", "Accept the face and go on", ["Mod+Enter", "Shift+Enter"], tell("accept")],
    ["reject", "Reject: not to be labelled", ["Shift+R"], ask("reject", "Why is this face rejected?", true)],
    ["skip", "Skip for now", ["Shift+S"], tell("skip")],
    ["flag", "Flag with a note", ["Shift+F"], ask("flag", "What should be looked at?", true)],
    ["review", "Reviewed: it is right", ["Shift+V"], tell("review")],
    ["return", "Return with a comment", ["Shift+B"], ask("return", "What is to be done again?", false)],
    ["comment", "Comment, pinned to the point", ["Shift+C"], ask("comment", "Comment", false)],
    ["note", "Note about the face", ["Shift+I"], askNote],
    ["next_face", "Next face", ["PageDown", "Shift+N"], tell("next")],
    ["previous_face", "Previous face", ["PageUp", "Shift+P"], tell("previous")],
    ["other_face", "Another face of this photo", ["o"], openOther],
    ["predict", "Predict this face again", ["Shift+Q"], tell("predict")],
    ["remove_face", "Take this face away", ["Shift+Delete"], ask("remove_face", "Take this face away? Say why.", true)],
    ...ATTRIBUTES.map((name, i) => [
      `attribute_${name}`,
      `Attribute: ${name.replace("_", "-")}`,
      [`Alt+${i + 1}`],
      (w) => toggleAttribute(w, name),
    ]),
  ]),
  ...section("Edit", [
    ["undo", "Undo", ["Mod+z", "u"], undo],
    ["redo", "Redo", ["Mod+Shift+z", "Mod+y", "Shift+U"], redo],
    ["help", "Shortcuts", ["?"], (w) => w.help.toggle()],
  ]),
];

// Keys as keyOf writes them: letters are small, Shift is said.
function section(name, rows) {
  return rows.map(([id, title, keys, run, row = title]) => ({
    id,
    section: name,
    title,
    row,
    keys: keys.map((key) => key.replace(/Shift\+([A-Z])$/, (_, letter) => `Shift+${letter.toLowerCase()}`)),
    run,
  }));
}
