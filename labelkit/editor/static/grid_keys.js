// What keys do in the grid of many faces: the grid acts by this table, and the documentation shows it.

/** [{keys, act, text}]: keys as `gridKey` writes them. */
export const GRID_KEYS = [
  { keys: ["a"], act: "accept", text: "Accept the selected faces, else the current one" },
  { keys: ["Shift+a"], act: "acceptAll", text: "Accept all of this page that are not decided, and go on" },
  { keys: ["r"], act: "reject", text: "Reject" },
  { keys: ["f"], act: "flag", text: "Flag" },
  { keys: ["u", "Mod+z"], act: "undo", text: "Undo" },
  { keys: ["e"], act: "enlarge", text: "Enlarge the current face, or all again" },
  { keys: ["Enter"], act: "open", text: "Open in the editor" },
  { keys: ["Space"], act: "toggle", text: "Select, or take from the selection" },
  { keys: ["Mod+a"], act: "selectAll", text: "Select all that are not decided" },
  { keys: ["Escape"], act: "escape", text: "Give up, select nothing" },
  { keys: ["ArrowLeft"], act: "left", text: "Face to the left" },
  { keys: ["ArrowRight"], act: "right", text: "Face to the right" },
  { keys: ["ArrowUp"], act: "up", text: "Face above" },
  { keys: ["ArrowDown"], act: "down", text: "Face below" },
  { keys: ["Home"], act: "first", text: "First face of the page" },
  { keys: ["End"], act: "last", text: "Last face of the page" },
  { keys: ["n", "PageDown"], act: "next", text: "Next page" },
  { keys: ["p", "PageUp"], act: "previous", text: "Previous page" },
];

const ACTS = Object.fromEntries(GRID_KEYS.flatMap(({ keys, act }) => keys.map((key) => [key, act])));

/** The name of what a press does, undefined for nothing. */
export function gridAct(event) {
  if (event.altKey) return undefined;
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return ACTS[`Mod+${key}`];
  return (event.shiftKey && ACTS[`Shift+${key}`]) || ACTS[key];
}
