// Cells that the reader runs and edits where they stand. Nothing is loaded before the first Run
'use strict'
const live = { cells: new Map } // id -> cell
{
const script = document.currentScript, at = name => new URL(name, script.src)
let book, worker = null
const waiting = [], before = new Set // [cell or null, is its output shown?], in the order in which Python runs them; hidden cells that it has run
// ---- The bar that says what Python is doing
const state = make('span', { className: 'live-state' }), said = make('span', { className: 'live-said', role: 'status' })
const stop = make('button', { textContent: 'Stop' }), afresh = make('button', { textContent: 'Start afresh' })
const pick = make('select', { ariaLabel: 'Pictures' }, new Option('2,000 + 1,000 pictures', 'sample'), new Option('all 70,000 pictures (31 MB)', 'all'))
const bar = make('div', { className: 'live-bar', role: 'region', ariaLabel: 'Python in this page', hidden: true }, state, pick, stop, afresh, said)
document.body.append(bar)
const tell = text => { state.textContent = text; bar.hidden = false; stop.disabled = !worker || text === 'Ready' }
// ---- Python: a worker that is ended to stop it, and begun again by the next Run
const answers = {
  loading: (m, all) => tell(`Loading: ${(m.got / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`),
  begins: () => tell(waiting[0][0] ? 'Running' : 'Running what comes before'),
  says: m => { const [c, shown] = waiting[0]; if (c && (shown || m.type === 'error')) write(c, m.type, m.text) },
  ends: m => { ran(...waiting.shift(), m); if (!waiting.length) tell('Ready') },
  fails: m => end('Python cannot go on: ' + m.text),
}
const begin = ({ files, bytes }) => {
  worker = new Worker(at('worker.js'), { type: 'module' })
  worker.onmessage = ({ data }) => answers[data.kind](data, bytes)
  worker.onerror = e => end('Python cannot start here: ' + (e.message || 'the browser may be too old'))
  worker.postMessage({ start: { pictures: pick.value, files } })
  tell(said.textContent = 'Loading Python')
}
const end = text => {
  worker?.terminate()
  worker = null
  for (const [c, shown] of waiting.splice(0)) if (shown) write(c, 'note', 'Stopped.')
  for (const c of live.cells.values()) [c.ran, c.block.dataset.state, c.count.textContent] = [false, '', '']
  before.clear()
  tell(said.textContent = text)
}
stop.onclick = () => end('Stopped; the next Run begins afresh')
afresh.onclick = () => { live.cells.forEach(shut); end('The next Run begins afresh') }
pick.onchange = () => end('The next Run has these pictures')

const ask = (c, shown, code) => {
  if (c) [c.ran, c.block.dataset.state, c.count.textContent] = [true, 'waits', '[*]']
  if (shown) output(c).replaceChildren()
  waiting.push([c, shown])
  worker.postMessage({ code: c?.field?.value ?? code ?? c.text, checks: shown ? c.checks : null })
}
const run = async c => { // what comes before it runs first, hidden cells too, as it stands on the page
  const { cells, pictures } = await (book ??= fetch(at(script.dataset.cells)).then(r => r.json()))
  if (!worker) begin(pictures[pick.value])
  for (const o of cells) {
    const other = live.cells.get(o.id)
    if (o.id === c.id) break // an exercise comes after all of them
    if (other ? other.ran : before.has(o.id)) continue
    if (!other) before.add(o.id)
    ask(other, false, o.code)
  }
  ask(c, true)
}
const ran = (c, shown, { ok, count }) => {
  if (!c) return
  [c.ran, c.block.dataset.state, c.count.textContent] = [ok, ok ? 'ok' : 'error', `[${count}]`]
  const text = c.box?.innerText.trim(), verdict = c.box?.querySelector('[data-type=right], [data-type=wrong]')?.innerText
  if (shown) said.textContent = (verdict ?? (ok ? 'Output: ' + (text || 'none') : 'Error: ' + text.split('\n').at(-1))).slice(0, 400)
  if (shown && ok && !c.box.innerHTML) write(c, 'note', 'It ran, and shows nothing.')
  if (!ok && !c.field && pick.value === 'sample') write(c, 'note', 'Only the first 2,000 + 1,000 pictures are here, the others are black. For all 70,000, choose them below.')
}
// ---- Outputs: those of the book are hidden while there are new ones
const output = c => {
  c.stored.forEach(o => o.hidden = true)
  if (!c.box) c.frame.after(c.box = make('div', { className: 'cell-output live-output' }))
  return c.box
}
const write = (c, type, text) => {
  const box = output(c), last = box.lastElementChild
  if (type === 'html') return box.append(make('div', { className: 'live-html', innerHTML: text }))
  if (last?.dataset.type === type) return last.append(text)
  box.append(make('pre', { textContent: text }))
  box.lastElementChild.dataset.type = type
}
const shut = c => {
  c.box = c.box?.remove()
  c.stored.forEach(o => o.hidden = false)
}
// ---- Editing: a field of transparent text over the code, which is coloured anew
const kinds = { co: /#.*/, st: /[rbf]{0,2}(?:'''[^]*?'''|"""[^]*?"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")/,
  kw: /\b(?:def|class|for|while|if|elif|else|try|except|finally|with|as|in|not|and|or|is|lambda|return|yield|raise|from|import|assert|pass|break|continue|del|global|None|True|False)\b/, dv: /\b\d[\w.]*/ }
const pattern = new RegExp(Object.entries(kinds).map(([k, r]) => `(?<${k}>${r.source})`).join('|'), 'g')
const colour = c => {
  const text = c.field.value
  let end = 0
  c.code.replaceChildren()
  for (const m of text.matchAll(pattern)) {
    c.code.append(text.slice(end, m.index), make('span', { className: Object.keys(kinds).find(k => m.groups[k] !== undefined), textContent: m[0] }))
    end = m.index + m[0].length
  }
  c.code.append(text.slice(end) + '\n')
}
const open = c => {
  const f = c.field = make('textarea', { value: c.text, spellcheck: false, autocapitalize: 'off', autocomplete: 'off', ariaLabel: (c.checks ? 'Your answer: Shift-Enter checks' : 'Code of this cell: Shift-Enter runs') + ' it, Escape leaves it' })
  f.oninput = () => { colour(c); c.ran = false; c.typing = true }
  f.onclick = () => c.typing = true
  f.onblur = () => c.typing = false // Tab goes on to what is next
  f.onkeydown = e => {
    const type = s => { e.preventDefault(); document.execCommand('insertText', false, s) }, line = f.value.slice(0, f.selectionStart).split('\n').at(-1)
    if (e.key === 'Escape') $('.live-tools button', c.block).focus()
    else if (e.key === 'Tab' && !e.shiftKey && c.typing) type('    ')
    else if (e.key === 'Enter' && (e.shiftKey || e.ctrlKey || e.metaKey)) { e.preventDefault(); run(c) }
    else if (e.key === 'Enter') type('\n' + line.match(/^ */)[0] + (/:\s*(#.*)?$/.test(line) ? '    ' : ''))
  }
  c.block.classList.add('live-edited')
  c.code.after(f)
  colour(c)
}
const edit = c => {
  if (!c.field) { open(c); c.field.setSelectionRange(0, 0) }
  c.typing = !c.field.focus()
}
const reset = c => {
  if (c.field) { c.field = c.field.remove(); c.code.innerHTML = c.html; c.block.classList.remove('live-edited'); [c.ran, c.count.textContent] = [false, ''] }
  shut(c)
  if (c.checks) open(c)
}
// ---- The cells of the page, and their buttons
for (const block of $$('[data-cell]')) {
  const code = $('code.sourceCode', block), frame = block.closest('details, .source') ?? block, count = make('span', { className: 'live-count' })
  const c = { id: block.dataset.cell, block, code, html: code.innerHTML, text: code.textContent.trimEnd(), frame, count, stored: $$(':scope > .cell-output', frame.parentElement), checks: block.closest('.exercise')?.querySelector('.checks code').textContent }
  const tool = (textContent, title, f) => make('button', { textContent, title, onclick: () => f(c) })
  const tools = c.checks ? [tool('Check', 'Run your answer, then its checks (Shift-Enter while you write)', run)]
    : [tool('Run', 'Run this cell, after those before it (Shift-Enter while you edit)', run), tool('Edit', 'Change this cell', edit)]
  block.append(make('div', { className: 'live-tools' }, count, ...tools, tool('Reset', 'Back to what the book has', reset)))
  live.cells.set(c.id, c)
  if (c.checks) open(c)
}
// ---- Solutions are on a page of their own until they are asked for
for (const fold of $$('.solution')) fold.addEventListener('toggle', async () => {
  const link = $('p > a', fold)
  if (!link || !fold.open) return
  const [title, ...solution] = new DOMParser().parseFromString(await (await fetch(link.href)).text(), 'text/html').getElementById(fold.id).children
  $('summary', fold).textContent = title.textContent
  link.parentElement.replaceWith(...solution)
})
}
