// Places on the label card: rectangles of a picture, spans of a text, segments of a recording. Drawn, moved, resized,
// snapped and deleted by mouse and by keys; never there before somebody puts them there. Joined with card.js.
//
// All are edges [left, top, right, bottom] in units of what they lie in: pixels, characters, seconds. Spans and segments
// have the height 1.

const SVG = "http://www.w3.org/2000/svg"
const NEAR_PX = 7 // an edge this near is taken hold of, and snaps to another's
const SMALL_PX = 4 // less is a click and no drawing
const WORD = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu // what spans snap to
const FINE_NAME = IS_MAC ? "⌘" : "Ctrl"
const EVERY_SIDE = [1, 1, 1, 1], LAST_SIDES = [0, 0, 1, 1] // which edges are moved
const PAGES = { PageDown: 1, PageUp: -1 }
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
const SHAPES = {
  boxes: { noun: "rectangle", least: 1, round: Math.round, step: ([w, h]) => Math.max(1, Math.round(Math.max(w, h) / 200)), fine: "one pixel", fits: ({ media }) => media === "image" || media === "pdf" },
  spans: { noun: "span", least: 1, round: Math.round, step: () => 1, fine: "one character", fits: ({ media, places, value }) => typeof value === "string" && !media && !places },
  segments: { noun: "segment", least: 0.01, round: at => Math.round(at * 100) / 100, step: () => 0.1, fine: "0.01 s", fits: ({ media }) => media === "audio" },
}

const edgesOf = place => ("x" in place ? [place.x, place.y, place.x + place.w, place.y + place.h] : [place.start, 0, place.end, 1])

