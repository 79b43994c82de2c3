"""Servers that misbehave in every way, processes that die, disks that are full: the cache never holds a bad file"""
import gc, gzip, hashlib, io, json, os, random, re, shutil, ssl, stat, subprocess, sys, tempfile, time, tracemalloc
from pathlib import Path

import pytest, tqdm
from filelock import FileLock
from http.client import HTTPException

import faulty
import fmnist_nb.download as dl
from faulty import (Server, chunks, copy, faults, good, hashes, limit, names, patience, raw, reply, snapshot, stalls,
                    whole)
from fmnist_nb.download import DATASETS, DownloadError, data_dir, download

@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.delenv('FMNIST_NB_SOURCE', raising=False)
    monkeypatch.setitem(DATASETS, 'tiny', None) # use_tiny sets it, and this line sees to it that it goes again
    monkeypatch.setitem(dl._mirrors, 'tiny', [])
    faulty.use_tiny(monkeypatch.setattr)

@pytest.fixture
def server(tiny):
    s = Server()
    yield s
    s.close()

@pytest.fixture
def dest(tmp_path): return tmp_path/'cache'/'tiny'

# -- One test for each fault

@pytest.mark.parametrize('fault', faults)
def test_fault(fault, server, dest, tmp_path, monkeypatch):
    cause,start = faults[fault][1],time.monotonic()
    dest.parent.mkdir()
    (tmp_path/'precious').write_text('mine')
    monkeypatch.setattr(dl, '_timeout', limit if fault in stalls else patience)
    for source,done in ((f'{server.url}/{fault}', 0), (f'{server.url}/{fault}-2', 2)): # all files; only the third
        outside = snapshot(tmp_path, leave=dest.parent)
        with pytest.raises(DownloadError) as e: download('tiny', folder=dest, sources=[source])
        message = str(e.value)
        line = next(l for l in message.splitlines() if l.startswith(f'  {source}: {names[done]}: '))
        assert re.search(cause, line), message
        assert f'{4-done} of the 4 files of tiny' in message and 'What to do' in message
        assert message.replace('\n', '').isprintable() and max(map(len, message.splitlines())) < 400
        assert whole(dest) & set(names) == set(names[:done])
        assert snapshot(tmp_path, leave=dest.parent) == outside
    monkeypatch.setattr(dl, '_timeout', patience)
    server.log.clear()
    assert list(download('tiny', folder=dest, sources=[f'{server.url}/good'])) == [dest/n for n in names]
    whole(dest, partly=False)
    assert server.log == [f'/good/{n}' for n in names[2:]] # what was good is not fetched again
    assert time.monotonic() - start < 2*patience

def test_all_faults_and_then_a_good_source(server, dest, monkeypatch):
    monkeypatch.setattr(dl, '_timeout', limit)
    bad = ['no/such/folder', '~nosuchuser/x', 'http://127.0.0.1:9', 'http://127.0.0.1:nine', *(f'{server.url}/{f}' for f in faults)]
    with pytest.raises(DownloadError) as e: download('tiny', folder=dest, sources=bad)
    told = re.findall(rf'^  (.*?): {names[0]}: (?=.)', str(e.value), re.M)
    assert told == bad # each, once, in this order
    assert whole(dest) == {'.lock'}
    download('tiny', folder=dest, sources=[*bad, f'{server.url}/good'])
    whole(dest, partly=False)
    server.log.clear()
    download('tiny', folder=dest, sources=bad)
    assert server.log == []

@pytest.mark.parametrize('how', ['good', 'slow', 'in_chunks', 'unannounced', 'two_members', 'moved', 'continued', 'promise', 'no_number'])
def test_unusual_but_right(how, server, dest):
    download('tiny', folder=dest, sources=f'{server.url}/{how}/')
    whole(dest, partly=False)

