"The site that `make docs` built, in a real browser; without either, these tests are skipped and say so"
import base64, hashlib, json, os, re, shutil, signal, subprocess, sys, tarfile, threading, time
from collections import defaultdict
from configparser import ConfigParser
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

root = Path(__file__).resolve().parent.parent
docs = root/'_docs'
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
baseurl = ini['DEFAULT']['doc_baseurl']
pytestmark = pytest.mark.skipif(not (docs/'index.html').exists(), reason='no site in _docs: `make docs` builds it')
sys.path.insert(0, str(root/'tools'))
modes = dict(light=('light', 1300), dark=('dark', 1350), phone=('dark', 390))
flags = ('--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update '
         '--disable-sync').split()

class Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path): return super().translate_path(path.removeprefix(baseurl) or '/') # as it is published
    def log_message(self, *args): pass

class Server(ThreadingHTTPServer):
    def handle_error(self, request, address): pass # a browser that leaves a page hangs up

@contextmanager
def serve(handler):
    "The address of the site, served on this machine"
    with Server(('127.0.0.1', 0), partial(handler, directory=docs)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()

@pytest.fixture(scope='module')
def site():
    with serve(Handler) as address: yield address

@pytest.fixture(scope='module')
def browser():
    exe = os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, ['chromium', 'chromium-browser', 'google-chrome'])), None)
    if not exe: pytest.skip('no browser: install chromium, or give its path in $CHROMIUM')
    sync = pytest.importorskip('playwright.sync_api', reason='no playwright: pip install playwright')
    with sync.sync_playwright() as p:
        b = p.chromium.launch(executable_path=exe, args=flags)
        yield b
        b.close()

@pytest.fixture
def open_page(site, browser):
    "Opens an address; what goes wrong on the page is in its `problems`"
    contexts = []
    def _open(mode='light', path='/index.html'):
        theme,width = modes[mode]
        contexts.append(c := browser.new_context(viewport=dict(width=width, height=900), color_scheme=theme, reduced_motion='reduce'))
        page = c.new_page()
        page.set_default_timeout(10_000)
        page.problems = []
        bad = lambda what: page.problems.append(f'{urlsplit(page.url).path} {mode}: {what}')
        page.on('console', lambda m: bad(f'console: {m.text}') if m.type in ('error', 'warning') else None)
        page.on('pageerror', lambda e: bad(f'script: {e}'))
        page.on('requestfailed', lambda r: None if r.failure=='net::ERR_ABORTED' else bad(f'failed: {r.url}')) # aborted: the page was left
        page.on('request', lambda r: None if r.url.startswith((site, 'data:')) else bad(f'asks another host: {r.url}'))
        page.on('response', lambda r: bad(f'status {r.status}: {r.url}') if r.status>=400 else None)
        page.goto(site + path)
        return page
    yield _open
    for c in contexts: c.close()

look = '''async () => {
  const imgs = [...document.images]
  for (const i of imgs) i.loading = 'eager'
  await Promise.all(imgs.map(i => i.complete || new Promise(done => { i.onload = i.onerror = done })))
  const root = document.documentElement, tall = root.scrollHeight
  document.querySelectorAll('details').forEach(d => d.open = true)
  return {
    theme: root.dataset.theme, tall, width: root.scrollWidth, room: root.clientWidth,
    ids: [...document.querySelectorAll('[id]')].map(e => e.id),
    links: [...document.links].map(a => a.href),
    cut: [...document.querySelectorAll('pre:has(code.sourceCode)')].filter(p => p.scrollWidth > p.clientWidth).map(p => p.textContent.slice(0, 60)),
    dead: imgs.filter(i => !i.naturalWidth).map(i => i.currentSrc),
    mute: [...document.querySelectorAll('article img')].filter(i => !i.alt.trim()).map(i => i.currentSrc),
    levels: [...document.querySelectorAll('main :is(h1,h2,h3,h4,h5,h6)')].map(h => +h.tagName[1]),
  }
}'''

def _pages(): return sorted(p.name for p in docs.glob('*.html'))

