package loop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestIsCanceled(t *testing.T) {
	canceled := &loop.CanceledError{Cause: io.EOF}
	for _, c := range []struct {
		what string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"ErrCanceled", future.ErrCanceled, true},
		{"with a cause", canceled, true},
		{"wrapped", fmt.Errorf("while reading: %w", canceled), true},
		{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", canceled)), true},
		{"joined with a failure", errors.Join(canceled, io.EOF), false},
		{"joined alone", errors.Join(canceled), false},
		{"wrapped with a failure", fmt.Errorf("%w and %w", canceled, io.EOF), false},
		{"a join of it, wrapped", fmt.Errorf("a: %w", errors.Join(canceled, io.EOF)), false},
		{"a standard context's", context.Canceled, false},
		{"a time limit", context.DeadlineExceeded, false},
		{"a panic with it", &loop.PanicError{Value: "x"}, false},
		{"another error", io.EOF, false},
		{"as text only", errors.New("canceled"), false},
	} {
		if got := loop.IsCanceled(c.err); got != c.want {
			t.Errorf("%s: IsCanceled(%v) = %t", c.what, c.err, got)
		}
	}
}

func TestCanceledErrorMatches(t *testing.T) {
	canceledByEOF := &loop.CanceledError{Cause: io.EOF}
	err := fmt.Errorf("wrapped: %w", canceledByEOF)
	for target, want := range map[error]bool{
		future.ErrCanceled:       true,
		context.Canceled:         true,
		context.DeadlineExceeded: false,
		io.EOF:                   false, // the error does not unwrap to its cause

		canceledByEOF:                           true,
		&loop.CanceledError{Cause: io.EOF}:      false, // another one, with a cause
		&loop.CanceledError{}:                   false, // another one, without a cause
		(*loop.CanceledError)(nil):              false,
		fmt.Errorf("%w", &loop.CanceledError{}): false,
	} {
		if got := errors.Is(err, target); got != want {
			t.Errorf("errors.Is(err, %#v) = %t", target, got)
		}
	}
	var canceled *loop.CanceledError
	if !errors.As(err, &canceled) || canceled.Cause != io.EOF {
		t.Error("errors.As does not find the cause")
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"canceled":                    future.ErrCanceled,
		"canceled: EOF":               &loop.CanceledError{Cause: io.EOF},
		"panic in a callback: oh":     &loop.PanicError{Value: "oh"},
		`panic in task "worker": 7`:   &loop.PanicError{Value: 7, Task: "worker"},
		"loop: closed":                loop.ErrClosed,
		`panic in task "worker": EOF`: &loop.PanicError{Value: io.EOF, Task: "worker"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPanicErrorUnwrapsToAnError(t *testing.T) {
	if !errors.Is(&loop.PanicError{Value: io.EOF}, io.EOF) {
		t.Error("errors.Is does not find the error that is the panic's value")
	}
	if (&loop.PanicError{Value: "EOF"}).Unwrap() != nil {
		t.Error("Unwrap returned an error, although the panic's value is none")
	}
}

func TestFailureKindNames(t *testing.T) {
	for k := loop.CallbackFailed; k <= loop.PolicyFailed; k++ {
		if text := k.String(); strings.HasPrefix(text, "FailureKind") {
			t.Errorf("failure %d has no name", uint8(k))
		}
	}
	if got := loop.FailureKind(0).String(); got != "FailureKind(0)" {
		t.Errorf("%q", got)
	}
}

func panicsInCallback() { panic(io.EOF) }

// checkPanic checks that f reports the panic of panicsInCallback.
func checkPanic(t *testing.T, f loop.Failure) {
	t.Helper()
	var p *loop.PanicError
	if f.Kind != loop.CallbackFailed || f.Task != nil || !errors.As(f.Err, &p) {
		t.Fatalf("failure %+v", f)
	}
	if p.Value != io.EOF || p.Task != "" {
		t.Errorf("PanicError %v of task %q", p.Value, p.Task)
	}
	if !bytes.Contains(p.Stack, []byte("panicsInCallback")) {
		t.Errorf("the stack does not lead to the panic:\n%s", p.Stack)
	}
}

func TestPanicOfACallbackGoesToErrorHandler(t *testing.T) {
	var failures []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	var log looptest.Journal
	l.CallSoon(panicsInCallback)
	l.CallSoon(log.Callback("same turn"))
	l.CallLater(1, panicsInCallback)
	l.CallLater(1, log.Callback("same instant"))
	run(t, l)
	log.Want(t, "same turn", "same instant")
	if len(failures) != 2 {
		t.Fatalf("%d failures, want 2", len(failures))
	}
	checkPanic(t, failures[0])
	checkPanic(t, failures[1])
}

// A callback may run on the stack of a suspended body. A panic of the callback does not affect that
// body.
func TestPanicOfACallbackLeavesSuspendedBodiesAlone(t *testing.T) {
	var failures []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	var log looptest.Journal
	for _, name := range []string{"a", "b"} {
		spawn(l.Context(), name, func(ctx context.Context) error {
			defer log.Add("%s ends", name)
			for range 3 {
				l.CallSoon(panicsInCallback)
				if err := task.Yield(ctx); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return nil
		})
	}
	run(t, l)
	log.Want(t, "a ends", "b ends")
	if len(failures) != 6 {
		t.Fatalf("%d failures, want 6", len(failures))
	}
	for _, f := range failures {
		checkPanic(t, f)
	}
}

func TestPanicNilOfACallback(t *testing.T) {
	var failures []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	var log looptest.Journal
	l.CallSoon(func() { panic(nil) })
	l.CallSoon(log.Callback("goes on"))
	run(t, l)
	log.Want(t, "goes on")
	if len(failures) != 1 {
		t.Errorf("failures: %v", failures)
	}
}

// logged runs fn, and returns what fn wrote to the default logger.
func logged(t *testing.T, fn func()) string {
	var text bytes.Buffer
	testkit.LogTo(t, slog.NewTextHandler(&text, nil))
	fn()
	return text.String()
}

func TestFailuresAreLoggedByDefault(t *testing.T) {
	text := logged(t, func() {
		l := loop.New(loop.WithDeadlockDetection())
		defer l.Close()
		l.CallSoon(panicsInCallback)
		run(t, l)
		lowlevel.Report(l, loop.Failure{Kind: loop.ShutdownFailed, Task: spawn(l.Context(), "last", task.Yield).Task(), Err: io.EOF})
	})
	for _, want := range []string{
		"level=ERROR", `msg="takt: a callback panicked"`, `err="panic in a callback: EOF"`, "panicsInCallback",
		`msg="takt: a task failed while the program was closing" err=EOF task=last`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the log:\n%s", want, text)
		}
	}
}

func TestPanicOfTheErrorHandlerIsLogged(t *testing.T) {
	var log looptest.Journal
	text := logged(t, func() {
		l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) { panic("the handler too") }))
		l.CallSoon(panicsInCallback)
		spawn(l.Context(), "suspended", func(ctx context.Context) error {
			l.CallSoon(panicsInCallback)
			err := task.Yield(ctx)
			log.Add("goes on")
			return err
		})
		run(t, l)
	})
	log.Want(t, "goes on")
	if n := strings.Count(text, `msg="takt: the error handler panicked" panic="the handler too" failure="a callback panicked"`); n != 2 {
		t.Errorf("%d of 2 panics of the handler are in the log:\n%s", n, text)
	}
}

