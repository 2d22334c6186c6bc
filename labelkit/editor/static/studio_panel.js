// Beside the plane: the selected points' fields, the list of all points, curves, normalizers, the
// scheme's own texts, and what is wrong. Text from schemes only ever becomes textContent or a value.

import { h, setText } from "./dom.js";
import { unmirrored } from "./studio_draft.js";
import { describePoints, movePoints, setCurves, setMeta, setNormalizers, shiftPoint } from "./studio_edit.js";
import { wanderAt, wanderWord } from "./studio_heat.js";

export function buildPanel(studio) {
  const parts = [selectionPart(studio), pointsPart(studio), curvesPart(studio), normalizersPart(studio), metaPart(studio)];
  const element = h("aside.lk-studio-panel", { "aria-label": "Points and their texts" }, ...parts.map((part) => part.element));
  return {
    element,
    update() {
      for (const part of parts) part.update();
    },
  };
}

/** A labelled field that tells a change when it is left or Enter is pressed. */
function field(label, input, heard) {
  input.addEventListener("change", () => heard(input.value));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation(); // shortcuts are for the plane
    const ends = event.key === "Escape" || (event.key === "Enter" && input.tagName !== "TEXTAREA");
    // Back to the plane, where shortcuts are heard; leaving the field is what tells the change.
    if (ends) input.closest(".lk-studio").focus({ preventScroll: true });
  });
  return h("label.lk-studio-field", {}, label, input);
}

// A field is not written over while somebody types in it.
function show(input, value, mixed = "") {
  const root = input.getRootNode();
  if (root.activeElement === input) return;
  if (input.value !== value) input.value = value;
  input.placeholder = mixed;
}

function selectionPart(studio) {
  const title = h("h2", {}, "Selection");
  const name = h("input", { type: "text", maxlength: "100", spellcheck: "false" });
  const group = h("input", { type: "text", maxlength: "100", spellcheck: "false", list: `${studio.uid}-groups` });
  const groups = h("datalist", { id: `${studio.uid}-groups` });
  const definition = h("textarea", { rows: "3", maxlength: "500" });
  const x = h("input", { type: "number", step: "0.001" });
  const y = h("input", { type: "number", step: "0.001" });
  const facts = h("p.lk-studio-dim");
  const remove = h("button.lk-button", { type: "button", title: "Delete (Del)", onclick: () => studio.removeSelected() }, "Delete");
  const earlier = h("button.lk-button", { type: "button", title: "Earlier in the order", "aria-label": "Earlier in the order", onclick: () => shift(-1) }, "↑");
  const later = h("button.lk-button", { type: "button", title: "Later in the order", "aria-label": "Later in the order", onclick: () => shift(1) }, "↓");
  const chosen = () => studio.draft.state.points.filter(({ id }) => studio.selection.has(id));
  const describe = (key, label) => (value) => {
    const { state } = studio.draft;
    const points = chosen();
    if (!points.length || points.every((point) => point[key] === value)) return;
    const next = describePoints(state, points.map(({ id }) => id), { [key]: value }, studio.settings.mirroring);
    studio.draft.replace(next, label);
  };
  const shift = (step) => {
    const [point] = chosen();
    const next = shiftPoint(studio.draft.state, point.id, step);
    if (next !== studio.draft.state) studio.draft.replace(next, `order of ${point.name}`);
  };
  const place = () => {
    const [point] = chosen();
    const [px, py] = [Number(x.value), Number(y.value)];
    if (!point || x.value === "" || y.value === "" || !Number.isFinite(px + py)) return;
    if (px === point.x && py === point.y) return;
    const next = movePoints(studio.draft.state, new Map([[point.id, [px, py]]]), studio.settings.mirroring);
    studio.draft.replace(next, `place ${point.name}`);
  };
  const nameField = field("Name", name, describe("name", "rename"));
  const placeFields = h("div.lk-studio-pair", {}, field("x", x, place), field("y", y, place));
  const empty = h("p.lk-studio-dim", {}, "Nothing is selected. Click a point, drag a box, or add points with A.");
  const fields = h(
    "div.lk-studio-fields",
    {},
    nameField,
    field("Group", group, describe("group", "group")),
    field("Definition, one sentence for labellers", definition, (value) => describe("definition", "definition")(value.trim())),
    placeFields,
    facts,
    h("div.lk-studio-pair", {}, remove, earlier, later),
    groups,
  );
  let known = "";

  function update() {
    const points = chosen();
    empty.hidden = points.length > 0;
    fields.hidden = !points.length;
    const count = points.length > 1 ? `${points.length} points` : (points[0]?.name ?? "Selection");
    setText(title, count);
    if (!points.length) return;
    const common = (key) => (points.every((point) => point[key] === points[0][key]) ? points[0][key] : null);
    nameField.hidden = placeFields.hidden = points.length > 1;
    earlier.hidden = later.hidden = points.length > 1;
    show(name, points[0].name);
    show(group, common("group") ?? "", common("group") === null ? "several" : "");
    show(definition, common("definition") ?? "", common("definition") === null ? "several" : "");
    show(x, String(points[0].x));
    show(y, String(points[0].y));
    setText(facts, factsOf(studio, points));
    const names = [...new Set(studio.draft.state.points.map((point) => point.group).filter(Boolean))];
    if (names.join("\n") === known) return;
    known = names.join("\n");
    groups.replaceChildren(...names.map((value) => h("option", { value })));
  }

  return { element: h("section.lk-studio-part", { "aria-label": "Selection" }, title, empty, fields), update };
}