@pytest.mark.parametrize('mode', modes)
def test_every_page(open_page, site, mode):
    theme,_ = modes[mode]
    page = open_page(mode)
    problems,ids,links = page.problems,{},defaultdict(set)
    for name in _pages():
        page.goto(f'{site}/{name}')
        o = page.evaluate(look)
        bad = lambda what: problems.append(f'{name} {mode}: {what}')
        if o['theme']!=theme: bad(f'theme is {o["theme"]}')
        if o['width']>o['room']: bad(f'{o["width"]} wide where there is room for {o["room"]}')
        if mode=='light' and name.replace('.', '_library.') in _pages() and o['tall']>25_000: bad(f'a lesson {o["tall"]} px tall')
        if o['cut']: bad(f'code wider than its box: {o["cut"]}')
        if mode=='phone': # a smaller one, too
            page.set_viewport_size(dict(width=320, height=900))
            if (w := page.evaluate('document.documentElement.scrollWidth'))>320: bad(f'{w} wide where there is room for 320')
            page.set_viewport_size(dict(width=390, height=900))
        if len(set(o['ids']))<len(o['ids']): bad(f'ids used twice: {sorted({i for i in o["ids"] if o["ids"].count(i)>1})}')
        if o['levels'][:1]!=[1] or any(b>a+1 for a,b in zip(o['levels'], o['levels'][1:])): bad(f'headings do not nest: {o["levels"]}')
        for k,what in (('dead', 'does not load'), ('mute', 'has no alt text')): [bad(f'picture {what}: {src}') for src in o[k]]
        ids['/'+name] = set(o['ids'])
        for a in o['links']: links[a].add(name)
    for a,where in links.items():
        u = urlsplit(a)
        if not a.startswith(site): continue
        path = unquote(u.path).removeprefix(baseurl)
        path = '/index.html' if path in ('', '/') else path
        if not (docs/path[1:]).is_file(): problems.append(f'{sorted(where)}: link to {path}: no such file')
        elif u.fragment and path in ids and unquote(u.fragment) not in ids[path]: problems.append(f'{sorted(where)}: link to {path}#{u.fragment}: no such anchor')
    assert len(ids)>2
    assert not problems, '\n'.join(problems)

axe_core = 'axe-core@4.11.1','BASOg+YwO2C+346x3LZOeoovTIoTrRqEsqMa6fmfAV0P+U9mFr9NsyOEpiYvFjbc64NMrSswhV50WdXzdb/Z5A=='

@pytest.fixture(scope='module')
def axe(tmp_path_factory):
    "The source of axe-core, which looks for what keeps people from reading a page; as it was published, or not at all"
    if not shutil.which('npm'): pytest.skip('no npm, which gets axe-core')
    folder = tmp_path_factory.mktemp('axe')
    r = subprocess.run(['npm', 'pack', axe_core[0]], cwd=folder, capture_output=True, text=True, timeout=120)
    if r.returncode: pytest.skip(f'npm could not get axe-core: {r.stderr[-300:]}')
    pack = next(folder.glob('*.tgz'))
    assert base64.b64encode(hashlib.sha512(pack.read_bytes()).digest()).decode()==axe_core[1]
    with tarfile.open(pack) as f: return f.extractfile('package/axe.min.js').read().decode()

axe_run = """async name => {
  const run = async (theme, options) => {
    document.documentElement.dataset.theme = theme
    const found = (await axe.run(document, {resultTypes: ['violations'], preload: false, ...options})).violations
    return found.map(v => `${name} ${theme} ${v.id}: ${v.nodes.length}, the first ${v.nodes[0].html}`)
  }
  const colours = ['color-contrast', 'link-in-text-block'], off = Object.fromEntries(colours.map(r => [r, {enabled: false}]))
  for (const d of document.querySelectorAll('details')) d.open = true
  const found = await run('light', {rules: off})
  const seen = new Set(), keep = new Set() // for the colours, which take long, the first words of each look are enough
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue
    const path = []
    for (let p = e; p; p = p.parentElement) path.push(p)
    const look = path.map(p => p.localName + p.getAttribute('class') + p.ariaCurrent).join()
    if (!seen.has(look)) path.forEach(p => keep.add(p))
    seen.add(look)
  }
  document.querySelectorAll('body *').forEach(e => keep.has(e) || e.remove())
  return [...found, ...await run('light', {runOnly: colours}), ...await run('dark', {runOnly: colours})]
}"""

