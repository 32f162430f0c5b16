package task_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// program is one line of a conformance file; see testdata/conformance/README.md.
type program struct {
	Name     string
	Factory  string
	Routines map[string]ops
	Trace    []string
}

// ops is a block of operations. Each operation is an array: its name, and then its arguments.
type ops = []any

// TestConformance runs the programs of testdata/conformance, or of the files that match the glob in
// TAKT_CORPUS. It compares the log of each program, line by line, with the trace of the same
// program in CPython's asyncio.
func TestConformance(t *testing.T) {
	glob := os.Getenv("TAKT_CORPUS")
	if glob == "" {
		glob = filepath.Join("..", "testdata", "conformance", "*.jsonl")
	}
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no conformance programs at %q (%v)", glob, err)
	}
	var passed, failed, unsupported int
	for _, file := range files {
		for _, p := range readPrograms(t, file) {
			if op := p.firstUnsupported(); op != "" {
				t.Logf("%s: %s is not supported", p.Name, op)
				unsupported++
				continue
			}
			got := interpret(&p)
			if slices.EqualFunc(got, p.Trace, sameLine) {
				passed++
				continue
			}
			if failed++; failed <= 10 {
				t.Errorf("%s: %s", p.Name, firstDifference(got, p.Trace))
			}
		}
	}
	if failed > 10 {
		t.Errorf("%d more programs failed", failed-10)
	}
	fmt.Printf("conformance: %d passed, %d failed, %d unsupported\n", passed, failed, unsupported)
}

func readPrograms(t *testing.T, file string) []program {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []program
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var p program
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, p)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func firstDifference(got, want []string) string {
	at := 0
	for at < len(got) && at < len(want) && sameLine(got[at], want[at]) {
		at++
	}
	line := func(trace []string) string {
		if at < len(trace) {
			return trace[at]
		}
		return "(the end)"
	}
	from := max(0, at-5)
	return fmt.Sprintf("line %d differs\n  after %s\n  got   %s\n  want  %s",
		at+1, strings.Join(want[from:at], "\n        "), line(got), line(want))
}

// sameLine compares two lines of a trace. CPython gives the message of a cancellation only to the
// first reader. So if the line of CPython has no message, the line of takt may have one.
func sameLine(got, want string) bool {
	if strings.HasSuffix(want, " raises Cancelled") || strings.HasSuffix(want, " caught Cancelled") {
		got, _, _ = strings.Cut(got, "Cancelled(")
		want = strings.TrimSuffix(want, "Cancelled")
		return got == want || got == want+"Cancelled"
	}
	return got == want
}

// blocksOf returns the blocks that are nested in op.
func blocksOf(op []any) []any {
	var blocks []any
	for at := range nestedBlocks[op[0].(string)] {
		switch arg := op[at].(type) {
		case []any:
			blocks = append(blocks, arg)
		case map[string]any:
			for _, block := range arg {
				blocks = append(blocks, block)
			}
		}
	}
	return blocks
}

// nestedBlocks says which arguments of an op are blocks or maps of blocks.
var nestedBlocks = map[string]map[int]bool{
	"try": {1: true, 2: true, 3: true}, "repeat": {2: true}, "soon": {2: true}, "later": {3: true},
	"timeout": {2: true}, "group": {1: true}, "with": {2: true},
}

func (p *program) firstUnsupported() string {
	var find func(block ops) string
	find = func(block ops) string {
		for _, o := range block {
			op := o.([]any)
			name := op[0].(string)
			if scoped[name] == nil && suspending[name] == nil && immediate[name] == nil && !flow[name] {
				return name
			}
			for _, nested := range blocksOf(op) {
				if missing := find(nested.(ops)); missing != "" {
					return missing
				}
			}
		}
		return ""
	}
	for _, block := range p.Routines {
		if missing := find(block); missing != "" {
			return missing
		}
	}
	return ""
}

// interpreter is one run of a program.
type interpreter struct {
	program *program
	loop    *loop.Loop
	vars    map[string]any
	onDone  map[string]future.Callback // by variable and label
	trace   []string
	over    bool // the program has ended: the log of bodies that are unwound is not in the trace
}

