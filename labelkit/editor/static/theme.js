// Light or dark: what the person chose, else what the host's page says, else the system.

/** Keep `data-theme` on a root up to date until `signal` ends; `chosen()` gives "auto", "light" or
 * "dark". Returns a function that looks again. */
export function followTheme(root, chosen, signal) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const choice = chosen();
    root.dataset.theme = choice === "auto" ? (hostTheme() ?? (dark.matches ? "dark" : "light")) : choice;
  };
  dark.addEventListener("change", apply, { signal });
  const observer = new MutationObserver(apply);
  const watched = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] };
  for (const element of [document.documentElement, document.body]) observer.observe(element, watched);
  signal.addEventListener("abort", () => observer.disconnect());
  apply();
  return apply;
}

// JupyterLab says data-jp-theme-light on the body; Panel data-theme or a class.
function hostTheme() {
  const { body, documentElement: html } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  for (const element of [html, body]) {
    if (["light", "dark"].includes(element.dataset.theme)) return element.dataset.theme;
    if (/(^|[\s-])dark([\s-]|$)/.test(element.className)) return "dark";
    if (/(^|[\s-])light([\s-]|$)/.test(element.className)) return "light";
  }
  return null;
}
