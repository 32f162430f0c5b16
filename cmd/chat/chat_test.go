package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// A user is the other end of a connection.
type user struct {
	t     tester
	conn  *host.Conn
	lines *host.Reader
	ended *task.Task[struct{}] // the handler, if the connection is one in memory
}

// A tester is a *testing.T or a *looptest.T.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
}

// come connects a user. The pipe holds 1,000 bytes in each direction.
func come(ctx context.Context, t *looptest.T, s *chat) *user {
	ours, theirs := host.Pipe(ctx, host.WithPipeBuffer(1000))
	ended := task.Go(ctx, task.Void(func(ctx context.Context) error {
		defer theirs.Close()
		return s.handle(ctx, theirs)
	}))
	return &user{t, ours, host.NewReader(ours), ended}
}

func quiet() *chat { return newChat(slog.New(slog.DiscardHandler)) }

// come, and say the name.
func comeAs(ctx context.Context, t *looptest.T, s *chat, name string) *user {
	return come(ctx, t, s).named(ctx, name)
}

// named says the name.
func (u *user) named(ctx context.Context, name string) *user {
	u.t.Helper()
	u.say(name)
	u.hear(ctx, "What is your name?", "* "+name+" enters lobby")
	return u
}

func (u *user) say(line string) {
	u.t.Helper()
	if _, err := fmt.Fprintln(u.conn, line); err != nil {
		u.t.Error(err)
	}
}

// hear reads lines, which must be those that are wanted.
func (u *user) hear(ctx context.Context, want ...string) {
	u.t.Helper()
	for _, want := range want {
		if got, err := u.lines.ReadLine(ctx); err != nil || got != want {
			u.t.Errorf("the user hears %q, %v, want %q", got, err, want)
		}
	}
}

// hearTheEnd waits for the end of the connection, and of the handler.
func (u *user) hearTheEnd(ctx context.Context) {
	u.t.Helper()
	if line, err := u.lines.ReadLine(ctx); err != io.EOF {
		u.t.Errorf("the user hears %q, %v, want the end", line, err)
	}
	if u.ended != nil {
		if err := u.ended.Wait(ctx); err != nil {
			u.t.Error(err)
		}
	}
	if err := u.conn.Close(); err != nil {
		u.t.Error(err)
	}
}

func TestRooms(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		s := quiet()
		talkInRooms(ctx, func() *user { return come(ctx, t, s) })
		if len(s.rooms) != 0 || len(s.names) != 0 {
			t.Errorf("rooms %v and names %v are left", s.rooms, s.names)
		}
	})
}

// talkInRooms is a conversation of two users. Both enter a room, talk, and leave.
func talkInRooms(ctx context.Context, come func() *user) {
	ann := come().named(ctx, "ann")
	bob := come().named(ctx, "bob")
	ann.hear(ctx, "* bob enters lobby")
	bob.say("hello")
	ann.hear(ctx, "bob: hello")
	bob.hear(ctx, "bob: hello")
	bob.say("/join kitchen")
	ann.hear(ctx, "* bob leaves lobby")
	bob.hear(ctx, "* bob enters kitchen")
	ann.say("/who")
	ann.hear(ctx, "ann is in lobby")
	bob.say("nobody hears this")
	bob.hear(ctx, "bob: nobody hears this")
	ann.say("/nonsense")
	ann.hear(ctx, "There are these commands: /join room, /who, /quit")
	ann.say("/join kitchen")
	bob.hear(ctx, "* ann enters kitchen")
	ann.say("/quit")
	bob.hear(ctx, "* ann leaves kitchen")
	ann.hear(ctx, "* ann enters kitchen", "Goodbye.")
	ann.hearTheEnd(ctx)
	_, err := io.WriteString(bob.conn, "half a line")
	if err := errors.Join(err, bob.conn.CloseWrite()); err != nil { // leaves without a word
		bob.t.Error(err)
	}
	bob.hear(ctx, "Goodbye.")
	bob.hearTheEnd(ctx)
}

