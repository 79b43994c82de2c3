"""What users install: the wheel holds the package and nothing else, and works without this tree and its tools"""
import ast, email, os, re, shutil, subprocess, sys, sysconfig, tarfile, textwrap, tomllib, zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest, yaml

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
name,version = cfg['lib_name'],cfg['version']
modules = sorted(p.stem for p in (root/name).glob('*.py') if not p.name.startswith('_'))

def run(*args, **kw):
    "Run a command; its output, or an error that shows it"
    r = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=300, **kw)
    assert r.returncode==0, r.stdout
    return r.stdout

def fresh(code, path=None, env={}):
    "What `code` prints in a new interpreter that sees installed packages and `path`, not this tree; warnings are errors"
    start = f'import sys; sys.path.insert(0, {str(path)!r}); ' if path else ''
    clean = {k: v for k,v in os.environ.items() if not k.startswith('PYTHON')} | {'PYTHONDONTWRITEBYTECODE': '1'} | env
    return run(sys.executable, '-W', 'error', '-c', start + code, cwd=path or '/', env=clean)

@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    "A copy of what is under version control, or would be"
    d = tmp_path_factory.mktemp('tree')/name
    ignore = shutil.ignore_patterns('__pycache__', '.*', 'build', 'dist', '*.egg-info', '_docs', '_proc', 'demo',
                                    'nbs', 'tests', 'tools')
    shutil.copytree(root, d, ignore=ignore)
    for o in ('nbs', 'tests', 'tools'): # they must not get into the wheel: their names will do
        (d/o).mkdir()
        (d/o/'__init__.py').write_text('raise ImportError("not for users")\n')
        (d/o/'x.ipynb').write_text('{}\n')
        (d/o/'test_x.py').write_text('')
    return d

@pytest.fixture(scope='module')
def dists(tree):
    "(sdist, wheel): the sdist is built from the tree and the wheel from the sdist, each in an environment of its own"
    try: run(sys.executable, '-m', 'build', '--outdir', tree/'dist', tree)
    except AssertionError as e:
        offline = 'No matching distribution found for setuptools|Temporary failure in name|Max retries|ProxyError'
        if not re.search(offline, str(e)): raise
        pytest.skip('no package index to get setuptools from')
    (sdist,),(wheel,) = ((tree/'dist').glob(o) for o in ('*.tar.gz', '*.whl'))
    print(f'{sdist.name} {sdist.stat().st_size:,} bytes, {wheel.name} {wheel.stat().st_size:,} bytes')
    return sdist,wheel

@pytest.fixture(scope='module')
def installed(dists, tmp_path_factory):
    "An empty folder in which the wheel was installed, without what it depends on"
    d = tmp_path_factory.mktemp('installed')
    run(sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps', '--no-index',
        '--no-compile', '--target', d, dists[1])
    return d

def test_wheel_holds_the_package_and_nothing_else(dists):
    sdist,wheel = dists
    assert (sdist.name, wheel.name) == (f'{name}-{version}.tar.gz', f'{name}-{version}-py3-none-any.whl')
    with zipfile.ZipFile(wheel) as z: have = set(z.namelist())
    info = f'{name}-{version}.dist-info'
    want = {f'{name}/{p.name}' for p in (root/name).iterdir() if p.suffix in ('.py', '.pyi', '.mplstyle', '.typed')}
    other = '__init__.py', '_modidx.py', 'paper.mplstyle', 'py.typed'
    assert {f'{name}/{o}' for o in (*other, *(f'{m}.{o}' for m in modules for o in ('py', 'pyi')))} == want
    assert {o for o in have if not o.startswith(info)} == want
    about = 'METADATA', 'WHEEL', 'RECORD', 'entry_points.txt', 'top_level.txt', 'licenses/LICENSE'
    assert {o for o in have if o.startswith(info)} == {f'{info}/{o}' for o in about}
    with tarfile.open(sdist) as t: have = {o.name.partition('/')[2] for o in t.getmembers() if o.isfile()}
    assert have >= {'settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE', *want}
    assert not [o for o in have if o.startswith(('nbs', 'tests', 'tools', '.'))]

