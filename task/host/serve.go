package host

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// ErrDraining is the error of [Idle] when the server shuts down.
var ErrDraining = errors.New("host: the server is shutting down")

const (
	defaultGrace   = 10 * time.Second
	handshakeLimit = 10 * time.Second
	firstPause     = 5 * time.Millisecond // after an error of Accept
	longestPause   = time.Second
)

// A ServeOption is a setting for one call of [Serve].
type ServeOption func(*server)

// WithMaxConns limits the number of connections that [Serve] handles at the same time. When there are n,
// Serve accepts the next one after one of them has ended. Until then new connections wait in the
// listener; the operating system refuses more when a few hundred or a few thousand wait. Without
// WithMaxConns there is no limit. WithMaxConns panics if n is not positive.
func WithMaxConns(n int) ServeOption {
	if n < 1 {
		panic(fmt.Sprintf("host: WithMaxConns(%d); give it the number of connections to handle at the same time, 1 or more", n))
	}
	return func(s *server) { s.limit = lock.NewSemaphore(n) }
}

// WithGrace sets how long [Serve] waits for the handlers at the end, before it cancels them: see Serve.
// The default is 10 seconds. All times of Serve go by the loop's clock, or by that of a simulated machine. If d is not positive, Serve cancels them at once. [task.NoLimit] lets
// Serve wait until they have ended.
func WithGrace(d time.Duration) ServeOption { return func(s *server) { s.grace = d } }

// WithErrorHandler makes [Serve] call report with each error that no caller gets, in place of the loop's error
// handler: see Serve. report runs on the loop, and must not suspend. If it panics, the server ends:
// Serve cancels all handlers, and panics or returns the panic as an error. WithErrorHandler panics if report is
// nil.
func WithErrorHandler(report func(error)) ServeOption {
	if report == nil {
		panic("host: WithErrorHandler of a nil function; give it a function that takes an error")
	}
	return func(s *server) { s.onError = report }
}

// WithTLS makes [Serve] run the handshake of TLS on each connection, in the handler's task, by
// [TLSServer]. A handshake that takes longer than 10 seconds fails. WithTLS panics if config is nil or
// allows renegotiation.
func WithTLS(config *tls.Config) ServeOption {
	checkTLS("WithTLS", config)
	return func(s *server) { s.tls = config }
}

// Serve accepts the connections of ln, and runs handle for each of them, as a task of a group. It
// returns when ctx has ended, or ln has failed, and all handlers have ended.
//
// handle runs in a task that has the name of the remote address. Its ctx has the values of Serve's
// ctx, and does not end with it. When handle has ended in any way, by a return, a panic or a Goexit, Serve closes the
// connection, and what handle has written is still sent: see [Conn.Close]. An error or a panic of
// handle ends its own connection only. Serve reports it, and goes on. Serve does not report a
// cancellation, and an error that only wraps [io.EOF] or [ErrDraining]. So handle can return the error
// of a read that has found the end of the connection, also from a group of tasks.
//
// Accept can fail for a short time: the process has too many open files, or a connection has ended
// before it was accepted. After such an error, which has a method Temporary that returns true, Serve
// reports it, pauses and tries again. The first pause takes 5 ms, each further one twice as long, up to
// one second, until a connection is accepted. After any other error of Accept, Serve shuts down.
//
// # Shutdown
//
// Serve shuts down when ctx ends, that is, when its task is canceled or a standard context that ctx is
// derived from ends, and when Accept fails. If the program closes ln itself, the error is
// [net.ErrClosed]. Serve
//
//  1. closes ln: further connections are refused, and those that wait in ln are closed;
//  2. lets the handlers know: [Draining] returns true, and [Idle] returns. Their contexts do not end;
//  3. waits until all handlers have ended, for the time of [WithGrace], or until its task is canceled
//     again;
//  4. cancels the handlers that are left, oldest first, and waits until they have ended;
//  5. returns the reason: the cancellation, [context.Cause] of ctx, or the error of Accept. It is never
//     nil.
//
// A handler that neither uses Idle nor looks at Draining is just canceled after the grace period.
//
// # Reports
//
// Serve reports an error to the function of [WithErrorHandler], or else to the loop's error handler
// ([loop.PartFailed]). For WithErrorHandler an error of a handler is a [*task.TaskError], with the name of the
// task. If the handler has panicked, the error in it is a [*task.PanicError].
//
// Serve panics if ln, handle or an option is nil, or if ctx does not belong to the running task. A
// connection costs one task, and the memory of the Conn.
func Serve(ctx context.Context, ln *Listener, handle func(ctx context.Context, c *Conn) error, opts ...ServeOption) error {
	if ln == nil {
		panic("host: Serve of a nil Listener; make one by Listen")
	}
	if handle == nil {
		panic("host: Serve with a nil handle; give it a function that handles one connection")
	}
	s := &server{ln: ln, handle: handle, grace: defaultGrace, loop: task.Current(ctx).Loop()}
	for _, opt := range opts {
		if opt == nil {
			panic("host: Serve with a nil ServeOption; leave it out")
		}
		opt(s)
	}
	defer ln.Close() // in case an observer or WithErrorHandler panics or calls Goexit
	var end loop.Handle
	defer func() { end.Cancel() }()
	var reason error
	// The end of ctx must not cancel the handlers.
	handlers := context.WithValue(context.WithoutCancel(ctx), serverKey{}, s)
	err := task.WithGroup(handlers, func(_ context.Context, g *task.Group) error {
		reason = s.accept(ctx, g)
		s.drain(ctx)
		switch {
		case s.grace <= 0:
			g.Cancel()
		case s.grace != task.NoLimit && !s.loop.Closed():
			end = lowlevel.CallLater(ctx, s.grace, g.Cancel)
		}
		return nil // the group waits for the handlers, although this task was canceled
	})
	switch {
	case err == nil:
	case !loop.IsCanceled(err):
		return err
	case !loop.IsCanceled(reason): // canceled in the grace period: do not lose the request
		lowlevel.PutBack(ctx, err)
	}
	return reason
}

