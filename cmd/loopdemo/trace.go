package main

import (
	"errors"
	"io"
	"os"

	"github.com/takt-go/takt/loop/trace"
)

// budget is the memory in bytes that the recording may take. It is enough for 300,000 events.
const budget = 16 << 20

// recording records the events. -perfetto and -timeline write it when the program ends.
type recording struct {
	*trace.Recorder // nil if neither flag was given
	files           []*os.File
	write           []func(io.Writer) error // one for each file
	made            []string                // the paths of the files that did not exist before
}

// record opens the files before the program begins, so that it does not begin if it cannot
// write them. The files keep their old content until save.
func (c *config) record() (*recording, error) {
	r := new(recording)
	if c.perfetto == "" && c.timeline == "" {
		return r, nil
	}
	r.Recorder = trace.NewRecorder(budget)
	err := errors.Join(r.add(c.perfetto, r.WritePerfetto), r.add(c.timeline, r.WriteTimeline))
	if err == nil && len(r.files) == 2 && sameFile(r.files[0], r.files[1]) {
		err = c.sameFile()
	}
	if err != nil {
		for _, f := range r.files {
			err = errors.Join(err, f.Close())
		}
		for _, path := range r.made {
			err = errors.Join(err, os.Remove(path))
		}
		return nil, err
	}
	return r, nil
}

func (r *recording) add(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		r.made = append(r.made, path)
	} else if errors.Is(err, os.ErrExist) {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		return err
	}
	r.files, r.write = append(r.files, f), append(r.write, write)
	return nil
}

// sameFile reports whether a and b are the same regular file, which has two names if one is a
// link. The same device may be used for both.
func sameFile(a, b *os.File) bool {
	one, err1 := a.Stat()
	two, err2 := b.Stat()
	return err1 == nil && err2 == nil && one.Mode().IsRegular() && os.SameFile(one, two)
}

// save writes the files.
func (r *recording) save() (err error) {
	for i, f := range r.files {
		err = errors.Join(err, empty(f), r.write[i](f), f.Close())
	}
	return err
}

// empty removes the old content of a file. A device has none.
func empty(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}
