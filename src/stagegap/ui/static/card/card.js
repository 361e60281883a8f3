// The label card: one record at a time, keys first, nothing lost.
//
// From Python:  data = {context, queue, queues, who, form, guideline, version, read, changed, warmup, opened, items, last,
//               acknowledged, progress, due, words, onward}
// To Python:    state "outbox" = {events, at}, always the whole list of events that are not acknowledged. A trigger per
//               label would lose events when several arrive during one script run; a list that is sent again does not.
//               state "go" = {stage, queue, at}: where the person goes on; an empty queue is the random one.
// presence.js, kept.js, guideline.js, keys.js, answers.js, places.js, view.js and this file are one module: elements.py joins them, so
// that nothing needs a build.

const RETRY_MS = 4_000
const HISTORY = 50
const cards = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  return oneWidget(cards, parentElement, data, Card, card => card.receive(data, setStateValue))
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
    this.keys = new Keys(this)
    this.presence = new Presence(root)
    this.quickKey = `stagegap/quick/${data.who}`
    this.isQuick = device.read(this.quickKey) ?? true // a digit saves where one choice is the whole answer
    this.filters = {} // what is searched for, by field
    this.row = null // the row at hand in a search
    this.aside = {} // texts that "no answer" took the place of, by field
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
      ["keydown", event => this.keys.on(event)],
      ["click", event => this.presence.click(event)],
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

  receive(data, tell) {
    this.data = data
    this.tell = tell
    this.outbox.send = outbox => tell("outbox", outbox)
    this.outbox.acknowledge(data.acknowledged)
    if (this.outbox.unsent) this.outbox.flush()
    const onTheWay = this.outbox.own.map(event => event.record)
    const away = new Set([...this.handled, ...this.skipped, ...onTheWay, ...this.waiting.map(item => item.id), this.current?.id])
    this.waiting.push(...data.items.filter(item => !away.has(item.id)))
    if (data.last && !this.history.length && !this.handled.has(data.last.item.id)) this.history.push(data.last) // undo works after a reload
    const isFree = this.mayTakeFocus()
    if (!this.current && (this.warming.length || this.waiting.length)) {
      this.next()
      this.presence.came()
    } else if (this.isTyping) return this.view.refresh()
    else return this.paint()
    if (isFree) this.focusQuestion()
  }

  // A page that was just opened, or a click beside the card, leaves the focus to the card; a key that walks elsewhere does not.
  mayTakeFocus() {
    const focused = document.activeElement
    return !focused || focused === document.body || this.root.contains(focused) || Boolean(this.root.activeElement)
      || !(isTextBox(focused) || focused.matches(":focus-visible"))
  }

  // A field with `when` is asked only where another has that value. Where the output is seen, whether it is right comes
  // first, and what would be right where it is not.
  get fields() {
    const { fields, verdict } = this.data.form
    const asked = () => fields.filter(({ when }) => !when || this.values?.[when.field] === when.is)
    if (!this.current?.output) return asked()
    return this.values?.verdict === "correct" ? [verdict, ...asked()] : [verdict]
  }

  get field() { return this.fields[this.at] }
  get isTyping() { return isTextBox(this.root.activeElement) }
  get skippedLeft() { return this.data.items.filter(item => this.skipped.has(item.id)).length }
  // Whether there is a box to type into: then letters are text and no keys.
  get takesText() {
    if (!this.current || this.explained) return false
    return this.noteOpen || this.fields.some(field => isWritten(field) || isSearched(field)) || Boolean(this.custom?.element.querySelector(WRITABLE))
  }
  // Whether one choice is the whole answer.
  get savesByDigit() { return this.fields.length === 1 && this.field.kind === "choice" }
  get draftKey() { return `stagegap/draft/${this.context}/${this.current.id}` }

  // ---- going on ----

  next(values) {
    this.example = this.warming.shift() ?? null
    this.explained = false
    this.current = this.example?.item ?? this.waiting.shift() ?? null
    if (!this.current) this.said = this.said.replace(" Next record.", "")
    this.at = 0
    this.complaint = "" // the field that lacks something, by name
    this.filters = {}
    this.row = null
    this.aside = {}
    this.keys.left = null
    this.read = new Set()
    this.clock.restart()
    const own = this.current && this.current.id === this.opened?.item.id ? this.opened.values : null
    this.values = values ?? ((this.current && device.read(this.draftKey)) || { ...own })
    this.noteOpen = Boolean(this.values._note)
    this.custom = null
    const field = this.current && this.fields.find(({ kind }) => kind === "places")
    this.places = field && Places.inputOf(this.current, field) ? new Places(this, field) : null
    this.paint()
  }

  keepDraft() { device.write(this.draftKey, this.values) }

  // The record at hand from its beginning, ready to be answered.
  show() {
    if (this.box.getBoundingClientRect().top < 0) this.box.scrollIntoView({ block: "start" })
    this.focusQuestion()
  }

  finish(action, values) {
    this.clock.tick()
    const { _unsure, _odd, _note, ...answers } = this.values
    this.history.push({ item: this.current, values: { ...this.values } })
    if (this.history.length > HISTORY) this.history.shift()
    ;(action === "skip" ? this.skipped : this.handled).add(this.current.id)
    if (action !== "skip") device.remove(this.draftKey) // what was typed before a skip is there when the record comes again
    this.informed = true // of a changed guideline
    this.outbox.add({
      action, guideline: this.data.version, record: this.current.id, values: values ? answers : null, unsure: Boolean(_unsure), odd: Boolean(_odd),
      note: _note ?? "", active_ms: Math.round(this.clock.active),
    })
    this.next()
    this.show()
  }

  save() {
    if (!this.current) return this.goOnward()
    if (this.explained) return this.leaveExample()
    const place = this.fields.findIndex(field => this.whyNot(field))
    if (place >= 0) {
      this.at = place
      this.complaint = this.field.name
      this.said = ""
      this.paint()
      this.focusQuestion()
      return
    }
    if (this.example) return this.explain()
    this.said = `Saved${this.savesByDigit ? `: ${worded(this.values[this.field.name], this)}` : ""}. Next record.`
    this.finish("label", true)
  }

  explain() {
    this.explained = true
    if (!this.warming.length) device.write(this.warmKey, true)
    this.said = ""
    this.paint()
    this.show()
  }

  leaveExample() {
    device.remove(this.draftKey)
    this.said = this.warming.length ? "Next example." : "Now it counts."
    this.next()
    this.show()
  }

  begin() {
    this.briefing.close()
    this.clock.restart()
    this.paint()
    this.focusQuestion()
  }

  skip() {
    if (!this.current) return
    if (this.example) return this.leaveExample()
    this.said = `Skipped ${this.current.id}. It comes again at the end.`
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
    this.said = `Back to ${before.item.id}.`
    this.next(before.values)
    if (Object.keys(this.values).length) this.keepDraft() // the answer is taken back on the server, and must outlive a reload
    this.show()
  }

  goOnward() {
    const { onward } = this.data
    if (onward && !this.outbox.events.length) this.tell("go", { stage: onward.stage, queue: onward.queue, at: Date.now() })
  }

  offerSkipped() {
    this.skipped.clear()
    this.said = ""
    this.receive(this.data, this.tell)
    this.show()
  }

  // A leaf of a group that may be left out is required as soon as its group is begun.
  isRequired(field) {
    const isBegun = other => other.name.startsWith(`${field.within}/`) && this.values[other.name] !== undefined
    return field.required || Boolean(field.within && this.fields.some(isBegun))
  }

  whyNot(field) { return whyNot(field, this.values[field.name], this) }

  // What is said at a field that was found to lack something, for as long as it lacks it.
  problemOf(field) { return this.complaint === field.name ? this.whyNot(field) : "" }

  // ---- choosing ----

  set(field, value) {
    this.values[field.name] = value
    this.keepDraft()
    this.view.mind()
  }

  pick(field, value) {
    if (this.explained) return
    this.at = this.fields.indexOf(field)
    const before = this.values[field.name]
    if (field.kind === "toggles" || field.kind === "ranking") {
      const kept = (before ?? []).filter(chosen => chosen !== value)
      if (kept.length === (before ?? []).length) kept.push(value)
      this.set(field, kept.length ? kept : undefined)
    } else this.set(field, value)
    const isCorrected = field === this.data.form.verdict && value === "correct"
    if (isCorrected) this.correct()
    this.paint()
    if (isCorrected) this.focusQuestion()
  }

  // The output is what a correction starts from, but for what was written before.
  correct() {
    this.values = { ...this.current.draft, ...this.values }
    this.keepDraft()
    this.at = 1
  }

  // "None of these"; or what an optional choice was, taken back. A text that it takes the place of comes back with it.
  none(field) {
    if (this.explained) return
    const { name } = field
    if (this.canClear(field)) this.set(field, undefined)
    else if (field.kind === "long" && noneText(field)) {
      const isChosen = isNone(this.values[name])
      if (!isChosen) this.aside[name] = this.values[name]
      this.set(field, isChosen ? this.aside[name] : null)
    } else if (this.places) this.places.none()
    else if (noneText(field)) this.set(field, [])
    this.paint()
  }

  canClear(field) {
    return (field.kind === "choice" || field.kind === "list") && !this.isRequired(field) && this.values[field.name] !== undefined
  }

  flip(name) {
    this.values[name] = !this.values[name]
    this.keepDraft()
    this.paint()
  }

  flipQuick() {
    this.isQuick = !this.isQuick
    device.write(this.quickKey, this.isQuick)
    this.said = this.isQuick ? "A number key saves at once." : "A number key chooses, Enter saves."
    this.paint()
  }

  filterOf(field) { return this.filters[field.name] ?? "" }

  // What a field offers under the filter: candidates first, then what the search finds beyond them.
  offered(field) {
    const options = this.current.options[field.name] ?? field.options ?? []
    const words = this.filterOf(field).toLowerCase().split(/\s+/).filter(Boolean)
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

  // ---- where the focus is ----

  boxOf(field) {
    const question = this.box.querySelector(`[data-field="${CSS.escape(field.name)}"]`)
    return question?.querySelector(".placed .on input") ?? question?.querySelector(WRITABLE)
  }

  // The box of the question at hand has the focus. A search beside number keys waits for its first letter.
  focusQuestion() {
    const isAsked = this.current && !this.explained && !this.briefing.isOpen && !IS_TOUCHED
    const takesFocus = isAsked && (isWritten(this.field) || this.field.kind === "custom" || (this.field.kind === "list" && isSearched(this.field)))
    const box = takesFocus && this.boxOf(this.field)
    ;(box || this.box).focus({ preventScroll: true })
  }

  // The box that takes what is typed beside it: that of the question at hand, the next one below, or any.
  nearestBox() {
    const boxes = this.fields.slice(this.at).map(field => this.boxOf(field))
    return boxes.find(Boolean) ?? this.box.querySelector(".note")
  }

  openNote() {
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
  say(text) {
    this.said = text
    this.paint()
  }
}