def test_https(tiny, dest, tmp_path, monkeypatch):
    "A server is believed only with a certificate, and watched like any other"
    if not shutil.which('openssl'): pytest.skip('no openssl to make a certificate with')
    key,cert = tmp_path/'key.pem',tmp_path/'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-keyout', key, '-out', cert, '-days', '2',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    server = Server(tls)
    try:
        with pytest.raises(DownloadError, match='certificate verify failed'):
            download('tiny', folder=dest, sources=f'{server.url}/good')
        assert server.log == []
        monkeypatch.setenv('SSL_CERT_FILE', str(cert))
        monkeypatch.setattr(dl, '_timeout', limit)
        with pytest.raises(DownloadError, match='too slow'): download('tiny', folder=dest, sources=f'{server.url}/drip_body')
        monkeypatch.setattr(dl, '_timeout', patience)
        with pytest.raises(DownloadError, match="'file:.* is not allowed"):
            download('tiny', folder=dest, sources=f'{server.url}/to_file')
        download('tiny', folder=dest, sources=f'{server.url}/moved')
        whole(dest, partly=False)
    finally: server.close()

def test_proxy(server, dest, monkeypatch):
    "One that is named while Python runs, as the message advises, is used at the next call"
    for k in ('no_proxy', 'NO_PROXY', 'HTTP_PROXY', 'REQUEST_METHOD'): monkeypatch.delenv(k, raising=False)
    with pytest.raises(DownloadError): download('tiny', folder=dest, sources='http://nowhere.invalid/good')
    monkeypatch.setenv('http_proxy', server.url)
    download('tiny', folder=dest, sources='http://nowhere.invalid/good')
    whole(dest, partly=False)
    assert server.log == [f'/good/{n}' for n in names]

def test_a_source_is_left_at_its_first_failure(server, dest, monkeypatch):
    "What is still missing is asked of the next one only"
    monkeypatch.setattr(dl, '_timeout', 2*limit)
    download('tiny', folder=dest, sources=[f'{server.url}/{f}' for f in ('silent', 'status_404-1', 'good')])
    assert server.log == [f'/{f}/{names[i]}' for f,i in (('silent', 0), ('status_404-1', 0), ('status_404-1', 1),
                                                         ('good', 1), ('good', 2), ('good', 3))]

def test_what_is_good_is_not_read_again(server, dest, monkeypatch):
    download('tiny', folder=dest, sources=f'{server.url}/good')
    read,verify = [],dl._verify
    monkeypatch.setattr(dl, '_verify', lambda packed, name, sha256: read.append(name) or verify(packed, name, sha256))
    os.utime(dest/names[1])
    download('tiny', folder=dest, sources=[])
    download('tiny', folder=dest, sources=[])
    assert read == [names[1]]

@pytest.mark.parametrize('where', ['os.urandom', 'os.fsync', 'os.replace', 'json.dumps'])
def test_interrupted(where, server, dest, monkeypatch):
    "Ctrl-C is no fault of a source: it ends the call, wherever it comes, and no half file stays"
    def interrupt(*args, **kwargs): raise KeyboardInterrupt
    module,name = where.split('.')
    with monkeypatch.context() as m:
        m.setattr(getattr(dl, module), name, interrupt)
        with pytest.raises(KeyboardInterrupt): download('tiny', folder=dest, sources=f'{server.url}/good')
    assert len(server.log) <= 1 and not list(dest.glob('.*.part'))
    whole(dest)
    download('tiny', folder=dest, sources=f'{server.url}/good')
    whole(dest, partly=False)

