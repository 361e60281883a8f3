// The label card: one record at a time, keys first, nothing lost.
//
// From Python:  data = {context, queue, queues, who, form, guideline, version, read, changed, warmup, opened, items, last,
//               acknowledged, progress, words}
// To Python:    state "outbox" = {events, at}, always the whole list of events that are not acknowledged. A trigger per
//               label would lose events when several arrive during one script run; a list that is sent again does not.
// presence.js, kept.js, guideline.js, view.js and this file are one module: elements.py joins them, so that nothing needs a build.

const RETRY_MS = 4_000
const HISTORY = 50
const cards = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let card = cards.get(parentElement)
  if (!card || card.context !== data.context) {
    card?.leave()
    card = new Card(parentElement, data)
    cards.set(parentElement, card)
  }
  card.receive(data, outbox => setStateValue("outbox", outbox))
  return whenGone(parentElement, () => {
    card.leave()
    cards.delete(parentElement)
  })
}

class Card {
  constructor(root, data) {
    this.root = root
    this.context = data.context
    this.outbox = new Outbox(data.queue, data.queues, data.who)
    this.clock = new Clock()
    this.waiting = []
    this.handled = new Set() // records answered here
    this.skipped = new Set() // records skipped here: offered again when nothing else is left
    this.view = new View(this)
    this.history = []
    this.current = null
    this.warmKey = `stagegap/warm/${data.queue}/${data.who}`
    this.warming = device.read(this.warmKey) ? [] : [...(data.warmup ?? [])] // examples to answer first, never sent
    this.warmups = this.warming.length
    this.briefing = new Briefing({ data })
    this.opened = data.opened // the record that the link asks for
    if (this.opened) this.waiting.push(this.opened.item)
    this.said = ""
    this.listeners = [
      ["keydown", event => this.onKey(event)],
      ["pointerdown", () => this.clock.tick()],
      ["wheel", () => this.clock.tick()],
    ]
    for (const [name, listener] of this.listeners)
      window.addEventListener(name, listener, { capture: true, passive: name === "wheel" })
    window.stagegapCard = this // while a page changes, the card that is left stays for a moment: keys are for the new one
    this.retry = setInterval(() => this.outbox.events.length && this.outbox.flush(), RETRY_MS)
    this.clock.restart()
  }

  leave() {
    for (const [name, listener] of this.listeners) window.removeEventListener(name, listener, { capture: true })
    clearInterval(this.retry)
  }

  receive(data, send) {
    this.data = data
    this.outbox.send = send
    this.outbox.acknowledge(data.acknowledged)
    if (this.outbox.unsent) this.outbox.flush()
    const onTheWay = this.outbox.own.map(event => event.record)
    const away = new Set([...this.handled, ...this.skipped, ...onTheWay, ...this.waiting.map(item => item.id), this.current?.id])
    this.waiting.push(...data.items.filter(item => !away.has(item.id)))
    if (data.last && !this.history.length && !this.handled.has(data.last.item.id)) this.history.push(data.last) // undo works after a reload
    if (!this.current && (this.warming.length || this.waiting.length)) this.next()
    else if (this.isTyping) this.box.querySelector(".top").replaceWith(this.view.top())
    else this.paint()
  }

  // A field with `when` is asked only where another has that value.
  get fields() { return this.data.form.fields.filter(({ when }) => !when || this.values?.[when.field] === when.is) }
  get field() { return this.fields[this.at] }
  get isTyping() { return isTextBox(this.root.activeElement) }
  get skippedLeft() { return this.data.items.filter(item => this.skipped.has(item.id)).length }
  get draftKey() { return `stagegap/draft/${this.context}/${this.current.id}` }

  // ---- going on ----

  next(values) {
    this.example = this.warming.shift() ?? null
    this.explained = false
    this.current = this.example?.item ?? this.waiting.shift() ?? null
    this.at = 0
    this.problem = ""
    this.filter = ""
    this.read = new Set()
    this.clock.restart()
    const own = this.current && this.current.id === this.opened?.item.id ? this.opened.values : null
    this.values = values ?? ((this.current && device.read(this.draftKey)) || { ...own })
    this.noteOpen = Boolean(this.values._note)
    this.custom = null
    this.paint()
  }

  keepDraft() { device.write(this.draftKey, this.values) }