function factsOf(studio, points) {
  const facts = [];
  const { state } = studio.draft;
  if (points.length === 1) {
    const [point] = points;
    const partner = state.points.find(({ id }) => id === state.partner.get(point.id));
    if (partner === point) facts.push("on the midline");
    else facts.push(partner ? `mirrors ${partner.name}` : "no mirror image");
    const wander = studio.heat?.wander ? wanderAt(studio.heat, [point.x, point.y]) : null;
    if (wander !== null) facts.push(`wanders ${(100 * wander).toFixed(1)} % of the eye distance (${wanderWord(wander)})`);
  }
  return facts.join(" · ");
}

function pointsPart(studio) {
  const title = h("h2", {}, "Points");
  const filter = h("input", { type: "search", placeholder: "Find by name or group", "aria-label": "Find points" });
  const list = h("ul.lk-studio-list", { "aria-label": "All points" });
  filter.addEventListener("input", () => update());
  filter.addEventListener("keydown", (event) => event.stopPropagation());
  let shown = null;
  const rows = new Map();

  function rowOf(point) {
    const dot = h("span.lk-studio-dot", { "aria-hidden": "true" });
    const label = h("span.lk-studio-name");
    const mark = h("span.lk-studio-mark");
    const button = h(
      "button.lk-studio-point",
      {
        type: "button",
        onclick: (event) => (event.shiftKey || event.ctrlKey || event.metaKey ? studio.toggle(point.id) : studio.select([point.id])),
        onpointerenter: () => studio.hoverPoint(point.id),
        onpointerleave: () => studio.hoverPoint(null),
      },
      dot,
      label,
      mark,
    );
    return { element: h("li", {}, button), button, dot, label, mark };
  }

  function update() {
    const { state } = studio.draft;
    setText(title, `Points (${state.points.length})`);
    const wanted = filter.value.trim().toLowerCase();
    const points = state.points.filter(({ name, group }) => `${name} ${group}`.toLowerCase().includes(wanted));
    const order = points.map(({ id }) => id).join(" ");
    if (order !== shown) {
      shown = order;
      for (const point of points) if (!rows.has(point.id)) rows.set(point.id, rowOf(point));
      list.replaceChildren(...points.map(({ id }) => rows.get(id).element));
    }
    const lonely = new Set(studio.settings.mirroring ? unmirrored(state).map(({ point }) => point.id) : []);
    points.forEach((point) => {
      const row = rows.get(point.id);
      setText(row.label, point.name || "(no name)");
      const colour = studio.colours.get(point.id);
      if (row.colour !== colour) row.dot.style.background = row.colour = colour;
      const chosen = String(studio.selection.has(point.id));
      if (row.button.getAttribute("aria-pressed") !== chosen) row.button.setAttribute("aria-pressed", chosen);
      setText(row.mark, `${lonely.has(point.id) ? "⇋ " : ""}${point.definition ? "" : "…"}`);
      row.button.title = point.definition || "no definition yet";
    });
    const [first] = studio.selection;
    if (first !== undefined && first !== studio.revealed) rows.get(first)?.element.scrollIntoView({ block: "nearest" });
    studio.revealed = first;
  }

  return { element: h("section.lk-studio-part.lk-studio-points", { "aria-label": "Points" }, title, filter, list), update };
}

