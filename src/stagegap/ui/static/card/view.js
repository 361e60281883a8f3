// How the label card is drawn. Texts of records only ever become text nodes: no HTML is made from data.
// Joined with card.js.

class View {
  constructor(card) { this.card = card }

  paint() {
    const { card } = this
    const focused = card.root.activeElement
    const kept = focused?.dataset?.focus
    const place = isTextBox(focused) && focused.type !== "range" ? [focused.selectionStart, focused.selectionEnd] : null
    const wasInside = Boolean(focused) || document.activeElement === document.body
    const attributes = {
      class: "card", tabindex: "-1", role: "form", "aria-label": card.data.form.question,
      "data-record": card.current?.id ?? "", "data-pending": card.outbox.events.length,
    }
    card.box = make("div", attributes,
      this.top(),
      ...(card.briefing.isOpen && card.current ? [this.brief()] : this.work()))
    card.box.addEventListener("focusin", event => this.follow(event.target))
    card.root.querySelector("#card").replaceChildren(card.box)
    const inputs = card.box.querySelector(".inputs")
    inputs?.classList.toggle("pinned", inputs.offsetHeight < window.innerHeight - 90) // a record that fits stays beside a long form
    card.places?.draw()
    if (!wasInside) return
    const before = kept && card.box.querySelector(`[data-focus="${CSS.escape(kept)}"]`)
    const question = before?.closest("[data-field]")
    const target = !question || question.dataset.field === card.field?.name ? before : null // another question is at hand
    ;(target || card.box).focus({ preventScroll: true })
    if (target && place && place[0] !== null && isTextBox(target)) target.setSelectionRange(...place)
  }

  // The question at hand is the one that the focus is in.
  follow(target) {
    const { card } = this
    const name = target.closest?.("[data-field]")?.dataset.field
    const at = card.fields.findIndex(field => field.name === name)
    if (at < 0 || at === card.at) return
    card.at = at
    for (const question of card.box.querySelectorAll(".question")) question.classList.toggle("on", question.dataset.field === name)
  }

  // What a value changes around its field: a message goes when its cause does, and a group that is begun asks for its rest.
  mind() {
    const { card } = this
    for (const field of card.fields) {
      const question = card.box.querySelector(`[data-field="${CSS.escape(field.name)}"]`)
      const optional = question?.querySelector(".optional"), problem = question?.querySelector(".problem"), text = card.problemOf(field)
      if (optional) optional.hidden = card.isRequired(field)
      if (problem && !text) problem.remove()
      else if (problem) problem.replaceChildren(text)
    }
    if (!card.fields.some(field => card.problemOf(field))) card.complaint = ""
  }

  // What the server said, around a box that somebody types into.
  refresh() {
    this.card.box.dataset.pending = this.card.outbox.events.length
    this.card.box.querySelector(".top").replaceWith(this.top())
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
    const { done, skipped, total, median_ms } = this.card.data.progress
    const { events, own } = this.card.outbox
    const sent = action => own.filter(event => event.action === action).length
    const now = done + sent("label") - sent("undo")
    const passed = Math.max(0, (skipped ?? 0) + sent("skip"))
    const left = Math.max(0, total - now)
    const minutes = Math.ceil((left * median_ms) / 60_000)
    const [state, saved] = !events.length ? ["ok", "All saved"]
      : events.length <= 3 ? ["wait", "Saving"]
        : ["off", `${events.length} labels wait for the server`]
    const bar = {
      class: "bar", role: "progressbar", "aria-label": "Labels done",
      "aria-valuemin": 0, "aria-valuenow": now, "aria-valuemax": total,
    }
    return make("div", { class: "top" },
      make("span", { class: "blind" }, this.badge()),
      make("span", { class: "left" }, make("b", {}, String(left)), " left"),
      make("span", {}, make("b", {}, String(now)), ` of ${total} ${this.card.data.words?.done ?? "done"}`),
      this.card.data.due && left > 0 && make("span", { class: "due" }, "until ", make("b", {}, this.card.data.due)),
      passed && make("span", { class: "passed" }, make("b", {}, String(passed)), " skipped"),
      make("span", bar, make("i", { style: `width:${total ? Math.min(100, (100 * now) / total) : 0}%` })),
      median_ms && left && make("span", {}, `about ${minutes} min at your pace`),
      make("span", { class: "saved", "data-state": state }, saved))
  }

