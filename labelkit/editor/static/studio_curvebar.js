// What the curve tool asks: a name, how many points.

import { h, setText } from "./dom.js";

const MOST = 200;

export function buildCurveBar(studio) {
  const name = h("input", { type: "text", placeholder: "name of the curve", "aria-label": "Name of the new curve", maxlength: "60" });
  const count = h("input", { type: "number", min: "2", max: String(MOST), "aria-label": "How many points" });
  const hint = h("span.lk-studio-dim");
  const done = h("button.lk-button.lk-primary", { type: "button", onclick: () => studio.tools.finishCurve() }, "Done");
  const element = h("div.lk-studio-context", { hidden: true }, name, h("label", {}, count, " points"), done, hint);

  name.addEventListener("input", () => {
    studio.curveName = name.value;
  });
  count.addEventListener("input", () => {
    const wanted = Math.round(Number(count.value));
    if (!(wanted >= 2 && wanted <= MOST)) return;
    studio.set("count", wanted);
    if (studio.sketch) studio.sketch.count = wanted;
    studio.redraw();
  });
  element.addEventListener("keydown", (event) => {
    if (event.target === done) return;
    event.stopPropagation();
    if (event.key === "Enter") studio.tools.finishCurve();
    if (event.key === "Escape" || event.key === "Enter") studio.root.focus({ preventScroll: true });
  });

  function update() {
    const drawn = studio.sketch?.control.length ?? 0;
    element.hidden = studio.tool !== "curve";
    if (studio.root.getRootNode().activeElement !== name) name.value = studio.curveName;
    count.value = String(studio.sketch?.count ?? studio.settings.count);
    done.disabled = drawn < 2;
    setText(
      hint,
      drawn
        ? "Enter ends, Backspace takes back, Esc drops"
        : "Click along the curve; click the first place again to close it",
    );
  }

  return { element, update };
}
