"""An IDX decoder of another kind, inputs to break decoders with, and a check that holds `fmnist_nb.idx` against both

Used by `test_fuzz.py`, `tools/fuzz.py` and `nox -s light`. The oracle decodes with NumPy, all at once and without care for memory.
"""
import gzip, io, random, struct, tempfile, zlib
import numpy as np
from fmnist_nb.idx import IdxDecodeError, idx_header, parse_idx, read_idx

types = {8: '>u1', 9: '>i1', 11: '>i2', 12: '>i4', 13: '>f4', 14: '>f8'}
typecodes = dict(zip(types, 'Bbhifd'))

def oracle_header(b):
    "Typecode, shape and length of the header in bytes `b`, or `None`"
    if len(b) < 4 or b[:2] != b'\0\0' or b[2] not in types or not b[3] or len(b) < 4+4*b[3]: return None
    shape = np.frombuffer(b, '>u4', b[3], 4)
    return typecodes[b[2]], tuple(map(int, shape)), 4+4*b[3]

def oracle(b):
    "Typecode, shape, and the items as native bytes, of the IDX data `b`; or `None`"
    if (head := oracle_header(b)) is None: return None
    code,shape,start = head
    n = 1
    for o in shape: n *= o
    t = np.dtype(types[b[2]])
    if len(b) - start != n*t.itemsize: return None
    return code, shape, np.frombuffer(b, t, offset=start).astype(t.newbyteorder('=')).tobytes()

def unpacked(b):
    "What the gzip file `b` holds, or `None`"
    try: return gzip.GzipFile(fileobj=io.BytesIO(b)).read()
    except (EOFError, zlib.error, gzip.BadGzipFile): return None

class Counted(io.BytesIO):
    "Counts what is taken from it; hands it out in pieces of at most `most` bytes, as a pipe may do"
    def __init__(self, b, most=None): super().__init__(b); self.most,self.taken = most,0
    def read(self, n=-1):
        assert n >= 0, 'read without a limit'
        b = super().read(n if self.most is None else min(n, self.most))
        self.taken += len(b)
        return b

def attempt(f, *args):
    "What `f` returns, or `None` for an `IdxDecodeError` with a message; any other exception is a find"
    try: return f(*args)
    except IdxDecodeError as e:
        assert 'expected' in str(e) and 'found' in str(e) and 'byte' in str(e) and len(str(e)) < 1000, str(e)
        return None

def check_stream(b, most=None):
    "`idx_header` and `parse_idx` on bytes `b` do as the oracle does, and read no further than they must; is `b` good?"
    f,want = Counted(b, most),oracle_header(b)
    assert attempt(idx_header, f) == (want and want[:2])
    assert f.taken == want[2] if want else f.taken <= 4+4*255
    f,want = Counted(b, most),oracle(b)
    got = attempt(parse_idx, f)
    if want is None: assert got is None
    else: assert (got.typecode, got.tobytes()) == (want[0], want[2])
    if (head := oracle_header(b)) and want is None:
        n = np.dtype(types[b[2]]).itemsize
        for o in head[1]: n *= o
        assert f.taken <= head[2] + n + 1
    return want is not None

def check_file(b, path):
    "`read_idx` on a file of bytes `b`, at `path`, does what the oracle does; is `b` good?"
    with open(path, 'wb') as f: f.write(b)
    raw = unpacked(b) if b[:1]==b'\x1f' else b
    want,got = raw is not None and oracle(raw) or None,attempt(read_idx, path)
    if want is None: assert got is None
    else: assert (got[0], got[1].typecode, got[1].tobytes()) == (want[1], want[0], want[2])
    return want is not None

# -- Inputs

def seeds():
    "Good IDX data: all types, ranks 1 to 5 and 255, axes of size 0 and 1"
    rng = random.Random(0)
    for code,t in types.items():
        for shape in (3,), (0,), (2,3), (1,2,2), (4,0,2), (1,2,1,3,1), (1,)*255:
            n = int(np.prod(shape, dtype=object)) * np.dtype(t).itemsize
            yield struct.pack(f'>HBB{len(shape)}I', 0, code, len(shape), *shape) + rng.randbytes(n)

numbers = [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 28, 127, 128, 254, 255]
sizes = [struct.pack('>I', o) for o in (0, 1, 2, 3, 255, 256, 2**16, 2**20, 2**31-1, 2**31, 2**32-1)]

def mutate(rng, b, places):
    "`b`, changed once to four times, now and then at one of `places`"
    b = bytearray(b)
    for _ in range(rng.choice((1,1,1,2,4))):
        at = rng.choice(places) if rng.random()<.5 else rng.randrange(len(b)+1)
        match rng.randrange(8):
            case 0: b[at:at+1] = bytes([rng.choice(numbers)])
            case 1: b[at:at+1] = bytes([rng.randrange(256)])
            case 2: b[at:at+4] = rng.choice(sizes)
            case 3: del b[at:at+rng.choice((1,1,2,4,50))]
            case 4: b[at:at] = rng.randbytes(rng.choice((1,1,2,4,50)))
            case 5: del b[rng.randrange(len(b)+1):]
            case 6: b += rng.choice((b'\0', b'\1', b'\0'*9, bytes(b[:40])))
            case 7:
                if b: b[rng.randrange(len(b))] ^= 1 << rng.randrange(8)
    return bytes(b)

header,envelope = range(12),[0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 18]

def pack(rng, b):
    "`b` in a gzip file of one or two members, with or without a name"
    cut = rng.choice((0, 0, 0, len(b)//2))
    out = io.BytesIO()
    for part in (b[:cut], b[cut:]) if cut else (b,):
        with gzip.GzipFile(rng.choice(('', 'name')), 'wb', rng.choice((0, 1, 9)), out, mtime=0) as f: f.write(part)
    return out.getvalue()

def inputs(seed, n):
    "`n` inputs: ('stream', bytes) or ('file', bytes)"
    rng,good = random.Random(seed),list(seeds())
    for i in range(n):
        b = rng.choice(good)
        kind = i%10
        if kind < 6: yield 'stream', mutate(rng, b, header)
        elif kind == 6: yield 'file', mutate(rng, b, header)
        elif kind == 7: yield 'file', pack(rng, mutate(rng, b, header))
        elif kind == 8: yield 'file', mutate(rng, pack(rng, b), envelope)
        else: yield 'file', mutate(rng, pack(rng, mutate(rng, b, header)), envelope)

if __name__ == '__main__':  # where there is no pytest: `nox -s light`
    with tempfile.TemporaryDirectory() as d:
        for kind,b in inputs(seed=2017, n=20_000): check_stream(b) if kind=='stream' else check_file(b, f'{d}/input')
