// A page of photos with the boxes of their faces; one of them large on request.

const CSS = `
:host { display: block; }
.grid { display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
figure { margin: 0; border-radius: 10px; overflow: hidden; background: var(--lk-surface); border: 1px solid var(--lk-line);
  cursor: pointer; display: flex; flex-direction: column; }
figure:hover { border-color: var(--lk-strong); }
figure:focus-visible { outline: 2px solid var(--lk-accent); outline-offset: 2px; }
.frame { position: relative; aspect-ratio: 1; background: var(--lk-sunken); display: grid; place-items: center; }
.fit { position: relative; max-width: 100%; max-height: 100%; }
.fit img { display: block; width: 100%; height: 100%; }
svg.over { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
svg.over rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke: #56B4E9; }
svg.over rect.good { stroke: #2fbf8a; } svg.over rect.warn { stroke: #E69F00; } svg.over rect.bad { stroke: #f0746b; }
svg.over rect.under { stroke: rgb(0 0 0 / 55%); stroke-width: 4; }
figcaption { padding: 6px 9px 8px; font-size: 12px; display: flex; flex-direction: column; gap: 3px; align-items: flex-start; min-width: 0; }
figcaption .name { max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.chip { font-size: 11px; padding: 0 7px; border-radius: 99px; background: var(--lk-sunken); color: var(--lk-muted); white-space: nowrap; }
.chip.good { background: var(--lk-good-soft); color: var(--lk-good); } .chip.warn { background: var(--lk-warn-soft); color: var(--lk-warn); }
.chip.bad { background: var(--lk-bad-soft); color: var(--lk-bad); } .chip.accent { background: var(--lk-accent-soft); color: var(--lk-accent); }
.broken { color: var(--lk-muted); font-size: 12px; padding: 10px; text-align: center; }
.pager { display: flex; gap: 8px; align-items: center; justify-content: center; padding: 16px 0 4px; color: var(--lk-muted); }
button { font: 550 13px var(--lk-font); border: 1px solid var(--lk-strong); background: var(--lk-surface); color: var(--lk-text);
  border-radius: 8px; padding: 5px 12px; cursor: pointer; } button:disabled { opacity: .4; cursor: default; }
figcaption .foot { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; justify-content: space-between; align-self: stretch; min-height: 24px; }
figcaption button { font-size: 11px; padding: 2px 7px; border-radius: 7px; white-space: nowrap; }
button.primary { background: var(--lk-accent); color: var(--lk-on-accent); border-color: var(--lk-accent); }
input { font: 13px var(--lk-font); width: 64px; text-align: right; padding: 5px 8px; border-radius: 8px; border: 1px solid var(--lk-strong);
  background: var(--lk-surface); color: var(--lk-text); }
dialog { border: 0; padding: 0; border-radius: 14px; background: var(--lk-surface); color: var(--lk-text); max-width: 94vw; max-height: 94vh;
  box-shadow: 0 20px 80px rgb(0 0 0 / 45%); overflow: hidden; }
dialog::backdrop { background: rgb(8 12 18 / 72%); }
dialog .large { position: relative; background: #000; }
dialog .large img { display: block; max-width: 94vw; max-height: calc(94vh - 62px); min-width: 320px; }
dialog .bar { display: flex; gap: 10px; align-items: center; padding: 12px 16px; }
dialog .bar .name { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 80px; }
`

const NS = "http://www.w3.org/2000/svg"

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node && name !== "list") node[name] = value
    else node.setAttribute(name, value)
  }
  node.append(...children)
  return node
}

function boxes(item) {
  const over = document.createElementNS(NS, "svg")
  over.setAttribute("class", "over")
  over.setAttribute("viewBox", `-0.5 -0.5 ${item.width} ${item.height}`)
  over.setAttribute("preserveAspectRatio", "none")
  for (const under of [true, false]) {
    for (const [x0, y0, x1, y1, kind] of item.boxes) {
      const rect = document.createElementNS(NS, "rect")
      rect.setAttribute("class", under ? "under" : kind)
      rect.setAttribute("x", x0)
      rect.setAttribute("y", y0)
      rect.setAttribute("width", x1 - x0)
      rect.setAttribute("height", y1 - y0)
      rect.setAttribute("rx", Math.min(x1 - x0, y1 - y0) * 0.04)
      over.append(rect)
    }
  }
  return over
}

const picture = (item, side) => `/media/photo/${item.id}?side=${side}&v=${encodeURIComponent(item.version)}`

/** Opens the face of a photo in the editor; of one in which nobody was found, to draw a box there. */
function opener(model, item, done = () => {}) {
  const button = make("button", { textContent: item.vacant ? "Draw a face" : "Open in Review" })
  if (item.vacant) button.title = "Nobody was found here: draw a box around the face, and the model places the points"
  button.addEventListener("click", (event) => {
    event.stopPropagation()
    done()
    model.send_msg({ type: "open", face: item.face })
  })
  return button
}

