// What part of the photo and which points are seen.

/** Show the whole photo, the face alone, or the surroundings of the active point. */
export function showPart(w, part) {
  if (part === "point") {
    const p = w.document.xy[w.active];
    if (!p) return w.say("Select a point first");
    const reach = Math.max(12, 4 * (w.spacing || 10));
    return w.view.fitBox([p[0] - reach, p[1] - reach, p[0] + reach, p[1] + reach], 0);
  }
  w.set({ start: part });
  return w.startView();
}

/** Show the group of the active point alone, or all groups again. */
export function isolate(w) {
  if (w.hidden.size) {
    w.hidden.clear();
    w.say("All groups are shown");
  } else if (w.active >= 0) {
    const group = w.groupOf[w.active];
    for (const name of w.groupOf) if (name !== group) w.hidden.add(name);
    w.say(`Only ${group} is shown`);
  } else w.say("Select a point first");
  dropHidden(w);
}

export function hideGroup(w) {
  if (w.active < 0) return w.say("Select a point first");
  const group = w.groupOf[w.active];
  toggleGroup(w, group);
  return w.say(`${group} is hidden`);
}

export function toggleGroup(w, name) {
  if (!w.hidden.delete(name)) w.hidden.add(name);
  dropHidden(w);
}

// What is not seen must not be moved with a selection.
function dropHidden(w) {
  const kept = [...w.selection].filter(w.shown);
  w.select(kept, { active: w.active >= 0 && w.shown(w.active) ? w.active : -1, quiet: true });
}

/** Give up what is under way: a gesture, an open question, a tool, the selection, in this order.
 * With nothing to give up, Tab leaves the photo once. */
export function escape(w) {
  if (w.pointer.cancel()) return w.say("Taken back", { quiet: true });
  if (w.tool !== "move") return w.setTool("move");
  if (w.selection.size || w.active >= 0) return w.select([]);
  w.tabLeaves = true;
  return w.say("Tab now leaves the photo", { quiet: true });
}
