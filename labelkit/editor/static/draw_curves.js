// The scheme's curves over the photo: smooth paths through their points. While some of the points
// are moved, only the pieces that bend with them are drawn anew.

/** Draw the curves of a scene of drawOverlay. */
export function drawCurves(ctx, scene) {
  const { face, colours, settings, tool, curveOfActive } = scene;
  const plain = settings.colour === "uncertainty" && face.cov; // a curve has no one uncertainty
  for (const curve of face.scheme.curves) {
    const way = wayOf(curve, scene);
    if (!way.pieces.length) continue;
    ctx.beginPath();
    smoothPath(ctx, way);
    ctx.lineWidth = 2.5;
    ctx.strokeStyle = "rgba(8, 10, 14, 0.35)";
    ctx.stroke();
    ctx.lineWidth = tool === "slide" && curve === curveOfActive ? 2 : 1;
    ctx.strokeStyle = plain ? "rgba(255, 255, 255, 0.6)" : colours[curve.points[0]];
    ctx.stroke();
  }
}

// Where a curve goes: `points`, those of it that are seen; `place(k)`, where the k-th of them lies,
// going on round a closed curve and staying at the ends of an open one; `pieces`, the k from which
// a piece to k + 1 belongs to the part that is drawn.
function wayOf(curve, { seen, at, part, movers }) {
  const points = curve.points.filter((i) => seen(i) && at(i));
  const n = points.length;
  const point = (k) => points[curve.closed ? (k + n) % n : Math.min(n - 1, Math.max(0, k))];
  const moves = (k) => reaches(k).some((j) => movers.has(point(j)));
  const all = n < 2 ? [] : Array.from({ length: curve.closed ? n : n - 1 }, (_, k) => k);
  const pieces = part === "all" ? all : all.filter((k) => moves(k) === (part === "moving"));
  return { place: (k) => at(point(k)), point, pieces };
}

// A piece bends with its ends and with those before and after them.
function reaches(k) {
  return [k - 1, k, k + 1, k + 2];
}

/** The indices of all points that the moving pieces of the curves go by. */
export function pointsOfMovingPieces(scene) {
  const found = new Set();
  for (const curve of scene.face.scheme.curves) {
    if (!curve.points.some((i) => scene.movers.has(i))) continue;
    const { point, pieces } = wayOf(curve, scene);
    for (const k of pieces) for (const j of reaches(k)) found.add(point(j));
  }
  return found;
}

// Cubic pieces with the tangents of Catmull and Rom.
function smoothPath(ctx, { place, pieces }) {
  let last = null;
  for (const k of pieces) {
    const [before, from, to, after] = reaches(k).map(place);
    if (last !== k - 1) ctx.moveTo(from[0], from[1]);
    ctx.bezierCurveTo(
      from[0] + (to[0] - before[0]) / 6,
      from[1] + (to[1] - before[1]) / 6,
      to[0] - (after[0] - from[0]) / 6,
      to[1] - (after[1] - from[1]) / 6,
      to[0],
      to[1],
    );
    last = k;
  }
}