  finish(action, values) {
    this.clock.tick()
    const { _unsure, _odd, _note, ...answers } = this.values
    this.history.push({ item: this.current, values: { ...this.values } })
    if (this.history.length > HISTORY) this.history.shift()
    ;(action === "skip" ? this.skipped : this.handled).add(this.current.id)
    device.remove(this.draftKey)
    this.informed = true // of a changed guideline
    this.outbox.add({
      action, guideline: this.data.version, record: this.current.id, values: values ? answers : null, unsure: Boolean(_unsure), odd: Boolean(_odd),
      note: _note ?? "", active_ms: Math.round(this.clock.active),
    })
    this.next()
    this.box.focus({ preventScroll: true })
  }

  save() {
    if (!this.current) return
    if (this.explained) return this.leaveExample()
    const place = this.fields.findIndex(field => this.whyNot(field))
    if (place >= 0) {
      this.at = place
      this.problem = this.whyNot(this.field)
      this.say(this.problem)
      this.paint()
      this.focusField()
      return
    }
    if (this.example) return this.explain()
    this.say("Saved. Next record.")
    this.finish("label", true)
  }

  explain() {
    this.explained = true
    if (!this.warming.length) device.write(this.warmKey, true)
    this.say(`The team's answer: ${worded(this.example.values.value, this)}. ${this.example.explanation}`)
    this.paint()
    this.box.focus({ preventScroll: true })
  }

  leaveExample() {
    device.remove(this.draftKey)
    this.say(this.warming.length ? "Next example." : "Now it counts.")
    this.next()
    this.box.focus({ preventScroll: true })
  }

  begin() {
    this.briefing.close()
    this.clock.restart()
    this.say(this.example ? "Warm-up." : "First record.")
    this.paint()
    this.box.focus({ preventScroll: true })
  }

  skip() {
    if (!this.current) return
    if (this.example) return this.leaveExample()
    this.say("Skipped. Next record.")
    this.finish("skip", false)
  }

  undo() {
    const before = this.example ? null : this.history.pop()
    if (!before) return this.say("Nothing to undo.")
    if (this.current) this.waiting.unshift(this.current)
    this.waiting.unshift(before.item)
    this.handled.delete(before.item.id)
    this.skipped.delete(before.item.id)
    if (this.data.purpose !== "settle") this.outbox.add({ // a decision is replaced by the next one, never taken back
      action: "undo", record: before.item.id, values: null, unsure: false, odd: false, note: "", active_ms: 0,
    })
    this.say("Back to the last record.")
    this.next(before.values)
    this.box.focus({ preventScroll: true })
  }

  offerSkipped() {
    this.skipped.clear()
    this.receive(this.data, this.outbox.send)
  }

  // A leaf of a group that may be left out is required as soon as its group is begun.
  isRequired(field) {
    const isBegun = other => other.name.startsWith(`${field.within}/`) && this.values[other.name] !== undefined
    return field.required || Boolean(field.within && this.fields.some(isBegun))
  }

  whyNot(field) {
    const value = this.values[field.name]
    if (field.kind === "custom") return this.custom?.problem?.(value) ?? (value === undefined ? "Answer, or skip." : "")
    if (value === undefined || value === "") {
      if (!this.isRequired(field)) return ""
      return {
        ranking: "Choose at least one, or press 0 for none of these.",
        toggles: "Choose at least one, or press 0 for none of these.",
        long: "Write an answer, or skip.",
        line: "Write an answer, or skip.",
        lines: "Write at least one line, or skip.",
        number: "Write a number, or skip.",
      }[field.kind] ?? "Choose one answer, or skip."
    }
    if (field.kind === "long" || field.kind === "line") return value === null ? "" : whyNoText(field, value)
    if (field.kind === "number") return whyNoNumber(field, value)
    if (Array.isArray(value) && value.length < (field.fewest ?? 0)) return `At least ${field.fewest}, or skip.`
    if (Array.isArray(value) && value.length > (field.most ?? Infinity)) return `At most ${field.most}, or skip.`
    return ""
  }

  // ---- choosing ----

  set(field, value) {
    this.values[field.name] = value
    this.problem = ""
    this.keepDraft()
  }

