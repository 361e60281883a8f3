// How the label card is drawn. Texts of records only ever become text nodes: no HTML is made from data.
// Joined with card.js.

class View {
  constructor(card) { this.card = card }

  paint() {
    const { card } = this
    const focused = card.root.activeElement
    const kept = focused?.dataset?.focus
    const wasInside = Boolean(focused) || document.activeElement === document.body
    const attributes = {
      class: "card", tabindex: "-1", role: "form", "aria-label": card.data.form.question,
      "data-record": card.current?.id ?? "", "data-pending": card.outbox.events.length,
    }
    card.box = make("div", attributes,
      this.top(),
      make("div", { class: "sr said", "aria-live": "polite" }, card.said),
      ...(card.briefing.isOpen && card.current ? [this.brief()] : this.work()))
    card.root.querySelector("#card").replaceChildren(card.box)
    if (!wasInside) return
    const target = kept && card.box.querySelector(`[data-focus="${CSS.escape(kept)}"]`)
    ;(target || card.box).focus({ preventScroll: true })
  }

  work() {
    const { card } = this
    return [
      card.helpOpen && this.help(),
      card.guidelineOpen && this.guideline(),
      card.data.changed && !card.informed && this.change(),
      card.example && this.warmUp(),
      card.current ? make("div", { class: "columns" }, this.inputs(), this.answers()) : this.end(),
    ]
  }

  top() {
    const { done, total, median_ms } = this.card.data.progress
    const { events, own } = this.card.outbox
    const made = action => own.filter(event => event.action === action).length
    const now = done + made("label") - made("undo")
    const left = Math.ceil(((total - now) * median_ms) / 60_000)
    const [state, saved] = !events.length ? ["ok", "All saved"]
      : events.length <= 3 ? ["wait", "Saving"]
        : ["off", `${events.length} labels wait for the server`]
    const bar = {
      class: "bar", role: "progressbar", "aria-label": "Labels done",
      "aria-valuemin": 0, "aria-valuenow": now, "aria-valuemax": total,
    }
    return make("div", { class: "top" },
      make("span", { class: "blind" }, this.card.data.words?.badge ?? "◐ Blind: you see only what the stage saw"),
      make("span", {}, make("b", {}, String(now)), ` of ${total} ${this.card.data.words?.done ?? "done"}`),
      make("span", bar, make("i", { style: `width:${total ? Math.min(100, (100 * now) / total) : 0}%` })),
      median_ms && make("span", {}, make("b", {}, `${Math.max(1, Math.round(median_ms / 1000))} s`), ` per record, about ${left} min left`),
      make("span", { class: "saved", "data-state": state }, saved))
  }

  inputs() {
    const { current } = this.card
    return make("section", { class: "inputs", "aria-label": "What the stage saw" },
      current.inputs.map(input => make("div", {}, make("div", { class: "label" }, input.label), shown(input))),
      make("div", { class: "id" }, current.id))
  }

  answers() {
    const { card } = this
    const note = text => {
      card.values._note = text
      card.keepDraft()
    }
    return make("section", { class: "answers", "aria-label": "Your answer" },
      card.fields.map(field => this.question(field)),
      make("div", { class: "flags" },
        this.flag("_unsure", "U", "I am unsure"),
        this.flag("_odd", "F", "Something is odd here"),
        this.action("open-note", "N", "Note", () => card.openNote())),
      card.noteOpen && this.written("input", card.values._note ?? "", note,
        { class: "note", type: "text", placeholder: "Note for the team (optional)", "aria-label": "Note" }),
      this.actions())
  }

  actions() {
    const { card } = this
    const save = { type: "button", class: "go", "data-focus": "save", onclick: () => card.save() }
    return make("div", { class: "actions" },
      make("button", save, card.explained ? "Go on" : card.example ? "Compare" : "Save and next", cap(isWritten(card.fields[0]) ? "Ctrl ⏎" : "⏎")),
      this.action("skip", "S", "Skip", () => card.skip()),
      this.undo(),
      make("span", { class: "space" }),
      card.data.guideline && this.action("quiet guide", "G", "Guideline", () => card.toggle("guidelineOpen")),
      this.action("quiet keys", "?", "Keys", () => card.toggle("helpOpen")))
  }

  undo() {
    return this.action("undo", "Z", "Undo", () => this.card.undo(), { disabled: !this.card.history.length })
  }

