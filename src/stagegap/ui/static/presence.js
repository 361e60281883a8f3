// Streamlit also calls the clean-up of a draw that newer data overtook, while the component goes on: only the clean-up of
// a component whose element has left the page is meant. Joined with the components that listen to keys.

const whenGone = (element, leave) => () => {
  if (!element.isConnected) leave()
}