@pytest.mark.parametrize('width', [1350, 390])
def test_axe(site, browser, axe, width):
    "Nothing that axe finds, in either theme, folds opened"
    with browser.new_context(viewport=dict(width=width, height=900), is_mobile=width<500, has_touch=width<500) as c:
        page,found = c.new_page(),[]
        for name in _pages():
            page.goto(f'{site}{baseurl}/{name}')
            page.evaluate(axe)
            found += page.evaluate(axe_run, name)
    assert not found, '\n'.join(found)

class Firefox:
    "Firefox without a window, told what to do through WebDriver BiDi"
    def __init__(self, exe, profile):
        websocket = pytest.importorskip('websocket', reason='no websocket-client: pip install websocket-client')
        self.n,self.said = 0,[]
        self.process = subprocess.Popen([exe, '--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', profile],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        timer = threading.Timer(60, self.process.kill)
        timer.start()
        url = next((line.split()[-1] for line in self.process.stderr if 'BiDi listening on' in line), None)
        timer.cancel()
        assert url, 'Firefox does not listen'
        self.rest = threading.Thread(target=self.process.stderr.read)
        self.rest.start()
        self.socket = websocket.create_connection(f'{url}/session', suppress_origin=True, timeout=60)
        self.do('session.new', capabilities={})
        self.do('session.subscribe', events=['log.entryAdded'])
        self.tab = self.do('browsingContext.getTree')['contexts'][0]['context']
    def do(self, method, **params):
        self.n += 1
        self.socket.send(json.dumps(dict(id=self.n, method=method, params=params)))
        while (r := json.loads(self.socket.recv())).get('id')!=self.n:
            if r.get('method')=='log.entryAdded' and r['params']['level'] in ('error', 'warn'): self.said.append(r['params']['text'])
        assert r['type']=='success', r
        return r['result']
    def size(self, width): self.do('browsingContext.setViewport', context=self.tab, viewport=dict(width=width, height=900))
    def goto(self, url): self.do('browsingContext.navigate', context=self.tab, url=url, wait='complete')
    def ask(self, code): return self.do('script.evaluate', expression=code, target=dict(context=self.tab), awaitPromise=True)['result']['value']
    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.rest.join()
        self.process.stderr.close()

@pytest.fixture(scope='module')
def firefox(tmp_path_factory):
    exe = os.environ.get('FIREFOX') or shutil.which('firefox-esr') or shutil.which('firefox')
    if not exe: pytest.skip('no Firefox: install firefox-esr, or give its path in $FIREFOX')
    f = Firefox(exe, tmp_path_factory.mktemp('profile'))
    yield f
    f.close()

def test_firefox(site, firefox):
    "The other engine: nothing scrolls sideways on a phone, nothing is complained of"
    bad = []
    for name in _pages():
        for width in 390,320:
            firefox.size(width)
            firefox.goto(f'{site}{baseurl}/{name}')
            wide = firefox.ask('document.documentElement.scrollWidth')
            if wide>width: bad.append(f'{name}: {wide} wide in {width}')
            bad += [f'{name}: {o}' for o in firefox.said]
            firefox.said.clear()
    assert not bad, '\n'.join(bad)

def _inside(page, sel): return page.evaluate("sel => { const r = document.querySelector(sel).getBoundingClientRect(); return r.top>=0 && r.top<innerHeight }", sel)

def test_deep_link_on_a_phone(open_page, site):
    "A link to the exercises arrives at once and fetches few pictures; one into a fold opens it"
    page,seen = open_page('phone'),[]
    page.on('request', lambda r: seen.append(r.url) if '/img/' in r.url else None)
    page.goto(f'{site}/similarity.html#exercises')
    page.wait_for_timeout(1000)
    assert _inside(page, '#exercises') and len(seen)<3, seen
    fold = page.locator('details[id^=solution]').first
    page.goto(f'{site}/similarity.html#{fold.get_attribute("id")}')
    page.wait_for_timeout(300)
    assert fold.evaluate('d => d.open')

def test_contents_follow(open_page):
    "The section that a reader has chosen from the contents is the one that is marked there"
    page = open_page(path='/matrix.html')
    for i in 4,2,-1:
        page.locator('#site-toc li a').nth(i).click()
        page.wait_for_function('i => [...document.querySelectorAll("#site-toc li a")].at(i).ariaCurrent', arg=i)

def test_folds(open_page, site):
    "Checks are folded and counted, and open without a script; a button opens all, and so does print"
    page = open_page(path='/matrix.html')
    checks,closed = page.locator('details.checks'),'document.querySelectorAll("article details:not([open])").length'
    for d in checks.all():
        n,code = int(d.locator('summary').inner_text().split()[0]),d.locator('code').text_content()
        assert len(re.findall(r'\b(?:test_\w+\(|assert\b)', code))>=n>0
    assert checks.count()>5
    page.get_by_role('button', name='Open all').click()
    assert page.evaluate(closed)==0
    page.get_by_role('button', name='Close all').click()
    assert page.evaluate(closed)>5
    page.evaluate('dispatchEvent(new Event("beforeprint"))')
    assert page.evaluate(closed)==0

def test_answers_are_folded(open_page, site):
    "What a solution prints is in its fold: below it, the answer would be seen before the exercise is read"
    page = open_page(path='/similarity.html')
    folds,out = 'details:is([id^=solution], [id^=warm-up])','.cell-output'
    assert page.locator(f'{folds} {out}').count()>3 and not page.locator(f'{folds} ~ {out}').count()

def test_folds_found_and_printed(open_page, browser, site):
    "A fold with the words that a reader looks for opens by itself; on paper all folds are open, with a script and without"
    page,closed = open_page(path='/matrix.html'),'article details:not([open])'
    fold = page.locator(closed).nth(2)
    words = quote(fold.locator('code').first.text_content().splitlines()[0], safe='').replace('-', '%2D')
    page.goto('about:blank')
    page.goto(f'{site}/matrix.html#:~:text={words}') # opens what find-in-page opens
    page.wait_for_function("document.querySelector('article details[open]')")
    assert page.locator('article details[open] code').first.is_visible()
    for js in True,False:
        with browser.new_context(java_script_enabled=js) as c:
            page = c.new_page()
            page.goto(f'{site}/matrix.html')
            code = page.locator(f'{closed} code').all()
            assert len(code)>5 and not any(o.is_visible() for o in code)
            page.emulate_media(media='print')
            assert all(o.is_visible() for o in code)

def test_halves(open_page, site):
    "A lesson and the library behind it lead to each other; n and p lead along the lessons; old links find what has moved"
    page = open_page(path='/matrix.html')
    page.locator('.actions .library').click()
    page.wait_for_url('**/matrix_library.html')
    page.keyboard.press('p')
    page.wait_for_url('**/matrix.html')
    page.keyboard.press('n')
    page.wait_for_url('**/tensors.html')
    page.goto(f'{site}/matrix.html#matrix.map')
    page.wait_for_url('**/matrix_library.html#matrix.map')
    assert not page.problems

def test_api_rows(open_page, site):
    "Each row leads to an element that stands for its name, on the page where that is"
    page = open_page(path='/api.html')
    rows = page.locator('td:first-child a').evaluate_all('as => as.map(a => [a.textContent, a.href])')
    assert len(rows)>40
    ids = {name: set(re.findall(r'\bid="([^"]+)"', (docs/name).read_text())) for name in _pages()}
    for name,href in rows:
        u = urlsplit(href)
        assert u.fragment in (name.lower(), name.lower().split('.')[0]) and u.fragment in ids[Path(u.path).name], (name, href)

def test_code_on_a_phone(open_page, site):
    "Copy covers no code; a line that wraps has no line of bare indentation above it"
    page = open_page('phone', '/idx_library.html')
    assert page.evaluate("""[...document.querySelectorAll('.copy')].filter(c => c.getBoundingClientRect().bottom >
                            c.parentElement.querySelector('pre').getBoundingClientRect().top + 1).length""")==0
    assert page.evaluate("[...document.querySelectorAll('.line')].filter(l => l.textContent.startsWith(' ')).length")==0

@pytest.mark.parametrize('words,place', [('how to run', 'index.html#install-and-run'), ('offline', 'index.html#install-and-run'), ('colab', 'index.html'),
                                         ('licence', 'index.html#'), ('license', 'index.html#'), ('Matrxi', 'matrix_library.html#matrix'), ('neigbours', '#nearest-neighbours')])
def test_search_asked_by_readers(open_page, words, place):
    page = open_page()
    page.keyboard.press('/')
    page.locator('dialog input').fill(words)
    page.locator('dialog .results a').first.wait_for()
    assert place in page.locator('dialog .results a').first.get_attribute('href')

def test_search(open_page):
    page = open_page()
    page.keyboard.press('/')
    page.locator('dialog input').fill('IdxDecodeError')
    first = page.locator('dialog .results a').first
    first.wait_for()
    assert 'IdxDecodeError' in first.inner_text()
    page.keyboard.press('Enter')
    page.wait_for_url('**/idx*.html#idxdecodeerror')
    assert page.locator('#idxdecodeerror').is_visible() and not page.locator('dialog').is_visible()
    page.keyboard.press('/')
    page.locator('dialog input').fill('zyzzyva')
    page.get_by_text('Nothing has all of these words').wait_for()
    assert not page.problems

@pytest.mark.parametrize('mode', ['light', 'dark'])
def test_theme_toggle(open_page, mode):
    page = open_page(mode)
    ground = lambda: page.evaluate('getComputedStyle(document.body).backgroundColor')
    before,other = ground(),dict(light='dark', dark='light')[mode]
    page.get_by_role('button', name='Switch between light and dark').click()
    assert ground()!=before and page.evaluate('document.documentElement.dataset.theme')==other
    page.reload() # what is chosen stays
    assert ground()!=before and page.evaluate('document.documentElement.dataset.theme')==other
    assert not page.problems

def test_phone_menu(open_page):
    page = open_page('phone')
    menu = page.locator('#site-nav')
    assert not menu.is_visible()
    page.get_by_role('button', name='Chapters').click()
    assert menu.is_visible()
    menu.get_by_role('link', name='API').click()
    page.wait_for_url('**/api.html')
    assert not page.problems

def test_copy_button(open_page):
    page = open_page()
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    code = page.locator('article code.sourceCode').first
    page.locator('article .copy').first.click()
    assert page.evaluate('navigator.clipboard.readText()').strip()==code.text_content().strip()

def test_minutes():
    "The home page's table says of each lesson what the lesson's head says"
    home,n = (docs/'index.html').read_text(),0
    for name in _pages():
        if not (m := re.search(r'<span>(\d+ minutes, \d+ exercises)</span>', (docs/name).read_text())): continue
        assert re.search(rf'href="{name}">[^<]+</a>: {m[1]}<', home), (name, m[1])
        n += 1
    assert n==7

def test_files_for_machines():
    "llms.txt names a Markdown copy of every page of the sitemap; figures in the copies exist"
    urls = [u.split('</loc>')[0] for u in (docs/'sitemap.xml').read_text().split('<loc>')[1:]]
    listed = (docs/'llms.txt').read_text()
    whole = (docs/'llms-full.txt').read_text(encoding='utf-8')
    assert all(o.read_text(encoding='utf-8') in whole for o in docs.glob('*.md'))
    for u in urls:
        stem = Path(urlsplit(u).path).stem if u.endswith('.html') else 'index'
        assert f'/{stem}.md)' in listed
        text = (docs/f'{stem}.md').read_text()
        assert text.startswith('# ') and '<div' not in re.sub('```.*?```', '', text, flags=re.S)
        for src in text.split('](img/')[1:]: assert (docs/'img'/src.split(')')[0].split()[0]).is_file()
    assert 'Sitemap:' in (docs/'robots.txt').read_text()

quarto = '''<html><head><meta name="description" content="{title} in words"></head><body><main class="content" id="quarto-document-content">
<header id="title-block-header"><h1 class="title">{title}</h1></header>{body}</main></body></html>'''
quarto_chapter = '''<section id="head" class="level2"><h2 class="anchored" data-anchor-id="head">Head</h2>
<p>See <a href="./index.html#head">home</a> and <span class="math inline"><math><msqrt><mn>2</mn></msqrt></math></span>.</p>
<div class="api"><p><a href="https://example.org/x.py#L1" class="api-source">source</a></p><section id="f" class="level3"><h3><code>f</code></h3><p>Words</p></section></div>
<div id="cell-1" class="cell" data-execution_count="1"><details open="" class="code-fold"><summary>Exported source</summary>
<div class="sourceCode cell-code" id="cb1"><pre class="sourceCode python"><code class="sourceCode python"><span id="cb1-1"><a href="#cb1-1" aria-hidden="true"></a><span class="kw">def</span> f(x): <span class="cf">return</span> x</span></code></pre></div></details></div>
<div id="cell-2" class="cell"><div class="sourceCode cell-code"><pre class="sourceCode python"><code class="sourceCode python"><span id="cb2-1">test_eq(f(<span class="dv">1</span>), <span class="dv">1</span>)</span></code></pre></div></div>
<p><img src="a_files/fig.png"></p></section>'''

def test_quarto_markup(tmp_path):
    "Quarto can't be installed everywhere; what it writes becomes the same pages, and what is wrong with them is told"
    site_pages = pytest.importorskip('site_pages')
    from nbdev.config import get_config
    src,out = tmp_path/'in',tmp_path/'out'
    src.mkdir()
    (src/'index.html').write_text(quarto.format(title='Home', body=''))
    (src/'idx.html').write_text(quarto.format(title='The format', body=quarto_chapter))
    pages,problems = site_pages.finish(src, out, get_config(path=root))
    assert len(pages)==2
    assert sorted(o.split(': ', 1)[1] for o in problems)==['link to index.html#head: no such anchor', 'picture without alt text: a_files/fig.png']
    page = (out/'idx.html').read_text()
    assert '<h3 class="api-name" id="f"><code>f</code></h3>' in page and page.count('id="f"')==1 and 'Exported source' not in page
    assert '<a class="symbol" href="idx.html#f">f</a>' in page and 'class="cell tested"' in page and 'aria-hidden="true"></a>' not in page
    assert '```python\ndef f(x): return x\n```' in (out/'idx.md').read_text()

@pytest.mark.skipif(os.name!='posix', reason='ends a group of processes as POSIX does')
def test_preview_builds_again_on_change():
    "`make preview`: it builds and serves, and a file that is written leads to a new build"
    p = subprocess.Popen([sys.executable, '-u', 'tools/build_docs.py', '--serve', '--port', '0'], cwd=root, text=True, start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = lambda: os.killpg(p.pid, signal.SIGKILL) # the server and the watcher, too
    timer = threading.Timer(100, end) # then the pipe ends, and so does the wait for a line
    timer.start()
    built = threading.Event()
    def wait_for(words): return next((line for line in p.stdout if words in line), None)
    try:
        assert wait_for('http://127.0.0.1:'), 'it does not serve'
        style,start = root/'nbs/styles.css',time.time()
        def write():
            while not built.wait(2): style.write_bytes(style.read_bytes()) # no change in it, but a write; the watcher may need a moment to begin
        writer = threading.Thread(target=write)
        writer.start()
        while p.poll() is None and not any(f.stat().st_mtime>start for f in root.glob('_proc/api.qmd')): time.sleep(.2) # written when a build has begun
        assert p.poll() is None, 'it does not build again'
    finally:
        built.set()
        timer.cancel()
        end()
        p.wait()
        p.stdout.close()