  action(name, key, text, act, more = {}) {
    return make("button", { type: "button", class: name, "data-focus": name, onclick: act, ...more }, cap(key), text)
  }

  flag(name, key, text) {
    const attributes = {
      type: "button", role: "checkbox", "aria-checked": Boolean(this.card.values[name]),
      "data-focus": name, "data-value": name, onclick: () => this.card.flip(name),
    }
    return make("button", attributes, cap(key), text)
  }

  // ---- one question ----

  question(field) {
    const { card } = this
    const hint = card.isRequired(field) ? "" : "optional"
    const body = {
      choice: () => this.choices(field, "radio"),
      toggles: () => this.choices(field, "checkbox"),
      list: () => this.list(field),
      ranking: () => this.list(field),
      long: () => this.text(field),
      number: () => this.number(field),
      line: () => this.line(field),
      lines: () => this.lines(field),
      custom: () => this.custom(field),
    }[field.kind]
    const attributes = {
      class: card.field === field ? "question on" : "question", role: "group", "aria-label": field.label,
      "data-field": field.name,
    }
    return make("div", attributes,
      make("div", { class: "asked" }, field.label, hint && make("span", { class: "hint" }, hint), field.help && make("span", { class: "hint" }, field.help)),
      card.current.texts && make("div", { class: "txt", tabindex: "0", role: "group", "aria-label": field.name.toUpperCase() }, card.current.texts[field.name]),
      body(),
      this.none(field),
      card.problem && card.field === field && make("div", { class: "problem", role: "alert" }, card.problem))
  }

  option(field, option, place, role, checked, ...children) {
    const attributes = {
      type: "button", class: "option", role, "aria-checked": checked, "data-value": String(option.value),
      "data-focus": `option ${option.value}`, onclick: () => this.card.pick(field, option.value),
    }
    return make("button", attributes, cap(place < 9 ? place + 1 : "·"), children, make("span", { class: "tick" }))
  }

  choices(field, role) {
    const value = this.card.values[field.name]
    const isChosen = option => (role === "radio" ? value === option.value : (value ?? []).includes(option.value))
    const group = { class: field.wide ? "choices wide" : "choices", role: role === "radio" ? "radiogroup" : "group", "aria-label": field.label }
    return make("div", group, this.card.offered(field).map((option, place) =>
      this.option(field, option, place, role, isChosen(option),
        make("span", { class: "name" }, option.text ?? String(option.value)),
        option.help && make("small", {}, option.help))))
  }

  list(field) {
    const isRanking = field.kind === "ranking"
    const group = { class: "rows", role: isRanking ? "group" : "radiogroup", "aria-label": field.label }
    const rows = make("div", group)
    const fill = () => rows.replaceChildren(...this.rows(field, isRanking))
    const filter = text => {
      this.card.filter = text
      fill()
    }
    fill()
    const search = this.written("input", this.card.filter, filter, {
      class: "filter", type: "text", "data-focus": "filter", "aria-label": "Search",
      placeholder: isRanking ? "/  search all documents" : "/  search",
    })
    const count = (this.card.values[field.name] ?? []).length
    return make("div", {}, search, rows, isRanking && make("div", { class: "meta" },
      make("span", {}, "Order is random. Shift + number reads the document."),
      make("span", {}, `${count} chosen`)))
  }

  rows(field, isRanking) {
    const value = this.card.values[field.name]
    return this.card.offered(field).map((option, place) => {
      const rank = isRanking ? (value ?? []).indexOf(option.value) : -1
      const isChosen = isRanking ? rank >= 0 : value === option.value
      return this.option(field, option, place, isRanking ? "checkbox" : "radio", isChosen,
        isRanking && make("span", { class: "id" }, option.value),
        make("span", { class: "name" }, isRanking ? option.title : String(option.value)),
        rank >= 0 && make("span", { class: "place" }, `${rank + 1}.`),
        option.help && make("small", {}, option.help),
        this.card.read.has(option.value) && make("p", {}, option.text ?? ""))
    })
  }

