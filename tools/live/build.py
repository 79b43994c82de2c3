"Cells that run in the page: puts what they need into `live/` beside the pages of the site, and marks them in the pages"
import ast, base64, gzip, hashlib, importlib.metadata, io, json, os, re, shutil, subprocess, symtable, tarfile, zipfile
from pathlib import Path

from fastcore.basics import first
from fmnist_nb.download import DATASETS, data_dir, download
from live.exercises import exercise, put_exercises

here = Path(__file__).parent
chapters = ['00_download', '01_idx', '02_chunks', '03_matrix', '06_rng_profiling'] # their lessons
pyodide = 'pyodide@314.0.7','0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=='
pyodide_files = 'pyodide.asm.wasm', 'python_stdlib.zip', 'pyodide.mjs', 'pyodide.asm.mjs'
packages = ['fastcore', 'filelock'] # pure Python, as installed here, which is as constraints.txt pins them
n_sample = {'train-images-idx3-ubyte.gz': 2000, 't10k-images-idx3-ubyte.gz': 1000} # pictures in the sample
long_ago = 1504177071 # when the pictures were published, in seconds since 1970

absent = dict(numpy='NumPy', torch='PyTorch', tensors='PyTorch', similarity='PyTorch', subprocess='a second process')
absent_methods = dict(fork='a second process', rand='NumPy', randn='NumPy') | dict.fromkeys(
    'Rectangle add_patch annotate axhline bar barh hist loglog plot scatter text vlines'.split(), "matplotlib's lines and marks")

def _needs(node, lacking):
    "What the code of `node` needs and a browser has not, or None"
    used = lambda table: {s.get_name() for s in table.get_symbols() if s.is_referenced() and not s.is_local() and not s.is_free()}.union(*map(used, table.get_children()))
    top = symtable.symtable(ast.unparse(node), '', 'exec')
    names = sorted(used(top) - {s.get_name() for s in top.get_symbols() if s.is_local()}) # without those that it makes itself
    return first([*map(lacking.get, names), *(absent_methods.get(o.attr) for o in ast.walk(node) if isinstance(o, ast.Attribute))], bool)

def _missing(code, lacking):
    """What the cell `code` needs and a browser has not, or None. `lacking` is brought up to date: name -> what it needs, None for one that works.
    A function that needs what is absent can be defined, and not called."""
    code = re.sub(r'%timeit +(-\w+( +\d+)? +)*', '', code)
    tree,names = ast.parse(code),{}
    defs = [o for o in tree.body if isinstance(o, (ast.FunctionDef, ast.ClassDef))]
    for o in defs: names[o.name] = _needs(o, lacking | names)
    rest = ast.Module([o for o in tree.body if o not in defs], [])
    imports = {(a.asname or a.name).split('.')[0]: first(absent[k] for k in f'{getattr(o, "module", "")}.{a.name}'.split('.') if k in absent)
               for o in rest.body if isinstance(o, (ast.Import, ast.ImportFrom)) for a in o.names}
    why = first(imports.values()) if imports and all(imports.values()) else _needs(rest, lacking | names)
    bound = [s.get_name() for s in symtable.symtable(code, '', 'exec').get_symbols() if s.is_assigned() or s.is_imported()]
    names = dict.fromkeys(bound, why) | {k: why or w for k,w in names.items()} | imports
    lacking |= {k: w for k,w in names.items() if not why or k not in lacking} # else it keeps the value that it had
    return why

def lesson_cells(path):
    "The code cells of the lesson in the notebook at `path`: `[dict(id, code, missing, exercise)]`; `missing` says what a browser has not, or is None"
    res,lacking = [],{}
    for c in json.loads(path.read_text(encoding='utf-8'))['cells']:
        source = ''.join(c['source'])
        if source.startswith('## From lesson to library'): break
        code = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
        if c['cell_type']=='code' and code and 'google.colab' not in code and not re.search(r'^#\| *(mnist|eval: false)', source, re.M):
            res.append(dict(id=c['id'], code=code, missing=_missing(code, lacking), exercise=exercise(source)))
    return res

notice = '''In this folder, beside the code of {title} ({git_url}, Apache-2.0):
Pyodide {version}, unchanged from npm. Mozilla Public License 2.0: https://mozilla.org/MPL/2.0/
  Its source: https://github.com/pyodide/pyodide/tree/{version}
  It holds CPython. Copyright (c) 2001 Python Software Foundation; All Rights Reserved.
  PSF License Version 2, and the licences of what CPython is linked with: https://docs.python.org/3/license.html
In library.zip, each with its licence: {packages}
sample/ and all/: Fashion-MNIST. Copyright (c) 2017 Zalando SE, MIT License: https://github.com/zalandoresearch/fashion-mnist
'''

