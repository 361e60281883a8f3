// What the values of a form say: whether one fits its field, in words, and beside the team's answer. Joined with card.js.

const LOWEST = -(2n ** 63n), HIGHEST = 2n ** 64n - 1n // whole numbers that are kept exactly
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i
const WHOLE = /^[+-]?\d{1,40}$/
const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/

const isNone = value => value === null || (Array.isArray(value) && value.length === 0)
const noneText = field => field.none ?? { ranking: "None of these", toggles: "None of these" }[field.kind]

// What is wrong with the value of a field; empty for one that can be saved.
function whyNot(field, value, card) {
  if (field.kind === "custom") return card.custom?.problem?.(value) ?? (value === undefined ? "Answer, or skip." : "")
  if (value === undefined || value === "") return card.isRequired(field) ? whatIsMissing(field) : ""
  if (field.kind === "places") return card.places?.problem(value) ?? ""
  if (field.kind === "long" || field.kind === "line") return value === null ? "" : whyNoText(field, value)
  if (field.kind === "number") return whyNoNumber(field, value)
  if (Array.isArray(value) && value.length < (field.fewest ?? 0)) return `At least ${field.fewest}, or skip.`
  if (Array.isArray(value) && value.length > (field.most ?? Infinity)) return `At most ${field.most}, or skip.`
  return ""
}

function whatIsMissing(field) {
  return {
    ranking: "Choose at least one, or press 0 for none of these.",
    toggles: "Choose at least one, or press 0 for none of these.",
    long: "Write an answer, or skip.",
    line: "Write an answer, or skip.",
    lines: "Write at least one line, or skip.",
    places: "Mark at least one, say that there is none, or skip.",
    number: "Write a number, or skip.",
  }[field.kind] ?? "Choose one answer, or skip."
}

function whyNoText(field, text) {
  if (!text.trim()) return "Write an answer, or skip."
  if (text.length < (field.shortest ?? 0)) return `Write at least ${field.shortest} characters, or skip.`
  if (text.length > (field.longest ?? Infinity)) return `Write at most ${field.longest} characters, or skip.`
  return field.pattern && matcher(field.pattern)?.test(text) === false ? `Write it like ${field.pattern}, or skip.` : ""
}

// A pattern of Python's, as a browser reads it; null for one that it can't, which is checked where the answer is stored.
function matcher(pattern) {
  const flags = /^\(\?([ims]+)\)/.exec(pattern)
  const text = pattern.slice(flags?.[0].length ?? 0).replaceAll("(?P<", "(?<").replaceAll("\\A", "^").replace(/\\[Zz]/g, "$")
  for (const [own, mode] of [[pattern, "u"], [text, `u${flags?.[1] ?? ""}`], [text, flags?.[1] ?? ""]])
    try { return new RegExp(own, mode) } catch { /* the next form */ }
  return null
}

// A number stays the text that was typed until Python reads it: a browser rounds whole numbers beyond 2 ** 53.
function whyNoNumber(field, value) {
  const typed = String(value).trim().replace("\u2212", "-")
  const from = field.low != null ? ` from ${field.low}` : "", to = field.high != null ? ` up to ${field.high}` : ""
  if (THOUSANDS.test(typed)) return `Write ${typed.replaceAll(",", "")}, or a point before a fraction: a comma can be read in two ways.`
  const text = typed.replace(",", ".")
  if (field.whole && !WHOLE.test(text)) return `Write a whole number${from}${to}, or skip.`
  if (!NUMBER.test(text)) return `Write a number${from}${to}, or skip.`
  const number = Number(text)
  if (number < (field.low ?? -Infinity) || number > (field.high ?? Infinity)) return `Write a ${field.whole ? "whole " : ""}number${from}${to}, or skip.`
  return isKept(text) ? "" : "This number has more digits than can be kept exactly."
}

function isKept(text) {
  if (WHOLE.test(text)) return BigInt(text.replace("+", "")) >= LOWEST && BigInt(text.replace("+", "")) <= HIGHEST
  return Number.isFinite(Number(text)) && digits(text) === digits(String(Number(text)))
}

// The digits of a number without zeros at either end.
const digits = text => text.replace(/e.*$/i, "").replace(/\D/g, "").replace(/^0+|0+$/g, "")

// An answer in words, with the titles that the form knows.
function worded(value, card) {
  if (value === null) return "no answer is the right one"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (Array.isArray(value)) {
    if (card.places && value.length) return value.map(place => place.text ?? inWordsOf(place, card.places.characters)).join(", ")
    const titles = new Map([...card.data.form.catalogue, ...(card.current.options.value ?? []).map(option => [option.value, option.title])])
    return value.map(entry => (titles.get(entry) ? `${entry} ${titles.get(entry)}` : entry)).join(", ") || "none of these"
  }
  const option = card.fields.flatMap(field => card.current.options[field.name] ?? field.options ?? []).find(known => known.value === value)
  return option?.text ? option.text.split("\n")[0] : String(value)
}

// ---- a warm-up example, beside the team's answer ----

// Whether an answer is the team's: true or false where that can be told, null for what is written.
function isTeams(card) {
  const told = card.fields.filter(field => field.name !== "facts").map(field => fieldIsTeams(field, card))
  return told.includes(false) ? false : told.includes(null) ? null : true
}

function fieldIsTeams(field, card) {
  const own = card.values[field.name], teams = card.example.values[field.name]
  if (field.kind === "places") return isNone(own) && isNone(teams) ? true : null
  if (Array.isArray(own) || Array.isArray(teams)) {
    const mine = new Set(own ?? []), theirs = teams ?? []
    return mine.size === theirs.length && theirs.every(entry => mine.has(entry))
  }
  if (field.kind === "number") return asNumber(own) === asNumber(teams)
  if (field.kind === "long" || field.kind === "line" || field.kind === "custom") return isNone(own) && isNone(teams) ? true : null
  return (own ?? null) === (teams ?? null)
}

const asNumber = value => String(Number(String(value ?? "").replace(",", "."))) === "NaN" ? String(value) : Number(String(value ?? "").replace(",", "."))

// How an option stands to the team's answer: "right", "missed", "wrong", or "" for one that nobody chose.
function markOf(field, option, card) {
  if (!card.explained) return ""
  const holds = value => (Array.isArray(value) ? value.includes(option.value) : value === option.value)
  const isOwn = holds(card.values[field.name]), isRight = holds(card.example.values[field.name])
  return isRight ? (isOwn ? "right" : "missed") : isOwn ? "wrong" : ""
}