// awaitable is the type of variables that hold a task or future.
type awaitable = future.Awaitable[any]

// userError is an error that the program raises itself.
type userError struct{ msg string }

func (e userError) Error() string { return e.msg }

// message is the cause of a cancellation that has a message.
type message struct{ text string }

func (m message) Error() string { return m.text }

// foreign is an error of the reference interpreter, which is written in Python: for example a
// KeyError for a variable that is not bound. It passes through a program as any error does. But the
// reference interpreter cannot print it, so it leaves no line in the trace.
type foreign struct{ what string }

func (e foreign) Error() string { return e.what }

// takeForeign recovers a foreign error that printing a value, or reading a variable, has raised.
func takeForeign(err *error) {
	switch e := recover().(type) {
	case nil:
	case foreign:
		*err = e
	default:
		panic(e)
	}
}

// interpret runs p as task.Run would, and returns its trace.
func interpret(p *program) []string {
	in := &interpreter{program: p, vars: map[string]any{}, onDone: map[string]future.Callback{}}
	start := factory.Lazy
	if p.Factory == "eager" {
		start = factory.Eager
	}
	in.loop = loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(start), loop.WithErrorHandler(in.failure))
	defer in.loop.Close()
	defer func() { in.over = true }()

	main := in.spawn(in.loop.Context(), "main", "main")
	in.vars["main"] = main
	main.OnDone(in.loop.Stop)
	if in.deadlocked(in.loop.Run()) {
		return in.trace
	}
	in.log("main %s", stateOf(main))
	if in.deadlocked(task.Shutdown(in.loop)) {
		return in.trace
	}
	in.log("closed")
	return in.trace
}

func (in *interpreter) deadlocked(err error) bool {
	if err == nil {
		return false
	}
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) {
		panic(err)
	}
	var names []string
	for _, t := range deadlock.Tasks {
		names = append(names, t.Name())
	}
	slices.Sort(names)
	in.log("deadlock %s", strings.Join(names, " "))
	return true
}

func (in *interpreter) failure(f loop.Failure) {
	err := f.Err
	var p *loop.PanicError
	if errors.As(err, &p) {
		err = p.Value.(error)
	}
	what := map[loop.FailureKind]string{
		loop.CallbackFailed: "callback", loop.ShutdownFailed: "shutdown", loop.ShieldedFailed: "shielded",
	}[f.Kind]
	defer takeForeign(&err)
	if what != "" {
		in.logAs("loop", "handler "+what+" "+show(err))
	}
}

// log records a line with the name of the running task, or of the loop.
func (in *interpreter) log(format string, args ...any) {
	in.logAs(in.who(), fmt.Sprintf(format, args...))
}

func (in *interpreter) who() string {
	if t := in.loop.Current(); t != nil {
		return t.Name()
	}
	return "loop"
}

func (in *interpreter) logAs(who, text string) {
	if !in.over {
		in.trace = append(in.trace, fmt.Sprintf("%d %s: %s", in.loop.Elapsed().Milliseconds(), who, text))
	}
}

func (in *interpreter) spawn(ctx context.Context, name, routine string, opts ...task.Option) *task.Task[any] {
	return task.Go(ctx, in.routine(routine), append(opts, task.Named(name))...)
}

func (in *interpreter) routine(name string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		in.log("start")
		v, _, err := in.block(&frame{interpreter: in, ctx: ctx}, in.program.Routines[name])
		if err != nil {
			return nil, in.logError("raises", err)
		}
		in.log("returns %s", show(v))
		return v, nil
	}
}

// logError logs err and returns it. If printing err raises a foreign error, it returns that one.
func (in *interpreter) logError(how string, err error) (result error) {
	defer takeForeign(&result)
	in.log("%s %s", how, showRaised(err))
	return err
}

// frame is the environment of the ops of a routine: the context of its task, and the scopes around
// the op. Ops of callbacks have no frame.
type frame struct {
	*interpreter
	ctx   context.Context
	group *task.Group
	limit *task.Deadline
}

