// The scheme studio in a host: anywidget's `render({model, el})` or Panel's `render({model})`.

import { h, takeKeys } from "./dom.js";
import { Studio } from "./studio_app.js";
import { hostOf, StudioLink } from "./studio_link.js";
import themeStyles from "./theme.css";
import studioStyles from "./studio.css";
import menuStyles from "./studio_menus.css";
import previewStyles from "./studio_previews.css";
import stageStyles from "./studio_stage.css";

function render({ model, el }) {
  const ending = new AbortController();
  const root = h("div.lk-root.lk-studio", { tabindex: "0", "data-lm-suppress-shortcuts": "true", role: "application", "aria-label": "Scheme studio" });
  const style = h("style");
  style.textContent = [themeStyles, studioStyles, stageStyles, menuStyles, previewStyles].join("\n");
  root.append(style);
  root.studio = new Studio(root, new StudioLink(hostOf(model), ending.signal), ending.signal);
  const end = () => ending.abort();
  if (typeof model.save_changes === "function") {
    root.classList.add("lk-studio-cell"); // a notebook's output has no height of its own
    el.append(root);
    return end;
  }
  model.on("remove", end);
  requestAnimationFrame(() => takeKeys(root)); // by then it is in the page
  return root;
}

export default { render };
