// The box that a page waits for has the cursor, as soon as it is there; whoever is somewhere else already is left there.
export default function ({ data }) {
  let tries = 100
  const look = () => {
    const box = document.querySelector(`input[aria-label="${CSS.escape(data.label)}"]`)
    const focused = document.activeElement
    if (focused && focused !== document.body && focused.matches(":focus-visible")) return
    if (box) box.focus()
    else if (tries--) requestAnimationFrame(look)
  }
  look()
}