  badge() {
    if (this.card.current?.output) return "◉ Not blind: you see what the system answered"
    return this.card.data.words?.badge ?? "◐ Blind: you see what the system saw, not what it answered"
  }

  inputs() {
    const { current } = this.card
    return make("section", { class: "inputs", "aria-label": "What the stage saw" },
      current.inputs.map(input => make("div", {}, make("div", { class: "label" }, input.label), this.input(input))),
      current.output && make("div", { class: "output" }, make("div", { class: "label" }, current.output.label), shown(current.output)),
      make("div", { class: "id" }, current.id))
  }

  // One input; what places lie in is where they are drawn, and given places are seen there.
  input(input) {
    const { places } = this.card
    if (places?.input === input) return places.sheet
    return places && input.places === places.given ? make("div", { class: "hint" }, `${places.given.length} places, dashed`) : shown(input)
  }

  answers() {
    const { card } = this
    const note = text => {
      card.values._note = text
      card.keepDraft()
    }
    return make("section", { class: "answers", "aria-label": "Your answer" },
      card.fields.map(field => this.question(field)),
      !card.explained && make("div", { class: "flags" },
        this.flag("_unsure", "U", "I am unsure"),
        this.flag("_odd", "F", "Something is odd here"),
        this.action("open-note", "N", "Note", () => card.openNote())),
      card.noteOpen && this.written("input", card.values._note ?? "", note,
        { class: "note", type: "text", placeholder: "Note for the team (optional)", "aria-label": "Note", "data-focus": "note" }),
      this.actions())
  }

  actions() {
    const { card } = this
    const save = { type: "button", class: "go", "data-focus": "save", onclick: () => card.save() }
    const saving = !card.explained && card.fields.some(isWritten) && (card.fields.length > 1 || !["line", "number"].includes(card.field.kind)) ? "Ctrl ⏎" : "⏎"
    return make("div", { class: "actions" },
      make("button", save, card.explained ? "Go on" : card.example ? "Compare" : "Save and next", cap(saving)),
      !card.explained && this.action("skip", "S", "Skip", () => card.skip()),
      this.undo(),
      make("div", { class: "under" },
        this.status(),
        card.savesByDigit && !card.explained && this.quick(),
        card.data.guideline && this.action("quiet guide", "G", "Guideline", () => card.toggle("guidelineOpen")),
        this.action("quiet keys", "?", "Keys", () => card.toggle("helpOpen"))))
  }

  // What was done last, for the eye and for a screen reader: a skip must not go by unseen.
  status() {
    const { said } = this.card
    return make("div", { class: said.startsWith("Skipped") ? "said skipped" : "said", "aria-live": "polite" }, said)
  }

  undo() {
    return this.action("undo", "Z", "Undo", () => this.card.undo(), { disabled: !this.card.history.length })
  }

  quick() {
    const { card } = this
    return this.action("quiet quick", "D", `A digit saves: ${card.isQuick ? "on" : "off"}`, () => card.flipQuick(), { role: "switch", "aria-checked": card.isQuick })
  }

  // The cap of a key: with Alt in a form where letters are text, and where N says no.
  key(letter) {
    const { card } = this
    const isNo = letter === "N" && card.current && !card.explained && isYesNo(card.field)
    return card.takesText || isNo ? `${CHORD_NAME}${letter}` : letter
  }

  action(name, key, text, act, more = {}) {
    return make("button", { type: "button", class: name, "data-focus": name, onclick: act, ...more }, cap(this.key(key)), text)
  }

