"""For `test_faults.py`: a small data set, a server that misbehaves, and what is run in processes that have to die

The server, a real one on 127.0.0.1, misbehaves as its URL tells it to: `http://127.0.0.1:port/<fault>/<file>`, or
`/<fault>-<n>/<file>` for the n-th file only. The data set is called `tiny`. As a script this file does the works at
its end: orders come as lines of JSON, what was found goes back the same way.
"""
import ctypes, gzip, hashlib, json, os, random, re, shutil, signal, socket, struct, sys, threading, time
import traceback
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import fmnist_nb.download as dl
from fmnist_nb.download import DATASETS, DownloadError, download

# -- A small data set, of the same form as the real ones

names = list(DATASETS['fashion-mnist'])
shapes = (200, 28, 28), (200,), (50, 28, 28), (50,)

def _tiny(seed):
    rng = random.Random(seed)
    def raw(shape):
        n = shape[0]*784 if len(shape)>1 else shape[0]
        return struct.pack(f'>HBB{len(shape)}I', 0, 8, len(shape), *shape) + rng.randbytes(n)
    return {n: raw(s) for n,s in zip(names, shapes)}

raw,other = _tiny(1),_tiny(2)
good,wrong = ({n: gzip.compress(b, 1, mtime=0) for n,b in d.items()} for d in (raw, other))
hashes = {n: hashlib.sha256(b).hexdigest() for n,b in raw.items()}
patience = 5 # seconds, in place of the 10 in the library
limit = .25  # the same where somebody is silent or slow; as short as a busy machine allows

def use_tiny(set_=setattr):
    DATASETS['tiny'] = hashes
    set_(dl, '_sizes', {n: len(b) for n,b in raw.items()})
    set_(dl, '_timeout', patience)

# -- The server

def reply(c, body=b'', status='200 OK', length=None, **headers):
    head = {'Content-Length': len(body) if length is None else length, 'Connection': 'close'} | headers
    lines = [f'HTTP/1.1 {status}', *(f'{k.replace("_", "-")}: {v}' for k,v in head.items() if v is not ...), '\r\n']
    c.sendall('\r\n'.join(lines).encode() + body)

def forever(c, piece, first=b'', pause=0.):
    "Send `first`, then `piece` again and again, until the other side has had enough"
    c.sendall(first)
    end = time.monotonic() + 5
    while time.monotonic() < end and not c.stop.wait(pause): c.sendall(piece)

def silence(c, first=b''):
    if first: c.sendall(first)
    c.settimeout(5)
    c.recv(1) # until the other side hangs up

def slowly(c, body):
    reply(c, length=len(body))
    for i in range(0, len(body), 2**14):
        c.sendall(body[i:i+2**14])
        time.sleep(.0004)

def chunks(*parts): return b''.join(b'%x\r\n%b\r\n' % (len(p), p) for p in parts)

def redirect(c, to, **kw): reply(c, status='302 Found', Location=to, **kw)