def test_bar(server, dest, tmp_path, monkeypatch):
    "One for each file from the network, where somebody looks: it moves by the bytes that come, and goes"
    bars = []
    class Bar(tqdm.tqdm):
        def __init__(self, *args, **kw):
            super().__init__(*args, file=io.StringIO(), **kw)
            bars.append(self)
    monkeypatch.setattr(tqdm, 'tqdm', Bar)
    def seen(source, **kw):
        bars.clear()
        download('tiny', folder=tmp_path/str(random.random()), sources=source, **kw)
        return [(b.desc.rstrip(': '), b.n, b.total, b.unit, b.leave, b.delay) for b in bars]
    assert seen(f'{server.url}/good') == [] # nobody looks: this is neither a notebook nor a terminal
    for place,how in ((dl.imports, 'IN_NOTEBOOK'), (sys.stderr, 'isatty')):
        with monkeypatch.context() as m:
            m.setattr(place, how, True if place is dl.imports else lambda: True)
            assert seen(f'{server.url}/good') == [(n, len(good[n]), len(good[n]), 'B', False, 1) for n in names]
            assert [t for _,_,t,*_ in seen(f'{server.url}/unannounced')] == [None]*4
            assert all(b.disable for b in bars) # closed
            download('tiny', folder=dest, sources=f'{server.url}/good')
            assert seen(dest) == seen(f'{server.url}/good', progress=False) == []

def test_answers_of_random_bytes(server):
    "Whatever a server says is either bytes or a reason"
    rng,name = random.Random(5),names[1]
    body = good[name]
    answers = [b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body,
               b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + chunks(body) + b'0\r\nTrailer: x\r\n\r\n',
               b'HTTP/1.1 302 Found\r\nLocation: /good/' + name.encode() + b'\r\nContent-Length: 3\r\n\r\nabc',
               b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n' + body]
    parts = [b'\r\n', b'\n', b'\0', b'-1', b'9'*30, b'0\r\n', b'ffffffffff\r\n', b':', b'\x80\xff', b'\x1b[0m',
             b'HTTP/9.9', b' 999 ', b' 204 ', b' 304 ', b' 401 ', b'Transfer-Encoding: chunked\r\n',
             b'Content-Length: 1\r\n', b'Content-Length: -7\r\n', b'Location: //[x\r\n',
             b'Location: http://:0/\r\n', b'Location: \xff\r\n']
    def answer(c, n):
        b = bytearray(rng.choice(answers))
        for _ in range(rng.randrange(1, 5)):
            i = rng.randrange(min(len(b), 150)+1)
            match rng.randrange(4):
                case 0: b[i:i+1] = bytes([rng.randrange(256)])
                case 1: b[i:i] = rng.choice(parts)
                case 2: del b[i:i+rng.randrange(1, 30)]
                case 3: b[i:i+rng.randrange(20)] = rng.choice(parts)
        c.sendall(bytes(b))
    server.behaviours['random'] = answer
    got = dict(bytes=0, reason=0)
    for _ in range(500):
        try: got['bytes'] += bool(dl._fetch(f'{server.url}/random', name, hashes[name]))
        except (OSError, ValueError, OverflowError, HTTPException) as e:
            got['reason'] += 1
            assert dl._line(e).isprintable() and 0 < len(dl._line(e)) <= 200
    gc.collect() # a connection left open would be told of now
    assert sum(got.values()) == 500 and min(got.values()) > 20, got

def test_a_bomb_is_cheap(tiny, tmp_path):
    "One byte more than the file may have is all that is ever unpacked"
    for b in (gzip.compress(bytes(2**26)), gzip.compress(b'x', mtime=0)*2**16):
        (tmp_path/names[3]).write_bytes(b)
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match='wrong content|too long'): dl._fetch(tmp_path, names[3], '')
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally: tracemalloc.stop()

# -- Sources that are no files, that tell secrets, that must not end the search

def soon(f, *args):
    "What `attempt(f, *args)` says, in a process of its own: what hangs is ended, and that fails here"
    res = faulty.child(lambda: faulty.attempt(f, *args), seconds=5)
    assert res, 'hangs'
    return res[0]

def test_what_is_no_file_is_not_read(server, dest, tmp_path):
    "A FIFO that nobody writes to would be read for ever"
    def get(*sources): download('tiny', folder=dest, sources=sources)
    (tmp_path/'fifo').mkdir()
    os.mkfifo(tmp_path/'fifo'/names[0])
    assert 'not a regular file' in soon(get, tmp_path/'fifo')
    get(f'{server.url}/good')
    (dest/'verified.json').unlink()
    os.mkfifo(dest/'verified.json') # a note
    assert soon(get) == 'ok'
    (dest/names[1]).unlink()
    os.mkfifo(dest/names[1]) # a file of the cache
    assert 'Cannot write in' in (said := soon(get, f'{server.url}/good')) and 'not a regular file' in said
    assert stat.S_ISFIFO((dest/names[1]).stat().st_mode)

