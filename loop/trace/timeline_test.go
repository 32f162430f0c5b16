package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

var shots = flag.String("screenshots", "", "write screenshots of the timeline into this folder")

// page returns the timeline page of r.
func page(t failer, r *trace.Recorder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteTimeline(&b); err != nil {
		t.Fatalf("%v", err)
	}
	return b.Bytes()
}

// pageData is the data that the page's script reads.
type pageData struct {
	At      []int64
	Tasks   [][4]any
	Spans   [][6]int
	Arrows  [][4]int
	Idles   [][2]int
	Marks   [][3]int
	Texts   []string
	Virtual bool
}

var dataScript = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// checkTimeline checks the data of the page: all indices are valid, the spans of a task follow one
// another, and no step is missing.
func checkTimeline(t failer, r *trace.Recorder) {
	t.Helper()
	found := dataScript.FindAllSubmatch(page(t, r), -1)
	if len(found) != 1 {
		t.Fatalf("%d data scripts", len(found))
	}
	var d pageData
	if err := json.Unmarshal(found[0][1], &d); err != nil {
		t.Fatalf("%v", err)
	}
	events := r.Events()
	if len(d.At) != len(events) {
		t.Errorf("%d times for %d events", len(d.At), len(events))
	}
	last, steps := map[int]int{}, 0
	for _, s := range d.Spans {
		task, kind, from, to, flags, text := s[0], s[1], s[2], s[3], s[4], s[5]
		if task < 0 || task >= len(d.Tasks) || kind < 0 || kind > 3 || text < 0 || text >= len(d.Texts) || flags < 0 || flags > 3 {
			t.Fatalf("span %v has an index out of range", s)
		}
		if from < last[task] || to <= from || to > len(events) || from > 0 && flags&1 == 0 || to < len(events) && flags&2 == 0 {
			t.Errorf("span %v has a wrong beginning, end or flag; the span before it ends at %d", s, last[task])
		}
		last[task] = to
		if kind == 0 && flags&1 > 0 {
			steps++
		}
	}
	for _, a := range d.Arrows {
		if a[0] < -1 || a[0] >= len(d.Tasks) || a[1] < 0 || a[1] >= len(d.Tasks) || a[2] >= a[3] || a[3] >= len(events) {
			t.Errorf("arrow %v has an index out of range", a)
		} else if id := d.Tasks[a[1]][0].(float64); events[a[3]].Kind != loop.StepBegan || events[a[3]].Task != uint64(id) {
			t.Errorf("arrow %v leads to %+v, want the beginning of a step of its task", a, events[a[3]])
		}
	}
	want := 0
	for _, e := range events {
		if e.Kind == loop.StepBegan {
			want++
		}
	}
	if steps != want {
		t.Errorf("%d steps, want %d", steps, want)
	}
}

func TestTimelineData(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithTaskFactory(factory.Eager)}} {
		checkTimeline(t, record(t, factorials, opts...))
		checkTimeline(t, record(t, everything, opts...))
	}
	checkTimeline(t, trace.NewRecorder(3072))
	if err := record(t, factorials).WriteTimeline(brokenWriter{}); err == nil {
		t.Error("WriteTimeline to a broken writer returns no error")
	}
}

