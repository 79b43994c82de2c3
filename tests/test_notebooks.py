"""What a reader of the notebooks relies on: outputs there and clean, links that lead somewhere, an API with comments"""
import ast, builtins, dis, getpass, importlib, inspect, json, re, tempfile, textwrap, typing
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from fastcore.docments import docments
from nbdev.showdoc import show_doc

root = Path(__file__).resolve().parent.parent
paths = sorted((root/'nbs').glob('[!_]*.ipynb'))
chapters = [p for p in paths if p.name[:2].isdigit()]
every = pytest.mark.parametrize('path', paths, ids=lambda p: p.stem)
each_chapter = pytest.mark.parametrize('path', chapters, ids=lambda p: p.stem)
magic = re.compile(r'^(\s*)(\w[\w, ]*=\s*)?[%!].*$', re.M)

class Cell:
    def __init__(self, i, c):
        self.i,self.kind,self.source = i,c['cell_type'],''.join(c['source'])
        self.outputs = c.get('outputs', [])
        head = re.match(r'(?:\s*#\|.*\n?)*', self.source)[0]
        self.directives = dict(re.findall(r'^\s*#\|\s*([\w-]+):?[ \t]*(.*)$', head, re.M))
        self.code = self.source[len(head):]
    def __repr__(self): return f'cell {self.i}: {self.source[:60]!r}'
    @property
    def text(self):
        "All that its outputs say"
        of = lambda o: [o.get('text', ''), *(v for k,v in o.get('data', {}).items() if k.startswith('text/'))]
        return '\n'.join(''.join(t) for o in self.outputs for t in of(o))
    @property
    def image(self): return any(k.startswith('image/') for o in self.outputs for k in o.get('data', {}))
    @property
    def tree(self):
        "Its Python, with magics replaced by `magic` calls"
        def plain(m): return f'{m[1]}{m[2] or ""}magic()'
        return ast.parse(magic.sub(plain, self.code))

@cache
def cells(path): return [Cell(i, c) for i,c in enumerate(json.loads(path.read_text(encoding='utf-8'))['cells'])]
def code(path): return [c for c in cells(path) if c.kind=='code']
def prose(path): return [c for c in cells(path) if c.kind=='markdown']
def headings(path):
    md = re.sub(r'^```.*?^```', '', '\n'.join(c.source for c in prose(path)), flags=re.M|re.S)
    return [(len(h), t.strip()) for h,t in re.findall(r'^(#+) +(.*)$', md, re.M)]
def slug(title):
    plain = re.sub(r'\[(.*?)\]\(.*?\)', r'\1', title).lower()
    return re.sub(r'\s+', '-', re.sub(r'[^\w\s.-]', '', plain).strip())

# -- Outputs

silent = re.compile(r'(\w+\.)*(test_\w+|refused|_?seed|cleanup|use|set_printoptions|set_num_threads|append|clear|'
                    r'close|update|setstate|kill|write_\w+|unlink|mkdir)$')

def shows(tree):
    "Must running `tree` show something? `None` if that can't be told"
    def runs(body): # statements that are sure to be run
        for s in body:
            yield s
            if isinstance(s, (ast.With, ast.For)): yield from runs(s.body)
            if isinstance(s, ast.Try): # an error that is shown on purpose
                yield from runs([*s.body, *(o for h in s.handlers for o in h.body)])
    for s in runs(tree.body):
        if ast.unparse(s).startswith(('print(', 'display(')): return True
    if not tree.body or not isinstance(last := tree.body[-1], ast.Expr): return False
    if isinstance(last.value, ast.Call) and silent.match(ast.unparse(last.value.func)): return False
    return True

@every
def test_every_output_is_there(path):
    missing = []
    for c in code(path):
        if c.outputs or not c.code.strip() or 'default_exp' in c.directives: continue
        loud = [m for m in re.findall(r'^\s*(?:%|%%)(timeit|time|memit|prun)\b(.*)$', c.code, re.M) if '-q' not in m[1]]
        ends_quiet = c.code.rstrip().endswith(';') and 'fig-alt' not in c.directives
        ends_in_magic = re.search(r'^\s*[%!]', c.code.splitlines()[-1])
        if loud or 'fig-alt' in c.directives or shows(c.tree) and not (ends_quiet or ends_in_magic): missing.append(c)
    assert not missing

