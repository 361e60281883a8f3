// Reading whole records: pass or fail, the first stage that went wrong, a line of why and codes. Keys first, nothing lost.
//
// From Python:  data = {context, who, run, noun, nouns, stages, items, last, codes, acknowledged, progress, longest, corrects}
//               an item = {record, html, waits, own, codes, is_offered}; html is null while the person is to label it blind
// To Python:    state "outbox" = {events, at}, always the whole list of events that are not acknowledged
//               state "show" = {record, at}: a record that the person decides to see
// presence.js, element.js, kept.js, card/keys.js and this file are one module.
//
// Letters are keys only where nothing can be typed: beside the line of why they are pressed together with Alt.

const RETRY_MS = 4_000
const HISTORY = 50
const readers = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  return oneWidget(readers, parentElement, data, Reader, reader => reader.receive(data, setStateValue))
}

class Reader {
  constructor(root, data) {
    this.root = root
    this.box = root.querySelector("#read")
    this.context = data.context
    this.outbox = new Outbox(data.context, [], data.who)
    this.clock = new Clock()
    this.presence = new Presence(root)
    this.waiting = []
    this.handled = new Set()
    this.skipped = new Set()
    this.history = []
    this.fresh = [] // codes that were made here and that the server has not named yet
    this.current = null
    this.said = ""
    this.listeners = [
      ["keydown", event => this.key(event)],
      ["click", event => this.presence.click(event)],
      ["pointerdown", () => this.clock.tick()],
      ["wheel", () => this.clock.tick()],
    ]
    for (const [name, listener] of this.listeners)
      window.addEventListener(name, listener, { capture: true, passive: name === "wheel" })
    window.stagegapReader = this
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
    const now = this.current && data.items.find(item => item.record === this.current.record)
    const isShownNow = Boolean(now?.html) && !this.current.html
    if (isShownNow) {
      this.current = now
      this.clock.restart()
      this.presence.came()
    }
    const away = new Set([...this.handled, ...this.skipped, ...this.waiting.map(item => item.record), this.current?.record])
    this.waiting.push(...data.items.filter(item => !away.has(item.record)))
    if (data.last && !this.history.length && !this.handled.has(data.last.record)) this.history.push({ item: data.last })
    if (!this.current && this.waiting.length) {
      this.presence.came()
      return this.next()
    }
    if (isTextBox(this.root.activeElement)) return this.refresh()
    return this.paint()
  }

  // ---- where it stands ----

  get names() { return [...new Set([...this.data.codes.map(code => code.name), ...this.fresh])] }
  get draftKey() { return `stagegap/read/${this.context}/${this.current.record}` }
  get middle() { return Math.floor((this.low + this.high) / 2) }
  get takesText() { return this.step === "why" }
  // Stages that the search has left: those before `low` are right, and of those up to `high` one is wrong.
  begin(item, draft) {
    const { stages } = this.data
    this.current = item
    const own = draft ?? (item && device.read(this.draftKey)) ?? (item?.own && { ...item.own, codes: item.codes }) ?? {}
    this.verdict = own.verdict ?? ""
    this.stage = own.stage ?? ""
    this.note = own.note ?? ""
    this.right = own.right ?? ""
    this.chosen = new Set(own.codes ?? [])
    this.low = 0
    this.high = stages.length - 1
    this.step = this.verdict === "fail" ? "why" : "verdict"
    this.clock.restart()
  }

  next() {
    this.begin(this.waiting.shift() ?? null)
    this.paint()
    if (this.handled.size || this.skipped.size) this.box.scrollIntoView({ block: "start" })
    this.attend()
  }

  keepDraft() {
    device.write(this.draftKey, { verdict: this.verdict, stage: this.stage, note: this.note, right: this.right, codes: [...this.chosen] })
  }

  // ---- what a person does ----

  pass() { this.save("pass") }

