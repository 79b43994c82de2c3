"The last step of the docs: rendered HTML becomes the pages of the site, whichever engine rendered it"
import ast, base64, hashlib, json, re, shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Comment, NavigableString
from fastcore.basics import first
from jinja2 import Environment, FileSystemLoader
from latex2mathml.converter import convert as to_mathml
from markdownify import MarkdownConverter
from PIL import Image

from build_readme import reading
from live.build import add_live_cells

assets = ['styles.css', 'site.js', 'favicon.svg', 'card.png'] # in nbs/, put beside the pages
_heading = re.compile('^h[1-6]$')
_tests = re.compile(r'(?<!def )\b(test_\w+\(|assert\b)')

def _short(stem): return re.sub(r'^\d+_', '', stem) # as nbdev names its pages

class Page:
    "One page: the text that an engine rendered, and what the site says about it"
    def __init__(self, path, srcs):
        self.href = f'{_short(path.stem)}.html'
        self.src = srcs.get(_short(path.stem).removesuffix('_library')) # the notebook, or None for a page made by a tool
        self.lesson = self.library = None # the page of the chapter's other half
        self.num = m[1] if self.src and (m := re.match(r'(\d+)_', self.src.name)) else ''
        self.module = m[1] if self.src and (m := re.search(r'#\| *default_exp +(\w+)', self.src.read_text(encoding='utf-8'))) else ''
        self.soup = BeautifulSoup(path.read_text(encoding='utf-8'), 'html.parser')
        self.main = self.soup.find('main')
        self.whole = self.main # with what a reader has to ask for, where that is elsewhere
        self.title = self.main.find('h1').get_text(strip=True)
        self.description = d['content'] if (d := self.soup.find('meta', attrs={'name': 'description'})) else ''
        for o in self.main.select('#title-block-header, nav, .code-copy-button, hr, script, colgroup'): o.decompose()
        for o in self.main.find_all(string=lambda s: isinstance(s, Comment)): o.extract()

    def new(self, tag, text=None, **attrs):
        return self.soup.new_tag(tag, attrs={k.rstrip('_'): v for k,v in attrs.items()}, string=text)

# ---- The parts of a page ----

def _checks(code, later):
    "How many checks `code` makes if it does nothing else; `later`: the code below it, which may use what it makes"
    try: todo,n = ast.parse(code).body,0
    except SyntaxError: return 0
    for o in todo: # which grows
        new = {t.id for t in ast.walk(o) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)} | {getattr(o, 'name', None)} - {None}
        uses = [re.search(rf'(\bfor )?\b{t}\b( *=[^=])?', later) for t in new] # the first time: is it given a new value?
        if isinstance(o, (ast.For, ast.With)): todo += o.body
        elif isinstance(o, ast.Assert) or ast.unparse(o).startswith('test_'): n += 1
        elif not isinstance(o, (ast.Assign, ast.FunctionDef)) or any(u and not (u[1] or u[2]) for u in uses): return 0
    return n

def _code(page):
    "Code blocks without what an engine put around them; cells that only test are folded"
    for o in page.main.select('.code-copy-outer-scaffold'): o.unwrap()
    for o in page.main.select('code a[aria-hidden]'): o.decompose() # Quarto's line anchors
    for o in page.main.select('details.code-fold'):
        if o.summary.get_text()=='Exported source':
            o.summary.decompose()
            o.name, o.attrs = 'div', {'class': 'source'}
        elif re.match('Solution|Warm-up', o.summary.get_text()):
            o['id'] = re.sub(r'\W+', '-', o.summary.get_text().lower()).strip('-')
            o.extend(o.find_next_siblings(class_='cell-output')) # an answer is not seen before it is asked for
    for o in page.main.select('.cell-output > pre'): # long sentences wrap; what stands in columns scrolls
        if not re.search(r'\S {2,}\S|[|─]', o.get_text()): o['class'] = 'wraps'
    codes = [c.get_text() for c in page.main.select('div.cell code.sourceCode')]
    for c in page.main.select('div.cell'):
        c.attrs = {'class': 'cell'}
        if not (code := c.select_one('code.sourceCode')): continue
        text = codes.pop(0)
        if c.details or not _tests.search(text): continue
        c.attrs = {'class': 'cell tested', 'role': 'group', 'aria-label': 'a test'}
        if n := not c.select_one('.cell-output, .source') and _checks(text, '\n'.join(codes)):
            code.find_parent('div').wrap(page.new('details', class_='checks')).insert(0, page.new('summary', f'{n} check{"s"*(n>1)}'))
    for c in page.main.select('code.sourceCode'): _lines(c)

