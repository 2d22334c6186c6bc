// What drawOverlay needs to know of a workspace, at the moment of a frame.

import { PREDICTED } from "./document.js";

/** `part` as in drawOverlay. */
export function sceneOf(w, part) {
  const { document, face, settings } = w;
  const before = settings.compare === "before" && face?.predicted;
  return {
    part,
    movers: w.movers,
    dpr: w.dpr,
    view: w.view,
    settings,
    font: w.font,
    face,
    places: before ? face.predicted : (document?.xy ?? []),
    state: before ? document.state.map(() => PREDICTED) : document?.state,
    visibility: document?.visibility,
    locked: document?.locked ?? [],
    box: document?.box,
    others: face?.others ?? [],
    comments: face?.comments ?? [],
    radius: w.radius,
    colours: w.colours,
    shown: w.shown,
    selection: w.selection,
    active: w.active,
    hover: w.hover,
    followers: w.followers,
    frame: w.frame,
    rubber: w.rubber,
    tool: w.tool,
    curveOfActive: face?.scheme.curves.find((curve) => curve.points.includes(w.active)),
  };
}
