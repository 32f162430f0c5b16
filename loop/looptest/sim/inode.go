package sim

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// An inode is a directory or a file, which has a name or not.
type inode struct {
	dir      bool
	perm     fs.FileMode
	modified time.Time
	fileData      // of a file
	listed   bool // in the disk's unsynced

	parent  *inode            // of a directory; the root is its own
	entries map[string]*inode // of a directory, as programs see them
	durable map[string]*inode // and as they are after a crash without luck
}

func newDir(parent *inode) *inode {
	d := &inode{dir: true, perm: 0o755, parent: parent, entries: map[string]*inode{}, durable: map[string]*inode{}}
	if parent == nil {
		d.parent = d
	}
	return d
}

// reachable returns the files and directories that have a name below dir.
func (dir *inode) reachable() map[*inode]bool {
	found := map[*inode]bool{}
	var walk func(*inode)
	walk = func(d *inode) {
		for _, n := range d.entries {
			found[n] = true
			if n.dir {
				walk(n)
			}
		}
	}
	walk(dir)
	return found
}

// revert makes the entries of dir, and below it, those that are durable.
func (dir *inode) revert() {
	dir.entries = maps.Clone(dir.durable)
	for _, n := range dir.entries {
		if n.dir {
			n.parent = dir
			n.revert()
		}
	}
}

// below reports whether dir is top, or is below it.
func (dir *inode) below(top *inode) bool {
	for ; dir != top; dir = dir.parent {
		if dir.parent == dir {
			return false
		}
	}
	return true
}

// path returns dir, and the directories above it.
func (dir *inode) path() []*inode {
	if dir.parent == dir {
		return []*inode{dir}
	}
	return append(dir.parent.path(), dir)
}

// A spot is an entry of a directory.
type spot struct {
	dir  *inode
	name string // "" for the root, and for a path that ends in .. or .
}

func (s spot) tooLong() bool { return len(s.name) > 255 }

// missing returns the error of a call that finds nothing at s.
func (s spot) missing() error {
	if s.tooLong() {
		return syscall.ENAMETOOLONG
	}
	return syscall.ENOENT
}

// find goes to a path. It returns the spot, and what is there, or nil. The name of the spot may be too long: see missing.
// slash tells whether the path ends as that of a directory does.
func (d *disk) find(path string) (at spot, node *inode, slash bool, err error) {
	switch {
	case path == "":
		return spot{}, nil, false, syscall.ENOENT
	case strings.ContainsRune(path, 0):
		return spot{}, nil, false, syscall.EINVAL
	}
	node = d.root
	at.dir = d.root
	for part := range strings.SplitSeq(path, "/") {
		slash = part == "" || part == "." || part == ".."
		switch {
		case node == nil && part != "": // only slashes may follow a name that is missing
			return spot{}, nil, false, at.missing()
		case node == nil:
		case !node.dir && part != "":
			return spot{}, nil, false, syscall.ENOTDIR
		case part == "":
		case part == ".":
			at = spot{dir: node}
		case part == "..":
			node = node.parent
			at = spot{dir: node}
		default:
			at = spot{node, part}
			node = node.entries[part]
		}
	}
	return at, node, slash, nil
}

// A change is one of entries of directories: create, mkdir, remove or rename. It happens whole or not at all.
type change struct {
	seq  uint64
	kind string
	node *inode // that gets the spot to, or loses it
	from spot   // of a rename: that node loses
	to   spot
	into []*inode // of a rename to another directory: that directory, and those above it
}

// apply makes the change durable.
func (c *change) apply() {
	if c.kind == "remove" {
		delete(c.to.dir.durable, c.to.name)
		return
	}
	if c.kind == "rename" {
		delete(c.from.dir.durable, c.from.name)
	}
	c.to.dir.durable[c.to.name] = c.node
}

// needs reports whether a crash that undoes the earlier change e must also undo c. Otherwise it can undo any of them.
// This order keeps a file from being lost that has a name all the time, and a directory from being in itself.
func (c *change) needs(e *change) bool {
	switch {
	case e.to == c.to, c.kind == "rename" && e.to == c.from, e.kind == "rename" && (e.from == c.to || e.from == c.from):
		return true // changes of one entry keep their order
	case c.kind == "remove" && c.node.dir:
		return e.to.dir == c.node || e.from.dir == c.node // what was moved out of a directory that is removed
	case e.kind == "mkdir":
		return slices.Contains(c.into, e.node) // a directory that a file was moved to
	}
	return c.kind == "rename" && e.kind == "rename" && c.node.dir && e.node.dir
}
