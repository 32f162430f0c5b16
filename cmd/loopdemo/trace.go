package main

import (
	"errors"
	"io"
	"os"

	"github.com/takt-go/takt/loop/trace"
)

// budget is how much memory the recording may take: enough for 300,000 events.
const budget = 16 << 20

// recording is what -perfetto and -timeline write when the program ends.
type recording struct {
	*trace.Recorder // nil if neither was given
	files           []*os.File
	write           []func(io.Writer) error // one for each file
	made            []string                // those that were not there before
}

// record opens the files, so that a program that cannot write them does not begin. What
// is in them stays there until save.
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

// sameFile reports whether two names, one of them a link, are of one file. A device may
// be written to by both.
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

// empty drops what was in a file before. A device has nothing to drop.
func empty(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}