def flipped(b):
    b = bytearray(b)
    b[len(b)//2] ^= 1
    return bytes(b)

chunked = dict(length=..., Transfer_Encoding='chunked')
ok = b'HTTP/1.1 200 OK\r\n'

# What the server does, and what the message has to say about it
faults = dict(
    status_404       = (lambda c,n: reply(c, b'gone', '404 Not Found'), 'HTTP Error 404: Not Found'),
    status_403       = (lambda c,n: reply(c, b'no', '403 Forbidden'), 'HTTP Error 403: Forbidden'),
    status_500       = (lambda c,n: reply(c, status='500 Oh Dear'), 'HTTP Error 500: Oh Dear'),
    web_page         = (lambda c,n: reply(c, b'<!DOCTYPE html><title>Log in</title>', Content_Type='text/html'),
                        "damaged gzip file, it begins with b'<!DOCTYPE"),
    nothing          = (lambda c,n: reply(c), 'wrong content: SHA-256 e3b0c442…, not'),
    cut_short        = (lambda c,n: reply(c, good[n][:-9], length=len(good[n])), 'file ended before'),
    cut_unannounced  = (lambda c,n: reply(c, good[n][:-9], length=...), 'damaged gzip file, .* file ended before'),
    cut_chunk        = (lambda c,n: reply(c, b'ffff\r\n' + good[n][:50], **chunked), 'IncompleteRead'),
    silent           = (lambda c,n: silence(c), 'timed out'),
    silent_head      = (lambda c,n: silence(c, ok), 'timed out'),
    silent_body      = (lambda c,n: silence(c, ok + b'Content-Length: 999\r\n\r\n' + good[n][:50]),
                        'timed out'),
    drip_body        = (lambda c,n: forever(c, b'x', ok + b'\r\n' + good[n][:50], .01), r'too slow: [\d,]+ bytes'),
    steady           = (lambda c,n: forever(c, b'x'*20, ok + b'Content-Length: 99000\r\n\r\n', .01), # 2,000 a second
                        r'too slow: [\d,]+ bytes'),
    endless_redirect = (lambda c,n: forever(c, b'x'*1000, b'HTTP/1.1 302 Found\r\nLocation: /lost/x\r\n\r\n'),
                        'HTTP Error 404'),
    endless_head     = (lambda c,n: forever(c, b'A: b\r\n'*1000, ok), 'more than 100 headers'),
    endless_line     = (lambda c,n: forever(c, b'x'*1000, ok), 'header line'),
    endless_body     = (lambda c,n: forever(c, bytes(10**5), ok + b'\r\n'), r'too long: more than [\d,]+ bytes'),
    endless_chunks   = (lambda c,n: forever(c, b'1\r\nx\r\n'*1000, ok + b'Transfer-Encoding: chunked\r\n\r\n'),
                        r'too long: more than [\d,]+ bytes'),
    wrong_data       = (lambda c,n: reply(c, wrong[n]), r'wrong content: SHA-256 \w{8}…, not \w{8}…'),
    less_data        = (lambda c,n: reply(c, gzip.compress(raw[n][:-1])), 'wrong content: SHA-256'),
    more_data        = (lambda c,n: reply(c, good[n] + gzip.compress(b'x')), 'wrong content: SHA-256'),
    bomb             = (lambda c,n: reply(c, bomb()), 'wrong content: SHA-256'),
    flipped_bit      = (lambda c,n: reply(c, flipped(good[n])), 'damaged gzip file|wrong content'),
    bad_checksum     = (lambda c,n: reply(c, good[n][:-8] + bytes(8)), 'damaged gzip file, .*: CRC'),
    rubbish_after    = (lambda c,n: reply(c, good[n] + b'rubbish'), 'damaged gzip file'),
    not_packed       = (lambda c,n: reply(c, raw[n]), 'damaged gzip file, .*: Not a gzipped file'),
    loop             = (lambda c,n: redirect(c, f'/loop/{n}'), 'HTTP Error 302: .*infinite loop'),
    chain            = (lambda c,n: redirect(c, f'/chain/{n}?{random.random()}'), 'HTTP Error 302: .*infinite loop'),
    to_file          = (lambda c,n: redirect(c, f'file://{__file__}'), "HTTP Error 302: .*'file:.* is not allowed"),
    to_localhost     = (lambda c,n: redirect(c, f'file://localhost{__file__}'),
                        "HTTP Error 302: .*'file:.* is not allowed"),
    to_ftp           = (lambda c,n: redirect(c, f'ftp://127.0.0.1:{c.getsockname()[1]}/{n}'), 'redirect to ftp:'),
    to_data          = (lambda c,n: redirect(c, 'data:;base64,eA=='), 'HTTP Error 302: .*is not allowed'),
    to_nowhere       = (lambda c,n: reply(c, status='302 Found'), 'HTTP Error 302: Found'),
    to_nonsense      = (lambda c,n: redirect(c, 'http://[:::'), 'IPv6'),
    to_far_port      = (lambda c,n: redirect(c, f'http://127.0.0.1:{10**20}/{n}'), 'too large|not supported|getaddrinfo'),
    to_promise       = (lambda c,n: redirect(c, f'/to_promise/{n}', length=2**50), 'HTTP Error 302: .*infinite loop'),
    to_huge_chunk    = (lambda c,n: reply(c, b'ffffffffffff\r\n', '302 Found', Location='/x', **chunked),
                        'HTTP Error 404|infinite loop|IncompleteRead'),
    hang_up          = (lambda c,n: None, 'Remote end closed connection'),
    reset            = (lambda c,n: c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)),
                        'reset|closed connection'),
    noise            = (lambda c,n: c.sendall(random.Random(3).randbytes(5000)), ''),
    escapes          = (lambda c,n: reply(c, status='404 \x1b[2J\x1b]0;owned\x07'), r'HTTP Error 404: \\x1b\[2J\\x1b'),
    long_reason      = (lambda c,n: reply(c, status='404 ' + 'x'*60_000), r'HTTP Error 404: x{50,190}$'),
)
stalls = [k for k,(_,cause) in faults.items() if 'timed out' in cause or 'too slow' in cause]
behaviours = {k: f for k,(f,_) in faults.items()} | dict(
    good        = lambda c,n: reply(c, good[n]),
    slow        = lambda c,n: slowly(c, good[n]),
    later       = lambda c,n: (time.sleep(.1), reply(c, good[n])),
    in_chunks   = lambda c,n: reply(c, chunks(good[n][:9], good[n][9:], b''), **chunked),
    unannounced = lambda c,n: reply(c, good[n], length=...),
    promise     = lambda c,n: reply(c, good[n], length=2**50), # what counts is what comes
    no_number   = lambda c,n: reply(c, good[n], length='many'),
    two_members = lambda c,n: reply(c, gzip.compress(raw[n][:99]) + gzip.compress(raw[n][99:])),
    moved       = lambda c,n: redirect(c, f'/in_chunks/{n}'),
    continued   = lambda c,n: (c.sendall(b'HTTP/1.1 100 Continue\r\n\r\n'), reply(c, good[n])))

