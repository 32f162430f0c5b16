package looptest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The corpus of a test has the schedules under which the test has failed. It is the folder
// testdata/looptest/TestName, with one schedule in each file: a line that is the schedule, and lines
// that begin with #, for readers.

// A kept is a schedule of the corpus.
type kept struct {
	schedule
	path string
}

// corpusOf returns the folder of the corpus of a test. The folder of a subtest is in that of the test.
func corpusOf(test string) string {
	path := filepath.Join("testdata", "looptest")
	for name := range strings.SplitSeq(test, "/") {
		if name = fileName(name); name == "." || name == ".." {
			name = "_"
		}
		path = filepath.Join(path, name)
	}
	return path
}

// maxFileName is how many bytes the name of a test has in the name of a file. File systems allow 255, and a
// name may get an ending.
const maxFileName = 200

// fileName returns a name without the characters that a file system may not allow in the name of a file. The
// end of a long name is a hash in place of the rest.
func fileName(name string) string {
	if len(name) > maxFileName {
		name = fmt.Sprintf("%s-%016x", strings.ToValidUTF8(name[:maxFileName-17], ""), hashOf(name))
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, c) {
			return '_'
		}
		return c
	}, name)
}

// readCorpus returns the schedules of the corpus, in the order of their files. Names that begin with a
// dot are left out.
func readCorpus(test string) (all []kept, err error) {
	dir := corpusOf(test)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looptest: cannot read the corpus: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		k := kept{path: filepath.Join(dir, e.Name())}
		text, err := os.ReadFile(k.path)
		if err != nil {
			return nil, fmt.Errorf("looptest: cannot read the corpus: %w", err)
		}
		if k.schedule, err = parseFile(string(text)); err != nil {
			return nil, fmt.Errorf("looptest: %s is not a file of a corpus; mend or remove it: %s", k.path, strings.TrimPrefix(err.Error(), "looptest: "))
		}
		all = append(all, k)
	}
	return all, nil
}

// parseFile reads the text of a file of a corpus.
func parseFile(text string) (schedule, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		return schedule{}, fmt.Errorf("it has %s; give it one schedule, and # before the lines of a comment", plural(len(lines), "line", "lines"))
	}
	return parseSchedule(lines[0])
}

// replayCorpus runs the schedules of the corpus, each on an explorer of its own, and reports those that
// fail. It returns the first run of each failure. It looks for no more failures than Explore does.
func replayCorpus(all []kept, explorer func() *explorer) (failing []*run) {
	for _, k := range all {
		x := explorer()
		x.t.Helper()
		x.eager, x.passing = k.eager, k.timePasses
		if x.known = failing; x.enough() {
			break
		}
		r := x.again(k.schedule, func(r *run) { r.from = k.path })
		if lost := r.lost(k.schedule); lost != "" && testing.Verbose() {
			x.t.Logf("looptest: %s no longer fits the program: %s", k.path, lost)
		}
		if r.failed() && !slices.ContainsFunc(failing, r.failsAs) {
			failing = append(failing, r)
			x.t.Error(x.describe(r))
		} else if text := x.strayed(r); text != "" {
			x.t.Error(text)
		}
	}
	return failing
}

// addToCorpus adds the minimised schedule of a failure to the corpus, if that is asked for. It returns
// a line with the path of the file.
func (x *explorer) addToCorpus(failing *run, s schedule, texts []string) string {
	if !x.corpusAdd || failing.from != "" { // the failure comes from the corpus
		return ""
	}
	all, err := readCorpus(x.t.Name())
	if err != nil {
		return err.Error()
	}
	text := s.String()
	for _, k := range all {
		if k.schedule.String() == text {
			return "The corpus has this schedule: " + k.path
		}
	}
	path := filepath.Join(corpusOf(x.t.Name()), fmt.Sprintf("%016x", hashOf(text)))
	if err := writeFile(path, commentOf(texts)+text+"\n"); err != nil {
		return fmt.Sprintf("looptest: cannot add the schedule to the corpus: %v", err)
	}
	return "The schedule was added to the corpus: " + path
}

// commentOf returns the first lines of the texts of a failure as a comment.
func commentOf(texts []string) (comment string) {
	for _, line := range firstLines(strings.Join(texts, "\n"), 10) {
		comment += strings.TrimSpace("# "+line) + "\n"
	}
	return comment
}

// writeFile writes a file, with its folders. No process ever reads a part of the file.
func writeFile(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	_ = f.Chmod(0o644) // not every system can
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
