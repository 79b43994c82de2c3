"""Random inputs: whatever the IDX decoder and the small classes are given, another road leads to the same result"""
import gzip, io, math, os, pickle, random, struct, tempfile, time, tracemalloc
from array import array
from itertools import islice
from pathlib import Path

import numpy as np
import pytest, random2, torch
from hypothesis import HealthCheck, given, settings, strategies as st
from sympy.ntheory import discrete_log
from sympy.ntheory.modular import solve_congruence

from idx_oracle import check_file, check_stream, inputs, typecodes, types
from fmnist_nb.chunks import chunks
from fmnist_nb.idx import IdxDecodeError, parse_idx, read_idx, write_idx
from fmnist_nb.matrix import Matrix
from fmnist_nb.rng import MODULI, MULTIPLIERS, PERIOD, WichmannHill, _BLOCK, get_state, rand, seed
from fmnist_nb.similarity import NearestMean, class_means, confusion_matrix, l1_norm, l2_norm

settings.register_profile('fuzz', deadline=None, database=None, derandomize=True, max_examples=200,
                          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
settings.load_profile('fuzz')

@pytest.fixture(scope='module')
def path():
    "A file in memory, where there is one"
    shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shm) as d: yield Path(d)/'input'

# -- IDX: bytes

def test_100_000_inputs(path):
    count = dict(stream=[0,0], file=[0,0]) # bad, good
    for i,(kind,b) in enumerate(inputs(seed=2017, n=100_000)):
        try: good = check_stream(b, most=(None, 3)[i%50==0]) if kind=='stream' else check_file(b, path)
        except Exception as e: raise AssertionError(f'{kind} input {b!r}') from e
        count[kind][good] += 1
    print(count)
    assert sum(map(sum, count.values())) == 100_000
    assert all(min(c) > 1000 for c in count.values()), count # an input that is never good, or always, tests little

@st.composite
def idx_data(draw):
    "Type, shape and items of IDX data"
    code = draw(st.sampled_from(list(types)))
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    n = math.prod(shape)*np.dtype(types[code]).itemsize
    return code, shape, draw(st.binary(min_size=n, max_size=n))

def encode(code, shape, items, magic=0, rank=None):
    return struct.pack(f'>HBB{len(shape)}I', magic, code, len(shape) if rank is None else rank, *shape) + items

@given(idx_data(), st.integers(1, 9))
def test_good_data(path, data, most):
    b = encode(*data)
    assert check_stream(b) and check_stream(b, most) and check_file(b, path) and check_file(gzip.compress(b), path)

@given(idx_data(), st.data())
def test_bad_header(path, data, d):
    "One thing in the header is not as it was"
    code,shape,items = data
    what = d.draw(st.sampled_from(['magic', 'code', 'rank', 'size', 'more', 'fewer']))
    kw = {}
    if what=='magic': kw['magic'] = d.draw(st.integers(1, 2**16-1))
    if what=='code': code = d.draw(st.integers(0, 255).filter(lambda o: o!=code))
    if what=='rank': kw['rank'] = d.draw(st.integers(0, 255).filter(lambda o: o!=len(shape)))
    if what=='size': shape[d.draw(st.integers(0, len(shape)-1))] = d.draw(st.integers(0, 2**32-1))
    if what=='more': items += d.draw(st.binary(min_size=1, max_size=20))
    if what=='fewer': items = items[:-1]
    b = encode(code, shape, items, **kw)
    good = check_stream(b)
    assert check_file(b, path)==good and check_file(gzip.compress(b, 1), path)==good
    if what=='magic' or (what=='fewer' and data[2]) or what=='more': assert not good

@given(idx_data(), st.data())
def test_bad_envelope(path, data, d):
    "Cut, flip, extend or prepend something in the gzip file"
    gz = bytearray(gzip.compress(encode(*data), mtime=0))
    match d.draw(st.sampled_from(['cut', 'flip', 'extend', 'prepend'])):
        case 'cut': del gz[d.draw(st.integers(0, len(gz)-1)):]
        case 'flip': gz[d.draw(st.integers(0, len(gz)-1))] ^= 1 << d.draw(st.integers(0, 7))
        case 'extend': gz += d.draw(st.binary(min_size=1, max_size=20))
        case 'prepend': gz[:0] = d.draw(st.binary(min_size=1, max_size=20))
    check_file(bytes(gz), path)