// block runs ops in a task. returned says that a return op ended the routine.
func (in *interpreter) block(f *frame, block ops) (v any, returned bool, err error) {
	for _, o := range block {
		if v, returned, err = in.op(f, o.([]any)); returned || err != nil {
			return v, returned, err
		}
	}
	return nil, false, nil
}

func (in *interpreter) op(f *frame, op args) (v any, returned bool, err error) {
	defer takeForeign(&err)
	switch op.name() {
	case "return":
		return op[1], true, nil
	case "raise":
		return nil, false, userError{op.str(1)}
	case "try":
		return in.try(f, op)
	case "repeat":
		for range op.int(1) {
			if v, returned, err = in.block(f, op.block(2)); returned || err != nil {
				return v, returned, err
			}
		}
		return nil, false, nil
	}
	if run := scoped[op.name()]; run != nil {
		return run(f, op)
	}
	if run := suspending[op.name()]; run != nil {
		return nil, false, run(f, op)
	}
	immediate[op.name()](in, op)
	return nil, false, nil
}

func (in *interpreter) try(f *frame, op args) (v any, returned bool, err error) {
	v, returned, err = in.block(f, op.block(1))
	if err != nil {
		handlers := op[2].(map[string]any)
		handler, ok := handlers[kindOf(err)]
		if !ok {
			handler, ok = handlers["any"]
		}
		if ok {
			if err = in.logError("caught", err); !errors.As(err, new(foreign)) {
				v, returned, err = in.block(f, handler.(ops))
			}
		}
	}
	if final := op.block(3); len(final) > 0 {
		in.log("finally")
		if _, _, failed := in.block(f, final); failed != nil {
			return nil, false, failed // as in Python, it replaces the earlier result or error
		}
	}
	return v, returned, err
}

// args is one operation.
type args []any

func (a args) name() string       { return a[0].(string) }
func (a args) str(at int) string  { return a[at].(string) }
func (a args) int(at int) int     { return int(a[at].(float64)) }
func (a args) block(at int) ops   { return a[at].(ops) }
func (a args) isNull(at int) bool { return a[at] == nil }

func (a args) ms(at int) time.Duration {
	return time.Duration(a[at].(float64)) * time.Millisecond
}

// limit is ms, with null for no limit.
func (a args) limit(at int) time.Duration {
	if a.isNull(at) {
		return task.NoLimit
	}
	return a.ms(at)
}

func (a args) names(at int) []string {
	var names []string
	for _, v := range a[at].([]any) {
		names = append(names, v.(string))
	}
	return names
}

// get returns the task or future in a variable.
func (in *interpreter) get(name string) awaitable { return bound[awaitable](in, name) }

// bound returns the value of a variable. A program may use a variable before it is bound.
func bound[T any](in *interpreter, name string) T {
	v, ok := in.vars[name]
	if !ok {
		panic(foreign{"KeyError: " + name})
	}
	return v.(T)
}

func (in *interpreter) all(names []string) []awaitable {
	var of []awaitable
	for _, name := range names {
		of = append(of, in.get(name))
	}
	return of
}

// namesIn lists the names with variables that are among some.
func (in *interpreter) namesIn(names []string, some []awaitable) string {
	var found []string
	for _, name := range names {
		if slices.Contains(some, in.get(name)) {
			found = append(found, name)
		}
	}
	return strings.Join(found, " ")
}

// lastNameOf returns the last name with variable a.
func (in *interpreter) lastNameOf(names []string, a awaitable) string {
	last := ""
	for _, name := range names {
		if in.get(name) == a {
			last = name
		}
	}
	return last
}

// The ops with, acquire and release use a locker.
type locker interface {
	Lock(ctx context.Context) error
	Unlock()
}

// permits is a semaphore as a locker.
type permits struct{ *lock.Semaphore }

func (p permits) Lock(ctx context.Context) error { return p.Acquire(ctx) }
func (p permits) Unlock()                        { p.Release() }

// unlocked unlocks m, and reports whether that was allowed.
func unlocked(m locker) bool { return !refuses(m.Unlock) }

// refuses reports whether do panics, as wrong use does.
func refuses(do func()) (refused bool) {
	defer func() { refused = recover() != nil }()
	do()
	return false
}

