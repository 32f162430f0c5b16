package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// A cluster is a small simulated world: nodes that send messages to each other, crash, pause, and are cut off.
type cluster struct {
	loop  *loop.Loop
	tell  func(world.Event)
	rand  *rand.Rand
	nodes []*member
	ids   uint64
	cut   []bool // by node: it is on the other side of a partition
}

type member struct {
	cluster *cluster
	name    string
	number  int
	starts  int
	realm   lowlevel.Realm
	inbox   []func()
	waiting *lock.Event
}

// runCluster records a cluster of some nodes for a time.
func runCluster(t testing.TB, nodes int, last time.Duration, budget int) *trace.Recorder {
	rec := trace.NewRecorder(budget)
	_, err := task.Run(context.Background(), func(ctx context.Context) (none, error) {
		c := &cluster{loop: lowlevel.LoopOf(ctx), rand: rand.New(rand.NewPCG(1, 2)), cut: make([]bool, nodes)}
		record := world.Recorder(rec)
		c.tell = func(e world.Event) { e.At = c.loop.Elapsed(); record(e) }
		for i := range nodes {
			c.nodes = append(c.nodes, &member{cluster: c, name: string(rune('a' + i)), number: i})
		}
		for _, m := range c.nodes {
			m.start()
		}
		c.faults()
		client := spawn(ctx, "client", func(ctx context.Context) error {
			for range 20 {
				if err := task.Sleep(ctx, last/20); err != nil {
					return err
				}
			}
			return nil
		})
		err := client.Wait(ctx)
		c.nodes[0].send(c.nodes[1], "under way", func() {})
		for _, m := range c.nodes {
			m.realm.End()
		}
		return none{}, err
	}, loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func (c *cluster) at(d time.Duration, fn func()) { c.loop.CallLater(d, fn) }

func (c *cluster) fault(node, text string) {
	c.tell(world.Event{Kind: world.Fault, Node: node, Text: text})
}

// faults makes one fault of each kind.
func (c *cluster) faults() {
	b, d := c.nodes[1], c.nodes[len(c.nodes)-1]
	c.at(1204*time.Millisecond, func() {
		b.end("crash")
		c.fault("b", "crash b: 3 writes lost, 1 torn")
	})
	c.at(2*time.Second, b.start)
	c.at(2500*time.Millisecond, func() {
		c.cut[0] = true
		c.fault("", "partition a | the others")
		c.tell(world.Event{Kind: world.Cut, ID: 1 << 40, Text: "a | the others"})
	})
	c.at(3500*time.Millisecond, func() {
		c.cut[0] = false
		c.tell(world.Event{Kind: world.Healed, ID: 1 << 40})
	})
	c.at(2700*time.Millisecond, func() { c.tell(world.Event{Kind: world.Cut, ID: 1<<40 + 1, Text: "a→c"}) })
	c.at(3100*time.Millisecond, func() { c.tell(world.Event{Kind: world.Healed, ID: 1<<40 + 1}) })
	c.at(3*time.Second, func() {
		d.realm.Pause()
		c.tell(world.Event{Kind: world.Paused, Node: d.name})
		c.fault(d.name, "pause "+d.name)
	})
	c.at(3800*time.Millisecond, func() {
		d.realm.Resume()
		c.tell(world.Event{Kind: world.Resumed, Node: d.name})
	})
}

func (m *member) start() {
	c := m.cluster
	m.starts++
	m.realm = lowlevel.NewRealm(c.loop.Context())
	m.inbox, m.waiting = nil, new(lock.Event)
	c.tell(world.Event{Kind: world.Began, Node: m.name, Text: fmt.Sprint(m.starts), Realm: m.realm.Context()})
	spawn(m.realm.Context(), m.name, m.boot)
}

func (m *member) end(how string) {
	m.realm.End()
	m.cluster.tell(world.Event{Kind: world.Ended, Node: m.name, Text: how})
}

func (m *member) log(format string, args ...any) {
	m.cluster.tell(world.Event{Kind: world.Log, Node: m.name, Text: fmt.Sprintf(format, args...)})
}

// boot serves messages. Another task sends a heartbeat to each of the others.
func (m *member) boot(ctx context.Context) error {
	c := m.cluster
	spawn(ctx, "heartbeat", func(ctx context.Context) error {
		for beat := 0; ; beat++ {
			if err := task.Sleep(ctx, 80*time.Millisecond+time.Duration(c.rand.IntN(20_000))*time.Microsecond); err != nil {
				return err
			}
			if beat%10 == m.number {
				m.log("term %d, beat %d", 1+m.starts, beat)
			}
			for _, to := range c.nodes {
				if to != m {
					m.send(to, fmt.Sprintf("heartbeat %d", beat), func() {})
				}
			}
		}
	})
	for {
		if err := m.waiting.Wait(ctx); err != nil {
			return err
		}
		m.waiting.Clear()
		for _, read := range m.inbox {
			read()
		}
		m.inbox = m.inbox[:0]
	}
}

// send sends a message, which arrives after some milliseconds, if both nodes are up and connected.
func (m *member) send(to *member, text string, read func()) {
	c := m.cluster
	c.ids++
	e := world.Event{Node: m.name, Peer: to.name, ID: c.ids, Text: text}
	tell := func(kind world.Kind) { e.Kind = kind; c.tell(e) }
	tell(world.Sent)
	c.at(2*time.Millisecond+time.Duration(c.rand.ExpFloat64()*6e6), func() {
		if to.realm.Ended() || c.cut[m.number] != c.cut[to.number] || c.ids%97 == 0 {
			tell(world.Lost)
			return
		}
		tell(world.Arrived)
		to.inbox = append(to.inbox, read)
		to.waiting.Set()
	})
}

// worldPage is the part of the page's data about a simulated world.
type worldPage struct {
	Nodes    []string
	Of       []int
	Spans    [][6]int
	Messages [][6]int
	Marks    [][4]int
}

// worldOf returns this part of the page, and the page's data. It checks that all indices are valid.
func worldOf(t failer, r *trace.Recorder) (*worldPage, pageData) {
	t.Helper()
	var d struct {
		pageData
		World *worldPage
	}
	if err := json.Unmarshal(dataScript.FindSubmatch(page(t, r))[1], &d); err != nil {
		t.Fatalf("%v", err)
	}
	w := d.World
	if w == nil {
		t.Fatalf("the page has no world")
	}
	check := func(what string, value, from, to int) {
		if value < from || value >= to {
			t.Errorf("%s is %d, want one from %d to %d", what, value, from, to-1)
		}
	}
	events, nodes := len(d.At), len(w.Nodes)
	if len(w.Of) != len(d.Tasks) {
		t.Errorf("%d tasks, and %d have a node or none", len(d.Tasks), len(w.Of))
	}
	for _, of := range w.Of {
		check("the node of a task", of, -1, nodes)
	}
	last := map[[2]int]int{} // the ends of spans, by node and kind
	for _, s := range w.Spans {
		check("the kind of a span", s[1], 0, 3)
		check("the node of a span", s[0], -1, nodes)
		if (s[0] < 0) != (s[1] == 2) {
			t.Errorf("the span %v of node %d", s, s[0])
		}
		check("the beginning of a span", s[2], last[[2]int{s[0], s[1]}], events+1)
		check("the end of a span", s[3], s[2], events+1)
		if s[1] < 2 {
			last[[2]int{s[0], s[1]}] = s[3]
		}
		check("the flags of a span", s[4], 0, 4)
		check("the text of a span", s[5], 0, len(d.Texts))
	}
	for _, m := range w.Messages {
		check("the sender", m[0], 0, nodes)
		check("the receiver", m[1], 0, nodes)
		check("the sending", m[2], 0, events)
		check("the arrival", m[3], m[2]+1, events+1)
		check("what became of a message", m[4], 0, 3)
		check("the text of a message", m[5], 0, len(d.Texts))
	}
	for _, m := range w.Marks {
		check("the node of a mark", m[0], -1, nodes)
		check("the event of a mark", m[1], 0, events)
		check("the kind of a mark", m[2], 0, 2)
		check("the text of a mark", m[3], 0, len(d.Texts))
	}
	return w, d.pageData
}

// at returns the time of an event of the page.
func (d *pageData) at(event int) time.Duration {
	var sum int64
	for _, at := range d.At[:min(event+1, len(d.At))] {
		sum += at
	}
	return time.Duration(sum)
}

func TestTimelineOfAWorld(t *testing.T) {
	rec := runCluster(t, 3, 5*time.Second, 1<<23)
	w, d := worldOf(t, rec)
	if got := strings.Join(w.Nodes, " "); got != "a b c" {
		t.Errorf("the nodes are %s", got)
	}
	var tasks, spans, faults []string
	for i, of := range w.Of {
		node := "-"
		if of >= 0 {
			node = w.Nodes[of]
		}
		tasks = append(tasks, fmt.Sprint(node, "/", d.Tasks[i][1]))
	}
	slices.Sort(tasks)
	if got, want := strings.Join(tasks, " "), "-/client -/main a/a a/heartbeat b/b b/b b/heartbeat b/heartbeat c/c c/heartbeat"; got != want {
		t.Errorf("the tasks are %s, want %s", got, want)
	}
	for _, s := range w.Spans {
		node := ""
		if s[0] >= 0 {
			node = w.Nodes[s[0]]
		}
		spans = append(spans, fmt.Sprintf("%s %s: %v to %v, %d", node, d.Texts[s[5]], d.at(s[2]), d.at(s[3]), s[4]))
	}
	if got, want := strings.Join(spans, "\n"), `a incarnation 1: 0s to 5s, 1
b incarnation 1, then crash: 0s to 1.204s, 3
c incarnation 1: 0s to 5s, 1
b incarnation 2: 2s to 5s, 1
 a | the others: 2.5s to 3.5s, 3
 a→c: 2.7s to 3.1s, 3
c paused: 3s to 3.8s, 3`; got != want {
		t.Errorf("the spans are\n%s\nwant\n%s", got, want)
	}
	logs := 0
	for _, m := range w.Marks {
		if m[2] == 0 {
			logs++
			continue
		}
		faults = append(faults, fmt.Sprintf("%d: %v %s", m[0], d.at(m[1]), d.Texts[m[3]]))
	}
	if got, want := strings.Join(faults, ", "), "1: 1.204s crash b: 3 writes lost, 1 torn, -1: 2.5s partition a | the others, 2: 3s pause c"; got != want || logs < 10 {
		t.Errorf("%d logs, and the faults are %s, want %s", logs, got, want)
	}
	how := [3]int{}
	for _, m := range w.Messages {
		how[m[4]]++
		if took := d.at(m[3]) - d.at(m[2]); took > 200*time.Millisecond || m[4] == 0 && took < 2*time.Millisecond {
			t.Errorf("the message %v took %v", m, took)
		}
	}
	if how[0] < 200 || how[1] < 50 || how[2] != 1 {
		t.Errorf("of the messages, %d arrived, %d were lost, and %d were under way at the end", how[0], how[1], how[2])
	}
	if page := string(page(t, rec)); !strings.Contains(page, "3 nodes, 10 tasks, ") || !strings.Contains(page, " messages, 3 faults, 5s, hash ") {
		t.Error(regexp.MustCompile(`<p id="summary">.*`).FindString(page))
	}
	if events := rec.Events(); len(d.At) != len(events)+how[0]+how[0]+how[1]+how[1]+how[2]+len(w.Marks)+4+1+2+2+2 {
		t.Errorf("%d events on the page, %d of the loop", len(d.At), len(events))
	}
}

// The hash and the events are those of the loop.
func TestAWorldChangesNoEvent(t *testing.T) {
	with := runCluster(t, 3, 5*time.Second, 1<<23)
	other := runCluster(t, 3, 5*time.Second, 1<<23)
	if with.Hash() != other.Hash() {
		t.Error("two runs have different hashes")
	}
	for _, e := range with.Events() {
		if e.Kind < loop.TaskMade || e.Kind > loop.TurnBegan {
			t.Fatalf("%+v is not an event of a loop", e)
		}
	}
}

// A recorder with little memory keeps the newest events of the world, and all that lasts.
func TestAWorldInLittleMemory(t *testing.T) {
	for _, budget := range []int{3072, 1 << 14, 1 << 16} {
		rec := runCluster(t, 5, 5*time.Second, budget)
		w, d := worldOf(t, rec)
		if len(w.Messages) > budget/48 || len(d.At) > budget/16 {
			t.Errorf("%d bytes: %d messages, %d events", budget, len(w.Messages), len(d.At))
		}
		if first := rec.Events()[0].At; d.at(0) < first {
			t.Errorf("%d bytes: the page begins at %v, and the events of the loop at %v", budget, d.at(0), first)
		}
		up := 0
		for _, s := range w.Spans {
			if s[1] == 0 && s[3] == len(d.At) {
				up++
			}
		}
		if up != 5 {
			t.Errorf("%d bytes: %d nodes are up in the end", budget, up)
		}
		for i, of := range w.Of {
			if name := d.Tasks[i][1].(string); len(name) == 1 && (of < 0 || w.Nodes[of] != name) {
				t.Errorf("%d bytes: the task %s belongs to %d", budget, name, of)
			}
		}
		if used := rec.WorldTextBytes(); used > budget/8 {
			t.Errorf("%d bytes of texts in %d bytes", used, budget)
		}
	}
}

func TestWorldOfHostileNames(t *testing.T) {
	rec := trace.NewRecorder(1 << 16)
	tell := world.Recorder(rec)
	for i, name := range hostile {
		tell(world.Event{Kind: world.Began, Node: name, Text: name})
		tell(world.Event{Kind: world.Sent, Node: name, Peer: "x", ID: uint64(i), Text: name})
		tell(world.Event{Kind: world.Ended, Node: name, Text: name})
		tell(world.Event{Kind: world.Ended, Node: name, Text: "again"})
		tell(world.Event{Kind: world.Healed, Node: name, ID: 7})
		tell(world.Event{Kind: world.Fault, Node: name, Text: name})
	}
	worldOf(t, rec)
	checkPage(t, page(t, rec))
}

func TestPerfettoOfAWorld(t *testing.T) {
	rec := runCluster(t, 3, 5*time.Second, 1<<23)
	var b bytes.Buffer
	if err := rec.WritePerfetto(&b); err != nil {
		t.Fatal(err)
	}
	var file struct {
		TraceEvents []struct {
			Ph, Name, Cat string
			PID, TID      int
			TS, Dur       float64
			Args          map[string]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	process, track := map[int]string{}, map[[2]int]string{}
	var got []string
	for _, e := range file.TraceEvents {
		switch {
		case e.Name == "process_name":
			process[e.PID] = fmt.Sprint(e.Args["name"])
		case e.Name == "thread_name":
			track[[2]int{e.PID, e.TID}] = fmt.Sprint(e.Args["name"])
		case e.Ph == "M":
		case process[e.PID] == "" || track[[2]int{e.PID, e.TID}] == "":
			t.Fatalf("%+v is on a track without a name", e)
		case e.Cat == "world" || e.Cat == "fault":
			got = append(got, fmt.Sprintf("%s %s/%s %s %v", e.Ph, process[e.PID], track[[2]int{e.PID, e.TID}], e.Name, e.Args["at"]))
		}
	}
	for _, want := range []string{
		"X node b/node incarnation 1, then crash 0.000000000s", "X node b/node incarnation 2 2.000000000s", "X node c/node paused 3.000000000s",
		"i takt/loop cut a | the others 2.500000000s", "i node b/node crash b: 3 writes lost, 1 torn 1.204000000s",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if track := slices.Sorted(maps.Values(track)); strings.Join(track, " ") != "a b b c client heartbeat heartbeat heartbeat heartbeat loop main node node node" {
		t.Errorf("the tracks are %v", track)
	}
}

const counts = `(d => [d.lanes, d.bands, d.faults].join(" "))(document.getElementById("timeline").dataset)`

func TestWorldInABrowser(t *testing.T) {
	b := startBrowser(t)
	rec := runCluster(t, 5, 7*time.Second, 1<<23)
	if n := len(rec.Events()); n < 10_000 {
		t.Errorf("the recording has only %d events", n)
	}
	const (
		names    = `[...document.querySelectorAll("#names .lane > span")].map(e => e.textContent).join(" ")`
		messages = `document.getElementById("timeline").dataset.messages`
	)
	// has says whether the pixels of the lanes have a color of the theme.
	has := `(name => {
		const c = document.getElementById("canvas"), g = new OffscreenCanvas(c.width, c.height).getContext("2d");
		g.drawImage(c, 0, 0);
		const d = g.getImageData(0, 0, c.width, c.height).data;
		const rgb = parseInt(getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim().slice(1), 16);
		for (let i = 0; i < d.length; i += 4) if (d[i+3] && (d[i] << 16 | d[i+1] << 8 | d[i+2]) === rgb) return true;
		return false;
	})(arguments[0])`

	t.Run("shows nodes", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, rec))
		b.shoot("world-light")
		b.expect("time", `document.getElementById("timeline").dataset.axis`)
		b.expect("network a b c d e the test", names)
		b.expect("7 2 3", counts)
		if n := b.number(messages); n < 1000 {
			t.Errorf("%v messages are drawn", n)
		}
		for _, scheme := range []string{"light", "dark"} {
			b.prefer(scheme)
			for _, color := range []string{"up", "up-edge", "cut", "bad", "paused", "dim", "step"} {
				b.expect("true", has, color)
			}
		}
		b.shoot("world-dark")
		b.prefer("light")
		b.expect("crash b: 3 writes lost, 1 torn|partition a | the others|pause e", `[...document.querySelectorAll("#faults button")].map(e => e.textContent).join("|")`)
		b.quiet()
	})

	t.Run("shows tasks", func(t *testing.T) {
		b := *b
		b.t = t
		b.keys("n")
		b.expect("network a a heartbeat b b heartbeat b heartbeat c", `[...document.querySelectorAll("#names .lane > span")].slice(0, 10).map(e => e.textContent).join(" ")`)
		b.shoot("world-tasks")
		b.eval(`document.querySelectorAll(".fold")[0].click()`)
		b.settle()
		b.expect("network a b b heartbeat b", `[...document.querySelectorAll("#names .lane > span")].slice(0, 6).map(e => e.textContent).join(" ")`)
		b.keys("n")
		b.expect("network a b c d e the test", names)
		b.keys("/b/heart")
		b.expect("b heartbeat heartbeat", names)
		b.expect("2 of 14 tasks", `document.getElementById("found").textContent`)
		b.keys(keyEscape)
		b.eval(`document.getElementById("timeline").focus()`)
		b.keys(keyHome + keyDown + keyEnter) // opens node a
		b.expect("network a a heartbeat b c d e the test", names)
		b.expect("a", `document.querySelector(".lane.chosen > span").textContent`)
		b.keys(keyEnter)
		b.quiet()
	})

	t.Run("selects", func(t *testing.T) {
		b := *b
		b.t = t
		b.keys("0" + keyEscape)
		b.eval(`document.querySelector("#faults button").click()`)
		b.settle()
		says := func(parts ...string) {
			t.Helper()
			got := b.eval("return " + selection)
			for _, part := range parts {
				if !strings.Contains(got, part) {
					t.Errorf("%q is missing in the selection:\n%s", part, got)
				}
			}
		}
		says("fault\ncrash b: 3 writes lost, 1 torn\nnode\nb\nat\n1.204000 s")
		b.keys("+++++")
		b.shoot("world-zoom")
		b.keys(",") // the thing before the crash: the end of the incarnation, or a message
		b.keys(keyEscape + keyHome + keyDown + keyDown)
		says("node\nb\n", "incarnations\n2\n", "received\n", "faults\n1")
		b.keys("0..")
		says("message\nheartbeat 0\nfrom\nb\nto\na\n", "arrived\nat ")
		b.keys(keyEnter)
		b.shoot("world-message")
		b.keys("0" + keyEscape)
		// The mouse finds a fault, a message, and an incarnation.
		click := func(x, y float64) {
			b.pointer(map[string]any{"type": "pointerMove", "x": int(x), "y": int(y)}, map[string]any{"type": "pointerDown", "button": 0}, map[string]any{"type": "pointerUp", "button": 0})
		}
		left, width := b.number(`document.getElementById("ruler").getBoundingClientRect().left`), b.number(`document.getElementById("ruler").clientWidth`)
		row := func(n float64) float64 {
			return b.number(fmt.Sprintf(`(r => r.top + r.height/2)(document.querySelectorAll("#names .lane")[%v].getBoundingClientRect())`, n))
		}
		click(left+width*1.204/7, row(2))
		says("fault\ncrash b")
		click(left+width*3/7, row(0)-6)
		says("cut\na | the others")
		click(left+width*3/7, row(0)+6)
		says("cut\na→c")
		click(left+width*3.4/7, row(5))
		says("paused")
		b.keys("m")
		b.expect("0", messages)
		click(left+width*6/7, row(2))
		says("node\nincarnation 2\n")
		b.keys("m")
		b.quiet()
	})

	t.Run("has no world", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, record(t, factorials)))
		b.expect("0", `[...document.querySelectorAll(".world")].filter(e => e.checkVisibility()).length`)
		b.keys("mn")
		b.expect("main A B C", names)
		b.quiet()
	})
}