  text(field) {
    const { card } = this
    const count = make("span", {}, words(card.values[field.name]))
    const take = text => {
      card.set(field, text === "" ? undefined : text)
      count.replaceChildren(words(text))
    }
    const hint = field.hint ?? "Write it as you would send it. ↓ goes into this box, Ctrl ⏎ saves."
    const box = this.written("textarea", card.values[field.name] ?? "", take,
      { "aria-label": field.label, "data-focus": field.name, placeholder: hint }, field)
    return make("div", {}, box, make("div", { class: "meta" },
      make("span", {}, "Draft is kept on this device until you save."), count))
  }

  number(field) {
    const take = text => this.card.set(field, text.trim() === "" ? undefined : Number(text.replace(",", ".")))
    const attributes = { class: "number", type: "text", inputmode: "decimal", "aria-label": field.label, "data-focus": field.name }
    return this.written("input", String(this.card.values[field.name] ?? ""), take, attributes, field)
  }

  line(field) {
    const take = text => this.card.set(field, text === "" ? undefined : text)
    const attributes = { class: "line", type: "text", "aria-label": field.label, "data-focus": field.name }
    return this.written("input", this.card.values[field.name] ?? "", take, attributes, field)
  }

  lines(field) {
    const take = text => {
      const found = text.split("\n").map(line => line.trim()).filter(Boolean)
      this.card.set(field, found.length ? found : undefined)
    }
    const attributes = { "aria-label": field.label, "data-focus": field.name, placeholder: field.hint, rows: "3" }
    return this.written("textarea", (this.card.values[field.name] ?? []).join("\n"), take, attributes, field)
  }

  // A form of the user's own, drawn once for each record and kept while the card around it is drawn again.
  custom(field) {
    const { card } = this
    if (card.custom?.record !== card.current) {
      const element = make("div", { class: "custom" })
      const drawn = { record: card.current, element }
      card.custom = drawn
      ownForm(card.data.form.module).then(module => {
        const { id, inputs, options } = card.current
        Object.assign(drawn, module.default({
          element, item: { id, inputs, options }, value: card.values[field.name],
          set: value => { if (card.custom === drawn) card.set(field, value) },
        }))
      }).catch(error => element.replaceChildren(`The form of this stage can't be drawn: ${error.message}`))
    }
    return card.custom.element
  }

  written(tag, value, take, attributes, field) {
    const { card } = this
    const box = make(tag, {
      ...attributes,
      oninput: () => {
        card.clock.tick()
        take(box.value)
      },
      onfocus: () => { if (field) card.at = card.fields.indexOf(field) },
    })
    box.value = value
    return box
  }

  none(field) {
    const text = noneText(field)
    if (!text) return null
    const attributes = {
      type: "button", class: "option none", role: "checkbox", "aria-checked": isNone(this.card.values[field.name]),
      "data-value": "none", "data-focus": `none ${field.name}`, onclick: () => this.card.none(field),
    }
    return make("button", attributes, cap("0"), make("span", { class: "name" }, text), make("span", { class: "tick" }))
  }

  // ---- around the record ----

  guideline() {
    const text = this.card.data.guideline
    return make("aside", { class: "panel", "aria-label": "Guideline" }, text ? guidelineText(text) : "There is no guideline for this stage.")
  }

  brief() {
    const { card } = this
    const next = card.warmups ? `${card.warmups} examples with explained answers come first; they do not count.` : "Then the first record comes."
    return make("section", { class: "panel brief", "aria-label": "Before you begin" },
      make("b", {}, "Read this once before you begin. "), `${next} G shows it again at any time.`,
      guidelineText(card.data.guideline),
      make("div", { class: "begin" }, make("button", { type: "button", class: "go", "data-focus": "begin", onclick: () => card.begin() }, "Begin", cap("⏎"))))
  }

  change() {
    const { day, lines } = this.card.data.changed
    return make("aside", { class: "panel change", "aria-label": "Changed guideline" },
      make("b", {}, `The guideline changed on ${day}. It counts from your next label on.`),
      lines.map(([sign, text]) => make("div", { class: sign === "+" ? "new" : "old" },
        make("span", { class: "sr" }, sign === "+" ? "new: " : "gone: "),
        make("span", { "aria-hidden": "true" }, sign === "+" ? "+ " : "− "), text)))
  }

  warmUp() {
    const { card } = this
    const place = card.warmups - card.warming.length
    const { values, explanation } = card.example
    return make("aside", { class: "panel warm", "aria-label": "Warm-up" },
      make("b", {}, `Warm-up ${place} of ${card.warmups}, not counted. `),
      card.explained
        ? [make("div", {}, "The team's answer: ", make("b", {}, worded(values.value, card))), make("div", {}, explanation)]
        : "Answer as you would; the team's answer is explained afterwards.")
  }

