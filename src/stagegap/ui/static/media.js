// Pictures and pages: larger, smaller, turned, paged through; recordings: play, back, slower. Joined with what draws them.

const ZOOMS = [1, 1.5, 2, 3, 4.5, 7] // of the width that fits
const SPEEDS = [1, 0.75, 0.5]
const BACK_S = 2
const PICTURE_KEYS = new Set(["+", "=", "-", "t", "PageDown", "PageUp"]) // of a picture that has the focus

// Puts the buttons under every picture, page and recording in a box that has none yet.
function equip(box) {
  for (const figure of box.querySelectorAll("[data-media]:not([data-equipped])")) {
    figure.dataset.equipped = "yes"
    figure.append(figure.dataset.media === "audio" ? soundButtons(figure.querySelector("audio")) : pictureButtons(figure))
  }
}

function mediaButton(text, label, act) {
  const button = document.createElement("button")
  button.type = "button"
  button.textContent = text
  button.setAttribute("aria-label", label)
  button.onclick = act
  return button
}

function buttonsRow(...children) {
  const row = document.createElement("div")
  row.className = "vz"
  row.append(...children)
  return row
}

function pictureButtons(figure) {
  const frame = figure.querySelector(".vx"), picture = frame.querySelector("img"), pages = Number(figure.dataset.pages ?? 1)
  const address = picture.getAttribute("src")
  const place = document.createElement("span")
  let zoom = 0, turn = 0, page = 1
  const draw = () => {
    for (const layer of frame.children) { // the picture, and what is drawn over it
      layer.style.width = `${100 * ZOOMS[zoom]}%`
      layer.style.rotate = `${turn}deg`
    }
    frame.dataset.page = page
    frame.classList.toggle("zoomed", zoom > 0)
    place.textContent = pages > 1 ? `page ${page} of ${pages}` : ""
  }
  const resize = step => {
    zoom = Math.max(0, Math.min(ZOOMS.length - 1, zoom + step))
    draw()
  }
  const rotate = () => {
    turn = (turn + 90) % 360
    draw()
  }
  const leaf = step => {
    const to = Math.max(1, Math.min(pages, page + step))
    if (to === page) return
    page = to
    picture.src = `${address}?page=${page}`
    draw()
    frame.dispatchEvent(new Event("leafed"))
  }
  frame.addEventListener("leaf", event => leaf(event.detail - page)) // of who shows a place on another page
  picture.onerror = () => { place.textContent = "This picture can't be shown: it was changed, or is damaged." }
  frame.onkeydown = event => {
    const act = { "+": () => resize(1), "=": () => resize(1), "-": () => resize(-1), t: rotate, PageDown: () => leaf(1), PageUp: () => leaf(-1) }[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }
  draw()
  const paging = pages > 1 ? [mediaButton("‹", "Page before", () => leaf(-1)), mediaButton("›", "Next page", () => leaf(1))] : []
  return buttonsRow(mediaButton("−", "Smaller", () => resize(-1)), mediaButton("+", "Larger", () => resize(1)),
    mediaButton("⟳", "Turn by a quarter", rotate), ...paging, place)
}

const playOrPause = sound => { sound.paused ? sound.play() : sound.pause() }
const back = sound => { sound.currentTime = Math.max(0, sound.currentTime - BACK_S) }
const slower = sound => { sound.playbackRate = SPEEDS[(SPEEDS.indexOf(sound.playbackRate) + 1) % SPEEDS.length] }

function soundButtons(sound) {
  const speed = mediaButton("", "Slower, or as fast as before", () => slower(sound))
  const tell = () => { speed.textContent = `× ${sound.playbackRate}` }
  sound.onratechange = tell
  tell()
  return buttonsRow(mediaButton("▶ ❚❚", "Play or pause", () => playOrPause(sound)), mediaButton(`− ${BACK_S} s`, "Back two seconds", () => back(sound)), speed)
}