@pytest.mark.parametrize('source', ['http://me:secret@host.invalid/x', 'http://me:secret@[x', 'http://me:secret@localhost/x',
                                    'http://127.0.0.1:9/x?token=secret', 'https://secret@127.0.0.1:9'])
def test_secrets_are_not_told(source, tiny, dest):
    with pytest.raises(DownloadError) as e: download('tiny', folder=dest, sources=source)
    assert 'secret' not in str(e.value) and '…' in str(e.value)

def test_no_ftp_by_a_proxy(server, dest, monkeypatch):
    for k in ('no_proxy', 'NO_PROXY', 'REQUEST_METHOD'): monkeypatch.delenv(k, raising=False)
    monkeypatch.setenv('ftp_proxy', server.url)
    server.behaviours['to_ftp'] = lambda c,n: faulty.redirect(c, f'ftp://somewhere.invalid/good/{n}')
    with pytest.raises(DownloadError, match='redirect to ftp:'):
        download('tiny', folder=dest, sources=f'{server.url}/to_ftp')
    assert server.log == [f'/to_ftp/{names[0]}']

def test_a_file_much_too_long_is_not_read(tiny, tmp_path):
    "Zeros after the data, a name without end, empty members: few bytes on the disk, or long to read"
    p = tmp_path/names[3]
    for more in (b'', gzip.compress(b'', mtime=0)*10**5):
        p.write_bytes(good[names[3]] + more)
        if not more: os.truncate(p, 2**32)
        start = time.monotonic()
        with pytest.raises(ValueError, match='too long'): dl._fetch(tmp_path, names[3], hashes[names[3]])
        assert time.monotonic() - start < 1
    p.write_bytes(b'no gzip')
    os.truncate(p, 2**27)
    (tmp_path/'verified.json').write_bytes(b'')
    os.truncate(tmp_path/'verified.json', 2**27)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match='too long'): dl._fetch(tmp_path, names[3], '')
        assert not dl._is_verified(p, '')
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally: tracemalloc.stop()

def test_the_umask_decides(server, tmp_path):
    for mask,mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        old = os.umask(mask)
        try: download('tiny', folder=tmp_path/oct(mask), sources=f'{server.url}/good')
        finally: os.umask(old)
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path/oct(mask)).iterdir()}
        assert modes.pop('.lock') == 0o600 and set(modes.values()) == {mode}, modes

def test_a_neighbour_swaps_the_temporary_file(server, dest, tmp_path, monkeypatch):
    "Nothing is done to it by its name that a link in its place would pass on to somebody else's file"
    precious,verify = tmp_path/'precious',dl._verify
    precious.write_text('mine')
    os.utime(precious, (1, 1))
    precious.chmod(0o600)
    def swap(*args):
        verify(*args)
        for p in dest.glob('.*.part'):
            p.unlink()
            p.symlink_to(precious)
    monkeypatch.setattr(dl, '_verify', swap)
    try: download('tiny', folder=dest, sources=f'{server.url}/good')
    except DownloadError: pass
    s = precious.stat()
    assert (stat.S_IMODE(s.st_mode), s.st_mtime, precious.read_text()) == (0o600, 1, 'mine')

def test_a_neighbour_guesses_the_temporary_name(server, dest, tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'urandom', bytes)
    (tmp_path/'precious').write_text('mine')
    verify = dl._verify
    def plant(*args): # after we have swept the folder, before we write to it
        verify(*args)
        (dest/f'.{names[0]}.00000000.part').symlink_to(tmp_path/'precious')
    monkeypatch.setattr(dl, '_verify', plant)
    with pytest.raises(DownloadError, match=r'Cannot write in .*: \[Errno 17\] File exists'):
        download('tiny', folder=dest, sources=f'{server.url}/good')
    assert (tmp_path/'precious').read_text() == 'mine' and len(list(dest.glob('.*.part'))) == 1

