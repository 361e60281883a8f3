// Streamlit also calls the clean-up of a draw that newer data overtook, while the component goes on: only the clean-up of
// a component whose element has left the page is meant. Joined with the components that listen to keys.

const whenGone = (element, leave) => () => {
  if (!element.isConnected) leave()
}

// One widget an element, by its context: another context makes a new one, and it leaves with its element.
const oneWidget = (widgets, element, data, Widget, receive) => {
  let widget = widgets.get(element)
  if (!widget || widget.context !== data.context) {
    widget?.leave()
    widget = new Widget(element, data)
    widgets.set(element, widget)
  }
  receive(widget)
  return whenGone(element, () => {
    widget.leave()
    widgets.delete(element)
  })
}
