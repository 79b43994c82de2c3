"""Does nbdev 3, which reads pyproject.toml and not settings.ini, pass this tree too? What `make test-nbdev3` runs"""
import os, shutil, subprocess, sys, tempfile
from pathlib import Path
from fastcore.script import call_parse
from get_data import has_mnist
from run_tests import differing, run

root = Path(__file__).resolve().parent.parent

use = '''
import fastcore, nbdev, sys
from configparser import ConfigParser
from nbdev.config import get_config, nbdev_defaults
print('nbdev', nbdev.__version__, 'and fastcore', fastcore.__version__, 'from', nbdev.__file__)
ini,found = ConfigParser(delimiters=['=']),get_config()
ini.read(sys.argv[1], encoding='utf-8')
for k in nbdev_defaults.keys() & ini['DEFAULT'].keys():
    v = found[k]
    if k.endswith('_path'): v = v.relative_to(found.config_path)
    if str(v)!=ini['DEFAULT'][k]: sys.exit(f'settings.ini has {k} = {ini["DEFAULT"][k]}, and nbdev 3 takes it for {v}')
'''

@call_parse
def main(
    nbdev:str='==3.3.26', # Which release; what it brings can't be in constraints.txt, which pins nbdev 2
):
    "Install nbdev 3 beside this environment, and let it export, clean and test a copy of the tree without settings.ini"
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        tree,lib = d/'tree',d/'lib'
        env = os.environ | {'PYTHONPATH': os.pathsep.join([str(lib), str(tree)]), 'PYTHONDONTWRITEBYTECODE': '1', 'MPLBACKEND': 'agg'}
        def same(folder, pattern):
            "Nothing has changed, but for the links in the index: they come from `[project.urls]`, which setup.py makes"
            diff = [o for o in differing(root/folder, tree/folder, pattern) if o!='_modidx.py']
            if diff: sys.exit(f'with nbdev {nbdev} these are not what they were: {", ".join(diff)}')
        try:
            run(sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', lib, f'nbdev{nbdev}')
            for o in ('nbs', 'fmnist_nb'):
                shutil.copytree(root/o, tree/o, ignore=shutil.ignore_patterns('__pycache__', '_proc', '.ipynb_checkpoints'))
            shutil.copy(root/'pyproject.toml', tree)
            run(sys.executable, '-c', use, root/'settings.ini', env=env, cwd=tree)
            run(sys.executable, lib/'bin'/'nbdev-export', env=env, cwd=tree)
            same('fmnist_nb', '*.py')
            run(sys.executable, lib/'bin'/'nbdev-clean', env=env, cwd=tree)
            same('nbs', '*.ipynb')
            flags = ['--flags', 'mnist'] if has_mnist() else []
            run(sys.executable, lib/'bin'/'nbdev-test', '--timing', *flags, env=env, cwd=tree)
        except subprocess.CalledProcessError as e: sys.exit(f'with nbdev {nbdev}: {e}')
    print(f'ok: nbdev 3 exports the same modules, leaves the notebooks as they are, and all of them pass; '
          f'digits {"included" if flags else "skipped: no source of MNIST"}')