  fail() {
    this.verdict = "fail"
    if (this.data.stages.length === 1) return this.blame(this.data.stages[0])
    this.step = "stage"
    this.paint()
    this.showStage(this.data.stages[this.middle])
    return this.attend()
  }

  // The search by halves: is everything right up to the stage in the middle?
  answer(isRight) {
    if (isRight) this.low = this.middle + 1
    else this.high = this.middle
    if (this.low === this.high) return this.blame(this.data.stages[this.low])
    this.paint()
    return this.showStage(this.data.stages[this.middle])
  }

  blame(stage) {
    this.stage = stage
    this.step = "why"
    this.keepDraft()
    this.paint()
    this.showStage(stage)
    this.attend()
  }

  back() {
    if (this.step === "why" && this.data.stages.length > 1) this.step = "stage"
    else this.step = "verdict"
    this.low = 0
    this.high = this.data.stages.length - 1
    this.paint()
    this.attend()
  }

  toggle(name) {
    if (!this.chosen.delete(name)) this.chosen.add(name)
    this.keepDraft()
    this.paint()
  }

  // What was written becomes a code that everybody has, and stands on the record.
  makeCode() {
    const name = this.note.trim().replace(/\s+/g, " ").slice(0, this.data.longest)
    if (!name) return this.say("Write what went wrong first; then it can become a code.")
    if (!this.names.includes(name)) this.fresh.push(name)
    this.chosen.add(name)
    this.note = ""
    this.keepDraft()
    this.said = `${name} is a code.`
    this.paint()
    return this.attend()
  }

  save(verdict) {
    const { current } = this
    if (!current?.html) return
    this.clock.tick()
    const stage = verdict === "fail" ? this.stage : ""
    const codes = verdict === "fail" ? [...this.chosen] : []
    const right = stage && this.data.corrects[stage] ? this.right.trim() : ""
    const draft = { verdict, stage, note: this.note, right, codes }
    if (right) this.outbox.events.push({ id: randomId(), queue: this.context, what: "verdict", action: "label", record: current.record, stage, value: right })
    for (const event of this.changesOfCodes(current, stage, codes)) this.outbox.events.push({ id: randomId(), queue: this.context, ...event })
    this.outbox.add({
      what: "reading", action: "read", record: current.record, verdict, stage, note: verdict === "fail" ? this.note : "",
      is_offered: current.is_offered, active_ms: Math.round(this.clock.active),
    })
    this.history.push({ item: { ...current, own: draft, codes }, draft })
    if (this.history.length > HISTORY) this.history.shift()
    this.handled.add(current.record)
    device.remove(this.draftKey)
    this.said = `${verdict === "pass" ? "Passed" : `Failed at ${stage}`}. Next ${this.data.noun}.`
    this.next()
  }

  // Codes that were on the record and are not any more, or stand at another stage now, are lifted; new ones are put on.
  changesOfCodes(item, stage, codes) {
    const before = item.own?.verdict === "fail" ? item.codes : []
    const stays = item.own?.stage === stage
    const event = (action, tag, at) => ({ what: "code", action, tag, record: item.record, stage: at })
    return [
      ...before.filter(name => !stays || !codes.includes(name)).map(name => event("lift", name, item.own.stage)),
      ...codes.filter(name => !stays || !before.includes(name)).map(name => event("add", name, stage)),
    ]
  }

  skip() {
    if (!this.current) return
    this.skipped.add(this.current.record)
    this.outbox.add({ what: "reading", action: "skip", record: this.current.record, is_offered: this.current.is_offered })
    this.said = `Skipped ${this.current.record}. It comes again at the end.`
    this.next()
  }