// A page needs no other file: it contains no address.
func TestTimelineNeedsNoNetwork(t *testing.T) {
	text := string(page(t, record(t, factorials)))
	for _, bad := range []string{"http:", "https:", "//cdn", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

// hostile has names that would end a script, a comment or an attribute if they were not escaped.
var hostile = []string{`</script><script>window.broken=1</script>`, `<!--<script>`, `"><img src=x onerror="window.broken=1">`, "`${window.broken=1}`", "\u2028", `{{.Title}}`, `&lt;b&gt;`, "'", "\x00\xff"}

func hostileNames(ctx context.Context) (none, error) {
	for _, name := range hostile {
		if err := spawn(ctx, name, task.Yield).Wait(ctx); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
}

func TestTimelineOfHostileNames(t *testing.T) {
	rec := record(t, hostileNames)
	checkTimeline(t, rec)
	if got := strings.Count(strings.ToLower(string(page(t, rec))), "<script"); got != 2 {
		t.Errorf("the page has %d scripts", got)
	}
}

// expect fails the test unless a script returns want.
func (b *browser) expect(want, script string, args ...any) {
	b.t.Helper()
	if got := b.eval("return "+script, args...); got != want {
		b.t.Errorf("%s is %q, want %q", script, got, want)
	}
}

// number returns the number that a script returns.
func (b *browser) number(script string) float64 {
	b.t.Helper()
	n, err := strconv.ParseFloat(b.eval("return "+script), 64)
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return n
}

// shoot writes a screenshot if the flag -screenshots names a folder.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), b.screenshot(), 0o666); err != nil {
		b.t.Error(err)
	}
}

const (
	lanesShown = `document.querySelectorAll("#names .lane").length`
	stepsShown = `document.getElementById("timeline").dataset.steps`
	viewed     = `(d => d.to - d.from)(document.getElementById("timeline").dataset)`
	viewedFrom = `+document.getElementById("timeline").dataset.from`
	chosenTask = `document.querySelector(".lane.chosen")?.textContent ?? ""`
	selection  = `document.getElementById("selected").innerText`
	focused    = `document.activeElement.id`
)

// quiet checks that the console is empty.
func (b *browser) quiet() {
	b.t.Helper()
	for _, line := range b.console() {
		b.t.Errorf("console: %s", line)
	}
}

func TestTimelineInABrowser(t *testing.T) {
	b := startBrowser(t)
	rec := record(t, factorials)

	t.Run("factorials", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, rec))
		b.shoot("factorials-light")
		b.expect("main A B C", `[...document.querySelectorAll("#names .lane")].map(e => e.textContent).join(" ")`)
		b.expect("11", stepsShown) // A 2, B 3, C 4, main 2
		b.expect("order", `document.getElementById("timeline").dataset.axis`)
		b.expect(fmt.Sprintf("4 tasks, 11 steps, 48 events, 3s, hash %016x", rec.Hash()), `document.getElementById("summary").textContent`)
		b.expect("11", `document.querySelectorAll("#slow tbody tr").length`)
		b.expect("main|a gather of 3|3 s", `[...document.querySelector("#long tbody tr").cells].map(c => c.textContent).join("|")`)
		b.expect("true", `(() => {
			const c = document.getElementById("canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
			const colors = new Set();
			for (let i = 0; i < d.length; i += 4) if (d[i+3]) colors.add(d[i] << 16 | d[i+1] << 8 | d[i+2]);
			return colors.has(0x0969da) && colors.size > 5;
		})()`) // steps are drawn
		b.quiet()
	})

	t.Run("zooms", func(t *testing.T) {
		b := *b
		b.t = t
		whole := b.number(viewed)
		b.eval(`document.getElementById("in").click()`)
		b.settle()
		if got := b.number(viewed); got != whole/2 {
			t.Errorf("the button + shows %v of %v", got, whole)
		}
		b.eval(`document.getElementById("timeline").focus()`)
		b.keys("+")
		if got := b.number(viewed); got != whole/4 {
			t.Errorf("the key + shows %v of %v", got, whole)
		}
		from := b.number(viewedFrom)
		b.keys(keyRight)
		if got := b.number(viewedFrom); got <= from {
			t.Errorf("the right arrow moves from %v to %v", from, got)
		}
		b.keys("-")
		b.wheel(700, 330, 300)
		if got := b.number(viewed); got != whole {
			t.Errorf("the key - and the wheel show %v of %v", got, whole)
		}
		b.wheel(700, 330, -300)
		if got := b.number(viewed); got >= whole || got < whole/4 {
			t.Errorf("the wheel shows %v of %v", got, whole)
		}
		from = b.number(viewedFrom)
		b.pointer(
			map[string]any{"type": "pointerMove", "x": 700, "y": 330}, map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerMove", "x": 800, "y": 330}, map[string]any{"type": "pointerUp", "button": 0})
		if got := b.number(viewedFrom); got >= from {
			t.Errorf("dragging moves from %v to %v", from, got)
		}
		b.keys("0")
		if got := b.number(viewed); got != whole {
			t.Errorf("the key 0 shows %v of %v", got, whole)
		}
		b.keys("t")
		b.expect("time 3000000000", `(d => d.axis + " " + (d.to - d.from))(document.getElementById("timeline").dataset)`)
		b.shoot("factorials-time")
		b.keys("o")
		b.quiet()
	})

	t.Run("selects", func(t *testing.T) {
		b := *b
		b.t = t
		b.eval(`document.getElementById("timeline").focus()`)
		b.keys(keyDown + keyDown)
		b.expect("A", chosenTask)
		b.keys("...")
		if got := b.eval("return " + selection); !strings.Contains(got, "sleeps") || !strings.Contains(got, "until 1s") || !strings.Contains(got, "1 s") {
			t.Errorf("the selection says\n%s", got)
		}
		b.keys("..")
		if got := b.eval("return " + selection); !strings.Contains(got, "then returned") || !strings.Contains(got, "woken by\na callback or timer") {
			t.Errorf("the selection says\n%s", got)
		}
		b.shoot("factorials-selection")
		b.keys(keyEnter)
		if got := b.number(viewed); got > 20 {
			t.Errorf("Enter shows %v events", got)
		}
		b.keys(keyEscape + keyEnd)
		b.expect("C", chosenTask)
		b.keys(keyHome + keyUp)
		b.expect("main", chosenTask)
		b.keys("0" + keyEscape)
		b.expect("", chosenTask)
		b.quiet()
	})

	t.Run("searches", func(t *testing.T) {
		b := *b
		b.t = t
		b.keys("/")
		b.expect("search", focused)
		b.keys("b")
		b.expect("1", lanesShown)
		b.expect("1 of 4 tasks", `document.getElementById("found").textContent`)
		b.keys(keyEnter)
		b.expect("timeline", focused)
		b.expect("B", chosenTask)
		b.keys("/xyz")
		b.expect("0", lanesShown)
		b.keys(keyEscape)
		b.expect("4", lanesShown)
		b.expect("timeline", focused)
		b.quiet()
	})

	t.Run("is usable by keyboard alone", func(t *testing.T) {
		b := *b
		b.t = t
		b.keys("?")
		b.expect("true", `document.getElementById("dialog").open`)
		b.shoot("keys")
		b.keys(keyEscape)
		b.expect("false", `document.getElementById("dialog").open`)
		b.keys("/")
		order := []string{b.eval("return " + focused)}
		for range 9 {
			b.keys(keyTab)
			order = append(order, b.eval("return "+focused))
		}
		if got, want := strings.Join(order, " "), "search out in all order time arrows theme help timeline"; got != want {
			t.Errorf("the order of the focus is %q, want %q", got, want)
		}
		b.expect("", `[...document.querySelectorAll("button, input, [tabindex='0']")].filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML).join()`)
		b.quiet()
	})

	t.Run("is light or dark", func(t *testing.T) {
		b := *b
		b.t = t
		const back = `getComputedStyle(document.body).backgroundColor`
		b.expect("rgb(255, 255, 255)", back)
		b.prefer("dark")
		b.expect("rgb(13, 17, 23)", back)
		b.shoot("factorials-dark")
		b.keys("d")
		b.expect("rgb(255, 255, 255)", back)
		b.prefer("light")
		b.quiet()
	})

	t.Run("hostile names", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, record(t, hostileNames)))
		b.expect(fmt.Sprint(len(hostile)+1), lanesShown)
		b.expect(hostile[0], `document.querySelectorAll("#names .lane")[1].textContent`)
		b.expect("<nil>", `window.broken`)
		b.quiet()
	})

	t.Run("nothing", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, trace.NewRecorder(3072)))
		b.expect("0", lanesShown)
		b.keys(keyDown + ".0+-ot" + keyEnter)
		b.shoot("nothing")
		b.quiet()
	})

	t.Run("everything", func(t *testing.T) {
		b := *b
		b.t = t
		b.open(page(t, record(t, everything)))
		b.shoot("everything-light")
		b.prefer("dark")
		b.keys(keyDown + keyDown + "...")
		b.shoot("everything-dark")
		b.prefer("light")
		b.quiet()
	})

	t.Run("thousands", func(t *testing.T) {
		b := *b
		b.t = t
		rec := thousands(t)
		b.open(page(t, rec))
		b.shoot("thousands-light")
		b.expect("5006", `JSON.parse(document.getElementById("data").textContent).tasks.length`)
		if got := b.number(lanesShown); got < 10 || got > 60 {
			t.Errorf("the page has %v elements of lanes at once", got)
		}
		b.keys("t")
		b.shoot("thousands-time")
		b.keys("/worker 4321")
		b.expect("1", lanesShown)
		b.keys(keyEnter)
		b.expect("worker 4321", chosenTask)
		b.keys(".")
		b.shoot("thousands-search")
		b.keys("/" + keyEscape + keyEnd)
		b.expect("worker 4999", chosenTask)
		b.keys("o" + keyHome + "++++")
		b.prefer("dark")
		b.shoot("thousands-dark")
		began := time.Now()
		for range 10 {
			b.keys("-+")
		}
		if took := time.Since(began) / 20; took > time.Second {
			t.Errorf("zooming takes %v", took)
		}
		b.prefer("light")
		b.quiet()
	})
}

