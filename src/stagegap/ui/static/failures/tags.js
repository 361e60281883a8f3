// The codes of a record: keys 1-9 put them on or take them off; add, rename, merge, retire. Joined with presence.js, element.js and kept.js.
//
// From Python:  data = {context, who, record, rows: [{tag, share, win, on}], acknowledged, longest}
// To Python:    state "outbox" = {events, at}, always the whole list of events that are not acknowledged.

const RETRY_MS = 10_000 // doubled while no answer comes: sending anew starts the page's script anew, and it must get to its end
const rails = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  return oneWidget(rails, parentElement, data, Rail, rail => rail.receive(data, outbox => setStateValue("outbox", outbox)))
}

class Rail {
  constructor(root, data) {
    this.root = root
    this.box = root.querySelector("#tags")
    this.context = data.context
    this.outbox = new Outbox(data.context, [], data.who)
    this.early = [] // keys for a record that is chosen and not on screen yet
    this.editing = null
    this.onKey = event => this.key(event)
    window.addEventListener("keydown", this.onKey, { capture: true })
    window.stagegapTags = this
    this.wait(RETRY_MS)
  }

  leave() {
    window.removeEventListener("keydown", this.onKey, { capture: true })
    clearTimeout(this.retry)
  }

  wait(delay) {
    clearTimeout(this.retry)
    this.retry = setTimeout(() => {
      if (this.outbox.events.length) this.outbox.flush()
      this.wait(this.outbox.events.length ? delay * 2 : RETRY_MS)
    }, delay)
  }

  receive(data, send) {
    this.data = data
    this.outbox.send = send
    const waiting = this.outbox.events.length
    this.outbox.acknowledge(data.acknowledged)
    if (this.outbox.events.length < waiting) this.wait(RETRY_MS)
    if (this.outbox.unsent) this.outbox.flush()
    this.rows = this.expected()
    const now = this.early.filter(wish => wish.record === data.record)
    // A record that was passed before it came on screen: nobody saw what it had, so the key meant to put the tag on.
    const passed = this.early.filter(wish => wish.record !== data.record && wish.record !== window.stagegapRecord)
    this.early = this.early.filter(wish => wish.record !== data.record && wish.record === window.stagegapRecord)
    for (const { record, place } of passed)
      if (this.rows[place]) this.outbox.add({ action: "add", record, tag: this.rows[place].tag })
    for (const wish of now) this.toggle(wish.place)
    this.paint()
  }

  // What the rows will be when everything on its way has arrived.
  expected() {
    let rows = this.data.rows.map(row => ({ ...row }))
    for (const event of this.outbox.events) {
      const row = rows.find(row => row.tag === event.tag)
      if (event.action === "add" && !row) rows.push({ tag: event.tag, share: "", win: "", on: event.record === this.data.record })
      else if (row && event.record === this.data.record) row.on = event.action === "add"
      else if (row && event.action === "retire") rows = rows.filter(other => other !== row)
      else if (row && event.action === "move") {
        if (rows.some(other => other !== row && other.tag === event.into)) rows = rows.filter(other => other !== row)
        else row.tag = event.into
      }
    }
    return rows
  }

  change(event) {
    this.outbox.add(event)
    this.rows = this.expected()
    this.paint()
  }

  toggle(place) {
    const row = this.rows[place]
    if (!row || !this.data.record) return
    this.say(row.on ? `${row.tag} taken off.` : `${row.tag} put on.`)
    this.change({ action: row.on ? "remove" : "add", record: this.data.record, tag: row.tag })
  }

  add(text) {
    const tag = text.trim().replace(/\s+/g, " ")
    if (!tag || !this.data.record) return
    this.say(`${tag} put on.`)
    this.change({ action: "add", record: this.data.record, tag })
  }

  rename(tag, text) {
    const into = text.trim().replace(/\s+/g, " ")
    this.editing = null
    if (!into || into === tag) return this.paint()
    const merges = this.rows.some(row => row.tag === into)
    this.say(merges ? `${tag} merged into ${into}.` : `${tag} is called ${into} now.`)
    this.change({ action: "move", tag, into })
  }