def test_metadata(dists):
    run(sys.executable, '-m', 'twine', 'check', '--strict', *dists)
    with zipfile.ZipFile(dists[1]) as z: m = email.message_from_string(z.read(f'{name}-{version}.dist-info/METADATA').decode())
    told = m['Name'], m['Version'], m['Requires-Python'], m['Summary']
    assert told == (name, version, '>='+cfg['min_python'], cfg['description'])
    assert 'Apache-2.0' in (m['License'], m['License-Expression'])
    run_time = [o for o in m.get_all('Requires-Dist') if 'extra ==' not in o]
    squeezed = lambda o: ','.join(sorted(re.split('[ ,]+', re.sub(r'^([\w-]+)', r'\1 ', o).strip())))
    assert sorted(map(squeezed, run_time)) == sorted(map(squeezed, cfg['requirements'].split()))
    assert m.get_payload().strip() == (root/'README.md').read_text(encoding='utf-8').strip()

def test_every_import_is_declared():
    "What the modules import is in the standard library, in `requirements`, or theirs"
    declared = {re.match(r'[\w-]+', o)[0] for o in cfg['requirements'].split()} | {name}
    for p in (root/name).glob('*.py'):
        for s in ast.walk(ast.parse(p.read_text(encoding='utf-8'))):
            imported = [a.name for a in s.names] if isinstance(s, ast.Import) else []
            if isinstance(s, ast.ImportFrom) and not s.level: imported = [s.module]
            for top in (o.partition('.')[0] for o in imported):
                if (p.stem, top) == ('similarity', 'sklearn'): continue # which asks a model for its tags, and so is there
                if top=='PIL': top = 'pillow'
                assert top in sys.stdlib_module_names or top in declared, f'{p.name} imports {top}'

def test_installed_modules_import(installed):
    imports = '; '.join(f'import {name}.{m}' for m in modules)
    out = fresh(f'{imports}; print({name}.__file__, {name}.__version__)', installed)
    assert out.split() == [str(installed/name/'__init__.py'), version]

light = {'download', 'idx', 'chunks', 'matrix'}
heavy = {'torch', 'numpy', 'matplotlib', 'pandas', 'sklearn', 'scipy', 'IPython', 'nbdev', 'tqdm'}

def test_light_modules_are_light(installed):
    assert light < set(modules)
    for m in sorted(light):
        out = fresh(f'import sys, {name}.{m}; print(*{{o.partition(".")[0] for o in sys.modules}} & {heavy})', installed)
        assert not out.strip(), f'{m} imports {out}'

def test_light_modules_need_nothing_heavy(installed):
    "They work where torch, NumPy and matplotlib are not installed at all"
    out = fresh(textwrap.dedent(f'''
        import os, sys
        sys.modules.update(dict.fromkeys(["torch", "numpy", "matplotlib"]))
        from {name}.chunks import chunks
        from {name}.idx import read_idx, write_idx
        from {name}.matrix import Matrix
        p = write_idx("x.gz", (2, 3), range(6))
        print(read_idx(p), Matrix(chunks(range(6), 3)).T)
        os.unlink(p)'''), installed)
    assert "((2, 3), array('B', [0, 1, 2, 3, 4, 5]))" in out and 'Matrix([[0, 3]' in out

def test_plot_style_is_found(installed):
    out = fresh(f'import {name}, matplotlib.style as s; s.use("{name}.paper"); print({name}.__file__)', installed)
    assert out.startswith(str(installed))

def test_console_scripts(installed):
    want = dict(o.split('=') for o in cfg['console_scripts'].split())
    found = fresh(textwrap.dedent(f'''
        from importlib.metadata import distributions
        d = next(d for d in distributions(path=[{str(installed)!r}]) if d.name=="{name}")
        for e in d.entry_points:
            if e.group=="console_scripts" and callable(e.load()): print(f"{{e.name}}={{e.value}}")'''), installed)
    assert dict(o.split('=') for o in found.split()) == want and len(want) >= 3
    for script in want:
        env = os.environ | {'PYTHONPATH': str(installed), 'PYTHONDONTWRITEBYTECODE': '1'}
        assert 'usage' in run(sys.executable, installed/'bin'/script, '--help', env=env, cwd='/')