// A server is one call of Serve.
type server struct {
	loop     *loop.Loop
	ln       *Listener
	handle   func(ctx context.Context, c *Conn) error
	limit    *lock.Semaphore // nil if there is no limit
	grace    time.Duration
	onError  func(error)
	tls      *tls.Config
	idle     list.List // of *task.Deadline: the calls of Idle that wait
	draining bool
}

type serverKey struct{}

// accept accepts connections until that fails for good. It returns the error.
func (s *server) accept(ctx context.Context, g *task.Group) error {
	pause := firstPause
	for {
		if s.limit != nil {
			if err := s.limit.Acquire(ctx); err != nil {
				return err
			}
		}
		c, err := s.ln.Accept(ctx)
		if err == nil {
			pause = firstPause
			if err := s.start(g, c); err != nil {
				return err
			}
			if ctx.Err() != nil { // Accept does not suspend while connections come, so it delivers no request
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
			continue
		}
		if s.limit != nil {
			s.limit.Release()
		}
		if !temporary(err) {
			return err
		}
		err = fmt.Errorf("%w; accepting again in %v", err, pause)
		s.report(task.Current(ctx), err, err)
		if err := task.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// temporary reports whether an error of Accept may be gone when Accept is called again. The errors of
// package net say so by a method.
func temporary(err error) bool {
	var e interface{ Temporary() bool }
	return !loop.IsCanceled(err) && errors.As(err, &e) && e.Temporary()
}

// start makes the task of a connection.
func (s *server) start(g *task.Group, c *Conn) error {
	var opts []task.Option
	if addr := c.RemoteAddr(); addr != nil && addr.String() != "" { // the clients of Unix sockets have no address
		opts = append(opts, task.Named(addr.String()))
	}
	t, err := task.GoIn(g, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.run(ctx, c) }, opts...)
	if err != nil {
		_ = c.Close()
		return err
	}
	t.OnDone(func() {
		_ = c.Close() // again, since a task that is canceled before its first step does not run
		if s.limit != nil {
			s.limit.Release()
		}
	})
	return nil
}

// run handles one connection. It returns cancellations only, so that the group goes on.
func (s *server) run(ctx context.Context, c *Conn) (err error) {
	returned := false
	defer func() {
		if !returned {
			if err = lowlevel.Recovered(recover(), task.Current(ctx)); err == loop.ErrGoexit {
				_ = c.Close()
				return // the loop ends
			}
		}
		if e := c.Close(); err == nil && !errors.Is(e, net.ErrClosed) {
			err = e
		}
		err = lowlevel.LetThrough(ctx, err)
		if err == nil || loop.IsCanceled(err) {
			return
		}
		if !isEnd(err) {
			t := task.Current(ctx)
			s.report(t, err, &task.TaskError{Task: t.Name(), Err: err})
		}
		err = nil
	}()
	err = s.serve(ctx, c)
	returned = true
	return err
}

// isEnd reports whether err says no more than that the peer or the server has ended the connection. An error that
// says more, such as a GroupError with other errors or a panic, is not an end.
func isEnd(err error) bool {
	switch e := err.(type) {
	case *loop.PanicError:
		return false
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !isEnd(err) })
	case interface{ Unwrap() error }:
		return isEnd(e.Unwrap())
	}
	return err == io.EOF || err == ErrDraining
}

