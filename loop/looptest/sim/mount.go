package sim

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/host"
)

// A mount is the disk as one machine sees it.
type mount struct {
	*disk
	machine *machine
}

// maxFile is the largest size of a file. Files have no holes.
const maxFile = 1 << 30

var (
	errPower  = errors.New("the machine is off")
	errOffset = errors.New("negative offset")
	errAppend = errors.New("os: invalid use of WriteAt on file opened with O_APPEND")
)

// Begin makes the call at one moment: now or at its end. A Sync makes durable at its end what was written before it
// began. If the task is unwound, a call that has not been made is dropped.
func (m *mount) Begin(_ *loop.Loop, op, name string, work, done func()) (abandon func()) {
	begun := m.seq
	made := op != "sync" && op != "syncdir" && m.calls.IntN(2) == 0
	h := m.node.world.loop.CallLater(m.latency(op, name), func() {
		defer done() // also if work panics: otherwise the task would wait for ever
		if !made {
			m.begun = begun
			work()
		}
	})
	if made {
		work()
	}
	return func() { h.Cancel() }
}

// failure returns an error of a call.
func failure(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// look is find for the call op, with its error.
func (m *mount) look(op, name string) (at spot, node *inode, slash bool, err error) {
	err = errPower
	if m.machine.up() {
		at, node, slash, err = m.find(name)
		if err == nil && at.tooLong() {
			err = syscall.ENAMETOOLONG
		}
	}
	if err != nil {
		err = failure(op, name, err)
	}
	return at, node, slash, err
}

// existing is look for what is there.
func (m *mount) existing(op, name string) (spot, *inode, error) {
	at, node, slash, err := m.look(op, name)
	switch {
	case err != nil:
	case node == nil:
		err = failure(op, name, syscall.ENOENT)
	case slash && !node.dir:
		err = failure(op, name, syscall.ENOTDIR)
	}
	return at, node, err
}

func (m *mount) Open(name string, flag int, perm fs.FileMode) (host.DiskFile, error) {
	at, node, slash, err := m.look("open", name)
	if err != nil {
		return nil, err
	}
	switch writes := flag&(os.O_WRONLY|os.O_RDWR|os.O_TRUNC|os.O_CREATE) != 0; {
	case flag&os.O_CREATE != 0 && strings.HasSuffix(name, "/") && at.name != "":
		err = syscall.EISDIR
	case node != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		err = syscall.EEXIST
	case node == nil && flag&os.O_CREATE == 0:
		err = syscall.ENOENT
	case node != nil && !node.dir && (slash || flag&directoryOnly != 0):
		err = syscall.ENOTDIR
	case node != nil && node.dir && writes:
		err = syscall.EISDIR
	case node == nil:
		node = &inode{perm: perm}
		err = m.add("create", name, at, node)
	}
	if err != nil {
		return nil, failure("open", name, err)
	}
	f := &openFile{mount: m, name: name, file: node, flag: flag}
	if flag&os.O_TRUNC != 0 {
		f.truncate(0)
	}
	return f, nil
}

// add gives a new file or directory a name.
func (m *mount) add(kind, name string, at spot, node *inode) error {
	if m.happens(m.faults.Full, kind+" of ", name, " finds the disk full") {
		return diskError{syscall.ENOSPC}
	}
	node.perm &= 0o755
	node.modified = m.now()
	m.change(change{kind: kind, node: node, to: at})
	return nil
}

// change makes a change of entries, as programs see them.
func (m *mount) change(c change) {
	c.seq = m.next()
	if c.from.dir != nil {
		delete(c.from.dir.entries, c.from.name)
		c.from.dir.modified = m.now()
	}
	if c.kind == "remove" {
		delete(c.to.dir.entries, c.to.name)
	} else {
		c.to.dir.entries[c.to.name] = c.node
	}
	c.to.dir.modified = m.now()
	m.changes = append(m.changes, c)
}

func (m *mount) Stat(name string) (fs.FileInfo, error) {
	_, node, err := m.existing("stat", name)
	if err != nil {
		return nil, err
	}
	return node.info(path.Base(name)), nil
}

func (m *mount) ReadDir(name string) ([]fs.DirEntry, error) {
	_, node, err := m.existing("open", name)
	switch {
	case err != nil:
		return nil, err
	case !node.dir:
		return nil, failure("readdirent", name, syscall.ENOTDIR)
	}
	var all []fs.DirEntry
	for entry, n := range node.entries {
		all = append(all, &dirEntry{m, name + "/" + entry, spot{node, entry}, n.info(entry)})
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

func (m *mount) Mkdir(name string, perm fs.FileMode) error {
	at, node, _, err := m.look("mkdir", name)
	switch {
	case err != nil:
		return err
	case node != nil:
		err = syscall.EEXIST
	default:
		node = newDir(at.dir)
		node.perm = perm
		err = m.add("mkdir", name, at, node)
	}
	if err != nil {
		return failure("mkdir", name, err)
	}
	return nil
}

func (m *mount) Rename(oldname, newname string) error {
	from, node, oldSlash, err := m.find(oldname)
	to, other, slash, err2 := m.find(newname)
	err = cmp.Or(err, err2)
	switch {
	case !m.machine.up():
		err = errPower
	case err != nil:
	case node == nil:
		err = from.missing()
	case from.name != "" && to.tooLong():
		err = syscall.ENAMETOOLONG
	case oldSlash && !node.dir, slash && !node.dir && (other == nil || !other.dir):
		err = syscall.ENOTDIR
	case other != nil && other.dir && (other != node || oldname == newname):
		err = syscall.EEXIST // as package os
	case from.name == "" || to.name == "":
		err = syscall.EBUSY
	case node == other:
		return nil
	case node.dir && to.dir.below(node):
		err = syscall.EINVAL
	case node.dir && other != nil:
		err = syscall.ENOTDIR
	default:
		c := change{kind: "rename", node: node, from: from, to: to}
		if from.dir != to.dir {
			c.into = to.dir.path()
		}
		m.change(c)
		if node.dir {
			node.parent = to.dir
		}
		return nil
	}
	return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
}

func (m *mount) Remove(name string) error {
	at, node, err := m.existing("remove", name)
	switch {
	case err != nil:
		return err
	case at.name == "" && strings.HasSuffix(strings.TrimRight(name, "/"), ".."):
		return failure("remove", name, syscall.ENOTEMPTY)
	case at.name == "":
		return failure("remove", name, syscall.EINVAL)
	case node.dir && len(node.entries) > 0:
		return failure("remove", name, syscall.ENOTEMPTY)
	}
	m.change(change{kind: "remove", node: node, to: at})
	return nil
}

func (m *mount) SyncDir(name string) error {
	_, node, err := m.existing("open", name)
	switch {
	case err != nil:
		return err
	case !node.dir:
		return failure("sync", name, syscall.ENOTDIR)
	}
	return m.fsync(node, name)
}

// fsync makes durable what was done to a file or directory before the call began.
func (m *mount) fsync(node *inode, name string) error {
	switch {
	case node.dir && m.happens(m.faults.SyncFails, "sync of the directory ", name, " fails"):
		return failure("sync", name, diskError{syscall.EIO})
	case node.dir:
		m.syncDir(node, m.begun)
	case node.unsynced(m.begun) && m.happens(m.faults.SyncFails, "sync of ", name, " fails"):
		node.fail(m.begun)
		m.settled(node)
		return failure("sync", name, diskError{syscall.EIO})
	default:
		m.sync(node, m.begun)
	}
	return nil
}

// now returns what the clock of the machine shows.
func (m *mount) now() time.Time { return m.machine.host.Now() }

// An openFile is an open file of a machine. When the machine goes off, it is closed.
type openFile struct {
	*mount
	name   string
	file   *inode
	flag   int
	at     int64
	closed bool
}

// access returns os.O_RDONLY, os.O_WRONLY or os.O_RDWR. With the two last ones together Linux lets a program neither read
// nor write.
func (f *openFile) access() int { return f.flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR) }

// usable returns the error of a call that cannot be made. denied is the access that the call does not go with.
func (f *openFile) usable(op string, denied int, err syscall.Errno) error {
	switch {
	case !f.machine.up():
		return failure(op, f.name, errPower)
	case f.closed:
		return failure(op, f.name, fs.ErrClosed)
	case denied >= 0 && (f.access() == denied || f.access() == os.O_WRONLY|os.O_RDWR):
		return failure(op, f.name, err)
	case f.file.dir && op != "stat" && op != "seek" && op != "sync" && op != "close":
		return failure(op, f.name, syscall.EISDIR)
	}
	return nil
}

// beyond reports whether p at off would end at an offset that no int64 can hold.
func beyond(off int64, p []byte) bool { return off > math.MaxInt64-int64(len(p)) }

func (f *openFile) Read(p []byte) (int, error) {
	n, err := f.read(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, failure("readat", f.name, errOffset)
	}
	n, err := f.read(p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *openFile) read(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := f.usable("read", os.O_WRONLY, syscall.EBADF); err != nil {
		return 0, err
	}
	switch {
	case beyond(off, p):
		return 0, failure("read", f.name, syscall.EINVAL)
	case off >= int64(len(f.file.data)):
		return 0, io.EOF
	}
	if f.happens(f.faults.ReadFails, "read of ", f.name, " fails") {
		return 0, failure("read", f.name, diskError{syscall.EIO})
	}
	n := copy(p, f.file.data[off:])
	f.flip(p[:n], f.name)
	return n, nil
}

func (f *openFile) Write(p []byte) (int, error) {
	at := f.at
	if f.flag&os.O_APPEND != 0 {
		at = int64(len(f.file.data))
	}
	n, err := f.write(p, at)
	if n > 0 {
		f.at = at + int64(n)
	}
	return n, err
}

func (f *openFile) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case f.flag&os.O_APPEND != 0:
		return 0, errAppend
	case off < 0:
		return 0, failure("writeat", f.name, errOffset)
	case len(p) == 0:
		return 0, nil
	}
	return f.write(p, off)
}

func (f *openFile) write(p []byte, off int64) (int, error) {
	if err := f.usable("write", os.O_RDONLY, syscall.EBADF); err != nil || len(p) == 0 {
		return 0, err
	}
	switch {
	case beyond(off, p):
		return 0, failure("write", f.name, syscall.EINVAL)
	case off+int64(len(p)) > maxFile:
		return 0, failure("write", f.name, syscall.EFBIG)
	}
	n, err := f.room(len(p), off)
	if n > 0 {
		f.file.write(p[:n], off, f.next)
		f.file.modified = f.now()
		f.dirty(f.file)
	}
	if err != nil {
		return n, failure("write", f.name, err)
	}
	if f.flag&os.O_SYNC != 0 {
		f.begun = f.seq
		if err := f.fsync(f.file, f.name); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	if err := f.usable("seek", -1, 0); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.file.data))
	default:
		offset = -1
	}
	if offset < 0 {
		return 0, failure("seek", f.name, syscall.EINVAL)
	}
	f.at = offset
	return offset, nil
}

