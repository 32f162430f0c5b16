package looptest_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// inEmptyFolder makes the rest of the test run in an empty folder, and returns the corpus of the test.
func inEmptyFolder(t *testing.T) (corpus string) {
	t.Chdir(t.TempDir())
	return looptest.CorpusOf(t.Name())
}

// filesOf returns the texts of the files in a folder, by their names.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

// put writes a file of a corpus.
func put(t *testing.T, corpus, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(corpus, 0o777))
	must(t, os.WriteFile(filepath.Join(corpus, name), []byte(text), 0o666))
}

// fixed is deposits without the bug.
func fixed(ctx context.Context, t *looptest.T) {
	balance := 0
	deposit := func(ctx context.Context) (none, error) {
		err := task.Yield(ctx)
		balance += 50
		return none{}, err
	}
	ann, bob := task.Go(ctx, deposit, task.Named("ann")), task.Go(ctx, deposit, task.Named("bob"))
	must(t, task.Gather(ann, bob).Wait(ctx))
	if balance != 100 {
		t.Errorf("the balance is %d, want 100", balance)
	}
}

// firstInFirstOut runs one schedule only, so it finds nothing in deposits.
var firstInFirstOut = looptest.DelayBounded(0)

func TestCorpus(t *testing.T) {
	corpus := inEmptyFolder(t)
	s := looptest.Sample(1, 1000)
	if explore(t, s, deposits); len(filesOf(t, corpus)) > 0 {
		t.Fatal("Explore adds to the corpus, but that was not asked for")
	}
	r := explore(t, s, deposits, looptest.AddToCorpus())
	files := filesOf(t, corpus)
	if len(files) != 1 {
		t.Fatalf("the corpus is %v", files)
	}
	var path string
	for name, text := range files {
		path = filepath.Join(corpus, name)
		if want := "# deposit_test.go:27: the balance is 50, want 100\n" + r.replay() + "\n"; text != want {
			t.Errorf("the file is %q, want %q", text, want)
		}
	}
	contains(t, r.report(), "\nThe schedule was added to the corpus: "+path)

	// From then on every strategy finds the failure.
	r = explore(t, firstInFirstOut, deposits, looptest.AddToCorpus())
	contains(t, r.report(), "the balance is 50, want 100", "It fails with 1 deviation from first in, first out ("+path+"). To replay", "The interleaving")
	if strings.Contains(r.report(), "The schedule was added") || len(r.errors) != 1 || len(filesOf(t, corpus)) != 1 {
		t.Errorf("%d errors, the corpus is %v; %s", len(r.errors), filesOf(t, corpus), r.report())
	}
	r = explore(t, firstInFirstOut, fixed)
	if r.Failed() {
		t.Error(r.report())
	}
	if told := "looptest: " + path + " no longer fits the program: 1 deviation"; testing.Verbose() != strings.Contains(strings.Join(r.logs, "\n"), told) {
		t.Errorf("the log is %q, want %q in it in verbose mode only", r.logs, told)
	}

	// Only the first part of an exploration replays it.
	t.Setenv("TAKT_SHARD", "2/2")
	if r = explore(t, firstInFirstOut, deposits); r.Failed() {
		t.Error(r.report())
	}
}

// A schedule is added once, whatever its file is called.
func TestCorpusHasNoScheduleTwice(t *testing.T) {
	corpus := inEmptyFolder(t)
	t.Setenv("TAKT_CORPUS_ADD", "1")
	r := explore(t, looptest.DelayBounded(1), deposits)
	text := filesOf(t, corpus)
	must(t, os.RemoveAll(corpus))
	put(t, corpus, "lost deposit.txt", "\n  # the bug of last week\n\n"+r.replay()+"  \n")
	t.Setenv("TAKT_SHARD", "1/2") // the second part finds the failure, and does not replay the corpus
	explore(t, looptest.DelayBounded(1), deposits)
	t.Setenv("TAKT_SHARD", "2/2")
	r = explore(t, looptest.Sample(1, 1000), deposits)
	if files := filesOf(t, corpus); len(files) != 1 || len(text) != 1 {
		t.Errorf("the corpus is %q, and was %q", files, text)
	}
	contains(t, r.report(), "The corpus has this schedule: "+filepath.Join(corpus, "lost deposit.txt"))
}