@given(st.binary(max_size=400))
def test_any_bytes(path, b):
    check_stream(b)
    check_stream(b'\0\0' + b)
    check_file(b, path)
    check_file(b'\x1f\x8b\x08' + b, path)

@given(idx_data(), st.booleans())
def test_written_is_read(path, data, gz):
    code,shape,items = data
    p = path.with_suffix('.gz' if gz else '.idx')
    values = array(typecodes[code], items)
    write_idx(p, shape, values)
    got = read_idx(p)
    assert (got[0], got[1].typecode, got[1].tobytes()) == (tuple(shape), values.typecode, items)
    assert check_file(p.read_bytes(), path)

@pytest.mark.parametrize('dtype', [torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.float64])
def test_a_tensor_keeps_its_type(path, dtype):
    x = torch.tensor([[1,2,3], [-4,5,6]]).to(dtype).T
    write_idx(path, x.shape, x)
    shape,items = read_idx(path)
    assert shape==(3,2) and torch.tensor(items, dtype=dtype).reshape(shape).equal(x)
    assert np.dtype(items.typecode)==x.numpy().dtype

@pytest.mark.parametrize('dtype', [torch.int64, torch.bool, torch.float16])
def test_or_is_refused(path, dtype):
    with pytest.raises(ValueError, match='B b h i f d'): write_idx(path, (3,), torch.ones(3, dtype=dtype))

# -- IDX: lies about size are cheap to tell

def costs(f):
    "Seconds and bytes that it takes `f` to raise `IdxDecodeError`"
    start = time.perf_counter()
    with pytest.raises(IdxDecodeError): f()
    t = time.perf_counter()-start
    tracemalloc.start()
    try:
        with pytest.raises(IdxDecodeError): f()
        return t, tracemalloc.get_traced_memory()[1]
    finally: tracemalloc.stop()

head = lambda *shape: struct.pack(f'>HBB{len(shape)}I', 0, 8, len(shape), *shape)
ten = gzip.compress(head(10) + bytes(10), mtime=0)
lies = {
    '2^40 items in 1 KB': head(2**20, 2**20) + bytes(1000),
    '2^40 doubles in 1 KB': b'\0\0\x0e\2' + head(2**20, 2**20)[4:] + bytes(1000),
    'rank 255, all sizes 2^32-1': head(*[2**32-1]*255) + bytes(1000),
    'rank 255, sizes missing': b'\0\0\x08\xff' + bytes(1000),
    'rank 255, sizes 1': head(*[1]*255) + bytes(2),
    '2^40 items in 1 KB of gzip': gzip.compress(head(2**20, 2**20) + random.Random(0).randbytes(1000)),
    'bomb of 64 MB behind 10 items': gzip.compress(head(10) + bytes(2**26)),
    'bomb of 64 MB that says 2^40': gzip.compress(head(2**20, 2**20) + bytes(2**26)),
    'bomb of 64 MB of no IDX': gzip.compress(bytes(2**26)),
    'bomb of 64 MB with a bad type': gzip.compress(b'\0\0\x0a\1' + bytes(2**26)),
    'bomb in a bomb': gzip.compress(gzip.compress(bytes(2**26))),
    '1,000 empty gzip members': gzip.compress(b'', mtime=0)*1000,
    'a gzip header without an end': b'\x1f\x8b\x08\x08' + bytes(6) + b'x'*100_000,
    'a gzip file name of 20 MB': ten[:3] + b'\x08' + ten[4:10] + b'x'*20_000_000 + b'\0' + ten[10:],
    '1,000,000 empty gzip members': gzip.compress(b'', mtime=0)*1_000_000 + ten,
    '1,000,000 behind 10 items': ten + gzip.compress(b'', mtime=0)*1_000_000,
    '20 MB of zeros behind 10 items': ten + bytes(20_000_000)}

@pytest.mark.parametrize('lie', lies)
def test_lies_are_cheap(lie, path):
    path.write_bytes(lies[lie])
    roads = {'read_idx': lambda: read_idx(path)}
    if lies[lie][0]==0: roads |= {'parse_idx': lambda: parse_idx(io.BytesIO(lies[lie]))}
    for name,f in roads.items():
        t,m = min(costs(f) for _ in range(3))
        print(f'{lie:<32}{name:<10}{1000*t:7.1f} ms{m/1000:9,.0f} kB')
        assert m < 10_000_000 and t < .5 # milliseconds on an idle machine