def _lines(code):
    "Long lines can wrap and keep their indentation, where the window is narrow; constants and methods in a source can be linked to"
    html = re.sub(r'(<span class="\w+">)([^<]+)(?=</span>)', lambda m: m[1] + m[2].replace('\n', f'</span>\n{m[1]}'), code.decode_contents())
    res,owner,source = [],'',code.find_parent(class_='source')
    for o in html.split('\n'):
        text = re.sub('<.*?>', '', o)
        if m := re.match(r'class (\w+)', text): owner = f'{m[1]}.'
        m = source and re.match(rf'([A-Za-z]\w*)(?:, *\w+)* *=|(?:    def |    )({"" if owner else "$"}[a-z]\w*)(?:\(self| *= *\w)', text)
        name = f' id="{(m[1] or owner + m[2]).lower()}"' if m else ''
        tags,indent,rest = re.match('((?:<.*?>)*)( *)(.*)', o).groups()
        res.append(f'{indent}<span class="line" style="--in:{len(indent)}"{name}>{tags}{rest}</span>' if name or len(text)>32 else o)
    code.clear()
    code.extend(BeautifulSoup('<pre>' + '\n'.join(res) + '</pre>', 'html.parser').pre.contents)

def _api(page):
    "API entries: a heading with its source link, the docstring, the signature; the whole source when the chapter shows it"
    for api in page.main.select('.api'):
        for o in api.find_all('section'): o.unwrap()
        above = api.find_previous(lambda o: _heading.match(o.name) and 'api-name' not in (o.get('class') or []))
        head,a = api.find(_heading),api.find(class_='api-source')
        name,p,below = head.get_text(strip=True),a.parent,'below' in api['class']
        api.name,api.attrs = 'section',{'class': 'api'}
        head.name,head.attrs = f'h{min(int(above.name[1]) + 1, 6) if above else 2}',{'id': name.lower(), 'class': 'api-name'}
        a.attrs = {'href': a['href'], 'class': 'api-source', 'aria-label': f'source of {name}'}
        top = page.new('div', class_='api-head')
        api.insert(0, top)
        top.extend([head.extract(), a.extract()])
        p.decompose()
        if below: api.append(api.find_next_sibling().extract())

def _figures(page, out):
    "Pictures become files; each sits on a sheet; returns those without a word for who cannot see them"
    for i,img in enumerate(page.main.find_all('img')):
        if (src := img.get('src', '')).startswith('http'): img.replace_with(img.get('alt', '')); continue # no page asks another host
        if src.startswith('data:'):
            kind,data = src.split(',', 1)
            data = base64.b64decode(data)
            name = f'img/{hashlib.sha256(data).hexdigest()[:12]}.{kind.split("/")[1].split(";")[0].split("+")[0]}'
            (out/'img').mkdir(exist_ok=True)
            (out/name).write_bytes(data)
            img['src'] = name
        f = out/unquote(img['src'])
        if f.suffix=='.png' and f.exists(): # its size, at 100 dots an inch, so that the text does not jump when it arrives
            with Image.open(f) as im: img['width'],img['height'] = (round(n*100/im.info.get('dpi', (100,100))[0]) for n in im.size)
        img['class'],img['decoding'],img['loading'] = 'sheet','async','eager' if i==0 and page.href=='index.html' else 'lazy'
        if not img.get('alt', '').strip(): yield f'picture without alt text: {img["src"]}'

def _maths(page):
    "LaTeX becomes MathML, which browsers draw by themselves; returns what can't"
    for o in page.main.select('span.math'):
        if o.math: continue # Quarto has done it
        tex = o.get_text().strip()[2:-2].strip()
        try: m = BeautifulSoup(to_mathml(tex, display='block' if 'display' in o['class'] else 'inline'), 'html.parser').math
        except Exception as e: yield f'maths: {tex}: {type(e).__name__}'; continue # whatever a parser may raise
        m['alttext'] = tex
        o.replace_with(m)
        if '\\' in m.get_text(): yield f'maths that is not understood: {tex}'

def _scrolling(page):
    "A wide table or formula scrolls inside its own box; a cell without a word heads nothing"
    for m in page.main.find_all('math'):
        if m.get('display')=='block' or len(m.get_text())>20: m.wrap(page.new('span', class_='scroll'))
    for th in page.main.find_all('th'):
        if not th.get_text(strip=True): th.name = 'td'
    for t in page.main.find_all('table'):
        if t.find_parent('table'): continue
        box = t.wrap(page.new('div', class_='scroll'))
        if 'sd-table' in (box.parent.get('class') or []): box.parent.unwrap()

def _ids(page):
    "Each heading carries its own id"
    taken = {h['id'] for h in page.main.find_all(class_='api-name')}
    for h in page.main.find_all(_heading):
        sec = h.find_parent('section', id=True)
        if not h.get('id') and sec and sec.find(_heading) is h: h['id'] = sec['id']
        if sec and sec.get('id')==h.get('id'): del sec['id']
        if 'api-name' not in (h.get('class') or []):
            if h['id'] in taken: h['id'] += '-section' # links to a name go to its entry
            for a in h.find_all('a'): a.unwrap()