// thousands records 5,000 workers, each of which sleeps for up to a few seconds.
func thousands(t testing.TB) *trace.Recorder {
	rec := trace.NewRecorder(1 << 23)
	r := rand.New(rand.NewPCG(1, 2))
	main := func(ctx context.Context) (none, error) {
		var all []*task.Task[none]
		for k := range 5 {
			all = append(all, spawn(ctx, fmt.Sprintf("feeder %d", k), func(ctx context.Context) error {
				for i := k; i < 5000; i += 5 {
					name := fmt.Sprintf("worker %d", i)
					work := []time.Duration{time.Duration(r.IntN(2000)) * time.Millisecond, time.Duration(r.ExpFloat64() * 1e8)}
					all = append(all, spawn(ctx, name, func(ctx context.Context) error {
						for _, d := range work {
							if err := task.Sleep(ctx, d); err != nil {
								return err
							}
						}
						if i%500 == 77 {
							return errBroken
						}
						return nil
					}))
					if i%100 == k {
						if err := task.Sleep(ctx, 100*time.Millisecond); err != nil {
							return err
						}
					}
				}
				return nil
			}))
		}
		for i := 0; i < len(all); i++ {
			_ = all[i].Wait(ctx)
		}
		return none{}, nil
	}
	if _, err := task.Run(context.Background(), main, loop.WithVirtualTime(), loop.WithObserver(rec.Observe)); err != nil {
		t.Fatal(err)
	}
	return rec
}
