package looptest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/trace"
)

// recordBudget is the memory of a recording, in bytes.
const recordBudget = 16 << 20

// A timeline is the recording of a run that is shown if it fails: as a page, in the folder
// for the artifacts of the test. The zero timeline, where nobody asked for artifacts,
// records nothing.
type timeline struct {
	dir string
	rec *trace.Recorder
}

// newTimeline returns the timeline of a run of t, and lets r be recorded for it.
func newTimeline(t testing.TB, r *run) timeline {
	tl := timeline{dir: artifacts(t)}
	if tl.dir == "" {
		return tl
	}
	tl.rec = trace.NewRecorder(recordBudget)
	r.timeline = tl.rec.Observe
	return tl
}

// artifacts returns the folder that TAKT_ARTIFACTS names, or else that of go test
// -artifacts, or else nothing.
func artifacts(t testing.TB) string {
	if dir := os.Getenv("TAKT_ARTIFACTS"); dir != "" {
		return dir
	}
	kept := flag.Lookup("test.artifacts")
	if a, ok := t.(interface{ ArtifactDir() string }); ok && kept != nil && kept.Value.String() == "true" {
		return a.ArtifactDir()
	}
	return ""
}

// write writes the page and returns a line that says where it is, behind an empty line.
func (tl timeline) write(t testing.TB) string {
	if tl.rec == nil {
		return ""
	}
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, c) {
			return '_'
		}
		return c
	}, t.Name())
	path := filepath.Join(tl.dir, name+".html")
	if err := tl.writeTo(path); err != nil {
		return fmt.Sprintf("\n\nlooptest: the timeline could not be kept: %v", err)
	}
	return "\n\nA timeline of it: " + path
}

func (tl timeline) writeTo(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := tl.rec.WriteTimeline(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
