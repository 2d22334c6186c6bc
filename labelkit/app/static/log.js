// Who did what: a table of entries, the newest first. Every entry about a face opens it.

const CSS = `
:host { display: block; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; font-weight: 550; color: var(--lk-muted); padding: 10px 12px 6px 0; white-space: nowrap; }
td { padding: 7px 12px 7px 0; border-top: 1px solid var(--lk-line); vertical-align: top; overflow-wrap: anywhere; }
td.time { white-space: nowrap; color: var(--lk-muted); font-variant-numeric: tabular-nums; }
td.person, td.what { white-space: nowrap; }
td.what { color: var(--lk-muted); }
button { font: inherit; border: 0; background: none; padding: 0; color: var(--lk-accent); cursor: pointer; text-align: left;
  overflow-wrap: anywhere; }
button:hover { text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--lk-accent); outline-offset: 2px; border-radius: 3px; }
button:disabled { color: var(--lk-muted); cursor: default; text-decoration: none; }
td .back { margin-left: 12px; font-weight: 550; }
.turn { display: flex; gap: 18px; align-items: center; padding: 14px 0 0; color: var(--lk-muted); font-size: 13px; }
.turn[hidden] { display: none; }
.empty { padding: 26px 0; color: var(--lk-muted); }
`

function element(tag, className, words = "", attributes = {}) {
  // Names, paths and notes come from people: they are set as text, never as HTML.
  return Object.assign(document.createElement(tag), { className, textContent: words, ...attributes })
}

function button(words, title, call, className = "") {
  const found = element("button", className, words, { title, type: "button" })
  found.addEventListener("click", call)
  return found
}

function row(entry, send) {
  const line = document.createElement("tr")
  const time = new Date(entry.time)
  const when = element("td", "time", time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }))
  when.title = entry.time
  const where = element("td", "photo")
  if (entry.face !== null) {
    const name = `${entry.photo}${entry.index ? ` · face ${entry.index + 1}` : ""}`
    where.append(button(name, "Open it in Review", () => send({ type: "open", face: entry.face })))
  }
  const told = element("td", "text", entry.text)
  if (entry.back) {
    const title = "Bring this face back with all that was known about it"
    told.append(button("Bring back", title, () => send({ type: "restore", face: entry.face }), "back"))
  }
  line.append(when, element("td", "person", entry.person || "—"), element("td", "what", entry.what), where, told)
  return line
}

export default {
  render({ model, el }) {
    const send = (data) => model.send_msg(data)
    const style = element("style", "", CSS)
    const place = element("div", "scroll")
    const turn = element("div", "turn")
    el.append(style, place, turn)
    const draw = () => {
      if (model.rows.length === 0) {
        place.replaceChildren(element("div", "empty", "Nothing of this kind has happened yet."))
      } else {
        const table = document.createElement("table")
        const head = document.createElement("tr")
        head.append(...["When", "Who", "What", "Face", ""].map((name) => element("th", "", name)))
        table.append(head, ...model.rows.map((entry) => row(entry, send)))
        place.replaceChildren(table)
      }
      const newer = button("← Newer", "Newer entries", () => send({ type: "turn", older: false }))
      const older = button("Older →", "Older entries", () => send({ type: "turn", older: true }))
      newer.disabled = model.page === 0
      older.disabled = !model.more
      turn.replaceChildren(newer, element("span", "", `Page ${model.page + 1}`), older)
      turn.hidden = model.page === 0 && !model.more
      el.dataset.ready = "true"
    }
    for (const name of ["rows", "page", "more"]) model.on(name, draw)
    draw()
  },
}
