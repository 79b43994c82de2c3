"""Build the docs site into `_docs`, with Quarto where it is on PATH and with smalldocs where it is not

Three steps. `prepare`: nbdev processes the notebooks into `_proc`, and the API entries are written from the source.
`render`: Quarto or smalldocs turns them into HTML. `finish`: the text of every page is taken out of that HTML and put into
`page.html`, so that both engines give the same site, and what must hold of the site is checked."""
import ast, copy, functools, re, shutil, subprocess, sys, textwrap, time, warnings
from contextlib import redirect_stdout
from pathlib import Path
from execnb.nbio import mk_cell, read_nb, write_nb
from fastcore.basics import AttrDict, first
from fastcore.script import call_parse
from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup, patch_name
from nbdev.processors import FilterDefaults
from nbdev.quarto import refresh_quarto_yml
from site_pages import finish

cfg = get_config()
nbs, proc, docs = cfg.nbs_path, cfg.config_path/'_proc', cfg.doc_path
site_url = (cfg.doc_host + cfg.doc_baseurl).rstrip('/')

# ---- What the source says ----

def _segment(lines, node, stop=None):
    "The lines of `node`, with the comments beside them, up to the start of the node `stop`"
    part = lines[node.lineno-1 : stop.lineno if stop else node.end_lineno]
    if stop: part[-1] = part[-1][:stop.col_offset]
    return textwrap.dedent('\n'.join(part)).rstrip()

def _signature(lines, node):
    "The definition `node` as its author wrote it, with its docments, without its body"
    head = _segment(lines, node, node.body[0])
    if not isinstance(node, ast.ClassDef): return head
    inner = [_segment(lines, o) for o in node.body if isinstance(o, ast.AnnAssign)]
    inner += [_segment(lines, o, o.body[0]) for o in node.body if isinstance(o, ast.FunctionDef) and o.name=='__init__']
    return '\n'.join([head, *(textwrap.indent(o, '    ') for o in inner)])

def _call(node):
    "The parameters of a function or class, bare; nothing for a property"
    if isinstance(node, ast.ClassDef): node = first(o for o in node.body if getattr(o, 'name', '')=='__init__')
    if not node or any('prop' in ast.unparse(d) for d in node.decorator_list): return ''
    args = copy.deepcopy(node.args)
    for a in ast.walk(args):
        if isinstance(a, ast.arg): a.annotation = None
    return f'({re.sub("^self(, )?", "", ast.unparse(args))})'

def _remark(lines, node):
    "The comment beside a constant, or in the lines above it"
    if m := re.search(r'\s# *(.+)$', lines[node.lineno-1]): return m[1]
    i = node.lineno-1
    while lines[i-1].startswith('# ') and not lines[i-1].startswith('# %%'): i -= 1
    return ' '.join(o[2:] for o in lines[i:node.lineno-1])

@functools.cache
def public_names():
    "Name -> `(module, parameters, signature, docstring)` for all that the package defines, in the order of the chapters"
    res = {}
    for p in sorted(cfg.lib_path.glob('[!_]*.py')):
        text, mod = p.read_text(encoding='utf-8'), p.stem
        lines = text.splitlines()
        for o in ast.parse(text).body:
            defs = [(patch_name(o), o)] if isinstance(o, (ast.FunctionDef, ast.ClassDef)) else []
            if isinstance(o, ast.ClassDef): defs += [(f'{o.name}.{f.name}', f) for f in o.body if isinstance(f, ast.FunctionDef)]
            for name,f in defs: res[name] = mod, _call(f), _signature(lines, f), ast.get_docstring(f) or ''
            if isinstance(o, ast.Assign) and isinstance(o.targets[0], ast.Name) and not o.targets[0].id.startswith('_'):
                res[o.targets[0].id] = mod, None, '', _remark(lines, o)
    return res

# ---- Step 1: prepare ----

half = '## From lesson to library'

def _api_entry(name, source=None):
    "Markdown for the API entry of `name`, with its signature where the chapter does not show its source"
    _,_,sig,doc = public_names()[name]
    look = NbdevLookup()
    return '\n\n'.join([f'::: {{.api {".below" if source else ""}}}', f'[source]({look.code(name)}){{.api-source}}', f'### `{name}`',
                        look.linkify(doc) or '', '' if source else f'```python\n{sig}\n```', ':::'])

def _pieces(cell, names):
    "The exported `cell`, cut so that each definition among `names` stands alone, below its API entry; the names that it defines"
    lines,res,found,end,alone = cell.source.splitlines(),[],[],0,True
    for node in ast.parse(cell.source).body:
        name = patch_name(node) if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else None
        if name in names:
            res.append(mk_cell(_api_entry(name, True), 'markdown'))
            found.append(name)
        part = '\n'.join(o for o in lines[end:node.end_lineno] if not o.startswith('#|'))
        if alone or name in names: res.append(mk_cell('#| code-fold: show\n#| code-summary: Exported source\n' + part.lstrip('\n')))
        else: res[-1].source += '\n' + part
        end,alone = node.end_lineno,name in names
    res[-1].outputs = cell.outputs
    return res,found

def _process(path):
    "The notebook at `path` as the docs show it"
    nb = read_nb(path)
    with warnings.catch_warnings(action='ignore', category=UserWarning): FilterDefaults()(nb) # it minds guarded imports
    docs = [(re.findall(r'^show_doc\(([\w.]+)', c.source, flags=re.M) or [None])[0] if c.cell_type=='code' else None for c in nb.cells]
    pieces = {i: _pieces(c, {*docs} - {None}) for i,c in enumerate(nb.cells) if 'Exported source' in c.source}
    found = {name for _,names in pieces.values() for name in names}
    cells = []
    for i,(c,name) in enumerate(zip(nb.cells, docs)):
        if c.cell_type=='markdown': c.source = re.sub(r'\[(\[`[^`]+`\]\([^)]*\))\]\([^)]*\)', r'\1', c.source) # names linked twice
        if not name: cells += pieces[i][0] if i in pieces and pieces[i][1] else [c]
        elif name not in found: cells.append(mk_cell(_api_entry(name), 'markdown'))
    nb.cells = cells
    return nb

