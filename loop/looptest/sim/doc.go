// Package sim is a simulated world for programs on package task/host: machines that crash, a network that
// delays and cuts, disks that forget, and clocks that are wrong. The same program runs on the real machine,
// unchanged.
//
// In a test, package looptest decides everything that is left to chance in the world. So a failure is minimised to
// the few faults that matter, reported as a list of faults, and replayed by one line.
//
// # A first node
//
// A program takes a [host.Host], and uses only its network, files, chance and clock. This one gives a number to each
// connection, and keeps the last number in a file:
//
//	func tickets(ctx context.Context, h *host.Host) error {
//		text, err := host.ReadFile(ctx, h.FS, "last")
//		if err != nil && !errors.Is(err, fs.ErrNotExist) {
//			return err
//		}
//		last, _ := strconv.Atoi(string(text)) // 0 if no number was given before
//		ln, err := h.Net.Listen(ctx, "tcp", ":7000")
//		if err != nil {
//			return err
//		}
//		return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
//			last++
//			number := strconv.Itoa(last)
//			if err := host.WriteFile(ctx, h.FS, "last", []byte(number), 0o600); err != nil {
//				return err
//			}
//			h.Log.Info("gives " + number)
//			_, err := fmt.Fprintln(c, number)
//			return err
//		})
//	}
//
// On the real machine, a task calls tickets(ctx, host.System()). A test runs it on a node, and is its client.
// The node may crash at any time, and starts again. No number may be given twice:
//
//	func noNumberTwice(ctx context.Context, t *looptest.T) {
//		w := sim.New(ctx, t)
//		w.Node("a", tickets)
//		w.Faults(ctx, sim.Plan{Crash: 1})
//		client := w.Host("client")
//		given := map[string]bool{}
//		for range 20 {
//			number, err := task.Within(ctx, time.Second, func(ctx context.Context) (string, error) { return ticket(ctx, client) })
//			if err == nil && given[number] {
//				t.Fatalf("the number %s was given twice", number)
//			}
//			given[number] = err == nil
//			_ = task.Sleep(ctx, 300*time.Millisecond)
//		}
//	}
//
//	func TestTickets(t *testing.T) { looptest.Explore(t, looptest.Sample(1, 1000), noNumberTwice) }
//
// Here ticket dials "a:7000" by client.Net, and reads a line. The test fails (the package example has the whole report):
//
//	tickets_test.go:59: the number 1 was given twice
//
//	It fails with 2 deviations from first in, first out (Sample(1, 1000), after 2 schedules). To replay this schedule:
//		looptest.Replay(t, "takt2:AMG5icjIvYuFkQEAAgdjcmFzaCBhGWRpc2sgb2YgYSBhdCAzNjkuMTgyMzA4bXMCAgABAwAB", body)
//
//	The faults:
//		369ms   crash a: 1 create undone
//		3.118s  start a again: incarnation 2
//
//	The log of each node around the faults and the failure at 3.212s (3 logs in all):
//		a  3ms     gives 1
//		a  307ms   gives 2
//		a  3.211s  gives 1
//
// WriteFile syncs nothing, so a power cut may undo it. With [host.ReplaceFile] the test passes.
//
// # Nodes
//
// A [Node] has a name, an address, a disk and a clock, which survive a crash. [Node.Start] begins an incarnation: it
// runs the program in a new task. [Node.Crash] is a power cut. [Node.Stop] cancels the program and waits for its end, and
// [Node.Pause] stops the machine for a while. All tasks that the program makes belong to its incarnation.
//
// A program that returns an error fails the test, like a panic, unless a fault of the disk has caused the error. A
// program that ends without an error stays down until the next Start. The error of a handler of [host.Serve] fails the
// test, too, unless it comes from the network, a fault of the disk or a time limit. Then it is in the log of the node.
//
// [World.Host] is a machine for the tasks of the test itself: clients and checks. It never crashes, but the
// network can be cut between it and the nodes.
//
// # Network, disk and clocks
//
// Addresses are names of nodes with a port, such as "b:7000". (For packets see [host.PacketConn].) Connections are
// those of TCP: bytes come in order, and none is lost in the middle. A cut stalls a connection, and a crash leaves the
// other end half open. Packets are lost, doubled and overtaken where the test asks for it. [World.SetLink] sets latency,
// loss and bandwidth, [World.Partition] and [World.Cut] cut the network, [World.Hold] keeps messages back, and
// [World.Heal] ends all partitions, cuts and holds.
//
// A crash may undo what a program has written and not synced, all of it or block by block. It may also undo that a
// file was made, renamed or removed, until SyncDir. [DiskFaults] makes calls on a disk fail: see [Node.SetDisk].
//
// [Node.SetClock] makes the clock of a node wrong. Now of its Host shows the wrong time. Sleeps and time limits of its
// tasks go at its rate.
//
// # Faults
//
// [World.Faults] causes faults at random times, as a [Plan] says. Each fault is one choice of the schedule, such as
// "crash a", and its end belongs to it. The first schedule has no faults. In each other schedule some kinds of faults
// are off, so that one kind does not hide what another one shows. [World.Quiet] ends the faults and mends the world. Then
// [World.Eventually] checks that the program recovers: it answers again, the replicas agree.
//
// A test may also make faults itself, at the worst moment: call Crash of a node in the task of the test, or let the
// schedule decide by [looptest.T.Chance].
//
// # What to check
//
// [looptest.T.Always] checks a property after every step: two nodes do not lead in the same term. It reads variables
// that the test makes and the programs set. Such a variable may be that of a program that has crashed: ask [Node.Up].
// [looptest.T.Sometimes] makes sure that the test reaches a case. A [History] records the calls of clients, with an
// outcome or without one, for a check that the whole is linearizable (package porcupine). Give a failure one text, and
// log the details: Explore minimises to a failure with the same text.
//
// # A campaign
//
// At each change run some thousand schedules. In the night run many more, on many machines: "Long campaigns" in the
// documentation of package looptest. The same environment variables work here:
//
//	TAKT_FOR=8h TAKT_SEED=fresh TAKT_KEEP_GOING=5 TAKT_CORPUS_ADD=1 go test -count=1 -timeout 0 -run TestTickets -v .
//
// TAKT_ARTIFACTS=DIR keeps the timeline page of a failure. It shows the nodes, messages, faults and cuts.
//
// # Mistakes
//
// A schedule must determine the run. If it does not, Explore shows the first event that differs. The usual reasons:
//
//   - variables that two nodes share, or that outlive the run. A program keeps its state in variables that boot makes,
//     and on its disk. A variable outside of boot survives a crash, as no memory does.
//   - crypto/rand, math/rand and time.Now. Use Entropy, Rand and Now of the Host.
//   - time.After, time.Sleep and the timers of package context. Use task.Sleep and time limits of package task.
//   - the order of a map: sort the keys before you send or write.
//   - goroutines, task.Blocking, and packages net and os: they are of the real machine.
//   - Fatal in a task of a node, which ends the test, and Errorf for each error: after a crash each await fails.
//
// And if a test finds nothing: count the faults that matter (Sometimes), and put a bug into the program to see that
// the test finds it. A torn write, for example, needs an entry of more than one block of the disk, 512 bytes.
//
// # What is not simulated
//
//   - time that code takes. A step takes no time; Node.Pause, and the option looptest.TimePasses, make programs late.
//   - memory, CPU and their limits; and signals, processes and threads.
//   - IPv6, Unix sockets, name servers, and the details of TCP, such as windows that grow and shrink.
//   - symbolic links, permissions and locks of files; and a disk that changes data long after it was synced.
//   - other services: a database, a cloud. Write a program that stands for the service, and make it a node.
package sim