def bomb(cache=[]):
    if not cache: cache.append(gzip.compress(bytes(2**24)))
    return cache[0]

class Server:
    "Answers each connection in a thread of its own, and writes down each request"
    def __init__(self, tls=None):
        self.tls = tls
        self.stop,self.log,self.threads,self.behaviours = threading.Event(),[],[],dict(behaviours)
        self.sock = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.url = f'http{"s" if tls else ""}://127.0.0.1:{self.sock.getsockname()[1]}'
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
    def run(self):
        while not self.stop.is_set():
            try: c,_ = self.sock.accept()
            except OSError: return
            t = threading.Thread(target=self.answer, args=(c,))
            t.start()
            self.threads.append(t)
    def answer(self, c):
        class Conn: # a socket that knows when to stop
            stop = self.stop
            def __getattr__(self, k): return getattr(c, k)
        try:
            c.settimeout(5)
            if self.tls: c = self.tls.wrap_socket(c, server_side=True)
        except OSError: return c.close()
        with c:
            try:
                req = b''
                while b'\r\n\r\n' not in req and (b := c.recv(4096)): req += b
                if not req: return
                path = urlsplit(req.split()[1].decode()).path # a proxy is asked for a whole URL
                self.log.append(path)
                fault,_,name = path[1:].partition('/')
                fault,nth = m.groups() if (m := re.fullmatch(r'(\w+)-(\d)', fault)) else (fault, '')
                f = self.behaviours.get(fault, behaviours['status_404'])
                if nth and names[int(nth)] != name: f = self.behaviours['good']
                if name not in names: f = behaviours['status_404']
                f(Conn(), name)
                if fault != 'reset': c.shutdown(socket.SHUT_WR)
            except OSError: pass # the other side hung up
    def close(self):
        self.stop.set()
        with suppress(OSError): self.sock.shutdown(socket.SHUT_RDWR) # Windows does without
        self.sock.close()
        for t in [self.thread, *self.threads]:
            t.join(10)
            assert not t.is_alive()

