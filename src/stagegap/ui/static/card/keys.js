// Which key does what on the label card. Letters are keys only where nothing can be typed: in a form with a box they go
// into the box, and its commands are pressed together with Alt (Ctrl on a Mac, where Alt writes letters). Joined with card.js.

const IS_MAC = /^Mac/.test(navigator.platform)
const CHORD = IS_MAC ? "ctrlKey" : "altKey"
const CHORD_NAME = IS_MAC ? "⌃" : "Alt "
const IS_TOUCHED = matchMedia("(pointer: coarse)").matches // a box that takes the focus would open the keyboard over the record
const CONFIRMS_MS = 700 // an Enter this soon after a digit that saved is the Enter of that digit
const WRITABLE = "textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=radio], [type=button], [type=submit], [type=color], [type=file])"

const isTextBox = element => Boolean(element?.matches?.("textarea, input, select, [contenteditable]"))
const isWritten = field => ["long", "number", "line", "lines"].includes(field.kind) || Boolean(field.writes)
const isSearched = field => field.kind === "ranking" || (field.kind === "list" && field.options.length > 9) // number keys reach nine
const isYesNo = field => field.kind === "choice" && field.options?.length === 2 && field.options.every(option => typeof option.value === "boolean")

const AWAY = '[data-testid="stButtonGroup"] button, [data-testid="stSelectbox"], [role=option], a[href]'
const LEAVES_MS = 500 // from a click on the way to another stage until the page says that it works
const LONGEST_MS = 10_000 // so long a page that works holds keys back

// Whether a key can't be meant for what is on the screen: it was pressed before that came, or on the way elsewhere.
class Presence {
  constructor(root) {
    this.root = root
    this.since = 0 // when what is on the screen came, not by a key of the person
    this.left = -Infinity // when something was clicked that leads elsewhere
  }
  came() { this.since = performance.now() }
  click(event) {
    const target = event.composedPath()[0]
    if (!this.root.contains(target) && target.closest?.(AWAY)) this.left = performance.now()
  }
  isAbsent(event) {
    const isWorking = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState !== "notRunning"
    const age = performance.now() - this.left
    if (age > LONGEST_MS || (!isWorking && age > LEAVES_MS)) this.left = -Infinity
    return event.timeStamp < this.since || this.left > 0
  }
}

class Keys {
  constructor(card) {
    this.card = card
    this.confirmed = -Infinity // when a digit saved last
    this.left = null // the question whose box was left with Escape
  }

