// Small pictures of faces with their points; each opens its face in the editor.

const CSS = `
:host { display: block; }
.grid { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); }
figure { margin: 0; border-radius: 10px; overflow: hidden; border: 1px solid var(--lk-line); background: var(--lk-surface);
  cursor: pointer; display: flex; flex-direction: column; }
figure:hover { border-color: var(--lk-strong); }
figure:focus-visible { outline: 2px solid var(--lk-accent); outline-offset: 2px; }
.frame { position: relative; aspect-ratio: 1; background: var(--lk-sunken); }
.frame img, .frame svg { position: absolute; inset: 0; width: 100%; height: 100%; }
circle { fill: #56b4e9; stroke: rgb(0 0 0 / 60%); stroke-width: 0.25; }
figcaption { padding: 7px 10px 9px; font-size: 12.5px; display: grid; gap: 3px; }
.name { color: var(--lk-muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.why { color: var(--lk-text); }
`

const NS = "http://www.w3.org/2000/svg"

function points(places) {
  const over = document.createElementNS(NS, "svg")
  over.setAttribute("viewBox", "0 0 100 100")
  for (const [x, y] of places) {
    const dot = document.createElementNS(NS, "circle")
    dot.setAttribute("cx", 100 * x)
    dot.setAttribute("cy", 100 * y)
    dot.setAttribute("r", 0.9)
    over.append(dot)
  }
  return over
}

function text(className, words) {
  const span = document.createElement("span")
  span.className = className
  span.textContent = words
  span.title = words
  return span
}

function tile(item, open) {
  const figure = document.createElement("figure")
  const frame = document.createElement("div")
  const image = document.createElement("img")
  const caption = document.createElement("figcaption")
  frame.className = "frame"
  image.src = item.source
  image.alt = ""
  image.loading = "lazy"
  frame.append(image, points(item.points))
  caption.append(text("why", item.why), text("name", item.name))
  figure.append(frame, caption)
  figure.tabIndex = 0
  figure.role = "button"
  figure.ariaLabel = `${item.name}: ${item.why}. Open in Review`
  figure.dataset.face = item.face
  figure.addEventListener("click", open)
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault()
      open()
    }
  })
  return figure
}

export default {
  render({ model, el }) {
    const style = document.createElement("style")
    const grid = document.createElement("div")
    style.textContent = CSS
    grid.className = "grid"
    el.append(style, grid)
    const draw = () => {
      const tiles = model.items.map((item) => tile(item, () => model.send_msg({ type: "open", face: item.face })))
      grid.replaceChildren(...tiles)
      el.dataset.ready = "true"
    }
    model.on("items", draw)
    draw()
  },
}