@every
def test_outputs_are_clean(path):
    for c in code(path):
        for o in c.outputs:
            assert o['output_type'] != 'error' and o.get('name') != 'stderr', c
            assert not any('widget' in k or 'javascript' in k for k in o.get('data', {})), c
        assert not re.search(r'\w*Warning\b:|Traceback \(most recent|\x1b\[|\r|\dit/s|\d%\|', c.text), (c, c.text)

@every
def test_nothing_of_this_machine(path):
    "No path of the machine that the notebook ran on, no package registry, no address in memory"
    whole = path.read_text(encoding='utf-8')
    for o in {str(root), str(Path.home()), tempfile.gettempdir()}:
        assert not re.search(rf'(?<![\w.]){re.escape(o)}(?!\w)', whole), o
    assert not re.search(r'(?<![\w.])/(root|tmp|work|opt|home|Users|private)/|site-packages', whole)
    assert not re.search(r'\b(pypi|python.?hosted|conda)\.', whole)
    for c in code(path): assert not re.search(r' at 0x[0-9a-f]{6,}', c.text), c
    if len(getpass.getuser()) > 4: assert getpass.getuser() not in whole

@every
def test_form(path):
    nb = json.loads(path.read_text(encoding='utf-8'))
    assert path.stat().st_size < 4_000_000
    assert nb['nbformat']==4 and nb['metadata']['kernelspec']['name']=='python3'
    assert len({c['id'] for c in nb['cells']})==len(nb['cells'])
    assert all(c.get('execution_count') is None for c in nb['cells'])
    for c in cells(path): assert c.source.strip(), c
    for c in code(path):
        if {'default_exp', 'hide'} & c.directives.keys(): continue
        assert c.code.strip() and (c.tree.body or '%' in c.code), f'nothing but comments: {c}'

@every
def test_colab_and_kaggle_install_from_home(path):
    "From where settings.ini says that the code is: a bare name could be anybody's. `make readme` writes it"
    ini = ConfigParser(delimiters=['='])
    ini.read(root/'settings.ini', encoding='utf-8')
    home = 'git+{git_url}@{branch}'.format(**ini['DEFAULT'])
    found = [c for c in code(path) if re.search('colab|pip install', c.code)]
    where = f'"fmnist_nb[bench] @ {home}"' if path.stem=='benchmarks' else home
    assert [c.source.strip() for c in found] == ["#| hide\nif 'google.colab' in str(get_ipython()) "
        f"or get_ipython().starting_dir.startswith('/kaggle'):\n    %pip install -q {where}"]

# -- Text

@every
def test_title_and_headings(path):
    first = cells(path)[0]
    assert first.kind=='markdown' and re.fullmatch(r'# [^\n]+\n+> [^\n]+\n*', first.source), first
    levels = [n for n,_ in headings(path)]
    assert levels[0]==1 and levels.count(1)==1
    for a,b in zip(levels, levels[1:]): assert b <= a+1, headings(path)

@every
def test_links(path):
    for c in prose(path):
        for text,to in re.findall(r'(?<!!)\[([^\]]+)\]\(([^)\s]+)\)', re.sub(r'`[^`]*`', '', c.source)):
            if re.match('https?://', to): continue
            file,_,anchor = to.partition('#')
            target = path if not file else path.parent/file
            assert target.exists() or not (root/'nbs').samefile(target.parent), (c, to)
            assert target.exists() or target.name in ('benchmarks.ipynb',), f'{to} leads nowhere: {c}'
            if anchor: assert anchor in {slug(t) for _,t in headings(target)}, f'no heading #{anchor}: {c}'

@every
def test_pictures_are_described(path):
    for c in code(path):
        if c.image: assert len(c.directives.get('fig-alt', '').strip('"')) > 30, f'no #| fig-alt: {c}'
        if 'fig-alt' in c.directives: assert c.image, f'no picture: {c}'
    for c in prose(path):
        for alt in re.findall(r'!\[(.*?)\]\(', c.source): assert len(alt) > 10, c

