// Cells that the reader runs and edits where they stand. Nothing is loaded before the first Run
'use strict'
const live = {} // what the exercises use, too
{
const script = document.currentScript, at = name => new URL(name, script.src)
const book = live.book = fetch_once(() => at(script.dataset.cells))
function fetch_once(url) { let r; return () => r ??= fetch(url()).then(r => r.json()) }

// ---- The bar that says what Python is doing
const state = make('span', { className: 'live-state' }), said = make('span', { className: 'live-said', role: 'status' })
const stop = make('button', { textContent: 'Stop', disabled: true }), afresh = make('button', { textContent: 'Start afresh' })
const pick = make('select', { ariaLabel: 'Pictures' }, new Option('first 2,000 + 1,000 pictures', 'sample'), new Option('all 70,000 pictures (31 MB)', 'all'))
const bar = make('div', { className: 'live-bar', hidden: true, role: 'region', ariaLabel: 'Python in this page' }, state, pick, stop, afresh, said)
document.body.append(bar)
const tell = text => { state.textContent = text; bar.hidden = false }

// ---- Python: a worker, and what it is asked to run, in this order
let worker = null, waiting = []
const begin = async () => {
  const { pictures } = await book(), { files, bytes } = pictures[pick.value]
  worker = new Worker(at('worker.js'), { type: 'module' })
  worker.onerror = e => end(`Python cannot start here: ${e.message || 'this browser is too old'}`)
  const mega = n => (n / 1e6).toFixed(1)
  const answers = {
    loading: m => tell(`Loading Python: ${mega(m.got)} of ${mega(bytes)} MB`),
    ready: () => tell('Ready'),
    begins: m => tell(cells.has(m.id) ? 'Running' : 'Running what comes before'),
    says: m => waiting[0].says(m.type, m.text),
    ends: m => { waiting.shift().ends(m.ok, m.count); if (!waiting.length) { tell('Ready'); stop.disabled = true } },
    broken: m => end(`Python cannot go on: ${m.text}`),
  }
  worker.onmessage = ({ data }) => answers[data.kind](data)
  worker.postMessage({ start: { pictures: pick.value, files } })
  tell('Loading Python')
  said.textContent = 'Loading Python'
}
const end = text => {
  worker?.terminate()
  worker = null
  for (const o of waiting.splice(0)) o.stopped()
  for (const c of cells.values()) { c.ran = false; c.block.removeAttribute('data-state') }
  before.clear()
  stop.disabled = true
  tell(said.textContent = text)
}
live.ask = async (id, code, job, checks) => { // job: { says(type, text), ends(ok, count), stopped() }; checks: what an exercise is judged by
  if (!worker) await begin()
  waiting.push(job)
  stop.disabled = false
  worker.postMessage({ id, code, checks })
}
stop.onclick = () => end('Stopped; the next Run begins afresh')
afresh.onclick = () => { for (const c of cells.values()) if (!c.checks) reset(c); end('All is as in the book again') }
pick.onchange = () => end('The next Run begins afresh, with these pictures')

// ---- Cells
const cells = live.cells = new Map, before = new Set // before: hidden cells that ran
for (const block of $$('[data-cell]')) {
  const code = $('code.sourceCode', block), c = { id: block.dataset.cell, block, code, html: code.innerHTML, text: code.textContent.trimEnd(), checks: $('.checks code', block.closest('.exercise') ?? make('i'))?.textContent }
  c.stored = []
  for (let o = block.closest('details, .source') ?? block; o = o.nextElementSibling;) if (o.matches('.cell-output')) c.stored.push(o)
  cells.set(c.id, c)
}
const source = c => c.field ? c.field.value : c.text
const quiet = { says() {}, ends() {}, stopped() {} }
live.prepare = async id => { // what comes before the cell `id` runs first, hidden cells too, as it stands on the page
  for (const o of (await book()).cells) {
    if (o.id === id) return
    const c = cells.get(o.id)
    if (c ? c.ran : before.has(o.id)) continue
    if (c) await ask(c, false)
    else { before.add(o.id); await live.ask(o.id, o.code, quiet) }
  }
}
const ask = (c, show) => {
  c.ran = true
  c.block.dataset.state = 'waits'
  let verdict = ''
  if (show) output(c).replaceChildren()
  return live.ask(c.id, source(c), {
    says: (type, text) => {
      if (show || type === 'error') write(c, type, text)
      if (type === 'error') verdict = 'Error: ' + text.trim().split('\n').at(-1)
      if (type === 'right' || type === 'wrong') verdict = text
    },
    ends: (ok, count) => {
      c.block.dataset.state = ok ? 'ok' : 'error'
      c.ran = ok
      $('.live-count', c.block).textContent = `[${count}]`
      if (show && !c.box.childElementCount) write(c, 'note', 'Done; it shows nothing.')
      if (!ok && pick.value === 'sample' && !c.field) write(c, 'note', 'Only the first 2,000 and 1,000 pictures are here, the others are black. This cell may count on all 70,000: choose them below.')
      if (show) said.textContent = (verdict || 'Output: ' + c.box.innerText).slice(0, 400)
    },
    stopped: () => { if (show) write(c, 'note', 'Stopped.') },
  }, c.checks)
}
live.run = async c => { await live.prepare(c.id); await ask(c, true) }

// ---- Outputs
const output = c => {
  if (!c.box) { c.box = make('div', { className: 'cell-output live-output' }); (c.block.closest('details, .source') ?? c.block).after(c.box) }
  c.stored.forEach(o => o.hidden = true)
  return c.box
}
const write = live.write = (c, type, text) => {
  const box = output(c), last = box.lastElementChild
  if (type === 'html') return box.append(Object.assign(make('div', { className: 'live-html' }), { innerHTML: text }))
  if (last?.dataset.type === type) return last.append(text)
  const pre = make('pre', { textContent: text })
  pre.dataset.type = type
  box.append(pre)
}
const reset = c => {
  if (c.field) { c.field.remove(); c.field = null; c.code.innerHTML = c.html; c.block.classList.remove('live-edited') }
  c.box?.remove()
  c.box = null
  c.stored.forEach(o => o.hidden = false)
  c.block.removeAttribute('data-state')
  $('.live-count', c.block).textContent = ''
  c.ran = false
  if (c.checks) open(c)
}

// ---- Editing: a field of transparent text over the code, which is coloured anew
const words = { co: /#.*/, st: /[rbf]{0,2}(?:'''[^]*?'''|"""[^]*?"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")/,
  kw: /\b(?:def|class|for|while|if|elif|else|try|except|finally|with|as|in|not|and|or|is|lambda|return|yield|raise|from|import|assert|pass|break|continue|del|global|None|True|False)\b/, dv: /\b\d[\w.]*/ }
const pattern = new RegExp(Object.entries(words).map(([k, r]) => `(?<${k}>${r.source})`).join('|'), 'g')
const colour = c => {
  let end = 0
  c.code.replaceChildren()
  for (const m of c.field.value.matchAll(pattern)) {
    c.code.append(c.field.value.slice(end, m.index), make('span', { className: Object.keys(words).find(k => m.groups[k] !== undefined), textContent: m[0] }))
    end = m.index + m[0].length
  }
  c.code.append(c.field.value.slice(end) + '\n')
}
const open = c => {
  if (!c.field) {
    c.field = make('textarea', { value: c.text, spellcheck: false, autocapitalize: 'off', autocomplete: 'off', ariaLabel: c.checks ? 'Your answer: Shift-Enter checks it, Escape leaves it' : 'Code of this cell: Shift-Enter runs it, Escape leaves it' })
    c.block.classList.add('live-edited')
    $('pre', c.block).append(c.field)
    c.field.oninput = () => { colour(c); c.ran = false; c.typing = true }
    c.field.onclick = () => c.typing = true
    c.field.onblur = () => c.typing = false
    c.field.onkeydown = e => {
      const f = c.field, type = s => { e.preventDefault(); document.execCommand('insertText', false, s) }
      if (e.key === 'Escape') $('.live-tools button', c.block).focus()
      if (e.key === 'Tab' && !e.shiftKey && c.typing) type('    ') // else it goes on to what is next
      if (e.key !== 'Enter') return
      if (e.shiftKey || e.ctrlKey || e.metaKey) { e.preventDefault(); return live.run(c) }
      const line = f.value.slice(0, f.selectionStart).split('\n').at(-1)
      type('\n' + line.match(/^ */)[0] + (/:\s*(#.*)?$/.test(line) ? '    ' : ''))
    }
    colour(c)
  }
}
const edit = live.edit = c => { open(c); c.field.focus(); c.typing = true }

// ---- Buttons
for (const c of cells.values()) {
  const tool = (text, title, f) => make('button', { textContent: text, title, onclick: () => f(c) })
  const tools = c.checks ? [tool('Check', 'Run what you wrote, then its checks (Shift-Enter)', live.run)]
    : [tool('Run', 'Run this cell, after those before it (Shift-Enter while you edit)', live.run), tool('Edit', 'Change this cell', edit)]
  c.block.append(make('div', { className: 'live-tools' }, make('span', { className: 'live-count' }), ...tools, tool('Reset', 'Back to what the book has', reset)))
  if (c.checks) open(c)
}

// ---- Solutions are on a page of their own until they are asked for
for (const fold of $$('.solution')) fold.addEventListener('toggle', async () => {
  const link = $('p > a', fold)
  if (!link || !fold.open) return
  const [title, ...solution] = new DOMParser().parseFromString(await fetch(link.href).then(r => r.text()), 'text/html').getElementById(fold.id).children
  $('summary', fold).textContent = title.textContent
  link.parentElement.replaceWith(...solution)
})
$('.live-note').hidden = false
}
