// One element with its attributes and children; text is text. Joined with the components that draw themselves.

function element(name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes))
    key.startsWith("on") ? (made[key] = value) : made.setAttribute(key, value)
  made.append(...children)
  return made
}
