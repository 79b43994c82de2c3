// node tests/live_chapter.mjs FOLDER CHAPTER CHOICE [ANSWERS]: runs the cells of a chapter as the page does, then checks answers to its exercises;
// ANSWERS: `[{id, code, checks}]`; prints `[{id, ok, seconds, out: [[type, text]]}]`
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
const [folder, chapter, choice, answers = '[]'] = process.argv.slice(2), read = name => readFileSync(join(folder, name))
const { loadPyodide } = await import(join(folder, 'pyodide', 'pyodide.mjs'))
const { cells, pictures } = JSON.parse(read(chapter + '.json')), { files } = pictures[choice]
const lock = /lockFileContents: '(.*)'/.exec(read('worker.js'))[1]
const began = performance.now()
const py = await loadPyodide({ indexURL: join(folder, 'pyodide'), env: { HOME: '/cache', FMNIST_NB_HOME: '/cache' }, lockFileContents: lock })
py.FS.writeFile('/library.zip', read('library.zip'))
py.FS.mkdirTree('/cache/fashion-mnist')
for (const name in files) py.FS.writeFile('/cache/fashion-mnist/' + name, read(`${choice}/${name}`))
py.runPython('import sys; sys.path.insert(0, "/library.zip")')
const { check } = py.pyimport('exercises'), session = py.pyimport('runner').start(py.toPy(files)), res = [{ id: 'start', ok: true, seconds: (performance.now() - began) / 1000, out: [] }]
for (const { id, code, checks } of [...cells, ...JSON.parse(answers)]) {
  const out = [], t = performance.now(), send = (type, text) => out.push([type, text]), ok = checks ? check(session, code, checks, send) : session.run(code, send)
  res.push({ id, ok, seconds: (performance.now() - t) / 1000, out })
}
console.log(JSON.stringify(res))
process.exit(0)
