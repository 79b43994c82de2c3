"Cells that run in the page: puts what they need into `live/` beside the pages of the site, and marks them in the pages"
import ast, base64, gzip, hashlib, importlib.metadata, io, json, os, re, shutil, subprocess, symtable, tarfile, zipfile
from pathlib import Path

from bs4 import BeautifulSoup
from fastcore.basics import first
from fmnist_nb.download import DATASETS, DownloadError, data_dir, download

here = Path(__file__).parent
chapters = ['00_download', '01_idx', '02_chunks', '03_matrix', '06_rng_profiling']
pyodide = 'pyodide@314.0.7','0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=='
pyodide_files = ['pyodide.mjs', 'pyodide.asm.mjs', 'pyodide.asm.wasm', 'python_stdlib.zip']
packages = ['fastcore', 'filelock'] # pure Python, as installed here
n_sample = dict(train=2000, t10k=1000) # pictures in the sample; the rest of them is black, and all labels are there
published = 1504177071 # when the pictures were, in seconds since 1970
half = '## From lesson to library'

# ---- Which cells run ----

absent = dict(numpy='NumPy', torch='PyTorch', tensors='PyTorch', similarity='PyTorch')
absent_calls = {'fork': 'a second process', 'subprocess': 'a second process'} | dict.fromkeys(
    'Rectangle add_patch annotate axhline bar barh hist loglog plot scatter text vlines'.split(), 'matplotlib')

def as_python(code):
    "`code` as Python alone can read it: without directives and magics"
    return re.sub(r'%timeit +(-\w+( +\d+)? +)*', '', re.sub(r'^#\|.*\n?', '', code, flags=re.M))

def _needs(node, lacking):
    "What the code of `node` needs and a browser has not, or None"
    used = lambda table: {s.get_name() for s in table.get_symbols() if s.is_referenced() and not s.is_local()}.union(*map(used, table.get_children()))
    own = used(symtable.symtable(ast.unparse(node), '<cell>', 'exec'))
    attrs = [o.attr for o in ast.walk(node) if isinstance(o, ast.Attribute)]
    return first([*(lacking[k] for k in sorted(own) if k in lacking), *(absent_calls[k] for k in [*attrs, *sorted(own)] if k in absent_calls)])

def _missing(code, lacking, bound):
    """What the cell `code` needs and a browser has not, or None

    `bound`, the names with a value, and `lacking`, those without one and why, are brought up to date. A function that needs what is absent can be defined, not called."""
    tree = ast.parse(code)
    defs = [o for o in tree.body if isinstance(o, (ast.FunctionDef, ast.ClassDef))]
    rest = ast.Module([o for o in tree.body if o not in defs], [])
    imports = {(a.asname or a.name).split('.')[0]: first(absent.get(k) for k in f'{getattr(o, "module", "")}.{a.name}'.split('.') if k in absent)
               for o in rest.body if isinstance(o, (ast.Import, ast.ImportFrom)) for a in o.names}
    names = {s.get_name() for s in symtable.symtable(code, '<cell>', 'exec').get_symbols() if s.is_assigned() or s.is_imported()}
    parts = {}
    for o in defs: parts[o.name] = _needs(o, {k: w for k,w in (lacking | parts).items() if w})
    lacks = {k: w for k,w in (lacking | parts).items() if w}
    why = first(imports.values()) if imports and all(imports.values()) else _needs(rest, lacks)
    new = dict.fromkeys(names, why) | {k: why or w for k,w in parts.items()} | imports
    for k,w in new.items():
        if not w: lacking.pop(k, None)
        elif not why or k not in bound: lacking[k] = w
    if not why: bound |= names
    return why

def lesson_cells(path):
    "The code cells of the lesson in the notebook at `path`: `[dict(id, code, missing)]`; `missing` says why a cell cannot run, or is None"
    res,lacking,bound = [],{},set()
    for c in json.loads(path.read_text(encoding='utf-8'))['cells']:
        source = ''.join(c['source'])
        if source.startswith(half): break
        code = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip('\n')
        if c['cell_type']=='code' and code and 'google.colab' not in code and not re.search(r'^#\| *(mnist|eval: false)', source, re.M):
            res.append(dict(id=c['id'], code=code, missing=_missing(as_python(code), lacking, bound)))
    return res

# ---- What the site has to serve ----

def fetch_pyodide():
    "The npm package as bytes, as it was published: from the cache or from npm; `OSError` where neither has it"
    name,sha512 = pyodide
    path = data_dir().parent/f'{name.replace("@", "-")}.tgz'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not shutil.which('npm'): raise OSError('no npm, which gets Pyodide')
        r = subprocess.run(['npm', 'pack', name, '--pack-destination', path.parent], capture_output=True, text=True)
        if r.returncode: raise OSError(f'npm could not get {name}: {r.stderr.strip().splitlines()[-1]}')
    data = path.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode()!=sha512: raise ValueError(f'{path} is not {name} as it was published: delete it')
    return data

