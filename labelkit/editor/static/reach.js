// Selecting what belongs together.

/** Select the group of the active point. */
export function selectGroup(w) {
  if (w.active < 0) return w.say("Select a point first");
  const group = w.groupOf[w.active];
  return w.select(w.presentShown().filter((i) => w.groupOf[i] === group));
}

/** Select the curve of the active point. */
export function selectCurve(w) {
  const curve = w.face.scheme.curves.find(({ points }) => points.includes(w.active));
  if (!curve) return w.say(w.active < 0 ? "Select a point first" : "This point lies on no curve");
  return w.select(curve.points.filter((i) => w.document.xy[i] && w.shown(i)));
}