def test_a_stream_without_end(path):
    "A pipe has no size: what is read is what the header promises, and one byte"
    class Zeros(io.RawIOBase):
        taken = 0
        def readable(self): return True
        def read(self, n=-1): self.taken += n; return bytes(n)
    z = Zeros()
    z_head = io.BytesIO(head(1000))
    class Both:
        def read(self, n=-1): return z_head.read(n) or z.read(n)
    with pytest.raises(IdxDecodeError, match='another byte'): parse_idx(Both())
    assert z.taken == 1001

# -- Chunks

sliced = {'list': list, 'tuple': tuple, 'bytes': bytes, 'bytearray': bytearray, 'array': lambda x: array('B', x),
          'str': lambda x: ''.join(map(chr, x)), 'range': lambda x: range(len(x)), 'numpy': np.array}
walked = {'iterator': iter, 'generator': lambda x: (o for o in x), 'set': set, 'dict': dict.fromkeys}

@given(st.lists(st.integers(0, 255), max_size=50), st.integers(1, 60), st.sampled_from([*sliced, *walked]))
def test_chunks(x, size, kind):
    make = (sliced | walked)[kind]
    got = [list(c) for c in chunks(make(x), size)]
    flat = list(make(x))
    assert [o for c in got for o in c] == flat
    assert all(len(c)==size for c in got[:-1]) and all(0 < len(c) <= size for c in got[-1:])
    assert len(got) == -(-len(flat)//size)
    want = type(make(x)) if kind in sliced else list
    assert all(type(c)==want for c in chunks(make(x), size))

@given(st.integers(1, 20), st.integers(0, 5))
def test_chunks_take_no_more_than_asked(size, n):
    it = iter(range(10**9))
    assert len(list(islice(chunks(it, size), n))) == n
    assert next(it) == n*size

@given(st.integers(max_value=0))
def test_chunks_refuse_at_the_call(size):
    with pytest.raises(ValueError, match='must be 1 or more'): chunks([1,2], size)

# -- Matrix, against NumPy

numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6))
def rows_of(c): return st.lists(st.lists(numbers, min_size=c, max_size=c), min_size=1, max_size=5)
matrices = st.integers(1, 5).flatmap(rows_of)
places = st.one_of(st.integers(-7, 7), st.slices(7))
keys = st.one_of(places, st.tuples(places), st.tuples(places, places))

def outcome(f):
    "What `f()` gives: nested lists and a shape, or the kind of error"
    try: res = f()
    except IndexError: return IndexError
    except ValueError: return ValueError
    if isinstance(res, Matrix): return res.shape, [list(r) for r in res]
    if isinstance(res, np.ndarray) and res.ndim==2: return res.shape, res.tolist()
    return res.tolist() if hasattr(res, 'tolist') else res

@settings(max_examples=600)
@given(matrices, keys)
def test_matrix_indexing(rows, key):
    assert outcome(lambda: Matrix(rows)[key]) == outcome(lambda: np.array(rows, dtype=object)[key])

@given(matrices, keys, keys)
def test_matrix_parts_of_parts(rows, a, b):
    m,n = Matrix(rows),np.array(rows, dtype=object)
    try: m,n = m[a],n[a]
    except IndexError: return
    if isinstance(m, Matrix): assert outcome(lambda: m[b]) == outcome(lambda: n[b])

@given(matrices)
def test_matrix_as_a_whole(rows):
    m,n = Matrix(rows),np.array(rows)
    assert m.shape == n.shape and len(m) == len(n) and list(m) == rows
    assert m.T.shape == n.T.shape and [list(r) for r in m.T] == n.T.tolist() and m.T.T == m
    assert m.min() == n.min() and m.max() == n.max()
    assert [list(r) for r in m.map(lambda v: v*2)] == (n*2).tolist()
    assert Matrix(n)==m and Matrix(m)==m and m!=Matrix([[*r, 0] for r in rows]) and m!=rows
    assert eval(repr(m), {'Matrix': Matrix}) == m
    assert m[:0] == m[:0] and m[:0] != m[:0,:0] and m[:,:0] != m[:0,:0] # empty in different ways
    assert m._repr_html_().count('<tr>') == len(rows)+1

@given(matrices, st.data())
def test_matrix_is_fixed(rows, d):
    "Nothing that is handed out leads back in"
    m = Matrix(rows)
    for r in m: r[0] = 'x'
    m[0][0] = m[:,0][0] = 'x'
    list(m[:])[0][0] = 'x'
    rows_before = [list(r) for r in rows]
    rows[0][0] = 'x'
    assert list(m) == rows_before
    with pytest.raises(TypeError): m[0,0] = 1