// refused is the error of an operation that is not allowed in the present state.
type refused struct{ error }

// flow has the ops that block runs itself.
var flow = map[string]bool{"return": true, "raise": true, "try": true, "repeat": true}

// scoped has the ops with a body in a scope of its own.
var scoped map[string]func(f *frame, op args) (v any, returned bool, err error)

// suspending has the ops that only a task can run.
var suspending map[string]func(f *frame, op args) error

// immediate has the ops that a callback can run too.
var immediate map[string]func(in *interpreter, op args)

func init() {
	scoped = map[string]func(f *frame, op args) (v any, returned bool, err error){
		"timeout": func(f *frame, op args) (v any, returned bool, err error) {
			var scope *task.Deadline
			err = task.Timeout(f.ctx, op.limit(1), func(ctx context.Context, d *task.Deadline) (err error) {
				scope = d
				inner := *f
				inner.ctx, inner.limit = ctx, d
				v, returned, err = f.block(&inner, op.block(2))
				return err
			})
			f.log("timeout expired %v", scope.Expired())
			return v, returned, err
		},
		"group": func(f *frame, op args) (v any, returned bool, err error) {
			err = task.WithGroup(f.ctx, func(ctx context.Context, g *task.Group) (err error) {
				inner := *f
				inner.ctx, inner.group = ctx, g
				v, returned, err = f.block(&inner, op.block(1))
				return err
			})
			return v, returned, err
		},
		"with": func(f *frame, op args) (v any, returned bool, err error) {
			m := bound[locker](f.interpreter, op.str(1))
			if err := m.Lock(f.ctx); err != nil {
				return nil, false, err
			}
			defer func() { // as in Python, an error of the release replaces the earlier result or error
				if !unlocked(m) {
					err = foreign{"RuntimeError: released too often"}
				}
			}()
			f.log("acquired %s", op.str(1))
			return f.block(f, op.block(2))
		},
	}
	suspending = map[string]func(f *frame, op args) error{
		"sleep": func(f *frame, op args) error {
			if err := task.Sleep(f.ctx, op.ms(1)); err != nil {
				return err
			}
			f.log("slept %d", op.int(1))
			return nil
		},
		"yield": func(f *frame, op args) error {
			if err := task.Yield(f.ctx); err != nil {
				return err
			}
			f.log("yielded")
			return nil
		},
		"await": func(f *frame, op args) error {
			v, err := f.get(op.str(1)).Await(f.ctx)
			if err != nil {
				return err
			}
			f.log("%s -> %s", op.str(1), show(v))
			return nil
		},
		"uncancel": func(f *frame, op args) error {
			f.log("uncancel %d", task.Current(f.ctx).Uncancel())
			return nil
		},
		"event_wait": func(f *frame, op args) error {
			if err := bound[*lock.Event](f.interpreter, op.str(1)).Wait(f.ctx); err != nil {
				return err
			}
			f.log("event_wait %s", op.str(1))
			return nil
		},
		"acquire": func(f *frame, op args) error {
			if err := bound[locker](f.interpreter, op.str(1)).Lock(f.ctx); err != nil {
				return err
			}
			f.log("acquired %s", op.str(1))
			return nil
		},
		"cond_wait": func(f *frame, op args) error {
			c := bound[*lock.Cond](f.interpreter, op.str(1))
			if !c.Mutex().Locked() {
				return foreign{"RuntimeError: cannot wait on un-acquired lock"}
			}
			if err := c.Wait(f.ctx); err != nil {
				return err
			}
			f.log("cond_wait %s", op.str(1))
			return nil
		},
		"barrier_wait": func(f *frame, op args) error {
			index, err := bound[*lock.Barrier](f.interpreter, op.str(1)).Wait(f.ctx)
			if err != nil {
				return err
			}
			f.log("barrier %s %d", op.str(1), index)
			return nil
		},
		"barrier_abort": func(f *frame, op args) error {
			return bound[*lock.Barrier](f.interpreter, op.str(1)).Abort(f.ctx)
		},
		"barrier_reset": func(f *frame, op args) error {
			return bound[*lock.Barrier](f.interpreter, op.str(1)).Reset(f.ctx)
		},
		"put": func(f *frame, op args) error {
			if err := bound[*queue.Queue[any]](f.interpreter, op.str(1)).Put(f.ctx, op[2]); err != nil {
				return err
			}
			f.log("put %s %s", op.str(1), show(op[2]))
			return nil
		},
		"get": func(f *frame, op args) error {
			v, err := bound[*queue.Queue[any]](f.interpreter, op.str(1)).Get(f.ctx)
			if err != nil {
				return err
			}
			f.log("get %s %s", op.str(1), show(v))
			return nil
		},
		"join": func(f *frame, op args) error {
			if err := bound[*queue.Queue[any]](f.interpreter, op.str(1)).Join(f.ctx); err != nil {
				return err
			}
			f.log("joined %s", op.str(1))
			return nil
		},
		"reschedule": func(f *frame, op args) error {
			var when time.Time
			if !op.isNull(1) {
				when = f.loop.Now().Add(op.ms(1))
			}
			if err := f.limit.Reschedule(when); err != nil {
				f.log("reschedule refused")
			}
			return nil
		},
		"gspawn": func(f *frame, op args) error {
			t, err := task.GoIn(f.group, f.routine(op.str(2)), task.Named(op.str(1)))
			if err != nil {
				return refused{err}
			}
			f.vars[op.str(1)] = t
			return nil
		},
		"wait_for": func(f *frame, op args) error {
			v, err := task.WaitFor(f.ctx, f.get(op.str(1)), op.limit(2))
			if err != nil {
				return err
			}
			f.log("wait_for %s -> %s", op.str(1), show(v))
			return nil
		},
		"wait": func(f *frame, op args) error {
			until := map[string]task.Until{
				"all": task.AllCompleted, "first": task.FirstCompleted, "error": task.FirstError,
			}[op.str(2)]
			names := op.names(1)
			done, pending, err := task.Wait(f.ctx, op.limit(3), until, f.all(names)...)
			if err != nil {
				return err
			}
			f.log("wait done [%s] pending [%s]", f.namesIn(names, done), f.namesIn(names, pending))
			return nil
		},
		"as_completed": func(f *frame, op args) error {
			names := op.names(1)
			for a, err := range task.AsCompleted(f.ctx, op.limit(2), f.all(names)...) {
				if err != nil {
					return err
				}
				f.log("completed %s %s", f.lastNameOf(names, a), stateOf(a))
			}
			return nil
		},
	}
	immediate = map[string]func(in *interpreter, op args){
		"log":   func(in *interpreter, op args) { in.log("%s", op.str(1)) },
		"raise": func(in *interpreter, op args) { panic(userError{op.str(1)}) },
		"spawn": func(in *interpreter, op args) {
			var start []task.Option
			if len(op) > 3 {
				start = append(start, map[string]task.Option{"eager": task.Eager(), "lazy": task.Lazy()}[op.str(3)])
			}
			in.vars[op.str(1)] = in.spawn(in.context(), op.str(1), op.str(2), start...)
		},
		"cancel": func(in *interpreter, op args) {
			var cause error
			if len(op) > 2 {
				cause = message{op.str(2)}
			}
			in.log("cancel %s %v", op.str(1), in.get(op.str(1)).Cancel(cause))
		},
		"cancelling": func(in *interpreter, op args) {
			in.log("cancelling %s %d", op.str(1), bound[*task.Task[any]](in, op.str(1)).CancelRequests())
		},
		"state": func(in *interpreter, op args) {
			in.log("state %s %s", op.str(1), stateOf(in.get(op.str(1))))
		},
		"result": func(in *interpreter, op args) {
			if v, err := in.get(op.str(1)).Result(); err != nil {
				in.log("result %s raises %s", op.str(1), show(err))
			} else {
				in.log("result %s %s", op.str(1), show(v))
			}
		},
		"on_done": func(in *interpreter, op args) {
			f := in.get(op.str(1))
			in.onDone[op.str(1)+" "+op.str(2)] = f.OnDone(func() {
				in.logAs("loop", fmt.Sprintf("on_done %s %s", op.str(2), stateOf(f)))
			})
		},
		"remove_done": func(in *interpreter, op args) {
			callback, ok := in.onDone[op.str(1)+" "+op.str(2)]
			if !ok {
				panic(foreign{"KeyError: " + op.str(2)})
			}
			in.log("remove_done %s %v", op.str(2), callback.Remove())
		},
		"current": func(in *interpreter, op args) {
			in.log("current %s", in.who())
		},
		"all_tasks": func(in *interpreter, op args) {
			var names []string
			for t := range in.loop.Tasks() {
				names = append(names, t.Name())
			}
			slices.Sort(names)
			in.log("all_tasks %s", strings.Join(names, " "))
		},
		"future": func(in *interpreter, op args) {
			in.vars[op.str(1)] = future.New[any](in.context())
		},
		"set_result": func(in *interpreter, op args) {
			if err := bound[*future.Future[any]](in, op.str(1)).SetResult(op[2]); err != nil {
				in.log("set_result %s raises %s", op.str(1), show(err))
			}
		},
		"set_error": func(in *interpreter, op args) {
			if err := bound[*future.Future[any]](in, op.str(1)).SetError(userError{op.str(2)}); err != nil {
				in.log("set_error %s raises %s", op.str(1), show(err))
			}
		},
		"soon": func(in *interpreter, op args) {
			in.vars[op.str(1)] = in.loop.CallSoon(func() { in.callback(op.block(2)) })
		},
		"later": func(in *interpreter, op args) {
			in.vars[op.str(1)] = in.loop.CallLater(op.ms(2), func() { in.callback(op.block(3)) })
		},
		"cancel_handle": func(in *interpreter, op args) {
			bound[loop.Handle](in, op.str(1)).Cancel()
		},
		"gather": func(in *interpreter, op args) {
			of := in.all(op.names(2))
			if len(of) == 0 { // a gather of nothing belongs to no loop in takt, so it could not schedule callbacks
				nothing := future.New[any](in.context())
				_ = nothing.SetResult([]any{})
				in.vars[op.str(1)] = nothing
			} else if op[3].(bool) {
				in.vars[op.str(1)] = future.Untyped(task.Collect(of...))
			} else {
				in.vars[op.str(1)] = future.Untyped(task.Gather(of...))
			}
		},
		"event":       func(in *interpreter, op args) { in.vars[op.str(1)] = new(lock.Event) },
		"event_set":   func(in *interpreter, op args) { bound[*lock.Event](in, op.str(1)).Set() },
		"event_clear": func(in *interpreter, op args) { bound[*lock.Event](in, op.str(1)).Clear() },
		"lock":        func(in *interpreter, op args) { in.vars[op.str(1)] = new(lock.Mutex) },
		"condition":   func(in *interpreter, op args) { in.vars[op.str(1)] = new(lock.Cond) },
		"barrier":     func(in *interpreter, op args) { in.vars[op.str(1)] = lock.NewBarrier(op.int(2)) },
		"semaphore": func(in *interpreter, op args) {
			in.vars[op.str(1)] = permits{lock.NewSemaphore(op.int(2))}
		},
		"bounded_semaphore": func(in *interpreter, op args) {
			in.vars[op.str(1)] = permits{lock.NewBounded(op.int(2))}
		},
		"release": func(in *interpreter, op args) {
			if !unlocked(bound[locker](in, op.str(1))) {
				in.log("release %s refused", op.str(1))
			}
		},
		"notify": func(in *interpreter, op args) {
			c := bound[*lock.Cond](in, op.str(1))
			if refuses(func() { c.Signal(op.int(2)) }) {
				in.log("notify %s refused", op.str(1))
			}
		},
		"notify_all": func(in *interpreter, op args) {
			if refuses(bound[*lock.Cond](in, op.str(1)).Broadcast) {
				in.log("notify_all %s refused", op.str(1))
			}
		},
		"queue": func(in *interpreter, op args) {
			max := op.int(3)
			switch op.str(2) {
			case "fifo":
				in.vars[op.str(1)] = queue.New[any](max)
			case "lifo":
				in.vars[op.str(1)] = queue.NewLIFO[any](max)
			case "priority":
				in.vars[op.str(1)] = queue.NewPriority(max, func(a, b any) bool { return a.(float64) < b.(float64) })
			}
		},
		"put_nowait": func(in *interpreter, op args) {
			if err := bound[*queue.Queue[any]](in, op.str(1)).TryPut(op[2]); err != nil {
				in.log("put_nowait %s raises %s", op.str(1), show(err))
			}
		},
		"get_nowait": func(in *interpreter, op args) {
			if v, err := bound[*queue.Queue[any]](in, op.str(1)).TryGet(); err != nil {
				in.log("get_nowait %s raises %s", op.str(1), show(err))
			} else {
				in.log("get_nowait %s %s", op.str(1), show(v))
			}
		},
		"task_done": func(in *interpreter, op args) {
			if refuses(bound[*queue.Queue[any]](in, op.str(1)).Done) {
				in.log("task_done %s refused", op.str(1))
			}
		},
		"shutdown": func(in *interpreter, op args) {
			bound[*queue.Queue[any]](in, op.str(1)).Shutdown(op[2].(bool))
		},
		"shield": func(in *interpreter, op args) {
			in.vars[op.str(1)] = task.Shield(in.get(op.str(2)))
		},
	}
}

