"""Held against others: their own test suites and programs, with nothing changed but what is under test.

None of their code is kept here. A suite comes from an installed package, from a source distribution that pip fetches (pinned
by its digest), or from a checkout below the folder named in FMNIST_NB_OTHERS; what is not there is skipped, with a word. With
FMNIST_NB_RECORD=1 the figures go to nbs/others.json, which nbs/others.ipynb shows; without it they must be those in the file."""
import ast, contextlib, gzip, importlib.util, io, json, os, random, re, shutil, struct, subprocess, sys, textwrap
import types, unittest, warnings, zlib
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np, pytest, torch
from fmnist_nb.download import download
from fmnist_nb.idx import IdxDecodeError, idx_header, parse_idx, read_idx, write_idx
from fmnist_nb.rng import WichmannHill
from fmnist_nb.similarity import NearestMean
from fmnist_nb import tensors

root = Path(__file__).resolve().parent.parent
kept = root/'nbs/others.json'
fetches = pytest.mark.others # takes long, or asks the package index or a checkout: left out of the default run

def checkout(*parts):
    "The path `parts` below the folder of checkouts; skips where it is not there"
    p = Path(os.environ.get('FMNIST_NB_OTHERS') or root/'.others').joinpath(*parts)
    if not p.exists(): pytest.skip(f'no checkout: {"/".join(parts)} below FMNIST_NB_OTHERS')
    return p

def sdist(name, sha256, folder):
    "The folder of the source distribution `name` of the package index, unpacked in `folder`; skips where there is no index"
    (folder/'wanted.txt').write_text(f'{name} --hash=sha256:{sha256}\n')
    r = subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps', '--no-binary', ':all:',
                        '-r', folder/'wanted.txt', '-d', folder], capture_output=True, text=True, timeout=300)
    if r.returncode: pytest.skip(f'{name}: pip could not fetch it: {r.stderr.strip().splitlines()[-1]}')
    shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder, filter='data')
    return next(p for p in folder.iterdir() if p.is_dir())

def record(row, of, passed, total, not_met={}):
    "Keep that `passed` of `total` were passed by us, and why the others, `not_met`, were not; `of`: a program and its version. Or compare"
    new = dict(of=of, passed=passed, total=total, not_met=dict(sorted(not_met.items())))
    rows = json.loads(kept.read_text(encoding='utf-8')) if kept.exists() else {}
    if os.environ.get('FMNIST_NB_RECORD'):
        rows[row] = new
        kept.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + '\n', encoding='utf-8')
    elif rows.get(row, {}).get("of")==of: assert rows[row]==new # of another version there may be more or fewer

def module(name, path):
    "The module in the file at `path`, under `name`"
    spec = importlib.util.spec_from_file_location(name, path)
    m = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {name: m}): spec.loader.exec_module(m)
    return m

def run_cases(*cases):
    "Number of tests in the `TestCase`s `cases`, and what of them fails or is skipped, by name"
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(c) for c in cases)
    n,res = suite.countTestCases(),unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # theirs
        suite.run(res)
    for t,why in [*res.failures, *res.errors, *res.skipped]: print(t, why, sep='\n')
    bad = {getattr(t, 'test_case', t).id().partition('.')[2] for t,_ in [*res.failures, *res.errors, *res.skipped]}
    return n,bad

# -- torchvision

def import_torchvision():
    "torchvision with its data sets and transforms; its operators load only beside the PyTorch that they were built for"
    with patch.object(torch.library, 'register_fake', lambda *args, **kwargs: lambda f: f):
        tv = pytest.importorskip('torchvision')
        import torchvision.datasets, torchvision.transforms.v2, torchvision.io
    return tv

