// How a person likes the editor: kept in the browser, so that it is the same in every notebook and
// page of one origin. A browser that keeps nothing (private windows) still gets an editor.

const STORED = "labelkit.editor.settings";

export const DEFAULTS = {
  theme: "auto", // auto, light, dark
  start: "face", // what a face is shown with: face, photo
  points: true,
  names: false,
  curves: true,
  ellipses: false,
  probability: 0.86, // share of the spread that an ellipse holds
  box: false,
  colour: "group", // group, uncertainty
  compare: "after", // after, before, both
  size: 1, // factor on the points' size
  elastic: true,
  reach: 0.1, // of an elastic drag, in plane units (the outer eye corners are 0.76 apart)
  magnifier: true,
  magnify: 2.5, // times the zoom of the photo
  wheel: "auto", // auto, zoom, pan
  pixelated: true,
  side: true,
  brightness: 1,
  contrast: 1,
  gamma: 1,
};

/** A photo as it is. */
export const AS_IT_IS = { brightness: 1, contrast: 1, gamma: 1 };

// What belongs to one photo and is not remembered.
const PASSING = ["compare", ...Object.keys(AS_IT_IS)];

/** The defaults, what was kept, and what the host insists on, in this order. */
export function readSettings(given = {}) {
  return { ...DEFAULTS, ...known(readStored(STORED)), ...known(given) };
}

export function keepSettings(settings) {
  const kept = { ...settings };
  for (const name of PASSING) delete kept[name];
  writeStored(STORED, kept);
}

// A stored value of another type (an older version's, another program's) is left out.
function known(values) {
  return Object.fromEntries(
    Object.entries(values ?? {}).filter(([name, value]) => typeof value === typeof DEFAULTS[name]),
  );
}

export function readStored(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

export function writeStored(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Nothing is kept then: full, or forbidden by the browser.
  }
}