def test_an_empty_name_is_the_folder_we_are_in(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    download('tiny', folder='', sources=f'{server.url}/good')
    whole(tmp_path, partly=False)

def test_a_cache_without_notes_is_verified_once(server, dest, monkeypatch):
    "Where no note can be kept, this process remembers: until the file is touched"
    download('tiny', folder=dest, sources=f'{server.url}/good')
    (dest/'verified.json').unlink()
    (dest/'verified.json').mkdir()
    dl._verified.clear() # as in a new process
    read,verify = [],dl._verify
    monkeypatch.setattr(dl, '_verify', lambda packed, name, sha256: read.append(name) or verify(packed, name, sha256))
    for _ in range(3): download('tiny', folder=dest, sources=[])
    assert read == names
    os.utime(dest/names[1])
    download('tiny', folder=dest, sources=[])
    assert read == [*names, names[1]]

def test_times_in_whole_seconds_do(server, dest, monkeypatch):
    "As archives and some file systems keep them"
    download('tiny', folder=dest, sources=f'{server.url}/good')
    for n in names: os.utime(dest/n, (1_600_000_000, 1_600_000_000))
    download('tiny', folder=dest, sources=[])
    monkeypatch.setattr(dl, '_verify', None)
    download('tiny', folder=dest, sources=[])

def test_a_lock_that_is_never_given_back(server, dest, monkeypatch):
    monkeypatch.setattr(dl, 'FileLock', lambda path, seconds, mode: FileLock(path, .2, mode) if seconds==600 else 1/0)
    dest.mkdir(parents=True)
    def get(): download('tiny', folder=dest, sources=f'{server.url}/good')
    with FileLock(dest/'.lock'):
        said = soon(get)
        assert str(dest/'.lock') in said and 'could not be acquired' in said and 'What to do' in said
    get()
    whole(dest, partly=False)

def test_folders_named_like_temporary_files(server, dest):
    for n in ('.verified.x.part', '.verified.json.01234567.part', f'.{names[0]}.x.part', f'.{names[0]}.01234567.part'):
        (dest/n).mkdir(parents=True)
    download('tiny', folder=dest, sources=f'{server.url}/good')
    assert set(names) < set(os.listdir(dest)) and len(list(dest.glob('.*.part'))) == 4

def test_the_command_ends_in_a_line(server, dest, monkeypatch):
    "Whatever is wrong, a plain `OSError` too"
    monkeypatch.setitem(dl._mirrors, 'tiny', [f'{server.url}/good'])
    def gone(*args): raise PermissionError(13, 'Permission denied')
    for name,value,folder in (('_verify', gone, dest), ('data_dir', dl.data_dir, '~nosuchuser/x')):
        dl.download('tiny', folder=dest)
        with monkeypatch.context() as m:
            m.setattr(dl, name, value)
            with pytest.raises(SystemExit, match='^fmnist_download: .*(Permission denied|home directory)'):
                dl.fmnist_download('tiny', folder=str(folder))

# -- The cache is the only place that is written, and it is not ours alone

def test_nothing_is_written_outside(work, dest):
    dest.parent.mkdir()
    outside,n = work('written', dest)
    assert outside == [] and n > 15

@pytest.mark.parametrize('there', [True, False])
def test_planted_links_are_not_followed(there, server, work, dest, tmp_path):
    dest.mkdir(parents=True)
    (tmp_path/'outside').mkdir()
    for n in [*names, copy, 'verified.json']:
        if there: (tmp_path/'outside'/n).write_text('mine')
        (dest/n).symlink_to(tmp_path/'outside'/n)
    before = snapshot(tmp_path, leave=dest.parent)
    download('tiny', folder=dest, sources=f'{server.url}/good')
    work('load', dest)
    assert snapshot(tmp_path, leave=dest.parent) == before
    assert not any(p.is_symlink() for p in dest.iterdir())
    whole(dest, partly=False)

def test_planted_lock(server, dest, tmp_path):
    dest.mkdir(parents=True)
    (tmp_path/'precious').write_text('mine')
    (dest/'.lock').symlink_to(tmp_path/'precious')
    with pytest.raises(DownloadError, match='Cannot write in'):
        download('tiny', folder=dest, sources=f'{server.url}/good')
    assert (tmp_path/'precious').read_text() == 'mine'
    (dest/'.lock').unlink()
    download('tiny', folder=dest, sources=f'{server.url}/good')
    whole(dest, partly=False)

def test_link_to_good_data_is_good(server, dest, tmp_path):
    "A cache whose files are links to a disk with more room: checked like others, and again when that file changes"
    download('tiny', folder=tmp_path/'large', sources=f'{server.url}/good')
    dest.mkdir(parents=True)
    for n in names: (dest/n).symlink_to(tmp_path/'large'/n)
    download('tiny', folder=dest, sources=[])
    (tmp_path/'large'/names[0]).write_bytes(faulty.wrong[names[0]])
    with pytest.raises(DownloadError, match='list of sources is empty'): download('tiny', folder=dest, sources=[])

def test_other_files_stay(server, dest):
    dest.mkdir(parents=True)
    mine = ['.film.part', '.profile', 'notes.txt', 'x.part', '.0123456789abcdef.part']
    for n in mine: (dest/n).write_text(n)
    old = [f'.{names[0]}.0123abcd.part', f'.{names[3]}.01234567.part', '.verified.json.00000000.part'] # of a process that was killed
    for n in old: (dest/n).write_text('half')
    download('tiny', folder=dest, sources=f'{server.url}/good')
    assert {p.name for p in dest.iterdir()} == {*mine, *names, '.lock', 'verified.json'}
    assert all((dest/n).read_text()==n for n in mine)

def test_two_data_sets_in_one_folder(server, dest, monkeypatch):
    "Both have the same names and sizes: what is there for one is not taken for the other"
    other = {n: hashlib.sha256(b).hexdigest() for n,b in faulty.other.items()}
    monkeypatch.setitem(DATASETS, 'other', other)
    def read(files): return [gzip.decompress(f.read_bytes()) for f in files]
    for _ in range(2):
        assert read(download('tiny', folder=dest, sources=f'{server.url}/good')) == list(raw.values())
        assert read(download('other', folder=dest, sources=f'{server.url}/wrong_data')) == list(faulty.other.values())

notes = '', '[]', '7', '{', '\0', '['*10**5, '{"t10k-labels-idx1-ubyte.gz": [1, 2, 3]}', b'\xff\xfe', None

@pytest.mark.parametrize('note', notes, ids=range(len(notes)))
def test_damaged_notes(note, server, dest):
    download('tiny', folder=dest, sources=f'{server.url}/good')
    (dest/'verified.json').unlink()
    if note is None: (dest/'verified.json').mkdir()
    else: (dest/'verified.json').write_bytes(note if isinstance(note, bytes) else note.encode())
    assert list(download('tiny', folder=dest, sources=[])) == [dest/n for n in names]
    if note is not None: whole(dest, partly=False)

damages = dict(empty=lambda b: b'', other=lambda b: b'x', bomb=lambda b: faulty.bomb(), cut=lambda b: b[:-1],
               more=lambda b: b + b'\0x', flipped=faulty.flipped)

@pytest.mark.parametrize('damage', damages)
def test_damage_in_the_cache_is_mended(damage, server, dest):
    download('tiny', folder=dest, sources=f'{server.url}/good')
    server.log.clear()
    (dest/names[1]).write_bytes(damages[damage](good[names[1]]))
    download('tiny', folder=dest, sources=f'{server.url}/good')
    assert server.log == [f'/good/{names[1]}']
    whole(dest, partly=False)

def test_names_in_the_way(server, dest, tmp_path):
    (dest/names[0]).mkdir(parents=True)
    with pytest.raises(DownloadError, match='Cannot write in'):
        download('tiny', folder=dest, sources=f'{server.url}/good')
    (tmp_path/'file').write_text('mine')
    for d in (tmp_path/'file', tmp_path/'file'/'below'):
        with pytest.raises(DownloadError, match='Cannot write in'):
            download('tiny', folder=d, sources=f'{server.url}/good')
    (dest/names[0]).rmdir()
    download('tiny', folder=dest, sources=f'{server.url}/good')
    whole(dest, partly=False)

def test_source_from_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv('FMNIST_NB_HOME', str(tmp_path/'home'))
    monkeypatch.setenv('FMNIST_NB_SOURCE', f'{server.url}/good/')
    assert download('tiny')[0].parent == data_dir('tiny') == tmp_path/'home'/'tiny'
    assert server.log == [f'/good/{n}' for n in (f'tiny/{names[0]}', *names)]
    whole(data_dir('tiny'), partly=False)
    monkeypatch.setenv('FMNIST_NB_SOURCE', str(tmp_path/'home'))
    monkeypatch.setenv('FMNIST_NB_HOME', str(tmp_path/'second'))
    download('tiny')
    whole(tmp_path/'second'/'tiny', partly=False)

# -- Processes that die, that meet, that have no room or no rights

@pytest.fixture(scope='session')
def worker():
    "Does the works in `faulty.py`, each in a process of its own that is forked from one where all is imported"
    with tempfile.TemporaryFile('w+') as err:
        one_thread = os.environ | {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'} # for it forks
        p = subprocess.Popen([sys.executable, '-B', '-W', 'ignore::DeprecationWarning', faulty.__file__], text=True,
                             env=one_thread, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
        def work(*order):
            p.stdin.write(json.dumps(order) + '\n')
            p.stdin.flush()
            res = json.loads(p.stdout.readline() or 'null') # a work that hangs is ended by its own alarm
            err.seek(0)
            said = err.read()
            err.truncate(0)
            assert res and not said, said or f'{order} died'
            return res[0]
        with p:
            yield work
            p.stdin.close()

@pytest.fixture
def work(worker, server): return lambda name, dest, *args: worker(name, server.url, str(dest), *args)

@pytest.fixture
def quick(tmp_path):
    "A folder in memory, where there is one: nobody has to wait for a disk"
    shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=shm) as d: yield Path(d)/'tiny'

jobs = pytest.mark.parametrize('what', ['download', 'load'])

@jobs
def test_kill_at_200_random_moments(what, work, quick):
    r = work('kill', quick, what, 200)
    print(r)
    assert r['killed'] > 100, r # what is astray when a file is half written, the next test shows

@jobs
def test_kill_before_each_step(what, work, quick):
    r = work('steps', quick, what)
    print(r)
    assert r['steps'] > 15 and r['stray'] > 3, r

@jobs
def test_eight_processes_one_transfer(what, work, server, quick):
    assert work('together', quick, what, 8) == [0]*8
    assert server.log == [f'/later/{n}' for n in names]

@jobs
@pytest.mark.parametrize('size', [0, 1, 5000, 100_000, 156_000])
def test_no_room(what, size, work, quick):
    res,have = work('no_room', quick, what, size)
    if what=='load': assert res == 'ok' # from memory
    else:
        assert res.startswith(f'Cannot write in {quick}: [Errno 27] File too large') and 'make room' in res
        assert not set(names) & set(have)

@pytest.fixture
def mounts(work, tmp_path):
    if not work('may_mount', tmp_path): pytest.skip('file systems cannot be mounted here')

def test_full_disk(mounts, work, dest):
    dest.parent.mkdir()
    empty,have,some,all_ = work('full_disk', dest)
    assert empty.startswith(f'Cannot write in {dest}: [Errno 28] No space left on device') and 'make room' in empty
    assert not set(names) & set(have)
    assert copy not in some and copy in all_

@jobs
@pytest.mark.parametrize('how', ['rights', 'mount'])
def test_read_only_cache(what, how, work, request):
    if how=='mount': request.getfixturevalue('mounts')
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        full,decoded,empty = work('read_only', Path(d)/'tiny', what, how)
        assert full == decoded == 'ok'
        assert re.match(rf'Cannot write in {d}/tiny: \[Errno \d+\] (Permission denied|Read-only file system)', empty), empty
        assert 'FMNIST_NB_HOME' in empty

def test_copy_of_the_first_edition(server, dest):
    "Labels as int64, a mark in its time, not to be written to, nothing noted: it is made anew"
    import torch
    from safetensors.torch import save
    from fmnist_nb.tensors import load_data
    download('tiny', folder=dest, sources=f'{server.url}/good')
    splits = load_data('tiny', folder=dest)
    new = (dest/copy).read_bytes()
    old = {f'{s}.{k}': t for s,split in splits._asdict().items() for k,t in split._asdict().items()}
    (dest/copy).unlink() # it is mapped: not to be written over
    (dest/copy).write_bytes(save(old))
    (dest/copy).chmod(0o444)
    os.utime(dest/copy, ns=(int(hashes[names[0]][:8], 16) % 10**9,)*2)
    for _ in range(2):
        for a,b in zip(load_data('tiny', folder=dest), splits): assert torch.equal(a.x, b.x) and torch.equal(a.y, b.y)
        assert (dest/copy).read_bytes() == new
        whole(dest, partly=False)

# -- The real files

@pytest.fixture(scope='module')
def real():
    try: return download()
    except DownloadError as e: pytest.skip(f'no Fashion-MNIST here: {e}')

@pytest.fixture
def real_server(real):
    s,hashes = Server(),DATASETS['fashion-mnist']
    packed = {f.name: f.read_bytes() for f in real}
    assert all(hashlib.sha256(gzip.decompress(b)).hexdigest() == hashes[n] for n,b in packed.items())
    def swapped(c, n): reply(c, packed[n.replace('train', 't10k') if 'train' in n else n.replace('t10k', 'train')])
    def halved(c, n): reply(c, packed[n][:len(packed[n])//2], length=len(packed[n]))
    def spoilt(c, n): reply(c, faulty.flipped(packed[n]))
    def same_size(c, n): reply(c, gzip.compress(bytes(dl._sizes[n]), 1))
    def real_thing(c, n): reply(c, packed[n])
    s.behaviours |= dict(swapped=swapped, halved=halved, spoilt=spoilt, same_size=same_size, good=real_thing)
    yield s
    s.close()

def test_the_real_files(real_server, tmp_path):
    told = dict(status_404='HTTP Error 404', web_page='begins with', halved='ended before', same_size='SHA-256',
                loop='loop', swapped='SHA-256 5b4141f0…, not c59f468a…', spoilt='damaged gzip file|SHA-256')
    bad = [f'{real_server.url}/{f}' for f in told]
    with pytest.raises(DownloadError) as e: download(folder=tmp_path, sources=bad)
    for fault,cause in told.items(): assert re.search(f'/{fault}: .*({cause})', str(e.value)), cause
    files = download(folder=tmp_path, sources=[*bad, f'{real_server.url}/good'])
    for f,h in zip(files, DATASETS['fashion-mnist'].values()):
        assert hashlib.sha256(gzip.decompress(f.read_bytes())).hexdigest() == h
    assert {p.name for p in tmp_path.iterdir()} == {'.lock', 'verified.json', *names}

@pytest.mark.parametrize('how', ['fork', 'spawn', 'forkserver'])
def test_workers_however_started(real, how):
    "They take over the mapped memory of the dataset, whole or in part"
    import torch
    from fmnist_nb.tensors import FashionMNIST
    ds = FashionMNIST(train=False)
    for part in (ds, ds[:1000]):
        batches = part.loader(500, num_workers=2, multiprocessing_context=how)
        assert torch.equal(torch.cat([xb for xb,_ in batches]), part.data[:,None]/255)
