// The two hosts as one: synced traits by name, as text or bytes. Which host it is shows in what
// the model can do: anywidget's has save_changes, Panel's has its traits as properties.

export function hostOf(model, view) {
  return typeof model.save_changes === "function" ? jupyterHost(model) : panelHost(model, view);
}

function jupyterHost(model) {
  const heard = [];
  return {
    text: (name) => model.get(name) ?? "",
    bytes: (name) => model.get(name),
    send(name, text) {
      model.set(name, text);
      model.save_changes();
    },
    listen(name, callback) {
      model.on(`change:${name}`, callback);
      heard.push([`change:${name}`, callback]);
    },
    // A page that is loaded again is given what the kernel showed when the face was opened.
    fresh: false,
    alone: false, // other cells have keys, too
    place: "lk-host-cell",
    // A kernel that is gone does not say so: whatever is sent is not answered.
    watchConnection: () => {},
    onRemove: () => {},
    close() {
      for (const [event, callback] of heard) model.off(event, callback);
    },
  };
}

function panelHost(model, view) {
  const heard = [];
  return {
    text: (name) => model[name] ?? "",
    bytes: (name) => model[name],
    send(name, text) {
      model[name] = text;
    },
    listen(name, callback) {
      model.on(name, callback);
      heard.push([name, callback]);
    },
    fresh: true,
    alone: true,
    place: "",
    watchConnection(changed) {
      const document = view?.model?.document;
      document?.on_event?.("connection_lost", () => changed(false));
      document?.on_event?.("client_reconnected", () => changed(true));
    },
    onRemove: (callback) => model.on("remove", callback),
    close() {
      for (const [name, callback] of heard) model.off(name, callback);
    },
  };
}

/** A trait that holds JSON, `otherwise` while it is empty. */
export function jsonOf(host, name, otherwise) {
  const text = host.text(name);
  return text ? JSON.parse(text) : otherwise;
}

/** A trait that holds bytes as something that can be decoded; null for none. Jupyter hands out
 * DataViews, Panel ArrayBuffers. */
export function bytesOf(host, name) {
  const bytes = host.bytes(name);
  return bytes && bytes.byteLength ? new Blob([bytes]) : null;
}

/** Whether the server that this page came from answers again. */
export async function serverAnswers() {
  try {
    const script = document.querySelector("script[src]")?.src ?? location.href;
    await fetch(script, { method: "HEAD", cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}