  flag(name, key, text) {
    const attributes = {
      type: "button", role: "checkbox", "aria-checked": Boolean(this.card.values[name]),
      "data-focus": name, "data-value": name, onclick: () => this.card.flip(name),
    }
    return make("button", attributes, cap(this.key(key)), text)
  }

  // ---- one question ----

  question(field) {
    const { card } = this
    const optional = !field.required && make("span", { class: "hint optional", hidden: card.isRequired(field) }, "optional")
    const problem = card.problemOf(field)
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
      places: () => card.places?.body() ?? make("div", { class: "hint" }, "The stage was given nothing here that places could lie in."),
    }[field.kind]
    const attributes = {
      class: card.field === field ? "question on" : "question", role: "group", "aria-label": field.label,
      "data-field": field.name,
    }
    return make("div", attributes,
      make("div", { class: "asked" }, field.label, optional, field.help && make("span", { class: "hint" }, field.help)),
      card.current.texts?.[field.name] && make("div", { class: "txt", tabindex: "0", role: "group", "aria-label": field.name.toUpperCase() }, valueOf(card.current.texts[field.name])),
      body(),
      this.none(field),
      problem && make("div", { class: "problem", role: "alert" }, problem))
  }

  option(field, option, place, role, checked, ...children) {
    const mark = markOf(field, option, this.card)
    const attributes = {
      type: "button", class: `option ${mark}`.trim(), role, "aria-checked": checked, "data-value": String(option.value),
      "data-focus": `option ${field.name} ${option.value}`, onclick: () => this.card.pick(field, option.value),
    }
    const said = { right: "✓ right", missed: "✓ the right one", wrong: "✗ not right" }[mark]
    const letter = !this.card.takesText && isYesNo(field) && cap(option.value ? "Y" : "N")
    return make("button", attributes, make("span", { class: "caps" }, cap(place < 9 ? place + 1 : "·"), letter), children,
      said ? make("span", { class: "mark" }, said) : make("span", { class: "tick" }))
  }

  choices(field, role) {
    const value = this.card.values[field.name]
    const isChosen = option => (role === "radio" ? value === option.value : (value ?? []).includes(option.value))
    const group = { class: field.wide ? "choices wide" : "choices", role: role === "radio" ? "radiogroup" : "group", "aria-label": field.label }
    return make("div", group, this.card.offered(field).map((option, place) =>
      this.option(field, option, place, role, isChosen(option),
        make("span", { class: "name" }, option.text ?? String(option.value), option.drawn && valueOf(option.drawn, true)),
        option.help && make("small", {}, option.help))))
  }

  list(field) {
    const { card } = this
    const isRanking = field.kind === "ranking"
    const group = { class: "rows", role: isRanking ? "group" : "radiogroup", "aria-label": field.label }
    const filter = text => {
      card.filters[field.name] = text
      card.row = text.trim() ? 0 : null
      this.refill(field)
    }
    const search = isSearched(field) && this.written("input", card.filterOf(field), filter, {
      class: "filter", type: "text", "data-focus": `filter ${field.name}`, "aria-label": "Search",
      placeholder: `${isRanking ? "Type to search all documents" : "Type to search"}${IS_TOUCHED ? "" : ": ↑ ↓ and ⏎ choose"}`,
    }, field)
    const count = (card.values[field.name] ?? []).length
    return make("div", {}, search, make("div", group, this.rows(field, isRanking)), isRanking && make("div", { class: "meta" },
      make("span", {}, `Order is random.${IS_TOUCHED ? "" : " Shift + number reads the document."}`),
      make("span", {}, `${count} chosen`)))
  }

  // The rows of a search again, without the box that somebody types into.
  refill(field) {
    const question = this.card.box.querySelector(`[data-field="${CSS.escape(field.name)}"]`)
    question.querySelector(".rows").replaceChildren(...this.rows(field, field.kind === "ranking"))
    const row = question.querySelector(".option.at")
    row?.scrollIntoView({ block: "nearest" })
    if (row) question.querySelector(".filter").setAttribute("aria-activedescendant", row.id)
    else question.querySelector(".filter").removeAttribute("aria-activedescendant")
  }

  rows(field, isRanking) {
    const { card } = this
    const value = card.values[field.name]
    const rows = card.offered(field).map((option, place) => {
      const rank = isRanking ? (value ?? []).indexOf(option.value) : -1
      const isChosen = isRanking ? rank >= 0 : value === option.value
      const row = this.option(field, option, place, isRanking ? "checkbox" : "radio", isChosen,
        isRanking && make("span", { class: "id" }, option.value),
        make("span", { class: "name" }, isRanking ? option.title : String(option.value)),
        rank >= 0 && make("span", { class: "place" }, `${rank + 1}.`),
        option.help && make("small", {}, option.help),
        card.read.has(option.value) && make("p", {}, option.drawn ? valueOf(option.drawn, true) : option.text ?? ""))
      row.id = `row-${place}`
      row.classList.toggle("at", card.field === field && card.row === place)
      return row
    })
    return rows.length ? rows : [make("div", { class: "hint" }, "Nothing here matches.")]
  }

  text(field) {
    const { card } = this
    const count = make("span", {}, words(card.values[field.name]))
    const take = text => {
      card.set(field, text === "" ? undefined : text)
      count.replaceChildren(words(text))
    }
    const hint = field.hint ?? `Write it as you would send it.${IS_TOUCHED ? "" : " Ctrl ⏎ saves."}`
    const box = this.written("textarea", card.values[field.name] ?? "", take,
      { "aria-label": field.label, "data-focus": field.name, placeholder: hint }, field)
    return make("div", {}, box, make("div", { class: "meta" },
      make("span", {}, "Draft is kept on this device until you save."), count))
  }

  number(field) {
    const take = text => this.card.set(field, text.trim() === "" ? undefined : text.trim())
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
      const written = text.split("\n").map(line => line.trim()).filter(Boolean)
      this.card.set(field, written.length ? written : undefined)
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
        if (card.custom !== drawn || card.isTyping) return
        card.paint() // its boxes decide what letters mean
        if (card.mayTakeFocus()) card.focusQuestion()
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
      readOnly: card.explained, // after a warm-up example its answer stands beside the team's
    })
    box.value = value
    return box
  }

  none(field) {
    const { card } = this
    const text = noneText(field) ?? (card.canClear(field) && "Leave it open")
    if (!text || card.explained || (field.kind === "places" && card.places?.list.length)) return null
    const isLeftOpen = !noneText(field)
    const attributes = {
      type: "button", class: isLeftOpen ? "quiet clear" : "option none", "data-focus": `none ${field.name}`, onclick: () => card.none(field),
      ...(isLeftOpen ? {} : { role: "checkbox", "aria-checked": isNone(card.values[field.name]), "data-value": "none" }),
    }
    return make("button", attributes, cap(isWritten(field) ? `${CHORD_NAME}0` : "0"), make("span", { class: "name" }, text), make("span", { class: "tick" }))
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
    const verdict = card.explained ? isTeams(card) : null
    const kind = { true: "panel warm right", false: "panel warm wrong", null: "panel warm" }[verdict]
    const said = { true: "✓ Right.", false: "✗ Not right.", null: "Compare yours with the team's." }[verdict]
    return make("aside", { class: kind, "aria-label": "Warm-up" },
      make("b", {}, `Warm-up ${place} of ${card.warmups}, not counted. `),
      card.explained
        ? [
            make("div", { class: "verdict", role: "status" }, said),
            verdict === false && make("div", {}, "Your answer: ", make("b", {}, this.inWords(card.values))),
            make("div", {}, "The team's answer: ", make("b", {}, this.inWords(values))),
            make("div", {}, explanation),
          ]
        : "Answer as you would; the team's answer is explained afterwards.")
  }

  // The whole answer in a line: its one value, or each field of an object.
  inWords(values) {
    const { fields } = this.card
    if (fields[0].name === "value") return fields[0].kind === "custom" ? JSON.stringify(values.value) : worded(values.value ?? "", this.card)
    return fields.filter(({ name }) => values[name] !== undefined && name !== "facts").map(({ name, label }) => `${label}: ${worded(values[name], this.card)}`).join("; ")
  }

  help() {
    const { card } = this
    const letter = key => this.key(key)
    const has = test => card.current && card.fields.some(test)
    const keys = [
      ...(card.current && card.places?.help) || [], has(field => !isWritten(field) && field.kind !== "places") && ["1–9", "choose"], has(field => field.kind === "ranking") && ["⇧ 1–9", "read a document"],
      has(noneText) && ["0", "none of these"], card.takesText && ["A–Z", "write: letters go into the box"],
      card.fields.length > 1 && ["↑ ↓", "the question before or after"], has(isSearched) && ["↑ ↓", "through the search, ⏎ takes the row"],
      ["⏎", card.fields.length > 1 && has(isWritten) ? "the next box" : "save and next"], card.takesText && ["Ctrl ⏎", "save from anywhere"],
      card.takesText && ["Esc", "leave the box"], [letter("Z"), "undo the last record"], [letter("S"), "skip"],
      ...(this.card.box?.querySelector("audio") ? [[card.takesText ? letter("P") : "Space", "play or pause"], [letter("B"), "back 2 seconds"], [letter("L"), "slower"]] : []),
      [letter("U"), "unsure"], [letter("F"), "flag as odd"], [letter("N"), "note"], [letter("G"), "guideline"],
      card.savesByDigit && [letter("D"), "a digit saves at once, or chooses only"], [letter("?"), "this list"],
    ]
    return make("div", { class: "panel help" }, keys.filter(Boolean).map(([key, text]) => make("div", {}, cap(key), text)))
  }

  end() {
    const { card } = this
    if (card.outbox.events.length && !card.skippedLeft) return make("div", { class: "end" }, "Saving, and looking for more records…")
    const { skippedLeft, data: { onward, progress, words } } = card
    const waits = (onward?.left ? `, ${onward.left} left` : "") + (onward?.due ? `, until ${onward.due}` : "")
    return make("div", { class: "end" },
      make("h2", {}, words?.end ?? (skippedLeft ? "Only the skipped ones are left" : "All answered. Thank you.")),
      make("span", {}, `${words?.did ?? "You labelled"} ${progress.done} of ${progress.total} records.`),
      onward && make("div", { class: "onward" }, "Next: ", make("b", {}, onward.question), ` (${onward.stage}${waits})`),
      !onward && !words?.end && !skippedLeft && make("span", {}, "No other question waits for you. You can close this page."),
      make("div", { class: "flags" },
        onward && make("button", { type: "button", class: "go", "data-focus": "onward", onclick: () => card.goOnward() }, `Go on to ${onward.stage}`, cap("⏎")),
        skippedLeft && make("button", { type: "button", "data-focus": "again", onclick: () => card.offerSkipped() }, cap("S"), "Show the skipped ones again"),
        this.undo()),
      this.status())
  }
}

// ---- small things ----------------------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on") || name === "readOnly") element[name] = value
    else if (name.startsWith("aria-")) element.setAttribute(name, String(value))
    else if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.flat(2).filter(child => child != null && child !== false && child !== "" && child !== 0))
  return element
}

const cap = key => make("kbd", { "aria-hidden": "true" }, String(key))
const ownForms = new Map()
function ownForm(text) {
  if (!ownForms.has(text)) ownForms.set(text, import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))))
  return ownForms.get(text)
}

function words(text) {
  const n = (text ?? "").split(/\s+/).filter(Boolean).length
  return `${n} word${n === 1 ? "" : "s"}`
}

function shown(input) {
  if (input.kind === "title") return make("h2", {}, input.value)
  if (input.kind === "tag") return make("span", { class: "tag" }, input.value)
  return make("div", { class: "txt", tabindex: "0", role: "group", "aria-label": input.label },
    input.drawn ? valueOf(input.drawn) : String(input.value))
}
