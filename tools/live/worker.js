// Python in a worker: loads Pyodide, the library and the pictures from this site, then runs cells one after the other
import { loadPyodide } from './pyodide/pyodide.mjs'

const home = new URL('.', import.meta.url), say = (kind, more) => postMessage({ kind, ...more })
const ask = fetch, store = self.caches?.open(home.pathname).catch(() => null) // for the next visit; the folder's name says what is in it
store?.then(async () => { for (const k of await caches.keys()) if (/\/live\/\w+\/$/.test(k) && k !== home.pathname) await caches.delete(k) })
let session, check, got = 0
self.fetch = async url => { // as Pyodide calls it, too: counts what arrives
  const cache = await store, kept = await cache?.match(url), r = kept ?? await ask(url)
  if (!r.ok) throw new Error(`${url}: status ${r.status}`)
  if (!kept) cache?.put(url, r.clone()).catch(() => {}) // no room: the next visit asks again
  const count = new TransformStream({ transform(piece, out) { got += piece.byteLength; say('loading', { got }); out.enqueue(piece) } })
  return new Response(r.body.pipeThrough(count), { headers: r.headers })
}
const bytes = async name => new Uint8Array(await (await fetch(new URL(name, home))).arrayBuffer())

const start = async ({ pictures, files }) => {
  const names = Object.keys(files)
  const [py, library, ...data] = await Promise.all([loadPyodide({ indexURL: new URL('pyodide/', home).href, env: { HOME: '/cache', FMNIST_NB_HOME: '/cache' },
    lockFileContents: '{"info":{"arch":"wasm32","platform":"emscripten","version":"0","python":"3.14.2","abi_version":"2026_0"},"packages":{}}' }),
    bytes('library.zip'), ...names.map(name => bytes(`${pictures}/${name}`))])
  py.FS.writeFile('/library.zip', library)
  py.FS.mkdirTree('/cache/fashion-mnist')
  names.forEach((name, i) => py.FS.writeFile('/cache/fashion-mnist/' + name, data[i]))
  py.runPython('import sys; sys.path.insert(0, "/library.zip")')
  session = py.pyimport('runner').start(py.toPy(files))
  check = py.pyimport('exercises').check
}

let last = Promise.resolve()
onmessage = ({ data: m }) => last = last.then(async () => {
  if (m.start) return start(m.start)
  say('begins')
  const send = (type, text) => say('says', { type, text }), ok = m.checks ? check(session, m.code, m.checks, send) : session.run(m.code, send)
  say('ends', { ok, count: session.count })
}).catch(e => say('fails', { text: String(e.message).trim().split('\n').at(-1) }))
