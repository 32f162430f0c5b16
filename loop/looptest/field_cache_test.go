package looptest_test

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// Bugs of caches, and of requests that share one call.

// A cache loaded a value from the database. Meanwhile another task changed the value in the database,
// and removed it from the cache. Nothing was there to remove yet. Then the load put the old value into
// the cache, and it stayed there.
func invalidatedWhileLoading(ctx context.Context, t *looptest.T, fixed bool) {
	keys := []string{"price", "stock"}
	database := map[string]int{}
	cached := map[string]int{}
	invalidated := map[string]int{} // how many times
	get := func(ctx context.Context, key string) int {
		if v, ok := cached[key]; ok {
			return v
		}
		before := invalidated[key]
		pauses(ctx, 1) // sends the query
		v := database[key]
		pauses(ctx, 1) // receives the row
		if !fixed || invalidated[key] == before {
			cached[key] = v
		}
		return v
	}
	read := func(ctx context.Context) {
		for range 2 {
			for _, key := range keys {
				get(ctx, key)
				pauses(ctx, 1)
			}
		}
	}
	change := func(ctx context.Context) {
		for at, key := range keys {
			pauses(ctx, 1) // sends the update
			database[key] = at + 7
			pauses(ctx, 1) // receives the number of rows
			delete(cached, key)
			invalidated[key]++
		}
	}
	together(ctx, t, read, after(20, change), after(14, read))
	for _, key := range keys {
		if v := get(ctx, key); v != database[key] {
			t.Errorf("the %s is %d, and the cache says %d", key, database[key], v)
		}
	}
}

// A cache kept open files, and counted the readers of each. A reader looked a file up, and was counted
// a little later. In between the file was the least recently used one without readers. So the cache
// evicted and closed it, and the reader got a closed file.
func evictedBeforeCounted(ctx context.Context, t *looptest.T, fixed bool) {
	type file struct {
		name            string
		readers         int
		evicted, closed bool
	}
	const room = 2
	var files []*file // the least recently used one is first
	drop := func(f *file) {
		f.evicted = true
		f.closed = f.readers == 0
	}
	open := func(ctx context.Context, name string) *file {
		for at, f := range files {
			if f.name != name {
				continue
			}
			files = append(append(files[:at:at], files[at+1:]...), f)
			if fixed {
				f.readers++
			}
			pauses(ctx, 1) // waits for its turn to write the statistics
			if !fixed {
				f.readers++
			}
			return f
		}
		f := &file{name: name, readers: 1}
		files = append(files, f)
		for at := 0; len(files) > room && at < len(files); at++ {
			if oldest := files[at]; oldest.readers == 0 {
				files = append(files[:at:at], files[at+1:]...)
				drop(oldest)
				at--
			}
		}
		return f
	}
	read := func(names ...string) part {
		return func(ctx context.Context) {
			for _, name := range names {
				f := open(ctx, name)
				for range 2 {
					if f.closed {
						t.Errorf("read of %s after it was closed", name)
					}
					pauses(ctx, 1)
				}
				if f.readers--; f.evicted {
					drop(f)
				}
				pauses(ctx, 1)
			}
		}
	}
	together(ctx, t, read("a", "b", "a", "b"), after(1, read("b", "a")), after(13, read("c", "d", "e")))
}

// Several callers shared one call. When the last caller had left, the call was canceled, and needed some
// time to clean up. A caller that came in this time joined the canceled call, and got a cancellation
// although nothing had canceled this caller.
func joinedACanceledCall(ctx context.Context, t *looptest.T, fixed bool) {
	type call struct {
		load    *task.Task[none]
		callers int
	}
	var current *call
	var loads []*task.Task[none]
	fetch := func(ctx context.Context) error {
		if current == nil {
			c := &call{}
			c.load = spawn(ctx, "load", func(ctx context.Context) error {
				for range 4 {
					if err := task.Yield(ctx); err != nil {
						pauses(ctx, 2) // closes the connection
						return err
					}
				}
				return nil
			})
			c.load.OnDone(func() {
				if current == c {
					current = nil
				}
			})
			current, loads = c, append(loads, c.load)
		}
		c := current
		c.callers++
		err := task.Shield(c.load).Wait(ctx)
		if c.callers--; c.callers == 0 && err != nil && !c.load.Done() {
			if fixed && current == c {
				current = nil
			}
			c.load.Cancel(err)
		}
		return err
	}
	page := spawn(ctx, "page", fetch)
	leave := func(context.Context) { page.Cancel(nil) }
	steady := func(ctx context.Context) {
		if err := fetch(ctx); err != nil {
			t.Errorf("the call ended with %v, after %d loads", err, len(loads))
		}
	}
	together(ctx, t, after(9, leave), after(12, steady), after(21, steady))
	_ = page.Wait(ctx)
	for _, load := range loads {
		_ = load.Wait(ctx)
	}
}

// A server replaced the refresh token at each use, and ended the session if an old one came back. Two
// requests failed because the access token had expired. Each of them refreshed. The second one used
// the refresh token that the first one had already used, and the user was logged out.
func refreshedTwice(ctx context.Context, t *looptest.T, fixed bool) {
	type tokens struct{ access, refresh int }
	server, loggedOut := tokens{1, 1}, false
	client := server
	var mu lock.Mutex
	refresh := func(ctx context.Context, rejected int) {
		if fixed {
			must(t, mu.Lock(ctx))
			defer mu.Unlock()
			if client.access != rejected { // another request has refreshed
				return
			}
		}
		used := client.refresh
		must(t, task.Sleep(ctx, 50*time.Millisecond))
		if used != server.refresh {
			loggedOut = true
			return
		}
		server = tokens{server.access + 1, server.refresh + 1}
		fresh := server
		must(t, task.Sleep(ctx, 50*time.Millisecond))
		client = fresh
	}
	request := func(ctx context.Context) {
		for range 3 {
			access := client.access
			must(t, task.Sleep(ctx, 20*time.Millisecond))
			if accepted := access == server.access; accepted || loggedOut {
				return
			}
			must(t, task.Sleep(ctx, 20*time.Millisecond)) // receives the status 401
			refresh(ctx, access)
		}
	}
	tab := func(start time.Duration) part {
		return func(ctx context.Context) {
			for range 2 {
				must(t, task.Sleep(ctx, start))
				request(ctx)
			}
		}
	}
	expire := func(ctx context.Context) {
		must(t, task.Sleep(ctx, 1500*time.Millisecond))
		server.access++
	}
	together(ctx, t, tab(time.Second), tab(1300*time.Millisecond), expire)
	if loggedOut {
		t.Error("the user was logged out")
	}
}
