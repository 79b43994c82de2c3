// node tests/live_chapter.mjs FOLDER CHAPTER CHOICE: runs the cells of a chapter as the page does, prints `[{id, ok, seconds, out: [[type, text]]}]`
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
const [folder, chapter, choice] = process.argv.slice(2), read = name => readFileSync(join(folder, name))
const { loadPyodide } = await import(join(folder, 'pyodide', 'pyodide.mjs'))
const { cells, pictures } = JSON.parse(read(chapter + '.json')), { files } = pictures[choice]
const lock = /lockFileContents: '(.*)'/.exec(read('worker.js'))[1]
const began = performance.now()
const py = await loadPyodide({ indexURL: join(folder, 'pyodide'), env: { HOME: '/home/pyodide', FMNIST_NB_HOME: '/cache' }, lockFileContents: lock })
py.FS.writeFile('/library.zip', read('library.zip'))
py.FS.mkdirTree('/cache/fashion-mnist')
for (const name in files) py.FS.writeFile('/cache/fashion-mnist/' + name, read(`${choice}/${name}`))
py.runPython('import sys; sys.path.insert(0, "/library.zip")')
const session = py.pyimport('runner').start(py.toPy(files)), res = [{ id: 'start', ok: true, seconds: (performance.now() - began) / 1000, out: [] }]
for (const { id, code } of cells) {
  const out = [], t = performance.now(), ok = session.run(code, (type, text) => out.push([type, text]))
  res.push({ id, ok, seconds: (performance.now() - t) / 1000, out })
}
console.log(JSON.stringify(res))
process.exit(0)