  pick(field, value) {
    this.at = this.fields.indexOf(field)
    const before = this.values[field.name]
    if (field.kind === "toggles" || field.kind === "ranking") {
      const kept = (before ?? []).filter(one => one !== value)
      if (kept.length === (before ?? []).length) kept.push(value)
      this.set(field, kept.length ? kept : undefined)
    } else this.set(field, before === value ? undefined : value)
    this.paint()
  }

  none(field) {
    if (!noneText(field)) return
    const none = field.kind === "long" ? null : []
    this.set(field, isNone(this.values[field.name]) ? undefined : none)
    this.paint()
  }

  flip(name) {
    this.values[name] = !this.values[name]
    this.keepDraft()
    this.paint()
  }

  // What a field offers under the filter: candidates first, then what the search finds beyond them.
  offered(field) {
    const options = this.current.options[field.name] ?? field.options ?? []
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean)
    const near = new Set(options.map(option => option.value))
    const beyond = (field.kind === "ranking" ? this.data.form.catalogue : [])
      .filter(([value]) => !near.has(value)).map(([value, title]) => ({ value, title }))
    const chosen = new Set(field.kind === "ranking" ? this.values[field.name] ?? [] : [])
    if (!words.length) return [...options, ...beyond.filter(option => chosen.has(option.value))]
    const matches = option => {
      const text = `${option.value} ${option.title ?? ""} ${option.help ?? ""}`.toLowerCase()
      return words.every(word => text.includes(word))
    }
    return [...options, ...beyond].filter(matches).slice(0, 30)
  }

  // ---- keys ----

  onKey(event) {
    if (window.stagegapCard !== this || !this.root.isConnected || !this.box) return
    if (document.querySelector('[data-testid="stDialog"]')) return
    const target = event.composedPath()[0]
    if (isTextBox(target) && !this.box.contains(target)) return
    this.clock.tick()
    const take = action => { event.preventDefault(); event.stopPropagation(); action() }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return take(() => this.save())
    if (isTextBox(target)) {
      if (event.key === "Escape") take(() => this.leaveText(target))
      else event.stopPropagation() // Streamlit's own keys must not act either
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (this.briefing.isOpen) return event.key === "Enter" && take(() => this.begin())
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1]
    if (digit !== undefined) return this.current && take(() => this.onDigit(Number(digit), event.shiftKey))
    if (event.key === "Enter" && !(target.tagName === "BUTTON" && !target.dataset.value)) return take(() => this.save())
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (move && this.current && !target.closest?.(".txt")) return take(() => this.moveField(move))
    const action = {
      z: () => this.undo(),
      s: () => this.skip(),
      u: () => this.current && this.flip("_unsure"),
      f: () => this.current && this.flip("_odd"),
      n: () => this.openNote(),
      g: () => this.toggle("guidelineOpen"),
      "?": () => this.toggle("helpOpen"),
      "/": () => this.box.querySelector(".filter")?.focus(),
      c: () => {}, r: () => {}, // Streamlit would clear its cache or run again
    }[event.key.toLowerCase()]
    if (action) take(action)
  }

  onDigit(digit, shift) {
    const field = this.field
    if (digit === 0) return this.none(field)
    const option = this.offered(field)[digit - 1]
    if (field.kind === "custom") return this.custom?.digit?.(digit, shift)
    if (!option || isWritten(field)) return
    if (shift) this.toggleRead(option.value)
    else this.pick(field, option.value)
  }

  // Down goes into a text box first, and on to the next question once its box was left.
  moveField(step) {
    const goesIn = step > 0 && isWritten(this.field) && this.left !== this.field
    if (!goesIn) this.at = Math.max(0, Math.min(this.fields.length - 1, this.at + step))
    this.left = null
    this.paint()
    if (isWritten(this.field)) this.focusField()
  }

  leaveText(box) {
    this.left = this.field
    box.blur()
    this.box.focus()
    this.paint()
  }

  focusField() {
    this.box.querySelector(`[data-field="${this.field.name}"]`)?.querySelector("textarea, .number, .line")?.focus()
  }

  openNote() {
    if (!this.current) return
    this.noteOpen = true
    this.paint()
    this.box.querySelector(".note").focus()
  }

  toggle(name) {
    this[name] = !this[name]
    this.paint()
  }

  toggleRead(value) {
    if (!this.read.delete(value)) this.read.add(value)
    this.paint()
  }

  paint() { this.view.paint() }
  say(text) { this.said = text; this.box?.querySelector(".said")?.replaceChildren(text) }
}