@given(matrices, st.data())
def test_ragged_rows(rows, d):
    i = d.draw(st.integers(0, len(rows)))
    rows.insert(i, [0]*d.draw(st.integers(0, 7).filter(lambda n: n!=len(rows[0]))))
    with pytest.raises(ValueError, match='ragged'): Matrix(rows)

# -- NearestMean, against NumPy in double precision

pictures = st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32-1),
                     st.sampled_from(['uint8', 'float32', 'float64']))
norms = st.sampled_from(['l1', 'l2'])

def some(n, h, w, seed, dtype):
    "`n` pictures of shape (h,w), labels for them, and the pictures as float64 in 0..1"
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n,h,w)).astype('u1') if dtype=='uint8' else rng.random((n,h,w)).astype(dtype)
    return x, rng.choice([-3, 0, 1, 7, 10**6], n), x/255. if dtype=='uint8' else x.astype('f8')

def distances(f, means, norm):
    d = f[:,None] - means
    return abs(d).mean((-1,-2)) if norm=='l1' else np.sqrt((d**2).mean((-1,-2)))

@settings(max_examples=100)
@given(pictures, norms, st.booleans(), st.lists(st.integers(0, 12), max_size=3))
def test_nearest_mean(of, norm, as_arrays, cuts):
    x,y,f = some(*of)
    classes = np.unique(y)
    means = np.stack([f[y==c].mean(0) for c in classes])
    give = (lambda a: a) if as_arrays else torch.from_numpy
    model = NearestMean(norm).fit(give(x), give(y))
    assert model.classes_.tolist() == classes.tolist()
    assert model.counts_.tolist() == [int((y==c).sum()) for c in classes]
    np.testing.assert_allclose(np.asarray(model.means_), means, atol=1e-6)
    np.testing.assert_allclose(np.asarray(class_means(torch.from_numpy(x), torch.from_numpy(y))), means, atol=1e-6)
    want = distances(f, means, norm)
    near = 2e-4 if norm=='l2' else 2e-6 # the root of a difference near 0
    np.testing.assert_allclose(np.asarray(model.distances(give(x))), want, atol=near)
    pred = np.asarray(model.predict(give(x)))
    at = np.searchsorted(classes, pred)
    assert (classes[at]==pred).all() and (want[range(len(x)),at] <= want.min(1) + 4e-4).all()
    assert model.score(give(x), give(y)) == (pred==y).mean()
    pieces = NearestMean(norm)
    for part in np.split(np.arange(len(x)), sorted(c for c in cuts if 0 < c < len(x))):
        if len(part): pieces.partial_fit(give(x[part]), give(y[part]))
    assert pieces.classes_.tolist() == classes.tolist()
    np.testing.assert_allclose(np.asarray(pieces.means_), means, atol=1e-6)

@given(pictures, pictures)
def test_norms_broadcast(a, b):
    a,b = some(*a),some(*b)
    if a[0].shape[1:] != b[0].shape[1:]: b = a
    for norm,f in (('l1', l1_norm), ('l2', l2_norm)):
        got = f(torch.from_numpy(a[0])[:,None], torch.from_numpy(b[0]))
        np.testing.assert_allclose(got.numpy(), distances(a[2], b[2], norm), atol=1e-6)

@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=50))
def test_confusion_matrix(pairs):
    y,pred = (torch.tensor(o) for o in zip(*pairs))
    got = np.asarray(confusion_matrix(y, pred))
    labels = sorted({o for p in pairs for o in p})
    assert got.tolist() == [[sum(p==(a,b) for p in pairs) for b in labels] for a in labels]

# -- WichmannHill, against Python 2's own

seeds = st.one_of(st.integers(-2**70, 2**70), st.integers(0, 3*10**13))

@given(seeds, st.integers(0, 30), st.integers(0, 3*10**13))
def test_wichmann_hill(a, n, far):
    ours,theirs = WichmannHill(a),random2.WichmannHill(a)
    seed(a)
    assert ours.getstate()[1] == theirs.getstate()[1] == get_state()
    assert [ours.random() for _ in range(n)] == [theirs.random() for _ in range(n)]
    ours.advance(far)
    theirs.jumpahead(far)
    assert [ours.random() for _ in range(3)] == [theirs.random() for _ in range(3)]
    assert ours.advance(-far-3).getstate()[1] == WichmannHill(a).advance(n).getstate()[1]
    assert ours.advance(PERIOD).getstate()[1] == WichmannHill(a).advance(n).getstate()[1]

