// Package looptest tests code that is written on takt: it finds concurrency bugs on
// purpose, and replays them.
//
//	func TestTransfer(t *testing.T) {
//		looptest.Explore(t, looptest.PCT(1, 1000, 3), func(ctx context.Context, t *looptest.T) {
//			bank := NewBank(100)
//			one := task.Go(ctx, bank.Withdraw(60), task.Named("one"))
//			two := task.Go(ctx, bank.Withdraw(60), task.Named("two"))
//			if err := task.Gather(one, two).Wait(ctx); err != nil {
//				t.Fatal(err)
//			}
//			if bank.Balance() < 0 {
//				t.Errorf("the balance is %d", bank.Balance())
//			}
//		})
//	}
//
// [Run] runs a body once, in the order that the loop guarantees. [Explore] runs it under
// many other orders, minimises the first failure, and prints it as something to read and
// something to paste; [Replay] takes that.
//
// # What it finds
//
// Tasks of one loop run one at a time, and switch only where they suspend. So there are no
// data races between them, and there are all other bugs of concurrency: what was checked
// before an await is no longer so after it; two tasks wait for each other; a wakeup comes
// before the waiting; a cancellation comes when something has just been handed over.
// First in, first out, most of these do not show. In production another order comes of a
// message that is late, a timer, or a change in a library, and then they do.
//
// The tests of this package have a collection of such bugs, after the kinds that the
// literature describes. Every one is found by [PCT] and by [DelayBounded]. Beside what the
// body itself asserts, a run fails where a task or callback panics, where all wait for
// what can no longer come (a deadlock), where tasks, timers or goroutines are left behind,
// where an error is taken by nobody, and where a schedule does not come to an end
// ([MaxSteps]).
//
// # Terms
//
// Package loop's documentation defines step, ready, turn, suspended and idle. Besides:
//
// A choice point is a moment at which a task is next and two or more tasks are ready. One
// of them is picked. Callbacks are not picked: they keep their order among themselves. With
// [TimePasses] the passing of time is one of those that can be picked, so that one ready
// task and one armed timer make a choice point.
//
// A schedule is what was picked at every choice point of a run. It determines the run.
//
// A deviation is a choice point at which another task than the first in line was picked.
// A schedule without any is first in, first out: what the loop does by itself. A schedule
// is written down as its deviations: takt1:AAUAAQIBAQI.
//
// # How to write a body
//
// A [Body] is the main task of a loop with a virtual clock, made for each run anew.
//
//   - It makes everything that it uses. What outlives a run makes the next one another
//     program.
//   - It asserts with the [T] that it is handed, not with the test's own t.
//   - It awaits or cancels what it spawns. Tasks that end in the turn after its own end,
//     or before, may be left alone.
//   - It must be deterministic but for the schedule: no map's order, wall clock,
//     randomness, or goroutine of its own. Explore runs some of the schedules again, and
//     fails where two runs part, with the first event that differs.
//   - It should be small. Two or three tasks with a few steps each have most of the bugs
//     that a large program has, in far fewer schedules.
//   - Tasks that have names ([task.Named]) make reports that can be read.
//
// [Settle] waits until everything else has come to rest, [Elapse] lets time pass, [Clock]
// moves it by hand, and a [Sequencer] forces one particular order. A [Journal]
// records what happens, line by line, and compares.
//
// # Strategies
//
//	PCT(seed, n, depth)  n schedules; each finds a bug of that depth with a probability of
//	                     1/(t·k^(depth-1)) or more, with t tasks and k steps. The one to
//	                     begin with: depth 3, n as large as time allows.
//	DelayBounded(d)      all schedules with d deviations or fewer, about k^d. Most bugs take
//	                     one or two, and the answer is for sure.
//	Exhaustive(limit)    all schedules. For a small body: a proof.
//	Random(seed, n)      n schedules, each pick uniformly random. No promise.
//
// PCT is by Burckhardt, Kothari, Musuvathi and Nagarakatte (A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs, ASPLOS 2010), delay bounding by Emmi, Qadeer
// and Rakamarić (Delay-Bounded Scheduling, POPL 2011). That few deviations are enough was
// found by Musuvathi and Qadeer (Iterative Context Bounding for Systematic Testing of
// Multithreaded Programs, PLDI 2007).
//
// [BothFactories] explores with the lazy and the eager task factory, and [Parallel] on all
// cores. See BenchmarkSchedules for what a schedule costs: some 10 to 20 µs for 40 steps.
//
// # A failure
//
// Explore stops at the first schedule that fails, looks for a failure of the same kind
// with as few deviations as possible, and reports: what failed; a line with Replay to
// paste into the test; and the interleaving, step by step: who ran, from where to where in
// the body, what that woke, made or canceled, and what was logged. A star marks a
// deviation: there begins what the code did not expect.
//
// Paste the line, or set TAKT_REPLAY to the schedule without touching the test, to see the
// failure again, in a debugger if need be, and to see that it is gone. A schedule belongs
// to one version of the program: once it has other choice points, Replay says where they
// part. The exploration is what to keep as a regression test.
//
// # The environment
//
//	TAKT_REPLAY=takt1:...  runs this schedule in place of every exploration; choose the
//	                       test by -run
//	TAKT_SCHEDULES=x100    100 times the schedules of Random and PCT, for the night
//	TAKT_ARTIFACTS=dir     keeps a timeline of what failed, as a page for a browser, in this
//	                       folder; go test -artifacts keeps it in the test's own
//	TAKT_SHARD=2/8         the second of eight parts of every strategy, for eight machines
//
// With go test -v Explore tells how many schedules have been run, how fast, and how many
// orders of tasks were different.
//
// Under the race detector memory grows with the schedules: Go 1.26 does not give back what
// the detector knows of a coroutine that has ended, some 10 KB for each task with a stack in
// each run. So 100,000 schedules of three such tasks take 3 GB or more; run fewer there, or
// shards in processes of their own. Machines have no stack.
//
// # What is not covered
//
// Other goroutines: those of task.Blocking and of the program's own run as the Go
// scheduler likes, and what they share with the loop is for the race detector. The order
// of callbacks, and of what one event wakes: both are guaranteed by the loop. A loop
// inside a body that is stuck without suspending: that is for go test -timeout. Values
// that the program reads from outside.
//
// An exploration that passes has tried the schedules that it has tried, and no more,
// unless it was Exhaustive and did not come to its limit.
package looptest
