// The list of failures: HTML from charts/, every value escaped there; J K and arrows walk it, / goes to the search box.
//
// From Python:  data = {html, record, next, first}     To Python:  state "record" (an id), state "after" (a place)
// The record is a state and not a trigger: of several key presses during one script run the last one counts.

const lists = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  const list = lists.get(parentElement) ?? new List(parentElement)
  lists.set(parentElement, list)
  list.receive(data, setStateValue)
  return () => {
    list.leave()
    lists.delete(parentElement)
  }
}

class List {
  constructor(root) {
    this.root = root
    this.box = root.querySelector("#list")
    this.sent = null
    this.onKey = event => this.key(event)
    this.box.onclick = event => {
      const button = event.target.closest("tr.pick")?.querySelector("[data-v]")
      if (button) this.choose(button.dataset.v)
    }
    window.addEventListener("keydown", this.onKey, { capture: true })
    window.stagegapList = this // while a page changes, the list that is left stays for a moment
  }

  leave() { window.removeEventListener("keydown", this.onKey, { capture: true }) }

  receive(data, send) {
    this.data = data
    this.send = send
    if (this.shown !== data.html) {
      const top = this.box.querySelector(".scroll")?.scrollTop
      const focused = this.root.activeElement?.dataset?.v
      this.box.innerHTML = data.html
      this.shown = data.html
      if (top) this.box.querySelector(".scroll")?.scrollTo(0, top)
      if (focused) this.button(focused)?.focus({ preventScroll: true })
    }
    if (this.sent === null || this.sent === data.record || !this.button(this.sent)) {
      this.sent = null
      this.current = data.record
    }
    this.mark()
  }

  get ids() { return [...this.box.querySelectorAll("[data-v]")].map(button => button.dataset.v) }
  button(id) { return this.box.querySelector(`[data-v="${CSS.escape(id)}"]`) }

  mark() {
    window.stagegapRecord = this.current // what the tags are for: a key goes to the record that is chosen, not to the one before
    for (const row of this.box.querySelectorAll("tr.pick")) {
      const button = row.querySelector("[data-v]")
      const isOn = button.dataset.v === this.current
      row.classList.toggle("on", isOn)
      isOn ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current")
    }
    const row = this.current && this.button(this.current)?.closest("tr")
    row?.scrollIntoView({ block: "nearest" })
  }

  choose(id) {
    this.current = this.sent = id
    this.mark()
    this.send("record", id)
  }

  // A choice that is still on its way would call the page back that is left.
  turn(after) {
    this.sent = null
    this.send("record", null)
    this.send("after", after)
  }

  key(event) {
    if (window.stagegapList !== this || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
    const step = { j: 1, J: 1, ArrowRight: 1, k: -1, K: -1, ArrowLeft: -1 }[event.key]
    if (step) {
      const ids = this.ids
      const to = ids.indexOf(this.current) + step
      if (ids[to] !== undefined) this.choose(ids[to])
      else if (to >= ids.length && this.data.next !== null) this.turn(this.data.next)
      else if (to < 0 && !this.data.first) this.turn(0)
      event.preventDefault()
    } else if (event.key === "/") {
      document.querySelector('input[aria-label="Search"]')?.focus()
      event.preventDefault()
    }
  }
}

function isTyping(event) {
  const target = event.composedPath()[0]
  if (target?.closest?.("[role=radiogroup], [role=combobox], [role=listbox], [role=dialog]")) return event.key.startsWith("Arrow")
  return target?.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]") ?? false
}
