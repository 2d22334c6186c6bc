// The frame of the app: navigation in the order of the work, the page in the middle, short messages.

const ICONS = {
  images: '<rect x="3" y="5" width="18" height="14" rx="2"/><circle cx="9" cy="10" r="1.6"/><path d="m4 17 5-4 4 3 3-2 4 3"/>',
  scheme: '<circle cx="12" cy="12" r="8.5"/><circle cx="9" cy="10" r="1"/><circle cx="15" cy="10" r="1"/><path d="M8.5 15c2 1.6 5 1.6 7 0"/>',
  prelabel: '<path d="m4 20 11-11M14 5l1-2 1 2 2 1-2 1-1 2-1-2-2-1zM19 12l.7-1.5.8 1.5 1.5.7-1.5.8-.8 1.5-.7-1.5-1.5-.8z"/>',
  review: '<path d="M4 12.5 9 17.5 20 6.5"/>',
  train: '<path d="M3 17 9 11l4 4 8-9"/><path d="M15 6h6v6"/>',
  quality: '<path d="M4 20V10M10 20V4M16 20v-7M21 20H3"/>',
  export: '<path d="M12 3v12M7 10l5 5 5-5M4 20h16"/>',
  log: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>',
  theme: '<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5v17A8.5 8.5 0 0 0 12 3.5Z" fill="currentColor"/>',
}

const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name] ?? ""}</svg>`

const CSS = `
:host { position: fixed; inset: 0; }
.app { position: absolute; inset: 0; display: grid; grid-template-columns: 216px minmax(0, 1fr); background: var(--lk-bg); }
nav { display: flex; flex-direction: column; gap: 2px; padding: 18px 12px 12px; background: var(--lk-surface);
  border-right: 1px solid var(--lk-line); overflow: auto; }
.project { padding: 0 10px 16px; }
.project b { display: block; font-size: 16px; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere; }
.project span { color: var(--lk-muted); font-size: 12.5px; }
nav a { display: flex; align-items: center; gap: 11px; padding: 8px 10px; border-radius: 8px; color: var(--lk-muted);
  font-weight: 550; text-decoration: none; cursor: pointer; }
nav a:hover { background: var(--lk-sunken); color: var(--lk-text); text-decoration: none; }
nav a[aria-current] { background: var(--lk-accent-soft); color: var(--lk-accent); }
nav svg { width: 19px; height: 19px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.7;
  stroke-linecap: round; stroke-linejoin: round; }
nav .badge { margin-left: auto; font-size: 12px; font-variant-numeric: tabular-nums; padding: 0 7px; border-radius: 99px;
  background: var(--lk-sunken); color: var(--lk-muted); }
