// A chart: HTML from charts/, every value escaped there. Rows with a button can be chosen.
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector("#chart")
  box.style.colorScheme = isDark(getComputedStyle(box).getPropertyValue("--st-background-color")) ? "dark" : "light"
  if (box.dataset.shown !== data.html) {
    const focused = parentElement.activeElement?.dataset?.v
    const scrolled = box.querySelector(".scroll")?.scrollTop
    // The app's own drawing, in which every text is escaped.
    // ast-grep-ignore: no-markup-from-strings
    box.innerHTML = data.html
    equip(box)
    box.dataset.shown = data.html
    if (scrolled) box.querySelector(".scroll")?.scrollTo(0, scrolled)
    if (focused) box.querySelector(`[data-v="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
  box.onclick = event => {
    const button = event.target.closest("[data-v]") ?? event.target.closest("tr.pick")?.querySelector("[data-v]")
    if (button) setTriggerValue("pick", button.dataset.v)
  }
}

// A dialog stands outside the element that carries the page's colour scheme, so the theme's own colour decides.
function isDark(colour) {
  const probe = new OffscreenCanvas(1, 1).getContext("2d")
  probe.fillStyle = colour.trim()
  probe.fillRect(0, 0, 1, 1)
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data
  return red + green + blue < 384
}
