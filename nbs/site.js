// What the pages do: theme, search, copy buttons, the place in the table of contents
'use strict'
const $ = (sel, el = document) => el.querySelector(sel), $$ = (sel, el = document) => [...el.querySelectorAll(sel)]
const make = (tag, props, ...kids) => { const el = Object.assign(document.createElement(tag), props); el.append(...kids); return el }

// ---- Theme: what is chosen stays chosen
$$('[data-toggle-theme]').forEach(b => b.onclick = () => {
  const t = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
  document.documentElement.dataset.theme = t
  try { localStorage.setItem('theme', t) } catch (e) { /* it then lasts for this page */ }
})

// ---- Code: a copy button; what is too wide can be scrolled with the keyboard
$$('main pre code.sourceCode').forEach(code => {
  const button = make('button', { className: 'copy', textContent: 'Copy' })
  button.onclick = async () => {
    await navigator.clipboard.writeText(code.textContent)
    button.textContent = 'Copied'
    setTimeout(() => button.textContent = 'Copy', 1500)
  }
  code.closest('div.sourceCode').append(button)
})
const reach = () => $$('main pre, .scroll').forEach(el => {
  if (el.scrollWidth > el.clientWidth) { el.tabIndex = 0; el.role = 'region'; el.ariaLabel = el.matches('pre') ? 'code or output' : 'table' }
})
addEventListener('load', reach)
addEventListener('resize', reach)

// ---- Headings link to themselves
$$('article :is(h2, h3, h4)[id]').forEach(h => h.append(make('a', { className: 'anchor', href: '#' + h.id, ariaLabel: 'Link to ' + h.textContent, textContent: '#' })))

// ---- Table of contents: shows where the reader is
const links = new Map($$('#site-toc a').map(a => [decodeURIComponent(a.hash.slice(1)), a]))
if (links.size) {
  const heads = [...links.keys()].map(id => document.getElementById(id))
  const mark = () => {
    let now = heads.findLastIndex(h => h.getBoundingClientRect().top < 120)
    if (innerHeight + scrollY >= document.body.scrollHeight - 2) now = heads.length - 1
    heads.forEach((h, i) => links.get(h.id).classList.toggle('here', i === now))
  }
  addEventListener('scroll', mark, { passive: true })
  mark()
}
$$('[popover] a').forEach(a => a.addEventListener('click', () => a.closest('[popover]').matches(':popover-open') && a.closest('[popover]').hidePopover()))

// ---- Search: every word must occur; names first, then headings, then text
const dialog = $('#site-search'), field = $('input', dialog), list = $('.results', dialog)
const base = document.currentScript?.src ?? $('script[src*="site.js"]').src
let index = null
const open = async () => {
  if (!dialog.open) dialog.showModal()
  field.select()
  index ??= fetch(new URL('search.json', base)).then(r => r.json())
  index = await index
  show()
}
const score = (entry, words) => words.reduce((sum, w) => {
  const s = entry.s.toLowerCase(), x = (entry.low ??= entry.x.toLowerCase())
  const n = s === w ? 100 : s.startsWith(w) || s.endsWith('.' + w) ? 50 : s.includes(w) ? 25
    : entry.t.toLowerCase().includes(w) ? (entry.s ? 3 : 20) : x.includes(w) ? 1 + Math.min(4, x.split(w).length / 4) : -Infinity
  return sum + n
}, 0)
const snippet = (text, words) => { // some text around the first word that is found, the words marked
  const at = Math.max(0, Math.min(...words.map(w => text.toLowerCase().indexOf(w)).filter(i => i >= 0), text.length) - 50)
  const from = at === text.length - 50 ? 0 : at && text.indexOf(' ', at) + 1 // whole words; the start where no word is in the text
  const part = (from ? '… ' : '') + text.slice(from, from + 160).replace(/\s\S*$/, text.length > from + 160 ? ' …' : '$&')
  const pattern = new RegExp('(' + words.map(w => w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') + ')', 'ig')
  return part.split(pattern).map((s, i) => i % 2 ? make('mark', {}, s) : s)
}
const show = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
  if (!words.length || !Array.isArray(index)) return list.replaceChildren()
  const hits = index.map(e => [score(e, words), e]).filter(h => h[0] > 0).sort((a, b) => b[0] - a[0]).slice(0, 20)
  list.replaceChildren(...hits.map(([, e]) => make('a', { href: new URL(e.u, base) },
    make('strong', {}, e.s || e.t), make('small', {}, e.s ? e.t : ''), make('span', {}, ...snippet(e.x, words)))))
  if (!hits.length) list.append(make('p', {}, 'Nothing has all of these words.'))
}
field.addEventListener('input', show)
dialog.addEventListener('click', e => { if (e.target === dialog || e.target.closest('a')) dialog.close() })
dialog.addEventListener('keydown', e => {
  if (e.key === 'Escape') { e.preventDefault(); dialog.close() }
  const rows = $$('a', list), at = rows.indexOf(document.activeElement)
  if (e.key === 'Enter' && at < 0 && rows.length) { e.preventDefault(); rows[0].click() }
  if (e.key === 'ArrowDown') { e.preventDefault(); rows[Math.min(at + 1, rows.length - 1)]?.focus() }
  if (e.key === 'ArrowUp') { e.preventDefault(); at > 0 ? rows[at - 1].focus() : field.focus() }
})
$$('[data-search]').forEach(b => b.onclick = open)
addEventListener('keydown', e => {
  const typing = e.target.closest?.('input, textarea, [contenteditable]')
  if ((e.key === '/' && !typing && !e.ctrlKey && !e.metaKey) || (e.key === 'k' && (e.ctrlKey || e.metaKey))) { e.preventDefault(); open() }
})
