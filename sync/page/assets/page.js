'use strict'
// Draws the charts from the values in the page, searches names, and where the
// page is served looks for new numbers. Without it the page has all its numbers.
{
  const root = document.documentElement
  const calm = matchMedia('(prefers-reduced-motion: reduce)')
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const narrow = matchMedia('(max-width: 40rem)')
  root.classList.add('scripted')

  // Everything that is drawn is text or a number to ECharts: labels and tooltips
  // have no markup.
  function options(chart) {
    const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim()
    const ink = colour('--soft')
    const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
    const named = (value) => (value == null ? '–' : number.format(value) + ' ' + chart.unit)
    const labels = { type: 'category', data: chart.labels, axisLabel: { color: ink }, inverse: chart.across }
    const values = {
      type: 'value',
      axisLabel: { color: ink, hideOverlap: true, formatter: (value) => number.format(value) },
      splitLine: { lineStyle: { color: colour('--line') } },
      splitNumber: narrow.matches ? 3 : 5,
    }
    return {
      animation: !calm.matches,
      animationDuration: 300,
      animationDurationUpdate: 300,
      aria: { enabled: true, label: { description: `Chart: ${chart.name}, in ${chart.unit}. The table that follows has its numbers.` } },
      color: [0, 1, 2, 3, 4].map((i) => colour('--c' + i)),
      textStyle: { fontFamily: 'system-ui, sans-serif', color: ink },
      grid: { left: 8, right: 24, top: chart.series.length > 1 ? 48 : 16, bottom: 8, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      legend: { show: chart.series.length > 1, type: 'plain', top: 0, left: 0, textStyle: { color: ink } },
      tooltip: {
        trigger: 'axis',
        renderMode: 'richText',
        confine: true,
        axisPointer: { type: 'shadow' },
        backgroundColor: colour('--paper'),
        borderColor: colour('--line'),
        textStyle: { color: colour('--ink') },
        valueFormatter: named,
      },
      xAxis: chart.across ? values : labels,
      yAxis: chart.across ? labels : values,
      series: chart.series.map((s) => ({
        name: s.name,
        type: s.kind,
        stack: s.pile ? 'pile' : undefined,
        data: s.values,
        barMaxWidth: 40,
        symbolSize: 6,
        connectNulls: false,
        label: { show: chart.across, position: 'right', color: ink, formatter: (p) => number.format(p.value) },
      })),
    }
  }

  function draw() {
    for (const data of document.querySelectorAll('script[data-chart]')) {
      const place = document.getElementById(data.dataset.chart)
      const chart = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: 'svg' })
      chart.setOption(options(JSON.parse(data.textContent)), { notMerge: false })
    }
  }

  function resize() {
    for (const place of document.querySelectorAll('.drawing')) echarts.getInstanceByDom(place)?.resize()
  }

  const field = document.getElementById('search')
  const found = document.querySelector('.search output')
  function search() {
    const wanted = field.value.trim().toLowerCase()
    let n = 0
    for (const row of document.querySelectorAll('.named tbody tr')) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted)
      if (!row.hidden) n++
    }
    found.textContent = wanted ? `${n} ${n === 1 ? 'row' : 'rows'}` : ''
  }

  // show puts new numbers in the place of the old ones. Charts stay where they are
  // and move; what is open stays open, and what has the focus keeps it.
  function show(fresh) {
    const old = document.getElementById('numbers')
    const path = (node) => [...old.querySelectorAll('summary, .scroll, a')].indexOf(node)
    const open = [...old.querySelectorAll('details')].map((d) => d.open)
    const shifts = [...old.querySelectorAll('.scroll')].map((s) => s.scrollLeft)
    const focus = path(document.activeElement)
    for (const place of fresh.querySelectorAll('.drawing')) {
      const drawn = document.getElementById(place.id)
      if (drawn) place.replaceWith(drawn)
    }
    for (const gone of old.querySelectorAll('.drawing')) echarts.getInstanceByDom(gone)?.dispose()
    old.replaceWith(fresh)
    fresh.querySelectorAll('details').forEach((d, i) => (d.open = open[i] ?? false))
    fresh.querySelectorAll('.scroll').forEach((s, i) => (s.scrollLeft = shifts[i] ?? 0))
    if (focus >= 0) fresh.querySelectorAll('summary, .scroll, a')[focus]?.focus({ preventScroll: true })
    draw()
    search()
  }

  const live = document.getElementById('live')
  const address = new URL(location.href)
  address.searchParams.set('part', 'numbers')
  let tag = ''
  let seen = new Date()
  const clock = (date) => date.toLocaleTimeString('en-GB')

  async function look() {
    try {
      const answer = await fetch(address, { headers: tag ? { 'If-None-Match': tag } : {}, signal: AbortSignal.timeout(60_000) })
      if (answer.ok) {
        tag = answer.headers.get('ETag') || ''
        show(new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('numbers'))
      } else if (answer.status !== 304) {
        throw new Error(`status ${answer.status}`)
      }
      seen = new Date()
      live.textContent = `Live: looked at ${clock(seen)}`
    } catch {
      live.textContent = `Not live: no answer since ${clock(seen)}. Is the program running?`
    }
  }

  async function follow(every) {
    for (;;) {
      await new Promise((wake) => setTimeout(wake, every))
      if (!document.hidden) await look()
    }
  }

  draw()
  addEventListener('resize', resize)
  dark.addEventListener('change', draw)
  narrow.addEventListener('change', draw)
  field.addEventListener('input', search)
  field.parentElement.hidden = false
  const every = Number(document.getElementById('numbers').dataset.refresh)
  if (every) follow(every)
}
