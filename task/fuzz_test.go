package task_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// FuzzProgram makes a program of random bytes, and runs it several times: on a new loop, and on loops that
// take the stacks and the memory that another loop has left. It does both with and without an observer.
// Without one, the bodies ask the policy if there is a spare, and otherwise the driver asks it. The loop
// must do the same in all these runs. Run must return, and if it reports a deadlock, no task could go on.
// After the loop is closed,
// every body has ended, nothing of the loop is left, no item and no permit is lost, and another loop
// can use the locks.
func FuzzProgram(f *testing.F) {
	for _, text := range []string{
		"", "hello, this is a program", "0123456789abcdefghijklmnopqrstuvwxyz",
		"the quick brown fox jumps over the lazy dog, and back again over the quick brown fox",
	} {
		for mode := range byte(32) {
			f.Add(append([]byte{mode}, text...))
		}
	}
	bytes := rand.NewChaCha8([32]byte{})
	for range 500 {
		program := make([]byte, 300)
		_, _ = bytes.Read(program)
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		goroutines := runtime.NumGoroutine()
		var spare lowlevel.Spare
		for _, observed := range []bool{true, false} {
			once := runFuzzed(t, program, observed, nil)
			for range 3 { // the very first loop finds nothing in the spare
				wantSame(t, once, runFuzzed(t, program, observed, &spare))
			}
		}
		spare.End()
		for until := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
			if time.Now().After(until) {
				t.Fatalf("there were %d goroutines before the runs, and there are %d after them", goroutines, runtime.NumGoroutine())
			}
		}
	})
}

func wantSame(t *testing.T, once, again []string) {
	t.Helper()
	if slices.Equal(once, again) {
		return
	}
	at := 0
	for at < min(len(once), len(again)) && once[at] == again[at] {
		at++
	}
	t.Errorf("two runs differ after %d events:\n\t%v\nThe first run goes on with\n\t%v\nand the second with\n\t%v",
		at, once[max(0, at-5):at], once[at:min(at+5, len(once))], again[at:min(at+5, len(again))])
}

// A fuzzed is a program that is made of bytes. Each running task takes the next bytes to find out
// what to do. So the order of events decides, too, what the program does.
type fuzzed struct {
	t    *testing.T
	left []byte
	l    *loop.Loop
	log  []string

	// The operations that the program uses. Since they are few, they disturb each other more often.
	operations [6]int

	futures []*future.Future[int]
	tasks   []*task.Task[int] // nil while one is being made
	begun   int               // bodies that have begun
	ended   int               // bodies that have ended

	mutex     lock.Mutex
	holders   int
	cond      *lock.Cond
	semaphore *lock.Semaphore
	event     lock.Event
	barrier   *lock.Barrier
	queue     *queue.Queue[int]
	queued    int // items that were put, minus items that were taken
	channel   chan int
	inside    map[string]int // how many tasks are inside of an operation
}

const (
	fuzzPermits = 2
	fuzzRoom    = 2 // the bound of the queue
)

// runFuzzed runs a program, and returns the events of the loop.
func runFuzzed(t *testing.T, bytes []byte, observed bool, spare *lowlevel.Spare) []string {
	p := &fuzzed{t: t, left: bytes, semaphore: lock.NewBounded(fuzzPermits), barrier: lock.NewBarrier(2), queue: queue.New[int](fuzzRoom), channel: make(chan int, 1), inside: map[string]int{}}
	p.cond = lock.NewCond(&p.mutex)
	mode := p.next(32)
	opts := p.options(mode)
	if observed {
		opts = append(opts, loop.WithObserver(p.observe))
	}
	if spare != nil {
		opts = append(opts, lowlevel.WithSpare(spare))
	}
	p.l = loop.New(opts...)
	for range 3 {
		p.futures = append(p.futures, future.New[int](p.l.Context()))
	}
	for i := range p.operations {
		p.operations[i] = p.next(32)
	}
	for range 1 + p.next(8) {
		p.spawn(p.l.Context(), 0)
	}
	p.checkRest(p.l.Run())
	if mode&4 != 0 {
		var deadlock *loop.DeadlockError
		if err := task.Shutdown(p.l); err != nil && !errors.As(err, &deadlock) {
			t.Errorf("Shutdown: %v", err)
		}
	}
	p.l.Close()
	p.checkEnd()
	return p.log
}

