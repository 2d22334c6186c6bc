// A place for files: dropped or chosen, sent one after the other, with what became of each.

const CSS = `
:host { display: block; }
.zone { border: 2px dashed var(--lk-strong); border-radius: 12px; padding: 24px; text-align: center; color: var(--lk-muted);
  background: var(--lk-sunken); transition: background .12s, border-color .12s; }
.zone.over { border-color: var(--lk-accent); background: var(--lk-accent-soft); }
b { color: var(--lk-text); font-weight: 600; }
button { font: 550 13.5px var(--lk-font); border: 1px solid var(--lk-strong); background: var(--lk-surface); color: var(--lk-text);
  border-radius: 8px; padding: 6px 13px; cursor: pointer; margin: 10px 4px 0; }
button:focus-visible { outline: 2px solid var(--lk-accent); outline-offset: 2px; }
.sent { height: 8px; border-radius: 99px; background: var(--lk-line); overflow: hidden; margin: 14px auto 6px; max-width: 420px; }
.sent i { display: block; height: 100%; background: var(--lk-accent); width: 0; }
.bad { color: var(--lk-bad); text-align: left; margin: 8px auto 0; max-width: 560px; max-height: 130px; overflow: auto; font-size: 12.5px; }
input, [hidden] { display: none; }
`

/** Every file of a drop, folders walked through. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
  if (!entries.length) return [...transfer.files]
  const files = []
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((done, failed) => entry.file(done, failed)))
    else {
      const reader = entry.createReader()
      let some
      do {
        some = await new Promise((done, failed) => reader.readEntries(done, failed))
        for (const child of some) await walk(child)
      } while (some.length)
    }
  }
  for (const entry of entries) await walk(entry)
  return files
}

const batchName = () => [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("")

async function sendAll(model, el, files) {
  const bar = el.querySelector(".sent"), told = el.querySelector(".told"), bad = el.querySelector(".bad")
  const batch = batchName(), taken = []
  bad.replaceChildren()
  bar.hidden = false
  for (const [n, file] of files.entries()) {
    told.textContent = `${n + 1} of ${files.length}: ${file.name}`
    const query = new URLSearchParams({ name: file.name, batch })
    let problem = ""
    try {
      const answer = await fetch(`/media/upload/${model.kind}?${query}`, { method: "POST", body: file })
      if (answer.ok) taken.push((await answer.json()).name)
      else problem = (await answer.text()).trim()
    } catch (error) { problem = `not sent (${error.message})` }
    if (problem) bad.append(Object.assign(document.createElement("div"), { textContent: `${file.name}: ${problem}` }))
    bar.firstElementChild.style.width = `${(100 * (n + 1)) / files.length}%`
  }
  told.textContent = `${taken.length} of ${files.length} taken`
  bar.hidden = true
  if (taken.length) model.send_msg({ type: "sent", batch, names: taken.slice(0, 1000), count: taken.length })
}

export default {
  render({ model, el }) {
    el.innerHTML = `<style>${CSS}</style><div class="zone"><div><b class="title"></b><br><span class="hint"></span></div>
      <button class="files">Choose files…</button><button class="folder">Choose a folder…</button>
      <div class="sent" hidden><i></i></div><div class="told" role="status"></div><div class="bad" role="alert"></div>
      <input type="file" multiple class="pick"><input type="file" webkitdirectory class="pick-folder"></div>`
    el.querySelector(".title").textContent = model.title
    el.querySelector(".hint").textContent = model.hint
    const zone = el.querySelector(".zone")
    let busy = false
    const take = async (files) => {
      const wanted = model.kind === "photo" ? files.filter((file) => file.type.startsWith("image/")) : files
      if (busy || !files.length) return
      if (!wanted.length) { el.querySelector(".told").textContent = "There is no picture among these files."; return }
      busy = true
      try { await sendAll(model, el, wanted) } finally { busy = false }
    }
    for (const [button, input] of [[".files", ".pick"], [".folder", ".pick-folder"]]) {
      const chooser = el.querySelector(input)
      el.querySelector(button).addEventListener("click", () => chooser.click())
      chooser.addEventListener("change", () => { take([...chooser.files]); chooser.value = "" })
    }
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over") })
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("over"))
    zone.addEventListener("drop", async (event) => {
      event.preventDefault()
      zone.classList.remove("over")
      take(await dropped(event.dataTransfer))
    })
    el.dataset.ready = "true"
  },
}
