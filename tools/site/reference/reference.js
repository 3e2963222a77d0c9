// A screen reader takes what stands inside a summary for its label: links there are out of reach. A module's link becomes the first
// item of its list, and its name opens the list.
const freeLinks = () => {
  for (const link of document.querySelectorAll('.tsd-navigation summary > a')) {
    const name = document.createElement('span'), item = document.createElement('li'), summary = link.parentElement
    name.textContent = link.textContent
    summary.append(name)
    item.append(link)
    link.setAttribute('aria-label', `${name.textContent}, overview`)
    summary.parentElement.querySelector('ul').prepend(item)
  }
}
new MutationObserver(freeLinks).observe(document.getElementById('tsd-nav-container'), { childList: true, subtree: true })
