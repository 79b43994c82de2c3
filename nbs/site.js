// What the pages do: theme, copy buttons, folds, the place in the table of contents, search
'use strict'
const $ = (sel, el = document) => el.querySelector(sel), $$ = (sel, el = document) => [...el.querySelectorAll(sel)]
const make = (tag, props, ...kids) => { const el = Object.assign(document.createElement(tag), props); el.append(...kids); return el }

// ---- Theme: what is chosen stays chosen
$$('[data-toggle-theme]').forEach(b => b.onclick = () => {
  const t = document.documentElement.dataset.theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
  try { localStorage.setItem('theme', t) } catch (e) { /* it then lasts for this page */ }
})

// ---- Code: a copy button; what is too wide can be scrolled with the keyboard
$$('main pre code.sourceCode').forEach(code => code.closest('div.sourceCode').append(make('button', { className: 'copy', textContent: 'Copy', onclick: async e => {
  await navigator.clipboard.writeText(code.textContent)
  e.target.textContent = 'Copied'
  setTimeout(() => e.target.textContent = 'Copy', 1500)
} })))
const reach = () => $$('main pre, .scroll').forEach((el, i) => el.scrollWidth > el.clientWidth &&
  Object.assign(el, { tabIndex: 0, role: 'group', ariaLabel: `${el.matches('pre') ? 'code' : 'table or formula'} ${i + 1}, scrolls` }))
for (const when of ['load', 'resize', 'toggle']) addEventListener(when, reach, when === 'toggle') // which does not bubble

// ---- Folds: opened by a link into them, by print, and all together by a button
const folds = $$('article details'), all = make('button', { textContent: 'Open all', onclick: () => unfold(folds.some(d => !d.open)) })
const unfold = open => { folds.forEach(d => d.open = open); all.textContent = open ? 'Close all' : 'Open all' }
if (folds.length) $('.actions')?.append(make('li', {}, all))
const arrive = () => {
  const id = decodeURIComponent(location.hash.slice(1)), el = document.getElementById(id), other = $('.actions a.library')
  if (el?.closest('details')) { el.closest('details').open = true; el.scrollIntoView() }
  if (id && !el && other) location.replace(other.href + location.hash) // an old link to what is now on the other page
}
for (const when of ['DOMContentLoaded', 'hashchange']) addEventListener(when, arrive)
addEventListener('beforeprint', () => unfold(true))

// ---- Headings link to themselves; the table of contents follows the reader
$$('article :is(h2, h3, h4)[id]').forEach(h => h.append(make('a', { className: 'anchor', href: '#' + h.id, ariaLabel: 'Link to ' + h.textContent, textContent: '#' })))
const toc = $('#site-toc'), links = $$('#site-toc li a'), heads = links.map(a => document.getElementById(decodeURIComponent(a.hash.slice(1))))
const mark = () => {
  const end = innerHeight + scrollY >= document.body.scrollHeight - 2
  const now = links[end ? links.length - 1 : heads.findLastIndex(h => h.getBoundingClientRect().top < 120)]
  links.forEach(a => a === now ? a.setAttribute('aria-current', 'location') : a.removeAttribute('aria-current'))
  toc.scrollTop = now ? now.offsetTop - toc.clientHeight / 2 : 0
}
if (toc) { addEventListener('scroll', mark, { passive: true }); toc.addEventListener('toggle', mark); mark() }
$$('[popover] a').forEach(a => a.addEventListener('click', () => a.closest('[popover]').matches(':popover-open') && a.closest('[popover]').hidePopover()))

// ---- Search: every word must occur, or one that differs by a slip; names first, then headings, then text
const dialog = $('#site-search'), field = $('input', dialog), list = $('.results', dialog), base = $('script[src*="site.js"]').src
let index = null, text = ''
const plain = s => s.toLowerCase().replaceAll('licence', 'license').replaceAll('no network', 'offline')
const open = async () => {
  if (!dialog.open) dialog.showModal()
  field.select()
  index ??= await fetch(new URL('search.json', base)).then(r => r.json())
  text ||= index.map(e => [e.head, e.title, e.low] = [e.s, e.t, e.x].map(plain)).join(' ')
  show()
}
const quoted = s => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const mend = w => text.includes(w) || w.length < 4 ? w // else a letter too many, too few or wrong, or two that changed places
  : text.match(new RegExp('\\b(' + [...w].flatMap((c, i) => ['\\w{0,2}' + quoted(w.slice(i + 1)), quoted((w[i + 1] ?? '') + c + w.slice(i + 2))].map(s => quoted(w.slice(0, i)) + s)).join('|') + ')'))?.[0] ?? w
const score = (e, words) => words.reduce((sum, w) => sum + (e.head === w ? 100 : e.head.split(/\W+/).includes(w) ? 60 : e.head.startsWith(w) || e.head.endsWith('.' + w) ? 50 : e.head.includes(w) ? 25
  : e.title.includes(w) ? (e.s ? 3 : 20) : e.low.includes(w) ? 1 + Math.min(4, e.low.split(w).length / 4) : -Infinity), 0)
const snippet = (text, words) => { // some text around the first word that is found, the words marked
  const pattern = new RegExp('(' + words.map(quoted).join('|') + ')', 'ig'), at = Math.max(0, text.search(pattern) - 50)
  const from = at && text.indexOf(' ', at) + 1, part = (from ? '… ' : '') + text.slice(from, from + 160).replace(/\s\S*$/, text.length > from + 160 ? ' …' : '$&')
  return part.split(pattern).map((s, i) => i % 2 ? make('mark', {}, s) : s)
}
const show = () => {
  const said = plain(field.value).split(/[\s?]+/).filter(Boolean)
  const rest = said.filter(w => !/^(how|what|where|why|can|do|does|to|is|are|it|i|the|an?|of|in|on|with)$/.test(w))
  if (!said.length || !index) return list.replaceChildren()
  const words = (rest.length ? rest : said).map(mend)
  const hits = index.map(e => [score(e, words), e]).filter(h => h[0] > 0).sort((a, b) => b[0] - a[0]).slice(0, 20)
  list.replaceChildren(...hits.map(([, e]) => make('a', { href: new URL(e.u, base) }, make('strong', {}, e.s || e.t), make('small', {}, e.s ? e.t : ''), make('span', {}, ...snippet(e.x, words)))))
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
// / or Ctrl-K to search, n and p for the next page and the one before
addEventListener('keydown', e => {
  const typing = dialog.open || e.target.closest?.('input, textarea, [contenteditable]'), bare = !typing && !e.ctrlKey && !e.metaKey && !e.altKey
  if ((e.key === '/' && bare) || (e.key === 'k' && (e.ctrlKey || e.metaKey))) { e.preventDefault(); open() }
  else if (bare) $({ n: '[rel=next]', p: '[rel=prev]' }[e.key] ?? '#none')?.click()
})
