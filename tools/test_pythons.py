"""Do the chapters pass under every Python of this machine? What `make test-pythons` runs

Many an index has torch for Linux with gigabytes of CUDA only. So torch is left out, and with it the cells that need it:
what remains is all of chapters 00 to 03, but for a few cells, and of chapter 06 what is plain Python. With `--torch`
everything is installed, and everything is run."""
import ast, json, os, re, shutil, subprocess, symtable, sys, tempfile
from configparser import ConfigParser
from pathlib import Path
from fastcore.script import call_parse
from run_tests import results, say, step

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
needed = cfg['requirements'] + ' ' + cfg['dev_requirements']
light = [o for o in needed.split() if not re.match('torch|safetensors|playwright|twine', o) and o not in ('fastcore>=1.14,<3',)]
modules = 'download idx chunks matrix'.split()
absent = re.compile(r'torch\b|torchvision|safetensors|fmnist_nb\.(tensors|similarity|rng)')

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

def plain(source):
    "Python without magics; nothing if it is newer than the Python that runs this: such a cell stays, to pass or fail there"
    res = re.sub(r'^([ \t]*)[%!].*', r'\1pass', re.sub(r'%timeit(\s+-\w+(\s+\d+)?)*', '', source), flags=re.M)
    try: return ast.parse(res) and res
    except SyntaxError: return ''

def names(source):
    "The global names that `source` finds, and those that it makes; with a dot before those of attributes and patched methods"
    top,tree = symtable.symtable(plain(source), 'cell', 'exec'),ast.parse(plain(source))
    inner,todo = set(),top.get_children()
    while todo:
        t = todo.pop()
        inner |= {o.get_name() for o in t.get_symbols() if o.is_global()}
        todo += t.get_children()
    here = top.get_symbols()
    patched = {o.name for o in tree.body if isinstance(o, ast.FunctionDef) and any('patch' in ast.unparse(d) for d in o.decorator_list)}
    uses = inner | {o.get_name() for o in here if o.is_referenced()} | {f'.{o.attr}' for o in ast.walk(tree) if isinstance(o, ast.Attribute)}
    makes = {o.get_name() for o in here if o.is_assigned() or o.is_imported()} - patched | {f'.{o}' for o in patched}
    added_to = makes & {ast.unparse(o.target) for o in ast.walk(tree) if isinstance(o, ast.AugAssign)}
    return uses - (makes - added_to) | added_to, makes

def import_what_is_there(source):
    "A cell of imports without what needs torch, and the names that it then doesn't make"
    tree,gone = ast.parse(plain(source)),set()
    for s in tree.body:
        if not isinstance(s, (ast.Import, ast.ImportFrom)): return source,gone # imports are in cells of their own
        out = [a for a in s.names if absent.match(a.name if isinstance(s, ast.Import) else s.module or '')]
        gone |= {a.asname or a.name.partition('.')[0] for a in out}
        s.names = [a for a in s.names if a not in out]
    tree.body = [s for s in tree.body if s.names]
    return (ast.unparse(tree) or 'pass' if gone else source), gone

def without_torch(path):
    "Take the cells out of the notebook at `path` that use torch, or what such cells have made; how many?"
    nb = json.loads(path.read_text(encoding='utf-8'))
    gone,keep = {'torch'},[]
    for c in nb['cells']:
        if c['cell_type']=='code':
            c['source'],more = import_what_is_there(''.join(c['source']))
            gone |= more
            uses,makes = names(c['source'])
            if uses & gone or re.search(r'fmnist_nb\.(tensors|similarity|rng)\b|import torch', c['source']): # in code for another process, too
                if path.name < '04' and re.search(r'^#\|\s*export', c['source'], re.M):
                    raise RuntimeError(f'exported, and needs torch: {c["source"][:60]!r}')
                gone |= makes
                continue
            gone -= makes
        keep.append(c)
    path.write_text(json.dumps(nb | {'cells': keep}), encoding='utf-8')
    return len(nb['cells']) - len(keep)

def check(python, version, tree, torch):
    "Install what the notebooks in `tree` need, and run them and tests"
    env_dir = root/f'.venv-{version}'
    env = os.environ | {'PYTHONPATH': str(tree), 'PYTHONDONTWRITEBYTECODE': '1', 'MPLBACKEND': 'agg'}
    def run(*args, cwd=tree): subprocess.run([str(a) for a in args], check=True, stdin=subprocess.DEVNULL, cwd=cwd, env=env)
    run(python, '-m', 'venv', env_dir)
    bin_ = env_dir/'bin'
    pip = bin_/'python', '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-c', root/'constraints.txt'
    run(*pip, *(needed.split() if torch else light))
    run(bin_/'nbdev_test', '--timing')
    run(bin_/'python', '-W', 'error', '-c', idx, cwd=tree/'tests')
    run(bin_/'python', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *(f'tests/test_faults.py::test_{o}' for o in ('fault', 'https')))

@call_parse
def main(
    versions:str='3.11 3.12 3.13 3.14', # Which Pythons to look for
    torch:bool=False, # Install torch too, whatever its size, and run everything?
):
    "Test the chapters under each of `versions` that this machine has"
    with tempfile.TemporaryDirectory() as d:
        tree = Path(d)
        ignore = shutil.ignore_patterns('__pycache__', '_proc', '.ipynb_checkpoints')
        for o in ('nbs', 'fmnist_nb', 'tests'): shutil.copytree(root/o, tree/o, ignore=ignore)
        for o in ('settings.ini', 'pyproject.toml'): shutil.copy(root/o, tree)
        word = 'all notebooks, '
        if not torch:
            for p in (tree/'nbs').glob('*.ipynb'):
                if not re.match('0[0-36]_', p.name): p.unlink()
            left = {p.name[:2]: without_torch(p) for p in sorted((tree/'nbs').glob('*.ipynb'))}
            word = 'without torch: all but ' + ', '.join(f'{n} cells of {o}' for o,n in left.items() if n) + '; '
        word += '20,000 IDX inputs, faulty servers'
        for v in versions.split():
            if not (found := find(v)): results.append((None, f'Python {v}', 0, 'not found: not on PATH, nor with pyenv or uv'))
            else: step(f'Python {found[1]}', lambda: check(found[0], v, tree, torch) or word)
    say('\n== summary')
    for ok,name,t,word in results: say(f'{"skip  " if ok is None else "ok    " if ok else "FAILED"} {name:<16}{t:6.1f} s   {word}')
    sys.exit(not any(o[0] for o in results) or any(o[0] is False for o in results))