compositions = '''T.ToTensor()
T.PILToTensor()
T.Compose([T.ToTensor(), T.Normalize((.2860,), (.3530,))])
T.Compose([T.ToTensor(), T.Normalize(.5, .5), T.Lambda(lambda t: t.flatten())])
T.Compose([T.Resize(32), T.ToTensor()])
T.Compose([T.Resize((14,28)), T.ToTensor()])
T.Compose([T.CenterCrop(20), T.ToTensor()])
T.Compose([T.Pad(2), T.ToTensor()])
T.Compose([T.Pad((1,2,3,4), fill=9, padding_mode='constant'), T.ToTensor()])
T.Compose([T.RandomCrop(28, padding=4), T.ToTensor()])
T.Compose([T.RandomHorizontalFlip(), T.RandomVerticalFlip(), T.ToTensor()])
T.Compose([T.RandomRotation(15), T.ToTensor()])
T.Compose([T.RandomAffine(10, (.1,.1), (.9,1.1), 5), T.ToTensor()])
T.Compose([T.RandomResizedCrop(28), T.ToTensor()])
T.Compose([T.RandomPerspective(p=1), T.ToTensor()])
T.Compose([T.Grayscale(3), T.ToTensor()])
T.Compose([T.ColorJitter(.5, .5), T.ToTensor()])
T.Compose([T.RandomInvert(), T.RandomSolarize(128), T.RandomPosterize(4), T.ToTensor()])
T.Compose([T.RandomAutocontrast(), T.RandomEqualize(), T.RandomAdjustSharpness(2), T.ToTensor()])
T.Compose([T.GaussianBlur(3), T.ToTensor()])
T.Compose([T.RandAugment(), T.ToTensor()])
T.Compose([T.TrivialAugmentWide(), T.ToTensor()])
T.Compose([T.AugMix(), T.ToTensor()])
T.Compose([T.ToTensor(), T.RandomErasing(p=1)])
T.Compose([T.FiveCrop(24), T.Lambda(lambda crops: torch.stack([T.ToTensor()(o) for o in crops]))])
T.Compose([T.ToTensor(), T.ConvertImageDtype(torch.float64)])
T.RandomChoice([T.ToTensor(), T.PILToTensor()])
np.asarray
v2.ToTensor()
v2.ToImage()
v2.PILToTensor()
v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([.2860], [.3530])])
v2.Compose([v2.Resize(32), v2.ToImage()])
v2.Compose([v2.RandomCrop(28, padding=4), v2.ToImage()])
v2.Compose([v2.ToImage(), v2.RandomResizedCrop(28, antialias=True)])
v2.Compose([v2.RandomHorizontalFlip(), v2.RandomRotation(15), v2.ToImage()])
v2.Compose([v2.RandAugment(), v2.ToImage()])
v2.Compose([v2.ToImage(), v2.ElasticTransform(), v2.ToDtype(torch.float32, scale=True)])
v2.Compose([v2.RGB(), v2.ToImage()])'''.splitlines()

def in_raw(folder):
    "The four files, unpacked, where torchvision looks for them below `folder`"
    raw = folder/'FashionMNIST'/'raw'
    raw.mkdir(parents=True)
    for f in download(): (raw/f.stem).write_bytes(gzip.decompress(f.read_bytes()))
    return folder

def same(a, b): # a PIL picture has no equality of pixels
    return type(a)==type(b) and np.array_equal(np.asarray(a), np.asarray(b)) and getattr(a, 'dtype', 0)==getattr(b, 'dtype', 0)

def test_transforms_of_torchvision(tmp_path):
    "The same items as torchvision's class gives, whatever is done with them on the way"
    tv = import_torchvision()
    T,v2 = tv.transforms,tv.transforms.v2
    theirs = tv.datasets.FashionMNIST(in_raw(tmp_path), train=False)
    ours,bad = tensors.FashionMNIST(tmp_path, train=False),[]
    for text in compositions:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore') # some are deprecated there
            f = eval(text, dict(T=T, v2=v2, torch=torch, np=np))
            def items(ds):
                ds.transform,ds.target_transform = f,lambda y: -y
                random.seed(42); torch.manual_seed(42)
                return [ds[i] for i in range(20)]
            if not all(same(a, b) and y==z for (a,y),(b,z) in zip(items(ours), items(theirs))): bad.append(text)
    record('torchvision, transforms', f'torchvision {version("torchvision").partition("+")[0]}', len(compositions)-len(bad), len(compositions))
    assert not bad

