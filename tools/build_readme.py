"What `make readme` runs: write README.md from nbs/index.ipynb; tell the notebooks where the code is at home, and how long a lesson takes"
import base64, json, re, sys
from configparser import ConfigParser
from pathlib import Path
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
images = root/'nbs/images'

def _directives(src):
    "The `#| name: value` lines at the top of `src` as a dict, and the rest"
    d,lines = {}, src.split('\n')
    while lines and (m := re.match(r'#\|\s*([\w-]+):?\s*(.*)', lines[0])):
        d[m[1]] = m[2].strip().strip('"')
        lines.pop(0)
    return d, '\n'.join(lines).strip('\n')

def _output(o, d, files):
    "Markdown for one output; pictures go into `files`"
    if o['output_type'] == 'stream': return f'```text\n{"".join(o["text"]).strip(chr(10))}\n```'
    data = o.get('data', {})
    if 'image/png' in data:
        p = images/f'readme-{len(files)+1}.png'
        files[p] = base64.b64decode(''.join(data['image/png']))
        return f'![{d.get("fig-alt", "")}]({p.relative_to(root).as_posix()})'
    if 'text/markdown' in data: return ''.join(data['text/markdown']).strip()
    return f'```text\n{"".join(data["text/plain"])}\n```'

def readme(nb):
    "README text for notebook `nb`, and the pictures that it shows"
    tests,site = address('{git_url}/actions/workflows/test.yml'),address('{doc_host}{doc_baseurl}/')
    parts,files = ['<!-- made from nbs/index.ipynb by tools/build_readme.py -->', f'[![tests]({tests}/badge.svg)]({tests}?query=is%3Asuccess) **[Read it on its site]({site})**'], {}
    for c in nb['cells']:
        src = ''.join(c['source'])
        if c['cell_type'] == 'markdown':
            src = re.sub(r'\]\(([\w/.-]+\.ipynb)(#[^)]*)?\)', r'](nbs/\1)', src)
            parts.append(re.sub(r'\]\((images/[^)]+)\)', r'](nbs/\1)', src).strip())
        elif c['cell_type'] == 'code':
            d,src = _directives(src)
            if 'hide' in d or 'default_exp' in d or d.get('include')=='false': continue
            if src and d.get('echo') != 'false': parts.append(f'```python\n{src}\n```')
            parts += [_output(o, d, files) for o in c['outputs']]
    return '\n\n'.join(parts) + '\n', files

def address(form):
    "`form` with the settings in it: settings.ini is the only place that knows where the code and the site are at home"
    ini = ConfigParser(delimiters=['='])
    ini.read(root/'settings.ini', encoding='utf-8')
    return form.format(**ini['DEFAULT'])

def reading(path, library=False):
    "Minutes for a half of the chapter at `path`, at 200 words or 30 lines of code in a minute, and its number of exercises"
    cells = [(c['cell_type'], ''.join(c['source'])) for c in json.loads(path.read_text(encoding='utf-8'))['cells']]
    cut = next((i for i,(kind,src) in enumerate(cells) if kind=='markdown' and src.startswith('## From lesson to library')), len(cells))
    minutes,n = 0,0
    for kind,src in cells[cut:] if library else cells[:cut]:
        d,code = _directives(src)
        if kind=='markdown': minutes += len(re.sub(r'^[#|].*|\]\(\S*\)', '', src, flags=re.M).split())/200
        elif kind=='code' and 'hide' not in d: minutes += (code.count('\n')+1)/30
        n += d.get('code-summary', '').startswith('Solution')
    return f'{round(minutes) or 1} minutes' + (f', {n} exercises' if n else '')

@call_parse
def main(
    check:bool=False # Only say whether README.md is fresh, by the exit status?
):
    "Write into nbs/index.ipynb how long each lesson takes, from it README.md, and into each notebook where the code is at home"
    index = root/'nbs/index.ipynb'
    text = re.sub(r'(\]\((\d\d_\w+\.ipynb)\): )\d+ minutes[^|]*(?= \|)', lambda m: m[1] + reading(root/'nbs'/m[2]), index.read_text(encoding='utf-8'))
    md,files = readme(json.loads(text))
    files[root/'README.md'] = md.encode()
    for p in (root/'nbs').glob('[!_]*.ipynb'):
        src = text if p==index else p.read_text(encoding='utf-8')
        files[p] = re.sub(r'(%pip install -q .*?git\+)[^"\\\s]*', r'\1' + address('{git_url}@{branch}'), src).encode()
    old = [p for p in images.glob('readme-*.png') if p not in files]
    stale = [p for p,b in files.items() if not p.exists() or p.read_bytes()!=b] + old
    if check: sys.exit(f'stale: {", ".join(p.relative_to(root).as_posix() for p in stale)}' if stale else 0)
    images.mkdir(exist_ok=True)
    for p in old: p.unlink()
    for p,b in files.items(): p.write_bytes(b)