func (p *fuzzed) options(mode int) []loop.Option {
	opts := []loop.Option{loop.WithVirtualTime(), loop.WithErrorHandler(p.failure)}
	if mode&1 != 0 {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	if mode&2 != 0 {
		opts = append(opts, loop.WithSlowStep(time.Hour)) // debug mode
	}
	switch {
	case mode&8 != 0:
		opts = append(opts, lowlevel.WithPolicy(p, mode&16 != 0), lowlevel.WithFollower(p))
	case mode&16 != 0:
		opts = append(opts, lowlevel.WithFollower(p))
	}
	return opts
}

// Pick makes fuzzed a policy, which picks by the next byte.
func (p *fuzzed) Pick(ready []*loop.Task, timePasses bool) int {
	n := len(ready)
	if timePasses {
		n++
	}
	return p.next(n)
}

// Made and Next make it a Follower.
func (p *fuzzed) Made(t, by *loop.Task) { p.note("the policy knows that %d made %d", idOf(by), t.ID()) }
func (p *fuzzed) Next(t *loop.Task)     { p.note("next is %d", idOf(t)) }

// idOf returns the task's number, and 0 for no task.
func idOf(t *loop.Task) uint64 {
	if t == nil {
		return 0
	}
	return t.ID()
}

func (p *fuzzed) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *fuzzed) observe(e loop.Event) {
	p.note("%v %v: %d by %d, timer %d", e.At, e.Kind, idOf(e.Task), idOf(e.By), e.Timer.Seq)
}

func (p *fuzzed) failure(f loop.Failure) {
	p.note("%v: %v", f.Kind, f.Task.Name())
	if f.Kind != loop.ErrorUnretrieved && f.Kind != loop.ShieldedFailed && f.Kind != loop.ShutdownFailed {
		p.t.Errorf("%v: %v", f.Kind, f.Err)
	}
}

// next takes a byte, and returns a number below n. When no byte is left, it returns 0.
func (p *fuzzed) next(n int) int {
	if len(p.left) == 0 {
		return 0
	}
	b := p.left[0]
	p.left = p.left[1:]
	return int(b) % n
}

// spawn makes a task. One in four is a machine.
func (p *fuzzed) spawn(ctx context.Context, depth int) {
	at := len(p.tasks)
	p.tasks = append(p.tasks, nil)
	var t *task.Task[int]
	if p.next(4) == 0 {
		t = task.GoMachine(ctx, p.machine())
	} else {
		t = task.Go(ctx, p.body(depth+1))
	}
	p.tasks[at] = t
	if p.next(4) == 0 {
		t.OnDone(func() { p.note("callback of %d", at) })
	}
}

// body makes a body of a few operations.
func (p *fuzzed) body(depth int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		p.begun++
		defer func() { p.ended++ }()
		for errs := 0; len(p.left) > 0 && errs < 3 && p.next(8) > 0; {
			if err := p.operation(ctx, depth); err != nil {
				errs++
				p.note("error: %v", err)
				if p.next(3) > 0 {
					return 0, err
				}
			}
		}
		switch p.next(8) {
		case 0:
			return 0, errBoom
		case 1:
			panic(errBoom)
		}
		return depth, nil
	}
}

func (p *fuzzed) machine() task.MachineFunc[int] {
	steps := 0
	return func(ctx context.Context, err error) (int, task.Suspension, error) {
		if steps++; steps == 1 {
			p.begun++
		}
		if len(p.left) == 0 || steps > 4 || err != nil && p.next(2) == 0 {
			p.ended++
			if p.next(5) == 4 {
				panic(errBoom)
			}
			return 0, task.End(), err
		}
		switch p.next(4) {
		case 0:
			return 0, task.For(p.duration()), nil
		case 1:
			return 0, task.On(p.future()), nil
		case 2:
			if other := p.other(ctx); other != nil {
				return 0, task.On(other), nil
			}
		}
		return 0, task.Turn(), nil
	}
}

// duration returns one of few values, so that timers fire at the same time.
func (p *fuzzed) duration() time.Duration     { return time.Duration(p.next(3)) * time.Millisecond }
func (p *fuzzed) future() *future.Future[int] { return p.futures[p.next(len(p.futures))] }
func (p *fuzzed) other(ctx context.Context) *task.Task[int] {
	t := p.tasks[p.next(len(p.tasks))]
	if t == nil || t.Task() == task.Current(ctx) {
		return nil
	}
	return t
}