def _links(pages, names, out, site):
    "Links that an engine or nbdev wrote lead to the page where their anchor is, as it is called here; returns those that lead nowhere"
    ids = {p.href: (p, {o['id'] for o in p.main.find_all(id=True)}, {h['id'] for h in p.main.find_all(class_='api-name')}) for p in pages}
    for p in pages:
        for a in p.main.find_all('a', href=True):
            u = urlsplit(a['href'] if p.href=='404.html' else re.sub(rf'^{re.escape(site)}/$', 'index.html', a['href']).removeprefix(site+'/'))
            if u.scheme or u.netloc:
                a.attrs.pop('target', None)
                continue
            path,anchor,name = u.path.removeprefix('./'),unquote(u.fragment),a.get_text().removesuffix('()')
            path = names.get(path, path)
            to = unquote(path) or p.href
            a['href'] = path + (f'#{u.fragment}' if anchor else '')
            if not (out/to).exists() and Path(to).with_suffix('.html').name not in ids: yield p, f'link to {a["href"]}: no such page'
            if not anchor or to not in ids: continue
            page,here,_ = ids[to]
            other = page.library or page.lesson
            _,there,entries = ids[other.href] if other else (None, set(), set())
            if anchor=='from-lesson-to-library' and page.library: a['href'] = other.href
            elif anchor in there-here or page.library and anchor in entries: a['href'] = f'{other.href}#{anchor}'
            elif anchor in here: continue
            elif anchor!=name.lower() or not a.select_one(':scope > code:only-child'): yield p, f'link to {a["href"]}: no such anchor'
            elif name.startswith('_') or '._' in name: a.unwrap() # nbdev links names that have no entry
            else: a['href'] = f'{to}#{owner}' if (owner := anchor.split('.')[0]) in here else f'{other.href}#{owner}' if owner in there else to

def _symbols(pages):
    "Names in code lead to their entries: functions where they are called, classes anywhere, both in the backquotes of a docstring"
    entries = {h.get_text(): f'{p.href}#{h["id"]}' for p in pages for h in p.main.find_all(class_='api-name') if '.' not in h.get_text()}
    if not entries: return
    pattern = re.compile(r'(?<![\w.])(' + '|'.join(sorted(entries, key=len, reverse=True)) + r')\b(?!\s*=[^=])')
    for p in pages:
        for s in [s for c in p.main.find_all('code', class_='sourceCode') for s in c.find_all(string=pattern)]:
            kind = ' '.join(s.parent.get('class') or []) if s.parent.name=='span' else ''
            before = s.previous_element if isinstance(s.previous_element, NavigableString) else ''
            if kind not in ('', 'line', 'st', 'co'): continue
            other = before.endswith('.') or before in ('def', 'class', 'import', 'from') # then the first word is not a name of ours
            out,last = [],0
            for m in pattern.finditer(s):
                around = s[m.start()-1:m.start()] + s[m.end():m.end()+1]
                if other and not s[:m.start()].strip() or not (around=='``' if kind in ('st', 'co') else m[1][0].isupper() or around[-1:]=='('): continue
                out += [s[last:m.start()], p.new('a', m[1], href=entries[m[1]], class_='symbol')]
                last = m.end()
            if out: s.replace_with(*[o for o in [*out, s[last:]] if o])

def _toc(page):
    "The sections of the page: `(level, id, html, is_api)`"
    return [(int(h.name[1]), h['id'], h.decode_contents(), 'api-name' in (h.get('class') or []))
            for h in page.main.find_all(['h2','h3']) if h.get('id')]

def _index(page):
    "What search reads: one entry for each section"
    res = [dict(u=page.href, t=page.title, s='', x=[page.description, ' (Open in Colab) ' if page.src else ' '])]
    apart = {id(s) for o in [*page.main.find_all([_heading, 'math']), *page.main.find_all(class_='api-source')] for s in o.strings}
    for o in page.main.descendants:
        if isinstance(o, NavigableString):
            if id(o) not in apart: res[-1]['x'].append(o)
        elif _heading.match(o.name): res.append(dict(u=f'{page.href}#{o["id"]}', t=page.title, s=o.get_text(strip=True), x=[]))
    for o in res: o['x'] = ' '.join(''.join(o['x']).split())
    return res

# ---- The copy for those who read Markdown ----

class _Markdown(MarkdownConverter):
    "Maths as LaTeX"
    def convert_math(self, el, text, parent_tags):
        tex = el.get('alttext') or (el.annotation.get_text() if el.annotation else el.get_text())
        return f'\n\n$$\n{tex}\n$$\n\n' if el.get('display')=='block' else f'${tex}$'

