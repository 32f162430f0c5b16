// Package host has what a program takes from its machine: network, files, chance and the time of day,
// for tasks.
//
// A [Host] is the machine. [System] returns the real one. A program takes the Host, or the parts of it
// that it needs, as an argument, and uses no other network and no other files. Then the same program also
// runs on a machine that a test makes up.
//
// # A first server
//
// [Serve] runs a function for each connection, in a task of its own. This server answers each line. It ends
// at Ctrl-C, at most 10 seconds later, if ctx is that of signal.NotifyContext:
//
//	echo := func(ctx context.Context, c *host.Conn) error {
//		r := host.NewReader(c)
//		for {
//			line, err := r.ReadLine(ctx)
//			if err != nil {
//				return err // io.EOF at the end, which Serve does not report
//			}
//			if _, err := fmt.Fprintln(c, line); err != nil {
//				return err
//			}
//		}
//	}
//	_, err := task.Run(ctx, task.Void(func(ctx context.Context) error {
//		ln, err := host.System().Net.Listen(ctx, "tcp", "localhost:7000")
//		if err != nil {
//			return err
//		}
//		return host.Serve(ctx, ln, echo)
//	}))
//
// The tasks share data without locks, since one task runs at a time, and they switch only where they wait.
// ExampleServe is a chat, and the program cmd/chat a larger one.
//
// # Connections
//
// A [Conn] is a [net.Conn] whose Read and Write suspend the running task, and not a goroutine. Packages such
// as bufio, encoding/json and net/textproto use it as any other connection. Dial of a [Network] connects to
// a server. Listen makes a [Listener], and ListenPacket a [PacketConn], which sends and receives packets.
//
// Write suspends while the peer does not read, and a peer that writes has to wait while no task reads. So
// memory stays bounded.
//
// Canceling loses nothing: the bytes that a canceled Read would have returned are there for the next Read.
// But code above a Conn may drop what it has read. A [Reader] does not: its methods ReadLine, ReadUntil,
// ReadFull and Peek take nothing if they are canceled. So a task can read each line under a time limit,
// and go on after the limit has expired:
//
//	line, err := task.Within(ctx, time.Minute, r.ReadLine)
//
// [WithReadLimit] bounds the length of a line; a longer one is a [LimitError].
//
// A time limit of package task is the usual way to limit how long a task waits. A Conn has deadlines too, for
// code that knows nothing of tasks. They go by the clock of the loop, or of a simulated machine: see
// [Conn.SetReadDeadline]. Read and Write do not see a context such as that of context.WithTimeout;
// [Conn.ReadContext], [Conn.WriteContext] and the Reader do.
//
// # Servers
//
// Serve limits the number of connections by [WithMaxConns], goes on after errors, and reports them
// ([WithErrorHandler]). When its context ends, it stops accepting, gives the handlers time to end
// ([WithGrace]), and then cancels them. A handler whose client sends request after request waits for the next one
// in [Idle]. Then the shutdown ends this wait at once, with [ErrDraining]. [Draining] tells whether the
// answer is the last one.
//
// # TLS
//
// [TLSServer] and [TLSClient] begin TLS on a Conn, and [WithTLS] begins it on each connection of Serve. The
// Conn stays the same, and keeps its rules. [TLSState] tells the certificates of the peer.
//
// The network has no client for HTTP, and that of net/http cannot use a Conn (see below). A task can use it in
// [task.Blocking], with a context of [loop.Outside], or it can write requests and read responses itself:
//
//	c, err := network.Dial(ctx, "tcp", "example.org:443")
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	if err := host.TLSClient(ctx, c, &tls.Config{ServerName: "example.org"}); err != nil {
//		return err
//	}
//	req, err := http.NewRequest("GET", "https://example.org/", nil)
//	if err != nil {
//		return err
//	}
//	if err := req.Write(c); err != nil {
//		return err
//	}
//	resp, err := http.ReadResponse(bufio.NewReader(c), req) // for further requests: the same bufio.Reader
//	if err != nil {
//		return err
//	}
//	defer resp.Body.Close()
//
// # Files
//
// The methods of an [FS] suspend the task until the operating system has done the call. A [File] works with
// bufio, encoding/json and so on. [ReadFile], [WriteFile] and [MkdirAll] are like those of package os.
// [ReplaceFile] gives a file new contents that are whole after a crash, old or new. A program that keeps a log
// calls Sync of the File after it has written, and SyncDir of the FS after it has made the file. [WithRoot]
// keeps all files inside of a directory; [WithFileCalls] sets how many calls run at the same time.
//
// # Chance and the time of day
//
// Rand, Entropy and Now of a Host are for chance, secrets and dates. Waiting is not theirs: task.Sleep
// and time limits go by the clock of the loop. Those of a simulated machine go as fast as the clock of that
// machine, and do not notice when it jumps.
// Now may jump, so a program that measures a time uses lowlevel.Elapsed.
//
// # Tests
//
// [Pipe] makes both ends of a connection in memory. A test hands one of them to the handler of a server, and
// talks to it through the other one. It needs no network. With a virtual clock it needs no real time
// either, and package loop/looptest runs it in many orders of events:
//
//	looptest.Explore(t, looptest.Sample(1, 1000), func(ctx context.Context, t *looptest.T) {
//		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
//			for _, name := range []string{"ann", "bob"} {
//				client, server := host.Pipe(ctx)
//				_ = g.Go(func(ctx context.Context) error {
//					defer server.Close() // as Serve does
//					if err := echo(ctx, server); err != io.EOF {
//						t.Errorf("echo has returned %v, want io.EOF", err)
//					}
//					return nil
//				})
//				_ = g.Go(func(ctx context.Context) error {
//					defer client.Close()
//					if _, err := fmt.Fprintln(client, name); err != nil {
//						return err
//					}
//					line, err := host.NewReader(client).ReadLine(ctx)
//					if line != name {
//						t.Errorf("the answer is %q, want %q", line, name)
//					}
//					return err
//				})
//			}
//			return nil
//		})
//		if err != nil {
//			t.Error(err)
//		}
//	})
//
// [WithPipeBuffer] makes the buffer of a Pipe small, so that a test meets a peer that does not read. Outside of
// Serve, Idle just waits, and Draining is false.
//
// A loop with a virtual clock refuses the network of [System]: Dial, Listen and ListenPacket return an error, since
// a network goes by real time. Files work with both clocks; virtual time stands still during a call. The
// contents of the disk are then part of the test, so make a new directory for each run.
//
// [NewConn], [NewListener] and [NewPacketConn] make the types of this package of a [Transport], an [Acceptor] and a
// [PacketTransport], for a network of your own. [NewFS] makes an FS of a [Disk]. Package task/host/hosttest tests it.
//
// # Which goroutine
//
// What this package makes belongs to the loop of the context that it was made with. Only the tasks of that loop may
// call the methods that suspend. Other methods can also be called from callbacks, and by the code that drives the
// loop, while it does not. Another goroutine uses loop.Post. Misuse panics.
//
// # Systems
//
// On Linux, the sockets of a loop share one epoll instance, and a connection that waits for input needs no
// buffer, and no goroutine besides the stack of the task that reads: with that task it costs about 6 KB. On other
// systems package net does the work, with one goroutine for each connection that waits, and buffers of up to
// 64 KiB. The rules are the same. See [System].
//
// # Locks of other packages
//
// Read and Write of a [Conn] suspend the task in the middle of the code that calls them. Most code does not
// notice. But some code holds a lock of package sync meanwhile. If a second task needs that lock, it blocks the
// goroutine of the loop. Then no task goes on any more, also not the one that could release the lock: the
// program hangs, and the loop cannot report a deadlock. (The loop's debug mode reports the step that blocks: see
// loop.WithDebug.) So let only one task at a time use
//
//   - a [crypto/tls.Conn]. Even one task in Read and another in Write is too much. Use [TLSServer] and [TLSClient];
//   - the Body of a request or response of net/http: also Close waits while another task is in Read;
//   - an Encoder or a Decoder of encoding/gob;
//   - the Pipeline methods of a Conn of net/textproto;
//   - a [log.Logger], or a handler of log/slog, that writes to a Conn. Let it write to a queue instead. The same
//     holds for the KeyLogWriter of a tls.Config, whose lock all connections share;
//   - a sync.Once, sync.OnceFunc and the like around code that reads or writes.
//
// A lock of package task/lock suspends only its task. The other parts of these packages, and bufio, compress,
// encoding/json, encoding/xml, mime/multipart and so on, hold no locks. Of their objects, too, one task at a time
// uses one, as with goroutines.
//
// Code that uses connections on goroutines of its own cannot use a Conn, whose methods panic there: the Server,
// Client and Transport of net/http, and net/rpc. [net/http.ReadRequest], [net/http.ReadResponse] and Write of
// requests and responses make none, with one exception: Write of a request with a method such as GET, and with a
// Body whose length is not known (ContentLength is negative), reads the Body on a goroutine.
// An [io.Pipe] blocks its goroutine: tasks use [Pipe].
package host
