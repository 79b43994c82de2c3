"""Chapters 00 to 03 need no torch: do they pass under every Python of this machine? What `make test-pythons` runs"""
import json, os, re, shutil, subprocess, symtable, sys, tempfile
from configparser import ConfigParser
from pathlib import Path
from fastcore.script import call_parse
from run_tests import results, say, step

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
wanted = [o for o in cfg['requirements'].split() if not re.match('torch|fastcore', o)]
wanted += [o for o in cfg['dev_requirements'].split() if re.match('nbdev|execnb|fastcore|pytest', o)]
light = sorted(o.name for o in (root/'nbs').glob('0[0-3]_*.ipynb'))
modules = [re.sub(r'^\d+_|\.ipynb$', '', o) for o in light]

idx = f'''
import importlib, sys, tempfile
for m in {modules}: importlib.import_module('fmnist_nb.' + m)
assert 'torch' not in sys.modules
from idx_oracle import check_file, check_stream, inputs
with tempfile.TemporaryDirectory() as d:
    for kind,b in inputs(seed=2017, n=20_000): check_stream(b) if kind=='stream' else check_file(b, d + '/input')
'''

def find(version):
    "A Python of this `version` that runs: from PATH, from pyenv, or from uv; `None` if there is none"
    pyenv = Path(os.environ.get('PYENV_ROOT', '~/.pyenv')).expanduser()/'versions'
    places = [shutil.which(f'python{version}'), *sorted(pyenv.glob(f'{version}.*/bin/python'), reverse=True)]
    if uv := shutil.which('uv'):
        places.append(subprocess.run([uv, 'python', 'find', version], capture_output=True, text=True).stdout.strip())
    for p in filter(None, places): # a shim of pyenv may be on PATH and yet lead nowhere
        r = subprocess.run([p, '-c', 'import sys; print(sys.version.split()[0])'], capture_output=True, text=True)
        if r.stdout.startswith(version + '.'): return p,r.stdout.strip()

def names(source):
    "The global names that `source` uses, and those that it makes"
    plain = re.sub(r'%timeit(\s+-\w+(\s+\d+)?)*', '', source)
    try: top = symtable.symtable(re.sub(r'^\s*[%!].*', '', plain, flags=re.M), 'cell', 'exec')
    except SyntaxError: return set(),set() # newer Python than this one: the cell stays, to pass or fail where it is run
    inner,todo = set(),top.get_children()
    while todo:
        t = todo.pop()
        inner |= {o.get_name() for o in t.get_symbols() if o.is_global()}
        todo += t.get_children()
    here = top.get_symbols()
    return inner | {o.get_name() for o in here if o.is_referenced()}, {o.get_name() for o in here if o.is_assigned() or o.is_imported()}

def without_torch(path):
    "Take the cells out of the notebook at `path` that use torch, or what such cells have made; how many?"
    nb = json.loads(path.read_text(encoding='utf-8'))
    gone,keep = {'torch'},[]
    for c in nb['cells']:
        if c['cell_type']=='code':
            source = ''.join(c['source'])
            c['source'] = source = re.sub(r'^import torch\n', '', source, flags=re.M)
            uses,makes = names(source)
            if uses & gone:
                if re.search(r'^#\|\s*export', source, re.M): raise RuntimeError(f'exported, and needs torch: {source[:60]!r}')
                gone |= makes
                continue
            gone -= makes
        keep.append(c)
    left_out = len(nb['cells']) - len(keep)
    if left_out: path.write_text(json.dumps(nb | {'cells': keep}), encoding='utf-8')
    return left_out

def check(python, version, tree):
    "Install what chapters 00 to 03 need, torch not, and run their notebooks and tests"
    env_dir = root/f'.venv-{version}'
    env = os.environ | {'PYTHONPATH': str(tree), 'PYTHONDONTWRITEBYTECODE': '1', 'MPLBACKEND': 'agg'}
    def run(*args, cwd=tree): subprocess.run([str(a) for a in args], check=True, stdin=subprocess.DEVNULL, cwd=cwd, env=env)
    run(python, '-m', 'venv', env_dir)
    bin_ = env_dir/'bin'
    run(bin_/'python', '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-c', root/'constraints.txt', *wanted)
    run(bin_/'nbdev_test', '--timing')
    run(bin_/'python', '-W', 'error', '-c', idx, cwd=tree/'tests')
    run(bin_/'python', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *(f'tests/test_faults.py::test_{o}' for o in ('fault', 'https')))

@call_parse
def main(
    versions:str='3.11 3.12 3.13 3.14', # Which Pythons to look for
):
    "Test chapters 00 to 03 without torch, under each of `versions` that this machine has"
    with tempfile.TemporaryDirectory() as d:
        tree = Path(d)
        ignore = shutil.ignore_patterns('__pycache__', '_proc', '.ipynb_checkpoints')
        for o in ('nbs', 'fmnist_nb', 'tests'): shutil.copytree(root/o, tree/o, ignore=ignore)
        for o in ('settings.ini', 'pyproject.toml'): shutil.copy(root/o, tree)
        for p in (tree/'nbs').glob('*.ipynb'):
            if p.name not in light: p.unlink()
        left_out = {o: n for o in light if (n := without_torch(tree/'nbs'/o))}
        word = f'{len(light)} notebooks, 20,000 IDX inputs, faulty servers' + ''.join(f'; left out: {n} cells of {o[:2]} that need torch' for o,n in left_out.items())
        for v in versions.split():
            if not (found := find(v)): results.append((None, f'Python {v}', 0, 'not found: not on PATH, nor with pyenv or uv'))
            else: step(f'Python {found[1]}', lambda: check(found[0], v, tree) or word)
    say('\n== summary')
    for ok,name,t,word in results: say(f'{"skip  " if ok is None else "ok    " if ok else "FAILED"} {name:<16}{t:6.1f} s   {word}')
    sys.exit(not any(o[0] for o in results) or any(o[0] is False for o in results))