// in counts a task that is inside of an operation.
func (p *fuzzed) in(what string, operation func() error) error {
	p.inside[what]++
	defer func() { p.inside[what]-- }()
	return operation()
}

// operation does one thing. When no bytes are left, it does nothing, since it would do the same thing
// again and again.
func (p *fuzzed) operation(ctx context.Context, depth int) error {
	if len(p.left) == 0 {
		return nil
	}
	deep := depth > 4 || len(p.tasks) > 40
	switch n := p.operations[p.next(len(p.operations))]; n {
	case 0:
		return task.Yield(ctx)
	case 1:
		return task.Sleep(ctx, p.duration())
	case 2:
		_, err := p.future().Await(ctx)
		return err
	case 3:
		_ = p.future().SetResult(1)
	case 4:
		_ = p.future().SetError(errBoom)
	case 5:
		p.future().Cancel(errCause)
	case 6, 7:
		if !deep {
			p.spawn(ctx, depth)
		}
	case 8, 9:
		if other := p.other(ctx); other != nil {
			other.Cancel(errCause)
		}
	case 10:
		if other := p.other(ctx); other != nil {
			_, err := other.Await(ctx)
			return err
		}
	case 11:
		return task.Timeout(ctx, p.duration(), func(ctx context.Context, limit *task.Deadline) error {
			if p.next(3) == 0 {
				_ = limit.Reschedule(p.l.Now().Add(p.duration()))
			}
			return p.operation(ctx, depth+1)
		})
	case 12:
		if !deep {
			return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error { return p.group(ctx, g, depth) })
		}
	case 13:
		if a, b := p.other(ctx), p.other(ctx); a != nil && b != nil {
			_, err := task.Gather(a, b).Await(ctx)
			return err
		}
	case 14:
		_, err := task.WaitFor[int](ctx, task.Shield(p.future()), p.duration())
		return err
	case 15:
		_, _, err := task.Wait(ctx, p.duration(), task.Until(p.next(3)), p.futures...)
		return err
	case 16:
		for _, err := range task.AsCompleted(ctx, p.duration(), p.futures...) {
			if err != nil {
				return err
			}
			if p.next(3) == 0 {
				break
			}
		}
	case 17:
		v, err := task.Blocking(ctx, func(context.Context) (int, error) { return 7, nil })
		if err == nil && v != 7 {
			p.t.Errorf("a blocking call returned %d", v)
		}
		return err
	case 18:
		return p.in("receiving", func() error { _, _, err := task.Recv(ctx, p.channel); return err })
	case 19:
		return p.in("sending", func() error { return task.Send(ctx, p.channel, 1) })
	case 20, 21, 22:
		if err := p.in("locking", func() error { return p.mutex.Lock(ctx) }); err != nil {
			return err
		}
		return p.holding(ctx, n, depth)
	case 23:
		if err := p.in("acquiring", func() error { return p.semaphore.Acquire(ctx) }); err != nil {
			return err
		}
		defer p.semaphore.Release()
		return p.operation(ctx, depth+1)
	case 24:
		err := p.in("putting", func() error { return p.queue.Put(ctx, 1) })
		if err == nil {
			p.queued++
		}
		return err
	case 25:
		err := p.in("getting", func() error { _, err := p.queue.Get(ctx); return err })
		if err == nil {
			p.queued--
			p.queue.Done()
		}
		return err
	case 26:
		return p.in("joining", func() error { return p.queue.Join(ctx) })
	case 27:
		return p.in("waiting", func() error { return p.event.Wait(ctx) })
	case 28:
		p.event.Set()
		if p.next(2) == 0 {
			p.event.Clear()
		}
	case 29:
		return p.in("meeting", func() error { _, err := p.barrier.Wait(ctx); return err })
	case 30:
		derived, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		p.l.CallLater(p.duration(), func() { cancel(errCause) })
		return p.operation(derived, depth+1)
	case 31:
		p.l.CallSoon(func() { p.note("callback") })
	}
	return nil
}

