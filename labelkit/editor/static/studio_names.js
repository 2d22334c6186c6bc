// Names of points: exchanged between left and right, and free ones for new points.

const SIDE_WORD = /(?<![a-z])(left|right)(?![a-z])/gi;

/** A name or sentence with left and right exchanged, in the letters' own case (as
 * labelkit.scheme.symmetry.mirrored_text). */
export function mirroredText(text) {
  return text.replace(SIDE_WORD, (word) => {
    const other = word.toLowerCase() === "left" ? "right" : "left";
    if (word === word.toUpperCase()) return other.toUpperCase();
    return word[0] === word[0].toUpperCase() ? other[0].toUpperCase() + other.slice(1) : other;
  });
}

/** The first of `base_1`, `base_2`, .. that is not taken. */
export function freeName(base, taken) {
  let number = 1;
  while (taken.has(`${base}_${number}`)) number += 1;
  return `${base}_${number}`;
}

/** A name for a partner that is not taken. */
export function partnerName(name, taken) {
  const mirrored = mirroredText(name);
  if (!taken.has(mirrored)) return mirrored;
  return taken.has(`${name}_mirrored`) ? freeName(`${name}_mirrored`, taken) : `${name}_mirrored`;
}

/** Which half of the face x lies on: the person's right is the left of the picture. */
export function sideOf(x) {
  if (x === 0) return "";
  return x < 0 ? "right" : "left";
}