func TestNames(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		s := quiet()
		ann := comeAs(ctx, t, s, "ann")
		other := come(ctx, t, s)
		for _, name := range []string{"ann", "", "  "} {
			other.say(name)
		}
		other.hear(ctx, "What is your name?", "Please choose another name.", "Please choose another name.", "Please choose another name.")
		ann.say("/quit")
		ann.hear(ctx, "Goodbye.")
		ann.hearTheEnd(ctx)
		other.say("ann") // which is free again
		other.hear(ctx, "* ann enters lobby")
		other.say("/quit")
		other.hear(ctx, "Goodbye.")
		other.hearTheEnd(ctx)
	})
}

func TestIdleClient(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		s := quiet()
		began := task.Current(ctx).Loop().Elapsed()
		nameless := come(ctx, t, s)
		ann := comeAs(ctx, t, s, "ann")
		if err := task.Sleep(ctx, idleLimit/2); err != nil {
			t.Error(err)
		}
		ann.say("I am here")
		ann.hear(ctx, "ann: I am here", "You said nothing for 10m0s. Goodbye.")
		ann.hearTheEnd(ctx)
		if passed := task.Current(ctx).Loop().Elapsed() - began; passed != idleLimit*3/2 {
			t.Errorf("ann had to leave after %v", passed)
		}
		nameless.hear(ctx, "What is your name?", "You said nothing for 10m0s. Goodbye.")
		nameless.hearTheEnd(ctx)
	})
}

// A client that does not read has to leave: at once if too many lines wait for it, and otherwise when the time for
// a line is over. The others notice nothing.
func TestSlowReader(t *testing.T) {
	for _, lines := range []int{40, 2 * maxLines} {
		t.Run(fmt.Sprint(lines), func(t *testing.T) {
			looptest.Run(t, func(ctx context.Context, t *looptest.T) {
				s := quiet()
				slow := comeAs(ctx, t, s, "slow")
				ann := comeAs(ctx, t, s, "ann")
				began := task.Current(ctx).Loop().Elapsed()
				text := strings.Repeat("x", 100)
				left := 0
				listen := func() {
					line, err := ann.lines.ReadLine(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if line == "* slow leaves lobby" {
						left++
					}
				}
				for range lines {
					ann.say(text)
					listen()
				}
				listen()
				if left != 1 {
					t.Errorf("the slow client has left %d times", left)
				}
				limit := writeLimit
				if lines > maxLines {
					limit = 0
				}
				if passed := task.Current(ctx).Loop().Elapsed() - began; passed != limit {
					t.Errorf("the slow client had to leave after %v, want %v", passed, limit)
				}
				if err := slow.ended.Wait(ctx); (err != nil) != (limit > 0) {
					t.Errorf("the error is %v", err)
				}
				ann.say("/quit")
				ann.hear(ctx, "Goodbye.")
				ann.hearTheEnd(ctx)
				if err := slow.conn.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// In every order of the tasks, what one user says reaches all others once, in one order for all.
func TestEveryoneHearsTheSame(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		s := quiet()
		var users []*user
		for i := range 4 {
			users = append(users, comeAs(ctx, t, s, fmt.Sprint("user ", i)))
			for _, other := range users[:i] {
				other.hear(ctx, fmt.Sprintf("* user %d enters lobby", i))
			}
		}
		heard := make([]string, len(users))
		var all []*task.Task[struct{}]
		for i, u := range users {
			all = append(all, task.Go(ctx, task.Void(func(ctx context.Context) error {
				for n := range 3 {
					if _, err := fmt.Fprintf(u.conn, "%d\n", n); err != nil {
						return err
					}
				}
				for range 3 * len(users) {
					line, err := u.lines.ReadLine(ctx)
					if err != nil {
						return err
					}
					heard[i] += line + "\n"
				}
				return nil
			})))
		}
		if err := task.Gather(all...).Wait(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range users {
			if heard[i] != heard[0] {
				t.Errorf("user %d has heard\n%s, and user 0\n%s", i, heard[i], heard[0])
			}
		}
		if err := task.Sleep(ctx, idleLimit+time.Second); err != nil { // until all have left
			t.Error(err)
		}
		for _, u := range users {
			if err := u.conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
