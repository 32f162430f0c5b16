package looptest_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
)

// A second collection of bugs, from the issue trackers of real programs. The programs are larger than
// those of the first collection, and no strategy is tuned on them: this collection only measures.
// Each program is written anew. Its comment tells what went wrong, and the table has the reference.

var timePasses = []looptest.Option{looptest.TimePasses()}

var field = []bug{
	{body: wokenAndTimedOut, name: "woken and timed out", kind: "cancellation: a wake-up is lost",
		source: "aiohttp issue 9670, deadlock with TCPConnector limit after timeout", opts: timePasses},
	{body: oneConnectionTooMany, name: "one connection too many", kind: "atomicity: the condition is not checked again",
		source: "aiohttp issue 4936, race condition in BaseConnector leads to exceeding connection limit"},
	{body: connectionForNobody, name: "connection for nobody", kind: "time: a hand-over against a time limit",
		source: "Vert.x SQL client pull request 1620, racy uncancellable timeout", opts: timePasses},
	{body: reapedInUse, name: "reaped in use", kind: "atomicity: the check no longer holds at the act",
		source: "RxNetty issue 100, idle connection cleanup task and acquiring connection", opts: timePasses},

	{body: replyOfAnother, name: "reply of another", kind: "cancellation: the state of a connection",
		source: "redis-py issue 2624, canceling a command leaves the connection in an unsafe state"},
	{body: strandedBehindCanceled, name: "stranded behind canceled", kind: "cancellation: a wake-up is lost",
		source: "anyio pull request 1145, lock waiter deadlocks after cancellation"},

	{body: invalidatedWhileLoading, name: "invalidated while loading", kind: "atomicity: a stale value is written",
		source: "Guava issue 1881, concurrency issue between get and invalidate"},
	{body: evictedBeforeCounted, name: "evicted before counted", kind: "atomicity: use after free",
		source: "OpenSearch pull request 6592, race with eviction when reading from FileCache"},
	{body: joinedACanceledCall, name: "joined a canceled call", kind: "cancellation of a shared call",
		source: "Tailscale pull request 18924, singleflight: callers join an already canceled call"},
	{body: refreshedTwice, name: "refreshed twice", kind: "atomicity: a token is used twice",
		source: "OpenAuth issue 2, concurrent token refreshes", opts: timePasses},

	{body: creditsOfAResetStream, name: "credits of a reset stream", kind: "leak of credits on an early end",
		source: "hyperium/h2 pull request 334, release closed streams capacity back to connection"},
	{body: retryOvertaken, name: "retry overtaken", kind: "order: a retry goes behind later work",
		source: "librdkafka issue 1092, out-of-order with retries despite max.inflight=1"},
	{body: flushWithoutTheQueue, name: "flush without the queue", kind: "order: work under way is not waited for",
		source: "OpenTelemetry Go issue 2080, ForceFlush of BatchSpanProcessor"},

	{body: changedBeforeSubscribed, name: "changed before subscribed", kind: "order: a gap between copy and subscription",
		source: "t3code pull request 3174, thread detail subscription race"},
	{body: unsubscribedWhileFull, name: "unsubscribed while full", kind: "deadlock by backpressure",
		source: "cskr/pubsub issue 6, Unsub can cause deadlock"},
	{body: twoWritersWait, name: "two writers wait", kind: "atomicity: a place for one waiter",
		source: "CPython issue 74116, waiting for StreamWriter.drain twice in parallel", opts: timePasses},

	{body: acceptedDuringShutdown, name: "accepted during shutdown", kind: "order: work that is not counted yet",
		source: "Go issue 33313, net/http: Shutdown may lose an active connection"},
	{body: endAnnouncedDuringWork, name: "end announced during work", kind: "order: a signal before the wait",
		source: "Tokio issue 3825, sync::Notify in a select loop"},
	{body: lostBetweenTwoConnections, name: "lost between two connections", kind: "atomicity: a queue is emptied before its items are sent",
		source: "ioredis issue 1164, resetOfflineQueue might be called too early"},
	{body: oldSocketForgetsNew, name: "old socket forgets new", kind: "order: a late event of an old object",
		source: "VueUse issue 3177, useWebSocket: successive open calls", opts: timePasses},

	{body: renewedWhileRevoked, name: "renewed while revoked", kind: "atomicity: two steps of a removal",
		source: "etcd pull request 21389, KeepAlive and lease expiry", opts: timePasses},
	{body: lockOfAnotherReleased, name: "lock of another released", kind: "time: a lease ends before the work",
		source: "jedis-lock issue 2, don't delete the key if it is expired", opts: timePasses},
	{body: committedAfterTheMove, name: "committed after the move", kind: "order: a late write of a former owner",
		source: "Reactor Kafka pull request 260, out of order commits after rebalance"},

	{body: changedWhileSaving, name: "changed while saving", kind: "order: a mark of an old version",
		source: "eVaka pull request 2622, race condition in useAutosave", opts: timePasses},
	{body: probedByAll, name: "probed by all", kind: "atomicity: a state that admits one",
		source: "Micronaut issue 11485, circuit breaker in HALF_OPEN state sends multiple requests", opts: timePasses},
	{body: sleptForTheSamePlace, name: "slept for the same place", kind: "time: the condition is not checked again",
		source: "PyrateLimiter issue 185, re-acquiring with delay", opts: timePasses},
	{body: twoConnectionsAfterAPing, name: "two connections after a ping", kind: "time: a late answer counts as none",
		source: "Kuzzle SDK pull request 651, heartbeat race condition", opts: timePasses},

	{body: transactionInTransaction, name: "transaction in transaction", kind: "deadlock: a pool is used twice",
		source: "Sequelize issue 10976, nested transactions and a connection pool of finite size"},
	{body: committedPastAGap, name: "committed past a gap", kind: "order: later work is done first",
		source: "Faust issue 682, offset committed for second message when first is still being processed"},
	{body: protectionOfAnotherCleared, name: "protection of another cleared", kind: "atomicity: a flag where a count is needed",
		source: "Prometheus pull request 19470, keep series with in-flight appends during eviction"},

	{body: readLockTwice, name: "read lock twice", kind: "deadlock: a reader, a writer, the reader again",
		source: "async-rwlock issue 2, recursive reads cause deadlock"},
	{body: writerGaveUp, name: "writer gave up", kind: "cancellation: a wake-up is lost",
		source: "AsyncEx issue 134, canceled write lock does not release waiters for a read lock"},
}

