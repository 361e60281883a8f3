// The list of failures: HTML from charts/, every value escaped there; J K and arrows walk it, / goes to the search box.
//
// From Python:  data = {html, record, before, next, at, turn}     To Python:  state "move" = {at, record, after}
// The address is where the record stands, and it is written by the server: while a move is on its way, every answer is of
// an older address. `at` numbers the moves, so an answer says which move it knows; `turn` counts what else chose a record.

const LIMIT = 5 // a move that the server took and lost again is sent anew so often
const SIGHT = 10_000 // milliseconds in which a tapped record may arrive
const lists = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  const list = lists.get(parentElement) ?? new List(parentElement)
  lists.set(parentElement, list)
  list.receive(data, setStateValue)
  return whenGone(parentElement, () => {
    list.leave()
    lists.delete(parentElement)
  })
}

class List {
  constructor(root) {
    this.root = root
    this.box = root.querySelector("#list")
    this.last = null // the last move: {at, record, after, tries}
    this.at = 0
    this.steps = 0 // keys pressed while the next page is on its way
    this.onKey = event => this.key(event)
    this.onBack = () => { this.last = null }
    this.box.onclick = event => {
      const button = event.target.closest("tr.pick")?.querySelector("[data-v]")
      if (!button) return
      this.choose(button.dataset.v)
      bringIntoSight(button.dataset.v, performance.now() + SIGHT)
    }
    window.addEventListener("keydown", this.onKey, { capture: true })
    window.addEventListener("popstate", this.onBack)
    window.stagegapList = this // while the stage changes, the list that is left stays for a moment
  }

  leave() {
    window.removeEventListener("keydown", this.onKey, { capture: true })
    window.removeEventListener("popstate", this.onBack)
  }

  receive(data, send) {
    const isChosenElsewhere = this.data && this.data.turn !== data.turn
    this.data = data
    this.send = send
    if (this.shown !== data.html) {
      const top = this.box.querySelector(".scroll")?.scrollTop
      const focused = this.root.activeElement?.dataset?.v
      // The app's own drawing, in which every text is escaped.
      // ast-grep-ignore: no-markup-from-strings
      this.box.innerHTML = data.html
      this.shown = data.html
      if (top && !this.isTurning) this.box.querySelector(".scroll")?.scrollTo(0, top)
      if (focused) this.button(focused)?.focus({ preventScroll: true })
    }
    if (isChosenElsewhere) this.last = null
    if (!this.last || this.isAnswered()) this.arrive(data.record)
    else if (data.at === this.last.at && this.last.tries < LIMIT) this.move({ ...this.last, tries: this.last.tries + 1 })
    this.mark()
  }

  get isTurning() { return this.last !== null && this.last.record === null }

  // Whether this answer is of the last move. A record that has left the list can't be waited for.
  isAnswered() {
    const { at, record, after, tries } = this.last
    if (this.data.at !== at) return false
    if (record === null) return this.data.before === after || tries >= LIMIT
    return this.data.record === record || !this.button(record) || tries >= LIMIT
  }

  arrive(record) {
    this.current = record
    if (!this.isTurning) return
    const steps = this.steps
    this.last = null
    this.steps = 0
    for (let taken = 0; taken < Math.abs(steps); taken++) this.step(Math.sign(steps))
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
    this.current = id
    this.mark()
    this.move({ record: id, after: null, tries: 0 })
  }

  turn(after) { this.move({ record: null, after, tries: 0 }) }

  move({ record, after, tries }) {
    this.at = Math.max(Date.now(), this.at + 1)
    this.last = { at: this.at, record, after, tries }
    this.send("move", { at: this.at, record, after })
  }

  step(step) {
    if (this.isTurning) {
      this.steps += step
      return
    }
    const ids = this.ids
    const to = ids.indexOf(this.current) + step
    if (ids[to] !== undefined) this.choose(ids[to])
    else if (to >= ids.length && this.data.next !== null) this.turn(this.data.next)
    else if (to < 0 && this.data.before) this.turn(0)
  }

  key(event) {
    if (window.stagegapList !== this || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
    const step = { j: 1, J: 1, ArrowRight: 1, k: -1, K: -1, ArrowLeft: -1 }[event.key]
    if (step) {
      this.step(step)
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

// On a phone the record stands below the list: whoever taps a row sees it without looking for it.
function bringIntoSight(record, until) {
  const head = [...document.querySelectorAll("h2")].find(heading => heading.textContent.trim() === record)
  if (!head) {
    if (performance.now() < until) requestAnimationFrame(() => bringIntoSight(record, until))
    return
  }
  const { top, bottom } = head.getBoundingClientRect()
  if (top >= 0 && bottom <= innerHeight) return
  head.style.scrollMarginTop = "5rem" // below the bar of the app
  head.scrollIntoView()
}
