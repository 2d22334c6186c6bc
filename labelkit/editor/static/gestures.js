// What a pressed pointer does until it is released. Each gesture is {move(screen, event), end(),
// cancel()}; `screen` is a place of the stage. Gestures change the face through a Gesture of
// its document, so each becomes one undo step, and say nothing before the pointer has really moved.

import { applySimilarity, distance, insideBox, insidePolygon, orderedBox, turnAbout } from "./geometry.js";
import { Arc } from "./curves.js";
import { followers, spreads } from "./elastic.js";

const SLACK = 2;
const FINE = 0.2;
const LEAST_BOX = 4; // px of the photo: less is a slip

// A gesture that moves points from where it was pressed: `begin` gives the change of the document
// as soon as the pointer has really moved, `follow(change, screen, event)` moves them.
function movePoints(editor, start, begin, follow) {
  let change = null;
  return {
    move(screen, event) {
      if (!change && distance(screen, start) < SLACK) return;
      change ??= begin();
      follow(change, screen, event);
      change.shown();
    },
    end() {
      change?.finish();
      editor.stopMoving();
    },
    cancel() {
      change?.cancel();
      editor.stopMoving();
    },
  };
}

/** Drag one point. With Shift it moves a fifth as far; with Alt the neighbours do the opposite of
 * what the elastic switch says. */
export function dragPoint(editor, i, start, pressed) {
  const { document, view } = editor;
  const origin = document.xy[i];
  const at = view.toScreen(origin);
  const path = new FinePath(start);
  const elastic = editor.settings.elastic !== pressed.altKey;
  let pulled = [];
  const begin = () => {
    pulled = elastic ? elasticFollowers(editor, [i]) : [];
    editor.startMoving(i, pulled, [i, ...pulled.map(({ index }) => index)]);
    return document.begin(`drag ${editor.nameOf(i)}`);
  };
  return movePoints(editor, start, begin, (change, screen, event) => {
    path.follow(screen, event.shiftKey);
    const place = view.toImage([at[0] + path.dx, at[1] + path.dy]);
    change.place(i, place);
    const [dx, dy] = [place[0] - origin[0], place[1] - origin[1]];
    for (const { index, weight, from } of pulled) {
      change.set("xy", index, [from[0] + weight * dx, from[1] + weight * dy]);
    }
  });
}

/** The points that follow `dragged`, with where they are now. Hidden points stay: what is not
 * seen must not move. */
export function elasticFollowers(editor, dragged) {
  const { document, face } = editor;
  return followers({
    plane: face.scheme.points.map((point) => [point.x, point.y]),
    dragged,
    fixed: (j) => !document.xy[j] || document.isFixed(j) || !editor.shown(j),
    spread: spreads(face.cov),
    reach: editor.settings.reach,
    curves: face.scheme.curves,
  }).map((follower) => ({ ...follower, from: document.xy[follower.index] }));
}

/** Slide a point along its curve, between its neighbours on it. */
export function slidePoint(editor, i, curve, start) {
  const { document, view } = editor;
  const points = curve.points.filter((j) => document.xy[j]);
  const arc = new Arc(points.map((j) => document.xy[j]), curve.closed);
  const k = points.indexOf(i);
  const before = arc.closed && k === 0 ? arc.knots.at(-2) - arc.length : arc.knots[Math.max(0, k - 1)];
  const after = arc.knots[Math.min(arc.knots.length - 1, k + 1)];
  const gap = 0.05 * (after - before);
  const at = view.toScreen(document.xy[i]);
  const begin = () => {
    editor.startMoving(i, [], [i]);
    return document.begin(`slide ${editor.nameOf(i)}`);
  };
  return movePoints(editor, start, begin, (change, screen) => {
    const wanted = view.toImage([at[0] + screen[0] - start[0], at[1] + screen[1] - start[1]]);
    change.place(i, arc.at(arc.nearest(wanted, before + gap, after - gap)));
  });
}

const HANDLE_DEEDS = { move: "move", rotate: "turn", scale: "scale" };

