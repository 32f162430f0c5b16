package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/queue"
)

const (
	idleLimit  = 10 * time.Minute // a client that says nothing for so long has to leave
	writeLimit = 10 * time.Second // a client that does not take a line within this time has to leave
	maxLines   = 256              // a client for which more lines wait has to leave: it reads too slowly
	lobby      = "lobby"          // the room in which clients begin
)

// A chat has rooms with clients in them. Only tasks of one loop use it, so it needs no lock.
type chat struct {
	log   *slog.Logger
	names map[string]bool
	rooms map[string][]*client
}

// A client is one connection. Two tasks serve it: one reads what the client says, the other writes what the
// client is told. So a client that reads slowly does not hold up the others.
type client struct {
	name, room string
	lines      *queue.Queue[string] // to write
	leave      func()               // cancels both tasks
}

// handle serves one client until it leaves.
func (s *chat) handle(ctx context.Context, c *host.Conn) error {
	return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
		me := &client{lines: queue.New[string](maxLines), leave: g.Cancel}
		defer me.lines.Shutdown(false) // the writing task writes what is left, and ends
		if err := g.Go(func(ctx context.Context) error { return me.write(ctx, c) }); err != nil {
			return err
		}
		err := s.talk(ctx, me, host.NewReader(c))
		var idle *task.TimeoutError
		switch {
		case errors.As(err, &idle):
			me.tell("You said nothing for %v. Goodbye.", idleLimit)
		case errors.Is(err, host.ErrDraining):
			me.tell("The server is shutting down. Goodbye.")
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // also in the middle of a line
			me.tell("Goodbye.")
		default:
			return err
		}
		return nil
	})
}

// write writes the lines for the client.
func (me *client) write(ctx context.Context, c *host.Conn) error {
	for line, err := range me.lines.All(ctx) {
		if err == nil {
			_, err = task.Within(ctx, writeLimit, func(context.Context) (int, error) { return io.WriteString(c, line+"\n") })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tell hands a line to the writing task. It does not wait.
func (me *client) tell(format string, args ...any) {
	if err := me.lines.TryPut(fmt.Sprintf(format, args...)); errors.Is(err, queue.ErrFull) {
		me.leave()
	}
}

// talk does what the client says, until the client quits. The error says why the client leaves.
func (s *chat) talk(ctx context.Context, me *client, r *host.Reader) error {
	me.tell("What is your name?")
	for me.name == "" {
		name, err := listen(ctx, r)
		switch name = strings.TrimSpace(name); {
		case err != nil:
			return err
		case name == "" || s.names[name]:
			me.tell("Please choose another name.")
		default:
			me.name, s.names[name] = name, true
			defer delete(s.names, name)
		}
	}
	s.log.InfoContext(ctx, "came", "name", me.name)
	s.enter(me, lobby)
	defer s.exit(me)
	for {
		line, err := listen(ctx, r)
		if err != nil {
			return err
		}
		switch command, room, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case command == "/quit":
			return io.EOF
		case command == "/who":
			for _, other := range s.rooms[me.room] {
				me.tell("%s is in %s", other.name, me.room)
			}
		case command == "/join" && room != "":
			s.exit(me)
			s.enter(me, room)
		case strings.HasPrefix(command, "/"):
			me.tell("There are these commands: /join room, /who, /quit")
		case command != "":
			s.tell(me.room, "%s: %s", me.name, line)
		}
	}
}

// listen waits for the next line of the client.
func listen(ctx context.Context, r *host.Reader) (line string, err error) {
	err = host.Idle(ctx, func(ctx context.Context) (err error) {
		line, err = task.Within(ctx, idleLimit, r.ReadLine)
		return err
	})
	return line, err
}

// tell tells everybody in a room.
func (s *chat) tell(room, format string, args ...any) {
	for _, c := range s.rooms[room] {
		c.tell(format, args...)
	}
}

func (s *chat) enter(me *client, room string) {
	me.room, s.rooms[room] = room, append(s.rooms[room], me)
	s.tell(room, "* %s enters %s", me.name, room)
}

func (s *chat) exit(me *client) {
	s.rooms[me.room] = slices.DeleteFunc(s.rooms[me.room], func(c *client) bool { return c == me })
	if len(s.rooms[me.room]) == 0 {
		delete(s.rooms, me.room)
	}
	s.tell(me.room, "* %s leaves %s", me.name, me.room)
}
