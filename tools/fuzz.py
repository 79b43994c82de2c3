"""Look for inputs that break the IDX decoder, led by which lines of it they reach: for `nox -s fuzz`

Whatever it gets, it must do what the oracle in `tests/idx_oracle.py` does, or raise `IdxDecodeError`. A find ends the run
with a traceback, and the input is kept in `.fuzz/`: `nox -s fuzz -- .fuzz/crash-...` tries it again."""
import random, sys, tempfile
from pathlib import Path
import atheris
sys.modules.pop('gzip', None)  # to import it again, watched
with atheris.instrument_imports(include=['fmnist_nb.idx', 'gzip']): import fmnist_nb.idx, gzip, idx_oracle
from idx_oracle import check_file, check_stream, pack, seeds

kinds = 'stream', 'pieces', 'file', 'packed', 'envelope'  # told by the first byte of the input

def try_one(data):
    "Give one input to the decoder, and to the oracle"
    if not data: return
    kind,b = kinds[data[0] % len(kinds)],data[1:]
    if kind=='stream': check_stream(b)
    elif kind=='pieces': check_stream(b, 3)
    elif kind=='packed': check_file(gzip.compress(b, 1, mtime=0), path)  # so that changes reach what is in the envelope
    elif kind=='envelope': check_file(b if b[:1]==b'\x1f' else b'\x1f\x8b\x08\0' + b, path)
    else: check_file(b, path)

with tempfile.TemporaryDirectory() as d:
    path,good,finds = Path(d)/'input',Path(d)/'good',Path('.fuzz')
    good.mkdir()
    finds.mkdir(exist_ok=True)
    for i,b in enumerate(seeds()):
        for k,kind in enumerate(kinds): (good/f'{i}-{kind}').write_bytes(bytes([k]) + (pack(random.Random(0), b) if kind=='envelope' else b))
    start = [] if Path(sys.argv[-1]).is_file() else [str(good)]
    options = f'-artifact_prefix={finds}/ -max_len=1500 -timeout=5 -rss_limit_mb=1000 -print_final_stats=1'.split()
    atheris.Setup([*sys.argv, *options, *start], try_one)
    atheris.Fuzz()