/** Move, turn or scale the selected points by a handle of their frame. */
export function dragHandle(editor, handle, start) {
  const { document, view } = editor;
  const moved = [...editor.selection].filter((i) => document.xy[i] && !document.locked[i]);
  const from = moved.map((i) => view.toScreen(document.xy[i]));
  const frame = editor.frame;
  const centre = [(frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2];
  const begin = () => {
    editor.startMoving(-1, [], moved);
    return document.begin(`${HANDLE_DEEDS[handle.name]} ${moved.length} points`);
  };
  return movePoints(editor, start, begin, (change, screen, event) => {
    const turn = handleMap(handle.name, centre, start, screen, event.shiftKey);
    moved.forEach((i, k) => change.place(i, view.toImage(applySimilarity(turn, from[k]))));
  });
}

// With Shift a turn goes by steps of 5 degrees and a move along one axis.
function handleMap(name, centre, start, screen, straight) {
  if (name === "move") {
    let [dx, dy] = [screen[0] - start[0], screen[1] - start[1]];
    if (straight && Math.abs(dx) > Math.abs(dy)) dy = 0;
    else if (straight) dx = 0;
    return { a: 1, b: 0, tx: dx, ty: dy };
  }
  if (name === "scale") {
    const factor = distance(screen, centre) / Math.max(1, distance(start, centre));
    return turnAbout(centre, 0, Math.max(0.05, factor));
  }
  const direction = ([x, y]) => Math.atan2(y - centre[1], x - centre[0]);
  const step = Math.PI / 36;
  const angle = direction(screen) - direction(start);
  return turnAbout(centre, straight ? Math.round(angle / step) * step : angle, 1);
}

/** Select by a box or a lasso; with Shift what was selected stays. */
export function rubberBand(editor, kind, start, pressed) {
  const kept = pressed.shiftKey ? [...editor.selection] : [];
  const path = [start];
  const inside = (screen) => {
    if (kind === "lasso") return insidePolygon(screen, path);
    return insideBox(screen, orderedBox(start, path.at(-1)));
  };
  const outline = () => {
    if (kind === "lasso") return path;
    const [x0, y0, x1, y1] = orderedBox(start, path.at(-1));
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  };
  return {
    move(screen, event) {
      const events = kind === "lasso" ? (event.getCoalescedEvents?.() ?? []) : [];
      for (const one of events) path.push(editor.screenOf(one));
      path.push(screen);
      editor.rubber = outline();
      const caught = editor.presentShown().filter((i) => inside(editor.view.toScreen(editor.document.xy[i])));
      editor.select([...kept, ...caught], { quiet: true });
    },
    end() {
      editor.rubber = null;
      if (path.length === 1 && !pressed.shiftKey) editor.select([]);
      else editor.select([...editor.selection]);
    },
    cancel() {
      editor.rubber = null;
      editor.select(kept);
    },
  };
}

export function panView(editor, start) {
  let last = start;
  return {
    cursor: "grabbing",
    move(screen) {
      editor.view.panBy(screen[0] - last[0], screen[1] - last[1]);
      last = screen;
    },
    end() {},
    cancel() {},
  };
}

/** Change the face's box by an edge, a corner or its middle, or draw a new one. */
export function dragBox(editor, part, start) {
  const { document, view } = editor;
  const origin = document.box;
  let change = null;
  return {
    move(screen) {
      if (!change && distance(screen, start) < SLACK) return;
      change ??= document.begin(part ? "change the face box" : "draw the face box");
      const [p, q] = [view.toImage(start), view.toImage(screen)];
      if (!part) change.setBox(orderedBox(p, q));
      else change.setBox(movedBox(origin, part, [q[0] - p[0], q[1] - p[1]]));
      change.shown();
    },
    end() {
      const [x0, y0, x1, y1] = document.box ?? [0, 0, 0, 0];
      if (x1 - x0 < LEAST_BOX || y1 - y0 < LEAST_BOX) change?.cancel();
      else change?.finish();
    },
    cancel() {
      change?.cancel();
    },
  };
}

function movedBox(box, part, [dx, dy]) {
  const moved = [...box];
  const all = part.name === "inside";
  for (const edge of all ? [0, 2] : [part.x]) if (edge !== null) moved[edge] += dx;
  for (const edge of all ? [1, 3] : [part.y]) if (edge !== null) moved[edge] += dy;
  return orderedBox([moved[0], moved[1]], [moved[2], moved[3]]);
}

/** One click puts a box of the usual size on a missed face, a drag draws it. */
export function addFace(editor, start) {
  let end = start;
  return {
    move(screen) {
      end = screen;
      const [x0, y0, x1, y1] = orderedBox(start, end);
      editor.rubber = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
      editor.redraw("overlay");
    },
    end() {
      editor.rubber = null;
      const [p, q] = [editor.view.toImage(start), editor.view.toImage(end)];
      editor.addFace(distance(start, end) < 8 ? usualBox(editor, p) : orderedBox(p, q));
    },
    cancel() {
      editor.rubber = null;
      editor.redraw("overlay");
    },
  };
}

function usualBox(editor, [x, y]) {
  const boxes = [editor.document.box, ...editor.face.others.map((other) => other.box)].filter(Boolean);
  const sizes = boxes.map((b) => Math.max(b[2] - b[0], b[3] - b[1])).sort((a, b) => a - b);
  const { width, height } = editor.view.image;
  const half = (sizes[sizes.length >> 1] ?? Math.min(width, height) / 4) / 2;
  return [x - half, y - half, x + half, y + half];
}

// The way of the pointer, with Shift at a fifth of its speed.
class FinePath {
  constructor(start) {
    this.last = start;
    this.dx = 0;
    this.dy = 0;
  }

  follow(screen, fine) {
    const speed = fine ? FINE : 1;
    this.dx += (screen[0] - this.last[0]) * speed;
    this.dy += (screen[1] - this.last[1]) * speed;
    this.last = screen;
  }
}
