"Cells that run in the page: every live chapter under node, and what a reader does with them in a browser"
import json, re, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbdev.config import get_config
from test_exercises import answers, plausible
from test_site import Handler, axe, browser, docs, root, serve

sys.path.insert(0, str(root/'tools'))
from live.build import add_live_cells, chapters, fetch_pyodide, lesson_cells

folder = next(docs.glob('live/*'), None)
pytestmark = pytest.mark.skipif(not folder, reason='the site in _docs has no live cells: `make docs` says why')
pages = {c.split('_', 1)[1]: root/'nbs'/f'{c}.ipynb' for c in chapters}
timings = r'%timeit|\.best\b|\bratio\b|times\['
memory = r'tracemalloc|getsizeof|\bpeak\('
chance = r'WichmannHill\(\)' # seeded by the system

# ---- In a browser ----

class Counting(Handler):
    asked = [] # paths, in order
    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

@pytest.fixture(scope='module')
def site():
    with serve(Counting) as address: yield address

class Reader:
    "Somebody who reads the page `name`"
    def __init__(self, context, site, name):
        self.page,self.problems = context.new_page(),[]
        self.page.set_default_timeout(60_000)
        self.page.on('console', lambda m: self.problems.append(m.text) if m.type in ('error', 'warning') else None)
        self.page.on('pageerror', lambda e: self.problems.append(str(e)))
        self.page.on('request', lambda r: None if r.url.startswith((site, 'data:', 'blob:')) else self.problems.append(f'asks another host: {r.url}'))
        self.page.goto(f'{site}/{name}.html')
    def cell(self, words): # the first that has these words now, by its id
        return self.page.locator(f"[data-cell='{self.page.locator('[data-cell]', has_text=words).first.get_attribute('data-cell')}']")
    def press(self, cell, name): cell.get_by_role('button', name=name, exact=True).click()
    def wait(self, cell, state):
        self.page.wait_for_function('([id, s]) => document.querySelector(`[data-cell="${id}"]`).dataset.state===s', arg=[cell.get_attribute('data-cell'), state])
        return self.page.evaluate('id => live.cells.get(id).box.innerText', cell.get_attribute('data-cell'))
    def run(self, words, state='ok'):
        self.press(cell := self.cell(words), 'Run')
        return self.wait(cell, state)
    def type(self, cell, text):
        self.press(cell, 'Edit')
        self.page.keyboard.press('Control+A')
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press('Shift+Enter')
    def state(self): return self.page.locator('.live-state').inner_text()

@pytest.fixture
def read(site, browser, chapter_runs):
    contexts = []
    def _read(name='matrix', width=1280, dark=False):
        contexts.append(c := browser.new_context(viewport=dict(width=width, height=900), color_scheme='dark' if dark else 'light', has_touch=width<500))
        return Reader(c, site, name)
    yield _read
    for c in contexts: c.close()

def test_a_reader(read, site):
    "First run, edit, error, reset, endless loop, all pictures; and a second visit"
    Counting.asked.clear()
    r = read()
    r.page.wait_for_load_state('networkidle')
    early = [p for p in Counting.asked if '/live/' in p]
    assert sorted(Path(p).name for p in early)==['live.css', 'live.js'], early # nothing else before the first Run
    words = 'img[0][10], img[0][15]'
    cell = r.cell(words)
    assert r.run(words).strip()=='(175, 137)'
    assert r.state()=='Ready' and r.page.locator('.live-said').inner_text()=='Output: (175, 137)'
    assert r.page.locator('.live-count', has_text='[3]').count()==1 # what comes before has run, hidden cells too
    stored = r.page.locator('.cell', has=cell).locator('.cell-output:not(.live-output)')
    assert not stored.is_visible()
    r.type(cell, 'def shade(k):\n    return img[0][k]\n\nprint("row 0")\nshade(10)')
    assert r.wait(cell, 'ok').split()==['row', '0', '175']
    r.type(cell, 'def shade(k):\n    return img[0][k]\n\nshade(99)')
    error = r.wait(cell, 'error')
    assert 'return img[0][k]' in error and 'IndexError: list index out of range' in error and 'runner.py' not in error
    assert r.page.locator('.live-said').inner_text()=='Error: IndexError: list index out of range'
    r.press(cell, 'Reset')
    assert stored.is_visible() and cell.locator('textarea').count()==0 and cell.locator('code').inner_text().strip()==words
    assert r.run('def map(self:Matrix, f)').strip()=='It ran, and shows nothing.'
    figure = r.run("views = {'m': m")
    assert 'transpose: m.T' in figure and r.page.locator('.live-figure image').count()==4
    assert r.page.locator('.live-output table td').count()==0 and r.run("shaded(m[4:15,4:22]") and r.page.locator('.live-output table td').count()==11*18
    black = 'any(x_train[1999]), any(x_train[2000]), len(x_train), y_train[2000:2003]'
    r.type(cell, black)
    assert (few := r.wait(cell, 'ok')).startswith('(True, False, 60000')
    r.type(cell, 'while True: print("again")')
    r.page.wait_for_timeout(500)
    assert r.page.get_by_role('button', name='Stop').evaluate('b => { const t = performance.now(); b.click(); return performance.now()-t }')<1000
    assert r.state().startswith('Stopped')
    for _ in range(50): # Chromium gives a worker two seconds to end by itself, and no more
        if not r.page.workers: break
        r.page.wait_for_timeout(200)
    assert not r.page.workers
    r.page.get_by_label('Pictures').select_option('all')
    r.type(cell, black)
    assert r.wait(cell, 'ok')==few.replace('False', 'True')
    Counting.asked.clear()
    again = Reader(r.page.context, site, 'matrix')
    again.run(words)
    assert not [p for p in Counting.asked if '/live/' in p], 'a second visit asks again'
    assert not r.problems and not again.problems