// The schedules run before the first run of the strategy, in the order of the files, each with its own
// factory. With KeepGoing each failure is reported once.
func TestCorpusComesFirst(t *testing.T) {
	corpus := inEmptyFolder(t)
	var ran []int
	body := func(_ context.Context, t *looptest.T) {
		value := t.Choose("value", 10)
		ran = append(ran, value)
		if value > 5 {
			t.Errorf("value %c", 'A'+value)
		}
	}
	keep := looptest.KeepGoing(10)
	explore(t, looptest.Exhaustive(0), body, looptest.AddToCorpus(), keep)
	files := filesOf(t, corpus)
	var values []int // in the order of the files
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}) {
		at := strings.Index(files[name], ": value ")
		values = append(values, int(files[name][at+len(": value ")]-'A'))
	}
	if len(values) != 4 {
		t.Fatalf("the corpus is %v", files)
	}
	put(t, corpus, ".hidden", "no schedule")
	must(t, os.Mkdir(filepath.Join(corpus, "subtest"), 0o777))

	ran = nil
	r := explore(t, firstInFirstOut, body, keep, looptest.MinimiseFor(0), looptest.Unexplained())
	if len(r.errors) != 4 {
		t.Errorf("%d errors; %s", len(r.errors), r.report())
	}
	if all := slices.Compact(ran); len(all) < 5 || !slices.Equal(all[:4], values) || all[4] != 0 {
		t.Errorf("the values are %v, want %v first, and then 0", all, values)
	}
	ran = nil
	if r = explore(t, firstInFirstOut, body, looptest.MinimiseFor(0), looptest.Unexplained()); len(r.errors) != 1 || slices.Contains(ran, values[1]) {
		t.Errorf("without KeepGoing %d errors; %v", len(r.errors), ran)
	}
	r = explore(t, looptest.Exhaustive(0), body, keep, looptest.BothFactories())
	if len(r.errors) != 4 {
		t.Errorf("the exploration reports what the corpus has shown: %d errors; %s", len(r.errors), r.report())
	}
}

func TestCorpusIsDamaged(t *testing.T) {
	good := "takt2:AAACAAEBAQABAAEAAAE\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "it has 0 lines; give it one schedule, and # before the lines of a comment"},
		"only a comment":  {"# takt2:\n", "it has 0 lines"},
		"two schedules":   {good + good, "it has 2 lines; give it one schedule"},
		"no schedule":     {"# a\nthe balance is 50\n", `"the balance is 50" is not a schedule`},
		"an old schedule": {"takt1:AAA\n", `"takt1:AAA" is not a schedule`},
		"cut off":         {good[:12], "is damaged: "},
		"not text":        {strings.Repeat("\xff", 1<<20), "... (1048576 bytes) is not a schedule"},
	} {
		t.Run(name, func(t *testing.T) {
			corpus := inEmptyFolder(t)
			put(t, corpus, "good", good)
			put(t, corpus, "other", c.text)
			r := explore(t, few, func(context.Context, *looptest.T) { t.Error("the body was run") })
			contains(t, r.report(), "looptest: "+filepath.Join(corpus, "other")+" is not a file of a corpus; mend or remove it: ", c.want)
			if len(r.errors) != 1 || len(r.report()) > 1200 {
				t.Errorf("%d errors, %d bytes", len(r.errors), len(r.report()))
			}
		})
	}
	t.Run("not a folder", func(t *testing.T) {
		corpus := inEmptyFolder(t)
		put(t, filepath.Dir(corpus), filepath.Base(corpus), "")
		contains(t, explore(t, few, deposits, looptest.AddToCorpus()).report(), "looptest: cannot read the corpus: ")
	})
}

func TestCorpusCannotBeWritten(t *testing.T) {
	inEmptyFolder(t)
	// When the failure is found, there is a file in the place of the folder.
	r := explore(t, looptest.DelayBounded(1), func(ctx context.Context, tt *looptest.T) {
		put(t, "testdata", "looptest", "")
		deposits(ctx, tt)
	}, looptest.AddToCorpus())
	contains(t, r.report(), "the balance is 50, want 100", "looptest: cannot ")
}

// The corpus of a test is below testdata/looptest, whatever the name of the test is.
func TestCorpusOf(t *testing.T) {
	for name, want := range map[string]string{
		"TestX":          "testdata/looptest/TestX",
		"TestX/a_case":   "testdata/looptest/TestX/a_case",
		"TestX/a/b":      "testdata/looptest/TestX/a/b",
		"TestX/..":       "testdata/looptest/TestX/_",
		"TestX/../../..": "testdata/looptest/TestX/_/_/_",
		"TestX//a":       "testdata/looptest/TestX/a",
		`TestX/a:b\c*?`:  "testdata/looptest/TestX/a_b_c__",
	} {
		if got := looptest.CorpusOf(name); got != filepath.FromSlash(want) {
			t.Errorf("the corpus of %s is %s, want %s", name, got, want)
		}
	}
}

// A test with a long name has a corpus and a timeline. Names with the same beginning have folders of their own.
func TestCorpusOfALongName(t *testing.T) {
	folders := map[string]bool{}
	for _, end := range []string{"a", "b"} {
		t.Run(strings.Repeat("ä long näme ", 50)+end, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("TAKT_ARTIFACTS", "artifacts")
			fails := func(_ context.Context, t *looptest.T) { t.Error("it fails") }
			r := explore(t, few, fails, looptest.AddToCorpus())
			contains(t, r.report(), "The schedule was added to the corpus: ", "The timeline of this run: ")
			r = explore(t, few, fails)
			contains(t, r.report(), "It fails first in, first out ("+looptest.CorpusOf(t.Name()))
			folders[looptest.CorpusOf(t.Name())] = true
		})
	}
	if len(folders) != 2 {
		t.Error(folders)
	}
}