nav .badge.accent { background: var(--lk-accent); color: var(--lk-on-accent); }
nav .badge.good { background: var(--lk-good-soft); color: var(--lk-good); }
nav .badge.warn { background: var(--lk-warn-soft); color: var(--lk-warn); }
nav .badge.bad { background: var(--lk-bad-soft); color: var(--lk-bad); }
.foot { margin-top: auto; display: flex; align-items: center; gap: 6px; padding: 12px 4px 0 10px; color: var(--lk-muted); font-size: 12.5px; }
.foot .who { flex: 1; text-align: left; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.foot button { border: 0; background: none; color: inherit; font: inherit; padding: 5px; border-radius: 6px; cursor: pointer; }
.foot button:hover { background: var(--lk-sunken); color: var(--lk-text); }
main { overflow: auto; position: relative; min-width: 0; scrollbar-gutter: stable; }
.toasts { position: absolute; right: 22px; bottom: 22px; display: flex; flex-direction: column; gap: 10px; z-index: 50; max-width: 440px; }
.toast { padding: 11px 16px; border-radius: 10px; background: var(--lk-text); color: var(--lk-bg); box-shadow: 0 8px 30px rgb(0 0 0 / 25%);
  font-size: 13.5px; overflow-wrap: anywhere; display: flex; gap: 12px; }
.toast.bad { background: var(--lk-bad); color: var(--lk-surface); }
.toast button { border: 0; background: none; color: inherit; font-weight: 700; cursor: pointer; margin-left: auto; }
.busy { position: absolute; top: 0; left: 216px; right: 0; height: 2px; overflow: hidden; opacity: 0; transition: opacity .2s .15s; z-index: 60; }
.busy.on { opacity: 1; }
.busy::after { content: ""; position: absolute; height: 100%; width: 30%; background: var(--lk-accent); animation: run 1.1s infinite ease-in-out; }
@keyframes run { from { left: -30% } to { left: 100% } }
@media (max-width: 900px) {
  .app { grid-template-columns: 60px minmax(0, 1fr); } nav { padding: 14px 8px; } .busy { left: 60px; }
  nav a { position: relative; justify-content: center; } nav a .label, .project span, .who { display: none; }
  .project { padding: 0 2px 10px; } .project b { font-size: 11px; } .foot { padding: 8px 0; justify-content: center; }
  nav .badge { position: absolute; top: 0; right: 0; font-size: 10px; padding: 0 5px; }
}
`

function nav(model, root, send) {
  const place = root.querySelector("nav")
  const links = model.pages.map((page) => {
    const current = page.name === model.current ? ' aria-current="page"' : ""
    const badge = page.badge ? `<span class="badge ${page.kind}"></span>` : ""
    return `<a href="/${page.name}" data-page="${page.name}"${current}>${icon(page.name)}<span class="label"></span>${badge}</a>`
  })
  place.innerHTML = `<div class="project"><b></b><span></span></div>${links.join("")}
    <div class="foot"><button class="who" title="Your name, which stands with what you label"></button>
    <button class="theme" title="Light, dark, or as the system (theme)" aria-label="Light or dark">${icon("theme")}</button></div>`
  // Names come from people: they are set as text, never as HTML.
  place.querySelector(".project b").textContent = model.project.name
  place.querySelector(".project span").textContent = model.project.scheme
  place.querySelector(".who").textContent = model.author
  model.pages.forEach((page, n) => {
    const link = place.querySelectorAll("a")[n]
    link.querySelector(".label").textContent = page.title
    link.title = page.hint
    if (page.badge) link.querySelector(".badge").textContent = page.badge
  })
  place.querySelectorAll("a").forEach((link) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    // At once, whatever the server is doing.
    place.querySelectorAll("a").forEach((other) => other.toggleAttribute("aria-current", other === link))
    go(model, link.dataset.page, send)
  }))
  place.querySelector(".theme").addEventListener("click", () => setTheme(nextTheme()))
  place.querySelector(".who").addEventListener("click", () => {
    if (!model.project.local) { if (confirm("Log out?")) logout(); return }
    const name = prompt("Your name, which stands with what you label:", model.author)
    if (name && name.trim()) send({ type: "author", name: name.trim() })
  })
}

function go(model, page, send, push = true) {
  if (push && page !== model.current) history.pushState({ page }, "", `/${page}`)
  send({ type: "go", page })
}

async function logout() {
  // A form would be asked for by a link of anybody's, too.
  await fetch("/logout", { method: "POST", redirect: "manual" })
  location.href = "/login"
}

const theme = () => document.documentElement.dataset.theme ?? ""

function nextTheme() {
  const dark = theme() ? theme() === "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  return dark ? "light" : "dark"
}

function setTheme(name) {
  document.documentElement.dataset.theme = name
  document.cookie = `labelkit-theme=${name};path=/;max-age=31536000;samesite=lax`
}

function toast(root, text, kind, seconds) {
  const box = document.createElement("div")
  box.className = `toast ${kind}`
  box.setAttribute("role", kind === "bad" ? "alert" : "status")
  box.append(Object.assign(document.createElement("span"), { textContent: text }))
  const close = Object.assign(document.createElement("button"), { textContent: "×", title: "Close" })
  close.addEventListener("click", () => box.remove())
  box.append(close)
  root.querySelector(".toasts").append(box)
  if (seconds) setTimeout(() => box.remove(), seconds * 1000)
}

export default {
  render({ model, el }) {
    const ended = new AbortController()
    const send = (data) => model.send_msg(data)
    el.innerHTML = `<style>${CSS}</style><div class="app"><nav aria-label="Pages"></nav><main></main></div>
      <div class="busy"></div><div class="toasts" aria-live="polite"></div>`
    el.querySelector("main").append(model.get_child("body"))
    const drawn = () => nav(model, el, send)
    drawn()
    for (const name of ["pages", "current", "project", "author"]) model.on(name, drawn)
    model.on("current", () => { el.querySelector("main").scrollTop = 0; el.dataset.page = model.current })
    model.on("busy", () => el.querySelector(".busy").classList.toggle("on", model.busy))
    model.on("msg:custom", (message) => {
      if (message.type === "toast") toast(el, message.text, message.kind, message.seconds)
      if (message.type === "address") history.replaceState({ page: message.page }, "", `/${message.page}`)
      if (message.type === "push") history.pushState({ page: message.page }, "", `/${message.page}`)
    })
    addEventListener("popstate", (event) => {
      const page = event.state?.page ?? location.pathname.slice(1)
      send({ type: "go", page })
    }, { signal: ended.signal })
    el.dataset.page = model.current
    el.dataset.ready = "true"
    return () => ended.abort()
  },
}
