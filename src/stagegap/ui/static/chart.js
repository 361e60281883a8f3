// A chart: HTML from charts/, every value escaped there. Rows with a button can be chosen.
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector("#chart")
  if (box.dataset.shown !== data.html) {
    const focused = parentElement.activeElement?.dataset?.v
    const scrolled = box.querySelector(".scroll")?.scrollTop
    box.innerHTML = data.html
    box.dataset.shown = data.html
    if (scrolled) box.querySelector(".scroll")?.scrollTo(0, scrolled)
    if (focused) box.querySelector(`[data-v="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
  box.onclick = event => {
    const button = event.target.closest("tr.pick")?.querySelector("[data-v]")
    if (button) setTriggerValue("pick", button.dataset.v)
  }
}
