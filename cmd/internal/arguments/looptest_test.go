package arguments

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/trace"
)

func testBody(context.Context, *looptest.T) {}

var looptestRules = map[string]rule{
	"Run": bad(
		on("a nil test", "looptest: Run with a nil test or body", func() { looptest.Run(nil, testBody) }),
		on("a nil body", "looptest: Run with a nil test or body", func() { looptest.Run(new(testing.T), nil) })),
	"Explore": bad(
		on("a nil body", "looptest: Explore with a nil test or body", func() { looptest.Explore(new(testing.T), looptest.PCT(1, 1, 1), nil) }),
		on("a nil strategy", "looptest: Explore with a nil Strategy", func() { looptest.Explore(new(testing.T), nil, testBody) }),
		on("a nil option", "looptest: a nil Option; leave it out", func() { looptest.Explore(new(testing.T), looptest.PCT(1, 1, 1), testBody, nil) })),
	"Replay": bad(on("a nil body", "looptest: Replay with a nil test or body", func() { looptest.Replay(new(testing.T), "takt2:", nil) })),
	"Fuzz": bad(
		on("a nil test", "looptest: Fuzz with a nil test or body; give it both", func() { looptest.Fuzz(nil, testBody) }),
		on("a nil body", "looptest: Fuzz with a nil test or body", func() { looptest.Fuzz(new(testing.F), nil) }),
		on("a nil option", "looptest: a nil Option; leave it out", func() { looptest.Fuzz(new(testing.F), testBody, nil) })),

	"Clock":          with(ofALoop(func(ctx context.Context) { looptest.Clock(ctx) }), on("a real clock", "looptest: Clock of a loop whose clock is not virtual", func() { looptest.Clock(closed().Context()) })),
	"Elapse":         with(inContext(func(ctx context.Context) error { return looptest.Elapse(ctx, 1) })),
	"Settle":         with(inContext(looptest.Settle)),
	"Sequencer.Step": with(inContext(func(ctx context.Context) error { return new(looptest.Sequencer).Step(ctx, 0) }), on("a negative number", "looptest: Step(-1) of a Sequencer; numbers begin with 0", func() { in(func(ctx context.Context) { _ = new(looptest.Sequencer).Step(ctx, -1) }) })),

	"DelayBounded":     bad(on("a negative number", "looptest: DelayBounded(-1)", func() { looptest.DelayBounded(-1) })),
	"Exhaustive":       bad(on("a negative number", "looptest: Exhaustive(-1)", func() { looptest.Exhaustive(-1) })),
	"MaxSteps":         bad(on("zero", "looptest: MaxSteps(0); give", func() { looptest.MaxSteps(0) })),
	"PCT":              bad(on("a negative number", "looptest: PCT of -1 schedules", func() { looptest.PCT(1, -1, 1) }), on("no depth", "looptest: PCT of depth 0", func() { looptest.PCT(1, 1, 0) })),
	"Random":           bad(on("a negative number", "looptest: Random of -1 schedules", func() { looptest.Random(1, -1) })),
	"Journal.Add":      fine(anyValue),
	"Journal.Callback": fine(anyValue),
	"Journal.Want":     bad(on("a nil test", "looptest: Want with a nil test; give it", func() { new(looptest.Journal).Want(nil) })),

	"T.Always": bad(on("no name", `looptest: Always("") without a name or a function; give it both`, func() { new(looptest.T).Always("", func() error { return nil }) }),
		on("a nil function", `looptest: Always("x") without a name or a function`, func() { new(looptest.T).Always("x", nil) }),
		harmless("a T of no run", func() { new(looptest.T).Always("x", func() error { return nil }) })),
	"T.Eventually": bad(on("no name", `looptest: Eventually("") without a name or a function; give it both`, func() { new(looptest.T).Eventually("", func() error { return nil }) }),
		on("a nil function", `looptest: Eventually("x") without a name or a function`, func() { new(looptest.T).Eventually("x", nil) }),
		harmless("a T of no run", func() { new(looptest.T).Eventually("x", func() error { return nil }) })),
	"T.Sometimes": bad(on("no name", `looptest: Sometimes("", true) without a name; give the case a name`, func() { new(looptest.T).Sometimes("", true) }),
		harmless("a T of no run", func() { new(looptest.T).Sometimes("x", true) })),

	"T.Choose": bad(on("no name", `looptest: Choose("", 2); give the site a name`, func() { new(looptest.T).Choose("", 2) }),
		on("no value", `looptest: Choose("x", 0); give the site a name, and from 1 to 1048576 values`, func() { new(looptest.T).Choose("x", 0) }),
		harmless("a T of no run", func() { new(looptest.T).Choose("x", 2) })),
	"T.Chance": bad(on("no name", `looptest: Chance("", 0.5); give the site a name`, func() { new(looptest.T).Chance("", .5) }),
		on("no probability", `looptest: Chance("x", NaN); give the site a name, and a probability`, func() { new(looptest.T).Chance("x", math.NaN()) }),
		harmless("a T of no run", func() { new(looptest.T).Chance("x", .5) })),
	"T.Rand": bad(harmless("a T of no run", func() { new(looptest.T).Rand("x").IntN(2) })),

	"Sample":      bad(on("a negative number", "looptest: Sample of -1 schedules", func() { looptest.Sample(1, -1) })),
	"For":         bad(on("zero", "looptest: For(0s); give a positive duration", func() { looptest.For(0) })),
	"KeepGoing":   bad(on("zero", "looptest: KeepGoing(0); give 1 failure or more", func() { looptest.KeepGoing(0) })),
	"MinimiseFor": bad(on("a negative time", "looptest: MinimiseFor(-1ns); give 0 or more", func() { looptest.MinimiseFor(-1) })),
	"AddToCorpus": fine(receiverOnly),
	"Unexplained": fine(receiverOnly),
	"Observer":    bad(on("nil", "looptest: Observer(nil); leave the option out", func() { looptest.Observer(nil) })),
	"Factory":     bad(on("nil", "looptest: Factory(nil); give it a task factory", func() { looptest.Factory(nil) })),
	"StartAt":     bad(on("the zero time", "looptest: StartAt of the zero time; give it an instant", func() { looptest.StartAt(time.Time{}) })),

	"ChoicePoint.Len":      fine(receiverOnly),
	"ChoicePoint.Site":     fine(receiverOnly),
	"ChoicePoint.Index":    bad(harmless("no option", func() { new(looptest.ChoicePoint).Index(0) })),
	"ChoicePoint.Task":     bad(harmless("no option", func() { new(looptest.ChoicePoint).Task(0) })),
	"ChoicePoint.Identity": bad(harmless("no option", func() { new(looptest.ChoicePoint).Identity(0) })),
	"ChoicePoint.Steps":    bad(harmless("no option", func() { new(looptest.ChoicePoint).Steps(0) })),
	"ChoicePoint.Draw":     bad(harmless("no option", func() { new(looptest.ChoicePoint).Draw(rand.New(rand.NewPCG(1, 1))) })),
	"Exploration.Number":   bad(harmless("a zero Exploration", func() { looptest.Exploration{}.Number(1) })),
	"Exploration.Seed":     fine(receiverOnly),
	"Outcome.Tasks":        bad(harmless("a zero Outcome", func() { looptest.Outcome{}.Tasks()(func(uint64, int) bool { return true }) })),

	"BothFactories": fine(receiverOnly),
	"Eager":         fine(receiverOnly),
	"Parallel":      fine(receiverOnly),
	"TimePasses":    fine(receiverOnly),
}