@fetches
def test_suite_of_torchvision():
    """torchvision's cases for MNIST and FashionMNIST, with our classes.

    They invent a picture or two, write them as files, and switch off the check of MD5 sums, since these data were never published. At
    the same place we switch off ours, of the digests. They also ask for an instance of torchvision's base class `VisionDataset`: the
    classes that are tested inherit from it, too, and are registered with the wrapper for transforms v2, as theirs are. And theirs have
    no default for `root`, which the suite gives by position."""
    folder = checkout('vision', 'test')
    tv = import_torchvision()
    with patch.object(sys, 'path', [str(folder), *sys.path]), patch.dict(sys.modules):
        import test_datasets as suite
    def unverified(dataset, folder, verify=False, fetch=True, sources=None):
        def one(s):
            shape,x = read_idx(folder/f'{s}-images-idx3-ubyte')
            return tensors.Split(torch.tensor(x, dtype=torch.uint8).view(shape), torch.tensor(read_idx(folder/f'{s}-labels-idx1-ubyte')[1]))
        return tensors.Splits(*(one(s) if (folder/f'{s}-images-idx3-ubyte').exists() else (None, None) for s in ('train', 't10k')))
    from torchvision.tv_tensors import _dataset_wrapper as wrapper
    def case(theirs, ours):
        def init(self, root, train=True, transform=None, target_transform=None, download=False): # there, `root` has no default
            ours.__init__(self, root, train, transform, target_transform, download)
        cls = type(ours.__name__, (ours, tv.datasets.VisionDataset), dict(__init__=init))
        wrapper.WRAPPER_FACTORIES.setdefault(cls, wrapper.WRAPPER_FACTORIES[tv.datasets.MNIST])
        return type(theirs.__name__, (theirs,), dict(DATASET_CLASS=cls, _patch_checks=lambda self: {patch.object(tensors, '_load', unverified)}))
    n,bad = run_cases(case(suite.MNISTTestCase, tensors.MNIST), case(suite.FashionMNISTTestCase, tensors.FashionMNIST))
    m,worse = run_cases(suite.MNISTTestCase, suite.FashionMNISTTestCase) # the judge can be met
    assert (m, worse)==(n, set())
    of = (folder.parent/'version.txt').read_text().strip()
    record('torchvision, its tests', f'torchvision {version("torchvision").partition("+")[0]}, tests of {of}', n-len(bad), n)
    assert not bad

# -- PyTorch's tutorials

class Import(ast.NodeTransformer):
    "Import `datasets` from our library, and train for one epoch of the tutorial's five"
    changed = 0
    def visit_ImportFrom(self, node):
        if not (node.module=='torchvision' and [o.name for o in node.names]==['datasets']): return node
        self.changed += 1
        return ast.parse('from fmnist_nb import tensors as datasets').body
    def visit_Assign(self, node):
        return ast.parse('epochs = 1').body if ast.unparse(node)=='epochs = 5' else node