function drawnIn(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

class Places {
  // What the places of a record lie in; undefined where the stage was given nothing of the kind.
  static inputOf({ inputs }, { of, shape }) {
    return inputs.filter(SHAPES[shape].fits).find(({ label }) => !of || label === of)
  }

  constructor(card, field) {
    const { inputs } = card.current
    this.card = card
    this.field = field
    this.shape = SHAPES[field.shape]
    this.isFlat = field.shape !== "boxes"
    this.isPaged = Places.inputOf(card.current, field)?.media === "pdf"
    this.input = Places.inputOf(card.current, field)
    this.given = inputs.find(input => input.places && "x" in input.places[0] === !this.isFlat)?.places ?? []
    this.at = this.list.length ? 0 : -1 // the place at hand
    this.label = field.values.length === 1 ? field.values[0] : undefined // of the next place
    this.past = []
    this.extent = this.isFlat ? [this.input.value.seconds ?? 0, 1] : [this.input.value.width, this.input.value.height]
    if (field.shape === "spans") this.readWords()
    this.sheet = field.shape === "spans" ? this.textSheet() : this.drawnSheet()
    this.close = drawnIn("svg", { class: "close", "aria-hidden": "true" })
  }

  get list() { return this.card.values[this.field.name] ?? [] }
  get place() { return this.list[this.at] }
  get frame() { return this.isPaged ? this.sheet.querySelector(".vx") : null }
  get page() { return Number(this.frame?.dataset.page ?? 1) } // that is seen
  isHere(place) { return (place.page ?? 1) === this.page }
  leaf(page) { this.frame?.dispatchEvent(new CustomEvent("leaf", { detail: page })) }

  readWords() {
    this.characters = Array.from(this.input.value)
    this.extent = [this.characters.length, 1]
    this.words = []
    let at = 0
    for (const [text] of this.input.value.matchAll(WORD)) this.words.push({ start: at, end: (at += Array.from(text).length), isBlank: !text.trim() })
    const words = this.words.filter(word => !word.isBlank)
    this.starts = words.map(word => word.start)
    this.ends = words.map(word => word.end)
  }

  // ---- changes ----

  // The list as it is from here on, with the place at hand; what it was before comes back by `back`.
  change(list, place) {
    if (this.card.explained) return
    this.past.push([this.list, this.at])
    const sorted = this.isFlat ? [...list].sort((a, b) => a.start - b.start || a.end - b.end) : list
    this.at = place ? sorted.indexOf(place) : Math.min(this.at, sorted.length - 1)
    this.card.set(this.field, sorted.length ? sorted : undefined)
    this.show()
  }

  replace(changes) {
    const place = { ...this.place, ...changes }
    this.change(this.list.with(this.at, place), place)
  }

  add(edges, after = this.list.length - 1) {
    const place = { ...this.asPlace(edges), ...(this.label === undefined ? {} : { label: this.label }) }
    this.change(this.list.toSpliced(after + 1, 0, place), place)
  }

  // A place below the one at hand: as large, with its label. The first one lies where it is seen and moved from there.
  addBelow() {
    const { list, extent: [width, height] } = this, place = this.place && this.isHere(this.place) ? this.place : undefined
    const [left, top, right, bottom] = place ? edgesOf(place) : [0, 0, 0, 0]
    if (this.field.shape === "spans") {
      const next = Math.max(0, this.starts.findIndex(start => start >= right))
      return this.starts.length && this.add([this.starts[next], 0, this.ends[next], 1])
    }
    if (this.isFlat) {
      const from = Math.max(right, this.sound.currentTime)
      return this.add(this.fitted([Math.min(from, width - this.shape.least), 0, from + 1, 1]), this.at)
    }
    if (!place) return this.add(this.fitted([0.05 * width, 0.05 * height, 0.45 * width, 0.08 * height]))
    const above = list[this.at - 1], pitch = above && this.isHere(above) ? top - above.y : 0
    const down = pitch > 0 && pitch < 3 * place.h ? pitch : 1.25 * place.h
    this.add(this.fitted([left, top + down, right, bottom + down], true), this.at)
  }

  // The places that the stage was given: what people saw of it as well, to go on from where they are right.
  take() {
    const taken = this.given.map(({ text, ...place }) => (this.field.writes ? place : { ...place, ...(text ? { text } : {}) }))
    this.change([...this.list, ...taken], taken[0])
  }

  remove() {
    if (this.place) this.change(this.list.toSpliced(this.at, 1))
  }

  // That there is none, or no longer that; while some are there it means nothing.
  none() {
    if (!this.list.length) this.card.set(this.field, isNone(this.card.values[this.field.name]) ? undefined : [])
  }

  back() {
    if (!this.past.length) return
    const [list, at] = this.past.pop()
    this.card.set(this.field, list.length ? list : undefined)
    this.at = at
    this.show()
  }

  name(label) {
    this.label = label
    if (this.place) this.replace({ label })
    else this.card.paint()
  }

  write(at, text) {
    const { text: before, ...place } = this.list[at]
    this.card.set(this.field, this.list.with(at, text === "" ? place : { ...place, text }))
  }

  step([across, down], isResized, isFine) {
    if (this.isFlat && down) return this.go(down)
    const moved = isResized ? LAST_SIDES : EVERY_SIDE, edges = edgesOf(this.place)
    if (this.field.shape === "spans" && !isFine) {
      const next = (all, at) => (across > 0 ? all.find(edge => edge > at) : all.findLast(edge => edge < at)) ?? at
      const start = isResized ? edges[0] : next(this.starts, edges[0]), end = next(this.ends, edges[2])
      return end > start && this.replace({ start, end })
    }
    const by = isFine ? this.shape.least : this.shape.step(this.extent)
    this.replace(this.asPlace(this.fitted(edges.map((edge, side) => edge + moved[side] * by * (side % 2 ? down : across)), !isResized)))
  }

  // Begin or end of the segment at hand where the recording is.
  mark(side) {
    const edges = edgesOf(this.place)
    edges[side] = this.sound.currentTime
    if (edges[2] > edges[0]) this.replace(this.asPlace(this.fitted(edges)))
  }

  go(step) {
    if (!this.list.length) return
    this.at = Math.max(0, Math.min(this.list.length - 1, this.at + step))
    this.show()
  }

  asPlace(edges) {
    const [left, top, right, bottom] = edges.map(this.shape.round)
    return this.isFlat ? { start: left, end: right } : { x: left, y: top, w: right - left, h: bottom - top, ...(this.page > 1 ? { page: this.page } : {}) }
  }

  // Edges in order and inside; what is moved as a whole keeps its size.
  fitted(edges, isWhole = false) {
    const fitted = [...edges]
    for (const axis of [0, 1]) {
      const most = this.extent[axis], least = Math.min(axis && this.isFlat ? 1 : this.shape.least, most)
      const [from, to] = [Math.min(edges[axis], edges[axis + 2]), Math.max(edges[axis], edges[axis + 2])]
      const by = isWhole ? Math.max(0, -from) - Math.max(0, to - most) : 0
      fitted[axis] = Math.max(0, Math.min(from + by, most - least))
      fitted[axis + 2] = Math.min(most, Math.max(to + by, fitted[axis] + least))
    }
    return fitted
  }

  // What is wrong with the places of an answer; empty for one that can be saved.
  problem(list) {
    const place = (list ?? []).findIndex(({ label, text }) => (this.field.values.length && label === undefined) || (this.field.writes && !text?.trim()))
    if (place < 0) return ""
    const lacks = this.field.values.length && list[place].label === undefined ? "no label" : "no text"
    return `The ${this.shape.noun} ${place + 1} has ${lacks}. Give it one, or delete it.`
  }

  // ---- keys ----

  // What a key does with the places; null where it means something else.
  key(event, target, isChord) {
    const { card, shape } = this
    const isWriting = Boolean(target.closest?.(".placed input"))
    if (card.explained || card.briefing.isOpen || (isTextBox(target) && !isWriting)) return null
    const isFine = !isChord && (event.ctrlKey || event.metaKey), isPlain = !isChord && !isFine && !event.altKey
    const arrow = ARROWS[event.key], isLetter = event.key.length === 1
    if (this.isPaged && isPlain && PAGES[event.key]) return () => this.leaf(this.page + PAGES[event.key])
    if (isWriting && isPlain && event.key === "Enter") return () => this.enter()
    if (isWriting && isPlain && arrow?.[1]) return () => this.go(arrow[1])
    if (isWriting && !isChord) return null
    if (arrow && this.place) return () => this.step(arrow, event.shiftKey, isFine)
    if (isFine) return event.key === "z" ? () => this.back() : null
    if (event.key === "Delete" && this.place) return () => this.remove()
    if (card.takesText && isLetter && !isChord) return null
    const label = this.field.values[Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1]) - 1]
    if (label !== undefined) return () => this.name(label)
    const sound = this.sound && this.place ? { "[": () => this.mark(0), "]": () => this.mark(2) } : {}
    return {
      a: () => this.addBelow(), x: () => this.remove(), ",": () => this.go(-1), ".": () => this.go(1), ...sound,
      t: this.given.length && !this.list.length ? () => this.take() : null,
      d: this.field.writes && this.at > 0 ? () => this.replace({ text: this.list[this.at - 1].text ?? "" }) : null,
    }[event.key.toLowerCase()] ?? null
  }

  enter() {
    if (this.at < this.list.length - 1) return this.go(1)
    this.card.say(`The last line. ${CHORD_NAME}A adds one below it, Ctrl ⏎ saves.`)
  }

  get help() {
    const key = letter => this.card.view.key(letter), { shape } = this
    return [
      [key("A"), `add a ${shape.noun}, like the one above`], ["← → ↑ ↓", this.isFlat ? "move it, or go to another" : "move it"], ["⇧ ←→↑↓", "its size"],
      [`${FINE_NAME} ←→`, shape.fine], [key("X"), "delete it"], [key(", ."), "the one before or after"],
      this.field.values.length && [key("1–9"), "its label"], this.given.length && [key("T"), "take what the stage was given"],
      this.field.writes && [key("D"), "the text of the line above"], this.sound && ["[ ]", "begin or end where the recording is"],
      this.isPaged && ["PgUp PgDn", "the page before or after"], [`${FINE_NAME} Z`, "as it was before"],
    ].filter(Boolean)
  }

  // ---- drawing ----

  // The card again, with the place at hand in sight and its box ready to be written into.
  show() {
    if (this.field.writes) this.card.root.activeElement?.blur() // what had the focus would be the place at hand again
    if (this.place && !this.isHere(this.place)) this.leaf(this.place.page ?? 1)
    this.card.paint()
    if (this.field.writes) this.card.focusQuestion()
    this.card.box.querySelector(".placed .on")?.scrollIntoView({ block: "nearest" })
    const mark = this.sheet.querySelector(".place.on"), frame = this.sheet.querySelector(".vx.zoomed")
    if (!mark || !frame) return
    const inner = mark.getBoundingClientRect(), outer = frame.getBoundingClientRect()
    frame.scrollBy(Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right), Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom))
  }

  drawnSheet() {
    const sheet = make("div", { class: "txt sheet", role: "group", "aria-label": this.input.label }, valueOf(this.input.drawn))
    sheet.querySelector("svg.over")?.remove() // of the same record, seen before
    this.sound = sheet.querySelector("audio")
    this.over = drawnIn("svg", { class: this.isFlat ? "over flat" : "over", preserveAspectRatio: this.isFlat || this.isPaged ? "none" : "xMidYMid meet", "aria-hidden": "true" })
    this.listen(this.over, event => this.grip(event), event => this.pull(event))
    const picture = sheet.querySelector("img")
    if (picture) this.over.style.cssText = picture.style.cssText // zoomed and turned as it is
    ;(this.sound ?? picture).after(this.over)
    if (this.isPaged) sheet.querySelector(".vx").addEventListener("leafed", () => this.draw())
    this.sound?.addEventListener("durationchange", () => {
      if (!Number.isFinite(this.sound.duration)) return
      this.extent[0] ||= this.sound.duration
      this.draw()
    })
    return sheet
  }

  textSheet() {
    const sheet = make("div", { class: "txt sheet words", tabindex: "0", role: "group", "aria-label": this.input.label })
    this.listen(sheet, event => this.gripWord(event), event => this.pullWord(event))
    return sheet
  }

  listen(surface, down, move) {
    surface.onpointerdown = event => {
      if (event.button || this.card.explained) return
      down(event)
      if (!this.drag) return
      if (!this.drag.isText) event.preventDefault()
      surface.setPointerCapture(event.pointerId)
      this.draw()
    }
    surface.onpointermove = event => {
      if (this.drag && move(event)) this.draw()
      if (!this.drag && this.over) this.over.style.cursor = this.cursor(event)
    }
    surface.onpointerup = () => this.drop()
    surface.onpointercancel = () => {
      this.drag = null
      this.draw()
    }
  }

  // ---- by mouse, on a picture or beside a recording ----

  // A point of the screen in units, and how many units the pixels of the screen are that count as near.
  point(event) {
    const back = this.over.getScreenCTM().inverse()
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(back)
    return { at: [x, y], near: [NEAR_PX * Math.hypot(back.a, back.c), NEAR_PX * Math.hypot(back.b, back.d)] }
  }

  // The place under a point, the one at hand first, then the smallest; and which of its edges are near.
  hit({ at, near }) {
    const size = place => edgesOf(place).reduce((sum, edge, side) => sum + (side < 2 ? -edge : edge), 0)
    const order = [...this.list.keys()].filter(at => this.isHere(this.list[at])).sort((a, b) => (b === this.at) - (a === this.at) || size(this.list[a]) - size(this.list[b]))
    for (const place of order) {
      const edges = edgesOf(this.list[place])
      if ([0, 1].some(axis => at[axis] < edges[axis] - near[axis] || at[axis] > edges[axis + 2] + near[axis])) continue
      const sides = edges.map((edge, side) => {
        const axis = side % 2, inside = Math.min(near[axis], (edges[axis + 2] - edges[axis]) / 4), depth = side < 2 ? at[axis] - edge : edge - at[axis]
        return Number(!(axis && this.isFlat) && depth < inside)
      })
      return { place, edges, moved: sides.some(Boolean) ? sides : EVERY_SIDE }
    }
    return null
  }

  cursor(event) {
    const moved = this.hit(this.point(event))?.moved
    if (!moved) return "crosshair"
    if (moved === EVERY_SIDE) return "move"
    const across = moved[0] || moved[2], down = moved[1] || moved[3]
    return across && down ? (moved[0] === moved[1] ? "nwse-resize" : "nesw-resize") : across ? "ew-resize" : "ns-resize"
  }

  grip(event) {
    const point = this.point(event), hit = this.hit(point)
    if (hit) this.at = hit.place
    const [x, y] = this.fitted([...point.at, ...point.at])
    this.drag = hit ? { ...hit, from: point.at } : { place: -1, from: point.at, edges: this.isFlat ? [x, 0, x, 1] : [x, y, x, y], moved: LAST_SIDES }
    this.drag.start = [event.clientX, event.clientY]
  }

  pull(event) {
    const { drag } = this, { at, near } = this.point(event)
    const edges = drag.edges.map((edge, side) => edge + (this.isFlat && side % 2 ? 0 : drag.moved[side] * (at[side % 2] - drag.from[side % 2])))
    if (!event.altKey) this.snap(edges, near)
    drag.isFar ||= Math.hypot(event.clientX - drag.start[0], event.clientY - drag.start[1]) >= SMALL_PX
    drag.to = this.fitted(edges, drag.moved === EVERY_SIDE)
    return true
  }

  // Moved edges that are near to those of another place, or of the whole, take their place.
  snap(edges, near) {
    for (const axis of this.isFlat ? [0] : [0, 1]) {
      const others = [0, this.extent[axis], ...this.list.filter((place, at) => at !== this.drag.place && this.isHere(place)).flatMap(place => [edgesOf(place)[axis], edgesOf(place)[axis + 2]])]
      const sides = [axis, axis + 2].filter(side => this.drag.moved[side])
      const steps = sides.flatMap(side => others.map(other => other - edges[side])).filter(step => Math.abs(step) <= near[axis])
      const step = steps.reduce((least, one) => (Math.abs(one) < Math.abs(least) ? one : least), steps[0] ?? 0)
      for (const side of sides) edges[side] += step
    }
  }

  drop() {
    const { drag } = this
    this.drag = null
    if (!drag) return
    if (drag.isText) return this.dropWord(drag)
    if (!drag.isFar || !drag.to) {
      this.at = drag.place
      if (this.sound) this.sound.currentTime = Math.max(0, Math.min(this.extent[0], drag.from[0]))
      return this.show()
    }
    this.at = drag.place
    if (this.place) this.replace(this.asPlace(drag.to))
    else this.add(drag.to)
  }

  // ---- by mouse, in a text ----

  wordAt(event) {
    const piece = this.card.root.elementFromPoint(event.clientX, event.clientY)?.closest("[data-start]")
    return piece && this.words.find(word => word.start <= Number(piece.dataset.start) && Number(piece.dataset.start) < word.end)
  }

  gripWord(event) {
    const word = this.wordAt(event)
    if (word) this.drag = { isText: true, from: word, last: word, isLonger: event.shiftKey && this.place }
  }

  pullWord(event) {
    const before = this.drag.last
    this.drag.last = this.wordAt(event) ?? before
    return this.drag.last !== before
  }

  // What is dragged over, from word to word and without blanks at its ends; null for a blank.
  dragged({ from, last }) {
    const low = Math.min(from.start, last.start), high = Math.max(from.end, last.end)
    const start = this.starts.find(at => at >= low), end = this.ends.findLast(at => at <= high)
    return start < end ? { start, end } : null
  }

  dropWord(drag) {
    const range = this.dragged(drag)
    if (!range) return this.draw()
    const under = this.list.findIndex(place => place.start <= drag.from.start && drag.from.end <= place.end)
    if (drag.isLonger) return this.replace(range.start < this.place.start ? { start: range.start } : { end: range.end })
    if (drag.from !== drag.last || under < 0) return this.add([range.start, 0, range.end, 1])
    this.at = under
    this.show()
  }

  // ---- what is seen ----

  draw() {
    if (!this.over) return this.drawWords()
    const [width, height] = this.extent, unit = Math.max(width, height) / 100
    this.over.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`)
    const rectangle = (edges, attributes, ...more) => drawnIn("rect", { x: edges[0], y: edges[1], width: edges[2] - edges[0], height: edges[3] - edges[1], ...attributes }, ...more)
    const { drag } = this, places = this.list.map((place, at) => [at, drag?.to && drag.place === at ? drag.to : edgesOf(place)]).filter(([at]) => this.isHere(this.list[at]))
    if (drag?.to && drag.place < 0) places.push([this.list.length, drag.to])
    this.over.replaceChildren(
      ...this.given.filter(place => this.isHere(place)).map(place => rectangle(edgesOf(place), { class: "given" })),
      ...places.map(([at, edges]) => rectangle(edges, { class: at === (drag?.place ?? this.at) || at >= this.list.length ? "place on" : "place" })),
      ...(this.isFlat ? [] : places.map(([at, [x, y, right]]) => {
        const isBefore = x > 4 * unit // what is written in the rectangle stays free
        const beside = { x: isBefore ? x - unit / 2 : right + unit / 2, y: y + 1.6 * unit, "text-anchor": isBefore ? "end" : "start" }
        return drawnIn("text", { ...beside, "font-size": 1.6 * unit }, String(at + 1))
      })))
    this.drawClose()
  }

  // The place at hand, large beside what is written about it.
  drawClose() {
    const picture = !this.isFlat && this.place && this.isHere(this.place) && this.sheet.querySelector("img")
    this.close.toggleAttribute("hidden", !picture)
    if (!picture) return
    const { x, y, w, h } = this.place, [width, height] = this.extent
    this.close.setAttribute("viewBox", `${x - h / 4} ${y - h / 4} ${w + h / 2} ${1.5 * h}`)
    this.close.replaceChildren(drawnIn("image", { href: picture.getAttribute("src"), width, height, preserveAspectRatio: "none" }))
  }

  drawWords() {
    const { drag } = this, range = drag && this.dragged(drag)
    const marks = [...this.list.map((place, at) => ({ ...place, isOn: at === this.at })), ...(range ? [{ ...range, isOn: true }] : [])]
    const edges = [...new Set([...this.words, ...marks].flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b)
    this.sheet.replaceChildren(...edges.slice(1).map((end, i) => {
      const start = edges[i], over = marks.filter(mark => mark.start <= start && end <= mark.end)
      const first = over.find(mark => mark.start === start && mark.label !== undefined)
      return make(over.length ? "mark" : "span", {
        class: over.some(mark => mark.isOn) ? "on" : "", "data-start": String(start), "data-label": first?.label,
      }, this.characters.slice(start, end).join(""))
    }))
  }

  // The list of places under the question.
  body() {
    const { card, field, list, shape } = this
    const about = this.place ? `Label of ${shape.noun} ${this.at + 1}` : "Label of the next one"
    return make("div", { class: "places" },
      make("div", { class: "flags" },
        card.view.action("place-add", "A", list.length && !this.isFlat ? "Add one below" : "Add one", () => this.addBelow()),
        this.given.length > 0 && !list.length && card.view.action("place-take", "T", `Take the ${this.given.length} that the stage was given`, () => this.take()),
        this.place && card.view.action("place-delete", "X", `Delete ${this.at + 1}`, () => this.remove())),
      field.values.length > 0 && make("div", { class: "choices", role: "radiogroup", "aria-label": about }, field.values.map((label, at) =>
        make("button", {
          type: "button", class: "option", role: "radio", "aria-checked": (this.place ? this.place.label : this.label) === label,
          "data-focus": `label ${label}`, onclick: () => this.name(label),
        }, make("span", { class: "caps" }, at < 9 && cap(card.view.key(at + 1))), make("span", { class: "name" }, label)))),
      !this.isFlat && this.close,
      make("ol", { class: "placed" }, list.map((place, at) => this.row(place, at))))
  }

  row(place, at) {
    const { card, field, shape } = this
    const choose = () => {
      this.at = at
      this.show()
    }
    const name = `${shape.noun} ${at + 1}`
    const box = field.writes && card.view.written("input", place.text ?? "", text => this.write(at, text),
      { class: "line", type: "text", "aria-label": `Text of ${name}`, "data-focus": `place ${at}`, onfocus: () => at !== this.at && choose() }, field)
    return make("li", { class: at === this.at ? "on" : "" },
      make("button", { type: "button", "aria-label": `Choose ${name}`, "aria-pressed": at === this.at, "data-focus": `choose ${at}`, onclick: choose },
        make("b", {}, String(at + 1)), make("span", { class: "name" }, inWordsOf(place, this.characters))),
      box)
  }
}

// A place in words: what it says, what it is called, and where it is.
function inWordsOf(place, characters) {
  const seconds = at => at.toFixed(2)
  const where = "x" in place ? `${place.w} × ${place.h}${place.page ? ` on page ${place.page}` : ""}` : characters ? `“${characters.slice(place.start, place.end).join("")}”` : `${seconds(place.start)} to ${seconds(place.end)} s`
  return [place.label, where].filter(Boolean).join(" · ")
}