  help() {
    const keys = [
      ["1–9", "choose"], ["⇧ 1–9", "read a document"], ["0", "none of these"], ["/", "search"],
      ["↑ ↓", "move between questions, into a text box"], ["⏎", "save and next"], ["Ctrl ⏎", "save while writing"],
      ["Esc", "leave the text box"], ["Z", "undo the last record"], ["S", "skip"], ["U", "unsure"], ["F", "flag as odd"],
      ["N", "note"], ["G", "guideline"], ["?", "this list"],
    ]
    return make("div", { class: "panel help" }, keys.map(([key, text]) => make("div", {}, cap(key), text)))
  }

  end() {
    const { card } = this
    if (card.outbox.events.length && !card.skippedLeft) return make("div", { class: "end" }, "Saving, and looking for more records…")
    const skipped = card.skippedLeft
    return make("div", { class: "end" },
      make("h2", {}, card.data.words?.end ?? "Nothing left in this queue"),
      make("span", {}, `${card.data.words?.did ?? "You labelled"} ${card.data.progress.done} of ${card.data.progress.total} records. Z opens the last one again.`),
      make("div", { class: "flags" },
        this.undo(),
        skipped && make("button", { type: "button", "data-focus": "again", onclick: () => card.offerSkipped() }, "Show the skipped ones again")))
  }
}

// ---- small things ----------------------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value
    else if (name.startsWith("aria-")) element.setAttribute(name, String(value))
    else if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.flat(2).filter(child => child != null && child !== false && child !== "" && child !== 0))
  return element
}

const cap = key => make("kbd", { "aria-hidden": "true" }, String(key))
const isTextBox = element => Boolean(element?.matches?.("textarea, input, select, [contenteditable]"))
const isWritten = field => ["long", "number", "line", "lines"].includes(field.kind)

function whyNoText(field, text) {
  if (!text.trim()) return "Write an answer, or skip."
  if (text.length < (field.shortest ?? 0)) return `Write at least ${field.shortest} characters, or skip.`
  if (text.length > (field.longest ?? Infinity)) return `Write at most ${field.longest} characters, or skip.`
  return field.pattern && !new RegExp(field.pattern, "u").test(text) ? `Write it like ${field.pattern}, or skip.` : ""
}

function whyNoNumber(field, value) {
  const from = field.low != null ? ` from ${field.low}` : "", to = field.high != null ? ` up to ${field.high}` : ""
  const isWithin = value >= (field.low ?? -Infinity) && value <= (field.high ?? Infinity)
  if (field.whole && !Number.isInteger(value)) return `Write a whole number${from}${to}, or skip.`
  return isWithin ? "" : `Write a number${from}${to}, or skip.`
}

const ownForms = new Map()
function ownForm(text) {
  if (!ownForms.has(text)) ownForms.set(text, import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))))
  return ownForms.get(text)
}
const isNone = value => value === null || (Array.isArray(value) && value.length === 0)
// An answer in words, with the titles that the form knows.
function worded(value, card) {
  if (value === null) return "no answer is the right one"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (!Array.isArray(value)) return String(value)
  const titles = new Map([...card.data.form.catalogue, ...(card.current.options.value ?? []).map(one => [one.value, one.title])])
  return value.map(one => (titles.get(one) ? `${one} ${titles.get(one)}` : one)).join(", ") || "none of these"
}

const noneText = field => field.none ?? { ranking: "None of these", toggles: "None of these" }[field.kind]

function words(text) {
  const n = (text ?? "").split(/\s+/).filter(Boolean).length
  return `${n} word${n === 1 ? "" : "s"}`
}

function shown(input) {
  if (input.kind === "title") return make("h2", {}, input.value)
  if (input.kind === "tag") return make("span", { class: "tag" }, input.value)
  if (input.kind !== "documents")
    return make("div", { class: "txt", tabindex: "0", role: "group", "aria-label": input.label }, input.value)
  return input.value.map(({ id, title, text }) => make("p", { class: "document" },
    make("span", { class: "id" }, id), " ", make("b", {}, title), make("br", {}), text))
}