  undo() {
    const before = this.history.pop()
    if (!before) return this.say("Nothing to undo.")
    const { item } = before
    const draft = before.draft ?? { ...item.own, codes: item.codes }
    if (this.current) this.waiting.unshift(this.current)
    for (const event of this.changesOfCodes(item, "", [])) this.outbox.events.push({ id: randomId(), queue: this.context, ...event })
    const stage = draft.stage || item.own?.stage
    if (stage) this.outbox.events.push({ id: randomId(), queue: this.context, what: "verdict", action: "undo", record: item.record, stage })
    this.outbox.add({ what: "reading", action: "undo", record: item.record, is_offered: item.is_offered })
    this.handled.delete(item.record)
    this.said = `Back to ${item.record}.`
    this.begin({ ...item, own: null, codes: [] }, draft)
    this.keepDraft()
    this.paint()
    this.box.scrollIntoView({ block: "start" })
    return this.attend()
  }

  show() { this.tell("show", { record: this.current.record, at: Date.now() }) }

  again() {
    this.skipped.clear()
    this.receive(this.data, this.tell)
  }

  say(text) {
    this.said = text
    this.paint()
  }

  // ---- keys and focus ----

  key(event) {
    if (window.stagegapReader !== this || !this.root.isConnected) return
    if (document.querySelector('[data-testid="stDialog"]')) return
    const target = event.composedPath()[0]
    if (isTextBox(target) && !this.box.contains(target)) return
    if (target?.closest?.("[role=radiogroup], [role=combobox], [role=listbox], [role=option], summary")) return
    this.clock.tick()
    const take = action => {
      event.preventDefault()
      event.stopPropagation()
      if (!event.repeat) action()
    }
    if (event.isComposing) return event.stopPropagation()
    if (!isTextBox(target) && this.presence.isAbsent(event)) return take(() => {})
    const isChord = event[CHORD] && !event.metaKey && event.altKey !== event.ctrlKey
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey
    const command = (isChord || (isPlain && !this.takesText)) && this.command(event.key.toLowerCase(), isChord)
    if (command) return take(command)
    if (!isPlain) return
    if (event.key === "Escape" && this.current) return take(() => isTextBox(target) ? this.box.querySelector(".panel").focus() : this.back())
    const isNewLine = event.shiftKey && target?.tagName === "TEXTAREA"
    if (event.key === "Enter" && !isNewLine && this.step === "why" && (isTextBox(target) || target?.tagName !== "BUTTON")) return take(() => this.save("fail"))
    if (isTextBox(target)) return event.stopPropagation()
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1]
    if (digit && this.current?.html) return take(() => this.digit(Number(digit) - 1))
    if (event.key.length === 1 && this.takesText && !(event.key === " " && target.tagName === "BUTTON")) {
      event.stopPropagation()
      this.box.querySelector(".note")?.focus()
    }
  }

  command(key, isChord) {
    if (!this.current) return { z: () => this.undo(), s: this.skipped.size ? () => this.again() : null }[key]
    const always = { z: () => this.undo(), s: () => this.skip() }
    if (!this.current.html) return { ...always, l: () => this.show() }[key]
    const own = {
      verdict: { p: () => this.pass(), f: () => this.fail() },
      stage: { y: () => this.answer(true), n: () => this.answer(false) },
      why: isChord ? { c: () => this.makeCode() } : {},
    }[this.step]
    return { ...always, c: isChord ? null : () => {}, r: isChord ? null : () => {}, ...own }[key] // C and R are Streamlit's
  }

  digit(place) {
    if (this.step === "stage" && this.data.stages[place]) this.blame(this.data.stages[place])
    else if (this.step === "why" && this.names[place]) this.toggle(this.names[place])
  }

  // Who has no codes to choose from writes; everybody else has the number keys.
  attend() {
    const writes = this.step === "why" && this.current?.html && !this.names.length && !IS_TOUCHED
    ;(writes ? this.box.querySelector(".note") : this.box.querySelector(".panel"))?.focus({ preventScroll: true })
  }

  showStage(stage) {
    for (const section of this.box.querySelectorAll("[data-stage]")) section.classList.toggle("at", section.dataset.stage === stage)
    this.box.querySelector("[data-stage].at")?.scrollIntoView({ block: "nearest" })
  }

  // ---- drawing ----

  paint() {
    const focused = this.root.activeElement
    const kept = focused?.dataset?.f
    const place = isTextBox(focused) && focused.selectionStart != null ? [focused.selectionStart, focused.selectionEnd] : null
    const wasInside = Boolean(focused) || document.activeElement === document.body
    const panel = this.panel()
    if (this.drawn !== this.current?.record || !this.box.firstChild || this.html !== this.current?.html) {
      this.drawn = this.current?.record
      this.html = this.current?.html
      const flow = element("div", { class: "flow" })
      // The app's own drawing, in which every text is escaped.
      // ast-grep-ignore: no-markup-from-strings
      if (this.html) flow.innerHTML = this.html
      else if (this.current) flow.append(...this.sealed())
      equip(flow)
      this.box.replaceChildren(this.top(), element("div", { class: "columns" }, flow, panel))
    } else {
      this.refresh()
      this.box.querySelector(".panel").replaceWith(panel)
    }
    this.box.dataset.record = this.current?.record ?? ""
    this.box.dataset.step = this.step ?? ""
    if (!wasInside) return
    const before = kept && this.box.querySelector(`[data-f="${CSS.escape(kept)}"]`)
    ;(before || this.box.querySelector(".panel")).focus({ preventScroll: true })
    if (before && place) before.setSelectionRange(...place)
  }

  refresh() {
    this.box.dataset.pending = this.outbox.events.length
    this.box.querySelector(".top").replaceWith(this.top())
  }

  top() {
    const { progress, nouns } = this.data
    const waits = this.outbox.events.length
    this.box.dataset.pending = waits
    return element("div", { class: "top" },
      element("b", {}, `${progress.done.toLocaleString("en")} read`),
      element("span", {}, `${progress.passed.toLocaleString("en")} passed; a fair sample of ${progress.total.toLocaleString("en")} ${nouns}`),
      element("span", { class: "saved", role: "status" }, waits ? `${waits} not saved yet` : "All saved"),
      ...(progress.done ? [element("a", { href: "#what-went-wrong", onclick: event => {
        event.preventDefault()
        document.getElementById("what-went-wrong")?.scrollIntoView()
      } }, "What went wrong so far")] : []))
  }

  panel() {
    const parts = !this.current ? this.nothing() : !this.current.html ? this.blind() : this[`ask_${this.step}`]()
    return element("div", { class: "panel", tabindex: "-1", role: "form", "aria-label": "What you say of it" },
      ...(this.current ? [element("h2", {}, this.current.record)] : []),
      ...(this.current && !this.current.is_offered ? [element("p", { class: "quiet" }, "Looked up: what you say of it enters no rate.")] : []),
      ...parts,
      element("div", { class: "row" },
        ...(this.current ? [this.button("skip", "S", "Skip", () => this.skip())] : []),
        this.button("undo", "Z", "Undo", () => this.undo(), this.history.length ? {} : { disabled: "" })),
      element("p", { class: "said", "aria-live": "polite" }, this.said))
  }

  nothing() {
    if (this.skipped.size) return [
      element("p", {}, "Only skipped ones are left."), this.button("again", "S", "Read them", () => this.again()),
    ]
    return [element("p", {}, "You have read the whole sample.")]
  }

  sealed() {
    const { noun } = this.data
    return [
      element("h2", {}, "Sealed"),
      element("p", {}, `What the system answered to this ${noun} is not on this page: the ${noun} still waits for your own answer at ${this.current.waits.join(", ")}, given without having seen the system's.`),
    ]
  }

  blind() {
    const { noun } = this.data
    return [
      element("p", {}, `Looking at what the system answered takes this ${noun} out of your queue, because you would not be blind to it. Skipped, it comes again at the end.`),
      this.button("go", "L", "Look at it", () => this.show()),
    ]
  }

  ask_verdict() {
    return [
      element("p", { class: "asked" }, "Did it end well?"),
      element("div", { class: "row" },
        this.button("go", "P", "Pass", () => this.pass()),
        this.button("go", "F", "Fail", () => this.fail())),
    ]
  }

  ask_stage() {
    const { stages } = this.data
    return [
      element("p", { class: "asked" }, "Is everything right up to ", element("b", {}, stages[this.middle]), "?"),
      element("div", { class: "row" },
        this.button("go", "Y", "Yes", () => this.answer(true)),
        this.button("go", "N", "No", () => this.answer(false))),
      element("p", { class: "quiet" }, "Or say which stage went wrong first:"),
      element("div", { class: "list" }, ...stages.map((stage, place) =>
        this.choice(place, stage, place >= this.low && place <= this.high ? "" : "out", () => this.blame(stage)))),
    ]
  }

  ask_why() {
    const box = element("input", {
      class: "note", type: "text", maxlength: "500", "data-f": "note", "aria-label": "Why, in a line", placeholder: "Why, in a line",
      oninput: event => {
        this.note = event.target.value
        this.keepDraft()
      },
    })
    box.value = this.note
    const meaning = new Map(this.data.codes.map(code => [code.name, code.definition]))
    return [
      element("p", { class: "asked" }, "First wrong at ", element("b", {}, this.stage), ". Why?"),
      ...(this.names.length ? [element("div", { class: "list", role: "group", "aria-label": "Codes" }, ...this.names.map((name, place) => {
        const button = this.choice(place, name, this.chosen.has(name) ? "on" : "", () => this.toggle(name))
        button.setAttribute("aria-pressed", String(this.chosen.has(name)))
        const text = meaning.get(name)
        if (text) button.append(element("small", {}, text))
        return button
      }))] : []),
      box,
      ...this.correction(),
      element("div", { class: "row" },
        this.button("go", "⏎", "Save and next", () => this.save("fail")),
        this.button("code", `${CHORD_NAME}C`, "Make the line a code", () => this.makeCode()),
        this.button("back", "Esc", "Back", () => this.back())),
    ]
  }

  // What the stage should have answered, where that can be said in a box: a reference by somebody who saw the output.
  correction() {
    const form = this.data.corrects[this.stage]
    if (!form) return []
    const text = `What ${this.stage} should have answered (optional)`
    const take = event => {
      this.right = form.values && form.many ? [...event.target.selectedOptions].map(option => option.value).join("\n") : event.target.value
      this.keepDraft()
    }
    const attributes = { class: "right", "data-f": "right", "aria-label": text, oninput: take }
    if (form.values && form.many) {
      const chosen = new Set(this.right.split("\n"))
      const options = form.values.map(value => element("option", { value, ...(chosen.has(value) ? { selected: "" } : {}) }, value))
      return [element("p", { class: "quiet" }, text), element("select", { ...attributes, multiple: "", size: String(Math.min(6, options.length)) }, ...options)]
    }
    const box = form.values
      ? element("select", attributes, element("option", { value: "" }, text), ...form.values.map(value => element("option", { value }, value)))
      : element("textarea", { ...attributes, rows: form.many ? "3" : "2", placeholder: form.many ? `${text}, ${form.lines}` : text })
    box.value = this.right
    return [box]
  }

  choice(place, text, mark, act) {
    return element("button", { type: "button", class: `choice ${mark}`.trim(), "data-f": `choice ${text}`, onclick: act },
      ...(place < 9 ? [cap(place + 1)] : []), element("span", {}, text))
  }

  button(name, key, text, act, more = {}) {
    const letter = this.takesText && /^[A-Z]$/.test(key) ? `${CHORD_NAME}${key}` : key
    return element("button", { type: "button", class: name, "data-f": `${name} ${text}`, onclick: act, ...more }, cap(letter), text)
  }
}

const cap = key => element("kbd", { "aria-hidden": "true" }, String(key))
