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
}

// record makes the files, so that a program that cannot write them does not begin.
func (c *config) record() (*recording, error) {
	r := new(recording)
	if c.perfetto == "" && c.timeline == "" {
		return r, nil
	}
	r.Recorder = trace.NewRecorder(budget)
	err := errors.Join(r.add(c.perfetto, r.WritePerfetto), r.add(c.timeline, r.WriteTimeline))
	if err != nil {
		for _, f := range r.files {
			err = errors.Join(err, f.Close())
		}
		return nil, err
	}
	return r, nil
}

func (r *recording) add(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	r.files, r.write = append(r.files, f), append(r.write, write)
	return nil
}

// save writes the files.
func (r *recording) save() (err error) {
	for i, f := range r.files {
		err = errors.Join(err, r.write[i](f), f.Close())
	}
	return err
}
