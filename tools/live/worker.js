// Python in a worker: loads Pyodide, the library and the pictures from this site, then runs cells one after the other
import { loadPyodide } from './pyodide/pyodide.mjs'

const home = new URL('.', import.meta.url), say = (kind, more) => postMessage({ kind, ...more })
const ask = fetch, kept = self.caches && caches.open(home.pathname).catch(() => null) // the folder's name says what is in it
let session, check, got = 0
self.fetch = async url => { // counts what arrives, and keeps it for the next visit; Pyodide's own files too
  const cache = await kept, old = await cache?.match(url), r = old ?? await ask(url)
  if (!r.ok) throw new Error(`${url}: status ${r.status}`)
  if (!old) cache?.put(url, r.clone()).catch(() => {}) // no room: it is asked for again
  const count = new TransformStream({ transform(piece, out) { got += piece.byteLength; say('loading', { got }); out.enqueue(piece) } })
  return new Response(r.body.pipeThrough(count), { headers: r.headers })
}
const forget = async () => { for (const k of await caches.keys()) if (/\/live\/[0-9a-f]+\/$/.test(k) && k !== home.pathname) await caches.delete(k) }
if (kept) forget()
const bytes = async name => new Uint8Array(await (await fetch(new URL(name, home))).arrayBuffer())

const start = async ({ pictures, files }) => {
  const loading = loadPyodide({ indexURL: new URL('pyodide/', home).href, env: { HOME: '/home/pyodide', FMNIST_NB_HOME: '/cache' },
    lockFileContents: '{"info":{"arch":"wasm32","platform":"emscripten","version":"0","python":"3.14.2","abi_version":"2026_0"},"packages":{}}' })
  const [py, library, ...data] = await Promise.all([loading, bytes('library.zip'), ...Object.keys(files).map(name => bytes(`${pictures}/${name}`))])
  py.FS.writeFile('/library.zip', library)
  py.FS.mkdirTree('/cache/fashion-mnist')
  Object.keys(files).forEach((name, i) => py.FS.writeFile('/cache/fashion-mnist/' + name, data[i]))
  py.runPython('import sys; sys.path.insert(0, "/library.zip")')
  session = py.pyimport('runner').start(py.toPy(files))
  check = py.pyimport('exercises').check
  say('ready')
}

let last = Promise.resolve()
onmessage = ({ data: m }) => last = last.then(async () => {
  try {
    if (m.start) return await start(m.start)
    say('begins', { id: m.id })
    const send = (type, text) => say('says', { id: m.id, type, text })
    const ok = m.checks ? check(session, m.code, m.checks, send) : session.run(m.code, send)
    say('ends', { id: m.id, ok, count: session.count })
  } catch (e) { say('broken', { text: String(e.message).trim().split('\n').at(-1) }) }
})
