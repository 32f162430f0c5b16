// Package looptest tests code that runs on a loop: it searches for an order of tasks in which a
// test fails, and replays that order.
//
// # A first test
//
// Two tasks add 50 to a balance. The balance must be 100 in the end:
//
//	func TestDeposits(t *testing.T) {
//		looptest.Explore(t, looptest.Sample(1, 1000), deposits)
//	}
//
//	func deposits(ctx context.Context, t *looptest.T) {
//		balance := 0
//		deposit := func(ctx context.Context) (int, error) {
//			before := balance
//			err := task.Yield(ctx) // other tasks run here
//			balance = before + 50
//			return balance, err
//		}
//		ann := task.Go(ctx, deposit, task.Named("ann"))
//		if err := task.Yield(ctx); err != nil {
//			t.Fatal(err)
//		}
//		bob := task.Go(ctx, deposit, task.Named("bob"))
//		if err := task.Gather(ann, bob).Wait(ctx); err != nil {
//			t.Fatal(err)
//		}
//		if balance != 100 {
//			t.Errorf("the balance is %d, want 100", balance)
//		}
//	}
//
// The loop by itself runs ready tasks first in, first out. In this order ann writes the balance
// before bob reads it, and the test passes. [Explore] runs the function in up to 1000 random orders,
// finds one in which it fails, and reports (this is the package example):
//
//	deposit_test.go:27: the balance is 50, want 100
//
//	It fails with 1 deviation from first in, first out (Sample(1, 1000), after 2 schedules). To replay this schedule:
//		looptest.Replay(t, "takt2:AAACAAEBAQABAAEAAAE", body)
//
//	The deviation, by step:
//		   2  main ran before ann
//
//	It fails in 6 of all 10 schedules, which are exactly those in which
//		ann step 1 (its start) comes before bob step 2 (deposit_test.go:14), and
//		bob step 1 (its start) comes before ann step 2 (deposit_test.go:14).
//
//	The interleaving; * marks a deviation from first in, first out:
//		   1   main  its start → deposit_test.go:19           made ann
//		   2 * main  deposit_test.go:19 → deposit_test.go:23  made bob
//		   3   ann   its start → deposit_test.go:14
//		   4   bob   its start → deposit_test.go:14
//		   5   ann   deposit_test.go:14 → its end
//		   6   bob   deposit_test.go:14 → its end
//		   7   main  deposit_test.go:23 → its end
//		       ! deposit_test.go:27: the balance is 50, want 100
//
// # How to read a report
//
//   - The first lines say what failed: the texts that the function gave to Error or Fatal, and the
//     faults that this package found, such as a deadlock. Under a panic stands the place in your
//     program that panicked, and then its callers.
//   - The next line says how many deviations the schedule has, which strategy found it, and after how
//     many schedules. The run that is first in, first out counts as one. Explore has minimised the
//     schedule: it has looked for a failure of the same kind with fewer deviations, for 2 seconds at
//     most ([MinimiseFor]). There may be a schedule that is simpler still.
//   - The list of deviations says, for each one, in which step another task ran than the first one
//     in the ready queue. Here ann was first, but main went on. Look at this list first: the code
//     does not expect these steps.
//   - If the test has a simulated world (package sim), its faults come before that, one line each, with
//     what ended them: a restart, a heal. Then follows what the nodes have logged around the faults and
//     the failure. The deviations that are listed are the others. There is no rule, and the steps have
//     16 lines at most.
//   - Each numbered line is one step of a task: the task, the place where the step began, and the
//     place where the task suspended. Line 14 is the Yield inside deposit. Then follow the tasks
//     that this step made, woke or canceled. Under each line stand the texts that were logged in
//     this step, a failure after an exclamation mark. If time passes in the run, each line has a
//     column for the time on the loop's clock. A star marks a deviation.
//   - Steps that are repeated share a line, which ends with ×41 for 41 of them. Under several lines
//     that are repeated together stands: these 2 steps ×41. In a long run, a line also ends with the
//     names of the tasks if many tasks did the same in turn.
//   - The last lines are the path of the timeline, if there is one (see The environment), and of the
//     file in the corpus, if the schedule was added there (see Long campaigns).
//
// A report has 60 lines at most. In a long run the steps around the deviations, those around the
// failure, and the last ones are listed; the report says how many it leaves out. A run that logs much
// has its last logs in a list of their own, by task.
//
// The rule under the deviations says why the function fails. Explore runs some 2,000 schedules more, or
// all that there are, and learns the shortest rule that tells those that fail from those that pass. The
// steps of each task count from 1, and each has the place where it begins. Here both tasks must begin
// before the other one goes on after its Yield: then both read the same balance, and one deposit is
// lost. The fix is to hold a lock.Mutex from the read to the write. A rule is what was observed: it may
// be wrong for schedules that were not run. Schedules that fail in another way are left out and counted.
// [Unexplained] turns the rule off.
//
// # Replay
//
// Paste the line with [Replay] into the test, in place of Explore, and give it the same function:
//
//	looptest.Replay(t, "takt2:AAACAAEBAQABAAEAAAE", deposits)
//
// Or set the environment variable TAKT_REPLAY to the schedule; then the test need not be changed.
// Both show the failure again, also in a debugger.
//
// A schedule survives many changes of the program, because it names tasks and their steps. If the
// program has changed so much that a deviation no longer occurs, Replay says which one, and runs the
// rest. So a replay that passes does not show that a bug is mended. Check a fix by the exploration, and
// keep the exploration as a regression test. The corpus keeps schedules beside it: see Long campaigns.
//
// # Run
//
// [Run] runs a function once, in the loop's own order. Use it for each test of code that needs a
// loop. The loop has a virtual clock, so an hour of sleep takes no real time.
//
// Run, Explore, Replay and Fuzz call such a function a body ([Body]). The body is the main task of a
// loop that is made for this run. A run fails if
//
//   - the body says so, by Error, Fatal or the like of its [T];
//   - a task or callback panics;
//   - all tasks wait for events that can no longer come (a deadlock);
//   - tasks, timers or goroutines are left when the body has ended;
//   - a task fails, and no other task takes its error;
//   - a property does not hold; see Properties;
//   - it does not end within the number of steps that [MaxSteps] sets.
//
// # How to write a body
//
//   - It makes everything that it uses. A variable that outlives the run changes the next run.
//   - It reports failures by the [T] that it is given, not by the test's own t. If the test fails in a run
//     otherwise, the exploration ends, and tells the schedule.
//   - It awaits or cancels the tasks that it spawns. This is not necessary for a task that ends
//     before the body, or at most one turn after it.
//   - Only the schedule may make two runs of it differ. The order of a map, the wall clock,
//     randomness and goroutines of its own are not allowed; see Determinism.
//   - It is small. Two or three tasks with a few steps each have most of the bugs of a large
//     program, and far fewer schedules.
//   - It names its tasks ([task.Named]). Names make the report readable.
//
// [Settle] waits until all other tasks are suspended, [Elapse] lets time pass, and [Clock] gives
// the virtual clock, which the body can advance itself. A [Sequencer] forces one particular order.
// A [Journal] records events as lines of text, and compares them with the wanted ones.
//
// # What Explore finds
//
// The tasks of one loop run one at a time, and switch only where they suspend. So there are no
// data races between them. All other kinds of concurrency bugs are possible: a condition was
// checked before an await, and no longer holds after it; two tasks wait for each other; a wakeup
// comes before the task waits for it; a cancellation comes just after an item was handed to the
// task.
//
// Most of these bugs do not show while tasks run first in, first out. In production the order
// changes when a message is late, when a timer fires, or when a library changes, and then the bug
// shows.
//
// The tests of this package contain two collections of such bugs: one for each kind that the
// literature describes, and one of bugs that real programs had. [Sample] finds all of them.
//
// # Schedules
//
// Package loop's documentation defines step, ready, turn, suspended and idle. This package adds:
//
// A choice point is a moment in a run with two options or more. Most are picks: the next entry of the
// ready queue is a task, two or more tasks are ready, and the strategy picks one of them. It does not
// pick callbacks: callbacks keep their order among themselves. With [TimePasses] the passing of time is
// one more option, so one ready task and one armed timer make a choice point. The other choice points
// are the choices that the program makes by [T.Choose] and [T.Chance].
//
// A schedule is what was taken at all choice points of a run, and the seed of its noise ([T.Rand]). It
// determines the run.
//
// A deviation is a choice point at which something else was taken than in a loop without a strategy:
// not the first task in the queue, or a value that is not 0. A schedule without deviations is first in,
// first out. The text of a schedule, such as takt2:AAACAAEBAQABAAEAAAE, lists its deviations. Each one
// says which step of which task came before which step of which other task, or which use of a choice
// took which value. It does not say at how many choice points that was after the start. So when one
// deviation is left out, the others mean the same.
//
// # Strategies
//
// A [Strategy] says which schedules Explore runs. Begin with [Sample], and as many schedules as time
// allows. If the body has sleeps or time limits, explore it also with the option [TimePasses]: without it,
// no timer comes due while a task is ready. With it every time limit may expire, however long it is. So the body must
// accept a [task.TimeoutError] there, and check what must hold all the same:
//
//	if errors.As(err, new(*task.TimeoutError)) {
//		return
//	}
//
//	Sample(seed, n)      n random schedules in which the steps of two tasks, of three, or of all are
//	                     interleaved uniformly. It finds every bug of both collections, also in
//	                     programs with many steps. It has no guarantee.
//	PCT(seed, n, depth)  n random schedules. Each one finds a bug of this depth with a
//	                     probability of 1/(t·k^(depth-1)) or more, for t tasks and k choice points.
//	DelayBounded(d)      all schedules with d deviations or fewer, about k^d. Most bugs need one
//	                     or two. It certainly finds each bug that d deviations can show.
//	Exhaustive(limit)    all schedules. For a small body this is a proof.
//	Random(seed, n)      n schedules in which each pick is uniformly random. It has no guarantee.
//
// PCT is by Burckhardt, Kothari, Musuvathi and Nagarakatte (A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs, ASPLOS 2010). Delay bounding is by Emmi, Qadeer and
// Rakamarić (Delay-Bounded Scheduling, POPL 2011). Musuvathi and Qadeer found that a few
// deviations are enough (Iterative Context Bounding for Systematic Testing of Multithreaded
// Programs, PLDI 2007). Sample is by Zhao, Wolff, Mathur and Roychoudhury (Selectively Uniform
// Concurrency Testing, ASPLOS 2025).
//
// The same seed gives the same schedules in every run of the test, except with [Parallel]: there it
// depends on chance which run ends first. One schedule of 40 steps takes 9 to 15 µs: see
// BenchmarkSchedules.
//
// A program can have a [Strategy] of its own. It is told of the [Exploration], and begins a [Search]. The
// search gives a [Walk] for each run, and is told the [Outcome]. The walk picks an option at each
// [ChoicePoint].
//
// # Properties
//
// A property is a function that returns an error if something is wrong:
//
//   - [T.Always] checks it after every step, and at the end. The run ends at the step that breaks it, so
//     the report shows the cause, and not an assertion that notices it later. At most one task
//     leads; no account is below zero.
//   - [T.Eventually] checks it when the body has ended. If it does not hold yet, the run goes on first in,
//     first out and without faults until it does. Every message arrives; the replicas agree.
//   - [T.Sometimes] names a case that at least one schedule must reach. The test fails if none
//     does. So an exploration that passes has been where it should be.
//
// Properties have names. Two failures of one property are the same failure: see [KeepGoing]. If Skip ends
// every schedule before a property is checked, the test fails.
//
// # Chance
//
// A program in the real world also depends on chance: a message is lost, a disk is full, the answer of
// one server comes before that of another. A body asks the schedule for it:
//
//	if t.Chance("drop", 0.1) {
//		return nil // the message is lost
//	}
//	delay := time.Duration(t.Rand("latency").IntN(100)) * time.Millisecond
//
// [T.Choose] and [T.Chance] are choices: recorded, minimised, and named in reports. Their value 0, or
// false, must be the harmless one. [T.Rand] is noise: it makes runs different, and of it only a seed is
// written down. Under [Run] every choice is the harmless one, and the noise is the same in every run.
//
// # Determinism
//
// Explore runs some of the schedules three times: the first one, then those with the numbers 1, 2, 4, 8 and
// so on, and each one that fails. If two of these runs differ, the test fails, and the report shows the
// first event that differs. Then find the cause first: a schedule that does not determine the run cannot
// be replayed.
//
// # No schedule twice
//
// An exploration keeps a tree of the schedules that it has run, and leads each new run to one that is new.
// If there are no more, it ends: go test -v says "all 141 schedules have been run", and for these tasks and
// choices that is a proof. If the program has timers and [TimePasses] is off, the line says that, too: then no schedule
// was run in which a timer comes due while a task is ready. Only the runs that check that the program is deterministic come on top.
//
//   - The tree has 256 MB at most. Then the exploration goes on, and may run a schedule twice. It still
//     says that all have been run only if that is so.
//   - With [Parallel] a run may wait for another one that is about to end. If that one leaves nothing new,
//     a schedule is run twice, and counted once.
//   - A program that calls [T.Rand] may run the same picks with other noise. So nothing is left out, and
//     Explore does not know when all schedules have been run.
//   - A program that polls may have schedules without end. A task that was passed over at the front of the
//     queue for MaxSteps/10 choice points runs next. If this has happened, Explore does not say that all
//     have been run.
//   - With BothFactories each factory has its own schedules.
//
// # Long campaigns
//
// At each change run some thousand schedules. From time to time, run many more:
//
//	TAKT_FOR=8h TAKT_SEED=fresh TAKT_KEEP_GOING=5 TAKT_CORPUS_ADD=1 \
//		go test -count=1 -timeout 0 -run TestDeposits -v .
//
// Without -count=1 go test does not run a test again that has passed before, but prints the result of
// that time. TAKT_FOR sets how long each exploration lasts ([For]), and TAKT_KEEP_GOING how many failures it looks for
// ([KeepGoing]). TAKT_SEED=fresh gives every exploration a seed of its own. The report and the log tell it,
// and TAKT_SEED with this number gives the same schedules again.
//
// The corpus of a test is the folder testdata/looptest/TestName, with one schedule in each file. Explore
// replays it before all other schedules, in the order of the names, and fails if one of them fails. So a
// failure that was found in eight hours is found in a millisecond from then on. [AddToCorpus] and
// TAKT_CORPUS_ADD add the minimised schedule of each failure; nothing else writes there. You can also write
// a file yourself, under any name: the schedule is one line, and lines that begin with # are comments. A
// schedule may no longer fit the program: that is no failure, and go test -v tells it. A damaged file is
// one.
//
// [Fuzz] lets Go's own fuzzer choose the schedules, guided by the code that they reach.
//
// # Many machines
//
// Many machines can share an exploration: each one runs a part (TAKT_SHARD), and no schedule is in two
// parts. Only the first part replays the corpus. The log of a part that fails has the report. Write its
// schedule into the corpus, because the files of that machine are lost.
//
// This is a Kubernetes Indexed Job. Its image has the test binary (go test -c) and the folder testdata in
// /bank:
//
//	apiVersion: batch/v1
//	kind: Job
//	metadata: {name: explore}
//	spec:
//	  completions: 64
//	  parallelism: 64
//	  completionMode: Indexed
//	  backoffLimitPerIndex: 0 # a part that fails is not run again, and the others go on
//	  template:
//	    spec:
//	      restartPolicy: Never
//	      containers:
//	      - name: explore
//	        image: registry.example.com/bank-test
//	        workingDir: /bank
//	        command: [./bank.test, -test.v, -test.run, TestDeposits]
//	        env:
//	        - {name: TAKT_SHARDS, value: "64"} # as completions
//	        - {name: TAKT_FOR, value: 1h}
//
// This is a matrix of GitHub Actions, after checkout and setup-go:
//
//	strategy: {fail-fast: false, matrix: {part: [1, 2, 3, 4, 5, 6, 7, 8]}}
//	steps:
//	- run: go test -count=1 -timeout 0 -run TestDeposits -v .
//	  env: {TAKT_SHARD: "${{ matrix.part }}/8", TAKT_FOR: 20m}
//
// # Options
//
// An [Option] is an argument of Run, Explore, Replay or Fuzz. One that does not apply there has no effect.
//
//	Eager()          uses the eager task factory.
//	BothFactories()  explores twice: with the lazy and with the eager task factory.
//	TimePasses()     lets timers come due before the ready tasks run, as on a busy machine.
//	Parallel()       runs schedules on all cores at once.
//	MaxSteps(n)      sets after how many steps a run counts as endless.
//	For(d)           runs schedules for this time, in place of a number of them.
//	KeepGoing(n)     looks for up to n failures that are not the same.
//	AddToCorpus()    adds the failures to the corpus of the test.
//	MinimiseFor(d)   sets for how long a failure is minimised; the default is 2 seconds.
//	Unexplained()    leaves out why the program fails.
//	Observer(f)      calls f with the events of every run.
//	Factory(f)       uses a task factory of the program.
//	StartAt(time)    sets where the clock starts.
//
// # The environment
//
//	TAKT_REPLAY=takt2:...  replays this schedule in place of every exploration. Choose the test
//	                       by go test -run.
//	TAKT_SCHEDULES=x100    multiplies the number of schedules of Sample, PCT and Random by 100, for
//	                       a run at night.
//	TAKT_FOR=10m           makes every exploration last 10 minutes, in place of a number of schedules:
//	                       see For.
//	TAKT_SEED=7            is in place of the seed of every strategy. With fresh it is another one in
//	                       each run of the test.
//	TAKT_KEEP_GOING=5      looks for up to 5 failures in every exploration: see KeepGoing.
//	TAKT_CORPUS_ADD=1      adds every failure to the corpus of its test: see AddToCorpus.
//	TAKT_ARTIFACTS=dir     writes a timeline of each failure into this folder, as a page for a
//	                       browser. With go test -artifacts (Go 1.26) the page goes into the
//	                       artifact folder of the test.
//	TAKT_SHARD=2/8         runs the second of eight parts of every strategy, to divide an
//	                       exploration among eight machines.
//	TAKT_SHARDS=64         is the number of parts, if TAKT_SHARD is not set. Then
//	                       JOB_COMPLETION_INDEX is the part, counted from 0.
//
// A variable comes before the option for the same. If it has a wrong value, the test fails at once.
//
// With go test -v Explore logs how many schedules it has run, how many in a second, and how many of them
// differ in picks or choices (counted up to 1,048,576).
//
// # Memory under the race detector
//
// Go 1.26 does not free the race detector's data of a coroutine that has ended: some 10 KB for each stack.
// Explore uses stacks again, so 100,000 schedules with four stackful tasks take 0.4 GB. But a run that does
// not end by returning, because it fails or calls Skip, needs new stacks for its tasks. Stackless tasks do
// not have this cost.
//
// # Limits
//
//   - Other goroutines are not explored. The goroutines of task.Blocking and those of the program
//     run as the Go scheduler decides. Use the race detector for the data that they share with the
//     loop.
//   - The order of callbacks is not explored: the loop guarantees it.
//   - A step that does not end is not interrupted: one that waits on a channel, or for a sync.Mutex that another
//     task holds over an await. Only go test -timeout ends it. After 10 seconds of real time Explore, Replay and
//     Fuzz tell on standard error which task it is, where it is, and the schedule so far, for TAKT_REPLAY. [Run] does
//     so after 100 milliseconds. go test prints that at once with -v, or if it is given no package.
//   - Values that the program reads from outside are not explored.
//   - An exploration that passes says nothing about schedules that it has not run. It has run all of
//     them only if it says so.
package looptest