func (s *server) serve(ctx context.Context, c *Conn) error {
	if s.tls != nil {
		err := task.Timeout(ctx, handshakeLimit, func(ctx context.Context, _ *task.Deadline) error {
			return TLSServer(ctx, c, s.tls)
		})
		if err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
	}
	return s.handle(ctx, c)
}

// drain stops listening, and ends the calls of Idle.
func (s *server) drain(ctx context.Context) {
	_ = s.ln.Close()
	s.draining = true
	for at := s.idle.Front(); at != nil; at = at.Next() {
		_ = at.Value.(*task.Deadline).Reschedule(lowlevel.Now(ctx))
	}
}

// report reports err of the task t. told is what WithErrorHandler's function gets.
func (s *server) report(t *loop.Task, err, told error) {
	if s.onError != nil {
		s.onError(told)
	} else {
		lowlevel.Report(s.loop, loop.Failure{Kind: loop.PartFailed, Task: t, Err: err})
	}
}

// serverOf returns the server whose handler ctx comes from, or nil.
func serverOf(ctx context.Context) *server {
	if s, ok := ctx.Value(serverKey{}).(*server); ok {
		if l, ok := loop.FromContext(ctx); ok && l == s.loop {
			return s
		}
	}
	return nil
}

// Draining reports whether the server shuts down to which the handler belongs that ctx comes from: see
// [Serve]. A handler that gets request after request then answers the present one, and ends. The
// result is false if ctx comes from no handler, or belongs to another loop.
func Draining(ctx context.Context) bool {
	if ctx == nil {
		panic("host: Draining with a nil context; give it the context that the handler was handed")
	}
	s := serverOf(ctx)
	return s != nil && s.draining
}

// Idle runs wait, in the running task, while a handler has nothing to do but to wait for the next
// request. When the server shuts down, or has begun to, wait is canceled, as by a time limit, and Idle
// returns [ErrDraining]. If wait need not suspend, it goes on: so a request that has come already is
// still answered. In all other cases Idle returns the error of wait.
//
//	for {
//		err := host.Idle(ctx, func(ctx context.Context) error {
//			_, err := r.Peek(ctx, 1)
//			return err
//		})
//		if err != nil {
//			return err // Serve reports neither ErrDraining nor io.EOF
//		}
//		... // read the request, and answer it
//	}
//
// A limit for clients that say nothing belongs into wait: task.Within(ctx, time.Minute, ...) around the Peek.
//
// ctx comes from a handler of [Serve]. If it comes from no handler, Idle just runs wait, so handle can
// also be called without Serve. Idle panics if wait is nil, or if ctx does not belong to the running
// task. It makes the allocations of [task.Timeout].
func Idle(ctx context.Context, wait func(ctx context.Context) error) error {
	if wait == nil {
		panic("host: Idle of a nil function; give it a function that waits for the next request")
	}
	lowlevel.Current(ctx) // panics if ctx is not that of the running task
	s := serverOf(ctx)
	if s == nil {
		return wait(ctx)
	}
	var until time.Time
	if s.draining {
		until = lowlevel.Now(ctx)
	}
	ended := false
	err := task.TimeoutAt(ctx, until, func(ctx context.Context, d *task.Deadline) error {
		at := s.idle.PushBack(d)
		defer func() {
			s.idle.Remove(at)
			ended = d.Expired()
		}()
		return wait(ctx)
	})
	if _, limit := err.(*task.TimeoutError); ended && limit {
		return ErrDraining
	}
	return err
}