def _markdown(page):
    for o in page.whole.find_all('code'): o.string = o.get_text() # no colours; this is the last use of the page
    lang = lambda el: 'python' if 'python' in el.get('class', []) else ''
    body = _Markdown(heading_style='ATX', bullets='-', escape_misc=False, code_language_callback=lang).convert_soup(page.whole)
    body = re.sub(r'(\]\([\w-]+)\.html', r'\1.md', body)
    return re.sub(r'\n{3,}', '\n\n', f'# {page.title}\n\n> {page.description}\n\n{body.strip()}\n')

# ---- The whole ----

def _navigation(nbs, pages):
    "The groups of the sidebar, from sidebar.yml: `[(name, [page])]`, without the pages that are not there"
    by = {p.href: p for p in pages}
    res = []
    for o in yaml.safe_load((nbs/'sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']:
        name,items = (o['section'], o['contents']) if isinstance(o, dict) else ('', [o])
        res.append((name, [by[h] for i in items if (h := f'{_short(Path(i).stem)}.html') in by]))
        res.append(('The library behind it', [p.library for p in res[-1][1] if p.library]))
    return [o for o in res if o[1]]

def finish(rendered, out, cfg):
    "Make the site in `out` from the pages in `rendered`; returns the pages, and what is wrong with them"
    site = (cfg.doc_host + cfg.doc_baseurl).rstrip('/')
    tmp = rendered.with_name('_site')
    shutil.rmtree(tmp, ignore_errors=True)
    shutil.copytree(rendered, tmp, ignore=shutil.ignore_patterns('*.html', 'site_libs', 'search.json', 'sitemap.xml', 'robots.txt', '*.llms.md'))
    for f in assets: shutil.copy(cfg.nbs_path/f, tmp)

    srcs = {_short(p.stem): p for p in cfg.nbs_path.glob('*.ipynb')}
    names = {p.name: f'{_short(p.stem)}.html' for p in rendered.glob('*.html')}
    pages,problems = [Page(p, srcs) for p in sorted(rendered.glob('*.html'))],[]
    for page in pages:
        _code(page)
        _api(page)
        for check in (_figures(page, tmp), _maths(page)): problems += [(page, o) for o in check]
        _ids(page)
        _scrolling(page)

    for p in pages:
        p.library = first(o for o in pages if o.href==p.href.replace('.', '_library.'))
        if p.library: p.library.lesson = p
    problems += _links(pages, names, tmp, site)
    _symbols(pages)
    add_live_cells(pages, tmp, cfg)

    nav = _navigation(cfg.nbs_path, pages)
    order = [p for _,ps in nav for p in ps]
    spine = [p for p in order if not p.lesson]
    env = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    version = hashlib.sha256(b''.join((tmp/f).read_bytes() for f in assets)).hexdigest()[:8]
    for p in pages:
        i = spine.index(p.lesson or p) if p in order else None
        around = dict(prev=p.lesson or (spine[i-1] if i else None), next=spine[i+1] if i is not None and i+1<len(spine) else None)
        text = env.get_template('page.html').render(page=p, body=p.main.decode_contents(), toc=_toc(p), reading=p.src and reading(p.src, bool(p.lesson)), nav=nav, cfg=cfg, site=site,
                                                    version=version, **around)
        (tmp/p.href).write_text(text, encoding='utf-8')

    index = [o for p in order for o in _index(p)]
    (tmp/'search.json').write_text(json.dumps(index, ensure_ascii=False, separators=(',', ':')), encoding='utf-8')
    urls = ''.join(f'<url><loc>{site}/{"" if p.href=="index.html" else p.href}</loc></url>\n' for p in order)
    (tmp/'sitemap.xml').write_text('<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
                                   f'{urls}</urlset>\n', encoding='utf-8')
    (tmp/'robots.txt').write_text(f'User-agent: *\nAllow: /\n\nSitemap: {site}/sitemap.xml\n', encoding='utf-8')
    lines = [f'# {cfg.title}', '', f'> {cfg.description}']
    for name,ps in nav: lines += ['', f'## {name or "Start here"}', '', *(f'- [{p.title}]({site}/{Path(p.href).stem}.md): {p.description}' for p in ps)]
    (tmp/'llms.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    (tmp/'.nojekyll').touch()

    texts = {p: _markdown(p) for p in order}
    for p,o in texts.items(): (tmp/p.href).with_suffix('.md').write_text(o, encoding='utf-8')
    (tmp/'llms-full.txt').write_text('\n'.join(texts.values()), encoding='utf-8')
    shutil.rmtree(out, ignore_errors=True)
    tmp.rename(out)
    return pages, [f'{p.src.name if p.src else p.href}: {o}' for p,o in problems]