func (f *openFile) Truncate(size int64) error {
	if err := f.usable("truncate", os.O_RDONLY, syscall.EINVAL); err != nil {
		return err
	}
	switch {
	case size < 0:
		return failure("truncate", f.name, syscall.EINVAL)
	case size > maxFile:
		return failure("truncate", f.name, syscall.EFBIG)
	}
	f.truncate(size)
	return nil
}

func (f *openFile) truncate(size int64) {
	f.file.truncate(size, f.next)
	f.file.modified = f.now()
	if len(f.file.log) > 0 {
		f.dirty(f.file)
	}
}

func (f *openFile) Stat() (fs.FileInfo, error) {
	if err := f.usable("stat", -1, 0); err != nil {
		return nil, err
	}
	return f.file.info(path.Base(f.name)), nil
}

func (f *openFile) Sync() error {
	if err := f.usable("sync", -1, 0); err != nil {
		return err
	}
	return f.fsync(f.file, f.name)
}

// Close is all that a task can still call when it is unwound. Then it does nothing.
func (f *openFile) Close() error {
	f.closed = true
	return nil
}

// info describes a file or directory.
func (n *inode) info(name string) fs.FileInfo {
	i := &fileInfo{name: name, mode: n.perm, size: int64(len(n.data)), modified: n.modified}
	if n.dir {
		i.mode |= fs.ModeDir
	}
	return i
}

type fileInfo struct {
	name     string
	mode     fs.FileMode
	size     int64
	modified time.Time
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.modified }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// A dirEntry is an entry of a directory, as ReadDir has found it.
type dirEntry struct {
	mount *mount
	path  string
	at    spot
	found fs.FileInfo
}

func (e *dirEntry) Name() string      { return e.at.name }
func (e *dirEntry) IsDir() bool       { return e.found.IsDir() }
func (e *dirEntry) Type() fs.FileMode { return e.found.Mode().Type() }

func (e *dirEntry) Info() (fs.FileInfo, error) {
	node := e.at.dir.entries[e.at.name]
	switch {
	case !e.mount.machine.up():
		return nil, failure("lstat", e.path, errPower)
	case node == nil:
		return nil, failure("lstat", e.path, syscall.ENOENT)
	}
	return node.info(e.at.name), nil
}