@fetches
@pytest.mark.parametrize('name', ['quickstart', 'data'])
def test_tutorial_of_pytorch(name, tmp_path):
    "A tutorial of PyTorch with only its import changed; where it goes on to read pictures from a table of file names, it ends"
    source = checkout('tutorials', 'beginner_source', 'basics', f'{name}_tutorial.py').read_text(encoding='utf-8')
    import_torchvision()
    tree,to = ast.parse(source),Import()
    if name=='data': # its second part is about files of one's own: nothing of ours is in it
        tree.body = [o for o in tree.body if 'pandas' not in ast.unparse(o) and 'torchvision.io' not in ast.unparse(o)
                     and 'pd.' not in ast.unparse(o) and not isinstance(o, ast.FunctionDef)]
    text = ast.unparse(ast.fix_missing_locations(to.visit(tree)))
    assert to.changed==1
    quiet = ('import torch, unittest.mock, matplotlib; matplotlib.use("agg"); torch.manual_seed(0)\n'
             'with unittest.mock.patch.object(torch.library, "register_fake", lambda *a, **k: lambda f: f): import torchvision.transforms\n')
    in_raw(tmp_path/'data')
    r = subprocess.run([sys.executable, '-c', quiet + text], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert r.returncode==0, r.stderr
    print(r.stdout)
    want = r'Shape of X \[N, C, H, W\]: +torch.Size\(\[64, 1, 28, 28\]\)[\s\S]*Predicted: "' if name=='quickstart' else \
           r'Feature batch shape: torch.Size\(\[64, 1, 28, 28\]\)\nLabels batch shape: torch.Size\(\[64\]\)'
    assert re.search(want, r.stdout), r.stdout
    record(f'PyTorch, tutorial {name}', 'PyTorch tutorials', 1, 1)

# -- scikit-learn

reasons = {
    'check_n_features_in_after_fitting': 'wants scikit-learn\'s words for pictures of another size; ours name the shape',
    'check_estimators_dtypes': 'whole numbers that are not bytes are refused: nobody knows their scale',
    'check_classifier_data_not_an_array': 'asks with whole numbers that are not bytes',
    'check_complex_data': 'wants a `ValueError` and certain words; we raise a `TypeError`',
    'check_dtype_object': 'arrays of Python objects are no pictures: PyTorch says so',
    'check_estimators_empty_data_messages': 'wants an error for pictures without pixels, which nobody has',
    'check_estimators_nan_inf': 'asks with 1.0 as a label; labels are whole numbers or texts',
    'check_estimator_sparse_tag': 'a sparse matrix is refused by PyTorch, in its words',
    'check_estimator_sparse_array': 'a sparse array is refused by PyTorch, in its words',
    'check_estimator_sparse_matrix': 'a sparse matrix is refused by PyTorch, in its words',
    'check_supervised_y_2d': 'labels in a column are refused, not flattened with a warning',
    'check_fit1d': 'one row is no table of pictures: PyTorch says so',
    'check_fit2d_predict1d': 'wants the words "Reshape your data"',
    'check_requires_y_none': 'wants scikit-learn\'s words for labels that are missing',
    'check_array_api_input': 'skipped: SCIPY_ARRAY_API is not set'}

def test_check_estimator_of_scikit_learn():
    "All of its checks but those in `reasons`"
    checks = pytest.importorskip('sklearn.utils.estimator_checks')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        res = checks.check_estimator(NearestMean(), on_fail=None, on_skip=None)
    bad = {o['check_name']: o for o in res if o['status']!='passed'}
    for o in bad.values(): print(o['check_name'], o['status'], repr(o['exception'])[:200])
    passed = sum(o['status']=='passed' for o in res)
    record('scikit-learn, check_estimator', f'scikit-learn {version("scikit-learn")}', passed, len(res), {k: reasons.get(k, '') for k in bad})
    assert set(bad) <= set(reasons) and passed >= 40

# -- CPython

def test_random_of_cpython():
    "CPython's cases that ask no particular generator, of a whole stream and of one that was spawned"
    try: import test.test_random as suite
    except ImportError: pytest.skip('this Python was built without its tests')
    ranges = 'bigrand bigrand_ranges rangelimits randrange_nonunit_step randrange_errors randrange_argument_handling randrange_step randbelow_logic'
    of_any = {f'test_{o}': f for o in ranges.split() if (f := getattr(suite.SystemRandom_TestBasicOps, f'test_{o}', None))}
    class Stream(suite.TestBasicOps, unittest.TestCase): # the mixin, and what SystemRandom's case asks of all generators
        gen = WichmannHill()
    class Spawned(suite.TestBasicOps, unittest.TestCase):
        gen = WichmannHill(42).spawn(2, draws=10**9)[1]
    for c in (Stream, Spawned):
        for k,f in of_any.items(): setattr(c, k, f)
    n,bad = run_cases(Stream, Spawned)
    gen = WichmannHill()
    functions = {k: getattr(gen, k) for k in random.__all__ if getattr(getattr(random, k), '__self__', None) is random._inst}
    with patch.multiple(random, Random=WichmannHill, **functions): # of the module, which is what its distributions are asked for
        m,worse = run_cases(suite.TestDistributions)
    n,bad = n+m,bad|worse
    record('CPython, test_random', f'Python {sys.version.split()[0]}', n-len(bad), n)
    assert n >= 74 and not bad

# -- Other readers and writers of IDX

def to_numpy(data):
    "The array in the bytes `data` of an IDX file, by our decoder"
    typecode,shape = idx_header(io.BytesIO(data))
    return np.array(parse_idx(io.BytesIO(data))).reshape(shape)

@fetches
def test_suite_of_idx2numpy(tmp_path):
    "Its tests, with its four functions made of our reader and writer"
    folder = sdist('idx2numpy==1.2.3', '559b578a8f69a41af54cf15c8dfc43ab9f380e0a7d602a84bdabaf52acfbbd3e', tmp_path)
    class FormatError(Exception): pass
    @contextlib.contextmanager
    def as_theirs(): # one kind of error for all that is wrong
        try: yield
        except (ValueError, TypeError) as e: raise FormatError(e) from e
    def convert_from_file(f):
        with as_theirs(): return to_numpy(Path(f).read_bytes() if isinstance(f, str) else f.read())
    def convert_from_string(s):
        with as_theirs(): return to_numpy(s)
    def convert_to_string(a):
        with as_theirs(): return write_idx(tmp_path/'written', a.shape, a).read_bytes()
    def convert_to_file(f, a):
        b = convert_to_string(a)
        Path(f).write_bytes(b) if isinstance(f, str) else f.write(b)
    ours = types.ModuleType('idx2numpy')
    for o in (FormatError, convert_from_file, convert_from_string, convert_to_string, convert_to_file): setattr(ours, o.__name__, o)
    with patch.dict(sys.modules, idx2numpy=ours), contextlib.chdir(tmp_path):
        m = module('converters_test', folder/'idx2numpy/test/converters_test.py')
        n,bad = run_cases(*(o for o in vars(m).values() if isinstance(o, type) and issubclass(o, unittest.TestCase)))
    why = {'TestConvertToString.test_empty_array': 'wants an error; the format allows an axis of size 0, and we write it',
           'TestConvertToString.test_very_high_dimensional_ndarray': 'NumPy makes no array of 256 axes, so there is nothing to refuse'}
    record('idx2numpy, its tests', 'idx2numpy 1.2.3', n-len(bad), n, {k: why.get(k, '') for k in bad})
    assert bad==set(why)

@fetches
def test_suite_of_python_mnist(tmp_path):
    "Its tests, with its class made of our reader"
    folder = sdist('python-mnist==0.7', 'a0cced01e83b5b844cff86109280df7a672a8e4e38fc19fa68999a17f8a9fbd8', tmp_path)
    (folder/'data').mkdir()
    for f in download(): # the names are those of MNIST
        shutil.copy(f, folder/'data')
        (folder/'data'/f.stem).write_bytes(gzip.decompress(f.read_bytes()))
    from fmnist_nb.chunks import chunks
    class MNIST:
        def __init__(self, path, gz=False): self.path,self.end = Path(path),'.gz'*gz
        def load(self, name):
            (_,y),((_,h,w),x) = (read_idx(self.path/f'{name}-{o}-ubyte{self.end}') for o in ('labels-idx1', 'images-idx3'))
            return list(chunks(x.tolist(), h*w)),y
        def load_testing(self): return self.load('t10k')
        def load_training(self): return self.load('train')
        def load_training_in_batches(self, size):
            x,y = self.load_training()
            return zip(chunks(x, size), chunks(y, size))
    ours = types.ModuleType('mnist')
    ours.MNIST = MNIST
    with patch.dict(sys.modules, mnist=ours), patch.dict(os.environ), patch.object(sys, 'path', [*sys.path]):
        n,bad = run_cases(module('loader', folder/'tests/loader.py').LoaderTestCase)
    record('python-mnist, its tests', 'python-mnist 0.7', n-len(bad), n)
    assert not bad

shapes = [(1,), (7,), (3,4), (1,1), (2,3,4), (5,1,2), (28,28), (2,2,2,2), (1,)*8, (3,)*5]

def test_interchange(tmp_path):
    "Six types in ten shapes: what one library writes the other reads, with the same values"
    theirs = pytest.importorskip('idx2numpy')
    rng,n,bad = np.random.default_rng(42),0,[]
    for code in 'Bbhifd':
        for shape in shapes:
            a = rng.integers(-100, 100, shape).astype(np.dtype(code))
            if code in 'fd': a = a/3
            a,name = a.astype(np.dtype(code)),f'{code} {shape}'
            theirs.convert_to_file(str(tmp_path/'theirs'), a)
            write_idx(tmp_path/'ours', shape, a)
            got,items = read_idx(tmp_path/'theirs')
            back = theirs.convert_from_file(str(tmp_path/'ours'))
            ok = (got==shape and np.array_equal(np.array(items).reshape(shape), a) and items.typecode==code and np.array_equal(back, a)
                  and (tmp_path/'ours').read_bytes()==(tmp_path/'theirs').read_bytes())
            n += 1
            if not ok: bad.append(name)
    record('idx2numpy, interchange', f'idx2numpy {version("idx2numpy")}', n-len(bad), n)
    assert not bad

# -- Programs that write gzip

programs = {'gzip': 'gzip -c -{} {{}}'.format, 'pigz': 'pigz -c -{} {{}}'.format, 'zopfli': 'zopfli -c --i{} {{}}'.format,
            'bgzip': 'bgzip -c -l {} {{}}'.format, 'libdeflate-gzip': 'libdeflate-gzip -c -{} {{}}'.format,
            '7zz': '7zz a -tgzip -so -mx{} x {{}}'.format, '7z': '7z a -tgzip -so -mx{} x {{}}'.format}

@pytest.mark.parametrize('program', programs)
def test_gzip_of(program, tmp_path):
    "What this program packs, fast and hard, is what is read"
    if not shutil.which(program): pytest.skip(f'{program} is not installed')
    shape,items = read_idx(download().valid_labels)
    p = write_idx(tmp_path/'labels', shape, items)
    for level in (1, 9):
        cmd = programs[program](level).format(p).split()
        out = subprocess.run(cmd, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
        (tmp_path/'packed').write_bytes(out)
        assert out[:2]==b'\x1f\x8b' and read_idx(tmp_path/'packed')==(shape, items)
    record(f'gzip, {program}', program, 2, 2)

def test_gzip_flags_and_members(tmp_path):
    "All 32 combinations of the header's five flags (RFC 1952), in one member and cut into three"
    data = write_idx(tmp_path/'plain', (999,), range(-500, 499), 'h').read_bytes()
    def member(flags, body):
        head = struct.pack('<4BLBB', 31, 139, 8, flags, 0, 0, 255)
        if flags&4: head += struct.pack('<H', 5) + b'extra'
        if flags&8: head += b'name\0'
        if flags&16: head += b'comment\0'
        if flags&2: head += struct.pack('<H', zlib.crc32(head) & 0xffff)
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        return head + z.compress(body) + z.flush() + struct.pack('<LL', zlib.crc32(body), len(body))
    want,p,n = read_idx(tmp_path/'plain'),tmp_path/'packed',0
    for flags in range(32):
        for cuts in ((), (7, 500)):
            ends = [0, *cuts, len(data)]
            p.write_bytes(b''.join(member(flags, data[a:b]) for a,b in zip(ends, ends[1:])))
            assert read_idx(p)==want
            n += 1
    record('gzip, flags and members', 'RFC 1952', n, n)

# -- Notebook tools

@fetches
def test_nbmake():
    "The chapters under `pytest --nbmake`, unchanged (that their pictures are there, tests/test_jupyter.py tells)"
    pytest.importorskip('nbmake')
    env = os.environ | {'PYTHONPATH': os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')])}
    paths = sorted((root/'nbs').glob('0*.ipynb'))
    r = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-c', os.devnull, '--rootdir', root, '--nbmake', '--nbmake-timeout=900',
                        *paths], cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(r.stdout[-5000:])
    passed = int((re.search(r'(\d+) passed', r.stdout) or [0, 0])[1])
    record('nbmake', f'nbmake {version("nbmake")}', passed, len(paths))
    assert passed==len(paths)

# -- The page

def test_what_the_page_names_is_there():
    "Each test and each cell in the page's table of problems elsewhere"
    nb = json.loads((root/'nbs/others.ipynb').read_text(encoding='utf-8'))
    table = next(t for c in nb['cells'] if '## Problems elsewhere' in (t := ''.join(c['source'])))
    rows = [r for r in table.splitlines() if r.startswith('| ') and 'what happened' not in r]
    assert len(rows) > 9
    for r in rows:
        assert re.search(r'\]\(https://', r), r
        watch = r.rpartition(' | ')[2]
        tests,ids = re.findall(r'`(test_\w+)`', watch),re.findall(r'`(\w+\.ipynb)#(\w+)`', watch)
        file = re.search(r'`(tests/\w+\.py)`', watch)
        source = (root/(file[1] if file else 'tests/test_faults.py')).read_text(encoding='utf-8')
        assert (tests or ids) and all(f'def {o}(' in source for o in tests), r
        for nb,i in ids: assert i in {c['id'] for c in json.loads((root/'nbs'/nb).read_text(encoding='utf-8'))['cells']}, (nb, i)
    from faulty import faults
    assert {'wrong_data', 'cut_short'} <= set(faults)
