"Exercises that check the reader: what is made of a solution's cell, what a check says, and that no page gives a solution away"
import json, re, sys

import pytest
from fastcore import test as fastcore_test # its `test_eq` is not a test of ours
from test_site import docs, root

sys.path.insert(0, str(root/'tools'))
from live.build import chapters, lesson_cells
from live.exercises import check, exercise

folder = next(docs.glob('live/*'), None)
pages = {c.split('_', 1)[1]: root/'nbs'/f'{c}.ipynb' for c in chapters}
plausible = { # and wrong: what somebody might write, by the names that are asked for
    'ratio': 'ratio = {n: 1 - (data/n).stat().st_size / len(gzip.open(data/n).read()) for n in NAMES}', # the part that is saved
    'written': 'def written(gz, name): return found',
    'flip': 'def flip(path):\n    b = bytearray(path.read_bytes())\n    b[2000] ^= 1\n    path.write_bytes(b)',
    'warm': "warm = bytes.fromhex('00 00 0c 02 00 00 00 03 00 00 00 02') + bytes(3*2)", # of one byte each
    'one': "def one(path, i): return array('B', path.read_bytes()[16+784*i:16+784*(i+1)])",
    'each': "def each(path):\n    shape, items = naive_idx(path)\n    for i in range(shape[0]): yield items[784*i:784*(i+1)]",
    'drain': 'def drain(it):\n    res = []\n    while v := next(it, None): res.append(v)\n    return res',
    'mean_pixel': "def mean_pixel(path):\n    with gzip.open(path) as f: b = f.read()[16:]\n    return sum(b)/len(b)/255",
    'filled': 'def filled(x, size, fill=None): return zip(*[iter(x)]*size)',
    'first_of_each': 'def first_of_each(labels, n):\n    labels = list(labels)\n    return {k: labels.index(k) for k in set(labels)}',
    'quarter': 'quarter = m[:14,14:]\nhalf = quarter[:,::2]',
    'crop': 'def crop(m): return Matrix([[v for v in row if v] for row in m if any(row)])',
    'rot90': '@patch\ndef rot90(self:Matrix): return self[::-1].T', # to the right
    'Strided': 'class Strided:\n    def __init__(self, flat, shape, strides, offset=0): self.flat,self.shape,self.strides,self.offset = flat,shape,strides,offset\n'
               '    def __getitem__(self, key): return self.flat[self.offset + sum(k*s for k,s in zip(key, self.strides))]', # no slices
    'unrand': 'def unrand():\n    global rnd_state\n    rnd_state = tuple(v*pow(171, -1, 30269) % p for v,p in zip(rnd_state, MODULI))',
    'leapfrog': 'def leapfrog(state, worker, workers):\n    global rnd_state\n    rnd_state = state\n    while True:\n        yield rand()\n        for _ in range(workers-1): rand()',
    'trap': 'def trap(spacing, base=1000): return 0.'}

def _exercises(page):
    "`(id, solution, stub, checks)` of those in the page, the last first, for none may need what another has made"
    for c in reversed(lesson_cells(pages[page])):
        if c['exercise'] and not c['missing']: yield c['id'], c['code'].split('\n\n')[0], *c['exercise']

def answers(page):
    "To each exercise of the page nothing, the stub, a wrong answer and the solution"
    for id,solution,stub,checks in _exercises(page):
        wrong = next(v for k,v in plausible.items() if re.search(rf'\b{k}\b', stub))
        for kind,code in dict(empty='', stub=stub, wrong=wrong, right=solution).items(): yield dict(id=f'{id} {kind}', code=code, checks=checks)

# ---- What is made of a solution's cell ----

def _cell(code, title='Solution 1: so'): return f'#| code-fold: true\n#| code-summary: "{title}"\n{code}'

@pytest.mark.parametrize('code,stub', [
    ('def f(x, n=2): return x*n\n\ntest_eq(f(1), 2)', 'def f(x, n=2):\n    ...'),
    ('import re\ndef f(x):\n    "Said"\n    return g(x)\ndef g(x): return x\n\nassert f(1)', "def f(x):\n    \"\"\"Said\"\"\"\n    ..."),
    ('# why\nx = 2*3\ny = 1\ntest_eq(1, 1)\n\ntest_eq(x, 6)', 'x = ...'),
    ('class A:\n    def __init__(self): self.n = 1\n    def f(self): return self._g()\n    def _g(self): return 1\n\ntest_eq(A().f(), 1)',
     'class A:\n\n    def __init__(self):\n        ...\n\n    def f(self):\n        ...'),
    ('@patch\ndef f(self:A): return 1\n\ntest_eq(A().f(), 1)', '@patch\ndef f(self: A):\n    ...')])
