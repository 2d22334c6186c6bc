// The studio's shortcuts, and the list of them that "?" shows.

const STEP = 0.002; // of the plane; the eye corners are 0.76 apart

export const SHORTCUTS = [
  { keys: ["V"], text: "select and move" },
  { keys: ["A"], text: "add points" },
  { keys: ["C"], text: "draw a curve: click along it, Enter ends, Backspace takes back" },
  { keys: ["M"], text: "mirror while drawing, on and off" },
  { keys: ["S"], text: "snap to ghosts, on and off; Alt while dragging: freely" },
  { keys: ["N"], text: "names of all points" },
  { keys: ["H"], text: "ambiguity map" },
  { keys: ["B"], text: "next backdrop" },
  { keys: ["←", "→", "↑", "↓"], text: "nudge; with Shift ten times, with Alt a tenth" },
  { keys: ["Tab"], text: "next point; with Shift the one before (on the plane)" },
  { keys: ["Del"], text: "delete the selected points" },
  { keys: ["Ctrl", "A"], text: "select all" },
  { keys: ["Ctrl", "Z"], text: "undo; with Shift, or Ctrl Y: redo" },
  { keys: ["Ctrl", "S"], text: "save" },
  { keys: ["Ctrl", "E"], text: "export as JSON" },
  { keys: ["0"], text: "the whole plane; + and − zoom" },
  { keys: ["wheel"], text: "zoom to the pointer; Space or right button and drag: pan" },
  { keys: ["Shift", "click"], text: "add to the selection, or take from it" },
  { keys: ["Esc"], text: "drop what is being drawn, or the selection" },
];

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function listenToKeys(studio, signal) {
  const { root } = studio;
  root.addEventListener("keydown", (event) => pressed(studio, event), { signal });
  root.addEventListener(
    "keyup",
    (event) => {
      if (event.key === " ") studio.spacebar = false;
    },
    { signal },
  );
}

function pressed(studio, event) {
  const target = event.composedPath()[0];
  if (studio.dialog.open) {
    event.stopPropagation();
    return;
  }
  if (["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return;
  const onButton = ["BUTTON", "SUMMARY"].includes(target.tagName);
  if (onButton && ["Enter", " ", "Tab"].includes(event.key)) return;
  if (!(event.ctrlKey || event.metaKey ? control(studio, event) : plain(studio, event))) return;
  event.preventDefault();
  event.stopPropagation();
}

function control(studio, event) {
  switch (event.key.toLowerCase()) {
    case "z":
      if (event.shiftKey) studio.redo();
      else studio.undo();
      return true;
    case "y":
      studio.redo();
      return true;
    case "a":
      studio.select(studio.draft.state.points.map(({ id }) => id));
      return true;
    case "s":
      studio.save();
      return true;
    case "e":
      studio.exportFile();
      return true;
    default:
      return false;
  }
}

function plain(studio, event) {
  if (event.key in ARROWS) {
    const [dx, dy] = ARROWS[event.key];
    const step = STEP * (event.shiftKey ? 10 : event.altKey ? 0.1 : 1);
    studio.nudge(dx * step, dy * step);
    return true;
  }
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return false;
  return action(studio, event) !== false;
}

const ACTIONS = {
  v: (studio) => studio.useTool("select"),
  a: (studio) => studio.useTool("add"),
  c: (studio) => studio.useTool("curve"),
  m: (studio) => studio.set("mirroring", !studio.settings.mirroring),
  s: (studio) => studio.set("snapping", !studio.settings.snapping),
  n: (studio) => studio.set("names", !studio.settings.names),
  h: (studio) => studio.toggleHeat(),
  b: (studio) => studio.nextBackdrop(),
  0: (studio) => studio.zoomHome(),
  "+": (studio) => studio.zoomBy(1.25),
  "=": (studio) => studio.zoomBy(1.25),
  "-": (studio) => studio.zoomBy(0.8),
  "?": (studio) => studio.help(),
  " ": (studio) => {
    studio.spacebar = true;
  },
  // Only where there is something to step through: else Tab goes on to the next element.
  Tab: (studio, event) => (studio.selection.size ? studio.stepSelection(event.shiftKey ? -1 : 1) : false),
  Delete: (studio) => studio.removeSelected(),
  Backspace: (studio) => (studio.sketch ? studio.tools.dropControl() : studio.removeSelected()),
  Enter: (studio) => studio.tools.finishCurve(),
  Escape: (studio) => studio.escape(),
};
