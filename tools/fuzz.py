"""Look for inputs that break the IDX decoder, led by which lines of it they reach: what `make fuzz` runs

Whatever it gets, it must do what the oracle in `tests/idx_oracle.py` does, or raise `IdxDecodeError`. A find ends the
run with a traceback, and the input is kept in `.fuzz/`, to be tried again by `tools/fuzz.py --again FILE`."""
import os, random, sys, tempfile
from pathlib import Path
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/'tests'))
kinds = 'stream', 'pieces', 'file', 'packed', 'envelope' # told by the first byte of the input

def try_one(data, path):
    "Give one input to the decoder, and to the oracle"
    from idx_oracle import check_file, check_stream, gzip
    if not data: return
    kind,b = kinds[data[0] % len(kinds)],data[1:]
    if kind=='stream': check_stream(b)
    elif kind=='pieces': check_stream(b, 3)
    elif kind=='packed': check_file(gzip.compress(b, 1, mtime=0), path) # so that changes reach what is in the envelope
    elif kind=='envelope': check_file(b if b[:1]==b'\x1f' else b'\x1f\x8b\x08\0' + b, path)
    else: check_file(b, path)

def corpus(folder):
    "Inputs to start from: good data in each of the ways"
    from idx_oracle import pack, seeds
    rng = random.Random(0)
    for i,b in enumerate(seeds()):
        for k,kind in enumerate(kinds):
            (folder/f'{i}-{kind}').write_bytes(bytes([k]) + (pack(rng, b) if kind=='envelope' else b))

@call_parse
def main(
    runs:int=1_000_000, # How many inputs to try
    seconds:int=0,      # Stop after this time, if not 0
    seed:int=0,         # Where the random numbers start; 0: somewhere else each time
    again:str=None,     # Only this file, which an earlier run kept
):
    "Look for inputs that break the IDX decoder, led by which lines of it they reach"
    folder = tempfile.TemporaryDirectory(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
    path = Path(folder.name)/'input'
    if again:
        try_one(Path(again).read_bytes(), path)
        return print('no fault found with it')
    try: import atheris
    except ImportError: sys.exit('tools/fuzz.py needs atheris: pip install atheris, where it has a wheel for your Python')
    sys.modules.pop('gzip', None) # to import it again, watched
    with atheris.instrument_imports(include=['fmnist_nb.idx', 'gzip']): import fmnist_nb.idx, idx_oracle
    start,finds = Path(folder.name)/'corpus',root/'.fuzz'
    start.mkdir()
    finds.mkdir(exist_ok=True)
    (finds/'.gitignore').write_text('*\n')
    corpus(start)
    print(f'{runs:,} inputs, from {len(list(start.iterdir()))} good ones', flush=True)
    args = [f'-runs={runs}', f'-max_total_time={seconds}', f'-artifact_prefix={finds}/', '-max_len=1500', '-timeout=5',
            '-rss_limit_mb=1000', '-print_final_stats=1']
    if seed: args.append(f'-seed={seed}')
    atheris.Setup([sys.argv[0], *args, str(start)], lambda data: try_one(data, path))
    atheris.Fuzz()