def test_on_a_dark_phone(read, axe):
    "Nothing scrolls sideways, and nothing keeps people from reading what came out"
    r = read('chunks', 390, True)
    r.run("plt.title('Picture 0")
    r.type(cell := r.cell('ramp = '), '1/0')
    r.wait(cell, 'error')
    assert r.page.evaluate('document.documentElement.scrollWidth')==390
    assert r.page.evaluate("Math.min(...[...document.querySelectorAll('.live-tools button, .live-bar :is(button, select)')].map(b => b.offsetHeight || 99))")>=24
    r.page.add_script_tag(content=axe)
    found = r.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(v => `${v.id}: ${v.nodes[0].html}`)")
    assert not found and not r.problems

def test_an_exercise_on_a_dark_phone(read, axe):
    "Empty, wrong, right; in words, also for who hears them; the solution when it is asked for"
    r = read('matrix', 390, True)
    cell,field = r.cell('def crop(m)'),r.page.locator('[data-cell]', has_text='def crop(m)').locator('textarea')
    r.page.locator('[data-cell]', has_text='quarter = ...').get_by_role('button', name='Reset').focus()
    for _ in range(9):
        r.page.keyboard.press('Tab') # goes through the field, which is left as it was
        if cell.get_by_role('button', name='Check').evaluate('o => o===document.activeElement'): break
    assert field.input_value()=='def crop(m):\n    ...'
    r.page.keyboard.press('Enter')
    assert 'still to be written' in r.wait(cell, 'error')
    def answer(code, state):
        field.click()
        r.page.keyboard.press('Control+A')
        r.page.keyboard.insert_text(code)
        r.page.keyboard.press('Shift+Enter')
        text = r.wait(cell, state)
        assert ' '.join(r.page.locator('.live-said').inner_text().split())[:50] in ' '.join(text.split())
        return text
    wrong = answer(plausible['crop'], 'error')
    assert '3 of 4 checks pass' in wrong and 'got      [[1], [2, 3]]\nexpected [[1, 0, 0]' in wrong
    assert r.page.evaluate('document.documentElement.scrollWidth')==390
    fold = r.page.locator('.exercise', has=cell).locator('.solution')
    assert 'slice(*span(m))' not in r.page.content()
    fold.locator('summary').click()
    fold.get_by_text('slice(*span(m))').wait_for()
    assert fold.locator('summary').inner_text()=='Solution 1: the same question twice'
    r.page.add_script_tag(content=axe)
    found = r.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(v => `${v.id}: ${v.nodes[0].html}`)")
    assert not found and not r.problems
    solution = fold.locator('code').first.inner_text()
    assert 'Right: 4 of 4 checks pass.' in answer(solution, 'ok')
    r.press(cell, 'Reset')
    assert field.input_value()=='def crop(m):\n    ...' and not r.page.locator('.live-output').is_visible()

# ---- Under node ----

def _run_chapter(page):
    r = subprocess.run(['node', root/'tests'/'live_chapter.mjs', folder, page, 'all', json.dumps([*answers(page)])], capture_output=True, text=True, timeout=300)
    assert not r.returncode, r.stderr[-2000:]
    return {c['id']: c for c in json.loads(r.stdout.splitlines()[-1])}

@pytest.fixture(scope='module')
def chapter_runs():
    "They begin at once, beside what the browser does"
    with ThreadPoolExecutor(2) as pool: yield shutil.which('node') and {page: pool.submit(_run_chapter, page) for page in ('idx', 'chunks', 'download', 'rng_profiling', 'matrix')}