def _halves(nb, stem):
    "The notebook and, where it has that heading, what is below it: the library behind the lesson, its headings a level higher"
    cut = first(i for i,c in enumerate(nb.cells) if c.cell_type=='markdown' and c.source.startswith(half))
    if cut is None: return [(stem, nb)]
    title = re.search('^title: (.+)$', nb.cells[0].source, flags=re.M)[1]
    head = (f'---\ntitle: "{title}: the library"\noutput-file: {stem}_library.html\n'
            'description: "From lesson to library: the same, made to be relied on, and tested"\n---\n')
    back = AttrDict(nb, cells=[mk_cell(head, 'raw'), *nb.cells[cut:]])
    nb.cells = nb.cells[:cut]
    for c in back.cells:
        if c.cell_type=='markdown': c.source = re.sub('^#(?=##)', '', c.source.removeprefix(half), flags=re.M)
    return [(stem, nb), (f'{stem}_library', back)]

def _api_row(name, nb):
    "A line of the table of names: the name, linked to its definition, its parameters, the start of its docstring"
    _,call,_,doc = public_names()[name]
    line = re.split(r'(?<=[.;])\s|\n\n', doc)[0].strip(' .;')
    link = f'[`{name}`]({nb.name}#{name.lower()})' + (f'`{call}`'.replace('|', '\\|') if call else '')
    return f'| {link} | {NbdevLookup().linkify(" ".join(line.split()))} |'

def _api_index():
    "Markdown for the page that lists every public name"
    out = ['---', 'title: "API: every public name"', 'description: "What the library offers, by chapter"', 'output-file: api.html', '---', '']
    for p in sorted(nbs.glob('[0-9]*.ipynb')):
        cells = read_nb(p).cells
        title = re.search(r'^# (.+)$', cells[0].source, flags=re.M)[1].strip()
        behind = f', [the library behind it]({p.name}#from-lesson-to-library)' if any(half in c.source for c in cells) else ''
        exp = first(m[1] for c in cells if (m := re.search(r'^#\| *default_exp +(\S+)', c.source)))
        rows = [_api_row(n, p) for n,v in public_names().items() if v[0]==exp and not re.search(r'(^|\.)_', n)]
        if rows: out += [f'## `{cfg.lib_name}.{exp}`', '', f'Chapter [{title}]({p.name}){behind}.', '', '| name | what it is |', '|---|---|', *rows, '']
    return '\n'.join(out)

def prepare():
    "Process the notebooks of `nbs` into `_proc`"
    with redirect_stdout(None): refresh_quarto_yml() # it says that `_quarto.yml` is ours
    shutil.rmtree(proc, ignore_errors=True)
    shutil.copytree(nbs, proc, ignore=shutil.ignore_patterns('.*'))
    for p in nbs.glob('*.ipynb'):
        for stem,nb in _halves(_process(p), p.stem): write_nb(nb, proc/f'{stem}.ipynb')
    (proc/'api.qmd').write_text(_api_index(), encoding='utf-8')
    (proc/'404.qmd').write_text('---\ntitle: Page not found\ndescription: "The address may be an old one, or mistyped"\n---\n\n'
        f'Search for what you want, take a chapter from the list, or begin at [the first page]({site_url}/).\n', encoding='utf-8')

# ---- Step 2: render ----

def render():
    "Render `_proc`; returns the folder of HTML"
    if shutil.which('quarto'): subprocess.run(['quarto', 'render', str(proc), '--no-cache'], check=True)
    else:
        from smalldocs.site import build
        for w in build(proc, quiet=True).warnings:
            if not re.search('output-file|html-math-method|broken link', w): print('smalldocs:', w)
    return proc/docs.name

def build():
    "All three steps; returns what is wrong with the site"
    start = time.perf_counter()
    prepare()
    pages,problems = finish(render(), docs, cfg)
    problems += [f'{mod}.py: {name} says nothing of itself: a docstring, for a constant a comment, is missing'
                 for name,(mod,_,_,doc) in public_names().items() if not doc and not re.search(r'(^|\.)_', name)]
    print(f'{len(pages)} pages in {docs.name}/, {time.perf_counter()-start:.1f} s')
    for o in problems: print('problem:', o)
    return problems

def preview(port):
    "Serve the site on this machine; build again whenever a notebook or a tool changes"
    watch = ['watchdog.watchmedo', 'shell-command', '--recursive', '--drop', '--ignore-directories', '--ignore-patterns', '**/nbdev.yml',
             '--patterns', ';'.join(f'**/*.{o}' for o in 'ipynb py html css js svg yml'.split()), '--command', f'"{sys.executable}" "{__file__}"']
    subprocess.Popen([sys.executable, '-um', *watch, nbs, Path(__file__).parent])
    try: subprocess.run([sys.executable, '-um', 'http.server', str(port), '--bind', '127.0.0.1', '--directory', docs])
    except KeyboardInterrupt: pass

@call_parse
def main(
    serve:bool=False, # Serve the site on this machine, and build again on each change?
    port:int=3000, # The port to serve on; 0 takes a free one
):
    "Build the docs site into `_docs`"
    problems = build()
    if serve: preview(port)
    elif problems: sys.exit(1)
