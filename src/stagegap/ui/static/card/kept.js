// What the card keeps on this device until the server has it: drafts, and events on their way. Joined with card.js.

const IDLE_MS = 30_000 // a longer pause is not counted as work

const device = {
  read(key) {
    try { return JSON.parse(localStorage.getItem(key)) } catch { return null }
  },
  write(key, value) {
    try { localStorage.setItem(key, JSON.stringify(value)) } catch { /* full or forbidden: the server still gets it */ }
  },
  remove(key) {
    try { localStorage.removeItem(key) } catch { /* as above */ }
  },
  keys(prefix) {
    try { return Object.keys(localStorage).filter(key => key.startsWith(prefix)) } catch { return [] }
  },
}

const hex = byte => byte.toString(16).padStart(2, "0")
const randomId = () => [...crypto.getRandomValues(new Uint8Array(16))].map(hex).join("")

class Outbox {
  // Takes over what earlier pages of this person could not send, for any queue of the cascade: sending twice is harmless.
  constructor(queue, queues, who) {
    const prefix = id => `stagegap/outbox/${id}/${who}/`
    this.queue = queue
    this.key = prefix(queue) + randomId()
    this.events = []
    for (const key of new Set([queue, ...queues].flatMap(id => device.keys(prefix(id))))) {
      this.events.push(...(device.read(key) ?? []))
      device.remove(key)
    }
    this.unsent = this.events.length > 0
    this.store()
  }
  get own() { return this.events.filter(event => event.queue === this.queue) }
  store() {
    if (this.events.length) device.write(this.key, this.events)
    else device.remove(this.key)
  }
  add(event) {
    this.events.push({ id: randomId(), queue: this.queue, ...event })
    this.store()
    this.flush()
  }
  acknowledge(ids) {
    const stored = new Set(ids)
    this.events = this.events.filter(event => !stored.has(event.id))
    this.store()
  }
  flush() {
    this.unsent = false
    this.send?.({ events: [...this.events], at: Date.now() })
  }
}

class Clock { // active milliseconds: the page is visible and somebody does something
  restart() {
    this.active = 0
    this.last = performance.now()
  }
  tick() {
    const now = performance.now()
    if (document.visibilityState === "visible") this.active += Math.min(now - this.last, IDLE_MS)
    this.last = now
  }
}