def _stored(cell):
    "What the notebook shows for `cell`: `[(type, text)]`"
    for o in cell['outputs']:
        data = o.get('data', {})
        rich = data.keys() & {'text/html', 'text/markdown', 'image/png'}
        if o['output_type']=='stream': yield 'stdout', ''.join(o['text'])
        else: yield ('html', ''.join(data.get('text/html', ''))) if rich else ('text', ''.join(data['text/plain']))

def _plain(code, outputs):
    "The `outputs` of the cell `code`, without what may differ: addresses; the numbers of timings, of memory and of what is drawn by chance"
    res = []
    for kind,text in outputs:
        text = re.sub(' at 0x[0-9a-f]+|The slowest run took .*\n', '', text).rstrip()
        text = re.sub(r'\[Errno \d+\]( Connection refused| Host is unreachable)?', '[Errno]', text) # each system has its own
        if re.search(f'{timings}|{memory}|{chance}', code): text = re.sub(r'\d[\d,.e+-]*( [nuµm]?s\b)?| +', '#', text.replace('+-', '±'))
        if kind=='html' and not re.match('<div style.*<table', text): text = '' # a picture, or a table of Markdown
        if res and res[-1][0]==kind=='stdout': res[-1] = kind,res[-1][1] + text
        else: res.append((kind, text))
    return res

@pytest.mark.parametrize('page', pages)
def test_chapter(page, chapter_runs):
    "All cells with a button run, from top to bottom, and show what the notebook shows"
    if not chapter_runs: pytest.skip('no node, which runs the chapters')
    runs,bad = chapter_runs[page].result(),[]
    for c in json.loads(pages[page].read_text(encoding='utf-8'))['cells']:
        if c['id'] not in runs or c['cell_type']!='code': continue
        code,run = ''.join(c['source']),runs[c['id']]
        stored,new = _plain(code, _stored(c)),_plain(code, run['out'])
        if not run['ok'] or stored!=new: bad.append(f'{c["id"]} {code[:60]!r}:\n  {stored}\n  {new}')
    assert len(runs)>15
    assert not bad, '\n'.join(bad)

@pytest.mark.parametrize('page', pages)
def test_exercises(page, chapter_runs):
    "Every solution passes its checks; nothing, and what is wrong, does not"
    if not chapter_runs: pytest.skip('no node, which runs the chapters')
    runs = chapter_runs[page].result()
    bad = [(id, o['out']) for id in (a['id'] for a in answers(page)) if (o := runs[id])['ok']!=id.endswith(' right')]
    assert not bad

@pytest.mark.parametrize('page,share', [('idx', .95), ('chunks', .95), ('matrix', .7)])
def test_most_cells_run(page, share):
    "Of the code cells that are seen without unfolding anything"
    text = (docs/f'{page}.html').read_text()
    article = re.sub('<details.*?</details>', '', text[text.index('<article>'):], flags=re.S)
    blocks = re.findall(r'<div class="sourceCode"[^>]*>', article)
    assert sum('data-cell' in b for b in blocks)>=share*len(blocks)

# ---- The build ----

def test_another_pyodide_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv('FMNIST_NB_HOME', str(tmp_path))
    (tmp_path/'pyodide-314.0.7.tgz').write_bytes(b'something else')
    with pytest.raises(ValueError, match='as it was published'): fetch_pyodide()

def test_without_npm(tmp_path, monkeypatch, capsys):
    "The site is then built without live cells, and one line says so"
    monkeypatch.setenv('FMNIST_NB_HOME', str(tmp_path))
    monkeypatch.setenv('PATH', '')
    add_live_cells([], tmp_path/'site', get_config(path=root))
    assert capsys.readouterr().out=='without live cells: there is no npm, which gets Pyodide\n' and not (tmp_path/'site').exists()

def test_what_a_cell_needs(tmp_path):
    "A cell runs unless it uses, now, a name that needs what is absent"
    cells = ['import numpy as np, math', 'math.pi', 'def f(): return np.ones(3)', 'f()', 'x = np.ones(3)', 'x', 'x = 3', 'x', 'def g(np): return np', 'g(1)', 'import os\nos.fork()']
    nb = dict(cells=[dict(cell_type='code', id=str(i), source=[s]) for i,s in enumerate(cells)])
    (tmp_path/'x.ipynb').write_text(json.dumps(nb))
    assert [c['missing'] for c in lesson_cells(tmp_path/'x.ipynb')]==[None]*3 + ['NumPy']*3 + [None]*4 + ['a second process']