def test_script_of_this_environment_downloads(tmp_path):
    "As typed in a shell; a failure is one line and a status, no traceback"
    script = Path(sysconfig.get_path('scripts'))/'fmnist_download'
    if not script.exists(): pytest.skip('the package is not installed in this environment')
    r = subprocess.run([script, 'fashion'], capture_output=True, text=True, cwd=tmp_path)
    assert r.returncode==1 and 'Traceback' not in r.stderr
    assert r.stderr.startswith('fmnist_download: expected a data set among')

def test_one_version_and_one_home():
    assert f"__version__ = \"{version}\"" in (root/name/'__init__.py').read_text().replace("'", '"')
    assert version not in tomllib.loads((root/'pyproject.toml').read_text()).get('project', {}).values()
    assert f'## {version}' in (root/'CHANGELOG.md').read_text(encoding='utf-8')
    cff = yaml.safe_load((root/'CITATION.cff').read_text(encoding='utf-8'))
    assert (cff['version'], cff['repository-code'], cff['url']) == (version, cfg['git_url'], cfg['doc_host'] + cfg['doc_baseurl'])

def test_actions_are_pinned():
    "By the digest of a commit: a tag could be moved"
    used = [u for p in (root/'.github/workflows').glob('*.yml') for u in re.findall(r'uses: (.*)', p.read_text(encoding='utf-8'))]
    assert len(used) > 5 and all(re.fullmatch(r'[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+', u) for u in used), used

def test_pins_cover_what_is_needed():
    "Every requirement has a pin in constraints.txt that meets it"
    from packaging.requirements import Requirement
    pins = dict(o.split('==') for o in (root/'constraints.txt').read_text().split() if '==' in o)
    norm = lambda o: re.sub('[-_.]+', '-', o).lower()
    pins = {norm(k): v for k,v in pins.items()}
    toml = tomllib.loads((root/'pyproject.toml').read_text(encoding='utf-8'))
    sessions = re.findall(r"\*pins, '([\w-]+)'", (root/'noxfile.py').read_text(encoding='utf-8'))
    extras = ' '.join(cfg[f'{o}_requirements'] for o in ('read', 'dev', 'bench'))
    assert len(sessions) >= 3
    for o in f'{cfg["requirements"]} {extras}'.split() + sessions:
        r = Requirement(o)
        assert norm(r.name) in pins and pins[norm(r.name)] in r.specifier, o
    assert toml['build-system']['requires'] == [f'setuptools=={pins["setuptools"]}'], 'an isolated build reads no constraints'

@pytest.mark.skipif(not shutil.which('make'), reason='no make here')
@pytest.mark.parametrize('folder', ['data', 'my data', '../my data', '/my data', '~/my data', 'file:///my%20data', 'https://there/data'])
def test_make_hands_on_the_source(folder):
    "`make` runs commands in several folders: a relative source becomes absolute, and spaces in its name stay"
    def told(*args, **env):
        env = {k: v for k,v in os.environ.items() if k!='FMNIST_NB_SOURCE'} | env
        return run('make', '-s', '--eval', 'told: ; @printenv FMNIST_NB_SOURCE', 'told', *args, cwd=root, env=env).rstrip('\n')
    want = folder if re.match('/|~|.*://', folder) else f'{root}/{folder}'
    assert told(FMNIST_NB_SOURCE=folder) == told(f'FMNIST_NB_SOURCE={folder}') == want

# What nbdev 3 looks for in [tool.nbdev]; it takes the rest from [project]
nbdev_3 = set("""title lib_path nbs_path doc_path readme_nb recursive tst_flags clean_ids clear_all put_version_in_init update_pyproject
    jupyter_hooks branch custom_sidebar custom_quarto_yml doc_procs export_procs skip_procs strip_magics strip_libs exporter test_setup
    exec_profile cell_timeout cell_timing_min allowed_metadata_keys allowed_cell_metadata_keys allowed_out_metadata_keys""".split())

def test_settings_for_nbdev_3():
    "`[tool.nbdev]` in pyproject.toml says what settings.ini says, and all of it that nbdev 3 understands"
    toml = tomllib.loads((root/'pyproject.toml').read_text(encoding='utf-8'))
    told = {k: ' '.join(v) if isinstance(v, list) else str(v) for k,v in toml['tool']['nbdev'].items()}
    assert told == {k: cfg[k] for k in cfg if k in nbdev_3}
    assert toml['project']['name'] == name and toml['project']['requires-python'] == '>=' + cfg['min_python']