// holding does one operation while the task holds the mutex.
func (p *fuzzed) holding(ctx context.Context, what, depth int) error {
	p.holders++
	defer func() {
		p.holders--
		p.mutex.Unlock()
	}()
	if p.holders != 1 {
		p.t.Errorf("the mutex has %d holders", p.holders)
	}
	switch what {
	case 20:
		return task.Sleep(ctx, p.duration())
	case 21:
		p.cond.Signal(1)
		return nil
	default:
		p.holders--
		defer func() { p.holders++ }()
		return p.cond.Wait(ctx)
	}
}

// group is the body of a group.
func (p *fuzzed) group(ctx context.Context, g *task.Group, depth int) error {
	for range p.next(4) {
		at := len(p.tasks)
		p.tasks = append(p.tasks, nil)
		t, err := task.GoIn(g, p.body(depth+1))
		if err != nil {
			return err
		}
		p.tasks[at] = t
	}
	if p.next(4) == 0 {
		g.Cancel()
	}
	return p.operation(ctx, depth+1)
}

// checkRest checks the loop after Run has returned err: no task could go on.
func (p *fuzzed) checkRest(err error) {
	var deadlock *loop.DeadlockError
	switch unfinished := slices.Collect(p.l.Tasks()); {
	case err == nil && len(unfinished) == 0:
		return
	case !errors.As(err, &deadlock):
		p.t.Errorf("Run returned %v, but %d tasks are unfinished", err, len(unfinished))
		return
	case !slices.Equal(deadlock.Tasks, unfinished):
		p.t.Errorf("the DeadlockError names the tasks %v, but the unfinished tasks are %v", deadlock.Tasks, unfinished)
	}
	for _, t := range deadlock.Tasks {
		if on := t.Awaits(); on == nil || on.Done() {
			p.t.Errorf("the task %s does not go on, although its awaitable is done, or it awaits nothing: %s", t.Name(), t.Status())
		}
	}
	for what, there := range map[string]bool{
		"locking":   !p.mutex.Locked(),
		"acquiring": p.semaphore.Free() > 0,
		"putting":   p.queue.Len() < fuzzRoom,
		"getting":   p.queue.Len() > 0,
		"joining":   p.queue.Undone() == 0,
		"waiting":   p.event.IsSet(),
		"meeting":   p.inside["meeting"] > 1,
		"receiving": len(p.channel) > 0,
		"sending":   len(p.channel) < cap(p.channel),
	} {
		if there && p.inside[what] > 0 {
			p.t.Errorf("%d tasks are still %s, although the operation is possible:\n%v", p.inside[what], what, err)
		}
	}
}

// checkEnd checks that a closed loop has left nothing behind.
func (p *fuzzed) checkEnd() {
	for at, t := range p.tasks {
		if t == nil {
			continue // it was not made, since its group was finished
		}
		if !t.Done() {
			p.t.Errorf("task %d is not done after Close: %s", at, t.Task().Status())
			continue
		}
		var panicked *task.PanicError
		if errors.As(t.Err(), &panicked) && panicked.Value != errBoom {
			p.t.Errorf("task %d: %v\n%s", at, panicked, panicked.Stack)
		}
	}
	if p.begun != p.ended {
		p.t.Errorf("%d bodies have begun, but %d have ended", p.begun, p.ended)
	}
	for what, n := range p.inside {
		if n != 0 {
			p.t.Errorf("%d tasks are still %s", n, what)
		}
	}
	if s := p.l.Stats(); s.Tasks != 0 || s.Ready != 0 || s.Timers != 0 || s.Blocking != 0 || s.Stacks != 0 {
		p.t.Errorf("something is left after Close: %+v", s)
	}
	if p.queued != p.queue.Len() {
		p.t.Errorf("the queue has %d items, but %d items were put and not taken", p.queue.Len(), p.queued)
	}
	p.checkLocks()
}

// checkLocks checks that the locks are free, and that another loop can use them.
func (p *fuzzed) checkLocks() {
	if p.mutex.Locked() || p.holders != 0 || p.semaphore.Free() != fuzzPermits {
		p.t.Errorf("the mutex is locked: %v, with %d holders; %d of %d permits are free", p.mutex.Locked(), p.holders, p.semaphore.Free(), fuzzPermits)
		return
	}
	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		p.event.Set()
		return 0, errors.Join(p.mutex.Lock(ctx), p.semaphore.Acquire(ctx), p.event.Wait(ctx))
	}, loop.WithVirtualTime())
	if err != nil {
		p.t.Errorf("another loop cannot use the locks: %v", err)
	}
}