function tile(model, item, open) {
  const frame = make("div", { className: "frame" })
  if (item.problem) frame.append(make("div", { className: "broken", textContent: item.problem }))
  else {
    const fit = make("div", { className: "fit" })
    // As wide and high as the photo is within the square.
    const wide = item.width >= item.height
    fit.style.width = wide ? "100%" : `${(100 * item.width) / item.height}%`
    fit.style.aspectRatio = `${item.width} / ${item.height}`
    const img = make("img", { src: picture(item, 320), alt: "", loading: "lazy", decoding: "async" })
    img.addEventListener("error", () => fit.replaceChildren(make("div", { className: "broken", textContent: "cannot be read" })))
    fit.append(img, boxes(item))
    frame.append(fit)
  }
  const caption = make("figcaption", {}, make("span", { className: "name", textContent: item.name, title: item.name }))
  const chip = item.chip ? [make("span", { className: `chip ${item.kind}`, textContent: item.chip })] : []
  if (item.vacant && !item.problem) caption.append(make("div", { className: "foot" }, ...chip, opener(model, item)))
  else caption.append(...chip)
  const figure = make("figure", { tabIndex: 0, role: "button", ariaLabel: `${item.name}, ${item.chip}` }, frame, caption)
  figure.dataset.id = item.id
  figure.addEventListener("click", open)
  figure.addEventListener("keydown", (event) => {
    if (event.target !== figure) return // the button has its own keys
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open() }
  })
  return figure
}

function lightbox(model, dialog, start) {
  let at = start
  const show = () => {
    const item = model.items[at]
    if (!item) return dialog.close()
    const large = make("div", { className: "large" })
    if (item.problem) large.append(make("div", { className: "broken", textContent: item.problem }))
    else large.append(make("img", { src: picture(item, 1600), alt: item.name }), boxes(item))
    const bar = make("div", { className: "bar" },
      make("span", { className: "name", textContent: item.name, title: item.name }),
      make("span", { className: `chip ${item.kind}`, textContent: item.chip }))
    const step = (by, label) => {
      const button = make("button", { textContent: label, disabled: !model.items[at + by], title: by < 0 ? "Previous (←)" : "Next (→)" })
      button.addEventListener("click", () => { at += by; show() })
      return button
    }
    bar.append(step(-1, "←"), step(1, "→"))
    if (item.face !== null) {
      const open = opener(model, item, () => dialog.close())
      open.className = "primary"
      large.addEventListener("dblclick", () => open.click())
      bar.append(open)
    }
    const close = make("button", { textContent: "Close", title: "Close (Esc)" })
    close.addEventListener("click", () => dialog.close())
    bar.append(close)
    dialog.replaceChildren(large, bar)
  }
  dialog.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by && model.items[at + by]) { at += by; show() }
  }
  show()
  dialog.showModal()
}

function pager(model) {
  const bar = make("div", { className: "pager" })
  if (model.pages < 2) return bar
  const to = (page) => model.send_msg({ type: "page", page })
  const step = (page, label, hint) => {
    const button = make("button", { textContent: label, title: hint, disabled: page < 0 || page >= model.pages })
    button.addEventListener("click", () => to(page))
    return button
  }
  const number = make("input", { value: model.page + 1, ariaLabel: "Page", inputMode: "numeric" })
  number.addEventListener("change", () => {
    const wanted = Math.round(Number(number.value))
    if (wanted >= 1 && wanted <= model.pages) to(wanted - 1)
    else number.value = model.page + 1
  })
  bar.append(step(model.page - 1, "← Previous", "Previous page"), "page", number, `of ${model.pages.toLocaleString()}`,
    step(model.page + 1, "Next →", "Next page"))
  return bar
}

export default {
  render({ model, el }) {
    const grid = make("div", { className: "grid" })
    const dialog = make("dialog")
    const foot = make("div")
    el.append(make("style", { textContent: CSS }), grid, foot, dialog)
    const draw = () => {
      grid.replaceChildren(...model.items.map((item, n) => tile(model, item, () => lightbox(model, dialog, n))))
      foot.replaceChildren(pager(model))
      el.dataset.page = model.page
      el.dataset.ready = "true"
    }
    model.on("items", draw)
    // They do not all change at the same moment.
    const number = () => {
      foot.replaceChildren(pager(model))
      el.dataset.page = model.page
    }
    for (const name of ["page", "pages"]) model.on(name, number)
    // Whoever turned the page from below its end begins the next one at its beginning.
    model.on("page", () => { if (grid.getBoundingClientRect().top < 0) el.scrollIntoView() })
    draw()
  },
}