  retire(tag) {
    this.editing = null
    this.say(`${tag} retired.`)
    this.change({ action: "retire", tag })
  }

  say(text) { this.said = text }

  key(event) {
    if (window.stagegapTags !== this || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)
    if (digit && !event.shiftKey) {
      const place = Number(digit[1]) - 1
      if (window.stagegapRecord && window.stagegapRecord !== this.data.record)
        this.early.push({ record: window.stagegapRecord, place })
      else this.toggle(place)
      event.preventDefault()
    } else if (event.key === "t" || event.key === "T") {
      this.box.querySelector("input.new")?.focus()
      event.preventDefault()
    }
  }

  paint() {
    const typed = this.box.querySelector("input.new")?.value ?? ""
    const focused = this.root.activeElement?.dataset?.f
    const renaming = this.box.querySelector("input.rename")
    const kept = renaming && { value: renaming.value, from: renaming.selectionStart, to: renaming.selectionEnd }
    const list = element("ul", {}, ...this.rows.map((row, place) => this.row(row, place)))
    const box = element("input", {
      class: "new", type: "text", "data-f": "new", maxlength: this.data.longest, placeholder: "New reason",
      "aria-label": "New reason", onkeydown: event => {
        if (event.key === "Enter") {
          this.add(event.target.value)
          this.box.querySelector("input.new").value = ""
        } else if (event.key === "Escape") event.target.blur()
        event.stopPropagation()
      },
    })
    box.value = typed
    const waits = this.outbox.events.length
    this.box.replaceChildren(
      list,
      element("div", { class: "add" }, box, element("button", {
        type: "button", "data-f": "add", onclick: () => {
          const text = this.box.querySelector("input.new")
          const given = text.value
          text.value = ""
          this.add(given)
        },
      }, "Add")),
      element("p", { class: "keys" }, "1-9 put on and take off, T new reason, J K next and previous, / search"),
      element("p", { class: "saved", role: "status" }, waits ? `${waits} not saved yet` : "All saved"),
      element("p", { class: "sr", "aria-live": "polite" }, this.said ?? ""),
    )
    const opened = this.box.querySelector("input.rename")
    if (kept && opened) {
      opened.value = kept.value
      opened.setSelectionRange(kept.from, kept.to)
    }
    if (focused) this.box.querySelector(`[data-f="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }

  row(row, place) {
    if (this.editing === row.tag) return this.editor(row)
    return element("li", {},
      element("button", {
        type: "button", class: "tag", "aria-pressed": String(Boolean(row.on)), "data-f": `tag ${row.tag}`,
        onclick: () => this.toggle(place),
      },
      ...(place < 9 ? [element("kbd", {}, String(place + 1))] : []),
      element("span", { class: "name" }, row.tag)),
      element("button", {
        type: "button", class: "edit", "data-f": `edit ${row.tag}`, "aria-label": `Edit ${row.tag}`,
        onclick: () => {
          this.editing = row.tag
          this.box.querySelector("input.rename")?.remove()
          this.paint()
          this.box.querySelector("input.rename").select()
        },
      }, "Edit"),
      element("div", { class: "numbers" }, [row.share, row.win].filter(Boolean).join("; ")))
  }

  editor(row) {
    const box = element("input", {
      class: "rename", type: "text", maxlength: this.data.longest, "data-f": "rename",
      "aria-label": `New name for ${row.tag}; the name of another reason merges the two`,
      onkeydown: event => {
        if (event.key === "Enter") this.rename(row.tag, event.target.value)
        else if (event.key === "Escape") {
          this.editing = null
          this.paint()
        }
        event.stopPropagation()
      },
    })
    box.value = row.tag
    return element("li", {}, box,
      element("button", { type: "button", "data-f": "save", onclick: () => this.rename(row.tag, this.box.querySelector("input.rename").value) }, "Rename"),
      element("button", { type: "button", "data-f": "retire", onclick: () => this.retire(row.tag) }, "Retire"),
      element("div", { class: "numbers" }, "For everybody: the name of another code merges the two."))
  }
}

function isTyping(event) {
  const target = event.composedPath()[0]
  if (target?.closest?.("[role=dialog]")) return true
  return target?.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]") ?? false
}