# -- What must hold, whatever happened

copy = 'tiny.safetensors' # what `load_data` maps

def check_copy(path):
    "The decoded copy at `path` holds the data set: read as the format says"
    b = path.read_bytes()
    start = 8 + int.from_bytes(b[:8], 'little')
    header,end = json.loads(b[8:start]),0
    for key,n,shape in zip(('train.x', 'train.y', 'valid.x', 'valid.y'), names, shapes):
        what = header.pop(key)
        items = memoryview(b[start:])[slice(*what['data_offsets'])]
        if what['dtype']=='I64': items = struct.unpack(f'<{shape[0]}q', items)
        assert what['shape'] == list(shape) and bytes(items) == raw[n][4+4*len(shape):], key
        end = max(end, what['data_offsets'][1])
    assert not header and len(b) == start+end

def whole(dest, partly=True):
    "Every file under a final name in `dest` is good, nothing else is there; unless `partly`, all files are there"
    have = set(os.listdir(dest))
    rest = have - {'.lock', 'verified.json', copy, *names}
    assert not rest, f'stray: {rest}'
    for n in names:
        if n in have: assert gzip.decompress((Path(dest)/n).read_bytes()) == raw[n], n
        else: assert partly, f'{n} is missing'
    if copy in have: check_copy(Path(dest)/copy)
    return have

def no_bad(dest):
    "As `whole`, but what a killed process left under temporary names may be there: it is returned"
    have = set(os.listdir(dest)) if Path(dest).exists() else set()
    for n in names:
        if n in have: assert gzip.decompress((Path(dest)/n).read_bytes()) == raw[n], n
    if copy in have: check_copy(Path(dest)/copy)
    return {o for o in have if o.endswith('.part')}

def snapshot(folder, leave):
    "Every path in `folder` but those in `leave`, with what it is, its size and its time"
    def stat(p): s = p.lstat(); return s.st_mode, s.st_size, s.st_mtime_ns
    return {p: stat(p) for p in Path(folder).rglob('*') if not p.is_relative_to(leave)}

# -- Works: what runs in a process of its own

base = None # URL of the server

def fetch(dest, how='good'): download('tiny', folder=dest, sources=[f'{base}/{how}'])

def load(dest):
    "`load_data` of `tiny` in `dest`, and is it right?"
    from fmnist_nb.tensors import load_data
    s = load_data('tiny', folder=dest)
    for t,n,shape in zip((s.train.x, s.train.y, s.valid.x, s.valid.y), names, shapes):
        assert tuple(t.shape) == shape and t.numpy().astype('u1').tobytes() == raw[n][4+4*len(shape):], n