// elapsed returns the time since the start, by the virtual clock.
func elapsed(ctx context.Context) time.Duration { return time.Duration(looptest.Clock(ctx).Now()) }

func forEachInTheField(t *testing.T, f func(t *testing.T, b *bug)) {
	for i := range field {
		t.Run(field[i].name, func(t *testing.T) {
			t.Parallel()
			f(t, &field[i])
		})
	}
}

func TestEveryBugOfTheFieldIsFound(t *testing.T) {
	forEachInTheField(t, func(t *testing.T, b *bug) {
		if r := b.explore(t, looptest.DelayBounded(0)); r.Failed() {
			t.Errorf("the bug shows first in, first out:\n%s", r.report())
		}
		if s := b.firstFound(t); s == "" {
			t.Error("no strategy finds it")
		} else {
			t.Logf("%s (%s): found by %s", b.kind, b.source, s)
		}
	})
}

// firstFound runs small explorations, one after the other, until one finds the bug. It returns the
// name of this one.
func (b *bug) firstFound(t *testing.T) string {
	found := false
	for seed := range uint64(100) {
		for _, s := range []looptest.Strategy{looptest.Random(seed, 20), looptest.PCT(seed, 20, 3), looptest.PCT(seed, 20, 5)} {
			looptest.Schedules(t, s, b.buggy, func(r looptest.Ran) { found = found || r.Failed }, b.opts...)
			if found {
				return s.String()
			}
		}
	}
	return ""
}

// No correct twin fails. TAKT_SCHEDULES=x1000 runs 100,000 schedules of each random strategy.
func TestNoCorrectTwinOfTheFieldFails(t *testing.T) {
	forEachInTheField(t, func(t *testing.T, b *bug) {
		looptest.Explore(t, looptest.Sample(2, 100/fewer), b.correct, b.opts...)
		looptest.Explore(t, looptest.Random(2, 100/fewer), b.correct, b.opts...)
		looptest.Explore(t, looptest.PCT(2, 100/fewer, 3), b.correct, b.opts...)
		looptest.Explore(t, looptest.PCT(2, 100/fewer, 5), b.correct, b.opts...)
		looptest.Explore(t, looptest.DelayBounded(1), b.correct, b.opts...)
	})
}