// context returns the context of the running task, or of the loop in a callback.
func (in *interpreter) context() context.Context {
	if t := in.loop.Current(); t != nil {
		return t.Context()
	}
	return in.loop.Context()
}

// callback runs the ops of a loop callback, which do not suspend.
func (in *interpreter) callback(block ops) {
	for _, o := range block {
		op := args(o.([]any))
		immediate[op.name()](in, op)
	}
}

// stateOf returns the state of a future in words.
func stateOf(f awaitable) string {
	v, err := f.Result()
	switch {
	case !f.Done():
		return "pending"
	case f.Canceled():
		return "cancelled"
	case err != nil:
		return "failed " + show(err)
	}
	return "done " + show(v)
}

// show returns the text of a value or an error, as the reference interpreter prints it.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case error:
		return showError(v)
	case []any:
		return showList(v)
	case []task.Outcome[any]:
		var all []any
		for _, o := range v {
			if o.Err != nil {
				all = append(all, o.Err)
			} else {
				all = append(all, o.Value)
			}
		}
		return showList(all)
	}
	return fmt.Sprint(v)
}

func showList[T any](all []T) string {
	var parts []string
	for _, v := range all {
		parts = append(parts, show(v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// showRaised is show for an error that is raised or caught. A cancellation then has its message.
func showRaised(err error) string {
	var canceled *loop.CanceledError
	if loop.IsCanceled(err) && errors.As(err, &canceled) {
		if m, ok := canceled.Cause.(message); ok {
			return "Cancelled(" + m.text + ")"
		}
	}
	return show(err)
}

func showError(err error) string {
	switch {
	case loop.IsCanceled(err):
		return "Cancelled"
	case errors.Is(err, future.ErrInvalidState):
		return "InvalidState"
	case err == queue.ErrEmpty:
		return "QueueEmpty"
	case err == queue.ErrFull:
		return "QueueFull"
	case err == queue.ErrShutdown:
		return "QueueShutDown"
	case err == lock.ErrBroken:
		return "BrokenBarrier"
	}
	switch err := err.(type) {
	case userError:
		return "Error(" + err.msg + ")"
	case foreign:
		panic(err)
	case *task.TimeoutError:
		return "Timeout"
	case *task.GroupError:
		return "Group" + showList(err.Errors)
	case *task.TaskError:
		return showError(err.Err)
	case refused:
		return "Refused"
	}
	panic(fmt.Sprintf("an error that no program can have: %v", err))
}

// kindOf returns the name of the handler of a try that handles an error.
func kindOf(err error) string {
	switch err.(type) {
	case *task.TimeoutError:
		return "timeout"
	case *task.GroupError:
		return "group"
	}
	if loop.IsCanceled(err) {
		return "cancelled"
	}
	return "error"
}