// The error handler runs on the loop, outside of tasks, and may use the loop.
func TestErrorHandlerMayUseTheLoop(t *testing.T) {
	var log looptest.Journal
	var l *loop.Loop
	l = newLoop(t, loop.WithErrorHandler(func(loop.Failure) {
		spawn(l.Context(), "recovery", func(context.Context) error { log.Add("recovered"); return nil })
	}), loop.WithDebug())
	l.CallSoon(panicsInCallback)
	run(t, l)
	log.Want(t, "recovered")
}

// unwrapper is an error with methods that panic if it is a nil pointer.
type unwrapper struct{ inner error }

func (e *unwrapper) Error() string        { return "unwrapper: " + e.inner.Error() }
func (e *unwrapper) Unwrap() error        { return e.inner }
func (e *unwrapper) Is(target error) bool { return e.inner == target }
func (e *unwrapper) As(any) bool          { return e.inner == nil }

// A panic in a method of an error does not interrupt the scheduler between two of its states.
func TestErrorsWithMethodsThatPanic(t *testing.T) {
	var bad *unwrapper
	if loop.IsCanceled(bad) || loop.IsCanceled(fmt.Errorf("wrapped: %w", bad)) {
		t.Error("an error that is a nil pointer counts as a cancellation")
	}
	if !loop.IsCanceled(&unwrapper{future.ErrCanceled}) {
		t.Error("an error that wraps a cancellation does not count as one")
	}
	if text := (&loop.CanceledError{Cause: bad}).Error(); text == "" {
		t.Error("the error has no text")
	}
	l := newLoop(t)
	bodies := map[string]func(ctx context.Context) error{
		"returned":    func(context.Context) error { return bad },
		"panicked":    func(context.Context) error { panic(bad) },
		"of a cancel": func(ctx context.Context) error { return task.Sleep(ctx, time.Second) },
		"of a context": func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(bad)
			return task.Sleep(ctx, time.Second)
		},
		"of a context that ends later": func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			l.CallLater(1, func() { cancel(bad) })
			return task.Sleep(ctx, time.Second)
		},
	}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		body := spawn(l.Context(), name, bodies[name])
		if name == "of a cancel" {
			l.CallLater(1, func() { body.Cancel(bad) })
		}
	}
	run(t, l)
	for stays := range l.Tasks() {
		t.Errorf("%v has not ended", stays)
	}
}

