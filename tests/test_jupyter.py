"In a reader's Jupyter: pictures appear there as they do on the page. The notebooks' own runner, execnb, can't tell"
import json, os
from configparser import ConfigParser
from pathlib import Path

import pytest

nbclient,nbformat = pytest.importorskip('nbclient'),pytest.importorskip('nbformat')
pytest.importorskip('ipykernel')
# What Jupyter's client does here is not the library's doing
pytestmark = [pytest.mark.filterwarnings('default'), pytest.mark.filterwarnings('ignore:::(zmq|tornado|jupyter_.*|nbclient)')]
root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
skipped = {f'#|{f}' for f in ini['DEFAULT']['tst_flags'].split()}

def pictures(cell): return sum('image/png' in o.get('data', {}) for o in cell.get('outputs', ()))

def executed(nb):
    "The notebook `nb`, run in a fresh kernel from the folder of the notebooks"
    env = os.environ | {'PYTHONPATH': os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')])}
    env.pop('MPLBACKEND', None) # the kernel sets its own
    nbclient.NotebookClient(nb, timeout=600, kernel_name='python3', resources=dict(metadata=dict(path=str(root/'nbs')))).execute(env=env)
    return nb

firsts = dict(show_image=('tensors', 'torch.rand(28, 28)'), show_images=('tensors', 'torch.rand(4, 28, 28)'),
              plot_pair=('similarity', '"Dress", "Pullover"'))

@pytest.mark.parametrize('name', firsts)
def test_figures_after_the_librarys_first(name):
    "Whichever of its functions draws the first figure, that one and the reader's own appear"
    module,args = firsts[name]
    sources = f'import torch, matplotlib.pyplot as plt\nfrom fmnist_nb.{module} import {name}', f'{name}({args});', 'plt.plot([1, 2]);'
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    assert [pictures(c) for c in executed(nb).cells] == [0, 1, 1]

@pytest.mark.notebooks
@pytest.mark.parametrize('path', sorted((root/'nbs').glob('[0-9i]*.ipynb')), ids=lambda p: p.stem)
def test_as_many_pictures_as_are_stored(path):
    "Every cell shows in Jupyter the pictures that it shows on the page"
    nb = nbformat.reads(path.read_text(encoding='utf-8'), 4)
    nb.cells = [c for c in nb.cells if c.cell_type=='code' and not skipped & {o.replace(' ', '') for o in c.source.splitlines()}]
    stored = {c.id: pictures(c) for c in nb.cells}
    assert not {c.id: (stored[c.id], pictures(c)) for c in executed(nb).cells if pictures(c)!=stored[c.id]}