@each_chapter
def test_parts_of_a_chapter(path):
    titles = [t for _,t in headings(path)]
    lesson = titles[:titles.index(half)] if half in titles else titles
    i = [lesson.index(t) for t in ('What we learned', 'Exercises')]
    assert i == sorted(i) and i[-1] == len(lesson)-1
    learned = next(c for c in prose(path) if '## What we learned' in c.source)
    assert len(re.findall(r'^- ', learned.source.split('## What we learned')[1].split('\n## ')[0], re.M)) == 3
    solutions = [c for c in code(path) if 'Solution' in c.directives.get('code-summary', '')]
    numbers = [int(re.search(r'Solution (\d)', c.directives['code-summary'])[1]) for c in solutions]
    assert len(numbers) >= 3 and numbers == list(range(numbers[0], numbers[0]+len(numbers))) and numbers[0] in (0, 1)
    for c in solutions:
        assert c.directives['code-fold']=='true'
        assert re.search(r'\btest_\w+\(|\bassert\b|\brefused\(', c.code), f'not tested: {c}'
    later = [p.name for p in chapters if p > path]
    ends = first_half(path)[-1].source + cells(path)[-1].source
    if later: assert f']({later[0]})' in ends, 'the lesson does not lead to the next chapter, nor does the last cell'

half = 'From lesson to library' # the heading of a chapter's second half

def first_half(path):
    "The cells of the lesson: all of them in a chapter that has no second half"
    n = next((c.i for c in prose(path) if re.search(f'^## {half}$', c.source, re.M)), None)
    return cells(path)[:n]

@each_chapter
def test_lesson_comes_first(path):
    "Without private names"
    found = [t for t in headings(path) if 'lesson to library' in t[1].lower()]
    if not found: return # its second edition is still to come
    assert found == [(2, half)]
    private = {n for c in first_half(path) if c.kind=='code' for n in re.findall(r'^\s*(?:def|class) +(_(?!_)\w+)', c.source, re.M)}
    assert not private

@every
def test_code_fits_the_page(path):
    "No line of code is wider than the site shows without scrolling"
    wide = [(c, l) for c in code(path) if 'hide' not in c.directives and c.directives.get('echo')!='false' for l in c.code.splitlines() if len(l)>92 and not l.lstrip().startswith('%')]
    assert not wide

# -- Code

def imports(tree): return [s for s in tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]

@every
def test_imports(path):
    "In cells of their own, which nbdev runs when it builds the docs; and from lower-numbered chapters only"
    module = lambda p: next(c.directives['default_exp'] for c in code(p) if 'default_exp' in c.directives)
    number = {f'fmnist_nb.{module(p)}': p.name[:2] for p in chapters}
    for c in code(path):
        some = imports(c.tree)
        assert not some or len(some)==len(c.tree.body), f'imports and other code: {c}'
        for s in ast.walk(c.tree):
            if isinstance(s, ast.ImportFrom) and (s.module or '').startswith('fmnist_nb.') and path in chapters:
                assert number[s.module] <= path.name[:2], f'{s.module} comes later: {c}'

def test_nothing_is_exported_twice():
    seen = {}
    for path in chapters:
        for c in code(path):
            if not {'export', 'exports', 'exporti'} & c.directives.keys(): continue
            for s in c.tree.body:
                if isinstance(s, (ast.FunctionDef, ast.ClassDef)):
                    patched = any('patch' in ast.unparse(d) for d in s.decorator_list)
                    key = path.name, ast.unparse(s.args.args[0].annotation) if patched else '', s.name
                    assert key not in seen, f'{key} in {c} and {seen[key]}'
                    seen[key] = c

# -- The public API: section 4 of the design

api = dict(
    download='data_dir(dataset) download(dataset,folder,sources,progress) Files DownloadError DATASETS fmnist_download',
    idx='IdxDecodeError idx_header(fd) parse_idx(fd) read_idx(path) write_idx(path,shape,values) test_faster(f,g,times)',
    chunks='chunks(x,size) label_names index_to_label load_lists(dataset)',
    matrix='Matrix(rows) Matrix.shape Matrix.min Matrix.max Matrix.map Matrix.T Matrix.__getitem__ Matrix.__iter__ '
           'Matrix.__eq__ Matrix._repr_html_',
    tensors='load_data(dataset,verify,device,folder) Splits FashionMNIST(root,train,transform,target_transform,download) '
            'FashionMNIST.loader(self,batch_size,shuffle) FashionMNIST.__getitem__ FashionMNIST.class_to_idx '
            'FashionMNIST.raw_folder MNIST show_image show_images',
    similarity='l1_norm(a,b) l2_norm(a,b) class_means(x,y) NearestMean(norm) NearestMean.fit(self,x,y) '
               'NearestMean.partial_fit(self,x,y) NearestMean.all_reduce(self) NearestMean.predict NearestMean.score '
               'NearestMean.distances '
               'pair_accuracy(a,b,norm) pairwise_accuracy(norm) confusion_matrix(y_true,y_pred) '
               'nearest_neighbors(refs,x,k) kmeans(x,start,steps) prototypes(x,y,per_class) fmnist_compare',
    rng='seed(a) rand() get_state() WichmannHill WichmannHill.random WichmannHill.getstate WichmannHill.setstate '
        'WichmannHill.advance(self,n) WichmannHill.spawn(self,k) WichmannHill.rand(self,size,dtype,device,out) '
        'WichmannHill.randn WichmannHill.remaining fork_safe(rng) worker_init_fn fmnist_rng')