def test_stub(code, stub):
    "It has the names that the checks use, and nothing of what is asked for"
    assert exercise(_cell(code))==(stub, code.split('\n\n')[1])

def test_other_cells():
    code = 'def f(): return 1\n\ntest_eq(f(), 1)'
    assert exercise(_cell(code, 'Warm-up: so'))
    for o in (code, _cell(code, 'The drawing'), _cell('test_eq(1, 1)'), _cell('x = 1\n\nx'), _cell('print(1)\n\ntest_eq(1, 1)')): assert not exercise(o)

# ---- What a check says ----

class Session:
    "As the page has it"
    def __init__(self): self.names,self.count = dict(test_eq=fastcore_test.test_eq),0
    def run(self, code, send):
        self.count += 1
        try: exec(compile(code, f'<cell [{self.count}]>', 'exec'), self.names)
        except Exception as e: send('error', repr(e)); return False
        return True

def _said(code, checks):
    out = []
    ok = check(Session(), code, checks, lambda kind, text: out.append((kind, text)))
    return ok,out

twice = 'test_eq(f(1), 2)\nprint("so")\ntest_eq(f(0), 0)\nlimit = 9\nassert f(4) < limit'

@pytest.mark.parametrize('code,words', [
    ('def f(x):\n    ...', ['still to be written']), ('f = ...', ['still to be written']),
    ('def f(x): return x', ['2 of 3', 'test_eq(f(1), 2)', 'got      1\nexpected 2']),
    ('def f(x): return 2**x', ['1 of 3', 'got      1\nexpected 0']),
    ('def f(x): return x and [2]*500', ['got      [2, 2', ' …\nexpected 2']),
    ('def f(x): return 2*x + x//4', ['2 of 3', 'assert f(4) < limit', 'limit is 9']),
    ('def f(x):\n    return 2/x - 0', ['line 2, in f', 'ZeroDivisionError']),
    ('def f(x): exit()', ['0 of 3', 'SystemExit'])])
def test_wrong(code, words):
    ok,out = _said(code, twice)
    assert not ok and out[-1][0]=='wrong' and all(w in out[-1][1] for w in words), out

def test_right():
    ok,out = _said('def f(x): return 2*x', twice)
    assert ok and out==[('stdout', 'so\n'), ('right', 'Right: 3 of 3 checks pass.')]

def test_other_ends():
    assert _said('1/0', twice)==(False, [('error', "ZeroDivisionError('division by zero')")])
    assert "NameError: name 'f' is not defined" in _said('g = 1', twice)[1][-1][1]
    ok,out = _said('def f(x): return 1', 'y = f(1)[0]\nassert y\nassert not y') # what prepares the checks fails
    assert not ok and '0 of 2' in out[0][1] and 'y = f(1)[0]' in out[0][1]
    far = [0]*500
    ok,out = _said(f'f = {far + [1]}', f'test_eq(f, {far + [2]})') # it shows where the two begin to differ
    assert out[0][1].endswith('got      … ' + '0, '*42 + '1]\nexpected … ' + '0, '*42 + '2]') or '1]\nexpected' in out[0][1]

# ---- The pages ----

@pytest.mark.skipif(not folder, reason='the site in _docs has no live cells: `make docs` says why')
@pytest.mark.parametrize('page', pages)
def test_no_solution_before_it_is_asked_for(page):
    from bs4 import BeautifulSoup
    soup = BeautifulSoup((docs/f'{page}.html').read_text(encoding='utf-8'), 'html.parser')
    apart = BeautifulSoup((folder/f'{page}_solutions.html').read_text(encoding='utf-8'), 'html.parser')
    lesson = '\n'.join(c['code'] for c in lesson_cells(pages[page]) if not c['exercise'])
    found = [o['x'] for o in json.loads((docs/'search.json').read_text(encoding='utf-8')) if o['u'].startswith(f'{page}.html')]
    given = soup.get_text() + (folder/f'{page}.json').read_text(encoding='utf-8').replace('\\"', '"') + ' '.join(found)
    n = 0
    for id,solution,stub,checks in _exercises(page):
        n += 1
        own = max((o.strip() for o in solution.split('\n') if o.strip() not in stub + lesson + checks), key=len)
        assert own not in given, id
        block = soup.select_one(f'[data-cell="{id}"]')
        fold = block.find_parent(class_='exercise').select_one('.solution')
        assert block.get_text().strip()==stub and checks in block.parent.select_one('.checks').get_text()
        assert fold.a['href']==f'live/{folder.name}/{page}_solutions.html#{fold["id"]}' and solution in apart.find(id=fold['id']).get_text()
        assert solution in (docs/f'{page}.md').read_text(encoding='utf-8') # whoever reads that has asked for all
    assert n>1 and n==len(soup.select('.exercise'))