function curvesPart(studio) {
  const list = h("ul.lk-studio-list");
  const summary = h("summary", {}, "Curves");
  let shown = null;

  const change = (index, values, label) => {
    const curves = studio.draft.state.curves.map((curve, i) => (i === index ? { ...curve, ...values } : curve));
    studio.draft.replace(setCurves(studio.draft.state, curves), label);
  };
  const drop = (index) => {
    const curves = studio.draft.state.curves.filter((_, i) => i !== index);
    studio.draft.replace(setCurves(studio.draft.state, curves), "remove a curve");
  };

  function row(curve, index) {
    const name = h("input", { type: "text", maxlength: "100", "aria-label": "Name of the curve" });
    name.value = curve.name;
    name.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") studio.root.focus({ preventScroll: true });
    });
    name.addEventListener("change", () => change(index, { name: name.value }, "rename a curve"));
    const button = (label, title, heard) => h("button.lk-button.lk-quiet", { type: "button", title, "aria-label": title, onclick: heard }, label);
    return h(
      "li.lk-studio-line",
      {},
      name,
      h("span.lk-studio-dim", {}, `${curve.ids.length}${curve.closed ? ", closed" : ""}`),
      button("◎", "Select its points", () => studio.select(curve.ids)),
      button("⇥", "Spread its points evenly", () => studio.spreadCurve(index)),
      button("×", "Remove the curve; its points stay", () => drop(index)),
    );
  }

  function update() {
    const { curves } = studio.draft.state;
    if (curves === shown) return;
    shown = curves;
    setText(summary, `Curves (${curves.length})`);
    list.replaceChildren(...curves.map(row));
  }

  const hint = h("button.lk-button", { type: "button", onclick: () => studio.curveFromSelection() }, "Curve through the selected points");
  return { element: h("details.lk-studio-part", {}, summary, list, hint), update };
}

function normalizersPart(studio) {
  const list = h("ul.lk-studio-list");
  const summary = h("summary", {}, "Normalizers");
  let shown = null;
  const put = (normalizers, label) => studio.draft.replace(setNormalizers(studio.draft.state, normalizers), label);

  function row({ name, ends }, index) {
    const others = () => studio.draft.state.normalizers.filter((_, i) => i !== index);
    const drop = () => put(others(), `remove ${name}`);
    return h(
      "li.lk-studio-line",
      {},
      h("span.lk-studio-name", {}, name),
      h("span.lk-studio-dim", {}, `${ends[0].length} : ${ends[1].length} points`),
      h("button.lk-button.lk-quiet", { type: "button", title: "Select its points", "aria-label": "Select its points", onclick: () => studio.select(ends.flat()) }, "◎"),
      h("button.lk-button.lk-quiet", { type: "button", title: "Remove", "aria-label": `Remove ${name}`, onclick: drop }, "×"),
    );
  }

  // Errors are divided by the distance between the middles of the two sides.
  const make = (name) => {
    const chosen = studio.draft.state.points.filter(({ id }) => studio.selection.has(id));
    const right = chosen.filter(({ x }) => x < 0).map(({ id }) => id);
    const left = chosen.filter(({ x }) => x > 0).map(({ id }) => id);
    if (!right.length || !left.length) {
      studio.say("Select the points of both ends, one on each side of the midline (the outer eye corners, say)", "warn");
      return;
    }
    const kept = studio.draft.state.normalizers.filter((other) => other.name !== name);
    put([...kept, { name, ends: [right, left] }], `set ${name}`);
  };
  const button = (name, label) => h("button.lk-button", { type: "button", onclick: () => make(name) }, label);

  function update() {
    const { normalizers } = studio.draft.state;
    if (normalizers === shown) return;
    shown = normalizers;
    setText(summary, `Normalizers (${normalizers.length})`);
    list.replaceChildren(...normalizers.map(row));
  }

  const about = h("p.lk-studio-dim", {}, "The distance that errors are divided by. Select the points of both ends, then:");
  const buttons = h("div.lk-studio-pair", {}, button("inter_ocular", "Eye corners"), button("inter_pupil", "Pupils"));
  return { element: h("details.lk-studio-part", {}, summary, list, about, buttons), update };
}

function metaPart(studio) {
  const labels = { name: "Name (of its files)", title: "Title", version: "Version", description: "Description", source: "Source" };
  const inputs = Object.entries(labels).map(([key, label]) => {
    const input = key === "description" ? h("textarea", { rows: "3" }) : h("input", { type: "text", maxlength: "300" });
    const heard = (value) => {
      if (value !== studio.draft.state.meta[key]) studio.draft.replace(setMeta(studio.draft.state, { [key]: value }), key);
    };
    return [key, input, field(label, input, heard)];
  });

  function update() {
    for (const [key, input] of inputs) show(input, studio.draft.state.meta[key]);
  }

  return { element: h("details.lk-studio-part", {}, h("summary", {}, "Scheme"), ...inputs.map(([, , element]) => element)), update };
}
