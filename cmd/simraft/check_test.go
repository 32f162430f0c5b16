package main

import (
	"context"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
)

// The check takes each history that is linearizable, and tells the first get that is not.
func TestLinearizable(t *testing.T) {
	const returns, unknown = "returns", "unknown"
	type event struct {
		client int    // -1 if the last call ends
		what   string // put, append or get; or how the call ends
		value  string
	}
	for name, c := range map[string]struct {
		events []event
		want   string // empty if it is linearizable
	}{
		"in order":           {[]event{{0, "put", "a"}, {-1, returns, ""}, {1, "get", ""}, {-1, returns, "a"}}, ""},
		"a get beside a put": {[]event{{0, "put", "a"}, {1, "get", ""}, {-1, returns, ""}}, ""},
		"a stale get":        {[]event{{0, "put", "a"}, {-1, returns, ""}, {1, "get", ""}, {-1, returns, ""}}, `client 1 got ""`},
		"twice":              {[]event{{0, "append", "a"}, {-1, returns, ""}, {1, "get", ""}, {-1, returns, "aa"}}, `client 1 got "aa"`},
		"unknown and seen":   {[]event{{0, "append", "a"}, {-1, unknown, ""}, {1, "get", ""}, {-1, returns, "a"}}, ""},
		"unknown and seen late": {
			[]event{{0, "append", "a"}, {-1, unknown, ""}, {1, "get", ""}, {-1, returns, ""}, {1, "get", ""}, {-1, returns, "a"}}, "",
		},
		"unknown and undone": {
			[]event{{0, "append", "a"}, {-1, unknown, ""}, {1, "get", ""}, {-1, returns, "a"}, {1, "get", ""}, {-1, returns, ""}},
			`client 1 got ""`,
		},
		"unknown and never seen": {[]event{{0, "put", "a"}, {-1, unknown, ""}, {1, "get", ""}, {-1, returns, ""}}, ""},
		"a get that is unknown":  {[]event{{0, "get", ""}, {-1, unknown, ""}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			looptest.Run(t, func(ctx context.Context, t *looptest.T) {
				h := sim.NewHistory[request, string](sim.New(ctx, t))
				var last *sim.Call[request, string]
				for _, e := range c.events {
					switch {
					case e.client >= 0:
						last = h.Begin(ctx, e.client, request{e.what, "x", e.value})
					case e.what == unknown:
						last.Unknown()
					default:
						last.Return(e.value)
					}
				}
				err := linearizable(h)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("the check says %v, want %q", err, c.want)
				}
			})
		})
	}
}
