// What is decided about the face as a whole.

/** Undo or redo the last edit, and say which. */
export function undo(w) {
  w.pointer.cancel();
  const edit = w.document.undo();
  w.say(edit ? `Undone: ${edit.label}` : "There is nothing to undo");
}

export function redo(w) {
  w.pointer.cancel();
  const edit = w.document.redo();
  w.say(edit ? `Redone: ${edit.label}` : "There is nothing to redo");
}

export function toggleAttribute(w, name) {
  const value = w.document.attributes[name] ? 0 : 1;
  w.document.edit(`${name.replace("_", "-")} ${value ? "yes" : "no"}`, { attributes: { [name]: value } });
  w.say(`${name.replace("_", "-")}: ${value ? "yes" : "no"}`);
}

export function setNote(w, note) {
  if (note !== w.document.note) w.document.edit("note", { note });
}

/** Ask for a text, then tell the host. A comment or a return is pinned to the active point. */
export async function tellWithText(w, name, question, optional = false) {
  const point = w.active >= 0 ? w.nameOf(w.active) : null;
  const pinned = name === "comment" || name === "return";
  const text = await w.ask({
    question: pinned && point ? `${question} (${point})` : question,
    optional,
    confirm: { reject: "Reject", flag: "Flag", return: "Return", remove_face: "Take away" }[name] ?? "Add",
  });
  if (text === null) return;
  w.command(name, { text, point: pinned ? point : null });
}

export async function askNote(w) {
  const note = await w.ask({ question: "Note about this face", optional: true, value: w.document.note, confirm: "Keep" });
  if (note !== null) setNote(w, note);
}

/** Open the next of the photo's other faces. */
export function openOther(w) {
  const [other] = w.face.others;
  if (other) w.command("open", { target: other.key });
  else w.say("There is no other face in this photo");
}
