package looptest_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// short returns the report, with NN for the lines of test files. It fails the test if the report has
// more than 60 lines, or a line that is too long to read. go test -run TestReportOf -v shows these
// reports.
func (r *recording) short(t *testing.T) string {
	t.Helper()
	report := lines.ReplaceAllString(r.report(), "_test.go:NN")
	t.Log("\n" + report)
	if n := strings.Count(report, "\n") + 1; n > 60 {
		t.Errorf("%d lines, want 60 or fewer:\n%s", n, report)
	}
	for line := range strings.SplitSeq(report, "\n") {
		if len(line) > 400 && !strings.Contains(line, "looptest.Replay") {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	return report
}

// wander suspends n times, in places that make no pattern of six steps or fewer.
func wander(ctx context.Context, n int) {
	for i := range n {
		switch {
		case i%7 == 0:
			task.Yield(ctx)
		case i%11 == 0:
			task.Yield(ctx)
		default:
			task.Yield(ctx)
		}
	}
}

func TestReportOfALongRun(t *testing.T) {
	steps := 100_000
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		together(ctx, t, func(ctx context.Context) { wander(ctx, steps) }, func(ctx context.Context) { wander(ctx, 10) })
		t.Error("too late")
	}, looptest.MaxSteps(1<<20), looptest.Unexplained())
	report := r.short(t)
	contains(t, report, "report_test.go:NN: too late\n\nIt fails first in, first out", "looptest.Replay(t, \"", " steps ...\n",
		"made A, made B\n", fmt.Sprintf("\t%d   main  ", steps+14), "its end\n\t         ! report_test.go:")
}

// Only the steps that are repeated come down to a line, and the end is there.
func TestReportOfALongPolling(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		together(ctx, t, func(ctx context.Context) { pauses(ctx, 500) }, func(ctx context.Context) { pauses(ctx, 500) })
		t.Error("too late")
	}, looptest.Unexplained())
	report := r.short(t)
	contains(t, report, "\t       these 2 steps ×499\n\t1002   A     ", "\n\t1004   main  ")
	if strings.Contains(report, " steps ...") {
		t.Error("steps are left out:\n" + report)
	}
}

func TestReportOfManyDeviations(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		parts := make([]part, 10)
		for i := range parts {
			parts[i] = func(ctx context.Context) { wander(ctx, 100) }
		}
		together(ctx, t, parts...)
		t.Error("too late")
	}
	var schedule string
	looptest.Schedules(t, looptest.Random(1, 1), body, func(r looptest.Ran) { schedule = r.Schedule })
	deviations := looptest.Deviations(schedule)
	if deviations < 300 {
		t.Fatalf("only %d deviations", deviations)
	}
	r := record(t, func(tb testing.TB) { looptest.Replay(tb, schedule, body) })
	report := r.short(t)
	listed := regexp.MustCompile(`\n\t *(\d+)  \w ran before `).FindAllStringSubmatch(report, -1)
	if len(listed) < 5 {
		t.Errorf("%d deviations are listed:\n%s", len(listed), report)
	}
	for _, d := range listed {
		if !regexp.MustCompile(`\n\t *` + d[1] + ` \* `).MatchString(report) {
			t.Errorf("step %s, a deviation, is not among the steps:\n%s", d[1], report)
		}
	}
	more := regexp.MustCompile(`\n\t +and ([\d,]+) more\n`).FindStringSubmatch(report)
	if more == nil || strings.ReplaceAll(more[1], ",", "") != fmt.Sprint(deviations-len(listed)) {
		t.Errorf("%v, want %d more:\n%s", more, deviations-len(listed), report)
	}
	contains(t, report, ": too late\n\nThe deviations, by step:\n", " deviations ...\n", "its end\n\t       ! report_test.go:")
}

// Two steps before a deviation and three after it are there, whatever else is left out.
func TestReportAroundADeviation(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		order := ""
		together(ctx, t, func(ctx context.Context) { wander(ctx, 100); order += "A"; wander(ctx, 100) },
			func(ctx context.Context) { wander(ctx, 100); order += "B"; wander(ctx, 100) })
		if order == "BA" {
			t.Error("too late")
		}
	}
	var failing []string
	looptest.Schedules(t, looptest.DelayBounded(1), body, func(r looptest.Ran) {
		if r.Failed {
			failing = append(failing, r.Schedule)
		}
	})
	r := record(t, func(tb testing.TB) { looptest.Replay(tb, failing[len(failing)/2], body) })
	report := r.short(t)
	found := regexp.MustCompile(`\n\t *(\d+) \* `).FindAllStringSubmatch(report, -1)
	if len(found) != 1 {
		t.Fatal(report)
	}
	var at int
	if fmt.Sscan(found[0][1], &at); at < 20 {
		t.Errorf("the deviation is in step %d, near to the start", at)
	}
	for i := max(1, at-2); i <= at+3; i++ {
		contains(t, report, fmt.Sprintf("\n\t%4d ", i))
	}
}

func TestReportOfManyLogs(t *testing.T) {
	logs := 10_000
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		say := func(ctx context.Context) {
			for i := range logs / 2 {
				t.Log("got", i)
				task.Yield(ctx)
			}
		}
		together(ctx, t, say, say)
		t.Error("too late")
	}, looptest.MaxSteps(1<<20), looptest.Unexplained())
	report := r.short(t)
	last := fmt.Sprintf("  report_test.go:NN: got %d\n", logs/2-1)
	contains(t, report, ": too late\n\nIt fails", "The last logs of each task, by step (1", " logs in all):\n", "  A  report_", "  B  report_", last)
	if strings.Count(report+"\n", last) != 2 {
		t.Errorf("the last log of a task is missing:\n%s", report)
	}
}

