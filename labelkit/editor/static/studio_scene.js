// What drawPlane and the previews need to know of a studio, at the moment of a frame.

export function sceneOfStudio(studio, dpr) {
  const { draft, settings } = studio;
  const { state } = draft;
  return {
    view: studio.view,
    dpr,
    state,
    byId: new Map(state.points.map((point) => [point.id, point])),
    colours: studio.colours,
    selection: studio.selection,
    hover: studio.hover,
    partners: settings.mirroring ? partnersOf(studio.selection, state) : new Set(),
    wrong: studio.wrong ?? new Set(),
    ghosts: studio.shownGhosts(),
    backdrop: studio.backdrops[studio.backdropIndex]?.bitmap,
    reach: studio.reach,
    opacity: settings.opacity,
    heat: settings.heat && studio.heat?.wander ? studio.heat : null,
    mirroring: settings.mirroring,
    names: settings.names,
    sketch: studio.sketch,
    rubber: studio.rubber,
    snap: studio.snap,
    look: lookOfStudio(studio),
  };
}

function partnersOf(selection, state) {
  const partners = new Set();
  for (const id of selection) {
    const partner = state.partner.get(id);
    if (partner !== undefined && partner !== id) partners.add(partner);
  }
  return partners;
}

// The theme's colours, read anew only when the theme has changed.
function lookOfStudio(studio) {
  const { theme } = studio.root.dataset;
  if (studio.looked?.theme !== theme) studio.looked = readLook(getComputedStyle(studio.root), theme);
  return studio.looked;
}

function readLook(style, theme) {
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    theme,
    stage: read("--lk-stage"),
    accent: read("--lk-accent"),
    line: read("--lk-text-3"),
    bad: read("--lk-bad"),
    ghost: theme === "dark" ? "rgba(255, 255, 255, 0.75)" : "rgba(20, 24, 34, 0.7)",
    sketch: "#ffffff",
    rubber: "rgba(80, 130, 255, 0.16)",
    font: style.fontFamily,
  };
}
