// The keyboard over the whole editor: every press that is a command's key runs it, unless a field
// wants it for itself.

import { COMMANDS } from "./commands.js";
import { keyOf } from "./keys.js";

const RUN = new Map(COMMANDS.map((command) => [command.id, command.run]));

// Keys that a focused control uses itself.
const OF_CONTROLS = new Set(["Enter", "Space", "Tab", "Shift+Tab"]);
const OF_SLIDERS = /^(Shift\+)?(Arrow|Page|Home|End)/;

/** Run a command by its id. */
export function run(workspace, id) {
  if (workspace.document || id === "help") RUN.get(id)?.(workspace);
}

/** Listen on `root`; `keymap` says which key is which command's. */
export function listenToKeys(root, workspace, keymap, signal) {
  root.addEventListener("keydown", (event) => pressed(event, root, workspace, keymap), { signal });
  root.addEventListener("keyup", (event) => released(event, workspace), { signal });
  root.addEventListener("focusout", () => holdSpace(workspace, false), { signal });
}

function pressed(event, root, workspace, keymap) {
  if (event.defaultPrevented || event.isComposing) return;
  const key = keyOf(event);
  const target = event.composedPath()[0];
  if (wants(target, key, root)) return;
  if (key === "Space" || key === "Shift+Space") {
    holdSpace(workspace, true);
    return taken(event);
  }
  const id = keymap.commandFor(key);
  if (!id) return;
  if (id.endsWith("_point") && event.key === "Tab" && workspace.tabLeaves) {
    workspace.tabLeaves = false;
    return;
  }
  if (id !== "escape") workspace.tabLeaves = false;
  taken(event);
  run(workspace, id);
}

// Neither the browser nor the host's page must act on it as well.
function taken(event) {
  event.preventDefault();
  event.stopPropagation();
}

function wants(target, key, root) {
  if (target === root) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  if (target.tagName === "INPUT") {
    return target.type === "range" || target.type === "checkbox" ? OF_SLIDERS.test(key) || OF_CONTROLS.has(key) : true;
  }
  return OF_CONTROLS.has(key);
}

function released(event, workspace) {
  if (event.key === " ") holdSpace(workspace, false);
}

function holdSpace(workspace, held) {
  workspace.pointer.spaceHeld = held;
  workspace.stage.overlay.style.cursor = held ? "grab" : "";
}