  on(event) {
    const { card } = this
    if (window.stagegapCard !== card || !card.root.isConnected || !card.box) return
    if (document.querySelector('[data-testid="stDialog"]')) return
    const target = event.composedPath()[0]
    if (isTextBox(target) && !card.box.contains(target)) return
    card.clock.tick()
    if (target.closest?.(".vx") && PICTURE_KEYS.has(event.key) && this.isPlain(event)) return
    const isConfirming = event.key === "Enter" && performance.now() - this.confirmed < CONFIRMS_MS
    this.confirmed = -Infinity
    const take = action => {
      event.preventDefault()
      event.stopPropagation()
      if (!event.repeat || event.key.startsWith("Arrow")) action() // a key that is held down saves and skips once
    }
    if (event.isComposing) return event.stopPropagation()
    const isText = card.takesText && this.isPlain(event) && event.key.length === 1
    if (card.presence.isAbsent(event) && !isText) return take(() => {})
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return take(() => card.save())
    const isChord = event[CHORD] && !event.metaKey && event.altKey !== event.ctrlKey
    const placing = card.current && card.places?.key(event, target, isChord)
    if (placing) return take(placing)
    const command = (isChord || (!card.takesText && this.isPlain(event) && !isTextBox(target))) && this.command(event, isChord)
    if (command) return take(command)
    if (isTextBox(target)) return this.inBox(event, target, take)
    if ((event.ctrlKey || event.metaKey) && event.key === "v" && card.takesText) return card.nearestBox()?.focus() // and the text is pasted there
    if (!this.isPlain(event)) return
    if (card.briefing.isOpen) return event.key === "Enter" && take(() => card.begin())
    if (event.key === "Enter") return (target.tagName !== "BUTTON" || target.dataset.value) && take(() => isConfirming || this.enter())
    if (!card.current || card.explained) return
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1]
    if (digit !== undefined && this.takesDigit(Number(digit))) return take(() => this.digit(Number(digit), event.shiftKey))
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (move) return target.closest?.(".txt") || take(() => this.move(move))
    if (event.key.length === 1 || event.key === "Dead" || event.key === "Process") this.typed(event, target, take)
  }

  isPlain(event) { return !event.ctrlKey && !event.metaKey && !event.altKey }

  command(event, isChord) {
    const { card } = this
    const key = event.key.toLowerCase()
    if (card.briefing.isOpen) return null
    const around = { g: () => card.toggle("guidelineOpen"), "?": () => card.toggle("helpOpen"), z: () => card.undo() }
    const aside = { c: isChord ? null : () => {}, r: isChord ? null : () => {} } // Streamlit would clear its cache or run again
    if (!card.current) return { ...aside, z: around.z, s: card.skippedLeft ? () => card.offerSkipped() : null }[key]
    if (card.explained) return around[key]
    const sound = card.box.querySelector("audio")
    const isPressed = event.key === " " && event.composedPath()[0].tagName === "BUTTON" // Space presses a button
    const playing = sound && { p: () => playOrPause(sound), " ": isPressed ? null : () => playOrPause(sound), b: () => back(sound), l: () => slower(sound) }[key]
    if (playing) return playing
    const answers = !isChord && isYesNo(card.field) && { y: () => this.choose(true), n: () => this.choose(false) }[key]
    return answers || {
      ...around,
      0: isChord ? () => card.none(card.field) : null,
      s: () => card.skip(),
      u: () => card.flip("_unsure"),
      f: () => card.flip("_odd"),
      n: () => card.openNote(),
      d: card.savesByDigit ? () => card.flipQuick() : null,
      ...aside,
    }[key]
  }

  // What is typed where no box has the focus goes into the box of the question at hand, or the next one below; where none
  // is left it writes into no other answer, and Y and N answer a yes-or-no question.
  typed(event, target, take) {
    const { card } = this
    event.stopPropagation() // Streamlit's own keys must not act either
    if (!card.takesText || (event.key === " " && target.tagName === "BUTTON")) return
    if (event.key === "/" && isSearched(card.field)) return take(() => card.boxOf(card.field).focus())
    const box = card.nearestBox()
    const answer = !box && isYesNo(card.field) ? { y: true, n: false }[event.key.toLowerCase()] : undefined
    if (answer !== undefined) return take(() => this.choose(answer))
    box?.focus()
  }

  inBox(event, box, take) {
    const { card } = this
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    const isLine = box.matches("input.line, input.number")
    if (event.key === "Escape") return take(() => this.leave(box))
    if (box.matches(".filter") && (event.key === "Enter" || move)) return take(() => move ? this.moveRow(move) : this.enterRow())
    if (event.key === "Enter" && box.matches(".note")) return take(() => this.leave(box))
    if (event.key === "Enter" && isLine) return take(() => this.enter())
    if (move && isLine) return take(() => this.move(move))
    event.stopPropagation()
  }

  // ---- Enter ----

  enter() {
    const { card } = this
    if (!card.current || card.explained) return card.save()
    const next = this.nextQuestion()
    if (next < 0 || card.whyNot(card.field)) return card.save()
    card.at = next
    card.paint()
    card.focusQuestion()
  }

  // Where boxes are filled in one after the other Enter goes on to each; among choices only to what still lacks an answer.
  nextQuestion() {
    const { card } = this
    const below = card.fields.map((field, place) => place).slice(card.at + 1)
    if (card.fields.some(isWritten)) return below[0] ?? -1
    return below.find(place => card.whyNot(card.fields[place])) ?? -1
  }

  // ---- choosing ----

  takesDigit(digit) {
    const { card } = this
    const { field } = card
    if (digit === 0) return Boolean(noneText(field)) || card.canClear(field)
    if (isWritten(field)) return false
    return field.kind === "custom" ? Boolean(card.custom?.digit) : !card.takesText || digit <= card.offered(field).length
  }

  digit(digit, isShifted) {
    const { card } = this
    const { field } = card
    if (digit === 0) return card.none(field)
    if (field.kind === "custom") return card.custom?.digit?.(digit, isShifted)
    const option = card.offered(field)[digit - 1]
    if (!option) return
    if (isShifted) card.toggleRead(option.value)
    else this.choose(option.value)
  }

  choose(value) {
    const { card } = this
    card.pick(card.field, value)
    if (!card.savesByDigit || !card.isQuick) return
    card.save()
    this.confirmed = performance.now()
  }

  // ---- moving ----

  // Down goes into a box first, and on to the next question once its box was left.
  move(step) {
    const { card } = this
    const box = card.boxOf(card.field)
    const isInside = box && card.root.activeElement === box
    const goesIn = step > 0 && box && !isInside && this.left !== card.field
    if (!goesIn) card.at = Math.max(0, Math.min(card.fields.length - 1, card.at + step))
    this.left = null
    card.paint()
    if (goesIn) card.boxOf(card.field).focus()
    else card.focusQuestion()
  }

  leave(box) {
    const { card } = this
    this.left = box.matches(".note") ? null : card.field
    box.blur()
    card.box.focus({ preventScroll: true })
    card.paint()
  }

  moveRow(step) {
    const { card } = this
    const rows = card.offered(card.field)
    if (step < 0 && card.row === null) return this.move(step)
    card.row = card.row === null ? 0 : card.row + step < 0 ? null : Math.min(rows.length - 1, card.row + step)
    if (!rows.length) card.row = null
    card.view.refill(card.field)
  }

  // Enter in a search takes the row at hand; where nothing is searched for it saves, as everywhere.
  enterRow() {
    const { card } = this
    const option = card.row === null ? null : card.offered(card.field)[card.row]
    if (!option) return card.filterOf(card.field) ? null : this.enter()
    card.row = null
    card.filters[card.field.name] = ""
    card.pick(card.field, option.value)
  }
}
