package looptest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/trace"
)

// recordBudget is the memory of a recording, in bytes.
const recordBudget = 16 << 20

// A timeline records a run. If the run fails, the recording is written as a page into the folder
// for the artifacts of the test. The zero timeline records nothing: it is used if no folder is set.
type timeline struct {
	dir string
	rec *trace.Recorder
}

// newTimeline returns the timeline of a run of t, and makes it an observer of r.
func newTimeline(t testing.TB, r *run) timeline {
	tl := timeline{dir: artifacts(t)}
	if tl.dir == "" {
		return tl
	}
	tl.rec = trace.NewRecorder(recordBudget)
	r.timeline = tl.rec.Observe
	report, page := r.scene, world.Recorder(tl.rec)
	r.scene = func(e world.Event) {
		report(e)
		page(e)
	}
	return tl
}

// artifacts returns the folder that TAKT_ARTIFACTS names. If that is not set, it returns the folder
// of go test -artifacts, or an empty string without this flag.
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

// write writes the page. It returns a line with the path of the page.
func (tl timeline) write(t testing.TB) string {
	if tl.rec == nil {
		return ""
	}
	path := filepath.Join(tl.dir, fileName(t.Name())+".html")
	if err := tl.writeTo(path); err != nil {
		return fmt.Sprintf("looptest: cannot write the timeline: %v", err)
	}
	return "The timeline of this run: " + path
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