blocks = st.one_of(st.integers(0, 40), st.integers(_BLOCK-2, _BLOCK+2), st.tuples(st.integers(0, 5), st.integers(0, 5)))

@settings(max_examples=60)
@given(seeds, st.lists(blocks, max_size=5))
def test_blocks_and_single_draws_are_one_stream(a, shapes):
    "Blocks of any size in between: the same draws, bit for bit, as one at a time"
    ours,theirs = WichmannHill(a),random2.WichmannHill(a)
    for shape in shapes:
        size = shape if isinstance(shape, tuple) else (shape,)
        got = ours.rand(*size)
        assert got.shape == size and got.dtype == torch.float64
        assert got.flatten().tolist() == [theirs.random() for _ in range(math.prod(size))]
        assert ours.random() == theirs.random()

@pytest.mark.parametrize('d', range(3))
def test_blocks_where_the_wheels_come_round(d):
    state = tuple(pow(g, -1-d, p) for g,p in zip(MULTIPLIERS, MODULI))
    ours,theirs = WichmannHill(0),random2.WichmannHill(0)
    for w in (ours, theirs): w.setstate((1, state, None))
    assert ours.rand(2*_BLOCK+7).tolist() == [theirs.random() for _ in range(2*_BLOCK+7)]
    assert ours.random() == theirs.random()

@given(seeds, st.integers(0, 50), st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
def test_short_draws_are_below_1(a, n, dtype):
    u,exact = WichmannHill(a).rand(n, dtype=dtype),WichmannHill(a).rand(n)
    assert u.dtype==dtype and ((0 <= u) & (u < 1)).all()
    assert ((u.double() <= exact) & (exact - u.double() <= torch.finfo(dtype).eps)).all()

def test_a_draw_just_below_1_stays_below_1():
    "A state whose draw rounds to 1 in float32"
    for a in range(300_000):
        seed(a*7919)
        if (u := rand()) > 1 - 2**-17: break
    for dtype in (torch.float16, torch.bfloat16): assert WichmannHill(a*7919).rand(1, dtype=dtype) < 1
    assert torch.tensor(u).to(torch.bfloat16) == 1 # the plain way

@given(seeds, st.integers(0, 20), st.integers(0, 3))
def test_states_travel(a, n, between):
    w = WichmannHill(a)
    for _ in range(n): w.random()
    for _ in range(between): w.gauss()
    again = [pickle.loads(pickle.dumps(w)), WichmannHill(0)]
    again[1].setstate(w.getstate())
    want = [w.random(), w.gauss(), w.gauss(), w.random()]
    for o in again: assert [o.random(), o.gauss(), o.gauss(), o.random()] == want
    w.gauss()
    assert w.advance(n).getstate()[2] is None # what was put aside belongs to the past

def draws_between(a, b):
    "How many draws lead from state `a` to state `b`: by other people's discrete logarithms and remainders"
    moved = [(discrete_log(p, t*pow(s, -1, p) % p, g), p-1) for s,t,g,p in zip(a, b, MULTIPLIERS, MODULI)]
    return solve_congruence(*moved)[0]

@settings(max_examples=60)
@given(seeds, st.integers(1, 12), st.integers(1, 10**11), st.integers(0, 1000))
def test_spawned_streams_are_disjoint(a, k, draws, n):
    w = WichmannHill(a).advance(n)
    root = w.getstate()[1]
    streams = [*w.spawn(k, draws), *w.spawn(1, draws)]
    assert min(s.remaining for s in streams) >= draws
    some = sorted((draws_between(root, s.getstate()[1]), s.remaining) for s in [w, *streams])
    assert all(i+m <= j for (i,m),(j,_) in zip(some, some[1:])) and sum(some[-1]) <= PERIOD

@settings(max_examples=60)
@given(seeds, st.integers(0, 10**12))
def test_advance_and_remaining(a, n):
    w = WichmannHill(a)
    root = w.getstate()[1]
    assert draws_between(root, w.advance(n).getstate()[1]) == n == PERIOD - w.remaining
    assert w.advance(-n).getstate()[1] == root and w.remaining == PERIOD