var traceRules = map[string]rule{
	"NewRecorder": bad(on("a small budget", "trace: NewRecorder(1); the budget is in bytes, give it", func() { trace.NewRecorder(1) }),
		on("a budget that no machine has", fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it", math.MaxInt), func() { trace.NewRecorder(math.MaxInt) })),
	"Runtime": fine(receiverOnly),
	"Text": bad(on("a nil writer", "trace: Text to a nil writer", func() { trace.Text(nil, 1) }), on("a negative width", "trace: Text with the width -1; give the column for names 0 to", func() { trace.Text(io.Discard, -1) }),
		on("a width that is too large", "trace: Text with the width 2000000; give the column for names 0 to 1000000 characters", func() { trace.Text(io.Discard, 2_000_000) })),

	"Recorder.Observe":       bad(on("a zero recorder", "trace: Observe of a Recorder that NewRecorder has not made", func() { new(trace.Recorder).Observe(loop.Event{}) }), harmless("a zero event", func() { trace.NewRecorder(4096).Observe(loop.Event{}) })),
	"Recorder.WritePerfetto": bad(on("a nil writer", "trace: WritePerfetto to a nil writer", func() { _ = trace.NewRecorder(4096).WritePerfetto(nil) }), harmless("a zero recorder", func() { _ = new(trace.Recorder).WritePerfetto(io.Discard) })),
	"Recorder.WriteText":     bad(on("a nil writer", "trace: WriteText to a nil writer", func() { _ = trace.NewRecorder(4096).WriteText(nil) }), harmless("a zero recorder", func() { _ = new(trace.Recorder).WriteText(io.Discard) })),
	"Recorder.WriteTimeline": bad(on("a nil writer", "trace: WriteTimeline to a nil writer", func() { _ = trace.NewRecorder(4096).WriteTimeline(nil) }), harmless("a zero recorder", func() { _ = new(trace.Recorder).WriteTimeline(io.Discard) })),
	"Recorder.Dropped":       fine(receiverOnly),
	"Recorder.Events":        fine(receiverOnly),
	"Recorder.Hash":          fine(receiverOnly),

	"Histogram.Quantile": bad(
		on("more than one", "trace: Quantile(2); give a share from 0 to 1", func() { new(trace.Histogram).Quantile(2) }),
		on("no number", "trace: Quantile(NaN); give a share", func() { new(trace.Histogram).Quantile(math.NaN()) })),
	"Histogram.Count":  fine(receiverOnly),
	"Histogram.Max":    fine(receiverOnly),
	"Histogram.String": fine(receiverOnly),
	"Histogram.Sum":    fine(receiverOnly),
	"Outcome.String":   fine(receiverOnly),

	"Stats.Ended":   bad(harmless("no such outcome", func() { new(trace.Stats).Ended(99) })),
	"Stats.Events":  bad(harmless("no such kind", func() { new(trace.Stats).Events(99) })),
	"Stats.Observe": bad(harmless("a zero event", func() { new(trace.Stats).Observe(loop.Event{}) })),
	"Stats.Queue":   fine(receiverOnly),
	"Stats.Ready":   fine(receiverOnly),
	"Stats.String":  fine(receiverOnly),
	"Stats.Tasks":   fine(receiverOnly),
	"Stats.Timers":  fine(receiverOnly),
}
