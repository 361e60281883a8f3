// The guideline: read on one screen before the first label of a stage, and beside the work whenever it is asked for.
// Joined with card.js. Its marks (#, -, **, *) become elements one by one; nothing is ever read as HTML.

const MARKS = /(\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/

function marked(line) {
  return line.split(MARKS).map(part => {
    if (!MARKS.test(part)) return part
    return part.startsWith("**") ? make("b", {}, part.slice(2, -2)) : make("i", {}, part.slice(1, -1))
  })
}

function guidelineText(text) {
  const lines = text.split("\n").map(line => {
    if (line.startsWith("#")) return make("div", { class: "head" }, marked(line.replace(/^#+\s*/, "")))
    if (/^[-*] /.test(line)) return make("div", { class: "point" }, marked(line.slice(2)))
    return make("div", {}, marked(line || "\u00a0"))
  })
  return make("div", { class: `guide-text${lines.length > 12 ? " long" : ""}`, tabindex: "0", role: "group", "aria-label": "Guideline" }, lines)
}

class Briefing {
  // What somebody reads before their first label here; read once, it is remembered on this device until the label is stored.
  constructor({ data }) {
    this.key = `stagegap/read/${data.queue}/${data.who}`
    this.isOpen = Boolean(data.guideline) && !data.read && data.purpose !== "settle" && !device.read(this.key)
  }
  close() {
    this.isOpen = false
    device.write(this.key, true)
  }
}
