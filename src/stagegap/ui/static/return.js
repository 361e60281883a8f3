// Signing in leaves the page and comes back to the first one: the tab remembers where somebody wanted to go.
const KEY = "stagegap/return"

export default function ({ data }) {
  const here = location.pathname + location.search
  if (data.leaving) return sessionStorage.setItem(KEY, here)
  const wanted = sessionStorage.getItem(KEY)
  sessionStorage.removeItem(KEY)
  if (wanted && wanted !== here) location.replace(wanted)
}
