// Where scripts run, a figure's picture becomes a chart: plotly.js is loaded from beside this file when the first figure comes near.
(() => {
  const base = document.currentScript.src.replace(/[^/]*$/, '')
  let loading
  const library = () => loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = `${base}plotly.min.js`
    script.onload = () => resolve(window.Plotly)
    script.onerror = reject
    document.head.append(script)
  })
  const draw = async figure => {
    const picture = figure.querySelector('img'), { data, layout } = JSON.parse(figure.querySelector('script').textContent)
    const chart = document.createElement('div')
    chart.setAttribute('role', 'img')
    chart.setAttribute('aria-label', picture.alt)
    try {
      const Plotly = await library()
      figure.append(chart)
      await Plotly.newPlot(chart, data, { ...layout, autosize: true, width: undefined }, { responsive: true, displaylogo: false, displayModeBar: false })
      picture.remove()
      figure.dataset.drawn = 'yes'
    } catch { chart.remove() } // the picture stays
  }
  const start = () => {
    const figures = document.querySelectorAll('figure.lab-figure')
    if (!('IntersectionObserver' in window)) return figures.forEach(draw)
    const watch = new IntersectionObserver(entries => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue
        watch.unobserve(target)
        void draw(target)
      }
    }, { rootMargin: '400px' })
    figures.forEach(figure => watch.observe(figure))
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start)
  else start()
})()