def _library(lib):
    "A zip file with the runner, the modules of the package in `lib` and the packages that they need"
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        def add(name, path): z.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        add('runner.py', here/'runner.py')
        for p in sorted(lib.glob('*.py')): add(f'{lib.name}/{p.name}', p)
        for f in sorted(f for name in packages for f in importlib.metadata.files(name)):
            if f.suffix=='.py' or 'LICENSE' in f.name: add(f.as_posix(), Path(f.locate()))
    return out.getvalue()

def _sample(packed, n):
    "The gzip file `packed` with the first `n` pictures only, the others black; and the digest of what is inside"
    raw = gzip.decompress(packed)
    raw = raw[:16 + n*784].ljust(len(raw), b'\0')
    return gzip.compress(raw, 9, mtime=0),hashlib.sha256(raw).hexdigest()

notice = '''What this folder serves, beside the code of {title} (Apache-2.0, {git_url}):

{pyodide}   Python for the browser, unchanged from npm. Mozilla Public License 2.0, https://mozilla.org/MPL/2.0/
                  source: https://github.com/pyodide/pyodide/tree/{version}
  in it: CPython, its standard library and what it is linked with (zlib, bzip2, xz, SQLite, expat, mpdecimal, HACL*, libffi).
                  Copyright (c) 2001 Python Software Foundation; All Rights Reserved. PSF License Version 2,
                  https://docs.python.org/3/license.html has it in full, and the licences of what is linked
{packages}
  their licences are in library.zip
sample/, all/     Fashion-MNIST. Copyright (c) 2017 Zalando SE, MIT License, https://github.com/zalandoresearch/fashion-mnist
'''

def _serve(out, cfg):
    "Fill the folder `out`; returns what a page has to know of it"
    npm,files = fetch_pyodide(),download() # what may fail comes first
    for o in ('pyodide', 'sample', 'all'): (out/o).mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(npm)) as t:
        for f in pyodide_files: (out/'pyodide'/f).write_bytes(t.extractfile(f'package/{f}').read())
    (out/'library.zip').write_bytes(_library(cfg.lib_path))
    for f in ('live.js', 'live.css', 'worker.js'): shutil.copy(here/f, out)
    name,version = pyodide[0].split('@')
    (out/'NOTICE.txt').write_text(notice.format(title=cfg.title, git_url=cfg.git_url, pyodide=f'{name} {version}', version=version, packages='\n'.join(
        f'{o} {importlib.metadata.version(o)}   {importlib.metadata.metadata(o)["License-Expression"]}, {importlib.metadata.metadata(o)["Home-page"]}' for o in packages)), encoding='utf-8')
    digests = dict(sample={}, all=DATASETS['fashion-mnist'])
    for p in files:
        packed,digests['sample'][p.name] = p.read_bytes(),digests['all'][p.name]
        (out/'all'/p.name).write_bytes(packed)
        if 'images' in p.name: packed,digests['sample'][p.name] = _sample(packed, n_sample[p.name.split('-')[0]])
        (out/'sample'/p.name).write_bytes(packed)
    size = lambda *paths: sum(p.stat().st_size for p in paths)
    python = size(*(out/'pyodide').iterdir(), out/'library.zip') - size(out/'pyodide'/'pyodide.mjs', out/'pyodide'/'pyodide.asm.mjs') # these two come uncounted
    return {o: dict(files=digests[o], bytes=python + size(*(out/o).iterdir())) for o in digests}

# ---- The pages ----

def _mark(page, cells):
    "Tell each code block of `page` that runs which of the `cells` it is; returns what the others need"
    left,missing = cells,[]
    for code in page.main.select('code.sourceCode'):
        i = first(i for i,c in enumerate(left) if c['code'].rstrip()==code.get_text().rstrip())
        if i is None: continue
        c,left = left[i],left[i+1:]
        if c['missing']: missing.append(c['missing'])
        else: code.find_parent('div', class_='sourceCode')['data-cell'] = c['id']
    return missing

def add_live_cells(pages, out, cfg):
    "Mark the cells of the lessons in `pages` that a browser can run, and put what they need into `out`/live; or say why not"
    lessons = {p: lesson_cells(p.src) for p in pages if p.src and p.src.stem in chapters and not p.lesson}
    try: choices = _serve(out/'live'/'new', cfg)
    except (OSError, DownloadError) as e: return print(f'without live cells: {e}')
    for p,cells in lessons.items():
        facts = dict(cells=[{k: c[k] for k in ('id', 'code')} for c in cells if not c['missing']], pictures=choices)
        (out/'live'/'new'/p.href).with_suffix('.json').write_text(json.dumps(facts, ensure_ascii=False), encoding='utf-8')
    files = sorted(p for p in (out/'live'/'new').rglob('*') if p.is_file())
    version = hashlib.sha256(b''.join(p.read_bytes() for p in files)).hexdigest()[:8]
    for p in files: os.utime(p, (published, published)) # the name of the folder says what is in it: browsers may keep it
    (out/'live'/'new').rename(out/'live'/version)
    for p,cells in lessons.items():
        missing = sorted(set(n := _mark(p, cells)))
        p.live = dict(folder=f'live/{version}', n=len(n), missing=', '.join(missing))