def fetch_pyodide():
    "The npm package, as it was published, from the cache or from npm; `OSError` where neither has it, `ValueError` if it is another"
    name,sha512 = pyodide
    path = data_dir().parent/f'{name.replace("@", "-")}.tgz'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not shutil.which('npm'): raise OSError('there is no npm, which gets Pyodide')
        r = subprocess.run(['npm', 'pack', name, '--fetch-retries=1', '--pack-destination', path.parent], capture_output=True, text=True)
        if r.returncode: raise OSError(f'npm could not get {name}: {(r.stderr.split(chr(10)) + [""])[0]}')
    data = path.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode()!=sha512: raise ValueError(f'{path} is not {name} as it was published: delete it')
    return tarfile.open(fileobj=io.BytesIO(data))

def _library(lib, out):
    "Write the zip file `out`: the runner, the modules in `lib`, and the packages that they need"
    with zipfile.ZipFile(out, 'w') as z:
        def add(name, path): z.writestr(zipfile.ZipInfo(name), Path(path).read_bytes(), zipfile.ZIP_DEFLATED) # without the time, for the same bytes next time
        for f in ('runner.py', 'exercises.py'): add(f, here/f)
        for p in sorted(lib.glob('*.py')): add(f'{lib.name}/{p.name}', p)
        for f in sorted(f for name in packages for f in importlib.metadata.files(name)):
            if f.suffix=='.py' or 'LICENSE' in f.name: add(f.as_posix(), f.locate())

def _serve(out, cfg):
    "Fill the folder `out`; returns, for either choice of pictures, the digests of the files and the bytes to be loaded"
    npm,files,digests = fetch_pyodide(),download(),dict(sample={}, all=DATASETS['fashion-mnist']) # what may fail comes first
    for o in ('pyodide', 'sample', 'all'): (out/o).mkdir(parents=True)
    for f in pyodide_files: (out/'pyodide'/f).write_bytes(npm.extractfile(f'package/{f}').read())
    _library(cfg.lib_path, out/'library.zip')
    for f in ('live.js', 'live.css', 'worker.js'): shutil.copy(here/f, out)
    about = dict(packages=', '.join(f'{o} {importlib.metadata.version(o)}' for o in packages), version=pyodide[0].split('@')[1])
    (out/'NOTICE.txt').write_text(notice.format(title=cfg.title, git_url=cfg.git_url, **about), encoding='utf-8')
    for p in files:
        shutil.copy(p, out/'all')
        raw = gzip.decompress(p.read_bytes())
        if p.name in n_sample: raw = raw[:16 + n_sample[p.name]*784].ljust(len(raw), b'\0') # the pictures after these are black
        (out/'sample'/p.name).write_bytes(gzip.compress(raw, 9, mtime=0) if p.name in n_sample else p.read_bytes())
        digests['sample'][p.name] = hashlib.sha256(raw).hexdigest()
    counted = [out/'library.zip', *(out/'pyodide'/f for f in pyodide_files[:2])] # by the worker as they arrive; modules it can't count
    return {o: dict(files=d, bytes=sum(p.stat().st_size for p in [*counted, *(out/o).iterdir()])) for o,d in digests.items()}

def _mark(page, cells):
    "Tell each code block of `page` that runs which of the `cells` it is; returns what the others need"
    missing = []
    for code in page.main.select('code.sourceCode'):
        i = first(i for i,c in enumerate(cells) if c['code']==code.get_text().strip())
        if i is None: continue
        c,cells = cells[i],cells[i+1:]
        if c['missing']: missing.append(c['missing'])
        else: code.find_parent('div', class_='sourceCode')['data-cell'] = c['id']
    return missing

def add_live_cells(pages, site, cfg):
    "Mark the cells of the lessons in `pages` that a browser can run, and put what they need into `live/` in the folder `site`; or say why not"
    lessons = {p: lesson_cells(p.src) for p in pages if p.src and p.src.stem in chapters and not p.lesson}
    out = site/'live'/'new'
    try: pictures = _serve(out, cfg)
    except OSError as e: return print('without live cells:', str(e).split('\n')[0])
    for p,cells in lessons.items():
        facts = dict(cells=[dict(id=c['id'], code=c['code']) for c in cells if not c['missing'] and not c['exercise']], pictures=pictures)
        put_exercises(p, cells, out)
        (out/p.href).with_suffix('.json').write_text(json.dumps(facts, ensure_ascii=False), encoding='utf-8')
    files = sorted(p for p in out.rglob('*') if p.is_file())
    folder = f'live/{hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:8]}' # says what is in it, so browsers may keep that
    for p in files: os.utime(p, (long_ago, long_ago)) # and they do, the longer the older it is
    out.rename(site/folder)
    for p,cells in lessons.items():
        missing = _mark(p, cells)
        for a in p.main.select('.solution a'): a['href'] = f'{folder}/{a["href"]}'
        p.live = dict(folder=folder, n=len(missing), missing=', '.join(sorted({*missing})))