def child(f, seconds=20):
    "What `f()` returns in a process of its own, in a list; `None` if that dies"
    r,w = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(r)
        signal.alarm(seconds)
        try:
            os.write(w, json.dumps([f()]).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(w)
    with open(r, 'rb') as out: res = out.read()
    return None if os.waitpid(pid, 0)[1] else json.loads(res)

def attempt(f, *args):
    "'ok', or the message of the `DownloadError` that `f` raises"
    try: f(*args)
    except DownloadError as e: return str(e)
    return 'ok'

def job(what, dest):
    """What is to be disturbed: a download, or the step of `load_data` that makes the decoded copy

    Three functions: the work itself, what sets the stage for it, and the next call."""
    def clear(): shutil.rmtree(dest, ignore_errors=True)
    if what=='download': return lambda: fetch(dest, 'slow'), clear, lambda: fetch(dest)
    packed = dest.with_name('packed')
    fetch(packed)
    def packed_only():
        clear()
        shutil.copytree(packed, dest)
    return lambda: load(dest), packed_only, lambda: load(dest)

def _killed(f, kill):
    "Run `f` in a process and have it killed by `kill(pid)`; was it, before it came to its end?"
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        try:
            f()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    kill(pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0

def _survives(again, dest):
    "Nothing bad is in `dest`, the next call succeeds and leaves nothing astray. Was something astray before it?"
    stray = no_bad(dest)
    again()
    whole(dest, partly=False)
    return bool(stray)

def kill(dest, what, n):
    "`kill -9` at `n` random moments"
    f,stage,again = job(what, dest)
    rng,until,killed,stray = random.Random(7),.1,0,0
    for _ in range(n):
        stage()
        def after_a_while(pid):
            time.sleep(rng.uniform(0, until))
            os.kill(pid, signal.SIGKILL)
        died = _killed(f, after_a_while)
        until *= 1.02 if died else .95 # find out how long it takes, as fast or slow as this machine is now
        killed += died
        stray += _survives(again, dest)
    return dict(killed=killed, stray=stray, ms=round(1000*until))

def steps(dest, what):
    "`kill -9` before the first file operation, before the second, and so on until one run comes to its end"
    f,stage,again = job(what, dest)
    kinds = {'open', 'os.rename', 'os.remove', 'os.mkdir', 'os.chmod', 'os.listdir', 'os.scandir', 'fcntl.flock',
             'socket.connect'}
    n = stray = 0
    while True:
        stage()
        def run():
            left = n
            def hook(event, args):
                nonlocal left
                if event in kinds:
                    left -= 1
                    if left < 0: os.kill(os.getpid(), signal.SIGKILL)
            sys.addaudithook(hook)
            f()
        died = _killed(run, lambda pid: None)
        stray += _survives(again, dest)
        if not died: return dict(steps=n, stray=stray)
        n += 1

def together(dest, what, n):
    "`n` processes at the same moment; their exit codes"
    dl._mirrors['tiny'] = [f'{base}/later'] # where `load_data` looks
    f = {'download': lambda: fetch(dest, 'later'), 'load': lambda: load(dest)}[what]
    go_r,go_w = os.pipe()
    pids = []
    for _ in range(n):
        pids.append(pid := os.fork())
        if not pid:
            signal.alarm(20)
            try:
                os.close(go_w)
                os.read(go_r, 1) # returns when all write ends are closed
                f()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
    os.close(go_w)
    res = [os.waitpid(pid, 0)[1] for pid in pids]
    whole(dest, partly=False)
    return res

def no_room(dest, what, size):
    "As on a full disk: no file may be longer than `size` bytes"
    import resource # Windows has none
    f,stage,again = job(what, dest)
    stage()
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return attempt(f)
    res,have = child(limited),sorted(whole(dest))
    again()
    whole(dest, partly=False)
    return *res, have

def own_mounts():
    "Let this process mount file systems that no other sees; `OSError` where that is not allowed"
    libc,uid,gid = ctypes.CDLL(None, use_errno=True),os.getuid(),os.getgid()
    new_user,new_mounts,private = 0x10000000,0x20000,0x44000
    if libc.unshare(new_mounts | (new_user if uid else 0)): raise OSError(ctypes.get_errno(), 'unshare')
    if uid:
        for name,line in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {gid} 1')):
            Path(f'/proc/self/{name}').write_text(line)
    if libc.mount(None, b'/', None, private, None): raise OSError(ctypes.get_errno(), 'mount')

def sh(line):
    if os.system(line): raise OSError(f'failed: {line}')

def may_mount(dest):
    "Can file systems be mounted?"
    try:
        own_mounts()
        sh(f'mount -t tmpfs none {dest} 2>/dev/null')
    except OSError: return False
    return True

def full_disk(dest):
    "In a file system of its own that is too small for one file, then for the decoded copy beside them, then large enough"
    own_mounts()
    dest.mkdir()
    sh(f'mount -t tmpfs -o size=140k none {dest}')
    res = attempt(fetch, dest)
    have = whole(dest)
    sh(f'mount -o remount,size=250k {dest}')
    fetch(dest)
    whole(dest, partly=False)
    load(dest)
    some = whole(dest, partly=False)
    sh(f'mount -o remount,size=2m {dest}')
    load(dest)
    return res, sorted(have), sorted(some), sorted(whole(dest, partly=False))

def read_only(dest, what, how):
    "In a cache that may only be read: `rights` are missing, or it is mounted so; with the files in it, with the decoded copy, empty"
    f = {'download': lambda: fetch(dest), 'load': lambda: load(dest)}[what]
    if how=='mount': own_mounts()
    def only_files():
        fetch(dest)
        for p in (dest/'.lock', dest/'verified.json'): p.unlink() # somebody else may have put the files there
    def decoded():
        load(dest)
        os.utime(dest/copy) # somebody else may have made it: no note fits it
    def nothing():
        for p in dest.iterdir(): p.unlink()
    res = []
    for prepare in (only_files, decoded, nothing):
        prepare()
        if how=='mount': sh(f'mount --bind {dest} {dest} && mount -o remount,bind,ro {dest}')
        else: os.chmod(dest, 0o555)
        def as_nobody():
            if how!='mount' and os.getuid()==0: os.setgid(65534) or os.setuid(65534)
            return attempt(f)
        before = snapshot(dest, dest/'nothing')
        res += child(as_nobody)
        assert snapshot(dest, dest/'nothing') == before
        if how=='mount': sh(f'umount {dest}')
        else: os.chmod(dest, 0o755)
    return res

def written(dest):
    "Each path outside `dest` that is written, made, renamed or removed while all faults pass; and how many in all"
    one_path = 'os.mkdir', 'os.remove', 'os.rmdir', 'os.chmod', 'os.chown', 'os.truncate', 'os.utime'
    programs = 'os.system', 'subprocess.Popen', 'os.exec', 'os.posix_spawn'
    paths,on = set(),[False]
    def hook(event, args):
        if not on[0]: return
        if event=='open':
            path,mode,flags = args
            to_write = set(mode or '') & set('wax+') or flags & (os.O_WRONLY|os.O_RDWR|os.O_CREAT|os.O_TRUNC)
            touched = [path] if to_write else []
        elif event in ('os.rename', 'os.link', 'os.symlink'): touched = args[:2]
        elif event in one_path: touched = args[:1]
        elif event in programs: touched = [f'{event} {args}']
        else: return
        paths.update(os.path.realpath(os.fsdecode(p)) for p in touched if not isinstance(p, int))
    sys.addaudithook(hook)
    for fault in [*faults, 'good']:
        dl._timeout = limit if fault in stalls else patience
        on[0] = True
        res = attempt(fetch, dest, fault)
        on[0] = False
        assert (res=='ok') == (fault=='good'), (fault, res)
    on[0] = True
    load(dest)
    on[0] = False
    here = os.path.realpath(dest)
    return sorted(p for p in paths if os.path.commonpath([p, here]) != here), len(paths)

if __name__ == '__main__':
    import fmnist_nb.tensors, encodings.idna # now: who gives up his rights may not be able to
    use_tiny()
    os.environ.pop('FMNIST_NB_SOURCE', None)
    for line in sys.stdin:
        name,base,dest,*args = json.loads(line)
        dl._mirrors['tiny'] = [f'{base}/good']
        res = child(lambda: globals()[name](Path(dest), *args), seconds=300)
        print(json.dumps(res), flush=True)