listed = [(m, *re.fullmatch(r'([\w.]+)(?:\((.*)\))?', o).groups()) for m,names in api.items() for o in names.split()]

@pytest.mark.parametrize('module, name, params', listed, ids=[f'{m}.{n}' for m,n,_ in listed])
def test_public_api(module, name, params):
    m = importlib.import_module(f'fmnist_nb.{module}')
    obj = m
    for part in name.split('.'): obj = getattr(obj, part)
    assert name.split('.')[0] in m.__all__
    if params is not None:
        want = params.split(',') if params else []
        assert list(inspect.signature(obj).parameters)[:len(want)] == want

def globals_used(c):
    "Names that the functions in the code `c` look up in their module"
    yield from (i.argval for i in dis.get_instructions(c) if i.opname=='LOAD_GLOBAL')
    for o in c.co_consts:
        if inspect.iscode(o): yield from globals_used(o)

@pytest.mark.parametrize('module', api)
def test_module_has_the_names_it_uses(module):
    "In a notebook, a cell that is not exported may have imported what an exported one uses"
    m = importlib.import_module(f'fmnist_nb.{module}')
    used = set(globals_used(compile(Path(m.__file__).read_text(encoding='utf-8'), m.__file__, 'exec')))
    assert len(used) > 5 and used <= {*vars(m), *dir(builtins)}

def documented():
    "All public functions, classes and methods"
    for module in api:
        m = importlib.import_module(f'fmnist_nb.{module}')
        for name in m.__all__:
            o = getattr(m, name)
            if not (inspect.isfunction(o) or inspect.isclass(o)): continue
            yield f'{module}.{name}',o
            if inspect.isclass(o):
                for k,v in vars(o).items():
                    f = v.fget if isinstance(v, property) else v
                    if k.startswith('_') or not inspect.isfunction(f) or f.__module__!=m.__name__: continue
                    yield f'{module}.{name}.{k}',f

apis = list(documented())

@pytest.mark.parametrize('obj', [o for _,o in apis], ids=[n for n,_ in apis])
def test_annotations_resolve(obj):
    "For whoever asks at run time: `typing`, and nbdev, which shows the signature in its docs"
    special = [f for f in vars(obj).values() if inspect.isfunction(f) and f.__name__.startswith('__')] if inspect.isclass(obj) else []
    for f in (obj, *special): typing.get_type_hints(f)
    assert obj.__name__ in show_doc(obj)._repr_markdown_()

@pytest.mark.parametrize('obj', [o for _,o in apis], ids=[n for n,_ in apis])
def test_documented(obj):
    assert obj.__doc__ and '\n' not in obj.__doc__.strip(), 'a docstring of one line'
    f = obj
    if inspect.isclass(obj):
        if issubclass(obj, BaseException) or '__init__' not in vars(obj) and not hasattr(obj, '_fields'): return
        f = obj if hasattr(obj, '_fields') else obj.__init__
    source = inspect.getsource(inspect.unwrap(obj))
    gives = not inspect.isclass(obj) and any(isinstance(s, (ast.Yield, ast.Return)) and s.value is not None
                                             for s in ast.walk(ast.parse(textwrap.dedent(source))))
    params = inspect.signature(f).parameters.values()
    several = {q.name for q in params if q.kind in (q.VAR_POSITIONAL, q.VAR_KEYWORD)}
    for name,d in docments(inspect.unwrap(f), full=True).items() if not hasattr(obj, '_fields') else ():
        if name=='return': assert not gives or d['docment'], 'what it returns, in a comment after `->`'
        elif name not in {'self', 'cls', *several}: assert d['docment'], f'what {name} is'
    for name in getattr(obj, '_fields', several): # docments leaves these out
        assert re.search(rf'\b{name}\b\s*:?[^#\n]*#', source), f'what {name} is'
