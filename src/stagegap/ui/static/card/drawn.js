// A value of a record as elements, made one by one from what charts/content.py says: [tag, attributes, ...parts] or
// characters. Only these tags and attributes can come of it, whatever a record holds. Joined with card.js.

const DRAWN_TAGS = new Set(["audio", "b", "blockquote", "code", "details", "div", "hr", "i", "img", "li", "mark", "ol", "s", "small", "span", "summary",
  "table", "tbody", "td", "th", "thead", "tr", "ul"])
const DRAWN_ATTRIBUTES = new Set(["alt", "aria-hidden", "aria-label", "class", "controls", "data-media", "data-pages", "height", "loading",
  "open", "preload", "role", "scope", "src", "start", "tabindex", "width"])
const OWN_ADDRESS = /^\/record-media\/[0-9a-f]{40}\/(picture|sound)$/ // of what this server gave out, and of nothing else
const FLAT = { details: "div", summary: "div" } // within a button nothing else can be opened

function drawn(parts, isFlat = false) {
  return parts.map(part => {
    if (typeof part === "string") return document.createTextNode(part)
    const [tag, attributes, ...inner] = part
    if (!DRAWN_TAGS.has(tag)) throw new Error(`A value is never drawn as <${tag}>.`)
    const element = document.createElement((isFlat && FLAT[tag]) || tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "src" && !OWN_ADDRESS.test(value)) throw new Error("A value loads nothing from elsewhere.")
      if (DRAWN_ATTRIBUTES.has(name) && !(isFlat && name === "tabindex")) element.setAttribute(name, value)
    }
    element.append(...drawn(inner, isFlat))
    return element
  })
}

// Drawn once for each value: what somebody unfolded stays so while the card around it is drawn again.
const drawnValues = new WeakMap()
function valueOf(parts, isFlat) {
  if (!drawnValues.has(parts)) drawnValues.set(parts, make("div", { class: "v" }, drawn(parts, isFlat)))
  if (!isFlat) equip(drawnValues.get(parts))
  return drawnValues.get(parts)
}
