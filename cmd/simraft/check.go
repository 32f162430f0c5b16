package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/takt-go/takt/loop/looptest/sim"
)

// A request is what a client asks for.
type request struct{ op, key, value string }

// A history has the requests of all clients, and the values that each get has returned.
type history = sim.History[request, string]

// register is what each key must look like to the clients: a value that put sets, append extends, and get returns.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		switch in, value := input.(request), state.(string); in.op {
		case "put":
			return true, in.value
		case "append":
			return true, value + in.value
		default:
			return output.(string) == value, value
		}
	},
}

// linearizable checks a history, key by key.
func linearizable(h *history) error {
	ops := map[string][]porcupine.Operation{}
	var keys []string
	for _, o := range settle(h.Operations()) {
		if ops[o.In.key] == nil {
			keys = append(keys, o.In.key)
		}
		ops[o.In.key] = append(ops[o.In.key], porcupine.Operation{
			ClientId: o.Client, Input: o.In, Output: o.Out, Call: o.Call, Return: o.Return,
		})
	}
	for _, key := range keys {
		if !porcupine.CheckOperations(register, ops[key]) {
			return fmt.Errorf("key %s: %s", key, explain(ops[key]))
		}
	}
	return nil
}

// settle returns the history without unknown outcomes. A request with an unknown outcome may have had its effect at any
// time, or never, so each of them multiplies the time that porcupine takes. But no two requests write the same text:
//
//   - If no get has returned the text of a write, the write is left out: it makes no difference whether it had an effect.
//   - If a get has returned the text of a write, the write had its effect before that get returned.
//   - A get with an unknown outcome is left out.
func settle(all []sim.Operation[request, string]) (known []sim.Operation[request, string]) {
	for _, o := range all {
		if !o.Known && o.In.op != "get" {
			for _, seen := range all {
				if seen.Known && seen.In.op == "get" && seen.In.key == o.In.key && strings.Contains(seen.Out, o.In.value) {
					o.Known, o.Return = true, min(o.Return, seen.Return)
				}
			}
		}
		if o.Known {
			known = append(known, o)
		}
	}
	return known
}

// explain says which get is the first that no order of the requests explains, and which requests came before it.
func explain(ops []porcupine.Operation) string {
	gets := slices.Clone(ops)
	gets = slices.DeleteFunc(gets, func(o porcupine.Operation) bool { return o.Input.(request).op != "get" })
	slices.SortFunc(gets, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, get := range gets {
		var before []porcupine.Operation // what had begun when the get returned
		for _, o := range ops {
			if o.Return > get.Return {
				if o.Call > get.Return || o.Input.(request).op == "get" {
					continue
				}
				o.Return = math.MaxInt64
			}
			before = append(before, o)
		}
		if !porcupine.CheckOperations(register, before) {
			return fmt.Sprintf("client %d got %q; before, in the order in which the requests began: %s", get.ClientId, get.Output, describe(before))
		}
	}
	return describe(ops)
}

// describe tells the last requests of a history.
func describe(ops []porcupine.Operation) string {
	var parts []string
	if skip := len(ops) - 10; skip > 0 {
		parts, ops = append(parts, fmt.Sprintf("%d more", skip)), ops[skip:]
	}
	for _, o := range ops {
		in, text := o.Input.(request), ""
		if in.op == "get" {
			text = fmt.Sprintf("%d got %q", o.ClientId, o.Output)
		} else {
			text = fmt.Sprintf("%d %s %q", o.ClientId, in.op, in.value)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