// A few logs stand under their steps, also in a long run.
func TestReportOfAFewLogs(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		for i := range 5 {
			t.Logf("round %d", i)
			wander(ctx, 100)
		}
		t.Error("too late")
	}, looptest.Unexplained())
	report := r.short(t)
	for i := range 5 {
		contains(t, report, fmt.Sprintf("\n\t       - report_test.go:NN: round %d\n", i))
	}
}

func TestReportOfManyTasksThatLog(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		parts := make([]part, 200)
		for i := range parts {
			parts[i] = func(ctx context.Context) { pauses(ctx, i); t.Logf("%d is here", i) }
		}
		together(ctx, t, parts...)
		t.Fatal("too late")
	}, looptest.Unexplained())
	report := r.short(t)
	contains(t, report, "(200 logs in all):\n", ": 199 is here\n", " more tasks")
}

// deep panics far from the body.
func deep(n int) {
	if n == 0 {
		panic("ouch\nand\nso\non\nand\non")
	}
	deep(n - 1)
}

func TestReportOfADeepPanic(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		_ = spawn(ctx, "worker", func(context.Context) error { deep(1000); return nil })
		wander(ctx, 1000)
	}
	for name, r := range map[string]*recording{"Explore": explore(t, few, body, looptest.Unexplained()), "Run": run(t, body)} {
		report := r.short(t)
		if !regexp.MustCompile(`panic in task "worker": ouch\n.*\n.*\n\t\.\.\. 3 more lines\n\tat report_test.go:NN, in looptest_test.deep\n\tcalled from report_test.go:NN, in looptest_test.deep  ×\d+\n\t\.\.\.911 frames elided\.\.\.\n`).MatchString(report) {
			t.Errorf("%s: the report is\n%s", name, report)
		}
	}
}

func TestReportOfADeadlockOfMany(t *testing.T) {
	forever := func(ctx context.Context) { _ = task.Sleep(ctx, task.NoLimit) }
	queue := func(ctx context.Context, t *looptest.T) { // all wait for one mutex
		var m lock.Mutex
		m.SetName("m")
		must(t, m.Lock(ctx))
		for i := range 500 {
			spawn(ctx, fmt.Sprint("worker", i), m.Lock)
		}
		forever(ctx)
	}
	circle := func(ctx context.Context, t *looptest.T) { // each waits for the next
		all := make([]lock.Mutex, 500)
		for i := range all {
			spawn(ctx, fmt.Sprint("worker", i), func(ctx context.Context) error {
				must(t, all[i].Lock(ctx))
				task.Yield(ctx)
				return all[(i+1)%len(all)].Lock(ctx)
			})
		}
		forever(ctx)
	}
	for _, c := range []struct {
		name string
		body looptest.Body
		want []string
	}{
		{"queue", queue, []string{"\tmain sleeps until ", "\tworker0 awaits mutex \"m\", held by \"main\", ", "; and so 499 more tasks"}},
		{"circle", circle, []string{"\tworker0 awaits a mutex, held by \"worker1\", ", "\n\t... 493 more tasks\n\tin a circle, each waits for the next: worker0 → worker1 → ", "→ ... 492 more tasks ... → worker499 → worker0"}},
	} {
		for name, r := range map[string]*recording{"Explore": explore(t, few, c.body, looptest.Unexplained()), "Run": run(t, c.body)} {
			report := r.short(t)
			contains(t, report, append(c.want, "deadlock: nothing can wake the tasks that are left:\n")...)
			if name == "Explore" {
				contains(t, report, "made worker4, and 495 more\n", "  ×492, by worker0, worker1, worker2 and 489 more\n", "   worker499  ")
			}
		}
	}
}

func TestReportOfLongTexts(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		wander(ctx, 1000)
		t.Error(strings.Repeat("long ", 2048))
		t.Error(strings.Repeat("line\n", 500))
		for i := range 10_000 {
			t.Errorf("error %d", i)
		}
		panic(errors.New("the end"))
	}, looptest.Unexplained())
	report := r.short(t)
	contains(t, report, "long long", "... (10,2", " bytes)\n", "\n\t... 4", " more lines\n", "\n... ", " more texts ...\n", "\nlooptest: panic in task \"main\": the end\n", "\n\t1001   main ")
}

// What a callback, a Cleanup or another goroutine logs is in the report.
func TestReportOfLogsOutsideOfTasks(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		t.Cleanup(func() { t.Log("from a cleanup") })
		_, err := task.Blocking(ctx, func(context.Context) (int, error) { t.Log("from a goroutine"); return 0, nil })
		must(t, err)
		call := lowlevel.LoopOf(ctx).CallSoon
		call(func() { t.Log("from a callback"); t.Log("and so on") })
		pauses(ctx, 2)
		t.Error("oh")
	}, looptest.Unexplained())
	report := r.short(t)
	contains(t, report, "outside of the loop: a Cleanup or another goroutine\n\t       - report_test.go:NN: from a goroutine\n\t       - report_test.go:NN: from a cleanup",
		"a callback\n\t       - report_test.go:NN: from a callback\n\t       - report_test.go:NN: and so on\n")
}
