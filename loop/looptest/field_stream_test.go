package looptest_test

import (
	"context"
	"errors"
	"slices"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// Bugs of streams and batches.

// Streams of one connection shared a window: a sender took a credit for each frame, and the receiver
// returned it when the program had read the frame. A stream was reset while frames of it were still in
// the buffer. Their credits never came back, and in the end no stream could send any more.
func creditsOfAResetStream(ctx context.Context, t *looptest.T, fixed bool) {
	window := lock.NewSemaphore(3)
	type stream struct {
		buffer  queue.Queue[int]
		isReset bool
	}
	upload, download := &stream{}, &stream{}
	sender := func(s *stream, frames int) part {
		return func(ctx context.Context) {
			for frame := 0; frame < frames && !s.isReset; frame++ {
				must(t, window.Acquire(ctx))
				pauses(ctx, 1) // the network
				if s.buffer.TryPut(frame) != nil {
					window.Release() // the stream was reset on the way
				}
			}
			s.buffer.Shutdown(false)
		}
	}
	reader := func(s *stream) part {
		return func(ctx context.Context) {
			for _, err := range s.buffer.All(ctx) {
				must(t, err)
				pauses(ctx, 1)
				window.Release()
			}
		}
	}
	reset := func(context.Context) {
		upload.isReset = true
		dropped := upload.buffer.Len()
		upload.buffer.Shutdown(true)
		for range dropped {
			if fixed {
				window.Release()
			}
		}
	}
	together(ctx, t, sender(upload, 6), reader(upload), after(9, reset), after(3, sender(download, 6)), after(3, reader(download)))
	if window.Free() != 3 {
		t.Errorf("the window has %d credits of 3", window.Free())
	}
}

// A producer had only one batch under way at a time, so that batches stay in order. A batch that failed
// was to be sent again, and went to the end of the queue. A later batch was sent before it.
func retryOvertaken(ctx context.Context, t *looptest.T, fixed bool) {
	batches := queue.New[int](0)
	brokerDown := false
	var stored []int
	unstored := 0
	var allStored lock.Event
	send := func(ctx context.Context, batch int) error {
		pauses(ctx, 1)
		if brokerDown {
			return errors.New("not the leader")
		}
		stored = append(stored, batch)
		return nil
	}
	sender := func(ctx context.Context) {
		for batch, err := range batches.All(ctx) {
			must(t, err)
			for send(ctx, batch) != nil {
				if !fixed {
					must(t, batches.Put(ctx, batch))
					pauses(ctx, 1) // backs off
					unstored++
					break
				}
				pauses(ctx, 1)
			}
			if unstored--; unstored == 0 {
				allStored.Set()
			}
		}
	}
	program := func(ctx context.Context) {
		unstored = 4
		for batch := range 4 {
			must(t, batches.Put(ctx, batch))
			pauses(ctx, 3)
		}
		must(t, allStored.Wait(ctx))
		batches.Shutdown(false)
	}
	elect := func(ctx context.Context) {
		for range 2 {
			brokerDown = true
			pauses(ctx, 1)
			brokerDown = false
			pauses(ctx, 2)
		}
	}
	together(ctx, t, sender, program, after(3, elect))
	if !slices.IsSorted(stored) {
		t.Errorf("stored in the order %v", stored)
	}
}

// A program ended spans, and a worker collected them from a queue into a batch. A flush exported the
// batch. Spans that had ended, but which the worker had not collected yet, were not exported, although
// the flush had returned.
func flushWithoutTheQueue(ctx context.Context, t *looptest.T, fixed bool) {
	type entry struct {
		span  int
		flush *future.Future[none] // not nil: not a span, but the mark of a flush
	}
	entries := queue.New[entry](0)
	var batch, exported []int
	var exporting lock.Mutex
	export := func(ctx context.Context) {
		must(t, exporting.Lock(ctx))
		defer exporting.Unlock()
		spans := batch
		batch = nil
		pauses(ctx, 1)
		exported = append(exported, spans...)
	}
	worker := func(ctx context.Context) {
		for e, err := range entries.All(ctx) {
			must(t, err)
			if e.flush != nil {
				must(t, e.flush.SetResult(none{}))
				continue
			}
			if batch = append(batch, e.span); len(batch) == 3 {
				export(ctx)
			}
		}
	}
	flush := func(ctx context.Context) {
		if fixed {
			mark := future.New[none](ctx)
			must(t, entries.Put(ctx, entry{flush: mark}))
			must(t, mark.Wait(ctx))
		}
		export(ctx)
	}
	program := func(ctx context.Context) {
		for span := range 7 {
			pauses(ctx, 1)
			must(t, entries.Put(ctx, entry{span: span}))
		}
		pauses(ctx, 3)
		flush(ctx)
		if len(exported) != 7 {
			t.Errorf("after the flush, %d of 7 spans are exported", len(exported))
		}
		entries.Shutdown(false)
	}
	together(ctx, t, worker, program)
}