// A panic with such an error ends only its task.
func TestPanicWithANilPointerThatIsAnError(t *testing.T) {
	var bad *unwrapper
	l := newLoop(t)
	spawn(l.Context(), "main", func(ctx context.Context) error {
		for _, child := range []*task.Task[none]{
			spawn(ctx, "body", func(context.Context) error { panic(bad) }),
			script(ctx, "machine", func(context.Context, error) (task.Suspension, error) { panic(bad) }),
		} {
			if p, ok := child.Wait(ctx).(*loop.PanicError); !ok || p.Value != any(bad) {
				t.Errorf("the error of %v is %T", child, child.Err())
			}
		}
		return nil
	})
	run(t, l)
}

// A Runnable of the test that panics.
type panics struct{ with error }

func (p *panics) Run() { panic(p.with) }

// The stack of a panic begins at the place of the panic, also if the runtime panicked, and ends with
// the body or callback.
func TestPanicStackIsTheBodysOwn(t *testing.T) {
	zero := 0
	f := future.New[int]
	for _, c := range []struct {
		name   string
		does   func(l *loop.Loop)
		frames string // the functions, without their packages
		at     string
	}{
		{"callback", func(l *loop.Loop) { l.CallSoon(panicsInCallback) }, "panicsInCallback", "errors_test.go"},
		{"callback of a future", func(l *loop.Loop) {
			f := f(l.Context())
			f.OnDone(panicsInCallback)
			_ = f.SetResult(1)
		}, "panicsInCallback", "errors_test.go"},
		{"runnable", func(l *loop.Loop) { lowlevel.Schedule(l, &panics{io.EOF}) }, "(*panics).Run", "errors_test.go"},
		{"body", func(l *loop.Loop) {
			task.Go(l.Context(), bodyThatPanics)
		}, "panicsInCallback bodyThatPanics", "errors_test.go"},
		{"eager body", func(l *loop.Loop) {
			l.CallSoon(func() { task.Go(l.Context(), bodyThatPanics) })
		}, "panicsInCallback bodyThatPanics", "errors_test.go"},
		{"machine", func(l *loop.Loop) {
			task.GoMachine(l.Context(), machineThatPanics{})
		}, "machineThatPanics.Resume", "errors_test.go"},
		{"panic of the runtime", func(l *loop.Loop) {
			l.CallSoon(func() { zero = 1 / zero })
		}, "TestPanicStackIsTheBodysOwn.func", "errors_test.go"},
		{"panic of the library", func(l *loop.Loop) { l.CallSoon(callsOnOfNil) }, "On callsOnOfNil", "machine.go"},
		{"blocking call", func(l *loop.Loop) {
			task.Go(l.Context(), func(ctx context.Context) (int, error) { return task.Blocking(ctx, bodyThatPanics) })
		}, "panicsInCallback bodyThatPanics", "errors_test.go"},
		{"unwound machine", func(l *loop.Loop) {
			task.GoMachine(l.Context(), &unwoundMachine{})
		}, "(*unwoundMachine).Resume", "errors_test.go"},
	} {
		for _, debug := range []bool{false, true} {
			var told []*loop.PanicError
			opts := []loop.Option{loop.WithErrorHandler(func(f loop.Failure) {
				if p := (*loop.PanicError)(nil); errors.As(f.Err, &p) {
					told = append(told, p)
				}
			})}
			if debug {
				opts = append(opts, loop.WithDebug())
			}
			if strings.HasPrefix(c.name, "eager") {
				opts = append(opts, loop.WithTaskFactory((*loop.Task).StepNow))
			}
			l := newLoop(t, opts...)
			spawn(l.Context(), "bystander", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
			l.RunOnce() // its frames are below those of callbacks
			c.does(l)
			_ = l.Run()
			l.Close()
			if len(told) != 1 {
				t.Errorf("%s, debug %t: the error handler got %d panics", c.name, debug, len(told))
				continue
			}
			got, frames := functionsOf(told[0].Stack), strings.Fields(c.frames)
			ok := len(got) == len(frames)
			for i := range min(len(got), len(frames)) {
				ok = ok && strings.HasPrefix(got[i], frames[i])
			}
			if !ok || !isPlaceIn(c.at, told[0].At) {
				t.Errorf("%s, debug %t, at %s: the stack has %q, want %q:\n%s", c.name, debug, told[0].At, got, frames, told[0].Stack)
			}
		}
	}
}

func bodyThatPanics(context.Context) (int, error) {
	panicsInCallback()
	return 0, nil
}

type machineThatPanics struct{}

func (machineThatPanics) Resume(context.Context, error) (int, task.Suspension, error) { panic(io.EOF) }

// unwoundMachine panics when Close unwinds it.
type unwoundMachine struct{ stepped bool }

func (m *unwoundMachine) Resume(ctx context.Context, err error) (int, task.Suspension, error) {
	if m.stepped {
		panic(io.EOF)
	}
	m.stepped = true
	return 0, task.On(future.New[int](ctx)), nil
}

func callsOnOfNil() { task.On(nil) }

// functionsOf returns the functions of a stack trace, without packages and arguments.
func functionsOf(stack []byte) []string {
	var functions []string
	lines := strings.Split(strings.TrimSpace(string(stack)), "\n")
	for i := 1; i < len(lines); i += 2 {
		function, _, _ := strings.Cut(lines[i][strings.LastIndexByte(lines[i], '/')+1:], "({")
		function = strings.TrimSuffix(strings.TrimSuffix(function, "()"), "(...)")
		_, function, _ = strings.Cut(function, ".")
		functions = append(functions, function)
	}
	return functions
}

// isPlaceIn reports whether place is a line of file, and nothing more.
func isPlaceIn(file, place string) bool {
	line, ok := strings.CutPrefix(place, file+":")
	_, err := strconv.Atoi(line)
	return ok && err == nil
}

func panicsAgain() {
	defer func() { panic("second") }()
	panic("first")
}

// If a deferred call panics again, the stack begins at the place of the second panic.
func TestStackOfAPanicInAPanic(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", func(context.Context) error { panicsAgain(); return nil })
	run(t, l)
	var p *loop.PanicError
	if !errors.As(x.Err(), &p) {
		t.Fatalf("the task ended with %v", x.Err())
	}
	_, frames, _ := strings.Cut(string(p.Stack), "\n")
	if first, _, _ := strings.Cut(frames, "\n"); !strings.Contains(first, "loop_test.panicsAgain.func1") || !strings.Contains(frames, "loop_test.panicsAgain(") {
		t.Errorf("the stack is\n%s", p.Stack)
	}
}

// If a callback of the library panics, the stack of the panic is that of the callback.
func TestStackOfAPanicOfTheLibrary(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told))
	l.CallSoon(l.Close)
	run(t, l)
	var p *loop.PanicError
	if len(told) != 1 || !errors.As(told[0].Err, &p) {
		t.Fatalf("the error handler got %v", told)
	}
	if !strings.HasPrefix(p.At, "close.go:") || !strings.Contains(string(p.Stack), "loop.(*Loop).Close") {
		t.Errorf("the panic is at %q, with the stack\n%s", p.At, p.Stack)
	}
}
